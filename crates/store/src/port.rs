/// Which shard a store belongs to. A store that was written under another identity is deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The Kafka cluster's id.
    pub cluster: String,
    /// The state topic's name and, where the broker tells it, its id: a topic that was deleted and made anew is another.
    pub topic: String,
    /// The shard: the partition number.
    pub partition: u32,
    /// The topic generation: it changes when the number of partitions does.
    pub generation: u32,
    /// The version of the rows that the reader understands.
    pub format: u32,
}

/// How a store was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Opened {
    /// As it was left at a batch boundary.
    Intact,
    /// New and empty; the text says why (none there, damaged, another identity).
    Fresh(String),
}

/// What can go wrong with a store. None of it loses data: the shard is rebuilt.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another thread or process holds the store: it may let go soon.
    #[error("{0}")]
    Busy(String),
    /// The directory cannot be made or locked: permissions, a full disk.
    #[error("the state directory cannot be used: {0}")]
    Directory(String),
    /// A read or a write failed, or a row's checksum does not fit.
    #[error("the store is damaged or cannot be written: {0}")]
    Damaged(String),
}

/// Changes that are applied as one: all of them after a crash, or none.
#[derive(Debug, Default)]
pub struct Batch {
    /// Keys with their new values; `None` deletes.
    pub rows: Vec<(Vec<u8>, Option<Vec<u8>>)>,
}

/// One shard's store.
pub trait Store {
    /// The value of a key.
    ///
    /// # Errors
    /// [`StoreError::Damaged`].
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError>;

    /// Every row whose key begins with the prefix, in the order of the keys.
    ///
    /// # Errors
    /// [`StoreError::Damaged`].
    fn each(&self, prefix: &[u8], row: &mut dyn FnMut(&[u8], &[u8])) -> Result<(), StoreError>;

    /// Applies a batch as one. It is on disk within a second or at [`Store::flush`].
    ///
    /// # Errors
    /// [`StoreError::Damaged`].
    fn apply(&self, batch: Batch) -> Result<(), StoreError>;

    /// Puts everything on disk.
    ///
    /// # Errors
    /// [`StoreError::Damaged`].
    fn flush(&self) -> Result<(), StoreError>;
}

/// Where stores are opened.
pub trait Stores {
    /// A shard's store.
    type Store: Store;

    /// Opens the store of a shard. One that is missing, damaged or of another identity comes back empty.
    ///
    /// # Errors
    /// [`StoreError::Busy`] while another holds it, [`StoreError::Directory`] where even an empty one cannot be had.
    fn open(&self, shard: &Identity) -> Result<(Self::Store, Opened), StoreError>;

    /// Closes a store, deletes it and opens it anew, empty.
    ///
    /// # Errors
    /// As [`Stores::open`].
    fn renew(&self, shard: &Identity, old: Self::Store, why: &str) -> Result<Self::Store, StoreError>;
}
