//! A world for the engine: a bus, a disk, a clock, and lanes that can be killed.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use dunning_engine::{Answer, Ask, ClockMode, Lane, LaneError, Meters, Mode, PolicyFile, Settings, Start, Turn};
use dunning_rules::{Input, Timestamp};
use dunning_sim::{Bus, Logged, MemoryStores, SimBroker, SimClock, Topic};
use dunning_wire::command::CommandView;
use dunning_wire::schema::embedded_id;
use dunning_wire::state::{CHECKPOINT_KEY, Checkpoint, StateVersion};
use dunning_wire::state_record::{self, StateRecord};
use dunning_wire::topic::{InputTopic, OutputTopic};
use dunning_wire::{canonical, command, decision, event, frame, policy, state};

pub type SimLane = Lane<SimBroker, MemoryStores, SimClock>;

pub const POLICIES: [&str; 2] = ["reference", "consumer"];
/// Nothing that is tried here takes more rounds.
const ROUNDS_MAX: usize = 5_000;
const COMMANDS: [OutputTopic; 5] = OutputTopic::COMMANDS;

pub struct World {
    pub bus: Bus,
    pub stores: MemoryStores,
    pub clock: SimClock,
    pub meters: Arc<Meters>,
    pub settings: Settings,
    pub lanes: Vec<SimLane>,
    /// Each lane has a disk of its own, by its name; `None`: all share [`World::stores`].
    pub disks: Option<BTreeMap<String, MemoryStores>>,
    names: u32,
    events: u32,
    /// Where questions to the last lane go.
    asks: Option<mpsc::Sender<Ask>>,
}

pub fn read(path: &str) -> String {
    let path = format!("{}/../../{path}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{path}: {e}"))
}

pub fn policy_file(name: &str) -> PolicyFile {
    assert!(POLICIES.contains(&name));
    let text = read(&format!("deploy/policies/{name}.yaml"));
    let loaded = policy::parse(name, &text).expect("a policy");
    PolicyFile { policy: Arc::new(loaded.policy), text, effective_from: None }
}

pub fn settings(clock: ClockMode, policy: PolicyFile) -> Settings {
    Settings {
        clock,
        mode: Mode::Command,
        start: Some(Start::Earliest),
        policy,
        dedupe_horizon_days: None,
        standby: 0,
        schema_ids: OutputTopic::ALL.map(|t| (t, embedded_id(t.contract_name()))).to_vec(),
        state_version: StateVersion::V2,
        generation: 1,
        cluster: "sim".to_owned(),
        state_topic: "dunning.accounts".to_owned(),
        batch_records: 100,
        batch_age: Duration::from_millis(100),
        flush_every: Duration::from_secs(1),
        erased_within: None,
        flush_bytes: 64 << 20,
        flush_accounts: 10,
        live_accounts: 50,
        queue_records: 200,
        record_bytes_max: 100_000,
        future_bound: Some(Duration::from_secs(24 * 3_600)),
        schema_patience: Duration::from_secs(5),
        bars_per_hour: None,
    }
}

impl World {
    pub fn new(partitions: u32, settings: Settings, now: Timestamp) -> Self {
        Self {
            bus: Bus::new(partitions),
            stores: MemoryStores::new(),
            clock: SimClock::new(now),
            meters: Arc::default(),
            settings,
            lanes: Vec::new(),
            disks: None,
            names: 0,
            events: 0,
            asks: None,
        }
    }

    /// A lane under a writer's name of its own, or under a given one: one that was killed comes back.
    pub fn lane(&mut self, writer: Option<&str>) -> &mut SimLane {
        self.names += 1;
        let name = writer.map_or_else(|| format!("w{}", self.names), ToOwned::to_owned);
        let broker = SimBroker::new(&self.bus, &name);
        let settings = Arc::new(self.settings.clone());
        let (sender, asks) = mpsc::channel();
        self.asks = Some(sender);
        let stores = match &mut self.disks {
            Some(disks) => disks.entry(name).or_default().clone(),
            None => self.stores.clone(),
        };
        let lane = Lane::new(broker, stores, self.clock.clone(), settings, Arc::clone(&self.meters), asks);
        self.lanes.push(lane);
        self.lanes.last_mut().expect("a lane")
    }

    /// A round of every lane, in some milliseconds.
    pub fn turn(&mut self) -> Result<bool, LaneError> {
        let mut busy = false;
        for lane in &mut self.lanes {
            busy |= lane.turn(Duration::ZERO)? == Turn::Busy;
        }
        self.clock.advance(Duration::from_millis(7));
        Ok(busy)
    }

    /// Transactions of any outcome.
    pub fn transactions(&self) -> u64 {
        self.meters.transactions.all().iter().map(|(_, count)| count).sum()
    }

    /// The first lane is killed, its machine loses the last batches that were not flushed, and a lane of its name starts.
    pub fn restart(&mut self, loses: usize) {
        self.lanes.remove(0).broker_mut().expel();
        self.stores.crash(loses);
        self.lane(Some("w"));
        self.settle();
    }

    /// What the last lane says of an account.
    pub fn ask(&mut self, account: &str) -> Answer {
        let (reply, answer) = mpsc::sync_channel(1);
        let asked = self.asks.as_ref().expect("a lane").send(Ask { account: account.to_owned(), reply });
        asked.expect("it listens");
        for _ in 0..ROUNDS_MAX {
            self.turn().expect("a round");
            if let Ok(answer) = answer.try_recv() {
                return answer;
            }
        }
        panic!("it does not answer");
    }

    /// Rounds until something is so.
    pub fn until(&mut self, is_so: impl Fn(&Self) -> bool) {
        for _ in 0..ROUNDS_MAX {
            if is_so(self) {
                return;
            }
            self.turn().expect("a round");
        }
        panic!("it never comes to that");
    }

    /// Rounds until nothing has happened for a second.
    pub fn settle(&mut self) {
        let mut quiet = 0;
        for _ in 0..ROUNDS_MAX {
            quiet = if self.turn().expect("a round") { 0 } else { quiet + 1 };
            if quiet > 150 {
                assert_eq!(self.meters.violations.all(), [], "an invariant is violated");
                return;
            }
        }
        panic!("the world does not come to rest");
    }

    /// Appends an event that happens now.
    pub fn happens(&mut self, topic: InputTopic, account: &str, body: dunning_rules::Body<'_>) {
        let at = dunning_engine::Clock::now(&self.clock);
        let bytes = self.bytes(topic, account, at, body);
        self.bus.append(topic, account.as_bytes(), Some(&bytes), at);
    }

    /// A framed event.
    pub fn bytes(&mut self, topic: InputTopic, account: &str, at: Timestamp, body: dunning_rules::Body<'_>) -> Vec<u8> {
        self.events += 1;
        let id = format!("e-{}", self.events);
        let mut bytes = Vec::new();
        frame::put_header(&mut bytes, embedded_id(topic.contract_name()));
        event::encode_input(topic, account, &Input { event_id: &id, occurred_at: at, body }, &mut bytes);
        bytes
    }

    /// Everything commanded, as the canonical dump; no command is there twice.
    pub fn dump(&self) -> String {
        let commands = self.commands();
        let mut ids: Vec<_> = commands.iter().map(|(_, c)| c.command_id.clone()).collect();
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), commands.len(), "a command is there twice");
        canonical::dump(commands.iter().map(|(topic, c)| (*topic, c)))
    }

    pub fn commands(&self) -> Vec<(OutputTopic, CommandView)> {
        let mut commands = Vec::new();
        for topic in COMMANDS {
            for (_, record) in self.bus.read(Topic::Out(topic)) {
                let (_, datum) = frame::split(record.value.as_deref().expect("a value")).expect("a frame");
                commands.push((topic, command::decode(topic, datum).expect("a command")));
            }
        }
        commands
    }

    /// The steps commanded for an account, in sequence.
    pub fn steps(&self, account: &str) -> Vec<String> {
        let mut commands: Vec<_> =
            self.commands().into_iter().map(|(_, c)| c).filter(|c| c.account_id == account).collect();
        commands.sort_by_key(|c| c.sequence);
        assert!(commands.iter().enumerate().all(|(i, c)| c.sequence == i as u64 + 1), "a gap in the sequence");
        commands.into_iter().map(|c| c.step).collect()
    }

    /// What was decided about an account, in codes with details.
    pub fn decided(&self, account: &str) -> Vec<String> {
        let records = self.bus.read(Topic::Out(OutputTopic::Decisions));
        let decoded = records.iter().filter_map(|(_, r)| frame::split(r.value.as_deref()?).ok());
        let decisions = decoded.map(|(_, datum)| decision::decode(datum).expect("a decision"));
        decisions
            .filter(|d| d.account_id == account)
            .map(|d| format!("{} {}", d.code, d.detail).trim().to_owned())
            .collect()
    }

    /// The offsets of an account's records that were not looked at yet, as its last state says.
    pub fn stale(&self, account: &str) -> Vec<i64> {
        let records = self.bus.read(Topic::Out(OutputTopic::State));
        let last = records.iter().rfind(|(_, r)| r.key.as_deref() == Some(account.as_bytes())).expect("a state");
        let (_, datum) = frame::split(last.1.value.as_deref().expect("a value")).expect("a frame");
        let StateRecord::Account { row, .. } = state_record::decode(datum).expect("a record") else {
            panic!("a checkpoint")
        };
        state::decode_row(row).expect("a row").stale.iter().map(|mark| mark.offset).collect()
    }

    /// The last checkpoint of a shard.
    pub fn checkpoint(&self, partition: u32) -> Checkpoint {
        let records = self.bus.read(Topic::Out(OutputTopic::State));
        let of = |(p, r): &&(u32, Logged)| *p == partition && r.key.as_deref() == Some(CHECKPOINT_KEY);
        let (_, last) = records.iter().rfind(of).expect("a checkpoint");
        let (_, datum) = frame::split(last.value.as_deref().expect("a value")).expect("a frame");
        state_record::decode_checkpoint(datum).expect("a checkpoint")
    }

    /// The classes of the dead letters.
    pub fn dead_letters(&self) -> Vec<String> {
        let class = |headers: &[(String, Option<Vec<u8>>)]| {
            let found = headers.iter().find(|(name, _)| name == "dunning.error.class").and_then(|(_, v)| v.clone());
            String::from_utf8(found.expect("a class")).expect("text")
        };
        self.bus.read(Topic::Out(OutputTopic::DeadLetters)).iter().map(|(_, r)| class(&r.headers)).collect()
    }
}
