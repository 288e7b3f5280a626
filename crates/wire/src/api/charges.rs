use std::fmt;

use dunning_rules::{Account, Booking, Charge};
use serde::Serialize;

use super::Money;

/// A charge for paying late.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ChargeView {
    /// The name of the fee; `interest`.
    pub charge: String,
    /// As asked for, tax included.
    pub amount: Money,
    /// What is left to pay of it.
    pub open: Money,
    /// True where it is dunned as a bill is.
    pub dunned: bool,
    /// The bill on which billing booked it; none: it has not yet.
    pub bill_id: Option<String>,
}

impl ChargeView {
    pub(super) fn of(account: &Account, currency: &str) -> Vec<Self> {
        let charges = account.charges().into_iter().flat_map(|all| &all.charges);
        charges.map(|charge| Self::new(account, charge, currency)).collect()
    }

    fn new(account: &Account, charge: &Charge, currency: &str) -> Self {
        let booked = matches!(charge.booking, Booking::OwnBill | Booking::Added);
        Self {
            charge: charge.name.to_string(),
            amount: Money::new(charge.amount, currency),
            open: Money::new(account.open_charge(charge), currency),
            dunned: charge.dunned,
            bill_id: booked.then(|| charge.bill.to_string()),
        }
    }
}

impl fmt::Display for ChargeView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { charge, amount, open, dunned, bill_id } = self;
        write!(f, "{charge}  {amount}, {open} open")?;
        if !dunned {
            f.write_str(", not dunned")?;
        }
        match bill_id {
            Some(bill) => write!(f, "; booked on {bill}"),
            None => f.write_str("; billing has not booked it yet"),
        }
    }
}
