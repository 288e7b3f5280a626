//! What a lane does when something failed: void batches, doubt about a commit, a broker that is away.

use std::collections::BTreeMap;
use std::time::Duration;

use dunning_store::Stores;

use crate::desk::Halt;
use crate::lane::Lane;
use crate::planted::Planted;
use crate::retry::Retry;
use crate::shard::{Phase, Shard};
use crate::{Broker, BrokerError, Clock, ErrorKind, LaneError, Partition, Polled, Witnessed};

/// A store that another holds is waited for so long: a lane of this process that has not heard yet that the shard is no
/// longer its own, a process that ends. Then it is one that does not let go.
const BUSY_MAX: Duration = Duration::from_secs(60);
/// A restoration that stands still for so long may wait for a transaction that its last writer left open.
const STALLED: Duration = Duration::from_secs(1);
/// One that stands still for so long waits for a transaction that nobody ends any more: whoever has a shard's transaction open
/// for longer has lost the shard long ago.
const HANGS: Duration = Duration::from_secs(60);

impl<B: Broker, S: Stores, C: Clock> Lane<B, S, C> {
    /// Meets what stopped a round: what was not committed is forgotten, and every shard goes back to what is.
    pub(crate) fn recover(&mut self, halt: Halt) -> Result<(), LaneError> {
        let keeps = Planted::OverlayKeptAfterAbort.is_on() && matches!(halt, Halt::Void(_));
        let doubt = match halt {
            Halt::End(error) => return Err(error),
            Halt::Store(partition, why) => {
                tracing::warn!(partition, why, "a store failed and is rebuilt");
                false
            }
            Halt::Anew(partition) => {
                tracing::info!(partition, "what was erased leaves the disk: the store is rebuilt");
                false
            }
            Halt::Busy(partition, error) => {
                tracing::warn!(partition, %error, "a store is held by another");
                false
            }
            Halt::Void(error) => {
                tracing::warn!(%error, "the batch is void: back to the last checkpoint");
                false
            }
            Halt::Unknown(error) => {
                tracing::warn!(%error, "whether the batch was committed is not known: a new producer looks");
                self.desk.meters.transactions.add("unknown", 1);
                true
            }
        };
        self.desk.broker.witness(&Witnessed::Void);
        let open = std::mem::take(&mut self.desk.batch).open;
        if open && !doubt {
            self.desk.meters.transactions.add("aborted", 1);
        }
        self.renew |= doubt;
        if open && !self.renew {
            match self.desk.broker.abort() {
                Ok(()) => {}
                Err(error) if error.kind == ErrorKind::Fenced => return Err(LaneError::Fenced(error)),
                Err(_) => self.renew = true,
            }
        }
        if keeps {
            return Ok(());
        }
        self.polled.retain(|p| matches!(p, Polled::Membership(_)));
        self.standbys.interrupt();
        self.opening.extend(std::mem::take(&mut self.shards).into_keys().map(|p| (p, Retry::default())));
        Ok(())
    }

    /// Makes a new producer and opens shards, where that is to be done; false where nothing can be written. A shard that
    /// cannot be brought on is tried again later: the others go on.
    pub(crate) fn resume_work(&mut self) -> Result<bool, Halt> {
        if self.renew {
            match self.desk.broker.renew() {
                Ok(()) => self.renew = false,
                Err(error) => return self.wait_or_end(error),
            }
        }
        let now = self.desk.clock.monotonic();
        // One a round: to load a large store takes a moment, and the others have their turn in between.
        if let Some(partition) = first_due(&self.opening, now) {
            match self.open(partition) {
                Ok(()) => drop(self.opening.remove(&partition)),
                Err(halt) => {
                    let retry = self.opening.entry(partition).or_default();
                    put_off(retry, partition, now, halt)?;
                }
            }
        }
        self.finish_restoring(now)?;
        self.unblock(now)?;
        Ok(true)
    }

    /// True where a shard waits for the broker or for its store.
    pub(crate) fn is_held_up(&self) -> bool {
        self.opening.values().any(Retry::has_failed)
            || self.shards.values().any(|s| s.is_whole() && s.retry.has_failed())
    }

    /// True where a shard can be brought on at once.
    pub(crate) fn has_openings(&self) -> bool {
        first_due(&self.opening, self.desk.clock.monotonic()).is_some()
    }

    /// Shards that were read in whole take their places in the inputs.
    fn finish_restoring(&mut self, now: Duration) -> Result<(), Halt> {
        for shard in self.shards.values_mut().filter(|s| s.is_whole() && !s.is_tracing() && s.retry.is_due(now)) {
            match shard.take_place(&mut self.desk) {
                Ok(()) if shard.is_running() => {
                    shard.mend(&mut self.desk)?;
                    shard.check_policy(&mut self.desk)?;
                }
                Ok(()) => {}
                Err(halt) => put_off(&mut shard.retry, shard.partition, now, halt)?,
            }
        }
        Ok(())
    }

    /// A restoration that stands still waits for a transaction that the shard's last writer left open: it is ended.
    fn unblock(&mut self, now: Duration) -> Result<(), Halt> {
        for shard in self.shards.values_mut() {
            let Phase::Restoring { since, looked, whole, .. } = &shard.phase else { continue };
            if *whole && !shard.is_tracing() || now.saturating_sub(*since.max(looked)) < STALLED {
                continue;
            }
            let hangs = now.saturating_sub(*since) >= HANGS;
            match if hangs { shard.end_hanging(&mut self.desk) } else { shard.end_last_writer(&mut self.desk) } {
                // It is looked at again.
                Err(Halt::Void(error)) if error.kind == ErrorKind::Retry => {
                    tracing::warn!(partition = shard.partition, %error, "an open transaction could not be looked for");
                }
                other => other?,
            }
        }
        Ok(())
    }

    fn wait_or_end(&mut self, error: BrokerError) -> Result<bool, Halt> {
        match error.kind {
            ErrorKind::Fenced | ErrorKind::Fatal => Err(error.into()),
            ErrorKind::Retry | ErrorKind::Abort | ErrorKind::Unknown => {
                tracing::warn!(%error, "the broker is away: waiting");
                self.gauges.broker_away(&self.desk.meters, true);
                Ok(false)
            }
        }
    }

    fn open(&mut self, partition: Partition) -> Result<(), Halt> {
        if let Some(mut shard) = self.standbys.promote(partition) {
            match shard.promote(&mut self.desk) {
                Ok(()) => drop(self.shards.insert(partition, shard)),
                // Its store is closed and opened again: it has most of what the standby had.
                Err(error) => tracing::warn!(partition, %error, "a standby could not take over"),
            }
        }
        if self.shards.contains_key(&partition) {
            return Ok(());
        }
        let identity = Shard::<S::Store>::identity(partition, &self.desk.settings);
        let (store, opened) = self.stores.open(&identity).map_err(|e| Halt::store(partition, e))?;
        tracing::info!(partition, ?opened, "store opened");
        let read = |broker: &mut B, from| broker.restore(partition, from);
        let shard = Shard::open(partition, store, &self.stores, &mut self.desk, read)?;
        self.shards.insert(partition, shard);
        Ok(())
    }
}

fn first_due(opening: &BTreeMap<Partition, Retry>, now: Duration) -> Option<Partition> {
    opening.iter().find(|(_, retry)| retry.is_due(now)).map(|(partition, _)| *partition)
}

/// A shard could not be brought on: it is tried again later, unless it never will be.
fn put_off(retry: &mut Retry, partition: Partition, now: Duration, halt: Halt) -> Result<(), Halt> {
    let lasted = retry.failed(now);
    match halt {
        Halt::Void(error) | Halt::Unknown(error) => {
            tracing::warn!(partition, %error, "a shard waits for the broker");
        }
        Halt::Store(_, why) => tracing::warn!(partition, why, "a store failed and is tried again"),
        Halt::Anew(_) => {}
        Halt::Busy(_, error) if lasted < BUSY_MAX => tracing::warn!(partition, %error, "a shard waits for its store"),
        Halt::Busy(_, error) => return Err(Halt::End(LaneError::Store(error))),
        Halt::End(error) => return Err(Halt::End(error)),
    }
    Ok(())
}
