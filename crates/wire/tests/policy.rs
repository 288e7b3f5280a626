//! The policy file: what is taken, what is refused and how it is said.

use std::path::PathBuf;

use dunning_rules::{
    Anchor, BarLevel, BelowMinimum, Channel, Currency, DAY_MS, DebitNote, DisputeEnd, FlagOf, Minor, NumberOf, Offset,
    PayDisputed, Shortcuts, StepAction, Test, Timing, Unmet, WarningRule, WordOf, Zone, ZoneRule,
};
use dunning_wire::policy::{self, Loaded, Severity};
use proptest::prelude::*;

fn policies() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../deploy/policies")
}

fn load(name: &str) -> Loaded {
    let text = std::fs::read_to_string(policies().join(name)).expect("a policy file");
    policy::parse(name, &text).unwrap_or_else(|errors| panic!("{errors}"))
}

/// The smallest policy for customers, in which the rows of the tests below replace or add lines.
const SMALL: &str = "\
format: dunning-policy/1
policy: small
version: 3
time_zone: UTC
minimum: { EUR: 1000, other: none }
late_start: 1d
late_after: 12h
default_procedure: standard
procedures:
  standard:
    steps:
      - step: final
        at: 18d
        notify: { channel: EMAIL, mandatory: true }
      - step: bar
        at: 32d
        bar: { level: FULL, after_warning: final, notice: 14d }
";

#[test]
fn a_text_that_was_read_before_is_the_same_policy() {
    let text = |version: u32| SMALL.replacen("version: 3", &format!("version: {version}"), 1);
    let again = |text: &str| policy::parse_again("again.yaml", text).unwrap_or_else(|e| panic!("{e}"));
    for version in (1..40).chain(1..40) {
        let (once, again) = (policy::parse("once.yaml", &text(version)).expect("a policy"), again(&text(version)));
        assert_eq!((&again.policy, &again.text, &again.digest), (&once.policy, &once.text, &once.digest));
    }
    assert!(std::sync::Arc::ptr_eq(&again(&text(39)), &again(&text(39))));
    assert!(policy::parse_again("bad.yaml", "policy: none").is_err());
}

#[test]
fn the_reference_is_the_contract_to_the_letter() {
    let loaded = load("reference.yaml");
    let p = &loaded.policy;
    assert_eq!((&*p.label, p.zone), ("reference@1", ZoneRule::Fixed(Zone::UTC)));
    assert_eq!((p.minimum.len(), p.minimum_other), (0, Some(Minor::new(500))));
    assert_eq!((p.late_start_ms, p.late_after_ms), (4 * DAY_MS, None));
    let all_on = Shortcuts {
        below_minimum: BelowMinimum::Skip,
        dispute_end: DisputeEnd::FreesTheBill,
        pay_disputed: PayDisputed::ByDueDate,
        debit_note: DebitNote::LeavesCredit,
        bar_without_profile: true,
        bar_without_warning: true,
        bar_protected: true,
    };
    assert_eq!(p.shortcuts, all_on);
    let notify = |channel, template: &str, purpose: &str| StepAction::Notify {
        channel,
        template: template.into(),
        purpose: purpose.into(),
        mandatory: false,
    };
    let bar = |level| StepAction::Bar { level, warning: None };
    let steps = [
        ("reminder", 4, notify(Channel::Email, "reminder", "reminder")),
        ("warning", 11, notify(Channel::Sms, "warning", "warning")),
        ("final", 18, notify(Channel::Email, "final", "warning")),
        ("bar-outgoing", 24, bar(BarLevel::Outgoing)),
        ("bar-full", 34, bar(BarLevel::Full)),
    ];
    assert_eq!(p.steps.len(), steps.len());
    for (step, (name, days, action)) in p.steps.iter().zip(steps) {
        assert_eq!((&*step.name, step.offset_ms, step.time_of_day), (name, days * DAY_MS, None));
        assert_eq!(step.action, action, "{name}");
    }
    assert_eq!(loaded.warnings, []);
}

#[test]
fn the_reference_is_refused_for_customers_and_each_shortcut_is_named_with_its_line() {
    let errors = load("reference.yaml").for_wall().expect_err("shortcuts are on");
    let names = load("reference.yaml").shortcuts_on;
    assert_eq!(names.len(), 7);
    for (finding, name) in errors.0.iter().zip(names) {
        assert!(finding.text.trim_start().starts_with(name), "{finding}");
        assert!(finding.message.contains(name) && finding.line > 0, "{finding}");
    }
}

#[test]
fn the_consumer_policy_takes_no_shortcut_and_looks_right() {
    let loaded = load("consumer.yaml");
    assert_eq!(loaded.policy.shortcuts, Shortcuts::NONE);
    assert!(loaded.for_wall().is_ok() && loaded.shortcuts_on.is_empty());
    assert_eq!(loaded.warnings, []);
    assert_eq!(loaded.policy.zone, ZoneRule::Profile(Zone::parse("Europe/Berlin").expect("a zone")));
    assert_eq!((loaded.name.as_str(), loaded.version, loaded.effective_from), ("consumer", 1, None));
}

#[test]
fn what_is_left_out_has_the_safe_value() {
    let loaded = policy::parse("small.yaml", SMALL).unwrap_or_else(|e| panic!("{e}"));
    let p = &loaded.policy;
    assert_eq!((p.shortcuts, loaded.warnings.len(), loaded.digest.len()), (Shortcuts::NONE, 0, 32));
    assert_eq!((p.minimum(Currency::parse("EUR")), p.minimum(Currency::parse("USD"))), (Some(Minor::new(1000)), None));
    let warned =
        StepAction::Bar { level: BarLevel::Full, warning: Some(WarningRule { step: 0, notice_ms: 14 * DAY_MS }) };
    assert_eq!(p.steps[1].action, warned);
    let StepAction::Notify { purpose, template, mandatory, .. } = &p.steps[0].action else { panic!("a notice") };
    assert_eq!((&**purpose, &**template, *mandatory), ("warning", "final", true));
}

#[test]
fn a_currency_can_be_left_out_of_dunning() {
    let text = SMALL.replace("EUR: 1000, other: none", "EUR: none, other: 1");
    let p = policy::parse("small.yaml", &text).unwrap_or_else(|e| panic!("{e}")).policy;
    assert_eq!(p.minimum(Currency::parse("USD")), Some(Minor::new(1)));
    assert!(p.minimum(Currency::parse("EUR")).is_none_or(|least| least > Minor::TURNOVER_MAX));
}

/// One edit of the small policy, and what must be said of it: severity, the offending text, a part of the message.
#[test]
fn every_mistake_is_shown_at_its_place() {
    use Severity::{Error, Warning};
    let rows = [
        ("format: dunning-policy/1", "format: dunning-policy/2", Error, "dunning-policy/2", "not a word"),
        ("version: 3", "version: 0", Error, "0", "less than 1"),
        ("version: 3", "version: three", Error, "three", "expected a whole number, found text"),
        ("version: 3", "version:", Error, "version", "no value"),
        ("version: 3\n", "", Error, "format", "`version` is missing"),
        ("policy: small", "policy: Small", Error, "Small", "not a name"),
        ("policy: small", "policy: 12", Error, "12", "expected text, found a whole number"),
        ("version: 3", "version: 3\nversion: 4", Error, "version", "duplicate"),
        ("version: 3", "version: 3\neffective_from: tomorrow", Error, "tomorrow", "not an instant"),
        ("at: 18d", "at: 18d\n        when: { bill_month: June }", Error, "June", "no month `June`"),
        (
            "at: 18d",
            "at: 18d\n        when: { bill_month: { not: [june, juli] } }",
            Error,
            "bill_month",
            "no month `juli`",
        ),
        ("version: 3", "version: 3\non_change: restart", Error, "restart", "not a word"),
        ("version: 3", "version: 3\non_change: { map: {} }", Error, "map", "nothing in it"),
        ("version: 3", "version: 3\non_change: { map: { last: letter } }", Error, "letter", "no step has that name"),
        ("time_zone: UTC", "time_zone: Berlin", Error, "Berlin", "no time zone"),
        ("time_zone: UTC", "time_zone: { from: profile }", Error, "time_zone", "`default` is missing"),
        ("time_zone: UTC", "time_zone: { from: moon, default: UTC }", Error, "moon", "not a word"),
        ("EUR: 1000", "EURO: 1000", Error, "EURO", "no currency"),
        ("EUR: 1000", "EUR: 0", Error, "0", "less than 1"),
        ("EUR: 1000", "EUR: 10.50", Error, "10.50", "a number with decimals"),
        ("EUR: 1000", "EUR: nothing", Error, "nothing", "not a word"),
        (", other: none", "", Error, "minimum", "other currencies"),
        ("late_start: 1d", "late_start: 0d", Warning, "0d", "every account starts late"),
        ("late_start: 1d", "late_start: 40d", Warning, "40d", "at once"),
        ("late_after: 12h", "late_after: 12 h", Error, "12 h", "not a span"),
        ("late_after: 12h", "late_after: never", Warning, "never", "at once"),
        ("late_after: 12h", "late_afer: 12h", Error, "late_afer", "unknown key `late_afer`"),
        ("default_procedure: standard", "default_procedure: gold", Error, "gold", "no procedure `gold`"),
        ("at: 18d", "at: 18", Error, "18", "expected text"),
        ("at: 18d", "at: 33d", Error, "32d", "before the step above"),
        ("at: 18d", "at: 20d", Warning, "14d", "less than the notice"),
        ("at: 18d", "at: 18d\n        from: \"24:00\"", Error, "\"24:00\"", "not a time of day"),
        ("at: 18d", "at: 18d\n        from: \"09:00\"", Warning, "14d", "13d 15h after its warning"),
        ("step: bar", "step: final", Error, "final", "called `final` too"),
        ("step: bar", "step: restore", Error, "restore", "taken"),
        ("channel: EMAIL", "channel: email", Error, "email", "not a word"),
        (", mandatory: true", "", Warning, "notify", "opt-out"),
        (
            "bar: { level: FULL, after_warning: final, notice: 14d }",
            "bar: { level: TERMINATED, after_warning: final, notice: 14d }\n      - step: later\n        at: 60d\n        \
             bar: { level: FULL, after_warning: final, notice: 14d }",
            Error,
            "FULL",
            "no service left",
        ),
        ("step: bar", "step: retry", Error, "retry", "taken"),
        ("after_warning: final, ", "", Error, "14d", "of which warning"),
        (", after_warning: final, notice: 14d", "", Error, "bar", "without a warning"),
        (", notice: 14d", "", Error, "bar", "how long before"),
        ("after_warning: final", "after_warning: finale", Error, "finale", "no earlier step"),
        ("notice: 14d", "notice: 12h", Error, "12h", "shorter than a day"),
        ("        bar: {", "        notify: { channel: SMS }\n        bar: {", Error, "- step: bar", "one thing"),
        ("        notify: { channel: EMAIL, mandatory: true }\n", "", Error, "- step: final", "does nothing"),
        ("steps:", "stops:", Error, "stops", "unknown key"),
        ("policy: small", "policy: [small", Error, "", ""),
        (
            "version: 3",
            "version: 3\nselect: [{ rule: all, procedure: standard }]",
            Error,
            "{ rule: all",
            "every account",
        ),
        ("version: 3", "version: 3\nselect: [{ rule: a, share: 5, procedure: standard }]", Error, "5", "expected text"),
        ("version: 3", "version: 3\nselect: [{ rule: a, share: 0%, procedure: standard }]", Error, "0%", "not a share"),
        ("version: 3", "version: 3\nselect: [{ rule: a, share: 5%, procedure: gold }]", Error, "gold", "no procedure"),
        (
            "version: 3",
            "version: 3\nselect: [{ rule: a, when: { services: { below: 2 } }, group: b, procedure: standard }]",
            Error,
            "b",
            "no share is taken",
        ),
        (
            "version: 3",
            "version: 3\nselect: [{ rule: a, share: 60%, procedure: standard }, { rule: b, share: 41%, procedure: standard }]",
            Error,
            "41%",
            "more than all",
        ),
        (
            "version: 3",
            "version: 3\nselect: [{ rule: a, share: 60%, procedure: standard }, { rule: a, share: 4%, procedure: standard }]",
            Error,
            "a, share: 4%",
            "called `a` too",
        ),
        (
            "version: 3",
            "version: 3\nselect:\n  - { rule: a, when: { overdue: { at_least: 5 } }, procedure: standard }\n  - { rule: b, when: { overdue: { at_least: 9 }, vulnerable: true }, procedure: standard }",
            Error,
            "b, when",
            "`a` above takes all",
        ),
        (
            "version: 3",
            "version: 3\nselect:\n  - { rule: a, when: { overdue: { at_least: 90 } }, procedure: standard }\n  - { rule: b, when: { overdue: { below: 9 } }, procedure: standard }",
            Warning,
            "when: { overdue: { at_least: 90",
            "between 9 and 90",
        ),
        (
            "procedures:\n",
            "procedures:\n  gold: { steps: [{ step: a, at: 4d, notify: { channel: SMS } }] }\n",
            Error,
            "gold",
            "no account comes to",
        ),
        (
            "version: 3",
            "version: 3\ncontact: { hours: [{ from: \"21:00\", until: \"08:00\" }] }",
            Error,
            "{ from",
            "never open",
        ),
        (
            "version: 3",
            "version: 3\ncontact: { hours: [{ channels: [SMS], from: \"08:00\", until: \"12:00\" }, { from: \"13:00\", until: \"18:00\" }] }",
            Error,
            "hours",
            "SMS never open",
        ),
        (
            "version: 3",
            "version: 3\ncontact: { hours: [{ from: \"08:00\", until: \"25:00\" }] }",
            Error,
            "\"25:00\"",
            "not a time of day",
        ),
        (
            "version: 3",
            "version: 3\ncontact: { hours: [{ from: \"08:00\", until: \"21:00\", not_on: [holidays] }] }",
            Warning,
            "not_on",
            "no holidays are known",
        ),
        ("version: 3", "version: 3\ncontact: { caps: [{ most: 0, in: 7d }] }", Error, "0", "less than 1"),
        ("version: 3", "version: 3\ncontact: { caps: [{ most: 1, in: 7m }] }", Error, "7m", "shorter than an hour"),
        ("version: 3", "version: 3\ncontact: { spread: 25h }", Error, "25h", "more than a day"),
        ("version: 3", "version: 3\ncontact: {}", Error, "contact", "nothing in it"),
        ("at: 18d", "at: 18d\n        when: { overdue: { below: 1000 } }", Error, "overdue", "never holds"),
        ("at: 18d", "at: 18d\n        when: { balance: { below: 1000 } }", Error, "balance", "never holds"),
        ("at: 18d", "at: 18d\n        when: { unpaid_bills: { below: 1 } }", Error, "unpaid_bills", "never holds"),
        ("at: 18d", "at: 18d\n        when: { currency: USD }", Error, "USD", "nobody is dunned"),
        ("at: 18d", "at: 18d\n        when: { currency: { not: [EUR] } }", Error, "currency", "nobody is dunned"),
        ("at: 18d", "at: -18d", Error, "-18d", "begins after the due date"),
        ("at: 18d", "at: 18w", Error, "18w", "not a span"),
        ("at: 18d", "at: 1001bd", Error, "1001bd", "longer"),
        ("at: 18d", "at: 18d end_of_month", Warning, "32d", "can fall before the step above"),
        ("version: 3", "version: 3\npromises: { parts_at_most: 2, no_later_than: 7d }", Error, "2", "has no parts"),
        ("version: 3", "version: 3\npromises: { kept_at: 101%, no_later_than: 7d }", Error, "101%", "not a share"),
        (
            "version: 3",
            "version: 3\npromises: { kept_at: 95%, no_later_than: 33d }",
            Warning,
            "33d",
            "than the whole ladder",
        ),
        ("version: 3", "version: 3\npromises: { grace: 2d }", Warning, "promises", "as far ahead as anybody writes"),
        ("version: 3", "version: 3\nplans: { restore: true }", Warning, "plans", "as far ahead as anybody writes"),
        ("version: 3", "version: 3\nplans: { no_later_than: 9999d }", Error, "9999d", "not a number of days"),
        ("version: 3", "version: 3\nholds: { restore: [] }", Error, "restore", ""),
        ("version: 3", "version: 3\nrestore_below: { EUR: 1001 }", Error, "1001", "would end at once"),
        ("version: 3", "version: 3\nrestore_below: { other: 1001 }", Error, "1001", "would end at once"),
        ("version: 3", "version: 3\nrestore_below: { EURO: 1 }", Error, "EURO", "no currency"),
        ("version: 3", "version: 3\nrestore_below: {}", Error, "restore_below", "nothing in it"),
        ("version: 3", "version: 3\nbusiness_days: { weekend: [sunday] }", Warning, "business_days", "no step counts"),
        ("version: 3", "version: 3\nbusiness_days: { holidays: { all: [soon] } }", Error, "soon", "not a day"),
        (
            "version: 3",
            "version: 3\nbusiness_days: { weekend: [monday, tuesday, wednesday, thursday, friday, saturday, sunday] }",
            Error,
            "weekend",
            "no day of the week",
        ),
        (
            "version: 3",
            "version: 3\nbefore_due: [{ step: told, at: 2d, notify: { channel: SMS } }]",
            Error,
            "2d",
            "not come before the due date",
        ),
        (
            "version: 3",
            "version: 3\nbefore_due: [{ step: final, at: -2d, notify: { channel: SMS } }]",
            Error,
            "final",
            "called `final` too",
        ),
        ("version: 3", "version: 3\nbefore_due: [{ step: told, at: -2d }]", Error, "{ step: told", "customer is told"),
        (
            "version: 3",
            "version: 3\nbefore_due: [{ step: told, at: -2d, repeat: { every: 1d }, notify: { channel: SMS } }]",
            Error,
            "repeat",
            "does not belong",
        ),
        ("at: 18d", "at: 18d\n        when: {}", Error, "when", "nothing in it"),
        ("at: 18d", "at: 18d\n        when: { unpaid_bills: {} }", Error, "unpaid_bills", "nothing in it"),
        (
            "at: 18d",
            "at: 18d\n        when: { overdue: { at_least: 5, below: 5 } }",
            Error,
            "overdue",
            "no number is both",
        ),
        ("at: 18d", "at: 18d\n        when: { tenure: { below: 3h } }", Error, "3h", "not a number of days"),
        ("at: 18d", "at: 18d\n        when: { currency: EURO }", Error, "EURO", "no currency"),
        ("at: 18d", "at: 18d\n        when: { segmant: vip }", Error, "segmant", "unknown key"),
        ("at: 18d", "at: 18d\n        when: { segment: vip }", Warning, "final", "waits for ever"),
        ("at: 18d", "at: 18d\n        otherwise: wait", Error, "wait", "otherwise than what"),
        (
            "at: 18d",
            "at: 18d\n        when: { debt_age: { at_least: 3d } }\n        otherwise: wait",
            Error,
            "wait",
            "grow older",
        ),
        ("at: 18d", "at: 18d\n        repeat: { every: 7d }", Error, "repeat", "the bar would move"),
        ("at: 18d", "at: 18d\n        repeat: { every: 12h }", Error, "12h", "within a day"),
        ("at: 32d", "at: 32d\n        repeat: { every: 7d }", Error, "repeat", "does not come again"),
    ];
    let mut wrong = Vec::new();
    for (old, new, severity, text, message) in rows {
        assert!(SMALL.contains(old), "{old}");
        let edited = SMALL.replace(old, new);
        let found = match policy::parse("small.yaml", &edited) {
            Ok(loaded) => loaded.warnings,
            Err(errors) => errors.0,
        };
        let fits = |f: &&policy::Finding| {
            let at: String = f.text.chars().skip((f.column as usize).saturating_sub(1)).collect();
            let at = if text.starts_with("- ") { f.text.trim_start().to_owned() } else { at };
            f.severity == severity && f.message.contains(message) && f.line > 0 && at.starts_with(text)
        };
        let shown: Vec<_> = found.iter().map(ToString::to_string).collect();
        if !found.iter().any(|f| fits(&f)) {
            wrong.push(format!("{old} -> {new}:\n{}", shown.join("\n\n")));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n\n"));
}

#[test]
fn an_amount_without_its_currency_and_a_step_that_never_comes_are_seen() {
    let two = SMALL.replace("EUR: 1000", "EUR: 1000, CHF: 1000");
    let when = two.replace("at: 32d", "at: 32d\n        when: { overdue: { at_least: 5000 } }");
    let said = |text: &str| policy::parse("small.yaml", text).map_or_else(|e| e.0, |loaded| loaded.warnings);
    let found = said(&when);
    assert!(found.iter().any(|f| f.message.contains("several currencies")), "{found:?}");
    assert_eq!(said(&when.replace("when: {", "when: { currency: EUR,")), []);
    let again = SMALL.replace(
        "      - step: final",
        "      - { step: weekly, at: 4d, repeat: { every: 7d }, notify: { channel: SMS } }\n      - step: final",
    );
    assert_eq!(said(&again), []);
    let never = again.replace("at: 18d", "at: 10d\n        counted_from: previous_step");
    assert!(said(&never).iter().any(|f| f.message.contains("never comes")), "{:?}", said(&never));
}

#[test]
fn steps_that_hours_or_caps_hold_up_are_seen() {
    let said = |text: &str| policy::parse("small.yaml", text).map_or_else(|e| e.0, |loaded| loaded.warnings);
    let hours =
        "version: 3\ncontact: { spread: 2h, hours: [{ channels: [EMAIL], from: \"08:00\", until: \"20:00\" }] }";
    let at = |from: &str| {
        let text = SMALL.replace("version: 3", hours).replace("at: 18d", &format!("at: 18d\n        from: \"{from}\""));
        text.replace("at: 32d", "at: 33d")
    };
    for (from, words) in [("07:59", "is closed"), ("20:00", "is closed"), ("18:01", "the next day")] {
        let found = said(&at(from));
        assert!(found.iter().any(|f| f.message.contains(words)), "{from}: {found:?}");
    }
    assert_eq!(said(&at("18:00")), []);
    let weekly = SMALL.replace(
        "      - step: final",
        "      - { step: weekly, at: 4d, repeat: { every: 3d }, notify: { channel: SMS } }\n      - step: final",
    );
    let capped = |most: u8| {
        weekly.replace("version: 3", &format!("version: 3\ncontact: {{ caps: [{{ most: {most}, in: 9d }}] }}"))
    };
    // Of those on days 4, 7, 10, 13 and 16 three are less than nine days before the 18th.
    assert!(said(&capped(3)).iter().any(|f| f.message.contains("3 in 9d")), "{:?}", said(&capped(3)));
    assert_eq!(said(&capped(4)), []);
}

#[test]
fn what_a_step_says_beyond_a_span_is_what_the_rules_get() {
    let text = SMALL
        .replace("at: 32d", "at: 10bd end_of_month\n        counted_from: previous_step\n        otherwise: wait\n        when: { region: [DE, AT], segment: { not: [vip] }, debt_age: { below: 90d }, vulnerable: false }")
        .replace("otherwise: wait\n", "otherwise: skip\n");
    let loaded = policy::parse("small.yaml", &text).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(loaded.policy.steps[0].rule, None, "a plain step has no rule");
    let rule = loaded.policy.steps[1].rule.as_ref().expect("a rule");
    let offset = Offset { days: 0, end_of_month: true, business_days: Some(10), rest_ms: 0 };
    assert_eq!(rule.timing, Some(Timing { from: Anchor::PreviousStep, offset }));
    let words = |of, words: &[&str], not| Test::Word { of, words: words.iter().map(|w| (*w).into()).collect(), not };
    let wanted = [
        words(WordOf::Segment, &["vip"], true),
        words(WordOf::Region, &["DE", "AT"], false),
        Test::Number { of: NumberOf::DebtAge, at_least: None, below: Some(90) },
        Test::Flag { of: FlagOf::Vulnerable, is: false },
    ];
    assert_eq!((rule.when.as_slice(), rule.unmet, rule.repeat), (&wanted[..], Unmet::Skip, None));
    assert_eq!(loaded.policy.options.calendar.weekend, [false, false, false, false, false, true, true]);
}

#[test]
fn a_finding_reads_like_a_compilers() {
    let text = SMALL.replace("at: 32d", "at: 3d").replace("policy: small", "policy: Small");
    let errors = policy::parse("small.yaml", &text).expect_err("two mistakes").to_string();
    let expected = "\
small.yaml:2:9: error: `Small` is not a name
    2 | policy: Small
      |         ^^^^^
   at: policy
 help: small letters, digits and hyphens, a letter first, at most 64

small.yaml:16:13: error: it comes before the step above it (`final`, 18d)
   16 |         at: 3d
      |             ^^
   at: procedures.standard.steps[1].at
 help: put the steps in the order in which they come";
    assert_eq!(errors, expected);
}

#[test]
fn a_file_that_is_not_a_policy_is_refused_in_words() {
    for text in
        ["", "# nothing\n", "- a\n- b\n", "42\n", "\u{0}", "a: &x [*x]\n", &"[".repeat(500), "a: 1\n---\nb: 2\n"]
    {
        let errors = policy::parse("x.yaml", text).expect_err(text);
        assert!(errors.has_error() && !errors.to_string().is_empty());
    }
}

proptest! {
    /// Whatever a slip of the hand makes of a policy, it is answered in words, with places that are in the file.
    #[test]
    fn a_damaged_policy_is_answered_in_words(at in 0..1_500usize, cut in 0..60usize, put in "[ -~\n\té€]{0,12}") {
        let text = std::fs::read_to_string(policies().join("consumer.yaml")).expect("a policy file");
        let mut chars: Vec<char> = text.chars().collect();
        let end = (at + cut).min(chars.len());
        chars.splice(at.min(end)..end, put.chars());
        let damaged: String = chars.into_iter().collect();
        let found = match policy::parse("consumer.yaml", &damaged) {
            Ok(loaded) => loaded.warnings,
            Err(errors) => {
                prop_assert!(errors.has_error());
                errors.0
            }
        };
        // An error at the end of the file may stand on the line after the last one.
        let lines = u32::try_from(damaged.lines().count()).expect("few lines") + 1;
        prop_assert!(found.iter().all(|f| f.line <= lines && !f.message.is_empty() && !f.to_string().is_empty()));
    }
}

#[test]
fn the_schema_for_editors_is_up_to_date() {
    let path = policies().join("policy.schema.json");
    let expected = policy::json_schema();
    if std::env::var_os("DUNNING_WRITE_SCHEMA").is_some() {
        std::fs::write(&path, format!("{expected:#}\n")).expect("the schema can be written");
    }
    let text = std::fs::read_to_string(&path).expect("policy.schema.json");
    let found: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert!(found == expected, "run this test once with DUNNING_WRITE_SCHEMA=1 to write the file again");
}
