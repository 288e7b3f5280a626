//! Notices before a due date. They belong to no cycle and warn of nothing; each is sent once a bill, and only while the
//! bill is owed.

use super::aside::BillAside;
use super::ladder::Ladder;
use super::say::About;
use crate::{Action, Bill, Body, Code, Id, Minor, Step, Timestamp};

impl Ladder<'_> {
    /// Remembers of a bill what the policy asks for; a notice whose time is past by now is not sent any more.
    pub(super) fn note_bill(&mut self, body: &Body<'_>) {
        let &Body::BillIssued { bill_id, issued_on, kind, .. } = body else { return };
        if !self.policy.remembers_bills() {
            return;
        }
        let Some(bill) = self.account.bill(bill_id) else { return };
        let past = |step: &&Step| self.reminder_at(step, bill) < self.account.line;
        let reminded = count(self.policy.options.before_due.iter().take_while(past).count());
        let kind = if self.policy.options.remembers_kinds { kind.into() } else { Id::default() };
        let known = BillAside { bill: bill.id.clone(), issued_on, reminded, kind };
        self.account.aside_mut().bills.push(known);
    }

    /// When the next notice before a due date comes.
    pub(super) fn next_reminder(&self) -> Option<Timestamp> {
        let steps = &self.policy.options.before_due;
        if steps.is_empty() || self.account.stops().contacts {
            return None;
        }
        let next = |bill: &Bill| steps.get(self.reminded(bill)).map(|step| self.reminder_due(step, bill));
        // A notice that would come when the bill is overdue does not come at all.
        let in_time = |bill: &Bill| next(bill).filter(|at| *at < self.overdue_at(bill));
        self.coming_bills().filter_map(in_time).min()
    }

    /// Sends the notices that are due at the present instant; true where the policy has such notices.
    pub(super) fn remind(&mut self) -> bool {
        if self.policy.options.before_due.is_empty() {
            return false;
        }
        if self.account.stops().contacts {
            return true;
        }
        let policy = self.policy.clone();
        // The latest one first: who is reached late gets one notice, not all of them.
        for (place, step) in policy.options.before_due.iter().enumerate().rev() {
            let line = self.account.line;
            let due = |b: &&Bill| self.reminded(b) <= place && self.reminder_due(step, b) <= line;
            let bills: Vec<(Id, Minor)> =
                self.coming_bills().filter(due).map(|b| (b.id.clone(), b.undisputed())).collect();
            if bills.is_empty() {
                continue;
            }
            for (bill, _) in &bills {
                self.pass_reminder(bill, count(place + 1));
            }
            let about = About {
                amount_due: bills.iter().map(|(_, owed)| *owed).sum(),
                bill_ids: bills.into_iter().map(|(id, _)| id).collect(),
                cycle: 0,
            };
            if self.is_enough(about.amount_due) && self.meets(step, line) {
                match self.notice(step, None) {
                    Some(action) => {
                        let Action::Notify { channel, .. } = action else { continue };
                        self.command_about(about, Code::RemindedBeforeDue, &step.name, action);
                        self.note_sent(step, channel);
                    }
                    None => self.decide(Code::NotNotifiedOptedOut, Some(&step.name), None),
                }
            }
        }
        true
    }

    /// The bills that are owed, not disputed, and not overdue at the present instant.
    fn coming_bills(&self) -> impl Iterator<Item = &Bill> {
        let line = self.account.line;
        self.account.bills.iter().filter(move |b| self.account.dunnable(b) > Minor::ZERO && self.overdue_at(b) > line)
    }

    fn reminded(&self, bill: &Bill) -> usize {
        self.account.bill_aside(&bill.id).map_or(0, |known| usize::from(known.reminded))
    }

    /// The instant that a notice before a due date is planned for.
    fn reminder_at(&self, step: &Step, bill: &Bill) -> Timestamp {
        let due = self.zone.start_of_day(bill.due_on);
        let at = match step.timing() {
            None => due.plus(step.offset_ms),
            Some(timing) => self.counted(due, &timing.offset, false),
        };
        let at = self.in_the_day(step, at);
        if self.policy.options.contact.is_none() { at } else { self.open_from(step, self.spread(step, at)) }
    }

    /// The instant that a notice comes at: late, it keeps its time of day, and the hours of its channel.
    fn reminder_due(&self, step: &Step, bill: &Bill) -> Timestamp {
        let at = self.reminder_at(step, bill);
        let at = if at < self.account.line { self.in_the_day(step, self.account.line) } else { at };
        if self.policy.options.contact.is_none() { at } else { self.free_from(step, at) }
    }

    fn pass_reminder(&mut self, bill: &Id, reminded: u16) {
        let due_on = self.account.bill(bill).map(|b| b.due_on);
        let known = &mut self.account.aside_mut().bills;
        match known.iter_mut().find(|k| k.bill == *bill) {
            Some(known) => known.reminded = reminded,
            // It was issued under a policy that did not ask for it.
            None => known.extend(due_on.map(|issued_on| BillAside {
                bill: bill.clone(),
                issued_on,
                reminded,
                kind: Id::default(),
            })),
        }
    }
}

fn count(n: usize) -> u16 {
    u16::try_from(n).unwrap_or(u16::MAX)
}
