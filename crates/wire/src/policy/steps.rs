//! The steps: when each comes, what it does, and whether they fit together.

use std::ops::Range;

use dunning_rules::{
    Anchor, BarLevel, Channel, DAY_MS, Repeat, ServedWhen, Shortcuts, Step, StepAction, StepRule, Test, Timing, Unmet,
    WarningRule,
};

use super::ready::Reader;
use super::timing::{self, Distance};
use super::{duration, raw};

const DISTANCE_HELP: &str = "write `4d`, `12h`, `5bd` (business days) or `30d end_of_month`, at most ten years";

impl Reader<'_, '_> {
    pub(super) fn procedure(&mut self, name: &str, procedure: &raw::Procedure, shortcuts: Shortcuts) -> Vec<Step> {
        let base = format!("procedures.{name}.steps");
        let mut steps: Vec<Step> = Vec::with_capacity(procedure.steps.len());
        for (i, step) in procedure.steps.iter().enumerate() {
            let ready = self.step(&format!("{base}[{i}]"), step, &steps, shortcuts);
            steps.push(ready);
        }
        name_warnings(procedure, &mut steps);
        self.order(&base, procedure, &steps);
        self.unserved_warnings(&base, &steps);
        self.served_and_steps(&base, &steps);
        self.behind_write_off(&base, &steps);
        self.repeats(&base, &steps);
        steps
    }

    /// The notices before a due date.
    pub(super) fn before_due(&mut self, file: &raw::PolicyFile, steps: &[Step]) -> Vec<Step> {
        let mut before: Vec<Step> = Vec::with_capacity(file.before_due.len());
        for (i, step) in file.before_due.iter().enumerate() {
            let path = format!("before_due[{i}]");
            let others = [
                ("bar", step.bar.is_some()),
                ("counted_from", step.counted_from.is_some()),
                ("repeat", step.repeat.is_some()),
                ("otherwise", step.otherwise.is_some()),
            ];
            if step.notify.as_ref().is_some_and(|notify| notify.offer.is_some()) {
                let help = "leave it out: a plan is for what is overdue";
                self.error(&format!("{path}.notify.offer"), "nothing is overdue yet", help);
            }
            for (key, _) in others.iter().filter(|(_, there)| *there) {
                let help = "it is one notice for each bill, counted from its due date; leave it out";
                self.error(&format!("{path}.{key}"), format!("`{key}` does not belong before the due date"), help);
            }
            let at = format!("{path}.at");
            let distance = self.distance(&at, &step.at);
            if !distance.is_before() {
                self.error(&at, "it does not come before the due date", "write `-2d` for two days before it");
            }
            if steps.iter().any(|s| *s.name == *step.step) {
                let message = format!("a step of a procedure is called `{}` too", step.step);
                self.error(&format!("{path}.step"), message, "give each step its own name");
            }
            let Some(notify) = &step.notify else {
                self.error(&path, "before the due date a customer is told", "add `notify`");
                continue;
            };
            self.no_notice_rule(&format!("{path}.notify"), notify);
            let action = notice(step, notify);
            let timing = (!distance.is_span).then_some(Timing { from: Anchor::DueDate, offset: distance.offset });
            let ready = self.ready(&path, step, &before, distance.about_ms(self.free_days), timing, action);
            if before.last().is_some_and(|last| ready.offset_ms < last.offset_ms) {
                self.error(&at, "it comes before the one above it", "put them in the order in which they come");
            }
            before.push(ready);
        }
        before
    }

    pub(super) fn distance(&mut self, path: &str, text: &str) -> Distance {
        timing::parse(text).unwrap_or_else(|message| {
            self.error(path, message, DISTANCE_HELP);
            Distance { offset: dunning_rules::Offset::default(), is_span: true }
        })
    }

    fn step(&mut self, path: &str, step: &raw::Step, before: &[Step], shortcuts: Shortcuts) -> Step {
        let at = format!("{path}.at");
        let distance = self.distance(&at, &step.at);
        if distance.is_before() {
            let help = "put it under `before_due`, which stands beside `procedures`";
            self.error(&at, "a procedure begins after the due date", help);
        }
        let from = anchor(step.counted_from);
        let timing = (from != Anchor::DueDate || !distance.is_span).then_some(Timing { from, offset: distance.offset });
        let offset_ms = window(before, from, &distance, self.free_days).start;
        let action = match (&step.notify, &step.bar, &step.write_off) {
            (Some(notify), None, None) => notice(step, notify),
            (None, None, Some(write_off)) => {
                StepAction::WriteOff { code: write_off.code.as_deref().unwrap_or("WRITE-OFF").into() }
            }
            (None, Some(bar), None) => {
                let time_of_day = step.from.as_deref().and_then(minutes_of_day);
                let comes_ms = offset_ms + day_part_ms(time_of_day);
                self.bar(path, &Proposed { name: &step.step, step, bar, comes_ms, before, shortcuts })
            }
            (None, None, None) => {
                self.error(path, "the step does nothing", "add `notify`, `bar` or `write_off`");
                notice(step, &raw::Notify::default())
            }
            _ => {
                self.error(path, "a step does one thing: `notify`, `bar` or `write_off`", "make two steps of it");
                notice(step, &raw::Notify::default())
            }
        };
        self.ready(path, step, before, offset_ms, timing, action)
    }

    /// What steps of a procedure and notices before a due date have in common.
    pub(super) fn ready(
        &mut self,
        path: &str,
        step: &raw::Step,
        before: &[Step],
        offset_ms: i64,
        timing: Option<Timing>,
        action: StepAction,
    ) -> Step {
        let at = format!("{path}.step");
        self.name(&at, &step.step);
        if ["restore", "retry"].contains(&&*step.step) {
            self.error(&at, "`restore` is taken: restorations carry it", "choose another name");
        }
        if before.iter().any(|s| *s.name == *step.step) {
            self.error(&at, format!("a step before it is called `{}` too", step.step), "give each step its own name");
        }
        let time_of_day = step.from.as_ref().and_then(|text| self.time_of_day(&format!("{path}.from"), text));
        let when = step.when.as_ref().map(|when| self.tests(&format!("{path}.when"), when)).unwrap_or_default();
        let unmet = self.unmet(path, step, &when);
        let repeat = step.repeat.as_ref().map(|repeat| self.repeat(&format!("{path}.repeat"), step, repeat));
        let alternatives = self.alternatives(path, step);
        let offer = step.notify.as_ref().and_then(|notify| notify.offer.as_ref());
        let offer = offer.map(|offer| self.offer(&format!("{path}.notify.offer"), offer));
        let notice = step.notify.as_ref().map(|notify| self.notice_rule(&format!("{path}.notify"), notify));
        let notice = notice.unwrap_or_default();
        let rule = StepRule { timing, when, unmet, repeat, alternatives, offer, notice };
        let rule = (rule != StepRule::default()).then(|| Box::new(rule));
        Step { name: step.step.as_str().into(), offset_ms, time_of_day, action, rule }
    }

    /// The other channels of a notice.
    fn alternatives(&mut self, path: &str, step: &raw::Step) -> Vec<Channel> {
        let Some(notify) = &step.notify else { return Vec::new() };
        for (i, other) in notify.or.iter().enumerate() {
            if *other == notify.channel || notify.or[..i].contains(other) {
                let message = format!("{} is named twice", channel(*other).symbol());
                self.error(
                    &format!("{path}.notify.or[{i}]"),
                    message,
                    "name each channel once, in the order of trying",
                );
            }
        }
        notify.or.iter().map(|other| channel(*other)).collect()
    }

    fn unmet(&mut self, path: &str, step: &raw::Step, when: &[Test]) -> Unmet {
        let Some(otherwise) = step.otherwise else { return Unmet::Skip };
        let path = format!("{path}.otherwise");
        if step.when.is_none() {
            self.error(&path, "otherwise than what?", "add `when`, or leave it out");
        }
        if otherwise == raw::Otherwise::Skip {
            return Unmet::Skip;
        }
        if when.iter().any(|t| matches!(t, Test::Number { of, .. } if of.is_age())) {
            let help = "say the age with `at`; what waits is what is owed or who the customer is";
            self.error(&path, "a step cannot wait for a debt or a customer to grow older", help);
        }
        Unmet::Wait
    }

    fn repeat(&mut self, path: &str, step: &raw::Step, repeat: &raw::Repeat) -> Repeat {
        let at = format!("{path}.every");
        let every = self.distance(&at, &repeat.every);
        if every.about_ms(0) < DAY_MS {
            self.error(&at, "it comes again within a day", "write at least `1d`");
        }
        if step.bar.is_some() {
            self.error(path, "a bar does not come again", "leave it out");
        }
        Repeat { every: every.offset, times: repeat.times }
    }

    /// Whether the steps that come again leave room for what follows, and warn of no bar.
    fn repeats(&mut self, base: &str, steps: &[Step]) {
        for (i, step) in steps.iter().enumerate() {
            let Some(repeat) = step.repeat() else { continue };
            let path = format!("{base}[{i}].repeat");
            let warned = |s: &&Step| matches!(s.action, StepAction::Bar { warning: Some(w), .. } if w.step == i);
            if let Some(bar) = steps.iter().find(warned) {
                let message = format!("it warns of `{}`, and each time it came again the bar would move", bar.name);
                self.error(&path, message, "warn once, and let a reminder come again");
            }
            let follows = steps.get(i + 1).and_then(Step::timing).filter(|t| t.from == Anchor::PreviousStep);
            if let (Some(timing), None) = (follows, repeat.times) {
                let (next, every) = (rough_ms(&timing.offset), rough_ms(&repeat.every));
                if next > every {
                    let message = format!("it comes again and again, and `{}` never comes", steps[i + 1].name);
                    self.error(&path, message, "add `times`, or count the next step from the due date");
                }
            }
        }
    }

    /// Whether the steps can come in their order.
    fn order(&mut self, base: &str, procedure: &raw::Procedure, steps: &[Step]) {
        let mut before: Option<Range<i64>> = None;
        for (i, (written, step)) in procedure.steps.iter().zip(steps).enumerate() {
            let path = format!("{base}[{i}].at");
            let Ok(distance) = timing::parse(&written.at) else { continue };
            let here = window(&steps[..i], anchor(written.counted_from), &distance, self.free_days);
            let last = i.checked_sub(1).map(|i| &steps[i]);
            if let (Some(last), Some(before)) = (last, &before)
                && matches!(anchor(written.counted_from), Anchor::DueDate | Anchor::Entry)
            {
                self.order_of_two(&path, step, last, (&here, before));
            }
            before = Some(here);
        }
    }

    fn order_of_two(&mut self, path: &str, step: &Step, last: &Step, windows: (&Range<i64>, &Range<i64>)) {
        let (here, before) = windows;
        let help = "put the steps in the order in which they come";
        if here.end < before.start {
            let message =
                format!("it comes before the step above it (`{}`, {})", last.name, duration::words(before.start));
            self.error(path, message, help);
        } else if here.start < before.end && before.end < i64::MAX {
            let message =
                format!("it can fall before the step above it (`{}`), and then comes right after it", last.name);
            self.warn(path, message, help);
        } else if here == before && step.time_of_day.unwrap_or(0) < last.time_of_day.unwrap_or(0) {
            let message = format!("it would come before the step above it (`{}`), and waits for it", last.name);
            self.warn(path, message, help);
        }
    }

    pub(super) fn time_of_day(&mut self, path: &str, text: &str) -> Option<u16> {
        let found = minutes_of_day(text);
        if found.is_none() {
            self.error(path, format!("`{text}` is not a time of day"), "write `\"09:00\"`, from 00:00 to 23:59");
        }
        found
    }

    fn bar(&mut self, path: &str, proposed: &Proposed<'_>) -> StepAction {
        let path = format!("{path}.bar");
        let level = level(proposed.bar.level);
        let earlier = proposed.before.iter().rev().find_map(|s| match s.action {
            StepAction::Bar { level, .. } => Some((s, level)),
            StepAction::Notify { .. } | StepAction::WriteOff { .. } => None,
        });
        if let Some((ends, _)) = earlier.filter(|(_, level)| *level == BarLevel::Terminated) {
            let message = format!("there is no service left to bar: `{}` ends it", ends.name);
            self.error(&format!("{path}.level"), message, "let TERMINATED be the last bar");
        } else if let Some((earlier, mildest)) = earlier.filter(|(_, mildest)| level <= *mildest) {
            let message = format!("it bars no further than `{}` before it ({})", earlier.name, mildest.symbol());
            self.warn(
                &format!("{path}.level"),
                message,
                "the levels, mildest first: THROTTLED, OUTGOING, FULL, TERMINATED",
            );
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
        if !matches!(warning.action, StepAction::Notify { .. }) {
            self.error(&at, format!("`{name}` is no notice, so no warning"), help);
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
        self.skipped_warning(&at, proposed, warning);
        let served_ms = match warning.notice().served {
            ServedWhen::NotBounced { days } => i64::from(days) * DAY_MS,
            ServedWhen::Sent | ServedWhen::Delivered => 0,
        };
        let between_ms = proposed.comes_ms - warning.offset_ms - day_part_ms(warning.time_of_day) - served_ms;
        if (0..notice_ms).contains(&between_ms) {
            let message = format!(
                "the bar comes {} after its warning `{name}` counts, which is less than the notice: it will wait",
                duration::words(between_ms)
            );
            self.warn(&format!("{path}.notice"), message, "let the bar come later (`at`, or `from` on the day)");
        }
        Some(WarningRule { step: index, notice_ms })
    }

    /// A bar whose warning was passed over never comes.
    fn skipped_warning(&mut self, at: &str, proposed: &Proposed<'_>, warning: &Step) {
        let waits = warning.waits_for_condition();
        if warning.when().is_empty() || waits {
            return;
        }
        let same = proposed.step.when.as_ref().is_some_and(|when| self.quietly(when) == warning.when());
        if !same {
            let message = format!("where `{}` is passed over, the bar waits for ever", warning.name);
            self.warn(at, message, "write the same `when` at the bar, or leave it out at the warning");
        }
    }

    /// What is given up is not dunned on.
    fn behind_write_off(&mut self, base: &str, steps: &[Step]) {
        for (i, pair) in steps.windows(2).enumerate() {
            if let StepAction::WriteOff { .. } = pair[0].action {
                let message = format!("it comes after `{}`, by which the debt is given up", pair[0].name);
                self.error(&format!("{base}[{}]", i + 1), message, "let the write-off be the last step");
            }
        }
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
    step: &'p raw::Step,
    bar: &'p raw::Bar,
    /// After the anchor, the time of day included.
    comes_ms: i64,
    before: &'p [Step],
    shortcuts: Shortcuts,
}

/// About when a step comes after the due date, the earliest and the latest; `i64::MAX`: it is not known how late.
fn window(before: &[Step], from: Anchor, distance: &Distance, free_days: i64) -> Range<i64> {
    let about = distance.about_ms(free_days);
    let last = before.last().map_or(0, |s| s.offset_ms);
    match from {
        Anchor::DueDate => about..about + distance.spread_ms(),
        // A cycle begins the day after the due date, or later.
        Anchor::Entry => DAY_MS + about..i64::MAX,
        Anchor::PreviousStep => last.max(DAY_MS) + about..i64::MAX,
        // How long before the due date it is issued is the bill's affair.
        Anchor::IssueDate => last..i64::MAX,
    }
}

pub(super) fn rough_ms(offset: &dunning_rules::Offset) -> i64 {
    Distance { offset: *offset, is_span: false }.about_ms(2)
}

const fn anchor(from: Option<raw::CountedFrom>) -> Anchor {
    match from {
        None | Some(raw::CountedFrom::DueDate) => Anchor::DueDate,
        Some(raw::CountedFrom::IssueDate) => Anchor::IssueDate,
        Some(raw::CountedFrom::Entry) => Anchor::Entry,
        Some(raw::CountedFrom::PreviousStep) => Anchor::PreviousStep,
    }
}

pub(super) fn minutes_of_day(text: &str) -> Option<u16> {
    let (hours, minutes) = text.split_once(':')?;
    let two = |part: &str| (part.len() == 2).then(|| part.parse::<u8>().ok()).flatten();
    let (hours, minutes) = (two(hours)?, two(minutes)?);
    (hours < 24 && minutes < 60).then(|| u16::from(hours) * 60 + u16::from(minutes))
}

fn day_part_ms(time_of_day: Option<u16>) -> i64 {
    i64::from(time_of_day.unwrap_or(0)) * 60_000
}

/// A notice that a bar names is a warning, where the file does not say what it is for.
fn name_warnings(procedure: &raw::Procedure, steps: &mut [Step]) {
    let warned = |step: &Step| match step.action {
        StepAction::Bar { warning, .. } => warning.map(|w| w.step),
        StepAction::Notify { .. } | StepAction::WriteOff { .. } => None,
    };
    let warnings: Vec<usize> = steps.iter().filter_map(warned).collect();
    for i in warnings {
        let silent = procedure.steps[i].notify.as_ref().is_some_and(|n| n.purpose.is_none());
        if let (true, StepAction::Notify { purpose, .. }) = (silent, &mut steps[i].action) {
            *purpose = "warning".into();
        }
    }
}

pub(super) fn notice(step: &raw::Step, notify: &raw::Notify) -> StepAction {
    StepAction::Notify {
        channel: channel(notify.channel),
        template: notify.template.as_deref().unwrap_or(&step.step).into(),
        purpose: notify.purpose.as_deref().unwrap_or(if notify.offer.is_some() { "offer" } else { "reminder" }).into(),
        mandatory: notify.mandatory,
    }
}

pub(super) const fn channel(channel: raw::Channel) -> Channel {
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

pub(super) const fn level(level: raw::Level) -> BarLevel {
    match level {
        raw::Level::Throttled => BarLevel::Throttled,
        raw::Level::Outgoing => BarLevel::Outgoing,
        raw::Level::Full => BarLevel::Full,
        raw::Level::Terminated => BarLevel::Terminated,
    }
}
