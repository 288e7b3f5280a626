//! Dead letters and bars that wait for a person, as an operator deals with them on the command line.

use dunning_wire::deadletter;
use dunning_wire::topic::{InputTopic, OutputTopic};
use rdkafka::message::Message as _;
use serde_json::Value;

use crate::ask::ask;
use crate::bad::{BEGIN, wait_read};
use crate::bus::until;
use crate::event::{At, DAY, at, day_of};
use crate::ladder::{HOUR, all_notices, count, wall_world};
use crate::output::headers;
use crate::process::{Instance, PATIENCE, Start};
use crate::world::{Plot, Record, World};

/// A command of the world's group: its code, what it printed, what it complained of.
fn operate(world: &World, arguments: &[&str]) -> (i32, String, String) {
    let file = world.config_file().display().to_string();
    ask(&[arguments, &["--config", &file]].concat())
}

fn wait_bars(world: &World, account: &str, wanted: usize) {
    until(&format!("{wanted} bars of {account}"), PATIENCE, || {
        match count(&world.commands(), account, OutputTopic::Barring) {
            found if found == wanted => Ok(()),
            found => Err(found),
        }
    });
}

/// Three customers with an unpaid bill: one paid it with an event that is too old, one with garbage, one not at all; and
/// a `stream` clock that went on until all should have been barred. Offsets among the dead letters: 0 and 1.
fn three_customers() -> World {
    let more = "clock: stream\nstart: earliest\n";
    let world = World::new(&Plot { more, ..Plot::default() });
    let mut records = Vec::new();
    for account in ["paid", "garbled", "debtor"] {
        records.push(at(account, BEGIN - 2).profile(&world));
        records.push(at(account, BEGIN - 1).bill(&world, "one", 15_000, day_of(BEGIN + 14 * DAY)));
    }
    let old = At { millis: BEGIN - 500 * DAY, ..at("paid", BEGIN) }.payment(&world, "old", 15_000);
    let trace = vec![("trace", vec![1, 0xff])];
    records.push(Record { timestamp: BEGIN, headers: trace, ..old });
    records.push(at("garbled", BEGIN + 1).raw(InputTopic::Payments, Some(b"garbage \x01".to_vec())));
    records.push(at("clock", BEGIN + 80 * DAY).usage(&world, "u"));
    world.write(&records);
    world
}

fn listed(world: &World, more: &[&str]) -> Value {
    let (code, text, complaint) = operate(world, &[&["deadletters", "list", "--json"], more].concat());
    assert_eq!(code, 0, "{complaint}");
    serde_json::from_str(&text).expect("JSON")
}

fn stale(instance: &Instance, account: &str) -> usize {
    instance.account(account)["stale"].as_array().expect("a list").len()
}

#[test]
fn letters_are_listed_and_shown_with_what_to_do() {
    let world = three_customers();
    let instance = Start::new(&world, "one").ready();
    wait_read(&world);
    assert_eq!(instance.stop(), 0);

    let (code, text, _) = operate(&world, &["deadletters", "list"]);
    assert_eq!(code, 0);
    for words in ["billing.payments", "too_old", "not_framed", "open", "2 dead letters"] {
        assert!(text.contains(words), "`{words}` is not in: {text}");
    }
    assert!(!text.contains("garbled"), "no account is named unasked: {text}");
    let page = listed(&world, &["--show-keys", "--class", "not_framed"]);
    assert_eq!(
        (&page["letters"][0]["key"], &page["classes"]),
        (&"garbled".into(), &serde_json::json!({"not_framed": 1}))
    );
    assert_eq!(page["letters"][0]["letter"], "0:1");
    let page = listed(&world, &["--limit", "1"]);
    assert_eq!((page["letters"].as_array().map(Vec::len), &page["left_out"]), (Some(1), &1.into()));
    for (filter, found) in [
        (["--account", "paid"], 1),
        (["--topic", "billing.bills"], 0),
        (["--since", "2026-03-02T08:00:00.001Z"], 1),
        (["--partition", "0"], 2),
    ] {
        assert_eq!(listed(&world, &filter)["letters"].as_array().map(Vec::len), Some(found), "{filter:?}");
    }

    let (code, text, _) = operate(&world, &["deadletters", "show", "0:0"]);
    assert_eq!(code, 0);
    for words in
        ["too_old", "dedupe.horizon", "PaymentReceived", "\"payment_id\": \"old\"", "trace: hex 01ff", "not barred"]
    {
        assert!(text.contains(words), "`{words}` is not in: {text}");
    }
    let (_, text, _) = operate(&world, &["deadletters", "show", "0:1"]);
    assert!(text.contains("67 61 72 62") && text.contains("garbage ."), "{text}");
    for missing in ["0:7", "9:0"] {
        let (code, _, words) = operate(&world, &["deadletters", "show", missing]);
        assert!(code == 1 && words.contains("no dead letter"), "{code} {words}");
    }
    assert_eq!(operate(&world, &["deadletters", "show", "7"]).0, 2);
}

#[test]
fn a_letter_is_put_back_once_and_a_released_one_holds_no_bar() {
    let world = three_customers();
    let instance = Start::new(&world, "one").ready();
    wait_read(&world);
    wait_bars(&world, "debtor", 2);
    assert_eq!([stale(&instance, "paid"), stale(&instance, "garbled")], [1, 1]);
    assert_eq!(instance.stop(), 0);
    // What made it a dead letter is put right.
    let instance = Start::new(&world, "one").set("DEDUPE_HORIZON", "none").ready();

    let (code, _, complaint) = operate(&world, &["deadletters", "replay", "0:0", "0:9"]);
    assert!(code == 1 && complaint.contains("0:9: there is no dead letter"), "{code} {complaint}");
    let (code, text, complaint) = operate(&world, &["deadletters", "replay", "0:0"]);
    assert!(code == 0 && text.contains("1 put back"), "{code} {text} {complaint}");
    until("the payment", PATIENCE, || match instance.account("paid")["open"]["minor"].as_i64() {
        Some(0) => Ok(()),
        open => Err(format!("{open:?}")),
    });
    assert_eq!(stale(&instance, "paid"), 0);
    let (code, _, complaint) = operate(&world, &["deadletters", "replay", "0:0"]);
    assert!(code == 1 && complaint.contains("replayed already"), "{code} {complaint}");
    assert_eq!(operate(&world, &["deadletters", "replay", "0:0", "--again"]).0, 0);

    let payments = world.read(&[world.topics.input(InputTopic::Payments)]);
    assert_eq!(payments.len(), 4, "two of old, one put back, and once more with --again");
    for back in &payments[2..] {
        let of = |m: &rdkafka::message::OwnedMessage| (m.key().map(<[u8]>::to_vec), m.payload().map(<[u8]>::to_vec));
        assert_eq!((of(back), back.timestamp()), (of(&payments[0]), payments[0].timestamp()));
        let place = deadletter::replayed(&headers(back)).expect("it says what it is");
        assert_eq!(place.to_string(), "billing.payments/0/0");
        assert_eq!(headers(back)[0], headers(&payments[0])[0]);
    }

    let by = ["--actor", "j.doe", "--reason", "no money"];
    assert_eq!(operate(&world, &["deadletters", "release", "0:1", "--actor", "j.doe"]).0, 2, "a reason must be given");
    let release = [&["deadletters", "release", "0:1"], &by[..]].concat();
    assert_eq!(operate(&world, &release).0, 0);
    wait_bars(&world, "garbled", 1);
    assert_eq!(stale(&instance, "garbled"), 0);
    let (code, _, complaint) = operate(&world, &release);
    assert!(code == 1 && complaint.contains("released already"), "{code} {complaint}");

    wait_read(&world);
    let page = instance.account("paid");
    assert_eq!((&page["open"]["minor"], &page["credit"]["minor"]), (&0.into(), &0.into()), "{page}");
    assert_eq!(instance.stop(), 0);
    assert_eq!(count(&world.commands(), "paid", OutputTopic::Barring), 0);
    let states = listed(&world, &[])["letters"].as_array().expect("a list").clone();
    assert_eq!(states.iter().map(|l| &l["state"]).collect::<Vec<_>>(), ["replayed", "released"]);
    assert_eq!(listed(&world, &["--open"])["letters"], serde_json::json!([]));
}

#[test]
fn all_that_fit_are_put_back_after_a_question_and_what_is_refused_again_is_a_new_letter() {
    let world = three_customers();
    let instance = Start::new(&world, "one").ready();
    wait_read(&world);
    // Nobody is there to say yes.
    let (code, text, _) = operate(&world, &["deadletters", "replay", "--all"]);
    assert!(code == 1 && text.contains("2 of 2") && text.contains("nothing was done"), "{code} {text}");
    let (code, text, _) = operate(&world, &["deadletters", "replay", "--all", "--class", "not_framed", "--yes"]);
    assert!(code == 0 && text.contains("1 put back"), "{code} {text}");
    let page = until("the new letter", PATIENCE, || {
        let page = listed(&world, &["--class", "not_framed"]);
        if page["letters"].as_array().map(Vec::len) == Some(2) { Ok(page) } else { Err(page) }
    });
    let states: Vec<_> = page["letters"].as_array().expect("a list").iter().map(|l| l["state"].clone()).collect();
    assert_eq!(states, ["replayed", "open"]);
    assert_eq!(stale(&instance, "garbled"), 1, "one mark suffices");
    let new = page["letters"][1]["letter"].as_str().expect("an id").to_owned();
    let by = ["--actor", "j.doe", "--reason", "no money"];
    assert_eq!(operate(&world, &[&["deadletters", "release", &new], &by[..]].concat()).0, 0);
    wait_bars(&world, "garbled", 1);
    let (code, _, words) = operate(&world, &["deadletters", "replay", "--all", "--class", "not_framed", "--yes"]);
    assert!(code == 1 && words.contains("none is open"), "{code} {words}");
    assert_eq!(instance.stop(), 0);
}

#[test]
fn bars_over_the_budget_go_when_a_person_lets_them() {
    let world = wall_world();
    let names: Vec<String> = (0..).map(|n| format!("acc-{n}")).filter(|a| partition(a) == 1).take(3).collect();
    let accounts: Vec<(&str, u32)> = names.iter().map(|n| (n.as_str(), 1)).collect();
    let bar = all_notices(&world, &accounts);
    let instance = Start::new(&world, "one").at(bar + HOUR).set("BARS_PER_HOUR", "1").ready();
    instance.wait_metric("dunning_bars_waiting", "reason=\"budget\"", |n| n == 2.0);
    let barred = || {
        let commands = world.commands();
        names.iter().filter(|n| count(&commands, n, OutputTopic::Barring) > 0).cloned().collect::<Vec<_>>()
    };
    assert_eq!(barred().len(), 1);
    let held = names.iter().find(|n| !barred().contains(n)).expect("one that is held");
    let by = ["--actor", "j.doe", "--reason", "a billing run, as planned"];
    assert_eq!(operate(&world, &[&["bars", "release"], &by[..]].concat()).0, 2, "one or all must be said");
    assert_eq!(operate(&world, &[&["bars", "release", "--account", held], &by[..]].concat()).0, 0);
    wait_bars(&world, held, 1);
    assert_eq!(barred().len(), 2, "the other one was not released");
    assert_eq!(operate(&world, &[&["bars", "release", "--all"], &by[..]].concat()).0, 0);
    for name in &names {
        wait_bars(&world, name, 1);
    }
    assert_eq!(
        world.read(&[world.topics.input(InputTopic::Control)]).len(),
        1 + 2,
        "one for its partition, one for each"
    );
    assert_eq!(instance.stop(), 0);
}

fn partition(account: &str) -> u32 {
    dunning_sim::murmur2::partition(account.as_bytes(), 2)
}

#[test]
fn of_commands_at_the_same_time_one_puts_it_back() {
    let world = three_customers();
    let instance = Start::new(&world, "one").ready();
    wait_read(&world);
    assert_eq!(instance.stop(), 0);
    let ended: Vec<(i32, String)> = std::thread::scope(|scope| {
        let replay = || operate(&world, &["deadletters", "replay", "0:0"]);
        let running: Vec<_> = (0..4).map(|_| scope.spawn(replay)).collect();
        running.into_iter().map(|r| r.join().expect("it ends")).map(|(code, _, words)| (code, words)).collect()
    });
    assert_eq!(ended.iter().filter(|(code, _)| *code == 0).count(), 1, "{ended:?}");
    // The others came too late, or were ended by one that began after them.
    assert!(ended.iter().all(|(code, _)| [0, 1, 75].contains(code)), "{ended:?}");
    let payments = world.read(&[world.topics.input(InputTopic::Payments)]);
    assert_eq!(payments.iter().filter(|m| deadletter::replayed(&headers(m)).is_some()).count(), 1);
}
