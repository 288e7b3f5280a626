//! Rows for disputes of lines: what is contested, how long a line is known, and what comes back.

use super::*;

/// A bill of 10.00, due on day 10, of these lines.
fn made_of(life: &mut Life, bill: &str, of: &[(&'static str, i64)]) {
    let line = |(line_id, amount): &(&'static str, i64)| Line {
        line_id,
        service_id: None,
        category: "third_party",
        amount: Minor::new(*amount),
    };
    let mut body = issued(bill, 1_000, 10);
    if let Body::BillIssued { lines, .. } = &mut body {
        *lines = of.iter().map(line).collect();
    }
    assert_eq!(life.happens(0, body), Outcome::Applied);
}

const THREE: &[(&str, i64)] = &[("base", 700), ("ringtones", 400), ("rebate", -100)];

#[test]
fn who_contests_lines_contests_what_they_come_to() {
    type Row = (&'static str, &'static [(&'static str, i64)], &'static [&'static str], i64);
    let rows: [Row; 9] = [
        ("one of them", THREE, &["ringtones"], 400),
        ("two of them", THREE, &["ringtones", "base"], 1_000),
        ("one of them twice", THREE, &["ringtones", "ringtones"], 400),
        ("less what was given on it", THREE, &["ringtones", "rebate"], 300),
        ("no line", THREE, &[], 1_000),
        // To the customer's benefit it is the bill wherever it cannot be said how much it is.
        ("what was given alone", THREE, &["rebate"], 1_000),
        ("one that is not known", THREE, &["ringtones", "games"], 1_000),
        ("of a bill that says nothing", &[], &["ringtones"], 1_000),
        ("two lines of one name", &[("base", 600), ("ringtones", 300), ("ringtones", 100)], &["ringtones"], 400),
    ];
    for (words, lines, contested, wanted) in rows {
        let mut life = Life::new(consumer());
        made_of(&mut life, "b1", lines);
        assert_eq!(life.happens(1, of_lines("d1", Some("b1"), contested)), Outcome::Applied, "{words}");
        assert_eq!(life.account.bills[0].disputed, Minor::new(wanted), "{words}");
        // What is said of the amount goes before.
        let mut life = Life::new(consumer());
        made_of(&mut life, "b1", lines);
        let mut said = of_lines("d1", Some("b1"), contested);
        if let Body::DisputeOpened { amount, .. } = &mut said {
            *amount = Some(Minor::new(250));
        }
        life.happens(1, said);
        assert_eq!(life.account.bills[0].disputed, Minor::new(250), "{words}");
    }
}

#[test]
fn two_lines_are_contested_and_end_each_on_its_own_and_the_rest_is_dunned() {
    let mut life = Life::new(consumer());
    life.happens(0, profile(false));
    made_of(&mut life, "b1", &[("base", 550), ("ringtones", 300), ("games", 150)]);
    life.happens(1, of_lines("d1", Some("b1"), &["ringtones"]));
    life.happens(2, of_lines("d2", Some("b1"), &["games"]));
    life.until(at(15));
    let dunned: Vec<_> = life.said.iter().map(|c| c.amount_due.get()).collect();
    assert_eq!(dunned, [550]);
    life.happens(15, resolved("d1", 300));
    assert_eq!((life.account.bills[0].disputed, life.account.bills[0].open()), (Minor::new(150), Minor::new(700)));
    life.happens(16, resolved("d2", 0));
    assert_eq!((life.account.bills[0].disputed, life.account.bills[0].open()), (Minor::ZERO, Minor::new(700)));
}

#[test]
fn lines_are_remembered_as_long_as_something_of_their_bill_is_owed_and_not_too_many() {
    let names: Vec<String> = (0..65).map(|n| format!("l{n}")).collect();
    for (count, known) in [(0, 0), (1, 0), (2, 2), (64, 64), (65, 0)] {
        let mut life = Life::new(consumer());
        let mut body = issued("b1", 1_000, 10);
        if let Body::BillIssued { lines, .. } = &mut body {
            let line = |id| Line { line_id: id, service_id: None, category: "own", amount: Minor::new(10) };
            *lines = names.iter().take(count).map(|id| line(id)).collect();
        }
        life.happens(0, body);
        assert_eq!(life.account.lines_of("b1").len(), known, "{count}");
        life.pays(1, "p1", 999);
        assert_eq!(life.account.lines_of("b1").len(), known, "{count}");
        life.pays(2, "p2", 1);
        assert_eq!((life.account.lines_of("b1").len(), &life.account.aside), (0, &None), "{count}");
        // They are not known again: the whole of it is contested then.
        life.happens(3, taken_back("p1", 999));
        life.happens(3, of_lines("d1", Some("b1"), &["l0"]));
        assert_eq!(life.account.bills[0].disputed, Minor::new(999), "{count}");
    }
}
