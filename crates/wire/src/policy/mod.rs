//! The policy file: YAML that a credit manager writes, checked and made into the rules' own [`Policy`].
//!
//! A file is read into a tree that knows its places, held against the JSON Schema that editors use
//! ([`json_schema`]), and then checked for what no schema can say. Everything found in a file is reported at once.

mod change;
mod charges;
mod condition;
mod contact;
pub(crate) mod duration;
mod early;
mod finding;
mod holidays;
pub(crate) mod node;
mod notices;
mod pauses;
mod print;
mod raw;
mod ready;
mod retries;
mod select;
mod service;
pub(crate) mod shape;
mod shortcuts;
mod steps;
mod timing;

use std::collections::VecDeque;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use dunning_rules::{IdHash, Policy, Timestamp};

pub use finding::{Finding, Findings, Severity};
pub(crate) use finding::{Notes, Place};
pub use print::{calendar, print};

/// Made once: every shard reads the policies that are in force.
static SCHEMA: LazyLock<serde_json::Value> = LazyLock::new(shape::schema_of::<raw::PolicyFile>);

/// Everything that is wrong with a policy file.
pub type PolicyErrors = Findings;

/// A policy file that can be used.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The policy, checked.
    pub policy: Policy,
    /// What looks wrong in it; the policy can be used all the same.
    pub warnings: Vec<Finding>,
    /// The file as it was read.
    pub text: String,
    /// Its name: the label without the version.
    pub name: String,
    /// What it is for, in its author's words.
    pub description: Option<String>,
    /// Its version.
    pub version: u32,
    /// From when new cycles follow it; `None`: from the moment it is taken into use.
    pub effective_from: Option<Timestamp>,
    /// The names of the shortcuts that are on, in the order of the file format.
    pub shortcuts_on: Vec<&'static str>,
    /// 32 hex digits; two texts that differ have different ones. Not meant to withstand an attack.
    pub digest: String,
    refusals: Vec<Finding>,
}

impl Loaded {
    /// Whether it may meet real customers.
    ///
    /// # Errors
    /// One finding for each shortcut that is on, with its line.
    pub fn for_wall(&self) -> Result<(), PolicyErrors> {
        if self.refusals.is_empty() { Ok(()) } else { Err(Findings(self.refusals.clone())) }
    }
}

/// Reads a policy file. `file_name` is only shown.
///
/// # Errors
/// Everything that is wrong in the file, warnings included; where the YAML itself cannot be read, that alone.
pub fn parse(file_name: &str, text: &str) -> Result<Loaded, PolicyErrors> {
    let mut notes = Notes::new(file_name, text);
    match read(file_name, text, &mut notes) {
        Some(loaded) if !notes.has_error() => Ok(Loaded { warnings: notes.finish().0, ..loaded }),
        _ => Err(notes.finish()),
    }
}

/// So many of the last policies are kept by [`parse_again`].
const KEPT_MAX: usize = 16;

/// [`parse`] of a text that was probably parsed a moment ago: each shard reads the policies that are in force. Where it was,
/// what it says of the file's name is of that time.
///
/// # Errors
/// As [`parse`].
pub fn parse_again(file_name: &str, text: &str) -> Result<Arc<Loaded>, PolicyErrors> {
    static KEPT: Mutex<VecDeque<Arc<Loaded>>> = Mutex::new(VecDeque::new());
    let kept = || KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    let known = kept().iter().find(|loaded| loaded.text == *text).cloned();
    if let Some(known) = known {
        return Ok(known);
    }
    let loaded = Arc::new(parse(file_name, text)?);
    let mut kept = kept();
    if kept.len() >= KEPT_MAX {
        kept.pop_front();
    }
    kept.push_back(Arc::clone(&loaded));
    Ok(loaded)
}

fn read(file_name: &str, text: &str, notes: &mut Notes<'_>) -> Option<Loaded> {
    let root = node::Node::read(text, notes)?;
    let file: raw::PolicyFile = shaped(&SCHEMA, &root, notes)?;
    let mut reader = ready::Reader { root: &root, notes, free_days: 0 };
    let policy = reader.policy(&file);
    let effective_from = reader.effective_from(&file);
    let shortcuts_on = shortcuts::on(&policy.shortcuts);
    Some(Loaded {
        refusals: shortcuts::refusals(&root, file_name, text, &shortcuts_on),
        policy,
        warnings: Vec::new(),
        text: text.to_owned(),
        name: file.policy,
        description: file.description,
        version: file.version,
        effective_from,
        shortcuts_on,
        digest: IdHash::of(text).bytes().iter().map(|byte| format!("{byte:02x}")).collect(),
    })
}

/// The tree as a type, where it has the type's shape, which its schema says.
pub(crate) fn shaped<T>(schema: &serde_json::Value, root: &node::Node, notes: &mut Notes<'_>) -> Option<T>
where
    T: serde::de::DeserializeOwned,
{
    shape::check(schema, root, notes);
    if notes.has_error() {
        return None;
    }
    match serde_json::from_value(root.to_json()) {
        Ok(file) => Some(file),
        // The schema is made from the type, so the two agree; if ever they do not, the file is refused all the same.
        Err(error) => {
            notes.add(Severity::Error, Place::default(), "", error.to_string(), String::new());
            None
        }
    }
}

/// The JSON Schema of the policy file, for editors.
#[must_use]
pub fn json_schema() -> serde_json::Value {
    SCHEMA.clone()
}
