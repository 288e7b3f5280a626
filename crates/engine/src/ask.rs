use std::sync::mpsc::SyncSender;

use dunning_rules::{Account, Timestamp};
use dunning_wire::state::StaleMark;

use crate::Partition;

/// A question to a lane, answered between two transactions: what it says is committed.
#[derive(Debug)]
pub struct Ask {
    /// The account.
    pub account: String,
    /// Where the answer goes. A lane that does not have the account answers [`Answer::NotHere`].
    pub reply: SyncSender<Answer>,
}

/// A lane's answer.
#[derive(Debug)]
pub enum Answer {
    /// The lane has no such account: it was never heard of, or its shard is another's.
    NotHere,
    /// Its shard is being restored.
    Restoring,
    /// The account.
    Account(Box<Known>),
}

/// What a lane knows of an account.
#[derive(Debug)]
pub struct Known {
    /// Its state, as committed.
    pub account: Account,
    /// Records of it that could not be taken; while there are any, no bar.
    pub stale: Vec<StaleMark>,
    /// True where a record of its shard could not be read at all; no bar in the shard.
    pub shard_stale: bool,
    /// Its shard.
    pub partition: Partition,
    /// The shard's clock.
    pub clock: Timestamp,
    /// Its last decisions, oldest first: Avro data of the decisions topic, without framing.
    pub decisions: Vec<Vec<u8>>,
}
