//! Operators' orders: they come on a topic of their own, inside the shard's line and transaction.

use std::sync::Arc;

use dunning_rules::{Event, GateAnswer, Hold, Policy};
use dunning_store::Store;
use dunning_wire::control::{ControlBody, ControlEvent};
use dunning_wire::policy;
use dunning_wire::state::StaleMark;

use crate::desk::{Desk, Halt};
use crate::gate::WINDOW_MS;
use crate::shard::Shard;
use crate::{Broker, Clock};

impl<S: Store> Shard<S> {
    /// An operator's order. False where it cannot be carried out: a dead letter.
    pub fn obey<B: Broker, C: Clock>(&mut self, desk: &mut Desk<B, C>, order: ControlEvent) -> Result<bool, Halt> {
        match order.body {
            ControlBody::PolicyPublished { text, effective_from, .. } => {
                let Some(policy) = self.usable(desk, &text) else { return Ok(false) };
                let from = effective_from.unwrap_or(self.clock).max(self.clock);
                if self.add_policy(from, policy, text) {
                    tracing::info!(partition = self.partition, %from, "a new policy version is in force");
                }
            }
            ControlBody::BarsReleased { account_id } => self.release_bars(desk, account_id.as_deref())?,
            ControlBody::StaleReleased { account_id, topic, offset } => {
                self.release_stale(account_id.as_deref(), StaleMark { topic, offset })?;
            }
        }
        Ok(true)
    }

    /// The policy of a text, where it can be used here.
    fn usable<B: Broker, C: Clock>(&self, desk: &Desk<B, C>, text: &str) -> Option<Arc<Policy>> {
        let loaded = policy::parse_again("dunning.control", text);
        let fit = loaded.and_then(|l| if desk.is_stream() { Ok(l) } else { l.for_wall().map(|()| l) });
        match fit {
            Ok(loaded) => Some(Arc::new(loaded.policy.clone())),
            Err(errors) => {
                tracing::error!(partition = self.partition, %errors, "a published policy cannot be used; it is not in force");
                None
            }
        }
    }

    fn release_bars<B: Broker, C: Clock>(&mut self, desk: &mut Desk<B, C>, account: Option<&str>) -> Result<(), Halt> {
        let now = if desk.is_stream() { self.clock } else { desk.clock.now() };
        let Some(account) = account else {
            self.counters.released_until = Some(now.plus(WINDOW_MS));
            self.gate.again(|hold| hold == Hold::Budget);
            return Ok(());
        };
        let Some(slot) = self.memory.find(account) else { return Ok(()) };
        let row = self.memory.look(slot, &self.store).map_err(|e| Halt::memory(self.partition, e))?;
        if row.is_some_and(|r| r.account.pending().is_some()) {
            self.meet(desk, slot, &Event::Gate(GateAnswer::Released), now, None)?;
        }
        Ok(())
    }

    /// A record was looked at, or took effect when it was replayed: what it held is looked at again.
    pub fn release_stale(&mut self, account: Option<&str>, mark: StaleMark) -> Result<(), Halt> {
        // Without an account it may be one of those that are only counted.
        let lifted = self.lift_remembered(account, mark)? || (account.is_none() && self.lift_stale(mark));
        if lifted {
            self.gate.again(|hold| matches!(hold, Hold::StaleAccount | Hold::StaleShard));
        }
        Ok(())
    }

    /// Lifts a mark that the account remembers, or that the shard does: without an account, or beyond the marks that an
    /// account remembers, the shard has it. True where it was there.
    pub fn lift_remembered(&mut self, account: Option<&str>, mark: StaleMark) -> Result<bool, Halt> {
        if let Some(slot) = account.and_then(|a| self.memory.find(a)) {
            let lifted = self.memory.lift_stale(slot, mark, &self.store);
            if lifted.map_err(|e| Halt::memory(self.partition, e))? {
                return Ok(true);
            }
        }
        Ok(self.stale_records.contains(&mark) && self.lift_stale(mark))
    }
}
