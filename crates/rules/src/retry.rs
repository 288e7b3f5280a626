//! What a policy says of payments that failed: when they are tried again, and which of them.

use crate::{Failed, Id};

/// How payments that failed are collected again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetryRules {
    /// One for each attempt: so long after the failure before it, in milliseconds. At least one.
    pub after_ms: Vec<i64>,
    /// Minutes after local midnight before which no attempt comes; `None`: at any time.
    pub time_of_day: Option<u16>,
    /// The methods of payment that are tried again; empty: all.
    pub methods: Vec<Id>,
    /// The decline codes after which nothing is tried again, beside those that their source calls final.
    pub never_after: Vec<Id>,
}

impl RetryRules {
    /// True where a failure ends all attempts.
    #[must_use]
    pub fn is_final(&self, failed: &Failed<'_>) -> bool {
        failed.is_final || self.never_after.iter().any(|code| **code == *failed.decline_code)
    }

    /// True where payments by a method are tried again.
    #[must_use]
    pub fn takes(&self, method: &str) -> bool {
        self.methods.is_empty() || self.methods.iter().any(|known| **known == *method)
    }
}
