//! The transactional producer: every transactional call is here, and each of its failures is sorted.

use std::time::{Duration, Instant};

use dunning_engine::{AppendTimes, BrokerError, ErrorKind, OutRecord, Partition};
use dunning_rules::Timestamp;
use dunning_wire::topic::{OutputTopic, TopicNames};
use rdkafka::types::RDKafkaErrorCode as Code;
use rdkafka::{ClientConfig, TopicPartitionList};

use super::fault::Fault;
use super::member::number;
use super::raw::{Group, Outgoing, Producer, Topic};
use super::watch::Watch;

/// How long a transactional id may take to be ours.
const TAKE_UP: Duration = Duration::from_secs(10);
/// How long what is under way may take to arrive before an abort, and the abort itself: a new producer is faster then.
const SETTLE: Duration = Duration::from_secs(5);

/// The key of what is written only to be aborted.
const HANGING: &[u8] = b"\0hanging";

struct Live {
    // The topics' handles go before their client.
    topics: Vec<Topic>,
    producer: Producer,
}

pub(crate) struct Writer {
    id: String,
    config: ClientConfig,
    names: TopicNames,
    timeout: Duration,
    live: Option<Live>,
    /// Over calls that can ignore their timeouts.
    watch: Watch,
    /// A request for the end of a transaction may still be under way: no other transaction under this epoch.
    doubt: bool,
}

impl Writer {
    /// A producer that has taken up its transactional id: what it left open before is ended.
    pub(crate) fn new(
        id: String,
        config: ClientConfig,
        names: TopicNames,
        timeout: Duration,
    ) -> Result<Self, BrokerError> {
        let watch = Watch::new(timeout * 2).map_err(|e| BrokerError {
            kind: ErrorKind::Fatal,
            doing: "starting the watch over transactions",
            text: e.to_string(),
        })?;
        let mut writer = Self { id, config, names, timeout, live: None, watch, doubt: false };
        writer.renew()?;
        Ok(writer)
    }

    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    pub(crate) fn renew(&mut self) -> Result<(), BrokerError> {
        // The old one first: it would call itself fenced in the log.
        self.live = None;
        let producer = take_up(&self.config, "taking up the transactional id")?;
        let topics = OutputTopic::ALL.into_iter().map(|t| producer.topic(self.names.output(t)));
        let topics =
            topics.collect::<Result<Vec<_>, _>>().map_err(|f| f.with(ErrorKind::Fatal, "making the producer"))?;
        producer.watch(&topics[OutputTopic::State as usize]);
        self.live = Some(Live { topics, producer });
        self.doubt = false;
        Ok(())
    }

    /// Ends what another writer left open.
    pub(crate) fn fence(&self, writer: &str) -> Result<(), BrokerError> {
        if writer == self.id {
            return Ok(());
        }
        let mut config = self.config.clone();
        config.set("transactional.id", writer);
        take_up(&config, "fencing the last writer").map(drop)
    }

    /// Ends a transaction of a writer that hangs on topics of a shard. A partition takes what the next transaction of the same
    /// id writes there as more of the one that hangs, so that its abort ends both.
    pub(crate) fn end_hanging(
        &mut self,
        writer: &str,
        shard: Partition,
        topics: &[OutputTopic],
    ) -> Result<(), BrokerError> {
        if writer == self.id {
            return self.join_and_abort(shard, topics);
        }
        let mut config = self.config.clone();
        config.set("transactional.id", writer);
        Self::new(writer.to_owned(), config, self.names.clone(), self.timeout)?.join_and_abort(shard, topics)
    }

    fn join_and_abort(&mut self, shard: Partition, topics: &[OutputTopic]) -> Result<(), BrokerError> {
        self.begin()?;
        for topic in topics {
            // Nobody ever reads it. A compacted topic wants a key.
            let (timestamp, key) = (Timestamp::from_millis(0), Some(HANGING));
            self.send(&OutRecord { topic: *topic, partition: shard, timestamp, key, value: None, headers: &[] })?;
        }
        // An abort gives up what has not arrived.
        self.live()?.drain(self.timeout)?;
        self.abort()
    }

    fn live(&self) -> Result<&Live, BrokerError> {
        let none = || BrokerError {
            kind: ErrorKind::Unknown,
            doing: "writing",
            text: "there is no producer: it could not be renewed".to_owned(),
        };
        self.live.as_ref().ok_or_else(none)
    }

    pub(crate) fn begin(&mut self) -> Result<(), BrokerError> {
        if self.doubt {
            self.renew()?;
        }
        let live = self.live()?;
        live.producer.begin().map_err(|f| live.known(f).ending("opening a transaction"))
    }

    pub(crate) fn send(&self, record: &OutRecord<'_>) -> Result<(), BrokerError> {
        let live = self.live()?;
        let outgoing = Outgoing {
            partition: number(record.partition),
            timestamp: record.timestamp.millis(),
            key: record.key,
            value: record.value,
            headers: record.headers,
        };
        let mut began = None;
        loop {
            match live.producer.produce(&live.topics[record.topic as usize], &outgoing) {
                Ok(()) => return Ok(()),
                Err(fault) if fault.code == Code::QueueFull => {
                    if began.get_or_insert_with(Instant::now).elapsed() > self.timeout {
                        return Err(fault.writing("sending a record"));
                    }
                    // Whatever it says, the next attempt says it too.
                    drop(live.producer.flush(Duration::from_millis(10)));
                    live.producer.poll();
                }
                Err(fault) => return Err(live.known(fault).writing("sending a record")),
            }
        }
    }

    /// Commits what was sent, with offsets. `group` must be the member's identity of this moment.
    pub(crate) fn commit(&mut self, offsets: &TopicPartitionList, group: Option<&Group>) -> Result<(), BrokerError> {
        let live = self.live()?;
        live.drain(self.timeout)?;
        if let Some(group) = group {
            self.repeat(live, self.timeout, || live.producer.send_offsets(offsets, group, self.timeout))
                .map_err(|f| live.known(f).writing("sending offsets"))?;
        }
        let unrest = live.producer.unrest();
        self.repeat(live, self.timeout, || live.producer.commit(self.timeout))
            .map_err(|f| live.known(f).ending("committing"))?;
        // Where a connection was lost meanwhile the request may have been sent twice, and the one that is late could
        // end the next transaction of this epoch (KAFKA-17754).
        let doubt = live.producer.unrest() != unrest;
        self.doubt |= doubt;
        Ok(())
    }

    pub(crate) fn abort(&mut self) -> Result<(), BrokerError> {
        const DOING: &str = "aborting";
        let live = self.live()?;
        // What failed is void now; what does not arrive ends with the producer.
        let unsure = |text: String| BrokerError { kind: ErrorKind::Unknown, doing: DOING, text };
        if !live.arrive(SETTLE) {
            return Err(unsure("records are still under way".to_owned()));
        }
        let unrest = live.producer.unrest();
        self.repeat(live, SETTLE, || live.producer.abort(SETTLE)).map_err(|f| match live.known(f).ending(DOING) {
            e if e.kind == ErrorKind::Abort => unsure(e.text),
            e => e,
        })?;
        live.producer.failed();
        let doubt = live.producer.unrest() != unrest;
        self.doubt |= doubt;
        Ok(())
    }

    /// Repeats a call while it says that it may be repeated, each under the watch.
    fn repeat(&self, live: &Live, limit: Duration, mut call: impl FnMut() -> Result<(), Fault>) -> Result<(), Fault> {
        let began = Instant::now();
        loop {
            match self.watch.over(&mut call) {
                Err(fault) if fault.retriable && !fault.fatal && began.elapsed() < limit => {
                    live.producer.poll();
                    std::thread::sleep(Duration::from_millis(20));
                }
                result => return result,
            }
        }
    }

    /// Serves the producer's events.
    pub(crate) fn poll(&self) {
        if let Some(live) = &self.live {
            live.producer.poll();
        }
    }

    /// The broker's time of the state records of the last transaction; `None` where it put none on them.
    pub(crate) fn append_times(&self) -> Option<AppendTimes> {
        self.live.as_ref()?.producer.append_times()
    }
}

impl Live {
    /// Where the producer is dead, what it died of.
    fn known(&self, fault: Fault) -> Fault {
        self.producer.fatal().unwrap_or(fault)
    }

    /// Waits until nothing is under way any more; false where that takes too long.
    fn arrive(&self, timeout: Duration) -> bool {
        let began = Instant::now();
        loop {
            // Records that failed count until their reports are served.
            if self.producer.flush(Duration::from_millis(50)).is_ok() {
                self.producer.poll();
                return true;
            }
            self.producer.poll();
            if began.elapsed() >= timeout {
                return false;
            }
        }
    }

    fn drain(&self, timeout: Duration) -> Result<(), BrokerError> {
        const DOING: &str = "sending records";
        let arrived = self.arrive(timeout);
        if let Some(fault) = self.producer.failed() {
            return Err(self.known(fault).writing(DOING));
        }
        if arrived { Ok(()) } else { Err(self.known(Fault::timed_out()).writing(DOING)) }
    }
}

fn take_up(config: &ClientConfig, doing: &'static str) -> Result<Producer, BrokerError> {
    let producer =
        Producer::new(config).map_err(|e| BrokerError { kind: ErrorKind::Fatal, doing, text: e.to_string() })?;
    let began = Instant::now();
    loop {
        match producer.init_transactions(TAKE_UP) {
            Ok(()) => return Ok(producer),
            Err(fault) if fault.retriable && !fault.fatal && began.elapsed() < TAKE_UP => {
                producer.poll();
                std::thread::sleep(Duration::from_millis(50));
            }
            Err(fault) => return Err(fault.starting(doing)),
        }
    }
}
