//! An operator's order. The policy in it is read as the engine reads it.
#![no_main]

use dunning_fuzz::checks;
use dunning_wire::control::{self, ControlBody};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    drop(checks::order(bytes));
    if let Ok(order) = control::decode(bytes)
        && let ControlBody::PolicyPublished { text, .. } = &order.body
    {
        let _ = checks::policy_text(text);
    }
});
