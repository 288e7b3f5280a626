use std::time::Duration;

use dunning_rules::{Event, Timestamp};
use dunning_wire::topic::{InputTopic, OutputTopic};

/// A partition number. A shard is the same partition number of every topic.
pub type Partition = u32;

/// Where a record comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Source {
    /// An input topic.
    Input(InputTopic),
    /// The state topic, while a shard is restored.
    State,
    /// The topic of decisions, read back for `explain`.
    Decisions,
    /// An output that is held against a checkpoint.
    Output(OutputTopic),
}

/// A record as it lies on the broker.
#[derive(Clone, Debug)]
pub struct Record {
    /// Its topic.
    pub source: Source,
    /// Its partition.
    pub partition: Partition,
    /// Its offset.
    pub offset: i64,
    /// The record's timestamp.
    pub timestamp: Timestamp,
    /// The key's bytes, then the value's: one allocation.
    bytes: Box<[u8]>,
    /// Length of the key; `None`: no key.
    key_len: Option<u32>,
    has_value: bool,
    /// Its headers, where it has any.
    pub headers: Option<Box<Headers>>,
}

/// A record's headers, in order.
pub type Headers = Vec<(String, Option<Vec<u8>>)>;

impl Record {
    /// A record; key and value are copied.
    #[must_use]
    pub fn new(
        source: Source,
        partition: Partition,
        offset: i64,
        timestamp: Timestamp,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
    ) -> Self {
        let mut bytes = Vec::with_capacity(key.map_or(0, <[u8]>::len) + value.map_or(0, <[u8]>::len));
        bytes.extend_from_slice(key.unwrap_or_default());
        bytes.extend_from_slice(value.unwrap_or_default());
        // A record is smaller than 4 GiB: the protocol's lengths are of 32 bits.
        let key_len = key.map(|k| u32::try_from(k.len()).unwrap_or(u32::MAX));
        Self {
            source,
            partition,
            offset,
            timestamp,
            bytes: bytes.into(),
            key_len,
            has_value: value.is_some(),
            headers: None,
        }
    }

    /// Its key.
    #[must_use]
    pub fn key(&self) -> Option<&[u8]> {
        self.key_len.map(|n| &self.bytes[..n as usize])
    }

    /// Its value; `None`: a tombstone.
    #[must_use]
    pub fn value(&self) -> Option<&[u8]> {
        self.has_value.then(|| &self.bytes[self.key_len.unwrap_or(0) as usize..])
    }
}

/// What the group's coordinator says. A partition here is a shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Membership {
    /// These shards are ours from now on; [`Broker::accept`] acknowledges it.
    Assigned(Vec<Partition>),
    /// These shards go to another member once [`Broker::release`] acknowledges it: time to commit what was done.
    Revoked(Vec<Partition>),
    /// These shards are another member's already: what is not committed is void.
    Lost(Vec<Partition>),
}

/// What a poll found.
#[derive(Debug)]
pub enum Polled {
    /// A committed record.
    Record(Record),
    /// The state topic of a standby's shard no longer has what was to be read next: [`Broker::tail`] has ended.
    TailLost {
        /// Which shard.
        partition: Partition,
        /// What the broker said.
        text: String,
    },
    /// The end of a topic's partition was reached: the next record will bear this offset or a later one. Said each time
    /// that the end is reached anew.
    End {
        /// Which topic.
        source: Source,
        /// Which shard.
        partition: Partition,
        /// The offset at which reading goes on; transaction markers are counted.
        offset: i64,
    },
    /// Every state record up to the end noted by [`Broker::restore`] was given. Comes after the last of them.
    Restored {
        /// Which shard.
        partition: Partition,
        /// The state topic's end: where a later restoration can begin.
        next: i64,
    },
    /// The shards change.
    Membership(Membership),
}

/// Where a topic's partition ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ends {
    /// Which topic.
    pub topic: InputTopic,
    /// After the last record, committed or not.
    pub uncommitted: i64,
    /// After the last record that can be read: less where a transaction is open.
    pub stable: i64,
}

/// Where reading begins where nothing is known yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// At the first record.
    Earliest,
    /// At the first record not before an instant.
    At(Timestamp),
}

/// What the registry says of a schema id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SchemaAnswer {
    /// The writer's schema, as JSON.
    Known(String),
    /// The registry is there and does not know it.
    Unknown,
    /// The registry cannot be reached: ask again later.
    Away,
}

/// The broker's own clock when it took the state records of a transaction: the first of them and the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AppendTimes {
    /// The earliest.
    pub first: Timestamp,
    /// The latest.
    pub last: Timestamp,
}

/// A record to be written in the open transaction.
#[derive(Clone, Copy, Debug)]
pub struct OutRecord<'a> {
    /// Where to.
    pub topic: OutputTopic,
    /// The shard's partition number.
    pub partition: Partition,
    /// The record's timestamp.
    pub timestamp: Timestamp,
    /// Its key.
    pub key: Option<&'a [u8]>,
    /// Its value; `None`: a tombstone.
    pub value: Option<&'a [u8]>,
    /// Its headers.
    pub headers: &'a [(&'a str, Option<&'a [u8]>)],
}

/// How a failure is to be met.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ErrorKind {
    /// The same call can be made again.
    Retry,
    /// The transaction is to be aborted; what it did is void.
    Abort,
    /// Whether the transaction was committed is not known: [`Broker::renew`], then look.
    Unknown,
    /// Another program writes under this lane's transactional id.
    Fenced,
    /// Nothing more can be done here; the process ends.
    Fatal,
}

/// A failure at the broker.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{doing}: {text}")]
pub struct BrokerError {
    /// How it is to be met.
    pub kind: ErrorKind,
    /// What was tried.
    pub doing: &'static str,
    /// What the broker said.
    pub text: String,
}

/// What a lane did with what it read, in order, within the open transaction: for whoever replays it.
#[derive(Clone, Copy, Debug)]
pub enum Witnessed<'a> {
    /// A record is taken; what follows from it comes next.
    Taken {
        /// Its shard.
        partition: Partition,
        /// Its topic.
        topic: InputTopic,
        /// Its offset.
        offset: i64,
    },
    /// An event met an account.
    Met {
        /// The account's shard.
        partition: Partition,
        /// The account.
        account: &'a str,
        /// The event; that of an input is the record taken last.
        event: &'a Event<'a>,
        /// The clock that it met the account with.
        now: Timestamp,
    },
    /// What the lane did since its last commit is void.
    Void,
    /// The record taken last is a dead letter.
    DeadLetter {
        /// Its shard.
        partition: Partition,
    },
}

/// The event bus as one lane sees it: a consumer in a group, and a transactional producer. Every call is made from the
/// lane's thread. Topics are read as read_committed.
///
/// A shard's life: `Assigned` → [`accept`](Self::accept) → [`restore`](Self::restore) (records with [`Source::State`])
/// → `Restored` → [`read`](Self::read) (records with [`Source::Input`]) → `Revoked` → [`release`](Self::release).
pub trait Broker {
    /// Waits up to `wait` for something, then takes what is there, up to a bound of the implementation's own. A call of
    /// `poll` must come at least every few seconds, or the group thinks the lane dead.
    ///
    /// # Errors
    /// [`ErrorKind::Retry`] for what passes by itself (the broker is away), [`ErrorKind::Fatal`] else.
    fn poll(&mut self, wait: Duration, into: &mut Vec<Polled>) -> Result<(), BrokerError>;

    /// Acknowledges an assignment. Nothing of these shards is read yet.
    ///
    /// # Errors
    /// As [`Broker::poll`].
    fn accept(&mut self, shards: &[Partition]) -> Result<(), BrokerError>;

    /// Stops everything of these shards and acknowledges that they were revoked or lost.
    ///
    /// # Errors
    /// As [`Broker::poll`].
    fn release(&mut self, shards: &[Partition]) -> Result<(), BrokerError>;

    /// The offsets that the group has committed for a shard; `None` where there is none.
    ///
    /// # Errors
    /// As [`Broker::poll`].
    fn committed(&mut self, shard: Partition) -> Result<Vec<(InputTopic, Option<i64>)>, BrokerError>;

    /// The offsets at which reading begins where nothing is known, for every input topic of a shard.
    ///
    /// # Errors
    /// As [`Broker::poll`].
    fn starts(&mut self, shard: Partition, start: Start) -> Result<Vec<(InputTopic, i64)>, BrokerError>;

    /// Where the input topics of a shard end now. The answer is from the broker, after the call began.
    ///
    /// # Errors
    /// As [`Broker::poll`].
    fn ends(&mut self, shard: Partition) -> Result<Vec<Ends>, BrokerError>;

    /// Where the state topic or the topic of decisions ends in a shard, asked for as read_uncommitted. Between two
    /// transactions of the shard's owner that is after everything it has committed.
    ///
    /// # Errors
    /// As [`Broker::poll`].
    fn end_of(&mut self, source: Source, shard: Partition) -> Result<i64, BrokerError>;

    /// Begins to replay the state topic of a shard from an offset (0: from its beginning) to its present end, asked for
    /// as read_uncommitted. Its records come from [`Broker::poll`], then [`Polled::Restored`]. An offset that the topic
    /// no longer has is an error of kind [`ErrorKind::Abort`]: restore from 0.
    ///
    /// # Errors
    /// As [`Broker::poll`].
    fn restore(&mut self, shard: Partition, from: i64) -> Result<(), BrokerError>;

    /// The shards of other processes that would come to this lane if the process of their owner were lost; with more than
    /// one `standby`, also if the process that they come to then were lost, and so on. `None`: nothing new is known.
    ///
    /// # Errors
    /// As [`Broker::poll`].
    fn candidates(&mut self, standby: usize) -> Result<Option<Vec<Partition>>, BrokerError>;

    /// Follows the state topic of a shard that is another's from an offset on (0: from its beginning): its records, and
    /// [`Polled::End`] whenever its end is reached. Ends with [`Broker::untail`] or [`Broker::restore`]. An offset that
    /// the topic does not have is an error of kind [`ErrorKind::Abort`].
    ///
    /// # Errors
    /// As [`Broker::poll`].
    fn tail(&mut self, shard: Partition, from: i64) -> Result<(), BrokerError>;

    /// Stops what [`Broker::tail`] began.
    ///
    /// # Errors
    /// As [`Broker::poll`].
    fn untail(&mut self, shard: Partition) -> Result<(), BrokerError>;

    /// Begins to read the decisions of a shard from an offset to their present end; its end is said by
    /// [`Polled::End`]. Goes on beside everything else.
    ///
    /// # Errors
    /// As [`Broker::poll`].
    fn recall(&mut self, shard: Partition, from: i64) -> Result<(), BrokerError>;

    /// Where the outputs that are compared ([`crate::COMPARED`]) end in a shard, asked for as read_uncommitted.
    ///
    /// # Errors
    /// As [`Broker::poll`].
    fn output_ends(&mut self, shard: Partition) -> Result<Vec<(OutputTopic, i64)>, BrokerError>;

    /// Begins to read outputs of a shard from these offsets to their present ends, asked for as read_uncommitted. Gives the
    /// topics that have something there: their records come from [`Broker::poll`] with [`Source::Output`], then
    /// [`Polled::End`]. A topic that no longer has its offset is read from its beginning.
    ///
    /// # Errors
    /// As [`Broker::poll`].
    fn trace(&mut self, shard: Partition, from: &[(OutputTopic, i64)]) -> Result<Vec<OutputTopic>, BrokerError>;

    /// Reads every input topic of a restored shard from these offsets. Called again, it begins anew there (after an
    /// abort): no record from before is given any more.
    ///
    /// # Errors
    /// As [`Broker::poll`].
    fn read(&mut self, shard: Partition, from: &[(InputTopic, i64)]) -> Result<(), BrokerError>;

    /// Stops reading one topic of a shard for a while. A few more of its records may still come.
    ///
    /// # Errors
    /// As [`Broker::poll`].
    fn pause(&mut self, shard: Partition, topic: InputTopic) -> Result<(), BrokerError>;

    /// Goes on after [`Broker::pause`], with the record after the last one given.
    ///
    /// # Errors
    /// As [`Broker::poll`].
    fn resume(&mut self, shard: Partition, topic: InputTopic) -> Result<(), BrokerError>;

    /// The writer's schema of an id. Never called while a transaction is open.
    fn schema(&mut self, id: u32) -> SchemaAnswer;

    /// The lane's transactional id.
    fn writer(&self) -> &str;

    /// True where a transaction is open on one of a shard's outputs. Asked by the shard's owner before it writes there,
    /// it is one that the last owner left.
    ///
    /// # Errors
    /// As [`Broker::poll`].
    fn is_held(&mut self, shard: Partition) -> Result<bool, BrokerError>;

    /// Ends what another writer left open, and fences it. False where the group still knows that writer: it lives and
    /// ends its transactions itself.
    ///
    /// # Errors
    /// As [`Broker::poll`].
    fn fence(&mut self, writer: &str) -> Result<bool, BrokerError>;

    /// Ends a transaction of a writer that hangs on outputs of a shard: its coordinator has forgotten that it wrote there, so
    /// that neither the writer nor its timeout ends it. Fences the writer, also where it lives; where it is this one, no
    /// transaction may be open.
    ///
    /// # Errors
    /// As [`Broker::poll`].
    fn end_hanging(&mut self, writer: &str, shard: Partition) -> Result<(), BrokerError>;

    /// Opens a transaction.
    ///
    /// # Errors
    /// By [`ErrorKind`].
    fn begin(&mut self) -> Result<(), BrokerError>;

    /// Writes a record in the open transaction. Waits where the producer's queue is full.
    ///
    /// # Errors
    /// By [`ErrorKind`].
    fn send(&mut self, record: &OutRecord<'_>) -> Result<(), BrokerError>;

    /// Commits the open transaction with the offsets at which reading goes on.
    ///
    /// # Errors
    /// By [`ErrorKind`]: after `Abort`, [`Broker::abort`]; after `Unknown`, [`Broker::renew`].
    fn commit(&mut self, next: &[(InputTopic, Partition, i64)]) -> Result<(), BrokerError>;

    /// The broker's time of the state records of the last transaction, once it is committed. `None`: the state topic does
    /// not bear the broker's time.
    fn append_times(&self) -> Option<AppendTimes> {
        None
    }

    /// Aborts the open transaction.
    ///
    /// # Errors
    /// By [`ErrorKind`]: after `Unknown`, [`Broker::renew`].
    fn abort(&mut self) -> Result<(), BrokerError>;

    /// Makes a new producer under the same transactional id, which ends whatever the old one left open.
    ///
    /// # Errors
    /// As [`Broker::poll`].
    fn renew(&mut self) -> Result<(), BrokerError>;

    /// Is told what the lane does. Nothing hangs on it: a simulation keeps it, to fold it again from scratch.
    fn witness(&mut self, _seen: &Witnessed<'_>) {}

    /// Leaves the group: the shards go to other members at once.
    fn leave(&mut self);
}

/// Time.
pub trait Clock {
    /// Now, on the wall.
    fn now(&self) -> Timestamp;

    /// Time since some fixed moment; never goes back.
    fn monotonic(&self) -> Duration;

    /// True where the wall clock has left the monotonic clock by more than a bound: bars are held. Asked as long as the
    /// broker has not said its own time, which is the better witness: [`Broker::append_times`].
    fn is_doubtful(&self) -> bool;
}
