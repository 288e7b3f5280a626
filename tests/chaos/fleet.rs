//! The instances and who looks after them: what ends by itself with a code that says "restart" is started again.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use dunning::exit::Exit;

use crate::bus::until;
use crate::process::{PATIENCE, program};
use crate::world::World;

/// Sessions and transactions end sooner than in production, so that a fault takes seconds; and so does the time for which a
/// group waits for members that its broker remembers from before its death.
const PROPERTIES: &str = "{ session.timeout.ms: \"4000\", heartbeat.interval.ms: \"1000\", \
    max.poll.interval.ms: \"30000\", transaction.timeout.ms: \"8000\", socket.timeout.ms: \"6000\" }";

/// Codes after which OPERATING.md says: restart.
const RESTART: [Exit; 3] = [Exit::Unreachable, Exit::Fenced, Exit::Slow];

/// Lines of the log that say what the program met, and the words for them in the table.
const SEEN: [(&str, &str); 9] = [
    ("the group's offsets differ from the checkpoint", "offsets that differed from the checkpoint"),
    ("the last writer's open transaction is ended", "open transactions of a last writer ended"),
    ("the batch is void", "batches that were void"),
    ("whether the batch was committed is not known", "commits whose outcome was not known"),
    ("shards were lost", "times that shards were lost"),
    ("opened=Intact", "stores found intact"),
    ("opened=Fresh", "stores found missing, damaged or of another identity"),
    ("the store is rebuilt from the state topic", "stores rebuilt after they were opened"),
    ("shard runs", "shards that began to run"),
];

pub struct Member {
    pub name: String,
    world: Arc<World>,
    bootstrap: String,
    child: Option<Child>,
    logs: Vec<PathBuf>,
    /// Until when it stays away.
    due: Option<Instant>,
    /// The code with which it is to end by itself, for a fault that makes it.
    pub ends_with: Option<Exit>,
    /// Where that happened.
    pub ended_so: bool,
}

pub struct Fleet {
    pub members: Vec<Member>,
    /// Ends by itself, by code.
    pub ended: BTreeMap<u8, usize>,
}

impl Fleet {
    pub fn new(world: &Arc<World>, bootstrap: &str, count: usize) -> Self {
        let member = |number| Member::new(world, bootstrap, &format!("i{number}"));
        Self { members: (0..count).map(member).collect(), ended: BTreeMap::new() }
    }

    /// Starts who is due, and sees who has ended.
    pub fn look(&mut self) {
        for member in &mut self.members {
            if let Some(code) = member.ended_by_itself() {
                *self.ended.entry(code).or_default() += 1;
            }
            if member.child.is_none() && member.due.is_some_and(|due| due <= Instant::now()) {
                member.start();
            }
        }
    }

    /// What the logs say, with how often.
    pub fn seen(&self) -> BTreeMap<&'static str, usize> {
        let mut seen = BTreeMap::new();
        for log in self.members.iter().flat_map(|m| &m.logs) {
            let text = read(log);
            for (line, words) in SEEN {
                *seen.entry(words).or_default() += text.matches(line).count();
            }
        }
        seen
    }

    /// Copies all logs to where they stay after the test.
    pub fn keep_logs(&self, seed: u64) -> PathBuf {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("chaos-{seed}"));
        // A test that fails already is not to fail for this.
        let _ = std::fs::remove_dir_all(&folder);
        let _ = std::fs::create_dir_all(&folder);
        for log in self.members.iter().flat_map(|m| &m.logs) {
            let _ = std::fs::copy(log, folder.join(log.file_name().unwrap_or_default()));
        }
        folder
    }

    /// For every restoration of a shard: how many offsets of the state topic were read again.
    pub fn replayed(&self) -> Vec<i64> {
        let mut all = Vec::new();
        for log in self.members.iter().flat_map(|m| &m.logs) {
            let text = read(log);
            for line in text.lines().filter(|l| l.contains("shard is being restored")) {
                let field = |name: &str| line.split(name).nth(1)?.split_whitespace().next()?.parse::<i64>().ok();
                if let (Some(from), Some(to)) = (field(" from="), field(" to=")) {
                    all.push(to - from);
                }
            }
        }
        all
    }
}

impl Member {
    pub fn new(world: &Arc<World>, bootstrap: &str, name: &str) -> Self {
        Self {
            name: name.to_owned(),
            world: Arc::clone(world),
            bootstrap: bootstrap.to_owned(),
            child: None,
            logs: Vec::new(),
            due: None,
            ends_with: None,
            ended_so: false,
        }
    }

    pub fn state(&self) -> PathBuf {
        self.world.state_of(&self.name)
    }

    /// The prefix of the names of its clients.
    pub fn clients(&self) -> String {
        format!("dunning-{}-", self.name)
    }

    pub fn start(&mut self) {
        let log = self.world.folder().join(format!("{}-{}.log", self.name, self.logs.len()));
        let file = File::create(&log).expect("a log");
        let mut command = program();
        command.args(["run", "--config"]).arg(self.world.config_file());
        command.env("DUNNING_INSTANCE", &self.name).env("DUNNING_STATE_DIRECTORY", self.state());
        command.env("DUNNING_KAFKA_BOOTSTRAP_SERVERS", &self.bootstrap).env("DUNNING_KAFKA_PROPERTIES", PROPERTIES);
        // Every second start writes the newer version of the state: a rolling upgrade, and its rollback, all the time.
        command.env("DUNNING_STATE_VERSION", if self.logs.len().is_multiple_of(2) { "1" } else { "2" });
        command.env("DUNNING_STANDBY", "1");
        command.stdin(Stdio::null()).stdout(file.try_clone().expect("a file")).stderr(file);
        self.child = Some(command.spawn().expect("the program starts"));
        self.logs.push(log);
        self.due = None;
    }

    /// It is started again after so long.
    pub fn start_after(&mut self, wait: Duration) {
        self.due = Some(Instant::now() + wait);
    }

    /// Kills it, if it runs.
    pub fn kill(&mut self) -> bool {
        let Some(mut child) = self.child.take() else { return false };
        // It may just have ended by itself.
        let _ = child.kill();
        child.wait().expect("a child");
        self.check_log();
        true
    }

    /// SIGTERM; it has to end with 0, or with 79 where the broker does not let it.
    pub fn terminate(&mut self) -> u8 {
        let log = self.log();
        // One that was started a moment ago may not listen to signals yet, and would end by this one.
        until("a process that listens to signals", PATIENCE, || {
            if read(&log).contains("http listens") { Ok(()) } else { Err(tail(&log)) }
        });
        self.signal("TERM");
        let child = self.child.as_mut().expect("it runs");
        let status =
            until("the end after SIGTERM", PATIENCE, || child.try_wait().expect("a child").ok_or_else(|| tail(&log)));
        self.child = None;
        self.check_log();
        u8::try_from(status.code().expect("a code, not a signal")).expect("a code")
    }

    pub fn signal(&self, name: &str) {
        let pid = self.child.as_ref().expect("it runs").id().to_string();
        let sent = Command::new("kill").args(["-s", name, &pid]).status().expect("kill runs");
        assert!(sent.success(), "kill -s {name} {pid}");
    }

    pub fn runs(&self) -> bool {
        self.child.is_some()
    }

    /// The log of the last start.
    pub fn log(&self) -> PathBuf {
        self.logs.last().cloned().unwrap_or_default()
    }

    /// The code with which it ended by itself; it is started again. Any code but those that say so fails the test.
    fn ended_by_itself(&mut self) -> Option<u8> {
        let status = self.child.as_mut()?.try_wait().expect("a child")?;
        self.child = None;
        self.check_log();
        let log = self.log();
        let code = status.code().unwrap_or_else(|| panic!("{} ended: {status}\n{}", self.name, tail(&log)));
        let exit = Exit::ALL.into_iter().find(|e| i32::from(e.code()) == code);
        let wanted = exit.filter(|e| RESTART.contains(e) || self.ends_with == Some(*e));
        let exit = wanted.unwrap_or_else(|| panic!("{} ended with {code}\n{}", self.name, tail(&log)));
        if self.ends_with == Some(exit) {
            self.ended_so = true;
        } else {
            self.start_after(Duration::from_millis(500));
        }
        Some(exit.code())
    }

    fn check_log(&self) {
        // The store's library panics on some damaged files; the program meets that as any other damage.
        let ours = |line: &&str| line.contains("panicked at") && !line.contains("/sled-");
        let text = read(&self.log());
        assert_eq!(text.lines().find(ours), None, "{}:\n{}", self.name, tail(&self.log()));
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        if std::thread::panicking() && !self.logs.is_empty() {
            eprintln!("---- the end of the last log of {}\n{}", self.name, tail(&self.log()));
        }
        if let Some(mut child) = self.child.take() {
            // An error means that it has ended already.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

pub fn read(log: &Path) -> String {
    std::fs::read_to_string(log).unwrap_or_default()
}

fn tail(log: &Path) -> String {
    let text = read(log);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(30)..].join("\n")
}
