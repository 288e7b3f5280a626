//! From the file as written to the scenario as run.

use chrono::{DateTime, NaiveTime, Timelike};
use dunning_rules::{
    BarLevel, Channel, Contact, Currency, Day, DisputeOutcome, Hold, Interaction, Minor, Profile, ProfileFacts,
    RestorationReason, ReversalKind, Score, Service, ServiceResult, Timestamp, Zone,
};

use super::model::{Entry, Expected, Happening, Happens, Kind, Scenario, Stands, What};
use super::raw;
use crate::event::millionths;
use crate::policy::node::Node;
use crate::policy::{Notes, Severity};

const INSTANT_HELP: &str = "write `2026-08-05 09:00`, or `2026-08-05` for midnight";

/// Checks a file of the right shape and makes a scenario of it. What is wrong goes to the notes.
pub(super) struct Reader<'a, 'n> {
    pub(super) root: &'a Node,
    pub(super) notes: &'a mut Notes<'n>,
    pub(super) zone: Zone,
    pub(super) currency: Currency,
}

impl Reader<'_, '_> {
    fn error(&mut self, path: &str, message: impl Into<String>, help: impl Into<String>) {
        self.notes.add(Severity::Error, self.root.place_of(path), path, message.into(), help.into());
    }

    pub(super) fn scenario(&mut self, file_name: &str, file: &raw::ScenarioFile) -> Scenario {
        if let Some(name) = &file.time_zone {
            self.zone = self.zone("time_zone", name);
        }
        if let Some(code) = &file.account.currency {
            match Currency::parse(code) {
                Some(currency) => self.currency = currency,
                None => {
                    self.error("account.currency", format!("there is no currency `{code}`"), "use a code such as `EUR`")
                }
            }
        }
        let mut entries: Vec<Entry> = Vec::new();
        for (i, entry) in file.diary.iter().enumerate() {
            entries.extend(self.entry(&format!("diary[{i}]"), entry));
        }
        if let Some(i) = entries.windows(2).position(|two| two[1].at < two[0].at) {
            let help = "put the entries in the order of time";
            self.error(&format!("diary[{}]", i + 1), "it lies before the entry above it", help);
        }
        let end = entries.last().map_or(Timestamp::MIN, Entry::end);
        if let (Some(profile), Some(first)) = (&file.account.profile, entries.first()) {
            let event = Happening::Profile(self.profile("account.profile", profile));
            let happens = Happens { event_id: "profile".to_owned(), event, no_effect: None };
            let (at, line) = (first.at, self.root.place_of("account").line);
            entries.insert(0, Entry { at, line, what: What::Happens(Box::new(happens)) });
        }
        // At one instant, events come before deadlines, and a look at the account after both.
        entries.sort_by_key(|e| (e.at, matches!(e.what, What::Stands(_))));
        let account = file.account.id.as_deref().unwrap_or("scenario").to_owned();
        Scenario { file: file_name.to_owned(), title: file.scenario.clone(), account, zone: self.zone, entries, end }
    }

    fn entry(&mut self, path: &str, entry: &raw::Entry) -> Option<Entry> {
        let line = self.root.place_of(path).line;
        if let Some(until) = &entry.nothing_until {
            if entry.at.is_some() || entry.other_than_silence() > 0 {
                self.error(path, "`nothing_until` stands alone", "make two entries of it");
            }
            let at = self.instant(&format!("{path}.nothing_until"), until)?;
            return Some(Entry { at, line, what: What::Nothing });
        }
        let Some(at) = &entry.at else {
            self.error(path, "when?", format!("add `at`; {INSTANT_HELP}"));
            return None;
        };
        let at = self.instant(&format!("{path}.at"), at)?;
        if entry.other_than_silence() != 1 {
            let help = "write one thing that happens (`payment_received`, …), `expect` or `stands`";
            self.error(path, "an entry says one thing", help);
            return None;
        }
        let what = if let Some(expect) = &entry.expect {
            What::Expect(self.expected(&format!("{path}.expect"), expect)?)
        } else if let Some(stands) = &entry.stands {
            What::Stands(stood(stands))
        } else {
            let event = self.happening(path, entry, at, line)?;
            let event_id = entry.event_id.clone().unwrap_or_else(|| format!("event-{line}"));
            What::Happens(Box::new(Happens { event_id, event, no_effect: entry.no_effect.clone() }))
        };
        if !matches!(what, What::Happens(_)) && (entry.event_id.is_some() || entry.no_effect.is_some()) {
            self.error(path, "`event_id` and `no_effect` belong to what happens", "leave them out here");
        }
        Some(Entry { at, line, what })
    }

    fn happening(&mut self, path: &str, entry: &raw::Entry, at: Timestamp, line: u32) -> Option<Happening> {
        let currency = self.currency;
        let own = |name: &Option<String>, kind: &str| name.clone().unwrap_or_else(|| format!("{kind}-{line}"));
        Some(match entry {
            raw::Entry { bill_issued: Some(b), .. } => self.bill(&format!("{path}.bill_issued"), b, at)?,
            raw::Entry { bill_adjusted: Some(b), .. } => {
                let (answers, answers_waiver) = (b.answers.clone(), b.answers_waiver.clone());
                if answers.is_some() && answers_waiver.is_some() {
                    let path = format!("{path}.bill_adjusted");
                    self.error(&path, "it answers one request", "write `answers` or `answers_waiver`");
                }
                Happening::BillAdjusted { bill: b.bill.clone(), delta: Minor::new(b.amount), answers, answers_waiver }
            }
            raw::Entry { bill_cancelled: Some(b), .. } => Happening::BillCancelled { bill: b.bill.clone() },
            raw::Entry { bill_written_off: Some(b), .. } => {
                let amount = self.positive(&format!("{path}.bill_written_off.amount"), b.amount);
                Happening::BillWrittenOff { bill: b.bill.clone(), amount, answers: b.answers.clone() }
            }
            raw::Entry { write_off_reversed: Some(b), .. } => {
                let amount = self.positive(&format!("{path}.write_off_reversed.amount"), b.amount);
                Happening::WriteOffReversed { bill: b.bill.clone(), amount }
            }
            raw::Entry { account_credited: Some(c), .. } => {
                Happening::AccountCredited { credit: own(&c.credit, "credit"), amount: Minor::new(c.amount), currency }
            }
            raw::Entry { payment_received: Some(p), .. } => Happening::PaymentReceived {
                payment: own(&p.payment, "payment"),
                amount: Minor::new(p.amount),
                currency,
                bill: p.bill.clone(),
                was_retry: p.was_retry,
            },
            raw::Entry { payment_failed: Some(p), .. } => declined(p, currency),
            raw::Entry { payment_reversed: Some(p), .. } => Happening::PaymentReversed {
                payment: p.payment.clone(),
                amount: Minor::new(p.amount),
                kind: p.kind.map_or(ReversalKind::Unknown, reversal),
            },
            raw::Entry { dispute_opened: Some(d), .. } => Happening::DisputeOpened {
                dispute: d.dispute.clone(),
                bill: d.bill.clone(),
                amount: d.amount.map(Minor::new),
                lines: d.lines.clone(),
            },
            raw::Entry { dispute_resolved: Some(d), .. } => Happening::DisputeResolved {
                dispute: d.dispute.clone(),
                outcome: outcome(d.outcome),
                credited: Minor::new(d.credited),
            },
            raw::Entry { profile: Some(p), .. } => Happening::Profile(self.profile(&format!("{path}.profile"), p)),
            raw::Entry { bar_approved: Some(d), .. } => {
                let until = self.until(&format!("{path}.bar_approved.until"), d);
                Happening::Decided(Interaction::BarApproved { until })
            }
            raw::Entry { bar_refused: Some(d), .. } => {
                let until = self.until(&format!("{path}.bar_refused.until"), d);
                Happening::Decided(Interaction::BarRefused { until })
            }
            raw::Entry { used: Some(used), .. } => Happening::Used { used: used.clone(), until: at },
            raw::Entry { provisioned: Some(p), .. } => {
                let result = match p.result {
                    raw::Result::Applied => ServiceResult::Applied,
                    raw::Result::Failed => ServiceResult::Failed,
                    raw::Result::Refused => ServiceResult::Refused,
                };
                Happening::Provisioned { of: p.of.clone(), service: p.service.clone(), result }
            }
            raw::Entry { bar_decision_withdrawn: Some(_), .. } => Happening::Decided(Interaction::BarDecisionWithdrawn),
            _ => return self.stopping(path, entry, at, line),
        })
    }

    fn bill(&mut self, path: &str, bill: &raw::BillIssued, at: Timestamp) -> Option<Happening> {
        let due = self.day(&format!("{path}.due"), &bill.due)?;
        let issued = match &bill.issued {
            Some(day) => self.day(&format!("{path}.issued"), day)?,
            None => self.zone.day_of(at),
        };
        if due < issued {
            self.error(&format!("{path}.due"), "the bill is due before it is issued", "such a bill would be refused");
        }
        let (amount, currency) = (Minor::new(bill.amount), self.currency);
        let terms = self.parts(&format!("{path}.terms"), &bill.terms)?;
        if !terms.is_empty() && terms.iter().map(|term| term.amount).sum::<Minor>() != amount {
            self.error(&format!("{path}.terms"), "the terms do not sum to the bill", "such a bill would be refused");
        }
        let kind = bill.kind.as_deref().unwrap_or("regular").to_owned();
        let of = |(name, amount): (&String, &i64)| (name.clone(), Minor::new(*amount));
        let (services, lines) = (bill.services.iter().map(of).collect(), bill.lines.iter().map(of).collect());
        let (bill, answers) = (bill.bill.clone(), bill.answers.clone());
        Some(Happening::BillIssued { bill, amount, currency, issued, due, terms, services, lines, kind, answers })
    }

    fn positive(&mut self, path: &str, amount: i64) -> Minor {
        if amount < 1 {
            self.error(path, format!("{amount} is less than 1, the least"), "write it in minor units (cents)");
        }
        Minor::new(amount)
    }

    fn until(&mut self, path: &str, decided: &raw::Decided) -> Option<Timestamp> {
        decided.until.as_ref().and_then(|text| self.instant(path, text))
    }

    fn profile(&mut self, path: &str, profile: &raw::Profile) -> Profile {
        let zone = match &profile.time_zone {
            Some(name) => self.zone(&format!("{path}.time_zone"), name),
            None => self.zone,
        };
        let customer_since =
            profile.customer_since.as_ref().and_then(|text| self.day(&format!("{path}.customer_since"), text));
        let text = |text: &Option<String>, default: &str| text.as_deref().unwrap_or(default).into();
        // One address on each channel; consent is what the policy asks about.
        let mut channels: Vec<_> = Channel::ALL.into_iter().filter(|c| *c != Channel::Unknown).collect();
        let place = |c: &Channel| profile.prefers.iter().position(|p| channel(*p) == *c).unwrap_or(usize::MAX);
        channels.sort_by_key(place);
        let contact = |c: Channel| Contact {
            channel: c,
            address: c.symbol().to_lowercase().into(),
            consent: !profile.opted_out.iter().any(|out| channel(*out) == c),
        };
        Profile {
            segment: text(&profile.segment, "consumer"),
            region: text(&profile.region, ""),
            risk_class: text(&profile.risk_class, ""),
            language: text(&profile.language, "en"),
            zone,
            vulnerable: profile.vulnerable,
            customer_since,
            contacts: channels.into_iter().map(contact).collect(),
            services: profile.services.iter().map(service).collect(),
            payment_link: None,
            status: text(&profile.status, "active"),
            facts: facts(profile),
        }
    }

    fn expected(&mut self, path: &str, expect: &raw::Expect) -> Option<Expected> {
        let kinds = [
            expect.notify.as_ref().map(|step| (Kind::Notify, Some(step.clone()))),
            expect.bar.as_ref().map(|step| (Kind::Bar, Some(step.clone()))),
            expect.restore.map(|why| (Kind::Restore(reason(why)), None)),
            expect.retry.map(|attempt| (Kind::Retry(attempt), None)),
            expect.charge.as_ref().map(|name| (Kind::Charge, Some(name.clone()))),
            expect.waive.as_ref().map(|name| (Kind::Waive, Some(name.clone()))),
            expect.write_off.as_ref().map(|step| (Kind::WriteOff, Some(step.clone()))),
            expect.withdraw.as_ref().map(|step| (Kind::Withdraw, Some(step.clone()))),
            expect.held.as_ref().map(|step| (Kind::Held(expect.because.map(because)), Some(step.clone()))),
        ];
        let mut kinds = kinds.into_iter().flatten();
        let (Some((kind, step)), None) = (kinds.next(), kinds.next()) else {
            self.error(
                path,
                "one thing is expected at a time",
                "write one of `notify`, `bar`, `restore`, `retry`, `charge`, `waive`, `write_off`, `withdraw`, `held`",
            );
            return None;
        };
        let misplaced = [
            ("because", expect.because.is_some() && !matches!(kind, Kind::Held(_))),
            ("channel", expect.channel.is_some() && kind != Kind::Notify),
            ("offers", expect.offers.is_some() && kind != Kind::Notify),
            ("level", expect.level.is_some() && kind != Kind::Bar),
            ("services", expect.services.is_some() && !matches!(kind, Kind::Bar | Kind::Restore(_))),
            ("lifts", expect.lifts.is_some() && !matches!(kind, Kind::Restore(_))),
            ("names_day", expect.names_day.is_some() && !matches!(kind, Kind::Notify | Kind::Bar)),
        ];
        for (key, _) in misplaced.iter().filter(|(_, wrong)| *wrong) {
            self.error(&format!("{path}.{key}"), format!("`{key}` does not belong to it"), "leave it out");
        }
        let names_day = match &expect.names_day {
            Some(day) => Some(self.day(&format!("{path}.names_day"), day)?),
            None => None,
        };
        let offers = match &expect.offers {
            Some(offers) => Some(self.parts(&format!("{path}.offers"), offers)?),
            None => None,
        };
        Some(Expected {
            offers,
            kind,
            step,
            channel: expect.channel.map(channel),
            level: expect.level.map(level),
            services: expect.services.clone(),
            amount: expect.amount.map(Minor::new),
            bills: expect.bills.clone(),
            lifts: expect.lifts.clone(),
            names_day,
        })
    }

    fn zone(&mut self, path: &str, name: &str) -> Zone {
        Zone::parse(name).unwrap_or_else(|| {
            let help = "use a name of the IANA list, such as `Europe/Berlin` or `UTC`";
            self.error(path, format!("there is no time zone `{name}`"), help);
            Zone::UTC
        })
    }

    pub(super) fn day(&mut self, path: &str, text: &str) -> Option<Day> {
        let day = Day::parse(text);
        if day.is_none() {
            self.error(path, format!("`{text}` is not a day"), "write `2026-08-05`");
        }
        day
    }

    /// A local time of the scenario's zone, or an instant with a zone of its own.
    pub(super) fn instant(&mut self, path: &str, text: &str) -> Option<Timestamp> {
        if let Ok(at) = DateTime::parse_from_rfc3339(text) {
            return Some(Timestamp::from_millis(at.timestamp_millis()));
        }
        let (date, time) = text.split_once(' ').unwrap_or((text, "00:00"));
        let day = Day::parse(date);
        let formats = ["%H:%M", "%H:%M:%S", "%H:%M:%S%.3f"];
        let time = formats.iter().find_map(|format| NaiveTime::parse_from_str(time.trim(), format).ok());
        let at = day.zip(time).and_then(|(day, time)| {
            let minutes = u16::try_from(time.num_seconds_from_midnight() / 60).ok()?;
            let rest = i64::from(time.second()) * 1_000 + i64::from(time.nanosecond() / 1_000_000);
            Some(self.zone.at(day, minutes).plus(rest))
        });
        if at.is_none() {
            self.error(path, format!("`{text}` is not a day or time"), INSTANT_HELP);
        }
        at
    }
}

impl raw::Entry {
    /// How many things it says, silence and marks aside.
    fn other_than_silence(&self) -> usize {
        let said = [
            self.expect.is_some(),
            self.stands.is_some(),
            self.bill_issued.is_some(),
            self.bill_adjusted.is_some(),
            self.bill_cancelled.is_some(),
            self.bill_written_off.is_some(),
            self.write_off_reversed.is_some(),
            self.account_credited.is_some(),
            self.payment_received.is_some(),
            self.payment_failed.is_some(),
            self.payment_initiated.is_some(),
            self.balance_stated.is_some(),
            self.payment_reversed.is_some(),
            self.dispute_opened.is_some(),
            self.dispute_resolved.is_some(),
            self.profile.is_some(),
            self.bar_approved.is_some(),
            self.bar_refused.is_some(),
            self.bar_decision_withdrawn.is_some(),
            self.promise_made.is_some(),
            self.promise_cancelled.is_some(),
            self.plan_agreed.is_some(),
            self.offer_answered.is_some(),
            self.plan_cancelled.is_some(),
            self.hold_placed.is_some(),
            self.hold_released.is_some(),
            self.contact_made.is_some(),
            self.state_imported.is_some(),
            self.provisioned.is_some(),
            self.used.is_some(),
        ];
        said.into_iter().filter(|said| *said).count()
    }
}

impl Entry {
    /// The first instant that need not be looked at for this entry.
    fn end(&self) -> Timestamp {
        match self.what {
            // What is expected at an instant may be the account's own deadline at it.
            What::Expect(_) | What::Stands(_) => self.at.plus(1),
            What::Happens(_) | What::Nothing => self.at,
        }
    }
}

fn service(service: &raw::Service) -> Service {
    let raw::Service { service, prepaid, protected } = service;
    Service { service_id: service.as_str().into(), protected: *protected, prepaid: *prepaid }
}

fn facts(profile: &raw::Profile) -> Option<Box<ProfileFacts>> {
    let score = |(name, value): (&String, &f64)| Score { name: name.as_str().into(), millionths: millionths(*value) };
    let facts = ProfileFacts {
        lifetime_value: Minor::new(profile.lifetime_value.unwrap_or(0)),
        autopay: profile.autopay,
        scores: profile.scores.iter().map(score).collect(),
    };
    (facts != ProfileFacts::default()).then(|| Box::new(facts))
}

fn stood(stands: &raw::Stands) -> Stands {
    let stage = stands.stage.map(|stage| match stage {
        raw::Stage::Clear => "clear",
        raw::Stage::Entered => "entered",
        raw::Stage::Notified => "notified",
        raw::Stage::BarredThrottled => "barred_throttled",
        raw::Stage::BarredOutgoing => "barred_outgoing",
        raw::Stage::BarredFull => "barred_full",
        raw::Stage::Terminated => "terminated",
    });
    Stands {
        stage,
        procedure: stands.procedure.clone(),
        open: stands.open.map(Minor::new),
        credit: stands.credit.map(Minor::new),
    }
}

/// Without an amount it was for all that is owed.
fn declined(failed: &raw::FailedPayment, currency: Currency) -> Happening {
    let or = |text: &Option<String>, default: &str| text.as_deref().unwrap_or(default).to_owned();
    Happening::PaymentFailed {
        payment: failed.payment.clone(),
        amount: failed.amount.map_or(Minor::EVENT_MAX, Minor::new),
        currency,
        method: or(&failed.method, "card"),
        code: or(&failed.code, "insufficient_funds"),
        is_final: failed.is_final,
        was_retry: failed.was_retry,
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

const fn reason(reason: raw::Reason) -> RestorationReason {
    match reason {
        raw::Reason::Paid => RestorationReason::Paid,
        raw::Reason::Promise => RestorationReason::Promise,
        raw::Reason::Plan => RestorationReason::Plan,
        raw::Reason::Dispute => RestorationReason::Dispute,
        raw::Reason::Adjustment => RestorationReason::Adjustment,
        raw::Reason::Hold => RestorationReason::Hold,
        raw::Reason::WriteOff => RestorationReason::WriteOff,
    }
}

const fn because(because: raw::Because) -> Hold {
    match because {
        raw::Because::NoProfile => Hold::NoProfile,
        raw::Because::Protected => Hold::Protected,
        raw::Because::Refused => Hold::Refused,
        raw::Because::NoWarning => Hold::NoWarning,
        raw::Because::OnHold => Hold::OnHold,
        raw::Because::BalanceDiffers => Hold::BalanceDiffers,
        raw::Because::NotServed => Hold::NotServed,
        raw::Because::NoService => Hold::NoService,
    }
}

const fn reversal(kind: raw::Reversal) -> ReversalKind {
    match kind {
        raw::Reversal::Chargeback => ReversalKind::Chargeback,
        raw::Reversal::ReturnedDebit => ReversalKind::ReturnedDebit,
        raw::Reversal::Refund => ReversalKind::Refund,
        raw::Reversal::Misposted => ReversalKind::Misposted,
    }
}

const fn outcome(outcome: raw::DisputeOutcome) -> DisputeOutcome {
    match outcome {
        raw::DisputeOutcome::Upheld => DisputeOutcome::Upheld,
        raw::DisputeOutcome::PartlyUpheld => DisputeOutcome::PartlyUpheld,
        raw::DisputeOutcome::Rejected => DisputeOutcome::Rejected,
        raw::DisputeOutcome::Withdrawn => DisputeOutcome::Withdrawn,
    }
}
