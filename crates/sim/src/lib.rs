//! Worlds without Kafka: an in-memory bus, a disk in memory, a clock that stands still until it is told otherwise, and a
//! synthetic operator. The engine runs here as it does in production, and the same seed gives the same world.

mod broker;
mod bus;
mod clock;
mod demo;
pub mod hostile;
pub mod murmur2;
mod operator;
mod random;
mod store;

pub use broker::{Call, SimBroker};
pub use bus::{Bus, Logged, Tear, Topic, Transaction};
pub use clock::SimClock;
pub use demo::{Count, Demo, DemoError, DemoOptions, DemoReport, Story, StoryLine};
pub use operator::{Behaviour, Operator, OperatorEvent, OperatorOptions};
pub use random::Random;
pub use store::{MemoryStore, MemoryStores};
