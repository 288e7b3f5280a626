//! From the file as written to the policy as used: everything that no schema can say is checked here.

use std::sync::Arc;

use chrono::DateTime;
use dunning_rules::{
    Anchor, BelowMinimum, Currency, DAY_MS, Minor, Options, Policy, Resumes, Step, Timestamp, Zone, ZoneRule,
};

use super::finding::{Notes, Severity};
use super::node::Node;
use super::{condition, duration, raw};

const SPAN_HELP: &str = "write a number with d, h, m or s, such as `14d` or `12h`, at most ten years";

/// Checks a file of the right shape and makes a policy of it. What is wrong goes to the notes.
pub(super) struct Reader<'a, 'n> {
    pub(super) root: &'a Node,
    pub(super) notes: &'a mut Notes<'n>,
    /// Free days of a week.
    pub(super) free_days: i64,
}

impl Reader<'_, '_> {
    pub(super) fn note(&mut self, severity: Severity, path: &str, message: impl Into<String>, help: impl Into<String>) {
        self.notes.add(severity, self.root.place_of(path), path, message.into(), help.into());
    }

    pub(super) fn error(&mut self, path: &str, message: impl Into<String>, help: impl Into<String>) {
        self.note(Severity::Error, path, message, help);
    }

    pub(super) fn warn(&mut self, path: &str, message: impl Into<String>, help: impl Into<String>) {
        self.note(Severity::Warning, path, message, help);
    }

    pub(super) fn span(&mut self, path: &str, text: &str) -> i64 {
        duration::parse(text).unwrap_or_else(|message| {
            self.error(path, message, SPAN_HELP);
            0
        })
    }

    pub(super) fn name(&mut self, path: &str, name: &str) {
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
        let shortcuts = file.shortcuts.ready();
        let calendar = self.calendar(file);
        self.free_days = i64::try_from(calendar.weekend.iter().filter(|free| **free).count()).unwrap_or(0);
        let (steps, procedures) = self.procedures(file, shortcuts);
        let select = self.select(file, &procedures);
        let before_due = self.before_due(file, &steps);
        let early_warning = self.early_warning(file, &steps.iter().chain(&before_due).collect::<Vec<_>>());
        let (restore_below, restore_below_other) = self.restore_below(file);
        let on_change = self.on_change(file.on_change.as_ref(), &steps);
        let charges = self.charges(file, &steps);
        let policy = Policy {
            label: Arc::from(format!("{}@{}", file.policy, file.version)),
            zone,
            minimum,
            minimum_other,
            late_start_ms,
            late_after_ms,
            shortcuts,
            steps,
            options: Options {
                restore_below,
                restore_below_other,
                before_due,
                early_warning,
                calendar,
                contact: self.contact(file),
                procedures,
                select,
                remembers_kinds: condition::asks_for_kinds(file),
                remembers_history: self.asks_for_history(file),
                remembers_bars: self.asks_for_bars(file),
                pauses: self.pauses(file),
                resumes: resumes(file),
                on_change,
                retries: self.retries(file),
                service: self.service(file),
                payments_kept_days: payments_kept(file),
                localised: file.localised,
                charges,
            },
        };
        self.late_start(&policy);
        self.thresholds(file, &policy);
        self.amounts_without_currency(file, &policy);
        self.never_met(file, &policy);
        self.contact_and_steps(file, &policy);
        self.promises_and_steps(&policy);
        self.offers_and_plans(&policy);
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
                (None, _) => self.no_currency(&path, code),
            }
        }
        if !file.minimum.contains_key("other") {
            let help = "add `other: none` (never dunned), or an amount in minor units";
            self.error("minimum", "nothing is said of the other currencies", help);
        }
        (listed, other)
    }

    fn restore_below(&mut self, file: &raw::PolicyFile) -> (Vec<(Currency, Minor)>, Minor) {
        let mut listed = Vec::new();
        let mut other = Minor::ZERO;
        for (code, least) in file.restore_below.iter().flatten() {
            match Currency::parse(code) {
                _ if code == "other" => other = Minor::new(*least),
                Some(currency) => listed.push((currency, Minor::new(*least))),
                None => self.no_currency(&format!("restore_below.{code}"), code),
            }
        }
        (listed, other)
    }

    pub(super) fn no_currency(&mut self, path: &str, code: &str) {
        let help = "use a code of ISO 4217 in capitals, such as `EUR`, or `other`";
        let (place, message) = (self.root.key_of(path), format!("there is no currency `{code}`"));
        self.notes.add(Severity::Error, place, path, message, help.to_owned());
    }

    /// What keeps a cycle is no more than what starts one.
    fn thresholds(&mut self, file: &raw::PolicyFile, policy: &Policy) {
        for code in file.restore_below.iter().flat_map(|listed| listed.keys()) {
            let (keeps, starts, of) = match Currency::parse(code) {
                Some(currency) => {
                    (policy.restore_below(Some(currency)), policy.minimum(Some(currency)), format!(" in {code}"))
                }
                None => {
                    let covered = |c: &Currency| policy.options.restore_below.iter().any(|(listed, _)| listed == c);
                    let listed = policy.minimum.iter().filter(|(c, _)| !covered(c)).map(|(_, least)| *least);
                    (policy.options.restore_below_other, listed.chain(policy.minimum_other).min(), String::new())
                }
            };
            if let Some(starts) = starts.filter(|starts| keeps > *starts) {
                let message = format!("a cycle that starts at {starts}{of} would end at once, being under {keeps}");
                self.error(&format!("restore_below.{code}"), message, "write at most the minimum of the currency");
            }
        }
    }

    fn late_start(&mut self, policy: &Policy) {
        if policy.late_start_ms < DAY_MS {
            let message = format!(
                "every account starts late: it is overdue a day after its due date, and starts at most {} back",
                duration::words(policy.late_start_ms)
            );
            self.warn("late_start", message, "write at least `1d`, or the `at` of the first step");
        }
        // Steps that are not counted from the due date keep their distance whenever the first one comes.
        let from_due = |s: &&Step| s.timing().is_none_or(|t| t.from == Anchor::DueDate);
        let ladders = 0..u16::try_from(policy.options.procedures.len()).unwrap_or(0).max(1);
        let seconds = ladders.filter_map(|p| policy.steps[policy.ladder(p)].get(1));
        for step in seconds.filter(from_due).filter(|s| s.offset_ms <= policy.late_start_ms) {
            let message = format!("who is found late gets all steps up to `{}` at once", step.name);
            self.warn("late_start", message, "keep it below the `at` of the second step");
        }
    }
}

/// A direct debit can be returned for eight weeks.
const PAYMENTS_KEPT_DAYS: u16 = 60;

fn payments_kept(file: &raw::PolicyFile) -> u16 {
    let written = file.erasure.as_ref().and_then(|erasure| erasure.keep_payments.strip_suffix('d')?.parse().ok());
    written.unwrap_or(PAYMENTS_KEPT_DAYS)
}

fn resumes(file: &raw::PolicyFile) -> Resumes {
    let goes_on = |written: Option<raw::ComesBack>| written == Some(raw::ComesBack::Resume);
    Resumes {
        reversal: goes_on(file.on_reversal),
        dispute_lost: goes_on(file.on_dispute_lost),
        write_off_reversed: goes_on(file.on_write_off_reversed),
    }
}
