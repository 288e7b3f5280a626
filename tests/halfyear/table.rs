//! What happened, counted, as a table.

use std::collections::BTreeMap;
use std::fmt::Write;

use dunning_wire::command::{ActionView, CommandView};

use crate::customer::{Planned, What};

/// Counts under two words, and sums of cents where there are any.
#[derive(Debug, Default)]
pub struct Table(BTreeMap<(&'static str, String), (u64, i64)>);

impl Table {
    pub fn add(&mut self, kind: &'static str, what: impl Into<String>, cents: i64) {
        let (count, sum) = self.0.entry((kind, what.into())).or_default();
        *count += 1;
        *sum += cents;
    }

    pub fn count(&self, kind: &str) -> u64 {
        self.0.iter().filter(|((k, _), _)| *k == kind).map(|(_, (count, _))| count).sum()
    }

    pub fn command(&mut self, view: &CommandView) {
        let amount = view.amount_due.get();
        match &view.action {
            ActionView::Notify { channel, follows, .. } => {
                self.add("notice", &view.step, 0);
                self.add("channel", *channel, 0);
                if follows.is_some() {
                    self.add("notice sent another way", &view.step, 0);
                }
            }
            ActionView::Bar { level, .. } => self.add("bar", *level, amount),
            ActionView::Restore { reason, desired, .. } => {
                let stays = desired.iter().any(|(_, level)| level != "NONE");
                let what =
                    if stays { format!("{reason}, another service stays barred") } else { (*reason).to_string() };
                self.add("restoration", what, 0);
            }
            ActionView::Retry { attempt, .. } => self.add("retry", format!("attempt {attempt}"), amount),
            ActionView::Ledger { kind, .. } => self.add("request to billing", *kind, amount),
            ActionView::Withdraw { channel, .. } => self.add("withdrawal", *channel, 0),
        }
    }

    pub fn event(&mut self, planned: &Planned) {
        match &planned.what {
            What::Profile => self.add("event", "profile", 0),
            What::Bill { amount, origin, .. } => {
                self.add("event", if origin.is_some() { "charge booked, own bill" } else { "bill" }, *amount);
            }
            What::Adjusted { amount, .. } => self.add("event", "charge booked on a bill", *amount),
            What::Paid { amount, command, .. } => {
                self.add("event", if command.is_some() { "payment by a retry" } else { "payment" }, *amount);
            }
            What::Failed { amount, .. } => self.add("event", "payment failed", *amount),
            What::Reversed { amount, .. } => self.add("event", "payment taken back", *amount),
            What::Contested { amount, .. } => self.add("event", "dispute", *amount),
            What::Decided { credited, .. } => self.add("event", "dispute decided", *credited),
            What::WrittenOff { amount, .. } => self.add("event", "write-off", *amount),
            What::Promised { amount, .. } => self.add("event", "promise", *amount),
            What::Answered { .. } => self.add("event", "plan taken", 0),
            What::Held { .. } => self.add("event", "hold", 0),
            What::Contact { outcome, .. } => self.add("contact reported", format!("{outcome:?}").to_lowercase(), 0),
            What::Service { applied, .. } => {
                self.add("provisioning reported", if *applied { "applied" } else { "failed" }, 0);
            }
        }
    }

    pub fn print(&self) -> String {
        let mut text = String::new();
        for ((kind, what), (count, cents)) in &self.0 {
            let sum = if *cents == 0 { String::new() } else { format!("{}.{:02}", cents / 100, cents.abs() % 100) };
            let _ = writeln!(text, "{kind:24} {what:26} {count:>8} {sum:>14}");
        }
        text
    }
}
