//! Payments that failed and are collected again.

use super::*;

/// After a day, a day, eight days and six days.
pub(super) fn rules() -> RetryRules {
    RetryRules {
        after_ms: vec![DAY, DAY, 8 * DAY, 6 * DAY],
        time_of_day: None,
        methods: vec![],
        never_after: vec!["stolen_card".into()],
    }
}

/// As [`owing`], but a first notice comes on day 60 only.
fn failing() -> Life {
    let mut policy = consumer();
    policy.steps = vec![notify("late", 50)];
    policy.options.retries = Some(Box::new(rules()));
    owing(policy)
}

/// Day and amount of every attempt that was asked for.
fn attempts(life: &Life) -> Vec<(i64, i64)> {
    let asked = life.said.iter().filter(|c| matches!(c.action, Action::Retry { .. }));
    asked.map(|c| (c.decided_at.millis() / DAY, c.amount_due.get())).collect()
}

fn why_not(life: &Life) -> Vec<NoRetry> {
    let why = life.decided.iter().filter_map(|d| if let Code::NotRetried(why) = d.code { Some(why) } else { None });
    why.collect()
}

/// The last attempt that was asked for failed, too.
fn fails_again(life: &mut Life, day: i64, payment: &str) -> Outcome {
    life.until(at(day));
    let command = life.said.last().expect("an attempt").id.to_string();
    life.happens(day, Body::PaymentFailed(Failed { command_id: Some(&command), ..declined(payment, 1_000) }))
}

#[test]
fn attempts_come_so_long_after_each_failure_until_none_is_left() {
    let mut life = failing();
    assert_eq!(life.happens(10, failed("p1")), Outcome::Applied);
    // Each under a new id, which the command tells of; the last under the first one's.
    for (day, payment) in [(12, "p2"), (14, "p3"), (23, "p4")] {
        assert_eq!(fails_again(&mut life, day, payment), Outcome::Applied);
    }
    assert_eq!(life.happens(30, failed("p1")), Outcome::Applied);
    life.until(at(60));
    assert_eq!(attempts(&life), [(11, 1_000), (13, 1_000), (22, 1_000), (29, 1_000)]);
    assert_eq!(why_not(&life), [NoRetry::Spent]);
    assert_eq!(life.account.retries(), []);
    let Action::Retry { payment, method, attempt, not_before } = &life.said[1].action else { panic!("an attempt") };
    assert_eq!((&**payment, &**method, *attempt, *not_before), ("p1", "card", 2, at(13)));
    assert_eq!((&*life.said[1].step, life.said[1].bill_ids.as_slice()), ("retry", &["b1".into()][..]));
}

#[test]
fn an_attempt_ends_with_the_payment_that_names_its_command() {
    for (named, left) in [(true, 0), (false, 1)] {
        let mut life = failing();
        life.happens(10, failed("p1"));
        life.until(at(12));
        let command = life.said.last().expect("an attempt").id.to_string();
        let mut part = received("another", 400, None);
        if let Body::PaymentReceived { command_id, .. } = &mut part {
            *command_id = Some(&command).filter(|_| named).map(String::as_str);
        }
        life.happens(12, part);
        assert_eq!(life.account.retries().len(), left, "{named}: a part of it came");
    }
}

#[test]
fn what_is_not_tried_again_says_why() {
    let rows: [(&str, Failed<'_>, NoRetry); 5] = [
        ("final", Failed { is_final: true, ..declined("p", 1_000) }, NoRetry::Final),
        ("code", Failed { decline_code: "stolen_card", ..declined("p", 1_000) }, NoRetry::Final),
        ("method", Failed { method: "cash", ..declined("p", 1_000) }, NoRetry::Method),
        (
            "currency",
            Failed { currency: Currency::parse("USD").expect("one"), ..declined("p", 1_000) },
            NoRetry::NothingOwed,
        ),
        ("paid", declined("p", 1_000), NoRetry::NothingOwed),
    ];
    for (name, failed, why) in rows {
        let mut life = failing();
        let mut policy = (**life.book.current(at(0))).clone();
        policy.options.retries.as_mut().expect("rules").methods = vec!["card".into()];
        life.book = PolicyBook::new(Arc::new(policy), None);
        if name == "paid" {
            life.pays(9, "p0", 1_000);
        }
        assert_eq!(life.happens(10, Body::PaymentFailed(failed)), Outcome::Applied);
        life.until(at(50));
        assert_eq!((attempts(&life), why_not(&life)), (vec![], vec![why]), "{name}");
    }
    let mut life = owing(consumer());
    assert_eq!(life.happens(10, failed("p")), Outcome::NoEffect(NoEffect::PaymentFailed), "no policy for it");
}

#[test]
fn a_payment_that_came_before_it_failed_and_comes_twice_ends_nothing() {
    let mut life = failing();
    let paid = || Event::Input(Input { event_id: "e-x", occurred_at: at(9), body: received("p", 100, None) });
    life.meet(&paid(), at(9));
    life.happens(10, Body::PaymentFailed(declined("p", 900)));
    life.meet(&paid(), at(10));
    life.until(at(12));
    assert_eq!(attempts(&life), [(11, 900)]);
}

#[test]
fn a_final_decline_ends_what_was_begun() {
    let mut life = failing();
    life.happens(10, failed("p"));
    life.happens(10, Body::PaymentFailed(Failed { is_final: true, ..declined("p", 1_000) }));
    life.until(at(50));
    assert_eq!((attempts(&life), why_not(&life)), (vec![], vec![NoRetry::Final]));
}

#[test]
fn no_more_is_collected_than_is_owed_of_what_the_payment_was_for() {
    // What happens before the attempt on day 11, and what it collects.
    let rows: [(&str, Option<Body<'_>>, Option<i64>); 7] = [
        ("nothing", None, Some(800)),
        ("another bill", Some(issued("b2", 5_000, 20)), Some(800)),
        ("a part is paid", Some(received("x", 700, None)), Some(300)),
        ("all is paid", Some(received("x", 1_000, None)), None),
        ("it came after all", Some(received("p", 100, None)), None),
        ("a part is disputed", Some(disputed("d", Some("b1"), Some(900))), Some(100)),
        (
            "a part is on its way",
            Some(Body::PaymentInitiated {
                payment_id: "x",
                amount: Minor::new(600),
                currency: eur(),
                expected_by: Day::from_epoch(20),
            }),
            Some(400),
        ),
    ];
    for (name, what, collected) in rows {
        let mut life = failing();
        life.happens(10, Body::PaymentFailed(declined("p", 800)));
        if let Some(body) = what {
            life.happens(10, body);
        }
        life.until(at(12));
        let wanted: Vec<_> = collected.map(|amount| (11, amount)).into_iter().collect();
        assert_eq!(attempts(&life), wanted, "{name}");
    }
}

#[test]
fn two_payments_for_one_debt_are_not_collected_twice() {
    let mut life = failing();
    life.happens(10, Body::PaymentFailed(declined("p1", 700)));
    life.happens(10, Body::PaymentFailed(declined("p2", 700)));
    life.until(at(50));
    assert_eq!(attempts(&life), [(11, 700), (11, 300)]);
    // When the first one fails, too, its amount is there again.
    let mut life = failing();
    life.happens(10, Body::PaymentFailed(declined("p1", 1_000)));
    life.happens(10, Body::PaymentFailed(declined("p2", 400)));
    life.until(at(12));
    assert_eq!(attempts(&life), [(11, 1_000)]);
    life.happens(12, failed("p1"));
    life.until(at(50));
    assert_eq!(attempts(&life), [(11, 1_000), (12, 400), (13, 600)]);
}

#[test]
fn an_attempt_waits_while_all_is_stopped_and_while_its_debt_is_disputed() {
    let mut life = failing();
    life.happens(10, failed("p"));
    let promise =
        Interaction::PromiseMade { promise_id: "s", amount: Minor::new(1_000), promised_on: Day::from_epoch(15) };
    life.happens(10, Body::Interaction(promise));
    life.until(at(50));
    assert_eq!(attempts(&life), [(17, 1_000)], "six days later, as the promise took six");

    let mut life = failing();
    life.happens(10, failed("p"));
    life.happens(10, disputed("d", None, None));
    life.until(at(20));
    assert_eq!(attempts(&life), []);
    life.happens(20, resolved("d", 400));
    life.until(at(50));
    assert_eq!(attempts(&life), [(20, 600)]);
}

#[test]
fn no_attempt_comes_before_its_time_of_day() {
    let mut life = failing();
    let mut policy = (**life.book.current(at(0))).clone();
    policy.options.retries.as_mut().expect("rules").time_of_day = Some(6 * 60);
    life.book = PolicyBook::new(Arc::new(policy), None);
    let hour = |day: i64, hour: i64| at(day).plus(hour * 3_600_000);
    life.happens(10, failed("p"));
    life.until(at(12));
    assert_eq!(life.said[0].decided_at, hour(11, 6));
    let again = Input { event_id: "e", occurred_at: hour(12, 9), body: failed("p") };
    life.meet(&Event::Input(again), hour(12, 9));
    life.until(at(14));
    assert_eq!(life.said[1].decided_at, hour(13, 9));
}

#[test]
fn only_so_many_are_collected_at_a_time_and_those_without_an_answer_make_room() {
    let mut life = failing();
    let names: Vec<String> = (0..9).map(|n| format!("p{n}")).collect();
    for name in &names {
        life.happens(10, Body::PaymentFailed(declined(name, 100)));
    }
    assert_eq!((life.account.retries().len(), why_not(&life)), (8, vec![NoRetry::TooMany]));
    life.until(at(12));
    assert_eq!(attempts(&life).len(), 8);
    life.happens(12, Body::PaymentFailed(declined("p9", 100)));
    assert_eq!((life.account.retries().len(), why_not(&life).len()), (8, 1));
    life.until(at(14));
    assert_eq!(attempts(&life).last(), Some(&(13, 100)));
}

#[test]
fn another_version_without_retries_ends_them_and_erasure_does_not() {
    let mut life = failing();
    life.happens(10, failed("p"));
    life.meet(&Event::Erased, at(10));
    assert_eq!(life.account.retries().len(), 1);
    let without = Policy { label: "consumer@9".into(), ..consumer() };
    life.book = PolicyBook::new(Arc::new(without), None);
    life.until(at(13));
    assert_eq!((attempts(&life), why_not(&life)), (vec![], vec![NoRetry::NotInPolicy]));
}

#[test]
fn an_attempt_that_lies_on_the_bus_is_not_asked_for_again() {
    let mut life = failing();
    life.happens(10, failed("p"));
    let what = FoundAction::Retried { payment: "p".into(), attempt: 1, amount: Minor::new(1_000) };
    let found = [Found { sequence: 1, what }];
    life.meet(&Event::Found(&found), at(11));
    life.until(at(40));
    assert_eq!(attempts(&life), []);
    assert_eq!(life.account.retries()[0].state, RetryState::Asked(Minor::new(1_000)));
    // It failed, as its command says.
    let command = command_id("acc-1", 1).to_string();
    life.happens(40, Body::PaymentFailed(Failed { command_id: Some(&command), ..declined("other", 1_000) }));
    life.until(at(50));
    assert_eq!(attempts(&life), [(41, 1_000)]);
}
