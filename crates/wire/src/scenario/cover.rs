//! What of a policy its scenarios reach: steps and rules that no scenario comes to are not known to do what is meant.

use std::collections::BTreeSet;
use std::fmt;

use dunning_rules::{Policy, Step};

use super::Report;

/// Something of a policy that a scenario can reach.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// A step that did something.
    Step {
        /// Its procedure, where there are several; `None`: the only one, or it comes before the due date.
        procedure: Option<String>,
        /// Its name.
        step: String,
    },
    /// A rule that chose a procedure.
    Rule(String),
    /// An attempt to collect a payment that failed, from 1.
    Attempt(u16),
    /// A fee that was charged, or given up; `interest`.
    Charge(String),
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Step { procedure: None, step } => write!(f, "step `{step}`"),
            Self::Step { procedure: Some(procedure), step } => write!(f, "step `{step}` of `{procedure}`"),
            Self::Rule(rule) => write!(f, "rule `{rule}`"),
            Self::Charge(name) if name == "interest" => f.write_str("interest"),
            Self::Charge(name) => write!(f, "fee `{name}`"),
            Self::Attempt(attempt) => write!(f, "attempt {attempt} of `retries`"),
        }
    }
}

impl Part {
    /// A step of the procedure at a place.
    pub(super) fn step(policy: &Policy, place: u16, step: &str) -> Self {
        let before = notices(policy).any(|s| *s.name == *step);
        let procedure = policy.procedure_name(place).filter(|_| !before).map(ToString::to_string);
        Self::Step { procedure, step: step.to_owned() }
    }
}

/// Notices that belong to no cycle.
pub(super) fn notices(policy: &Policy) -> impl Iterator<Item = &Step> {
    let early = policy.options.early_warning.as_ref().map(|rule| &rule.step);
    early.into_iter().chain(&policy.options.before_due)
}

/// The steps, rules, attempts and charges of a policy that no scenario reached, in the order of the file.
#[must_use]
pub fn unreached(policy: &Policy, reports: &[Report]) -> Vec<Part> {
    let reached: BTreeSet<&Part> = reports.iter().flat_map(|report| &report.reached).collect();
    let rules = policy.options.select.iter().map(|rule| Part::Rule(rule.name.to_string()));
    let before = notices(policy).map(|step| Part::step(policy, 0, &step.name));
    let ladders = 0..u16::try_from(policy.options.procedures.len()).unwrap_or(0).max(1);
    let steps = ladders.flat_map(|place| {
        let of_it = policy.steps.get(policy.ladder(place)).unwrap_or_default();
        of_it.iter().map(move |step| Part::step(policy, place, &step.name))
    });
    let attempts = policy.options.retries.as_ref().map_or(0, |rules| rules.after_ms.len());
    let attempts = (1..=u16::try_from(attempts).unwrap_or(u16::MAX)).map(Part::Attempt);
    let charges = policy.options.charges.as_deref();
    let fees = charges.into_iter().flat_map(|rules| &rules.fees).map(|fee| fee.name.to_string());
    let interest = charges.and_then(|rules| rules.interest.as_ref()).map(|_| "interest".to_owned());
    let charges = fees.chain(interest).map(Part::Charge);
    rules.chain(before).chain(steps).chain(attempts).chain(charges).filter(|part| !reached.contains(part)).collect()
}
