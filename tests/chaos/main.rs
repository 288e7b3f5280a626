//! The program under real faults on a real bus: instances, the broker and the registry killed, stopped and restarted, the
//! network cut and slowed, local state lost and damaged, while records come in. In the end a reader that followed all
//! along and one that comes late must see the oracle's commands, byte for byte, and the state topic its accounts.
//!
//! The short form is a part of `make test`; `make chaos` runs the long one. What is done when is the seed's:
//! `CHAOS_SEED=7 make chaos`.

#[allow(dead_code)] // the end-to-end tests' own helpers; these tests need some of each
#[path = "../e2e/bus.rs"]
mod bus;
mod damage;
mod drive;
#[allow(dead_code)]
#[path = "../e2e/event.rs"]
mod event;
mod feed;
mod fleet;
mod judge;
mod load;
#[allow(dead_code)]
#[path = "../e2e/output.rs"]
mod output;
mod plan;
#[allow(dead_code)]
#[path = "../e2e/process.rs"]
mod process;
mod proxy;
mod strike;
mod table;
#[path = "../../crates/wire/tests/walk/mod.rs"]
mod walk;
#[allow(dead_code)]
#[path = "../e2e/world.rs"]
mod world;

#[test]
fn faults_change_no_command() {
    for plan in plan::Plan::all() {
        drive::run(&plan);
    }
}
