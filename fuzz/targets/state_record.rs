//! Records that are written and read back: state and checkpoints, decisions, commands. The first byte names the topic.
#![no_main]

use dunning_fuzz::{checks, output_topic};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some((topic, datum)) = bytes.split_first() else { return };
    drop(checks::output(output_topic(*topic), datum));
});
