use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use dunning_engine::Clock;
use dunning_rules::Timestamp;

/// A clock that stands still until it is told otherwise. Clones show the same time.
#[derive(Clone, Debug)]
pub struct SimClock(Arc<Hands>);

#[derive(Debug)]
struct Hands {
    now_ms: AtomicI64,
    monotonic_ms: AtomicI64,
    doubtful: AtomicBool,
}

impl SimClock {
    /// A clock that shows an instant.
    #[must_use]
    pub fn new(now: Timestamp) -> Self {
        Self(Arc::new(Hands {
            now_ms: AtomicI64::new(now.millis()),
            monotonic_ms: AtomicI64::new(0),
            doubtful: AtomicBool::new(false),
        }))
    }

    /// Time passes, on the wall and since the start.
    pub fn advance(&self, by: Duration) {
        let ms = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
        self.0.now_ms.fetch_add(ms, Ordering::Relaxed);
        self.0.monotonic_ms.fetch_add(ms, Ordering::Relaxed);
    }

    /// Time passes until the wall clock shows an instant; an instant that has passed changes nothing.
    pub fn advance_to(&self, at: Timestamp) {
        let ahead = at.since(self.now());
        self.advance(Duration::from_millis(u64::try_from(ahead).unwrap_or(0)));
    }

    /// The wall clock is set, forwards or back, and no time passes.
    pub fn set_wall(&self, now: Timestamp) {
        self.0.now_ms.store(now.millis(), Ordering::Relaxed);
    }

    /// Says whether the clock can be trusted.
    pub fn set_doubtful(&self, doubtful: bool) {
        self.0.doubtful.store(doubtful, Ordering::Relaxed);
    }
}

impl Clock for SimClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.now_ms.load(Ordering::Relaxed))
    }

    fn monotonic(&self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.monotonic_ms.load(Ordering::Relaxed)).unwrap_or(0))
    }

    fn is_doubtful(&self) -> bool {
        self.0.doubtful.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wall_can_jump_and_the_monotonic_clock_only_goes_on() {
        let clock = SimClock::new(Timestamp::from_millis(1_000));
        let other = clock.clone();
        clock.advance(Duration::from_millis(5));
        clock.set_wall(Timestamp::from_millis(10));
        assert_eq!((other.now().millis(), other.monotonic()), (10, Duration::from_millis(5)));
        clock.advance_to(Timestamp::from_millis(30));
        clock.advance_to(Timestamp::from_millis(20));
        assert_eq!((other.now().millis(), other.monotonic()), (30, Duration::from_millis(25)));
        assert!(!other.is_doubtful());
        clock.set_doubtful(true);
        assert!(other.is_doubtful());
    }
}
