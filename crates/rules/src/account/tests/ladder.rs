//! Rows for the ladder: when a cycle starts, when its steps come, and what they say.

use super::*;

const HOUR: i64 = DAY / 24;

fn codes(life: &Life) -> Vec<Code> {
    life.decided.iter().map(|d| d.code).collect()
}

/// Instants in hours, and steps.
fn hours(life: &Life) -> Vec<(i64, &str)> {
    life.said.iter().map(|c| (c.decided_at.millis() / HOUR, &*c.step)).collect()
}

fn in_zone(name: &str) -> Body<'static> {
    let zone = Zone::parse(name).expect("a zone");
    Body::Profile(Box::new(Profile { zone, ..customer() }))
}

#[test]
fn the_minimum_is_dunned_and_a_cent_less_is_not() {
    let usd = Currency::parse("USD").expect("a currency");
    let (eur, any) = (|least| vec![(eur(), Minor::new(least))], |least| Some(Minor::new(least)));
    let rows = [
        (vec![], any(500), 500, true),
        (vec![], any(500), 499, false),
        (eur(700), any(500), 700, true),
        (eur(700), any(500), 699, false),
        (eur(300), any(500), 300, true),
        (vec![(usd, Minor::new(1))], any(500), 499, false),
        (vec![(usd, Minor::new(9_000))], any(500), 500, true),
        (vec![(usd, Minor::new(1))], None, 1_000_000, false),
        (eur(1), None, 1, true),
        // Nothing is never dunned, whatever the file says.
        (eur(0), None, 1, true),
        (eur(0), None, 0, false),
        (eur(-5), None, 0, false),
    ];
    for (minimum, minimum_other, amount, dunned) in rows {
        let words = format!("{amount} owed, {minimum:?}, {minimum_other:?}");
        let mut life = Life::new(Policy { minimum, minimum_other, ..consumer() });
        life.bill(0, "b1", amount, 10);
        assert_eq!(life.account.deadline(), dunned.then(|| at(11)), "{words}");
        life.until(at(20));
        assert_eq!(life.diary(), if dunned { vec![(14, "reminder")] } else { vec![] }, "{words}");
    }
}

#[test]
fn an_account_sleeps_until_the_day_on_which_its_bills_add_up() {
    let mut life = Life::new(Policy { late_start_ms: 30 * DAY, late_after_ms: None, ..consumer() });
    for (id, amount, due) in [("b1", 300, 10), ("b2", 100, 12), ("b3", 100, 15), ("b4", 900, 18)] {
        life.bill(0, id, amount, due);
    }
    assert_eq!(life.account.deadline(), Some(at(16)), "3.00 and 1.00 and 1.00");
    life.until(at(17));
    let cycle = life.account.cycle.as_ref().expect("a cycle");
    assert_eq!((cycle.started, cycle.anchor), (at(16), at(10)), "its age is that of the oldest bill");
    // The reminder was due on day 14, before the cycle began.
    assert_eq!(life.diary(), [(16, "reminder")]);
    assert_eq!((life.said[0].amount_due, life.said[0].bill_ids.len()), (Minor::new(500), 3));
}

#[test]
fn a_cycle_that_starts_late_counts_from_no_further_back_than_the_policy_bears() {
    for (late_start_ms, anchor, reminder) in [(0, 20, 24), (DAY, 19, 23), (7 * DAY, 13, 20), (99 * DAY, 10, 20)] {
        let mut life = Life::new(Policy { late_start_ms, late_after_ms: None, ..consumer() });
        life.bill(20, "b1", 1_000, 10);
        assert_eq!(life.account.cycle.as_ref().map(|c| c.anchor), Some(at(anchor)));
        life.until(at(25));
        assert_eq!(life.diary()[0], (reminder, "reminder"));
    }
}

#[test]
fn a_bill_whose_dispute_ended_is_as_old_as_the_end_of_the_dispute() {
    for (zone, reminder) in [("UTC", 34), ("America/New_York", 33)] {
        let mut life = Life::new(Policy { late_start_ms: 10 * DAY, ..consumer() });
        life.happens(0, in_zone(zone));
        life.bill(0, "b1", 1_000, 10);
        life.happens(5, disputed("d1", Some("b1"), None));
        assert_eq!(life.account.deadline(), None, "what is disputed is not dunned");
        life.happens(30, resolved("d1", 0));
        life.until(at(40));
        // At midnight UTC it is still the day before in New York.
        assert_eq!(life.diary()[0], (reminder, "reminder"), "{zone}");
    }
}

#[test]
fn a_day_begins_where_the_policy_says() {
    let zone = |name| Zone::parse(name).expect("a zone");
    let (fixed, of_profile) = (ZoneRule::Fixed(zone("America/New_York")), ZoneRule::Profile(zone("America/New_York")));
    let rows = [
        ("where the customer lives", of_profile, Some("Europe/Berlin"), "2026-07-31T22:00:00.000Z"),
        ("until that is known, where the policy says", of_profile, None, "2026-08-01T04:00:00.000Z"),
        ("or in one place for all", fixed, Some("Europe/Berlin"), "2026-08-01T04:00:00.000Z"),
    ];
    for (words, zone, lives, starts) in rows {
        let mut life = Life::new(Policy { zone, ..consumer() });
        if let Some(name) = lives {
            life.happens(20_000, in_zone(name));
        }
        life.bill(20_000, "b1", 1_000, 20_665);
        assert_eq!(life.account.deadline().map(|at| at.to_string()).as_deref(), Some(starts), "{words}");
        life.until(at(20_668));
        assert_eq!(standing(&life.account, &life.book).0, Minor::new(1_000), "{words}");
    }
}

#[test]
fn a_step_has_its_time_of_day_where_the_customer_lives() {
    let mut policy = consumer();
    policy.steps[0].time_of_day = Some(9 * 60);
    policy.steps[1].time_of_day = Some(0);
    for (zone, reminder, last) in [("UTC", 14 * 24 + 9, 21 * 24), ("Asia/Tokyo", 14 * 24, 21 * 24 - 9)] {
        let mut life = Life::new(policy.clone());
        life.happens(0, in_zone(zone));
        life.bill(0, "b1", 1_000, 10);
        life.until(at(22));
        assert_eq!(hours(&life), [(reminder, "reminder"), (last, "final")], "{zone}");
    }
}

#[test]
fn a_deadline_is_taken_when_it_is_due_and_counts_as_late_only_beyond_what_the_policy_bears() {
    let (due, half) = (at(14), DAY / 2);
    let rows = [
        (Some(half), 0, due, at(21)),
        (Some(half), half, due, at(21)),
        (Some(half), half + 1, due.plus(half + 1), at(21).plus(half + 1)),
        (Some(0), 1, due.plus(1), at(21).plus(1)),
        (None, 90 * DAY, due, at(21)),
    ];
    for (late_after_ms, late, decided, next) in rows {
        let mut life = owing(Policy { late_after_ms, ..consumer() });
        life.until(due);
        assert_eq!(life.meet(&Event::Deadline, due.plus(-1)), Outcome::NoEffect(NoEffect::NotDue));
        assert_eq!(life.meet(&Event::Deadline, due.plus(late)), Outcome::Applied);
        assert_eq!(life.said.last().map(|c| c.decided_at), Some(decided), "late by {late}");
        assert_eq!(life.account.deadline(), Some(next), "late by {late}");
        assert_eq!(codes(&life).contains(&Code::SpacingKept), decided > due, "late by {late}");
    }
}

#[test]
fn an_event_that_comes_before_a_due_step_moves_the_later_ones_only_beyond_what_the_policy_bears() {
    for (late, next) in [(DAY / 2, at(21)), (DAY / 2 + 1, at(21).plus(DAY / 2 + 1))] {
        let mut life = owing(consumer());
        life.until(at(14));
        let usage = Input { event_id: "u", occurred_at: at(14), body: Body::UsageRecorded(Usage::NONE) };
        life.meet(&Event::Input(usage), at(14).plus(late));
        assert_eq!(life.said.len(), 0, "a step comes with its deadline");
        life.meet(&Event::Deadline, at(14).plus(late));
        assert_eq!(life.said[0].decided_at, at(14).plus(late));
        assert_eq!(life.account.deadline(), Some(next));
    }
}

#[test]
fn a_late_step_comes_by_day_or_waits_for_the_morning() {
    // It was due at nine on day 14.
    for (day, hour, comes) in [(17, 15, 17 * 24 + 15), (17, 3, 17 * 24 + 9), (17, 22, 18 * 24 + 9)] {
        let mut policy = consumer();
        policy.steps[0].time_of_day = Some(9 * 60);
        let mut life = owing(policy);
        life.until(at(14));
        life.meet(&Event::Deadline, at(day).plus(hour * HOUR));
        life.until(at(19));
        assert_eq!(hours(&life), [(comes, "reminder")], "{day} {hour}");
    }
}

#[test]
fn who_is_found_late_gets_all_that_is_due_at_once_but_while_inputs_are_behind_nothing() {
    let mut policy = consumer();
    (policy.late_start_ms, policy.late_after_ms) = (5 * DAY, None);
    policy.steps = vec![notify("reminder", 4), notify("final", 5), bar("bar", 5, BarLevel::Full)];
    let rule = Some(WarningRule { step: 1, notice_ms: 0 });
    policy.steps[2].action = StepAction::Bar { level: BarLevel::Full, warning: rule };
    let bill = || Input { event_id: "e", occurred_at: at(0), body: issued("b1", 1_000, 10) };

    let mut life = Life::new(policy.clone());
    life.happens(0, profile(false));
    life.meet(&Event::Input(bill()), at(20));
    assert_eq!(life.diary(), [(20, "reminder"), (20, "final")]);
    assert_eq!(life.account.pending().map(|p| p.held), Some(None));

    let mut behind = Life::new(policy);
    behind.happens(0, profile(false));
    behind.meet(&Event::Backlog(bill()), at(20));
    assert_eq!((behind.said.len(), codes(&behind)), (0, vec![Code::CycleStarted]));
    assert_eq!(behind.account.deadline(), Some(at(19)), "it was due the day before");
    behind.meet(&Event::Deadline, at(20));
    assert_eq!(behind.diary(), [(20, "reminder")]);
}

#[test]
fn under_the_minimum_a_step_waits_or_is_passed_over_as_the_policy_says() {
    let skip = Shortcuts { below_minimum: BelowMinimum::Skip, ..Shortcuts::NONE };
    for (shortcuts, code, next) in [(Shortcuts::NONE, Code::StepWaits, 0), (skip, Code::StepSkipped, 1)] {
        let mut life = owing(Policy { shortcuts, ..consumer() });
        life.pays(12, "p1", 501);
        life.until(at(15));
        assert_eq!(codes(&life), [Code::CycleStarted, code]);
        assert_eq!((life.account.cycle.as_ref().map(|c| c.next), life.said.len()), (Some(next), 0));
        // One cent more, and the step that waited comes at once; what was passed over does not come again.
        life.happens(16, adjusted("b1", 1));
        life.until(at(17));
        assert_eq!(life.diary(), if next == 0 { vec![(16, "reminder")] } else { vec![] });
    }
}

#[test]
fn a_step_that_waited_for_nothing_moves_no_other() {
    let mut life = owing(consumer());
    life.pays(12, "p1", 600);
    life.until(at(14).plus(1));
    assert_eq!(life.account.deadline(), None, "4.00 is owed: it waits");
    // At the very instant at which the step was due.
    let more = Input { event_id: "more", occurred_at: at(14), body: adjusted("b1", 600) };
    life.meet(&Event::Input(more), at(14));
    life.until(at(30));
    assert_eq!(life.diary(), [(14, "reminder"), (21, "final")]);
    assert!(!codes(&life).contains(&Code::SpacingKept));
}

#[test]
fn a_step_that_waits_comes_on_the_day_on_which_the_next_bill_makes_it_enough() {
    let mut life = owing(consumer());
    life.pays(12, "p1", 600);
    life.bill(12, "b2", 50, 20);
    life.bill(12, "b3", 100, 30);
    life.until(at(15));
    assert_eq!(life.account.deadline(), Some(at(31)));
    life.until(at(39));
    assert_eq!(life.diary(), [(31, "reminder"), (38, "final")], "a week apart as ever");
}

/// What the customer has, whether the notice is mandatory, and to which address it goes, if at all.
#[test]
fn an_optional_notice_is_not_sent_to_who_opted_out_of_its_channel() {
    let contact = |channel, address: &str, consent| Contact { channel, address: address.into(), consent };
    let rows = [
        (vec![contact(Channel::Email, "a", true)], false, Some("a")),
        (vec![contact(Channel::Email, "a", false)], false, None),
        (vec![contact(Channel::Email, "a", false)], true, Some("a")),
        (vec![contact(Channel::Sms, "s", false), contact(Channel::Email, "a", true)], false, Some("a")),
        (vec![contact(Channel::Sms, "s", false)], false, Some("")),
        (vec![], false, Some("")),
    ];
    for (contacts, is_mandatory, sent_to) in rows {
        let words = format!("{contacts:?} {is_mandatory}");
        let mut policy = consumer();
        let StepAction::Notify { mandatory, .. } = &mut policy.steps[0].action else { panic!("a notice") };
        *mandatory = is_mandatory;
        let mut life = Life::new(policy);
        let who = Profile { contacts, payment_link: Some("https://pay/1".into()), ..customer() };
        life.happens(0, Body::Profile(Box::new(who)));
        life.bill(0, "b1", 1_000, 10);
        life.until(at(20));
        let got = life.said.first().map(|c| match &c.action {
            Action::Notify {
                channel,
                address,
                template,
                language,
                payment_link,
                purpose,
                mandatory,
                announced_for,
                offer,
                follows,
                ..
            } => {
                assert!(offer.is_empty() && follows.is_none(), "{words}");
                assert_eq!((*channel, *mandatory, *announced_for), (Channel::Email, is_mandatory, None), "{words}");
                assert_eq!((&**template, &**purpose, &**language), ("reminder", "warning", "de"), "{words}");
                assert_eq!(payment_link.as_deref(), Some("https://pay/1"), "{words}");
                &**address
            }
            other => panic!("{other:?}"),
        });
        assert_eq!(got, sent_to, "{words}");
        let last = life.decided.last().expect("a decision");
        let code = if sent_to.is_some() { Code::Notified } else { Code::NotNotifiedOptedOut };
        assert_eq!((last.code, last.step.as_deref()), (code, Some("reminder")), "{words}");
        assert_eq!(life.account.deadline(), Some(at(21)), "the ladder goes on: {words}");
    }
}

#[test]
fn the_date_in_a_warning_is_the_day_of_the_bar_also_where_the_notice_ends_after_its_time_of_day() {
    // The warning goes out at ten and its fourteen days end at ten; bars come at nine.
    for (warned_at, day) in [(9, 35), (10, 36)] {
        let mut policy = consumer();
        policy.steps[1].time_of_day = Some(warned_at * 60);
        policy.steps[2].offset_ms = 12 * DAY;
        policy.steps[2].time_of_day = Some(9 * 60);
        let mut life = owing(policy);
        life.until(at(40));
        let Action::Notify { announced_for, .. } = &life.said[1].action else { panic!("a notice") };
        assert_eq!(*announced_for, Some(Day::from_epoch(day)));
        assert_eq!(hours(&life)[2], (i64::from(day) * 24 + 9, "bar-outgoing"));
    }
}

#[test]
fn a_bar_does_not_come_before_the_day_that_its_warning_named() {
    let mut life = owing(consumer());
    life.until(at(22));
    let cycle = life.account.cycle.as_mut().expect("a cycle");
    assert_eq!(cycle.sent[1].announced_for, Some(Day::from_epoch(36)));
    // As if the policy had been slower when it warned.
    cycle.sent[1].announced_for = Some(Day::from_epoch(38));
    life.happens(23, Body::UsageRecorded(Usage::NONE));
    assert_eq!(life.account.deadline(), Some(at(38)));
}

#[test]
fn every_decision_says_what_why_and_on_what() {
    let mut life = owing(consumer());
    life.bill(0, "b2", 300, 20);
    life.pays(22, "p1", 900);
    life.happens(23, adjusted("b1", 200));
    life.pays(30, "p2", 9_999);
    life.bill(31, "b3", 20_000, 40);
    life.until(at(42));
    let got: Vec<_> = life
        .decided
        .iter()
        .map(|d| {
            (
                d.at.millis() / DAY,
                d.code.word(),
                d.step.as_deref().unwrap_or(""),
                d.amount_due.get(),
                d.bill_ids.len(),
                d.cycle,
            )
        })
        .collect();
    let wanted = [
        (11, "cycle_started", "", 1_000, 1, 1),
        (14, "notified", "reminder", 1_000, 1, 1),
        (21, "notified", "final", 1_300, 2, 1),
        (30, "cycle_ended", "", 0, 0, 1),
        // Of the second payment 6.00 were owed; the rest was credit and went to the new bill.
        (41, "cycle_started", "", 20_000 - (9_999 - 600), 1, 2),
    ];
    assert_eq!(got, wanted);
    assert!(life.decided.iter().all(|d| d.minimum == Minor::new(500) && &*d.policy == "consumer@1"));
    let numbers: Vec<_> = life.decided.iter().map(|d| d.number).collect();
    assert_eq!(numbers, [1, 2, 3, 4, 5]);
    assert_eq!(life.decided[1].command, Some((life.said[0].id, 1)));
    assert_eq!(life.decided[2].bill_ids, ["b1".into(), "b2".into()] as [Id; 2]);
}

#[test]
fn a_command_says_in_which_cycle_and_because_of_what() {
    let mut life = owing(consumer());
    life.until(at(15));
    life.pays(16, "p1", 1_000);
    life.bill(20, "b2", 1_000, 30);
    life.until(at(60));
    life.pays(60, "p2", 1_000);
    let got: Vec<_> = life.said.iter().map(|c| (&*c.step, c.sequence, c.cycle, c.cause_event_id.as_deref())).collect();
    let wanted = [
        ("reminder", 1, 1, None),
        ("reminder", 2, 2, None),
        ("final", 3, 2, None),
        ("bar-outgoing", 4, 2, None),
        ("restore", 5, 2, Some("e-5")),
    ];
    assert_eq!(got, wanted);
    assert!(life.said.iter().all(|c| &*c.policy == "consumer@1" && c.currency == Some(eur())));
}

#[test]
fn an_account_shows_what_is_overdue_and_not_disputed_and_its_last_step_and_stage() {
    let mut life = owing(consumer());
    life.bill(0, "b2", 700, 200);
    let mut shows = |day: i64, stage: Stage, owed: i64, step: Option<&str>| {
        life.happens(day, Body::UsageRecorded(Usage::NONE));
        let (overdue, last) = standing(&life.account, &life.book);
        assert_eq!((life.account.stage(), overdue.get(), last.as_deref()), (stage, owed, step), "day {day}");
        assert_eq!(life.account.open(), Minor::new(1_700), "day {day}");
    };
    shows(10, Stage::Clear, 0, None);
    shows(11, Stage::Entered, 1_000, None);
    shows(15, Stage::Notified, 1_000, Some("reminder"));
    shows(22, Stage::Notified, 1_000, Some("final"));
    shows(37, Stage::Barred(BarLevel::Outgoing), 1_000, Some("bar-outgoing"));
    shows(51, Stage::Barred(BarLevel::Full), 1_000, Some("bar-full"));
    life.happens(52, disputed("d1", Some("b1"), Some(400)));
    assert_eq!(standing(&life.account, &life.book).0, Minor::new(600));
}

#[test]
fn a_cycle_keeps_its_policy_and_a_new_one_takes_the_policy_in_force() {
    let mut second = consumer();
    second.label = "consumer@2".into();
    second.steps = vec![notify("other", 1)];
    let mut life = owing(consumer());
    assert!(life.book.add(at(20), Arc::new(second)));
    life.until(at(30));
    assert_eq!(life.diary(), [(14, "reminder"), (21, "final")]);
    assert_eq!(standing(&life.account, &life.book).1.as_deref(), Some("final"));
    life.pays(30, "p1", 1_000);
    life.bill(30, "b2", 1_000, 40);
    life.until(at(50));
    assert_eq!((life.diary()[2], &*life.said[2].policy), ((41, "other"), "consumer@2"));
}

#[test]
fn what_comes_after_a_cycle_follows_the_version_in_force() {
    let newer = || {
        let mut newer = consumer();
        newer.label = "consumer@2".into();
        newer.minimum_other = Some(Minor::new(100));
        newer
    };
    // A bill of 2.00 is too little for the first version, and enough for the second, which is in force from day 20 on.
    type Row = (i64, i32, &'static [(i64, &'static str)]);
    let rows: [Row; 3] = [
        // It falls due after the cycle has ended.
        (200, 40, &[(14, "reminder"), (21, "final"), (44, "reminder")]),
        // It is overdue already when the cycle ends, and is found then.
        (200, 22, &[(14, "reminder"), (21, "final"), (33, "reminder")]),
        (99, 22, &[(14, "reminder"), (21, "final")]),
    ];
    for (amount, due, expected) in rows {
        let mut first = consumer();
        first.options.restore_below_other = Minor::new(500);
        let mut life = owing(first);
        life.book.add(at(20), Arc::new(newer()));
        life.bill(12, "b2", amount, due);
        life.happens(30, received("p", 1_000, Some("b1")));
        life.until(at(50));
        assert_eq!(life.diary()[..expected.len()], *expected, "{amount} {due}");
        let cycle = life.account.cycle.as_ref().map(|cycle| &*cycle.policy);
        assert_eq!(cycle, (amount >= 100).then_some("consumer@2"), "{amount} {due}");
    }
}
