//! What contacts say: who opted out, what does not arrive, who was spoken to, and what others did.

use super::*;

fn contact(outcome: ContactOutcome, channel: Option<Channel>) -> Interaction<'static> {
    Interaction::ContactMade { command_id: None, outcome, channel, inbound: false, right_party: None }
}

fn of(life: &Life, n: usize, outcome: ContactOutcome) -> (String, ContactOutcome) {
    (life.said[n].id.to_string(), outcome)
}

impl Life {
    fn hears(&mut self, day: i64, what: Interaction<'_>) -> Outcome {
        self.happens(day, Body::Interaction(what))
    }

    /// What a channel says of a notice.
    fn reported(&mut self, day: i64, (id, outcome): &(String, ContactOutcome)) {
        let (command_id, outcome) = (Some(id.as_str()), *outcome);
        self.hears(
            day,
            Interaction::ContactMade { command_id, outcome, channel: None, inbound: false, right_party: None },
        );
    }

    fn channels(&self) -> Vec<Channel> {
        let notices = self.said.iter();
        notices
            .filter_map(|c| match c.action {
                Action::Notify { channel, .. } => Some(channel),
                _ => None,
            })
            .collect()
    }
}

fn by(step: Step, alternatives: &[Channel], must: bool) -> Step {
    let mut step =
        Step { rule: Some(Box::new(StepRule { alternatives: alternatives.to_vec(), ..StepRule::default() })), ..step };
    if let StepAction::Notify { mandatory, .. } = &mut step.action {
        *mandatory = must;
    }
    step
}

/// Mails, or else SMS, or else letters, on days 2, 4, 6 and 8 after the due date, which is day 10.
fn owing(mandatory: bool) -> Life {
    let steps = [("a", 2), ("b", 4), ("c", 6), ("d", 8)];
    let steps = steps.map(|(name, day)| by(notify(name, day), &[Channel::Sms, Channel::Letter], mandatory));
    let mut life = Life::new(Policy { steps: steps.to_vec(), ..consumer() });
    life.happens(0, profile(false));
    life.bill(0, "b1", 1_000, 10);
    life
}

#[test]
fn where_a_mail_bounces_the_next_notice_takes_another_way_until_one_arrives() {
    use Channel::{Email, Letter, Sms};
    let mut life = owing(true);
    life.until(at(13));
    let bounced = of(&life, 0, ContactOutcome::Bounced);
    life.reported(13, &bounced);
    life.until(at(15));
    let failed = of(&life, 1, ContactOutcome::WrongParty);
    // Its channel is that of the notice, which is not the first one of the step.
    life.reported(15, &failed);
    life.until(at(17));
    life.hears(17, contact(ContactOutcome::Delivered, Some(Email)));
    life.until(at(30));
    assert_eq!(life.channels(), [Email, Sms, Letter, Email]);
    assert_eq!(life.decided.iter().filter(|d| d.code == Code::ContactNoted).count(), 3);
}

#[test]
fn where_nothing_arrives_the_first_way_is_tried_all_the_same() {
    let mut life = owing(true);
    for way in [Channel::Email, Channel::Sms, Channel::Letter] {
        life.hears(1, contact(ContactOutcome::Failed, Some(way)));
    }
    life.until(at(13));
    assert_eq!(life.channels(), [Channel::Email]);
}

#[test]
fn an_opt_out_that_a_channel_reports_counts_for_what_is_not_mandatory() {
    use Channel::{Email, Sms};
    for (mandatory, expected) in [(false, [Email, Sms, Sms, Sms]), (true, [Email; 4])] {
        let mut life = owing(mandatory);
        life.until(at(13));
        let opted_out = of(&life, 0, ContactOutcome::OptedOut);
        life.reported(13, &opted_out);
        // Twice says no more, and a profile with the same ways says nothing new.
        life.reported(13, &opted_out);
        life.happens(14, profile(false));
        life.until(at(30));
        assert_eq!(life.channels(), expected);
    }
}

#[test]
fn who_opted_out_of_every_way_is_told_nothing() {
    let mut life = owing(false);
    for way in [Channel::Email, Channel::Sms, Channel::Letter] {
        life.hears(1, contact(ContactOutcome::OptedOut, Some(way)));
    }
    life.until(at(30));
    assert_eq!(life.channels(), []);
    assert_eq!(life.decided.iter().filter(|d| d.code == Code::NotNotifiedOptedOut).count(), 4);
}

#[test]
fn a_profile_with_other_ways_tells_anew_what_can_be_reached() {
    let mut life = owing(false);
    life.hears(1, contact(ContactOutcome::OptedOut, Some(Channel::Email)));
    life.hears(1, contact(ContactOutcome::Bounced, Some(Channel::Sms)));
    let contact = Contact { channel: Channel::Email, address: "new".into(), consent: true };
    life.happens(2, Body::Profile(Box::new(Profile { contacts: vec![contact], ..customer() })));
    assert!(life.account.aside.is_none());
    life.until(at(13));
    assert_eq!(life.channels(), [Channel::Email]);
}

#[test]
fn what_no_policy_asks_for_is_not_kept() {
    let mut life = Life::new(consumer());
    life.bill(0, "b1", 1_000, 10);
    let spoken = Interaction::ContactMade {
        command_id: None,
        outcome: ContactOutcome::Answered,
        channel: Some(Channel::Voice),
        inbound: true,
        right_party: Some(true),
    };
    for what in [contact(ContactOutcome::Bounced, Some(Channel::Email)), spoken, contact(ContactOutcome::Unknown, None)]
    {
        assert_eq!(life.hears(11, what), Outcome::Applied);
        assert!(life.account.aside.is_none());
    }
    life.hears(11, contact(ContactOutcome::OptedOut, Some(Channel::Email)));
    assert!(life.account.aside.is_some(), "but an opt-out is");
}

/// A policy that leaves who was spoken to alone for seven days, but for letters.
fn quiet() -> Policy {
    let rules = ContactRules {
        quiet: vec![Quiet { channels: Channels::of(&[Channel::Email, Channel::Sms]), for_ms: 7 * DAY }],
        ..ContactRules::default()
    };
    let steps = vec![notify("a", 2), notify("b", 6)];
    let options = Options { contact: Some(Box::new(rules)), ..Options::default() };
    Policy { steps, options, ..consumer() }
}

#[test]
fn who_was_spoken_to_is_left_alone_for_a_while() {
    use ContactOutcome::{Answered, NoAnswer, Unknown};
    // Outcome, channel, whether the customer made it, whether it was the customer, and whether it is a conversation.
    let rows = [
        (Answered, Some(Channel::Voice), false, Some(true), true),
        (Answered, Some(Channel::Ivr), false, None, true),
        (Answered, Some(Channel::Voice), false, Some(false), false),
        (Answered, Some(Channel::Email), false, Some(true), false),
        (Answered, Some(Channel::Email), true, Some(true), true),
        (Unknown, None, true, None, true),
        (NoAnswer, Some(Channel::Voice), false, None, false),
    ];
    for (outcome, channel, inbound, right_party, conversation) in rows {
        let mut life = Life::new(quiet());
        life.happens(0, profile(false));
        life.bill(0, "b1", 1_000, 10);
        life.hears(11, Interaction::ContactMade { command_id: None, outcome, channel, inbound, right_party });
        life.until(at(40));
        // The second one keeps its distance from the first, which comes six days late.
        let expected = if conversation { [(18, "a"), (22, "b")] } else { [(12, "a"), (16, "b")] };
        assert_eq!(life.diary(), expected, "{outcome:?} {channel:?} {inbound} {right_party:?}");
    }
}

#[test]
fn contacts_that_others_made_count_in_a_cap_and_the_customers_own_do_not() {
    let cap = Cap { channels: Channels::of(&[Channel::Email]), most: 2, within_ms: 7 * DAY };
    let mut policy = quiet();
    policy.options.contact = Some(Box::new(ContactRules { caps: vec![cap], ..ContactRules::default() }));
    for (inbound, channel, expected) in
        [(false, Channel::Email, (16, "a")), (true, Channel::Email, (12, "a")), (false, Channel::Voice, (12, "a"))]
    {
        let mut life = Life::new(policy.clone());
        life.happens(0, profile(false));
        life.bill(0, "b1", 1_000, 10);
        for day in [9, 11] {
            let (command_id, outcome, channel) = (None, ContactOutcome::Unknown, Some(channel));
            life.hears(day, Interaction::ContactMade { command_id, outcome, channel, inbound, right_party: None });
        }
        life.until(at(17));
        assert_eq!(life.diary()[0], expected, "{inbound} {channel:?}");
    }
}
