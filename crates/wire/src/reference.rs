//! The same bytes through the avro crate, for comparison in tests.

use std::collections::HashMap;

use apache_avro::Schema;
use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::types::Value;
use apache_avro::writer::datum::GenericDatumWriter;

pub(crate) fn schema(topic: &str) -> Schema {
    Schema::parse_str(crate::topic::schema_text(topic).expect("a schema")).expect("a schema that is in order")
}

/// Reads a datum, all of it, and checks that writing it again gives the same bytes.
pub(crate) fn read(schema: &Schema, datum: &[u8]) -> Value {
    let mut rest = datum;
    let reader = GenericDatumReader::builder(schema).build().expect("a reader");
    let value = reader.read_value(&mut rest).expect("a datum");
    assert!(rest.is_empty(), "bytes follow the datum");
    assert_eq!(write(schema, value.clone()), datum, "not the bytes that the avro crate writes");
    value
}

pub(crate) fn write(schema: &Schema, value: Value) -> Vec<u8> {
    GenericDatumWriter::builder(schema).build().expect("a writer").write_value_to_vec(value).expect("a datum")
}

/// A field of a record, through unions, by a path such as `body.amount_minor`.
pub(crate) fn at(value: &Value, path: &str) -> Value {
    path.split('.').fold(value.clone(), |value, name| match within(value) {
        Value::Record(fields) => within(fields.into_iter().find(|(n, _)| n == name).expect("a field").1),
        other => panic!("{name}: {other:?} has no fields"),
    })
}

fn within(value: Value) -> Value {
    match value {
        Value::Union(_, inner) => within(*inner),
        other => other,
    }
}

/// A row of numbers that looks random and is the same for the same seed.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn roll(&mut self, sides: u64) -> u64 {
        // Splitmix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ z >> 31) % sides
    }
}

/// Some value of a schema that means something: amounts above zero, dates in order, currencies that exist.
pub(crate) fn value(schema: &Schema, field: &str, dice: &mut Dice) -> Value {
    match schema {
        Schema::Null => Value::Null,
        Schema::Boolean => Value::Boolean(dice.roll(2) == 1),
        Schema::Int => Value::Int(i32::try_from(dice.roll(1_000)).expect("an int")),
        Schema::Long => Value::Long(1 + dice.roll(1_000_000).cast_signed()),
        Schema::Double => Value::Double(dice.roll(1_000_000) as f64 / 1_000.0),
        Schema::Bytes => Value::Bytes(vec![1; usize::try_from(dice.roll(20)).expect("a length")]),
        Schema::Fixed(f) => Value::Fixed(f.size, vec![7; f.size]),
        Schema::String => Value::String(text(field, dice)),
        Schema::Date => Value::Date(if field == "issued_on" { 100 } else { 100 + dice.roll(20_000) as i32 }),
        Schema::TimestampMillis => Value::TimestampMillis(dice.roll(4_000_000_000_000).cast_signed()),
        Schema::Enum(e) => {
            let at = dice.roll(e.symbols.len() as u64);
            Value::Enum(at as u32, e.symbols[at as usize].clone())
        }
        // Terms would have to add up to the bill.
        Schema::Array(_) if field == "terms" => Value::Array(Vec::new()),
        Schema::Array(a) => Value::Array((0..dice.roll(4)).map(|_| value(&a.items, "", dice)).collect()),
        Schema::Map(m) => Value::Map(HashMap::from([("k".to_owned(), value(&m.types, "", dice))])),
        Schema::Union(u) => {
            let at = dice.roll(u.variants().len() as u64);
            Value::Union(at as u32, Box::new(value(&u.variants()[at as usize], field, dice)))
        }
        Schema::Record(r) => {
            Value::Record(r.fields.iter().map(|f| (f.name.clone(), value(&f.schema, &f.name, dice))).collect())
        }
        other => panic!("no value for {other:?}"),
    }
}

fn text(field: &str, dice: &mut Dice) -> String {
    match field {
        "currency" => "EUR".to_owned(),
        "time_zone" => "Europe/Berlin".to_owned(),
        "level" => "OUTGOING".to_owned(),
        "topic" => "billing.bills".to_owned(),
        "output" => "dunning.barring".to_owned(),
        _ => format!("{field}-{}", dice.roll(1_000_000)),
    }
}
