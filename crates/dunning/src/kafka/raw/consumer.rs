//! A consumer whose queue is read in batches.

use std::collections::VecDeque;
use std::ffi::{CStr, c_char, c_int, c_void};
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rdkafka::client::Client;
use rdkafka::config::ClientConfig;
use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaType;
use rdkafka::{ClientContext, TopicPartitionList};

use super::super::hush::Hush;
use super::{
    Code, Event, Fault, Group, Queue, Topic, TopicId, bytes, checked, done, millis, on_log, place, sys, text, topic,
};

/// What the group's coordinator wants; it waits for an answer by assign or unassign.
#[derive(Debug)]
pub(crate) enum Rebalance {
    /// These partitions (topic, number) are to be taken.
    Assign(Vec<(String, i32)>),
    /// These are to be given up.
    Revoke(Vec<(String, i32)>),
    /// These are gone already.
    Lost(Vec<(String, i32)>),
}

/// What callbacks leave for the lane's thread.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    closing: AtomicBool,
    troubled: AtomicBool,
    /// No broker could be reached, and none has answered since.
    away: AtomicBool,
    rebalances: Mutex<VecDeque<Rebalance>>,
    fatal: Mutex<Option<Fault>>,
    hush: Hush,
}

impl ClientContext for Notes {}

/// A consumer whose queue is read in batches.
pub(crate) struct Consumer {
    client: Client<Notes>,
    queue: Queue,
    batch: Vec<*mut sys::rd_kafka_message_t>,
}

// SAFETY: librdkafka's handles may be used from any thread; `batch` is empty between calls.
unsafe impl Send for Consumer {}

/// What a batch holds.
pub(crate) enum Taken<'a> {
    /// A record.
    Message(Message<'a>),
    /// The end of a partition: the offset of the next record, or a lower one.
    End { topic: TopicId, partition: i32, offset: i64 },
    /// Something went wrong; topic and partition where it concerns one.
    Fault { topic: Option<TopicId>, partition: i32, fault: Fault },
}

/// A record that still lies in librdkafka's memory.
pub(crate) struct Message<'a>(&'a sys::rd_kafka_message_t);

impl<'a> Message<'a> {
    pub(crate) fn topic(&self) -> TopicId {
        self.0.rkt as TopicId
    }

    pub(crate) fn partition(&self) -> i32 {
        self.0.partition
    }

    pub(crate) fn offset(&self) -> i64 {
        self.0.offset
    }

    /// In milliseconds since 1970; -1 where the record has none.
    pub(crate) fn timestamp(&self) -> i64 {
        let mut kind = sys::rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
        // SAFETY: the message is alive; `kind` is written.
        unsafe { sys::rd_kafka_message_timestamp(self.0, &mut kind) }
    }

    pub(crate) fn key(&self) -> Option<&'a [u8]> {
        // SAFETY: librdkafka says that this memory is the message's.
        unsafe { bytes(self.0.key, self.0.key_len) }
    }

    pub(crate) fn value(&self) -> Option<&'a [u8]> {
        // SAFETY: as above.
        unsafe { bytes(self.0.payload, self.0.len) }
    }

    /// Its headers, copied.
    pub(crate) fn headers(&self) -> Option<Vec<(String, Option<Vec<u8>>)>> {
        let mut list = ptr::null_mut();
        // SAFETY: the message is alive; the list stays its own.
        let code = unsafe { sys::rd_kafka_message_headers(self.0, &mut list) };
        if code != Code::RD_KAFKA_RESP_ERR_NO_ERROR {
            return None;
        }
        let mut headers = Vec::new();
        loop {
            let (mut name, mut value, mut size) = (ptr::null(), ptr::null(), 0);
            // SAFETY: the list is alive; an index beyond its end is answered with an error.
            let code = unsafe { sys::rd_kafka_header_get_all(list, headers.len(), &mut name, &mut value, &mut size) };
            if code != Code::RD_KAFKA_RESP_ERR_NO_ERROR {
                return Some(headers);
            }
            // SAFETY: name ends with a zero; value has `size` bytes or is null.
            headers.push(unsafe { (text(name), bytes(value.cast_mut(), size).map(<[u8]>::to_vec)) });
        }
    }
}

impl Consumer {
    /// A consumer of this configuration; `group.id` must be in it.
    pub(crate) fn new(config: &ClientConfig) -> Result<Self, KafkaError> {
        let native = config.create_native_config()?;
        // SAFETY: the configuration is alive; Client::new sets its opaque to the Notes that live as long as the client.
        unsafe {
            sys::rd_kafka_conf_set_rebalance_cb(native.ptr(), Some(on_rebalance));
            sys::rd_kafka_conf_set_error_cb(native.ptr(), Some(on_error));
            sys::rd_kafka_conf_set_log_cb(native.ptr(), Some(on_log));
        }
        let client = Client::new(config, native, RDKafkaType::RD_KAFKA_CONSUMER, Notes::default())?;
        // SAFETY: the client is alive.
        let queue = unsafe {
            sys::rd_kafka_poll_set_consumer(client.native_ptr());
            NonNull::new(sys::rd_kafka_queue_get_consumer(client.native_ptr()))
        };
        let queue = queue.ok_or_else(|| KafkaError::ClientCreation("the consumer has no queue".to_owned()))?;
        Ok(Self { client, queue: Queue(queue), batch: Vec::new() })
    }

    /// Waits up to `wait` for the first, then takes what is there, at most `max`; gives each to `each`. Callbacks run
    /// inside.
    pub(crate) fn take(&mut self, wait: Duration, max: usize, mut each: impl FnMut(Taken<'_>)) -> usize {
        self.batch.resize(max.max(1), ptr::null_mut());
        // A wait for more than one would last until all have come.
        let mut count = self.fill(0, 1, wait);
        if count == 1 {
            count += self.fill(1, self.batch.len(), Duration::ZERO);
        }
        for message in self.batch.drain(..).take(count) {
            // SAFETY: librdkafka gave us the message; it is ours until it is destroyed, once, below.
            unsafe {
                each(sort(&*message));
                sys::rd_kafka_message_destroy(message);
            }
        }
        count
    }

    fn fill(&mut self, from: usize, to: usize, wait: Duration) -> usize {
        let room = &mut self.batch[from..to];
        if room.is_empty() {
            return 0;
        }
        // SAFETY: queue and room are alive and `room` has the length that is said.
        let count = unsafe {
            sys::rd_kafka_consume_batch_queue(self.queue.0.as_ptr(), millis(wait), room.as_mut_ptr(), room.len())
        };
        usize::try_from(count).unwrap_or(0)
    }

    /// The next wish of the coordinator.
    pub(crate) fn rebalance(&self) -> Option<Rebalance> {
        lock(&self.client.context().rebalances).pop_front()
    }

    /// What this consumer cannot recover from, where that happened.
    pub(crate) fn fatal(&self) -> Option<Fault> {
        let notes = self.client.context();
        if notes.troubled.load(Ordering::Relaxed) { lock(&notes.fatal).clone() } else { None }
    }

    pub(super) fn native(&self) -> *mut sys::rd_kafka_t {
        self.client.native_ptr()
    }

    /// The handle of a topic.
    pub(crate) fn topic(&self, name: &str) -> Result<Topic, Fault> {
        topic(self.client.native_ptr(), name)
    }

    pub(crate) fn subscribe(&self, topic: &str) -> Result<(), Fault> {
        let mut list = TopicPartitionList::new();
        list.add_topic_unassigned(topic);
        // SAFETY: client and list are alive; the list is copied.
        done(unsafe { sys::rd_kafka_subscribe(self.client.native_ptr(), list.ptr()) })
    }

    pub(crate) fn assign(&self, list: &TopicPartitionList) -> Result<(), Fault> {
        // SAFETY: client and list are alive; the list is copied.
        checked(unsafe { sys::rd_kafka_incremental_assign(self.client.native_ptr(), list.ptr()) })
    }

    pub(crate) fn unassign(&self, list: &TopicPartitionList) -> Result<(), Fault> {
        // SAFETY: client and list are alive; the list is copied.
        checked(unsafe { sys::rd_kafka_incremental_unassign(self.client.native_ptr(), list.ptr()) })
    }

    pub(crate) fn pause(&self, list: &TopicPartitionList) -> Result<(), Fault> {
        // SAFETY: client and list are alive.
        done(unsafe { sys::rd_kafka_pause_partitions(self.client.native_ptr(), list.ptr()) })
    }

    /// The group's committed offsets, written into the list.
    pub(crate) fn committed(&self, list: &TopicPartitionList, timeout: Duration) -> Result<(), Fault> {
        // SAFETY: client and list are alive.
        done(unsafe { sys::rd_kafka_committed(self.client.native_ptr(), list.ptr(), millis(timeout)) })
    }

    /// Asks the leaders for offsets. The list's offsets are what is asked for: -1 the end, -2 the beginning, else the
    /// first record not before that instant in milliseconds (-1 where there is none). The answers come in any order,
    /// each of them checked.
    pub(crate) fn list_offsets(
        &self,
        list: &TopicPartitionList,
        committed: bool,
        timeout: Duration,
    ) -> Result<Vec<(String, i32, i64)>, Fault> {
        let client = self.client.native_ptr();
        // SAFETY: the client is alive; what is made here is destroyed by the guards; the list is copied.
        unsafe {
            let options = Options(sys::rd_kafka_AdminOptions_new(
                client,
                sys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_LISTOFFSETS,
            ));
            let ms = millis(timeout);
            done(sys::rd_kafka_AdminOptions_set_request_timeout(options.0, ms, ptr::null_mut(), 0))?;
            let level = if committed {
                sys::rd_kafka_IsolationLevel_t::RD_KAFKA_ISOLATION_LEVEL_READ_COMMITTED
            } else {
                sys::rd_kafka_IsolationLevel_t::RD_KAFKA_ISOLATION_LEVEL_READ_UNCOMMITTED
            };
            checked(sys::rd_kafka_AdminOptions_set_isolation_level(options.0, level))?;
            let queue = NonNull::new(sys::rd_kafka_queue_new(client)).map(Queue).ok_or_else(Fault::no_memory)?;
            sys::rd_kafka_ListOffsets(client, list.ptr(), options.0, queue.0.as_ptr());
            let event = Event(sys::rd_kafka_queue_poll(queue.0.as_ptr(), ms.saturating_add(500)));
            if event.0.is_null() {
                return Err(Fault::timed_out());
            }
            done(sys::rd_kafka_event_error(event.0))?;
            let mut count = 0;
            let result = sys::rd_kafka_event_ListOffsets_result(event.0);
            if result.is_null() {
                return Err(Fault::timed_out());
            }
            let infos = sys::rd_kafka_ListOffsets_result_infos(result, &mut count);
            (0..count)
                .map(|i| {
                    let found = &*sys::rd_kafka_ListOffsetsResultInfo_topic_partition(*infos.add(i));
                    done(found.err)?;
                    Ok((text(found.topic), found.partition, place(found.offset)?))
                })
                .collect()
        }
    }

    /// Asks anew who leads a topic's partitions. A name that the cluster does not have is not made by it.
    pub(crate) fn refresh(&self, topic: &str, timeout: Duration) {
        // Where it fails, the question that needed it fails again and comes back here.
        drop(self.client.fetch_metadata(Some(topic), timeout));
    }

    /// True once no broker could be reached, until one answers [`Consumer::knock`].
    pub(crate) fn is_away(&self) -> bool {
        self.client.context().away.load(Ordering::Relaxed)
    }

    /// Asks any broker for anything; where it answers, it is no longer away.
    pub(crate) fn knock(&self, topic: &str, timeout: Duration) {
        if self.client.fetch_metadata(Some(topic), timeout).is_ok() {
            self.client.context().away.store(false, Ordering::Relaxed);
        }
    }

    /// The cluster's id.
    pub(crate) fn cluster_id(&self, timeout: Duration) -> Option<String> {
        // SAFETY: the client is alive; the text is ours to free.
        unsafe {
            let id = sys::rd_kafka_clusterid(self.client.native_ptr(), millis(timeout));
            if id.is_null() {
                return None;
            }
            let owned = text(id);
            sys::rd_kafka_mem_free(self.client.native_ptr(), id.cast());
            Some(owned)
        }
    }

    /// The member's generation, as of now; `None` where it is in no group.
    pub(crate) fn group(&self) -> Option<Group> {
        // SAFETY: the client is alive; the answer is ours.
        let group = NonNull::new(unsafe { sys::rd_kafka_consumer_group_metadata(self.client.native_ptr()) }).map(Group);
        group.filter(Group::is_member)
    }

    /// Leaves the group, where it is in one. Whatever the coordinator still wants is agreed to.
    pub(crate) fn close(&self) {
        self.client.context().closing.store(true, Ordering::Relaxed);
        // SAFETY: the client is alive.
        unsafe {
            if sys::rd_kafka_consumer_closed(self.client.native_ptr()) == 0 {
                sys::rd_kafka_consumer_close(self.client.native_ptr());
            }
        }
    }
}

impl Drop for Consumer {
    fn drop(&mut self) {
        self.close();
    }
}

struct Options(*mut sys::rd_kafka_AdminOptions_t);

impl Drop for Options {
    fn drop(&mut self) {
        // SAFETY: made by us, destroyed once.
        unsafe { sys::rd_kafka_AdminOptions_destroy(self.0) }
    }
}

unsafe extern "C" fn on_rebalance(
    client: *mut sys::rd_kafka_t,
    code: Code,
    list: *mut sys::rd_kafka_topic_partition_list_t,
    opaque: *mut c_void,
) {
    // SAFETY: Client::new set the opaque to its Notes; they live as long as the client that calls. The list is alive
    // for the call.
    unsafe {
        let notes = &*opaque.cast::<Notes>();
        let assign = code == Code::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
        if notes.closing.load(Ordering::Relaxed) {
            match is_cooperative(client) {
                Some(true) if assign => drop(checked(sys::rd_kafka_incremental_assign(client, list))),
                Some(true) => drop(checked(sys::rd_kafka_incremental_unassign(client, list))),
                Some(false) => drop(sys::rd_kafka_assign(client, ptr::null())),
                // What stood for the group has ended by now: nobody waits for an answer.
                None => {}
            }
            return;
        }
        let parts = partitions(list);
        lock(&notes.rebalances).push_back(match code {
            Code::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS => Rebalance::Assign(parts),
            _ if sys::rd_kafka_assignment_lost(client) != 0 => Rebalance::Lost(parts),
            _ => Rebalance::Revoke(parts),
        });
    }
}

/// Whether shards move one by one in the client's group; `None` where the client is in no group, or its part in it has
/// ended, as it may have while it is closed.
///
/// # Safety
/// The client must be alive.
unsafe fn is_cooperative(client: *mut sys::rd_kafka_t) -> Option<bool> {
    // SAFETY: the caller's word; what is not null is a constant.
    unsafe {
        let protocol = sys::rd_kafka_rebalance_protocol(client);
        (!protocol.is_null()).then(|| CStr::from_ptr(protocol) == c"COOPERATIVE")
    }
}

unsafe extern "C" fn on_error(client: *mut sys::rd_kafka_t, code: c_int, reason: *const c_char, opaque: *mut c_void) {
    // SAFETY: as for on_rebalance; the reason ends with a zero.
    unsafe {
        let notes = &*opaque.cast::<Notes>();
        if code != Code::RD_KAFKA_RESP_ERR__FATAL as c_int {
            if code == Code::RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN as c_int {
                notes.away.store(true, Ordering::Relaxed);
            }
            if notes.hush.may_speak() {
                tracing::warn!(reason = text(reason), "kafka consumer");
            }
            return;
        }
        let mut room: [c_char; 512] = [0; 512];
        let code = sys::rd_kafka_fatal_error(client, room.as_mut_ptr(), room.len());
        *lock(&notes.fatal) =
            Some(Fault { code: code.into(), text: text(room.as_ptr()), fatal: true, ..Fault::default() });
        notes.troubled.store(true, Ordering::Relaxed);
    }
}

/// # Safety
/// The message must be alive.
unsafe fn sort(message: &sys::rd_kafka_message_t) -> Taken<'_> {
    match message.err {
        Code::RD_KAFKA_RESP_ERR_NO_ERROR => Taken::Message(Message(message)),
        Code::RD_KAFKA_RESP_ERR__PARTITION_EOF => {
            Taken::End { topic: message.rkt as TopicId, partition: message.partition, offset: message.offset }
        }
        code => {
            // SAFETY: an error's payload is its text.
            let said = unsafe { bytes(message.payload, message.len) }.unwrap_or_default();
            let fault =
                Fault { code: code.into(), text: String::from_utf8_lossy(said).into_owned(), ..Fault::default() };
            let topic = (!message.rkt.is_null()).then_some(message.rkt as TopicId);
            Taken::Fault { topic, partition: message.partition, fault }
        }
    }
}

/// # Safety
/// The list must be alive, or null.
unsafe fn partitions(list: *const sys::rd_kafka_topic_partition_list_t) -> Vec<(String, i32)> {
    // SAFETY: the caller's word; `elems` has `cnt` entries.
    unsafe {
        let Some(list) = list.as_ref() else { return Vec::new() };
        let count = usize::try_from(list.cnt).unwrap_or(0);
        (0..count).map(|i| &*list.elems.add(i)).map(|p| (text(p.topic), p.partition)).collect()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // What is behind it is whole after each statement, so a panic elsewhere does not spoil it.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_whose_part_in_the_group_has_ended_is_asked_without_harm() {
        let mut config = ClientConfig::new();
        // Nobody listens there, and nobody has to.
        config.set("bootstrap.servers", "127.0.0.1:1").set("group.id", "g");
        config.set("partition.assignment.strategy", "cooperative-sticky");
        let consumer = Consumer::new(&config).expect("a consumer");
        // SAFETY: the client is alive until the end of the test.
        let asked = || unsafe { is_cooperative(consumer.client.native_ptr()) };
        assert_eq!(asked(), Some(false), "it has joined nothing yet");
        consumer.close();
        assert_eq!(asked(), None);
    }
}
