//! When an account is charged: with steps of its ladder, with the next bill, at the end of a cycle; and when that is given
//! up.

use std::sync::Arc;

use super::charge::{Booking, CHARGES_MAX, Charge, ChargeKind, Counts};
use super::ladder::Ladder;
use super::say::About;
use crate::charge::part;
use crate::{
    Action, Bill, Code, FeeOn, FeeRule, Id, InterestRule, LedgerKind, Minor, NoCharge, Posting, Timestamp, Unpaid,
    command_id,
};

/// What commands say in the place of a step.
const INTEREST: &str = "interest";

/// A charge to be asked for.
struct Proposed<'r> {
    kind: ChargeKind,
    name: Arc<str>,
    posting: &'r Posting,
    amount: Minor,
}

impl Ladder<'_> {
    /// Before anything moves at an instant: the days until then count in the interest.
    pub(super) fn accrue(&mut self, at: Timestamp) {
        if self.policy.accrues() && self.account.cycle.is_some() {
            let stands = self.account.is_paused() || self.account.stops().fees;
            let counts = if stands { Counts::Nothing } else { Counts::All };
            self.account.accrue(self.zone.day_of(at), counts);
        }
    }

    /// A cycle begins, or goes on.
    pub(super) fn accrue_from_now(&mut self) {
        if self.policy.accrues() {
            self.account.accrue(self.zone.day_of(self.account.line), Counts::New);
        }
    }

    /// What is dunned of some of the bills.
    fn dunned_of(&self, counts: impl Fn(&Bill) -> bool) -> Minor {
        let at = self.account.line;
        self.dunned_bills(at).filter(|bill| counts(bill)).map(|bill| self.owed_of(bill, at)).sum()
    }

    /// True where charges are dunned as bills are.
    fn dunns_charges(&self) -> bool {
        self.policy.options.charges.as_ref().is_some_and(|rules| rules.unpaid == Unpaid::Dun)
    }

    /// Counts what an account is to be charged; false where it can bear no more.
    fn admit_charge(&mut self, amount: Minor) -> bool {
        let full = self.account.charges().is_some_and(|all| all.charges.len() >= CHARGES_MAX);
        !full && self.account.turn_over(amount).is_ok()
    }

    /// A charge whose command lies on the bus, or will: it is owed at once.
    fn count_charge(&mut self, asked: &FoundCharge<'_>, booking: Booking) {
        let FoundCharge { sequence, kind, name, code, amount, tax } = *asked;
        let bill = command_id(&self.account.id, sequence).to_string().as_str().into();
        let (name, code, dunned) = (name.clone(), code.clone(), self.dunns_charges());
        let charge = Charge { sequence, kind, name, code, amount, tax, dunned, bill, booking };
        let yesterday = self.zone.day_of(self.account.line).plus(-1);
        self.account.put_charge(charge, yesterday);
    }

    /// The next step comes: what is charged with it.
    pub(super) fn charge_with_step(&mut self) {
        let policy = self.policy.clone();
        let (Some(rules), Some(cycle)) = (&policy.options.charges, &self.account.cycle) else { return };
        let place = cycle.next;
        let comes = |fee: &&FeeRule| matches!(&fee.on, FeeOn::Steps(steps) if steps.contains(&place));
        for fee in rules.fees.iter().filter(comes) {
            self.charge_fee(fee);
        }
        if let Some(interest) = rules.interest.as_ref().filter(|interest| interest.steps.contains(&place)) {
            self.charge_interest(interest);
        }
    }

    /// A bill came while others are overdue.
    pub(super) fn charge_with_bill(&mut self) {
        let policy = self.policy.clone();
        let Some(rules) = &policy.options.charges else { return };
        let principal = || self.dunned_of(|bill| !self.account.is_charge(&bill.id));
        let dunned = self.account.cycle.is_some() && !self.account.is_paused() && self.is_enough(principal());
        if self.behind || !dunned {
            return;
        }
        for fee in rules.fees.iter().filter(|fee| fee.on == FeeOn::NextBill) {
            self.charge_fee(fee);
        }
    }

    /// The cycle is about to end, as nothing but charges is owed any more: the interest that is left is charged. Where it is
    /// dunned, it counts in whatever is looked at from here on.
    pub(super) fn charge_at_end(&mut self) {
        let interest = self.policy.options.charges.as_ref().and_then(|rules| rules.interest.as_ref());
        let Some(interest) = interest.filter(|interest| interest.at_end) else { return };
        let ends = self.account.cycle.is_some() && self.dunned(self.account.line) < self.keeps();
        if ends && self.is_cured() {
            self.charge_interest(&interest.clone());
        }
    }

    /// True where what is overdue, disputed or held or not, keeps no cycle.
    fn is_cured(&self) -> bool {
        let (account, at) = (&self.account, self.account.line);
        let bills = account.bills.iter().filter(|bill| !account.is_charge(&bill.id));
        let overdue: Minor = bills.map(|bill| account.due_of(bill, bill.open(), at, self.zone)).sum();
        overdue < self.keeps()
    }

    fn charge_fee(&mut self, fee: &FeeRule) {
        let Some(currency) = self.account.currency else { return };
        if self.account.stops().fees {
            return self.decide(Code::NotCharged(NoCharge::OnHold), Some(&fee.name), None);
        }
        let amount = fee.amount(currency, self.dunned_of(|bill| self.account.bears_charges(bill)));
        if amount <= Minor::ZERO {
            return self.decide(Code::NotCharged(NoCharge::NoAmount), Some(&fee.name), None);
        }
        if let Some(days) = fee.spare_days {
            let today = self.zone.day_of(self.account.line);
            let all = self.account.aside_mut().charges.get_or_insert_default();
            let last = all.last_fee.replace(today);
            if last.is_none_or(|last| last.plus(i32::from(days)) < today) {
                return self.decide(Code::NotCharged(NoCharge::Spared), Some(&fee.name), None);
            }
        }
        let (name, posting) = (fee.name.clone(), &fee.posting);
        self.ask(Proposed { kind: ChargeKind::Fee, name, posting, amount });
    }

    fn charge_interest(&mut self, interest: &InterestRule) {
        self.accrue(self.account.line);
        let accrued = self.account.charges().and_then(|all| all.interest).map_or(0, |accrual| accrual.minor_days);
        let amount = interest.on(accrued);
        if amount <= Minor::ZERO || self.account.stops().fees {
            return;
        }
        let (name, posting) = (INTEREST.into(), &interest.posting);
        let Some(charged) = self.ask(Proposed { kind: ChargeKind::Interest, name, posting, amount }) else {
            return;
        };
        if let Some(accrual) = self.account.charges_mut().and_then(|all| all.interest.as_mut()) {
            accrual.minor_days = accrual.minor_days.saturating_sub(interest.days_of(charged));
        }
    }

    /// Asks billing for a charge; gives what is charged.
    fn ask(&mut self, proposed: Proposed<'_>) -> Option<Minor> {
        let Proposed { kind, name, posting, amount } = proposed;
        let dunned = self.dunns_charges();
        let charges = self.account.charges_mut().map(|all| &mut all.charges);
        let is_it =
            |charge: &&mut Charge| charge.booking == Booking::Found && charge.kind == kind && *charge.name == *name;
        if let Some(found) = charges.and_then(|charges| charges.iter_mut().find(is_it)) {
            (found.booking, found.dunned) = (Booking::Awaited, dunned);
            return Some(found.amount);
        }
        if !self.admit_charge(amount) {
            self.decide(Code::NotCharged(NoCharge::TooMany), Some(&name), None);
            return None;
        }
        let tax = posting.tax_in(amount);
        let (ledger, code) = (LedgerKind::of(kind), posting.code.clone());
        let bill_ids = self.dunned_bills(self.account.line).map(|bill| bill.id.clone()).collect();
        let about = About { amount_due: amount, bill_ids, cycle: self.account.cycles };
        self.command_about(about, Code::Charged, &name, Action::Ledger { kind: ledger, code, tax, reverses: None });
        let sequence = self.account.sequence;
        let (name, code) = ((&*name).into(), (&*posting.code).into());
        self.count_charge(&FoundCharge { sequence, kind, name: &name, code: &code, amount, tax }, Booking::Awaited);
        Some(amount)
    }

    /// A cycle ends: charges that nothing but they themselves keep are given up, where the policy says so.
    pub(super) fn end_charges(&mut self) {
        let waives = self.policy.options.charges.as_ref().is_some_and(|rules| rules.unpaid == Unpaid::Waive);
        let Some(all) = self.account.charges_mut() else { return };
        if let Some(interest) = &mut all.interest {
            interest.minor_days = 0;
        }
        for charge in all.charges.iter_mut().filter(|charge| charge.booking == Booking::Found) {
            charge.booking = Booking::Awaited;
        }
        let count = all.charges.len();
        if waives && self.is_cured() {
            (0..count).for_each(|place| self.waive(place));
        }
    }

    fn waive(&mut self, place: usize) {
        let Some(all) = self.account.charges() else { return };
        let Some(charge) = all.charges.get(place).cloned() else { return };
        let amount = self.account.open_charge(&charge);
        if amount <= Minor::ZERO || all.waivers.len() >= CHARGES_MAX {
            return;
        }
        let tax = part(charge.tax, i128::from(amount.get()), i128::from(charge.amount.get().max(1)));
        let reverses = Some(command_id(&self.account.id, charge.sequence));
        let about = About { amount_due: amount, bill_ids: vec![charge.bill], cycle: self.account.cycles };
        let (name, code) = ((&*charge.name).into(), (&*charge.code).into());
        self.command_about(
            about,
            Code::Waived,
            &name,
            Action::Ledger { kind: LedgerKind::Waiver, code, tax, reverses },
        );
        let sequence = self.account.sequence;
        self.account.put_waiver(place, sequence, amount);
    }

    /// A charge lies on the bus that the account did not know of: billing books it, whatever is decided here.
    pub(super) fn note_asked(&mut self, found: &FoundCharge<'_>) {
        if self.admit_charge(found.amount) {
            self.count_charge(found, Booking::Found);
        }
    }
}

/// A charge that lies on the bus.
pub(super) struct FoundCharge<'f> {
    pub(super) sequence: u64,
    pub(super) kind: ChargeKind,
    pub(super) name: &'f Id,
    pub(super) code: &'f Id,
    pub(super) amount: Minor,
    pub(super) tax: Minor,
}
