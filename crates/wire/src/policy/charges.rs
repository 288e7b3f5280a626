//! What customers who pay late are charged.

use std::collections::BTreeMap;
use std::sync::Arc;

use dunning_rules::{ChargeRules, Currency, FeeOn, FeeRule, InterestRule, Minor, Policy, Posting, Step, Take, Unpaid};
use schemars::JsonSchema;
use serde::Deserialize;

use super::print::listed;
use super::ready::Reader;
use super::select::hundredths;
use super::{duration, raw};

const PERCENT_HELP: &str = "write `2%` or `0.5%`, from 0.01% to 100%";
/// What commands say of interest in the place of a step.
const INTEREST: &str = "interest";
/// The word for what no step is.
const END: &str = "end_of_cycle";

/// Fees and interest. Each is a request to billing on `dunning.ledger`, and is owed from then on.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Charges {
    /// Fees for paying late.
    #[serde(default)]
    #[schemars(length(max = 20))]
    pub(super) fees: Vec<Fee>,
    /// Interest on what is overdue, day by day; none on charges.
    #[serde(default)]
    pub(super) interest: Option<Interest>,
    /// What becomes of charges when all else is paid: they stay owed and nobody is dunned for them (`leave`), they are
    /// dunned as the bills are (`dun`), or they are given up (`waive`). Without it: `leave`.
    #[serde(default)]
    pub(super) unpaid: Written,
}

/// A fee: an amount, a share of what is overdue, or both.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Fee {
    /// Name of the fee, that of no step: small letters, digits and hyphens.
    #[schemars(regex(pattern = "^[a-z][a-z0-9-]{0,63}$"))]
    pub(super) fee: String,
    /// The steps that it comes with, each time they come: `[second, final]`; or `next_bill`: it comes with each bill that is
    /// issued while others are overdue.
    pub(super) on: On,
    /// So much, tax included, in minor units (cents) by currency. In currencies that are not named: nothing.
    #[serde(default)]
    #[schemars(extend("minProperties" = 1))]
    pub(super) amount: BTreeMap<String, i64>,
    /// A share of what is overdue, tax included: `2%`.
    #[serde(default)]
    #[schemars(regex(pattern = "^[0-9]{1,3}([.][0-9]{1,2})?%$"))]
    pub(super) percent: Option<String>,
    /// How `amount` and `percent` go together, where both are there. Without it: `sum`.
    #[serde(default)]
    pub(super) take: Option<Taken>,
    /// No less than this, in minor units (cents) by currency.
    #[serde(default)]
    #[schemars(extend("minProperties" = 1))]
    pub(super) at_least: BTreeMap<String, i64>,
    /// No more than this, in minor units (cents) by currency.
    #[serde(default)]
    #[schemars(extend("minProperties" = 1))]
    pub(super) at_most: BTreeMap<String, i64>,
    /// The first one in so many days is spared: `365d`.
    #[serde(default)]
    #[schemars(regex(pattern = "^[0-9]+d$"))]
    pub(super) spare_first_in: Option<String>,
    /// The code by which billing knows it. Without it: the name of the fee.
    #[serde(default)]
    #[schemars(length(min = 1, max = 100))]
    pub(super) code: Option<String>,
    /// The tax that the amount contains, as a share of the net: `19%`. Without it: none.
    #[serde(default)]
    #[schemars(regex(pattern = "^[0-9]{1,3}([.][0-9]{1,2})?%$"))]
    pub(super) tax: Option<String>,
}

/// Interest on what is overdue: simple, for each day of 365 to the year.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Interest {
    /// A year: `10%`.
    #[schemars(regex(pattern = "^[0-9]{1,3}([.][0-9]{1,2})?%$"))]
    pub(super) yearly: String,
    /// What has come up by then is charged with these steps, and `end_of_cycle` when all else is paid.
    #[schemars(length(min = 1))]
    pub(super) on: Vec<String>,
    /// The code by which billing knows it. Without it: `interest`.
    #[serde(default)]
    #[schemars(length(min = 1, max = 100))]
    pub(super) code: Option<String>,
    /// The tax that it contains, as a share of the net: `19%`. Without it: none.
    #[serde(default)]
    #[schemars(regex(pattern = "^[0-9]{1,3}([.][0-9]{1,2})?%$"))]
    pub(super) tax: Option<String>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(super) enum On {
    /// With the next bill.
    Bill(NextBill),
    /// With these steps.
    Steps(#[schemars(length(min = 1))] Vec<String>),
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum NextBill {
    NextBill,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Written {
    #[default]
    Leave,
    Dun,
    Waive,
}

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Taken {
    Sum,
    Greater,
    Lesser,
}

impl Reader<'_, '_> {
    pub(super) fn charges(&mut self, file: &raw::PolicyFile, steps: &[Step]) -> Option<Box<ChargeRules>> {
        let written = file.charges.as_ref()?;
        if written.fees.is_empty() && written.interest.is_none() {
            self.error("charges", "nothing is charged", "add `fees` or `interest`, or leave it out");
        }
        let unpaid = match written.unpaid {
            Written::Leave => Unpaid::Leave,
            Written::Dun => Unpaid::Dun,
            Written::Waive => Unpaid::Waive,
        };
        let mut fees: Vec<FeeRule> = Vec::with_capacity(written.fees.len());
        for (i, fee) in written.fees.iter().enumerate() {
            let path = format!("charges.fees[{i}]");
            self.name(&format!("{path}.fee"), &fee.fee);
            let is_step = steps.iter().any(|step| *step.name == *fee.fee);
            if is_step || fee.fee == INTEREST || fees.iter().any(|known| *known.name == *fee.fee) {
                let message = format!("`{}` is the name of something else", fee.fee);
                self.error(&format!("{path}.fee"), message, "choose another name");
            }
            let ready = self.fee(&path, fee, steps);
            fees.push(ready);
        }
        let interest = written.interest.as_ref().map(|interest| self.interest(interest, steps, unpaid));
        Some(Box::new(ChargeRules { fees, interest, unpaid }))
    }

    fn fee(&mut self, path: &str, fee: &Fee, steps: &[Step]) -> FeeRule {
        if fee.amount.is_empty() && fee.percent.is_none() {
            self.error(path, "how much is it?", "add `amount`, `percent`, or both");
        }
        if fee.take.is_some() && (fee.amount.is_empty() || fee.percent.is_none()) {
            self.error(&format!("{path}.take"), "there is one amount to take", "leave it out");
        }
        let at_least = self.by_currency(&format!("{path}.at_least"), &fee.at_least);
        let at_most = self.by_currency(&format!("{path}.at_most"), &fee.at_most);
        for (currency, least) in &at_least {
            if at_most.iter().any(|(other, most)| other == currency && most < least) {
                let message = format!("it is at least {least} and at most less, in {}", currency.as_str());
                self.error(&format!("{path}.at_least"), message, "write no more than under `at_most`");
            }
        }
        let days = |text: &String| text.strip_suffix('d').and_then(|days| days.parse::<u16>().ok());
        let spare_days = fee.spare_first_in.as_ref().and_then(|text| {
            let days = days(text).filter(|days| *days > 0);
            if days.is_none() {
                let help = "write `365d`, from 1 to 65535 days";
                self.error(&format!("{path}.spare_first_in"), format!("`{text}` is no number of days"), help);
            }
            days
        });
        FeeRule {
            name: fee.fee.as_str().into(),
            on: match &fee.on {
                On::Bill(NextBill::NextBill) => FeeOn::NextBill,
                On::Steps(names) => FeeOn::Steps(self.places(&format!("{path}.on"), names, steps)),
            },
            flat: self.by_currency(&format!("{path}.amount"), &fee.amount),
            percent: fee.percent.as_ref().map_or(0, |text| self.percent(&format!("{path}.percent"), text)),
            take: match fee.take {
                None | Some(Taken::Sum) => Take::Sum,
                Some(Taken::Greater) => Take::Greater,
                Some(Taken::Lesser) => Take::Lesser,
            },
            at_least,
            at_most,
            spare_days,
            posting: self.posting(path, fee.code.as_ref(), &fee.fee, fee.tax.as_ref()),
        }
    }

    fn interest(&mut self, interest: &Interest, steps: &[Step], unpaid: Unpaid) -> InterestRule {
        let path = "charges.interest";
        let at_end = interest.on.iter().any(|name| name == END);
        if at_end && unpaid == Unpaid::Waive {
            let help = "leave it out, or write `unpaid: leave`";
            self.error(&format!("{path}.on"), "it is charged at the end and given up at once", help);
        }
        let names: Vec<String> = interest.on.iter().filter(|name| *name != END).cloned().collect();
        InterestRule {
            yearly: self.percent(&format!("{path}.yearly"), &interest.yearly),
            steps: self.places(&format!("{path}.on"), &names, steps),
            at_end,
            posting: self.posting(path, interest.code.as_ref(), INTEREST, interest.tax.as_ref()),
        }
    }

    fn posting(&mut self, path: &str, code: Option<&String>, name: &str, tax: Option<&String>) -> Posting {
        let code = Arc::from(code.map_or(name, String::as_str));
        Posting { code, tax: tax.map_or(0, |text| self.percent(&format!("{path}.tax"), text)) }
    }

    fn percent(&mut self, path: &str, text: &str) -> u32 {
        let found = hundredths(text);
        if found.is_none() {
            self.error(path, format!("`{text}` is not a share"), PERCENT_HELP);
        }
        found.map_or(0, u32::from)
    }

    /// The steps of these names, of whatever procedure.
    fn places(&mut self, path: &str, names: &[String], steps: &[Step]) -> Vec<u16> {
        let mut places = Vec::new();
        for name in names {
            let found = steps.iter().enumerate().filter(|(_, step)| *step.name == **name).map(|(place, _)| place);
            let before = places.len();
            places.extend(found.filter_map(|place| u16::try_from(place).ok()));
            if places.len() == before {
                self.error(path, format!("there is no step `{name}`"), "name a step of a procedure");
            }
        }
        places
    }

    fn by_currency(&mut self, path: &str, amounts: &BTreeMap<String, i64>) -> Vec<(Currency, Minor)> {
        let mut listed = Vec::with_capacity(amounts.len());
        for (code, amount) in amounts {
            match Currency::parse(code) {
                Some(_) if !(1..=Minor::EVENT_MAX.get()).contains(amount) => {
                    let help = "write it in minor units (cents), at least 1";
                    self.error(&format!("{path}.{code}"), format!("{amount} is no amount to charge"), help);
                }
                Some(currency) => listed.push((currency, Minor::new(*amount))),
                None => self.no_currency(&format!("{path}.{code}"), code),
            }
        }
        listed
    }
}

/// What a policy says of charges, in sentences.
pub(super) fn sentences(policy: &Policy) -> Vec<String> {
    let Some(rules) = policy.options.charges.as_deref() else {
        return vec!["Nothing is charged for paying late.".to_owned()];
    };
    let mut sentences: Vec<String> = rules.fees.iter().map(|fee| fee_words(policy, fee)).collect();
    sentences.extend(rules.interest.as_ref().map(|interest| interest_words(policy, interest)));
    sentences.push(
        match rules.unpaid {
            Unpaid::Leave => "Charges stay owed when all else is paid, and nobody is dunned for them.",
            Unpaid::Dun => "Charges are dunned as the bills are, from the day on which they are asked for.",
            Unpaid::Waive => "Charges that are not paid when all else is are given up.",
        }
        .to_owned(),
    );
    sentences
}

fn fee_words(policy: &Policy, fee: &FeeRule) -> String {
    let amounts = |list: &[(Currency, Minor)]| {
        let parts: Vec<String> = list.iter().map(|(currency, n)| format!("{n} {}", currency.as_str())).collect();
        listed(&parts, "or")
    };
    let share = format!("{} of what is overdue", percent(fee.percent));
    let amount = match (fee.flat.is_empty(), fee.percent > 0) {
        (false, false) => amounts(&fee.flat),
        (true, _) => share,
        (false, true) => match fee.take {
            Take::Sum => format!("{} and {share}", amounts(&fee.flat)),
            Take::Greater => format!("the greater of {} and {share}", amounts(&fee.flat)),
            Take::Lesser => format!("the lesser of {} and {share}", amounts(&fee.flat)),
        },
    };
    let mut text = format!("Fee `{}`: {amount}", fee.name);
    if !fee.at_least.is_empty() {
        text.push_str(&format!(", at least {}", amounts(&fee.at_least)));
    }
    if !fee.at_most.is_empty() {
        text.push_str(&format!(", at most {}", amounts(&fee.at_most)));
    }
    text.push_str(&match &fee.on {
        FeeOn::NextBill => ", with each bill that comes while others are overdue".to_owned(),
        FeeOn::Steps(places) => format!(", with {}", names(policy, places)),
    });
    if let Some(days) = fee.spare_days {
        let span = duration::words(i64::from(days) * dunning_rules::DAY_MS);
        text.push_str(&format!("; the first one in {span} is spared"));
    }
    text + &tax(&fee.posting) + "."
}

fn interest_words(policy: &Policy, interest: &InterestRule) -> String {
    let mut when: Vec<String> = Vec::new();
    if !interest.steps.is_empty() {
        when.push(format!("with {}", names(policy, &interest.steps)));
    }
    if interest.at_end {
        when.push("when all else is paid".to_owned());
    }
    let when = listed(&when, "and");
    format!(
        "Interest of {} a year on what is overdue, for each day and charges aside, is charged {when}{}.",
        percent(interest.yearly),
        tax(&interest.posting)
    )
}

fn names(policy: &Policy, places: &[u16]) -> String {
    let known = places.iter().filter_map(|place| policy.steps.get(usize::from(*place)));
    let mut names: Vec<String> = known.map(|step| format!("`{}`", step.name)).collect();
    names.dedup();
    listed(&names, "and")
}

fn tax(posting: &Posting) -> String {
    if posting.tax == 0 { String::new() } else { format!(", with {} tax in it", percent(posting.tax)) }
}

pub(super) fn percent(hundredths: u32) -> String {
    let (whole, rest) = (hundredths / 100, hundredths % 100);
    let rest = if rest == 0 { String::new() } else { format!(".{rest:02}").trim_end_matches('0').to_owned() };
    format!("{whole}{rest}%")
}
