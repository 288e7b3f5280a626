//! The demo over a real Kafka: the synthetic operator's events are written to the topics, and `dunning run` does the rest.

use std::io::{IsTerminal as _, Write as _};
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::time::{Duration, Instant};

use dunning_engine::{Counter, Gauge, Meters};
use dunning_sim::{Behaviour, Operator, OperatorEvent, OperatorOptions};
use dunning_wire::topic::{InputTopic, schema_text};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use tokio::runtime::Runtime;

use crate::cli::args;
use crate::config::{Config, RegistryAddress};
use crate::exit::{Exit, Failure};
use crate::run::{self, Event};
use crate::topics::{Cluster, Plan};

/// Partitions of topics that are not there yet.
const PARTITIONS: u32 = 4;
/// Without a transaction for so long, nothing is left to be done.
const QUIET: Duration = Duration::from_secs(2);
/// How long the broker may take for what was written.
const FLUSH: Duration = Duration::from_secs(60);

pub(super) fn run(args: &args::Demo, options: OperatorOptions) -> Result<Exit, Failure> {
    let mut config = super::super::config::load(args.config.as_deref())?.config;
    config.http_listen = args.http.unwrap_or(config.http_listen);
    if config.http_listen.port() == 0 {
        // Chosen here, so that the hints at the end can name it.
        if let Ok(free) = std::net::TcpListener::bind(config.http_listen).and_then(|l| l.local_addr()) {
            config.http_listen = free;
        }
    }
    crate::log::start(&config.log)?;
    let operator = Operator::new(options);
    super::super::print(&format!(
        "A synthetic operator: {} accounts, {} virtual days, {} events, written to {}. No real customer is involved; this \
         is a demonstration and not for production.\n",
        options.accounts,
        options.days,
        operator.len(),
        config.kafka.bootstrap_servers
    ))?;
    let runtime = run::runtime()?;
    make_topics(&config, &runtime)?;
    let ids = register(&config, &runtime)?;
    write(&config, &operator, &ids)?;
    runtime.shutdown_background();

    let meters = Arc::new(Meters::default());
    let (events, happened) = channel();
    let watcher = Watcher {
        meters: Arc::clone(&meters),
        total: operator.len() as u64,
        stories: stories(&operator, options.accounts),
        explain: explain(&config),
        exit: args.exit,
        end: events.clone(),
    };
    std::thread::spawn(move || watcher.watch());
    run::run_with(&config, &meters, &events, &happened)?;
    Ok(Exit::Ok)
}

fn make_topics(config: &Config, runtime: &Runtime) -> Result<(), Failure> {
    let cluster = Cluster { bootstrap_servers: &config.kafka.bootstrap_servers, properties: &config.kafka.properties };
    let mut plan =
        Plan { partitions: Some(PARTITIONS), replication_factor: None, inputs: true, keep: true, broker_time: true };
    // Topics that are there already decide how many partitions there are.
    if cluster.check(&config.topics).is_ok() {
        plan.partitions = None;
    }
    cluster.create(&config.topics, &plan, runtime.handle()).map(drop).map_err(run::topics_failure)
}

/// The schema ids of the inputs, in the order of [`InputTopic::ALL`].
fn register(config: &Config, runtime: &Runtime) -> Result<Vec<u32>, Failure> {
    let RegistryAddress::Urls(urls) = &config.registry.address else {
        return Ok(InputTopic::ALL.map(|t| dunning_wire::schema::embedded_id(t.contract_name())).to_vec());
    };
    let failed = |e: reqwest::Error| {
        Failure::because(Exit::Unreachable, "the schemas of the events cannot be registered; is the registry up?", e)
    };
    let base = urls.first().map_or("", String::as_str);
    runtime.block_on(async {
        let client = reqwest::Client::builder().timeout(Duration::from_secs(10)).build().map_err(failed)?;
        let mut ids = Vec::new();
        for topic in InputTopic::ALL {
            let url = format!("{base}/subjects/{}-value/versions", config.topics.input(topic));
            let body = serde_json::json!({ "schema": schema_text(topic.contract_name()) }).to_string();
            let mut request =
                client.post(url).header("content-type", "application/vnd.schemaregistry.v1+json").body(body);
            if let Some((user, password)) = &config.registry.login {
                request = request.basic_auth(user, Some(password));
            }
            let answer = request.send().await.and_then(reqwest::Response::error_for_status).map_err(failed)?;
            let answer: serde_json::Value =
                serde_json::from_str(&answer.text().await.map_err(failed)?).unwrap_or_default();
            let id = answer.get("id").and_then(serde_json::Value::as_u64).and_then(|id| u32::try_from(id).ok());
            ids.push(id.ok_or_else(|| {
                Failure::new(Exit::Unreachable, "the registry's answer has no id; see `registry.url`")
            })?);
        }
        Ok(ids)
    })
}

/// Writes all events, as the operator's systems do.
fn write(config: &Config, operator: &Operator, ids: &[u32]) -> Result<(), Failure> {
    let failed = |e: KafkaError| Failure::because(Exit::Unreachable, "the events cannot be written", e);
    let producer: BaseProducer = crate::kafka::plain(&config.kafka.bootstrap_servers, &config.kafka.properties)
        .set("partitioner", "murmur2_random")
        .set("enable.idempotence", "true")
        .set("linger.ms", "20")
        .set("compression.type", "lz4")
        .create()
        .map_err(failed)?;
    let began = Instant::now();
    for event in operator.events() {
        let value = event.value(ids.get(event.topic as usize).copied().unwrap_or_default());
        send(&producer, config.topics.input(event.topic), &event, &value).map_err(failed)?;
    }
    producer.flush(FLUSH).map_err(failed)?;
    super::super::print(&format!("{} events written in {:.1} s\n", operator.len(), began.elapsed().as_secs_f64()))?;
    Ok(())
}

fn send(producer: &BaseProducer, topic: &str, event: &OperatorEvent, value: &[u8]) -> Result<(), KafkaError> {
    let mut record = BaseRecord::to(topic).key(event.account_id.as_str()).payload(value).timestamp(event.at.millis());
    loop {
        match producer.send(record) {
            Ok(()) => {
                producer.poll(Duration::ZERO);
                return Ok(());
            }
            // The queue is full: the broker takes a moment.
            Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back)) => {
                record = back;
                producer.poll(Duration::from_millis(50));
            }
            Err((e, _)) => return Err(e),
        }
    }
}

/// What to type before an account's id.
fn explain(config: &Config) -> String {
    super::explain(config.http_listen, &format!("http://{}", config.http_listen))
}

/// Customers worth a look: paid late, disputed, barred.
fn stories(operator: &Operator, accounts: u32) -> Vec<String> {
    let find = |wanted| (0..accounts).find(|n| operator.behaviour(*n) == Some(wanted)).map(Operator::account_id);
    [Behaviour::AfterReminder, Behaviour::Disputes, Behaviour::AfterBar].into_iter().filter_map(find).collect()
}

/// Shows how far the lanes are, and what came of it.
struct Watcher {
    meters: Arc<Meters>,
    total: u64,
    stories: Vec<String>,
    explain: String,
    exit: bool,
    end: Sender<Event>,
}

impl Watcher {
    fn watch(&self) {
        let began = Instant::now();
        let terminal = std::io::stdout().is_terminal();
        let mut seen = (Vec::new(), Instant::now());
        // What was taken counts once it is committed: nothing may have moved for a while.
        while !self.is_done() || seen.1.elapsed() < QUIET {
            let transactions = self.meters.transactions.all();
            if seen.0 != transactions {
                seen = (transactions, Instant::now());
            }
            if terminal {
                let mut out = std::io::stdout().lock();
                // A progress that cannot be shown is no reason to end.
                let _ = write!(out, "\r{} of {} events taken ", self.taken(), self.total).and_then(|()| out.flush());
            }
            std::thread::sleep(Duration::from_millis(250));
        }
        // Without a reader there is nobody to tell.
        let _ = super::super::print(&self.report(seen.1.duration_since(began)));
        if self.exit {
            let _ = self.end.send(Event::Signal("--exit"));
        }
    }

    fn taken(&self) -> u64 {
        self.meters.consumed.iter().map(Counter::get).sum()
    }

    /// Everything is taken and committed. What is aborted is taken again, so it can be more than there are.
    fn is_done(&self) -> bool {
        self.taken() >= self.total && self.meters.lag_records.iter().map(Gauge::get).sum::<i64>() == 0
    }

    fn report(&self, took: Duration) -> String {
        let seconds = took.as_secs_f64();
        let mut text = format!(
            "\r{} events taken and committed in {seconds:.1} s\n\nCommands sent, each exactly once\n",
            self.taken()
        );
        let rows = |words: Vec<(&'static str, u64)>| -> String {
            words.iter().map(|(word, n)| format!("  {:<24}{n:>8}\n", word.replace('_', " "))).collect()
        };
        text += &rows(self.meters.commands.all());
        text += "\nDecisions\n";
        text += &rows(self.meters.decided.all());
        let dead: u64 = self.meters.dead_letters.all().iter().map(|(_, n)| n).sum();
        text += &format!("\n{dead} dead letters. Everything here is synthetic and not for production.\n");
        text += "\nTo see why an account stands where it does:\n";
        for account in &self.stories {
            text += &format!("  {} {account}\n", self.explain);
        }
        if !self.exit {
            text += "\nIt stays, to be asked. Ctrl-C ends it.\n";
        }
        text
    }
}
