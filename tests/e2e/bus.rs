//! The bus that is up for all tests, and buses that a test may break.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// Where Kafka and the registry answer.
#[derive(Clone, Debug)]
pub struct Bus {
    pub bootstrap: String,
    pub registry: String,
}

impl Bus {
    /// The one of this run.
    pub fn shared() -> Self {
        Self { bootstrap: variable("BUS_BOOTSTRAP"), registry: variable("BUS_REGISTRY") }
    }
}

fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| {
        panic!("{name} is not set: these tests need a real bus. Run `make e2e`, or `make bus-up` and then `. .bus/env`")
    })
}

/// A bus of a test's own, ended with the test.
#[derive(Debug)]
pub struct OwnBus {
    pub bus: Bus,
    folder: TempDir,
}

impl OwnBus {
    pub fn up() -> Self {
        let folder = tempfile::Builder::new().prefix("dunning-bus-").tempdir().expect("a folder");
        let mut own = Self { bus: Bus { bootstrap: String::new(), registry: String::new() }, folder };
        own.call("up");
        let env = std::fs::read_to_string(own.folder.path().join("env")).expect("the bus writes its addresses");
        let value = |name: &str| {
            let line = env.lines().find_map(|l| l.strip_prefix(&format!("export {name}=")));
            line.unwrap_or_else(|| panic!("{name} is not in {env}")).to_owned()
        };
        own.bus = Bus { bootstrap: value("BUS_BOOTSTRAP"), registry: value("BUS_REGISTRY") };
        own
    }

    /// Calls the script that starts and ends it: `kill-broker`, `start-registry`, …
    pub fn call(&self, verb: &str) {
        let said = script(self.folder.path(), verb);
        assert!(said.status.success(), "bus {verb}: {}", String::from_utf8_lossy(&said.stderr));
    }
}

impl Drop for OwnBus {
    fn drop(&mut self) {
        // A broken end would hide the test's own failure.
        let said = script(self.folder.path(), "wipe");
        if !said.status.success() {
            eprintln!("the test's own bus was not ended: {}", String::from_utf8_lossy(&said.stderr));
        }
    }
}

fn script(folder: &Path, verb: &str) -> std::process::Output {
    let path = project("tests/bus/bus");
    let mut command = Command::new(path);
    command.arg(verb).env("BUS_DIR", folder).env("BUS_HEAP", "512m");
    command.output().expect("the script of the bus runs")
}

/// A path of the project.
pub fn project(path: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

/// Looks until something is there; panics after the deadline with what was seen last.
pub fn until<T, W: std::fmt::Display>(what: &str, seconds: u64, mut look: impl FnMut() -> Result<T, W>) -> T {
    let began = Instant::now();
    loop {
        match look() {
            Ok(found) => return found,
            Err(seen) if began.elapsed() > Duration::from_secs(seconds) => {
                panic!("waited {seconds} s for {what}; seen: {seen}")
            }
            Err(_) => std::thread::sleep(Duration::from_millis(25)),
        }
    }
}
