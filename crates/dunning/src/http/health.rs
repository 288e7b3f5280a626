//! Whether the process lives, and whether it is ready, in words.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use dunning_engine::Meters;
use serde::Serialize;

/// A lane that has not turned for this long is dead. A commit waits for the broker as long as a transaction may take,
/// and a turn holds at most a few of them.
const TURN_MAX: Duration = Duration::from_secs(60);

/// A process that was given no shard for this long is a spare, and ready to take over.
const SPARE_AFTER: Duration = Duration::from_secs(30);

/// What the lanes and the program say of themselves.
#[derive(Debug)]
pub struct Health {
    began: Instant,
    /// For each lane, milliseconds since `began` at its last turn.
    turned: Vec<AtomicU64>,
    /// True once a shard ran here.
    ran: AtomicBool,
    stopping: AtomicBool,
}

/// Why the process is not ready.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Reason {
    /// A word for machines; OPERATING.md says what to do about each.
    pub word: &'static str,
    /// For people.
    pub text: String,
}

impl Health {
    /// Of a process with so many lanes.
    #[must_use]
    pub fn new(lanes: usize) -> Self {
        Self {
            began: Instant::now(),
            turned: (0..lanes).map(|_| AtomicU64::new(0)).collect(),
            ran: AtomicBool::new(false),
            stopping: AtomicBool::new(false),
        }
    }

    /// A lane went round once more.
    pub fn turned(&self, lane: usize) {
        if let Some(turned) = self.turned.get(lane) {
            turned.store(self.now_ms(), Ordering::Relaxed);
        }
    }

    /// All lanes wait for something, in good order.
    pub fn all_turned(&self) {
        (0..self.turned.len()).for_each(|lane| self.turned(lane));
    }

    /// The process is about to end.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Why the process is dead; nothing where it lives.
    #[must_use]
    pub fn dead(&self) -> Vec<Reason> {
        let now = Duration::from_millis(self.now_ms());
        let silent = |(lane, turned): (usize, &AtomicU64)| {
            let silence = now.saturating_sub(Duration::from_millis(turned.load(Ordering::Relaxed)));
            (silence > TURN_MAX).then(|| Reason {
                word: "lane_silent",
                text: format!("worker {lane} has not turned for {} s", silence.as_secs()),
            })
        };
        self.turned.iter().enumerate().filter_map(silent).collect()
    }

    /// Why the process is not ready; nothing where it is.
    #[must_use]
    pub fn unready(&self, meters: &Meters) -> Vec<Reason> {
        let mut reasons = self.dead();
        let running = meters.shards_running.get();
        let restoring = meters.shards_restoring.get();
        if running > 0 {
            self.ran.store(true, Ordering::Relaxed);
        }
        let mut add = |word, text: String| reasons.push(Reason { word, text });
        if self.stopping.load(Ordering::Relaxed) {
            add("stopping", "the process was told to end and commits what is done".to_owned());
        }
        if restoring > 0 {
            let left = meters.restore_left.get();
            add("restoring", format!("{restoring} shards are being restored; {left} state records are left"));
        }
        if meters.broker_waits.get() > 0 {
            add("broker", format!("{} workers wait for the broker", meters.broker_waits.get()));
        }
        if meters.registry_waits.get() > 0 {
            add("registry", format!("{} workers wait for the schema registry", meters.registry_waits.get()));
        }
        let fresh = !self.ran.load(Ordering::Relaxed) && self.began.elapsed() < SPARE_AFTER;
        if running == 0 && restoring == 0 && fresh {
            add("no_shards", "no shard was assigned yet".to_owned());
        }
        reasons
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(health: &Health, meters: &Meters) -> Vec<&'static str> {
        health.unready(meters).iter().map(|r| r.word).collect()
    }

    #[test]
    fn it_is_ready_once_all_shards_run_and_nothing_waits() {
        let (health, meters) = (Health::new(2), Meters::default());
        assert_eq!(words(&health, &meters), ["no_shards"]);
        meters.shards_restoring.share(&mut 0, 4);
        assert_eq!(words(&health, &meters), ["restoring"]);
        meters.shards_restoring.share(&mut 4, 0);
        meters.shards_running.share(&mut 0, 4);
        assert!(words(&health, &meters).is_empty());
        meters.registry_waits.share(&mut 0, 1);
        meters.broker_waits.share(&mut 0, 2);
        health.stop();
        assert_eq!(words(&health, &meters), ["stopping", "broker", "registry"]);
    }

    #[test]
    fn a_process_that_lost_its_shards_to_others_stays_ready() {
        let (health, meters) = (Health::new(1), Meters::default());
        meters.shards_running.share(&mut 0, 1);
        assert!(words(&health, &meters).is_empty());
        meters.shards_running.share(&mut 1, 0);
        assert!(words(&health, &meters).is_empty());
    }
}
