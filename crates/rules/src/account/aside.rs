use super::charge::Charges;
use super::erasure::Erasure;
use super::history::History;
use super::imported::Imported;
use super::lines::BillLines;
use super::notices::Notices;
use super::pause::Pauses;
use super::reach::Reach;
use super::retry::Retry;
use super::service::Services;
use super::terms::BillTerms;
use super::usage::UsageWatch;
use super::write_off::WriteOff;
use crate::{Account, Contacted, Cycle, Day, Id, Minor, ProfileFacts, Term, Timestamp};

/// What only some policies ask to be remembered of an account. There is none where all of it is empty.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Aside {
    /// Of bills that the account has, in the order issued.
    pub bills: Vec<BillAside>,
    /// The notices that caps still count, oldest first.
    pub contacts: Vec<Contacted>,
    /// Of the cycle that runs.
    pub bases: Option<Bases>,
    /// Index of the procedure that the cycle follows; 0: that of everybody, or no cycle runs.
    pub procedure: u16,
    /// What stops it, or did.
    pub pauses: Pauses,
    /// The last cycle, where its debt may come back.
    pub suspended: Option<Box<Suspended>>,
    /// How the customer can be reached.
    pub reach: Reach,
    /// Of bills that are to be paid in terms, in the order issued.
    pub terms: Vec<BillTerms>,
    /// Payments that failed and are collected again, the one that failed first before the others.
    pub retries: Vec<Retry>,
    /// What it is charged for paying late.
    pub charges: Option<Box<Charges>>,
    /// What its profile says beyond what most do.
    pub facts: Option<Box<ProfileFacts>>,
    /// How it paid, where a policy asks for it.
    pub history: Option<Box<History>>,
    /// The plan that the last notice of the cycle offered, as long as it was not answered.
    pub offered: Option<Box<Offered>>,
    /// Notices of which it matters what becomes of them.
    pub notices: Option<Box<Notices>>,
    /// Write-offs that billing was asked for, the first one first.
    pub write_offs: Vec<WriteOff>,
    /// Sequences of requests that billing has booked: it may say so again.
    pub booked: Vec<u64>,
    /// What it came with from another system.
    pub imported: Option<Box<Imported>>,
    /// The days on which the last cycles that restricted service first did, where a policy asks for it.
    pub barred: Vec<Day>,
    /// The number of the last of those cycles; 0: there was none.
    pub barred_in: u32,
    /// That its data is to be erased, or was.
    pub erasure: Option<Erasure>,
    /// Of its services, and what was reported of bars and restorations.
    pub services: Option<Box<Services>>,
    /// Of bills of which something is owed and that have more than one line, in the order issued.
    pub lines: Vec<BillLines>,
    /// What it uses, where a policy watches that.
    pub usage: Option<Box<UsageWatch>>,
}

/// A plan that a notice offered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offered {
    /// The sequence of the notice.
    pub sequence: u64,
    /// In the order of their days; at least one.
    pub instalments: Vec<Term>,
}

/// A cycle whose debt is gone and may come back.
#[derive(Clone, Debug, PartialEq)]
pub struct Suspended {
    /// As it is to go on: nothing in force, nothing waiting.
    pub cycle: Cycle,
    /// Index of its procedure.
    pub procedure: u16,
    /// What its steps were counted from.
    pub bases: Option<Bases>,
    /// When its debt was gone.
    pub at: Timestamp,
}

/// What some policies ask of a bill.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BillAside {
    /// The bill.
    pub bill: Id,
    /// Its date.
    pub issued_on: Day,
    /// How many of the policy's notices before its due date are behind it.
    pub reminded: u16,
    /// Its kind; empty where no policy asked for it.
    pub kind: Id,
}

/// What the steps of the cycle that runs are counted from, besides its anchor; and how often the last one came again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bases {
    /// The beginning of the date of the oldest bill.
    pub issue: Timestamp,
    /// The beginning of the cycle.
    pub entry: Timestamp,
    /// The last step that was taken.
    pub previous: Timestamp,
    /// So often was the next step taken already: it is one that comes again.
    pub repeats: u16,
}

impl Account {
    /// What is remembered of a bill beside its amounts.
    pub(super) fn bill_aside(&self, bill: &str) -> Option<&BillAside> {
        self.aside.as_ref()?.bills.iter().find(|b| &*b.bill == bill)
    }

    /// Index of the procedure that the cycle which runs follows.
    #[must_use]
    pub fn procedure(&self) -> u16 {
        self.aside.as_ref().map_or(0, |aside| aside.procedure)
    }

    pub(super) fn bases(&self) -> Option<&Bases> {
        self.aside.as_ref()?.bases.as_ref()
    }

    pub(super) fn bases_mut(&mut self) -> Option<&mut Bases> {
        self.aside.as_mut()?.bases.as_mut()
    }

    /// What its profile says beyond what most do.
    #[must_use]
    pub fn facts(&self) -> Option<&ProfileFacts> {
        self.aside.as_ref()?.facts.as_deref()
    }

    /// Each profile replaces the last.
    pub(super) fn put_facts(&mut self, facts: Option<Box<ProfileFacts>>) {
        if facts.is_some() || self.facts().is_some() {
            self.aside_mut().facts = facts;
        }
    }

    pub(super) fn aside_mut(&mut self) -> &mut Aside {
        self.aside.get_or_insert_default()
    }

    /// Drops what is remembered of bills that are gone, and what is empty: at the end of every transition.
    pub(super) fn tidy_aside(&mut self) {
        self.tidy_charges();
        self.tidy_imported();
        let Some(aside) = &mut self.aside else { return };
        aside.bills.retain(|known| self.bills.iter().any(|b| b.id == known.bill));
        aside.write_offs.retain(|asked| self.bills.iter().any(|b| b.id == asked.bill));
        aside.terms.retain(|known| self.bills.iter().any(|b| b.id == known.bill));
        aside.lines.retain(|known| self.bills.iter().any(|b| b.id == known.bill && b.open() > Minor::ZERO));
        aside.suspended.take_if(|_| self.bills.is_empty());
        if self.bills.is_empty() {
            aside.booked.clear();
        }
        self.tidy_notices();
        self.tidy_services();
        self.tidy_usage();
        let Some(aside) = &self.aside else { return };
        if **aside == Aside::default() {
            self.aside = None;
        }
    }
}
