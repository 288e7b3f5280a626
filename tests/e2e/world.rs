//! A test's own topics, group, folder and configuration on a bus.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use dunning::topics::{Cluster, Plan};
use dunning_wire::frame;
use dunning_wire::schema::embedded_id;
use dunning_wire::topic::{InputTopic, OutputTopic, TopicNames, schema_text};
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewPartitions};
use rdkafka::client::DefaultClientContext;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::bus::{Bus, project};

/// What a test says of its world; the rest is the same for all.
pub struct Plot<'a> {
    pub bus: Bus,
    pub partitions: u32,
    /// False: the embedded one.
    pub registry: bool,
    pub policy: &'a str,
    /// More of the configuration, as YAML.
    pub more: &'a str,
    /// True: the state topic bears the broker's time. A test that makes its own time up would be in doubt about its clock.
    pub broker_time: bool,
}

impl Default for Plot<'_> {
    fn default() -> Self {
        Self {
            bus: Bus::shared(),
            partitions: 1,
            registry: false,
            policy: "deploy/policies/consumer.yaml",
            more: "clock: stream\n",
            broker_time: true,
        }
    }
}

pub struct World {
    pub bus: Bus,
    pub topics: TopicNames,
    pub group: String,
    pub partitions: u32,
    broker_time: bool,
    folder: TempDir,
    ids: BTreeMap<InputTopic, u32>,
    runtime: Runtime,
}

/// A record for an input topic.
#[derive(Clone, Debug)]
pub struct Record {
    pub topic: InputTopic,
    pub partition: u32,
    /// Milliseconds since 1970.
    pub timestamp: i64,
    pub key: Option<Vec<u8>>,
    /// `None`: a tombstone.
    pub value: Option<Vec<u8>>,
    pub headers: Vec<(&'static str, Vec<u8>)>,
}

impl World {
    pub fn new(plot: &Plot<'_>) -> Self {
        let world = Self::without_topics(plot);
        world.create(&world.topics, plot.partitions);
        world
    }

    pub fn without_topics(plot: &Plot<'_>) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let nanos = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970").as_nanos();
        let name = format!("e2e-{nanos}-{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let mut topics = TopicNames::default();
        for contract in contract_names() {
            topics.set(contract, &format!("{name}.{contract}"));
        }
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let mut world = Self {
            bus: plot.bus.clone(),
            topics,
            group: format!("{name}-group"),
            partitions: plot.partitions,
            broker_time: plot.broker_time,
            folder: tempfile::Builder::new().prefix("dunning-e2e-").tempdir().expect("a folder"),
            ids: BTreeMap::new(),
            runtime: runtime.expect("a runtime"),
        };
        world.ids = InputTopic::ALL.into_iter().map(|t| (t, world.schema_id(t, plot.registry))).collect();
        std::fs::write(world.config_file(), world.config(plot)).expect("a configuration");
        world
    }

    fn config(&self, plot: &Plot<'_>) -> String {
        let registry = if plot.registry { self.bus.registry.as_str() } else { "embedded" };
        let mut text = format!(
            "kafka:\n  bootstrap_servers: {}\n  group_id: {}\n  properties: {{ session.timeout.ms: \"6000\" }}\n\
             registry: {{ url: \"{registry}\" }}\npolicy: {{ file: \"{}\" }}\nhttp: {{ listen: \"127.0.0.1:0\" }}\n",
            self.bus.bootstrap,
            self.group,
            project(plot.policy).display(),
        );
        text.push_str("topics:\n");
        for contract in contract_names() {
            let _ = writeln!(text, "  {contract}: {}", self.name_of(contract));
        }
        text.push_str(plot.more);
        text
    }

    fn name_of(&self, contract: &str) -> &str {
        let input = InputTopic::ALL.into_iter().find(|t| t.contract_name() == contract);
        let output = OutputTopic::ALL.into_iter().find(|t| t.contract_name() == contract);
        let input = input.map(|t| self.topics.input(t));
        input.or_else(|| output.map(|t| self.topics.output(t))).expect("a topic of the contract")
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn config_file(&self) -> PathBuf {
        self.folder().join("dunning.yaml")
    }

    pub fn state_of(&self, instance: &str) -> PathBuf {
        self.folder().join(format!("state-{instance}"))
    }

    /// Makes those of the topics that are missing.
    pub fn create(&self, names: &TopicNames, partitions: u32) {
        let properties = BTreeMap::new();
        let cluster = Cluster { bootstrap_servers: &self.bus.bootstrap, properties: &properties };
        let (partitions, broker_time) = (Some(partitions), self.broker_time);
        let plan = Plan { partitions, replication_factor: Some(1), inputs: true, keep: true, broker_time };
        cluster.create(names, &plan, self.runtime.handle()).expect("topics");
    }

    /// Adds partitions to topics, up to so many.
    pub fn grow(&self, topics: &[&str], partitions: usize) {
        let admin: AdminClient<DefaultClientContext> = self.client().create().expect("a client");
        let topics: Vec<_> = topics.iter().map(|topic| NewPartitions::new(topic, partitions)).collect();
        let grown = self.runtime.block_on(admin.create_partitions(&topics, &AdminOptions::new())).expect("an answer");
        assert!(grown.iter().all(Result::is_ok), "{grown:?}");
    }

    /// The id under which an input's records are written.
    fn schema_id(&self, topic: InputTopic, registry: bool) -> u32 {
        if !registry {
            return embedded_id(topic.contract_name());
        }
        let schema = schema_text(topic.contract_name()).expect("every input has a schema");
        let url = format!("{}/subjects/{}-value/versions", self.bus.registry, self.topics.input(topic));
        let post = async {
            let client = reqwest::Client::builder().no_proxy().build()?;
            let request = client.post(url).json(&serde_json::json!({ "schema": schema }));
            request.send().await?.error_for_status()?.json::<serde_json::Value>().await
        };
        // The registry of the test bus answers 500 where two want to store the same text at once.
        static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
        let alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        let answer = self.runtime.block_on(post).expect("the registry takes a schema");
        drop(alone);
        u32::try_from(answer["id"].as_u64().expect("an id")).expect("an id of four bytes")
    }

    /// A datum in the wire format.
    pub fn framed(&self, topic: InputTopic, datum: &[u8]) -> Vec<u8> {
        let mut value = Vec::new();
        frame::put_header(&mut value, self.ids[&topic]);
        value.extend_from_slice(datum);
        value
    }

    pub fn client(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &self.bus.bootstrap);
        config
    }

    /// Writes records; when it returns, the broker has them.
    pub fn write(&self, records: &[Record]) {
        send(&self.producer(None), self, records);
    }

    /// A producer; with a transactional id, one that has begun a transaction.
    pub fn producer(&self, transactional: Option<&str>) -> BaseProducer {
        let mut config = self.client();
        config.set("linger.ms", "1").set("message.max.bytes", "4000000");
        if let Some(id) = transactional {
            config.set("transactional.id", id).set("transaction.timeout.ms", "60000");
        }
        let producer: BaseProducer = config.create().expect("a producer");
        if transactional.is_some() {
            producer.init_transactions(Duration::from_secs(20)).expect("init");
            producer.begin_transaction().expect("begin");
        }
        producer
    }
}

/// Every topic of the contract, each once.
fn contract_names() -> Vec<&'static str> {
    let outputs = OutputTopic::ALL.into_iter().filter(|t| *t != OutputTopic::Control).map(OutputTopic::contract_name);
    InputTopic::ALL.map(InputTopic::contract_name).into_iter().chain(outputs).collect()
}

/// Sends records, in order, and waits until the broker has them.
pub fn send(producer: &BaseProducer, world: &World, records: &[Record]) {
    for record in records {
        let partition = i32::try_from(record.partition).expect("a partition");
        let mut out = BaseRecord::<[u8], [u8]>::to(world.topics.input(record.topic));
        out = out.partition(partition).timestamp(record.timestamp);
        if let Some(key) = &record.key {
            out = out.key(key);
        }
        if let Some(value) = &record.value {
            out = out.payload(value);
        }
        if !record.headers.is_empty() {
            let headers = record.headers.iter();
            out = out.headers(
                headers.fold(OwnedHeaders::new(), |all, (key, value)| all.insert(Header { key, value: Some(value) })),
            );
        }
        while let Err((error, back)) = producer.send(out) {
            assert!(error.rdkafka_error_code() == Some(rdkafka::types::RDKafkaErrorCode::QueueFull), "{error}");
            producer.poll(Duration::from_millis(10));
            out = back;
        }
    }
    producer.flush(Duration::from_secs(30)).expect("the broker takes the records");
}
