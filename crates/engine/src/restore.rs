//! How a shard comes back: its store, then the tail of the state topic, then its place in the inputs.

use std::sync::Arc;
use std::time::Duration;

use dunning_rules::{Policy, PolicyBook, Timestamp};
use dunning_store::{Store, StoreError, Stores};
use dunning_wire::control::{ControlBody, ControlEvent};
use dunning_wire::state::{CHECKPOINT_KEY, Checkpoint};
use dunning_wire::state_record::{self, StateRecord};
use dunning_wire::topic::{InputTopic, OutputTopic};
use dunning_wire::{control, frame, policy};

use crate::desk::{Desk, Halt};
use crate::leaving::{self, LEAVING, Leaving};
use crate::memory::each_row;
use crate::planted::Planted;
use crate::shard::{Entry, Following, META, Phase, Place, Reached, Shard};
use crate::torn::COMPARED;
use crate::{Broker, BrokerError, Clock, ErrorKind, LaneError, Mode, Partition, Record, Source, Start};

/// Where the store stood when it followed last.
struct Meta {
    state_next: i64,
    decisions_next: i64,
    checkpoint: Checkpoint,
}

impl<S: Store> Shard<S> {
    /// Begins to restore: what the store has, then the state topic from there on, which `read` begins to read.
    pub fn open<B: Broker, C: Clock>(
        partition: Partition,
        store: S,
        stores: &impl Stores<Store = S>,
        desk: &mut Desk<B, C>,
        read: impl Fn(&mut B, i64) -> Result<(), BrokerError>,
    ) -> Result<Self, Halt> {
        let now = desk.clock.monotonic();
        let mut shard = Self::new(partition, store, &desk.settings, now);
        let within = desk.settings.erased_within;
        let meta = match shard.load() {
            Ok(_) if shard.leaving.is_due(within, desk.clock.now()) => {
                shard = shard.rebuilt(stores, desk, leaving::WHY)?;
                None
            }
            Ok(meta) => meta,
            Err(why) => {
                shard = shard.rebuilt(stores, desk, &why)?;
                None
            }
        };
        let from = meta.as_ref().map_or(0, |m| m.state_next);
        match read(&mut desk.broker, from) {
            Err(BrokerError { kind: ErrorKind::Abort, text, .. }) if from > 0 => {
                shard = shard.rebuilt(stores, desk, &text)?;
                read(&mut desk.broker, 0)?;
                shard.begin_restoring(desk, None, now)?;
            }
            other => {
                other?;
                shard.begin_restoring(desk, meta, now)?;
            }
        }
        Ok(shard)
    }

    /// A standby becomes a shard of this lane: it goes on from where it is to the state topic's present end.
    pub fn promote<B: Broker, C: Clock>(&mut self, desk: &mut Desk<B, C>) -> Result<(), BrokerError> {
        let Phase::Restoring { checkpoint, next, .. } = &mut self.phase else { return Ok(()) };
        let (checkpoint, next) = (checkpoint.take(), *next);
        let now = desk.clock.monotonic();
        self.phase = Phase::restoring(now, checkpoint, next, next);
        desk.broker.restore(self.partition, next)?;
        let end = desk.broker.end_of(Source::State, self.partition)?;
        tracing::info!(
            partition = self.partition,
            from = next,
            to = end,
            accounts = self.memory.len(),
            "standby takes over"
        );
        if let Phase::Restoring { end: noted, .. } = &mut self.phase {
            *noted = end;
        }
        Ok(())
    }

    fn rebuilt<B: Broker, C: Clock>(
        self,
        stores: &impl Stores<Store = S>,
        desk: &Desk<B, C>,
        why: &str,
    ) -> Result<Self, Halt> {
        tracing::warn!(partition = self.partition, why, "the store is rebuilt from the state topic");
        desk.meters.stores_rebuilt.one();
        let identity = Self::identity(self.partition, &desk.settings);
        let store = stores.renew(&identity, self.store, why).map_err(|e| Halt::store(self.partition, e))?;
        Ok(Self::new(self.partition, store, &desk.settings, desk.clock.monotonic()))
    }

    fn begin_restoring<B: Broker, C: Clock>(
        &mut self,
        desk: &mut Desk<B, C>,
        meta: Option<Meta>,
        now: Duration,
    ) -> Result<(), Halt> {
        let end = desk.broker.end_of(Source::State, self.partition)?;
        let next = meta.as_ref().map_or(0, |m| m.state_next);
        self.place =
            Place { state: next, decisions: meta.as_ref().map_or(0, |m| m.decisions_next), ..Place::default() };
        tracing::info!(
            partition = self.partition,
            from = next,
            to = end,
            accounts = self.memory.len(),
            "shard is being restored"
        );
        self.phase = Phase::restoring(now, meta.map(|m| Box::new(m.checkpoint)), next, end);
        Ok(())
    }

    /// Reads what the store has; the text says what is wrong with it.
    fn load(&mut self) -> Result<Option<Meta>, String> {
        let text = |e: StoreError| e.to_string();
        let Some(meta) = self.store.get(META).map_err(text)? else { return Ok(None) };
        let meta = decode_meta(&meta).ok_or("the store's own record cannot be read")?;
        self.leaving = Leaving::read(self.store.get(LEAVING).map_err(text)?.as_deref());
        let mut damaged = None;
        let (memory, gate) = (&mut self.memory, &mut self.gate);
        let mut row = |account: &str, row: &[u8]| match memory.restore(account, Some(row), true) {
            Ok(true) => {
                if let Some(slot) = memory.find(account).filter(|_| !Planted::PendingBarForgottenAtRestore.is_on()) {
                    gate.add(slot);
                }
            }
            Ok(false) => {}
            Err(error) => damaged = Some(error.to_string()),
        };
        each_row(&self.store, &mut row).map_err(text)?;
        damaged.map_or(Ok(Some(meta)), Err)
    }

    /// A record of the state topic.
    pub fn restore_record(&mut self, record: &Record, now: Duration, wall: Timestamp) -> Result<(), Halt> {
        let broken =
            |why: &str| Halt::End(LaneError::State(format!("state record at offset {}: {why}", record.offset)));
        let key = record.key().ok_or_else(|| broken("it has no key"))?;
        if let Phase::Restoring { next, since, .. } = &mut self.phase {
            *next = record.offset + 1;
            *since = now;
        }
        if key == CHECKPOINT_KEY {
            let value = record.value().ok_or_else(|| broken("the checkpoint is empty"))?;
            let (_, datum) = frame::split(value).map_err(|e| broken(&e.to_string()))?;
            let seen = state_record::decode_checkpoint(datum).map_err(|e| broken(&e.to_string()))?;
            if let Phase::Restoring { checkpoint, .. } = &mut self.phase {
                *checkpoint = Some(Box::new(seen));
            }
            return Ok(());
        }
        let account = std::str::from_utf8(key).map_err(|_| broken("its key is not UTF-8"))?;
        let row = match record.value() {
            None => None,
            Some(value) => {
                let (_, datum) = frame::split(value).map_err(|e| broken(&e.to_string()))?;
                match state_record::decode(datum).map_err(|e| broken(&e.to_string()))? {
                    StateRecord::Account { row, .. } => Some(row),
                    StateRecord::Checkpoint(_) => return Err(broken("a checkpoint under an account's key")),
                }
            }
        };
        if row.is_some_and(|row| self.memory.is_erased(account, row)) {
            self.leaving.note(wall);
        }
        let pending = self.memory.restore(account, row, false).map_err(|e| Halt::memory(self.partition, e))?;
        let pending = pending && !Planted::PendingBarForgottenAtRestore.is_on();
        if pending && let Some(slot) = self.memory.find(account) {
            self.gate.add(slot);
        }
        Ok(())
    }

    /// Ends the transaction that the shard's last writer left open when it died: until then nobody downstream sees past
    /// it. Whoever gave the shard away in good order has ended its own, so that there is nothing open and nobody is fenced.
    pub fn end_last_writer<B: Broker, C: Clock>(&mut self, desk: &mut Desk<B, C>) -> Result<(), Halt> {
        let Phase::Restoring { checkpoint, looked, .. } = &mut self.phase else { return Ok(()) };
        *looked = desk.clock.monotonic();
        let Some(checkpoint) = checkpoint.as_ref().filter(|c| c.writer != desk.broker.writer()) else { return Ok(()) };
        if desk.broker.is_held(self.partition)? && desk.broker.fence(&checkpoint.writer)? {
            tracing::warn!(partition = self.partition, "the last writer's open transaction is ended");
            desk.meters.writers_ended.one();
        }
        Ok(())
    }

    /// Ends a transaction that hangs on the shard's outputs. Its writer is the last one that is known, be it another that lives
    /// or this lane itself: Kafka forgets that a transaction wrote to a partition which has no leader while it is ended
    /// (KAFKA-20734).
    pub fn end_hanging<B: Broker, C: Clock>(&mut self, desk: &mut Desk<B, C>) -> Result<(), Halt> {
        let partition = self.partition;
        let Phase::Restoring { checkpoint, looked, since, .. } = &mut self.phase else { return Ok(()) };
        let now = desk.clock.monotonic();
        *looked = now;
        if !desk.broker.is_held(partition)? {
            return Ok(());
        }
        let Some(writer) = checkpoint.as_ref().map(|c| c.writer.clone()) else {
            tracing::error!(partition, "a transaction hangs, and whose it is is not known: see OPERATING.md");
            return Ok(());
        };
        // A transaction of this lane for its other shards goes first.
        if writer == desk.broker.writer() && desk.batch.open {
            return Ok(());
        }
        tracing::error!(partition, writer, "a transaction hangs: its writer is fenced, and it is aborted");
        // Another attempt is for later.
        *since = now;
        desk.broker.end_hanging(&writer, partition)?;
        desk.meters.hanging_ended.one();
        Ok(())
    }

    /// Everything committed was read: the shard takes its place in the inputs. May be called again where it failed.
    pub fn take_place<B: Broker, C: Clock>(&mut self, desk: &mut Desk<B, C>) -> Result<(), Halt> {
        self.end_last_writer(desk)?;
        let Phase::Restoring { checkpoint, began, next, .. } = &self.phase else { return Ok(()) };
        self.place.state = *next;
        let took = desk.clock.monotonic().saturating_sub(*began);
        let (checkpoint, next) = (checkpoint.clone(), *next);
        let committed = desk.broker.committed(self.partition)?;
        if self.reads_on(desk, next)? {
            return Ok(());
        }
        if let Some(checkpoint) = checkpoint.as_ref().filter(|_| self.trace.is_none()) {
            self.begin_trace(desk, checkpoint)?;
            if self.is_tracing() {
                return Ok(());
            }
        }
        let positions = match &checkpoint {
            Some(checkpoint) => self.resume(desk, checkpoint, &committed)?,
            None => self.first_run(desk, &committed)?,
        };
        if checkpoint.is_none() {
            self.place.outputs = self.output_ends(desk)?;
        }
        if !desk.is_stream() {
            self.catch_up = Some(desk.broker.ends(self.partition)?);
        }
        desk.broker.recall(self.partition, self.place.decisions)?;
        self.recalling = true;
        desk.broker.read(self.partition, &positions)?;
        self.queues.begin(&positions);
        self.phase = Phase::Running;
        // The first transaction commits the offsets of every input, read or not.
        self.changed = true;
        tracing::info!(
            partition = self.partition,
            accounts = self.memory.len(),
            took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            transaction = self.transaction,
            "shard runs"
        );
        Ok(())
    }

    /// Somebody wrote since everything was read: whoever was given the shard while this lane did not hear that it lost
    /// it, or lost it and had it back. What came is read first. True where there is some.
    fn reads_on<B: Broker, C: Clock>(&mut self, desk: &mut Desk<B, C>, next: i64) -> Result<bool, Halt> {
        let end = desk.broker.end_of(Source::State, self.partition)?;
        if end <= next {
            return Ok(false);
        }
        desk.broker.restore(self.partition, next)?;
        if let Phase::Restoring { end: noted, since, whole, .. } = &mut self.phase {
            (*noted, *since, *whole) = (end, desk.clock.monotonic(), false);
        }
        self.trace = None;
        Ok(true)
    }

    /// Goes on where the checkpoint says; it wins over the group's offsets.
    fn resume<B: Broker, C: Clock>(
        &mut self,
        desk: &mut Desk<B, C>,
        checkpoint: &Checkpoint,
        committed: &[(InputTopic, Option<i64>)],
    ) -> Result<Vec<(InputTopic, i64)>, Halt> {
        if checkpoint.generation != desk.settings.generation {
            let text = format!(
                "shard {} was written under topic generation {}, and this is generation {}",
                self.partition, checkpoint.generation, desk.settings.generation
            );
            return Err(Halt::End(LaneError::State(text)));
        }
        if checkpoint.shadow != (desk.settings.mode == Mode::Shadow) {
            let text = format!(
                "shard {} was run in the other mode: what shadow decided was never sent. Use another group_id and another \
                 state topic for each mode",
                self.partition
            );
            return Err(Halt::End(LaneError::State(text)));
        }
        self.transaction = checkpoint.transaction;
        self.last = Reached::by(checkpoint.transaction, checkpoint.clock, checkpoint.positions.iter().copied());
        if !Planted::ClockNotInCheckpoint.is_on() {
            self.clock = checkpoint.clock;
        }
        for (place, topic) in self.place.outputs.iter_mut().zip(COMPARED) {
            *place = checkpoint.output_ends.iter().find(|(t, _)| *t == topic).map_or(0, |(_, end)| *end);
        }
        self.stale_records.clone_from(&checkpoint.stale_records);
        self.stale_count = checkpoint.stale_count;
        self.counters = checkpoint.gate;
        self.entries.clear();
        let mut book: Option<PolicyBook> = None;
        for (label, from, text) in &checkpoint.policies {
            let policy = self.known_policy(desk, label, text)?;
            match &mut book {
                Some(book) => {
                    book.add(*from, policy);
                }
                None => book = Some(PolicyBook::new(policy, desk.settings.dedupe_horizon_days)),
            }
            self.entries.push(Entry { label: label.clone(), from: *from, text: text.clone() });
        }
        self.book = book.ok_or_else(|| Halt::End(LaneError::State("a checkpoint names no policy".to_owned())))?;
        let differ = committed.iter().any(|(topic, offset)| {
            let own = checkpoint.positions.iter().find(|(t, _)| t == topic).map(|(_, next)| *next);
            offset.is_some_and(|offset| Some(offset) != own)
        });
        if differ {
            desk.meters.offsets_differed.one();
            tracing::warn!(partition = self.partition, "the group's offsets differ from the checkpoint, which wins");
        }
        let mut positions = checkpoint.positions.clone();
        if Planted::OffsetsWinOverCheckpoint.is_on() {
            positions = committed.iter().map(|(topic, offset)| (*topic, offset.unwrap_or(0))).collect();
        }
        for (topic, offset) in committed {
            // A topic that the checkpoint does not know yet was added by an upgrade.
            if !positions.iter().any(|(t, _)| t == topic) {
                positions.push((*topic, offset.unwrap_or(0)));
            }
        }
        Ok(positions)
    }

    fn known_policy<B: Broker, C: Clock>(
        &self,
        desk: &Desk<B, C>,
        label: &str,
        text: &str,
    ) -> Result<Arc<Policy>, Halt> {
        let file = &desk.settings.policy;
        if text == file.text {
            return Ok(Arc::clone(&file.policy));
        }
        if label == &*file.policy.label {
            let text = format!("another text is in force under {label}: give a changed policy a new version");
            return Err(Halt::End(LaneError::Policy(text)));
        }
        let loaded = policy::parse_again(label, text).map_err(|e| {
            Halt::End(LaneError::Policy(format!("{label}, which is in force, cannot be read by this program: {e}")))
        })?;
        Ok(Arc::new(loaded.policy.clone()))
    }

    /// Nothing was committed before: begins where the operator says.
    fn first_run<B: Broker, C: Clock>(
        &mut self,
        desk: &mut Desk<B, C>,
        committed: &[(InputTopic, Option<i64>)],
    ) -> Result<Vec<(InputTopic, i64)>, Halt> {
        if committed.iter().any(|(_, offset)| offset.is_some()) {
            let text = format!(
                "shard {} has committed offsets, but its state topic has no checkpoint: the state topic was deleted or is \
                 another's. Restore it, or run under a new group_id with `start` set",
                self.partition
            );
            return Err(Halt::End(LaneError::State(text)));
        }
        let start = desk.settings.start.ok_or(Halt::End(LaneError::NoStart(self.partition)))?;
        let file = desk.settings.policy.clone();
        self.entries = vec![Entry { label: file.policy.label.to_string(), from: Timestamp::MIN, text: file.text }];
        self.first_run = true;
        let mut starts = desk.broker.starts(self.partition, start)?;
        // Profiles and orders hold until they are replaced, so they are read from their beginning.
        for (topic, next) in desk.broker.starts(self.partition, Start::Earliest)? {
            if matches!(topic, InputTopic::Accounts | InputTopic::Control) {
                starts.retain(|(t, _)| *t != topic);
                starts.push((topic, next));
            }
        }
        Ok(starts)
    }

    /// A policy file that is not in force yet is published to the shard's own line.
    pub fn check_policy<B: Broker, C: Clock>(&mut self, desk: &mut Desk<B, C>) -> Result<(), Halt> {
        let file = desk.settings.policy.clone();
        let label = file.policy.label.to_string();
        if self.entries.iter().any(|e| e.label == label) {
            return Ok(());
        }
        if desk.is_stream() {
            let text =
                format!("{label} is not the policy that the state was made with; clock `stream` needs a new group_id");
            return Err(Halt::End(LaneError::Policy(text)));
        }
        if file.effective_from.is_some_and(|from| from < self.clock) {
            let text =
                format!("{label} has an `effective_from` that is past already: the clock stands at {}", self.clock);
            return Err(Halt::End(LaneError::Policy(text)));
        }
        let now = desk.clock.now();
        let order = ControlEvent {
            control_id: format!("policy/{label}/{}", self.partition),
            occurred_at: now,
            actor: "policy file".to_owned(),
            reason: "a new version was found at start".to_owned(),
            body: ControlBody::PolicyPublished { label, text: file.text, effective_from: file.effective_from },
        };
        tracing::info!(partition = self.partition, "a new policy version is published");
        desk.emit(OutputTopic::Control, self.partition, now, b"policy", |out| control::encode(&order, out))
    }

    /// Asks where the state topic ends, for the store to follow to once a commit has shown that nobody else wrote there.
    pub fn note_end<B: Broker, C: Clock>(&mut self, desk: &mut Desk<B, C>) -> Result<(), Halt> {
        let state = desk.broker.end_of(Source::State, self.partition)?;
        let decisions = match self.recalling {
            true => self.place.decisions,
            false => desk.broker.end_of(Source::Decisions, self.partition)?,
        };
        // What was found there and is not settled has to be found again.
        let outputs = match self.torn.is_empty() {
            true => self.output_ends(desk)?,
            false => self.place.outputs,
        };
        self.noted = Some(Place { state, decisions, outputs });
        Ok(())
    }

    fn output_ends<B: Broker, C: Clock>(&self, desk: &mut Desk<B, C>) -> Result<[i64; COMPARED.len()], Halt> {
        let ends = desk.broker.output_ends(self.partition)?;
        Ok(COMPARED.map(|topic| ends.iter().find(|(t, _)| *t == topic).map_or(0, |(_, end)| *end)))
    }

    /// The store follows what was committed. Only between two transactions.
    ///
    /// Its place in the state topic is one that was proven: whoever is taken for dead without knowing it must not count
    /// its successor's records as its own.
    pub fn follow<B: Broker, C: Clock>(&mut self, desk: &mut Desk<B, C>) -> Result<(), Halt> {
        while !self.follow_some(desk)? {}
        Ok(())
    }

    /// As [`Shard::follow`], a piece of it; true once the store has followed.
    pub fn follow_some<B: Broker, C: Clock>(&mut self, desk: &mut Desk<B, C>) -> Result<bool, Halt> {
        let mut following = match self.following.take() {
            Some(following) => following,
            None => {
                self.followed = desk.clock.monotonic();
                self.begin_following(desk)
            }
        };
        let most = desk.settings.flush_accounts.max(1);
        if following.left > most {
            let batch = self.memory.changes(&self.store, most).map_err(|e| Halt::store(self.partition, e))?;
            self.store.apply(batch).map_err(|e| Halt::store(self.partition, e))?;
            self.memory.followed(most);
            following.left -= most;
            self.following = Some(following);
            return Ok(false);
        }
        let Following { place, checkpoint, left } = following;
        self.put_in_store(place, &checkpoint, left).map_err(|e| Halt::store(self.partition, e))?;
        self.note_end(desk)?;
        Ok(true)
    }

    fn begin_following<B: Broker, C: Clock>(&self, desk: &Desk<B, C>) -> Following {
        let ahead = if Planted::StoreAheadOfItsPlace.is_on() { 2 } else { 0 };
        let place = Place { state: self.place.state + ahead, ..self.place };
        let mut checkpoint = self.checkpoint(&desk.settings, desk.broker.writer());
        checkpoint.transaction = self.transaction;
        Following { place, checkpoint: Box::new(checkpoint), left: self.memory.dirty() }
    }

    /// Puts into the store the first accounts that it does not have yet, and how far the topics were read when these were
    /// all.
    pub fn put_in_store(&mut self, place: Place, checkpoint: &Checkpoint, count: usize) -> Result<(), StoreError> {
        let mut batch = self.memory.changes(&self.store, count)?;
        batch.rows.push((META.to_vec(), Some(encode_meta(place.state, place.decisions, checkpoint))));
        batch.rows.extend(self.leaving.row().map(|row| (LEAVING.to_vec(), Some(row))));
        self.store.apply(batch)?;
        self.leaving.stored();
        self.memory.followed(count);
        Ok(())
    }
}

fn encode_meta(state_next: i64, decisions_next: i64, checkpoint: &Checkpoint) -> Vec<u8> {
    let mut out = Vec::new();
    out.extend_from_slice(&state_next.to_be_bytes());
    out.extend_from_slice(&decisions_next.to_be_bytes());
    state_record::encode_checkpoint(checkpoint, &mut out);
    out
}

fn decode_meta(bytes: &[u8]) -> Option<Meta> {
    let (state_next, rest) = bytes.split_first_chunk::<8>()?;
    let (decisions_next, datum) = rest.split_first_chunk::<8>()?;
    let checkpoint = state_record::decode_checkpoint(datum).ok()?;
    let (state_next, decisions_next) = (i64::from_be_bytes(*state_next), i64::from_be_bytes(*decisions_next));
    // What is no place in a log is nowhere to go on from.
    (state_next >= 0 && decisions_next >= 0).then_some(Meta { state_next, decisions_next, checkpoint })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_that_names_no_place_in_the_log_is_not_gone_on_from() {
        let checkpoint = Checkpoint::start(0);
        let known = |state, decisions| decode_meta(&encode_meta(state, decisions, &checkpoint)).is_some();
        assert!(known(0, 7));
        assert!(!known(-1_001, 7) && !known(7, -1_001));
    }
}
