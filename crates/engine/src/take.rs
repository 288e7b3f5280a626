//! One record, one deadline, one answer of the gate: what becomes of it.

use std::sync::Arc;

use dunning_rules::{
    Account, Action, Event, GateAnswer, Hold, Input, Outcome, RestorationReason, Timestamp, Transition, step,
};
use dunning_store::Store;
use dunning_wire::control::{ControlBody, ControlEvent};
use dunning_wire::deadletter::{self, Origin};
use dunning_wire::decision::Cause;
use dunning_wire::state::StaleMark;
use dunning_wire::topic::{InputTopic, OutputTopic};
use dunning_wire::{BadRecord, command, control, decision, event, frame, policy};

use crate::desk::{Desk, Halt};
use crate::gate::{WINDOW_MS, fits_budget};
use crate::memory::SlotId;
use crate::schemas::Known;
use crate::shard::{STALE_MAX, Shard};
use crate::{Broker, Clock, Mode, OutRecord, Record};

/// What the next record of a shard says before it is taken.
#[derive(Debug, PartialEq, Eq)]
pub enum Readiness {
    /// It can be taken.
    Ready,
    /// Its schema is being asked for.
    Schema,
}

impl<S: Store> Shard<S> {
    /// Whether the schema of the record at the head of a topic is known.
    pub fn readiness<B: Broker, C: Clock>(&self, desk: &mut Desk<B, C>, topic: InputTopic) -> Readiness {
        let Some(id) = self.queues.head(topic).and_then(|r| crate::schemas::id_of(r.value())) else {
            return Readiness::Ready;
        };
        let now = desk.clock.monotonic();
        match desk.schemas.find(topic, id, now) {
            Known::NotYet => Readiness::Schema,
            Known::Plan(_) | Known::Bad(_) => Readiness::Ready,
        }
    }

    /// Takes the record at the head of a topic.
    pub fn take_record<B: Broker, C: Clock>(&mut self, desk: &mut Desk<B, C>, topic: InputTopic) -> Result<(), Halt> {
        let Some(record) = self.queues.take(topic) else { return Ok(()) };
        desk.batch.count(desk.clock.monotonic());
        desk.meters.consumed[topic as usize].one();
        self.changed = true;
        let mut scratch = std::mem::take(&mut desk.scratch);
        let taken = match self.decode(desk, topic, &record, &mut scratch) {
            Err(bad) => self.dead_letter(desk, topic, &record, &bad),
            Ok(Taken::Control(order)) => self.obey(desk, *order),
            Ok(Taken::Erased(account)) => {
                let now = self.now(desk, record.timestamp);
                let slot = self.memory.find_or_add(account);
                self.meet(desk, slot, &Event::Erased, now, Some((topic, &record))).map(|_| ())
            }
            Ok(Taken::Input(account, input)) => self.take_input(desk, topic, &record, account, input),
        };
        desk.scratch = scratch;
        taken
    }

    fn take_input<B: Broker, C: Clock>(
        &mut self,
        desk: &mut Desk<B, C>,
        topic: InputTopic,
        record: &Record,
        account: &str,
        input: Input<'_>,
    ) -> Result<(), Halt> {
        let now = self.now(desk, record.timestamp);
        let slot = self.memory.find_or_add(account);
        if !desk.is_stream() && self.is_caught_up() {
            self.fire_own(desk, slot, now)?;
        }
        match self.meet(desk, slot, &Event::Input(input), now, Some((topic, record)))? {
            Outcome::Refused(refusal) => self.dead_letter(desk, topic, record, &refusal.into()),
            Outcome::Applied | Outcome::NoEffect(_) => Ok(()),
        }
    }

    /// The instant at which an event is met: its own under `stream`, which moves the clock; now under `wall`.
    fn now<B: Broker, C: Clock>(&mut self, desk: &Desk<B, C>, timestamp: Timestamp) -> Timestamp {
        if desk.is_stream() {
            self.clock = self.clock.max(timestamp);
            timestamp
        } else {
            self.clock = self.clock.max(desk.clock.now());
            self.clock
        }
    }

    /// An account's own deadlines come before its next event.
    fn fire_own<B: Broker, C: Clock>(
        &mut self,
        desk: &mut Desk<B, C>,
        slot: SlotId,
        now: Timestamp,
    ) -> Result<(), Halt> {
        // Each deadline moves the account on; a policy has few steps, and a waiting account has no deadline.
        for _ in 0..64 {
            match self.memory.deadline(slot) {
                Some(due) if due < now => self.fire(desk, slot, now)?,
                _ => break,
            }
        }
        Ok(())
    }

    /// An account's deadline has come.
    pub fn fire<B: Broker, C: Clock>(
        &mut self,
        desk: &mut Desk<B, C>,
        slot: SlotId,
        now: Timestamp,
    ) -> Result<(), Halt> {
        desk.batch.count(desk.clock.monotonic());
        self.meet(desk, slot, &Event::Deadline, now, None).map(|_| ())
    }

    /// An event meets an account: the rules decide, and what they say is written.
    fn meet<B: Broker, C: Clock>(
        &mut self,
        desk: &mut Desk<B, C>,
        slot: SlotId,
        event: &Event<'_>,
        now: Timestamp,
        cause: Option<(InputTopic, &Record)>,
    ) -> Result<Outcome, Halt> {
        let mut row = self.memory.take(slot, &self.store).map_err(|e| Halt::memory(self.partition, e))?;
        let account = std::mem::replace(&mut row.account, Account::new(""));
        let transition = step(account, event, &self.book, now);
        let outcome = transition.outcome;
        if let Outcome::NoEffect(reason) = outcome {
            *desk.batch.no_effects.entry(reason.word()).or_default() += 1;
        }
        self.say(desk, slot, &transition, cause)?;
        let pending = transition.account.pending().is_some_and(|p| p.held.is_none_or(|h| !h.is_own()));
        let was_answer = matches!(event, Event::Gate(GateAnswer::Held(_)));
        let line = transition.account.line;
        row.account = transition.account;
        self.memory.put(slot, row);
        if pending && !was_answer {
            self.bar_pending(desk, slot, line)?;
        }
        Ok(outcome)
    }

    /// A bar waits. Under `stream` it is looked at at once, as everything before it was taken.
    fn bar_pending<B: Broker, C: Clock>(
        &mut self,
        desk: &mut Desk<B, C>,
        slot: SlotId,
        line: Timestamp,
    ) -> Result<(), Halt> {
        if desk.is_stream() {
            return self.answer(desk, slot, line);
        }
        self.gate.add(slot);
        Ok(())
    }

    /// The gate's answer to a bar whose inputs were read.
    pub fn answer<B: Broker, C: Clock>(
        &mut self,
        desk: &mut Desk<B, C>,
        slot: SlotId,
        now: Timestamp,
    ) -> Result<(), Halt> {
        let row = self.memory.look(slot, &self.store).map_err(|e| Halt::memory(self.partition, e))?;
        let Some(row) = row else { return Ok(()) };
        let Some(pending) = row.account.pending().filter(|p| !p.held.is_some_and(Hold::is_own)) else { return Ok(()) };
        let answer = match self.hold_for(desk, !row.stale.is_empty(), now, pending.released) {
            Some(hold) => {
                self.gate.hold(slot, hold);
                if pending.held == Some(hold) {
                    return Ok(());
                }
                desk.meters.bars_held.add(hold.word(), 1);
                GateAnswer::Held(hold)
            }
            None => GateAnswer::Cleared,
        };
        desk.batch.count(desk.clock.monotonic());
        self.meet(desk, slot, &Event::Gate(answer), now, None).map(|_| ())
    }

    /// A bar has waited long for its inputs; it goes on to wait.
    pub fn say_behind<B: Broker, C: Clock>(
        &mut self,
        desk: &mut Desk<B, C>,
        slot: SlotId,
        now: Timestamp,
    ) -> Result<(), Halt> {
        desk.meters.bars_held.add(Hold::InputsBehind.word(), 1);
        desk.batch.count(desk.clock.monotonic());
        self.meet(desk, slot, &Event::Gate(GateAnswer::Held(Hold::InputsBehind)), now, None).map(|_| ())
    }

    fn hold_for<B: Broker, C: Clock>(
        &mut self,
        desk: &Desk<B, C>,
        stale: bool,
        now: Timestamp,
        released: bool,
    ) -> Option<Hold> {
        if stale {
            Some(Hold::StaleAccount)
        } else if self.stale_count > 0 {
            Some(Hold::StaleShard)
        } else if desk.is_stream() {
            None
        } else if desk.clock.is_doubtful() {
            Some(Hold::ClockDoubt)
        } else if !released && !fits_budget(&mut self.counters, desk.settings.bars_per_hour, now) {
            Some(Hold::Budget)
        } else {
            None
        }
    }

    /// Writes what the rules said.
    fn say<B: Broker, C: Clock>(
        &mut self,
        desk: &mut Desk<B, C>,
        slot: SlotId,
        said: &Transition,
        cause: Option<(InputTopic, &Record)>,
    ) -> Result<(), Halt> {
        let shadow = desk.settings.mode == Mode::Shadow;
        let partition = self.partition;
        for command in said.commands.iter().filter(|_| !shadow) {
            let topic = command::topic_of(command);
            let account = self.memory.key(slot);
            desk.emit(topic, partition, command.decided_at, account.as_bytes(), |out| {
                command::encode(account, command, out)
            })?;
            let word = match &command.action {
                Action::Notify { .. } => "notification",
                Action::Bar { .. } => {
                    self.counters.bars += 1;
                    "barring"
                }
                Action::Restore { reason, .. } => {
                    desk.batch.urgent = true;
                    if let Some((_, record)) = cause.filter(|_| *reason == RestorationReason::Paid) {
                        desk.batch.payments.push(record.timestamp);
                    }
                    "restoration"
                }
            };
            *desk.batch.commands.entry(word).or_default() += 1;
        }
        let cause = cause.map(|(topic, record)| Cause {
            topic: topic.contract_name().into(),
            partition: i32::try_from(partition).unwrap_or(i32::MAX),
            offset: record.offset,
        });
        for decision in &said.decisions {
            let account = self.memory.key(slot);
            let mut datum = std::mem::take(&mut desk.datum);
            datum.clear();
            decision::encode(account, said.account.currency, decision, cause.as_ref(), shadow, &mut datum);
            let sent = desk.emit(OutputTopic::Decisions, partition, decision.at, account.as_bytes(), |out| {
                out.extend_from_slice(&datum);
            });
            self.memory.remember(slot, decision.number, &datum);
            desk.datum = datum;
            sent?;
            *desk.batch.decided.entry(decision.code.word()).or_default() += 1;
        }
        Ok(())
    }

    /// Reads a record, as far as one record can be judged by itself.
    fn decode<'r, B: Broker, C: Clock>(
        &self,
        desk: &mut Desk<B, C>,
        topic: InputTopic,
        record: &'r Record,
        scratch: &'r mut Vec<u8>,
    ) -> Result<Taken<'r>, BadRecord> {
        let bound = desk.settings.future_bound.filter(|_| !desk.is_stream());
        if bound.is_some_and(|b| {
            record.timestamp.since(desk.clock.now()) > i64::try_from(b.as_millis()).unwrap_or(i64::MAX)
        }) {
            return Err(BadRecord::FutureTimestamp);
        }
        let Some(value) = record.value() else {
            let key = frame::account_key(record.key())?;
            return if topic == InputTopic::Accounts { Ok(Taken::Erased(key)) } else { Err(BadRecord::NoValue) };
        };
        if value.len() > desk.settings.record_bytes_max {
            return Err(BadRecord::TooLong);
        }
        let (id, datum) = frame::split(value)?;
        let now = desk.clock.monotonic();
        let datum = match desk.schemas.find(topic, id, now) {
            Known::Plan(plan) => plan.datum(datum, scratch)?,
            Known::Bad(bad) => return Err(bad),
            // The head of a queue is looked at before it is taken.
            Known::NotYet => return Err(BadRecord::UnknownSchema(id)),
        };
        if topic == InputTopic::Control {
            return control::decode(datum).map(|order| Taken::Control(Box::new(order)));
        }
        let key = frame::account_key(record.key())?;
        let decoded = event::decode(topic, datum)?;
        if decoded.account_id != key {
            return Err(BadRecord::KeyDiffers);
        }
        Ok(Taken::Input(key, decoded.event))
    }

    /// Puts a record on the dead letters as it was, and marks who may be concerned: no bar there until it is looked at.
    fn dead_letter<B: Broker, C: Clock>(
        &mut self,
        desk: &mut Desk<B, C>,
        topic: InputTopic,
        record: &Record,
        bad: &BadRecord,
    ) -> Result<(), Halt> {
        desk.begin()?;
        let origin = Origin {
            topic: topic.contract_name(),
            partition: i32::try_from(self.partition).unwrap_or(i32::MAX),
            offset: record.offset,
            timestamp: Some(record.timestamp),
        };
        let originals = record.headers.as_ref().map_or(&[][..], |h| h.as_slice());
        let headers = deadletter::headers(&origin, bad, record.key(), originals);
        let headers: Vec<(&str, Option<&[u8]>)> =
            headers.iter().map(|(name, value)| (&**name, value.as_deref())).collect();
        desk.broker.send(&OutRecord {
            topic: OutputTopic::DeadLetters,
            partition: self.partition,
            timestamp: record.timestamp,
            key: record.key(),
            value: record.value(),
            headers: &headers,
        })?;
        *desk.batch.dead_letters.entry(bad.word()).or_default() += 1;
        tracing::warn!(
            partition = self.partition,
            offset = record.offset,
            topic = topic.contract_name(),
            class = bad.word(),
            "dead letter"
        );
        self.mark(topic, record)
    }

    fn mark(&mut self, topic: InputTopic, record: &Record) -> Result<(), Halt> {
        if !topic.moves_money() {
            return Ok(());
        }
        let mark = StaleMark { topic, offset: record.offset };
        match frame::account_key(record.key()) {
            Ok(account) => {
                let slot = self.memory.find_or_add(account);
                let marked = self.memory.mark_stale(slot, mark, STALE_MAX, &self.store);
                marked.map_err(|e| Halt::memory(self.partition, e))
            }
            Err(_) => {
                self.mark_stale(mark);
                Ok(())
            }
        }
    }

    /// An operator's order.
    fn obey<B: Broker, C: Clock>(&mut self, desk: &mut Desk<B, C>, order: ControlEvent) -> Result<(), Halt> {
        match order.body {
            ControlBody::PolicyPublished { text, effective_from, .. } => {
                match policy::parse("dunning.control", &text) {
                    Ok(loaded) => {
                        let from = effective_from.unwrap_or(self.clock).max(self.clock);
                        if self.add_policy(from, Arc::new(loaded.policy), text) {
                            tracing::info!(partition = self.partition, %from, "a new policy version is in force");
                        }
                    }
                    Err(errors) => {
                        tracing::error!(partition = self.partition, %errors, "a published policy cannot be read; it is not in force");
                    }
                }
            }
            ControlBody::BarsReleased { account_id } => self.release_bars(desk, account_id.as_deref())?,
            ControlBody::StaleReleased { account_id, topic, offset } => {
                self.release_stale(account_id.as_deref(), StaleMark { topic, offset })?;
            }
        }
        Ok(())
    }

    fn release_bars<B: Broker, C: Clock>(&mut self, desk: &mut Desk<B, C>, account: Option<&str>) -> Result<(), Halt> {
        let now = if desk.is_stream() { self.clock } else { desk.clock.now() };
        let Some(account) = account else {
            self.counters.released_until = Some(now.plus(WINDOW_MS));
            self.gate.again(|_, hold| hold == Hold::Budget);
            return Ok(());
        };
        let Some(slot) = self.memory.find(account) else { return Ok(()) };
        for (bar, _) in self.gate.again(|bar, hold| bar == slot && hold == Hold::Budget) {
            self.meet(desk, bar, &Event::Gate(GateAnswer::Released), now, None)?;
        }
        Ok(())
    }

    fn release_stale(&mut self, account: Option<&str>, mark: StaleMark) -> Result<(), Halt> {
        match account.and_then(|a| self.memory.find(a)) {
            Some(slot) => {
                let lifted = self.memory.lift_stale(slot, mark, &self.store);
                lifted.map_err(|e| Halt::memory(self.partition, e))?;
            }
            None => {
                self.lift_stale(mark);
            }
        }
        self.gate.again(|_, hold| matches!(hold, Hold::StaleAccount | Hold::StaleShard));
        Ok(())
    }
}

/// A record that could be read.
enum Taken<'r> {
    Input(&'r str, Input<'r>),
    Erased(&'r str),
    Control(Box<ControlEvent>),
}
