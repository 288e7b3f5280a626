//! What an account is charged for paying late: fees and interest, asked of billing and counted as owed from then on. Once
//! billing has booked one, and says so, its bill takes the place of what was counted.

use uuid::Uuid;

use super::balance::{Issued, Moved};
use crate::id::is_command;
use crate::{Account, Bill, Day, DebitNote, Id, Minor, NoEffect, command_id};

/// The most charges, and the most waivers, that an account remembers at a time.
pub(super) const CHARGES_MAX: usize = 32;
/// Of so many of the last requests it is remembered that billing has booked them.
const BOOKED_MAX: usize = 2 * CHARGES_MAX;

/// What an account is charged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Charges {
    /// In the order asked for.
    pub charges: Vec<Charge>,
    /// Charges that were given up, where billing did not say yet that it knows.
    pub waivers: Vec<Waiver>,
    /// Interest that was not charged yet.
    pub interest: Option<Accrual>,
    /// The last day on which a fee was charged or spared.
    pub last_fee: Option<Day>,
}

/// A charge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Charge {
    /// The sequence of the command that asks for it.
    pub sequence: u64,
    /// What it is.
    pub kind: ChargeKind,
    /// The name of the fee; `interest`.
    pub name: Id,
    /// The code by which billing knows it.
    pub code: Id,
    /// As asked for, tax included.
    pub amount: Minor,
    /// The tax in it.
    pub tax: Minor,
    /// True where it is dunned as a bill is.
    pub dunned: bool,
    /// The bill on which it stands; until billing has booked it, one whose id is that of the command.
    pub bill: Id,
    /// How far billing is.
    pub booking: Booking,
}

/// What a charge is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ChargeKind {
    /// A fee.
    Fee,
    /// Interest.
    Interest,
}

/// How far billing is with a charge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Booking {
    /// Its command lies on the bus and is not one of this account's yet: it takes the place of the next one of its name.
    Found,
    /// It is to book it.
    Awaited,
    /// It booked it on a bill of its own.
    OwnBill,
    /// It added it to another bill, of which it is a part.
    Added,
}

/// A charge that was given up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiver {
    /// The sequence of its command.
    pub sequence: u64,
    /// The bill on which the charge stands.
    pub bill: Id,
    /// Given up.
    pub amount: Minor,
}

/// Interest that was not charged yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accrual {
    /// Every day up to this one is counted, or was not to be.
    pub until: Day,
    /// Minor units overdue for a day each; below zero where the last charge was rounded up.
    pub minor_days: i64,
}

/// Which days since the last count are to be counted.
#[derive(Clone, Copy, Debug)]
pub(super) enum Counts {
    /// All of them: the account was dunned.
    All,
    /// It was not: only those of bills that fell due since.
    New,
    /// None: it stood still.
    Nothing,
}

impl Account {
    /// What it is charged, where it ever was.
    #[must_use]
    pub fn charges(&self) -> Option<&Charges> {
        self.aside.as_ref()?.charges.as_deref()
    }

    pub(super) fn charges_mut(&mut self) -> Option<&mut Charges> {
        self.aside.as_mut()?.charges.as_deref_mut()
    }

    /// True for a bill that is nothing but a charge.
    #[must_use]
    pub fn is_charge(&self, bill: &str) -> bool {
        self.charge_on(bill).is_some()
    }

    /// True where interest and shares are of a bill: one that is no charge itself, and for which no hold stops charges.
    pub(super) fn bears_charges(&self, bill: &Bill) -> bool {
        let free = self.pauses().is_some_and(|pauses| pauses.frees_of_charges(&bill.id));
        !free && !self.is_charge(&bill.id)
    }

    /// True for a charge that is owed and not dunned.
    pub(super) fn is_apart(&self, bill: &Bill) -> bool {
        self.charge_on(&bill.id).is_some_and(|charge| !charge.dunned)
    }

    pub(super) fn has_apart(&self) -> bool {
        self.charges().is_some_and(|all| all.charges.iter().any(|charge| !charge.dunned))
    }

    /// True where nothing is left to pay, charges that are not dunned aside.
    pub(super) fn is_settled(&self) -> bool {
        self.bills.iter().all(|bill| bill.open() == Minor::ZERO || self.is_apart(bill))
    }

    fn charge_on(&self, bill: &str) -> Option<&Charge> {
        let mut charges = self.charges()?.charges.iter();
        charges.find(|charge| *charge.bill == *bill && charge.booking != Booking::Added)
    }

    /// True where billing may yet say what became of a bill that stands for a charge.
    pub(super) fn is_awaited(&self, bill: &str) -> bool {
        self.charge_on(bill).is_some_and(|charge| charge.booking != Booking::OwnBill)
    }

    /// What is counted here and billing need not know of yet: charges, and waivers.
    pub(super) fn unbooked(&self) -> (Minor, Minor) {
        let Some(Charges { charges, waivers, .. }) = self.charges() else { return (Minor::ZERO, Minor::ZERO) };
        let awaited = charges.iter().filter(|charge| matches!(charge.booking, Booking::Found | Booking::Awaited));
        let counted = awaited.map(|charge| self.bill(&charge.bill).map_or(Minor::ZERO, Bill::open));
        (counted.sum(), waivers.iter().map(|waiver| waiver.amount).sum())
    }

    /// What is left to pay of a charge.
    #[must_use]
    pub fn open_charge(&self, charge: &Charge) -> Minor {
        self.bill(&charge.bill).map_or(Minor::ZERO, |bill| bill.open().min(charge.amount))
    }

    /// The charge whose command an event answers: its place.
    pub(super) fn answered(&self, origin: &str) -> Option<usize> {
        self.charges()?.charges.iter().position(|charge| is_command(&self.id, charge.sequence, origin))
    }

    /// A charge is owed from now on.
    pub(super) fn put_charge(&mut self, charge: Charge, day: Day) {
        let (id, amount) = (charge.bill.clone(), charge.amount);
        // Credit is set against what is owed before anyone is dunned for it.
        let paid = amount.min(self.credit);
        self.credit -= paid;
        self.put_bill(Bill { paid, ..Bill::new(id, amount, day) });
        self.aside_mut().charges.get_or_insert_default().charges.push(charge);
    }

    /// Billing booked a charge on a bill of its own: that takes the place of what was counted, and of its payments and
    /// disputes. Billing's amount counts.
    pub(super) fn book(&mut self, place: usize, booked: &Issued<'_>) -> Moved {
        self.admit_bill(booked)?;
        let Some(charge) = self.charges_mut().and_then(|all| all.charges.get_mut(place)) else { return Ok(()) };
        let sequence = charge.sequence;
        let old = std::mem::replace(&mut charge.bill, booked.id.into());
        charge.booking = Booking::OwnBill;
        self.note_booked(sequence);
        let counted = self.bills.iter().position(|bill| bill.id == old).map(|at| self.bills.remove(at));
        let mut bill = Bill::new(booked.id.into(), booked.amount, booked.due_on);
        if let Some(counted) = counted {
            bill.written_off = counted.written_off.min(booked.amount);
            bill.disputed = counted.disputed;
            bill.clear_from = counted.clear_from;
            bill.paid = counted.paid.min(bill.amount - bill.written_off);
            bill.credited = counted.credited.min(bill.amount - bill.written_off - bill.paid);
            self.credit += counted.paid - bill.paid;
        }
        self.rename(&old, &bill.id);
        self.put_bill(bill);
        self.spend_credit();
        Ok(())
    }

    /// Billing added a charge to a bill: it is a part of that, and what was paid of it goes there.
    pub(super) fn add(&mut self, place: usize, bill_id: &str, delta: Minor, rule: DebitNote) -> Moved {
        self.bill(bill_id).ok_or(NoEffect::UnknownBill)?;
        let Some(charge) = self.charges_mut().and_then(|all| all.charges.get_mut(place)) else { return Ok(()) };
        let sequence = charge.sequence;
        let old = std::mem::replace(&mut charge.bill, bill_id.into());
        charge.booking = Booking::Added;
        let waived = self.bill(&old).map_or(Minor::ZERO, |bill| bill.written_off);
        self.adjust(bill_id, delta, rule)?;
        self.write_off(bill_id, waived)?;
        self.note_booked(sequence);
        self.rename(&old, bill_id);
        let counted = self.bills.iter().position(|bill| bill.id == old).map(|at| self.bills.remove(at));
        if let Some(counted) = counted {
            self.credit += counted.paid;
            self.spend_credit();
        }
        Ok(())
    }

    /// Whatever names the bill that stood for a charge names that on which it was booked.
    fn rename(&mut self, old: &str, new: &str) {
        let new = Id::from(new);
        let of_payments = self.payments.iter_mut().flat_map(|payment| &mut payment.parts).map(|part| &mut part.bill);
        let of_disputes = self.disputes.iter_mut().flat_map(|dispute| &mut dispute.parts).map(|part| &mut part.bill);
        of_payments.chain(of_disputes).filter(|bill| ***bill == *old).for_each(|bill| *bill = new.clone());
        let Some(aside) = &mut self.aside else { return };
        let held = aside.pauses.holds.iter_mut().flat_map(|hold| &mut hold.bills);
        let waived = aside.charges.iter_mut().flat_map(|all| &mut all.waivers).map(|waiver| &mut waiver.bill);
        held.chain(waived).filter(|bill| ***bill == *old).for_each(|bill| *bill = new.clone());
    }

    /// Billing knows of a waiver, which is remembered no longer. True where that is what an event answers.
    pub(super) fn take_waiver(&mut self, origin: Option<&str>) -> bool {
        let (Some(origin), Some(all)) = (origin, self.charges()) else { return false };
        let Some(place) = all.waivers.iter().position(|waiver| is_command(&self.id, waiver.sequence, origin)) else {
            return false;
        };
        let waiver = self.charges_mut().map(|all| all.waivers.remove(place));
        waiver.map(|waiver| self.note_booked(waiver.sequence)).is_some()
    }

    fn note_booked(&mut self, sequence: u64) {
        let booked = &mut self.aside_mut().booked;
        booked.push(sequence);
        let over = booked.len().saturating_sub(BOOKED_MAX);
        booked.drain(..over);
    }

    /// True where billing has booked the request before that an event answers.
    pub(super) fn is_booked(&self, origin: Option<&str>) -> bool {
        let (Some(origin), Some(aside)) = (origin, &self.aside) else { return false };
        aside.booked.iter().any(|sequence| is_command(&self.id, *sequence, origin))
    }

    /// So much of the charge at a place is given up.
    pub(super) fn put_waiver(&mut self, place: usize, sequence: u64, amount: Minor) {
        let Some(bill) = self.charges().and_then(|all| all.charges.get(place)).map(|charge| charge.bill.clone()) else {
            return;
        };
        // The bill is there wherever anything of the charge is owed.
        let _ = self.write_off(&bill, amount);
        if let Some(all) = self.charges_mut() {
            all.waivers.push(Waiver { sequence, bill, amount });
        }
    }

    /// A waiver lies on the bus that the account did not know of.
    pub(super) fn note_waived(&mut self, reverses: Uuid, sequence: u64, amount: Minor) {
        let Some(all) = self.charges() else { return };
        let known = |charge: &Charge| command_id(&self.id, charge.sequence) == reverses;
        let Some(place) = all.charges.iter().position(known) else { return };
        let amount = amount.min(self.open_charge(&all.charges[place]));
        self.put_waiver(place, sequence, amount);
    }

    /// Counts the days up to one in the interest: those of what is overdue, not disputed, not held, and no charge.
    pub(super) fn accrue(&mut self, today: Day, counts: Counts) {
        let since = self.charges().and_then(|all| all.interest).map_or(Day::MIN, |accrual| accrual.until);
        if since >= today {
            return;
        }
        let counted = |bill: &Bill| match counts {
            Counts::All => true,
            Counts::New => bill.due_on >= since,
            Counts::Nothing => false,
        };
        let bills = self.bills.iter().filter(|bill| counted(bill) && self.bears_charges(bill));
        let sum = bills.map(|bill| self.minor_days(bill, since, today)).fold(0, i64::saturating_add);
        let all = self.aside_mut().charges.get_or_insert_default();
        let accrual = all.interest.get_or_insert(Accrual { until: Day::MIN, minor_days: 0 });
        accrual.minor_days = accrual.minor_days.saturating_add(sum);
        accrual.until = today;
    }

    /// What of a bill is overdue between two days, for a day each.
    fn minor_days(&self, bill: &Bill, since: Day, today: Day) -> i64 {
        let days = |due_on: Day| {
            let from = due_on.max(bill.clear_from.unwrap_or(Day::MIN)).max(since);
            i64::from(today.epoch()).saturating_sub(i64::from(from.epoch())).max(0)
        };
        let of = |(due_on, owed): (Day, Minor)| owed.get().saturating_mul(days(due_on));
        self.dunnable_by_day(bill).into_iter().map(of).fold(0, i64::saturating_add)
    }

    /// As it was before an event that is refused.
    pub(super) fn restore_charges(&mut self, charges: Option<Charges>) {
        if let Some(aside) = &mut self.aside {
            aside.charges = charges.map(Box::new);
        }
    }

    /// Forgets charges that are settled and of which billing has nothing more to say: at the end of every transition.
    pub(super) fn tidy_charges(&mut self) {
        let Some(all) = self.aside.as_mut().and_then(|aside| aside.charges.as_mut()) else { return };
        let open = |bill: &Id| self.bills.iter().find(|b| b.id == *bill).is_some_and(|b| b.open() > Minor::ZERO);
        let there = |bill: &Id| self.bills.iter().any(|b| b.id == *bill);
        let runs = self.cycle.is_some();
        all.charges.retain(|charge| match charge.booking {
            // A bill that was cancelled is not booked any more.
            Booking::Found | Booking::Awaited => there(&charge.bill),
            Booking::OwnBill => open(&charge.bill),
            Booking::Added => runs && open(&charge.bill),
        });
        all.waivers.retain(|waiver| there(&waiver.bill));
        let bills = &self.bills;
        // Also where it is paid: a payment that goes back does not let days count twice.
        let counted = |until: Day| bills.iter().any(|bill| bill.due_on < until);
        all.interest.take_if(|accrual| !runs && !counted(accrual.until));
        if **all == Charges::default()
            && let Some(aside) = &mut self.aside
        {
            aside.charges = None;
        }
    }
}
