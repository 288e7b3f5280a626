//! Ends the process when a call that has no end of its own lasts too long: librdkafka's calls around the end of a
//! transaction can ignore their timeouts. To end is safe: nothing counts but what was committed.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use crate::exit::Exit;

/// Watches one thread's calls.
#[derive(Debug)]
pub(crate) struct Watch {
    began: Instant,
    limit: Duration,
    /// Milliseconds since `began` at which the call is overdue; 0: none is running.
    due: Arc<AtomicU64>,
}

impl Watch {
    /// A watch with a limit for each call. Its thread ends with it.
    pub(crate) fn new(limit: Duration) -> std::io::Result<Self> {
        let watch = Self { began: Instant::now(), limit, due: Arc::default() };
        let (began, due) = (watch.began, Arc::downgrade(&watch.due));
        std::thread::Builder::new().name("watch".to_owned()).spawn(move || look(began, &due))?;
        Ok(watch)
    }

    /// Makes a call under the watch.
    pub(crate) fn over<T>(&self, call: impl FnOnce() -> T) -> T {
        self.due.store(millis(self.began.elapsed() + self.limit).max(1), Ordering::Relaxed);
        let result = call();
        self.due.store(0, Ordering::Relaxed);
        result
    }
}

fn look(began: Instant, due: &Weak<AtomicU64>) {
    while let Some(due) = due.upgrade() {
        if is_overdue(due.load(Ordering::Relaxed), began.elapsed()) {
            tracing::error!("the end of a transaction hangs: ending the process; a restart is safe");
            std::process::exit(i32::from(Exit::Unreachable.code()));
        }
        drop(due);
        std::thread::sleep(Duration::from_millis(500));
    }
}

fn is_overdue(due: u64, now: Duration) -> bool {
    due != 0 && millis(now) > due
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_call_that_runs_can_be_overdue() {
        assert!(!is_overdue(0, Duration::from_secs(100)));
        assert!(!is_overdue(5_000, Duration::from_secs(5)));
        assert!(is_overdue(5_000, Duration::from_millis(5_001)));
    }

    #[test]
    fn a_call_gives_its_result_and_is_over() {
        let watch = Watch::new(Duration::from_secs(60)).expect("a thread");
        assert_eq!(watch.over(|| 7), 7);
        assert_eq!(watch.due.load(Ordering::Relaxed), 0);
    }
}
