//! Reading: partitions that we are told, at offsets that we are told. Each (topic, shard) has a [`Track`]; to begin
//! anew, to pause and to resume are all the same: take the partition out, put it in at an offset. librdkafka gives each
//! partition a version that goes up when it is taken out, and throws away what it fetched under an older one, so that
//! nothing of before comes after.

use std::time::{Duration, Instant};

use dunning_engine::{BrokerError, COMPARED, Ends, ErrorKind, Partition, Polled, Record, Source, Start};
use dunning_rules::Timestamp;
use dunning_wire::topic::{InputTopic, OutputTopic, TopicNames};
use rdkafka::types::RDKafkaErrorCode as Code;
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

use super::fault::Fault;
use super::member::number;
use super::raw::{Consumer, Message, Taken, Topic, TopicId};

/// All that is read: the inputs in their order, then state, decisions, and the outputs that are compared. Orders are left
/// out of those: others write there.
const SOURCES: usize = COMPARED_FROM + COMPARED.len();
const STATE: usize = InputTopic::ALL.len();
const DECISIONS: usize = STATE + 1;
const COMPARED_FROM: usize = STATE + 2;
/// At most so many records are taken at once.
const BATCH: usize = 2_000;
/// How long an answer of the broker may take.
const PATIENCE: Duration = Duration::from_secs(2);
/// A broker that is away is asked this often whether it is back, and has half of it to answer.
const KNOCK_EVERY: Duration = Duration::from_secs(1);

/// What ListOffsets understands.
const END: i64 = -1;
const BEGINNING: i64 = -2;

/// Where reading of one topic of one shard is.
#[derive(Clone, Copy, Debug)]
struct Track {
    /// The offset at which reading goes on.
    next: i64,
    /// True where the consumer has it.
    assigned: bool,
    /// The offset up to which a replay goes.
    until: i64,
}

pub(crate) struct Reader {
    // The topics' handles go before their client.
    topics: Vec<Topic>,
    names: Vec<String>,
    tracks: Vec<Vec<Track>>,
    consumer: Consumer,
    /// What went wrong while records were taken; said by the next poll.
    trouble: Option<BrokerError>,
    /// When a broker that is away was last asked.
    knocked: Option<Instant>,
}

impl Reader {
    pub(crate) fn new(config: &ClientConfig, names: &TopicNames, partitions: u32) -> Result<Self, BrokerError> {
        let fail = |e: rdkafka::error::KafkaError| BrokerError {
            kind: ErrorKind::Fatal,
            doing: "making the reader",
            text: e.to_string(),
        };
        let consumer = Consumer::new(config).map_err(fail)?;
        let mut list: Vec<String> = InputTopic::ALL.iter().map(|t| names.input(*t).to_owned()).collect();
        list.push(names.output(OutputTopic::State).to_owned());
        list.push(names.output(OutputTopic::Decisions).to_owned());
        list.extend(COMPARED.map(|t| names.output(t).to_owned()));
        let topics = list.iter().map(|n| consumer.topic(n)).collect::<Result<_, _>>();
        let topics = topics.map_err(|f| f.with(ErrorKind::Fatal, "making the reader"))?;
        let track = Track { next: 0, assigned: false, until: i64::MAX };
        let tracks = vec![vec![track; partitions as usize]; SOURCES];
        Ok(Self { topics, names: list, tracks, consumer, trouble: None, knocked: None })
    }

    /// The cluster's id.
    pub(crate) fn cluster_id(&self) -> Option<String> {
        self.consumer.cluster_id(PATIENCE)
    }

    /// Takes what is there. `wait` is for the first record.
    pub(crate) fn poll(&mut self, wait: Duration, into: &mut Vec<Polled>) -> Result<(), BrokerError> {
        if let Some(error) = self.trouble.take() {
            return Err(error);
        }
        let mut finished = Vec::new();
        let Self { topics, names, tracks, consumer, trouble, .. } = self;
        let mut pass = Pass { topics, names, tracks, into, finished: &mut finished, trouble, last: (0, 0) };
        consumer.take(wait, BATCH, |taken| pass.one(taken));
        if let Some(fault) = consumer.fatal() {
            return Err(fault.with(ErrorKind::Fatal, "reading"));
        }
        self.stop(&finished)?;
        self.knock()
    }

    /// A broker that is away is no error to whoever has nothing to ask; an operator wants to see it nevertheless.
    fn knock(&mut self) -> Result<(), BrokerError> {
        if !self.consumer.is_away() {
            return Ok(());
        }
        if self.knocked.is_none_or(|at| at.elapsed() >= KNOCK_EVERY) {
            self.consumer.knock(&self.names[STATE], KNOCK_EVERY / 2);
            self.knocked = Some(Instant::now());
        }
        if !self.consumer.is_away() {
            return Ok(());
        }
        let text = "no broker can be reached".to_owned();
        Err(BrokerError { kind: ErrorKind::Retry, doing: "reading", text })
    }

    /// Where a topic ends in a shard, open transactions included.
    pub(crate) fn end_of(&self, source: Source, shard: Partition) -> Result<i64, BrokerError> {
        let i = match source {
            Source::Input(topic) => topic as usize,
            Source::State => STATE,
            Source::Decisions => DECISIONS,
            Source::Output(topic) => compared(topic)?,
        };
        self.one_offset(i, shard, END, false, "asking for the end of a topic")
    }

    /// Replays the state topic up to its present end. The shard's inputs stop until [`Reader::read`].
    pub(crate) fn restore(&mut self, shard: Partition, from: i64) -> Result<(), BrokerError> {
        const DOING: &str = "restoring a shard";
        self.stop(&inputs(shard))?;
        let begin = self.one_offset(STATE, shard, BEGINNING, false, DOING)?;
        let end = self.one_offset(STATE, shard, END, false, DOING)?;
        if from > end || (from < begin && from != 0) {
            let text = format!("the state topic has offsets {begin} to {end}; {from} is not among them");
            return Err(BrokerError { kind: ErrorKind::Abort, doing: DOING, text });
        }
        self.start(&[(STATE, shard, from.max(begin), end)], DOING)
    }

    /// Follows the state topic.
    pub(crate) fn tail(&mut self, shard: Partition, from: i64) -> Result<(), BrokerError> {
        const DOING: &str = "following a shard";
        let begin = self.one_offset(STATE, shard, BEGINNING, false, DOING)?;
        let end = self.one_offset(STATE, shard, END, false, DOING)?;
        if from > end || (from < begin && from != 0) {
            let text = format!("the state topic has offsets {begin} to {end}; {from} is not among them");
            return Err(BrokerError { kind: ErrorKind::Abort, doing: DOING, text });
        }
        self.start(&[(STATE, shard, from.max(begin), i64::MAX)], DOING)
    }

    pub(crate) fn untail(&mut self, shard: Partition) -> Result<(), BrokerError> {
        self.stop(&[(STATE, shard)])
    }

    /// The outputs of a shard on which a transaction is open.
    pub(crate) fn held(&self, shard: Partition) -> Result<Vec<OutputTopic>, BrokerError> {
        const DOING: &str = "looking for open transactions";
        let outputs: Vec<_> = (STATE..SOURCES).map(|i| (i, shard)).collect();
        // A transaction that begins in between is none of a dead writer's.
        let stable = self.offsets(&outputs, END, true, DOING)?;
        let ends = self.offsets(&outputs, END, false, DOING)?;
        let open = outputs.iter().zip(stable).zip(ends).filter(|((_, stable), end)| stable != end);
        Ok(open.map(|(((i, _), _), _)| output(*i)).collect())
    }

    /// Reads decisions up to their present end.
    pub(crate) fn recall(&mut self, shard: Partition, from: i64) -> Result<(), BrokerError> {
        const DOING: &str = "reading decisions back";
        let begin = self.one_offset(DECISIONS, shard, BEGINNING, true, DOING)?;
        let end = self.one_offset(DECISIONS, shard, END, true, DOING)?;
        self.start(&[(DECISIONS, shard, from.clamp(begin, end.max(begin)), end)], DOING)
    }

    /// Where the outputs that are compared end, open transactions included.
    pub(crate) fn output_ends(&self, shard: Partition) -> Result<Vec<(OutputTopic, i64)>, BrokerError> {
        let outputs: Vec<_> = (COMPARED_FROM..SOURCES).map(|i| (i, shard)).collect();
        let ends = self.offsets(&outputs, END, false, "asking for the ends of outputs")?;
        Ok(COMPARED.into_iter().zip(ends).collect())
    }

    /// Reads outputs up to their present ends; those that have something behind their offsets.
    pub(crate) fn trace(
        &mut self,
        shard: Partition,
        from: &[(OutputTopic, i64)],
    ) -> Result<Vec<OutputTopic>, BrokerError> {
        const DOING: &str = "comparing outputs";
        let which: Vec<_> = from.iter().map(|(t, _)| Ok((compared(*t)?, shard))).collect::<Result<_, _>>()?;
        let begins = self.offsets(&which, BEGINNING, false, DOING)?;
        let ends = self.offsets(&which, END, false, DOING)?;
        let (mut starts, mut topics) = (Vec::new(), Vec::new());
        for (((topic, next), (i, _)), (begin, end)) in from.iter().zip(&which).zip(begins.into_iter().zip(ends)) {
            let next = (*next).max(begin);
            if next < end {
                starts.push((*i, shard, next, end));
                topics.push(*topic);
            }
        }
        self.start(&starts, DOING)?;
        Ok(topics)
    }

    /// Reads the inputs of a shard from these offsets, anew where it read them already.
    pub(crate) fn read(&mut self, shard: Partition, from: &[(InputTopic, i64)]) -> Result<(), BrokerError> {
        let starts: Vec<_> = from.iter().map(|(t, o)| (*t as usize, shard, *o, i64::MAX)).collect();
        self.start(&starts, "beginning to read")
    }

    pub(crate) fn pause(&mut self, shard: Partition, topic: InputTopic) -> Result<(), BrokerError> {
        self.stop(&[(topic as usize, shard)])
    }

    pub(crate) fn resume(&mut self, shard: Partition, topic: InputTopic) -> Result<(), BrokerError> {
        match self.track(topic as usize, shard) {
            Some(track) if !track.assigned => {
                let next = track.next;
                self.start(&[(topic as usize, shard, next, i64::MAX)], "going on to read")
            }
            _ => Ok(()),
        }
    }

    /// Stops everything of these shards.
    pub(crate) fn release(&mut self, shards: &[Partition]) -> Result<(), BrokerError> {
        let all: Vec<_> = shards.iter().flat_map(|s| (0..SOURCES).map(|i| (i, *s))).collect();
        self.stop(&all)
    }

    /// The offsets at which reading begins where nothing is known.
    pub(crate) fn starts(&self, shard: Partition, start: Start) -> Result<Vec<(InputTopic, i64)>, BrokerError> {
        const DOING: &str = "asking where to begin";
        let asked = match start {
            Start::Earliest => BEGINNING,
            // Below 0 stand the special ones, and nothing was sent before 1970.
            Start::At(at) => at.millis().max(0),
        };
        let mut found = self.offsets(&inputs(shard), asked, false, DOING)?;
        if found.contains(&-1) {
            let ends = self.offsets(&inputs(shard), END, false, DOING)?;
            for (offset, end) in found.iter_mut().zip(ends) {
                *offset = if *offset < 0 { end } else { *offset };
            }
        }
        Ok(InputTopic::ALL.into_iter().zip(found).collect())
    }

    /// Where the inputs of a shard end now.
    pub(crate) fn ends(&self, shard: Partition) -> Result<Vec<Ends>, BrokerError> {
        const DOING: &str = "asking for the ends of topics";
        let uncommitted = self.offsets(&inputs(shard), END, false, DOING)?;
        let stable = self.offsets(&inputs(shard), END, true, DOING)?;
        let ends = InputTopic::ALL.into_iter().zip(uncommitted.into_iter().zip(stable));
        Ok(ends.map(|(topic, (uncommitted, stable))| Ends { topic, uncommitted, stable }).collect())
    }

    fn one_offset(&self, i: usize, shard: Partition, ask: i64, ok: bool, d: &'static str) -> Result<i64, BrokerError> {
        Ok(self.offsets(&[(i, shard)], ask, ok, d)?[0])
    }

    /// Asks for an offset of each, in one request to each leader; the answers stand in the order of `of`.
    fn offsets(
        &self,
        of: &[(usize, Partition)],
        ask: i64,
        committed: bool,
        doing: &'static str,
    ) -> Result<Vec<i64>, BrokerError> {
        let list = self.list(of.iter().map(|(i, shard)| (*i, *shard, ask)));
        let found = self.consumer.list_offsets(&list, committed, PATIENCE).map_err(|fault| {
            if fault.is_of_leadership() {
                // librdkafka would go on with what it has remembered, for minutes.
                let mut names: Vec<&str> = of.iter().map(|(i, _)| self.names[*i].as_str()).collect();
                names.dedup();
                names.into_iter().for_each(|name| self.consumer.refresh(name, PATIENCE / 4));
            }
            fault.reading(doing)
        })?;
        of.iter()
            .map(|(i, shard)| {
                let same = |f: &&(String, i32, i64)| f.0 == self.names[*i] && f.1 == number(*shard);
                let text = || format!("`{}` is missing in the broker's answer", self.names[*i]);
                let missing = || BrokerError { kind: ErrorKind::Retry, doing, text: text() };
                found.iter().find(same).map(|f| f.2).ok_or_else(missing)
            })
            .collect()
    }

    /// Begins to read each (source, shard) at an offset, up to another.
    fn start(&mut self, these: &[(usize, Partition, i64, i64)], doing: &'static str) -> Result<(), BrokerError> {
        let which: Vec<_> = these.iter().map(|(i, shard, ..)| (*i, *shard)).collect();
        self.stop(&which)?;
        let list = self.list(these.iter().map(|(i, shard, from, _)| (*i, *shard, *from)));
        self.consumer.assign(&list).map_err(|f| f.reading(doing))?;
        for (i, shard, next, until) in these {
            if let Some(track) = self.track(*i, *shard) {
                *track = Track { next: *next, assigned: true, until: *until };
            }
        }
        Ok(())
    }

    fn stop(&mut self, these: &[(usize, Partition)]) -> Result<(), BrokerError> {
        let mut list = TopicPartitionList::with_capacity(these.len());
        for (i, shard) in these {
            if self.track(*i, *shard).is_some_and(|t| std::mem::take(&mut t.assigned)) {
                list.add_partition(&self.names[*i], number(*shard));
            }
        }
        if list.count() == 0 {
            return Ok(());
        }
        self.consumer.unassign(&list).map_err(|f| f.reading("stopping to read"))
    }

    fn list(&self, parts: impl Iterator<Item = (usize, Partition, i64)>) -> TopicPartitionList {
        let mut list = TopicPartitionList::new();
        for (i, shard, offset) in parts {
            // Any number is understood, -1 and -2 among them.
            let _ = list.add_partition_offset(&self.names[i], number(shard), Offset::from_raw(offset));
        }
        list
    }

    fn track(&mut self, i: usize, shard: Partition) -> Option<&mut Track> {
        self.tracks[i].get_mut(shard as usize)
    }
}

fn inputs(shard: Partition) -> [(usize, Partition); InputTopic::ALL.len()] {
    InputTopic::ALL.map(|t| (t as usize, shard))
}

fn source(i: usize) -> Source {
    match (InputTopic::from_index(i), i.checked_sub(COMPARED_FROM).and_then(|i| COMPARED.get(i))) {
        (Some(topic), _) => Source::Input(topic),
        (None, Some(topic)) => Source::Output(*topic),
        (None, None) if i == STATE => Source::State,
        (None, None) => Source::Decisions,
    }
}

/// The topic of a source that is none of the inputs.
fn output(i: usize) -> OutputTopic {
    match source(i) {
        Source::Output(topic) => topic,
        Source::Decisions => OutputTopic::Decisions,
        Source::State | Source::Input(_) => OutputTopic::State,
    }
}

fn compared(topic: OutputTopic) -> Result<usize, BrokerError> {
    let i = COMPARED.into_iter().position(|t| t == topic);
    i.map(|i| COMPARED_FROM + i).ok_or_else(|| BrokerError {
        kind: ErrorKind::Fatal,
        doing: "reading an output",
        text: format!("`{}` is not one that is compared", topic.contract_name()),
    })
}

/// One batch on its way to the lane.
struct Pass<'a> {
    topics: &'a [Topic],
    names: &'a [String],
    tracks: &'a mut [Vec<Track>],
    into: &'a mut Vec<Polled>,
    /// Replays that are at their end.
    finished: &'a mut Vec<(usize, Partition)>,
    trouble: &'a mut Option<BrokerError>,
    /// The last topic found: records of one come in runs.
    last: (TopicId, usize),
}

impl Pass<'_> {
    fn one(&mut self, taken: Taken<'_>) {
        match taken {
            Taken::Message(message) => self.record(&message),
            Taken::End { topic, partition, offset } => self.end(topic, partition, offset),
            Taken::Fault { topic, partition, fault } => self.fault(topic, partition, fault),
        }
    }

    fn find(&mut self, topic: TopicId) -> Option<usize> {
        if self.last.0 != topic {
            self.last = (topic, self.topics.iter().position(|t| t.id() == topic)?);
        }
        Some(self.last.1)
    }

    /// The track of a partition that is read now.
    fn track(&mut self, topic: TopicId, partition: i32) -> Option<(usize, Partition, &mut Track)> {
        let i = self.find(topic)?;
        let shard = Partition::try_from(partition).ok()?;
        let track = self.tracks[i].get_mut(shard as usize)?;
        track.assigned.then_some((i, shard, track))
    }

    fn record(&mut self, message: &Message<'_>) {
        let offset = message.offset();
        let Some((i, shard, track)) = self.track(message.topic(), message.partition()) else { return };
        if offset < track.next {
            let text =
                format!("offset {offset} of `{}` came after {}", self.names[i], self.tracks[i][shard as usize].next);
            self.say(BrokerError { kind: ErrorKind::Fatal, doing: "reading in order", text });
            return;
        }
        track.next = offset + 1;
        let timestamp = Timestamp::from_millis(message.timestamp());
        let mut record = Record::new(source(i), shard, offset, timestamp, message.key(), message.value());
        record.headers = message.headers().map(Box::new);
        self.into.push(Polled::Record(record));
    }

    fn end(&mut self, topic: TopicId, partition: i32, offset: i64) {
        let Some((i, shard, track)) = self.track(topic, partition) else { return };
        track.next = track.next.max(offset);
        let (next, until) = (track.next, track.until);
        match source(i) {
            Source::Input(_) => self.into.push(Polled::End { source: source(i), partition: shard, offset: next }),
            Source::State if until == i64::MAX => {
                self.into.push(Polled::End { source: Source::State, partition: shard, offset: next });
            }
            // Behind an open transaction: its writer ends it, or the broker does when its time is over.
            _ if next < until => tracing::info!(shard, next, until, "a replay waits for an open transaction"),
            Source::State => {
                self.finished.push((i, shard));
                self.into.push(Polled::Restored { partition: shard, next });
            }
            source @ (Source::Decisions | Source::Output(_)) => {
                self.finished.push((i, shard));
                self.into.push(Polled::End { source, partition: shard, offset: next });
            }
        }
    }

    fn fault(&mut self, topic: Option<TopicId>, partition: i32, fault: Fault) {
        if matches!(fault.code, Code::AutoOffsetReset | Code::OffsetOutOfRange)
            && let Some((STATE, shard, track)) = topic.and_then(|t| self.track(t, partition))
            && track.until == i64::MAX
        {
            self.finished.push((STATE, shard));
            self.into.push(Polled::TailLost { partition: shard, text: fault.text });
            return;
        }
        let name = topic.and_then(|t| self.find(t)).map_or("?", |i| self.names[i].as_str());
        let (kind, text) = match fault.code {
            Code::AutoOffsetReset | Code::OffsetOutOfRange => (
                ErrorKind::Fatal,
                format!("records of `{name}`, partition {partition}, are gone before they were read: {}", fault.text),
            ),
            Code::BadMessage | Code::InvalidMessage | Code::BadCompression => {
                (ErrorKind::Fatal, format!("`{name}`, partition {partition}, is damaged on the broker: {}", fault.text))
            }
            Code::TopicAuthorizationFailed => (ErrorKind::Fatal, format!("`{name}` cannot be read: {}", fault.text)),
            _ => (ErrorKind::Retry, format!("`{name}`: {}", fault.text)),
        };
        self.say(BrokerError { kind, doing: "reading", text });
    }

    /// Keeps the gravest.
    fn say(&mut self, error: BrokerError) {
        if self.trouble.as_ref().is_none_or(|t| t.kind < error.kind) {
            *self.trouble = Some(error);
        }
    }
}
