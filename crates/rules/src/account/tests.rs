//! What accounts live through: rows for each rule, and the safety rules as properties over random lives.

mod bars;
mod change;
mod charges;
mod contact;
mod erasure;
mod facts;
mod found;
mod imported;
mod intake;
mod ladder;
mod lines;
mod lives;
mod money;
mod notices;
mod pauses;
mod reach;
mod resume;
mod retry;
mod select;
mod services;
mod steps;
mod terms;
mod transit;
mod usage;
mod write_off;

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
        facts: None,
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
            assert_eq!(invariant::broken(&known, &t, &self.book), [], "{event:?} of {:?} becomes {t:?}", self.account);
        }
        if matches!(t.outcome, Outcome::Refused(_)) {
            assert_eq!(t.account, self.account, "a refused event changes nothing");
            assert!(t.commands.is_empty() && t.decisions.is_empty());
        }
        assert!(t.account.line >= before, "the line never goes back");
        assert_ne!(t.account.aside.as_deref(), Some(&Aside::default()), "nothing is no reason to keep anything");
        self.account = t.account;
        // With all else the books begin anew.
        if t.decisions.iter().any(|d| d.code == Code::StateErased) {
            self.given = Minor::ZERO;
        }
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
        let before = self.given;
        // It may be what lets the books begin anew.
        self.given += given;
        let outcome = self.meet(&Event::Input(Input { event_id: &id, occurred_at: at(day), body }), at(day));
        if outcome != Outcome::Applied {
            self.given = before;
        }
        self.clear();
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

/// A profile, and one bill of 10.00 due on day 10: its cycle starts with day 11 and counts from day 10. Under [`consumer`] a reminder on day 14, the final notice on 21, bars on 36 and 50.
fn owing(policy: Policy) -> Life {
    let mut life = Life::new(policy);
    life.happens(0, profile(false));
    life.bill(0, "b1", 1_000, 10);
    life
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
        origin: None,
    }
}

fn in_terms(bill: Body<'_>, parts: Vec<Term>) -> Body<'_> {
    let Body::BillIssued { bill_id, amount, currency, issued_on, due_on, lines, kind, .. } = bill else { return bill };
    Body::BillIssued { bill_id, amount, currency, issued_on, due_on, terms: parts, lines, kind, origin: None }
}

fn failed(payment_id: &str) -> Body<'_> {
    Body::PaymentFailed(declined(payment_id, 1_000))
}

fn declined(payment_id: &str, amount: i64) -> Failed<'_> {
    let amount = Minor::new(amount);
    let (method, decline_code) = ("card", "insufficient_funds");
    Failed { payment_id, amount, currency: eur(), method, decline_code, is_final: false, command_id: None }
}

fn received<'a>(id: &'a str, amount: i64, bill_id: Option<&'a str>) -> Body<'a> {
    Body::PaymentReceived { payment_id: id, amount: Minor::new(amount), currency: eur(), bill_id, command_id: None }
}

fn adjusted(bill_id: &str, delta: i64) -> Body<'_> {
    Body::BillAdjusted { bill_id, delta: Minor::new(delta), origin: None }
}

fn written_off(bill_id: &str, amount: i64) -> Body<'_> {
    Body::BillWrittenOff { bill_id, amount: Minor::new(amount), origin: None }
}

fn taken_back(payment_id: &str, amount: i64) -> Body<'_> {
    Body::PaymentReversed { payment_id, amount: Minor::new(amount), kind: ReversalKind::Unknown }
}

fn disputed<'a>(dispute_id: &'a str, bill_id: Option<&'a str>, amount: Option<i64>) -> Body<'a> {
    Body::DisputeOpened { dispute_id, bill_id, amount: amount.map(Minor::new), line_ids: vec![] }
}

fn of_lines<'a>(dispute_id: &'a str, bill_id: Option<&'a str>, lines: &[&'a str]) -> Body<'a> {
    Body::DisputeOpened { dispute_id, bill_id, amount: None, line_ids: lines.to_vec() }
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
    let Action::Restore { lifts, reason, .. } = &life.said[4].action else { panic!("a restoration") };
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
        command_id: None,
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
