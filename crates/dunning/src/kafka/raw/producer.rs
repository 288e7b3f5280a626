//! What a transactional producer needs.

use std::ffi::c_void;
use std::ptr;
use std::time::Duration;

use rdkafka::TopicPartitionList;
use rdkafka::bindings::rd_kafka_vtype_t as V;
use rdkafka::producer::{BaseProducer, Producer, ProducerContext};

use super::{Code, Fault, Group, Topic, checked, done, millis, sys, topic};

/// A record to be written; the borrowed parts are copied.
pub(crate) struct Outgoing<'a> {
    pub(crate) partition: i32,
    /// In milliseconds since 1970.
    pub(crate) timestamp: i64,
    pub(crate) key: Option<&'a [u8]>,
    pub(crate) value: Option<&'a [u8]>,
    pub(crate) headers: &'a [(&'a str, Option<&'a [u8]>)],
}

/// The handle of a topic for [`produce`].
pub(crate) fn topic_of<C: ProducerContext>(producer: &BaseProducer<C>, name: &str) -> Result<Topic, Fault> {
    topic(producer.client().native_ptr(), name)
}

/// Puts a record into the producer's queue. `topic` must come from [`topic_of`] with this producer.
pub(crate) fn produce<C: ProducerContext>(
    producer: &BaseProducer<C>,
    topic: &Topic,
    record: &Outgoing<'_>,
) -> Result<(), Fault> {
    let (key, key_len) = record.key.map_or((ptr::null(), 0), |k| (k.as_ptr(), k.len()));
    let (value, value_len) = record.value.map_or((ptr::null(), 0), |v| (v.as_ptr(), v.len()));
    let headers = if record.headers.is_empty() { ptr::null_mut() } else { native_headers(record.headers) };
    // SAFETY: all pointers are alive for the call, which copies key and value (MSG_F_COPY); the headers become
    // librdkafka's where it succeeds.
    let code = unsafe {
        sys::rd_kafka_producev(
            producer.client().native_ptr(),
            V::RD_KAFKA_VTYPE_RKT,
            topic.0.as_ptr(),
            V::RD_KAFKA_VTYPE_PARTITION,
            record.partition,
            V::RD_KAFKA_VTYPE_MSGFLAGS,
            sys::RD_KAFKA_MSG_F_COPY,
            V::RD_KAFKA_VTYPE_VALUE,
            value.cast::<c_void>(),
            value_len,
            V::RD_KAFKA_VTYPE_KEY,
            key.cast::<c_void>(),
            key_len,
            V::RD_KAFKA_VTYPE_TIMESTAMP,
            record.timestamp,
            V::RD_KAFKA_VTYPE_HEADERS,
            headers,
            V::RD_KAFKA_VTYPE_END,
        )
    };
    if code != Code::RD_KAFKA_RESP_ERR_NO_ERROR && !headers.is_null() {
        // SAFETY: it failed, so they are still ours.
        unsafe { sys::rd_kafka_headers_destroy(headers) }
    }
    done(code)
}

fn native_headers(headers: &[(&str, Option<&[u8]>)]) -> *mut sys::rd_kafka_headers_t {
    // SAFETY: names and values are copied; lengths are those of the slices.
    unsafe {
        let list = sys::rd_kafka_headers_new(headers.len());
        for (name, value) in headers {
            let (bytes, len) = value.map_or((ptr::null(), 0), |v| (v.as_ptr(), v.len()));
            sys::rd_kafka_header_add(list, name.as_ptr().cast(), length(name.len()), bytes.cast(), length(len));
        }
        list
    }
}

/// Sends what waits, without lingering. Reports of failures must be served by `poll` for it to end.
pub(crate) fn flush<C: ProducerContext>(producer: &BaseProducer<C>, timeout: Duration) -> Result<(), Fault> {
    // SAFETY: the producer is alive.
    done(unsafe { sys::rd_kafka_flush(producer.client().native_ptr(), millis(timeout)) })
}

pub(crate) fn init_transactions<C: ProducerContext>(p: &BaseProducer<C>, timeout: Duration) -> Result<(), Fault> {
    // SAFETY: the producer is alive.
    checked(unsafe { sys::rd_kafka_init_transactions(p.client().native_ptr(), millis(timeout)) })
}

pub(crate) fn begin<C: ProducerContext>(producer: &BaseProducer<C>) -> Result<(), Fault> {
    // SAFETY: the producer is alive.
    checked(unsafe { sys::rd_kafka_begin_transaction(producer.client().native_ptr()) })
}

pub(crate) fn send_offsets<C: ProducerContext>(
    producer: &BaseProducer<C>,
    list: &TopicPartitionList,
    group: &Group,
    timeout: Duration,
) -> Result<(), Fault> {
    // SAFETY: all three are alive.
    checked(unsafe {
        sys::rd_kafka_send_offsets_to_transaction(
            producer.client().native_ptr(),
            list.ptr(),
            group.0.as_ptr(),
            millis(timeout),
        )
    })
}

/// Commits; flush before, or it sleeps. Where its time is over the same call takes it up again.
pub(crate) fn commit<C: ProducerContext>(producer: &BaseProducer<C>, timeout: Duration) -> Result<(), Fault> {
    // SAFETY: the producer is alive.
    checked(unsafe { sys::rd_kafka_commit_transaction(producer.client().native_ptr(), millis(timeout)) })
}

pub(crate) fn abort<C: ProducerContext>(producer: &BaseProducer<C>, timeout: Duration) -> Result<(), Fault> {
    // SAFETY: the producer is alive.
    checked(unsafe { sys::rd_kafka_abort_transaction(producer.client().native_ptr(), millis(timeout)) })
}

fn length(len: usize) -> isize {
    // A slice is never longer than isize::MAX.
    isize::try_from(len).unwrap_or(isize::MAX)
}
