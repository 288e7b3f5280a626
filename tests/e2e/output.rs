//! What the program wrote, as a reader of committed records finds it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use dunning_wire::command::{self, CommandView};
use dunning_wire::decision::{self, DecisionRecord};
use dunning_wire::topic::{InputTopic, OutputTopic};
use dunning_wire::{canonical, deadletter, frame};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Headers, Message, OwnedMessage};
use rdkafka::{Offset, TopicPartitionList};

use crate::world::World;

pub const COMMANDS: [OutputTopic; 5] = OutputTopic::COMMANDS;

/// A command and where it stands.
#[derive(Clone, Debug)]
pub struct Written {
    pub topic: OutputTopic,
    pub partition: u32,
    pub offset: i64,
    pub key: Vec<u8>,
    pub timestamp: i64,
    pub view: CommandView,
}

/// A dead letter.
#[derive(Clone, Debug)]
pub struct DeadLetter {
    pub marks: deadletter::Marks,
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
    pub headers: Vec<deadletter::Header>,
}

impl World {
    fn reader(&self) -> BaseConsumer {
        let mut config = self.client();
        config.set("group.id", format!("{}-reader", self.group)).set("enable.auto.commit", "false");
        config.set("isolation.level", "read_committed").set("enable.partition.eof", "true");
        config.create().expect("a consumer")
    }

    /// A reader of all partitions of topics, from their beginnings, and how many they are.
    pub fn reader_of(&self, topics: &[&str]) -> (BaseConsumer, usize) {
        let consumer = self.reader();
        let mut list = TopicPartitionList::new();
        for topic in topics {
            for partition in 0..self.partitions.cast_signed() {
                list.add_partition_offset(topic, partition, Offset::Beginning).expect("an offset");
            }
        }
        consumer.assign(&list).expect("assign");
        (consumer, list.count())
    }

    /// All committed records of topics, each partition in order.
    pub fn read(&self, topics: &[&str]) -> Vec<OwnedMessage> {
        let mut all = Vec::new();
        self.each(topics, |message| all.push(message.detach()));
        all
    }

    /// Looks at all committed records of topics, each partition in order.
    pub fn each(&self, topics: &[&str], mut look: impl FnMut(&BorrowedMessage<'_>)) {
        let (consumer, mut open) = self.reader_of(topics);
        let mut last = Instant::now();
        while open > 0 {
            assert!(last.elapsed() < Duration::from_secs(60), "no end of {topics:?}");
            match consumer.poll(Duration::from_millis(100)) {
                Some(Ok(message)) => {
                    look(&message);
                    last = Instant::now();
                }
                Some(Err(KafkaError::PartitionEOF(_))) => open -= 1,
                // The broker may be away for a moment; the deadline ends what does not pass.
                Some(Err(_)) | None => {}
            }
        }
    }

    pub fn written(&self, m: &impl Message) -> Written {
        let topic = self.topics.find_output(m.topic()).expect("a topic of ours");
        let (_, datum) = frame::split(m.payload().expect("a value")).expect("a frame");
        Written {
            topic,
            partition: m.partition().cast_unsigned(),
            offset: m.offset(),
            key: m.key().expect("a key").to_vec(),
            timestamp: m.timestamp().to_millis().expect("a timestamp"),
            view: command::decode(topic, datum).expect("a command"),
        }
    }

    /// All commands.
    pub fn commands(&self) -> Vec<Written> {
        let names = COMMANDS.map(|t| self.topics.output(t));
        self.read(&names).iter().map(|m| self.written(m)).collect()
    }

    /// Follows a topic of commands from its beginning until one fits; gives it as soon as it can be read.
    pub fn follow(&self, topic: OutputTopic, seconds: u64, mut fits: impl FnMut(&Written) -> bool) -> Written {
        let (consumer, _) = self.reader_of(&[self.topics.output(topic)]);
        let (began, mut seen) = (Instant::now(), Vec::new());
        loop {
            if let Some(Ok(message)) = consumer.poll(Duration::from_millis(20)) {
                let written = self.written(&message);
                if fits(&written) {
                    return written;
                }
                seen.push(written);
            }
            assert!(began.elapsed() < Duration::from_secs(seconds), "no such command in {seconds} s; seen: {seen:?}");
        }
    }

    pub fn decisions(&self) -> Vec<DecisionRecord> {
        let decoded = |m: OwnedMessage| {
            let (_, datum) = frame::split(m.payload().expect("a value")).expect("a frame");
            decision::decode(datum).expect("a decision")
        };
        self.read(&[self.topics.output(OutputTopic::Decisions)]).into_iter().map(decoded).collect()
    }

    pub fn dead_letters(&self) -> Vec<DeadLetter> {
        let letter = |m: OwnedMessage| {
            let headers = headers(&m);
            let Some(marks) = deadletter::read(&headers) else {
                // What lies beside a letter that was put back.
                assert!(deadletter::replayed(&headers).is_some() && m.payload().is_none(), "{headers:?}");
                return None;
            };
            Some(DeadLetter {
                marks,
                key: m.key().map(<[u8]>::to_vec),
                value: m.payload().map(<[u8]>::to_vec),
                headers,
            })
        };
        self.read(&[self.topics.output(OutputTopic::DeadLetters)]).into_iter().filter_map(letter).collect()
    }

    /// What is left to read, over all inputs, as the group's committed offsets say.
    pub fn left(&self) -> i64 {
        self.left_by_partition().values().sum()
    }

    /// As [`World::left`], by partition.
    pub fn left_by_partition(&self) -> BTreeMap<i32, i64> {
        let mut config = self.client();
        config.set("group.id", &self.group).set("enable.auto.commit", "false");
        let consumer: BaseConsumer = config.create().expect("a consumer");
        let mut list = TopicPartitionList::new();
        for topic in InputTopic::ALL {
            for partition in 0..self.partitions.cast_signed() {
                list.add_partition(self.topics.input(topic), partition);
            }
        }
        let patience = Duration::from_secs(20);
        let committed = consumer.committed_offsets(list, patience).expect("offsets");
        let left = |e: &rdkafka::topic_partition_list::TopicPartitionListElem<'_>| {
            let (_, end) = consumer.fetch_watermarks(e.topic(), e.partition(), patience).expect("ends");
            match e.offset() {
                Offset::Offset(next) => end - next,
                // Nothing was committed: even an empty partition is not done.
                _ => end.max(1),
            }
        };
        let mut all = BTreeMap::new();
        for element in committed.elements() {
            *all.entry(element.partition()).or_default() += left(&element);
        }
        all
    }
}

/// The headers of a record.
pub fn headers(message: &OwnedMessage) -> Vec<deadletter::Header> {
    let headers = message.headers().into_iter().flat_map(|h| h.iter());
    headers.map(|h| (h.key.to_owned(), h.value.map(<[u8]>::to_vec))).collect()
}

/// The canonical dump.
pub fn dump(commands: &[Written]) -> String {
    canonical::dump(commands.iter().map(|w| (w.topic, &w.view)))
}

/// No id twice; every command under its account's key, in its partition, at its instant.
pub fn assert_in_place(commands: &[Written], partitions: u32) {
    let (mut ids, mut last) = (BTreeMap::new(), BTreeMap::new());
    for w in commands {
        let before = last.insert((w.topic, w.partition), w.offset);
        assert!(before.is_none_or(|b| b < w.offset), "out of order: {before:?} and then {w:?}");
        let before = ids.insert(&w.view.command_id, w);
        assert!(before.is_none(), "twice: {before:?} and {w:?}");
        assert_eq!(w.key, w.view.account_id.as_bytes());
        assert_eq!(w.partition, dunning_sim::murmur2::partition(&w.key, partitions), "{}", w.view.account_id);
        assert_eq!(w.timestamp, w.view.decided_at.millis());
    }
}
