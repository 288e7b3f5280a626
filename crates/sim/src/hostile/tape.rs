//! What was done and committed, in the order in which it was done: kept outside the engine, to be folded again.

use std::collections::{BTreeMap, BTreeSet};

use dunning_engine::{Partition, Witnessed};
use dunning_rules::{Event, GateAnswer, Timestamp};
use dunning_wire::state::Checkpoint;
use dunning_wire::topic::InputTopic;

/// What met an account; the event of an input is the record taken last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Input { behind: bool },
    Deadline,
    Gate(GateAnswer),
    Erased,
    PassedOver,
}

/// One thing that a lane did in a shard.
#[derive(Clone, Debug)]
pub(super) enum Entry {
    Taken { topic: InputTopic, offset: i64 },
    Met { account: Box<str>, kind: Kind, now: Timestamp },
    DeadLetter,
}

/// An entry, with what the world was like.
#[derive(Clone, Debug)]
pub(super) struct Noted {
    /// Counts what happens in the world: appends and entries.
    pub moment: u64,
    /// The clock was in doubt.
    pub doubtful: bool,
    pub entry: Entry,
}

/// What one lane has done and not committed.
#[derive(Debug, Default)]
pub(super) struct Pending {
    entries: Vec<(Partition, Noted)>,
    checkpoints: Vec<Checkpoint>,
    rows: Vec<Row>,
}

/// A state that an account had.
#[derive(Debug)]
struct Row {
    shard: Partition,
    key: Box<[u8]>,
    row: Box<[u8]>,
}

/// One shard's history.
#[derive(Debug, Default)]
pub(super) struct History {
    pub entries: Vec<Noted>,
    pub checkpoints: Vec<Checkpoint>,
    /// Every state that an account ever had, committed.
    pub rows: BTreeMap<Box<[u8]>, BTreeSet<Box<[u8]>>>,
}

/// What was committed in a world.
#[derive(Debug)]
pub(super) struct Tape {
    pub shards: Vec<History>,
    pub moment: u64,
    pub doubtful: bool,
}

impl Tape {
    pub(super) fn new(partitions: Partition) -> Self {
        Self { shards: (0..partitions).map(|_| History::default()).collect(), moment: 0, doubtful: false }
    }

    /// One more thing has happened.
    pub(super) fn tick(&mut self) -> u64 {
        self.moment += 1;
        self.moment
    }

    pub(super) fn commit(&mut self, pending: &mut Pending) {
        for (shard, noted) in pending.entries.drain(..) {
            self.shards[shard as usize].entries.push(noted);
        }
        for checkpoint in pending.checkpoints.drain(..) {
            self.shards[checkpoint.partition as usize].checkpoints.push(checkpoint);
        }
        for Row { shard, key, row } in pending.rows.drain(..) {
            self.shards[shard as usize].rows.entry(key).or_default().insert(row);
        }
    }
}

impl Pending {
    pub(super) fn witness(&mut self, tape: &mut Tape, seen: &Witnessed<'_>) {
        let (shard, entry) = match *seen {
            Witnessed::Taken { partition, topic, offset } => (partition, Entry::Taken { topic, offset }),
            Witnessed::Void => return self.void(),
            Witnessed::DeadLetter { partition } => (partition, Entry::DeadLetter),
            Witnessed::Met { partition, account, event, now } => {
                let kind = match event {
                    Event::Input(_) => Kind::Input { behind: false },
                    Event::Backlog(_) => Kind::Input { behind: true },
                    Event::Deadline => Kind::Deadline,
                    Event::Gate(answer) => Kind::Gate(*answer),
                    Event::Erased => Kind::Erased,
                    Event::Found(_) => Kind::PassedOver,
                };
                (partition, Entry::Met { account: account.into(), kind, now })
            }
        };
        self.entries.push((shard, Noted { moment: tape.tick(), doubtful: tape.doubtful, entry }));
    }

    pub(super) fn checkpoint(&mut self, checkpoint: Checkpoint) {
        self.checkpoints.push(checkpoint);
    }

    pub(super) fn row(&mut self, shard: Partition, key: &[u8], row: &[u8]) {
        self.rows.push(Row { shard, key: key.into(), row: row.into() });
    }

    /// Nothing of it was committed.
    pub(super) fn void(&mut self) {
        *self = Self::default();
    }

    /// Nothing of a shard was committed.
    pub(super) fn void_shard(&mut self, shard: Partition) {
        self.entries.retain(|(of, _)| *of != shard);
        self.checkpoints.retain(|c| c.partition != shard);
        self.rows.retain(|row| row.shard != shard);
    }
}
