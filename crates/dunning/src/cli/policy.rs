//! `dunning policy`.

use std::path::Path;

use dunning_rules::{Day, Minor};
use dunning_wire::policy::{self, Findings, Severity};
use dunning_wire::scenario;

use super::args::{Policy, PolicyCommand};
use crate::exit::{Exit, Failure};

pub(super) fn run(args: &Policy) -> Result<Exit, Failure> {
    match &args.command {
        PolicyCommand::Check { file, strict, json } => check(file, *strict, *json),
        PolicyCommand::Print { file, due, amount } => print(file, *due, amount.map(Minor::new)),
        PolicyCommand::Test { path, strict } => test(path, *strict),
        PolicyCommand::Schema { scenario: true } => schema(&scenario::json_schema()),
        PolicyCommand::Schema { scenario: false } => schema(&policy::json_schema()),
    }
}

fn read(file: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(file).map_err(|e| {
        let text = format!("the policy {} cannot be read; give the path of an existing file", file.display());
        Failure::because(Exit::Policy, text, e)
    })
}

fn print(file: &Path, due: Option<Day>, amount: Option<Minor>) -> Result<Exit, Failure> {
    let text = read(file)?;
    let loaded = match policy::parse(&file.display().to_string(), &text) {
        Ok(loaded) => loaded,
        Err(findings) => {
            super::print(&findings.to_string())?;
            return Ok(Exit::Policy);
        }
    };
    let calendar = due.map(|due| format!("\n{}", policy::calendar(&loaded.policy, due, amount))).unwrap_or_default();
    super::print((policy::print(&loaded) + &calendar).trim_end())?;
    Ok(Exit::Ok)
}

fn check(file: &Path, strict: bool, json: bool) -> Result<Exit, Failure> {
    let text = read(file)?;
    let (findings, label, wall) = match policy::parse(&file.display().to_string(), &text) {
        Ok(loaded) => {
            let refusals = loaded.for_wall().err().unwrap_or_default();
            (Findings(loaded.warnings), Some(loaded.policy.label.clone()), refusals)
        }
        Err(findings) => (findings, None, Findings::default()),
    };
    // Outside of --strict, what is only refused for customers is said, not counted.
    let mut shown = findings.clone();
    shown.0.extend(wall.0.iter().cloned());
    if json {
        super::print(&pretty(&serde_json::json!({ "usable": label.is_some(), "findings": shown.0 })))?;
    } else {
        let verdict = match &label {
            Some(label) if wall.0.is_empty() => format!("{label} can be used"),
            Some(label) => format!("{label} can be used with clock `stream` only: it has shortcuts on"),
            None => format!("{} cannot be used", file.display()),
        };
        let blank = if shown.0.is_empty() { "" } else { "\n\n" };
        super::print(&format!("{shown}{blank}{verdict}"))?;
    }
    Ok(match label {
        None => Exit::Policy,
        Some(_) if strict && !shown.0.is_empty() => Exit::Findings,
        Some(_) => Exit::Ok,
    })
}

fn test(path: &Path, strict: bool) -> Result<Exit, Failure> {
    let tested = scenario::test_path(path);
    for suite in &tested {
        for report in &suite.reports {
            super::print(&report.to_string())?;
        }
        for part in &suite.unreached {
            super::print(&format!("       {}: no scenario reaches {part}", suite.policy))?;
        }
    }
    let reports: Vec<_> = tested.iter().flat_map(|suite| &suite.reports).collect();
    let failed = reports.iter().filter(|r| !r.passed()).count();
    let unreached: usize = tested.iter().map(|suite| suite.unreached.len()).sum();
    let total = reports.len();
    super::print(&match (total, failed) {
        (0, _) => {
            format!("there is no scenario beside {}: put them into NAME.scenarios/ beside NAME.yaml", path.display())
        }
        (1, 0) => "1 scenario passed".to_owned(),
        (n, 0) => format!("{n} scenarios passed"),
        (n, f) => format!("{f} of {n} scenarios failed"),
    })?;
    if unreached > 0 {
        super::print(&format!("{unreached} steps and rules are reached by none"))?;
    }
    let unreadable =
        |r: &&scenario::Report| r.title.is_empty() && r.findings.0.iter().any(|f| f.severity == Severity::Error);
    Ok(match (total, failed) {
        (0, _) => Exit::Findings,
        (_, 0) if strict && unreached > 0 => Exit::Findings,
        (_, 0) => Exit::Ok,
        _ if reports.iter().all(unreadable) => Exit::Policy,
        _ => Exit::Findings,
    })
}

fn schema(schema: &serde_json::Value) -> Result<Exit, Failure> {
    super::print(&pretty(schema))
}

fn pretty(json: &serde_json::Value) -> String {
    // A tree of text and numbers can always be written.
    serde_json::to_string_pretty(json).unwrap_or_default()
}
