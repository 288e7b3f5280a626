//! Payments that failed and are collected again: on the days that the policy names, never after a decline that is final,
//! never more than failed and never more than is owed of what it was for.

use super::ladder::Ladder;
use super::say::About;
use crate::id::is_command;
use crate::{Account, Action, Body, Code, Day, Failed, Id, Minor, NoRetry, Outcome, RetryRules, Timestamp, Zone};

/// The most payments that an account has being collected again at a time.
const RETRIES_MAX: usize = 8;

/// What commands say in the place of a step.
const STEP: &str = "retry";

/// A payment that failed and is to be collected again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retry {
    /// The payment that failed first.
    pub payment: Id,
    /// How it was to be paid.
    pub method: Id,
    /// What failed to come.
    pub amount: Minor,
    /// It was for what is due up to this day.
    pub due_by: Day,
    /// How many attempts were asked for.
    pub attempts: u16,
    /// The sequence of the command that asked for the last one; 0: none was.
    pub sequence: u64,
    /// What it waits for.
    pub state: RetryState,
}

/// What a payment that failed waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetryState {
    /// For the next attempt, at this instant.
    Planned(Timestamp),
    /// For what becomes of an attempt, which was to collect so much.
    Asked(Minor),
}

impl Retry {
    fn planned(&self) -> Option<Timestamp> {
        match self.state {
            RetryState::Planned(at) => Some(at),
            RetryState::Asked(_) => None,
        }
    }

    /// True where a command is that of the last attempt.
    fn was_asked_by(&self, account: &str, command: Option<&str>) -> bool {
        self.sequence > 0 && command.is_some_and(|id| is_command(account, self.sequence, id))
    }

    fn asked(&self) -> Minor {
        match self.state {
            RetryState::Planned(_) => Minor::ZERO,
            RetryState::Asked(amount) => amount,
        }
    }
}

impl Account {
    /// The payments that failed and are collected again, the one that failed first before the others.
    #[must_use]
    pub fn retries(&self) -> &[Retry] {
        self.aside.as_ref().map_or(&[], |aside| &aside.retries)
    }

    /// What may be dunned and is due by the end of a day.
    fn dunnable_by(&self, day: Day, zone: Zone) -> Minor {
        let by = zone.end_of_day(day);
        self.bills.iter().map(|bill| self.due_at(bill, by, zone)).sum()
    }

    /// What is left to pay by the end of a day, disputed or held or not.
    fn open_by(&self, day: Day, zone: Zone) -> Minor {
        let by = zone.end_of_day(day);
        let bills = self.bills.iter().filter(|bill| !self.is_charge(&bill.id));
        bills.map(|bill| self.due_of(bill, bill.open(), by, zone)).sum()
    }

    /// The last day on which any of so much is due, if the bills are paid in the order of their days; `None`: nothing is
    /// owed.
    fn paid_up_to(&self, amount: Minor, zone: Zone) -> Option<Day> {
        let days = self.due_days();
        let reaches = |day: &&Day| self.dunnable_by(**day, zone) >= amount;
        let day = *days.iter().find(reaches).or(days.last())?;
        (self.dunnable_by(day, zone) > Minor::ZERO).then_some(day)
    }

    /// Another attempt is on its way that the account did not know of.
    pub(super) fn note_retried(&mut self, payment: &str, attempt: u16, amount: Minor, sequence: u64) {
        let Some(aside) = &mut self.aside else { return };
        let behind = |r: &&mut Retry| *r.payment == *payment && r.attempts < attempt;
        if let Some(retry) = aside.retries.iter_mut().find(behind) {
            (retry.attempts, retry.sequence, retry.state) = (attempt, sequence, RetryState::Asked(amount));
        }
    }

    /// A payment came, under its own name or that of the command that asked for it: it needs no other attempt.
    fn end_retry(&mut self, payment: &str, command: Option<&str>) {
        let id = self.id.clone();
        if let Some(aside) = &mut self.aside {
            aside.retries.retain(|retry| *retry.payment != *payment && !retry.was_asked_by(&id, command));
        }
    }
}

impl Ladder<'_> {
    /// What a payment that came or failed means for those that are collected again.
    pub(super) fn note_collected(&mut self, body: &Body<'_>, outcome: Outcome) {
        match body {
            _ if outcome != Outcome::Applied => {}
            Body::PaymentReceived { payment_id, command_id, .. } => self.account.end_retry(payment_id, *command_id),
            Body::PaymentFailed(failed) => self.note_failed(failed),
            _ => {}
        }
    }

    /// What becomes of a payment that failed.
    fn note_failed(&mut self, failed: &Failed<'_>) {
        let policy = self.policy.clone();
        let Some(rules) = &policy.options.retries else { return };
        let known = self.take_known(failed);
        match self.plan(rules, failed, known) {
            Ok(retry) => {
                self.account.aside_mut().retries.push(retry);
                self.decide(Code::RetryPlanned, None, None);
            }
            Err(why) => self.decide(Code::NotRetried(why), None, None),
        }
    }

    /// The payment that an attempt was for: by the command that asked for it, or because it failed before.
    fn take_known(&mut self, failed: &Failed<'_>) -> Option<Retry> {
        let id = self.account.id.clone();
        let retries = &mut self.account.aside.as_mut()?.retries;
        let answers =
            |retry: &Retry| *retry.payment == *failed.payment_id || retry.was_asked_by(&id, failed.command_id);
        retries.iter().position(answers).map(|at| retries.remove(at))
    }

    fn plan(&mut self, rules: &RetryRules, failed: &Failed<'_>, known: Option<Retry>) -> Result<Retry, NoRetry> {
        if rules.is_final(failed) {
            return Err(NoRetry::Final);
        }
        if !rules.takes(failed.method) {
            return Err(NoRetry::Method);
        }
        let known = match known {
            Some(known) => known,
            None => self.begin(failed)?,
        };
        let after = rules.after_ms.get(usize::from(known.attempts)).ok_or(NoRetry::Spent)?;
        let at = self.retry_in_the_day(rules, self.account.line.plus(*after));
        Ok(Retry { state: RetryState::Planned(at), ..known })
    }

    fn begin(&mut self, failed: &Failed<'_>) -> Result<Retry, NoRetry> {
        let owed = self.account.currency == Some(failed.currency);
        let due_by = self.account.paid_up_to(failed.amount, self.zone).filter(|_| owed).ok_or(NoRetry::NothingOwed)?;
        let retries = &mut self.account.aside_mut().retries;
        if retries.len() >= RETRIES_MAX {
            // Of an attempt nobody may ever say what became.
            let asked = retries.iter().position(|retry| retry.planned().is_none()).ok_or(NoRetry::TooMany)?;
            retries.remove(asked);
        }
        let (payment, method) = (failed.payment_id.into(), failed.method.into());
        let state = RetryState::Planned(self.account.line);
        Ok(Retry { payment, method, amount: failed.amount, due_by, attempts: 0, sequence: 0, state })
    }

    fn retry_in_the_day(&self, rules: &RetryRules, at: Timestamp) -> Timestamp {
        rules.time_of_day.map_or(at, |minutes| at.max(self.zone.at(self.zone.day_of(at), minutes)))
    }

    /// What the next attempt for a payment would collect: what failed, but no more than is owed of what it was for, other
    /// attempts and payments on their way aside.
    fn collectable(&self, retry: &Retry) -> Minor {
        let account = &self.account;
        let asked: Minor = account.retries().iter().map(Retry::asked).sum();
        let coming: Minor =
            account.pauses().map_or(Minor::ZERO, |pauses| pauses.transit.iter().map(|transit| transit.amount).sum());
        retry.amount.min((account.dunnable_by(retry.due_by, self.zone) - asked - coming).or_zero())
    }

    /// After every event and at every deadline: what is no longer owed is not collected. True where anything was planned.
    pub(super) fn settle_retries(&mut self) -> bool {
        if self.account.retries().is_empty() {
            return false;
        }
        let (known, zone) = (self.policy.options.retries.is_some(), self.zone);
        let over: Vec<Day> = self.account.retries().iter().map(|retry| retry.due_by).collect();
        let over = over.into_iter().map(|day| !known || self.account.open_by(day, zone) == Minor::ZERO);
        let mut over = over.collect::<Vec<_>>().into_iter();
        let Some(aside) = &mut self.account.aside else { return false };
        let before = aside.retries.len();
        aside.retries.retain(|_| !over.next().unwrap_or(false));
        let why = if known { NoRetry::NothingOwed } else { NoRetry::NotInPolicy };
        for _ in aside.retries.len()..before {
            self.decide(Code::NotRetried(why), None, None);
        }
        true
    }

    /// When the next attempt comes; `None` while nothing is to be collected or all of the account is stopped.
    pub(super) fn next_retry(&self) -> Option<Timestamp> {
        let rules = self.policy.options.retries.as_deref()?;
        if self.account.retries().is_empty() || self.account.is_paused() {
            return None;
        }
        let worth = self.account.retries().iter().filter(|retry| self.collectable(retry) > Minor::ZERO);
        worth.filter_map(Retry::planned).map(|at| self.retry_due(rules, at)).min()
    }

    /// One that comes late keeps its time of day.
    fn retry_due(&self, rules: &RetryRules, at: Timestamp) -> Timestamp {
        if at < self.account.line { self.retry_in_the_day(rules, self.account.line) } else { at }
    }

    /// Asks for the attempts that are due at the present instant.
    pub(super) fn retry(&mut self) {
        let policy = self.policy.clone();
        let Some(rules) = &policy.options.retries else { return };
        if self.account.is_paused() {
            return;
        }
        for place in 0..self.account.retries().len() {
            let Some(retry) = self.account.retries().get(place).cloned() else { return };
            let due = retry.planned().is_some_and(|at| self.retry_due(rules, at) <= self.account.line);
            let amount = self.collectable(&retry);
            if due && amount > Minor::ZERO {
                self.ask_again(place, retry, amount);
            }
        }
    }

    fn ask_again(&mut self, place: usize, retry: Retry, amount: Minor) {
        let attempt = retry.attempts.saturating_add(1);
        let by = self.zone.end_of_day(retry.due_by);
        let due = self.account.bills.iter().filter(|bill| self.account.due_at(bill, by, self.zone) > Minor::ZERO);
        let about = About {
            amount_due: amount,
            bill_ids: due.map(|bill| bill.id.clone()).collect(),
            cycle: self.account.cycle.as_ref().map_or(0, |cycle| cycle.number),
        };
        let Retry { payment, method, .. } = retry;
        let action = Action::Retry { payment, method, attempt, not_before: self.account.line };
        self.command_about(about, Code::Retried, &STEP.into(), action);
        let sequence = self.account.sequence;
        if let Some(retry) = self.account.aside_mut().retries.get_mut(place) {
            (retry.attempts, retry.sequence, retry.state) = (attempt, sequence, RetryState::Asked(amount));
        }
    }

    /// The attempts that were to come while all of the account was stopped come later by as much.
    pub(super) fn move_retries(&mut self, since: Timestamp, by: i64) {
        let Some(aside) = &mut self.account.aside else { return };
        for retry in &mut aside.retries {
            if let RetryState::Planned(at) = &mut retry.state
                && *at >= since
            {
                *at = at.plus(by);
            }
        }
    }
}
