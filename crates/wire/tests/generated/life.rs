//! One account to which anything happens, and what must hold whatever its policy says.

use std::collections::BTreeSet;
use std::sync::Arc;

use dunning_rules::{
    Account, Action, BarLevel, BarThere, Body, Channel, Command, Contact, ContactOutcome, Currency, DAY_MS, Day,
    DisputeOutcome, Event, Failed, GateAnswer, Input, Interaction, Line, Minor, NoEffect, Outcome, Policy, PolicyBook,
    Profile, ProfileFacts, ReversalKind, Score, Service, ServiceResult, Stage, Stops, Term, Timestamp, Usage, Zone,
    invariant, step,
};
use dunning_wire::state::{StateVersion, decode_account, encode_account};

use super::dice::Dice;

/// What the lives have to come to, all of them together.
pub const KINDS: [&str; 54] = [
    "a letter",
    "a notice",
    "a bar",
    "a write-off",
    "CycleStarted",
    "RuleMatched",
    "CycleEnded",
    "CycleResumed",
    "Notified",
    "RemindedBeforeDue",
    "NotNotifiedOptedOut",
    "BarPending",
    "BarHeld",
    "Barred",
    "Restored",
    "NotRestored",
    "StepWaits",
    "ConditionNotMet",
    "ConditionAwaited",
    "SpacingKept",
    "PromiseKept",
    "PromiseBroken",
    "PlanKept",
    "PlanBroken",
    "OfferDeclined",
    "NotifiedAnotherWay",
    "NoticeArrived",
    "NoticeLost",
    "Withdrawn",
    "AgreementNotAccepted",
    "StepHeld",
    "PaymentAwaited",
    "Paused",
    "Resumed",
    "PolicyChanged",
    "WarnsAgain",
    "RetryPlanned",
    "Retried",
    "NotRetried",
    "Charged",
    "NotCharged",
    "Waived",
    "WriteOffAsked",
    "StateImported",
    "CycleImported",
    "ServiceFailed",
    "ServiceRefused",
    "BarAgain",
    "RestoredAgain",
    "RestoredInPart",
    "RestoredByService",
    "EarlyWarned",
    "Erased",
    "StateErased",
];

const EVENTS: i64 = 40;
/// 2027-01-01.
const FIRST_DAY: i64 = 20_819;

struct Life {
    book: PolicyBook,
    account: Account,
    reached: BTreeSet<String>,
    /// The last attempt to collect, or charge, that was asked for, or plan that was offered.
    asked: Option<String>,
    /// The last notice.
    told: Option<String>,
    /// The last bar or restoration.
    served: Option<String>,
    /// What provisioning says of it as it comes, and how often it said anything.
    provisioning: Dice,
    said: i64,
}

/// Lives one life; the kinds of decisions that were taken in it, or what went wrong.
pub fn live(first: &Policy, next: Option<&Policy>, seed: u64) -> Result<BTreeSet<String>, String> {
    let mut dice = Dice::of(seed ^ 0x11fe);
    let mut book = PolicyBook::new(Arc::new(first.clone()), None);
    if let Some(next) = next {
        book.add(instant(FIRST_DAY + 40, 0), Arc::new(next.clone()));
    }
    let account = Account::new(&format!("acc-{seed}"));
    let mut life = Life {
        book,
        account,
        reached: BTreeSet::new(),
        asked: None,
        told: None,
        served: None,
        provisioning: Dice::of(seed ^ 0x5e4e),
        said: 0,
    };
    let mut at = instant(FIRST_DAY, 9);
    life.takes(0, at, profile(&mut dice))?;
    // Where less happens, more of the ladder is seen.
    let quiet = dice.one_in(2);
    if quiet {
        let bill = Names { bill: "b0".into(), ..Names::default() };
        life.takes(EVENTS + 2, at, bill_issued(&mut dice, &bill, at))?;
        life.until(at.plus(dice.within(20, 90) * DAY_MS))?;
        at = life.account.line.max(at);
    }
    for event in 1..=(if quiet { EVENTS / 2 } else { EVENTS }) {
        at = at.plus(dice.below(4 * DAY_MS));
        life.until(at)?;
        happens(&mut life, &mut dice, event, at)?;
    }
    let end = at.plus(500 * DAY_MS);
    life.until(end)?;
    if dice.one_in(2) {
        // All is paid in the end.
        let (amount, before) = (Minor::new(1_000_000), life.served.clone());
        let all = Body::PaymentReceived { payment_id: "all", amount, currency: eur(), bill_id: None, command_id: None };
        life.takes(EVENTS + 1, end, all)?;
        life.reports(before)?;
        life.until(end.plus(30 * DAY_MS))?;
    }
    life.is_clear_without_debt()?;
    Ok(life.reached)
}

fn instant(day: i64, hour: i64) -> Timestamp {
    Timestamp::from_millis(day * DAY_MS + hour * 3_600_000)
}

impl Life {
    /// What comes by itself before an instant; a bar is let go by the gate.
    fn until(&mut self, end: Timestamp) -> Result<(), String> {
        for _ in 0..5_000 {
            let Some(due) = self.account.deadline().filter(|due| *due < end) else { return Ok(()) };
            let before = self.served.clone();
            self.meets(&Event::Deadline, due.max(self.account.line))?;
            self.gate()?;
            self.reports(before)?;
        }
        Err(format!("it turns in a circle at {:?}", self.account.deadline()))
    }

    /// Provisioning says at once what became of a bar or a restoration that came just now, or it does not.
    fn reports(&mut self, before: Option<String>) -> Result<(), String> {
        if self.served == before || self.provisioning.one_in(2) {
            return Ok(());
        }
        self.said += 1;
        let command = self.served.clone().unwrap_or_default();
        let report = reported(&mut self.provisioning, &command);
        self.takes(-self.said, self.account.line, Body::Interaction(report))
    }

    fn gate(&mut self) -> Result<(), String> {
        if self.account.pending().is_some_and(|pending| pending.held.is_none()) {
            self.meets(&Event::Gate(GateAnswer::Cleared), self.account.line)?;
        }
        Ok(())
    }

    /// An event, and the same once more.
    fn takes(&mut self, number: i64, at: Timestamp, body: Body<'_>) -> Result<(), String> {
        let event_id = format!("e-{number}");
        let event = Event::Input(Input { event_id: &event_id, occurred_at: at, body });
        let outcome = self.meets(&event, at)?;
        if !matches!(outcome, Outcome::Refused(_)) {
            let after = self.account.clone();
            let again = step(after.clone(), &event, &self.book, at);
            // Usage is known by its service and period, not by its id.
            let repeated = [NoEffect::RepeatedEvent, NoEffect::Usage].map(Outcome::NoEffect);
            if !repeated.contains(&again.outcome) || !again.commands.is_empty() || again.account != after {
                let said = (again.outcome, again.commands);
                return Err(format!("{event:?} came twice, and that was {said:?}: {:?}, not {after:?}", again.account));
            }
        }
        self.gate()
    }

    fn meets(&mut self, event: &Event<'_>, at: Timestamp) -> Result<Outcome, String> {
        let before = invariant::Before::of(&self.account);
        let said = step(self.account.clone(), event, &self.book, at);
        if matches!(said.outcome, Outcome::Refused(_)) {
            let unchanged = said.account == self.account && said.commands.is_empty();
            return if unchanged {
                Ok(said.outcome)
            } else {
                Err(format!("{event:?} was refused and changed something"))
            };
        }
        let broken = invariant::broken(&before, &said, &self.book);
        if !broken.is_empty() {
            return Err(format!("{broken:?} at {at} with {event:?}: {:?}, {:?}", said.commands, said.account));
        }
        for version in StateVersion::ALL {
            let mut bytes = Vec::new();
            encode_account(&said.account, version, &mut bytes);
            if decode_account(&bytes).as_ref() != Ok(&said.account) {
                return Err(format!("what is stored as {version:?} is not what was: {:?}", said.account));
            }
        }
        for decision in &said.decisions {
            let name = format!("{:?}", decision.code);
            self.reached.insert(name.split('(').next().unwrap_or_default().to_owned());
        }
        let asks = |command: &&Command| match &command.action {
            Action::Notify { offer, .. } => !offer.is_empty(),
            action => matches!(action, Action::Retry { .. } | Action::Ledger { .. }),
        };
        let told = said.commands.iter().rfind(|command| matches!(command.action, Action::Notify { .. }));
        self.told = told.map(|command| command.id.to_string()).or(self.told.take());
        let serves = |command: &&Command| matches!(command.action, Action::Bar { .. } | Action::Restore { .. });
        let served = said.commands.iter().rfind(serves);
        self.served = served.map(|command| command.id.to_string()).or(self.served.take());
        let asked = said.commands.iter().rfind(asks);
        self.asked = asked.map(|command| command.id.to_string()).or(self.asked.take());
        self.account = said.account;
        Ok(said.outcome)
    }

    fn is_clear_without_debt(&self) -> Result<(), String> {
        let owed: Minor = self.account.bills.iter().map(|bill| self.account.dunnable(bill)).sum();
        // Of who was taken over and has no bill here nothing is known.
        let unknown = self.account.bills.is_empty() && self.account.imported().is_some_and(|imported| !imported.taken);
        if owed > Minor::ZERO || unknown || (self.account.cycle.is_none() && self.account.stage() == Stage::Clear) {
            return Ok(());
        }
        Err(format!("nothing is owed, and it stands {:?}", self.account.stage()))
    }
}

fn profile(dice: &mut Dice) -> Body<'static> {
    let zone = dice.of_these(&["Europe/Berlin", "America/Los_Angeles", "Asia/Kolkata"]);
    let contact = |channel, consent| Contact { channel, address: "ref".into(), consent };
    Body::Profile(Box::new(Profile {
        segment: dice.of_these(&["consumer", "vip"]).into(),
        region: dice.of_these(&["DE", "DE-BY", "US"]).into(),
        risk_class: "".into(),
        language: "en".into(),
        zone: Zone::parse(zone).expect("a zone"),
        vulnerable: dice.one_in(8),
        customer_since: None,
        contacts: vec![contact(Channel::Sms, dice.one_in(2)), contact(Channel::Email, !dice.one_in(4))],
        services: services(dice),
        payment_link: None,
        status: "active".into(),
        facts: dice.one_in(2).then(|| facts(dice)),
    }))
}

fn services(dice: &mut Dice) -> Vec<Service> {
    let mut service =
        |name: &str| Service { service_id: name.into(), protected: dice.one_in(6), prepaid: dice.one_in(6) };
    vec![service("mobile"), service("tv")]
}

fn facts(dice: &mut Dice) -> Box<ProfileFacts> {
    let score = Score { name: "risk".into(), millionths: dice.below(1_000_000) };
    let lifetime_value = Minor::new(dice.below(2_000));
    Box::new(ProfileFacts { lifetime_value, autopay: dice.one_in(2), scores: vec![score] })
}

/// What can be named by an event: few of each, so that they meet.
#[derive(Default)]
struct Names {
    bill: String,
    payment: String,
    dispute: String,
    other: String,
    asked: Option<String>,
    told: Option<String>,
    served: Option<String>,
}

impl Names {
    /// The command that billing answers, now and then.
    fn origin(&self, dice: &mut Dice) -> Option<&str> {
        self.asked.as_deref().filter(|_| dice.one_in(3))
    }
}

fn happens(life: &mut Life, dice: &mut Dice, event: i64, at: Timestamp) -> Result<(), String> {
    let mut name = |kind: &str, of: i64| format!("{kind}{}", dice.below(of));
    let names = Names {
        bill: name("b", 8),
        payment: name("p", 8),
        dispute: name("d", 5),
        other: name("s", 4),
        asked: life.asked.clone(),
        told: life.told.clone(),
        served: life.served.clone(),
    };
    let body = match dice.below(25) {
        0..=6 => money_owed(dice, &names, at),
        7..=11 => money_paid(dice, &names, at),
        12..=14 => contested(dice, &names),
        15 => profile(dice),
        16 => Body::UsageRecorded(used(dice, at)),
        _ => Body::Interaction(interaction(dice, &names, at)),
    };
    if dice.one_in(30) {
        life.meets(&Event::Erased, at)?;
        return life.gate();
    }
    let before = life.served.clone();
    life.takes(event, at, body)?;
    life.reports(before)
}

/// A day of one of two services, now and then counted twice or late.
fn used(dice: &mut Dice, at: Timestamp) -> Usage<'static> {
    let until = at.plus(-dice.below(30) * DAY_MS / 10);
    let data_bytes = u64::try_from(dice.below(1_000)).expect("some");
    let service_id = dice.of_these(&["mobile", "tv"]);
    Usage { service_id, from: until.plus(-DAY_MS / 4), until, data_bytes, voice_seconds: 0, messages: 0 }
}

fn eur() -> Currency {
    Currency::parse("EUR").expect("a currency")
}

fn amount(dice: &mut Dice) -> Minor {
    Minor::new(dice.within(1, 15_000))
}

fn in_days(at: Timestamp, days: i64) -> Day {
    Zone::UTC.day_of(at).plus(i32::try_from(days).expect("a few days"))
}

fn money_owed<'a>(dice: &mut Dice, names: &'a Names, at: Timestamp) -> Body<'a> {
    let bill_id = &*names.bill;
    match dice.below(10) {
        0 => Body::BillAdjusted { bill_id, delta: Minor::new(dice.within(-8_000, 8_000)), origin: names.origin(dice) },
        1 => Body::BillCancelled { bill_id },
        2 => Body::BillWrittenOff { bill_id, amount: amount(dice), origin: names.origin(dice) },
        3 => Body::WriteOffReversed { bill_id, amount: amount(dice) },
        4 => Body::BalanceStated { as_of: at, balance: amount(dice), currency: eur() },
        _ => bill_issued(dice, names, at),
    }
}

fn bill_issued<'a>(dice: &mut Dice, names: &'a Names, at: Timestamp) -> Body<'a> {
    let (amount, days) = (amount(dice), dice.below(20));
    let half = Minor::new(amount.get() / 2);
    let part = |days, amount| Term { due_on: in_days(at, days), amount };
    let in_two = days % 4 == 0 && half > Minor::ZERO;
    let terms = if in_two { vec![part(days / 2, half), part(days, amount - half)] } else { vec![] };
    Body::BillIssued {
        bill_id: &names.bill,
        amount,
        currency: eur(),
        issued_on: in_days(at, 0),
        due_on: in_days(at, days),
        terms,
        lines: lines(dice, amount),
        kind: "regular",
        origin: names.origin(dice),
    }
}

fn lines(dice: &mut Dice, amount: Minor) -> Vec<Line<'static>> {
    let service = dice.of_these(&["mobile", "tv", "unheard-of"]);
    let line = |line_id, service_id, amount| Line { line_id, service_id, category: "own", amount };
    let half = Minor::new(amount.get() / 2);
    match dice.below(4) {
        0 => vec![line("l", Some(service), amount)],
        1 => vec![line("l", Some(service), half), line("m", Some("mobile"), amount - half)],
        2 => vec![line("l", Some(service), half), line("m", None, amount - half)],
        _ => vec![],
    }
}

fn money_paid<'a>(dice: &mut Dice, names: &'a Names, at: Timestamp) -> Body<'a> {
    let payment_id = &*names.payment;
    match dice.below(9) {
        0 => Body::PaymentReversed { payment_id, amount: amount(dice), kind: ReversalKind::Unknown },
        1 | 8 => Body::PaymentFailed(declined(dice, names)),
        2 => {
            let expected_by = in_days(at, dice.below(12));
            Body::PaymentInitiated { payment_id, amount: amount(dice), currency: eur(), expected_by }
        }
        3 => Body::AccountCredited { credit_id: &names.other, amount: amount(dice), currency: eur() },
        _ => {
            let bill_id = dice.one_in(3).then_some(&*names.bill);
            Body::PaymentReceived {
                payment_id,
                amount: amount(dice),
                currency: eur(),
                bill_id,
                command_id: names.origin(dice),
            }
        }
    }
}

fn declined<'a>(dice: &mut Dice, names: &'a Names) -> Failed<'a> {
    Failed {
        payment_id: &names.payment,
        amount: amount(dice),
        currency: eur(),
        method: if dice.one_in(4) { "direct_debit" } else { "card" },
        decline_code: if dice.one_in(6) { "stolen_card" } else { "insufficient_funds" },
        is_final: dice.one_in(10),
        command_id: names.asked.as_deref().filter(|_| dice.one_in(2)),
    }
}

fn contested<'a>(dice: &mut Dice, names: &'a Names) -> Body<'a> {
    let dispute_id = &*names.dispute;
    if dice.one_in(2) {
        let bill_id = (!dice.one_in(4)).then_some(&*names.bill);
        let amount = dice.one_in(2).then(|| amount(dice));
        let line_ids = if dice.one_in(3) { vec![dice.of_these(&["l", "m", "unheard-of"])] } else { vec![] };
        return Body::DisputeOpened { dispute_id, bill_id, amount, line_ids };
    }
    let outcomes = [DisputeOutcome::Rejected, DisputeOutcome::Withdrawn, DisputeOutcome::Upheld];
    let outcome = outcomes[usize::try_from(dice.below(3)).expect("an index")];
    Body::DisputeResolved { dispute_id, outcome, credited: Minor::new(dice.below(3_000)) }
}

fn reported<'a>(dice: &mut Dice, command_id: &'a str) -> Interaction<'a> {
    let result = ServiceResult::ALL[usize::try_from(dice.within(1, 3)).expect("an index")];
    Interaction::ServiceReported { command_id, service_id: dice.of_these(&["", "mobile", "tv"]), result }
}

fn interaction<'a>(dice: &mut Dice, names: &'a Names, at: Timestamp) -> Interaction<'a> {
    let id = &*names.other;
    match dice.below(16) {
        14 | 15 => reported(dice, names.served.as_deref().unwrap_or("none")),
        13 => {
            let step = dice.of_these(&["", "step-0", "step-1", "step-2"]);
            let warned = dice.one_in(2).then(|| at.plus(-dice.within(1, 20) * DAY_MS));
            let level = if dice.one_in(2) { BarLevel::Outgoing } else { BarLevel::Full };
            let services = if dice.one_in(3) { vec!["mobile"] } else { vec![] };
            let bar = BarThere { reference: id, level, services, since: at.plus(-DAY_MS) };
            let bars = if dice.one_in(2) { vec![bar] } else { vec![] };
            Interaction::StateImported { step, started: warned, warned, amount_warned: amount(dice), bars }
        }
        10 => {
            let command_id = names.asked.as_deref().unwrap_or("none");
            Interaction::OfferAnswered { command_id, accepted: !dice.one_in(3) }
        }
        0 | 1 => {
            let promised_on = in_days(at, dice.within(1, 30));
            Interaction::PromiseMade { promise_id: id, amount: amount(dice), promised_on }
        }
        2 | 3 => {
            let part = amount(dice);
            let parts = (1..=3).map(|n| Term { due_on: in_days(at, n * 6), amount: part });
            Interaction::PlanAgreed { plan_id: id, instalments: parts.collect(), replaces: None }
        }
        4 => {
            let until = dice.one_in(2).then(|| at.plus(dice.within(1, 20) * DAY_MS));
            let stops = Stops { contacts: dice.one_in(2), bars: dice.one_in(2), fees: dice.one_in(2) };
            let bills = if dice.one_in(3) { vec![&*names.bill] } else { vec![] };
            Interaction::HoldPlaced { hold_id: id, kind: "hardship", until, bills, stops }
        }
        5 => Interaction::HoldReleased { hold_id: id },
        6 => Interaction::PromiseCancelled { promise_id: id },
        7 => Interaction::BarApproved { until: None },
        8 => Interaction::BarRefused { until: Some(at.plus(dice.within(1, 20) * DAY_MS)) },
        _ => {
            let any = |dice: &mut Dice, of: usize| {
                usize::try_from(dice.below(i64::try_from(of).expect("a few"))).expect("an index")
            };
            let command_id = names.told.as_deref().filter(|_| dice.one_in(2));
            Interaction::ContactMade {
                command_id,
                outcome: ContactOutcome::ALL[any(dice, ContactOutcome::ALL.len())],
                channel: command_id.is_none().then(|| Channel::ALL[any(dice, 7)]),
                inbound: dice.one_in(2),
                right_party: None,
            }
        }
    }
}
