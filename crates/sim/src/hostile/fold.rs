//! The oracle: folds what was committed through the rules from scratch, and judges the order in which it was done.

use std::collections::BTreeMap;
use std::sync::Arc;

use dunning_engine::{ClockMode, Partition, Settings};
use dunning_rules::{
    Account, Action, Code, DAY_MS, Event, GateAnswer, Hold, Outcome, PolicyBook, Timestamp, invariant, step,
};
use dunning_wire::control::{self, ControlBody};
use dunning_wire::decision::{self, Cause};
use dunning_wire::state::{StaleMark, StoredRow};
use dunning_wire::topic::{InputTopic, OutputTopic};
use dunning_wire::{command, event, frame};

use super::tape::{Entry, Kind, Noted};
use super::upstream::Sent;

/// What an account must have become, and what must have been said of it.
pub(super) struct Kept {
    pub row: StoredRow,
    pub commands: Vec<(OutputTopic, Vec<u8>)>,
    pub decisions: Vec<Vec<u8>>,
    /// Since when its bar waits for the engine alone, in the world's count.
    waits_since: Option<u64>,
}

/// What has to follow a record that was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Owed {
    Nothing,
    Meeting,
    DeadLetter,
}

/// A shard, folded.
pub(super) struct Fold<'w> {
    shard: Partition,
    stream: bool,
    book: PolicyBook,
    /// The policies of the last checkpoint, and from when each was in force.
    policies: &'w [(String, Timestamp, String)],
    /// By topic.
    sent: Vec<&'w [Sent]>,
    /// Index of the next record, by topic.
    next: [usize; InputTopic::ALL.len()],
    taken: Option<(InputTopic, &'w Sent)>,
    owed: Owed,
    clock: Timestamp,
    /// Bars that may go in an hour, until a person says otherwise, and when they went.
    budget: Option<u64>,
    went: Vec<Timestamp>,
    /// The latest deadline fired since the last record was taken.
    fired: Timestamp,
    /// The latest instant of any record, also of one that could not be read.
    brought: Timestamp,
    pub accounts: BTreeMap<String, Kept>,
    pub stale: Vec<StaleMark>,
    /// Cycles that went on by another version of the policy.
    pub changed: u64,
    pub dead: Vec<(InputTopic, i64)>,
}

type Judged = Result<(), String>;

fn demand(holds: bool, why: impl FnOnce() -> String) -> Judged {
    if holds { Ok(()) } else { Err(why()) }
}

impl<'w> Fold<'w> {
    pub(super) fn new(
        shard: Partition,
        sent: &'w [Vec<Vec<Sent>>],
        (book, policies): (PolicyBook, &'w [(String, Timestamp, String)]),
        settings: &Settings,
    ) -> Self {
        let stream = settings.clock == ClockMode::Stream;
        Self {
            shard,
            budget: settings.bars_per_hour,
            went: Vec::new(),
            stream,
            book,
            policies,
            sent: sent.iter().map(|topic| topic[shard as usize].as_slice()).collect(),
            next: [0; InputTopic::ALL.len()],
            taken: None,
            owed: Owed::Nothing,
            clock: Timestamp::MIN,
            fired: Timestamp::MIN,
            brought: Timestamp::MIN,
            accounts: BTreeMap::new(),
            stale: Vec::new(),
            changed: 0,
            dead: Vec::new(),
        }
    }

    pub(super) fn note(&mut self, noted: &Noted) -> Judged {
        match &noted.entry {
            Entry::Taken { topic, offset } => self.take(*topic, *offset),
            Entry::Met { account, kind, now } => self.meet(noted, account, *kind, *now),
            Entry::DeadLetter => self.bury(),
        }
    }

    /// Nothing is owed any more, and every record that can be read was taken.
    pub(super) fn end(&mut self) -> Judged {
        demand(self.owed == Owed::Nothing, || format!("what follows the last record is missing: {:?}", self.owed))?;
        for topic in InputTopic::ALL {
            let left = self.head(topic);
            demand(left.is_none(), || format!("{topic:?} at {} was never taken", left.map_or(0, |s| s.offset)))?;
        }
        Ok(())
    }

    /// The next record of a topic that anybody can read.
    fn head(&mut self, topic: InputTopic) -> Option<&'w Sent> {
        let (sent, next) = (self.sent[topic as usize], &mut self.next[topic as usize]);
        while sent.get(*next).is_some_and(|s| s.aborted) {
            *next += 1;
        }
        sent.get(*next)
    }

    fn take(&mut self, topic: InputTopic, offset: i64) -> Judged {
        demand(self.owed == Owed::Nothing, || format!("{topic:?} {offset} before {:?} of the last record", self.owed))?;
        let head = self.head(topic).map(|s| s.offset);
        demand(head == Some(offset), || format!("{topic:?} {offset} is taken where {head:?} comes next"))?;
        let Some(sent) = self.head(topic) else { return Ok(()) };
        if self.stream {
            self.judge_merge(topic, sent)?;
        }
        self.next[topic as usize] += 1;
        self.taken = Some((topic, sent));
        self.owed = match topic {
            _ if !sent.good => Owed::DeadLetter,
            InputTopic::Control => Owed::Nothing,
            InputTopic::Usage if !self.stream => Owed::Nothing,
            _ => Owed::Meeting,
        };
        if topic == InputTopic::Control { self.obey(sent) } else { Ok(()) }
    }

    /// Under `stream` the order is that of the timestamps, then of the topics, and every deadline before an instant
    /// comes before its records, none after them.
    fn judge_merge(&mut self, topic: InputTopic, sent: &Sent) -> Judged {
        let earliest =
            InputTopic::ALL.into_iter().filter_map(|t| self.head(t).map(|s| (s.timestamp, t))).min().map(|(_, t)| t);
        demand(earliest == Some(topic), || format!("{topic:?} {} is taken before {earliest:?}", sent.offset))?;
        let clock = self.clock.max(sent.timestamp);
        self.brought = self.brought.max(sent.timestamp);
        // A record that cannot be read brings deadlines and moves no clock: what is begun behind it may fall due before it.
        if sent.good {
            self.clock = clock;
        }
        let missed = self.accounts.values().filter_map(|k| k.row.account.deadline()).find(|due| *due < clock);
        demand(missed.is_none(), || format!("a deadline at {missed:?} comes after a record at {clock}"))?;
        let brought = self.brought;
        demand(self.fired < brought, || format!("a deadline at {} comes before a record at {brought}", self.fired))
    }

    fn obey(&mut self, sent: &Sent) -> Judged {
        let datum = sent.value.as_deref().and_then(|v| frame::split(v).ok()).map_or(&[][..], |(_, datum)| datum);
        let order = control::decode(datum).map_err(|e| e.to_string())?;
        match order.body {
            ControlBody::BarsReleased { account_id: None } => self.budget = None,
            ControlBody::BarsReleased { .. } => {}
            ControlBody::StaleReleased { account_id, topic, offset } => {
                let mark = StaleMark { topic, offset };
                match account_id.as_deref().and_then(|a| self.accounts.get_mut(a)) {
                    Some(kept) => kept.row.stale.retain(|m| *m != mark),
                    None => self.stale.retain(|m| *m != mark),
                }
            }
            ControlBody::PolicyPublished { label, text, effective_from } => {
                let known = self.policies.iter().find(|(known, ..)| *known == label);
                let (_, from, kept) = known.ok_or_else(|| format!("{label} was published and is not in force"))?;
                demand(*kept == text, || format!("another text is kept of {label}"))?;
                demand(effective_from.is_none_or(|at| *from >= at), || format!("{label} began at {from}"))?;
                let loaded = dunning_wire::policy::parse_again(&label, &text).map_err(|e| e.to_string())?;
                self.book.add(*from, Arc::new(loaded.policy.clone()));
            }
        }
        Ok(())
    }

    fn bury(&mut self) -> Judged {
        let Some((topic, sent)) = self.taken else { return Err("a dead letter without a record".to_owned()) };
        demand(self.owed == Owed::DeadLetter, || format!("{topic:?} {} is in order and a dead letter", sent.offset))?;
        self.owed = Owed::Nothing;
        self.dead.push((topic, sent.offset));
        if topic.moves_money() {
            let mark = StaleMark { topic, offset: sent.offset };
            match frame::account_key(Some(&sent.key)) {
                Ok(account) => self.kept(account).row.stale.push(mark),
                Err(_) => self.stale.push(mark),
            }
        }
        Ok(())
    }

    fn kept(&mut self, account: &str) -> &mut Kept {
        self.accounts.entry(account.to_owned()).or_insert_with(|| Kept {
            row: StoredRow { stale: Vec::new(), account: Account::new(account) },
            commands: Vec::new(),
            decisions: Vec::new(),
            waits_since: None,
        })
    }

    fn meet(&mut self, noted: &Noted, account: &str, kind: Kind, now: Timestamp) -> Judged {
        let sent = self.taken;
        let datum = sent.and_then(|(_, s)| s.value.as_deref()).and_then(|v| frame::split(v).ok()).map(|(_, d)| d);
        let event = match kind {
            Kind::Deadline => Event::Deadline,
            Kind::Gate(answer) => Event::Gate(answer),
            Kind::Erased => Event::Erased,
            // Where the order has one right answer, everything is made again as it was.
            Kind::PassedOver => return Err("commands that were found are passed over".to_owned()),
            Kind::Input { behind } => {
                let (topic, _) = sent.ok_or("an input without a record")?;
                let input = event::decode(topic, datum.unwrap_or_default()).map_err(|e| e.to_string())?.event;
                if behind { Event::Backlog(input) } else { Event::Input(input) }
            }
        };
        let of_record = matches!(kind, Kind::Input { .. } | Kind::Erased);
        if of_record {
            demand(self.owed == Owed::Meeting, || "a record meets its account twice".to_owned())?;
            self.owed = Owed::Nothing;
        }
        if kind == Kind::Deadline && self.stream {
            let due = self.kept(account).row.account.deadline();
            demand(due == Some(now), || format!("a deadline due {due:?} is fired at {now}"))?;
            self.fired = self.fired.max(now);
        }
        let cause = sent.filter(|_| of_record).map(|(topic, s)| {
            Cause::new(topic.contract_name(), i32::try_from(self.shard).unwrap_or(i32::MAX), s.offset)
        });
        self.step(noted, account, &event, now, cause.as_ref())
    }

    fn step(
        &mut self,
        noted: &Noted,
        id: &str,
        event: &Event<'_>,
        now: Timestamp,
        cause: Option<&Cause<'_>>,
    ) -> Judged {
        let kept = self.kept(id);
        let account = std::mem::replace(&mut kept.row.account, Account::new(""));
        let (before, was) = (invariant::Before::of(&account), account.pending().copied());
        let waits_since = kept.waits_since;
        let said = step(account, event, &self.book, now);
        let broken = invariant::broken(&before, &said, &self.book);
        demand(broken.is_empty(), || format!("{broken:?} is broken"))?;
        if said.commands.iter().any(|c| matches!(c.action, Action::Bar { .. })) {
            self.judge_bar(noted, id, waits_since, event)?;
            self.judge_budget(now)?;
        }
        if matches!(said.outcome, Outcome::Refused(_)) {
            self.owed = Owed::DeadLetter;
        }
        let kept = self.kept(id);
        for said in &said.commands {
            let mut datum = Vec::new();
            command::encode(id, said, &mut datum);
            kept.commands.push((command::topic_of(said), datum));
        }
        self.changed += said.decisions.iter().filter(|d| d.code == Code::PolicyChanged).count() as u64;
        let kept = self.kept(id);
        for decided in &said.decisions {
            let mut datum = Vec::new();
            decision::encode(id, said.account.currency, decided, cause, false, &mut datum);
            kept.decisions.push(datum);
        }
        let waits =
            |p: Option<&dunning_rules::PendingBar>| p.filter(|p| !p.held.is_some_and(Hold::is_own)).map(|p| p.due);
        let (before, after) = (waits(was.as_ref()), waits(said.account.pending()));
        if after != before || after.is_none() {
            kept.waits_since = after.map(|_| noted.moment);
        }
        kept.row.account = said.account;
        Ok(())
    }

    /// Windows begin with a bar, so that an hour can touch two of them.
    fn judge_budget(&mut self, now: Timestamp) -> Judged {
        self.went.push(now);
        let lately = self.went.iter().filter(|at| now.since(**at) < DAY_MS / 24).count() as u64;
        let budget = self.budget;
        demand(budget.is_none_or(|most| lately <= 2 * most), || {
            format!("{lately} bars in an hour, and {budget:?} may go")
        })
    }

    /// A bar goes only by the gate's word, when the clock is trusted, no record of the account is unread, and everything
    /// that lay on the bus when the bar fell due was taken.
    fn judge_bar(&mut self, noted: &Noted, id: &str, waits_since: Option<u64>, event: &Event<'_>) -> Judged {
        demand(matches!(event, Event::Gate(GateAnswer::Cleared)), || "a bar without the gate's word".to_owned())?;
        let stale = !self.stale.is_empty() || !self.kept(id).row.stale.is_empty();
        demand(!stale, || "a bar while a record could not be read".to_owned())?;
        if self.stream {
            return Ok(());
        }
        demand(!noted.doubtful, || "a bar while the clock is in doubt".to_owned())?;
        let since = waits_since.ok_or("a bar that never waited")?;
        for topic in InputTopic::ALL.into_iter().filter(|t| t.decides()) {
            let unread = self.head(topic).filter(|s| s.moment < since);
            demand(unread.is_none(), || {
                format!("a bar, and {topic:?} {} lay on the bus unread", unread.map_or(0, |s| s.offset))
            })?;
        }
        Ok(())
    }
}

/// A book with one policy.
pub(super) fn book(policy: &Arc<dunning_rules::Policy>) -> PolicyBook {
    PolicyBook::new(Arc::clone(policy), None)
}
