//! What stops dunning for a time: promises to pay, instalment plans, holds.

use dunning_rules::{AgreementRules, DAY_MS, HoldKinds, PauseRules, PlanOffer, Policy, TRANSIT_DAYS, WHOLE_SHARE};
use schemars::JsonSchema;
use serde::Deserialize;

use super::print::test;
use super::ready::Reader;
use super::{duration, raw, select};

/// On which terms a promise to pay or an instalment plan is taken.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(extend("minProperties" = 1))]
pub(super) struct Agreement {
    /// What an account must be like for it; all of it. Without it: any account.
    pub(super) when: Option<raw::When>,
    /// How many an account may make, and in what time. Without it: any number.
    pub(super) at_most: Option<AtMost>,
    /// Its last day lies at most so far ahead when it is made, such as `14d`. Without it: any day is taken.
    #[schemars(regex(pattern = "^[0-9]+d$"))]
    pub(super) no_later_than: Option<String>,
    /// So long after its last day a payment still keeps it, such as `2d`. Without it: not at all.
    #[schemars(regex(pattern = "^[0-9]+d$"))]
    pub(super) grace: Option<String>,
    /// So much of the amount keeps it, such as `95%`. Without it: all of it.
    #[schemars(regex(pattern = "^[0-9]{1,3}([.][0-9]{1,2})?%$"))]
    pub(super) kept_at: Option<String>,
    /// `true`: bars that are in force are lifted when it is made. Without it: they stay.
    pub(super) restore: bool,
    /// Of a plan: it has at most so many parts. Without it: any number.
    #[schemars(range(min = 1, max = 240))]
    pub(super) parts_at_most: Option<u16>,
    /// Of a plan: `true` takes it only where a notice of the cycle offered one, with no more parts and no later end.
    pub(super) only_offered: bool,
}

/// An instalment plan in equal parts.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Offer {
    /// In so many parts.
    #[schemars(range(min = 2, max = 24))]
    pub(super) parts: u16,
    /// So long from one to the next, such as `30d`.
    #[schemars(regex(pattern = "^[0-9]+d$"))]
    pub(super) every: String,
    /// How long after the notice the first one is due, such as `7d`. Without it: as long as from one to the next.
    #[serde(default)]
    #[schemars(regex(pattern = "^[0-9]+d$"))]
    pub(super) first_in: Option<String>,
}

/// So many in so long.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AtMost {
    /// So many.
    #[schemars(range(min = 1, max = 32))]
    pub(super) most: u16,
    /// In so long, such as `90d`.
    #[serde(rename = "in")]
    #[schemars(regex(pattern = "^[0-9]+d$"))]
    pub(super) within: String,
}

/// What a hold does beyond stopping what it says.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Holds {
    /// Holds that lift the bars in force: `all`, or a list of their kinds (`[hardship, bereavement]`).
    pub(super) restore: Kinds,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(super) enum Kinds {
    /// `all`.
    All(AllKinds),
    /// These kinds.
    Of(#[schemars(length(min = 1))] Vec<String>),
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum AllKinds {
    All,
}

impl Reader<'_, '_> {
    pub(super) fn pauses(&mut self, file: &raw::PolicyFile) -> PauseRules {
        if file.promises.as_ref().is_some_and(|terms| terms.parts_at_most.is_some()) {
            self.error("promises.parts_at_most", "a promise has no parts", "write it under `plans`");
        }
        if file.promises.as_ref().is_some_and(|terms| terms.only_offered) {
            self.error("promises.only_offered", "a promise is not offered", "write it under `plans`");
        }
        let mut terms = |path: &str, terms: &Option<Agreement>| {
            terms.as_ref().map_or(AgreementRules::default(), |terms| self.agreement(path, terms))
        };
        PauseRules {
            promises: terms("promises", &file.promises),
            plans: terms("plans", &file.plans),
            transit_days: match file.payments_on_their_way.as_deref() {
                None => Some(TRANSIT_DAYS),
                Some("ignore") => None,
                Some(text) => Some(self.days("payments_on_their_way", text)),
            },
            holds_restore: match file.holds.as_ref().map(|holds| &holds.restore) {
                None => HoldKinds::None,
                Some(Kinds::All(AllKinds::All)) => HoldKinds::All,
                Some(Kinds::Of(kinds)) => HoldKinds::Of(kinds.iter().map(|kind| kind.as_str().into()).collect()),
            },
        }
    }

    fn agreement(&mut self, path: &str, terms: &Agreement) -> AgreementRules {
        let when = terms.when.as_ref().map(|when| self.tests(&format!("{path}.when"), when)).unwrap_or_default();
        let mut days = |key: &str, text: &str| self.days(&format!("{path}.{key}"), text);
        let most = terms.at_most.as_ref().map(|a| (a.most, days("at_most.in", &a.within)));
        let within_days = terms.no_later_than.as_ref().map(|text| days("no_later_than", text));
        let grace_days = terms.grace.as_ref().map_or(0, |text| days("grace", text));
        let kept_share = terms.kept_at.as_ref().map_or(WHOLE_SHARE, |text| {
            select::hundredths(text).unwrap_or_else(|| {
                let help = "write `95%`, from 0.01% to 100%";
                self.error(&format!("{path}.kept_at"), format!("`{text}` is not a share"), help);
                WHOLE_SHARE
            })
        });
        let (parts, restores, only_offered) = (terms.parts_at_most, terms.restore, terms.only_offered);
        AgreementRules { when, most, within_days, parts, grace_days, kept_share, restores, only_offered }
    }

    /// The plan that a notice offers.
    pub(super) fn offer(&mut self, path: &str, offer: &Offer) -> PlanOffer {
        let every_days = self.days(&format!("{path}.every"), &offer.every);
        let first = offer.first_in.as_ref().map(|text| self.days(&format!("{path}.first_in"), text));
        for (key, days) in [("every", Some(every_days)), ("first_in", first)] {
            if days == Some(0) {
                self.error(&format!("{path}.{key}"), "it is due at once", "write at least `1d`");
            }
        }
        PlanOffer { parts: offer.parts, first_days: first.unwrap_or(every_days), every_days }
    }

    /// Offers that the policy itself would not take, and plans that need an offer which nobody gets.
    pub(super) fn offers_and_plans(&mut self, policy: &Policy) {
        let rules = &policy.options.pauses.plans;
        let offers: Vec<_> = policy.steps.iter().filter_map(|step| Some((step.name.clone(), step.offer()?))).collect();
        for (name, offer) in &offers {
            let lasts = u32::from(offer.first_days) + u32::from(offer.every_days) * u32::from(offer.parts - 1);
            let too_many = rules.parts.is_some_and(|most| offer.parts > most);
            if too_many || rules.within_days.is_some_and(|days| lasts > u32::from(days)) {
                let message = format!(
                    "nobody can take the plan that `{name}` offers: it has {} parts and ends after {lasts} days",
                    offer.parts
                );
                self.error("plans", message, "raise `parts_at_most` and `no_later_than`, or offer less");
            }
        }
        if rules.only_offered && offers.is_empty() {
            let help = "add `offer: { parts: 3, every: 30d }` to a notice";
            self.error("plans.only_offered", "no plan is ever taken, as no notice offers one", help);
        }
    }

    fn days(&mut self, path: &str, text: &str) -> u16 {
        let days = duration::parse(text).ok().and_then(|ms| u16::try_from(ms / DAY_MS).ok());
        days.unwrap_or_else(|| {
            self.error(path, format!("`{text}` is not a number of days"), "write `14d`, at most ten years");
            0
        })
    }

    /// A promise that may lie behind all that would happen without it.
    pub(super) fn promises_and_steps(&mut self, policy: &Policy) {
        let rules = &policy.options.pauses.promises;
        let last = policy.steps.iter().map(|step| step.offset_ms).max().unwrap_or(0);
        if let Some(days) = rules.within_days.filter(|days| i64::from(*days) * DAY_MS > last) {
            let message = format!("a promise may lie {days} days ahead, which is longer than the whole ladder");
            let help = "let it end before the last step, or leave it so where that is meant";
            self.warn("promises.no_later_than", message, help);
        }
        for (key, rules) in [("promises", rules), ("plans", &policy.options.pauses.plans)] {
            let bounded = rules.within_days.is_some();
            if !bounded && self.root.get(key).is_some() {
                let message = format!("{key} may lie as far ahead as anybody writes, and nothing is done until then");
                self.warn(key, message, "add `no_later_than: 30d`");
            }
        }
    }
}

/// What a policy says of promises, plans and holds, in sentences.
pub(super) fn sentences(rules: &PauseRules) -> Vec<String> {
    let mut said = vec![
        agreement("A promise to pay", &rules.promises, "it stops everything until its last day"),
        agreement("An instalment plan", &rules.plans, "it stops everything while it is kept"),
    ];
    said.push(match &rules.holds_restore {
        HoldKinds::None => "A hold stops what it says, and bars in force stay.".to_owned(),
        HoldKinds::All => "A hold stops what it says, and lifts the bars in force.".to_owned(),
        HoldKinds::Of(kinds) => {
            format!(
                "A hold stops what it says, and lifts the bars in force where it is of kind {}.",
                kinds.join(" or ")
            )
        }
    });
    said.push(match rules.transit_days {
        None => "A payment that is on its way does not count.".to_owned(),
        Some(days) => format!(
            "A payment that is on its way and enough for what is overdue stops everything until it is expected, {days} days \
             at most."
        ),
    });
    said
}

fn agreement(what: &str, rules: &AgreementRules, stops: &str) -> String {
    let asks = [
        rules.within_days.map(|days| format!("it ends within {days} days")),
        rules.parts.map(|parts| format!("it has at most {parts} parts")),
        rules.most.map(|(most, days)| format!("it is one of at most {most} in {days} days")),
        rules.only_offered.then(|| "one was offered in the cycle with as many parts and no earlier end".to_owned()),
    ];
    let asks: Vec<String> = asks.into_iter().flatten().chain(rules.when.iter().map(test)).collect();
    let taken = if asks.is_empty() { "is taken".to_owned() } else { format!("is taken if {}", asks.join(", and ")) };
    let share = match rules.kept_share {
        WHOLE_SHARE => "The whole amount".to_owned(),
        share => format!("{}.{:02}% of the amount", share / 100, share % 100),
    };
    let grace = match rules.grace_days {
        0 => String::new(),
        days => format!(", up to {days} days late"),
    };
    let bars = if rules.restores { "Bars in force are lifted." } else { "Bars in force stay." };
    format!("{what} {taken}: {stops}. {share} keeps it{grace}. {bars}")
}
