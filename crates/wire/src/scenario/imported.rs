//! What an account comes with from another system, in a diary.

use dunning_rules::{BarLevel, BarThere, Interaction, Minor, Timestamp};
use schemars::JsonSchema;
use serde::Deserialize;

use super::model::Happening;
use super::raw;
use super::read::{Reader, level};

/// The account was dunned by another system so far.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct StateImported {
    /// The last step that was taken there, by its name in the policy. Without it: none.
    #[serde(default)]
    pub(super) step: Option<String>,
    /// When its cycle began there.
    #[serde(default)]
    pub(super) cycle_started: Option<String>,
    /// When the last warning was sent.
    #[serde(default)]
    pub(super) warned: Option<String>,
    /// What it named, in minor units (cents).
    #[serde(default)]
    #[schemars(range(min = 0, max = 1_000_000_000_000_000_i64))]
    pub(super) amount_warned: i64,
    /// The bars that are in force.
    #[serde(default)]
    pub(super) bars: Vec<ImportedBar>,
}

/// A bar that another system had sent.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ImportedBar {
    /// Its name there.
    #[serde(rename = "ref")]
    pub(super) reference: String,
    /// How far.
    pub(super) level: raw::Level,
    /// The services that it restricts. Without it: all of the account.
    #[serde(default)]
    pub(super) services: Vec<String>,
    /// Since when.
    pub(super) since: String,
}

/// What it came with, as a diary has it.
#[derive(Clone, Debug)]
pub(super) struct Came {
    step: String,
    started: Option<Timestamp>,
    warned: Option<Timestamp>,
    amount_warned: Minor,
    bars: Vec<Barred>,
}

#[derive(Clone, Debug)]
struct Barred {
    reference: String,
    level: BarLevel,
    services: Vec<String>,
    since: Timestamp,
}

impl Reader<'_, '_> {
    /// `None` where an instant cannot be read.
    pub(super) fn came(&mut self, path: &str, state: &StateImported) -> Option<Happening> {
        let path = format!("{path}.state_imported");
        let mut maybe = |key: &str, text: &Option<String>| match text {
            Some(text) => self.instant(&format!("{path}.{key}"), text).map(Some),
            None => Some(None),
        };
        let (started, warned) = (maybe("cycle_started", &state.cycle_started)?, maybe("warned", &state.warned)?);
        let mut bars = Vec::new();
        for (i, bar) in state.bars.iter().enumerate() {
            let since = self.instant(&format!("{path}.bars[{i}].since"), &bar.since)?;
            let (reference, services) = (bar.reference.clone(), bar.services.clone());
            bars.push(Barred { reference, level: level(bar.level), services, since });
        }
        let step = state.step.clone().unwrap_or_default();
        Some(Happening::StateImported(Came {
            step,
            started,
            warned,
            amount_warned: Minor::new(state.amount_warned),
            bars,
        }))
    }
}

impl Barred {
    fn there(&self) -> BarThere<'_> {
        BarThere {
            reference: &self.reference,
            level: self.level,
            services: self.services.iter().map(String::as_str).collect(),
            since: self.since,
        }
    }
}

impl Came {
    /// As the rules take it.
    pub(super) fn interaction(&self) -> Interaction<'_> {
        Interaction::StateImported {
            step: &self.step,
            started: self.started,
            warned: self.warned,
            amount_warned: self.amount_warned,
            bars: self.bars.iter().map(Barred::there).collect(),
        }
    }

    /// In words for people.
    pub(super) fn words(&self) -> String {
        let step = if self.step.is_empty() { "before its first step" } else { &self.step };
        match self.bars.as_slice() {
            [] => format!("another system left it at {step}"),
            bars => {
                let names: Vec<_> = bars.iter().map(|bar| bar.reference.as_str()).collect();
                format!("another system left it at {step}, barred by {}", names.join(", "))
            }
        }
    }
}
