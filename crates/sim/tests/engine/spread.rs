//! The same input on one, two and three lanes, across a change of the policy: the same is commanded, decided and kept.

use dunning_engine::{ClockMode, Partition};
use dunning_rules::{
    Body, Currency, DAY_MS, Day, DisputeOutcome, Interaction, Minor, ReversalKind, Term, Timestamp, Usage, Zone,
};
use dunning_sim::{Random, Topic};
use dunning_wire::control::{self, ControlBody, ControlEvent};
use dunning_wire::schema::embedded_id;
use dunning_wire::state_record::{self, StateRecord};
use dunning_wire::topic::{InputTopic, OutputTopic};
use dunning_wire::{decision, frame};

use crate::gate::{noon, profile};
use crate::world::{World, policy_file, read, settings};

const PARTITIONS: Partition = 6;
const FIRST_DAY: i32 = 20_000;
const DAYS: i64 = 150;
/// On this day the second version begins.
const CHANGE: i64 = 60;

fn instant(day: i64, hour: i64) -> Timestamp {
    Zone::UTC.start_of_day(Day::from_epoch(FIRST_DAY)).plus(day * DAY_MS + hour * 3_600_000)
}

fn day(number: i64) -> Day {
    Day::from_epoch(FIRST_DAY).plus(i32::try_from(number).expect("a day"))
}

/// Something of each kind, by chance.
fn happens(random: &mut Random, world: &mut World, account: &str, today: i64) {
    let name = |kind: char, n: i64| format!("{kind}{n}");
    let (bill, payment, dispute) =
        (name('b', random.between(1, 4)), name('p', random.between(1, 9)), name('d', random.between(1, 3)));
    let amount = Minor::new(random.pick(&[4_000, 12_000, 30_000]));
    let currency = Currency::parse("EUR").expect("a currency");
    let due = today + random.between(0, 20);
    let body = match random.between(0, 19) {
        0..=6 => {
            let half = Minor::new(amount.get() / 2);
            let part = |days| Term { due_on: day(due - days), amount: half };
            let terms = if random.chance(300) { vec![part(5), part(0)] } else { vec![] };
            let (issued_on, due_on, lines) = (day(today - 10), day(due), vec![]);
            Body::BillIssued {
                bill_id: &bill,
                amount,
                currency,
                issued_on,
                due_on,
                terms,
                lines,
                kind: "regular",
                origin: None,
            }
        }
        7..=11 => Body::PaymentReceived { payment_id: &payment, amount, currency, bill_id: None, command_id: None },
        12 => Body::PaymentReversed { payment_id: &payment, amount, kind: ReversalKind::ReturnedDebit },
        13 => Body::BillAdjusted { bill_id: &bill, delta: Minor::new(-2_000), origin: None },
        14..=15 => Body::DisputeOpened { dispute_id: &dispute, bill_id: Some(&bill), amount: None, line_ids: vec![] },
        16 => Body::DisputeResolved { dispute_id: &dispute, outcome: DisputeOutcome::Rejected, credited: Minor::ZERO },
        17 => Body::Interaction(Interaction::PromiseMade { promise_id: &payment, amount, promised_on: day(due) }),
        _ => Body::PaymentInitiated { payment_id: &payment, amount, currency, expected_by: day(due) },
    };
    let topic = match &body {
        Body::BillIssued { .. } | Body::BillAdjusted { .. } => InputTopic::Bills,
        Body::DisputeOpened { .. } | Body::DisputeResolved { .. } => InputTopic::Disputes,
        Body::Interaction(_) => InputTopic::Interactions,
        _ => InputTopic::Payments,
    };
    write(world, topic, account, instant(today, random.between(0, 23)), body);
}

fn write(world: &mut World, topic: InputTopic, account: &str, at: Timestamp, body: Body<'_>) {
    let bytes = world.bytes(topic, account, at, body);
    world.bus.append(topic, account.as_bytes(), Some(&bytes), at);
}

/// The second version: another day for the reminder, and cycles that run go on by it.
fn publish(world: &World) {
    let text = read("deploy/policies/consumer.yaml")
        .replacen("version: 1", "version: 2\non_change: next_step", 1)
        .replacen("at: 4d", "at: 6d", 1);
    let at = instant(CHANGE, 0);
    for shard in 0..PARTITIONS {
        let body = ControlBody::PolicyPublished {
            label: "consumer@2".to_owned(),
            text: text.clone(),
            effective_from: Some(at),
        };
        let (control_id, actor, reason) = ("c-1".to_owned(), "a person".to_owned(), "later".to_owned());
        let mut value = Vec::new();
        frame::put_header(&mut value, embedded_id(InputTopic::Control.contract_name()));
        control::encode(&ControlEvent { control_id, occurred_at: at, actor, reason, body }, &mut value);
        world.bus.append_to(Topic::In(InputTopic::Control), shard, Some(b"order"), Some(&value), at, None);
    }
}

/// All that is written, before anything is read: the days one after the other, as a stream has them.
fn feed(world: &mut World) {
    let mut random = Random::new(7, 0);
    let accounts: Vec<String> = (0..60).map(|n| format!("acc-{n}")).collect();
    for account in &accounts {
        write(world, InputTopic::Accounts, account, instant(0, 0), profile());
    }
    for today in 0..DAYS {
        if today == CHANGE {
            publish(world);
        }
        for account in &accounts {
            if random.chance(150) {
                happens(&mut random, world, account, today);
            }
        }
    }
    for shard in 0..PARTITIONS {
        let at = instant(DAYS + 200, 0);
        let bytes = world.bytes(InputTopic::Usage, "tick", at, Body::UsageRecorded(Usage::NONE));
        world.bus.append_to(Topic::In(InputTopic::Usage), shard, Some(b"tick"), Some(&bytes), at, None);
    }
}

/// What was commanded, what was decided of each account in order, and the last state of each.
fn ran(lanes: usize) -> (String, Vec<String>, Vec<String>) {
    let mut world = World::new(PARTITIONS, settings(ClockMode::Stream, policy_file("consumer")), noon(FIRST_DAY));
    world.settings.future_bound = None;
    feed(&mut world);
    for _ in 0..lanes {
        world.lane(None);
    }
    for round in 0..60 {
        world.turn().expect("a round");
        // Of several lanes the first leaves in the middle, and another comes.
        if lanes > 1 && round == 20 {
            world.lanes.remove(0).stop().expect("a clean stop");
            world.lane(None);
        }
    }
    world.settle();
    let datum = |value: Option<&[u8]>| frame::split(value.expect("a value")).expect("a frame").1.to_vec();
    let decisions = world.bus.read(Topic::Out(OutputTopic::Decisions));
    let decided = |value: Option<&[u8]>| decision::decode(&datum(value)).expect("a decision");
    let mut decisions: Vec<_> = decisions.iter().map(|(_, record)| decided(record.value.as_deref())).collect();
    decisions.sort_by(|a, b| (&a.account_id, a.number).cmp(&(&b.account_id, b.number)));
    world.bus.compact(Topic::Out(OutputTopic::State));
    let mut states = Vec::new();
    for (_, record) in world.bus.read(Topic::Out(OutputTopic::State)) {
        let datum = datum(record.value.as_deref());
        if let StateRecord::Account { account_id, row, .. } = state_record::decode(&datum).expect("a record") {
            states.push(format!("{account_id} {row:?}"));
        }
    }
    states.sort();
    (world.dump(), decisions.iter().map(|d| format!("{d:?}")).collect(), states)
}

#[test]
fn one_two_and_three_lanes_say_the_same_across_a_change_of_the_policy() {
    let one = ran(1);
    for lanes in [2, 3] {
        let more = ran(lanes);
        let differ = one.0.lines().zip(more.0.lines()).find(|(a, b)| a != b);
        assert_eq!((differ, one.0.lines().count()), (None, more.0.lines().count()), "{lanes} lanes: commands");
        assert_eq!(one.1, more.1, "{lanes} lanes: decisions");
        assert_eq!(one.2, more.2, "{lanes} lanes: states");
    }
    let of = |policy: &str| one.0.matches(&format!("\"policy\":\"{policy}\"")).count();
    assert!(of("consumer@1") > 50 && of("consumer@2") > 50, "{} and {}", of("consumer@1"), of("consumer@2"));
    assert!(one.1.iter().any(|d| d.contains("policy_changed")), "a cycle goes on by the second version");
    assert!(["dunning.barring", "dunning.restoration"].iter().all(|topic| one.0.contains(topic)));
}
