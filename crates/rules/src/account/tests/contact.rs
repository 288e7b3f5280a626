//! When and how often customers are told anything.

use std::collections::BTreeSet;

use super::*;

const HOUR: i64 = 3_600_000;

/// Mails between eight and nine in the evening but not on Sundays, at most so many in seven days.
fn policy(most: u16, steps: Vec<Step>) -> Policy {
    let mut policy = Policy { steps, ..consumer() };
    let hours = ContactHours {
        channels: Channels::of(&[Channel::Email]),
        from: 8 * 60,
        until: 21 * 60,
        closed: [false, false, false, false, false, false, true],
        closed_on_holidays: false,
    };
    let cap = Cap { channels: Channels::default(), most, within_ms: 7 * DAY };
    policy.options.contact =
        Some(Box::new(ContactRules { hours: vec![hours], caps: vec![cap], ..ContactRules::default() }));
    policy
}

/// Hours after the beginning of the first day of everything said.
fn hours(life: &Life) -> Vec<i64> {
    life.said.iter().map(|c| c.decided_at.millis() / HOUR).collect()
}

#[test]
fn a_notice_at_night_or_on_a_sunday_waits_for_the_next_open_hour() {
    // Day 0 is a Thursday: days 3 and 10 are Sundays.
    let mut life = Life::new(policy(9, vec![notify("a", 2), notify("b", 9)]));
    life.bill(0, "b1", 1_000, 1);
    life.until(at(20));
    assert_eq!(hours(&life), [4 * 24 + 8, 11 * 24 + 8]);
}

#[test]
fn a_debt_that_is_found_at_night_is_told_of_in_the_morning() {
    let mut life = Life::new(policy(9, vec![notify("a", 0)]));
    life.meet(
        &Event::Input(Input { event_id: "e", occurred_at: at(20), body: issued("b1", 1_000, 1) }),
        at(20).plus(22 * HOUR),
    );
    life.until(at(30));
    assert_eq!(hours(&life), [21 * 24 + 8]);
}

#[test]
fn a_deadline_that_comes_late_into_the_night_waits_for_the_morning_although_it_is_little_late() {
    let mut late = notify("a", 3);
    late.time_of_day = Some(20 * 60);
    let mut life = Life::new(policy(9, vec![late]));
    life.bill(0, "b1", 1_000, 1);
    life.until(at(4));
    assert_eq!(life.account.deadline(), Some(at(4).plus(20 * HOUR)));
    life.meet(&Event::Deadline, at(4).plus(23 * HOUR));
    life.until(at(8));
    assert_eq!(hours(&life), [5 * 24 + 8]);
}

#[test]
fn a_full_cap_moves_a_notice_and_the_steps_after_it() {
    let steps = vec![notify("a", 2), notify("b", 4), notify("c", 5), notify("d", 12)];
    let mut life = Life::new(policy(2, steps));
    life.bill(0, "b1", 1_000, 4);
    life.until(at(40));
    // Two on days 6 and 8; the third has to wait for day 13, four days late, and so the fourth comes on day 20.
    assert_eq!(life.diary(), [(6, "a"), (8, "b"), (13, "c"), (20, "d")]);
    let known = life.account.aside.as_ref().map_or(0, |aside| aside.contacts.len());
    assert_eq!(known, 1, "what no cap counts any more is forgotten");
}

#[test]
fn what_no_cap_counts_is_not_remembered() {
    let mut policy = policy(2, vec![notify("a", 2)]);
    policy.options.contact.as_mut().expect("rules").caps[0].channels = Channels::of(&[Channel::Sms]);
    let mut life = Life::new(policy);
    life.bill(0, "b1", 1_000, 4);
    life.until(at(10));
    assert_eq!((life.diary().len(), life.account.aside), (1, None));
}

#[test]
fn each_account_has_its_place_in_the_spread() {
    let mut policy = policy(9, vec![notify("a", 2)]);
    let rules = policy.options.contact.as_mut().expect("rules");
    rules.hours.clear();
    rules.spread_ms = 10 * HOUR;
    let told = |id: &str| {
        let mut life = Life::new(policy.clone());
        life.account = Account::new(id);
        life.bill(0, "b1", 1_000, 4);
        life.until(at(10));
        life.said[0].decided_at.since(at(6))
    };
    let all: BTreeSet<i64> = (0..50).map(|n| told(&format!("acc-{n}"))).collect();
    assert!(all.len() > 40 && all.iter().all(|ms| (0..10 * HOUR).contains(ms)), "{all:?}");
    assert_eq!(told("acc-1"), told("acc-1"));
}

#[test]
fn a_notice_before_a_due_date_keeps_the_hours_too() {
    let mut policy = policy(1, vec![notify("a", 5)]);
    policy.options.before_due = vec![notify("told", -4)];
    let mut life = Life::new(policy);
    // Day 14 less four is Sunday the 10th.
    life.bill(0, "b1", 1_000, 14);
    life.bill(0, "b2", 1_000, 15);
    life.until(at(30));
    assert_eq!(hours(&life)[..1], [11 * 24 + 8]);
    assert_eq!(life.said[0].bill_ids.len(), 2, "what waits together is one notice");
    assert_eq!(life.diary(), [(11, "told"), (19, "a")]);
}
