//! Accounts that come from another system in the middle of their dunning.

use super::*;

const OLD: &str = "old-4711";

fn there<'a>(reference: &'a str, level: BarLevel, services: &[&'a str], day: i64) -> BarThere<'a> {
    BarThere { reference, level, services: services.to_vec(), since: at(day) }
}

fn state<'a>(step: &'a str, warned: Option<i64>, bars: &[(&'a str, BarLevel, i64)]) -> Body<'a> {
    Body::Interaction(Interaction::StateImported {
        step,
        started: warned.map(|day| at(day - 7)),
        warned: warned.map(at),
        amount_warned: Minor::new(1_000),
        bars: bars.iter().map(|(name, level, day)| there(name, *level, &[], *day)).collect(),
    })
}

/// A bill of 10.00, due on day 10, that another system has dunned; taken over on day 30. Here the steps would come on days
/// 14, 21, 36 and 50.
fn taken_over(what: Body<'_>) -> Life {
    let mut life = Life::new(consumer());
    life.happens(30, profile(false));
    life.bill(30, "b1", 1_000, 10);
    // Read in one go: no time passes, and the bill alone starts a cycle at once.
    assert!(life.account.cycle.is_some());
    let mut life = Life::new(consumer());
    life.happens(30, profile(false));
    assert_eq!(life.happens(30, what), Outcome::Applied);
    life.bill(30, "b1", 1_000, 10);
    life
}

fn restoration(life: &Life) -> Option<(i64, Vec<Id>, usize)> {
    let mut restored = life.said.iter().filter_map(|c| match &c.action {
        Action::Restore { lifts, lifts_imported, .. } => {
            Some((c.decided_at.millis() / DAY, lifts_imported.clone(), lifts.len()))
        }
        _ => None,
    });
    let first = restored.next();
    assert!(restored.next().is_none(), "one restoration");
    first
}

#[test]
fn it_goes_on_behind_the_last_step_and_its_warning_counts_from_the_day_it_was_sent() {
    // The last step and its day, then what comes here and when.
    type Diary = &'static [(i64, &'static str)];
    let rows: [(&str, Option<i64>, Diary); 4] = [
        ("", None, &[(33, "reminder"), (40, "final"), (55, "bar-outgoing")]),
        ("reminder", Some(27), &[(34, "final"), (49, "bar-outgoing")]),
        ("final", Some(21), &[(36, "bar-outgoing"), (50, "bar-full")]),
        // It is not said when: its notice begins now.
        ("final", None, &[(45, "bar-outgoing"), (59, "bar-full")]),
    ];
    for (step, warned, wanted) in rows {
        let mut life = taken_over(state(step, warned, &[]));
        life.until(at(60));
        assert_eq!(life.diary()[..wanted.len().min(life.said.len())], *wanted, "{step:?} {warned:?}");
        let Some(Action::Bar { warnings, .. }) =
            life.said.iter().map(|c| &c.action).find(|a| matches!(a, Action::Bar { .. }))
        else {
            panic!("a bar: {step:?}")
        };
        assert_eq!(warnings.len(), usize::from(step != "final"), "a command that never was is not named: {step:?}");
        let imported = life.decided.iter().filter(|d| d.code == Code::CycleImported);
        assert_eq!(imported.count(), 1, "{step:?}");
    }
}

#[test]
fn its_bars_are_in_force_are_not_sent_again_and_are_lifted_with_ours_by_their_names() {
    let outgoing = [(OLD, BarLevel::Outgoing, 28)];
    let mut life = taken_over(state("final", Some(12), &outgoing));
    assert_eq!(life.account.stage(), Stage::Barred(BarLevel::Outgoing));
    life.until(at(60));
    // The bar of that level is passed over.
    assert_eq!(life.diary(), [(41, "bar-full")]);
    life.pays(61, "p1", 1_000);
    assert_eq!(restoration(&life), Some((61, vec![OLD.into()], 1)));
    assert_eq!((life.account.stage(), &life.account.aside), (Stage::Clear, &None));
}

#[test]
fn who_owes_nothing_by_what_is_known_here_is_restored_as_soon_as_something_is() {
    let bars = [(OLD, BarLevel::Full, 20), ("old-2", BarLevel::Outgoing, 15)];
    let mut life = Life::new(consumer());
    life.happens(30, state("bar-full", Some(1), &bars));
    life.until(at(40));
    // Nothing is known of the debt: it waits.
    assert_eq!((life.account.stage(), life.said.len()), (Stage::Barred(BarLevel::Full), 0));
    life.bill(40, "b1", 1_000, 60);
    life.until(at(41));
    assert_eq!(restoration(&life), Some((40, vec!["old-2".into(), OLD.into()], 0)));
    life.until(at(400));
    assert_eq!(restoration(&life).map(|(day, ..)| day), Some(40));
}

#[test]
fn a_debt_under_the_minimum_goes_on_where_it_would_keep_a_cycle() {
    let mut life = Life::new(consumer());
    life.happens(30, profile(false));
    life.happens(30, state("final", Some(12), &[(OLD, BarLevel::Outgoing, 28)]));
    life.bill(30, "b1", 300, 10);
    life.until(at(60));
    // It owes too little for a step, and too much to be restored.
    assert_eq!((life.said.len(), life.account.stage()), (0, Stage::Barred(BarLevel::Outgoing)));
    life.pays(61, "p1", 300);
    assert_eq!(restoration(&life), Some((61, vec![OLD.into()], 0)));
}

#[test]
fn a_warning_that_named_less_than_the_minimum_is_given_again() {
    let rows = [(499, [(30, "final"), (45, "bar-outgoing")]), (500, [(36, "bar-outgoing"), (50, "bar-full")])];
    for (named, wanted) in rows {
        let state = Interaction::StateImported {
            step: "final",
            started: Some(at(14)),
            warned: Some(at(21)),
            amount_warned: Minor::new(named),
            bars: vec![],
        };
        let mut life = taken_over(Body::Interaction(state));
        life.until(at(60));
        assert_eq!(life.diary()[..2], wanted, "{named}");
    }
}

#[test]
fn what_cannot_be_taken_over_is_refused_and_twice_has_no_effect() {
    let mut life = Life::new(consumer());
    assert_eq!(life.happens(1, state("dunning-3", None, &[])), Outcome::Refused(Refusal::UnknownStep));
    let many: Vec<String> = (0..17).map(|n| format!("old-{n}")).collect();
    let many: Vec<_> = many.iter().map(|name| (name.as_str(), BarLevel::Full, 1)).collect();
    assert_eq!(life.happens(1, state("", None, &many)), Outcome::Refused(Refusal::TooMany));
    assert_eq!(life.happens(1, state("final", Some(1), &[])), Outcome::Applied);
    assert_eq!(life.happens(2, state("final", Some(1), &[])), Outcome::NoEffect(NoEffect::KnownState));
    // Who was dunned from here is not taken over.
    let mut life = owing(consumer());
    life.until(at(15));
    assert_eq!(life.happens(15, state("", None, &[(OLD, BarLevel::Full, 1)])), Outcome::NoEffect(NoEffect::KnownState));
}

#[test]
fn a_plan_that_restores_lifts_what_another_system_barred_and_its_breach_bars_from_here() {
    let mut policy = consumer();
    policy.options.pauses.plans.restores = true;
    let mut life = Life::new(policy);
    life.happens(30, profile(false));
    life.happens(30, state("bar-outgoing", Some(12), &[(OLD, BarLevel::Outgoing, 28)]));
    life.bill(30, "b1", 1_000, 10);
    let part = Term { due_on: Day::from_epoch(40), amount: Minor::new(1_000) };
    let plan = Interaction::PlanAgreed { plan_id: "s1", instalments: vec![part], replaces: None };
    life.happens(31, Body::Interaction(plan));
    assert_eq!(restoration(&life), Some((31, vec![OLD.into()], 0)));
    life.until(at(60));
    assert_eq!(life.diary()[1].1, "bar-outgoing");
}

/// Two bills of 10.00 that are overdue, each for a service, under a policy that confines bars to what is owed.
fn two_services(bars: Vec<BarThere<'_>>, services: &[&str]) -> Life {
    let mut policy = consumer();
    policy.options.service = Some(Box::new(ServiceRules { owed_only: true, ..ServiceRules::default() }));
    let mut life = Life::new(policy);
    let service = |name: &&str| Service { service_id: (*name).into(), protected: false, prepaid: false };
    let services = services.iter().map(service).collect();
    life.happens(30, Body::Profile(Box::new(Profile { services, ..customer() })));
    for (bill, of) in [("b1", "a"), ("b2", "b")] {
        let mut body = issued(bill, 1_000, 40);
        if let Body::BillIssued { lines, .. } = &mut body {
            *lines = vec![Line { line_id: "l", service_id: Some(of), category: "own", amount: Minor::new(1_000) }];
        }
        life.happens(30, body);
    }
    let (warned, amount_warned) = (Some(at(25)), Minor::new(1_000));
    let state = Interaction::StateImported { step: "bar-outgoing", started: None, warned, amount_warned, bars };
    life.happens(41, Body::Interaction(state));
    life
}

#[test]
fn its_bars_of_services_go_back_service_by_service_and_are_passed_over_only_for_those() {
    let outgoing = BarLevel::Outgoing;
    let theirs = || vec![there("old-a", outgoing, &["a"], 28), there("old-b", outgoing, &["b"], 28)];
    let mut life = two_services(theirs(), &["a", "b"]);
    life.happens(42, received("p1", 1_000, Some("b1")));
    let restored = |life: &Life| {
        let told = |c: &Command| match &c.action {
            Action::Restore { lifts_imported, services, claims, .. } => {
                Some((c.decided_at.millis() / DAY, lifts_imported.join("+"), services.join("+"), claims.len()))
            }
            _ => None,
        };
        life.said.iter().filter_map(told).collect::<Vec<_>>()
    };
    assert_eq!(restored(&life), [(42, "old-a".into(), "a".into(), 1)]);
    assert_eq!(life.account.stage(), Stage::Barred(outgoing));
    life.happens(43, received("p2", 1_000, Some("b2")));
    assert_eq!(restored(&life)[1..], [(43, "old-b".into(), "b".into(), 0)]);

    // One bar of both stays until neither is owed for, and one of the account as long as anything is.
    for services in [&["a", "b"][..], &[]] {
        let mut life = two_services(vec![there("old", outgoing, services, 28)], &["a", "b"]);
        life.happens(42, received("p1", 1_000, Some("b1")));
        assert_eq!(restored(&life), [], "{services:?}");
        life.happens(43, received("p2", 1_000, Some("b2")));
        assert_eq!(restored(&life), [(43, "old".into(), services.join("+"), 0)]);
    }
}

#[test]
fn a_bar_of_theirs_for_a_service_that_nothing_is_owed_for_is_lifted_with_the_take_over() {
    let mut life = two_services(vec![there("old-c", BarLevel::Outgoing, &["c"], 28)], &["a", "b", "c"]);
    life.until(at(42));
    let Some(Action::Restore { lifts_imported, services, .. }) =
        life.said.iter().map(|c| &c.action).find(|action| matches!(action, Action::Restore { .. }))
    else {
        panic!("a restoration")
    };
    assert_eq!((lifts_imported.join("+"), services.join("+")), ("old-c".into(), "c".into()));
}

#[test]
fn a_step_that_their_bars_cover_in_part_restricts_the_rest() {
    let theirs = vec![there("old-a", BarLevel::Full, &["a"], 28)];
    let mut life = two_services(theirs, &["a", "b"]);
    life.until(at(80));
    let barred = |c: &Command| match &c.action {
        Action::Bar { services, claims, .. } => Some((services.join("+"), claims.clone())),
        _ => None,
    };
    let barred: Vec<_> = life.said.iter().filter_map(barred).collect();
    // Their warning was before anything was overdue here, so that it comes once more, and both bars behind it.
    let claims = |level| vec![(Id::from("a"), BarLevel::Full), (Id::from("b"), level)];
    let b = |level| (String::from("b"), claims(level));
    assert_eq!(barred, [b(BarLevel::Outgoing), b(BarLevel::Full)]);
}

#[test]
fn what_they_barred_ends_with_a_service_that_is_ended_here() {
    let mut policy = consumer();
    policy.steps[3] = bar("end", 40, BarLevel::Terminated);
    let mut life = Life::new(policy);
    life.happens(30, profile(false));
    life.happens(30, state("final", Some(12), &[(OLD, BarLevel::Outgoing, 28)]));
    life.bill(30, "b1", 1_000, 10);
    life.until(at(60));
    assert_eq!(life.account.stage(), Stage::Barred(BarLevel::Terminated));
    life.pays(61, "p1", 1_000);
    assert_eq!((restoration(&life), life.account.stage(), &life.account.aside), (None, Stage::Clear, &None));
}
