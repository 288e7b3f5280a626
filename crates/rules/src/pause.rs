//! What a policy says of promises to pay, instalment plans and holds, and of debts that come back.

use crate::{Day, Id, Minor, Term, Test};

/// What stops dunning for a time, and on which terms. Without a word in the policy all of it is honoured, and bars that
/// are in force stay in force.
#[derive(Clone, Debug, PartialEq)]
pub struct PauseRules {
    /// Of promises to pay.
    pub promises: AgreementRules,
    /// Of instalment plans.
    pub plans: AgreementRules,
    /// The kinds of holds that lift the bars in force.
    pub holds_restore: HoldKinds,
    /// A payment that is on its way counts at most so many days after it was announced; `None`: it does not count.
    pub transit_days: Option<u16>,
}

/// So many days a payment that is on its way counts at most, where the policy does not say.
pub const TRANSIT_DAYS: u16 = 10;

impl Default for PauseRules {
    fn default() -> Self {
        let terms = AgreementRules::default;
        Self { promises: terms(), plans: terms(), holds_restore: HoldKinds::None, transit_days: Some(TRANSIT_DAYS) }
    }
}

/// On which terms a promise or a plan is accepted, and when it is kept.
#[derive(Clone, Debug, PartialEq)]
pub struct AgreementRules {
    /// What an account must be like for it; all of it.
    pub when: Vec<Test>,
    /// At most so many, and in so many days, the last one included; `None`: any number.
    pub most: Option<(u16, u16)>,
    /// It lies at most so many days ahead when it is made; `None`: any number.
    pub within_days: Option<u16>,
    /// At most so many parts; `None`: any number.
    pub parts: Option<u16>,
    /// So many days after its last day are still in time.
    pub grace_days: u16,
    /// So much of the amount is enough, in hundredths of a percent.
    pub kept_share: u16,
    /// True: bars in force are lifted when it is made.
    pub restores: bool,
    /// True: a plan is accepted only where one was offered in the cycle, with no more parts and no later end.
    pub only_offered: bool,
}

/// All of an amount, in hundredths of a percent.
pub const WHOLE_SHARE: u16 = 10_000;

impl Default for AgreementRules {
    fn default() -> Self {
        Self {
            when: Vec::new(),
            most: None,
            within_days: None,
            parts: None,
            grace_days: 0,
            kept_share: WHOLE_SHARE,
            restores: false,
            only_offered: false,
        }
    }
}

impl AgreementRules {
    /// True where so much of an amount is enough.
    #[must_use]
    pub fn is_kept(&self, paid: Minor, of: Minor) -> bool {
        // In 128 bits: the product of an amount and a share may leave the range of an amount.
        i128::from(paid.get()) * i128::from(WHOLE_SHARE) >= i128::from(of.get()) * i128::from(self.kept_share)
    }
}

/// An instalment plan that a notice offers: all that is dunned, in equal parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlanOffer {
    /// So many, at least one.
    pub parts: u16,
    /// The first one is due so many days after the notice.
    pub first_days: u16,
    /// The others follow after so many days each.
    pub every_days: u16,
}

impl PlanOffer {
    /// The parts of an amount; of one that has fewer minor units than parts, one for each. What cannot be shared equally
    /// is in the first ones.
    #[must_use]
    pub fn instalments(&self, amount: Minor, today: Day) -> Vec<Term> {
        let parts = i64::from(self.parts).min(amount.get()).max(0);
        let part = |n: i64| {
            let more = i64::from(n < amount.get() % parts);
            let day = self.last_day(today, i32::try_from(n).unwrap_or(i32::MAX));
            Term { due_on: day, amount: Minor::new(amount.get() / parts + more) }
        };
        (0..parts).map(part).collect()
    }

    /// The day of the part behind so many others.
    fn last_day(&self, today: Day, others: i32) -> Day {
        today.plus(i32::from(self.first_days).saturating_add(others.saturating_mul(i32::from(self.every_days))))
    }

    /// True where a plan of so many parts that ends on a day is no more than what was offered on another.
    #[must_use]
    pub fn covers(&self, parts: usize, ends_on: Day, offered_on: Day) -> bool {
        parts <= usize::from(self.parts) && ends_on <= self.last_day(offered_on, i32::from(self.parts.max(1)) - 1)
    }
}

/// Some kinds of holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum HoldKinds {
    /// None.
    #[default]
    None,
    /// All.
    All,
    /// These.
    Of(Vec<Id>),
}

impl HoldKinds {
    /// True where a kind is among them.
    #[must_use]
    pub fn has(&self, kind: &str) -> bool {
        match self {
            Self::None => false,
            Self::All => true,
            Self::Of(kinds) => kinds.iter().any(|known| **known == *kind),
        }
    }
}

/// What brings a debt back so that the ladder goes on where it stood when it was gone; with anything else it begins anew.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Resumes {
    /// A payment that was taken back.
    pub reversal: bool,
    /// A dispute that was rejected or withdrawn.
    pub dispute_lost: bool,
    /// A write-off that was taken back.
    pub write_off_reversed: bool,
}

impl Resumes {
    /// True where anything does.
    #[must_use]
    pub const fn any(self) -> bool {
        self.reversal || self.dispute_lost || self.write_off_reversed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_of_the_amount_is_enough_to_the_cent() {
        let rows = [
            (10_000, 100, 99, false),
            (10_000, 100, 100, true),
            (9_500, 1_000, 949, false),
            (9_500, 1_000, 950, true),
            (3_333, 100, 33, false),
            (3_333, 100, 34, true),
            (10_000, i64::MAX, i64::MAX - 1, false),
        ];
        for (kept_share, of, paid, kept) in rows {
            let rules = AgreementRules { kept_share, ..AgreementRules::default() };
            assert_eq!(rules.is_kept(Minor::new(paid), Minor::new(of)), kept, "{kept_share} of {of}: {paid}");
        }
    }

    #[test]
    fn what_is_offered_sums_to_the_cent_and_nothing_beyond_it_is_covered() {
        let offer = PlanOffer { parts: 3, first_days: 7, every_days: 30 };
        let day = Day::from_epoch;
        let rows: [(i64, &[(i32, i64)]); 5] = [
            (10_000, &[(107, 3_334), (137, 3_333), (167, 3_333)]),
            (9_999, &[(107, 3_333), (137, 3_333), (167, 3_333)]),
            (2, &[(107, 1), (137, 1)]),
            (0, &[]),
            (-5, &[]),
        ];
        for (amount, wanted) in rows {
            let parts = offer.instalments(Minor::new(amount), day(100));
            let parts: Vec<_> = parts.iter().map(|part| (part.due_on.epoch(), part.amount.get())).collect();
            assert_eq!(parts, wanted, "{amount}");
        }
        for (parts, ends, covered) in [(3, 167, true), (1, 167, true), (4, 160, false), (3, 168, false)] {
            assert_eq!(offer.covers(parts, day(ends), day(100)), covered, "{parts} until {ends}");
        }
    }

    #[test]
    fn kinds_of_holds_are_named_or_all() {
        let of = HoldKinds::Of(vec!["hardship".into()]);
        for (kinds, kind, has) in
            [(&HoldKinds::None, "", false), (&HoldKinds::All, "fraud", true), (&of, "hardship", true), (&of, "", false)]
        {
            assert_eq!(kinds.has(kind), has, "{kinds:?} {kind}");
        }
    }

    #[test]
    fn a_debt_comes_back_by_what_the_policy_names() {
        let all = [false, true];
        for (reversal, dispute_lost, write_off_reversed) in
            all.into_iter().flat_map(|a| all.into_iter().flat_map(move |b| all.map(|c| (a, b, c))))
        {
            let any = Resumes { reversal, dispute_lost, write_off_reversed }.any();
            assert_eq!(any, reversal || dispute_lost || write_off_reversed);
        }
    }
}
