use dunning_rules::{
    BarThere, Body, DisputeOutcome, Input, Interaction, Line, Minor, Profile, ReversalKind, Service, Stops, Term,
    Timestamp, Usage,
};

use super::interaction::{BARS, CHANNELS, CONTACTS, FEES};
use super::payment::{OUTCOMES, REVERSALS};
use super::profile::PREPAID;
use crate::avro::{
    put_amount, put_array, put_bool, put_currency, put_day, put_instant, put_len, put_long, put_option, put_str,
};
use crate::topic::InputTopic;

/// Puts an event as a datum of its topic's built-in schema: for simulations and tests. What the rules do not carry has
/// the schema's default; where it has none, the least value that [`super::decode`] takes. An event put as a datum of
/// another topic than its own cannot be read back.
pub fn encode_input(topic: InputTopic, account_id: &str, input: &Input<'_>, out: &mut Vec<u8>) {
    put_str(out, input.event_id);
    put_str(out, account_id);
    put_instant(out, input.occurred_at);
    match &input.body {
        Body::Profile(profile) => put_profile(out, profile),
        Body::UsageRecorded(usage) => put_usage(out, usage),
        Body::Interaction(interaction) => put_interaction(out, interaction),
        Body::DisputeOpened { .. } | Body::DisputeResolved { .. } => put_dispute(out, &input.body),
        body if topic == InputTopic::Payments => put_payment(out, body),
        body => put_bill(out, body),
    }
}

fn put_bill(out: &mut Vec<u8>, body: &Body<'_>) {
    match body {
        Body::BillIssued { bill_id, amount, currency, issued_on, due_on, terms, lines, kind, origin } => {
            put_branch(out, 0, bill_id);
            put_amount(out, *amount);
            put_currency(out, Some(*currency));
            put_day(out, *issued_on);
            put_day(out, *due_on);
            put_array(out, terms.iter(), put_term);
            put_array(out, lines.iter(), put_line);
            put_str(out, kind);
            out.extend([0, 0]); // number, replaces_bill_id
            put_option(out, *origin, put_str);
        }
        Body::BillAdjusted { bill_id, delta, origin } => {
            put_branch(out, 1, bill_id);
            put_amount(out, *delta);
            out.push(0); // reason
            put_option(out, *origin, put_str);
        }
        Body::BillCancelled { bill_id } => {
            put_branch(out, 2, bill_id);
            out.push(0); // reason
        }
        Body::BillWrittenOff { bill_id, amount, origin } => {
            put_branch(out, 3, bill_id);
            put_amount(out, *amount);
            out.push(0); // reason
            put_option(out, *origin, put_str);
        }
        Body::WriteOffReversed { bill_id, amount } => {
            put_branch(out, 4, bill_id);
            put_amount(out, *amount);
            out.push(0); // reason
        }
        Body::AccountCredited { credit_id, amount, currency } => {
            put_branch(out, 5, credit_id);
            put_amount(out, *amount);
            put_currency(out, Some(*currency));
            out.push(0); // reason
        }
        Body::BalanceStated { as_of, balance, currency } => {
            put_len(out, 6);
            put_instant(out, *as_of);
            put_amount(out, *balance);
            put_currency(out, Some(*currency));
            out.push(0); // open_bills
        }
        _ => {}
    }
}

/// A branch of the body's union whose first field is a text.
fn put_branch(out: &mut Vec<u8>, branch: usize, first: &str) {
    put_len(out, branch);
    put_str(out, first);
}

fn put_term(out: &mut Vec<u8>, term: &Term) {
    put_day(out, term.due_on);
    put_amount(out, term.amount);
}

fn put_line(out: &mut Vec<u8>, line: &Line<'_>) {
    put_str(out, line.line_id);
    put_option(out, line.service_id, put_str);
    put_str(out, line.category);
    put_amount(out, line.amount);
}

fn put_payment(out: &mut Vec<u8>, body: &Body<'_>) {
    match body {
        Body::PaymentReceived { payment_id, amount, currency, bill_id, command_id } => {
            put_branch(out, 0, payment_id);
            put_amount(out, *amount);
            put_currency(out, Some(*currency));
            out.push(0); // method
            put_option(out, *bill_id, put_str);
            put_option(out, *command_id, put_str);
        }
        Body::PaymentFailed(failed) => {
            put_branch(out, 1, failed.payment_id);
            put_amount(out, failed.amount);
            put_currency(out, Some(failed.currency));
            put_str(out, failed.method);
            put_str(out, failed.decline_code);
            put_bool(out, !failed.is_final);
            put_option(out, failed.command_id, put_str);
        }
        Body::PaymentReversed { payment_id, amount, kind } => {
            put_branch(out, 2, payment_id);
            put_amount(out, *amount);
            out.extend([0, 0]); // reason, reversal_id
            put_len(out, REVERSALS.iter().position(|k: &ReversalKind| k == kind).unwrap_or(0));
        }
        Body::PaymentInitiated { payment_id, amount, currency, expected_by } => {
            put_branch(out, 3, payment_id);
            put_amount(out, *amount);
            put_currency(out, Some(*currency));
            out.push(0); // method
            put_day(out, *expected_by);
        }
        _ => {}
    }
}

fn put_dispute(out: &mut Vec<u8>, body: &Body<'_>) {
    match body {
        Body::DisputeOpened { dispute_id, bill_id, amount, line_ids } => {
            put_branch(out, 0, dispute_id);
            put_option(out, *bill_id, put_str);
            put_option(out, *amount, put_amount);
            out.push(0); // reason
            put_array(out, line_ids.iter(), |out, line| put_str(out, line));
        }
        Body::DisputeResolved { dispute_id, outcome, credited } => {
            put_branch(out, 1, dispute_id);
            put_len(out, OUTCOMES.iter().position(|o: &DisputeOutcome| o == outcome).unwrap_or(0));
            put_amount(out, *credited);
        }
        _ => {}
    }
}

fn put_profile(out: &mut Vec<u8>, profile: &Profile) {
    put_branch(out, 0, &profile.segment);
    put_str(out, &profile.region);
    put_str(out, &profile.risk_class);
    put_str(out, &profile.language);
    put_str(out, profile.zone.name());
    put_bool(out, profile.vulnerable);
    put_option(out, profile.customer_since, put_day);
    let facts = profile.facts.as_deref();
    put_amount(out, facts.map_or(Minor::ZERO, |facts| facts.lifetime_value));
    out.push(0); // credit_limit_minor
    put_array(out, profile.services.iter(), put_service);
    put_array(out, profile.contacts.iter(), |out, contact| {
        put_len(out, contact.channel as usize);
        put_str(out, &contact.address);
        put_bool(out, contact.consent);
    });
    put_option(out, profile.payment_link.as_deref(), put_str);
    put_bool(out, facts.is_some_and(|facts| facts.autopay));
    put_str(out, &profile.status);
    out.extend([0, 0, 0, 0]); // closed_on, currency, payment_method_id, deposit_minor
    put_array(out, facts.map_or(&[][..], |facts| &facts.scores).iter(), |out, score| {
        put_str(out, &score.name);
        #[allow(clippy::cast_precision_loss)] // of what is put for simulations and tests
        out.extend((score.millionths as f64 / 1e6).to_le_bytes());
        out.push(0); // as_of
    });
}

fn put_service(out: &mut Vec<u8>, service: &Service) {
    put_str(out, &service.service_id);
    out.push(0); // kind
    put_str(out, if service.prepaid { PREPAID } else { "postpaid" });
    put_bool(out, service.protected);
    out.push(0); // user_id
}

fn put_usage(out: &mut Vec<u8>, usage: &Usage<'_>) {
    put_branch(out, 0, usage.service_id);
    put_instant(out, usage.from);
    put_instant(out, usage.until);
    for units in [usage.data_bytes, usage.voice_seconds, usage.messages] {
        put_long(out, i64::try_from(units).unwrap_or(i64::MAX));
    }
    out.extend([0, 0]); // unbilled_minor, currency
}

fn put_interaction(out: &mut Vec<u8>, interaction: &Interaction<'_>) {
    match interaction {
        Interaction::PromiseMade { promise_id, amount, promised_on } => {
            put_branch(out, 0, promise_id);
            put_amount(out, *amount);
            put_day(out, *promised_on);
        }
        Interaction::PlanAgreed { plan_id, instalments, replaces } => {
            put_branch(out, 1, plan_id);
            put_array(out, instalments.iter(), put_term);
            put_option(out, *replaces, put_str);
        }
        Interaction::HoldPlaced { hold_id, kind, until, bills, stops } => {
            put_branch(out, 2, hold_id);
            out.push(0); // reason
            put_option(out, *until, put_instant);
            put_str(out, kind);
            put_array(out, bills.iter(), |out, bill| put_str(out, bill));
            put_array(out, stopped(*stops).iter(), |out, word| put_str(out, word));
        }
        Interaction::HoldReleased { hold_id } => put_branch(out, 3, hold_id),
        Interaction::OfferAnswered { command_id, accepted } => {
            put_branch(out, 10, command_id);
            put_bool(out, *accepted);
        }
        Interaction::ContactMade { command_id, outcome, channel, inbound, right_party } => {
            put_len(out, 4);
            put_option(out, *command_id, put_str);
            put_len(out, *outcome as usize);
            put_option(out, *channel, |out, channel| {
                put_len(out, CHANNELS.iter().position(|known| *known == Some(channel)).unwrap_or(0));
            });
            put_bool(out, *inbound);
            put_option(out, *right_party, put_bool);
            out.extend([0, 0, 0]); // intent, sentiment, cost_minor
        }
        Interaction::ServiceReported { command_id, service_id, result } => {
            put_branch(out, 11, command_id);
            put_str(out, service_id);
            put_len(out, *result as usize);
            out.extend([0, 0]); // applied_at, detail
        }
        Interaction::StateImported { step, started, warned, amount_warned, bars } => {
            put_branch(out, 12, step);
            put_option(out, *started, put_instant);
            put_option(out, *warned, put_instant);
            put_amount(out, *amount_warned);
            put_array(out, bars.iter(), |out, BarThere { reference, level, services, since }| {
                put_str(out, reference);
                put_str(out, level.symbol());
                put_array(out, services.iter(), |out, service| put_str(out, service));
                put_instant(out, *since);
            });
        }
        Interaction::PromiseCancelled { promise_id } => put_branch(out, 7, promise_id),
        Interaction::PlanCancelled { plan_id } => put_branch(out, 8, plan_id),
        Interaction::BarApproved { until } => put_decision(out, 1, *until),
        Interaction::BarRefused { until } => put_decision(out, 2, *until),
        Interaction::BarDecisionWithdrawn => put_decision(out, 3, None),
        Interaction::NotUsed(_) => put_decision(out, 0, None),
    }
    out.extend([0, 0, 0]); // actor, actor_role, reason
}

/// Fees alone are what is left where neither of the others is stopped; no word at all would be everything.
fn stopped(stops: Stops) -> Vec<&'static str> {
    let words = [(stops.contacts, CONTACTS), (stops.bars, BARS), (stops.fees, FEES)];
    words.into_iter().filter_map(|(on, word)| on.then_some(word)).collect()
}

fn put_decision(out: &mut Vec<u8>, decision: usize, until: Option<Timestamp>) {
    put_len(out, 9); // BarDecided
    put_len(out, decision);
    out.extend([0, 0]); // step, service_ids
    put_option(out, until, put_instant);
}
