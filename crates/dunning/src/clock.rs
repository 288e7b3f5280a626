//! The clock of the real world.

use std::time::{Duration, Instant, SystemTime};

use dunning_engine::Clock;
use dunning_rules::Timestamp;

/// Now, from the machine's clocks.
#[derive(Clone, Copy, Debug)]
pub struct WallClock {
    began: Instant,
    /// What the wall showed then, in milliseconds since 1970.
    wall: i64,
    bound: Duration,
}

/// A step of the wall clock that is still trusted.
const BOUND: Duration = Duration::from_secs(60);

impl Default for WallClock {
    fn default() -> Self {
        Self::new(BOUND)
    }
}

impl WallClock {
    /// A clock that is in doubt once the wall clock has stepped by more than `bound` since now.
    #[must_use]
    pub fn new(bound: Duration) -> Self {
        Self { began: Instant::now(), wall: wall(), bound }
    }
}

impl Clock for WallClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(wall())
    }

    fn monotonic(&self) -> Duration {
        self.began.elapsed()
    }

    fn is_doubtful(&self) -> bool {
        has_stepped(wall().saturating_sub(self.wall), self.began.elapsed(), self.bound)
    }
}

/// True where wall time (in milliseconds) and monotonic time that went by differ by more than a bound.
fn has_stepped(wall: i64, monotonic: Duration, bound: Duration) -> bool {
    i128::from(wall).abs_diff(millis(monotonic)) > millis(bound).unsigned_abs()
}

fn millis(time: Duration) -> i128 {
    i128::try_from(time.as_millis()).unwrap_or(i128::MAX)
}

/// Milliseconds since 1970; less than 0 where the clock stands before it.
fn wall() -> i64 {
    let millis = match SystemTime::now().duration_since(SystemTime::UNIX_EPOCH) {
        Ok(after) => millis(after),
        Err(before) => -millis(before.duration()),
    };
    i64::try_from(millis).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_beyond_the_bound_is_doubt_in_either_direction() {
        let minute = Duration::from_secs(60);
        let hour = Duration::from_secs(3_600);
        assert!(!has_stepped(3_600_000, hour, minute));
        assert!(!has_stepped(3_660_000, hour, minute));
        assert!(has_stepped(3_660_001, hour, minute));
        assert!(has_stepped(3_539_999, hour, minute));
        assert!(has_stepped(-5, hour, minute));
    }

    #[test]
    fn a_clock_that_is_left_alone_is_trusted() {
        let clock = WallClock::default();
        assert!(!clock.is_doubtful());
        assert!(clock.now().millis() > 1_700_000_000_000);
        assert!(clock.monotonic() < Duration::from_secs(60));
    }
}
