//! Decisions as Avro datums of `dunning.decisions`.

use dunning_rules::{Code, Currency, Decision, Minor, RULES_VERSION, Timestamp};
use serde::Serialize;

use crate::avro::{
    Fault, Read, Reader, put_amount, put_array, put_bool, put_currency, put_instant, put_long, put_option, put_str,
    put_varint,
};
use crate::{BadRecord, json};

/// The record that led to a decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Cause<'a> {
    /// Name of the topic.
    pub topic: std::borrow::Cow<'a, str>,
    /// Partition.
    pub partition: i32,
    /// Offset.
    pub offset: i64,
}

impl<'a> Cause<'a> {
    /// The record at a place of the bus.
    #[must_use]
    pub const fn new(topic: &'a str, partition: i32, offset: i64) -> Self {
        Self { topic: std::borrow::Cow::Borrowed(topic), partition, offset }
    }
}

/// A decision as its readers read it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DecisionRecord {
    /// The billing account.
    pub account_id: String,
    /// Per account, from 1.
    pub number: u64,
    /// The instant on the account's line.
    #[serde(serialize_with = "json::instant")]
    pub decided_at: Timestamp,
    /// What, in a word.
    pub code: String,
    /// More of the code, such as the word of a hold; empty: nothing more.
    pub detail: String,
    /// Why, in words for a person.
    pub words: String,
    /// The step; empty: none.
    pub step: String,
    /// The command that followed.
    pub command_id: Option<String>,
    /// Its sequence; 0: none.
    pub sequence: u64,
    /// Overdue and not disputed, minor units.
    #[serde(serialize_with = "json::amount")]
    pub amount_due: Minor,
    /// The account's minimum, minor units.
    #[serde(serialize_with = "json::amount")]
    pub minimum: Minor,
    /// ISO 4217 code; empty: none seen yet.
    pub currency: String,
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

/// Puts a decision.
pub fn encode(
    account_id: &str,
    currency: Option<Currency>,
    decision: &Decision,
    cause: Option<&Cause<'_>>,
    shadow: bool,
    out: &mut Vec<u8>,
) {
    put_str(out, account_id);
    // Numbers and sequences are far below the half of their range.
    put_varint(out, decision.number << 1);
    put_instant(out, decision.at);
    put_str(out, decision.code.word());
    put_str(out, detail(decision.code));
    put_str(out, &decision.words());
    put_str(out, decision.step.as_deref().unwrap_or(""));
    put_option(out, decision.command.as_ref(), |out, (id, _)| put_str(out, &id.to_string()));
    put_varint(out, decision.command.map_or(0, |(_, sequence)| sequence) << 1);
    put_amount(out, decision.amount_due);
    put_amount(out, decision.minimum);
    put_currency(out, currency);
    put_array(out, decision.bill_ids.iter(), |out, id| put_str(out, id));
    put_str(out, &decision.policy);
    put_long(out, i64::from(RULES_VERSION));
    put_long(out, i64::from(decision.cycle));
    put_bool(out, shadow);
    put_option(out, cause, |out, cause| {
        put_str(out, &cause.topic);
        put_long(out, i64::from(cause.partition));
        put_long(out, cause.offset);
    });
}

fn detail(code: Code) -> &'static str {
    match code {
        Code::BarHeld(hold) => hold.word(),
        Code::NotRetried(why) => why.word(),
        Code::NotCharged(why) => why.word(),
        _ => "",
    }
}

/// Reads a decision.
///
/// # Errors
/// The datum is not in the layout of the schema.
pub fn decode(datum: &[u8]) -> Result<DecisionRecord, BadRecord> {
    let mut r = Reader::new(datum);
    let record = DecisionRecord {
        account_id: r.owned()?,
        number: unsigned(&mut r)?,
        decided_at: r.timestamp()?,
        code: r.owned()?,
        detail: r.owned()?,
        words: r.owned()?,
        step: r.owned()?,
        command_id: r.option(Reader::owned)?,
        sequence: unsigned(&mut r)?,
        amount_due: Minor::new(r.long()?),
        minimum: Minor::new(r.long()?),
        currency: r.owned()?,
        bill_ids: r.strings()?,
        policy: r.owned()?,
        rules_version: small(&mut r)?,
        cycle: small(&mut r)?,
        shadow: r.boolean()?,
        cause: r.option(|r| Ok(Cause { topic: r.owned()?.into(), partition: r.int()?, offset: r.long()? }))?,
    };
    r.end()?;
    Ok(record)
}

fn unsigned(r: &mut Reader<'_>) -> Read<u64> {
    u64::try_from(r.long()?).map_err(|_| Fault::BadNumber)
}

fn small(r: &mut Reader<'_>) -> Read<u32> {
    u32::try_from(r.int()?).map_err(|_| Fault::BadNumber)
}
