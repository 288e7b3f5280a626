//! An event bus in memory: topics with equal partitions, transactions, committed offsets, a consumer group. It is a
//! plain state machine behind one lock: no thread, no clock, and nothing happens that nobody called for.

mod group;
mod log;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use dunning_engine::{BrokerError, Clock, ErrorKind, Headers, Partition, SchemaAnswer};
use dunning_rules::Timestamp;
use dunning_wire::schema::embedded_schema;
use dunning_wire::topic::{InputTopic, OutputTopic};

use crate::SimClock;
use crate::murmur2::partition;
use group::Group;
pub(crate) use group::Member;
use log::Log;
pub use log::{Logged, Transaction};

/// A topic of the bus. The one for operator orders is read and written, and is the same under both names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Topic {
    /// One that the engine reads.
    In(InputTopic),
    /// One that the engine writes.
    Out(OutputTopic),
}

impl Topic {
    const COUNT: usize = InputTopic::ALL.len() + OutputTopic::ALL.len();

    const fn index(self) -> usize {
        match self {
            Self::In(topic) => topic as usize,
            Self::Out(OutputTopic::Control) => InputTopic::Control as usize,
            Self::Out(topic) => InputTopic::ALL.len() + topic as usize,
        }
    }
}

/// The bus. Clones are the same bus.
#[derive(Clone, Debug)]
pub struct Bus(Arc<Mutex<Inner>>);

#[derive(Debug)]
pub(crate) struct Inner {
    partitions: Partition,
    /// By topic, then by partition.
    logs: Vec<Vec<Log>>,
    pub(crate) group: Group,
    open: BTreeMap<Transaction, Open>,
    /// Ended by their coordinator, but their marks are not in the logs yet.
    ending: Vec<Ending>,
    marks_lag: bool,
    /// Of the transaction that is ended next, this place is forgotten.
    forgets: Option<(Topic, Partition)>,
    /// Places of transactions that were forgotten, with their writers.
    hanging: Vec<(String, Transaction, usize, Partition)>,
    begun: u64,
    /// How often each transactional id was claimed.
    writers: BTreeMap<String, u64>,
    schemas: BTreeMap<u32, String>,
    registry_is_away: bool,
    pub(crate) coordinator_is_away: bool,
    /// The next transaction of a lane is torn: what it wrote to these topics is aborted.
    pub(crate) tear: Option<Tear>,
    /// What the bus shows at the start of a monotonic clock, and that clock.
    time: Option<(Timestamp, SimClock)>,
}

/// What a torn transaction leaves out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tear {
    /// Its records on these topics are aborted.
    pub topics: Vec<OutputTopic>,
    /// Its offsets are not committed.
    pub offsets: bool,
}

/// Offsets of the group that a transaction commits.
pub(crate) type Offsets = Vec<(InputTopic, Partition, i64)>;

/// A transaction that has ended and whose marks are on their way: until they are written nobody reads what is behind it.
#[derive(Debug)]
struct Ending {
    transaction: Transaction,
    open: Open,
    committed: bool,
    offsets: Offsets,
    /// Topics on which it is aborted nevertheless, by index.
    torn: Vec<usize>,
}

/// A transaction that has not ended.
#[derive(Debug)]
struct Open {
    /// `None`: a producer upstream.
    writer: Option<String>,
    touched: BTreeSet<(usize, Partition)>,
}

impl Bus {
    /// An empty bus whose topics all have so many partitions, at least one.
    #[must_use]
    pub fn new(partitions: Partition) -> Self {
        let partitions = partitions.max(1);
        let logs = (0..Topic::COUNT).map(|_| (0..partitions).map(|_| Log::default()).collect()).collect();
        Self(Arc::new(Mutex::new(Inner {
            partitions,
            logs,
            group: Group::new(partitions),
            open: BTreeMap::new(),
            ending: Vec::new(),
            marks_lag: false,
            forgets: None,
            hanging: Vec::new(),
            begun: 0,
            writers: BTreeMap::new(),
            schemas: BTreeMap::new(),
            registry_is_away: false,
            coordinator_is_away: false,
            tear: None,
            time: None,
        })))
    }

    /// How many partitions each topic has.
    #[must_use]
    pub fn partitions(&self) -> Partition {
        self.lock().partitions
    }

    /// Appends a record to the partition of its key, as the Java client chooses it.
    pub fn append(&self, topic: InputTopic, key: &[u8], value: Option<&[u8]>, timestamp: Timestamp) {
        let mut inner = self.lock();
        let shard = partition(key, inner.partitions);
        inner.append(Topic::In(topic), shard, logged(timestamp, Some(key), value, &[]), None);
    }

    /// Appends a record to a partition, with or without a key, committed at once or within a transaction of
    /// [`Bus::begin`]. Gives its offset.
    pub fn append_to(
        &self,
        topic: Topic,
        shard: Partition,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        timestamp: Timestamp,
        within: Option<Transaction>,
    ) -> i64 {
        self.lock().append(topic, shard, logged(timestamp, key, value, &[]), within)
    }

    /// Appends a whole record, headers included, to a partition. Gives its offset, which is a new one.
    pub fn append_record(&self, topic: Topic, shard: Partition, record: Logged) -> i64 {
        self.lock().append(topic, shard, record, None)
    }

    /// Opens a transaction of a producer upstream: what it appends can be seen by nobody before [`Bus::end`], and holds
    /// back what is behind it.
    #[must_use]
    pub fn begin(&self) -> Transaction {
        self.lock().begin(None)
    }

    /// Commits or aborts a transaction of [`Bus::begin`].
    pub fn end(&self, transaction: Transaction, committed: bool) {
        self.lock().end(transaction, committed, Offsets::new());
    }

    /// From now on the marks of a transaction that ended are not written at once, as a coordinator does not wait for
    /// them before it answers; or they are again, and those on their way too.
    pub fn set_marks_lag(&self, lag: bool) {
        let mut inner = self.lock();
        inner.marks_lag = lag;
        if !lag {
            inner.write_marks(|_| true);
        }
    }

    /// The next transaction of a lane that wrote to this place and ends is not ended there: it hangs, as where a Kafka
    /// coordinator finds no leader.
    pub fn forget_mark(&self, topic: Topic, shard: Partition) {
        self.lock().forgets = Some((topic, shard));
    }

    /// The committed records of a topic's partition from an offset on, in order.
    pub fn each(&self, topic: Topic, shard: Partition, from: i64, each: impl FnMut(&Logged)) -> i64 {
        self.lock().log(topic, shard).read(from, i64::MAX, usize::MAX, each)
    }

    /// The committed records of a topic, by partition and offset.
    #[must_use]
    pub fn read(&self, topic: Topic) -> Vec<(Partition, Logged)> {
        let mut records = Vec::new();
        for shard in 0..self.partitions() {
            self.each(topic, shard, 0, |record| records.push((shard, record.clone())));
        }
        records
    }

    /// The offset after the last record of a topic's partition, committed or not.
    #[must_use]
    pub fn end_of(&self, topic: Topic, shard: Partition) -> i64 {
        self.lock().log(topic, shard).end()
    }

    /// The offset after the last record that can be read.
    #[must_use]
    pub fn stable(&self, topic: Topic, shard: Partition) -> i64 {
        self.lock().log(topic, shard).stable()
    }

    /// The offset that the group has committed.
    #[must_use]
    pub fn committed(&self, topic: InputTopic, shard: Partition) -> Option<i64> {
        self.lock().group.offset(topic, shard)
    }

    /// Forgets the group's offsets, as a broker does after a long absence.
    pub fn forget_offsets(&self) {
        self.lock().group.forget_offsets();
    }

    /// What a lane left open is aborted and the lane fenced, as a broker does after the transaction's timeout.
    pub fn time_out(&self, writer: &str) {
        self.lock().claim(writer);
    }

    /// Keeps the last record of each key, as a broker does with a compacted topic.
    pub fn compact(&self, topic: Topic) {
        self.lock().logs[topic.index()].iter_mut().for_each(Log::compact);
    }

    /// Deletes the records of a partition before an offset, as a broker does after the retention.
    pub fn trim(&self, topic: Topic, shard: Partition, before: i64) {
        if let Some(log) = self.lock().logs[topic.index()].get_mut(shard as usize) {
            log.trim(before);
        }
    }

    /// Registers a writer's schema beside the built-in ones.
    pub fn register(&self, id: u32, schema: &str) {
        self.lock().schemas.insert(id, schema.to_owned());
    }

    /// From now on the state topic bears the bus's own time, which no wall clock moves: it showed `began` when `clock`
    /// started.
    pub fn keep_time(&self, began: Timestamp, clock: &SimClock) {
        self.lock().time = Some((began, clock.clone()));
    }

    /// The group's coordinator goes away or comes back: nobody learns the offsets that were committed.
    pub fn set_coordinator_away(&self, away: bool) {
        self.lock().coordinator_is_away = away;
    }

    /// The next transaction that a lane commits is torn, as no broker should do it, and its answer is lost.
    pub fn tear_next(&self, tear: Tear) {
        self.lock().tear = Some(tear);
    }

    /// How the next transaction is to be torn, where it is.
    #[must_use]
    pub fn tear(&self) -> Option<Tear> {
        self.lock().tear.clone()
    }

    /// The registry goes away or comes back.
    pub fn set_registry_away(&self, away: bool) {
        self.lock().registry_is_away = away;
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Inner> {
        // Whatever panicked had a call of its own; the bus is whole between any two statements here.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    pub(crate) const fn partitions(&self) -> Partition {
        self.partitions
    }

    /// The bus's own time; `None`: it has none.
    pub(crate) fn time(&self) -> Option<Timestamp> {
        let (began, clock) = self.time.as_ref()?;
        Some(began.plus(i64::try_from(clock.monotonic().as_millis()).unwrap_or(i64::MAX)))
    }

    /// A partition of a topic; a number beyond the last partition is the last one's, as no caller has such a number.
    pub(crate) fn log(&self, topic: Topic, shard: Partition) -> &Log {
        let logs = &self.logs[topic.index()];
        &logs[(shard as usize).min(logs.len() - 1)]
    }

    pub(crate) fn append(
        &mut self,
        topic: Topic,
        shard: Partition,
        record: Logged,
        within: Option<Transaction>,
    ) -> i64 {
        let index = topic.index();
        let shard = shard.min(self.partitions - 1);
        // A transaction that has ended takes nothing any more; its producer would be told so.
        let within = within.filter(|t| self.open.contains_key(t));
        if let Some(open) = within.and_then(|t| self.open.get_mut(&t)) {
            open.touched.insert((index, shard));
        }
        self.logs[index][shard as usize].append(record, within)
    }

    pub(crate) fn begin(&mut self, writer: Option<&str>) -> Transaction {
        // A producer's next transaction waits for the marks of its last one.
        self.write_marks(|open| open.writer.as_deref() == writer);
        self.begun += 1;
        let transaction = Transaction(self.begun);
        self.open.insert(transaction, Open { writer: writer.map(str::to_owned), touched: BTreeSet::new() });
        transaction
    }

    /// Ends a transaction; a committed one with the group's offsets.
    pub(crate) fn end(&mut self, transaction: Transaction, committed: bool, offsets: Offsets) {
        let Some(open) = self.open.remove(&transaction) else { return };
        self.end_torn(open, transaction, committed, offsets, Vec::new());
    }

    /// Ends a transaction as a tear says.
    pub(crate) fn tear(&mut self, transaction: Transaction, offsets: Offsets, tear: &Tear) {
        let Some(open) = self.open.remove(&transaction) else { return };
        let torn = tear.topics.iter().map(|t| Topic::Out(*t).index()).collect();
        self.end_torn(open, transaction, true, if tear.offsets { Offsets::new() } else { offsets }, torn);
    }

    fn end_torn(&mut self, open: Open, transaction: Transaction, committed: bool, offsets: Offsets, torn: Vec<usize>) {
        self.ending.push(Ending { transaction, open, committed, offsets, torn });
        if !self.marks_lag {
            self.write_marks(|_| true);
        }
    }

    fn write_marks(&mut self, of: impl Fn(&Open) -> bool) {
        for ending in std::mem::take(&mut self.ending) {
            if !of(&ending.open) {
                self.ending.push(ending);
                continue;
            }
            for (topic, shard) in ending.open.touched {
                if let Some(writer) = ending.open.writer.clone()
                    && self.forgets.take_if(|(t, s)| (t.index(), *s) == (topic, shard)).is_some()
                {
                    self.hanging.push((writer, ending.transaction, topic, shard));
                    continue;
                }
                let committed = ending.committed && !ending.torn.contains(&topic);
                self.logs[topic][shard as usize].finish(ending.transaction, committed);
            }
            self.group.commit(&ending.offsets);
        }
    }

    /// Aborts what hangs of a writer on a shard.
    pub(crate) fn end_hanging(&mut self, writer: &str, shard: Partition) {
        for (_, transaction, topic, shard) in self.hanging.extract_if(.., |(w, _, _, s)| w == writer && *s == shard) {
            self.logs[topic][shard as usize].finish(transaction, false);
        }
    }

    /// Claims a transactional id: what its last holder left open is aborted, and the holder is fenced.
    pub(crate) fn claim(&mut self, writer: &str) -> u64 {
        let left: Vec<_> =
            self.open.iter().filter(|(_, o)| o.writer.as_deref() == Some(writer)).map(|(t, _)| *t).collect();
        for transaction in left {
            self.end(transaction, false, Offsets::new());
        }
        // A producer that claims an id waits until what its last holder ended is marked.
        self.write_marks(|open| open.writer.as_deref() == Some(writer));
        let epoch = self.writers.entry(writer.to_owned()).or_default();
        *epoch += 1;
        *epoch
    }

    /// Refuses whoever does not hold the transactional id any more.
    pub(crate) fn check(&self, writer: &str, epoch: u64, doing: &'static str) -> Result<(), BrokerError> {
        if self.writers.get(writer) == Some(&epoch) {
            return Ok(());
        }
        let text = "another program writes under the same transactional id".to_owned();
        Err(BrokerError { kind: ErrorKind::Fenced, doing, text })
    }

    pub(crate) fn schema(&self, id: u32) -> SchemaAnswer {
        if self.registry_is_away {
            return SchemaAnswer::Away;
        }
        let known = self.schemas.get(&id).map(String::as_str).or_else(|| embedded_schema(id));
        known.map_or(SchemaAnswer::Unknown, |schema| SchemaAnswer::Known(schema.to_owned()))
    }
}

/// A record without an offset yet.
pub(crate) fn logged(
    timestamp: Timestamp,
    key: Option<&[u8]>,
    value: Option<&[u8]>,
    headers: &[(&str, Option<&[u8]>)],
) -> Logged {
    let headers: Headers =
        headers.iter().map(|(name, value)| ((*name).to_owned(), value.map(<[u8]>::to_vec))).collect();
    Logged { offset: 0, timestamp, key: key.map(Into::into), value: value.map(Into::into), headers }
}
