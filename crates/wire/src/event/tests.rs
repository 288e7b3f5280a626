use apache_avro::types::Value;
use dunning_rules::{Body, Currency, Day, Input, Interaction, Minor, Term, Timestamp};
use proptest::prelude::*;

use super::*;
use crate::avro::{put_day, put_len, put_long, put_str};
use crate::reference::{self, Dice};
use crate::sample;

const EVENTS: [InputTopic; 6] = [
    InputTopic::Bills,
    InputTopic::Payments,
    InputTopic::Disputes,
    InputTopic::Interactions,
    InputTopic::Accounts,
    InputTopic::Usage,
];

fn encoded(topic: InputTopic, account: &str, input: &Input<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    encode_input(topic, account, input, &mut out);
    out
}

proptest! {
    #[test]
    fn an_event_comes_back_as_it_was((topic, input) in sample::event(), account in sample::id()) {
        let datum = encoded(topic, account, &input);
        let decoded = decode(topic, &datum).expect("an event");
        prop_assert_eq!(decoded.account_id, account);
        prop_assert_eq!(account_of(&datum), Some(account));
        prop_assert_eq!(&decoded.event, &input);
    }

    #[test]
    fn the_avro_crate_reads_the_same_and_writes_the_same_bytes((topic, input) in sample::event()) {
        let datum = encoded(topic, "acc-1", &input);
        let value = reference::read(&reference::schema(topic.contract_name()), &datum);
        prop_assert_eq!(reference::at(&value, "event_id"), Value::String(input.event_id.to_owned()));
        prop_assert_eq!(reference::at(&value, "occurred_at"), Value::TimestampMillis(input.occurred_at.millis()));
        if let Body::PaymentReceived { amount, .. } = input.body {
            prop_assert_eq!(reference::at(&value, "body.amount_minor"), Value::Long(amount.get()));
        }
    }

    #[test]
    fn whatever_the_avro_crate_writes_is_read(seed in any::<u64>()) {
        for topic in EVENTS {
            let schema = reference::schema(topic.contract_name());
            let value = reference::value(&schema, "", &mut Dice::new(seed));
            let datum = reference::write(&schema, value);
            if let Err(e) = decode(topic, &datum) {
                panic!("{}: {e}", topic.contract_name());
            }
        }
    }

    #[test]
    fn a_datum_that_is_cut_or_goes_on_is_refused(seed in any::<u64>()) {
        for topic in EVENTS {
            let schema = reference::schema(topic.contract_name());
            let mut datum = reference::write(&schema, reference::value(&schema, "", &mut Dice::new(seed)));
            for len in 0..datum.len() {
                prop_assert!(decode(topic, &datum[..len]).is_err());
            }
            datum.push(0);
            prop_assert_eq!(decode(topic, &datum), Err(BadRecord::TrailingBytes));
        }
    }

    #[test]
    fn any_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let mut headed = vec![2, b'e', 2, b'a', 0];
        headed.extend(&bytes);
        for topic in InputTopic::ALL {
            let _ = decode(topic, &bytes);
            let _ = decode(topic, &headed);
            let _ = account_of(&bytes);
        }
        let _ = crate::control::decode(&headed);
        let _ = crate::decision::decode(&bytes);
        let _ = crate::state_record::decode(&bytes);
        for topic in crate::topic::OutputTopic::ALL {
            let _ = crate::command::decode(topic, &bytes);
        }
    }
}

/// A datum of the bill topic with a valid head and this body.
fn bill_datum(put: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::new();
    put_str(&mut out, "e-1");
    put_str(&mut out, "acc-1");
    put_long(&mut out, 1_000);
    put(&mut out);
    out
}

struct Issue {
    bill_id: &'static str,
    amount: i64,
    currency: &'static str,
    days: (i32, i32),
    terms: &'static [(i32, i64)],
}

const ISSUE: Issue = Issue { bill_id: "b-1", amount: 500, currency: "EUR", days: (100, 114), terms: &[] };

fn issue(issue: &Issue) -> Result<(), BadRecord> {
    let datum = bill_datum(|out| {
        put_len(out, 0);
        put_str(out, issue.bill_id);
        put_long(out, issue.amount);
        put_str(out, issue.currency);
        put_day(out, Day::from_epoch(issue.days.0));
        put_day(out, Day::from_epoch(issue.days.1));
        crate::avro::put_array(out, issue.terms.iter(), |out, (day, amount)| {
            put_day(out, Day::from_epoch(*day));
            put_long(out, *amount);
        });
        out.extend([0, 0, 0, 0, 0]);
    });
    decode(InputTopic::Bills, &datum).map(drop)
}

#[test]
fn a_bill_that_cannot_be_is_refused_with_its_reason() {
    let max = Minor::EVENT_MAX.get();
    let rows = [
        (Issue { amount: 0, ..ISSUE }, Ok(())),
        (Issue { amount: max, ..ISSUE }, Ok(())),
        (Issue { days: (100, 100), ..ISSUE }, Ok(())),
        (Issue { days: (0, 84_370), ..ISSUE }, Ok(())),
        (Issue { terms: &[(100, 200), (130, 300)], ..ISSUE }, Ok(())),
        (Issue { amount: -1, ..ISSUE }, Err(BadRecord::NegativeAmount)),
        (Issue { amount: max + 1, ..ISSUE }, Err(BadRecord::AmountTooLarge)),
        (Issue { amount: i64::MIN, ..ISSUE }, Err(BadRecord::AmountTooLarge)),
        (Issue { currency: "eur", ..ISSUE }, Err(BadRecord::UnknownCurrency)),
        (Issue { currency: "", ..ISSUE }, Err(BadRecord::UnknownCurrency)),
        (Issue { days: (100, 99), ..ISSUE }, Err(BadRecord::DueBeforeIssued)),
        (Issue { days: (-1, 99), ..ISSUE }, Err(BadRecord::BadDate)),
        (Issue { days: (0, 84_371), ..ISSUE }, Err(BadRecord::BadDate)),
        (Issue { bill_id: "", ..ISSUE }, Err(BadRecord::BadId)),
        (Issue { bill_id: "a\tb", ..ISSUE }, Err(BadRecord::BadId)),
        (Issue { bill_id: "a\u{85}b", ..ISSUE }, Err(BadRecord::BadId)),
        (Issue { terms: &[(110, 200)], ..ISSUE }, Err(BadRecord::TermsDoNotSum)),
        (Issue { terms: &[(110, 500), (120, 0)], ..ISSUE }, Err(BadRecord::ZeroAmount)),
        (Issue { terms: &[(99, 500)], ..ISSUE }, Err(BadRecord::DueBeforeIssued)),
    ];
    for (row, expected) in rows {
        assert_eq!(issue(&row), expected, "{} {:?} {:?} {:?}", row.amount, row.currency, row.days, row.terms);
    }
}

/// Reads what an event becomes when it is written.
fn check(topic: InputTopic, account: &str, event_id: &str, at: i64, body: Body<'_>) -> Result<(), BadRecord> {
    let input = Input { event_id, occurred_at: Timestamp::from_millis(at), body };
    decode(topic, &encoded(topic, account, &input)).map(drop)
}

#[test]
fn events_that_cannot_be_are_refused_with_their_reason() {
    use InputTopic::{Bills, Disputes, Payments};
    let eur = Currency::parse("EUR").expect("a currency");
    let pay = |amount| Body::PaymentReceived {
        payment_id: "p",
        amount: Minor::new(amount),
        currency: eur,
        bill_id: None,
        command_id: None,
    };
    let cancel = || Body::BillCancelled { bill_id: "b" };
    let long = "x".repeat(256);
    let rows = [
        (Payments, "a", "e", 0, pay(1), Ok(())),
        (Payments, "a", "e", 0, pay(0), Err(BadRecord::ZeroAmount)),
        (Payments, "a", "e", 0, pay(-1), Err(BadRecord::NegativeAmount)),
        (Payments, "", "e", 0, pay(1), Err(BadRecord::BadId)),
        (Payments, "a", "", 0, pay(1), Err(BadRecord::BadId)),
        (Payments, "\0checkpoint", "e", 0, pay(1), Err(BadRecord::BadId)),
        (Payments, &long, "e", 0, pay(1), Err(BadRecord::BadId)),
        (Payments, &long[1..], "e", 0, pay(1), Ok(())),
        (Bills, "a", "e", -1, cancel(), Err(BadRecord::BadDate)),
        (Bills, "a", "e", 7_289_654_400_000, cancel(), Err(BadRecord::BadDate)),
        (Bills, "a", "e", 7_289_654_399_999, cancel(), Ok(())),
        (Bills, "a", "e", 0, Body::BillAdjusted { bill_id: "b", delta: Minor::new(-5), origin: None }, Ok(())),
        (
            Bills,
            "a",
            "e",
            0,
            Body::BillAdjusted { bill_id: "b", delta: Minor::new(i64::MIN), origin: None },
            Err(BadRecord::AmountTooLarge),
        ),
        (
            Bills,
            "a",
            "e",
            0,
            Body::BillWrittenOff { bill_id: "b", amount: Minor::ZERO, origin: None },
            Err(BadRecord::ZeroAmount),
        ),
        (
            Disputes,
            "a",
            "e",
            0,
            Body::DisputeOpened { dispute_id: "d", bill_id: Some(""), amount: None, line_ids: vec![] },
            Err(BadRecord::BadId),
        ),
        (
            Disputes,
            "a",
            "e",
            0,
            Body::DisputeOpened { dispute_id: "d", bill_id: None, amount: Some(Minor::ZERO), line_ids: vec![] },
            Err(BadRecord::ZeroAmount),
        ),
    ];
    for (topic, account, event_id, at, body, expected) in rows {
        assert_eq!(check(topic, account, event_id, at, body.clone()), expected, "{body:?} at {at}");
    }
}

#[test]
fn a_payment_on_an_empty_bill_id_is_one_on_none() {
    let eur = Currency::parse("EUR").expect("a currency");
    let body = |bill_id| Body::PaymentReceived {
        payment_id: "p",
        amount: Minor::new(1),
        currency: eur,
        bill_id,
        command_id: None,
    };
    let input = Input { event_id: "e", occurred_at: Timestamp::from_millis(0), body: body(Some("")) };
    let datum = encoded(InputTopic::Payments, "a", &input);
    assert_eq!(decode(InputTopic::Payments, &datum).expect("an event").event.body, body(None));
}

#[test]
fn malformed_bytes_have_their_reasons() {
    let head = |rest: &[u8]| bill_datum(|out| out.extend_from_slice(rest));
    let huge = [254, 255, 255, 255, 255, 255, 255, 255, 255, 1];
    let with_huge = |before: &[u8]| head(&[before, &huge].concat());
    let rows: [(Vec<u8>, BadRecord); 8] = [
        (vec![], BadRecord::Truncated),
        (vec![1], BadRecord::NegativeLength),
        (vec![4, 0xff, 0xfe], BadRecord::BadUtf8),
        (vec![255; 11], BadRecord::BadNumber),
        (head(&[14]), BadRecord::BadUnion),
        (head(&[1]), BadRecord::BadUnion),
        (with_huge(&[2]), BadRecord::Truncated),
        (head(&[6, 2, b'b', 2, 0, 0, 0]), BadRecord::TrailingBytes),
    ];
    for (datum, expected) in rows {
        assert_eq!(decode(InputTopic::Bills, &datum), Err(expected), "{datum:?}");
    }
    let long = bill_datum(|out| {
        put_len(out, 2);
        put_str(out, "b");
        put_str(out, &"x".repeat(crate::avro::STRING_MAX + 1));
    });
    assert_eq!(decode(InputTopic::Bills, &long), Err(BadRecord::TooLong));
}

#[test]
fn arrays_may_come_in_blocks_with_sizes_and_bombs_end_at_once() {
    let datum = |blocks: &[&[u8]]| {
        bill_datum(|out| {
            put_len(out, 0);
            put_str(out, "b");
            put_long(out, 300);
            put_str(out, "EUR");
            out.extend([0, 0]); // days
            out.extend(blocks.concat());
            out.extend([0, 0, 0, 0, 0]);
        })
    };
    let term = [20, 200, 1]; // day 10, 100
    let blocks = datum(&[&[2], &term, &[3, 12], &term, &term, &[0]]);
    let Body::BillIssued { terms, .. } = decode(InputTopic::Bills, &blocks).expect("a bill").event.body else {
        panic!("not a bill")
    };
    assert_eq!(terms, [Term { due_on: Day::from_epoch(10), amount: Minor::new(100) }; 3]);
    let max = [254, 255, 255, 255, 255, 255, 255, 255, 255, 1];
    let min = [255, 255, 255, 255, 255, 255, 255, 255, 255, 1];
    for bomb in [&[&max[..]][..], &[&min, &[2]], &[&[1], &min], &[&min, &max]] {
        let bad = decode(InputTopic::Bills, &datum(bomb)).expect_err("a bomb");
        assert!(matches!(bad, BadRecord::Truncated | BadRecord::NegativeLength), "{bad}");
    }
}

#[test]
fn a_decision_on_bars_is_understood_and_an_unknown_one_is_not_used() {
    let until = Some(Timestamp::from_millis(5));
    let rows = [
        Interaction::BarApproved { until },
        Interaction::BarRefused { until: None },
        Interaction::BarDecisionWithdrawn,
        Interaction::NotUsed("BarDecided"),
    ];
    for interaction in rows {
        let body = Body::Interaction(interaction);
        let input = Input { event_id: "e", occurred_at: Timestamp::from_millis(0), body: body.clone() };
        let datum = encoded(InputTopic::Interactions, "a", &input);
        let decoded = decode(InputTopic::Interactions, &datum).expect("an event");
        assert_eq!((decoded.event.body, decoded.kind), (body, "BarDecided"));
    }
}

#[test]
fn a_profile_needs_a_zone_that_exists() {
    let schema = reference::schema("crm.accounts");
    let value = reference::value(&schema, "", &mut Dice::new(1));
    let datum = reference::write(&schema, value);
    let at = datum.windows(6).position(|w| w == b"Europe").expect("the zone");
    let mut bad = datum.clone();
    bad[at] = b'X';
    assert!(decode(InputTopic::Accounts, &datum).is_ok());
    assert_eq!(decode(InputTopic::Accounts, &bad), Err(BadRecord::UnknownZone));
}

#[test]
fn the_kind_is_the_name_of_the_schemas_record() {
    for topic in EVENTS {
        let schema = reference::schema(topic.contract_name());
        let apache_avro::Schema::Record(record) = &schema else { panic!("not a record") };
        let body = &record.fields.iter().find(|f| f.name == "body").expect("a body").schema;
        let apache_avro::Schema::Union(bodies) = body else { panic!("not a union") };
        for seed in 0..200 {
            let value = reference::value(&schema, "", &mut Dice::new(seed));
            let Value::Record(fields) = &value else { panic!("not a record") };
            let Some((_, Value::Union(branch, _))) = fields.iter().find(|(n, _)| n == "body") else {
                panic!("no body")
            };
            let apache_avro::Schema::Record(body) = &bodies.variants()[*branch as usize] else {
                panic!("not a record")
            };
            let datum = reference::write(&schema, value.clone());
            assert_eq!(decode(topic, &datum).expect("an event").kind, body.name.name());
        }
    }
}
