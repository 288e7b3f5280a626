use std::collections::BTreeMap;

use dunning_rules::{BarLevel, Channel, Day, Minor, Timestamp};
use serde::Serialize;

use super::{KINDS, REASONS};
use crate::avro::{Fault, Read, Reader};
use crate::topic::OutputTopic;
use crate::{BadRecord, json};

/// One side of a double entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EntryView {
    /// `receivables`, `fees`, `interest`, `waivers`, `bad_debt` or `tax`.
    pub ledger: String,
    /// Minor units, not negative.
    #[serde(serialize_with = "json::amount")]
    pub debit: Minor,
    /// Minor units, not negative.
    #[serde(serialize_with = "json::amount")]
    pub credit: Minor,
}

/// A command as its receivers read it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CommandView {
    /// UUIDv5 of account and sequence.
    pub command_id: String,
    /// The billing account.
    pub account_id: String,
    /// Per account, over all command topics.
    pub sequence: u64,
    /// The instant of the decision on the account's line.
    #[serde(serialize_with = "json::instant")]
    pub decided_at: Timestamp,
    /// `name@version`.
    pub policy: String,
    /// The step that decided.
    pub step: String,
    /// Overdue and not disputed; of a restoration, what remains. Minor units.
    #[serde(serialize_with = "json::amount")]
    pub amount_due: Minor,
    /// ISO 4217 code; a restoration has none.
    pub currency: String,
    /// `<account_id>/<cycle>`, or empty.
    pub cycle_id: String,
    /// The event that caused it; none: a deadline.
    pub cause_event_id: Option<String>,
    /// The bills that it is for; a restoration has none.
    pub bill_ids: Vec<String>,
    /// What is to be done.
    pub action: ActionView,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ActionView {
    /// Tell the customer.
    Notify {
        /// Symbol of the channel.
        channel: &'static str,
        /// Alias; empty where the notification platform knows it.
        address: String,
        /// Template name.
        template: String,
        /// BCP 47 tag.
        language: String,
        /// One-tap payment link.
        payment_link: Option<String>,
        /// Values for the template.
        #[serde(skip_serializing_if = "BTreeMap::is_empty")]
        parameters: BTreeMap<String, String>,
        /// `reminder`, `warning`, or the policy's own word.
        purpose: String,
        /// Sent despite an opt-out.
        mandatory: bool,
        /// The date that the text names.
        #[serde(serialize_with = "json::maybe_day")]
        announced_for: Option<Day>,
        /// The notice that it sends another way.
        #[serde(skip_serializing_if = "Option::is_none")]
        follows: Option<String>,
    },
    /// Do not tell the customer, where that was not done yet.
    Withdraw {
        /// Symbol of the channel.
        channel: &'static str,
        /// Alias; empty where the notification platform knows it.
        address: String,
        /// BCP 47 tag.
        language: String,
        /// The notification that is not to be sent.
        cancels: String,
    },
    /// Restrict service.
    Bar {
        /// Symbol of the level.
        level: &'static str,
        /// Services; empty: all of the account.
        service_ids: Vec<String>,
        /// False only where the service is ended.
        emergency_calls_allowed: bool,
        /// When it starts.
        #[serde(serialize_with = "json::instant")]
        effective_at: Timestamp,
        /// Why, for machines.
        reason_code: String,
        /// The warnings before it.
        warning_command_ids: Vec<String>,
        /// The date that the warning named.
        #[serde(serialize_with = "json::maybe_day")]
        announced_for: Option<Day>,
        /// Service (empty: the account) and level that dunning claims after it.
        desired: Vec<(String, String)>,
    },
    /// Collect a payment that failed once more.
    Retry {
        /// The payment that failed first.
        payment_id: String,
        /// Which attempt, from 1.
        attempt: u16,
        /// How it was to be paid.
        method: String,
        /// Not before this instant.
        #[serde(serialize_with = "json::instant")]
        not_before: Timestamp,
    },
    /// Book a charge, or give one up, or a bill.
    Ledger {
        /// What it is for.
        kind: &'static str,
        /// The code by which billing knows it.
        code: String,
        /// The tax in the amount.
        #[serde(serialize_with = "json::amount")]
        tax: Minor,
        /// The double entry.
        entries: Vec<EntryView>,
        /// The request that it takes back.
        reverses: Option<String>,
    },
    /// Lift restrictions.
    Restore {
        /// Services; empty: all of the account.
        service_ids: Vec<String>,
        /// The barring commands that it ends, in the order sent.
        lifts: Vec<String>,
        /// Symbol of the reason.
        reason: &'static str,
        /// When service is to be back.
        #[serde(serialize_with = "json::instant")]
        effective_at: Timestamp,
        /// Service (empty: the account) and level that dunning claims after it.
        desired: Vec<(String, String)>,
    },
}

/// Reads a command from a datum of a command topic.
///
/// # Errors
/// The datum is not in the layout of the topic's schema, or the topic has no commands.
pub fn decode(topic: OutputTopic, datum: &[u8]) -> Result<CommandView, BadRecord> {
    let mut r = Reader::new(datum);
    let mut view = CommandView {
        command_id: r.owned()?,
        account_id: r.owned()?,
        sequence: u64::try_from(r.long()?).map_err(|_| Fault::BadNumber)?,
        decided_at: r.timestamp()?,
        policy: r.owned()?,
        step: r.owned()?,
        amount_due: Minor::ZERO,
        currency: String::new(),
        cycle_id: String::new(),
        cause_event_id: None,
        bill_ids: Vec::new(),
        action: ActionView::Restore {
            service_ids: Vec::new(),
            lifts: Vec::new(),
            reason: "UNKNOWN",
            effective_at: Timestamp::MIN,
            desired: Vec::new(),
        },
    };
    view.action = match topic {
        OutputTopic::Notifications => notification(&mut r, &mut view)?,
        OutputTopic::Barring => bar(&mut r, &mut view)?,
        OutputTopic::Restoration => restoration(&mut r, &mut view)?,
        OutputTopic::Retries => retry(&mut r, &mut view)?,
        OutputTopic::Ledger => ledger(&mut r, &mut view)?,
        _ => return Err(BadRecord::schema("the topic has no commands")),
    };
    r.end()?;
    Ok(view)
}

fn notification(r: &mut Reader<'_>, view: &mut CommandView) -> Read<ActionView> {
    let channel = Channel::ALL[r.symbol(Channel::ALL.len())?].symbol();
    let address = r.owned()?;
    let template = r.owned()?;
    let language = r.owned()?;
    let mut parameters = BTreeMap::new();
    r.each(|r| {
        let (key, value) = (r.owned()?, r.owned()?);
        parameters.insert(key, value);
        Ok(())
    })?;
    view.amount_due = Minor::new(r.long()?);
    view.currency = r.owned()?;
    view.bill_ids = r.strings()?;
    let payment_link = r.option(Reader::owned)?;
    r.option(Reader::timestamp)?; // not_before
    r.option(Reader::timestamp)?; // not_after
    cycle(r, view)?;
    let purpose = r.owned()?;
    let mandatory = r.boolean()?;
    let cancels = r.option(Reader::owned)?;
    let announced_for = r.option(day)?;
    let follows = r.option(Reader::owned)?;
    if let Some(cancels) = cancels {
        return Ok(ActionView::Withdraw { channel, address, language, cancels });
    }
    Ok(ActionView::Notify {
        channel,
        address,
        template,
        language,
        payment_link,
        parameters,
        purpose,
        mandatory,
        announced_for,
        follows,
    })
}

fn bar(r: &mut Reader<'_>, view: &mut CommandView) -> Read<ActionView> {
    let level = r.symbol(BarLevel::ALL.len() + 1)?;
    let level = BarLevel::ALL.get(level).map_or("UNKNOWN", |l| l.symbol());
    let service_ids = r.strings()?;
    let emergency_calls_allowed = r.boolean()?;
    view.amount_due = Minor::new(r.long()?);
    view.currency = r.owned()?;
    let effective_at = r.timestamp()?;
    cycle(r, view)?;
    let reason_code = r.owned()?;
    view.bill_ids = r.strings()?;
    let warning_command_ids = r.strings()?;
    let announced_for = r.option(day)?;
    let desired = r.array(claim)?;
    Ok(ActionView::Bar {
        level,
        service_ids,
        emergency_calls_allowed,
        effective_at,
        reason_code,
        warning_command_ids,
        announced_for,
        desired,
    })
}

fn restoration(r: &mut Reader<'_>, view: &mut CommandView) -> Read<ActionView> {
    let service_ids = r.strings()?;
    let lifts = r.strings()?;
    let reason = REASONS[r.symbol(REASONS.len())?];
    let effective_at = r.timestamp()?;
    cycle(r, view)?;
    view.amount_due = Minor::new(r.long()?);
    let desired = r.array(claim)?;
    Ok(ActionView::Restore { service_ids, lifts, reason, effective_at, desired })
}

fn retry(r: &mut Reader<'_>, view: &mut CommandView) -> Read<ActionView> {
    let payment_id = r.owned()?;
    let attempt = u16::try_from(r.int()?).map_err(|_| Fault::BadNumber)?;
    view.amount_due = Minor::new(r.long()?);
    view.currency = r.owned()?;
    let method = r.owned()?;
    let not_before = r.timestamp()?;
    view.bill_ids = r.strings()?;
    cycle(r, view)?;
    Ok(ActionView::Retry { payment_id, attempt, method, not_before })
}

fn ledger(r: &mut Reader<'_>, view: &mut CommandView) -> Read<ActionView> {
    let kind = KINDS[r.symbol(KINDS.len())?];
    let code = r.owned()?;
    view.amount_due = Minor::new(r.long()?);
    let tax = Minor::new(r.long()?);
    view.currency = r.owned()?;
    let entry = |r: &mut Reader<'_>| {
        Ok(EntryView { ledger: r.owned()?, debit: Minor::new(r.long()?), credit: Minor::new(r.long()?) })
    };
    let entries = r.array(entry)?;
    let reverses = r.option(Reader::owned)?;
    view.bill_ids = r.strings()?;
    cycle(r, view)?;
    Ok(ActionView::Ledger { kind, code, tax, entries, reverses })
}

fn cycle(r: &mut Reader<'_>, view: &mut CommandView) -> Read<()> {
    view.cycle_id = r.owned()?;
    view.cause_event_id = r.option(Reader::owned)?;
    r.option(Reader::string).map(drop) // case_id
}

fn day(r: &mut Reader<'_>) -> Read<Day> {
    r.int().map(Day::from_epoch)
}

fn claim(r: &mut Reader<'_>) -> Read<(String, String)> {
    Ok((r.owned()?, r.owned()?))
}
