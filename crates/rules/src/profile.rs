//! Who an account is.

use crate::{Channel, Day, Id, Minor, Zone};

/// Who the account is, as far as the rules use it.
#[derive(Clone, Debug, PartialEq)]
pub struct Profile {
    /// Customer category.
    pub segment: Id,
    /// ISO 3166 code, or empty.
    pub region: Id,
    /// Credit class given by the operator, or empty.
    pub risk_class: Id,
    /// BCP 47 tag.
    pub language: Id,
    /// Where its days begin.
    pub zone: Zone,
    /// Never barred without a person's decision.
    pub vulnerable: bool,
    /// First day as a customer.
    pub customer_since: Option<Day>,
    /// Ways to reach the customer, in the customer's order of preference.
    pub contacts: Vec<Contact>,
    /// Services that can be barred.
    pub services: Vec<Service>,
    /// Base of the one-tap payment link.
    pub payment_link: Option<Id>,
    /// `active`, `closed`, or the operator's own word.
    pub status: Id,
    /// What few operators say of their customers; `None`: nothing. An account keeps it beside its profile.
    pub facts: Option<Box<ProfileFacts>>,
}

/// What few operators say of their customers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProfileFacts {
    /// What the customer is worth, in minor units of the account's currency.
    pub lifetime_value: Minor,
    /// True where bills are collected without the customer doing anything.
    pub autopay: bool,
    /// At most [`SCORES_MAX`](crate::SCORES_MAX).
    pub scores: Vec<Score>,
}

/// A number that somebody else's model gave the customer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Score {
    /// What it is called.
    pub name: Id,
    /// In millionths.
    pub millionths: i64,
}

/// So many scores of a customer are kept.
pub const SCORES_MAX: usize = 32;

/// A way to reach the customer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contact {
    /// How.
    pub channel: Channel,
    /// An alias that the notification platform resolves.
    pub address: Id,
    /// False: opted out.
    pub consent: bool,
}

/// A subscribed service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// As in usage records.
    pub service_id: Id,
    /// True where it is never barred (alarm, medical).
    pub protected: bool,
    /// True where it is paid in advance.
    pub prepaid: bool,
}
