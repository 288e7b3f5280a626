//! What must hold whatever the policy says: named, in one place. The simulator, the property tests and, as counters, the
//! running program all ask here.

use std::sync::Arc;

use uuid::Uuid;

use crate::account::zone_of;
use crate::contact::Place;
use crate::{
    Account, Action, BarInForce, BarLevel, Cap, Channel, Charge, Code, Command, ContactRules, Cycle, Decision, Fate,
    Id, LedgerKind, Minor, Policy, PolicyBook, Retry, RetryState, SentStep, Stage, Step, StepAction, Timestamp,
    Transition, Zone, command_id, standing,
};

/// A rule that must never be broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rule {
    /// An account's line never goes back.
    LineNeverBack,
    /// Commands are numbered 1, 2, 3, … in each account, and their ids follow from that.
    SequenceGapless,
    /// No bar and no notice of an account that owes less than the minimum.
    NothingUnderTheMinimum,
    /// No bar without the warning that the policy names, sent in this cycle at least its notice before, and of bills of
    /// which the minimum or more is still owed.
    WarnedBeforeBarred,
    /// No bar of a protected customer, or against a person's word, without a person's decision.
    PersonDecides,
    /// Nothing is told and nothing barred while that is stopped, and none of it is about a bill that is held.
    NothingWhileStopped,
    /// Steps are taken in their order, each once a cycle; those behind a bar that was lifted for a time come again, and so do
    /// those from a warning on that tells of what is not owed any more.
    StepsInOrder,
    /// A bar is lifted by exactly one restoration, which is sent again only where provisioning could not do it; and a restoration lifts all bars in force and nothing else,
    /// or the last of them where the policy restores step by step, or those of some services; of a service
    /// that was ended nothing is lifted.
    LiftedOnce,
    /// Whoever no longer owes, or less than keeps a bar, is restored at once; and so is a service for which nothing is owed,
    /// where bars are confined to what is.
    RestoredAtOnce,
    /// A payment that failed is collected again for no more than failed and is owed, of bills that may be dunned, and never
    /// while an attempt is under way or nothing may be done.
    CollectedOnce,
    /// A charge is asked for once and counted once, for more than nothing; what is given up is a charge that was asked for, or
    /// what is owed of a bill, once.
    ChargedOnce,
    /// A protected service is never restricted.
    ServiceSpared,
    /// A message is withdrawn once, and only where nothing was heard of it.
    WithdrawnOnce,
    /// A notice before a due date names bills that are owed, not disputed and not overdue, and belongs to no cycle; one for
    /// usage that fell names none, and comes while nothing is late.
    RemindedBeforeDue,
    /// A notice is sent within the hours of its channel, and no cap is exceeded.
    ContactAllowed,
    /// A shard's clock never goes back.
    ClockNeverBack,
    /// A shard's transactions are numbered without a gap, and its place in its inputs never goes back.
    PlaceNeverBack,
    /// A store holds what its state topic holds up to the store's place in it, and nothing else.
    StoreIsTheTopic,
}

impl Rule {
    /// All, for counters.
    pub const ALL: [Self; 18] = [
        Self::LineNeverBack,
        Self::SequenceGapless,
        Self::NothingUnderTheMinimum,
        Self::WarnedBeforeBarred,
        Self::PersonDecides,
        Self::NothingWhileStopped,
        Self::StepsInOrder,
        Self::LiftedOnce,
        Self::RestoredAtOnce,
        Self::CollectedOnce,
        Self::ChargedOnce,
        Self::ServiceSpared,
        Self::WithdrawnOnce,
        Self::RemindedBeforeDue,
        Self::ContactAllowed,
        Self::ClockNeverBack,
        Self::PlaceNeverBack,
        Self::StoreIsTheTopic,
    ];

    /// A word for counters.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::LineNeverBack => "line_never_back",
            Self::SequenceGapless => "sequence_gapless",
            Self::NothingUnderTheMinimum => "nothing_under_the_minimum",
            Self::WarnedBeforeBarred => "warned_before_barred",
            Self::PersonDecides => "person_decides",
            Self::NothingWhileStopped => "nothing_while_stopped",
            Self::StepsInOrder => "steps_in_order",
            Self::LiftedOnce => "lifted_once",
            Self::RestoredAtOnce => "restored_at_once",
            Self::CollectedOnce => "collected_once",
            Self::ChargedOnce => "charged_once",
            Self::ServiceSpared => "service_spared",
            Self::WithdrawnOnce => "withdrawn_once",
            Self::RemindedBeforeDue => "reminded_before_due",
            Self::ContactAllowed => "contact_allowed",
            Self::ClockNeverBack => "clock_never_back",
            Self::PlaceNeverBack => "place_never_back",
            Self::StoreIsTheTopic => "store_is_the_topic",
        }
    }
}

/// What has to be known of an account before an event, to judge what followed from it.
#[derive(Debug)]
pub struct Before {
    line: Timestamp,
    sequence: u64,
    /// Number of the cycle, index of its next step, and the policy whose steps they are.
    place: Option<(u32, u16, Arc<str>)>,
    /// The sequences of the bars in force, in the order sent, and how far they go.
    bars: Vec<(u64, BarLevel)>,
    /// One of them ended the service.
    terminated: bool,
    /// All of it was stopped.
    paused: bool,
    /// The payments of which an attempt to collect them again is planned, with the number of attempts before it.
    planned: Vec<(Id, u16)>,
    /// The commands of the charges that it remembers.
    charges: Vec<Uuid>,
    /// The commands of the notices of which nothing is known yet.
    awaited: Vec<Uuid>,
    /// The bills that billing was asked to give up.
    given_up: Vec<Id>,
    /// The bars of another system that are in force, by their names there.
    imported: Vec<Id>,
    /// What restorations lift that provisioning could not do.
    not_restored: Vec<(Vec<Uuid>, Vec<Id>)>,
}

impl Before {
    /// Of an account that an event is about to meet.
    #[must_use]
    pub fn of(account: &Account) -> Self {
        let plain = Self {
            line: account.line,
            sequence: account.sequence,
            place: account.cycle.as_ref().map(|c| (c.number, c.next, c.policy.clone())),
            bars: bars(account),
            terminated: account.stage() == Stage::Barred(BarLevel::Terminated),
            paused: false,
            planned: Vec::new(),
            charges: Vec::new(),
            awaited: Vec::new(),
            given_up: Vec::new(),
            imported: Vec::new(),
            not_restored: Vec::new(),
        };
        if account.aside.is_none() {
            return plain;
        }
        Self {
            paused: account.is_paused(),
            planned: account
                .retries()
                .iter()
                .filter(|r| is_planned(r))
                .map(|r| (r.payment.clone(), r.attempts))
                .collect(),
            charges: charges(account).map(|charge| command_id(&account.id, charge.sequence)).collect(),
            awaited: account
                .awaited()
                .iter()
                .filter(|known| known.fate == Fate::Unheard)
                .map(|known| command_id(&account.id, known.sequence))
                .collect(),
            given_up: account.write_offs().iter().map(|asked| asked.bill.clone()).collect(),
            imported: imported(account),
            not_restored: not_restored(account),
            ..plain
        }
    }
}

const fn is_planned(retry: &Retry) -> bool {
    matches!(retry.state, RetryState::Planned(_))
}

fn charges(account: &Account) -> impl Iterator<Item = &Charge> {
    account.charges().into_iter().flat_map(|all| &all.charges)
}

fn not_restored(account: &Account) -> Vec<(Vec<Uuid>, Vec<Id>)> {
    let restored = account.services().into_iter().flat_map(|known| &known.restored);
    let ids = |bars: &[u64]| bars.iter().map(|bar| command_id(&account.id, *bar)).collect();
    restored.filter(|r| r.again.is_some()).map(|r| (ids(&r.lifts), r.lifts_imported.clone())).collect()
}

fn imported(account: &Account) -> Vec<Id> {
    account.imported_bars().iter().map(|bar| bar.reference.clone()).collect()
}

fn bars(account: &Account) -> Vec<(u64, BarLevel)> {
    account.cycle.iter().flat_map(|cycle| &cycle.bars).map(|bar| (bar.sequence, bar.level)).collect()
}

/// The rules that a transition of one account broke; none of them is expected ever.
#[must_use]
pub fn broken(before: &Before, said: &Transition, policies: &PolicyBook) -> Vec<Rule> {
    let account = &said.account;
    let mut broken = Vec::new();
    let mut check = |holds: bool, rule: Rule| {
        if !holds {
            broken.push(rule);
        }
    };
    check(account.line >= before.line, Rule::LineNeverBack);
    check(is_numbered(before, said), Rule::SequenceGapless);
    check(is_in_order(before, said), Rule::StepsInOrder);
    check(is_lifted_once(before, said), Rule::LiftedOnce);
    if let Some(cycle) = account.cycle.as_ref().filter(|c| !c.bars.is_empty() || !account.imported_bars().is_empty()) {
        let keeps = policies.get(&cycle.policy).map_or(Minor::new(1), |p| p.restore_below(account.currency));
        check(standing(account, policies).0 >= keeps, Rule::RestoredAtOnce);
        check(
            policies.get(&cycle.policy).is_none_or(|policy| is_given_back(account, cycle, policy)),
            Rule::RestoredAtOnce,
        );
    }
    for command in &said.commands {
        let Some(policy) = policies.get(&command.policy) else { continue };
        if let Action::Retry { payment, attempt, .. } = &command.action {
            check(is_collected_once(before, account, command, (payment, *attempt)), Rule::CollectedOnce);
        } else if let Action::Ledger { kind: LedgerKind::WriteOff, .. } = &command.action {
            check(is_given_up_once(before, account, command), Rule::ChargedOnce);
        } else if let Action::Ledger { tax, reverses, .. } = &command.action {
            check(is_charged_once(before, said, command, (*tax, *reverses)), Rule::ChargedOnce);
        } else if let Action::Withdraw { cancels, .. } = &command.action {
            let once = said
                .commands
                .iter()
                .filter(|c| matches!(c.action, Action::Withdraw { cancels: other, .. } if other == *cancels));
            check(before.awaited.contains(cancels) && once.count() == 1, Rule::WithdrawnOnce);
        } else if policy.options.early_warning.as_ref().is_some_and(|rule| rule.step.name == command.step) {
            check(is_early(account, policies, command), Rule::RemindedBeforeDue);
        } else if !matches!(command.action, Action::Restore { .. }) {
            let least = policy.minimum(command.currency);
            check(least.is_some_and(|least| command.amount_due >= least), Rule::NothingUnderTheMinimum);
            check(is_let(account, command), Rule::NothingWhileStopped);
        }
        if let (Some(rules), Action::Notify { channel, .. }) = (&policy.options.contact, &command.action) {
            check(is_contact_allowed(account, policy, rules, *channel, command.decided_at), Rule::ContactAllowed);
        }
        if policy.options.before_due.iter().any(|s| s.name == command.step) {
            check(is_before_due(account, policy, command), Rule::RemindedBeforeDue);
        }
        if let Action::Bar { services, .. } = &command.action {
            check(is_spared(account, services, policy.shortcuts.bar_protected), Rule::ServiceSpared);
            // Two procedures may have steps of one name.
            let ladder =
                if account.cycle.is_some() { policy.ladder(account.procedure()) } else { 0..policy.steps.len() };
            let mut steps = policy.steps.iter().take(ladder.end).skip(ladder.start).filter(|s| s.name == command.step);
            check(steps.any(|step| is_warned(account, policy, step, command)), Rule::WarnedBeforeBarred);
            check(is_allowed(account, policy.shortcuts.bar_protected, command.decided_at), Rule::PersonDecides);
        }
    }
    broken
}

fn is_numbered(before: &Before, said: &Transition) -> bool {
    let id = &said.account.id;
    let first = before.sequence + 1;
    // An id is made of the number in one place; to make it once more costs as much as all else here.
    let named = |c: &Command, n| !cfg!(debug_assertions) || c.id == command_id(id, n);
    (first..).zip(&said.commands).all(|(n, c)| c.sequence == n && named(c, n))
        && said.account.sequence == before.sequence + said.commands.len() as u64
}

fn is_in_order(before: &Before, said: &Transition) -> bool {
    let account = &said.account;
    let sent = |c: &Cycle| c.sent.iter().map(|s| s.step).is_sorted_by(|a, b| a < b);
    account.cycle.as_ref().is_none_or(|c| {
        let again = |d: &Decision| matches!(d.code, Code::WarnsAgain | Code::BarAgain | Code::RestoredInPart);
        let goes_back = before.paused && !account.is_paused() || said.decisions.iter().any(again);
        let same = |(number, _, policy): &&(u32, u16, Arc<str>)| *number == c.number && *policy == c.policy;
        let next = before.place.as_ref().filter(same).filter(|_| !goes_back).map_or(0, |(_, next, _)| *next);
        c.next >= next && sent(c) && is_rising(account, c)
    })
}

/// For the same services bars go up the ladder; one stands beside another of its step only where that could not be done.
fn is_rising(account: &Account, cycle: &Cycle) -> bool {
    let attempts = |last: &BarInForce| account.failure(last.sequence).map_or(0, |failed| usize::from(failed.attempts));
    let same =
        |a: &BarInForce, b: &BarInForce| a.step == b.step && account.restricted_by(a) == account.restricted_by(b);
    let is_again = |bar: &BarInForce| {
        let last = cycle.bars.iter().rfind(|other| same(bar, other)).unwrap_or(bar);
        cycle.bars.iter().filter(|other| same(bar, other)).count() - 1 <= attempts(last)
    };
    let rises = |(n, bar): (usize, &BarInForce)| {
        let of_them = |later: &&BarInForce| account.restricted_by(later) == account.restricted_by(bar);
        cycle.bars.iter().skip(n).filter(of_them).all(|later| later.step >= bar.step)
    };
    cycle.bars.iter().enumerate().all(rises) && cycle.bars.iter().all(is_again)
}

/// No bar in force is confined to services for which nothing is owed, where bills say what they charge.
fn is_given_back(account: &Account, cycle: &Cycle, policy: &Policy) -> bool {
    let confined = policy.options.service.as_deref().is_some_and(|rules| rules.owed_only);
    let Some(known) = account.services().filter(|_| confined && account.stage() != Stage::Barred(BarLevel::Terminated))
    else {
        return true;
    };
    let zone = zone_of(account, policy);
    let dunned = account.bills.iter().filter(|bill| account.due_at(bill, account.line, zone) > Minor::ZERO);
    let mut dunned = dunned.map(|bill| &bill.id).peekable();
    let of_bill = |bill: &Id| known.charged.iter().find(|charged| charged.bill == *bill);
    let nothing = dunned.peek().is_none();
    // What is charged for paying late belongs to no service.
    let told = dunned.filter(|bill| of_bill(bill).is_some() || !account.is_charge(bill));
    let Some(charged) = told.map(of_bill).collect::<Option<Vec<_>>>().filter(|_| !nothing) else { return true };
    let is_owed = |service: &Id| charged.iter().any(|charged| charged.services.contains(service));
    // Those of another system come with a deadline: more may lie on the bus.
    let mut bars = cycle.bars.iter().map(|bar| account.restricted_by(bar));
    bars.all(|services| services.is_empty() || services.iter().any(is_owed))
}

/// Every bar that was in force, or came into force here, is in force after it or named by one restoration, in order.
fn is_lifted_once(before: &Before, said: &Transition) -> bool {
    let (mut in_force, mut terminated) = (before.bars.clone(), before.terminated);
    let part = said.decisions.iter().any(|d| d.code == Code::RestoredInPart);
    let by_service = said.decisions.iter().any(|d| d.code == Code::RestoredByService);
    let id = |bar: &(u64, BarLevel)| command_id(&said.account.id, bar.0);
    let mut theirs = before.imported.clone();
    if said.decisions.iter().any(|d| d.code == Code::StateImported) {
        theirs = imported(&said.account);
    }
    for command in &said.commands {
        match &command.action {
            Action::Bar { level, .. } => {
                in_force.push((command.sequence, *level));
                terminated |= *level == BarLevel::Terminated;
            }
            Action::Restore { lifts, lifts_imported, .. }
                if before.not_restored.iter().any(|(own, others)| (own, others) == (lifts, lifts_imported)) => {}
            Action::Restore { lifts, lifts_imported, .. } => {
                let nothing = lifts.is_empty() && lifts_imported.is_empty();
                let (lifted, stays): (Vec<_>, Vec<_>) = in_force.iter().partition(|bar| lifts.contains(&id(bar)));
                let known = lifted.iter().map(id).eq(lifts.iter().copied())
                    && lifts_imported.iter().all(|bar| theirs.contains(bar));
                let all = stays.is_empty() && *lifts_imported == theirs;
                // Those that go further are lifted first.
                let further = |(_, level): &(u64, BarLevel)| stays.iter().all(|(_, stays)| stays < level);
                let last = part && lifts_imported.is_empty() && lifted.iter().all(further);
                if terminated || nothing || !known || !(all || last || by_service) {
                    return false;
                }
                in_force = stays;
                theirs.retain(|bar| !lifts_imported.contains(bar));
            }
            Action::Notify { .. } | Action::Withdraw { .. } | Action::Retry { .. } | Action::Ledger { .. } => {}
        }
    }
    let ours = (in_force.is_empty() || terminated) && said.account.cycle.as_ref().is_none_or(|c| c.bars.is_empty())
        || in_force == bars(&said.account);
    let ended = terminated && said.account.cycle.is_none() && said.account.imported_bars().is_empty();
    ours && (ended || theirs == imported(&said.account))
}

/// None of the services that are restricted is protected, as far as the profile says.
fn is_spared(account: &Account, services: &[Id], bar_protected: bool) -> bool {
    let known = account.profile.iter().flat_map(|profile| &profile.services);
    let mut protected = known.filter(|service| service.protected);
    bar_protected || protected.all(|service| !services.is_empty() && !services.contains(&service.service_id))
}

/// It was planned, and is under way now, for no more than failed and is owed.
fn is_collected_once(before: &Before, account: &Account, command: &Command, (payment, attempt): (&Id, u16)) -> bool {
    let planned = before.planned.iter().any(|(known, attempts)| known == payment && *attempts + 1 == attempt);
    let asked = |retry: &&Retry| retry.sequence == command.sequence && retry.attempts == attempt && !is_planned(retry);
    let failed = account.retries().iter().filter(|retry| retry.payment == *payment).find(asked).map(|r| r.amount);
    let named = account.bills.iter().filter(|bill| command.bill_ids.contains(&bill.id));
    let owed: Minor = named.map(|bill| account.dunnable(bill)).sum();
    planned && failed.is_some_and(|most| command.amount_due <= most.min(owed)) && !account.is_paused()
}

/// The account counts it, or what it gives up was asked for.
fn is_charged_once(
    before: &Before,
    said: &Transition,
    command: &Command,
    (tax, reverses): (Minor, Option<Uuid>),
) -> bool {
    let counted = match reverses {
        None => {
            let mut own = charges(&said.account).filter(|charge| charge.sequence == command.sequence);
            own.next().is_some_and(|charge| charge.amount == command.amount_due) && own.next().is_none()
        }
        Some(charge) => before.charges.contains(&charge) || said.commands.iter().any(|c| c.id == charge),
    };
    counted && command.amount_due > Minor::ZERO && (Minor::ZERO..=command.amount_due).contains(&tax)
}

/// It is asked for once, of one bill, for no more than is owed of it.
fn is_given_up_once(before: &Before, account: &Account, command: &Command) -> bool {
    let [id] = &command.bill_ids[..] else { return false };
    let owed = account.bills.iter().find(|bill| bill.id == *id).map_or(Minor::ZERO, |bill| account.dunnable(bill));
    let of_it = account.write_offs().iter().filter(|asked| asked.bill == *id);
    let asked: Vec<_> = of_it.map(|asked| (asked.sequence, asked.amount)).collect();
    !before.given_up.contains(id)
        && asked == [(command.sequence, command.amount_due)]
        && (Minor::new(1)..=owed).contains(&command.amount_due)
}

/// In time, and of bills of which enough is owed.
fn is_warned(account: &Account, policy: &Policy, step: &Step, bar: &Command) -> bool {
    let StepAction::Bar { warning, .. } = &step.action else { return false };
    let Some(rule) = warning else { return true };
    // A restoration after the bar may have ended the cycle in the same transition.
    let Some(cycle) = &account.cycle else { return true };
    let zone = zone_of(account, policy);
    let told = |sent: Timestamp| account.bills.iter().map(|bill| account.due_at(bill, sent, zone)).sum::<Minor>();
    let enough = |sent| policy.minimum(account.currency).is_some_and(|least| told(sent) >= least);
    let of_rule = |s: &&SentStep| usize::from(s.step) == rule.step;
    let served =
        |s: &SentStep| account.served_at(policy, zone, s).is_some_and(|at| bar.decided_at.since(at) >= rule.notice_ms);
    let of_service = |sent| is_told_of(account, policy, bar, sent, zone);
    cycle.sent.iter().filter(of_rule).any(|s| served(s) && enough(s.at) && of_service(s.at))
}

/// Where bars are confined to services that are owed for, each that this one restricts was owed for when it was warned.
fn is_told_of(account: &Account, policy: &Policy, bar: &Command, sent: Timestamp, zone: Zone) -> bool {
    let Action::Bar { services, .. } = &bar.action else { return false };
    if !policy.options.service.as_deref().is_some_and(|rules| rules.owed_only) {
        return true;
    }
    let told = || account.bills.iter().filter(|bill| account.due_at(bill, sent, zone) > Minor::ZERO);
    let of_bill = |bill: &Id| account.services()?.charged.iter().find(|charged| charged.bill == *bill);
    let is_told = |service: &Id| told().any(|bill| of_bill(&bill.id).is_none_or(|of| of.services.contains(service)));
    services.iter().all(is_told)
}

/// Nothing of a bill changes after such a notice within its transition: it comes with a deadline.
fn is_before_due(account: &Account, policy: &Policy, notice: &Command) -> bool {
    let zone = zone_of(account, policy);
    let comes = |b: &crate::Bill| account.next_part(b, notice.decided_at, zone).is_some();
    let all = notice.bill_ids.iter().all(|id| account.bills.iter().any(|b| b.id == *id && comes(b)));
    notice.cycle == 0 && all
}

/// It is of no bill, and nothing is late.
fn is_early(account: &Account, policies: &PolicyBook, notice: &Command) -> bool {
    let of_none = notice.cycle == 0 && notice.bill_ids.is_empty() && notice.amount_due == Minor::ZERO;
    let late = account.cycle.is_some() || standing(account, policies).0 > Minor::ZERO;
    of_none && !late && matches!(notice.action, Action::Notify { mandatory: false, .. }) && !account.stops().contacts
}

fn is_contact_allowed(
    account: &Account,
    policy: &Policy,
    rules: &ContactRules,
    channel: Channel,
    at: Timestamp,
) -> bool {
    let region = account.profile.as_deref().map_or("", |p| &p.region);
    let place = Place { zone: zone_of(account, policy), region, calendar: &policy.options.calendar };
    let contacts = account.aside.as_ref().map_or(&[][..], |aside| &aside.contacts);
    // The notice itself is among them by now.
    let within = |cap: &Cap| {
        let counted =
            contacts.iter().filter(|c| cap.channels.has(c.channel) && c.at <= at && at.since(c.at) < cap.within_ms);
        counted.count() <= usize::from(cap.most)
    };
    let conversed = account.reach().and_then(|reach| reach.conversed).filter(|conversed| *conversed < at);
    rules.open_from(channel, at, place) == at
        && at >= rules.quiet_until(channel, conversed)
        && rules.caps.iter().filter(|cap| cap.channels.has(channel)).all(within)
}

/// Whatever begins or ends in a transition does so before anything is sent in it.
fn is_let(account: &Account, command: &Command) -> bool {
    let stops = account.stops();
    let stopped = if matches!(command.action, Action::Bar { .. }) { stops.bars } else { stops.contacts };
    let held = |id: &crate::Id| account.pauses().is_some_and(|pauses| pauses.holds_bill(id));
    // Before a due date customers are told whatever stops the ladder alone.
    let stands_still = account.is_paused() && command.cycle > 0;
    !stopped && !stands_still && !command.bill_ids.iter().any(held)
}

fn is_allowed(account: &Account, shortcut: bool, at: Timestamp) -> bool {
    let decided = account.bar_decided.filter(|d| d.until.is_none_or(|until| until > at)).map(|d| d.allowed);
    let vulnerable = account.profile.as_ref().is_some_and(|p| p.vulnerable);
    decided != Some(false) && (!vulnerable || shortcut || decided == Some(true))
}

#[cfg(test)]
mod tests;
