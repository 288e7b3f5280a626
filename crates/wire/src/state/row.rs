use dunning_rules::{Account, Aside, Pauses, Reach, Timestamp};

use super::account::{get_account, get_suspended, put_account, put_suspended};
use super::bytes::{Bytes, put_instant};
use super::more::{get_more, has_more, put_more};
use super::pauses::{get_pauses, put_pauses};
use super::reach::{get_reach, put_reach};
use super::{StaleMark, StateError, StateVersion, StoredRow};
use crate::avro::{put_long, put_varint};
use crate::topic::InputTopic;

/// Bits of the flags after the version.
const DEADLINE: u8 = 1;
const PENDING: u8 = 2;
const STALE: u8 = 4;
/// What only some policies ask to be remembered stands behind the account; most rows have none.
const ASIDE: u8 = 8;
/// What stops the account, or did, stands behind that.
const PAUSES: u8 = 16;
/// Its last cycle, whose debt may come back, stands behind that.
const SUSPENDED: u8 = 32;
/// How the customer can be reached stands behind that.
const REACH: u8 = 64;
/// What few accounts have stands behind that.
const MORE: u8 = 128;

/// What the engine asks of every row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peek {
    /// When the account acts next by itself.
    pub deadline: Option<Timestamp>,
    /// True where a bar waits for the gate's answer.
    pub pending: bool,
    /// True where a record of the account could not be read.
    pub stale: bool,
}

/// Puts an account with its stale marks.
pub fn encode_row(row: &StoredRow, version: StateVersion, out: &mut Vec<u8>) {
    encode(&row.account, &row.stale, version, out);
}

/// Puts an account that has no stale marks.
pub fn encode_account(account: &Account, version: StateVersion, out: &mut Vec<u8>) {
    encode(account, &[], version, out);
}

fn encode(account: &Account, stale: &[StaleMark], version: StateVersion, out: &mut Vec<u8>) {
    put_varint(out, u64::from(version.number()));
    let mut flags = 0;
    if account.deadline.is_some() {
        flags |= DEADLINE;
    }
    if account.pending().is_some() {
        flags |= PENDING;
    }
    if !stale.is_empty() {
        flags |= STALE;
    }
    if account.aside.is_some() {
        flags |= ASIDE;
    }
    if account.pauses().is_some_and(|pauses| *pauses != Pauses::default()) {
        flags |= PAUSES;
    }
    let suspended = account.aside.as_deref().and_then(|aside| aside.suspended.as_deref());
    if suspended.is_some() {
        flags |= SUSPENDED;
    }
    let reach = account.reach().filter(|reach| **reach != Reach::default());
    if reach.is_some() {
        flags |= REACH;
    }
    if account.aside.as_deref().is_some_and(has_more) {
        flags |= MORE;
    }
    out.push(flags);
    if let Some(deadline) = account.deadline {
        put_instant(out, deadline);
    }
    if !stale.is_empty() {
        put_varint(out, stale.len() as u64);
        for mark in stale {
            out.push(mark.topic as u8);
            put_long(out, mark.offset);
        }
    }
    put_account(out, account, version);
    if flags & PAUSES != 0
        && let Some(pauses) = account.pauses()
    {
        put_pauses(out, pauses);
    }
    if let Some(suspended) = suspended {
        put_suspended(out, suspended);
    }
    if let Some(reach) = reach {
        put_reach(out, reach);
    }
    if flags & MORE != 0
        && let Some(aside) = &account.aside
    {
        put_more(out, aside, &account.bills);
    }
}

/// An account with its stale marks.
///
/// # Errors
/// The version is unknown or the bytes are damaged.
pub fn decode_row(bytes: &[u8]) -> Result<StoredRow, StateError> {
    let mut b = Bytes::new(bytes);
    let (version, head, flags) = head(&mut b)?;
    let stale = if head.stale { b.list(mark)? } else { Vec::new() };
    if head.stale && stale.is_empty() {
        return Err(StateError::Damaged("the flag of stale marks"));
    }
    let mut account = get_account(&mut b, version, flags & ASIDE != 0)?;
    let pauses = if flags & PAUSES == 0 { Pauses::default() } else { get_pauses(&mut b)? };
    let suspended = if flags & SUSPENDED == 0 { None } else { Some(Box::new(get_suspended(&mut b)?)) };
    let reach = if flags & REACH == 0 { Reach::default() } else { get_reach(&mut b)? };
    if flags & (ASIDE | PAUSES | SUSPENDED | REACH | MORE) != 0 {
        let aside = account.aside.get_or_insert_default();
        (aside.pauses, aside.suspended, aside.reach) = (pauses, suspended, reach);
        if flags & MORE != 0 {
            get_more(&mut b, aside, &account.bills)?;
        }
        if **aside == Aside::default() || flags & ASIDE == 0 {
            return Err(StateError::Damaged("the flag of what is aside"));
        }
    }
    b.end()?;
    account.deadline = head.deadline;
    if account.pending().is_some() != head.pending {
        return Err(StateError::Damaged("the flag of a waiting bar"));
    }
    Ok(StoredRow { stale, account })
}

/// An account without its stale marks.
///
/// # Errors
/// As [`decode_row`].
pub fn decode_account(bytes: &[u8]) -> Result<Account, StateError> {
    decode_row(bytes).map(|row| row.account)
}

/// What the engine asks of every row, without decoding the account.
///
/// # Errors
/// The version is unknown or the first bytes are damaged.
pub fn peek(bytes: &[u8]) -> Result<Peek, StateError> {
    head(&mut Bytes::new(bytes)).map(|(_, head, _)| head)
}

/// True where the account's data is to be erased, or was. One that cannot be read was not.
#[must_use]
pub fn is_erased(bytes: &[u8]) -> bool {
    let more = head(&mut Bytes::new(bytes)).is_ok_and(|(_, _, flags)| flags & MORE != 0);
    let erasure = || decode_row(bytes).ok()?.account.erasure();
    more && erasure().is_some_and(|erasure| erasure.asked.is_some())
}

/// When the account acts next by itself, without decoding it.
///
/// # Errors
/// As [`peek`].
pub fn peek_deadline(bytes: &[u8]) -> Result<Option<Timestamp>, StateError> {
    peek(bytes).map(|head| head.deadline)
}

fn head(b: &mut Bytes<'_>) -> Result<(StateVersion, Peek, u8), StateError> {
    let number = b.small::<u32>()?;
    let version = StateVersion::from_number(number).ok_or(StateError::UnknownVersion(number))?;
    let flags = b.byte()?;
    let deadline = if flags & DEADLINE == 0 { None } else { Some(b.instant()?) };
    let head = Peek { deadline, pending: flags & PENDING != 0, stale: flags & STALE != 0 };
    Ok((version, head, flags))
}

fn mark(b: &mut Bytes<'_>) -> Result<StaleMark, StateError> {
    let topic = InputTopic::from_index(usize::from(b.byte()?)).ok_or(StateError::Damaged("a topic"))?;
    Ok(StaleMark { topic, offset: b.signed()? })
}
