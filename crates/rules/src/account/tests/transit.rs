//! Money that is on its way, and what billing says is owed.

use super::*;

fn initiated(payment_id: &str, amount: i64, by: i32) -> Body<'_> {
    let (amount, expected_by) = (Minor::new(amount), Day::from_epoch(by));
    Body::PaymentInitiated { payment_id, amount, currency: eur(), expected_by }
}

fn stated(as_of: i64, balance: i64) -> Body<'static> {
    Body::BalanceStated { as_of: at(as_of), balance: Minor::new(balance), currency: eur() }
}

#[test]
fn a_payment_on_its_way_stops_everything_until_it_comes_or_does_not() {
    // What happens on day 20, and when the final notice comes, which was due on day 21.
    let rows: [(Option<Body<'_>>, Option<i64>); 5] = [
        (None, Some(27)),
        (Some(failed("p")), Some(23)),
        (Some(failed("other")), Some(27)),
        (Some(received("p", 1_000, None)), None),
        (Some(received("p", 200, None)), Some(23)),
    ];
    for (what, next) in rows {
        let mut life = owing(consumer());
        life.happens(18, initiated("p", 1_000, 23));
        assert_eq!(life.account.stage(), Stage::Clear);
        if let Some(what) = what.clone() {
            life.happens(20, what);
        }
        life.until(at(30));
        let came = life.diary().get(1).copied();
        assert_eq!(came, next.map(|day| (day, "final")), "{what:?}");
        assert_eq!(life.account.pauses().map_or(0, |p| p.broken), 0, "nobody promised anything");
    }
}

#[test]
fn what_is_too_little_or_not_awaited_by_the_policy_stops_nothing() {
    let mut life = owing(consumer());
    life.happens(18, initiated("p", 999, 23));
    life.happens(18, initiated("p", 999, 23));
    life.until(at(22));
    assert_eq!(life.diary(), [(14, "reminder"), (21, "final")], "one cent would keep the cycle");
    life.happens(22, initiated("q", 1, 23));
    assert_eq!(life.account.stage(), Stage::Clear, "the two are enough");
    let mut policy = consumer();
    policy.options.pauses.transit_days = None;
    let mut life = owing(policy);
    assert_eq!(life.happens(18, initiated("p", 1_000, 23)), Outcome::NoEffect(NoEffect::NotInPolicy));
    life.until(at(22));
    assert_eq!(life.diary(), [(14, "reminder"), (21, "final")]);
}

#[test]
fn what_came_before_the_debt_is_looked_at_when_there_is_one() {
    for (amount, first) in [(5, (14, "reminder")), (1_000, (16, "reminder"))] {
        let mut life = owing(consumer());
        life.happens(9, initiated("p", amount, 12));
        life.until(at(18));
        assert_eq!(life.diary(), [first], "{amount}");
    }
}

#[test]
fn it_counts_for_so_many_days_and_not_after_it_came() {
    let mut life = owing(consumer());
    life.happens(18, initiated("p", 1_000, 500));
    life.until(at(40));
    // Ten days after it was announced, and that day.
    assert_eq!(life.diary(), [(14, "reminder"), (32, "final")]);
    life.pays(33, "q", 100);
    let known = Outcome::NoEffect(NoEffect::KnownPayment);
    assert_eq!(life.happens(33, initiated("q", 100, 40)), known);
    assert_eq!(life.happens(34, initiated("r", 100, 40)), Outcome::Applied);
    assert_eq!(life.happens(34, initiated("r", 100, 41)), known);
    let other = Body::PaymentInitiated {
        payment_id: "s",
        amount: Minor::new(5),
        currency: Currency::parse("USD").expect("a currency"),
        expected_by: Day::from_epoch(40),
    };
    assert_eq!(life.happens(34, other), Outcome::Refused(Refusal::OtherCurrency));
}

#[test]
fn a_balance_that_differs_holds_bars_until_the_two_agree() {
    let mut life = owing(consumer());
    life.happens(30, stated(30, 800));
    life.until(at(40));
    assert_eq!(life.account.pending().map(|p| p.held), Some(Some(Hold::BalanceDiffers)));
    assert_eq!(life.account.pauses().and_then(|p| p.drift), Some(Minor::new(-200)));
    // Billing knew of less by then: nothing has happened here since the bar fell due on day 36.
    assert_eq!(life.happens(40, stated(35, 1_000)), Outcome::NoEffect(NoEffect::OlderBalance));
    life.happens(41, adjusted("b1", -100));
    life.happens(42, stated(42, 900));
    life.until(at(43));
    assert_eq!(life.diary()[2..], [(42, "bar-outgoing")]);
    assert!(life.account.aside.is_none());
    let said: Vec<_> = life.decided.iter().map(|d| d.code).collect();
    assert!(said.contains(&Code::BalanceDiffers) && said.contains(&Code::BalanceAgrees));
}

#[test]
fn credit_counts_in_a_balance() {
    let mut life = owing(consumer());
    life.pays(5, "p", 1_300);
    life.happens(6, stated(6, -300));
    assert_eq!(life.account.pauses(), None);
    life.happens(7, stated(7, -301));
    assert_eq!(life.account.pauses().and_then(|p| p.drift), Some(Minor::new(-1)));
}
