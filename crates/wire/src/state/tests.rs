use dunning_rules::{Account, Timestamp};
use proptest::prelude::*;

use super::*;
use crate::sample;

fn stale() -> impl Strategy<Value = Vec<StaleMark>> {
    let mark = (0..InputTopic::ALL.len(), any::<i64>())
        .prop_map(|(topic, offset)| StaleMark { topic: InputTopic::ALL[topic], offset });
    proptest::collection::vec(mark, 0..3)
}

fn bytes(row: &StoredRow, version: StateVersion) -> Vec<u8> {
    let mut out = Vec::new();
    encode_row(row, version, &mut out);
    out
}

proptest! {
    #[test]
    fn a_row_comes_back_as_it_was(account in sample::account(), stale in stale()) {
        let row = StoredRow { stale, account };
        let [old, bytes] = StateVersion::ALL.map(|version| bytes(&row, version));
        prop_assert_eq!(decode_row(&old), Ok(row.clone()));
        let head = peek(&bytes).expect("a head");
        prop_assert_eq!(head.deadline, row.account.deadline());
        prop_assert_eq!(peek_deadline(&bytes), Ok(row.account.deadline()));
        prop_assert_eq!(head.pending, row.account.pending().is_some());
        prop_assert_eq!(head.stale, !row.stale.is_empty());
        let back = decode_row(&bytes);
        prop_assert_eq!(back.as_ref(), Ok(&row));
        let mut alone = Vec::new();
        encode_account(&row.account, StateVersion::V2, &mut alone);
        prop_assert_eq!(decode_account(&alone), Ok(row.account));
    }

    #[test]
    fn a_row_that_is_cut_or_goes_on_is_refused(account in sample::account(), cut in any::<prop::sample::Index>()) {
        let mut bytes = bytes(&StoredRow { stale: Vec::new(), account }, StateVersion::V2);
        prop_assert!(decode_row(&bytes[..cut.index(bytes.len())]).is_err());
        bytes.push(0);
        prop_assert_eq!(decode_row(&bytes), Err(StateError::TrailingBytes));
    }

    #[test]
    fn damaged_bytes_are_an_error_or_another_account_but_never_a_panic(
        account in sample::account(), at in any::<prop::sample::Index>(), byte in any::<u8>(),
    ) {
        let mut bytes = bytes(&StoredRow { stale: Vec::new(), account }, StateVersion::V2);
        let at = at.index(bytes.len());
        bytes[at] = byte;
        let _ = decode_row(&bytes);
    }

    #[test]
    fn any_bytes_are_read_without_a_panic(mut bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = decode_row(&bytes);
        for version in StateVersion::ALL {
            bytes.insert(0, version.number() as u8);
            let _ = decode_row(&bytes);
            bytes.remove(0);
        }
    }
}

#[test]
fn another_version_is_named() {
    let mut bytes = Vec::new();
    encode_account(&Account::new("acc-1"), StateVersion::V1, &mut bytes);
    bytes[0] = 9;
    assert_eq!(decode_row(&bytes), Err(StateError::UnknownVersion(9)));
    assert_eq!(peek_deadline(&bytes), Err(StateError::UnknownVersion(9)));
    assert!(StateError::UnknownVersion(9).to_string().contains("version 9"));
}

/// The bytes of a version do not change: an account stored by a released program must stay readable.
#[test]
fn the_bytes_of_each_version_stay_as_they_are() {
    let mut account = Account::new("acc-1");
    account.line = Timestamp::from_millis(1_000);
    account.sequence = 3;
    account.deadline = Some(Timestamp::from_millis(2_000));
    let seen = |id: u8, day| (dunning_rules::IdHash::from_bytes([id; 16]), dunning_rules::Day::from_epoch(day));
    account.seen = dunning_rules::Seen::from_ids(vec![seen(1, 3), seen(2, 3), seen(3, 4)]);
    let row = StoredRow { stale: vec![StaleMark { topic: InputTopic::Payments, offset: 7 }], account };
    let before: &[u8] = &[
        5, 160, 31, 1, 1, 14, // flags, deadline, one stale mark
        10, b'a', b'c', b'c', b'-', b'1', 208, 15, 3, 0, // id, line, sequence, decisions
        0, 0, 0, 0, 0, 0, // currency, credit, turnover, bills, payments, disputes
    ];
    let one_by_one = [&[3][..], &[1; 16], &[6], &[2; 16], &[0], &[3; 16], &[2]].concat();
    let in_one_piece = [&[3][..], &[1; 16], &[2; 16], &[3; 16], &[6, 0, 2]].concat();
    let after: &[u8] = &[0, 0, 0, 0]; // profile, decision on bars, cycles, cycle
    for (version, seen) in [(StateVersion::V1, one_by_one), (StateVersion::V2, in_one_piece)] {
        let expected = [&[version.number() as u8], before, &seen, after].concat();
        assert_eq!(bytes(&row, version), expected, "{version:?}");
        assert_eq!(decode_row(&expected).as_ref(), Ok(&row), "{version:?}");
    }
}
