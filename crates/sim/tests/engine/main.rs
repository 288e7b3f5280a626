//! The production engine in a simulated world: exactly once whatever crashes, and never a bar on stale information.

mod asks;
mod bad;
mod calls;
mod erasure;
mod gate;
mod history;
mod letters;
mod patience;
mod policy;
mod recovery;
mod replay;
mod rounds;
mod spread;
mod standby;
mod torn;
mod world;
