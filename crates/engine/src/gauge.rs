//! The gauges of a lane, set once a second.

use std::collections::BTreeMap;
use std::time::Duration;

use dunning_rules::HELD_WORDS;
use dunning_store::Store;
use dunning_wire::topic::InputTopic;

use crate::desk::Desk;
use crate::shard::{Phase, Shard};
use crate::standby::Standbys;
use crate::{Broker, Clock, Meters, Partition, Source};

const EVERY: Duration = Duration::from_secs(1);
const ENDS_EVERY: Duration = Duration::from_secs(10);
const PROGRESS_EVERY: Duration = Duration::from_secs(5);

/// What is left of the restorations, and all of it, in offsets of the state topic.
fn restoring<S: Store>(shards: &BTreeMap<Partition, Shard<S>>) -> (i64, i64) {
    let spans = shards.values().filter_map(|s| match &s.phase {
        Phase::Restoring { next, from, end, .. } => Some(((end - next).max(0), (end - from).max(0))),
        Phase::Running => None,
    });
    spans.fold((0, 0), |(left, span), (l, s)| (left + l, span + s))
}

/// Says how far restorations are, every few seconds while there are any.
#[derive(Debug, Default)]
struct Progress {
    /// When it was said last, and what was left then.
    last: Option<(Duration, i64)>,
}

impl Progress {
    fn say(&mut self, now: Duration, shards: usize, left: i64, span: i64) {
        if shards == 0 {
            self.last = None;
            return;
        }
        let (at, before) = *self.last.get_or_insert((now, left));
        if now.saturating_sub(at) < PROGRESS_EVERY {
            return;
        }
        self.last = Some((now, left));
        let millis = i64::try_from((now - at).as_millis()).unwrap_or(i64::MAX).max(1);
        // Another shard that began meanwhile adds to what is left.
        let rate = (before - left).max(0).saturating_mul(1_000) / millis;
        let seconds_left = if rate > 0 { (left / rate).to_string() } else { "unknown".to_owned() };
        let percent = (span - left).saturating_mul(100) / span.max(1);
        tracing::info!(shards, percent, left, a_second = rate, seconds_left, "restoring");
    }
}

/// This lane's share of every gauge.
#[derive(Debug, Default)]
pub struct Gauges {
    set: Duration,
    asked: Duration,
    /// This lane's number, once it has one.
    lane: Option<u64>,
    lag: [i64; InputTopic::ALL.len()],
    deadlines: i64,
    clock_doubt: bool,
    bars: [i64; HELD_WORDS.len() + 1],
    running: i64,
    restoring: i64,
    behind: i64,
    left: i64,
    span: i64,
    progress: Progress,
    standbys: i64,
    standby_lag: i64,
    /// When the lag of standbys was asked for.
    standbys_asked: Duration,
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
        self.clock(desk, lane);
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
        let (left, span) = restoring(shards);
        meters.restore_left.share(&mut self.left, left);
        meters.restore_span.share(&mut self.span, span);
        self.progress.say(now, shards.len() - running, left, span);
        self.bars(meters, shards);
    }

    /// How far the wall clock is away, and a line where the doubt about it begins or ends.
    fn clock<B: Broker, C: Clock>(&mut self, desk: &Desk<B, C>, lane: u64) {
        if desk.is_stream() {
            return;
        }
        let away = desk.clock_away();
        desk.meters.clock_away_ms.set(lane, away.unwrap_or(0).saturating_abs());
        let doubt = desk.is_clock_doubtful();
        if std::mem::replace(&mut self.clock_doubt, doubt) == doubt {
            return;
        }
        let seconds = away.unwrap_or(0) / 1_000;
        match (doubt, away) {
            (true, Some(1..)) => tracing::warn!(seconds, "the wall clock is ahead of the broker's: bars wait"),
            (true, Some(_)) => tracing::warn!(seconds, "the wall clock is behind the broker's: bars wait"),
            (true, None) => tracing::warn!("the wall clock was set while this process ran: bars wait"),
            (false, _) => tracing::info!(seconds, "the wall clock can be trusted again: bars go on"),
        }
    }

    /// Standbys and what they have not read yet.
    pub fn standbys<B: Broker, C: Clock, S: Store>(&mut self, desk: &mut Desk<B, C>, standbys: &Standbys<S>) {
        let now = desk.clock.monotonic();
        let count = i64::try_from(standbys.kept.len()).unwrap_or(i64::MAX);
        desk.meters.standbys.share(&mut self.standbys, count);
        if now.saturating_sub(self.standbys_asked) < ENDS_EVERY && count > 0 {
            return;
        }
        self.standbys_asked = now;
        let mut lag = 0;
        for (partition, standby) in &standbys.kept {
            // A lag that cannot be asked for keeps its last value.
            let Ok(end) = desk.broker.end_of(Source::State, *partition) else { return };
            lag += (end - standby.shard.next_state()).max(0);
        }
        desk.meters.standby_lag.share(&mut self.standby_lag, lag);
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
