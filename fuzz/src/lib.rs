//! What the fuzz targets share with the property tests of `dunning-wire`: good data to begin with, and what must hold.

#[path = "../../crates/wire/tests/hostile/checks.rs"]
pub mod checks;
#[path = "../../crates/wire/tests/hostile/seeds.rs"]
pub mod seeds;

use dunning_wire::topic::{InputTopic, OutputTopic};

/// The input topic that a byte stands for.
pub fn input_topic(byte: u8) -> InputTopic {
    InputTopic::ALL[usize::from(byte) % InputTopic::ALL.len()]
}

/// The output topic that a byte stands for.
pub fn output_topic(byte: u8) -> OutputTopic {
    OutputTopic::ALL[usize::from(byte) % OutputTopic::ALL.len()]
}
