use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_saphyr::options::AliasLimits;
use serde_saphyr::{Budget, DuplicateKeyPolicy, Location, Options, Spanned};

use super::finding::{Notes, Place, Severity};

/// The longest file that is read; a policy has a few KB.
const TEXT_MAX: usize = 256 * 1024;
/// The longest key.
const KEY_MAX: usize = 200;
/// The most nodes, and the most that aliases may put in their places.
const NODES_MAX: usize = 20_000;
/// The most anchors, aliases and merges: what an alias stands for is there as often as it is named.
const ALIASES_MAX: usize = 100;

/// A YAML file as a tree in which every node knows its place.
///
/// Reading into this first, and only then into the types, lets one run report everything that is wrong in a file.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) place: Place,
    pub(crate) value: Value,
}

/// What a node holds.
#[derive(Debug)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// A key of a map with its value.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) place: Place,
    pub(crate) node: Node,
}

impl Node {
    /// Reads a file; what is wrong with the YAML itself goes to the notes.
    pub(crate) fn read(text: &str, notes: &mut Notes<'_>) -> Option<Self> {
        if text.len() > TEXT_MAX {
            let message = format!("the file is longer than is taken ({} KiB)", TEXT_MAX / 1024);
            notes.add(
                Severity::Error,
                Place::default(),
                "",
                message,
                "a policy or a scenario has a few KiB".to_owned(),
            );
            return None;
        }
        let options = Options {
            budget: Some(Budget {
                max_depth: 32,
                max_nodes: NODES_MAX,
                max_anchors: ALIASES_MAX,
                max_aliases: ALIASES_MAX,
                max_merge_keys: ALIASES_MAX,
                ..Budget::default()
            }),
            alias_limits: AliasLimits { max_total_replayed_events: NODES_MAX, ..AliasLimits::default() },
            duplicate_keys: DuplicateKeyPolicy::Error,
            // `no` is a language and `on` a word; only true and false are switches.
            strict_booleans: true,
            with_snippet: false,
            ..Options::default()
        };
        match serde_saphyr::from_str_with_options::<Self>(text, options) {
            Ok(node) => Some(node),
            Err(error) => {
                let place = error.location().map_or(Place::default(), place);
                let mut message = error.to_string();
                // The place is shown by the finding itself.
                if let Some(end) = message.find(" at line ") {
                    message.truncate(end);
                }
                let help = "the file is not readable as YAML; mind the indentation (spaces, no tabs) and quotes";
                notes.add(Severity::Error, place, "", message, help.to_owned());
                None
            }
        }
    }

    /// What it is, in words for people.
    pub(crate) fn kind(&self) -> &'static str {
        match self.value {
            Value::Null => "nothing",
            Value::Bool(_) => "true or false",
            Value::Int(_) => "a whole number",
            Value::Float(_) => "a number with decimals",
            Value::Text(_) => "text",
            Value::List(_) => "a list",
            Value::Map(_) => "a set of keys",
        }
    }

    /// The value under a key of a map.
    pub(crate) fn get(&self, key: &str) -> Option<&Entry> {
        match &self.value {
            Value::Map(entries) => entries.iter().find(|e| e.key == key),
            _ => None,
        }
    }

    /// The place of a path such as `procedures.standard.steps[2].at`, or of as much of it as there is.
    pub(crate) fn place_of(&self, path: &str) -> Place {
        let (mut node, mut place) = (self, self.place);
        for part in path.split(['.', '[']).filter(|p| !p.is_empty()) {
            let next = match &node.value {
                Value::List(items) => part.trim_end_matches(']').parse().ok().and_then(|i: usize| items.get(i)),
                _ => node.get(part).map(|entry| {
                    place = entry.place;
                    &entry.node
                }),
            };
            let Some(next) = next else { return place };
            // A key says more than the brace or the first key behind it.
            if !matches!(next.value, Value::List(_) | Value::Map(_)) || part.ends_with(']') {
                place = next.place;
            }
            node = next;
        }
        place
    }

    /// The place of the last key of a path.
    pub(crate) fn key_of(&self, path: &str) -> Place {
        let (parent, key) = path.rsplit_once('.').unwrap_or(("", path));
        let mut node = self;
        for part in parent.split('.').filter(|p| !p.is_empty()) {
            let Some(entry) = node.get(part) else { return self.place_of(path) };
            node = &entry.node;
        }
        node.get(key).map_or_else(|| self.place_of(path), |entry| entry.place)
    }

    /// The same tree without places.
    pub(crate) fn to_json(&self) -> serde_json::Value {
        use serde_json::Value as Json;
        match &self.value {
            Value::Null => Json::Null,
            Value::Bool(b) => Json::Bool(*b),
            Value::Int(n) => Json::from(*n),
            Value::Float(n) => Json::from(*n),
            Value::Text(text) => Json::String(text.clone()),
            Value::List(items) => items.iter().map(Self::to_json).collect(),
            Value::Map(entries) => {
                Json::Object(entries.iter().map(|entry| (entry.key.clone(), entry.node.to_json())).collect())
            }
        }
    }
}

fn place(location: Location) -> Place {
    let short = |n: u64| u32::try_from(n).unwrap_or(0);
    let width = u32::try_from(location.span().len()).unwrap_or(1).max(1);
    Place { line: short(location.line()), column: short(location.column()), width }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<Value>::deserialize(deserializer)?;
        Ok(Self { place: place(spanned.referenced), value: spanned.value })
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Shape)
    }
}

struct Shape;

impl<'de> Visitor<'de> for Shape {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("YAML")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, v: bool) -> Result<Value, E> {
        Ok(Value::Bool(v))
    }

    fn visit_i64<E>(self, v: i64) -> Result<Value, E> {
        Ok(Value::Int(v))
    }

    #[allow(clippy::cast_precision_loss)]
    fn visit_u64<E>(self, v: u64) -> Result<Value, E> {
        // Beyond i64 no key takes it; as a decimal it is refused with its place.
        Ok(i64::try_from(v).map_or(Value::Float(v as f64), Value::Int))
    }

    fn visit_f64<E>(self, v: f64) -> Result<Value, E> {
        Ok(Value::Float(v))
    }

    fn visit_str<E>(self, v: &str) -> Result<Value, E> {
        Ok(Value::Text(v.to_owned()))
    }

    fn visit_string<E>(self, v: String) -> Result<Value, E> {
        Ok(Value::Text(v))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Value::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut entries = Vec::new();
        while let Some(key) = map.next_key::<Spanned<String>>()? {
            if key.value.len() > KEY_MAX {
                return Err(A::Error::custom("a key is longer than is taken"));
            }
            entries.push(Entry { key: key.value, place: place(key.referenced), node: map.next_value()? });
        }
        Ok(Value::Map(entries))
    }
}
