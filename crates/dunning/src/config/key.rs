//! The table of the configuration's keys: what reads, checks, prints and documents them looks here.

/// A key of the configuration.
#[derive(Debug)]
pub struct Key {
    /// Its path, such as `kafka.group_id`.
    pub path: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// What holds where it is not set; `None`: nothing does.
    pub default: Option<&'static str>,
    /// What it is for.
    pub doc: &'static str,
}

/// What a key holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// One value.
    Text,
    /// One value that is never shown.
    Secret,
    /// Keys and values of others.
    Map,
}

impl Key {
    /// The environment variable that sets it.
    #[must_use]
    pub fn variable(&self) -> String {
        format!("{PREFIX}{}", self.path.to_uppercase().replace('.', "_"))
    }
}

/// What the names of all variables begin with.
pub const PREFIX: &str = "DUNNING_";

const fn key(path: &'static str, default: Option<&'static str>, doc: &'static str) -> Key {
    Key { path, kind: Kind::Text, default, doc }
}

/// All keys, in the order in which they are printed.
pub static KEYS: &[Key] = &[
    key("kafka.bootstrap_servers", None, "Brokers as `host:port`, several with commas. Must be set."),
    key("kafka.group_id", Some("dunning"), "Consumer group. All instances that share the work have the same."),
    Key {
        path: "kafka.properties",
        kind: Kind::Map,
        default: None,
        doc: "Any librdkafka property, TLS and SASL included. The variable is a map in YAML or JSON and is laid over the file's, property by property. What exactly-once depends on cannot be set.",
    },
    key(
        "registry.url",
        None,
        "Confluent-compatible schema registry, or `embedded`: ids of the built-in schemas, no server. Must be set.",
    ),
    key("registry.username", None, "User for the registry."),
    Key { path: "registry.password", kind: Kind::Secret, default: None, doc: "Password for the registry." },
    key(
        "state.directory",
        Some("/var/lib/dunning"),
        "Folder for the local stores: a cache that can be deleted while the program is stopped.",
    ),
    key(
        "state.version",
        Some("1"),
        "Version in which states are written: `1` or `2`. Both are read. Set 2 once every instance runs a program that reads it; then there is no way back to an older one.",
    ),
    key("policy.file", None, "The policy. A relative path in the file counts from the file's folder. Must be set."),
    key(
        "clock",
        Some("wall"),
        "`wall`: now. `stream`: the largest record timestamp taken, for tests and replays; never for customers.",
    ),
    key(
        "mode",
        Some("command"),
        "`command`: commands are sent. `shadow`: everything is decided and explained, nothing is commanded.",
    ),
    key(
        "start",
        None,
        "Where reading begins where nothing is known yet: `earliest`, or an instant such as `2026-11-01T00:00:00Z`. Without it the first run is refused.",
    ),
    key(
        "instance",
        None,
        "Name of this instance, part of its transactional ids: unique, and the same after a restart. Without it: the host's name.",
    ),
    key("workers", Some("1"), "Threads that process records, 1 to 64. Each has a consumer and a producer of its own."),
    key(
        "standby",
        Some("0"),
        "So many other instances keep each shard warm, 0 to 4: a shard that moves is read on, not read back. Each costs the memory and disk of a shard.",
    ),
    key(
        "http.listen",
        Some("127.0.0.1:8080"),
        "Address of metrics, health and account pages. They ask for no password: keep them inside.",
    ),
    key("topics.billing.bills", Some("billing.bills"), "Input: bills."),
    key("topics.billing.payments", Some("billing.payments"), "Input: payments."),
    key("topics.care.disputes", Some("care.disputes"), "Input: disputes."),
    key("topics.care.interactions", Some("care.interactions"), "Input: interactions with customers."),
    key("topics.crm.accounts", Some("crm.accounts"), "Input: profiles."),
    key("topics.network.usage", Some("network.usage"), "Input: usage. It holds nothing up."),
    key("topics.dunning.control", Some("dunning.control"), "Input and output: policies and operators' orders."),
    key("topics.dunning.notifications", Some("dunning.notifications"), "Output: notification commands."),
    key("topics.dunning.barring", Some("dunning.barring"), "Output: barring commands."),
    key("topics.dunning.restoration", Some("dunning.restoration"), "Output: restoration commands."),
    key(
        "topics.dunning.retries",
        Some("dunning.retries"),
        "Output: commands to collect a payment that failed once more.",
    ),
    key(
        "topics.dunning.ledger",
        Some("dunning.ledger"),
        "Output: requests to billing to book a charge, or to give one up.",
    ),
    key("topics.dunning.accounts", Some("dunning.accounts"), "Output: the last state of each account; compacted."),
    key("topics.dunning.decisions", Some("dunning.decisions"), "Output: what was decided and why."),
    key("topics.dunning.deadletters", Some("dunning.deadletters"), "Output: records that could not be taken."),
    key(
        "dedupe.horizon",
        Some("400d"),
        "How long event ids are remembered, in days; older events are dead letters. `none`: for ever.",
    ),
    key("batch.records", Some("10000"), "A transaction is committed once it has taken so many records, 1 to 1000000."),
    key(
        "batch.age",
        Some("100ms"),
        "A transaction is committed once it is so old, `1ms` to `5s`. With nothing left to read it is committed at once.",
    ),
    key(
        "flush.every",
        Some("30s"),
        "The local store follows so often, `1s` to `1h`: after a crash at most this much is read again.",
    ),
    key(
        "erasure.within",
        Some("7d"),
        "What was erased leaves the disk so long after it: the shard's store is rebuilt from the state topic, which has to be \
         compacted by then. `1s` to `365d`, or `none`.",
    ),
    key(
        "memory.live_accounts",
        Some("200000"),
        "At most so many accounts are kept decoded, over all workers; the others stay encoded.",
    ),
    key(
        "future_bound",
        Some("24h"),
        "A record whose timestamp is further ahead of the clock is a dead letter. `none`: no bound. Not used under clock `stream`.",
    ),
    key("record.bytes", Some("1048576"), "A record whose value is longer, in bytes, is a dead letter."),
    key(
        "bars.per_hour",
        Some("1000"),
        "At most so many bars an hour leave one shard; more wait for a person. `none`: no bound. Not used under clock `stream`.",
    ),
    key(
        "schema.patience",
        Some("60s"),
        "An unknown schema id is asked for again so long before its record is a dead letter.",
    ),
    key("log.format", Some("text"), "`text` or `json`, on standard error."),
    key(
        "log.level",
        Some("info"),
        "`error`, `warn`, `info`, `debug` or `trace`; also by part: `info,dunning_engine=debug`.",
    ),
];

/// The key with a path.
#[must_use]
pub fn find(path: &str) -> Option<&'static Key> {
    KEYS.iter().find(|k| k.path == path)
}

/// True where keys begin with this path.
#[must_use]
pub fn is_section(path: &str) -> bool {
    KEYS.iter().any(|k| k.path.strip_prefix(path).is_some_and(|rest| rest.starts_with('.')))
}

/// The name of those given that is nearest to one that is wrong; `None` where none is near.
pub fn nearest<'a>(wrong: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let bound = (wrong.chars().count() / 3).max(2);
    names.map(|name| (distance(wrong, name), name)).filter(|(d, _)| *d <= bound).min().map(|(_, name)| name)
}

/// Edits from one text to another: letters added, taken out or changed.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut corner = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let changed = corner + usize::from(x != *y);
            corner = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(corner + 1);
        }
    }
    row[b.len()]
}

/// The table for the documentation, in Markdown.
#[must_use]
pub fn markdown() -> String {
    use std::fmt::Write as _;
    let mut text = String::from("| Key | Default | What it is for |\n|---|---|---|\n");
    for key in KEYS {
        let default = key.default.map_or_else(String::new, |d| format!("`{d}`"));
        // Writing to a String cannot fail.
        let _ = writeln!(text, "| `{}` | {default} | {} |", key.path, key.doc);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use dunning_wire::topic::{InputTopic, OutputTopic};

    #[test]
    fn every_topic_of_the_contract_has_a_key_with_its_name_as_default() {
        let inputs = InputTopic::ALL.iter().map(|t| t.contract_name());
        let outputs = OutputTopic::ALL.iter().map(|t| t.contract_name());
        for name in inputs.chain(outputs) {
            assert_eq!(find(&format!("topics.{name}")).and_then(|k| k.default), Some(name));
        }
    }

    #[test]
    fn variables_are_unique_and_no_key_is_a_section() {
        let mut names: Vec<_> = KEYS.iter().map(Key::variable).collect();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), KEYS.len());
        assert!(KEYS.iter().all(|k| !is_section(k.path)));
    }

    #[test]
    fn the_nearest_name_is_near() {
        let rows = [("batch.agee", Some("batch.age")), ("kafka.groupid", Some("kafka.group_id")), ("colour", None)];
        for (wrong, right) in rows {
            assert_eq!(nearest(wrong, KEYS.iter().map(|k| k.path)), right);
        }
    }
}
