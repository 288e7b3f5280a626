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
    /// Where the broker listens for those who come through a proxy.
    pub behind: Option<String>,
    proxy: Option<u16>,
    folder: TempDir,
}

impl OwnBus {
    /// With a proxy, whoever comes to the broker through it is told to come back through it, at this port.
    pub fn up(proxy: Option<u16>) -> Self {
        let folder = tempfile::Builder::new().prefix("dunning-bus-").tempdir().expect("a folder");
        let bus = Bus { bootstrap: String::new(), registry: String::new() };
        let mut own = Self { bus, behind: None, proxy, folder };
        own.call("up");
        let env = std::fs::read_to_string(own.folder.path().join("env")).expect("the bus writes its addresses");
        let find = |name: &str| env.lines().find_map(|l| l.strip_prefix(&format!("export {name}="))).map(str::to_owned);
        let value = |name: &str| find(name).unwrap_or_else(|| panic!("{name} is not in {env}"));
        own.bus = Bus { bootstrap: value("BUS_BOOTSTRAP"), registry: value("BUS_REGISTRY") };
        own.behind = find("BUS_BEHIND");
        own
    }

    /// Calls the script that starts and ends it: `kill-broker`, `start-registry`, …
    pub fn call(&self, verb: &str) {
        let said = self.script(verb);
        assert!(said.status.success(), "bus {verb}: {}", String::from_utf8_lossy(&said.stderr));
    }

    /// Copies the logs of broker and registry to where they stay after the test.
    fn keep_logs(&self) {
        let name = self.folder.path().file_name().unwrap_or_default();
        let kept = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        // A test that fails already is not to fail for this.
        let _ = std::fs::create_dir_all(&kept);
        let logs = std::fs::read_dir(self.folder.path().join("logs"));
        for log in logs.into_iter().flatten().flatten() {
            let _ = std::fs::copy(log.path(), kept.join(log.file_name()));
        }
        eprintln!("the logs of the bus are in {}", kept.display());
    }

    fn script(&self, verb: &str) -> std::process::Output {
        let mut command = Command::new(project("tests/bus/bus"));
        command.arg(verb).env("BUS_DIR", self.folder.path()).env("BUS_HEAP", "512m");
        if let Some(port) = self.proxy {
            command.env("BUS_PROXY", port.to_string());
        }
        command.output().expect("the script of the bus runs")
    }
}

impl Drop for OwnBus {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.keep_logs();
        }
        // A broken end would hide the test's own failure.
        let said = self.script("wipe");
        if !said.status.success() {
            eprintln!("the test's own bus was not ended: {}", String::from_utf8_lossy(&said.stderr));
        }
    }
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
