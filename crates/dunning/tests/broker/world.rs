//! A set of topics of a test's own on a real bus.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant, SystemTime};

use dunning::kafka::{Bus, KafkaBroker};
use dunning::registry::{Address, Registry};
use dunning::topics::{Cluster, Plan};
use dunning_engine::{Broker, BrokerError, ErrorKind, Membership, OutRecord, Partition, Polled, Record, Source};
use dunning_rules::Timestamp;
use dunning_wire::topic::{InputTopic, OutputTopic, TopicNames};
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::{Offset, TopicPartitionList};
use tokio::runtime::Runtime;

/// What a variable of the bus says.
pub fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| {
        panic!("{name} is not set: these tests need a real bus; run `tests/bus/bus up`, then `. .bus/env`")
    })
}

pub struct World {
    pub bus: Bus,
    pub runtime: Runtime,
    pub registry: Arc<Registry>,
}

/// A name that no other test has.
pub fn unique(word: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let nanos = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970").as_nanos();
    format!("t{nanos}-{}-{word}", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// All topics under names of their own.
pub fn names() -> TopicNames {
    let mut names = TopicNames::default();
    let prefix = unique("x");
    let inputs = InputTopic::ALL.map(InputTopic::contract_name);
    for name in inputs.into_iter().chain(OutputTopic::ALL.map(OutputTopic::contract_name)) {
        names.set(name, &format!("{prefix}.{name}"));
    }
    names
}

impl World {
    pub fn new(partitions: u32) -> Self {
        Self::with_time(partitions, true)
    }

    /// The state topic bears the broker's time or not.
    pub fn with_time(partitions: u32, broker_time: bool) -> Self {
        let bus = Bus {
            bootstrap_servers: variable("BUS_BOOTSTRAP"),
            group_id: unique("group"),
            instance: unique("i"),
            topics: names(),
            partitions,
            properties: BTreeMap::new(),
        };
        let runtime = Runtime::new().expect("a runtime");
        let registry = Registry::new(&Address::Embedded, None, runtime.handle().clone()).expect("a registry");
        let world = Self { bus, runtime, registry: Arc::new(registry) };
        let partitions = Some(partitions);
        let plan = Plan { partitions, replication_factor: Some(1), inputs: true, keep: true, broker_time };
        world.cluster().create(&world.bus.topics, &plan, world.runtime.handle()).expect("topics");
        world
    }

    pub fn cluster(&self) -> Cluster<'_> {
        Cluster { bootstrap_servers: &self.bus.bootstrap_servers, properties: &self.bus.properties }
    }

    pub fn lane(&self, lane: usize) -> KafkaBroker {
        retry(|| KafkaBroker::new(&self.bus, lane, Arc::clone(&self.registry)))
    }

    pub fn config(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &self.bus.bootstrap_servers);
        config
    }

    /// A producer of somebody else; with a transactional id, in an open transaction.
    pub fn stranger(&self, id: Option<&str>) -> BaseProducer {
        let mut config = self.config();
        config.set("linger.ms", "1");
        if let Some(id) = id {
            config.set("transactional.id", id).set("transaction.timeout.ms", "30000");
        }
        let producer: BaseProducer = config.create().expect("a producer");
        if id.is_some() {
            producer.init_transactions(Duration::from_secs(20)).expect("init");
            producer.begin_transaction().expect("begin");
        }
        producer
    }

    /// Writes records with keys `from..to`, whose timestamps are their numbers.
    pub fn write(&self, producer: &BaseProducer, topic: &str, shard: Partition, numbers: std::ops::Range<i64>) {
        for n in numbers {
            let (key, value) = (n.to_string(), format!("value-{n}"));
            loop {
                let record = BaseRecord::to(topic).partition(shard as i32).key(&key).payload(&value).timestamp(n + 1);
                if producer.send(record).is_ok() {
                    break;
                }
                producer.poll(Duration::from_millis(10));
            }
        }
        producer.flush(Duration::from_secs(20)).expect("flush");
    }

    /// Records of an input, written by somebody else without a transaction.
    pub fn feed(&self, topic: InputTopic, shard: Partition, numbers: std::ops::Range<i64>) {
        self.write(&self.stranger(None), self.bus.topics.input(topic), shard, numbers);
    }

    /// How many records a reader of an isolation level finds.
    pub fn count(&self, topic: &str, shard: Partition, isolation: &str) -> usize {
        let mut config = self.config();
        config.set("group.id", unique("reader")).set("isolation.level", isolation).set("enable.partition.eof", "true");
        let consumer: BaseConsumer = config.create().expect("a consumer");
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(topic, shard as i32, Offset::Beginning).expect("an offset");
        consumer.assign(&list).expect("assign");
        let (began, mut count) = (Instant::now(), 0);
        while began.elapsed() < Duration::from_secs(20) {
            match consumer.poll(Duration::from_millis(200)) {
                Some(Ok(_)) => count += 1,
                Some(Err(KafkaError::PartitionEOF(_))) => return count,
                Some(Err(error)) => panic!("{error}"),
                None => {}
            }
        }
        panic!("no end of {topic}");
    }
}

/// Calls again what may be called again.
pub fn retry<T>(mut call: impl FnMut() -> Result<T, BrokerError>) -> T {
    let began = Instant::now();
    loop {
        match call() {
            Err(error) if error.kind == ErrorKind::Retry && began.elapsed() < Duration::from_secs(40) => {
                std::thread::sleep(Duration::from_millis(50));
            }
            result => return result.expect("the broker does it"),
        }
    }
}

/// Polls until something is true of all that came; gives it.
pub fn until(broker: &mut KafkaBroker, what: &str, mut done: impl FnMut(&[Polled]) -> bool) -> Vec<Polled> {
    let (began, mut all) = (Instant::now(), Vec::new());
    while !done(&all) {
        assert!(began.elapsed() < Duration::from_secs(40), "waited for {what}; came: {}", sketch(&all));
        retry(|| broker.poll(Duration::from_millis(50), &mut all));
    }
    all
}

/// Polls for a while; gives all that came.
pub fn watch(broker: &mut KafkaBroker, time: Duration) -> Vec<Polled> {
    let (began, mut all) = (Instant::now(), Vec::new());
    while began.elapsed() < time {
        retry(|| broker.poll(Duration::from_millis(20), &mut all));
    }
    all
}

fn sketch(all: &[Polled]) -> String {
    let rest: Vec<_> = all.iter().filter(|p| !matches!(p, Polled::Record(_))).take(20).collect();
    format!("{} records, {rest:?}", all.len() - rest.len())
}

pub fn records(all: &[Polled]) -> impl Iterator<Item = &Record> {
    all.iter().filter_map(|p| match p {
        Polled::Record(record) => Some(record),
        _ => None,
    })
}

/// The offset of the end of a source, where it was said.
pub fn end(all: &[Polled], wanted: Source, shard: Partition) -> Option<i64> {
    all.iter().rev().find_map(|p| match p {
        Polled::End { source, partition, offset } if *source == wanted && *partition == shard => Some(*offset),
        _ => None,
    })
}

pub fn restored(all: &[Polled], shard: Partition) -> Option<i64> {
    all.iter().find_map(|p| match p {
        Polled::Restored { partition, next } if *partition == shard => Some(*next),
        _ => None,
    })
}

/// Waits until so many shards were given, and accepts them.
pub fn join(broker: &mut KafkaBroker, count: usize) -> Vec<Partition> {
    let mut shards = Vec::new();
    let began = Instant::now();
    while shards.len() < count {
        assert!(began.elapsed() < Duration::from_secs(40), "{count} shards wanted, {shards:?} came");
        serve(broker, &mut shards);
    }
    shards.sort_unstable();
    shards
}

/// One round of a lane that agrees to everything.
pub fn serve(broker: &mut KafkaBroker, shards: &mut Vec<Partition>) {
    let mut all = Vec::new();
    retry(|| broker.poll(Duration::from_millis(20), &mut all));
    for polled in all {
        match polled {
            Polled::Membership(Membership::Assigned(new)) => {
                retry(|| broker.accept(&new));
                shards.extend(new);
            }
            Polled::Membership(Membership::Revoked(old) | Membership::Lost(old)) => {
                retry(|| broker.release(&old));
                shards.retain(|s| !old.contains(s));
            }
            _ => {}
        }
    }
}

/// A record to be sent.
pub fn out<'a>(topic: OutputTopic, shard: Partition, key: &'a [u8], value: Option<&'a [u8]>) -> OutRecord<'a> {
    OutRecord { topic, partition: shard, timestamp: Timestamp::from_millis(1_000), key: Some(key), value, headers: &[] }
}
