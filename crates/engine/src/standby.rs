//! Warm standbys: shards of other processes that this lane keeps ready, because the group would give them to it. A
//! standby reads the state topic and nothing else, and decides nothing. Whatever is wrong with it, it is begun anew: it
//! never ends the lane.

use std::collections::BTreeMap;
use std::time::Duration;

use dunning_store::{Store, StoreError, Stores};

use crate::desk::Halt;
use crate::lane::Lane;
use crate::leaving;
use crate::retry::Retry;
use crate::shard::{Phase, Place, Shard};
use crate::{Broker, Clock, ErrorKind, Partition, Record};

/// The group is asked this often which shards would come to this lane.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// A standby that is no longer wanted is kept for so long: while shards move, answers come and go.
const KEEP: Duration = Duration::from_secs(5);

/// A shard of another process, ready to be taken over.
#[derive(Debug)]
pub struct Standby<S> {
    pub shard: Shard<S>,
    /// The state topic is read. Where it is not, reading begins anew behind the last record taken.
    reading: bool,
    retry: Retry,
    /// Since when it is not wanted any more.
    unwanted: Option<Duration>,
}

/// The standbys of a lane.
#[derive(Debug)]
pub struct Standbys<S> {
    pub kept: BTreeMap<Partition, Standby<S>>,
    /// Wanted and not open yet.
    opening: BTreeMap<Partition, Retry>,
    /// When the group is asked next.
    ask: Duration,
}

impl<S> Default for Standbys<S> {
    fn default() -> Self {
        Self { kept: BTreeMap::new(), opening: BTreeMap::new(), ask: Duration::ZERO }
    }
}

impl<S: Store> Standbys<S> {
    /// Shards have moved: what was known of the group is out of date.
    pub fn moved(&mut self) {
        self.ask = Duration::ZERO;
    }

    /// Records on their way were thrown away: reading begins anew.
    pub fn interrupt(&mut self) {
        self.kept.values_mut().for_each(|s| s.reading = false);
    }

    /// A standby whose shard is this lane's now. None is opened for it any more.
    pub fn promote(&mut self, partition: Partition) -> Option<Shard<S>> {
        self.opening.remove(&partition);
        self.kept.remove(&partition).map(|s| s.shard)
    }

    /// Bytes that wait for the stores.
    pub fn dirty_bytes(&self) -> usize {
        self.kept.values().map(|s| s.shard.memory.dirty_bytes()).sum()
    }

    /// The end of the state topic was reached.
    pub fn end(&mut self, partition: Partition, offset: i64) {
        if let Some(standby) = self.kept.get_mut(&partition).filter(|s| s.reading) {
            standby.shard.read_to(offset);
        }
    }

    /// Notes which shards are wanted.
    fn want(&mut self, wanted: &[Partition], now: Duration) {
        for (partition, standby) in &mut self.kept {
            let since = standby.unwanted.unwrap_or(now);
            standby.unwanted = (!wanted.contains(partition)).then_some(since);
        }
        self.opening.retain(|p, _| wanted.contains(p));
        for partition in wanted.iter().filter(|p| !self.kept.contains_key(p)) {
            self.opening.entry(*partition).or_default();
        }
    }
}

impl<B: Broker, S: Stores, C: Clock> Lane<B, S, C> {
    /// Looks after the standbys. What goes wrong is met here.
    pub(crate) fn keep_standbys(&mut self) {
        let now = self.desk.clock.monotonic();
        if self.desk.settings.standby == 0 {
            return;
        }
        if now >= self.standbys.ask {
            self.standbys.ask = now + LOOK_EVERY;
            match self.desk.broker.candidates(self.desk.settings.standby) {
                Ok(Some(mut wanted)) => {
                    wanted.retain(|p| !self.shards.contains_key(p) && !self.opening.contains_key(p));
                    self.standbys.want(&wanted, now);
                }
                Ok(None) => {}
                Err(error) => tracing::debug!(%error, "whose standbys are to be kept is not known"),
            }
        }
        self.drop_unwanted(now);
        self.open_standby(now);
        self.follow_standbys(now);
    }

    /// A record of the state topic of a standby's shard.
    pub(crate) fn standby_record(&mut self, record: &Record) {
        let (now, wall) = (self.desk.clock.monotonic(), self.desk.clock.now());
        let Some(standby) = self.standbys.kept.get_mut(&record.partition).filter(|s| s.reading) else { return };
        if let Err(halt) = standby.shard.restore_record(record, now, wall) {
            self.begin_anew(record.partition, &format!("{halt:?}"));
        }
    }

    /// A standby is of no use any more: its store is deleted, and it begins anew from the state topic.
    pub(crate) fn begin_anew(&mut self, partition: Partition, why: &str) {
        let Some(standby) = self.standbys.kept.remove(&partition) else { return };
        tracing::warn!(partition, why, "a standby begins anew");
        self.desk.meters.standbys_renewed.one();
        let identity = Shard::<S::Store>::identity(partition, &self.desk.settings);
        if let Err(error) = self.stores.renew(&identity, standby.shard.store, why) {
            tracing::warn!(partition, %error, "a standby's store could not be renewed");
        }
        self.untail(partition);
        let mut retry = standby.retry;
        retry.failed(self.desk.clock.monotonic());
        self.standbys.opening.insert(partition, retry);
    }

    /// Closes every standby, for the end of the lane.
    pub(crate) fn drop_standbys(&mut self) {
        for (_, mut standby) in std::mem::take(&mut self.standbys.kept) {
            let _ = follow(&mut standby.shard, Duration::ZERO);
        }
    }

    fn untail(&mut self, partition: Partition) {
        if let Err(error) = self.desk.broker.untail(partition) {
            tracing::warn!(partition, %error, "a standby's reading could not be stopped");
        }
    }

    fn drop_unwanted(&mut self, now: Duration) {
        let over = |s: &Standby<_>| s.unwanted.is_some_and(|since| now.saturating_sub(since) >= KEEP);
        let gone: Vec<_> = self.standbys.kept.iter().filter(|(_, s)| over(s)).map(|(p, _)| *p).collect();
        for partition in gone {
            self.untail(partition);
            let Some(mut standby) = self.standbys.kept.remove(&partition) else { continue };
            // What the store has not seen is read again.
            let _ = follow(&mut standby.shard, now);
            tracing::info!(partition, "standby is no longer wanted");
        }
    }

    /// Opens one that is wanted, or goes on to read one that was interrupted: at most one a round.
    fn open_standby(&mut self, now: Duration) {
        let interrupted = self.standbys.kept.iter_mut().find(|(_, s)| !s.reading && s.retry.is_due(now));
        if let Some((partition, standby)) = interrupted {
            let partition = *partition;
            match self.desk.broker.tail(partition, standby.shard.next_state()) {
                Ok(()) => {
                    standby.reading = true;
                    standby.retry = Retry::default();
                }
                Err(error) if error.kind == ErrorKind::Abort => self.begin_anew(partition, &error.text),
                Err(_) => drop(standby.retry.failed(now)),
            }
            return;
        }
        let due = self.standbys.opening.iter().find(|(_, retry)| retry.is_due(now));
        let Some((partition, retry)) = due.map(|(p, r)| (*p, *r)) else { return };
        match self.new_standby(partition) {
            Ok(shard) => {
                self.standbys.opening.remove(&partition);
                self.standbys.kept.insert(partition, Standby { shard, reading: true, retry, unwanted: None });
            }
            Err(halt) => {
                if let Some(retry) = self.standbys.opening.get_mut(&partition) {
                    retry.failed(now);
                }
                tracing::warn!(partition, ?halt, "a standby could not be opened and is tried again");
            }
        }
    }

    fn new_standby(&mut self, partition: Partition) -> Result<Shard<S::Store>, Halt> {
        let identity = Shard::<S::Store>::identity(partition, &self.desk.settings);
        let (store, opened) = self.stores.open(&identity).map_err(|e| Halt::store(partition, e))?;
        tracing::info!(partition, ?opened, "standby begins");
        Shard::open(partition, store, &self.stores, &mut self.desk, |broker, from| broker.tail(partition, from))
    }

    fn follow_standbys(&mut self, now: Duration) {
        let settings = &self.desk.settings;
        let full = self.standbys.dirty_bytes() >= settings.flush_bytes;
        let due = |s: &Shard<_>| full || now.saturating_sub(s.followed) >= settings.flush_every;
        let mut failed = None;
        for (partition, standby) in &mut self.standbys.kept {
            if standby.shard.memory.dirty_bytes() > 0
                && due(&standby.shard)
                && let Err(error) = follow(&mut standby.shard, now)
            {
                failed = Some((*partition, error.to_string()));
            }
        }
        let (within, wall) = (settings.erased_within, self.desk.clock.now());
        let leaves = |standby: &Standby<_>| standby.shard.leaving.is_due(within, wall);
        let leaving = self.standbys.kept.iter().find(|(_, standby)| leaves(standby)).map(|(partition, _)| *partition);
        let leaving = leaving.map(|partition| (partition, leaving::WHY.to_owned()));
        for (partition, why) in failed.into_iter().chain(leaving) {
            self.begin_anew(partition, &why);
        }
    }
}

/// The store follows what was read so far.
fn follow<S: Store>(shard: &mut Shard<S>, now: Duration) -> Result<(), StoreError> {
    shard.followed = now;
    // Before the first checkpoint there is nothing that a store could be opened with.
    let Phase::Restoring { checkpoint: Some(checkpoint), next, .. } = &shard.phase else { return Ok(()) };
    let (checkpoint, next) = (checkpoint.clone(), *next);
    let all = shard.memory.dirty();
    shard.put_in_store(Place { state: next, ..shard.place }, &checkpoint, all)
}
