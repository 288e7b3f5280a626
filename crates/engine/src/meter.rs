use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use dunning_wire::topic::InputTopic;

/// A count that only grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// One more.
    pub fn one(&self) {
        self.add(1);
    }

    /// So many more.
    pub fn add(&self, n: u64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }

    /// The count.
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A value that goes up and down; each lane adds its own share.
#[derive(Debug, Default)]
pub struct Gauge(AtomicI64);

impl Gauge {
    /// Moves the value; `last` is this lane's share as it was set before.
    pub fn share(&self, last: &mut i64, now: i64) {
        self.0.fetch_add(now - *last, Ordering::Relaxed);
        *last = now;
    }

    /// The value.
    #[must_use]
    pub fn get(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The largest of the lanes' values.
#[derive(Debug, Default)]
pub struct Peak(Mutex<BTreeMap<u64, i64>>);

impl Peak {
    /// Sets the value of a lane, by the lane's number: [`Meters::lane`].
    pub fn set(&self, lane: u64, value: i64) {
        let mut values = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        values.insert(lane, value);
    }

    /// The largest.
    #[must_use]
    pub fn get(&self) -> i64 {
        let values = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        values.values().copied().max().unwrap_or(0)
    }
}

/// Counts by a word of a bounded set.
#[derive(Debug, Default)]
pub struct ByWord(Mutex<BTreeMap<&'static str, u64>>);

impl ByWord {
    /// So many more under a word.
    pub fn add(&self, word: &'static str, n: u64) {
        // A lock that a panicking thread left is still a map of numbers.
        let mut words = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        *words.entry(word).or_default() += n;
    }

    /// All words with their counts, in order.
    #[must_use]
    pub fn all(&self) -> Vec<(&'static str, u64)> {
        let words = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        words.iter().map(|(w, n)| (*w, *n)).collect()
    }
}

/// Seconds in buckets, for a histogram.
#[derive(Debug)]
pub struct Seconds {
    buckets: [AtomicU64; Self::BOUNDS.len()],
    count: AtomicU64,
    sum_micros: AtomicU64,
}

impl Default for Seconds {
    fn default() -> Self {
        Self {
            buckets: std::array::from_fn(|_| AtomicU64::new(0)),
            count: AtomicU64::new(0),
            sum_micros: AtomicU64::new(0),
        }
    }
}

impl Seconds {
    /// Upper bounds in seconds: from a commit's few milliseconds to an outage.
    pub const BOUNDS: [f64; 12] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0, 600.0];

    /// One more observation, in seconds.
    pub fn observe(&self, seconds: f64) {
        let seconds = seconds.max(0.0);
        for (bucket, bound) in self.buckets.iter().zip(Self::BOUNDS) {
            if seconds <= bound {
                bucket.fetch_add(1, Ordering::Relaxed);
            }
        }
        self.count.fetch_add(1, Ordering::Relaxed);
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // not negative; beyond 2^64 µs it saturates
        self.sum_micros.fetch_add((seconds * 1e6) as u64, Ordering::Relaxed);
    }

    /// Cumulative counts by [`Self::BOUNDS`], the count of all, and the sum in seconds.
    #[must_use]
    pub fn snapshot(&self) -> (Vec<u64>, u64, f64) {
        let buckets = self.buckets.iter().map(|b| b.load(Ordering::Relaxed)).collect();
        #[allow(clippy::cast_precision_loss)] // a sum for a graph
        let sum = self.sum_micros.load(Ordering::Relaxed) as f64 / 1e6;
        (buckets, self.count.load(Ordering::Relaxed), sum)
    }
}

/// What the engine counts, over all lanes of a process. No account is named here.
#[derive(Debug, Default)]
pub struct Meters {
    /// Records taken, by input topic (in the order of [`InputTopic::ALL`]).
    pub consumed: [Counter; InputTopic::ALL.len()],
    /// Decisions, by code.
    pub decided: ByWord,
    /// Commands, by type: `notification`, `barring`, `restoration`. Under `shadow` none is counted.
    pub commands: ByWord,
    /// Events in order that changed nothing, by reason.
    pub no_effects: ByWord,
    /// Dead letters, by reason.
    pub dead_letters: ByWord,
    /// Transactions, by result: `committed`, `aborted`, `unknown`.
    pub transactions: ByWord,
    /// Records between what was taken and the inputs' ends, by input topic.
    pub lag_records: [Gauge; InputTopic::ALL.len()],
    /// Milliseconds from the oldest record that waits to the wall clock; the largest of the lanes'.
    pub lag_event_ms: Peak,
    /// Accounts with a deadline.
    pub deadlines_pending: Gauge,
    /// Milliseconds by which the oldest deadline is late.
    pub deadlines_late_ms: Peak,
    /// Milliseconds by which the wall clock is away from the broker's, ahead or behind; the largest of the lanes'.
    pub clock_away_ms: Peak,
    /// Bars that wait, by reason: `inputs` for the first look, then the words of the holds.
    pub bars_waiting: [Gauge; 10],
    /// Bars that were held, by reason, each once.
    pub bars_held: ByWord,
    /// Shards that run.
    pub shards_running: Gauge,
    /// Shards that are being restored.
    pub shards_restoring: Gauge,
    /// Shards that have not read yet to where the inputs ended when they began: their deadlines and bars wait.
    pub shards_behind: Gauge,
    /// State records restored.
    pub restored: Counter,
    /// State records left to restore, as offsets.
    pub restore_left: Gauge,
    /// Seconds from a payment's timestamp to the commit of the restoration that it caused.
    pub payment_to_restoration: Seconds,
    /// Seconds from the begin to the end of a transaction's commit.
    pub commit: Seconds,
    /// Accounts known.
    pub accounts: Gauge,
    /// Invariants that were violated, by rule: none ever is expected.
    pub violations: ByWord,
    /// State records that the shards being restored have to read in all, as offsets.
    pub restore_span: Gauge,
    /// Shards of others that are kept ready.
    pub standbys: Gauge,
    /// State records that standbys have not read yet, as offsets.
    pub standby_lag: Gauge,
    /// Standbys that were of no use and began anew.
    pub standbys_renewed: Counter,
    /// Shards that came to this process: `warm` to a standby, `cold` otherwise.
    pub promotions: ByWord,
    /// Open transactions of dead writers that were ended.
    pub writers_ended: Counter,
    /// Transactions that hung and were ended.
    pub hanging_ended: Counter,
    /// Stores that were rebuilt.
    pub stores_rebuilt: Counter,
    /// Checkpoints that differed from the group's offsets; the checkpoint won.
    pub offsets_differed: Counter,
    /// Outputs of transactions that were torn: `sent_again`, `there_already`, `passed_over`, `lost`.
    pub torn: ByWord,
    /// Lanes that wait for the registry.
    pub registry_waits: Gauge,
    /// Lanes that wait for the broker.
    pub broker_waits: Gauge,
    lanes: AtomicU64,
}

impl Meters {
    /// A number for a lane, each another.
    #[must_use]
    pub fn lane(&self) -> u64 {
        self.lanes.fetch_add(1, Ordering::Relaxed)
    }
}
