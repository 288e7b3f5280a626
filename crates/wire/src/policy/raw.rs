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
    pub(super) description: Option<String>,
    /// From when new dunning cycles follow this version, such as `2027-01-01T00:00:00Z`. Without it: from the moment
    /// it is taken into use.
    #[serde(default)]
    #[schemars(extend("format" = "date-time"))]
    pub(super) effective_from: Option<String>,
    /// What becomes of a cycle that runs when this version comes into force: it keeps the version that it began with
    /// (`finish_cycle`), goes on by this one behind the last of its steps that are in here, too (`next_step`), or the
    /// same where steps have other names now (`map: { old-name: new-name }`). Without it: `finish_cycle`.
    #[serde(default)]
    pub(super) on_change: Option<super::change::Written>,
    /// Where days begin: one zone for all (`Europe/Berlin`), or `{ from: profile, default: Europe/Berlin }` for the
    /// customer's own.
    pub(super) time_zone: TimeZone,
    /// The least that is dunned, in minor units (cents) by currency, and `other` for every other currency: a number,
    /// or `none` where such accounts are never dunned.
    #[schemars(extend("minProperties" = 1))]
    pub(super) minimum: BTreeMap<String, Minimum>,
    /// A cycle ends, and every bar with it, once less than this is overdue: in minor units (cents) by currency, and
    /// `other` for every other currency. At most the minimum. Without it: once nothing is overdue.
    #[serde(default)]
    #[schemars(extend("minProperties" = 1))]
    pub(super) restore_below: Option<BTreeMap<String, i64>>,
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
    pub(super) shortcuts: super::shortcuts::Written,
    /// Free days, for distances in business days (`5bd`).
    #[serde(default)]
    pub(super) business_days: Option<BusinessDays>,
    /// When and how often customers are told anything. Notices wait for the hour; none is left out for it.
    #[serde(default)]
    pub(super) contact: Option<super::contact::Contact>,
    /// What becomes of the ladder when a payment is taken back and its debt is there again: it goes on where it stood
    /// (`resume`, at the first bar that was lifted, if there was one), or begins anew. Without it: `restart`.
    #[serde(default)]
    pub(super) on_reversal: Option<ComesBack>,
    /// The same when a dispute is rejected or withdrawn.
    #[serde(default)]
    pub(super) on_dispute_lost: Option<ComesBack>,
    /// The same when a write-off is taken back.
    #[serde(default)]
    pub(super) on_write_off_reversed: Option<ComesBack>,
    /// On which terms a promise to pay is taken, which stops everything until its last day. Without it: on any.
    #[serde(default)]
    pub(super) promises: Option<super::pauses::Agreement>,
    /// On which terms an instalment plan is taken, which stops everything while it is kept. Without it: on any.
    #[serde(default)]
    pub(super) plans: Option<super::pauses::Agreement>,
    /// A payment that is on its way stops everything, if it is enough, until the day on which it is expected, and at most
    /// so long: `10d`, or `ignore`. Without it: `10d`.
    #[serde(default)]
    #[schemars(regex(pattern = "^(ignore|[0-9]+d)$"))]
    pub(super) payments_on_their_way: Option<String>,
    /// What a hold does beyond stopping what it says.
    #[serde(default)]
    pub(super) holds: Option<super::pauses::Holds>,
    /// When payments that failed are collected again, and which of them. Without it: none is.
    #[serde(default)]
    pub(super) retries: Option<super::retries::Retries>,
    /// What customers who pay late are charged. Without it: nothing.
    #[serde(default)]
    pub(super) charges: Option<super::charges::Charges>,
    /// Which services bars restrict, what is restored before all is paid, and what becomes of a bar or a restoration that
    /// could not be done.
    #[serde(default)]
    pub(super) service: Option<super::service::Service>,
    /// `true`: the parameters of notices also hold amounts and days as people write them in the language of the profile, ready
    /// for a template. Without it: they do not.
    #[serde(default)]
    pub(super) localised: bool,
    /// What becomes of an account whose data is to be erased. Without it: what it owed and paid is kept until `60d` behind the
    /// last payment.
    #[serde(default)]
    pub(super) erasure: Option<Erasure>,
    /// A notice to who uses much less than before, while nothing is late. It starts no cycle.
    #[serde(default)]
    pub(super) early_warning: Option<super::early::Early>,
    /// Notices before the due date of a bill that is owed: one for each bill and step. They start no cycle.
    #[serde(default)]
    pub(super) before_due: Vec<Step>,
    /// Which accounts follow which procedure: the first rule that takes an account, when its cycle begins, for the
    /// whole cycle. Whom none takes follows `default_procedure`.
    #[serde(default)]
    pub(super) select: Vec<SelectRule>,
    /// The procedures by name.
    #[schemars(extend("minProperties" = 1))]
    pub(super) procedures: BTreeMap<String, Procedure>,
}

/// Where the source of profiles asks for erasure, what is known of the person goes at once, and the rest once nothing is owed.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Erasure {
    /// So long behind the last payment: as long as one can come back, such as a direct debit within eight weeks (`60d`).
    #[schemars(regex(pattern = "^[0-9]{1,4}d$"))]
    pub(super) keep_payments: String,
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

/// Which days are not worked.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct BusinessDays {
    /// The free days of every week. Without it: Saturday and Sunday.
    #[serde(default)]
    pub(super) weekend: Option<Vec<Weekday>>,
    /// Holidays by region as in the customer's profile (`DE`, `DE-BY`), and `all` for everybody: days such as
    /// `2027-03-26`, or `12-25` for every year. Those of `DE` count in `DE-BY`, too.
    #[serde(default)]
    pub(super) holidays: BTreeMap<String, Vec<String>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Weekday {
    Monday,
    Tuesday,
    Wednesday,
    Thursday,
    Friday,
    Saturday,
    Sunday,
}

/// A rule: these accounts follow this procedure.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SelectRule {
    /// Name of the rule: small letters, digits and hyphens.
    #[schemars(regex(pattern = "^[a-z][a-z0-9-]{0,63}$"))]
    pub(super) rule: String,
    /// What an account must be like; all of it.
    #[serde(default)]
    pub(super) when: Option<When>,
    /// Only so many of those, such as `10%`: always the same accounts.
    #[serde(default)]
    #[schemars(regex(pattern = "^[0-9]{1,3}([.][0-9]{1,2})?%$"))]
    pub(super) share: Option<String>,
    /// The shares of one group have no account in common, so that one can be the control of the other. Without it: the
    /// name of the policy.
    #[serde(default)]
    #[schemars(length(min = 1))]
    pub(super) group: Option<String>,
    /// The procedure that they follow.
    pub(super) procedure: String,
}

/// What happens to an account, step by step.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Procedure {
    /// The steps in the order in which they come; at least one.
    #[schemars(length(min = 1))]
    pub(super) steps: Vec<Step>,
}

/// One step: a notice, a bar or a write-off.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Step {
    /// Name of the step, unique in its procedure: small letters, digits and hyphens.
    #[schemars(regex(pattern = "^[a-z][a-z0-9-]{0,63}$"))]
    pub(super) step: String,
    /// When, counted from the beginning of the due date: `4d` is the fourth day after it, `5bd` the fifth business day,
    /// `30d end_of_month` the end of the month of the thirtieth day, `-2d` (under `before_due`) two days before it.
    /// Units: d, bd, h, m, s.
    #[schemars(regex(pattern = "^-?(([0-9]+(d|bd|h|m|s)|end_of_month) ?)+$"))]
    pub(super) at: String,
    /// What `at` is counted from. Without it: `due_date`.
    #[serde(default)]
    pub(super) counted_from: Option<CountedFrom>,
    /// Not before this time of day where the account's days begin, such as `"09:00"` (in quotes).
    #[serde(default)]
    #[schemars(regex(pattern = "^([01][0-9]|2[0-3]):[0-5][0-9]$"))]
    pub(super) from: Option<String>,
    /// What must hold when the step comes; all of it.
    #[serde(default)]
    pub(super) when: Option<When>,
    /// What becomes of the step where `when` does not hold: `skip` it, or `wait` until it holds. Without it: `skip`.
    #[serde(default)]
    pub(super) otherwise: Option<Otherwise>,
    /// The notice comes again, as long as no later step is due.
    #[serde(default)]
    pub(super) repeat: Option<Repeat>,
    /// Tells the customer.
    #[serde(default)]
    pub(super) notify: Option<Notify>,
    /// Restricts service.
    #[serde(default)]
    pub(super) bar: Option<Bar>,
    /// Asks billing to give up what is dunned, bill by bill; the last step. Nothing is given up before billing has booked it.
    #[serde(default)]
    pub(super) write_off: Option<WriteOff>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum CountedFrom {
    /// Of the oldest bill that is owed.
    DueDate,
    /// Of that bill.
    IssueDate,
    /// The beginning of the dunning cycle.
    Entry,
    /// The last step that was taken.
    PreviousStep,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum ComesBack {
    Restart,
    Resume,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Otherwise {
    Skip,
    Wait,
}

/// How a notice comes again.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Repeat {
    /// How long after the last time, at least `1d`: `7d`, `5bd`.
    #[schemars(regex(pattern = "^(([0-9]+(d|bd|h|m|s)|end_of_month) ?)+$"))]
    pub(super) every: String,
    /// How often after the first time. Without it: as long as it is owed.
    #[serde(default)]
    #[schemars(range(min = 1, max = 1_000))]
    pub(super) times: Option<u16>,
}

/// What an account must be like; all that is written must hold. What is not known does not hold.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(extend("minProperties" = 1))]
pub(super) struct When {
    /// Customer category: one, a list of which one must be it, or `{ not: [ … ] }`.
    pub(super) segment: Option<Words>,
    /// ISO 3166 code; `DE` covers `DE-BY`, too.
    pub(super) region: Option<Words>,
    /// Credit class given by the operator.
    pub(super) risk_class: Option<Words>,
    /// Status of the account at its source, such as `active`.
    pub(super) status: Option<Words>,
    /// BCP 47 tag, such as `de`.
    pub(super) language: Option<Words>,
    /// Currency of the account.
    pub(super) currency: Option<Words>,
    /// Kind of the oldest bill that is owed: `regular`, `final`, or the operator's own word.
    pub(super) bill_kind: Option<Words>,
    /// Month of the due date of the oldest bill that is owed: `january`, `[november, december]`.
    pub(super) bill_month: Option<Words>,
    /// Overdue and not disputed, in minor units (cents).
    pub(super) overdue: Option<Between>,
    /// Owed in all, due or not, disputed or not, in minor units (cents).
    pub(super) balance: Option<Between>,
    /// How many bills are overdue and not wholly disputed.
    pub(super) unpaid_bills: Option<Between>,
    /// Days since the due date of the oldest of them: `{ at_least: 30d }`.
    pub(super) debt_age: Option<DaysBetween>,
    /// Days since the customer came: `{ below: 90d }`.
    pub(super) tenure: Option<DaysBetween>,
    /// How often the account was dunned before.
    pub(super) earlier_cycles: Option<Between>,
    /// Disputes that have not ended.
    pub(super) open_disputes: Option<Between>,
    /// How many services the account has.
    pub(super) services: Option<Between>,
    /// Promises and instalment plans that were kept.
    pub(super) promises_kept: Option<Between>,
    /// Promises and instalment plans that were broken.
    pub(super) promises_broken: Option<Between>,
    /// What the customer is worth, in minor units (cents), as the profile says.
    pub(super) lifetime_value: Option<Between>,
    /// Scores of the profile by name, such as `churn: { at_least: 0.8 }`.
    #[schemars(extend("minProperties" = 1))]
    pub(super) scores: Option<BTreeMap<String, ScoreBetween>>,
    /// How many bills were paid late within a year (of the last 24 that were paid).
    pub(super) late_payments: Option<Between>,
    /// In how many cycles within a year service was restricted, the present one aside (of the last 12).
    pub(super) times_barred: Option<Between>,
    /// Days from the date of a bill to its payment, on the average of the last 24: `{ below: 20d }`.
    pub(super) days_to_pay: Option<DaysBetween>,
    /// Disputes that ended.
    pub(super) past_disputes: Option<Between>,
    /// The share of those that ended for the customer: `{ at_least: 50% }`.
    pub(super) disputes_upheld: Option<ShareBetween>,
    /// Whether bills are collected without the customer doing anything.
    pub(super) autopay: Option<bool>,
    /// Whether the customer is protected.
    pub(super) vulnerable: Option<bool>,
    /// Whether the profile was seen.
    pub(super) profile_known: Option<bool>,
    /// Whether a service is paid in advance.
    pub(super) prepaid_service: Option<bool>,
    /// Whether a service is one that is never barred.
    pub(super) protected_service: Option<bool>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(super) enum Words {
    /// This one.
    One(String),
    /// One of these.
    Any(#[schemars(length(min = 1))] Vec<String>),
    /// None of these.
    None(NoneOf),
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NoneOf {
    /// None of these.
    #[schemars(length(min = 1))]
    pub(super) not: Vec<String>,
}

/// A number between two; one of them may be left out.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("minProperties" = 1))]
pub(super) struct Between {
    /// This or more.
    #[serde(default)]
    pub(super) at_least: Option<i64>,
    /// Less than this.
    #[serde(default)]
    pub(super) below: Option<i64>,
}

/// A number of days between two; one of them may be left out.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("minProperties" = 1))]
pub(super) struct DaysBetween {
    /// This or more, such as `30d`.
    #[serde(default)]
    #[schemars(regex(pattern = "^[0-9]+d$"))]
    pub(super) at_least: Option<String>,
    /// Less than this, such as `90d`.
    #[serde(default)]
    #[schemars(regex(pattern = "^[0-9]+d$"))]
    pub(super) below: Option<String>,
}

/// A score between two; one of them may be left out.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("minProperties" = 1))]
pub(super) struct ScoreBetween {
    /// This or more.
    #[serde(default)]
    pub(super) at_least: Option<f64>,
    /// Less than this.
    #[serde(default)]
    pub(super) below: Option<f64>,
}

/// A share between two; one of them may be left out.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("minProperties" = 1))]
pub(super) struct ShareBetween {
    /// This or more, such as `50%`.
    #[serde(default)]
    #[schemars(regex(pattern = "^[0-9]{1,3}([.][0-9]{1,2})?%$"))]
    pub(super) at_least: Option<String>,
    /// Less than this, such as `80%`.
    #[serde(default)]
    #[schemars(regex(pattern = "^[0-9]{1,3}([.][0-9]{1,2})?%$"))]
    pub(super) below: Option<String>,
}

/// A message to the customer.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Notify {
    /// How it is sent.
    pub(super) channel: Channel,
    /// Other channels, in this order, for where nothing arrives on that one or the customer does not want it.
    #[serde(default)]
    #[schemars(length(max = 6))]
    pub(super) or: Vec<Channel>,
    /// Name of the template on the notification platform. Without it: the step's name.
    #[serde(default)]
    #[schemars(length(min = 1))]
    pub(super) template: Option<String>,
    /// What the message is for: `reminder`, `warning`, or a word of your own. Without it: `reminder`, and `warning`
    /// where a bar names this step.
    #[serde(default)]
    #[schemars(length(min = 1))]
    pub(super) purpose: Option<String>,
    /// Offers an instalment plan of all that is overdue. The customer takes it with a `PlanAgreed`.
    #[serde(default)]
    pub(super) offer: Option<super::pauses::Offer>,
    /// `true`: sent even where the customer opted out of the channel, as the law wants it for a warning before a bar.
    #[serde(default)]
    pub(super) mandatory: bool,
    /// In which order `channel` and those under `or` are tried: as they are written (`policy`), or that on which the customer
    /// last answered and then as the profile names them (`customer`). Without it: `policy`.
    #[serde(default)]
    pub(super) order: Option<super::notices::Order>,
    /// It is sent on the next channel where nothing is heard of it for so long. Without it: it is not.
    #[serde(default)]
    pub(super) fallback: Option<super::notices::Silence>,
    /// When it counts as the warning of a bar: `sent`, `delivered`, or `{ not_bounced: 3d }`. Where it is known not to have
    /// arrived, it is sent on the next channel. Without it: `sent`.
    #[serde(default)]
    pub(super) served_when: Option<super::notices::Served>,
    /// The day that its text names, so long after it is sent: `8d`, `5bd`. A warning names the later one of this and the day of
    /// its bar, which never comes before. Without it: a warning names the day of its bar.
    #[serde(default)]
    #[schemars(regex(pattern = "^(([0-9]+(d|bd)|end_of_month) ?)+$"))]
    pub(super) names_day: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
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

/// A debt that is given up.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct WriteOff {
    /// The code by which billing knows it. Without it: `WRITE-OFF`.
    #[serde(default)]
    #[schemars(length(min = 1))]
    pub(super) code: Option<String>,
}

/// A restriction of service.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Bar {
    /// How far. Emergency calls stay possible, but for `TERMINATED`: that ends the service for good, and no payment brings it
    /// back.
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
