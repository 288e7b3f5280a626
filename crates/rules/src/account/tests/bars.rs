//! Rows for the bars: what holds one, who lets it go, and what lifts it.

use super::*;

#[test]
fn a_service_that_was_ended_is_not_brought_back() {
    let paid = |life: &mut Life| {
        life.pays(60, "p", 1_000);
    };
    let promised = |life: &mut Life| {
        let promised_on = Day::from_epoch(70);
        let made = Interaction::PromiseMade { promise_id: "s", amount: Minor::new(1_000), promised_on };
        life.happens(60, Body::Interaction(made));
    };
    for (what, ends) in [(paid as fn(&mut Life), true), (promised as fn(&mut Life), false)] {
        let mut policy = consumer();
        policy.options.pauses.promises.restores = true;
        policy.options.resumes.reversal = true;
        for step in &mut policy.steps {
            if let StepAction::Bar { level: level @ BarLevel::Full, .. } = &mut step.action {
                *level = BarLevel::Terminated;
            }
        }
        let mut life = owing(policy);
        life.until(at(60));
        assert_eq!(life.account.stage(), Stage::Barred(BarLevel::Terminated));
        what(&mut life);
        let restored = life.said.iter().any(|command| matches!(command.action, Action::Restore { .. }));
        let said = life.decided.iter().any(|decision| decision.code == Code::NotRestored);
        assert_eq!((restored, said, life.account.cycle.is_none()), (false, ends, ends));
        if ends {
            // A payment that goes back begins anew: there is nothing left to go on with.
            life.happens(61, taken_back("p", 1_000));
            assert_eq!((life.account.cycles, life.account.stage()), (2, Stage::Entered));
        }
    }
}

const HOUR: i64 = DAY / 24;

/// An account on day 36, at the instant at which its first bar fell due; the gate has not answered yet.
fn at_the_bar(policy: Policy, before: Vec<Body<'_>>) -> Life {
    let mut life = Life::new(policy);
    life.bill(0, "b1", 1_000, 10);
    for body in before {
        life.happens(1, body);
    }
    life.until(at(36));
    assert_eq!(life.meet(&Event::Deadline, at(36)), Outcome::Applied);
    life
}

fn known(policy: Policy) -> Life {
    at_the_bar(policy, vec![profile(false)])
}

fn gate(life: &mut Life, answer: GateAnswer, now: Timestamp) -> Outcome {
    life.meet(&Event::Gate(answer), now)
}

/// An event of the account, the gate saying nothing.
fn quietly(life: &mut Life, day: i64, body: Body<'_>) {
    life.events += 1;
    let id = format!("e-{}", life.events);
    life.meet(&Event::Input(Input { event_id: &id, occurred_at: at(day), body }), at(day));
}

fn held(life: &Life) -> Option<Option<Hold>> {
    life.account.pending().map(|p| p.held)
}

fn last(life: &Life) -> (Code, Option<&str>) {
    let decision = life.decided.last().expect("a decision");
    (decision.code, decision.step.as_deref())
}

fn allowed(until: Option<i64>) -> Body<'static> {
    Body::Interaction(Interaction::BarApproved { until: until.map(at) })
}

fn refused(until: Option<i64>) -> Body<'static> {
    Body::Interaction(Interaction::BarRefused { until: until.map(at) })
}

#[test]
fn what_of_the_account_itself_holds_a_bar() {
    let none = Shortcuts::NONE;
    let unknown = Shortcuts { bar_without_profile: true, ..none };
    let protected = Shortcuts { bar_protected: true, ..none };
    let withdrawn = || Body::Interaction(Interaction::BarDecisionWithdrawn);
    let rows = [
        (none, vec![], Some(Hold::NoProfile)),
        (none, vec![allowed(None)], Some(Hold::NoProfile)),
        (unknown, vec![], None),
        (unknown, vec![refused(None)], Some(Hold::Refused)),
        (none, vec![profile(false)], None),
        (none, vec![profile(false), refused(None)], Some(Hold::Refused)),
        (none, vec![profile(false), refused(Some(37))], Some(Hold::Refused)),
        (none, vec![profile(false), refused(Some(36))], None),
        (none, vec![profile(false), refused(None), allowed(None)], None),
        (none, vec![profile(false), refused(None), withdrawn()], None),
        (none, vec![profile(true)], Some(Hold::Protected)),
        (unknown, vec![profile(true)], Some(Hold::Protected)),
        (none, vec![profile(true), profile(false)], None),
        (none, vec![profile(true), allowed(None)], None),
        (none, vec![profile(true), allowed(Some(37))], None),
        (none, vec![profile(true), allowed(Some(36))], Some(Hold::Protected)),
        (none, vec![profile(true), allowed(None), withdrawn()], Some(Hold::Protected)),
        (protected, vec![profile(true)], None),
        (protected, vec![profile(true), refused(None)], Some(Hold::Refused)),
        (protected, vec![], Some(Hold::NoProfile)),
    ];
    for (shortcuts, before, hold) in rows {
        let words = format!("{before:?}");
        let mut life = at_the_bar(Policy { shortcuts, ..consumer() }, before);
        assert_eq!(held(&life), Some(hold), "{words}");
        assert_eq!(last(&life), (hold.map_or(Code::BarPending, Code::BarHeld), Some("bar-outgoing")), "{words}");
        // The gate's word alone lifts none of them.
        let decided = life.decided.len();
        gate(&mut life, GateAnswer::Cleared, at(36));
        assert_eq!((held(&life), life.said.len()), (hold.map(Some), if hold.is_some() { 2 } else { 3 }), "{words}");
        assert_eq!(life.decided.len() > decided, hold.is_none(), "said once: {words}");
    }
}

#[test]
fn who_opted_out_of_the_warning_is_not_barred() {
    let mut policy = consumer();
    let StepAction::Notify { mandatory, .. } = &mut policy.steps[1].action else { panic!("a notice") };
    *mandatory = false;
    let contacts = vec![Contact { channel: Channel::Email, address: "a".into(), consent: false }];
    let mut life = at_the_bar(policy, vec![Body::Profile(Box::new(Profile { contacts, ..customer() }))]);
    assert_eq!(life.diary(), [(14, "reminder")]);
    assert_eq!((held(&life), last(&life).0), (Some(Some(Hold::NoWarning)), Code::BarHeld(Hold::NoWarning)));
    gate(&mut life, GateAnswer::Cleared, at(37));
    assert_eq!((held(&life), life.account.deadline()), (Some(Some(Hold::NoWarning)), None));
}

#[test]
fn a_hold_of_the_accounts_own_ends_with_an_event_and_then_the_gate_is_asked() {
    let mut life = at_the_bar(consumer(), vec![]);
    assert_eq!((held(&life), life.account.deadline()), (Some(Some(Hold::NoProfile)), None));
    quietly(&mut life, 37, profile(true));
    assert_eq!((held(&life), last(&life).0), (Some(Some(Hold::Protected)), Code::BarHeld(Hold::Protected)));
    let decided = life.decided.len();
    quietly(&mut life, 37, Body::UsageRecorded(Usage::NONE));
    assert_eq!(life.decided.len(), decided, "nothing new");
    quietly(&mut life, 38, refused(None));
    assert_eq!((held(&life), last(&life).0), (Some(Some(Hold::Refused)), Code::BarHeld(Hold::Refused)));
    quietly(&mut life, 39, allowed(None));
    assert_eq!((held(&life), last(&life)), (Some(None), (Code::BarPending, Some("bar-outgoing"))));
    assert_eq!(life.account.pending().map(|p| p.due), Some(at(36)));
    assert_eq!(life.said.len(), 2);
    gate(&mut life, GateAnswer::Cleared, at(39));
    assert_eq!((held(&life), life.diary()[2]), (None, (39, "bar-outgoing")));
}

#[test]
fn an_approval_that_ran_out_before_the_gate_answered_holds_the_bar() {
    for (answered, hold) in [(at(37).plus(-1), None), (at(37), Some(Hold::Protected))] {
        let mut life = at_the_bar(consumer(), vec![profile(true), allowed(Some(37))]);
        assert_eq!(held(&life), Some(None));
        gate(&mut life, GateAnswer::Cleared, answered);
        assert_eq!((held(&life), life.said.len()), (hold.map(Some), if hold.is_some() { 2 } else { 3 }));
        assert_eq!(last(&life).0, hold.map_or(Code::Barred, Code::BarHeld));
    }
}

#[test]
fn what_the_gate_holds_is_said_once_and_ends_with_the_gate_alone() {
    let mut life = known(consumer());
    let mut holds = |hold: Hold, is_new: bool| {
        let decided = life.decided.len();
        assert_eq!(gate(&mut life, GateAnswer::Held(hold), at(36)), Outcome::Applied);
        assert_eq!((held(&life), life.account.deadline()), (Some(Some(hold)), None));
        assert_eq!(life.decided.len() > decided, is_new, "{hold:?}");
        assert_eq!(last(&life), (Code::BarHeld(hold), Some("bar-outgoing")));
    };
    holds(Hold::InputsBehind, true);
    holds(Hold::InputsBehind, false);
    holds(Hold::Budget, true);
    let decided = life.decided.len();
    quietly(&mut life, 37, allowed(None));
    assert_eq!((held(&life), life.decided.len()), (Some(Some(Hold::Budget)), decided), "it is not the account's own");
    quietly(&mut life, 37, refused(None));
    assert_eq!(held(&life), Some(Some(Hold::Refused)), "but a person's word counts at once");
}

#[test]
fn a_person_lets_a_bar_go_beyond_the_budget_but_not_beyond_what_holds_the_account() {
    let mut life = known(consumer());
    gate(&mut life, GateAnswer::Held(Hold::Budget), at(36));
    gate(&mut life, GateAnswer::Released, at(37));
    assert_eq!(life.account.pending(), Some(&PendingBar { due: at(36), held: None, released: true }));
    assert_eq!((last(&life), life.said.len()), ((Code::BarReleased, Some("bar-outgoing")), 2));
    gate(&mut life, GateAnswer::Cleared, at(37));
    assert_eq!(life.diary()[2], (37, "bar-outgoing"));

    let mut protected = at_the_bar(consumer(), vec![profile(true)]);
    gate(&mut protected, GateAnswer::Released, at(37));
    let waits = PendingBar { due: at(36), held: Some(Hold::Protected), released: true };
    assert_eq!(protected.account.pending(), Some(&waits));
    // Freed and then held by the gate for another reason, it stays released.
    quietly(&mut protected, 38, allowed(None));
    gate(&mut protected, GateAnswer::Held(Hold::ClockDoubt), at(38));
    let waits = PendingBar { due: at(36), held: Some(Hold::ClockDoubt), released: true };
    assert_eq!(protected.account.pending(), Some(&waits));
}

#[test]
fn a_bar_that_a_person_lets_go_is_looked_at_again_also_where_a_refusal_ended_meanwhile() {
    // The refusal ends with day 40; while inputs are behind, that deadline is not taken.
    for (released, hold, deadline) in [(39, Some(Hold::Refused), Some(at(40))), (40, None, None), (41, None, None)] {
        let mut life = at_the_bar(consumer(), vec![profile(false), refused(Some(40))]);
        gate(&mut life, GateAnswer::Released, at(released));
        let waits = PendingBar { due: at(36), held: hold, released: true };
        assert_eq!((life.account.pending(), life.account.deadline()), (Some(&waits), deadline), "day {released}");
        life.until(at(45));
        assert_eq!(life.diary()[2..], [(released.max(40), "bar-outgoing")], "day {released}");
    }
}

#[test]
fn the_gate_has_nothing_to_say_to_who_has_no_bar_that_waits() {
    for answer in [GateAnswer::Cleared, GateAnswer::Released, GateAnswer::Held(Hold::Budget)] {
        let mut life = known(consumer());
        gate(&mut life, GateAnswer::Cleared, at(36));
        let before = life.account.clone();
        assert_eq!(gate(&mut life, answer, at(37)), Outcome::NoEffect(NoEffect::NoPendingBar));
        assert_eq!(life.account, before);
    }
}

#[test]
fn a_bar_that_was_held_moves_the_next_one_by_as_much_but_not_for_a_moment() {
    let half = DAY / 2;
    for (waited, next) in [(0, 0), (half, 0), (half + 1, half + 1), (5 * DAY, 5 * DAY)] {
        let mut life = known(consumer());
        gate(&mut life, GateAnswer::Held(Hold::StaleShard), at(36));
        gate(&mut life, GateAnswer::Cleared, at(36).plus(waited));
        assert_eq!(life.said[2].decided_at, at(36).plus(waited));
        assert_eq!(life.account.deadline(), Some(at(50).plus(next)), "after {waited}");
    }
}

#[test]
fn a_bar_that_was_held_past_its_time_of_day_falls_due_again_in_the_morning() {
    let mut policy = consumer();
    policy.steps[2].time_of_day = Some(9 * 60);
    // Due on day 36 at nine; the hour at which the gate lets it go, and the hour at which it goes.
    for (cleared, goes) in [(36 * 24 + 9, 36 * 24 + 9), (36 * 24 + 10, 36 * 24 + 10), (37 * 24 + 3, 37 * 24 + 9)] {
        let mut life = Life::new(policy.clone());
        life.happens(0, profile(false));
        life.bill(0, "b1", 1_000, 10);
        life.until(at(36));
        life.meet(&Event::Deadline, at(36).plus(9 * HOUR));
        gate(&mut life, GateAnswer::Cleared, at(0).plus(cleared * HOUR));
        life.until(at(40));
        let bar = &life.said[2];
        assert_eq!((&*bar.step, bar.decided_at.millis() / HOUR), ("bar-outgoing", goes), "cleared in hour {cleared}");
    }
}

#[test]
fn a_refusal_that_ends_at_night_lets_the_bar_come_in_the_morning() {
    let mut policy = consumer();
    policy.steps[2].time_of_day = Some(9 * 60);
    for (until, deadline) in [(Some(45), Some(at(45).plus(9 * HOUR))), (None, None)] {
        let mut life = Life::new(policy.clone());
        life.happens(0, profile(false));
        life.bill(0, "b1", 1_000, 10);
        life.happens(30, refused(until));
        life.until(at(44));
        assert_eq!((held(&life), life.account.deadline()), (Some(Some(Hold::Refused)), deadline));
        life.until(at(50));
        assert_eq!(life.said.len(), if until.is_some() { 3 } else { 2 });
    }
    // An approval that ends is no deadline: nothing comes of it.
    let mut life = at_the_bar(consumer(), vec![allowed(Some(90))]);
    assert_eq!((held(&life), life.account.deadline()), (Some(Some(Hold::NoProfile)), None));
    quietly(&mut life, 37, Body::UsageRecorded(Usage::NONE));
    assert_eq!(life.account.deadline(), None);
}

#[test]
fn a_bar_is_decided_afresh_when_the_gate_lets_it_go() {
    let skip = Shortcuts { below_minimum: BelowMinimum::Skip, ..Shortcuts::NONE };
    for (shortcuts, then) in [(Shortcuts::NONE, Code::StepWaits), (skip, Code::StepSkipped)] {
        for (paid, bars) in [(500, 1), (501, 0)] {
            let mut life = known(Policy { shortcuts, ..consumer() });
            quietly(&mut life, 36, received("p1", paid, None));
            assert_eq!(held(&life), Some(None), "it waits for the gate");
            gate(&mut life, GateAnswer::Cleared, at(36));
            assert_eq!((held(&life), life.said.len()), (None, 2 + bars), "{paid} was paid");
            let codes: Vec<_> = life.decided.iter().rev().take(2).map(|d| d.code).collect();
            assert_eq!(codes == [then, Code::BarDropped], bars == 0, "{codes:?}");
        }
    }
}

#[test]
fn what_waited_under_the_minimum_asks_the_gate_again() {
    let mut life = known(consumer());
    quietly(&mut life, 36, received("p1", 501, None));
    gate(&mut life, GateAnswer::Cleared, at(36));
    quietly(&mut life, 40, adjusted("b1", 1));
    life.meet(&Event::Deadline, at(40));
    assert_eq!((held(&life), life.account.pending().map(|p| p.due)), (Some(None), Some(at(40))));
    gate(&mut life, GateAnswer::Cleared, at(40));
    assert_eq!((life.diary()[2], life.account.deadline()), ((40, "bar-outgoing"), Some(at(54))));
}

#[test]
fn a_bar_without_a_warning_names_none() {
    let mut policy = consumer();
    for step in &mut policy.steps {
        if let StepAction::Bar { warning, .. } = &mut step.action {
            *warning = None;
        }
    }
    let mut life = known(policy);
    gate(&mut life, GateAnswer::Cleared, at(36));
    let Action::Bar { level, warnings, announced_for, .. } = &life.said[2].action else { panic!("a bar") };
    assert_eq!((*level, warnings.len(), *announced_for), (BarLevel::Outgoing, 0, None));
    let Action::Notify { announced_for, .. } = &life.said[1].action else { panic!("a notice") };
    assert_eq!(*announced_for, None, "a notice that no bar needs names no date");
}

#[test]
fn every_bar_is_lifted_when_nothing_is_owed_and_the_reason_is_said() {
    let rows = [
        (received("p1", 1_000, None), RestorationReason::Paid),
        (disputed("d1", None, None), RestorationReason::Dispute),
        (written_off("b1", 1_000), RestorationReason::WriteOff),
        (adjusted("b1", -1_000), RestorationReason::Adjustment),
        (credited("c1", 1_000), RestorationReason::Adjustment),
        (Body::BillCancelled { bill_id: "b1" }, RestorationReason::Adjustment),
    ];
    for (body, why) in rows {
        let words = format!("{body:?}");
        let mut life = known(consumer());
        gate(&mut life, GateAnswer::Cleared, at(36));
        let bar = life.said[2].id;
        quietly(&mut life, 37, body);
        let Some(Action::Restore { lifts, reason, .. }) = life.said.last().map(|c| &c.action) else {
            panic!("{words}")
        };
        assert_eq!((lifts, *reason), (&vec![bar], why), "{words}");
        let codes: Vec<_> = life.decided.iter().rev().take(2).map(|d| d.code).collect();
        assert_eq!((codes, life.account.cycle.as_ref()), (vec![Code::CycleEnded, Code::Restored], None), "{words}");
    }
}

#[test]
fn a_cent_that_is_still_owed_keeps_the_bar() {
    let mut life = known(consumer());
    gate(&mut life, GateAnswer::Cleared, at(36));
    quietly(&mut life, 37, received("p1", 999, None));
    assert_eq!((life.said.len(), life.account.stage()), (3, Stage::Barred(BarLevel::Outgoing)));
    quietly(&mut life, 38, received("p2", 1, None));
    assert_eq!((life.diary()[3], life.account.stage()), ((38, "restore"), Stage::Clear));
}

#[test]
fn an_erased_profile_is_gone_and_its_bars_wait() {
    let mut life = known(consumer());
    assert_eq!(life.meet(&Event::Erased, at(37)), Outcome::Applied);
    assert_eq!((life.account.profile.as_ref(), life.account.line), (None, at(37)));
    assert_eq!(held(&life), Some(Some(Hold::NoProfile)));
    let codes: Vec<_> = life.decided.iter().rev().take(2).map(|d| d.code).collect();
    assert_eq!(codes, [Code::BarHeld(Hold::NoProfile), Code::Erased]);
}

/// A bill of day 10 of which everybody is warned on day 21, another of day 25, and what is paid for the first one on day 30.
fn two_bills(paid: i64, later: &[(&str, i64, i32)]) -> Life {
    let mut life = Life::new(consumer());
    life.happens(0, profile(false));
    life.bill(0, "b1", 1_000, 10);
    for (id, cents, due) in later {
        life.bill(1, id, *cents, *due);
    }
    life.happens(30, received("p1", paid, Some("b1")));
    life
}

#[test]
fn a_bar_stands_on_what_was_warned_of() {
    // What is paid for the first bill, when the second one was due, and what comes.
    type Row = (i64, i32, &'static [(i64, &'static str)]);
    let rows: [Row; 5] = [
        // Enough is left of what the warning told of: the one bill, or the other.
        (500, 25, &[(36, "bar-outgoing"), (50, "bar-full")]),
        (1_000, 15, &[(36, "bar-outgoing"), (50, "bar-full")]),
        // It tells of what is overdue when it is sent.
        (1_000, 20, &[(36, "bar-outgoing"), (50, "bar-full")]),
        (1_000, 21, &[(36, "final"), (51, "bar-outgoing"), (65, "bar-full")]),
        // Of 499 nobody is barred, whatever else is owed.
        (501, 25, &[(36, "final"), (51, "bar-outgoing"), (65, "bar-full")]),
    ];
    for (paid, due, diary) in rows {
        let mut life = two_bills(paid, &[("b2", 1_000, due)]);
        life.until(at(100));
        assert_eq!(life.diary()[2..], *diary, "{paid} is paid, and the other one is due on day {due}");
        let again = life.decided.iter().find(|d| d.code == Code::WarnsAgain);
        assert_eq!(again.is_some(), diary.len() == 3);
        if let Some(again) = again {
            assert_eq!(again.step.as_deref(), Some("final"));
            let Action::Bar { warnings, announced_for, .. } = &life.said[3].action else { panic!("a bar") };
            assert_eq!((warnings, *announced_for), (&vec![life.said[2].id], Some(Day::from_epoch(51))));
        }
    }
}

#[test]
fn the_gate_looks_at_what_was_warned_of_too() {
    let mut life = two_bills(1, &[("b2", 1_000, 25)]);
    life.until(at(36));
    life.meet(&Event::Deadline, at(36));
    assert_eq!(held(&life), Some(None));
    quietly(&mut life, 36, received("p2", 999, Some("b1")));
    assert_eq!(held(&life), Some(None), "enough is owed, and what of the gate answers");
    gate(&mut life, GateAnswer::Cleared, at(36));
    assert_eq!(last(&life), (Code::WarnsAgain, Some("final")));
    life.until(at(100));
    assert_eq!(life.diary()[2..], [(36, "final"), (51, "bar-outgoing"), (65, "bar-full")]);
}

#[test]
fn a_bar_in_force_stays_and_is_not_sent_again_where_its_warning_comes_again() {
    let mut life = two_bills(1, &[("b2", 1_000, 25)]);
    life.until(at(40));
    life.happens(40, received("p2", 999, Some("b1")));
    life.until(at(200));
    let diary = [(36, "bar-outgoing"), (50, "final"), (79, "bar-full")];
    assert_eq!(life.diary()[2..], diary, "nothing but the other bar, of which the warning names the day");
    let Action::Notify { announced_for, .. } = &life.said[3].action else { panic!("a notice") };
    assert_eq!(*announced_for, Some(Day::from_epoch(79)));
    life.pays(210, "p3", 1_000);
    let Some(Action::Restore { lifts, .. }) = life.said.last().map(|c| c.action.clone()) else { panic!() };
    assert_eq!(lifts, [life.said[2].id, life.said[4].id]);
}
