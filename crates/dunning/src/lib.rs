//! x
pub mod clock;
pub mod exit;
pub mod kafka;
pub mod registry;
pub mod topics;
