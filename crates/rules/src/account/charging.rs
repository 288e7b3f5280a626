//! When an account is charged: with steps of its ladder, with the next bill, at the end of a cycle; and when that is given
//! up.

use std::sync::Arc;

use super::charge::{Booking, CHARGES_MAX, Charge, ChargeKind, Counts};
use super::ladder::Ladder;
use super::say::About;
use crate::charge::part;
use crate::{
    Action, ChargeRules, Code, FeeOn, FeeRule, Id, InterestRule, LedgerKind, Minor, NoCharge, Posting, Timestamp,
    Unpaid, command_id,
};

/// What commands say in the place of a step.
const INTEREST: &str = "interest";

/// A charge to be asked for.
struct Proposed<'r> {
    kind: ChargeKind,
    name: Arc<str>,
    posting: &'r Posting,
    amount: Minor,
    dunned: bool,
}

impl Ladder<'_> {
    /// Before anything moves at an instant: the days until then count in the interest.
    pub(super) fn accrue(&mut self, at: Timestamp) {
        let interest = self.policy.options.charges.as_ref().is_some_and(|rules| rules.interest.is_some());
        if interest && self.account.cycle.is_some() {
            let stands = self.account.is_paused() || self.account.stops().fees;
            let counts = if stands { Counts::Nothing } else { Counts::All };
            self.account.accrue(self.zone.day_of(at), counts);
        }
    }

    /// A cycle begins, or goes on.
    pub(super) fn accrue_from_now(&mut self) {
        if self.policy.options.charges.as_ref().is_some_and(|rules| rules.interest.is_some()) {
            self.account.accrue(self.zone.day_of(self.account.line), Counts::New);
        }
    }

    /// What is dunned, charges aside.
    fn principal(&self) -> Minor {
        let at = self.account.line;
        let bills = self.dunned_bills(at).filter(|bill| !self.account.is_charge(&bill.id));
        bills.map(|bill| self.owed_of(bill, at)).sum()
    }

    /// What a share is of: what is dunned, charges aside, and bills for which a hold lets nothing be charged.
    fn charged_for(&self) -> Minor {
        let (account, at) = (&self.account, self.account.line);
        let free = |bill: &Id| account.pauses().is_some_and(|pauses| pauses.frees_of_charges(bill));
        let bills = self.dunned_bills(at).filter(|bill| !account.is_charge(&bill.id) && !free(&bill.id));
        bills.map(|bill| self.owed_of(bill, at)).sum()
    }

    /// The next step comes: what is charged with it.
    pub(super) fn charge_with_step(&mut self) {
        let policy = self.policy.clone();
        let (Some(rules), Some(cycle)) = (&policy.options.charges, &self.account.cycle) else { return };
        let place = cycle.next;
        let comes = |fee: &&FeeRule| matches!(&fee.on, FeeOn::Steps(steps) if steps.contains(&place));
        for fee in rules.fees.iter().filter(comes) {
            self.charge_fee(rules, fee);
        }
        if let Some(interest) = rules.interest.as_ref().filter(|interest| interest.steps.contains(&place)) {
            self.charge_interest(rules, interest);
        }
    }

    /// A bill came while others are overdue.
    pub(super) fn charge_with_bill(&mut self) {
        let policy = self.policy.clone();
        let Some(rules) = &policy.options.charges else { return };
        let dunned = self.account.cycle.is_some() && !self.account.is_paused() && self.is_enough(self.principal());
        if self.behind || !dunned {
            return;
        }
        for fee in rules.fees.iter().filter(|fee| fee.on == FeeOn::NextBill) {
            self.charge_fee(rules, fee);
        }
    }

    /// The cycle is about to end, as nothing but charges is owed any more: the interest that is left is charged. Where it is
    /// dunned, it counts in whatever is looked at from here on.
    pub(super) fn charge_at_end(&mut self) {
        let policy = self.policy.clone();
        let Some(rules) = &policy.options.charges else { return };
        let Some(interest) = rules.interest.as_ref().filter(|interest| interest.at_end) else { return };
        let ends = self.account.cycle.is_some() && self.dunned(self.account.line) < self.keeps();
        if ends && self.is_cured() {
            self.charge_interest(rules, interest);
        }
    }

    /// True where what is overdue, disputed or held or not, keeps no cycle.
    fn is_cured(&self) -> bool {
        let (account, at) = (&self.account, self.account.line);
        let bills = account.bills.iter().filter(|bill| !account.is_charge(&bill.id));
        let overdue: Minor = bills.map(|bill| account.due_of(bill, bill.open(), at, self.zone)).sum();
        overdue < self.keeps()
    }

    fn charge_fee(&mut self, rules: &ChargeRules, fee: &FeeRule) {
        let Some(currency) = self.account.currency else { return };
        if self.account.stops().fees {
            return self.decide(Code::NotCharged(NoCharge::OnHold), Some(&fee.name), None);
        }
        let amount = fee.amount(currency, self.charged_for());
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
        let (name, posting, dunned) = (fee.name.clone(), &fee.posting, rules.unpaid == Unpaid::Dun);
        self.ask(Proposed { kind: ChargeKind::Fee, name, posting, amount, dunned });
    }

    fn charge_interest(&mut self, rules: &ChargeRules, interest: &InterestRule) {
        self.accrue(self.account.line);
        let accrued = self.account.charges().and_then(|all| all.interest).map_or(0, |accrual| accrual.minor_days);
        let amount = interest.on(accrued);
        if amount <= Minor::ZERO || self.account.stops().fees {
            return;
        }
        let (name, posting, dunned) = (INTEREST.into(), &interest.posting, rules.unpaid == Unpaid::Dun);
        let Some(charged) = self.ask(Proposed { kind: ChargeKind::Interest, name, posting, amount, dunned }) else {
            return;
        };
        if let Some(accrual) = self.account.charges_mut().and_then(|all| all.interest.as_mut()) {
            accrual.minor_days = accrual.minor_days.saturating_sub(interest.days_of(charged));
        }
    }

    /// Asks billing for a charge; gives what is charged.
    fn ask(&mut self, proposed: Proposed<'_>) -> Option<Minor> {
        let Proposed { kind, name, posting, amount, dunned } = proposed;
        let charges = self.account.charges_mut().map(|all| &mut all.charges);
        let is_it =
            |charge: &&mut Charge| charge.booking == Booking::Found && charge.kind == kind && *charge.name == *name;
        if let Some(found) = charges.and_then(|charges| charges.iter_mut().find(is_it)) {
            (found.booking, found.dunned) = (Booking::Awaited, dunned);
            return Some(found.amount);
        }
        let full = self.account.charges().is_some_and(|all| all.charges.len() >= CHARGES_MAX);
        if full || self.account.turn_over(amount).is_err() {
            self.decide(Code::NotCharged(NoCharge::TooMany), Some(&name), None);
            return None;
        }
        let tax = posting.tax_in(amount);
        let (ledger, code) = (LedgerKind::of(kind), posting.code.clone());
        let bill_ids = self.dunned_bills(self.account.line).map(|bill| bill.id.clone()).collect();
        let about = About { amount_due: amount, bill_ids, cycle: self.account.cycles };
        self.command_about(about, Code::Charged, &name, Action::Ledger { kind: ledger, code, tax, reverses: None });
        let sequence = self.account.sequence;
        let bill = command_id(&self.account.id, sequence).to_string().as_str().into();
        let (name, code) = ((&*name).into(), (&*posting.code).into());
        let booking = Booking::Awaited;
        let charge = Charge { sequence, kind, name, code, amount, tax, dunned, bill, booking };
        // It is owed at once.
        let yesterday = self.zone.day_of(self.account.line).plus(-1);
        self.account.put_charge(charge, yesterday);
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
        let full = self.account.charges().is_some_and(|all| all.charges.len() >= CHARGES_MAX);
        if full || self.account.turn_over(found.amount).is_err() {
            return;
        }
        let bill = command_id(&self.account.id, found.sequence).to_string().as_str().into();
        let FoundCharge { sequence, kind, name, code, amount, tax } = *found;
        let dunned = self.policy.options.charges.as_ref().is_some_and(|rules| rules.unpaid == Unpaid::Dun);
        let (name, code, booking) = (name.clone(), code.clone(), Booking::Found);
        let charge = Charge { sequence, kind, name, code, amount, tax, dunned, bill, booking };
        let yesterday = self.zone.day_of(self.account.line).plus(-1);
        self.account.put_charge(charge, yesterday);
    }
}

/// A charge that lies on the bus.
pub(super) struct FoundCharge<'f> {
    pub(super) sequence: u64,
    pub(super) kind: ChargeKind,
    pub(super) name: &'f crate::Id,
    pub(super) code: &'f crate::Id,
    pub(super) amount: Minor,
    pub(super) tax: Minor,
}
