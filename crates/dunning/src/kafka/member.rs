//! The lane's place in the consumer group. It subscribes to the lead topic alone; a partition of it that the group
//! gives us is a shard, which stands for that partition of every topic.

use std::collections::BTreeSet;
use std::time::Duration;

use dunning_engine::{BrokerError, ErrorKind, Membership, Partition, Polled};
use dunning_wire::topic::{InputTopic, TopicNames};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

use super::fault::Fault;
use super::place::{self, Seat};
use super::raw::{self, Consumer, Group, Question, Rebalance, Taken};

/// What the coordinator waits for.
#[derive(Debug)]
enum Wait {
    Nothing,
    /// All of these are to be accepted; some are open.
    Take {
        all: Vec<Partition>,
        open: BTreeSet<Partition>,
    },
    /// All of these are to be released; some are open.
    Give {
        all: Vec<Partition>,
        open: BTreeSet<Partition>,
    },
}

pub(crate) struct Member {
    // It goes before its client.
    question: Option<Question>,
    consumer: Consumer,
    lead: String,
    group: String,
    wait: Wait,
}

const DESCRIBE: &str = "asking how the group stands";
/// How long an answer of the coordinator may take.
const PATIENCE: Duration = Duration::from_secs(5);

impl Member {
    /// Joins the group of the configuration.
    pub(crate) fn new(config: &ClientConfig, lead: &str) -> Result<Self, BrokerError> {
        let fail = |e: rdkafka::error::KafkaError| BrokerError {
            kind: ErrorKind::Fatal,
            doing: "making the group's consumer",
            text: e.to_string(),
        };
        let consumer = Consumer::new(config).map_err(fail)?;
        consumer.subscribe(lead).map_err(|f| f.reading("subscribing to the lead topic"))?;
        let group = config.get("group.id").unwrap_or_default().to_owned();
        Ok(Self { question: None, consumer, lead: lead.to_owned(), group, wait: Wait::Nothing })
    }

    /// Serves the group; says how shards change.
    pub(crate) fn poll(&mut self, into: &mut Vec<Polled>) -> Result<(), BrokerError> {
        self.consumer.take(Duration::ZERO, 16, |taken| {
            if let Taken::Fault { fault, .. } = taken {
                tracing::warn!(reason = %fault.text, "consumer group");
            }
        });
        if let Some(fault) = self.consumer.fatal() {
            return Err(fault.with(ErrorKind::Fatal, "staying in the group"));
        }
        // One after the other: the coordinator waits for each answer.
        while matches!(self.wait, Wait::Nothing) {
            let Some(rebalance) = self.consumer.rebalance() else { break };
            if let Some(membership) = self.open(rebalance)? {
                into.push(Polled::Membership(membership));
            }
        }
        Ok(())
    }

    /// Notes what the coordinator wants. What concerns no shard is answered at once.
    fn open(&mut self, rebalance: Rebalance) -> Result<Option<Membership>, BrokerError> {
        let (parts, make): (_, fn(Vec<Partition>) -> Membership) = match rebalance {
            Rebalance::Assign(parts) => (parts, Membership::Assigned),
            Rebalance::Revoke(parts) => (parts, Membership::Revoked),
            Rebalance::Lost(parts) => (parts, Membership::Lost),
        };
        let all: Vec<Partition> =
            parts.iter().filter(|(t, _)| *t == self.lead).filter_map(|(_, p)| Partition::try_from(*p).ok()).collect();
        let open: BTreeSet<Partition> = all.iter().copied().collect();
        let membership = make(all.clone());
        self.wait = match membership {
            Membership::Assigned(_) => Wait::Take { all, open },
            Membership::Revoked(_) | Membership::Lost(_) => Wait::Give { all, open },
        };
        self.answer()?;
        Ok(matches!(self.wait, Wait::Take { .. } | Wait::Give { .. }).then_some(membership))
    }

    /// Tells the coordinator, once nothing of what it wants is open.
    fn answer(&mut self) -> Result<(), BrokerError> {
        let (all, take) = match &self.wait {
            Wait::Take { all, open } if open.is_empty() => (all, true),
            Wait::Give { all, open } if open.is_empty() => (all, false),
            _ => return Ok(()),
        };
        let list = self.list(all);
        self.wait = Wait::Nothing;
        if take {
            self.consumer.assign(&list).map_err(|f| f.reading("accepting shards"))?;
            // The reader reads; the group's consumer only holds the place.
            self.consumer.pause(&list).map_err(|f| f.reading("accepting shards"))
        } else {
            self.consumer.unassign(&list).map_err(|f| f.reading("releasing shards"))
        }
    }

    fn list(&self, shards: &[Partition]) -> TopicPartitionList {
        let mut list = TopicPartitionList::with_capacity(shards.len());
        for shard in shards {
            // Offset::End is one that librdkafka knows.
            let _ = list.add_partition_offset(&self.lead, number(*shard), Offset::End);
        }
        list
    }

    /// Accepts shards of the assignment that is open; the group goes on with the last of them.
    pub(crate) fn accept(&mut self, shards: &[Partition]) -> Result<(), BrokerError> {
        if let Wait::Take { open, .. } = &mut self.wait {
            open.retain(|s| !shards.contains(s));
        }
        self.answer()
    }

    /// Releases shards of the revocation that is open; the group goes on with the last of them.
    pub(crate) fn release(&mut self, shards: &[Partition]) -> Result<(), BrokerError> {
        if let Wait::Give { open, .. } = &mut self.wait {
            open.retain(|s| !shards.contains(s));
        }
        self.answer()
    }

    /// The group's committed offsets of a shard.
    pub(crate) fn committed(
        &self,
        names: &TopicNames,
        shard: Partition,
    ) -> Result<Vec<(InputTopic, Option<i64>)>, BrokerError> {
        const DOING: &str = "asking for committed offsets";
        let mut list = TopicPartitionList::with_capacity(InputTopic::ALL.len());
        for topic in InputTopic::ALL {
            list.add_partition(names.input(topic), number(shard));
        }
        self.consumer.committed(&list, PATIENCE).map_err(|f| f.reading(DOING))?;
        InputTopic::ALL
            .into_iter()
            .map(|topic| {
                let fail = |text: String| BrokerError { kind: ErrorKind::Retry, doing: DOING, text };
                let found = list.find_partition(names.input(topic), number(shard));
                let found = found.ok_or_else(|| fail("a topic is missing in the answer".to_owned()))?;
                found.error().map_err(|e| fail(e.to_string()))?;
                Ok((
                    topic,
                    match found.offset() {
                        Offset::Offset(offset) => Some(offset),
                        _ => None,
                    },
                ))
            })
            .collect()
    }

    /// The shards of other processes that would come to this member. The coordinator is asked without waiting: what it
    /// said to the last question is the answer. `None` where it has not answered, or while shards move.
    pub(crate) fn candidates(
        &mut self,
        partitions: u32,
        standby: usize,
    ) -> Result<Option<Vec<Partition>>, BrokerError> {
        let answer = self.question.as_ref().map(|q| q.answer(Duration::ZERO));
        let Some(answer) = answer.unwrap_or(None) else {
            if self.question.is_none() {
                self.ask()?;
            }
            return Ok(None);
        };
        self.ask()?;
        let described = answer.map_err(|f| f.reading(DESCRIBE))?;
        let Some(own) = self.consumer.member_id().filter(|_| described.is_stable) else { return Ok(None) };
        let seats: Vec<Seat> = described.seats.into_iter().map(|seat| self.seat(seat)).collect();
        Ok(Some(place::candidates(&seats, partitions, &own, standby)))
    }

    fn seat(&self, seat: raw::Seat) -> Seat {
        let owned = seat.owned.iter().filter(|(topic, _)| *topic == self.lead);
        let owned = owned.filter_map(|(_, p)| Partition::try_from(*p).ok()).collect();
        Seat { process: place::process_of(&seat.client).to_owned(), id: seat.id, owned }
    }

    fn ask(&mut self) -> Result<(), BrokerError> {
        self.question = None;
        let question = self.consumer.ask_group(&self.group, PATIENCE).map_err(|f| f.reading(DESCRIBE))?;
        self.question = Some(question);
        Ok(())
    }

    /// True where a client of this name is in the group, or that cannot be told: a group of the newer protocol is not
    /// listed. Waits for the coordinator.
    pub(crate) fn knows(&self, client: &str) -> Result<bool, BrokerError> {
        let question = self.consumer.ask_group(&self.group, PATIENCE).map_err(|f| f.reading(DESCRIBE))?;
        let described = question.answer(PATIENCE).unwrap_or_else(|| Err(Fault::timed_out()));
        let seats = described.map_err(|f| f.reading(DESCRIBE))?.seats;
        Ok(seats.is_empty() || seats.iter().any(|s| s.client == client))
    }

    /// Who this member is, as of now.
    pub(crate) fn group(&self) -> Option<Group> {
        self.consumer.group()
    }

    /// Leaves the group.
    pub(crate) fn leave(mut self) {
        // An answer that is still open would keep the consumer from closing.
        match &mut self.wait {
            Wait::Take { open, .. } | Wait::Give { open, .. } => open.clear(),
            Wait::Nothing => {}
        }
        if let Err(error) = self.answer() {
            tracing::warn!(%error, "leaving the group");
        }
        self.consumer.close();
    }
}

/// As Kafka counts partitions.
pub(crate) fn number(partition: Partition) -> i32 {
    // Kafka counts them in 31 bits, so a larger one cannot have come from it.
    i32::try_from(partition).unwrap_or(i32::MAX)
}
