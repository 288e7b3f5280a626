//! An account that comes from another system in the middle of its dunning: where it stands, what it was warned of, and the
//! bars that were sent from there. No step that was taken there is taken again, and every bar is lifted from here.

use super::balance::Moved;
use super::ladder::Ladder;
use crate::{
    Account, BarLevel, Code, Id, Interaction, Minor, NoEffect, Policy, Refusal, RestorationReason, SentStep, Step,
    StepAction, Timestamp,
};

/// The most bars that an account comes with.
const BARS_MAX: usize = 16;

/// The most services that one of them names.
const SERVICES_MAX: usize = 64;

/// What another system had done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Imported {
    /// The last step that was taken, by its name in the policy; empty: none.
    pub step: Id,
    /// When its cycle began.
    pub started: Option<Timestamp>,
    /// The last warning.
    pub warned: Option<Timestamp>,
    /// What that named; zero: not said.
    pub amount_warned: Minor,
    /// The bars that are in force, the first one first.
    pub bars: Vec<ImportedBar>,
    /// True once a cycle goes on from there, or it was seen that none has to.
    pub taken: bool,
}

/// A bar that another system had sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportedBar {
    /// Its name there, which the restoration carries.
    pub reference: Id,
    /// Since when.
    pub since: Timestamp,
    /// How far.
    pub level: BarLevel,
    /// The services restricted; empty: all of the account.
    pub services: Vec<Id>,
}

impl Account {
    /// What it came with, as long as a bar of that is in force or a cycle is to go on from there.
    #[must_use]
    pub fn imported(&self) -> Option<&Imported> {
        self.aside.as_ref()?.imported.as_deref()
    }

    /// The bars of another system that are in force.
    #[must_use]
    pub fn imported_bars(&self) -> &[ImportedBar] {
        self.imported().map_or(&[], |imported| &imported.bars)
    }

    /// Remembers what it comes with.
    pub(super) fn import(&mut self, what: &Interaction<'_>, policy: &Policy) -> Moved {
        let Interaction::StateImported { step, started, warned, amount_warned, bars } = what else { return Ok(()) };
        if self.cycles > 0 || self.imported().is_some() {
            return Err(NoEffect::KnownState.into());
        }
        if !step.is_empty() && policy.steps.iter().all(|known| *known.name != **step) {
            return Err(Refusal::UnknownStep.into());
        }
        if bars.len() > BARS_MAX || bars.iter().any(|bar| bar.services.len() > SERVICES_MAX) {
            return Err(Refusal::TooMany.into());
        }
        let mut bars: Vec<_> = bars
            .iter()
            .map(|bar| ImportedBar {
                reference: bar.reference.into(),
                since: bar.since,
                level: bar.level,
                services: bar.services.iter().map(|service| Id::from(*service)).collect(),
            })
            .collect();
        bars.sort_by(|a, b| (a.since, &a.reference).cmp(&(b.since, &b.reference)));
        bars.dedup_by(|a, b| a.reference == b.reference);
        let (started, warned, amount_warned) = (*started, *warned, *amount_warned);
        let imported = Imported { step: (*step).into(), started, warned, amount_warned, bars, taken: false };
        self.aside_mut().imported = Some(Box::new(imported));
        Ok(())
    }

    /// Forgets what it came with once nothing is left to be done for it: at the end of every transition.
    pub(super) fn tidy_imported(&mut self) {
        let Some(aside) = &mut self.aside else { return };
        aside.imported.take_if(|imported| imported.taken && imported.bars.is_empty());
    }
}

impl Ladder<'_> {
    /// The account came from another system, and what is owed here is known: a cycle goes on from there, or its bars are
    /// lifted, all or those of services for which nothing is owed. Only with a deadline, so that whatever lies on the bus was
    /// read before. True where there is anything to settle.
    pub(super) fn settle_imported(&mut self) -> bool {
        if self.next_settlement().is_none_or(|at| at > self.account.line) {
            return false;
        }
        if self.account.cycle.is_some() {
            self.restore_paid(RestorationReason::Adjustment);
        } else if self.would_keep() {
            self.start();
        } else {
            self.lift_imported();
        }
        true
    }

    /// When it is looked at what an account came with: as soon as anything of its debt is known.
    pub(super) fn next_settlement(&self) -> Option<Timestamp> {
        let open = self.account.imported().is_some_and(|imported| !imported.taken);
        let known = || self.account.cycle.is_none() && !self.account.bills.is_empty();
        // While all is stopped no cycle begins; who owes nothing is restored all the same.
        let settles = open && known() && !(self.account.is_paused() && self.would_keep());
        (settles || self.is_paid_there()).then_some(self.account.line)
    }

    /// True where what is owed would keep a cycle.
    fn would_keep(&self) -> bool {
        self.minimum().is_some() && self.dunned(self.account.line) >= self.keeps()
    }

    /// Nothing is owed that would have kept them.
    fn lift_imported(&mut self) {
        if let Some(imported) = self.account.aside.as_mut().and_then(|aside| aside.imported.as_mut()) {
            imported.taken = true;
        }
        // It was the other system's cycle that ends: none is taken over again.
        self.account.cycles += 1;
        self.lift_bars(&[], RestorationReason::Adjustment);
    }

    /// Bars of another system are lifted.
    pub(super) fn take_imported_bars(&mut self, lifted: impl Fn(&ImportedBar) -> bool) -> Vec<ImportedBar> {
        let imported = self.account.aside.as_mut().and_then(|aside| aside.imported.as_mut());
        imported.map_or_else(Vec::new, |imported| imported.bars.extract_if(.., |bar| lifted(bar)).collect())
    }

    /// A cycle begins: where the account came in the middle of one, it goes on behind the last step that was taken there.
    pub(super) fn go_on_from_there(&mut self) {
        let policy = self.policy.clone();
        let Some(imported) = self.account.imported().filter(|imported| !imported.taken).cloned() else { return };
        let ladder = policy.ladder(self.account.procedure());
        let last = ladder.clone().find(|place| *policy.steps[*place].name == *imported.step);
        let line = self.account.line;
        if let Some(last) = last {
            let barred = imported.bars.last().map(|bar| bar.since);
            let is_bar = matches!(policy.steps[last].action, StepAction::Bar { .. });
            let taken = if is_bar { barred.or(imported.warned) } else { imported.warned.or(barred) };
            let taken = taken.or(imported.started).unwrap_or(line).min(line);
            let sent = ladder.take_while(|place| *place <= last).filter_map(|place| {
                let notice = matches!(policy.steps[place].action, StepAction::Notify { .. });
                let step = u16::try_from(place).ok()?;
                // No command from here told of it. Where it is not said when, its notice begins now.
                let at = imported.warned.map_or(line, |at| at.min(line));
                notice.then_some(SentStep { step, at, sequence: 0, announced_for: None })
            });
            let sent: Vec<_> = sent.collect();
            if let Some(cycle) = &mut self.account.cycle {
                cycle.next = u16::try_from(last + 1).unwrap_or(u16::MAX);
                cycle.anchor = taken.plus(-policy.steps[last].offset_ms);
                cycle.sent = sent;
            }
            if let Some(bases) = self.account.bases_mut() {
                bases.previous = taken;
                bases.entry = imported.started.unwrap_or(taken).min(line);
            }
        }
        if let Some(untold) = last.and_then(|last| self.untold(imported.amount_warned, last))
            && let Some(cycle) = &mut self.account.cycle
        {
            cycle.go_back_to(untold);
        }
        if let Some(imported) = self.account.aside.as_mut().and_then(|aside| aside.imported.as_mut()) {
            imported.taken = true;
        }
        let step = last.map(|last| policy.steps[last].name.clone());
        self.decide(Code::CycleImported, step.as_ref(), None);
    }

    /// The warning of a bar still to come that was behind `last` already, where it named less than what may be dunned at
    /// all: nobody was warned of what is owed, so the warning comes from here.
    fn untold(&self, named: Minor, last: usize) -> Option<u16> {
        if named == Minor::ZERO || self.is_enough(named) {
            return None;
        }
        let ladder = self.policy.ladder(self.account.procedure());
        let to_come = ladder.filter(|place| *place > last).filter_map(|place| self.policy.steps.get(place));
        let warning = to_come.filter(|bar| !self.is_taken_over(bar)).find_map(|bar| match bar.action {
            StepAction::Bar { warning, .. } => Some(warning?.step),
            StepAction::Notify { .. } | StepAction::WriteOff { .. } => None,
        })?;
        u16::try_from(warning).ok().filter(|_| warning <= last)
    }

    /// True for a bar that goes no further than those of another system that are in force, for all that it would restrict: it
    /// is not sent again.
    pub(super) fn is_taken_over(&self, step: &Step) -> bool {
        let StepAction::Bar { level, warning } = step.action else { return false };
        let theirs = self.account.imported_bars();
        !theirs.is_empty()
            && self.restrictable(self.told_by(warning)).map_or_else(
                || theirs.iter().any(|bar| bar.level >= level),
                |parts| parts.iter().all(|services| self.account.is_barred_there(level, services)),
            )
    }

    /// The first bar of the ladder that goes no further than those of another system that are in force; without one, the next
    /// step.
    pub(super) fn imported_as_far_as(&self, next: u16) -> Option<u16> {
        if self.account.imported_bars().is_empty() {
            return None;
        }
        let mut ladder = self.policy.ladder(self.account.procedure());
        let first = ladder.find(|place| self.policy.steps.get(*place).is_some_and(|step| self.is_taken_over(step)));
        Some(first.and_then(|place| u16::try_from(place).ok()).unwrap_or(next))
    }
}
