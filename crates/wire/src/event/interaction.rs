use dunning_rules::{
    BarLevel, BarThere, Body, Channel, ContactOutcome, Currency, Interaction, Minor, ServiceResult, Stops, Term, Usage,
};

use super::Named;
use crate::avro::{self, Fault, Reader};

/// In the order of the symbols of `ContactChannel`; the first one says nothing.
pub(super) const CHANNELS: [Option<Channel>; 8] = [
    None,
    Some(Channel::Email),
    Some(Channel::Sms),
    Some(Channel::Push),
    Some(Channel::Whatsapp),
    Some(Channel::Ivr),
    Some(Channel::Voice),
    Some(Channel::Letter),
];
/// Symbols of `BarDecision`.
const DECISIONS: usize = 4;

/// What a hold can stop.
pub(super) const CONTACTS: &str = "contacts";
pub(super) const BARS: &str = "bars";
pub(super) const FEES: &str = "fees";

type Read<T> = Result<T, Fault>;

pub(super) fn body<'a>(r: &mut Reader<'a>) -> Read<Named<'a>> {
    let what = what(r)?;
    r.string()?; // actor
    r.string()?; // actor_role
    r.string()?; // reason
    let kind = match what {
        Interaction::NotUsed(name) => name,
        Interaction::PromiseMade { .. } => "PromiseMade",
        Interaction::PromiseCancelled { .. } => "PromiseCancelled",
        Interaction::PlanAgreed { .. } => "PlanAgreed",
        Interaction::PlanCancelled { .. } => "PlanCancelled",
        Interaction::HoldPlaced { .. } => "HoldPlaced",
        Interaction::HoldReleased { .. } => "HoldReleased",
        Interaction::OfferAnswered { .. } => "OfferAnswered",
        Interaction::ContactMade { .. } => "ContactOutcome",
        Interaction::StateImported { .. } => "DunningStateImported",
        Interaction::ServiceReported { .. } => "ServiceActionReported",
        Interaction::BarApproved { .. } | Interaction::BarRefused { .. } | Interaction::BarDecisionWithdrawn => {
            "BarDecided"
        }
    };
    Ok((Body::Interaction(what), kind))
}

fn what<'a>(r: &mut Reader<'a>) -> Read<Interaction<'a>> {
    let not_used = match r.branch(13)? {
        0 => {
            return Ok(Interaction::PromiseMade { promise_id: r.id()?, amount: r.positive()?, promised_on: r.day()? });
        }
        1 => return plan(r),
        2 => return hold(r),
        3 => return Ok(Interaction::HoldReleased { hold_id: r.id()? }),
        4 => return contact(r),
        5 => {
            r.instant()?;
            r.string().map(|_| "CallbackRequested")
        }
        6 => case(r),
        7 => return Ok(Interaction::PromiseCancelled { promise_id: r.id()? }),
        8 => return Ok(Interaction::PlanCancelled { plan_id: r.id()? }),
        9 => return bar_decided(r),
        10 => {
            return Ok(Interaction::OfferAnswered { command_id: r.string()?, accepted: r.boolean()? });
        }
        11 => return service_action(r),
        _ => return imported(r),
    };
    not_used.map(Interaction::NotUsed)
}

fn plan<'a>(r: &mut Reader<'a>) -> Read<Interaction<'a>> {
    let plan_id = r.id()?;
    let mut instalments = r.array(|r| Ok(Term { due_on: r.day()?, amount: r.positive()? }))?;
    instalments.sort_by_key(|part| part.due_on);
    Ok(Interaction::PlanAgreed { plan_id, instalments, replaces: r.option(Reader::string)? })
}

fn hold<'a>(r: &mut Reader<'a>) -> Read<Interaction<'a>> {
    let hold_id = r.id()?;
    r.string()?; // reason
    let until = r.option(Reader::timestamp)?;
    let kind = r.string()?;
    let bills = r.array(Reader::string)?;
    let words = r.array(Reader::string)?;
    // A word that is not known may mean anything: then everything is stopped.
    let all = words.is_empty() || words.iter().any(|word| ![CONTACTS, BARS, FEES].contains(word));
    let stopped = |word| all || words.contains(&word);
    let stops = Stops { contacts: stopped(CONTACTS), bars: stopped(BARS), fees: stopped(FEES) };
    Ok(Interaction::HoldPlaced { hold_id, kind, until, bills, stops })
}

fn contact<'a>(r: &mut Reader<'a>) -> Read<Interaction<'a>> {
    let command_id = r.option(Reader::string)?;
    let outcome = ContactOutcome::ALL[r.symbol(ContactOutcome::ALL.len())?];
    let channel = r.option(|r| r.symbol(CHANNELS.len()))?.and_then(|symbol| CHANNELS[symbol]);
    let inbound = r.boolean()?;
    let right_party = r.option(Reader::boolean)?;
    r.string()?; // intent
    r.option(Reader::double)?; // sentiment
    r.amount()?; // cost_minor
    Ok(Interaction::ContactMade { command_id, outcome, channel, inbound, right_party })
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

fn bar_decided<'a>(r: &mut Reader<'a>) -> Read<Interaction<'a>> {
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

fn service_action<'a>(r: &mut Reader<'a>) -> Read<Interaction<'a>> {
    let (command_id, service_id) = (r.string()?, r.string()?);
    let result = ServiceResult::ALL[r.symbol(ServiceResult::ALL.len())?];
    r.option(Reader::timestamp)?; // applied_at
    r.string()?; // detail
    Ok(Interaction::ServiceReported { command_id, service_id, result })
}

/// A bar goes as far as one of these: nothing is taken over of a service that was ended.
pub(super) const IMPORTED: [BarLevel; 3] = [BarLevel::Throttled, BarLevel::Outgoing, BarLevel::Full];

fn imported<'a>(r: &mut Reader<'a>) -> Read<Interaction<'a>> {
    let step = r.string()?;
    let started = r.option(Reader::timestamp)?;
    let warned = r.option(Reader::timestamp)?;
    let amount_warned = r.amount()?;
    let bars = r.array(|r| {
        let reference = r.id()?;
        let level = r.string()?;
        let level = IMPORTED.into_iter().find(|known| known.symbol() == level).ok_or(Fault::BadEnum)?;
        let services = r.array(Reader::id)?;
        Ok(BarThere { reference, level, services, since: r.timestamp()? })
    })?;
    Ok(Interaction::StateImported { step, started, warned, amount_warned, bars })
}

fn texts(r: &mut Reader<'_>) -> Read<()> {
    r.each(|r| r.string().map(drop))
}

/// Usage is advisory, so little is asked of it.
pub(super) fn usage<'a>(r: &mut Reader<'a>) -> Read<Named<'a>> {
    r.branch(1)?;
    // What can be no name is as none, and what is less than none, too.
    let service_id = Some(r.string()?).filter(|id| avro::is_id(id)).unwrap_or_default();
    let (from, until) = (r.timestamp()?, r.timestamp()?);
    let mut units = || Ok(u64::try_from(r.long()?).unwrap_or(0));
    let (data_bytes, voice_seconds, messages) = (units()?, units()?, units()?);
    let unbilled = r.amount()?;
    let currency = r.string()?;
    if unbilled > Minor::ZERO && Currency::parse(currency).is_none() {
        return Err(Fault::UnknownCurrency);
    }
    let usage = Usage { service_id, from, until, data_bytes, voice_seconds, messages };
    Ok((Body::UsageRecorded(usage), "UsageRecorded"))
}
