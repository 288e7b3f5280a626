use crate::{Day, IdHash};

/// An id that was seen, and the day.
pub type SeenId = (IdHash, Day);

/// The ids of the events that an account has taken, oldest first; bounded by the horizon to which they are remembered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen(Vec<SeenId>);

impl Seen {
    /// From what [`Seen::ids`] gave.
    #[must_use]
    pub fn from_ids(ids: Vec<SeenId>) -> Self {
        Self(ids)
    }

    /// All, in the order taken.
    #[must_use]
    pub fn ids(&self) -> &[SeenId] {
        &self.0
    }

    /// Whether the id was seen.
    #[must_use]
    pub fn contains(&self, id: IdHash) -> bool {
        // The newest first: a repeat mostly comes soon.
        self.0.iter().rev().any(|(seen, _)| *seen == id)
    }

    /// Remembers an id that [`Seen::contains`] did not find.
    pub(super) fn insert(&mut self, id: IdHash, day: Day) {
        self.0.push((id, day));
    }

    /// Forgets what was seen before the day.
    pub(super) fn forget_before(&mut self, day: Day) {
        if self.0.first().is_some_and(|(_, seen)| *seen < day) {
            self.0.retain(|(_, seen)| *seen >= day);
        }
    }
}
