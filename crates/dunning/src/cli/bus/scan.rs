//! Reads partitions of a topic, as far as they are committed now.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::time::{Duration, Instant};

use dunning_wire::deadletter::Header;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Headers as _, Message as _};
use rdkafka::{Offset, TopicPartitionList};

use super::{Bus, failed};
use crate::exit::{Exit, Failure};

/// How long one answer of the broker may take.
const PATIENCE: Duration = Duration::from_secs(20);
/// A read that lasts longer says how far it is, and again after as long.
const TELL_EVERY: Duration = Duration::from_secs(2);

/// A record that was found.
pub(in crate::cli) struct Found<'a> {
    pub(in crate::cli) partition: u32,
    pub(in crate::cli) offset: i64,
    /// Milliseconds since 1970.
    pub(in crate::cli) timestamp: i64,
    pub(in crate::cli) key: Option<&'a [u8]>,
    pub(in crate::cli) value: Option<&'a [u8]>,
    pub(in crate::cli) headers: Vec<Header>,
}

impl<'a> Found<'a> {
    fn of(message: &'a BorrowedMessage<'_>) -> Self {
        let headers = message.headers().into_iter().flat_map(|h| h.iter());
        Self {
            partition: message.partition().cast_unsigned(),
            offset: message.offset(),
            timestamp: message.timestamp().to_millis().unwrap_or(0),
            key: message.key(),
            value: message.payload(),
            headers: headers.map(|h| (h.key.to_owned(), h.value.map(<[u8]>::to_vec))).collect(),
        }
    }
}

/// Reads partitions of a topic from offsets on, up to where they end now; of an open transaction nothing is read.
pub(in crate::cli) fn scan(
    bus: &Bus,
    topic: &str,
    from: &BTreeMap<u32, i64>,
    mut each: impl FnMut(Found<'_>) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let consumer: BaseConsumer = bus
        .client(&[
            ("group.id", bus.group()),
            ("enable.auto.commit", "false"),
            ("enable.auto.offset.store", "false"),
            ("enable.partition.eof", "true"),
            ("isolation.level", "read_committed"),
            ("auto.offset.reset", "earliest"),
            ("check.crcs", "true"),
            ("queued.max.messages.kbytes", "32768"),
        ])
        .create()
        .map_err(|e| failed("`kafka` cannot be used", e))?;
    let mut left = begin(&consumer, topic, from)?;
    let total: i64 = left.values().map(|l| l.end - l.next).sum();
    let (mut heard, mut told) = (Instant::now(), Instant::now());
    let mut trouble = None;
    while !left.is_empty() {
        match consumer.poll(Duration::from_millis(200)) {
            Some(Ok(message)) => {
                heard = Instant::now();
                let found = Found::of(&message);
                let Some(part) = left.get_mut(&found.partition) else { continue };
                part.next = found.offset + 1;
                let last = part.next >= part.end;
                let partition = found.partition;
                // Later than the end that was noted: another read would find it.
                if found.offset < part.end {
                    each(found)?;
                }
                if last {
                    left.remove(&partition);
                }
            }
            Some(Err(KafkaError::PartitionEOF(partition))) => {
                heard = Instant::now();
                left.remove(&partition.cast_unsigned());
            }
            Some(Err(error)) => trouble = Some(error),
            None => {}
        }
        if heard.elapsed() > PATIENCE {
            let text = format!("`{topic}` cannot be read to its end");
            return Err(match trouble {
                Some(error) => failed(text, error),
                None => Failure::new(Exit::Unreachable, format!("{text}: the broker does not answer")),
            });
        }
        if told.elapsed() > TELL_EVERY {
            told = Instant::now();
            tell(topic, total - left.values().map(|l| l.end - l.next).sum::<i64>(), total);
        }
    }
    Ok(())
}

/// What is left to read of a partition.
struct Left {
    next: i64,
    end: i64,
}

/// Begins to read what has anything to read.
fn begin(consumer: &BaseConsumer, topic: &str, from: &BTreeMap<u32, i64>) -> Result<BTreeMap<u32, Left>, Failure> {
    let (mut left, mut list) = (BTreeMap::new(), TopicPartitionList::new());
    for (partition, offset) in from {
        let number = i32::try_from(*partition).unwrap_or(i32::MAX);
        let (first, end) = consumer
            .fetch_watermarks(topic, number, PATIENCE)
            .map_err(|e| failed(format!("the end of `{topic}` cannot be asked for"), e))?;
        let next = first.max(*offset);
        if next < end {
            left.insert(*partition, Left { next, end });
            // Any offset of a log is understood.
            let _ = list.add_partition_offset(topic, number, Offset::Offset(next));
        }
    }
    consumer.assign(&list).map_err(|e| failed(format!("`{topic}` cannot be read"), e))?;
    Ok(left)
}

fn tell(topic: &str, done: i64, total: i64) {
    // A progress that cannot be shown is no reason to end.
    let _ = writeln!(std::io::stderr().lock(), "reading {topic}: {done} of {total}");
}
