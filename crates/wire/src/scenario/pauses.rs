//! Promises, plans, holds, contacts and money on its way of a diary.

use dunning_rules::{ContactOutcome, Minor, Stops, Term, Timestamp};
use schemars::JsonSchema;
use serde::Deserialize;

use super::model::Happening;
use super::raw;
use super::read::{Reader, channel};

/// Money that is on its way.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Initiated {
    /// Name of the payment, as in the one to come.
    pub(super) payment: String,
    /// In minor units (cents).
    #[schemars(range(min = 1, max = 1_000_000_000_000_000_i64))]
    pub(super) amount: i64,
    /// The last day on which it is to be expected.
    pub(super) by: String,
}

/// What billing says is owed.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Stated {
    /// In minor units (cents), credit negative.
    pub(super) balance: i64,
    /// As of when. Without it: as of now.
    #[serde(default)]
    pub(super) as_of: Option<String>,
}

/// The customer promises to pay.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PromiseMade {
    /// Name of the promise. Without it: its own.
    #[serde(default)]
    pub(super) promise: Option<String>,
    /// In minor units (cents).
    #[schemars(range(min = 1, max = 1_000_000_000_000_000_i64))]
    pub(super) amount: i64,
    /// The last day of the promise.
    pub(super) by: String,
}

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct WholePromise {
    /// Name of the promise.
    pub(super) promise: String,
}

/// The customer answers the plan that a notice offered.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Answered {
    /// The step of the notice; its last one.
    pub(super) of: String,
    /// Whether the plan is taken.
    pub(super) accepted: bool,
}

/// The debt is to be paid in parts.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PlanAgreed {
    /// Name of the plan. Without it: its own.
    #[serde(default)]
    pub(super) plan: Option<String>,
    /// The parts, in the order of their days.
    pub(super) parts: Vec<Part>,
    /// The plan that it replaces.
    #[serde(default)]
    pub(super) replaces: Option<String>,
}

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Part {
    /// In minor units (cents).
    #[schemars(range(min = 1, max = 1_000_000_000_000_000_i64))]
    pub(super) amount: i64,
    /// Its last day.
    pub(super) by: String,
}

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct WholePlan {
    /// Name of the plan.
    pub(super) plan: String,
}

/// Dunning is stopped.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct HoldPlaced {
    /// Name of the hold.
    pub(super) hold: String,
    /// `hardship`, `bereavement`, or a word of your own.
    #[serde(default)]
    pub(super) kind: String,
    /// Until when. Without it: until it is released.
    #[serde(default)]
    pub(super) until: Option<String>,
    /// The bills held. Without it: the account.
    #[serde(default)]
    pub(super) bills: Vec<String>,
    /// What it stops. Without it: everything.
    #[serde(default)]
    pub(super) stops: Vec<Stop>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Stop {
    Contacts,
    Bars,
    Fees,
}

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct WholeHold {
    /// Name of the hold.
    pub(super) hold: String,
}

/// What became of a notice, or a contact that nobody here asked for.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ContactMade {
    /// What the channel reported.
    pub(super) outcome: Reported,
    /// The step of the last notice that it is about. Without it: another contact, such as an agent's call.
    #[serde(default)]
    pub(super) of: Option<String>,
    /// How. Without it: as in the notice.
    #[serde(default)]
    pub(super) channel: Option<raw::Channel>,
    /// `true`: the customer made it.
    #[serde(default)]
    pub(super) inbound: bool,
    /// `false`: it was somebody else.
    #[serde(default)]
    pub(super) right_party: Option<bool>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "ContactOutcome")]
pub(super) enum Reported {
    Delivered,
    Opened,
    Clicked,
    Answered,
    NoAnswer,
    Bounced,
    Failed,
    Expired,
    WrongParty,
    OptedOut,
}

impl Reader<'_, '_> {
    /// What stops the account, or ends stopping it, and contacts, and money that is not there yet; `None` where the entry is
    /// something else, or a day cannot be read.
    pub(super) fn stopping(&mut self, path: &str, entry: &raw::Entry, at: Timestamp, line: u32) -> Option<Happening> {
        let own = |name: &Option<String>, kind: &str| name.clone().unwrap_or_else(|| format!("{kind}-{line}"));
        Some(match entry {
            raw::Entry { promise_made: Some(p), .. } => Happening::PromiseMade {
                promise: own(&p.promise, "promise"),
                amount: Minor::new(p.amount),
                promised_on: self.day(&format!("{path}.promise_made.by"), &p.by)?,
            },
            raw::Entry { promise_cancelled: Some(p), .. } => Happening::PromiseCancelled { promise: p.promise.clone() },
            raw::Entry { plan_agreed: Some(p), .. } => {
                let instalments = self.parts(&format!("{path}.plan_agreed.parts"), &p.parts)?;
                Happening::PlanAgreed { plan: own(&p.plan, "plan"), instalments, replaces: p.replaces.clone() }
            }
            raw::Entry { offer_answered: Some(a), .. } => {
                Happening::OfferAnswered { of: a.of.clone(), accepted: a.accepted }
            }
            raw::Entry { plan_cancelled: Some(p), .. } => Happening::PlanCancelled { plan: p.plan.clone() },
            raw::Entry { hold_placed: Some(h), .. } => {
                let until = h.until.as_ref();
                let until = until.and_then(|text| self.instant(&format!("{path}.hold_placed.until"), text));
                placed(h, until)
            }
            raw::Entry { payment_initiated: Some(p), .. } => Happening::PaymentInitiated {
                payment: p.payment.clone(),
                amount: Minor::new(p.amount),
                currency: self.currency,
                by: self.day(&format!("{path}.payment_initiated.by"), &p.by)?,
            },
            raw::Entry { balance_stated: Some(s), .. } => {
                let as_of = match &s.as_of {
                    Some(text) => self.instant(&format!("{path}.balance_stated.as_of"), text)?,
                    None => at,
                };
                Happening::BalanceStated { as_of, balance: Minor::new(s.balance), currency: self.currency }
            }
            raw::Entry { contact_made: Some(c), .. } => Happening::ContactMade {
                of: c.of.clone(),
                outcome: outcome(c.outcome),
                channel: c.channel.map(channel),
                inbound: c.inbound,
                right_party: c.right_party,
            },
            raw::Entry { hold_released: Some(h), .. } => Happening::HoldReleased { hold: h.hold.clone() },
            raw::Entry { state_imported: Some(state), .. } => self.came(path, state)?,
            _ => return None,
        })
    }

    /// Parts with their last days, in the order of those.
    pub(super) fn parts(&mut self, path: &str, parts: &[Part]) -> Option<Vec<Term>> {
        let mut terms = Vec::new();
        for (i, part) in parts.iter().enumerate() {
            let due_on = self.day(&format!("{path}[{i}].by"), &part.by)?;
            terms.push(Term { due_on, amount: Minor::new(part.amount) });
        }
        terms.sort_by_key(|term| term.due_on);
        Some(terms)
    }
}

const fn outcome(outcome: Reported) -> ContactOutcome {
    match outcome {
        Reported::Delivered => ContactOutcome::Delivered,
        Reported::Opened => ContactOutcome::Opened,
        Reported::Clicked => ContactOutcome::Clicked,
        Reported::Answered => ContactOutcome::Answered,
        Reported::NoAnswer => ContactOutcome::NoAnswer,
        Reported::Bounced => ContactOutcome::Bounced,
        Reported::Failed => ContactOutcome::Failed,
        Reported::Expired => ContactOutcome::Expired,
        Reported::WrongParty => ContactOutcome::WrongParty,
        Reported::OptedOut => ContactOutcome::OptedOut,
    }
}

fn placed(hold: &HoldPlaced, until: Option<Timestamp>) -> Happening {
    let stopped = |what| hold.stops.is_empty() || hold.stops.contains(&what);
    let stops = Stops { contacts: stopped(Stop::Contacts), bars: stopped(Stop::Bars), fees: stopped(Stop::Fees) };
    let (kind, bills) = (hold.kind.clone(), hold.bills.clone());
    Happening::HoldPlaced { hold: hold.hold.clone(), kind, until, bills, stops }
}
