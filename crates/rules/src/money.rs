use std::fmt;

/// An amount in minor units of a currency (cents).
///
/// Arithmetic saturates, but it never comes to that: an account counts everything that ever moved on it against
/// [`Minor::TURNOVER_MAX`] before it takes an event, so no balance can leave the range of `i64`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Debug, Hash)]
pub struct Minor(i64);

impl Minor {
    /// Nothing.
    pub const ZERO: Self = Self(0);
    /// The largest amount that one event may bear, either sign: ten million million whole units of a two-digit currency.
    pub const EVENT_MAX: Self = Self(1_000_000_000_000_000);
    /// All that may ever move on one account, amounts without their sign.
    pub const TURNOVER_MAX: Self = Self(4_000_000_000_000_000_000);

    /// An amount in minor units.
    #[must_use]
    pub const fn new(minor: i64) -> Self {
        Self(minor)
    }

    /// The minor units.
    #[must_use]
    pub const fn get(self) -> i64 {
        self.0
    }

    /// The amount without its sign.
    #[must_use]
    pub const fn magnitude(self) -> Self {
        Self(self.0.saturating_abs())
    }

    /// The amount, or zero where it is negative.
    #[must_use]
    pub fn or_zero(self) -> Self {
        Self(self.0.max(0))
    }

    /// The sum, or `None` beyond the range of `i64`.
    #[must_use]
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }
}

impl std::ops::Add for Minor {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl std::ops::Sub for Minor {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl std::ops::AddAssign for Minor {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl std::ops::SubAssign for Minor {
    fn sub_assign(&mut self, other: Self) {
        *self = *self - other;
    }
}

impl std::iter::Sum for Minor {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::ZERO, |a, b| a + b)
    }
}

/// Two decimals, as most currencies have; for people, not for machines.
impl fmt::Display for Minor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let n = self.0.unsigned_abs();
        write!(f, "{sign}{}.{:02}", n / 100, n % 100)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_is_added_and_taken_away_and_stops_at_the_ends_of_its_range() {
        let (most, least) = (Minor::new(i64::MAX), Minor::new(i64::MIN));
        let rows = [
            (Minor::new(5), Minor::new(3), Minor::new(8), Minor::new(2)),
            (Minor::new(3), Minor::new(5), Minor::new(8), Minor::new(-2)),
            (most, Minor::new(1), most, Minor::new(i64::MAX - 1)),
            (least, Minor::new(1), Minor::new(i64::MIN + 1), least),
        ];
        for (a, b, sum, difference) in rows {
            let (mut added, mut taken) = (a, a);
            added += b;
            taken -= b;
            assert_eq!((a + b, added, [a, b].into_iter().sum::<Minor>()), (sum, sum, sum));
            assert_eq!((a - b, taken), (difference, difference));
        }
        assert_eq!(Minor::new(5).checked_add(Minor::new(-7)), Some(Minor::new(-2)));
        assert_eq!((most.checked_add(Minor::new(1)), least.checked_add(Minor::new(-1))), (None, None));
    }

    #[test]
    fn an_amount_has_a_magnitude_and_what_is_owed_is_never_negative() {
        for (amount, magnitude, or_zero) in [(7, 7, 7), (-7, 7, 0), (0, 0, 0), (i64::MIN, i64::MAX, 0)] {
            let amount = Minor::new(amount);
            assert_eq!((amount.magnitude().get(), amount.or_zero().get()), (magnitude, or_zero));
        }
    }

    #[test]
    fn people_read_two_decimals() {
        let rows = [(0, "0.00"), (5, "0.05"), (-5, "-0.05"), (123_456, "1234.56"), (-100, "-1.00")];
        for (amount, text) in rows {
            assert_eq!(Minor::new(amount).to_string(), text);
        }
        assert_eq!(Minor::new(i64::MIN).to_string(), "-92233720368547758.08");
    }
}
