//! Another version of the policy comes into force while a cycle runs.

use super::*;

/// The second version, which cycles that run go on by.
fn newer(steps: Vec<Step>) -> Policy {
    let mut newer = Policy { label: "consumer@2".into(), steps, ..consumer() };
    newer.options.on_change = OnChange::NextStep { renamed: vec![] };
    newer
}

fn renaming(names: &[(&str, &str)], steps: Vec<Step>) -> Policy {
    let mut newer = newer(steps);
    let renamed = names.iter().map(|(older, newer)| (Arc::from(*older), Arc::from(*newer))).collect();
    newer.options.on_change = OnChange::NextStep { renamed };
    newer
}

fn warned(name: &str, days: i64, warning: usize) -> Step {
    let mut step = bar(name, days, BarLevel::Full);
    step.action =
        StepAction::Bar { level: BarLevel::Full, warning: Some(WarningRule { step: warning, notice_ms: DAY }) };
    step
}

/// One that owes since day 10, and the version that comes into force on a day.
fn changed(day: i64, newer: Policy) -> Life {
    let mut life = owing(consumer());
    life.book.add(at(day), Arc::new(newer));
    life.until(at(200));
    life
}

fn changes(life: &Life) -> Vec<(i64, Option<&str>)> {
    let changed = life.decided.iter().filter(|d| d.code == Code::PolicyChanged);
    changed.map(|d| (d.at.millis() / DAY, d.step.as_deref())).collect()
}

#[test]
fn a_cycle_goes_on_behind_the_last_step_that_both_have() {
    // The older version: reminder on day 14, final on 21, bars on 36 and 50.
    let steps = || vec![notify("reminder", 4), notify("call", 8), notify("final", 13), warned("bar-outgoing", 30, 2)];
    let rows: [(i64, &[(i64, &str)]); 5] = [
        // Before anything was sent: all of it by the newer one.
        (12, &[(14, "reminder"), (18, "call"), (23, "final"), (40, "bar-outgoing")]),
        // The step that is due on day 21 by the older one is when it is looked at; the call comes then, late, and what
        // follows keeps its distance.
        (15, &[(14, "reminder"), (21, "call"), (26, "final"), (43, "bar-outgoing")]),
        // The final notice was sent: the call is not made any more.
        (22, &[(14, "reminder"), (21, "final"), (40, "bar-outgoing")]),
        // All that the newer one has is done.
        (37, &[(14, "reminder"), (21, "final"), (36, "bar-outgoing")]),
        (60, &[(14, "reminder"), (21, "final"), (36, "bar-outgoing"), (50, "bar-full")]),
    ];
    for (day, diary) in rows {
        let life = changed(day, newer(steps()));
        assert_eq!(life.diary(), diary, "in force from day {day} on");
        let label = if day == 60 { "consumer@1" } else { "consumer@2" };
        assert_eq!(life.account.cycle.as_ref().map(|cycle| &*cycle.policy), Some(label), "in force from day {day} on");
    }
    let barred = changed(37, newer(steps()));
    let bars = barred.account.cycle.as_ref().map(|cycle| cycle.bars.iter().map(|bar| bar.step).collect());
    assert_eq!(bars, Some(vec![3]), "it has its place among the newer steps");
    assert_eq!(changes(&changed(15, newer(steps()))), [(21, Some("call"))]);
    assert_eq!(changes(&changed(37, newer(steps()))), [(50, None)]);
}

#[test]
fn an_event_is_enough_to_look() {
    let mut life = owing(consumer());
    life.book.add(at(15), Arc::new(newer(vec![notify("reminder", 4), notify("call", 8), notify("final", 30)])));
    life.happens(16, Body::UsageRecorded(Usage::NONE));
    life.until(at(100));
    assert_eq!(life.diary(), [(14, "reminder"), (18, "call"), (40, "final")]);
}

#[test]
fn what_is_said_again_changes_no_version() {
    let mut life = owing(consumer());
    let agrees = Body::BalanceStated { as_of: at(12), balance: Minor::new(1_000), currency: eur() };
    let stated = Event::Input(Input { event_id: "s", occurred_at: at(12), body: agrees });
    life.until(at(12));
    assert_eq!(life.meet(&stated, at(12)), Outcome::Applied);
    life.book.add(at(15), Arc::new(newer(vec![notify("reminder", 4), notify("call", 8)])));
    life.until(at(16));
    let before = life.account.cycle.clone();
    assert_eq!(life.meet(&stated, at(16)), Outcome::NoEffect(NoEffect::RepeatedEvent));
    assert_eq!((&life.account.cycle, changes(&life)), (&before, vec![]));
}

#[test]
fn without_a_word_a_cycle_keeps_its_version() {
    let mut other = newer(vec![notify("else", 5)]);
    other.options.on_change = OnChange::FinishCycle;
    let life = changed(15, other);
    assert_eq!(life.diary(), [(14, "reminder"), (21, "final"), (36, "bar-outgoing"), (50, "bar-full")]);
}

#[test]
fn a_bar_needs_its_warning_in_the_newer_version_too() {
    // The bar is warned of by a letter that the older version does not have; the final notice comes behind it.
    let steps = || vec![notify("reminder", 4), notify("letter", 8), notify("final", 11), warned("bar-outgoing", 26, 1)];
    let life = changed(22, newer(steps()));
    assert_eq!(life.diary()[2..], [(36, "letter"), (39, "final"), (54, "bar-outgoing")]);
    let Action::Bar { warnings, .. } = &life.said[4].action else { panic!("a bar") };
    assert_eq!(warnings, &vec![life.said[2].id]);
    // Where it was barred already, the bar is not sent again, and the cycle keeps its version.
    let mut steps = steps();
    steps.push(warned("bar-full", 60, 1));
    let life = changed(37, newer(steps));
    assert_eq!(life.diary()[2..], [(36, "bar-outgoing"), (50, "bar-full")]);
    assert_eq!(changes(&life), []);
}

#[test]
fn steps_that_were_renamed_are_the_same_steps() {
    let steps = || vec![notify("first", 4), notify("last", 11), warned("bar", 30, 1), warned("bar-full", 60, 1)];
    let names = [("reminder", "first"), ("final", "last"), ("bar-outgoing", "bar")];
    for (day, expected) in [
        (12, vec![(14, "first"), (21, "last"), (40, "bar"), (70, "bar-full")]),
        (22, vec![(14, "reminder"), (21, "final"), (40, "bar"), (70, "bar-full")]),
        (40, vec![(14, "reminder"), (21, "final"), (36, "bar-outgoing"), (70, "bar-full")]),
    ] {
        let mut life = changed(day, renaming(&names, steps()));
        assert_eq!(life.diary(), expected, "in force from day {day} on");
        let bars: Vec<_> = life.said.iter().filter(|c| matches!(c.action, Action::Bar { .. })).map(|c| c.id).collect();
        life.pays(210, "p", 1_000);
        let Some(Action::Restore { lifts, .. }) = life.said.last().map(|c| c.action.clone()) else { panic!() };
        assert_eq!(lifts, bars, "all bars are lifted, whatever version they are of");
    }
    // Without their names nothing that was done is known, and the cycle keeps its version.
    let life = changed(22, newer(steps()));
    assert_eq!((changes(&life), life.diary()[2..].to_vec()), (vec![], vec![(36, "bar-outgoing"), (50, "bar-full")]));
}

#[test]
fn bars_that_are_in_force_keep_their_order_or_the_cycle_its_version() {
    let before = || vec![notify("reminder", 4), notify("final", 11)];
    let both = |first: &str, second: &str| {
        let bars = [warned(first, 26, 1), warned(second, 40, 1), notify("after", 60)];
        newer(before().into_iter().chain(bars).collect())
    };
    let one = [("bar-outgoing", "bar"), ("bar-full", "bar")];
    let as_one = renaming(&one, before().into_iter().chain([warned("bar", 26, 1), notify("after", 60)]).collect());
    // On day 60 both are in force.
    for (policy, label) in [
        (both("bar-outgoing", "bar-full"), "consumer@2"),
        (both("bar-full", "bar-outgoing"), "consumer@1"),
        (as_one, "consumer@1"),
    ] {
        let mut life = changed(60, policy);
        life.happens(210, Body::UsageRecorded(Usage::NONE));
        assert_eq!(life.account.cycle.as_ref().map(|cycle| &*cycle.policy), Some(label));
    }
}

#[test]
fn two_steps_that_became_one_are_that_one() {
    let names = [("reminder", "told"), ("final", "told")];
    let life = changed(22, renaming(&names, vec![notify("told", 4), warned("bar-outgoing", 26, 0)]));
    assert_eq!(life.diary()[2..], [(36, "bar-outgoing")]);
    let Action::Bar { warnings, .. } = &life.said[2].action else { panic!("a bar") };
    assert_eq!(warnings, &vec![life.said[1].id], "the later one counts");
}

#[test]
fn a_bar_that_waits_is_decided_by_its_own_version_first() {
    let mut life = Life::new(consumer());
    life.happens(0, profile(true));
    life.bill(0, "b1", 1_000, 10);
    let steps = vec![notify("reminder", 4), notify("final", 11), warned("bar-outgoing", 28, 1), notify("after", 40)];
    life.book.add(at(37), Arc::new(newer(steps)));
    life.happens(38, Body::UsageRecorded(Usage::NONE));
    assert_eq!(changes(&life), []);
    life.happens(39, Body::Interaction(Interaction::BarApproved { until: None }));
    life.until(at(100));
    assert_eq!(life.diary()[2..], [(39, "bar-outgoing"), (53, "after")]);
    assert_eq!(life.said[2].policy, "consumer@1".into());
    assert_eq!(changes(&life), [(53, Some("after"))]);
}

#[test]
fn what_is_stopped_goes_on_where_it_stood_before_it_changes() {
    let stops = Stops::ALL;
    let hold = Interaction::HoldPlaced { hold_id: "h", kind: "", until: Some(at(30)), bills: vec![], stops };
    let mut life = owing(consumer());
    life.book.add(at(20), Arc::new(newer(vec![notify("reminder", 4), notify("final", 11), notify("after", 14)])));
    life.happens(16, Body::Interaction(hold));
    life.until(at(100));
    // Fourteen days are given back by the older version; the newer one goes on from there.
    assert_eq!(life.diary(), [(14, "reminder"), (35, "final"), (38, "after")]);
    assert_eq!(changes(&life), [(35, Some("final"))]);
}

#[test]
fn a_procedure_goes_on_as_the_one_of_its_name() {
    let of = |label: &str, names: &[&str]| {
        let steps = names.iter().flat_map(|_| [notify("reminder", 4), notify("last", 20)]);
        let mut policy = newer(steps.collect());
        policy.label = label.into();
        let procedure = |i: usize, name: &&str| {
            let first = u16::try_from(2 * i).expect("few");
            Procedure { name: (*name).into(), first, end: first + 2 }
        };
        policy.options.procedures = names.iter().enumerate().map(|(i, name)| procedure(i, name)).collect();
        policy
    };
    let select = |mut policy: Policy, procedure| {
        policy.options.select = vec![SelectRule { name: "all".into(), when: vec![], share: None, procedure }];
        policy
    };
    // The older version's procedures and which of them is followed; the newer one's, and where that goes on.
    type Row = (&'static [&'static str], u16, &'static [&'static str], Option<u16>);
    let rows: [Row; 6] = [
        (&["standard", "gentle"], 1, &["standard", "harsh", "gentle"], Some(2)),
        (&["standard", "gentle"], 1, &["standard", "harsh"], None),
        (&["standard", "gentle"], 1, &[], None),
        (&["standard", "gentle"], 0, &["gentle", "standard"], Some(1)),
        (&["standard", "gentle"], 0, &["other", "gentle"], Some(0)),
        (&[], 0, &["other", "gentle"], Some(0)),
    ];
    for (older, follows, newer, goes_on) in rows {
        let older = if older.is_empty() { consumer() } else { select(of("consumer@1", older), follows) };
        let newer = if newer.is_empty() { of("consumer@2", &["one"]) } else { of("consumer@2", newer) };
        let newer = if newer.options.procedures.len() == 1 {
            Policy { options: Options { procedures: vec![], ..newer.options.clone() }, ..newer }
        } else {
            newer
        };
        let mut life = owing(older);
        life.book.add(at(15), Arc::new(newer));
        life.happens(16, Body::UsageRecorded(Usage::NONE));
        let cycle = life.account.cycle.as_ref().expect("a cycle");
        assert_eq!((&*cycle.policy == "consumer@2").then_some(life.account.procedure()), goes_on);
        if let Some(procedure) = goes_on {
            assert_eq!(cycle.next, 2 * procedure + 1, "behind the reminder of its own procedure");
        }
    }
}

#[test]
fn steps_of_the_newer_version_count_from_what_was_done_under_the_older() {
    let timed = |from, days| {
        let offset = Offset { days, ..Offset::default() };
        let rule = StepRule { timing: Some(Timing { from, offset }), ..StepRule::default() };
        Step { rule: Some(Box::new(rule)), ..notify("next", 0) }
    };
    // The cycle began on day 11; the final notice was sent on day 21; the bill was issued on day 0.
    for (from, days, comes) in [(Anchor::PreviousStep, 5, 26), (Anchor::Entry, 20, 31), (Anchor::DueDate, 20, 30)] {
        let mut life = owing(consumer());
        life.book.add(at(22), Arc::new(newer(vec![notify("reminder", 4), notify("final", 11), timed(from, days)])));
        life.happens(23, Body::UsageRecorded(Usage::NONE));
        life.until(at(100));
        assert_eq!(life.diary()[2..], [(comes, "next")], "{from:?}");
        life.pays(101, "p", 1_000);
        assert!(life.account.aside.is_none(), "nothing is kept of it");
    }
}

#[test]
fn who_owes_less_than_keeps_a_bar_by_the_newer_version_is_restored_with_it() {
    for (keeps, stage) in [(1_000, Stage::Barred(BarLevel::Outgoing)), (1_001, Stage::Clear)] {
        let mut newer = newer(consumer().steps);
        newer.minimum_other = Some(Minor::new(1_500));
        newer.options.restore_below_other = Minor::new(keeps);
        let mut life = owing(consumer());
        life.book.add(at(37), Arc::new(newer));
        life.until(at(51));
        assert_eq!(life.account.stage(), stage, "{keeps}");
    }
}
