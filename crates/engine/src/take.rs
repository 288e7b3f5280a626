//! One record, one deadline, one answer of the gate: what becomes of it.

use dunning_rules::{
    Account, Action, Code, Event, Input, NoEffect, Outcome, RestorationReason, Timestamp, Transition, invariant, step,
};
use dunning_store::Store;
use dunning_wire::control::ControlEvent;
use dunning_wire::deadletter::{self, Origin};
use dunning_wire::decision::Cause;
use dunning_wire::state::StaleMark;
use dunning_wire::topic::{InputTopic, OutputTopic};
use dunning_wire::{BadRecord, command, control, decision, event, frame};

use crate::desk::{Desk, Halt};
use crate::memory::SlotId;
use crate::planted::Planted;
use crate::schemas::Known;
use crate::shard::{STALE_MAX, Shard};
use crate::{Broker, Clock, Mode, OutRecord, Record, Witnessed};

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
        // Asked before the record counts as read: the last one behind the ends is part of what is behind.
        let behind = !desk.is_stream() && !self.is_caught_up();
        let Some(record) = self.queues.take(topic) else { return Ok(()) };
        desk.batch.count(desk.clock.monotonic());
        desk.meters.consumed[topic as usize].one();
        desk.broker.witness(&Witnessed::Taken { partition: self.partition, topic, offset: record.offset });
        self.changed = true;
        let mut scratch = std::mem::take(&mut desk.scratch);
        let taken = match self.decode(desk, topic, &record, &mut scratch) {
            Err(bad) => self.dead_letter(desk, topic, &record, &bad),
            Ok(Taken::Control(order)) => match self.obey(desk, *order) {
                Ok(true) => Ok(()),
                Ok(false) => self.dead_letter(desk, topic, &record, &BadRecord::BadOrder),
                Err(halt) => Err(halt),
            },
            Ok(Taken::Erased(account)) => {
                let now = self.now(desk, record.timestamp);
                let slot = self.memory.find_or_add(account);
                self.meet(desk, slot, &Event::Erased, now, Some((topic, &record))).map(|_| ())
            }
            Ok(Taken::Input(account, input)) => self.take_input(desk, topic, &record, (account, input), behind),
        };
        desk.scratch = scratch;
        taken
    }

    fn take_input<B: Broker, C: Clock>(
        &mut self,
        desk: &mut Desk<B, C>,
        topic: InputTopic,
        record: &Record,
        (account, input): (&str, Input<'_>),
        behind: bool,
    ) -> Result<(), Halt> {
        let now = self.now(desk, record.timestamp);
        if topic == InputTopic::Usage && !desk.is_stream() {
            // No step uses it yet, and under `wall` it moves no line: the account is left where it is.
            *desk.batch.no_effects.entry(NoEffect::Usage.word()).or_default() += 1;
            return Ok(());
        }
        let slot = self.memory.find_or_add(account);
        if !desk.is_stream() && !behind {
            self.fire_own(desk, slot, record.timestamp.min(now), now)?;
        }
        let event = if behind { Event::Backlog(input) } else { Event::Input(input) };
        match self.meet(desk, slot, &event, now, Some((topic, record)))? {
            Outcome::Refused(refusal) => self.dead_letter(desk, topic, record, &refusal.into()),
            Outcome::Applied | Outcome::NoEffect(_) => match self.replayed(topic, record) {
                Some(mark) => self.release_stale(Some(account), mark),
                None => Ok(()),
            },
        }
    }

    /// The mark of the record that this one puts back, where a person replayed a dead letter of this shard.
    fn replayed(&self, topic: InputTopic, record: &Record) -> Option<StaleMark> {
        let place = deadletter::replayed(record.headers.as_deref()?)?;
        let is_ours = place.topic == topic && place.partition == self.partition && place.offset < record.offset;
        (is_ours && topic.moves_money()).then_some(StaleMark { topic, offset: place.offset })
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

    /// An account's own deadlines come before its next event, as far as they fell due before it happened.
    fn fire_own<B: Broker, C: Clock>(
        &mut self,
        desk: &mut Desk<B, C>,
        slot: SlotId,
        before: Timestamp,
        now: Timestamp,
    ) -> Result<(), Halt> {
        // Each deadline moves the account on; a policy has few steps, and a waiting account has no deadline.
        for _ in 0..64 {
            match self.memory.deadline(slot) {
                Some(due) if due < before => self.fire(desk, slot, now)?,
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
    pub fn meet<B: Broker, C: Clock>(
        &mut self,
        desk: &mut Desk<B, C>,
        slot: SlotId,
        event: &Event<'_>,
        now: Timestamp,
        cause: Option<(InputTopic, &Record)>,
    ) -> Result<Outcome, Halt> {
        if !self.torn.is_empty() && !matches!(event, Event::Found(_)) {
            self.make_way(desk, slot, event, now)?;
        }
        let mut row = self.memory.take(slot, &self.store).map_err(|e| Halt::memory(self.partition, e))?;
        let before = row.account.pending().copied();
        let was = invariant::Before::of(&row.account);
        let account = std::mem::replace(&mut row.account, Account::new(""));
        let transition = step(account, event, &self.book, now);
        let account = self.memory.key(slot);
        desk.broker.witness(&Witnessed::Met { partition: self.partition, account, event, now });
        // Numbers that were found are passed over by design.
        let judged = !matches!(event, Event::Found(_));
        for rule in invariant::broken(&was, &transition, &self.book).into_iter().filter(|_| judged) {
            desk.broke(self.partition, rule);
        }
        let outcome = transition.outcome;
        if let Outcome::NoEffect(reason) = outcome {
            *desk.batch.no_effects.entry(reason.word()).or_default() += 1;
        }
        self.say(desk, slot, &transition, cause)?;
        let line = transition.account.line;
        let pending = transition.account.pending().copied();
        row.account = transition.account;
        self.memory.put(slot, row);
        match pending {
            Some(bar) if bar.held.is_none() && before != pending => self.bar_pending(desk, slot, line)?,
            Some(bar) if bar.held.is_none_or(|h| !h.is_own()) => {}
            _ if before.is_some() => self.gate.remove(slot),
            _ => {}
        }
        Ok(outcome)
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
            if self.torn.takes(slot, command) && !Planted::FoundOutputsAreSentAgain.is_on() {
                desk.meters.torn.add("there_already", 1);
            } else {
                desk.emit(topic, partition, command.decided_at, account.as_bytes(), |out| {
                    command::encode(account, command, out)
                })?;
            }
            let word = match &command.action {
                Action::Notify { .. } => "notification",
                Action::Withdraw { .. } => "withdrawal",
                Action::Retry { .. } => "retry",
                Action::Ledger { .. } => "ledger",
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
            if matches!(decision.code, Code::Erased | Code::StateErased) {
                self.leaving.note(desk.clock.now());
            }
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
        if self.torn.takes_letter(topic, record.offset) {
            desk.meters.torn.add("there_already", 1);
        } else {
            desk.send(&OutRecord {
                topic: OutputTopic::DeadLetters,
                partition: self.partition,
                timestamp: record.timestamp,
                key: record.key(),
                value: record.value(),
                headers: &headers,
            })?;
        }
        *desk.batch.dead_letters.entry(bad.word()).or_default() += 1;
        desk.broker.witness(&Witnessed::DeadLetter { partition: self.partition });
        if desk.says_letter() {
            tracing::warn!(
                partition = self.partition,
                offset = record.offset,
                topic = topic.contract_name(),
                class = bad.word(),
                "dead letter"
            );
        }
        self.mark(topic, record)
    }

    fn mark(&mut self, topic: InputTopic, record: &Record) -> Result<(), Halt> {
        if !topic.moves_money() {
            return Ok(());
        }
        let mark = StaleMark { topic, offset: record.offset };
        let account = frame::account_key(record.key());
        if let Some(first) = self.replayed(topic, record) {
            // The newer dead letter is the one to be looked at: its mark takes the place of the older one.
            self.lift_remembered(account.as_deref().ok(), first)?;
        }
        match account {
            Ok(account) => {
                let slot = self.memory.find_or_add(account);
                let marked = self.memory.mark_stale(slot, mark, STALE_MAX, &self.store);
                if !marked.map_err(|e| Halt::memory(self.partition, e))? {
                    // More than are remembered one by one: the shard remembers that there are more.
                    self.mark_stale(mark);
                }
                Ok(())
            }
            Err(_) => {
                self.mark_stale(mark);
                Ok(())
            }
        }
    }
}

/// A record that could be read.
enum Taken<'r> {
    Input(&'r str, Input<'r>),
    Erased(&'r str),
    Control(Box<ControlEvent>),
}
