//! The ladder: when a cycle starts and ends, and what each step does.

use std::sync::Arc;

use uuid::Uuid;

use crate::contact::Place;
use crate::{
    Account, Action, BarInForce, BarLevel, BelowMinimum, Bill, Code, Command, Cycle, Day, Decision, Hold, Id, Minor,
    Policy, PolicyBook, RestorationReason, SentStep, Stage, Step, StepAction, Timestamp, WarningRule, Zone, ZoneRule,
    command_id,
};

/// What commands and decisions about a restoration say in the place of a step.
pub(super) const RESTORE: &str = "restore";

/// What a restoration lifts, and what stays: as [`Action::Restore`] says it.
#[derive(Default)]
pub(super) struct Lifted {
    pub(super) lifts: Vec<Uuid>,
    pub(super) lifts_imported: Vec<Id>,
    pub(super) services: Vec<Id>,
    pub(super) claims: Vec<(Id, BarLevel)>,
}

/// An account on its ladder, at an instant, with what it says.
pub(super) struct Ladder<'a> {
    pub(super) account: &'a mut Account,
    pub(super) policy: Arc<Policy>,
    pub(super) zone: Zone,
    /// The event that moves it; `None`: a deadline or the gate.
    pub(super) cause: Option<&'a str>,
    /// The inputs are behind: no step is taken.
    pub(super) behind: bool,
    /// All of the account was stopped from here until now.
    pub(super) paused_since: Option<Timestamp>,
    /// What happened brings a debt back, and the last cycle with it.
    pub(super) comes_back: bool,
    pub(super) commands: Vec<Command>,
    pub(super) decisions: Vec<Decision>,
}

/// The zone in which the account's days begin.
pub(crate) fn zone_of(account: &Account, policy: &Policy) -> Zone {
    match (policy.zone, &account.profile) {
        (ZoneRule::Profile(_), Some(profile)) => profile.zone,
        (ZoneRule::Profile(zone) | ZoneRule::Fixed(zone), _) => zone,
    }
}

/// What an account shows to readers downstream: what is overdue and not disputed at its line, and the last step taken in
/// its cycle.
#[must_use]
pub fn standing(account: &Account, policies: &PolicyBook) -> (Minor, Option<Arc<str>>) {
    let own = account.cycle.as_ref().and_then(|c| policies.get(&c.policy));
    let policy = own.unwrap_or_else(|| policies.current(account.line));
    let zone = zone_of(account, policy);
    let first = policy.ladder(account.procedure()).start;
    let last = account.cycle.as_ref().and_then(|c| usize::from(c.next).checked_sub(1));
    let step = last.filter(|last| *last >= first).and_then(|i| policy.steps.get(i)).map(|s| s.name.clone());
    (account.bills.iter().map(|b| account.due_at(b, account.line, zone)).sum(), step)
}

impl<'a> Ladder<'a> {
    pub(super) fn new(account: &'a mut Account, policy: Arc<Policy>, cause: Option<&'a str>) -> Self {
        let zone = zone_of(account, &policy);
        Self {
            account,
            policy,
            zone,
            cause,
            behind: false,
            paused_since: None,
            comes_back: false,
            commands: Vec::new(),
            decisions: Vec::new(),
        }
    }

    /// Goes on by another policy, where that is not the one by which it went so far: the account has no cycle.
    pub(super) fn follow(&mut self, policy: &Arc<Policy>) {
        if Arc::ptr_eq(&self.policy, policy) {
            return;
        }
        self.policy = policy.clone();
        self.zone = zone_of(self.account, policy);
        self.settle_pauses();
        self.settle_retries();
        self.review(RestorationReason::Adjustment);
    }

    /// After every event, and at every instant at which a bill becomes overdue.
    pub(super) fn review(&mut self, reason: RestorationReason) {
        let at = self.account.line;
        let dunned = self.dunned(at);
        if self.account.cycle.is_some() {
            if dunned < self.keeps() {
                self.end(reason);
            } else {
                self.look_at_own_hold();
                self.restore_paid(reason);
                self.restore_in_part(reason);
            }
        } else if self.is_enough(dunned) && !self.account.is_paused() {
            self.start();
        }
    }

    /// The next step, at the present instant; also the second look at a bar that waits for a decision.
    pub(super) fn take(&mut self) {
        let Some(cycle) = &self.account.cycle else { return };
        if cycle.pending.is_some() {
            self.look_at_own_hold();
            return;
        }
        let Some(step) = self.step_at(cycle.next).cloned() else { return };
        if self.account.is_paused() {
            return;
        }
        if self.is_in_force(cycle.next) || self.is_taken_over(&step) {
            self.next();
            return;
        }
        if !self.is_enough(self.dunned(self.account.line)) {
            self.pass_or_wait(&step);
            return;
        }
        if self.is_silenced(&step) {
            self.wait(&step, Code::StepHeld);
            return;
        }
        if !self.meets(&step, self.account.line) {
            self.unmet(&step);
            return;
        }
        self.keep_spacing(&step);
        // A step that comes late keeps its time of day: it may have to wait for the morning.
        if self.coming(&step) > self.account.line {
            return;
        }
        match &step.action {
            StepAction::Notify { .. } => {
                self.notify(&step);
                self.pass_on(&step);
            }
            StepAction::Bar { warning, .. } => self.propose_bar(&step, *warning),
            StepAction::WriteOff { code } => {
                self.ask_write_off(&step, code);
                self.pass_on(&step);
            }
        }
    }

    /// When the account acts next by itself.
    pub(super) fn schedule(&mut self, horizon: Option<u32>) {
        let ladder = self.next_deadline();
        let reminder = self.next_reminder();
        let early = self.next_early_warning();
        let settlement = self.next_settlement();
        let agreed = [self.next_pause_end(), self.next_retry(), self.next_follow_up(), self.next_service()];
        let erasure = [self.next_erasure(), self.next_forgetting(horizon)];
        let own = [ladder, reminder, early, settlement].into_iter().chain(agreed).chain(erasure);
        self.account.deadline = own.flatten().min();
    }

    fn next_deadline(&self) -> Option<Timestamp> {
        if self.account.is_paused() {
            return None;
        }
        let line = self.account.line;
        let Some(cycle) = &self.account.cycle else { return self.enough_from(line, false, None) };
        if let Some(pending) = &cycle.pending {
            // Only a refusal and a notice end by themselves; every other hold ends by an event or by the gate's answer.
            let until = match pending.held {
                Some(Hold::Refused) => self.account.bar_decided.and_then(|d| d.until),
                Some(Hold::NotServed) => self.notice_over(self.next_step()?),
                _ => None,
            };
            return Some(self.in_the_day(self.next_step()?, until.filter(|until| *until > line)?));
        }
        let step = self.next_step()?;
        if cycle.waits && self.is_silenced(step) {
            return None;
        }
        if cycle.waits {
            return self.enough_from(line, true, Some(step).filter(|s| s.waits_for_condition()));
        }
        Some(self.coming(step))
    }

    /// True where the ladder has something to do at the present instant, whatever else fell due at it.
    pub(super) fn is_due(&self) -> bool {
        // A bar that waits is only looked at.
        self.account.pending().is_some() || self.next_deadline().is_some_and(|at| at <= self.account.line)
    }

    /// The first instant at which enough is owed by the passing of days alone, and a step's condition is met with it;
    /// `now` counts where asked.
    pub(super) fn enough_from(&self, line: Timestamp, or_now: bool, step: Option<&Step>) -> Option<Timestamp> {
        if or_now && self.is_ready(step, line) {
            return Some(line);
        }
        if self.account.has_terms() {
            let ends = self.account.due_days().into_iter().map(|day| self.zone.end_of_day(day));
            return ends.into_iter().find(|at| *at > line && self.is_ready(step, *at));
        }
        // Bills stand in the order of their due dates, so the first instant that is enough is the earliest.
        let mut last = None;
        for bill in &self.account.bills {
            let at = self.overdue_at(bill);
            if at > line && last != Some(at) && self.is_ready(step, at) {
                return Some(at);
            }
            last = Some(at);
        }
        None
    }

    pub(super) fn overdue_at(&self, bill: &Bill) -> Timestamp {
        self.zone.end_of_day(self.account.first_due(bill))
    }

    /// Overdue, not disputed and not held, at an instant.
    pub(super) fn dunned(&self, at: Timestamp) -> Minor {
        self.dunned_bills(at).map(|bill| self.owed_of(bill, at)).sum()
    }

    /// What is dunned of a bill that is, at an instant.
    pub(super) fn owed_of(&self, bill: &Bill, at: Timestamp) -> Minor {
        if self.account.has_terms() { self.account.due_at(bill, at, self.zone) } else { bill.undisputed() }
    }

    /// The bills overdue, not held and not wholly disputed, oldest due date first.
    pub(super) fn dunned_bills(&self, at: Timestamp) -> impl Iterator<Item = &Bill> {
        self.account.bills.iter().filter(move |b| self.account.dunnable(b) > Minor::ZERO && self.overdue_at(b) <= at)
    }

    pub(super) fn minimum(&self) -> Option<Minor> {
        self.policy.minimum(self.account.currency)
    }

    pub(super) fn is_enough(&self, dunned: Minor) -> bool {
        self.minimum().is_some_and(|least| dunned >= least)
    }

    pub(super) fn next_step(&self) -> Option<&Step> {
        self.step_at(self.account.cycle.as_ref()?.next)
    }

    /// The step at a place, where the procedure that the cycle follows has one.
    pub(super) fn step_at(&self, place: u16) -> Option<&Step> {
        let place = usize::from(place);
        if !self.policy.options.procedures.is_empty() && place >= self.policy.ladder(self.account.procedure()).end {
            return None;
        }
        self.policy.steps.get(place)
    }

    /// When the next step of the present cycle is due, if customers may be told anything then.
    pub(super) fn instant(&self, step: &Step) -> Timestamp {
        let at = match self.repeated(step) {
            Some(at) => self.in_the_day(step, at),
            None => self.instant_after(step, None),
        };
        self.spread(step, at)
    }

    /// When a step of the present cycle is due; `previous` stands for the one before it where that is still to come.
    fn instant_after(&self, step: &Step, previous: Option<Timestamp>) -> Timestamp {
        let Some(cycle) = &self.account.cycle else { return Timestamp::MAX };
        let mut at = match step.timing() {
            None => cycle.anchor.plus(step.offset_ms),
            Some(timing) => self.timed(cycle, timing, previous),
        };
        if let StepAction::Bar { warning: Some(rule), .. } = &step.action
            && let Some(sent) = warning_sent(cycle, rule)
        {
            let named = sent.announced_for.map_or(Timestamp::MIN, |day| self.zone.start_of_day(day));
            // One that did not arrive is looked at when the bar would have come.
            let served = self.account.served_at(&self.policy, self.zone, sent).unwrap_or(sent.at);
            at = at.max(served.plus(rule.notice_ms)).max(named);
        }
        self.in_the_day(step, at)
    }

    /// The first instant not before `at` that has the step's time of day, on a business day where the step asks for one.
    pub(super) fn in_the_day(&self, step: &Step, at: Timestamp) -> Timestamp {
        let in_the_day = |at| step.time_of_day.map_or(at, |minutes| self.zone.next_at(at, minutes));
        let at = in_the_day(at);
        if step.timing().is_none_or(|timing| timing.offset.business_days.is_none()) {
            return at;
        }
        let day = self.zone.day_of(at);
        let Place { region, calendar, .. } = self.place();
        let worked = calendar.business_days_from(day, 0, region);
        if worked == day { at } else { in_the_day(self.zone.start_of_day(worked)) }
    }

    pub(super) fn start(&mut self) {
        self.accrue_from_now();
        if self.resume_last() {
            return;
        }
        let line = self.account.line;
        let oldest = self.oldest(line).map_or(line, |(day, _)| self.zone.start_of_day(day));
        let oldest = self.without_pause(oldest);
        let anchor = oldest.max(line.plus(-self.policy.late_start_ms));
        if self.policy.remembers_bases() {
            let bases = self.bases_at(line, anchor);
            self.account.aside_mut().bases = Some(bases);
        }
        let (procedure, rule) = self.select(line);
        if procedure > 0 {
            self.account.aside_mut().procedure = procedure;
        }
        self.account.cycles += 1;
        self.account.cycle = Some(Cycle {
            number: self.account.cycles,
            policy: self.policy.label.clone(),
            started: line,
            anchor,
            next: u16::try_from(self.policy.ladder(procedure).start).unwrap_or(0),
            waits: false,
            sent: Vec::new(),
            bars: Vec::new(),
            pending: None,
        });
        self.decide(Code::CycleStarted, None, None);
        if let Some(rule) = rule {
            self.decide(Code::RuleMatched, Some(&rule), None);
        }
        if let Some(name) = self.policy.procedure_name(procedure).cloned() {
            self.decide(Code::ProcedureChosen, Some(&name), None);
        }
        self.go_on_from_there();
        while !self.behind && self.is_due_now() {
            self.take();
        }
    }

    fn is_due_now(&self) -> bool {
        let free = self.account.cycle.as_ref().is_some_and(|c| c.pending.is_none() && !c.waits);
        free && self.next_step().is_some_and(|step| self.coming(step) <= self.account.line)
    }

    fn end(&mut self, reason: RestorationReason) {
        let Some(cycle) = &self.account.cycle else { return };
        if self.is_terminated() {
            // What was barred before by another system ended with the service.
            self.take_imported_bars(|_| true);
            self.decide(Code::NotRestored, None, None);
        } else {
            let bars = cycle.bars.clone();
            self.lift_bars(&bars, reason);
        }
        self.end_charges();
        let withdrawn = self.withdraw();
        self.decide(Code::CycleEnded, None, None);
        if let Some(mut ended) = self.account.cycle.take() {
            withdrawn.inspect(|first| ended.go_back_to(*first));
            self.suspend(ended);
        }
        if let Some(aside) = &mut self.account.aside {
            (aside.bases, aside.procedure, aside.offered) = (None, 0, None);
        }
    }

    /// True where the service was ended: nothing brings it back.
    pub(super) fn is_terminated(&self) -> bool {
        self.account.stage() == Stage::Barred(BarLevel::Terminated)
    }

    /// One restoration, where there is anything to lift.
    pub(super) fn lift(&mut self, lifted: Lifted, reason: RestorationReason) {
        let Lifted { lifts, lifts_imported, services, claims } = lifted;
        if !lifts.is_empty() || !lifts_imported.is_empty() {
            let step: Arc<str> = RESTORE.into();
            self.command(Code::Restored, &step, Action::Restore { lifts, lifts_imported, services, claims, reason });
        }
    }

    pub(super) fn pass_or_wait(&mut self, step: &Step) {
        match self.policy.shortcuts.below_minimum {
            BelowMinimum::Skip => {
                self.next();
                self.decide(Code::StepSkipped, Some(&step.name), None);
            }
            BelowMinimum::Wait => self.wait(step, Code::StepWaits),
        }
    }

    /// The step's condition is not met.
    pub(super) fn unmet(&mut self, step: &Step) {
        if step.waits_for_condition() {
            return self.wait(step, Code::ConditionAwaited);
        }
        if let Some(cycle) = &mut self.account.cycle {
            cycle.waits = false;
        }
        self.next();
        self.decide(Code::ConditionNotMet, Some(&step.name), None);
    }

    /// The step waits from now on; why is said once.
    pub(super) fn wait(&mut self, step: &Step, why: Code) {
        let waited = self.account.cycle.as_mut().is_some_and(|c| std::mem::replace(&mut c.waits, true));
        if !waited {
            self.decide(why, Some(&step.name), None);
        }
    }

    /// A step that comes late, or that waited, moves the later ones by as much.
    fn keep_spacing(&mut self, step: &Step) {
        let late = self.account.line.since(self.instant(step));
        let waited = self.account.cycle.as_mut().is_some_and(|c| std::mem::take(&mut c.waits));
        self.shift_anchor(late, step, waited);
    }

    /// True where the later steps were moved.
    pub(super) fn shift_anchor(&mut self, late: i64, step: &Step, always: bool) -> bool {
        let moves = late > 0 && (always || self.policy.late_after_ms.is_some_and(|after| late > after));
        if moves {
            self.shift_bases(late, step);
            self.decide(Code::SpacingKept, Some(&step.name), None);
        }
        moves
    }

    fn notify(&mut self, step: &Step) {
        let announced = self.account.cycle.as_ref().and_then(|c| self.announced_by(usize::from(c.next)));
        let announced = announced.max(self.named_by(step));
        let Some(action) = self.notice(step, announced) else {
            self.decide(Code::NotNotifiedOptedOut, Some(&step.name), None);
            return;
        };
        let Action::Notify { announced_for, channel, .. } = action else { return };
        self.charge_with_step();
        self.tell(Code::Notified, step, channel, action);
        let (at, sequence) = (self.account.line, self.account.sequence);
        if let Some(place) = self.account.cycle.as_ref().map(|cycle| cycle.next) {
            self.await_notice(step, place, channel);
        }
        if let Some(cycle) = &mut self.account.cycle {
            let sent = SentStep { step: cycle.next, at, sequence, announced_for };
            // Of a step that comes again the last time counts: a cycle does not grow with the years.
            match cycle.sent.last_mut().filter(|last| last.step == cycle.next) {
                Some(last) => *last = sent,
                None => cycle.sent.push(sent),
            }
        }
    }

    /// The day by which a notice asks for payment, where it names one of its own.
    fn named_by(&self, step: &Step) -> Option<Day> {
        let names = step.notice().names?;
        Some(self.zone.day_of(self.counted(self.account.line, &names, false)))
    }

    /// The day that a warning names: when the first bar that needs it can come at the earliest. `index` is its place.
    pub(super) fn announced_by(&self, index: usize) -> Option<Day> {
        let (place, notice) = self.policy.steps.iter().enumerate().find_map(|(i, s)| match &s.action {
            StepAction::Bar { warning: Some(rule), .. }
                if rule.step == index && !u16::try_from(i).is_ok_and(|place| self.is_in_force(place)) =>
            {
                Some((i, rule.notice_ms))
            }
            _ => None,
        })?;
        let bar = &self.policy.steps[place];
        let served = self.served_after(&self.policy.steps[index], self.account.line);
        let at = self.foreseen(index, place).max(served.plus(notice));
        Some(self.zone.day_of(self.in_the_day(bar, at)))
    }

    /// When a later step is due, if the present one and all between are taken when they are due.
    fn foreseen(&self, present: usize, later: usize) -> Timestamp {
        let (mut at, mut previous) = (self.account.line, self.account.line);
        for step in self.policy.steps.iter().take(later + 1).skip(present + 1) {
            at = self.instant_after(step, Some(previous));
            previous = previous.max(at);
        }
        at
    }

    /// The step was taken. One that comes again is next once more, unless the step after it comes before that.
    pub(super) fn pass_on(&mut self, step: &Step) {
        let line = self.account.line;
        if let Some(bases) = self.account.bases_mut() {
            bases.previous = line;
            let again = step.repeat().is_some_and(|r| r.times.is_none_or(|times| bases.repeats < times));
            bases.repeats = if again { bases.repeats.saturating_add(1) } else { 0 };
            if again && self.comes_again_first(step) {
                return;
            }
        }
        self.next();
    }

    fn comes_again_first(&self, step: &Step) -> bool {
        let Some(cycle) = &self.account.cycle else { return false };
        let after = self.step_at(cycle.next.saturating_add(1));
        after.is_none_or(|after| self.instant(step) < self.instant_after(after, Some(self.account.line)))
    }

    /// The cycle goes on at an earlier step.
    pub(super) fn go_back_to(&mut self, step: u16) {
        let Some(cycle) = &mut self.account.cycle else { return };
        cycle.go_back_to(step);
        if let Some(bases) = self.account.bases_mut() {
            bases.repeats = 0;
        }
    }

    pub(super) fn next(&mut self) {
        if let Some(cycle) = &mut self.account.cycle {
            cycle.next += 1;
        }
        if let Some(bases) = self.account.bases_mut() {
            bases.repeats = 0;
        }
    }
}

/// The commands of bars, in their order.
pub(super) fn bar_ids(account: &str, bars: &[BarInForce]) -> Vec<Uuid> {
    bars.iter().map(|bar| command_id(account, bar.sequence)).collect()
}

/// The warning that a rule asks for, if it was sent in the cycle.
pub(super) fn warning_sent<'c>(cycle: &'c Cycle, rule: &WarningRule) -> Option<&'c SentStep> {
    cycle.sent.iter().rev().find(|s| usize::from(s.step) == rule.step)
}
