//! `dunning config`, and how every command reads the configuration.

use std::fmt::Write as _;
use std::path::Path;

use super::args::{Config, ConfigCommand};
use crate::config::{self, Loaded, key};
use crate::exit::{Exit, Failure};

/// Reads the configuration from a file and this process's variables.
pub(super) fn load(file: Option<&Path>) -> Result<Loaded, Failure> {
    config::load(file, variables(), config::host_name().as_deref()).map_err(|errors| {
        let text = match errors.0.len() {
            1 => "the configuration cannot be used".to_owned(),
            n => format!("the configuration cannot be used: {n} errors"),
        };
        Failure::new(Exit::Config, format!("{text}\n{errors}"))
    })
}

/// The variables that are text; others cannot be ours.
pub(super) fn variables() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}

pub(super) fn run(args: &Config) -> Result<Exit, Failure> {
    match &args.command {
        ConfigCommand::Check { config } => {
            let loaded = load(config.as_deref())?;
            let policy = crate::run::policy::load(&loaded.config)?;
            super::print(&format!("the configuration can be used; policy {}", policy.policy.label))
        }
        ConfigCommand::Keys { markdown: true } => super::print(&key::markdown()),
        ConfigCommand::Keys { markdown: false } => super::print(&keys()),
    }
}

fn keys() -> String {
    let mut text = String::new();
    for key in key::KEYS {
        let default = key.default.map_or_else(String::new, |d| format!("  (default {d})"));
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{}{default}\n    {}\n    {}", key.path, key.variable(), key.doc);
    }
    text
}
