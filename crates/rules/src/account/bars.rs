//! Bars: how one that fell due waits, is looked at again, and goes.

use super::ladder::{Ladder, warning_sent};
use crate::{
    Action, BarInForce, BarLevel, Code, Hold, PendingBar, ServedWhen, Step, StepAction, Timestamp, WarningRule,
    command_id,
};

impl Ladder<'_> {
    /// The bar that waits may go: everything that decides was read. It is decided afresh.
    pub(super) fn clear(&mut self) {
        let at = self.account.line;
        let Some((pending, next)) = self.account.cycle.as_ref().and_then(|c| Some((c.pending?, c.next))) else {
            return;
        };
        let Some(step) = self.step_at(next).cloned() else { return };
        let StepAction::Bar { level, warning } = step.action else { return };
        if !self.is_enough(self.dunned(at)) {
            self.set_pending(None);
            self.decide(Code::BarDropped, Some(&step.name), None);
            self.pass_or_wait(&step);
            return;
        }
        if !self.meets(&step, at) {
            self.set_pending(None);
            self.decide(Code::BarDropped, Some(&step.name), None);
            self.unmet(&step);
            return;
        }
        if self.warns_again(&step, warning) {
            return;
        }
        if let Some(hold) = self.own_hold(warning) {
            self.set_pending(Some(PendingBar { held: Some(hold), ..pending }));
            if pending.held != Some(hold) {
                self.decide(Code::BarHeld(hold), Some(&step.name), None);
            }
            return;
        }
        // What it is for was restricted by now, or is so by another system.
        if self.to_bar(next).is_some_and(|parts| parts.is_empty()) {
            self.set_pending(None);
            self.decide(Code::BarDropped, Some(&step.name), None);
            self.pass_on(&step);
            return;
        }
        let moved = self.shift_anchor(at.since(pending.due), &step, false);
        self.set_pending(None);
        // A bar that was held for long keeps its time of day: it falls due again in the morning.
        if moved && self.instant(&step) > at {
            return;
        }
        self.bar(&step, level, warning);
        self.pass_on(&step);
    }

    /// A person lets the bar that waits go beyond the budget; it goes once the gate has looked again.
    pub(super) fn release(&mut self) {
        let Some(pending) = self.account.pending().copied() else { return };
        let held = pending.held.filter(|h| h.is_own());
        self.set_pending(Some(PendingBar { held, released: true, ..pending }));
        let step = self.next_step().map(|s| s.name.clone());
        self.decide(Code::BarReleased, step.as_ref(), None);
        // Its refusal may have ended, and the deadline that would have said so not been taken.
        self.look_at_own_hold();
    }

    /// The engine holds the bar that waits.
    pub(super) fn hold(&mut self, hold: Hold) {
        let Some(pending) = self.account.pending().copied() else { return };
        if pending.held == Some(hold) {
            return;
        }
        self.set_pending(Some(PendingBar { held: Some(hold), ..pending }));
        let step = self.next_step().map(|s| s.name.clone());
        self.decide(Code::BarHeld(hold), step.as_ref(), None);
    }

    pub(super) fn propose_bar(&mut self, step: &Step, warning: Option<WarningRule>) {
        if self.warns_again(step, warning) {
            return;
        }
        let held = self.own_hold(warning);
        self.set_pending(Some(PendingBar { due: self.account.line, held, released: false }));
        self.decide(held.map_or(Code::BarPending, Code::BarHeld), Some(&step.name), None);
    }

    /// Of what the bar's warning told of, less than the minimum is owed by now: other bills have joined it, and nobody was
    /// warned of those. The cycle goes back to the warning, and the bar does not come. True where that is so.
    fn warns_again(&mut self, bar: &Step, warning: Option<WarningRule>) -> bool {
        if self.relieves(bar) {
            return true;
        }
        let Some(sent) = self.account.cycle.as_ref().and_then(|c| warning_sent(c, &warning?)).copied() else {
            return false;
        };
        let told = self.dunned_bills(self.account.line).filter(|bill| self.overdue_at(bill) <= sent.at);
        if self.is_enough(told.map(|bill| self.owed_of(bill, sent.at)).sum()) {
            return false;
        }
        if self.account.pending().is_some() {
            self.set_pending(None);
            self.decide(Code::BarDropped, Some(&bar.name), None);
        }
        self.go_back_to(sent.step);
        let warning = self.next_step().map(|step| step.name.clone());
        self.decide(Code::WarnsAgain, warning.as_ref(), None);
        true
    }

    /// The bar of a step is in force for all that it is for, and was done for all that is known: a cycle that went back comes
    /// by it once more.
    pub(super) fn is_in_force(&self, place: u16) -> bool {
        let bars = self.account.cycle.as_ref().map_or(&[][..], |cycle| &cycle.bars);
        let mut so_far = bars.iter().filter(|bar| bar.step >= place).peekable();
        let is_bar = |step: &Step| matches!(step.action, StepAction::Bar { .. });
        if so_far.peek().is_none() || !self.step_at(place).is_some_and(is_bar) {
            return false;
        }
        match self.to_bar(place) {
            Some(parts) => parts.is_empty(),
            None => so_far.any(|bar| !self.account.has_failed(bar)),
        }
    }

    /// Looks again at a bar that waits for something of the account's own; freed, it waits for the gate.
    pub(super) fn look_at_own_hold(&mut self) {
        let Some(pending) = self.account.pending().copied() else { return };
        let Some(step) = self.next_step().cloned() else { return };
        let StepAction::Bar { warning, .. } = step.action else { return };
        let held = self.own_hold(warning);
        let was_own = pending.held.is_some_and(Hold::is_own);
        if held == pending.held || (held.is_none() && !was_own) {
            return;
        }
        self.set_pending(Some(PendingBar { held, ..pending }));
        self.decide(held.map_or(Code::BarPending, Code::BarHeld), Some(&step.name), None);
    }

    /// Why the account itself does not let a bar go.
    fn own_hold(&self, warning: Option<WarningRule>) -> Option<Hold> {
        let rules = &self.policy.shortcuts;
        let decided = self.account.bar_decided.filter(|d| d.until.is_none_or(|until| until > self.account.line));
        let allowed = decided.map(|d| d.allowed);
        let vulnerable = self.account.profile.as_ref().is_some_and(|p| p.vulnerable);
        let cycle = self.account.cycle.as_ref()?;
        if allowed == Some(false) {
            Some(Hold::Refused)
        } else if self.account.stops().bars {
            Some(Hold::OnHold)
        } else if self.account.pauses().is_some_and(|pauses| pauses.drift.is_some()) {
            Some(Hold::BalanceDiffers)
        } else if self.account.profile.is_none() && !rules.bar_without_profile {
            Some(Hold::NoProfile)
        } else if vulnerable && !rules.bar_protected && allowed != Some(true) {
            Some(Hold::Protected)
        } else if self.restrictable(self.told_by(warning)).is_none() {
            Some(Hold::NoService)
        } else if warning.is_some_and(|rule| warning_sent(cycle, &rule).is_none()) {
            Some(Hold::NoWarning)
        } else if warning.is_some_and(|rule| self.is_too_early(rule)) {
            Some(Hold::NotServed)
        } else {
            None
        }
    }

    /// True where a warning has not arrived, or not so long ago as its notice asks. One that counts as soon as it was sent
    /// is waited for by the step itself.
    fn is_too_early(&self, rule: WarningRule) -> bool {
        let counts = self.policy.steps.get(rule.step).map(|warning| warning.notice().served);
        counts.is_some_and(|served| served != ServedWhen::Sent)
            && self.warned_at(rule).is_none_or(|at| at.plus(rule.notice_ms) > self.account.line)
    }

    /// When the notice of a bar's warning is over, where that is known.
    pub(super) fn notice_over(&self, bar: &Step) -> Option<Timestamp> {
        let StepAction::Bar { warning: Some(rule), .. } = bar.action else { return None };
        Some(self.warned_at(rule)?.plus(rule.notice_ms))
    }

    fn bar(&mut self, step: &Step, level: BarLevel, warning: Option<WarningRule>) {
        let sent = self.account.cycle.as_ref().and_then(|c| warning_sent(c, &warning?)).copied();
        // What another system sent is no command of ours.
        let own = sent.iter().filter(|s| s.sequence > 0);
        let warnings: Vec<_> = own.map(|s| command_id(&self.account.id, s.sequence)).collect();
        let announced_for = sent.and_then(|s| s.announced_for);
        let place = self.account.cycle.as_ref().map_or(0, |cycle| cycle.next);
        let at = self.account.line;
        for services in self.to_bar(place).unwrap_or_default() {
            let claims = self.claims(level, &services);
            let (services_of, warnings) = (services.clone(), Vec::clone(&warnings));
            let action = Action::Bar { level, services: services_of, claims, warnings, announced_for };
            self.command(Code::Barred, &step.name, action);
            self.note_barred(place, services);
            let sequence = self.account.sequence;
            if let Some(cycle) = &mut self.account.cycle {
                cycle.bars.push(BarInForce { step: place, at, sequence, level });
            }
        }
        if self.policy.options.remembers_bars {
            let today = self.zone.day_of(at);
            self.account.note_first_bar(today);
        }
        self.charge_with_step();
    }

    pub(super) fn set_pending(&mut self, pending: Option<PendingBar>) {
        if let Some(cycle) = &mut self.account.cycle {
            cycle.pending = pending;
        }
    }
}
