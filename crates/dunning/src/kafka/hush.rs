//! What librdkafka says, brought to our own measure: while a broker is away it speaks ten times a second.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Lets one line through in a while.
#[derive(Debug, Default)]
pub(crate) struct Hush(Mutex<Option<Instant>>);

const WHILE: Duration = Duration::from_secs(10);

impl Hush {
    /// True at most once in a while.
    pub(crate) fn may_speak(&self) -> bool {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let may = last.is_none_or(|l| l.elapsed() >= WHILE);
        if may {
            *last = Some(Instant::now());
        }
        may
    }
}

/// Passes on a line of librdkafka's log, with a level as syslog counts them.
pub(crate) fn log(level: i32, fac: &str, message: &str) {
    match level {
        // These come as errors of the client too, and pass by themselves.
        _ if matches!(fac, "FAIL" | "ERROR") => tracing::debug!(target: "librdkafka", "{fac} {message}"),
        0..=4 => tracing::warn!(target: "librdkafka", "{fac} {message}"),
        5 | 6 => tracing::info!(target: "librdkafka", "{fac} {message}"),
        _ => tracing::debug!(target: "librdkafka", "{fac} {message}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_in_a_while() {
        let hush = Hush::default();
        assert!(hush.may_speak());
        assert!(!hush.may_speak());
    }
}
