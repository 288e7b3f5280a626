//! Waiting for what is away: said once, shown in `/readyz`, and ended by a signal.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};

use dunning_engine::{BrokerError, ErrorKind, Gauge, LaneError};

use super::{Event, TRY_AGAIN};
use crate::exit::Failure;
use crate::http::health::Health;

/// What became of an attempt that did not succeed.
#[derive(Debug)]
pub(super) enum Attempt {
    /// It is away: try again.
    Again(String),
    /// It will never succeed.
    Failed(Failure),
}

/// Waits on the main thread.
#[derive(Debug)]
pub(super) struct Waits<'a> {
    events: &'a Receiver<Event>,
    health: &'a Health,
}

impl<'a> Waits<'a> {
    pub(super) const fn new(events: &'a Receiver<Event>, health: &'a Health) -> Self {
        Self { events, health }
    }

    /// Tries until it succeeds. `None`: told to end meanwhile.
    pub(super) fn until<T>(
        &mut self,
        waits: &Gauge,
        mut attempt: impl FnMut() -> Result<T, Attempt>,
    ) -> Result<Option<T>, Failure> {
        let mut share = Share::new(waits);
        loop {
            match attempt() {
                Ok(value) => return Ok(Some(value)),
                Err(Attempt::Failed(failure)) => return Err(failure),
                Err(Attempt::Again(text)) => share.away(&text),
            }
            self.health.all_turned();
            match self.events.recv_timeout(TRY_AGAIN) {
                Err(RecvTimeoutError::Timeout) => {}
                Ok(Event::Failed(failure)) => return Err(failure),
                Ok(Event::Signal(_) | Event::Ended(..)) | Err(RecvTimeoutError::Disconnected) => return Ok(None),
            }
        }
    }
}

/// Waits on a lane's thread for the broker. `None`: told to end meanwhile.
pub(super) fn on_lane<T>(
    waits: &Gauge,
    stop: &AtomicBool,
    mut turned: impl FnMut(),
    mut attempt: impl FnMut() -> Result<T, BrokerError>,
) -> Result<Option<T>, Failure> {
    let mut share = Share::new(waits);
    while !stop.load(Ordering::Relaxed) {
        match attempt() {
            Ok(value) => return Ok(Some(value)),
            Err(e) if e.kind == ErrorKind::Retry => share.away(&e.to_string()),
            Err(e) if e.kind == ErrorKind::Fenced => return Err(super::failure(LaneError::Fenced(e))),
            Err(e) => return Err(super::failure(LaneError::Broker(e))),
        }
        turned();
        std::thread::sleep(TRY_AGAIN);
    }
    Ok(None)
}

/// An error that passes by itself.
pub(super) fn retry(doing: &'static str, text: &str) -> BrokerError {
    BrokerError { kind: ErrorKind::Retry, doing, text: text.to_owned() }
}

/// One waiter's share of a gauge; given back when it ends.
struct Share<'a> {
    gauge: &'a Gauge,
    share: i64,
}

impl<'a> Share<'a> {
    const fn new(gauge: &'a Gauge) -> Self {
        Self { gauge, share: 0 }
    }

    /// Says so the first time.
    fn away(&mut self, text: &str) {
        if self.share == 0 {
            tracing::warn!(reason = text, "waits and tries again");
            self.gauge.share(&mut self.share, 1);
        }
    }
}

impl Drop for Share<'_> {
    fn drop(&mut self) {
        if self.share != 0 {
            self.gauge.share(&mut self.share, 0);
            tracing::info!("waits no more");
        }
    }
}
