//! What a step or a rule asks of an account.

use dunning_rules::{FlagOf, MONTHS, NumberOf, Policy, Test, WordOf};

use super::raw;
use super::ready::Reader;
use super::select::hundredths;
use crate::event::millionths;

impl Reader<'_, '_> {
    /// The tests of a condition; what is wrong in it goes to the notes.
    pub(super) fn tests(&mut self, path: &str, when: &raw::When) -> Vec<Test> {
        for (key, between) in numbers(when) {
            self.between(&format!("{path}.{key}"), between.at_least, between.below);
        }
        for (key, between) in ages(when) {
            let path = format!("{path}.{key}");
            let bounds = [("at_least", &between.at_least), ("below", &between.below)];
            let [least, below] = bounds.map(|(bound, text)| {
                let text = text.as_ref()?;
                let days = days(text);
                if days.is_none() {
                    let help = "write a number of days, such as `30d`";
                    self.error(&format!("{path}.{bound}"), format!("`{text}` is not a number of days"), help);
                }
                days
            });
            self.between(&path, least, below);
        }
        for (name, between) in when.scores.iter().flatten() {
            let path = format!("{path}.scores.{name}");
            let bound = |value: Option<f64>| value.map(millionths);
            self.between(&path, bound(between.at_least), bound(between.below));
        }
        if let Some(between) = &when.disputes_upheld {
            let path = format!("{path}.disputes_upheld");
            for (bound, text) in [("at_least", &between.at_least), ("below", &between.below)] {
                if let Some(text) = text.as_ref().filter(|text| hundredths(text).is_none()) {
                    let help = "write `50%`, from 0.01% to 100%";
                    self.error(&format!("{path}.{bound}"), format!("`{text}` is not a share"), help);
                }
            }
            self.between(&path, share(&between.at_least), share(&between.below));
        }
        if let Some(codes) = &when.currency {
            let known = |code: &String| dunning_rules::Currency::parse(code).is_some();
            if let Some(code) = words(codes).0.iter().find(|code| !known(code)) {
                let help = "use a code of ISO 4217 in capitals, such as `EUR`";
                self.error(&format!("{path}.currency"), format!("there is no currency `{code}`"), help);
            }
        }
        if let Some(months) = &when.bill_month
            && let Some(month) = words(months).0.iter().find(|month| !MONTHS.contains(&month.as_str()))
        {
            let help = "write `january`, `february`, …, in small letters";
            self.error(&format!("{path}.bill_month"), format!("there is no month `{month}`"), help);
        }
        self.quietly(when)
    }

    fn between(&mut self, path: &str, at_least: Option<i64>, below: Option<i64>) {
        if at_least.zip(below).is_some_and(|(least, below)| least >= below) {
            self.error(path, "no number is both", "`below` must be more than `at_least`");
        }
    }

    /// The tests of a condition that was looked at already.
    #[allow(clippy::unused_self)] // beside `tests`, of which it is the other half
    pub(super) fn quietly(&self, when: &raw::When) -> Vec<Test> {
        let mut tests = Vec::new();
        let listed = [
            (WordOf::Segment, &when.segment),
            (WordOf::Region, &when.region),
            (WordOf::RiskClass, &when.risk_class),
            (WordOf::Status, &when.status),
            (WordOf::Language, &when.language),
            (WordOf::Currency, &when.currency),
            (WordOf::BillKind, &when.bill_kind),
            (WordOf::BillMonth, &when.bill_month),
        ];
        for (of, listed) in listed {
            let Some(listed) = listed else { continue };
            let (words, not) = words(listed);
            tests.push(Test::Word { of, words: words.iter().map(|w| w.as_str().into()).collect(), not });
        }
        for (key, between) in numbers(when) {
            let of = number(key);
            tests.push(Test::Number { of, at_least: between.at_least, below: between.below });
        }
        for (key, between) in ages(when) {
            let bound = |text: &Option<String>| text.as_ref().and_then(|text| days(text));
            tests.push(Test::Number {
                of: number(key),
                at_least: bound(&between.at_least),
                below: bound(&between.below),
            });
        }
        for (name, between) in when.scores.iter().flatten() {
            let bound = |value: Option<f64>| value.map(millionths);
            let (at_least, below) = (bound(between.at_least), bound(between.below));
            tests.push(Test::Score { name: name.as_str().into(), at_least, below });
        }
        if let Some(between) = &when.disputes_upheld {
            let (at_least, below) = (share(&between.at_least), share(&between.below));
            tests.push(Test::Number { of: NumberOf::DisputesUpheld, at_least, below });
        }
        let flags = [
            (FlagOf::Autopay, when.autopay),
            (FlagOf::Vulnerable, when.vulnerable),
            (FlagOf::Profile, when.profile_known),
            (FlagOf::Prepaid, when.prepaid_service),
            (FlagOf::ProtectedService, when.protected_service),
        ];
        tests.extend(flags.into_iter().filter_map(|(of, is)| is.map(|is| Test::Flag { of, is })));
        tests
    }

    /// True where a condition asks how an account paid, which is then to be remembered.
    pub(super) fn asks_for_history(&self, file: &raw::PolicyFile) -> bool {
        let is_history = |test: &Test| matches!(test, Test::Number { of, .. } if of.is_history());
        asks(file, |when| self.quietly(when).iter().any(is_history))
    }

    /// True where a condition asks how often an account was barred.
    pub(super) fn asks_for_bars(&self, file: &raw::PolicyFile) -> bool {
        let is = |test: &Test| matches!(test, Test::Number { of: NumberOf::TimesBarred, .. });
        asks(file, |when| self.quietly(when).iter().any(is))
    }

    /// Steps and rules that no account can come to: what they ask for never holds while anybody is dunned.
    pub(super) fn never_met(&mut self, file: &raw::PolicyFile, policy: &Policy) {
        let told = file.before_due.iter().enumerate().map(|(i, s)| (format!("before_due[{i}]"), &s.when, false));
        let rules = file.select.iter().enumerate().map(|(i, r)| (format!("select[{i}]"), &r.when, true));
        let steps = file.procedures.iter().flat_map(|(name, procedure)| {
            let path = move |i| format!("procedures.{name}.steps[{i}]");
            procedure.steps.iter().enumerate().map(move |(i, s)| (path(i), &s.when, true))
        });
        for (path, when, overdue) in told.chain(rules).chain(steps) {
            let Some(when) = when else { continue };
            let least = least_dunned(policy, when);
            let at = |key: &str| format!("{path}.when.{key}");
            let help = "leave it out, or ask for what can be";
            let below = |between: &Option<raw::Between>| between.as_ref().and_then(|b| b.below);
            if least.is_none() {
                self.error(&at("currency"), "it never holds: nobody is dunned in this currency", help);
            }
            let Some(least) = least.filter(|_| overdue) else { continue };
            for (key, bound) in [("overdue", below(&when.overdue)), ("balance", below(&when.balance))] {
                if bound.is_some_and(|bound| bound <= least.get()) {
                    let message = format!("it never holds: nobody is dunned who owes less than {least}");
                    self.error(&at(key), message, help);
                }
            }
            if below(&when.unpaid_bills).is_some_and(|bound| bound <= 1) {
                self.error(&at("unpaid_bills"), "it never holds: whoever is dunned has an unpaid bill", help);
            }
        }
    }

    /// An amount says nothing of its currency; where the policy duns in several, that is a slip waiting to happen.
    pub(super) fn amounts_without_currency(&mut self, file: &raw::PolicyFile, policy: &Policy) {
        let never = |least: dunning_rules::Minor| least > dunning_rules::Minor::TURNOVER_MAX;
        let dunned = policy.minimum.iter().filter(|(_, least)| !never(*least)).count();
        if dunned + usize::from(policy.minimum_other.is_some()) < 2 {
            return;
        }
        let of = |base: String, steps: &[raw::Step]| {
            let slips = steps.iter().enumerate().filter(|(_, s)| s.when.as_ref().is_some_and(has_amount_alone));
            slips.map(|(i, _)| format!("{base}[{i}].when")).collect::<Vec<_>>()
        };
        let mut slips = of("before_due".to_owned(), &file.before_due);
        let early =
            file.early_warning.as_ref().and_then(|early| early.when.as_ref()).filter(|when| has_amount_alone(when));
        slips.extend(early.map(|_| "early_warning.when".to_owned()));
        let rules = file.select.iter().enumerate().filter(|(_, r)| r.when.as_ref().is_some_and(has_amount_alone));
        slips.extend(rules.map(|(i, _)| format!("select[{i}].when")));
        let terms = agreements(file).filter(|(_, terms)| terms.when.as_ref().is_some_and(has_amount_alone));
        slips.extend(terms.map(|(key, _)| format!("{key}.when")));
        for (name, procedure) in &file.procedures {
            slips.extend(of(format!("procedures.{name}.steps"), &procedure.steps));
        }
        for path in slips {
            let message = "an amount, and the policy is for several currencies";
            self.warn(&path, message, "add `currency: EUR`, so that it is not taken for another one");
        }
    }
}

/// The least that is dunned in any currency that a condition allows; `None`: in none of them anybody is.
fn least_dunned(policy: &Policy, when: &raw::When) -> Option<dunning_rules::Minor> {
    let dunned = |least: &dunning_rules::Minor| *least <= dunning_rules::Minor::TURNOVER_MAX;
    let (listed, not) = when.currency.as_ref().map_or((Vec::new(), true), words);
    let meant = |code: &str| listed.iter().any(|l| l == code) != not;
    let of_listed = policy.minimum.iter().filter(|(c, _)| meant(c.as_str())).map(|(_, least)| *least);
    // A currency that is named and not listed falls under what is said of the others.
    let named = |code: &String| policy.minimum.iter().any(|(c, _)| c.as_str() == *code);
    let other = policy.minimum_other.filter(|_| not || !listed.iter().all(named));
    of_listed.filter(dunned).chain(other).min()
}

const fn has_amount_alone(when: &raw::When) -> bool {
    when.currency.is_none() && (when.overdue.is_some() || when.balance.is_some() || when.lifetime_value.is_some())
}

/// True where a condition asks for the kind of a bill, which is then to be remembered.
pub(super) fn asks_for_kinds(file: &raw::PolicyFile) -> bool {
    asks(file, |when| when.bill_kind.is_some())
}

fn asks(file: &raw::PolicyFile, for_it: impl Fn(&raw::When) -> bool) -> bool {
    let steps = file.procedures.values().flat_map(|p| &p.steps).chain(&file.before_due);
    let whens = steps.map(|s| &s.when).chain(file.select.iter().map(|r| &r.when));
    let whens = whens.chain(file.early_warning.iter().map(|early| &early.when));
    let of_agreements = agreements(file).map(|(_, terms)| &terms.when);
    whens.chain(of_agreements).flatten().any(for_it)
}

/// On which terms promises and plans are taken, by key.
fn agreements(file: &raw::PolicyFile) -> impl Iterator<Item = (&'static str, &super::pauses::Agreement)> {
    let both = [("promises", &file.promises), ("plans", &file.plans)];
    both.into_iter().filter_map(|(key, terms)| Some((key, terms.as_ref()?)))
}

fn words(words: &raw::Words) -> (Vec<String>, bool) {
    match words {
        raw::Words::One(word) => (vec![word.clone()], false),
        raw::Words::Any(words) => (words.clone(), false),
        raw::Words::None(none) => (none.not.clone(), true),
    }
}

fn numbers(when: &raw::When) -> impl Iterator<Item = (&'static str, &raw::Between)> {
    let all = [
        ("overdue", &when.overdue),
        ("balance", &when.balance),
        ("unpaid_bills", &when.unpaid_bills),
        ("earlier_cycles", &when.earlier_cycles),
        ("open_disputes", &when.open_disputes),
        ("services", &when.services),
        ("promises_kept", &when.promises_kept),
        ("promises_broken", &when.promises_broken),
        ("lifetime_value", &when.lifetime_value),
        ("late_payments", &when.late_payments),
        ("times_barred", &when.times_barred),
        ("past_disputes", &when.past_disputes),
    ];
    all.into_iter().filter_map(|(key, between)| Some((key, between.as_ref()?)))
}

fn ages(when: &raw::When) -> impl Iterator<Item = (&'static str, &raw::DaysBetween)> {
    let all = [("debt_age", &when.debt_age), ("tenure", &when.tenure), ("days_to_pay", &when.days_to_pay)];
    all.into_iter().filter_map(|(key, between)| Some((key, between.as_ref()?)))
}

fn number(key: &str) -> NumberOf {
    match key {
        "overdue" => NumberOf::Overdue,
        "balance" => NumberOf::Balance,
        "unpaid_bills" => NumberOf::UnpaidBills,
        "earlier_cycles" => NumberOf::EarlierCycles,
        "open_disputes" => NumberOf::OpenDisputes,
        "services" => NumberOf::Services,
        "promises_kept" => NumberOf::PromisesKept,
        "promises_broken" => NumberOf::PromisesBroken,
        "tenure" => NumberOf::Tenure,
        "lifetime_value" => NumberOf::LifetimeValue,
        "late_payments" => NumberOf::LatePayments,
        "times_barred" => NumberOf::TimesBarred,
        "past_disputes" => NumberOf::PastDisputes,
        "days_to_pay" => NumberOf::DaysToPay,
        _ => NumberOf::DebtAge,
    }
}

fn share(text: &Option<String>) -> Option<i64> {
    text.as_ref().and_then(|text| hundredths(text)).map(i64::from)
}

fn days(text: &str) -> Option<i64> {
    let days: i64 = text.strip_suffix('d')?.parse().ok()?;
    (0..=36_500).contains(&days).then_some(days)
}
