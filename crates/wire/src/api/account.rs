use std::fmt;

use dunning_rules::{
    Account, Bill, Cycle, Day, Fate, ImportedBar, KnownLine, Pauses, PendingBar, Policy, Profile, TermAside, Timestamp,
};
use serde::Serialize;

use super::Money;
use super::charges::ChargeView;
use super::pauses::PausesView;
use super::retries::RetryView;
use crate::json;
use crate::state::{StaleMark, StoredRow};

/// Where an account stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AccountView {
    /// The billing account.
    pub account_id: String,
    /// Where it stands, in a word.
    pub stage: &'static str,
    /// The instant of the last thing that happened to it; none: nothing did.
    #[serde(serialize_with = "json::maybe_instant")]
    pub as_of: Option<Timestamp>,
    /// Open in all, disputed or not, due or not.
    pub open: Money,
    /// Money that is set against no bill.
    pub credit: Money,
    /// When it acts next by itself; none: only an event can move it.
    #[serde(serialize_with = "json::maybe_instant")]
    pub deadline: Option<Timestamp>,
    /// Sequence of its last command; 0: none.
    pub last_sequence: u64,
    /// The dunning cycle that runs.
    pub cycle: Option<CycleView>,
    /// By due date.
    pub bills: Vec<BillView>,
    /// Who it is, once its profile was seen.
    pub profile: Option<ProfileView>,
    /// A person's decision on bars: `allowed` or `refused`.
    pub bars_decided: Option<&'static str>,
    /// What stops it, or did; none: nothing ever.
    pub pauses: Option<PausesView>,
    /// Payments that failed and are collected again.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub retries: Vec<RetryView>,
    /// What it is charged for paying late.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub charges: Vec<ChargeView>,
    /// Bars of another system, from which it was taken over, that are in force.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub imported_bars: Vec<ImportedBarView>,
    /// True where provisioning could not do the last restoration, and it was not sent again since.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub restoration_failed: bool,
    /// Records that could not be read: no bar is sent until they are looked at.
    pub stale: Vec<StaleView>,
}

/// A bill.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BillView {
    /// Unique within the account.
    pub bill_id: String,
    /// As issued, with credit and debit notes.
    pub amount: Money,
    /// Left to pay.
    pub open: Money,
    /// Contested, at most what is open.
    pub disputed: Money,
    /// Last day on which a payment is in time.
    #[serde(serialize_with = "json::day")]
    pub due_on: Day,
    /// The parts in which it is to be paid; empty: all of it on `due_on`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub terms: Vec<TermView>,
    /// What it is made of, as long as something of it is owed; empty: one line, or it is not remembered.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub lines: Vec<LineView>,
}

/// A line of a bill.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LineView {
    /// Unique within the bill.
    pub line_id: String,
    /// May be negative.
    pub amount: Money,
}

/// A part of a bill with its own last day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TermView {
    /// Last day.
    #[serde(serialize_with = "json::day")]
    pub due_on: Day,
    /// As issued.
    pub amount: Money,
}

/// A dunning cycle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CycleView {
    /// From 1, within the account.
    pub number: u32,
    /// `name@version`.
    pub policy: String,
    /// When it started.
    #[serde(serialize_with = "json::instant")]
    pub started: Timestamp,
    /// The steps count from here.
    #[serde(serialize_with = "json::instant")]
    pub anchor: Timestamp,
    /// The next step; none: all were taken.
    pub next_step: Option<String>,
    /// True while it waits for the minimum to be owed again.
    pub waits: bool,
    /// The notices sent.
    pub sent: Vec<SentView>,
    /// The bars in force.
    pub bars: Vec<BarView>,
    /// The bar that fell due and waits.
    pub pending: Option<PendingView>,
}

/// A notice that was sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SentView {
    /// The step.
    pub step: String,
    /// When.
    #[serde(serialize_with = "json::instant")]
    pub at: Timestamp,
    /// The command's sequence.
    pub sequence: u64,
    /// What became of it, where that matters: `unheard`, `arrived` or `lost`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fate: Option<&'static str>,
}

/// A bar in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BarView {
    /// The step.
    pub step: String,
    /// When.
    #[serde(serialize_with = "json::instant")]
    pub at: Timestamp,
    /// The command's sequence.
    pub sequence: u64,
    /// How far.
    pub level: &'static str,
    /// Only these services; empty: all of the account.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub services: Vec<String>,
    /// True where provisioning could not do it, and it was not sent again since.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub failed: bool,
}

/// A bar of another system in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ImportedBarView {
    /// Its name there.
    pub bar_ref: String,
    /// Since when.
    #[serde(serialize_with = "json::instant")]
    pub since: Timestamp,
    /// How far.
    pub level: &'static str,
    /// The services that it restricts; empty: all of the account.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub services: Vec<String>,
}

/// A bar that waits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PendingView {
    /// When it fell due.
    #[serde(serialize_with = "json::instant")]
    pub due: Timestamp,
    /// The word of what holds it; none: it waits until all that came before is read.
    pub held: Option<&'static str>,
    /// The same for people.
    pub why: &'static str,
}

/// Who the account is, without ways to reach anyone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ProfileView {
    /// Customer category.
    pub segment: String,
    /// ISO 3166 code, or empty.
    pub region: String,
    /// BCP 47 tag.
    pub language: String,
    /// Where its days begin.
    pub time_zone: &'static str,
    /// Never barred without a person's decision.
    pub vulnerable: bool,
    /// Channels that the customer takes notices on, in the customer's order.
    pub channels: Vec<&'static str>,
    /// How many services it has.
    pub services: usize,
    /// `active`, `closed`, or the operator's own word.
    pub status: String,
}

/// A record that could not be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StaleView {
    /// Name of the topic in the contract.
    pub topic: &'static str,
    /// Its offset in the account's partition.
    pub offset: i64,
}

impl From<&ImportedBar> for ImportedBarView {
    fn from(bar: &ImportedBar) -> Self {
        Self {
            bar_ref: bar.reference.to_string(),
            since: bar.since,
            level: bar.level.symbol(),
            services: bar.services.iter().map(ToString::to_string).collect(),
        }
    }
}

impl From<&StaleMark> for StaleView {
    fn from(mark: &StaleMark) -> Self {
        Self { topic: mark.topic.contract_name(), offset: mark.offset }
    }
}

impl AccountView {
    /// The view of a stored account. With the policy of its cycle, steps have their names; without, their numbers.
    #[must_use]
    pub fn new(row: &StoredRow, policy: Option<&Policy>) -> Self {
        let account: &Account = &row.account;
        let currency = account.currency.as_ref().map_or("", |c| c.as_str());
        Self {
            account_id: account.id.to_string(),
            stage: account.stage().word(),
            as_of: Some(account.line).filter(|line| *line != Timestamp::MIN),
            open: Money::new(account.open(), currency),
            credit: Money::new(account.credit, currency),
            deadline: account.deadline(),
            last_sequence: account.sequence,
            cycle: account.cycle.as_ref().map(|cycle| CycleView::new(cycle, account, policy)),
            bills: account.bills.iter().map(|bill| BillView::new(bill, account, currency)).collect(),
            profile: account.profile.as_deref().map(ProfileView::new),
            bars_decided: account.bar_decided.map(|decided| if decided.allowed { "allowed" } else { "refused" }),
            pauses: account.pauses().filter(|p| **p != Pauses::default()).map(|p| PausesView::new(p, currency)),
            charges: ChargeView::of(account, currency),
            retries: account.retries().iter().map(|retry| RetryView::new(retry, currency)).collect(),
            imported_bars: account.imported_bars().iter().map(ImportedBarView::from).collect(),
            restoration_failed: account
                .services()
                .is_some_and(|known| known.restored.iter().any(|restored| !restored.failed.is_empty())),
            stale: row.stale.iter().map(StaleView::from).collect(),
        }
    }
}

impl BillView {
    fn new(bill: &Bill, account: &Account, currency: &str) -> Self {
        let term =
            |known: &TermAside| TermView { due_on: known.term.due_on, amount: Money::new(known.term.amount, currency) };
        let line =
            |known: &KnownLine| LineView { line_id: known.id.to_string(), amount: Money::new(known.amount, currency) };
        Self {
            bill_id: bill.id.to_string(),
            amount: Money::new(bill.amount + bill.adjustments, currency),
            open: Money::new(bill.open(), currency),
            disputed: Money::new(bill.disputed.min(bill.open()), currency),
            due_on: bill.due_on,
            terms: account.terms_of(bill).iter().map(term).collect(),
            lines: account.lines_of(&bill.id).iter().map(line).collect(),
        }
    }
}

impl CycleView {
    fn new(cycle: &Cycle, account: &Account, policy: Option<&Policy>) -> Self {
        let procedure = account.procedure();
        let policy = policy.filter(|p| p.label == cycle.policy);
        let name = |step: u16| match policy {
            Some(policy) => policy.steps.get(usize::from(step)).map(|s| s.name.to_string()),
            None => Some(format!("step {}", u32::from(step) + 1)),
        };
        let named = |step: u16| name(step).unwrap_or_default();
        Self {
            number: cycle.number,
            policy: cycle.policy.to_string(),
            started: cycle.started,
            anchor: cycle.anchor,
            next_step: name(cycle.next)
                .filter(|_| policy.is_none_or(|p| p.ladder(procedure).contains(&usize::from(cycle.next)))),
            waits: cycle.waits,
            sent: cycle
                .sent
                .iter()
                .map(|s| SentView { step: named(s.step), at: s.at, sequence: s.sequence, fate: fate(account, s.step) })
                .collect(),
            bars: cycle
                .bars
                .iter()
                .map(|b| BarView {
                    step: named(b.step),
                    at: b.at,
                    sequence: b.sequence,
                    level: b.level.symbol(),
                    services: account.restricted_by(b).iter().map(ToString::to_string).collect(),
                    failed: account.has_failed(b),
                })
                .collect(),
            pending: cycle.pending.as_ref().map(PendingView::new),
        }
    }
}

/// What is known of the notice of a step, where it matters.
fn fate(account: &Account, step: u16) -> Option<&'static str> {
    let known = account.awaited().iter().find(|known| known.step == step)?;
    Some(match known.fate {
        Fate::Unheard => "unheard",
        Fate::Arrived(_) => "arrived",
        Fate::Lost => "lost",
    })
}

impl PendingView {
    fn new(pending: &PendingBar) -> Self {
        Self {
            due: pending.due,
            held: pending.held.map(dunning_rules::Hold::word),
            why: pending.held.map_or("it waits until all that came before is read", dunning_rules::Hold::words),
        }
    }
}

impl ProfileView {
    fn new(profile: &Profile) -> Self {
        Self {
            segment: profile.segment.to_string(),
            region: profile.region.to_string(),
            language: profile.language.to_string(),
            time_zone: profile.zone.name(),
            vulnerable: profile.vulnerable,
            channels: profile.contacts.iter().filter(|c| c.consent).map(|c| c.channel.symbol()).collect(),
            services: profile.services.len(),
            status: profile.status.to_string(),
        }
    }
}

impl fmt::Display for AccountView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "account {}: {}", self.account_id, self.stage.replace('_', " "))?;
        match self.as_of {
            Some(at) => writeln!(f, "  as of       {at}")?,
            None => writeln!(f, "  as of       nothing has happened yet")?,
        }
        writeln!(f, "  open        {}", self.open)?;
        writeln!(f, "  credit      {}", self.credit)?;
        match self.deadline {
            Some(at) => writeln!(f, "  acts next   {at}")?,
            None => writeln!(f, "  acts next   on its next event")?,
        }
        if let Some(profile) = &self.profile {
            writeln!(f, "  profile     {profile}")?;
        }
        if let Some(decided) = self.bars_decided {
            writeln!(f, "  bars        {decided} by a person")?;
        }
        if let Some(pauses) = &self.pauses {
            write!(f, "{pauses}")?;
        }
        for stale in &self.stale {
            writeln!(f, "  stale       a record could not be read: {} offset {}", stale.topic, stale.offset)?;
        }
        for bill in &self.bills {
            writeln!(f, "  bill        {bill}")?;
        }
        for charge in &self.charges {
            writeln!(f, "  charge      {charge}")?;
        }
        for retry in &self.retries {
            writeln!(f, "  payment     {retry}")?;
        }
        for bar in &self.imported_bars {
            let ImportedBarView { bar_ref, since, level, services } = bar;
            writeln!(f, "  barred      {since}  {level}{} by another system ({bar_ref})", of(services))?;
        }
        if self.restoration_failed {
            writeln!(f, "  restored    provisioning could not do it")?;
        }
        match &self.cycle {
            Some(cycle) => write!(f, "{cycle}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for ProfileView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}, {}, {} services", self.segment, self.status, self.time_zone, self.services)?;
        if self.vulnerable { write!(f, ", protected") } else { Ok(()) }
    }
}

impl fmt::Display for BillView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}  due {}  {} of {} open", self.bill_id, self.due_on, self.open, self.amount)?;
        if self.disputed.minor > 0 {
            write!(f, ", {} disputed", self.disputed)?;
        }
        self.terms.iter().try_for_each(|term| write!(f, ", {} by {}", term.amount, term.due_on))
    }
}

/// The services that a bar is for, where it is for some only.
fn of(services: &[String]) -> String {
    if services.is_empty() { String::new() } else { format!(" of {}", services.join(", ")) }
}

impl fmt::Display for CycleView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "  cycle       {} under {}, since {}", self.number, self.policy, self.started)?;
        for sent in &self.sent {
            let fate = sent.fate.map_or(String::new(), |fate| format!(", {fate}"));
            writeln!(f, "    sent      {}  {} (command {}{fate})", sent.at, sent.step, sent.sequence)?;
        }
        for bar in &self.bars {
            let services = of(&bar.services);
            let failed = if bar.failed { ", provisioning could not do it" } else { "" };
            let BarView { at, step, level, sequence, .. } = bar;
            writeln!(f, "    barred    {at}  {step} {level}{services} (command {sequence}{failed})")?;
        }
        if let Some(pending) = &self.pending {
            writeln!(f, "    waiting   {}  a bar is due: {}", pending.due, pending.why)?;
        }
        match &self.next_step {
            Some(step) if self.waits => writeln!(f, "    next      {step}, once the minimum is owed again"),
            Some(step) => writeln!(f, "    next      {step}"),
            None => writeln!(f, "    next      no further step"),
        }
    }
}
