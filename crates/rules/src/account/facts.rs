//! What a condition asks of an account.

use std::sync::Arc;

use super::ladder::Ladder;
use crate::{FlagOf, MONTHS, Minor, NumberOf, SelectRule, Step, Test, Timestamp, WordOf};

impl Ladder<'_> {
    /// True where all that a step asks for is met at an instant.
    pub(super) fn meets(&self, step: &Step, at: Timestamp) -> bool {
        self.meets_all(step.when(), at)
    }

    pub(super) fn meets_all(&self, tests: &[Test], at: Timestamp) -> bool {
        tests.iter().all(|test| match test {
            Test::Word { of, words, not } => Test::has_word(*of, words, *not, self.word(*of, at)),
            Test::Number { of, at_least, below } => Test::has_number(*at_least, *below, self.number(*of, at)),
            Test::Score { name, at_least, below } => Test::has_number(*at_least, *below, self.score(name)),
            Test::Flag { of, is } => self.flag(*of) == Some(*is),
        })
    }

    /// The procedure that a cycle which starts at an instant follows, and the name of the rule that says so.
    pub(super) fn select(&self, at: Timestamp) -> (u16, Option<Arc<str>>) {
        let takes = |rule: &&SelectRule| {
            rule.share.as_ref().is_none_or(|share| share.has(&self.account.id)) && self.meets_all(&rule.when, at)
        };
        let rule = self.policy.options.select.iter().find(takes);
        rule.map_or((0, None), |rule| (rule.procedure, Some(rule.name.clone())))
    }

    fn word(&self, of: WordOf, at: Timestamp) -> Option<&str> {
        if of == WordOf::Currency {
            return self.account.currency.as_ref().map(|c| c.as_str());
        }
        if of == WordOf::BillKind {
            let (_, bill) = self.oldest(at)?;
            return self.account.bill_aside(bill).map(|known| &*known.kind).filter(|kind| !kind.is_empty());
        }
        if of == WordOf::BillMonth {
            let (_, oldest) = self.oldest(at)?;
            let bill = self.account.bills.iter().find(|bill| *bill.id == *oldest)?;
            let (month, _) = self.account.first_due(bill).month_and_day()?;
            return MONTHS.get(usize::from(month.checked_sub(1)?)).copied();
        }
        let profile = self.account.profile.as_deref()?;
        Some(match of {
            WordOf::Segment => &profile.segment,
            WordOf::Region => &profile.region,
            WordOf::RiskClass => &profile.risk_class,
            WordOf::Status => &profile.status,
            WordOf::Language | WordOf::Currency | WordOf::BillKind | WordOf::BillMonth => &profile.language,
        })
    }

    fn number(&self, of: NumberOf, at: Timestamp) -> Option<i64> {
        let days = |from, to: crate::Day| i64::from(to.epoch()) - i64::from(crate::Day::epoch(from));
        let count = |n: usize| i64::try_from(n).ok();
        match of {
            NumberOf::Overdue => Some(self.dunned(at).get()),
            NumberOf::Balance => Some(self.account.open().get()),
            NumberOf::UnpaidBills => {
                count(self.dunned_bills(at).filter(|bill| !self.account.is_charge(&bill.id)).count())
            }
            NumberOf::DebtAge => {
                let oldest = self.dunned_bills(at).map(|b| self.account.first_due(b)).min()?;
                Some(days(oldest, self.zone.day_of(at)))
            }
            NumberOf::Tenure => {
                let since = self.account.profile.as_deref()?.customer_since?;
                Some(days(since, self.zone.day_of(at)))
            }
            NumberOf::EarlierCycles => Some(i64::from(self.account.cycles) - i64::from(self.account.cycle.is_some())),
            NumberOf::OpenDisputes => count(self.account.disputes.iter().filter(|d| !d.resolved).count()),
            NumberOf::Services => count(self.account.profile.as_deref()?.services.len()),
            NumberOf::PromisesKept => Some(self.account.pauses().map_or(0, |p| i64::from(p.kept))),
            NumberOf::PromisesBroken => Some(self.account.pauses().map_or(0, |p| i64::from(p.broken))),
            NumberOf::LifetimeValue => Some(self.account.facts()?.lifetime_value.get()),
            NumberOf::LatePayments => {
                Some(self.account.history().map_or(0, |known| known.late_payments(self.zone.day_of(at))))
            }
            NumberOf::TimesBarred => Some(self.account.times_barred(self.zone.day_of(at))),
            NumberOf::DaysToPay => self.account.history()?.days_to_pay(),
            NumberOf::PastDisputes => Some(self.account.history().map_or(0, |known| i64::from(known.disputes))),
            NumberOf::DisputesUpheld => self.account.history()?.upheld_share(),
        }
    }

    fn score(&self, name: &str) -> Option<i64> {
        let mut scores = self.account.facts()?.scores.iter();
        scores.find(|score| *score.name == *name).map(|score| score.millionths)
    }

    fn flag(&self, of: FlagOf) -> Option<bool> {
        let profile = self.account.profile.as_deref();
        match of {
            FlagOf::Profile => Some(profile.is_some()),
            FlagOf::Vulnerable => profile.map(|p| p.vulnerable),
            FlagOf::Prepaid => profile.map(|p| p.services.iter().any(|s| s.prepaid)),
            FlagOf::Autopay => profile.map(|_| self.account.facts().is_some_and(|facts| facts.autopay)),
            FlagOf::ProtectedService => profile.map(|p| p.services.iter().any(|s| s.protected)),
        }
    }

    /// True where enough is owed at an instant, and what the step asks for is met.
    pub(super) fn is_ready(&self, step: Option<&Step>, at: Timestamp) -> bool {
        self.is_enough(self.dunned(at)) && step.is_none_or(|step| self.meets(step, at))
    }

    /// The least that keeps a cycle.
    pub(super) fn keeps(&self) -> Minor {
        self.policy.restore_below(self.account.currency)
    }
}
