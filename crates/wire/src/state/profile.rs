use dunning_rules::{Channel, Contact, Profile, Service, Zone};

use super::StateError;
use super::bytes::{Bytes, put_day, put_id, put_list, put_option, put_text};
use crate::avro::put_bool;

type Read<T> = Result<T, StateError>;

pub(super) fn put_profile(out: &mut Vec<u8>, profile: &Profile) {
    let Profile {
        segment,
        region,
        risk_class,
        language,
        zone,
        vulnerable,
        customer_since,
        contacts,
        services,
        payment_link,
        status,
        // Kept beside it.
        facts: _,
    } = profile;
    for text in [segment, region, risk_class, language] {
        put_text(out, text);
    }
    put_text(out, zone.name());
    put_bool(out, *vulnerable);
    put_option(out, *customer_since, put_day);
    put_list(out, contacts, |out, Contact { channel, address, consent }| {
        out.push(*channel as u8);
        put_text(out, address);
        put_bool(out, *consent);
    });
    put_list(out, services, |out, Service { service_id, protected, prepaid }| {
        put_id(out, service_id);
        put_bool(out, *protected);
        put_bool(out, *prepaid);
    });
    put_option(out, payment_link.as_deref(), put_text);
    put_text(out, status);
}

pub(super) fn get_profile(b: &mut Bytes<'_>) -> Read<Profile> {
    Ok(Profile {
        segment: b.boxed()?,
        region: b.boxed()?,
        risk_class: b.boxed()?,
        language: b.boxed()?,
        zone: Zone::parse(b.text()?).ok_or(StateError::Damaged("a time zone"))?,
        vulnerable: b.flag()?,
        customer_since: b.option(Bytes::day)?,
        contacts: b.list(|b| Ok(Contact { channel: get_channel(b)?, address: b.boxed()?, consent: b.flag()? }))?,
        services: b.list(|b| Ok(Service { service_id: b.id()?, protected: b.flag()?, prepaid: b.flag()? }))?,
        payment_link: b.option(Bytes::boxed)?,
        status: b.boxed()?,
        facts: None,
    })
}

pub(super) fn get_channel(b: &mut Bytes<'_>) -> Read<Channel> {
    Channel::ALL.get(usize::from(b.byte()?)).copied().ok_or(StateError::Damaged("a channel"))
}
