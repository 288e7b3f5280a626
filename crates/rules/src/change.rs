//! What becomes of cycles that run when another version of the policy comes into force.

use std::sync::Arc;

/// What this version does with cycles that began under an older one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum OnChange {
    /// They keep the version that they began with, to their end.
    #[default]
    FinishCycle,
    /// They go on by this version, behind the last of their steps that it has, too.
    NextStep {
        /// Steps that have another name in this version: the older name, and the newer one.
        renamed: Vec<(Arc<str>, Arc<str>)>,
    },
}
