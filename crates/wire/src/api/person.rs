//! All that is known of a person, for the person: also ways to reach them, which no other page shows.

use dunning_rules::{Account, Contact, Day, Timestamp};
use serde::Serialize;

use super::Money;
use crate::json;

/// What an account's state says beyond where it stands.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PersonView {
    /// The last profile; none: none was seen, or it was erased.
    pub profile: Option<WholeProfile>,
    /// When erasure was asked for.
    #[serde(serialize_with = "json::maybe_instant")]
    pub erasure_asked: Option<Timestamp>,
    /// Channels on which the customer wants nothing, as a channel reported.
    pub opted_out: Vec<&'static str>,
    /// Channels on which nothing arrives.
    pub unreachable: Vec<&'static str>,
    /// When the customer was last spoken to.
    #[serde(serialize_with = "json::maybe_instant")]
    pub spoken_to: Option<Timestamp>,
    /// In the order received.
    pub payments: Vec<PaymentView>,
    /// In the order opened.
    pub disputes: Vec<DisputeView>,
    /// What is used, where a policy watches it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usage: Option<UsageView>,
    /// How many events are remembered, by hashes of their ids.
    pub events_remembered: usize,
}

/// Usage in two windows, in bytes, seconds or messages, as the policy watches it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct UsageView {
    /// The first day of the window that runs.
    #[serde(serialize_with = "json::day")]
    pub since: Day,
    /// In it.
    pub now: u64,
    /// In the one before it.
    pub before: u64,
    /// When the customer was last told that it fell.
    #[serde(serialize_with = "json::maybe_day")]
    pub told: Option<Day>,
    /// The services counted.
    pub services: Vec<String>,
}

/// A profile as it was given.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct WholeProfile {
    /// Customer category.
    pub segment: String,
    /// ISO 3166 code, or empty.
    pub region: String,
    /// Credit class.
    pub risk_class: String,
    /// BCP 47 tag.
    pub language: String,
    /// Where its days begin.
    pub time_zone: &'static str,
    /// Never barred without a person's decision.
    pub vulnerable: bool,
    /// First day as a customer.
    #[serde(serialize_with = "json::maybe_day")]
    pub customer_since: Option<Day>,
    /// In the customer's order.
    pub contacts: Vec<ContactView>,
    /// Services, by their ids.
    pub services: Vec<String>,
    /// One-tap payment link.
    pub payment_link: Option<String>,
    /// Status at the source.
    pub status: String,
    /// What the customer is worth, minor units.
    pub lifetime_value: i64,
    /// Bills are collected without the customer doing anything.
    pub autopay: bool,
    /// Scores by name.
    pub scores: Vec<(String, f64)>,
}

/// A way to reach the customer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ContactView {
    /// How.
    pub channel: &'static str,
    /// Alias by which the notification platform knows the address.
    pub address: String,
    /// False: opted out.
    pub consent: bool,
}

/// A payment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PaymentView {
    /// Unique within the account.
    pub payment_id: String,
    /// Its amount less what was taken back.
    pub left: Money,
    /// The UTC day.
    #[serde(serialize_with = "json::day")]
    pub day: Day,
}

/// A dispute.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DisputeView {
    /// Unique within the account.
    pub dispute_id: String,
    /// True once it ended.
    pub resolved: bool,
    /// The UTC day it was opened.
    #[serde(serialize_with = "json::day")]
    pub day: Day,
}

impl From<&Contact> for ContactView {
    fn from(contact: &Contact) -> Self {
        Self { channel: contact.channel.symbol(), address: contact.address.to_string(), consent: contact.consent }
    }
}

impl WholeProfile {
    fn of(account: &Account) -> Option<Self> {
        let profile = account.profile.as_deref()?;
        let facts = account.facts();
        // Scores are kept in millionths.
        #[allow(clippy::cast_precision_loss)]
        let score = |score: &dunning_rules::Score| (score.name.to_string(), score.millionths as f64 / 1e6);
        Some(Self {
            segment: profile.segment.to_string(),
            region: profile.region.to_string(),
            risk_class: profile.risk_class.to_string(),
            language: profile.language.to_string(),
            time_zone: profile.zone.name(),
            vulnerable: profile.vulnerable,
            customer_since: profile.customer_since,
            contacts: profile.contacts.iter().map(ContactView::from).collect(),
            services: profile.services.iter().map(|service| service.service_id.to_string()).collect(),
            payment_link: profile.payment_link.as_ref().map(ToString::to_string),
            status: profile.status.to_string(),
            lifetime_value: facts.map_or(0, |facts| facts.lifetime_value.get()),
            autopay: facts.is_some_and(|facts| facts.autopay),
            scores: facts.map_or(Vec::new(), |facts| facts.scores.iter().map(score).collect()),
        })
    }
}

impl PersonView {
    /// Of an account.
    #[must_use]
    pub fn new(account: &Account) -> Self {
        let currency = account.currency.as_ref().map_or("", |c| c.as_str());
        let reach = account.reach();
        let symbols = |channels: &[dunning_rules::Channel]| channels.iter().map(|c| c.symbol()).collect();
        let payment = |payment: &dunning_rules::Payment| PaymentView {
            payment_id: payment.id.to_string(),
            left: Money::new(payment.left, currency),
            day: payment.day,
        };
        let dispute = |dispute: &dunning_rules::Dispute| DisputeView {
            dispute_id: dispute.id.to_string(),
            resolved: dispute.resolved,
            day: dispute.day,
        };
        Self {
            profile: WholeProfile::of(account),
            erasure_asked: account.erasure().and_then(|erasure| erasure.asked),
            opted_out: reach.map_or(Vec::new(), |reach| symbols(&reach.opted_out)),
            unreachable: reach.map_or(Vec::new(), |reach| symbols(&reach.unreachable)),
            spoken_to: reach.and_then(|reach| reach.conversed),
            payments: account.payments.iter().map(payment).collect(),
            disputes: account.disputes.iter().map(dispute).collect(),
            usage: account.usage().map(|watch| UsageView {
                since: watch.since,
                now: watch.now,
                before: watch.before,
                told: watch.told,
                services: watch.counted.iter().map(|(service, _)| service.to_string()).collect(),
            }),
            events_remembered: account.seen.ids().len(),
        }
    }
}
