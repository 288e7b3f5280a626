//! Instances that keep each other's shards warm.

use std::time::{Duration, Instant};

use crate::bus::until;
use crate::process::{Instance, Start};
use crate::sample;
use crate::world::World;

/// The world's own: see [`World`].
const SESSION: Duration = Duration::from_secs(6);
/// The program's own.
const TRANSACTION: Duration = Duration::from_secs(15);
/// What a takeover may last beyond the longer of the two.
const BEYOND: Duration = Duration::from_secs(3);

const WARM: &str = "standby: 1\nworkers: 2\nbatch: { records: 5 }\nflush: { every: 1s }\n";

/// Waits until every shard is run by one of these, and kept warm by another that has read all.
fn wait_warm(instances: &[&Instance]) {
    let sum = |name: &str| instances.iter().map(|i| i.metric(name, "")).sum::<f64>();
    until("standbys", 60, || {
        let seen = (sum("dunning_shards_running"), sum("dunning_standby_shards"), sum("dunning_standby_lag"));
        let all = f64::from(sample::PARTITIONS);
        if seen == (all, all, 0.0) { Ok(()) } else { Err(format!("{seen:?}")) }
    });
}

fn taken(instances: &[&Instance], how: &str) -> f64 {
    let label = format!("how=\"{how}\"");
    instances.iter().map(|i| i.metric("dunning_shards_taken_total", &label)).sum()
}

/// Waits until something more was committed for every shard, or nothing is left of it; how long that took.
fn first_commits(world: &World, since: Instant) -> Duration {
    let before = world.left_by_partition();
    until("a commit for every shard", 60, || {
        let now = world.left_by_partition();
        let waits = now.iter().filter(|(p, left)| **left > 0 && **left >= before[p]).count();
        if waits == 0 { Ok(since.elapsed()) } else { Err(waits) }
    })
}

#[test]
fn a_standby_takes_over_what_a_killed_instance_had() {
    let world = sample::world(false, WARM);
    let mut parts = sample::parts(sample::records(&world), 2);
    let second = parts.pop().expect("two parts");
    world.write(&parts.pop().expect("two parts"));
    let killed = Start::new(&world, "killed").ready();
    let staying = Start::new(&world, "staying").ready();
    until("the first half", 60, || match world.left() {
        0 => Ok(()),
        left => Err(left),
    });
    wait_warm(&[&killed, &staying]);
    let (warm, cold) = (taken(&[&staying], "warm"), taken(&[&staying], "cold"));
    let moved = killed.metric("dunning_shards_running", "");
    let restored = staying.metric("dunning_restored_records_total", "");
    world.write(&second);
    killed.kill();
    let took = first_commits(&world, Instant::now());
    println!(
        "killed: first commits of its shards after {took:?}; session.timeout.ms {SESSION:?}, transaction.timeout.ms {TRANSACTION:?}"
    );
    assert!(took <= SESSION.max(TRANSACTION) + BEYOND, "{took:?}");
    sample::wait_done(&world);
    assert_eq!((taken(&[&staying], "warm"), taken(&[&staying], "cold")), (warm + moved, cold));
    println!("records restored: {}", staying.metric("dunning_restored_records_total", "") - restored);
    assert_eq!(staying.stop(), 0);
    sample::assert_oracle(&world);
}

#[test]
fn every_shard_of_a_lost_instance_goes_to_a_worker_that_was_warm() {
    let world = sample::world(false, WARM);
    world.write(&sample::records(&world));
    let names = ["one", "two", "three"];
    let mut instances: Vec<Instance> = names.iter().map(|name| Start::new(&world, name).launch()).collect();
    until("the sample", 120, || match world.left() {
        0 => Ok(()),
        left => Err(left),
    });
    while instances.len() > 1 {
        wait_warm(&instances.iter().collect::<Vec<_>>());
        let killed = instances.remove(0);
        let moved = killed.metric("dunning_shards_running", "");
        let left: Vec<&Instance> = instances.iter().collect();
        let (warm, cold) = (taken(&left, "warm"), taken(&left, "cold"));
        killed.kill();
        until("the shards", 60, || {
            let now = left.iter().map(|i| i.metric("dunning_shards_running", "")).sum::<f64>();
            if now == f64::from(sample::PARTITIONS) { Ok(()) } else { Err(now) }
        });
        assert_eq!((taken(&left, "warm"), taken(&left, "cold")), (warm + moved, cold), "{} are left", left.len());
    }
    assert_eq!(instances.remove(0).stop(), 0);
    sample::assert_oracle(&world);
}
