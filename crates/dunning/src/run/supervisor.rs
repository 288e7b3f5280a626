//! What ends a run: signals, lanes that fail. One loop waits for all of it.

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use dunning_engine::{BrokerError, LaneError};
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};

use super::Crew;
use crate::exit::{Exit, Failure};

/// The lanes commit and leave within this, or the process ends without them: what they did not commit is void.
const DRAIN: Duration = Duration::from_secs(30);

/// What can happen to the running program.
#[derive(Debug)]
pub enum Event {
    /// Somebody wants it to end.
    Signal(&'static str),
    /// A lane ended, by itself or as it was told.
    Ended(usize, Result<(), Failure>),
    /// Something beside the lanes says that the program cannot go on.
    Failed(Failure),
}

/// The runtime for HTTP and signals; lanes are not in it.
///
/// # Errors
/// [`Exit::System`].
pub fn runtime() -> Result<Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("http")
        .enable_all()
        .build()
        .map_err(|e| Failure::because(Exit::System, "threads cannot be started", e))
}

/// Sends an event at SIGTERM and SIGINT.
///
/// # Errors
/// [`Exit::System`].
pub fn watch_signals(runtime: &Runtime, events: &Sender<Event>) -> Result<(), Failure> {
    let _inside = runtime.enter();
    for (kind, name) in [(SignalKind::terminate(), "SIGTERM"), (SignalKind::interrupt(), "SIGINT")] {
        let mut signals = signal(kind).map_err(|e| Failure::because(Exit::System, "signals cannot be received", e))?;
        let events = events.clone();
        runtime.spawn(async move {
            while signals.recv().await.is_some() {
                if events.send(Event::Signal(name)).is_err() {
                    break;
                }
            }
        });
    }
    Ok(())
}

/// Waits until every lane has ended: because of a signal, or because one failed and the others were told to end.
///
/// # Errors
/// The first failure; [`Exit::Slow`] where the lanes did not end in time.
pub fn supervise(crew: &Crew, events: &Receiver<Event>) -> Result<(), Failure> {
    let mut working = crew.lanes();
    let mut failed: Option<Failure> = None;
    let mut drain: Option<Instant> = None;
    while working > 0 {
        let event = match drain {
            None => events.recv().map_err(|_| RecvTimeoutError::Disconnected),
            Some(until) => events.recv_timeout(until.saturating_duration_since(Instant::now())),
        };
        match event {
            Ok(Event::Signal(name)) if drain.is_some() => {
                tracing::warn!(signal = name, "second signal: ends at once; what is not committed is void");
                return Err(failed.unwrap_or_else(|| slow("a second signal came before the end")));
            }
            Ok(Event::Signal(name)) => {
                tracing::info!(signal = name, deadline_s = DRAIN.as_secs(), "told to end: workers commit what is done");
            }
            Ok(Event::Ended(lane, Ok(()))) => {
                working -= 1;
                tracing::info!(lane, working, "worker ended: all committed, store flushed, group left");
            }
            Ok(Event::Ended(lane, Err(failure))) => {
                working -= 1;
                tracing::error!(lane, working, "worker failed: {}", failure.chain());
                failed.get_or_insert(failure);
            }
            Ok(Event::Failed(failure)) => {
                tracing::error!("workers are told to end: {}", failure.chain());
                failed.get_or_insert(failure);
            }
            Err(RecvTimeoutError::Timeout) => {
                return Err(failed.unwrap_or_else(|| slow("workers did not end in time; the broker may be away")));
            }
            Err(RecvTimeoutError::Disconnected) => break,
        }
        if drain.is_none() {
            crew.stop();
            drain = Some(Instant::now() + DRAIN);
        }
    }
    match failed {
        Some(failure) => Err(failure),
        None => {
            tracing::info!("ended");
            Ok(())
        }
    }
}

fn slow(why: &str) -> Failure {
    Failure::new(Exit::Slow, format!("{why}; what was not committed is done again at the next start"))
}

/// Why a lane ended, with the code for it.
#[must_use]
pub fn failure(error: LaneError) -> Failure {
    let exit = match &error {
        LaneError::Broker(e) => broker_exit(e),
        LaneError::Fenced(_) => Exit::Fenced,
        LaneError::Store(_) => Exit::Directory,
        LaneError::NoStart(_) => Exit::Start,
        LaneError::Policy(_) => Exit::Policy,
        LaneError::State(_) => Exit::State,
        LaneError::Expired(_) => Exit::Expired,
    };
    Failure::because(exit, "a worker cannot go on", error)
}

fn broker_exit(error: &BrokerError) -> Exit {
    let text = error.text.to_lowercase();
    match () {
        () if text.contains("authoriz") || text.contains("authentic") => Exit::Refused,
        () if text.contains("partitions") => Exit::Partitions,
        () => Exit::Unreachable,
    }
}

/// A failure of the program itself, from a thread that panicked.
pub(super) fn panicked(lane: usize, cause: &(dyn std::any::Any + Send)) -> Failure {
    let text = cause.downcast_ref::<&str>().copied().or_else(|| cause.downcast_ref::<String>().map(String::as_str));
    Failure::new(Exit::Internal, format!("worker {lane} panicked: {}", text.unwrap_or("no words")))
}
