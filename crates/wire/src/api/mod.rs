//! What the HTTP answers hold: as JSON for machines, and through `Display` as text for people.

mod account;
mod charges;
mod explain;
mod pauses;
mod person;
mod retries;
#[cfg(test)]
mod tests;

use dunning_rules::Minor;
use serde::Serialize;

pub use account::{AccountView, BarView, BillView, CycleView, PendingView, ProfileView, SentView, StaleView};
pub use charges::ChargeView;
pub use explain::{DecisionView, ExplainView};
pub use pauses::{AgreementView, HoldView, PausesView};
pub use person::{ContactView, DisputeView, PaymentView, PersonView, WholeProfile};
pub use retries::RetryView;

/// An amount and what it is of; for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Money {
    /// Minor units of the currency.
    pub minor: i64,
    /// ISO 4217 code; empty: not known yet.
    pub currency: String,
}

impl Money {
    fn new(amount: Minor, currency: &str) -> Self {
        Self { minor: amount.get(), currency: currency.to_owned() }
    }
}

/// With as many decimals as the currency has.
impl std::fmt::Display for Money {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let digits = decimals(&self.currency);
        let unit = 10u64.pow(digits);
        let sign = if self.minor < 0 { "-" } else { "" };
        let minor = self.minor.unsigned_abs();
        let text = match digits {
            0 => format!("{sign}{minor}"),
            _ => format!("{sign}{}.{:0width$}", minor / unit, minor % unit, width = digits as usize),
        };
        if self.currency.is_empty() { f.pad(&text) } else { f.pad(&format!("{text} {}", self.currency)) }
    }
}

/// Decimals of a currency by ISO 4217.
pub(crate) fn decimals(currency: &str) -> u32 {
    match currency {
        "BIF" | "CLP" | "DJF" | "GNF" | "ISK" | "JPY" | "KMF" | "KRW" | "PYG" | "RWF" | "UGX" | "VND" | "VUV"
        | "XAF" | "XOF" | "XPF" => 0,
        "BHD" | "IQD" | "JOD" | "KWD" | "LYD" | "OMR" | "TND" => 3,
        _ => 2,
    }
}
