//! What becomes of notices: when a warning counts, which way it goes next, and what is withdrawn.

use super::*;

/// A notice by e-mail, or by SMS, or by letter.
fn ruled(step: Step, notice: NoticeRule) -> Step {
    let alternatives = vec![Channel::Sms, Channel::Letter];
    Step { rule: Some(Box::new(StepRule { alternatives, notice, ..StepRule::default() })), ..step }
}

fn served(served: ServedWhen) -> NoticeRule {
    NoticeRule { served, ..NoticeRule::default() }
}

fn fallback(days: i64, unless: Heard) -> NoticeRule {
    NoticeRule { fallback: Some(Fallback { after_ms: days * DAY, unless }), ..NoticeRule::default() }
}

/// The consumer policy with a rule for its warning, which is sent on day 21: overdue from day 11, bar on day 36.
fn warned(notice: NoticeRule) -> Life {
    let mut policy = consumer();
    policy.steps[1] = ruled(notify("final", 11), notice);
    owing(policy)
}

impl Life {
    /// Lets days pass, and what comes with the first instant of this one.
    fn through(&mut self, day: i64) {
        self.until(at(day).plus(1));
    }

    /// What a channel reports of the last notice of a step.
    fn report(&mut self, day: i64, step: &str, outcome: ContactOutcome) {
        self.through(day);
        let told = self.said.iter().rev().find(|c| &*c.step == step && matches!(c.action, Action::Notify { .. }));
        let command = told.expect("the notice").id.to_string();
        let contact = Interaction::ContactMade {
            command_id: Some(&command),
            outcome,
            channel: None,
            inbound: false,
            right_party: None,
        };
        self.happens(day, Body::Interaction(contact));
    }

    /// Day, step, and channel or level, of all that was said.
    fn ways_of_all(&self) -> Vec<(i64, &str, &'static str)> {
        let what = |action: &Action| match action {
            Action::Notify { channel, .. } => channel.symbol(),
            Action::Bar { level, .. } => level.symbol(),
            Action::Withdraw { .. } => "withdrawn",
            Action::Restore { .. } => "restored",
            Action::Retry { .. } | Action::Ledger { .. } => "money",
        };
        self.said.iter().map(|c| (c.decided_at.since(at(0)).div_euclid(DAY), &*c.step, what(&c.action))).collect()
    }

    fn held(&self) -> Option<Hold> {
        self.account.pending().and_then(|pending| pending.held)
    }
}

const BAR: (i64, &str, &str) = (36, "bar-outgoing", "OUTGOING");

/// The first bar in the diary.
fn first_bar(life: &Life) -> Option<(i64, &str, &'static str)> {
    life.ways_of_all().into_iter().find(|(_, step, _)| step.starts_with("bar"))
}

#[test]
fn a_warning_that_has_to_arrive_lets_its_bar_come_when_its_notice_is_over_after_it_did() {
    // Day of the report, what it says, the day of the bar.
    let rows = [
        (21, Some(ContactOutcome::Delivered), Some(36)),
        (22, Some(ContactOutcome::Opened), Some(36)),
        // Fourteen days after it arrived.
        (30, Some(ContactOutcome::Delivered), Some(44)),
        (40, Some(ContactOutcome::Clicked), Some(54)),
        (22, Some(ContactOutcome::NoAnswer), None),
        (22, None, None),
    ];
    for (day, outcome, wanted) in rows {
        let mut life = warned(served(ServedWhen::Delivered));
        life.through(21);
        outcome.inspect(|outcome| life.report(day, "final", *outcome));
        life.through(100);
        assert_eq!(first_bar(&life).map(|(day, ..)| day), wanted, "{day} {outcome:?}");
        if wanted.is_none() {
            assert_eq!(life.held(), Some(Hold::NotServed), "{day} {outcome:?}");
        }
    }
}

#[test]
fn a_warning_that_must_not_bounce_counts_some_days_after_it_was_sent() {
    let rule = served(ServedWhen::NotBounced { days: 3 });
    // Seventeen days after it was sent, and that day is named.
    let mut life = warned(rule);
    life.through(100);
    assert_eq!(first_bar(&life), Some((38, "bar-outgoing", "OUTGOING")));
    let Action::Notify { announced_for, .. } = life.said[1].action else { panic!("a notice") };
    assert_eq!(announced_for, Some(Day::from_epoch(38)));
    // What is reported after those days comes too late to matter.
    let mut life = warned(rule);
    life.report(25, "final", ContactOutcome::Bounced);
    life.through(100);
    assert_eq!(first_bar(&life), Some((38, "bar-outgoing", "OUTGOING")));
    assert_eq!(life.ways_of_all().iter().filter(|(_, step, _)| *step == "final").count(), 1);
}

#[test]
fn a_warning_that_did_not_arrive_goes_another_way_at_once_and_counts_from_then_on() {
    for rule in [served(ServedWhen::NotBounced { days: 3 }), served(ServedWhen::Delivered)] {
        let mut life = warned(rule);
        life.report(23, "final", ContactOutcome::Bounced);
        life.through(23);
        let first = life.said[1].id;
        let Action::Notify { channel, follows, announced_for, .. } = life.said[2].action else { panic!("a notice") };
        assert_eq!((channel, follows), (Channel::Sms, Some(first)));
        let days = if rule.served == ServedWhen::Delivered { 14 } else { 17 };
        assert_eq!(announced_for, Some(Day::from_epoch(23 + days)));
        life.report(24, "final", ContactOutcome::Delivered);
        life.through(100);
        let day = if rule.served == ServedWhen::Delivered { 38 } else { 40 };
        assert_eq!(first_bar(&life), Some((day, "bar-outgoing", "OUTGOING")));
        let Some(Action::Bar { warnings, .. }) =
            life.said.iter().map(|c| &c.action).find(|a| matches!(a, Action::Bar { .. }))
        else {
            panic!("a bar")
        };
        assert_eq!(*warnings, [life.said[2].id], "it names the warning that arrived");
    }
}

#[test]
fn where_no_way_is_left_the_bar_waits_and_says_why() {
    let mut life = warned(served(ServedWhen::Delivered));
    for day in [22, 23, 24] {
        life.report(day, "final", ContactOutcome::Failed);
    }
    life.through(100);
    let sent: Vec<_> = life.ways_of_all().into_iter().filter(|(_, step, _)| *step == "final").collect();
    assert_eq!(sent, [(21, "final", "EMAIL"), (22, "final", "SMS"), (23, "final", "LETTER")]);
    assert_eq!((first_bar(&life), life.held()), (None, Some(Hold::NotServed)));
    // Paid, it is over.
    life.happens(101, received("p1", 1_000, None));
    assert_eq!(life.account.cycle, None);
    assert_eq!(life.account.awaited(), []);
}

#[test]
fn a_notice_of_which_nothing_is_heard_goes_another_way_until_something_is() {
    let told = |life: &Life| -> Vec<_> {
        life.ways_of_all()
            .into_iter()
            .filter(|(_, step, _)| *step == "reminder")
            .map(|(day, _, way)| (day, way))
            .collect()
    };
    let silent = [(14, "EMAIL"), (16, "SMS"), (18, "LETTER")];
    // Day and report, for two kinds of hearing: on which ways it went.
    let rows = [
        (None, Heard::Delivered, &silent[..]),
        (Some((15, ContactOutcome::Delivered)), Heard::Delivered, &silent[..1]),
        (Some((15, ContactOutcome::Delivered)), Heard::Answered, &silent[..]),
        (Some((15, ContactOutcome::Clicked)), Heard::Answered, &silent[..1]),
        (Some((17, ContactOutcome::Opened)), Heard::Answered, &silent[..2]),
        (Some((14, ContactOutcome::Bounced)), Heard::Delivered, &[(14, "EMAIL"), (14, "SMS"), (16, "LETTER")]),
        (Some((15, ContactOutcome::NoAnswer)), Heard::Answered, &[(14, "EMAIL"), (15, "SMS"), (17, "LETTER")]),
    ];
    for (report, unless, wanted) in rows {
        let mut policy = consumer();
        policy.steps[0] = ruled(notify("reminder", 4), fallback(2, unless));
        let mut life = owing(policy);
        report.inspect(|(day, outcome)| life.report(*day, "reminder", *outcome));
        life.through(60);
        assert_eq!(told(&life), wanted, "{report:?} {unless:?}");
        assert_eq!(first_bar(&life), Some(BAR), "the ladder goes its way: {report:?}");
    }
}

#[test]
fn the_next_step_ends_the_search_for_another_way() {
    let mut policy = consumer();
    policy.steps[0] = ruled(notify("reminder", 4), fallback(9, Heard::Delivered));
    let mut life = owing(policy);
    life.through(60);
    assert_eq!(life.ways_of_all()[..2], [(14, "reminder", "EMAIL"), (21, "final", "EMAIL")]);
    assert_eq!(life.said.iter().filter(|c| &*c.step == "reminder").count(), 1);
}

#[test]
fn nothing_goes_another_way_while_a_promise_stops_all_or_too_little_is_owed() {
    let mut policy = consumer();
    policy.steps[0] = ruled(notify("reminder", 4), fallback(2, Heard::Delivered));
    let mut life = owing(policy.clone());
    life.through(14);
    life.happens(
        15,
        Body::Interaction(Interaction::PromiseMade {
            promise_id: "s1",
            amount: Minor::new(1_000),
            promised_on: Day::from_epoch(19),
        }),
    );
    life.through(24);
    // One day of two had passed.
    assert_eq!(life.ways_of_all(), [(14, "reminder", "EMAIL"), (21, "reminder", "SMS"), (23, "reminder", "LETTER")]);

    let mut life = owing(policy);
    life.through(14);
    life.happens(15, received("p1", 600, None));
    life.through(20);
    assert_eq!(life.ways_of_all(), [(14, "reminder", "EMAIL")]);
    // A bill that is overdue by the passing of days alone makes it enough again.
    life.bill(20, "b2", 600, 21);
    life.through(22);
    assert_eq!(life.ways_of_all()[1], (22, "reminder", "SMS"));
}

#[test]
fn what_may_lie_unsent_is_withdrawn_once_nothing_is_owed() {
    let rules = || ContactRules {
        withdraw: vec![Withdraw { channels: Channels::of(&[Channel::Email]), within_ms: 2 * DAY }],
        ..ContactRules::default()
    };
    // Paid on this day, and what was reported before.
    let rows = [(22, None, true), (23, None, false), (22, Some(ContactOutcome::Delivered), false)];
    for (day, report, wanted) in rows {
        let mut policy = consumer();
        policy.options.contact = Some(Box::new(rules()));
        let mut life = owing(policy);
        report.inspect(|outcome| life.report(21, "final", *outcome));
        life.happens(day, received("p1", 1_000, None));
        life.through(100);
        let withdrawn: Vec<_> = life.said.iter().filter(|c| matches!(c.action, Action::Withdraw { .. })).collect();
        assert_eq!(withdrawn.len(), usize::from(wanted), "{day} {report:?}");
        if let [one] = &withdrawn[..] {
            let Action::Withdraw { channel, cancels, .. } = &one.action else { panic!("a withdrawal") };
            assert_eq!((*channel, *cancels, &*one.step), (Channel::Email, life.said[1].id, "final"));
        }
        assert_eq!(life.account.awaited(), [], "{day} {report:?}");
    }
}

#[test]
fn a_warning_that_was_withdrawn_comes_again_where_its_debt_does() {
    let mut policy = consumer();
    policy.options.resumes.reversal = true;
    let withdraw = vec![Withdraw { channels: Channels::default(), within_ms: 2 * DAY }];
    policy.options.contact = Some(Box::new(ContactRules { withdraw, ..ContactRules::default() }));
    let mut life = owing(policy);
    life.through(21);
    life.happens(22, received("p1", 1_000, None));
    life.happens(30, taken_back("p1", 1_000));
    life.through(100);
    let finals: Vec<_> = life.ways_of_all().into_iter().filter(|(_, step, _)| *step == "final").collect();
    assert_eq!(finals, [(21, "final", "EMAIL"), (22, "final", "withdrawn"), (30, "final", "EMAIL")]);
    assert_eq!(first_bar(&life).map(|(day, ..)| day), Some(45));
}

#[test]
fn notices_go_first_where_the_customer_wants_them_or_answered_last() {
    let contact = |channel| Contact { channel, address: "alias".into(), consent: true };
    let who = |contacts: Vec<Contact>| Body::Profile(Box::new(Profile { contacts, ..customer() }));
    let rows = [
        (vec![], None, "EMAIL"),
        (vec![Channel::Letter, Channel::Email], None, "LETTER"),
        (vec![Channel::Voice, Channel::Sms], None, "SMS"),
        (vec![Channel::Letter, Channel::Email], Some(ContactOutcome::Opened), "SMS"),
        (vec![Channel::Letter, Channel::Email], Some(ContactOutcome::Delivered), "LETTER"),
    ];
    for (named, report, wanted) in rows {
        let mut policy = consumer();
        let rule = NoticeRule { by_preference: true, ..NoticeRule::default() };
        policy.steps[1] = ruled(notify("final", 11), rule);
        let mut life = Life::new(policy);
        life.happens(0, who(named.iter().copied().map(contact).collect()));
        life.bill(0, "b1", 1_000, 10);
        report.inspect(|outcome| {
            let contact = Interaction::ContactMade {
                command_id: None,
                outcome: *outcome,
                channel: Some(Channel::Sms),
                inbound: false,
                right_party: None,
            };
            life.happens(15, Body::Interaction(contact));
        });
        life.through(21);
        assert_eq!(life.ways_of_all()[1], (21, "final", wanted), "{named:?} {report:?}");
    }
}

#[test]
fn what_is_awaited_of_a_debt_that_is_gone_for_good_is_forgotten_with_it_at_once() {
    let mut policy = consumer();
    policy.options.resumes.reversal = true;
    policy.steps[0] = ruled(notify("reminder", 4), fallback(2, Heard::Delivered));
    let mut life = owing(policy);
    life.through(14);
    assert_eq!(life.account.awaited().len(), 1);
    life.happens(15, Body::BillCancelled { bill_id: "b1" });
    assert_eq!((life.account.awaited(), &life.account.aside), (&[][..], &None));
}

#[test]
fn what_was_answered_on_is_forgotten_with_the_profile_that_names_new_ways() {
    let contact = |channel| Contact { channel, address: "alias".into(), consent: true };
    let who = |channel| Body::Profile(Box::new(Profile { contacts: vec![contact(channel)], ..customer() }));
    let mut policy = consumer();
    policy.steps[1] = ruled(notify("final", 11), NoticeRule { by_preference: true, ..NoticeRule::default() });
    let mut life = Life::new(policy);
    life.happens(0, who(Channel::Email));
    life.bill(0, "b1", 1_000, 10);
    life.happens(
        15,
        Body::Interaction(Interaction::ContactMade {
            command_id: None,
            outcome: ContactOutcome::Answered,
            channel: Some(Channel::Sms),
            inbound: false,
            right_party: None,
        }),
    );
    life.happens(16, who(Channel::Letter));
    life.through(21);
    assert_eq!(life.ways_of_all()[1], (21, "final", "LETTER"));
}
