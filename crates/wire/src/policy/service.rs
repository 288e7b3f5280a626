//! Services: which of them a bar restricts, what is restored before all is paid, and what is asked for again.

use dunning_rules::{BarLevel, PartRestored, ServiceRules};
use schemars::JsonSchema;
use serde::Deserialize;

use super::charges::percent;
use super::print::listed;
use super::ready::Reader;
use super::select::hundredths;
use super::steps::level;
use super::{duration, raw};

/// Provisioning that could not do something a minute ago can hardly do it now.
const SOONEST_MS: i64 = 60_000;

/// What bars restrict and restorations give back. Protected services are never restricted.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Service {
    /// `true`: only services are restricted whose charges are owed, where the lines of the bills say which, each by a command of
    /// its own; it is given back once nothing is owed for it. Without it: all that may be, together.
    pub(super) only_owed: bool,
    /// `true`: services that are paid in advance are restricted as well. Without it: they are not.
    pub(super) prepaid: bool,
    /// What is restored before all is paid. Without it: nothing is, until a cycle ends.
    #[schemars(length(max = 5))]
    pub(super) restore: Vec<Restore>,
    /// A bar or a restoration that provisioning could not do is sent again so long after it said so, one after the other:
    /// `[15m, 2h, 1d]`. A bar is looked at anew before. Without it: it is shown, and not sent again.
    #[schemars(length(max = 20), inner(regex(pattern = "^([0-9]+[dhms] ?)+$")))]
    pub(super) again_after: Vec<String>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Restore {
    /// Once so much is paid of what was dunned at the first bar: `50%`.
    #[schemars(regex(pattern = "^[0-9]{1,3}([.][0-9]{1,2})?%$"))]
    pub(super) paid: String,
    /// Bars that go no further than this stay. Without it: all are lifted.
    #[serde(default)]
    pub(super) keep: Option<raw::Level>,
}

impl Reader<'_, '_> {
    pub(super) fn service(&mut self, file: &raw::PolicyFile) -> Option<Box<ServiceRules>> {
        let written = file.service.as_ref()?;
        let again_ms = written.again_after.iter().enumerate().map(|(i, text)| {
            let path = format!("service.again_after[{i}]");
            let span = self.span(&path, text);
            if span < SOONEST_MS {
                self.error(&path, format!("`{text}` is too soon"), "write at least `1m`");
            }
            span
        });
        let again_ms = again_ms.collect();
        let restores = written.restore.iter().enumerate();
        let restores: Vec<_> = restores.filter_map(|(i, rule)| self.part_restored(i, rule)).collect();
        for (i, pair) in (1..).zip(restores.windows(2)) {
            let further = pair[0].share < pair[1].share && pair[1].keeps < pair[0].keeps;
            if !further {
                let help = "write them from little paid to much, each keeping less than the one before";
                self.error(&format!("service.restore[{i}]"), "it restores no more than the rule before it", help);
            }
        }
        Some(Box::new(ServiceRules { owed_only: written.only_owed, prepaid: written.prepaid, again_ms, restores }))
    }

    fn part_restored(&mut self, i: usize, rule: &Restore) -> Option<PartRestored> {
        let path = format!("service.restore[{i}]");
        let share = hundredths(&rule.paid);
        if share.is_none() {
            self.error(
                &format!("{path}.paid"),
                format!("`{}` is no share", rule.paid),
                "write `50%`, from 0.01% to 100%",
            );
        }
        let keeps = rule.keep.map(level);
        if keeps >= Some(BarLevel::Full) {
            let help = "write THROTTLED or OUTGOING, or leave `keep` out: then all are lifted";
            self.error(&format!("{path}.keep"), "nothing goes further than that and can be lifted", help);
        }
        Some(PartRestored { share: share?, keeps })
    }
}

/// What a policy says of services, in sentences.
pub(super) fn sentences(rules: Option<&ServiceRules>) -> Vec<String> {
    let Some(ServiceRules { owed_only, prepaid, again_ms, restores }) = rules else { return Vec::new() };
    let which = if *owed_only { "only services whose charges are owed, where bills say so" } else { "all services" };
    let spared = if *prepaid { "those that are protected" } else { "those that are protected or paid in advance" };
    let mut all = vec![format!("A bar restricts {which}, but for {spared}.")];
    if *owed_only {
        all.push("A service is given back once nothing is owed for it, whatever is owed for others.".to_owned());
    }
    for PartRestored { share, keeps } in restores {
        let paid = percent(u32::from(*share));
        let what = match keeps {
            Some(keeps) => format!("bars that go further than {}", keeps.symbol()),
            None => "all bars".to_owned(),
        };
        all.push(format!(
            "Once {paid} is paid of what was dunned at the first bar, {what} are lifted, and the customer is warned anew."
        ));
    }
    if again_ms.is_empty() {
        all.push("A bar or restoration that could not be done is shown, and not sent again.".to_owned());
    } else {
        let spans: Vec<String> = again_ms.iter().map(|ms| duration::words(*ms)).collect();
        all.push(format!(
            "A bar or restoration that could not be done is sent again {} after each report of it.",
            listed(&spans, "and then")
        ));
    }
    all
}
