//! How the program ends: one table for the code, the help and the documentation.

use std::fmt::Write as _;
use std::process::ExitCode;

/// Why the program ends. The numbers are those of sysexits where one fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// All is well.
    Ok = 0,
    /// The command ran and its answer is no.
    Findings = 1,
    /// The command line cannot be understood.
    Usage = 2,
    /// The configuration cannot be used.
    Config = 64,
    /// The policy cannot be used.
    Policy = 65,
    /// Topics are missing or do not fit together.
    Topics = 66,
    /// Where to begin must be said.
    Start = 67,
    /// Something that must answer now does not.
    Unreachable = 69,
    /// A fault of the program itself.
    Internal = 70,
    /// The operating system refused something.
    System = 71,
    /// Records expired before they were read.
    Expired = 72,
    /// The state directory cannot be used.
    Directory = 73,
    /// The state topic cannot be read.
    State = 74,
    /// Another instance took over.
    Fenced = 75,
    /// The number of partitions changed.
    Partitions = 76,
    /// The broker or the registry refuses access.
    Refused = 77,
    /// The end took too long.
    Slow = 79,
}

impl Exit {
    /// All, in order.
    pub const ALL: [Self; 17] = [
        Self::Ok,
        Self::Findings,
        Self::Usage,
        Self::Config,
        Self::Policy,
        Self::Topics,
        Self::Start,
        Self::Unreachable,
        Self::Internal,
        Self::System,
        Self::Expired,
        Self::Directory,
        Self::State,
        Self::Fenced,
        Self::Partitions,
        Self::Refused,
        Self::Slow,
    ];

    /// The number that the shell sees.
    #[must_use]
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// What happened.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Ok => "all is well; after a signal: everything is committed",
            Self::Findings => {
                "the answer is no: findings in a policy, a scenario that failed, an account or a dead letter that is not known, two systems \
                 that differ"
            }
            Self::Usage => "the command line cannot be understood",
            Self::Config => "the configuration cannot be used",
            Self::Policy => "the policy cannot be used",
            Self::Topics => "topics are missing or have unequal numbers of partitions",
            Self::Start => "there is neither a checkpoint nor an offset, and `start` is not set",
            Self::Unreachable => "the broker, the registry or the instance does not answer",
            Self::Internal => "a fault of the program itself",
            Self::System => "the operating system refused something: a port, a thread, a file",
            Self::Expired => "records expired on the broker before they were read",
            Self::Directory => "the state directory cannot be made, written or locked",
            Self::State => "the state topic is damaged, or of a version that this program does not know",
            Self::Fenced => "another process runs under the same `instance` and took over",
            Self::Partitions => "the number of partitions changed while it ran",
            Self::Refused => "the broker or the registry refuses access",
            Self::Slow => "the end took too long and was cut short; nothing that was committed is lost",
        }
    }

    /// What to do about it.
    #[must_use]
    pub const fn advice(self) -> &'static str {
        match self {
            Self::Ok => "nothing",
            Self::Findings => "read what was printed",
            Self::Usage => "see `dunning help`",
            Self::Config => "correct what was printed; all errors are printed at once",
            Self::Policy => "correct the file; `dunning policy check FILE` shows every finding",
            Self::Topics => "make them: `dunning topics create`",
            Self::Start => "set `start` to `earliest` or to an instant",
            Self::Unreachable => "check address, network and credentials, then try again",
            Self::Internal => "restart; report it with the log",
            Self::System => "see the log: it names what was refused",
            Self::Expired => "see OPERATING.md, \"Expired records\": do not just restart",
            Self::Directory => "check path, permissions, free space, and that no other process uses it",
            Self::State => "run the version that wrote it; see OPERATING.md, \"Upgrade\"",
            Self::Fenced => "give each instance its own `instance`, then restart",
            Self::Partitions => "see OPERATING.md, \"Partitions\": do not just restart",
            Self::Refused => "check user, password, certificates and ACLs",
            Self::Slow => "restart; if it comes again, look at the broker's answer times",
        }
    }

    /// The whole table, as text for a terminal.
    #[must_use]
    pub fn table() -> String {
        let mut text = String::from("Exit codes:\n");
        for exit in Self::ALL {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "  {:>2}  {}. To do: {}.", exit.code(), exit.meaning(), exit.advice());
        }
        text
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// A failure with the code that the program ends with. Printed once, at the edge.
#[derive(Debug, thiserror::Error)]
#[error("{text}")]
pub struct Failure {
    /// The code.
    pub exit: Exit,
    /// What happened and what to do, for the person who reads it.
    pub text: String,
    /// What it came from.
    #[source]
    pub cause: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Failure {
    /// A failure that says everything itself.
    #[must_use]
    pub fn new(exit: Exit, text: impl Into<String>) -> Self {
        Self { exit, text: text.into(), cause: None }
    }

    /// A failure with its cause.
    #[must_use]
    pub fn because<E>(exit: Exit, text: impl Into<String>, cause: E) -> Self
    where
        E: std::error::Error + Send + Sync + 'static,
    {
        Self { exit, text: text.into(), cause: Some(Box::new(cause)) }
    }

    /// The text and all its causes, as one line each.
    #[must_use]
    pub fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(c) = cause {
            let _ = write!(text, ": {c}");
            cause = c.source();
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_in_order_and_none_is_there_twice() {
        assert!(Exit::ALL.windows(2).all(|w| w[0].code() < w[1].code()));
    }

    #[test]
    fn the_chain_is_said_once() {
        let inner = std::io::Error::other("no space");
        let failure = Failure::because(Exit::Directory, "the state directory cannot be used", inner);
        assert_eq!(failure.chain(), "the state directory cannot be used: no space");
    }
}
