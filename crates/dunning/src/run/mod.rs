//! `dunning run`: the parts are made, the lanes work on threads of their own, and one loop waits for what ends them.

mod crew;
pub mod policy;
mod supervisor;
mod wait;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use dunning_engine::{Ask, ClockMode, Lane, Meters, Mode, PolicyFile, Settings};
use dunning_store::SledStores;
use dunning_wire::topic::OutputTopic;
use tokio::runtime::{Handle, Runtime};

use crate::clock::WallClock;
use crate::config::{Config, RegistryAddress};
use crate::exit::{Exit, Failure};
use crate::http::{self, Pages, health::Health};
use crate::kafka::{Bus, KafkaBroker};
use crate::registry::{Address, Registry, RegistryError};
use crate::topics::{Cluster, TopicsError};

pub use crew::{Crew, work};
pub use supervisor::{Event, failure, runtime, supervise, watch_signals};
use wait::{Attempt, Waits};

/// Records of a topic that wait in a shard before reading pauses: what comes in a tenth of a second at full speed.
const QUEUE_RECORDS: usize = 10_000;
/// Bytes that wait for a worker's stores before they follow out of turn.
const FLUSH_BYTES: usize = 64 << 20;
/// Accounts that go to a store at once: a fifth of a second at most.
const FLUSH_ACCOUNTS: usize = 5_000;
/// Memory for one shard's store.
const STORE_BYTES: u64 = 64 << 20;

/// A lane as `dunning run` has it.
type KafkaLane = Lane<KafkaBroker, SledStores, WallClock>;

/// Runs until a signal comes or something ends it.
///
/// # Errors
/// What ended it, with its exit code.
pub fn run(config: &Config) -> Result<(), Failure> {
    let (events, happened) = channel();
    run_with(config, &Arc::new(Meters::default()), &events, &happened)
}

/// As [`run`], with the counters and the events given: who gives them can look at the one and send the other.
///
/// # Errors
/// As [`run`].
pub fn run_with(
    config: &Config,
    meters: &Arc<Meters>,
    events: &Sender<Event>,
    happened: &Receiver<Event>,
) -> Result<(), Failure> {
    let policy = policy::load(config)?;
    announce(config, &policy);
    check_directory(&config.state_directory)?;
    let runtime = runtime()?;
    watch_signals(&runtime, events)?;
    let health = Arc::new(Health::new(config.workers));
    let (asks, questions): (Vec<Sender<Ask>>, Vec<Receiver<Ask>>) = (0..config.workers).map(|_| channel()).unzip();
    let pages = Pages {
        meters: Arc::clone(meters),
        health: Arc::clone(&health),
        lanes: asks,
        policy: Arc::clone(&policy.policy),
    };
    serve(config.http_listen, pages, &runtime, events)?;

    let mut waits = Waits::new(happened, &health);
    let Some(prepared) = prepare(config, policy, meters, runtime.handle(), &mut waits)? else {
        tracing::info!("ended before it began");
        return Ok(());
    };
    let prepared = Arc::new(prepared);
    let mut crew = Crew::new(health);
    for (index, questions) in questions.into_iter().enumerate() {
        let (prepared, meters) = (Arc::clone(&prepared), Arc::clone(meters));
        crew.start(events.clone(), move |stop, health| lane(index, &prepared, &meters, questions, stop, health))?;
    }
    watch_topics(config, prepared.bus.partitions, events)?;
    let result = supervise(&crew, happened);
    // Pages that are being written are not worth waiting for.
    runtime.shutdown_background();
    result
}

/// Serves the pages; an event says when that ends.
///
/// # Errors
/// [`Exit::System`] where the port is taken.
pub fn serve(
    listen: std::net::SocketAddr,
    pages: Pages,
    runtime: &Runtime,
    events: &Sender<Event>,
) -> Result<std::net::SocketAddr, Failure> {
    let refused = |e| {
        let text = format!("{listen} cannot be listened on; free it, or set `http.listen` to another");
        Failure::because(Exit::System, text, e)
    };
    let listener = http::bind(listen).map_err(refused)?;
    let address = listener.local_addr().map_err(refused)?;
    tracing::info!(%address, "http listens");
    if !address.ip().is_loopback() {
        tracing::warn!(%address, "account pages ask for no password: see that only operators reach this address");
    }
    serve_on(listener, Arc::new(pages), runtime, events);
    Ok(address)
}

/// As [`serve`], on a port that was taken before.
pub fn serve_on(listener: std::net::TcpListener, pages: Arc<Pages>, runtime: &Runtime, events: &Sender<Event>) {
    let events = events.clone();
    runtime.spawn(async move {
        if let Err(e) = http::serve(listener, pages).await {
            // Nobody listens once the process ends for another reason.
            let _ = events.send(Event::Failed(Failure::because(Exit::System, "HTTP ended", e)));
        }
    });
}

fn announce(config: &Config, policy: &PolicyFile) {
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        rules = dunning_rules::RULES_VERSION,
        instance = config.instance,
        group = config.kafka.group_id,
        workers = config.workers,
        policy = %policy.policy.label,
        "starts"
    );
    if config.clock == ClockMode::Stream {
        tracing::warn!("clock `stream`: records' timestamps drive the clock; not for customers");
    }
    if config.mode == Mode::Shadow {
        tracing::warn!("mode `shadow`: everything is decided, no command is sent");
    }
}

/// The state directory can be made and written.
fn check_directory(path: &Path) -> Result<(), Failure> {
    let probe = path.join(".probe");
    std::fs::create_dir_all(path)
        .and_then(|()| std::fs::write(&probe, b""))
        .and_then(|()| std::fs::remove_file(&probe))
        .map_err(|e| {
            let text = format!("the state directory {} cannot be written; see `state.directory`", path.display());
            Failure::because(Exit::Directory, text, e)
        })
}

/// Looks now and then whether the topics still fit together: a shard is the same partition of every topic, and another
/// number of partitions puts accounts where their state is not.
fn watch_topics(config: &Config, partitions: u32, events: &Sender<Event>) -> Result<(), Failure> {
    let (config, events) = (config.clone(), events.clone());
    let look = move || {
        loop {
            std::thread::sleep(LOOK_AT_TOPICS);
            let failure = match check_topics(&config) {
                Ok(now) if now == partitions => continue,
                // The lanes notice by themselves, and wait.
                Err(Attempt::Again(_)) => continue,
                Ok(now) => {
                    let text = format!("every topic had {partitions} partitions, and now {now}");
                    Failure::new(Exit::Partitions, text)
                }
                Err(Attempt::Failed(failure)) => Failure { exit: Exit::Partitions, ..failure },
            };
            // Nobody listens once the process ends for another reason.
            let _ = events.send(Event::Failed(failure));
            break;
        }
    };
    std::thread::Builder::new()
        .name("topics".to_owned())
        .spawn(look)
        .map(drop)
        .map_err(|e| Failure::because(Exit::System, "a thread cannot be started", e))
}

/// What all lanes share.
#[derive(Debug)]
struct Prepared {
    bus: Bus,
    registry: Arc<Registry>,
    settings: Settings,
    directory: std::path::PathBuf,
}

/// Looks at the bus and the registry, and waits for them where they are away. `None`: told to end meanwhile.
fn prepare(
    config: &Config,
    policy: PolicyFile,
    meters: &Meters,
    runtime: &Handle,
    waits: &mut Waits<'_>,
) -> Result<Option<Prepared>, Failure> {
    let Some(partitions) = waits.until(&meters.broker_waits, || check_topics(config))? else { return Ok(None) };
    tracing::info!(partitions, "topics are there and fit together");
    let registry = registry(config, Some(&config.state_directory), runtime)?;
    let Some(ids) = waits.until(&meters.registry_waits, || register(&registry, config))? else { return Ok(None) };
    tracing::info!(schemas = ids.len(), "schemas of the outputs are registered");
    let bus = Bus {
        bootstrap_servers: config.kafka.bootstrap_servers.clone(),
        group_id: config.kafka.group_id.clone(),
        instance: config.instance.clone(),
        topics: config.topics.clone(),
        partitions,
        properties: config.kafka.properties.clone(),
    };
    let settings = settings(config, policy, ids, partitions);
    Ok(Some(Prepared { bus, registry: Arc::new(registry), settings, directory: config.state_directory.clone() }))
}

/// The client of the registry; nothing is asked yet.
///
/// # Errors
/// [`Exit::Config`] where the settings cannot be used.
pub fn registry(config: &Config, directory: Option<&Path>, runtime: &Handle) -> Result<Registry, Failure> {
    let address = match &config.registry.address {
        RegistryAddress::Embedded => Address::Embedded,
        RegistryAddress::Urls(urls) => Address::Server { urls: urls.clone(), login: config.registry.login.clone() },
    };
    Registry::new(&address, directory, runtime.clone()).map_err(registry_failure)
}

fn check_topics(config: &Config) -> Result<u32, Attempt> {
    let cluster = Cluster { bootstrap_servers: &config.kafka.bootstrap_servers, properties: &config.kafka.properties };
    cluster.check(&config.topics).map_err(|e| match e {
        TopicsError::Away(_) => Attempt::Again(e.to_string()),
        e => Attempt::Failed(topics_failure(e)),
    })
}

/// Why the topics cannot be used, with the code for it.
#[must_use]
pub fn topics_failure(error: TopicsError) -> Failure {
    let exit = match &error {
        TopicsError::Away(_) => Exit::Unreachable,
        TopicsError::Settings(_) => Exit::Config,
        TopicsError::Missing(_) | TopicsError::Unequal(_) | TopicsError::Count => Exit::Topics,
        TopicsError::Refused { .. } => Exit::Refused,
    };
    Failure::because(exit, "the topics cannot be used", error)
}

/// Why the registry cannot be used, with the code for it.
#[must_use]
pub fn registry_failure(error: RegistryError) -> Failure {
    match error {
        RegistryError::Away(_) => Failure::because(Exit::Unreachable, "the schema registry cannot be reached", error),
        RegistryError::Refused { .. } => Failure::because(Exit::Refused, "a schema cannot be registered", error),
        RegistryError::Settings(_) => Failure::because(Exit::Config, "the schema registry cannot be used", error),
    }
}

fn register(registry: &Registry, config: &Config) -> Result<Vec<(OutputTopic, u32)>, Attempt> {
    registry.register(&config.topics).map_err(|e| match e {
        RegistryError::Away(_) => Attempt::Again(e.to_string()),
        e => Attempt::Failed(registry_failure(e)),
    })
}

fn settings(config: &Config, policy: PolicyFile, schema_ids: Vec<(OutputTopic, u32)>, partitions: u32) -> Settings {
    Settings {
        clock: config.clock,
        mode: config.mode,
        start: config.start,
        standby: config.standby,
        policy,
        dedupe_horizon_days: config.dedupe_horizon_days,
        schema_ids,
        // Another number of partitions is another generation.
        state_version: config.state_version,
        generation: partitions,
        // Each lane's broker says it.
        cluster: String::new(),
        state_topic: config.topics.output(OutputTopic::State).to_owned(),
        batch_records: config.batch_records,
        batch_age: config.batch_age,
        flush_every: config.flush_every,
        erased_within: config.erased_within,
        flush_bytes: FLUSH_BYTES,
        flush_accounts: FLUSH_ACCOUNTS,
        live_accounts: (config.live_accounts / config.workers).max(1),
        queue_records: QUEUE_RECORDS,
        record_bytes_max: config.record_bytes,
        future_bound: config.future_bound,
        schema_patience: config.schema_patience,
        bars_per_hour: config.bars_per_hour,
    }
}

/// Makes a lane on its own thread; waits for the broker. `None`: told to end meanwhile.
fn lane(
    index: usize,
    prepared: &Prepared,
    meters: &Arc<Meters>,
    questions: Receiver<Ask>,
    stop: &AtomicBool,
    health: &Health,
) -> Result<Option<KafkaLane>, Failure> {
    let made = wait::on_lane(
        &meters.broker_waits,
        stop,
        || health.turned(index),
        || {
            let broker = KafkaBroker::new(&prepared.bus, index, Arc::clone(&prepared.registry))?;
            // Without it a store cannot be told from another cluster's.
            let away = || wait::retry("asking for the cluster's id", "the broker does not say it");
            let cluster = broker.cluster_id().ok_or_else(away)?;
            Ok((broker, cluster))
        },
    )?;
    let Some((broker, cluster)) = made else { return Ok(None) };
    let settings = Arc::new(Settings { cluster, ..prepared.settings.clone() });
    let stores = SledStores::new(&prepared.directory, STORE_BYTES);
    tracing::info!(lane = index, "worker starts");
    Ok(Some(Lane::new(broker, stores, WallClock::default(), settings, Arc::clone(meters), questions)))
}

/// How often the number of partitions is looked at.
const LOOK_AT_TOPICS: Duration = Duration::from_secs(60);

/// How long is waited before something that was away is tried again.
const TRY_AGAIN: Duration = Duration::from_secs(2);
