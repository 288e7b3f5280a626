//! The engine in a world where lanes come, go and die: what it commands is what it commands in a calm one.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Duration;

use dunning_engine::{ClockMode, Lane, Meters, Mode, PolicyFile, Settings, Start, Turn};
use dunning_sim::{Bus, MemoryStores, Operator, OperatorOptions, Random, SimBroker, SimClock, Topic};
use dunning_wire::command::{CommandView, decode};
use dunning_wire::frame::split;
use dunning_wire::schema::embedded_id;
use dunning_wire::state::StateVersion;
use dunning_wire::topic::{InputTopic, OutputTopic};

const POLICY: &str = include_str!("../../../deploy/policies/consumer.yaml");
const PARTITIONS: u32 = 3;

struct World {
    bus: Bus,
    /// Each lane has a machine of its own, whose disk outlives it.
    disks: BTreeMap<u64, MemoryStores>,
    clock: SimClock,
    meters: Arc<Meters>,
    settings: Arc<Settings>,
    lanes: BTreeMap<u64, Lane<SimBroker, MemoryStores, SimClock>>,
}

impl World {
    fn new(start: dunning_rules::Timestamp) -> Self {
        Self {
            bus: Bus::new(PARTITIONS),
            disks: BTreeMap::new(),
            clock: SimClock::new(start),
            meters: Arc::new(Meters::default()),
            settings: Arc::new(settings()),
            lanes: BTreeMap::new(),
        }
    }

    fn start(&mut self, slot: u64) {
        // Nobody asks.
        let (_, asked) = channel();
        let broker = SimBroker::new(&self.bus, &format!("lane-{slot}"));
        let (stores, clock) = (self.disks.entry(slot).or_default().clone(), self.clock.clone());
        let lane = Lane::new(broker, stores, clock, self.settings.clone(), self.meters.clone(), asked);
        self.lanes.insert(slot, lane);
    }

    /// The lane is gone between two statements; its last transaction may be open.
    fn kill(&mut self, slot: u64) {
        if let Some(mut lane) = self.lanes.remove(&slot) {
            lane.broker_mut().expel();
        }
    }

    /// The machine under a lane stops; the disk loses its last batches.
    fn crash(&mut self, slot: u64, lost: usize) {
        if let Some(disk) = self.disks.get(&slot) {
            disk.crash(lost);
        }
        self.kill(slot);
    }

    /// The group takes a lane for dead that only hangs: it goes on, and learns it later.
    fn hang(&mut self, slot: u64) {
        if let Some(lane) = self.lanes.get_mut(&slot) {
            lane.broker_mut().expel();
        }
    }

    fn stop(&mut self, slot: u64) {
        if let Some(lane) = self.lanes.remove(&slot) {
            lane.stop().expect("stopped");
        }
    }

    /// One round of every lane; true where one had something to do.
    fn turn(&mut self) -> bool {
        let mut busy = false;
        for lane in self.lanes.values_mut() {
            busy |= lane.turn(Duration::ZERO).expect("the lane goes on") == Turn::Busy;
        }
        self.clock.advance(Duration::from_millis(if busy { 3 } else { 100 }));
        busy
    }

    fn settle(&mut self) {
        let mut idle = 0;
        for _ in 0..20_000 {
            idle = if self.turn() { 0 } else { idle + 1 };
            // Long enough for a lane to wait out a dead writer's transaction.
            if idle > 60 {
                return self.check_offsets();
            }
        }
        panic!("the world does not come to rest");
    }

    /// Everything that lies on the bus was taken.
    fn check_offsets(&self) {
        for topic in [InputTopic::Bills, InputTopic::Payments, InputTopic::Disputes, InputTopic::Accounts] {
            for shard in 0..PARTITIONS {
                let end = self.bus.each(Topic::In(topic), shard, 0, |_| {});
                assert_eq!(self.bus.committed(topic, shard), Some(end), "{topic:?} {shard}");
            }
        }
    }

    /// Every command, by account and sequence.
    fn commands(&self) -> Vec<CommandView> {
        let mut commands = Vec::new();
        for topic in OutputTopic::COMMANDS {
            for (_, record) in self.bus.read(Topic::Out(topic)) {
                let (_, datum) = split(record.value.as_deref().expect("a value")).expect("framed");
                commands.push(decode(topic, datum).expect("a command"));
            }
        }
        commands.sort_by(|a, b| (&a.account_id, a.sequence).cmp(&(&b.account_id, b.sequence)));
        commands
    }
}

fn settings() -> Settings {
    let loaded = dunning_wire::policy::parse("consumer.yaml", POLICY).expect("a policy");
    Settings {
        clock: ClockMode::Stream,
        mode: Mode::Command,
        start: Some(Start::Earliest),
        policy: PolicyFile { policy: Arc::new(loaded.policy), text: loaded.text, effective_from: None },
        dedupe_horizon_days: None,
        standby: 0,
        schema_ids: OutputTopic::ALL.map(|topic| (topic, embedded_id(topic.contract_name()))).to_vec(),
        state_version: StateVersion::V2,
        generation: 1,
        cluster: "sim".to_owned(),
        state_topic: "dunning.accounts".to_owned(),
        // Small, so that batches, stores, queues and memory all meet their bounds.
        batch_records: 20,
        batch_age: Duration::from_millis(50),
        flush_every: Duration::from_millis(40),
        erased_within: None,
        flush_bytes: 20_000,
        flush_accounts: 10,
        live_accounts: 20,
        queue_records: 50,
        record_bytes_max: 1 << 20,
        future_bound: None,
        schema_patience: Duration::from_secs(60),
        bars_per_hour: None,
    }
}

fn operator(seed: u64) -> (Operator, OperatorOptions) {
    let options = OperatorOptions { accounts: 100, days: 80, seed, ..OperatorOptions::default() };
    (Operator::new(options), options)
}

/// Feeds an operator's events in pieces; what happens after each piece is up to `happen`.
fn live(world: &mut World, operator: &Operator, random: &mut Random, mut happen: impl FnMut(&mut World, &mut Random)) {
    let mut events = operator.events().peekable();
    while events.peek().is_some() {
        for event in events.by_ref().take(usize::try_from(random.between(1, 20)).expect("small")) {
            let value = event.embedded_value();
            world.bus.append(event.topic, event.account_id.as_bytes(), Some(&value), event.at);
        }
        happen(world, random);
    }
}

fn calm(seed: u64) -> Vec<CommandView> {
    let (operator, options) = operator(seed);
    let mut world = World::new(options.start);
    world.start(0);
    live(&mut world, &operator, &mut Random::new(0, 0), |_, _| {});
    world.settle();
    assert_eq!(world.meters.dead_letters.all(), []);
    world.commands()
}

fn same(calm: &[CommandView], other: &[CommandView], seed: u64) {
    for (one, two) in calm.iter().zip(other) {
        assert_eq!(one, two, "seed {seed}");
    }
    assert_eq!(calm.len(), other.len(), "seed {seed}");
}

#[test]
fn lanes_that_come_go_and_die_command_what_a_calm_one_does() {
    for seed in 0..6 {
        let (operator, options) = operator(seed);
        let mut world = World::new(options.start);
        let mut random = Random::new(seed, 77);
        live(&mut world, &operator, &mut random, |world, random| {
            let slot = random.number() % 3;
            match random.between(0, 29) {
                0 => world.kill(slot),
                1 => world.stop(slot),
                2..=8 if !world.lanes.contains_key(&slot) => world.start(slot),
                9 => world.crash(slot, usize::try_from(random.between(0, 5)).expect("small")),
                10 => world.hang(slot),
                11 => world.bus.compact(Topic::Out(OutputTopic::State)),
                _ => {}
            }
            for _ in 0..random.between(0, 8) {
                world.turn();
            }
        });
        for slot in (0..3).filter(|slot| !world.lanes.contains_key(slot)) {
            world.bus.time_out(&format!("lane-{slot}"));
        }
        world.start(5);
        world.settle();
        let expected = calm(seed);
        assert!(expected.len() > 20, "seed {seed}: too few commands to show anything");
        assert!(world.meters.restored.get() > 100, "nothing was restored: too calm a storm");
        same(&expected, &world.commands(), seed);
    }
}

#[test]
fn a_disk_that_lost_everything_is_rebuilt_from_the_bus() {
    let (operator, options) = operator(11);
    let mut world = World::new(options.start);
    world.start(0);
    let mut round = 0;
    live(&mut world, &operator, &mut Random::new(1, 1), |world, _| {
        round += 1;
        if round % 25 == 0 {
            world.kill(0);
            world.disks.clear();
            world.start(0);
        }
        world.turn();
    });
    world.settle();
    same(&calm(11), &world.commands(), 11);
}

#[test]
fn payments_that_are_seen_late_leave_nobody_barred_who_would_not_be() {
    let (operator, options) = operator(12);
    let mut world = World::new(options.start);
    world.start(0);
    let upstream = world.bus.begin();
    let half = options.start.plus(40 * dunning_rules::DAY_MS);
    let mut ended = false;
    for event in operator.events() {
        if event.at > half && !ended {
            world.settle();
            world.bus.end(upstream, true);
            ended = true;
        }
        let key = event.account_id.as_bytes();
        let shard = dunning_sim::murmur2::partition(key, PARTITIONS);
        let within = (event.topic == InputTopic::Payments && !ended).then_some(upstream);
        let value = event.embedded_value();
        world.bus.append_to(Topic::In(event.topic), shard, Some(key), Some(&value), event.at, within);
    }
    world.settle();
    let expected = calm(12);
    assert!(!expected.is_empty());
    // Under `stream` a topic that says its end lets the others go on, so payments that are seen late can come after a
    // notice; what must hold is that nobody is left barred who would not be.
    let left = |commands: &[CommandView]| -> BTreeMap<String, String> {
        let last = commands.iter().map(|c| (c.account_id.clone(), c.step.clone()));
        last.filter(|(_, step)| step.starts_with("bar")).collect()
    };
    let barred = left(&world.commands());
    let would = left(&expected);
    assert!(barred.keys().all(|account| would.contains_key(account)), "{barred:?} against {would:?}");
}
