//! Lanes on threads.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::time::Duration;

use dunning_engine::{Broker, Clock, Lane};
use dunning_store::Stores;

use super::Event;
use crate::exit::{Exit, Failure};
use crate::http::health::Health;

/// How long a turn waits where there is nothing to do: a stop and a question wait as long.
const WAIT: Duration = Duration::from_millis(100);

/// The lanes of a process and their common wish to end.
#[derive(Debug)]
pub struct Crew {
    stop: Arc<AtomicBool>,
    health: Arc<Health>,
    lanes: usize,
}

impl Crew {
    /// No lane yet.
    #[must_use]
    pub fn new(health: Arc<Health>) -> Self {
        Self { stop: Arc::default(), health, lanes: 0 }
    }

    /// How many lanes were started.
    #[must_use]
    pub const fn lanes(&self) -> usize {
        self.lanes
    }

    /// Tells all to end.
    pub fn stop(&self) {
        self.health.stop();
        self.stop.store(true, Ordering::Relaxed);
    }

    /// Starts a thread: `make` makes its lane there, as a lane stays on one thread (`None`: told to end meanwhile), and the
    /// lane works until the crew is told to end or it fails. Either way an event says so.
    ///
    /// # Errors
    /// [`Exit::System`] where there is no thread to be had.
    pub fn start<B, S, C>(
        &mut self,
        events: Sender<Event>,
        make: impl FnOnce(&AtomicBool, &Health) -> Result<Option<Lane<B, S, C>>, Failure> + Send + 'static,
    ) -> Result<(), Failure>
    where
        B: Broker,
        S: Stores,
        C: Clock,
    {
        let (index, stop, health) = (self.lanes, Arc::clone(&self.stop), Arc::clone(&self.health));
        let body = move || {
            // A panic is a fault of ours. The state is safe, as only committed transactions count; the process ends.
            let result = catch_unwind(AssertUnwindSafe(|| match make(&stop, &health)? {
                Some(lane) => work(lane, index, &stop, &health),
                None => Ok(()),
            }));
            let result = result.unwrap_or_else(|cause| Err(super::supervisor::panicked(index, cause.as_ref())));
            // Nobody listens once the process ends for another reason.
            let _ = events.send(Event::Ended(index, result));
        };
        std::thread::Builder::new()
            .name(format!("lane-{index}"))
            .spawn(body)
            .map_err(|e| Failure::because(Exit::System, "a worker's thread cannot be started", e))?;
        self.lanes += 1;
        Ok(())
    }
}

/// A lane's life: it turns until it is told to end, then commits, flushes and leaves.
///
/// # Errors
/// What ended it.
pub fn work<B, S, C>(mut lane: Lane<B, S, C>, index: usize, stop: &AtomicBool, health: &Health) -> Result<(), Failure>
where
    B: Broker,
    S: Stores,
    C: Clock,
{
    while !stop.load(Ordering::Relaxed) {
        lane.turn(WAIT).map_err(super::failure)?;
        health.turned(index);
    }
    tracing::info!(lane = index, "worker commits what is done");
    lane.stop().map_err(super::failure)
}
