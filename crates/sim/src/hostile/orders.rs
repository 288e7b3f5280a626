//! What people order while the world goes wrong: bars are let go, dead letters are looked at, a policy is published.

use dunning_engine::{Clock, Partition};
use dunning_wire::control::ControlBody;
use dunning_wire::topic::{InputTopic, OutputTopic};
use dunning_wire::{deadletter, frame};

use super::world::World;
use crate::Topic;

impl World {
    /// A person lets bars go beyond the budget, in one shard.
    pub(super) fn release_bars(&mut self) {
        let shard = self.random.between(0, i64::from(self.bus.partitions()) - 1);
        let shard = Partition::try_from(shard).unwrap_or(0);
        let now = self.clock.now();
        let order = ControlBody::BarsReleased { account_id: None };
        self.upstream.order(&mut self.tape.borrow_mut(), shard, order, now);
        self.faults.borrow_mut().count("bars released");
    }

    /// A person looks at some of the dead letters and releases them.
    pub(super) fn look_at_dead_letters(&mut self) {
        if !self.random.chance(200) {
            return;
        }
        for shard in 0..self.bus.partitions() {
            let mut letters = Vec::new();
            self.bus.each(Topic::Out(OutputTopic::DeadLetters), shard, 0, |record| {
                let account = frame::account_key(record.key.as_deref()).ok().map(str::to_owned);
                letters.extend(deadletter::read(&record.headers).map(|marks| (account, marks)));
            });
            for (account_id, marks) in letters.drain(self.looked[shard as usize]..) {
                self.looked[shard as usize] += 1;
                let Some(topic) = InputTopic::from_contract_name(&marks.topic) else { continue };
                if self.is_stream() || self.random.chance(300) {
                    continue;
                }
                let order = ControlBody::StaleReleased { account_id, topic, offset: marks.offset };
                let now = self.clock.now();
                self.upstream.order(&mut self.tape.borrow_mut(), shard, order, now);
            }
        }
    }

    /// In its tick, the other version of the policy is published to every shard.
    pub(super) fn publish(&mut self, tick: i64) {
        let Some((_, next)) = self.next_policy.take_if(|(at, _)| *at == tick) else { return };
        self.say(|| format!("{} is published", next.label));
        let now = self.clock.now();
        let effective_from = next.in_ms.map(|ms| now.plus(ms));
        for shard in 0..self.bus.partitions() {
            let (label, text) = (next.label.clone(), next.text.clone());
            let order = ControlBody::PolicyPublished { label, text, effective_from };
            self.upstream.order(&mut self.tape.borrow_mut(), shard, order, now);
        }
        self.faults.borrow_mut().count("policy published");
    }
}
