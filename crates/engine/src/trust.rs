//! Whether the wall clock can be trusted: the broker puts its own time on what it takes, and the two are compared.

use std::time::Duration;

use dunning_rules::Timestamp;

use crate::{AppendTimes, Clock};

/// The wall clock may be away from the broker's by so much, in milliseconds.
pub const BOUND_MS: i64 = 60_000;
/// An answer that was away counts for so long: where brokers differ from each other, the doubt does not come and go with
/// each commit.
const LASTS: Duration = Duration::from_secs(60);

/// The machine's clocks at one moment.
#[derive(Clone, Copy, Debug)]
pub struct Reading {
    pub wall: Timestamp,
    pub monotonic: Duration,
}

impl Reading {
    pub fn of<C: Clock>(clock: &C) -> Self {
        Self { wall: clock.now(), monotonic: clock.monotonic() }
    }
}

/// What the broker's clock has said so far. Its first word is kept as long as the process lives and goes on with the
/// monotonic clock: a wall clock that is wrong from the start is noticed, and also one that is set later, even where the
/// broker's is set with it.
#[derive(Debug, Default)]
pub struct Trust {
    /// A transaction was committed: the broker had its say.
    heard: bool,
    first: Option<First>,
    /// By how much the wall clock was last away beyond the bound, and when.
    last: Option<(i64, Duration)>,
}

/// At the monotonic instant `at` it was between these two instants.
#[derive(Clone, Copy, Debug)]
struct First {
    at: Duration,
    from: Timestamp,
    to: Timestamp,
}

impl Trust {
    /// True once a transaction was committed.
    pub const fn has_heard(&self) -> bool {
        self.heard
    }

    /// Takes what the broker said of a transaction that was written between two readings; it took the records between
    /// them. True where this is the first transaction, and the broker says nothing.
    pub fn hear(&mut self, times: Option<AppendTimes>, before: Reading, after: Reading) -> bool {
        let is_first = !std::mem::replace(&mut self.heard, true);
        let Some(AppendTimes { first, last }) = times else { return is_first };
        let took = millis(after.monotonic.saturating_sub(before.monotonic));
        self.first.get_or_insert(First { at: after.monotonic, from: last, to: first.plus(took).max(last) });
        // The broker's time lies between the readings, unless one of the clocks is wrong.
        let away = farther(-beyond(first, before.wall, after.wall), -beyond(last, before.wall, after.wall));
        if away.abs() > BOUND_MS {
            self.last = Some((away, after.monotonic));
        }
        false
    }

    /// By how much the wall clock is away from the broker's, in milliseconds: more than 0 where it is ahead. `None`: the
    /// broker has not said its time.
    pub fn away(&self, now: Reading) -> Option<i64> {
        let First { at, from, to } = self.first?;
        let since = millis(now.monotonic.saturating_sub(at));
        let from_first = beyond(now.wall, from.plus(since), to.plus(since));
        let last = self.last.filter(|(_, at)| now.monotonic.saturating_sub(*at) < LASTS);
        Some(farther(from_first, last.map_or(0, |(away, _)| away)))
    }
}

/// How far an instant lies after a span, or, below 0, before it; 0 within.
fn beyond(at: Timestamp, from: Timestamp, to: Timestamp) -> i64 {
    if at > to { at.since(to) } else { at.since(from).min(0) }
}

fn farther(one: i64, other: i64) -> i64 {
    if other.abs() > one.abs() { other } else { one }
}

fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000;
    const HOUR: i64 = 3_600 * SECOND;

    /// The wall clock shows `wall`, and so many milliseconds have passed since the start.
    fn reading(wall: i64, passed: i64) -> Reading {
        Reading { wall: Timestamp::from_millis(wall), monotonic: Duration::from_millis(passed.unsigned_abs()) }
    }

    fn times(first: i64, last: i64) -> Option<AppendTimes> {
        Some(AppendTimes { first: Timestamp::from_millis(first), last: Timestamp::from_millis(last) })
    }

    #[test]
    fn the_wall_clock_is_away_by_what_the_broker_says_beyond_the_commit() {
        // (the broker's first and last time, the wall before and after the commit, how far it is away)
        let rows = [
            ("the broker took it meanwhile", (10, 10), (0, 20), 0),
            ("at the first moment", (0, 0), (0, 20), 0),
            ("at the last moment", (20, 20), (0, 20), 0),
            ("a commit that took long proves no more", (40 * SECOND, 40 * SECOND), (0, 90 * SECOND), 0),
            ("an hour ahead from the start", (0, 5), (HOUR, HOUR + 20), HOUR),
            ("an hour behind from the start", (HOUR, HOUR), (0, 20), 20 - HOUR),
            ("ahead by the bound", (0, 0), (BOUND_MS, BOUND_MS + 20), BOUND_MS),
            ("two brokers, of which one is an hour behind", (-HOUR, 10), (0, 20), HOUR),
        ];
        for (row, (first, last), (before, after), away) in rows {
            let mut trust = Trust::default();
            let (before, after) = (reading(before, 500), reading(after, 500 + after - before));
            trust.hear(times(first, last), before, after);
            assert_eq!(trust.away(after), Some(away), "{row}");
        }
    }

    #[test]
    fn the_first_word_goes_on_with_the_monotonic_clock() {
        let mut trust = Trust::default();
        let at_start = (reading(HOUR, 0), reading(HOUR + 20, 20));
        assert!(!trust.hear(times(10, 10), at_start.0, at_start.1));
        assert_eq!(trust.away(reading(2 * HOUR + 20, HOUR + 20)), Some(HOUR - 10), "still ahead");
        assert_eq!(trust.away(reading(HOUR + 15, HOUR + 20)), Some(0), "it was set right");
        // The broker's clock and the wall clock are set together: nobody knows which of them was right before.
        trust.hear(times(3 * HOUR, 3 * HOUR), reading(3 * HOUR, HOUR + 30), reading(3 * HOUR, HOUR + 30));
        assert_eq!(trust.away(reading(3 * HOUR, HOUR + 30)), Some(2 * HOUR - 40));
    }

    #[test]
    fn a_later_answer_that_is_away_counts_for_a_while() {
        let mut trust = Trust::default();
        trust.hear(times(0, 0), reading(0, 0), reading(0, 0));
        trust.hear(times(-HOUR, 20), reading(10, 10), reading(20, 20));
        let lasts = millis(LASTS);
        trust.hear(times(30, 30), reading(25, 25), reading(30, 30));
        assert_eq!(trust.away(reading(19 + lasts, 19 + lasts)), Some(HOUR + 10));
        assert_eq!(trust.away(reading(20 + lasts, 20 + lasts)), Some(0));
    }

    #[test]
    fn a_broker_that_does_not_say_its_time_is_noticed_once_and_nothing_is_known() {
        let mut trust = Trust::default();
        assert!(!trust.has_heard());
        assert!(trust.hear(None, reading(0, 0), reading(5, 5)));
        assert!(trust.has_heard());
        assert!(!trust.hear(None, reading(10, 10), reading(15, 15)));
        assert_eq!(trust.away(reading(HOUR, 20)), None);
        trust.hear(times(20, 20), reading(20, 20), reading(25, 25));
        assert_eq!(trust.away(reading(25, 25)), Some(0), "the topic was altered meanwhile");
    }
}
