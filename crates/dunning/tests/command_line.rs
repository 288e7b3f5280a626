//! The command line as a user types it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// What came out of a call.
struct Said {
    code: i32,
    out: String,
    err: String,
}

fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dunning"));
    // Nothing of the machine that runs the tests is to be seen.
    command.env_clear().args(args).current_dir(root());
    command
}

fn said(output: Output) -> Said {
    Said {
        code: output.status.code().expect("it ended by itself"),
        out: String::from_utf8(output.stdout).expect("text"),
        err: String::from_utf8(output.stderr).expect("text"),
    }
}

fn dunning(args: &[&str]) -> Said {
    said(command(args).output().expect("the program starts"))
}

fn dunning_with(args: &[&str], variables: &[(&str, &str)]) -> Said {
    said(command(args).envs(variables.iter().copied()).output().expect("the program starts"))
}

/// The project's folder.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("the project's folder")
}

/// A file of this test's own.
fn file(name: &str, text: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("command-line-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let path = folder.join(name);
    std::fs::write(&path, text).expect("a file");
    path
}

const LEAST: &str = "\
kafka:
  bootstrap_servers: 127.0.0.1:9
registry:
  url: embedded
policy:
  file: policy.yaml
";

#[test]
fn help_is_there_for_every_command() {
    let rows: [(&[&str], &str); 18] = [
        (&["--help"], "dunning help exit-codes"),
        (&["run", "--help"], "--print-config"),
        (&["demo", "--help"], "synthetic"),
        (&["topics", "create", "--help"], "--partitions"),
        (&["account", "show", "--help"], "--json"),
        (&["explain", "--help"], "--url"),
        (&["deadletters", "list", "--help"], "--show-keys"),
        (&["deadletters", "show", "--help"], "PARTITION:OFFSET"),
        (&["deadletters", "replay", "--help"], "dunning.replayed"),
        (&["deadletters", "release", "--help"], "--reason"),
        (&["bars", "release", "--help"], "--account"),
        (&["policy", "check", "--help"], "--strict"),
        (&["policy", "print", "--help"], "--due"),
        (&["policy", "test", "--help"], "Examples:"),
        (&["policy", "schema", "--help"], "--scenario"),
        (&["config", "keys", "--help"], "--markdown"),
        (&["config", "check", "--help"], "--config"),
        (&["help", "exit-codes"], "75  another process runs under the same `instance`"),
    ];
    for (args, words) in rows {
        let said = dunning(args);
        assert_eq!(said.code, 0, "{args:?}: {}", said.err);
        assert!(said.out.contains(words), "{args:?}: {words}\n{}", said.out);
    }
}

#[test]
fn what_is_mistyped_ends_with_2() {
    let said = dunning(&["expalin"]);
    assert_eq!(said.code, 2);
    assert!(said.err.contains("explain"), "{}", said.err);
    assert_eq!(dunning(&[]).code, 2);
}

#[test]
fn what_would_touch_the_wrong_dead_letters_or_bars_ends_with_2() {
    let by = ["--actor", "j.doe", "--reason", "looked"];
    let rows: [(&[&str], &str); 7] = [
        (&["deadletters", "replay"], "PARTITION:OFFSET"),
        (&["deadletters", "replay", "7"], "such as 3:1542"),
        (&["deadletters", "replay", "0:7", "--all"], "cannot be used with"),
        (&["deadletters", "replay", "0:7", "--class", "too_old"], "go with --all"),
        (&["deadletters", "replay", "--all", "--topic", "payments"], "billing.payments"),
        (&["deadletters", "release", "0:7", "--actor", "", "--reason", "x"], "--actor"),
        (&["bars", "release", "--account", "1", "--all", by[0], by[1], by[2], by[3]], "cannot be used with"),
    ];
    for (args, words) in rows {
        let said = dunning(args);
        assert_eq!(said.code, 2, "{args:?}: {}", said.err);
        assert!(said.err.contains(words), "{args:?}: {words}\n{}", said.err);
    }
}

#[test]
fn exit_codes_are_listed() {
    let said = dunning(&["exit-codes"]);
    assert_eq!(said.code, 0);
    for code in
        ["  0  ", "  1  ", "  2  ", " 64  ", " 65  ", " 66  ", " 67  ", " 69  ", " 70  ", " 73  ", " 75  ", " 76  "]
    {
        assert!(said.out.contains(code), "{code}\n{}", said.out);
    }
}

#[test]
fn an_unknown_key_is_refused_with_its_line_and_the_nearest_name() {
    let config = file("unknown.yaml", &format!("{LEAST}batch:\n  agee: 1s\n"));
    let said = dunning(&["run", "--config", config.to_str().expect("a path")]);
    assert_eq!(said.code, 64);
    assert!(said.err.contains("unknown.yaml:8:3: there is no key `batch.agee`"), "{}", said.err);
    assert!(said.err.contains("did you mean `batch.age`?"), "{}", said.err);
}

#[test]
fn all_errors_come_at_once() {
    let text = LEAST.replace("embedded", "ftp://x") + "workers: none\nflush:\n  every: 30\n";
    let config = file("several.yaml", &text);
    let said = dunning(&["run", "--config", config.to_str().expect("a path")]);
    assert_eq!(said.code, 64);
    for words in [
        "3 errors",
        "several.yaml:4:8: `registry.url`",
        "several.yaml:7:10: `workers`: `none` is not a whole number",
        "several.yaml:9:10: `flush.every`: `30` is not a span of time",
    ] {
        assert!(said.err.contains(words), "{words}\n{}", said.err);
    }
}

#[test]
fn a_file_that_is_no_yaml_is_refused_with_its_place() {
    let config = file("no.yaml", "kafka:\n\tbootstrap_servers: x\n");
    let said = dunning(&["run", "--config", config.to_str().expect("a path")]);
    assert_eq!(said.code, 64);
    assert!(said.err.contains("no.yaml:2:"), "{}", said.err);
    let said = dunning(&["run", "--config", "/no/such/file.yaml"]);
    assert_eq!(said.code, 64);
    assert!(said.err.contains("cannot be read"), "{}", said.err);
}

#[test]
fn variables_win_over_the_file_and_secrets_are_masked() {
    let text = LEAST.replace(
        "127.0.0.1:9\n",
        "127.0.0.1:9\n  properties:\n    sasl.username: me\n    sasl.password: hidden-1\n    ssl.key.pem: hidden-2\n",
    );
    let config = file("env.yaml", &text);
    let args = ["run", "--config", config.to_str().expect("a path"), "--print-config"];
    let variables = [
        ("DUNNING_KAFKA_GROUP_ID", "from-env"),
        ("DUNNING_REGISTRY_URL", "http://registry:8081/"),
        ("DUNNING_REGISTRY_USERNAME", "me"),
        ("DUNNING_REGISTRY_PASSWORD", "hidden-3"),
        ("DUNNING_KAFKA_PROPERTIES", "{sasl.jaas.config: hidden-4, client.rack: eu-1}"),
        ("DUNNING_STATE_DIRECTORY", "/tmp/x"),
    ];
    let said = dunning_with(&args, &variables);
    assert_eq!(said.code, 0, "{}", said.err);
    for words in
        ["group_id: from-env  # DUNNING_KAFKA_GROUP_ID", "client.rack: eu-1", "sasl.username: me", "directory: /tmp/x"]
    {
        assert!(said.out.contains(words), "{words}\n{}", said.out);
    }
    assert_eq!(said.out.matches("***").count(), 4, "{}", said.out);
    assert!(!said.out.contains("hidden"), "{}", said.out);
}

#[test]
fn an_unknown_variable_is_refused_with_the_nearest_name() {
    let config = file("variable.yaml", LEAST);
    let args = ["run", "--config", config.to_str().expect("a path"), "--print-config"];
    let said = dunning_with(&args, &[("DUNNING_KAFKA_BOOTSTRAP_SERVER", "x:1")]);
    assert_eq!(said.code, 64);
    assert!(said.err.contains("DUNNING_KAFKA_BOOTSTRAP_SERVER: there is no such variable"), "{}", said.err);
    assert!(said.err.contains("did you mean DUNNING_KAFKA_BOOTSTRAP_SERVERS?"), "{}", said.err);
}

#[test]
fn variables_alone_are_enough() {
    let variables = [
        ("DUNNING_KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:9"),
        ("DUNNING_REGISTRY_URL", "embedded"),
        ("DUNNING_POLICY_FILE", "deploy/policies/consumer.yaml"),
    ];
    let said = dunning_with(&["run", "--print-config"], &variables);
    assert_eq!(said.code, 0, "{}", said.err);
    assert!(said.out.contains("file: deploy/policies/consumer.yaml  # DUNNING_POLICY_FILE"), "{}", said.out);
}

#[test]
fn the_examples_can_be_used() {
    for name in ["deploy/reference.yaml", "deploy/dunning.yaml"] {
        let said = dunning(&["config", "check", "--config", name]);
        assert_eq!(said.code, 0, "{name}: {}", said.err);
    }
}

#[test]
fn a_policy_with_shortcuts_is_refused_for_customers() {
    let args = ["config", "check", "--config", "deploy/reference.yaml"];
    let said = dunning_with(&args, &[("DUNNING_CLOCK", "wall")]);
    assert_eq!(said.code, 65);
    assert!(said.err.contains("policies/reference.yaml:"), "{}", said.err);
}

#[test]
fn a_missing_policy_is_said() {
    let config = file("policyless.yaml", LEAST);
    let said = dunning(&["run", "--config", config.to_str().expect("a path")]);
    assert_eq!(said.code, 65);
    assert!(said.err.contains("policy.yaml cannot be read"), "{}", said.err);
}

#[test]
fn policy_check_says_what_is_wrong() {
    let consumer = dunning(&["policy", "check", "--strict", "deploy/policies/consumer.yaml"]);
    assert_eq!(consumer.code, 0, "{}{}", consumer.out, consumer.err);
    assert!(consumer.out.contains("can be used"), "{}", consumer.out);

    let reference = ["policy", "check", "deploy/policies/reference.yaml"];
    assert_eq!(dunning(&reference).code, 0);
    assert_eq!(dunning(&[&reference[..], &["--strict"]].concat()).code, 1);

    let text = std::fs::read_to_string(root().join("deploy/policies/consumer.yaml")).expect("the policy");
    let wrong = file("wrong-policy.yaml", &text.replace("late_start:", "late_strat:"));
    let said = dunning(&["policy", "check", wrong.to_str().expect("a path")]);
    assert_eq!(said.code, 65);
    assert!(said.out.contains("wrong-policy.yaml:") && said.out.contains("late_strat"), "{}", said.out);
    assert_eq!(dunning(&["policy", "check", "/no/such/policy.yaml"]).code, 65);
}

#[test]
fn policy_print_says_the_policy_and_a_calendar() {
    let said = dunning(&["policy", "print", "deploy/policies/consumer.yaml", "--due", "2027-03-23"]);
    assert_eq!(said.code, 0, "{}", said.err);
    assert!(said.out.contains("`final`: 18d after the due date") && said.out.contains("2027-03-27 09:00  reminder"));
    let alone = dunning(&["policy", "print", "deploy/policies/consumer.yaml"]);
    assert!(alone.code == 0 && !alone.out.contains("One customer"), "{}", alone.out);
    assert_eq!(dunning(&["policy", "print", "/no/such/policy.yaml"]).code, 65);
    assert_eq!(dunning(&["policy", "print", "deploy/policies/consumer.yaml", "--due", "soon"]).code, 2);
}

#[test]
fn policy_test_runs_the_scenarios() {
    let said = dunning(&["policy", "test", "deploy/policies"]);
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
    assert!(said.out.contains("scenarios passed"), "{}", said.out);
    let policy = std::fs::read_to_string(root().join("deploy/policies/consumer.yaml")).expect("the policy");
    let strict = dunning(&["policy", "test", "deploy/policies", "--strict"]);
    assert_eq!(strict.code, 0, "{}{}", strict.out, strict.err);
    let none = file("alone.yaml", &policy);
    assert_eq!(dunning(&["policy", "test", none.to_str().expect("a path")]).code, 1);
}

#[test]
fn schemas_are_json() {
    for args in [&["policy", "schema"][..], &["policy", "schema", "--scenario"]] {
        let said = dunning(args);
        assert_eq!(said.code, 0);
        assert!(said.out.starts_with('{') && said.out.trim_end().ends_with('}'), "{}", said.out);
    }
}

#[test]
fn an_instance_that_is_not_there_is_said() {
    for args in [&["account", "show"][..], &["explain"]] {
        let said = dunning(&[args, &["a-1", "--url", "http://127.0.0.1:9"]].concat());
        assert_eq!(said.code, 69);
        assert!(said.err.contains("the instance at http://127.0.0.1:9 does not answer"), "{}", said.err);
    }
}

#[test]
fn the_documentation_lists_every_key_and_code_and_metric() {
    let text = std::fs::read_to_string(root().join("docs/OPERATING.md")).expect("the documentation");
    let keys = dunning(&["config", "keys", "--markdown"]).out;
    assert!(text.contains(keys.trim()), "put the output of `dunning config keys --markdown` into docs/OPERATING.md");
    for exit in dunning::exit::Exit::ALL {
        let row = format!("| {} | {} | {} |", exit.code(), exit.meaning(), exit.advice());
        assert!(text.contains(&row), "put this into docs/OPERATING.md: {row}");
    }
    for (name, kind, help) in dunning::http::metrics::all() {
        let row = format!("| `{name}` | {kind} | {help} |");
        assert!(text.contains(&row), "put this into docs/OPERATING.md: {row}");
    }
}

#[test]
fn alerts_and_dashboard_name_metrics_that_exist() {
    let names: Vec<String> = dunning::http::metrics::all().into_iter().map(|(name, ..)| name).collect();
    for file in ["dunning.rules.yaml", "dunning.dashboard.json"] {
        let text = std::fs::read_to_string(root().join("deploy/prometheus").join(file)).expect("the file");
        let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        for word in words.filter(|w| w.starts_with("dunning_") || w.starts_with("process_")) {
            let name = word.trim_end_matches("_bucket");
            assert!(names.iter().any(|n| n == name), "{file}: {word}");
        }
    }
}
