//! The engine's `Broker` over Apache Kafka.
//!
//! A lane has four clients: the [`member`] is in the consumer group and reads nothing, the [`reader`] reads every topic
//! by partitions that it is told, the [`writer`] is the transactional producer; short-lived producers fence dead
//! writers. Group and reading are apart because librdkafka stops all of a consumer's partitions while a rebalance waits
//! for an answer: here shards go on while others are taken over.

pub(crate) mod broker;
pub(crate) mod fault;
pub(crate) mod hush;
pub(crate) mod member;
pub(crate) mod place;
pub(crate) mod raw;
pub(crate) mod reader;
pub(crate) mod setup;
pub(crate) mod watch;
pub(crate) mod writer;

pub use broker::KafkaBroker;
pub use setup::{Bus, Refused, check_properties};
pub(crate) use setup::{RECORD_BYTES, plain};
