use std::sync::Arc;

use uuid::Uuid;

use crate::{ChargeKind, Day, Id, Minor, Term, Timestamp};

/// What downstream systems are told to do. The fields are those of the command schemas.
#[derive(Clone, Debug, PartialEq)]
pub struct Command {
    /// UUIDv5 of account and sequence: [`crate::command_id`].
    pub id: Uuid,
    /// Per account, over all command topics: 1, 2, 3, …
    pub sequence: u64,
    /// The instant of the decision on the account's own line.
    pub decided_at: Timestamp,
    /// `name@version`.
    pub policy: Arc<str>,
    /// The step of the policy that decided; `restore` for a restoration.
    pub step: Arc<str>,
    /// Overdue and not disputed.
    pub amount_due: Minor,
    /// ISO 4217 code; empty where no bill was ever seen.
    pub currency: Option<crate::Currency>,
    /// The number of the dunning cycle in the account, from 1.
    pub cycle: u32,
    /// The event that caused it; `None`: a deadline or the gate.
    pub cause_event_id: Option<Id>,
    /// The bills that it is about, oldest due date first.
    pub bill_ids: Vec<Id>,
    /// What is to be done.
    pub action: Action,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Tell the customer.
    Notify {
        /// How.
        channel: Channel,
        /// Alias from the profile; empty where the notification platform knows it.
        address: Id,
        /// Template name of the notification platform.
        template: Arc<str>,
        /// BCP 47 tag.
        language: Id,
        /// One-tap payment link.
        payment_link: Option<Id>,
        /// `reminder`, `warning`, or the policy's own word.
        purpose: Arc<str>,
        /// Sent despite an opt-out.
        mandatory: bool,
        /// The date that the text names for the bar that follows.
        announced_for: Option<Day>,
        /// The parts of an instalment plan that it offers; empty: it offers none.
        offer: Vec<Term>,
        /// The notice that it sends another way.
        follows: Option<Uuid>,
        /// Amounts and days are also given as people write them in the language.
        localised: bool,
    },
    /// Do not tell the customer, where that was not done yet.
    Withdraw {
        /// How it was to be done.
        channel: Channel,
        /// Alias from the profile; empty where the notification platform knows it.
        address: Id,
        /// BCP 47 tag.
        language: Id,
        /// The notice.
        cancels: Uuid,
    },
    /// Restrict service.
    Bar {
        /// What is restricted.
        level: BarLevel,
        /// Only these services; empty: all of the account.
        services: Vec<Id>,
        /// What is claimed after it, service by service (an empty name: the account); empty: its level of the account.
        claims: Vec<(Id, BarLevel)>,
        /// The warnings that preceded it.
        warnings: Vec<Uuid>,
        /// The date that the warning named.
        announced_for: Option<Day>,
    },
    /// Collect a payment that failed once more: as much as the command says.
    Retry {
        /// The payment that failed first.
        payment: Id,
        /// How it was to be paid, in the source's word.
        method: Id,
        /// Which attempt this is, from 1; the one that failed first aside.
        attempt: u16,
        /// Not before this instant.
        not_before: Timestamp,
    },
    /// Book money on the account: as much as the command says. A request to billing.
    Ledger {
        /// What it is for.
        kind: LedgerKind,
        /// The code by which billing knows it.
        code: Arc<str>,
        /// The tax in the amount.
        tax: Minor,
        /// The request that this one takes back, in whole or in part.
        reverses: Option<Uuid>,
    },
    /// Lift every bar of the cycle.
    Restore {
        /// The barring commands that this ends, in the order sent.
        lifts: Vec<Uuid>,
        /// The bars of another system that it ends, by their names there.
        lifts_imported: Vec<Id>,
        /// The services that they restricted; empty: all of the account.
        services: Vec<Id>,
        /// What bars that stay in force claim, service by service (an empty name: the account); empty: none stays.
        claims: Vec<(Id, BarLevel)>,
        /// Why.
        reason: RestorationReason,
    },
}

/// What a ledger request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LedgerKind {
    /// A fee is charged.
    Fee,
    /// Interest is charged.
    Interest,
    /// A charge is given up.
    Waiver,
    /// A bill is given up.
    WriteOff,
}

impl LedgerKind {
    /// All.
    pub const ALL: [Self; 4] = [Self::Fee, Self::Interest, Self::Waiver, Self::WriteOff];

    /// The schema's symbol.
    #[must_use]
    pub const fn symbol(self) -> &'static str {
        ["FEE", "INTEREST", "WAIVER", "WRITE_OFF"][self as usize]
    }

    /// What a charge is asked for as.
    pub(crate) const fn of(kind: ChargeKind) -> Self {
        match kind {
            ChargeKind::Fee => Self::Fee,
            ChargeKind::Interest => Self::Interest,
        }
    }
}

/// A way to reach a customer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)]
pub enum Channel {
    Email,
    Sms,
    Push,
    Whatsapp,
    Ivr,
    Voice,
    Letter,
    Unknown,
}

impl Channel {
    /// All, in the order of the schema's symbols.
    pub const ALL: [Self; 8] =
        [Self::Email, Self::Sms, Self::Push, Self::Whatsapp, Self::Ivr, Self::Voice, Self::Letter, Self::Unknown];

    /// The schema's symbol.
    #[must_use]
    pub const fn symbol(self) -> &'static str {
        ["EMAIL", "SMS", "PUSH", "WHATSAPP", "IVR", "VOICE", "LETTER", "UNKNOWN"][self as usize]
    }
}

/// How far a service is restricted. Emergency calls stay possible at every level but the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BarLevel {
    /// Data speed.
    Throttled,
    /// Outgoing calls, messages and data.
    Outgoing,
    /// Everything.
    Full,
    /// The service is ended.
    Terminated,
}

impl BarLevel {
    /// All, mildest first: the order of the schema's symbols.
    pub const ALL: [Self; 4] = [Self::Throttled, Self::Outgoing, Self::Full, Self::Terminated];

    /// The schema's symbol.
    #[must_use]
    pub const fn symbol(self) -> &'static str {
        ["THROTTLED", "OUTGOING", "FULL", "TERMINATED"][self as usize]
    }
}

/// Why a restriction is lifted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RestorationReason {
    /// The debt was paid.
    Paid,
    /// The customer promised to pay.
    Promise,
    /// The debt is paid in parts.
    Plan,
    /// The debt is disputed.
    Dispute,
    /// The debt was corrected.
    Adjustment,
    /// Dunning is stopped by a hold.
    Hold,
    /// The debt was given up.
    WriteOff,
    /// The bar should not have been: no committed state knows of it.
    Error,
}

impl RestorationReason {
    /// All.
    pub const ALL: [Self; 8] = [
        Self::Paid,
        Self::Promise,
        Self::Plan,
        Self::Dispute,
        Self::Adjustment,
        Self::Hold,
        Self::WriteOff,
        Self::Error,
    ];

    /// The schema's symbol.
    #[must_use]
    pub const fn symbol(self) -> &'static str {
        match self {
            Self::Paid => "PAID",
            Self::Promise => "PROMISE",
            Self::Plan => "PLAN",
            Self::Dispute => "DISPUTE",
            Self::Adjustment => "ADJUSTMENT",
            Self::Hold => "HOLD",
            Self::WriteOff => "WRITE_OFF",
            Self::Error => "ERROR",
        }
    }
}
