use std::sync::Arc;

use uuid::Uuid;

use super::balance::Rejected;
use super::charging::FoundCharge;
use super::ladder::{Ladder, Lifted, zone_of};
use crate::{
    Account, BarDecided, Body, Code, Event, Found, FoundAction, GateAnswer, IdHash, Input, Interaction, NoEffect,
    Outcome, Policy, PolicyBook, Refusal, RestorationReason, Timestamp, Transit, Transition, Zone, command_id,
};

/// The one function: what an account becomes, and what is said, when an event meets it at an instant.
///
/// `now` is the clock with the event. An event is applied at `now` or, where it comes late, at the instant that the
/// account's line has reached. A deadline is taken at the instant it fell due or, where it comes later than the policy
/// bears, at `now`. Total: no panic, no clock, no I/O; a refused event leaves the account as it was.
#[must_use]
pub fn step(mut account: Account, event: &Event<'_>, policies: &PolicyBook, now: Timestamp) -> Transition {
    let policy = policy_of(&account, policies, now);
    match event {
        Event::Input(input) => take_input(account, input, policy, policies, now, false),
        Event::Backlog(input) => take_input(account, input, policy, policies, now, true),
        Event::Deadline => take_deadline(account, policy, policies, now),
        Event::Gate(answer) => take_answer(account, *answer, policy, policies, now),
        Event::Erased => {
            account.line = account.line.max(now);
            if !account.erase_person() {
                return nothing(account, Outcome::NoEffect(NoEffect::RepeatedEvent));
            }
            let mut ladder = Ladder::new(&mut account, policy, None);
            ladder.decide(Code::Erased, None, None);
            ladder.review(RestorationReason::Adjustment);
            finish(ladder, policies, Outcome::Applied).with(account)
        }
        Event::Found(found) => take_found(account, found, policy, policies, now),
    }
}

/// What a ladder said, without the account that it still borrows.
struct Said {
    commands: Vec<crate::Command>,
    decisions: Vec<crate::Decision>,
    outcome: Outcome,
}

impl Said {
    fn with(self, account: Account) -> Transition {
        Transition { account, commands: self.commands, decisions: self.decisions, outcome: self.outcome }
    }
}

fn finish(mut ladder: Ladder<'_>, policies: &PolicyBook, outcome: Outcome) -> Said {
    // A cycle that ended may have followed an older version: what comes next follows the one in force.
    if ladder.account.cycle.is_none() {
        ladder.follow(policies.current(ladder.account.line));
    }
    ladder.accrue(ladder.account.line);
    ladder.account.tidy_aside();
    ladder.erase_rest();
    ladder.forget_ids(policies.dedupe_horizon_days);
    ladder.schedule(policies.dedupe_horizon_days);
    Said { commands: ladder.commands, decisions: ladder.decisions, outcome }
}

fn nothing(mut account: Account, outcome: Outcome) -> Transition {
    account.tidy_aside();
    Transition { account, commands: Vec::new(), decisions: Vec::new(), outcome }
}

/// The policy of the cycle that runs; without one, the policy that a new cycle would take.
fn policy_of(account: &Account, policies: &PolicyBook, now: Timestamp) -> Arc<Policy> {
    let own = account.cycle.as_ref().and_then(|c| policies.get(&c.policy));
    own.unwrap_or_else(|| policies.current(account.line.max(now))).clone()
}

fn take_input(
    mut account: Account,
    input: &Input<'_>,
    policy: Arc<Policy>,
    policies: &PolicyBook,
    now: Timestamp,
    behind: bool,
) -> Transition {
    let at = account.line.max(now);
    let today = Zone::UTC.day_of(at);
    let oldest = policies.dedupe_horizon_days.map(|days| today.plus(-i32::try_from(days).unwrap_or(i32::MAX)));
    // A profile is the whole truth about its customer, however long ago it was written.
    let ages = !matches!(input.body, Body::Profile(_));
    if ages && oldest.is_some_and(|day| Zone::UTC.day_of(input.occurred_at) < day) {
        return nothing(account, Outcome::Refused(Refusal::TooOld));
    }
    let charges = account.charges().cloned();
    if policy.accrues() {
        Ladder::new(&mut account, policy.clone(), None).accrue(at);
    }
    let id = remembered(&input.body).then(|| IdHash::of(input.event_id));
    let moved = if id.is_some_and(|id| account.seen.contains(id)) {
        Err(NoEffect::RepeatedEvent.into())
    } else {
        // Usage is watched by the version in force: the event itself may bring the cycle under it.
        let watches = matches!(input.body, Body::UsageRecorded(_));
        change(&mut account, &input.body, if watches { policies.current(at) } else { &policy }, at)
    };
    let outcome = match moved {
        Ok(()) => Outcome::Applied,
        Err(Rejected::NoEffect(reason)) => Outcome::NoEffect(reason),
        Err(Rejected::Refused(reason)) => {
            account.restore_charges(charges);
            return nothing(account, Outcome::Refused(reason));
        }
    };
    account.line = at;
    if let Some(id) = id.filter(|_| outcome != Outcome::NoEffect(NoEffect::RepeatedEvent)) {
        account.seen.insert(id, today);
    }
    if let Some(day) = oldest.filter(|_| matches!(input.body, Body::BillIssued { .. })) {
        account.forget_before(day);
    }
    let mut ladder = Ladder::new(&mut account, policy, Some(input.event_id));
    ladder.behind = behind;
    // What was said before changes nothing, not even the version.
    if outcome != Outcome::NoEffect(NoEffect::RepeatedEvent) {
        ladder.change(policies);
    }
    match &input.body {
        Body::Interaction(what) => {
            ladder.note_interaction(what, outcome);
            if outcome == Outcome::Applied {
                ladder.note_contact_made(what);
                ladder.note_service(what);
            }
        }
        body if outcome == Outcome::Applied => {
            ladder.note_bill(body);
            ladder.note_charged(body);
            ladder.account.keep_lines(body);
        }
        _ => {}
    }
    ladder.note_money(&input.body, outcome);
    ladder.note_collected(&input.body, outcome);
    ladder.comes_back = outcome == Outcome::Applied && ladder.brings_back(&input.body);
    if outcome == Outcome::Applied && matches!(input.body, Body::BillIssued { origin: None, .. }) {
        ladder.charge_with_bill();
    }
    ladder.charge_at_end();
    ladder.settle_pauses();
    ladder.settle_retries();
    ladder.review(reason_of(&input.body));
    finish(ladder, policies, outcome).with(account)
}

/// A repeated usage record changes nothing anyway, and there are many of them.
const fn remembered(body: &Body<'_>) -> bool {
    !matches!(body, Body::UsageRecorded(_))
}

/// What the event does to the account, the ladder aside. Changes nothing where it is refused.
fn change(account: &mut Account, body: &Body<'_>, policy: &Arc<Policy>, at: Timestamp) -> Result<(), Rejected> {
    account.was_erased(body)?;
    match body {
        Body::Profile(profile) => {
            // One that says nothing new of the ways to the customer does not undo what they reported.
            if account.profile.as_ref().is_none_or(|known| known.contacts != profile.contacts) {
                account.forget_reports();
            }
            account.note_return();
            let mut profile = profile.clone();
            account.put_facts(profile.facts.take());
            account.profile = Some(profile);
        }
        Body::Interaction(Interaction::ContactMade { .. }) => {}
        Body::Interaction(Interaction::ServiceReported { command_id, result, .. }) => {
            account.admit_report(command_id, *result)?;
        }
        Body::Interaction(what @ Interaction::StateImported { .. }) => return account.import(what, policy),
        Body::PaymentInitiated { payment_id, amount, currency, expected_by } => {
            account.in_currency(*currency)?;
            let until = Ladder::new(account, policy.clone(), None).counts_until(*expected_by, at)?;
            return account.announce(Transit { id: (*payment_id).into(), amount: *amount, until });
        }
        Body::BalanceStated { as_of, balance, currency } => {
            account.in_currency(*currency)?;
            return account.compare(*as_of, *balance);
        }
        Body::UsageRecorded(usage) => {
            let Some(rule) = policy.options.early_warning.as_deref() else { return Err(NoEffect::Usage.into()) };
            let zone = zone_of(account, policy);
            return account.count_usage(usage, rule, zone);
        }
        // Whatever follows from it is a decision.
        Body::PaymentFailed(_) if policy.options.retries.is_some() => {}
        Body::Interaction(Interaction::BarApproved { until }) => {
            account.bar_decided = Some(BarDecided { allowed: true, until: *until });
        }
        Body::Interaction(Interaction::BarRefused { until }) => {
            account.bar_decided = Some(BarDecided { allowed: false, until: *until });
        }
        Body::Interaction(Interaction::BarDecisionWithdrawn) => account.bar_decided = None,
        Body::Interaction(Interaction::OfferAnswered { command_id, accepted }) => {
            let offered = account.answer(command_id)?;
            if *accepted {
                let (plan_id, instalments) = (*command_id, offered.instalments.clone());
                let plan = Interaction::PlanAgreed { plan_id, instalments, replaces: None };
                let agreed = change(account, &Body::Interaction(plan), policy, at);
                if agreed.is_err() {
                    account.aside_mut().offered = Some(offered);
                }
                return agreed;
            }
        }
        Body::Interaction(what) => {
            Ladder::new(account, policy.clone(), None).admit(what, at)?;
            let local_day = zone_of(account, policy).day_of(at);
            return account.interact(what, Zone::UTC.day_of(at), local_day);
        }
        _ => {
            let (turnover, collected) = (account.turnover, account.collected(body));
            let unpaid = if policy.options.remembers_history { account.unpaid() } else { Vec::new() };
            account.turn_over(Account::moves(body))?;
            let local_day = zone_of(account, policy).day_of(at);
            let moved = account.move_money(body, &policy.shortcuts, Zone::UTC.day_of(at), local_day);
            if moved.is_err() {
                account.turnover = turnover;
            } else {
                account.note_paid(body, collected);
                if policy.options.remembers_history {
                    account.note_history(body, &unpaid, local_day);
                }
            }
            return moved;
        }
    }
    Ok(())
}

/// Why bars are lifted where this event ends the cycle.
const fn reason_of(body: &Body<'_>) -> RestorationReason {
    match body {
        Body::PaymentReceived { .. }
        | Body::PaymentFailed(_)
        | Body::PaymentReversed { .. }
        | Body::PaymentInitiated { .. } => RestorationReason::Paid,
        Body::DisputeOpened { .. } => RestorationReason::Dispute,
        Body::BillWrittenOff { .. } => RestorationReason::WriteOff,
        _ => RestorationReason::Adjustment,
    }
}

fn take_deadline(mut account: Account, policy: Arc<Policy>, policies: &PolicyBook, now: Timestamp) -> Transition {
    let Some(due) = account.deadline.filter(|due| *due <= now) else {
        return nothing(account, Outcome::NoEffect(NoEffect::NotDue));
    };
    // Hours in which customers are left alone are those of the clock, however little a deadline is late.
    let late = policy.late_after_ms.is_some_and(|after| now.since(due) > after) || policy.options.contact.is_some();
    account.line = account.line.max(if late { now } else { due });
    let mut ladder = Ladder::new(&mut account, policy, None);
    ladder.accrue(ladder.account.line);
    let changes = ladder.change(policies);
    let settles = ladder.settle_pauses() | ladder.settle_imported();
    let reminds = ladder.remind() | ladder.warn_early();
    let retries = ladder.settle_retries();
    ladder.retry();
    let follows = ladder.follow_up() | ladder.serve_again();
    if changes && ladder.account.cycle.is_some() {
        // Another version may ask for more to keep a bar.
        ladder.review(RestorationReason::Adjustment);
    }
    if ladder.account.cycle.is_some() {
        // The deadline may have been a reminder's or an attempt's alone, that of what stopped the account, or one of an
        // older version.
        if !(reminds || settles || changes || retries || follows) || ladder.is_due() {
            ladder.take();
        }
    } else {
        ladder.review(RestorationReason::Adjustment);
    }
    finish(ladder, policies, Outcome::Applied).with(account)
}

/// Numbers that are on the bus already are never given again. Bars among them are nobody's: they are lifted at once.
fn take_found(
    mut account: Account,
    found: &[Found],
    policy: Arc<Policy>,
    policies: &PolicyBook,
    now: Timestamp,
) -> Transition {
    let unknown = || found.iter().filter(|f| f.sequence > account.sequence);
    let Some(last) = unknown().map(|f| f.sequence).max() else {
        return nothing(account, Outcome::NoEffect(NoEffect::KnownCommand));
    };
    let lifted = |bar: &Uuid| unknown().any(|f| matches!(&f.what, FoundAction::Restored(lifts) if lifts.contains(bar)));
    let bars = unknown().filter(|f| f.what == FoundAction::Barred).map(|f| command_id(&account.id, f.sequence));
    let bars: Vec<Uuid> = bars.filter(|bar| !lifted(bar)).collect();
    account.line = account.line.max(now);
    let before = std::mem::replace(&mut account.sequence, last);
    let mut ladder = Ladder::new(&mut account, policy, None);
    for known in found.iter().filter(|f| f.sequence > before) {
        ladder.note_found(known);
    }
    ladder.decide(Code::NumbersPassedOver, None, None);
    ladder.lift(Lifted { lifts: bars, ..Lifted::default() }, RestorationReason::Error);
    finish(ladder, policies, Outcome::Applied).with(account)
}

impl Ladder<'_> {
    /// A command is on its way that the account did not know of.
    fn note_found(&mut self, found: &Found) {
        let sequence = found.sequence;
        match &found.what {
            FoundAction::Retried { payment, attempt, amount } => {
                self.account.note_retried(payment, *attempt, *amount, sequence);
            }
            FoundAction::Charged { kind, name, code, amount, tax } => {
                let (kind, amount, tax) = (*kind, *amount, *tax);
                self.note_asked(&FoundCharge { sequence, kind, name, code, amount, tax });
            }
            FoundAction::WriteOffAsked { bill, amount } => self.account.note_write_off_asked(sequence, bill, *amount),
            FoundAction::Waived { reverses, amount } => self.account.note_waived(*reverses, sequence, *amount),
            FoundAction::Told | FoundAction::Barred | FoundAction::Restored(_) => {}
        }
    }
}

fn take_answer(
    mut account: Account,
    answer: GateAnswer,
    policy: Arc<Policy>,
    policies: &PolicyBook,
    now: Timestamp,
) -> Transition {
    if account.pending().is_none() {
        return nothing(account, Outcome::NoEffect(NoEffect::NoPendingBar));
    }
    account.line = account.line.max(now);
    let mut ladder = Ladder::new(&mut account, policy, None);
    match answer {
        GateAnswer::Cleared => ladder.clear(),
        GateAnswer::Released => ladder.release(),
        GateAnswer::Held(hold) => ladder.hold(hold),
    }
    finish(ladder, policies, Outcome::Applied).with(account)
}
