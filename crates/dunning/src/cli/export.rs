//! `dunning account export`: all that this program's topics hold of one account, for the person whose it is.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;

use dunning_engine::Clock as _;
use dunning_sim::murmur2;
use dunning_wire::api::{AccountView, DecisionView, PersonView};
use dunning_wire::command::{self, CommandView};
use dunning_wire::state::{self, StoredRow};
use dunning_wire::state_record::StateRecord;
use dunning_wire::topic::OutputTopic;
use dunning_wire::{decision, frame, state_record};
use serde_json::{Value, json};

use super::args::Export;
use super::bus::{Bus, scan};
use crate::clock::WallClock;
use crate::exit::{Exit, Failure};

/// What was found.
#[derive(Default)]
struct Found {
    row: Option<StoredRow>,
    decisions: Vec<DecisionView>,
    commands: Vec<CommandView>,
    /// Records under the account's key that this version cannot read.
    unreadable: u64,
}

pub(super) fn run(args: &Export) -> Result<Exit, Failure> {
    let bus = Bus::open(args.config.as_deref())?;
    let found = read(&bus, &args.id)?;
    if found.row.is_none() && found.decisions.is_empty() && found.commands.is_empty() && found.unreadable == 0 {
        return Err(Failure::new(Exit::Findings, "nothing is held of this account"));
    }
    let text = serde_json::to_string_pretty(&page(&args.id, &found))
        .map_err(|e| Failure::because(Exit::Internal, "what was found cannot be written as JSON", e))?;
    match &args.out {
        Some(file) => save(file, &text),
        None => super::print(&text),
    }
}

/// Reads the account's partition of each topic to its end.
fn read(bus: &Bus, account: &str) -> Result<Found, Failure> {
    let mut found = Found::default();
    let from = BTreeMap::from([(murmur2::partition(account.as_bytes(), bus.partitions), 0)]);
    let topics = [OutputTopic::State, OutputTopic::Decisions];
    for topic in topics.into_iter().chain(OutputTopic::COMMANDS) {
        scan(bus, bus.topics().output(topic), &from, |record| {
            if record.key == Some(account.as_bytes()) {
                let known = take(&mut found, topic, record.value);
                found.unreadable += u64::from(known.is_none());
            }
            Ok(())
        })?;
    }
    Ok(found)
}

/// A record of the account; `None`: this version cannot read it.
fn take(found: &mut Found, topic: OutputTopic, value: Option<&[u8]>) -> Option<()> {
    let Some(value) = value else {
        // The last state was taken away.
        found.row = None;
        return Some(());
    };
    let (_, datum) = frame::split(value).ok()?;
    match topic {
        OutputTopic::State => match state_record::decode(datum).ok()? {
            StateRecord::Account { row, .. } => found.row = Some(state::decode_row(row).ok()?),
            StateRecord::Checkpoint(_) => return None,
        },
        OutputTopic::Decisions => found.decisions.push(decision::decode(datum).ok()?.into()),
        _ => found.commands.push(command::decode(topic, datum).ok()?),
    }
    Some(())
}

fn page(account: &str, found: &Found) -> Value {
    json!({
        "account_id": account,
        "exported_at": WallClock::default().now().to_string(),
        "account": found.row.as_ref().map(|row| AccountView::new(row, None)),
        "person": found.row.as_ref().map(|row| PersonView::new(&row.account)),
        "decisions": found.decisions,
        "commands": found.commands,
        "unreadable": found.unreadable,
    })
}

/// Personal data is for its owner's eyes.
fn save(file: &Path, text: &str) -> Result<Exit, Failure> {
    let failed = |e| Failure::because(Exit::System, format!("{} cannot be written", file.display()), e);
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut out = options.open(file).map_err(failed)?;
    out.write_all(text.as_bytes()).and_then(|()| out.write_all(b"\n")).map_err(failed)?;
    Ok(Exit::Ok)
}
