//! The headers of a dead letter. Its key and value are the bytes of the record that could not be taken, unchanged.

use dunning_rules::Timestamp;

use crate::topic::InputTopic;
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
/// On a record that was put back on its topic: [`Place`] of the record that could not be taken.
pub const REPLAYED: &str = "dunning.replayed";

/// How many headers of its own a dead letter has; those of the original record follow.
const OWN: usize = 7;
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
    let mut headers = Vec::with_capacity(OWN + originals.len());
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

/// Where a record that could not be taken stood, as a text: `billing.payments/3/77`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Topic.
    pub topic: InputTopic,
    /// Partition.
    pub partition: u32,
    /// Offset.
    pub offset: i64,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}/{}", self.topic.contract_name(), self.partition, self.offset)
    }
}

impl std::str::FromStr for Place {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let mut parts = text.split('/');
        let (Some(topic), Some(partition), Some(offset), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(());
        };
        Ok(Self {
            topic: InputTopic::from_contract_name(topic).ok_or(())?,
            partition: partition.parse().map_err(drop)?,
            offset: offset.parse().map_err(drop)?,
        })
    }
}

/// The headers under which a dead letter is put back on its topic: the original ones, and one that says what it is. A
/// record that was put back before says the last place only.
#[must_use]
pub fn replay_headers(place: Place, letter: &[Header]) -> Vec<Header> {
    let originals = letter.get(OWN..).unwrap_or_default().iter().filter(|(name, _)| name != REPLAYED);
    originals.cloned().chain(note_headers(place)).collect()
}

/// The headers of a note, which lies among the dead letters beside the one that was put back. A note has neither key
/// nor value, and [`read`] finds nothing in it.
#[must_use]
pub fn note_headers(place: Place) -> [Header; 1] {
    [(REPLAYED.to_owned(), Some(place.to_string().into_bytes()))]
}

/// Which record this one, or this note, puts back; `None` where it is none.
#[must_use]
pub fn replayed(headers: &[Header]) -> Option<Place> {
    let (_, value) = headers.iter().find(|(name, _)| name == REPLAYED)?;
    std::str::from_utf8(value.as_deref()?).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_letter_that_is_put_back_has_its_own_headers_and_says_what_it_is() {
        let place = |offset| Place { topic: InputTopic::Payments, partition: 3, offset };
        let text = place(77).to_string();
        assert_eq!((text.as_str(), text.parse()), ("billing.payments/3/77", Ok(place(77))));
        for bad in ["", "billing.payments/3", "billing.payments/3/7/7", "no.topic/3/7", "billing.payments/-1/7"] {
            assert_eq!(bad.parse::<Place>(), Err(()), "{bad}");
        }
        let origin = Origin { topic: "billing.payments", partition: 3, offset: 77, timestamp: None };
        let originals = [("trace".to_owned(), Some(vec![1])), (TOPIC.to_owned(), None)];
        let first = headers(&origin, &BadRecord::Truncated, None, &originals);
        let back = replay_headers(place(77), &first);
        assert_eq!((&back[..2], replayed(&back)), (&originals[..], Some(place(77))));
        // It is refused again, and put back again.
        let second = headers(&Origin { offset: 99, ..origin }, &BadRecord::Truncated, None, &back);
        assert_eq!((replayed(&second), read(&second).map(|m| m.offset)), (Some(place(77)), Some(99)));
        let back = replay_headers(place(99), &second);
        assert_eq!((back.len(), replayed(&back)), (3, Some(place(99))));
        assert_eq!((read(&note_headers(place(1))), replayed(&first)), (None, None));
    }

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
