//! Instances that keep each other's shards warm.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use dunning_wire::topic::InputTopic;

use crate::bus::until;
use crate::process::{Instance, Start};
use crate::sample;
use crate::world::{Record, World};

/// The world's own: see [`World`].
const SESSION: Duration = Duration::from_secs(6);
/// The program's own.
const TRANSACTION: Duration = Duration::from_secs(15);
/// What a takeover may last beyond the longer of the two.
const BEYOND: Duration = Duration::from_secs(3);

/// Standbys that stay as they are for so long stay there: longer than one waits to be opened again.
const SETTLED: Duration = Duration::from_secs(8);

const WARM: &str = "standby: 1\nworkers: 2\nbatch: { records: 5 }\nflush: { every: 1s }\n";

/// Waits until every shard is run by one of these, and kept warm by another that has read all.
fn wait_warm(instances: &[&Instance]) {
    let sum = |name: &str| instances.iter().map(|i| i.metric(name, "")).sum::<f64>();
    let mut warm_since = None;
    // A standby that goes from one worker to another of the same instance is counted until it is given up, and opened again
    // some seconds later: it has to stay as it is.
    until("standbys", 90, || {
        let seen = (sum("dunning_shards_running"), sum("dunning_standby_shards"), sum("dunning_standby_lag"));
        let all = f64::from(sample::PARTITIONS);
        if seen != (all, all, 0.0) {
            warm_since = None;
            return Err(format!("{seen:?}"));
        }
        let for_so_long = warm_since.get_or_insert_with(Instant::now).elapsed();
        if for_so_long >= SETTLED { Ok(()) } else { Err(format!("{seen:?} for {for_so_long:?}")) }
    });
}

/// Waits until nothing is left to read.
fn wait_read(world: &World, what: &str, seconds: u64) {
    until(what, seconds, || match world.left() {
        0 => Ok(()),
        left => Err(left),
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
    let first = parts.pop().expect("two parts");
    world.write(&first);
    let killed = Start::new(&world, "killed").ready();
    let staying = Start::new(&world, "staying").ready();
    wait_read(&world, "the first half", 60);
    wait_warm(&[&killed, &staying]);
    let (warm, cold) = (taken(&[&staying], "warm"), taken(&[&staying], "cold"));
    let moved = killed.metric("dunning_shards_running", "");
    let restored = staying.metric("dunning_restored_records_total", "");
    // A part is written while nothing reads it: the instance that will be killed is stopped, and its shards alone get theirs.
    let its = shards_of(&killed, &first);
    assert_eq!(its.len(), moved as usize);
    let (now, later): (Vec<_>, Vec<_>) = second.into_iter().partition(|record| its.contains(&record.partition));
    killed.halt();
    world.write(&now);
    killed.kill();
    let took = first_commits(&world, Instant::now());
    println!(
        "killed: first commits of its shards after {took:?}; session.timeout.ms {SESSION:?}, transaction.timeout.ms {TRANSACTION:?}"
    );
    assert!(took <= SESSION.max(TRANSACTION) + BEYOND, "{took:?}");
    wait_read(&world, "the second half of its shards", 60);
    assert_eq!((taken(&[&staying], "warm"), taken(&[&staying], "cold")), (warm + moved, cold));
    println!("records restored: {}", staying.metric("dunning_restored_records_total", "") - restored);
    assert_eq!(staying.stop(), 0);
    world.write(&later);
    let last = Start::new(&world, "staying").ready();
    sample::wait_done(&world);
    assert_eq!(last.stop(), 0);
    sample::assert_oracle(&world);
}

/// The shards that an instance runs: it answers for their accounts.
fn shards_of(instance: &Instance, records: &[Record]) -> BTreeSet<u32> {
    let of_shard = |partition: u32| {
        let record = records.iter().find(|r| r.partition == partition && r.topic == InputTopic::Bills);
        String::from_utf8(record.and_then(|record| record.key.clone()).expect("a record")).expect("an account")
    };
    let runs = |partition: &u32| instance.get(&format!("/accounts/{}", of_shard(*partition))).0 == 200;
    (0..sample::PARTITIONS).filter(runs).collect()
}

#[test]
fn every_shard_of_a_lost_instance_goes_to_a_worker_that_was_warm() {
    let world = sample::world(false, WARM);
    world.write(&sample::records(&world));
    let names = ["one", "two", "three"];
    let mut instances: Vec<Instance> = names.iter().map(|name| Start::new(&world, name).launch()).collect();
    wait_read(&world, "the sample", 120);
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
