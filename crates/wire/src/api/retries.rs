use std::fmt;

use dunning_rules::{Retry, RetryState, Timestamp};
use serde::Serialize;

use super::Money;
use crate::json;

/// A payment that failed and is collected again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RetryView {
    /// The payment that failed first.
    pub payment_id: String,
    /// How it was to be paid.
    pub method: String,
    /// What failed to come.
    pub amount: Money,
    /// How many attempts were asked for.
    pub attempts: u16,
    /// When the next one comes; none: what becomes of the last one is awaited.
    #[serde(serialize_with = "json::maybe_instant")]
    pub next: Option<Timestamp>,
}

impl RetryView {
    pub(super) fn new(retry: &Retry, currency: &str) -> Self {
        Self {
            payment_id: retry.payment.to_string(),
            method: retry.method.to_string(),
            amount: Money::new(retry.amount, currency),
            attempts: retry.attempts,
            next: match retry.state {
                RetryState::Planned(at) => Some(at),
                RetryState::Asked(_) => None,
            },
        }
    }
}

impl fmt::Display for RetryView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { payment_id, method, amount, attempts, next } = self;
        write!(f, "{payment_id}  {amount}")?;
        if !method.is_empty() {
            write!(f, " by {method}")?;
        }
        match next {
            Some(at) => write!(f, " failed; attempt {} comes {at}", u32::from(*attempts) + 1),
            None => write!(f, " failed; attempt {attempts} is under way"),
        }
    }
}
