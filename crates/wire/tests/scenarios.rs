//! The scenarios beside the policies, and what is said of one that fails or cannot be read.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use dunning_rules::Policy;
use dunning_wire::{policy, scenario};

fn policies() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../deploy/policies")
}

fn consumer() -> Arc<Policy> {
    let text = fs::read_to_string(policies().join("consumer.yaml")).expect("the policy");
    Arc::new(policy::parse("consumer.yaml", &text).unwrap_or_else(|e| panic!("{e}")).policy)
}

/// A scenario of one bill of 120.00, due on 1 August, with a diary of its own.
fn diary(entries: &str) -> String {
    format!(
        "format: dunning-scenario/1
scenario: A test
time_zone: Europe/Berlin
account: {{ profile: {{}} }}
diary:
  - at: 2026-07-18 12:00
    bill_issued: {{ bill: july, amount: 12000, due: 2026-08-01 }}
{entries}"
    )
}

#[test]
fn every_scenario_of_every_policy_passes_and_every_step_is_reached() {
    for suite in scenario::find(&policies()).expect("the folder") {
        let tested = scenario::test_path(&suite.policy).remove(0);
        let reports = &tested.reports;
        let failed: Vec<_> = reports.iter().filter(|r| !r.passed()).map(ToString::to_string).collect();
        assert!(failed.is_empty(), "{}", failed.join("\n\n"));
        assert!(reports.len() >= 4, "{}: only {} scenarios", suite.policy.display(), reports.len());
        let unreached: Vec<_> = tested.unreached.iter().map(ToString::to_string).collect();
        assert!(unreached.is_empty(), "{}: no scenario reaches {}", tested.policy, unreached.join(", "));
    }
}

#[test]
fn a_failure_is_the_diary_with_the_differences_in_it() {
    let text = diary(
        "  - at: 2026-08-05 10:00
    expect: { notify: reminder }
  - at: 2026-08-06 12:00
    payment_received: { amount: 2000, bill: june }
  - at: 2026-08-06 12:00
    stands: { stage: notified, open: 12000 }
  - at: 2026-08-12 10:00
    expect: { notify: warning, amount: 12000 }
  - nothing_until: 2026-08-20
",
    );
    let read = scenario::parse("test.yaml", &text).unwrap_or_else(|e| panic!("{e}"));
    let report = scenario::run(&read, consumer());
    let expected = "\
FAILED test.yaml: A test
    2026-07-18 12:00  the profile is known
    2026-07-18 12:00  bill july of 120.00 is issued, due 2026-08-01
  + 2026-08-05 09:00  notify reminder, EMAIL, 120.00, bills july  <- came, and is not expected
  - 2026-08-05 10:00  notify reminder  <- expected (line 8), and did not come
    2026-08-06 12:00  20.00 is paid on bill june
  ! 2026-08-06 12:00  stands notified, 100.00 open; expected: stands notified, 120.00 open  <- line 12
  - 2026-08-12 10:00  notify warning, 120.00  <- expected (line 14), and did not come
  + 2026-08-12 10:00  notify warning, SMS, 100.00, bills july  <- came, and is not expected
  + 2026-08-19 09:00  notify final, EMAIL, 100.00, bills july, names 2026-09-02  <- came, and is not expected";
    assert_eq!(report.to_string(), expected);
}

/// Entries after the bill, and whether the scenario passes.
#[test]
fn silence_repeats_and_effects_are_held_to_the_letter() {
    let rows = [
        ("a silence that holds", "  - nothing_until: 2026-08-05 09:00\n", true),
        ("a silence that is broken", "  - nothing_until: 2026-08-05 09:01\n", false),
        ("a step at its instant", "  - at: 2026-08-05 09:00\n    expect: { notify: reminder }\n", true),
        ("a step that the policy has not", "  - at: 2026-08-05 09:00\n    expect: { notify: remind }\n", false),
        ("another channel", "  - at: 2026-08-05 09:00\n    expect: { notify: reminder, channel: SMS }\n", false),
        ("an instant with a zone", "  - at: 2026-08-05T07:00:00Z\n    expect: { notify: reminder }\n", true),
        ("no effect, not said", "  - at: 2026-08-01\n    bill_cancelled: { bill: june }\n", false),
        ("no effect", "  - at: 2026-08-01\n    bill_cancelled: { bill: june }\n    no_effect: unknown_bill\n", true),
        (
            "another reason",
            "  - at: 2026-08-01\n    bill_cancelled: { bill: june }\n    no_effect: known_bill\n",
            false,
        ),
        ("an effect, denied", "  - at: 2026-08-01\n    bill_cancelled: { bill: july }\n    no_effect: x\n", false),
        ("a declined payment", "  - at: 2026-08-01\n    payment_failed: { payment: p1 }\n", true),
        ("a restoration of nothing", "  - at: 2026-08-01\n    expect: { restore: PAID }\n", false),
    ];
    for (name, entries, passes) in rows {
        let read = scenario::parse("test.yaml", &diary(entries)).unwrap_or_else(|e| panic!("{name}:\n{e}"));
        let report = scenario::run(&read, consumer());
        assert_eq!(report.passed(), passes, "{name}:\n{report}");
    }
}

/// An entry after the bill, and the place and words of what is wrong with it.
#[test]
fn every_mistake_is_shown_at_its_place() {
    let rows = [
        ("  - at: 5 August\n    expect: { notify: reminder }\n", "8:9", "not a day or time"),
        ("  - at: 2026-07-01\n    payment_received: { amount: 1 }\n", "8:5", "before the entry above"),
        ("  - expect: { notify: reminder }\n", "8:5", "when?"),
        ("  - at: 2026-08-05\n", "8:5", "one thing"),
        ("  - at: 2026-08-05\n    expect: {}\n", "9:5", "one thing is expected"),
        ("  - at: 2026-08-05\n    expect: { bar: b, channel: SMS }\n", "9:32", "does not belong"),
        ("  - at: 2026-08-05\n    payment_received: { amount: 0 }\n", "9:33", "less than 1"),
        ("  - at: 2026-08-05\n    payment_recieved: { amount: 1 }\n", "9:5", "unknown key"),
        (
            "  - at: 2026-08-05\n    bill_issued: { bill: b, amount: 1, due: 2026-08-04 }\n",
            "9:45",
            "before it is issued",
        ),
        ("  - nothing_until: 2026-08-05\n    at: 2026-08-05\n", "8:5", "stands alone"),
        ("  - at: 2026-08-05\n    stands: { stage: barred }\n", "9:22", "not a word"),
    ];
    for (entry, place, words) in rows {
        let errors = scenario::parse("test.yaml", &diary(entry)).expect_err(entry);
        let fits = |f: &policy::Finding| format!("{}:{}", f.line, f.column) == place && f.message.contains(words);
        assert!(errors.0.iter().any(fits), "{entry}\n{errors}");
    }
}

#[test]
fn scenarios_are_found_from_every_side() {
    let dir = tempfile::tempdir().expect("a folder");
    let (policy, folder) = (dir.path().join("p.yaml"), dir.path().join("p.scenarios"));
    fs::create_dir(&folder).expect("a folder");
    fs::copy(policies().join("consumer.yaml"), &policy).expect("a copy");
    let (good, bad) = (folder.join("good.yaml"), folder.join("bad.yaml"));
    fs::write(&good, diary("  - nothing_until: 2026-08-05\n")).expect("a file");
    fs::write(&bad, "scenario: [").expect("a file");
    for (path, passed) in [
        (dir.path().to_owned(), vec![false, true]),
        (policy.clone(), vec![false, true]),
        (folder.clone(), vec![false, true]),
        (good.clone(), vec![true]),
        (dir.path().join("none.yaml"), vec![false]),
        (dir.path().join("none.scenarios/x.yaml"), vec![false]),
    ] {
        let found: Vec<_> = reports(&path).iter().map(scenario::Report::passed).collect();
        assert_eq!(found, passed, "{}", path.display());
    }
    // A policy that cannot be used is one failed report, with what is wrong in it.
    fs::write(&policy, "format: dunning-policy/1\n").expect("a file");
    let reports = reports(&policy);
    assert!(reports.len() == 1 && reports[0].to_string().contains("`version` is missing"), "{}", reports[0]);
    fs::remove_file(&policy).expect("gone");
    assert!(self::reports(dir.path()).iter().all(|r| !r.passed()));
}

fn reports(path: &std::path::Path) -> Vec<scenario::Report> {
    scenario::test_path(path).into_iter().flat_map(|tested| tested.reports).collect()
}

#[test]
fn what_no_scenario_reaches_is_told_by_policy_and_only_where_all_were_run() {
    let dir = tempfile::tempdir().expect("a folder");
    let segments = fs::read_to_string(policies().join("segments.yaml")).expect("the policy");
    let policy = dir.path().join("segments.yaml");
    fs::write(&policy, segments).expect("a file");
    fs::create_dir(dir.path().join("segments.scenarios")).expect("a folder");
    let scenarios = || fs::read_dir(policies().join("segments.scenarios")).expect("the scenarios").flatten();
    let all = scenarios().count();
    for entry in scenarios().filter(|e| e.file_name() != "pilot.yaml") {
        fs::copy(entry.path(), dir.path().join("segments.scenarios").join(entry.file_name())).expect("a file");
    }
    let tested = scenario::test_path(&policy).remove(0);
    assert_eq!(tested.reports.len(), all - 1);
    let unreached: Vec<_> = tested.unreached.iter().map(ToString::to_string).collect();
    assert!(unreached.contains(&"rule `pilot`".to_owned()), "{unreached:?}");
    assert!(unreached.iter().any(|part| part.starts_with("step `") && part.contains(" of `")), "{unreached:?}");
    let one = scenario::test_path(&dir.path().join("segments.scenarios/default.yaml")).remove(0);
    assert!(one.reports.len() == 1 && one.unreached.is_empty(), "one scenario need not reach everything");
}

#[test]
fn the_schema_for_editors_is_up_to_date() {
    let path = policies().join("scenario.schema.json");
    let expected = scenario::json_schema();
    if std::env::var_os("DUNNING_WRITE_SCHEMA").is_some() {
        fs::write(&path, format!("{expected:#}\n")).expect("the schema can be written");
    }
    let found: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(&path).expect("scenario.schema.json")).expect("JSON");
    assert!(found == expected, "run this test once with DUNNING_WRITE_SCHEMA=1 to write the file again");
}
