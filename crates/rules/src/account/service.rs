//! Services: which of them a bar restricts, and what provisioning said became of bars and restorations. Nothing is barred
//! that is protected; what could not be done is asked for again, a bar only after another look at all that decides.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::ladder::{Ladder, Lifted, RESTORE, bar_ids};
use crate::id::is_command;
use crate::{
    Account, BarInForce, BarLevel, Body, Code, Id, Interaction, Line, Minor, NoEffect, PartRestored, RestorationReason,
    ServiceResult, Step, StepAction, Timestamp, command_id,
};

/// A bill that charges more services than these is taken to charge all.
const CHARGED_MAX: usize = 64;
/// Of a command, no more services are remembered that it failed for.
const FAILED_MAX: usize = 16;

/// What is remembered of the services of an account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Services {
    /// Bills whose lines say which services they charge, in the order issued.
    pub charged: Vec<ChargedServices>,
    /// Bars in force of which more is to be known than that, in the order sent.
    pub barred: Vec<BarredServices>,
    /// Bars in force that could not be done, or could not at first.
    pub failed: Vec<FailedBar>,
    /// The last restoration, as long as it may have to be sent again.
    pub restored: Option<Box<Restored>>,
}

/// The services that a bill charges.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChargedServices {
    /// The bill.
    pub bill: Id,
    /// At least one.
    pub services: Vec<Id>,
}

/// What a bar restricts, and what it was for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BarredServices {
    /// The sequence of its command.
    pub sequence: u64,
    /// Empty: all of the account.
    pub services: Vec<Id>,
    /// What was dunned then.
    pub amount: Minor,
    /// The share of that, in hundredths of a percent, for which bars were lifted already; 0: for none.
    pub granted: u16,
}

/// A bar that could not be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailedBar {
    /// The sequence of its last command.
    pub sequence: u64,
    /// Where it was not done, for all that is known; an empty name: the account. None: it was sent again since.
    pub services: Vec<Id>,
    /// How often it was sent again.
    pub attempts: u16,
    /// When it is sent again; `None`: it is not.
    pub again: Option<Timestamp>,
}

/// A restoration that may have to be sent again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored {
    /// The sequence of its last command.
    pub sequence: u64,
    /// The sequences of the bars that it lifts.
    pub lifts: Vec<u64>,
    /// The bars of another system that it lifts, by their names there.
    pub lifts_imported: Vec<Id>,
    /// The services that it restores; empty: all of the account.
    pub services: Vec<Id>,
    /// Why.
    pub reason: RestorationReason,
    /// Where it was not done, for all that is known; an empty name: the account.
    pub failed: Vec<Id>,
    /// How often it was sent again.
    pub attempts: u16,
    /// When it is sent again; `None`: it is not.
    pub again: Option<Timestamp>,
}

impl Account {
    /// What is remembered of its services, where anything is.
    #[must_use]
    pub fn services(&self) -> Option<&Services> {
        self.aside.as_ref()?.services.as_deref()
    }

    fn services_mut(&mut self) -> &mut Services {
        self.aside_mut().services.get_or_insert_default()
    }

    /// True where provisioning could not do the bar of a step, and it was not sent again since.
    #[must_use]
    pub fn has_failed(&self, step: u16) -> bool {
        self.failed_bar(step).is_some_and(|failed| !failed.services.is_empty())
    }

    fn failed_bar(&self, step: u16) -> Option<&FailedBar> {
        let known = &self.services()?.failed;
        let last = self.cycle.as_ref()?.bars.iter().rfind(|bar| bar.step == step)?;
        known.iter().find(|failed| failed.sequence == last.sequence)
    }

    /// The services that bars in force restrict; empty: one of them restricts all of the account.
    #[must_use]
    pub fn restricted(&self, bars: &[BarInForce]) -> Vec<Id> {
        let Some(known) = self.services() else { return Vec::new() };
        let of = |bar: &BarInForce| known.barred.iter().find(|barred| barred.sequence == bar.sequence);
        let mut all = Vec::new();
        for bar in bars {
            let Some(barred) = of(bar).filter(|barred| !barred.services.is_empty()) else { return Vec::new() };
            all.extend(barred.services.iter().cloned());
        }
        all.sort();
        all.dedup();
        all
    }

    /// Forgets what is said of bills and bars that are gone: at the end of every transition.
    pub(super) fn tidy_services(&mut self) {
        let Some(aside) = &mut self.aside else { return };
        let Some(known) = &mut aside.services else { return };
        let bars = self.cycle.as_ref().map_or(&[][..], |cycle| &cycle.bars);
        known.charged.retain(|charged| self.bills.iter().any(|bill| bill.id == charged.bill));
        known.barred.retain(|barred| bars.iter().any(|bar| bar.sequence == barred.sequence));
        known.failed.retain(|failed| bars.iter().any(|bar| bar.sequence == failed.sequence));
        aside.services.take_if(|known| **known == Services::default());
    }

    /// What provisioning reports changes an account only where it says that something was not done, or is done now.
    pub(super) fn admit_report(&self, command: &str, result: ServiceResult) -> Result<(), NoEffect> {
        let failed = |bar: &BarInForce| self.has_failed(bar.step) && is_command(&self.id, bar.sequence, command);
        let bars = || self.cycle.iter().flat_map(|cycle| &cycle.bars);
        match result {
            ServiceResult::Failed | ServiceResult::Refused => Ok(()),
            ServiceResult::Applied if bars().any(failed) || self.restores_with(command) => Ok(()),
            ServiceResult::Applied => Err(NoEffect::AsCommanded),
            ServiceResult::Unknown => Err(NoEffect::NotUsedYet),
        }
    }

    fn restores_with(&self, command: &str) -> bool {
        let restored = self.services().and_then(|known| known.restored.as_ref());
        restored.is_some_and(|restored| is_command(&self.id, restored.sequence, command))
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
    /// Remembers which services a bill charges, where the policy asks for it and the bill says so.
    pub(super) fn note_lines(&mut self, body: &Body<'_>) {
        let Body::BillIssued { bill_id, lines, .. } = body else { return };
        if !self.policy.options.service.as_ref().is_some_and(|rules| rules.owed_only) {
            return;
        }
        let mut sums: BTreeMap<&str, Minor> = BTreeMap::new();
        for (service, amount) in lines.iter().filter_map(|line: &Line<'_>| Some((line.service_id?, line.amount))) {
            *sums.entry(service).or_default() += amount;
        }
        let charged = sums.into_iter().filter(|(_, sum)| *sum > Minor::ZERO);
        let services: Vec<Id> = charged.map(|(service, _)| service.into()).collect();
        if !services.is_empty() && services.len() <= CHARGED_MAX && self.account.bill(bill_id).is_some() {
            let bill = (*bill_id).into();
            self.account.services_mut().charged.push(ChargedServices { bill, services });
        }
    }

    /// The services that a bar restricts; empty: all of the account. `None`: none of them may be restricted.
    pub(super) fn restrictable(&self) -> Option<Vec<Id>> {
        if self.policy.shortcuts.bar_protected {
            return Some(Vec::new());
        }
        let rules = self.policy.options.service.as_deref();
        let charged = rules.filter(|rules| rules.owed_only).and_then(|_| self.charged());
        let services = self.account.profile.as_deref().map_or(&[][..], |profile| &profile.services);
        if services.is_empty() {
            return Some(charged.unwrap_or_default());
        }
        let prepaid = rules.is_some_and(|rules| rules.prepaid);
        let is_charged = |service: &Id| charged.as_ref().is_none_or(|charged| charged.contains(service));
        let may = services.iter().filter(|s| !s.protected && (prepaid || !s.prepaid) && is_charged(&s.service_id));
        let may: Vec<Id> = may.map(|service| service.service_id.clone()).collect();
        match may.len() {
            0 => None,
            all if all == services.len() => Some(Vec::new()),
            _ => Some(may),
        }
    }

    /// The services whose charges are dunned; `None`: of some bill it is not known, so it may be all of them.
    fn charged(&self) -> Option<Vec<Id>> {
        let known = self.account.services()?;
        let mut all = Vec::new();
        for bill in self.dunned_bills(self.account.line) {
            let charged = known.charged.iter().find(|charged| charged.bill == bill.id);
            // What is charged for paying late belongs to no service.
            match charged {
                Some(charged) => all.extend(charged.services.iter().cloned()),
                None if self.account.is_charge(&bill.id) => {}
                None => return None,
            }
        }
        (!all.is_empty()).then_some(all)
    }

    /// What is claimed, service by service, with a bar of so far on these; empty where no bar is of some services only.
    pub(super) fn claims(&self, level: BarLevel, services: &[Id]) -> Vec<(Id, BarLevel)> {
        let known = self.account.services().map_or(&[][..], |known| &known.barred);
        if services.is_empty() && known.iter().all(|barred| barred.services.is_empty()) {
            return Vec::new();
        }
        let mut claims = self.claimed(&[]);
        let account = [Id::default()];
        for service in if services.is_empty() { &account } else { services } {
            let most = claims.entry(service.clone()).or_insert(level);
            *most = level.max(*most);
        }
        claims.into_iter().collect()
    }

    /// What the bars in force claim, service by service, those that are lifted aside; an empty name is the account.
    fn claimed(&self, lifted: &[BarInForce]) -> BTreeMap<Id, BarLevel> {
        let known = self.account.services().map_or(&[][..], |known| &known.barred);
        let bars = self.account.cycle.as_ref().map_or(&[][..], |cycle| &cycle.bars);
        let mut claims = BTreeMap::new();
        let mut claim = |services: &[Id], level: BarLevel| {
            let account = [Id::default()];
            for service in if services.is_empty() { &account } else { services } {
                let most = claims.entry(service.clone()).or_insert(level);
                *most = level.max(*most);
            }
        };
        for bar in bars.iter().filter(|bar| lifted.iter().all(|lifted| lifted.sequence != bar.sequence)) {
            let barred = known.iter().find(|barred| barred.sequence == bar.sequence);
            claim(barred.map_or(&[], |barred| &barred.services), bar.level);
        }
        claims
    }

    /// What bars that stay in force claim, with a restoration of others.
    fn remaining(&self, lifted: &[BarInForce]) -> Vec<(Id, BarLevel)> {
        let rules = self.policy.options.service.as_deref();
        let stays = rules.is_some_and(|rules| !rules.restores.is_empty());
        if stays { self.claimed(lifted).into_iter().collect() } else { Vec::new() }
    }

    /// A bar was sent: of these services only, where there are any. Before it counts as in force.
    pub(super) fn note_barred(&mut self, step: u16, services: Vec<Id>) {
        let sequence = self.account.sequence;
        let last = self.account.failed_bar(step).map(|failed| failed.sequence);
        let restores = self.policy.options.service.as_ref().is_some_and(|rules| !rules.restores.is_empty());
        if !services.is_empty() || restores {
            let amount = self.dunned(self.account.line);
            self.account.services_mut().barred.push(BarredServices { sequence, services, amount, granted: 0 });
        }
        if let Some(known) = self.account.aside.as_mut().and_then(|aside| aside.services.as_mut()) {
            known.restored = None;
            for failed in known.failed.iter_mut().filter(|failed| Some(failed.sequence) == last) {
                failed.attempts = failed.attempts.saturating_add(1);
                (failed.sequence, failed.services, failed.again) = (sequence, Vec::new(), None);
            }
        }
    }

    /// One restoration of bars of a cycle and of those of another system, where there are any.
    pub(super) fn lift_bars(&mut self, bars: &[BarInForce], reason: RestorationReason) {
        let lifts_imported = self.take_imported_bars();
        self.lift_own(bars, lifts_imported, reason);
    }

    fn lift_own(&mut self, bars: &[BarInForce], lifts_imported: Vec<Id>, reason: RestorationReason) {
        let services = if lifts_imported.is_empty() { self.account.restricted(bars) } else { Vec::new() };
        let lifts = bar_ids(&self.account.id, bars);
        if lifts.is_empty() && lifts_imported.is_empty() {
            return;
        }
        let claims = self.remaining(bars);
        let lifted = Lifted { lifts, lifts_imported: lifts_imported.clone(), services: services.clone(), claims };
        self.lift(lifted, reason);
        if self.policy.options.service.as_ref().is_some_and(|rules| !rules.again_ms.is_empty()) {
            let sequence = self.account.sequence;
            let lifts = bars.iter().map(|bar| bar.sequence).collect();
            let (failed, attempts, again) = (Vec::new(), 0, None);
            let restored = Restored { sequence, lifts, lifts_imported, services, reason, failed, attempts, again };
            self.account.services_mut().restored = Some(Box::new(restored));
        }
    }

    /// So much is paid that some bars are lifted, or all, while the rest is still owed: the cycle goes back to the warning of
    /// the first of them.
    pub(super) fn restore_in_part(&mut self, reason: RestorationReason) {
        let Some((first, rule)) = self.relief() else { return };
        let Some(cycle) = &self.account.cycle else { return };
        let Some(place) = cycle.bars.iter().position(|bar| rule.keeps.is_none_or(|keeps| bar.level > keeps)) else {
            return;
        };
        let lifted = cycle.bars[place..].to_vec();
        let Some(step) = lifted.first().map(|bar| bar.step) else { return };
        if let Some(cycle) = &mut self.account.cycle {
            cycle.bars.truncate(place);
        }
        self.grant(first, rule, step);
        self.decide(Code::RestoredInPart, None, None);
        self.lift_own(&lifted, Vec::new(), reason);
    }

    /// So much was paid since the first bar that this one, which goes further, is not sent before the customer was warned of
    /// what is left. True where that is so.
    pub(super) fn relieves(&mut self, bar: &Step) -> bool {
        let StepAction::Bar { level, .. } = bar.action else { return false };
        let relief = self.relief().filter(|(_, rule)| rule.keeps.is_none_or(|keeps| level > keeps));
        let Some((first, rule)) = relief else { return false };
        if self.account.pending().is_some() {
            self.decide(Code::BarDropped, Some(&bar.name), None);
        }
        let place = self.account.cycle.as_ref().map_or(0, |cycle| cycle.next);
        self.grant(first, rule, place);
        let warning = self.next_step().map(|step| step.name.clone());
        self.decide(Code::WarnsAgain, warning.as_ref(), None);
        true
    }

    /// What was not granted yet for what was paid since the first bar in force, and the sequence of that.
    fn relief(&self) -> Option<(u64, PartRestored)> {
        let rules = self.policy.options.service.as_deref().filter(|rules| !rules.restores.is_empty())?;
        let first = self.account.cycle.as_ref()?.bars.first().filter(|_| !self.is_terminated())?.sequence;
        let known = self.account.services()?.barred.iter().find(|barred| barred.sequence == first)?;
        let rule = rules.restored(known.amount, self.dunned(self.account.line))?;
        (rule.share > known.granted).then_some((first, *rule))
    }

    /// The cycle goes back to the warning of a bar; what was granted is not granted again.
    fn grant(&mut self, first: u64, rule: PartRestored, bar: u16) {
        let known = self.account.aside.as_mut().and_then(|aside| aside.services.as_mut());
        for barred in known.into_iter().flat_map(|known| &mut known.barred).filter(|b| b.sequence == first) {
            barred.granted = rule.share;
        }
        let warning = match self.policy.steps.get(usize::from(bar)).map(|step| &step.action) {
            Some(StepAction::Bar { warning: Some(rule), .. }) => u16::try_from(rule.step).unwrap_or(bar),
            _ => bar,
        };
        self.set_pending(None);
        self.go_back_to(warning);
    }

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
            self.note_restoration(service_id, result);
        }
        if let Some(code) = code {
            let restore: Arc<str> = RESTORE.into();
            self.decide(code, step.as_ref().or(restores.then_some(&restore)), None);
        }
    }

    fn note_bar(&mut self, bar: BarInForce, service: &str, result: ServiceResult) {
        let again = self.again_after(bar.step);
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

    /// When the bar of a step is sent again, if it is found now that it could not be done.
    fn again_after(&self, step: u16) -> Option<Timestamp> {
        let rules = self.policy.options.service.as_deref()?;
        let attempts = self.account.failed_bar(step).map_or(0, |failed| failed.attempts);
        let after = rules.again_ms.get(usize::from(attempts))?;
        let at = self.account.line.plus(*after);
        let from = self.policy.steps.get(usize::from(step))?.time_of_day;
        Some(from.map_or(at, |minutes| at.max(self.zone.at(self.zone.day_of(at), minutes))))
    }

    fn note_restoration(&mut self, service: &str, result: ServiceResult) {
        let policy = self.policy.clone();
        let line = self.account.line;
        let known = &mut self.account.services_mut().restored;
        let Some(restored) = known else { return };
        mark(&mut restored.failed, service, result != ServiceResult::Applied);
        let rules = policy.options.service.as_deref();
        let after = rules.and_then(|rules| rules.again_ms.get(usize::from(restored.attempts)));
        match result {
            ServiceResult::Failed => restored.again = restored.again.or(after.map(|after| line.plus(*after))),
            ServiceResult::Applied if restored.failed.is_empty() => {
                restored.again = None;
                // One report stands for all of it: there is nothing to be sent again.
                known.take_if(|restored| service.is_empty() || restored.services.len() == 1);
            }
            _ => {}
        }
    }

    /// When something that could not be done is asked for again.
    pub(super) fn next_service(&self) -> Option<Timestamp> {
        let known = self.account.services()?;
        let restored = known.restored.as_ref().and_then(|restored| restored.again);
        [restored, self.next_bar_again().map(|(_, at)| at)].into_iter().flatten().min()
    }

    /// The bar that is sent again, and when: as long as the ladder has not gone on, and nothing stops it.
    fn next_bar_again(&self) -> Option<(u16, Timestamp)> {
        let cycle = self.account.cycle.as_ref().filter(|cycle| cycle.pending.is_none())?;
        let step = cycle.next.checked_sub(1)?;
        let again = self.account.failed_bar(step)?.again?;
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
        let sequence = self.account.failed_bar(place).map(|failed| failed.sequence);
        for failed in self.account.services_mut().failed.iter_mut().filter(|f| Some(f.sequence) == sequence) {
            failed.again = None;
        }
        if let Some(cycle) = &mut self.account.cycle {
            (cycle.next, cycle.waits) = (place, false);
        }
        self.decide(Code::BarAgain, Some(&step.name), None);
        self.propose_bar(&step, warning);
        true
    }

    /// A restoration waits for nothing, and names what it named.
    fn restore_again(&mut self) -> bool {
        let line = self.account.line;
        let known = self.account.services().and_then(|known| known.restored.as_deref());
        let due = known.filter(|restored| restored.again.is_some_and(|at| at <= line)).cloned();
        let Some(Restored { lifts, lifts_imported, services, reason, .. }) = due else { return false };
        self.decide(Code::RestoredAgain, None, None);
        let lifts = lifts.into_iter().map(|bar| command_id(&self.account.id, bar)).collect();
        let claims = self.remaining(&[]);
        self.lift(Lifted { lifts, lifts_imported, services, claims }, reason);
        let sequence = self.account.sequence;
        if let Some(restored) = &mut self.account.services_mut().restored {
            restored.sequence = sequence;
            restored.attempts = restored.attempts.saturating_add(1);
            (restored.failed, restored.again) = (Vec::new(), None);
        }
        true
    }
}
