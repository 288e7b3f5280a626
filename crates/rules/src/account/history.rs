//! How an account paid: remembered where a policy asks for it.

use crate::{Account, Bill, Body, Day, DisputeOutcome, Id, Minor};

/// So many of the last bills that were paid are remembered.
const PAID_MAX: usize = 24;
/// What is older is not counted.
const LATE_WITHIN_DAYS: i32 = 365;
/// So many of the last cycles with bars are remembered.
const BARRED_MAX: usize = 12;

/// How an account paid.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {
    /// The last bills that were paid, in the order in which they were.
    pub paid: Vec<PaidBill>,
    /// How many disputes ended.
    pub disputes: u16,
    /// How many of them ended for the customer, in whole or in part.
    pub upheld: u16,
}

/// A bill that was paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PaidBill {
    /// When, where the account lives.
    pub on: Day,
    /// How many days behind its last day.
    pub late_days: u16,
    /// How many days after its date.
    pub took_days: u16,
}

impl History {
    /// How many bills were paid late within a year.
    #[must_use]
    pub fn late_payments(&self, today: Day) -> i64 {
        let late = |paid: &&PaidBill| paid.late_days > 0 && paid.on > today.plus(-LATE_WITHIN_DAYS);
        count(self.paid.iter().filter(late).count())
    }

    /// How many days it took to pay a bill, on the average; `None`: none was paid.
    #[must_use]
    pub fn days_to_pay(&self) -> Option<i64> {
        let days: i64 = self.paid.iter().map(|paid| i64::from(paid.took_days)).sum();
        days.checked_div(count(self.paid.len()))
    }

    /// The share of disputes that ended for the customer, in hundredths of a percent; `None`: none ended.
    #[must_use]
    pub fn upheld_share(&self) -> Option<i64> {
        (i64::from(self.upheld) * 10_000).checked_div(i64::from(self.disputes))
    }
}

fn count(n: usize) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

impl Account {
    /// How it paid, where a policy asked for that.
    #[must_use]
    pub fn history(&self) -> Option<&History> {
        self.aside.as_ref()?.history.as_deref()
    }

    /// The bills of which anything is open, charges aside.
    pub(super) fn unpaid(&self) -> Vec<Id> {
        let open = self.bills.iter().filter(|bill| bill.open() > Minor::ZERO && !self.is_charge(&bill.id));
        open.map(|bill| bill.id.clone()).collect()
    }

    /// What a payment, or the end of a dispute, says of the customer; `unpaid` as it was before.
    pub(super) fn note_history(&mut self, body: &Body<'_>, unpaid: &[Id], today: Day) {
        match body {
            Body::PaymentReceived { .. } => {
                let settled = |bill: &&Bill| bill.open() == Minor::ZERO && unpaid.contains(&bill.id);
                let paid: Vec<_> = self.bills.iter().filter(settled).map(|bill| self.paid_bill(bill, today)).collect();
                if !paid.is_empty() {
                    let known = &mut self.history_mut().paid;
                    known.extend(paid);
                    let over = known.len().saturating_sub(PAID_MAX);
                    known.drain(..over);
                }
            }
            Body::DisputeResolved { outcome, .. } => {
                let history = self.history_mut();
                history.disputes = history.disputes.saturating_add(1);
                if matches!(outcome, DisputeOutcome::Upheld | DisputeOutcome::PartlyUpheld) {
                    history.upheld = history.upheld.saturating_add(1);
                }
            }
            _ => {}
        }
    }

    /// In how many cycles within a year service was restricted, the present one aside.
    pub(super) fn times_barred(&self, today: Day) -> i64 {
        let days = self.aside.as_ref().map_or(&[][..], |aside| &aside.barred);
        let since = today.plus(-LATE_WITHIN_DAYS);
        let now = usize::from(self.cycle.as_ref().is_some_and(|cycle| cycle.number == self.barred_in()));
        count(days.iter().rev().skip(now).filter(|day| **day > since).count())
    }

    /// The first bar of a cycle is sent.
    pub(super) fn note_first_bar(&mut self, today: Day) {
        let number = self.cycle.as_ref().map_or(0, |cycle| cycle.number);
        if number == self.barred_in() {
            return;
        }
        let aside = self.aside_mut();
        aside.barred.push(today);
        aside.barred_in = number;
        let over = aside.barred.len().saturating_sub(BARRED_MAX);
        aside.barred.drain(..over);
    }

    fn barred_in(&self) -> u32 {
        self.aside.as_ref().map_or(0, |aside| aside.barred_in)
    }

    fn history_mut(&mut self) -> &mut History {
        self.aside_mut().history.get_or_insert_default()
    }

    fn paid_bill(&self, bill: &Bill, on: Day) -> PaidBill {
        let since = |day: Day| u16::try_from(on.epoch().saturating_sub(day.epoch()).max(0)).unwrap_or(u16::MAX);
        let last = self.terms_of(bill).last().map_or(bill.due_on, |known| known.term.due_on);
        let issued_on = self.bill_aside(&bill.id).map_or(bill.due_on, |known| known.issued_on);
        PaidBill { on, late_days: since(last), took_days: since(issued_on) }
    }
}
