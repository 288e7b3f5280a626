//! What provisioning says became of bars and restorations. What could not be done is asked for again, a bar only after
//! another look at all that decides.

use std::sync::Arc;

use super::ladder::{Ladder, Lifted, RESTORE};
use super::service::{FailedBar, Restored};
use crate::id::is_command;
use crate::{
    Account, BarInForce, Code, Id, Interaction, NoEffect, ServiceResult, Step, StepAction, Timestamp, command_id,
};

/// Of a command, no more services are remembered that it failed for.
const FAILED_MAX: usize = 16;

impl Account {
    /// What provisioning reports changes an account only where it says that something was not done, or is done now.
    pub(super) fn admit_report(&self, command: &str, result: ServiceResult) -> Result<(), NoEffect> {
        let failed = |bar: &BarInForce| self.has_failed(bar) && is_command(&self.id, bar.sequence, command);
        let bars = || self.cycle.iter().flat_map(|cycle| &cycle.bars);
        match result {
            ServiceResult::Failed | ServiceResult::Refused => Ok(()),
            ServiceResult::Applied if bars().any(failed) || self.restores_with(command) => Ok(()),
            ServiceResult::Applied => Err(NoEffect::AsCommanded),
            ServiceResult::Unknown => Err(NoEffect::NotUsedYet),
        }
    }

    fn restores_with(&self, command: &str) -> bool {
        let mut restored = self.services().into_iter().flat_map(|known| &known.restored);
        restored.any(|restored| is_command(&self.id, restored.sequence, command))
    }
}

/// One more service, or one less, for which a command was not done.
fn mark(failed: &mut Vec<Id>, service: &str, is_failed: bool) {
    // An empty name stands for all that the command was for.
    failed.retain(|known| **known != *service && (is_failed || !service.is_empty()));
    if is_failed && failed.len() < FAILED_MAX {
        failed.push(service.into());
    }
}

impl Ladder<'_> {
    /// What provisioning says became of a command.
    pub(super) fn note_service(&mut self, what: &Interaction<'_>) {
        let &Interaction::ServiceReported { command_id, service_id, result } = what else { return };
        let code = match result {
            ServiceResult::Failed => Some(Code::ServiceFailed),
            ServiceResult::Refused => Some(Code::ServiceRefused),
            ServiceResult::Applied | ServiceResult::Unknown => None,
        };
        let id = &self.account.id;
        let bars = self.account.cycle.iter().flat_map(|cycle| &cycle.bars);
        let bar = bars.into_iter().find(|bar| is_command(id, bar.sequence, command_id)).copied();
        let step = bar.and_then(|bar| Some(self.policy.steps.get(usize::from(bar.step))?.name.clone()));
        if let Some(bar) = bar {
            self.note_bar(bar, service_id, result);
        }
        let restores = self.account.restores_with(command_id);
        if restores {
            self.note_restoration(command_id, service_id, result);
        }
        if let Some(code) = code {
            let restore: Arc<str> = RESTORE.into();
            self.decide(code, step.as_ref().or(restores.then_some(&restore)), None);
        }
    }

    fn note_bar(&mut self, bar: BarInForce, service: &str, result: ServiceResult) {
        let again = self.again_after(&bar);
        let sequence = bar.sequence;
        let known = &mut self.account.services_mut().failed;
        let place = known.iter().position(|failed| failed.sequence == sequence).unwrap_or_else(|| {
            known.push(FailedBar { sequence, services: Vec::new(), attempts: 0, again: None });
            known.len() - 1
        });
        let Some(failed) = known.get_mut(place) else { return };
        mark(&mut failed.services, service, result != ServiceResult::Applied);
        match result {
            ServiceResult::Failed => failed.again = failed.again.or(again),
            ServiceResult::Applied if failed.services.is_empty() => failed.again = None,
            _ => {}
        }
    }

    /// When a bar is sent again, if it is found now that it could not be done.
    fn again_after(&self, bar: &BarInForce) -> Option<Timestamp> {
        let rules = self.policy.options.service.as_deref()?;
        let attempts = self.account.failure(bar.sequence).map_or(0, |failed| failed.attempts);
        let after = rules.again_ms.get(usize::from(attempts))?;
        let at = self.account.line.plus(*after);
        let from = self.policy.steps.get(usize::from(bar.step))?.time_of_day;
        Some(from.map_or(at, |minutes| at.max(self.zone.at(self.zone.day_of(at), minutes))))
    }

    fn note_restoration(&mut self, command: &str, service: &str, result: ServiceResult) {
        let policy = self.policy.clone();
        let line = self.account.line;
        let id = self.account.id.clone();
        let known = &mut self.account.services_mut().restored;
        let Some(place) = known.iter().position(|r| is_command(&id, r.sequence, command)) else { return };
        let restored = &mut known[place];
        mark(&mut restored.failed, service, result != ServiceResult::Applied);
        let rules = policy.options.service.as_deref();
        let after = rules.and_then(|rules| rules.again_ms.get(usize::from(restored.attempts)));
        match result {
            ServiceResult::Failed => restored.again = restored.again.or(after.map(|after| line.plus(*after))),
            ServiceResult::Applied if restored.failed.is_empty() => {
                restored.again = None;
                // One report stands for all of it: there is nothing to be sent again.
                if service.is_empty() || restored.services.len() == 1 {
                    known.remove(place);
                }
            }
            _ => {}
        }
    }

    /// When something that could not be done is asked for again.
    pub(super) fn next_service(&self) -> Option<Timestamp> {
        let restored = self.account.services()?.restored.iter().filter_map(|restored| restored.again).min();
        [restored, self.next_bar_again().map(|(_, at)| at)].into_iter().flatten().min()
    }

    /// The bar that is sent again, and when: as long as the ladder has not gone on, and nothing stops it.
    fn next_bar_again(&self) -> Option<(u16, Timestamp)> {
        let cycle = self.account.cycle.as_ref().filter(|cycle| cycle.pending.is_none())?;
        let step = cycle.next.checked_sub(1)?;
        // By a newer version it may be another kind of step.
        let is_bar = |step: &Step| matches!(step.action, StepAction::Bar { .. });
        self.policy.steps.get(usize::from(step)).filter(|step| is_bar(step))?;
        let again = self.account.failures(step).into_iter().filter_map(|failed| failed.again).min()?;
        let free = !self.account.is_paused() && !self.account.stops().bars;
        free.then_some((step, again))
    }

    /// Asks again for what could not be done and is due at the present instant. True where there was any.
    pub(super) fn serve_again(&mut self) -> bool {
        let restores = self.restore_again();
        let line = self.account.line;
        let Some((place, _)) = self.next_bar_again().filter(|(_, at)| *at <= line) else { return restores };
        // Its next step is due too: it goes further.
        if self.is_due() {
            return restores;
        }
        let Some(step) = self.policy.steps.get(usize::from(place)).cloned() else { return restores };
        let StepAction::Bar { warning, .. } = step.action else { return restores };
        // All that could not be done by now comes with it.
        let again: Vec<u64> = self.account.failures(place).iter().map(|failed| failed.sequence).collect();
        for failed in self.account.services_mut().failed.iter_mut().filter(|f| again.contains(&f.sequence)) {
            failed.again = None;
        }
        if self.to_bar(place).is_some_and(|parts| parts.is_empty()) {
            return restores;
        }
        if let Some(cycle) = &mut self.account.cycle {
            (cycle.next, cycle.waits) = (place, false);
        }
        self.decide(Code::BarAgain, Some(&step.name), None);
        self.propose_bar(&step, warning);
        true
    }

    /// Restorations wait for nothing, and name what they named.
    fn restore_again(&mut self) -> bool {
        let line = self.account.line;
        let known = self.account.services().map_or(&[][..], |known| &known.restored);
        let is_due = |restored: &&Restored| restored.again.is_some_and(|at| at <= line);
        let due: Vec<Restored> = known.iter().filter(is_due).cloned().collect();
        for Restored { sequence: before, lifts, lifts_imported, services, reason, .. } in due.iter().cloned() {
            self.decide(Code::RestoredAgain, None, None);
            let lifts = lifts.into_iter().map(|bar| command_id(&self.account.id, bar)).collect();
            let claims = self.claimed(&[]).into_iter().collect();
            self.lift(Lifted { lifts, lifts_imported, services, claims }, reason);
            let sequence = self.account.sequence;
            for restored in self.account.services_mut().restored.iter_mut().filter(|r| r.sequence == before) {
                restored.sequence = sequence;
                restored.attempts = restored.attempts.saturating_add(1);
                (restored.failed, restored.again) = (Vec::new(), None);
            }
        }
        !due.is_empty()
    }
}
