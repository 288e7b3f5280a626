//! The policy as it is read aloud, and one customer's calendar.

use std::fs;
use std::path::PathBuf;

use dunning_rules::{Day, Minor};
use dunning_wire::policy::{self, Loaded};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn load(name: &str) -> Loaded {
    let text = fs::read_to_string(root().join("deploy/policies").join(name)).expect("a policy");
    policy::parse(name, &text).unwrap_or_else(|e| panic!("{e}"))
}

/// 2027-03-23, a Tuesday.
const DUE: Day = Day::from_epoch(20_900);

#[test]
fn the_page_shows_what_is_printed() {
    let loaded = load("small-business.yaml");
    let printed = policy::print(&loaded) + "\n" + &policy::calendar(&loaded.policy, DUE, Some(Minor::new(40_000)));
    let page = fs::read_to_string(root().join("docs/POLICY.md")).expect("the page");
    assert!(page.contains(&printed), "docs/POLICY.md does not show:\n{printed}");
}

#[test]
fn every_step_rule_and_procedure_of_every_policy_is_printed() {
    let mut policies = 0;
    for entry in fs::read_dir(root().join("deploy/policies")).expect("the folder") {
        let path = entry.expect("an entry").path();
        if path.extension().is_none_or(|e| e != "yaml") {
            continue;
        }
        policies += 1;
        let loaded = load(path.file_name().and_then(|n| n.to_str()).expect("a name"));
        let (policy, printed) = (&loaded.policy, policy::print(&loaded));
        let steps = policy.steps.iter().chain(&policy.options.before_due).map(|s| &s.name);
        let procedures = policy.options.procedures.iter().map(|p| &p.name);
        let rules = policy.options.select.iter().map(|r| &r.name);
        for name in steps.chain(procedures).chain(rules) {
            assert!(printed.contains(&format!("`{name}`")), "{name} is missing:\n{printed}");
        }
        assert_eq!(printed.contains("SHORTCUTS"), !loaded.shortcuts_on.is_empty());
        assert!(printed.lines().all(|line| !line.contains("  after") && !line.ends_with(',')), "{printed}");
    }
    assert!(policies >= 7, "only {policies}");
}

#[test]
fn what_becomes_of_running_cycles_is_said_where_it_is_not_the_rule() {
    let text = fs::read_to_string(root().join("deploy/policies/consumer.yaml")).expect("a policy");
    let said = |on_change: &str| {
        let text = text.replacen("time_zone:", &format!("{on_change}\ntime_zone:"), 1);
        let loaded = policy::parse("consumer.yaml", &text).unwrap_or_else(|e| panic!("{e}"));
        let printed = policy::print(&loaded);
        printed.lines().find(|line| line.contains("this version")).map(|line| line[4..].to_owned())
    };
    let goes_on = "A cycle that runs when this version comes into force goes on by it, behind the last of its steps that \
                   are in here, too";
    assert_eq!(said(""), None);
    assert_eq!(said("on_change: finish_cycle"), None);
    assert_eq!(said("on_change: next_step"), Some(format!("{goes_on}.")));
    let renamed = said("on_change: { map: { letter: reminder, last: final } }");
    assert_eq!(renamed, Some(format!("{goes_on} (`last` is `final` and `letter` is `reminder`).")));
}

/// What is written at a step, and how it is read.
#[test]
fn distances_and_conditions_are_read_as_they_are_meant() {
    let rows = [
        ("at: 10d", "10d after the due date"),
        ("at: 1d 12h", "1d 12h after the due date"),
        ("at: 5bd", "5 business days after the due date"),
        ("at: 1bd", "1 business day after the due date"),
        ("at: 4d 0bd", "4d after the due date, or the next business day"),
        ("at: 30d end_of_month", "the end of the month 30d after the due date"),
        ("at: 30d end_of_month 2bd", "2 business days after the end of the month 30d after the due date"),
        ("at: end_of_month", "the end of the month of the due date"),
        ("at: 6h\n        counted_from: entry", "6h after the cycle began"),
        ("at: 0d\n        counted_from: entry", "0d after the cycle began"),
        ("at: 5bd 2h", "5 business days after the due date, 2h into the day"),
        ("at: 10d\n        counted_from: issue_date", "10d after the date of the bill"),
        (
            "at: 4d\n        when: { region: { not: [DE, AT] }, services: { at_least: 2, below: 5 } }",
            "where the region is not DE nor AT and the services are at least 2 and less than 5, else it is passed over",
        ),
        (
            "at: 4d\n        when: { vulnerable: false }\n        otherwise: wait",
            "where it does not hold that the customer is protected, else it waits until then",
        ),
        ("at: 4d\n        repeat: { every: 5bd, times: 2 }", "again every 5 business days, 2 times at most"),
    ];
    for (written, read) in rows {
        let text = format!(
            "format: dunning-policy/1
policy: small
version: 1
time_zone: UTC
minimum: {{ other: 1000 }}
late_start: 1d
late_after: 12h
default_procedure: standard
procedures:
  standard:
    steps:
      - step: only
        {written}
        notify: {{ channel: SMS }}
"
        );
        let loaded = policy::parse("small.yaml", &text).unwrap_or_else(|e| panic!("{written}:\n{e}"));
        let printed = policy::print(&loaded);
        assert!(printed.contains(&format!("`only`: {read}")) || printed.contains(read), "{written}:\n{printed}");
        assert!(printed.contains("less than 10.00 in any currency."), "{printed}");
    }
}

#[test]
fn a_calendar_without_end_is_cut_and_one_of_nobody_is_empty() {
    let loaded = load("three-step.yaml");
    let shown = policy::calendar(&loaded.policy, DUE, None);
    assert!(shown.lines().count() < 30 && shown.contains("and so on"), "{shown}");
    let mut nobody = loaded.policy;
    nobody.minimum.clear();
    assert_eq!(policy::calendar(&nobody, DUE, None), "");
}
