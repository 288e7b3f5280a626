//! A YAML text as a tree in which every node knows its place, so that all errors of a file can be shown at once.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{Budget, DuplicateKeyPolicy, Location, Options, Spanned};

/// Line and column, from 1; zero where they are not known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) line: u64,
    pub(super) column: u64,
}

impl Place {
    fn of(at: Location) -> Self {
        Self { line: at.line(), column: at.column() }
    }
}

#[derive(Debug)]
pub(super) struct Node {
    pub(super) place: Place,
    pub(super) value: Value,
}

#[derive(Debug)]
pub(super) enum Value {
    Null,
    /// A scalar as it was written: a password of digits keeps its leading zeros.
    Text(String),
    List,
    Map(Vec<(String, Place, Node)>),
}

/// What is wrong with a text that is not YAML.
#[derive(Debug)]
pub(super) struct NotYaml {
    pub(super) place: Place,
    pub(super) message: String,
}

/// Reads a text.
pub(super) fn read(text: &str) -> Result<Node, NotYaml> {
    let options = Options {
        budget: Some(Budget { max_depth: 16, ..Budget::default() }),
        duplicate_keys: DuplicateKeyPolicy::Error,
        strict_booleans: true,
        with_snippet: false,
        ..Options::default()
    };
    match serde_saphyr::from_str_with_options::<Seen>(text, options) {
        Ok(seen) => Ok(seen.into_node(text)),
        Err(error) => {
            let mut message = error.to_string();
            // The place is shown before the message.
            if let Some(end) = message.find(" at line ") {
                message.truncate(end);
            }
            Err(NotYaml { place: error.location().map_or_else(Place::default, Place::of), message })
        }
    }
}

/// What serde gives: numbers have lost how they were written, but not where.
struct Seen(Spanned<Shape>);

enum Shape {
    Null,
    /// A number or a switch.
    Plain,
    Text(String),
    List,
    Map(Vec<(Spanned<String>, Seen)>),
}

impl Seen {
    fn into_node(self, text: &str) -> Node {
        let Spanned { value, referenced, defined } = self.0;
        let span = defined.span();
        // The parser counts bytes here, whatever its documentation says; a test holds it to that.
        let written = || text.get(span.offset()..span.offset() + span.len()).unwrap_or_default();
        let value = match value {
            Shape::Null => Value::Null,
            Shape::Plain => Value::Text(written().trim().to_owned()),
            Shape::Text(t) => Value::Text(t),
            Shape::List => Value::List,
            Shape::Map(entries) => Value::Map(
                entries.into_iter().map(|(k, v)| (k.value, Place::of(k.referenced), v.into_node(text))).collect(),
            ),
        };
        Node { place: Place::of(referenced), value }
    }
}

impl<'de> Deserialize<'de> for Seen {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Spanned::<Shape>::deserialize(deserializer).map(Self)
    }
}

impl<'de> Deserialize<'de> for Shape {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Shapes)
    }
}

struct Shapes;

impl<'de> Visitor<'de> for Shapes {
    type Value = Shape;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("YAML")
    }

    fn visit_unit<E>(self) -> Result<Shape, E> {
        Ok(Shape::Null)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Shape, E> {
        Ok(Shape::Plain)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Shape, E> {
        Ok(Shape::Plain)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Shape, E> {
        Ok(Shape::Plain)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Shape, E> {
        Ok(Shape::Plain)
    }

    fn visit_str<E>(self, v: &str) -> Result<Shape, E> {
        Ok(Shape::Text(v.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Shape, A::Error> {
        while seq.next_element::<serde::de::IgnoredAny>()?.is_some() {}
        Ok(Shape::List)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Shape, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry::<Spanned<String>, Seen>()? {
            entries.push(entry);
        }
        Ok(Shape::Map(entries))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scalar_is_what_was_written() {
        let flow = read("{ä: 1, key: 0123, b: 7}").expect("YAML").value;
        let Value::Map(entries) = flow else { panic!("a map") };
        assert!(matches!(&entries[1].2.value, Value::Text(t) if t == "0123"));
        for (yaml, text) in [("0123", "0123"), ("1e5 # x", "1e5"), ("'0x10'", "0x10"), ("true", "true"), ("30s", "30s")]
        {
            let Value::Map(entries) = read(&format!("ä: 1\nkey: {yaml}\n")).expect("YAML").value else {
                panic!("a map")
            };
            let Value::Text(seen) = &entries[1].2.value else { panic!("text") };
            assert_eq!(seen, text);
            assert_eq!(entries[1].1, Place { line: 2, column: 1 });
        }
    }
}
