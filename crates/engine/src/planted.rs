//! Bugs put in on purpose, to see that the simulator finds them. None is there without the feature `planted`, which only
//! the simulator's own tests turn on; with it, one at a time is switched on for a thread.

/// True where bugs can be switched on; the program refuses to be built so.
pub const COMPILED: bool = cfg!(feature = "planted");

/// A bug of those that engines of this kind have had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // each one's place in the code says what it does
pub enum Planted {
    StoreBeforeCommit,
    OffsetsNotInTransaction,
    OverlayKeptAfterAbort,
    RestoreToCommittedEnd,
    DeadlineBeforeEvent,
    DedupeForgottenAtRestore,
    ClockNotInCheckpoint,
    FenceAsReadCommitted,
    StaleMarkLost,
    SequenceFromMemory,
    DoubtTakenAsCommitted,
    OffsetsWinOverCheckpoint,
    LostShardGoesOn,
    PendingBarForgottenAtRestore,
    StoreAheadOfItsPlace,
    MissingOutputsStayMissing,
    FoundOutputsAreSentAgain,
}

impl Planted {
    /// All of them.
    pub const ALL: [Self; 17] = [
        Self::StoreBeforeCommit,
        Self::OffsetsNotInTransaction,
        Self::OverlayKeptAfterAbort,
        Self::RestoreToCommittedEnd,
        Self::DeadlineBeforeEvent,
        Self::DedupeForgottenAtRestore,
        Self::ClockNotInCheckpoint,
        Self::FenceAsReadCommitted,
        Self::StaleMarkLost,
        Self::SequenceFromMemory,
        Self::DoubtTakenAsCommitted,
        Self::OffsetsWinOverCheckpoint,
        Self::LostShardGoesOn,
        Self::PendingBarForgottenAtRestore,
        Self::StoreAheadOfItsPlace,
        Self::MissingOutputsStayMissing,
        Self::FoundOutputsAreSentAgain,
    ];

    /// True where this bug is switched on in this thread.
    #[inline]
    #[must_use]
    pub fn is_on(self) -> bool {
        #[cfg(feature = "planted")]
        return ON.with(|on| on.get() == Some(self));
        #[cfg(not(feature = "planted"))]
        return false;
    }

    /// Switches one bug on in this thread, or all off.
    #[cfg(feature = "planted")]
    pub fn switch(bug: Option<Self>) {
        ON.with(|on| on.set(bug));
    }
}

#[cfg(feature = "planted")]
thread_local! {
    static ON: std::cell::Cell<Option<Planted>> = const { std::cell::Cell::new(None) };
}
