use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use dunning_store::{Batch, Identity, Opened, Store, StoreError, Stores};

/// Stores in memory that outlive the lane that opens them, as a disk does. Clones are the same disk.
#[derive(Clone, Debug, Default)]
pub struct MemoryStores(Arc<Mutex<Disk>>);

#[derive(Debug, Default)]
struct Disk {
    shards: BTreeMap<(u32, u32), Rows>,
    /// Counts the crashes: what was opened before one is dead.
    life: u64,
}

#[derive(Debug)]
struct Rows {
    identity: Identity,
    open: bool,
    /// A row's checksum does not fit any more.
    damaged: bool,
    rows: BTreeMap<Vec<u8>, Vec<u8>>,
    /// What each change since the last flush overwrote, a batch at a time.
    unflushed: Vec<Overwritten>,
}

/// Keys of a batch with the values they had before.
type Overwritten = Vec<(Vec<u8>, Option<Vec<u8>>)>;

impl MemoryStores {
    /// An empty disk.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The machine stops: of what no flush has put on disk, each shard loses the last batches, `lost` at most
    /// (`usize::MAX`: all of them). Stores that are open are dead from now on.
    pub fn crash(&self, lost: usize) {
        let mut disk = lock(&self.0);
        disk.life += 1;
        for shard in disk.shards.values_mut() {
            shard.open = false;
            for batch in shard.unflushed.drain(..).rev().take(lost) {
                for (key, old) in batch.into_iter().rev() {
                    put(&mut shard.rows, key, old);
                }
            }
        }
    }

    /// A shard's store is damaged: whoever reads it next finds out.
    pub fn damage(&self, generation: u32, partition: u32) {
        if let Some(shard) = lock(&self.0).shards.get_mut(&(generation, partition)) {
            shard.damaged = true;
        }
    }

    /// Every row of a shard, as it is on disk.
    #[must_use]
    pub fn rows(&self, generation: u32, partition: u32) -> Vec<(Vec<u8>, Vec<u8>)> {
        let disk = lock(&self.0);
        let shard = disk.shards.get(&(generation, partition));
        shard.map(|s| s.rows.iter().map(|(k, v)| (k.clone(), v.clone())).collect()).unwrap_or_default()
    }
}

impl Stores for MemoryStores {
    type Store = MemoryStore;

    fn open(&self, shard: &Identity) -> Result<(MemoryStore, Opened), StoreError> {
        let mut disk = lock(&self.0);
        let life = disk.life;
        let at = (shard.generation, shard.partition);
        let why = match disk.shards.get_mut(&at) {
            Some(rows) if rows.open => {
                return Err(StoreError::Busy("the shard's store is open already".to_owned()));
            }
            Some(rows) if rows.identity == *shard => {
                rows.open = true;
                return Ok((MemoryStore { disk: self.0.clone(), at, life }, Opened::Intact));
            }
            Some(_) => "it belongs to another identity",
            None => "there was none",
        };
        disk.shards.insert(at, Rows::empty(shard));
        Ok((MemoryStore { disk: self.0.clone(), at, life }, Opened::Fresh(why.to_owned())))
    }

    fn renew(&self, shard: &Identity, old: MemoryStore, _why: &str) -> Result<MemoryStore, StoreError> {
        drop(old);
        lock(&self.0).shards.remove(&(shard.generation, shard.partition));
        self.open(shard).map(|(store, _)| store)
    }
}

impl Rows {
    fn empty(identity: &Identity) -> Self {
        Self { identity: identity.clone(), open: true, damaged: false, rows: BTreeMap::new(), unflushed: Vec::new() }
    }
}

/// One shard's store in memory. Dropped, it is flushed and closed.
#[derive(Debug)]
pub struct MemoryStore {
    disk: Arc<Mutex<Disk>>,
    at: (u32, u32),
    life: u64,
}

impl MemoryStore {
    fn with<T>(&self, run: impl FnOnce(&mut Rows) -> T) -> Result<T, StoreError> {
        let mut disk = lock(&self.disk);
        if disk.life != self.life {
            return Err(StoreError::Damaged("the machine has stopped".to_owned()));
        }
        let rows = disk.shards.get_mut(&self.at);
        if rows.as_ref().is_some_and(|rows| rows.damaged) {
            return Err(StoreError::Damaged("a checksum does not fit".to_owned()));
        }
        rows.map(run).ok_or_else(|| StoreError::Damaged("the store was deleted".to_owned()))
    }
}

impl Store for MemoryStore {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.with(|shard| shard.rows.get(key).cloned())
    }

    fn each(&self, prefix: &[u8], row: &mut dyn FnMut(&[u8], &[u8])) -> Result<(), StoreError> {
        // Copied, so that the callback may use the disk.
        let rows: Vec<_> = self.with(|shard| {
            let from = shard.rows.range(prefix.to_vec()..);
            from.take_while(|(k, _)| k.starts_with(prefix)).map(|(k, v)| (k.clone(), v.clone())).collect()
        })?;
        for (key, value) in &rows {
            row(key, value);
        }
        Ok(())
    }

    fn apply(&self, batch: Batch) -> Result<(), StoreError> {
        self.with(|shard| {
            let mut undo = Vec::with_capacity(batch.rows.len());
            for (key, value) in batch.rows {
                let old = put(&mut shard.rows, key.clone(), value);
                undo.push((key, old));
            }
            shard.unflushed.push(undo);
        })
    }

    fn flush(&self) -> Result<(), StoreError> {
        self.with(|shard| shard.unflushed.clear())
    }
}

impl Drop for MemoryStore {
    fn drop(&mut self) {
        // After a crash there is nothing to close.
        let _ = self.with(|shard| {
            shard.unflushed.clear();
            shard.open = false;
        });
    }
}

fn put(rows: &mut BTreeMap<Vec<u8>, Vec<u8>>, key: Vec<u8>, value: Option<Vec<u8>>) -> Option<Vec<u8>> {
    match value {
        Some(value) => rows.insert(key, value),
        None => rows.remove(&key),
    }
}

/// A lock that a panicking test left still guards whole values.
fn lock(disk: &Mutex<Disk>) -> MutexGuard<'_, Disk> {
    disk.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shard() -> Identity {
        Identity { cluster: "sim".into(), topic: "state".into(), partition: 0, generation: 0, format: 1 }
    }

    fn put(store: &MemoryStore, key: &str, value: Option<&str>) {
        let rows = vec![(key.into(), value.map(Into::into))];
        store.apply(Batch { rows }).expect("applied");
    }

    fn get(store: &MemoryStore, key: &str) -> Option<String> {
        store.get(key.as_bytes()).expect("read").map(|v| String::from_utf8(v).expect("text"))
    }

    #[test]
    fn a_crash_takes_the_last_batches_that_no_flush_has_kept() {
        let stores = MemoryStores::new();
        let (store, opened) = stores.open(&shard()).expect("opened");
        assert!(matches!(opened, Opened::Fresh(_)));
        put(&store, "a", Some("1"));
        store.flush().expect("flushed");
        put(&store, "a", Some("2"));
        put(&store, "a", None);
        put(&store, "b", Some("3"));
        stores.crash(2);
        assert!(store.get(b"a").is_err(), "what was open is dead");
        let (again, opened) = stores.open(&shard()).expect("opened");
        assert_eq!(opened, Opened::Intact);
        drop(store);
        assert_eq!((get(&again, "a"), get(&again, "b")), (Some("2".into()), None));
        stores.crash(usize::MAX);
        let (again, _) = stores.open(&shard()).expect("opened");
        assert_eq!(get(&again, "a"), Some("2".into()), "the first crash left it on disk");
    }

    #[test]
    fn prefixes_identities_and_the_lock_are_as_on_a_real_disk() {
        let stores = MemoryStores::new();
        let (store, _) = stores.open(&shard()).expect("opened");
        assert!(matches!(stores.open(&shard()).map(drop), Err(StoreError::Busy(_))));
        for key in ["b1", "a2", "a1", "c"] {
            put(&store, key, Some("v"));
        }
        let mut keys = Vec::new();
        store.each(b"a", &mut |k, _| keys.push(k.to_vec())).expect("read");
        assert_eq!(keys, [b"a1".to_vec(), b"a2".to_vec()]);
        drop(store);
        assert_eq!(stores.rows(0, 0).len(), 4);
        let other = Identity { format: 2, ..shard() };
        let (store, opened) = stores.open(&other).expect("opened");
        assert!(matches!(opened, Opened::Fresh(_)));
        put(&store, "k", Some("v"));
        let store = stores.renew(&other, store, "test").expect("renewed");
        assert_eq!(get(&store, "k"), None);
    }
}
