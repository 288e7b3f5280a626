use crate::{Channel, Offset};

/// What a policy says of a notice beyond its channels. Without any of it a notice that was sent is done with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NoticeRule {
    /// When it counts as the warning of a bar.
    pub served: ServedWhen,
    /// It is sent another way where nothing is heard of it.
    pub fallback: Option<Fallback>,
    /// True: its channels are tried in the customer's order of preference, not in the policy's.
    pub by_preference: bool,
    /// The day that its text names, counted from the day on which it is sent.
    pub names: Option<Offset>,
}

/// When a warning counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ServedWhen {
    /// As soon as it was sent.
    #[default]
    Sent,
    /// When its channel reports that it arrived.
    Delivered,
    /// So many days after it was sent, unless its channel reports until then that it did not arrive.
    NotBounced {
        /// Calendar days where the account lives, at least one.
        days: u16,
    },
}

/// A notice of which nothing is heard is sent another way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fallback {
    /// Milliseconds after it was sent.
    pub after_ms: i64,
    /// What has to be heard of it until then, so that it is not.
    pub unless: Heard,
}

/// What is heard of a notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// It arrived.
    Delivered,
    /// The customer opened it, followed its link or answered.
    Answered,
}

/// A message on these channels that is not wanted any more is withdrawn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Withdraw {
    /// On which channels.
    pub channels: crate::Channels,
    /// So long after it was commanded it may still lie unsent, in milliseconds.
    pub within_ms: i64,
}

impl NoticeRule {
    /// True where it matters what becomes of the notice.
    pub(crate) fn awaits(&self) -> bool {
        self.served != ServedWhen::Sent || self.fallback.is_some()
    }
}

impl crate::ContactRules {
    /// How long a message on a channel may lie unsent, where it is withdrawn then.
    pub(crate) fn withdrawn_within(&self, channel: Channel) -> Option<i64> {
        self.withdraw.iter().filter(|rule| rule.channels.has(channel)).map(|rule| rule.within_ms).max()
    }
}
