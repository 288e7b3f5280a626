//! A lane's place at a bus that fails.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use dunning_engine::{
    AppendTimes, Broker, BrokerError, Ends, ErrorKind, OutRecord, Partition, Polled, SchemaAnswer, Source, Start,
    Witnessed,
};
use dunning_wire::frame;
use dunning_wire::state::CHECKPOINT_KEY;
use dunning_wire::state_record::{self, StateRecord};
use dunning_wire::topic::{InputTopic, OutputTopic};

use super::faults::{Call, Faults, Strike};
use super::tape::{Pending, Tape};
use crate::{Bus, SimBroker, Tear};

/// [`SimBroker`] with faults before and after its calls; keeps what the lane did and committed.
pub(super) struct HostileBroker {
    inner: SimBroker,
    bus: Bus,
    faults: Rc<RefCell<Faults>>,
    tape: Rc<RefCell<Tape>>,
    pending: Pending,
    /// The process is dead: nothing that it still does reaches anyone.
    dead: bool,
}

fn killed() -> BrokerError {
    BrokerError { kind: ErrorKind::Fatal, doing: "living", text: "the process was killed".to_owned() }
}

/// A transaction in pieces. What is decided shares the fate of its state: decisions are not compared. A first one keeps no
/// offsets without its state: a shard that has such is one whose state topic was deleted.
fn tear(bits: u64, is_first: bool) -> Tear {
    let pieces: [&[OutputTopic]; 4] = [
        &[OutputTopic::State, OutputTopic::Decisions],
        &[OutputTopic::Notifications, OutputTopic::DeadLetters],
        &[OutputTopic::Barring, OutputTopic::Retries, OutputTopic::Ledger],
        &[OutputTopic::Restoration],
    ];
    let torn = pieces.into_iter().enumerate().filter(|(i, _)| bits >> i & 1 == 1);
    let offsets = bits >> 4 & 1 == 1 || is_first && bits & 1 == 1;
    Tear { topics: torn.flat_map(|(_, topics)| topics).copied().collect(), offsets }
}

fn failed(kind: ErrorKind) -> BrokerError {
    BrokerError { kind, doing: "calling the broker", text: "a fault of this world".to_owned() }
}

impl HostileBroker {
    pub(super) fn new(bus: &Bus, writer: &str, faults: &Rc<RefCell<Faults>>, tape: &Rc<RefCell<Tape>>) -> Self {
        Self {
            inner: SimBroker::new(bus, writer),
            bus: bus.clone(),
            faults: Rc::clone(faults),
            tape: Rc::clone(tape),
            pending: Pending::default(),
            dead: false,
        }
    }

    pub(super) const fn is_dead(&self) -> bool {
        self.dead
    }

    /// The process is killed between two calls.
    pub(super) const fn kill(&mut self) {
        self.dead = true;
    }

    /// The group takes the lane for dead.
    pub(super) fn expel(&mut self) {
        self.inner.expel();
    }

    fn call<T>(
        &mut self,
        call: Call,
        run: impl FnOnce(&mut SimBroker) -> Result<T, BrokerError>,
    ) -> Result<T, BrokerError> {
        if self.dead {
            return Err(killed());
        }
        let strike = self.faults.borrow_mut().strike(call);
        match strike {
            None => run(&mut self.inner),
            Some(Strike::DiesBefore) => {
                self.dead = true;
                Err(killed())
            }
            Some(Strike::DiesAfter) => {
                let _ = run(&mut self.inner);
                self.dead = true;
                Err(killed())
            }
            Some(Strike::Fails(kind)) => Err(failed(kind)),
            Some(Strike::AnswerLost) => {
                run(&mut self.inner)?;
                Err(failed(ErrorKind::Unknown))
            }
            Some(Strike::Expelled) => {
                self.inner.expel();
                run(&mut self.inner)
            }
            Some(Strike::Torn(bits)) => {
                let is_first = self.tape.borrow().shards.iter().any(|s| s.checkpoints.is_empty());
                self.bus.tear_next(tear(bits, is_first));
                run(&mut self.inner)
            }
            Some(Strike::TimedOut) => {
                self.bus.time_out(self.inner.writer());
                run(&mut self.inner)
            }
        }
    }

    /// Keeps what goes to the state topic.
    fn keep(&mut self, record: &OutRecord<'_>) {
        if record.topic != OutputTopic::State {
            return;
        }
        let datum = record.value.and_then(|value| frame::split(value).ok()).map(|(_, datum)| datum);
        match datum.map(state_record::decode) {
            Some(Ok(StateRecord::Checkpoint(checkpoint))) if record.key == Some(CHECKPOINT_KEY) => {
                self.pending.checkpoint(*checkpoint);
            }
            Some(Ok(StateRecord::Account { row, .. })) => {
                self.pending.row(record.partition, record.key.unwrap_or_default(), row);
            }
            _ => {}
        }
    }
}

impl Drop for HostileBroker {
    /// The group and the transactions' coordinator give up a lane that they do not hear of any more.
    fn drop(&mut self) {
        self.inner.expel();
        self.inner.time_out();
    }
}

impl Broker for HostileBroker {
    fn poll(&mut self, wait: Duration, into: &mut Vec<Polled>) -> Result<(), BrokerError> {
        self.call(Call::Poll, |b| b.poll(wait, into))
    }

    fn accept(&mut self, shards: &[Partition]) -> Result<(), BrokerError> {
        self.inner.accept(shards)
    }

    fn release(&mut self, shards: &[Partition]) -> Result<(), BrokerError> {
        shards.iter().for_each(|shard| self.pending.void_shard(*shard));
        self.inner.release(shards)
    }

    fn committed(&mut self, shard: Partition) -> Result<Vec<(InputTopic, Option<i64>)>, BrokerError> {
        self.call(Call::Ask, |b| b.committed(shard))
    }

    fn starts(&mut self, shard: Partition, start: Start) -> Result<Vec<(InputTopic, i64)>, BrokerError> {
        self.call(Call::Ask, |b| b.starts(shard, start))
    }

    fn ends(&mut self, shard: Partition) -> Result<Vec<Ends>, BrokerError> {
        self.call(Call::Ask, |b| b.ends(shard))
    }

    fn end_of(&mut self, source: Source, shard: Partition) -> Result<i64, BrokerError> {
        self.call(Call::Ask, |b| b.end_of(source, shard))
    }

    fn restore(&mut self, shard: Partition, from: i64) -> Result<(), BrokerError> {
        self.call(Call::Restore, |b| b.restore(shard, from))
    }

    fn recall(&mut self, shard: Partition, from: i64) -> Result<(), BrokerError> {
        self.call(Call::Read, |b| b.recall(shard, from))
    }

    fn output_ends(&mut self, shard: Partition) -> Result<Vec<(OutputTopic, i64)>, BrokerError> {
        self.call(Call::Ask, |b| b.output_ends(shard))
    }

    fn trace(&mut self, shard: Partition, from: &[(OutputTopic, i64)]) -> Result<Vec<OutputTopic>, BrokerError> {
        self.call(Call::Read, |b| b.trace(shard, from))
    }

    fn read(&mut self, shard: Partition, from: &[(InputTopic, i64)]) -> Result<(), BrokerError> {
        self.call(Call::Read, |b| b.read(shard, from))
    }

    fn pause(&mut self, shard: Partition, topic: InputTopic) -> Result<(), BrokerError> {
        self.inner.pause(shard, topic)
    }

    fn resume(&mut self, shard: Partition, topic: InputTopic) -> Result<(), BrokerError> {
        self.inner.resume(shard, topic)
    }

    fn schema(&mut self, id: u32) -> SchemaAnswer {
        match self.call(Call::Schema, |b| Ok(b.schema(id))) {
            Ok(answer) => answer,
            Err(_) => SchemaAnswer::Away,
        }
    }

    fn writer(&self) -> &str {
        self.inner.writer()
    }

    fn candidates(&mut self, standby: usize) -> Result<Option<Vec<Partition>>, BrokerError> {
        self.call(Call::Ask, |b| b.candidates(standby))
    }

    fn tail(&mut self, shard: Partition, from: i64) -> Result<(), BrokerError> {
        self.call(Call::Restore, |b| b.tail(shard, from))
    }

    fn untail(&mut self, shard: Partition) -> Result<(), BrokerError> {
        self.inner.untail(shard)
    }

    fn is_held(&mut self, shard: Partition) -> Result<bool, BrokerError> {
        self.call(Call::Ask, |b| b.is_held(shard))
    }

    fn fence(&mut self, writer: &str) -> Result<bool, BrokerError> {
        self.call(Call::Fence, |b| b.fence(writer))
    }

    fn end_hanging(&mut self, writer: &str, shard: Partition) -> Result<(), BrokerError> {
        self.call(Call::Fence, |b| b.end_hanging(writer, shard))
    }

    fn begin(&mut self) -> Result<(), BrokerError> {
        self.call(Call::Begin, SimBroker::begin)
    }

    fn send(&mut self, record: &OutRecord<'_>) -> Result<(), BrokerError> {
        self.call(Call::Send, |b| b.send(record))?;
        self.keep(record);
        Ok(())
    }

    fn commit(&mut self, next: &[(InputTopic, Partition, i64)]) -> Result<(), BrokerError> {
        let (pending, tape) = (&mut self.pending, Rc::clone(&self.tape));
        let mut taken = std::mem::take(pending);
        let (mut done, bus) = (false, self.bus.clone());
        let answer = self.call(Call::Commit, |b| {
            // Whose states were committed has done it, whatever became of the rest.
            let torn = bus.tear().filter(|t| !t.topics.contains(&OutputTopic::State));
            let answer = b.commit(next);
            done = answer.is_ok() || torn.is_some() && bus.tear().is_none();
            if done {
                tape.borrow_mut().commit(&mut taken);
            }
            answer
        });
        if !done {
            self.pending = taken;
        }
        answer
    }

    fn append_times(&self) -> Option<AppendTimes> {
        self.inner.append_times()
    }

    fn abort(&mut self) -> Result<(), BrokerError> {
        self.call(Call::Abort, SimBroker::abort)
    }

    fn renew(&mut self) -> Result<(), BrokerError> {
        self.call(Call::Renew, SimBroker::renew)
    }

    fn witness(&mut self, seen: &Witnessed<'_>) {
        self.pending.witness(&mut self.tape.borrow_mut(), seen);
    }

    fn leave(&mut self) {
        if !self.dead {
            self.inner.leave();
        }
    }
}
