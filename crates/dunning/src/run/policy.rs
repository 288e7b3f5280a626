//! The policy of the policy file, as a lane is told it.

use std::sync::Arc;

use dunning_engine::{ClockMode, PolicyFile};
use dunning_wire::policy;

use crate::config::Config;
use crate::exit::{Exit, Failure};

/// Reads the policy file. Under clock `wall` a policy with shortcuts is refused.
///
/// # Errors
/// With every finding, as [`Exit::Policy`].
pub fn load(config: &Config) -> Result<PolicyFile, Failure> {
    let path = &config.policy_file;
    let refused = |findings: &policy::Findings, why: &str| {
        Failure::new(Exit::Policy, format!("the policy {} cannot be used{why}\n{findings}", path.display()))
    };
    let text = std::fs::read_to_string(path).map_err(|e| {
        let text = format!("the policy {} cannot be read; see `policy.file`", path.display());
        Failure::because(Exit::Policy, text, e)
    })?;
    let loaded = policy::parse(&path.display().to_string(), &text).map_err(|findings| refused(&findings, ""))?;
    if config.clock == ClockMode::Wall {
        loaded.for_wall().map_err(|findings| refused(&findings, " for real customers (clock `wall`)"))?;
    }
    for warning in &loaded.warnings {
        tracing::warn!(line = warning.line, "policy: {}", warning.message);
    }
    Ok(PolicyFile { policy: Arc::new(loaded.policy), text: loaded.text, effective_from: loaded.effective_from })
}
