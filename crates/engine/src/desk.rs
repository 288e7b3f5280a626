//! What the shards of a lane share: the broker, the clock, the open batch.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use dunning_rules::Timestamp;
use dunning_rules::invariant::Rule;
use dunning_store::StoreError;
use dunning_wire::frame;
use dunning_wire::state::Outbox;
use dunning_wire::topic::OutputTopic;

use crate::memory::MemoryError;
use crate::schemas::Schemas;
use crate::torn::COMPARED;
use crate::trust::{BOUND_MS, Reading, Trust};
use crate::{Broker, BrokerError, Clock, ClockMode, ErrorKind, LaneError, Meters, OutRecord, Partition, Settings};

/// A shard's outputs in one transaction travel in its checkpoint, which has to fit into a record; in bytes.
const OUTBOX_MAX: usize = 384 * 1024;

/// Why a lane cannot go on as it is.
#[derive(Debug)]
pub enum Halt {
    /// The open batch is void: abort, and rebuild what it touched.
    Void(BrokerError),
    /// Whether the batch was committed is not known: a new producer, then look.
    Unknown(BrokerError),
    /// A shard's store failed: rebuild it from the state topic.
    Store(Partition, String),
    /// A shard's store is rebuilt from the state topic, as what was erased leaves it.
    Anew(Partition),
    /// Another holds a shard's store for now.
    Busy(Partition, StoreError),
    /// The lane ends.
    End(LaneError),
}

impl From<BrokerError> for Halt {
    fn from(error: BrokerError) -> Self {
        match error.kind {
            ErrorKind::Retry | ErrorKind::Abort => Self::Void(error),
            ErrorKind::Unknown => Self::Unknown(error),
            ErrorKind::Fenced => Self::End(LaneError::Fenced(error)),
            ErrorKind::Fatal => Self::End(LaneError::Broker(error)),
        }
    }
}

impl Halt {
    pub fn store(partition: Partition, error: StoreError) -> Self {
        match error {
            StoreError::Busy(_) => Self::Busy(partition, error),
            StoreError::Directory(_) => Self::End(LaneError::Store(error)),
            StoreError::Damaged(text) => Self::Store(partition, text),
        }
    }

    pub fn memory(partition: Partition, error: MemoryError) -> Self {
        match error {
            MemoryError::Store(error) => Self::store(partition, error),
            MemoryError::Row(error) => Self::End(LaneError::State(format!("shard {partition}: {error}"))),
        }
    }
}

/// So many dead letters are named in the log in a while; a storm of them is counted only.
const LETTERS_SAID: u32 = 20;
const LETTERS_WHILE: Duration = Duration::from_secs(10);

/// What the open batch did; it counts once it is committed.
#[derive(Debug, Default)]
pub struct Batch {
    /// A transaction is open.
    pub open: bool,
    /// When it took its first record or deadline.
    pub since: Option<Duration>,
    /// Records and deadlines taken.
    pub taken: usize,
    /// A restoration is in it: it is not to wait.
    pub urgent: bool,
    /// The timestamps of the payments that restored.
    pub payments: Vec<Timestamp>,
    pub decided: BTreeMap<&'static str, u64>,
    pub commands: BTreeMap<&'static str, u64>,
    pub no_effects: BTreeMap<&'static str, u64>,
    pub dead_letters: BTreeMap<&'static str, u64>,
    /// What was written on the outputs that are compared, by shard.
    pub outboxes: BTreeMap<Partition, Outbox>,
    /// One of them takes no more.
    outbox_full: bool,
}

impl Batch {
    /// One more record or deadline.
    pub fn count(&mut self, now: Duration) {
        self.since.get_or_insert(now);
        self.taken += 1;
    }

    /// True where nothing was taken.
    pub const fn is_empty(&self) -> bool {
        self.taken == 0 && !self.open
    }
}

/// What the shards of a lane share.
pub struct Desk<B, C> {
    pub broker: B,
    pub clock: C,
    pub settings: Arc<Settings>,
    pub meters: Arc<Meters>,
    pub schemas: Schemas,
    pub batch: Batch,
    pub trust: Trust,
    /// A decision on its way out.
    pub datum: Vec<u8>,
    /// A record on its way in, brought into our layout.
    pub scratch: Vec<u8>,
    value: Vec<u8>,
    /// When the present while began, and how many dead letters were met in it.
    letters: (Duration, u32),
}

impl<B: Broker, C: Clock> Desk<B, C> {
    pub fn new(broker: B, clock: C, settings: Arc<Settings>, meters: Arc<Meters>) -> Self {
        let schemas = Schemas::new(settings.schema_patience);
        let (datum, scratch, value) = (Vec::new(), Vec::new(), Vec::with_capacity(1024));
        Self {
            broker,
            clock,
            settings,
            meters,
            schemas,
            batch: Batch::default(),
            trust: Trust::default(),
            datum,
            scratch,
            value,
            letters: (Duration::ZERO, 0),
        }
    }

    /// True where the largest timestamp taken is the clock.
    pub fn is_stream(&self) -> bool {
        self.settings.clock == ClockMode::Stream
    }

    /// True where the open batch is to be committed before it takes more.
    pub fn is_full(&self) -> bool {
        self.batch.taken >= self.settings.batch_records || self.batch.outbox_full
    }

    /// How long the open batch has been open.
    pub fn age(&self) -> Duration {
        self.batch.since.map_or(Duration::ZERO, |since| self.clock.monotonic().saturating_sub(since))
    }

    /// By how much the wall clock is away from the broker's, in milliseconds; `None`: the broker does not say.
    pub fn clock_away(&self) -> Option<i64> {
        self.trust.away(Reading::of(&self.clock))
    }

    /// True where the wall clock cannot be trusted.
    pub fn is_clock_doubtful(&self) -> bool {
        self.clock_away().map_or_else(|| self.clock.is_doubtful(), |away| away.abs() > BOUND_MS)
    }

    /// Hears what the broker's clock said of the transaction that was just committed, and was begun to be closed then.
    pub fn hear_broker(&mut self, before: Reading) {
        let is_silent = self.trust.hear(self.broker.append_times(), before, Reading::of(&self.clock));
        if is_silent && !self.is_stream() {
            tracing::warn!(
                topic = self.settings.state_topic,
                "the broker's time is not on the state topic: a wall clock that is wrong from the start is not noticed; \
                 set the topic's message.timestamp.type to LogAppendTime"
            );
        }
    }

    /// Something happened that must never happen: it is counted and said, for a person to look.
    pub fn broke(&self, partition: Partition, rule: Rule) {
        self.meters.violations.add(rule.word(), 1);
        tracing::error!(
            partition,
            rule = rule.word(),
            "an invariant is violated: please report it, with the decisions"
        );
    }

    /// True where one more dead letter is to be named in the log. How many were not is said with the next while.
    pub fn says_letter(&mut self) -> bool {
        let now = self.clock.monotonic();
        let (began, met) = &mut self.letters;
        if now.saturating_sub(*began) >= LETTERS_WHILE {
            if *met > LETTERS_SAID {
                tracing::warn!(more = *met - LETTERS_SAID, "dead letters that were not named one by one");
            }
            (*began, *met) = (now, 0);
        }
        *met = met.saturating_add(1);
        *met <= LETTERS_SAID
    }

    /// Opens a transaction where none is.
    pub fn begin(&mut self) -> Result<(), Halt> {
        if !self.batch.open {
            self.broker.begin()?;
            self.batch.open = true;
        }
        Ok(())
    }

    /// Writes a record whose value is framed Avro.
    pub fn emit(
        &mut self,
        topic: OutputTopic,
        partition: Partition,
        timestamp: Timestamp,
        key: &[u8],
        datum: impl FnOnce(&mut Vec<u8>),
    ) -> Result<(), Halt> {
        self.begin()?;
        self.value.clear();
        frame::put_header(&mut self.value, self.settings.schema_id(topic));
        datum(&mut self.value);
        let value = std::mem::take(&mut self.value);
        let sent =
            self.send(&OutRecord { topic, partition, timestamp, key: Some(key), value: Some(&value), headers: &[] });
        self.value = value;
        sent
    }

    /// Writes a record in the open transaction, and keeps it for the checkpoint where its topic is compared.
    pub fn send(&mut self, record: &OutRecord<'_>) -> Result<(), Halt> {
        if COMPARED.contains(&record.topic) {
            let outbox = self.batch.outboxes.entry(record.partition).or_default();
            outbox.push(record.topic, record.timestamp, record.key, record.value, record.headers);
            self.batch.outbox_full |= outbox.len() >= OUTBOX_MAX;
        }
        self.broker.send(record)?;
        Ok(())
    }

    /// Counts the committed batch and begins a new one.
    pub fn settle(&mut self, now: Timestamp) {
        let batch = std::mem::take(&mut self.batch);
        for (words, counter) in [
            (&batch.decided, &self.meters.decided),
            (&batch.commands, &self.meters.commands),
            (&batch.no_effects, &self.meters.no_effects),
            (&batch.dead_letters, &self.meters.dead_letters),
        ] {
            for (word, n) in words {
                counter.add(word, *n);
            }
        }
        for payment in batch.payments {
            #[allow(clippy::cast_precision_loss)] // milliseconds for a histogram
            self.meters.payment_to_restoration.observe(now.since(payment) as f64 / 1_000.0);
        }
    }
}
