//! Which scenarios belong to which policy: `consumer.yaml` has those in `consumer.scenarios/`.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{Part, Report, parse, run, unreached};
use crate::policy::{self, Finding, Findings, Severity};

/// A policy file and its scenarios.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suite {
    /// The policy file.
    pub policy: PathBuf,
    /// Its scenarios, in the order of their names.
    pub scenarios: Vec<PathBuf>,
}

/// What came out of the scenarios of a policy.
#[derive(Clone, Debug)]
pub struct Tested {
    /// The policy file, as it was named.
    pub policy: String,
    /// What came out of each.
    pub reports: Vec<Report>,
    /// What of the policy none of them reached; empty where only one of its scenarios was asked for.
    pub unreached: Vec<Part>,
}

/// The policies and scenarios meant by a path: a policy file, a folder of policies, a folder of scenarios, or one
/// scenario.
///
/// # Errors
/// The path that cannot be read, and why.
pub fn find(path: &Path) -> Result<Vec<Suite>, Findings> {
    if path.is_dir() {
        if extension(path) == Some("scenarios") {
            return Ok(vec![Suite { policy: path.with_extension("yaml"), scenarios: listed(path)? }]);
        }
        return folder(path);
    }
    let parent = path.parent().filter(|p| extension(p) == Some("scenarios"));
    if let Some(parent) = parent {
        return Ok(vec![Suite { policy: parent.with_extension("yaml"), scenarios: vec![path.to_owned()] }]);
    }
    Ok(vec![beside(path)?])
}

/// Runs all scenarios meant by a path; see [`find`]. A policy or a scenario that cannot be used is a report that
/// failed.
#[must_use]
pub fn test_path(path: &Path) -> Vec<Tested> {
    match find(path) {
        Ok(suites) => suites.iter().map(|suite| test_suite(suite, suite.scenarios != [path])).collect(),
        Err(findings) => vec![unusable(&shown(path), findings)],
    }
}

fn unusable(name: &str, findings: Findings) -> Tested {
    let reports = vec![Report::unusable(name, findings)];
    Tested { policy: name.to_owned(), reports, unreached: Vec::new() }
}

/// `whole`: all scenarios of the policy are there.
fn test_suite(suite: &Suite, whole: bool) -> Tested {
    let name = shown(&suite.policy);
    let policy = match read(&suite.policy).and_then(|text| policy::parse(&name, &text)) {
        Ok(loaded) => Arc::new(loaded.policy),
        Err(findings) => return unusable(&name, findings),
    };
    let test = |file: &PathBuf| {
        let name = shown(file);
        match read(file).and_then(|text| parse(&name, &text)) {
            Ok(scenario) => run(&scenario, policy.clone()),
            Err(findings) => Report::unusable(&name, findings),
        }
    };
    let reports: Vec<_> = suite.scenarios.iter().map(test).collect();
    let whole = whole && !reports.is_empty();
    let unreached = if whole { unreached(&policy, &reports) } else { Vec::new() };
    Tested { policy: name, reports, unreached }
}

/// All policies of a folder, and folders of scenarios whose policy is missing.
fn folder(path: &Path) -> Result<Vec<Suite>, Findings> {
    let mut suites: Vec<Suite> = listed(path)?.iter().map(|p| beside(p)).collect::<Result<_, _>>()?;
    for entry in entries(path)? {
        let policy = entry.with_extension("yaml");
        if entry.is_dir() && extension(&entry) == Some("scenarios") && !policy.exists() {
            suites.push(Suite { policy, scenarios: listed(&entry)? });
        }
    }
    Ok(suites)
}

fn beside(policy: &Path) -> Result<Suite, Findings> {
    let folder = policy.with_extension("scenarios");
    let scenarios = if folder.is_dir() { listed(&folder)? } else { Vec::new() };
    Ok(Suite { policy: policy.to_owned(), scenarios })
}

/// The YAML files of a folder, by name.
fn listed(folder: &Path) -> Result<Vec<PathBuf>, Findings> {
    let yaml = |p: &PathBuf| p.is_file() && matches!(extension(p), Some("yaml" | "yml"));
    Ok(entries(folder)?.into_iter().filter(yaml).collect())
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, Findings> {
    let read = || fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<std::io::Result<Vec<_>>>();
    let mut entries = read().map_err(|error| unreadable(folder, &error))?;
    entries.sort();
    Ok(entries)
}

fn read(file: &Path) -> Result<String, Findings> {
    fs::read_to_string(file).map_err(|error| unreadable(file, &error))
}

fn unreadable(path: &Path, error: &std::io::Error) -> Findings {
    Findings(vec![Finding {
        severity: Severity::Error,
        file: shown(path),
        line: 0,
        column: 0,
        width: 0,
        path: String::new(),
        message: format!("it cannot be read: {error}"),
        help: "give a policy file, its `.scenarios` folder, or a folder of policies".to_owned(),
        text: String::new(),
    }])
}

fn extension(path: &Path) -> Option<&str> {
    path.extension()?.to_str()
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}
