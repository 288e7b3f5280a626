//! The sample in one go.

use crate::process::Start;
use crate::sample;

fn check(workers: &str, registry: bool) {
    let world = sample::world(registry, "");
    world.write(&sample::records(&world));
    let instance = Start::new(&world, "one").set("WORKERS", workers).ready();
    sample::wait_done(&world);
    assert_eq!(instance.metric("dunning_dead_letters_total", ""), 0.0);
    assert_eq!(instance.stop(), 0);
    sample::assert_oracle(&world);
}

#[test]
fn the_commands_of_one_worker_are_the_oracles() {
    check("1", true);
}

#[test]
fn the_commands_of_two_workers_are_the_oracles() {
    check("2", false);
}
