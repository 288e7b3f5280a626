//! Policies that nobody wrote: made by chance in the words of the file format, read as `dunning policy check` reads them, and
//! lived through by accounts to which anything happens. Whatever the check accepts keeps the safety rules.

mod dice;
mod file;
mod life;

use std::collections::{BTreeMap, BTreeSet};

use dice::Dice;
use dunning_rules::{Channel, StepAction};
use dunning_wire::policy;

/// So many policies, or as many as `DUNNING_GENERATED_POLICIES` says; each one meets [`LIVES`] accounts, and half of them
/// are followed by another one.
const POLICIES: u64 = 1_500;
const LIVES: u64 = 3;

#[test]
fn whatever_policy_is_accepted_keeps_the_safety_rules() {
    let asked = std::env::var("DUNNING_GENERATED_POLICIES").ok();
    let policies = asked.map_or(POLICIES, |number| number.parse().expect("a number"));
    let mut accepted = Vec::new();
    let mut refused: BTreeMap<String, u32> = BTreeMap::new();
    for seed in 0..policies {
        let text = file::policy(&mut Dice::of(seed), seed);
        match policy::parse("made.yaml", &text) {
            Ok(loaded) => accepted.push((seed, text, loaded.policy)),
            Err(errors) => *refused.entry(first_error(&errors)).or_default() += 1,
        }
    }
    let share = 100 * accepted.len() as u64 / policies;
    println!("{share} % of {policies} policies are accepted, {} kinds of mistakes are refused", refused.len());
    assert!(share >= 50, "only {share} % of {policies} are accepted: {refused:#?}");
    assert!(refused.len() >= 3, "the check refuses too little of what is made by chance: {refused:#?}");

    let mut reached = BTreeSet::new();
    for (at, (seed, text, first)) in accepted.iter().enumerate() {
        let next = accepted.get(at + 1).filter(|_| seed % 2 == 0).map(|(_, _, policy)| policy);
        for life in 0..LIVES {
            let lived = life::live(first, next, seed * LIVES + life);
            let lived = lived.unwrap_or_else(|wrong| panic!("policy {seed}, life {life}: {wrong}\n{text}"));
            reached.extend(lived);
        }
        for step in first.steps.iter().chain(&first.options.before_due) {
            reached.insert(kind(&step.action).to_owned());
        }
    }
    let missing: Vec<_> = life::KINDS.iter().filter(|kind| !reached.contains(**kind)).collect();
    assert!(missing.is_empty(), "no life came to {missing:?}");
}

/// Without what it names: as a kind of mistake.
fn first_error(findings: &policy::Findings) -> String {
    let error = findings.0.iter().find(|finding| finding.severity == policy::Severity::Error).expect("an error");
    error.message.split('`').step_by(2).collect()
}

fn kind(action: &StepAction) -> &'static str {
    match action {
        StepAction::Notify { channel: Channel::Letter, .. } => "a letter",
        StepAction::Notify { .. } => "a notice",
        StepAction::Bar { .. } => "a bar",
        StepAction::WriteOff { .. } => "a write-off",
    }
}
