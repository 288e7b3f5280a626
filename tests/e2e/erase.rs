//! A person is forgotten, down to the bytes: on the state topic once it is compacted, and on disk once the store is rebuilt.

use std::path::Path;
use std::time::Duration;

use dunning_rules::{Body, Channel, Contact, Profile};
use dunning_wire::topic::{InputTopic, OutputTopic};
use rdkafka::Message;
use rdkafka::admin::{AdminClient, AdminOptions, AlterConfig, ResourceSpecifier};
use rdkafka::client::DefaultClientContext;

use crate::ask::ask;
use crate::bad::wait_read;
use crate::bus::until;
use crate::event::{DAY, at, customer, day_of, goes_on};
use crate::process::Start;
use crate::world::{Plot, Record, World};

const BEGIN: i64 = 1_772_456_400_000;
const ALIAS: &str = "alias-of-somebody-in-particular";
const SEGMENT: &str = "segment-of-somebody-in-particular";

fn person(world: &World) -> Record {
    let contact = Contact { channel: Channel::Email, address: ALIAS.into(), consent: true };
    let profile = Profile { segment: SEGMENT.into(), contacts: vec![contact], ..customer() };
    at("acc", BEGIN).event(world, InputTopic::Accounts, "profile", Body::Profile(Box::new(profile)))
}

/// How many records of the state topic hold a text.
fn on_the_topic(world: &World, text: &str) -> usize {
    let mut found = 0;
    world.each(&[world.topics.output(OutputTopic::State)], |message| {
        found += usize::from(message.payload().is_some_and(|value| has(value, text)));
    });
    found
}

/// Whether a file under a folder holds a text.
fn on_disk(folder: &Path, text: &str) -> bool {
    std::fs::read_dir(folder).into_iter().flatten().flatten().any(|entry| {
        let path = entry.path();
        // A file may go while it is looked for.
        if path.is_dir() { on_disk(&path, text) } else { std::fs::read(path).is_ok_and(|bytes| has(&bytes, text)) }
    })
}

fn has(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|part| part == text.as_bytes())
}

/// The broker compacts the state topic as soon as it can.
fn compact_at_once(world: &World) {
    let admin: AdminClient<DefaultClientContext> = world.client().create().expect("a client");
    let settings = [
        ("cleanup.policy", "compact"),
        ("message.timestamp.type", "LogAppendTime"),
        ("segment.ms", "500"),
        ("max.compaction.lag.ms", "500"),
        ("min.cleanable.dirty.ratio", "0.0"),
    ];
    let resource = ResourceSpecifier::Topic(world.topics.output(OutputTopic::State));
    let config = settings.iter().fold(AlterConfig::new(resource), |config, (key, value)| config.set(key, value));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let done = runtime.block_on(admin.alter_configs(&[config], &AdminOptions::new())).expect("an answer");
    assert!(done.iter().all(Result::is_ok), "{done:?}");
}

#[test]
fn a_person_is_forgotten_down_to_the_bytes() {
    let more = "clock: stream\nstart: earliest\nflush: { every: 1s }\nerasure: { within: 4s }\n";
    let world = World::new(&Plot { more, ..Plot::default() });
    world.write(&[
        person(&world),
        at("acc", BEGIN).bill(&world, "march", 5_000, day_of(BEGIN + 10 * DAY)),
        at("acc", BEGIN + 5 * DAY).payment(&world, "paid", 5_000),
        goes_on(&world, BEGIN + 100 * DAY),
    ]);
    let instance = Start::new(&world, "one").ready();
    wait_read(&world);
    let state = world.state_of("one");
    until("the person on disk", 30, || if on_disk(&state, ALIAS) { Ok(()) } else { Err("not there") });
    assert!(on_the_topic(&world, ALIAS) > 0 && on_the_topic(&world, SEGMENT) > 0);
    let config = world.config_file();
    let config = config.to_str().expect("a path");
    let (code, page, _) = ask(&["account", "export", "acc", "--config", config]);
    let export: serde_json::Value = serde_json::from_str(&page).expect("JSON");
    assert_eq!((code, &export["person"]["profile"]["contacts"][0]["address"]), (0, &ALIAS.into()));
    assert_eq!(export["person"]["payments"][0]["payment_id"], "paid");

    compact_at_once(&world);
    world.write(&[at("acc", BEGIN + 101 * DAY).raw(InputTopic::Accounts, None), goes_on(&world, BEGIN + 102 * DAY)]);
    wait_read(&world);
    let mut tick = 0;
    until("the topic without the person", 90, || {
        // A segment that nothing is written to is never closed.
        tick += 1;
        world.write(&[goes_on(&world, BEGIN + 102 * DAY + tick)]);
        std::thread::sleep(Duration::from_millis(300));
        match on_the_topic(&world, ALIAS) + on_the_topic(&world, SEGMENT) {
            0 => Ok(()),
            left => Err(format!("{left} records")),
        }
    });
    instance.wait_metric("dunning_stores_rebuilt_total", "", |rebuilt| rebuilt >= 1.0);
    instance.wait_ready();
    until("the disk without the person", 30, || match on_disk(&state, ALIAS) || on_disk(&state, SEGMENT) {
        false => Ok(()),
        true => Err("still there"),
    });
    // A stub is left, which is rebuilt like any account.
    let (code, page, _) = ask(&["account", "export", "acc", "--config", config]);
    let export: serde_json::Value = serde_json::from_str(&page).expect("JSON");
    assert_eq!((code, &export["person"]["profile"]), (0, &serde_json::Value::Null));
    assert_eq!(export["person"]["payments"], serde_json::json!([]));
    let (_, page, _) = ask(&["account", "show", "acc", "--url", &instance.url]);
    assert!(page.contains("account acc: clear") && !page.contains("march"), "{page}");
    // What was counted stays counted.
    let again = at("acc", BEGIN + 103 * DAY);
    world.write(&[again.event(&world, InputTopic::Payments, "another", crate::event::payment("paid", 5_000))]);
    wait_read(&world);
    assert_eq!(instance.metric("dunning_no_effects_total", "known_payment"), 1.0);
    assert_eq!(instance.stop(), 0);
    assert!(!on_disk(&state, ALIAS));
}
