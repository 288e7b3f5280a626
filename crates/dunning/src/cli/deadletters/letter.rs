//! Dead letters as they lie on the bus, and what was done with each.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use dunning_wire::control::{self, ControlBody};
use dunning_wire::deadletter::{self, Place};
use dunning_wire::frame;
use dunning_wire::topic::{InputTopic, OutputTopic};

use super::args::Filter;
use crate::cli::bus::{Bus, Found, scan};
use crate::exit::Failure;

/// Where a dead letter lies among the dead letters: `3:1542`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::cli) struct Id {
    pub(super) partition: u32,
    pub(super) offset: i64,
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.partition, self.offset)
    }
}

impl FromStr for Id {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.split_once(':').and_then(|(p, o)| Some((p.parse().ok()?, o.parse().ok()?)));
        match parts {
            Some((partition, offset)) if offset >= 0 => Ok(Self { partition, offset }),
            _ => Err("write it as PARTITION:OFFSET, such as 3:1542".to_owned()),
        }
    }
}

/// What was done with a letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Nothing.
    Open,
    /// Its record was put back.
    Replayed,
    /// A person said that it need not be taken.
    Released,
}

impl State {
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Replayed => "replayed",
            Self::Released => "released",
        }
    }
}

/// What is kept of a letter while all are read: small, as there can be millions.
#[derive(Clone, Debug)]
pub(super) struct Letter {
    pub(super) id: Id,
    /// Where the record stood.
    pub(super) place: Place,
    pub(super) class: Arc<str>,
    /// The record's timestamp, in milliseconds since 1970.
    pub(super) timestamp: i64,
    /// Bytes of the value.
    pub(super) size: usize,
    /// The account, where the key can be read and somebody wants to know.
    pub(super) key: Option<Box<str>>,
}

/// The dead letters that were found, and what was done with them.
#[derive(Default)]
pub(super) struct Letters {
    /// Those that fit, by their place among the dead letters.
    pub(super) all: Vec<Letter>,
    /// Records that are no dead letters of a version that this program knows.
    pub(super) odd: u64,
    replayed: BTreeSet<Place>,
    released: BTreeSet<Place>,
    classes: BTreeSet<Arc<str>>,
}

/// All partitions, or the one that is asked for.
pub(super) fn parts(bus: &Bus, filter: &Filter) -> BTreeMap<u32, i64> {
    let mut all = bus.all_partitions();
    all.retain(|partition, _| filter.partition.is_none_or(|only| *partition == only));
    all
}

/// The partitions in which letters lie, from the first of each on.
pub(super) fn parts_of(ids: impl Iterator<Item = Id>) -> BTreeMap<u32, i64> {
    let mut parts = BTreeMap::new();
    for id in ids {
        let first = parts.entry(id.partition).or_insert(id.offset);
        *first = id.offset.min(*first);
    }
    parts
}

impl Letters {
    /// Reads partitions of the dead letters to their ends, and all orders. Keys are kept where `keys` says so.
    pub(super) fn read(bus: &Bus, from: &BTreeMap<u32, i64>, filter: &Filter, keys: bool) -> Result<Self, Failure> {
        let mut letters = Self::default();
        let topic = bus.topics().output(OutputTopic::DeadLetters);
        scan(bus, topic, from, |found| {
            letters.hear(&found, filter, keys);
            Ok(())
        })?;
        let orders = bus.topics().output(OutputTopic::Control);
        scan(bus, orders, &from.keys().map(|p| (*p, 0)).collect(), |found| {
            letters.released.extend(released(&found));
            Ok(())
        })?;
        letters.all.sort_by_key(|l| l.id);
        Ok(letters)
    }

    fn hear(&mut self, found: &Found<'_>, filter: &Filter, keys: bool) {
        let Some(marks) = deadletter::read(&found.headers) else {
            match deadletter::replayed(&found.headers) {
                Some(place) => drop(self.replayed.insert(place)),
                None => self.odd += 1,
            }
            return;
        };
        let (topic, partition) = (InputTopic::from_contract_name(&marks.topic), u32::try_from(marks.partition));
        let (Some(topic), Ok(partition)) = (topic, partition) else {
            self.odd += 1;
            return;
        };
        let account = frame::account_key(found.key).ok();
        let timestamp = marks.timestamp_ms.unwrap_or(found.timestamp);
        let fits = filter.topic.is_none_or(|t| t == topic)
            && filter.class.as_deref().is_none_or(|c| c == marks.error_class)
            && filter.partition.is_none_or(|p| p == found.partition)
            && filter.account.as_deref().is_none_or(|a| account == Some(a))
            && filter.since.is_none_or(|s| timestamp >= s.millis());
        if !fits {
            return;
        }
        let class = self.class(&marks.error_class);
        self.all.push(Letter {
            id: Id { partition: found.partition, offset: found.offset },
            place: Place { topic, partition, offset: marks.offset },
            class,
            timestamp,
            size: found.value.map_or(0, <[u8]>::len),
            key: account.filter(|_| keys).map(Into::into),
        });
    }

    /// One text for all letters of a class.
    fn class(&mut self, word: &str) -> Arc<str> {
        if let Some(known) = self.classes.get(word) {
            return Arc::clone(known);
        }
        let new: Arc<str> = word.into();
        self.classes.insert(Arc::clone(&new));
        new
    }

    pub(super) fn state(&self, letter: &Letter) -> State {
        if self.released.contains(&letter.place) {
            State::Released
        } else if self.replayed.contains(&letter.place) {
            State::Replayed
        } else {
            State::Open
        }
    }
}

/// The record that an order releases.
fn released(found: &Found<'_>) -> Option<Place> {
    let (_, datum) = frame::split(found.value?).ok()?;
    match control::decode(datum).ok()?.body {
        ControlBody::StaleReleased { topic, offset, .. } => Some(Place { topic, partition: found.partition, offset }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found<'a>(offset: i64, headers: Vec<deadletter::Header>, key: Option<&'a [u8]>) -> Found<'a> {
        Found { partition: 2, offset, timestamp: 5, key, value: Some(b"x"), headers }
    }

    fn letter(offset: i64) -> Vec<deadletter::Header> {
        let origin = deadletter::Origin { topic: "billing.payments", partition: 2, offset, timestamp: None };
        deadletter::headers(&origin, &dunning_wire::BadRecord::TooShort, Some(b"acc-1"), &[])
    }

    #[test]
    fn an_id_is_read_as_it_is_written() {
        assert_eq!("3:1542".parse(), Ok(Id { partition: 3, offset: 1542 }));
        for bad in ["", "3", ":", "3:-1", "-3:1", "3:1:2", "a:b"] {
            assert!(bad.parse::<Id>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_note_says_that_its_letter_was_replayed_and_is_none_itself() {
        let mut letters = Letters::default();
        let any = Filter::default();
        for offset in [10, 11] {
            letters.hear(&found(offset, letter(offset), Some(b"acc-1")), &any, false);
        }
        let place = Place { topic: InputTopic::Payments, partition: 2, offset: 11 };
        letters.hear(&found(12, deadletter::note_headers(place).to_vec(), None), &any, false);
        letters.hear(&found(13, vec![], None), &any, false);
        let states: Vec<_> = letters.all.iter().map(|l| letters.state(l)).collect();
        assert_eq!((states, letters.odd), (vec![State::Open, State::Replayed], 1));
        assert!(letters.all.iter().all(|l| l.key.is_none()));
    }

    #[test]
    fn a_filter_takes_what_fits_all_it_says() {
        let fits = |filter: Filter| {
            let mut letters = Letters::default();
            letters.hear(&found(1, letter(1), Some(b"acc-1")), &filter, true);
            letters.all.len() == 1
        };
        let at = dunning_rules::Timestamp::from_millis;
        assert!(fits(Filter { account: Some("acc-1".into()), class: Some("too_short".into()), ..Filter::default() }));
        assert!(fits(Filter { topic: Some(InputTopic::Payments), since: Some(at(5)), ..Filter::default() }));
        assert!(!fits(Filter { account: Some("acc-2".into()), ..Filter::default() }));
        assert!(!fits(Filter { class: Some("truncated".into()), ..Filter::default() }));
        assert!(!fits(Filter { since: Some(at(6)), ..Filter::default() }));
        assert!(!fits(Filter { partition: Some(1), ..Filter::default() }));
    }
}
