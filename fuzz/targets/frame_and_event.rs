//! The value of a record on an input topic. The first byte names the topic.
#![no_main]

use std::cell::RefCell;

use dunning_fuzz::{checks, input_topic};
use dunning_wire::schema::Resolver;
use libfuzzer_sys::fuzz_target;

thread_local! {
    static RESOLVER: RefCell<Resolver> = RefCell::new(Resolver::embedded());
}

fuzz_target!(|bytes: &[u8]| {
    let Some((topic, value)) = bytes.split_first() else { return };
    RESOLVER.with_borrow_mut(|resolver| drop(checks::record(resolver, input_topic(*topic), value)));
});
