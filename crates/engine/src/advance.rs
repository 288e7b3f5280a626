//! What a shard does next: a record, a deadline, or nothing yet.

use std::time::Duration;

use dunning_rules::Hold;
use dunning_store::Store;
use dunning_wire::topic::InputTopic;

use crate::desk::{Desk, Halt};
use crate::shard::Shard;
use crate::take::Readiness;
use crate::{Broker, Clock};

/// A bar that waits longer than this for its inputs says so in a decision: some input stands still.
const BEHIND: Duration = Duration::from_secs(60);

impl<S: Store> Shard<S> {
    /// Takes one record or fires one deadline; false where there is nothing to do yet.
    pub fn advance<B: Broker, C: Clock>(&mut self, desk: &mut Desk<B, C>) -> Result<bool, Halt> {
        if desk.is_stream() { self.advance_stream(desk) } else { self.advance_wall(desk) }
    }

    /// Under `stream` every deadline that lies before the next record's instant fires first, whosever it is. A wave of
    /// them is cut into batches, and the record that brought it is committed only with its last one.
    fn advance_stream<B: Broker, C: Clock>(&mut self, desk: &mut Desk<B, C>) -> Result<bool, Halt> {
        let Some((topic, at)) = self.queues.choose(true, None) else { return Ok(false) };
        let limit = self.clock.max(at);
        if let Some((due, slot)) = self.memory.next_deadline().filter(|(due, _)| *due < limit) {
            self.fire(desk, slot, due)?;
            return Ok(true);
        }
        self.take_head(desk, topic)
    }

    /// Under `wall` what has come is taken first: the customer has the benefit of the doubt. Deadlines follow, unless
    /// the inputs are still behind where they ended at the start. After a slice of deadlines, input has its turn again.
    fn advance_wall<B: Broker, C: Clock>(&mut self, desk: &mut Desk<B, C>) -> Result<bool, Halt> {
        let first = self.first_topic(false);
        if let Some((topic, _)) = self.queues.choose(false, first) {
            return self.take_head(desk, topic);
        }
        if !self.is_caught_up() {
            return Ok(false);
        }
        let now = desk.clock.now();
        match self.memory.next_deadline().filter(|(due, _)| *due <= now) {
            Some((_, slot)) => {
                self.clock = self.clock.max(now);
                self.fire(desk, slot, now)?;
                Ok(true)
            }
            None => Ok(false),
        }
    }

    fn take_head<B: Broker, C: Clock>(&mut self, desk: &mut Desk<B, C>, topic: InputTopic) -> Result<bool, Halt> {
        self.blocked = self.readiness(desk, topic) == Readiness::Schema;
        if !self.blocked {
            self.take_record(desk, topic)?;
        }
        Ok(!self.blocked)
    }

    /// True where [`Shard::advance`] would find something, as far as can be told without trying.
    pub fn can_advance<B: Broker, C: Clock>(&self, desk: &Desk<B, C>) -> bool {
        if self.blocked {
            return false;
        }
        if desk.is_stream() {
            return self.queues.choose(true, None).is_some();
        }
        let deadline = || self.memory.next_deadline().is_some_and(|(due, _)| due <= desk.clock.now());
        self.queues.choose(false, self.first_topic(false)).is_some() || (self.catch_up.is_none() && deadline())
    }

    /// Bars that wait: the ends of the inputs are asked for after they fell due, and once all that lies before those
    /// ends was taken, they are answered.
    pub fn knock<B: Broker, C: Clock>(&mut self, desk: &mut Desk<B, C>, again: Duration) -> Result<(), Halt> {
        let mono = desk.clock.monotonic();
        if mono.saturating_sub(self.looked) >= again {
            self.looked = mono;
            let doubtful = desk.clock.is_doubtful();
            self.gate.again(|_, hold| hold == Hold::ClockDoubt && !doubtful);
        }
        if desk.is_stream() {
            let clock = self.clock;
            for slot in self.gate.take_fresh() {
                self.answer(desk, slot, clock)?;
            }
            return Ok(());
        }
        if self.gate.wants_ends() && self.is_caught_up() {
            match desk.broker.ends(self.partition) {
                Ok(ends) => self.gate.look(ends, mono),
                // Nothing is lost: the bars wait, and the next round asks again.
                Err(error) if error.kind == crate::ErrorKind::Retry => {}
                Err(error) => return Err(error.into()),
            }
        }
        let positions: Vec<_> = self.queues.positions().collect();
        let ready = self.gate.ready(|topic| positions[topic as usize].1);
        for slot in self.gate.behind(mono, BEHIND) {
            let now = desk.clock.now();
            self.say_behind(desk, slot, now)?;
        }
        if !ready.is_empty() {
            let now = desk.clock.now();
            self.clock = self.clock.max(now);
            for slot in ready {
                self.answer(desk, slot, now)?;
            }
        }
        Ok(())
    }
}
