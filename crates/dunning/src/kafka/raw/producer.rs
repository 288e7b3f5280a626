//! A transactional producer.

use std::ffi::c_void;
use std::ptr::{self, NonNull};
use std::time::{Duration, Instant};

use dunning_engine::AppendTimes;
use rdkafka::TopicPartitionList;
use rdkafka::bindings::rd_kafka_vtype_t as V;
use rdkafka::client::Client;
use rdkafka::config::ClientConfig;
use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaType;

use super::reports::{Reports, on_new};
use super::{Code, Event, Fault, Group, Queue, Topic, checked, done, millis, on_log, sys, text, topic};

/// How long the reports of what is given up may take.
const LAST_REPORTS: Duration = Duration::from_millis(500);

/// A record to be written; the borrowed parts are copied.
pub(crate) struct Outgoing<'a> {
    pub(crate) partition: i32,
    /// In milliseconds since 1970.
    pub(crate) timestamp: i64,
    pub(crate) key: Option<&'a [u8]>,
    pub(crate) value: Option<&'a [u8]>,
    pub(crate) headers: &'a [(&'a str, Option<&'a [u8]>)],
}

/// A transactional producer. Reports come only of what failed, and are served by [`Producer::poll`].
pub(crate) struct Producer {
    // The queue goes before its client.
    queue: Queue,
    client: Client<Reports>,
}

// SAFETY: librdkafka's handles may be used from any thread.
unsafe impl Send for Producer {}

impl Producer {
    /// A producer of this configuration; `transactional.id` must be in it.
    pub(crate) fn new(config: &ClientConfig) -> Result<Self, KafkaError> {
        let native = config.create_native_config()?;
        let events = sys::RD_KAFKA_EVENT_DR | sys::RD_KAFKA_EVENT_ERROR | sys::RD_KAFKA_EVENT_OAUTHBEARER_TOKEN_REFRESH;
        // SAFETY: the configuration is alive; Client::new sets its opaque to the Reports that live as long as the client.
        let added = unsafe {
            sys::rd_kafka_conf_set_events(native.ptr(), events);
            sys::rd_kafka_conf_set_log_cb(native.ptr(), Some(on_log));
            sys::rd_kafka_conf_interceptor_add_on_new(native.ptr(), c"reports".as_ptr(), Some(on_new), ptr::null_mut())
        };
        done(added).map_err(|f| KafkaError::ClientCreation(f.text))?;
        let client = Client::new(config, native, RDKafkaType::RD_KAFKA_PRODUCER, Reports::default())?;
        // SAFETY: the client is alive.
        let queue = NonNull::new(unsafe { sys::rd_kafka_queue_get_main(client.native_ptr()) });
        let queue = queue.ok_or_else(|| KafkaError::ClientCreation("the producer has no queue".to_owned()))?;
        Ok(Self { queue: Queue(queue), client })
    }

    fn native(&self) -> *mut sys::rd_kafka_t {
        self.client.native_ptr()
    }

    fn reports(&self) -> &Reports {
        self.client.context()
    }

    /// The handle of a topic for [`Producer::produce`].
    pub(crate) fn topic(&self, name: &str) -> Result<Topic, Fault> {
        topic(self.native(), name)
    }

    /// Serves what happened: failed records, errors, log lines.
    pub(crate) fn poll(&self) {
        loop {
            // SAFETY: the queue is alive; the event is ours.
            let event = Event(unsafe { sys::rd_kafka_queue_poll(self.queue.0.as_ptr(), 0) });
            // SAFETY: an event, or null, which has no type.
            match unsafe { sys::rd_kafka_event_type(event.0) } {
                sys::RD_KAFKA_EVENT_NONE => return,
                sys::RD_KAFKA_EVENT_DR => self.serve_failures(&event),
                // SAFETY: the event is alive; its text ends with a zero.
                sys::RD_KAFKA_EVENT_ERROR => unsafe {
                    let reason = text(sys::rd_kafka_event_error_string(event.0));
                    self.reports().error(sys::rd_kafka_event_error(event.0), &reason);
                },
                _ => {}
            }
        }
    }

    fn serve_failures(&self, event: &Event) {
        loop {
            // SAFETY: the event is alive, and the message as long as the event.
            match unsafe { sys::rd_kafka_event_message_next(event.0).as_ref() } {
                Some(message) => self.reports().delivered(message),
                None => return,
            }
        }
    }

    /// The first record that was not taken since this was asked last.
    pub(crate) fn failed(&self) -> Option<Fault> {
        self.reports().failed()
    }

    /// Counts lost connections and requests that were not answered, up to now.
    pub(crate) fn unrest(&self) -> u64 {
        self.poll();
        self.reports().unrest()
    }

    /// What it died of, where it is dead.
    pub(crate) fn fatal(&self) -> Option<Fault> {
        let (code, text) = self.client.fatal_error()?;
        Some(Fault { text, fatal: true, ..Fault::of(code) })
    }

    /// Records and events that are not settled yet.
    pub(crate) fn in_flight(&self) -> i32 {
        // SAFETY: the producer is alive.
        unsafe { sys::rd_kafka_outq_len(self.native()) }
    }

    /// From now on the broker's time of this topic's records is kept; the topic must be of this producer.
    pub(crate) fn watch(&self, topic: &Topic) {
        self.reports().watch(topic.id());
    }

    /// The broker's time of the watched topic's records since [`Producer::begin`]; `None` where it put none on them.
    pub(crate) fn append_times(&self) -> Option<AppendTimes> {
        self.reports().append_times()
    }

    /// Puts a record into the producer's queue. `topic` must come from [`Producer::topic`] of this producer.
    pub(crate) fn produce(&self, topic: &Topic, record: &Outgoing<'_>) -> Result<(), Fault> {
        let (key, key_len) = record.key.map_or((ptr::null(), 0), |k| (k.as_ptr(), k.len()));
        let (value, value_len) = record.value.map_or((ptr::null(), 0), |v| (v.as_ptr(), v.len()));
        let headers = if record.headers.is_empty() { ptr::null_mut() } else { native_headers(record.headers) };
        // SAFETY: all pointers are alive for the call, which copies key and value (MSG_F_COPY); the headers become
        // librdkafka's where it succeeds.
        let code = unsafe {
            sys::rd_kafka_producev(
                self.native(),
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

    /// Sends what waits, without lingering. Reports of failures must be served by `poll` for it to end.
    pub(crate) fn flush(&self, timeout: Duration) -> Result<(), Fault> {
        // SAFETY: the producer is alive.
        done(unsafe { sys::rd_kafka_flush(self.native(), millis(timeout)) })
    }

    pub(crate) fn init_transactions(&self, timeout: Duration) -> Result<(), Fault> {
        // SAFETY: the producer is alive.
        checked(unsafe { sys::rd_kafka_init_transactions(self.native(), millis(timeout)) })
    }

    pub(crate) fn begin(&self) -> Result<(), Fault> {
        self.reports().clear();
        // SAFETY: the producer is alive.
        checked(unsafe { sys::rd_kafka_begin_transaction(self.native()) })
    }

    pub(crate) fn send_offsets(
        &self,
        list: &TopicPartitionList,
        group: &Group,
        timeout: Duration,
    ) -> Result<(), Fault> {
        // SAFETY: all three are alive.
        checked(unsafe {
            sys::rd_kafka_send_offsets_to_transaction(self.native(), list.ptr(), group.0.as_ptr(), millis(timeout))
        })
    }

    /// Commits; flush before, or it sleeps. Where its time is over the same call takes it up again.
    pub(crate) fn commit(&self, timeout: Duration) -> Result<(), Fault> {
        // SAFETY: the producer is alive.
        checked(unsafe { sys::rd_kafka_commit_transaction(self.native(), millis(timeout)) })
    }

    pub(crate) fn abort(&self, timeout: Duration) -> Result<(), Fault> {
        // SAFETY: the producer is alive.
        checked(unsafe { sys::rd_kafka_abort_transaction(self.native(), millis(timeout)) })
    }
}

impl Drop for Producer {
    /// What is still under way is given up: librdkafka would wait for it for minutes.
    fn drop(&mut self) {
        let flags = sys::RD_KAFKA_PURGE_F_QUEUE | sys::RD_KAFKA_PURGE_F_INFLIGHT;
        // SAFETY: the producer is alive.
        let purged = done(unsafe { sys::rd_kafka_purge(self.native(), flags) });
        let began = Instant::now();
        while purged.is_ok() && self.in_flight() > 0 && began.elapsed() < LAST_REPORTS {
            self.poll();
            // Whatever it says, the next look says it too.
            drop(self.flush(Duration::from_millis(10)));
        }
    }
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

fn length(len: usize) -> isize {
    // A slice is never longer than isize::MAX.
    isize::try_from(len).unwrap_or(isize::MAX)
}
