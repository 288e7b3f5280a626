use uuid::Uuid;

/// A name given by another system: an account, a bill, a payment.
pub type Id = Box<str>;

/// What is remembered of an id: the 16 bytes of a UUID written in lower case with hyphens, of any other text its
/// UUIDv5. Two ids are the same where this is the same.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub struct IdHash([u8; 16]);

impl IdHash {
    /// The hash of an id.
    #[must_use]
    pub fn of(id: &str) -> Self {
        match canonical_uuid(id.as_bytes()) {
            Some(bytes) => Self(bytes),
            None => Self(*Uuid::new_v5(&Uuid::NAMESPACE_OID, id.as_bytes()).as_bytes()),
        }
    }

    /// From the bytes that [`IdHash::bytes`] gave.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The bytes, to be stored.
    #[must_use]
    pub const fn bytes(self) -> [u8; 16] {
        self.0
    }
}

/// A number from 0 to 9999 that an account draws in a group: always the same, and as good as chance.
pub(crate) fn draw(group: &str, account: &str) -> u16 {
    let bytes = Uuid::new_v5(&Uuid::NAMESPACE_OID, format!("{group}/{account}").as_bytes()).into_bytes();
    let drawn = u64::from(u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]));
    u16::try_from((drawn * 10_000) >> 32).unwrap_or(0)
}

/// The bytes of a UUID in its one canonical spelling; another spelling is another id.
fn canonical_uuid(text: &[u8]) -> Option<[u8; 16]> {
    if text.len() != 36 {
        return None;
    }
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

fn nibble(c: u8) -> Option<u8> {
    match c {
        b'0'..=b'9' => Some(c - b'0'),
        b'a'..=b'f' => Some(c - b'a' + 10),
        _ => None,
    }
}

/// True where a text is the id of an account's command.
pub(crate) fn is_command(account: &str, sequence: u64, text: &str) -> bool {
    command_id(account, sequence).to_string() == *text
}

/// The id of an account's command: UUIDv5 of `<account_id>/<sequence>`, so that the same decision always has the same
/// id and a receiver can drop a repeat.
#[must_use]
pub fn command_id(account: &str, sequence: u64) -> Uuid {
    use std::fmt::Write;
    let mut name = String::with_capacity(account.len() + 8);
    name.push_str(account);
    // Writing to a String cannot fail.
    let _ = write!(name, "/{sequence}");
    Uuid::new_v5(&Uuid::NAMESPACE_OID, name.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uuid_keeps_its_bytes_and_only_its_canonical_spelling_does() {
        let text = "0123abcd-4567-89ab-cdef-0123456789ab";
        assert_eq!(IdHash::of(text).bytes()[..4], [0x01, 0x23, 0xab, 0xcd]);
        assert_ne!(IdHash::of(text), IdHash::of(&text.to_uppercase()));
        assert_ne!(IdHash::of(text), IdHash::of(&text.replace('-', "x")));
    }

    #[test]
    fn a_share_is_as_large_as_it_says_and_another_group_draws_anew() {
        let share = |group: &str, first, end| crate::Share { group: group.into(), first, end };
        let of = |share: &crate::Share| (0..10_000).filter(|n| share.has(&format!("acc-{n}"))).count();
        let (a, b) = (share("pilot", 0, 1_000), share("pilot", 1_000, 2_000));
        for size in [of(&a), of(&b), of(&share("other", 0, 1_000))] {
            assert!((900..1_100).contains(&size), "{size}");
        }
        assert!(!(0..10_000).any(|n| a.has(&format!("acc-{n}")) && b.has(&format!("acc-{n}"))));
        assert_ne!(draw("pilot", "acc-1"), draw("other", "acc-1"));
        assert_eq!((of(&share("pilot", 0, 10_000)), of(&share("pilot", 0, 0))), (10_000, 0));
    }

    #[test]
    fn the_command_id_is_the_uuid_of_account_and_sequence() {
        assert_eq!(Uuid::NAMESPACE_OID.to_string(), "6ba7b812-9dad-11d1-80b4-00c04fd430c8");
        assert_eq!(command_id("acc-1", 1), Uuid::new_v5(&Uuid::NAMESPACE_OID, b"acc-1/1"));
    }
}
