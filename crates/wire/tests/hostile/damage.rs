//! Good data of every kind, damaged; and bytes of no kind at all.

use std::cell::RefCell;

use dunning_rules::Timestamp;
use dunning_wire::schema::Resolver;
use dunning_wire::topic::{InputTopic, OutputTopic};
use dunning_wire::{BadRecord, deadletter};
use proptest::prelude::*;
use proptest::sample::Index;

use crate::seeds::{self, Seeds};
use crate::{checks, memory};

/// Bytes of memory for each byte of input, what the checks themselves hold included: the smallest item of a list takes
/// one byte and becomes a `String` of 24, a list that grows is there one and a half times, and reading is checked by
/// writing and reading again.
const FACTOR: usize = 100;
/// Bytes of memory for any input: errors, and the headers of a dead letter.
const BASE: usize = 16 * 1024;

thread_local! {
    static SEEDS: Seeds = seeds::all();
    static RESOLVER: RefCell<Resolver> = RefCell::new(Resolver::embedded());
}

fn record(topic: InputTopic, value: &[u8]) -> Result<(), BadRecord> {
    RESOLVER.with_borrow_mut(|resolver| {
        // A plan is made at the first record of a topic, and kept.
        let _ = checks::record(resolver, topic, value);
        memory::within(value.len(), FACTOR, BASE, || checks::record(resolver, topic, value))
    })
}

fn output(topic: OutputTopic, datum: &[u8]) -> Result<(), BadRecord> {
    memory::within(datum.len(), FACTOR, BASE, || checks::output(topic, datum))
}

fn row(bytes: &[u8]) -> bool {
    memory::within(bytes.len(), FACTOR, BASE, || checks::row(bytes)).is_ok()
}

/// Damage at a place.
#[derive(Clone, Debug)]
enum Damage {
    Flip(Index, u8),
    Cut(Index),
    Put(Index, Vec<u8>),
    Over(Index, Vec<u8>),
    Twice(Index, Index),
}

impl Damage {
    fn apply(&self, bytes: &mut Vec<u8>) {
        let at = |index: &Index, bytes: &[u8]| index.index(bytes.len() + 1);
        match self {
            Self::Flip(index, bit) => {
                if !bytes.is_empty() {
                    let at = index.index(bytes.len());
                    bytes[at] ^= 1 << bit;
                }
            }
            Self::Cut(index) => bytes.truncate(at(index, bytes)),
            Self::Put(index, put) => {
                let at = at(index, bytes);
                bytes.splice(at..at, put.iter().copied());
            }
            Self::Over(index, put) => {
                let at = at(index, bytes);
                let end = (at + put.len()).min(bytes.len());
                bytes.splice(at..end, put.iter().copied());
            }
            Self::Twice(from, to) => {
                let (a, b) = (at(from, bytes), at(to, bytes));
                let part = bytes[a.min(b)..a.max(b)].to_vec();
                bytes.splice(b..b, part);
            }
        }
    }
}

/// What does most harm: the ends of the numbers, text that is none, numbers that are none, lengths and counts.
fn harm() -> impl Strategy<Value = Vec<u8>> {
    let number = prop_oneof![
        Just(i64::MAX),
        Just(i64::MIN),
        Just(i64::MIN + 1),
        Just(-1),
        Just(0),
        Just(i64::from(i32::MAX) + 1),
        Just(i64::from(i32::MIN) - 1),
        Just(1_000_000_000_000_001),
        Just(84_371),
        any::<i64>(),
        -200..200i64,
    ];
    prop_oneof![
        4 => number.prop_map(varint),
        1 => Just(vec![0xff; 11]),
        1 => Just(vec![0x80; 10]),
        1 => Just(vec![0xff, 0xfe, 0xc0, 0xaf]),
        1 => Just(f64::NAN.to_le_bytes().to_vec()),
        1 => Just(vec![4, 0xed, 0xa0]),
        2 => proptest::collection::vec(any::<u8>(), 0..30),
    ]
}

/// A number as Avro has it.
pub fn varint(n: i64) -> Vec<u8> {
    let mut left = (n << 1 ^ n >> 63).cast_unsigned();
    let mut bytes = Vec::new();
    while left >= 0x80 {
        bytes.push((left & 0x7f) as u8 | 0x80);
        left >>= 7;
    }
    bytes.push(left as u8);
    bytes
}

fn damage() -> impl Strategy<Value = Vec<Damage>> {
    let one = prop_oneof![
        3 => (any::<Index>(), 0..8u8).prop_map(|(at, bit)| Damage::Flip(at, bit)),
        1 => any::<Index>().prop_map(Damage::Cut),
        2 => (any::<Index>(), harm()).prop_map(|(at, put)| Damage::Put(at, put)),
        3 => (any::<Index>(), harm()).prop_map(|(at, put)| Damage::Over(at, put)),
        1 => (any::<Index>(), any::<Index>()).prop_map(|(from, to)| Damage::Twice(from, to)),
    ];
    proptest::collection::vec(one, 1..5)
}

fn damaged(good: &[u8], damage: &[Damage]) -> Vec<u8> {
    let mut bytes = good.to_vec();
    damage.iter().for_each(|d| d.apply(&mut bytes));
    bytes
}

#[test]
fn every_seed_is_good_and_every_topic_has_some() {
    SEEDS.with(|seeds| {
        for (topic, value) in &seeds.records {
            assert_eq!(record(*topic, value), Ok(()), "{topic:?} {value:?}");
        }
        for (topic, datum) in &seeds.outputs {
            assert_eq!(output(*topic, datum), Ok(()), "{topic:?} {datum:?}");
        }
        assert!(seeds.rows.len() > 5 && seeds.rows.iter().all(|bytes| row(bytes)));
        assert!(InputTopic::ALL.iter().all(|topic| seeds.records.iter().any(|(t, _)| t == topic)));
        assert_eq!(OutputTopic::ALL.iter().filter(|topic| seeds.outputs.iter().any(|(t, _)| t == *topic)).count(), 8);
    });
}

#[test]
fn whatever_is_cut_anywhere_or_goes_on_is_bad() {
    SEEDS.with(|seeds| {
        for (topic, value) in &seeds.records {
            for len in 0..value.len() {
                assert!(record(*topic, &value[..len]).is_err(), "{topic:?}, {len} of {value:?}");
            }
            assert_eq!(record(*topic, &[&value[..], &[0]].concat()), Err(BadRecord::TrailingBytes));
        }
        for (topic, datum) in &seeds.outputs {
            for len in 0..datum.len() {
                assert!(output(*topic, &datum[..len]).is_err(), "{topic:?}, {len} of {datum:?}");
            }
            assert_eq!(output(*topic, &[&datum[..], &[0]].concat()), Err(BadRecord::TrailingBytes));
        }
        for bytes in &seeds.rows {
            assert!((0..bytes.len()).all(|len| !row(&bytes[..len])));
            assert!(!row(&[&bytes[..], &[0]].concat()));
        }
    });
}

#[test]
fn every_single_flipped_bit_is_borne() {
    SEEDS.with(|seeds| {
        let flipped = |good: &[u8], check: &dyn Fn(&[u8])| {
            for bit in 0..good.len() * 8 {
                let mut bytes = good.to_vec();
                bytes[bit / 8] ^= 1 << (bit % 8);
                check(&bytes);
            }
        };
        for (topic, value) in &seeds.records {
            flipped(value, &|bytes| drop(record(*topic, bytes)));
        }
        for (topic, datum) in &seeds.outputs {
            flipped(datum, &|bytes| drop(output(*topic, bytes)));
        }
        seeds.rows.iter().for_each(|bytes| flipped(bytes, &|bytes| _ = row(bytes)));
    });
}

#[test]
fn lengths_and_counts_beyond_the_data_are_refused_wherever_they_stand() {
    SEEDS.with(|seeds| {
        let ends = [i64::MAX, i64::MIN, i64::MIN + 1, -1, i64::from(i32::MAX), 1 << 40].map(varint);
        let swollen = |good: &[u8], check: &dyn Fn(&[u8])| {
            for at in 0..good.len() {
                for end in &ends {
                    check(&[&good[..at], end, &good[at + 1..]].concat());
                }
            }
        };
        for (topic, value) in &seeds.records {
            swollen(value, &|bytes| drop(record(*topic, bytes)));
        }
        for (topic, datum) in &seeds.outputs {
            swollen(datum, &|bytes| drop(output(*topic, bytes)));
        }
        seeds.rows.iter().for_each(|bytes| swollen(bytes, &|bytes| _ = row(bytes)));
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    #[test]
    fn a_damaged_record_is_bad_or_another_good_one(pick in any::<Index>(), damage in damage()) {
        SEEDS.with(|seeds| {
            let (topic, value) = &seeds.records[pick.index(seeds.records.len())];
            if let Err(bad) = record(*topic, &damaged(value, &damage)) {
                assert!(BadRecord::ALL_WORDS.contains(&bad.word()));
            }
        });
    }

    #[test]
    fn a_damaged_row_is_bad_or_another_good_one(pick in any::<Index>(), damage in damage()) {
        SEEDS.with(|seeds| _ = row(&damaged(&seeds.rows[pick.index(seeds.rows.len())], &damage)));
    }

    #[test]
    fn a_damaged_output_is_bad_or_another_good_one(pick in any::<Index>(), damage in damage()) {
        SEEDS.with(|seeds| {
            let (topic, datum) = &seeds.outputs[pick.index(seeds.outputs.len())];
            drop(output(*topic, &damaged(datum, &damage)));
        });
    }

    #[test]
    fn bytes_of_no_kind_are_borne(bytes in proptest::collection::vec(any::<u8>(), 0..400), id in 0..8u8) {
        for topic in InputTopic::ALL {
            drop(record(topic, &bytes));
            drop(record(topic, &[&[0, 0, 0, 0, id], &bytes[..]].concat()));
        }
        OutputTopic::ALL.into_iter().for_each(|topic| drop(output(topic, &bytes)));
        row(&bytes);
        row(&[&[1], &bytes[..]].concat());
    }

    #[test]
    fn headers_of_a_dead_letter_are_read_back_before_whatever_the_record_had(
        topic in ".{0,20}", partition in any::<i32>(), offset in any::<i64>(), at in any::<i64>(),
        key in proptest::option::of(proptest::collection::vec(any::<u8>(), 0..300)),
        originals in proptest::collection::vec(
            ("(dunning\\.(topic|offset|partition|error\\.class)|.{0,20})",
             proptest::option::of(proptest::collection::vec(any::<u8>(), 0..50))), 0..6),
    ) {
        let _ = deadletter::read(&originals);
        let timestamp = Some(Timestamp::from_millis(at));
        let origin = deadletter::Origin { topic: &topic, partition, offset, timestamp };
        let headers = deadletter::headers(&origin, &BadRecord::UnknownSchema(7), key.as_deref(), &originals);
        let marks = deadletter::read(&headers).expect("marks");
        prop_assert_eq!((marks.topic.as_str(), marks.partition, marks.offset), (topic.as_str(), partition, offset));
        prop_assert_eq!(marks.timestamp_ms, Some(at));
        prop_assert_eq!(&headers[7..], &originals[..]);
    }
}
