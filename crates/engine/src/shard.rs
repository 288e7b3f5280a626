//! One partition of every topic: its accounts, its clock, its place in the inputs.

use std::sync::Arc;
use std::time::Duration;

use dunning_rules::invariant::Rule;
use dunning_rules::{Policy, PolicyBook, RULES_VERSION, Timestamp};
use dunning_store::{Identity, Store};
use dunning_wire::state::{Checkpoint, GateCounters, Outbox, STORE_FORMAT, StaleMark};
use dunning_wire::topic::InputTopic;

use crate::gate::Gate;
use crate::leaving::Leaving;
use crate::memory::Memory;
use crate::queue::Queues;
use crate::retry::Retry;
use crate::torn::{COMPARED, Torn, Trace};
use crate::{Ends, Partition, Settings};

/// Stale records of a shard that are remembered one by one; beyond that they are only counted.
pub const STALE_MAX: usize = 100;

/// Where a shard stands.
///
/// ```text
/// Assigned ─→ Restoring ─→ Running ─→ Revoked (committed, followed, dropped)
///                 ↑            │
///                 └── abort ───┘
/// ```
#[derive(Debug)]
pub enum Phase {
    /// The state topic is replayed into memory.
    Restoring {
        /// When it began.
        began: Duration,
        /// When it last came on.
        since: Duration,
        /// The last checkpoint seen.
        checkpoint: Option<Box<Checkpoint>>,
        /// The next state record.
        next: i64,
        /// Where it began.
        from: i64,
        /// The end that was noted, to say how much is left.
        end: i64,
        /// Everything was read: what is left is the place in the inputs.
        whole: bool,
        /// When an open transaction of the last writer was looked for.
        looked: Duration,
    },
    /// Input is taken.
    Running,
}

impl Phase {
    /// At its beginning.
    pub const fn restoring(now: Duration, checkpoint: Option<Box<Checkpoint>>, from: i64, end: i64) -> Self {
        Self::Restoring { began: now, since: now, checkpoint, next: from, from, end, whole: false, looked: now }
    }
}

/// A policy in force, with the text that it came from.
#[derive(Clone, Debug)]
pub struct Entry {
    pub label: String,
    pub from: Timestamp,
    pub text: String,
}

/// A shard.
#[derive(Debug)]
pub struct Shard<S> {
    pub partition: Partition,
    pub phase: Phase,
    pub store: S,
    pub memory: Memory,
    pub queues: Queues,
    pub gate: Gate,
    /// The instant that the shard has reached.
    pub clock: Timestamp,
    pub book: PolicyBook,
    pub entries: Vec<Entry>,
    pub transaction: u64,
    pub last: Reached,
    pub stale_records: Vec<StaleMark>,
    pub stale_count: u64,
    pub counters: GateCounters,
    /// The window of the budget in which it was said that it is used up.
    pub budget_said: Option<Timestamp>,
    /// Something but accounts changed: the checkpoint has to be written.
    pub changed: bool,
    /// Nothing was committed before: profiles are read to their end first.
    pub first_run: bool,
    /// The ends to be reached before deadlines fire, under clock `wall`.
    pub catch_up: Option<Vec<Ends>>,
    /// When the store followed last, or began to.
    pub followed: Duration,
    /// The store is on its way.
    pub following: Option<Following>,
    /// When the offsets were committed last.
    pub offsets_at: Duration,
    /// How far everything in the topics is known here, and proven so by a commit.
    pub place: Place,
    /// Where they ended when they were asked last; the next commit proves it.
    pub noted: Option<Place>,
    /// What was erased and the store may still have.
    pub leaving: Leaving,
    /// When held bars were looked at again.
    pub looked: Duration,
    /// Topics whose next record waits for its schema.
    pub blocked: [bool; InputTopic::ALL.len()],
    /// Decisions are still being read back.
    pub recalling: bool,
    /// Attempts to take the place in the inputs.
    pub retry: Retry,
    /// The outputs, while they are compared.
    pub trace: Option<Trace>,
    /// What lies on the outputs and no state knows of.
    pub torn: Torn,
}

/// How far the last checkpoint was: nothing of it ever goes back.
#[derive(Debug, Default)]
pub struct Reached {
    transaction: u64,
    clock: Option<Timestamp>,
    positions: Vec<(InputTopic, i64)>,
}

impl Reached {
    pub fn by(transaction: u64, clock: Timestamp, positions: impl Iterator<Item = (InputTopic, i64)>) -> Self {
        Self { transaction, clock: Some(clock), positions: positions.collect() }
    }

    /// The rules that the next checkpoint breaks.
    pub fn broken(&self, next: &Checkpoint) -> impl Iterator<Item = Rule> + use<> {
        let clock = self.clock.is_none_or(|clock| next.clock >= clock);
        let of = |topic| next.positions.iter().find(|(t, _)| *t == topic).map(|(_, at)| *at);
        let place = next.transaction == self.transaction + 1
            && self.positions.iter().all(|(topic, at)| of(*topic).is_some_and(|next| next >= *at));
        let broken = [(clock, Rule::ClockNeverBack), (place, Rule::PlaceNeverBack)];
        broken.into_iter().filter(|(holds, _)| !holds).map(|(_, rule)| rule)
    }
}

/// A place in the state topic, in the topic of decisions, and in the outputs that are compared.
#[derive(Clone, Copy, Debug, Default)]
pub struct Place {
    pub state: i64,
    pub decisions: i64,
    /// In the order of [`COMPARED`].
    pub outputs: [i64; COMPARED.len()],
}

/// A store that follows in pieces: what its place is once all of them are there. Rows may be newer than that; what lies
/// behind the place is read again over them.
#[derive(Debug)]
pub struct Following {
    pub place: Place,
    pub checkpoint: Box<Checkpoint>,
    /// Accounts that are left.
    pub left: usize,
}

/// What a store remembers besides accounts and decisions.
pub const META: &[u8] = b"m";

impl<S: Store> Shard<S> {
    pub fn new(partition: Partition, store: S, settings: &Settings, now: Duration) -> Self {
        Self {
            partition,
            phase: Phase::restoring(now, None, 0, 0),
            store,
            memory: Memory::default(),
            queues: Queues::default(),
            gate: Gate::default(),
            clock: Timestamp::MIN,
            book: PolicyBook::new(Arc::clone(&settings.policy.policy), settings.dedupe_horizon_days),
            entries: Vec::new(),
            transaction: 0,
            last: Reached::default(),
            stale_records: Vec::new(),
            stale_count: 0,
            counters: GateCounters { window_start: Timestamp::MIN, bars: 0, released_until: None },
            budget_said: None,
            changed: false,
            first_run: false,
            catch_up: None,
            followed: now,
            following: None,
            offsets_at: now,
            place: Place::default(),
            noted: None,
            leaving: Leaving::default(),
            looked: now,
            blocked: [false; InputTopic::ALL.len()],
            recalling: false,
            retry: Retry::default(),
            trace: None,
            torn: Torn::default(),
        }
    }

    /// The shard's store, for [`dunning_store::Stores::open`].
    pub fn identity(partition: Partition, settings: &Settings) -> Identity {
        Identity {
            cluster: settings.cluster.clone(),
            topic: settings.state_topic.clone(),
            partition,
            generation: settings.generation,
            format: STORE_FORMAT,
        }
    }

    pub const fn is_running(&self) -> bool {
        matches!(self.phase, Phase::Running)
    }

    /// Where the state topic is read on, while the shard is not running.
    pub const fn next_state(&self) -> i64 {
        match self.phase {
            Phase::Restoring { next, .. } => next,
            Phase::Running => 0,
        }
    }

    /// The state topic was read to an offset: transaction markers lie behind the last record.
    pub fn read_to(&mut self, offset: i64) {
        if let Phase::Restoring { next, .. } = &mut self.phase {
            *next = (*next).max(offset);
        }
    }

    /// The state topic was read up to the end that was noted.
    pub fn restored_to(&mut self, offset: i64) {
        self.read_to(offset);
        if let Phase::Restoring { whole, .. } = &mut self.phase {
            *whole = true;
        }
    }

    /// True where everything was read and the place in the inputs is to be taken.
    pub const fn is_whole(&self) -> bool {
        matches!(self.phase, Phase::Restoring { whole: true, .. })
    }

    /// True where the next commit has something of this shard.
    pub fn has_changes(&self) -> bool {
        self.changed || self.memory.is_touched()
    }

    /// Where the shard stands after the open batch.
    pub fn checkpoint(&self, settings: &Settings, writer: &str) -> Checkpoint {
        Checkpoint {
            transaction: self.transaction + 1,
            generation: settings.generation,
            partition: self.partition,
            clock: self.clock,
            positions: self.queues.positions().collect(),
            policies: self.entries.iter().map(|e| (e.label.clone(), e.from, e.text.clone())).collect(),
            stale_records: self.stale_records.clone(),
            stale_count: self.stale_count,
            gate: self.counters,
            writer: writer.to_owned(),
            rules_version: RULES_VERSION,
            shadow: settings.mode == crate::Mode::Shadow,
            output_ends: COMPARED.into_iter().zip(self.place.outputs).collect(),
            // What the batch wrote is the desk's.
            outbox: Outbox::default(),
        }
    }

    /// Marks the whole shard: a record could not be read and nobody knows whose it is.
    pub fn mark_stale(&mut self, mark: StaleMark) {
        if self.stale_records.len() < STALE_MAX && !self.stale_records.contains(&mark) {
            self.stale_records.push(mark);
        }
        self.stale_count += 1;
        self.changed = true;
    }

    /// Lifts a mark of the whole shard; true where it was there.
    pub fn lift_stale(&mut self, mark: StaleMark) -> bool {
        let before = self.stale_records.len();
        self.stale_records.retain(|m| *m != mark);
        // Those beyond the bound are only counted.
        let lifted = self.stale_records.len() < before || self.stale_count > before as u64;
        if lifted {
            self.stale_count = self.stale_count.saturating_sub(1);
            self.changed = true;
        }
        lifted
    }

    /// Adds a policy that begins at an instant; false where its label is there already.
    pub fn add_policy(&mut self, from: Timestamp, policy: Arc<Policy>, text: String) -> bool {
        let label = policy.label.to_string();
        let added = self.book.add(from, policy);
        if added {
            self.entries.push(Entry { label, from, text });
            self.changed = true;
        }
        added
    }

    /// The topic that is read to its end before any other: profiles, on the first run under clock `wall`.
    pub fn first_topic(&self, stream: bool) -> Option<InputTopic> {
        (self.first_run && !stream).then_some(InputTopic::Accounts)
    }

    /// Whether the inputs that decide were read to where they ended when the shard began to run.
    pub fn is_caught_up(&mut self) -> bool {
        let Some(ends) = &self.catch_up else { return true };
        let done = ends.iter().filter(|e| e.topic.decides()).all(|e| self.queues.has_reached(e));
        if done {
            self.catch_up = None;
            self.first_run = false;
        }
        done
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkpoint_that_goes_back_is_noticed() {
        let (bills, payments) = (InputTopic::Bills, InputTopic::Payments);
        let at = Timestamp::from_millis;
        let last = Reached::by(7, at(100), [(bills, 5), (payments, 9)].into_iter());
        let next = |transaction, clock, positions: &[(InputTopic, i64)]| {
            let start = Checkpoint::start(0);
            Checkpoint { transaction, clock: at(clock), positions: positions.to_vec(), ..start }
        };
        let both: &[_] = &[(bills, 5), (payments, 9)];
        let (clock, place) = (Rule::ClockNeverBack, Rule::PlaceNeverBack);
        let rows: [(Checkpoint, &[Rule]); 8] = [
            (next(8, 100, both), &[]),
            (next(8, 101, &[(payments, 10), (bills, 6)]), &[]),
            (next(8, 99, both), &[clock]),
            (next(7, 100, both), &[place]),
            (next(9, 100, both), &[place]),
            (next(8, 100, &[(bills, 4), (payments, 10)]), &[place]),
            (next(8, 100, &[(bills, 5)]), &[place]),
            (next(14, 99, &[(bills, 5), (payments, 8)]), &[clock, place]),
        ];
        for (next, broken) in rows {
            assert_eq!(last.broken(&next).collect::<Vec<_>>(), broken, "{next:?}");
        }
        assert_eq!(Reached::default().broken(&next(1, -5, &[])).count(), 0, "before the first there is none");
    }
}
