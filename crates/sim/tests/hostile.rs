//! The engine in hostile worlds: a small part of what `make sim` runs, for those who change it.

use dunning_sim::hostile::{Policies, run};

const SEEDS: u64 = 300;

#[test]
fn the_first_worlds_are_clean() {
    let policies = Policies::new();
    for seed in 0..SEEDS {
        let world = run(seed, &policies, false);
        assert!(world.is_ok(), "seed {seed}: {world:?}\n  again: make sim SEED={seed}");
    }
}
