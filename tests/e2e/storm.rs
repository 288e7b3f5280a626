//! A storm of bad records among good ones: none of them is lost, and it ends.

use std::collections::BTreeMap;
use std::time::Instant;

use dunning_sim::Random;
use dunning_wire::topic::InputTopic;

use crate::ask::ask;
use crate::bad::{BEGIN, WORDS, bad, wait_read};
use crate::event::{At, at};
use crate::process::Start;
use crate::world::{Plot, Record, World};

/// As many bad ones, and as many good ones.
const RECORDS: u32 = 100_000;
/// Customers that pay a cent again and again.
const CUSTOMERS: u32 = 100;
/// Long ones come in the first turns only: they take a hundred kilobytes each.
const LONG_TURNS: u32 = 1_000;

/// How often a record is there: its topic, partition, key and value.
type Kinds = BTreeMap<(String, u32, Option<Vec<u8>>, Option<Vec<u8>>), u64>;

/// The bad record of a turn: each kind of [`WORDS`] in its turn, bytes that mean nothing, ids of schemas that nobody
/// knows.
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
    let more = "clock: stream\nstart: earliest\nschema: { patience: 0s }\nrecord: { bytes: 65536 }\n";
    let world = World::new(&Plot { partitions: 2, more, ..Plot::default() });
    // An account without a bill has no currency that another could differ from.
    let words = WORDS.into_iter().filter(|word| *word != "other_currency");
    let templates: Vec<(&str, Record)> =
        words.map(|word| (word, bad(&world, At { partition: 1, ..at(word, BEGIN) }, word))).collect();
    let mut random = Random::new(11, 0);
    let mut wanted = Kinds::new();
    for begin in (0..RECORDS).step_by(10_000) {
        let mut records = Vec::new();
        for turn in begin..begin + 10_000 {
            let record = bad_record(&templates, &mut random, turn);
            let topic = record.topic.contract_name().to_owned();
            *wanted.entry((topic, record.partition, record.key.clone(), record.value.clone())).or_default() += 1;
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
    println!("{RECORDS} bad records among {RECORDS} good ones: {:?}", began.elapsed());
    for customer in 0..CUSTOMERS {
        let page = instance.account(&format!("good-{customer}"));
        let paid = (0..RECORDS).filter(|turn| turn % CUSTOMERS == customer).count();
        assert_eq!((&page["credit"]["minor"], &page["stale"]), (&paid.into(), &serde_json::json!([])), "{page}");
    }
    assert_eq!(instance.stop(), 0);
    let (mut found, mut classes) = (Kinds::new(), BTreeMap::<String, u64>::new());
    for letter in world.dead_letters() {
        let partition = u32::try_from(letter.marks.partition).expect("a partition");
        *found.entry((letter.marks.topic, partition, letter.key, letter.value)).or_default() += 1;
        *classes.entry(letter.marks.error_class).or_default() += 1;
    }
    assert!(found == wanted, "{} of {RECORDS}, by class: {classes:?}", found.values().sum::<u64>());
    let began = Instant::now();
    let file = world.config_file().display().to_string();
    let (code, text, _) = ask(&["deadletters", "list", "--json", "--limit", "3", "--config", &file]);
    let page: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!((code, &page["left_out"], &page["classes"]), (0, &(RECORDS - 3).into(), &serde_json::json!(classes)));
    println!("listed in {:?}", began.elapsed());
}
