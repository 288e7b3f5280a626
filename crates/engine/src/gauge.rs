//! The gauges of a lane, set once a second.

use std::collections::BTreeMap;
use std::time::Duration;

use dunning_rules::HELD_WORDS;
use dunning_store::Store;
use dunning_wire::topic::InputTopic;

use crate::desk::Desk;
use crate::shard::{Phase, Shard};
use crate::{Broker, Clock, Meters, Partition};

const EVERY: Duration = Duration::from_secs(1);
const ENDS_EVERY: Duration = Duration::from_secs(10);

/// This lane's share of every gauge.
#[derive(Debug, Default)]
pub struct Gauges {
    set: Duration,
    asked: Duration,
    /// This lane's number, once it has one.
    lane: Option<u64>,
    lag: [i64; InputTopic::ALL.len()],
    deadlines: i64,
    bars: [i64; HELD_WORDS.len() + 1],
    running: i64,
    restoring: i64,
    behind: i64,
    left: i64,
    accounts: i64,
    broker: i64,
    registry: i64,
}

impl Gauges {
    pub fn broker_away(&mut self, meters: &Meters, away: bool) {
        meters.broker_waits.share(&mut self.broker, i64::from(away));
    }

    pub fn registry_away(&mut self, meters: &Meters, away: bool) {
        meters.registry_waits.share(&mut self.registry, i64::from(away));
    }

    /// Sets every gauge, at most once a second.
    pub fn update<B: Broker, C: Clock, S: Store>(
        &mut self,
        desk: &mut Desk<B, C>,
        shards: &BTreeMap<Partition, Shard<S>>,
    ) {
        let now = desk.clock.monotonic();
        if now.saturating_sub(self.set) < EVERY {
            return;
        }
        self.set = now;
        if now.saturating_sub(self.asked) >= ENDS_EVERY {
            self.asked = now;
            self.lag(desk, shards);
        }
        let count = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
        let wall = desk.clock.now();
        let meters = &desk.meters;
        let clock_of = |s: &Shard<S>| if desk.is_stream() { s.clock } else { wall };
        let behind = shards.values().filter_map(|s| s.queues.oldest().map(|at| wall.since(at).max(0))).max();
        let lane = *self.lane.get_or_insert_with(|| meters.lane());
        meters.lag_event_ms.set(lane, behind.unwrap_or(0));
        meters.deadlines_pending.share(&mut self.deadlines, count(shards.values().map(|s| s.memory.deadlines()).sum()));
        let late =
            shards.values().filter_map(|s| s.memory.next_deadline().map(|(due, _)| clock_of(s).since(due).max(0)));
        meters.deadlines_late_ms.set(lane, late.max().unwrap_or(0));
        let running = shards.values().filter(|s| s.is_running()).count();
        meters.shards_running.share(&mut self.running, count(running));
        meters.shards_restoring.share(&mut self.restoring, count(shards.len() - running));
        let behind = shards.values().filter(|s| s.catch_up.is_some()).count();
        meters.shards_behind.share(&mut self.behind, count(behind));
        meters.accounts.share(&mut self.accounts, count(shards.values().map(|s| s.memory.len()).sum()));
        let left = shards.values().map(|s| match &s.phase {
            Phase::Restoring { next, end, .. } => (end - next).max(0),
            Phase::Running => 0,
        });
        meters.restore_left.share(&mut self.left, left.sum());
        self.bars(meters, shards);
    }

    fn bars<S: Store>(&mut self, meters: &Meters, shards: &BTreeMap<Partition, Shard<S>>) {
        let mut now = [0; HELD_WORDS.len() + 1];
        for shard in shards.values() {
            let (looks, held) = shard.gate.waiting();
            now[0] += i64::try_from(looks).unwrap_or(i64::MAX);
            held.for_each(|hold| now[1 + hold as usize] += 1);
        }
        for (gauge, (last, now)) in meters.bars_waiting.iter().zip(self.bars.iter_mut().zip(now)) {
            gauge.share(last, now);
        }
    }

    /// How far the inputs' ends are ahead of what was taken.
    fn lag<B: Broker, C: Clock, S: Store>(&mut self, desk: &mut Desk<B, C>, shards: &BTreeMap<Partition, Shard<S>>) {
        let mut lag = [0; InputTopic::ALL.len()];
        for shard in shards.values().filter(|s| s.is_running()) {
            // A lag that cannot be asked for keeps its last value.
            let Ok(ends) = desk.broker.ends(shard.partition) else { return };
            let positions: Vec<_> = shard.queues.positions().collect();
            for end in ends {
                lag[end.topic as usize] += (end.uncommitted - positions[end.topic as usize].1).max(0);
            }
        }
        for (gauge, (last, now)) in desk.meters.lag_records.iter().zip(self.lag.iter_mut().zip(lag)) {
            gauge.share(last, now);
        }
    }
}
