use std::fs::{self, File, TryLockError};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::{Identity, StoreError};

/// Holds the lock as long as it is open.
const LOCK: &str = "lock";
/// How the store was left: `clean`, or `open` and the boot during which it was opened.
const MARK: &str = "mark";
/// Why the rows were deleted last, for a person who looks.
const WHY: &str = "why";
/// The directories of rows: `rows-1`, then `rows-2` after the first was deleted, and so on.
const ROWS: &str = "rows-";
const CLEAN: &str = "clean";

/// The directory of one shard, locked against every other store.
#[derive(Debug)]
pub(crate) struct Home {
    path: PathBuf,
    boot: String,
    /// The lock goes with it.
    _lock: File,
}

/// How a shard's directory was left.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Left {
    /// There is nothing.
    Nothing,
    /// The rows are as the last flush or the operating system left them.
    Rows(PathBuf),
    /// The rows cannot be trusted, and why.
    Doubtful(&'static str),
}

impl Home {
    /// Makes the directory of a shard and locks it; waits for a lock that is still held, at most as long as `patience`.
    pub(crate) fn take(directory: &Path, shard: &Identity, boot: &str, patience: Duration) -> Result<Self, StoreError> {
        let path = directory.join(format!("shard-{}-{}", shard.generation, shard.partition));
        let failed = |error: std::io::Error| {
            StoreError::Directory(format!(
                "{}: {error}; make the directory writable for this program, or set another state.directory",
                path.display()
            ))
        };
        fs::create_dir_all(&path).map_err(failed)?;
        let lock = File::create(path.join(LOCK)).map_err(failed)?;
        let began = Instant::now();
        loop {
            match lock.try_lock() {
                Ok(()) => return Ok(Self { path, boot: boot.to_owned(), _lock: lock }),
                Err(TryLockError::Error(error)) => return Err(failed(error)),
                Err(TryLockError::WouldBlock) if began.elapsed() < patience => {
                    std::thread::sleep(Duration::from_millis(20));
                }
                Err(TryLockError::WouldBlock) => {
                    return Err(StoreError::Busy(format!(
                        "{} is in use by another process; stop it, or give each instance a state.directory of its own",
                        path.display()
                    )));
                }
            }
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// How the rows were left.
    pub(crate) fn left(&self) -> Left {
        let mut rows = self.all_rows();
        let Some((_, newest)) = rows.pop() else { return Left::Nothing };
        if !rows.is_empty() {
            return Left::Doubtful("the deletion of older rows did not come to its end");
        }
        match fs::read_to_string(self.path.join(MARK)) {
            Ok(mark) if mark == CLEAN || mark == self.open_mark() => Left::Rows(newest),
            Ok(_) => Left::Doubtful("the machine was restarted while the store was open"),
            Err(_) => Left::Doubtful("the mark that says how the store was left is missing"),
        }
    }

    /// Deletes all rows and gives the place for new ones; it was never used before, so that nothing that may still
    /// hold the old rows open can touch the new ones.
    pub(crate) fn renew(&self, why: &str) -> std::io::Result<PathBuf> {
        fs::write(self.path.join(WHY), why)?;
        let rows = self.all_rows();
        let next = rows.last().map_or(1, |(number, _)| number.saturating_add(1));
        for (_, old) in rows {
            fs::remove_dir_all(old)?;
        }
        Ok(self.path.join(format!("{ROWS}{next}")))
    }

    /// Says that the rows are being written.
    pub(crate) fn mark_open(&self) -> std::io::Result<()> {
        self.mark(&self.open_mark())
    }

    /// Says that the rows are whole on disk, once they are.
    pub(crate) fn mark_clean(&self, rows: &Path) -> std::io::Result<()> {
        sync(rows)?;
        self.mark(CLEAN)
    }

    fn open_mark(&self) -> String {
        format!("open {}", self.boot)
    }

    /// The mark is replaced as a whole or not at all, and is on disk when this returns.
    fn mark(&self, text: &str) -> std::io::Result<()> {
        let new = self.path.join("mark.new");
        let mut file = File::create(&new)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(new, self.path.join(MARK))?;
        File::open(&self.path)?.sync_all()
    }

    /// By number.
    fn all_rows(&self) -> Vec<(u64, PathBuf)> {
        let Ok(entries) = fs::read_dir(&self.path) else { return Vec::new() };
        let mut rows: Vec<_> = entries
            .filter_map(|entry| {
                let entry = entry.ok()?;
                let number = entry.file_name().to_str()?.strip_prefix(ROWS)?.parse().ok()?;
                Some((number, entry.path()))
            })
            .collect();
        rows.sort_unstable();
        rows
    }
}

/// Puts every file of a directory on disk.
fn sync(directory: &Path) -> std::io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() {
            sync(&path)?;
        } else {
            File::open(path)?.sync_all()?;
        }
    }
    File::open(directory)?.sync_all()
}

/// A text that is another after each start of the machine. Where the system has none, no two are the same: a store that
/// was not closed is then always rebuilt.
pub(crate) fn boot() -> String {
    match fs::read_to_string("/proc/sys/kernel/random/boot_id") {
        Ok(id) => id.trim().to_owned(),
        Err(_) => {
            let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
            format!("{}-{}", std::process::id(), now.as_nanos())
        }
    }
}
