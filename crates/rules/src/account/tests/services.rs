//! Rows for services: which of them a bar restricts, what comes back before all is paid, and what could not be done.

use super::*;

fn service(name: &str) -> Service {
    Service { service_id: name.into(), protected: false, prepaid: false }
}

/// Some rules for any life.
pub(super) fn rules(n: usize) -> ServiceRules {
    let part = |share, keeps| PartRestored { share, keeps };
    let restores = vec![part(2_500, Some(BarLevel::Outgoing)), part(6_000, None)];
    ServiceRules {
        owed_only: n.is_multiple_of(2),
        prepaid: n == 3,
        again_ms: if n == 1 { vec![] } else { vec![DAY / 4, 2 * DAY, 20 * DAY] },
        restores: if n < 2 { restores } else { vec![] },
    }
}

fn with(rules: ServiceRules) -> Policy {
    let mut policy = consumer();
    policy.options.service = Some(Box::new(rules));
    policy
}

fn who(services: Vec<Service>) -> Body<'static> {
    Body::Profile(Box::new(Profile { services, ..customer() }))
}

/// A bill of 10.00, due on day 10, that charges these services.
fn charging(life: &mut Life, bill: &str, services: &[(&'static str, i64)]) {
    let line = |(service, amount): &(&'static str, i64)| Line {
        line_id: service,
        service_id: Some(service),
        category: "own",
        amount: Minor::new(*amount),
    };
    let mut body = issued(bill, 1_000, 10);
    if let Body::BillIssued { lines, .. } = &mut body {
        *lines = services.iter().map(line).collect();
    }
    life.happens(0, body);
}

fn claimed(claims: &[(Id, BarLevel)]) -> Vec<(&str, BarLevel)> {
    claims.iter().map(|(service, level)| (&**service, *level)).collect()
}

type Bar = (Vec<Id>, Vec<(Id, BarLevel)>);

/// The services and the claims of each bar.
fn bars(life: &Life) -> Vec<Bar> {
    let bar = |command: &'_ Command| match &command.action {
        Action::Bar { services, claims, .. } => Some((services.clone(), claims.clone())),
        _ => None,
    };
    life.said.iter().filter_map(bar).collect()
}

#[test]
fn a_bar_spares_what_is_protected_or_prepaid_and_may_be_confined_to_what_is_owed() {
    let protected = |name| Service { protected: true, ..service(name) };
    let prepaid = |name| Service { prepaid: true, ..service(name) };
    let owed = || ServiceRules { owed_only: true, ..ServiceRules::default() };
    let all = ServiceRules::default;
    // Rules, services of the profile, services that the bill charges; those that are barred, command by command, `None`: the
    // bar is held.
    type Row = (ServiceRules, Vec<Service>, &'static [(&'static str, i64)], Option<&'static [&'static str]>);
    let rows: Vec<Row> = vec![
        (all(), vec![], &[], Some(&[""])),
        (all(), vec![service("a"), service("b")], &[], Some(&[""])),
        (all(), vec![service("a"), service("b"), protected("alarm")], &[], Some(&["a+b"])),
        (all(), vec![service("a"), protected("alarm")], &[], Some(&["a"])),
        (all(), vec![service("a"), prepaid("p")], &[], Some(&["a"])),
        (ServiceRules { prepaid: true, ..all() }, vec![service("a"), prepaid("p")], &[], Some(&[""])),
        (all(), vec![protected("alarm"), prepaid("p")], &[], None),
        // What is charged is only asked where the policy says so.
        (all(), vec![service("a"), service("b")], &[("a", 1_000)], Some(&[""])),
        (owed(), vec![service("a"), service("b")], &[("a", 1_000)], Some(&["a"])),
        (owed(), vec![service("a"), service("b")], &[("a", 1_200), ("b", -200)], Some(&["a"])),
        (owed(), vec![service("a"), service("b")], &[("b", 500), ("a", 900), ("b", -400)], Some(&["a", "b"])),
        (owed(), vec![service("a"), service("b")], &[("a", 500), ("b", 500)], Some(&["a", "b"])),
        (owed(), vec![service("a"), prepaid("p")], &[("a", 500), ("p", 500)], Some(&["a"])),
        (owed(), vec![service("a")], &[("a", 500), ("gone", 500)], Some(&["a"])),
        (owed(), vec![service("a"), protected("b")], &[("b", 1_000)], None),
        (owed(), vec![service("a"), service("b")], &[], Some(&[""])),
        (owed(), vec![], &[("a", 1_000)], Some(&["a"])),
    ];
    for (rules, services, charged, wanted) in rows {
        let names = format!("{services:?} {charged:?}");
        let mut life = Life::new(with(rules));
        life.happens(0, who(services));
        charging(&mut life, "b1", charged);
        life.until(at(37));
        let found: Vec<String> = bars(&life).iter().map(|(services, _)| services.join("+")).collect();
        assert_eq!(found, wanted.unwrap_or(&[]), "{names}");
        let held = life.account.pending().and_then(|pending| pending.held);
        assert_eq!(held, wanted.is_none().then_some(Hold::NoService), "{names}");
    }
}

#[test]
fn a_protected_service_is_spared_without_a_word_in_the_policy() {
    let mut life = Life::new(consumer());
    life.happens(0, who(vec![service("a"), Service { protected: true, ..service("alarm") }]));
    life.bill(0, "b1", 1_000, 10);
    life.until(at(60));
    let (outgoing, full) = (BarLevel::Outgoing, BarLevel::Full);
    let bar = |level| (vec![Id::from("a")], vec![(Id::from("a"), level)]);
    assert_eq!(bars(&life), [bar(outgoing), bar(full)]);
    life.pays(61, "p1", 1_000);
    let Some(Action::Restore { services, lifts, claims, .. }) = life.said.last().map(|c| &c.action) else { panic!() };
    assert_eq!((services.len(), lifts.len(), claims.len()), (1, 2, 0));
    assert_eq!(life.account.aside, None);
}

#[test]
fn a_bar_of_the_account_behind_one_of_a_service_claims_both_and_one_restoration_lifts_them() {
    let rules = ServiceRules { owed_only: true, ..ServiceRules::default() };
    let mut life = Life::new(with(rules));
    life.happens(0, who(vec![service("a"), service("b")]));
    charging(&mut life, "b1", &[("a", 1_000)]);
    life.until(at(37));
    // A bill that says nothing is for all of it. It was not warned of, and what was is paid for the most part.
    life.bill(38, "b2", 700, 38);
    life.pays(39, "p1", 600);
    life.until(at(80));
    let wanted = |level| vec![(Id::from(""), level), (Id::from("a"), BarLevel::Outgoing)];
    assert_eq!(life.diary()[3..], [(50, "final"), (65, "bar-outgoing"), (79, "bar-full")]);
    let both = |level| (vec![], wanted(level));
    assert_eq!(bars(&life)[1..], [both(BarLevel::Outgoing), both(BarLevel::Full)]);
    life.pays(80, "p2", 1_100);
    let Some(Action::Restore { services, lifts, .. }) = life.said.last().map(|c| &c.action) else { panic!() };
    assert_eq!((services.len(), lifts.len()), (0, 3));
}

fn reports(life: &mut Life, day: i64, command: usize, service: &str, result: ServiceResult) -> Outcome {
    let id = life.said[command].id.to_string();
    life.happens(day, Body::Interaction(Interaction::ServiceReported { command_id: &id, service_id: service, result }))
}

fn again() -> ServiceRules {
    ServiceRules { again_ms: vec![DAY, 3 * DAY], ..ServiceRules::default() }
}

#[test]
fn a_bar_that_could_not_be_done_comes_again_until_it_was_or_the_ladder_goes_on() {
    use ServiceResult::{Applied, Failed, Refused};
    // What is reported, by day, of the last bar; and the days on which bars came.
    type Row = (&'static [(i64, &'static str, ServiceResult)], &'static [i64]);
    let rows: [Row; 7] = [
        (&[], &[36, 50]),
        (&[(36, "", Applied)], &[36, 50]),
        (&[(36, "", Failed)], &[36, 37, 50]),
        (&[(36, "", Failed), (37, "", Failed)], &[36, 37, 40, 50]),
        // Two attempts, and no third.
        (&[(36, "", Failed), (37, "", Failed), (40, "", Failed)], &[36, 37, 40, 50]),
        (&[(36, "", Refused)], &[36, 50]),
        // Done on one service is not done on the other.
        (&[(36, "a", Failed), (36, "b", Failed), (36, "a", Applied)], &[36, 37, 50]),
    ];
    for (said, wanted) in rows {
        let mut life = owing(with(again()));
        for (day, service, result) in said {
            life.until(at(*day).plus(1));
            let last = life.said.len() - 1;
            let outcome = reports(&mut life, *day, last, service, *result);
            let nothing = *result == Applied && said.len() == 1;
            assert_eq!(outcome == Outcome::NoEffect(NoEffect::AsCommanded), nothing, "{said:?}");
        }
        life.until(at(60));
        let bars = life.said.iter().filter(|c| matches!(c.action, Action::Bar { .. }));
        let days: Vec<i64> = bars.map(|c| c.decided_at.millis() / DAY).collect();
        assert_eq!(days, wanted, "{said:?}");
        // One restoration lifts them all.
        life.pays(61, "p1", 1_000);
        let Some(Action::Restore { lifts, .. }) = life.said.last().map(|c| &c.action) else { panic!() };
        assert_eq!(lifts.len(), wanted.len(), "{said:?}");
    }
}

#[test]
fn a_bar_that_could_not_be_done_does_not_come_again_where_it_may_not() {
    use ServiceResult::Failed;
    let promise = |life: &mut Life| {
        let promised_on = Day::from_epoch(38);
        let made = Interaction::PromiseMade { promise_id: "s", amount: Minor::new(1_000), promised_on };
        life.happens(36, Body::Interaction(made));
    };
    let pays = |life: &mut Life| {
        life.pays(36, "p", 600);
    };
    let refused = |life: &mut Life| {
        life.happens(36, Body::Interaction(Interaction::BarRefused { until: Some(at(39)) }));
    };
    for (what, wanted) in [(promise as fn(&mut Life), vec![36, 39]), (pays, vec![36]), (refused, vec![36, 39])] {
        let mut life = owing(with(again()));
        life.until(at(36).plus(1));
        let last = life.said.len() - 1;
        reports(&mut life, 36, last, "", Failed);
        what(&mut life);
        life.until(at(45));
        let bars = life.said.iter().filter(|c| matches!(c.action, Action::Bar { .. }));
        let days: Vec<i64> = bars.map(|c| c.decided_at.millis() / DAY).collect();
        assert_eq!(days, wanted);
    }
}

#[test]
fn a_restoration_that_could_not_be_done_is_sent_again_as_it_was() {
    use ServiceResult::{Applied, Failed, Refused};
    type Row = (&'static [(i64, ServiceResult)], &'static [i64]);
    let rows: [Row; 4] = [
        (&[(37, Applied)], &[37]),
        (&[(37, Failed)], &[37, 38]),
        (&[(37, Failed), (38, Failed)], &[37, 38, 41]),
        (&[(37, Refused)], &[37]),
    ];
    for (said, wanted) in rows {
        let mut life = owing(with(again()));
        life.until(at(37));
        life.pays(37, "p1", 1_000);
        for (day, result) in said {
            life.until(at(*day).plus(1));
            let last = life.said.len() - 1;
            assert_eq!(reports(&mut life, *day, last, "", *result), Outcome::Applied);
        }
        life.until(at(60));
        let restored = |c: &Command| match &c.action {
            Action::Restore { lifts, .. } => Some((c.decided_at.millis() / DAY, lifts.clone())),
            _ => None,
        };
        let restored: Vec<_> = life.said.iter().filter_map(restored).collect();
        assert_eq!(restored.iter().map(|(day, _)| *day).collect::<Vec<_>>(), wanted, "{said:?}");
        assert!(restored.iter().all(|(_, lifts)| *lifts == restored[0].1));
    }
}

#[test]
fn nothing_is_restored_again_once_it_is_barred_again() {
    let mut policy = with(ServiceRules { again_ms: vec![90 * DAY], ..ServiceRules::default() });
    policy.options.resumes.reversal = true;
    let mut life = owing(policy);
    life.until(at(37));
    life.pays(37, "p1", 1_000);
    let last = life.said.len() - 1;
    reports(&mut life, 37, last, "", ServiceResult::Failed);
    life.happens(40, taken_back("p1", 1_000));
    life.until(at(300));
    let restored = life.said.iter().filter(|c| matches!(c.action, Action::Restore { .. }));
    assert_eq!((restored.count(), life.account.stage()), (1, Stage::Barred(BarLevel::Full)));
}

#[test]
fn without_a_word_in_the_policy_a_failure_is_said_and_nothing_comes_again() {
    let mut life = owing(consumer());
    life.until(at(37));
    let last = life.said.len() - 1;
    assert_eq!(reports(&mut life, 37, last, "", ServiceResult::Failed), Outcome::Applied);
    let bars = life.account.cycle.as_ref().map_or(&[][..], |cycle| &cycle.bars);
    assert_eq!(bars.iter().map(|bar| life.account.has_failed(bar)).collect::<Vec<_>>(), [true]);
    assert_eq!(
        life.decided.last().map(|d| (d.code, d.step.as_deref())),
        Some((Code::ServiceFailed, Some("bar-outgoing")))
    );
    life.until(at(45));
    assert_eq!(life.said.len(), last + 1);
    // The next bar is sent as ever.
    life.until(at(60));
    assert_eq!(life.said.len(), last + 2);
}

#[test]
fn what_is_restored_grows_with_what_is_paid_and_the_customer_is_warned_anew() {
    let restores = vec![
        PartRestored { share: 3_000, keeps: Some(BarLevel::Outgoing) },
        PartRestored { share: 6_000, keeps: None },
    ];
    // Paid on day 52, of 30.00; how many bars are lifted, how far the account is barred then, and what comes after.
    let outgoing = Stage::Barred(BarLevel::Outgoing);
    let rows: [(i64, usize, Stage, &[&str]); 4] = [
        (899, 0, Stage::Barred(BarLevel::Full), &[]),
        (900, 1, outgoing, &["final", "bar-full"]),
        (1_799, 1, outgoing, &["final", "bar-full"]),
        (1_800, 2, Stage::Notified, &["final", "bar-outgoing", "bar-full"]),
    ];
    for (paid, lifted, stage, after) in rows {
        let mut life = Life::new(with(ServiceRules { restores: restores.clone(), ..ServiceRules::default() }));
        life.happens(0, profile(false));
        life.bill(0, "b1", 3_000, 10);
        life.until(at(52));
        let before = life.said.len();
        life.pays(52, "p1", paid);
        let restored = life.said[before..].iter().find_map(|c| match &c.action {
            Action::Restore { lifts, claims, .. } => Some((lifts.len(), claimed(claims))),
            _ => None,
        });
        let stays = if stage == outgoing { vec![("", BarLevel::Outgoing)] } else { vec![] };
        assert_eq!(restored, (lifted > 0).then_some((lifted, stays)), "{paid}");
        assert_eq!(life.account.stage(), stage, "{paid}");
        life.until(at(200));
        let later: Vec<&str> = life.said[before..].iter().filter(|c| &*c.step != "restore").map(|c| &*c.step).collect();
        assert_eq!(later, after, "{paid}");
        life.pays(201, "p2", 5_000);
        assert_eq!(life.account.stage(), Stage::Clear, "{paid}");
        let Some(Action::Restore { claims, .. }) = life.said.last().map(|c| &c.action) else { panic!("{paid}") };
        assert_eq!(claims.len(), 0, "nothing stays: {paid}");
    }
}

#[test]
fn what_barred_within_a_year_says_what_happens_the_next_time() {
    let mut policy = consumer();
    policy.options.remembers_bars = true;
    let test = Test::Number { of: NumberOf::TimesBarred, at_least: Some(1), below: None };
    policy.steps[3].rule = Some(Box::new(StepRule { when: vec![test], ..StepRule::default() }));
    // The second bill's day, and whether its cycle comes to the full bar.
    for (due, again) in [(100, true), (360, true), (361, false), (600, false)] {
        let mut life = owing(policy.clone());
        life.until(at(60));
        assert_eq!(life.diary().last().map(|(_, step)| *step), Some("bar-outgoing"), "the first time, one bar");
        life.pays(60, "p1", 1_000);
        life.bill(61, "b2", 1_000, due);
        life.until(at(i64::from(due) + 60));
        let last = if again { "bar-full" } else { "bar-outgoing" };
        assert_eq!(life.diary().last().map(|(_, step)| *step), Some(last), "{due}");
    }
}

#[test]
fn what_was_given_back_for_a_share_is_not_given_back_again_nor_taken_at_once() {
    let restores = vec![PartRestored { share: 3_000, keeps: Some(BarLevel::Outgoing) }];
    let policy = with(ServiceRules { restores, ..ServiceRules::default() });
    // Paid before the full bar, or behind it: the customer is warned of what is left, and then it comes, and stays.
    for (paid, barred) in [(45, [36, 79]), (52, [36, 50])] {
        let mut life = Life::new(policy.clone());
        life.happens(0, profile(false));
        life.bill(0, "b1", 3_000, 10);
        life.pays(paid, "p1", 900);
        life.until(at(120));
        // Anything that happens is a reason to look.
        life.happens(120, profile(false));
        life.until(at(200));
        let days = |is: fn(&Action) -> bool| {
            let all = life.said.iter().filter(|c| is(&c.action));
            all.map(|c| c.decided_at.millis() / DAY).collect::<Vec<_>>()
        };
        let bars = days(|action| matches!(action, Action::Bar { .. }));
        assert_eq!(bars[..2], barred, "{paid}");
        assert_eq!(bars.len() - days(|action| matches!(action, Action::Restore { .. })).len(), 2, "{paid}");
        assert_eq!(life.account.stage(), Stage::Barred(BarLevel::Full), "{paid}");
        assert_eq!(days(|action| matches!(action, Action::Notify { .. })).len(), 3, "{paid}: warned once more");
    }
}

fn owed() -> ServiceRules {
    ServiceRules { owed_only: true, ..ServiceRules::default() }
}

/// Day, step, services of each restoration and each bar, and how many bars a restoration lifts.
fn served(life: &Life, from: usize) -> Vec<(i64, String, String, usize)> {
    let told = |c: &Command| {
        let (services, lifts) = match &c.action {
            Action::Bar { services, .. } => (services.join("+"), 0),
            Action::Restore { services, lifts, .. } => (services.join("+"), lifts.len()),
            _ => return None,
        };
        Some((c.decided_at.millis() / DAY, c.step.to_string(), services, lifts))
    };
    life.said[from..].iter().filter_map(told).collect()
}

fn row(day: i64, step: &str, services: &str, lifts: usize) -> (i64, String, String, usize) {
    (day, step.into(), services.into(), lifts)
}

#[test]
fn a_service_whose_bills_are_paid_comes_back_while_the_other_stays_barred() {
    let pays = |bill: &'static str| received("p1", 1_000, Some(bill));
    let contests = |bill: &'static str| disputed("d1", Some(bill), None);
    let cancels = |bill: &'static str| Body::BillCancelled { bill_id: bill };
    let holds = |bill: &'static str| {
        Body::Interaction(Interaction::HoldPlaced {
            hold_id: "h",
            kind: "",
            until: None,
            bills: vec![bill],
            stops: Stops::ALL,
        })
    };
    let gone: [fn(&'static str) -> Body<'static>; 4] = [pays, contests, cancels, holds];
    for (n, what) in gone.iter().enumerate() {
        let mut life = Life::new(with(owed()));
        life.happens(0, who(vec![service("a"), service("b")]));
        charging(&mut life, "b1", &[("a", 1_000)]);
        charging(&mut life, "b2", &[("b", 1_000)]);
        life.until(at(52));
        let both = |step, day| [row(day, step, "a", 0), row(day, step, "b", 0)];
        assert_eq!(served(&life, 0), [both("bar-outgoing", 36), both("bar-full", 50)].concat(), "{n}");
        let before = life.said.len();
        life.happens(52, what("b1"));
        assert_eq!(served(&life, before), [row(52, "restore", "a", 2)], "{n}");
        let Some(Action::Restore { claims, .. }) = life.said.last().map(|c| &c.action) else { panic!() };
        assert_eq!(claimed(claims), [("b", BarLevel::Full)], "what stays: {n}");
        // The other one is barred as far as the ladder goes: nothing begins anew.
        life.until(at(200));
        assert_eq!((life.said.len(), life.account.stage()), (before + 1, Stage::Barred(BarLevel::Full)), "{n}");
        life.happens(200, received("p2", 1_000, Some("b2")));
        assert_eq!(served(&life, before + 1), [row(200, "restore", "b", 2)], "{n}");
    }
}

#[test]
fn what_is_owed_for_another_service_by_then_is_warned_of_before_it_is_barred() {
    let mut life = Life::new(with(owed()));
    life.happens(0, who(vec![service("a"), service("b")]));
    charging(&mut life, "b1", &[("a", 1_000)]);
    life.until(at(37));
    charging(&mut life, "b2", &[("b", 1_000)]);
    let before = life.said.len();
    life.happens(38, received("p1", 1_000, Some("b1")));
    assert_eq!(served(&life, before), [row(38, "restore", "a", 1)]);
    life.until(at(70));
    // The ladder goes on from its warning, with its spacing.
    assert_eq!(life.diary()[before + 1..], [(38, "final"), (53, "bar-outgoing"), (67, "bar-full")]);
    assert_eq!(served(&life, before + 1), [row(53, "bar-outgoing", "b", 0), row(67, "bar-full", "b", 0)]);
}

#[test]
fn a_bar_that_waits_does_not_restrict_what_was_paid_since() {
    let mut life = Life::new(with(owed()));
    life.happens(0, who(vec![service("a"), service("b")]));
    charging(&mut life, "b1", &[("a", 1_000)]);
    charging(&mut life, "b2", &[("b", 1_000)]);
    life.until(at(36).plus(-1));
    life.happens(36, Body::Interaction(Interaction::BarRefused { until: None }));
    life.happens(37, received("p1", 1_000, Some("b1")));
    life.happens(38, Body::Interaction(Interaction::BarDecisionWithdrawn));
    life.until(at(39));
    assert_eq!(served(&life, 0), [row(38, "bar-outgoing", "b", 0)]);
}

#[test]
fn what_could_not_be_done_is_asked_for_again_for_that_service_alone() {
    use ServiceResult::{Applied, Failed};
    let rules = ServiceRules { again_ms: vec![DAY, 3 * DAY], ..owed() };
    let mut life = Life::new(with(rules));
    life.happens(0, who(vec![service("a"), service("b")]));
    charging(&mut life, "b1", &[("a", 1_000)]);
    charging(&mut life, "b2", &[("b", 1_000)]);
    life.until(at(36).plus(1));
    let last = life.said.len() - 1;
    reports(&mut life, 36, last, "b", Failed);
    assert_eq!(reports(&mut life, 36, last - 1, "a", Applied), Outcome::NoEffect(NoEffect::AsCommanded));
    life.until(at(40));
    let first = [row(36, "bar-outgoing", "a", 0), row(36, "bar-outgoing", "b", 0), row(37, "bar-outgoing", "b", 0)];
    assert_eq!(served(&life, 0), first);
    // Two restorations, and both can fail: the later one does not hide the earlier.
    let before = life.said.len();
    life.happens(41, received("p1", 1_000, Some("b1")));
    life.happens(42, received("p2", 1_000, Some("b2")));
    reports(&mut life, 42, before, "", Failed);
    reports(&mut life, 42, before + 1, "", Failed);
    life.until(at(60));
    let both = |day| [row(day, "restore", "a", 1), row(day, "restore", "b", 2)];
    let sent = [vec![row(41, "restore", "a", 1), row(42, "restore", "b", 2)], both(43).to_vec()].concat();
    assert_eq!(served(&life, before), sent);
}

#[test]
fn more_services_than_a_few_are_restricted_by_one_command() {
    let names: Vec<String> = (0..17).map(|n| format!("s{n:02}")).collect();
    for (count, commands) in [(16, 16), (17, 1)] {
        let mut life = Life::new(with(owed()));
        life.happens(0, who(names.iter().map(|name| service(name)).collect()));
        let mut body = issued("b1", 1_000, 10);
        if let Body::BillIssued { lines, .. } = &mut body {
            let line = |id| Line { line_id: id, service_id: Some(id), category: "own", amount: Minor::new(50) };
            *lines = names.iter().take(count).map(|id| line(id)).collect();
        }
        life.happens(0, body);
        life.until(at(37));
        let told = served(&life, 0);
        assert_eq!(told.len(), commands);
        assert_eq!(told[0].2.split('+').count(), count / commands);
    }
}

#[test]
fn what_is_charged_for_paying_late_keeps_no_service_barred_and_bars_none() {
    let mut policy = with(owed());
    let fee = |life: &Life| {
        let asked = life.said.iter().rev().find(|c| matches!(c.action, Action::Ledger { .. }));
        asked.map(|c| c.id.to_string())
    };
    let rules = ChargeRules { interest: None, ..super::charges::rules(Unpaid::Dun) };
    policy.options.charges = Some(Box::new(rules));
    let mut life = Life::new(policy);
    life.happens(0, who(vec![service("a"), service("b")]));
    charging(&mut life, "b1", &[("a", 1_000)]);
    life.until(at(37));
    let origin = fee(&life).expect("a fee");
    let mut booked = issued("f1", 1_000, 20);
    if let Body::BillIssued { origin: of, .. } = &mut booked {
        *of = Some(&origin);
    }
    life.happens(37, booked);
    let before = life.said.len();
    life.happens(38, received("p1", 1_000, Some("b1")));
    assert_eq!(served(&life, before), [row(38, "restore", "a", 1)]);
    // The fee is over the minimum, and stays owed.
    life.until(at(60));
    assert_eq!((served(&life, before).len(), life.account.open()), (1, Minor::new(1_000)));
    assert_eq!(life.account.pending().and_then(|bar| bar.held), Some(Hold::NoService));
}

#[test]
fn what_could_not_be_done_is_not_asked_for_again_where_a_newer_version_has_no_bar_there() {
    let mut newer = with(again());
    newer.label = "consumer@2".into();
    newer.steps[2] = notify("bar-outgoing", 26);
    newer.options.on_change = OnChange::NextStep { renamed: vec![] };
    let mut life = owing(with(again()));
    life.until(at(36).plus(1));
    let last = life.said.len() - 1;
    reports(&mut life, 36, last, "", ServiceResult::Failed);
    life.book.add(at(36).plus(2), Arc::new(newer));
    life.until(at(60));
    let days: Vec<i64> = life.said.iter().map(|c| c.decided_at.millis() / DAY).collect();
    assert_eq!(days, [14, 21, 36, 50]);
}
