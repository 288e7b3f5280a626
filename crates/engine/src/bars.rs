//! Bars that wait: the engine's answers to them, and why it holds them.

use dunning_rules::{Event, GateAnswer, Hold, PendingBar, Timestamp};
use dunning_store::Store;

use crate::desk::{Desk, Halt};
use crate::gate::fits_budget;
use crate::memory::SlotId;
use crate::shard::Shard;
use crate::{Broker, Clock};

impl<S: Store> Shard<S> {
    /// A bar waits. Under `stream` it is looked at at once, as everything before it was taken.
    pub fn bar_pending<B: Broker, C: Clock>(
        &mut self,
        desk: &mut Desk<B, C>,
        slot: SlotId,
        line: Timestamp,
    ) -> Result<(), Halt> {
        if desk.is_stream() {
            return self.answer(desk, slot, line);
        }
        self.gate.add(slot);
        Ok(())
    }

    /// The gate's answer to a bar whose inputs were read.
    pub fn answer<B: Broker, C: Clock>(
        &mut self,
        desk: &mut Desk<B, C>,
        slot: SlotId,
        now: Timestamp,
    ) -> Result<(), Halt> {
        let Some((pending, stale)) = self.engines_bar(slot)? else { return Ok(()) };
        let answer = match self.hold_for(desk, stale, now, &pending) {
            Some(hold) => {
                self.gate.hold(slot, hold);
                if pending.held == Some(hold) {
                    return Ok(());
                }
                desk.meters.bars_held.add(hold.word(), 1);
                self.say_budget(desk, hold);
                GateAnswer::Held(hold)
            }
            None => GateAnswer::Cleared,
        };
        desk.batch.count(desk.clock.monotonic());
        self.meet(desk, slot, &Event::Gate(answer), now, None).map(|_| ())
    }

    /// A bar has waited long for its inputs; it goes on to wait.
    pub fn say_behind<B: Broker, C: Clock>(
        &mut self,
        desk: &mut Desk<B, C>,
        slot: SlotId,
        now: Timestamp,
    ) -> Result<(), Halt> {
        if self.engines_bar(slot)?.is_none() {
            return Ok(());
        }
        desk.meters.bars_held.add(Hold::InputsBehind.word(), 1);
        desk.batch.count(desk.clock.monotonic());
        self.meet(desk, slot, &Event::Gate(GateAnswer::Held(Hold::InputsBehind)), now, None).map(|_| ())
    }

    /// The bar of an account that waits for the engine and not for the account itself, and whether the account is stale.
    fn engines_bar(&self, slot: SlotId) -> Result<Option<(PendingBar, bool)>, Halt> {
        let row = self.memory.look(slot, &self.store).map_err(|e| Halt::memory(self.partition, e))?;
        let bar = row.and_then(|row| Some((*row.account.pending()?, !row.stale.is_empty())));
        Ok(bar.filter(|(pending, _)| !pending.held.is_some_and(Hold::is_own)))
    }

    fn hold_for<B: Broker, C: Clock>(
        &mut self,
        desk: &Desk<B, C>,
        stale: bool,
        now: Timestamp,
        pending: &PendingBar,
    ) -> Option<Hold> {
        if stale {
            Some(Hold::StaleAccount)
        } else if self.stale_count > 0 {
            Some(Hold::StaleShard)
        } else if desk.is_stream() {
            None
        } else if desk.is_clock_doubtful() || now < pending.due {
            // A bar that is not due any more fell due by a clock that was ahead.
            Some(Hold::ClockDoubt)
        } else if !pending.released && self.is_over_budget(desk.settings.bars_per_hour, pending, now) {
            Some(Hold::Budget)
        } else {
            None
        }
    }

    /// Where the budget holds a bar, once a window: a person has to look.
    fn say_budget<B: Broker, C: Clock>(&mut self, desk: &Desk<B, C>, hold: Hold) {
        if hold == Hold::Budget && self.budget_said != Some(self.counters.window_start) {
            self.budget_said = Some(self.counters.window_start);
            let budget = desk.settings.bars_per_hour;
            tracing::warn!(
                partition = self.partition,
                budget,
                "more bars are due than bars.per_hour lets go: they wait for a person (dunning bars release)"
            );
        }
    }

    /// A bar that was held for the budget waits for a person, not for the next hour.
    fn is_over_budget(&mut self, most: Option<u64>, pending: &PendingBar, now: Timestamp) -> bool {
        let waits = pending.held == Some(Hold::Budget) && self.counters.released_until.is_none_or(|until| now >= until);
        waits || !fits_budget(&mut self.counters, most, now)
    }
}
