use crate::{BarLevel, Channel, ChargeKind, Currency, Day, Id, Minor, Profile, ServiceResult, Timestamp, Usage};

/// What can happen to an account. A deadline is an event like any other, and so is the gate's answer.
#[derive(Clone, Debug, PartialEq)]
pub enum Event<'a> {
    /// A record of an input topic.
    Input(Input<'a>),
    /// A record of an input topic that is read while the inputs are behind: balances move and bars are lifted, but no step
    /// is taken on what may be out of date. A step that is due comes with its deadline.
    Backlog(Input<'a>),
    /// The account's own deadline has come: [`crate::Account::deadline`].
    Deadline,
    /// The engine's answer to a bar that fell due.
    Gate(GateAnswer),
    /// The source of profiles asks for erasure (a tombstone on the profile topic).
    Erased,
    /// Commands of a transaction that was torn lie on the bus, and the account does not know of them.
    Found(&'a [Found]),
}

/// A command that lies on the bus and that the account's state does not know of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Its sequence.
    pub sequence: u64,
    /// What it commanded, as far as it is to be put right.
    pub what: FoundAction,
}

/// What a command that was found commanded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FoundAction {
    /// A notification: what was said was said.
    Told,
    /// A charge: billing books it.
    Charged {
        /// What it is.
        kind: ChargeKind,
        /// The name of the fee; `interest`.
        name: Id,
        /// The code by which billing knows it.
        code: Id,
        /// Asked for, tax included.
        amount: Minor,
        /// The tax in it.
        tax: Minor,
    },
    /// A bill is given up, as far as billing does what it is asked for.
    WriteOffAsked {
        /// The bill.
        bill: Id,
        /// How much of it.
        amount: Minor,
    },
    /// A charge is given up.
    Waived {
        /// The command of the charge.
        reverses: uuid::Uuid,
        /// Given up.
        amount: Minor,
    },
    /// Another attempt to collect a payment that failed: it is on its way and not to be asked for twice.
    Retried {
        /// The payment.
        payment: Id,
        /// Which attempt, from 1.
        attempt: u16,
        /// Asked for.
        amount: Minor,
    },
    /// A bar: it is to be lifted.
    Barred,
    /// A restoration that names these bars.
    Restored(Vec<uuid::Uuid>),
}

/// What the gate says of a pending bar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GateAnswer {
    /// Everything that decides has been read: the bar may go if it is still due.
    Cleared,
    /// Not now; the reason is one of the engine's own, never one of the account's.
    Held(crate::Hold),
    /// A person lets it go beyond a budget; everything else is looked at again first.
    Released,
}

/// A record of an input topic, decoded. The text is borrowed from the record's bytes.
#[derive(Clone, Debug, PartialEq)]
pub struct Input<'a> {
    /// Unique within the account, given by the source.
    pub event_id: &'a str,
    /// When it happened in the source system.
    pub occurred_at: Timestamp,
    /// What happened.
    pub body: Body<'a>,
}

/// What happened. The fields are those of the schemas of the same names; only what the rules use is carried.
#[derive(Clone, Debug, PartialEq)]
pub enum Body<'a> {
    /// A bill was issued.
    BillIssued {
        /// Unique within the account.
        bill_id: &'a str,
        /// Not negative; zero is a bill with nothing to pay.
        amount: Minor,
        /// Of the amount.
        currency: Currency,
        /// Date of the bill.
        issued_on: Day,
        /// Last day on which a payment is in time.
        due_on: Day,
        /// Parts with their own last days; empty: all of it on `due_on`. Not used by a step yet.
        terms: Vec<Term>,
        /// What the bill is made of.
        lines: Vec<Line<'a>>,
        /// `regular`, `final`, or the operator's own word.
        kind: &'a str,
        /// The ledger request that it answers.
        origin: Option<&'a str>,
    },
    /// A credit note (negative) or a debit note.
    BillAdjusted {
        /// The bill that changes.
        bill_id: &'a str,
        /// Added to the bill.
        delta: Minor,
        /// The ledger request that it answers.
        origin: Option<&'a str>,
    },
    /// A bill was withdrawn as if never issued.
    BillCancelled {
        /// The bill withdrawn.
        bill_id: &'a str,
    },
    /// The operator gave up all or part of a bill.
    BillWrittenOff {
        /// The bill.
        bill_id: &'a str,
        /// Given up, greater than zero.
        amount: Minor,
        /// The ledger request that it answers.
        origin: Option<&'a str>,
    },
    /// A write-off was taken back.
    WriteOffReversed {
        /// The bill.
        bill_id: &'a str,
        /// Owed again, greater than zero.
        amount: Minor,
    },
    /// Credit given to the account, not to one bill.
    AccountCredited {
        /// Unique within the account.
        credit_id: &'a str,
        /// Greater than zero.
        amount: Minor,
        /// Of the amount.
        currency: Currency,
    },
    /// What billing says is owed.
    BalanceStated {
        /// As of this instant.
        as_of: Timestamp,
        /// Owed in all, credit negative.
        balance: Minor,
        /// Of the balance.
        currency: Currency,
    },
    /// A payment was settled.
    PaymentReceived {
        /// Unique within the account.
        payment_id: &'a str,
        /// Greater than zero.
        amount: Minor,
        /// Of the amount.
        currency: Currency,
        /// The bill that the payer named.
        bill_id: Option<&'a str>,
        /// The command that asked to collect it, where one of ours did.
        command_id: Option<&'a str>,
    },
    /// An attempt to collect was declined. Changes no balance and does not make the id seen.
    PaymentFailed(Failed<'a>),
    /// An earlier payment was taken back, in whole or in part.
    PaymentReversed {
        /// The payment.
        payment_id: &'a str,
        /// Greater than zero.
        amount: Minor,
        /// Why, as the source sorts it.
        kind: ReversalKind,
    },
    /// Money is on its way.
    PaymentInitiated {
        /// As in the payment to come.
        payment_id: &'a str,
        /// Greater than zero.
        amount: Minor,
        /// Of the amount.
        currency: Currency,
        /// Last day on which it counts as on its way.
        expected_by: Day,
    },
    /// Usage of one service over one period; advisory, changes no balance.
    UsageRecorded(Usage<'a>),
    /// A customer contests what is owed.
    DisputeOpened {
        /// Unique within the account.
        dispute_id: &'a str,
        /// The contested bill; `None`: every bill open now, in full.
        bill_id: Option<&'a str>,
        /// Contested, greater than zero; `None`: these lines, or all of it.
        amount: Option<Minor>,
        /// The contested lines of the bill; empty: the amount, or all of it.
        line_ids: Vec<&'a str>,
    },
    /// A dispute ended.
    DisputeResolved {
        /// The dispute.
        dispute_id: &'a str,
        /// Who was right.
        outcome: DisputeOutcome,
        /// Credited to its bills, not negative.
        credited: Minor,
    },
    /// The whole profile; each one replaces the last.
    Profile(Box<Profile>),
    /// What passed between the operator and the customer.
    Interaction(Interaction<'a>),
}

/// An attempt to collect that was declined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failed<'a> {
    /// The payment that was tried.
    pub payment_id: &'a str,
    /// Greater than zero.
    pub amount: Minor,
    /// Of the amount.
    pub currency: Currency,
    /// How it was to be paid, in the source's word.
    pub method: &'a str,
    /// Why it was declined, in the source's word; may be empty.
    pub decline_code: &'a str,
    /// True where the source calls the decline final: to try again is no use, or not allowed.
    pub is_final: bool,
    /// The command that asked for the attempt, where one of ours did.
    pub command_id: Option<&'a str>,
}

/// A part of a bill with its own last day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Term {
    /// Last day.
    pub due_on: Day,
    /// Greater than zero.
    pub amount: Minor,
}

/// What a bill is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line<'a> {
    /// Unique within the bill.
    pub line_id: &'a str,
    /// The service charged; `None`: the account.
    pub service_id: Option<&'a str>,
    /// `own`, `device`, `third_party`, or the operator's own word.
    pub category: &'a str,
    /// May be negative.
    pub amount: Minor,
}

/// Why a payment went back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReversalKind {
    /// Not said.
    Unknown,
    /// The payer's bank took it back on the payer's word.
    Chargeback,
    /// A direct debit came back.
    ReturnedDebit,
    /// The operator gave it back.
    Refund,
    /// It was booked by mistake.
    Misposted,
}

/// How a dispute ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DisputeOutcome {
    /// The customer was right.
    Upheld,
    /// In part.
    PartlyUpheld,
    /// The operator was right.
    Rejected,
    /// The customer took it back.
    Withdrawn,
    /// Not said.
    Unknown,
}

/// What an interaction is, as far as the rules use it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Interaction<'a> {
    /// The customer promised to pay.
    PromiseMade {
        /// Unique within the account.
        promise_id: &'a str,
        /// Promised, greater than zero.
        amount: Minor,
        /// Last day of the promise.
        promised_on: Day,
    },
    /// A promise is taken back; it is not broken by that.
    PromiseCancelled {
        /// The promise.
        promise_id: &'a str,
    },
    /// The debt is to be paid in parts.
    PlanAgreed {
        /// Unique within the account.
        plan_id: &'a str,
        /// At least one, in the order of their days.
        instalments: Vec<Term>,
        /// The plan that it replaces.
        replaces: Option<&'a str>,
    },
    /// The customer answered the plan that a notice offered.
    OfferAnswered {
        /// The notice.
        command_id: &'a str,
        /// Whether it is taken.
        accepted: bool,
    },
    /// A plan ends; it is not broken by that.
    PlanCancelled {
        /// The plan.
        plan_id: &'a str,
    },
    /// Dunning is stopped.
    HoldPlaced {
        /// Unique within the account.
        hold_id: &'a str,
        /// `hardship`, `bereavement`, `fraud`, `disaster`, `legal`, or the operator's own word; may be empty.
        kind: &'a str,
        /// Until when; `None`: until released.
        until: Option<Timestamp>,
        /// The bills held; empty: the account.
        bills: Vec<&'a str>,
        /// What it stops.
        stops: Stops,
    },
    /// A hold ends.
    HoldReleased {
        /// The hold.
        hold_id: &'a str,
    },
    /// What became of a notice, or a contact that nobody here asked for.
    ContactMade {
        /// The notice; `None`: another contact.
        command_id: Option<&'a str>,
        /// What the channel reported.
        outcome: ContactOutcome,
        /// How; `None`: as in the notice.
        channel: Option<Channel>,
        /// True where the customer made the contact.
        inbound: bool,
        /// Whether it was the customer; `None`: not said.
        right_party: Option<bool>,
    },
    /// The account was dunned by another system so far.
    StateImported {
        /// The last step that was taken, by its name in the policy; empty: none.
        step: &'a str,
        /// When its cycle began.
        started: Option<Timestamp>,
        /// The last warning.
        warned: Option<Timestamp>,
        /// What that named, zero where it is not said.
        amount_warned: Minor,
        /// The bars in force.
        bars: Vec<BarThere<'a>>,
    },
    /// Provisioning says what became of a bar or a restoration.
    ServiceReported {
        /// The command.
        command_id: &'a str,
        /// The service; empty: all that it was for.
        service_id: &'a str,
        /// What became of it.
        result: ServiceResult,
    },
    /// A person allowed bars on a protected customer.
    BarApproved {
        /// Until when; `None`: until decided again.
        until: Option<Timestamp>,
    },
    /// A person refused bars.
    BarRefused {
        /// Until when; `None`: until decided again.
        until: Option<Timestamp>,
    },
    /// A person took an approval or a refusal back.
    BarDecisionWithdrawn,
    /// Read, and not used by any step yet; the name is that of the schema's record.
    NotUsed(&'static str),
}

/// A bar that another system had sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BarThere<'a> {
    /// Its name there.
    pub reference: &'a str,
    /// How far.
    pub level: BarLevel,
    /// The services restricted; empty: all of the account.
    pub services: Vec<&'a str>,
    /// Since when.
    pub since: Timestamp,
}

/// What a channel reported of a contact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContactOutcome {
    /// Not said.
    Unknown,
    /// It arrived.
    Delivered,
    /// It was opened.
    Opened,
    /// Its link was followed.
    Clicked,
    /// Somebody answered.
    Answered,
    /// Nobody answered.
    NoAnswer,
    /// The address does not exist.
    Bounced,
    /// The channel could not do it.
    Failed,
    /// It was given up.
    Expired,
    /// It was somebody else.
    WrongParty,
    /// The customer wants nothing more on this channel.
    OptedOut,
}

impl ContactOutcome {
    /// All, in the order of the schema's symbols.
    pub const ALL: [Self; 11] = [
        Self::Unknown,
        Self::Delivered,
        Self::Opened,
        Self::Clicked,
        Self::Answered,
        Self::NoAnswer,
        Self::Bounced,
        Self::Failed,
        Self::Expired,
        Self::WrongParty,
        Self::OptedOut,
    ];
}

/// What a hold stops.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stops {
    /// Nothing is told.
    pub contacts: bool,
    /// Nothing is barred.
    pub bars: bool,
    /// Nothing is charged for paying late.
    pub fees: bool,
}

impl Stops {
    /// All of it.
    pub const ALL: Self = Self { contacts: true, bars: true, fees: true };

    /// True where nothing is left to be done: what is charged comes with what is done.
    #[must_use]
    pub const fn is_all(self) -> bool {
        self.contacts && self.bars
    }

    /// What one of the two stops.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self { contacts: self.contacts || other.contacts, bars: self.bars || other.bars, fees: self.fees || other.fees }
    }
}
