//! What a transaction wrote beside states, kept with its checkpoint: should the transaction be torn, what is missing on a
//! topic is sent again as it was.

use dunning_rules::Timestamp;

use crate::avro::{Read, Reader, put_array, put_bool, put_bytes, put_instant, put_len, put_option, put_str};
use crate::deadletter::Header;
use crate::topic::OutputTopic;

/// A longer value is not kept, in bytes. Commands are far shorter; a dead letter can be as long as any record.
const VALUE_MAX: usize = 16 * 1024;

/// Records for output topics, in the order written, encoded as they stand in the checkpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outbox {
    count: usize,
    bytes: Vec<u8>,
}

/// A record of an outbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept<'a> {
    /// Where it went.
    pub topic: OutputTopic,
    /// Its timestamp.
    pub timestamp: Timestamp,
    /// Its key.
    pub key: Option<&'a [u8]>,
    /// Its value, with framing where the topic has any; nothing where it is not kept.
    pub value: Option<&'a [u8]>,
    /// False where the value was too long to be kept.
    pub is_whole: bool,
    /// Its headers, in order.
    pub headers: Vec<Header>,
}

impl Outbox {
    /// True where nothing was written.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Its length, in bytes.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.bytes.len()
    }

    /// One more record.
    pub fn push(
        &mut self,
        topic: OutputTopic,
        timestamp: Timestamp,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[(&str, Option<&[u8]>)],
    ) {
        self.count += 1;
        let out = &mut self.bytes;
        let is_whole = value.is_none_or(|v| v.len() <= VALUE_MAX);
        put_str(out, topic.contract_name());
        put_instant(out, timestamp);
        put_option(out, key, put_bytes);
        put_option(out, value.filter(|_| is_whole), put_bytes);
        put_bool(out, is_whole);
        put_array(out, headers.iter(), |out, (name, value)| {
            put_str(out, name);
            put_option(out, *value, put_bytes);
        });
    }

    /// Its records, in order. Whatever cannot be read ends it: an outbox is made by [`Outbox::push`], or was read through
    /// when its checkpoint was.
    pub fn iter(&self) -> impl Iterator<Item = Kept<'_>> {
        let mut r = Reader::new(&self.bytes);
        (0..self.count).map_while(move |_| kept(&mut r).ok())
    }

    /// As an array of the checkpoint's schema.
    pub(crate) fn put(&self, out: &mut Vec<u8>) {
        if self.count > 0 {
            put_len(out, self.count);
            out.extend_from_slice(&self.bytes);
        }
        out.push(0);
    }

    pub(crate) fn read(r: &mut Reader<'_>) -> Read<Self> {
        let mut outbox = Self::default();
        r.each(|r| {
            let before = r.rest();
            kept(r)?;
            outbox.bytes.extend_from_slice(&before[..before.len() - r.rest().len()]);
            outbox.count += 1;
            Ok(())
        })?;
        Ok(outbox)
    }
}

fn kept<'a>(r: &mut Reader<'a>) -> Read<Kept<'a>> {
    Ok(Kept {
        topic: OutputTopic::from_contract_name(r.string()?).ok_or(crate::avro::Fault::BadEnum)?,
        timestamp: r.timestamp()?,
        key: r.option(Reader::bytes)?,
        value: r.option(Reader::bytes)?,
        is_whole: r.boolean()?,
        headers: r.array(|r| Ok((r.owned()?, r.option(|r| r.bytes().map(<[u8]>::to_vec))?)))?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_put_in_comes_out_in_order_and_long_values_are_left_out() {
        let at = Timestamp::from_millis(7);
        let mut outbox = Outbox::default();
        assert!(outbox.is_empty());
        let long = vec![1; VALUE_MAX + 1];
        outbox.push(OutputTopic::Barring, at, Some(b"acc-1"), Some(b"bar"), &[]);
        outbox.push(OutputTopic::DeadLetters, at, None, Some(&long), &[("a", Some(b"1")), ("b", None)]);
        outbox.push(OutputTopic::DeadLetters, at, None, None, &[]);
        let kept: Vec<_> = outbox.iter().collect();
        assert_eq!(
            kept.iter().map(|k| k.topic).collect::<Vec<_>>(),
            [OutputTopic::Barring, OutputTopic::DeadLetters, OutputTopic::DeadLetters]
        );
        assert_eq!((kept[0].key, kept[0].value, kept[0].is_whole), (Some(&b"acc-1"[..]), Some(&b"bar"[..]), true));
        assert_eq!((kept[1].value, kept[1].is_whole, kept[1].headers.len()), (None, false, 2));
        assert_eq!((kept[2].value, kept[2].is_whole), (None, true), "a tombstone is whole");
        let mut out = Vec::new();
        outbox.put(&mut out);
        let mut r = Reader::new(&out);
        assert_eq!(Outbox::read(&mut r), Ok(outbox));
        assert!(r.rest().is_empty());
    }
}
