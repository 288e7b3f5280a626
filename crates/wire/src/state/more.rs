//! What few accounts have, behind all else of a row: first which of it is there, then that.

use dunning_rules::{Aside, Bill, BillTerms, Term, TermAside};

use super::StateError;
use super::account::{get_bill_ref, put_bill_ref};
use super::bytes::{Bytes, put_amount, put_day, put_list};
use crate::avro::put_varint;

/// Bits of what is there.
const TERMS: u32 = 1;

/// True where there is any of it.
pub(super) fn has_more(aside: &Aside) -> bool {
    sections(aside) != 0
}

fn sections(aside: &Aside) -> u32 {
    if aside.terms.is_empty() { 0 } else { TERMS }
}

#[cold]
pub(super) fn put_more(out: &mut Vec<u8>, aside: &Aside, bills: &[Bill]) {
    put_varint(out, u64::from(sections(aside)));
    if !aside.terms.is_empty() {
        put_list(out, &aside.terms, |out, known| put_terms(out, known, bills));
    }
}

/// Into what was read of the aside before.
#[cold]
pub(super) fn get_more(b: &mut Bytes<'_>, aside: &mut Aside, bills: &[Bill]) -> Result<(), StateError> {
    let there = b.small::<u32>()?;
    if there & TERMS != 0 {
        aside.terms = b.list(|b| get_terms(b, bills))?;
    }
    if there == 0 || there != sections(aside) {
        Err(StateError::Damaged("the flag of what few accounts have"))
    } else {
        Ok(())
    }
}

fn put_terms(out: &mut Vec<u8>, BillTerms { bill, terms }: &BillTerms, bills: &[Bill]) {
    put_bill_ref(out, bill, bills);
    put_list(out, terms, |out, TermAside { term: Term { due_on, amount }, reminded }| {
        put_day(out, *due_on);
        put_amount(out, *amount);
        put_varint(out, u64::from(*reminded));
    });
}

fn get_terms(b: &mut Bytes<'_>, bills: &[Bill]) -> Result<BillTerms, StateError> {
    let bill = get_bill_ref(b, bills)?;
    let term = |b: &mut Bytes<'_>| {
        Ok(TermAside { term: Term { due_on: b.day()?, amount: b.amount()? }, reminded: b.small()? })
    };
    Ok(BillTerms { bill, terms: b.list(term)? })
}
