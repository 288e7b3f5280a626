//! What the coordinator says about a group, asked for without waiting.
//!
//! Asked by `rd_kafka_list_groups`, which waits, from a thread of its own. The admin call `DescribeConsumerGroups`, which does
//! not wait, ends the process where a connection drops at the wrong moment (librdkafka #5397, open).

use std::ffi::CString;
use std::ptr;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use super::consumer::Consumer;
use super::{Fault, millis, sys, text};

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

/// A question that was asked. It must be dropped before its consumer; that waits for the answer.
pub(crate) struct Question {
    answer: Receiver<Result<Described, Fault>>,
    asks: Option<JoinHandle<()>>,
}

/// A client that another thread may use.
struct Client(*mut sys::rd_kafka_t);

// SAFETY: librdkafka's client may be used from any thread; the question is dropped, and its thread joined, before it.
unsafe impl Send for Client {}

impl Consumer {
    /// Asks how the group stands.
    pub(crate) fn ask_group(&self, group: &str, timeout: Duration) -> Result<Question, Fault> {
        let name = CString::new(group).map_err(|_| Fault::bad_name())?;
        let (client, (told, answer)) = (Client(self.native()), sync_channel(1));
        let asks = std::thread::Builder::new().name("group".to_owned()).spawn(move || {
            // Whole, not its field alone: the closure takes what may be sent.
            let client = client;
            // SAFETY: see [`Client`].
            let described = unsafe { list(client.0, &name, timeout) };
            // Whoever asked may be gone.
            let _ = told.send(described);
        });
        Ok(Question { answer, asks: Some(asks.map_err(|_| Fault::no_memory())?) })
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
        self.answer.recv_timeout(wait).ok()
    }
}

impl Drop for Question {
    fn drop(&mut self) {
        if let Some(asks) = self.asks.take() {
            // A panic there is of no matter here.
            let _ = asks.join();
        }
    }
}

/// # Safety
/// The client must be alive.
unsafe fn list(client: *mut sys::rd_kafka_t, group: &CString, timeout: Duration) -> Result<Described, Fault> {
    let mut found = ptr::null();
    // SAFETY: the caller's word; the list is ours once it is given, and destroyed once, after all was copied.
    unsafe {
        let code = sys::rd_kafka_list_groups(client, group.as_ptr(), &mut found, millis(timeout));
        let Some(groups) = found.as_ref() else { return Err(Fault { retriable: true, ..Fault::of(code.into()) }) };
        let described = match groups.group_cnt > 0 && !groups.groups.is_null() {
            true => read(&*groups.groups),
            false => Err(Fault::timed_out()),
        };
        sys::rd_kafka_group_list_destroy(found);
        described
    }
}

/// # Safety
/// What the group points to must be alive.
unsafe fn read(group: &sys::rd_kafka_group_info) -> Result<Described, Fault> {
    // SAFETY: the caller's word; `members` has `member_cnt` entries, and each assignment as many bytes as it says.
    unsafe {
        if group.err != sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
            return Err(Fault { retriable: true, ..Fault::of(group.err.into()) });
        }
        let count = if group.members.is_null() { 0 } else { usize::try_from(group.member_cnt).unwrap_or(0) };
        let seats = (0..count).map(|i| {
            let member = &*group.members.add(i);
            let len = usize::try_from(member.member_assignment_size).unwrap_or(0);
            let bytes = match member.member_assignment.is_null() {
                true => &[][..],
                false => std::slice::from_raw_parts(member.member_assignment.cast::<u8>(), len),
            };
            Seat {
                id: text(member.member_id),
                client: text(member.client_id),
                owned: assignment(bytes).unwrap_or_default(),
            }
        });
        Ok(Described { is_stable: text(group.state) == "Stable", seats: seats.collect() })
    }
}

/// The topics and partitions of an assignment, as the consumer protocol writes it: a version in two bytes, then for each topic
/// its name and its partitions, with counts in four bytes and lengths in two, big-endian. `None` where it ends too early.
fn assignment(bytes: &[u8]) -> Option<Vec<(String, i32)>> {
    let (_, mut rest) = bytes.split_first_chunk::<2>()?;
    let mut owned = Vec::new();
    for _ in 0..number(&mut rest)? {
        let (len, after) = rest.split_first_chunk::<2>()?;
        let (name, after) = after.split_at_checked(usize::from(u16::from_be_bytes(*len)))?;
        rest = after;
        let name = std::str::from_utf8(name).ok()?;
        for _ in 0..number(&mut rest)? {
            owned.push((name.to_owned(), number(&mut rest)?));
        }
    }
    Some(owned)
}

fn number(rest: &mut &[u8]) -> Option<i32> {
    let (number, after) = rest.split_first_chunk::<4>()?;
    *rest = after;
    Some(i32::from_be_bytes(*number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_assignment_is_read_and_a_damaged_one_is_none() {
        let mut bytes = vec![0, 1, 0, 0, 0, 2];
        for (name, partitions) in [("bills", &[3, 0][..]), ("p", &[])] {
            bytes.extend(u16::try_from(name.len()).expect("short").to_be_bytes());
            bytes.extend(name.as_bytes());
            bytes.extend(i32::try_from(partitions.len()).expect("few").to_be_bytes());
            partitions.iter().for_each(|p: &i32| bytes.extend(p.to_be_bytes()));
        }
        let owned = vec![("bills".to_owned(), 3), ("bills".to_owned(), 0)];
        assert_eq!(assignment(&bytes), Some(owned.clone()));
        for cut in 0..bytes.len() {
            assert_eq!(assignment(&bytes[..cut]), None, "{cut}");
        }
        // User data follow.
        bytes.extend([255; 4]);
        assert_eq!(assignment(&bytes), Some(owned));
        // A false count ends with the bytes.
        assert_eq!(assignment(&[0, 0, 127, 255, 255, 255]), None);
    }
}
