//! Beside another system: what it did is held against what is decided here, from a file and from the topics.

use dunning_rules::Timestamp;
use dunning_wire::topic::OutputTopic;

use crate::ask::ask;
use crate::bad::wait_read;
use crate::event::{DAY, at, day_of, goes_on};
use crate::process::Start;
use crate::world::{Plot, World};

/// 2026-03-02 13:00 UTC; a bill of then is due on the 12th.
const BEGIN: i64 = 1_772_456_400_000;

fn day(days: i64) -> String {
    day_of(BEGIN + days * DAY).to_string()
}

#[test]
fn where_another_system_did_something_else_is_said_with_why() {
    let more = "clock: stream\nstart: earliest\nmode: shadow\n";
    let world = World::new(&Plot { more, ..Plot::default() });
    let due = day_of(BEGIN + 10 * DAY);
    let mut records = Vec::new();
    for account in ["acc", "pays", "new"] {
        records.push(at(account, BEGIN).profile(&world));
        if account != "new" {
            records.push(at(account, BEGIN).bill(&world, "march", 10_000, due));
        }
    }
    records.push(at("pays", BEGIN + 16 * DAY).payment(&world, "paid", 10_000));
    records.push(goes_on(&world, BEGIN + 60 * DAY));
    world.write(&records);
    let instance = Start::new(&world, "one").ready();
    wait_read(&world);
    // Decided, and not commanded.
    let (_, why, _) = ask(&["explain", "acc", "--url", &instance.url]);
    assert!(why.contains("bar-outgoing: service is restricted"), "{why}");
    assert!(world.commands().is_empty());
    assert_eq!(instance.stop(), 0);

    let mut steps = Vec::new();
    world.each(&[world.topics.output(OutputTopic::Decisions)], |message| {
        let value = rdkafka::Message::payload(message).expect("a value");
        let (_, datum) = dunning_wire::frame::split(value).expect("a frame");
        let decided = dunning_wire::decision::decode(datum).expect("a decision");
        if decided.command_id.is_some() {
            steps.push((decided.account_id, decided.step, decided.decided_at));
        }
    });
    let when = |account: &str, step: &str| -> Timestamp {
        steps.iter().find(|(a, s, _)| a == account && s == step).expect("a step").2
    };
    // The other one did the same with `acc`, but for the final notice; barred who had paid; and told somebody of nothing.
    let file = world.folder().join("theirs.csv");
    let mut text = "account_id,at,what,detail\n".to_owned();
    for (account, step, at) in &steps {
        let what = if step.starts_with("bar") { "bar" } else { "notice" };
        if step != "final" {
            text.push_str(&format!("{account},{at},{what},{step}\n"));
        }
    }
    text.push_str(&format!("pays,{},bar,soft-block\nnew,{},notice,hello\nacc,{},fee,\n", day(36), day(20), day(20)));
    std::fs::write(&file, text).expect("a file");
    let config = world.config_file();
    let (config, file) = (config.to_str().expect("a path"), file.to_str().expect("a path"));
    let (from, until) = (day(0), day(60));
    let command = ["shadow", "diff", "--config", config, "--theirs", file, "--from", &from, "--until", &until];
    let (code, page, error) = ask(&command);
    assert_eq!(code, 1, "{page}{error}");
    for line in [
        "bars of the other system alone, by what was last decided here:\n         1  cycle_ended",
        "notices of the other system alone, by what was last decided here:\n         1  not dunned here",
        "notices from here alone, by step:\n         1  final\n",
        "1 acts of the other system are of kinds that are not compared",
    ] {
        assert!(page.contains(line), "{line}\n{page}");
    }
    assert!(!page.contains("acc ") && !page.contains("pays"), "no account without --accounts: {page}");
    let more: Vec<&str> = command.iter().copied().chain(["--json", "--accounts", "5"]).collect();
    let (_, json, _) = ask(&more);
    let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(json["kinds"]["bars"]["only_there"]["accounts"][0]["account_id"], "pays");
    assert_eq!(json["kinds"]["notices"]["only_here"]["by"]["final"], 1);
    // Some hours later is the same; the bar of the day before its notice is not looked at.
    let bar = when("acc", "bar-outgoing");
    assert!(bar.millis() > BEGIN + 26 * DAY);

    // Without a file the command topics are theirs: nothing lies there.
    let (code, page, _) = ask(&["shadow", "diff", "--config", config, "--from", &from, "--until", &until]);
    assert_eq!(code, 1);
    assert!(!page.contains("other system alone"), "{page}");
}
