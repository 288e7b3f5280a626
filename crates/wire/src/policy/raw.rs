//! The policy file as it is written. What is documented here is what editors show.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

/// A dunning policy: who is reminded, warned and barred, when and how.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Dunning policy")]
pub(super) struct PolicyFile {
    /// Always `dunning-policy/1`: the vocabulary that the file is written in.
    #[allow(dead_code)]
    pub(super) format: Format,
    /// Name of the policy: small letters, digits and hyphens.
    #[schemars(regex(pattern = "^[a-z][a-z0-9-]{0,63}$"))]
    pub(super) policy: String,
    /// Raise it by one with every change: each decision names the version that made it.
    #[schemars(range(min = 1, max = 1_000_000_000))]
    pub(super) version: u32,
    /// What it is for, in your own words.
    #[serde(default)]
    #[allow(dead_code)]
    pub(super) description: Option<String>,
    /// From when new dunning cycles follow this version, such as `2027-01-01T00:00:00Z`. Without it: from the moment
    /// it is taken into use.
    #[serde(default)]
    #[schemars(extend("format" = "date-time"))]
    pub(super) effective_from: Option<String>,
    /// Where days begin: one zone for all (`Europe/Berlin`), or `{ from: profile, default: Europe/Berlin }` for the
    /// customer's own.
    pub(super) time_zone: TimeZone,
    /// The least that is dunned, in minor units (cents) by currency, and `other` for every other currency: a number,
    /// or `none` where such accounts are never dunned.
    #[schemars(extend("minProperties" = 1))]
    pub(super) minimum: BTreeMap<String, Minimum>,
    /// Who is found late starts at most so far back: `4d` means that on the first day such an account stands where
    /// one stands on the fourth day after its due date.
    #[schemars(regex(pattern = "^([0-9]+[dhms] ?)+$"))]
    pub(super) late_start: String,
    /// A step that comes later than this (after an outage) moves the steps after it by as much, so that the customer
    /// keeps the time between them; `never` moves none.
    #[schemars(regex(pattern = "^(never|([0-9]+[dhms] ?)+)$"))]
    pub(super) late_after: String,
    /// The procedure of every account that no rule sends elsewhere.
    pub(super) default_procedure: String,
    /// What the reference workload does and a policy for customers must not. Leave it out.
    #[serde(default)]
    pub(super) shortcuts: Shortcuts,
    /// The procedures by name; one, for now.
    #[schemars(extend("minProperties" = 1))]
    pub(super) procedures: BTreeMap<String, Procedure>,
}

/// The vocabulary.
#[derive(Debug, Deserialize, JsonSchema)]
pub(super) enum Format {
    #[serde(rename = "dunning-policy/1")]
    One,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(super) enum TimeZone {
    /// An IANA name, such as `Europe/Berlin`.
    Fixed(String),
    /// The customer's own.
    Of(ZoneOf),
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ZoneOf {
    /// `profile`: the zone in the customer's profile.
    #[allow(dead_code)]
    pub(super) from: ZoneSource,
    /// The zone of accounts without a profile: an IANA name, such as `Europe/Berlin`.
    pub(super) default: String,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum ZoneSource {
    Profile,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(super) enum Minimum {
    /// In minor units (cents), at least 1.
    Amount(#[schemars(range(min = 1, max = 1_000_000_000_000_000_i64))] i64),
    /// `none`: never dunned.
    Word(Never),
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Never {
    None,
}

/// What happens to an account, step by step.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Procedure {
    /// The steps in the order in which they come; at least one.
    #[schemars(length(min = 1))]
    pub(super) steps: Vec<Step>,
}

/// One step: a notice or a bar.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Step {
    /// Name of the step, unique in its procedure: small letters, digits and hyphens.
    #[schemars(regex(pattern = "^[a-z][a-z0-9-]{0,63}$"))]
    pub(super) step: String,
    /// When, counted from the beginning of the due date: `4d` is the fourth day after it. Units: d, h, m, s.
    #[schemars(regex(pattern = "^([0-9]+[dhms] ?)+$"))]
    pub(super) at: String,
    /// Not before this time of day where the account's days begin, such as `"09:00"` (in quotes).
    #[serde(default)]
    #[schemars(regex(pattern = "^([01][0-9]|2[0-3]):[0-5][0-9]$"))]
    pub(super) from: Option<String>,
    /// Tells the customer.
    #[serde(default)]
    pub(super) notify: Option<Notify>,
    /// Restricts service.
    #[serde(default)]
    pub(super) bar: Option<Bar>,
}

/// A message to the customer.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Notify {
    /// How it is sent.
    pub(super) channel: Channel,
    /// Name of the template on the notification platform. Without it: the step's name.
    #[serde(default)]
    #[schemars(length(min = 1))]
    pub(super) template: Option<String>,
    /// What the message is for: `reminder`, `warning`, or a word of your own. Without it: `reminder`, and `warning`
    /// where a bar names this step.
    #[serde(default)]
    #[schemars(length(min = 1))]
    pub(super) purpose: Option<String>,
    /// `true`: sent even where the customer opted out of the channel, as the law wants it for a warning before a bar.
    #[serde(default)]
    pub(super) mandatory: bool,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub(super) enum Channel {
    #[default]
    Email,
    Sms,
    Push,
    Whatsapp,
    Ivr,
    Voice,
    Letter,
}

/// A restriction of service.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Bar {
    /// How far. Emergency calls stay possible.
    pub(super) level: Level,
    /// The earlier step that warned of it: without it having been sent there is no bar.
    #[serde(default)]
    pub(super) after_warning: Option<String>,
    /// The least time between that warning and the bar, at least `1d`; the law may want more.
    #[serde(default)]
    #[schemars(regex(pattern = "^([0-9]+[dhms] ?)+$"))]
    pub(super) notice: Option<String>,
}

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub(super) enum Level {
    Throttled,
    Outgoing,
    Full,
    Terminated,
}

/// Shortcuts of the reference workload. A policy with one of them on is refused for real customers (clock `wall`).
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Shortcuts {
    /// A step that falls due while less than the minimum is owed: `wait` until it is owed again (safe), or `skip` it.
    pub(super) below_minimum: Option<BelowMinimum>,
    /// What the end of a dispute frees: `frees_its_own` amount (safe), or `frees_the_bill`, other disputes included.
    pub(super) dispute_end: Option<DisputeEnd>,
    /// When a payment goes to disputed debt: `last` (safe), or `by_due_date` like any other.
    pub(super) pay_disputed: Option<PayDisputed>,
    /// A debit note `draws_on_credit` (safe), or `leaves_credit` alone.
    pub(super) debit_note: Option<DebitNote>,
    /// `true`: an account whose profile was never seen can be barred; `false` is safe.
    pub(super) bar_without_profile: Option<bool>,
    /// `true`: a bar needs no warning before it; `false` is safe.
    pub(super) bar_without_warning: Option<bool>,
    /// `true`: a protected customer can be barred without a person's decision; `false` is safe.
    pub(super) bar_protected: Option<bool>,
}

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum BelowMinimum {
    Wait,
    Skip,
}

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum DisputeEnd {
    FreesItsOwn,
    FreesTheBill,
}

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum PayDisputed {
    Last,
    ByDueDate,
}

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum DebitNote {
    DrawsOnCredit,
    LeavesCredit,
}
