//! What an account says: commands, and the decisions that led to them.

use std::sync::Arc;

use uuid::Uuid;

use super::aside::Offered;
use super::ladder::Ladder;
use crate::{Action, Channel, Code, Command, Day, Decision, Id, Minor, Step, StepAction, command_id};

/// What a command or a decision is about.
pub(super) struct About {
    pub(super) amount_due: Minor,
    /// Oldest due date first.
    pub(super) bill_ids: Vec<Id>,
    /// 0: none.
    pub(super) cycle: u32,
}

impl Ladder<'_> {
    /// What a step tells the customer; `None`: the customer opted out of it.
    pub(super) fn notice(&self, step: &Step, announced_for: Option<Day>) -> Option<Action> {
        self.notice_on(step, self.channel_of(step)?, announced_for)
    }

    /// The same on a channel.
    pub(super) fn notice_on(&self, step: &Step, channel: Channel, announced_for: Option<Day>) -> Option<Action> {
        let StepAction::Notify { template, purpose, mandatory, .. } = &step.action else { return None };
        let profile = self.account.profile.as_deref();
        let (address, language) = self.addressed(channel);
        Some(Action::Notify {
            channel,
            address,
            template: template.clone(),
            language,
            payment_link: profile.and_then(|p| p.payment_link.clone()),
            purpose: purpose.clone(),
            mandatory: *mandatory,
            announced_for,
            offer: step.offer().map_or(Vec::new(), |offer| {
                let line = self.account.line;
                offer.instalments(self.dunned(line), self.zone.day_of(line))
            }),
            follows: None,
            localised: self.policy.options.localised,
        })
    }

    /// The alias by which a channel knows the customer, and the customer's language.
    pub(super) fn addressed(&self, channel: Channel) -> (Id, Id) {
        let profile = self.account.profile.as_deref();
        let contact = profile.and_then(|p| p.contacts.iter().find(|c| c.channel == channel));
        let address = contact.map_or_else(Id::default, |c| c.address.clone());
        (address, profile.map_or_else(|| "en".into(), |p| p.language.clone()))
    }

    /// Tells the customer, and remembers what it was told.
    pub(super) fn tell(&mut self, code: Code, step: &Step, way: Channel, action: Action) {
        let instalments = match &action {
            Action::Notify { offer, .. } => offer.clone(),
            _ => Vec::new(),
        };
        self.command(code, &step.name, action);
        self.note_sent(step, way);
        if !instalments.is_empty() {
            let sequence = self.account.sequence;
            self.account.aside_mut().offered = Some(Box::new(Offered { sequence, instalments }));
        }
    }

    pub(super) fn command(&mut self, code: Code, step: &Arc<str>, action: Action) {
        let at = self.account.line;
        let about = About {
            amount_due: self.dunned(at),
            bill_ids: self.dunned_bills(at).map(|b| b.id.clone()).collect(),
            cycle: self.account.cycles,
        };
        self.command_about(about, code, step, action);
    }

    /// A command, and the decision that led to it.
    pub(super) fn command_about(&mut self, about: About, code: Code, step: &Arc<str>, action: Action) {
        self.account.sequence += 1;
        let id = command_id(&self.account.id, self.account.sequence);
        let command = Command {
            id,
            sequence: self.account.sequence,
            decided_at: self.account.line,
            policy: self.policy.label.clone(),
            step: step.clone(),
            amount_due: about.amount_due,
            currency: self.account.currency,
            cycle: about.cycle,
            cause_event_id: self.cause.map(Id::from),
            bill_ids: about.bill_ids.clone(),
            action,
        };
        self.commands.push(command);
        self.decide_about(about, code, Some(step), Some((id, self.account.sequence)));
    }

    pub(super) fn decide(&mut self, code: Code, step: Option<&Arc<str>>, command: Option<(Uuid, u64)>) {
        let at = self.account.line;
        let about = About {
            amount_due: self.dunned(at),
            bill_ids: self.dunned_bills(at).map(|b| b.id.clone()).collect(),
            cycle: self.account.cycle.as_ref().map_or(0, |c| c.number),
        };
        self.decide_about(about, code, step, command);
    }

    fn decide_about(&mut self, about: About, code: Code, step: Option<&Arc<str>>, command: Option<(Uuid, u64)>) {
        self.account.decisions += 1;
        self.decisions.push(Decision {
            number: self.account.decisions,
            at: self.account.line,
            code,
            step: step.cloned(),
            command,
            amount_due: about.amount_due,
            minimum: self.minimum().unwrap_or(Minor::ZERO),
            bill_ids: about.bill_ids,
            policy: self.policy.label.clone(),
            cycle: about.cycle,
        });
    }
}
