//! Questions to a running instance, and mode `shadow`.

use dunning_rules::Day;
use dunning_wire::topic::OutputTopic;

use crate::bus::until;
use crate::event::{DAY, at, day_of};
use crate::process::{PATIENCE, Start, program};
use crate::world::{Plot, World};

/// 2026-03-02 08:00 UTC.
const BEGIN: i64 = 1_772_438_400_000;

/// A customer who does not pay, and a stream clock that goes on for 60 days.
fn unpaid(more: &str) -> World {
    let world = World::new(&Plot { more, ..Plot::default() });
    let due: Day = day_of(BEGIN + 14 * DAY);
    world.write(&[
        at("acc 1/ü", BEGIN).profile(&world),
        at("acc 1/ü", BEGIN + 1).bill(&world, "march", 15_000, due),
        at("other", BEGIN + 80 * DAY).usage(&world, "u"),
    ]);
    world
}

pub fn ask(arguments: &[&str]) -> (i32, String, String) {
    let said = program().args(arguments).output().expect("the program runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (said.status.code().expect("a code"), text(&said.stdout), text(&said.stderr))
}

#[test]
fn a_shadow_decides_and_explains_and_commands_nothing() {
    let world = unpaid("clock: stream\nstart: earliest\nmode: shadow\n");
    let instance = Start::new(&world, "one").ready();
    let codes = until("the bars' decisions", PATIENCE, || {
        let codes: Vec<String> = world.decisions().iter().map(|d| format!("{} {}", d.code, d.step)).collect();
        if codes.iter().any(|c| c.contains("bar-full")) { Ok(codes) } else { Err(format!("{codes:?}")) }
    });
    for step in ["reminder", "warning", "final", "final-full", "bar-outgoing"] {
        assert!(codes.iter().any(|c| c.ends_with(&format!(" {step}"))), "{step} is not in {codes:?}");
    }
    assert!(world.decisions().iter().all(|d| d.shadow));
    assert_eq!(world.commands().len(), 0);
    assert_eq!(instance.metric("dunning_commands_total", ""), 0.0);
    assert_eq!(instance.stop(), 0);
    assert_eq!(world.commands().len(), 0);
}

#[test]
fn a_running_instance_answers_on_the_command_line() {
    let world = unpaid("clock: stream\nstart: earliest\n");
    let instance = Start::new(&world, "one").ready();
    until("both bars", PATIENCE, || {
        let bars = world.commands().iter().filter(|w| w.topic == OutputTopic::Barring).count();
        if bars == 2 { Ok(()) } else { Err(bars) }
    });
    let url = instance.url.as_str();

    let (code, text, _) = ask(&["account", "show", "acc 1/ü", "--url", url]);
    assert_eq!(code, 0);
    for words in ["account acc 1/ü: barred full", "150.00 EUR", "march", "bar-full"] {
        assert!(text.contains(words), "`{words}` is not in: {text}");
    }
    let (code, text, _) = ask(&["account", "show", "acc 1/ü", "--url", url, "--json"]);
    let page: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!((code, &page["stage"], &page["open"]["minor"]), (0, &"barred_full".into(), &15_000.into()));

    let (code, text, _) = ask(&["explain", "acc 1/ü", "--url", url]);
    assert_eq!(code, 0);
    for words in ["reminder", "warning", "final-full", "bar-outgoing", "bar-full", "consumer@1"] {
        assert!(text.contains(words), "`{words}` is not in: {text}");
    }
    let (code, text, _) = ask(&["explain", "acc 1/ü", "--url", url, "--json"]);
    let page: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert!(code == 0 && page["decisions"].as_array().is_some_and(|d| d.len() >= 6), "{page}");

    let (code, _, words) = ask(&["account", "show", "nobody", "--url", url]);
    assert!(code == 1 && words.contains("does not know the account"), "{code} {words}");
    let url = url.to_owned();
    assert_eq!(instance.stop(), 0);
    let (code, _, words) = ask(&["explain", "acc 1/ü", "--url", &url]);
    assert!(code == 69 && words.contains("is it running?"), "{code} {words}");
}
