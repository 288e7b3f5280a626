//! The few shapes that a stored account is made of.

use dunning_rules::{Day, Minor, Timestamp};

use super::StateError;
use crate::avro::{put_long, put_varint};

type Read<T> = Result<T, StateError>;

/// Before it is read a list reserves at most so many bytes for each that is left; a longer one grows as it is read.
const ROOM_FACTOR: usize = 8;

/// The largest counter that is read.
pub(super) const COUNTER_MAX: u64 = u64::MAX >> 2;

pub(super) struct Bytes<'a> {
    rest: &'a [u8],
}

impl<'a> Bytes<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(super) const fn end(&self) -> Read<()> {
        if self.rest.is_empty() { Ok(()) } else { Err(StateError::TrailingBytes) }
    }

    pub(super) fn byte(&mut self) -> Read<u8> {
        let (&first, rest) = self.rest.split_first().ok_or(StateError::Truncated)?;
        self.rest = rest;
        Ok(first)
    }

    pub(super) fn take(&mut self, len: usize) -> Read<&'a [u8]> {
        let (head, rest) = self.rest.split_at_checked(len).ok_or(StateError::Truncated)?;
        self.rest = rest;
        Ok(head)
    }

    pub(super) fn sixteen(&mut self) -> Read<[u8; 16]> {
        let (&head, rest) = self.rest.split_first_chunk().ok_or(StateError::Truncated)?;
        self.rest = rest;
        Ok(head)
    }

    pub(super) fn unsigned(&mut self) -> Read<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                break;
            }
            value |= bits << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(StateError::Damaged("a number"))
    }

    pub(super) fn signed(&mut self) -> Read<i64> {
        let raw = self.unsigned()?;
        Ok((raw >> 1).cast_signed() ^ -((raw & 1).cast_signed()))
    }

    pub(super) fn small<T: TryFrom<u64>>(&mut self) -> Read<T> {
        T::try_from(self.unsigned()?).map_err(|_| StateError::Damaged("a number"))
    }

    /// A number that only ever goes up by one. None of an account comes near the bound; beyond it, it could overflow.
    pub(super) fn counter(&mut self) -> Read<u64> {
        let count = self.unsigned()?;
        if count > COUNTER_MAX { Err(StateError::Damaged("a counter")) } else { Ok(count) }
    }

    pub(super) fn flag(&mut self) -> Read<bool> {
        match self.byte()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(StateError::Damaged("a flag")),
        }
    }

    pub(super) fn option<T>(&mut self, read: impl FnOnce(&mut Self) -> Read<T>) -> Read<Option<T>> {
        if self.flag()? { read(self).map(Some) } else { Ok(None) }
    }

    pub(super) fn list<T>(&mut self, mut read: impl FnMut(&mut Self) -> Read<T>) -> Read<Vec<T>> {
        let count: usize = self.small()?;
        // Every item takes a byte or more.
        if count > self.rest.len() {
            return Err(StateError::Truncated);
        }
        // The count of a damaged row can be anything up to that.
        let room = self.rest.len() * ROOM_FACTOR / size_of::<T>().max(1);
        let mut items = Vec::with_capacity(count.min(room));
        for _ in 0..count {
            items.push(read(self)?);
        }
        Ok(items)
    }

    pub(super) fn text(&mut self) -> Read<&'a str> {
        let len = self.small()?;
        std::str::from_utf8(self.take(len)?).map_err(|_| StateError::Damaged("a text"))
    }

    pub(super) fn boxed(&mut self) -> Read<Box<str>> {
        self.text().map(Into::into)
    }

    /// An id: most are UUIDs, which are kept as their 16 bytes.
    pub(super) fn id(&mut self) -> Read<Box<str>> {
        let tag: u64 = self.unsigned()?;
        if tag == UUID_TAG {
            return Ok(uuid_text(self.sixteen()?));
        }
        if tag & UUID_TAG != 0 {
            return Err(StateError::Damaged("an id"));
        }
        let len = usize::try_from(tag >> 1).map_err(|_| StateError::Truncated)?;
        std::str::from_utf8(self.take(len)?).map(Into::into).map_err(|_| StateError::Damaged("an id"))
    }

    pub(super) fn amount(&mut self) -> Read<Minor> {
        self.signed().map(Minor::new)
    }

    pub(super) fn instant(&mut self) -> Read<Timestamp> {
        self.signed().map(Timestamp::from_millis)
    }

    pub(super) fn day(&mut self) -> Read<Day> {
        let day = i32::try_from(self.signed()?).map_err(|_| StateError::Damaged("a day"))?;
        Ok(Day::from_epoch(day))
    }
}

/// Lengths are doubled, so odd tags are free; no other one is used.
const UUID_TAG: u64 = 1;

pub(super) fn put_id(out: &mut Vec<u8>, id: &str) {
    if let Some(bytes) = uuid_bytes(id) {
        put_varint(out, UUID_TAG);
        out.extend_from_slice(&bytes);
    } else {
        put_varint(out, (id.len() as u64) << 1);
        out.extend_from_slice(id.as_bytes());
    }
}

pub(super) fn put_text(out: &mut Vec<u8>, text: &str) {
    put_varint(out, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

pub(super) fn put_amount(out: &mut Vec<u8>, amount: Minor) {
    put_long(out, amount.get());
}

pub(super) fn put_instant(out: &mut Vec<u8>, at: Timestamp) {
    put_long(out, at.millis());
}

pub(super) fn put_day(out: &mut Vec<u8>, day: Day) {
    put_long(out, i64::from(day.epoch()));
}

pub(super) fn put_option<T>(out: &mut Vec<u8>, value: Option<T>, put: impl FnOnce(&mut Vec<u8>, T)) {
    out.push(u8::from(value.is_some()));
    if let Some(value) = value {
        put(out, value);
    }
}

pub(super) fn put_list<T>(out: &mut Vec<u8>, items: &[T], mut put: impl FnMut(&mut Vec<u8>, &T)) {
    put_varint(out, items.len() as u64);
    for item in items {
        put(out, item);
    }
}

/// The bytes of a UUID in lower case with hyphens; another spelling would not come back the same.
fn uuid_bytes(text: &str) -> Option<[u8; 16]> {
    let text: &[u8; 36] = text.as_bytes().try_into().ok()?;
    let mut bytes = [0u8; 16];
    let mut at = 0;
    for (i, byte) in bytes.iter_mut().enumerate() {
        if matches!(i, 4 | 6 | 8 | 10) {
            if text[at] != b'-' {
                return None;
            }
            at += 1;
        }
        *byte = nibble(text[at])? << 4 | nibble(text[at + 1])?;
        at += 2;
    }
    Some(bytes)
}

const fn nibble(c: u8) -> Option<u8> {
    match c {
        b'0'..=b'9' => Some(c - b'0'),
        b'a'..=b'f' => Some(c - b'a' + 10),
        _ => None,
    }
}

fn uuid_text(bytes: [u8; 16]) -> Box<str> {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(36);
    for (i, byte) in bytes.into_iter().enumerate() {
        if matches!(i, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        text.push(char::from(HEX[usize::from(byte >> 4)]));
        text.push(char::from(HEX[usize::from(byte & 15)]));
    }
    text.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_come_back_as_they_were_and_uuids_take_seventeen_bytes() {
        let uuid = "0123abcd-4567-89ab-cdef-0123456789ab";
        let rows =
            [(uuid, 17), (&uuid.to_uppercase(), 37), ("", 1), ("b-1", 4), (&uuid.replace('-', "_"), 37), ("ü", 3)];
        for (id, len) in rows {
            let mut out = Vec::new();
            put_id(&mut out, id);
            assert_eq!(out.len(), len, "{id}");
            assert_eq!(&*Bytes::new(&out).id().expect("an id"), id);
        }
    }
}
