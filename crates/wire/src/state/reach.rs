//! How a customer can be reached beyond the profile: few accounts have any of it, and it stands behind all else of a row.

use dunning_rules::Reach;

use super::StateError;
use super::bytes::{Bytes, put_instant, put_list, put_option};
use super::profile::get_channel;
use crate::avro::put_varint;

#[cold]
pub(super) fn put_reach(out: &mut Vec<u8>, reach: &Reach) {
    // A field that is added must be stored as well: this pattern names them all.
    let Reach { opted_out, unreachable, conversed, notices } = reach;
    for list in [opted_out, unreachable] {
        put_list(out, list, |out, channel| out.push(*channel as u8));
    }
    put_option(out, *conversed, put_instant);
    put_list(out, notices, |out, (sequence, channel)| {
        put_varint(out, *sequence);
        out.push(*channel as u8);
    });
}

#[cold]
pub(super) fn get_reach(b: &mut Bytes<'_>) -> Result<Reach, StateError> {
    let reach = Reach {
        opted_out: b.list(get_channel)?,
        unreachable: b.list(get_channel)?,
        conversed: b.option(Bytes::instant)?,
        notices: b.list(|b| Ok((b.unsigned()?, get_channel(b)?)))?,
    };
    if reach == Reach::default() { Err(StateError::Damaged("the flag of what can be reached")) } else { Ok(reach) }
}
