//! Holds what lies on the bus and on the disks against what must lie there.

use std::collections::BTreeMap;

use dunning_engine::Partition;
use dunning_wire::state::{CHECKPOINT_KEY, Checkpoint, decode_row};
use dunning_wire::state_record::{self, StateRecord};
use dunning_wire::topic::{InputTopic, OutputTopic};
use dunning_wire::{deadletter, frame};

use super::fold::Fold;
use super::tape::History;
use crate::{Bus, MemoryStores, Topic};

const COMMANDS: [OutputTopic; 5] = OutputTopic::COMMANDS;

/// The generation of a world's topics.
pub(super) const GENERATION: u32 = 1;

fn datum(value: Option<&[u8]>) -> Vec<u8> {
    value.and_then(|v| frame::split(v).ok()).map(|(_, datum)| datum.to_vec()).unwrap_or_default()
}

/// The data of a topic's partition by key, in order.
fn by_key(bus: &Bus, topic: OutputTopic, shard: Partition) -> BTreeMap<Vec<u8>, Vec<Vec<u8>>> {
    let mut found: BTreeMap<Vec<u8>, Vec<Vec<u8>>> = BTreeMap::new();
    bus.each(Topic::Out(topic), shard, 0, |record| {
        let key = record.key.as_deref().unwrap_or_default().to_vec();
        found.entry(key).or_default().push(datum(record.value.as_deref()));
    });
    found
}

/// Commands, decisions and dead letters: none missing, none twice, none else, in order.
pub(super) fn outputs(bus: &Bus, shard: Partition, fold: &Fold<'_>) -> Result<(), String> {
    for topic in COMMANDS {
        let found = by_key(bus, topic, shard);
        let mut wanted: BTreeMap<Vec<u8>, Vec<Vec<u8>>> = BTreeMap::new();
        for (id, kept) in &fold.accounts {
            let of_topic = kept.commands.iter().filter(|(t, _)| *t == topic).map(|(_, datum)| datum.clone());
            let of_topic: Vec<_> = of_topic.collect();
            if !of_topic.is_empty() {
                wanted.insert(id.clone().into_bytes(), of_topic);
            }
        }
        same(&format!("{topic:?} of shard {shard}"), &found, &wanted)?;
    }
    let found = by_key(bus, OutputTopic::Decisions, shard);
    let said = fold.accounts.iter().filter(|(_, k)| !k.decisions.is_empty());
    let wanted = said.map(|(id, k)| (id.clone().into_bytes(), k.decisions.clone())).collect();
    same(&format!("decisions of shard {shard}"), &found, &wanted)?;
    let mut dead = Vec::new();
    bus.each(Topic::Out(OutputTopic::DeadLetters), shard, 0, |record| {
        if let Some(marks) = deadletter::read(&record.headers) {
            dead.push((InputTopic::from_contract_name(&marks.topic), marks.offset));
        }
    });
    let wanted: Vec<_> = fold.dead.iter().map(|(topic, offset)| (Some(*topic), *offset)).collect();
    if dead == wanted { Ok(()) } else { Err(format!("dead letters of shard {shard}: {dead:?}, wanted {wanted:?}")) }
}

fn same(
    what: &str,
    found: &BTreeMap<Vec<u8>, Vec<Vec<u8>>>,
    wanted: &BTreeMap<Vec<u8>, Vec<Vec<u8>>>,
) -> Result<(), String> {
    if found == wanted {
        return Ok(());
    }
    let count = |of: &BTreeMap<Vec<u8>, Vec<Vec<u8>>>| {
        let counts = of.iter().map(|(key, data)| format!("{} {}", String::from_utf8_lossy(key), data.len()));
        counts.collect::<Vec<_>>().join(", ")
    };
    Err(format!("{what} differ: found [{}], wanted [{}]", count(found), count(wanted)))
}

/// The last state of every account, and the checkpoint.
pub(super) fn state(bus: &Bus, shard: Partition, fold: &Fold<'_>, history: &History) -> Result<(), String> {
    let mut last: BTreeMap<Vec<u8>, Vec<u8>> = BTreeMap::new();
    bus.each(Topic::Out(OutputTopic::State), shard, 0, |record| {
        last.insert(record.key.as_deref().unwrap_or_default().to_vec(), datum(record.value.as_deref()));
    });
    let checkpoint = last.remove(CHECKPOINT_KEY);
    for (id, kept) in &fold.accounts {
        let found = last.remove(id.as_bytes()).unwrap_or_default();
        let row = match state_record::decode(&found) {
            Ok(StateRecord::Account { row, .. }) => decode_row(row).map_err(|e| e.to_string())?,
            _ => return Err(format!("shard {shard} has no state of {id}")),
        };
        if row != kept.row {
            return Err(format!("shard {shard}, {id}: the state is {row:?}, wanted {:?}", kept.row));
        }
    }
    if let Some(key) = last.keys().next() {
        return Err(format!("shard {shard} has a state of {}", String::from_utf8_lossy(key)));
    }
    let found = checkpoint.and_then(|datum| state_record::decode_checkpoint(&datum).ok());
    if found.as_ref() != history.checkpoints.last() {
        return Err(format!("shard {shard}: the checkpoint is not the last one committed"));
    }
    let Some(found) = found else { return Err(format!("shard {shard} has no checkpoint")) };
    if found.stale_count != fold.stale.len() as u64 {
        return Err(format!("shard {shard} counts {} unread records, wanted {}", found.stale_count, fold.stale.len()));
    }
    for (topic, next) in &found.positions {
        let offset = bus.committed(*topic, shard);
        if offset != Some(*next) {
            return Err(format!("shard {shard}, {topic:?}: the group is at {offset:?}, the checkpoint at {next}"));
        }
    }
    Ok(())
}

/// Checkpoints follow each other without a gap, and neither clock nor place goes back.
pub(super) fn checkpoints(shard: Partition, history: &History) -> Result<(), String> {
    for pair in history.checkpoints.windows(2) {
        let [a, b] = pair else { continue };
        let forward = a.positions.iter().zip(&b.positions).all(|(a, b)| a.0 == b.0 && a.1 <= b.1);
        if b.transaction != a.transaction + 1 || b.clock < a.clock || !forward {
            let brief = |c: &Checkpoint| format!("{} at {}, {:?}", c.transaction, c.clock, c.positions);
            return Err(format!("shard {shard}: after checkpoint {} comes {}", brief(a), brief(b)));
        }
    }
    Ok(())
}

/// A disk has nothing that was not committed.
pub(super) fn disk(disk: &MemoryStores, shard: Partition, history: &History) -> Result<(), String> {
    for (key, value) in disk.rows(GENERATION, shard) {
        let Some((b'a', account)) = key.split_first() else { continue };
        if !history.rows.get(account).is_some_and(|rows| rows.contains(value.as_slice())) {
            let account = String::from_utf8_lossy(account);
            return Err(format!("shard {shard}: the store has a state of {account} that was never committed"));
        }
    }
    Ok(())
}

/// A store that was closed in order has the last state of every account, and nothing else.
pub(super) fn store(disk: &MemoryStores, shard: Partition, bus: &Bus) -> Result<(), String> {
    let mut last: BTreeMap<Vec<u8>, Vec<u8>> = BTreeMap::new();
    bus.each(Topic::Out(OutputTopic::State), shard, 0, |record| {
        let datum = datum(record.value.as_deref());
        if let Ok(StateRecord::Account { row, .. }) = state_record::decode(&datum) {
            last.insert(record.key.as_deref().unwrap_or_default().to_vec(), row.to_vec());
        }
    });
    let rows = disk.rows(GENERATION, shard).into_iter();
    let rows: BTreeMap<_, _> =
        rows.filter(|(k, _)| k.first() == Some(&b'a')).map(|(k, v)| (k[1..].to_vec(), v)).collect();
    if rows == last { Ok(()) } else { Err(format!("shard {shard}: the store is not the state topic")) }
}
