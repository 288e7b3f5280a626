//! How each of a lane's clients is configured.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use dunning_wire::topic::TopicNames;
use rdkafka::ClientConfig;

/// After so long without a heartbeat a member's shards go to others.
const SESSION: Duration = Duration::from_secs(10);
/// After so long the broker aborts a transaction by itself.
const TRANSACTION: Duration = Duration::from_secs(15);
/// A record of ours is at most so long, in bytes: a dead letter holds a whole record of an input, and headers.
pub(crate) const RECORD_BYTES: usize = 4 * 1024 * 1024;

/// What exactly-once rests on, and what has a key of its own: not to be set by an operator.
const OURS: [&str; 19] = [
    "bootstrap.servers",
    "metadata.broker.list",
    "group.id",
    "group.instance.id",
    "group.remote.assignor",
    "transactional.id",
    "enable.auto.commit",
    "auto.commit.enable",
    "enable.auto.offset.store",
    "auto.offset.reset",
    "isolation.level",
    "enable.idempotence",
    "enable.gapless.guarantee",
    "enable.partition.eof",
    "partitioner",
    "partition.assignment.strategy",
    "delivery.report.only.error",
    "acks",
    "check.crcs",
];

/// The bus, and who we are there.
#[derive(Clone)]
pub struct Bus {
    /// Brokers as `host:port`, with commas.
    pub bootstrap_servers: String,
    /// The consumer group.
    pub group_id: String,
    /// This instance's name, unique and the same after a restart.
    pub instance: String,
    /// What the topics are called.
    pub topics: TopicNames,
    /// How many partitions each of them has.
    pub partitions: u32,
    /// The operator's own properties; may hold secrets.
    pub properties: BTreeMap<String, String>,
}

impl fmt::Debug for Bus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bus")
            .field("bootstrap_servers", &self.bootstrap_servers)
            .field("group_id", &self.group_id)
            .field("instance", &self.instance)
            .field("partitions", &self.partitions)
            .finish_non_exhaustive()
    }
}

/// A property that an operator cannot set.
#[derive(Debug, thiserror::Error)]
#[error("`kafka.properties`: `{0}` cannot be set: the program sets it itself; leave it out")]
pub struct Refused(pub String);

/// Refuses properties that the program sets itself.
///
/// # Errors
/// The first that is refused.
pub fn check_properties(properties: &BTreeMap<String, String>) -> Result<(), Refused> {
    match properties.keys().find(|name| OURS.contains(&name.as_str())) {
        Some(name) => Err(Refused(name.clone())),
        None => Ok(()),
    }
}

/// A configuration that only reaches the cluster.
pub(crate) fn plain(bootstrap_servers: &str, properties: &BTreeMap<String, String>) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", bootstrap_servers);
    config.set("log.connection.close", "false");
    config.set("socket.keepalive.enable", "true");
    config.set("reconnect.backoff.max.ms", "2000");
    for (name, value) in properties {
        config.set(name, value);
    }
    config
}

/// What the clients of a lane are called; the lane is its instance and its number.
pub(crate) fn client_id(lane: &str) -> String {
    format!("dunning-{lane}")
}

impl Bus {
    fn client(&self, lane: usize, ours: &[(&str, &str)]) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("client.id", client_id(&format!("{}-{lane}", self.instance)));
        for (name, value) in ours {
            config.set(*name, *value);
        }
        for (name, value) in plain(&self.bootstrap_servers, &self.properties).config_map() {
            config.set(name, value);
        }
        config
    }

    /// For the member of the group; its lead partitions stay paused.
    pub(crate) fn member(&self, lane: usize) -> ClientConfig {
        let session = SESSION.as_millis().to_string();
        let mut ours = vec![
            ("group.id", self.group_id.as_str()),
            ("enable.auto.commit", "false"),
            ("enable.auto.offset.store", "false"),
            ("isolation.level", "read_committed"),
            ("auto.offset.reset", "latest"),
            ("queued.max.messages.kbytes", "64"),
            ("max.poll.interval.ms", "120000"),
        ];
        // Under the newer protocol the broker says these, and librdkafka refuses them.
        if self.properties.get("group.protocol").is_none_or(|p| p != "consumer") {
            ours.push(("partition.assignment.strategy", "cooperative-sticky"));
            ours.push(("session.timeout.ms", &session));
            ours.push(("heartbeat.interval.ms", "2000"));
        }
        self.client(lane, &ours)
    }

    /// For the reader of all topics.
    pub(crate) fn reader(&self, lane: usize) -> ClientConfig {
        let mut config = self.client(
            lane,
            &[
                // It never joins; librdkafka wants one all the same.
                ("group.id", &self.group_id),
                ("enable.auto.commit", "false"),
                ("enable.auto.offset.store", "false"),
                ("enable.partition.eof", "true"),
                ("isolation.level", "read_committed"),
                ("auto.offset.reset", "error"),
                ("check.crcs", "true"),
                // Bounds what lies fetched and not taken.
                ("queued.max.messages.kbytes", "32768"),
                ("queued.min.messages", "20000"),
                // A partition that begins waits for the request that is out: short.
                ("fetch.wait.max.ms", "50"),
                ("fetch.queue.backoff.ms", "20"),
                ("fetch.error.backoff.ms", "100"),
            ],
        );
        config.remove("group.protocol");
        config
    }

    /// For a transactional producer.
    pub(crate) fn writer(&self, lane: usize, id: &str) -> ClientConfig {
        self.client(
            lane,
            &[
                ("transactional.id", id),
                ("transaction.timeout.ms", &TRANSACTION.as_millis().to_string()),
                ("delivery.report.only.error", "true"),
                ("compression.type", "lz4"),
                ("linger.ms", "5"),
                // A transaction right after another waits for the broker to be done with that one.
                ("retry.backoff.ms", "20"),
                ("message.max.bytes", &RECORD_BYTES.to_string()),
                ("queue.buffering.max.kbytes", "65536"),
                ("queue.buffering.max.messages", "200000"),
            ],
        )
    }

    /// The transactional id of a lane.
    pub(crate) fn writer_id(&self, lane: usize) -> String {
        format!("{}-{}-{lane}", self.group_id, self.instance)
    }

    /// After so long the broker aborts a transaction by itself.
    pub(crate) fn transaction_timeout(&self) -> Duration {
        let said = self.properties.get("transaction.timeout.ms").and_then(|t| t.parse().ok());
        said.map_or(TRANSACTION, Duration::from_millis)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bus(properties: &[(&str, &str)]) -> Bus {
        Bus {
            bootstrap_servers: "broker:9092".to_owned(),
            group_id: "g".to_owned(),
            instance: "i".to_owned(),
            topics: TopicNames::default(),
            partitions: 1,
            properties: properties.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(),
        }
    }

    #[test]
    fn what_exactly_once_rests_on_cannot_be_set() {
        for name in ["isolation.level", "transactional.id", "enable.auto.commit", "partitioner"] {
            let error = check_properties(&bus(&[(name, "x")]).properties).expect_err("it is refused");
            assert!(error.to_string().contains(name));
        }
        assert!(check_properties(&bus(&[("sasl.password", "x")]).properties).is_ok());
    }

    #[test]
    fn an_operators_properties_come_last_and_stay_out_of_sight() {
        let bus = bus(&[("linger.ms", "50"), ("sasl.password", "hidden")]);
        assert_eq!(bus.writer(0, "w").get("linger.ms"), Some("50"));
        assert!(!format!("{bus:?}").contains("hidden"));
    }

    #[test]
    fn the_newer_protocol_gets_no_session_of_ours() {
        let config = bus(&[("group.protocol", "consumer")]).member(0);
        assert_eq!((config.get("session.timeout.ms"), config.get("group.protocol")), (None, Some("consumer")));
    }
}
