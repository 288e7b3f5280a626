//! What a shard does next: a record, a deadline, or nothing yet.

use std::time::Duration;

use dunning_rules::Hold;
use dunning_store::Store;
use dunning_wire::topic::InputTopic;

use crate::desk::{Desk, Halt};
use crate::planted::Planted;
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
        let Some((topic, at)) = self.queues.choose(|_| true, true, None) else {
            let clock = self.clock;
            self.settle_torn(desk, clock)?;
            return Ok(false);
        };
        let limit = self.clock.max(at);
        let limit = if Planted::DeadlineBeforeEvent.is_on() { limit.plus(1) } else { limit };
        if let Some((due, slot)) = self.memory.next_deadline().filter(|(due, _)| *due < limit) {
            self.fire(desk, slot, due)?;
            return Ok(true);
        }
        self.settle_torn(desk, limit)?;
        self.take_head(desk, topic)
    }

    /// Under `wall` what has come is taken first: the customer has the benefit of the doubt. Deadlines follow, unless
    /// the inputs are still behind where they ended at the start. Usage comes last: it is advisory and holds nothing up.
    fn advance_wall<B: Broker, C: Clock>(&mut self, desk: &mut Desk<B, C>) -> Result<bool, Halt> {
        if let Some(topic) = self.choose_deciding() {
            return self.take_head(desk, topic);
        }
        let now = desk.clock.now();
        if self.is_caught_up()
            && let Some((_, slot)) = self.memory.next_deadline().filter(|(due, _)| *due <= now)
        {
            self.clock = self.clock.max(now);
            self.fire(desk, slot, now)?;
            return Ok(true);
        }
        if self.is_caught_up() {
            self.settle_torn(desk, now)?;
        }
        if self.is_usage_ready() { self.take_head(desk, InputTopic::Usage) } else { Ok(false) }
    }

    /// The next topic that decides. While the inputs are behind, the merge waits for all of them, so that a dispute does
    /// not come before its bill; later, a topic at its end holds nothing up, nor does one that waits for a schema.
    fn choose_deciding(&self) -> Option<InputTopic> {
        let of = |topic: InputTopic| topic.decides() && !self.blocked[topic as usize];
        self.queues.choose(of, self.catch_up.is_some(), self.first_topic(false)).map(|(topic, _)| topic)
    }

    fn is_usage_ready(&self) -> bool {
        !self.blocked[InputTopic::Usage as usize] && self.queues.head(InputTopic::Usage).is_some()
    }

    fn take_head<B: Broker, C: Clock>(&mut self, desk: &mut Desk<B, C>, topic: InputTopic) -> Result<bool, Halt> {
        if self.readiness(desk, topic) == Readiness::Schema {
            self.blocked[topic as usize] = true;
            // Under `wall` the other topics go on; under `stream` the order of all is the order of the answer.
            return Ok(!desk.is_stream());
        }
        self.take_record(desk, topic)?;
        Ok(true)
    }

    /// True where [`Shard::advance`] would find something, as far as can be told without trying.
    pub fn can_advance<B: Broker, C: Clock>(&self, desk: &Desk<B, C>) -> bool {
        if desk.is_stream() {
            return self.blocked == [false; InputTopic::ALL.len()]
                && self.queues.choose(|_| true, true, None).is_some();
        }
        let deadline = || self.memory.next_deadline().is_some_and(|(due, _)| due <= desk.clock.now());
        self.choose_deciding().is_some() || self.is_usage_ready() || (self.catch_up.is_none() && deadline())
    }

    /// Bars that wait: the ends of the inputs are asked for after they fell due, and once all that lies before those
    /// ends was taken, they are answered.
    pub fn knock<B: Broker, C: Clock>(&mut self, desk: &mut Desk<B, C>, again: Duration) -> Result<(), Halt> {
        let mono = desk.clock.monotonic();
        if mono.saturating_sub(self.looked) >= again {
            self.looked = mono;
            let doubtful = desk.is_clock_doubtful();
            self.gate.again(|hold| hold == Hold::ClockDoubt && !doubtful);
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
                Ok(mut ends) => {
                    if Planted::FenceAsReadCommitted.is_on() {
                        ends.iter_mut().for_each(|e| e.uncommitted = e.stable);
                    }
                    self.gate.look(ends, mono);
                }
                // Nothing is lost: the bars wait, and the next round asks again.
                Err(error) if error.kind == crate::ErrorKind::Retry => {}
                Err(error) => return Err(error.into()),
            }
        }
        // Before the first commit nobody has said what time it is.
        if !desk.trust.has_heard() {
            return Ok(());
        }
        let positions: Vec<_> = self.queues.positions().collect();
        let ready = self.gate.ready(|topic| positions[topic as usize].1);
        for slot in self.gate.late(mono, BEHIND) {
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
