use dunning_rules::{Body, Channel, Contact, Currency, Minor, Profile, ProfileFacts, SCORES_MAX, Score, Service, Zone};

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
    let lifetime_value = Minor::new(r.long()?);
    r.option(Reader::long)?; // credit_limit_minor
    let services = r.array(service)?;
    let contacts = r.array(contact)?;
    let payment_link = r.option(Reader::string)?.filter(|l| !l.is_empty()).map(Into::into);
    let autopay = r.boolean()?;
    let status = r.string()?.into();
    r.option(Reader::customer_day)?; // closed_on
    let currency = r.string()?;
    if !currency.is_empty() && Currency::parse(currency).is_none() {
        return Err(Fault::UnknownCurrency);
    }
    r.option(Reader::string)?; // payment_method_id
    r.signed()?; // deposit_minor
    let mut scores = Vec::new();
    r.each(|r| {
        let (name, value) = (r.string()?, r.double()?);
        r.timestamp()?; // as_of
        if scores.len() < SCORES_MAX && value.is_finite() {
            scores.push(Score { name: name.into(), millionths: millionths(value) });
        }
        Ok(())
    })?;
    let facts = ProfileFacts { lifetime_value, autopay, scores };
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
        facts: Some(facts).filter(|facts| *facts != ProfileFacts::default()).map(Box::new),
    };
    Ok((Body::Profile(Box::new(profile)), "AccountProfile"))
}

/// A score as it is compared; one that is beyond all that can be is as far as can be.
#[allow(clippy::cast_possible_truncation)] // a cast stops at the ends of the range
pub(crate) fn millionths(value: f64) -> i64 {
    (value * 1e6).round() as i64
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
