//! Bad input: a clear word, nothing lost, and no bar on what may be stale.

use dunning_rules::{Body, Day, DisputeOutcome, Interaction, Minor, Term};
use dunning_wire::topic::{InputTopic, OutputTopic};

use crate::bus::until;
use crate::event::{At, DAY, at, bill, day_of, payment};
use crate::output::DeadLetter;
use crate::process::{Instance, PATIENCE, Start};
use crate::world::{Plot, Record, World};

/// 2026-03-02 08:00 UTC.
pub const BEGIN: i64 = 1_772_438_400_000;

/// A bad record, and the word under which it is counted.
struct Bad {
    word: &'static str,
    record: Record,
}

/// The id of a schema that this topic's records cannot have: that of the payments.
const PAYMENTS_SCHEMA: u8 = 2;

fn day() -> Day {
    day_of(BEGIN)
}

/// What is wrong with the framing or the key, whatever the topic.
fn framing(world: &World, who: At<'_>, word: &'static str) -> Option<Record> {
    let topic = InputTopic::Bills;
    let good = world.framed(topic, &who.datum(topic, "bad", bill("bad", 99_900, day(), day())));
    let changed = |at: usize, byte: u8| {
        let mut value = good.clone();
        value[at] = byte;
        Some(who.raw(topic, Some(value)))
    };
    match word {
        "too_short" => Some(who.raw(topic, Some(vec![0, 0]))),
        "not_framed" => changed(0, 1),
        "unknown_schema" => changed(2, 77),
        "refused_schema" => changed(4, PAYMENTS_SCHEMA),
        "truncated" => Some(who.raw(topic, Some(good[..good.len() - 1].to_vec()))),
        "trailing_bytes" => Some(who.raw(topic, Some([good.as_slice(), &[0]].concat()))),
        // The event's id is the first field: its length, then its text.
        "bad_utf8" => changed(6, 0xff),
        "negative_length" => changed(5, 1),
        "bad_id" => changed(6, 7),
        "too_long" => Some(who.raw(topic, Some([good.as_slice(), &[0; 100_000]].concat()))),
        "no_value" => Some(who.raw(InputTopic::Payments, None)),
        "key_differs" => {
            let datum = At { account: "somebody-else", ..who }.datum(topic, "bad", bill("bad", 99_900, day(), day()));
            Some(who.raw(topic, Some(world.framed(topic, &datum))))
        }
        _ => None,
    }
}

/// What is wrong with the event itself.
fn event(world: &World, who: At<'_>, word: &'static str) -> Record {
    let issued = |body: Body<'_>| who.event(world, InputTopic::Bills, "bad", body);
    let opened = |amount: i64| Body::DisputeOpened {
        dispute_id: "bad",
        bill_id: None,
        amount: Some(Minor::new(amount)),
        line_ids: vec![],
    };
    let bytes = |record: &Record, from: &[u8], to: &[u8]| {
        let mut record = record.clone();
        let value = record.value.as_mut().expect("a value");
        let place = value.windows(from.len()).position(|w| w == from).expect("the bytes to change");
        value.splice(place..place + from.len(), to.iter().copied());
        record
    };
    match word {
        "negative_amount" => issued(bill("bad", -1, day(), day())),
        "zero_amount" => who.payment(world, "bad", 0),
        "zero_amount of a dispute" => who.event(world, InputTopic::Disputes, "bad", opened(0)),
        "amount_too_large" => who.payment(world, "bad", i64::MAX),
        "unknown_currency" => bytes(&issued(bill("bad", 100, day(), day())), b"EUR", b"EUX"),
        "other_currency" => bytes(&issued(bill("bad", 100, day(), day())), b"EUR", b"USD"),
        "due_before_issued" => issued(bill("bad", 100, day(), day().plus(-1))),
        "bad_date" => issued(bill("bad", 100, day(), Day::from_epoch(200_000))),
        "terms_do_not_sum" => {
            let mut body = bill("bad", 100, day(), day());
            if let Body::BillIssued { terms, .. } = &mut body {
                terms.push(Term { due_on: day(), amount: Minor::new(99) });
            }
            issued(body)
        }
        "bad_union" => {
            // The branch stands before the payment's id.
            let good = who.event(world, InputTopic::Payments, "bad", payment("marker", 100));
            bytes(&good, b"\x00\x0cmarker", b"\x10\x0cmarker")
        }
        "bad_enum" => {
            let (outcome, credited) = (DisputeOutcome::Upheld, Minor::ZERO);
            let body = Body::DisputeResolved { dispute_id: "marker", outcome, credited };
            let good = who.event(world, InputTopic::Disputes, "bad", body);
            bytes(&good, b"marker\x00", b"marker\x20")
        }
        "too_old" => {
            let old = At { millis: who.millis - 500 * DAY, ..who };
            Record { timestamp: who.millis, ..old.payment(world, "bad", 100) }
        }
        other => panic!("no record for {other}"),
    }
}

/// A record that is counted under the first word of `word`.
pub fn bad(world: &World, who: At<'_>, word: &'static str) -> Record {
    framing(world, who, word).unwrap_or_else(|| event(world, who, word))
}

/// Each with an account of its own.
pub const WORDS: [&str; 24] = [
    "too_short",
    "not_framed",
    "unknown_schema",
    "refused_schema",
    "truncated",
    "trailing_bytes",
    "bad_utf8",
    "negative_length",
    "bad_id",
    "too_long",
    "no_value",
    "key_differs",
    "negative_amount",
    "zero_amount",
    "zero_amount of a dispute",
    "amount_too_large",
    "unknown_currency",
    "other_currency",
    "due_before_issued",
    "bad_date",
    "terms_do_not_sum",
    "bad_union",
    "bad_enum",
    "too_old",
];

fn world(partitions: u32) -> World {
    let more = "clock: stream\nstart: earliest\nschema: { patience: 0s }\nrecord: { bytes: 65536 }\n";
    World::new(&Plot { partitions, more, ..Plot::default() })
}

fn headers() -> Vec<(&'static str, Vec<u8>)> {
    vec![("trace", vec![1, 2, 3]), ("trace", vec![0xff])]
}

/// Two good bills with what is bad between them, and a stream clock that goes on for 80 days.
fn with_good(world: &World, bad: &[Bad]) -> Vec<Record> {
    let mut records = Vec::new();
    let key = |b: &Bad| String::from_utf8(b.record.key.clone().expect("a key")).expect("a text");
    let accounts: Vec<String> = bad.iter().map(key).chain(["good".to_owned()]).collect();
    for account in &accounts {
        records.push(at(account, BEGIN - 2).profile(world));
        records.push(at(account, BEGIN - 1).bill(world, "one", 15_000, day().plus(14)));
    }
    records.extend(bad.iter().map(|b| b.record.clone()));
    records.extend(accounts.iter().map(|account| at(account, BEGIN + 1).bill(world, "two", 5_000, day().plus(14))));
    records.push(at("clock", BEGIN + 80 * DAY).usage(world, "u"));
    records
}

fn assert_letter(letter: &DeadLetter, bad: &Bad) {
    let record = &bad.record;
    assert_eq!(letter.marks.topic, record.topic.contract_name());
    assert_eq!((&letter.key, &letter.value), (&record.key, &record.value), "{}", bad.word);
    let originals: Vec<_> = record.headers.iter().map(|(name, v)| ((*name).to_owned(), Some(v.clone()))).collect();
    assert!(letter.headers.ends_with(&originals), "{:?}", letter.headers);
    assert!(!letter.marks.error_text.is_empty());
    assert_eq!(letter.marks.timestamp_ms, Some(record.timestamp));
}

pub fn wait_read(world: &World) {
    until("the end of the inputs", PATIENCE, || match world.left() {
        0 => Ok(()),
        left => Err(left),
    });
}

fn bars(world: &World) -> Vec<String> {
    let commands = world.commands();
    let mut bars: Vec<String> =
        commands.iter().filter(|w| w.topic == OutputTopic::Barring).map(|w| w.view.account_id.clone()).collect();
    bars.dedup();
    bars
}

#[test]
fn each_kind_is_a_dead_letter_and_its_account_is_never_barred() {
    let world = world(1);
    let bads: Vec<Bad> = WORDS
        .iter()
        .map(|word| {
            let who = at(word, BEGIN);
            let mut record = bad(&world, who, word);
            record.headers = headers();
            Bad { word: word.split(' ').next().expect("a word"), record }
        })
        .collect();
    world.write(&with_good(&world, &bads));
    let instance = Start::new(&world, "one").ready();
    wait_read(&world);

    let letters = world.dead_letters();
    assert_eq!(letters.len(), bads.len());
    for bad in &bads {
        let account = String::from_utf8(bad.record.key.clone().expect("a key")).expect("a text");
        let letter = letters.iter().find(|l| l.key == bad.record.key).unwrap_or_else(|| panic!("no {account}"));
        assert_eq!(letter.marks.error_class, bad.word, "{account}");
        assert_letter(letter, bad);
        let count = bad_of(&bads, bad.word);
        let label = format!("reason=\"{}\"", bad.word);
        assert_eq!(instance.metric("dunning_dead_letters_total", &label), count, "{account}");
        let page = instance.account(&account);
        assert_eq!(page["open"]["minor"], 20_000, "{account}: {page}");
        let stale = page["stale"].as_array().expect("a list");
        assert_eq!(stale.len(), 1, "{account}: {page}");
        assert_eq!(stale[0]["topic"], bad.record.topic.contract_name());
    }
    until("the good account's bars", PATIENCE, || {
        let bars = bars(&world);
        if bars.iter().any(|b| b == "good") { Ok(()) } else { Err(format!("{bars:?}")) }
    });
    assert_eq!(instance.stop(), 0);
    assert_eq!(bars(&world), ["good"], "only who is known may be barred");
}

/// How many are counted under a word.
fn bad_of(bads: &[Bad], word: &str) -> f64 {
    let count = bads.iter().filter(|b| b.word == word).count();
    f64::from(u32::try_from(count).expect("few"))
}

#[test]
fn a_key_that_cannot_be_read_holds_the_bars_of_its_shard_only() {
    let world = world(2);
    let mut records = Vec::new();
    let others = [At { account: "here", partition: 0, millis: 0 }, At { account: "there", partition: 1, millis: 0 }];
    for who in others {
        records.push(At { millis: BEGIN - 2, ..who }.profile(&world));
        records.push(At { millis: BEGIN - 1, ..who }.bill(&world, "one", 15_000, day().plus(14)));
    }
    let template = at("x", BEGIN).payment(&world, "p", 100);
    let keys: [(&str, Option<Vec<u8>>); 4] = [
        ("key_missing", None),
        ("key_unreadable", Some(vec![0xff])),
        ("key_unreadable", Some(Vec::new())),
        ("key_unreadable", Some(b"a\nb".to_vec())),
    ];
    let bad = keys.map(|(word, key)| Bad { word, record: Record { key, headers: headers(), ..template.clone() } });
    records.extend(bad.iter().map(|b| b.record.clone()));
    for partition in 0..2 {
        records.push(At { account: "clock", partition, millis: BEGIN + 80 * DAY }.usage(&world, "u"));
    }
    world.write(&records);
    let instance = Start::new(&world, "one").ready();
    wait_read(&world);
    let letters = world.dead_letters();
    assert_eq!(letters.len(), bad.len());
    for (letter, bad) in letters.iter().zip(&bad) {
        assert_eq!(letter.marks.error_class, bad.word);
        assert_letter(letter, bad);
    }
    assert_eq!(instance.account("here")["shard_stale"], true);
    assert_eq!(instance.account("there")["shard_stale"], false);
    until("the other shard's bar", PATIENCE, || {
        let bars = bars(&world);
        if bars.is_empty() { Err("none") } else { Ok(()) }
    });
    assert_eq!(instance.stop(), 0);
    assert_eq!(bars(&world), ["there"]);
}

#[test]
fn what_an_account_cannot_bear_and_what_lies_ahead_of_the_clock_is_refused() {
    let more = "clock: wall\nstart: earliest\nfuture_bound: 1h\n";
    let world = World::new(&Plot { more, ..Plot::default() });
    let now = crate::process::now();
    // Four thousand of the largest amounts are all that may ever move on an account.
    let largest = Minor::EVENT_MAX.get();
    let ids: Vec<String> = (0..4_001).map(|n| format!("p{n}")).collect();
    let mut records: Vec<Record> = ids.iter().map(|id| at("rich", now).payment(&world, id, largest)).collect();
    records.push(at("early", now + 2 * 3_600_000).payment(&world, "ahead", 100));
    let decided = Body::Interaction(Interaction::BarDecisionWithdrawn);
    records.push(at("advice", now + 2 * 3_600_000).event(&world, InputTopic::Interactions, "ahead", decided));
    world.write(&records);
    let instance = Start::new(&world, "one").ready();
    wait_read(&world);
    let count = |reason: &str| instance.metric("dunning_dead_letters_total", &format!("reason=\"{reason}\""));
    assert_eq!((count("overflow"), count("future_timestamp")), (1.0, 2.0));
    assert_eq!(instance.account("rich")["credit"]["minor"], largest * 4_000);
    let stale = |instance: &Instance, id: &str| instance.account(id)["stale"].as_array().map(Vec::len);
    assert_eq!(stale(&instance, "rich"), Some(1));
    assert_eq!(stale(&instance, "early"), Some(1));
    // It moves no money, so nothing is stale, and nothing was heard of the account.
    assert_eq!(instance.get("/accounts/advice").0, 404);
    assert_eq!(instance.stop(), 0);
    assert_eq!(world.dead_letters().len(), 3);
}
