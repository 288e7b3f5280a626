//! The bytes that the store keeps of an account.
#![no_main]

use dunning_fuzz::checks;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = checks::row(bytes);
});
