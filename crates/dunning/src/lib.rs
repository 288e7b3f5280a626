//! The program: command line, configuration, Kafka and registry adapters, HTTP, metrics, signals.
//!
//! Everything else that a lane needs comes from `dunning-engine`; this crate gives it a real bus, a real clock and a
//! real disk, and tells people what it does.

pub mod cli;
pub mod clock;
pub mod config;
pub mod exit;
pub mod http;
pub mod kafka;
pub mod log;
pub mod registry;
pub mod run;
pub mod topics;
