//! Scenarios: what happens to one account, day by day, and what a policy must and must not make of it.
//!
//! They lie beside their policy (`consumer.yaml`, `consumer.scenarios/*.yaml`), read like a diary, and run against the
//! rules as the engine runs them under clock `stream`.

mod cover;
mod find;
mod imported;
mod model;
mod pauses;
mod raw;
mod read;
mod report;
mod run;

use std::sync::LazyLock;

use dunning_rules::{Currency, Zone};

pub use cover::{Part, unreached};
pub use find::{Suite, Tested, find, test_path};
pub use model::Scenario;
pub use report::{Line, Mark, Report};
pub use run::run;

use crate::policy::node::Node;
use crate::policy::{Findings, Notes, shape, shaped};

static SCHEMA: LazyLock<serde_json::Value> = LazyLock::new(shape::schema_of::<raw::ScenarioFile>);

/// Reads a scenario file. `file_name` is only shown.
///
/// # Errors
/// Everything that is wrong in the file; where the YAML itself cannot be read, that alone.
pub fn parse(file_name: &str, text: &str) -> Result<Scenario, Findings> {
    let mut notes = Notes::new(file_name, text);
    let scenario = Node::read(text, &mut notes).and_then(|root| {
        let file: raw::ScenarioFile = shaped(&SCHEMA, &root, &mut notes)?;
        // EUR is in the list, so there is always a currency.
        let mut reader =
            read::Reader { root: &root, notes: &mut notes, zone: Zone::UTC, currency: Currency::parse("EUR")? };
        Some(reader.scenario(file_name, &file))
    });
    match scenario {
        Some(scenario) if !notes.has_error() => Ok(scenario),
        _ => Err(notes.finish()),
    }
}

/// The JSON Schema of the scenario file, for editors.
#[must_use]
pub fn json_schema() -> serde_json::Value {
    SCHEMA.clone()
}
