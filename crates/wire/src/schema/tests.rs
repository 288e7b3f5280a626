use apache_avro::Schema;
use apache_avro::types::Value;
use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::*;
use crate::event;
use crate::reference::{self, Dice};

fn built_in(topic: InputTopic) -> Json {
    serde_json::from_str(crate::topic::schema_text(topic.contract_name()).expect("a schema")).expect("JSON")
}

/// The plan for one writer's schema on a topic.
fn plan(topic: InputTopic, schema: &str) -> Plan {
    let mut resolver = Resolver::new();
    resolver.learn(77, schema);
    resolver.plan(topic, 77).expect("a plan").clone()
}

fn refusal(schema: &str) -> String {
    plan(InputTopic::Bills, schema).refusal().expect("a refusal").to_owned()
}

/// What becomes of data of this writer.
fn transcoded(topic: InputTopic, schema: &Json, datum: &[u8]) -> Result<Vec<u8>, BadRecord> {
    let plan = plan(topic, &schema.to_string());
    assert!(!plan.is_direct());
    let mut scratch = Vec::new();
    plan.datum(datum, &mut scratch).map(<[u8]>::to_vec)
}

/// A schema that reads the same data, but is not of the same bytes.
type Change = (&'static str, fn(&mut Json));

fn body(schema: &mut Json) -> &mut Vec<Json> {
    let fields = schema["fields"].as_array_mut().expect("fields");
    fields.iter_mut().find(|f| f["name"] == "body").expect("a body")["type"].as_array_mut().expect("a union")
}

fn fields(record: &mut Json) -> &mut Vec<Json> {
    record["fields"].as_array_mut().expect("fields")
}

const CHANGES: [Change; 8] = [
    ("a field more at the end", |s| fields(s).push(json!({"name": "tenant", "type": "string", "default": ""}))),
    ("a field more at the start", |s| {
        let extra = json!({"name": "seq", "type": {"type": "record", "name": "Seq", "fields": [
            {"name": "a", "type": ["null", "double", {"type": "map", "values": "long"}]},
            {"name": "b", "type": {"type": "array", "items": {"type": "fixed", "name": "F", "size": 3}}}]}});
        fields(s).insert(0, extra);
    }),
    ("fields in another order", |s| fields(s).reverse()),
    ("branches in another order", |s| body(s).reverse()),
    ("a branch more", |s| {
        body(s).insert(0, json!({"type": "record", "name": "Later", "fields": [{"name": "x", "type": "long"}]}));
    }),
    ("fields of the body in another order", |s| body(s).iter_mut().for_each(|b| fields(b).reverse())),
    ("renamed, with the old name as alias", |s| {
        s["name"] = json!("OtherEvent");
        s["aliases"] =
            json!(["BillEvent", "PaymentEvent", "DisputeEvent", "InteractionEvent", "AccountEvent", "UsageEvent"]);
        let id = fields(s).iter_mut().find(|f| f["name"] == "event_id").expect("the id");
        id["name"] = json!("id");
        id["aliases"] = json!(["event_id"]);
    }),
    ("optional", |s| {
        let id = fields(s).iter_mut().find(|f| f["name"] == "event_id").expect("the id");
        id["type"] = json!(["null", "string"]);
    }),
];

const EVENTS: [InputTopic; 6] = [
    InputTopic::Bills,
    InputTopic::Payments,
    InputTopic::Disputes,
    InputTopic::Interactions,
    InputTopic::Accounts,
    InputTopic::Usage,
];

/// The value of the changed schema that has the fields of `value` and some others.
fn as_written(schema: &Schema, value: &Value, dice: &mut Dice) -> Value {
    match (schema, value) {
        (Schema::Union(union), Value::Union(_, inner)) => {
            let at = union.variants().iter().position(|v| fits(v, inner)).expect("a branch");
            Value::Union(at as u32, Box::new(as_written(&union.variants()[at], inner, dice)))
        }
        (Schema::Union(union), _) => {
            let at = union.variants().iter().position(|v| fits(v, value)).expect("a branch");
            Value::Union(at as u32, Box::new(value.clone()))
        }
        (Schema::Record(record), Value::Record(known)) => Value::Record(
            record
                .fields
                .iter()
                .map(|field| {
                    let is = |name: &str| name == field.name || field.aliases.iter().any(|a| a.as_str() == name);
                    let value = match known.iter().find(|(name, _)| is(name)) {
                        Some((_, value)) => as_written(&field.schema, value, dice),
                        None => reference::value(&field.schema, &field.name, dice),
                    };
                    (field.name.clone(), value)
                })
                .collect(),
        ),
        (Schema::Array(array), Value::Array(items)) => {
            Value::Array(items.iter().map(|i| as_written(&array.items, i, dice)).collect())
        }
        _ => value.clone(),
    }
}

fn fits(schema: &Schema, value: &Value) -> bool {
    match (schema, value) {
        (Schema::Record(record), Value::Record(fields)) => {
            fields.iter().all(|(name, _)| record.fields.iter().any(|f| f.name == *name))
                && record.fields.len() == fields.len()
        }
        (Schema::Null, Value::Null)
        | (Schema::String, Value::String(_))
        | (Schema::Boolean, Value::Boolean(_))
        | (Schema::Long, Value::Long(_))
        | (Schema::Double, Value::Double(_))
        | (Schema::Date, Value::Date(_))
        | (Schema::TimestampMillis, Value::TimestampMillis(_))
        | (Schema::Enum(_), Value::Enum(..)) => true,
        _ => false,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn data_of_a_compatible_writer_become_the_same_bytes(seed in any::<u64>(), cut in any::<prop::sample::Index>()) {
        for topic in EVENTS {
            let reader = reference::schema(topic.contract_name());
            let value = reference::value(&reader, "", &mut Dice::new(seed));
            let expected = reference::write(&reader, value.clone());
            for (name, change) in CHANGES {
                let mut json = built_in(topic);
                change(&mut json);
                if json == built_in(topic) {
                    continue; // a union of one branch has no other order
                }
                let writer = Schema::parse_str(&json.to_string()).expect("a schema");
                // Bodies with the same fields cannot be told apart here.
                let Value::Record(mut parts) = as_written(&writer, &value, &mut Dice::new(seed ^ 1)) else {
                    panic!("not a record")
                };
                keep_branch(&reader, &writer, &value, &mut parts);
                let datum = reference::write(&writer, Value::Record(parts));
                let got = transcoded(topic, &json, &datum).unwrap_or_else(|e| panic!("{name}: {e}"));
                prop_assert_eq!(&got, &expected, "{} {}", topic.contract_name(), name);
                prop_assert!(event::decode(topic, &got).is_ok());
                let _ = transcoded(topic, &json, &datum[..cut.index(datum.len())]).expect_err("a cut datum");
            }
        }
    }

    #[test]
    fn any_bytes_under_any_schema_are_transcoded_without_a_panic(
        seed in any::<u64>(), bytes in proptest::collection::vec(any::<u8>(), 0..200),
    ) {
        let topic = EVENTS[(seed % 6) as usize];
        let mut json = built_in(topic);
        CHANGES[(seed / 6 % 8) as usize].1(&mut json);
        let plan = plan(topic, &json.to_string());
        let _ = plan.datum(&bytes, &mut Vec::new());
    }
}

/// Names the body's branch by its record, as two records can have the same fields.
fn keep_branch(reader: &Schema, writer: &Schema, value: &Value, parts: &mut [(String, Value)]) {
    let union = |schema: &Schema| match schema {
        Schema::Record(r) => match &r.fields.iter().find(|f| f.name == "body").expect("a body").schema {
            Schema::Union(u) => u.variants().to_vec(),
            _ => panic!("not a union"),
        },
        _ => panic!("not a record"),
    };
    let name = |schema: &Schema| match schema {
        Schema::Record(r) => r.name.name().to_owned(),
        _ => panic!("not a record"),
    };
    let Value::Record(fields) = value else { panic!("not a record") };
    let Some((_, Value::Union(at, inner))) = fields.iter().find(|(n, _)| n == "body") else { panic!("no body") };
    let wanted = name(&union(reader)[*at as usize]);
    let branches = union(writer);
    let at = branches.iter().position(|b| name(b) == wanted).expect("a branch");
    let inner = as_written(&branches[at], inner, &mut Dice::new(3));
    let body = parts.iter_mut().find(|(n, _)| n == "body").expect("a body");
    body.1 = Value::Union(at as u32, Box::new(inner));
}

#[test]
fn the_built_in_schemas_are_read_as_they_are() {
    let mut resolver = Resolver::embedded();
    for topic in InputTopic::ALL {
        let id = embedded_id(topic.contract_name());
        assert!(resolver.plan(topic, id).expect("a plan").is_direct(), "{}", topic.contract_name());
        assert_eq!(resolver.plan(topic, 999).map(Plan::is_direct), None);
        // Documentation and attributes do not count.
        let mut json = built_in(topic);
        json["doc"] = json!("another text");
        assert!(plan(topic, &json.to_string()).is_direct());
    }
    let other = resolver.plan(InputTopic::Payments, embedded_id("billing.bills")).expect("a plan");
    assert!(other.refusal().expect("a refusal").contains("not of the record PaymentEvent"));
}

#[test]
fn fields_that_a_writer_does_not_have_take_their_defaults() {
    let mut json = built_in(InputTopic::Bills);
    let issued = &mut body(&mut json)[0];
    fields(issued).retain(|f| f.get("default").is_none());
    let writer = Schema::parse_str(&json.to_string()).expect("a schema");
    let value = reference::value(&writer, "", &mut Dice::new(4));
    let Value::Record(mut parts) = value else { panic!("not a record") };
    let Schema::Record(record) = &writer else { panic!("not a record") };
    let Schema::Union(union) = &record.fields[3].schema else { panic!("not a union") };
    parts[3].1 = Value::Union(0, Box::new(reference::value(&union.variants()[0], "", &mut Dice::new(4))));
    let datum = reference::write(&writer, Value::Record(parts));
    let got = transcoded(InputTopic::Bills, &json, &datum).expect("a datum");
    let decoded = event::decode(InputTopic::Bills, &got).expect("an event");
    let dunning_rules::Body::BillIssued { kind, terms, lines, .. } = decoded.event.body else { panic!("not a bill") };
    assert_eq!((kind, terms.len(), lines.len()), ("regular", 0, 0));
}

#[test]
fn numbers_are_promoted_and_strings_may_be_bytes() {
    let text = crate::topic::schema_text("network.usage").expect("a schema");
    let json: Json = serde_json::from_str(&text.replace(
        "\"type\": \"long\",\n              \"doc\": \"Voice",
        "\"type\": \"int\",\n              \"doc\": \"Voice",
    ))
    .expect("JSON");
    assert_ne!(json, built_in(InputTopic::Usage));
    assert!(plan(InputTopic::Usage, &json.to_string()).is_direct(), "an int has the bytes of a long");

    let mut json = built_in(InputTopic::Accounts);
    let profile = &mut body(&mut json)[0];
    let scores = fields(profile).iter_mut().find(|f| f["name"] == "scores").expect("scores");
    fields(&mut scores["type"]["items"]).iter_mut().find(|f| f["name"] == "value").expect("a value")["type"] =
        json!("int");
    let writer = Schema::parse_str(&json.to_string()).expect("a schema");
    let value = reference::value(&writer, "", &mut Dice::new(5));
    let datum = reference::write(&writer, value);
    let got = transcoded(InputTopic::Accounts, &json, &datum).expect("a datum");
    let read = reference::read(&reference::schema("crm.accounts"), &got);
    let Value::Array(scores) = reference::at(&read, "body.scores") else { panic!("no scores") };
    assert!(scores.iter().all(|s| matches!(reference::at(s, "value"), Value::Double(_))));
    assert!(event::decode(InputTopic::Accounts, &got).is_ok());
}

/// A dispute that ended, by a writer with these symbols for its outcome.
fn resolved(symbols: &Json, at: u8) -> Result<Vec<u8>, BadRecord> {
    let mut json = built_in(InputTopic::Disputes);
    let outcome = &mut fields(&mut body(&mut json)[1])[1];
    outcome["type"]["symbols"] = symbols.clone();
    let mut datum = vec![2, b'e', 2, b'a', 0, 2, 2, b'd'];
    datum.extend([at * 2, 0]);
    transcoded(InputTopic::Disputes, &json, &datum)
}

#[test]
fn symbols_go_by_their_names_and_unknown_ones_by_the_default() {
    let symbols = json!(["ESCALATED", "REJECTED", "UPHELD", "UNKNOWN"]);
    let rows = [(0, 4), (1, 2), (2, 0), (3, 4)];
    for (written, read) in rows {
        assert_eq!(resolved(&symbols, written).expect("a datum")[8], read * 2);
    }
    assert_eq!(resolved(&symbols, 4), Err(BadRecord::BadEnum));
}

#[test]
fn a_branch_that_the_reader_does_not_know_is_refused_when_it_comes() {
    let mut json = built_in(InputTopic::Disputes);
    body(&mut json).insert(0, json!({"type": "record", "name": "Later", "fields": [{"name": "x", "type": "long"}]}));
    assert_eq!(transcoded(InputTopic::Disputes, &json, &[2, b'e', 2, b'a', 0, 0, 8]), Err(BadRecord::BadUnion));
}

#[test]
fn schemas_that_cannot_be_used_are_refused_with_the_reason() {
    let record = |fields: &str| format!(r#"{{"type":"record","name":"BillEvent","fields":[{fields}]}}"#);
    let nested = (0..200).fold("\"long\"".to_owned(), |inner, _| format!(r#"{{"type":"array","items":{inner}}}"#));
    // Each type holds the one before twice.
    let doubled: String = (1..40)
        .map(|n| {
            let inner = format!(r#"{{"name":"a","type":"R{}"}},{{"name":"b","type":"R{}"}}"#, n - 1, n - 1);
            format!(r#",{{"name":"f{n}","type":{{"type":"record","name":"R{n}","fields":[{inner}]}}}}"#)
        })
        .collect();
    let first = r#"{"name":"f0","type":{"type":"record","name":"R0","fields":[{"name":"x","type":"long"}]}}"#;
    let rows = [
        ("{".to_owned(), "not JSON"),
        (record(r#"{"name":"x","type":["null","BillEvent"]}"#), "recursive"),
        (record(&format!(r#"{{"name":"x","type":{nested}}}"#)), "nested too deeply"),
        (record(&format!("{first}{doubled}")), "more parts than are taken"),
        (record(r#"{"name":"x","type":{"type":"array","items":"null"}}"#), "without size"),
        (record(r#"{"name":"x","type":"null"}"#), "without data"),
        (record(r#"{"name":"x","type":"Nowhere"}"#), "does not define"),
        (record(""), "lacks the field event_id"),
        (record(r#"{"name":"event_id","type":"long"}"#), "event_id: a type cannot be read"),
        ("\"string\"".to_owned(), "cannot be read"),
        (r#"{"type":"record","name":"Other","fields":[{"name":"x","type":"long"}]}"#.to_owned(), "not of the record"),
        (" ".repeat(TEXT_MAX + 1), "longer than is taken"),
        ("3".to_owned(), "neither a name"),
        ("[]".to_owned(), "union is empty"),
    ];
    for (schema, reason) in rows {
        let got = refusal(&schema);
        assert!(got.contains(reason), "{got:?} should say {reason:?} of {:.80}", schema);
    }
}

#[test]
fn a_chain_of_types_that_is_deep_only_by_its_names_is_refused() {
    let chain: Vec<_> = (1..2_000)
        .map(|n| {
            let inner = format!(r#"{{"name":"a","type":"R{}"}}"#, n - 1);
            format!(r#"{{"name":"f{n}","type":{{"type":"record","name":"R{n}","fields":[{inner}]}}}}"#)
        })
        .collect();
    let first = r#"{"name":"f0","type":{"type":"record","name":"R0","fields":[{"name":"x","type":"long"}]}}"#;
    let schema = format!(r#"{{"type":"record","name":"BillEvent","fields":[{first},{}]}}"#, chain.join(","));
    assert!(refusal(&schema).contains("nested too deeply"));
}

#[test]
fn bombs_under_another_schema_end_at_once() {
    let mut json = built_in(InputTopic::Bills);
    fields(&mut json).insert(0, json!({"name": "x", "type": {"type": "array", "items": "boolean"}}));
    for bomb in [
        &[254, 255, 255, 255, 255, 255, 255, 255, 255, 1][..],
        &[255, 255, 255, 255, 255, 255, 255, 255, 255, 1, 2],
        &[1],
        &[2, 9],
    ] {
        assert!(transcoded(InputTopic::Bills, &json, bomb).is_err());
    }
}

#[test]
fn known_schemas_are_bounded_and_the_oldest_goes_first() {
    let mut resolver = Resolver::embedded();
    let bills = embedded_id("billing.bills");
    assert!(resolver.plan(InputTopic::Bills, bills).is_some());
    for id in 1_000..1_000 + u32::try_from(KNOWN_MAX).expect("a number") {
        resolver.learn(id, "{");
    }
    assert_eq!(resolver.known.len(), KNOWN_MAX);
    assert!(!resolver.knows(bills));
    assert!(resolver.plan(InputTopic::Bills, bills).is_none());
    assert!(resolver.plan(InputTopic::Bills, 2_000).is_some());
}
