//! What dunning is: money, ids, events, commands, policy, and the account with its one [`step`] function.
//!
//! This crate is pure and total. There is no I/O here, no clock, no async, no hash-ordered iteration and no serde:
//! time is passed in, every input has an answer, and the same arguments always give the same result. Replay,
//! simulation, `explain` and the differential test rest on that.

mod account;
mod calendar;
mod change;
mod charge;
mod command;
mod condition;
mod contact;
mod currency;
mod decision;
mod event;
mod id;
pub mod invariant;
mod money;
mod notice;
mod pause;
mod policy;
mod profile;
mod retry;
mod service;
#[cfg(test)]
mod tests;
mod time;
mod usage;

pub use account::{
    Account, Accrual, Aside, Awaited, BarDecided, BarInForce, BarredServices, Bases, Bill, BillAside, BillLines,
    BillTerms, Booking, Charge, ChargeKind, ChargedServices, Charges, Cycle, Dispute, DisputedPart, Erasure, FailedBar,
    Fate, HELD_WORDS, History, Hold, HoldInForce, Imported, ImportedBar, KnownLine, Notices, Offered, PaidBill, Pauses,
    Payment, PaymentPart, PendingBar, Plan, Promise, Reach, Restored, Retry, RetryState, Seen, SeenId, SentStep,
    Services, Stage, Suspended, TermAside, Transit, UsageWatch, Waiver, WriteOff, standing, step,
};
pub use calendar::{Calendar, Holidays, Offset, is_within};
pub use change::OnChange;
pub use charge::{ChargeRules, FeeOn, FeeRule, InterestRule, Posting, Take, Unpaid};
pub use command::{Action, BarLevel, Channel, Command, LedgerKind, RestorationReason};
pub use condition::{FlagOf, NumberOf, Test, WordOf};
pub use contact::{Cap, Channels, ContactHours, ContactRules, Contacted, Quiet};
pub use currency::Currency;
pub use decision::{Code, Decision, NoCharge, NoEffect, NoRetry, Outcome, Refusal, Transition};
pub use event::{
    BarThere, Body, ContactOutcome, DisputeOutcome, Event, Failed, Found, FoundAction, GateAnswer, Input, Interaction,
    Line, ReversalKind, Stops, Term,
};
pub use id::{Id, IdHash, command_id};
pub use money::Minor;
pub use notice::{Fallback, Heard, NoticeRule, ServedWhen, Withdraw};
pub use pause::{AgreementRules, HoldKinds, PauseRules, PlanOffer, Resumes, TRANSIT_DAYS, WHOLE_SHARE};
pub use policy::{
    Anchor, BelowMinimum, DebitNote, DisputeEnd, Options, PayDisputed, Policy, PolicyBook, Procedure, Repeat,
    SelectRule, Share, Shortcuts, Step, StepAction, StepRule, Timing, Unmet, WarningRule, ZoneRule,
};
pub use profile::{Contact, Profile, ProfileFacts, SCORES_MAX, Score, Service};
pub use retry::RetryRules;
pub use service::{PartRestored, ServiceResult, ServiceRules};
pub use time::{DAY_MS, Day, MONTHS, Timestamp, Zone};
pub use usage::{EarlyWarning, Usage, UsageOf};

/// The version of the rules in this crate, written into every decision: two decisions with the same policy, event and
/// rules version are the same.
pub const RULES_VERSION: u32 = 1;
