//! Services: which of them bills charge, and which a bar restricts. Nothing is barred that is protected.

use std::collections::BTreeMap;

use super::ladder::{Ladder, warning_sent};
use crate::{
    Account, BarInForce, BarLevel, Body, Id, Line, Minor, RestorationReason, Service, StepAction, Timestamp,
    WarningRule,
};

/// A bill that charges more services than these is taken to charge all.
const CHARGED_MAX: usize = 64;
/// Up to so many services are restricted with a command each, so that each can be given back by itself.
const APART_MAX: usize = 16;

/// What is remembered of the services of an account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Services {
    /// Bills whose lines say which services they charge, in the order issued.
    pub charged: Vec<ChargedServices>,
    /// Bars in force of which more is to be known than that, in the order sent.
    pub barred: Vec<BarredServices>,
    /// Bars in force that could not be done, or could not at first.
    pub failed: Vec<FailedBar>,
    /// Restorations, as long as they may have to be sent again, in the order sent.
    pub restored: Vec<Restored>,
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

    pub(super) fn services_mut(&mut self) -> &mut Services {
        self.aside_mut().services.get_or_insert_default()
    }

    /// What is known of a bar that could not be done, or could not at first.
    pub(crate) fn failure(&self, sequence: u64) -> Option<&FailedBar> {
        self.services()?.failed.iter().find(|failed| failed.sequence == sequence)
    }

    /// True where provisioning could not do a bar in force, and it was not sent again since.
    #[must_use]
    pub fn has_failed(&self, bar: &BarInForce) -> bool {
        self.failure(bar.sequence).is_some_and(|failed| !failed.services.is_empty())
    }

    /// The services that a bar in force restricts; empty: all of the account.
    #[must_use]
    pub fn restricted_by(&self, bar: &BarInForce) -> &[Id] {
        let known = self.services().map_or(&[][..], |known| &known.barred);
        known.iter().find(|barred| barred.sequence == bar.sequence).map_or(&[], |barred| &barred.services)
    }

    /// True where the bar of a step, or one further up the ladder, is in force for these services, none: for the account, and
    /// was done for all that is known.
    fn is_barred(&self, step: u16, services: &[Id]) -> bool {
        let bars = self.cycle.as_ref().map_or(&[][..], |cycle| &cycle.bars);
        let of_them = |bar: &&BarInForce| bar.step >= step && covers(self.restricted_by(bar), services);
        // Of those of one step the last one counts: it was sent because the others could not be done.
        let is_last = |bar: &BarInForce| bars.iter().filter(of_them).rfind(|b| b.step == bar.step) == Some(bar);
        bars.iter().filter(of_them).any(|bar| is_last(bar) && !self.has_failed(bar))
    }

    /// True where a bar of another system that is in force goes so far for these services, none: for the account.
    pub(super) fn is_barred_there(&self, level: BarLevel, services: &[Id]) -> bool {
        self.imported_bars().iter().any(|bar| bar.level >= level && covers(&bar.services, services))
    }

    /// What could not be done of the bar of a step, as far as no later one is for the same services.
    pub(super) fn failures(&self, step: u16) -> Vec<&FailedBar> {
        let bars = self.cycle.as_ref().map_or(&[][..], |cycle| &cycle.bars);
        let again = |bar: &BarInForce, later: &[BarInForce]| {
            later.iter().any(|b| b.step == step && covers(self.restricted_by(b), self.restricted_by(bar)))
        };
        let last = (1..).zip(bars).filter(|(n, bar)| bar.step == step && !again(bar, &bars[*n..]));
        last.filter_map(|(_, bar)| self.failure(bar.sequence)).collect()
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
}

/// True where a bar of the first is one of the second, too; none: the account.
fn covers(barred: &[Id], services: &[Id]) -> bool {
    barred.is_empty() || !services.is_empty() && services.iter().all(|service| barred.contains(service))
}

impl Ladder<'_> {
    /// Remembers which services a bill charges, where the policy asks for it and the bill says so.
    pub(super) fn note_charged(&mut self, body: &Body<'_>) {
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

    /// The services that a bar may restrict for what was overdue at an instant, a command each; an empty one: all of the
    /// account. `None`: nothing may be restricted.
    pub(super) fn restrictable(&self, told: Timestamp) -> Option<Vec<Vec<Id>>> {
        if self.policy.shortcuts.bar_protected {
            return Some(vec![Vec::new()]);
        }
        let rules = self.policy.options.service.as_deref();
        let charged = rules.filter(|rules| rules.owed_only).and_then(|_| self.charged(told));
        let services = self.account.profile.as_deref().map_or(&[][..], |profile| &profile.services);
        let prepaid = rules.is_some_and(|rules| rules.prepaid);
        let is_spared = |service: &Service| service.protected || service.prepaid && !prepaid;
        let Some(charged) = charged else {
            let may: Vec<Id> = services.iter().filter(|s| !is_spared(s)).map(|s| s.service_id.clone()).collect();
            let all = may.len() == services.len();
            return if all { Some(vec![Vec::new()]) } else { Some(vec![may]).filter(|parts| !parts[0].is_empty()) };
        };
        let known = |id: &Id| services.iter().find(|service| service.service_id == *id);
        // What the profile does not name is not there, where it names any.
        let may = charged.into_iter().filter(|id| known(id).map_or(services.is_empty(), |service| !is_spared(service)));
        let may: Vec<Id> = may.collect();
        match may.len() {
            0 => None,
            1..=APART_MAX => Some(may.into_iter().map(|service| vec![service]).collect()),
            _ => Some(vec![may]),
        }
    }

    /// What the bar at a place of the ladder has still to restrict, a command each: only for what its warning told of. `None`:
    /// nothing may be restricted.
    pub(super) fn to_bar(&self, place: u16) -> Option<Vec<Vec<Id>>> {
        let warning = match self.step_at(place).map(|step| &step.action) {
            Some(StepAction::Bar { warning, .. }) => *warning,
            _ => None,
        };
        self.unbarred(place, self.told_by(warning))
    }

    /// What the bar at a place of the ladder does not restrict of what was overdue at an instant and may be restricted.
    pub(super) fn unbarred(&self, place: u16, told: Timestamp) -> Option<Vec<Vec<Id>>> {
        let mut parts = self.restrictable(told)?;
        parts.retain(|services| !self.account.is_barred(place, services));
        if let Some(StepAction::Bar { level, .. }) = self.step_at(place).map(|step| &step.action) {
            parts.retain(|services| !self.account.is_barred_there(*level, services));
        }
        Some(parts)
    }

    /// When the warning of a bar was sent; without one, now.
    pub(super) fn told_by(&self, warning: Option<WarningRule>) -> Timestamp {
        let sent = self.account.cycle.as_ref().and_then(|cycle| warning_sent(cycle, &warning?));
        sent.map_or(self.account.line, |sent| sent.at)
    }

    /// The services whose charges are dunned and were overdue at an instant; none where only charges for paying late are: they
    /// belong to no service. `None`: of some bill it is not known, so it may be all of them; or nothing was overdue.
    pub(super) fn charged(&self, told: Timestamp) -> Option<Vec<Id>> {
        let known = self.account.services().map_or(&[][..], |known| &known.charged);
        let mut all = Vec::new();
        let mut dunned = self.dunned_bills(told).filter(|bill| self.owed_of(bill, told) > Minor::ZERO).peekable();
        dunned.peek()?;
        for bill in dunned {
            match known.iter().find(|charged| charged.bill == bill.id) {
                Some(charged) => all.extend(charged.services.iter().cloned()),
                None if self.account.is_charge(&bill.id) => {}
                None => return None,
            }
        }
        all.sort();
        all.dedup();
        Some(all)
    }

    /// What is claimed, service by service, with a bar of so far on these; empty where no bar is of some services only.
    pub(super) fn claims(&self, level: BarLevel, services: &[Id]) -> Vec<(Id, BarLevel)> {
        let known = self.account.services().map_or(&[][..], |known| &known.barred);
        let mut apart = known.iter().map(|barred| &barred.services);
        let mut apart_there = self.account.imported_bars().iter().map(|bar| &bar.services);
        if services.is_empty() && apart.all(Vec::is_empty) && apart_there.all(Vec::is_empty) {
            return Vec::new();
        }
        let mut claims = self.claimed(&[]);
        claim(&mut claims, services, level);
        claims.into_iter().collect()
    }

    /// What the bars in force claim, service by service, those that are lifted aside; an empty name is the account.
    pub(super) fn claimed(&self, lifted: &[BarInForce]) -> BTreeMap<Id, BarLevel> {
        let bars = self.account.cycle.as_ref().map_or(&[][..], |cycle| &cycle.bars);
        let mut claims = BTreeMap::new();
        for bar in bars.iter().filter(|bar| lifted.iter().all(|lifted| lifted.sequence != bar.sequence)) {
            claim(&mut claims, self.account.restricted_by(bar), bar.level);
        }
        for bar in self.account.imported_bars() {
            claim(&mut claims, &bar.services, bar.level);
        }
        claims
    }

    /// A bar was sent: of these services only, where there are any. Before it counts as in force.
    pub(super) fn note_barred(&mut self, step: u16, services: Vec<Id>) {
        let sequence = self.account.sequence;
        let bars = self.account.cycle.iter().flat_map(|cycle| &cycle.bars).filter(|bar| bar.step == step);
        let instead = |bar: &&BarInForce| {
            let known = self.account.restricted_by(bar);
            self.account.failure(bar.sequence).is_some() && (services.is_empty() || covers(known, &services))
        };
        let last: Vec<u64> = bars.filter(instead).map(|bar| bar.sequence).collect();
        let restores = self.policy.options.service.as_ref().is_some_and(|rules| !rules.restores.is_empty());
        let amount = self.dunned(self.account.line);
        if let Some(known) = self.account.aside.as_mut().and_then(|aside| aside.services.as_mut()) {
            // A bar ends the restorations before it, as far as they are of what it restricts.
            let apart = |restored: &Restored| {
                let both = restored.services.iter().any(|service| services.contains(service));
                !services.is_empty() && !restored.services.is_empty() && !both
            };
            known.restored.retain(apart);
            let attempts = known.failed.iter().filter(|failed| last.contains(&failed.sequence));
            let attempts = attempts.map(|failed| failed.attempts).max();
            known.failed.retain(|failed| !last.contains(&failed.sequence));
            known.failed.extend(attempts.map(|attempts| FailedBar {
                sequence,
                services: Vec::new(),
                attempts: attempts.saturating_add(1),
                again: None,
            }));
        }
        if !services.is_empty() || restores {
            self.account.services_mut().barred.push(BarredServices { sequence, services, amount, granted: 0 });
        }
    }
}

/// A claim more; no services: on the account.
fn claim(claims: &mut BTreeMap<Id, BarLevel>, services: &[Id], level: BarLevel) {
    let account = [Id::default()];
    for service in if services.is_empty() { &account } else { services } {
        let most = claims.entry(service.clone()).or_insert(level);
        *most = level.max(*most);
    }
}
