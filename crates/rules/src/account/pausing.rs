//! What holds, promises and plans do to the ladder. While all of an account is stopped its clock stands still: what is
//! due later comes later by as much, and nothing comes in a burst.

use super::balance::{Moved, Rejected};
use super::ladder::Ladder;
use super::pause::{Pauses, Plan, Promise};
use crate::{
    AgreementRules, BelowMinimum, Body, Code, Day, Interaction, Minor, NoEffect, Outcome, Refusal, RestorationReason,
    Step, StepAction, Term, Timestamp,
};

/// A promise or a plan as it is proposed.
struct Proposed<'a> {
    rules: &'a AgreementRules,
    last_day: Option<Day>,
    parts: usize,
}

impl Ladder<'_> {
    /// Whether the policy takes a promise or a plan.
    pub(super) fn admit(&self, what: &Interaction<'_>, at: Timestamp) -> Moved {
        let rules = &self.policy.options.pauses;
        match what {
            Interaction::PromiseMade { promised_on, .. } => {
                let last_day = Some(*promised_on);
                self.accepts(&Proposed { rules: &rules.promises, last_day, parts: 1 }, at)
            }
            Interaction::PlanAgreed { instalments, .. } => {
                let planned: Minor = instalments.iter().map(|part| part.amount).sum();
                if instalments.is_empty() || planned < self.dunned(at) {
                    return Err(Refusal::PlanDoesNotSum.into());
                }
                let last_day = instalments.last().map(|part| part.due_on);
                if rules.plans.only_offered && !last_day.is_some_and(|last| self.is_offered(instalments.len(), last)) {
                    return Err(NoEffect::AgreementNotAllowed.into());
                }
                self.accepts(&Proposed { rules: &rules.plans, last_day, parts: instalments.len() }, at)
            }
            _ => Ok(()),
        }
    }

    fn accepts(&self, proposed: &Proposed<'_>, at: Timestamp) -> Moved {
        let Proposed { rules, last_day, parts } = proposed;
        let today = self.zone.day_of(at);
        let fits = rules.parts.is_none_or(|most| *parts <= usize::from(most))
            && rules.within_days.is_none_or(|days| last_day.is_none_or(|last| last <= today.plus(i32::from(days))))
            && rules
                .most
                .is_none_or(|(most, days)| self.accepted_since(today.plus(-i32::from(days))) < usize::from(most))
            && self.meets_all(&rules.when, at);
        if fits { Ok(()) } else { Err(NoEffect::AgreementNotAllowed.into()) }
    }

    /// True where a plan like this was offered in the cycle.
    fn is_offered(&self, parts: usize, ends_on: Day) -> bool {
        let sent = self.account.cycle.iter().flat_map(|cycle| &cycle.sent);
        let offers = sent.filter_map(|sent| Some((self.policy.steps.get(usize::from(sent.step))?.offer()?, sent.at)));
        offers.into_iter().any(|(offer, at)| offer.covers(parts, ends_on, self.zone.day_of(at)))
    }

    fn accepted_since(&self, day: Day) -> usize {
        self.account.pauses().map_or(0, |pauses| pauses.accepted.iter().filter(|accepted| **accepted > day).count())
    }

    /// What became of a promise, a plan or a hold.
    pub(super) fn note_interaction(&mut self, what: &Interaction<'_>, outcome: Outcome) {
        let code = match (what, outcome) {
            (_, Outcome::NoEffect(NoEffect::AgreementNotAllowed)) => Code::AgreementNotAccepted,
            (Interaction::PromiseMade { .. }, Outcome::Applied) => Code::PromiseAccepted,
            (Interaction::PlanAgreed { .. } | Interaction::OfferAnswered { accepted: true, .. }, Outcome::Applied) => {
                Code::PlanAccepted
            }
            (Interaction::OfferAnswered { .. }, Outcome::Applied) => Code::OfferDeclined,
            (Interaction::StateImported { .. }, Outcome::Applied) => Code::StateImported,
            (Interaction::HoldPlaced { .. }, Outcome::Applied) => Code::HoldPlaced,
            (Interaction::HoldReleased { .. }, Outcome::Applied) => Code::HoldEnded,
            (Interaction::PromiseCancelled { .. } | Interaction::PlanCancelled { .. }, Outcome::Applied) => {
                Code::AgreementCancelled
            }
            _ => return,
        };
        self.decide(code, None, None);
    }

    /// The day until which a payment that is on its way counts.
    pub(super) fn counts_until(&self, expected_by: Day, at: Timestamp) -> Result<Day, Rejected> {
        let most = self.policy.options.pauses.transit_days.ok_or(NoEffect::NotInPolicy)?;
        Ok(expected_by.min(self.zone.day_of(at).plus(i32::from(most))))
    }

    /// What was said of money that is on its way, or of what billing knows.
    pub(super) fn note_money(&mut self, body: &Body<'_>, outcome: Outcome) {
        let code = match (body, outcome) {
            (Body::PaymentInitiated { .. }, Outcome::Applied) => Code::PaymentAwaited,
            (Body::BalanceStated { .. }, Outcome::Applied) => {
                let differs = self.account.pauses().is_some_and(|pauses| pauses.drift.is_some());
                if differs { Code::BalanceDiffers } else { Code::BalanceAgrees }
            }
            // A payment that failed is on its way no longer, though it moves nothing.
            (Body::PaymentReceived { .. } | Body::PaymentFailed(_), _) => return self.account.arrived(body),
            _ => return,
        };
        self.decide(code, None, None);
    }

    /// Whether payments on their way are enough that no debt would keep a cycle; those that did not come no longer count.
    fn count_transit(&mut self) {
        let (line, zone) = (self.account.line, self.zone);
        let (owed, keeps) = (self.dunned(line), self.keeps());
        let Some(pauses) = self.account.pauses_mut() else { return };
        pauses.transit.retain(|transit| zone.end_of_day(transit.until) > line);
        let coming: Minor = pauses.transit.iter().map(|transit| transit.amount).sum();
        // Where nothing is owed yet there is nothing to wait for: it is looked at again when something is.
        pauses.covered = owed > Minor::ZERO && !pauses.transit.is_empty() && owed - coming < keeps;
    }

    /// After every event and at every deadline: what has ended by now ends, and what stops the account stops it. True
    /// where there was anything to look at.
    pub(super) fn settle_pauses(&mut self) -> bool {
        if self.account.pauses().is_none_or(Pauses::is_idle) && !self.is_contested() {
            return false;
        }
        self.end_holds();
        self.count_transit();
        self.judge_promises();
        self.judge_plan();
        let since = self.account.pauses().and_then(|pauses| pauses.since);
        match (self.account.stops().is_all() || self.is_contested(), since) {
            (true, _) => self.pause(since.is_none()),
            (false, Some(since)) => self.resume(since),
            (false, None) => {}
        }
        true
    }

    /// When something that stops the account ends by itself.
    pub(super) fn next_pause_end(&self) -> Option<Timestamp> {
        let pauses = self.account.pauses()?;
        let rules = &self.policy.options.pauses;
        let holds = pauses.holds.iter().filter_map(|hold| hold.until);
        let promises = pauses.promises.iter().map(|p| self.end_of(p.promised_on, &rules.promises));
        let plan = pauses.plan.as_ref().and_then(|plan| self.next_instalment(plan));
        let transit = pauses.transit.iter().map(|t| self.zone.end_of_day(t.until));
        // A dispute stops it no longer where enough is owed beside it.
        let contested = pauses.since.is_some() && !pauses.stops().is_all();
        let enough = contested.then(|| self.enough_from(self.account.line, false, None)).flatten();
        holds.chain(promises).chain(plan).chain(transit).chain(enough).min()
    }

    /// True where a dispute is why a cycle has less than the minimum: as nothing would be done anyway, its days are given back.
    fn is_contested(&self) -> bool {
        let account = &self.account;
        let waits = self.policy.shortcuts.below_minimum == BelowMinimum::Wait;
        if !waits || account.cycle.is_none() || account.disputes.iter().all(|dispute| dispute.resolved) {
            return false;
        }
        let owed = self.dunned(account.line);
        let due = |bill, left| account.due_of(bill, left, account.line, self.zone);
        let bills = account.bills.iter().filter(|bill| !account.is_held(bill));
        let contested: Minor = bills.map(|b| due(b, b.open()) - due(b, b.undisputed())).sum();
        owed >= self.keeps() && !self.is_enough(owed) && self.is_enough(owed + contested)
    }

    /// True where a notice is due that a hold does not let go; it waits.
    pub(super) fn is_silenced(&self, step: &Step) -> bool {
        matches!(step.action, StepAction::Notify { .. }) && self.account.stops().contacts
    }

    fn end_of(&self, day: Day, rules: &AgreementRules) -> Timestamp {
        self.zone.end_of_day(day.plus(i32::from(rules.grace_days)))
    }

    /// The end of the first day of a plan by which more has to be paid than was.
    fn next_instalment(&self, plan: &Plan) -> Option<Timestamp> {
        let rules = &self.policy.options.pauses.plans;
        let unpaid = |part: &&Term| !rules.is_kept(plan.paid, plan.due_by(part.due_on));
        plan.instalments.iter().find(unpaid).map(|part| self.end_of(part.due_on, rules))
    }

    fn end_holds(&mut self) {
        let line = self.account.line;
        let today = self.zone.day_of(line);
        let Some(pauses) = self.account.pauses_mut() else { return };
        let over = |until: Option<Timestamp>| until.is_some_and(|until| until <= line);
        let ended: Vec<_> = pauses.holds.extract_if(.., |hold| over(hold.until)).collect();
        for hold in ended {
            self.account.give_back(&hold.bills, hold.day, today);
            self.decide(Code::HoldEnded, None, None);
        }
    }

    fn judge_promises(&mut self) {
        let promises = self.account.pauses().map_or(Vec::new(), |pauses| pauses.promises.clone());
        for promise in promises {
            if let Some(kept) = self.judged(&promise) {
                self.close(kept, |pauses| pauses.promises.retain(|known| known.id != promise.id));
                self.decide(if kept { Code::PromiseKept } else { Code::PromiseBroken }, None, None);
            }
        }
    }

    /// Whether a promise was kept, once that is certain.
    fn judged(&self, promise: &Promise) -> Option<bool> {
        let rules = &self.policy.options.pauses.promises;
        if rules.is_kept(promise.paid, promise.amount) || self.account.is_settled() {
            return Some(true);
        }
        (self.end_of(promise.promised_on, rules) <= self.account.line).then_some(false)
    }

    fn judge_plan(&mut self) {
        let Some(plan) = self.account.pauses().and_then(|pauses| pauses.plan.clone()) else { return };
        let kept = match self.next_instalment(&plan) {
            _ if self.account.is_settled() => true,
            None => true,
            Some(end) if end <= self.account.line => false,
            Some(_) => return,
        };
        self.close(kept, |pauses| pauses.plan = None);
        self.decide(if kept { Code::PlanKept } else { Code::PlanBroken }, None, None);
    }

    fn close(&mut self, kept: bool, remove: impl FnOnce(&mut Pauses)) {
        let Some(pauses) = self.account.pauses_mut() else { return };
        remove(pauses);
        let count = if kept { &mut pauses.kept } else { &mut pauses.broken };
        *count = count.saturating_add(1);
    }

    /// Nothing is done from now on; `begins`: it was not so before.
    fn pause(&mut self, begins: bool) {
        if begins {
            self.account.aside_mut().pauses.since = Some(self.account.line);
            // A bar that waits for the gate falls due again when the account goes on.
            self.set_pending(None);
            self.decide(Code::Paused, None, None);
        }
        if let Some(reason) = self.restores() {
            self.lift_for_now(reason);
        }
    }

    /// Why bars are lifted for what stops the account, where the policy says so.
    fn restores(&self) -> Option<RestorationReason> {
        let rules = &self.policy.options.pauses;
        let pauses = self.account.pauses()?;
        let holds = || pauses.holds.iter().filter(|hold| hold.bills.is_empty() && hold.stops.is_all());
        if rules.plans.restores && pauses.plan.is_some() {
            Some(RestorationReason::Plan)
        } else if rules.promises.restores && !pauses.promises.is_empty() {
            Some(RestorationReason::Promise)
        } else if holds().any(|hold| rules.holds_restore.has(&hold.kind)) {
            Some(RestorationReason::Hold)
        } else {
            None
        }
    }

    fn lift_for_now(&mut self, reason: RestorationReason) {
        if self.is_terminated() {
            return;
        }
        let Some(cycle) = &mut self.account.cycle else { return };
        let bars = std::mem::take(&mut cycle.bars);
        let next = cycle.next;
        let first = bars.iter().map(|bar| bar.step).min().or_else(|| self.imported_as_far_as(next));
        let Some(first) = first else { return };
        if let Some(pauses) = self.account.pauses_mut() {
            pauses.back_to = Some(first);
        }
        self.lift_bars(&bars, reason);
    }

    /// The account goes on where it stood: all that is still to come comes later by the time it was stopped.
    fn resume(&mut self, since: Timestamp) {
        let by = self.account.line.since(since);
        let back_to = self.account.pauses_mut().and_then(|pauses| {
            pauses.since = None;
            pauses.back_to.take()
        });
        self.paused_since = Some(since);
        self.move_by(by);
        self.move_retries(since, by);
        back_to.into_iter().for_each(|step| self.go_back_to(step));
        self.decide(Code::Resumed, None, None);
    }

    /// All that is still to come comes later by so much.
    pub(super) fn move_by(&mut self, by: i64) {
        if let Some(step) = self.next_step().or(self.policy.steps.last()).cloned() {
            self.shift_bases(by, &step);
        }
        self.move_follow_ups(by);
    }

    /// The beginning of a cycle whose account was stopped until now: those days do not count.
    pub(super) fn without_pause(&self, from: Timestamp) -> Timestamp {
        let Some(since) = self.paused_since else { return from };
        from.plus(self.account.line.since(since.max(from)).max(0))
    }
}
