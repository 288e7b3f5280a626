use std::sync::Arc;

use dunning_rules::{
    Account, Aside, BarDecided, BarInForce, BarLevel, Bases, Bill, BillAside, Contacted, Currency, Cycle, Day, Dispute,
    DisputedPart, Hold, Id, IdHash, Payment, PaymentPart, PendingBar, Seen, SeenId, SentStep, Suspended,
};

use super::bytes::{Bytes, put_amount, put_day, put_id, put_instant, put_list, put_option, put_text};
use super::profile::{get_channel, get_profile, put_profile};
use super::{StateError, StateVersion};
use crate::avro::{put_bool, put_long, put_varint};

type Read<T> = Result<T, StateError>;

/// Everything but the deadline, which stands in the row's head, as does whether there is an aside.
pub(super) fn put_account(out: &mut Vec<u8>, account: &Account, version: StateVersion) {
    // A field that is added to the account must be stored as well: this pattern names them all.
    let Account {
        id,
        line,
        sequence,
        decisions,
        currency,
        credit,
        turnover,
        bills,
        payments,
        disputes,
        seen,
        profile,
        bar_decided,
        cycles,
        cycle,
        aside,
        deadline: _,
    } = account;
    put_id(out, id);
    put_instant(out, *line);
    put_varint(out, *sequence);
    put_varint(out, *decisions);
    put_option(out, currency.as_ref(), |out, c| put_text(out, c.as_str()));
    put_amount(out, *credit);
    put_amount(out, *turnover);
    put_list(out, bills, put_bill);
    put_list(out, payments, |out, p| put_payment(out, p, bills));
    put_list(out, disputes, |out, d| put_dispute(out, d, bills));
    match version {
        StateVersion::V1 => put_seen_one_by_one(out, seen.ids()),
        StateVersion::V2 => put_seen(out, seen.ids()),
    }
    put_option(out, profile.as_deref(), put_profile);
    put_option(out, *bar_decided, |out, decided| {
        put_bool(out, decided.allowed);
        put_option(out, decided.until, put_instant);
    });
    put_varint(out, u64::from(*cycles));
    put_option(out, cycle.as_ref(), put_cycle);
    if let Some(aside) = aside {
        put_aside(out, aside, bills);
    }
}

pub(super) fn get_account(b: &mut Bytes<'_>, version: StateVersion, has_aside: bool) -> Read<Account> {
    let mut account = Account::new("");
    account.id = b.id()?;
    account.line = b.instant()?;
    account.sequence = b.counter()?;
    account.decisions = b.counter()?;
    account.currency = b.option(get_currency)?;
    account.credit = b.amount()?;
    account.turnover = b.amount()?;
    account.bills = b.list(get_bill)?;
    account.payments = b.list(|b| get_payment(b, &account.bills))?;
    account.disputes = b.list(|b| get_dispute(b, &account.bills))?;
    account.seen = match version {
        StateVersion::V1 => get_seen_one_by_one(b)?,
        StateVersion::V2 => get_seen(b)?,
    };
    account.profile = b.option(get_profile)?.map(Box::new);
    account.bar_decided = b.option(|b| Ok(BarDecided { allowed: b.flag()?, until: b.option(Bytes::instant)? }))?;
    account.cycles = get_cycle_number(b)?;
    account.cycle = b.option(get_cycle)?;
    if has_aside {
        account.aside = Some(Box::new(get_aside(b, &account.bills)?));
    }
    Ok(account)
}

/// Few accounts have one: what every row needs stays together without it.
#[cold]
fn put_aside(out: &mut Vec<u8>, aside: &Aside, bills: &[Bill]) {
    // The rest stands behind it.
    let Aside { bills: known, contacts, bases, procedure, .. } = aside;
    put_list(out, known, |out, BillAside { bill, issued_on, reminded, kind }| {
        put_bill_ref(out, bill, bills);
        put_day(out, *issued_on);
        put_varint(out, u64::from(*reminded));
        put_id(out, kind);
    });
    put_list(out, contacts, |out, Contacted { at, channel }| {
        put_instant(out, *at);
        out.push(*channel as u8);
    });
    put_option(out, *bases, put_bases);
    put_varint(out, u64::from(*procedure));
}

fn put_bases(out: &mut Vec<u8>, Bases { issue, entry, previous, repeats }: Bases) {
    for at in [issue, entry, previous] {
        put_instant(out, at);
    }
    put_varint(out, u64::from(repeats));
}

fn get_bases(b: &mut Bytes<'_>) -> Read<Bases> {
    Ok(Bases { issue: b.instant()?, entry: b.instant()?, previous: b.instant()?, repeats: b.small()? })
}

#[cold]
pub(super) fn put_suspended(out: &mut Vec<u8>, suspended: &Suspended) {
    let Suspended { cycle, procedure, bases, at } = suspended;
    put_cycle(out, cycle);
    put_varint(out, u64::from(*procedure));
    put_option(out, *bases, put_bases);
    put_instant(out, *at);
}

#[cold]
pub(super) fn get_suspended(b: &mut Bytes<'_>) -> Read<Suspended> {
    Ok(Suspended { cycle: get_cycle(b)?, procedure: b.small()?, bases: b.option(get_bases)?, at: b.instant()? })
}

#[cold]
fn get_aside(b: &mut Bytes<'_>, bills: &[Bill]) -> Read<Aside> {
    Ok(Aside {
        bills: b.list(|b| {
            Ok(BillAside { bill: get_bill_ref(b, bills)?, issued_on: b.day()?, reminded: b.small()?, kind: b.id()? })
        })?,
        contacts: b.list(|b| Ok(Contacted { at: b.instant()?, channel: get_channel(b)? }))?,
        bases: b.option(get_bases)?,
        procedure: b.small()?,
        ..Aside::default()
    })
}

fn get_currency(b: &mut Bytes<'_>) -> Read<Currency> {
    Currency::parse(b.text()?).ok_or(StateError::Damaged("a currency"))
}

fn put_bill(out: &mut Vec<u8>, bill: &Bill) {
    let Bill { id, amount, adjustments, paid, credited, written_off, disputed, due_on, clear_from } = bill;
    put_id(out, id);
    for amount in [amount, adjustments, paid, credited, written_off, disputed] {
        put_amount(out, *amount);
    }
    put_day(out, *due_on);
    put_option(out, *clear_from, put_day);
}

fn get_bill(b: &mut Bytes<'_>) -> Read<Bill> {
    Ok(Bill {
        id: b.id()?,
        amount: b.amount()?,
        adjustments: b.amount()?,
        paid: b.amount()?,
        credited: b.amount()?,
        written_off: b.amount()?,
        disputed: b.amount()?,
        due_on: b.day()?,
        clear_from: b.option(Bytes::day)?,
    })
}

/// A bill that the account still has is named by its place, from 1; another one by zero and its id.
pub(super) fn put_bill_ref(out: &mut Vec<u8>, id: &Id, bills: &[Bill]) {
    match bills.iter().position(|bill| bill.id == *id) {
        Some(at) => put_varint(out, at as u64 + 1),
        None => {
            out.push(0);
            put_id(out, id);
        }
    }
}

pub(super) fn get_bill_ref(b: &mut Bytes<'_>, bills: &[Bill]) -> Read<Id> {
    match b.small::<usize>()? {
        0 => b.id(),
        at => bills.get(at - 1).map(|bill| bill.id.clone()).ok_or(StateError::Damaged("a bill's place")),
    }
}

fn put_payment(out: &mut Vec<u8>, payment: &Payment, bills: &[Bill]) {
    let Payment { id, left, day, parts } = payment;
    put_id(out, id);
    put_amount(out, *left);
    put_day(out, *day);
    put_list(out, parts, |out, part| {
        put_bill_ref(out, &part.bill, bills);
        put_amount(out, part.amount);
    });
}

fn get_payment(b: &mut Bytes<'_>, bills: &[Bill]) -> Read<Payment> {
    Ok(Payment {
        id: b.id()?,
        left: b.amount()?,
        day: b.day()?,
        parts: b.list(|b| Ok(PaymentPart { bill: get_bill_ref(b, bills)?, amount: b.amount()? }))?,
    })
}

fn put_dispute(out: &mut Vec<u8>, dispute: &Dispute, bills: &[Bill]) {
    let Dispute { id, resolved, day, parts } = dispute;
    put_id(out, id);
    put_bool(out, *resolved);
    put_day(out, *day);
    put_list(out, parts, |out, part| {
        put_bill_ref(out, &part.bill, bills);
        put_amount(out, part.amount);
    });
}

fn get_dispute(b: &mut Bytes<'_>, bills: &[Bill]) -> Read<Dispute> {
    Ok(Dispute {
        id: b.id()?,
        resolved: b.flag()?,
        day: b.day()?,
        parts: b.list(|b| Ok(DisputedPart { bill: get_bill_ref(b, bills)?, amount: b.amount()? }))?,
    })
}

/// Days are mostly those of the id before, so their differences are kept.
fn put_seen_one_by_one(out: &mut Vec<u8>, seen: &[SeenId]) {
    let mut before = 0;
    put_list(out, seen, |out, (hash, day)| {
        out.extend_from_slice(&hash.bytes());
        let day = i64::from(day.epoch());
        put_long(out, day - before);
        before = day;
    });
}

fn get_seen_one_by_one(b: &mut Bytes<'_>) -> Read<Seen> {
    let mut before = 0i64;
    let ids = b.list(|b| {
        let hash = IdHash::from_bytes(b.sixteen()?);
        Ok((hash, get_day_after(b, &mut before)?))
    })?;
    Ok(Seen::from_ids(ids))
}

/// A day as its distance from the one before.
fn get_day_after(b: &mut Bytes<'_>, before: &mut i64) -> Read<Day> {
    *before = before.checked_add(b.signed()?).ok_or(StateError::Damaged("a day"))?;
    i32::try_from(*before).map(Day::from_epoch).map_err(|_| StateError::Damaged("a day"))
}

/// The ids in one piece, in the order in which they were seen, then their days, each as its distance from the last.
fn put_seen(out: &mut Vec<u8>, seen: &[SeenId]) {
    put_varint(out, seen.len() as u64);
    seen.iter().for_each(|(hash, _)| out.extend_from_slice(&hash.bytes()));
    let mut before = 0;
    for (_, day) in seen {
        let day = i64::from(day.epoch());
        put_long(out, day - before);
        before = day;
    }
}

fn get_seen(b: &mut Bytes<'_>) -> Read<Seen> {
    let count: usize = b.small()?;
    let hashes = b.take(count.checked_mul(16).ok_or(StateError::Truncated)?)?;
    let mut before = 0i64;
    let (hashes, _) = hashes.as_chunks::<16>();
    let ids = hashes.iter().map(|hash| Ok((IdHash::from_bytes(*hash), get_day_after(b, &mut before)?)));
    ids.collect::<Read<_>>().map(Seen::from_ids)
}

fn put_cycle(out: &mut Vec<u8>, cycle: &Cycle) {
    let Cycle { number, policy, started, anchor, next, waits, sent, bars, pending } = cycle;
    put_varint(out, u64::from(*number));
    put_text(out, policy);
    put_instant(out, *started);
    put_instant(out, *anchor);
    put_varint(out, u64::from(*next));
    put_bool(out, *waits);
    put_list(out, sent, |out, SentStep { step, at, sequence, announced_for }| {
        put_varint(out, u64::from(*step));
        put_instant(out, *at);
        put_varint(out, *sequence);
        put_option(out, *announced_for, put_day);
    });
    put_list(out, bars, |out, BarInForce { step, at, sequence, level }| {
        put_varint(out, u64::from(*step));
        put_instant(out, *at);
        put_varint(out, *sequence);
        out.push(*level as u8);
    });
    put_option(out, pending.as_ref(), |out, PendingBar { due, held, released }| {
        put_instant(out, *due);
        out.push(held.map_or(0, hold_code));
        put_bool(out, *released);
    });
}

fn get_cycle(b: &mut Bytes<'_>) -> Read<Cycle> {
    Ok(Cycle {
        number: get_cycle_number(b)?,
        policy: Arc::from(b.text()?),
        started: b.instant()?,
        anchor: b.instant()?,
        next: b.small()?,
        waits: b.flag()?,
        sent: b.list(|b| {
            Ok(SentStep {
                step: b.small()?,
                at: b.instant()?,
                sequence: b.unsigned()?,
                announced_for: b.option(Bytes::day)?,
            })
        })?,
        bars: b.list(|b| {
            Ok(BarInForce { step: b.small()?, at: b.instant()?, sequence: b.unsigned()?, level: get_level(b)? })
        })?,
        pending: b.option(|b| Ok(PendingBar { due: b.instant()?, held: get_hold(b)?, released: b.flag()? }))?,
    })
}

/// The number of a cycle; Avro's int has to hold it too.
fn get_cycle_number(b: &mut Bytes<'_>) -> Read<u32> {
    b.small::<i32>().map(i32::unsigned_abs)
}

pub(super) fn get_level(b: &mut Bytes<'_>) -> Read<BarLevel> {
    BarLevel::ALL.get(usize::from(b.byte()?)).copied().ok_or(StateError::Damaged("a level"))
}

/// What a hold is stored as; 0 is none. A number is never used for another hold.
const fn hold_code(hold: Hold) -> u8 {
    match hold {
        Hold::StaleAccount => 1,
        Hold::StaleShard => 2,
        Hold::ClockDoubt => 3,
        Hold::Budget => 4,
        Hold::InputsBehind => 5,
        Hold::NoProfile => 6,
        Hold::Protected => 7,
        Hold::Refused => 8,
        Hold::NoWarning => 9,
        Hold::OnHold => 10,
        Hold::BalanceDiffers => 11,
        Hold::NotServed => 12,
        Hold::NoService => 13,
    }
}

fn get_hold(b: &mut Bytes<'_>) -> Read<Option<Hold>> {
    let code = b.byte()?;
    if code == 0 {
        return Ok(None);
    }
    let holds = dunning_rules::HELD_WORDS.into_iter().map(|(hold, _)| hold);
    holds.into_iter().find(|hold| hold_code(*hold) == code).map(Some).ok_or(StateError::Damaged("a hold"))
}
