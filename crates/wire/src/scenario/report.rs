use std::collections::BTreeSet;
use std::fmt;

use chrono::{DateTime, Timelike};
use chrono_tz::Tz;
use dunning_rules::{Timestamp, Zone};

use super::cover::Part;
use super::model::Scenario;
use crate::policy::Findings;

/// What became of a line of the diary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// It happened, and the account took it.
    Happened,
    /// It was expected and came.
    Met,
    /// It was expected and did not come.
    Missing,
    /// It came and was not expected.
    Unexpected,
    /// It is otherwise than written.
    Wrong,
}

impl Mark {
    const fn sign(self) -> &'static str {
        match self {
            Self::Happened => " ",
            Self::Met => "=",
            Self::Missing => "-",
            Self::Unexpected => "+",
            Self::Wrong => "!",
        }
    }

    const fn is_wrong(self) -> bool {
        matches!(self, Self::Missing | Self::Unexpected | Self::Wrong)
    }
}

/// A line of the diary as it came out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// When.
    pub at: Timestamp,
    /// Of the scenario file, from 1; `u32::MAX` where it stands nowhere in it.
    pub line: u32,
    /// What became of it.
    pub mark: Mark,
    /// In words.
    pub text: String,
}

/// What came out of a scenario. `Display` is one line where it passed, and the whole diary with the differences where
/// it did not: `-` expected and missing, `+` came and not expected, `!` otherwise than written.
#[derive(Clone, Debug)]
pub struct Report {
    /// The scenario file (or the policy file, where that cannot be used).
    pub file: String,
    /// What the scenario shows; empty where the file cannot be read.
    pub title: String,
    /// The diary as it came out.
    pub lines: Vec<Line>,
    /// Where the scenario or its policy cannot be used: why.
    pub findings: Findings,
    /// What of the policy it came to.
    pub reached: BTreeSet<Part>,
    zone: Zone,
}

impl Report {
    pub(super) fn of_run(scenario: &Scenario, lines: Vec<Line>, reached: BTreeSet<Part>) -> Self {
        let (file, title, zone) = (scenario.file.clone(), scenario.title.clone(), scenario.zone);
        Self { file, title, lines, findings: Findings::default(), reached, zone }
    }

    pub(super) fn unusable(file: &str, findings: Findings) -> Self {
        let file = file.to_owned();
        Self { file, title: String::new(), lines: Vec::new(), findings, reached: BTreeSet::new(), zone: Zone::UTC }
    }

    /// True where everything came as written, and nothing else.
    #[must_use]
    pub fn passed(&self) -> bool {
        !self.findings.has_error() && !self.lines.iter().any(|line| line.mark.is_wrong())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.findings.has_error() {
            return write!(f, "FAILED {}\n{}", self.file, self.findings);
        }
        if self.passed() {
            return write!(f, "ok     {}: {}", self.file, self.title);
        }
        write!(f, "FAILED {}: {}", self.file, self.title)?;
        for line in &self.lines {
            let note = match line.mark {
                Mark::Missing => format!("  <- expected (line {}), and did not come", line.line),
                Mark::Unexpected => "  <- came, and is not expected".to_owned(),
                Mark::Wrong => format!("  <- line {}", line.line),
                Mark::Happened | Mark::Met => String::new(),
            };
            write!(f, "\n  {} {}  {}{note}", line.mark.sign(), local(self.zone, line.at), line.text)?;
        }
        Ok(())
    }
}

/// An instant as the clock on the wall of a zone shows it.
pub(super) fn local(zone: Zone, at: Timestamp) -> String {
    let tz: Tz = zone.name().parse().unwrap_or(Tz::UTC);
    let Some(time) = DateTime::from_timestamp_millis(at.millis()) else { return at.to_string() };
    let time = time.with_timezone(&tz);
    let format = match (time.second(), time.nanosecond()) {
        (0, 0) => "%Y-%m-%d %H:%M",
        (_, 0) => "%Y-%m-%d %H:%M:%S",
        _ => "%Y-%m-%d %H:%M:%S%.3f",
    };
    time.format(format).to_string()
}
