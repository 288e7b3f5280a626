//! Promises, plans and holds: what they stop, how they end, and how the ladder goes on.

use super::*;

fn promise(id: &str, amount: i64, by: i32) -> Body<'_> {
    let (amount, promised_on) = (Minor::new(amount), Day::from_epoch(by));
    Body::Interaction(Interaction::PromiseMade { promise_id: id, amount, promised_on })
}

fn plan<'a>(id: &'a str, parts: &[(i32, i64)], replaces: Option<&'a str>) -> Body<'a> {
    let part = |(day, amount): &(i32, i64)| Term { due_on: Day::from_epoch(*day), amount: Minor::new(*amount) };
    let instalments = parts.iter().map(part).collect();
    Body::Interaction(Interaction::PlanAgreed { plan_id: id, instalments, replaces })
}

fn hold<'a>(id: &'a str, until: Option<i64>, bills: &[&'a str], stops: Stops) -> Body<'a> {
    let (until, bills) = (until.map(at), bills.to_vec());
    Body::Interaction(Interaction::HoldPlaced { hold_id: id, kind: "hardship", until, bills, stops })
}

fn released(hold_id: &str) -> Body<'_> {
    Body::Interaction(Interaction::HoldReleased { hold_id })
}

const CONTACTS: Stops = Stops { contacts: true, bars: false, fees: false };
const BARS: Stops = Stops { contacts: false, bars: true, fees: false };

fn restoring() -> Policy {
    let mut policy = consumer();
    let terms = AgreementRules { restores: true, ..AgreementRules::default() };
    policy.options.pauses =
        PauseRules { promises: terms.clone(), plans: terms, holds_restore: HoldKinds::All, ..PauseRules::default() };
    policy
}

fn codes(life: &Life) -> Vec<Code> {
    let told = |code: &Code| {
        !matches!(code, Code::Notified | Code::Barred | Code::BarPending | Code::CycleStarted | Code::CycleEnded)
    };
    life.decided.iter().map(|d| d.code).filter(told).collect()
}

#[test]
fn a_hold_stops_everything_and_gives_the_time_back() {
    let mut life = owing(consumer());
    life.happens(16, hold("h", None, &[], Stops::ALL));
    life.until(at(18));
    assert_eq!(life.account.stage(), Stage::Clear, "clear while held");
    life.happens(46, released("h"));
    assert_eq!(life.account.stage(), Stage::Notified, "at its level at once");
    life.until(at(200));
    // Thirty days later, with the distances as they were, and nothing in a burst.
    assert_eq!(life.diary(), [(14, "reminder"), (51, "final"), (66, "bar-outgoing"), (80, "bar-full")]);
    assert_eq!(codes(&life), [Code::HoldPlaced, Code::Paused, Code::HoldEnded, Code::Resumed]);
}

/// The final notice, on day 21, offers three parts, each ten days after the last.
fn offering(only_offered: bool) -> Life {
    let mut policy = consumer();
    let offer = Some(PlanOffer { parts: 3, first_days: 5, every_days: 10 });
    policy.steps[1].rule = Some(Box::new(StepRule { offer, ..StepRule::default() }));
    policy.options.pauses.plans.only_offered = only_offered;
    owing(policy)
}

fn answered(command_id: &str, accepted: bool) -> Body<'_> {
    Body::Interaction(Interaction::OfferAnswered { command_id, accepted })
}

#[test]
fn a_plan_that_is_offered_is_taken_by_its_notice() {
    let mut life = offering(true);
    let early = [(26, 334), (36, 333), (46, 333)];
    let refused = Outcome::NoEffect(NoEffect::AgreementNotAllowed);
    assert_eq!(life.happens(20, plan("s1", &early, None)), refused, "nothing was offered yet");
    life.until(at(22));
    let Action::Notify { ref offer, .. } = life.said[1].action else { panic!("a notice") };
    let parts: Vec<_> = offer.iter().map(|part| (part.due_on.epoch(), part.amount.get())).collect();
    assert_eq!(parts, early);
    let notice = life.said[1].id.to_string();
    let unknown = Outcome::NoEffect(NoEffect::UnknownOffer);
    assert_eq!(life.happens(22, answered("another", true)), unknown);
    assert_eq!(life.happens(23, answered(&notice, true)), Outcome::Applied);
    assert_eq!(life.account.pauses().and_then(|p| p.plan.as_ref()).map(|plan| &*plan.id), Some(&*notice));
    assert_eq!(life.happens(24, answered(&notice, true)), unknown, "it is answered");
    life.until(at(26));
    assert_eq!(life.said.len(), 2, "and it stops everything");
    assert_eq!(codes(&life)[1..], [Code::PlanAccepted, Code::Paused]);
}

#[test]
fn an_offer_that_is_declined_or_no_longer_enough_is_no_plan() {
    let mut life = offering(false);
    life.until(at(22));
    let notice = life.said[1].id.to_string();
    assert_eq!(life.happens(22, answered(&notice, false)), Outcome::Applied);
    assert_eq!(codes(&life), [Code::OfferDeclined]);
    assert_eq!(life.happens(23, answered(&notice, true)), Outcome::NoEffect(NoEffect::UnknownOffer));
    // More is overdue than was offered to be paid in parts: a person should look.
    let mut life = offering(false);
    life.bill(0, "b2", 1_000, 22);
    life.until(at(22));
    assert_eq!(life.happens(24, answered(&notice, true)), Outcome::Refused(Refusal::PlanDoesNotSum));
    assert!(life.account.aside.as_ref().is_some_and(|aside| aside.offered.is_some()), "it can be answered again");
    life.pays(25, "p1", 2_000);
    assert_eq!(life.account.aside, None, "with the cycle the offer is over");
    // Other plans are taken where the policy does not ask for an offer.
    let mut life = offering(false);
    assert_eq!(life.happens(12, plan("s1", &[(60, 1_000)], None)), Outcome::Applied);
    let mut life = offering(true);
    for (parts, taken) in [(vec![(26, 500), (47, 500)], false), (vec![(26, 250); 4], false), (vec![(46, 1_000)], true)]
    {
        let outcome = life.happens(22, plan("s1", &parts, None));
        assert_eq!(outcome == Outcome::Applied, taken, "{parts:?}");
    }
}

#[test]
fn what_was_agreed_and_cancelled_is_decided() {
    let mut life = owing(consumer());
    let initiated = Body::PaymentInitiated {
        payment_id: "p",
        amount: Minor::new(1_000),
        currency: eur(),
        expected_by: Day::from_epoch(20),
    };
    let rows = [
        (promise("p", 1_000, 30), Code::PromiseAccepted),
        (Body::Interaction(Interaction::PromiseCancelled { promise_id: "p" }), Code::AgreementCancelled),
        (plan("l", &[(30, 500), (40, 500)], None), Code::PlanAccepted),
        (Body::Interaction(Interaction::PlanCancelled { plan_id: "l" }), Code::AgreementCancelled),
        (initiated, Code::PaymentAwaited),
    ];
    for (body, code) in rows {
        let known = life.decided.len();
        let said = format!("{body:?}");
        assert_eq!(life.happens(16, body), Outcome::Applied, "{said}");
        assert!(life.decided[known..].iter().any(|d| d.code == code), "{said}: {code:?}");
    }
}

#[test]
fn a_hold_ends_by_itself_and_can_be_prolonged() {
    let mut life = owing(consumer());
    life.happens(16, hold("h", Some(20), &[], Stops::ALL));
    life.happens(18, hold("h", Some(26), &[], Stops::ALL));
    life.until(at(40));
    assert_eq!(life.diary(), [(14, "reminder"), (31, "final")]);
    assert_eq!(life.happens(40, released("h")), Outcome::NoEffect(NoEffect::UnknownHold));
}

#[test]
fn no_cycle_begins_while_all_is_stopped_and_those_days_do_not_count() {
    let mut policy = consumer();
    policy.late_start_ms = 100 * DAY;
    let mut life = owing(policy);
    // Stopped from the fifth day to the thirtieth: the debt is as old as on its due date.
    life.happens(5, hold("h", None, &[], Stops::ALL));
    life.happens(30, released("h"));
    life.until(at(60));
    assert_eq!(life.diary(), [(34, "reminder"), (41, "final"), (56, "bar-outgoing")]);
}

#[test]
fn a_bar_in_force_stays_unless_the_policy_lifts_it_and_comes_again_when_the_promise_is_broken() {
    for (policy, lifted) in [(consumer(), false), (restoring(), true)] {
        let mut life = owing(policy);
        life.happens(38, promise("p", 1_000, 45));
        life.until(at(44));
        let restored = life.said.iter().any(|c| matches!(c.action, Action::Restore { .. }));
        assert_eq!(restored, lifted);
        life.until(at(100));
        // From day 38 to the end of day 45 the clock stands still, which is eight days.
        let mut expected = vec![(14, "reminder"), (21, "final"), (36, "bar-outgoing")];
        if lifted {
            expected.extend([(38, "restore"), (46, "bar-outgoing"), (60, "bar-full")]);
        } else {
            expected.push((58, "bar-full"));
        }
        assert_eq!(life.diary(), expected);
        assert_eq!(life.account.pauses().map(|p| (p.kept, p.broken)), Some((0, 1)));
    }
}

#[test]
fn why_bars_are_lifted_is_said() {
    let plan = plan("x", &[(60, 1_000)], None);
    for (stops, reason) in [
        (promise("x", 1_000, 60), RestorationReason::Promise),
        (plan, RestorationReason::Plan),
        (hold("x", None, &[], Stops::ALL), RestorationReason::Hold),
    ] {
        let mut life = owing(restoring());
        life.happens(38, stops);
        let last = &life.said[3];
        let Action::Restore { lifts, reason: found, .. } = &last.action else { panic!("a restoration") };
        assert_eq!((lifts, *found, last.amount_due), (&vec![life.said[2].id], reason, Minor::new(1_000)));
    }
}

#[test]
fn a_bar_that_waits_for_the_gate_falls_due_again_behind_the_promise() {
    let mut life = Life::new(consumer());
    life.happens(0, profile(true));
    life.bill(0, "b1", 1_000, 10);
    life.until(at(40));
    assert_eq!(life.account.pending().map(|p| p.held), Some(Some(Hold::Protected)));
    life.happens(40, promise("p", 1_000, 44));
    assert_eq!(life.account.pending(), None);
    life.happens(41, Body::Interaction(Interaction::BarApproved { until: None }));
    life.until(at(70));
    // It had been due for four days when the clock was stopped; the next one keeps its distance.
    assert_eq!(life.diary()[2..], [(45, "bar-outgoing"), (59, "bar-full")]);
}

#[test]
fn a_promise_is_kept_by_its_share_within_its_grace() {
    let terms = AgreementRules { kept_share: 9_500, grace_days: 2, ..AgreementRules::default() };
    // Day of the payment, its amount, whether it is kept, and the day of the next notice.
    let rows = [
        (20, 950, true, 24),
        (20, 949, false, 31),
        // The day of the promise and two more.
        (26, 950, true, 30),
        // At the very end of them is in time, as events come before deadlines; a day later is not.
        (27, 950, true, 31),
        (28, 950, false, 31),
    ];
    for (day, paid, kept, next) in rows {
        let mut policy = consumer();
        policy.options.pauses.promises = terms.clone();
        let mut life = owing(policy);
        life.bill(0, "b2", 5_000, 10);
        // Seven days after the reminder of day 14 the next notice comes; three of them are over.
        life.happens(17, promise("p", 1_000, 24));
        life.pays(day, "pay", paid);
        life.until(at(40));
        assert_eq!(life.account.pauses().map(|p| p.kept == 1), Some(kept), "{day} {paid}");
        assert_eq!(life.diary()[1], (next, "final"), "{day} {paid}");
    }
}

#[test]
fn a_payment_that_goes_back_no_longer_keeps_a_promise() {
    let mut life = owing(consumer());
    life.pays(11, "before", 100);
    life.happens(15, promise("p", 800, 20));
    life.pays(16, "pay", 300);
    assert_eq!(life.account.pauses().map(|p| p.promises[0].paid), Some(Minor::new(300)));
    // What was paid before was not counted, and more than was paid does not go back.
    life.happens(17, taken_back("before", 100));
    life.happens(17, taken_back("pay", 5_000));
    assert_eq!(life.account.pauses().map(|p| p.promises[0].paid), Some(Minor::ZERO));
    life.until(at(22));
    assert!(codes(&life).contains(&Code::PromiseBroken));
}

#[test]
fn whoever_owes_nothing_any_more_has_kept_it() {
    let mut life = owing(consumer());
    life.happens(15, promise("p", 1_000, 40));
    life.happens(16, adjusted("b1", -1_000));
    assert_eq!(codes(&life), [Code::PromiseAccepted, Code::Paused, Code::PromiseKept, Code::Resumed]);
    assert_eq!((life.account.cycle.is_none(), life.account.deadline()), (true, None));
}

#[test]
fn a_plan_is_kept_part_by_part_or_broken_at_the_first_that_is_missing() {
    let parts = [(20, 300), (30, 300), (40, 400)];
    let rows = [
        (vec![(20, 300), (25, 300), (40, 400)], Code::PlanKept, 40),
        (vec![(19, 1_000)], Code::PlanKept, 19),
        (vec![(20, 299)], Code::PlanBroken, 21),
        (vec![(18, 400), (30, 199)], Code::PlanBroken, 31),
    ];
    for (payments, code, day) in rows {
        let mut life = owing(consumer());
        life.bill(0, "b2", 100, 200);
        life.happens(16, plan("x", &parts, None));
        for (i, (day, amount)) in payments.iter().enumerate() {
            life.pays(*day, &format!("p{i}"), *amount);
        }
        life.until(at(60));
        let ended = life.decided.iter().find(|d| matches!(d.code, Code::PlanKept | Code::PlanBroken)).expect("an end");
        assert_eq!((ended.code, ended.at), (code, at(day)), "{payments:?}");
    }
}

#[test]
fn a_plan_covers_what_is_overdue_and_another_one_has_to_replace_it() {
    let mut life = owing(consumer());
    life.until(at(16));
    for (parts, refusal) in [(&[][..], Refusal::PlanDoesNotSum), (&[(20, 500), (30, 499)], Refusal::PlanDoesNotSum)] {
        assert_eq!(life.happens(16, plan("x", parts, None)), Outcome::Refused(refusal), "{parts:?}");
    }
    let all = [(20, 500), (30, 500)];
    assert_eq!(life.happens(16, plan("x", &all, None)), Outcome::Applied);
    assert_eq!(life.happens(17, plan("x", &all, None)), Outcome::NoEffect(NoEffect::KnownPlan));
    assert_eq!(life.happens(17, plan("y", &all, None)), Outcome::Refused(Refusal::OtherPlanRuns));
    assert_eq!(life.happens(17, plan("y", &all, Some("z"))), Outcome::Refused(Refusal::OtherPlanRuns));
    assert_eq!(life.happens(17, plan("y", &[(60, 1_000)], Some("x"))), Outcome::Applied);
    life.until(at(60));
    assert_eq!(life.diary(), [(14, "reminder")], "the first one is neither broken nor kept");
    let cancelled = |plan_id| Body::Interaction(Interaction::PlanCancelled { plan_id });
    assert_eq!(life.happens(60, cancelled("x")), Outcome::NoEffect(NoEffect::UnknownPlan));
    assert_eq!(life.happens(60, cancelled("y")), Outcome::Applied);
    life.until(at(66));
    assert_eq!(life.diary()[1..], [(65, "final")]);
    assert_eq!(life.account.pauses().map(|p| (p.kept, p.broken)), None, "nothing is left to be remembered");
}

#[test]
fn only_so_many_promises_are_taken_and_none_that_lies_too_far_ahead() {
    let mut policy = consumer();
    policy.options.pauses.promises =
        AgreementRules { most: Some((2, 30)), within_days: Some(10), ..AgreementRules::default() };
    let mut life = owing(policy);
    let not = Outcome::NoEffect(NoEffect::AgreementNotAllowed);
    assert_eq!(life.happens(12, promise("p0", 1_000, 23)), not);
    assert_eq!(life.happens(12, promise("p1", 1_000, 11)), Outcome::NoEffect(NoEffect::PastPromise));
    assert_eq!(life.happens(12, promise("p1", 1_000, 12)), Outcome::Applied);
    assert_eq!(life.happens(12, promise("p1", 1_000, 13)), Outcome::NoEffect(NoEffect::KnownPromise));
    assert_eq!(life.happens(14, promise("p2", 1_000, 15)), Outcome::Applied);
    assert_eq!(life.happens(41, promise("p3", 1_000, 42)), not, "two in the last thirty days");
    assert_eq!(life.happens(42, promise("p3", 1_000, 43)), Outcome::Applied);
    assert!(codes(&life).contains(&Code::AgreementNotAccepted));
    let cancelled = |promise_id| Body::Interaction(Interaction::PromiseCancelled { promise_id });
    assert_eq!(life.happens(43, cancelled("p3")), Outcome::Applied);
    assert_eq!(life.happens(43, cancelled("p3")), Outcome::NoEffect(NoEffect::UnknownPromise));
}

#[test]
fn whoever_broke_a_promise_can_be_refused_another() {
    let mut policy = consumer();
    let broken = Test::Number { of: NumberOf::PromisesBroken, at_least: None, below: Some(1) };
    policy.options.pauses.promises = AgreementRules { when: vec![broken], ..AgreementRules::default() };
    let mut life = owing(policy);
    assert_eq!(life.happens(12, promise("p1", 1_000, 13)), Outcome::Applied);
    assert_eq!(life.happens(20, promise("p2", 1_000, 21)), Outcome::NoEffect(NoEffect::AgreementNotAllowed));
}

#[test]
fn a_hold_on_contacts_holds_up_the_notice_and_one_on_bars_the_bar() {
    let mut life = owing(consumer());
    life.happens(16, hold("h", None, &[], CONTACTS));
    life.until(at(30));
    assert_eq!(life.account.stage(), Stage::Notified, "not all of it is stopped");
    life.happens(30, released("h"));
    life.until(at(40));
    // The notice of day 21 comes nine days late; what follows keeps its distance.
    assert_eq!(life.diary(), [(14, "reminder"), (30, "final")]);
    life.happens(40, hold("h", None, &[], BARS));
    life.until(at(50));
    assert_eq!(life.account.pending().map(|p| p.held), Some(Some(Hold::OnHold)));
    life.happens(50, released("h"));
    life.until(at(100));
    assert_eq!(life.diary()[2..], [(50, "bar-outgoing"), (64, "bar-full")]);
}

#[test]
fn a_hold_on_a_bill_leaves_that_bill_out_and_gives_its_days_back() {
    let mut policy = consumer();
    policy.late_start_ms = 100 * DAY;
    let mut life = owing(policy);
    life.bill(0, "b2", 700, 10);
    life.happens(12, hold("h", None, &["b1", "not-mine"], Stops::ALL));
    life.until(at(16));
    assert_eq!((life.said[0].amount_due, &life.said[0].bill_ids), (Minor::new(700), &vec!["b2".into()]));
    // Held from day 12 to day 18, it is six days younger.
    life.happens(18, released("h"));
    assert_eq!(life.account.bills[0].clear_from, Some(Day::from_epoch(16)));
    life.until(at(22));
    assert_eq!(life.said[1].amount_due, Minor::new(1_700));
}

#[test]
fn a_hold_that_stops_neither_stops_nothing_here() {
    let mut life = owing(consumer());
    life.happens(12, hold("h", None, &["b1"], Stops::default()));
    life.happens(12, hold("i", None, &[], Stops::default()));
    life.until(at(22));
    assert_eq!(life.diary(), [(14, "reminder"), (21, "final")]);
}

#[test]
fn two_at_a_time_stop_it_until_the_last_has_ended() {
    let mut life = owing(consumer());
    life.happens(16, hold("h", Some(30), &[], Stops::ALL));
    life.happens(20, promise("p", 1_000, 24));
    life.happens(22, hold("i", Some(28), &[], BARS));
    life.until(at(60));
    // Fourteen days, from 16 to 30, once.
    assert_eq!(life.diary(), [(14, "reminder"), (35, "final"), (50, "bar-outgoing")]);
}

#[test]
fn what_an_account_can_have_is_bounded() {
    let mut life = owing(consumer());
    let names: Vec<String> = (0..17).map(|n| format!("x{n}")).collect();
    for (n, name) in names.iter().enumerate() {
        let full = n == 16;
        let wanted = if full { Outcome::Refused(Refusal::TooMany) } else { Outcome::Applied };
        assert_eq!(life.happens(1, hold(name, None, &[], Stops::ALL)), wanted, "{n}");
        assert_eq!(life.happens(1, promise(name, 1, 100)), wanted, "{n}");
    }
    let many = vec!["b"; 241];
    assert_eq!(life.happens(2, hold("x0", None, &many, Stops::ALL)), Outcome::Refused(Refusal::TooMany));
    let parts = vec![(50, 10); 241];
    assert_eq!(life.happens(2, plan("y", &parts, None)), Outcome::Refused(Refusal::TooMany));
    assert_eq!(life.happens(2, plan("y", &parts[..240], None)), Outcome::Applied);
}

#[test]
fn a_notice_before_the_due_date_waits_for_the_end_of_a_hold() {
    let mut policy = consumer();
    policy.options.before_due = vec![notify("soon", -3)];
    let mut life = Life::new(policy);
    life.happens(0, profile(false));
    life.bill(0, "b1", 1_000, 10);
    life.happens(5, hold("h", None, &[], CONTACTS));
    life.until(at(9));
    assert_eq!(life.diary(), []);
    life.happens(9, released("h"));
    life.until(at(10));
    assert_eq!(life.diary(), [(9, "soon")]);
}

#[test]
fn a_dispute_that_leaves_less_than_the_minimum_stops_the_clock() {
    let ended = |credited| Body::DisputeResolved {
        dispute_id: "d",
        outcome: DisputeOutcome::Rejected,
        credited: Minor::new(credited),
    };
    // Contested from day 16 on, what happens on a later day, and what comes after the reminder.
    let rows = [
        // Fourteen days are given back.
        (600, 30, ended(0), vec![(35, "final"), (50, "bar-outgoing"), (64, "bar-full")]),
        (600, 30, ended(600), vec![]),
        // Enough is left: the ladder goes on with it.
        (400, 30, ended(0), vec![(21, "final"), (36, "bar-outgoing"), (50, "bar-full")]),
        // From day 51 on a second bill is enough with what is left, and the dispute goes on.
        (600, 40, issued("b2", 200, 50), vec![(56, "final"), (71, "bar-outgoing"), (85, "bar-full")]),
        (600, 30, received("p", 400, Some("b1")), vec![]),
    ];
    for (amount, day, then, expected) in rows {
        let mut life = owing(consumer());
        life.happens(16, disputed("d", Some("b1"), Some(amount)));
        life.happens(day, then.clone());
        life.until(at(120));
        assert_eq!(life.diary()[1..], expected, "{amount} {then:?}");
        let stopped = codes(&life).iter().filter(|code| matches!(code, Code::Paused)).count();
        assert_eq!(stopped, usize::from(amount == 600), "{amount} {then:?}");
    }
}

#[test]
fn a_bar_in_force_stays_while_a_dispute_leaves_less_than_the_minimum_and_the_next_one_comes_later() {
    let mut life = owing(consumer());
    life.happens(38, disputed("d", Some("b1"), Some(600)));
    life.until(at(44));
    assert_eq!(life.account.stage(), Stage::Barred(BarLevel::Outgoing));
    life.happens(45, resolved("d", 0));
    life.until(at(100));
    assert_eq!(life.diary()[2..], [(36, "bar-outgoing"), (57, "bar-full")]);
}

#[test]
fn a_dispute_stops_no_clock_where_a_step_under_the_minimum_is_passed_over() {
    let mut policy = consumer();
    policy.shortcuts.below_minimum = BelowMinimum::Skip;
    let mut life = owing(policy);
    life.happens(16, disputed("d", Some("b1"), Some(600)));
    life.until(at(30));
    assert!(!life.account.is_paused());
}

#[test]
fn a_bill_that_is_held_and_disputed_is_held() {
    let mut life = owing(consumer());
    life.bill(12, "b2", 400, 13);
    life.happens(16, disputed("d", Some("b1"), Some(600)));
    life.until(at(17));
    assert!(!life.account.is_paused(), "800 are owed beside it");
    life.happens(17, hold("h", None, &["b1"], Stops::ALL));
    assert!(!life.account.is_paused(), "the hold is why so little is dunned, and it gives its days back by itself");
}
