//! What a producer's events and acknowledgements leave behind.

use std::ffi::{c_char, c_void};
use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use dunning_engine::AppendTimes;
use dunning_rules::Timestamp;
use rdkafka::ClientContext;

use super::super::hush::Hush;
use super::{Code, Fault, TopicId, sys, text};

/// What a producer's events and acknowledgements leave behind.
#[derive(Debug)]
pub(super) struct Reports {
    failed: Mutex<Option<Fault>>,
    /// Counts lost connections and requests that were not answered.
    unrest: AtomicU64,
    hush: Hush,
    /// The topic whose append times are kept; 0: none.
    watched: AtomicUsize,
    /// The broker's time of the first and the last of that topic's records, in milliseconds since 1970.
    first: AtomicI64,
    last: AtomicI64,
}

impl ClientContext for Reports {}

impl Default for Reports {
    fn default() -> Self {
        Self {
            failed: Mutex::default(),
            unrest: AtomicU64::new(0),
            hush: Hush::default(),
            watched: AtomicUsize::new(0),
            first: AtomicI64::new(i64::MAX),
            last: AtomicI64::new(i64::MIN),
        }
    }
}

impl Reports {
    /// The first record that was not taken since this was asked last.
    pub(super) fn failed(&self) -> Option<Fault> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    pub(super) fn unrest(&self) -> u64 {
        self.unrest.load(Ordering::Relaxed)
    }

    /// From now on the append times of this topic are kept.
    pub(super) fn watch(&self, topic: TopicId) {
        self.watched.store(topic, Ordering::Relaxed);
    }

    /// A new transaction: nothing was appended yet.
    pub(super) fn clear(&self) {
        self.failed();
        self.first.store(i64::MAX, Ordering::Relaxed);
        self.last.store(i64::MIN, Ordering::Relaxed);
    }

    /// Of the records acknowledged since [`Reports::clear`]; `None` where the broker put no time on them.
    pub(super) fn append_times(&self) -> Option<AppendTimes> {
        let (first, last) = (self.first.load(Ordering::Relaxed), self.last.load(Ordering::Relaxed));
        let at = Timestamp::from_millis;
        (first <= last).then(|| AppendTimes { first: at(first), last: at(last) })
    }

    /// Serves a delivery report: only what failed is reported.
    pub(super) fn delivered(&self, message: &sys::rd_kafka_message_t) {
        if message.err == Code::RD_KAFKA_RESP_ERR_NO_ERROR {
            return;
        }
        let fault = Fault::of(message.err.into());
        // SAFETY: a message has its topic; the name ends with a zero.
        let topic = unsafe { text(sys::rd_kafka_topic_name(message.rkt)) };
        let text = format!("a record for `{topic}` was not taken: {}", fault.text);
        let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        failed.get_or_insert(Fault { text, ..fault });
    }

    /// Serves an error of the client.
    pub(super) fn error(&self, code: Code, reason: &str) {
        self.unrest.fetch_add(1, Ordering::Relaxed);
        if self.hush.may_speak() {
            tracing::warn!(reason, code = ?Fault::of(code.into()).code, "kafka producer");
        }
    }

    /// The broker has taken a record, or it was given up.
    fn acknowledged(&self, message: &sys::rd_kafka_message_t) {
        if message.rkt as TopicId != self.watched.load(Ordering::Relaxed) {
            return;
        }
        let mut kind = sys::rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
        // SAFETY: the message is alive; `kind` is written.
        let at = unsafe { sys::rd_kafka_message_timestamp(message, &mut kind) };
        let is_brokers = kind == sys::rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_LOG_APPEND_TIME;
        // All records of a request bear the same time.
        if is_brokers && self.last.load(Ordering::Relaxed) != at {
            self.first.fetch_min(at, Ordering::Relaxed);
            self.last.fetch_max(at, Ordering::Relaxed);
        }
    }
}

/// Called once by a client that is being made.
pub(super) unsafe extern "C" fn on_new(
    client: *mut sys::rd_kafka_t,
    _: *const sys::rd_kafka_conf_t,
    _: *mut c_void,
    _: *mut c_char,
    _: usize,
) -> Code {
    // SAFETY: the client is alive; its opaque is the Reports that Client::new set.
    unsafe {
        let reports = sys::rd_kafka_opaque(client);
        sys::rd_kafka_interceptor_add_on_acknowledgement(
            client,
            c"append times".as_ptr(),
            Some(on_acknowledged),
            reports,
        )
    }
}

/// Called by librdkafka's own threads for each record: no lock, nothing that waits.
unsafe extern "C" fn on_acknowledged(
    _: *mut sys::rd_kafka_t,
    message: *mut sys::rd_kafka_message_t,
    reports: *mut c_void,
) -> Code {
    // SAFETY: the message is alive for the call; the Reports live as long as the client that calls.
    unsafe { (*reports.cast::<Reports>()).acknowledged(&*message) };
    Code::RD_KAFKA_RESP_ERR_NO_ERROR
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_an_append_time_none_is_said() {
        let reports = Reports::default();
        assert_eq!(reports.append_times(), None);
        reports.first.store(5, Ordering::Relaxed);
        reports.last.store(7, Ordering::Relaxed);
        let at = Timestamp::from_millis;
        assert_eq!(reports.append_times(), Some(AppendTimes { first: at(5), last: at(7) }));
        reports.clear();
        assert_eq!(reports.append_times(), None);
    }
}
