use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use dunning_rules::{BarLevel, Stage, Timestamp};
use dunning_wire::command::ActionView;
use dunning_wire::topic::OutputTopic;

use super::facts::{Facts, Known};
use super::story::{self, Story};
use super::{DemoOptions, date};
use crate::bus::Bus;

/// Width of the longest bar of the chart in characters.
const WIDTH: u64 = 40;

/// A number of accounts or commands, with its name.
pub type Count = (String, u64);

/// What came of the demo.
#[derive(Clone, Debug)]
pub struct DemoReport {
    /// Accounts by where they stand at the end. Each is counted once.
    pub stages: Vec<Count>,
    /// Accounts whose service came back on the last day.
    pub restored_on_last_day: u64,
    /// Commands by type and step, level or reason.
    pub commands: Vec<Count>,
    /// Records that could not be taken.
    pub dead_letters: u64,
    /// Events read.
    pub events: u64,
    /// Bars that wait for a person, as the customer is protected or refused.
    pub bars_held: u64,
    /// How long it took.
    pub took: Duration,
    /// Three customers.
    pub stories: Vec<Story>,
    /// The last day.
    pub last_day: String,
    /// What to type before an account's id.
    explain: String,
}

pub(super) fn build(
    facts: &Facts,
    bus: &Bus,
    options: &DemoOptions,
    last_day: Timestamp,
    events: u64,
    took: Duration,
) -> DemoReport {
    let all = facts.accounts.values();
    DemoReport {
        stages: stages(facts),
        restored_on_last_day: all.clone().filter(|k| is_restored_since(k, last_day)).count() as u64,
        commands: commands(facts),
        dead_letters: facts.dead_letters,
        events,
        bars_held: all.filter(|k| k.held().is_some()).count() as u64,
        took,
        stories: story::pick(facts, bus),
        last_day: date(last_day),
        explain: options.explain.clone(),
    }
}

/// Every place where an account can stand, in the order of the ladder.
const STAGES: [&str; 7] = [
    "never dunned",
    "paid or cleared, no bar needed",
    "paid or cleared, service restored",
    "overdue, nothing sent yet",
    "notified",
    "barred: outgoing",
    "barred: full",
];

fn stages(facts: &Facts) -> Vec<Count> {
    let mut counts = [0; STAGES.len()];
    for known in facts.accounts.values() {
        counts[stage(known)] += 1;
    }
    STAGES.iter().zip(counts).map(|(name, n)| ((*name).to_owned(), n)).collect()
}

fn stage(known: &Known) -> usize {
    match known.account.as_ref().map_or(Stage::Clear, dunning_rules::Account::stage) {
        Stage::Clear if known.count(OutputTopic::Restoration) > 0 => 2,
        Stage::Clear if !known.decisions.is_empty() => 1,
        Stage::Clear => 0,
        Stage::Entered => 3,
        Stage::Notified => 4,
        Stage::Barred(BarLevel::Throttled | BarLevel::Outgoing) => 5,
        Stage::Barred(BarLevel::Full | BarLevel::Terminated) => 6,
    }
}

fn is_restored_since(known: &Known, since: Timestamp) -> bool {
    known.commands.iter().any(|(t, c)| *t == OutputTopic::Restoration && c.decided_at >= since)
}

fn commands(facts: &Facts) -> Vec<Count> {
    let mut counts: BTreeMap<(OutputTopic, String), u64> = BTreeMap::new();
    for (topic, command) in facts.accounts.values().flat_map(|k| &k.commands) {
        let name = match &command.action {
            ActionView::Notify { channel, .. } => format!("notification, {} by {channel}", command.step),
            ActionView::Withdraw { channel, .. } => format!("notification, {} by {channel}, withdrawn", command.step),
            ActionView::Bar { level, .. } => format!("bar, {level}"),
            ActionView::Retry { attempt, .. } => format!("retry, attempt {attempt}"),
            ActionView::Ledger { kind, .. } => format!("ledger, {} ({kind})", command.step),
            ActionView::Restore { reason, .. } => format!("restoration, {reason}"),
        };
        *counts.entry((*topic, name)).or_default() += 1;
    }
    counts.into_iter().map(|((_, name), n)| (name, n)).collect()
}

impl fmt::Display for DemoReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "Accounts at the end of {}", self.last_day)?;
        chart(f, &self.stages)?;
        writeln!(
            f,
            "\n  restored on that day: {}; bars that wait for a person: {}",
            self.restored_on_last_day, self.bars_held
        )?;
        writeln!(f, "\nCommands sent, each exactly once")?;
        chart(f, &self.commands)?;
        for story in &self.stories {
            write!(f, "\n{story}")?;
        }
        writeln!(
            f,
            "\n{} events in {:.1} s; {} dead letters. Everything here is synthetic and not for production.",
            self.events,
            self.took.as_secs_f64(),
            self.dead_letters
        )?;
        if !self.stories.is_empty() {
            writeln!(f, "\nTo see why an account stands where it does:")?;
            for story in &self.stories {
                writeln!(f, "  {} {}", self.explain, story.account_id)?;
            }
        }
        Ok(())
    }
}

fn chart(f: &mut fmt::Formatter<'_>, counts: &[Count]) -> fmt::Result {
    let most = counts.iter().map(|(_, n)| *n).max().unwrap_or(0).max(1);
    let names = counts.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    for (name, n) in counts {
        // Whoever is there is seen, also beside thousands.
        let bar = (n * WIDTH).div_ceil(most);
        writeln!(f, "  {name:<names$} {n:>7} {}", "█".repeat(usize::try_from(bar).unwrap_or(0)))?;
    }
    Ok(())
}
