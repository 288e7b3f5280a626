//! A debt that was gone and comes back: where the policy says so, its ladder goes on where it stood.

use super::aside::Suspended;
use super::ladder::Ladder;
use crate::{BarLevel, Body, Code, Cycle, DisputeOutcome};

impl Ladder<'_> {
    /// True where an event brings a debt back so that the ladder goes on where it stood.
    pub(super) fn brings_back(&self, body: &Body<'_>) -> bool {
        let resumes = self.policy.options.resumes;
        match body {
            Body::PaymentReversed { .. } => resumes.reversal,
            Body::WriteOffReversed { .. } => resumes.write_off_reversed,
            Body::DisputeResolved { outcome, .. } => {
                resumes.dispute_lost && matches!(outcome, DisputeOutcome::Rejected | DisputeOutcome::Withdrawn)
            }
            _ => false,
        }
    }

    /// Remembers a cycle that ends, where its debt may come back: it would go on at its first bar, if there was one.
    pub(super) fn suspend(&mut self, ended: Cycle) {
        let terminated = ended.bars.iter().any(|bar| bar.level == BarLevel::Terminated);
        if !self.policy.options.resumes.any() || terminated {
            return;
        }
        let (at, procedure, bases) = (self.account.line, self.account.procedure(), self.account.bases().copied());
        let mut cycle = ended;
        if let Some(first) = cycle.bars.iter().map(|bar| bar.step).min() {
            cycle.go_back_to(first);
        }
        cycle.bars.clear();
        (cycle.pending, cycle.waits) = (None, false);
        self.account.aside_mut().suspended = Some(Box::new(Suspended { cycle, procedure, bases, at }));
    }

    /// Lets the last cycle go on, where what happened brings its debt back and its policy is still the one for new cycles.
    /// The time in between does not count. True where it does; else it is forgotten, as a new cycle begins.
    pub(super) fn resume_last(&mut self) -> bool {
        let last = self.account.aside.as_mut().and_then(|aside| aside.suspended.take());
        let goes_on = |last: &Suspended| self.comes_back && last.cycle.policy == self.policy.label;
        let Some(last) = last.filter(|last| goes_on(last)) else { return false };
        let aside = self.account.aside_mut();
        (aside.bases, aside.procedure) = (last.bases, last.procedure);
        self.account.cycle = Some(last.cycle);
        self.move_by(self.account.line.since(last.at));
        self.decide(Code::CycleResumed, None, None);
        true
    }
}
