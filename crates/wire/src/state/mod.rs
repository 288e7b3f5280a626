//! The stored account: compact, versioned, read and written by hand.
//!
//! A row begins with its version. What the engine asks of every row (deadline, waiting bar, stale marks) comes next and
//! is read by [`peek`] without decoding the account.

mod account;
mod bytes;
mod charges;
mod more;
mod outbox;
mod pauses;
mod profile;
mod reach;
mod row;
mod services;
#[cfg(test)]
mod tests;

use dunning_rules::{Account, Timestamp};

use crate::topic::{InputTopic, OutputTopic};

pub use outbox::{Kept, Outbox};
pub use row::{Peek, decode_account, decode_row, encode_account, encode_row, is_erased, peek, peek_deadline};

/// A version of the stored account. This program reads all that are named here, and writes the one that the operator
/// says: the older one until no instance is left that cannot read the newer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum StateVersion {
    /// Each id that was seen with its day.
    #[default]
    V1,
    /// The ids that were seen in one piece, their days behind them: as long, and quicker to read.
    V2,
}

impl StateVersion {
    /// All that are read.
    pub const ALL: [Self; 2] = [Self::V1, Self::V2];

    /// Its number, as it is written.
    #[must_use]
    pub const fn number(self) -> u32 {
        self as u32 + 1
    }

    /// The version of a number.
    #[must_use]
    pub fn from_number(number: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|v| v.number() == number)
    }
}

/// The format of the stores as such: keys and places. Rows name their own version, so that a store outlives an upgrade.
pub const STORE_FORMAT: u32 = 1;

/// The key of a partition's checkpoint in the state topic. No account has it: an id has no control characters.
pub const CHECKPOINT_KEY: &[u8] = b"\0checkpoint";

/// A record that could not be read: until it is looked at, no bar follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StaleMark {
    /// The topic of the record.
    pub topic: InputTopic,
    /// Its offset in the shard's partition.
    pub offset: i64,
}

/// What is stored of an account.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredRow {
    /// The account's records that could not be read and were not looked at yet.
    pub stale: Vec<StaleMark>,
    /// The account.
    pub account: Account,
}

/// How far a shard was processed; written with each transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Number of the transaction, from 1.
    pub transaction: u64,
    /// Generation of the topics' partition count.
    pub generation: u32,
    /// The shard's partition number.
    pub partition: u32,
    /// The instant that the shard's clock has reached.
    pub clock: Timestamp,
    /// The offset of the next record of each input topic.
    pub positions: Vec<(InputTopic, i64)>,
    /// Label, begin and text of each policy in force, oldest first.
    pub policies: Vec<(String, Timestamp, String)>,
    /// Records that could not be read and whose account is not known.
    pub stale_records: Vec<StaleMark>,
    /// How many of them there are in all, also those over the bound of the list.
    pub stale_count: u64,
    /// The gate's counters.
    pub gate: GateCounters,
    /// The transactional id of the writer.
    pub writer: String,
    /// The version of the rules that wrote it.
    pub rules_version: u32,
    /// True where what was decided was never sent: the two modes do not share state.
    pub shadow: bool,
    /// What the transaction wrote on each output lies behind this offset, and so does what was written since.
    pub output_ends: Vec<(OutputTopic, i64)>,
    /// What the transaction wrote there.
    pub outbox: Outbox,
}

/// The shard's part of the budget of bars.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GateCounters {
    /// Start of the window.
    pub window_start: Timestamp,
    /// Bars sent in the window.
    pub bars: u64,
    /// A person lets bars go beyond the budget until then.
    pub released_until: Option<Timestamp>,
}

impl Checkpoint {
    /// Where a shard stands that was never processed: no transaction, no position, the least clock.
    #[must_use]
    pub fn start(partition: u32) -> Self {
        Self {
            transaction: 0,
            generation: 0,
            partition,
            clock: Timestamp::MIN,
            positions: Vec::new(),
            policies: Vec::new(),
            stale_records: Vec::new(),
            stale_count: 0,
            gate: GateCounters { window_start: Timestamp::MIN, bars: 0, released_until: None },
            writer: String::new(),
            rules_version: dunning_rules::RULES_VERSION,
            shadow: false,
            output_ends: Vec::new(),
            outbox: Outbox::default(),
        }
    }
}

/// Why stored bytes cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StateError {
    /// Written by another version of this program.
    #[error(
        "the stored state has version {0}, and this program reads versions 1 and 2: use the program that wrote it, or a newer one"
    )]
    UnknownVersion(u32),
    /// The bytes end too early.
    #[error("the stored state ends too early")]
    Truncated,
    /// Bytes follow the last field.
    #[error("bytes follow the end of the stored state")]
    TrailingBytes,
    /// A value that this version does not write; the word says of what.
    #[error("the stored state is damaged: {0}")]
    Damaged(&'static str),
}
