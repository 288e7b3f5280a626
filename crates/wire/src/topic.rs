//! The topics, and which schema each one has.

/// A topic that is read. The order is that of the contract's names: records with equal timestamps are taken in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum InputTopic {
    /// Bills.
    Bills = 0,
    /// Payments.
    Payments = 1,
    /// Disputes.
    Disputes = 2,
    /// Interactions with the customer.
    Interactions = 3,
    /// Profiles.
    Accounts = 4,
    /// Operator orders.
    Control = 5,
    /// Usage.
    Usage = 6,
}

impl InputTopic {
    /// All, in order.
    pub const ALL: [Self; 7] =
        [Self::Bills, Self::Payments, Self::Disputes, Self::Interactions, Self::Accounts, Self::Control, Self::Usage];

    /// The name in the contract.
    #[must_use]
    pub const fn contract_name(self) -> &'static str {
        match self {
            Self::Bills => "billing.bills",
            Self::Payments => "billing.payments",
            Self::Disputes => "care.disputes",
            Self::Interactions => "care.interactions",
            Self::Accounts => "crm.accounts",
            Self::Control => "dunning.control",
            Self::Usage => "network.usage",
        }
    }

    /// The topic at a place in [`InputTopic::ALL`].
    #[must_use]
    pub fn from_index(index: usize) -> Option<Self> {
        Self::ALL.get(index).copied()
    }

    /// The topic with this name in the contract.
    #[must_use]
    pub fn from_contract_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|t| t.contract_name() == name)
    }

    /// False where it is advisory: it holds neither the merge nor a bar.
    #[must_use]
    pub const fn decides(self) -> bool {
        !matches!(self, Self::Usage)
    }

    /// True where a record that cannot be read may have been money: its account is stale until it is looked at.
    #[must_use]
    pub const fn moves_money(self) -> bool {
        matches!(self, Self::Bills | Self::Payments | Self::Disputes)
    }
}

/// A topic that is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OutputTopic {
    /// Notification commands.
    Notifications = 0,
    /// Barring commands.
    Barring = 1,
    /// Restoration commands.
    Restoration = 2,
    /// The last state of each account, and checkpoints; compacted.
    State = 3,
    /// What was decided and why.
    Decisions = 4,
    /// Records that could not be taken.
    DeadLetters = 5,
    /// Operator orders.
    Control = 6,
    /// Commands to collect a payment that failed once more.
    Retries = 7,
    /// Requests to billing to book a charge, or to give one up.
    Ledger = 8,
}

impl OutputTopic {
    /// All, in order.
    pub const ALL: [Self; 9] = [
        Self::Notifications,
        Self::Barring,
        Self::Restoration,
        Self::State,
        Self::Decisions,
        Self::DeadLetters,
        Self::Control,
        Self::Retries,
        Self::Ledger,
    ];

    /// The topics of commands.
    pub const COMMANDS: [Self; 5] =
        [Self::Notifications, Self::Barring, Self::Restoration, Self::Retries, Self::Ledger];

    /// The topic with this name in the contract.
    #[must_use]
    pub fn from_contract_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|t| t.contract_name() == name)
    }

    /// The name in the contract.
    #[must_use]
    pub const fn contract_name(self) -> &'static str {
        match self {
            Self::Notifications => "dunning.notifications",
            Self::Barring => "dunning.barring",
            Self::Restoration => "dunning.restoration",
            Self::State => "dunning.accounts",
            Self::Decisions => "dunning.decisions",
            Self::DeadLetters => "dunning.deadletters",
            Self::Retries => "dunning.retries",
            Self::Ledger => "dunning.ledger",
            Self::Control => "dunning.control",
        }
    }
}

/// The built-in schema of a topic, by its name in the contract; `None` for dead letters, which have none.
#[must_use]
pub fn schema_text(topic_name: &str) -> Option<&'static str> {
    crate::schema::embedded_schema(crate::schema::embedded_id(topic_name))
}

/// What the topics are called on this operator's bus.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicNames {
    inputs: [String; 7],
    outputs: [String; 9],
}

impl Default for TopicNames {
    fn default() -> Self {
        Self {
            inputs: InputTopic::ALL.map(|t| t.contract_name().to_owned()),
            outputs: OutputTopic::ALL.map(|t| t.contract_name().to_owned()),
        }
    }
}

impl TopicNames {
    /// The name of a topic that is read.
    #[must_use]
    pub fn input(&self, topic: InputTopic) -> &str {
        &self.inputs[topic as usize]
    }

    /// The name of a topic that is written.
    #[must_use]
    pub fn output(&self, topic: OutputTopic) -> &str {
        &self.outputs[topic as usize]
    }

    /// Sets the name of the topic that the contract calls `contract_name`; false where the contract has no such topic.
    pub fn set(&mut self, contract_name: &str, name: &str) -> bool {
        let mut known = false;
        for topic in InputTopic::ALL.into_iter().filter(|t| t.contract_name() == contract_name) {
            name.clone_into(&mut self.inputs[topic as usize]);
            known = true;
        }
        for topic in OutputTopic::ALL.into_iter().filter(|t| t.contract_name() == contract_name) {
            name.clone_into(&mut self.outputs[topic as usize]);
            known = true;
        }
        known
    }

    /// The topic that is read under a name.
    #[must_use]
    pub fn find_input(&self, name: &str) -> Option<InputTopic> {
        InputTopic::ALL.into_iter().find(|t| self.input(*t) == name)
    }

    /// The topic that is written under a name.
    #[must_use]
    pub fn find_output(&self, name: &str) -> Option<OutputTopic> {
        OutputTopic::ALL.into_iter().find(|t| self.output(*t) == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_stand_in_the_order_of_their_names() {
        assert!(InputTopic::ALL.map(InputTopic::contract_name).is_sorted());
        for (i, topic) in InputTopic::ALL.into_iter().enumerate() {
            assert_eq!((topic as usize, InputTopic::from_index(i)), (i, Some(topic)));
            assert!(schema_text(topic.contract_name()).is_some());
        }
        for (i, topic) in OutputTopic::ALL.into_iter().enumerate() {
            assert_eq!(topic as usize, i);
            assert_eq!(OutputTopic::from_contract_name(topic.contract_name()), Some(topic));
            assert_eq!(schema_text(topic.contract_name()).is_some(), topic != OutputTopic::DeadLetters);
        }
    }

    #[test]
    fn control_has_one_name_for_reading_and_writing() {
        let mut names = TopicNames::default();
        assert!(names.set("dunning.control", "ops.dunning.control"));
        assert_eq!(names.input(InputTopic::Control), names.output(OutputTopic::Control));
        assert_eq!(names.find_input("ops.dunning.control"), Some(InputTopic::Control));
        assert!(!names.set("no.such.topic", "x"));
    }
}
