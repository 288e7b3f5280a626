//! Bad input: a dead letter for each, and everything good takes effect.

use dunning_engine::{ClockMode, Mode};
use dunning_rules::{Day, Zone};
use dunning_sim::{Random, Topic};
use dunning_wire::topic::{InputTopic, OutputTopic};

use crate::world::{World, policy_file, settings};

/// The class expected, the key, the value, and how far ahead of the clock it is, in milliseconds.
type Row<'a> = (&'a str, Option<&'a [u8]>, Option<&'a [u8]>, i64);

fn world() -> World {
    let now = Zone::UTC.start_of_day(Day::from_epoch(20_000));
    World::new(2, settings(ClockMode::Wall, policy_file("consumer")), now)
}

#[test]
fn every_bad_record_is_a_dead_letter_as_it_was() {
    let mut world = world();
    let at = dunning_engine::Clock::now(&world.clock);
    let good =
        world.bytes(InputTopic::Usage, "acc-1", at, dunning_rules::Body::UsageRecorded(dunning_rules::Usage::NONE));
    let mut trailing = good.clone();
    trailing.push(0);
    let mut magic = good.clone();
    magic[0] = 1;
    let mut unknown = good.clone();
    unknown[4] = 0xee;
    let long = vec![0; 100_001];
    let rows: Vec<Row<'_>> = vec![
        ("key_differs", Some(b"acc-2"), Some(&good), 0),
        ("key_missing", None, Some(&good), 0),
        ("key_unreadable", Some(b"\xff"), Some(&good), 0),
        ("trailing_bytes", Some(b"acc-1"), Some(&trailing), 0),
        ("truncated", Some(b"acc-1"), Some(&good[..good.len() - 1]), 0),
        ("not_framed", Some(b"acc-1"), Some(&magic), 0),
        ("too_short", Some(b"acc-1"), Some(&good[..3]), 0),
        ("unknown_schema", Some(b"acc-1"), Some(&unknown), 0),
        ("no_value", Some(b"acc-1"), None, 0),
        ("too_long", Some(b"acc-1"), Some(&long), 0),
        ("future_timestamp", Some(b"acc-1"), Some(&good), 25 * 3_600_000),
    ];
    for (_, key, value, later) in &rows {
        world.bus.append_to(Topic::In(InputTopic::Usage), 0, *key, *value, at.plus(*later), None);
    }
    world.bus.append_to(Topic::In(InputTopic::Usage), 0, Some(b"acc-1"), Some(&good), at, None);
    world.lane(None);
    // Longer than an unknown schema is asked for.
    for _ in 0..1_500 {
        world.turn().expect("a round");
    }
    let mut wanted: Vec<_> = rows.iter().map(|(class, ..)| (*class).to_owned()).collect();
    let mut got = world.dead_letters();
    wanted.sort();
    got.sort();
    assert_eq!(got, wanted);
    let kept = world.bus.read(Topic::Out(OutputTopic::DeadLetters));
    for (class, key, value, _) in &rows {
        let same = |(_, r): &(u32, dunning_sim::Logged)| r.key.as_deref() == *key && r.value.as_deref() == *value;
        assert!(kept.iter().any(same), "{class} is not there as it was");
    }
    assert_eq!(world.meters.no_effects.all(), [("usage", 1)]);
}

#[test]
fn random_bytes_hold_nothing_up() {
    let mut world = world();
    let at = dunning_engine::Clock::now(&world.clock);
    let mut random = Random::new(7, 0);
    for i in 0..2_000_u32 {
        let topic = InputTopic::ALL[(i % 7) as usize];
        let mut bytes: Vec<u8> =
            (0..random.between(0, 60)).map(|_| u8::try_from(random.between(0, 256)).unwrap_or(0)).collect();
        if i % 2 == 0 && bytes.len() > 5 {
            bytes[..5].copy_from_slice(&[0, 0, 0, 0, 0]);
            let id = dunning_wire::schema::embedded_id(topic.contract_name());
            bytes[1..5].copy_from_slice(&id.to_be_bytes());
        } else if let Some(first) = bytes.first_mut() {
            // A frame with a random id would be asked for, and be waited for.
            *first |= 1;
        }
        world.bus.append_to(Topic::In(topic), i % 2, Some(format!("acc-{}", i % 5).as_bytes()), Some(&bytes), at, None);
    }
    world.lane(None);
    world.settle();
    let dead = world.dead_letters().len();
    let used: u64 = world.meters.no_effects.all().iter().map(|(_, n)| n).sum();
    assert!(dead > 1_990 && dead as u64 + used <= 2_000, "{dead} dead letters, {used} without effect");
}

#[test]
fn a_registry_that_is_away_is_waited_for() {
    let mut world = world();
    world.settings.schema_patience = std::time::Duration::from_secs(1);
    world.bus.set_registry_away(true);
    world.happens(InputTopic::Usage, "acc-1", dunning_rules::Body::UsageRecorded(dunning_rules::Usage::NONE));
    world.lane(None);
    for _ in 0..1_500 {
        world.turn().expect("a round");
    }
    assert_eq!((world.dead_letters().len(), world.meters.registry_waits.get()), (0, 1));
    world.bus.set_registry_away(false);
    for _ in 0..500 {
        world.turn().expect("a round");
    }
    assert_eq!(world.meters.no_effects.all(), [("usage", 1)]);
}

#[test]
fn shadow_decides_and_commands_nothing() {
    let mut world = World::new(
        4,
        settings(ClockMode::Stream, policy_file("reference")),
        Zone::UTC.start_of_day(Day::from_epoch(20_000)),
    );
    world.settings.mode = Mode::Shadow;
    let day = |d: i32| Zone::UTC.start_of_day(Day::from_epoch(d));
    let body = dunning_rules::Body::BillIssued {
        bill_id: "b",
        amount: dunning_rules::Minor::new(900),
        currency: dunning_rules::Currency::parse("EUR").expect("a currency"),
        issued_on: Day::from_epoch(20_000),
        due_on: Day::from_epoch(20_010),
        terms: vec![],
        lines: vec![],
        kind: "regular",
        origin: None,
    };
    let bytes = world.bytes(InputTopic::Bills, "acc-1", day(20_000), body);
    let tick = world.bytes(
        InputTopic::Usage,
        "acc-1",
        day(20_100),
        dunning_rules::Body::UsageRecorded(dunning_rules::Usage::NONE),
    );
    world.bus.append(InputTopic::Bills, b"acc-1", Some(&bytes), day(20_000));
    world.bus.append(InputTopic::Usage, b"acc-1", Some(&tick), day(20_100));
    world.lane(None);
    world.settle();
    assert!(world.commands().is_empty() && world.meters.commands.all().is_empty());
    assert!(world.decided("acc-1").iter().any(|d| d == "barred"));
}
