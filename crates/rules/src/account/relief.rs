//! What is given back: all at once, or part of it while some of the debt is still owed.

use super::ladder::{Ladder, Lifted, bar_ids};
use super::service::Restored;
use crate::{Account, BarInForce, Code, Id, ImportedBar, PartRestored, RestorationReason, Step, StepAction};

/// No more restorations are remembered at a time, in case that they could not be done.
const RESTORED_MAX: usize = 16;

impl Account {
    /// The services that bars restrict, those of another system too; empty: one of them restricts all of the account.
    fn restricted(&self, bars: &[BarInForce], theirs: &[ImportedBar]) -> Vec<Id> {
        let own = bars.iter().map(|bar| self.restricted_by(bar));
        let mut all = Vec::new();
        for services in own.chain(theirs.iter().map(|bar| &bar.services[..])) {
            if services.is_empty() {
                return Vec::new();
            }
            all.extend(services.iter().cloned());
        }
        all.sort();
        all.dedup();
        all
    }
}

impl Ladder<'_> {
    /// One restoration of bars of a cycle and of all of another system, where there are any.
    pub(super) fn lift_bars(&mut self, bars: &[BarInForce], reason: RestorationReason) {
        let theirs = self.take_imported_bars(|_| true);
        self.lift_these(bars, &theirs, reason);
    }

    /// One restoration of bars that are no longer in force.
    fn lift_these(&mut self, bars: &[BarInForce], theirs: &[ImportedBar], reason: RestorationReason) {
        if bars.is_empty() && theirs.is_empty() {
            return;
        }
        let lifts = bar_ids(&self.account.id, bars);
        let lifts_imported: Vec<Id> = theirs.iter().map(|bar| bar.reference.clone()).collect();
        let services = self.account.restricted(bars, theirs);
        let claims = self.claimed(bars).into_iter().collect();
        let lifted = Lifted { lifts, lifts_imported: lifts_imported.clone(), services: services.clone(), claims };
        self.lift(lifted, reason);
        if self.policy.options.service.as_ref().is_some_and(|rules| !rules.again_ms.is_empty()) {
            let sequence = self.account.sequence;
            let lifts = bars.iter().map(|bar| bar.sequence).collect();
            let (failed, attempts, again) = (Vec::new(), 0, None);
            let known = &mut self.account.services_mut().restored;
            known.push(Restored { sequence, lifts, lifts_imported, services, reason, failed, attempts, again });
            let over = known.len().saturating_sub(RESTORED_MAX);
            known.drain(..over);
        }
    }

    /// Services for which nothing is owed any more are given back, while something is owed for others. What is owed for others
    /// that the same step would have restricted by now is warned of before it does.
    pub(super) fn restore_paid(&mut self, reason: RestorationReason) {
        let Some(owed) = self.owed_services() else { return };
        let is_paid = |services: &[Id]| !services.is_empty() && !services.iter().any(|service| owed.contains(service));
        let bars = self.account.cycle.iter().flat_map(|cycle| &cycle.bars);
        let lifted: Vec<BarInForce> = bars.filter(|bar| is_paid(self.account.restricted_by(bar))).copied().collect();
        // What they are for may not have been read yet.
        let behind = self.behind;
        let theirs = self.take_imported_bars(|bar| !behind && is_paid(&bar.services));
        if lifted.is_empty() && theirs.is_empty() {
            return;
        }
        if let Some(cycle) = &mut self.account.cycle {
            cycle.bars.retain(|bar| lifted.iter().all(|lifted| lifted.sequence != bar.sequence));
        }
        self.decide(Code::RestoredByService, None, None);
        self.lift_these(&lifted, &theirs, reason);
        let line = self.account.line;
        let restricts_more = |step: &u16| self.unbarred(*step, line).is_some_and(|parts| !parts.is_empty());
        let Some(step) = lifted.iter().map(|bar| bar.step).filter(restricts_more).min() else { return };
        if let Some(waits) = self.account.pending().and_then(|_| self.next_step()).map(|step| step.name.clone()) {
            self.decide(Code::BarDropped, Some(&waits), None);
        }
        self.back_to_warning(step);
        let warning = self.next_step().map(|step| step.name.clone());
        self.decide(Code::WarnsAgain, warning.as_ref(), None);
    }

    /// The services for which something is owed, in a cycle whose bars are confined to those and can be lifted.
    fn owed_services(&self) -> Option<Vec<Id>> {
        let rules = self.policy.options.service.as_deref()?;
        self.account.cycle.as_ref().filter(|_| rules.owed_only && !self.is_terminated())?;
        self.charged(self.account.line)
    }

    /// True where another system restricts services for which nothing is owed, while something is for others.
    pub(super) fn is_paid_there(&self) -> bool {
        let theirs = self.account.imported_bars().iter().filter(|bar| !bar.services.is_empty());
        let mut theirs = theirs.peekable();
        theirs.peek().is_some()
            && self
                .owed_services()
                .is_some_and(|owed| theirs.any(|bar| !bar.services.iter().any(|service| owed.contains(service))))
    }

    /// So much is paid that some bars are lifted, or all, while the rest is still owed: the cycle goes back to the warning of
    /// the first of them.
    pub(super) fn restore_in_part(&mut self, reason: RestorationReason) {
        let Some(rule) = self.relief() else { return };
        let Some(cycle) = &mut self.account.cycle else { return };
        let is_lifted = |bar: &mut BarInForce| rule.keeps.is_none_or(|keeps| bar.level > keeps);
        let lifted: Vec<BarInForce> = cycle.bars.extract_if(.., is_lifted).collect();
        let Some(step) = lifted.iter().map(|bar| bar.step).min() else { return };
        self.grant(rule, step);
        self.decide(Code::RestoredInPart, None, None);
        self.lift_these(&lifted, &[], reason);
    }

    /// So much was paid since the first bar that this one, which goes further, is not sent before the customer was warned of
    /// what is left. True where that is so.
    pub(super) fn relieves(&mut self, bar: &Step) -> bool {
        let StepAction::Bar { level, .. } = bar.action else { return false };
        let relief = self.relief().filter(|rule| rule.keeps.is_none_or(|keeps| level > keeps));
        let Some(rule) = relief else { return false };
        if self.account.pending().is_some() {
            self.decide(Code::BarDropped, Some(&bar.name), None);
        }
        let place = self.account.cycle.as_ref().map_or(0, |cycle| cycle.next);
        self.grant(rule, place);
        let warning = self.next_step().map(|step| step.name.clone());
        self.decide(Code::WarnsAgain, warning.as_ref(), None);
        true
    }

    /// What was not granted yet for what was paid since the first bar in force.
    fn relief(&self) -> Option<PartRestored> {
        let rules = self.policy.options.service.as_deref().filter(|rules| !rules.restores.is_empty())?;
        let first = self.account.cycle.as_ref()?.bars.first().filter(|_| !self.is_terminated())?.sequence;
        let known = self.account.services()?.barred.iter().find(|barred| barred.sequence == first)?;
        let rule = rules.restored(known.amount, self.dunned(self.account.line))?;
        (rule.share > known.granted).then_some(*rule)
    }

    /// The cycle goes back to the warning of a bar; what was granted is not granted again.
    fn grant(&mut self, rule: PartRestored, bar: u16) {
        let known = self.account.aside.as_mut().and_then(|aside| aside.services.as_mut());
        for barred in known.into_iter().flat_map(|known| &mut known.barred) {
            barred.granted = rule.share.max(barred.granted);
        }
        self.back_to_warning(bar);
    }

    /// The cycle goes back to the warning of a bar.
    fn back_to_warning(&mut self, bar: u16) {
        let warning = match self.policy.steps.get(usize::from(bar)).map(|step| &step.action) {
            Some(StepAction::Bar { warning: Some(rule), .. }) => u16::try_from(rule.step).unwrap_or(bar),
            _ => bar,
        };
        self.set_pending(None);
        self.go_back_to(warning);
    }
}
