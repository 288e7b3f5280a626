//! The sample with ends in the middle, gentle and not.

use crate::process::{Instance, Start};
use crate::sample;
use crate::world::World;

/// Small transactions, so that there is a middle; a store that follows while the sample runs.
const SMALL: &str = "batch: { records: 5 }\nflush: { every: 1s }\n";

/// Waits until this instance has taken so many records.
fn wait_taken(instance: &Instance, records: usize) {
    let wanted = f64::from(u32::try_from(records).expect("a number"));
    instance.wait_metric("dunning_records_consumed_total", "", |taken| taken >= wanted);
}

/// It has ended in the middle, else the test shows nothing.
fn assert_unfinished(world: &World) {
    assert!(world.left() > 0, "all was read before the end came: make the transactions smaller");
}

#[test]
fn a_sigterm_in_the_middle_changes_nothing() {
    let world = sample::world(false, SMALL);
    let records = sample::records(&world);
    let part = records.len() / 10;
    world.write(&records);
    for _ in 0..2 {
        let instance = Start::new(&world, "one").set("WORKERS", "2").launch();
        wait_taken(&instance, part);
        assert_eq!(instance.stop(), 0);
        assert_unfinished(&world);
    }
    let instance = Start::new(&world, "one").set("WORKERS", "2").ready();
    sample::wait_done(&world);
    assert_eq!(instance.metric("dunning_stores_rebuilt_total", ""), 0.0, "a clean stop leaves the store as it is");
    assert_eq!(instance.stop(), 0);
    sample::assert_oracle(&world);
}

#[test]
fn three_kills_and_a_lost_directory_change_nothing() {
    let world = sample::world(false, SMALL);
    let mut parts = sample::parts(sample::records(&world), 2);
    let second = parts.pop().expect("two parts");
    let first = parts.pop().expect("two parts");
    world.write(&first);
    for lost in [false, true, false] {
        let instance = Start::new(&world, "one").launch();
        wait_taken(&instance, first.len() / 6);
        instance.kill();
        assert_unfinished(&world);
        if lost {
            std::fs::remove_dir_all(world.state_of("one")).expect("the directory was there");
        }
    }
    // The second half comes while nothing runs.
    world.write(&second);
    let instance = Start::new(&world, "one").ready();
    sample::wait_done(&world);
    assert_eq!(instance.stop(), 0);
    sample::assert_oracle(&world);
}

#[test]
fn the_shards_of_an_instance_that_was_killed_go_to_the_other() {
    let world = sample::world(false, SMALL);
    let records = sample::records(&world);
    world.write(&records);
    // Smaller still: the other has to join while there is work.
    let start = |name| Start::new(&world, name).set("BATCH_RECORDS", "2").launch();
    let killed = start("killed");
    wait_taken(&killed, records.len() / 20);
    let staying = start("staying");
    staying.wait_metric("dunning_shards_running", "", |shards| shards == 2.0);
    wait_taken(&staying, records.len() / 50);
    killed.kill();
    assert_unfinished(&world);
    staying.wait_metric("dunning_shards_running", "", |shards| shards == 4.0);
    sample::wait_done(&world);
    assert_eq!(staying.stop(), 0);
    sample::assert_oracle(&world);
}
