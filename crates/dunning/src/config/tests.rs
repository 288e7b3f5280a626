use std::path::PathBuf;

use super::*;

const LEAST: &str = "kafka: { bootstrap_servers: 'a:1' }\nregistry: { url: embedded }\npolicy: { file: p.yaml }\n";

fn file(name: &str, text: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("dunning-config-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let path = folder.join(name);
    std::fs::write(&path, text).expect("a file");
    path
}

fn read(name: &str, text: &str, variables: &[(&str, &str)]) -> Result<Loaded, String> {
    let path = file(name, text);
    let variables = variables.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
    let folder = format!("{}/", path.parent().expect("a folder").display());
    load(Some(&path), variables, Some("host-1")).map_err(|e| e.to_string().replace(&folder, ""))
}

#[test]
fn the_least_is_enough_and_the_rest_has_defaults() {
    let config = read("least.yaml", LEAST, &[]).expect("a configuration").config;
    assert_eq!(config.instance, "host-1");
    assert_eq!(config.clock, ClockMode::Wall);
    assert_eq!(config.start, None);
    assert_eq!(config.dedupe_horizon_days, Some(400));
    assert_eq!(config.batch_age, Duration::from_millis(100));
    assert!(config.policy_file.is_absolute(), "beside the file");
}

#[test]
fn every_error_is_said_with_its_place() {
    let text = "kafka: { bootstrap_servers: 'a:1' }\nregistry: { url: embedded }\npolicy: { file: p.yaml }\nworkers: 0\nbatch:\n  age: soon\n  agee: 1s\nclock: sundial\n";
    let errors = read("wrong.yaml", text, &[("DUNNING_WORKER", "2")]).expect_err("wrong");
    for line in [
        "wrong.yaml:4:10: `workers`: `0` is out of bounds: 1 to 64",
        "wrong.yaml:6:8: `batch.age`: `soon` is not a span of time",
        "wrong.yaml:7:3: there is no key `batch.agee`",
        "did you mean `batch.age`?",
        "wrong.yaml:8:8: `clock`: `sundial` is none of `wall`, `stream`",
        "DUNNING_WORKER: there is no such variable",
        "did you mean DUNNING_WORKERS?",
    ] {
        assert!(errors.contains(line), "{line}\n---\n{errors}");
    }
}

#[test]
fn what_must_be_set_is_named() {
    let errors = load(None, [], Some("h")).expect_err("empty").to_string();
    for path in ["kafka.bootstrap_servers", "registry.url", "policy.file"] {
        assert!(errors.contains(&format!("`{path}` must be set")), "{errors}");
    }
}

#[test]
fn variables_win_and_properties_are_laid_over() {
    let text = format!("{LEAST}workers: 2\n").replace(
        "'a:1' }",
        "'a:1', properties: { sasl.username: me, sasl.password: 0123, ssl.endpoint.identification.algorithm: https } }",
    );
    let variables = [
        ("DUNNING_WORKERS", "3"),
        ("DUNNING_TOPICS_BILLING_BILLS", "acme.bills"),
        ("DUNNING_KAFKA_PROPERTIES", "{\"sasl.username\": \"you\"}"),
    ];
    let loaded = read("over.yaml", &text, &variables).expect("a configuration");
    assert_eq!(loaded.config.workers, 3);
    assert_eq!(loaded.config.topics.input(dunning_wire::topic::InputTopic::Bills), "acme.bills");
    assert_eq!(loaded.config.kafka.properties["sasl.username"], "you");
    assert_eq!(loaded.config.kafka.properties["sasl.password"], "0123");
    assert!(!loaded.shown.contains("0123") && !format!("{:?}", loaded.config).contains("0123"), "masked");
}

#[test]
fn what_is_shown_can_be_read_again() {
    let text = format!("{LEAST}start: 2026-11-01T00:00:00Z\ntopics:\n  billing.bills: acme.bills\n");
    let first = read("again.yaml", &text, &[]).expect("a configuration");
    let second = read("again2.yaml", &first.shown, &[]).expect("a configuration");
    assert_eq!(format!("{:?}", first.config), format!("{:?}", second.config));
}

#[test]
fn what_exactly_once_rests_on_cannot_be_set() {
    let text = LEAST.replace("'a:1' }", "'a:1', properties: { isolation.level: read_uncommitted } }");
    let errors = read("ours.yaml", &text, &[]).expect_err("refused");
    assert!(errors.contains("`isolation.level` cannot be set"), "{errors}");
}

#[test]
fn limits_are_checked_together() {
    let rows = [
        ("registry: { url: embedded }", "registry: { url: 'http://r', username: u }", "go together"),
        ("registry: { url: embedded }", "registry: { url: embedded, username: u, password: p }", "has no users"),
        ("registry: { url: embedded }", "registry: { url: 'http://u:p@r' }", "ends up in logs"),
        ("policy:", "topics: { billing.bills: x, billing.payments: x }\npolicy:", "have the same name"),
        ("policy:", "dedupe: { horizon: 36h }\npolicy:", "out of bounds"),
        ("policy:", "start: yesterday\npolicy:", "is not an instant"),
        ("policy:", "instance: 'a b'\npolicy:", "is not a name"),
        ("policy:", "workers: [1]\npolicy:", "takes one value"),
    ];
    for (i, (old, new, message)) in rows.iter().enumerate() {
        let errors = read(&format!("limit{i}.yaml"), &LEAST.replace(old, new), &[]).expect_err(message);
        assert!(errors.contains(message), "{errors}");
    }
}
