//! The events of the six input topics that concern accounts: read without copying, and checked as far as one record
//! can be checked by itself.

mod bill;
mod encode;
mod interaction;
mod payment;
mod profile;
#[cfg(test)]
mod tests;

use dunning_rules::{Body, Input};

use crate::avro::Reader;
use crate::{BadRecord, topic::InputTopic};

pub use encode::encode_input;
pub(crate) use profile::millionths;

/// A record's event and the account that it is of.
#[derive(Clone, Debug, PartialEq)]
pub struct Decoded<'a> {
    /// The billing account.
    pub account_id: &'a str,
    /// What happened.
    pub event: Input<'a>,
    /// The name of the schema's record: `BillIssued`, `PaymentReceived`, …; for counters.
    pub kind: &'static str,
}

/// What happened, and the name of the schema's record.
type Named<'a> = (Body<'a>, &'static str);

/// Reads a datum in the layout of the built-in schema of the topic. Another writer's layout is first brought into it:
/// [`crate::schema::Plan::datum`].
///
/// # Errors
/// The first reason found. A record of [`InputTopic::Control`] is not an event: [`crate::control::decode`].
pub fn decode(topic: InputTopic, datum: &[u8]) -> Result<Decoded<'_>, BadRecord> {
    let mut r = Reader::new(datum);
    let event_id = r.id()?;
    let account_id = r.id()?;
    let occurred_at = r.instant()?;
    let (body, kind) = match topic {
        InputTopic::Bills => bill::body(&mut r)?,
        InputTopic::Payments => payment::payment(&mut r)?,
        InputTopic::Disputes => payment::dispute(&mut r)?,
        InputTopic::Interactions => interaction::body(&mut r)?,
        InputTopic::Accounts => profile::body(&mut r)?,
        InputTopic::Usage => interaction::usage(&mut r)?,
        InputTopic::Control => {
            return Err(BadRecord::schema("a record of the control topic is not an event of an account"));
        }
    };
    r.end()?;
    Ok(Decoded { account_id, event: Input { event_id, occurred_at, body }, kind })
}

/// The account id of a datum in the layout of the built-in schemas, where it can be read: whose account a record is of
/// that is bad further on.
#[must_use]
pub fn account_of(datum: &[u8]) -> Option<&str> {
    let mut r = Reader::new(datum);
    r.string().ok()?;
    r.id().ok()
}
