//! When and how often customers are told anything: read, and held against the steps.

use dunning_rules::{Cap, Channel, Channels, ContactHours, ContactRules, DAY_MS, Policy, Quiet, Step, StepAction};

use schemars::JsonSchema;
use serde::Deserialize;

use super::ready::Reader;
use super::steps::{channel, minutes_of_day, rough_ms};
use super::{duration, raw};

/// Nothing is spread further than this.
const SPREAD_MAX_MS: i64 = DAY_MS;

/// When and how often customers are told anything.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("minProperties" = 1))]
pub(super) struct Contact {
    /// When something may be sent, by channel; outside of these hours it waits.
    #[serde(default)]
    pub(super) hours: Vec<WrittenHours>,
    /// How many notices go to a customer at most.
    #[serde(default)]
    pub(super) caps: Vec<WrittenCap>,
    /// How long customers are left alone after they were spoken to: who called, or answered a call.
    #[serde(default)]
    pub(super) after_conversation: Vec<WrittenQuiet>,
    /// Notices are spread over so long, such as `3h`: each account has its own place in it, always the same.
    #[serde(default)]
    #[schemars(regex(pattern = "^([0-9]+[dhms] ?)+$"))]
    pub(super) spread: Option<String>,
    /// When the debt is gone, notices of which nothing was heard yet are withdrawn, if they may still lie unsent: a
    /// notification whose `cancels` names the first. For platforms that know what that means. Without it: none is.
    #[serde(default)]
    pub(super) withdraw: Vec<super::notices::WrittenWithdraw>,
}

/// Hours in which something may be sent.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "ContactHours")]
pub(super) struct WrittenHours {
    /// On these channels. Without it: on all.
    #[serde(default)]
    #[schemars(length(min = 1))]
    pub(super) channels: Option<Vec<raw::Channel>>,
    /// From this time of day in the customer's zone, such as `"08:00"` (in quotes).
    #[schemars(regex(pattern = "^([01][0-9]|2[0-3]):[0-5][0-9]$"))]
    pub(super) from: String,
    /// Until this time of day, such as `"21:00"`; `"24:00"` is midnight.
    #[schemars(regex(pattern = "^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$"))]
    pub(super) until: String,
    /// Days on which nothing is sent: days of the week, and `holidays`.
    #[serde(default)]
    pub(super) not_on: Vec<ClosedOn>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum ClosedOn {
    Monday,
    Tuesday,
    Wednesday,
    Thursday,
    Friday,
    Saturday,
    Sunday,
    /// Those under `business_days`.
    Holidays,
}

/// Nothing goes out for so long after a conversation.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Quiet")]
pub(super) struct WrittenQuiet {
    /// On these channels. Without it: on all.
    #[serde(default)]
    #[schemars(length(min = 1))]
    pub(super) channels: Option<Vec<raw::Channel>>,
    /// For so long, such as `7d`.
    #[schemars(regex(pattern = "^([0-9]+[dhms] ?)+$"))]
    pub(super) wait: String,
}

/// At most so many notices in so long.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Cap")]
pub(super) struct WrittenCap {
    /// On these channels, counted together. Without it: on all.
    #[serde(default)]
    #[schemars(length(min = 1))]
    pub(super) channels: Option<Vec<raw::Channel>>,
    /// So many.
    #[schemars(range(min = 1, max = 1_000))]
    pub(super) most: u16,
    /// In so long, such as `7d`.
    #[serde(rename = "in")]
    #[schemars(regex(pattern = "^([0-9]+[dhms] ?)+$"))]
    pub(super) within: String,
}

impl Reader<'_, '_> {
    pub(super) fn contact(&mut self, file: &raw::PolicyFile) -> Option<Box<ContactRules>> {
        let written = file.contact.as_ref()?;
        let mut rules = ContactRules::default();
        for (i, hours) in written.hours.iter().enumerate() {
            rules.hours.push(self.hours(&format!("contact.hours[{i}]"), hours, file));
        }
        for (i, cap) in written.caps.iter().enumerate() {
            let path = format!("contact.caps[{i}].in");
            let within_ms = self.span(&path, &cap.within);
            if within_ms < 3_600_000 {
                self.error(&path, "the time is shorter than an hour", "write `7d`, for seven days");
            }
            rules.caps.push(Cap { channels: channels(cap.channels.as_deref()), most: cap.most, within_ms });
        }
        for (i, quiet) in written.after_conversation.iter().enumerate() {
            let for_ms = self.span(&format!("contact.after_conversation[{i}].wait"), &quiet.wait);
            rules.quiet.push(Quiet { channels: channels(quiet.channels.as_deref()), for_ms });
        }
        rules.spread_ms = written.spread.as_ref().map_or(0, |text| self.span("contact.spread", text));
        if rules.spread_ms > SPREAD_MAX_MS {
            self.error("contact.spread", "notices are spread over more than a day", "write at most `24h`");
        }
        rules.withdraw = self.withdraw(&written.withdraw);
        self.never_open(&rules);
        Some(Box::new(rules))
    }

    fn hours(&mut self, path: &str, hours: &WrittenHours, file: &raw::PolicyFile) -> ContactHours {
        let time = |reader: &mut Self, key: &str, text: &str| {
            let minutes = if text == "24:00" { Some(1_440) } else { minutes_of_day(text) };
            minutes.unwrap_or_else(|| {
                let help = "write `\"08:00\"`, from 00:00 to 24:00";
                reader.error(&format!("{path}.{key}"), format!("`{text}` is not a time of day"), help);
                if key == "from" { 0 } else { 1_440 }
            })
        };
        let (from, until) = (time(self, "from", &hours.from), time(self, "until", &hours.until));
        if from >= until {
            let help = "write when it may be sent, on one day: `from: \"08:00\", until: \"21:00\"`";
            self.error(path, "the hours never open", help);
        }
        let mut closed = [false; 7];
        hours.not_on.iter().filter_map(|day| day.weekday()).for_each(|day| closed[day] = true);
        let closed_on_holidays = hours.not_on.contains(&ClosedOn::Holidays);
        let known = file.business_days.as_ref().is_some_and(|b| !b.holidays.is_empty());
        if closed_on_holidays && !known {
            let help = "add them under `business_days`, or leave `holidays` out";
            self.warn(&format!("{path}.not_on"), "no holidays are known", help);
        }
        ContactHours { channels: channels(hours.channels.as_deref()), from, until, closed, closed_on_holidays }
    }

    /// A channel whose rules have no hour in common.
    fn never_open(&mut self, rules: &ContactRules) {
        for channel in Channel::ALL {
            let of = || rules.hours.iter().filter(|h| h.channels.has(channel));
            let from = of().map(|h| h.from).max().unwrap_or(0);
            let until = of().map(|h| h.until).min().unwrap_or(1_440);
            let open = (0..7).any(|day| of().all(|h| !h.closed[day]));
            if of().all(|h| h.from < h.until) && (from >= until || !open) {
                let message = format!("the hours of {} never open", channel.symbol());
                self.error("contact.hours", message, "let the rules of a channel have an hour in common");
                return;
            }
        }
    }

    /// Whether the steps can keep to the hours and the caps.
    pub(super) fn contact_and_steps(&mut self, file: &raw::PolicyFile, policy: &Policy) {
        let Some(rules) = policy.options.contact.as_deref() else { return };
        let default = &file.default_procedure;
        let others = file.procedures.keys().filter(|name| *name != default);
        for (i, name) in std::iter::once(default).chain(others).enumerate() {
            let ladder = policy.ladder(u16::try_from(i).unwrap_or(u16::MAX));
            let base = format!("procedures.{name}.steps");
            let steps = policy.steps.get(ladder).unwrap_or_default();
            for (i, step) in steps.iter().enumerate() {
                self.hours_and_step(&format!("{base}[{i}]"), rules, step);
            }
            self.caps_and_steps(&base, rules, steps);
        }
        for (i, step) in policy.options.before_due.iter().enumerate() {
            self.hours_and_step(&format!("before_due[{i}]"), rules, step);
        }
        if let Some(early) = &policy.options.early_warning {
            self.hours_and_step("early_warning", rules, &early.step);
        }
    }

    fn hours_and_step(&mut self, path: &str, rules: &ContactRules, step: &Step) {
        let (StepAction::Notify { channel, .. }, Some(at)) = (&step.action, step.time_of_day) else { return };
        let hours = || rules.hours.iter().filter(|h| h.channels.has(*channel));
        let path = format!("{path}.from");
        let spread = i64::from(at) * 60_000 + rules.spread_ms;
        if hours().any(|h| at < h.from || at >= h.until) {
            let message = format!("{} is closed at this time: the step comes when it opens", channel.symbol());
            self.warn(&path, message, "let it come within the hours under `contact`");
        } else if hours().any(|h| spread > i64::from(h.until) * 60_000) {
            let message = "spread out, some of it falls behind the hours and comes the next day";
            self.warn(&path, message, "let it come earlier, or spread it less");
        }
    }

    /// A mandatory notice that the notices before it hold up.
    fn caps_and_steps(&mut self, base: &str, rules: &ContactRules, steps: &[Step]) {
        let planned = planned(steps);
        for (i, step) in steps.iter().enumerate() {
            let StepAction::Notify { channel, mandatory: true, .. } = step.action else { continue };
            let full = |cap: &&Cap| {
                let before = planned.iter().filter(|(place, at, channel)| {
                    *place < i && cap.channels.has(*channel) && step.offset_ms - at < cap.within_ms
                });
                cap.channels.has(channel) && before.count() >= usize::from(cap.most)
            };
            if let Some(cap) = rules.caps.iter().find(full) {
                let message = format!(
                    "the notices before it use up what is allowed ({} in {}): it waits, and all after it",
                    cap.most,
                    duration::words(cap.within_ms)
                );
                let help = "let fewer come before it, or allow more";
                self.warn(&format!("{base}[{i}].notify"), message, help);
            }
        }
    }
}

/// Place, about when, and channel of every notice of a ladder, those that come again up to the step after them.
fn planned(steps: &[Step]) -> Vec<(usize, i64, Channel)> {
    let mut planned = Vec::new();
    for (i, step) in steps.iter().enumerate() {
        let StepAction::Notify { channel, .. } = step.action else { continue };
        planned.push((i, step.offset_ms, channel));
        let (Some(repeat), Some(next)) = (step.repeat(), steps.get(i + 1)) else { continue };
        let every = rough_ms(&repeat.every).max(DAY_MS);
        let times = i64::from(repeat.times.unwrap_or(u16::MAX));
        let again = (1..=times).map(|n| step.offset_ms + n * every).take_while(|at| *at < next.offset_ms);
        planned.extend(again.map(|at| (i, at, channel)));
    }
    planned
}

pub(super) fn channels(written: Option<&[raw::Channel]>) -> Channels {
    Channels::of(&written.unwrap_or_default().iter().map(|c| channel(*c)).collect::<Vec<_>>())
}

impl ClosedOn {
    /// Of a day of the week, Monday 0.
    const fn weekday(self) -> Option<usize> {
        match self {
            Self::Holidays => None,
            day => Some(day as usize),
        }
    }
}
