//! Each rule is broken once by hand: one that is never found broken would say nothing.

use std::sync::Arc;

use super::*;
use crate::{Aside, BarInForce, BarLevel, Outcome, PendingBar, RestorationReason};

fn barred() -> Account {
    let mut account = Account::new("acc-1");
    account.sequence = 1;
    account.cycle = Some(Cycle {
        number: 1,
        policy: "p@1".into(),
        started: Timestamp::MIN,
        anchor: Timestamp::MIN,
        next: 1,
        waits: false,
        sent: vec![],
        bars: vec![BarInForce { step: 0, at: Timestamp::MIN, sequence: 1, level: BarLevel::Full }],
        pending: None::<PendingBar>,
    });
    account
}

fn restores(account: &Account, lifts: Vec<Uuid>) -> Transition {
    let mut account = account.clone();
    account.sequence += 1;
    account.cycle = None;
    let action = Action::Restore {
        lifts,
        lifts_imported: vec![],
        services: vec![],
        claims: vec![],
        reason: RestorationReason::Paid,
    };
    let command = Command {
        id: command_id(&account.id, account.sequence),
        sequence: account.sequence,
        decided_at: account.line,
        policy: "p@1".into(),
        step: "restore".into(),
        amount_due: Minor::ZERO,
        currency: None,
        cycle: 1,
        cause_event_id: None,
        bill_ids: vec![],
        action,
    };
    Transition { account, commands: vec![command], decisions: vec![], outcome: Outcome::Applied }
}

fn book() -> PolicyBook {
    let policy = crate::Policy {
        label: "p@1".into(),
        zone: crate::ZoneRule::Fixed(crate::Zone::UTC),
        minimum: vec![],
        minimum_other: None,
        late_start_ms: 0,
        late_after_ms: None,
        shortcuts: crate::Shortcuts::NONE,
        steps: vec![],
        options: crate::Options::default(),
    };
    PolicyBook::new(Arc::new(policy), None)
}

#[test]
fn a_bar_is_lifted_by_one_restoration_that_names_it() {
    let account = barred();
    let before = Before::of(&account);
    let bar = command_id("acc-1", 1);
    assert_eq!(broken(&before, &restores(&account, vec![bar]), &book()), []);
    for lifts in [vec![], vec![bar, bar], vec![command_id("acc-2", 1)]] {
        assert_eq!(broken(&before, &restores(&account, lifts), &book()), [Rule::LiftedOnce]);
    }
    let mut forgotten = restores(&account, vec![bar]);
    forgotten.commands.clear();
    assert_eq!(broken(&before, &forgotten, &book()), [Rule::SequenceGapless, Rule::LiftedOnce]);
}

#[test]
fn what_goes_back_or_stays_barred_without_debt_is_named() {
    let account = barred();
    let mut before = Before::of(&account);
    before.line = Timestamp::MAX;
    before.place = Some((1, 2, "p@1".into()));
    let said = Transition { account: account.clone(), commands: vec![], decisions: vec![], outcome: Outcome::Applied };
    let wanted = [Rule::LineNeverBack, Rule::StepsInOrder, Rule::RestoredAtOnce];
    assert_eq!(broken(&before, &said, &book()), wanted);
    // The ladder of another version has other places, and that of another cycle begins anew.
    for place in [(1, 2, "p@2"), (2, 2, "p@1")] {
        before.place = Some((place.0, place.1, place.2.into()));
        assert!(!broken(&before, &said, &book()).contains(&Rule::StepsInOrder), "{place:?}");
    }
}

const NOTICE: i64 = 14 * crate::DAY_MS;
const BARRED_AT: i64 = 100 * crate::DAY_MS;

/// A book whose one policy warns and then bars, from 500 owed on.
fn warning_book() -> PolicyBook {
    let notify = crate::StepAction::Notify {
        channel: crate::Channel::Sms,
        template: "t".into(),
        purpose: "warning".into(),
        mandatory: true,
    };
    let warning = Some(crate::WarningRule { step: 0, notice_ms: NOTICE });
    let step = |name: &str, action| Step { name: name.into(), offset_ms: 0, time_of_day: None, action, rule: None };
    let mut policy = (**book().current(Timestamp::MIN)).clone();
    policy.minimum_other = Some(Minor::new(500));
    policy.steps = vec![step("warn", notify), step("bar", StepAction::Bar { level: BarLevel::Full, warning })];
    PolicyBook::new(Arc::new(policy), None)
}

/// A first bar, of an account that owes 500 and was warned so long before.
fn bars(warned_before: i64) -> (Before, Transition) {
    let mut account = barred();
    let at = Timestamp::from_millis(BARRED_AT);
    account.line = at;
    account.bills = vec![crate::Bill {
        id: "b1".into(),
        amount: Minor::new(500),
        adjustments: Minor::ZERO,
        paid: Minor::ZERO,
        credited: Minor::ZERO,
        written_off: Minor::ZERO,
        disputed: Minor::ZERO,
        due_on: crate::Day::from_epoch(1),
        clear_from: None,
    }];
    let mut before = account.clone();
    before.sequence = 0;
    before.cycle.as_mut().expect("a cycle").bars.clear();
    let cycle = account.cycle.as_mut().expect("a cycle");
    cycle.next = 2;
    let sent = at.plus(-warned_before);
    cycle.sent = vec![crate::SentStep { step: 0, at: sent, sequence: 0, announced_for: None }];
    let mut said = restores(&before, vec![]);
    said.account = account;
    let bar = &mut said.commands[0];
    (bar.step, bar.amount_due, bar.decided_at) = ("bar".into(), Minor::new(500), at);
    bar.action =
        Action::Bar { level: BarLevel::Full, services: vec![], claims: vec![], warnings: vec![], announced_for: None };
    (Before::of(&before), said)
}

/// What is broken by a bar that was changed.
fn broken_by(warned_before: i64, change: impl FnOnce(&mut Transition)) -> Vec<Rule> {
    let (before, mut said) = bars(warned_before);
    change(&mut said);
    broken(&before, &said, &warning_book())
}

/// What is broken by a notice by SMS at the end of day 100, an hour before midnight, of an account and under options that
/// were changed.
fn broken_by_notice(options: crate::Options, change: impl FnOnce(&mut Transition)) -> Vec<Rule> {
    let (_, mut said) = bars(NOTICE);
    let late = Timestamp::from_millis(BARRED_AT + 23 * 3_600_000);
    (said.account.line, said.commands[0].decided_at) = (late, late);
    said.account.cycle.as_mut().expect("a cycle").bars.clear();
    said.commands[0].step = "warn".into();
    said.commands[0].bill_ids = vec!["b1".into()];
    said.commands[0].action = Action::Notify {
        channel: Channel::Sms,
        address: "".into(),
        template: "t".into(),
        language: "de".into(),
        payment_link: None,
        purpose: "warning".into(),
        mandatory: true,
        announced_for: None,
        offer: vec![],
        follows: None,
        localised: false,
    };
    let mut before = said.account.clone();
    before.sequence = 0;
    change(&mut said);
    let mut policy = (**warning_book().current(Timestamp::MIN)).clone();
    policy.options = options;
    broken(&Before::of(&before), &said, &PolicyBook::new(Arc::new(policy), None))
}

fn contact(rules: ContactRules) -> crate::Options {
    crate::Options { contact: Some(Box::new(rules)), ..crate::Options::default() }
}

#[test]
fn a_notice_keeps_to_the_hours_of_its_channel() {
    let hours = |channel, until: u16| crate::ContactHours {
        channels: crate::Channels::of(&[channel]),
        from: 0,
        until: until * 60,
        closed: [false; 7],
        closed_on_holidays: false,
    };
    for (channel, until, allowed) in [(Channel::Sms, 23, false), (Channel::Sms, 24, true), (Channel::Email, 23, true)] {
        let rules = ContactRules { hours: vec![hours(channel, until)], ..ContactRules::default() };
        let wanted: &[Rule] = if allowed { &[] } else { &[Rule::ContactAllowed] };
        assert_eq!(broken_by_notice(contact(rules), |_| {}), wanted, "{channel:?} {until}");
    }
}

#[test]
fn a_notice_keeps_to_every_cap_and_to_the_peace_after_a_conversation() {
    let late = BARRED_AT + 23 * 3_600_000;
    let before = |hours: i64| Timestamp::from_millis(late - hours * 3_600_000);
    let rules = || {
        let channels = crate::Channels::of(&[Channel::Sms]);
        let cap = Cap { channels, most: 2, within_ms: crate::DAY_MS };
        let quiet = vec![crate::Quiet { channels, for_ms: crate::DAY_MS }];
        contact(ContactRules { caps: vec![cap], quiet, ..ContactRules::default() })
    };
    // Hours before the notice of what was sent, the notice itself included, and whether it is one too many.
    let rows: [(&[(i64, Channel)], bool); 6] = [
        (&[(0, Channel::Sms)], false),
        (&[(23, Channel::Sms), (0, Channel::Sms)], false),
        (&[(23, Channel::Sms), (1, Channel::Sms), (0, Channel::Sms)], true),
        (&[(24, Channel::Sms), (1, Channel::Sms), (0, Channel::Sms)], false),
        (&[(23, Channel::Email), (1, Channel::Sms), (0, Channel::Sms)], false),
        // What came after it, in the same transition.
        (&[(23, Channel::Sms), (0, Channel::Sms), (-1, Channel::Sms)], false),
    ];
    for (sent, over) in rows {
        let contacts = sent.iter().map(|(hours, channel)| crate::Contacted { at: before(*hours), channel: *channel });
        let contacts: Vec<_> = contacts.collect();
        let noted = |said: &mut Transition| said.account.aside = Some(Box::new(Aside { contacts, ..Aside::default() }));
        let wanted: &[Rule] = if over { &[Rule::ContactAllowed] } else { &[] };
        assert_eq!(broken_by_notice(rules(), noted), wanted, "{sent:?}");
    }
    for (hours, broken) in [(23, true), (24, false), (0, false)] {
        let reach = crate::Reach { conversed: Some(before(hours)), ..crate::Reach::default() };
        let spoken = |said: &mut Transition| said.account.aside = Some(Box::new(Aside { reach, ..Aside::default() }));
        let wanted: &[Rule] = if broken { &[Rule::ContactAllowed] } else { &[] };
        assert_eq!(broken_by_notice(rules(), spoken), wanted, "{hours}");
    }
}

#[test]
fn nothing_comes_while_it_is_stopped_and_none_of_it_of_a_bill_that_is_held() {
    let hold = |bills: &[&str], contacts, bars| crate::HoldInForce {
        id: "h".into(),
        kind: "".into(),
        until: None,
        day: crate::Day::from_epoch(0),
        bills: bills.iter().map(|bill| (*bill).into()).collect(),
        stops: crate::Stops { contacts, bars, fees: false },
    };
    // The hold, and whether a notice and a bar are broken by it.
    let rows = [
        (hold(&[], true, false), true, false),
        (hold(&[], false, true), false, true),
        (hold(&["b1"], true, true), true, true),
        (hold(&["b2"], true, true), false, false),
    ];
    for (hold, notice, bar) in rows {
        let pauses = crate::Pauses { holds: vec![hold.clone()], ..crate::Pauses::default() };
        let aside = || Some(Box::new(Aside { pauses: pauses.clone(), ..Aside::default() }));
        let told = broken_by_notice(crate::Options::default(), |said| said.account.aside = aside());
        assert_eq!(told.contains(&Rule::NothingWhileStopped), notice, "{hold:?}");
        let barred = broken_by(NOTICE, |said| {
            said.commands[0].bill_ids = vec!["b1".into()];
            said.account.aside = aside();
        });
        assert_eq!(barred.contains(&Rule::NothingWhileStopped), bar, "{hold:?}");
    }
}

#[test]
fn while_a_ladder_stands_still_only_notices_before_due_dates_come() {
    for (cycle, broken) in [(0, false), (1, true), (2, true)] {
        let told = broken_by_notice(crate::Options::default(), |said| {
            let pauses = crate::Pauses { since: Some(said.account.line), ..crate::Pauses::default() };
            said.account.aside = Some(Box::new(Aside { pauses, ..Aside::default() }));
            said.commands[0].cycle = cycle;
        });
        assert_eq!(told.contains(&Rule::NothingWhileStopped), broken, "of cycle {cycle}");
    }
}

#[test]
fn a_notice_before_the_due_date_names_what_is_owed_and_not_yet_overdue() {
    let step = warning_book().current(Timestamp::MIN).steps[0].clone();
    let options = || crate::Options { before_due: vec![step.clone()], ..crate::Options::default() };
    let told = |due: i32, cycle: u32, paid: i64| {
        move |said: &mut Transition| {
            let bill = &mut said.account.bills[0];
            (bill.due_on, bill.paid) = (crate::Day::from_epoch(due), Minor::new(paid));
            said.commands[0].cycle = cycle;
        }
    };
    for (due, cycle, paid, holds) in
        [(100, 0, 0, true), (99, 0, 0, false), (100, 1, 0, false), (100, 0, 500, false), (100, 0, 499, true)]
    {
        let broken = broken_by_notice(options(), told(due, cycle, paid));
        assert_eq!(!broken.contains(&Rule::RemindedBeforeDue), holds, "{due} {cycle} {paid}: {broken:?}");
    }
    let unknown = broken_by_notice(options(), |said| {
        told(100, 0, 0)(said);
        said.commands[0].bill_ids.push("b2".into());
    });
    assert!(unknown.contains(&Rule::RemindedBeforeDue));
}

#[test]
fn a_bar_needs_its_warning_its_notice_and_its_debt() {
    assert_eq!(broken_by(NOTICE, |_| {}), []);
    assert_eq!(broken_by(NOTICE - 1, |_| {}), [Rule::WarnedBeforeBarred]);
    let unwarned = |said: &mut Transition| said.account.cycle.as_mut().expect("a cycle").sent.clear();
    assert_eq!(broken_by(NOTICE, unwarned), [Rule::WarnedBeforeBarred]);
    let another = |said: &mut Transition| said.account.cycle.as_mut().expect("a cycle").sent[0].step = 1;
    assert_eq!(broken_by(NOTICE, another), [Rule::WarnedBeforeBarred]);
    let no_bar = |said: &mut Transition| said.commands[0].step = "warn".into();
    assert_eq!(broken_by(NOTICE, no_bar), [Rule::WarnedBeforeBarred]);
    let cents = |said: &mut Transition| said.commands[0].amount_due = Minor::new(499);
    assert_eq!(broken_by(NOTICE, cents), [Rule::NothingUnderTheMinimum]);
    let paid = |said: &mut Transition| said.account.bills[0].paid = Minor::new(500);
    assert_eq!(broken_by(NOTICE, paid), [Rule::RestoredAtOnce, Rule::WarnedBeforeBarred]);
    // What became overdue only after the warning is nothing that it told of.
    let overdue_from = |days: i32| {
        move |said: &mut Transition| {
            let sent = said.account.cycle.as_ref().expect("a cycle").sent[0].at;
            said.account.bills[0].due_on = crate::Zone::UTC.day_of(sent).plus(days - 1);
        }
    };
    assert_eq!(broken_by(NOTICE, overdue_from(0)), []);
    assert_eq!(broken_by(NOTICE, overdue_from(1)), [Rule::WarnedBeforeBarred]);
}

#[test]
fn a_person_decides_on_the_protected_and_against_bars() {
    let decided = |allowed, until: Option<i64>| {
        move |said: &mut Transition| {
            let until = until.map(Timestamp::from_millis);
            said.account.bar_decided = Some(crate::BarDecided { allowed, until });
        }
    };
    assert_eq!(broken_by(NOTICE, decided(false, None)), [Rule::PersonDecides]);
    assert_eq!(broken_by(NOTICE, decided(false, Some(BARRED_AT + 1))), [Rule::PersonDecides]);
    assert_eq!(broken_by(NOTICE, decided(false, Some(BARRED_AT))), [], "it is over");
    let protected = |said: &mut Transition| said.account.profile = Some(Box::new(vulnerable()));
    assert_eq!(broken_by(NOTICE, protected), [Rule::PersonDecides]);
    let allowed = |said: &mut Transition| {
        protected(said);
        decided(true, None)(said);
    };
    assert_eq!(broken_by(NOTICE, allowed), []);
}

fn vulnerable() -> crate::Profile {
    crate::Profile {
        segment: "".into(),
        region: "".into(),
        risk_class: "".into(),
        language: "de".into(),
        zone: crate::Zone::UTC,
        vulnerable: true,
        customer_since: None,
        contacts: vec![],
        services: vec![],
        payment_link: None,
        status: "active".into(),
        facts: None,
    }
}

#[test]
fn numbers_ids_and_steps_go_up_by_one() {
    let skipped = |said: &mut Transition| said.commands[0].sequence = 2;
    assert_eq!(broken_by(NOTICE, skipped), [Rule::SequenceGapless, Rule::LiftedOnce]);
    let counted = |said: &mut Transition| said.account.sequence = 2;
    assert_eq!(broken_by(NOTICE, counted), [Rule::SequenceGapless]);
    let renamed = |said: &mut Transition| said.commands[0].id = command_id("acc-2", 1);
    assert_eq!(broken_by(NOTICE, renamed), [Rule::SequenceGapless]);
    let twice = |said: &mut Transition| {
        let sent = &mut said.account.cycle.as_mut().expect("a cycle").sent;
        sent.push(sent[0]);
    };
    assert_eq!(broken_by(NOTICE, twice), [Rule::StepsInOrder]);
}

#[test]
fn notices_and_bars_go_up_the_ladder_and_none_comes_twice() {
    let told = |step| crate::SentStep { step, at: Timestamp::MIN, sequence: 0, announced_for: None };
    let barred = |step| BarInForce { step, at: Timestamp::MIN, sequence: 1, level: BarLevel::Full };
    // The steps of the notices, and those of the bars.
    let rows = [
        ([0, 1], [2, 3], true),
        ([0, 3], [1, 2], true),
        ([1, 0], [2, 3], false),
        ([1, 1], [2, 3], false),
        ([0, 1], [3, 2], false),
        ([0, 1], [2, 2], false),
    ];
    for (sent, bars, is_in_order) in rows {
        let ordered = |said: &mut Transition| {
            let cycle = said.account.cycle.as_mut().expect("a cycle");
            (cycle.sent, cycle.bars) = (sent.map(told).into(), bars.map(barred).into());
        };
        let broken = broken_by(NOTICE, ordered);
        assert_eq!(!broken.contains(&Rule::StepsInOrder), is_in_order, "{sent:?} {bars:?}");
    }
}

#[test]
fn words_are_all_different() {
    let words: std::collections::BTreeSet<_> = Rule::ALL.map(Rule::word).into();
    assert_eq!(words.len(), Rule::ALL.len());
}
