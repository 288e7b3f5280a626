//! One billing account: what it owes, where it stands, and what it does next by itself.

mod aside;
mod balance;
mod bars;
mod change;
mod charge;
mod charging;
mod erasure;
mod facts;
mod history;
mod imported;
mod ladder;
mod lines;
mod notices;
mod pause;
mod pausing;
mod provision;
mod reach;
mod relief;
mod remind;
mod resume;
mod retry;
mod say;
mod seen;
mod service;
mod step;
mod terms;
#[cfg(test)]
mod tests;
mod timing;
mod usage;
mod write_off;

use std::sync::Arc;

use crate::{BarLevel, Currency, Day, Id, Minor, Profile, Timestamp};

pub use aside::{Aside, Bases, BillAside, Offered, Suspended};
pub use charge::{Accrual, Booking, Charge, ChargeKind, Charges, Waiver};
pub use erasure::Erasure;
pub use history::{History, PaidBill};
pub use imported::{Imported, ImportedBar};
pub use ladder::standing;
pub(crate) use ladder::zone_of;
pub use lines::{BillLines, KnownLine};
pub use notices::{Awaited, Fate, Notices};
pub use pause::{HoldInForce, Pauses, Plan, Promise, Transit};
pub use reach::Reach;
pub use retry::{Retry, RetryState};
pub use seen::{Seen, SeenId};
pub use service::{BarredServices, ChargedServices, FailedBar, Restored, Services};
pub use step::step;
pub use terms::{BillTerms, TermAside};
pub use usage::UsageWatch;
pub use write_off::WriteOff;

/// The state of one billing account: a pure function of the policies, its own events, and the instants at which they
/// met it.
#[derive(Clone, Debug, PartialEq)]
pub struct Account {
    /// The billing account.
    pub id: Id,
    /// The instant of the last thing that happened to it; never goes back.
    pub line: Timestamp,
    /// The sequence of its last command; 0 before the first.
    pub sequence: u64,
    /// The number of its last decision; 0 before the first.
    pub decisions: u64,
    /// Of its first bill, payment or credit.
    pub currency: Option<Currency>,
    /// Money that is set against no bill.
    pub credit: Minor,
    /// All that ever moved, without signs: see [`Minor::TURNOVER_MAX`].
    pub turnover: Minor,
    /// By due date, then id.
    pub bills: Vec<Bill>,
    /// In the order received.
    pub payments: Vec<Payment>,
    /// In the order opened.
    pub disputes: Vec<Dispute>,
    /// The ids of the events that it has taken.
    pub seen: Seen,
    /// Who it is, once its profile was seen.
    pub profile: Option<Box<Profile>>,
    /// A person's decision on bars: until when they are allowed (a protected customer) or refused (anyone).
    pub bar_decided: Option<BarDecided>,
    /// How many cycles have started.
    pub cycles: u32,
    /// The cycle that runs.
    pub cycle: Option<Cycle>,
    /// What only some policies ask to be remembered.
    pub aside: Option<Box<Aside>>,
    /// When it acts next by itself; `None`: only an event can move it.
    pub deadline: Option<Timestamp>,
}

/// A person's decision on bars.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BarDecided {
    /// True: allowed, also on a protected customer; false: refused.
    pub allowed: bool,
    /// Until when; `None`: until decided again.
    pub until: Option<Timestamp>,
}

/// A bill.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bill {
    /// Unique within the account.
    pub id: Id,
    /// As issued.
    pub amount: Minor,
    /// The sum of credit and debit notes.
    pub adjustments: Minor,
    /// Paid, by payments and from credit.
    pub paid: Minor,
    /// Credited by disputes.
    pub credited: Minor,
    /// Given up.
    pub written_off: Minor,
    /// Contested; may exceed what is open, once that was paid.
    pub disputed: Minor,
    /// Last day on which a payment is in time.
    pub due_on: Day,
    /// The day its last dispute was resolved: its age begins there.
    pub clear_from: Option<Day>,
}

impl Bill {
    /// A bill of which nothing is paid.
    pub(crate) const fn new(id: Id, amount: Minor, due_on: Day) -> Self {
        let zero = Minor::ZERO;
        Self {
            id,
            amount,
            adjustments: zero,
            paid: zero,
            credited: zero,
            written_off: zero,
            disputed: zero,
            due_on,
            clear_from: None,
        }
    }

    /// What is left to pay.
    #[must_use]
    pub fn open(&self) -> Minor {
        (self.amount + self.adjustments - self.paid - self.credited - self.written_off).or_zero()
    }

    /// What is left to pay and not disputed.
    #[must_use]
    pub fn undisputed(&self) -> Minor {
        (self.open() - self.disputed).or_zero()
    }
}

/// A payment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payment {
    /// Unique within the account.
    pub id: Id,
    /// Its amount less what was reversed.
    pub left: Minor,
    /// The UTC day it was taken.
    pub day: Day,
    /// What it put on bills, in the order of putting.
    pub parts: Vec<PaymentPart>,
}

/// What a payment put on a bill.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PaymentPart {
    /// The bill.
    pub bill: Id,
    /// What of it is still there.
    pub amount: Minor,
}

/// A dispute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dispute {
    /// Unique within the account.
    pub id: Id,
    /// True once it ended.
    pub resolved: bool,
    /// The UTC day it was opened.
    pub day: Day,
    /// What it disputes; empty once it ended.
    pub parts: Vec<DisputedPart>,
}

/// What a dispute contests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DisputedPart {
    /// The bill.
    pub bill: Id,
    /// What it added to the bill's disputed amount.
    pub amount: Minor,
}

/// A dunning cycle: from the first overdue debt to its cure.
#[derive(Clone, Debug, PartialEq)]
pub struct Cycle {
    /// From 1, within the account.
    pub number: u32,
    /// The label of the policy that it keeps to its end.
    pub policy: Arc<str>,
    /// When it started.
    pub started: Timestamp,
    /// The steps' offsets count from here.
    pub anchor: Timestamp,
    /// Index of the next step.
    pub next: u16,
    /// True while the next step waits for the minimum to be owed again.
    pub waits: bool,
    /// The notices sent in it, in order.
    pub sent: Vec<SentStep>,
    /// The bars sent in it, in order.
    pub bars: Vec<BarInForce>,
    /// The bar that fell due and waits for the gate.
    pub pending: Option<PendingBar>,
}

impl Cycle {
    /// It goes on at an earlier step: what came behind that comes again.
    fn go_back_to(&mut self, step: u16) {
        (self.next, self.waits) = (step.min(self.next), false);
        self.sent.retain(|sent| sent.step < step);
    }
}

/// A notice that was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SentStep {
    /// Index of the step.
    pub step: u16,
    /// When.
    pub at: Timestamp,
    /// The command's sequence.
    pub sequence: u64,
    /// The date that it named for the bar that follows.
    pub announced_for: Option<Day>,
}

/// A bar that was sent and not lifted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BarInForce {
    /// Index of the step.
    pub step: u16,
    /// When.
    pub at: Timestamp,
    /// The command's sequence.
    pub sequence: u64,
    /// How far.
    pub level: BarLevel,
}

/// A bar that fell due and waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PendingBar {
    /// When it fell due.
    pub due: Timestamp,
    /// Why it waits, where it is more than the first look at the inputs.
    pub held: Option<Hold>,
    /// True once a person let it go: budgets no longer hold it.
    pub released: bool,
}

/// Why a bar waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Hold {
    /// A record of the account could not be read; it may have been a payment.
    StaleAccount,
    /// A record could not be read and its account is not known; it may have been a payment of this one.
    StaleShard,
    /// The clock cannot be trusted.
    ClockDoubt,
    /// More bars than the budget allows.
    Budget,
    /// An input could not be read to its end.
    InputsBehind,
    /// The account's profile was never seen.
    NoProfile,
    /// The customer is protected and no person decided.
    Protected,
    /// A person refused it.
    Refused,
    /// The warning that must precede it was not sent in this cycle.
    NoWarning,
    /// A hold stops bars.
    OnHold,
    /// Billing says that something else is owed.
    BalanceDiffers,
    /// The warning that must precede it has not arrived, or not long enough ago.
    NotServed,
    /// None of the services that it is for may be restricted.
    NoService,
}

/// Every reason to hold a bar, with its word for counters.
pub const HELD_WORDS: [(Hold, &str); 13] = [
    (Hold::StaleAccount, "stale_account"),
    (Hold::StaleShard, "stale_shard"),
    (Hold::ClockDoubt, "clock_doubt"),
    (Hold::Budget, "budget"),
    (Hold::InputsBehind, "inputs_behind"),
    (Hold::NoProfile, "no_profile"),
    (Hold::Protected, "protected"),
    (Hold::Refused, "refused"),
    (Hold::NoWarning, "no_warning"),
    (Hold::OnHold, "on_hold"),
    (Hold::BalanceDiffers, "balance_differs"),
    (Hold::NotServed, "not_served"),
    (Hold::NoService, "no_service"),
];

impl Hold {
    /// A word for machines.
    #[must_use]
    pub fn word(self) -> &'static str {
        HELD_WORDS[self as usize].1
    }

    /// In words for a person.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::StaleAccount => "a record of this account could not be read, and it may have been a payment",
            Self::StaleShard => "a record without a readable account could not be read, and it may have been a payment",
            Self::ClockDoubt => "the clock cannot be trusted",
            Self::Budget => "more bars are due than the budget allows; a person has to look",
            Self::InputsBehind => "an input could not be read to its end",
            Self::NoProfile => "the account's profile was never seen",
            Self::Protected => "the customer is protected, and no person has decided",
            Self::Refused => "a person refused bars",
            Self::NoWarning => "the warning that must precede it was not sent in this cycle",
            Self::OnHold => "a hold on the account stops bars",
            Self::BalanceDiffers => "billing says that something else is owed than is known here",
            Self::NotServed => "the warning that must precede it is not known to have arrived, or not long enough ago",
            Self::NoService => "none of the services that it is for may be restricted",
        }
    }

    /// True where the account itself is the reason, and an event of its own can end it.
    #[must_use]
    pub const fn is_own(self) -> bool {
        matches!(
            self,
            Self::NoProfile
                | Self::Protected
                | Self::Refused
                | Self::NoWarning
                | Self::OnHold
                | Self::BalanceDiffers
                | Self::NotServed
                | Self::NoService
        )
    }
}

/// Where an account stands, for people and for counters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// Not dunned.
    Clear,
    /// In a cycle, nothing sent yet.
    Entered,
    /// A notice was sent in this cycle.
    Notified,
    /// Barred so far.
    Barred(BarLevel),
}

impl Stage {
    /// A word for machines.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Clear => "clear",
            Self::Entered => "entered",
            Self::Notified => "notified",
            Self::Barred(BarLevel::Throttled) => "barred_throttled",
            Self::Barred(BarLevel::Outgoing) => "barred_outgoing",
            Self::Barred(BarLevel::Full) => "barred_full",
            Self::Barred(BarLevel::Terminated) => "terminated",
        }
    }
}

impl Account {
    /// An account to which nothing has happened.
    #[must_use]
    pub fn new(id: &str) -> Self {
        Self {
            id: id.into(),
            line: Timestamp::MIN,
            sequence: 0,
            decisions: 0,
            currency: None,
            credit: Minor::ZERO,
            turnover: Minor::ZERO,
            bills: Vec::new(),
            payments: Vec::new(),
            disputes: Vec::new(),
            seen: Seen::default(),
            profile: None,
            bar_decided: None,
            cycles: 0,
            cycle: None,
            aside: None,
            deadline: None,
        }
    }

    /// When it acts next by itself: the earliest of its own deadlines.
    #[must_use]
    pub const fn deadline(&self) -> Option<Timestamp> {
        self.deadline
    }

    /// The bar that fell due and waits for the gate's answer.
    #[must_use]
    pub fn pending(&self) -> Option<&PendingBar> {
        self.cycle.as_ref()?.pending.as_ref()
    }

    /// Where it stands; clear as long as all of it is stopped, but for bars that are in force.
    #[must_use]
    pub fn stage(&self) -> Stage {
        match &self.cycle {
            None => match self.imported_bars().iter().map(|bar| bar.level).max() {
                Some(level) => Stage::Barred(level),
                None => Stage::Clear,
            },
            Some(c) => match self.in_force().max() {
                Some(level) => Stage::Barred(level),
                None if self.is_paused() => Stage::Clear,
                None if c.sent.is_empty() => Stage::Entered,
                None => Stage::Notified,
            },
        }
    }

    /// How far the bars go that are in force, those of another system too.
    fn in_force(&self) -> impl Iterator<Item = BarLevel> {
        let own = self.cycle.iter().flat_map(|cycle| &cycle.bars).map(|bar| bar.level);
        own.chain(self.imported_bars().iter().map(|bar| bar.level))
    }

    /// What is owed in all, disputed or not, due or not.
    #[must_use]
    pub fn open(&self) -> Minor {
        self.bills.iter().map(Bill::open).sum()
    }
}
