//! Policy and scenario files that somebody made to do harm: a policy comes over the bus as well.

use std::sync::Arc;

use dunning_rules::Policy;
use dunning_wire::{policy, scenario};
use proptest::prelude::*;
use proptest::sample::Index;

use crate::seeds::{self, Seeds};
use crate::{checks, memory};

/// Bytes of memory for each byte of a file, what it is checked with included.
const FACTOR: usize = 400;
/// For any file: the schema that it is held against, and up to a hundred findings.
const BASE: usize = 4 << 20;
/// What all aliases together may add.
const ALIASES: usize = 100 * 256 * 1024;

thread_local! {
    static SEEDS: Seeds = seeds::all();
    static POLICY: Arc<Policy> = seeds::reference_policy();
}

/// A text in both roles, within bounds of memory and of work.
fn refused(text: &str, beyond: usize) {
    let (taken, cost) = memory::cost(|| {
        let taken = checks::policy_text(text).is_ok();
        taken || POLICY.with(|policy| checks::scenario_text(text, policy).is_ok())
    });
    assert!(!taken, "{text:.200}");
    let most = text.len().min(256 * 1024) * FACTOR + BASE + beyond;
    assert!(cost.peak <= most && cost.all <= 4 * most, "{cost:?} for {} bytes of {text:.60}", text.len());
}

fn first_words(text: &str) -> String {
    let findings = policy::parse("any.yaml", text).expect_err("findings");
    findings.0[0].message.clone()
}

#[test]
fn aliases_that_multiply_are_refused() {
    let mut laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for n in 1..12 {
        let before = vec![format!("*a{}", n - 1); 10].join(", ");
        laughs.push_str(&format!("a{n}: &a{n} [{before}]\n"));
    }
    refused(&laughs, ALIASES);
    assert!(!first_words(&laughs).is_empty());
    // One long text, many times.
    let long = "x".repeat(200_000);
    for times in [50, 100, 10_000] {
        refused(&format!("a: &a \"{long}\"\nb: [{}]\n", vec!["*a"; times].join(",")), ALIASES);
    }
    refused("a: &a [*a]\n", 0);
    refused("a: &a\n  <<: *a\n", 0);
    let merges: String = (1..500).map(|n| format!("m{n}: &m{n}\n  <<: *m{}\n", n - 1)).collect();
    refused(&format!("m0: &m0 {{x: 1}}\n{merges}"), ALIASES);
}

#[test]
fn nests_without_end_are_refused() {
    for n in [33, 1_000, 100_000] {
        refused(&"[".repeat(n), 0);
        refused(&"{a: ".repeat(n), 0);
        refused(&"- ".repeat(n), 0);
        refused(&"? ".repeat(n), 0);
        refused(&format!("a: {}{}", "[".repeat(n), "]".repeat(n)), 0);
    }
    let steps: String = (0..400).map(|n| format!("{}a:\n", " ".repeat(n))).collect();
    refused(&steps, 0);
}

#[test]
fn files_keys_and_lists_beyond_their_bounds_are_refused_in_bounded_words() {
    let long = "x".repeat(1 << 20);
    for text in [long.clone(), format!("policy: {long}"), format!("policy: |\n  {long}"), format!("# {long}\n")] {
        assert!(first_words(&text).contains("longer than is taken"));
        refused(&text, 0);
    }
    let key = "k".repeat(200_000);
    refused(&format!("{key}: 1\n"), 0);
    refused(&format!("minimum: {{ {key}: 1 }}\n"), 0);
    refused(&format!("policy: {key}\n"), 0);
    // Many findings on one long line: each would show all of it.
    let keys: Vec<_> = (0..9_000).map(|n| format!("k{n}: 1")).collect();
    let text = format!("{{{}}}", keys.join(", "));
    refused(&text, 0);
    let findings = policy::parse("any.yaml", &text).expect_err("findings");
    assert!(findings.0.last().is_some_and(|f| f.message.ends_with("more are not shown")), "{findings}");
    let items = vec!["a"; 100_000].join(",");
    refused(&format!("procedures: {{ p: {{ steps: [{items}] }} }}"), 0);
    refused(&"a: 1\n".repeat(50_000), 0);
    refused(&"---\na: 1\n".repeat(20_000), 0);
}

/// The reference policy with the value of a key replaced.
fn with(key: &str, value: &str) -> String {
    let text = SEEDS.with(|seeds| seeds.policies.iter().find(|t| t.contains("policy: reference")).cloned());
    let text = text.expect("the reference policy");
    let changed: Vec<_> = text
        .lines()
        .map(|line| match line.trim_start().strip_prefix(key).and_then(|rest| rest.strip_prefix(':')) {
            Some(_) => format!("{}{key}: {value}", &line[..line.len() - line.trim_start().len()]),
            None => line.to_owned(),
        })
        .collect();
    assert_ne!(changed.join("\n"), text.trim_end(), "no key {key}");
    changed.join("\n")
}

#[test]
fn numbers_and_spans_beyond_their_ranges_are_refused_with_their_place() {
    let digits = "9".repeat(10_000);
    let numbers = [
        "9223372036854775807",
        "-9223372036854775808",
        "9223372036854775808",
        "18446744073709551616",
        "4294967296",
        "-1",
        "0",
        "1e400",
        ".nan",
        ".inf",
        "-.inf",
        "0.5",
        "0x7fffffffffffffffffff",
        &digits,
    ];
    let spans =
        ["9223372036854775807d", "3651d", "-1d", "1e9d", "99999999999999999999999s", &format!("{digits}d"), "1d 3650d"];
    for (key, values) in [("version", &numbers[..]), ("late_start", &spans[..]), ("late_after", &spans[..])] {
        for value in values {
            let text = with(key, value);
            let findings = policy::parse("any.yaml", &text).expect_err(value);
            assert!(findings.0.iter().any(|f| f.line > 0), "{key}: {value:.40}: {findings}");
            refused(&text, 0);
        }
    }
}

/// A day of a scenario with this instant.
fn diary(zone: &str, at: &str, due: &str) -> String {
    format!(
        "format: dunning-scenario/1\nscenario: ends of the calendar\ntime_zone: {zone}\naccount: {{}}\ndiary:\n  \
         - at: \"{at}\"\n    bill_issued: {{ bill: b-1, amount: 5000, due: \"{due}\" }}\n  \
         - nothing_until: \"{at}\"\n"
    )
}

/// Once a panic: days at the ends of the calendar, in a zone that is not UTC.
#[test]
fn days_at_the_ends_of_the_calendar_are_borne() {
    let mut parsed = 0;
    for zone in ["UTC", "Europe/Berlin", "America/New_York", "Pacific/Kiritimati"] {
        for day in ["+262142-12-31", "+262143-12-31", "-262143-01-01", "-262144-01-01", "9999-12-31", "0000-01-01"] {
            for time in ["", " 00:00", " 23:59", " 23:59:60", " 24:00"] {
                let text = diary(zone, &format!("{day}{time}"), day);
                parsed += usize::from(scenario::parse("any.yaml", &text).is_ok());
                let _ = POLICY.with(|policy| checks::scenario_text(&text, policy));
            }
        }
    }
    assert!(parsed > 20, "{parsed} were taken");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_damaged_file_is_refused_with_a_reason_or_another_good_one(
        pick in any::<Index>(), at in any::<Index>(), len in 0..40usize, put in "([\\[\\]{}&*!|>'\"%@#:,?\\-<> \n\t]|[a-z0-9]|é){0,8}",
    ) {
        SEEDS.with(|seeds| {
            let files: Vec<_> = seeds.policies.iter().chain(&seeds.scenarios).collect();
            let text = files[pick.index(files.len())];
            let from = text.floor_char_boundary(at.index(text.len()));
            let to = text.floor_char_boundary((from + len).min(text.len()));
            let damaged = format!("{}{put}{}", &text[..from], &text[to..]);
            memory::within(damaged.len(), FACTOR, BASE + ALIASES, || {
                let _ = checks::policy_text(&damaged);
                let _ = POLICY.with(|policy| checks::scenario_text(&damaged, policy));
            });
        });
    }

    #[test]
    fn text_of_no_kind_is_refused(text in "\\PC{0,200}", control in "[\\x00-\\x1f:\\-{}\\[\\]&*a]{0,100}") {
        refused(&text, ALIASES);
        refused(&control, ALIASES);
    }
}
