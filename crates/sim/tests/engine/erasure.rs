//! What was erased leaves the stores: they are rebuilt so long after it, once, those of standbys too, and after a restart as
//! well as without one.

use std::time::Duration;

use dunning_sim::Topic;
use dunning_wire::topic::InputTopic;

use crate::replay::{PARTITIONS, assert_oracle, feed, world};
use crate::world::World;

const WITHIN: Duration = Duration::from_secs(7 * 86_400);

/// Everybody is to be forgotten, at the last instant of the sample: no deadline comes for it.
fn erase(world: &World) {
    let records = InputTopic::ALL.map(|topic| world.bus.read(Topic::In(topic)));
    let at = records.iter().flatten().map(|(_, record)| record.timestamp).max().expect("a sample");
    let bills = world.bus.read(Topic::In(InputTopic::Bills));
    let mut keys: Vec<_> = bills.iter().filter_map(|(_, record)| record.key.clone()).collect();
    keys.sort();
    keys.dedup();
    assert!(!keys.is_empty());
    keys.iter().for_each(|key| world.bus.append(InputTopic::Accounts, key, None, at));
}

fn after(world: &mut World, wait: Duration) -> u64 {
    world.clock.advance(wait);
    world.settle();
    // The store follows, and is looked at again.
    world.clock.advance(Duration::from_secs(2));
    world.settle();
    world.meters.stores_rebuilt.get()
}

/// Rounds for so long that standbys are opened and have read what there is.
fn rest(world: &mut World) {
    for _ in 0..10 {
        world.clock.advance(Duration::from_secs(1));
        world.settle();
    }
}

fn erased(standby: usize, names: &[&str]) -> World {
    let mut world = world();
    world.settings.erased_within = Some(WITHIN);
    world.settings.standby = standby;
    world.disks = Some(std::collections::BTreeMap::new());
    for name in names {
        world.lane(Some(name));
    }
    feed(&world, |_| true);
    rest(&mut world);
    erase(&world);
    rest(&mut world);
    assert_eq!(world.meters.stores_rebuilt.get(), 0);
    world
}

#[test]
fn a_store_is_rebuilt_once_so_long_after_an_erasure() {
    let mut world = erased(0, &["w"]);
    assert_eq!(after(&mut world, WITHIN - Duration::from_secs(60)), 0);
    let all = u64::from(PARTITIONS);
    assert_eq!(after(&mut world, Duration::from_secs(60)), all);
    assert_eq!(after(&mut world, WITHIN * 3), all, "nothing is left to be forgotten");
    assert_eq!(world.lanes[0].shards().count(), PARTITIONS as usize);
    assert_oracle(&world, "after its stores were rebuilt");
}

#[test]
fn a_restart_does_not_forget_that_something_has_to_leave_the_disk() {
    let mut world = erased(0, &["w"]);
    world.lanes.remove(0).stop().expect("a clean stop");
    world.clock.advance(WITHIN);
    world.lane(Some("w"));
    assert_eq!(after(&mut world, Duration::from_secs(2)), u64::from(PARTITIONS));
    assert_oracle(&world, "after its stores were rebuilt");
}

#[test]
fn the_stores_of_standbys_forget_as_well() {
    let mut world = erased(1, &["one", "two"]);
    let renewed = world.meters.standbys_renewed.get();
    after(&mut world, WITHIN);
    rest(&mut world);
    let standbys = world.meters.standbys_renewed.get() - renewed;
    assert_eq!((world.meters.stores_rebuilt.get() > 0, standbys), (true, u64::from(PARTITIONS)));
    assert_oracle(&world, "after the stores of standbys were renewed");
}

#[test]
fn without_a_time_nothing_is_rebuilt_for_it() {
    let mut world = erased(0, &["w"]);
    world.lanes.remove(0).stop().expect("a clean stop");
    world.settings.erased_within = None;
    world.lane(Some("w"));
    assert_eq!(after(&mut world, WITHIN * 50), 0);
}
