use crate::Id;
use crate::calendar::is_within;

/// A comparison that an account meets or does not. All of a list must be met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Test {
    /// A word of the account is one of these, or is none of them. A word that is not known is neither.
    Word {
        /// Which word.
        of: WordOf,
        /// The words.
        words: Vec<Id>,
        /// True: it must be none of them.
        not: bool,
    },
    /// A number of the account lies between two. A number that is not known lies nowhere.
    Number {
        /// Which number.
        of: NumberOf,
        /// The least; `None`: no least.
        at_least: Option<i64>,
        /// It must lie below; `None`: no bound.
        below: Option<i64>,
    },
    /// A score of the customer lies between two. One that was not given lies nowhere.
    Score {
        /// What it is called.
        name: Id,
        /// The least, in millionths; `None`: no least.
        at_least: Option<i64>,
        /// It must lie below, in millionths; `None`: no bound.
        below: Option<i64>,
    },
    /// Something is so, or is not.
    Flag {
        /// What.
        of: FlagOf,
        /// Whether it must be so.
        is: bool,
    },
}

/// A word of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WordOf {
    /// Customer category.
    Segment,
    /// ISO 3166 code; `DE` is met by `DE-BY`, too.
    Region,
    /// Credit class.
    RiskClass,
    /// Status of the account at its source.
    Status,
    /// BCP 47 tag.
    Language,
    /// Of the account's bills.
    Currency,
    /// Kind of the oldest bill that is owed.
    BillKind,
    /// Month of its due date, one of [`MONTHS`](crate::MONTHS).
    BillMonth,
}

/// A number of an account. Amounts are in minor units, spans in days.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NumberOf {
    /// Overdue and not disputed.
    Overdue,
    /// Owed in all, due or not, disputed or not.
    Balance,
    /// How many bills are overdue and not wholly disputed.
    UnpaidBills,
    /// Days since the due date of the oldest of them.
    DebtAge,
    /// Days since the first day as a customer.
    Tenure,
    /// How often it was dunned before.
    EarlierCycles,
    /// Disputes that have not ended.
    OpenDisputes,
    /// How many services it has.
    Services,
    /// Promises and plans that were kept.
    PromisesKept,
    /// Promises and plans that were broken.
    PromisesBroken,
    /// What the customer is worth.
    LifetimeValue,
    /// Bills that were paid late within a year, of the last ones.
    LatePayments,
    /// Cycles within a year in which service was restricted, the present one aside.
    TimesBarred,
    /// Days from the date of a bill to its payment, on the average of the last ones.
    DaysToPay,
    /// Disputes that ended.
    PastDisputes,
    /// The share of those that ended for the customer, in hundredths of a percent.
    DisputesUpheld,
}

/// Something that is so or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlagOf {
    /// Protected from bars unless a person decides.
    Vulnerable,
    /// Its profile was seen.
    Profile,
    /// It has a service that is paid in advance.
    Prepaid,
    /// It has a service that is never barred.
    ProtectedService,
    /// Its bills are collected without the customer doing anything.
    Autopay,
}

impl NumberOf {
    /// True where it changes by the passing of days alone, without a bill becoming overdue.
    #[must_use]
    pub const fn is_age(self) -> bool {
        matches!(self, Self::DebtAge | Self::Tenure | Self::LatePayments | Self::TimesBarred)
    }

    /// True where it is how the account paid.
    #[must_use]
    pub const fn is_history(self) -> bool {
        matches!(self, Self::LatePayments | Self::DaysToPay | Self::PastDisputes | Self::DisputesUpheld)
    }
}

impl Test {
    /// Whether a word meets it; `None`: it is not known.
    pub(crate) fn has_word(of: WordOf, words: &[Id], not: bool, word: Option<&str>) -> bool {
        let Some(word) = word else { return false };
        let same = |listed: &Id| if of == WordOf::Region { is_within(word, listed) } else { **listed == *word };
        words.iter().any(same) != not
    }

    /// Whether a number meets it; `None`: it is not known.
    pub(crate) fn has_number(at_least: Option<i64>, below: Option<i64>, number: Option<i64>) -> bool {
        number.is_some_and(|n| at_least.is_none_or(|least| n >= least) && below.is_none_or(|bound| n < bound))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_alone_change_an_age_and_nothing_else() {
        use NumberOf::*;
        let all = [
            Overdue,
            Balance,
            UnpaidBills,
            DebtAge,
            Tenure,
            EarlierCycles,
            OpenDisputes,
            Services,
            PromisesKept,
            PromisesBroken,
            LifetimeValue,
            LatePayments,
            TimesBarred,
            DaysToPay,
            PastDisputes,
            DisputesUpheld,
        ];
        let ages = [DebtAge, Tenure, LatePayments, TimesBarred];
        assert_eq!(all.into_iter().filter(|of| of.is_age()).collect::<Vec<_>>(), ages);
        let history = [LatePayments, DaysToPay, PastDisputes, DisputesUpheld];
        assert_eq!(all.into_iter().filter(|of| of.is_history()).collect::<Vec<_>>(), history);
    }

    #[test]
    fn what_is_not_known_meets_nothing() {
        let words = ["DE".into(), "AT".into()];
        let rows = [
            (WordOf::Region, false, Some("DE"), true),
            (WordOf::Region, false, Some("DE-BY"), true),
            (WordOf::Region, true, Some("DE-BY"), false),
            (WordOf::Region, false, Some("DEX"), false),
            (WordOf::Segment, false, Some("DE-BY"), false),
            (WordOf::Segment, true, Some("DE-BY"), true),
            (WordOf::Segment, false, None, false),
            (WordOf::Segment, true, None, false),
        ];
        for (of, not, word, met) in rows {
            assert_eq!(Test::has_word(of, &words, not, word), met, "{of:?} {not} {word:?}");
        }
        let rows = [
            (Some(2), None, Some(2), true),
            (Some(2), None, Some(1), false),
            (None, Some(5), Some(5), false),
            (None, Some(5), Some(4), true),
            (Some(2), Some(5), None, false),
        ];
        for (at_least, below, number, met) in rows {
            assert_eq!(Test::has_number(at_least, below, number), met, "{at_least:?} {below:?} {number:?}");
        }
    }
}
