//! What becomes of notices after they were sent: read, and held against the steps.

use dunning_rules::{DAY_MS, Fallback, Heard, NoticeRule, ServedWhen, Step, StepAction, Withdraw};
use schemars::JsonSchema;
use serde::Deserialize;

use super::contact::channels;
use super::print::apart;
use super::ready::Reader;
use super::{duration, raw};

/// The least time in which something can be heard of a notice.
const HOUR_MS: i64 = 3_600_000;

/// When a warning counts.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(rename = "ServedWhen")]
pub(super) enum Served {
    /// `sent`: at once; `delivered`: when its channel reports that it arrived.
    Word(ServedWord),
    /// Some days after it was sent, unless its channel reports until then that it did not arrive.
    NotBounced(NotBounced),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum ServedWord {
    Sent,
    Delivered,
}

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NotBounced {
    /// So many days after it was sent, such as `3d`.
    #[schemars(regex(pattern = "^[0-9]+d$"))]
    pub(super) not_bounced: String,
}

/// A notice of which nothing is heard is sent on the next of its channels.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Fallback")]
pub(super) struct Silence {
    /// So long after it was sent, such as `3d`.
    #[schemars(regex(pattern = "^([0-9]+[dhms] ?)+$"))]
    pub(super) after: String,
    /// What has to be heard of it until then: that it was `delivered`, or that the customer `answered` it (opened it,
    /// followed its link or spoke). Without it: `delivered`.
    #[serde(default)]
    pub(super) unless: Option<HeardWord>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum HeardWord {
    Delivered,
    Answered,
}

/// In which order the channels of a notice are tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Order {
    /// As they are written.
    Policy,
    /// That on which the customer last answered, then as the profile names them.
    Customer,
}

/// Messages on these channels that are not wanted any more are withdrawn.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Withdraw")]
pub(super) struct WrittenWithdraw {
    /// On these channels. Without it: on all.
    #[serde(default)]
    #[schemars(length(min = 1))]
    pub(super) channels: Option<Vec<raw::Channel>>,
    /// So long after it was commanded a message may still lie unsent, such as `2d` for letters.
    #[schemars(regex(pattern = "^([0-9]+[dhms] ?)+$"))]
    pub(super) within: String,
}

impl Reader<'_, '_> {
    /// What becomes of a notice.
    pub(super) fn notice_rule(&mut self, path: &str, notify: &raw::Notify) -> NoticeRule {
        let served = self.served(&format!("{path}.served_when"), notify);
        let fallback =
            notify.fallback.as_ref().map(|silence| self.fallback(&format!("{path}.fallback"), notify, silence));
        let by_preference = notify.order == Some(Order::Customer);
        if by_preference && notify.or.is_empty() {
            let help = "add the others with `or`, or leave `order` out";
            self.error(&format!("{path}.order"), "there is one channel only", help);
        }
        let names = notify.names_day.as_ref().map(|text| self.distance(&format!("{path}.names_day"), text).offset);
        NoticeRule { served, fallback, by_preference, names }
    }

    fn served(&mut self, path: &str, notify: &raw::Notify) -> ServedWhen {
        match &notify.served_when {
            None | Some(Served::Word(ServedWord::Sent)) => ServedWhen::Sent,
            Some(Served::Word(ServedWord::Delivered)) => ServedWhen::Delivered,
            Some(Served::NotBounced(NotBounced { not_bounced })) => {
                let days = self.span(path, not_bounced) / DAY_MS;
                if !(1..=60).contains(&days) {
                    self.error(path, "it is not a number of days that fits", "write `3d`; from `1d` to `60d`");
                }
                ServedWhen::NotBounced { days: u16::try_from(days).unwrap_or(1).max(1) }
            }
        }
    }

    fn fallback(&mut self, path: &str, notify: &raw::Notify, silence: &Silence) -> Fallback {
        let after_ms = self.span(&format!("{path}.after"), &silence.after);
        if after_ms < HOUR_MS {
            let help = "write at least `1h`; channels report with some delay";
            self.error(&format!("{path}.after"), "nothing can be heard so soon", help);
        }
        if notify.or.is_empty() {
            self.error(path, "there is no other channel", "add `or: [SMS, LETTER]`, or leave it out");
        }
        let unless = if silence.unless == Some(HeardWord::Answered) { Heard::Answered } else { Heard::Delivered };
        Fallback { after_ms, unless }
    }

    /// Messages that are withdrawn.
    pub(super) fn withdraw(&mut self, written: &[WrittenWithdraw]) -> Vec<Withdraw> {
        let mut rules = Vec::new();
        for (i, one) in written.iter().enumerate() {
            let path = format!("contact.withdraw[{i}].within");
            let within_ms = self.span(&path, &one.within);
            if !(1..=30 * DAY_MS).contains(&within_ms) {
                self.error(&path, "no message lies unsent for so long", "write `2d`; at most `30d`");
            }
            rules.push(Withdraw { channels: channels(one.channels.as_deref()), within_ms });
        }
        rules
    }

    /// Whether warnings can count, and whether what is said of them matters.
    pub(super) fn served_and_steps(&mut self, base: &str, steps: &[Step]) {
        for (i, step) in steps.iter().enumerate() {
            let StepAction::Notify { channel, .. } = step.action else { continue };
            let served = step.notice().served;
            if served == ServedWhen::Sent {
                continue;
            }
            let path = format!("{base}[{i}].notify.served_when");
            let warned = |s: &&Step| matches!(s.action, StepAction::Bar { warning: Some(w), .. } if w.step == i);
            if !steps.iter().any(|s| warned(&s)) {
                let help = "it says when a warning counts: leave it out, or name the step in a bar's `after_warning`";
                self.warn(&path, format!("no bar waits for `{}`", step.name), help);
            } else if served == ServedWhen::Delivered && channel == dunning_rules::Channel::Letter {
                let help =
                    "write `{ not_bounced: 3d }`, if the law takes a letter for delivered some days after it was sent";
                self.warn(
                    &path,
                    "who prints letters seldom reports that they arrived: the bar would wait for ever",
                    help,
                );
            }
        }
    }

    /// Before a due date nothing waits for a notice.
    pub(super) fn no_notice_rule(&mut self, path: &str, notify: &raw::Notify) {
        let help = "it belongs to the warnings of a procedure; leave it out";
        for (key, there) in [("served_when", notify.served_when.is_some()), ("fallback", notify.fallback.is_some())] {
            if there {
                self.error(&format!("{path}.{key}"), format!("`{key}` does not belong before the due date"), help);
            }
        }
    }
}

/// What becomes of a notice, as the end of its sentence.
pub(super) fn words(step: &Step) -> String {
    let rule = step.notice();
    let mut text = String::new();
    if let Some(names) = &rule.names {
        text.push_str(&format!(", naming the day {} later", apart(names)));
    }
    if let Some(Fallback { after_ms, unless }) = rule.fallback {
        let heard = match unless {
            Heard::Delivered => "is known to have arrived",
            Heard::Answered => "was answered",
        };
        text.push_str(&format!(", the next way {} later unless it {heard}", duration::words(after_ms)));
    }
    if rule.by_preference {
        text.push_str(", in the customer's order");
    }
    match rule.served {
        ServedWhen::Sent => {}
        ServedWhen::Delivered => text.push_str("; it counts once it arrived"),
        ServedWhen::NotBounced { days } => {
            text.push_str(&format!("; it counts {days} days after it was sent, if it did not come back"));
        }
    }
    text
}
