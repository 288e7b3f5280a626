//! The configuration that holds, as YAML that can be read again, with where each value was said; secrets masked.

use std::fmt::Write as _;

use super::key::{KEYS, Key, Kind};
use super::raw::{Origin, Raw, Said};

/// What stands for a secret.
const MASK: &str = "***";

/// True where a property's value is not to be shown.
pub(super) fn is_secret(property: &str) -> bool {
    let lower = property.to_lowercase();
    ["password", "secret", "key", "token", "jaas"].iter().any(|word| lower.contains(word))
}

/// The text. `instance` is the name that holds where none was said.
pub(super) fn yaml(raw: &Raw, instance: &str) -> String {
    let mut text = String::new();
    let mut section = "";
    for key in KEYS {
        let (head, name) = key.path.split_once('.').map_or(("", key.path), |(head, rest)| (head, rest));
        if head != section && !head.is_empty() {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{head}:");
        }
        section = head;
        let indent = if head.is_empty() { "" } else { "  " };
        match key.kind {
            Kind::Map => map(&mut text, raw, key, indent, name),
            Kind::Text | Kind::Secret => one(&mut text, raw, key, indent, name, instance),
        }
    }
    text
}

fn one(text: &mut String, raw: &Raw, key: &Key, indent: &str, name: &str, instance: &str) {
    let fallback = if key.path == "instance" { Some(instance) } else { key.default };
    let default = || fallback.map(|d| Said { text: d.to_owned(), origin: Origin::Default });
    match raw.texts.get(key.path).cloned().or_else(default) {
        Some(said) => {
            let shown = if key.kind == Kind::Secret { MASK } else { said.text.trim() };
            let _ = writeln!(text, "{indent}{name}: {}  # {}", scalar(shown), origin(&said.origin));
        }
        None => {
            let _ = writeln!(text, "{indent}{name}:  # not set");
        }
    }
}

fn map(text: &mut String, raw: &Raw, key: &Key, indent: &str, name: &str) {
    let Some(entries) = raw.maps.get(key.path).filter(|e| !e.is_empty()) else {
        let _ = writeln!(text, "{indent}{name}: {{}}");
        return;
    };
    let _ = writeln!(text, "{indent}{name}:");
    for (property, said) in entries {
        let shown = if is_secret(property) { MASK } else { &said.text };
        let _ = writeln!(text, "{indent}  {}: {}  # {}", scalar(property), scalar(shown), origin(&said.origin));
    }
}

fn origin(origin: &Origin) -> String {
    match origin {
        Origin::Default => "default".to_owned(),
        other => other.to_string().replace('\n', " "),
    }
}

/// A text as YAML: plain where that is safe, else in quotes.
fn scalar(text: &str) -> String {
    let safe = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '/');
    let begins = |c: char| c.is_ascii_alphanumeric() || c == '/';
    if text.starts_with(begins) && text.chars().all(safe) {
        return text.to_owned();
    }
    // JSON is YAML, and writing a string as JSON cannot fail.
    serde_json::to_string(text).unwrap_or_default()
}
