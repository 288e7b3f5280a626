//! A writer's schema and a datum of it. The first byte names the topic; a zero byte ends the schema.
#![no_main]

use dunning_fuzz::{checks, input_topic};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some((topic, rest)) = bytes.split_first() else { return };
    let end = rest.iter().position(|byte| *byte == 0).unwrap_or(rest.len());
    let datum = rest.get(end + 1..).unwrap_or_default();
    let Ok(schema) = std::str::from_utf8(&rest[..end]) else { return };
    drop(checks::writer(input_topic(*topic), schema, datum));
});
