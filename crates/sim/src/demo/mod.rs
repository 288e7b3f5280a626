//! The main job on one machine without Kafka: the engine, the rules, the wire format and the store as in production,
//! on the in-memory bus, with a synthetic operator.

mod facts;
mod machine;
mod progress;
mod report;
mod story;
#[cfg(test)]
mod tests;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::time::{Duration, Instant};

use dunning_engine::{Ask, ClockMode, Lane, LaneError, Meters, Mode, PolicyFile, Settings, Start, Turn};
use dunning_rules::{DAY_MS, Policy, Timestamp};
use dunning_store::SledStores;
use dunning_wire::policy::{Loaded, PolicyErrors};
use dunning_wire::schema::embedded_id;
use dunning_wire::state::StateVersion;
use dunning_wire::topic::OutputTopic;

use crate::SimBroker;
use crate::bus::{Bus, Topic};
use crate::operator::{Operator, OperatorEvent, OperatorOptions};
use facts::Facts;
use machine::{Machine, Scratch};
use progress::Progress;
pub use report::{Count, DemoReport};
pub use story::{Story, StoryLine};

/// The policy of the demo.
const POLICY: &str = include_str!("../../../../deploy/policies/consumer.yaml");
/// How long a lane may do nothing while records wait for it.
const STALL: Duration = Duration::from_secs(30);
/// How long a round waits for questions when nothing else is to be done.
const REST: Duration = Duration::from_millis(10);
/// The state topic is compacted every so many days, as a broker would do.
const COMPACT_DAYS: u32 = 10;

/// What the demo is to show.
#[derive(Clone, Debug)]
pub struct DemoOptions {
    /// The operator.
    pub operator: OperatorOptions,
    /// Partitions of each topic.
    pub partitions: u32,
    /// Where the stores are; `None`: in a directory that is deleted at the end.
    pub directory: Option<PathBuf>,
    /// True where the progress bar can be drawn over itself.
    pub is_terminal: bool,
    /// What to type before an account's id, so that the account is explained.
    pub explain: String,
}

impl Default for DemoOptions {
    fn default() -> Self {
        Self {
            operator: OperatorOptions::default(),
            partitions: 4,
            directory: None,
            is_terminal: false,
            explain: "dunning explain".to_owned(),
        }
    }
}

/// Why the demo ends.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// The engine ended.
    #[error("the engine ended")]
    Lane(#[source] LaneError),
    /// The built-in policy cannot be read.
    #[error("the built-in policy cannot be used")]
    Policy(#[source] PolicyErrors),
    /// The engine takes no more records.
    #[error("the engine takes no more records; {0} of {1} were taken")]
    Stalled(u64, u64),
    /// A record that the engine wrote cannot be read.
    #[error("a record of {0} cannot be read back")]
    Unreadable(&'static str),
    /// The progress cannot be shown.
    #[error("the output cannot be written")]
    Output(#[source] std::io::Error),
}

/// The demo, from its first day until it is stopped.
pub struct Demo {
    options: DemoOptions,
    operator: Operator,
    bus: Bus,
    lane: Lane<SimBroker, SledStores, Machine>,
    meters: Arc<Meters>,
    policy: Loaded,
    asks: Sender<Ask>,
    fed: u64,
    /// Deleted last.
    _scratch: Option<Scratch>,
}

impl Demo {
    /// Plans the operator and starts the engine; no day has passed yet.
    ///
    /// # Errors
    /// [`DemoError::Policy`].
    pub fn new(options: DemoOptions) -> Result<Self, DemoError> {
        let policy = dunning_wire::policy::parse("consumer.yaml", POLICY).map_err(DemoError::Policy)?;
        let scratch = options.directory.is_none().then(Scratch::new);
        let directory = match &scratch {
            Some(scratch) => scratch.path(),
            None => options.directory.as_deref().unwrap_or_else(|| Path::new(".")),
        };
        let bus = Bus::new(options.partitions);
        let meters = Arc::new(Meters::default());
        let (asks, asked) = channel();
        let lane = Lane::new(
            SimBroker::new(&bus, "dunning-demo-0"),
            SledStores::new(directory, 256 << 20),
            Machine::new(),
            Arc::new(settings(&policy)),
            Arc::clone(&meters),
            asked,
        );
        let operator = Operator::new(options.operator);
        Ok(Self { options, operator, bus, lane, meters, policy, asks, fed: 0, _scratch: scratch })
    }

    /// Where questions go; they are answered while [`Demo::run`] and [`Demo::serve_until`] run.
    #[must_use]
    pub fn asks(&self) -> Sender<Ask> {
        self.asks.clone()
    }

    /// What the engine counts.
    #[must_use]
    pub fn meters(&self) -> Arc<Meters> {
        Arc::clone(&self.meters)
    }

    /// The policy in force.
    #[must_use]
    pub const fn policy(&self) -> &Policy {
        &self.policy.policy
    }

    /// Lets all days pass and says what came of it. Where `stop` is set meanwhile, the days end early.
    ///
    /// # Errors
    /// [`DemoError`]: what ended the engine, or that nothing can be shown.
    pub fn run(&mut self, out: &mut dyn Write, stop: &AtomicBool) -> Result<DemoReport, DemoError> {
        let OperatorOptions { accounts, days, start, .. } = self.options.operator;
        let began = Instant::now();
        writeln!(
            out,
            "A synthetic operator under the policy {}: {accounts} accounts, {days} virtual days, {} events. There is no \
             Kafka here and no real customer; this is a demonstration and not for production.\n",
            self.policy.policy.label,
            self.operator.len()
        )
        .map_err(DemoError::Output)?;
        let mut progress = Progress::new(out, self.options.is_terminal, days);
        let mut passed = 0;
        let plan = self.operator.clone();
        let mut events = plan.events().peekable();
        for day in 1..=days {
            if stop.load(Ordering::Relaxed) {
                break;
            }
            let end = start.plus(i64::from(day) * DAY_MS);
            while let Some(event) = events.next_if(|e| e.at < end) {
                self.feed(&event);
            }
            self.settle()?;
            if day.is_multiple_of(COMPACT_DAYS) {
                self.bus.compact(Topic::Out(OutputTopic::State));
            }
            passed = day;
            let commands = self.meters.commands.all().iter().map(|(_, n)| n).sum();
            progress.show(day, end.plus(-DAY_MS), self.fed, commands).map_err(DemoError::Output)?;
        }
        progress.finish().map_err(DemoError::Output)?;
        let facts = self.facts()?;
        let last_day = start.plus(i64::from(passed.max(1) - 1) * DAY_MS);
        Ok(report::build(&facts, &self.bus, &self.options, last_day, self.fed, began.elapsed()))
    }

    /// Goes on answering questions until it is told to stop.
    ///
    /// # Errors
    /// [`DemoError::Lane`].
    pub fn serve_until(&mut self, stop: &AtomicBool) -> Result<(), DemoError> {
        while !stop.load(Ordering::Relaxed) {
            if self.lane.turn(REST).map_err(DemoError::Lane)? == Turn::Idle {
                std::thread::sleep(REST);
            }
        }
        Ok(())
    }

    /// Ends the engine as SIGTERM does in production.
    ///
    /// # Errors
    /// [`DemoError::Lane`].
    pub fn stop(self) -> Result<(), DemoError> {
        self.lane.stop().map_err(DemoError::Lane)
    }

    fn feed(&mut self, event: &OperatorEvent) {
        let value = event.embedded_value();
        self.bus.append(event.topic, event.account_id.as_bytes(), Some(&value), event.at);
        self.fed += 1;
    }

    /// Lets the engine work until it has taken everything and has nothing left to do.
    fn settle(&mut self) -> Result<(), DemoError> {
        let mut idle = 0;
        let mut moved = Instant::now();
        let mut last_taken = 0;
        loop {
            let turn = self.lane.turn(Duration::ZERO).map_err(DemoError::Lane)?;
            let taken = self.meters.consumed.iter().map(dunning_engine::Counter::get).sum::<u64>();
            if turn == Turn::Busy || taken != last_taken {
                (idle, moved, last_taken) = (0, Instant::now(), taken);
                continue;
            }
            idle += 1;
            if taken >= self.fed && idle >= 2 {
                return Ok(());
            }
            if moved.elapsed() > STALL {
                return Err(DemoError::Stalled(taken, self.fed));
            }
            if idle > 10 {
                std::thread::sleep(Duration::from_millis(1));
            }
        }
    }

    fn facts(&self) -> Result<Facts, DemoError> {
        Facts::gather(&self.bus)
    }
}

fn settings(loaded: &Loaded) -> Settings {
    let policy = PolicyFile {
        policy: Arc::new(loaded.policy.clone()),
        text: loaded.text.clone(),
        effective_from: loaded.effective_from,
    };
    Settings {
        clock: ClockMode::Stream,
        mode: Mode::Command,
        start: Some(Start::Earliest),
        policy,
        dedupe_horizon_days: None,
        standby: 0,
        schema_ids: OutputTopic::ALL.map(|topic| (topic, embedded_id(topic.contract_name()))).to_vec(),
        state_version: StateVersion::V2,
        generation: 1,
        cluster: "demo".to_owned(),
        state_topic: OutputTopic::State.contract_name().to_owned(),
        batch_records: 2_000,
        batch_age: Duration::from_millis(200),
        flush_every: Duration::from_secs(10),
        erased_within: None,
        flush_bytes: 64 << 20,
        flush_accounts: 5_000,
        live_accounts: 1_000_000,
        queue_records: 10_000,
        record_bytes_max: 1 << 20,
        future_bound: None,
        schema_patience: Duration::from_secs(60),
        bars_per_hour: None,
    }
}

/// The day of an instant, for people.
fn date(at: Timestamp) -> String {
    at.to_string().chars().take(10).collect()
}
