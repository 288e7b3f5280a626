//! A lane: one thread with one consumer and one producer, and the shards that the group gave it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::Duration;

use dunning_store::Stores;
use dunning_wire::state::CHECKPOINT_KEY;
use dunning_wire::state_record::{self, Summary};
use dunning_wire::topic::{InputTopic, OutputTopic};

use crate::desk::{Desk, Halt};
use crate::planted::Planted;
use crate::retry::Retry;
use crate::shard::{Reached, Shard};
use crate::standby::Standbys;
use crate::trust::Reading;
use crate::{
    Answer, Ask, Broker, Clock, ErrorKind, Known, LaneError, Membership, Meters, Partition, Polled, Settings, Source,
};

/// Records and deadlines that one shard takes before the next has its turn.
const ROUND: usize = 1_000;
/// Under `wall`, a restoration waits at most so long for others to share its commit.
const URGENT: Duration = Duration::from_millis(5);
/// Bars that are held are looked at again this often.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// The offsets of every input are committed at least this often: the broker forgets those of a topic after days.
const OFFSETS_EVERY: Duration = Duration::from_secs(12 * 3_600);

/// What a round did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// There was something to do.
    Busy,
    /// There was nothing: the next round may wait.
    Idle,
}

/// A lane.
pub struct Lane<B, S: Stores, C> {
    pub(crate) desk: Desk<B, C>,
    pub(crate) stores: S,
    pub(crate) shards: BTreeMap<Partition, Shard<S::Store>>,
    asks: Receiver<Ask>,
    pub(crate) polled: Vec<Polled>,
    pub(crate) gauges: crate::gauge::Gauges,
    /// Shards that are ours and have to be opened.
    pub(crate) opening: BTreeMap<Partition, Retry>,
    /// Shards of others that are kept ready.
    pub(crate) standbys: Standbys<S::Store>,
    /// A new producer has to be made before anything is taken.
    pub(crate) renew: bool,
}

impl<B: Broker, S: Stores, C: Clock> Lane<B, S, C> {
    /// A lane without shards; the group gives them.
    pub fn new(
        broker: B,
        stores: S,
        clock: C,
        settings: Arc<Settings>,
        meters: Arc<Meters>,
        asks: Receiver<Ask>,
    ) -> Self {
        let desk = Desk::new(broker, clock, settings, meters);
        Self {
            desk,
            stores,
            shards: BTreeMap::new(),
            asks,
            polled: Vec::new(),
            gauges: crate::gauge::Gauges::default(),
            opening: BTreeMap::new(),
            standbys: Standbys::default(),
            renew: false,
        }
    }

    /// One round: what has come, what follows from it, and the commit. Waits at most `wait`, where there is nothing to do.
    ///
    /// # Errors
    /// What ends the lane; everything else is met here.
    pub fn turn(&mut self, wait: Duration) -> Result<Turn, LaneError> {
        match self.round(wait) {
            Ok(turn) => Ok(turn),
            Err(halt) => {
                self.recover(halt)?;
                Ok(Turn::Busy)
            }
        }
    }

    fn round(&mut self, wait: Duration) -> Result<Turn, Halt> {
        let wait = self.patience(wait);
        let mut polled = std::mem::take(&mut self.polled);
        let heard = self.desk.broker.poll(wait, &mut polled);
        let away = matches!(&heard, Err(e) if e.kind == ErrorKind::Retry);
        let held_up = self.is_held_up();
        self.gauges.broker_away(&self.desk.meters, away || held_up);
        if !away {
            heard?;
        }
        let mut items = polled.drain(..);
        while let Some(item) = items.next() {
            if let Err(halt) = self.hear(item) {
                // Records come again; a change of shards does not.
                self.polled = items.filter(|p| matches!(p, Polled::Membership(_))).collect();
                return Err(halt);
            }
        }
        drop(items);
        self.polled = polled;
        if !self.resume_work()? {
            return Ok(Turn::Idle);
        }
        self.commit_first()?;
        self.ask_registry()?;
        let mut worked = false;
        for partition in self.running() {
            worked |= self.advance(partition)?;
        }
        self.knock()?;
        let idle = self.shards.values().all(|s| s.queues.is_empty() && !s.can_advance(&self.desk));
        if self.is_commit_due(idle) {
            self.commit()?;
        }
        self.answer_asks()?;
        self.keep_house()?;
        self.keep_standbys();
        self.gauges.update(&mut self.desk, &self.shards);
        self.gauges.standbys(&mut self.desk, &self.standbys);
        Ok(if worked { Turn::Busy } else { Turn::Idle })
    }

    /// Takes what a poll found.
    fn hear(&mut self, item: Polled) -> Result<(), Halt> {
        match item {
            Polled::Record(record) => match record.source {
                Source::Input(topic) => self.queue(topic, record)?,
                Source::State => {
                    let now = self.desk.clock.monotonic();
                    match self.shards.get_mut(&record.partition) {
                        Some(shard) if shard.is_running() => {}
                        Some(shard) => {
                            self.desk.meters.restored.one();
                            shard.restore_record(&record, now, self.desk.clock.now())?;
                        }
                        None => self.standby_record(&record),
                    }
                }
                Source::Decisions => self.recall(&record),
                Source::Output(topic) => {
                    let now = self.desk.clock.monotonic();
                    if let Some(shard) = self.shards.get_mut(&record.partition) {
                        shard.trace_record(topic, &record, now)?;
                    }
                }
            },
            Polled::End { source: Source::Input(topic), partition, offset } => {
                if let Some(shard) = self.shards.get_mut(&partition).filter(|s| s.is_running()) {
                    shard.queues.end(topic, offset);
                }
            }
            Polled::End { source: Source::State, partition, offset } => self.standbys.end(partition, offset),
            Polled::End { source: Source::Output(topic), partition, .. } => {
                if let Some(shard) = self.shards.get_mut(&partition) {
                    shard.trace_end(topic);
                }
            }
            Polled::TailLost { partition, text } => self.begin_anew(partition, &text),
            Polled::End { source: Source::Decisions, partition, .. } => {
                if let Some(shard) = self.shards.get_mut(&partition) {
                    shard.recalling = false;
                }
            }
            Polled::Restored { partition, next } => {
                if let Some(shard) = self.shards.get_mut(&partition) {
                    shard.restored_to(next);
                }
            }
            Polled::Membership(change) => self.change(change)?,
        }
        Ok(())
    }

    fn queue(&mut self, topic: InputTopic, record: crate::Record) -> Result<(), Halt> {
        let Some(shard) = self.shards.get_mut(&record.partition).filter(|s| s.is_running()) else { return Ok(()) };
        shard.queues.push(topic, record);
        if shard.queues.len(topic) >= self.desk.settings.queue_records && !shard.queues.is_paused(topic) {
            shard.queues.set_paused(topic, true);
            self.desk.broker.pause(shard.partition, topic)?;
        }
        Ok(())
    }

    /// A decision read back, for `explain`.
    fn recall(&mut self, record: &crate::Record) {
        let Some(shard) = self.shards.get_mut(&record.partition) else { return };
        let datum = record.value().and_then(|v| dunning_wire::frame::split(v).ok()).map(|(_, datum)| datum);
        let account = record.key().and_then(|k| std::str::from_utf8(k).ok());
        let (Some(datum), Some(slot)) = (datum, account.and_then(|a| shard.memory.find(a))) else { return };
        if let Ok(decision) = dunning_wire::decision::decode(datum) {
            shard.memory.remember(slot, decision.number, datum);
        }
    }

    fn change(&mut self, change: Membership) -> Result<(), Halt> {
        self.standbys.moved();
        match change {
            Membership::Assigned(shards) => {
                for partition in &shards {
                    let is_warm = self.standbys.kept.contains_key(partition);
                    self.desk.meters.promotions.add(if is_warm { "warm" } else { "cold" }, 1);
                }
                self.opening.extend(shards.iter().map(|p| (*p, Retry::default())));
                self.desk.broker.accept(&shards)?;
            }
            Membership::Revoked(shards) => {
                let committed = self.last_commit(&shards);
                self.drop_shards(&shards, committed.is_ok());
                self.desk.broker.release(&shards)?;
                committed?;
            }
            Membership::Lost(shards) if Planted::LostShardGoesOn.is_on() => self.desk.broker.release(&shards)?,
            Membership::Lost(shards) => {
                tracing::warn!(?shards, "shards were lost: what was not committed is void");
                let void = !self.desk.batch.is_empty();
                self.drop_shards(&shards, false);
                // Whoever has them now may have ended our transaction already, and that is right.
                self.renew |= self.desk.batch.open;
                self.desk.broker.release(&shards)?;
                if void {
                    return Err(Halt::Void(crate::BrokerError {
                        kind: ErrorKind::Abort,
                        doing: "keeping the shards",
                        text: "they were lost".to_owned(),
                    }));
                }
            }
        }
        Ok(())
    }

    fn drop_shards(&mut self, shards: &[Partition], follow: bool) {
        for partition in shards {
            self.opening.remove(partition);
            let Some(mut shard) = self.shards.remove(partition) else { continue };
            if follow && shard.is_running() {
                // The store is a cache: a shard that goes away is not held up for it.
                if let Err(halt) = shard.follow(&mut self.desk) {
                    tracing::warn!(partition, ?halt, "the store could not follow");
                }
            }
            tracing::info!(partition, "shard was given back");
        }
    }

    pub(crate) fn running(&self) -> Vec<Partition> {
        self.shards.values().filter(|s| s.is_running()).map(|s| s.partition).collect()
    }

    /// Lets a shard take what it can, for a round.
    fn advance(&mut self, partition: Partition) -> Result<bool, Halt> {
        let Some(shard) = self.shards.get_mut(&partition) else { return Ok(false) };
        let desk = &mut self.desk;
        shard.blocked = [false; InputTopic::ALL.len()];
        let mut taken = 0;
        while taken < ROUND && !desk.is_full() && shard.advance(desk)? {
            taken += 1;
        }
        for topic in InputTopic::ALL {
            if shard.queues.is_paused(topic) && shard.queues.len(topic) < desk.settings.queue_records / 2 {
                shard.queues.set_paused(topic, false);
                desk.broker.resume(partition, topic)?;
            }
        }
        Ok(taken > 0)
    }

    /// Asks for the schemas that are wanted, between two transactions.
    fn ask_registry(&mut self) -> Result<(), Halt> {
        let now = self.desk.clock.monotonic();
        if self.desk.schemas.wants(now) {
            if !self.desk.batch.is_empty() {
                self.commit()?;
            }
            self.desk.schemas.ask(&mut self.desk.broker, now);
        }
        self.gauges.registry_away(&self.desk.meters, self.desk.schemas.away);
        Ok(())
    }

    /// Bars that wait at the gate.
    fn knock(&mut self) -> Result<(), Halt> {
        for shard in self.shards.values_mut().filter(|s| s.is_running()) {
            shard.knock(&mut self.desk, LOOK_AGAIN)?;
        }
        Ok(())
    }

    fn is_commit_due(&self, idle: bool) -> bool {
        let desk = &self.desk;
        let changed = self.shards.values().any(Shard::has_changes);
        if desk.batch.is_empty() && !changed {
            return false;
        }
        let age = desk.age();
        let urgent = desk.batch.urgent && !desk.is_stream() && age >= URGENT;
        idle || urgent || desk.is_full() || age >= desk.settings.batch_age
    }

    /// One transaction: what was said, the last state of each account that changed, the checkpoints, the offsets.
    fn commit(&mut self) -> Result<(), Halt> {
        let changed = self.shards.values().any(|s| s.is_running() && s.has_changes());
        if self.desk.batch.is_empty() && !changed {
            return Ok(());
        }
        let before = Reading::of(&self.desk.clock);
        self.desk.begin()?;
        let mut offsets = Vec::new();
        for shard in self.shards.values_mut().filter(|s| s.is_running() && s.has_changes()) {
            write_state(shard, &mut self.desk)?;
            offsets.extend(shard.queues.positions().map(|(topic, next)| (topic, shard.partition, next)));
            if Planted::StoreBeforeCommit.is_on() {
                shard.follow(&mut self.desk)?;
            }
        }
        if Planted::OffsetsNotInTransaction.is_on() {
            offsets.clear();
        }
        match self.desk.broker.commit(&offsets) {
            Err(error) if error.kind == ErrorKind::Unknown && Planted::DoubtTakenAsCommitted.is_on() => {}
            committed => committed?,
        }
        if changed {
            self.desk.hear_broker(before);
        }
        let now = self.desk.clock.monotonic();
        for shard in self.shards.values_mut().filter(|s| s.is_running() && s.has_changes()) {
            shard.memory.committed();
            shard.transaction += 1;
            shard.last = Reached::by(shard.transaction, shard.clock, shard.queues.positions());
            shard.changed = false;
            shard.offsets_at = now;
            shard.place = shard.noted.take().unwrap_or(shard.place);
        }
        self.desk.meters.transactions.add("committed", 1);
        self.desk.meters.commit.observe(now.saturating_sub(before.monotonic).as_secs_f64());
        let wall = self.desk.clock.now();
        self.desk.settle(wall);
        Ok(())
    }

    /// The first transaction of a shard has its checkpoint and nothing else: from then on there is something to hold its
    /// outputs against.
    fn commit_first(&mut self) -> Result<(), Halt> {
        let is_first = |s: &Shard<S::Store>| s.is_running() && s.transaction == 0;
        if self.shards.values().any(is_first) { self.commit() } else { Ok(()) }
    }

    /// The last commit of shards that are given back: it proves to the end where they stand.
    fn last_commit(&mut self, shards: &[Partition]) -> Result<(), Halt> {
        self.commit()?;
        for partition in shards {
            if let Some(shard) = self.shards.get_mut(partition).filter(|s| s.is_running()) {
                shard.note_end(&mut self.desk)?;
                shard.changed |= shard.noted.is_some_and(|noted| noted.state > shard.place.state);
            }
        }
        self.commit()
    }

    fn answer_asks(&mut self) -> Result<(), Halt> {
        while let Ok(ask) = self.asks.try_recv() {
            // What is answered is committed.
            self.commit()?;
            let answer = self.look(&ask.account)?;
            // Whoever asked may have gone.
            let _ = ask.reply.try_send(answer);
        }
        Ok(())
    }

    fn look(&self, account: &str) -> Result<Answer, Halt> {
        for shard in self.shards.values() {
            let Some(slot) = shard.memory.find(account) else { continue };
            if !shard.is_running() {
                return Ok(Answer::Restoring);
            }
            let row = shard.memory.look(slot, &shard.store).map_err(|e| Halt::memory(shard.partition, e))?;
            let Some(row) = row else { continue };
            let decisions = shard.memory.decisions(slot, &shard.store).map_err(|e| Halt::store(shard.partition, e))?;
            return Ok(Answer::Account(Box::new(Known {
                account: row.account,
                stale: row.stale,
                shard_stale: shard.stale_count > 0,
                partition: shard.partition,
                clock: shard.clock,
                decisions,
            })));
        }
        Ok(if self.shards.values().all(Shard::is_running) { Answer::NotHere } else { Answer::Restoring })
    }

    /// What is done now and then, between two transactions.
    fn keep_house(&mut self) -> Result<(), Halt> {
        let now = self.desk.clock.monotonic();
        if !self.desk.batch.is_empty() {
            return Ok(());
        }
        let waiting: usize = self.shards.values().map(|s| s.memory.dirty_bytes()).sum();
        let full = waiting >= self.desk.settings.flush_bytes;
        let live: usize = self.shards.values().map(|s| s.memory.live()).sum();
        let share = self.desk.settings.live_accounts / self.shards.len().max(1);
        for shard in self.shards.values_mut().filter(|s| s.is_running()) {
            let due = full || now.saturating_sub(shard.followed) >= self.desk.settings.flush_every;
            if shard.following.is_some() || (due && shard.memory.dirty_bytes() > 0) {
                shard.follow_some(&mut self.desk)?;
            }
            let wall = self.desk.clock.now();
            if shard.following.is_none() && shard.leaving.is_due(self.desk.settings.erased_within, wall) {
                return Err(Halt::Anew(shard.partition));
            }
            if live > self.desk.settings.live_accounts {
                shard.memory.evict(share);
            }
            shard.changed |= now.saturating_sub(shard.offsets_at) >= OFFSETS_EVERY;
        }
        Ok(())
    }

    /// How long the next poll may wait.
    fn patience(&self, wait: Duration) -> Duration {
        let advances = |s: &Shard<S::Store>| s.is_running() && (s.following.is_some() || s.can_advance(&self.desk));
        if self.has_openings() || self.shards.values().any(advances) {
            return Duration::ZERO;
        }
        if self.desk.batch.is_empty() {
            wait
        } else {
            wait.min(self.desk.settings.batch_age.saturating_sub(self.desk.age()))
        }
    }

    /// Commits what is done, lets the stores follow, and leaves the group.
    ///
    /// # Errors
    /// As [`Lane::turn`].
    pub fn stop(mut self) -> Result<(), LaneError> {
        let shards: Vec<Partition> = self.shards.keys().copied().collect();
        let committed = self.last_commit(&shards);
        self.drop_shards(&shards, committed.is_ok());
        self.drop_standbys();
        let ended = committed.or_else(|halt| self.recover(halt));
        self.desk.broker.leave();
        ended
    }
}

/// Writes the last state of each account that changed, and the shard's checkpoint.
fn write_state<S: dunning_store::Store, B: Broker, C: Clock>(
    shard: &mut Shard<S>,
    desk: &mut Desk<B, C>,
) -> Result<(), Halt> {
    let partition = shard.partition;
    let book = &shard.book;
    shard.memory.each_touched(|row, out| {
        let (amount_due, step) = dunning_rules::standing(&row.account, book);
        let summary = Summary { amount_due, step: step.as_deref().unwrap_or_default() };
        let range = state_record::encode_account_state(row, desk.settings.state_version, &summary, out);
        let at = row.account.line;
        desk.emit(OutputTopic::State, partition, at, row.account.id.as_bytes(), |value| value.extend_from_slice(out))?;
        Ok::<_, Halt>(range)
    })?;
    let mut checkpoint = shard.checkpoint(&desk.settings, desk.broker.writer());
    checkpoint.outbox = desk.batch.outboxes.remove(&partition).unwrap_or_default();
    for rule in shard.last.broken(&checkpoint) {
        desk.broke(partition, rule);
    }
    let at = if desk.is_stream() { shard.clock } else { desk.clock.now() };
    desk.emit(OutputTopic::State, partition, at, CHECKPOINT_KEY, |value| {
        state_record::encode_checkpoint(&checkpoint, value)
    })
}
