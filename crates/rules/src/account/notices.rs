//! What becomes of notices after they were sent: warnings that count only once they were served, notices that go another
//! way where nothing is heard of them, and messages that are withdrawn as their reason is gone.

use super::ladder::Ladder;
use crate::id::is_command;
use crate::{
    Account, Action, Channel, Code, ContactOutcome, Heard, Interaction, Policy, SentStep, ServedWhen, Step, StepAction,
    Timestamp, WarningRule, Zone, command_id,
};

/// Notices of the cycle of which it matters what becomes of them, and what the customer answers on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Notices {
    /// One for each step, in the order in which they were first sent.
    pub awaited: Vec<Awaited>,
    /// The channel on which the customer last opened, followed or answered something.
    pub answered: Option<Channel>,
}

/// A notice of which it matters what becomes of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Awaited {
    /// Index of its step.
    pub step: u16,
    /// The sequence of the command that sent it last.
    pub sequence: u64,
    /// When that was.
    pub at: Timestamp,
    /// The channels that it was sent on so far; the last one is that of the command. At least one.
    pub ways: Vec<Channel>,
    /// What is known of it.
    pub fate: Fate,
    /// When it is sent another way; `None`: it is not.
    pub again: Option<Timestamp>,
}

/// What is known of a notice that was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Nothing.
    Unheard,
    /// It arrived, as was reported at this instant.
    Arrived(Timestamp),
    /// It did not arrive.
    Lost,
}

impl Account {
    /// Notices of which it matters what becomes of them.
    #[must_use]
    pub fn awaited(&self) -> &[Awaited] {
        self.aside.as_ref().and_then(|aside| aside.notices.as_ref()).map_or(&[], |notices| &notices.awaited)
    }

    /// When a notice counts as a warning: may lie ahead; `None`: it does not, for all that is known.
    pub(crate) fn served_at(&self, policy: &Policy, zone: Zone, sent: &SentStep) -> Option<Timestamp> {
        let rule = policy.steps.get(usize::from(sent.step)).map_or(ServedWhen::Sent, |step| step.notice().served);
        // One of which nothing is remembered was sent when nothing had to be: it counts as it did then.
        let fate = || self.awaited().iter().find(|known| known.step == sent.step).map(|known| known.fate);
        match rule {
            ServedWhen::Sent => Some(sent.at),
            ServedWhen::Delivered => match fate() {
                Some(Fate::Arrived(at)) => Some(at),
                Some(Fate::Unheard | Fate::Lost) => None,
                None => Some(sent.at),
            },
            ServedWhen::NotBounced { .. } if fate() == Some(Fate::Lost) => None,
            ServedWhen::NotBounced { days } => Some(zone.days_later(sent.at, i32::from(days))),
        }
    }

    fn awaited_mut(&mut self) -> &mut Vec<Awaited> {
        &mut self.aside_mut().notices.get_or_insert_default().awaited
    }

    /// Forgets notices of steps that count no longer: at the end of every transition.
    pub(super) fn tidy_notices(&mut self) {
        let Some(aside) = self.aside.as_mut() else { return };
        let Some(notices) = &mut aside.notices else { return };
        let last = aside.suspended.as_ref().map(|last| &last.cycle);
        let cycles = || self.cycle.iter().chain(last);
        notices.awaited.retain(|known| cycles().any(|c| c.sent.iter().any(|sent| sent.step == known.step)));
        aside.notices.take_if(|notices| **notices == Notices::default());
    }
}

impl Ladder<'_> {
    /// When the warning of a bar counts; `None`: it was not sent in the cycle, or does not count.
    pub(super) fn warned_at(&self, rule: WarningRule) -> Option<Timestamp> {
        let sent = super::ladder::warning_sent(self.account.cycle.as_ref()?, &rule)?;
        self.account.served_at(&self.policy, self.zone, sent)
    }

    /// How long after a warning was sent it counts, as far as is known by then.
    pub(super) fn served_after(&self, warning: &Step, sent: Timestamp) -> Timestamp {
        match warning.notice().served {
            ServedWhen::NotBounced { days } => self.zone.days_later(sent, i32::from(days)),
            ServedWhen::Sent | ServedWhen::Delivered => sent,
        }
    }

    /// Remembers a notice that was sent, where it matters what becomes of it. What came before it is not sent another way
    /// any more, unless a bar needs it.
    pub(super) fn await_notice(&mut self, step: &Step, place: u16, way: Channel) {
        let rule = step.notice();
        let withdrawn = self.policy.options.contact.as_ref().is_some_and(|c| c.withdrawn_within(way).is_some());
        if self.account.awaited().is_empty() && !rule.awaits() && !withdrawn {
            return;
        }
        let policy = self.policy.clone();
        let counts =
            |step: u16| policy.steps.get(usize::from(step)).is_some_and(|s| s.notice().served != ServedWhen::Sent);
        let (at, sequence) = (self.account.line, self.account.sequence);
        let again = rule.fallback.map(|fallback| at.plus(fallback.after_ms));
        let known = self.account.awaited_mut();
        known.retain(|known| known.step != place);
        known.iter_mut().filter(|known| !counts(known.step)).for_each(|known| known.again = None);
        if rule.awaits() || withdrawn {
            known.push(Awaited { step: place, sequence, at, ways: vec![way], fate: Fate::Unheard, again });
        }
    }

    /// What a contact says of a notice that is awaited.
    pub(super) fn hear(&mut self, contact: &Interaction<'_>) {
        let &Interaction::ContactMade { command_id: Some(command), outcome, right_party, .. } = contact else { return };
        let of = |known: &Awaited| is_command(&self.account.id, known.sequence, command);
        let Some(place) = self.account.awaited().iter().position(of) else { return };
        let (line, policy) = (self.account.line, self.policy.clone());
        let known = &mut self.account.awaited_mut()[place];
        let Some(step) = policy.steps.get(usize::from(known.step)) else { return };
        let (before, rule) = (known.fate, step.notice());
        match heard(outcome, right_party) {
            Some(Some(heard)) => {
                if before == Fate::Unheard {
                    known.fate = Fate::Arrived(line);
                }
                if rule.fallback.is_none_or(|fallback| heard == Heard::Answered || fallback.unless == Heard::Delivered)
                {
                    known.again = None;
                }
            }
            Some(None) if !is_final(rule.served, known, line, self.zone) => {
                known.fate = Fate::Lost;
                known.again = rule.awaits().then_some(line);
            }
            // Nobody was there: that is silence, and known at once.
            None if outcome == ContactOutcome::NoAnswer && rule.fallback.is_some() => known.again = Some(line),
            _ => {}
        }
        let after = known.fate;
        if before != after && rule.awaits() {
            let code = if after == Fate::Lost { Code::NoticeLost } else { Code::NoticeArrived };
            self.decide(code, Some(&step.name), None);
        }
    }

    /// When the next notice is sent another way.
    pub(super) fn next_follow_up(&self) -> Option<Timestamp> {
        if self.account.awaited().is_empty() || self.account.is_paused() || self.account.stops().contacts {
            return None;
        }
        self.account.cycle.as_ref()?;
        let due = self.account.awaited().iter().filter_map(|known| self.follow_up_at(known)).min()?;
        // It tells of a debt: where less than the minimum is owed it waits for more.
        self.enough_from(self.account.line, true, None).map(|enough| enough.max(due))
    }

    /// When a notice is sent another way, as the hours of that way and the caps allow it.
    fn follow_up_at(&self, known: &Awaited) -> Option<Timestamp> {
        let again = known.again?;
        let way = self.next_way(self.policy.steps.get(usize::from(known.step))?, &known.ways)?;
        let at = again.max(self.account.line);
        Some(if self.policy.options.contact.is_none() { at } else { self.free_on(way, at) })
    }

    /// The first channel of a notice that was not tried and on which the customer can be reached.
    fn next_way(&self, step: &Step, tried: &[Channel]) -> Option<Channel> {
        let StepAction::Notify { mandatory, .. } = step.action else { return None };
        self.ways(step).into_iter().find(|way| !tried.contains(way) && self.is_open(*way, mandatory))
    }

    /// Sends notices another way that are due at the present instant; true where any could be.
    pub(super) fn follow_up(&mut self) -> bool {
        if self.account.awaited().iter().all(|known| known.again.is_none()) {
            return false;
        }
        let line = self.account.line;
        for _ in 0..self.account.awaited().len() {
            if self.next_follow_up().is_none_or(|at| at > line) {
                break;
            }
            let due = |known: &Awaited| self.follow_up_at(known).is_some_and(|at| at <= line);
            let Some(place) = self.account.awaited().iter().position(due) else { break };
            self.send_another_way(place);
        }
        true
    }

    fn send_another_way(&mut self, place: usize) {
        let known = self.account.awaited()[place].clone();
        let policy = self.policy.clone();
        let Some(step) = policy.steps.get(usize::from(known.step)) else { return };
        let Some(way) = self.next_way(step, &known.ways) else { return };
        let (rule, counts) = (step.notice(), step.notice().served != ServedWhen::Sent);
        let named = self.account.cycle.as_ref().and_then(|c| c.sent.iter().find(|sent| sent.step == known.step));
        let first = named.and_then(|sent| sent.announced_for);
        let announced = if counts { self.announced_by(usize::from(known.step)).max(first) } else { first };
        let Some(mut action) = self.notice_on(step, way, announced) else { return };
        if let Action::Notify { follows, .. } = &mut action {
            *follows = Some(command_id(&self.account.id, known.sequence));
        }
        self.tell(Code::NotifiedAnotherWay, step, way, action);
        let (at, sequence) = (self.account.line, self.account.sequence);
        if counts
            && let Some(cycle) = &mut self.account.cycle
            && let Some(sent) = cycle.sent.iter_mut().find(|sent| sent.step == known.step)
        {
            *sent = SentStep { step: known.step, at, sequence, announced_for: announced };
        }
        let known = &mut self.account.awaited_mut()[place];
        (known.sequence, known.at, known.fate) = (sequence, at, Fate::Unheard);
        known.ways.push(way);
        known.again = rule.fallback.map(|fallback| at.plus(fallback.after_ms));
    }

    /// Notices that are to be sent another way come later by so much.
    pub(super) fn move_follow_ups(&mut self, by: i64) {
        if self.account.awaited().is_empty() {
            return;
        }
        for known in self.account.awaited_mut() {
            known.again = known.again.map(|again| again.plus(by));
        }
    }

    /// The cycle ends: messages that may still lie unsent are withdrawn. The first step of them; `None`: there are none.
    pub(super) fn withdraw(&mut self) -> Option<u16> {
        let policy = self.policy.clone();
        let rules = policy.options.contact.as_deref().filter(|rules| !rules.withdraw.is_empty())?;
        let line = self.account.line;
        let unsent = |known: &&Awaited| {
            let way = known.ways.last().and_then(|way| rules.withdrawn_within(*way));
            known.fate == Fate::Unheard && way.is_some_and(|within| line.since(known.at) < within)
        };
        let unsent: Vec<Awaited> = self.account.awaited().iter().filter(unsent).cloned().collect();
        for known in &unsent {
            let Some(step) = policy.steps.get(usize::from(known.step)) else { continue };
            let Some(&channel) = known.ways.last() else { continue };
            let cancels = command_id(&self.account.id, known.sequence);
            let (address, language) = self.addressed(channel);
            self.command(Code::Withdrawn, &step.name, Action::Withdraw { channel, address, language, cancels });
        }
        unsent.iter().map(|known| known.step).min()
    }
}

/// What a report says of a notice: it arrived and how, it did not (`Some(None)`), or neither.
fn heard(outcome: ContactOutcome, right_party: Option<bool>) -> Option<Option<Heard>> {
    match outcome {
        ContactOutcome::Answered if right_party == Some(false) => Some(None),
        ContactOutcome::Delivered => Some(Some(Heard::Delivered)),
        // Who refuses more of it was reached by it.
        ContactOutcome::Opened | ContactOutcome::Clicked | ContactOutcome::Answered | ContactOutcome::OptedOut => {
            Some(Some(Heard::Answered))
        }
        ContactOutcome::Bounced | ContactOutcome::Failed | ContactOutcome::Expired | ContactOutcome::WrongParty => {
            Some(None)
        }
        ContactOutcome::Unknown | ContactOutcome::NoAnswer => None,
    }
}

/// True where a notice was served, whatever is reported of it later.
fn is_final(served: ServedWhen, known: &Awaited, line: Timestamp, zone: Zone) -> bool {
    match served {
        ServedWhen::NotBounced { days } => zone.days_later(known.at, i32::from(days)) <= line,
        ServedWhen::Sent | ServedWhen::Delivered => matches!(known.fate, Fate::Arrived(_)),
    }
}
