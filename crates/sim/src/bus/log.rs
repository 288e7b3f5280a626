use std::collections::{BTreeMap, BTreeSet};

use dunning_engine::Headers;
use dunning_rules::Timestamp;

/// A transaction on the bus.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Transaction(pub(crate) u64);

/// A record as it lies on the bus.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logged {
    /// Its offset in its partition.
    pub offset: i64,
    /// The record's timestamp.
    pub timestamp: Timestamp,
    /// Its key.
    pub key: Option<Box<[u8]>>,
    /// Its value; `None`: a tombstone.
    pub value: Option<Box<[u8]>>,
    /// Its headers, in order.
    pub headers: Headers,
}

/// One partition of one topic. As on a real broker, records of an open transaction have their offsets already and hold
/// everything behind them back, and the end of a transaction takes an offset of its own.
#[derive(Debug, Default)]
pub(crate) struct Log {
    /// Before it, everything was deleted.
    start: i64,
    /// The offset of the next record.
    end: i64,
    /// By offset.
    entries: Vec<Entry>,
    /// Transactions with records here that have not ended, with the offset of their first one.
    open: BTreeMap<Transaction, i64>,
    aborted: BTreeSet<Transaction>,
}

#[derive(Debug)]
struct Entry {
    record: Logged,
    transaction: Option<Transaction>,
}

impl Log {
    pub(crate) const fn start(&self) -> i64 {
        self.start
    }

    /// After the last record, committed or not.
    pub(crate) const fn end(&self) -> i64 {
        self.end
    }

    /// After the last record that can be read.
    pub(crate) fn stable(&self) -> i64 {
        self.open.values().copied().min().unwrap_or(self.end)
    }

    /// Appends a record; its offset is set here.
    pub(crate) fn append(&mut self, mut record: Logged, transaction: Option<Transaction>) -> i64 {
        let offset = self.end;
        record.offset = offset;
        self.end += 1;
        if let Some(transaction) = transaction {
            self.open.entry(transaction).or_insert(offset);
        }
        self.entries.push(Entry { record, transaction });
        offset
    }

    /// Ends a transaction; its mark takes an offset.
    pub(crate) fn finish(&mut self, transaction: Transaction, committed: bool) {
        if self.open.remove(&transaction).is_some() {
            self.end += 1;
            if !committed {
                self.aborted.insert(transaction);
            }
        }
    }

    /// The committed records from an offset to before another, at most so many, and the offset at which reading goes on.
    pub(crate) fn read(&self, from: i64, to: i64, most: usize, mut each: impl FnMut(&Logged)) -> i64 {
        let to = to.min(self.stable());
        let first = self.entries.partition_point(|e| e.record.offset < from);
        let mut given = 0;
        for entry in &self.entries[first..] {
            if entry.record.offset >= to {
                break;
            }
            if entry.transaction.is_some_and(|t| self.aborted.contains(&t)) {
                continue;
            }
            if given == most {
                return entry.record.offset;
            }
            each(&entry.record);
            given += 1;
        }
        to.max(from)
    }

    /// The offset of the first record not before an instant; the end where there is none.
    pub(crate) fn find(&self, at: Timestamp) -> i64 {
        self.entries.iter().find(|e| e.record.timestamp >= at).map_or(self.end, |e| e.record.offset)
    }

    /// Deletes everything before an offset.
    pub(crate) fn trim(&mut self, before: i64) {
        self.start = before.clamp(self.start, self.stable());
        let first = self.entries.partition_point(|e| e.record.offset < self.start);
        self.entries.drain(..first);
    }

    /// Keeps the last committed record of each key, and what is not committed.
    pub(crate) fn compact(&mut self) {
        let stable = self.stable();
        let mut newest: BTreeMap<Box<[u8]>, i64> = BTreeMap::new();
        for entry in self.entries.iter().filter(|e| e.record.offset < stable) {
            if entry.transaction.is_none_or(|t| !self.aborted.contains(&t))
                && let Some(key) = &entry.record.key
            {
                newest.insert(key.clone(), entry.record.offset);
            }
        }
        self.entries.retain(|e| {
            let last = e.record.key.as_ref().and_then(|k| newest.get(k));
            e.record.offset >= stable || last.is_none_or(|last| e.record.offset >= *last)
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(key: &str, at: i64) -> Logged {
        Logged {
            offset: 0,
            timestamp: Timestamp::from_millis(at),
            key: Some(key.as_bytes().into()),
            value: None,
            headers: Vec::new(),
        }
    }

    fn keys(log: &Log, from: i64) -> (Vec<String>, i64) {
        let mut keys = Vec::new();
        let next = log.read(from, i64::MAX, usize::MAX, |r| {
            keys.push(String::from_utf8(r.key.clone().expect("a key").into()).expect("text"));
        });
        (keys, next)
    }

    #[test]
    fn an_open_transaction_holds_back_what_is_behind_it_and_its_end_takes_an_offset() {
        let mut log = Log::default();
        let (one, two) = (Transaction(1), Transaction(2));
        log.append(record("a", 1), None);
        log.append(record("b", 2), Some(one));
        log.append(record("c", 3), None);
        log.append(record("d", 4), Some(two));
        assert_eq!((keys(&log, 0), log.end()), ((vec!["a".into()], 1), 4));
        log.finish(two, false);
        assert_eq!((log.stable(), log.end()), (1, 5));
        log.finish(one, true);
        log.finish(one, true);
        assert_eq!((log.stable(), log.end()), (6, 6));
        assert_eq!(keys(&log, 0), (vec!["a".into(), "b".into(), "c".into()], 6));
        assert_eq!(log.find(Timestamp::from_millis(3)), 2);
        assert_eq!(log.find(Timestamp::from_millis(9)), 6);
    }

    #[test]
    fn reading_in_pieces_gives_the_same_records() {
        let mut log = Log::default();
        for i in 0..10 {
            log.append(record(&i.to_string(), i), (i % 3 == 0).then_some(Transaction(9)));
        }
        log.finish(Transaction(9), false);
        let (mut at, mut pieces) = (0, Vec::new());
        while at < log.end() {
            at = log.read(at, i64::MAX, 2, |r| pieces.push(r.offset));
        }
        assert_eq!(pieces, [1, 2, 4, 5, 7, 8]);
    }

    #[test]
    fn compaction_and_deletion_keep_offsets() {
        let mut log = Log::default();
        for key in ["a", "b", "a", "c", "b"] {
            log.append(record(key, 0), None);
        }
        log.append(record("a", 0), Some(Transaction(1)));
        log.compact();
        let mut offsets = Vec::new();
        log.read(0, i64::MAX, usize::MAX, |r| offsets.push(r.offset));
        assert_eq!(offsets, [2, 3, 4]);
        log.trim(4);
        assert_eq!((log.start(), keys(&log, 0)), (4, (vec!["b".into()], 5)));
        log.finish(Transaction(1), false);
        log.compact();
        assert_eq!(keys(&log, 4), (vec!["b".into()], 7));
    }
}
