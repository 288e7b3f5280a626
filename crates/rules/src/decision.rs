use std::sync::Arc;

use uuid::Uuid;

use crate::{Account, Command, Hold, Id, Minor, Timestamp};

/// What [`crate::step`] gives back.
#[derive(Debug)]
pub struct Transition {
    /// The account after the event. Unchanged where the outcome is [`Outcome::Refused`].
    pub account: Account,
    /// What downstream systems are told, in sequence.
    pub commands: Vec<Command>,
    /// What was decided and why: one for each command and each change of cycle, step or gate.
    pub decisions: Vec<Decision>,
    /// What became of the event itself.
    pub outcome: Outcome,
}

/// What became of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It changed the account.
    Applied,
    /// It is in order and changes nothing.
    NoEffect(NoEffect),
    /// It cannot be honoured: a dead letter.
    Refused(Refusal),
}

/// Why an event changed nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)]
pub enum NoEffect {
    RepeatedEvent,
    KnownBill,
    KnownPayment,
    KnownDispute,
    KnownCredit,
    UnknownBill,
    UnknownPayment,
    UnknownDispute,
    ResolvedDispute,
    Usage,
    PaymentFailed,
    NotUsedYet,
    NotDue,
    NoPendingBar,
    KnownCommand,
    KnownPromise,
    UnknownPromise,
    PastPromise,
    KnownPlan,
    UnknownPlan,
    UnknownHold,
    AgreementNotAllowed,
    OlderBalance,
    NotInPolicy,
    BookedBefore,
    UnknownOffer,
    KnownState,
    AsCommanded,
}

impl NoEffect {
    /// All, for counters.
    pub const ALL: [Self; 28] = [
        Self::RepeatedEvent,
        Self::KnownBill,
        Self::KnownPayment,
        Self::KnownDispute,
        Self::KnownCredit,
        Self::UnknownBill,
        Self::UnknownPayment,
        Self::UnknownDispute,
        Self::ResolvedDispute,
        Self::Usage,
        Self::PaymentFailed,
        Self::NotUsedYet,
        Self::NotDue,
        Self::NoPendingBar,
        Self::KnownCommand,
        Self::KnownPromise,
        Self::UnknownPromise,
        Self::PastPromise,
        Self::KnownPlan,
        Self::UnknownPlan,
        Self::UnknownHold,
        Self::AgreementNotAllowed,
        Self::OlderBalance,
        Self::NotInPolicy,
        Self::BookedBefore,
        Self::UnknownOffer,
        Self::KnownState,
        Self::AsCommanded,
    ];

    /// A word for counters.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::RepeatedEvent => "repeated_event",
            Self::KnownBill => "known_bill",
            Self::KnownPayment => "known_payment",
            Self::KnownDispute => "known_dispute",
            Self::KnownCredit => "known_credit",
            Self::UnknownBill => "unknown_bill",
            Self::UnknownPayment => "unknown_payment",
            Self::UnknownDispute => "unknown_dispute",
            Self::ResolvedDispute => "resolved_dispute",
            Self::Usage => "usage",
            Self::PaymentFailed => "payment_failed",
            Self::NotUsedYet => "not_used_yet",
            Self::NotDue => "not_due",
            Self::NoPendingBar => "no_pending_bar",
            Self::KnownCommand => "known_command",
            Self::KnownPromise => "known_promise",
            Self::UnknownPromise => "unknown_promise",
            Self::PastPromise => "past_promise",
            Self::KnownPlan => "known_plan",
            Self::UnknownPlan => "unknown_plan",
            Self::UnknownHold => "unknown_hold",
            Self::AgreementNotAllowed => "agreement_not_allowed",
            Self::OlderBalance => "older_balance",
            Self::NotInPolicy => "not_in_policy",
            Self::BookedBefore => "booked_before",
            Self::UnknownOffer => "unknown_offer",
            Self::KnownState => "known_state",
            Self::AsCommanded => "as_commanded",
        }
    }
}

/// Why an event cannot be honoured by this account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Refusal {
    /// The amount is beyond what one event or one account may move.
    Overflow,
    /// Another currency than the account's.
    OtherCurrency,
    /// It happened before the horizon to which ids are remembered.
    TooOld,
    /// A plan without parts, or one that plans less than is overdue.
    PlanDoesNotSum,
    /// Another plan runs, and this one does not say that it replaces it.
    OtherPlanRuns,
    /// More holds, promises, bills or parts than an account can have.
    TooMany,
    /// A step that the policy does not have.
    UnknownStep,
}

impl Refusal {
    /// All, for counters.
    pub const ALL: [Self; 7] = [
        Self::Overflow,
        Self::OtherCurrency,
        Self::TooOld,
        Self::PlanDoesNotSum,
        Self::OtherPlanRuns,
        Self::TooMany,
        Self::UnknownStep,
    ];

    /// A word for counters and dead letters.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Overflow => "overflow",
            Self::OtherCurrency => "other_currency",
            Self::TooOld => "too_old",
            Self::PlanDoesNotSum => "plan_does_not_sum",
            Self::OtherPlanRuns => "other_plan_runs",
            Self::TooMany => "too_many",
            Self::UnknownStep => "unknown_step",
        }
    }
}

/// What was decided, and why.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// Per account: 1, 2, 3, …
    pub number: u64,
    /// The instant on the account's line.
    pub at: Timestamp,
    /// What, in a code.
    pub code: Code,
    /// The step it is about.
    pub step: Option<Arc<str>>,
    /// The command that follows from it, and its sequence.
    pub command: Option<(Uuid, u64)>,
    /// Overdue and not disputed, at that instant.
    pub amount_due: Minor,
    /// The account's minimum under the policy, at that instant.
    pub minimum: Minor,
    /// The bills overdue and not wholly disputed, oldest due date first.
    pub bill_ids: Vec<Id>,
    /// `name@version`.
    pub policy: Arc<str>,
    /// The number of the cycle, from 1; 0 where there is none.
    pub cycle: u32,
}

/// Why a payment that failed is not collected again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NoRetry {
    /// The decline was final.
    Final,
    /// The policy does not try this method of payment again.
    Method,
    /// No attempt is left.
    Spent,
    /// What it was for is not owed any more.
    NothingOwed,
    /// More payments of the account failed than can be collected again at a time.
    TooMany,
    /// The policy in force tries nothing again.
    NotInPolicy,
}

impl NoRetry {
    /// All, with a word for machines and words for people.
    pub const ALL: [(Self, &str, &str); 6] = [
        (Self::Final, "final_decline", "the decline is final"),
        (Self::Method, "method", "the policy does not try this method of payment again"),
        (Self::Spent, "attempts_spent", "no attempt is left"),
        (Self::NothingOwed, "nothing_owed", "what it was for is not owed"),
        (Self::TooMany, "too_many", "too many payments of the account failed"),
        (Self::NotInPolicy, "not_in_policy", "the policy in force tries nothing again"),
    ];

    /// A word for machines.
    #[must_use]
    pub const fn word(self) -> &'static str {
        Self::ALL[self as usize].1
    }
}

/// Why something is not charged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NoCharge {
    /// The policy says nothing of the account's currency, or it comes to nothing.
    NoAmount,
    /// None was charged for so long that this one is spared.
    Spared,
    /// More charges of the account wait for billing than it can remember.
    TooMany,
    /// A hold lets nothing be charged.
    OnHold,
}

impl NoCharge {
    /// All, with a word for machines and words for people.
    pub const ALL: [(Self, &str, &str); 4] = [
        (Self::NoAmount, "no_amount", "it comes to nothing in the account's currency"),
        (Self::Spared, "spared", "the policy spares the first one"),
        (Self::TooMany, "too_many", "too many charges of the account wait for billing"),
        (Self::OnHold, "on_hold", "a hold lets nothing be charged"),
    ];

    /// A word for machines.
    #[must_use]
    pub const fn word(self) -> &'static str {
        Self::ALL[self as usize].1
    }
}

/// What was decided, in a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum Code {
    CycleStarted,
    RuleMatched,
    ProcedureChosen,
    CycleEnded,
    CycleResumed,
    CycleImported,
    StateImported,
    PolicyChanged,
    Notified,
    RemindedBeforeDue,
    EarlyWarned,
    NotifiedAnotherWay,
    NoticeArrived,
    NoticeLost,
    Withdrawn,
    NotNotifiedOptedOut,
    BarPending,
    BarHeld(Hold),
    BarReleased,
    Barred,
    BarDropped,
    WarnsAgain,
    Restored,
    NotRestored,
    ServiceFailed,
    ServiceRefused,
    BarAgain,
    RestoredAgain,
    RestoredInPart,
    RestoredByService,
    StepSkipped,
    StepWaits,
    ConditionNotMet,
    ConditionAwaited,
    SpacingKept,
    PromiseAccepted,
    PromiseKept,
    PromiseBroken,
    PlanAccepted,
    PlanKept,
    PlanBroken,
    OfferDeclined,
    AgreementNotAccepted,
    AgreementCancelled,
    HoldPlaced,
    HoldEnded,
    StepHeld,
    PaymentAwaited,
    BalanceDiffers,
    BalanceAgrees,
    ContactNoted,
    RetryPlanned,
    Retried,
    NotRetried(NoRetry),
    Charged,
    NotCharged(NoCharge),
    Waived,
    WriteOffAsked,
    Paused,
    Resumed,
    Erased,
    StateErased,
    NumbersPassedOver,
}

impl Code {
    /// A word for machines.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::CycleStarted => "cycle_started",
            Self::RuleMatched => "rule_matched",
            Self::ProcedureChosen => "procedure_chosen",
            Self::CycleEnded => "cycle_ended",
            Self::CycleResumed => "cycle_resumed",
            Self::CycleImported => "cycle_imported",
            Self::StateImported => "state_imported",
            Self::PolicyChanged => "policy_changed",
            Self::Notified => "notified",
            Self::RemindedBeforeDue => "reminded_before_due",
            Self::EarlyWarned => "early_warned",
            Self::NotifiedAnotherWay => "notified_another_way",
            Self::NoticeArrived => "notice_arrived",
            Self::NoticeLost => "notice_lost",
            Self::Withdrawn => "withdrawn",
            Self::NotNotifiedOptedOut => "not_notified_opted_out",
            Self::BarPending => "bar_pending",
            Self::BarHeld(_) => "bar_held",
            Self::BarReleased => "bar_released",
            Self::Barred => "barred",
            Self::BarDropped => "bar_dropped",
            Self::WarnsAgain => "warns_again",
            Self::Restored => "restored",
            Self::NotRestored => "not_restored",
            Self::ServiceFailed => "service_failed",
            Self::ServiceRefused => "service_refused",
            Self::BarAgain => "bar_again",
            Self::RestoredAgain => "restored_again",
            Self::RestoredInPart => "restored_in_part",
            Self::RestoredByService => "restored_by_service",
            Self::StepSkipped => "step_skipped",
            Self::StepWaits => "step_waits",
            Self::ConditionNotMet => "condition_not_met",
            Self::ConditionAwaited => "condition_awaited",
            Self::SpacingKept => "spacing_kept",
            Self::PromiseAccepted => "promise_accepted",
            Self::PromiseKept => "promise_kept",
            Self::PromiseBroken => "promise_broken",
            Self::PlanAccepted => "plan_accepted",
            Self::PlanKept => "plan_kept",
            Self::PlanBroken => "plan_broken",
            Self::OfferDeclined => "offer_declined",
            Self::AgreementNotAccepted => "agreement_not_accepted",
            Self::AgreementCancelled => "agreement_cancelled",
            Self::HoldPlaced => "hold_placed",
            Self::HoldEnded => "hold_ended",
            Self::StepHeld => "step_held",
            Self::PaymentAwaited => "payment_awaited",
            Self::BalanceDiffers => "balance_differs",
            Self::BalanceAgrees => "balance_agrees",
            Self::ContactNoted => "contact_noted",
            Self::RetryPlanned => "retry_planned",
            Self::Retried => "retried",
            Self::NotRetried(_) => "not_retried",
            Self::Charged => "charged",
            Self::NotCharged(_) => "not_charged",
            Self::Waived => "waived",
            Self::WriteOffAsked => "write_off_asked",
            Self::Paused => "paused",
            Self::Resumed => "resumed",
            Self::Erased => "erased",
            Self::StateErased => "state_erased",
            Self::NumbersPassedOver => "numbers_passed_over",
        }
    }
}

impl Decision {
    /// Why, in words for a person.
    #[must_use]
    pub fn words(&self) -> String {
        let due = self.amount_due;
        let step = self.step.as_deref().unwrap_or("");
        let bills = match self.bill_ids.len() {
            1 => "1 overdue bill".to_owned(),
            n => format!("{n} overdue bills"),
        };
        match self.code {
            Code::CycleStarted => {
                format!("a dunning cycle starts: {due} is owed on {bills}, at or over the minimum of {}", self.minimum)
            }
            Code::RuleMatched => format!("rule {step} takes the account: all that it asks for is met"),
            Code::ProcedureChosen => {
                format!("procedure {step} is followed in this cycle, as the rules of the policy say")
            }
            Code::CycleEnded if due > Minor::ZERO => {
                format!("the dunning cycle ends: {due} is still owed, which is too little to keep it")
            }
            Code::CycleEnded => "the dunning cycle ends: nothing that may be dunned is owed any more".to_owned(),
            Code::CycleResumed => {
                format!("the last dunning cycle goes on where it stood: {due} is owed again on {bills}")
            }
            Code::CycleImported if step.is_empty() => {
                "the cycle takes the place of another system's, which had taken no step".to_owned()
            }
            Code::CycleImported => {
                format!("the cycle goes on where another system left it, behind step {step}")
            }
            Code::StateImported => {
                "another system dunned the account so far: what it had done counts, and its bars are lifted from here".to_owned()
            }
            Code::PolicyChanged if step.is_empty() => {
                format!("the dunning cycle goes on by {}, which has no further step for it", self.policy)
            }
            Code::PolicyChanged => format!("the dunning cycle goes on by {}: step {step} is next", self.policy),
            Code::Notified => format!("step {step}: the customer is told, as {due} is owed on {bills}"),
            Code::EarlyWarned => format!("step {step}: usage has fallen, and the customer is asked whether all is well"),
            Code::RemindedBeforeDue => format!("step {step}: the customer is told of {due} before its due date"),
            Code::NotifiedAnotherWay => {
                format!("step {step}: the customer is told another way, as {due} is owed on {bills} and nothing was heard")
            }
            Code::NoticeArrived => format!("step {step}: the notice arrived"),
            Code::NoticeLost => format!("step {step}: the notice did not arrive"),
            Code::Withdrawn => format!("step {step}: its message is withdrawn, if it was not sent yet"),
            Code::NotNotifiedOptedOut => {
                format!("step {step}: nothing is sent, as the customer opted out and the notice is not mandatory")
            }
            Code::BarPending => {
                format!(
                    "step {step}: a bar is due, as {due} is owed on {bills}; it waits until all that came before is read"
                )
            }
            Code::BarHeld(hold) => format!("step {step}: the bar is held: {}", hold.words()),
            Code::BarReleased => {
                format!("step {step}: a person lets the bar go beyond the budget; it is looked at again")
            }
            Code::Barred => format!("step {step}: service is restricted, as {due} is owed on {bills}"),
            Code::BarDropped => format!("step {step}: the bar that was due is dropped, as {due} is owed now"),
            Code::WarnsAgain => {
                format!(
                    "step {step} comes again before any bar: of the bills that it told of, less than the minimum of {} is \
                     still owed",
                    self.minimum
                )
            }
            Code::NotRestored => {
                format!("nothing is restored, as the service was ended for good; {due} is still owed")
            }
            Code::Restored => format!("service is restored; {due} is still owed"),
            Code::ServiceFailed if step.is_empty() => "provisioning could not do what was commanded".to_owned(),
            Code::ServiceFailed => format!("step {step}: provisioning could not do it"),
            Code::ServiceRefused if step.is_empty() => "provisioning will not do what was commanded".to_owned(),
            Code::ServiceRefused => format!("step {step}: provisioning will not do it"),
            Code::BarAgain => {
                format!("step {step}: the bar that could not be done is due again, and is looked at anew")
            }
            Code::RestoredInPart => {
                format!("so much is paid that bars are lifted before the rest is: {due} is still owed on {bills}")
            }
            Code::RestoredByService => {
                format!("services are given back for which nothing is owed any more: {due} is still owed on {bills}")
            }
            Code::RestoredAgain => "the restoration that could not be done is asked for again".to_owned(),
            Code::StepSkipped => {
                format!(
                    "step {step} is passed over, as the policy says: {due} is under the minimum of {}",
                    self.minimum
                )
            }
            Code::StepWaits => format!("step {step} waits: {due} is under the minimum of {}", self.minimum),
            Code::ConditionNotMet => format!("step {step} is passed over: what the policy asks for is not met"),
            Code::ConditionAwaited => format!("step {step} waits until what the policy asks for is met"),
            Code::SpacingKept => {
                format!("step {step} comes late: the later steps move by as much, so that their spacing is kept")
            }
            Code::PromiseAccepted => "a promise to pay is taken: dunning waits for it".to_owned(),
            Code::PromiseKept => "the promise to pay was kept".to_owned(),
            Code::PromiseBroken => format!("the promise to pay was broken: {due} is owed on {bills}"),
            Code::PlanAccepted => "an instalment plan is taken: dunning waits while it is kept".to_owned(),
            Code::PlanKept => "the instalment plan was kept to its end".to_owned(),
            Code::PlanBroken => format!("the instalment plan was broken: {due} is owed on {bills}"),
            Code::OfferDeclined => "the customer does not take the plan that was offered: dunning goes on".to_owned(),
            Code::AgreementNotAccepted => {
                "the promise or plan is not taken, as the policy does not allow it: dunning goes on".to_owned()
            }
            Code::AgreementCancelled => "the promise or plan was cancelled; it is not broken by that".to_owned(),
            Code::HoldPlaced => "a person or a system placed a hold".to_owned(),
            Code::HoldEnded => "a hold ended".to_owned(),
            Code::StepHeld => format!("step {step} waits: a hold stops what is told to the customer"),
            Code::PaymentAwaited => format!("a payment is on its way: dunning waits for it if it is enough for {due}"),
            Code::BalanceDiffers => {
                "billing says that something else is owed than is known here: no bar until the two agree".to_owned()
            }
            Code::BalanceAgrees => "billing says that what is known here is owed".to_owned(),
            Code::ContactNoted => {
                "a contact says how the customer can be reached, or when they were spoken to; it counts from now on".to_owned()
            }
            Code::RetryPlanned => "a payment failed: it is collected again, on the day that the policy says".to_owned(),
            Code::Retried => format!("a payment that failed is collected again: {due}"),
            Code::NotRetried(why) => {
                format!("a payment that failed is not collected again: {}", NoRetry::ALL[why as usize].2)
            }
            Code::Charged => format!("{step}: {due} is charged, and counts as owed; billing is asked to book it"),
            Code::NotCharged(why) => format!("{step} is not charged: {}", NoCharge::ALL[why as usize].2),
            Code::Waived => format!("{step}: {due} of it is given up, as all else is paid"),
            Code::WriteOffAsked => format!("step {step}: billing is asked to give up {due}"),
            Code::Paused => format!("nothing is done for now: the clock stands still, with {due} owed on {bills}"),
            Code::Resumed => {
                format!("dunning goes on where it stood, with {due} owed on {bills}: the time in between does not count")
            }
            Code::Erased => "what is known of the person was erased at its source's request".to_owned(),
            Code::StateErased => "nothing is owed, so all else was erased as well: a stub is left".to_owned(),
            Code::NumbersPassedOver => {
                "commands lie on the bus that no committed state knows of: their numbers are passed over, and bars among \
                 them are lifted"
                    .to_owned()
            }
        }
    }
}
