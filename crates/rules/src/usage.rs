//! Usage: what a record says, and what a policy makes of it where it falls.

use crate::{Step, Timestamp, WHOLE_SHARE};

/// Usage of one service over one period. Advisory: it changes no balance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage<'a> {
    /// The service; may be empty.
    pub service_id: &'a str,
    /// First instant of the period.
    pub from: Timestamp,
    /// First instant after the period.
    pub until: Timestamp,
    /// Data volume in bytes.
    pub data_bytes: u64,
    /// Voice in seconds.
    pub voice_seconds: u64,
    /// Messages sent.
    pub messages: u64,
}

impl Usage<'static> {
    /// None at all, over no time.
    pub const NONE: Self = Self {
        service_id: "",
        from: Timestamp::from_millis(0),
        until: Timestamp::from_millis(0),
        data_bytes: 0,
        voice_seconds: 0,
        messages: 0,
    };
}

/// What of usage is watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UsageOf {
    /// Data, in bytes.
    Data,
    /// Calls, in seconds.
    Voice,
    /// Messages, in pieces.
    Messages,
}

impl UsageOf {
    /// How much of it a record says.
    #[must_use]
    pub const fn units(self, usage: &Usage<'_>) -> u64 {
        match self {
            Self::Data => usage.data_bytes,
            Self::Voice => usage.voice_seconds,
            Self::Messages => usage.messages,
        }
    }
}

/// Who uses much less than before may be about to stop paying, or to leave: they are asked before any bill is late. Nothing is
/// ever barred for it.
#[derive(Clone, Debug, PartialEq)]
pub struct EarlyWarning {
    /// A notice; its name is unique within the policy.
    pub step: Step,
    /// What is watched.
    pub of: UsageOf,
    /// By how much it has to fall from one window to the next, in hundredths of a percent.
    pub falls: u16,
    /// Length of a window in days, at least one.
    pub within_days: u16,
    /// For so many days after one such notice there is no other.
    pub again_days: u16,
}

impl EarlyWarning {
    /// True where usage fell by so much; where there was none before, nothing can fall.
    #[must_use]
    pub fn has_fallen(&self, before: u64, now: u64) -> bool {
        let left = u128::from(WHOLE_SHARE.saturating_sub(self.falls));
        before > 0 && u128::from(now) * u128::from(WHOLE_SHARE) <= u128::from(before) * left
    }
}
