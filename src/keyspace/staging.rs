//! Values that are too large for one batch. What a transaction writes below a version that it took itself
//! is seen by nobody before a header names that version. So where that is much, it is written ahead of
//! the commit, part by part, and takes no memory any more. The first part brings a record along which
//! says that the version is garbage; the commit takes it back together with putting the header. What is
//! left behind goes at once if the transaction fails, and when the database is opened next if it was
//! killed.

use super::Keyspace;
use crate::encoding::keys::Prefix;
use crate::encoding::numbers::system_key;
use crate::error::Result;
use crate::storage::{Batch, Direction, Engine, ReadTier, ScanRange, Space, Writes, prefix_end};
use bytes::Bytes;
use smallvec::SmallVec;

/// Bytes of the parts: what a flush takes a few milliseconds for, as others wait for it.
pub(super) const PART_BYTES: usize = 1 << 20;

/// What a write takes in memory beyond the bytes of its value, about.
const WRITE_BYTES: usize = 128;

/// A transaction writes to one new value at a time, mostly: the latest so many may be large.
const LATEST: usize = 4;

const SPACES: [Space; 3] = [Space::Data, Space::Index, Space::Blob];

/// What a transaction has written ahead of its commit. Whatever is left of it when this is dropped goes.
pub(super) struct Staging<'a> {
    keyspace: &'a Keyspace,
    /// Versions that were taken lately, in the part of the transaction that runs.
    fresh: SmallVec<[u64; LATEST]>,
    /// Bytes of writes below them since the last part.
    bytes: usize,
    /// The versions that have something on disk.
    staged: Vec<Prefix>,
}

impl<'a> Staging<'a> {
    pub(super) fn new(keyspace: &'a Keyspace) -> Staging<'a> {
        Staging { keyspace, fresh: SmallVec::new(), bytes: 0, staged: Vec::new() }
    }

    /// A version that nobody has; what is written below it may go ahead.
    pub(super) fn new_version(&mut self) -> u64 {
        let version = self.keyspace.new_version();
        if self.fresh.len() == LATEST {
            self.fresh.remove(0);
        }
        self.fresh.push(version);
        version
    }

    /// Whether a key lies below one of the versions.
    pub(super) fn covers(&self, space: Space, key: &[u8]) -> bool {
        let version = key.get(4..).and_then(<[u8]>::first_chunk).map(|bytes| u64::from_be_bytes(*bytes));
        SPACES.contains(&space) && version.is_some_and(|version| self.fresh.contains(&version))
    }

    /// Counts a write. Returns whether it is time for a part.
    pub(super) fn counts(&mut self, space: Space, key: &[u8], value: Option<&Bytes>) -> bool {
        if self.fresh.is_empty() || !self.covers(space, key) {
            return false;
        }
        self.bytes += WRITE_BYTES + value.map_or(0, Bytes::len);
        self.bytes >= PART_BYTES
    }

    /// Writes a part.
    ///
    /// # Errors
    /// What the engine reports; then nothing of the part is there.
    pub(super) fn write(&mut self, writes: Writes) -> Result<()> {
        self.bytes = 0;
        if writes.is_empty() {
            return Ok(());
        }
        let mut batch = Batch { writes, ..Batch::default() };
        let mut first: SmallVec<[Prefix; 1]> = SmallVec::new();
        for prefix in batch.writes.iter().filter_map(|(_, key, _)| key.first_chunk()) {
            if !self.staged.contains(prefix) && !first.contains(prefix) {
                first.push(*prefix);
            }
        }
        for prefix in &first {
            batch.put(Space::System, &record(prefix), Bytes::new());
        }
        let engine = self.keyspace.engine();
        engine.commit(batch)?;
        engine.flush()?;
        self.staged.extend(first);
        Ok(())
    }

    /// From here on, versions that were taken before are let alone.
    pub(super) fn begin_part(&mut self) -> usize {
        self.fresh.clear();
        self.bytes = 0;
        self.staged.len()
    }

    /// The versions that something was written of since then, for a part that failed.
    pub(super) fn since(&self, part: usize) -> &[Prefix] {
        &self.staged[part..]
    }

    /// Takes over what another has written.
    pub(super) fn take_over(&mut self, mut other: Staging<'_>) {
        self.staged.append(&mut other.staged);
    }

    /// The commit takes back what said that the versions are garbage.
    pub(super) fn add_to(&self, batch: &mut Batch) {
        self.staged.iter().for_each(|prefix| batch.delete(Space::System, &record(prefix)));
    }

    /// The commit was made.
    pub(super) fn committed(mut self) {
        self.staged.clear();
    }
}

impl Drop for Staging<'_> {
    fn drop(&mut self) {
        if self.staged.is_empty() {
            return;
        }
        let mut batch = Batch::default();
        self.staged.iter().for_each(|prefix| delete(&mut batch, prefix));
        let engine = self.keyspace.engine();
        if let Err(error) = engine.commit(batch).and_then(|_| engine.flush()) {
            tracing::warn!("what is left of a large value goes when the database is opened next: {error}");
        }
    }
}

fn record(prefix: &Prefix) -> Vec<u8> {
    [system_key::STAGED, prefix].concat()
}

/// What lies below a version, in all spaces.
pub(super) fn ranges(prefix: &Prefix) -> impl Iterator<Item = (Space, Vec<u8>, Vec<u8>)> {
    let end = prefix_end(prefix).unwrap_or_default();
    SPACES.into_iter().map(move |space| (space, prefix.to_vec(), end.clone()))
}

fn delete(batch: &mut Batch, prefix: &Prefix) {
    batch.deleted_ranges.extend(ranges(prefix));
    batch.delete(Space::System, &record(prefix));
}

/// The namespaces and versions of which something was written and that no header names yet.
///
/// # Errors
/// What the engine reports.
pub fn staged(engine: &dyn Engine) -> Result<Vec<Prefix>> {
    let range = ScanRange::prefix(system_key::STAGED);
    let mut scan = engine.scan(Space::System, &range, Direction::Forward, ReadTier::Disk)?;
    let mut found = Vec::new();
    while let Some((key, _)) = scan.next()? {
        found.extend(Prefix::try_from(&key[system_key::STAGED.len()..]));
    }
    Ok(found)
}

/// Deletes what transactions left behind that were killed.
pub(super) fn collect(engine: &dyn Engine) -> Result<()> {
    let left = staged(engine)?;
    if left.is_empty() {
        return Ok(());
    }
    let mut batch = Batch::default();
    left.iter().for_each(|prefix| delete(&mut batch, prefix));
    engine.commit(batch)?;
    Ok(())
}
