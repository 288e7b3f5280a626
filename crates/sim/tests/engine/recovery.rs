//! Shards that cannot be brought on at once: the others go on, and what a dead writer left open is ended.

use std::time::Duration;

use dunning_engine::{Broker, LaneError, OutRecord};
use dunning_sim::Topic;
use dunning_store::{Identity, Stores};
use dunning_wire::state::STORE_FORMAT;
use dunning_wire::topic::{InputTopic, OutputTopic};

use crate::replay::{PARTITIONS, assert_oracle, feed, world};
use crate::world::World;

fn identity(partition: u32) -> Identity {
    Identity {
        cluster: "sim".to_owned(),
        topic: "dunning.accounts".to_owned(),
        partition,
        generation: 1,
        format: STORE_FORMAT,
    }
}

/// True where everything of a shard was taken.
fn is_done(world: &World, partition: u32) -> bool {
    InputTopic::ALL.into_iter().all(|topic| {
        let end = world.bus.each(Topic::In(topic), partition, 0, |_| {});
        world.bus.committed(topic, partition) == Some(end)
    })
}

#[test]
fn a_shard_whose_store_is_held_by_another_holds_up_no_other_shard() {
    let mut world = world();
    feed(&world, |_| true);
    let (held, _) = world.stores.open(&identity(0)).expect("opened");
    world.lane(None);
    world.settle();
    assert!(!is_done(&world, 0));
    assert!((1..PARTITIONS).all(|p| is_done(&world, p)), "the others were not held up");
    assert_eq!(world.meters.broker_waits.get(), 1, "and it can be seen");
    drop(held);
    world.clock.advance(Duration::from_secs(5));
    world.settle();
    assert_oracle(&world, "once it was let go");
    assert_eq!(world.meters.broker_waits.get(), 0);
}

#[test]
fn a_store_that_is_never_let_go_ends_the_lane() {
    let mut world = world();
    let held = world.stores.open(&identity(0)).expect("opened");
    world.lane(None);
    let mut ended = None;
    for _ in 0..100 {
        world.clock.advance(Duration::from_secs(1));
        if let Err(error) = world.turn() {
            ended = Some((error, dunning_engine::Clock::monotonic(&world.clock)));
            break;
        }
    }
    let (error, at) = ended.expect("it ends");
    assert!(matches!(error, LaneError::Store(_)), "{error}");
    assert!(at > Duration::from_secs(60), "{at:?}");
    drop(held);
}

#[test]
fn offsets_that_cannot_be_asked_for_rebuild_nothing() {
    let mut world = world();
    feed(&world, |_| true);
    world.lane(Some("w"));
    world.settle();
    world.lanes.remove(0).stop().expect("a clean stop");
    world.bus.forget_offsets();
    world.bus.set_coordinator_away(true);
    let before = world.meters.restored.get();
    world.lane(Some("w"));
    world.settle();
    assert_eq!(world.lanes[0].shards().count(), 0);
    world.bus.set_coordinator_away(false);
    world.clock.advance(Duration::from_secs(5));
    world.settle();
    assert_eq!(world.lanes[0].shards().count(), PARTITIONS as usize);
    // The last transaction of each shard proved where its store stands: it is its checkpoint alone.
    let read = world.meters.restored.get() - before;
    assert_eq!(read, u64::from(PARTITIONS), "each store was whole, and nothing was read twice");
    assert_oracle(&world, "after the coordinator was away");
}

/// Records that lie on a topic and that nobody can read.
fn held_back(world: &World) -> bool {
    [OutputTopic::Notifications, OutputTopic::Decisions, OutputTopic::State].into_iter().any(|topic| {
        (0..PARTITIONS).any(|p| world.bus.stable(Topic::Out(topic), p) < world.bus.end_of(Topic::Out(topic), p))
    })
}

#[test]
fn what_a_dead_writer_left_open_is_ended_by_whoever_takes_over() {
    for topic in [OutputTopic::Notifications, OutputTopic::State] {
        let mut world = world();
        feed(&world, |i| i % 2 == 0);
        world.lane(Some("old"));
        world.settle();
        let mut dead = world.lanes.remove(0);
        dead.broker_mut().expel();
        // It dies between a record and the end of its transaction.
        let broker = dead.broker_mut();
        broker.begin().expect("begun");
        let at = dunning_engine::Clock::now(&world.clock);
        let key = Some(&b"k"[..]);
        broker.send(&OutRecord { topic, partition: 1, timestamp: at, key, value: None, headers: &[] }).expect("sent");
        drop(dead);
        assert!(held_back(&world));
        world.lane(Some("new"));
        feed(&world, |i| i % 2 == 1);
        world.settle();
        assert_eq!(world.meters.writers_ended.get(), 1);
        assert!(!held_back(&world), "{topic:?}");
        assert_eq!(world.lanes[0].shards().count(), PARTITIONS as usize);
    }
}

#[test]
fn a_transaction_that_hangs_is_ended_by_whoever_waits_for_it() {
    // By another while its writer lives, and by the writer itself once it is back.
    for (topic, back) in [(OutputTopic::State, false), (OutputTopic::Barring, false), (OutputTopic::State, true)] {
        let mut world = world();
        feed(&world, |i| i % 2 == 0);
        world.lane(Some("old"));
        world.settle();
        world.bus.forget_mark(Topic::Out(topic), 1);
        let broker = world.lanes[0].broker_mut();
        broker.begin().expect("begun");
        let at = dunning_engine::Clock::now(&world.clock);
        let record = OutRecord { topic, partition: 1, timestamp: at, key: Some(b"k"), value: None, headers: &[] };
        broker.send(&record).expect("sent");
        broker.abort().expect("aborted");
        world.bus.time_out("old");
        let held = |world: &World| world.bus.stable(Topic::Out(topic), 1) < world.bus.end_of(Topic::Out(topic), 1);
        assert!(held(&world), "it hangs: nobody ends it");
        world.lanes.remove(0).broker_mut().expel();
        world.lane(Some(if back { "old" } else { "new" }));
        for _ in 0..200 {
            world.turn().expect("a round");
        }
        assert!(held(&world) && world.meters.hanging_ended.get() == 0, "it may be none that hangs");
        assert!(world.lanes[0].shards().count() < PARTITIONS as usize);
        world.clock.advance(Duration::from_secs(61));
        feed(&world, |i| i % 2 == 1);
        world.settle();
        assert_eq!((held(&world), world.meters.hanging_ended.get()), (false, 1), "{topic:?}");
        assert_eq!(world.lanes[0].shards().count(), PARTITIONS as usize);
    }
}

#[test]
fn whoever_gave_a_shard_away_in_good_order_is_not_fenced() {
    let mut world = world();
    feed(&world, |i| i % 2 == 0);
    world.lane(Some("one"));
    for _ in 0..40 {
        world.turn().expect("a round");
    }
    world.lane(Some("two"));
    feed(&world, |i| i % 2 == 1);
    world.settle();
    assert_eq!(world.meters.writers_ended.get(), 0);
    assert_eq!(world.meters.transactions.all().iter().filter(|(word, _)| *word != "committed").count(), 0);
}

#[test]
fn whoever_does_not_hear_that_it_lost_a_shard_reads_on_what_the_next_owner_wrote() {
    let mut world = world();
    world.disks = Some(std::collections::BTreeMap::new());
    feed(&world, |_| true);
    // It has read the state topics, and its group's coordinator does not answer.
    world.bus.set_coordinator_away(true);
    world.lane(Some("one"));
    world.settle();
    assert_eq!(world.lanes[0].shards().count(), 0);
    world.lanes[0].broker_mut().expel();
    world.lanes[0].broker_mut().set_deaf(true);
    world.bus.set_coordinator_away(false);
    let deaf = world.lanes.remove(0);
    world.lane(Some("two"));
    world.settle();
    assert!((0..PARTITIONS).all(|p| is_done(&world, p)));
    world.lanes.push(deaf);
    world.clock.advance(Duration::from_secs(5));
    for _ in 0..20 {
        // What it does meanwhile is void, and no reason to end.
        world.turn().expect("a round");
    }
    assert_eq!(world.lanes[0].shards().count(), PARTITIONS as usize, "they are the second lane's");
    world.lanes[1].broker_mut().set_deaf(false);
    world.settle();
    assert_oracle(&world, "after one lane heard late that it lost its shards");
}
