use dunning_rules::{Body, Currency, Interaction, Minor};

use super::Named;
use crate::avro::{Fault, Reader};

/// Symbols of `Outcome`, `ContactChannel`, `ServiceResult` and `BarDecision`.
const OUTCOMES: usize = 11;
const CHANNELS: usize = 8;
const RESULTS: usize = 4;
const DECISIONS: usize = 4;

type Read<T> = Result<T, Fault>;

pub(super) fn body<'a>(r: &mut Reader<'a>) -> Read<Named<'a>> {
    let what = what(r)?;
    r.string()?; // actor
    r.string()?; // actor_role
    r.string()?; // reason
    let kind = match what {
        Interaction::NotUsed(name) => name,
        Interaction::BarApproved { .. } | Interaction::BarRefused { .. } | Interaction::BarDecisionWithdrawn => {
            "BarDecided"
        }
    };
    Ok((Body::Interaction(what), kind))
}

fn what(r: &mut Reader<'_>) -> Read<Interaction> {
    let not_used = match r.branch(13)? {
        0 => {
            r.id()?;
            r.positive()?;
            r.day().map(|_| "PromiseMade")
        }
        1 => plan(r),
        2 => hold(r),
        3 => r.id().map(|_| "HoldReleased"),
        4 => contact(r),
        5 => {
            r.instant()?;
            r.string().map(|_| "CallbackRequested")
        }
        6 => case(r),
        7 => r.id().map(|_| "PromiseCancelled"),
        8 => r.id().map(|_| "PlanCancelled"),
        9 => return bar_decided(r),
        10 => {
            r.string()?;
            r.boolean().map(|_| "OfferAnswered")
        }
        11 => service_action(r),
        _ => imported(r),
    };
    not_used.map(Interaction::NotUsed)
}

fn plan(r: &mut Reader<'_>) -> Read<&'static str> {
    r.id()?;
    r.each(|r| {
        r.day()?;
        r.positive().map(drop)
    })?;
    r.option(Reader::string).map(|_| "PlanAgreed")
}

fn hold(r: &mut Reader<'_>) -> Read<&'static str> {
    r.id()?;
    r.string()?; // reason
    r.option(Reader::timestamp)?; // until
    r.string()?; // kind
    texts(r)?; // bill_ids
    texts(r)?; // stops
    Ok("HoldPlaced")
}

fn contact(r: &mut Reader<'_>) -> Read<&'static str> {
    r.option(Reader::string)?; // command_id
    r.symbol(OUTCOMES)?;
    r.option(|r| r.symbol(CHANNELS))?;
    r.boolean()?; // inbound
    r.option(Reader::boolean)?; // right_party
    r.string()?; // intent
    r.option(Reader::double)?; // sentiment
    r.amount()?; // cost_minor
    Ok("ContactOutcome")
}

fn case(r: &mut Reader<'_>) -> Read<&'static str> {
    r.id()?;
    r.string()?; // status
    r.amount()?; // collected_minor
    r.string()?; // note
    r.string()?; // kind
    r.string()?; // assignee
    r.string()?; // outcome_code
    r.amount()?; // commission_minor
    Ok("CaseUpdated")
}

fn bar_decided(r: &mut Reader<'_>) -> Read<Interaction> {
    let decision = r.symbol(DECISIONS)?;
    r.string()?; // step
    texts(r)?; // service_ids
    // A far-off instant is a usual way to say "until decided again", so any is taken.
    let until = r.option(Reader::timestamp)?;
    Ok(match decision {
        1 => Interaction::BarApproved { until },
        2 => Interaction::BarRefused { until },
        3 => Interaction::BarDecisionWithdrawn,
        _ => Interaction::NotUsed("BarDecided"),
    })
}

fn service_action(r: &mut Reader<'_>) -> Read<&'static str> {
    r.string()?; // command_id
    r.string()?; // service_id
    r.symbol(RESULTS)?;
    r.option(Reader::timestamp)?; // applied_at
    r.string()?; // detail
    Ok("ServiceActionReported")
}

fn imported(r: &mut Reader<'_>) -> Read<&'static str> {
    r.string()?; // step
    r.option(Reader::timestamp)?; // cycle_started_at
    r.option(Reader::timestamp)?; // warned_at
    r.amount()?; // amount_warned_minor
    r.each(|r| {
        r.string()?; // bar_ref
        r.string()?; // level
        texts(r)?; // service_ids
        r.timestamp().map(drop) // since
    })?;
    Ok("DunningStateImported")
}

fn texts(r: &mut Reader<'_>) -> Read<()> {
    r.each(|r| r.string().map(drop))
}

/// Usage is advisory, so little is asked of it.
pub(super) fn usage<'a>(r: &mut Reader<'a>) -> Read<Named<'a>> {
    r.branch(1)?;
    r.string()?; // service_id
    r.timestamp()?; // period_start
    r.timestamp()?; // period_end
    r.long()?; // data_bytes
    r.long()?; // voice_seconds
    r.long()?; // sms_count
    let unbilled = r.amount()?;
    let currency = r.string()?;
    if unbilled > Minor::ZERO && Currency::parse(currency).is_none() {
        return Err(Fault::UnknownCurrency);
    }
    Ok((Body::UsageRecorded, "UsageRecorded"))
}
