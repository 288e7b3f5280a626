//! Rows for bills that are to be paid in terms.

use super::*;

/// Days and amounts.
fn of_terms<'a>(id: &'a str, terms: &[(i32, i64)]) -> Body<'a> {
    let last = terms.iter().map(|(day, _)| *day).max().expect("a term");
    let whole = issued(id, terms.iter().map(|(_, amount)| amount).sum(), last);
    let term = |(day, amount): &(i32, i64)| Term { due_on: Day::from_epoch(*day), amount: Minor::new(*amount) };
    in_terms(whole, terms.iter().map(term).collect())
}

/// A bill of 100.00 in two terms of 50.00, due on days 5 and 10.
fn two_terms(policy: Policy) -> Life {
    let mut life = Life::new(policy);
    life.happens(0, profile(false));
    life.happens(0, of_terms("b1", &[(5, 5_000), (10, 5_000)]));
    life
}

fn dunned(life: &Life) -> i64 {
    standing(&life.account, &life.book).0.get()
}

#[test]
fn only_what_is_due_is_dunned_and_a_payment_that_goes_back_is_dunned_again() {
    let mut life = two_terms(consumer());
    life.until(at(9));
    assert_eq!((life.account.stage(), dunned(&life)), (Stage::Entered, 5_000));
    life.pays(9, "p1", 5_000);
    assert_eq!((life.account.stage(), dunned(&life)), (Stage::Clear, 0));
    life.happens(10, taken_back("p1", 5_000));
    assert_eq!((life.account.stage(), dunned(&life)), (Stage::Entered, 5_000));
    life.until(at(20));
    // The age is that of the first term: the reminder is named for what is due by then, both terms.
    let told: Vec<_> = life.said.iter().map(|c| (&*c.step, c.amount_due.get())).collect();
    assert_eq!(told, [("reminder", 10_000)]);
}

#[test]
fn each_amount_meets_the_earliest_term_first() {
    // What happens on day 1, and what may be dunned on days 4, 6 and 11.
    let rows = [
        ("nothing", vec![], [0, 5_000, 10_000]),
        ("part of the first", vec![received("p1", 2_000, None)], [0, 3_000, 8_000]),
        ("the first", vec![received("p1", 5_000, None)], [0, 0, 5_000]),
        ("more than the first", vec![received("p1", 6_000, None)], [0, 0, 4_000]),
        ("all", vec![received("p1", 10_000, None)], [0, 0, 0]),
        ("a credit note", vec![adjusted("b1", -3_000)], [0, 2_000, 7_000]),
        ("a debit note", vec![adjusted("b1", 3_000)], [0, 8_000, 13_000]),
        ("a dispute", vec![disputed("d1", Some("b1"), Some(2_000))], [0, 3_000, 8_000]),
        ("a dispute of more than the first", vec![disputed("d1", Some("b1"), Some(7_000))], [0, 0, 3_000]),
        ("given up", vec![written_off("b1", 5_000)], [0, 0, 5_000]),
    ];
    for (words, events, wanted) in rows {
        let found = [4, 6, 11].map(|day| {
            let mut life = two_terms(Policy { minimum_other: Some(Minor::new(1)), ..consumer() });
            for event in &events {
                life.happens(1, event.clone());
            }
            life.until(at(day));
            life.happens(day, Body::UsageRecorded(Usage::NONE));
            dunned(&life)
        });
        assert_eq!(found, wanted, "{words}");
    }
}

#[test]
fn money_goes_to_what_is_due_first_whichever_bill_it_is_of() {
    let open = |life: &Life| -> Vec<i64> {
        ["b1", "b2"]
            .iter()
            .map(|id| life.account.bills.iter().find(|b| &*b.id == *id).expect("a bill").open().get())
            .collect()
    };
    let rows = [
        ("the first term before another bill", vec![received("p1", 5_000, None)], [5_000, 1_000]),
        ("then that bill", vec![received("p1", 5_500, None)], [5_000, 500]),
        ("the last term at the end", vec![received("p1", 7_000, None)], [4_000, 0]),
        ("the bill that was named", vec![received("p1", 7_000, Some("b1"))], [3_000, 1_000]),
        ("disputed debt last", vec![disputed("d", Some("b1"), Some(5_000)), received("p1", 1_500, None)], [9_500, 0]),
        ("credit as well", vec![credited("c1", 5_500)], [5_000, 500]),
        (
            "the last that was paid comes back first",
            vec![received("p1", 7_000, None), taken_back("p1", 1_500)],
            [5_000, 500],
        ),
    ];
    for (words, events, wanted) in rows {
        let mut life = two_terms(consumer());
        life.bill(0, "b2", 1_000, 7);
        for event in events {
            life.happens(1, event);
        }
        assert_eq!(open(&life), wanted, "{words}");
    }
}

#[test]
fn a_bar_stands_on_the_terms_that_its_warning_told_of() {
    let mut life = two_terms(Policy { minimum_other: Some(Minor::new(3_000)), ..consumer() });
    // The last term comes after the final notice, which told of the first two.
    life.happens(0, Body::BillCancelled { bill_id: "b1" });
    life.happens(0, of_terms("b2", &[(5, 2_000), (10, 2_000), (25, 9_000)]));
    life.until(at(25));
    assert_eq!(life.diary(), [(14, "reminder"), (21, "final")], "on day 11 two are enough");
    life.pays(26, "p1", 2_000);
    life.until(at(60));
    // Of what it told of, 20.00 is left beside 90.00: told again.
    assert_eq!(life.diary()[2..4], [(36, "final"), (51, "bar-outgoing")]);
}

#[test]
fn each_term_has_its_notice_before_its_day() {
    let mut policy = consumer();
    policy.options.before_due = vec![notify("soon", -3)];
    let mut life = two_terms(policy.clone());
    life.until(at(9));
    assert_eq!(life.diary(), [(2, "soon"), (7, "soon")]);
    let told: Vec<_> = life.said.iter().map(|c| c.amount_due.get()).collect();
    assert_eq!(told, [5_000, 5_000]);
    let mut paid = two_terms(policy.clone());
    paid.pays(1, "p1", 6_000);
    paid.until(at(12));
    let told: Vec<_> = paid.said.iter().map(|c| (c.decided_at.millis() / DAY, c.amount_due.get())).collect();
    assert_eq!(told[0], (7, 4_000), "nothing before the term that is paid, and the rest before the other");
    // Who is issued late is not told of a day that is close already.
    let mut late = Life::new(policy);
    late.happens(0, profile(false));
    late.happens(4, of_terms("b1", &[(5, 5_000), (10, 5_000)]));
    late.until(at(9));
    assert_eq!(late.diary(), [(7, "soon")]);
}

#[test]
fn terms_are_kept_in_order_while_their_bill_is_there_and_where_they_say_more_than_the_bill() {
    let terms = |life: &Life| -> Vec<(i32, i64)> {
        let known = life.account.bills.first().map_or(&[][..], |bill| life.account.terms_of(bill));
        known.iter().map(|known| (known.term.due_on.epoch(), known.term.amount.get())).collect()
    };
    let mut life = Life::new(consumer());
    life.happens(0, of_terms("b1", &[(10, 300), (5, 500), (10, 200)]));
    assert_eq!(terms(&life), [(5, 500), (10, 500)]);
    life.happens(1, Body::BillCancelled { bill_id: "b1" });
    assert_eq!(life.account.aside, None);
    life.happens(2, of_terms("b2", &[(10, 300), (10, 200)]));
    assert_eq!((terms(&life), life.account.aside.is_none()), (vec![], true));
    let parts: Vec<_> = (0..241).map(|day| (day, 1)).collect();
    assert_eq!(life.happens(3, of_terms("b3", &parts)), Outcome::Refused(Refusal::TooMany));
    assert_eq!(life.happens(3, of_terms("b4", &parts[..240])), Outcome::Applied);
}

#[test]
fn a_dispute_of_a_term_stops_the_clock_for_no_more_than_it_took() {
    // Both terms are due, 50.00 of 100.00 is disputed from day 12 to 17, and the minimum is 60.00.
    let mut life = two_terms(Policy { minimum_other: Some(Minor::new(6_000)), ..consumer() });
    life.happens(12, disputed("d1", Some("b1"), Some(5_000)));
    assert!(life.account.is_paused());
    life.happens(17, resolved("d1", 0));
    life.until(at(40));
    let reminded = life.said[0].decided_at.millis() / DAY;
    assert_eq!((reminded, life.said[0].amount_due.get()), (19, 10_000), "day 14 and the five days");
}
