use std::sync::Arc;
use std::time::Duration;

use dunning_rules::{Policy, Timestamp};
use dunning_wire::state::StateVersion;
use dunning_wire::topic::OutputTopic;

use crate::Start;

/// What drives a lane's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClockMode {
    /// The largest record timestamp taken: tests, replays, demonstrations.
    Stream,
    /// Now.
    Wall,
}

/// Whether commands are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// They are.
    Command,
    /// Everything is decided and explained, nothing is commanded.
    Shadow,
}

/// The policy of the policy file.
#[derive(Clone, Debug)]
pub struct PolicyFile {
    /// Checked and ready to use.
    pub policy: Arc<Policy>,
    /// The file's text: it travels with the shard's checkpoint, so that every replay has it.
    pub text: String,
    /// From when new cycles take it; `None`: from when it is published.
    pub effective_from: Option<Timestamp>,
}

/// Everything a lane is told.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What drives the clock.
    pub clock: ClockMode,
    /// Whether commands are sent.
    pub mode: Mode,
    /// Where reading begins where there is neither a checkpoint nor an offset; `None`: that is an error.
    pub start: Option<Start>,
    /// The policy file.
    pub policy: PolicyFile,
    /// Days for which ids are remembered; older events are refused. `None`: for ever.
    pub dedupe_horizon_days: Option<u32>,
    /// How many lanes of other processes keep a shard warm beside its owner.
    pub standby: usize,
    /// The schema ids under which outputs are written; none for dead letters, which have no schema.
    pub schema_ids: Vec<(OutputTopic, u32)>,
    /// The version in which states are written; every version is read.
    pub state_version: StateVersion,
    /// The topic generation: it changes when the number of partitions does.
    pub generation: u32,
    /// The cluster's id, for the stores' identity.
    pub cluster: String,
    /// The state topic's name and id, for the stores' identity.
    pub state_topic: String,
    /// A transaction is committed once it has taken so many records.
    pub batch_records: usize,
    /// A transaction is committed once it is so old.
    pub batch_age: Duration,
    /// The store follows this often.
    pub flush_every: Duration,
    /// What was erased leaves a store so long after it: the store is rebuilt from the state topic. `None`: only when it is
    /// rebuilt for another reason.
    pub erased_within: Option<Duration>,
    /// The store follows at the latest when so many bytes wait for it, over all shards of the lane.
    pub flush_bytes: usize,
    /// At most so many accounts go to a store at once: the lane has other things to do in between.
    pub flush_accounts: usize,
    /// At most so many accounts are kept decoded, over all shards of the lane.
    pub live_accounts: usize,
    /// Reading of a topic pauses when so many of its records wait in a shard.
    pub queue_records: usize,
    /// A larger record is a dead letter, in bytes of its value.
    pub record_bytes_max: usize,
    /// A record whose timestamp is further ahead of the clock is a dead letter; `None`: no bound. Not used under `stream`.
    pub future_bound: Option<Duration>,
    /// An unknown schema id is asked for again this long before its record is a dead letter.
    pub schema_patience: Duration,
    /// At most so many bars an hour leave a shard; more wait for a person. `None`: no bound. Not used under `stream`.
    pub bars_per_hour: Option<u64>,
}

impl Settings {
    /// The schema id of an output; 0 where none was given.
    #[must_use]
    pub fn schema_id(&self, topic: OutputTopic) -> u32 {
        self.schema_ids.iter().find(|(t, _)| *t == topic).map_or(0, |(_, id)| *id)
    }
}
