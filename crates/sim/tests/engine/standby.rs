//! Warm standbys: whoever takes over commands what the oracle says, whatever happened to it before.

use std::time::Duration;

use dunning_sim::{Random, Topic};
use dunning_wire::topic::{InputTopic, OutputTopic};

use crate::replay::{PARTITIONS, assert_oracle, feed, world};
use crate::world::World;

/// Lanes with disks of their own, and standbys.
fn warm(names: &[&str], standby: usize) -> World {
    let mut world = world();
    world.settings.standby = standby;
    world.disks = Some(std::collections::BTreeMap::new());
    for name in names {
        world.lane(Some(name));
    }
    world
}

/// Rounds for so long that standbys are opened and have read what there is.
fn rest(world: &mut World) {
    for _ in 0..10 {
        world.clock.advance(Duration::from_secs(1));
        world.settle();
    }
}

fn kill(world: &mut World, at: usize) {
    let mut dead = world.lanes.remove(at);
    dead.broker_mut().expel();
}

fn standbys(world: &World) -> usize {
    world.lanes.iter().map(|l| l.standbys().count()).sum()
}

fn promotions(world: &World, how: &str) -> u64 {
    world.meters.promotions.all().into_iter().find(|(word, _)| *word == how).map_or(0, |(_, n)| n)
}

#[test]
fn a_standby_takes_over_without_reading_the_state_again() {
    let mut world = warm(&["one", "two"], 1);
    feed(&world, |i| i % 2 == 0);
    rest(&mut world);
    assert_eq!(standbys(&world), PARTITIONS as usize, "each shard has one");
    assert_eq!(world.meters.standby_lag.get(), 0);
    let (restored, cold) = (world.meters.restored.get(), promotions(&world, "cold"));
    kill(&mut world, 0);
    feed(&world, |i| i % 2 == 1);
    rest(&mut world);
    let half = u64::from(PARTITIONS) / 2;
    assert_eq!((promotions(&world, "warm"), promotions(&world, "cold")), (half, cold));
    assert_eq!(world.meters.restored.get(), restored, "nothing was left to read");
    assert_eq!(standbys(&world), 0, "there is nobody else any more");
}

/// Lanes with standbys are killed, stopped, thought dead and started at any point; disks lose their tails.
fn storm(seed: u64) {
    let mut random = Random::new(seed, 5);
    let standby = usize::try_from(random.between(1, 2)).unwrap_or(1);
    let mut world = warm(&["a", "b", "c"], standby);
    let mut names = vec!["a", "b", "c"];
    feed(&world, |_| true);
    for _ in 0..12 {
        for _ in 0..random.between(0, 25) {
            world.turn().expect("a round");
        }
        if random.chance(500) {
            // Long enough for standbys to be opened anew.
            world.clock.advance(Duration::from_secs(3));
        }
        let at = usize::try_from(random.between(0, 2)).unwrap_or(0);
        match random.between(0, 5) {
            0 => world.lanes[at].broker_mut().expel(),
            1 => {
                let disks = world.disks.as_ref().expect("disks");
                disks[names[at]].crash(usize::try_from(random.between(0, 4)).unwrap_or(0));
                kill(&mut world, at);
                let name = names.remove(at);
                names.push(name);
                world.lane(Some(name));
            }
            2 => world.bus.compact(Topic::Out(OutputTopic::State)),
            3 => world.bus.forget_offsets(),
            _ => {
                kill(&mut world, at);
                let name = names.remove(at);
                names.push(name);
                world.lane(Some(name));
            }
        }
    }
    rest(&mut world);
    assert_oracle(&world, &format!("seed {seed}"));
}

#[test]
fn lanes_with_standbys_that_die_at_any_point_say_what_the_oracle_says() {
    for seed in 0..30 {
        storm(seed);
    }
}

#[test]
fn a_standby_whose_disk_lost_its_tail_reads_it_again() {
    let mut world = warm(&["one", "two"], 1);
    feed(&world, |i| i % 3 == 0);
    rest(&mut world);
    feed(&world, |i| i % 3 == 1);
    rest(&mut world);
    // The machine of the second stops, and loses what was not on disk yet: shards of its own and standbys.
    world.disks.as_ref().expect("disks")["two"].crash(2);
    kill(&mut world, 1);
    world.lane(Some("two"));
    rest(&mut world);
    let warm = promotions(&world, "warm");
    kill(&mut world, 0);
    feed(&world, |i| i % 3 == 2);
    rest(&mut world);
    assert!(promotions(&world, "warm") > warm);
    for topic in InputTopic::ALL {
        for partition in 0..PARTITIONS {
            let end = world.bus.each(Topic::In(topic), partition, 0, |_| {});
            assert_eq!(world.bus.committed(topic, partition), Some(end), "{topic:?} {partition}");
        }
    }
    world.dump();
}

#[test]
fn a_standby_whose_topic_was_cut_begins_anew_and_the_lane_goes_on() {
    let mut world = warm(&["one", "two"], 1);
    feed(&world, |i| i % 2 == 0);
    rest(&mut world);
    feed(&world, |i| i % 2 == 1);
    // Only the first goes on; then what it wrote is gone before the second has seen it.
    let second = world.lanes.remove(1);
    rest(&mut world);
    let state = Topic::Out(OutputTopic::State);
    for partition in 0..PARTITIONS {
        world.bus.trim(state, partition, world.bus.end_of(state, partition) - 1);
    }
    world.lanes.push(second);
    rest(&mut world);
    assert!(world.meters.standbys_renewed.get() >= 1);
    assert_eq!(standbys(&world), PARTITIONS as usize, "each is there again");
}

#[test]
fn standbys_go_where_the_shards_would_go() {
    let mut world = warm(&["one", "two", "three"], 1);
    rest(&mut world);
    assert_eq!(standbys(&world), PARTITIONS as usize);
    world.settings.standby = 2;
    for name in ["four", "five", "six"] {
        kill(&mut world, 0);
        world.lane(Some(name));
    }
    rest(&mut world);
    assert_eq!(standbys(&world), 2 * PARTITIONS as usize, "two lanes beside each owner");
    let cold = promotions(&world, "cold");
    kill(&mut world, 1);
    rest(&mut world);
    assert_eq!(promotions(&world, "cold"), cold, "no shard went to a lane that was not ready");
}

#[test]
fn only_the_shards_that_move_stop() {
    let mut world = world();
    world.disks = Some(std::collections::BTreeMap::new());
    for name in ["one", "two", "three"] {
        world.lane(Some(name));
    }
    world.settle();
    let mut owners: Vec<Vec<u32>> = world.lanes.iter().map(|l| l.shards().collect()).collect();
    for round in 0..60 {
        match round {
            20 => world.lanes.remove(2).stop().expect("a clean stop"),
            40 => drop(world.lane(Some("three"))),
            _ => {}
        }
        for partition in 0..PARTITIONS {
            let at = dunning_engine::Clock::now(&world.clock);
            world.bus.append_to(Topic::In(InputTopic::Payments), partition, Some(b"k"), Some(b"no event"), at, None);
        }
        world.turn().expect("a round");
        let now: Vec<Vec<u32>> = world.lanes.iter().map(|l| l.shards().collect()).collect();
        for (before, now) in owners.iter().zip(&now) {
            for partition in before.iter().filter(|p| now.contains(p)) {
                let end = world.bus.each(Topic::In(InputTopic::Payments), *partition, 0, |_| {});
                let taken = world.bus.committed(InputTopic::Payments, *partition);
                assert_eq!(taken, Some(end), "round {round}: shard {partition} stays and was not taken");
            }
        }
        owners = now;
    }
}
