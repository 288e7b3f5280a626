//! `dunning shadow`: what is decided here beside another system, held against what that did.

mod args;
mod compare;
mod report;
mod theirs;

use dunning_engine::Clock as _;
use dunning_wire::topic::OutputTopic;
use dunning_wire::{decision, frame};

pub(super) use args::Shadow;
use args::{Diff, ShadowCommand};
use compare::{Act, Acts, Kind, Span};

use super::bus::{Bus, scan};
use crate::clock::WallClock;
use crate::exit::{Exit, Failure};

pub(super) fn run(args: &Shadow) -> Result<Exit, Failure> {
    let ShadowCommand::Diff(diff) = &args.command;
    let span = span(diff)?;
    let bus = Bus::open(diff.config.as_deref())?;
    let mut acts = Acts::new(span);
    ours(&bus, &mut acts)?;
    if acts.is_empty() {
        let text =
            "nothing was decided in shadow mode in these days; is `mode: shadow` on, and is this its configuration?";
        return Err(Failure::new(Exit::Findings, text));
    }
    match &diff.theirs {
        Some(file) => theirs::from_file(file, &mut acts)?,
        None => theirs::from_topics(&bus, &mut acts)?,
    }
    let found = acts.compare();
    let text = if diff.json { report::json(&found, diff)? } else { report::text(&found, diff) };
    super::print(&text)?;
    Ok(if found.differs() { Exit::Findings } else { Exit::Ok })
}

/// The days that are compared. Without any: the last seven.
fn span(diff: &Diff) -> Result<Span, Failure> {
    let now = WallClock::default().now();
    let utc = dunning_rules::Zone::UTC;
    let until = diff.until.map_or(now, |day| utc.end_of_day(day));
    let from = diff.from.map_or_else(|| until.plus(-7 * dunning_rules::DAY_MS), |day| utc.start_of_day(day));
    if from >= until {
        return Err(Failure::new(Exit::Usage, "--from lies behind --until"));
    }
    let tolerance = i64::from(diff.within_hours) * 3_600_000;
    Ok(Span { from, until, tolerance })
}

/// What was decided here and not sent.
fn ours(bus: &Bus, acts: &mut Acts) -> Result<(), Failure> {
    scan(bus, bus.topics().output(OutputTopic::Decisions), &bus.all_partitions(), |record| {
        let decided = record.value.and_then(|value| decision::decode(frame::split(value).ok()?.1).ok());
        let Some(decided) = decided else {
            acts.unreadable += 1;
            return Ok(());
        };
        if !decided.shadow {
            return Ok(());
        }
        let kind = decided.command_id.as_ref().and_then(|_| kind_of(&decided.code));
        match kind {
            Some(kind) => {
                acts.ours(Act { account: decided.account_id, at: decided.decided_at, kind, what: decided.step })
            }
            None => {
                let word = if decided.detail.is_empty() {
                    decided.code
                } else {
                    format!("{} {}", decided.code, decided.detail)
                };
                acts.decided(&decided.account_id, decided.decided_at, &word)
            }
        }
    })
}

/// What a decision that led to a command commanded.
fn kind_of(code: &str) -> Option<Kind> {
    match code {
        "notified" | "reminded_before_due" | "early_warned" | "notified_another_way" => Some(Kind::Notice),
        "barred" => Some(Kind::Bar),
        "restored" => Some(Kind::Restoration),
        _ => None,
    }
}
