//! What was read and not taken yet, by topic, and the merge over it.

use std::collections::VecDeque;

use dunning_rules::Timestamp;
use dunning_wire::topic::InputTopic;

use crate::{Ends, Record, Source};

const TOPICS: usize = InputTopic::ALL.len();

/// One topic of a shard.
#[derive(Debug, Default)]
struct Lineup {
    records: VecDeque<Record>,
    /// The offset of the next record to be taken.
    next: i64,
    /// The end was reached and nothing has come since.
    at_end: bool,
    /// The offset of that end: markers that follow the last record are counted.
    end: i64,
    paused: bool,
}

/// The records of a shard that wait, by topic.
#[derive(Debug, Default)]
pub struct Queues {
    topics: [Lineup; TOPICS],
}

impl Queues {
    /// Begins to read at these offsets: whatever waited is forgotten.
    pub fn begin(&mut self, from: &[(InputTopic, i64)]) {
        *self = Self::default();
        for (topic, next) in from {
            self.topics[*topic as usize].next = *next;
        }
    }

    /// A record has come. One from before the place where reading began is dropped: it is a leftover of an earlier
    /// reading.
    pub fn push(&mut self, topic: InputTopic, record: Record) {
        let lineup = &mut self.topics[topic as usize];
        let expected = lineup.records.back().map_or(lineup.next, |last| last.offset + 1);
        if record.offset >= expected {
            // The markers behind the last record were passed: the place in the topic does not go back before them.
            if std::mem::take(&mut lineup.at_end) && lineup.records.is_empty() {
                lineup.next = lineup.next.max(lineup.end);
            }
            lineup.records.push_back(record);
        }
    }

    /// The end of a topic was reached.
    pub fn end(&mut self, topic: InputTopic, offset: i64) {
        let lineup = &mut self.topics[topic as usize];
        let expected = lineup.records.back().map_or(lineup.next, |last| last.offset + 1);
        if offset >= expected {
            lineup.at_end = true;
            lineup.end = offset;
        }
    }

    /// How many records wait in a topic.
    pub fn len(&self, topic: InputTopic) -> usize {
        self.topics[topic as usize].records.len()
    }

    /// True where nothing waits in any topic.
    pub fn is_empty(&self) -> bool {
        self.topics.iter().all(|l| l.records.is_empty())
    }

    /// True where reading of the topic is paused.
    pub fn is_paused(&self, topic: InputTopic) -> bool {
        self.topics[topic as usize].paused
    }

    /// Remembers that reading of the topic is paused, or not.
    pub fn set_paused(&mut self, topic: InputTopic, paused: bool) {
        self.topics[topic as usize].paused = paused;
    }

    /// True where the topic was read to its end.
    pub fn is_at_end(&self, topic: InputTopic) -> bool {
        let lineup = &self.topics[topic as usize];
        lineup.at_end && lineup.records.is_empty()
    }

    /// The topic whose record is to be taken next, by timestamp, then by the order of the topics.
    ///
    /// With `wait_for_all` there is an answer only once every topic asked for has a record or was read to its end. With
    /// `first`, that topic is read to its end before any other.
    pub fn choose(
        &self,
        of: impl Fn(InputTopic) -> bool,
        wait_for_all: bool,
        first: Option<InputTopic>,
    ) -> Option<(InputTopic, Timestamp)> {
        if let Some(topic) = first.filter(|t| !self.is_at_end(*t)) {
            return self.topics[topic as usize].records.front().map(|r| (topic, r.timestamp));
        }
        let mut best: Option<(InputTopic, Timestamp)> = None;
        for topic in InputTopic::ALL.into_iter().filter(|t| of(*t)) {
            let lineup = &self.topics[topic as usize];
            match lineup.records.front() {
                Some(record) if best.is_none_or(|(_, at)| record.timestamp < at) => {
                    best = Some((topic, record.timestamp))
                }
                Some(_) => {}
                None if wait_for_all && !lineup.at_end => return None,
                None => {}
            }
        }
        best
    }

    /// The record at the head of a topic.
    pub fn head(&self, topic: InputTopic) -> Option<&Record> {
        self.topics[topic as usize].records.front()
    }

    /// Takes the record at the head of a topic.
    pub fn take(&mut self, topic: InputTopic) -> Option<Record> {
        let lineup = &mut self.topics[topic as usize];
        let record = lineup.records.pop_front()?;
        lineup.next = record.offset + 1;
        Some(record)
    }

    /// The offset at which each topic goes on, after all that was taken. Where a topic was read to its end, markers
    /// behind its last record are counted.
    pub fn positions(&self) -> impl Iterator<Item = (InputTopic, i64)> {
        InputTopic::ALL.into_iter().map(|topic| {
            let lineup = &self.topics[topic as usize];
            let next = if self.is_at_end(topic) { lineup.next.max(lineup.end) } else { lineup.next };
            (topic, next)
        })
    }

    /// True where a topic was read to where it ended, open transactions included.
    pub fn has_reached(&self, end: &Ends) -> bool {
        self.positions().any(|(topic, next)| topic == end.topic && next >= end.uncommitted)
    }

    /// The timestamp of the oldest record that waits.
    pub fn oldest(&self) -> Option<Timestamp> {
        self.topics.iter().filter_map(|l| l.records.front()).map(|r| r.timestamp).min()
    }
}

impl Source {
    /// The input topic, if it is one.
    #[must_use]
    pub const fn input(self) -> Option<InputTopic> {
        match self {
            Self::Input(topic) => Some(topic),
            Self::State | Self::Decisions | Self::Output(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(topic: InputTopic, offset: i64, at: i64) -> Record {
        Record::new(Source::Input(topic), 0, offset, Timestamp::from_millis(at), None, None)
    }

    fn all_at_end(queues: &mut Queues) {
        for topic in InputTopic::ALL {
            queues.end(topic, 0);
        }
    }

    #[test]
    fn the_earliest_head_comes_first_and_ties_go_by_topic() {
        let mut queues = Queues::default();
        all_at_end(&mut queues);
        queues.push(InputTopic::Usage, record(InputTopic::Usage, 0, 5));
        queues.push(InputTopic::Payments, record(InputTopic::Payments, 0, 5));
        queues.push(InputTopic::Bills, record(InputTopic::Bills, 0, 7));
        let mut order = Vec::new();
        while let Some((topic, _)) = queues.choose(|_| true, false, None) {
            queues.take(topic);
            order.push(topic);
        }
        assert_eq!(order, [InputTopic::Payments, InputTopic::Usage, InputTopic::Bills]);
    }

    #[test]
    fn the_merge_waits_for_a_topic_that_may_still_have_something_earlier() {
        let mut queues = Queues::default();
        all_at_end(&mut queues);
        queues.begin(&[]);
        queues.push(InputTopic::Bills, record(InputTopic::Bills, 0, 7));
        assert_eq!(queues.choose(|_| true, true, None), None);
        assert!(queues.choose(|_| true, false, None).is_some());
        for topic in InputTopic::ALL {
            if topic != InputTopic::Bills {
                queues.end(topic, 0);
            }
        }
        assert!(queues.choose(|_| true, true, None).is_some());
        assert_eq!(queues.choose(|_| true, true, Some(InputTopic::Bills)).map(|(t, _)| t), Some(InputTopic::Bills));
    }

    #[test]
    fn leftovers_of_an_earlier_reading_are_dropped_and_markers_count() {
        let mut queues = Queues::default();
        queues.begin(&[(InputTopic::Bills, 10)]);
        queues.push(InputTopic::Bills, record(InputTopic::Bills, 9, 1));
        queues.end(InputTopic::Bills, 9);
        assert!(queues.is_empty() && !queues.is_at_end(InputTopic::Bills));
        queues.push(InputTopic::Bills, record(InputTopic::Bills, 12, 1));
        queues.end(InputTopic::Bills, 14);
        assert_eq!(queues.positions().next(), Some((InputTopic::Bills, 10)));
        queues.take(InputTopic::Bills);
        assert_eq!(queues.positions().next(), Some((InputTopic::Bills, 14)));
        queues.push(InputTopic::Bills, record(InputTopic::Bills, 17, 1));
        assert_eq!(queues.positions().next(), Some((InputTopic::Bills, 14)), "not back before what was passed");
    }

    #[test]
    fn what_comes_twice_within_one_reading_waits_once() {
        let mut queues = Queues::default();
        for offset in [3, 3, 2] {
            queues.push(InputTopic::Bills, record(InputTopic::Bills, offset, 1));
        }
        assert_eq!(queues.len(InputTopic::Bills), 1);
        // An end that lies before what has come by now is one of an earlier reading.
        queues.end(InputTopic::Bills, 3);
        queues.take(InputTopic::Bills);
        assert!(!queues.is_at_end(InputTopic::Bills));
        queues.end(InputTopic::Bills, 4);
        assert!(queues.is_at_end(InputTopic::Bills));
    }

    #[test]
    fn the_oldest_that_waits_is_the_oldest_of_all_topics() {
        let mut queues = Queues::default();
        assert_eq!(queues.oldest(), None);
        queues.push(InputTopic::Bills, record(InputTopic::Bills, 0, 7));
        queues.push(InputTopic::Usage, record(InputTopic::Usage, 0, 5));
        assert_eq!(queues.oldest(), Some(Timestamp::from_millis(5)));
    }

    #[test]
    fn only_an_input_is_one() {
        assert_eq!(Source::Input(InputTopic::Bills).input(), Some(InputTopic::Bills));
        assert_eq!((Source::State.input(), Source::Decisions.input()), (None, None));
    }
}
