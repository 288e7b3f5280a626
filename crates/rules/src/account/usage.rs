//! Usage in two windows, one after the other, where a policy watches it; and the notice to who uses much less than before.

use super::balance::Moved;
use super::ladder::Ladder;
use super::say::About;
use crate::{Account, Action, Code, Day, EarlyWarning, Id, Minor, NoEffect, StepAction, Timestamp, Usage, Zone};

/// Of an account, usage of no more services is counted.
const SERVICES_MAX: usize = 16;

/// What an account uses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsageWatch {
    /// The first day of the window that runs, where the account lives.
    pub since: Day,
    /// Units in the window before it.
    pub before: u64,
    /// Units in it.
    pub now: u64,
    /// Units in the window behind it, as far as they came before it was looked at.
    pub next: u64,
    /// It fell, and the customer is to be told once the hours and the caps allow it.
    pub falls: bool,
    /// When the customer was last told, as long as that matters.
    pub told: Option<Day>,
    /// How far each service was counted: a record that begins earlier was counted already, or comes too late.
    pub counted: Vec<(Id, Timestamp)>,
}

impl UsageWatch {
    const fn new(since: Day) -> Self {
        Self { since, before: 0, now: 0, next: 0, falls: false, told: None, counted: Vec::new() }
    }

    const fn is_idle(&self) -> bool {
        self.before == 0 && self.now == 0 && self.next == 0
    }

    /// Adds units of a day; windows that nobody looked at are forgotten.
    fn add(&mut self, day: Day, units: u64, within: i32) {
        let ahead = day.epoch().saturating_sub(self.since.epoch());
        if ahead >= within.saturating_mul(2) {
            (self.since, self.before, self.now, self.next) = (day, 0, 0, 0);
        }
        let window = match day.epoch().saturating_sub(self.since.epoch()).div_euclid(within) {
            -1 => &mut self.before,
            0 => &mut self.now,
            1 => &mut self.next,
            _ => return,
        };
        *window = window.saturating_add(units);
    }

    /// The window is over: the next one runs.
    fn roll(&mut self, today: Day, within: i32) {
        (self.since, self.before, self.now, self.next) = (self.since.plus(within), self.now, self.next, 0);
        // So late that the window behind it is over as well: nothing can be said of either.
        if today >= self.since.plus(within) {
            (self.since, self.before, self.now) = (today, 0, 0);
        }
    }
}

fn days(count: u16) -> i32 {
    i32::from(count.max(1))
}

impl Account {
    /// What it uses, where a policy watches that.
    #[must_use]
    pub fn usage(&self) -> Option<&UsageWatch> {
        self.aside.as_ref()?.usage.as_deref()
    }

    /// Counts what a record says, once.
    pub(super) fn count_usage(&mut self, usage: &Usage<'_>, rule: &EarlyWarning, zone: Zone) -> Moved {
        let is_forgotten = self.erasure().is_some_and(|erasure| erasure.asked.is_some());
        let (units, within) = (rule.of.units(usage), days(rule.within_days));
        let day = zone.day_of(usage.until.plus(-1));
        let is_late = self.usage().is_some_and(|watch| day < watch.since.plus(-within));
        if is_forgotten || is_late || units == 0 || usage.until <= usage.from {
            return Err(NoEffect::Usage.into());
        }
        let known = self.usage().map_or(&[][..], |watch| &watch.counted);
        let place = known.iter().position(|(service, _)| **service == *usage.service_id);
        let counted = place.is_some_and(|place| usage.from < known[place].1);
        if counted || place.is_none() && known.len() >= SERVICES_MAX {
            return Err(NoEffect::Usage.into());
        }
        let watch = self.aside_mut().usage.get_or_insert_with(|| Box::new(UsageWatch::new(day)));
        match place {
            Some(place) => watch.counted[place].1 = usage.until,
            None => watch.counted.push((usage.service_id.into(), usage.until)),
        }
        watch.add(day, units, within);
        Ok(())
    }

    /// Forgets what is of no use any more: at the end of every transition.
    pub(super) fn tidy_usage(&mut self) {
        let Some(aside) = &mut self.aside else { return };
        aside.usage.take_if(|watch| watch.is_idle() && !watch.falls && watch.told.is_none());
    }
}

impl Ladder<'_> {
    /// When usage is looked at next, or the customer is told that it fell.
    pub(super) fn next_early_warning(&self) -> Option<Timestamp> {
        let rule = self.policy.options.early_warning.as_deref()?;
        let watch = self.account.usage()?;
        let look = (!watch.is_idle()).then(|| self.window_over(rule, watch));
        let tell = watch.falls.then(|| self.free_from(&rule.step, self.account.line));
        look.into_iter().chain(tell).min()
    }

    /// When the window that runs is looked at: behind its last day, at the step's time of day.
    fn window_over(&self, rule: &EarlyWarning, watch: &UsageWatch) -> Timestamp {
        let over = self.zone.start_of_day(watch.since.plus(days(rule.within_days)));
        self.spread(&rule.step, self.in_the_day(&rule.step, over))
    }

    /// Looks at usage where a window is over, and tells the customer where it fell. True where a policy watches it.
    pub(super) fn warn_early(&mut self) -> bool {
        let policy = self.policy.clone();
        let Some(rule) = policy.options.early_warning.as_deref() else { return false };
        let line = self.account.line;
        let today = self.zone.day_of(line);
        let is_quiet = self.is_quiet();
        let over = self.account.usage().is_some_and(|watch| !watch.is_idle() && self.window_over(rule, watch) <= line);
        if let Some(watch) = self.account.aside.as_mut().and_then(|aside| aside.usage.as_mut()).filter(|_| over) {
            let within = days(rule.within_days);
            watch.told.take_if(|told| today >= told.plus(i32::from(rule.again_days)));
            let in_time = today < watch.since.plus(within).plus(within);
            watch.falls |= in_time && is_quiet && watch.told.is_none() && rule.has_fallen(watch.before, watch.now);
            watch.roll(today, within);
            let since = self.zone.start_of_day(watch.since.plus(-within));
            watch.counted.retain(|(_, until)| *until > since);
        }
        self.tell_early(rule, is_quiet);
        true
    }

    /// True where nothing is owed that is late, and nothing stops what customers are told.
    fn is_quiet(&self) -> bool {
        let account = &self.account;
        let settled = account.cycle.is_none() && account.imported().is_none() && !account.is_paused();
        settled && !account.stops().contacts && self.dunned(account.line) == Minor::ZERO
    }

    fn tell_early(&mut self, rule: &EarlyWarning, is_quiet: bool) {
        let (step, line) = (&rule.step, self.account.line);
        if !self.account.usage().is_some_and(|watch| watch.falls) || is_quiet && self.free_from(step, line) > line {
            return;
        }
        let today = self.zone.day_of(line);
        let tells = is_quiet && self.meets(step, line);
        if let Some(watch) = self.account.aside.as_mut().and_then(|aside| aside.usage.as_mut()) {
            watch.falls = false;
            watch.told = watch.told.or(tells.then_some(today));
        }
        if !tells {
            return;
        }
        match (self.notice(step, None), &step.action) {
            (Some(action), StepAction::Notify { .. }) => {
                let Action::Notify { channel, .. } = action else { return };
                let about = About { amount_due: Minor::ZERO, bill_ids: Vec::new(), cycle: 0 };
                self.command_about(about, Code::EarlyWarned, &step.name, action);
                self.note_sent(step, channel);
            }
            _ => self.decide(Code::NotNotifiedOptedOut, Some(&step.name), None),
        }
    }
}
