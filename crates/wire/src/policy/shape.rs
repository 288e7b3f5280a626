//! Holds a file against its JSON Schema: the one that editors use, so the two cannot disagree. It knows the part of
//! JSON Schema that our own types generate.

use serde_json::Value as Json;

use super::finding::{Notes, Place, Severity};
use super::node::{Entry, Node, Value};

/// The schema of a type, as editors get it: no key takes an empty value, so `null` is left out everywhere.
pub(crate) fn schema_of<T: schemars::JsonSchema>() -> Json {
    let mut schema = schemars::schema_for!(T).to_value();
    without_null(&mut schema);
    schema
}

fn without_null(schema: &mut Json) {
    match schema {
        Json::Object(map) => {
            map.values_mut().for_each(without_null);
            if map.get("default") == Some(&Json::Null) {
                map.remove("default");
            }
            if let Some(Json::Array(types)) = map.get_mut("type") {
                types.retain(|t| t != "null");
                if let [one] = types.as_slice() {
                    let one = one.clone();
                    map.insert("type".to_owned(), one);
                }
            }
            if let Some(Json::Array(any)) = map.get_mut("anyOf") {
                any.retain(|s| s.get("type").is_none_or(|t| t != "null"));
                if let [Json::Object(one)] = any.as_slice() {
                    let one = one.clone();
                    map.remove("anyOf");
                    // What is said beside the alternatives (the description of the key) goes before what they say.
                    one.into_iter().for_each(|(k, v)| {
                        map.entry(k).or_insert(v);
                    });
                }
            }
        }
        Json::Array(items) => items.iter_mut().for_each(without_null),
        _ => {}
    }
}

/// Notes everything in which a file departs from a schema.
pub(crate) fn check(schema: &Json, root: &Node, notes: &mut Notes<'_>) {
    Shape { root: schema, notes }.node(schema, root, "", root.place);
}

struct Shape<'s, 'n, 'f> {
    root: &'s Json,
    notes: &'n mut Notes<'f>,
}

impl<'s> Shape<'s, '_, '_> {
    fn error(&mut self, place: Place, path: &str, message: String, help: String) {
        self.notes.add(Severity::Error, place, path, message, help);
    }

    /// The schema behind a reference.
    fn resolve(&self, schema: &'s Json) -> &'s Json {
        let Some(Json::String(to)) = schema.get("$ref") else { return schema };
        to.strip_prefix('#').and_then(|pointer| self.root.pointer(pointer)).unwrap_or(schema)
    }

    /// `key` is the place of the key that holds the node: better to point at than the start of a block.
    fn node(&mut self, schema: &'s Json, node: &Node, path: &str, key: Place) {
        let help = described(schema);
        let schema = self.resolve(schema);
        if let Some(alternatives) = alternatives(schema) {
            return self.one_of(alternatives, node, path, key, &help);
        }
        if matches!(node.value, Value::Null) {
            return self.error(key, path, "there is no value here".to_owned(), help);
        }
        if !self.takes(schema, node) {
            let message = format!("expected {}, found {}", self.kinds(schema), node.kind());
            let quoted = matches!(node.value, Value::Int(_) | Value::Float(_) | Value::Bool(_));
            let quotes = if quoted && self.kinds(schema) == "text" { "put it in quotes; " } else { "" };
            return self.error(node.place, path, message, format!("{quotes}{help}"));
        }
        match &node.value {
            Value::Map(entries) => self.map(schema, node, entries, path, key),
            Value::List(items) => self.list(schema, items, path, key),
            Value::Text(text) if text.is_empty() && schema.get("minLength").is_some() => {
                self.error(node.place, path, "the text is empty".to_owned(), help);
            }
            Value::Text(text) => {
                let words: Vec<_> = words(schema).collect();
                if !words.is_empty() && !words.contains(&text.as_str()) {
                    self.unknown_word(&words, text, node.place, path);
                }
            }
            Value::Int(n) => self.range(schema, *n, node.place, path, &help),
            _ => {}
        }
    }

    fn map(&mut self, schema: &'s Json, node: &Node, entries: &[Entry], path: &str, key: Place) {
        let known = schema.get("properties").and_then(Json::as_object);
        let others = schema.get("additionalProperties").filter(|s| s.is_object());
        for entry in entries {
            let path = join(path, &entry.key);
            match known.and_then(|k| k.get(&entry.key)).or(others) {
                Some(schema) => self.node(schema, &entry.node, &path, entry.place),
                None => {
                    let names: Vec<_> = known.into_iter().flat_map(|k| k.keys().map(String::as_str)).collect();
                    let help = match nearest(&names, &entry.key) {
                        Some(near) => format!("did you mean `{near}`?"),
                        None => format!("the keys here are {}", listed(&names)),
                    };
                    self.error(entry.place, &path, format!("unknown key `{}`", entry.key), help);
                }
            }
        }
        let required = schema.get("required").and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_str);
        for name in required.filter(|name| node.get(name).is_none()) {
            let place = if key == Place::default() { node.place } else { key };
            let help = known.and_then(|k| k.get(name)).map(described).unwrap_or_default();
            self.error(place, path, format!("the key `{name}` is missing"), help);
        }
        if entries.is_empty() && schema.get("minProperties").is_some() {
            self.error(key, path, "there is nothing in it".to_owned(), described(schema));
        }
    }

    fn list(&mut self, schema: &'s Json, items: &[Node], path: &str, key: Place) {
        let least = schema.get("minItems").and_then(Json::as_u64).unwrap_or(0);
        if (items.len() as u64) < least {
            self.error(key, path, "the list is empty".to_owned(), described(schema));
        }
        let Some(each) = schema.get("items") else { return };
        for (i, item) in items.iter().enumerate() {
            self.node(each, item, &format!("{path}[{i}]"), item.place);
        }
    }

    /// Takes the first alternative of the node's kind: ours differ in kind, or are all words.
    fn one_of(&mut self, alternatives: &'s [Json], node: &Node, path: &str, key: Place, help: &str) {
        if matches!(node.value, Value::Null) {
            return self.error(key, path, "there is no value here".to_owned(), help.to_owned());
        }
        let fits: Vec<_> = alternatives.iter().filter(|a| self.takes(self.resolve(a), node)).collect();
        let all: Vec<_> = alternatives.iter().flat_map(|a| words(self.resolve(a))).collect();
        match (&node.value, fits.as_slice()) {
            (Value::Text(text), [_, ..]) if fits.iter().all(|a| words(self.resolve(a)).next().is_some()) => {
                if !all.contains(&text.as_str()) {
                    self.unknown_word(&all, text, node.place, path);
                }
            }
            (_, [first, ..]) => self.node(first, node, path, key),
            (_, []) => {
                let mut kinds: Vec<_> = alternatives.iter().map(|a| self.kinds(self.resolve(a))).collect();
                kinds.dedup();
                let words = if all.is_empty() { String::new() } else { format!(" ({})", listed(&all)) };
                let message = format!("expected {}{words}, found {}", kinds.join(" or "), node.kind());
                self.error(node.place, path, message, help.to_owned());
            }
        }
    }

    fn unknown_word(&mut self, words: &[&str], text: &str, place: Place, path: &str) {
        let near = nearest(words, text).map(|near| format!("did you mean `{near}`? ")).unwrap_or_default();
        let help = format!("{near}the words here are {}", listed(words));
        self.error(place, path, format!("`{text}` is not a word that can stand here"), help);
    }

    fn range(&mut self, schema: &Json, n: i64, place: Place, path: &str, help: &str) {
        let bound = |name: &str| schema.get(name).and_then(Json::as_i64);
        match (bound("minimum"), bound("maximum")) {
            (Some(least), _) if n < least => {
                self.error(place, path, format!("{n} is less than {least}, the least"), help.to_owned());
            }
            (_, Some(most)) if n > most => {
                self.error(place, path, format!("{n} is more than {most}, the most"), help.to_owned());
            }
            _ => {}
        }
    }

    fn takes(&self, schema: &'s Json, node: &Node) -> bool {
        let kinds = kinds_of(schema);
        match node.value {
            Value::Null => kinds.contains(&"null"),
            Value::Bool(_) => kinds.contains(&"boolean"),
            Value::Int(_) => kinds.contains(&"integer") || kinds.contains(&"number"),
            Value::Float(_) => kinds.contains(&"number"),
            Value::Text(_) => kinds.contains(&"string"),
            Value::List(_) => kinds.contains(&"array"),
            Value::Map(_) => kinds.contains(&"object"),
        }
    }

    fn kinds(&self, schema: &'s Json) -> String {
        let words = kinds_of(schema).into_iter().map(|kind| match kind {
            "boolean" => "true or false",
            "integer" => "a whole number",
            "number" => "a number",
            "string" => "text",
            "array" => "a list",
            "object" => "a set of keys",
            other => other,
        });
        words.collect::<Vec<_>>().join(" or ")
    }
}

fn alternatives(schema: &Json) -> Option<&[Json]> {
    let any = schema.get("anyOf").or_else(|| schema.get("oneOf"))?;
    any.as_array().map(Vec::as_slice)
}

/// The words that a schema allows; none where it allows any text.
fn words(schema: &Json) -> Box<dyn Iterator<Item = &str> + '_> {
    if let Some(of) = alternatives(schema) {
        return Box::new(of.iter().flat_map(words));
    }
    let list = schema.get("enum").and_then(Json::as_array).into_iter().flatten();
    Box::new(list.chain(schema.get("const")).filter_map(Json::as_str))
}

fn kinds_of(schema: &Json) -> Vec<&str> {
    match schema.get("type") {
        Some(Json::String(kind)) => vec![kind],
        Some(Json::Array(kinds)) => kinds.iter().filter_map(Json::as_str).collect(),
        _ if words(schema).next().is_some() => vec!["string"],
        _ => Vec::new(),
    }
}

/// What the schema says about itself: its first paragraph.
fn described(schema: &Json) -> String {
    let text = schema.get("description").and_then(Json::as_str).unwrap_or("");
    text.split("\n\n").next().unwrap_or("").replace('\n', " ")
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

fn listed(words: &[&str]) -> String {
    words.iter().map(|w| format!("`{w}`")).collect::<Vec<_>>().join(", ")
}

/// The word that was probably meant.
pub(crate) fn nearest<'w>(words: &[&'w str], text: &str) -> Option<&'w str> {
    if text.len() > 100 {
        return None; // no word is as long
    }
    let best = words.iter().map(|word| (distance(word, text), *word)).min_by_key(|(d, _)| *d)?;
    (best.0 <= 2.max(text.chars().count() / 3) && best.0 < best.1.chars().count()).then_some(best.1)
}

/// Levenshtein's distance, upper and lower case alike.
fn distance(a: &str, b: &str) -> usize {
    let (a, b) = (a.to_lowercase(), b.to_lowercase());
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.chars().enumerate() {
            let change = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = change.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.chars().count()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_is_the_one_that_was_meant() {
        let words = ["steps", "notify", "OUTGOING"];
        for (typed, meant) in [("step", Some("steps")), ("outgoing", Some("OUTGOING")), ("fee", None), ("x", None)] {
            assert_eq!(nearest(&words, typed), meant, "{typed}");
        }
    }
}
