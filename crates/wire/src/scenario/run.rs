//! Runs a scenario as the engine runs an account under clock `stream`.

use std::collections::BTreeSet;
use std::sync::Arc;

use dunning_rules::{
    Account, Action, Code, Command, Decision, Event, GateAnswer, Hold, Input, LedgerKind, Outcome, Policy, PolicyBook,
    Timestamp, step,
};

use super::cover::Part;
use super::model::{Entry, Expected, Happens, Kind, Named, Scenario, Stands, What};
use super::report::{Line, Mark, Report};

/// More deadlines than any policy has between two entries; beyond it the account would turn in a circle.
const ROUNDS_MAX: usize = 10_000;

/// The account on its way, with all it said.
struct World {
    account: Account,
    book: PolicyBook,
    commands: Vec<Command>,
    holds: Vec<(Timestamp, Arc<str>, Hold)>,
    reached: BTreeSet<Part>,
    circles: bool,
}

/// Runs a scenario against a policy: what it expects is compared with what comes, and nothing else may come.
#[must_use]
pub fn run(scenario: &Scenario, policy: Arc<Policy>) -> Report {
    let mut world = World {
        account: Account::new(&scenario.account),
        book: PolicyBook::new(policy.clone(), None),
        commands: Vec::new(),
        holds: Vec::new(),
        reached: BTreeSet::new(),
        circles: false,
    };
    let mut lines = Vec::new();
    for entry in &scenario.entries {
        match &entry.what {
            What::Happens(happens) => {
                world.until(entry.at);
                lines.push(world.happens(entry, happens));
            }
            What::Stands(stands) => {
                world.until(entry.at.plus(1));
                lines.push(world.stands(entry, stands));
            }
            What::Expect(_) | What::Nothing => {}
        }
    }
    world.until(scenario.end);
    lines.extend(world.compare(scenario, &policy));
    if world.circles {
        let text = "the account acts again and again without end".to_owned();
        lines.push(Line { at: world.account.line, line: 0, mark: Mark::Wrong, text });
    }
    lines.sort_by_key(|line| (line.at, line.line));
    Report::of_run(scenario, lines, world.reached)
}

impl World {
    /// The account's own deadlines before an instant, each at its own.
    fn until(&mut self, end: Timestamp) {
        let mut rounds = 0;
        while let Some(due) = self.account.deadline().filter(|due| *due < end) {
            self.take(&Event::Deadline, due);
            rounds += 1;
            if rounds > ROUNDS_MAX {
                self.circles = true;
                return;
            }
        }
    }

    fn take(&mut self, event: &Event<'_>, now: Timestamp) -> Outcome {
        let outcome = self.step(event, now);
        // Under clock `stream` the gate clears at once, at the same instant.
        while self.account.pending().is_some_and(|bar| bar.held.is_none()) {
            self.step(&Event::Gate(GateAnswer::Cleared), self.account.line);
        }
        outcome
    }

    fn step(&mut self, event: &Event<'_>, now: Timestamp) -> Outcome {
        let account = std::mem::replace(&mut self.account, Account::new(""));
        let before = account.procedure();
        let after = step(account, event, &self.book, now);
        self.account = after.account;
        self.reach(&after.commands, &after.decisions, before);
        self.commands.extend(after.commands);
        self.holds.extend(after.decisions.into_iter().filter_map(|d| match d.code {
            Code::BarHeld(hold) => Some((d.at, d.step?, hold)),
            _ => None,
        }));
        after.outcome
    }

    /// Notes what of the policy was come to; `before` is the procedure that was followed until now.
    fn reach(&mut self, commands: &[Command], decisions: &[Decision], before: u16) {
        let procedure = if self.account.cycle.is_some() { self.account.procedure() } else { before };
        for command in commands {
            if let Action::Retry { attempt, .. } = command.action {
                self.reached.insert(Part::Attempt(attempt));
            } else if let Action::Ledger { kind: LedgerKind::Fee | LedgerKind::Interest | LedgerKind::Waiver, .. } =
                command.action
            {
                self.reached.insert(Part::Charge(command.step.to_string()));
            } else if let Some(policy) = self.book.get(&command.policy) {
                self.reached.insert(Part::step(policy, procedure, &command.step));
            }
        }
        let rules = decisions.iter().filter(|d| d.code == Code::RuleMatched).filter_map(|d| d.step.as_ref());
        self.reached.extend(rules.map(|rule| Part::Rule(rule.to_string())));
    }

    fn happens(&mut self, entry: &Entry, happens: &Happens) -> Line {
        let is_it = |command: &Command, named: &Named<'_>| {
            let waives = matches!(command.action, Action::Ledger { kind: LedgerKind::Waiver, .. });
            *command.step == *named.step && waives == named.waives
        };
        let notice =
            happens.event.notice().and_then(|named| self.commands.iter().rev().find(|command| is_it(command, &named)));
        let notice = notice.map(|command| command.id.to_string());
        let body = happens.event.body(notice.as_deref());
        let input = Input { event_id: &happens.event_id, occurred_at: entry.at, body };
        let outcome = self.take(&Event::Input(input), entry.at);
        let came = match outcome {
            Outcome::Applied => None,
            // A declined payment never changes a balance; that needs no saying.
            Outcome::NoEffect(dunning_rules::NoEffect::PaymentFailed) => happens.no_effect.as_deref(),
            Outcome::NoEffect(reason) => Some(reason.word()),
            Outcome::Refused(reason) => Some(reason.word()),
        };
        let mut text = happens.event.words();
        let as_written = came == happens.no_effect.as_deref();
        match (came, &happens.no_effect) {
            (None, Some(expected)) => text.push_str(&format!(" (has an effect; expected none: {expected})")),
            (Some(came), _) => text.push_str(&format!(" (no effect: {came})")),
            (None, None) => {}
        }
        Line { at: entry.at, line: entry.line, mark: if as_written { Mark::Happened } else { Mark::Wrong }, text }
    }

    fn stands(&self, entry: &Entry, expected: &Stands) -> Line {
        let found = Stands {
            stage: expected.stage.map(|_| self.account.stage().word()),
            procedure: expected.procedure.as_ref().map(|_| self.procedure()),
            open: expected.open.map(|_| self.account.open()),
            credit: expected.credit.map(|_| self.account.credit),
        };
        let (expected, found) = (expected.words(), found.words());
        let mark = if expected == found { Mark::Met } else { Mark::Wrong };
        let text = if expected == found { found } else { format!("{found}; expected: {expected}") };
        Line { at: entry.at, line: entry.line, mark, text }
    }

    /// The procedure that the cycle follows.
    fn procedure(&self) -> String {
        let Some(cycle) = &self.account.cycle else { return "none".to_owned() };
        let name = self.book.get(&cycle.policy).and_then(|p| p.procedure_name(self.account.procedure()));
        name.map_or("the only one".to_owned(), ToString::to_string)
    }

    /// Every command is expected once, every expectation is met once.
    fn compare(&self, scenario: &Scenario, policy: &Policy) -> Vec<Line> {
        let mut open: Vec<&Command> = self.commands.iter().collect();
        let mut lines = Vec::new();
        for entry in &scenario.entries {
            let What::Expect(expected) = &entry.what else { continue };
            let met = if let Kind::Held(hold) = expected.kind {
                self.holds.iter().any(|(at, step, found)| {
                    *at == entry.at && Some(&**step) == expected.step.as_deref() && hold.is_none_or(|h| h == *found)
                })
            } else {
                let found = open.iter().position(|c| c.decided_at == entry.at && self.fits(expected, c));
                found.map(|i| open.remove(i)).is_some()
            };
            let mut text = expected.words();
            let mut known = policy.steps.iter().chain(super::cover::notices(policy));
            let is_step = !matches!(expected.kind, Kind::Charge | Kind::Waive);
            let unknown = expected.step.as_ref().filter(|name| is_step && known.all(|s| *s.name != ***name));
            if let Some(name) = unknown {
                text.push_str(&format!(" (the policy has no step `{name}`)"));
            }
            lines.push(Line {
                at: entry.at,
                line: entry.line,
                mark: if met { Mark::Met } else { Mark::Missing },
                text,
            });
        }
        let unexpected = |c: &&Command| Line {
            at: c.decided_at,
            line: u32::MAX,
            mark: Mark::Unexpected,
            text: self.as_expected(c).words(),
        };
        lines.extend(open.iter().map(unexpected));
        lines
    }

    fn fits(&self, expected: &Expected, command: &Command) -> bool {
        fn same<T: PartialEq>(expected: &Option<T>, found: &Option<T>) -> bool {
            expected.is_none() || expected == found
        }
        let found = self.as_expected(command);
        expected.kind == found.kind
            && same(&expected.step, &found.step)
            && same(&expected.channel, &found.channel)
            && same(&expected.level, &found.level)
            && same(&expected.services, &found.services)
            && same(&expected.amount, &found.amount)
            && same(&expected.bills, &found.bills)
            && same(&expected.lifts, &found.lifts)
            && same(&expected.names_day, &found.names_day)
            && same(&expected.offers, &found.offers)
    }

    /// The command as it would be written in the diary, all of it.
    fn as_expected(&self, command: &Command) -> Expected {
        let mut expected = Expected {
            kind: Kind::Notify,
            step: Some(command.step.to_string()),
            channel: None,
            level: None,
            services: None,
            amount: Some(command.amount_due),
            bills: Some(command.bill_ids.iter().map(ToString::to_string).collect()),
            lifts: None,
            names_day: None,
            offers: None,
        };
        match &command.action {
            Action::Notify { channel, announced_for, offer, .. } => {
                expected.offers = Some(offer.clone());
                expected.channel = Some(*channel);
                expected.names_day = *announced_for;
            }
            Action::Withdraw { .. } => expected.kind = Kind::Withdraw,
            Action::Bar { level, services, announced_for, .. } => {
                expected.kind = Kind::Bar;
                expected.level = Some(*level);
                expected.services = Some(services.iter().map(ToString::to_string).collect());
                expected.names_day = *announced_for;
            }
            Action::Retry { attempt, .. } => {
                expected.kind = Kind::Retry(*attempt);
                expected.step = None;
            }
            Action::Ledger { kind, .. } => {
                expected.kind = match kind {
                    LedgerKind::Waiver => Kind::Waive,
                    LedgerKind::WriteOff => Kind::WriteOff,
                    LedgerKind::Fee | LedgerKind::Interest => Kind::Charge,
                };
            }
            Action::Restore { lifts, lifts_imported, services, reason, .. } => {
                expected.kind = Kind::Restore(*reason);
                expected.services = Some(services.iter().map(ToString::to_string).collect());
                expected.step = None;
                let barred = lifts.iter().filter_map(|id| self.commands.iter().find(|c| c.id == *id));
                let theirs = lifts_imported.iter().map(ToString::to_string);
                expected.lifts = Some(barred.map(|c| c.step.to_string()).chain(theirs).collect());
            }
        }
        expected
    }
}
