//! What a policy charges customers who pay late: fees and interest. Each is a request to billing, which books it.

use std::sync::Arc;

use crate::{Currency, Minor, Policy};

/// A hundredth of a percent is one of so many parts.
const PARTS: i128 = 10_000;
/// Interest for a day is one of so many parts of that for a year, leap years too (actual/365 fixed).
const DAYS: i128 = 365;

/// What is charged, and what becomes of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChargeRules {
    /// In the order of the file.
    pub fees: Vec<FeeRule>,
    /// On what is overdue.
    pub interest: Option<InterestRule>,
    /// What becomes of charges once all else is paid.
    pub unpaid: Unpaid,
}

impl Policy {
    /// True where days that pass are counted for interest.
    pub(crate) fn accrues(&self) -> bool {
        self.options.charges.as_ref().is_some_and(|rules| rules.interest.is_some())
    }
}

/// What becomes of charges that are owed when all else is paid.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unpaid {
    /// They are owed and not dunned: the account is clear.
    #[default]
    Leave,
    /// They are dunned as the bills are, from the day on which they are asked for.
    Dun,
    /// They are given up.
    Waive,
}

/// A fee for paying late.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeeRule {
    /// Unique within the policy; commands say it in the place of a step.
    pub name: Arc<str>,
    /// What it comes with.
    pub on: FeeOn,
    /// So much, by currency.
    pub flat: Vec<(Currency, Minor)>,
    /// So many hundredths of a percent of what is dunned, charges aside.
    pub percent: u32,
    /// How the two go together.
    pub take: Take,
    /// No less than this, by currency.
    pub at_least: Vec<(Currency, Minor)>,
    /// No more than this, by currency.
    pub at_most: Vec<(Currency, Minor)>,
    /// None is charged where none was, or was spared, for so many days.
    pub spare_days: Option<u16>,
    /// How it is booked.
    pub posting: Posting,
}

/// Interest on what is overdue, day by day, on what is left of it; none on charges.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InterestRule {
    /// So many hundredths of a percent a year.
    pub yearly: u32,
    /// It is charged with the steps at these places.
    pub steps: Vec<u16>,
    /// True where it is charged when all else is paid.
    pub at_end: bool,
    /// How it is booked.
    pub posting: Posting,
}

/// What a fee comes with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FeeOn {
    /// The steps at these places, each time they come.
    Steps(Vec<u16>),
    /// The next bill, while others are overdue.
    NextBill,
}

/// How a flat amount and a share go together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Take {
    /// Both.
    #[default]
    Sum,
    /// The greater of the two.
    Greater,
    /// The lesser of the two.
    Lesser,
}

/// How a charge is booked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Posting {
    /// The code by which billing knows it.
    pub code: Arc<str>,
    /// The tax that the amount contains: so many hundredths of a percent on the net.
    pub tax: u32,
}

impl Posting {
    /// What of an amount is tax, to the next minor unit.
    #[must_use]
    pub fn tax_in(&self, gross: Minor) -> Minor {
        part(gross, i128::from(self.tax), PARTS + i128::from(self.tax))
    }
}

impl FeeRule {
    /// What is charged where so much is dunned; zero: nothing is, in this currency.
    #[must_use]
    pub fn amount(&self, currency: Currency, dunned: Minor) -> Minor {
        let share = (self.percent > 0).then(|| part(dunned, i128::from(self.percent), PARTS));
        let amount = match (of(&self.flat, currency), share) {
            (Some(flat), Some(share)) => match self.take {
                Take::Sum => flat + share,
                Take::Greater => flat.max(share),
                Take::Lesser => flat.min(share),
            },
            (flat, share) => flat.or(share).unwrap_or(Minor::ZERO),
        };
        if amount == Minor::ZERO {
            return amount;
        }
        let least = of(&self.at_least, currency).unwrap_or(Minor::ZERO);
        let most = of(&self.at_most, currency).unwrap_or(Minor::EVENT_MAX).min(Minor::EVENT_MAX);
        amount.max(least).min(most)
    }
}

impl InterestRule {
    /// The interest on so many minor units for a day each, to the next minor unit.
    #[must_use]
    pub fn on(&self, minor_days: i64) -> Minor {
        part(Minor::new(minor_days), i128::from(self.yearly), PARTS * DAYS).or_zero().min(Minor::EVENT_MAX)
    }

    /// The minor units for a day each to which so much interest belongs.
    #[must_use]
    pub fn days_of(&self, interest: Minor) -> i64 {
        let days = i128::from(interest.get()) * PARTS * DAYS / i128::from(self.yearly.max(1));
        i64::try_from(days).unwrap_or(i64::MAX)
    }
}

/// The amount of a currency in a list.
fn of(amounts: &[(Currency, Minor)], currency: Currency) -> Option<Minor> {
    amounts.iter().find(|(listed, _)| *listed == currency).map(|(_, amount)| *amount)
}

/// So many parts of an amount, to the next whole unit; half a unit is rounded up. No policy has a share above the whole.
pub(crate) fn part(amount: Minor, parts: i128, whole: i128) -> Minor {
    let doubled = 2 * i128::from(amount.get()) * parts + whole;
    Minor::new(i64::try_from(doubled.div_euclid(2 * whole)).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn eur() -> Currency {
        Currency::parse("EUR").expect("a currency")
    }

    fn amounts(minor: Option<i64>) -> Vec<(Currency, Minor)> {
        minor.map(|minor| (eur(), Minor::new(minor))).into_iter().collect()
    }

    fn posting(tax: u32) -> Posting {
        Posting { code: "LATE".into(), tax }
    }

    #[test]
    fn a_fee_is_flat_or_a_share_or_both_within_its_bounds() {
        let rows = [
            (Some(500), 0, Take::Sum, None, None, 10_000, 500),
            (None, 200, Take::Sum, None, None, 10_000, 200),
            (Some(500), 200, Take::Sum, None, None, 10_000, 700),
            (Some(500), 200, Take::Greater, None, None, 10_000, 500),
            (Some(500), 200, Take::Greater, None, None, 100_000, 2_000),
            (Some(500), 200, Take::Lesser, None, None, 100_000, 500),
            (None, 200, Take::Sum, Some(300), None, 10_000, 300),
            (None, 200, Take::Sum, None, Some(150), 10_000, 150),
            // Half a cent is rounded up.
            (None, 125, Take::Sum, None, None, 40, 1),
            (None, 125, Take::Sum, None, None, 39, 0),
            // Nothing is said of the currency.
            (None, 0, Take::Sum, Some(300), None, 10_000, 0),
            (None, 10_000, Take::Sum, None, None, i64::MAX, 1_000_000_000_000_000),
        ];
        for (flat, percent, take, least, most, dunned, charged) in rows {
            let rule = FeeRule {
                name: "late".into(),
                on: FeeOn::NextBill,
                flat: amounts(flat),
                percent,
                take,
                at_least: amounts(least),
                at_most: amounts(most),
                spare_days: None,
                posting: posting(0),
            };
            assert_eq!(rule.amount(eur(), Minor::new(dunned)), Minor::new(charged), "{rule:?} of {dunned}");
        }
    }

    #[test]
    fn interest_is_that_of_the_days_and_is_never_counted_twice() {
        let rule = |yearly| InterestRule { yearly, steps: vec![], at_end: false, posting: posting(0) };
        // 100.00 for 15 days at 10 %.
        assert_eq!(rule(1_000).on(10_000 * 15), Minor::new(41));
        assert_eq!(rule(1_000).on(0), Minor::ZERO);
        assert_eq!(rule(1_000).on(-1), Minor::ZERO);
        assert_eq!(rule(10_000).on(i64::MAX), Minor::EVENT_MAX);
        // Charged every day or once: the same, but for the last half of a cent.
        let (mut left, mut sum) = (0, Minor::ZERO);
        for _ in 0..365 {
            left += 12_345;
            let charged = rule(525).on(left);
            left -= rule(525).days_of(charged);
            sum += charged;
        }
        assert_eq!((sum, rule(525).on(12_345 * 365)), (Minor::new(648), Minor::new(648)));
    }

    #[test]
    fn an_amount_contains_its_tax() {
        for (tax, gross, contained) in [(0, 1_000, 0), (1_900, 1_190, 190), (2_100, 1_000, 174), (2_000, 0, 0)] {
            assert_eq!(posting(tax).tax_in(Minor::new(gross)), Minor::new(contained), "{tax} in {gross}");
        }
    }
}
