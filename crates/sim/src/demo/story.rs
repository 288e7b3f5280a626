use std::fmt;

use dunning_rules::{Body, Input, Minor, Timestamp, Zone};
use dunning_wire::command::ActionView;
use dunning_wire::decision::DecisionRecord;
use dunning_wire::frame::{account_key, split};
use dunning_wire::topic::{InputTopic, OutputTopic};

use super::facts::{Facts, Known};
use crate::bus::{Bus, Topic};

/// One customer, from the first bill to the last decision.
#[derive(Clone, Debug)]
pub struct Story {
    /// What it shows.
    pub title: &'static str,
    /// The billing account.
    pub account_id: String,
    /// Where the customer's days begin: the dates are those of this zone.
    pub zone: Zone,
    /// In the order of time.
    pub lines: Vec<StoryLine>,
}

/// Something that happened to a customer or was decided.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct StoryLine {
    /// When.
    pub at: Timestamp,
    /// False: something that happened; true: something that was decided. What happens comes first.
    pub is_decision: bool,
    /// What.
    pub text: String,
}

/// Three customers whose stories show most, where there are such customers.
pub(super) fn pick(facts: &Facts, bus: &Bus) -> Vec<Story> {
    type Rule = fn(&Known) -> u32;
    let rules: [(&str, Rule); 3] =
        [("Cured in time", cured), ("Disputed", disputed), ("Barred and restored", restored)];
    let mut stories = Vec::new();
    for (title, rule) in rules {
        // The first of those that fit best.
        let best = facts.accounts.iter().map(|(id, known)| (rule(known), id, known)).filter(|(score, _, _)| *score > 0);
        let best = best.reduce(|best, next| if next.0 > best.0 { next } else { best });
        if let Some((_, account_id, known)) = best {
            let profile = known.account.as_ref().and_then(|a| a.profile.as_deref());
            let zone = profile.map_or(Zone::UTC, |p| p.zone);
            stories.push(Story { title, account_id: account_id.clone(), zone, lines: lines(bus, account_id, known) });
        }
    }
    stories
}

/// How well an account shows a customer who paid after a notice and before a bar; 0: not at all.
fn cured(known: &Known) -> u32 {
    let notices = known.count(OutputTopic::Notifications);
    let fits = known.count(OutputTopic::Barring) == 0 && is_clear(known) && ended_by(known, InputTopic::Payments);
    let last_open = known.account.as_ref().is_some_and(|a| a.open() == Minor::ZERO);
    if fits && (1..=2).contains(&notices) { 1 + u32::from(notices == 2) + u32::from(last_open) } else { 0 }
}

/// How well an account shows a dispute that stopped the dunning and was decided.
fn disputed(known: &Known) -> u32 {
    if !ended_by(known, InputTopic::Disputes) {
        return 0;
    }
    let was_told = known.count(OutputTopic::Notifications) > 0;
    let is_decided = known.account.as_ref().is_some_and(|a| a.disputes.iter().all(|d| d.resolved));
    1 + u32::from(was_told) + u32::from(is_decided) + u32::from(known.decisions.iter().any(|d| d.cycle == 2))
}

/// How well an account shows a bar that a payment lifted.
fn restored(known: &Known) -> u32 {
    let paid = |action: &ActionView| matches!(action, ActionView::Restore { reason: "PAID", .. });
    if !known.commands.iter().any(|(_, c)| paid(&c.action)) || !is_clear(known) {
        return 0;
    }
    u32::try_from(known.count(OutputTopic::Barring)).unwrap_or(0)
}

fn is_clear(known: &Known) -> bool {
    known.account.as_ref().is_some_and(|a| a.cycle.is_none())
}

/// Whether a cycle ended because of an event of a topic.
fn ended_by(known: &Known, topic: InputTopic) -> bool {
    let because = |d: &DecisionRecord| d.cause.as_ref().is_some_and(|c| c.topic == topic.contract_name());
    known.decisions.iter().any(|d| d.code == "cycle_ended" && because(d))
}

fn lines(bus: &Bus, account_id: &str, known: &Known) -> Vec<StoryLine> {
    let mut lines = Vec::new();
    let shard = crate::murmur2::partition(account_id.as_bytes(), bus.partitions());
    for topic in [InputTopic::Bills, InputTopic::Payments, InputTopic::Disputes, InputTopic::Interactions] {
        bus.each(Topic::In(topic), shard, 0, |record| {
            let datum = record.value.as_deref().and_then(|v| split(v).ok()).map(|(_, datum)| datum);
            if account_key(record.key.as_deref()) != Ok(account_id) {
                return;
            }
            if let Some(event) = datum.and_then(|d| dunning_wire::event::decode(topic, d).ok())
                && let Some(text) = words(&event.event)
            {
                lines.push(StoryLine { at: event.event.occurred_at, is_decision: false, text });
            }
        });
    }
    for decision in &known.decisions {
        lines.push(StoryLine { at: decision.decided_at, is_decision: true, text: decision.words.clone() });
    }
    // Decisions of one instant stay in their own order.
    lines.sort_by_key(|line| (line.at, line.is_decision));
    lines
}

fn words(event: &Input<'_>) -> Option<String> {
    Some(match &event.body {
        Body::BillIssued { amount, currency, due_on, .. } => {
            format!("a bill of {amount} {currency} is issued, due on {due_on}")
        }
        Body::BillAdjusted { delta, .. } => format!("the bill changes by {delta}"),
        Body::BillCancelled { .. } => "the bill is withdrawn".to_owned(),
        Body::BillWrittenOff { amount, .. } => format!("{amount} is given up"),
        Body::AccountCredited { amount, .. } => format!("the account is credited {amount}"),
        Body::PaymentReceived { amount, .. } => format!("the customer pays {amount}"),
        Body::PaymentFailed { .. } => "a payment is declined".to_owned(),
        Body::PaymentReversed { amount, .. } => format!("the bank takes {amount} back"),
        Body::DisputeOpened { amount: Some(amount), .. } => format!("the customer contests {amount} of the bill"),
        Body::DisputeOpened { .. } => "the customer contests the bill".to_owned(),
        Body::DisputeResolved { credited, .. } if *credited > Minor::ZERO => {
            format!("the dispute ends: the customer was right, {credited} is credited")
        }
        Body::DisputeResolved { .. } => "the dispute ends: the bill was right".to_owned(),
        Body::Interaction(_) => "a person decides on bars".to_owned(),
        _ => return None,
    })
}

impl fmt::Display for Story {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: {} (days in {})", self.title, self.account_id, self.zone.name())?;
        for line in &self.lines {
            let sign = if line.is_decision { "→ " } else { "" };
            writeln!(f, "  {}  {sign}{}", self.zone.day_of(line.at), line.text)?;
        }
        Ok(())
    }
}
