//! What conditions ask of an account, at their bounds.

use super::*;

fn at_least(of: NumberOf, at_least: i64) -> Test {
    Test::Number { of, at_least: Some(at_least), below: None }
}

fn is(of: FlagOf, is: bool) -> Test {
    Test::Flag { of, is }
}

/// A notice on the fourth day after the due date, where a test is met.
fn telling(test: Test) -> Policy {
    let rule = StepRule { when: vec![test], ..StepRule::default() };
    Policy { steps: vec![Step { rule: Some(Box::new(rule)), ..notify("told", 4) }], ..consumer() }
}

fn with_service(prepaid: bool, protected: bool) -> Body<'static> {
    let services = vec![Service { service_id: "s1".into(), protected, prepaid }];
    Body::Profile(Box::new(Profile { services, ..customer() }))
}

fn since(day: Option<i32>) -> Body<'static> {
    Body::Profile(Box::new(Profile { customer_since: day.map(Day::from_epoch), ..customer() }))
}

/// True where an account with a profile, or none, is told on day 14 of a bill due on day 10.
fn is_told(test: &Test, profile: Option<&Body<'_>>) -> bool {
    let mut life = Life::new(telling(test.clone()));
    if let Some(profile) = profile {
        life.happens(0, profile.clone());
    }
    life.bill(0, "b1", 1_000, 10);
    life.until(at(20));
    life.diary() == [(14, "told")]
}

#[test]
fn ages_are_counted_in_days() {
    let below = |of, below| Test::Number { of, at_least: None, below: Some(below) };
    // The debt is four days old, and the customer came twelve days ago.
    let rows = [
        (at_least(NumberOf::DebtAge, 4), Some(2), true),
        (at_least(NumberOf::DebtAge, 5), Some(2), false),
        (below(NumberOf::DebtAge, 5), Some(2), true),
        (below(NumberOf::DebtAge, 4), Some(2), false),
        (at_least(NumberOf::Tenure, 12), Some(2), true),
        (at_least(NumberOf::Tenure, 13), Some(2), false),
        (below(NumberOf::Tenure, 13), Some(2), true),
        (below(NumberOf::Tenure, 13), None, false),
        (at_least(NumberOf::Tenure, 0), None, false),
    ];
    for (test, customer_since, told) in rows {
        assert_eq!(is_told(&test, Some(&since(customer_since))), told, "{test:?} {customer_since:?}");
    }
}

#[test]
fn earlier_cycles_and_open_disputes_are_counted() {
    for (test, first, second) in [
        (at_least(NumberOf::EarlierCycles, 0), true, true),
        (at_least(NumberOf::EarlierCycles, 1), false, true),
        (at_least(NumberOf::EarlierCycles, 2), false, false),
    ] {
        let mut life = Life::new(telling(test.clone()));
        life.happens(0, profile(false));
        life.bill(0, "b1", 1_000, 10);
        life.pays(20, "p1", 1_000);
        life.bill(20, "b2", 1_000, 30);
        life.until(at(40));
        let told: Vec<_> = life.diary().iter().map(|(day, _)| *day).collect();
        let expected: Vec<_> = [(first, 14), (second, 34)].into_iter().filter(|(is, _)| *is).map(|(_, d)| d).collect();
        assert_eq!(told, expected, "{test:?}");
    }
    for (least, told) in [(0, true), (1, true), (2, false)] {
        let mut life = Life::new(telling(at_least(NumberOf::OpenDisputes, least)));
        life.happens(0, profile(false));
        life.bill(0, "b1", 1_000, 10);
        life.happens(1, disputed("d1", Some("b1"), Some(10)));
        life.happens(1, disputed("d2", Some("b1"), Some(10)));
        life.happens(2, resolved("d2", 0));
        life.until(at(20));
        assert_eq!(!life.said.is_empty(), told, "at least {least}");
    }
}

#[test]
fn what_is_so_is_told_from_what_is_not_and_from_what_is_not_known() {
    let plain = with_service(false, false);
    // Met where it is so, where it is not, and without a profile.
    let rows = [
        (FlagOf::Vulnerable, profile(true), profile(false)),
        (FlagOf::Prepaid, with_service(true, false), plain.clone()),
        (FlagOf::ProtectedService, with_service(false, true), plain.clone()),
    ];
    for (of, so, not_so) in rows {
        for (wanted, met) in [(true, [true, false, false]), (false, [false, true, false])] {
            let test = is(of, wanted);
            let told = [is_told(&test, Some(&so)), is_told(&test, Some(&not_so)), is_told(&test, None)];
            assert_eq!(told, met, "{test:?}");
        }
    }
    assert!(is_told(&is(FlagOf::Profile, true), Some(&plain)) && !is_told(&is(FlagOf::Profile, true), None));
    assert!(!is_told(&is(FlagOf::Profile, false), Some(&plain)) && is_told(&is(FlagOf::Profile, false), None));
}

#[test]
fn what_a_customer_is_worth_and_was_scored_is_as_its_profile_says() {
    let scored = |millionths| Score { name: "churn".into(), millionths };
    let facts = ProfileFacts { lifetime_value: Minor::new(50_000), autopay: true, scores: vec![scored(800_000)] };
    let known = Body::Profile(Box::new(Profile { facts: Some(Box::new(facts)), ..customer() }));
    let score = |name: &str, at_least, below| Test::Score { name: name.into(), at_least, below };
    let rows = [
        (at_least(NumberOf::LifetimeValue, 50_000), true),
        (at_least(NumberOf::LifetimeValue, 50_001), false),
        (score("churn", Some(800_000), None), true),
        (score("churn", Some(800_001), None), false),
        (score("churn", None, Some(800_001)), true),
        (score("churn", None, Some(800_000)), false),
        (score("other", None, Some(1)), false),
        (is(FlagOf::Autopay, true), true),
        (is(FlagOf::Autopay, false), false),
    ];
    for (test, told) in rows {
        assert_eq!(is_told(&test, Some(&known)), told, "{test:?}");
    }
    // The next profile says nothing of it, and erasure forgets it.
    let mut life = Life::new(consumer());
    life.happens(0, known.clone());
    assert!(life.account.facts().is_some() && life.account.profile.as_ref().is_some_and(|p| p.facts.is_none()));
    life.happens(1, profile(false));
    assert_eq!(life.account.facts(), None);
    life.happens(2, known);
    life.meet(&Event::Erased, at(3));
    let erasure = Some(Erasure { asked: Some(at(3)), stub: false });
    assert_eq!(life.account.aside.as_deref(), Some(&Aside { erasure, ..Aside::default() }));
    assert!(!is_told(&at_least(NumberOf::LifetimeValue, 0), Some(&profile(false))), "it is not known");
    assert!(is_told(&is(FlagOf::Autopay, false), Some(&profile(false))));
}

/// Bills b1 to b5, each issued ten days before its day and paid `late` days after it; then one that is not paid.
fn paid(test: &Test, late: [i64; 5]) -> Life {
    let mut policy = telling(test.clone());
    policy.options.remembers_history = true;
    let mut life = Life::new(policy);
    life.happens(0, profile(false));
    for (n, late) in (1..).zip(late) {
        let due = n * 100;
        let id = format!("b{n}");
        let mut bill = issued(&id, 400, i32::try_from(due).expect("a day"));
        if let Body::BillIssued { issued_on, due_on, .. } = &mut bill {
            *issued_on = due_on.plus(-10);
        }
        life.happens(due - 10, bill);
        life.pays(due + late, &format!("p{n}"), 400);
    }
    life.bill(590, "b6", 1_000, 600);
    life.until(at(620));
    life
}

#[test]
fn how_an_account_paid_is_remembered_where_that_is_asked_for() {
    let rows = [
        (at_least(NumberOf::LatePayments, 2), true),
        // That of b1 is more than a year ago.
        (at_least(NumberOf::LatePayments, 3), false),
        // 15, 5, 11, 18 and 10 days after their dates.
        (at_least(NumberOf::DaysToPay, 11), true),
        (at_least(NumberOf::DaysToPay, 12), false),
    ];
    for (test, told) in rows {
        let life = paid(&test, [5, -5, 1, 8, 0]);
        assert_eq!(life.diary().contains(&(604, "told")), told, "{test:?}: {:?}", life.account.history());
    }
    assert!(!is_told(&at_least(NumberOf::DaysToPay, 0), Some(&profile(false))), "none was paid yet");
    assert!(is_told(&at_least(NumberOf::LatePayments, 0), Some(&profile(false))), "and none late");
    let mut life = owing(consumer());
    life.pays(30, "p1", 1_000);
    assert_eq!(life.account.history(), None, "nobody asks");
}

#[test]
fn disputes_that_ended_are_counted_and_so_are_those_that_the_customer_won() {
    let rows = [
        (at_least(NumberOf::PastDisputes, 3), true),
        (at_least(NumberOf::PastDisputes, 4), false),
        (at_least(NumberOf::DisputesUpheld, 3_333), true),
        (at_least(NumberOf::DisputesUpheld, 3_334), false),
    ];
    for (test, told) in rows {
        let mut policy = telling(test.clone());
        policy.options.remembers_history = true;
        let mut life = Life::new(policy);
        life.happens(0, profile(false));
        life.bill(0, "b1", 1_000, 10);
        let ends = [DisputeOutcome::PartlyUpheld, DisputeOutcome::Rejected, DisputeOutcome::Withdrawn];
        for (id, outcome) in ["d1", "d2", "d3"].into_iter().zip(ends) {
            life.happens(1, disputed(id, Some("b1"), Some(10)));
            life.happens(2, Body::DisputeResolved { dispute_id: id, outcome, credited: Minor::ZERO });
        }
        life.until(at(20));
        assert_eq!(!life.said.is_empty(), told, "{test:?}");
    }
}

#[test]
fn no_more_is_remembered_than_the_last_two_dozen_bills() {
    let mut policy = consumer();
    policy.options.remembers_history = true;
    let mut life = Life::new(policy);
    for n in 0..30 {
        life.bill(n, &format!("b{n}"), 400, i32::try_from(n).expect("a day"));
        life.pays(n, &format!("p{n}"), 400);
    }
    let paid = life.account.history().map(|known| (known.paid.len(), known.paid[0].on));
    assert_eq!(paid, Some((24, Day::from_epoch(6))));
}
