//! One shard is one partition of every topic. The engine merges its records by timestamp, puts each through the rules,
//! and commits what follows in one transaction; it restores a shard from its state topic, fires deadlines, and lets bars
//! go only when all that came before has been read.
//!
//! It is synchronous and free of the network: it is generic over three ports, [`Broker`], [`Clock`] and
//! [`dunning_store::Stores`], each with a real and a simulated implementation.

mod advance;
mod ask;
mod bars;
mod desk;
mod error;
mod gate;
mod gauge;
mod lane;
mod leaving;
mod memory;
mod meter;
mod order;
pub mod planted;
mod port;
mod probe;
mod queue;
mod recover;
mod restore;
mod retry;
mod schemas;
mod settings;
mod shard;
mod standby;
mod take;
mod torn;
mod trust;

pub use ask::{Answer, Ask, Known};
pub use error::LaneError;
pub use lane::{Lane, Turn};
pub use memory::DECISIONS_KEPT;
pub use meter::{ByWord, Counter, Gauge, Meters, Peak, Seconds};
pub use port::{
    AppendTimes, Broker, BrokerError, Clock, Ends, ErrorKind, Headers, Membership, OutRecord, Partition, Polled,
    Record, SchemaAnswer, Source, Start, Witnessed,
};
pub use settings::{ClockMode, Mode, PolicyFile, Settings};
pub use torn::COMPARED;
