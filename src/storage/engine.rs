//! The seam between the keyspace and whatever keeps its bytes. Small enough for three engines.
//!
//! The life of a write: [`Engine::commit`] makes a batch visible to every later read, at once and
//! in one order for all threads; [`Engine::flush`] makes all that was committed survive the death
//! of the process; [`Engine::sync`] makes it survive the loss of power. Whoever acknowledges a
//! write calls `flush` (or `sync`) first. Splitting the two is what lets one turn of an event loop
//! share one write to the log among all the connections that were ready.

pub use crate::error::{StorageError, StorageResult};
use bytes::Bytes;
use smallvec::SmallVec;
use std::path::Path;

/// Position of a commit in the order of all commits; grows by one with each.
pub type Seq = u64;

/// The families of keys, each with an order of its own. The numbers are frozen: they reach the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Space {
    /// User key → header, with small values inline.
    Meta = 0,
    /// Members of collections.
    Data = 1,
    /// Secondary orders: scores, ranks.
    Index = 2,
    /// Deadline → user key.
    Expiry = 3,
    /// Chunks of large values.
    Blob = 4,
    /// The database's records about itself.
    System = 5,
}

impl Space {
    /// Every space, in the order of the frozen numbers.
    pub const ALL: [Space; 6] =
        [Space::Meta, Space::Data, Space::Index, Space::Expiry, Space::Blob, Space::System];

    /// How many spaces there are.
    pub const COUNT: usize = Space::ALL.len();

    /// The name of the space on disk (a column family's, in RocksDB).
    pub fn name(self) -> &'static str {
        match self {
            Space::Meta => "meta",
            Space::Data => "data",
            Space::Index => "index",
            Space::Expiry => "expiry",
            Space::Blob => "blob",
            Space::System => "system",
        }
    }
}

/// How far a read may go for its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadTier {
    /// Memory only; what would have to wait for the disk fails with [`StorageError::NeedsDisk`].
    Memory,
    /// Wherever the answer is.
    Disk,
}

/// Which way a scan goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    Forward,
    Backward,
}

/// The bytes of a key; short ones need no allocation.
pub type KeyBytes = SmallVec<[u8; 40]>;

/// A space, a key in it, and its new value; no value deletes the key.
pub type Write = (Space, KeyBytes, Option<Bytes>);

/// The writes of a batch. Most commands make one, which needs no allocation.
pub type Writes = SmallVec<[Write; 1]>;

/// Changes that become visible together: first the range deletions, then the writes in order, then
/// the counter additions.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Batch {
    /// `(space, from, to)`: every key in `from..to` goes.
    pub deleted_ranges: Vec<(Space, Vec<u8>, Vec<u8>)>,
    pub writes: Writes,
    /// `(key, delta)` on counters of [`Space::System`], see [`Engine::counter`].
    pub additions: Vec<(Vec<u8>, i64)>,
}

impl Batch {
    /// A batch that stores one value.
    pub fn of(space: Space, key: &[u8], value: Bytes) -> Batch {
        let mut batch = Batch::default();
        batch.put(space, key, value);
        batch
    }

    /// Stores a value.
    pub fn put(&mut self, space: Space, key: &[u8], value: Bytes) {
        self.writes.push((space, KeyBytes::from_slice(key), Some(value)));
    }

    /// Deletes a key.
    pub fn delete(&mut self, space: Space, key: &[u8]) {
        self.writes.push((space, KeyBytes::from_slice(key), None));
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.deleted_ranges.is_empty() && self.writes.is_empty() && self.additions.is_empty()
    }
}

/// Numbers that no stored key has yet, nor any above them: what keys begin with (`encoding/keys.rs`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fresh {
    /// Of keys in [`Space::Meta`].
    pub namespace: u32,
    /// Of keys in [`Space::Data`], [`Space::Index`] and [`Space::Blob`].
    pub version: u64,
}

/// Keys from `from` (included) to `to` (excluded; none: to the end of the space).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScanRange {
    pub from: Vec<u8>,
    pub to: Option<Vec<u8>>,
}

impl ScanRange {
    /// Every key that starts with `prefix`.
    pub fn prefix(prefix: &[u8]) -> ScanRange {
        ScanRange { from: prefix.to_vec(), to: prefix_end(prefix) }
    }

    /// Keys from `from` (included) to `to` (excluded).
    pub fn new(from: &[u8], to: &[u8]) -> ScanRange {
        ScanRange { from: from.to_vec(), to: Some(to.to_vec()) }
    }

    /// Whether `key` lies in the range.
    pub fn contains(&self, key: &[u8]) -> bool {
        key >= self.from.as_slice() && self.to.as_deref().is_none_or(|to| key < to)
    }
}

/// The first key after every key that starts with `prefix`; none if there is no such key.
pub fn prefix_end(prefix: &[u8]) -> Option<Vec<u8>> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.last_mut() {
        if *last < 0xff {
            *last += 1;
            return Some(end);
        }
        end.pop();
    }
    None
}

/// A walk over a range of keys, in order.
pub trait Scan {
    /// The next key and value, borrowed until the following call.
    ///
    /// # Errors
    /// [`StorageError::NeedsDisk`] in [`ReadTier::Memory`]; corruption and I/O errors.
    fn next(&mut self) -> StorageResult<Option<(&[u8], &[u8])>>;
}

/// One line of an engine's statistics, for `INFO`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineStat {
    pub name: String,
    pub value: String,
}

/// Keeps bytes in ordered spaces. Every engine passes the suite in `storage/conformance.rs`.
pub trait Engine: Send + Sync + 'static {
    /// The value of `key` after every commit so far.
    ///
    /// # Errors
    /// [`StorageError::NeedsDisk`] in [`ReadTier::Memory`]; corruption and I/O errors.
    fn get(&self, space: Space, key: &[u8], tier: ReadTier) -> StorageResult<Option<Bytes>>;

    /// A read of `key` comes soon. An engine may begin to bring it near; nothing waits, nothing is
    /// promised.
    fn hint(&self, _space: Space, _key: &[u8]) {}

    /// Walks a range as it was when the scan began: all commits until then, none after.
    ///
    /// # Errors
    /// As [`Engine::get`]; they may also come from the scan's own calls.
    fn scan(
        &self,
        space: Space,
        range: &ScanRange,
        direction: Direction,
        tier: ReadTier,
    ) -> StorageResult<Box<dyn Scan + '_>>;

    /// The value of the counter `key` after every commit so far; 0 if it was never added to.
    /// Counters live in [`Space::System`] as 8 bytes, big-endian; writing or deleting that key sets
    /// the counter.
    fn counter(&self, key: &[u8]) -> StorageResult<i64>;

    /// Makes a batch visible, whole. It survives nothing until [`Engine::flush`].
    ///
    /// # Errors
    /// When the engine takes no writes at present; then nothing of the batch is visible.
    fn commit(&self, batch: Batch) -> StorageResult<Seq>;

    /// Makes every commit so far survive the death of the process; returns the last of them.
    ///
    /// # Errors
    /// When the log cannot be written; then every commit since the last flush is undone, and none
    /// of them may be acknowledged.
    fn flush(&self) -> StorageResult<Seq>;

    /// [`Engine::flush`], and then makes all of it survive the loss of power.
    ///
    /// # Errors
    /// As [`Engine::flush`]; or when the disk refuses to synchronize.
    fn sync(&self) -> StorageResult<Seq>;

    /// Brings everything to the disk, closes the database and opens it again, so that what is read
    /// from here on comes from there. Waits until no scan is open; meanwhile nobody else is served.
    /// An engine that keeps nothing elsewhere has nothing to do. The calling thread must have no scan
    /// open.
    ///
    /// # Errors
    /// As [`Engine::sync`], and then nothing has happened; or when the database cannot be opened, and
    /// then every call fails until another reopening succeeds.
    fn reopen(&self) -> StorageResult<()>;

    /// Says that no key of these namespaces and versions is stored, so that an engine with a cache that
    /// keeps what is written to them need not look for what it does not have.
    fn begin_fresh(&self, _fresh: Fresh) {}

    /// Does what has been left for quiet times. Called once a second, by a thread that nobody waits for.
    fn tidy(&self) {}

    /// The last commit for which a flush has ended.
    fn flushed_seq(&self) -> Seq;

    /// The last commit that was synced.
    fn synced_seq(&self) -> Seq;

    /// How often a flush failed and commits were undone. A flush of somebody else may have failed
    /// and taken one's own commits with it: whoever acknowledges compares this count with what it
    /// was before the first of them.
    fn undone(&self) -> u64;

    /// Why the last flush failed; none when it did not.
    fn flush_failure(&self) -> Option<StorageError>;

    /// The last commit.
    fn committed_seq(&self) -> Seq;

    /// Writes a copy of the database as of now into `directory`, which must not exist; the copy can
    /// be opened like the original.
    ///
    /// # Errors
    /// When the engine keeps nothing on disk, or the disk refuses.
    fn checkpoint(&self, directory: &Path) -> StorageResult<()>;

    /// Reclaims what the deletion of whole ranges left behind, as far as that is cheap.
    fn compact_range(&self, space: Space, range: &ScanRange) -> StorageResult<()>;

    /// Bytes the database takes on disk (0 for engines that keep nothing there).
    fn disk_bytes(&self) -> u64;

    /// Bytes that may still be written where the database lies; none if it lies on no disk.
    fn free_disk_bytes(&self) -> Option<u64>;

    /// Bytes of memory the engine holds for caches and tables.
    fn memory_bytes(&self) -> u64;

    /// The engine's name, as `INFO` shows it.
    fn name(&self) -> &'static str;

    /// What the engine can tell of itself.
    fn stats(&self) -> Vec<EngineStat>;
}
