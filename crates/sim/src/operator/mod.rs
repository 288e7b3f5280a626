//! A synthetic operator: customers who pay, pay late, contest and default, and the events that its systems would write.
//! The same seed gives the same bytes.

mod plan;

use dunning_rules::{
    Body, Channel, Contact, Currency, DAY_MS, Day, DisputeOutcome, Failed, Input, Interaction, Minor, Profile,
    ReversalKind, Service, Timestamp, Usage, Zone,
};
use dunning_wire::event::encode_input;
use dunning_wire::frame::put_header;
use dunning_wire::schema::embedded_id;
use dunning_wire::topic::InputTopic;

pub use plan::Behaviour;
use plan::{Customer, Happening, Planner, What};

/// How large the operator is, and for how long it runs.
#[derive(Clone, Copy, Debug)]
pub struct OperatorOptions {
    /// Billing accounts.
    pub accounts: u32,
    /// Virtual days.
    pub days: u32,
    /// The same seed gives the same events.
    pub seed: u64,
    /// Midnight UTC of the first day.
    pub start: Timestamp,
}

impl Default for OperatorOptions {
    /// 10,000 accounts and 90 days from 12 January 2026, so that the clocks change to summer time within them.
    fn default() -> Self {
        Self { accounts: 10_000, days: 90, seed: 1, start: Timestamp::from_millis(20_465 * DAY_MS) }
    }
}

/// An event as one of the operator's systems writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperatorEvent {
    /// Its topic.
    pub topic: InputTopic,
    /// Its account: the record's key.
    pub account_id: String,
    /// When it happened: the record's timestamp.
    pub at: Timestamp,
    /// Avro data of the topic's built-in schema.
    pub datum: Vec<u8>,
}

impl OperatorEvent {
    /// The record's value under the id that a registry gave to the topic's schema.
    #[must_use]
    pub fn value(&self, schema_id: u32) -> Vec<u8> {
        let mut value = Vec::with_capacity(self.datum.len() + 5);
        put_header(&mut value, schema_id);
        value.extend_from_slice(&self.datum);
        value
    }

    /// The record's value where there is no registry.
    #[must_use]
    pub fn embedded_value(&self) -> Vec<u8> {
        self.value(embedded_id(self.topic.contract_name()))
    }
}

/// A synthetic operator.
#[derive(Clone, Debug)]
pub struct Operator {
    options: OperatorOptions,
    /// In time order.
    happenings: Vec<Happening>,
    customers: Vec<Customer>,
}

/// Names of the segments, in the order of [`Customer`].
const SEGMENTS: [&str; 3] = ["mobile", "family", "business"];
/// Country, currency, zone and language, in the order of [`Customer`].
const COUNTRIES: [(&str, &str, &str, &str); 4] = [
    ("DE", "EUR", "Europe/Berlin", "de"),
    ("AT", "EUR", "Europe/Vienna", "de-AT"),
    ("CH", "CHF", "Europe/Zurich", "fr-CH"),
    ("GB", "GBP", "Europe/London", "en-GB"),
];

impl Operator {
    /// Plans everything that will happen.
    #[must_use]
    pub fn new(options: OperatorOptions) -> Self {
        let mut happenings = Vec::new();
        let mut customers = Vec::with_capacity(options.accounts as usize);
        for account in 0..options.accounts {
            let planner = Planner::new(&options, account, &mut happenings);
            customers.push(planner.customer);
            planner.plan();
        }
        happenings.sort_by_key(|h| (h.at, h.account, h.number));
        Self { options, happenings, customers }
    }

    /// How many events there will be.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.happenings.len()
    }

    /// True where there is no account.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.happenings.is_empty()
    }

    /// Every event, in the order of time.
    pub fn events(&self) -> impl Iterator<Item = OperatorEvent> + '_ {
        self.happenings.iter().map(|h| self.event(h))
    }

    /// The id of an account by its number.
    #[must_use]
    pub fn account_id(number: u32) -> String {
        format!("acc-{number:06}")
    }

    /// How the customer of an account pays.
    #[must_use]
    pub fn behaviour(&self, number: u32) -> Option<Behaviour> {
        self.customers.get(number as usize).map(|c| c.behaviour)
    }

    fn event(&self, happening: &Happening) -> OperatorEvent {
        let account_id = Self::account_id(happening.account);
        let at = Timestamp::from_millis(happening.at);
        let customer = &self.customers[happening.account as usize];
        let event_id = format!("{account_id}/{}", happening.number);
        let names = Names::new(&account_id, &happening.what);
        let (topic, body) = self.body(happening, customer, &names);
        let mut datum = Vec::new();
        encode_input(topic, &account_id, &Input { event_id: &event_id, occurred_at: at, body }, &mut datum);
        OperatorEvent { topic, account_id, at, datum }
    }

    fn body<'n>(&self, happening: &Happening, customer: &Customer, names: &'n Names) -> (InputTopic, Body<'n>) {
        let currency = currency(customer);
        let id = names.id.as_str();
        let bill_id = names.bill.as_deref();
        match happening.what {
            What::Profile => (InputTopic::Accounts, Body::Profile(Box::new(self.profile(happening.account, customer)))),
            What::Bill { amount, .. } => {
                let issued_on = Zone::UTC.day_of(Timestamp::from_millis(happening.at));
                let due_on = issued_on.plus(i32::try_from(What::TERM_DAYS).unwrap_or(0));
                let body = Body::BillIssued {
                    bill_id: id,
                    amount: Minor::new(amount),
                    currency,
                    issued_on,
                    due_on,
                    terms: Vec::new(),
                    lines: Vec::new(),
                    kind: "regular",
                    origin: None,
                };
                (InputTopic::Bills, body)
            }
            What::Adjusted { delta, .. } => {
                (InputTopic::Bills, Body::BillAdjusted { bill_id: id, delta: Minor::new(delta), origin: None })
            }
            What::Cancelled { .. } => (InputTopic::Bills, Body::BillCancelled { bill_id: id }),
            What::WrittenOff { amount, .. } => {
                (InputTopic::Bills, Body::BillWrittenOff { bill_id: id, amount: Minor::new(amount), origin: None })
            }
            What::Credited { amount } => {
                (InputTopic::Bills, Body::AccountCredited { credit_id: id, amount: Minor::new(amount), currency })
            }
            What::Paid { amount, .. } => {
                let body = Body::PaymentReceived {
                    payment_id: id,
                    amount: Minor::new(amount),
                    currency,
                    bill_id,
                    command_id: None,
                };
                (InputTopic::Payments, body)
            }
            What::PaymentFailed { amount, .. } => {
                let failed = Failed {
                    payment_id: id,
                    amount: Minor::new(amount),
                    currency,
                    method: "card",
                    decline_code: "insufficient_funds",
                    is_final: false,
                    command_id: None,
                };
                (InputTopic::Payments, Body::PaymentFailed(failed))
            }
            What::Reversed { amount, .. } => {
                let kind = ReversalKind::ReturnedDebit;
                (InputTopic::Payments, Body::PaymentReversed { payment_id: id, amount: Minor::new(amount), kind })
            }
            What::Disputed { amount, .. } => {
                let amount = amount.map(Minor::new);
                (InputTopic::Disputes, Body::DisputeOpened { dispute_id: id, bill_id, amount, line_ids: vec![] })
            }
            What::Resolved { credited } => {
                let outcome = if credited.is_some() { DisputeOutcome::Upheld } else { DisputeOutcome::Rejected };
                let credited = Minor::new(credited.unwrap_or(0));
                (InputTopic::Disputes, Body::DisputeResolved { dispute_id: id, outcome, credited })
            }
            What::BarApproved => {
                (InputTopic::Interactions, Body::Interaction(Interaction::BarApproved { until: None }))
            }
            What::Used => (InputTopic::Usage, Body::UsageRecorded(Usage::NONE)),
        }
    }

    fn profile(&self, account: u32, customer: &Customer) -> Profile {
        let (region, _, zone, language) = COUNTRIES[customer.country];
        let contact = |channel, consent| Contact { channel, address: format!("alias-{account:06}").into(), consent };
        let contacts = if customer.has_contacts {
            vec![
                contact(Channel::Email, !customer.opted_out),
                contact(Channel::Sms, !customer.opted_out),
                contact(Channel::Letter, true),
            ]
        } else {
            Vec::new()
        };
        // A customer for some years already.
        let since = Zone::UTC.day_of(self.options.start).plus(-i32::try_from(account % 3_000).unwrap_or(0));
        Profile {
            segment: SEGMENTS[customer.segment].into(),
            region: region.into(),
            risk_class: "".into(),
            language: language.into(),
            zone: Zone::parse(zone).unwrap_or(Zone::UTC),
            vulnerable: customer.vulnerable,
            customer_since: Some(since.max(Day::from_epoch(0))),
            contacts,
            services: vec![Service {
                service_id: format!("srv-{account:06}-1").into(),
                protected: false,
                prepaid: false,
            }],
            payment_link: None,
            status: "active".into(),
            facts: None,
        }
    }
}

fn currency(customer: &Customer) -> Currency {
    // Every country's currency is on the list; a test says so.
    Currency::parse(COUNTRIES[customer.country].1).expect("a listed currency")
}

/// The names that an event bears, which its body borrows.
struct Names {
    id: String,
    bill: Option<String>,
}

impl Names {
    fn new(account: &str, what: &What) -> Self {
        let bill_name = |bill: u8| format!("{account}-b{}", bill + 1);
        let (id, bill) = match *what {
            What::Bill { bill, .. }
            | What::Adjusted { bill, .. }
            | What::Cancelled { bill }
            | What::WrittenOff { bill, .. } => (bill_name(bill), None),
            What::Paid { payment, bill, .. } => (format!("{account}-p{}", payment + 1), bill.map(bill_name)),
            What::PaymentFailed { payment, .. } | What::Reversed { payment, .. } => {
                (format!("{account}-p{}", payment + 1), None)
            }
            What::Disputed { bill, .. } => (format!("{account}-d1"), Some(bill_name(bill))),
            What::Resolved { .. } => (format!("{account}-d1"), None),
            What::Credited { .. } => (format!("{account}-c1"), None),
            What::Profile | What::BarApproved | What::Used => (String::new(), None),
        };
        Self { id, bill }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use dunning_wire::event::decode;

    use super::*;

    fn small(seed: u64) -> Operator {
        Operator::new(OperatorOptions { accounts: 300, seed, ..OperatorOptions::default() })
    }

    #[test]
    fn the_same_seed_gives_the_same_bytes_and_another_one_others() {
        assert!(small(1).events().eq(small(1).events()));
        assert!(!small(1).events().eq(small(2).events()));
    }

    #[test]
    fn every_event_is_in_order_and_can_be_read() {
        let operator = small(3);
        let end = operator.options.start.plus(90 * DAY_MS);
        let mut last = Timestamp::MIN;
        let mut kinds: BTreeMap<&str, u32> = BTreeMap::new();
        let mut with_profile = std::collections::BTreeSet::new();
        for event in operator.events() {
            assert!((last..end).contains(&event.at));
            last = event.at;
            let decoded = decode(event.topic, &event.datum).expect("it can be read");
            assert_eq!((decoded.account_id, decoded.event.occurred_at), (&*event.account_id, event.at));
            *kinds.entry(decoded.kind).or_default() += 1;
            assert!(
                with_profile.contains(&event.account_id) || decoded.kind == "AccountProfile",
                "profiles come first"
            );
            with_profile.insert(event.account_id);
        }
        let needed = [
            "AccountProfile",
            "BillIssued",
            "BillAdjusted",
            "BillCancelled",
            "PaymentReceived",
            "PaymentFailed",
            "PaymentReversed",
            "DisputeOpened",
            "DisputeResolved",
            "UsageRecorded",
        ];
        assert!(needed.iter().all(|kind| kinds.contains_key(kind)), "{kinds:?}");
        assert_eq!(operator.len() as u32, kinds.values().sum::<u32>());
    }

    #[test]
    fn every_country_has_a_currency_and_a_zone() {
        for (_, currency, zone, _) in COUNTRIES {
            assert!(Currency::parse(currency).is_some() && Zone::parse(zone).is_some(), "{zone}");
        }
    }

    #[test]
    fn every_behaviour_is_there() {
        let operator = small(1);
        let found: std::collections::BTreeSet<_> = (0..300).filter_map(|n| operator.behaviour(n)).collect();
        assert_eq!(found.len(), 9);
    }
}
