//! Accounts that come from another system in the middle of their dunning.

use super::*;

const OLD: &str = "old-4711";

fn state<'a>(step: &'a str, warned: Option<i64>, bars: &[(&'a str, BarLevel, i64)]) -> Body<'a> {
    Body::Interaction(Interaction::StateImported {
        step,
        started: warned.map(|day| at(day - 7)),
        warned: warned.map(at),
        amount_warned: Minor::new(1_000),
        bars: bars.iter().map(|(name, level, day)| (*name, *level, at(*day))).collect(),
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
