use std::cell::Cell;
use std::io::ErrorKind;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use crate::home::{Home, Left, boot};
use crate::{Batch, Identity, Opened, Store, StoreError, Stores};

/// The version of this layout: what stands before and after keys and values. Another one is another identity.
const LAYOUT: u32 = 1;
/// The row that holds the identity.
const IDENTITY: &[u8] = b"i";
/// What stands before a caller's key.
const ROW: u8 = b'r';
/// Bytes of the checksum behind each value.
const SUM_LEN: usize = 4;
/// How long a directory's lock is waited for here. Whoever opens stores has other things to do, and comes again.
const PATIENCE: Duration = Duration::from_millis(50);
/// How long a store's own lock is waited for: it is being closed.
const CLOSING: Duration = Duration::from_secs(3);
/// How long closing may take. What takes longer has lost its background thread and is left behind.
const CLOSE_MAX: Duration = Duration::from_secs(20);
/// Milliseconds between two flushes in the background: a crash of the machine may cost so much of the tail.
const FLUSH_EVERY_MS: u64 = 500;
/// sled's memory runs far above its own setting, so it is told a part of what it may have.
const CACHE_SHARE: u64 = 8;
/// Less than this and every read goes to the disk.
const CACHE_MIN_BYTES: u64 = 1 << 20;

/// Stores on disk, one directory for each shard: `<directory>/shard-<generation>-<partition>`.
#[derive(Clone, Debug)]
pub struct SledStores {
    directory: PathBuf,
    cache_bytes: u64,
    boot: String,
    patience: Duration,
}

impl SledStores {
    /// Stores under a directory, which is made where it is missing. `memory_bytes` is what the cache of one shard may
    /// take in all.
    #[must_use]
    pub fn new(directory: impl Into<PathBuf>, memory_bytes: u64) -> Self {
        Self {
            directory: directory.into(),
            cache_bytes: (memory_bytes / CACHE_SHARE).max(CACHE_MIN_BYTES),
            boot: boot(),
            patience: PATIENCE,
        }
    }

    /// Opens rows that are there, if they can be trusted.
    fn open_rows(&self, home: &Home, rows: &Path, shard: &Identity) -> Result<sled::Db, String> {
        home.mark_open().map_err(|error| error.to_string())?;
        let db = self.open_db(rows)?;
        match get(&db, IDENTITY) {
            Ok(Some(identity)) if identity == identity_row(shard) => Ok(db),
            other => {
                close(db);
                Err(match other {
                    Ok(Some(_)) => "it belongs to another cluster, topic or shard, or to another version".to_owned(),
                    Ok(None) => "it does not say whose it is".to_owned(),
                    Err(error) => error.to_string(),
                })
            }
        }
    }

    /// Deletes what is there and begins anew.
    fn begin(&self, home: Home, shard: &Identity, why: &str) -> Result<SledStore, StoreError> {
        let failed = |text: String| {
            StoreError::Directory(format!(
                "{}: {text}; look at the disk's space and permissions, or set another state.directory",
                home.path().display()
            ))
        };
        let rows = home.renew(why).map_err(|error| failed(error.to_string()))?;
        home.mark_open().map_err(|error| failed(error.to_string()))?;
        let db = self.open_db(&rows).map_err(failed)?;
        let identity = sealed(IDENTITY, &identity_row(shard));
        guarded(|| db.insert(IDENTITY, identity)).map_err(|error| failed(error.to_string()))?;
        Ok(SledStore { db: Some(db), home: Some(home), rows, hurt: Cell::new(false) })
    }

    fn open_db(&self, rows: &Path) -> Result<sled::Db, String> {
        let config = sled::Config::new()
            .path(rows)
            .cache_capacity(self.cache_bytes)
            .flush_every_ms(Some(FLUSH_EVERY_MS))
            .use_compression(false);
        let began = Instant::now();
        loop {
            match guarded(|| config.open()) {
                // The directory's own lock is ours, so it is a thread of this process that has not yet let go.
                Err(error) if error.to_string().contains("could not acquire lock") && began.elapsed() < CLOSING => {
                    std::thread::sleep(Duration::from_millis(20));
                }
                opened => return opened.map_err(|error| error.to_string()),
            }
        }
    }
}

impl Stores for SledStores {
    type Store = SledStore;

    fn open(&self, shard: &Identity) -> Result<(SledStore, Opened), StoreError> {
        let home = Home::take(&self.directory, shard, &self.boot, self.patience)?;
        let why = match home.left() {
            Left::Nothing => "there was none".to_owned(),
            Left::Doubtful(why) => why.to_owned(),
            Left::Rows(rows) => match self.open_rows(&home, &rows, shard) {
                Ok(db) => {
                    let store = SledStore { db: Some(db), home: Some(home), rows, hurt: Cell::new(false) };
                    return Ok((store, Opened::Intact));
                }
                Err(why) => why,
            },
        };
        let store = self.begin(home, shard, &why)?;
        Ok((store, Opened::Fresh(why)))
    }

    fn renew(&self, shard: &Identity, mut old: SledStore, why: &str) -> Result<SledStore, StoreError> {
        if let Some(db) = old.db.take() {
            close(db);
        }
        let home = match old.home.take() {
            Some(home) => home,
            None => Home::take(&self.directory, shard, &self.boot, self.patience)?,
        };
        self.begin(home, shard, why)
    }
}

/// One shard's store on disk. Dropped, it is flushed and closed.
#[derive(Debug)]
pub struct SledStore {
    /// `None` only while it is dropped or renewed.
    db: Option<sled::Db>,
    home: Option<Home>,
    rows: PathBuf,
    /// True once something failed: it is not marked as clean any more.
    hurt: Cell<bool>,
}

impl SledStore {
    fn with<T>(&self, run: impl FnOnce(&sled::Db) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let db = self.db.as_ref().ok_or_else(|| StoreError::Damaged("it is closed".to_owned()))?;
        let result = run(db);
        if result.is_err() {
            self.hurt.set(true);
        }
        result
    }
}

impl Store for SledStore {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.with(|db| get(db, &row_key(key)))
    }

    fn each(&self, prefix: &[u8], row: &mut dyn FnMut(&[u8], &[u8])) -> Result<(), StoreError> {
        self.with(|db| {
            let mut rows = db.scan_prefix(row_key(prefix));
            while let Some((key, value)) = guarded(|| rows.next().transpose())? {
                let open = unsealed(&key, &value)?;
                row(&key[1..], open);
            }
            Ok(())
        })
    }

    fn apply(&self, batch: Batch) -> Result<(), StoreError> {
        self.with(|db| {
            let mut rows = sled::Batch::default();
            for (key, value) in batch.rows {
                let key = row_key(&key);
                match value {
                    Some(value) => {
                        let value = sealed(&key, &value);
                        rows.insert(key, value);
                    }
                    None => rows.remove(key),
                }
            }
            guarded(|| db.apply_batch(rows))
        })
    }

    fn flush(&self) -> Result<(), StoreError> {
        self.with(|db| guarded(|| db.flush()).map(drop))
    }
}

impl Drop for SledStore {
    fn drop(&mut self) {
        let Some(db) = self.db.take() else { return };
        let flushed = guarded(|| db.flush()).is_ok();
        let closed = close(db);
        if let Some(home) = self.home.take().filter(|_| flushed && closed && !self.hurt.get()) {
            // Where it fails, the next start finds the mark of an open store, which costs at most a rebuild.
            let _ = home.mark_clean(&self.rows);
        }
    }
}

/// Waits until the store's threads are gone. False where they do not go: sled waits without end for a flusher that
/// has panicked.
fn close(db: sled::Db) -> bool {
    let (done, wait) = mpsc::sync_channel(1);
    let closer = std::thread::Builder::new().name("store-closer".to_owned()).spawn(move || {
        drop(db);
        // The other side may have gone on.
        let _ = done.send(());
    });
    closer.is_ok() && wait.recv_timeout(CLOSE_MAX).is_ok()
}

/// sled panics on some damaged files; here that is an error as any other. A disk without space is no damage: a store that
/// is rebuilt there would be rebuilt again and again.
fn guarded<T>(run: impl FnOnce() -> sled::Result<T>) -> Result<T, StoreError> {
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(sled::Error::Io(error))) if error.kind() == ErrorKind::StorageFull => {
            Err(StoreError::Directory(format!("{error}; free space on its disk, or set another state.directory")))
        }
        Ok(Err(error)) => Err(StoreError::Damaged(error.to_string())),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no reason given");
            Err(StoreError::Damaged(format!("the store panicked: {text}")))
        }
    }
}

fn get(db: &sled::Db, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
    match guarded(|| db.get(key))? {
        Some(value) => Ok(Some(unsealed(key, &value)?.to_vec())),
        None => Ok(None),
    }
}

fn row_key(key: &[u8]) -> Vec<u8> {
    let mut row = Vec::with_capacity(key.len() + 1);
    row.push(ROW);
    row.extend_from_slice(key);
    row
}

/// A value with its checksum, which counts the key as well: a value under another key is damage too.
fn sealed(key: &[u8], value: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(value.len() + SUM_LEN);
    out.extend_from_slice(value);
    out.extend_from_slice(&checksum(key, value).to_be_bytes());
    out
}

fn unsealed<'v>(key: &[u8], value: &'v [u8]) -> Result<&'v [u8], StoreError> {
    match value.split_last_chunk::<SUM_LEN>() {
        Some((open, sum)) if u32::from_be_bytes(*sum) == checksum(key, open) => Ok(open),
        _ => Err(StoreError::Damaged("a row's checksum does not fit".to_owned())),
    }
}

fn checksum(key: &[u8], value: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(key);
    hasher.update(value);
    hasher.finalize()
}

fn identity_row(shard: &Identity) -> Vec<u8> {
    let Identity { cluster, topic, partition, generation, format } = shard;
    let lengths = format!("{} {}", cluster.len(), topic.len());
    format!("{LAYOUT} {format} {generation} {partition} {lengths}\n{cluster}\n{topic}").into_bytes()
}

#[cfg(test)]
mod tests;
