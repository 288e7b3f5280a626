//! A storm of bad records among good ones: none of them is lost, and it ends.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use dunning_sim::Random;
use dunning_wire::topic::{InputTopic, OutputTopic};

use crate::bad::{BEGIN, WORDS, bad, wait_read};
use crate::event::{At, at};
use crate::process::Start;
use crate::world::{Plot, Record, World};

/// As many bad ones, and as many good ones.
const RECORDS: u32 = 10_000;
/// Sets another number: 100000 for the storm in full.
const VARIABLE: &str = "STORM_RECORDS";
/// Customers that pay a cent again and again.
const CUSTOMERS: u32 = 100;
/// Long ones come in the first turns only: they take a hundred kilobytes each.
const LONG_TURNS: u32 = 1_000;

fn records() -> u32 {
    std::env::var(VARIABLE).map_or(RECORDS, |n| n.parse().expect("a number of records"))
}

/// The bad record of a turn: each kind of [`WORDS`] in its turn, bytes that mean nothing, ids of schemas that nobody knows.
fn bad_record(templates: &[(&str, Record)], random: &mut Random, turn: u32) -> Record {
    let kind = turn as usize % (templates.len() + 2);
    let of = |account: &str, value: Vec<u8>| Record {
        partition: turn % 2,
        ..at(account, BEGIN).raw(InputTopic::ALL[(turn % 3) as usize], Some(value))
    };
    let mut noise = |least: i64| -> Vec<u8> {
        (0..random.between(least, 200)).map(|_| u8::try_from(random.between(0, 255)).expect("a byte")).collect()
    };
    match templates.get(kind) {
        Some((word, record)) if *word != "too_long" || turn < LONG_TURNS => record.clone(),
        Some(_) => of("noise", [vec![7], noise(0)].concat()),
        // A length of an exabyte after a good frame.
        None if kind == templates.len() => {
            of("giant", [vec![0, 0, 0, 0, 1], vec![0xfe; 9], vec![1], noise(0)].concat())
        }
        None => of("unknown", [vec![0, 0x70, 0, 0, u8::try_from(turn % 100).expect("a byte")], noise(0)].concat()),
    }
}

#[test]
fn every_good_record_takes_effect_and_every_bad_one_is_a_dead_letter() {
    let count = records();
    let more = "clock: stream\nstart: earliest\nschema: { patience: 0s }\nrecord: { bytes: 65536 }\n";
    let world = World::new(&Plot { partitions: 2, more, ..Plot::default() });
    // An account without a bill has no currency that another could differ from.
    let words = WORDS.into_iter().filter(|word| *word != "other_currency");
    let templates: Vec<(&str, Record)> =
        words.map(|word| (word, bad(&world, At { partition: 1, ..at(word, BEGIN) }, word))).collect();
    let mut random = Random::new(11, 0);
    let mut wanted: BTreeMap<(String, u32), u64> = BTreeMap::new();
    for begin in (0..count).step_by(10_000) {
        let mut records = Vec::new();
        for turn in begin..count.min(begin + 10_000) {
            let record = bad_record(&templates, &mut random, turn);
            *wanted.entry((record.topic.contract_name().to_owned(), record.partition)).or_default() += 1;
            records.push(record);
            let customer = format!("good-{}", turn % CUSTOMERS);
            let who = At { partition: turn % CUSTOMERS % 2, ..at(&customer, BEGIN) };
            records.push(who.payment(&world, &format!("p{turn}"), 1));
        }
        world.write(&records);
    }
    let began = Instant::now();
    let instance = Start::new(&world, "one").ready();
    wait_read(&world);
    let took = began.elapsed();
    println!("{count} bad records among {count} good ones: {took:?}");
    for customer in 0..CUSTOMERS {
        let page = instance.account(&format!("good-{customer}"));
        let paid = (0..count).filter(|turn| turn % CUSTOMERS == customer).count();
        assert_eq!(page["credit"]["minor"], paid, "{page}");
        assert_eq!(page["stale"], serde_json::json!([]));
    }
    assert_eq!(instance.stop(), 0);
    let mut found: BTreeMap<(String, u32), u64> = BTreeMap::new();
    let mut values = 0_u64;
    for letter in world.dead_letters() {
        let partition = u32::try_from(letter.marks.partition).expect("a partition");
        *found.entry((letter.marks.topic, partition)).or_default() += 1;
        values += letter.value.map_or(0, |v| v.len() as u64);
    }
    assert_eq!(found, wanted);
    assert!(values > 0 && world.commands().iter().all(|w| w.topic != OutputTopic::Barring));
    assert!(took < Duration::from_secs(60 + u64::from(count) / 500), "{took:?}");
}
