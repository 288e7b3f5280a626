//! Writes the waves, each once the one before it is committed, and says how far every shard is.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use dunning_sim::{OperatorEvent, Random};
use dunning_wire::topic::InputTopic;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::producer::{BaseProducer, BaseRecord, DeliveryResult, Producer, ProducerContext};
use rdkafka::{ClientContext, Message, Offset, TopicPartitionList};

use crate::event::{At, payment};
use crate::load::Load;
use crate::world::World;

/// How often the group's offsets are looked at.
const LOOK: Duration = Duration::from_millis(40);

/// How far the shards are.
#[derive(Default)]
pub struct Progress {
    /// Waves whose records are all committed, by partition.
    done: Vec<AtomicUsize>,
    /// At most so many waves are written.
    allowed: AtomicUsize,
    /// Records that the group's offsets are past.
    committed: AtomicUsize,
}

impl Progress {
    pub fn new(partitions: usize) -> Arc<Self> {
        Arc::new(Self { done: (0..partitions).map(|_| AtomicUsize::new(0)).collect(), ..Self::default() })
    }

    pub fn allow(&self, waves: usize) {
        self.allowed.fetch_max(waves, Ordering::Relaxed);
    }

    pub fn allowed(&self) -> usize {
        self.allowed.load(Ordering::Relaxed)
    }

    /// How many waves each partition has behind it.
    pub fn done(&self) -> Vec<usize> {
        self.done.iter().map(|d| d.load(Ordering::Relaxed)).collect()
    }

    /// Changes whenever anything was committed.
    pub fn committed(&self) -> usize {
        self.committed.load(Ordering::Relaxed)
    }
}

/// The next offset behind what was written, by topic and partition.
type Ends = Arc<Mutex<BTreeMap<(String, i32), i64>>>;

/// Notes where records came to lie.
#[derive(Clone, Default)]
struct Notes {
    ends: Ends,
    failed: Arc<AtomicUsize>,
}

impl ClientContext for Notes {}

impl ProducerContext for Notes {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        match result {
            Ok(m) => {
                let mut ends = self.ends.lock().expect("the ends");
                let end = ends.entry((m.topic().to_owned(), m.partition())).or_default();
                *end = (*end).max(m.offset() + 1);
            }
            Err(_) => drop(self.failed.fetch_add(1, Ordering::Relaxed)),
        }
    }
}

/// What was written besides the load.
#[derive(Clone, Copy, Debug, Default)]
pub struct Extras {
    /// Transactions of the operator's systems that were committed.
    pub committed: usize,
    /// Those that were aborted: each with payments that never were.
    pub aborted: usize,
}

pub struct Feed {
    world: Arc<World>,
    load: Arc<Load>,
    progress: Arc<Progress>,
    random: Random,
    notes: Notes,
    producer: BaseProducer<Notes>,
    /// Asks for the group's offsets; it never joins.
    asker: BaseConsumer,
    extras: Extras,
}

impl Feed {
    pub fn new(world: &Arc<World>, load: &Arc<Load>, progress: &Arc<Progress>, seed: u64) -> Self {
        let notes = Notes::default();
        let mut config = world.client();
        config.set("linger.ms", "2").set("enable.idempotence", "true");
        let producer = config.create_with_context(notes.clone()).expect("a producer");
        let mut config = world.client();
        config.set("group.id", &world.group).set("enable.auto.commit", "false");
        let asker = config.create().expect("a consumer");
        let (world, load, progress) = (Arc::clone(world), Arc::clone(load), Arc::clone(progress));
        let (random, extras) = (Random::new(seed, 2), Extras::default());
        Self { world, load, progress, random, notes, producer, asker, extras }
    }

    /// Writes the first wave of every partition.
    pub fn ahead(&mut self) {
        let load = Arc::clone(&self.load);
        for partition in 0..load.partitions.len() {
            self.plain(partition, &load.partitions[partition][0]);
        }
        self.flush();
    }

    /// Writes the others as the program comes along, until all is committed.
    pub fn run(mut self) -> JoinHandle<Extras> {
        std::thread::spawn(move || {
            let mut written = vec![1; self.load.partitions.len()];
            while self.round(&mut written) {
                std::thread::sleep(LOOK);
            }
            self.extras
        })
    }

    fn round(&mut self, written: &mut [usize]) -> bool {
        let (load, progress) = (Arc::clone(&self.load), Arc::clone(&self.progress));
        let Some(committed) = self.committed() else { return true };
        for (partition, written) in written.iter_mut().enumerate() {
            if !self.is_behind(partition, &committed) {
                progress.done[partition].store(*written, Ordering::Relaxed);
            }
            if progress.done[partition].load(Ordering::Relaxed) == *written
                && *written < load.waves().min(progress.allowed())
            {
                self.write(partition, &load.partitions[partition][*written]);
                *written += 1;
            }
        }
        self.flush();
        progress.done.iter().any(|done| done.load(Ordering::Relaxed) < load.waves())
    }

    fn write(&mut self, partition: usize, wave: &[OperatorEvent]) {
        if self.random.chance(100) {
            self.abort(partition, wave);
        }
        if self.random.chance(150) {
            self.in_transaction(partition, wave);
        } else {
            self.plain(partition, wave);
        }
    }

    fn plain(&self, partition: usize, records: &[OperatorEvent]) {
        records.iter().for_each(|r| self.send(&self.producer, partition, r));
    }

    /// Waits until the broker has all of it.
    fn flush(&self) {
        self.producer.flush(Duration::from_secs(120)).expect("the broker takes the records");
        assert_eq!(self.notes.failed.load(Ordering::Relaxed), 0, "records of the load were not taken");
    }

    fn send(&self, producer: &BaseProducer<Notes>, partition: usize, record: &OperatorEvent) {
        let value = self.world.framed(record.topic, &record.datum);
        let mut out = BaseRecord::to(self.world.topics.input(record.topic))
            .partition(i32::try_from(partition).expect("a partition"))
            .timestamp(record.at.millis())
            .key(record.account_id.as_bytes())
            .payload(&value);
        while let Err((error, back)) = producer.send(out) {
            assert_eq!(error.rdkafka_error_code(), Some(rdkafka::types::RDKafkaErrorCode::QueueFull), "{error}");
            producer.poll(Duration::from_millis(10));
            out = back;
        }
        producer.poll(Duration::ZERO);
    }

    /// One transaction of the operator's systems. Where its end is in doubt it is written again: what came twice changes
    /// nothing.
    fn in_transaction(&mut self, partition: usize, wave: &[OperatorEvent]) {
        let began = Instant::now();
        loop {
            let notes = Notes { ends: Arc::clone(&self.notes.ends), failed: Arc::default() };
            let tried = self.transactional(notes).and_then(|producer| {
                wave.iter().for_each(|r| self.send(&producer, partition, r));
                producer.flush(Duration::from_secs(20))?;
                producer.commit_transaction(Duration::from_secs(20))
            });
            match tried {
                Ok(()) => break,
                Err(error) => assert!(began.elapsed() < Duration::from_secs(120), "an upstream transaction: {error}"),
            }
        }
        self.extras.committed += 1;
    }

    /// A transaction with payments that would settle everything, and that is aborted.
    fn abort(&mut self, partition: usize, wave: &[OperatorEvent]) {
        let aborted = self.transactional(Notes::default()).and_then(|producer| {
            for record in wave.iter().take(5) {
                let at = At { account: &record.account_id, partition: 0, millis: record.at.millis() };
                let id = format!("never-{}", record.at.millis());
                let datum = at.datum(InputTopic::Payments, &id, payment(&id, 1_000_000));
                self.send(
                    &producer,
                    partition,
                    &OperatorEvent { topic: InputTopic::Payments, datum, ..record.clone() },
                );
            }
            producer.flush(Duration::from_secs(20))?;
            producer.abort_transaction(Duration::from_secs(20))
        });
        // Where the broker is away the next user of the id, or its timeout, aborts it.
        if aborted.is_ok() {
            self.extras.aborted += 1;
        }
    }

    fn transactional(&self, notes: Notes) -> rdkafka::error::KafkaResult<BaseProducer<Notes>> {
        let mut config = self.world.client();
        config.set("linger.ms", "2").set("transaction.timeout.ms", "20000");
        config.set("transactional.id", format!("{}-upstream", self.world.group));
        let producer: BaseProducer<Notes> = config.create_with_context(notes)?;
        producer.init_transactions(Duration::from_secs(20))?;
        producer.begin_transaction()?;
        Ok(producer)
    }

    /// The group's offsets; `None` while the broker does not say them.
    fn committed(&self) -> Option<BTreeMap<(String, i32), i64>> {
        let mut list = TopicPartitionList::new();
        for topic in InputTopic::ALL {
            for partition in 0..self.world.partitions.cast_signed() {
                list.add_partition(self.world.topics.input(topic), partition);
            }
        }
        let list = self.asker.committed_offsets(list, Duration::from_secs(3)).ok()?;
        let known = list.elements().into_iter().filter_map(|e| match e.offset() {
            Offset::Offset(next) => Some(((e.topic().to_owned(), e.partition()), next)),
            _ => None,
        });
        let offsets: BTreeMap<_, _> = known.collect();
        let sum: i64 = offsets.values().sum();
        self.progress.committed.store(usize::try_from(sum).unwrap_or(0), Ordering::Relaxed);
        Some(offsets)
    }

    fn is_behind(&self, partition: usize, committed: &BTreeMap<(String, i32), i64>) -> bool {
        let ends = self.notes.ends.lock().expect("the ends");
        let mut of_partition = ends.iter().filter(|((_, p), _)| usize::try_from(*p) == Ok(partition));
        of_partition.any(|(place, end)| committed.get(place).is_none_or(|next| next < end))
    }
}
