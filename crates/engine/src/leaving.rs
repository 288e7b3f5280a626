//! What was erased still lies in the files of a store, which only ever grow for a while. Once the state topic has had the time
//! to be compacted, the store is rebuilt from it.

use std::time::Duration;

use dunning_rules::Timestamp;

/// Where a store says since when something has to leave it.
pub const LEAVING: &[u8] = b"e";

/// Why a store is rebuilt.
pub const WHY: &str = "what was erased leaves the disk";

/// Since when something has to leave a store's files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Leaving {
    since: Option<Timestamp>,
    /// The store says so.
    stored: bool,
}

impl Leaving {
    /// From the store's own row.
    pub fn read(row: Option<&[u8]>) -> Self {
        let since = row.and_then(|bytes| Some(Timestamp::from_millis(i64::from_be_bytes(bytes.try_into().ok()?))));
        Self { since, stored: since.is_some() }
    }

    /// Something was erased that the store may have.
    pub fn note(&mut self, at: Timestamp) {
        self.since.get_or_insert(at);
    }

    /// The row for the store, where it does not have it yet.
    pub fn row(&self) -> Option<Vec<u8>> {
        let since = self.since.filter(|_| !self.stored)?;
        Some(since.millis().to_be_bytes().to_vec())
    }

    /// The store has it.
    pub fn stored(&mut self) {
        self.stored = self.since.is_some();
    }

    /// True once the store is to be rebuilt; `within`: so long after the first erasure, `None`: never.
    pub fn is_due(&self, within: Option<Duration>, now: Timestamp) -> bool {
        let after = within.and_then(|within| i64::try_from(within.as_millis()).ok());
        self.stored && self.since.zip(after).is_some_and(|(since, after)| now.since(since) >= after)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_erasure_counts_once_the_store_knows_of_it() {
        let at = Timestamp::from_millis;
        let week = Some(Duration::from_millis(700));
        let mut leaving = Leaving::read(None);
        assert_eq!((leaving.row(), leaving.is_due(week, at(i64::MAX))), (None, false));
        leaving.note(at(100));
        leaving.note(at(500));
        assert!(!leaving.is_due(week, at(800)), "it would be forgotten with the next start");
        let row = leaving.row().expect("to be stored");
        leaving.stored();
        assert_eq!(leaving.row(), None);
        assert_eq!(Leaving::read(Some(&row)), leaving);
        for (within, now, due) in [(week, 799, false), (week, 800, true), (None, i64::MAX, false)] {
            assert_eq!(leaving.is_due(within, at(now)), due, "{now}");
        }
        assert_eq!(Leaving::read(Some(b"?")), Leaving::default());
    }
}
