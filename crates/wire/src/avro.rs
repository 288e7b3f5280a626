//! Avro's binary encoding, read without copying and written without a schema at hand.

use dunning_rules::{Currency, Day, Minor, Timestamp};

use crate::BadRecord;

/// The longest single string or byte sequence that is taken.
pub(crate) const STRING_MAX: usize = 1 << 20;
/// The longest id in bytes.
const ID_MAX: usize = 255;
/// 2200-12-31, in days since 1970-01-01.
const LAST_DAY: i32 = 84_370;
/// 1900-01-01, the first day that someone can have been a customer.
const FIRST_CUSTOMER_DAY: i32 = -25_567;

/// What can be wrong with a datum: the reasons of [`BadRecord`] that reading can find, in one byte, as nearly every
/// function here returns one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    Truncated,
    TrailingBytes,
    BadUtf8,
    BadUnion,
    BadEnum,
    BadNumber,
    NegativeLength,
    NegativeAmount,
    ZeroAmount,
    AmountTooLarge,
    UnknownCurrency,
    DueBeforeIssued,
    BadDate,
    TermsDoNotSum,
    BadId,
    UnknownZone,
    TooLong,
}

impl From<Fault> for BadRecord {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Truncated => Self::Truncated,
            Fault::TrailingBytes => Self::TrailingBytes,
            Fault::BadUtf8 => Self::BadUtf8,
            Fault::BadUnion => Self::BadUnion,
            Fault::BadEnum => Self::BadEnum,
            Fault::BadNumber => Self::BadNumber,
            Fault::NegativeLength => Self::NegativeLength,
            Fault::NegativeAmount => Self::NegativeAmount,
            Fault::ZeroAmount => Self::ZeroAmount,
            Fault::AmountTooLarge => Self::AmountTooLarge,
            Fault::UnknownCurrency => Self::UnknownCurrency,
            Fault::DueBeforeIssued => Self::DueBeforeIssued,
            Fault::BadDate => Self::BadDate,
            Fault::TermsDoNotSum => Self::TermsDoNotSum,
            Fault::BadId => Self::BadId,
            Fault::UnknownZone => Self::UnknownZone,
            Fault::TooLong => Self::TooLong,
        }
    }
}

pub(crate) type Read<T> = Result<T, Fault>;

/// True for a text that can be an id: not empty, not over 255 bytes, no control characters.
pub(crate) fn is_id(text: &str) -> bool {
    if text.is_empty() || text.len() > ID_MAX {
        return false;
    }
    // Without an early end, so that many bytes are looked at in one go.
    let odd = text.bytes().fold(false, |odd, b| odd | !(0x20..0x7f).contains(&b));
    !odd || !text.chars().any(char::is_control)
}

/// Reads a datum from its start. Every count is checked against the bytes that are left, so no input can make it
/// allocate or loop beyond its own length.
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) const fn new(datum: &'a [u8]) -> Self {
        Self { rest: datum }
    }

    pub(crate) const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Nothing may follow.
    pub(crate) const fn end(&self) -> Read<()> {
        if self.rest.is_empty() { Ok(()) } else { Err(Fault::TrailingBytes) }
    }

    pub(crate) fn take(&mut self, len: usize) -> Read<&'a [u8]> {
        let (head, rest) = self.rest.split_at_checked(len).ok_or(Fault::Truncated)?;
        self.rest = rest;
        Ok(head)
    }

    #[inline]
    pub(crate) fn byte(&mut self) -> Read<u8> {
        let (&first, rest) = self.rest.split_first().ok_or(Fault::Truncated)?;
        self.rest = rest;
        Ok(first)
    }

    #[inline]
    fn varint(&mut self) -> Read<u64> {
        let first = self.byte()?;
        if first < 0x80 {
            return Ok(u64::from(first));
        }
        let mut value = u64::from(first & 0x7f);
        for shift in (7..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                return Err(Fault::BadNumber);
            }
            value |= bits << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(Fault::BadNumber)
    }

    #[inline]
    pub(crate) fn long(&mut self) -> Read<i64> {
        let raw = self.varint()?;
        Ok((raw >> 1).cast_signed() ^ -((raw & 1).cast_signed()))
    }

    pub(crate) fn int(&mut self) -> Read<i32> {
        i32::try_from(self.long()?).map_err(|_| Fault::BadNumber)
    }

    pub(crate) fn boolean(&mut self) -> Read<bool> {
        match self.byte()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(Fault::BadNumber),
        }
    }

    pub(crate) fn double(&mut self) -> Read<f64> {
        let bytes = self.take(8)?;
        let mut eight = [0; 8];
        eight.copy_from_slice(bytes);
        Ok(f64::from_le_bytes(eight))
    }

    pub(crate) fn float(&mut self) -> Read<f32> {
        let bytes = self.take(4)?;
        let mut four = [0; 4];
        four.copy_from_slice(bytes);
        Ok(f32::from_le_bytes(four))
    }

    /// Bytes of any length that the datum has: for what this program wrote itself.
    pub(crate) fn blob(&mut self) -> Read<&'a [u8]> {
        let len = usize::try_from(self.long()?).map_err(|_| Fault::NegativeLength)?;
        self.take(len)
    }

    pub(crate) fn bytes(&mut self) -> Read<&'a [u8]> {
        let bytes = self.blob()?;
        if bytes.len() > STRING_MAX { Err(Fault::TooLong) } else { Ok(bytes) }
    }

    pub(crate) fn string(&mut self) -> Read<&'a str> {
        std::str::from_utf8(self.bytes()?).map_err(|_| Fault::BadUtf8)
    }

    pub(crate) fn owned(&mut self) -> Read<String> {
        self.string().map(str::to_owned)
    }

    pub(crate) fn id(&mut self) -> Read<&'a str> {
        let text = self.string()?;
        if is_id(text) { Ok(text) } else { Err(Fault::BadId) }
    }

    /// The branch of a union or the place of a symbol.
    pub(crate) fn index(&mut self, count: usize, bad: Fault) -> Read<usize> {
        match usize::try_from(self.long()?) {
            Ok(index) if index < count => Ok(index),
            _ => Err(bad),
        }
    }

    pub(crate) fn branch(&mut self, count: usize) -> Read<usize> {
        self.index(count, Fault::BadUnion)
    }

    pub(crate) fn symbol(&mut self, count: usize) -> Read<usize> {
        self.index(count, Fault::BadEnum)
    }

    /// A union of null and one other type.
    pub(crate) fn option<T>(&mut self, read: impl FnOnce(&mut Self) -> Read<T>) -> Read<Option<T>> {
        match self.branch(2)? {
            0 => Ok(None),
            _ => read(self).map(Some),
        }
    }

    /// The number of items in the next block of an array or map; zero ends it. A negative count has its size in
    /// bytes after it, which is not needed here.
    pub(crate) fn block(&mut self) -> Read<usize> {
        let count = self.long()?;
        if count >= 0 {
            return self.fits(count.unsigned_abs());
        }
        let size = self.long()?;
        if size < 0 {
            return Err(Fault::NegativeLength);
        }
        self.fits(size.unsigned_abs())?;
        self.fits(count.unsigned_abs())
    }

    /// Items take at least one byte each, so no more can follow than bytes are left.
    fn fits(&self, count: u64) -> Read<usize> {
        match usize::try_from(count) {
            Ok(count) if count <= self.rest.len() => Ok(count),
            _ => Err(Fault::Truncated),
        }
    }

    /// Every item of an array. Items must be of at least one byte.
    pub(crate) fn each(&mut self, mut read: impl FnMut(&mut Self) -> Read<()>) -> Read<()> {
        loop {
            let count = self.block()?;
            if count == 0 {
                return Ok(());
            }
            for _ in 0..count {
                read(self)?;
            }
        }
    }

    pub(crate) fn array<T>(&mut self, mut read: impl FnMut(&mut Self) -> Read<T>) -> Read<Vec<T>> {
        let mut items = Vec::new();
        self.each(|r| {
            items.push(read(r)?);
            Ok(())
        })?;
        Ok(items)
    }

    pub(crate) fn strings(&mut self) -> Read<Vec<String>> {
        self.array(Self::owned)
    }

    /// An instant within the years that are taken.
    pub(crate) fn instant(&mut self) -> Read<Timestamp> {
        let at = self.long()?;
        let last = (i64::from(LAST_DAY) + 1) * dunning_rules::DAY_MS;
        if (0..last).contains(&at) { Ok(Timestamp::from_millis(at)) } else { Err(Fault::BadDate) }
    }

    /// Any instant.
    pub(crate) fn timestamp(&mut self) -> Read<Timestamp> {
        self.long().map(Timestamp::from_millis)
    }

    /// A day within the years that are taken.
    pub(crate) fn day(&mut self) -> Read<Day> {
        let day = self.int()?;
        if (0..=LAST_DAY).contains(&day) { Ok(Day::from_epoch(day)) } else { Err(Fault::BadDate) }
    }

    /// A day that may lie before 1970.
    pub(crate) fn customer_day(&mut self) -> Read<Day> {
        let day = self.int()?;
        if (FIRST_CUSTOMER_DAY..=LAST_DAY).contains(&day) { Ok(Day::from_epoch(day)) } else { Err(Fault::BadDate) }
    }

    pub(crate) fn currency(&mut self) -> Read<Currency> {
        Currency::parse(self.string()?).ok_or(Fault::UnknownCurrency)
    }

    /// An amount of either sign.
    pub(crate) fn signed(&mut self) -> Read<Minor> {
        let amount = Minor::new(self.long()?);
        if amount.magnitude() > Minor::EVENT_MAX { Err(Fault::AmountTooLarge) } else { Ok(amount) }
    }

    /// An amount of zero or more.
    pub(crate) fn amount(&mut self) -> Read<Minor> {
        let amount = self.signed()?;
        if amount < Minor::ZERO { Err(Fault::NegativeAmount) } else { Ok(amount) }
    }

    /// An amount greater than zero.
    pub(crate) fn positive(&mut self) -> Read<Minor> {
        let amount = self.amount()?;
        if amount == Minor::ZERO { Err(Fault::ZeroAmount) } else { Ok(amount) }
    }
}

/// Puts a number in as few bytes as it needs, seven bits in each.
pub(crate) fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        // Seven bits and the mark that more follow.
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Puts an int or long; small magnitudes take few bytes.
pub(crate) fn put_long(out: &mut Vec<u8>, value: i64) {
    put_varint(out, (value << 1 ^ value >> 63).cast_unsigned());
}

/// A length or count; those of memory always fit.
pub(crate) fn put_len(out: &mut Vec<u8>, len: usize) {
    put_varint(out, (len as u64) << 1);
}

pub(crate) fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_len(out, bytes.len());
    out.extend_from_slice(bytes);
}

pub(crate) fn put_str(out: &mut Vec<u8>, text: &str) {
    put_bytes(out, text.as_bytes());
}

pub(crate) fn put_bool(out: &mut Vec<u8>, value: bool) {
    out.push(u8::from(value));
}

/// A union of null and one other type.
pub(crate) fn put_option<T>(out: &mut Vec<u8>, value: Option<T>, put: impl FnOnce(&mut Vec<u8>, T)) {
    match value {
        None => out.push(0),
        Some(value) => {
            out.push(2);
            put(out, value);
        }
    }
}

pub(crate) fn put_array<T>(
    out: &mut Vec<u8>,
    items: impl ExactSizeIterator<Item = T>,
    mut put: impl FnMut(&mut Vec<u8>, T),
) {
    if items.len() > 0 {
        put_len(out, items.len());
        for item in items {
            put(out, item);
        }
    }
    out.push(0);
}

pub(crate) fn put_instant(out: &mut Vec<u8>, at: Timestamp) {
    put_long(out, at.millis());
}

pub(crate) fn put_day(out: &mut Vec<u8>, day: Day) {
    put_long(out, i64::from(day.epoch()));
}

pub(crate) fn put_amount(out: &mut Vec<u8>, amount: Minor) {
    put_long(out, amount.get());
}

pub(crate) fn put_currency(out: &mut Vec<u8>, currency: Option<Currency>) {
    put_str(out, currency.as_ref().map_or("", Currency::as_str));
}
