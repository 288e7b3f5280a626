//! The transactional producer: every transactional call is here, and each of its failures is sorted.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use dunning_engine::{BrokerError, ErrorKind, OutRecord};
use dunning_wire::topic::{OutputTopic, TopicNames};
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError;
use rdkafka::message::DeliveryResult;
use rdkafka::producer::{BaseProducer, Producer, ProducerContext};
use rdkafka::types::RDKafkaErrorCode as Code;
use rdkafka::{ClientConfig, ClientContext, Message, TopicPartitionList};

use super::fault::Fault;
use super::hush::{self, Hush};
use super::member::number;
use super::raw::{self, Group, Outgoing, Topic};
use super::watch::Watch;

/// How long a transactional id may take to be ours.
const TAKE_UP: Duration = Duration::from_secs(10);
/// How long what is under way may take to arrive before an abort, and the abort itself: a new producer is faster then.
const SETTLE: Duration = Duration::from_secs(5);

/// What the producer's events leave behind.
#[derive(Debug, Default)]
struct Reports {
    failed: Mutex<Option<Fault>>,
    /// Counts lost connections and requests that were not answered.
    unrest: AtomicU64,
    hush: Hush,
}

impl ClientContext for Reports {
    fn error(&self, error: KafkaError, reason: &str) {
        self.unrest.fetch_add(1, Ordering::Relaxed);
        if self.hush.may_speak() {
            tracing::warn!(reason, code = ?error.rdkafka_error_code(), "kafka producer");
        }
    }

    fn log(&self, level: RDKafkaLogLevel, fac: &str, message: &str) {
        hush::log(level as i32, fac, message);
    }
}

impl ProducerContext for Reports {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        if let Err((error, message)) = result {
            let code = error.rdkafka_error_code().unwrap_or(Code::Unknown);
            let text = format!("a record for `{}` was not taken: {code}", message.topic());
            let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
            failed.get_or_insert(Fault { text, ..Fault::of(code) });
        }
    }
}

struct Live {
    // The topics' handles go before their client.
    topics: Vec<Topic>,
    producer: BaseProducer<Reports>,
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
        let topics = OutputTopic::ALL.into_iter().map(|t| raw::topic_of(&producer, self.names.output(t)));
        let topics = topics.collect::<Result<_, _>>().map_err(|f| f.with(ErrorKind::Fatal, "making the producer"))?;
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
        live.clear();
        raw::begin(&live.producer).map_err(|f| live.known(f).ending("opening a transaction"))
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
            match raw::produce(&live.producer, &live.topics[record.topic as usize], &outgoing) {
                Ok(()) => return Ok(()),
                Err(fault) if fault.code == Code::QueueFull => {
                    if began.get_or_insert_with(Instant::now).elapsed() > self.timeout {
                        return Err(fault.writing("sending a record"));
                    }
                    // Whatever it says, the next attempt says it too.
                    drop(raw::flush(&live.producer, Duration::from_millis(10)));
                    live.producer.poll(Duration::ZERO);
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
            self.repeat(live, self.timeout, || raw::send_offsets(&live.producer, offsets, group, self.timeout))
                .map_err(|f| live.known(f).writing("sending offsets"))?;
        }
        let unrest = live.unrest();
        self.repeat(live, self.timeout, || raw::commit(&live.producer, self.timeout))
            .map_err(|f| live.known(f).ending("committing"))?;
        // Where a connection was lost meanwhile the request may have been sent twice, and the one that is late could
        // end the next transaction of this epoch (KAFKA-17754).
        let doubt = live.unrest() != unrest;
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
        let unrest = live.unrest();
        self.repeat(live, SETTLE, || raw::abort(&live.producer, SETTLE)).map_err(|f| {
            match live.known(f).ending(DOING) {
                e if e.kind == ErrorKind::Abort => unsure(e.text),
                e => e,
            }
        })?;
        live.clear();
        let doubt = live.unrest() != unrest;
        self.doubt |= doubt;
        Ok(())
    }

    /// Repeats a call while it says that it may be repeated, each under the watch.
    fn repeat(&self, live: &Live, limit: Duration, mut call: impl FnMut() -> Result<(), Fault>) -> Result<(), Fault> {
        let began = Instant::now();
        loop {
            match self.watch.over(&mut call) {
                Err(fault) if fault.retriable && !fault.fatal && began.elapsed() < limit => {
                    live.producer.poll(Duration::ZERO);
                    std::thread::sleep(Duration::from_millis(20));
                }
                result => return result,
            }
        }
    }

    /// Serves the producer's events.
    pub(crate) fn poll(&self) {
        if let Some(live) = &self.live {
            live.producer.poll(Duration::ZERO);
        }
    }
}

impl Live {
    fn clear(&self) {
        self.failed();
    }

    fn failed(&self) -> Option<Fault> {
        self.producer.client().context().failed.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn unrest(&self) -> u64 {
        self.producer.poll(Duration::ZERO);
        self.producer.client().context().unrest.load(Ordering::Relaxed)
    }

    /// Where the producer is dead, what it died of.
    fn known(&self, fault: Fault) -> Fault {
        match self.producer.client().fatal_error() {
            Some((code, text)) => Fault { text, fatal: true, ..Fault::of(code) },
            None => fault,
        }
    }

    /// Waits until nothing is under way any more; false where that takes too long.
    fn arrive(&self, timeout: Duration) -> bool {
        let began = Instant::now();
        loop {
            // Records that failed count until their reports are served.
            if raw::flush(&self.producer, Duration::from_millis(50)).is_ok() {
                self.producer.poll(Duration::ZERO);
                return true;
            }
            while self.producer.in_flight_count() > 0 && began.elapsed() < timeout {
                let before = self.producer.in_flight_count();
                self.producer.poll(Duration::ZERO);
                if self.producer.in_flight_count() == before {
                    break;
                }
            }
            if began.elapsed() >= timeout {
                return false;
            }
        }
    }

    fn drain(&self, timeout: Duration) -> Result<(), BrokerError> {
        const DOING: &str = "sending records";
        let arrived = self.arrive(timeout);
        if let Some(fault) = self.failed() {
            return Err(self.known(fault).writing(DOING));
        }
        if arrived { Ok(()) } else { Err(self.known(Fault::timed_out()).writing(DOING)) }
    }
}

fn take_up(config: &ClientConfig, doing: &'static str) -> Result<BaseProducer<Reports>, BrokerError> {
    let producer: BaseProducer<Reports> = config.create_with_context(Reports::default()).map_err(|e| BrokerError {
        kind: ErrorKind::Fatal,
        doing,
        text: e.to_string(),
    })?;
    let began = Instant::now();
    loop {
        match raw::init_transactions(&producer, TAKE_UP) {
            Ok(()) => return Ok(producer),
            Err(fault) if fault.retriable && !fault.fatal && began.elapsed() < TAKE_UP => {
                producer.poll(Duration::ZERO);
                std::thread::sleep(Duration::from_millis(50));
            }
            Err(fault) => return Err(fault.starting(doing)),
        }
    }
}
