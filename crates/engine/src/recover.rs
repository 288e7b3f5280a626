//! What a lane does when something failed: void batches, doubt about a commit, a broker that is away.

use dunning_store::Stores;

use crate::desk::Halt;
use crate::lane::Lane;
use crate::planted::Planted;
use crate::shard::Shard;
use crate::{Broker, Clock, ErrorKind, LaneError, Partition, Polled, Witnessed};

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
        if doubt {
            self.renew = true;
        } else if open {
            self.desk.meters.transactions.add("aborted", 1);
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
        self.restored.clear();
        self.opening.extend(std::mem::take(&mut self.shards).into_keys());
        Ok(())
    }

    /// Makes a new producer and opens shards, where that is to be done; false while the broker is away.
    pub(crate) fn resume_work(&mut self) -> Result<bool, Halt> {
        if self.renew {
            match self.desk.broker.renew() {
                Ok(()) => self.renew = false,
                Err(error) => return self.wait_or_end(error),
            }
        }
        while let Some(partition) = self.opening.first().copied() {
            match self.open(partition) {
                Ok(()) => {
                    self.opening.remove(&partition);
                }
                Err(Halt::Void(error) | Halt::Unknown(error)) => return self.wait_or_end(error),
                Err(halt) => return Err(halt),
            }
        }
        Ok(true)
    }

    fn wait_or_end(&mut self, error: crate::BrokerError) -> Result<bool, Halt> {
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
        let identity = Shard::<S::Store>::identity(partition, &self.desk.settings);
        let (store, opened) = self.stores.open(&identity).map_err(|e| Halt::store(partition, e))?;
        tracing::info!(partition, ?opened, "store opened");
        let shard = Shard::open(partition, store, &self.stores, &mut self.desk)?;
        self.shards.insert(partition, shard);
        Ok(())
    }
}
