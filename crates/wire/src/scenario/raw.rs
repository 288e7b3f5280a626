//! The scenario file as it is written. What is documented here is what editors show.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::pauses::{
    Answered, ContactMade, HoldPlaced, Initiated, Part, PlanAgreed, PromiseMade, Stated, WholeHold, WholePlan,
    WholePromise,
};

/// A scenario: what happens to one account, day by day, and what a policy makes of it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Dunning scenario")]
pub(super) struct ScenarioFile {
    /// Always `dunning-scenario/1`.
    #[allow(dead_code)]
    pub(super) format: Format,
    /// What it shows, in one line.
    #[schemars(length(min = 1))]
    pub(super) scenario: String,
    /// More about it, in your own words.
    #[serde(default)]
    #[allow(dead_code)]
    pub(super) story: Option<String>,
    /// The zone of the times in the diary, such as `Europe/Berlin`. Without it: UTC.
    #[serde(default)]
    pub(super) time_zone: Option<String>,
    /// Who the account is.
    #[serde(default)]
    pub(super) account: Account,
    /// What happens and what follows, in the order of time. Every command must be expected: what is not written here
    /// must not come.
    #[schemars(length(min = 1))]
    pub(super) diary: Vec<Entry>,
}

/// The vocabulary.
#[derive(Debug, Deserialize, JsonSchema)]
pub(super) enum Format {
    #[serde(rename = "dunning-scenario/1")]
    One,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Account {
    /// Its id, by which it belongs to a share of accounts or not. Without it: `scenario`.
    pub(super) id: Option<String>,
    /// Currency of every amount in the diary. Without it: EUR.
    pub(super) currency: Option<String>,
    /// The profile that is known from the start. Without it: none is known (`{}` is a profile without particulars).
    pub(super) profile: Option<Profile>,
}

/// A customer's profile.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Profile {
    /// Where the customer's days begin. Without it: the scenario's zone.
    pub(super) time_zone: Option<String>,
    /// BCP 47 tag, such as `de`. Without it: `en`.
    pub(super) language: Option<String>,
    /// Customer category. Without it: `consumer`.
    pub(super) segment: Option<String>,
    /// ISO 3166 code.
    pub(super) region: Option<String>,
    /// Credit class given by the operator.
    pub(super) risk_class: Option<String>,
    /// Status at the source. Without it: `active`.
    pub(super) status: Option<String>,
    /// First day as a customer, such as `2024-05-01`.
    pub(super) customer_since: Option<String>,
    /// The services.
    pub(super) services: Vec<Service>,
    /// What the customer is worth, in minor units (cents).
    pub(super) lifetime_value: Option<i64>,
    /// `true`: bills are collected without the customer doing anything.
    pub(super) autopay: bool,
    /// Scores by name, such as `churn: 0.8`.
    pub(super) scores: BTreeMap<String, f64>,
    /// `true`: never barred without a person's decision.
    pub(super) vulnerable: bool,
    /// The channels that the customer opted out of.
    pub(super) opted_out: Vec<Channel>,
    /// The channels in the customer's order of preference. Without it: e-mail first, then SMS and the others.
    pub(super) prefers: Vec<Channel>,
}

/// A service of the customer.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Service {
    /// Name of the service.
    pub(super) service: String,
    /// `true`: paid in advance.
    #[serde(default)]
    pub(super) prepaid: bool,
    /// `true`: never barred.
    #[serde(default)]
    pub(super) protected: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub(super) enum Channel {
    Email,
    Sms,
    Push,
    Whatsapp,
    Ivr,
    Voice,
    Letter,
}

/// One entry of the diary: when, and one thing that happens or must follow.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Entry {
    /// When: `2026-08-05 09:00` or, at midnight, `2026-08-05`, in the scenario's zone.
    pub(super) at: Option<String>,
    /// Nothing comes before this day (or instant) that is not written in the diary.
    pub(super) nothing_until: Option<String>,
    /// A command that follows.
    pub(super) expect: Option<Expect>,
    /// How the account stands at the end of this instant.
    pub(super) stands: Option<Stands>,
    /// A bill is issued.
    pub(super) bill_issued: Option<BillIssued>,
    /// A credit note (negative) or a debit note changes a bill.
    pub(super) bill_adjusted: Option<Adjusted>,
    /// A bill is withdrawn as if never issued.
    pub(super) bill_cancelled: Option<WholeBill>,
    /// All or part of a bill is given up.
    pub(super) bill_written_off: Option<WrittenOff>,
    /// A write-off is taken back.
    pub(super) write_off_reversed: Option<OfBill>,
    /// Credit is given to the account.
    pub(super) account_credited: Option<Credit>,
    /// A payment is settled.
    pub(super) payment_received: Option<Payment>,
    /// An attempt to collect is declined.
    pub(super) payment_failed: Option<FailedPayment>,
    /// Money is on its way.
    pub(super) payment_initiated: Option<Initiated>,
    /// Billing says what is owed in all, in minor units (cents), credit negative.
    pub(super) balance_stated: Option<Stated>,
    /// A payment is taken back, in whole or in part.
    pub(super) payment_reversed: Option<OfPayment>,
    /// The customer contests what is owed.
    pub(super) dispute_opened: Option<DisputeOpened>,
    /// A dispute ends.
    pub(super) dispute_resolved: Option<DisputeResolved>,
    /// The customer's profile becomes known, or changes.
    pub(super) profile: Option<Profile>,
    /// A person allows bars on a protected customer.
    pub(super) bar_approved: Option<Decided>,
    /// A person forbids bars.
    pub(super) bar_refused: Option<Decided>,
    /// A person takes an approval or a refusal back: `{}`.
    pub(super) bar_decision_withdrawn: Option<Nothing>,
    /// The customer promises to pay.
    pub(super) promise_made: Option<PromiseMade>,
    /// A promise is taken back.
    pub(super) promise_cancelled: Option<WholePromise>,
    /// The debt is to be paid in parts.
    pub(super) plan_agreed: Option<PlanAgreed>,
    /// The customer answers the plan that a notice offered.
    pub(super) offer_answered: Option<Answered>,
    /// A plan is taken back.
    pub(super) plan_cancelled: Option<WholePlan>,
    /// Dunning is stopped.
    pub(super) hold_placed: Option<HoldPlaced>,
    /// A hold ends.
    pub(super) hold_released: Option<WholeHold>,
    /// Another system dunned the account so far, and this one takes it over.
    pub(super) state_imported: Option<super::imported::StateImported>,
    /// Provisioning reports what became of a bar or a restoration.
    pub(super) provisioned: Option<Provisioned>,
    /// Usage of one service over the time before the entry.
    pub(super) used: Option<Used>,
    /// A channel reports what became of a notice, or somebody else had to do with the customer.
    pub(super) contact_made: Option<ContactMade>,
    /// Where the event is to change nothing: why, such as `known_payment`. Without it the event must have an effect.
    pub(super) no_effect: Option<String>,
    /// The event's own id, to send the same event twice. Without it: its own.
    pub(super) event_id: Option<String>,
}

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Nothing {}

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Provisioned {
    /// The step whose bar it was, the last time; `restore`: the last restoration.
    pub(super) of: String,
    /// What became of it.
    pub(super) result: Result,
    /// The service. Without it: all that the command was for.
    #[serde(default)]
    pub(super) service: String,
}

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Result {
    Applied,
    Failed,
    Refused,
}

/// Usage of one service.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Used {
    /// Name of the service.
    pub(super) service: String,
    /// Data in bytes.
    #[serde(default)]
    pub(super) data: u64,
    /// Calls in seconds.
    #[serde(default)]
    pub(super) voice: u64,
    /// Messages sent.
    #[serde(default)]
    pub(super) messages: u64,
    /// How many days of 24 hours before the entry it covers. Without it: one.
    #[serde(default)]
    #[schemars(range(min = 1, max = 31))]
    pub(super) days: Option<u8>,
}

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct BillIssued {
    /// Name of the bill.
    pub(super) bill: String,
    /// In minor units (cents).
    #[schemars(range(min = 0, max = 1_000_000_000_000_000_i64))]
    pub(super) amount: i64,
    /// Last day on which a payment is in time.
    pub(super) due: String,
    /// The parts in which it is to be paid, each with its own last day; they sum to the amount. Without it: all of it on
    /// `due`.
    #[serde(default)]
    pub(super) terms: Vec<Part>,
    /// What it charges by service, in minor units (cents): `{ mobile: 3000, tv: 2000 }`. Without it: it does not say.
    #[serde(default)]
    pub(super) services: BTreeMap<String, i64>,
    /// What else it charges, by line, in minor units (cents): `{ ringtones: 499 }`.
    #[serde(default)]
    pub(super) lines: BTreeMap<String, i64>,
    /// Its kind. Without it: `regular`.
    #[serde(default)]
    pub(super) kind: Option<String>,
    /// Date of the bill. Without it: the day of the entry.
    #[serde(default)]
    pub(super) issued: Option<String>,
    /// The charge that billing books with it: the last one of this name (a fee, or `interest`).
    #[serde(default)]
    pub(super) answers: Option<String>,
}

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Adjusted {
    /// Name of the bill.
    pub(super) bill: String,
    /// In minor units (cents).
    #[schemars(range(min = -1_000_000_000_000_000_i64, max = 1_000_000_000_000_000_i64))]
    pub(super) amount: i64,
    /// The charge that billing books with it: the last one of this name (a fee, or `interest`).
    #[serde(default)]
    pub(super) answers: Option<String>,
    /// The charge whose waiver billing books with it.
    #[serde(default)]
    pub(super) answers_waiver: Option<String>,
}

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenOff {
    /// Name of the bill.
    pub(super) bill: String,
    /// In minor units (cents).
    #[schemars(range(min = 1, max = 1_000_000_000_000_000_i64))]
    pub(super) amount: i64,
    /// The step by which billing was asked for it, the last time.
    #[serde(default)]
    pub(super) answers: Option<String>,
}

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct OfBill {
    /// Name of the bill.
    pub(super) bill: String,
    /// In minor units (cents).
    #[schemars(range(min = -1_000_000_000_000_000_i64, max = 1_000_000_000_000_000_i64))]
    pub(super) amount: i64,
}

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct WholeBill {
    /// Name of the bill.
    pub(super) bill: String,
}

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Credit {
    /// In minor units (cents).
    #[schemars(range(min = 1, max = 1_000_000_000_000_000_i64))]
    pub(super) amount: i64,
    /// Name of the credit. Without it: its own.
    #[serde(default)]
    pub(super) credit: Option<String>,
}

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Payment {
    /// In minor units (cents).
    #[schemars(range(min = 1, max = 1_000_000_000_000_000_i64))]
    pub(super) amount: i64,
    /// The bill that the payer named.
    #[serde(default)]
    pub(super) bill: Option<String>,
    /// Name of the payment, so that it can be taken back. Without it: its own.
    #[serde(default)]
    pub(super) payment: Option<String>,
    /// `true`: it came by the attempt that was asked for last.
    #[serde(default)]
    pub(super) was_retry: bool,
}

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct FailedPayment {
    /// Name of the payment.
    pub(super) payment: String,
    /// What was to be collected, in minor units (cents). Without it: more than is owed.
    #[serde(default)]
    #[schemars(range(min = 1, max = 1_000_000_000_000_000_i64))]
    pub(super) amount: Option<i64>,
    /// How it was to be paid. Without it: `card`.
    #[serde(default)]
    pub(super) method: Option<String>,
    /// The processor's code. Without it: `insufficient_funds`.
    #[serde(default)]
    pub(super) code: Option<String>,
    /// `true`: the processor forbids another attempt.
    #[serde(default, rename = "final")]
    pub(super) is_final: bool,
    /// `true`: it was the attempt that was asked for last.
    #[serde(default)]
    pub(super) was_retry: bool,
}

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct OfPayment {
    /// Name of the payment.
    pub(super) payment: String,
    /// In minor units (cents).
    #[schemars(range(min = 1, max = 1_000_000_000_000_000_i64))]
    pub(super) amount: i64,
    /// Why.
    #[serde(default)]
    pub(super) kind: Option<Reversal>,
}

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Reversal {
    Chargeback,
    ReturnedDebit,
    Refund,
    Misposted,
}

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct DisputeOpened {
    /// Name of the dispute.
    pub(super) dispute: String,
    /// The bill contested. Without it: every bill that is open.
    #[serde(default)]
    pub(super) bill: Option<String>,
    /// The part contested, in minor units (cents). Without it: all of it.
    #[serde(default)]
    #[schemars(range(min = 1, max = 1_000_000_000_000_000_i64))]
    pub(super) amount: Option<i64>,
    /// The lines of the bill that are contested, by their names under `lines` or `services`. Without it: `amount`, or all of it.
    #[serde(default)]
    pub(super) lines: Vec<String>,
}

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct DisputeResolved {
    /// Name of the dispute.
    pub(super) dispute: String,
    /// Who was right.
    pub(super) outcome: DisputeOutcome,
    /// Credited to the bills contested, in minor units (cents). Without it: nothing.
    #[serde(default)]
    #[schemars(range(min = 0, max = 1_000_000_000_000_000_i64))]
    pub(super) credited: i64,
}

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum DisputeOutcome {
    Upheld,
    PartlyUpheld,
    Rejected,
    Withdrawn,
}

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Decided {
    /// Until when. Without it: until decided again.
    #[serde(default)]
    pub(super) until: Option<String>,
}

/// A command that must follow. Only what is written is compared.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Expect {
    /// The step that tells the customer.
    pub(super) notify: Option<String>,
    /// The step that bars.
    pub(super) bar: Option<String>,
    /// Bars are lifted, and why.
    pub(super) restore: Option<Reason>,
    /// A payment that failed is collected again: which attempt, from 1.
    #[schemars(range(min = 1, max = 31))]
    pub(super) retry: Option<u16>,
    /// A charge that billing is asked to book: the name of the fee, or `interest`.
    pub(super) charge: Option<String>,
    /// A charge that is given up: the name of the fee, or `interest`.
    pub(super) waive: Option<String>,
    /// The step by which billing is asked to give up a bill.
    pub(super) write_off: Option<String>,
    /// The step whose notice is withdrawn.
    pub(super) withdraw: Option<String>,
    /// The step whose bar waits (no command); `because` says why.
    pub(super) held: Option<String>,
    /// Why a bar waits: `no_profile`, `protected`, `refused`, `no_warning`, `on_hold`, `balance_differs`, `not_served` or
    /// `no_service`.
    pub(super) because: Option<Because>,
    /// The parts of the plan that the notice offers.
    pub(super) offers: Option<Vec<Part>>,
    /// The channel of the notice.
    pub(super) channel: Option<Channel>,
    /// The level of the bar.
    pub(super) level: Option<Level>,
    /// The services that are restricted or restored; `[]`: all of the account.
    pub(super) services: Option<Vec<String>>,
    /// Overdue and not disputed, or what an attempt collects, in minor units (cents).
    pub(super) amount: Option<i64>,
    /// The bills that it is about, oldest due date first.
    pub(super) bills: Option<Vec<String>>,
    /// The steps whose bars are lifted, in the order in which they came; then those of another system, by their names there.
    pub(super) lifts: Option<Vec<String>>,
    /// The day that a warning names for its bar.
    pub(super) names_day: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum Reason {
    Paid,
    Promise,
    Plan,
    Dispute,
    Adjustment,
    Hold,
    WriteOff,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Because {
    NoProfile,
    Protected,
    Refused,
    NoWarning,
    OnHold,
    BalanceDiffers,
    NotServed,
    NoService,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub(super) enum Level {
    Throttled,
    Outgoing,
    Full,
    Terminated,
}

/// How the account stands. Only what is written is compared.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Stands {
    /// `clear`, `entered`, `notified`, `barred_throttled`, `barred_outgoing`, `barred_full`, `terminated`.
    pub(super) stage: Option<Stage>,
    /// The procedure that its cycle follows.
    pub(super) procedure: Option<String>,
    /// Owed in all, due or not, disputed or not, in minor units (cents).
    pub(super) open: Option<i64>,
    /// Credit of the account, in minor units (cents).
    pub(super) credit: Option<i64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Stage {
    Clear,
    Entered,
    Notified,
    BarredThrottled,
    BarredOutgoing,
    BarredFull,
    Terminated,
}
