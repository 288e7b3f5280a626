//! What is refused at the start: with its own exit code, and words that say what to do.

use dunning_wire::topic::{InputTopic, OutputTopic, TopicNames};

use crate::process::Start;
use crate::world::{Plot, World};

/// Starts it and holds its end against a code and words.
fn check(world: &World, settings: &[(&str, &str)], code: i32, words: &[&str]) {
    let start = settings.iter().fold(Start::new(world, "one"), |start, (name, value)| start.set(name, value));
    let (ended, said) = start.refused();
    assert_eq!(ended, code, "{settings:?}: {said}");
    for word in words {
        assert!(said.contains(word), "{settings:?}: `{word}` is not in: {said}");
    }
}

#[test]
fn topics_that_do_not_fit_are_refused() {
    let world = World::without_topics(&Plot { more: "clock: stream\nstart: earliest\n", ..Plot::default() });
    check(&world, &[], 66, &["missing topics", "billing.payments", "dunning topics create"]);
    // All but one, and that one with another count.
    let usage = world.topics.input(InputTopic::Usage).to_owned();
    let mut names: TopicNames = world.topics.clone();
    names.set("network.usage", &format!("{usage}-other"));
    world.create(&names, 2);
    check(&world, &[], 66, &["missing topics", &usage]);
    for contract in ["billing.bills", "billing.payments", "care.disputes", "care.interactions", "crm.accounts"] {
        names.set(contract, &format!("{usage}-{contract}"));
    }
    names.set("network.usage", &usage);
    for contract in OutputTopic::ALL.map(OutputTopic::contract_name) {
        names.set(contract, &format!("{usage}-{contract}"));
    }
    world.create(&names, 3);
    check(&world, &[], 66, &["same number of partitions", &format!("{usage}: 3")]);
}

#[test]
fn topics_that_grow_end_it_and_it_does_not_start_again_on_them() {
    let world = World::new(&Plot { more: "clock: stream\nstart: earliest\n", ..Plot::default() });
    let instance = Start::new(&world, "one").ready();
    let payments = world.topics.input(InputTopic::Payments);
    world.grow(&[payments], 2);
    // It looks once a minute, where its consumer does not notice before.
    let (ended, said) = instance.ends_within(120);
    assert_eq!(ended, 76, "{said}");
    check(&world, &[], 66, &["same number of partitions", &format!("{payments}: 2")]);
    // All of them have two by now: accounts would be where their state is not.
    let inputs = InputTopic::ALL.into_iter().map(|t| world.topics.input(t));
    let outputs = OutputTopic::ALL.into_iter().map(|t| world.topics.output(t));
    let mut others: Vec<_> = inputs.chain(outputs).filter(|topic| *topic != payments).collect();
    others.sort_unstable();
    others.dedup();
    world.grow(&others, 2);
    check(&world, &[], 74, &["generation"]);
}

#[test]
fn what_the_operator_wrote_wrongly_is_refused() {
    let world = World::new(&Plot { more: "clock: stream\nstart: earliest\n", ..Plot::default() });
    let bad = world.folder().join("bad.yaml");
    std::fs::write(&bad, "format: dunning-policy/1\npolicy: bad\nversion: one\n").expect("a file");
    let bad = bad.display().to_string();
    let reference = crate::bus::project("deploy/policies/reference.yaml").display().to_string();
    type Row<'a> = (&'a [(&'a str, &'a str)], i32, &'a [&'a str]);
    let rows: [Row<'_>; 7] = [
        (&[("POLICY_FILE", &bad)], 65, &["bad.yaml:3", "one"]),
        (&[("POLICY_FILE", "/no/such/file.yaml")], 65, &["cannot be read", "policy.file"]),
        (&[("POLICY_FILE", &reference), ("CLOCK", "wall")], 65, &["shortcuts", "wall"]),
        (&[("NO_SUCH_KEY", "1")], 64, &["DUNNING_NO_SUCH_KEY"]),
        (&[("BATCH_RECORDS", "none")], 64, &["batch.records"]),
        (&[("CLOCK", "sundial")], 64, &["wall", "stream"]),
        (&[("HTTP_LISTEN", "192.0.2.1:80")], 71, &["http.listen"]),
    ];
    for (settings, code, words) in rows {
        check(&world, settings, code, words);
    }
    let file = world.config_file();
    let good = std::fs::read_to_string(&file).expect("a configuration");
    std::fs::write(&file, format!("{good}colour: blue\n")).expect("a file");
    check(&world, &[], 64, &["colour", "dunning.yaml:"]);
}

#[test]
fn a_first_run_is_told_where_to_begin() {
    let world = World::new(&Plot::default());
    check(&world, &[], 67, &["start", "earliest"]);
}
