//! A cycle that runs when another version of the policy comes into force: where that version asks for it, the cycle goes
//! on by it. What was sent stays sent, what is barred stays barred, and no step that this version has, too, comes twice.

use std::cmp::Reverse;
use std::sync::Arc;

use super::aside::Bases;
use super::ladder::Ladder;
use super::notices::Awaited;
use crate::{BarInForce, Code, OnChange, Policy, PolicyBook, SentStep, StepAction};

/// A cycle's place on the ladder of another version.
struct Place {
    procedure: u16,
    next: u16,
    sent: Vec<SentStep>,
    bars: Vec<BarInForce>,
    awaited: Vec<Awaited>,
}

impl Ladder<'_> {
    /// The cycle that runs goes on by the version in force, where that asks for it and has a place for it. True where it
    /// does from now on.
    pub(super) fn change(&mut self, policies: &PolicyBook) -> bool {
        let newer = policies.current(self.account.line);
        if Arc::ptr_eq(&self.policy, newer) {
            return false;
        }
        let OnChange::NextStep { renamed } = &newer.options.on_change else { return false };
        // A bar that waits is decided by the version that proposed it, and what is stopped goes on where it stood.
        if self.account.pending().is_some() || self.account.is_paused() {
            return false;
        }
        let Some(place) = self.place_in(newer, renamed) else { return false };
        self.policy = newer.clone();
        self.zone = super::zone_of(self.account, newer);
        self.move_to(place);
        let next = self.next_step().map(|step| step.name.clone());
        self.decide(Code::PolicyChanged, next.as_ref(), None);
        true
    }

    /// Where the cycle stands in another version; `None`: nowhere, so that it keeps its own.
    fn place_in(&self, newer: &Policy, renamed: &[(Arc<str>, Arc<str>)]) -> Option<Place> {
        let cycle = self.account.cycle.as_ref()?;
        let procedure = self.procedure_in(newer)?;
        let ladder = newer.ladder(procedure);
        let new_place = |step: u16| {
            let name = &self.policy.steps.get(usize::from(step))?.name;
            let name = renamed.iter().find(|(older, _)| older == name).map_or(name, |(_, newer)| newer);
            let place = ladder.clone().find(|place| newer.steps[*place].name == *name)?;
            u16::try_from(place).ok()
        };
        let first = u16::try_from(self.policy.ladder(self.account.procedure()).start).ok()?;
        let last = (first..cycle.next).filter_map(new_place).max();
        let start = u16::try_from(ladder.start).ok()?;
        let mut next = match last {
            Some(last) => last + 1,
            None if cycle.next > first => return None,
            None => start,
        };
        let moved = |sent: &SentStep| Some(SentStep { step: new_place(sent.step)?, ..*sent });
        let mut sent: Vec<_> = cycle.sent.iter().filter_map(moved).collect();
        // Two that are one now: the later one counts.
        sent.sort_by_key(|sent| (sent.step, Reverse(sent.sequence)));
        sent.dedup_by_key(|sent| sent.step);
        // A bar that is still to come needs its warning: the cycle goes back to it, if it was not sent.
        for step in &newer.steps[usize::from(next)..ladder.end.max(usize::from(next))] {
            if let StepAction::Bar { warning: Some(rule), .. } = &step.action
                && !sent.iter().any(|sent| usize::from(sent.step) == rule.step)
            {
                next = next.min(u16::try_from(rule.step).ok()?);
            }
        }
        sent.retain(|sent| sent.step < next);
        let kept = |bar: &BarInForce| Some(BarInForce { step: new_place(bar.step)?, ..*bar });
        let bars: Vec<_> = cycle.bars.iter().map(kept).collect::<Option<_>>()?;
        let order = |pair: &[BarInForce]| pair[0].step.cmp(&pair[1].step);
        let mut pairs = cycle.bars.windows(2).zip(bars.windows(2));
        let in_order = pairs.all(|(old, new)| order(old) == order(new)) && bars.iter().all(|bar| bar.step < next);
        let moved = |known: &Awaited| Some(Awaited { step: new_place(known.step)?, ..known.clone() });
        let awaited = self.account.awaited().iter().filter_map(moved).collect();
        in_order.then_some(Place { procedure, next, sent, bars, awaited })
    }

    /// The procedure of the same name; whoever follows that of everybody follows that of everybody.
    fn procedure_in(&self, newer: &Policy) -> Option<u16> {
        let own = self.account.procedure();
        let name = self.policy.procedure_name(own);
        let named = name.and_then(|name| newer.options.procedures.iter().position(|p| p.name == *name));
        named.and_then(|place| u16::try_from(place).ok()).or((own == 0).then_some(0))
    }

    fn move_to(&mut self, place: Place) {
        let Some(cycle) = &mut self.account.cycle else { return };
        cycle.policy = self.policy.label.clone();
        (cycle.next, cycle.waits) = (place.next, false);
        (cycle.sent, cycle.bars) = (place.sent, place.bars);
        if let Some(notices) = self.account.aside.as_mut().and_then(|aside| aside.notices.as_mut()) {
            notices.awaited = place.awaited;
        }
        let Some(cycle) = &self.account.cycle else { return };
        let (anchor, started) = (cycle.anchor, cycle.started);
        let acted = cycle.sent.iter().map(|s| s.at).chain(cycle.bars.iter().map(|b| b.at)).max();
        let bases = self.policy.remembers_bases().then(|| {
            let known = self.account.bases().copied();
            let anew = || {
                let bases = self.bases_at(self.account.line, anchor);
                Bases { entry: started, previous: acted.unwrap_or(started), ..bases }
            };
            Bases { repeats: 0, ..known.unwrap_or_else(anew) }
        });
        if bases.is_some() || place.procedure > 0 || self.account.aside.is_some() {
            let aside = self.account.aside_mut();
            (aside.bases, aside.procedure) = (bases, place.procedure);
        }
    }
}
