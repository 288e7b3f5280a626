//! End-to-end tests: the program as it is shipped, on a real Kafka and a real schema registry (`make e2e`).
//!
//! Each test has topics, a group and a state directory of its own. Nothing waits for a fixed time as a proof: what is
//! waited for is looked for until a deadline, and what must not happen is looked for until something later is seen.

mod ask;
mod bad;
mod bus;
mod clock;
mod erase;
mod event;
mod ladder;
mod ledger;
mod letters;
mod outage;
mod output;
mod process;
mod reference;
mod refuse;
mod restart;
mod retry;
mod sample;
mod shadow;
mod standby;
mod storm;
mod torn;
mod world;
