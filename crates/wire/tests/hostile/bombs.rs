//! Small inputs that ask for much: counts of items without data, schemas that grow when they are followed, ids without end.

use dunning_wire::schema::Resolver;
use dunning_wire::topic::{InputTopic, schema_text};
use dunning_wire::{BadRecord, state};
use proptest::prelude::*;
use proptest::sample::Index;

use crate::damage::varint;
use crate::{checks, memory};

/// Bytes of memory for each byte of a schema: a type of a few letters becomes a node, a list of items a tree of JSON.
const FACTOR: usize = 100;
/// For any schema: the resolver, which reads the built-in ones.
const BASE: usize = 256 * 1024;
/// All that the schemas of one lane may take.
const RESOLVER_MAX: usize = 256 << 20;

/// Learns a schema for bills and says why it is refused; both within bounds, also of the work.
fn refusal(schema: &str) -> Option<String> {
    let mut resolver = Resolver::new();
    let (refusal, cost) = memory::cost(|| {
        resolver.learn(1, schema);
        let plan = resolver.plan(InputTopic::Bills, 1).expect("a plan, as the id was learnt");
        plan.refusal().map(str::to_owned)
    });
    let most = schema.len() * FACTOR + BASE;
    assert!(cost.peak <= most && cost.all <= 2 * most, "{cost:?} for {} bytes of schema", schema.len());
    refusal
}

fn assert_refused(schema: &str, reason: &str) {
    let got = refusal(schema).expect("a refusal");
    assert!(got.contains(reason), "{got:?} should say {reason:?} of {schema:.200}");
}

/// The built-in schema of a topic with a field put first.
fn with_field(topic: InputTopic, kind: &str) -> String {
    let text = schema_text(topic.contract_name()).expect("a schema");
    let field = format!("\"fields\": [{{\"name\": \"extra\", \"type\": {kind}}},");
    text.replacen("\"fields\": [", &field, 1)
}

/// A bill's schema whose first field is of this type.
fn bills(kind: &str) -> String {
    with_field(InputTopic::Bills, kind)
}

#[test]
fn arrays_of_nothing_are_refused_however_they_are_dressed() {
    let empty = r#"{"type":"record","name":"Empty","fields":[]}"#;
    let rows = [
        r#"{"type":"array","items":"null"}"#.to_owned(),
        r#"{"type":"array","items":{"type":"null"}}"#.to_owned(),
        format!(r#"{{"type":"array","items":{empty}}}"#),
        r#"{"type":"array","items":{"type":"fixed","name":"F","size":0}}"#.to_owned(),
        r#"{"type":"map","values":{"type":"array","items":"null"}}"#.to_owned(),
        r#"["null",{"type":"array","items":"null"}]"#.to_owned(),
    ];
    for kind in rows {
        assert_refused(&bills(&kind), "items without size");
    }
    assert_refused(&bills(empty), "without data");
}

#[test]
fn recursion_is_refused_however_it_goes() {
    let own = |kind: &str| {
        let link = format!(r#"{{"name":"next","type":{kind}}}"#);
        bills(&format!(r#"{{"type":"record","name":"Link","fields":[{link}]}}"#))
    };
    for kind in [
        r#""Link""#,
        r#"["null","Link"]"#,
        r#"{"type":"array","items":"Link"}"#,
        r#"{"type":"map","values":"Link"}"#,
        r#"{"type":{"type":"array","items":"Link"}}"#,
        r#"{"type":"record","name":"Other","fields":[{"name":"back","type":["null","Link"]}]}"#,
    ] {
        assert_refused(&own(kind), "recursive");
    }
    // Of the whole record, under its full name.
    assert_refused(&bills(r#"["null","BillEvent"]"#), "recursive");
}

#[test]
fn schemas_nested_without_end_are_refused() {
    let nested = |open: &str, close: &str, n: usize| format!("{}\"long\"{}", open.repeat(n), close.repeat(n));
    for n in [30, 100, 10_000] {
        for (open, close) in [(r#"{"type":"array","items":"#, "}"), (r#"{"type":"#, "}"), ("[", "]")] {
            assert!(refusal(&bills(&nested(open, close, n))).is_some(), "{n} times {open}");
        }
    }
    assert_refused(&"[".repeat(200_000), "not JSON");
    assert_refused(&r#"{"type":"#.repeat(30_000), "not JSON");
}

/// Once a bomb: 250 KB of schema that became 5 GB, as what each symbol becomes was worked out at each mention.
#[test]
fn symbols_and_aliases_count_wherever_their_type_stands() {
    let symbols = vec!["\"a\""; 30_000].join(",");
    let mentions = vec!["\"O\""; 9_000].join(",");
    let text = schema_text("care.disputes").expect("a schema");
    let outcome = format!(r#"[{{"type":"enum","name":"O","aliases":["Outcome"],"symbols":[{symbols}]}},{mentions}]"#);
    let name = "\"name\": \"outcome\",";
    let at = text.find(name).expect("the field") + name.len();
    let schema = format!("{} \"type\": {outcome}, \"was\":{}", &text[..at], &text[at..].replacen("\"type\":", "", 1));
    let (plan, cost) = memory::cost(|| {
        let mut resolver = Resolver::new();
        resolver.learn(1, &schema);
        resolver.plan(InputTopic::Disputes, 1).expect("a plan").clone()
    });
    assert_eq!(plan.refusal(), Some("it has more parts than are taken"), "{schema:.300}");
    assert!(cost.peak <= schema.len() * FACTOR, "{cost:?}");

    let aliases = vec!["\"x\""; 50_000].join(",");
    let record =
        format!(r#"{{"type":"record","name":"R","aliases":[{aliases}],"fields":[{{"name":"x","type":"int"}}]}}"#);
    assert_refused(&bills(&record), "more parts");
    let field = format!(r#"{{"name":"x","aliases":[{aliases}],"type":"int"}}"#);
    assert_refused(&bills(&format!(r#"{{"type":"record","name":"R","fields":[{field}]}}"#)), "more parts");
    assert_refused(&bills(&format!(r#"{{"type":"fixed","name":"F","size":3,"aliases":[{aliases}]}}"#)), "more parts");
}

#[test]
fn megabytes_of_schema_are_refused_unread() {
    let long = "x".repeat(8 << 20);
    for text in [bills(&format!("\"{long}\"")), long.clone(), format!("\"{long}\""), " ".repeat(8 << 20)] {
        let mut resolver = Resolver::new();
        memory::within(0, 0, BASE, || resolver.learn(1, &text));
        let plan = resolver.plan(InputTopic::Bills, 1).expect("a plan");
        assert_eq!(plan.refusal(), Some("it is longer than is taken"));
    }
}

/// Once a bomb: a writer's defaults were kept, and a thousand schemas of a quarter megabyte held four gigabytes.
#[test]
fn schemas_by_the_thousand_take_bounded_memory() {
    let zeros = vec!["0"; 100_000].join(",");
    let default = format!(r#"{{"name":"d","type":{{"type":"array","items":"int"}},"default":[{zeros}]}}"#);
    let fat = bills(&format!(r#"{{"type":"record","name":"R","fields":[{default}]}}"#));
    let fields: Vec<_> = (0..8_000).map(|n| format!(r#"{{"name":"{n}","type":"int"}}"#)).collect();
    let wide = bills(&format!(r#"{{"type":"record","name":"W","fields":[{}]}}"#, fields.join(",")));
    assert_eq!((refusal(&fat), refusal(&wide)), (None, None));
    let mut resolver = Resolver::embedded();
    let (_, cost) = memory::cost(|| {
        for id in 100..700 {
            resolver.learn(id, if id % 2 == 0 { &fat } else { &wide });
            assert!(resolver.plan(InputTopic::Bills, id).is_some());
        }
    });
    assert!(cost.peak <= RESOLVER_MAX, "{cost:?}");
    assert!(resolver.knows(699) && !resolver.knows(100));
}

#[test]
fn unknown_ids_by_the_thousand_leave_nothing_behind() {
    let mut resolver = Resolver::embedded();
    let (_, cost) = memory::cost(|| {
        for id in 1_000..101_000u32 {
            let value = [&[0][..], &id.to_be_bytes(), b"datum"].concat();
            let bad = checks::record(&mut resolver, InputTopic::Payments, &value);
            assert_eq!(bad, Err(BadRecord::UnknownSchema(id)));
        }
    });
    assert!(cost.peak <= BASE, "{cost:?}");
}

#[test]
fn counts_of_items_are_bounded_by_the_bytes_that_are_left() {
    let counts = [i64::MAX, i64::MIN, i64::MIN + 1, -1, 1 << 40, 1_000];
    for kind in [r#"{"type":"array","items":"boolean"}"#, r#"{"type":"map","values":"null"}"#] {
        let schema = bills(kind);
        assert_eq!(refusal(&schema), None);
        for count in counts {
            for after in [vec![], varint(i64::MAX), varint(-1), varint(0), vec![0; 100]] {
                let datum = [varint(count), after].concat();
                let mut resolver = Resolver::new();
                resolver.learn(1, &schema);
                let plan = resolver.plan(InputTopic::Bills, 1).expect("a plan");
                let mut out = Vec::new();
                memory::within(datum.len(), FACTOR, 1_024, || {
                    assert!(plan.datum(&datum, &mut out).is_err(), "{count}");
                });
            }
        }
    }
}

/// A few bytes of a row can claim a list as long as the row, and many bytes of memory for each item.
#[test]
fn lists_of_a_row_reserve_no_more_than_a_few_bytes_for_each_that_is_left() {
    let mut bytes = vec![1, 0, 2, b'a', 0, 0, 0, 0, 0, 0]; // up to the bills
    let left = 1 << 20;
    bytes.extend([0x80, 0x80, 0x40]); // so many bills
    bytes.extend(vec![0x81; left]);
    memory::within(bytes.len(), 10, 1_024, || assert!(state::decode_row(&bytes).is_err()));
}

/// Some type, as JSON; deep and wide enough to be refused now and then.
fn kind() -> impl Strategy<Value = String> {
    let plain = prop_oneof![
        Just("null"),
        Just("boolean"),
        Just("int"),
        Just("long"),
        Just("float"),
        Just("double"),
        Just("bytes"),
        Just("string"),
        Just("BillEvent"),
        Just("Nowhere"),
        Just("R0"),
        Just(""),
    ];
    let leaf = plain.prop_map(|name| format!("\"{name}\""));
    leaf.prop_recursive(8, 40, 4, |inner| {
        prop_oneof![
            inner.clone().prop_map(|t| format!(r#"{{"type":"array","items":{t}}}"#)),
            inner.clone().prop_map(|t| format!(r#"{{"type":"map","values":{t}}}"#)),
            inner.clone().prop_map(|t| format!(r#"{{"type":{t},"logicalType":"date"}}"#)),
            proptest::collection::vec(inner.clone(), 0..4).prop_map(|all| format!("[{}]", all.join(","))),
            (0..6u8, proptest::collection::vec(inner, 0..4)).prop_map(|(n, all)| {
                let fields = all.iter().enumerate().map(|(i, t)| format!(r#"{{"name":"f{i}","type":{t}}}"#));
                let fields = fields.collect::<Vec<_>>().join(",");
                format!(r#"{{"type":"record","name":"R{n}","fields":[{fields}]}}"#)
            }),
            (0..6u8, any::<u64>()).prop_map(|(n, s)| format!(r#"{{"type":"fixed","name":"R{n}","size":{s}}}"#)),
            (0..6u8).prop_map(|n| format!(r#"{{"type":"enum","name":"R{n}","symbols":["A","B"]}}"#)),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn any_schema_is_judged_and_any_bytes_of_it_are_borne(
        kind in kind(), bytes in proptest::collection::vec(any::<u8>(), 0..100), topic in 0..InputTopic::ALL.len(),
    ) {
        let topic = InputTopic::ALL[topic];
        let schema = with_field(topic, &kind);
        memory::within(schema.len() + bytes.len(), FACTOR, BASE, || drop(checks::writer(topic, &schema, &bytes)));
    }

    #[test]
    fn a_damaged_schema_is_judged(topic in 0..InputTopic::ALL.len(), cut in any::<Index>(), put in "[\\[\\]{}\",:a-z0-9]{0,6}") {
        let topic = InputTopic::ALL[topic];
        let text = schema_text(topic.contract_name()).expect("a schema");
        let at = text.floor_char_boundary(cut.index(text.len()));
        for schema in [text[..at].to_owned(), format!("{}{put}{}", &text[..at], &text[at..])] {
            memory::within(schema.len(), FACTOR, BASE, || drop(checks::writer(topic, &schema, &[2, b'a', 2, b'b', 0])));
        }
    }
}
