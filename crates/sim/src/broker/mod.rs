mod hooks;

use std::collections::BTreeMap;
use std::time::Duration;

use dunning_engine::planted::Planted;
use dunning_engine::{
    AppendTimes, Broker, BrokerError, COMPARED, Ends, ErrorKind, Membership, OutRecord, Partition, Polled, Record,
    SchemaAnswer, Source, Start,
};
use dunning_wire::topic::{InputTopic, OutputTopic};

pub use hooks::Call;
use hooks::Hooks;

use crate::bus::{Bus, Inner, Logged, Member, Offsets, Tear, Topic, Transaction, logged};

/// Records that one poll takes of one topic of one shard.
const PIECE: usize = 500;

/// One lane's place at the in-memory bus. Dropped without [`Broker::leave`] it is a lane that died: it keeps its shards
/// until [`SimBroker::expel`], and its open transaction until its transactional id is claimed.
#[derive(Debug)]
pub struct SimBroker {
    bus: Bus,
    writer: String,
    epoch: u64,
    member: Option<Member>,
    transaction: Option<Transaction>,
    /// The bus's time of the transaction's state records.
    appended: Option<AppendTimes>,
    shards: BTreeMap<Partition, Shard>,
    /// State topics of others' shards that are followed.
    tails: BTreeMap<Partition, Input>,
    /// News of the group do not reach it.
    deaf: bool,
    hooks: Hooks,
}

/// What is read of a shard.
#[derive(Debug, Default)]
struct Shard {
    restore: Option<Span>,
    recall: Option<Span>,
    traces: BTreeMap<OutputTopic, Span>,
    inputs: [Option<Input>; InputTopic::ALL.len()],
}

/// From the next offset to a fixed end.
#[derive(Debug)]
struct Span {
    next: i64,
    end: i64,
}

#[derive(Debug)]
struct Input {
    next: i64,
    is_paused: bool,
    /// The end that was said last.
    said: Option<i64>,
}

impl SimBroker {
    /// A lane's place under a transactional id, which it claims. It joins the group when it polls first.
    #[must_use]
    pub fn new(bus: &Bus, writer: &str) -> Self {
        let epoch = bus.lock().claim(writer);
        Self {
            bus: bus.clone(),
            writer: writer.to_owned(),
            epoch,
            member: None,
            transaction: None,
            appended: None,
            shards: BTreeMap::new(),
            tails: BTreeMap::new(),
            deaf: false,
            hooks: Hooks::default(),
        }
    }

    /// The group thinks this lane dead and gives its shards to others: a lane that hangs, or was killed.
    pub fn expel(&mut self) {
        if let Some(member) = self.member {
            self.bus.lock().group.expel(member);
        }
    }

    /// The coordinator gives up this lane's open transaction: it is aborted, and the lane fenced where it still holds its
    /// transactional id.
    pub fn time_out(&mut self) {
        let mut inner = self.bus.lock();
        if let Some(transaction) = self.transaction.take() {
            inner.end(transaction, false, Offsets::new());
        }
        if inner.check(&self.writer, self.epoch, "timing out").is_ok() {
            inner.claim(&self.writer);
        }
    }

    fn member(&mut self) -> Member {
        let mut inner = self.bus.lock();
        let member = self.member.unwrap_or_else(|| inner.group.join(&self.writer));
        self.member = Some(member);
        member
    }

    fn shard(&mut self, shard: Partition, doing: &'static str) -> Result<&mut Shard, BrokerError> {
        self.shards.get_mut(&shard).ok_or_else(|| error(ErrorKind::Fatal, doing, "the shard was not accepted"))
    }

    fn transaction(&self, doing: &'static str) -> Result<Transaction, BrokerError> {
        self.transaction.ok_or_else(|| error(ErrorKind::Fatal, doing, "no transaction is open"))
    }

    /// Ends the transaction, if this lane still holds its transactional id.
    fn end(&mut self, committed: bool, offsets: Offsets, doing: &'static str) -> Result<(), BrokerError> {
        let transaction = self.transaction(doing)?;
        let mut inner = self.bus.lock();
        inner.check(&self.writer, self.epoch, doing)?;
        inner.end(transaction, committed, offsets);
        self.transaction = None;
        Ok(())
    }
}

impl SimBroker {
    /// Ends the transaction in pieces; whoever asked does not learn how.
    fn end_torn(&mut self, offsets: Offsets, tear: &Tear, doing: &'static str) -> Result<(), BrokerError> {
        let transaction = self.transaction(doing)?;
        let mut inner = self.bus.lock();
        inner.check(&self.writer, self.epoch, doing)?;
        inner.tear(transaction, offsets, tear);
        self.transaction = None;
        Err(error(ErrorKind::Unknown, doing, "the transaction was torn"))
    }
}

impl Broker for SimBroker {
    fn poll(&mut self, wait: Duration, into: &mut Vec<Polled>) -> Result<(), BrokerError> {
        self.hooks.waited = Some(wait);
        into.append(&mut self.hooks.echoes);
        let member = self.member();
        let piece = self.hooks.piece.unwrap_or(PIECE);
        let mut inner = self.bus.lock();
        while !self.deaf
            && let Some(news) = inner.group.next(member)
        {
            let is_lost = matches!(news, Membership::Lost(_));
            into.push(Polled::Membership(news));
            if is_lost {
                self.member = None;
                return Ok(());
            }
        }
        for (number, shard) in &mut self.shards {
            shard.poll(&inner, *number, piece, into);
        }
        self.tails.retain(|number, tail| tail.follow(&inner, *number, into));
        Ok(())
    }

    fn accept(&mut self, shards: &[Partition]) -> Result<(), BrokerError> {
        self.shards.extend(shards.iter().map(|shard| (*shard, Shard::default())));
        Ok(())
    }

    fn release(&mut self, shards: &[Partition]) -> Result<(), BrokerError> {
        self.shards.retain(|shard, _| !shards.contains(shard));
        if let Some(member) = self.member {
            self.bus.lock().group.release(member, shards);
        }
        Ok(())
    }

    fn committed(&mut self, shard: Partition) -> Result<Vec<(InputTopic, Option<i64>)>, BrokerError> {
        self.hooks.meet(Call::Committed, "asking for committed offsets")?;
        let inner = self.bus.lock();
        if inner.coordinator_is_away {
            return Err(error(ErrorKind::Retry, "asking for committed offsets", "the coordinator is away"));
        }
        Ok(InputTopic::ALL.map(|topic| (topic, inner.group.offset(topic, shard))).to_vec())
    }

    fn starts(&mut self, shard: Partition, start: Start) -> Result<Vec<(InputTopic, i64)>, BrokerError> {
        let inner = self.bus.lock();
        let offset = |topic| {
            let log = inner.log(Topic::In(topic), shard);
            match start {
                Start::Earliest => log.start(),
                Start::At(at) => log.find(at),
            }
        };
        Ok(InputTopic::ALL.map(|topic| (topic, offset(topic))).to_vec())
    }

    fn ends(&mut self, shard: Partition) -> Result<Vec<Ends>, BrokerError> {
        self.hooks.meet(Call::Ends, "asking for ends")?;
        let inner = self.bus.lock();
        let ends = InputTopic::ALL.map(|topic| {
            let log = inner.log(Topic::In(topic), shard);
            Ends { topic, uncommitted: log.end(), stable: log.stable() }
        });
        Ok(ends.to_vec())
    }

    fn end_of(&mut self, source: Source, shard: Partition) -> Result<i64, BrokerError> {
        let topic = match source {
            Source::Input(topic) => Topic::In(topic),
            Source::State => Topic::Out(OutputTopic::State),
            Source::Decisions => Topic::Out(OutputTopic::Decisions),
            Source::Output(topic) => Topic::Out(topic),
        };
        let inner = self.bus.lock();
        let log = inner.log(topic, shard);
        let short = source == Source::State && Planted::RestoreToCommittedEnd.is_on();
        Ok(if short { log.stable() } else { log.end() })
    }

    fn restore(&mut self, shard: Partition, from: i64) -> Result<(), BrokerError> {
        const DOING: &str = "restoring a shard";
        self.hooks.meet(Call::Restore, DOING)?;
        let (start, end) = {
            let inner = self.bus.lock();
            let log = inner.log(Topic::Out(OutputTopic::State), shard);
            let end = if Planted::RestoreToCommittedEnd.is_on() { log.stable() } else { log.end() };
            (log.start(), end)
        };
        // From 0 means from the beginning, wherever it is by now.
        let next = if from == 0 { start } else { from };
        if !(start..=end).contains(&next) {
            return Err(error(ErrorKind::Abort, DOING, "the state topic does not have this offset; restore from 0"));
        }
        self.shard(shard, DOING)?.restore = Some(Span { next, end });
        self.tails.remove(&shard);
        Ok(())
    }

    fn candidates(&mut self, standby: usize) -> Result<Option<Vec<Partition>>, BrokerError> {
        let Some(member) = self.member else { return Ok(None) };
        Ok(self.bus.lock().group.candidates(member, standby))
    }

    fn tail(&mut self, shard: Partition, from: i64) -> Result<(), BrokerError> {
        let (start, end) = {
            let inner = self.bus.lock();
            let log = inner.log(Topic::Out(OutputTopic::State), shard);
            (log.start(), log.end())
        };
        let next = if from == 0 { start } else { from };
        if !(start..=end).contains(&next) {
            return Err(error(ErrorKind::Abort, "following a shard", "the state topic does not have this offset"));
        }
        self.tails.insert(shard, Input { next, is_paused: false, said: None });
        Ok(())
    }

    fn untail(&mut self, shard: Partition) -> Result<(), BrokerError> {
        self.tails.remove(&shard);
        Ok(())
    }

    fn recall(&mut self, shard: Partition, from: i64) -> Result<(), BrokerError> {
        let (start, end) = {
            let inner = self.bus.lock();
            let log = inner.log(Topic::Out(OutputTopic::Decisions), shard);
            (log.start(), log.end())
        };
        self.hooks.recalled = from;
        self.shard(shard, "reading decisions")?.recall = Some(Span { next: from.clamp(start, end), end });
        Ok(())
    }

    fn output_ends(&mut self, shard: Partition) -> Result<Vec<(OutputTopic, i64)>, BrokerError> {
        let inner = self.bus.lock();
        Ok(COMPARED.map(|topic| (topic, inner.log(Topic::Out(topic), shard).end())).to_vec())
    }

    fn trace(&mut self, shard: Partition, from: &[(OutputTopic, i64)]) -> Result<Vec<OutputTopic>, BrokerError> {
        let mut spans = BTreeMap::new();
        for (topic, next) in from {
            let inner = self.bus.lock();
            let log = inner.log(Topic::Out(*topic), shard);
            let span = Span { next: (*next).max(log.start()), end: log.end() };
            if span.next < span.end {
                self.hooks.compared += span.end - span.next;
                spans.insert(*topic, span);
            }
        }
        let topics = spans.keys().copied().collect();
        self.shard(shard, "comparing outputs")?.traces = spans;
        Ok(topics)
    }

    fn read(&mut self, shard: Partition, from: &[(InputTopic, i64)]) -> Result<(), BrokerError> {
        const DOING: &str = "reading a shard";
        for (topic, offset) in from {
            let (start, end) = {
                let inner = self.bus.lock();
                let log = inner.log(Topic::In(*topic), shard);
                (log.start(), log.end())
            };
            if !(start..=end).contains(offset) {
                let text = format!("offset {offset} of {} is not there", topic.contract_name());
                return Err(BrokerError { kind: ErrorKind::Fatal, doing: DOING, text });
            }
            let input = Input { next: *offset, is_paused: false, said: None };
            self.shard(shard, DOING)?.inputs[*topic as usize] = Some(input);
        }
        Ok(())
    }

    fn pause(&mut self, shard: Partition, topic: InputTopic) -> Result<(), BrokerError> {
        if let Some(input) = &mut self.shard(shard, "pausing a topic")?.inputs[topic as usize] {
            input.is_paused = true;
        }
        Ok(())
    }

    fn resume(&mut self, shard: Partition, topic: InputTopic) -> Result<(), BrokerError> {
        if let Some(input) = &mut self.shard(shard, "resuming a topic")?.inputs[topic as usize] {
            input.is_paused = false;
        }
        Ok(())
    }

    fn schema(&mut self, id: u32) -> SchemaAnswer {
        debug_assert!(self.transaction.is_none(), "a schema is asked for while a transaction is open");
        self.bus.lock().schema(id)
    }

    fn writer(&self) -> &str {
        &self.writer
    }

    fn is_held(&mut self, shard: Partition) -> Result<bool, BrokerError> {
        self.hooks.meet(Call::IsHeld, "looking for an open transaction")?;
        let inner = self.bus.lock();
        let held = |topic: OutputTopic| {
            let log = inner.log(Topic::Out(topic), shard);
            log.stable() < log.end()
        };
        Ok(OutputTopic::ALL.into_iter().filter(|t| *t != OutputTopic::Control).any(held))
    }

    fn end_hanging(&mut self, writer: &str, shard: Partition) -> Result<(), BrokerError> {
        let mut inner = self.bus.lock();
        if writer != self.writer {
            inner.claim(writer);
        }
        inner.end_hanging(writer, shard);
        Ok(())
    }

    fn fence(&mut self, writer: &str) -> Result<bool, BrokerError> {
        let mut inner = self.bus.lock();
        let lives = inner.group.knows(writer);
        if !lives {
            inner.claim(writer);
        }
        Ok(!lives)
    }

    fn begin(&mut self) -> Result<(), BrokerError> {
        const DOING: &str = "opening a transaction";
        if self.transaction.is_some() {
            return Err(error(ErrorKind::Fatal, DOING, "one is open already"));
        }
        let mut inner = self.bus.lock();
        inner.check(&self.writer, self.epoch, DOING)?;
        self.transaction = Some(inner.begin(Some(&self.writer)));
        self.appended = None;
        Ok(())
    }

    fn send(&mut self, record: &OutRecord<'_>) -> Result<(), BrokerError> {
        const DOING: &str = "writing a record";
        let transaction = self.transaction(DOING)?;
        let mut inner = self.bus.lock();
        inner.check(&self.writer, self.epoch, DOING)?;
        if record.partition >= inner.partitions() {
            return Err(error(ErrorKind::Fatal, DOING, "the topic has no such partition"));
        }
        let time = inner.time().filter(|_| record.topic == OutputTopic::State);
        if let Some(now) = time {
            self.appended = Some(AppendTimes { first: self.appended.map_or(now, |a| a.first), last: now });
        }
        let logged = logged(time.unwrap_or(record.timestamp), record.key, record.value, record.headers);
        inner.append(Topic::Out(record.topic), record.partition, logged, Some(transaction));
        Ok(())
    }

    fn commit(&mut self, next: &[(InputTopic, Partition, i64)]) -> Result<(), BrokerError> {
        const DOING: &str = "committing a transaction";
        self.hooks.meet(Call::Commit, DOING)?;
        let stale = {
            let inner = self.bus.lock();
            let owns = |shard| self.member.is_some_and(|member| inner.group.owns(member, shard));
            !next.iter().all(|(_, shard, _)| owns(*shard))
        };
        if stale {
            return Err(error(ErrorKind::Abort, DOING, "the group has given a shard to another member"));
        }
        let tear = self.bus.lock().tear.take();
        match tear {
            Some(tear) => self.end_torn(next.to_vec(), &tear, DOING),
            None => self.end(true, next.to_vec(), DOING),
        }
    }

    fn append_times(&self) -> Option<AppendTimes> {
        self.appended
    }

    fn abort(&mut self) -> Result<(), BrokerError> {
        self.hooks.meet(Call::Abort, "aborting a transaction")?;
        self.end(false, Offsets::new(), "aborting a transaction")
    }

    fn renew(&mut self) -> Result<(), BrokerError> {
        self.hooks.meet(Call::Renew, "making a producer")?;
        self.epoch = self.bus.lock().claim(&self.writer);
        self.transaction = None;
        Ok(())
    }

    fn leave(&mut self) {
        if let Some(member) = self.member.take() {
            self.bus.lock().group.leave(member);
        }
        self.shards.clear();
        self.tails.clear();
    }
}

impl Input {
    /// Follows a state topic; false where it no longer has what is to be read next.
    fn follow(&mut self, bus: &Inner, number: Partition, into: &mut Vec<Polled>) -> bool {
        let log = bus.log(Topic::Out(OutputTopic::State), number);
        if self.next < log.start() {
            let text = format!("offset {} is not there", self.next);
            into.push(Polled::TailLost { partition: number, text });
            return false;
        }
        self.next = log.read(self.next, i64::MAX, PIECE, |r| into.push(polled(Source::State, number, r)));
        if self.next >= log.stable() && self.said != Some(self.next) {
            self.said = Some(self.next);
            into.push(Polled::End { source: Source::State, partition: number, offset: self.next });
        }
        true
    }
}

impl Shard {
    fn poll(&mut self, bus: &Inner, number: Partition, piece: usize, into: &mut Vec<Polled>) {
        if let Some(span) = &mut self.restore {
            let log = bus.log(Topic::Out(OutputTopic::State), number);
            span.next = log.read(span.next, span.end, piece, |r| into.push(polled(Source::State, number, r)));
            if span.next >= span.end {
                into.push(Polled::Restored { partition: number, next: span.next });
                self.restore = None;
            }
        }
        if let Some(span) = &mut self.recall {
            let log = bus.log(Topic::Out(OutputTopic::Decisions), number);
            span.next = log.read(span.next, span.end, piece, |r| into.push(polled(Source::Decisions, number, r)));
            if span.next >= span.end {
                into.push(Polled::End { source: Source::Decisions, partition: number, offset: span.next });
                self.recall = None;
            }
        }
        self.traces.retain(|topic, span| {
            let log = bus.log(Topic::Out(*topic), number);
            let source = Source::Output(*topic);
            span.next = log.read(span.next, span.end, piece, |r| into.push(polled(source, number, r)));
            if span.next >= span.end {
                into.push(Polled::End { source, partition: number, offset: span.next });
            }
            span.next < span.end
        });
        for (topic, input) in InputTopic::ALL.into_iter().zip(&mut self.inputs) {
            let Some(input) = input.as_mut().filter(|i| !i.is_paused) else { continue };
            let log = bus.log(Topic::In(topic), number);
            let source = Source::Input(topic);
            input.next = log.read(input.next, i64::MAX, piece, |r| into.push(polled(source, number, r)));
            if input.next >= log.stable() && input.said != Some(input.next) {
                input.said = Some(input.next);
                into.push(Polled::End { source, partition: number, offset: input.next });
            }
        }
    }
}

fn polled(source: Source, partition: Partition, logged: &Logged) -> Polled {
    let Logged { offset, timestamp, key, value, headers } = logged;
    let mut record = Record::new(source, partition, *offset, *timestamp, key.as_deref(), value.as_deref());
    record.headers = (!headers.is_empty()).then(|| Box::new(headers.clone()));
    Polled::Record(record)
}

fn error(kind: ErrorKind, doing: &'static str, text: &str) -> BrokerError {
    BrokerError { kind, doing, text: text.to_owned() }
}

#[cfg(test)]
mod tests;
