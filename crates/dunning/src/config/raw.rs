//! Configuration as it was said: each key's text and where it was said. Nothing is understood here.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use super::key::{self, KEYS, Key, Kind, PREFIX};
use super::tree::{self, Node, Place, Value};

/// Where a value was said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// Nowhere: the default.
    Default,
    /// In the file.
    File(PathBuf, Place),
    /// In a variable.
    Variable(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("configuration"),
            Self::File(path, Place { line: 0, .. }) => write!(f, "{}", path.display()),
            Self::File(path, place) => write!(f, "{}:{}:{}", path.display(), place.line, place.column),
            Self::Variable(name) => f.write_str(name),
        }
    }
}

/// Something that is wrong in the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    pub(super) origin: Origin,
    pub(super) message: String,
    /// What to do; may be empty.
    pub(super) help: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.origin, self.message)?;
        if self.help.is_empty() { Ok(()) } else { write!(f, "\n  help: {}", self.help) }
    }
}

/// A value as it was said.
#[derive(Clone, Debug)]
pub(super) struct Said {
    pub(super) text: String,
    pub(super) origin: Origin,
}

/// All that was said.
#[derive(Debug, Default)]
pub(super) struct Raw {
    /// One value for each key.
    pub(super) texts: BTreeMap<&'static str, Said>,
    /// For keys that are maps: property, value.
    pub(super) maps: BTreeMap<&'static str, BTreeMap<String, Said>>,
    pub(super) problems: Vec<Problem>,
}

impl Raw {
    pub(super) fn problem(&mut self, origin: Origin, message: impl Into<String>, help: impl Into<String>) {
        self.problems.push(Problem { origin, message: message.into(), help: help.into() });
    }

    /// Takes in a file.
    pub(super) fn read_file(&mut self, path: &Path, text: &str) {
        match tree::read(text) {
            Ok(root) => self.descend(path, "", &root),
            Err(e) => {
                let help = "the file is not readable as YAML; mind the indentation (spaces, no tabs) and quotes";
                self.problem(Origin::File(path.to_owned(), e.place), e.message, help);
            }
        }
    }

    fn descend(&mut self, file: &Path, above: &str, node: &Node) {
        let Value::Map(entries) = &node.value else {
            if !matches!(node.value, Value::Null) {
                let what = if above.is_empty() { "the file".to_owned() } else { format!("`{above}`") };
                let help = "write one `key: value` a line";
                self.problem(Origin::File(file.to_owned(), node.place), format!("{what} must be a set of keys"), help);
            }
            return;
        };
        for (name, place, value) in entries {
            let path = if above.is_empty() { name.clone() } else { format!("{above}.{name}") };
            match key::find(&path) {
                Some(key) if key.kind == Kind::Map => self.map(key, file, value),
                Some(key) => self.one(key, file, *place, value),
                None if key::is_section(&path) => self.descend(file, &path, value),
                None => self.unknown(&path, Origin::File(file.to_owned(), *place)),
            }
        }
    }

    fn unknown(&mut self, path: &str, origin: Origin) {
        let near = key::nearest(path, KEYS.iter().map(|k| k.path));
        let help = near.map_or_else(
            || "`dunning config keys` lists all".to_owned(),
            |near| format!("did you mean `{near}`? `dunning config keys` lists all"),
        );
        self.problem(origin, format!("there is no key `{path}`"), help);
    }

    fn one(&mut self, key: &Key, file: &Path, place: Place, node: &Node) {
        match &node.value {
            Value::Null => {}
            Value::Text(text) => {
                let said = Said { text: text.clone(), origin: Origin::File(file.to_owned(), node.place) };
                if self.texts.insert(key.path, said).is_some() {
                    let help = "keep one of them";
                    self.problem(Origin::File(file.to_owned(), place), format!("`{}` is there twice", key.path), help);
                }
            }
            Value::List | Value::Map(_) => {
                let message = format!("`{}` takes one value", key.path);
                self.problem(Origin::File(file.to_owned(), node.place), message, key.doc);
            }
        }
    }

    fn map(&mut self, key: &Key, file: &Path, node: &Node) {
        self.entries(key, node, &|place| Origin::File(file.to_owned(), place));
    }

    fn entries(&mut self, key: &Key, node: &Node, origin: &dyn Fn(Place) -> Origin) {
        let Value::Map(entries) = &node.value else {
            if !matches!(node.value, Value::Null) {
                self.problem(origin(node.place), format!("`{}` must be a set of keys and values", key.path), key.doc);
            }
            return;
        };
        for (name, _, value) in entries {
            if let Value::Text(text) = &value.value {
                let said = Said { text: text.clone(), origin: origin(value.place) };
                self.maps.entry(key.path).or_default().insert(name.clone(), said);
            } else {
                let help = "write it as one value, in quotes if need be";
                self.problem(origin(value.place), format!("`{name}` in `{}` takes one value", key.path), help);
            }
        }
    }

    /// Takes in the variables: they win over the file.
    pub(super) fn read_variables(&mut self, variables: impl IntoIterator<Item = (String, String)>) {
        let known: Vec<(String, &Key)> = KEYS.iter().map(|k| (k.variable(), k)).collect();
        let mut ours: Vec<_> = variables.into_iter().filter(|(name, _)| name.starts_with(PREFIX)).collect();
        ours.sort();
        for (name, text) in ours {
            let origin = Origin::Variable(name.clone());
            match known.iter().find(|(variable, _)| *variable == name) {
                None => {
                    let near = key::nearest(&name, known.iter().map(|(n, _)| n.as_str()));
                    let help = near.map_or_else(
                        || format!("no variable but those of the keys may begin with {PREFIX}"),
                        |near| format!("did you mean {near}?"),
                    );
                    self.problem(origin, "there is no such variable", help);
                }
                Some((_, key)) if key.kind == Kind::Map => match tree::read(&text) {
                    Ok(node) => self.entries(key, &node, &|_| origin.clone()),
                    // The parser's words may quote the text, and a password may be in it.
                    Err(_) => {
                        let help = "write a map, such as {\"security.protocol\": \"SASL_SSL\"}";
                        self.problem(origin, "the value is not readable as YAML or JSON", help);
                    }
                },
                Some((_, key)) => {
                    self.texts.insert(key.path, Said { text, origin });
                }
            }
        }
    }
}
