//! From what was said to what holds: every value understood, limits checked together, every error reported.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use dunning_engine::{ClockMode, Mode, Start};
use dunning_wire::state::StateVersion;
use dunning_wire::topic::TopicNames;

use super::key::{self, KEYS};
use super::raw::{Origin, Raw, Said};
use super::value;
use super::{Config, Kafka, LogConfig, LogFormat, Registry, RegistryAddress};
use crate::kafka::check_properties;

/// Reads one value after the other and notes what is wrong.
pub(super) struct Check {
    pub(super) raw: Raw,
}

impl Check {
    /// The text of a key: what was said, else its default.
    fn said(&self, path: &'static str) -> Option<Said> {
        let default = || key::find(path)?.default.map(|d| Said { text: d.to_owned(), origin: Origin::Default });
        self.raw.texts.get(path).cloned().or_else(default)
    }

    /// The value of a key; `None` where it has none, or a wrong one, which is noted.
    fn read<T>(&mut self, path: &'static str, read: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
        let said = self.said(path)?;
        read(said.text.trim()).map_err(|message| self.wrong(path, said.origin, &message)).ok()
    }

    /// As [`Check::read`], of a key that has a default or must be set.
    fn need<T>(&mut self, path: &'static str, read: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
        if self.said(path).is_none() {
            let variable = key::find(path).map(key::Key::variable).unwrap_or_default();
            let help = format!("set it in the file, or {variable}");
            self.raw.problem(Origin::Default, format!("`{path}` must be set"), help);
            return None;
        }
        self.read(path, read)
    }

    fn wrong(&mut self, path: &str, origin: Origin, message: &str) {
        let doc = key::find(path).map_or("", |k| k.doc);
        self.raw.problem(origin, format!("`{path}`: {message}"), doc);
    }

    fn origin(&self, path: &'static str) -> Origin {
        self.raw.texts.get(path).map_or(Origin::Default, |s| s.origin.clone())
    }

    /// Everything. `None` where something is wrong; the problems say what.
    pub(super) fn config(&mut self, host: Option<&str>) -> Option<Config> {
        // Each is read whatever became of the others, so that all errors are seen.
        let kafka = self.kafka();
        let registry = self.registry();
        let policy_file = self.need("policy.file", |t| filled(t).map(PathBuf::from));
        let policy_file = policy_file.map(|p| beside(p, &self.origin("policy.file")));
        let state_directory = self.need("state.directory", |t| filled(t).map(PathBuf::from));
        let state_version =
            self.need("state.version", |t| value::word(t, &[("1", StateVersion::V1), ("2", StateVersion::V2)]));
        let clock = self.need("clock", |t| value::word(t, &[("wall", ClockMode::Wall), ("stream", ClockMode::Stream)]));
        let mode = self.need("mode", |t| value::word(t, &[("command", Mode::Command), ("shadow", Mode::Shadow)]));
        let start = self.read("start", start);
        let instance = self.instance(host);
        let workers = self.need("workers", |t| value::count(t, 1, 64));
        let standby = self.standby();
        let http_listen = self.need("http.listen", listen);
        let topics = self.topics();
        let dedupe_horizon_days = self.need("dedupe.horizon", |t| value::or_none(t, days));
        let batch_records = self.need("batch.records", |t| value::count(t, 1, 1_000_000));
        let batch_age = self.need("batch.age", |t| value::span_within(t, "1ms", "5s"));
        let flush_every = self.need("flush.every", |t| value::span_within(t, "1s", "1h"));
        let erased_within = self.need("erasure.within", |t| value::or_none(t, |t| value::span_within(t, "1s", "365d")));
        let live_accounts = self.need("memory.live_accounts", |t| value::count(t, 1_000, 1_000_000_000));
        let future_bound = self.need("future_bound", |t| value::or_none(t, |t| value::span_within(t, "1m", "3650d")));
        let record_bytes = self.need("record.bytes", |t| value::count(t, 1_024, 4_000_000));
        let bars_per_hour = self.need("bars.per_hour", |t| value::or_none(t, |t| value::number(t, 0, u64::MAX)));
        let schema_patience = self.need("schema.patience", |t| value::span_within(t, "0s", "1h"));
        let log = self.log();
        if !self.raw.problems.is_empty() {
            return None;
        }
        Some(Config {
            kafka: kafka?,
            registry: registry?,
            policy_file: policy_file?,
            state_directory: state_directory?,
            state_version: state_version?,
            clock: clock?,
            mode: mode?,
            start,
            instance: instance?,
            workers: workers?,
            standby: standby?,
            http_listen: http_listen?,
            topics,
            dedupe_horizon_days: dedupe_horizon_days?,
            batch_records: batch_records?,
            batch_age: batch_age?,
            flush_every: flush_every?,
            erased_within: erased_within?,
            live_accounts: live_accounts?,
            future_bound: future_bound?,
            record_bytes: record_bytes?,
            bars_per_hour: bars_per_hour?,
            schema_patience: schema_patience?,
            log: log?,
        })
    }

    fn kafka(&mut self) -> Option<Kafka> {
        let bootstrap_servers = self.need("kafka.bootstrap_servers", servers);
        let group_id = self.need("kafka.group_id", |t| value::name(t, 200));
        let said = self.raw.maps.get("kafka.properties").cloned().unwrap_or_default();
        let mut properties = BTreeMap::new();
        for (name, said) in said {
            let property = BTreeMap::from([(name, said.text)]);
            match check_properties(&property) {
                Ok(()) => properties.extend(property),
                Err(refused) => {
                    let help = "addresses, group and `instance` have keys of their own; the rest is not to be changed";
                    self.raw.problem(said.origin, refused.to_string(), help);
                }
            }
        }
        Some(Kafka { bootstrap_servers: bootstrap_servers?, group_id: group_id?, properties })
    }

    /// Standbys are put where the group would put the shards: that is known for one protocol only, and from the names that
    /// this program gives its clients.
    fn standby(&mut self) -> Option<usize> {
        let standby = self.need("standby", |t| value::count(t, 0, 4))?;
        let said = self.raw.maps.get("kafka.properties").cloned().unwrap_or_default();
        for (name, said) in said.into_iter().filter(|_| standby > 0) {
            if name == "client.id" || (name == "group.protocol" && said.text == "consumer") {
                let message = format!("`kafka.properties`: `{name}` does not go together with `standby`");
                self.raw.problem(said.origin, message, "leave it out, or set `standby: 0`");
            }
        }
        Some(standby)
    }

    fn registry(&mut self) -> Option<Registry> {
        let address = self.need("registry.url", registry_address);
        let username = self.read("registry.username", filled);
        let password = self.read("registry.password", |t| Ok(t.to_owned()));
        if username.is_some() != password.is_some() {
            let origin = self.origin(if username.is_some() { "registry.username" } else { "registry.password" });
            self.raw.problem(origin, "`registry.username` and `registry.password` go together", "set both or none");
        }
        if address == Some(RegistryAddress::Embedded) && username.is_some() {
            let origin = self.origin("registry.username");
            self.raw.problem(origin, "the embedded registry has no users", "leave `registry.username` out");
        }
        Some(Registry { address: address?, login: username.zip(password) })
    }

    fn instance(&mut self, host: Option<&str>) -> Option<String> {
        if self.said("instance").is_some() {
            return self.read("instance", |t| value::name(t, 100));
        }
        let name = host.and_then(|h| value::name(h, 100).ok());
        if name.is_none() {
            let help = "set `instance` to a name of this instance's own";
            self.raw.problem(Origin::Default, "the host's name cannot be used as `instance`", help);
        }
        name
    }

    fn topics(&mut self) -> TopicNames {
        let mut names = TopicNames::default();
        let mut taken: BTreeMap<String, &'static str> = BTreeMap::new();
        for key in KEYS {
            let Some(contract) = key.path.strip_prefix("topics.") else { continue };
            let Some(name) = self.need(key.path, |t| value::name(t, 249)) else { continue };
            names.set(contract, &name);
            if let Some(other) = taken.insert(name, key.path) {
                let origin = self.origin(key.path);
                let message = format!("`{other}` and `{}` have the same name", key.path);
                self.raw.problem(origin, message, "each topic is one of its own");
            }
        }
        names
    }

    fn log(&mut self) -> Option<LogConfig> {
        let format =
            self.need("log.format", |t| value::word(t, &[("text", LogFormat::Text), ("json", LogFormat::Json)]));
        let level = self.need("log.level", |t| match tracing_subscriber::EnvFilter::try_new(t) {
            Ok(_) => Ok(t.to_owned()),
            Err(e) => Err(format!("`{t}` is not a level: {e}")),
        });
        Some(LogConfig { format: format?, level: level? })
    }
}

fn filled(text: &str) -> Result<String, String> {
    if text.is_empty() { Err("it is empty".to_owned()) } else { Ok(text.to_owned()) }
}

/// A relative path said in the file counts from the file's folder.
fn beside(path: PathBuf, origin: &Origin) -> PathBuf {
    match origin {
        Origin::File(file, _) => file.parent().unwrap_or(Path::new("")).join(path),
        _ => path,
    }
}

fn servers(text: &str) -> Result<String, String> {
    let fits = |server: &str| {
        server.trim().rsplit_once(':').is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok())
    };
    if text.split(',').all(fits) { Ok(text.to_owned()) } else { Err(format!("`{text}` is not host:port,host:port")) }
}

fn registry_address(text: &str) -> Result<RegistryAddress, String> {
    if text == "embedded" {
        return Ok(RegistryAddress::Embedded);
    }
    let urls: Vec<String> = text.split(',').map(|u| u.trim().trim_end_matches('/').to_owned()).collect();
    if let Some(wrong) = urls.iter().find(|u| !u.starts_with("http://") && !u.starts_with("https://")) {
        return Err(format!("`{wrong}` is neither `embedded` nor a URL that begins with http:// or https://"));
    }
    if urls.iter().any(|u| u.contains('@')) {
        return Err("a password in a URL ends up in logs: set `registry.username` and `registry.password`".to_owned());
    }
    Ok(RegistryAddress::Urls(urls))
}

fn start(text: &str) -> Result<Start, String> {
    if text == "earliest" { Ok(Start::Earliest) } else { value::instant(text).map(Start::At) }
}

fn listen(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| format!("`{text}` is not an address and a port, such as 127.0.0.1:8080"))
}

/// Whole days; less than 30 would forget ids while a cycle still runs.
fn days(text: &str) -> Result<u32, String> {
    let span = value::span_within(text, "30d", "36500d")?;
    if !span.as_secs().is_multiple_of(86_400) {
        return Err(format!("`{text}` is not in whole days"));
    }
    u32::try_from(span.as_secs() / 86_400).map_err(|_| format!("`{text}` is too long"))
}
