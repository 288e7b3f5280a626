//! Payments that failed and are collected again.

use dunning_rules::{DAY_MS, RetryRules};
use schemars::JsonSchema;
use serde::Deserialize;

use super::ready::Reader;
use super::{duration, raw};

/// An attempt that comes sooner would meet the same empty account.
const SOONEST_MS: i64 = 3_600_000;
/// More than so many attempts in thirty days are more than card schemes let anybody make.
const MOST_IN_A_MONTH: usize = 15;

/// How payments that failed are collected again.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Retries {
    /// One for each attempt: so long after the failure before it, at least `1h`. `[1d, 1d, 8d, 6d]` are four attempts.
    #[schemars(length(min = 1, max = 31), inner(regex(pattern = "^([0-9]+[dhms] ?)+$")))]
    pub(super) after: Vec<String>,
    /// Not before this time of day where the account's days begin, such as `"06:00"` (in quotes).
    #[serde(default)]
    #[schemars(regex(pattern = "^([01][0-9]|2[0-3]):[0-5][0-9]$"))]
    pub(super) from: Option<String>,
    /// The methods of payment that are tried again, in the words of their source: `[card, direct_debit]`. Without it: all.
    #[serde(default)]
    #[schemars(length(min = 1, max = 100), inner(length(min = 1, max = 200)))]
    pub(super) methods: Option<Vec<String>>,
    /// Decline codes after which nothing is tried again, beside the declines that their source calls final.
    #[serde(default)]
    #[schemars(length(max = 1_000), inner(length(min = 1, max = 200)))]
    pub(super) never_after: Vec<String>,
}

impl Reader<'_, '_> {
    pub(super) fn retries(&mut self, file: &raw::PolicyFile) -> Option<Box<RetryRules>> {
        let written = file.retries.as_ref()?;
        let mut after_ms = Vec::with_capacity(written.after.len());
        for (i, text) in written.after.iter().enumerate() {
            let path = format!("retries.after[{i}]");
            let span = self.span(&path, text);
            if span < SOONEST_MS {
                self.error(&path, format!("`{text}` is too soon after a failure"), "write at least `1h`");
            }
            after_ms.push(span);
        }
        // Attempts that all come within a month.
        let within = |first: usize| {
            let mut sum = 0;
            after_ms[first..]
                .iter()
                .take_while(|after| {
                    sum += **after;
                    sum <= 30 * DAY_MS
                })
                .count()
        };
        if let Some(most) = (0..after_ms.len()).map(within).max().filter(|most| *most > MOST_IN_A_MONTH) {
            let message = format!("{most} attempts within a month are more than card schemes allow");
            self.warn("retries.after", message, "leave some out, or write longer spans");
        }
        let words = |words: &[String]| words.iter().map(|word| word.as_str().into()).collect();
        Some(Box::new(RetryRules {
            after_ms,
            time_of_day: written.from.as_ref().and_then(|text| self.time_of_day("retries.from", text)),
            methods: words(written.methods.as_deref().unwrap_or_default()),
            never_after: words(&written.never_after),
        }))
    }
}

/// What a policy says of payments that failed, in a sentence.
pub(super) fn sentence(rules: Option<&RetryRules>) -> String {
    let Some(rules) = rules else { return "A payment that failed is not collected again.".to_owned() };
    let spans: Vec<String> = rules.after_ms.iter().map(|ms| duration::words(*ms)).collect();
    let from = rules.time_of_day.map_or(String::new(), |m| format!(", not before {:02}:{:02}", m / 60, m % 60));
    let by = if rules.methods.is_empty() { String::new() } else { format!(" by {}", rules.methods.join(" or ")) };
    let codes = if rules.never_after.is_empty() {
        String::new()
    } else {
        format!(" or has the code {}", rules.never_after.join(" or "))
    };
    format!(
        "A payment{by} that failed is collected again {} after each failure{from}, for no more than is still owed of what it \
         was for; never after a decline that is final{codes}.",
        spans.join(", ")
    )
}
