//! When a step comes that is no plain span after the due date.

use super::aside::Bases;
use super::ladder::Ladder;
use crate::contact::Place;
use crate::{Anchor, Channel, Contacted, Cycle, DAY_MS, Day, Minor, Offset, Step, StepAction, Timestamp, Timing};

impl Ladder<'_> {
    /// When a timing says; `previous` stands for the last step taken where that is still to come.
    pub(super) fn timed(&self, cycle: &Cycle, timing: &Timing, previous: Option<Timestamp>) -> Timestamp {
        let bases = self.account.bases();
        match timing.from {
            // A cycle that was moved is not anchored at the beginning of a day any more: whole days count from the next.
            Anchor::DueDate => self.counted(cycle.anchor, &timing.offset, true),
            Anchor::IssueDate => self.counted(bases.map_or(cycle.anchor, |b| b.issue), &timing.offset, true),
            Anchor::Entry => self.counted(bases.map_or(cycle.started, |b| b.entry), &timing.offset, false),
            Anchor::PreviousStep => {
                let last = previous.or(bases.map(|b| b.previous)).unwrap_or(cycle.started);
                self.counted(last, &timing.offset, false)
            }
        }
    }

    /// When the step that came already comes again.
    pub(super) fn repeated(&self, step: &Step) -> Option<Timestamp> {
        let repeat = step.repeat()?;
        let bases = self.account.bases().filter(|b| b.repeats > 0)?;
        Some(self.counted(bases.previous, &repeat.every, false))
    }

    /// Where the account lives.
    pub(super) fn place(&self) -> Place<'_> {
        let region = self.account.profile.as_deref().map_or("", |p| &p.region);
        Place { zone: self.zone, region, calendar: &self.policy.options.calendar }
    }

    /// The first instant not before `at` in which the channel of a notice is open; `at` itself for a bar.
    pub(super) fn open_from(&self, step: &Step, at: Timestamp) -> Timestamp {
        match (&self.policy.options.contact, self.channel_of(step)) {
            (Some(rules), Some(channel)) => rules.open_from(channel, at, self.place()),
            _ => at,
        }
    }

    /// The first instant not before `at` in which a notice is within the hours of its channel and under every cap.
    pub(super) fn free_from(&self, step: &Step, at: Timestamp) -> Timestamp {
        self.channel_of(step).map_or(at, |channel| self.free_on(channel, at))
    }

    /// The same for a channel.
    pub(super) fn free_on(&self, channel: Channel, at: Timestamp) -> Timestamp {
        match &self.policy.options.contact {
            Some(rules) => {
                let contacts = self.account.aside.as_ref().map_or(&[][..], |aside| &aside.contacts);
                let conversed = self.account.reach().and_then(|reach| reach.conversed);
                rules.free_from(channel, at, self.place(), contacts, conversed)
            }
            None => at,
        }
    }

    /// A planned notice moved to the account's place in the spread.
    pub(super) fn spread(&self, step: &Step, at: Timestamp) -> Timestamp {
        match (&self.policy.options.contact, &step.action) {
            (Some(rules), StepAction::Notify { .. }) if rules.spread_ms > 0 => {
                let drawn = i64::from(crate::id::draw("spread", &self.account.id));
                at.plus(rules.spread_ms / 10_000 * drawn)
            }
            _ => at,
        }
    }

    /// When the next step comes, as the hours of its channel and the caps allow it.
    pub(super) fn coming(&self, step: &Step) -> Timestamp {
        let at = self.instant(step);
        if self.policy.options.contact.is_none() {
            return at;
        }
        let late = at < self.account.line && matches!(step.action, StepAction::Notify { .. });
        self.free_from(step, if late { self.account.line } else { at })
    }

    /// Remembers a notice that was sent, where a cap counts it.
    pub(super) fn note_contact(&mut self, channel: Channel) {
        let policy = self.policy.clone();
        let Some(rules) = policy.options.contact.as_deref().filter(|rules| rules.counts(channel)) else { return };
        let at = self.account.line;
        let oldest = rules.forgotten_before(at);
        let contacts = &mut self.account.aside_mut().contacts;
        contacts.retain(|c| c.at > oldest);
        contacts.push(Contacted { at, channel });
    }

    /// So far from an instant: hours from the instant itself, days of any kind from the beginning of its day, or of the
    /// next day where it lies within one and is to be rounded up.
    pub(super) fn counted(&self, from: Timestamp, offset: &Offset, up: bool) -> Timestamp {
        if offset.is_exact() {
            return from.plus(offset.rest_ms);
        }
        let day = self.zone.day_of(from);
        let day = if up && self.zone.start_of_day(day) < from { day.plus(1) } else { day };
        let region = self.account.profile.as_deref().map_or("", |p| &p.region);
        let day = offset.day_from(day, &self.policy.options.calendar, region);
        self.zone.start_of_day(day).plus(offset.rest_ms)
    }

    /// What the steps of a new cycle are counted from, where the policy asks for more than its anchor: the oldest debt,
    /// not before `anchor`, which a late start has moved.
    pub(super) fn bases_at(&self, line: Timestamp, anchor: Timestamp) -> Bases {
        let oldest = self.oldest(line);
        let moved = anchor.since(oldest.map_or(anchor, |(day, _)| self.zone.start_of_day(day)));
        let issued = oldest.and_then(|(day, bill)| {
            let issued_on = self.account.bill_aside(bill)?.issued_on;
            // A dispute that was decided later counts from its decision.
            Some(if self.account.first_due(self.account.bill(bill)?) < day { day } else { issued_on })
        });
        let issue = issued.map_or(anchor, |day| self.zone.start_of_day(day).plus(moved));
        Bases { issue, entry: line, previous: line, repeats: 0 }
    }

    /// The day from which the oldest debt counts that keeps a cycle going, and its bill: what is so little that it would
    /// not keep one makes no debt old.
    pub(super) fn oldest(&self, line: Timestamp) -> Option<(Day, &str)> {
        let age = |b: &crate::Bill| self.account.first_due(b).max(b.clear_from.unwrap_or(Day::MIN));
        let keeps = self.keeps();
        if keeps <= Minor::new(1) {
            return self.dunned_bills(line).map(|b| (age(b), &*b.id)).min_by_key(|(day, _)| *day);
        }
        let mut bills: Vec<_> = self.dunned_bills(line).map(|b| (age(b), b)).collect();
        bills.sort_by_key(|(day, _)| *day);
        let mut owed = Minor::ZERO;
        let enough = bills.iter().find(|(_, bill)| {
            owed += self.owed_of(bill, line);
            owed >= keeps
        });
        enough.map(|(day, bill)| (*day, &*bill.id))
    }
}

impl Ladder<'_> {
    /// All that steps are counted from moves, as the step comes late by so much. What is counted in hours moves by
    /// exactly that; what is counted in days by whole days, so that the step keeps its time of day.
    pub(super) fn shift_bases(&mut self, by: i64, step: &Step) {
        if let Some(cycle) = &mut self.account.cycle {
            cycle.anchor = cycle.anchor.plus(by);
        }
        let exact = step.timing().is_some_and(|t| t.offset.is_exact());
        let days = i32::try_from((by.saturating_add(DAY_MS - 1)).div_euclid(DAY_MS)).unwrap_or(i32::MAX);
        let zone = self.zone;
        let moved = |at: Timestamp| if exact { at.plus(by) } else { zone.days_later(at, days) };
        if let Some(bases) = self.account.bases_mut() {
            bases.issue = moved(bases.issue);
            bases.entry = moved(bases.entry);
            bases.previous = moved(bases.previous);
        }
    }
}
