//! The sample of the reference workload, and the oracle's commands on it.

use std::collections::{BTreeMap, VecDeque};

use dunning_wire::topic::InputTopic;

use crate::bus::{project, until};
use crate::output::{assert_in_place, dump};
use crate::world::{Plot, Record, World};

/// In how many partitions the sample lies.
pub const PARTITIONS: u32 = 4;

/// A world for the sample, under the reference policy. `more` adds to its configuration.
pub fn world(registry: bool, more: &str) -> World {
    let more = format!(
        "clock: stream\nstart: earliest\ndedupe: {{ horizon: none }}\nfuture_bound: none\nbars: {{ per_hour: none }}\n{more}"
    );
    let policy = "deploy/policies/reference.yaml";
    World::new(&Plot { partitions: PARTITIONS, registry, policy, more: &more, ..Plot::default() })
}

fn read(name: &str) -> String {
    let path = project("tests/scenarios/reference").join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// All records, as they lie in each partition of each topic.
pub fn records(world: &World) -> Vec<Record> {
    let record = |line: &str| {
        let fields: Vec<&str> = line.split('\t').collect();
        let [topic, partition, _, timestamp, key, hex] = fields[..] else { panic!("six fields: {line}") };
        let topic = InputTopic::from_contract_name(topic).expect("a topic");
        let byte = |i| u8::from_str_radix(&hex[i..i + 2], 16).expect("hex");
        let datum: Vec<u8> = (0..hex.len()).step_by(2).map(byte).collect();
        Record {
            topic,
            partition: partition.parse().expect("a partition"),
            timestamp: timestamp.parse().expect("a timestamp"),
            key: Some(key.as_bytes().to_vec()),
            value: Some(world.framed(topic, &datum)),
            headers: Vec::new(),
        }
    };
    read("input.tsv").lines().map(record).collect()
}

/// The records in the order in which a shard takes them, cut into parts. A part can be written while nothing runs: a
/// merge that meets the end of a part goes on with the next one as if there had been no end.
pub fn parts(records: Vec<Record>, count: usize) -> Vec<Vec<Record>> {
    let mut queues: BTreeMap<u32, BTreeMap<InputTopic, VecDeque<Record>>> = BTreeMap::new();
    for record in records {
        queues.entry(record.partition).or_default().entry(record.topic).or_default().push_back(record);
    }
    let mut parts = vec![Vec::new(); count];
    for topics in queues.values_mut() {
        let total: usize = topics.values().map(VecDeque::len).sum();
        for taken in 0..total {
            let heads = topics.iter().filter_map(|(topic, queue)| Some((queue.front()?.timestamp, *topic)));
            let (_, topic) = heads.min().expect("a head");
            let record = topics.get_mut(&topic).and_then(VecDeque::pop_front).expect("a head");
            parts[taken * count / total].push(record);
        }
    }
    parts
}

/// Waits until every input is read to its end and as many commands are there as the oracle has.
pub fn wait_done(world: &World) {
    let wanted = read("commands.jsonl").lines().count();
    until("the end of the sample", 120, || match (world.left(), world.commands().len()) {
        (0, found) if found >= wanted => Ok(()),
        (left, found) => Err(format!("{left} records left, {found} of {wanted} commands")),
    });
}

/// The commands are the oracle's, byte for byte, each once and in its place.
pub fn assert_oracle(world: &World) {
    let commands = world.commands();
    assert_in_place(&commands, PARTITIONS);
    let (got, wanted) = (dump(&commands), read("commands.jsonl"));
    let differ = got.lines().zip(wanted.lines()).find(|(got, wanted)| got != wanted);
    assert_eq!(differ, None, "got, wanted");
    assert_eq!(got.lines().count(), wanted.lines().count());
    assert_eq!(world.left(), 0, "records are left to read");
}
