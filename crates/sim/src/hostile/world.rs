//! A world in which everything fails: lanes, their disks, the clock, the group, the broker, the registry.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use dunning_engine::{Clock, ClockMode, Lane, LaneError, Meters, Partition, Settings, Turn};
use dunning_rules::{DAY_MS, Day, GateAnswer, Hold, Zone};
use dunning_wire::state::StateVersion;
use dunning_wire::topic::{InputTopic, OutputTopic};

use super::broker::HostileBroker;
use super::faults::Faults;
use super::fold::{Fold, book};
use super::tape::{Entry, Kind, Tape};
use super::upstream::Upstream;
use super::{NextPolicy, Policies, Tally, check};
use crate::{Bus, MemoryStores, Random, SimClock, Topic};

type HostileLane = Lane<HostileBroker, MemoryStores, SimClock>;

/// Machines, each with a disk of its own and at most one lane.
const MACHINES: usize = 3;
/// Ticks after which a group gives up a member that it does not hear of.
const SESSION: u32 = 3;

/// A machine.
struct Machine {
    name: String,
    disk: MemoryStores,
    lane: Option<HostileLane>,
    /// The lane does nothing for so many ticks: it was stopped.
    stopped: u32,
    /// Dead lanes that the group still counts, with the ticks that are left.
    ghosts: Vec<(HostileLane, u32)>,
}

/// A world.
pub(super) struct World {
    pub(super) random: Random,
    pub(super) settings: Arc<Settings>,
    meters: Arc<Meters>,
    pub(super) bus: Bus,
    pub(super) clock: SimClock,
    pub(super) tape: Rc<RefCell<Tape>>,
    pub(super) faults: Rc<RefCell<Faults>>,
    pub(super) upstream: Upstream,
    machines: Vec<Machine>,
    /// Of a thousand troubles, so many come.
    trouble: u64,
    /// The longest time that passes in a tick, in days.
    pace: i64,
    /// How far the wall clock is off, in milliseconds.
    jump: i64,
    /// What a person does about dead letters: how many of each shard were looked at.
    pub(super) looked: Vec<usize>,
    /// Another version of the policy, and the tick in which it is published.
    pub(super) next_policy: Option<(i64, NextPolicy)>,
    trace: bool,
    tally: Tally,
}

impl World {
    pub(super) fn new(seed: u64, policies: &Policies, trace: bool) -> Self {
        let mut random = Random::new(seed, 0);
        let stream = random.chance(400);
        let partitions = random.pick(&[1, 1, 2, 3]);
        let settings = Arc::new(policies.settings(seed, &mut random, stream));
        let now = Zone::UTC.start_of_day(Day::from_epoch(20_000));
        let bus = Bus::new(partitions);
        let machines = (0..MACHINES).map(|i| Machine {
            name: format!("w{i}"),
            disk: MemoryStores::new(),
            lane: None,
            stopped: 0,
            ghosts: Vec::new(),
        });
        let mut world = Self {
            upstream: Upstream::new(&bus, Random::new(seed, 1), stream),
            faults: Rc::new(RefCell::new(Faults::new(Random::new(seed, 2), stream))),
            tape: Rc::new(RefCell::new(Tape::new(partitions))),
            clock: SimClock::new(now),
            meters: Arc::default(),
            machines: machines.collect(),
            trouble: random.pick(&[200, 600, 1_000]),
            pace: random.pick(&[1, 3, 9]),
            jump: 0,
            looked: vec![0; partitions as usize],
            next_policy: if stream { None } else { policies.next(seed) },
            trace,
            tally: Tally::default(),
            random,
            settings,
            bus,
        };
        world.populate();
        world
    }

    pub(super) fn is_stream(&self) -> bool {
        self.settings.clock == ClockMode::Stream
    }

    pub(super) fn say(&self, what: impl FnOnce() -> String) {
        if self.trace {
            println!("{} {}", self.clock.now(), what());
        }
    }

    /// Under `stream` all that ever happens is there before anything runs: the answer is one, whatever fails.
    fn populate(&mut self) {
        let mut at = self.clock.now();
        let tape = Rc::clone(&self.tape);
        let mut tape = tape.borrow_mut();
        self.upstream.begin(&mut tape, at);
        if self.is_stream() {
            for _ in 0..self.random.between(10, 50) {
                // Some things happen at the same instant, some at the instant of a deadline: midnight, UTC.
                at = match self.random.between(0, 3) {
                    0 => at,
                    1 => Zone::UTC.start_of_day(Zone::UTC.day_of(at).plus(1)),
                    _ => at.plus(self.random.between(1, 3 * DAY_MS)),
                };
                self.upstream.something(&mut tape, at);
            }
        }
    }

    /// Runs the world to its end and judges it.
    pub(super) fn run(mut self) -> Result<Tally, String> {
        self.start(0);
        if !self.is_stream() && self.random.chance(500) {
            self.calm()?;
        }
        for tick in 0..self.random.between(20, 60) {
            self.publish(tick);
            self.tick()?;
        }
        self.heal()?;
        self.judge()?;
        self.tally.faults.clone_from(&self.faults.borrow().counts);
        Ok(self.tally)
    }

    /// Some weeks without a fault: whoever owes is warned, and the bar is near when the trouble begins.
    fn calm(&mut self) -> Result<(), String> {
        self.faults.borrow_mut().on = false;
        for _ in 0..self.random.between(26, 34) {
            self.clock.advance(Duration::from_millis(DAY_MS.unsigned_abs()));
            for _ in 0..4 {
                self.turn(0)?;
                self.clock.advance(Duration::from_millis(200));
            }
        }
        self.faults.borrow_mut().on = true;
        Ok(())
    }

    fn tick(&mut self) -> Result<(), String> {
        let ms = match self.random.between(0, 9) {
            0..=4 => self.random.between(1, 2_000),
            5..=6 => self.random.between(1, 3_600_000),
            _ => self.random.between(1, self.pace * DAY_MS),
        };
        self.clock.advance(Duration::from_millis(ms.unsigned_abs()));
        if !self.is_stream() {
            for _ in 0..self.random.between(0, 2) {
                let now = self.clock.now();
                self.upstream.something(&mut self.tape.borrow_mut(), now);
            }
        }
        for _ in 0..self.random.between(0, 2) {
            if self.random.chance(self.trouble) {
                self.trouble()?;
            }
        }
        self.look_at_dead_letters();
        self.turn_all()?;
        self.haunt();
        Ok(())
    }

    fn machine(&mut self) -> usize {
        self.random.between(0, MACHINES as i64 - 1) as usize
    }

    /// Something goes wrong, or right again.
    fn trouble(&mut self) -> Result<(), String> {
        let machine = self.machine();
        match self.random.between(0, 19) {
            0..=2 => self.start(machine),
            3 => self.stop(machine)?,
            4 | 5 => self.kill(machine)?,
            6 => self.machines[machine].stopped = u32::try_from(self.random.between(1, 8)).unwrap_or(1),
            7 => {
                self.kill(machine)?;
                self.machines[machine].disk = MemoryStores::new();
                self.faults.borrow_mut().count("disk lost");
            }
            8 => self.damage(machine),
            9 => self.compact(),
            10 => {
                self.bus.forget_offsets();
                self.faults.borrow_mut().count("offsets expired");
            }
            11 => {
                let away = self.random.chance(500);
                self.bus.set_registry_away(away);
            }
            12 | 18 | 19 if !self.is_stream() => {
                let now = self.clock.now();
                self.upstream.toggle(&mut self.tape.borrow_mut(), now);
                self.faults.borrow_mut().count("transaction upstream opened or ended");
            }
            13 if !self.is_stream() => self.jump_clock(),
            14 | 15 => {
                let lag = self.random.chance(500);
                self.bus.set_marks_lag(lag);
                self.faults.borrow_mut().count("end of transactions delayed or not");
            }
            16 => self.twin(machine),
            17 if self.settings.bars_per_hour.is_some() => self.release_bars(),
            _ => {}
        }
        Ok(())
    }

    /// A process starts on a machine where none runs.
    fn start(&mut self, machine: usize) {
        if self.machines[machine].lane.is_none() {
            let name = self.machines[machine].name.clone();
            self.start_as(machine, &name);
        }
    }

    fn start_as(&mut self, machine: usize, name: &str) {
        self.say(|| format!("machine {machine} starts as {name}"));
        let broker = HostileBroker::new(&self.bus, name, &self.faults, &self.tape);
        // Nobody asks these lanes anything.
        let (_, asks) = mpsc::channel();
        let (disk, clock) = (self.machines[machine].disk.clone(), self.clock.clone());
        // Each start may be an upgrade or a rollback.
        let settings = Settings { state_version: self.random.pick(&StateVersion::ALL), ..(*self.settings).clone() };
        let lane = Lane::new(broker, disk, clock, Arc::new(settings), Arc::clone(&self.meters), asks);
        self.machines[machine].lane = Some(lane);
        self.machines[machine].stopped = 0;
    }

    /// A second program under the name of one that runs: the first is fenced.
    fn twin(&mut self, machine: usize) {
        let other = (machine + 1) % MACHINES;
        if self.machines[machine].lane.is_some() && self.machines[other].lane.is_none() {
            let name = self.machines[machine].name.clone();
            self.start_as(other, &name);
            self.faults.borrow_mut().count("second program under one name");
        }
    }

    fn stop(&mut self, machine: usize) -> Result<(), String> {
        let Some(lane) = self.machines[machine].lane.take() else { return Ok(()) };
        self.say(|| format!("machine {machine} stops in order"));
        let ended = lane.stop();
        self.check_disk(machine)?;
        match ended {
            // Whatever it was, a lane that ends in disorder is like one that is killed; only what it left counts.
            Ok(()) | Err(LaneError::Broker(_) | LaneError::Fenced(_)) => Ok(()),
            Err(other) => Err(format!("a clean stop ends with {other}")),
        }
    }

    /// A process is killed; its machine may stop with it and lose what no flush has put on the disk.
    fn kill(&mut self, machine: usize) -> Result<(), String> {
        let Some(mut lane) = self.machines[machine].lane.take() else { return Ok(()) };
        lane.broker_mut().kill();
        let lost = match self.random.between(0, 3) {
            0 => usize::MAX,
            1 => 1,
            _ => 0,
        };
        self.say(|| format!("machine {machine} is killed, {lost} batches of its disk are lost"));
        self.machines[machine].disk.crash(lost);
        let ticks = u32::try_from(self.random.between(0, i64::from(SESSION))).unwrap_or(0);
        self.machines[machine].ghosts.push((lane, ticks));
        self.faults.borrow_mut().count("killed");
        self.check_disk(machine)
    }

    fn check_disk(&self, machine: usize) -> Result<(), String> {
        let tape = self.tape.borrow();
        let shards = (0..).zip(&tape.shards);
        shards.into_iter().try_for_each(|(shard, history)| check::disk(&self.machines[machine].disk, shard, history))
    }

    /// The group gives up members that it did not hear of for too long.
    fn haunt(&mut self) {
        for machine in &mut self.machines {
            for (_, ticks) in &mut machine.ghosts {
                *ticks = ticks.saturating_sub(1);
            }
            machine.ghosts.retain(|(_, ticks)| *ticks > 0);
            if machine.stopped > 0 {
                machine.stopped -= 1;
                if machine.stopped == SESSION
                    && let Some(lane) = &mut machine.lane
                {
                    lane.broker_mut().expel();
                }
            }
        }
    }

    /// A row of a disk is damaged while nothing runs on it.
    fn damage(&mut self, machine: usize) {
        if self.machines[machine].lane.is_none() {
            let shard = self.random.between(0, i64::from(self.bus.partitions()) - 1);
            self.machines[machine].disk.damage(check::GENERATION, Partition::try_from(shard).unwrap_or(0));
            self.faults.borrow_mut().count("disk damaged");
        }
    }

    fn compact(&mut self) {
        self.bus.compact(Topic::Out(OutputTopic::State));
        for shard in 0..self.bus.partitions() {
            for topic in InputTopic::ALL {
                // Retention deletes what was read long ago; some of it at least.
                let before = self.bus.committed(topic, shard).unwrap_or(0);
                let read = self.tape.borrow().shards[shard as usize]
                    .checkpoints
                    .last()
                    .map_or(0, |c| c.positions.iter().find(|(t, _)| *t == topic).map_or(0, |(_, next)| *next));
                if !matches!(topic, InputTopic::Accounts | InputTopic::Control) {
                    self.bus.trim(Topic::In(topic), shard, before.min(read));
                }
            }
        }
        self.faults.borrow_mut().count("compacted and trimmed");
    }

    fn jump_clock(&mut self) {
        const HOUR: i64 = 3_600_000;
        let now = self.clock.now().plus(-self.jump);
        self.jump = if self.jump == 0 { self.random.pick(&[-HOUR, HOUR]) } else { 0 };
        self.clock.set_wall(now.plus(self.jump));
        self.clock.set_doubtful(self.jump != 0);
        self.tape.borrow_mut().doubtful = self.jump != 0;
        self.faults.borrow_mut().count("clock jumped an hour");
    }

    /// Every lane that is not stopped has some rounds; true where one had something to do.
    fn turn_all(&mut self) -> Result<bool, String> {
        let mut busy = false;
        for machine in 0..MACHINES {
            for _ in 0..self.random.between(1, 4) {
                busy |= self.turn(machine)?;
                self.clock.advance(Duration::from_millis(5));
            }
        }
        Ok(busy)
    }

    fn turn(&mut self, machine: usize) -> Result<bool, String> {
        let of = &mut self.machines[machine];
        let Some(lane) = of.lane.as_mut().filter(|_| of.stopped == 0) else { return Ok(false) };
        self.tally.rounds += 1;
        let ended = match lane.turn(Duration::ZERO) {
            Ok(turn) => return Ok(turn == Turn::Busy),
            Err(ended) => ended,
        };
        let dead = lane.broker_mut().is_dead();
        self.say(|| format!("machine {machine}: the lane ends: {ended}"));
        match ended {
            _ if dead => {}
            LaneError::Fenced(_) => self.tally.fenced += 1,
            other => return Err(format!("a lane ends with: {other}")),
        }
        self.kill(machine)?;
        Ok(true)
    }

    /// All faults end; what is left to do is done.
    fn heal(&mut self) -> Result<(), String> {
        self.say(|| "the world heals".to_owned());
        self.faults.borrow_mut().on = false;
        self.upstream.close();
        self.bus.set_registry_away(false);
        self.bus.set_marks_lag(false);
        if self.jump != 0 {
            self.jump_clock();
        }
        for machine in &mut self.machines {
            machine.stopped = 0;
            machine.ghosts.clear();
        }
        self.start(0);
        self.settle()?;
        if !self.is_stream() {
            for _ in 0..self.random.between(0, 6) {
                self.clock.advance(Duration::from_millis(self.random.between(1, 20 * DAY_MS).unsigned_abs()));
                self.settle()?;
            }
        }
        // One lane is left with every shard.
        for machine in 1..MACHINES {
            self.stop(machine)?;
        }
        self.settle()?;
        // Offsets that the group forgot are committed again within half a day.
        self.clock.advance(Duration::from_secs(13 * 3_600));
        self.settle()?;
        self.stop(0)
    }

    /// Rounds until nothing has happened for a while, longer than any time-out of the engine.
    fn settle(&mut self) -> Result<(), String> {
        let mut quiet = 0;
        for _ in 0..400 {
            let mut busy = false;
            for machine in 0..MACHINES {
                if self.machines[machine].lane.is_none() && machine == 0 {
                    self.start(machine);
                }
                busy |= self.turn(machine)?;
            }
            self.haunt();
            self.clock.advance(Duration::from_millis(2_000));
            quiet = if busy { 0 } else { quiet + 1 };
            if quiet > 5 {
                return Ok(());
            }
        }
        Err("the world does not come to rest".to_owned())
    }

    fn judge(&mut self) -> Result<(), String> {
        let tape = self.tape.borrow();
        let book = book(&self.settings.policy.policy);
        for (shard, history) in (0..).zip(&tape.shards) {
            let last = history.checkpoints.last().map_or(&[][..], |c| &c.policies);
            let mut fold = Fold::new(shard, &self.upstream.sent, (book.clone(), last), &self.settings);
            for (i, noted) in history.entries.iter().enumerate() {
                fold.note(noted).map_err(|why| format!("shard {shard}, entry {i}, {:?}: {why}", noted.entry))?;
                self.tally.met += u64::from(matches!(noted.entry, Entry::Met { .. }));
                let cleared = matches!(noted.entry, Entry::Met { kind: Kind::Gate(GateAnswer::Cleared), .. });
                self.tally.cleared += u64::from(cleared);
            }
            fold.end().map_err(|why| format!("shard {shard}: {why}"))?;
            self.tally.commands += fold.accounts.values().map(|k| k.commands.len() as u64).sum::<u64>();
            self.tally.changed += fold.changed;
            self.tally.dead_letters += fold.dead.len() as u64;
            self.tally.transactions += history.checkpoints.len() as u64;
            check::checkpoints(shard, history)?;
            check::outputs(&self.bus, shard, &fold)?;
            check::state(&self.bus, shard, &fold, history)?;
            self.judge_waiting(&fold, shard)?;
            // The lane that was left has every shard.
            check::store(&self.machines[0].disk, shard, &self.bus)?;
        }
        let broken = self.meters.violations.all();
        if broken.is_empty() { Ok(()) } else { Err(format!("the engine counts {broken:?}")) }
    }

    /// No bar waits for nothing.
    fn judge_waiting(&self, fold: &Fold<'_>, shard: Partition) -> Result<(), String> {
        let forgotten = fold.accounts.values().any(|kept| {
            // What is beyond the budget waits for a person.
            let held = |hold: Hold| hold.is_own() || hold == Hold::Budget && self.settings.bars_per_hour.is_some();
            let free = kept.row.account.pending().is_some_and(|p| !p.held.is_some_and(held));
            free && kept.row.stale.is_empty() && fold.stale.is_empty()
        });
        if forgotten { Err(format!("shard {shard}: a bar waits for nothing")) } else { Ok(()) }
    }
}
