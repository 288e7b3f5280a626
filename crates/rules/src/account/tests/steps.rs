//! Steps that are no plain span after the due date: other anchors, business days, repeats, conditions, thresholds that
//! differ, and notices before the due date.

use std::collections::BTreeMap;

use super::lives::{Happening, check_balances, happening, live};
use super::*;

/// A step with a rule of its own.
fn with(step: Step, rule: StepRule) -> Step {
    Step { rule: Some(Box::new(rule)), ..step }
}

fn timed(name: &str, from: Anchor, offset: Offset) -> Step {
    with(notify(name, 0), StepRule { timing: Some(Timing { from, offset }), ..StepRule::default() })
}

const fn days(days: i32) -> Offset {
    Offset { days, end_of_month: false, business_days: None, rest_ms: 0 }
}

const fn hours(hours: i64) -> Offset {
    Offset { days: 0, end_of_month: false, business_days: None, rest_ms: hours * 3_600_000 }
}

/// A policy of these steps: found late counts from a day ago, and lateness moves what follows.
fn policy_of(steps: Vec<Step>) -> Policy {
    Policy { steps, ..consumer() }
}

fn life(steps: Vec<Step>) -> Life {
    let mut life = Life::new(policy_of(steps));
    life.happens(0, profile(false));
    life
}

fn unpaid(at_least: i64) -> Test {
    Test::Number { of: NumberOf::UnpaidBills, at_least: Some(at_least), below: None }
}

#[test]
fn three_steps_count_from_the_due_date_the_end_of_a_month_and_the_step_before() {
    // Day 20103 is 2025-01-15.
    let end_of_month = Offset { days: 30, end_of_month: true, business_days: None, rest_ms: 0 };
    let steps = vec![
        notify("first", 10),
        timed("second", Anchor::DueDate, end_of_month),
        timed("letter", Anchor::PreviousStep, days(10)),
    ];
    let mut life = life(steps);
    life.bill(20_090, "b1", 1_000, 20_103);
    life.until(at(20_300));
    let dates: Vec<_> = life.said.iter().map(|c| Zone::UTC.day_of(c.decided_at).to_string()).collect();
    assert_eq!(dates, ["2025-01-25", "2025-02-28", "2025-03-10"]);
}

#[test]
fn steps_count_from_the_issue_date_and_from_the_beginning_of_the_cycle() {
    let steps = vec![
        timed("soon", Anchor::Entry, hours(6)),
        timed("issued", Anchor::IssueDate, days(30)),
        timed("entered", Anchor::Entry, days(25)),
    ];
    let mut life = life(steps);
    // Issued on day 0, due on day 10, overdue and entered on day 11.
    life.bill(0, "b1", 1_000, 10);
    life.until(at(100));
    assert_eq!(life.diary(), [(11, "soon"), (30, "issued"), (36, "entered")]);
    assert_eq!(life.said[0].decided_at, at(11).plus(6 * 3_600_000));
    life.pays(100, "p1", 1_000);
    assert_eq!(life.account.aside.as_ref().and_then(|a| a.bases), None, "with the cycle its bases end");
}

#[test]
fn steps_of_the_issue_date_that_are_past_by_the_due_date_do_not_come_together() {
    let steps = vec![
        timed("a", Anchor::IssueDate, days(3)),
        timed("b", Anchor::IssueDate, days(6)),
        timed("c", Anchor::IssueDate, days(8)),
    ];
    let mut life = life(steps);
    life.bill(0, "b1", 1_000, 20);
    life.until(at(100));
    assert_eq!(life.diary(), [(21, "a"), (24, "b"), (26, "c")]);
}

#[test]
fn a_step_on_business_days_keeps_to_them_where_its_notice_moves_it() {
    // A bar on the twelfth day, if it were not for the notice; day 0 is a Thursday.
    let timing = Some(Timing { from: Anchor::DueDate, offset: Offset { business_days: Some(0), ..days(12) } });
    let rule = StepRule { timing, ..StepRule::default() };
    for (due, weekend, barred) in [(12, true, 39), (12, false, 37), (10, true, 35)] {
        for hour in [None, Some(600)] {
            let bar = Step { time_of_day: hour, ..with(bar("bar", 0, BarLevel::Full), rule.clone()) };
            let mut policy = policy_of(vec![notify("reminder", 4), notify("final", 11), bar]);
            policy.options.calendar.weekend[5..].fill(weekend);
            let mut life = Life::new(policy);
            life.happens(0, profile(false));
            life.bill(0, "b1", 1_000, due);
            life.until(at(60));
            assert_eq!(life.diary()[2..], [(barred, "bar")], "{due} {weekend}");
            let Action::Notify { announced_for, .. } = &life.said[1].action else { panic!("a notice") };
            assert_eq!(*announced_for, Some(Zone::UTC.day_of(life.said[2].decided_at)), "it names that day");
            let minutes = life.said[2].decided_at.millis() % DAY / 60_000;
            assert_eq!(minutes, hour.map_or(0, i64::from));
        }
    }
}

#[test]
fn business_days_pass_over_the_weekend_in_the_ladder() {
    let mut policy = policy_of(vec![timed(
        "a",
        Anchor::DueDate,
        Offset { days: 0, end_of_month: false, business_days: Some(2), rest_ms: 0 },
    )]);
    policy.options.calendar.weekend = [false, false, false, false, false, true, true];
    let mut life = Life::new(policy);
    // Day 1 is a Friday: Monday is day 4, Tuesday day 5.
    life.bill(0, "b1", 1_000, 1);
    life.until(at(100));
    assert_eq!(life.diary(), [(5, "a")]);
}

#[test]
fn a_notice_comes_again_until_the_next_step_and_no_more_often_than_is_said() {
    let again = |times| {
        let rule = StepRule { repeat: Some(Repeat { every: days(7), times }), ..StepRule::default() };
        vec![with(notify("weekly", 4), rule), notify("last", 30)]
    };
    let rows = [
        (None, vec![(14, "weekly"), (21, "weekly"), (28, "weekly"), (35, "weekly"), (40, "last")]),
        (Some(1), vec![(14, "weekly"), (21, "weekly"), (40, "last")]),
        (Some(0), vec![(14, "weekly"), (40, "last")]),
    ];
    for (times, wanted) in rows {
        let mut life = life(again(times));
        life.bill(0, "b1", 1_000, 10);
        life.until(at(100));
        assert_eq!(life.diary(), wanted, "{times:?}");
        assert_eq!(life.account.cycle.as_ref().map(|c| c.sent.len()), Some(2), "the cycle does not grow");
    }
}

#[test]
fn a_last_step_comes_again_as_long_as_it_is_owed() {
    let rule = StepRule { repeat: Some(Repeat { every: days(14), times: None }), ..StepRule::default() };
    let mut life = life(vec![with(notify("interval", 4), rule)]);
    life.bill(0, "b1", 1_000, 10);
    life.pays(50, "p1", 1_000);
    life.until(at(200));
    assert_eq!(life.diary(), [(14, "interval"), (28, "interval"), (42, "interval")]);
}

#[test]
fn a_step_whose_condition_is_not_met_is_passed_over_or_waits_for_it() {
    let rule = |unmet| StepRule { when: vec![unpaid(2)], unmet, ..StepRule::default() };
    for (unmet, wanted) in [
        (Unmet::Skip, vec![(14, "last")]),
        // The second bill is overdue on day 31, and the last step keeps its distance of six days.
        (Unmet::Wait, vec![(31, "two"), (41, "last")]),
    ] {
        let last = if unmet == Unmet::Skip { 4 } else { 14 };
        let mut life = life(vec![with(notify("two", 4), rule(unmet)), notify("last", last)]);
        life.bill(0, "b1", 1_000, 10);
        life.bill(16, "b2", 1_000, 30);
        life.until(at(100));
        assert_eq!(life.diary(), wanted, "{unmet:?}");
    }
}

#[test]
fn a_condition_that_an_event_meets_lets_the_step_come_at_once() {
    let rule = StepRule { when: vec![unpaid(2)], unmet: Unmet::Wait, ..StepRule::default() };
    let mut life = life(vec![with(notify("two", 4), rule)]);
    life.bill(0, "b1", 1_000, 10);
    // Issued late: overdue already.
    life.bill(40, "b2", 1_000, 12);
    life.until(at(100));
    assert_eq!(life.diary(), [(40, "two")]);
}

#[test]
fn a_bar_whose_condition_is_gone_when_the_gate_answers_is_dropped() {
    let mut policy = consumer();
    let rule = StepRule { when: vec![unpaid(2)], ..StepRule::default() };
    policy.steps[2].rule = Some(Box::new(rule));
    let mut life = Life::new(policy);
    life.happens(0, profile(true));
    life.bill(0, "b1", 1_000, 10);
    life.bill(0, "b2", 1_000, 10);
    life.until(at(37));
    assert!(life.account.pending().is_some(), "the bar of a protected customer waits");
    life.happens(38, received("p1", 1_000, Some("b1")));
    life.happens(39, Body::Interaction(Interaction::BarApproved { until: None }));
    assert_eq!(life.diary().len(), 2, "{:?}", life.diary());
    assert!(life.decided.iter().any(|d| d.code == Code::ConditionNotMet));
}

#[test]
fn less_than_keeps_a_bar_lifts_it_and_makes_no_debt_old() {
    let mut policy = consumer();
    policy.options.restore_below_other = Minor::new(300);
    let mut life = Life::new(policy);
    life.happens(0, profile(false));
    life.bill(0, "b1", 1_000, 10);
    life.pays(40, "p1", 700);
    assert_eq!(life.diary()[2..], [(36, "bar-outgoing")], "300 are left, and keep it");
    life.pays(41, "p2", 1);
    assert_eq!(life.diary()[3..], [(41, "restore")]);
    // What was left is old and too little to count: the new debt has its own age.
    life.bill(90, "b2", 1_000, 100);
    life.until(at(106));
    assert_eq!(life.diary()[4..], [(104, "reminder")]);
}

/// A policy that tells of a bill seven and two days before its due date.
fn telling() -> Policy {
    let mut policy = consumer();
    policy.options.before_due = vec![notify("week", -7), notify("two", -2)];
    policy
}

#[test]
fn a_notice_before_the_due_date_comes_once_a_bill_and_starts_nothing() {
    let mut life = Life::new(telling());
    life.bill(0, "b1", 1_000, 20);
    life.bill(0, "b2", 600, 20);
    life.bill(0, "small", 400, 30);
    life.until(at(20));
    assert_eq!(life.diary(), [(13, "week"), (18, "two")]);
    assert!(life.said.iter().all(|c| c.cycle == 0 && c.amount_due == Minor::new(1_600) && c.bill_ids.len() == 2));
    assert_eq!((life.account.cycles, life.account.stage()), (0, Stage::Clear));
    life.until(at(30));
    assert_eq!(life.diary()[2..], [(24, "reminder")], "a bill under the minimum is not told of");
}

#[test]
fn a_bill_that_is_paid_covered_or_disputed_is_not_told_of() {
    let rows: [(&str, Body<'_>); 3] = [
        ("paid", received("p1", 1_000, None)),
        ("covered", Body::AccountCredited { credit_id: "c1", amount: Minor::new(1_000), currency: eur() }),
        ("disputed", disputed("d1", Some("b1"), None)),
    ];
    for (name, body) in rows {
        let mut life = Life::new(telling());
        life.bill(0, "b1", 1_000, 20);
        life.happens(1, body);
        life.until(at(200));
        assert_eq!(life.diary(), [], "{name}");
    }
}

#[test]
fn who_is_reached_late_is_told_once_and_who_is_billed_late_not_at_all() {
    let mut life = Life::new(telling());
    life.bill(0, "b1", 1_000, 20);
    life.meet(&Event::Deadline, at(19));
    life.until(at(22));
    assert_eq!(life.diary(), [(19, "two")], "one notice, not two");
    let mut life = Life::new(telling());
    life.bill(19, "b1", 1_000, 20);
    life.until(at(22));
    assert_eq!(life.diary(), [], "the bill itself has just come");
    let mut life = Life::new(telling());
    life.bill(0, "b1", 1_000, 20);
    life.meet(&Event::Deadline, at(21));
    life.until(at(22));
    assert_eq!(life.diary(), [], "it is overdue, and the ladder tells");
}

#[test]
fn a_notice_before_a_due_date_takes_no_step_of_the_cycle_that_runs() {
    let mut policy = telling();
    policy.steps[0].time_of_day = Some(600);
    let mut life = Life::new(policy);
    life.happens(0, profile(false));
    life.bill(0, "b1", 1_000, 10);
    life.bill(0, "b2", 1_000, 15);
    life.until(at(30));
    let wanted = vec![(3, "week"), (8, "two"), (8, "week"), (13, "two"), (14, "reminder"), (21, "final")];
    assert_eq!(life.diary(), wanted);
}

/// Any policy of one to five steps of every kind, that has a warning before each bar.
fn any_policy() -> impl Strategy<Value = Policy> {
    let offset = (0_i32..20, any::<bool>(), prop::option::of(0_i32..6), 0_i64..30).prop_map(
        |(days, end_of_month, business_days, hours)| Offset {
            days,
            end_of_month,
            business_days,
            rest_ms: hours * 3_600_000,
        },
    );
    let from =
        prop_oneof![Just(Anchor::DueDate), Just(Anchor::IssueDate), Just(Anchor::Entry), Just(Anchor::PreviousStep)];
    let timing = prop::option::of((from, offset).prop_map(|(from, offset)| Timing { from, offset }));
    let test = prop_oneof![
        (1_i64..4).prop_map(unpaid),
        (0_i64..3_000).prop_map(|n| Test::Number { of: NumberOf::Overdue, at_least: Some(n), below: None }),
        (0_i64..60).prop_map(|n| Test::Number { of: NumberOf::DebtAge, at_least: None, below: Some(n) }),
        any::<bool>().prop_map(|is| Test::Flag { of: FlagOf::Vulnerable, is }),
        any::<bool>().prop_map(|not| Test::Word { of: WordOf::Segment, words: vec!["consumer".into()], not }),
    ];
    let unmet = prop_oneof![Just(Unmet::Skip), Just(Unmet::Wait)];
    let times = prop::option::of(0_u16..4);
    let repeat = prop::option::of((1_i32..15, times).prop_map(|(n, times)| Repeat { every: days(n), times }));
    let others = prop::collection::vec(prop_oneof![Just(Channel::Sms), Just(Channel::Letter)], 0..3);
    let rule = (timing, prop::collection::vec(test, 0..2), unmet, repeat, others, notice_rule()).prop_map(
        |(timing, when, unmet, repeat, alternatives, notice)| StepRule {
            timing,
            when,
            unmet,
            repeat,
            alternatives,
            offer: None,
            notice,
        },
    );
    let step = (any::<bool>(), 0_i64..20, prop::option::of(0_u16..1_440), rule);
    let steps = prop::collection::vec(step, 1..5);
    let before = prop::collection::btree_set(1_i64..15, 0..3);
    (steps, before, 0_i64..500, any::<bool>(), any::<(bool, bool)>(), contact_rules()).prop_map(
        |(steps, before, keeps, weekend, (two, gives_up), contact)| {
            let mut policy = consumer();
            policy.options.restore_below_other = Minor::new(keeps);
            policy.options.calendar.weekend = [false, false, false, false, false, weekend, weekend];
            policy.options.before_due = before.iter().rev().map(|n| notify("told", -n)).collect();
            policy.steps = vec![with(notify("reminder", 1), steps[0].3.clone())];
            let mut offset = 1;
            for (bars, after, time_of_day, rule) in steps {
                offset += after;
                let place = policy.steps.len();
                let name = format!("step-{place}");
                let step = if bars && place > 1 {
                    // Rows that warn do not come again.
                    policy.steps[place - 1].rule.as_mut().into_iter().for_each(|r| r.repeat = None);
                    let warning = Some(WarningRule { step: place - 1, notice_ms: 3 * DAY });
                    Step { action: StepAction::Bar { level: BarLevel::Full, warning }, ..notify(&name, offset) }
                } else {
                    notify(&name, offset)
                };
                let rule = if matches!(step.action, StepAction::Bar { .. }) {
                    StepRule { repeat: None, ..rule }
                } else {
                    rule
                };
                policy.steps.push(Step { time_of_day, ..with(step, rule) });
                if bars && place > 1 {
                    policy.steps.push(notify(&format!("after-{place}"), offset));
                }
            }
            if gives_up {
                let action = StepAction::WriteOff { code: "WO".into() };
                policy.steps.push(Step { action, ..notify("give-up", offset + 20) });
            }
            if two {
                twice(&mut policy);
            }
            policy.options.contact = contact.map(Box::new);
            policy
        },
    )
}

/// Hours, caps and a spread, or none.
fn contact_rules() -> impl Strategy<Value = Option<ContactRules>> {
    let hours = (0_u16..12, 13_u16..25, 0_usize..7).prop_map(|(from, until, closed)| ContactHours {
        channels: Channels::of(&[Channel::Email]),
        from: from * 60,
        until: until * 60,
        closed: std::array::from_fn(|day| day == closed),
        closed_on_holidays: true,
    });
    let cap = (1_u16..4, 1_i64..10).prop_map(|(most, days)| Cap {
        channels: Channels::default(),
        most,
        within_ms: days * DAY,
    });
    let quiet = (1_i64..10).prop_map(|days| Quiet { channels: Channels::of(&[Channel::Email]), for_ms: days * DAY });
    let withdraw = (1_i64..5).prop_map(|days| Withdraw { channels: Channels::default(), within_ms: days * DAY });
    let lists = (
        prop::collection::vec(hours, 0..2),
        prop::collection::vec(cap, 0..3),
        prop::collection::vec(quiet, 0..2),
        prop::collection::vec(withdraw, 0..2),
    );
    let rules = (lists, 0_i64..12).prop_map(|((hours, caps, quiet, withdraw), spread)| ContactRules {
        hours,
        caps,
        quiet,
        spread_ms: spread * 3_600_000,
        withdraw,
    });
    prop::option::of(rules)
}

/// When a notice counts, and which ways it goes.
fn notice_rule() -> impl Strategy<Value = NoticeRule> {
    let served = prop_oneof![
        3 => Just(ServedWhen::Sent),
        1 => Just(ServedWhen::Delivered),
        1 => (1_u16..5).prop_map(|days| ServedWhen::NotBounced { days }),
    ];
    let unless = prop_oneof![Just(Heard::Delivered), Just(Heard::Answered)];
    let fallback =
        prop::option::of((1_i64..6, unless).prop_map(|(days, unless)| Fallback { after_ms: days * DAY, unless }));
    let rule = (served, fallback, any::<bool>());
    rule.prop_map(|(served, fallback, by_preference)| NoticeRule { served, fallback, by_preference, names: None })
}

/// The same steps as a second procedure, for who owes two bills when the cycle begins.
fn twice(policy: &mut Policy) {
    let first = policy.steps.len();
    let again = policy.steps.clone().into_iter().map(|mut step| {
        if let StepAction::Bar { warning: Some(rule), .. } = &mut step.action {
            rule.step += first;
        }
        step
    });
    policy.steps.extend(again);
    let place = |n| u16::try_from(n).expect("few steps");
    let procedure = |name: &str, from, to| Procedure { name: name.into(), first: place(from), end: place(to) };
    policy.options.procedures = vec![procedure("one", 0, first), procedure("two", first, 2 * first)];
    policy.options.select = vec![SelectRule { name: "two".into(), when: vec![unpaid(2)], share: None, procedure: 1 }];
}

proptest! {
    /// What must hold of every policy holds of these, at every transition; nothing turns in a circle.
    #[test]
    fn any_ladder_keeps_the_safety_rules(policy in any_policy(), days in prop::collection::vec((0_i64..12, happening()), 1..30)) {
        let mut life = Life::new(policy);
        life.happens(0, profile(false));
        let mut issued = BTreeMap::new();
        let mut day = 0;
        for (later, what) in &days {
            day += later;
            // A bill that was cancelled can be issued again, and is told of again; each part of it is.
            if let Happening::Bill(n, ..) = what {
                *issued.entry(format!("b{n}")).or_default() += what.parts();
            }
            live(&mut life, day, what);
            check_balances(&life);
        }
        life.until(at(day + 200));
        check_numbers(&life, &issued);
        let owed = life.account.bills.iter().map(Bill::undisputed).sum::<Minor>();
        prop_assert!(owed > Minor::ZERO || life.account.cycle.is_none());
    }
}

/// Sequences and decisions are gapless; no part of a bill is told of more often than there are notices before the date
/// that it is due.
fn check_numbers(life: &Life, parts: &BTreeMap<String, usize>) {
    assert!(life.said.iter().enumerate().all(|(i, c)| c.sequence == i as u64 + 1));
    assert!(life.decided.iter().enumerate().all(|(i, d)| d.number == i as u64 + 1 && !d.words().is_empty()));
    let notices = life.book.current(Timestamp::MIN).options.before_due.len();
    for (bill, times) in parts {
        let of = |c: &&Command| &*c.step == "told" && c.bill_ids.iter().any(|b| **b == **bill);
        assert!(life.said.iter().filter(of).count() <= times * notices, "{bill}");
    }
}
