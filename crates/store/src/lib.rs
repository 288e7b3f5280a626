//! What survives a crash on this machine: a small ordered key-value store for each shard, holding opaque bytes.
//!
//! It is a cache of the state topic and never the truth: whatever is wrong with it, it is deleted and rebuilt.
//! This crate knows no other crate of the workspace.

mod disk;
mod home;
mod port;

pub use disk::{SledStore, SledStores};
pub use port::{Batch, Identity, Opened, Store, StoreError, Stores};
