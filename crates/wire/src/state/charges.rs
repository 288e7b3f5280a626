//! What an account is charged for paying late, as a part of its row.

use dunning_rules::{Accrual, Bill, Booking, Charge, ChargeKind, Charges, Waiver};

use super::StateError;
use super::account::{get_bill_ref, put_bill_ref};
use super::bytes::{Bytes, put_amount, put_day, put_id, put_list, put_option};
use crate::avro::{put_bool, put_long, put_varint};

/// In the order of their numbers.
const KINDS: [ChargeKind; 2] = [ChargeKind::Fee, ChargeKind::Interest];
const BOOKINGS: [Booking; 4] = [Booking::Found, Booking::Awaited, Booking::OwnBill, Booking::Added];

pub(super) fn put(out: &mut Vec<u8>, all: &Charges, bills: &[Bill]) {
    let Charges { charges, waivers, interest, last_fee } = all;
    put_list(out, charges, |out, charge| put_charge(out, charge, bills));
    put_list(out, waivers, |out, Waiver { sequence, bill, amount }| {
        put_varint(out, *sequence);
        put_bill_ref(out, bill, bills);
        put_amount(out, *amount);
    });
    put_option(out, *interest, |out, Accrual { until, minor_days }| {
        put_day(out, until);
        put_long(out, minor_days);
    });
    put_option(out, *last_fee, put_day);
}

pub(super) fn get(b: &mut Bytes<'_>, bills: &[Bill]) -> Result<Charges, StateError> {
    let waiver =
        |b: &mut Bytes<'_>| Ok(Waiver { sequence: b.counter()?, bill: get_bill_ref(b, bills)?, amount: b.amount()? });
    Ok(Charges {
        charges: b.list(|b| get_charge(b, bills))?,
        waivers: b.list(waiver)?,
        interest: b.option(|b| Ok(Accrual { until: b.day()?, minor_days: b.signed()? }))?,
        last_fee: b.option(Bytes::day)?,
    })
}

fn put_charge(out: &mut Vec<u8>, charge: &Charge, bills: &[Bill]) {
    let Charge { sequence, kind, name, code, amount, tax, dunned, bill, booking } = charge;
    put_varint(out, *sequence);
    out.push(*kind as u8);
    put_id(out, name);
    put_id(out, code);
    put_amount(out, *amount);
    put_amount(out, *tax);
    put_bool(out, *dunned);
    put_bill_ref(out, bill, bills);
    out.push(*booking as u8);
}

fn get_charge(b: &mut Bytes<'_>, bills: &[Bill]) -> Result<Charge, StateError> {
    let damaged = || StateError::Damaged("what a charge is");
    Ok(Charge {
        sequence: b.counter()?,
        kind: *KINDS.get(usize::from(b.byte()?)).ok_or_else(damaged)?,
        name: b.id()?,
        code: b.id()?,
        amount: b.amount()?,
        tax: b.amount()?,
        dunned: b.flag()?,
        bill: get_bill_ref(b, bills)?,
        booking: *BOOKINGS.get(usize::from(b.byte()?)).ok_or_else(damaged)?,
    })
}
