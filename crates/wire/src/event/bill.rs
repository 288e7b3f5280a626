use dunning_rules::{Body, Day, Line, Minor, Term};

use super::Named;
use crate::avro::{Fault, Reader};

pub(super) fn body<'a>(r: &mut Reader<'a>) -> Result<Named<'a>, Fault> {
    match r.branch(7)? {
        0 => issued(r),
        1 => {
            let (bill_id, delta) = (r.id()?, r.signed()?);
            r.string()?; // reason
            let origin = r.option(Reader::string)?;
            Ok((Body::BillAdjusted { bill_id, delta, origin }, "BillAdjusted"))
        }
        2 => {
            let body = Body::BillCancelled { bill_id: r.id()? };
            r.string()?;
            Ok((body, "BillCancelled"))
        }
        3 => {
            let (bill_id, amount) = (r.id()?, r.positive()?);
            r.string()?; // reason
            let origin = r.option(Reader::string)?;
            Ok((Body::BillWrittenOff { bill_id, amount, origin }, "BillWrittenOff"))
        }
        4 => {
            let body = Body::WriteOffReversed { bill_id: r.id()?, amount: r.positive()? };
            r.string()?;
            Ok((body, "WriteOffReversed"))
        }
        5 => {
            let body = Body::AccountCredited { credit_id: r.id()?, amount: r.positive()?, currency: r.currency()? };
            r.string()?;
            Ok((body, "AccountCredited"))
        }
        _ => stated(r),
    }
}

fn issued<'a>(r: &mut Reader<'a>) -> Result<Named<'a>, Fault> {
    let bill_id = r.id()?;
    let amount = r.amount()?;
    let currency = r.currency()?;
    let issued_on = r.day()?;
    let due_on = r.day()?;
    if due_on < issued_on {
        return Err(Fault::DueBeforeIssued);
    }
    let terms = r.array(|r| term(r, issued_on))?;
    if !terms.is_empty() && terms.iter().map(|t| t.amount).sum::<Minor>() != amount {
        return Err(Fault::TermsDoNotSum);
    }
    let lines = r.array(line)?;
    let kind = r.string()?;
    r.string()?; // number
    r.option(Reader::string)?; // replaces_bill_id
    let origin = r.option(Reader::string)?;
    Ok((Body::BillIssued { bill_id, amount, currency, issued_on, due_on, terms, lines, kind, origin }, "BillIssued"))
}

fn term(r: &mut Reader<'_>, issued_on: Day) -> Result<Term, Fault> {
    let due_on = r.day()?;
    if due_on < issued_on {
        return Err(Fault::DueBeforeIssued);
    }
    Ok(Term { due_on, amount: r.positive()? })
}

fn line<'a>(r: &mut Reader<'a>) -> Result<Line<'a>, Fault> {
    Ok(Line { line_id: r.id()?, service_id: r.option(Reader::id)?, category: r.string()?, amount: r.signed()? })
}

fn stated<'a>(r: &mut Reader<'a>) -> Result<Named<'a>, Fault> {
    let as_of = r.instant()?;
    let balance = r.signed()?;
    let currency = r.currency()?;
    r.each(|r| {
        r.id()?;
        r.signed().map(drop)
    })?;
    Ok((Body::BalanceStated { as_of, balance, currency }, "BalanceStated"))
}
