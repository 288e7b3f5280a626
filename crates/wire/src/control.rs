//! Orders of the operator, as Avro datums of `dunning.control`.

use dunning_rules::Timestamp;

use crate::BadRecord;
use crate::avro::{Fault, Read, Reader, put_instant, put_len, put_long, put_option, put_str};
use crate::topic::InputTopic;

/// An order. Each partition has its own copy of the record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ControlEvent {
    /// The same in all its copies; a second record with the same id changes nothing.
    pub control_id: String,
    /// When it was given.
    pub occurred_at: Timestamp,
    /// Who gave it.
    pub actor: String,
    /// Why, in free text.
    pub reason: String,
    /// What is ordered.
    pub body: ControlBody,
}

/// What is ordered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ControlBody {
    /// A policy takes effect.
    PolicyPublished {
        /// `name@version`.
        label: String,
        /// The policy file.
        text: String,
        /// Cycles that start at or after it take the policy; `None`: as soon as it is read.
        effective_from: Option<Timestamp>,
    },
    /// Bars that a budget or a doubt holds may go.
    BarsReleased {
        /// The account; `None`: all that wait in the partition.
        account_id: Option<String>,
    },
    /// A record that could not be read was looked at.
    StaleReleased {
        /// The account that it is of; `None`: not known.
        account_id: Option<String>,
        /// The topic of the record.
        topic: InputTopic,
        /// Its offset.
        offset: i64,
    },
}

/// Puts an order.
pub fn encode(event: &ControlEvent, out: &mut Vec<u8>) {
    put_str(out, &event.control_id);
    put_instant(out, event.occurred_at);
    put_str(out, &event.actor);
    put_str(out, &event.reason);
    match &event.body {
        ControlBody::PolicyPublished { label, text, effective_from } => {
            put_len(out, 0);
            put_str(out, label);
            put_str(out, text);
            put_option(out, *effective_from, put_instant);
        }
        ControlBody::BarsReleased { account_id } => {
            put_len(out, 1);
            put_option(out, account_id.as_deref(), put_str);
        }
        ControlBody::StaleReleased { account_id, topic, offset } => {
            put_len(out, 2);
            put_option(out, account_id.as_deref(), put_str);
            put_str(out, topic.contract_name());
            put_long(out, *offset);
        }
    }
}

/// Reads an order.
///
/// # Errors
/// The datum is not in the layout of the schema, or names an account or a topic that cannot be.
pub fn decode(datum: &[u8]) -> Result<ControlEvent, BadRecord> {
    let mut r = Reader::new(datum);
    let event = ControlEvent {
        control_id: r.id()?.to_owned(),
        occurred_at: r.instant()?,
        actor: r.owned()?,
        reason: r.owned()?,
        body: body(&mut r)?,
    };
    r.end()?;
    Ok(event)
}

fn body(r: &mut Reader<'_>) -> Read<ControlBody> {
    Ok(match r.branch(3)? {
        0 => ControlBody::PolicyPublished {
            label: r.id()?.to_owned(),
            text: r.owned()?,
            effective_from: r.option(Reader::instant)?,
        },
        1 => ControlBody::BarsReleased { account_id: account(r)? },
        _ => ControlBody::StaleReleased {
            account_id: account(r)?,
            topic: InputTopic::from_contract_name(r.string()?).ok_or(Fault::BadEnum)?,
            offset: r.long()?,
        },
    })
}

fn account(r: &mut Reader<'_>) -> Read<Option<String>> {
    Ok(r.option(Reader::id)?.map(str::to_owned))
}
