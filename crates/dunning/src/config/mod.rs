//! The configuration: a YAML file, and variables that win over it. What was said ([`raw`]) is checked as a whole into
//! what holds ([`Config`]); every error is reported, with its place and what to do.

mod check;
pub mod key;
mod print;
mod raw;
mod tree;
mod value;

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use dunning_engine::{ClockMode, Mode, Start};
use dunning_wire::state::StateVersion;
use dunning_wire::topic::TopicNames;

pub use raw::Problem;
pub(crate) use value::instant;

/// The configuration that holds.
#[derive(Clone, Debug)]
pub struct Config {
    /// The brokers.
    pub kafka: Kafka,
    /// The schema registry.
    pub registry: Registry,
    /// The policy file.
    pub policy_file: PathBuf,
    /// Folder of the local stores.
    pub state_directory: PathBuf,
    /// The version in which states are written.
    pub state_version: StateVersion,
    /// What drives the clock.
    pub clock: ClockMode,
    /// Whether commands are sent.
    pub mode: Mode,
    /// Where reading begins where nothing is known.
    pub start: Option<Start>,
    /// Name of this instance.
    pub instance: String,
    /// Number of lanes.
    pub workers: usize,
    /// Instances that keep each shard warm beside its owner.
    pub standby: usize,
    /// Where HTTP listens.
    pub http_listen: SocketAddr,
    /// What the topics are called.
    pub topics: TopicNames,
    /// How long ids are remembered, in days; `None`: for ever.
    pub dedupe_horizon_days: Option<u32>,
    /// A transaction's records at most.
    pub batch_records: usize,
    /// A transaction's age at most.
    pub batch_age: Duration,
    /// The store follows this often.
    pub flush_every: Duration,
    /// How long what was erased may stay in the files of a store; `None`: until it is rebuilt.
    pub erased_within: Option<Duration>,
    /// Accounts kept decoded, over all lanes.
    pub live_accounts: usize,
    /// How far ahead of the clock a record may be; `None`: no bound.
    pub future_bound: Option<Duration>,
    /// The longest value of a record, in bytes.
    pub record_bytes: usize,
    /// Bars an hour and shard at most; `None`: no bound.
    pub bars_per_hour: Option<u64>,
    /// How long an unknown schema id is asked for.
    pub schema_patience: Duration,
    /// Logging.
    pub log: LogConfig,
}

/// The brokers.
#[derive(Clone)]
pub struct Kafka {
    /// `host:port`, several with commas.
    pub bootstrap_servers: String,
    /// The consumer group.
    pub group_id: String,
    /// Further properties of librdkafka, none of those that the program sets itself.
    pub properties: BTreeMap<String, String>,
}

impl fmt::Debug for Kafka {
    /// Secrets are masked.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown =
            |(k, v): (&String, &String)| (k.clone(), if print::is_secret(k) { "***".into() } else { v.clone() });
        f.debug_struct("Kafka")
            .field("bootstrap_servers", &self.bootstrap_servers)
            .field("group_id", &self.group_id)
            .field("properties", &self.properties.iter().map(shown).collect::<BTreeMap<_, _>>())
            .finish()
    }
}

/// The schema registry.
#[derive(Clone)]
pub struct Registry {
    /// Where it is.
    pub address: RegistryAddress,
    /// User and password.
    pub login: Option<(String, String)>,
}

impl fmt::Debug for Registry {
    /// The password is masked.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let user = self.login.as_ref().map(|(user, _)| user);
        f.debug_struct("Registry").field("address", &self.address).field("username", &user).finish_non_exhaustive()
    }
}

/// Where the registry is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RegistryAddress {
    /// Ids of the built-in schemas; no server.
    Embedded,
    /// Base URLs without a slash at the end; the next is asked where one is down.
    Urls(Vec<String>),
}

/// Logging.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogConfig {
    /// How a line looks.
    pub format: LogFormat,
    /// Directives, such as `info`.
    pub level: String,
}

/// How a line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// For machines.
    Json,
}

/// Everything that is wrong with the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigErrors(pub Vec<Problem>);

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, problem) in self.0.iter().enumerate() {
            write!(f, "{}{problem}", if i == 0 { "" } else { "\n" })?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigErrors {}

/// A configuration with its origin.
#[derive(Debug)]
pub struct Loaded {
    /// What holds.
    pub config: Config,
    /// The same as YAML, with where each value was said; secrets masked.
    pub shown: String,
}

/// Reads and checks a configuration.
///
/// # Errors
/// Everything that is wrong with it.
pub fn load(
    file: Option<&Path>,
    variables: impl IntoIterator<Item = (String, String)>,
    host: Option<&str>,
) -> Result<Loaded, ConfigErrors> {
    let mut raw = raw::Raw::default();
    if let Some(path) = file {
        match std::fs::read_to_string(path) {
            Ok(text) => raw.read_file(path, &text),
            Err(e) => {
                let origin = raw::Origin::File(path.to_owned(), tree::Place::default());
                raw.problem(origin, format!("the file cannot be read: {e}"), "name an existing file with --config");
                return Err(ConfigErrors(raw.problems));
            }
        }
    }
    raw.read_variables(variables);
    let mut check = check::Check { raw };
    match check.config(host) {
        Some(config) => {
            let shown = print::yaml(&check.raw, &config.instance);
            Ok(Loaded { config, shown })
        }
        None => Err(ConfigErrors(check.raw.problems)),
    }
}

/// The value of one key as it was said in a file or a variable, whatever else is wrong; its default otherwise.
#[must_use]
pub fn peek(file: Option<&Path>, variables: impl IntoIterator<Item = (String, String)>, path: &str) -> Option<String> {
    let mut raw = raw::Raw::default();
    if let Some(file) = file {
        raw.read_file(file, &std::fs::read_to_string(file).ok()?);
    }
    raw.read_variables(variables);
    raw.texts.get(path).map(|said| said.text.clone()).or_else(|| key::find(path)?.default.map(str::to_owned))
}

/// The name of this machine.
#[must_use]
pub fn host_name() -> Option<String> {
    let kernel = std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
    let name = kernel.or_else(|| std::env::var("HOSTNAME").ok())?;
    Some(name.trim().to_owned()).filter(|n| !n.is_empty())
}

#[cfg(test)]
mod tests;
