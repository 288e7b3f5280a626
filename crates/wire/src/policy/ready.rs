//! From the file as written to the policy as used: everything that no schema can say is checked here.

use std::sync::Arc;

use chrono::DateTime;
use dunning_rules::{
    BarLevel, BelowMinimum, Channel, Currency, DAY_MS, DebitNote, DisputeEnd, Minor, PayDisputed, Policy, Shortcuts,
    Step, StepAction, Timestamp, WarningRule, Zone, ZoneRule,
};

use super::finding::{Finding, Notes, Severity};
use super::node::Node;
use super::{duration, raw};

const SPAN_HELP: &str = "write a number with d, h, m or s, such as `14d` or `12h`, at most ten years";

/// Checks a file of the right shape and makes a policy of it. What is wrong goes to the notes.
pub(super) struct Reader<'a, 'n> {
    pub(super) root: &'a Node,
    pub(super) notes: &'a mut Notes<'n>,
}

impl Reader<'_, '_> {
    fn note(&mut self, severity: Severity, path: &str, message: impl Into<String>, help: impl Into<String>) {
        self.notes.add(severity, self.root.place_of(path), path, message.into(), help.into());
    }

    fn error(&mut self, path: &str, message: impl Into<String>, help: impl Into<String>) {
        self.note(Severity::Error, path, message, help);
    }

    fn warn(&mut self, path: &str, message: impl Into<String>, help: impl Into<String>) {
        self.note(Severity::Warning, path, message, help);
    }

    fn span(&mut self, path: &str, text: &str) -> i64 {
        duration::parse(text).unwrap_or_else(|message| {
            self.error(path, message, SPAN_HELP);
            0
        })
    }

    fn name(&mut self, path: &str, name: &str) {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if !name.starts_with(|c: char| c.is_ascii_lowercase()) || !name.chars().all(plain) || name.len() > 64 {
            let help = "small letters, digits and hyphens, a letter first, at most 64";
            self.error(path, format!("`{name}` is not a name"), help);
        }
    }

    fn zone(&mut self, path: &str, name: &str) -> Zone {
        Zone::parse(name).unwrap_or_else(|| {
            let help = "use a name of the IANA list, such as `Europe/Berlin` or `UTC`";
            self.error(path, format!("there is no time zone `{name}`"), help);
            Zone::UTC
        })
    }

    pub(super) fn policy(&mut self, file: &raw::PolicyFile) -> Policy {
        self.name("policy", &file.policy);
        let zone = match &file.time_zone {
            raw::TimeZone::Fixed(name) => ZoneRule::Fixed(self.zone("time_zone", name)),
            raw::TimeZone::Of(of) => ZoneRule::Profile(self.zone("time_zone.default", &of.default)),
        };
        let (minimum, minimum_other) = self.minimum(file);
        let late_start_ms = self.span("late_start", &file.late_start);
        let late_after_ms = (file.late_after != "never").then(|| self.span("late_after", &file.late_after));
        let shortcuts = shortcuts(&file.shortcuts);
        let steps = self.procedure(file, shortcuts);
        let policy = Policy {
            label: Arc::from(format!("{}@{}", file.policy, file.version)),
            zone,
            minimum,
            minimum_other,
            late_start_ms,
            late_after_ms,
            shortcuts,
            steps,
        };
        self.late_start(&policy);
        if policy.late_after_ms.is_none() && shortcuts.below_minimum == BelowMinimum::Wait {
            let message = "steps that come late or had to wait are followed by the next ones at once";
            self.warn("late_after", message, "write `12h`, so that the customer keeps the days between them");
        }
        policy
    }

    pub(super) fn effective_from(&mut self, file: &raw::PolicyFile) -> Option<Timestamp> {
        let text = file.effective_from.as_ref()?;
        match DateTime::parse_from_rfc3339(text) {
            Ok(at) => Some(Timestamp::from_millis(at.timestamp_millis())),
            Err(_) => {
                let help = "write date, time and zone, such as `2027-01-01T00:00:00Z`";
                self.error("effective_from", format!("`{text}` is not an instant"), help);
                None
            }
        }
    }

    fn minimum(&mut self, file: &raw::PolicyFile) -> (Vec<(Currency, Minor)>, Option<Minor>) {
        let mut listed = Vec::new();
        let mut other = None;
        for (code, least) in &file.minimum {
            let path = format!("minimum.{code}");
            let amount = match least {
                raw::Minimum::Amount(amount) => Some(Minor::new(*amount)),
                raw::Minimum::Word(raw::Never::None) => None,
            };
            if code == "other" {
                other = amount;
                continue;
            }
            match (Currency::parse(code), amount) {
                (Some(currency), Some(amount)) => listed.push((currency, amount)),
                // No amount is that much: the currency is never dunned, whatever `other` says.
                (Some(currency), None) => listed.push((currency, Minor::new(i64::MAX))),
                (None, _) => {
                    let help = "use a code of ISO 4217 in capitals, such as `EUR`, or `other`";
                    let (place, message) = (self.root.key_of(&path), format!("there is no currency `{code}`"));
                    self.notes.add(Severity::Error, place, &path, message, help.to_owned());
                }
            }
        }
        if !file.minimum.contains_key("other") {
            let help = "add `other: none` (never dunned), or an amount in minor units";
            self.error("minimum", "nothing is said of the other currencies", help);
        }
        (listed, other)
    }

    fn late_start(&mut self, policy: &Policy) {
        if policy.late_start_ms < DAY_MS {
            let message = format!(
                "every account starts late: it is overdue a day after its due date, and starts at most {} back",
                duration::words(policy.late_start_ms)
            );
            self.warn("late_start", message, "write at least `1d`, or the `at` of the first step");
        }
        let second = policy.steps.get(1).filter(|s| s.offset_ms <= policy.late_start_ms);
        if let Some(step) = second {
            let message = format!("who is found late gets all steps up to `{}` at once", step.name);
            self.warn("late_start", message, "keep it below the `at` of the second step");
        }
    }

    fn procedure(&mut self, file: &raw::PolicyFile, shortcuts: Shortcuts) -> Vec<Step> {
        let name = &file.default_procedure;
        let Some(procedure) = file.procedures.get(name) else {
            let names: Vec<_> = file.procedures.keys().map(|k| format!("`{k}`")).collect();
            let help = format!("name one of {}", names.join(", "));
            self.error("default_procedure", format!("there is no procedure `{name}`"), help);
            return Vec::new();
        };
        for other in file.procedures.keys() {
            self.name(&format!("procedures.{other}"), other);
            if other != name {
                let help = "this version runs one procedure for all accounts; rules that select one come later";
                self.error(&format!("procedures.{other}"), format!("no account comes to procedure `{other}`"), help);
            }
        }
        let base = format!("procedures.{name}.steps");
        let mut steps: Vec<Step> = Vec::with_capacity(procedure.steps.len());
        for (i, step) in procedure.steps.iter().enumerate() {
            let ready = self.step(&format!("{base}[{i}]"), step, &steps, shortcuts);
            steps.push(ready);
        }
        name_warnings(procedure, &mut steps);
        self.unserved_warnings(&base, &steps);
        steps
    }

    fn step(&mut self, path: &str, step: &raw::Step, before: &[Step], shortcuts: Shortcuts) -> Step {
        let at = format!("{path}.step");
        self.name(&at, &step.step);
        if step.step == "restore" {
            self.error(&at, "`restore` is taken: restorations carry it", "choose another name");
        }
        if before.iter().any(|s| *s.name == *step.step) {
            self.error(&at, format!("a step before it is called `{}` too", step.step), "give each step its own name");
        }
        let offset_ms = self.span(&format!("{path}.at"), &step.at);
        let time_of_day = step.from.as_ref().and_then(|text| self.time_of_day(&format!("{path}.from"), text));
        if let Some(last) = before.last() {
            self.order(path, offset_ms, time_of_day, last);
        }
        let action = match (&step.notify, &step.bar) {
            (Some(notify), None) => notice(step, notify),
            (None, Some(bar)) => {
                let comes_ms = offset_ms + day_part_ms(time_of_day);
                self.bar(path, &Proposed { name: &step.step, bar, comes_ms, before, shortcuts })
            }
            (Some(_), Some(_)) => {
                self.error(path, "a step does one thing: `notify` or `bar`", "make two steps of it");
                notice(step, &raw::Notify::default())
            }
            (None, None) => {
                self.error(path, "the step does nothing", "add `notify` or `bar`");
                notice(step, &raw::Notify::default())
            }
        };
        Step { name: step.step.as_str().into(), offset_ms, time_of_day, action }
    }

    fn order(&mut self, path: &str, offset_ms: i64, time_of_day: Option<u16>, last: &Step) {
        let at = format!("{path}.at");
        if offset_ms < last.offset_ms {
            let message =
                format!("it comes before the step above it (`{}`, {})", last.name, duration::words(last.offset_ms));
            self.error(&at, message, "put the steps in the order in which they come");
        } else if offset_ms == last.offset_ms && time_of_day.unwrap_or(0) < last.time_of_day.unwrap_or(0) {
            let message = format!("it would come before the step above it (`{}`), and waits for it", last.name);
            self.warn(&at, message, "put the steps in the order in which they come");
        }
    }

    fn time_of_day(&mut self, path: &str, text: &str) -> Option<u16> {
        let minutes = || {
            let (hours, minutes) = text.split_once(':')?;
            let two = |part: &str| (part.len() == 2).then(|| part.parse::<u8>().ok()).flatten();
            let (hours, minutes) = (two(hours)?, two(minutes)?);
            (hours < 24 && minutes < 60).then(|| u16::from(hours) * 60 + u16::from(minutes))
        };
        let found = minutes();
        if found.is_none() {
            self.error(path, format!("`{text}` is not a time of day"), "write `\"09:00\"`, from 00:00 to 23:59");
        }
        found
    }

    fn bar(&mut self, path: &str, proposed: &Proposed<'_>) -> StepAction {
        let path = format!("{path}.bar");
        let level = level(proposed.bar.level);
        if level == BarLevel::Terminated {
            let help = "use FULL; a bar that ends the service for good comes later";
            let message = "this version restores every bar when the debt is paid, and a terminated service cannot be";
            self.error(&format!("{path}.level"), message, help);
        }
        let earlier = proposed.before.iter().rev().find_map(|s| match s.action {
            StepAction::Bar { level, .. } => Some((s, level)),
            StepAction::Notify { .. } => None,
        });
        if let Some((earlier, mildest)) = earlier.filter(|(_, mildest)| level <= *mildest) {
            let message = format!("it bars no further than `{}` before it ({})", earlier.name, mildest.symbol());
            self.warn(&format!("{path}.level"), message, "the levels, mildest first: THROTTLED, OUTGOING, FULL");
        }
        StepAction::Bar { level, warning: self.warning(&path, proposed) }
    }

    fn warning(&mut self, path: &str, proposed: &Proposed<'_>) -> Option<WarningRule> {
        let bar = proposed.bar;
        let notice_ms = bar.notice.as_ref().map(|text| self.span(&format!("{path}.notice"), text));
        let Some(name) = &bar.after_warning else {
            if let Some(notice) = &bar.notice {
                let message = format!("a notice of {notice}, but of which warning?");
                self.error(&format!("{path}.notice"), message, "add `after_warning: <step>`");
            } else if !proposed.shortcuts.bar_without_warning {
                let help = "add `after_warning: <step>` and `notice: 14d`; the step must be an earlier `notify`";
                self.error(path, format!("`{}` bars without a warning", proposed.name), help);
            }
            return None;
        };
        let at = format!("{path}.after_warning");
        let help = "name a `notify` step above this one";
        let Some(index) = proposed.before.iter().position(|s| *s.name == **name) else {
            self.error(&at, format!("there is no earlier step `{name}`"), help);
            return None;
        };
        let warning = &proposed.before[index];
        if matches!(warning.action, StepAction::Bar { .. }) {
            self.error(&at, format!("`{name}` is a bar, not a warning"), help);
            return None;
        }
        let Some(notice_ms) = notice_ms else {
            self.error(path, "how long before the bar must the warning have been sent?", "add `notice: 14d`");
            return None;
        };
        if notice_ms < DAY_MS {
            let help = "write at least `1d`; the law often wants 14 days";
            self.error(&format!("{path}.notice"), "the notice is shorter than a day", help);
        }
        let between_ms = proposed.comes_ms - warning.offset_ms - day_part_ms(warning.time_of_day);
        if (0..notice_ms).contains(&between_ms) {
            let message = format!(
                "the bar comes {} after its warning `{name}`, which is less than the notice: it will wait",
                duration::words(between_ms)
            );
            self.warn(&format!("{path}.notice"), message, "let the bar come later (`at`, or `from` on the day)");
        }
        Some(WarningRule { step: index, notice_ms })
    }

    /// A warning that an opt-out can stop never lets its bar come.
    fn unserved_warnings(&mut self, base: &str, steps: &[Step]) {
        for (i, warning) in steps.iter().enumerate() {
            let StepAction::Notify { mandatory: false, .. } = warning.action else { continue };
            let warned = |s: &&Step| matches!(s.action, StepAction::Bar { warning: Some(w), .. } if w.step == i);
            if let Some(bar) = steps.iter().find(warned) {
                let message = format!(
                    "an opt-out stops `{}`, and then the bar `{}` that it warns of never comes",
                    warning.name, bar.name
                );
                let help = "add `mandatory: true` where the law lets you send it despite an opt-out";
                self.warn(&format!("{base}[{i}].notify"), message, help);
            }
        }
    }
}

/// A bar as the file proposes it.
struct Proposed<'p> {
    name: &'p str,
    bar: &'p raw::Bar,
    /// After the anchor, the time of day included.
    comes_ms: i64,
    before: &'p [Step],
    shortcuts: Shortcuts,
}

fn day_part_ms(time_of_day: Option<u16>) -> i64 {
    i64::from(time_of_day.unwrap_or(0)) * 60_000
}

/// A notice that a bar names is a warning, where the file does not say what it is for.
fn name_warnings(procedure: &raw::Procedure, steps: &mut [Step]) {
    let warned = |step: &Step| match step.action {
        StepAction::Bar { warning, .. } => warning.map(|w| w.step),
        StepAction::Notify { .. } => None,
    };
    let warnings: Vec<usize> = steps.iter().filter_map(warned).collect();
    for i in warnings {
        let silent = procedure.steps[i].notify.as_ref().is_some_and(|n| n.purpose.is_none());
        if let (true, StepAction::Notify { purpose, .. }) = (silent, &mut steps[i].action) {
            *purpose = "warning".into();
        }
    }
}

fn notice(step: &raw::Step, notify: &raw::Notify) -> StepAction {
    StepAction::Notify {
        channel: channel(notify.channel),
        template: notify.template.as_deref().unwrap_or(&step.step).into(),
        purpose: notify.purpose.as_deref().unwrap_or("reminder").into(),
        mandatory: notify.mandatory,
    }
}

const fn channel(channel: raw::Channel) -> Channel {
    match channel {
        raw::Channel::Email => Channel::Email,
        raw::Channel::Sms => Channel::Sms,
        raw::Channel::Push => Channel::Push,
        raw::Channel::Whatsapp => Channel::Whatsapp,
        raw::Channel::Ivr => Channel::Ivr,
        raw::Channel::Voice => Channel::Voice,
        raw::Channel::Letter => Channel::Letter,
    }
}

const fn level(level: raw::Level) -> BarLevel {
    match level {
        raw::Level::Throttled => BarLevel::Throttled,
        raw::Level::Outgoing => BarLevel::Outgoing,
        raw::Level::Full => BarLevel::Full,
        raw::Level::Terminated => BarLevel::Terminated,
    }
}

fn shortcuts(file: &raw::Shortcuts) -> Shortcuts {
    let safe = Shortcuts::NONE;
    Shortcuts {
        below_minimum: match file.below_minimum {
            Some(raw::BelowMinimum::Skip) => BelowMinimum::Skip,
            _ => safe.below_minimum,
        },
        dispute_end: match file.dispute_end {
            Some(raw::DisputeEnd::FreesTheBill) => DisputeEnd::FreesTheBill,
            _ => safe.dispute_end,
        },
        pay_disputed: match file.pay_disputed {
            Some(raw::PayDisputed::ByDueDate) => PayDisputed::ByDueDate,
            _ => safe.pay_disputed,
        },
        debit_note: match file.debit_note {
            Some(raw::DebitNote::LeavesCredit) => DebitNote::LeavesCredit,
            _ => safe.debit_note,
        },
        bar_without_profile: file.bar_without_profile.unwrap_or(safe.bar_without_profile),
        bar_without_warning: file.bar_without_warning.unwrap_or(safe.bar_without_warning),
        bar_protected: file.bar_protected.unwrap_or(safe.bar_protected),
    }
}

/// The names of the shortcuts that are on, in the order of the file format.
pub(super) fn shortcuts_on(shortcuts: &Shortcuts) -> Vec<&'static str> {
    let safe = Shortcuts::NONE;
    let all = [
        ("below_minimum", shortcuts.below_minimum != safe.below_minimum),
        ("dispute_end", shortcuts.dispute_end != safe.dispute_end),
        ("pay_disputed", shortcuts.pay_disputed != safe.pay_disputed),
        ("debit_note", shortcuts.debit_note != safe.debit_note),
        ("bar_without_profile", shortcuts.bar_without_profile),
        ("bar_without_warning", shortcuts.bar_without_warning),
        ("bar_protected", shortcuts.bar_protected),
    ];
    all.into_iter().filter_map(|(name, on)| on.then_some(name)).collect()
}

/// What clock `wall` says of each shortcut that is on.
pub(super) fn refusals(root: &Node, file: &str, text: &str, on: &[&'static str]) -> Vec<Finding> {
    let mut notes = Notes::new(file, text);
    for name in on {
        let path = format!("shortcuts.{name}");
        let help = "run it with clock `stream` (tests and replays), or leave the shortcut out";
        let message = format!("the shortcut `{name}` is on, and clock `wall` is for real customers");
        notes.add(Severity::Error, root.key_of(&path), &path, message, help.to_owned());
    }
    notes.finish().0
}
