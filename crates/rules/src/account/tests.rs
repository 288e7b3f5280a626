//! The safety rules that hold for every policy, as properties over random lives of an account; and rows for the edges.

mod bars;
mod contact;
mod found;
mod intake;
mod ladder;
mod money;
mod select;
mod steps;

use std::collections::BTreeSet;
use std::sync::Arc;

use proptest::prelude::*;

use crate::*;

const DAY: i64 = DAY_MS;

fn at(day: i64) -> Timestamp {
    Timestamp::from_millis(day * DAY)
}

fn notify(name: &str, days: i64) -> Step {
    let action = StepAction::Notify {
        channel: Channel::Email,
        template: name.into(),
        purpose: "warning".into(),
        mandatory: true,
    };
    Step { name: name.into(), offset_ms: days * DAY, time_of_day: None, action, rule: None }
}

fn bar(name: &str, days: i64, level: BarLevel) -> Step {
    let warning = Some(WarningRule { step: 1, notice_ms: 14 * DAY });
    Step {
        name: name.into(),
        offset_ms: days * DAY,
        time_of_day: None,
        action: StepAction::Bar { level, warning },
        rule: None,
    }
}

/// A policy as operators run it: no shortcut.
fn consumer() -> Policy {
    Policy {
        label: "consumer@1".into(),
        zone: ZoneRule::Profile(Zone::UTC),
        minimum: vec![],
        minimum_other: Some(Minor::new(500)),
        late_start_ms: DAY,
        late_after_ms: Some(DAY / 2),
        shortcuts: Shortcuts::NONE,
        steps: vec![
            notify("reminder", 4),
            notify("final", 11),
            bar("bar-outgoing", 26, BarLevel::Outgoing),
            bar("bar-full", 40, BarLevel::Full),
        ],
        options: Options::default(),
    }
}

fn customer() -> Profile {
    Profile {
        segment: "consumer".into(),
        region: "DE".into(),
        risk_class: "".into(),
        language: "de".into(),
        zone: Zone::UTC,
        vulnerable: false,
        customer_since: None,
        contacts: vec![],
        services: vec![],
        payment_link: None,
        status: "active".into(),
    }
}

fn profile(vulnerable: bool) -> Body<'static> {
    Body::Profile(Box::new(Profile { vulnerable, ..customer() }))
}

/// An account with its policy, and everything it said.
struct Life {
    book: PolicyBook,
    account: Account,
    said: Vec<Command>,
    decided: Vec<Decision>,
    events: u32,
    /// Credit that was given and taken.
    given: Minor,
}

impl Life {
    fn new(policy: Policy) -> Self {
        let book = PolicyBook::new(Arc::new(policy), None);
        Self { book, account: Account::new("acc-1"), said: vec![], decided: vec![], events: 0, given: Minor::ZERO }
    }

    fn meet(&mut self, event: &Event<'_>, now: Timestamp) -> Outcome {
        let before = self.account.line;
        let known = invariant::Before::of(&self.account);
        let t = step(self.account.clone(), event, &self.book, now);
        // Numbers that were found are passed over by design.
        if !matches!(t.outcome, Outcome::Refused(_)) && !matches!(event, Event::Found(_)) {
            assert_eq!(invariant::broken(&known, &t, &self.book), []);
        }
        if matches!(t.outcome, Outcome::Refused(_)) {
            assert_eq!(t.account, self.account, "a refused event changes nothing");
            assert!(t.commands.is_empty() && t.decisions.is_empty());
        }
        assert!(t.account.line >= before, "the line never goes back");
        self.account = t.account;
        self.said.extend(t.commands);
        self.decided.extend(t.decisions);
        t.outcome
    }

    /// Lets days pass up to an instant; bars that fall due are cleared by the gate.
    fn until(&mut self, end: Timestamp) {
        self.clear();
        let mut rounds = 0;
        while let Some(due) = self.account.deadline().filter(|due| *due < end) {
            self.meet(&Event::Deadline, due);
            self.clear();
            rounds += 1;
            assert!(rounds < 5_000, "it turns in a circle at {due}");
        }
    }

    fn clear(&mut self) {
        if self.account.pending().is_some_and(|p| p.held.is_none()) {
            self.meet(&Event::Gate(GateAnswer::Cleared), self.account.line);
        }
    }

    fn happens(&mut self, day: i64, body: Body<'_>) -> Outcome {
        self.events += 1;
        let id = format!("e-{}", self.events);
        self.until(at(day));
        let given = if let Body::AccountCredited { amount, .. } = body { amount } else { Minor::ZERO };
        let outcome = self.meet(&Event::Input(Input { event_id: &id, occurred_at: at(day), body }), at(day));
        self.clear();
        if outcome == Outcome::Applied {
            self.given += given;
        }
        outcome
    }

    fn bill(&mut self, day: i64, id: &str, amount: i64, due: i32) -> Outcome {
        self.happens(day, issued(id, amount, due))
    }

    fn pays(&mut self, day: i64, id: &str, amount: i64) -> Outcome {
        self.happens(day, received(id, amount, None))
    }

    /// Day and step of everything said.
    fn diary(&self) -> Vec<(i64, &str)> {
        self.said.iter().map(|c| (c.decided_at.millis() / DAY, &*c.step)).collect()
    }
}

fn eur() -> Currency {
    Currency::parse("EUR").expect("a currency")
}

fn issued(id: &str, amount: i64, due: i32) -> Body<'_> {
    Body::BillIssued {
        bill_id: id,
        amount: Minor::new(amount),
        currency: eur(),
        issued_on: Day::from_epoch(0),
        due_on: Day::from_epoch(due),
        terms: vec![],
        lines: vec![],
        kind: "regular",
    }
}

fn received<'a>(id: &'a str, amount: i64, bill_id: Option<&'a str>) -> Body<'a> {
    Body::PaymentReceived { payment_id: id, amount: Minor::new(amount), currency: eur(), bill_id }
}

fn adjusted(bill_id: &str, delta: i64) -> Body<'_> {
    Body::BillAdjusted { bill_id, delta: Minor::new(delta) }
}

fn written_off(bill_id: &str, amount: i64) -> Body<'_> {
    Body::BillWrittenOff { bill_id, amount: Minor::new(amount) }
}

fn taken_back(payment_id: &str, amount: i64) -> Body<'_> {
    Body::PaymentReversed { payment_id, amount: Minor::new(amount), kind: ReversalKind::Unknown }
}

fn disputed<'a>(dispute_id: &'a str, bill_id: Option<&'a str>, amount: Option<i64>) -> Body<'a> {
    Body::DisputeOpened { dispute_id, bill_id, amount: amount.map(Minor::new) }
}

fn resolved(dispute_id: &str, credited: i64) -> Body<'_> {
    Body::DisputeResolved { dispute_id, outcome: DisputeOutcome::Unknown, credited: Minor::new(credited) }
}

fn credited(credit_id: &str, amount: i64) -> Body<'_> {
    Body::AccountCredited { credit_id, amount: Minor::new(amount), currency: eur() }
}

#[test]
fn the_ladder_runs_and_a_payment_lifts_every_bar_once() {
    let mut life = Life::new(consumer());
    life.happens(0, profile(false));
    life.bill(0, "b1", 1_000, 10);
    life.until(at(60));
    let ladder = vec![(14, "reminder"), (21, "final"), (36, "bar-outgoing"), (50, "bar-full")];
    assert_eq!(life.diary(), ladder);
    life.pays(60, "p1", 1_000);
    assert_eq!(life.diary()[4..], [(60, "restore")]);
    let Action::Restore { lifts, reason } = &life.said[4].action else { panic!("a restoration") };
    assert_eq!((lifts, *reason), (&vec![life.said[2].id, life.said[3].id], RestorationReason::Paid));
    life.until(at(400));
    assert_eq!(life.said.len(), 5);
}

#[test]
fn a_bar_names_its_warning_and_never_comes_before_the_date_it_named() {
    let mut policy = consumer();
    policy.steps[2].offset_ms = 12 * DAY;
    let mut life = Life::new(policy);
    life.happens(0, profile(false));
    life.bill(0, "b1", 1_000, 10);
    life.until(at(60));
    assert_eq!(life.diary()[1..3], [(21, "final"), (35, "bar-outgoing")]);
    let Action::Notify { announced_for, .. } = &life.said[1].action else { panic!("a notice") };
    assert_eq!(*announced_for, Some(Day::from_epoch(35)));
    let Action::Bar { warnings, announced_for, .. } = &life.said[2].action else { panic!("a bar") };
    assert_eq!((warnings, *announced_for), (&vec![life.said[1].id], Some(Day::from_epoch(35))));
}

#[test]
fn a_step_under_the_minimum_waits_and_the_later_ones_keep_their_distance() {
    let mut life = Life::new(consumer());
    life.happens(0, profile(false));
    life.bill(0, "b1", 1_000, 10);
    life.pays(20, "p1", 600);
    life.bill(40, "b2", 200, 50);
    life.until(at(200));
    // 400 is owed from day 20 on, which is under 500; on day 51 the second bill makes it 600.
    let ladder = vec![(14, "reminder"), (51, "final"), (66, "bar-outgoing"), (80, "bar-full")];
    assert_eq!(life.diary(), ladder);
}

#[test]
fn an_older_bill_that_is_paid_skips_no_step() {
    let mut life = Life::new(consumer());
    life.happens(0, profile(false));
    life.bill(0, "b1", 1_000, 10);
    life.bill(0, "b2", 1_000, 20);
    life.happens(22, received("p1", 1_000, Some("b1")));
    life.until(at(37));
    assert_eq!(life.diary(), [(14, "reminder"), (21, "final"), (36, "bar-outgoing")]);
}

#[test]
fn who_has_no_profile_or_is_protected_is_not_barred_until_that_changes() {
    let mut life = Life::new(consumer());
    life.bill(0, "b1", 1_000, 10);
    life.until(at(40));
    assert_eq!(life.account.pending().and_then(|p| p.held), Some(Hold::NoProfile));
    life.happens(41, profile(true));
    assert_eq!(life.account.pending().and_then(|p| p.held), Some(Hold::Protected));
    life.happens(43, Body::Interaction(Interaction::BarApproved { until: None }));
    life.until(at(58));
    // The second bar keeps its distance to the first, which came on day 43 and not on day 36.
    assert_eq!(life.diary()[2..], [(43, "bar-outgoing"), (57, "bar-full")]);
}

#[test]
fn a_refusal_ends_by_itself_and_the_bar_is_looked_at_again() {
    let mut life = Life::new(consumer());
    life.happens(0, profile(false));
    life.bill(0, "b1", 1_000, 10);
    life.happens(30, Body::Interaction(Interaction::BarRefused { until: Some(at(45)) }));
    life.until(at(50));
    assert_eq!(life.diary()[2..], [(45, "bar-outgoing")]);
}

#[test]
fn a_bar_that_waits_is_dropped_when_the_debt_goes() {
    let mut life = Life::new(consumer());
    life.bill(0, "b1", 1_000, 10);
    life.until(at(40));
    life.pays(41, "p1", 1_000);
    assert_eq!(life.account.stage(), Stage::Clear);
    assert_eq!(life.meet(&Event::Gate(GateAnswer::Cleared), at(42)), Outcome::NoEffect(NoEffect::NoPendingBar));
    assert!(life.diary().iter().all(|(_, step)| !step.starts_with("bar")));
}

#[test]
fn what_cannot_be_honoured_is_refused_and_changes_nothing() {
    let mut life = Life::new(consumer());
    life.bill(0, "b1", 1_000, 10);
    let other = Body::PaymentReceived {
        payment_id: "p1",
        amount: Minor::new(5),
        currency: Currency::parse("USD").expect("a currency"),
        bill_id: None,
    };
    assert_eq!(life.happens(1, other), Outcome::Refused(Refusal::OtherCurrency));
    assert_eq!(life.pays(1, "p2", i64::MAX), Outcome::Refused(Refusal::Overflow));
    life.account.turnover = Minor::TURNOVER_MAX;
    assert_eq!(life.pays(1, "p3", 1), Outcome::Refused(Refusal::Overflow));
    life.book.dedupe_horizon_days = Some(30);
    life.account.line = at(100);
    assert_eq!(life.pays(69, "p4", 1), Outcome::Refused(Refusal::TooOld));
}

#[test]
fn a_late_deadline_keeps_the_distance_of_the_later_steps_and_bursts_nothing() {
    let mut life = Life::new(consumer());
    life.happens(0, profile(false));
    life.bill(0, "b1", 1_000, 10);
    // Nothing ran from day 5 to day 100: the cycle starts late, its anchor a day before, and every step keeps its distance.
    life.meet(&Event::Deadline, at(100));
    life.until(at(200));
    assert_eq!(life.diary(), [(103, "reminder"), (110, "final"), (125, "bar-outgoing"), (139, "bar-full")]);
}

/// What can happen in a random life.
#[derive(Clone, Debug)]
enum Happening {
    Bill(u8, i64, i32),
    Adjust(u8, i64),
    Cancel(u8),
    WriteOff(u8, i64),
    Pay(u8, i64, Option<u8>),
    Reverse(u8, i64),
    Dispute(u8, Option<u8>, Option<i64>),
    Resolve(u8, i64),
    Credit(u8, i64),
    Profile(bool),
    Usage,
    Repeat,
}

fn happening() -> impl Strategy<Value = Happening> {
    let amount = || 1_i64..3_000;
    let id = || 0_u8..6;
    prop_oneof![
        4 => (id(), 0_i64..3_000, 0_i32..40).prop_map(|(a, b, c)| Happening::Bill(a, b, c)),
        1 => (id(), -2_000_i64..2_000).prop_map(|(a, b)| Happening::Adjust(a, b)),
        1 => id().prop_map(Happening::Cancel),
        1 => (id(), amount()).prop_map(|(a, b)| Happening::WriteOff(a, b)),
        4 => (id(), amount(), proptest::option::of(id())).prop_map(|(a, b, c)| Happening::Pay(a, b, c)),
        1 => (id(), amount()).prop_map(|(a, b)| Happening::Reverse(a, b)),
        2 => (id(), proptest::option::of(id()), proptest::option::of(amount())).prop_map(|(a, b, c)| Happening::Dispute(a, b, c)),
        2 => (id(), 0_i64..2_000).prop_map(|(a, b)| Happening::Resolve(a, b)),
        1 => (id(), amount()).prop_map(|(a, b)| Happening::Credit(a, b)),
        1 => any::<bool>().prop_map(Happening::Profile),
        1 => Just(Happening::Usage),
        1 => Just(Happening::Repeat),
    ]
}

fn live(life: &mut Life, day: i64, what: &Happening) {
    let name = |kind: &str, n: u8| format!("{kind}{n}");
    let (a, c) = match what {
        Happening::Bill(n, ..) | Happening::Adjust(n, _) | Happening::Cancel(n) | Happening::WriteOff(n, _) => {
            (name("b", *n), None)
        }
        Happening::Pay(n, _, bill) => (name("p", *n), bill.map(|n| name("b", n))),
        Happening::Reverse(n, _) => (name("p", *n), None),
        Happening::Dispute(n, bill, _) => (name("d", *n), bill.map(|n| name("b", n))),
        Happening::Resolve(n, _) => (name("d", *n), None),
        Happening::Credit(n, _) => (name("c", *n), None),
        _ => (String::new(), None),
    };
    let body = match what {
        Happening::Bill(_, amount, due) => issued(&a, *amount, i32::try_from(day).unwrap_or(0) + due),
        Happening::Adjust(_, delta) => adjusted(&a, *delta),
        Happening::Cancel(_) => Body::BillCancelled { bill_id: &a },
        Happening::WriteOff(_, amount) => written_off(&a, *amount),
        Happening::Pay(_, amount, _) => received(&a, *amount, c.as_deref()),
        Happening::Reverse(_, amount) => taken_back(&a, *amount),
        Happening::Dispute(_, _, amount) => disputed(&a, c.as_deref(), *amount),
        Happening::Resolve(_, credited) => resolved(&a, *credited),
        Happening::Credit(_, amount) => credited(&a, *amount),
        Happening::Profile(vulnerable) => profile(*vulnerable),
        Happening::Usage => Body::UsageRecorded,
        Happening::Repeat => {
            life.events = life.events.saturating_sub(1);
            Body::UsageRecorded
        }
    };
    life.happens(day, body);
}

fn reference_like() -> Policy {
    let mut policy = consumer();
    policy.label = "reference@1".into();
    policy.late_after_ms = None;
    policy.shortcuts = Shortcuts {
        below_minimum: BelowMinimum::Skip,
        dispute_end: DisputeEnd::FreesTheBill,
        pay_disputed: PayDisputed::ByDueDate,
        debit_note: DebitNote::LeavesCredit,
        bar_without_profile: true,
        bar_without_warning: true,
        bar_protected: true,
    };
    for step in &mut policy.steps {
        if let StepAction::Bar { warning, .. } = &mut step.action {
            *warning = None;
        }
    }
    policy
}

/// Sequences are gapless; bars are lifted by exactly one restoration; a restored or clear account has no bar left.
fn check_commands(life: &Life) {
    let mut in_force = BTreeSet::new();
    for (i, command) in life.said.iter().enumerate() {
        assert_eq!(command.sequence, i as u64 + 1);
        assert_eq!(command.id, command_id("acc-1", command.sequence));
        match &command.action {
            Action::Notify { .. } => assert!(command.amount_due > Minor::ZERO),
            Action::Bar { .. } => {
                assert!(command.amount_due >= Minor::new(500));
                in_force.insert(command.id);
            }
            Action::Restore { lifts, .. } => {
                assert_eq!(lifts.iter().copied().collect::<BTreeSet<_>>(), std::mem::take(&mut in_force));
            }
        }
    }
    if life.account.cycle.is_none() {
        assert!(in_force.is_empty(), "a bar is left on a clear account");
    }
    assert!(life.decided.iter().enumerate().all(|(i, d)| d.number == i as u64 + 1 && !d.words().is_empty()));
}

/// Balances stay within their bounds, whatever happens, and all money that came and did not go back lies on a bill or is
/// credit.
fn check_balances(life: &Life) {
    let account = &life.account;
    let came = life.given + account.payments.iter().map(|p| p.left).sum();
    assert_eq!(came, account.credit + account.bills.iter().map(|b| b.paid).sum());
    assert!(account.credit >= Minor::ZERO);
    for bill in &account.bills {
        assert!(bill.paid >= Minor::ZERO && bill.credited >= Minor::ZERO && bill.written_off >= Minor::ZERO);
        assert!(bill.disputed >= Minor::ZERO && bill.open() >= Minor::ZERO);
    }
    assert!(account.payments.iter().all(|p| p.left >= Minor::ZERO));
    assert!(account.bills.is_sorted_by_key(|b| (b.due_on, b.id.clone())));
}

/// With a policy that has no shortcut: a bar follows the warning that it names, in its cycle, after its notice.
fn check_warnings(life: &Life) {
    for command in &life.said {
        let Action::Bar { warnings, announced_for, .. } = &command.action else { continue };
        let warning = life.said.iter().find(|c| warnings == &[c.id]).expect("the warning");
        assert_eq!((&*warning.step, warning.cycle), ("final", command.cycle));
        assert!(command.decided_at.since(warning.decided_at) >= 14 * DAY);
        assert!(announced_for.is_some_and(|day| Zone::UTC.start_of_day(day) <= command.decided_at));
    }
}

proptest! {
    #[test]
    fn any_life_keeps_the_safety_rules(shortcuts in any::<bool>(), days in prop::collection::vec((0_i64..12, happening()), 1..40)) {
        let mut life = Life::new(if shortcuts { reference_like() } else { consumer() });
        life.happens(0, profile(false));
        let mut day = 0;
        for (later, what) in &days {
            day += later;
            live(&mut life, day, what);
            check_balances(&life);
        }
        life.until(at(day + 200));
        check_commands(&life);
        if !shortcuts {
            check_warnings(&life);
        }
        // Whoever no longer owes is clear.
        let owed = life.account.bills.iter().map(Bill::undisputed).sum::<Minor>();
        prop_assert!(owed > Minor::ZERO || life.account.cycle.is_none());
    }

    #[test]
    fn the_same_event_twice_changes_nothing_but_the_line(days in prop::collection::vec((0_i64..12, happening()), 1..30)) {
        let mut once = Life::new(consumer());
        let mut twice = Life::new(consumer());
        let mut day = 0;
        for (later, what) in &days {
            day += later;
            live(&mut once, day, what);
            let events = twice.events;
            live(&mut twice, day, what);
            twice.events = events;
            live(&mut twice, day, what);
            twice.events = once.events;
        }
        prop_assert_eq!(&once.said, &twice.said);
        prop_assert_eq!(once.account, twice.account);
    }
}
