//! How a customer can be reached: what channels reported since the profile was written, and when they were spoken to.

use super::ladder::Ladder;
use crate::id::is_command;
use crate::{Account, Channel, Code, ContactOutcome, Interaction, Step, StepAction, Timestamp};

/// Only so many of the last notices that went another way than planned are remembered.
const NOTICES_MAX: usize = 8;

/// What is known of the ways to a customer beyond the profile.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reach {
    /// The customer wants nothing on these, as a channel reported since the last profile.
    pub opted_out: Vec<Channel>,
    /// Nothing arrives on these.
    pub unreachable: Vec<Channel>,
    /// When the customer was last spoken to.
    pub conversed: Option<Timestamp>,
    /// Sequence and channel of notices that went another way than their step says first, the earliest first.
    pub notices: Vec<(u64, Channel)>,
}

impl Account {
    /// What is known of the ways to the customer, where anything is.
    #[must_use]
    pub fn reach(&self) -> Option<&Reach> {
        Some(&self.aside.as_ref()?.reach)
    }

    /// A new profile tells anew what can be reached and what is preferred; when the customer was spoken to, it does not.
    pub(super) fn forget_reports(&mut self) {
        let Some(aside) = &mut self.aside else { return };
        if let Some(notices) = &mut aside.notices {
            notices.answered = None;
        }
        aside.reach.opted_out.clear();
        aside.reach.unreachable.clear();
    }
}

impl Ladder<'_> {
    /// The channel that a notice takes: the first of those of its step on which the customer can be reached. `None`: the
    /// customer opted out of all that could be.
    pub(super) fn channel_of(&self, step: &Step) -> Option<Channel> {
        let StepAction::Notify { channel, mandatory, .. } = step.action else { return None };
        if step.alternatives().is_empty() {
            return (mandatory || self.consents(channel)).then_some(channel);
        }
        let ways = self.ways(step);
        let open = ways.iter().find(|way| self.is_open(**way, mandatory));
        // Where nothing arrives, it is tried all the same: the report may be wrong, and the attempt counts.
        open.or_else(|| ways.iter().find(|way| mandatory || self.consents(**way))).copied()
    }

    /// The channels of a notice in the order in which they are tried.
    pub(super) fn ways(&self, step: &Step) -> Vec<Channel> {
        let StepAction::Notify { channel, .. } = step.action else { return Vec::new() };
        let mut ways: Vec<_> = std::iter::once(channel).chain(step.alternatives().iter().copied()).collect();
        if step.notice().by_preference {
            let contacts = self.account.profile.as_deref().map_or(&[][..], |profile| &profile.contacts);
            let answered = self.account.aside.as_ref().and_then(|aside| aside.notices.as_ref()?.answered);
            let place = |way: &Channel| contacts.iter().position(|contact| contact.channel == *way);
            // What was answered last comes first; what the customer does not name keeps the policy's order, behind the others.
            ways.sort_by_key(|way| if answered == Some(*way) { 0 } else { place(way).map_or(usize::MAX, |n| n + 1) });
        }
        ways
    }

    /// True where a notice can go a way: the customer wants it or must be told, and something arrives.
    pub(super) fn is_open(&self, way: Channel, mandatory: bool) -> bool {
        (mandatory || self.consents(way)) && self.account.reach().is_none_or(|reach| !reach.unreachable.contains(&way))
    }

    fn consents(&self, way: Channel) -> bool {
        let contacts = self.account.profile.as_deref().map_or(&[][..], |profile| &profile.contacts);
        let refused = contacts.iter().find(|contact| contact.channel == way).is_some_and(|contact| !contact.consent);
        !refused && self.account.reach().is_none_or(|reach| !reach.opted_out.contains(&way))
    }

    /// Remembers a notice that was sent: for the caps, and where it went another way than its step says first.
    pub(super) fn note_sent(&mut self, step: &Step, way: Channel) {
        self.note_contact(way);
        let first = matches!(step.action, StepAction::Notify { channel, .. } if channel == way);
        if first {
            return;
        }
        let sequence = self.account.sequence;
        let notices = &mut self.account.aside_mut().reach.notices;
        notices.push((sequence, way));
        let over = notices.len().saturating_sub(NOTICES_MAX);
        notices.drain(..over);
    }

    /// What a contact says of the ways to the customer, as far as the policy asks for it.
    pub(super) fn note_contact_made(&mut self, contact: &Interaction<'_>) {
        let &Interaction::ContactMade { command_id, outcome, channel, inbound, right_party } = contact else { return };
        let way = channel.or_else(|| self.way_of(command_id?));
        self.hear(contact);
        if command_id.is_none()
            && !inbound
            && let Some(way) = way
        {
            self.note_contact(way);
        }
        let changed = match (outcome, way) {
            (ContactOutcome::OptedOut, Some(way)) => self.report(|reach| &mut reach.opted_out, way, true),
            (ContactOutcome::Bounced | ContactOutcome::Failed | ContactOutcome::WrongParty, Some(way)) => {
                self.has_alternatives() && self.report(|reach| &mut reach.unreachable, way, true)
            }
            (ContactOutcome::Delivered | ContactOutcome::Opened | ContactOutcome::Clicked, Some(way)) => {
                self.report(|reach| &mut reach.unreachable, way, false)
            }
            (ContactOutcome::Answered, Some(way)) => {
                let spoken = self.converse(inbound || is_spoken(way), right_party);
                self.report(|reach| &mut reach.unreachable, way, false) || spoken
            }
            (_, _) if inbound => self.converse(true, right_party),
            _ => false,
        };
        let prefers = match (outcome, way) {
            (ContactOutcome::Opened | ContactOutcome::Clicked | ContactOutcome::Answered, Some(way)) => {
                right_party != Some(false) && self.prefer(way)
            }
            _ => false,
        };
        if changed || prefers {
            self.decide(Code::ContactNoted, None, None);
        }
    }

    /// The customer answered on a channel; true where that changes which way notices go first.
    fn prefer(&mut self, way: Channel) -> bool {
        if !self.policy.steps.iter().chain(&self.policy.options.before_due).any(|step| step.notice().by_preference) {
            return false;
        }
        let notices = self.account.aside_mut().notices.get_or_insert_default();
        notices.answered.replace(way) != Some(way)
    }

    /// The channel of a notice of the present cycle.
    fn way_of(&self, command: &str) -> Option<Channel> {
        let is = |sequence: u64| is_command(&self.account.id, sequence, command);
        let notices = self.account.reach().map_or(&[][..], |reach| &reach.notices);
        if let Some((_, way)) = notices.iter().find(|(sequence, _)| is(*sequence)) {
            return Some(*way);
        }
        let sent = self.account.cycle.as_ref()?.sent.iter().find(|sent| is(sent.sequence))?;
        match self.policy.steps.get(usize::from(sent.step))?.action {
            StepAction::Notify { channel, .. } => Some(channel),
            StepAction::Bar { .. } | StepAction::WriteOff { .. } => None,
        }
    }

    fn has_alternatives(&self) -> bool {
        self.policy.steps.iter().chain(&self.policy.options.before_due).any(|step| !step.alternatives().is_empty())
    }

    /// Puts a channel on a list, or takes it off; true where that changes the list.
    fn report(&mut self, list: impl Fn(&mut Reach) -> &mut Vec<Channel>, way: Channel, on: bool) -> bool {
        let list = list(&mut self.account.aside_mut().reach);
        let was = list.contains(&way);
        match (was, on) {
            (false, true) => list.push(way),
            (true, false) => list.retain(|known| *known != way),
            _ => {}
        }
        was != on
    }

    /// The customer was spoken to; true where the policy leaves them alone for it.
    fn converse(&mut self, spoken: bool, right_party: Option<bool>) -> bool {
        let asks = self.policy.options.contact.as_ref().is_some_and(|rules| !rules.quiet.is_empty());
        if !spoken || right_party == Some(false) || !asks {
            return false;
        }
        self.account.aside_mut().reach.conversed = Some(self.account.line);
        true
    }
}

/// True where an answer is a conversation.
const fn is_spoken(way: Channel) -> bool {
    matches!(way, Channel::Voice | Channel::Ivr)
}
