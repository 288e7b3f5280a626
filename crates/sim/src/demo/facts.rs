use std::collections::BTreeMap;

use dunning_rules::{Account, Hold};
use dunning_wire::command::CommandView;
use dunning_wire::decision::DecisionRecord;
use dunning_wire::frame::split;
use dunning_wire::state::decode_row;
use dunning_wire::state_record::StateRecord;
use dunning_wire::topic::OutputTopic;
use dunning_wire::{command, decision, state_record};

use super::DemoError;
use crate::bus::{Bus, Topic};

/// Everything that the engine wrote, by account.
#[derive(Debug, Default)]
pub(super) struct Facts {
    pub(super) accounts: BTreeMap<String, Known>,
    pub(super) dead_letters: u64,
}

/// What the engine wrote of one account.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// In sequence.
    pub(super) commands: Vec<(OutputTopic, CommandView)>,
    /// In order.
    pub(super) decisions: Vec<DecisionRecord>,
    /// The last state.
    pub(super) account: Option<Account>,
}

impl Known {
    pub(super) fn count(&self, topic: OutputTopic) -> usize {
        self.commands.iter().filter(|(t, _)| *t == topic).count()
    }

    /// Why a bar waits.
    pub(super) fn held(&self) -> Option<Hold> {
        self.account.as_ref()?.pending()?.held
    }
}

impl Facts {
    /// Reads the output topics.
    pub(super) fn gather(bus: &Bus) -> Result<Self, DemoError> {
        let mut facts = Self::default();
        for topic in OutputTopic::COMMANDS {
            for_each(bus, topic, |datum| {
                let view = command::decode(topic, datum).ok()?;
                facts.of(&view.account_id.clone()).commands.push((topic, view));
                Some(())
            })?;
        }
        for_each(bus, OutputTopic::Decisions, |datum| {
            let record = decision::decode(datum).ok()?;
            facts.of(&record.account_id.clone()).decisions.push(record);
            Some(())
        })?;
        for_each(bus, OutputTopic::State, |datum| {
            if let StateRecord::Account { account_id, row, .. } = state_record::decode(datum).ok()? {
                facts.of(account_id).account = Some(decode_row(row).ok()?.account);
            }
            Some(())
        })?;
        for known in facts.accounts.values_mut() {
            known.commands.sort_by_key(|(_, c)| c.sequence);
            known.decisions.sort_by_key(|d| d.number);
        }
        facts.dead_letters = bus.read(Topic::Out(OutputTopic::DeadLetters)).len() as u64;
        Ok(facts)
    }

    fn of(&mut self, account: &str) -> &mut Known {
        self.accounts.entry(account.to_owned()).or_default()
    }
}

/// Hands over each record's datum; tombstones have none.
fn for_each(bus: &Bus, topic: OutputTopic, mut take: impl FnMut(&[u8]) -> Option<()>) -> Result<(), DemoError> {
    let mut all = Some(());
    for shard in 0..bus.partitions() {
        bus.each(Topic::Out(topic), shard, 0, |record| {
            if let Some(value) = &record.value {
                all = all.and_then(|()| take(split(value).ok()?.1));
            }
        });
    }
    all.ok_or(DemoError::Unreadable(topic.contract_name()))
}
