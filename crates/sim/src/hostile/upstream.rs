//! What the operator's systems write, by seed: bills, payments, disputes and the rest, some of it late, twice, out of
//! order, unreadable, or in a transaction that stays open.

use dunning_engine::Partition;
use dunning_rules::{
    BarLevel, BarThere, Body, Channel, ContactOutcome, Currency, DAY_MS, DisputeOutcome, Failed, Input, Interaction,
    Line, Minor, Profile, ProfileFacts, ReversalKind, Score, Service, ServiceResult, Stops, Term, Timestamp, Usage,
    Zone, command_id,
};
use dunning_wire::control::{self, ControlBody, ControlEvent};
use dunning_wire::schema::embedded_id;
use dunning_wire::topic::InputTopic;
use dunning_wire::{event, frame};

use super::tape::Tape;
use crate::{Bus, Random, Topic, Transaction, murmur2};

/// A record that was written upstream.
#[derive(Clone, Debug)]
pub(super) struct Sent {
    pub offset: i64,
    pub timestamp: Timestamp,
    pub key: Box<[u8]>,
    pub value: Option<Box<[u8]>>,
    /// When, in the world's count.
    pub moment: u64,
    within: Option<Transaction>,
    /// Its transaction was aborted: nobody ever reads it.
    pub aborted: bool,
    /// Meant to be read and taken: it is no dead letter unless the rules refuse it.
    pub good: bool,
}

/// What is charged and barred; an empty name: the account. Who pays for an alarm alone is not barred, so few do.
const SERVICES: [&str; 8] = ["", "", "", "mobile", "mobile", "mobile", "tv", "alarm"];

/// Two that can be barred, one of them paid in advance now and then, and one that cannot.
fn services(random: &mut Random) -> Vec<Service> {
    let mut service = |name: &str, prepaid| Service {
        service_id: name.into(),
        protected: name == "alarm",
        prepaid: random.chance(prepaid),
    };
    vec![service("mobile", 0), service("tv", 50), service("alarm", 0)]
}

/// A record to be written.
struct Draft {
    topic: InputTopic,
    shard: Partition,
    key: Box<[u8]>,
    value: Option<Box<[u8]>>,
    at: Timestamp,
    good: bool,
}

#[derive(Debug, Default)]
struct Customer {
    bills: u32,
    payments: u32,
    disputes: u32,
}

/// The operator's systems.
pub(super) struct Upstream {
    random: Random,
    bus: Bus,
    customers: Vec<Customer>,
    events: u32,
    /// Of a thousand payments and corrections, so many do not happen: some worlds are full of defaulters.
    defaults: u64,
    /// By topic, then by shard, in the order of the offsets.
    pub sent: Vec<Vec<Vec<Sent>>>,
    open: Option<Transaction>,
    /// Under clock `stream` the far future would end the world's time, and an open transaction its merge.
    stream: bool,
}

const BARS: Stops = Stops { contacts: false, bars: true, fees: true };

/// Of a thousand things that happen.
const DUPLICATES: u64 = 60;
const BAD: u64 = 40;
const LATE: u64 = 60;

impl Upstream {
    pub(super) fn new(bus: &Bus, mut random: Random, stream: bool) -> Self {
        let customers = (0..random.between(1, 4)).map(|_| Customer::default()).collect();
        let sent = InputTopic::ALL.map(|_| vec![Vec::new(); bus.partitions() as usize]).to_vec();
        let defaults = random.pick(&[0, 500, 950]);
        Self { random, bus: bus.clone(), customers, events: 0, defaults, sent, open: None, stream }
    }

    pub(super) fn account(customer: usize) -> String {
        format!("acc-{customer}")
    }

    fn shard(&self, account: &str) -> Partition {
        murmur2::partition(account.as_bytes(), self.bus.partitions())
    }

    /// The customers' profiles: most are there before anything happens.
    pub(super) fn begin(&mut self, tape: &mut Tape, now: Timestamp) {
        for customer in 0..self.customers.len() {
            if self.random.chance(900) {
                self.profile(tape, customer, now);
            }
            // Who begins with a debt is on the ladder for the whole of the world.
            if self.random.chance(500) {
                self.bill(tape, customer, now);
            }
        }
    }

    fn profile(&mut self, tape: &mut Tape, customer: usize, now: Timestamp) {
        let vulnerable = self.random.chance(100);
        let profile = Profile {
            segment: "consumer".into(),
            region: "DE".into(),
            risk_class: "".into(),
            language: "de".into(),
            zone: Zone::parse("Europe/Berlin").unwrap_or(Zone::UTC),
            vulnerable,
            customer_since: None,
            contacts: vec![],
            services: services(&mut self.random),
            payment_link: None,
            status: "active".into(),
            facts: self.random.chance(300).then(|| {
                let score = Score { name: "risk".into(), millionths: self.random.between(0, 1_000_000) };
                Box::new(ProfileFacts { lifetime_value: Minor::new(1_000), autopay: true, scores: vec![score] })
            }),
        };
        self.happens(tape, customer, InputTopic::Accounts, &Body::Profile(Box::new(profile)), now);
    }

    /// Something happens at a customer's.
    pub(super) fn something(&mut self, tape: &mut Tape, now: Timestamp) {
        let customer = self.random.between(0, self.customers.len() as i64 - 1) as usize;
        if self.random.chance(DUPLICATES) && self.again(tape, now) {
            return;
        }
        if self.random.chance(BAD) {
            return self.bad(tape, customer, now);
        }
        let what = self.random.between(0, 99);
        if (30..=81).contains(&what) && self.random.chance(self.defaults) {
            return self.uses(tape, customer, now);
        }
        match what {
            0..=29 => self.bill(tape, customer, now),
            30..=54 => self.pays(tape, customer, now),
            55..=59 => self.reverses(tape, customer, now),
            60..=71 => self.disputes(tape, customer, now),
            72..=81 => self.corrects(tape, customer, now),
            82..=87 => self.interacts(tape, customer, now),
            88..=91 => self.profile(tape, customer, now),
            92..=93 => self.erases(tape, customer, now),
            94 => self.announces(tape, customer, now),
            95..=96 => self.declines(tape, customer, now),
            _ => self.uses(tape, customer, now),
        }
    }

    fn uses(&mut self, tape: &mut Tape, customer: usize, now: Timestamp) {
        let service_id = self.random.pick(&SERVICES);
        let (from, until) = (now.plus(-DAY_MS), now);
        let data_bytes = self.random.between(0, 4).unsigned_abs().pow(4);
        let usage = Usage { service_id, from, until, data_bytes, voice_seconds: 0, messages: 0 };
        self.happens(tape, customer, InputTopic::Usage, &Body::UsageRecorded(usage), now);
    }

    fn currency(&mut self) -> Currency {
        let code = if self.random.chance(15) { "CHF" } else { "EUR" };
        Currency::parse(code).unwrap_or_else(|| unreachable!("a listed currency"))
    }

    fn amount(&mut self) -> Minor {
        Minor::new(self.random.pick(&[20_000, 20_000, 12_000, 9_999, 500, 40_000]))
    }

    fn bill(&mut self, tape: &mut Tape, customer: usize, now: Timestamp) {
        let (amount, currency) = (self.amount(), self.currency());
        let due_in = i32::try_from(self.random.between(-20, 10)).unwrap_or(0);
        self.customers[customer].bills += 1;
        let id = format!("b{}", self.customers[customer].bills);
        let today = Zone::UTC.day_of(now);
        // The large ones are paid in two terms.
        let part = |days| Term { due_on: today.plus(due_in - days), amount: Minor::new(amount.get() / 2) };
        let terms = if amount.get() == 40_000 { vec![part(5), part(0)] } else { vec![] };
        let answers = self.answers(customer, 200);
        let service = Some(self.random.pick(&SERVICES)).filter(|service| !service.is_empty());
        let half = Minor::new(amount.get() / 2);
        let line = |line_id, service_id, amount| Line { line_id, service_id, category: "own", amount };
        let lines = vec![line("1", service, half), line("2", None, amount - half)];
        let body = Body::BillIssued {
            bill_id: &id,
            amount,
            currency,
            issued_on: today.plus(-30),
            due_on: today.plus(due_in),
            terms,
            lines,
            kind: "regular",
            origin: answers.as_deref(),
        };
        self.happens(tape, customer, InputTopic::Bills, &body, now);
    }

    /// One of the customer's commands, or one that never was.
    fn command(&mut self, customer: usize) -> String {
        let sequence = self.random.between(1, 20).unsigned_abs();
        command_id(&Self::account(customer), sequence).to_string()
    }

    /// The command that billing answers, so many times of a thousand.
    fn answers(&mut self, customer: usize, often: u64) -> Option<String> {
        self.random.chance(often).then(|| self.command(customer))
    }

    /// One of the customer's bills, or one that nobody knows.
    fn some(&mut self, kind: char, of: u32) -> String {
        format!("{kind}{}", self.random.between(1, i64::from(of.max(1))))
    }

    fn pays(&mut self, tape: &mut Tape, customer: usize, now: Timestamp) {
        let (amount, currency) = (self.amount(), self.currency());
        self.customers[customer].payments += 1;
        let id = format!("p{}", self.customers[customer].payments);
        let bill = self.some('b', self.customers[customer].bills);
        let bill_id = self.random.chance(300).then_some(bill.as_str());
        let body = Body::PaymentReceived { payment_id: &id, amount, currency, bill_id, command_id: None };
        self.happens(tape, customer, InputTopic::Payments, &body, now);
    }

    /// Money is on its way, or billing says what is owed.
    fn announces(&mut self, tape: &mut Tape, customer: usize, now: Timestamp) {
        let (amount, currency) = (self.amount(), self.currency());
        if self.random.chance(300) {
            let balance = Minor::new(self.random.between(-100, 500) * 100);
            let body = Body::BalanceStated { as_of: now, balance, currency };
            return self.happens(tape, customer, InputTopic::Bills, &body, now);
        }
        let id = format!("p{}", i64::from(self.customers[customer].payments) + self.random.between(0, 2));
        let days = i32::try_from(self.random.between(0, 6)).unwrap_or(0);
        let expected_by = Zone::UTC.day_of(now).plus(days);
        let body = Body::PaymentInitiated { payment_id: &id, amount, currency, expected_by };
        self.happens(tape, customer, InputTopic::Payments, &body, now);
    }

    /// An attempt to collect fails: one of the source's own, or one that a command asked for, of which the id is known.
    fn declines(&mut self, tape: &mut Tape, customer: usize, now: Timestamp) {
        let (amount, currency) = (self.amount(), self.currency());
        let id = format!("p{}", i64::from(self.customers[customer].payments) + self.random.between(0, 2));
        let command = self.command(customer);
        let failed = Failed {
            payment_id: &id,
            amount,
            currency,
            method: "card",
            decline_code: "",
            is_final: self.random.chance(100),
            command_id: self.random.chance(500).then_some(&*command),
        };
        self.happens(tape, customer, InputTopic::Payments, &Body::PaymentFailed(failed), now);
    }

    fn reverses(&mut self, tape: &mut Tape, customer: usize, now: Timestamp) {
        let id = self.some('p', self.customers[customer].payments);
        let amount = self.amount();
        let body = Body::PaymentReversed { payment_id: &id, amount, kind: ReversalKind::ReturnedDebit };
        self.happens(tape, customer, InputTopic::Payments, &body, now);
    }

    fn disputes(&mut self, tape: &mut Tape, customer: usize, now: Timestamp) {
        if self.random.chance(500) {
            self.customers[customer].disputes += 1;
            let id = format!("d{}", self.customers[customer].disputes);
            let bill = self.some('b', self.customers[customer].bills);
            let bill_id = self.random.chance(500).then_some(bill.as_str());
            let amount = self.random.chance(300).then_some(Minor::new(1_000));
            let line_ids = if self.random.chance(300) { vec!["2"] } else { vec![] };
            let body = Body::DisputeOpened { dispute_id: &id, bill_id, amount, line_ids };
            return self.happens(tape, customer, InputTopic::Disputes, &body, now);
        }
        let id = self.some('d', self.customers[customer].disputes);
        let upheld = self.random.chance(500);
        let (outcome, credited) = match upheld {
            true => (DisputeOutcome::Upheld, Minor::new(20_000)),
            false => (DisputeOutcome::Rejected, Minor::ZERO),
        };
        let body = Body::DisputeResolved { dispute_id: &id, outcome, credited };
        self.happens(tape, customer, InputTopic::Disputes, &body, now);
    }

    fn corrects(&mut self, tape: &mut Tape, customer: usize, now: Timestamp) {
        let bill = self.some('b', self.customers[customer].bills);
        let (amount, currency) = (self.amount(), self.currency());
        let credit = format!("c{}", self.events);
        let delta = Minor::new(self.random.pick(&[-20_000, -500, 500, 12_000]));
        let answers = self.answers(customer, 400);
        let body = match self.random.between(0, 4) {
            0 => Body::BillAdjusted { bill_id: &bill, delta, origin: answers.as_deref() },
            1 => Body::BillCancelled { bill_id: &bill },
            2 => Body::BillWrittenOff { bill_id: &bill, amount, origin: answers.as_deref() },
            3 => Body::WriteOffReversed { bill_id: &bill, amount },
            _ => Body::AccountCredited { credit_id: &credit, amount, currency },
        };
        self.happens(tape, customer, InputTopic::Bills, &body, now);
    }

    fn interacts(&mut self, tape: &mut Tape, customer: usize, now: Timestamp) {
        let until = self.random.chance(500).then(|| now.plus(5 * DAY_MS));
        let (name, other) = (format!("s{}", self.random.between(1, 3)), format!("s{}", self.random.between(1, 3)));
        let bill = self.some('b', self.customers[customer].bills);
        let (amount, days) = (self.amount(), self.random.between(0, 8));
        let day = Zone::UTC.day_of(now).plus(i32::try_from(days).unwrap_or(0));
        let outcome = self.random.pick(&ContactOutcome::ALL);
        let command = self.command(customer);
        let (channel, told) = (self.random.pick(&Channel::ALL), self.random.chance(600));
        let (service, result) = (self.random.pick(&SERVICES), self.random.pick(&ServiceResult::ALL));
        let interaction = match self.random.between(0, 18) {
            0 => Interaction::BarApproved { until },
            1 => Interaction::BarRefused { until },
            2 => Interaction::BarDecisionWithdrawn,
            3 | 4 => Interaction::PromiseMade { promise_id: &name, amount, promised_on: day },
            5 => Interaction::PromiseCancelled { promise_id: &name },
            6 => {
                let part = |days| Term { due_on: day.plus(days), amount: Minor::new(30_000) };
                let replaces = self.random.chance(300).then_some(other.as_str());
                Interaction::PlanAgreed { plan_id: &name, instalments: vec![part(0), part(7)], replaces }
            }
            7 => Interaction::PlanCancelled { plan_id: &name },
            8 | 9 => {
                let bills = if self.random.chance(300) { vec![bill.as_str()] } else { vec![] };
                let stops = self.random.pick(&[Stops::ALL, Stops { contacts: true, ..Stops::default() }, BARS]);
                Interaction::HoldPlaced { hold_id: &name, kind: "hardship", until, bills, stops }
            }
            10 => Interaction::HoldReleased { hold_id: &name },
            11 => Interaction::OfferAnswered { command_id: &command, accepted: amount > Minor::new(500) },
            13 | 14 => Interaction::ServiceReported { command_id: &command, service_id: service, result },
            12 => {
                let step = self.random.pick(&["", "final", "bar-outgoing", "final", "nobody-knows"]);
                let (warned, since) = (now.plus(-4 * DAY_MS), now.plus(-DAY_MS));
                let barred = self.random.chance(700);
                let services = if service.is_empty() { vec![] } else { vec![service] };
                let bar = BarThere { reference: &name, level: BarLevel::Outgoing, services, since };
                let bars = if barred { vec![bar] } else { vec![] };
                Interaction::StateImported { step, started: None, warned: Some(warned), amount_warned: amount, bars }
            }
            _ => Interaction::ContactMade {
                command_id: told.then_some(command.as_str()),
                outcome,
                channel: Some(channel).filter(|channel| !told && *channel != Channel::Unknown),
                inbound: self.random.chance(200),
                right_party: None,
            },
        };
        self.happens(tape, customer, InputTopic::Interactions, &Body::Interaction(interaction), now);
    }

    fn erases(&mut self, tape: &mut Tape, customer: usize, now: Timestamp) {
        let account = Self::account(customer);
        let (shard, key) = (self.shard(&account), account.into_bytes().into());
        self.send(tape, Draft { topic: InputTopic::Accounts, shard, key, value: None, at: now, good: true });
    }

    fn happens(&mut self, tape: &mut Tape, customer: usize, topic: InputTopic, body: &Body<'_>, now: Timestamp) {
        self.events += 1;
        let account = Self::account(customer);
        let late = if self.random.chance(LATE) { self.random.between(1, 3 * DAY_MS) } else { 0 };
        let at = now.plus(-late);
        let id = format!("e{}", self.events);
        let mut value = Vec::with_capacity(128);
        frame::put_header(&mut value, embedded_id(topic.contract_name()));
        event::encode_input(topic, &account, &Input { event_id: &id, occurred_at: at, body: body.clone() }, &mut value);
        let (shard, key) = (self.shard(&account), account.into_bytes().into());
        self.send(tape, Draft { topic, shard, key, value: Some(value.into()), at, good: true });
    }

    /// Something that was written is written again.
    fn again(&mut self, tape: &mut Tape, now: Timestamp) -> bool {
        let topic = self.random.pick(&InputTopic::ALL);
        let shard = self.random.between(0, i64::from(self.bus.partitions()) - 1) as Partition;
        let sent = &self.sent[topic as usize][shard as usize];
        let Some(last) = sent.len().checked_sub(1).filter(|_| topic != InputTopic::Control) else { return false };
        let Sent { key, value, good, .. } = sent[self.random.between(0, last as i64) as usize].clone();
        self.send(tape, Draft { topic, shard, key, value, at: now, good });
        true
    }

    /// Something that cannot be taken.
    fn bad(&mut self, tape: &mut Tape, customer: usize, now: Timestamp) {
        let account = Self::account(customer);
        let topic = self.random.pick(&[InputTopic::Bills, InputTopic::Payments, InputTopic::Disputes]);
        let shard = self.shard(&account);
        let mut framed = Vec::new();
        frame::put_header(&mut framed, embedded_id(topic.contract_name()));
        let (key, value, at) = match self.random.between(0, 5) {
            0 => (account.into_bytes(), Some(b"garbage".to_vec()), now),
            1 => (account.into_bytes(), None, now),
            2 => (b"\xff\xfe".to_vec(), Some(framed), now),
            // An id that no registry knows.
            3 => (account.into_bytes(), Some(vec![0, 0, 0, 9, 9, 1]), now),
            4 if !self.stream => (account.into_bytes(), Some(framed), now.plus(40 * DAY_MS)),
            _ => (account.into_bytes(), Some(framed), now),
        };
        let (key, value) = (key.into(), value.map(Into::into));
        self.send(tape, Draft { topic, shard, key, value, at, good: false });
    }

    /// An operator's order in a shard's line.
    pub(super) fn order(&mut self, tape: &mut Tape, shard: Partition, body: ControlBody, now: Timestamp) {
        self.events += 1;
        let mut value = Vec::new();
        frame::put_header(&mut value, embedded_id(InputTopic::Control.contract_name()));
        let (actor, reason) = ("a person".to_owned(), "looked".to_owned());
        let control_id = format!("c{}", self.events);
        control::encode(&ControlEvent { control_id, occurred_at: now, actor, reason, body }, &mut value);
        let key = (*b"order").into();
        self.send(
            tape,
            Draft { topic: InputTopic::Control, shard, key, value: Some(value.into()), at: now, good: true },
        );
    }

    fn send(&mut self, tape: &mut Tape, draft: Draft) {
        let Draft { topic, shard, key, value, at, good } = draft;
        let within = self.open.filter(|_| topic != InputTopic::Control);
        let offset = self.bus.append_to(Topic::In(topic), shard, Some(&key), value.as_deref(), at, within);
        let sent = Sent { offset, timestamp: at, key, value, moment: tape.tick(), within, aborted: false, good };
        self.sent[topic as usize][shard as usize].push(sent);
    }

    /// A transaction upstream begins, or ends.
    pub(super) fn toggle(&mut self, tape: &mut Tape, now: Timestamp) {
        if self.open.is_some() {
            return self.close();
        }
        self.open = Some(self.bus.begin());
        // What must not be overlooked in it: who is about to be barred pays.
        let customer = self.random.between(0, self.customers.len() as i64 - 1) as usize;
        if self.random.chance(700) {
            self.pays(tape, customer, now);
        }
    }

    /// Nothing stays open.
    pub(super) fn close(&mut self) {
        let Some(open) = self.open.take() else { return };
        let committed = self.random.chance(800);
        self.bus.end(open, committed);
        let records = self.sent.iter_mut().flatten().flatten();
        records.filter(|s| s.within == Some(open)).for_each(|s| s.aborted = !committed);
    }
}
