//! `on_change`: what becomes of cycles that run when this version comes into force.

use std::collections::BTreeMap;
use std::sync::Arc;

use dunning_rules::{OnChange, Step};
use schemars::JsonSchema;
use serde::Deserialize;

use super::print::listed;
use super::ready::Reader;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(super) enum Written {
    /// `finish_cycle` or `next_step`.
    Word(Word),
    /// `next_step` where steps have another name now.
    Map(Map),
}

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Word {
    /// It keeps the version that it began with, to its end.
    FinishCycle,
    /// It goes on by this version, behind the last of its steps that this version has, too.
    NextStep,
}

/// `next_step`, with the names that changed.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Map {
    /// Steps that have another name now: the name before, and that of this version.
    #[schemars(extend("minProperties" = 1, "maxProperties" = 1_000))]
    pub(super) map: BTreeMap<String, String>,
}

impl Reader<'_, '_> {
    pub(super) fn on_change(&mut self, written: Option<&Written>, steps: &[Step]) -> OnChange {
        let map = match written {
            None | Some(Written::Word(Word::FinishCycle)) => return OnChange::FinishCycle,
            Some(Written::Word(Word::NextStep)) => return OnChange::NextStep { renamed: Vec::new() },
            Some(Written::Map(Map { map })) => map,
        };
        for (older, newer) in map {
            if !steps.iter().any(|step| *step.name == **newer) {
                let message = format!("`{older}` is to be `{newer}` now, but no step has that name");
                self.error(&format!("on_change.map.{older}"), message, "write the name of a step of this file");
            }
        }
        let renamed = map.iter().map(|(older, newer)| (Arc::from(older.as_str()), Arc::from(newer.as_str())));
        OnChange::NextStep { renamed: renamed.collect() }
    }
}

/// As it is read aloud; nothing where cycles keep their version.
pub(super) fn sentence(on_change: &OnChange) -> Option<String> {
    let OnChange::NextStep { renamed } = on_change else { return None };
    let text = "A cycle that runs when this version comes into force goes on by it, behind the last of its steps that are \
                in here, too";
    let names: Vec<String> = renamed.iter().map(|(older, newer)| format!("`{older}` is `{newer}`")).collect();
    Some(if names.is_empty() { format!("{text}.") } else { format!("{text} ({}).", listed(&names, "and")) })
}
