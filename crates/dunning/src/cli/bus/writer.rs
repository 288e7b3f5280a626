//! Writes in transactions, so that what belongs together is there together. All commands of a group write under one
//! transactional id: of two that run at once the older one is refused, and so none does what the other has done.

use std::time::Duration;

use dunning_engine::Clock as _;
use dunning_rules::Timestamp;
use dunning_wire::control::{self, ControlBody, ControlEvent};
use dunning_wire::deadletter::Header as Pair;
use dunning_wire::frame;
use dunning_wire::topic::InputTopic;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};

use super::{Bus, failed};
use crate::clock::WallClock;
use crate::exit::Failure;

/// How long the broker may take for the beginning or the end of a transaction.
const PATIENCE: Duration = Duration::from_secs(30);
/// Records in one transaction: bars wait while it is open, so it is short.
const BATCH: usize = 1_000;

/// An order: who gives it and why.
#[derive(Clone, Copy)]
pub(in crate::cli) struct Order<'a> {
    pub(in crate::cli) actor: &'a str,
    pub(in crate::cli) reason: &'a str,
}

/// A producer whose records count when they are committed.
pub(in crate::cli) struct Writer<'a> {
    bus: &'a Bus,
    producer: BaseProducer,
    /// Records of the open transaction; 0: none is open.
    open: usize,
}

impl<'a> Writer<'a> {
    /// Takes up the transactional id: what another command left open is ended, and that command can commit no more.
    /// What is read from now on is what was committed before.
    pub(in crate::cli) fn open(bus: &'a Bus) -> Result<Self, Failure> {
        let id = format!("{}-operator", bus.group());
        let producer: BaseProducer = bus
            .client(&[
                ("transactional.id", &id),
                ("transaction.timeout.ms", "15000"),
                ("compression.type", "lz4"),
                ("message.max.bytes", &crate::kafka::RECORD_BYTES.to_string()),
            ])
            .create()
            .map_err(|e| failed("`kafka` cannot be used", e))?;
        producer.init_transactions(PATIENCE).map_err(|e| failed("nothing can be written", e))?;
        Ok(Self { bus, producer, open: 0 })
    }

    /// Puts a record of a dead letter on its input topic, and a note of it beside the letter. Both or none.
    pub(in crate::cli) fn put_back(&mut self, back: &Back<'_>, note: (u32, &[Pair])) -> Result<(), Failure> {
        self.begin()?;
        let topics = self.bus.topics();
        let mut record = BaseRecord::<[u8], [u8]>::to(topics.input(back.topic))
            .partition(number(back.partition))
            .timestamp(back.timestamp)
            .headers(headers(back.headers));
        record.key = back.key;
        record.payload = back.value;
        self.send(record)?;
        let letters = topics.output(dunning_wire::topic::OutputTopic::DeadLetters);
        let now = WallClock::default().now().millis();
        let note =
            BaseRecord::<[u8], [u8]>::to(letters).partition(number(note.0)).timestamp(now).headers(headers(note.1));
        self.send(note)?;
        self.commit_if(BATCH)
    }

    /// Writes an order into one partition's line.
    pub(in crate::cli) fn order(
        &mut self,
        schema: u32,
        order: Order<'_>,
        id: String,
        partition: u32,
        body: ControlBody,
    ) -> Result<(), Failure> {
        self.begin()?;
        let now: Timestamp = WallClock::default().now();
        let (actor, reason) = (order.actor.to_owned(), order.reason.to_owned());
        let event = ControlEvent { control_id: id, occurred_at: now, actor, reason, body };
        let mut value = Vec::new();
        frame::put_header(&mut value, schema);
        control::encode(&event, &mut value);
        let topic = self.bus.topics().input(InputTopic::Control);
        let record = BaseRecord::<[u8], [u8]>::to(topic).partition(number(partition)).timestamp(now.millis());
        self.send(record.key(b"order").payload(&value))?;
        self.commit_if(BATCH)
    }

    /// The id under which orders are written; asked for before anything is.
    pub(in crate::cli) fn order_schema(&self) -> Result<u32, Failure> {
        self.bus.order_schema()
    }

    fn begin(&mut self) -> Result<(), Failure> {
        if self.open == 0 {
            self.producer.begin_transaction().map_err(|e| failed("no transaction can be begun", e))?;
        }
        self.open += 1;
        Ok(())
    }

    fn send(&self, mut record: BaseRecord<'_, [u8], [u8]>) -> Result<(), Failure> {
        loop {
            match self.producer.send(record) {
                Ok(()) => {
                    self.producer.poll(Duration::ZERO);
                    return Ok(());
                }
                // The queue is full: the broker takes a moment.
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back)) => {
                    record = back;
                    self.producer.poll(Duration::from_millis(50));
                }
                Err((e, _)) => return Err(failed("a record cannot be written", e)),
            }
        }
    }

    fn commit_if(&mut self, least: usize) -> Result<(), Failure> {
        if self.open >= least { self.commit() } else { Ok(()) }
    }

    /// What was written counts from now on. Where this fails, nothing of the open transaction does, or all of it:
    /// the next run of the command finds out.
    pub(in crate::cli) fn commit(&mut self) -> Result<(), Failure> {
        if std::mem::take(&mut self.open) == 0 {
            return Ok(());
        }
        let text = "the end of what was written is not known; run the command again, it does nothing twice";
        self.producer.commit_transaction(PATIENCE).map_err(|e| failed(text, e))
    }
}

/// A record to be put back.
pub(in crate::cli) struct Back<'a> {
    pub(in crate::cli) topic: InputTopic,
    pub(in crate::cli) partition: u32,
    pub(in crate::cli) timestamp: i64,
    pub(in crate::cli) key: Option<&'a [u8]>,
    pub(in crate::cli) value: Option<&'a [u8]>,
    pub(in crate::cli) headers: &'a [Pair],
}

fn headers(pairs: &[Pair]) -> OwnedHeaders {
    pairs.iter().fold(OwnedHeaders::new_with_capacity(pairs.len()), |all, (key, value)| {
        all.insert(Header { key, value: value.as_deref() })
    })
}

fn number(partition: u32) -> i32 {
    i32::try_from(partition).unwrap_or(i32::MAX)
}
