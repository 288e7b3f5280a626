//! The accounts of a shard in memory: hot ones decoded, changed ones encoded until the store follows, all others in the
//! store alone.

use std::collections::BTreeSet;
use std::hash::{BuildHasher, RandomState};
use std::ops::Range;

use dunning_rules::{Account, Timestamp};
use dunning_store::{Batch, Store, StoreError};
use dunning_wire::state::{self, StaleMark, StateError, StoredRow};
use hashbrown::HashTable;

use crate::planted::Planted;

/// How many of an account's decisions the store keeps.
pub const DECISIONS_KEPT: usize = 50;

const ROW: u8 = b'a';
const DECISIONS: u8 = b'd';

/// The number of an account in its shard; given anew whenever the shard is rebuilt.
pub type SlotId = u32;

/// What is in memory of one account.
#[derive(Debug, Default)]
struct Slot {
    key: Box<str>,
    /// When it acts next by itself.
    deadline: Option<Timestamp>,
    /// Decoded, where it was used lately. Ahead of everything else while a batch is open.
    live: Option<Box<StoredRow>>,
    /// As committed, where the store does not have it yet.
    row: Option<Box<[u8]>>,
    /// Decisions that the store does not have yet.
    decisions: Vec<(u64, Box<[u8]>)>,
    /// Changed in the open batch.
    touched: bool,
    /// Used since the last sweep.
    used: bool,
    /// In the list of those that the store has to follow.
    dirty: bool,
    /// The store has a row of it.
    stored: bool,
    /// The state topic has a tombstone for it: its row in the store goes.
    gone: bool,
}

/// What can go wrong with an account's row.
#[derive(Debug, thiserror::Error)]
pub enum MemoryError {
    /// The store failed: it is rebuilt.
    #[error("the store failed")]
    Store(#[from] StoreError),
    /// A row cannot be read: of another version, or damaged.
    #[error("an account's row cannot be read")]
    Row(#[from] StateError),
}

/// The accounts of one shard.
#[derive(Debug, Default)]
pub struct Memory {
    slots: Vec<Slot>,
    index: HashTable<SlotId>,
    hasher: RandomState,
    agenda: BTreeSet<(Timestamp, SlotId)>,
    touched: Vec<SlotId>,
    dirty: Vec<SlotId>,
    dirty_bytes: usize,
    live: usize,
    hand: usize,
}

impl Memory {
    /// How many accounts are known.
    pub fn len(&self) -> usize {
        self.index.len()
    }

    /// How many accounts are decoded.
    pub fn live(&self) -> usize {
        self.live
    }

    /// Bytes that wait for the store.
    pub fn dirty_bytes(&self) -> usize {
        self.dirty_bytes
    }

    /// True where something was changed in the open batch.
    pub fn is_touched(&self) -> bool {
        !self.touched.is_empty()
    }

    /// How many accounts have a deadline.
    pub fn deadlines(&self) -> usize {
        self.agenda.len()
    }

    /// The earliest deadline and whose it is.
    pub fn next_deadline(&self) -> Option<(Timestamp, SlotId)> {
        self.agenda.first().copied()
    }

    /// An account's own deadline.
    pub fn deadline(&self, id: SlotId) -> Option<Timestamp> {
        self.slots[id as usize].deadline
    }

    /// The account's id.
    pub fn key(&self, id: SlotId) -> &str {
        &self.slots[id as usize].key
    }

    /// The slot of an account that is known.
    pub fn find(&self, account: &str) -> Option<SlotId> {
        let hash = self.hasher.hash_one(account);
        self.index.find(hash, |id| &*self.slots[*id as usize].key == account).copied()
    }

    /// The slot of an account; a new one where it was never heard of.
    pub fn find_or_add(&mut self, account: &str) -> SlotId {
        let hash = self.hasher.hash_one(account);
        if let Some(id) = self.index.find(hash, |id| &*self.slots[*id as usize].key == account) {
            return *id;
        }
        // A shard of four thousand million accounts is beyond any machine's memory.
        let id = SlotId::try_from(self.slots.len()).unwrap_or(SlotId::MAX);
        self.slots.push(Slot { key: account.into(), ..Slot::default() });
        let (slots, hasher) = (&self.slots, &self.hasher);
        self.index.insert_unique(hash, id, |id| hasher.hash_one(&*slots[*id as usize].key));
        id
    }

    /// Takes an account out to be stepped; [`Memory::put`] puts it back.
    pub fn take(&mut self, id: SlotId, store: &impl Store) -> Result<Box<StoredRow>, MemoryError> {
        let slot = &mut self.slots[id as usize];
        slot.used = true;
        if let Some(row) = slot.live.take() {
            self.live -= 1;
            return Ok(row);
        }
        match committed_row(slot, store)? {
            Some(row) => Ok(Box::new(decoded(&row)?)),
            None => Ok(Box::new(StoredRow { stale: Vec::new(), account: Account::new(&slot.key) })),
        }
    }

    /// Puts an account back, changed in the open batch, and moves its deadline.
    pub fn put(&mut self, id: SlotId, row: Box<StoredRow>) {
        let slot = &mut self.slots[id as usize];
        let deadline = row.account.deadline();
        if slot.deadline != deadline {
            if let Some(old) = slot.deadline {
                self.agenda.remove(&(old, id));
            }
            if let Some(new) = deadline {
                self.agenda.insert((new, id));
            }
            slot.deadline = deadline;
        }
        slot.live = Some(row);
        self.live += 1;
        self.touch(id);
    }

    fn touch(&mut self, id: SlotId) {
        let slot = &mut self.slots[id as usize];
        if !std::mem::replace(&mut slot.touched, true) {
            self.touched.push(id);
        }
    }

    /// Marks an account stale, with at most `bound` marks: its row is written with them. False where it
    /// has as many already.
    pub fn mark_stale(
        &mut self,
        id: SlotId,
        mark: StaleMark,
        bound: usize,
        store: &impl Store,
    ) -> Result<bool, MemoryError> {
        let mut row = self.take(id, store)?;
        let fits = row.stale.contains(&mark) || row.stale.len() < bound;
        if fits && !row.stale.contains(&mark) {
            row.stale.push(mark);
        }
        self.put(id, row);
        Ok(fits)
    }

    /// Lifts a stale mark; true where it was there.
    pub fn lift_stale(&mut self, id: SlotId, mark: StaleMark, store: &impl Store) -> Result<bool, MemoryError> {
        let mut row = self.take(id, store)?;
        let before = row.stale.len();
        row.stale.retain(|m| *m != mark);
        let lifted = row.stale.len() < before;
        self.put(id, row);
        Ok(lifted)
    }

    /// Remembers a decision for the store.
    pub fn remember(&mut self, id: SlotId, number: u64, decision: &[u8]) {
        let slot = &mut self.slots[id as usize];
        // What is read back comes after newer ones, and some of it again.
        let Err(at) = slot.decisions.binary_search_by_key(&number, |(n, _)| *n) else { return };
        slot.decisions.insert(at, (number, decision.into()));
        self.dirty_bytes += decision.len();
        if slot.decisions.len() > DECISIONS_KEPT {
            let (_, oldest) = slot.decisions.remove(0);
            self.dirty_bytes -= oldest.len();
        }
        if !std::mem::replace(&mut slot.dirty, true) {
            self.dirty.push(id);
        }
    }

    /// The accounts changed in the open batch: `write` gives each one's row, encoded, as it goes to the state topic.
    pub fn each_touched<E>(
        &mut self,
        mut write: impl FnMut(&StoredRow, &mut Vec<u8>) -> Result<Range<usize>, E>,
    ) -> Result<(), E> {
        let mut buffer = Vec::with_capacity(1024);
        for id in &self.touched {
            let slot = &mut self.slots[*id as usize];
            let Some(row) = &slot.live else { continue };
            buffer.clear();
            let range = write(row, &mut buffer)?;
            let row = &buffer[range];
            self.dirty_bytes += row.len();
            self.dirty_bytes -= slot.row.as_ref().map_or(0, |r| r.len());
            slot.row = Some(row.into());
            slot.gone = false;
            if !std::mem::replace(&mut slot.dirty, true) {
                self.dirty.push(*id);
            }
        }
        Ok(())
    }

    /// The batch was committed.
    pub fn committed(&mut self) {
        for id in self.touched.drain(..) {
            self.slots[id as usize].touched = false;
        }
    }

    /// Drops decoded accounts until no more than `most` are left; those not used lately first.
    pub fn evict(&mut self, most: usize) {
        let mut left = 2 * self.slots.len();
        while self.live > most && left > 0 {
            self.hand = (self.hand + 1) % self.slots.len();
            left -= 1;
            let slot = &mut self.slots[self.hand];
            if slot.live.is_some() && !slot.touched && !std::mem::take(&mut slot.used) {
                slot.live = None;
                self.live -= 1;
            }
        }
    }

    /// True where the store has an account of which a row of the state topic says that it was erased.
    pub fn is_erased(&self, account: &str, row: &[u8]) -> bool {
        self.find(account).is_some_and(|id| self.slots[id as usize].stored) && state::is_erased(row)
    }

    /// Takes a row from the state topic or from the store while the shard is restored; `None` deletes.
    pub fn restore(&mut self, account: &str, row: Option<&[u8]>, from_store: bool) -> Result<bool, MemoryError> {
        let id = self.find_or_add(account);
        let flags = match row {
            Some(row) => state::peek(row)?,
            None => state::Peek { deadline: None, pending: false, stale: false },
        };
        let slot = &mut self.slots[id as usize];
        if let Some(old) = slot.deadline {
            self.agenda.remove(&(old, id));
        }
        slot.deadline = flags.deadline;
        if let Some(new) = flags.deadline {
            self.agenda.insert((new, id));
        }
        slot.stored |= from_store;
        if !from_store {
            self.dirty_bytes -= slot.row.as_ref().map_or(0, |r| r.len());
            self.dirty_bytes += row.map_or(0, <[u8]>::len);
            slot.row = row.map(Into::into);
            slot.gone = row.is_none();
            if !std::mem::replace(&mut slot.dirty, true) {
                self.dirty.push(id);
            }
        }
        Ok(flags.pending)
    }

    /// The changes that the store has to follow, of the first accounts, and nothing else; [`Memory::followed`] once it has.
    pub fn changes(&self, store: &impl Store, most: usize) -> Result<Batch, StoreError> {
        let mut batch = Batch::default();
        for id in self.dirty.iter().take(most) {
            let slot = &self.slots[*id as usize];
            if slot.row.is_some() || slot.gone {
                batch.rows.push((key(ROW, &slot.key), slot.row.as_ref().map(|row| row.to_vec())));
            }
            if !slot.decisions.is_empty() {
                let ring = merged_decisions(slot, store)?;
                batch.rows.push((key(DECISIONS, &slot.key), Some(encode_ring(&ring))));
            }
        }
        Ok(batch)
    }

    /// How many accounts the store has to follow.
    pub fn dirty(&self) -> usize {
        self.dirty.len()
    }

    /// The store has followed the first of them.
    pub fn followed(&mut self, count: usize) {
        for id in self.dirty.drain(..count.min(self.dirty.len())) {
            let slot = &mut self.slots[id as usize];
            let decisions: usize = slot.decisions.iter().map(|(_, datum)| datum.len()).sum();
            self.dirty_bytes -= decisions + slot.row.as_ref().map_or(0, |row| row.len());
            slot.dirty = false;
            slot.stored = slot.row.take().is_some() || (slot.stored && !slot.gone);
            slot.gone = false;
            slot.decisions.clear();
        }
    }

    /// An account as it stands; `None` where nothing is known of it.
    pub fn look(&self, id: SlotId, store: &impl Store) -> Result<Option<StoredRow>, MemoryError> {
        let slot = &self.slots[id as usize];
        if let Some(row) = &slot.live {
            return Ok(Some((**row).clone()));
        }
        Ok(committed_row(slot, store)?.map(|row| decoded(&row)).transpose()?)
    }

    /// The last decisions of an account, oldest first.
    pub fn decisions(&self, id: SlotId, store: &impl Store) -> Result<Vec<Vec<u8>>, StoreError> {
        let ring = merged_decisions(&self.slots[id as usize], store)?;
        Ok(ring.into_iter().map(|(_, datum)| datum).collect())
    }
}

/// Every row of a store, for a shard that is opened.
pub fn each_row(store: &impl Store, row: &mut dyn FnMut(&str, &[u8])) -> Result<(), StoreError> {
    store.each(&[ROW], &mut |key, value| {
        if let Ok(account) = std::str::from_utf8(&key[1..]) {
            row(account, value);
        }
    })
}

fn key(prefix: u8, account: &str) -> Vec<u8> {
    let mut key = Vec::with_capacity(1 + account.len());
    key.push(prefix);
    key.extend_from_slice(account.as_bytes());
    key
}

fn committed_row<'s>(slot: &'s Slot, store: &impl Store) -> Result<Option<std::borrow::Cow<'s, [u8]>>, StoreError> {
    match &slot.row {
        Some(row) => Ok(Some(std::borrow::Cow::Borrowed(row))),
        None if slot.stored && !slot.gone => Ok(store.get(&key(ROW, &slot.key))?.map(std::borrow::Cow::Owned)),
        None => Ok(None),
    }
}

/// A committed row, decoded.
fn decoded(row: &[u8]) -> Result<StoredRow, StateError> {
    let mut row = state::decode_row(row)?;
    if Planted::DedupeForgottenAtRestore.is_on() {
        row.account.seen = dunning_rules::Seen::default();
    }
    if Planted::StaleMarkLost.is_on() {
        row.stale.clear();
    }
    if Planted::SequenceFromMemory.is_on() {
        row.account.sequence = 0;
    }
    Ok(row)
}

/// The decisions in the store and those it does not have yet, by number, the last [`DECISIONS_KEPT`].
fn merged_decisions(slot: &Slot, store: &impl Store) -> Result<Vec<(u64, Vec<u8>)>, StoreError> {
    let stored = store.get(&key(DECISIONS, &slot.key))?;
    let mut ring = stored.as_deref().map(decode_ring).unwrap_or_default();
    for (number, datum) in &slot.decisions {
        match ring.binary_search_by_key(number, |(n, _)| *n) {
            Ok(at) => ring[at].1 = datum.to_vec(),
            Err(at) => ring.insert(at, (*number, datum.to_vec())),
        }
    }
    let surplus = ring.len().saturating_sub(DECISIONS_KEPT);
    ring.drain(..surplus);
    Ok(ring)
}

/// Decisions for the store: for each its number in eight bytes, its length in four, and its bytes.
fn encode_ring(ring: &[(u64, Vec<u8>)]) -> Vec<u8> {
    let mut out = Vec::with_capacity(ring.iter().map(|(_, d)| d.len() + 12).sum());
    for (number, datum) in ring {
        out.extend_from_slice(&number.to_be_bytes());
        // A decision is bounded by the records that Kafka takes.
        out.extend_from_slice(&u32::try_from(datum.len()).unwrap_or(0).to_be_bytes());
        out.extend_from_slice(datum);
    }
    out
}

/// Reads what [`encode_ring`] wrote; what does not fit ends it: decisions explain, they decide nothing.
fn decode_ring(mut bytes: &[u8]) -> Vec<(u64, Vec<u8>)> {
    let mut ring = Vec::new();
    while let Some((number, rest)) = bytes.split_first_chunk::<8>()
        && let Some((len, rest)) = rest.split_first_chunk::<4>()
        && let Some((datum, rest)) = rest.split_at_checked(u32::from_be_bytes(*len) as usize)
    {
        ring.push((u64::from_be_bytes(*number), datum.to_vec()));
        bytes = rest;
    }
    ring
}
