//! Notices before a due date. They belong to no cycle and warn of nothing; each is sent once a bill, and only while the
//! bill is owed.

use super::aside::BillAside;
use super::ladder::Ladder;
use super::say::About;
use super::terms::Part;
use crate::{Action, Body, Code, Day, Id, Minor, Step, Timestamp};

impl Ladder<'_> {
    /// Remembers of a bill what the policy asks for; a notice whose time is past by now is not sent any more.
    pub(super) fn note_bill(&mut self, body: &Body<'_>) {
        let &Body::BillIssued { bill_id, issued_on, kind, .. } = body else { return };
        if !self.policy.remembers_bills() {
            return;
        }
        let Some(bill) = self.account.bill(bill_id) else { return };
        let past = |due_on| {
            let past = |step: &&Step| self.reminder_at(step, due_on) < self.account.line;
            count(self.policy.options.before_due.iter().take_while(past).count())
        };
        let reminded = past(bill.due_on);
        let of_terms: Vec<_> = self.account.terms_of(bill).iter().map(|known| past(known.term.due_on)).collect();
        let kind = if self.policy.options.remembers_kinds { kind.into() } else { Id::default() };
        let known = BillAside { bill: bill.id.clone(), issued_on, reminded, kind };
        let aside = self.account.aside_mut();
        if let Some(terms) = aside.terms.last_mut().filter(|terms| terms.bill == known.bill) {
            terms.terms.iter_mut().zip(of_terms).for_each(|(term, reminded)| term.reminded = reminded);
        }
        aside.bills.push(known);
    }

    /// When the next notice before a due date comes.
    pub(super) fn next_reminder(&self) -> Option<Timestamp> {
        let steps = &self.policy.options.before_due;
        if steps.is_empty() || self.account.stops().contacts {
            return None;
        }
        let next = |part: &Part<'_>| steps.get(self.reminded(part)).map(|step| self.reminder_due(step, part));
        // A notice that would come when the bill is overdue does not come at all.
        let in_time = |part: Part<'_>| next(&part).filter(|at| *at < self.zone.end_of_day(part.due_on));
        self.coming_parts().filter_map(in_time).chain(self.next_coming()).min()
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
            let due = |part: &Part<'_>| self.reminded(part) <= place && self.reminder_due(step, part) <= line;
            let parts: Vec<(Id, Day, Minor)> =
                self.coming_parts().filter(due).map(|part| (part.bill.id.clone(), part.due_on, part.owed)).collect();
            if parts.is_empty() {
                continue;
            }
            for (bill, due_on, _) in &parts {
                self.pass_reminder(bill, *due_on, count(place + 1));
            }
            let about = About {
                amount_due: parts.iter().map(|(_, _, owed)| *owed).sum(),
                bill_ids: parts.into_iter().map(|(id, _, _)| id).collect(),
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

    /// What of each bill is owed, not disputed, and falls due next.
    fn coming_parts(&self) -> impl Iterator<Item = Part<'_>> {
        self.account.bills.iter().filter_map(|bill| self.account.next_part(bill, self.account.line, self.zone))
    }

    /// The end of the first last day of a term that is still to come: from then on the term after it is the next one.
    fn next_coming(&self) -> Option<Timestamp> {
        let of_terms = |part: &Part<'_>| !self.account.terms_of(part.bill).is_empty();
        self.coming_parts().filter(of_terms).map(|part| self.zone.end_of_day(part.due_on)).min()
    }

    fn reminded(&self, part: &Part<'_>) -> usize {
        let term = self.account.terms_of(part.bill).iter().find(|known| known.term.due_on == part.due_on);
        let of_bill = || self.account.bill_aside(&part.bill.id).map_or(0, |known| known.reminded);
        usize::from(term.map_or_else(of_bill, |known| known.reminded))
    }

    /// The instant that a notice before a due date is planned for.
    fn reminder_at(&self, step: &Step, due_on: Day) -> Timestamp {
        let due = self.zone.start_of_day(due_on);
        let at = match step.timing() {
            None => due.plus(step.offset_ms),
            Some(timing) => self.counted(due, &timing.offset, false),
        };
        let at = self.in_the_day(step, at);
        if self.policy.options.contact.is_none() { at } else { self.open_from(step, self.spread(step, at)) }
    }

    /// The instant that a notice comes at: late, it keeps its time of day, and the hours of its channel.
    fn reminder_due(&self, step: &Step, part: &Part<'_>) -> Timestamp {
        let at = self.reminder_at(step, part.due_on);
        let at = if at < self.account.line { self.in_the_day(step, self.account.line) } else { at };
        if self.policy.options.contact.is_none() { at } else { self.free_from(step, at) }
    }

    fn pass_reminder(&mut self, bill: &Id, due_on: Day, reminded: u16) {
        let aside = self.account.aside_mut();
        if let Some(known) = aside.terms.iter_mut().find(|known| known.bill == *bill) {
            let of_day = known.terms.iter_mut().filter(|known| known.term.due_on == due_on);
            return of_day.for_each(|known| known.reminded = reminded);
        }
        match aside.bills.iter_mut().find(|known| known.bill == *bill) {
            Some(known) => known.reminded = reminded,
            // It was issued under a policy that did not ask for it.
            None => {
                aside.bills.push(BillAside { bill: bill.clone(), issued_on: due_on, reminded, kind: Id::default() });
            }
        }
    }
}

fn count(n: usize) -> u16 {
    u16::try_from(n).unwrap_or(u16::MAX)
}
