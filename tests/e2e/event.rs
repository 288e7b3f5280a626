//! Records as the operator's systems write them.

use dunning_rules::{Body, Channel, Contact, Currency, Day, Input, Minor, Profile, Service, Timestamp, Usage, Zone};
use dunning_wire::event::encode_input;
use dunning_wire::topic::InputTopic;

use crate::world::{Record, World};

pub const DAY: i64 = 86_400_000;

/// Whose record, in which partition, when.
#[derive(Clone, Copy, Debug)]
pub struct At<'a> {
    pub account: &'a str,
    pub partition: u32,
    /// Milliseconds since 1970.
    pub millis: i64,
}

pub fn at(account: &str, millis: i64) -> At<'_> {
    At { account, partition: 0, millis }
}

impl At<'_> {
    /// The datum of an event whose id is `event_id`.
    pub fn datum(&self, topic: InputTopic, event_id: &str, body: Body<'_>) -> Vec<u8> {
        let input = Input { event_id, occurred_at: Timestamp::from_millis(self.millis), body };
        let mut datum = Vec::new();
        encode_input(topic, self.account, &input, &mut datum);
        datum
    }

    /// A record with a value that is already framed, or is none.
    pub fn raw(&self, topic: InputTopic, value: Option<Vec<u8>>) -> Record {
        let key = Some(self.account.as_bytes().to_vec());
        Record { topic, partition: self.partition, timestamp: self.millis, key, value, headers: Vec::new() }
    }

    pub fn event(&self, world: &World, topic: InputTopic, event_id: &str, body: Body<'_>) -> Record {
        self.raw(topic, Some(world.framed(topic, &self.datum(topic, event_id, body))))
    }

    /// A bill over an amount in cents, due on a day.
    pub fn bill(&self, world: &World, bill_id: &str, cents: i64, due_on: Day) -> Record {
        let event_id = format!("issued-{bill_id}");
        self.event(world, InputTopic::Bills, &event_id, bill(bill_id, cents, day_of(self.millis), due_on))
    }

    pub fn payment(&self, world: &World, payment_id: &str, cents: i64) -> Record {
        let event_id = format!("received-{payment_id}");
        self.event(world, InputTopic::Payments, &event_id, payment(payment_id, cents))
    }

    pub fn profile(&self, world: &World) -> Record {
        self.event(world, InputTopic::Accounts, "profile", Body::Profile(Box::new(customer())))
    }

    /// Something that moves a `stream` clock and nothing else.
    pub fn usage(&self, world: &World, event_id: &str) -> Record {
        self.event(world, InputTopic::Usage, event_id, Body::UsageRecorded(Usage::NONE))
    }
}

/// Under clock `stream`: it goes on to an instant.
pub fn goes_on(world: &World, millis: i64) -> Record {
    at("clock", millis).usage(world, &format!("u-{millis}"))
}

pub fn euro() -> Currency {
    Currency::parse("EUR").expect("a currency")
}

pub fn day_of(millis: i64) -> Day {
    Day::from_epoch(i32::try_from(millis.div_euclid(DAY)).expect("a day"))
}

pub fn bill(bill_id: &str, cents: i64, issued_on: Day, due_on: Day) -> Body<'_> {
    let (terms, lines) = (Vec::new(), Vec::new());
    Body::BillIssued {
        bill_id,
        amount: Minor::new(cents),
        currency: euro(),
        issued_on,
        due_on,
        terms,
        lines,
        kind: "regular",
        origin: None,
    }
}

pub fn payment(payment_id: &str, cents: i64) -> Body<'_> {
    Body::PaymentReceived { payment_id, amount: Minor::new(cents), currency: euro(), bill_id: None, command_id: None }
}

/// A consumer in Berlin whom every notice reaches.
pub fn customer() -> Profile {
    let contact = |channel, alias: &str| Contact { channel, address: alias.into(), consent: true };
    Profile {
        segment: "consumer".into(),
        region: "DE".into(),
        risk_class: "".into(),
        language: "de".into(),
        zone: Zone::parse("Europe/Berlin").expect("a zone"),
        vulnerable: false,
        customer_since: None,
        contacts: vec![
            contact(Channel::Email, "alias-e"),
            contact(Channel::Sms, "alias-s"),
            contact(Channel::Letter, "alias-l"),
        ],
        services: vec![Service { service_id: "line-1".into(), protected: false, prepaid: false }],
        payment_link: None,
        status: "active".into(),
        facts: None,
    }
}
