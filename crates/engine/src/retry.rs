use std::time::Duration;

/// Between the first attempt and the second.
const FIRST: Duration = Duration::from_millis(100);
/// Between two attempts at most.
const MOST: Duration = Duration::from_secs(5);

/// Something that is tried until it succeeds, ever less often.
#[derive(Clone, Copy, Debug, Default)]
pub struct Retry {
    /// When it failed first.
    since: Option<Duration>,
    due: Duration,
    wait: Duration,
}

impl Retry {
    /// True where it is time for an attempt.
    pub fn is_due(&self, now: Duration) -> bool {
        now >= self.due
    }

    /// True where the last attempt failed.
    pub fn has_failed(&self) -> bool {
        self.since.is_some()
    }

    /// An attempt failed; for how long they have by now.
    pub fn failed(&mut self, now: Duration) -> Duration {
        self.wait = (self.wait * 2).clamp(FIRST, MOST);
        self.due = now + self.wait;
        now.saturating_sub(*self.since.get_or_insert(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_come_ever_less_often() {
        let (mut retry, mut now, mut dues) = (Retry::default(), Duration::ZERO, Vec::new());
        assert!(retry.is_due(now) && !retry.has_failed());
        for _ in 0..8 {
            let lasted = retry.failed(now);
            assert_eq!(lasted, now);
            assert!(retry.has_failed() && !retry.is_due(now));
            dues.push(retry.wait.as_millis());
            now = retry.due;
            assert!(retry.is_due(now));
        }
        assert_eq!(dues, [100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000]);
    }
}
