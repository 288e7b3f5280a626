//! A datum for people: what a writer's schema says of it, as JSON.

use serde_json::{Map, Value};

use super::tree::{self, Kind, Node, Side};
use crate::avro::{Fault, Reader};

/// A datum as JSON, as its writer's schema has it: nothing is checked beyond that. Bytes are in hexadecimal. `None`
/// where the schema cannot be read, or the datum is not of it.
#[must_use]
pub fn to_json(schema_json: &str, datum: &[u8]) -> Option<Value> {
    if schema_json.len() > super::TEXT_MAX {
        return None;
    }
    let node = tree::parse(schema_json, Side::Writer).ok()?;
    let mut r = Reader::new(datum);
    let shown = value(&node, &mut r).ok()?;
    r.end().ok().map(|()| shown)
}

fn value(node: &Node, r: &mut Reader<'_>) -> Result<Value, Fault> {
    Ok(match &node.kind {
        Kind::Null => Value::Null,
        Kind::Boolean => r.boolean()?.into(),
        Kind::Int | Kind::Long => r.long()?.into(),
        Kind::Float => f64::from(r.float()?).into(),
        Kind::Double => r.double()?.into(),
        Kind::String => r.string()?.into(),
        Kind::Bytes => hex(r.bytes()?).into(),
        Kind::Fixed { size, .. } => hex(r.take(*size)?).into(),
        Kind::Enum { symbols, .. } => symbols[r.symbol(symbols.len())?].as_str().into(),
        Kind::Array(item) => Value::Array(r.array(|r| value(item, r))?),
        Kind::Map(item) => {
            let mut map = Map::new();
            r.each(|r| {
                let key = r.string()?.to_owned();
                map.insert(key, value(item, r)?);
                Ok(())
            })?;
            Value::Object(map)
        }
        Kind::Union(branches) => {
            let branch = &branches[r.branch(branches.len())?];
            let shown = value(branch, r)?;
            match &branch.kind {
                // Which of several records it is says what happened.
                Kind::Record { name, .. } => Value::Object(Map::from_iter([(name.name.clone(), shown)])),
                _ => shown,
            }
        }
        Kind::Record { fields, .. } => {
            let mut map = Map::new();
            for field in fields {
                map.insert(field.name.name.clone(), value(&field.node, r)?);
            }
            Value::Object(map)
        }
    })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_datum_is_shown_as_its_writer_meant_it() {
        let schema = r#"{"type":"record","name":"R","fields":[{"name":"id","type":"string"},
            {"name":"body","type":["null",{"type":"record","name":"Paid","fields":[{"name":"n","type":"long"}]}]},
            {"name":"raw","type":"bytes"},{"name":"kinds","type":{"type":"array","items":
            {"type":"enum","name":"K","symbols":["A","B"]}}}]}"#;
        let datum = b"\x02x\x02\x05\x04\xff\x00\x02\x02\x00";
        let wanted = r#"{"id":"x","body":{"Paid":{"n":-3}},"raw":"ff00","kinds":["B"]}"#;
        let wanted: Value = serde_json::from_str(wanted).expect("JSON");
        assert_eq!(to_json(schema, datum), Some(wanted));
        assert_eq!(to_json(schema, &datum[1..]), None);
        assert_eq!(to_json(schema, &[&datum[..], &[0]].concat()), None);
        assert_eq!(to_json("no schema", datum), None);
    }
}
