//! Metrics, health and account pages.

pub mod health;
pub mod metrics;
