//! Every byte shape: Confluent framing, Avro, the stored account, dead letters, the policy file, API views.
//!
//! What comes in is checked here as far as one record can be checked by itself; what passes is a value of
//! `dunning-rules` that borrows from the record. There is no I/O here, and no clock.

mod avro;
mod bad;

pub mod api;
pub mod canonical;
pub mod command;
pub mod control;
pub mod deadletter;
pub mod decision;
pub mod event;
pub mod frame;
mod json;
#[cfg(test)]
mod outputs;
pub mod policy;
#[cfg(test)]
mod reference;
#[cfg(test)]
mod sample;
pub mod scenario;
pub mod schema;
pub mod state;
pub mod state_record;
pub mod topic;

pub use bad::BadRecord;
