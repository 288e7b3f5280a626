//! How money and time look in JSON: amounts as minor units, instants and days as text of ISO 8601.

use dunning_rules::{Day, Minor, Timestamp};
use serde::Serializer;

pub(crate) fn amount<S: Serializer>(amount: &Minor, s: S) -> Result<S::Ok, S::Error> {
    s.serialize_i64(amount.get())
}

pub(crate) fn instant<S: Serializer>(at: &Timestamp, s: S) -> Result<S::Ok, S::Error> {
    s.collect_str(at)
}

pub(crate) fn maybe_instant<S: Serializer>(at: &Option<Timestamp>, s: S) -> Result<S::Ok, S::Error> {
    match at {
        Some(at) => s.collect_str(at),
        None => s.serialize_none(),
    }
}

pub(crate) fn day<S: Serializer>(day: &Day, s: S) -> Result<S::Ok, S::Error> {
    s.collect_str(day)
}

pub(crate) fn maybe_day<S: Serializer>(day: &Option<Day>, s: S) -> Result<S::Ok, S::Error> {
    match day {
        Some(day) => s.collect_str(day),
        None => s.serialize_none(),
    }
}
