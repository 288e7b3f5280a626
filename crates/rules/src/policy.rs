use std::ops::Range;
use std::sync::Arc;

use crate::{
    BarLevel, Calendar, Channel, ChargeRules, ContactRules, Currency, EarlyWarning, Minor, NoticeRule, Offset,
    OnChange, PauseRules, PlanOffer, Resumes, RetryRules, ServiceRules, Test, Timestamp, Zone,
};

/// A policy, checked and ready to use. Made from a policy file by `dunning-wire`.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// `name@version`.
    pub label: Arc<str>,
    /// Where the account's days begin.
    pub zone: ZoneRule,
    /// The least that is dunned, by currency; an account under it is never dunned.
    pub minimum: Vec<(Currency, Minor)>,
    /// The least that is dunned in a currency that is not listed; `None`: such accounts are never dunned.
    pub minimum_other: Option<Minor>,
    /// A cycle's anchor is never further back than this when it starts, in milliseconds: who is found late still gets
    /// the steps with their spacing.
    pub late_start_ms: i64,
    /// A step that comes later than this after its instant, in milliseconds, moves the later ones by as much;
    /// `None`: steps are never moved.
    pub late_after_ms: Option<i64>,
    /// What production policies must not do.
    pub shortcuts: Shortcuts,
    /// In order.
    pub steps: Vec<Step>,
    /// What most policies do not say.
    pub options: Options,
}

/// What a policy can say beyond its steps. Without any of it nothing is computed or remembered for it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Options {
    /// A cycle ends, and its bars with it, once less than this is owed, by currency.
    pub restore_below: Vec<(Currency, Minor)>,
    /// The same in a currency that is not listed; nothing: the cycle goes on while anything is owed.
    pub restore_below_other: Minor,
    /// Notices before the due date of a bill, the earliest first. They belong to no cycle.
    pub before_due: Vec<Step>,
    /// A notice where usage falls, before any bill is late. It belongs to no cycle.
    pub early_warning: Option<Box<EarlyWarning>>,
    /// Of business days.
    pub calendar: Calendar,
    /// When and how often customers are told anything; `None`: whenever a step is due.
    pub contact: Option<Box<ContactRules>>,
    /// The procedures, one after the other in `steps`, that of everybody else first. Empty: one, of all steps.
    pub procedures: Vec<Procedure>,
    /// Which account follows which procedure: the first rule that takes it.
    pub select: Vec<SelectRule>,
    /// True where a condition asks for the kind of a bill.
    pub remembers_kinds: bool,
    /// True where a condition asks how an account paid.
    pub remembers_history: bool,
    /// True where a condition asks how often an account was barred.
    pub remembers_bars: bool,
    /// What stops dunning for a time.
    pub pauses: PauseRules,
    /// Where a debt that comes back is dunned from.
    pub resumes: Resumes,
    /// What becomes of cycles that began under an older version.
    pub on_change: OnChange,
    /// How payments that failed are collected again; `None`: they are not.
    pub retries: Option<Box<RetryRules>>,
    /// What customers who pay late are charged; `None`: nothing.
    pub charges: Option<Box<ChargeRules>>,
    /// Which services a bar restricts, and what becomes of one that was not done.
    pub service: Option<Box<ServiceRules>>,
    /// So many days behind the last payment it is kept, where an account's data is to be erased: as long as a payment can
    /// come back.
    pub payments_kept_days: u16,
    /// Notices give amounts and days also as people write them in the customer's language.
    pub localised: bool,
}

/// Steps under a name: some accounts follow them, others follow others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Procedure {
    /// Unique within the policy.
    pub name: Arc<str>,
    /// Index of its first step.
    pub first: u16,
    /// Index behind its last step.
    pub end: u16,
}

/// Which accounts follow a procedure, from the beginning of a cycle to its end.
#[derive(Clone, Debug, PartialEq)]
pub struct SelectRule {
    /// Unique within the policy.
    pub name: Arc<str>,
    /// All of it must be met.
    pub when: Vec<Test>,
    /// Only some of those; `None`: all of them.
    pub share: Option<Share>,
    /// Index of the procedure.
    pub procedure: u16,
}

/// A share of accounts, always the same ones: a number from 0 to 9999 is made of the account's id, and lies within.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Share {
    /// Shares of one group have no account in common; those of two groups are drawn anew.
    pub group: Box<str>,
    /// The first number.
    pub first: u16,
    /// The number behind the last one.
    pub end: u16,
}

impl Share {
    /// True where an account belongs to it.
    #[must_use]
    pub fn has(&self, account: &str) -> bool {
        let drawn = crate::id::draw(&self.group, account);
        (self.first..self.end).contains(&drawn)
    }
}

/// Where an account's days begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ZoneRule {
    /// In one zone for all.
    Fixed(Zone),
    /// In the zone of the profile; without one, in this.
    Profile(Zone),
}

/// A step of the ladder.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// Unique within the policy.
    pub name: Arc<str>,
    /// After the anchor, in milliseconds; where `rule` says otherwise, about when.
    pub offset_ms: i64,
    /// Minutes after local midnight before which it does not come; `None`: at the very instant of the offset.
    pub time_of_day: Option<u16>,
    /// What is done.
    pub action: StepAction,
    /// What most steps do not say.
    pub rule: Option<Box<StepRule>>,
}

/// What a step can say beyond a span after the due date.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StepRule {
    /// When it comes, instead of the span.
    pub timing: Option<Timing>,
    /// What must be met when it comes; all of it.
    pub when: Vec<Test>,
    /// What becomes of it otherwise.
    pub unmet: Unmet,
    /// It comes again.
    pub repeat: Option<Repeat>,
    /// Other channels of a notice, for where the customer cannot be reached on its own or does not want it.
    pub alternatives: Vec<Channel>,
    /// The notice offers an instalment plan.
    pub offer: Option<PlanOffer>,
    /// What becomes of the notice.
    pub notice: NoticeRule,
}

/// When a step comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// Counted from here.
    pub from: Anchor,
    /// So far from there.
    pub offset: Offset,
}

/// What a step is counted from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Anchor {
    /// The due date of the oldest bill that is owed.
    DueDate,
    /// The date of that bill.
    IssueDate,
    /// The beginning of the cycle.
    Entry,
    /// The last step that was taken in the cycle; without one, its beginning.
    PreviousStep,
}

/// What becomes of a step whose condition is not met.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unmet {
    /// It is passed over.
    #[default]
    Skip,
    /// It waits until the condition is met.
    Wait,
}

/// A notice that comes again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Repeat {
    /// So long after the last time.
    pub every: Offset,
    /// So often after the first time; `None`: as long as it is owed. Never past the next step.
    pub times: Option<u16>,
}

impl Step {
    /// When it comes, where that is no span after the due date.
    #[must_use]
    pub fn timing(&self) -> Option<&Timing> {
        self.rule.as_ref()?.timing.as_ref()
    }

    /// What must be met when it comes.
    #[must_use]
    pub fn when(&self) -> &[Test] {
        self.rule.as_ref().map_or(&[], |rule| &rule.when)
    }

    /// How it comes again.
    #[must_use]
    pub fn repeat(&self) -> Option<&Repeat> {
        self.rule.as_ref()?.repeat.as_ref()
    }

    /// Other channels, in the order in which they are tried.
    #[must_use]
    pub fn alternatives(&self) -> &[Channel] {
        self.rule.as_ref().map_or(&[], |rule| &rule.alternatives)
    }

    /// The instalment plan that it offers.
    #[must_use]
    pub fn offer(&self) -> Option<PlanOffer> {
        self.rule.as_ref()?.offer
    }

    /// What becomes of the notice after it was sent, and which way it goes.
    #[must_use]
    pub fn notice(&self) -> NoticeRule {
        self.rule.as_ref().map_or_else(NoticeRule::default, |rule| rule.notice)
    }

    /// True where it waits for its condition to be met.
    #[must_use]
    pub fn waits_for_condition(&self) -> bool {
        self.rule.as_ref().is_some_and(|rule| rule.unmet == Unmet::Wait && !rule.when.is_empty())
    }

    fn is_counted_from(&self, anchor: Anchor) -> bool {
        self.timing().is_some_and(|timing| timing.from == anchor)
    }
}

/// What a step does.
#[derive(Clone, Debug, PartialEq)]
pub enum StepAction {
    /// Tells the customer.
    Notify {
        /// How.
        channel: Channel,
        /// Template name of the notification platform.
        template: Arc<str>,
        /// `reminder`, `warning`, or the policy's own word.
        purpose: Arc<str>,
        /// Sent despite an opt-out.
        mandatory: bool,
    },
    /// Restricts service.
    Bar {
        /// How far.
        level: BarLevel,
        /// The warning that must precede it; `None` is a shortcut.
        warning: Option<WarningRule>,
    },
    /// Asks billing to give up what is dunned.
    WriteOff {
        /// The code by which billing knows it.
        code: Arc<str>,
    },
}

/// The warning that must precede a bar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WarningRule {
    /// Index of the warning among the policy's steps; an earlier one that notifies.
    pub step: usize,
    /// The least time between the two, in milliseconds.
    pub notice_ms: i64,
}

/// What the reference workload does and a production policy must not. A policy with any of them on is refused under
/// clock `wall`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shortcuts {
    /// What becomes of a step that falls due while less than the minimum is owed.
    pub below_minimum: BelowMinimum,
    /// What a resolved dispute frees.
    pub dispute_end: DisputeEnd,
    /// Whether a payment goes to disputed debt as to any other.
    pub pay_disputed: PayDisputed,
    /// Whether credit is set against a debit note.
    pub debit_note: DebitNote,
    /// True: an account whose profile was never seen can be barred.
    pub bar_without_profile: bool,
    /// True: a bar needs no warning that names it.
    pub bar_without_warning: bool,
    /// True: protected customers can be barred without a person's decision.
    pub bar_protected: bool,
}

impl Shortcuts {
    /// None of them.
    pub const NONE: Self = Self {
        below_minimum: BelowMinimum::Wait,
        dispute_end: DisputeEnd::FreesItsOwn,
        pay_disputed: PayDisputed::Last,
        debit_note: DebitNote::DrawsOnCredit,
        bar_without_profile: false,
        bar_without_warning: false,
        bar_protected: false,
    };
}

/// What becomes of a step that falls due while less than the minimum is owed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BelowMinimum {
    /// It is passed over: the next step can come without it.
    Skip,
    /// It waits until the minimum is owed again.
    Wait,
}

/// What a resolved dispute frees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DisputeEnd {
    /// All that is disputed on its bills, also by others.
    FreesTheBill,
    /// What it disputed itself.
    FreesItsOwn,
}

/// When a payment goes to disputed debt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PayDisputed {
    /// As to any other debt, by due date.
    ByDueDate,
    /// After all that is not disputed.
    Last,
}

/// Whether credit is set against a debit note.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DebitNote {
    /// It leaves credit alone.
    LeavesCredit,
    /// It is paid from credit, as a new bill is.
    DrawsOnCredit,
}

impl Policy {
    /// The least that is dunned in a currency; `None`: nothing is.
    #[must_use]
    pub fn minimum(&self, currency: Option<Currency>) -> Option<Minor> {
        let listed = currency.and_then(|c| self.minimum.iter().find(|(code, _)| *code == c).map(|(_, least)| *least));
        // Less than one minor unit is never dunned, whatever the file says.
        listed.or(self.minimum_other).map(|least| least.max(Minor::new(1)))
    }

    /// The least that keeps a cycle and its bars, at least one minor unit.
    #[must_use]
    pub fn restore_below(&self, currency: Option<Currency>) -> Minor {
        let options = &self.options;
        let listed = currency.and_then(|c| options.restore_below.iter().find(|(code, _)| *code == c));
        listed.map_or(options.restore_below_other, |(_, least)| *least).max(Minor::new(1))
    }

    /// The steps of a procedure, as places in `steps`.
    #[must_use]
    pub fn ladder(&self, procedure: u16) -> Range<usize> {
        let known = self.options.procedures.get(usize::from(procedure));
        known.map_or(0..self.steps.len(), |p| usize::from(p.first)..usize::from(p.end))
    }

    /// The name of a procedure; `None` where there is only one.
    #[must_use]
    pub fn procedure_name(&self, procedure: u16) -> Option<&Arc<str>> {
        self.options.procedures.get(usize::from(procedure)).map(|p| &p.name)
    }

    /// True where it asks for more of a bill than its due date.
    pub(crate) fn remembers_bills(&self) -> bool {
        !self.options.before_due.is_empty()
            || self.options.remembers_kinds
            || self.options.remembers_history
            || self.steps.iter().any(|s| s.is_counted_from(Anchor::IssueDate))
    }

    /// True where a cycle needs more than its anchor.
    pub(crate) fn remembers_bases(&self) -> bool {
        let plain = |s: &Step| s.repeat().is_none() && s.timing().is_none_or(|t| t.from == Anchor::DueDate);
        !self.steps.iter().all(plain)
    }
}

/// The policies in force, oldest first. A new cycle takes the last one in force at its instant; a cycle keeps its own.
#[derive(Clone, Debug)]
pub struct PolicyBook {
    entries: Vec<(Timestamp, Arc<Policy>)>,
    /// Event ids are remembered for so many days, and older events are refused; `None`: for ever.
    pub dedupe_horizon_days: Option<u32>,
}

impl PolicyBook {
    /// A book with one policy, in force since ever.
    #[must_use]
    pub fn new(first: Arc<Policy>, dedupe_horizon_days: Option<u32>) -> Self {
        Self { entries: vec![(Timestamp::MIN, first)], dedupe_horizon_days }
    }

    /// Adds a policy, in force from an instant. An entry that begins before the last one is put at the last one's
    /// beginning; a label that is there already changes nothing, and the answer is false.
    pub fn add(&mut self, from: Timestamp, policy: Arc<Policy>) -> bool {
        if self.get(&policy.label).is_some() {
            return false;
        }
        let last = self.entries.last().map_or(Timestamp::MIN, |(t, _)| *t);
        self.entries.push((from.max(last), policy));
        true
    }

    /// The policy that a new cycle takes at an instant.
    #[must_use]
    pub fn current(&self, at: Timestamp) -> &Arc<Policy> {
        // There is always a first entry, and it is in force since ever.
        let i = self.entries.iter().rposition(|(from, _)| *from <= at).unwrap_or(0);
        &self.entries[i].1
    }

    /// A policy by its label.
    #[must_use]
    pub fn get(&self, label: &str) -> Option<&Arc<Policy>> {
        self.entries.iter().map(|(_, p)| p).find(|p| &*p.label == label)
    }

    /// All entries, oldest first.
    pub fn entries(&self) -> impl Iterator<Item = (Timestamp, &Arc<Policy>)> {
        self.entries.iter().map(|(t, p)| (*t, p))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(label: &str) -> Arc<Policy> {
        Arc::new(Policy {
            label: label.into(),
            zone: ZoneRule::Fixed(Zone::UTC),
            minimum: vec![],
            minimum_other: None,
            late_start_ms: 0,
            late_after_ms: None,
            shortcuts: Shortcuts::NONE,
            steps: vec![],
            options: Options::default(),
        })
    }

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    #[test]
    fn a_policy_is_in_force_from_its_instant_on_and_the_first_since_ever() {
        let mut book = PolicyBook::new(policy("a@1"), None);
        assert!(book.add(at(100), policy("a@2")));
        assert!(book.add(at(200), policy("b@1")));
        for (now, label) in
            [(i64::MIN, "a@1"), (99, "a@1"), (100, "a@2"), (199, "a@2"), (200, "b@1"), (i64::MAX, "b@1")]
        {
            assert_eq!(&*book.current(at(now)).label, label, "at {now}");
        }
    }

    #[test]
    fn a_policy_that_is_there_changes_nothing_and_none_begins_before_the_last() {
        let mut book = PolicyBook::new(policy("a@1"), None);
        assert!(book.add(at(100), policy("a@2")));
        assert!(!book.add(at(150), policy("a@1")), "it is there already");
        assert!(book.add(at(50), policy("a@3")));
        let entries: Vec<_> = book.entries().map(|(from, p)| (from, &*p.label)).collect();
        assert_eq!(entries, [(Timestamp::MIN, "a@1"), (at(100), "a@2"), (at(100), "a@3")]);
        assert_eq!(&*book.current(at(100)).label, "a@3", "the last of those that begin together");
        assert_eq!(book.get("a@2").map(|p| &*p.label), Some("a@2"));
        assert_eq!(book.get("a@9"), None);
    }

    #[test]
    fn what_keeps_a_cycle_is_that_of_the_currency_or_the_one_for_all_others() {
        let code = |code| Currency::parse(code).expect("a currency");
        let mut policy = (*policy("a@1")).clone();
        assert_eq!(policy.restore_below(None), Minor::new(1));
        policy.options.restore_below = vec![(code("EUR"), Minor::new(700)), (code("JPY"), Minor::new(0))];
        policy.options.restore_below_other = Minor::new(30);
        for (currency, keeps) in [(Some("EUR"), 700), (Some("JPY"), 1), (Some("USD"), 30), (None, 30)] {
            assert_eq!(policy.restore_below(currency.map(code)), Minor::new(keeps), "{currency:?}");
        }
    }

    #[test]
    fn the_minimum_is_that_of_the_currency_or_the_one_for_all_others() {
        let code = |code| Currency::parse(code).expect("a currency");
        let mut policy = (*policy("a@1")).clone();
        policy.minimum = vec![(code("EUR"), Minor::new(700)), (code("JPY"), Minor::new(0))];
        for (other, currency, minimum) in [
            (Some(500), Some("EUR"), Some(700)),
            (Some(500), Some("USD"), Some(500)),
            (Some(500), None, Some(500)),
            (None, Some("EUR"), Some(700)),
            (None, Some("USD"), None),
            (None, None, None),
            // Less than one minor unit is never dunned.
            (None, Some("JPY"), Some(1)),
            (Some(-3), Some("USD"), Some(1)),
        ] {
            policy.minimum_other = other.map(Minor::new);
            assert_eq!(policy.minimum(currency.map(code)), minimum.map(Minor::new), "{other:?} {currency:?}");
        }
    }
}
