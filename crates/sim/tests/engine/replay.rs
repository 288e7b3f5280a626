//! The reference sample through the whole engine, with crashes at any point: the commands are the oracle's.

use dunning_engine::{ClockMode, LaneError};
use dunning_rules::{Day, Timestamp, Zone};
use dunning_sim::{Random, Topic};
use dunning_wire::frame;
use dunning_wire::schema::embedded_id;
use dunning_wire::topic::InputTopic;

use crate::world::{World, policy_file, read, settings};

pub const PARTITIONS: u32 = 4;

pub fn world() -> World {
    let now = Zone::UTC.start_of_day(Day::from_epoch(20_700));
    World::new(PARTITIONS, settings(ClockMode::Stream, policy_file("reference")), now)
}

/// Appends the sample; a given part of it.
pub fn feed(world: &World, part: impl Fn(usize) -> bool) {
    for (i, line) in read("tests/scenarios/reference/input.tsv").lines().enumerate() {
        let fields: Vec<&str> = line.split('\t').collect();
        let [topic, partition, _, timestamp, key, hex] = fields[..] else { panic!("six fields: {line}") };
        if !part(i) {
            continue;
        }
        let topic = InputTopic::from_contract_name(topic).expect("a topic");
        let mut value = Vec::new();
        frame::put_header(&mut value, embedded_id(topic.contract_name()));
        value.extend((0..hex.len()).step_by(2).map(|i| u8::from_str_radix(&hex[i..i + 2], 16).expect("hex")));
        let at = Timestamp::from_millis(timestamp.parse().expect("a timestamp"));
        let partition = partition.parse().expect("a partition");
        world.bus.append_to(Topic::In(topic), partition, Some(key.as_bytes()), Some(&value), at, None);
    }
}

pub fn assert_oracle(world: &World, what: &str) {
    let got = world.dump();
    let wanted = read("tests/scenarios/reference/commands.jsonl");
    let differ = got.lines().zip(wanted.lines()).find(|(got, wanted)| got != wanted);
    assert_eq!(differ, None, "{what}: got, wanted");
    assert_eq!(got.lines().count(), wanted.lines().count(), "{what}");
    assert!(world.dead_letters().is_empty(), "{what}");
}

#[test]
fn one_lane_says_what_the_oracle_says() {
    let mut world = world();
    feed(&world, |_| true);
    world.lane(None);
    world.settle();
    assert_oracle(&world, "one lane");
    for topic in InputTopic::ALL {
        for partition in 0..PARTITIONS {
            assert!(world.bus.committed(topic, partition).is_some(), "an offset for every input, read or not");
        }
    }
}

#[test]
fn lanes_that_come_and_go_say_it_too() {
    let mut world = world();
    feed(&world, |_| true);
    world.lane(None);
    for round in 0..40 {
        world.turn().expect("a round");
        if round % 10 == 9 {
            world.lane(None);
        }
        if round == 25 {
            world.lanes.remove(0).stop().expect("a clean stop");
        }
    }
    world.settle();
    assert_oracle(&world, "lanes that come and go");
}

/// A lane that is killed comes back under its own name, with what is left of its disk.
fn killed(seed: u64) -> Result<(), LaneError> {
    let mut random = Random::new(seed, 0);
    let mut world = world();
    feed(&world, |_| true);
    world.lane(Some("w"));
    for _ in 0..random.between(0, 6) + 1 {
        for _ in 0..random.between(0, 60) {
            world.turn()?;
        }
        let mut dead = world.lanes.remove(0);
        dead.broker_mut().expel();
        drop(dead);
        match random.between(0, 4) {
            0 => world.stores.crash(usize::MAX),
            1 => world.stores.crash(usize::try_from(random.between(0, 5)).unwrap_or(0)),
            _ => {}
        }
        if random.between(0, 3) == 0 {
            world.bus.forget_offsets();
        }
        world.lane(Some("w"));
    }
    world.settle();
    assert_oracle(&world, &format!("seed {seed}"));
    Ok(())
}

#[test]
fn a_lane_killed_at_any_point_says_it_too() {
    for seed in 0..40 {
        killed(seed).unwrap_or_else(|e| panic!("seed {seed}: {e}"));
    }
}

#[test]
fn a_zombie_cannot_write() {
    let mut world = world();
    feed(&world, |_| true);
    world.lane(Some("old"));
    for _ in 0..20 {
        world.turn().expect("a round");
    }
    // The group thinks it dead, another takes over, and the old one goes on all the same.
    world.lanes[0].broker_mut().expel();
    world.lane(Some("new"));
    world.settle();
    assert_oracle(&world, "a zombie");
}
