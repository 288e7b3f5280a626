//! What is remembered of the services of an account, in its stored row.

use dunning_rules::{BarredServices, Bill, ChargedServices, FailedBar, RestorationReason, Restored, Services};

use super::StateError;
use super::account::{get_bill_ref, put_bill_ref};
use super::bytes::{Bytes, put_amount, put_id, put_instant, put_list, put_option};
use crate::avro::put_varint;

type Read<T> = Result<T, StateError>;

pub(super) fn put_ids(out: &mut Vec<u8>, ids: &[Box<str>]) {
    put_list(out, ids, |out, id| put_id(out, id));
}

pub(super) fn put(out: &mut Vec<u8>, Services { charged, barred, failed, restored }: &Services, bills: &[Bill]) {
    put_list(out, charged, |out, ChargedServices { bill, services }| {
        put_bill_ref(out, bill, bills);
        put_ids(out, services);
    });
    put_list(out, barred, |out, BarredServices { sequence, services, amount, granted }| {
        put_varint(out, *sequence);
        put_ids(out, services);
        put_amount(out, *amount);
        put_varint(out, u64::from(*granted));
    });
    put_list(out, failed, |out, FailedBar { sequence, services, attempts, again }| {
        put_varint(out, *sequence);
        put_ids(out, services);
        put_varint(out, u64::from(*attempts));
        put_option(out, *again, put_instant);
    });
    put_list(out, restored, put_restored);
}

pub(super) fn get(b: &mut Bytes<'_>, bills: &[Bill]) -> Read<Services> {
    let charged =
        |b: &mut Bytes<'_>| Ok(ChargedServices { bill: get_bill_ref(b, bills)?, services: b.list(Bytes::id)? });
    let barred = |b: &mut Bytes<'_>| {
        let (sequence, services) = (b.counter()?, b.list(Bytes::id)?);
        Ok(BarredServices { sequence, services, amount: b.amount()?, granted: b.small()? })
    };
    let failed = |b: &mut Bytes<'_>| {
        let (sequence, services) = (b.counter()?, b.list(Bytes::id)?);
        Ok(FailedBar { sequence, services, attempts: b.small()?, again: b.option(Bytes::instant)? })
    };
    Ok(Services {
        charged: b.list(charged)?,
        barred: b.list(barred)?,
        failed: b.list(failed)?,
        restored: b.list(get_restored)?,
    })
}

fn put_restored(out: &mut Vec<u8>, restored: &Restored) {
    let Restored { sequence, lifts, lifts_imported, services, reason, failed, attempts, again } = restored;
    put_varint(out, *sequence);
    put_list(out, lifts, |out, sequence| put_varint(out, *sequence));
    put_ids(out, lifts_imported);
    put_ids(out, services);
    put_varint(out, *reason as u64);
    put_ids(out, failed);
    put_varint(out, u64::from(*attempts));
    put_option(out, *again, put_instant);
}

fn get_restored(b: &mut Bytes<'_>) -> Read<Restored> {
    Ok(Restored {
        sequence: b.counter()?,
        lifts: b.list(Bytes::counter)?,
        lifts_imported: b.list(Bytes::id)?,
        services: b.list(Bytes::id)?,
        reason: *RestorationReason::ALL
            .get(b.small::<usize>()?)
            .ok_or(StateError::Damaged("the reason of a restoration"))?,
        failed: b.list(Bytes::id)?,
        attempts: b.small()?,
        again: b.option(Bytes::instant)?,
    })
}
