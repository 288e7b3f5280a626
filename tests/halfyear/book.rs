//! The books that are kept here alone: what each household owes by what was written and commanded, and what lies in force.

use std::collections::{BTreeMap, BTreeSet};

use dunning_rules::{Timestamp, Zone};
use dunning_wire::command::ActionView;

use crate::customer::{ALARM, Planned, What};
use crate::event::DAY;
use crate::output::Written;

/// So many days are written in one go at most.
const STEP_MAX: i64 = 3;

/// One household's book, in cents.
#[derive(Debug, Default)]
pub struct Book {
    /// Bills, less what was credited, given up and paid, and requests to billing: when, and how much more is owed. Some days
    /// are written before what was commanded in them is read.
    moves: Vec<(i64, i64)>,
    payments: BTreeMap<String, i64>,
    /// Requests to billing that count, by their ids, and whether a bill answered them.
    requests: BTreeMap<String, bool>,
    sequence: u64,
    /// The bars in force.
    bars: Vec<Barred>,
    /// Restorations, and what they lifted.
    restored: Vec<(String, Vec<String>)>,
    /// Commands that provisioning could not do.
    failed: BTreeSet<String>,
    /// When notices were sent by SMS.
    sms: Vec<i64>,
    /// The last one of each step.
    told: BTreeMap<String, i64>,
}

/// A bar in force.
#[derive(Debug)]
struct Barred {
    command: String,
    step: String,
    /// Empty: all of the account.
    services: Vec<String>,
    level: String,
}

/// Sums of double entries by account and day.
pub type Entries = BTreeMap<(String, i64), (i64, i64)>;

impl Book {
    /// Something that was written.
    pub fn writes(&mut self, planned: &Planned) {
        let mut owed = 0;
        match &planned.what {
            What::Bill { amount, origin: None, .. } => owed = *amount,
            // What was asked for is counted already; what billing books beyond that counts nowhere.
            What::Bill { origin: Some(origin), .. } | What::Adjusted { origin, .. } => {
                self.requests.insert(origin.clone(), true);
            }
            What::Paid { id, amount, .. } => {
                self.payments.insert(id.clone(), *amount);
                owed = -amount;
            }
            What::Reversed { id, amount } => {
                assert_eq!(self.payments.get(id), Some(amount), "a whole payment goes back");
                owed = *amount;
            }
            What::Decided { credited, .. } => owed = -credited,
            What::WrittenOff { amount, .. } => owed = -amount,
            What::Service { command, applied: false } => drop(self.failed.insert(command.clone())),
            _ => {}
        }
        self.moves.push((planned.at, owed));
    }

    /// What is owed at an instant.
    fn owed(&self, at: i64) -> i64 {
        self.moves.iter().filter(|(moved, _)| *moved <= at).map(|(_, owed)| owed).sum()
    }

    /// A command: whether it was sent again, or whatever is wrong with it. `alarm`: the household has a service that is never
    /// restricted.
    pub fn commands(&mut self, written: &Written, alarm: bool, entries: &mut Entries) -> Result<bool, String> {
        let view = &written.view;
        let at = view.decided_at;
        ensure(view.sequence == self.sequence + 1, || format!("number {} after {}", view.sequence, self.sequence))?;
        self.sequence = view.sequence;
        match &view.action {
            ActionView::Notify { channel, .. } => self.notice(&view.step, channel, at)?,
            ActionView::Bar { warning_command_ids, service_ids, level, .. } => {
                let spared = !alarm || !service_ids.is_empty() && service_ids.iter().all(|service| service != ALARM);
                ensure(spared, || format!("an alarm is restricted by {service_ids:?}"))?;
                ensure(!warning_command_ids.is_empty(), || "a bar without its warning".to_owned())?;
                let warning = if view.step == "bar-full" { "final-full" } else { "final" };
                let since = self.told.get(warning).map(|told| at.millis() - told);
                ensure(since.is_some_and(|since| since >= 14 * DAY), || format!("barred {since:?} after its warning"))?;
                // What is written in one go may be read after what fell due in it; who paid is restored with the next record.
                let owed = self.owed(at.millis()).max(self.owed(at.millis() - STEP_MAX * DAY));
                ensure(owed >= 2_000, || format!("barred, and {owed} is owed by the book"))?;
                let last = self.bars.iter().rfind(|bar| bar.step == view.step && bar.services == *service_ids);
                let failed = last.is_none_or(|bar| self.failed.contains(&bar.command));
                ensure(failed, || format!("{} is barred twice", view.step))?;
                let again = last.is_some();
                let (command, step) = (view.command_id.clone(), view.step.clone());
                self.bars.push(Barred { command, step, services: service_ids.clone(), level: (*level).to_owned() });
                return Ok(again);
            }
            ActionView::Restore { lifts, desired, service_ids, .. } => {
                let again = self.restores(lifts, service_ids)?;
                self.restored.push((view.command_id.clone(), lifts.clone()));
                let stays: BTreeMap<&str, &str> = desired
                    .iter()
                    .filter(|(_, level)| level != "NONE")
                    .map(|(s, l)| (s.as_str(), l.as_str()))
                    .collect();
                ensure(stays == self.claims(), || format!("{stays:?} is said to stay of {:?}", self.bars))?;
                return Ok(again);
            }
            ActionView::Ledger { entries: sides, .. } => {
                let (debits, credits) = sides.iter().fold((0, 0), |(d, c), e| (d + e.debit.get(), c + e.credit.get()));
                ensure(debits == credits && debits > 0, || format!("debits {debits}, credits {credits}"))?;
                let sums = entries.entry((view.account_id.clone(), at.millis().div_euclid(DAY))).or_default();
                (sums.0, sums.1) = (sums.0 + debits, sums.1 + credits);
                self.moves.push((at.millis(), view.amount_due.get()));
                self.requests.insert(view.command_id.clone(), false);
            }
            ActionView::Retry { .. } | ActionView::Withdraw { .. } => {}
        }
        Ok(false)
    }

    /// A restoration lifts all bars of the services that it names, or of the account, and no others; or it is one that
    /// provisioning could not do, once more.
    fn restores(&mut self, lifts: &[String], services: &[String]) -> Result<bool, String> {
        let again = |(command, lifted): &(String, Vec<String>)| *lifted == *lifts && self.failed.contains(command);
        if self.restored.iter().any(again) {
            return Ok(true);
        }
        let is_named = |bar: &mut Barred| services.is_empty() || bar.services.iter().any(|s| services.contains(s));
        let lifted: Vec<String> = self.bars.extract_if(.., is_named).map(|bar| bar.command).collect();
        ensure(lifted == *lifts, || format!("lifts {lifts:?} of {services:?}, in force are {lifted:?}"))?;
        Ok(false)
    }

    /// How far each service is barred; an empty name is the account.
    fn claims(&self) -> BTreeMap<&str, &str> {
        let mut claims = BTreeMap::new();
        for bar in &self.bars {
            let services =
                if bar.services.is_empty() { vec![""] } else { bar.services.iter().map(String::as_str).collect() };
            for service in services {
                let most = claims.entry(service).or_insert(bar.level.as_str());
                if bar.level == "FULL" {
                    *most = "FULL";
                }
            }
        }
        claims
    }

    fn notice(&mut self, step: &str, channel: &str, at: Timestamp) -> Result<(), String> {
        self.told.insert(step.to_owned(), at.millis());
        if channel != "SMS" {
            return Ok(());
        }
        let zone = Zone::parse("Europe/Berlin").expect("a zone");
        let minutes = at.since(zone.start_of_day(zone.day_of(at))) / 60_000;
        // Not on the days on which the clocks change: they have another length.
        ensure((7 * 60..22 * 60).contains(&minutes), || format!("an SMS at minute {minutes} of the day"))?;
        self.sms.retain(|sent| at.millis() - sent < 7 * DAY);
        self.sms.push(at.millis());
        ensure(self.sms.len() <= 3, || format!("{} SMS in seven days", self.sms.len()))
    }

    /// What is owed less credit, whether a bar is in force, how many commands there were, and how many requests were booked.
    pub fn stands(&self) -> (i64, bool, u64, usize) {
        (
            self.owed(i64::MAX),
            !self.bars.is_empty(),
            self.sequence,
            self.requests.values().filter(|booked| **booked).count(),
        )
    }
}

fn ensure(holds: bool, why: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(why()) }
}
