//! `dunning deadletters replay`.

use std::collections::BTreeMap;

use dunning_wire::deadletter;
use dunning_wire::topic::OutputTopic;

use super::args::Replay;
use super::choose::{Deed, choose};
use super::letter::{Id, Letter, parts_of};
use crate::cli::bus::{Back, Bus, Found, Writer, scan};
use crate::exit::{Exit, Failure};

pub(super) fn run(args: &Replay) -> Result<Exit, Failure> {
    args.chosen.check()?;
    let bus = Bus::open(args.config.as_deref())?;
    // Before anything is read: what another command has done by now is seen, and it can do no more.
    let mut writer = Writer::open(&bus)?;
    let partitions = bus.partitions;
    let refuses = |letter: &Letter, _| {
        (letter.place.partition >= partitions).then(|| "its topic has no such partition any more".to_owned())
    };
    let Some(letters) = choose(&bus, &args.chosen, &Deed { verb: "replay", refuses: &refuses })? else {
        return Ok(Exit::Findings);
    };
    let from = parts_of(letters.iter().map(|l| l.id));
    let mut left: BTreeMap<Id, Letter> = letters.into_iter().map(|l| (l.id, l)).collect();
    let wanted = left.len();
    scan(&bus, bus.topics().output(OutputTopic::DeadLetters), &from, |found| {
        match left.remove(&Id { partition: found.partition, offset: found.offset }) {
            Some(letter) => put_back(&mut writer, &letter, &found),
            None => Ok(()),
        }
    })?;
    writer.commit()?;
    let done = wanted - left.len();
    let text = format!(
        "{done} put back. Each takes effect when the running instances have read it; where one is refused again, it is a \
         new dead letter: dunning deadletters list --open"
    );
    crate::cli::print(&text)?;
    if left.is_empty() {
        return Ok(Exit::Ok);
    }
    let text = format!("{} expired meanwhile and could not be put back", left.len());
    Err(Failure::new(Exit::Expired, text))
}

fn put_back(writer: &mut Writer<'_>, letter: &Letter, found: &Found<'_>) -> Result<(), Failure> {
    let headers = deadletter::replay_headers(letter.place, &found.headers);
    let back = Back {
        topic: letter.place.topic,
        partition: letter.place.partition,
        timestamp: letter.timestamp,
        key: found.key,
        value: found.value,
        headers: &headers,
    };
    writer.put_back(&back, (letter.id.partition, &deadletter::note_headers(letter.place)))
}
