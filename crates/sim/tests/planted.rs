//! The simulator finds bugs: each one that is put into the engine on purpose breaks a world within a thousand seeds, and
//! without them none breaks.

use std::panic::catch_unwind;
use std::sync::Mutex;

use dunning_engine::planted::Planted;
use dunning_sim::hostile::{Policies, run};

/// Each bug has to be found within so many worlds.
const SEEDS: u64 = 1_000;

/// The first seed whose world breaks, and how.
fn first_broken(policies: &Policies, seeds: u64) -> Option<(u64, String)> {
    (0..seeds).find_map(|seed| {
        // A panic of a broken engine is a finding, too.
        let world = catch_unwind(|| run(seed, policies, false)).unwrap_or_else(|_| Err("it panicked".to_owned()));
        world.err().map(|why| (seed, why))
    })
}

#[test]
fn every_planted_bug_is_found() {
    let missed = Mutex::new(Vec::new());
    let bugs = Mutex::new(Planted::ALL.to_vec());
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                let policies = Policies::new();
                while let Some(bug) = { bugs.lock().expect("the bugs").pop() } {
                    Planted::switch(Some(bug));
                    match first_broken(&policies, SEEDS) {
                        Some((seed, why)) => println!("{bug:?}: seed {seed}: {why}"),
                        None => missed.lock().expect("the list").push(bug),
                    }
                    Planted::switch(None);
                }
            });
        }
    });
    assert_eq!(missed.into_inner().expect("the list"), [], "not found within {SEEDS} seeds");
}

#[test]
fn without_a_bug_the_same_worlds_are_clean() {
    assert_eq!(first_broken(&Policies::new(), SEEDS), None);
}
