use dunning_rules::{
    BarLevel, Body, Channel, ContactOutcome, Currency, DAY_MS, Day, DisputeOutcome, Failed, Hold, Interaction, Line,
    Minor, Profile, RestorationReason, ReversalKind, ServiceResult, Stops, Term, Timestamp, Usage, Zone,
};

use super::imported::Came;
use super::raw;

/// A scenario, checked and ready to run against any policy.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// The file, as it was named.
    pub file: String,
    /// What it shows, in one line.
    pub title: String,
    /// Id of the account.
    pub(super) account: String,
    /// Of the times that are shown.
    pub(super) zone: Zone,
    /// In the order of time; at one instant what happens comes before what is looked at.
    pub(super) entries: Vec<Entry>,
    /// The first instant at which nothing more is looked at.
    pub(super) end: Timestamp,
}

#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) at: Timestamp,
    /// Of the file, from 1.
    pub(super) line: u32,
    pub(super) what: What,
}

#[derive(Clone, Debug)]
pub(super) enum What {
    Happens(Box<Happens>),
    Expect(Expected),
    Stands(Stands),
    /// Until the entry's instant.
    Nothing,
}

#[derive(Clone, Debug)]
pub(super) struct Happens {
    pub(super) event_id: String,
    pub(super) event: Happening,
    /// Why it is to change nothing, where it is.
    pub(super) no_effect: Option<String>,
}

/// An event, with names and amounts of its own.
#[derive(Clone, Debug)]
pub(super) enum Happening {
    BillIssued {
        bill: String,
        amount: Minor,
        currency: Currency,
        issued: Day,
        due: Day,
        terms: Vec<Term>,
        services: Vec<(String, Minor)>,
        lines: Vec<(String, Minor)>,
        kind: String,
        answers: Option<String>,
    },
    BillAdjusted {
        bill: String,
        delta: Minor,
        answers: Option<String>,
        answers_waiver: Option<String>,
    },
    BillCancelled {
        bill: String,
    },
    /// `answers`: the step by which billing was asked for it.
    BillWrittenOff {
        answers: Option<String>,
        bill: String,
        amount: Minor,
    },
    WriteOffReversed {
        bill: String,
        amount: Minor,
    },
    AccountCredited {
        credit: String,
        amount: Minor,
        currency: Currency,
    },
    PaymentReceived {
        payment: String,
        amount: Minor,
        currency: Currency,
        bill: Option<String>,
        was_retry: bool,
    },
    /// `was_retry`: the attempt that was asked for last.
    PaymentFailed {
        payment: String,
        amount: Minor,
        currency: Currency,
        method: String,
        code: String,
        is_final: bool,
        was_retry: bool,
    },
    PaymentInitiated {
        payment: String,
        amount: Minor,
        currency: Currency,
        by: Day,
    },
    BalanceStated {
        as_of: Timestamp,
        balance: Minor,
        currency: Currency,
    },
    PaymentReversed {
        payment: String,
        amount: Minor,
        kind: ReversalKind,
    },
    DisputeOpened {
        dispute: String,
        bill: Option<String>,
        amount: Option<Minor>,
        lines: Vec<String>,
    },
    DisputeResolved {
        dispute: String,
        outcome: DisputeOutcome,
        credited: Minor,
    },
    Profile(Profile),
    Decided(Interaction<'static>),
    PromiseMade {
        promise: String,
        amount: Minor,
        promised_on: Day,
    },
    PromiseCancelled {
        promise: String,
    },
    PlanAgreed {
        plan: String,
        instalments: Vec<Term>,
        replaces: Option<String>,
    },
    /// `of`: the step of the notice.
    OfferAnswered {
        of: String,
        accepted: bool,
    },
    PlanCancelled {
        plan: String,
    },
    HoldPlaced {
        hold: String,
        kind: String,
        until: Option<Timestamp>,
        bills: Vec<String>,
        stops: Stops,
    },
    HoldReleased {
        hold: String,
    },
    StateImported(Came),
    Used {
        used: raw::Used,
        until: Timestamp,
    },
    /// `of`: the step of the bar, or `restore`.
    Provisioned {
        of: String,
        service: String,
        result: ServiceResult,
    },
    /// `of`: the step of the notice.
    ContactMade {
        of: Option<String>,
        outcome: ContactOutcome,
        channel: Option<Channel>,
        inbound: bool,
        right_party: Option<bool>,
    },
}

/// What must follow. `None`: not compared.
#[derive(Clone, Debug)]
pub(super) struct Expected {
    pub(super) kind: Kind,
    /// `None`: a restoration or an attempt to collect.
    pub(super) step: Option<String>,
    pub(super) channel: Option<Channel>,
    pub(super) level: Option<BarLevel>,
    pub(super) services: Option<Vec<String>>,
    pub(super) amount: Option<Minor>,
    pub(super) bills: Option<Vec<String>>,
    pub(super) lifts: Option<Vec<String>>,
    pub(super) names_day: Option<Day>,
    pub(super) offers: Option<Vec<Term>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Notify,
    Bar,
    Restore(RestorationReason),
    /// Which attempt.
    Retry(u16),
    Charge,
    Waive,
    WriteOff,
    Withdraw,
    /// No command: a bar that waits, and why where that is compared.
    Held(Option<Hold>),
}

/// The last command of a step, or of a charge.
pub(super) struct Named<'h> {
    pub(super) step: &'h str,
    /// That which gives the charge up.
    pub(super) waives: bool,
}

#[derive(Clone, Debug)]
pub(super) struct Stands {
    pub(super) stage: Option<&'static str>,
    pub(super) procedure: Option<String>,
    pub(super) open: Option<Minor>,
    pub(super) credit: Option<Minor>,
}

impl Happening {
    /// As the rules take it.
    /// `notice` is the id of the command that it is about, if it is about one.
    pub(super) fn body<'a>(&'a self, notice: Option<&'a str>) -> Body<'a> {
        match self {
            Self::BillIssued { bill, amount, currency, issued, due, terms, services, lines, kind, .. } => {
                Body::BillIssued {
                    bill_id: bill,
                    amount: *amount,
                    currency: *currency,
                    issued_on: *issued,
                    due_on: *due,
                    terms: terms.clone(),
                    lines: services
                        .iter()
                        .map(|(service, amount)| line(service, Some(service), *amount))
                        .chain(lines.iter().map(|(name, amount)| line(name, None, *amount)))
                        .collect(),
                    kind,
                    origin: notice,
                }
            }
            Self::BillAdjusted { bill, delta, .. } => {
                Body::BillAdjusted { bill_id: bill, delta: *delta, origin: notice }
            }
            Self::BillCancelled { bill } => Body::BillCancelled { bill_id: bill },
            Self::BillWrittenOff { bill, amount, .. } => {
                Body::BillWrittenOff { bill_id: bill, amount: *amount, origin: notice }
            }
            Self::WriteOffReversed { bill, amount } => Body::WriteOffReversed { bill_id: bill, amount: *amount },
            Self::AccountCredited { credit, amount, currency } => {
                Body::AccountCredited { credit_id: credit, amount: *amount, currency: *currency }
            }
            Self::PaymentReceived { payment, amount, currency, bill, .. } => Body::PaymentReceived {
                payment_id: payment,
                amount: *amount,
                currency: *currency,
                bill_id: bill.as_deref(),
                command_id: notice,
            },
            Self::PaymentFailed { payment, amount, currency, method, code, is_final, .. } => {
                Body::PaymentFailed(Failed {
                    payment_id: payment,
                    amount: *amount,
                    currency: *currency,
                    method,
                    decline_code: code,
                    is_final: *is_final,
                    command_id: notice,
                })
            }
            Self::PaymentInitiated { payment, amount, currency, by } => {
                Body::PaymentInitiated { payment_id: payment, amount: *amount, currency: *currency, expected_by: *by }
            }
            Self::BalanceStated { as_of, balance, currency } => {
                Body::BalanceStated { as_of: *as_of, balance: *balance, currency: *currency }
            }
            Self::PaymentReversed { payment, amount, kind } => {
                Body::PaymentReversed { payment_id: payment, amount: *amount, kind: *kind }
            }
            Self::DisputeOpened { dispute, bill, amount, lines } => Body::DisputeOpened {
                dispute_id: dispute,
                bill_id: bill.as_deref(),
                amount: *amount,
                line_ids: lines.iter().map(String::as_str).collect(),
            },
            Self::DisputeResolved { dispute, outcome, credited } => {
                Body::DisputeResolved { dispute_id: dispute, outcome: *outcome, credited: *credited }
            }
            Self::Profile(profile) => Body::Profile(Box::new(profile.clone())),
            Self::Used { used, until } => Body::UsageRecorded(Usage {
                service_id: &used.service,
                from: until.plus(-DAY_MS * i64::from(used.days.unwrap_or(1).max(1))),
                until: *until,
                data_bytes: used.data,
                voice_seconds: used.voice,
                messages: used.messages,
            }),
            other => Body::Interaction(other.interaction(notice)),
        }
    }

    /// The command that it is about, if it is about one.
    pub(super) fn notice(&self) -> Option<Named<'_>> {
        match self {
            Self::ContactMade { of, .. } => of.as_deref().map(|step| Named { step, waives: false }),
            Self::OfferAnswered { of, .. } | Self::Provisioned { of, .. } => Some(Named { step: of, waives: false }),
            Self::PaymentFailed { was_retry: true, .. } | Self::PaymentReceived { was_retry: true, .. } => {
                Some(Named { step: "retry", waives: false })
            }
            Self::BillAdjusted { answers_waiver: Some(step), .. } => Some(Named { step, waives: true }),
            Self::BillIssued { answers, .. }
            | Self::BillAdjusted { answers, .. }
            | Self::BillWrittenOff { answers, .. } => answers.as_deref().map(|step| Named { step, waives: false }),
            _ => None,
        }
    }

    /// What passed between the operator and the customer.
    fn interaction<'a>(&'a self, notice: Option<&'a str>) -> Interaction<'a> {
        match self {
            Self::Decided(interaction) => interaction.clone(),
            Self::PromiseMade { promise, amount, promised_on } => {
                Interaction::PromiseMade { promise_id: promise, amount: *amount, promised_on: *promised_on }
            }
            Self::PromiseCancelled { promise } => Interaction::PromiseCancelled { promise_id: promise },
            Self::PlanAgreed { plan, instalments, replaces } => Interaction::PlanAgreed {
                plan_id: plan,
                instalments: instalments.clone(),
                replaces: replaces.as_deref(),
            },
            Self::Provisioned { service, result, .. } => {
                Interaction::ServiceReported { command_id: notice.unwrap_or(""), service_id: service, result: *result }
            }
            Self::OfferAnswered { accepted, .. } => {
                Interaction::OfferAnswered { command_id: notice.unwrap_or(""), accepted: *accepted }
            }
            Self::PlanCancelled { plan } => Interaction::PlanCancelled { plan_id: plan },
            Self::HoldPlaced { hold, kind, until, bills, stops } => Interaction::HoldPlaced {
                hold_id: hold,
                kind,
                until: *until,
                bills: bills.iter().map(String::as_str).collect(),
                stops: *stops,
            },
            Self::HoldReleased { hold } => Interaction::HoldReleased { hold_id: hold },
            Self::StateImported(came) => came.interaction(),
            Self::ContactMade { outcome, channel, inbound, right_party, .. } => Interaction::ContactMade {
                command_id: notice,
                outcome: *outcome,
                channel: *channel,
                inbound: *inbound,
                right_party: *right_party,
            },
            _ => Interaction::NotUsed("none"),
        }
    }

    /// In words for people.
    pub(super) fn words(&self) -> String {
        match self {
            Self::BillIssued { bill, amount, due, answers: Some(charge), .. } => {
                format!("{charge} is booked: bill {bill} of {amount}, due {due}")
            }
            Self::BillIssued { bill, amount, due, terms, .. } if terms.is_empty() => {
                format!("bill {bill} of {amount} is issued, due {due}")
            }
            Self::BillIssued { bill, amount, terms, .. } => {
                format!("bill {bill} of {amount} is issued, to be paid {}", parts(terms))
            }
            Self::BillAdjusted { bill, delta, answers: Some(charge), .. } => {
                format!("{charge} is booked: bill {bill} changes by {delta}")
            }
            Self::BillAdjusted { bill, delta, answers_waiver: Some(charge), .. } => {
                format!("the waiver of {charge} is booked: bill {bill} changes by {delta}")
            }
            Self::BillAdjusted { bill, delta, .. } => format!("bill {bill} changes by {delta}"),
            Self::BillCancelled { bill } => format!("bill {bill} is cancelled"),
            Self::BillWrittenOff { bill, amount, .. } => format!("{amount} of bill {bill} is written off"),
            Self::WriteOffReversed { bill, amount } => format!("{amount} of bill {bill} is owed again"),
            Self::AccountCredited { amount, .. } => format!("the account is credited with {amount}"),
            Self::PaymentReceived { amount, bill: None, .. } => format!("{amount} is paid"),
            Self::PaymentReceived { amount, bill: Some(bill), .. } => format!("{amount} is paid on bill {bill}"),
            Self::PaymentFailed { payment, was_retry: true, .. } => format!("the attempt fails, as payment {payment}"),
            Self::PaymentFailed { payment, .. } => format!("payment {payment} is declined"),
            Self::PaymentInitiated { amount, by, .. } => format!("{amount} is on its way, to come by {by}"),
            Self::BalanceStated { balance, .. } => format!("billing says that {balance} is owed"),
            Self::PaymentReversed { payment, amount, .. } => format!("{amount} of payment {payment} is taken back"),
            Self::DisputeOpened { bill, amount, lines, .. } => {
                let all = if lines.is_empty() { "all".to_owned() } else { lines.join(", ") };
                let what = amount.map_or(all, |a| a.to_string());
                format!(
                    "{what} of {} is disputed",
                    bill.as_ref().map_or("every open bill".to_owned(), |b| format!("bill {b}"))
                )
            }
            Self::DisputeResolved { dispute, credited, .. } => {
                format!("dispute {dispute} ends, {credited} is credited")
            }
            Self::Profile(_) => "the profile is known".to_owned(),
            Self::Used { used, .. } => format!("{} is used: {}", used.service, amounts(used)),
            Self::Decided(Interaction::BarApproved { .. }) => "a person allows bars".to_owned(),
            Self::Decided(Interaction::BarRefused { .. }) => "a person refuses bars".to_owned(),
            Self::Decided(_) => "a person takes the decision on bars back".to_owned(),
            Self::PromiseMade { amount, promised_on, .. } => format!("{amount} is promised by {promised_on}"),
            Self::PromiseCancelled { promise } => format!("promise {promise} is cancelled"),
            Self::PlanAgreed { instalments, .. } => {
                format!("a plan is agreed: {}", parts(instalments))
            }
            Self::OfferAnswered { of, accepted: true } => format!("the plan that {of} offered is taken"),
            Self::OfferAnswered { of, .. } => format!("the plan that {of} offered is not taken"),
            Self::PlanCancelled { plan } => format!("plan {plan} is cancelled"),
            Self::HoldPlaced { hold, bills, .. } if bills.is_empty() => format!("hold {hold} is placed"),
            Self::HoldPlaced { hold, bills, .. } => format!("hold {hold} is placed on {}", bills.join(", ")),
            Self::HoldReleased { hold } => format!("hold {hold} is released"),
            Self::Provisioned { of, service, result } if service.is_empty() => {
                format!("provisioning, {of}: {result:?}")
            }
            Self::Provisioned { of, service, result } => format!("provisioning, {of} of {service}: {result:?}"),
            Self::StateImported(came) => came.words(),
            Self::ContactMade { of: Some(step), outcome, .. } => format!("notice {step}: {outcome:?}"),
            Self::ContactMade { outcome, inbound: true, .. } => format!("the customer gets in touch: {outcome:?}"),
            Self::ContactMade { outcome, .. } => format!("another contact: {outcome:?}"),
        }
    }
}

fn line<'a>(line_id: &'a str, service_id: Option<&'a str>, amount: Minor) -> Line<'a> {
    Line { line_id, service_id, category: "own", amount }
}

fn amounts(used: &raw::Used) -> String {
    let all = [(used.data, "bytes"), (used.voice, "seconds of calls"), (used.messages, "messages")];
    let all = all.into_iter().filter(|(units, _)| *units > 0).map(|(units, what)| format!("{units} {what}"));
    all.collect::<Vec<_>>().join(", ")
}

fn parts(terms: &[Term]) -> String {
    terms.iter().map(|part| format!("{} by {}", part.amount, part.due_on)).collect::<Vec<_>>().join(", ")
}

impl Expected {
    /// In words for people.
    pub(super) fn words(&self) -> String {
        let step = self.step.as_deref().unwrap_or("");
        let mut words = match self.kind {
            Kind::Notify => format!("notify {step}"),
            Kind::Bar => format!("bar {step}"),
            Kind::Restore(reason) => format!("restore {}", reason.symbol()),
            Kind::Retry(attempt) => format!("retry, attempt {attempt}"),
            Kind::Charge => format!("charge {step}"),
            Kind::Waive => format!("waive {step}"),
            Kind::WriteOff => format!("write off {step}"),
            Kind::Withdraw => format!("withdraw {step}"),
            Kind::Held(None) => format!("{step} is held"),
            Kind::Held(Some(hold)) => format!("{step} is held: {}", hold.word()),
        };
        let list = |names: &Vec<String>| names.join(" ");
        let details = [
            self.channel.map(|c| c.symbol().to_owned()),
            self.level.map(|l| l.symbol().to_owned()),
            self.services.as_ref().filter(|all| !all.is_empty()).map(|all| format!("services {}", list(all))),
            self.amount.map(|a| a.to_string()),
            self.bills.as_ref().map(|b| format!("bills {}", list(b))),
            self.lifts.as_ref().map(|l| format!("lifts {}", list(l))),
            self.names_day.map(|d| format!("names {d}")),
            self.offers.as_ref().filter(|offers| !offers.is_empty()).map(|offers| format!("offers {}", parts(offers))),
        ];
        for detail in details.into_iter().flatten() {
            words.push_str(", ");
            words.push_str(&detail);
        }
        words
    }
}

impl Stands {
    /// In words for people; only what is compared.
    pub(super) fn words(&self) -> String {
        let parts = [
            self.stage.map(str::to_owned),
            self.procedure.as_ref().map(|p| format!("procedure {p}")),
            self.open.map(|a| format!("{a} open")),
            self.credit.map(|a| format!("{a} credit")),
        ];
        format!("stands {}", parts.into_iter().flatten().collect::<Vec<_>>().join(", "))
    }
}
