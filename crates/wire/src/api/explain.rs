use std::fmt;

use dunning_rules::{Minor, Timestamp};
use serde::Serialize;

use super::{AccountView, Money};
use crate::decision::{Cause, DecisionRecord};
use crate::json;

/// A decision, and what it rests on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DecisionView {
    /// Per account, from 1.
    pub number: u64,
    /// The instant on the account's line.
    #[serde(serialize_with = "json::instant")]
    pub at: Timestamp,
    /// What, in a word.
    pub code: String,
    /// More of the code, such as the word of a hold; empty: nothing more.
    pub detail: String,
    /// Why, for people.
    pub words: String,
    /// The step; empty: none.
    pub step: String,
    /// The command that followed.
    pub command_id: Option<String>,
    /// Its sequence; 0: none.
    pub sequence: u64,
    /// Overdue and not disputed.
    pub amount_due: Money,
    /// The least that the policy duns.
    pub minimum: Money,
    /// The bills, oldest due date first.
    pub bill_ids: Vec<String>,
    /// `name@version`.
    pub policy: String,
    /// Version of the rules that decided.
    pub rules_version: u32,
    /// Number of the cycle; 0: none.
    pub cycle: u32,
    /// True where its command was not sent.
    pub shadow: bool,
    /// The record that led to it; none: a deadline or the gate's answer.
    pub cause: Option<Cause<'static>>,
}

impl From<DecisionRecord> for DecisionView {
    fn from(record: DecisionRecord) -> Self {
        let money = |amount: Minor| Money::new(amount, &record.currency);
        Self {
            number: record.number,
            at: record.decided_at,
            amount_due: money(record.amount_due),
            minimum: money(record.minimum),
            code: record.code,
            detail: record.detail,
            words: record.words,
            step: record.step,
            command_id: record.command_id,
            sequence: record.sequence,
            bill_ids: record.bill_ids,
            policy: record.policy,
            rules_version: record.rules_version,
            cycle: record.cycle,
            shadow: record.shadow,
            cause: record.cause,
        }
    }
}

/// An account and its last decisions: why it stands where it does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ExplainView {
    /// Where it stands.
    pub account: AccountView,
    /// The oldest first.
    pub decisions: Vec<DecisionView>,
}

impl ExplainView {
    /// The view of an account and its last decisions, in any order.
    #[must_use]
    pub fn new(account: AccountView, decisions: impl IntoIterator<Item = DecisionRecord>) -> Self {
        let mut decisions: Vec<DecisionView> = decisions.into_iter().map(Into::into).collect();
        decisions.sort_by_key(|d| d.number);
        Self { account, decisions }
    }
}

impl fmt::Display for DecisionView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}  {}", self.at, self.words)?;
        write!(f, "{:26}{}, policy {}, cycle {}", "", self.code, self.policy, self.cycle)?;
        if self.amount_due.minor != 0 {
            write!(f, ", {} due", self.amount_due)?;
        }
        if !self.bill_ids.is_empty() {
            write!(f, ", bills {}", self.bill_ids.join(" "))?;
        }
        match &self.cause {
            Some(cause) => {
                write!(f, "; because of {} partition {} offset {}", cause.topic, cause.partition, cause.offset)?
            }
            None => write!(f, "; because its time had come")?,
        }
        match &self.command_id {
            Some(id) if self.shadow => writeln!(f, "; shadow: command {} was not sent ({id})", self.sequence),
            Some(id) => writeln!(f, "; command {} ({id})", self.sequence),
            None => writeln!(f),
        }
    }
}

impl fmt::Display for ExplainView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.account)?;
        if self.decisions.is_empty() {
            return writeln!(f, "no decision yet");
        }
        writeln!(f, "what was decided, the oldest first:")?;
        self.decisions.iter().try_for_each(|decision| write!(f, "{decision}"))
    }
}
