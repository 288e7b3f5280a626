//! How much is done to the program: from the environment, or the short form; which fault when is the seed's.

use dunning_sim::Random;

use crate::load::Size;

/// One thing that is done to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// kill -9 of some instances at once.
    Kill,
    /// SIGSTOP of one for longer than session and transaction last, then SIGCONT.
    Stop,
    /// SIGTERM of one, and a start.
    Terminate,
    /// kill -9 of the broker.
    Broker,
    /// kill -9 of the registry, and of an instance that has to start without it.
    Registry,
    /// All connections cut, and refused for some seconds.
    Cut,
    /// Every byte held back.
    Delay,
    /// Answers that end in their middle.
    Tear,
    /// Connections that stay open and carry nothing.
    HalfOpen,
    /// The state directories of all instances deleted.
    Lose,
    /// A file of a state directory cut short.
    Truncate,
    /// Bits of a state directory's files flipped.
    Flip,
    /// A state directory replaced by another cluster's.
    Foreign,
    /// No space left for a state directory.
    Full,
    /// The group's offsets deleted, or moved to elsewhere.
    Offsets,
}

impl Fault {
    pub const ALL: [Self; 15] = [
        Self::Kill,
        Self::Stop,
        Self::Terminate,
        Self::Broker,
        Self::Registry,
        Self::Cut,
        Self::Delay,
        Self::Tear,
        Self::HalfOpen,
        Self::Lose,
        Self::Truncate,
        Self::Flip,
        Self::Foreign,
        Self::Full,
        Self::Offsets,
    ];

    pub const fn words(self) -> &'static str {
        match self {
            Self::Kill => "kill -9 of one to all instances at once",
            Self::Stop => "SIGSTOP for longer than session and transaction, then SIGCONT",
            Self::Terminate => "SIGTERM and restart",
            Self::Broker => "broker: kill -9 and restart",
            Self::Registry => "registry: kill -9, an instance starts meanwhile, restart",
            Self::Cut => "network: all connections cut, new ones refused",
            Self::Delay => "network: every byte delayed",
            Self::Tear => "network: connections cut in the middle of an answer",
            Self::HalfOpen => "network: connections that stay open and carry nothing",
            Self::Lose => "state directories of all instances deleted",
            Self::Truncate => "state directory: files cut short",
            Self::Flip => "state directory: bits flipped",
            Self::Foreign => "state directory: copied from another cluster",
            Self::Full => "state directory: disk full",
            Self::Offsets => "group's offsets deleted or moved",
        }
    }

    /// How often for forty kills; 0 where a plan says it otherwise.
    const fn share(self) -> usize {
        match self {
            Self::Cut => 4,
            Self::Delay | Self::Terminate => 3,
            Self::Tear | Self::HalfOpen | Self::Registry | Self::Truncate | Self::Flip => 2,
            Self::Foreign | Self::Full | Self::Offsets => 1,
            Self::Kill | Self::Stop | Self::Broker | Self::Lose => 0,
        }
    }
}

/// One run.
#[derive(Clone, Debug)]
pub struct Plan {
    pub seed: u64,
    pub instances: usize,
    pub size: Size,
    pub faults: Vec<Fault>,
    /// At least so many kill -9 of instances.
    pub kills: usize,
    /// Longest delay in the network, in seconds.
    pub delay: i64,
    pub long: bool,
}

fn number(name: &str, default: u64) -> u64 {
    match std::env::var(name) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{name} is no number: {text}")),
        Err(_) => default,
    }
}

impl Plan {
    /// The runs that are asked for: one short one, or with `CHAOS_RECORDS` two long ones that share the records; with
    /// `CHAOS_INSTANCES` the one of them that has so many.
    pub fn all() -> Vec<Self> {
        let seed = number("CHAOS_SEED", 1);
        let records = number("CHAOS_RECORDS", 0);
        if records == 0 {
            return vec![Self::short(seed)];
        }
        let records = usize::try_from(records).expect("a number of records");
        let kills = usize::try_from(number("CHAOS_KILLS", 50)).expect("a number of kills");
        let mut plans = vec![
            Self::long(seed, 2, 8, records * 2 / 5, kills * 2 / 5),
            Self::long(seed + 1, 3, 24, records - records * 2 / 5, kills - kills * 2 / 5),
        ];
        let instances = number("CHAOS_INSTANCES", 0);
        plans.retain(|plan| instances == 0 || plan.instances as u64 == instances);
        plans
    }

    fn short(seed: u64) -> Self {
        let mut faults = vec![Fault::Kill, Fault::Stop, Fault::Broker, Fault::Delay, Fault::Tear, Fault::Flip];
        shuffle(&mut faults, seed);
        let size = Size { partitions: 8, records: 12_000, days: 44, ahead: 12, seed };
        Self { seed, instances: 2, size, faults, kills: 1, delay: 3, long: false }
    }

    /// At least `kills` times kill -9, a fifth of that SIGSTOP, a tenth broker kills, the state lost once, and the others.
    fn long(seed: u64, instances: usize, partitions: u32, records: usize, kills: usize) -> Self {
        let mut faults = Vec::new();
        let times = |fault: Fault| match fault {
            // Of two or three instances one and a half or two die at a time, and some more in other faults.
            Fault::Kill => (kills * 2).div_ceil(instances + 1),
            Fault::Stop => kills.div_ceil(5),
            Fault::Broker => kills.div_ceil(10),
            Fault::Lose => 1,
            other => (other.share() * kills).div_ceil(40),
        };
        for fault in Fault::ALL {
            faults.extend(std::iter::repeat_n(fault, times(fault)));
        }
        shuffle(&mut faults, seed);
        let ahead = 20;
        let days = ahead + u32::try_from(faults.len() * 3).expect("days");
        let size = Size { partitions, records, days, ahead, seed };
        Self { seed, instances, size, faults, kills, delay: 30, long: true }
    }
}

fn shuffle(faults: &mut [Fault], seed: u64) {
    let mut random = Random::new(seed, 1);
    for i in (1..faults.len()).rev() {
        let other = random.between(0, i64::try_from(i).expect("a place"));
        faults.swap(i, usize::try_from(other).expect("a place"));
    }
}
