//! What stops an account: few accounts have any of it, and it stands behind all else of a row.

use dunning_rules::{HoldInForce, Pauses, Plan, Promise, Stops, Term, Transit};

use super::StateError;
use super::bytes::{Bytes, put_amount, put_day, put_id, put_instant, put_list, put_option};
use crate::avro::{put_bool, put_varint};

type Read<T> = Result<T, StateError>;

#[cold]
pub(super) fn put_pauses(out: &mut Vec<u8>, pauses: &Pauses) {
    // A field that is added must be stored as well: this pattern names them all.
    let Pauses { since, back_to, holds, promises, plan, transit, covered, drift, kept, broken, accepted } = pauses;
    put_option(out, *since, put_instant);
    put_option(out, *back_to, |out, step| put_varint(out, u64::from(step)));
    put_list(out, holds, |out, HoldInForce { id, kind, until, day, bills, stops }| {
        put_id(out, id);
        put_id(out, kind);
        put_option(out, *until, put_instant);
        put_day(out, *day);
        put_list(out, bills, |out, bill| put_id(out, bill));
        put_stops(out, *stops);
    });
    put_list(out, promises, |out, Promise { id, amount, paid, day, promised_on }| {
        put_id(out, id);
        put_amount(out, *amount);
        put_amount(out, *paid);
        put_day(out, *day);
        put_day(out, *promised_on);
    });
    put_option(out, plan.as_ref(), |out, Plan { id, instalments, paid, day }| {
        put_id(out, id);
        put_list(out, instalments, |out, Term { due_on, amount }| {
            put_day(out, *due_on);
            put_amount(out, *amount);
        });
        put_amount(out, *paid);
        put_day(out, *day);
    });
    put_list(out, transit, |out, Transit { id, amount, until }| {
        put_id(out, id);
        put_amount(out, *amount);
        put_day(out, *until);
    });
    put_bool(out, *covered);
    put_option(out, *drift, put_amount);
    put_varint(out, u64::from(*kept));
    put_varint(out, u64::from(*broken));
    put_list(out, accepted, |out, day| put_day(out, *day));
}

#[cold]
pub(super) fn get_pauses(b: &mut Bytes<'_>) -> Read<Pauses> {
    let pauses = Pauses {
        since: b.option(Bytes::instant)?,
        back_to: b.option(Bytes::small)?,
        holds: b.list(|b| {
            Ok(HoldInForce {
                id: b.id()?,
                kind: b.id()?,
                until: b.option(Bytes::instant)?,
                day: b.day()?,
                bills: b.list(Bytes::id)?,
                stops: get_stops(b)?,
            })
        })?,
        promises: b.list(|b| {
            Ok(Promise { id: b.id()?, amount: b.amount()?, paid: b.amount()?, day: b.day()?, promised_on: b.day()? })
        })?,
        plan: b.option(|b| {
            Ok(Plan {
                id: b.id()?,
                instalments: b.list(|b| Ok(Term { due_on: b.day()?, amount: b.amount()? }))?,
                paid: b.amount()?,
                day: b.day()?,
            })
        })?,
        transit: b.list(|b| Ok(Transit { id: b.id()?, amount: b.amount()?, until: b.day()? }))?,
        covered: b.flag()?,
        drift: b.option(Bytes::amount)?,
        kept: b.small()?,
        broken: b.small()?,
        accepted: b.list(Bytes::day)?,
    };
    if pauses == Pauses::default() { Err(StateError::Damaged("the flag of what stops it")) } else { Ok(pauses) }
}

/// Whether charges stop is written only where it is not what the rest says: where all else stops they do, and else they do not.
const FEES: u8 = 2;

fn put_stops(out: &mut Vec<u8>, stops: Stops) {
    let other = stops.fees != stops.is_all();
    out.push(u8::from(stops.contacts) | if other { FEES } else { 0 });
    put_bool(out, stops.bars);
}

fn get_stops(b: &mut Bytes<'_>) -> Read<Stops> {
    let first = b.byte()?;
    if first & !(FEES | 1) != 0 {
        return Err(StateError::Damaged("what a hold stops"));
    }
    let stops = Stops { contacts: first & 1 != 0, bars: b.flag()?, fees: false };
    Ok(Stops { fees: stops.is_all() != (first & FEES != 0), ..stops })
}
