//! What a policy says of the services that are restricted, and what provisioning says became of it.

use crate::{BarLevel, Minor, WHOLE_SHARE};

/// Which services a bar restricts, and how often provisioning is asked again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServiceRules {
    /// Only services whose charges are owed, where the lines of the bills say which.
    pub owed_only: bool,
    /// Services that are paid in advance are restricted as well.
    pub prepaid: bool,
    /// A bar or a restoration that provisioning could not do is sent again so long after it said so, in milliseconds, one
    /// after the other; empty: it is not.
    pub again_ms: Vec<i64>,
    /// Bars that are lifted while some of the debt is still owed.
    pub restores: Vec<PartRestored>,
}

/// What is restored once a share of the debt is paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartRestored {
    /// Of what was dunned at the first bar of the cycle, in hundredths of a percent.
    pub share: u16,
    /// The bars that stay go no further than this; `None`: none stays.
    pub keeps: Option<BarLevel>,
}

impl ServiceRules {
    /// What is restored where so much was dunned at the first bar, and so much is now.
    pub(crate) fn restored(&self, barred_for: Minor, owed: Minor) -> Option<&PartRestored> {
        let share = i128::from((barred_for - owed).get()) * i128::from(WHOLE_SHARE);
        let reached = |rule: &&PartRestored| share >= i128::from(rule.share) * i128::from(barred_for.get());
        self.restores.iter().filter(reached).max_by_key(|rule| rule.share)
    }
}

/// What provisioning reports of a bar or a restoration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServiceResult {
    /// Not said.
    Unknown,
    /// It was done.
    Applied,
    /// It could not be done; it may be another time.
    Failed,
    /// It will not be done.
    Refused,
}

impl ServiceResult {
    /// All, in the order of the schema's symbols.
    pub const ALL: [Self; 4] = [Self::Unknown, Self::Applied, Self::Failed, Self::Refused];
}
