//! The part of librdkafka that rust-rdkafka does not offer: batches of records with the topic and offset of each end,
//! rebalances that are answered later, the ends of many partitions in one request, flushes that do not sleep.
//! All `unsafe` of the program is in this folder; docs/adr/0002-raw-consumer-queue.md says why it is here.
#![allow(unsafe_code)]

mod consumer;
mod describe;
mod producer;
mod reports;

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::ptr::{self, NonNull};
use std::slice;
use std::time::Duration;

use rdkafka::bindings as sys;
use rdkafka::bindings::rd_kafka_resp_err_t as Code;
use rdkafka::types::RDKafkaErrorCode;

use super::fault::Fault;
use super::hush;

pub(crate) use consumer::{Consumer, Message, Rebalance, Taken};
pub(crate) use describe::{Question, Seat};
pub(crate) use producer::{Outgoing, Producer};

/// Names a topic by its handle inside one client: a number that does not change while the [`Topic`] lives.
pub(crate) type TopicId = usize;

/// A topic's handle; it must be dropped before its client.
pub(crate) struct Topic(NonNull<sys::rd_kafka_topic_t>);

// SAFETY: as for Consumer.
unsafe impl Send for Topic {}

impl Topic {
    pub(crate) fn id(&self) -> TopicId {
        self.0.as_ptr() as TopicId
    }
}

impl Drop for Topic {
    fn drop(&mut self) {
        // SAFETY: we own one reference.
        unsafe { sys::rd_kafka_topic_destroy(self.0.as_ptr()) }
    }
}

struct Queue(NonNull<sys::rd_kafka_queue_t>);

impl Drop for Queue {
    fn drop(&mut self) {
        // SAFETY: the pointer came from a function that gives ownership of one reference.
        unsafe { sys::rd_kafka_queue_destroy(self.0.as_ptr()) }
    }
}

struct Event(*mut sys::rd_kafka_event_t);

impl Drop for Event {
    fn drop(&mut self) {
        // SAFETY: ours, destroyed once; null is let through.
        unsafe { sys::rd_kafka_event_destroy(self.0) }
    }
}

unsafe extern "C" fn on_log(_: *const sys::rd_kafka_t, level: c_int, fac: *const c_char, message: *const c_char) {
    // SAFETY: both end with a zero.
    let (fac, message) = unsafe { (text(fac), text(message)) };
    hush::log(level, &fac, &message);
}

/// A member's identity in its group.
pub(crate) struct Group(NonNull<sys::rd_kafka_consumer_group_metadata_t>);

impl Group {
    /// False once the group has put the member out and as long as it is not in it again. The broker takes offsets in a
    /// transaction from nobody in particular, as old clients sent them: whoever has just lost its shards could commit
    /// what the next owner commits too.
    fn is_member(&self) -> bool {
        // SAFETY: it is alive.
        unsafe {
            let generation = sys::rd_kafka_consumer_group_metadata_generation_id(self.0.as_ptr());
            generation >= 0 && !text(sys::rd_kafka_consumer_group_metadata_member_id(self.0.as_ptr())).is_empty()
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // SAFETY: ours, destroyed once.
        unsafe { sys::rd_kafka_consumer_group_metadata_destroy(self.0.as_ptr()) }
    }
}

fn topic(client: *mut sys::rd_kafka_t, name: &str) -> Result<Topic, Fault> {
    let name = CString::new(name).map_err(|_| Fault::bad_name())?;
    // SAFETY: client and name are alive; without a configuration the client's own is taken.
    let topic = unsafe { sys::rd_kafka_topic_new(client, name.as_ptr(), ptr::null_mut()) };
    NonNull::new(topic).map(Topic).ok_or_else(Fault::bad_name)
}

/// # Safety
/// Must be null, or have so many bytes for as long as `'a`.
unsafe fn bytes<'a>(from: *const c_void, len: usize) -> Option<&'a [u8]> {
    // SAFETY: the caller's word.
    (!from.is_null()).then(|| unsafe { slice::from_raw_parts(from.cast(), len) })
}

/// # Safety
/// Must be null, or end with a zero.
unsafe fn text(from: *const c_char) -> String {
    if from.is_null() {
        return String::new();
    }
    // SAFETY: the caller's word.
    unsafe { CStr::from_ptr(from) }.to_string_lossy().trim().to_owned()
}

/// Takes over an error, which may be null.
fn checked(error: *mut sys::rd_kafka_error_t) -> Result<(), Fault> {
    if error.is_null() {
        return Ok(());
    }
    // SAFETY: librdkafka gave us the error; it is destroyed once, here.
    unsafe {
        let fault = Fault {
            code: sys::rd_kafka_error_code(error).into(),
            text: text(sys::rd_kafka_error_string(error)),
            fatal: sys::rd_kafka_error_is_fatal(error) != 0,
            retriable: sys::rd_kafka_error_is_retriable(error) != 0,
            abortable: sys::rd_kafka_error_txn_requires_abort(error) != 0,
        };
        sys::rd_kafka_error_destroy(error);
        Err(fault)
    }
}

fn done(code: Code) -> Result<(), Fault> {
    if code == Code::RD_KAFKA_RESP_ERR_NO_ERROR { Ok(()) } else { Err(Fault::of(RDKafkaErrorCode::from(code))) }
}

fn millis(time: Duration) -> c_int {
    c_int::try_from(time.as_millis()).unwrap_or(c_int::MAX)
}

/// An offset that the broker named. While a leader changes, librdkafka answers without an error and without an offset;
/// taken for an end it would say that everything was read.
fn place(offset: i64) -> Result<i64, Fault> {
    if offset == i64::from(sys::RD_KAFKA_OFFSET_INVALID) {
        return Err(Fault {
            text: "the broker named no offset".to_owned(),
            ..Fault::of(RDKafkaErrorCode::LeaderNotAvailable)
        });
    }
    Ok(offset)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_put_out_of_the_group_is_no_member() {
        let is_member = |generation, id: &CStr| {
            // SAFETY: the texts are copied.
            let made = unsafe {
                sys::rd_kafka_consumer_group_metadata_new_with_genid(
                    c"g".as_ptr(),
                    generation,
                    id.as_ptr(),
                    ptr::null(),
                )
            };
            Group(NonNull::new(made).expect("an identity")).is_member()
        };
        assert!(is_member(3, c"m"));
        assert!(!is_member(-1, c"") && !is_member(-1, c"m") && !is_member(3, c""));
    }

    #[test]
    fn an_answer_without_an_offset_is_a_fault() {
        assert_eq!(place(0), Ok(0));
        assert_eq!(place(-1), Ok(-1), "no record after an instant");
        assert!(place(-1001).is_err_and(|fault| fault.is_of_leadership()));
    }
}
