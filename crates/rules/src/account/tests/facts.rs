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
