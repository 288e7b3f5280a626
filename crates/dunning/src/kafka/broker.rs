//! The port that the engine sees.

use std::sync::Arc;
use std::time::{Duration, Instant};

use dunning_engine::{
    AppendTimes, Broker, BrokerError, Ends, ErrorKind, OutRecord, Partition, Polled, SchemaAnswer, Source, Start,
};
use dunning_wire::topic::{InputTopic, OutputTopic, TopicNames};
use rdkafka::{Offset, TopicPartitionList};

use super::member::{Member, number};
use super::reader::Reader;
use super::setup::{Bus, check_properties, client_id};
use super::writer::Writer;
use crate::registry::Registry;

/// The group is looked after at least this often while nothing is there to read.
const SLICE: Duration = Duration::from_millis(20);

/// The event bus over Kafka, for one lane.
pub struct KafkaBroker {
    names: TopicNames,
    group_id: String,
    partitions: u32,
    member: Option<Member>,
    reader: Reader,
    writer: Writer,
    registry: Arc<Registry>,
}

impl KafkaBroker {
    /// Joins the group, and takes up the lane's transactional id. Waits for the broker up to 10 s.
    ///
    /// # Errors
    /// [`ErrorKind::Retry`] where the broker does not answer, [`ErrorKind::Fatal`] else.
    pub fn new(bus: &Bus, lane: usize, registry: Arc<Registry>) -> Result<Self, BrokerError> {
        check_properties(&bus.properties).map_err(|e| BrokerError {
            kind: ErrorKind::Fatal,
            doing: "reading the configuration",
            text: e.to_string(),
        })?;
        let id = bus.writer_id(lane);
        let config = bus.writer(lane, &id);
        let writer = Writer::new(id, config, bus.topics.clone(), bus.transaction_timeout())?;
        let reader = Reader::new(&bus.reader(lane), &bus.topics, bus.partitions)?;
        let member = Member::new(&bus.member(lane), bus.topics.input(InputTopic::Bills))?;
        let (names, group_id) = (bus.topics.clone(), bus.group_id.clone());
        Ok(Self { names, group_id, partitions: bus.partitions, member: Some(member), reader, writer, registry })
    }

    /// The cluster's id; `None` where the broker does not say.
    #[must_use]
    pub fn cluster_id(&self) -> Option<String> {
        self.reader.cluster_id()
    }

    fn member(&mut self) -> Result<&mut Member, BrokerError> {
        let left = || BrokerError {
            kind: ErrorKind::Fatal,
            doing: "asking the group",
            text: "the group was left already".to_owned(),
        };
        self.member.as_mut().ok_or_else(left)
    }
}

impl Broker for KafkaBroker {
    fn poll(&mut self, wait: Duration, into: &mut Vec<Polled>) -> Result<(), BrokerError> {
        let (began, before) = (Instant::now(), into.len());
        loop {
            self.writer.poll();
            if let Some(member) = &mut self.member {
                member.poll(into)?;
            }
            let left = wait.saturating_sub(began.elapsed());
            let slice = if into.len() > before { Duration::ZERO } else { left.min(SLICE) };
            self.reader.poll(slice, into)?;
            if into.len() > before || began.elapsed() >= wait {
                return Ok(());
            }
        }
    }

    fn accept(&mut self, shards: &[Partition]) -> Result<(), BrokerError> {
        self.member()?.accept(shards)
    }

    fn release(&mut self, shards: &[Partition]) -> Result<(), BrokerError> {
        self.reader.release(shards)?;
        self.member()?.release(shards)
    }

    fn committed(&mut self, shard: Partition) -> Result<Vec<(InputTopic, Option<i64>)>, BrokerError> {
        let names = self.names.clone();
        self.member()?.committed(&names, shard)
    }

    fn starts(&mut self, shard: Partition, start: Start) -> Result<Vec<(InputTopic, i64)>, BrokerError> {
        self.reader.starts(shard, start)
    }

    fn ends(&mut self, shard: Partition) -> Result<Vec<Ends>, BrokerError> {
        self.reader.ends(shard)
    }

    fn end_of(&mut self, source: Source, shard: Partition) -> Result<i64, BrokerError> {
        self.reader.end_of(source, shard)
    }

    fn restore(&mut self, shard: Partition, from: i64) -> Result<(), BrokerError> {
        self.reader.restore(shard, from)
    }

    fn candidates(&mut self, standby: usize) -> Result<Option<Vec<Partition>>, BrokerError> {
        let partitions = self.partitions;
        self.member()?.candidates(partitions, standby)
    }

    fn tail(&mut self, shard: Partition, from: i64) -> Result<(), BrokerError> {
        self.reader.tail(shard, from)
    }

    fn untail(&mut self, shard: Partition) -> Result<(), BrokerError> {
        self.reader.untail(shard)
    }

    fn recall(&mut self, shard: Partition, from: i64) -> Result<(), BrokerError> {
        self.reader.recall(shard, from)
    }

    fn output_ends(&mut self, shard: Partition) -> Result<Vec<(OutputTopic, i64)>, BrokerError> {
        self.reader.output_ends(shard)
    }

    fn trace(&mut self, shard: Partition, from: &[(OutputTopic, i64)]) -> Result<Vec<OutputTopic>, BrokerError> {
        self.reader.trace(shard, from)
    }

    fn read(&mut self, shard: Partition, from: &[(InputTopic, i64)]) -> Result<(), BrokerError> {
        self.reader.read(shard, from)
    }

    fn pause(&mut self, shard: Partition, topic: InputTopic) -> Result<(), BrokerError> {
        self.reader.pause(shard, topic)
    }

    fn resume(&mut self, shard: Partition, topic: InputTopic) -> Result<(), BrokerError> {
        self.reader.resume(shard, topic)
    }

    fn schema(&mut self, id: u32) -> SchemaAnswer {
        self.registry.schema(id)
    }

    fn writer(&self) -> &str {
        self.writer.id()
    }

    fn is_held(&mut self, shard: Partition) -> Result<bool, BrokerError> {
        self.reader.held(shard).map(|topics| !topics.is_empty())
    }

    fn end_hanging(&mut self, writer: &str, shard: Partition) -> Result<(), BrokerError> {
        let topics = self.reader.held(shard)?;
        if topics.is_empty() { Ok(()) } else { self.writer.end_hanging(writer, shard, &topics) }
    }

    fn fence(&mut self, writer: &str) -> Result<bool, BrokerError> {
        let lane = writer.strip_prefix(&format!("{}-", self.group_id));
        let lives = match lane {
            Some(lane) => self.member()?.knows(&client_id(lane))?,
            None => false,
        };
        if lives || writer == self.writer.id() {
            return Ok(false);
        }
        self.writer.fence(writer).map(|()| true)
    }

    fn begin(&mut self) -> Result<(), BrokerError> {
        self.writer.begin()
    }

    fn send(&mut self, record: &OutRecord<'_>) -> Result<(), BrokerError> {
        self.writer.send(record)
    }

    fn commit(&mut self, next: &[(InputTopic, Partition, i64)]) -> Result<(), BrokerError> {
        let mut list = TopicPartitionList::with_capacity(next.len());
        for (topic, shard, offset) in next {
            // Any offset of a log is understood.
            let _ = list.add_partition_offset(self.names.input(*topic), number(*shard), Offset::Offset(*offset));
        }
        // As of now: after a rebalance the one of before is refused.
        let group = if next.is_empty() { None } else { self.member()?.group() };
        if group.is_none() && !next.is_empty() {
            let text = "the group does not know this member".to_owned();
            return Err(BrokerError { kind: ErrorKind::Abort, doing: "committing", text });
        }
        self.writer.commit(&list, group.as_ref())
    }

    fn append_times(&self) -> Option<AppendTimes> {
        self.writer.append_times()
    }

    fn abort(&mut self) -> Result<(), BrokerError> {
        self.writer.abort()
    }

    fn renew(&mut self) -> Result<(), BrokerError> {
        self.writer.renew()
    }

    fn leave(&mut self) {
        if let Some(member) = self.member.take() {
            member.leave();
        }
    }
}
