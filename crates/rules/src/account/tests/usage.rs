//! Rows for usage that falls: when it is looked at, who is told, and what is not counted.

use super::*;

/// Forty percent less in fourteen days, looked at from 10:00.
pub(super) fn rule() -> EarlyWarning {
    let mut step = notify("less-used", 0);
    step.time_of_day = Some(600);
    step.action = StepAction::Notify {
        channel: Channel::Sms,
        template: "less-used".into(),
        purpose: "outreach".into(),
        mandatory: false,
    };
    EarlyWarning { step, of: UsageOf::Data, falls: 4_000, within_days: 14, again_days: 60 }
}

fn watched() -> Life {
    let mut policy = consumer();
    policy.options.early_warning = Some(Box::new(rule()));
    let mut life = Life::new(policy);
    life.happens(0, profile(false));
    life
}

fn uses(life: &mut Life, day: i64, service: &str, data_bytes: u64) -> Outcome {
    let (from, until) = (at(day - 1), at(day));
    let usage = Usage { service_id: service, from, until, data_bytes, voice_seconds: 7, messages: 9 };
    life.happens(day, Body::UsageRecorded(usage))
}

/// Days on which the customer was told.
fn told(life: &Life) -> Vec<i64> {
    life.said.iter().map(|c| c.decided_at.millis() / DAY).collect()
}

#[test]
fn who_uses_so_much_less_in_the_second_window_than_in_the_first_is_told_once() {
    // Each day's usage from the day to the next row on, and the days of notices. A record of day 1 is of the day before.
    type Row = (&'static [(i64, u64)], &'static [i64]);
    let rows: [Row; 8] = [
        (&[(1, 100), (15, 60), (29, 0)], &[28]),
        (&[(1, 100), (15, 61), (29, 61)], &[]),
        (&[(1, 100)], &[]),
        (&[(1, 100), (15, 0)], &[28]),
        // There was nothing that could fall.
        (&[(1, 0), (15, 0)], &[]),
        (&[(1, 0), (15, 100)], &[]),
        // It falls in the third, and on: told once in sixty days.
        (&[(1, 100), (29, 50), (43, 20), (57, 5)], &[42]),
        (&[(1, 1_000), (15, 500), (29, 500), (57, 200), (71, 100), (85, 40)], &[28, 98]),
    ];
    for (plan, days) in rows {
        let mut life = watched();
        for day in 1..=98 {
            let units = plan.iter().rev().find(|(from, _)| *from <= day).map_or(0, |(_, units)| *units);
            if units > 0 {
                uses(&mut life, day, "mobile", units);
            }
        }
        life.until(at(99));
        assert_eq!(told(&life), days, "{plan:?}");
        for command in &life.said {
            assert_eq!((command.cycle, command.amount_due, command.bill_ids.len()), (0, Minor::ZERO, 0));
            assert_eq!(command.decided_at.millis() % DAY, 10 * DAY / 24, "at ten");
        }
        // Who uses nothing any more is forgotten in the end.
        life.until(at(300));
        life.happens(300, profile(false));
        assert!(life.account.usage().is_none_or(|watch| watch.told.is_some()), "{plan:?}");
    }
}

#[test]
fn nobody_is_told_where_something_is_late_or_stopped_or_the_customer_does_not_want_it() {
    let owes = |life: &mut Life| {
        life.bill(20, "b1", 600, 25);
    };
    let little = |life: &mut Life| {
        life.bill(20, "b1", 100, 25);
    };
    let pays = |life: &mut Life| {
        life.bill(20, "b1", 600, 25);
        life.pays(21, "p1", 600);
    };
    let held = |life: &mut Life| {
        let stops = Stops { contacts: true, ..Stops::default() };
        let hold = Interaction::HoldPlaced { hold_id: "h", kind: "", until: None, bills: vec![], stops };
        life.happens(20, Body::Interaction(hold));
    };
    let opted_out = |life: &mut Life| {
        let contact = Contact { channel: Channel::Sms, address: "a".into(), consent: false };
        life.happens(20, Body::Profile(Box::new(Profile { contacts: vec![contact], ..customer() })));
    };
    let erased = |life: &mut Life| {
        life.meet(&Event::Erased, at(20));
        assert_eq!(life.account.usage(), None);
        assert_eq!(uses(life, 21, "mobile", 10), Outcome::NoEffect(NoEffect::Usage));
    };
    type Row = (fn(&mut Life), usize);
    let rows: [Row; 6] = [(owes, 0), (little, 0), (pays, 1), (held, 0), (opted_out, 0), (erased, 0)];
    for (n, (what, notices)) in rows.into_iter().enumerate() {
        let mut life = watched();
        uses(&mut life, 1, "mobile", 1_000);
        life.until(at(20));
        what(&mut life);
        life.until(at(29));
        let count = life.said.iter().filter(|c| &*c.step == "less-used").count();
        assert_eq!(count, notices, "{n}");
    }
}

#[test]
fn a_record_counts_once_and_late_ones_count_where_they_belong_or_nowhere() {
    let nothing = Outcome::NoEffect(NoEffect::Usage);
    let mut life = watched();
    let counts = |life: &Life| life.account.usage().map(|watch| (watch.before, watch.now, watch.next));
    assert_eq!(uses(&mut life, 5, "mobile", 10), Outcome::Applied);
    assert_eq!(uses(&mut life, 5, "mobile", 10), nothing, "it was counted");
    assert_eq!(uses(&mut life, 5, "tv", 5), Outcome::Applied);
    assert_eq!(counts(&life), Some((0, 15, 0)));
    // The window ends with day 17; it is looked at at ten of day 18.
    assert_eq!(uses(&mut life, 18, "mobile", 1), Outcome::Applied);
    assert_eq!(counts(&life), Some((0, 16, 0)));
    life.happens(
        18,
        Body::UsageRecorded(Usage {
            from: at(18),
            until: at(18).plus(60),
            service_id: "mobile",
            data_bytes: 7,
            ..Usage::NONE
        }),
    );
    assert_eq!(counts(&life), Some((0, 16, 7)), "behind it");
    life.until(at(19));
    assert_eq!(counts(&life), Some((16, 7, 0)));
    let late = Usage { from: at(10), until: at(11), service_id: "tv", data_bytes: 100, ..Usage::NONE };
    life.happens(19, Body::UsageRecorded(late));
    assert_eq!(counts(&life), Some((116, 7, 0)), "late, and of the window before");
    let later = Usage { from: at(2), until: at(3), service_id: "new", data_bytes: 100, ..Usage::NONE };
    life.happens(19, Body::UsageRecorded(later));
    assert_eq!(counts(&life), Some((116, 7, 0)), "of a window that is gone");
    // Of no time, or of one service too many.
    assert_eq!(life.happens(19, Body::UsageRecorded(Usage::NONE)), nothing);
    let names: Vec<String> = (0..15).map(|n| format!("s{n}")).collect();
    let taken: Vec<_> = names.iter().map(|name| uses(&mut life, 19, name, 1)).collect();
    assert_eq!(taken.iter().filter(|taken| **taken == nothing).count(), 1);
}

#[test]
fn a_window_that_nobody_looked_at_says_nothing() {
    let mut life = watched();
    uses(&mut life, 1, "mobile", 1_000);
    uses(&mut life, 15, "mobile", 900);
    // An outage: the deadline of day 28 is met on day 45.
    let due = life.account.deadline().expect("a deadline");
    life.meet(&Event::Deadline, at(45));
    assert!(due < at(29));
    life.until(at(80));
    assert_eq!(told(&life), []);
}

#[test]
fn it_waits_for_the_hours_and_without_the_key_nothing_is_counted() {
    let mut life = Life::new(consumer());
    assert_eq!(uses(&mut life, 1, "mobile", 10), Outcome::NoEffect(NoEffect::Usage));
    assert_eq!(life.account.aside, None);

    let mut policy = consumer();
    policy.options.early_warning = Some(Box::new(rule()));
    let cap = Cap { channels: Channels::default(), most: 1, within_ms: 20 * DAY };
    policy.options.contact = Some(Box::new(ContactRules { caps: vec![cap], ..ContactRules::default() }));
    let mut life = Life::new(policy);
    life.happens(0, profile(false));
    uses(&mut life, 1, "mobile", 1_000);
    let contact = Interaction::ContactMade {
        command_id: None,
        outcome: ContactOutcome::Delivered,
        channel: Some(Channel::Sms),
        inbound: false,
        right_party: None,
    };
    life.happens(20, Body::Interaction(contact));
    life.until(at(60));
    assert_eq!(told(&life), [40]);
}
