use dunning_rules::{Body, DisputeOutcome, Failed, Minor, ReversalKind};

use super::Named;
use crate::avro::{self, Fault, Reader};

/// In the order of the schema's symbols.
pub(super) const REVERSALS: [ReversalKind; 5] = [
    ReversalKind::Unknown,
    ReversalKind::Chargeback,
    ReversalKind::ReturnedDebit,
    ReversalKind::Refund,
    ReversalKind::Misposted,
];

/// In the order of the schema's symbols.
pub(super) const OUTCOMES: [DisputeOutcome; 5] = [
    DisputeOutcome::Upheld,
    DisputeOutcome::PartlyUpheld,
    DisputeOutcome::Rejected,
    DisputeOutcome::Withdrawn,
    DisputeOutcome::Unknown,
];

pub(super) fn payment<'a>(r: &mut Reader<'a>) -> Result<Named<'a>, Fault> {
    match r.branch(4)? {
        0 => received(r),
        1 => {
            let failed = Failed {
                payment_id: r.id()?,
                amount: r.positive()?,
                currency: r.currency()?,
                // What can be no name is as none.
                method: Some(r.string()?).filter(|method| avro::is_id(method)).unwrap_or_default(),
                decline_code: r.string()?,
                is_final: !r.boolean()?,
                command_id: r.option(Reader::string)?,
            };
            Ok((Body::PaymentFailed(failed), "PaymentFailed"))
        }
        2 => {
            let payment_id = r.id()?;
            let amount = r.positive()?;
            r.string()?; // reason
            r.string()?; // reversal_id
            let kind = REVERSALS[r.symbol(REVERSALS.len())?];
            Ok((Body::PaymentReversed { payment_id, amount, kind }, "PaymentReversed"))
        }
        _ => {
            let payment_id = r.id()?;
            let amount = r.positive()?;
            let currency = r.currency()?;
            r.string()?; // method
            let expected_by = r.day()?;
            Ok((Body::PaymentInitiated { payment_id, amount, currency, expected_by }, "PaymentInitiated"))
        }
    }
}

fn received<'a>(r: &mut Reader<'a>) -> Result<Named<'a>, Fault> {
    let payment_id = r.id()?;
    let amount = r.positive()?;
    let currency = r.currency()?;
    r.string()?; // method
    // An empty or unknown bill is as none: the money counts either way.
    let bill_id = r.option(Reader::string)?.filter(|id| avro::is_id(id));
    let command_id = r.option(Reader::string)?;
    Ok((Body::PaymentReceived { payment_id, amount, currency, bill_id, command_id }, "PaymentReceived"))
}

pub(super) fn dispute<'a>(r: &mut Reader<'a>) -> Result<Named<'a>, Fault> {
    if r.branch(2)? == 0 {
        let dispute_id = r.id()?;
        // Not as in a payment: none would dispute every bill.
        let bill_id = r.option(Reader::id)?;
        let amount = r.option(Reader::positive)?;
        r.string()?; // reason
        let line_ids = r.array(Reader::string)?;
        return Ok((Body::DisputeOpened { dispute_id, bill_id, amount, line_ids }, "DisputeOpened"));
    }
    let dispute_id = r.id()?;
    let outcome = OUTCOMES[r.symbol(OUTCOMES.len())?];
    let credited: Minor = r.amount()?;
    Ok((Body::DisputeResolved { dispute_id, outcome, credited }, "DisputeResolved"))
}
