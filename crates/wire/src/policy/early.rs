//! Early warning: usage that falls before any bill is late.

use dunning_rules::{EarlyWarning, Policy, UsageOf};
use schemars::JsonSchema;
use serde::Deserialize;

use super::charges::percent;
use super::print::{days, deed};
use super::ready::Reader;
use super::select::hundredths;
use super::steps::notice;
use super::{raw, timing};

/// A window longer than this says little of the present.
const LONGEST_DAYS: i64 = 92;

/// Who uses much less than before is asked whether all is well, before any bill is late. Nothing is ever barred for it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Early {
    /// Name of the notice, unlike that of any step: small letters, digits and hyphens.
    #[schemars(regex(pattern = "^[a-z][a-z0-9-]{0,63}$"))]
    pub(super) step: String,
    /// What is watched.
    pub(super) usage: Watched,
    /// By how much it falls from one window to the next: `40%`.
    #[schemars(regex(pattern = "^[0-9]{1,3}([.][0-9]{1,2})?%$"))]
    pub(super) falls_by: String,
    /// How long a window is: `14d`, at most `92d`.
    #[schemars(regex(pattern = "^[0-9]{1,2}d$"))]
    pub(super) within: String,
    /// So long after one such notice there is no other. Without it: `90d`.
    #[serde(default)]
    #[schemars(regex(pattern = "^[0-9]{1,4}d$"))]
    pub(super) not_again_for: Option<String>,
    /// Not before this time of day where the account's days begin, such as `"10:00"` (in quotes).
    #[serde(default)]
    #[schemars(regex(pattern = "^([01][0-9]|2[0-3]):[0-5][0-9]$"))]
    pub(super) from: Option<String>,
    /// What must hold when it comes; all of it.
    #[serde(default)]
    pub(super) when: Option<raw::When>,
    /// How the customer is told.
    pub(super) notify: raw::Notify,
}

/// What of usage is watched.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Watched {
    /// Data volume.
    Data,
    /// Time of calls.
    Voice,
    /// Messages sent.
    Messages,
}

impl Early {
    fn as_step(&self) -> raw::Step {
        raw::Step {
            step: self.step.clone(),
            at: "0d".to_owned(),
            counted_from: None,
            from: self.from.clone(),
            when: self.when.clone(),
            otherwise: None,
            repeat: None,
            notify: Some(self.notify.clone()),
            bar: None,
            write_off: None,
        }
    }
}

impl Reader<'_, '_> {
    /// `steps`: those of all procedures, and the notices before a due date.
    pub(super) fn early_warning(
        &mut self,
        file: &raw::PolicyFile,
        steps: &[&dunning_rules::Step],
    ) -> Option<Box<EarlyWarning>> {
        let early = file.early_warning.as_ref()?;
        let path = "early_warning";
        if steps.iter().any(|step| *step.name == *early.step) {
            let message = format!("another step is called `{}` too", early.step);
            self.error(&format!("{path}.step"), message, "give each step its own name");
        }
        let share = hundredths(&early.falls_by);
        if share.is_none() {
            let message = format!("`{}` is no share", early.falls_by);
            self.error(&format!("{path}.falls_by"), message, "write `40%`, from 0.01% to 100%");
        }
        let within = self.whole_days(&format!("{path}.within"), &early.within, LONGEST_DAYS);
        let again = early.not_again_for.as_deref().unwrap_or("90d");
        let again = self.whole_days(&format!("{path}.not_again_for"), again, i64::from(u16::MAX));
        let notify = format!("{path}.notify");
        for (key, there) in [
            ("offer", early.notify.offer.is_some()),
            ("names_day", early.notify.names_day.is_some()),
            ("served_when", early.notify.served_when.is_some()),
            ("fallback", early.notify.fallback.is_some()),
            ("mandatory", early.notify.mandatory),
        ] {
            if there {
                let message = format!("`{key}` does not belong where nothing is owed");
                self.error(&format!("{notify}.{key}"), message, "leave it out");
            }
        }
        let step = early.as_step();
        let action = notice(&step, &early.notify);
        let step = self.ready(path, &step, &[], 0, None, action);
        let of = match early.usage {
            Watched::Data => UsageOf::Data,
            Watched::Voice => UsageOf::Voice,
            Watched::Messages => UsageOf::Messages,
        };
        Some(Box::new(EarlyWarning { step, of, falls: share?, within_days: within, again_days: again }))
    }

    fn whole_days(&mut self, path: &str, text: &str, most: i64) -> u16 {
        let found = timing::parse(text).ok().map(|distance| distance.about_ms(0) / dunning_rules::DAY_MS);
        let found = found.filter(|days| (1..=most).contains(days)).and_then(|days| u16::try_from(days).ok());
        if found.is_none() {
            self.error(
                path,
                format!("`{text}` is not so many days"),
                format!("write whole days, from `1d` to `{most}d`"),
            );
        }
        found.unwrap_or(1)
    }
}

/// What a policy says of usage that falls.
pub(super) fn sentence(policy: &Policy) -> Option<String> {
    let EarlyWarning { step, of, falls, within_days, again_days } = policy.options.early_warning.as_deref()?;
    let what = match of {
        UsageOf::Data => "data",
        UsageOf::Voice => "call time",
        UsageOf::Messages => "messages",
    };
    Some(format!(
        "Where at least {} less {what} is used in {} than in as many before and nothing is late, `{}`: {} At most once in {}.",
        percent(u32::from(*falls)),
        days(*within_days),
        step.name,
        deed(policy, step).trim_start_matches(", "),
        days(*again_days),
    ))
}
