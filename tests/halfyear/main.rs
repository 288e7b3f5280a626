//! Half a year of an operator on a real bus: made-up households under the policy `household`, whose surroundings react to
//! what is commanded. Customers pay, promise and contest, channels and provisioning report, cards are charged again, billing
//! books what it is asked for. In the end the commands and the accounts are held against books that are kept here alone.
//!
//! The short form is a part of `make test`; `make halfyear` runs the long one. The same seed is the same half year:
//! `HALFYEAR_SEED=7 make halfyear`.

mod book;
#[allow(dead_code)] // the end-to-end tests' own helpers; these tests need some of each
#[path = "../e2e/bus.rs"]
mod bus;
mod customer;
#[allow(dead_code)]
#[path = "../e2e/event.rs"]
mod event;
mod operator;
#[allow(dead_code)]
#[path = "../e2e/output.rs"]
mod output;
#[allow(dead_code)]
#[path = "../e2e/process.rs"]
mod process;
mod table;
#[allow(dead_code)]
#[path = "../e2e/world.rs"]
mod world;

use operator::Options;

/// A number that the environment may set.
fn number(name: &str, default: u32) -> u32 {
    std::env::var(name).ok().map_or(default, |text| text.parse().unwrap_or_else(|e| panic!("{name}={text}: {e}")))
}

#[test]
fn half_a_year_of_an_operator_adds_up_to_the_cent() {
    operator::run(&Options {
        accounts: number("HALFYEAR_ACCOUNTS", 200),
        days: i64::from(number("HALFYEAR_DAYS", 180)),
        step: i64::from(number("HALFYEAR_STEP", 3)),
        seed: u64::from(number("HALFYEAR_SEED", 1)),
    });
}
