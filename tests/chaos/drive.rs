//! One run: the load, the faults one after the other, and the end.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use dunning_sim::Random;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::bus::{Bus, OwnBus};
use crate::damage::SmallDisk;
use crate::feed::{Extras, Feed, Progress};
use crate::fleet::{Fleet, Member};
use crate::judge::LiveReader;
use crate::load::{Load, Oracle, POLICY};
use crate::plan::{Fault, Plan};
use crate::proxy::Proxy;
use crate::strike::Props;
use crate::table::{Table, spread};
use crate::world::{Plot, World};

/// Without any commit for so long, it hangs.
const QUIET: Duration = Duration::from_secs(120);
/// How often it is looked after.
const LOOK: Duration = Duration::from_millis(50);

const SETTINGS: &str = "clock: stream\nstart: earliest\ndedupe: { horizon: none }\nfuture_bound: none\n\
    bars: { per_hour: none }\nworkers: 2\nbatch: { records: 200 }\nflush: { every: 2s }\nlog: { level: info }\n";

/// All that a run has. Fields go in this order: processes before what they use.
pub struct Stage {
    pub fleet: Fleet,
    pub props: Props,
    pub plan: Plan,
    pub random: Random,
    pub progress: Arc<Progress>,
    pub proxy: Proxy,
    pub world: Arc<World>,
    pub runtime: Runtime,
    pub bus: OwnBus,
    load: Arc<Load>,
    /// What was committed when that changed last.
    moved: (usize, Instant),
}

impl Drop for Stage {
    fn drop(&mut self) {
        if std::thread::panicking() || self.plan.long {
            let kept = self.fleet.keep_logs(self.plan.seed);
            eprintln!("the logs of the instances are in {}", kept.display());
        }
    }
}

fn world(bus: Bus, partitions: u32, registry: bool) -> Arc<World> {
    Arc::new(World::new(&Plot { bus, partitions, registry, policy: POLICY, more: SETTINGS, broker_time: true }))
}

impl Stage {
    fn new(plan: &Plan, load: &Arc<Load>) -> Self {
        let proxy = Proxy::listen();
        let bus = OwnBus::up(Some(proxy.port));
        proxy.lead_to(bus.behind.as_deref().expect("a listener for the proxy"));
        let world = world(bus.bus.clone(), plan.size.partitions, true);
        let fleet = Fleet::new(&world, &proxy.address(), plan.instances);
        let load = Arc::clone(load);
        Self {
            fleet,
            props: Props::default(),
            plan: plan.clone(),
            random: Random::new(plan.seed, 0),
            progress: Progress::new(load.partitions.len()),
            proxy,
            world,
            runtime: tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime"),
            bus,
            load,
            moved: (0, Instant::now()),
        }
    }

    /// Looks after the instances, and sees that anything moves.
    fn look(&mut self) {
        self.fleet.look();
        let committed = self.progress.committed();
        if committed != self.moved.0 {
            self.moved = (committed, Instant::now());
        }
    }

    /// Lets time pass: a fault lasts so long.
    pub fn pass(&mut self, time: Duration) {
        let until = Instant::now() + time;
        while Instant::now() < until {
            self.look();
            // A fault takes its time; whether anything moves counts from its end.
            self.moved.1 = Instant::now();
            std::thread::sleep(LOOK.min(until.saturating_duration_since(Instant::now())));
        }
    }

    pub fn wait_for(&mut self, what: &str, mut is_so: impl FnMut(&Self) -> bool) {
        self.moved.1 = Instant::now();
        loop {
            self.look();
            if is_so(self) {
                return;
            }
            let waits = self.moved.1.elapsed();
            assert!(waits < QUIET, "{what}: nothing was committed for {waits:?}; waves: {:?}", self.progress.done());
            std::thread::sleep(LOOK);
        }
    }

    /// Until every shard has committed all waves that were allowed.
    pub fn recovered(&mut self) {
        self.wait_for("every shard past what was under way", Self::is_past_all);
    }

    pub fn is_past_all(&self) -> bool {
        let wanted = self.progress.allowed().min(self.load.waves());
        self.progress.done().iter().all(|done| *done >= wanted)
    }

    /// One fault in the middle of work, and the way back.
    fn meet(&mut self, fault: Fault, share: usize, table: &mut Table) {
        self.progress.allow(share.saturating_sub(1));
        let moment = Duration::from_millis(self.random.between(20, 400).unsigned_abs());
        self.pass(moment);
        // There is always a wave that the fault has in its way.
        self.progress.allow(share.max(self.progress.allowed() + 1));
        let began = Instant::now();
        match self.strike(fault) {
            Some(seen) => {
                self.recovered();
                table.note(fault, began.elapsed(), &seen);
                println!("{:6.1} s  {}", began.elapsed().as_secs_f64(), fault.words());
            }
            None => println!("  skipped  {}: this user cannot do it here", fault.words()),
        }
    }

    fn prepare(&mut self) {
        if self.plan.faults.contains(&Fault::Full) {
            self.props.disk = SmallDisk::mount(&self.fleet.members[0].state()).map(Arc::new);
        }
        if self.plan.faults.contains(&Fault::Foreign) {
            self.props.foreign = Some(foreign(self.plan.size.partitions));
        }
    }
}

/// The state directory of an instance on another cluster, with as many shards.
fn foreign(partitions: u32) -> TempDir {
    let world = world(Bus::shared(), partitions, false);
    let mut member = Member::new(&world, &world.bus.bootstrap, "i0");
    member.start();
    crate::bus::until("shards on the other cluster", 60, || {
        let running = crate::fleet::read(&member.log()).matches("shard runs").count();
        if running >= partitions as usize { Ok(()) } else { Err(running) }
    });
    assert_eq!(member.terminate(), 0);
    let copy = tempfile::Builder::new().prefix("dunning-chaos-").tempdir().expect("a folder");
    crate::damage::replace(copy.path(), &member.state());
    copy
}

/// Runs a plan; panics where anything is not as it must be.
pub fn run(plan: &Plan) {
    let began = Instant::now();
    println!("seed {}: {} instances, {:?}", plan.seed, plan.instances, plan.size);
    let load = Arc::new(Load::new(&plan.size));
    let oracle = {
        let load = Arc::clone(&load);
        std::thread::spawn(move || Oracle::of(&load))
    };
    let mut stage = Stage::new(plan, &load);
    stage.prepare();
    let oracle = oracle.join().expect("an oracle");
    let reader = LiveReader::follow(&stage.world);
    let mut feed = Feed::new(&stage.world, &stage.load, &stage.progress, plan.seed);
    feed.ahead();
    stage.fleet.members.iter_mut().for_each(Member::start);
    let feed = feed.run();
    println!(
        "{:6.1} s  until the first instance was started; {} records",
        began.elapsed().as_secs_f64(),
        stage.load.records
    );

    let mut table = Table::default();
    let working = Instant::now();
    let waves = stage.load.waves();
    for (number, fault) in plan.faults.iter().enumerate() {
        stage.meet(*fault, waves * (number + 1) / (plan.faults.len() + 1), &mut table);
    }
    let extras = finish(&mut stage, feed);
    table.fact("From the first start to the last commit", format!("{:.0} s", working.elapsed().as_secs_f64()));
    let commands = reader.judge(&oracle);
    assert_eq!(commands, oracle.commands);
    assert!(stage.world.dead_letters().is_empty(), "dead letters");
    facts(&stage, &oracle, extras, &mut table);
    println!("{table}\nCHAOS_SEED={} replays it as far as the real world does", plan.seed);
    check(plan, &table);
}

/// The rest of the load, and a clean end.
fn finish(stage: &mut Stage, feed: JoinHandle<Extras>) -> Extras {
    stage.progress.allow(stage.load.waves());
    stage.recovered();
    let extras = feed.join().expect("the feed");
    for member in &mut stage.fleet.members {
        assert_eq!(member.terminate(), 0, "{} after a quiet end", member.name);
    }
    extras
}

fn facts(stage: &Stage, oracle: &Oracle, extras: Extras, table: &mut Table) {
    let plan = &stage.plan;
    table.fact("Instances, partitions", format!("{}, {}", plan.instances, plan.size.partitions));
    table.fact("Records", stage.load.records);
    table.fact("Accounts", oracle.accounts.len());
    table.fact("Commands: none missing, none twice, in sequence", oracle.commands);
    table.fact("Upstream transactions committed, aborted", format!("{}, {}", extras.committed, extras.aborted));
    table.fact("Connections through the proxy", stage.proxy.passed());
    for (code, count) in &stage.fleet.ended {
        table.fact(&format!("Ends by itself with {code}, started again"), count);
    }
    for (words, count) in stage.fleet.seen() {
        table.fact(words, count);
    }
    let replayed = stage.fleet.replayed();
    #[allow(clippy::cast_precision_loss)] // offsets, for a figure
    let (median, longest) = spread(replayed.iter().map(|n| *n as f64).collect());
    table.fact("State records read again by a shard, median and most", format!("{median}, {longest}"));
    table.fact("State records read again in all", replayed.iter().sum::<i64>());
}

/// What a long run must have had.
fn check(plan: &Plan, table: &Table) {
    if !plan.long {
        return;
    }
    let kills = table.sum("kill -9");
    assert!(kills >= plan.kills, "only {kills} kills of {}", plan.kills);
    assert_eq!(table.count(Fault::Lose), 1);
}
