//! The program as a child process.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime};

use crate::bus::{project, until};
use crate::world::World;

/// Seconds in which a debug build on a busy machine has to do what it is waited for.
pub const PATIENCE: u64 = 60;

/// The binary of this build.
pub fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dunning"));
    // What the person who runs the tests has set is not the test's.
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("DUNNING_")) {
        command.env_remove(name);
    }
    command
}

/// How an instance is started.
pub struct Start<'a> {
    world: &'a World,
    name: String,
    settings: Vec<(String, String)>,
    faked: Option<i64>,
}

/// A running instance; killed where a test ends without having ended it.
pub struct Instance {
    child: Child,
    log: PathBuf,
    pub url: String,
    runtime: tokio::runtime::Runtime,
    http: reqwest::Client,
}

impl<'a> Start<'a> {
    pub fn new(world: &'a World, name: &str) -> Self {
        Self { world, name: name.to_owned(), settings: Vec::new(), faked: None }
    }

    /// Sets a key by its variable.
    pub fn set(mut self, variable: &str, value: &str) -> Self {
        self.settings.push((format!("DUNNING_{variable}"), value.to_owned()));
        self
    }

    /// The instant, in milliseconds since 1970, at which the process believes to start.
    pub fn at(mut self, millis: i64) -> Self {
        self.faked = Some(millis);
        self
    }

    fn command(&self) -> (Command, PathBuf) {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let log = self.world.folder().join(format!("{}-{number}.log", self.name));
        let file = File::create(&log).expect("a log");
        let mut command = program();
        command.args(["run", "--config"]).arg(self.world.config_file());
        command.env("DUNNING_INSTANCE", &self.name);
        command.env("DUNNING_STATE_DIRECTORY", self.world.state_of(&self.name));
        command.envs(self.settings.iter().map(|(k, v)| (k, v)));
        if let Some(millis) = self.faked {
            command.envs(faked(millis));
        }
        command.stdin(Stdio::null()).stdout(file.try_clone().expect("a file")).stderr(file);
        (command, log)
    }

    /// Starts it and waits until it answers on its port.
    pub fn launch(self) -> Instance {
        let (mut command, log) = self.command();
        let child = command.spawn().expect("the program starts");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let http = reqwest::Client::builder().timeout(Duration::from_secs(10)).no_proxy().build().expect("a client");
        let mut instance = Instance { child, log, url: String::new(), runtime, http };
        instance.url = until("the port", PATIENCE, || {
            assert!(instance.child.try_wait().expect("a child").is_none(), "it ended: {}", instance.log());
            let log = instance.log();
            let address = log.split("http listens address=").nth(1).and_then(|rest| rest.lines().next());
            address.map(|a| format!("http://{a}")).ok_or(log)
        });
        instance
    }

    /// Starts it and waits until it is ready.
    pub fn ready(self) -> Instance {
        let instance = self.launch();
        instance.wait_ready();
        instance
    }

    /// Starts it and waits until it has ended by itself: its code and all it said.
    pub fn refused(self) -> (i32, String) {
        let (mut command, log) = self.command();
        let mut child = Guard(command.spawn().expect("the program starts"));
        let status = until("the end of the program", PATIENCE, || {
            child.0.try_wait().expect("a child").ok_or_else(|| std::fs::read_to_string(&log).unwrap_or_default())
        });
        (status.code().expect("a code"), std::fs::read_to_string(&log).expect("a log"))
    }
}

/// Another time for a process: a small library is laid before the system's.
fn faked(millis: i64) -> Vec<(&'static str, String)> {
    static LIBRARY: LazyLock<PathBuf> = LazyLock::new(|| {
        let library = Path::new(env!("CARGO_TARGET_TMPDIR")).join("libclock.so");
        // Whole or not at all: another run of the tests may load it.
        let half = library.with_extension(format!("{}.half", std::process::id()));
        let mut compiler = Command::new("cc");
        compiler.args(["-shared", "-fPIC", "-O1", "-Wall", "-o"]).arg(&half).arg(project("tests/e2e/clock.c"));
        assert!(compiler.status().expect("cc, which builds librdkafka too").success(), "clock.c does not compile");
        std::fs::rename(&half, &library).expect("the library");
        library
    });
    vec![("LD_PRELOAD", LIBRARY.display().to_string()), ("FAKE_CLOCK_AHEAD_MS", (millis - now()).to_string())]
}

/// The wall clock of the tests, in milliseconds since 1970.
pub fn now() -> i64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970").as_millis();
    i64::try_from(now).expect("millis")
}

impl Instance {
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// A page: its status and text.
    pub fn get(&self, path: &str) -> (u16, String) {
        let ask = async {
            let answer = self.http.get(format!("{}{path}", self.url)).send().await?;
            Ok::<_, reqwest::Error>((answer.status().as_u16(), answer.text().await?))
        };
        self.runtime.block_on(ask).unwrap_or_else(|e| (0, e.to_string()))
    }

    pub fn wait_ready(&self) {
        until("readiness", PATIENCE, || match self.get("/readyz") {
            (200, _) => Ok(()),
            (status, text) => Err(format!("{status} {text}{}", self.log())),
        });
    }

    /// The value of a metric, summed over its labels that contain `label`; 0 where it is not there.
    pub fn metric(&self, name: &str, label: &str) -> f64 {
        let (_, text) = self.get("/metrics");
        let lines = text.lines().filter(|l| l.strip_prefix(name).is_some_and(|r| r.starts_with(['{', ' '])));
        lines.filter(|l| l.contains(label)).filter_map(|l| l.rsplit_once(' ')?.1.parse::<f64>().ok()).sum()
    }

    /// Waits until a metric has a value.
    pub fn wait_metric(&self, name: &str, label: &str, fits: impl Fn(f64) -> bool) {
        until(&format!("{name} {label}"), PATIENCE, || {
            let value = self.metric(name, label);
            if fits(value) { Ok(()) } else { Err(value) }
        });
    }

    /// The account's page.
    pub fn account(&self, id: &str) -> serde_json::Value {
        until(&format!("account {id}"), PATIENCE, || {
            let (status, text) = self.get(&format!("/accounts/{id}"));
            match serde_json::from_str(&text) {
                Ok(page) if status == 200 => Ok(page),
                _ => Err(format!("{status} {text}")),
            }
        })
    }

    /// SIGTERM; waits for the end and its code.
    pub fn stop(mut self) -> i32 {
        self.signal("TERM");
        self.ended().code().expect("a code, not a signal")
    }

    /// It ends by itself within some seconds: its code, and all that it said.
    pub fn ends_within(mut self, seconds: u64) -> (i32, String) {
        let status = until("the end of the program", seconds, || {
            self.child.try_wait().expect("a child").ok_or_else(|| self.log())
        });
        (status.code().expect("a code, not a signal"), self.log())
    }

    /// SIGSTOP: it does nothing more until it is killed.
    pub fn halt(&self) {
        self.signal("STOP");
    }

    /// SIGKILL.
    pub fn kill(mut self) {
        self.child.kill().expect("it can be killed");
        self.ended();
    }

    fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args(["-s", name, &pid]).status().expect("kill runs");
        assert!(sent.success(), "kill -s {name} {pid}");
    }

    fn ended(&mut self) -> ExitStatus {
        until("the end of the program", PATIENCE, || {
            let status = self.child.try_wait().expect("a child");
            status.ok_or_else(|| std::fs::read_to_string(&self.log).unwrap_or_default())
        })
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = self.log();
            let lines: Vec<&str> = log.lines().collect();
            eprintln!("---- the end of {}\n{}", self.log.display(), lines[lines.len().saturating_sub(40)..].join("\n"));
        }
        end(&mut self.child);
    }
}

/// A child that does not outlive the test.
struct Guard(Child);

impl Drop for Guard {
    fn drop(&mut self) {
        end(&mut self.0);
    }
}

/// An error means that it has ended already.
fn end(child: &mut Child) {
    let _ = child.kill();
    let _ = child.wait();
}
