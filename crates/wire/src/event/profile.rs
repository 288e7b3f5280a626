use dunning_rules::{Body, Channel, Contact, Currency, Profile, Service, Zone};

use super::Named;
use crate::avro::{Fault, Reader};

/// The way of payment of a service that is paid in advance.
pub(super) const PREPAID: &str = "prepaid";

pub(super) fn body<'a>(r: &mut Reader<'a>) -> Result<Named<'a>, Fault> {
    r.branch(1)?;
    let segment = r.string()?.into();
    let region = r.string()?.into();
    let risk_class = r.string()?.into();
    let language = r.string()?.into();
    let zone = Zone::parse(r.string()?).ok_or(Fault::UnknownZone)?;
    let vulnerable = r.boolean()?;
    let customer_since = r.option(Reader::customer_day)?;
    r.long()?; // lifetime_value_minor
    r.option(Reader::long)?; // credit_limit_minor
    let services = r.array(service)?;
    let contacts = r.array(contact)?;
    let payment_link = r.option(Reader::string)?.filter(|l| !l.is_empty()).map(Into::into);
    r.boolean()?; // autopay
    let status = r.string()?.into();
    r.option(Reader::customer_day)?; // closed_on
    let currency = r.string()?;
    if !currency.is_empty() && Currency::parse(currency).is_none() {
        return Err(Fault::UnknownCurrency);
    }
    r.option(Reader::string)?; // payment_method_id
    r.signed()?; // deposit_minor
    r.each(|r| {
        r.string()?; // name
        r.double()?; // value
        r.timestamp().map(drop) // as_of
    })?;
    let profile = Profile {
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
    };
    Ok((Body::Profile(Box::new(profile)), "AccountProfile"))
}

fn service(r: &mut Reader<'_>) -> Result<Service, Fault> {
    let service_id = r.id()?.into();
    r.string()?; // kind
    let prepaid = r.string()? == PREPAID;
    let protected = r.boolean()?;
    r.option(Reader::string)?; // user_id
    Ok(Service { service_id, protected, prepaid })
}

fn contact(r: &mut Reader<'_>) -> Result<Contact, Fault> {
    let channel = Channel::ALL[r.symbol(Channel::ALL.len())?];
    Ok(Contact { channel, address: r.string()?.into(), consent: r.boolean()? })
}
