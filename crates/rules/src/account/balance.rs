//! What bills, payments and disputes do to balances. Nothing here looks at the ladder.

use crate::{
    Account, Bill, Body, Currency, Day, DebitNote, Dispute, DisputeEnd, DisputedPart, IdHash, Minor, NoEffect,
    PayDisputed, Payment, PaymentPart, Refusal, Shortcuts, Term,
};

/// What an event did to the balances.
pub(super) type Moved = Result<(), Rejected>;

/// Why it did nothing.
pub(super) enum Rejected {
    NoEffect(NoEffect),
    Refused(Refusal),
}

impl From<NoEffect> for Rejected {
    fn from(reason: NoEffect) -> Self {
        Self::NoEffect(reason)
    }
}

impl From<Refusal> for Rejected {
    fn from(reason: Refusal) -> Self {
        Self::Refused(reason)
    }
}

/// A bill as it was issued.
pub(super) struct Issued<'a> {
    pub(super) id: &'a str,
    pub(super) amount: Minor,
    pub(super) currency: Currency,
    pub(super) due_on: Day,
    pub(super) terms: &'a [Term],
}

/// A payment as it was received.
pub(super) struct Received<'a> {
    pub(super) id: &'a str,
    pub(super) amount: Minor,
    pub(super) currency: Currency,
    pub(super) bill_id: Option<&'a str>,
    pub(super) day: Day,
}

impl Account {
    /// The amount that an event moves, for the bound on turnover.
    pub(super) fn moves(body: &Body<'_>) -> Minor {
        match body {
            Body::BillIssued { amount, .. }
            | Body::BillWrittenOff { amount, .. }
            | Body::WriteOffReversed { amount, .. }
            | Body::AccountCredited { amount, .. }
            | Body::PaymentReceived { amount, .. }
            | Body::PaymentReversed { amount, .. } => *amount,
            Body::BillAdjusted { delta, .. } => delta.magnitude(),
            Body::DisputeOpened { amount, .. } => amount.unwrap_or(Minor::ZERO),
            Body::DisputeResolved { credited, .. } => *credited,
            _ => Minor::ZERO,
        }
    }

    /// Counts what is about to move; everything after it stays within `i64`.
    pub(super) fn turn_over(&mut self, amount: Minor) -> Moved {
        let total = self.turnover.checked_add(amount).filter(|t| *t <= Minor::TURNOVER_MAX);
        if amount > Minor::EVENT_MAX {
            return Err(Refusal::Overflow.into());
        }
        self.turnover = total.ok_or(Refusal::Overflow)?;
        Ok(())
    }

    /// Whether a bill can be one of this account's; its terms are remembered then.
    pub(super) fn admit_bill(&mut self, bill: &Issued<'_>) -> Moved {
        if self.bill(bill.id).is_some() {
            return Err(NoEffect::KnownBill.into());
        }
        self.in_currency(bill.currency)?;
        self.note_terms(bill.id, bill.due_on, bill.terms)
    }

    pub(super) fn issue(&mut self, bill: &Issued<'_>) -> Moved {
        self.admit_bill(bill)?;
        let at = self.put_bill(Bill::new(bill.id.into(), bill.amount, bill.due_on));
        self.credit -= put(&mut self.bills[at], self.credit);
        Ok(())
    }

    /// Puts a bill in its place, and gives that.
    pub(super) fn put_bill(&mut self, bill: Bill) -> usize {
        let at = self.bills.partition_point(|b| (b.due_on, &b.id) < (bill.due_on, &bill.id));
        self.bills.insert(at, bill);
        at
    }

    pub(super) fn adjust(&mut self, bill_id: &str, delta: Minor, rule: DebitNote) -> Moved {
        let bill = self.bill_mut(bill_id).ok_or(NoEffect::UnknownBill)?;
        bill.adjustments += delta;
        let payable = (bill.amount + bill.adjustments - bill.credited).or_zero();
        let excess = (bill.paid - payable).or_zero();
        if excess > Minor::ZERO {
            bill.paid -= excess;
            self.credit += excess;
            self.spend_credit();
        } else if rule == DebitNote::DrawsOnCredit {
            self.spend_credit();
        }
        Ok(())
    }

    pub(super) fn cancel(&mut self, bill_id: &str) -> Moved {
        let at = self.bills.iter().position(|b| &*b.id == bill_id).ok_or(NoEffect::UnknownBill)?;
        let bill = self.bills.remove(at);
        if bill.paid > Minor::ZERO {
            self.credit += bill.paid;
            self.spend_credit();
        }
        Ok(())
    }

    pub(super) fn write_off(&mut self, bill_id: &str, amount: Minor) -> Moved {
        let bill = self.bill_mut(bill_id).ok_or(NoEffect::UnknownBill)?;
        bill.written_off += amount.min(bill.open());
        Ok(())
    }

    pub(super) fn reverse_write_off(&mut self, bill_id: &str, amount: Minor) -> Moved {
        let bill = self.bill_mut(bill_id).ok_or(NoEffect::UnknownBill)?;
        bill.written_off -= amount.min(bill.written_off);
        Ok(())
    }

    pub(super) fn take_credit(&mut self, credit_id: &str, amount: Minor, currency: Currency, day: Day) -> Moved {
        // Its own name space among the remembered ids: an event may bear the same text.
        let id = IdHash::of(&format!("credit/{credit_id}"));
        if self.seen.contains(id) {
            return Err(NoEffect::KnownCredit.into());
        }
        self.in_currency(currency)?;
        self.seen.insert(id, day);
        self.credit += amount;
        self.spend_credit();
        Ok(())
    }

    pub(super) fn pay(&mut self, paid: &Received<'_>, rule: PayDisputed) -> Moved {
        if self.payments.iter().any(|p| &*p.id == paid.id) {
            return Err(NoEffect::KnownPayment.into());
        }
        self.in_currency(paid.currency)?;
        let mut parts = Vec::new();
        let mut rest = paid.amount;
        let named = paid.bill_id.and_then(|id| self.bills.iter_mut().find(|b| &*b.id == id));
        if let Some(bill) = named {
            rest -= allot(&mut parts, bill, rest);
        }
        if rule == PayDisputed::Last {
            rest = self.allot_by_day(&mut parts, rest, Bill::undisputed);
        }
        rest = self.allot_by_day(&mut parts, rest, Bill::open);
        self.credit += rest;
        self.payments.push(Payment { id: paid.id.into(), left: paid.amount, day: paid.day, parts });
        Ok(())
    }

    pub(super) fn reverse(&mut self, payment_id: &str, amount: Minor) -> Moved {
        let payment = self.payments.iter_mut().find(|p| &*p.id == payment_id).ok_or(NoEffect::UnknownPayment)?;
        let mut rest = amount.min(payment.left);
        let from_credit = rest.min(self.credit);
        self.credit -= from_credit;
        payment.left -= from_credit;
        rest -= from_credit;
        for part in payment.parts.iter_mut().rev() {
            let Some(bill) = self.bills.iter_mut().find(|b| b.id == part.bill) else { continue };
            let back = rest.min(part.amount).min(bill.paid);
            part.amount -= back;
            bill.paid -= back;
            payment.left -= back;
            rest -= back;
        }
        Ok(())
    }

    pub(super) fn dispute(
        &mut self,
        dispute_id: &str,
        bill_id: Option<&str>,
        amount: Option<Minor>,
        day: Day,
    ) -> Moved {
        if self.disputes.iter().any(|d| &*d.id == dispute_id) {
            return Err(NoEffect::KnownDispute.into());
        }
        let mut parts = Vec::new();
        if let Some(bill_id) = bill_id {
            let bill = self.bill_mut(bill_id).ok_or(NoEffect::UnknownBill)?;
            let open = bill.open();
            let disputed = open.min(bill.disputed + amount.map_or(open, |a| a.min(open)));
            parts.push(contest(bill, disputed));
        } else {
            for bill in self.bills.iter_mut().filter(|b| b.open() > Minor::ZERO) {
                let open = bill.open();
                parts.push(contest(bill, open));
            }
        }
        self.disputes.push(Dispute { id: dispute_id.into(), resolved: false, day, parts });
        Ok(())
    }

    /// `day` is the day of the resolution where the account lives: the age of its bills begins there.
    pub(super) fn resolve(&mut self, dispute_id: &str, credited: Minor, day: Day, rule: DisputeEnd) -> Moved {
        let dispute = self.disputes.iter_mut().find(|d| &*d.id == dispute_id).ok_or(NoEffect::UnknownDispute)?;
        if dispute.resolved {
            return Err(NoEffect::ResolvedDispute.into());
        }
        dispute.resolved = true;
        let parts = std::mem::take(&mut dispute.parts);
        let mut credit = credited;
        for bill in &mut self.bills {
            let Some(part) = parts.iter().find(|p| p.bill == bill.id) else { continue };
            bill.disputed = match rule {
                DisputeEnd::FreesTheBill => Minor::ZERO,
                DisputeEnd::FreesItsOwn => (bill.disputed - part.amount).or_zero(),
            };
            bill.clear_from = Some(day);
            let given = credit.min(bill.open());
            bill.credited += given;
            credit -= given;
        }
        Ok(())
    }

    /// Forgets what happened before the day and can no longer matter: ids, settled bills, old payments, ended disputes.
    pub(super) fn forget_before(&mut self, day: Day) {
        self.seen.forget_before(day);
        self.payments.retain(|p| p.day >= day);
        self.disputes.retain(|d| !d.resolved || d.day >= day);
        let awaited: Vec<bool> = self.bills.iter().map(|bill| self.is_awaited(&bill.id)).collect();
        let mut awaited = awaited.into_iter();
        self.bills.retain(|b| awaited.next().unwrap_or(false) || b.open() > Minor::ZERO || b.due_on >= day);
    }

    pub(super) fn in_currency(&mut self, currency: Currency) -> Moved {
        match self.currency {
            Some(c) if c != currency => Err(Refusal::OtherCurrency.into()),
            _ => {
                self.currency = Some(currency);
                Ok(())
            }
        }
    }

    pub(super) fn bill(&self, id: &str) -> Option<&Bill> {
        self.bills.iter().find(|b| &*b.id == id)
    }

    fn bill_mut(&mut self, id: &str) -> Option<&mut Bill> {
        self.bills.iter_mut().find(|b| &*b.id == id)
    }

    /// Spends the credit balance as a whole on open bills, oldest due date first.
    pub(super) fn spend_credit(&mut self) {
        self.credit = self.allot_by_day(&mut Vec::new(), self.credit, Bill::open);
    }

    /// Puts money on what is owed, the earliest last day first, as far as `left` of each bill; what is too much remains.
    fn allot_by_day(&mut self, parts: &mut Vec<PaymentPart>, amount: Minor, left: fn(&Bill) -> Minor) -> Minor {
        let mut rest = amount;
        if self.has_terms() || self.has_apart() {
            for (place, most) in self.left_by_day(left) {
                rest -= allot(parts, &mut self.bills[place], rest.min(most));
            }
            return rest;
        }
        for bill in &mut self.bills {
            let most = rest.min(left(bill));
            rest -= allot(parts, bill, most);
        }
        rest
    }

    /// The balance part of an event: everything but profiles, interactions and the ladder.
    pub(super) fn move_money(&mut self, body: &Body<'_>, rules: &Shortcuts, day: Day, local_day: Day) -> Moved {
        if let Body::BillIssued { origin, .. } | Body::BillAdjusted { origin, .. } | Body::BillWrittenOff { origin, .. } =
            *body
            && self.is_booked(origin)
        {
            return Err(NoEffect::BookedBefore.into());
        }
        // A waiver was counted when it was asked for.
        if let Body::BillAdjusted { origin, .. } | Body::BillWrittenOff { origin, .. } = *body
            && self.take_waiver(origin)
        {
            return Ok(());
        }
        match *body {
            Body::BillIssued { bill_id, amount, currency, due_on, ref terms, origin, .. } => {
                let bill = Issued { id: bill_id, amount, currency, due_on, terms };
                match origin.and_then(|origin| self.answered(origin)) {
                    Some(place) => self.book(place, &bill),
                    None => self.issue(&bill),
                }
            }
            Body::BillAdjusted { bill_id, delta, origin } => match origin.and_then(|origin| self.answered(origin)) {
                Some(place) => self.add(place, bill_id, delta, rules.debit_note),
                None => self.adjust(bill_id, delta, rules.debit_note),
            },
            Body::BillCancelled { bill_id } => self.cancel(bill_id),
            Body::BillWrittenOff { bill_id, amount, origin } => {
                let asked = self.write_off_asked(origin)?;
                self.write_off(bill_id, amount)?;
                self.note_written_off(asked);
                Ok(())
            }
            Body::WriteOffReversed { bill_id, amount } => {
                self.reverse_write_off(bill_id, amount)?;
                self.forget_write_off(bill_id);
                Ok(())
            }
            Body::AccountCredited { credit_id, amount, currency } => self.take_credit(credit_id, amount, currency, day),
            Body::PaymentReceived { payment_id, amount, currency, bill_id, .. } => {
                self.pay(&Received { id: payment_id, amount, currency, bill_id, day }, rules.pay_disputed)
            }
            Body::PaymentReversed { payment_id, amount, .. } => self.reverse(payment_id, amount),
            Body::DisputeOpened { dispute_id, bill_id, amount, ref line_ids } => {
                let of_lines = || self.sum_of_lines(bill_id?, line_ids);
                self.dispute(dispute_id, bill_id, amount.or_else(of_lines), day)
            }
            Body::DisputeResolved { dispute_id, credited, .. } => {
                self.resolve(dispute_id, credited, local_day, rules.dispute_end)
            }
            Body::PaymentFailed(_) => Err(NoEffect::PaymentFailed.into()),
            Body::UsageRecorded(_) => Err(NoEffect::Usage.into()),
            _ => Err(NoEffect::NotUsedYet.into()),
        }
    }
}

fn put(bill: &mut Bill, most: Minor) -> Minor {
    let amount = most.min(bill.open());
    bill.paid += amount;
    amount
}

fn allot(parts: &mut Vec<PaymentPart>, bill: &mut Bill, most: Minor) -> Minor {
    let amount = put(bill, most);
    if amount > Minor::ZERO {
        parts.push(PaymentPart { bill: bill.id.clone(), amount });
    }
    amount
}

/// Raises a bill's disputed amount; what was disputed beyond what is open (paid since) is let go.
fn contest(bill: &mut Bill, disputed: Minor) -> DisputedPart {
    let amount = (disputed - bill.disputed).or_zero();
    bill.disputed = disputed;
    DisputedPart { bill: bill.id.clone(), amount }
}
