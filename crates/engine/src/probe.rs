//! What simulations see of a lane.

use dunning_store::Stores;

use crate::lane::Lane;
use crate::{Broker, Clock, Partition};

impl<B: Broker, S: Stores, C: Clock> Lane<B, S, C> {
    /// Its place at the broker.
    pub fn broker_mut(&mut self) -> &mut B {
        &mut self.desk.broker
    }

    /// The shards that take input.
    pub fn shards(&self) -> impl Iterator<Item = Partition> {
        self.running().into_iter()
    }

    /// The shards of others that are kept ready.
    pub fn standbys(&self) -> impl Iterator<Item = Partition> {
        self.standbys.kept.keys().copied()
    }

    /// How many accounts each shard has in memory in full.
    pub fn live_accounts(&self) -> impl Iterator<Item = usize> {
        self.shards.values().map(|shard| shard.memory.live())
    }
}
