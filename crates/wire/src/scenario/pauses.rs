//! Promises, plans, holds, contacts and money on its way of a diary.

use dunning_rules::{ContactOutcome, Minor, Stops, Term, Timestamp};

use super::model::Happening;
use super::raw;
use super::read::{Reader, channel};

impl Reader<'_, '_> {
    /// What stops the account, or ends stopping it, and contacts, and money that is not there yet; `None` where the entry is something else, or a day cannot be read.
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
                let mut instalments = Vec::new();
                for (i, part) in p.parts.iter().enumerate() {
                    let due_on = self.day(&format!("{path}.plan_agreed.parts[{i}].by"), &part.by)?;
                    instalments.push(Term { due_on, amount: Minor::new(part.amount) });
                }
                instalments.sort_by_key(|part| part.due_on);
                Happening::PlanAgreed { plan: own(&p.plan, "plan"), instalments, replaces: p.replaces.clone() }
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
            _ => return None,
        })
    }
}

const fn outcome(outcome: raw::ContactOutcome) -> ContactOutcome {
    match outcome {
        raw::ContactOutcome::Delivered => ContactOutcome::Delivered,
        raw::ContactOutcome::Opened => ContactOutcome::Opened,
        raw::ContactOutcome::Clicked => ContactOutcome::Clicked,
        raw::ContactOutcome::Answered => ContactOutcome::Answered,
        raw::ContactOutcome::NoAnswer => ContactOutcome::NoAnswer,
        raw::ContactOutcome::Bounced => ContactOutcome::Bounced,
        raw::ContactOutcome::Failed => ContactOutcome::Failed,
        raw::ContactOutcome::Expired => ContactOutcome::Expired,
        raw::ContactOutcome::WrongParty => ContactOutcome::WrongParty,
        raw::ContactOutcome::OptedOut => ContactOutcome::OptedOut,
    }
}

fn placed(hold: &raw::HoldPlaced, until: Option<Timestamp>) -> Happening {
    let stopped = |what| hold.stops.is_empty() || hold.stops.contains(&what);
    let stops = Stops { contacts: stopped(raw::Stop::Contacts), bars: stopped(raw::Stop::Bars) };
    let (kind, bills) = (hold.kind.clone(), hold.bills.clone());
    Happening::HoldPlaced { hold: hold.hold.clone(), kind, until, bills, stops }
}
