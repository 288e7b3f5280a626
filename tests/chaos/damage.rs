//! What happens to a state directory while nobody looks.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use dunning_sim::Random;

/// Every file, in the order of the names.
fn files(directory: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(directory) else { return Vec::new() };
    let mut all: Vec<PathBuf> = entries.map(|e| e.expect("an entry").path()).collect();
    all.sort();
    all.into_iter().flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

/// Files with something in them.
fn full(directory: &Path) -> Vec<PathBuf> {
    files(directory).into_iter().filter(|f| fs::metadata(f).is_ok_and(|m| m.len() > 0)).collect()
}

/// Deletes all that is in it; the directory itself may be the root of a file system.
pub fn empty(directory: &Path) {
    let Ok(entries) = fs::read_dir(directory) else { return };
    for path in entries.map(|e| e.expect("an entry").path()) {
        let deleted = if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
        deleted.unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    }
}

/// Cuts a third of the files short; says how many.
pub fn truncate(directory: &Path, random: &mut Random) -> usize {
    let mut files = full(directory);
    files.retain(|_| random.chance(333));
    for file in &files {
        let length = fs::metadata(file).expect("a file").len();
        let left = random.number() % length;
        fs::OpenOptions::new().write(true).open(file).and_then(|f| f.set_len(left)).expect("a shorter file");
    }
    files.len()
}

/// Flips some bits in a third of the files; says in how many.
pub fn flip(directory: &Path, random: &mut Random) -> usize {
    let mut files = full(directory);
    files.retain(|_| random.chance(333));
    for file in &files {
        let mut bytes = fs::read(file).expect("a file");
        for _ in 0..8 {
            let at = random.number() % bytes.len() as u64;
            bytes[usize::try_from(at).expect("a place")] ^= 1 << (random.number() % 8);
        }
        fs::write(file, bytes).expect("a file");
    }
    files.len()
}

/// Puts another directory's files in place of those that are there.
pub fn replace(directory: &Path, by: &Path) {
    empty(directory);
    for file in files(by) {
        let to = directory.join(file.strip_prefix(by).expect("a path below it"));
        fs::create_dir_all(to.parent().expect("a folder")).expect("a folder");
        fs::copy(&file, &to).expect("a copy");
    }
}

/// A small file system of its own; taken down with the test.
pub struct SmallDisk {
    path: PathBuf,
}

impl SmallDisk {
    /// `None` where this user may not mount.
    pub fn mount(path: &Path) -> Option<Self> {
        fs::create_dir_all(path).expect("a folder");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=256m", "dunning-chaos"]).arg(path);
        let mounted = mount.output().is_ok_and(|said| said.status.success());
        mounted.then(|| Self { path: path.to_owned() })
    }

    fn ballast(&self) -> PathBuf {
        self.path.join("ballast")
    }

    /// Takes what space is left.
    pub fn fill(&self) {
        use std::io::Write as _;
        let mut file = fs::OpenOptions::new().create(true).append(true).open(self.ballast()).expect("a file");
        let block = vec![7; 4096];
        while file.write_all(&block).is_ok() {}
    }

    pub fn clear(&self) {
        fs::remove_file(self.ballast()).expect("the ballast");
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let ended = Command::new("umount").arg(&self.path).output();
        if !ended.as_ref().is_ok_and(|said| said.status.success()) {
            eprintln!("{} is still mounted: {ended:?}", self.path.display());
        }
    }
}
