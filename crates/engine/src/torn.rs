//! Transactions that were torn: the broker is asked to end a transaction in one piece, and there are failures after which
//! it did not (a request for the end of one that arrives within the next, KAFKA-17754). So before a shard runs, what lies
//! on its outputs is held against its checkpoint, which names what its transaction wrote there.
//!
//! What is missing is sent again, as it was. What lies there without the state that it belongs to is made again when the
//! inputs are read again from the checkpoint: it is recognised then, and not sent twice. Where it is not made again,
//! because something came in between, its number is passed over and a bar is lifted.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use dunning_rules::{Action, ChargeKind, Command, Event, Found, FoundAction, LedgerKind, Timestamp, step};
use dunning_store::Store;
use dunning_wire::command::{self, ActionView, CommandView};
use dunning_wire::state::{Checkpoint, Kept, Outbox};
use dunning_wire::topic::{InputTopic, OutputTopic};
use dunning_wire::{deadletter, frame};

use crate::desk::{Desk, Halt};
use crate::memory::SlotId;
use crate::planted::Planted;
use crate::shard::{Phase, Shard};
use crate::{Broker, Clock, Ends, OutRecord, Record};

/// The outputs that are compared. Decisions are not: nothing hangs on them, and their numbers show a gap.
pub const COMPARED: [OutputTopic; 6] = [
    OutputTopic::Notifications,
    OutputTopic::Barring,
    OutputTopic::Restoration,
    OutputTopic::DeadLetters,
    OutputTopic::Retries,
    OutputTopic::Ledger,
];

/// Under `wall`, commands that were found and not made again within so long after the inputs were read are given up: a
/// bar has had its look at the inputs by then.
const PATIENCE: Duration = Duration::from_secs(15);

/// What tells a record of an output from every other.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Mark {
    Command(OutputTopic, String, u64),
    Letter(String, i64),
}

/// Outputs that are being compared.
#[derive(Debug)]
pub struct Trace {
    /// Topics that were not read to their end yet.
    waits: BTreeSet<OutputTopic>,
    /// What has to be there: place in the outbox.
    wanted: BTreeMap<Mark, usize>,
    outbox: Outbox,
}

impl Trace {
    /// True once every topic was read.
    pub fn is_done(&self) -> bool {
        self.waits.is_empty()
    }
}

/// What lies on the outputs and no state knows of.
#[derive(Debug, Default)]
pub struct Torn {
    commands: BTreeMap<(SlotId, u64), CommandView>,
    letters: BTreeSet<(InputTopic, i64)>,
    /// When the inputs were seen to be read.
    since: Option<Duration>,
    /// Under `stream`, where the inputs ended when it was found: what it came from lies before.
    until: Vec<Ends>,
}

impl Torn {
    pub fn is_empty(&self) -> bool {
        self.commands.is_empty() && self.letters.is_empty()
    }

    /// Whether this dead letter lies there already; it is asked once.
    pub fn takes_letter(&mut self, topic: InputTopic, offset: i64) -> bool {
        self.letters.remove(&(topic, offset))
    }

    /// Whether this command lies there already; it is asked once.
    pub fn takes(&mut self, slot: SlotId, command: &Command) -> bool {
        let there = self.commands.get(&(slot, command.sequence)).is_some_and(|found| is_same(found, command));
        there && self.commands.remove(&(slot, command.sequence)).is_some()
    }

    fn of(&self, slot: SlotId) -> impl Iterator<Item = &CommandView> {
        self.commands.range((slot, 0)..=(slot, u64::MAX)).map(|(_, view)| view)
    }

    fn take_of(&mut self, slot: SlotId) -> Vec<CommandView> {
        let keys: Vec<_> = self.commands.range((slot, 0)..=(slot, u64::MAX)).map(|(key, _)| *key).collect();
        keys.iter().filter_map(|key| self.commands.remove(key)).collect()
    }
}

/// Whether two commands with one number tell their receiver the same. The instant of the decision may differ.
fn is_same(found: &CommandView, command: &Command) -> bool {
    let action = match (&found.action, &command.action) {
        (ActionView::Notify { template, .. }, Action::Notify { template: own, .. }) => **template == **own,
        (ActionView::Withdraw { cancels, .. }, Action::Withdraw { cancels: own, .. }) => *cancels == own.to_string(),
        (ActionView::Bar { level, .. }, Action::Bar { level: own, .. }) => *level == own.symbol(),
        (ActionView::Restore { lifts, .. }, Action::Restore { lifts: own, lifts_imported, .. }) => {
            let own = own.iter().map(ToString::to_string).chain(lifts_imported.iter().map(ToString::to_string));
            lifts.iter().cloned().eq(own)
        }
        (ActionView::Retry { payment_id, attempt, .. }, Action::Retry { payment, attempt: own, .. }) => {
            **payment_id == **payment && attempt == own && found.amount_due == command.amount_due
        }
        (ActionView::Ledger { kind, tax, reverses, .. }, Action::Ledger { kind: own, tax: of, reverses: back, .. }) => {
            let same = *kind == own.symbol() && tax == of && found.amount_due == command.amount_due;
            same && *reverses == back.map(|id| id.to_string())
        }
        _ => false,
    };
    let cycle = found.cycle_id.rsplit_once('/').map_or(0, |(_, n)| n.parse().unwrap_or(0));
    // A restoration names no bills.
    let bills = found.bill_ids.is_empty()
        || found.bill_ids.iter().map(String::as_str).eq(command.bill_ids.iter().map(|b| &**b));
    action && bills && cycle == command.cycle && *found.step == *command.step && *found.policy == *command.policy
}

fn mark(
    topic: OutputTopic,
    value: Option<&[u8]>,
    headers: &[deadletter::Header],
) -> Option<(Mark, Option<CommandView>)> {
    if topic == OutputTopic::DeadLetters {
        let marks = deadletter::read(headers)?;
        return Some((Mark::Letter(marks.topic, marks.offset), None));
    }
    let view = command::decode(topic, frame::split(value?).ok()?.1).ok()?;
    Some((Mark::Command(topic, view.account_id.clone(), view.sequence), Some(view)))
}

impl<S: Store> Shard<S> {
    /// Begins to compare the outputs with a checkpoint.
    pub fn begin_trace<B: Broker, C: Clock>(
        &mut self,
        desk: &mut Desk<B, C>,
        checkpoint: &Checkpoint,
    ) -> Result<(), Halt> {
        let waits = desk.broker.trace(self.partition, &checkpoint.output_ends)?.into_iter().collect();
        let marks = checkpoint.outbox.iter().enumerate();
        let wanted = marks.filter_map(|(i, k)| Some((mark(k.topic, k.value, &k.headers)?.0, i))).collect();
        self.torn = Torn::default();
        self.trace = Some(Trace { waits, wanted, outbox: checkpoint.outbox.clone() });
        Ok(())
    }

    /// True while outputs are compared.
    pub fn is_tracing(&self) -> bool {
        self.trace.as_ref().is_some_and(|t| !t.is_done())
    }

    /// A record of an output that is compared.
    pub fn trace_record(&mut self, topic: OutputTopic, record: &Record, now: Duration) -> Result<(), Halt> {
        let (Some(trace), Phase::Restoring { since, checkpoint, .. }) = (&mut self.trace, &mut self.phase) else {
            return Ok(());
        };
        *since = now;
        let headers = record.headers.as_ref().map_or(&[][..], |h| h.as_slice());
        // What is none of this program's records is nobody's to compare.
        let Some((mark, view)) = mark(topic, record.value(), headers) else { return Ok(()) };
        if trace.wanted.remove(&mark).is_some() {
            return Ok(());
        }
        match (mark, view) {
            (Mark::Letter(topic, offset), _) => {
                let Some(topic) = InputTopic::from_contract_name(&topic) else { return Ok(()) };
                let next = checkpoint.as_ref().and_then(|c| c.positions.iter().find(|(t, _)| *t == topic));
                if next.is_some_and(|(_, next)| offset >= *next) {
                    self.torn.letters.insert((topic, offset));
                }
            }
            (Mark::Command(_, account, sequence), Some(view)) => {
                let slot = self.memory.find_or_add(&account);
                let row = self.memory.look(slot, &self.store).map_err(|e| Halt::memory(self.partition, e))?;
                if row.is_none_or(|row| row.account.sequence < sequence) {
                    self.torn.commands.insert((slot, sequence), view);
                }
            }
            (Mark::Command(..), None) => {}
        }
        Ok(())
    }

    /// An output was read to its end.
    pub fn trace_end(&mut self, topic: OutputTopic) {
        if let Some(trace) = &mut self.trace {
            trace.waits.remove(&topic);
        }
    }

    /// Sends what the outputs lack, as it was, in the transaction that is open now.
    pub fn mend<B: Broker, C: Clock>(&mut self, desk: &mut Desk<B, C>) -> Result<(), Halt> {
        let Some(trace) = self.trace.take() else { return Ok(()) };
        let missing: BTreeSet<usize> = trace.wanted.into_values().collect();
        if Planted::MissingOutputsStayMissing.is_on() {
            return Ok(());
        }
        for (_, kept) in trace.outbox.iter().enumerate().filter(|(i, _)| missing.contains(i)) {
            self.send_again(desk, &kept)?;
        }
        if desk.is_stream() && !self.torn.commands.is_empty() {
            self.torn.until = desk.broker.ends(self.partition)?;
        }
        self.say_torn(missing.len());
        Ok(())
    }

    fn say_torn(&self, missing: usize) {
        if missing > 0 || !self.torn.is_empty() {
            let without_state = self.torn.commands.len() + self.torn.letters.len();
            let partition = self.partition;
            tracing::warn!(partition, missing, without_state, "a transaction was torn: what is missing is sent again");
        }
    }

    fn send_again<B: Broker, C: Clock>(&mut self, desk: &mut Desk<B, C>, kept: &Kept<'_>) -> Result<(), Halt> {
        if !kept.is_whole {
            tracing::error!(
                partition = self.partition,
                "a dead letter is missing on its topic and was too long to be kept: its record still holds bars; find it \
                 by the account's marks"
            );
            desk.meters.torn.add("lost", 1);
            return Ok(());
        }
        let headers: Vec<(&str, Option<&[u8]>)> = kept.headers.iter().map(|(n, v)| (&**n, v.as_deref())).collect();
        desk.begin()?;
        desk.meters.torn.add("sent_again", 1);
        self.changed = true;
        desk.send(&OutRecord {
            topic: kept.topic,
            partition: self.partition,
            timestamp: kept.timestamp,
            key: kept.key,
            value: kept.value,
            headers: &headers,
        })
    }

    /// Before an event meets an account of which commands were found: where it would command something else under the
    /// same number, those are passed over first.
    pub fn make_way<B: Broker, C: Clock>(
        &mut self,
        desk: &mut Desk<B, C>,
        slot: SlotId,
        event: &Event<'_>,
        now: Timestamp,
    ) -> Result<(), Halt> {
        if self.torn.of(slot).next().is_none() {
            return Ok(());
        }
        let row = self.memory.look(slot, &self.store).map_err(|e| Halt::memory(self.partition, e))?;
        let account = row.map_or_else(|| dunning_rules::Account::new(self.memory.key(slot)), |row| row.account);
        let said = step(account, event, &self.book, now).commands;
        let fits = |command: &Command| {
            self.torn.commands.get(&(slot, command.sequence)).is_none_or(|found| is_same(found, command))
        };
        if said.iter().all(fits) { Ok(()) } else { self.pass_over(desk, slot, now) }
    }

    /// The commands that were found of an account are not made again.
    fn pass_over<B: Broker, C: Clock>(
        &mut self,
        desk: &mut Desk<B, C>,
        slot: SlotId,
        now: Timestamp,
    ) -> Result<(), Halt> {
        let found: Vec<Found> = self.torn.take_of(slot).into_iter().map(found).collect();
        desk.meters.torn.add("passed_over", found.len() as u64);
        desk.batch.count(desk.clock.monotonic());
        self.meet(desk, slot, &Event::Found(&found), now, None).map(drop)
    }

    /// Gives up what was found and is not made again: once the inputs were read to where they ended then, and under `wall`
    /// some time later.
    pub fn settle_torn<B: Broker, C: Clock>(&mut self, desk: &mut Desk<B, C>, reached: Timestamp) -> Result<(), Halt> {
        if self.torn.commands.is_empty() {
            return Ok(());
        }
        let is_over = if desk.is_stream() {
            self.torn.until.iter().all(|end| self.queues.has_reached(end))
        } else {
            let mono = desk.clock.monotonic();
            mono.saturating_sub(*self.torn.since.get_or_insert(mono)) >= PATIENCE
        };
        let slots: BTreeSet<SlotId> = self.torn.commands.keys().filter(|_| is_over).map(|(slot, _)| *slot).collect();
        slots.into_iter().try_for_each(|slot| self.pass_over(desk, slot, reached))
    }
}

fn found(view: CommandView) -> Found {
    let what = match view.action {
        ActionView::Notify { .. } | ActionView::Withdraw { .. } => FoundAction::Told,
        ActionView::Bar { .. } => FoundAction::Barred,
        ActionView::Retry { payment_id, attempt, .. } => {
            FoundAction::Retried { payment: payment_id.into(), attempt, amount: view.amount_due }
        }
        ActionView::Ledger { kind, code, tax, reverses, .. } => {
            let kinds = [(LedgerKind::Fee, ChargeKind::Fee), (LedgerKind::Interest, ChargeKind::Interest)];
            let charge = kinds.into_iter().find(|(known, _)| known.symbol() == kind).map(|(_, charge)| charge);
            let (name, code, amount) = (view.step.into(), code.into(), view.amount_due);
            match (charge, reverses.and_then(|id| id.parse().ok())) {
                (Some(kind), _) => FoundAction::Charged { kind, name, code, amount, tax },
                (None, Some(reverses)) => FoundAction::Waived { reverses, amount },
                (None, None) => match view.bill_ids.first().filter(|_| kind == LedgerKind::WriteOff.symbol()) {
                    Some(bill) => FoundAction::WriteOffAsked { bill: bill.as_str().into(), amount },
                    None => FoundAction::Told,
                },
            }
        }
        ActionView::Restore { lifts, .. } => {
            FoundAction::Restored(lifts.iter().filter_map(|id| id.parse().ok()).collect())
        }
    };
    Found { sequence: view.sequence, what }
}

#[cfg(test)]
mod tests {
    use dunning_rules::{BarLevel, Channel, Minor, RestorationReason, command_id};

    use super::*;

    fn told(template: &str) -> Action {
        Action::Notify {
            channel: Channel::Email,
            address: "".into(),
            template: template.into(),
            language: "de".into(),
            payment_link: None,
            purpose: "reminder".into(),
            mandatory: false,
            announced_for: None,
            offer: vec![],
            follows: None,
            localised: false,
        }
    }

    fn barred(level: BarLevel) -> Action {
        Action::Bar { level, services: vec![], claims: vec![], warnings: vec![], announced_for: None }
    }

    fn restored(lifts: &[u64]) -> Action {
        let lifts = lifts.iter().map(|sequence| command_id("acc-1", *sequence)).collect();
        Action::Restore {
            lifts,
            lifts_imported: vec![],
            services: vec![],
            claims: vec![],
            reason: RestorationReason::Paid,
        }
    }

    fn command(action: Action) -> Command {
        Command {
            id: command_id("acc-1", 3),
            sequence: 3,
            decided_at: Timestamp::from_millis(0),
            policy: "consumer@1".into(),
            step: "step".into(),
            amount_due: Minor::new(5_000),
            currency: None,
            cycle: 2,
            cause_event_id: None,
            bill_ids: vec!["b1".into(), "b2".into()],
            action,
        }
    }

    /// As it lies on its topic.
    fn found(command: &Command) -> CommandView {
        let mut datum = Vec::new();
        command::encode("acc-1", command, &mut datum);
        command::decode(command::topic_of(command), &datum).expect("a command")
    }

    #[test]
    fn a_command_that_is_made_again_is_known_by_all_that_it_says() {
        let actions = [
            told("mild"),
            told("strict"),
            barred(BarLevel::Outgoing),
            barred(BarLevel::Full),
            restored(&[1]),
            restored(&[1, 2]),
            restored(&[2]),
        ];
        for (i, own) in actions.iter().enumerate() {
            for (j, other) in actions.iter().enumerate() {
                assert_eq!(
                    is_same(&found(&command(other.clone())), &command(own.clone())),
                    i == j,
                    "{other:?} is {own:?}"
                );
            }
        }
        for action in [told("mild"), barred(BarLevel::Full)] {
            let own = command(action);
            let there = found(&own);
            // Whatever else it says, when it was decided and why, it is the same one.
            assert!(is_same(
                &there,
                &Command { amount_due: Minor::new(1), cause_event_id: Some("e".into()), ..own.clone() }
            ));
            let others = [
                Command { cycle: 1, ..own.clone() },
                Command { step: "other".into(), ..own.clone() },
                Command { policy: "consumer@2".into(), ..own.clone() },
                Command { bill_ids: vec!["b1".into()], ..own.clone() },
            ];
            for other in others {
                assert!(!is_same(&there, &other), "{other:?}");
            }
        }
    }

    #[test]
    fn what_was_found_is_taken_once_and_for_its_own_account() {
        let mut torn = Torn::default();
        assert!(torn.is_empty());
        let own = command(told("mild"));
        torn.commands.insert((4, 3), found(&own));
        torn.commands.insert((5, 3), found(&own));
        assert!(!torn.is_empty());
        assert_eq!((torn.of(4).count(), torn.of(6).count()), (1, 0));
        assert!(!torn.takes(6, &own) && !torn.takes(4, &Command { sequence: 2, ..own.clone() }));
        assert!(!torn.takes(4, &command(told("strict"))), "another one leaves it there");
        assert!(torn.takes(4, &own) && !torn.takes(4, &own));
        assert_eq!(torn.take_of(5).len(), 1);
        assert!(torn.is_empty());
        torn.letters.insert((InputTopic::Bills, 7));
        assert!(!torn.is_empty());
        assert!(torn.takes_letter(InputTopic::Bills, 7) && !torn.takes_letter(InputTopic::Bills, 7));
        assert!(torn.is_empty());
    }
}
