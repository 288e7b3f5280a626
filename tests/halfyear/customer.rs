//! A household: who it is, and what it does about what it is told.

use std::collections::BTreeMap;

use dunning_rules::{
    Body, Channel, Contact, ContactOutcome, Day, DisputeOutcome, Failed, Interaction, Line, Minor, Profile,
    ReversalKind, Service, ServiceResult, Stops, Timestamp, Zone,
};
use dunning_wire::command::{ActionView, CommandView};
use dunning_wire::topic::InputTopic;

use crate::event::{DAY, day_of, euro};

const HOUR: i64 = 3_600_000;

const LINE: &str = "line";
const TELEVISION: &str = "television";
/// The line of a bill that is for what others sell.
const OF_OTHERS: &str = "2";
pub const ALARM: &str = "alarm";

/// Numbers that look like chance, the same ones for the same seed.
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    pub fn of(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x2545_f491_4f6c_dd1d)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From `least` to `most`, both included.
    pub fn within(&mut self, least: i64, most: i64) -> i64 {
        let span = u64::try_from(most - least + 1).expect("a span");
        least + i64::try_from(self.next() % span).expect("small")
    }

    pub fn percent(&mut self, chance: i64) -> bool {
        self.within(1, 100) <= chance
    }
}

/// How a household behaves; drawn once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Habit {
    InTime,
    AfterNotice,
    AfterBar,
    InPart,
    Promises,
    Plans,
    Card,
    DebitReturned,
    Contests,
    Hardship,
    Gone,
}

const HABITS: [(Habit, i64); 11] = [
    (Habit::InTime, 60),
    (Habit::AfterNotice, 14),
    (Habit::AfterBar, 5),
    (Habit::InPart, 4),
    (Habit::Promises, 4),
    (Habit::Plans, 3),
    (Habit::Card, 4),
    (Habit::DebitReturned, 2),
    (Habit::Contests, 2),
    (Habit::Hardship, 1),
    (Habit::Gone, 1),
];

/// Something that a system writes.
#[derive(Clone, Debug)]
pub struct Planned {
    pub at: i64,
    pub topic: InputTopic,
    pub event: String,
    pub what: What,
}

/// What it says.
#[derive(Clone, Debug)]
pub enum What {
    Profile,
    Bill { id: String, amount: i64, due: i64, origin: Option<String> },
    Adjusted { bill: String, amount: i64, origin: String },
    Paid { id: String, amount: i64, bill: Option<String>, command: Option<String> },
    Failed { id: String, amount: i64, is_final: bool, command: Option<String> },
    Reversed { id: String, amount: i64 },
    Contested { id: String, bill: String, amount: i64 },
    Decided { id: String, upheld: bool, credited: i64 },
    WrittenOff { bill: String, amount: i64 },
    Promised { id: String, amount: i64, by: i64 },
    Answered { command: String },
    Held { id: String, until: i64 },
    Contact { command: Option<String>, channel: Option<Channel>, outcome: ContactOutcome },
    Service { command: String, applied: bool },
}

pub struct Household {
    pub number: u32,
    pub id: String,
    pub habit: Habit,
    dice: Dice,
    events: u32,
    payments: u32,
    /// When its last planned payment comes.
    pays_at: i64,
}

impl Household {
    pub fn new(number: u32, seed: u64) -> Self {
        let mut dice = Dice::of(seed.wrapping_mul(1_000_003) + u64::from(number));
        let mut drawn = dice.within(1, HABITS.iter().map(|(_, weight)| weight).sum());
        let habit = HABITS.iter().find(|(_, weight)| {
            drawn -= weight;
            drawn <= 0
        });
        let habit = habit.map_or(Habit::InTime, |(habit, _)| *habit);
        Self { number, id: format!("h-{number}"), habit, dice, events: 0, payments: 0, pays_at: 0 }
    }

    fn plan(&mut self, at: i64, topic: InputTopic, what: What) -> Planned {
        self.events += 1;
        Planned { at, topic, event: format!("{}-{}", self.id, self.events), what }
    }

    fn pays(&mut self, at: i64, amount: i64, bill: Option<&str>, command: Option<&str>) -> Planned {
        self.payments += 1;
        let id = format!("p-{}-{}", self.number, self.payments);
        let (bill, command) = (bill.map(str::to_owned), command.map(str::to_owned));
        self.plan(at, InputTopic::Payments, What::Paid { id, amount, bill, command })
    }

    /// All that comes without anybody commanding it.
    pub fn life(&mut self, begin: i64, days: i64) -> Vec<Planned> {
        let mut all = vec![self.plan(begin, InputTopic::Accounts, What::Profile)];
        let first = self.dice.within(1, 28);
        let mut issued = begin + first * DAY + 3 * HOUR;
        let mut number = 0;
        while issued < begin + (days - 16) * DAY {
            number += 1;
            self.bill(&mut all, issued, number);
            issued += 30 * DAY;
        }
        all
    }

    fn bill(&mut self, all: &mut Vec<Planned>, issued: i64, number: i64) {
        let bill = format!("b-{}-{number}", self.number);
        let amount = self.dice.within(2_000, 18_000);
        let due = issued + 14 * DAY;
        all.push(self.plan(issued, InputTopic::Bills, What::Bill { id: bill.clone(), amount, due, origin: None }));
        let hour = self.dice.within(7 * HOUR, 20 * HOUR);
        let noon = |days: i64| issued.div_euclid(DAY) * DAY + days * DAY + hour;
        // The first bill of a household is mostly paid; then it shows how it behaves.
        match self.habit {
            Habit::InTime => {
                let days = self.dice.within(3, 13);
                all.push(self.pays(noon(days), amount, Some(&bill), None));
            }
            _ if number % 3 == 1 => all.push(self.pays(noon(10), amount, Some(&bill), None)),
            Habit::Card => {
                let id = format!("c-{}-{number}", self.number);
                let is_final = self.dice.percent(10);
                let what = What::Failed { id, amount, is_final, command: None };
                all.push(self.plan(noon(14), InputTopic::Payments, what));
            }
            Habit::DebitReturned => {
                let paid = self.pays(noon(12), amount, Some(&bill), None);
                let What::Paid { id, .. } = paid.what.clone() else { return };
                all.push(paid);
                all.push(self.plan(noon(17), InputTopic::Payments, What::Reversed { id, amount }));
            }
            Habit::Contests => {
                let id = format!("d-{}-{number}", self.number);
                let upheld = self.dice.percent(50);
                let contested = What::Contested { id: id.clone(), bill: bill.clone(), amount: amount / 2 };
                all.push(self.plan(noon(16), InputTopic::Disputes, contested));
                let credited = if upheld { amount / 2 } else { 0 };
                all.push(self.plan(noon(26), InputTopic::Disputes, What::Decided { id, upheld, credited }));
                all.push(self.pays(noon(29), amount - credited, Some(&bill), None));
            }
            Habit::Hardship => {
                let id = format!("hold-{}-{number}", self.number);
                let until = noon(45);
                all.push(self.plan(noon(18), InputTopic::Interactions, What::Held { id, until }));
                all.push(self.pays(noon(50), amount, Some(&bill), None));
            }
            Habit::Gone if number == 2 => {
                all.push(self.plan(noon(100), InputTopic::Bills, What::WrittenOff { bill, amount }));
            }
            _ => {}
        }
    }

    /// What follows from a command, not before an instant.
    pub fn reacts(&mut self, command: &CommandView, from: i64) -> Vec<Planned> {
        let (id, amount) = (command.command_id.clone(), command.amount_due.get());
        let mut all = Vec::new();
        match &command.action {
            ActionView::Notify { channel, parameters, .. } => {
                all.extend(self.channel_reports(&id, channel, from));
                self.is_told(&mut all, command, parameters, from);
            }
            ActionView::Bar { .. } => {
                all.push(self.provisioning_reports(&id, from));
                let pays = !matches!(self.habit, Habit::Gone | Habit::InTime | Habit::Hardship);
                if pays && from > self.pays_at {
                    let at = from + self.dice.within(0, 4) * DAY + self.dice.within(1, 20) * HOUR;
                    self.pays_at = at;
                    all.push(self.pays(at, amount, None, None));
                }
            }
            ActionView::Restore { .. } => all.push(self.provisioning_reports(&id, from)),
            ActionView::Retry { .. } => {
                let at = from + self.dice.within(2, 20) * HOUR;
                if self.dice.percent(50) {
                    all.push(self.pays(at, amount, None, Some(&id)));
                } else {
                    self.payments += 1;
                    let failed = format!("c-{}-again-{}", self.number, self.payments);
                    let what = What::Failed { id: failed, amount, is_final: false, command: Some(id) };
                    all.push(self.plan(at, InputTopic::Payments, what));
                }
            }
            ActionView::Ledger { .. } => self.is_booked(&mut all, command, from),
            ActionView::Withdraw { .. } => {}
        }
        all
    }

    fn channel_reports(&mut self, command: &str, channel: &str, from: i64) -> Option<Planned> {
        let at = from + self.dice.within(1, 20) * HOUR;
        let outcome = match (channel, self.dice.within(1, 100)) {
            ("LETTER", 1..=6) | ("EMAIL", 1..=5) => ContactOutcome::Bounced,
            ("LETTER", _) | (_, 92..) => return None,
            ("SMS", 1..=3) => ContactOutcome::Failed,
            (_, 6) => ContactOutcome::OptedOut,
            (_, 7..=20) => ContactOutcome::Opened,
            (_, 21..=26) => ContactOutcome::Clicked,
            _ => ContactOutcome::Delivered,
        };
        let what = What::Contact { command: Some(command.to_owned()), channel: None, outcome };
        Some(self.plan(at, InputTopic::Interactions, what))
    }

    fn provisioning_reports(&mut self, command: &str, from: i64) -> Planned {
        let applied = self.dice.percent(95);
        self.plan(from + HOUR / 6, InputTopic::Interactions, What::Service { command: command.to_owned(), applied })
    }

    fn is_told(
        &mut self,
        all: &mut Vec<Planned>,
        told: &CommandView,
        parameters: &BTreeMap<String, String>,
        from: i64,
    ) {
        let (amount, step) = (told.amount_due.get(), told.step.as_str());
        if from <= self.pays_at || step == "heads-up" {
            return;
        }
        let at = from + self.dice.within(1, 3) * DAY + self.dice.within(1, 20) * HOUR;
        let now = match (self.habit, step) {
            (Habit::AfterNotice, "reminder") => self.dice.percent(40),
            (Habit::AfterNotice | Habit::DebitReturned, _) => step != "reminder",
            (Habit::Card, "final") => true,
            _ => false,
        };
        if now {
            self.pays_at = at;
            all.push(self.pays(at, amount, None, None));
        } else if self.habit == Habit::InPart && step == "warning" {
            self.pays_at = at;
            all.push(self.pays(at, amount / 2, None, None));
        } else if self.habit == Habit::Promises && step == "warning" {
            let (id, by) = (format!("s-{}", told.sequence), from + 7 * DAY);
            all.push(self.plan(from, InputTopic::Interactions, What::Promised { id, amount, by }));
            if self.dice.percent(60) {
                self.pays_at = by;
                all.push(self.pays(by, amount, None, None));
            }
        } else if let (Habit::Plans, Some(parts)) = (self.habit, parameters.get("plan_parts")) {
            all.push(self.plan(from, InputTopic::Interactions, What::Answered { command: told.command_id.clone() }));
            let parts: i64 = parts.parse().expect("a number");
            let kept = if self.dice.percent(70) { parts } else { 1 };
            for part in 1..=kept {
                let of = |what: &str| parameters.get(&format!("plan_{part}_{what}")).expect("a parameter of the plan");
                let amount = of("amount_minor").parse().expect("an amount");
                let due = Day::parse(of("due_on")).expect("a day");
                let at = (i64::from(due.epoch()) * DAY - 12 * HOUR).max(from + HOUR);
                all.push(self.pays(at, amount, None, None));
            }
        }
    }

    /// Billing books what it was asked for: on a bill of its own, on a bill that is there, or, by mistake, twice.
    fn is_booked(&mut self, all: &mut Vec<Planned>, request: &CommandView, from: i64) {
        let at = from + self.dice.within(2, 6) * DAY;
        let (amount, origin) = (request.amount_due.get(), request.command_id.clone());
        let due = at + 14 * DAY;
        let own = |n: u32| What::Bill {
            id: format!("charge-{}-{n}", request.sequence),
            amount,
            due,
            origin: Some(origin.clone()),
        };
        match (self.dice.within(1, 4), request.bill_ids.first()) {
            (1, Some(bill)) if bill.starts_with("b-") => {
                let what = What::Adjusted { bill: bill.clone(), amount, origin: origin.clone() };
                all.push(self.plan(at, InputTopic::Bills, what));
            }
            (2, _) => {
                let (first, second) = (own(1), own(2));
                all.push(self.plan(at, InputTopic::Bills, first));
                all.push(self.plan(at + HOUR, InputTopic::Bills, second));
            }
            _ => {
                let first = own(1);
                all.push(self.plan(at, InputTopic::Bills, first));
            }
        }
    }

    /// One household in ten has an alarm, which is never restricted.
    pub fn has_alarm(&self) -> bool {
        self.number % 10 == 3
    }

    fn has_television(&self) -> bool {
        self.number.is_multiple_of(3)
    }

    fn services(&self) -> Vec<Service> {
        let named = [(LINE, true), (TELEVISION, self.has_television()), (ALARM, self.has_alarm())];
        let there = named.into_iter().filter(|(_, there)| *there);
        let service =
            |(name, _): (&str, bool)| Service { service_id: name.into(), protected: name == ALARM, prepaid: false };
        there.map(service).collect()
    }

    /// Who has television pays for nothing else with every other bill.
    fn lines(&self, bill: &str, amount: i64) -> Vec<Line<'static>> {
        let television = self.has_television() && bill.ends_with(['1', '3', '5', '7', '9']);
        let service = Some(if television { TELEVISION } else { LINE });
        let line = |line_id, service_id, category, amount| Line { line_id, service_id, category, amount };
        let of_others = Minor::new(amount / 2);
        vec![line("1", service, "own", Minor::new(amount) - of_others), line(OF_OTHERS, None, "third_party", of_others)]
    }

    pub fn profile(&self) -> Profile {
        let contact = |channel, consent| Contact { channel, address: "alias".into(), consent };
        let sms_first = self.number.is_multiple_of(3);
        let mut contacts = vec![
            contact(Channel::Email, !self.number.is_multiple_of(17)),
            contact(Channel::Sms, !self.number.is_multiple_of(13)),
            contact(Channel::Letter, true),
        ];
        if sms_first {
            contacts.swap(0, 1);
        }
        Profile {
            segment: "consumer".into(),
            region: "DE".into(),
            risk_class: "".into(),
            language: "de".into(),
            zone: Zone::parse("Europe/Berlin").expect("a zone"),
            vulnerable: self.number % 50 == 7,
            customer_since: None,
            contacts,
            services: self.services(),
            payment_link: None,
            status: "active".into(),
            facts: None,
        }
    }
}

/// As the rules' encoder takes it.
pub fn body<'a>(household: &Household, planned: &'a Planned) -> Body<'a> {
    let cents = |amount: i64| Minor::new(amount);
    match &planned.what {
        What::Profile => Body::Profile(Box::new(household.profile())),
        What::Bill { id, amount, due, origin } => Body::BillIssued {
            bill_id: id,
            amount: cents(*amount),
            currency: euro(),
            issued_on: day_of(planned.at),
            due_on: day_of(*due),
            terms: vec![],
            lines: household.lines(id, *amount),
            kind: "regular",
            origin: origin.as_deref(),
        },
        What::Adjusted { bill, amount, origin } => {
            Body::BillAdjusted { bill_id: bill, delta: cents(*amount), origin: Some(origin) }
        }
        What::Paid { id, amount, bill, command } => Body::PaymentReceived {
            payment_id: id,
            amount: cents(*amount),
            currency: euro(),
            bill_id: bill.as_deref(),
            command_id: command.as_deref(),
        },
        What::Failed { id, amount, is_final, command } => Body::PaymentFailed(Failed {
            payment_id: id,
            amount: cents(*amount),
            currency: euro(),
            method: "card",
            decline_code: "insufficient_funds",
            is_final: *is_final,
            command_id: command.as_deref(),
        }),
        What::Reversed { id, amount } => {
            Body::PaymentReversed { payment_id: id, amount: cents(*amount), kind: ReversalKind::ReturnedDebit }
        }
        What::Contested { id, bill, amount } => {
            // Half of them say how much, the others say what.
            let says_how_much = household.number.is_multiple_of(2);
            let line_ids = if says_how_much { vec![] } else { vec![OF_OTHERS] };
            let amount = says_how_much.then_some(cents(*amount));
            Body::DisputeOpened { dispute_id: id, bill_id: Some(bill), amount, line_ids }
        }
        What::Decided { id, upheld, credited } => {
            let outcome = if *upheld { DisputeOutcome::Upheld } else { DisputeOutcome::Rejected };
            Body::DisputeResolved { dispute_id: id, outcome, credited: cents(*credited) }
        }
        What::WrittenOff { bill, amount } => {
            Body::BillWrittenOff { bill_id: bill, amount: cents(*amount), origin: None }
        }
        What::Promised { id, amount, by } => Body::Interaction(Interaction::PromiseMade {
            promise_id: id,
            amount: cents(*amount),
            promised_on: day_of(*by),
        }),
        What::Answered { command } => {
            Body::Interaction(Interaction::OfferAnswered { command_id: command, accepted: true })
        }
        What::Held { id, until } => Body::Interaction(Interaction::HoldPlaced {
            hold_id: id,
            kind: "hardship",
            until: Some(Timestamp::from_millis(*until)),
            bills: vec![],
            stops: Stops::ALL,
        }),
        What::Contact { command, channel, outcome } => Body::Interaction(Interaction::ContactMade {
            command_id: command.as_deref(),
            outcome: *outcome,
            channel: *channel,
            inbound: false,
            right_party: None,
        }),
        What::Service { command, applied } => Body::Interaction(Interaction::ServiceReported {
            command_id: command,
            service_id: "",
            result: if *applied { ServiceResult::Applied } else { ServiceResult::Failed },
        }),
    }
}
