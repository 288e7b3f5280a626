//! Calls to the broker that fail: what is tried again, what is given up, and what ends the lane.

use std::time::Duration;

use dunning_engine::{Broker, ErrorKind, LaneError, OutRecord};
use dunning_rules::{Body, Usage};
use dunning_sim::{Call, Topic};
use dunning_wire::topic::{InputTopic, OutputTopic};

use crate::gate::{DAY, before_the_bar, bill, is_barred, noon};
use crate::replay::{PARTITIONS, assert_oracle, feed};
use crate::rounds::keep_busy;
use crate::world::{World, policy_file, settings};

fn of(world: &World, outcome: &str) -> u64 {
    world.meters.transactions.all().iter().filter(|(word, _)| *word == outcome).map(|(_, n)| *n).sum()
}

/// A world at rest, and a bill that has come.
fn with_a_bill() -> World {
    let mut world = World::new(1, settings(dunning_engine::ClockMode::Wall, policy_file("consumer")), noon(20_000));
    world.lane(Some("w"));
    world.settle();
    world.happens(InputTopic::Bills, "acc-1", bill(20_010));
    world
}

/// What ends the lane, within some rounds.
fn ends(world: &mut World) -> Option<LaneError> {
    (0..400).find_map(|_| world.turn().err())
}

#[test]
fn ends_that_cannot_be_asked_for_are_asked_for_again() {
    let mut world = before_the_bar(&["acc-1"], None);
    world.lanes[0].broker_mut().refuse(Call::Ends, ErrorKind::Retry);
    world.clock.advance(DAY);
    for _ in 0..10 {
        world.turn().expect("a round");
        assert_eq!(world.lanes[0].shards().count(), 1, "no shard is given up for it");
    }
    world.settle();
    assert!(is_barred(&world, "acc-1"));

    let mut world = before_the_bar(&["acc-1"], None);
    world.lanes[0].broker_mut().refuse(Call::Ends, ErrorKind::Fatal);
    // Nobody waits for anything: nobody asks.
    world.settle();
    world.clock.advance(DAY);
    assert!(matches!(ends(&mut world), Some(LaneError::Broker(_))));
}

#[test]
fn a_commit_that_failed_is_aborted_and_made_again() {
    let mut world = with_a_bill();
    world.lanes[0].broker_mut().refuse(Call::Commit, ErrorKind::Abort);
    world.settle();
    assert_eq!((of(&world, "aborted"), of(&world, "unknown")), (1, 0));
    assert_eq!(world.bus.committed(InputTopic::Bills, 0), Some(world.bus.end_of(Topic::In(InputTopic::Bills), 0)));

    // The abort fails, too: a new producer ends what is open.
    let mut world = with_a_bill();
    world.lanes[0].broker_mut().refuse(Call::Commit, ErrorKind::Abort);
    world.lanes[0].broker_mut().refuse(Call::Abort, ErrorKind::Retry);
    world.settle();
    assert_eq!(world.bus.committed(InputTopic::Bills, 0), Some(world.bus.end_of(Topic::In(InputTopic::Bills), 0)));

    // Another has its name: it is to end, and not to take the name back.
    let mut world = with_a_bill();
    world.lanes[0].broker_mut().refuse(Call::Commit, ErrorKind::Abort);
    world.lanes[0].broker_mut().refuse(Call::Abort, ErrorKind::Fenced);
    assert!(matches!(ends(&mut world), Some(LaneError::Fenced(_))));
}

#[test]
fn a_commit_of_which_nothing_is_known_is_looked_for_by_a_new_producer() {
    let mut world = with_a_bill();
    world.lanes[0].broker_mut().refuse(Call::Commit, ErrorKind::Unknown);
    // Whoever does not know whether it is committed must not abort it.
    world.lanes[0].broker_mut().refuse(Call::Abort, ErrorKind::Fenced);
    world.lanes[0].broker_mut().refuse(Call::Renew, ErrorKind::Retry);
    let mut away = false;
    for _ in 0..10 {
        world.turn().expect("a round");
        away |= world.meters.broker_waits.get() == 1;
    }
    assert!(away, "that it waits for the broker can be seen");
    world.settle();
    assert_eq!((of(&world, "aborted"), of(&world, "unknown"), world.meters.broker_waits.get()), (0, 1, 0));
    assert_eq!(world.bus.committed(InputTopic::Bills, 0), Some(world.bus.end_of(Topic::In(InputTopic::Bills), 0)));

    let mut world = with_a_bill();
    world.lanes[0].broker_mut().refuse(Call::Commit, ErrorKind::Unknown);
    world.lanes[0].broker_mut().refuse(Call::Renew, ErrorKind::Fenced);
    assert!(matches!(ends(&mut world), Some(LaneError::Fenced(_))));
}

#[test]
fn what_fails_while_no_transaction_is_open_aborts_none() {
    let mut world = before_the_bar(&["acc-1"], None);
    world.clock.advance(DAY);
    let broker = world.lanes[0].broker_mut();
    // In the first round the deadline was noted in a transaction; in the next one there is none.
    broker.refuse(Call::Ends, ErrorKind::Retry);
    broker.refuse(Call::Ends, ErrorKind::Abort);
    broker.refuse(Call::Abort, ErrorKind::Fenced);
    world.settle();
    assert_eq!(of(&world, "aborted"), 0);
    assert!(is_barred(&world, "acc-1"));
}

#[test]
fn a_lane_that_loses_its_shards_within_a_batch_goes_on() {
    let mut world = with_a_bill();
    keep_busy(&mut world);
    world.happens(InputTopic::Usage, "acc-1", Body::UsageRecorded(Usage::NONE));
    let before = of(&world, "committed");
    world.turn().expect("a round");
    assert_eq!(of(&world, "committed"), before, "the batch is open");
    world.lanes[0].broker_mut().expel();
    world.settle();
    assert_eq!(world.lanes[0].shards().count(), 1, "it has joined again");
    assert_eq!(world.bus.committed(InputTopic::Usage, 0), Some(world.bus.end_of(Topic::In(InputTopic::Usage), 0)));
}

/// A world whose last writer died with an open transaction on the state topic, and a lane that comes after it.
fn held_by_a_dead_writer() -> World {
    let mut world = crate::replay::world();
    feed(&world, |_| true);
    world.lane(Some("old"));
    world.settle();
    let mut dead = world.lanes.remove(0);
    dead.broker_mut().expel();
    dead.broker_mut().begin().expect("begun");
    let at = dunning_engine::Clock::now(&world.clock);
    let record = OutRecord {
        topic: OutputTopic::State,
        partition: 1,
        timestamp: at,
        key: Some(b"k"),
        value: None,
        headers: &[],
    };
    dead.broker_mut().send(&record).expect("sent");
    drop(dead);
    world.lane(Some("new"));
    world
}

/// The shard that waits for the open transaction is the only one that does not run.
fn all_but_one(world: &World) -> bool {
    world.lanes[0].shards().count() + 1 == PARTITIONS as usize
}

#[test]
fn an_open_transaction_that_cannot_be_looked_for_is_looked_for_again() {
    let read = |refuses: bool| {
        let mut world = held_by_a_dead_writer();
        let before = world.meters.restored.get();
        world.until(all_but_one);
        if refuses {
            world.lanes[0].broker_mut().refuse(Call::IsHeld, ErrorKind::Retry);
        }
        let mut shards = 0;
        for _ in 0..600 {
            world.turn().expect("a round");
            let now = world.lanes[0].shards().count();
            assert!(now >= shards, "no shard is given up for it");
            shards = now;
        }
        assert_eq!((shards, world.meters.writers_ended.get()), (PARTITIONS as usize, 1));
        let read = world.meters.restored.get() - before;
        world.settle();
        assert_oracle(&world, "after an open transaction was ended");
        read
    };
    assert_eq!(read(true), read(false), "nothing is read twice for it");

    let mut world = held_by_a_dead_writer();
    world.until(all_but_one);
    world.lanes[0].broker_mut().refuse(Call::IsHeld, ErrorKind::Fatal);
    assert!(matches!(ends(&mut world), Some(LaneError::Broker(_))));
}

#[test]
fn a_store_is_rebuilt_only_where_the_topic_does_not_have_its_place() {
    // Nothing is in the store: that its topic cannot be read is no reason to renew it.
    let mut world = crate::replay::world();
    feed(&world, |_| true);
    world.lane(Some("w")).broker_mut().refuse(Call::Restore, ErrorKind::Abort);
    world.settle();
    assert_eq!((world.meters.stores_rebuilt.get(), world.lanes[0].shards().count()), (0, PARTITIONS as usize));
    // The topic was cut behind the place of the stores.
    world.lanes.remove(0).stop().expect("a clean stop");
    let state = Topic::Out(OutputTopic::State);
    let stores = std::mem::take(&mut world.stores);
    world.lane(Some("other"));
    world.settle();
    for _ in 0..3 {
        world.clock.advance(Duration::from_secs(13 * 3_600));
        world.settle();
    }
    world.lanes.remove(0).stop().expect("a clean stop");
    (0..PARTITIONS).for_each(|p| world.bus.trim(state, p, world.bus.end_of(state, p) - 2));
    world.stores = stores;
    world.lane(Some("w"));
    world.settle();
    let running = world.lanes[0].shards().count();
    assert_eq!((world.meters.stores_rebuilt.get(), running), (u64::from(PARTITIONS), PARTITIONS as usize));
}

#[test]
fn what_is_not_wanted_is_not_asked_for() {
    let mut world = crate::replay::world();
    world.lane(Some("old"));
    for part in 0..10 {
        feed(&world, |i| i % 10 == part);
        world.settle();
    }
    world.lanes.remove(0).stop().expect("a clean stop");
    world.lane(Some("new")).broker_mut().read_slowly(1);
    world.until(|world| world.lanes[0].shards().count() == PARTITIONS as usize);
    let outputs = OutputTopic::COMMANDS.into_iter();
    let all: i64 = outputs
        .flat_map(|t| (0..PARTITIONS).map(move |p| (t, p)))
        .map(|(t, p)| world.bus.end_of(Topic::Out(t), p))
        .sum();
    let broker = world.lanes[0].broker_mut();
    // Whether its last writer left something open: before its outputs are compared, and after that.
    assert_eq!(broker.asked(Call::IsHeld), 2 * PARTITIONS as usize);
    assert!(broker.recalled() > 0, "decisions that the store has are not read again");
    assert!(10 * broker.compared() < 3 * all, "{} of {all} records of outputs were compared", broker.compared());
}

#[test]
fn a_shard_that_cannot_take_its_place_tries_ever_less_often() {
    let mut world = with_a_bill();
    world.settle();
    world.lanes.remove(0).stop().expect("a clean stop");
    world.bus.set_coordinator_away(true);
    world.lane(Some("w"));
    for _ in 0..300 {
        world.turn().expect("a round");
    }
    let asked = world.lanes[0].broker_mut().asked(Call::Committed);
    assert!((4..8).contains(&asked), "{asked} times in two seconds");
}

#[test]
fn a_shard_that_could_not_take_its_place_is_no_longer_said_to_wait_once_it_has() {
    let mut world = with_a_bill();
    world.settle();
    world.lanes.remove(0).stop().expect("a clean stop");
    world.bus.set_coordinator_away(true);
    world.lane(Some("w"));
    world.settle();
    assert_eq!(world.meters.broker_waits.get(), 1);
    world.bus.set_coordinator_away(false);
    world.clock.advance(Duration::from_secs(6));
    world.settle();
    assert_eq!((world.lanes[0].shards().count(), world.meters.broker_waits.get()), (1, 0));
}
