//! What tests see of a lane's calls to the broker, and which of them they let fail.

use std::time::Duration;

use dunning_engine::{BrokerError, ErrorKind, Partition, Polled};
use dunning_wire::topic::InputTopic;

use super::{SimBroker, error};

/// A call that can be refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// For the ends of the inputs.
    Ends,
    /// Whether a transaction is open on a shard's topics.
    IsHeld,
    /// The end of the open transaction, which then stays open.
    Commit,
    /// The other end of it.
    Abort,
    /// A new producer.
    Renew,
    /// To read a shard's state.
    Restore,
    /// For the group's offsets.
    Committed,
}

/// What was hooked in.
#[derive(Debug, Default)]
pub(super) struct Hooks {
    /// How long the last poll was to wait.
    pub(super) waited: Option<Duration>,
    /// What comes with the next poll.
    pub(super) echoes: Vec<Polled>,
    /// Records that one poll takes of one topic of one shard, where it is not as many as ever.
    pub(super) piece: Option<usize>,
    /// From which offset decisions were read back last.
    pub(super) recalled: i64,
    /// Offsets of outputs that were compared.
    pub(super) compared: i64,
    refusals: Vec<(Call, ErrorKind)>,
    asked: Vec<Call>,
}

impl Hooks {
    pub(super) fn meet(&mut self, call: Call, doing: &'static str) -> Result<(), BrokerError> {
        self.asked.push(call);
        let Some(at) = self.refusals.iter().position(|(refused, _)| *refused == call) else { return Ok(()) };
        let (_, kind) = self.refusals.remove(at);
        Err(error(kind, doing, "a test refused it"))
    }
}

impl SimBroker {
    /// The next call of a kind fails; where there is one already, the one after it.
    pub fn refuse(&mut self, call: Call, kind: ErrorKind) {
        self.hooks.refusals.push((call, kind));
    }

    /// How often it was called so.
    #[must_use]
    pub fn asked(&self, call: Call) -> usize {
        self.hooks.asked.iter().filter(|asked| **asked == call).count()
    }

    /// From now on a poll brings so many records of a topic at most.
    pub fn read_slowly(&mut self, piece: usize) {
        self.hooks.piece = Some(piece);
    }

    /// From which offset decisions were read back last.
    #[must_use]
    pub const fn recalled(&self) -> i64 {
        self.hooks.recalled
    }

    /// Over how many offsets outputs were compared.
    #[must_use]
    pub const fn compared(&self) -> i64 {
        self.hooks.compared
    }

    /// How long the last poll was to wait.
    #[must_use]
    pub const fn waited(&self) -> Option<Duration> {
        self.hooks.waited
    }

    /// Comes with the next poll: a leftover of an earlier reading, as a client library has in its queues.
    pub fn echo(&mut self, item: Polled) {
        self.hooks.echoes.push(item);
    }

    /// News of the group do not reach this lane, or do again.
    pub fn set_deaf(&mut self, deaf: bool) {
        self.deaf = deaf;
    }

    /// True where an input of a shard is not read for now.
    #[must_use]
    pub fn is_paused(&self, shard: Partition, topic: InputTopic) -> bool {
        let inputs = self.shards.get(&shard).map(|shard| &shard.inputs);
        inputs.and_then(|inputs| inputs[topic as usize].as_ref()).is_some_and(|input| input.is_paused)
    }
}
