//! What stops an account's dunning for a time: holds, promises to pay, instalment plans. What is remembered of them,
//! and what events make of it; what the ladder makes of it is in `pausing`.

use super::aside::Offered;
use super::balance::Moved;
use crate::id::is_command;
use crate::{Account, Body, Day, Id, Interaction, Minor, NoEffect, Refusal, Stops, Term, Timestamp};

/// The most holds, and the most promises, that an account has at a time.
const PAUSES_MAX: usize = 16;
/// The most instalments of a plan, and the most bills that a hold names.
const PARTS_MAX: usize = 240;
/// Only so many of the last promises are counted by a limit.
const ACCEPTED_MAX: usize = 32;

/// What stops an account, and what came of it before.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pauses {
    /// Since when nothing at all is done; `None`: something may be.
    pub since: Option<Timestamp>,
    /// Index of the step of the first bar that was lifted for it: the ladder goes on there.
    pub back_to: Option<u16>,
    /// In the order placed.
    pub holds: Vec<HoldInForce>,
    /// In the order made.
    pub promises: Vec<Promise>,
    /// The instalment plan.
    pub plan: Option<Plan>,
    /// Payments that are on their way, in the order announced.
    pub transit: Vec<Transit>,
    /// True where they are enough for what is overdue.
    pub covered: bool,
    /// What billing says is owed beyond what is known here; `None`: the two agree, as far as is known.
    pub drift: Option<Minor>,
    /// Promises and plans that were kept.
    pub kept: u16,
    /// Promises and plans that were broken.
    pub broken: u16,
    /// The days on which the last promises were accepted, the earliest first.
    pub accepted: Vec<Day>,
}

/// A hold that was placed and not released.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HoldInForce {
    /// Unique within the account.
    pub id: Id,
    /// Why; may be empty.
    pub kind: Id,
    /// Until when; `None`: until released.
    pub until: Option<Timestamp>,
    /// The day on which it was placed.
    pub day: Day,
    /// The bills held; empty: the account.
    pub bills: Vec<Id>,
    /// What it stops.
    pub stops: Stops,
}

/// A promise to pay that is open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Promise {
    /// Unique within the account.
    pub id: Id,
    /// Promised.
    pub amount: Minor,
    /// Paid since.
    pub paid: Minor,
    /// The UTC day on which it was made.
    pub day: Day,
    /// The last day of the promise.
    pub promised_on: Day,
}

/// An instalment plan that runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Unique within the account.
    pub id: Id,
    /// In the order of their days; at least one.
    pub instalments: Vec<Term>,
    /// Paid since it was agreed.
    pub paid: Minor,
    /// The UTC day on which it was agreed.
    pub day: Day,
}

/// A payment that is on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transit {
    /// As in the payment to come.
    pub id: Id,
    /// How much.
    pub amount: Minor,
    /// The last day on which it counts, where the account lives.
    pub until: Day,
}

impl Plan {
    /// What has to be paid by the end of a day.
    #[must_use]
    pub fn due_by(&self, day: Day) -> Minor {
        self.instalments.iter().filter(|part| part.due_on <= day).map(|part| part.amount).sum()
    }

    /// All of it.
    #[must_use]
    pub fn total(&self) -> Minor {
        self.instalments.iter().map(|part| part.amount).sum()
    }
}

impl HoldInForce {
    fn names(&self, bill: &str) -> bool {
        self.bills.iter().any(|held| **held == *bill)
    }
}

impl Pauses {
    /// True where nothing is stopped, and nothing waits for its end.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        let stopped = self.since.is_some() || self.covered;
        let lists = [self.holds.is_empty(), self.promises.is_empty(), self.plan.is_none(), self.transit.is_empty()];
        !stopped && lists == [true; 4]
    }

    /// What of the account as a whole is stopped, and that by whatever is in force.
    #[must_use]
    pub fn stops(&self) -> Stops {
        if self.covered || !self.promises.is_empty() || self.plan.is_some() {
            return Stops::ALL;
        }
        let whole = self.holds.iter().filter(|hold| hold.bills.is_empty());
        whole.fold(Stops::default(), |stops, hold| stops.or(hold.stops))
    }

    /// True where a hold leaves a bill out, whatever it says it stops: a debt is dunned or it is not.
    #[must_use]
    pub fn holds_bill(&self, bill: &str) -> bool {
        self.holds.iter().filter(|hold| hold.stops.contacts || hold.stops.bars).any(|hold| hold.names(bill))
    }

    /// True where a hold says that nothing is charged for a bill.
    #[must_use]
    pub fn frees_of_charges(&self, bill: &str) -> bool {
        self.holds.iter().filter(|hold| hold.stops.fees).any(|hold| hold.names(bill))
    }
}

impl Account {
    /// What stops it, where anything does or did.
    #[must_use]
    pub fn pauses(&self) -> Option<&Pauses> {
        Some(&self.aside.as_ref()?.pauses)
    }

    pub(super) fn pauses_mut(&mut self) -> Option<&mut Pauses> {
        Some(&mut self.aside.as_mut()?.pauses)
    }

    /// True where all of it is stopped.
    #[must_use]
    pub fn is_paused(&self) -> bool {
        self.pauses().is_some_and(|pauses| pauses.since.is_some())
    }

    /// What of it is stopped.
    #[must_use]
    pub fn stops(&self) -> Stops {
        self.pauses().map_or(Stops::default(), Pauses::stops)
    }

    /// What is left to pay of a bill, not disputed and not held, and no charge that is not dunned.
    #[must_use]
    pub fn dunnable(&self, bill: &crate::Bill) -> Minor {
        // Asked of every bill at every event; few accounts have anything aside.
        if self.aside.is_none() {
            return bill.undisputed();
        }
        if self.is_held(bill) || self.is_apart(bill) { Minor::ZERO } else { bill.undisputed() }
    }

    /// True where a hold leaves a bill out.
    pub(super) fn is_held(&self, bill: &crate::Bill) -> bool {
        self.pauses().is_some_and(|pauses| pauses.holds_bill(&bill.id))
    }

    /// A promise, a plan or a hold. `day` is the UTC day, `local_day` the day where the account lives.
    pub(super) fn interact(&mut self, what: &Interaction<'_>, day: Day, local_day: Day) -> Moved {
        match what {
            Interaction::PromiseMade { promise_id, amount, promised_on } => {
                let (amount, promised_on) = (*amount, *promised_on);
                if promised_on < local_day {
                    return Err(NoEffect::PastPromise.into());
                }
                let id = Id::from(*promise_id);
                self.promise(Promise { id, amount, paid: Minor::ZERO, day, promised_on })
            }
            Interaction::PlanAgreed { plan_id, instalments, replaces } => {
                let (id, instalments) = (Id::from(*plan_id), instalments.clone());
                self.plan(Plan { id, instalments, paid: Minor::ZERO, day }, *replaces)
            }
            Interaction::HoldPlaced { hold_id, kind, until, bills, stops } => self.place(HoldInForce {
                id: (*hold_id).into(),
                kind: (*kind).into(),
                until: *until,
                day: local_day,
                bills: bills.iter().map(|bill| Id::from(*bill)).collect(),
                stops: *stops,
            }),
            Interaction::PromiseCancelled { promise_id } => {
                let promises = self.pauses_mut().map(|pauses| &mut pauses.promises);
                let (list, at) = placed(promises, |p| *p.id == **promise_id).ok_or(NoEffect::UnknownPromise)?;
                list.remove(at);
                Ok(())
            }
            Interaction::PlanCancelled { plan_id } => {
                let plan = self.pauses_mut().map(|pauses| &mut pauses.plan);
                let named = |plan: &Plan| *plan.id == **plan_id;
                let plan = plan.filter(|plan| plan.as_ref().is_some_and(named)).ok_or(NoEffect::UnknownPlan)?;
                *plan = None;
                Ok(())
            }
            Interaction::HoldReleased { hold_id } => self.release(hold_id, local_day),
            _ => Err(NoEffect::NotUsedYet.into()),
        }
    }

    /// A payment is on its way, and counts until a day.
    pub(super) fn announce(&mut self, transit: Transit) -> Moved {
        if self.payments.iter().any(|p| p.id == transit.id) {
            return Err(NoEffect::KnownPayment.into());
        }
        let known = &mut self.aside_mut().pauses.transit;
        if known.iter().any(|t| t.id == transit.id) {
            return Err(NoEffect::KnownPayment.into());
        }
        has_room(known.len(), PAUSES_MAX)?;
        known.push(transit);
        Ok(())
    }

    /// A payment that was on its way has come, or failed.
    pub(super) fn arrived(&mut self, body: &Body<'_>) {
        let payment_id = match body {
            Body::PaymentReceived { payment_id, .. } => *payment_id,
            Body::PaymentFailed(failed) => failed.payment_id,
            _ => return,
        };
        if let Some(pauses) = self.pauses_mut() {
            pauses.transit.retain(|transit| *transit.id != *payment_id);
        }
    }

    /// What billing says is owed, as of an instant: compared where nothing has happened to the account since.
    pub(super) fn compare(&mut self, as_of: Timestamp, balance: Minor) -> Moved {
        if as_of < self.line {
            return Err(NoEffect::OlderBalance.into());
        }
        let (charged, waived) = self.unbooked();
        let known = Minor::ZERO - charged..=waived;
        let drift = Some(balance - (self.open() - self.credit)).filter(|drift| !known.contains(drift));
        self.aside_mut().pauses.drift = drift;
        Ok(())
    }

    /// Takes the plan that a notice offered, as it is answered.
    pub(super) fn answer(&mut self, command_id: &str) -> Result<Box<Offered>, NoEffect> {
        let id = self.id.clone();
        let offered = self
            .aside
            .as_mut()
            .and_then(|aside| aside.offered.take_if(|offered| is_command(&id, offered.sequence, command_id)));
        offered.ok_or(NoEffect::UnknownOffer)
    }

    fn promise(&mut self, promise: Promise) -> Moved {
        let pauses = &mut self.aside_mut().pauses;
        if pauses.promises.iter().any(|known| known.id == promise.id) {
            return Err(NoEffect::KnownPromise.into());
        }
        has_room(pauses.promises.len(), PAUSES_MAX)?;
        pauses.accepted.push(promise.day);
        let over = pauses.accepted.len().saturating_sub(ACCEPTED_MAX);
        pauses.accepted.drain(..over);
        pauses.promises.push(promise);
        Ok(())
    }

    /// One plan at a time: another one has to say that it replaces it.
    fn plan(&mut self, plan: Plan, replaces: Option<&str>) -> Moved {
        let pauses = &mut self.aside_mut().pauses;
        if let Some(known) = &pauses.plan {
            if known.id == plan.id {
                return Err(NoEffect::KnownPlan.into());
            }
            if replaces.is_none_or(|id| *known.id != *id) {
                return Err(Refusal::OtherPlanRuns.into());
            }
        }
        has_room(plan.instalments.len(), PARTS_MAX + 1)?;
        pauses.plan = Some(plan);
        Ok(())
    }

    fn place(&mut self, hold: HoldInForce) -> Moved {
        let pauses = &mut self.aside_mut().pauses;
        has_room(hold.bills.len(), PARTS_MAX + 1)?;
        match pauses.holds.iter_mut().find(|known| known.id == hold.id) {
            // It is placed anew: a longer end, other bills.
            Some(known) => *known = HoldInForce { day: known.day, ..hold },
            None => {
                has_room(pauses.holds.len(), PAUSES_MAX)?;
                pauses.holds.push(hold);
            }
        }
        Ok(())
    }

    fn release(&mut self, hold_id: &str, today: Day) -> Moved {
        let holds = self.pauses_mut().map(|pauses| &mut pauses.holds);
        let (list, at) = placed(holds, |hold| *hold.id == *hold_id).ok_or(NoEffect::UnknownHold)?;
        let hold = list.remove(at);
        self.give_back(&hold.bills, hold.day, today);
        Ok(())
    }

    /// The days from one to the other do not count in the age of these bills.
    pub(super) fn give_back(&mut self, bills: &[Id], from: Day, to: Day) {
        let held = self.bills.iter().map(|bill| (bills.contains(&bill.id), self.first_due(bill)));
        let held: Vec<_> = held.collect();
        for (bill, (_, due_on)) in self.bills.iter_mut().zip(held).filter(|(_, (held, _))| *held) {
            let age_from = due_on.max(bill.clear_from.unwrap_or(Day::MIN));
            let lost = from.max(age_from);
            if lost < to {
                bill.clear_from = Some(age_from.plus(to.epoch().saturating_sub(lost.epoch())));
            }
        }
    }

    /// The day of the payment that an event takes back, and what is left of it before the event.
    pub(super) fn collected(&self, body: &Body<'_>) -> Option<(Day, Minor)> {
        let &Body::PaymentReversed { payment_id, .. } = body else { return None };
        self.payments.iter().find(|p| *p.id == *payment_id).map(|p| (p.day, p.left))
    }

    /// What a payment, or one that went back, does to promises and plans; `collected` as it was before.
    pub(super) fn note_paid(&mut self, body: &Body<'_>, collected: Option<(Day, Minor)>) {
        if let Body::PaymentReceived { amount, .. } = *body {
            self.paid_towards(None, |paid| paid + amount);
        } else if let (Some((day, before)), Some((_, left))) = (collected, self.collected(body)) {
            // What was paid before they were made was never counted.
            self.paid_towards(Some(day), |paid| (paid - (before - left)).or_zero());
        }
    }

    fn paid_towards(&mut self, day: Option<Day>, change: impl Fn(Minor) -> Minor) {
        let Some(pauses) = self.pauses_mut() else { return };
        let counts = |made: Day| day.is_none_or(|day| day >= made);
        for promise in pauses.promises.iter_mut().filter(|p| counts(p.day)) {
            promise.paid = change(promise.paid);
        }
        if let Some(plan) = pauses.plan.as_mut().filter(|plan| counts(plan.day)) {
            plan.paid = change(plan.paid);
        }
    }
}

pub(super) fn has_room(there: usize, most: usize) -> Moved {
    if there < most { Ok(()) } else { Err(Refusal::TooMany.into()) }
}

/// The place of something in a list, with the list.
fn placed<T>(list: Option<&mut Vec<T>>, is: impl Fn(&T) -> bool) -> Option<(&mut Vec<T>, usize)> {
    let list = list?;
    let at = list.iter().position(is)?;
    Some((list, at))
}
