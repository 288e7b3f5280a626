//! The Confluent wire format: byte 0, the schema id in four bytes, big-endian, the datum. And the record key.

use crate::{BadRecord, avro};

/// Bytes before the datum.
pub const HEADER_LEN: usize = 5;

/// The schema id and the datum of a record's value.
///
/// # Errors
/// [`BadRecord::TooShort`] or [`BadRecord::NotFramed`].
pub fn split(value: &[u8]) -> Result<(u32, &[u8]), BadRecord> {
    let Some((&header, datum)) = value.split_first_chunk::<HEADER_LEN>() else { return Err(BadRecord::TooShort) };
    let [magic, a, b, c, d] = header;
    if magic != 0 {
        return Err(BadRecord::NotFramed);
    }
    Ok((u32::from_be_bytes([a, b, c, d]), datum))
}

/// Puts what stands before a datum.
pub fn put_header(out: &mut Vec<u8>, id: u32) {
    out.push(0);
    out.extend_from_slice(&id.to_be_bytes());
}

/// The account id that a record's key is.
///
/// # Errors
/// [`BadRecord::KeyMissing`] or [`BadRecord::KeyUnreadable`].
pub fn account_key(key: Option<&[u8]>) -> Result<&str, BadRecord> {
    let key = std::str::from_utf8(key.ok_or(BadRecord::KeyMissing)?).map_err(|_| BadRecord::KeyUnreadable)?;
    if avro::is_id(key) { Ok(key) } else { Err(BadRecord::KeyUnreadable) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_read_back_and_anything_else_is_named() {
        let mut value = Vec::new();
        put_header(&mut value, 0x0102_0304);
        value.push(9);
        assert_eq!(value, [0, 1, 2, 3, 4, 9]);
        assert_eq!(split(&value), Ok((0x0102_0304, &[9][..])));
        assert_eq!(split(&value[..4]), Err(BadRecord::TooShort));
        assert_eq!(split(&[]), Err(BadRecord::TooShort));
        assert_eq!(split(&[1, 0, 0, 0, 0]), Err(BadRecord::NotFramed));
    }

    #[test]
    fn a_key_is_an_account_id_and_never_the_checkpoint_key() {
        assert_eq!(account_key(Some(b"acc-1")), Ok("acc-1"));
        assert_eq!(account_key(None), Err(BadRecord::KeyMissing));
        let long = [b'a'; 256];
        for key in [&b""[..], b"\xff", b"a\nb", crate::state::CHECKPOINT_KEY, &long] {
            assert_eq!(account_key(Some(key)), Err(BadRecord::KeyUnreadable));
        }
        assert!(account_key(Some(&long[..255])).is_ok());
    }
}
