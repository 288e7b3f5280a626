//! Records of the state topic `dunning.accounts`: the last state of an account, or a partition's checkpoint.

use dunning_rules::{Currency, Minor, PendingBar};

use crate::BadRecord;
use crate::avro::{
    Fault, Read, Reader, put_amount, put_array, put_bool, put_bytes, put_currency, put_instant, put_len, put_long,
    put_option, put_str, put_varint,
};
use crate::state::{self, Checkpoint, GateCounters, Outbox, StaleMark, StateVersion, StoredRow};
use crate::topic::{InputTopic, OutputTopic};

/// The version of the meaning of a checkpoint. The one before, which has no outputs, is read as well.
pub const CHECKPOINT_FORMAT: u32 = 2;
/// The version of the list of words for stages.
const STAGE_VERSION: i64 = 1;
/// What `pending_bar` says while a bar waits for the first look at the inputs.
const WAITING: &str = "waiting";

/// The public part of a state record that the stored account does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Summary<'a> {
    /// Overdue and not disputed.
    pub amount_due: Minor,
    /// The last step taken in the cycle; empty: none.
    pub step: &'a str,
}

/// A record of the state topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StateRecord<'a> {
    /// The last state of an account.
    Account {
        /// The billing account.
        account_id: &'a str,
        /// Where it stands, in a word.
        stage: &'a str,
        /// For [`state::decode_row`].
        row: &'a [u8],
    },
    /// How far the partition was processed.
    Checkpoint(Box<Checkpoint>),
}

/// Puts the last state of an account. Returns where in `out` the stored row stands, which is what [`state::encode_row`]
/// would have put, so that it need not be encoded twice.
pub fn encode_account_state(
    row: &StoredRow,
    version: StateVersion,
    summary: &Summary<'_>,
    out: &mut Vec<u8>,
) -> std::ops::Range<usize> {
    let account = &row.account;
    put_len(out, 0);
    put_str(out, &account.id);
    put_long(out, account.line.millis().max(0)); // nothing may have happened to it yet
    put_long(out, STAGE_VERSION);
    put_str(out, account.stage().word());
    let cycle = account.cycle.as_ref();
    put_long(out, cycle.map_or(0, |c| i64::from(c.number)));
    put_str(out, cycle.map_or("", |c| &c.policy));
    put_str(out, summary.step);
    put_amount(out, summary.amount_due);
    put_currency(out, account.currency);
    put_amount(out, account.open());
    put_varint(out, account.sequence << 1);
    put_option(out, account.deadline, put_instant);
    put_str(out, account.pending().map_or("", pending_word));
    put_bool(out, !row.stale.is_empty());
    put_long(out, i64::from(version.number()));
    put_row(row, version, out)
}

fn pending_word(pending: &PendingBar) -> &'static str {
    pending.held.map_or(WAITING, dunning_rules::Hold::word)
}

/// The row with its length before it. Most lengths take two bytes; others move the row.
fn put_row(row: &StoredRow, version: StateVersion, out: &mut Vec<u8>) -> std::ops::Range<usize> {
    let at = out.len();
    out.extend([0, 0]);
    state::encode_row(row, version, out);
    let len = out.len() - at - 2;
    let mut prefix = Vec::with_capacity(4);
    put_len(&mut prefix, len);
    out.splice(at..at + 2, prefix.iter().copied());
    out.len() - len..out.len()
}

/// Puts a checkpoint; also what the store keeps of it.
pub fn encode_checkpoint(checkpoint: &Checkpoint, out: &mut Vec<u8>) {
    put_len(out, 1);
    put_long(out, i64::from(CHECKPOINT_FORMAT));
    put_varint(out, checkpoint.transaction << 1);
    put_long(out, i64::from(checkpoint.generation));
    put_long(out, i64::from(checkpoint.partition));
    put_instant(out, checkpoint.clock);
    put_array(out, checkpoint.positions.iter(), |out, (topic, next)| put_place(out, *topic, *next));
    put_array(out, checkpoint.policies.iter(), |out, (label, from, text)| {
        put_str(out, label);
        put_instant(out, *from);
        put_bytes(out, text.as_bytes());
    });
    put_array(out, checkpoint.stale_records.iter(), |out, mark| put_place(out, mark.topic, mark.offset));
    put_varint(out, checkpoint.stale_count << 1);
    put_instant(out, checkpoint.gate.window_start);
    put_varint(out, checkpoint.gate.bars << 1);
    put_option(out, checkpoint.gate.released_until, put_instant);
    put_str(out, &checkpoint.writer);
    put_long(out, i64::from(checkpoint.rules_version));
    put_bool(out, checkpoint.shadow);
    put_array(out, checkpoint.output_ends.iter(), |out, (topic, end)| {
        put_str(out, topic.contract_name());
        put_long(out, *end);
    });
    checkpoint.outbox.put(out);
}

fn put_place(out: &mut Vec<u8>, topic: InputTopic, offset: i64) {
    put_str(out, topic.contract_name());
    put_long(out, offset);
}

/// Reads a record of the state topic.
///
/// # Errors
/// The datum is not in the layout of the schema, or a checkpoint has a format or a topic that is not known.
pub fn decode(datum: &[u8]) -> Result<StateRecord<'_>, BadRecord> {
    let mut r = Reader::new(datum);
    let record = match r.branch(2)? {
        0 => account(&mut r)?,
        _ => StateRecord::Checkpoint(Box::new(checkpoint(&mut r)?)),
    };
    r.end()?;
    Ok(record)
}

/// Reads a checkpoint.
///
/// # Errors
/// As [`decode`]; or the record is an account's.
pub fn decode_checkpoint(datum: &[u8]) -> Result<Checkpoint, BadRecord> {
    match decode(datum)? {
        StateRecord::Checkpoint(checkpoint) => Ok(*checkpoint),
        StateRecord::Account { .. } => Err(BadRecord::schema("an account's state stands where a checkpoint must")),
    }
}

fn account<'a>(r: &mut Reader<'a>) -> Read<StateRecord<'a>> {
    let account_id = r.id()?;
    r.timestamp()?; // updated_at
    r.int()?; // stage_version
    let stage = r.string()?;
    r.int()?; // cycle
    r.string()?; // policy
    r.string()?; // step
    r.long()?; // amount_due_minor
    let currency = r.string()?;
    if !currency.is_empty() && Currency::parse(currency).is_none() {
        return Err(Fault::UnknownCurrency);
    }
    r.long()?; // open_minor
    r.long()?; // sequence
    r.option(Reader::timestamp)?; // deadline
    r.string()?; // pending_bar
    r.boolean()?; // stale
    r.int()?; // state_version: the row names its own as well
    Ok(StateRecord::Account { account_id, stage, row: r.blob()? })
}

fn checkpoint(r: &mut Reader<'_>) -> Result<Checkpoint, BadRecord> {
    let format = unsigned(r)?;
    if format != u64::from(CHECKPOINT_FORMAT) && format + 1 != u64::from(CHECKPOINT_FORMAT) {
        return Err(BadRecord::schema("the checkpoint has a format that this program does not read; use a newer one"));
    }
    let has_outputs = format == u64::from(CHECKPOINT_FORMAT);
    Ok(Checkpoint {
        transaction: unsigned(r)?,
        generation: small(r)?,
        partition: small(r)?,
        clock: r.timestamp()?,
        positions: r.array(place)?,
        policies: r.array(|r| Ok((r.owned()?, r.timestamp()?, r.owned()?)))?,
        stale_records: r.array(|r| place(r).map(|(topic, offset)| StaleMark { topic, offset }))?,
        stale_count: unsigned(r)?,
        gate: GateCounters {
            window_start: r.timestamp()?,
            bars: unsigned(r)?,
            released_until: r.option(Reader::timestamp)?,
        },
        writer: r.owned()?,
        rules_version: small(r)?,
        shadow: r.boolean()?,
        output_ends: if has_outputs { r.array(output)? } else { Vec::new() },
        outbox: if has_outputs { Outbox::read(r)? } else { Outbox::default() },
    })
}

fn place(r: &mut Reader<'_>) -> Read<(InputTopic, i64)> {
    let topic = InputTopic::from_contract_name(r.string()?).ok_or(Fault::BadEnum)?;
    Ok((topic, r.long()?))
}

fn output(r: &mut Reader<'_>) -> Read<(OutputTopic, i64)> {
    let topic = OutputTopic::from_contract_name(r.string()?).ok_or(Fault::BadEnum)?;
    Ok((topic, r.long()?))
}

fn unsigned(r: &mut Reader<'_>) -> Read<u64> {
    u64::try_from(r.long()?).map_err(|_| Fault::BadNumber)
}

fn small(r: &mut Reader<'_>) -> Read<u32> {
    u32::try_from(r.int()?).map_err(|_| Fault::BadNumber)
}
