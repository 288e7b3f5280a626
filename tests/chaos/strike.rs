//! Doing a fault to the program, and waiting until it is over it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use dunning::exit::Exit;
use dunning_sim::Random;
use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::{Offset, TopicPartitionList};
use tempfile::TempDir;

use dunning_wire::topic::InputTopic;

use crate::damage::{self, SmallDisk};
use crate::drive::Stage;
use crate::plan::Fault;
use crate::proxy::Proxy;

/// Longer than session and transaction last, with the broker's sweep.
const ZOMBIE: Duration = Duration::from_secs(10);

/// In this time a store follows at least once.
const FOLLOWS: Duration = Duration::from_millis(2_500);

/// What was observed beside the time that it took.
pub type Seen = Vec<(&'static str, usize)>;

/// What a run has for certain faults.
#[derive(Default)]
pub struct Props {
    /// A state directory of another cluster.
    pub foreign: Option<TempDir>,
    /// The disk of the first instance.
    pub disk: Option<Arc<SmallDisk>>,
}

impl Stage {
    /// Does it; `None` where it cannot be done here.
    pub fn strike(&mut self, fault: Fault) -> Option<Seen> {
        match fault {
            Fault::Kill => Some(self.kill()),
            Fault::Stop => Some(self.stop()),
            Fault::Terminate => Some(self.terminate()),
            Fault::Broker => Some(self.broker()),
            Fault::Registry => Some(self.registry()),
            Fault::Cut => Some(self.cut()),
            Fault::Delay => Some(self.delay()),
            Fault::Tear => Some(self.network(Proxy::tear)),
            Fault::HalfOpen => Some(self.network(Proxy::half_open)),
            Fault::Lose => Some(self.lose()),
            Fault::Truncate => Some(self.damage("files", |directory, random| damage::truncate(&directory, random))),
            Fault::Flip => Some(self.damage("files", |directory, random| damage::flip(&directory, random))),
            Fault::Foreign => {
                let foreign = self.props.foreign.as_ref()?.path().to_owned();
                Some(self.damage("files", move |directory, _| {
                    damage::replace(&directory, &foreign);
                    1
                }))
            }
            Fault::Full => self.full(),
            Fault::Offsets => Some(self.offsets()),
        }
    }

    fn victim(&mut self) -> usize {
        let last = i64::try_from(self.fleet.members.len()).expect("a number") - 1;
        usize::try_from(self.random.between(0, last)).expect("a place")
    }

    /// Whose connections are struck: those of one instance, or all.
    fn some(&mut self) -> String {
        let victim = self.victim();
        if self.random.chance(500) { String::new() } else { self.fleet.members[victim].clients() }
    }

    fn seconds(&mut self, low: i64, high: i64) -> Duration {
        Duration::from_millis(self.random.between(low * 1_000, high * 1_000).unsigned_abs())
    }

    /// Some die; each comes back at once or after its session is over.
    fn kill(&mut self) -> Seen {
        let first = self.victim();
        let last = i64::try_from(self.fleet.members.len()).expect("a number");
        let count = usize::try_from(self.random.between(1, last)).expect("a count");
        let mut killed = 0;
        for number in 0..count {
            let at = (first + number) % self.fleet.members.len();
            killed += self.kill_one(at);
            let away = if self.random.chance(600) { Duration::ZERO } else { self.seconds(1, 8) };
            self.fleet.members[at].start_after(away);
        }
        vec![("kill -9", killed)]
    }

    fn kill_one(&mut self, at: usize) -> usize {
        usize::from(self.fleet.members[at].kill())
    }

    /// What goes on after it was thought dead either says that it was fenced, or works on.
    fn stop(&mut self) -> Seen {
        let victim = self.victim();
        self.wait_for("a victim that runs", |stage| stage.fleet.members[victim].runs());
        let before = self.fleet.ended.values().sum::<usize>();
        self.fleet.members[victim].signal("STOP");
        self.pass(ZOMBIE);
        self.fleet.members[victim].signal("CONT");
        self.recovered();
        let fenced = self.fleet.ended.values().sum::<usize>() - before;
        vec![("SIGSTOP", 1), ("ends by itself", fenced)]
    }

    fn terminate(&mut self) -> Seen {
        let victim = self.victim();
        self.wait_for("a victim that runs", |stage| stage.fleet.members[victim].runs());
        let code = self.fleet.members[victim].terminate();
        assert!([Exit::Ok.code(), Exit::Slow.code()].contains(&code), "SIGTERM ended with {code}");
        self.fleet.members[victim].start_after(Duration::ZERO);
        vec![("clean ends", usize::from(code == 0)), ("ends with 79", usize::from(code != 0))]
    }

    fn broker(&mut self) -> Seen {
        self.bus.call("kill-broker");
        let away = self.seconds(0, 4);
        self.pass(away);
        self.bus.call("start-broker");
        vec![("kill -9 of the broker", 1)]
    }

    fn registry(&mut self) -> Seen {
        self.bus.call("kill-registry");
        let victim = self.victim();
        let killed = self.kill_one(victim);
        self.fleet.members[victim].start_after(Duration::ZERO);
        let away = self.seconds(3, 8);
        self.pass(away);
        self.bus.call("start-registry");
        vec![("kill -9", killed), ("kill -9 of the registry", 1)]
    }

    /// What happens once to the connections that there are.
    fn network(&mut self, act: impl Fn(&Proxy, &str) -> usize) -> Seen {
        let some = self.some();
        vec![("connections", act(&self.proxy, &some))]
    }

    fn cut(&mut self) -> Seen {
        let some = self.some();
        let cut = self.proxy.refuse(&some);
        let away = self.seconds(1, 12);
        self.pass(away);
        self.proxy.clear_up();
        vec![("connections", cut)]
    }

    fn delay(&mut self) -> Seen {
        let some = self.some();
        let delay = self.random.between(1, self.plan.delay);
        let slowed = self.proxy.delay(&some, Duration::from_secs(delay.unsigned_abs()));
        self.pass(Duration::from_secs(delay.unsigned_abs()) * 2);
        self.proxy.clear_up();
        vec![("connections", slowed)]
    }

    /// Nobody has anything but the state topic.
    fn lose(&mut self) -> Seen {
        let killed = self.kill_all();
        for member in &mut self.fleet.members {
            damage::empty(&member.state());
            member.start_after(Duration::ZERO);
        }
        vec![("kill -9", killed), ("times all state lost", 1)]
    }

    fn kill_all(&mut self) -> usize {
        (0..self.fleet.members.len()).map(|at| self.kill_one(at)).sum()
    }

    /// One dies and finds its directory damaged.
    fn damage(&mut self, what: &'static str, mut act: impl FnMut(PathBuf, &mut Random) -> usize) -> Seen {
        let victim = self.victim();
        let killed = self.kill_one(victim);
        let member = &mut self.fleet.members[victim];
        let damaged = act(member.state(), &mut self.random);
        member.start_after(Duration::ZERO);
        vec![("kill -9", killed), (what, damaged)]
    }

    /// The disk is full while it works, and whatever the program frees is taken at once. It ends with 73, or does without
    /// the store that it cannot write.
    fn full(&mut self) -> Option<Seen> {
        let disk = Arc::clone(self.props.disk.as_ref()?);
        self.fleet.members[0].ends_with = Some(Exit::Directory);
        disk.fill();
        // Its store has something to follow all along.
        for _ in 0..3 {
            self.progress.allow(self.progress.allowed() + 1);
            self.wait_for("work on a full disk, or an end", |stage| {
                disk.fill();
                stage.fleet.members[0].ended_so || stage.is_past_all()
            });
            self.pass(FOLLOWS);
        }
        disk.clear();
        let member = &mut self.fleet.members[0];
        let ended = std::mem::take(&mut member.ended_so);
        member.ends_with = None;
        if ended {
            member.start_after(Duration::ZERO);
        }
        Some(vec![("ends with 73", usize::from(ended)), ("times it worked on", usize::from(!ended))])
    }

    /// All die, and the group's offsets are gone or elsewhere when they come back.
    fn offsets(&mut self) -> Seen {
        let killed = self.kill_all();
        let deletes = self.random.chance(500);
        let word = if deletes { "times offsets deleted" } else { "times offsets moved" };
        // The group has members until their sessions are over.
        let began = Instant::now();
        while let Err(error) = if deletes { self.delete_group() } else { self.move_offsets() } {
            assert!(began.elapsed() < Duration::from_secs(60), "{error}");
            self.pass(Duration::from_millis(500));
        }
        self.fleet.members.iter_mut().for_each(|m| m.start_after(Duration::ZERO));
        vec![("kill -9", killed), (word, 1)]
    }

    fn delete_group(&self) -> Result<(), String> {
        let admin: AdminClient<DefaultClientContext> = self.world.client().create().expect("an admin client");
        let deleting = async { admin.delete_groups(&[&self.world.group], &AdminOptions::new()).await };
        let results = self.runtime.block_on(deleting).map_err(|e| e.to_string())?;
        results.into_iter().try_for_each(|r| r.map(drop).map_err(|(_, code)| code.to_string()))
    }

    /// Some to the beginning, some far behind.
    fn move_offsets(&self) -> Result<(), String> {
        let mut config = self.world.client();
        config.set("group.id", &self.world.group).set("enable.auto.commit", "false");
        let consumer: BaseConsumer = config.create().expect("a consumer");
        let mut list = TopicPartitionList::new();
        for topic in InputTopic::ALL {
            for partition in 0..self.world.partitions.cast_signed() {
                let offset = Offset::Offset(i64::from(partition % 3) * 5);
                list.add_partition_offset(self.world.topics.input(topic), partition, offset).expect("an offset");
            }
        }
        consumer.commit(&list, CommitMode::Sync).map_err(|e| e.to_string())
    }
}
