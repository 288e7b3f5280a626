//! Erasure: what is known of a person goes at once, what was owed once it is owed no more and no payment can come back;
//! a stub is left, so that an account that returns does not begin again at 1 and nothing that was counted counts twice.

use super::ladder::Ladder;
use super::reach::Reach;
use crate::{Account, Aside, Bill, Body, Code, Day, IdHash, Minor, NoEffect, Timestamp, Zone};

/// That the account's data is to be erased, and how far that is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Erasure {
    /// When the source of profiles asked for it; `None`: a profile came since.
    pub asked: Option<Timestamp>,
    /// True once all but the stub was erased: of what was there before, only hashed ids are remembered.
    pub stub: bool,
}

impl Account {
    /// Whether its data is to be erased, or was.
    #[must_use]
    pub fn erasure(&self) -> Option<Erasure> {
        self.aside.as_ref()?.erasure
    }

    /// What is known of the person goes. False where that was asked for already.
    pub(super) fn erase_person(&mut self) -> bool {
        if self.erasure().is_some_and(|erasure| erasure.asked.is_some()) {
            return false;
        }
        self.profile = None;
        self.put_facts(None);
        self.forget_reports();
        let line = self.line;
        let aside = self.aside_mut();
        (aside.reach, aside.usage) = (Reach::default(), None);
        let stub = aside.erasure.is_some_and(|erasure| erasure.stub);
        aside.erasure = Some(Erasure { asked: Some(line), stub });
        true
    }

    /// A profile came: there is a person again.
    pub(super) fn note_return(&mut self) {
        let Some(aside) = &mut self.aside else { return };
        if let Some(erasure) = &mut aside.erasure {
            erasure.asked = None;
            aside.erasure.take_if(|erasure| !erasure.stub);
        }
    }

    /// What was there before the erasure is known by its hash.
    ///
    /// # Errors
    /// It was.
    pub(super) fn was_erased(&self, body: &Body<'_>) -> Result<(), NoEffect> {
        if self.erasure().is_none_or(|erasure| !erasure.stub) {
            return Ok(());
        }
        let (id, known) = match body {
            Body::BillIssued { bill_id, .. } => (bill_hash(bill_id), NoEffect::KnownBill),
            Body::PaymentReceived { payment_id, .. } => (payment_hash(payment_id), NoEffect::KnownPayment),
            Body::DisputeOpened { dispute_id, .. } => (dispute_hash(dispute_id), NoEffect::KnownDispute),
            _ => return Ok(()),
        };
        if self.seen.contains(id) { Err(known) } else { Ok(()) }
    }

    /// True where something is left that is no part of a stub.
    fn has_state(&self) -> bool {
        let stub = Aside { erasure: self.erasure(), ..Aside::default() };
        let beside = self.aside.as_deref().is_some_and(|aside| *aside != stub);
        !(self.bills.is_empty() && self.payments.is_empty() && self.disputes.is_empty())
            || self.currency.is_some()
            || self.bar_decided.is_some()
            || beside
    }

    /// True where nobody owes anybody anything, and nothing is under way.
    fn is_even(&self) -> bool {
        let owed = self.bills.iter().any(|bill: &Bill| bill.open() > Minor::ZERO);
        let charged = self.charges().is_some_and(|charges| !charges.charges.is_empty() || !charges.waivers.is_empty());
        let asked = self.write_offs().iter().any(|asked| !asked.booked);
        let under_way = !self.retries().is_empty() || self.imported().is_some();
        let sent = self.services().is_some_and(|known| known.restored.iter().any(|r| r.again.is_some()));
        self.cycle.is_none() && self.credit == Minor::ZERO && !owed && !charged && !asked && !under_way && !sent
    }

    /// All goes but the stub. Ids are remembered as hashes, as long as those of events are.
    fn erase_state(&mut self, today: Day) {
        let bills = self.bills.iter().map(|bill| bill_hash(&bill.id));
        let payments = self.payments.iter().map(|payment| payment_hash(&payment.id));
        let disputes = self.disputes.iter().map(|dispute| dispute_hash(&dispute.id));
        let ids: Vec<IdHash> = bills.chain(payments).chain(disputes).collect();
        for id in ids {
            if !self.seen.contains(id) {
                self.seen.insert(id, today);
            }
        }
        let asked = self.erasure().and_then(|erasure| erasure.asked);
        self.bills.clear();
        self.payments.clear();
        self.disputes.clear();
        (self.currency, self.turnover, self.bar_decided) = (None, Minor::ZERO, None);
        self.aside = Some(Box::new(Aside { erasure: Some(Erasure { asked, stub: true }), ..Aside::default() }));
    }
}

// Name spaces of their own among the remembered ids: an event may bear the same text.
fn bill_hash(id: &str) -> IdHash {
    IdHash::of(&format!("bill/{id}"))
}

fn payment_hash(id: &str) -> IdHash {
    IdHash::of(&format!("payment/{id}"))
}

fn dispute_hash(id: &str) -> IdHash {
    IdHash::of(&format!("dispute/{id}"))
}

impl Ladder<'_> {
    /// When all but a stub is erased; `None`: it is not asked for, or something is owed.
    pub(super) fn next_erasure(&self) -> Option<Timestamp> {
        let asked = self.account.erasure()?.asked?;
        if !self.account.has_state() || !self.account.is_even() {
            return None;
        }
        let keep = i32::from(self.policy.options.payments_kept_days);
        let paid = self.account.payments.iter().map(|payment| payment.day).max();
        Some(paid.map_or(asked, |day| asked.max(Zone::UTC.start_of_day(day.plus(keep)))))
    }

    /// At the end of every transition: what need not be kept any more is erased.
    pub(super) fn erase_rest(&mut self) {
        if self.next_erasure().is_none_or(|at| at > self.account.line) {
            return;
        }
        let today = Zone::UTC.day_of(self.account.line);
        self.account.erase_state(today);
        self.decide(Code::StateErased, None, None);
    }

    /// When a stub forgets the ids, which nothing else makes it do; `horizon` in days.
    pub(super) fn next_forgetting(&self, horizon: Option<u32>) -> Option<Timestamp> {
        let days = i32::try_from(horizon?).ok()?;
        let stub = self.account.erasure().is_some_and(|erasure| erasure.stub && erasure.asked.is_some());
        let (_, last) = self.account.seen.ids().last().filter(|_| stub && !self.account.has_state())?;
        Some(Zone::UTC.start_of_day(last.plus(days.saturating_add(1))))
    }

    /// A stub forgets ids that no event can bear any more.
    pub(super) fn forget_ids(&mut self, horizon: Option<u32>) {
        if self.next_forgetting(horizon).is_some_and(|at| at <= self.account.line) {
            self.account.seen.forget_before(Day::MAX);
        }
    }
}
