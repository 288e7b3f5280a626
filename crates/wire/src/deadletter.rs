//! The headers of a dead letter. Its key and value are the bytes of the record that could not be taken, unchanged.

use dunning_rules::Timestamp;

use crate::{BadRecord, frame};

/// The topic that the record came from.
pub const TOPIC: &str = "dunning.topic";
/// Its partition, in decimal.
pub const PARTITION: &str = "dunning.partition";
/// Its offset, in decimal.
pub const OFFSET: &str = "dunning.offset";
/// Its timestamp in milliseconds since the epoch, in decimal; empty where it had none.
pub const TIMESTAMP: &str = "dunning.timestamp";
/// The reason: [`BadRecord::word`].
pub const ERROR_CLASS: &str = "dunning.error.class";
/// The reason for people.
pub const ERROR_TEXT: &str = "dunning.error.text";
/// `true` where the key can be an account id.
pub const KEY_READABLE: &str = "dunning.key.readable";

/// The longest text of a reason, in bytes.
const TEXT_MAX: usize = 300;

/// A record header: a name, and a value unless it is null.
pub type Header = (String, Option<Vec<u8>>);

/// Where a record stood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin<'a> {
    /// Name of the topic.
    pub topic: &'a str,
    /// Partition.
    pub partition: i32,
    /// Offset.
    pub offset: i64,
    /// The record's timestamp.
    pub timestamp: Option<Timestamp>,
}

/// The headers of a dead letter: its own, then the original ones.
#[must_use]
pub fn headers(origin: &Origin<'_>, reason: &BadRecord, key: Option<&[u8]>, originals: &[Header]) -> Vec<Header> {
    let text = |name: &str, value: &dyn std::fmt::Display| (name.to_owned(), Some(value.to_string().into_bytes()));
    let timestamp = origin.timestamp.map_or_else(String::new, |t| t.millis().to_string());
    let mut headers = Vec::with_capacity(7 + originals.len());
    headers.extend([
        text(TOPIC, &origin.topic),
        text(PARTITION, &origin.partition),
        text(OFFSET, &origin.offset),
        text(TIMESTAMP, &timestamp),
        text(ERROR_CLASS, &reason.word()),
        text(ERROR_TEXT, &bounded(reason.to_string())),
        text(KEY_READABLE, &frame::account_key(key).is_ok()),
    ]);
    headers.extend_from_slice(originals);
    headers
}

/// The text of a reason can hold words of a schema, which anyone may have written.
fn bounded(mut text: String) -> String {
    if let Some(mut end) = text.len().gt(&TEXT_MAX).then_some(TEXT_MAX) {
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
    }
    text
}

/// What the headers of a dead letter say.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Marks {
    /// Name of the topic that it came from.
    pub topic: String,
    /// Partition.
    pub partition: i32,
    /// Offset.
    pub offset: i64,
    /// The record's timestamp, milliseconds since the epoch.
    pub timestamp_ms: Option<i64>,
    /// The reason in a word.
    pub error_class: String,
    /// The reason for people.
    pub error_text: String,
    /// True where the key can be an account id.
    pub key_readable: bool,
}

/// Reads the headers of a dead letter; `None` where they are not of one. Of headers with the same name the first
/// counts: the later ones are those of the original record.
#[must_use]
pub fn read(headers: &[Header]) -> Option<Marks> {
    let text = |name: &str| {
        let (_, value) = headers.iter().find(|(n, _)| n == name)?;
        std::str::from_utf8(value.as_deref()?).ok()
    };
    Some(Marks {
        topic: text(TOPIC)?.to_owned(),
        partition: text(PARTITION)?.parse().ok()?,
        offset: text(OFFSET)?.parse().ok()?,
        timestamp_ms: text(TIMESTAMP)?.parse().ok(),
        error_class: text(ERROR_CLASS)?.to_owned(),
        error_text: text(ERROR_TEXT)?.to_owned(),
        key_readable: text(KEY_READABLE)? == "true",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_marks_come_first_and_are_read_back() {
        let origin =
            Origin { topic: "billing.bills", partition: 3, offset: 77, timestamp: Some(Timestamp::from_millis(5)) };
        let originals = [("trace".to_owned(), Some(vec![1, 2])), (TOPIC.to_owned(), None), ("n".to_owned(), None)];
        let all = headers(&origin, &BadRecord::ZeroAmount, Some(b"acc-1"), &originals);
        assert_eq!(all[7..], originals);
        let marks = read(&all).expect("marks");
        assert_eq!((marks.topic.as_str(), marks.partition, marks.offset), ("billing.bills", 3, 77));
        assert_eq!((marks.timestamp_ms, marks.error_class.as_str()), (Some(5), "zero_amount"));
        assert!(marks.key_readable);
        assert_eq!(read(&originals), None);
    }

    #[test]
    fn a_long_reason_is_cut_and_no_key_is_quoted() {
        let origin = Origin { topic: "t", partition: 0, offset: 0, timestamp: None };
        let all = headers(&origin, &BadRecord::RefusedSchema("ä".repeat(999).into()), Some(b"a\nb"), &[]);
        let marks = read(&all).expect("marks");
        assert!(marks.error_text.len() <= TEXT_MAX);
        assert!(!marks.key_readable && marks.timestamp_ms.is_none());
        assert!(all.iter().all(|(_, v)| !v.as_ref().is_some_and(|v| v.windows(3).any(|w| w == b"a\nb"))));
    }
}
