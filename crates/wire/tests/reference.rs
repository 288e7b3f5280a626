//! The reference policy over a sample of the reference workload, account by account: the commands must be those of the
//! oracle, an independent implementation, byte for byte.

mod walk;

use std::collections::{BTreeMap, VecDeque};
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use dunning_rules::{Event, PolicyBook, Timestamp};
use dunning_wire::topic::InputTopic;
use dunning_wire::{canonical, event, policy};

use walk::Walk;

struct Line {
    timestamp: Timestamp,
    datum: Vec<u8>,
}

type Partitions = BTreeMap<u32, BTreeMap<InputTopic, VecDeque<Line>>>;

fn project(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

fn read(path: &str) -> String {
    fs::read_to_string(project(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

fn input() -> Partitions {
    let mut partitions = Partitions::new();
    for line in read("tests/scenarios/reference/input.tsv").lines() {
        let fields: Vec<&str> = line.split('\t').collect();
        let [topic, partition, _, timestamp, _, hex] = fields[..] else { panic!("six fields: {line}") };
        let topic = InputTopic::from_contract_name(topic).expect("a topic");
        let datum = (0..hex.len()).step_by(2).map(|i| u8::from_str_radix(&hex[i..i + 2], 16).expect("hex")).collect();
        let timestamp = Timestamp::from_millis(timestamp.parse().expect("a timestamp"));
        let topics = partitions.entry(partition.parse().expect("a partition")).or_default();
        topics.entry(topic).or_default().push_back(Line { timestamp, datum });
    }
    partitions
}

#[test]
fn the_commands_of_the_sample_are_the_oracles() {
    let loaded = policy::parse("reference.yaml", &read("deploy/policies/reference.yaml")).expect("a policy");
    let policy = Arc::new(loaded.policy);
    let mut said = Vec::new();
    for (_, mut topics) in input() {
        let book = PolicyBook::new(Arc::clone(&policy), None);
        let mut walk = Walk::new(book);
        let mut clock = Timestamp::MIN;
        loop {
            let heads = topics.iter().filter_map(|(topic, lines)| Some((lines.front()?.timestamp, *topic)));
            let Some((at, topic)) = heads.min() else { break };
            let line = topics.get_mut(&topic).and_then(VecDeque::pop_front).expect("a head");
            clock = clock.max(at);
            let decoded = event::decode(topic, &line.datum).expect("an event");
            walk.deadlines_before(decoded.account_id, clock);
            walk.meet(decoded.account_id, &Event::Input(decoded.event), at);
        }
        let ids: Vec<String> = walk.accounts.keys().cloned().collect();
        ids.iter().for_each(|id| walk.deadlines_before(id, clock));
        said.append(&mut walk.said);
    }
    let got = canonical::dump(said.iter().map(|(topic, c)| (*topic, c)));
    let wanted = read("tests/scenarios/reference/commands.jsonl");
    let differ = got.lines().zip(wanted.lines()).find(|(got, wanted)| got != wanted);
    assert_eq!(differ, None, "got, wanted");
    assert_eq!(got.lines().count(), wanted.lines().count());
}
