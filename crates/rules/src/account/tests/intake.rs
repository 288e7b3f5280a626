//! Rows for what is taken, what is known already, what is too old, and what is forgotten.

use super::*;

/// An event with an id of its own, which happened on one day and comes on another.
fn comes<'a>(life: &mut Life, id: &str, happened: i64, now: i64, body: Body<'a>) -> Outcome {
    life.meet(&Event::Input(Input { event_id: id, occurred_at: at(happened), body }), at(now))
}

fn with_horizon(days: u32) -> Life {
    let mut life = Life::new(consumer());
    life.book.dedupe_horizon_days = Some(days);
    life
}

#[test]
fn an_event_is_taken_once_by_its_id_whatever_it_says_the_second_time() {
    let mut life = Life::new(consumer());
    let repeated = Outcome::NoEffect(NoEffect::RepeatedEvent);
    assert_eq!(comes(&mut life, "e1", 0, 0, issued("b1", 1_000, 10)), Outcome::Applied);
    assert_eq!(comes(&mut life, "e1", 0, 3, issued("b2", 1_000, 10)), repeated);
    assert_eq!((life.account.bills.len(), life.account.line), (1, at(3)), "but time has passed");
    // What had no effect is taken, too.
    assert_eq!(comes(&mut life, "e2", 0, 3, adjusted("b9", 5)), Outcome::NoEffect(NoEffect::UnknownBill));
    assert_eq!(comes(&mut life, "e2", 0, 3, adjusted("b1", 5)), repeated);
    // What was refused is not: it may come back mended.
    assert_eq!(comes(&mut life, "e3", 0, 3, adjusted("b1", i64::MAX)), Outcome::Refused(Refusal::Overflow));
    assert_eq!(comes(&mut life, "e3", 0, 3, adjusted("b1", 5)), Outcome::Applied);
    assert_eq!(comes(&mut life, "p", 0, 3, profile(true)), Outcome::Applied);
    assert_eq!(comes(&mut life, "p", 0, 3, profile(false)), repeated);
    assert!(life.account.profile.as_ref().is_some_and(|p| p.vulnerable));
}

#[test]
fn the_ids_that_were_taken_are_remembered_in_order_with_their_day_but_not_those_of_usage() {
    let mut life = Life::new(consumer());
    comes(&mut life, "e1", 0, 0, issued("b1", 1_000, 10));
    comes(&mut life, "u1", 0, 1, Body::UsageRecorded(Usage::NONE));
    comes(&mut life, "e2", 0, 2, received("p1", 10, None));
    comes(&mut life, "e1", 0, 3, issued("b1", 1_000, 10));
    let wanted = [(IdHash::of("e1"), Day::from_epoch(0)), (IdHash::of("e2"), Day::from_epoch(2))];
    assert_eq!(life.account.seen.ids(), wanted);
    let read = Seen::from_ids(life.account.seen.ids().to_vec());
    assert_eq!(read, life.account.seen);
    assert!(read.contains(IdHash::of("e1")) && !read.contains(IdHash::of("u1")));
    assert_eq!(comes(&mut life, "u1", 0, 4, Body::UsageRecorded(Usage::NONE)), Outcome::NoEffect(NoEffect::Usage));
}

#[test]
fn what_happened_before_the_horizon_is_refused_but_never_a_profile() {
    let old = Outcome::Refused(Refusal::TooOld);
    for (happened, outcome) in
        [(70, Outcome::Applied), (69, old), (0, old), (100, Outcome::Applied), (130, Outcome::Applied)]
    {
        let mut life = with_horizon(30);
        assert_eq!(comes(&mut life, "e1", happened, 100, received("p1", 10, None)), outcome, "day {happened}");
        assert_eq!(comes(&mut life, "e2", happened, 100, profile(true)), Outcome::Applied, "day {happened}");
        let mut whole = Life::new(consumer());
        assert_eq!(comes(&mut whole, "e1", happened, 100, received("p1", 10, None)), Outcome::Applied, "no horizon");
    }
    // The last millisecond of a day belongs to it; and where the account's line is ahead of the clock, the line counts.
    let mut life = with_horizon(30);
    let event = |id, occurred_at| Event::Input(Input { event_id: id, occurred_at, body: received(id, 10, None) });
    assert_eq!(life.meet(&event("e1", at(70).plus(-1)), at(100)), old);
    assert_eq!(comes(&mut life, "e2", 150, 150, received("p2", 10, None)), Outcome::Applied);
    assert_eq!(comes(&mut life, "e3", 100, 100, received("p3", 10, None)), old);
}

#[test]
fn a_new_bill_lets_go_of_what_ended_before_the_horizon_and_of_nothing_that_is_owed() {
    let mut life = with_horizon(30);
    let day = |life: &mut Life, day: i64, tag: &str, bodies: [Body<'_>; 5]| {
        for (n, body) in bodies.into_iter().enumerate() {
            assert_eq!(comes(life, &format!("{tag}{n}"), day, day, body), Outcome::Applied);
        }
    };
    // On two days the same: a bill that is paid, one that is not, a dispute that ended and one that goes on.
    let settled = |id, due| issued(id, 10, due);
    day(
        &mut life,
        69,
        "old",
        [
            settled("paid-69", 69),
            received("p-69", 10, Some("paid-69")),
            issued("owed-69", 40, 69),
            disputed("ended-69", Some("owed-69"), Some(1)),
            resolved("ended-69", 0),
        ],
    );
    comes(&mut life, "old5", 69, 69, disputed("open-69", Some("owed-69"), Some(1)));
    day(
        &mut life,
        70,
        "new",
        [
            settled("paid-70", 70),
            received("p-70", 10, Some("paid-70")),
            issued("owed-70", 40, 70),
            disputed("ended-70", Some("owed-70"), Some(1)),
            resolved("ended-70", 0),
        ],
    );
    let names = |life: &Life| -> (Vec<String>, Vec<String>, Vec<String>) {
        let account = &life.account;
        (
            account.bills.iter().map(|b| b.id.to_string()).collect(),
            account.payments.iter().map(|p| p.id.to_string()).collect(),
            account.disputes.iter().map(|d| d.id.to_string()).collect(),
        )
    };
    let before = names(&life);
    comes(&mut life, "e100", 99, 99, issued("b99", 10, 120));
    assert_eq!(names(&life).1, before.1, "on day 99 all of it lies within the horizon");
    comes(&mut life, "e101", 100, 100, issued("b100", 10, 120));
    let (bills, payments, disputes) = names(&life);
    assert_eq!(bills, ["owed-69", "owed-70", "paid-70", "b100", "b99"]);
    assert_eq!((payments, disputes), (vec!["p-70".to_owned()], vec!["open-69".to_owned(), "ended-70".to_owned()]));
    let days: Vec<_> = life.account.seen.ids().iter().map(|(_, day)| day.epoch()).collect();
    assert_eq!(days, [70, 70, 70, 70, 70, 99, 100]);
}

#[test]
fn an_event_that_comes_late_counts_where_the_account_is() {
    let mut life = Life::new(consumer());
    comes(&mut life, "e1", 0, 0, issued("b1", 1_000, 10));
    life.until(at(15));
    assert_eq!(life.account.line, at(14));
    comes(&mut life, "e2", 5, 12, received("p1", 1_000, None));
    assert_eq!((life.account.line, life.account.payments[0].day), (at(14), Day::from_epoch(14)));
    assert_eq!(life.decided.last().map(|d| (d.at, d.code)), Some((at(14), Code::CycleEnded)));
}
