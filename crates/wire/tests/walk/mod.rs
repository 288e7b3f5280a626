//! The oracle of the reference policy, shared by the tests that fold accounts one by one.

use std::collections::BTreeMap;

use dunning_rules::{Account, Event, GateAnswer, PolicyBook, Timestamp, Transition, step};
use dunning_wire::command::{self, CommandView};
use dunning_wire::state::{self, StateVersion};
use dunning_wire::topic::OutputTopic;

/// The accounts of one partition, with what they said.
pub struct Walk {
    book: PolicyBook,
    pub accounts: BTreeMap<String, Account>,
    pub said: Vec<(OutputTopic, CommandView)>,
}

impl Walk {
    /// Nothing has happened yet.
    pub fn new(book: PolicyBook) -> Self {
        Self { book, accounts: BTreeMap::new(), said: Vec::new() }
    }

    /// An event meets an account; a bar that falls due goes at once, as under clock `stream`.
    pub fn meet(&mut self, id: &str, event: &Event<'_>, now: Timestamp) {
        let account = self.accounts.remove(id).unwrap_or_else(|| Account::new(id));
        // Every state survives being stored.
        for version in StateVersion::ALL {
            let mut bytes = Vec::new();
            state::encode_account(&account, version, &mut bytes);
            assert_eq!(state::decode_account(&bytes).as_ref(), Ok(&account));
        }
        let Transition { account, commands, .. } = step(account, event, &self.book, now);
        for said in &commands {
            let topic = command::topic_of(said);
            let mut datum = Vec::new();
            command::encode(id, said, &mut datum);
            self.said.push((topic, command::decode(topic, &datum).expect("a command")));
        }
        let line = account.line;
        let pending = account.pending().is_some();
        self.accounts.insert(id.to_owned(), account);
        if pending {
            self.meet(id, &Event::Gate(GateAnswer::Cleared), line);
        }
    }

    /// The deadlines of an account that lie before an instant.
    pub fn deadlines_before(&mut self, id: &str, clock: Timestamp) {
        while let Some(due) = self.accounts.get(id).and_then(Account::deadline).filter(|due| *due < clock) {
            self.meet(id, &Event::Deadline, due);
        }
    }
}
