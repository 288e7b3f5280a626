//! What the coordinator says about a group, asked for without waiting.

use std::ffi::CString;
use std::ptr::{self, NonNull};
use std::time::Duration;

use super::consumer::{Consumer, Event, Options, Queue, partitions};
use super::{Fault, done, millis, sys, text};

/// A member of the group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seat {
    /// The coordinator's name for it, another after each start.
    pub(crate) id: String,
    /// Its client's name.
    pub(crate) client: String,
    /// What it was given: topics and partitions.
    pub(crate) owned: Vec<(String, i32)>,
}

/// A group as the coordinator sees it.
#[derive(Debug)]
pub(crate) struct Described {
    /// Nothing moves at present: what members were given is known.
    pub(crate) is_stable: bool,
    pub(crate) seats: Vec<Seat>,
}

/// A question that was asked. It must be dropped before its consumer.
pub(crate) struct Question(Queue);

impl Consumer {
    /// Asks how the group stands.
    pub(crate) fn ask_group(&self, group: &str, timeout: Duration) -> Result<Question, Fault> {
        let name = CString::new(group).map_err(|_| Fault::bad_name())?;
        let client = self.native();
        // SAFETY: the client is alive; what is made here is destroyed by the guards; the name is copied.
        unsafe {
            let options = Options(sys::rd_kafka_AdminOptions_new(
                client,
                sys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBECONSUMERGROUPS,
            ));
            done(sys::rd_kafka_AdminOptions_set_request_timeout(options.0, millis(timeout), ptr::null_mut(), 0))?;
            let queue = NonNull::new(sys::rd_kafka_queue_new(client)).map(Queue).ok_or_else(Fault::no_memory)?;
            let mut names = [name.as_ptr()];
            sys::rd_kafka_DescribeConsumerGroups(client, names.as_mut_ptr(), names.len(), options.0, queue.0.as_ptr());
            Ok(Question(queue))
        }
    }

    /// The coordinator's name for this member; `None` before it has one.
    pub(crate) fn member_id(&self) -> Option<String> {
        // SAFETY: the client is alive; the text is ours to free.
        unsafe {
            let id = sys::rd_kafka_memberid(self.native());
            if id.is_null() {
                return None;
            }
            let owned = text(id);
            sys::rd_kafka_mem_free(self.native(), id.cast());
            Some(owned).filter(|id| !id.is_empty())
        }
    }
}

impl Question {
    /// The answer, where it has come; waits for it up to `wait`.
    pub(crate) fn answer(&self, wait: Duration) -> Option<Result<Described, Fault>> {
        // SAFETY: the queue is alive; the event is destroyed by its guard, after all that is read of it was copied.
        unsafe {
            let event = Event(sys::rd_kafka_queue_poll(self.0.0.as_ptr(), millis(wait)));
            (!event.0.is_null()).then(|| read(&event))
        }
    }
}

/// # Safety
/// The event must be alive.
unsafe fn read(event: &Event) -> Result<Described, Fault> {
    // SAFETY: the caller's word; what librdkafka gives here lives as long as the event, and has as many entries as it
    // says.
    unsafe {
        done(sys::rd_kafka_event_error(event.0))?;
        let result = sys::rd_kafka_event_DescribeConsumerGroups_result(event.0);
        let mut count = 0;
        let groups = match result.is_null() {
            true => ptr::null_mut(),
            false => sys::rd_kafka_DescribeConsumerGroups_result_groups(result, &mut count),
        };
        if groups.is_null() || count == 0 {
            return Err(Fault::timed_out());
        }
        let group = *groups;
        let error = sys::rd_kafka_ConsumerGroupDescription_error(group);
        if !error.is_null() {
            return Err(Fault {
                text: text(sys::rd_kafka_error_string(error)),
                ..Fault::of(sys::rd_kafka_error_code(error).into())
            });
        }
        let state = sys::rd_kafka_ConsumerGroupDescription_state(group);
        let seats = (0..sys::rd_kafka_ConsumerGroupDescription_member_count(group)).map(|i| {
            let member = sys::rd_kafka_ConsumerGroupDescription_member(group, i);
            let given = sys::rd_kafka_MemberDescription_assignment(member);
            let owned = if given.is_null() { ptr::null() } else { sys::rd_kafka_MemberAssignment_partitions(given) };
            Seat {
                id: text(sys::rd_kafka_MemberDescription_consumer_id(member)),
                client: text(sys::rd_kafka_MemberDescription_client_id(member)),
                owned: partitions(owned),
            }
        });
        Ok(Described {
            is_stable: state == sys::rd_kafka_consumer_group_state_t::RD_KAFKA_CONSUMER_GROUP_STATE_STABLE,
            seats: seats.collect(),
        })
    }
}
