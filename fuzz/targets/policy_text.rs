//! A policy file, and the same text as a scenario that runs against the reference policy.
#![no_main]

use std::sync::{Arc, LazyLock};

use dunning_fuzz::{checks, seeds};
use dunning_rules::Policy;
use libfuzzer_sys::fuzz_target;

static POLICY: LazyLock<Arc<Policy>> = LazyLock::new(seeds::reference_policy);

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let _ = checks::policy_text(text);
    let _ = checks::scenario_text(text, &POLICY);
});
