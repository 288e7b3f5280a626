//! What the reference workload does and a policy for customers must not.

use dunning_rules::{self as rules, Shortcuts};
use schemars::JsonSchema;
use serde::Deserialize;

use super::finding::{Finding, Notes, Severity};
use super::node::Node;

/// Shortcuts of the reference workload. A policy with one of them on is refused for real customers (clock `wall`).
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "Shortcuts")]
pub(super) struct Written {
    /// A step that falls due while less than the minimum is owed: `wait` until it is owed again (safe), or `skip` it.
    pub(super) below_minimum: Option<BelowMinimum>,
    /// What the end of a dispute frees: `frees_its_own` amount (safe), or `frees_the_bill`, other disputes included.
    pub(super) dispute_end: Option<DisputeEnd>,
    /// When a payment goes to disputed debt: `last` (safe), or `by_due_date` like any other.
    pub(super) pay_disputed: Option<PayDisputed>,
    /// A debit note `draws_on_credit` (safe), or `leaves_credit` alone.
    pub(super) debit_note: Option<DebitNote>,
    /// `true`: an account whose profile was never seen can be barred; `false` is safe.
    pub(super) bar_without_profile: Option<bool>,
    /// `true`: a bar needs no warning before it; `false` is safe.
    pub(super) bar_without_warning: Option<bool>,
    /// `true`: a protected customer can be barred without a person's decision; `false` is safe.
    pub(super) bar_protected: Option<bool>,
}

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum BelowMinimum {
    Wait,
    Skip,
}

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum DisputeEnd {
    FreesItsOwn,
    FreesTheBill,
}

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum PayDisputed {
    Last,
    ByDueDate,
}

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum DebitNote {
    DrawsOnCredit,
    LeavesCredit,
}

impl Written {
    /// What is not written is safe.
    pub(super) fn ready(&self) -> Shortcuts {
        let safe = Shortcuts::NONE;
        Shortcuts {
            below_minimum: match self.below_minimum {
                Some(BelowMinimum::Skip) => rules::BelowMinimum::Skip,
                _ => safe.below_minimum,
            },
            dispute_end: match self.dispute_end {
                Some(DisputeEnd::FreesTheBill) => rules::DisputeEnd::FreesTheBill,
                _ => safe.dispute_end,
            },
            pay_disputed: match self.pay_disputed {
                Some(PayDisputed::ByDueDate) => rules::PayDisputed::ByDueDate,
                _ => safe.pay_disputed,
            },
            debit_note: match self.debit_note {
                Some(DebitNote::LeavesCredit) => rules::DebitNote::LeavesCredit,
                _ => safe.debit_note,
            },
            bar_without_profile: self.bar_without_profile.unwrap_or(safe.bar_without_profile),
            bar_without_warning: self.bar_without_warning.unwrap_or(safe.bar_without_warning),
            bar_protected: self.bar_protected.unwrap_or(safe.bar_protected),
        }
    }
}

/// The names of the shortcuts that are on, in the order of the file format.
pub(super) fn on(shortcuts: &Shortcuts) -> Vec<&'static str> {
    let safe = Shortcuts::NONE;
    let all = [
        ("below_minimum", shortcuts.below_minimum != safe.below_minimum),
        ("dispute_end", shortcuts.dispute_end != safe.dispute_end),
        ("pay_disputed", shortcuts.pay_disputed != safe.pay_disputed),
        ("debit_note", shortcuts.debit_note != safe.debit_note),
        ("bar_without_profile", shortcuts.bar_without_profile),
        ("bar_without_warning", shortcuts.bar_without_warning),
        ("bar_protected", shortcuts.bar_protected),
    ];
    all.into_iter().filter_map(|(name, on)| on.then_some(name)).collect()
}

/// What clock `wall` says of each shortcut that is on.
pub(super) fn refusals(root: &Node, file: &str, text: &str, on: &[&'static str]) -> Vec<Finding> {
    let mut notes = Notes::new(file, text);
    for name in on {
        let path = format!("shortcuts.{name}");
        let help = "run it with clock `stream` (tests and replays), or leave the shortcut out";
        let message = format!("the shortcut `{name}` is on, and clock `wall` is for real customers");
        notes.add(Severity::Error, root.key_of(&path), &path, message, help.to_owned());
    }
    notes.finish().0
}
