//! Commands as sorted JSON lines: the form in which two implementations of one workload are compared, byte for byte.
//!
//! Only what a decision is made of is shown; fields that may hold what one implementation happens to know are not.

use std::fmt::Write;

use crate::command::{ActionView, CommandView};
use crate::topic::OutputTopic;

/// The commands, one JSON object a line, sorted by account, instant, topic and id.
#[must_use]
pub fn dump<'c>(commands: impl IntoIterator<Item = (OutputTopic, &'c CommandView)>) -> String {
    let mut lines: Vec<_> = commands
        .into_iter()
        .map(|(topic, c)| ((&c.account_id, c.decided_at, topic.contract_name(), &c.command_id), line(topic, c)))
        .collect();
    lines.sort();
    lines.into_iter().map(|(_, line)| line + "\n").collect()
}

fn line(topic: OutputTopic, c: &CommandView) -> String {
    let mut out = String::with_capacity(400);
    let _ = write!(out, "{{\"topic\":\"{}\",\"command_id\":{}", topic.contract_name(), text(&c.command_id));
    let _ = write!(out, ",\"account_id\":{},\"sequence\":{}", text(&c.account_id), c.sequence);
    let _ = write!(out, ",\"decided_at\":{},\"policy\":{}", c.decided_at.millis(), text(&c.policy));
    let _ = write!(out, ",\"step\":{}", text(&c.step));
    let due = (c.amount_due.get(), text(&c.currency));
    let _ = match &c.action {
        ActionView::Notify { channel, template, .. } => write!(
            out,
            ",\"channel\":{},\"template\":{},\"amount_due_minor\":{},\"currency\":{},\"bill_ids\":{}",
            text(channel),
            text(template),
            due.0,
            due.1,
            list(&c.bill_ids)
        ),
        ActionView::Withdraw { channel, cancels, .. } => {
            write!(out, ",\"channel\":{},\"cancels\":{}", text(channel), text(cancels))
        }
        ActionView::Bar { level, service_ids, emergency_calls_allowed, effective_at, .. } => write!(
            out,
            ",\"level\":{},\"service_ids\":{},\"emergency_calls_allowed\":{emergency_calls_allowed}\
             ,\"amount_due_minor\":{},\"currency\":{},\"effective_at\":{}",
            text(level),
            list(service_ids),
            due.0,
            due.1,
            effective_at.millis()
        ),
        ActionView::Retry { payment_id, attempt, method, not_before } => write!(
            out,
            ",\"payment_id\":{},\"attempt\":{attempt},\"amount_minor\":{},\"currency\":{},\"method\":{}\
             ,\"not_before\":{},\"bill_ids\":{}",
            text(payment_id),
            due.0,
            due.1,
            text(method),
            not_before.millis(),
            list(&c.bill_ids)
        ),
        ActionView::Ledger { kind, code, tax, reverses, .. } => write!(
            out,
            ",\"kind\":{},\"code\":{},\"amount_minor\":{},\"tax_minor\":{},\"currency\":{},\"reverses\":{}\
             ,\"bill_ids\":{}",
            text(kind),
            text(code),
            due.0,
            tax.get(),
            due.1,
            reverses.as_deref().map_or("null".to_owned(), text),
            list(&c.bill_ids)
        ),
        ActionView::Restore { service_ids, lifts, reason, effective_at, .. } => write!(
            out,
            ",\"service_ids\":{},\"lifts\":{},\"reason\":{},\"effective_at\":{}",
            list(service_ids),
            list(lifts),
            text(reason),
            effective_at.millis()
        ),
    };
    out.push('}');
    out
}

fn text(s: &str) -> String {
    serde_json::Value::from(s).to_string()
}

fn list(items: &[String]) -> String {
    let items: Vec<String> = items.iter().map(|i| text(i)).collect();
    format!("[{}]", items.join(","))
}
