use std::fmt;

use dunning_rules::{Day, HoldInForce, Minor, Pauses, Plan, Promise, Timestamp, Transit};
use serde::Serialize;

use super::Money;
use crate::json;

/// What stops an account, and what came of such things before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PausesView {
    /// Since when nothing at all is done; none: something may be.
    #[serde(serialize_with = "json::maybe_instant")]
    pub since: Option<Timestamp>,
    /// In the order placed.
    pub holds: Vec<HoldView>,
    /// In the order made.
    pub promises: Vec<AgreementView>,
    /// The instalment plan.
    pub plan: Option<AgreementView>,
    /// Payments that are on their way.
    pub on_their_way: Vec<AgreementView>,
    /// What billing says is owed beyond what is known here; none: the two agree, as far as is known.
    pub drift: Option<Money>,
    /// Promises and plans that were kept.
    pub kept: u16,
    /// Promises and plans that were broken.
    pub broken: u16,
}

/// A hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HoldView {
    /// Unique within the account.
    pub hold_id: String,
    /// Why; may be empty.
    pub kind: String,
    /// Until when; none: until released.
    #[serde(serialize_with = "json::maybe_instant")]
    pub until: Option<Timestamp>,
    /// The bills held; empty: the account.
    pub bill_ids: Vec<String>,
    /// True where nothing is told.
    pub stops_contacts: bool,
    /// True where nothing is barred.
    pub stops_bars: bool,
    /// True where nothing is charged for paying late.
    pub stops_fees: bool,
}

/// A promise to pay or an instalment plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AgreementView {
    /// Unique within the account.
    pub id: String,
    /// Promised, or all parts together.
    pub amount: Money,
    /// Paid since.
    pub paid: Money,
    /// Its last day.
    #[serde(serialize_with = "json::day")]
    pub last_day: Day,
    /// How many parts it has.
    pub parts: usize,
}

impl PausesView {
    pub(super) fn new(pauses: &Pauses, currency: &str) -> Self {
        Self {
            since: pauses.since,
            holds: pauses.holds.iter().map(HoldView::new).collect(),
            promises: pauses.promises.iter().map(|promise| promised(promise, currency)).collect(),
            plan: pauses.plan.as_ref().map(|plan| planned(plan, currency)),
            on_their_way: pauses.transit.iter().map(|transit| coming(transit, currency)).collect(),
            drift: pauses.drift.map(|drift| Money::new(drift, currency)),
            kept: pauses.kept,
            broken: pauses.broken,
        }
    }
}

impl HoldView {
    fn new(hold: &HoldInForce) -> Self {
        Self {
            hold_id: hold.id.to_string(),
            kind: hold.kind.to_string(),
            until: hold.until,
            bill_ids: hold.bills.iter().map(ToString::to_string).collect(),
            stops_contacts: hold.stops.contacts,
            stops_bars: hold.stops.bars,
            stops_fees: hold.stops.fees,
        }
    }
}

fn promised(promise: &Promise, currency: &str) -> AgreementView {
    AgreementView {
        id: promise.id.to_string(),
        amount: Money::new(promise.amount, currency),
        paid: Money::new(promise.paid, currency),
        last_day: promise.promised_on,
        parts: 1,
    }
}

fn coming(transit: &Transit, currency: &str) -> AgreementView {
    AgreementView {
        id: transit.id.to_string(),
        amount: Money::new(transit.amount, currency),
        paid: Money::new(Minor::ZERO, currency),
        last_day: transit.until,
        parts: 1,
    }
}

fn planned(plan: &Plan, currency: &str) -> AgreementView {
    AgreementView {
        id: plan.id.to_string(),
        amount: Money::new(plan.total(), currency),
        paid: Money::new(plan.paid, currency),
        last_day: plan.instalments.last().map_or(plan.day, |part| part.due_on),
        parts: plan.instalments.len(),
    }
}

impl fmt::Display for PausesView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(since) = self.since {
            writeln!(f, "  stopped     since {since}: nothing is done, and the time does not count")?;
        }
        for hold in &self.holds {
            writeln!(f, "  hold        {hold}")?;
        }
        for promise in &self.promises {
            writeln!(f, "  promise     {promise}")?;
        }
        if let Some(plan) = &self.plan {
            writeln!(f, "  plan        {plan}, {} parts", plan.parts)?;
        }
        for payment in &self.on_their_way {
            writeln!(f, "  on its way  {}  {} by {}", payment.id, payment.amount, payment.last_day)?;
        }
        if let Some(drift) = &self.drift {
            writeln!(f, "  balance     billing says {drift} more: no bar until the two agree")?;
        }
        if self.kept > 0 || self.broken > 0 {
            writeln!(f, "  promises    {} kept, {} broken", self.kept, self.broken)?;
        }
        Ok(())
    }
}

impl fmt::Display for HoldView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = [(self.stops_contacts, "contacts"), (self.stops_bars, "bars"), (self.stops_fees, "fees")];
        let words: Vec<&str> = words.into_iter().filter_map(|(on, word)| on.then_some(word)).collect();
        let stops = match words.as_slice() {
            [_, _, _] => "everything".to_owned(),
            [] => "nothing".to_owned(),
            words => words.join(" and "),
        };
        write!(f, "{}  stops {stops}", self.hold_id)?;
        if !self.kind.is_empty() {
            write!(f, " ({})", self.kind)?;
        }
        if !self.bill_ids.is_empty() {
            write!(f, " for {}", self.bill_ids.join(", "))?;
        }
        match self.until {
            Some(until) => write!(f, ", until {until}"),
            None => write!(f, ", until it is released"),
        }
    }
}

impl fmt::Display for AgreementView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}  {} by {}, {} paid", self.id, self.amount, self.last_day, self.paid)
    }
}
