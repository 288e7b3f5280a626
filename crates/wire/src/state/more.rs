//! What few accounts have, behind all else of a row: first which of it is there, then that.

use dunning_rules::{
    Aside, Awaited, Bill, BillLines, BillTerms, Erasure, Fate, History, Imported, ImportedBar, KnownLine, Minor,
    Notices, Offered, PaidBill, ProfileFacts, Retry, RetryState, Score, Term, TermAside, UsageWatch, WriteOff,
};

use super::StateError;
use super::account::{get_bill_ref, get_level, put_bill_ref};
use super::bytes::{Bytes, put_amount, put_day, put_id, put_instant, put_list, put_option};
use super::charges;
use super::profile::get_channel;
use super::services;
use crate::avro::{put_bool, put_long, put_varint};

/// Bits of what is there.
const TERMS: u32 = 1;
const RETRIES: u32 = 2;
const CHARGES: u32 = 4;
const FACTS: u32 = 8;
const HISTORY: u32 = 16;
const OFFERED: u32 = 32;
const NOTICES: u32 = 64;
const IMPORTED: u32 = 128;
const SERVICES: u32 = 256;
const BARRED: u32 = 512;
const WRITE_OFFS: u32 = 1_024;
const BOOKED: u32 = 2_048;
const ERASURE: u32 = 4_096;
const LINES: u32 = 8_192;
const IMPORTED_SERVICES: u32 = 16_384;
const USAGE: u32 = 32_768;

/// True where there is any of it.
pub(super) fn has_more(aside: &Aside) -> bool {
    sections(aside) != 0
}

fn sections(aside: &Aside) -> u32 {
    let terms = if aside.terms.is_empty() { 0 } else { TERMS };
    let retries = if aside.retries.is_empty() { 0 } else { RETRIES };
    let charges = if aside.charges.is_none() { 0 } else { CHARGES };
    let facts = if aside.facts.is_none() { 0 } else { FACTS };
    let history = if aside.history.is_none() { 0 } else { HISTORY };
    let offered = if aside.offered.is_none() { 0 } else { OFFERED };
    let notices = if aside.notices.is_none() { 0 } else { NOTICES };
    let write_offs = if aside.write_offs.is_empty() { 0 } else { WRITE_OFFS };
    let booked = if aside.booked.is_empty() { 0 } else { BOOKED };
    let imported = if aside.imported.is_none() { 0 } else { IMPORTED };
    let services = if aside.services.is_none() { 0 } else { SERVICES };
    let erasure = if aside.erasure.is_none() { 0 } else { ERASURE };
    let barred = if aside.barred.is_empty() { 0 } else { BARRED };
    let lines = if aside.lines.is_empty() { 0 } else { LINES };
    let usage = if aside.usage.is_none() { 0 } else { USAGE };
    let imported_services = if imported_services(aside) { IMPORTED_SERVICES } else { 0 };
    terms
        | retries
        | charges
        | facts
        | history
        | offered
        | notices
        | imported
        | services
        | barred
        | write_offs
        | booked
        | erasure
        | lines
        | imported_services
        | usage
}

/// True where a bar of another system is for some services only.
fn imported_services(aside: &Aside) -> bool {
    aside.imported.iter().flat_map(|imported| &imported.bars).any(|bar| !bar.services.is_empty())
}

#[cold]
pub(super) fn put_more(out: &mut Vec<u8>, aside: &Aside, bills: &[Bill]) {
    put_varint(out, u64::from(sections(aside)));
    if !aside.terms.is_empty() {
        put_list(out, &aside.terms, |out, known| put_terms(out, known, bills));
    }
    if !aside.retries.is_empty() {
        put_list(out, &aside.retries, put_retry);
    }
    if let Some(charges) = &aside.charges {
        charges::put(out, charges, bills);
    }
    if let Some(facts) = &aside.facts {
        put_facts(out, facts);
    }
    if let Some(history) = &aside.history {
        put_history(out, history);
    }
    if let Some(offered) = &aside.offered {
        put_varint(out, offered.sequence);
        put_list(out, &offered.instalments, put_term);
    }
    if let Some(notices) = &aside.notices {
        put_notices(out, notices);
    }
    if let Some(imported) = &aside.imported {
        put_imported(out, imported);
    }
    if let Some(known) = &aside.services {
        services::put(out, known, bills);
    }
    if !aside.barred.is_empty() {
        put_list(out, &aside.barred, |out, day| put_day(out, *day));
        put_varint(out, u64::from(aside.barred_in));
    }
    if !aside.write_offs.is_empty() {
        put_list(out, &aside.write_offs, |out, WriteOff { sequence, bill, amount, booked }| {
            put_varint(out, *sequence);
            put_bill_ref(out, bill, bills);
            put_amount(out, *amount);
            put_bool(out, *booked);
        });
    }
    if !aside.booked.is_empty() {
        put_list(out, &aside.booked, |out, sequence| put_varint(out, *sequence));
    }
    if let Some(Erasure { asked, stub }) = aside.erasure {
        put_option(out, asked, put_instant);
        put_bool(out, stub);
    }
    if !aside.lines.is_empty() {
        put_list(out, &aside.lines, |out, BillLines { bill, lines }| {
            put_bill_ref(out, bill, bills);
            put_list(out, lines, |out, KnownLine { id, amount }| {
                put_id(out, id);
                put_long(out, amount.get());
            });
        });
    }
    if imported_services(aside) {
        for bar in aside.imported.iter().flat_map(|imported| &imported.bars) {
            services::put_ids(out, &bar.services);
        }
    }
    if let Some(watch) = &aside.usage {
        put_usage(out, watch);
    }
}

fn put_usage(out: &mut Vec<u8>, watch: &UsageWatch) {
    let UsageWatch { since, before, now, next, falls, told, counted } = watch;
    put_day(out, *since);
    [before, now, next].into_iter().for_each(|units| put_varint(out, *units));
    put_bool(out, *falls);
    put_option(out, *told, put_day);
    put_list(out, counted, |out, (service, until)| {
        put_id(out, service);
        put_instant(out, *until);
    });
}

fn get_usage(b: &mut Bytes<'_>) -> Result<UsageWatch, StateError> {
    Ok(UsageWatch {
        since: b.day()?,
        before: b.counter()?,
        now: b.counter()?,
        next: b.counter()?,
        falls: b.flag()?,
        told: b.option(Bytes::day)?,
        counted: b.list(|b| Ok((b.id()?, b.instant()?)))?,
    })
}

/// Into what was read of the aside before.
#[cold]
pub(super) fn get_more(b: &mut Bytes<'_>, aside: &mut Aside, bills: &[Bill]) -> Result<(), StateError> {
    let there = b.small::<u32>()?;
    if there & TERMS != 0 {
        aside.terms = b.list(|b| get_terms(b, bills))?;
    }
    if there & RETRIES != 0 {
        aside.retries = b.list(get_retry)?;
    }
    if there & CHARGES != 0 {
        aside.charges = Some(Box::new(charges::get(b, bills)?));
    }
    if there & FACTS != 0 {
        aside.facts = Some(Box::new(get_facts(b)?));
    }
    if there & HISTORY != 0 {
        aside.history = Some(Box::new(get_history(b)?));
    }
    if there & OFFERED != 0 {
        aside.offered = Some(Box::new(Offered { sequence: b.counter()?, instalments: b.list(get_term)? }));
    }
    if there & NOTICES != 0 {
        aside.notices = Some(Box::new(get_notices(b)?));
    }
    if there & IMPORTED != 0 {
        aside.imported = Some(Box::new(get_imported(b)?));
    }
    if there & SERVICES != 0 {
        aside.services = Some(Box::new(services::get(b, bills)?));
    }
    if there & BARRED != 0 {
        aside.barred = b.list(Bytes::day)?;
        aside.barred_in = b.small()?;
    }
    if there & WRITE_OFFS != 0 {
        let write_off = |b: &mut Bytes<'_>| {
            let sequence = b.counter()?;
            Ok(WriteOff { sequence, bill: get_bill_ref(b, bills)?, amount: b.amount()?, booked: b.flag()? })
        };
        aside.write_offs = b.list(write_off)?;
    }
    if there & BOOKED != 0 {
        aside.booked = b.list(Bytes::counter)?;
    }
    if there & ERASURE != 0 {
        aside.erasure = Some(Erasure { asked: b.option(Bytes::instant)?, stub: b.flag()? });
    }
    if there & LINES != 0 {
        let line = |b: &mut Bytes<'_>| Ok(KnownLine { id: b.id()?, amount: Minor::new(b.signed()?) });
        let of_bill = |b: &mut Bytes<'_>| Ok(BillLines { bill: get_bill_ref(b, bills)?, lines: b.list(line)? });
        aside.lines = b.list(of_bill)?;
    }
    if there & IMPORTED_SERVICES != 0 {
        for bar in aside.imported.iter_mut().flat_map(|imported| &mut imported.bars) {
            bar.services = b.list(Bytes::id)?;
        }
    }
    if there & USAGE != 0 {
        aside.usage = Some(Box::new(get_usage(b)?));
    }
    if there == 0 || there != sections(aside) {
        Err(StateError::Damaged("the flag of what few accounts have"))
    } else {
        Ok(())
    }
}

fn put_term(out: &mut Vec<u8>, Term { due_on, amount }: &Term) {
    put_day(out, *due_on);
    put_amount(out, *amount);
}

fn get_term(b: &mut Bytes<'_>) -> Result<Term, StateError> {
    Ok(Term { due_on: b.day()?, amount: b.amount()? })
}

fn put_imported(out: &mut Vec<u8>, imported: &Imported) {
    let Imported { step, started, warned, amount_warned, bars, taken } = imported;
    put_id(out, step);
    put_option(out, *started, put_instant);
    put_option(out, *warned, put_instant);
    put_amount(out, *amount_warned);
    // Their services come behind all else: they came later, and few have any.
    put_list(out, bars, |out, ImportedBar { reference, since, level, services: _ }| {
        put_id(out, reference);
        put_instant(out, *since);
        out.push(*level as u8);
    });
    put_bool(out, *taken);
}

fn get_imported(b: &mut Bytes<'_>) -> Result<Imported, StateError> {
    let bar = |b: &mut Bytes<'_>| {
        Ok(ImportedBar { reference: b.id()?, since: b.instant()?, level: get_level(b)?, services: Vec::new() })
    };
    Ok(Imported {
        step: b.id()?,
        started: b.option(Bytes::instant)?,
        warned: b.option(Bytes::instant)?,
        amount_warned: b.amount()?,
        bars: b.list(bar)?,
        taken: b.flag()?,
    })
}

fn put_notices(out: &mut Vec<u8>, Notices { awaited, answered }: &Notices) {
    put_list(out, awaited, |out, Awaited { step, sequence, at, ways, fate, again }| {
        put_varint(out, u64::from(*step));
        put_varint(out, *sequence);
        put_instant(out, *at);
        put_list(out, ways, |out, way| out.push(*way as u8));
        match fate {
            Fate::Unheard => out.push(0),
            Fate::Arrived(at) => {
                out.push(1);
                put_instant(out, *at);
            }
            Fate::Lost => out.push(2),
        }
        put_option(out, *again, put_instant);
    });
    put_option(out, *answered, |out, way| out.push(way as u8));
}

fn get_notices(b: &mut Bytes<'_>) -> Result<Notices, StateError> {
    let awaited = |b: &mut Bytes<'_>| {
        Ok(Awaited {
            step: b.small()?,
            sequence: b.counter()?,
            at: b.instant()?,
            ways: b.list(get_channel)?,
            fate: match b.byte()? {
                0 => Fate::Unheard,
                1 => Fate::Arrived(b.instant()?),
                2 => Fate::Lost,
                _ => return Err(StateError::Damaged("what is known of a notice")),
            },
            again: b.option(Bytes::instant)?,
        })
    };
    Ok(Notices { awaited: b.list(awaited)?, answered: b.option(get_channel)? })
}

fn put_facts(out: &mut Vec<u8>, ProfileFacts { lifetime_value, autopay, scores }: &ProfileFacts) {
    put_amount(out, *lifetime_value);
    put_bool(out, *autopay);
    put_list(out, scores, |out, Score { name, millionths }| {
        put_id(out, name);
        put_long(out, *millionths);
    });
}

fn get_facts(b: &mut Bytes<'_>) -> Result<ProfileFacts, StateError> {
    Ok(ProfileFacts {
        lifetime_value: b.amount()?,
        autopay: b.flag()?,
        scores: b.list(|b| Ok(Score { name: b.id()?, millionths: b.signed()? }))?,
    })
}

fn put_history(out: &mut Vec<u8>, History { paid, disputes, upheld }: &History) {
    put_list(out, paid, |out, PaidBill { on, late_days, took_days }| {
        put_day(out, *on);
        put_varint(out, u64::from(*late_days));
        put_varint(out, u64::from(*took_days));
    });
    put_varint(out, u64::from(*disputes));
    put_varint(out, u64::from(*upheld));
}

fn get_history(b: &mut Bytes<'_>) -> Result<History, StateError> {
    let paid = |b: &mut Bytes<'_>| Ok(PaidBill { on: b.day()?, late_days: b.small()?, took_days: b.small()? });
    Ok(History { paid: b.list(paid)?, disputes: b.small()?, upheld: b.small()? })
}

fn put_terms(out: &mut Vec<u8>, BillTerms { bill, terms }: &BillTerms, bills: &[Bill]) {
    put_bill_ref(out, bill, bills);
    put_list(out, terms, |out, TermAside { term, reminded }| {
        put_term(out, term);
        put_varint(out, u64::from(*reminded));
    });
}

fn get_terms(b: &mut Bytes<'_>, bills: &[Bill]) -> Result<BillTerms, StateError> {
    let bill = get_bill_ref(b, bills)?;
    let term = |b: &mut Bytes<'_>| Ok(TermAside { term: get_term(b)?, reminded: b.small()? });
    Ok(BillTerms { bill, terms: b.list(term)? })
}

fn put_retry(out: &mut Vec<u8>, retry: &Retry) {
    let Retry { payment, method, amount, due_by, attempts, sequence, state } = retry;
    put_id(out, payment);
    put_id(out, method);
    put_amount(out, *amount);
    put_day(out, *due_by);
    put_varint(out, u64::from(*attempts));
    put_varint(out, *sequence);
    match state {
        RetryState::Planned(at) => {
            out.push(0);
            put_instant(out, *at);
        }
        RetryState::Asked(amount) => {
            out.push(1);
            put_amount(out, *amount);
        }
    }
}

fn get_retry(b: &mut Bytes<'_>) -> Result<Retry, StateError> {
    Ok(Retry {
        payment: b.id()?,
        method: b.id()?,
        amount: b.amount()?,
        due_by: b.day()?,
        attempts: b.small()?,
        sequence: b.counter()?,
        state: match b.byte()? {
            0 => RetryState::Planned(b.instant()?),
            1 => RetryState::Asked(b.amount()?),
            _ => return Err(StateError::Damaged("what a payment that failed waits for")),
        },
    })
}
