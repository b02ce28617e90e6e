//! The plain RocksDB engine: one write to RocksDB's log per turn of the event loop, small
//! memtables, and a table of values in front.
//!
//! A commit goes into the value table (headers) or the open group (all other spaces), where every
//! read finds it, and into the group's write batch. `flush` hands the whole group to RocksDB in one
//! write. What is not flushed cannot be evicted from the table; if a flush fails, the table forgets
//! it, and reads find what was there before.

mod dead_ranges;
mod error;
mod families;
mod fresh;
mod group;
mod options;
mod salvage;
mod splices;
mod table;
mod tree;

use super::engine::*;
use bytes::Bytes;
use error::{open_error, storage_error};
use group::{Group, is_in_table};
use hashbrown::HashMap;
pub use options::{Compression, RocksOptions};
use parking_lot::{Mutex, MutexGuard};
use rocksdb::{Cache, DBRawIterator, ReadOptions, WriteBatch, WriteOptions};
use salvage::Salvage;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use table::{Lookup, ValueTable};
use tree::{Handle, Kept, Tree};

/// Commits that reads must see and the tree does not hold yet.
#[derive(Default)]
struct Groups {
    open: Group,
    /// Handed to RocksDB, not yet answered.
    flushing: Group,
}

/// Everything on disk, through RocksDB.
pub struct RocksEngine {
    tree: Handle,
    directory: PathBuf,
    options: RocksOptions,
    table: ValueTable,
    groups: Mutex<Groups>,
    /// Held through a flush: one at a time, in order.
    flush: Mutex<()>,
    /// Counters that were asked for or changed; none: deleted.
    counters: Mutex<HashMap<Vec<u8>, Option<i64>>>,
    /// Moves under the lock of `groups`.
    committed: AtomicU64,
    /// Every commit up to here was flushed or undone.
    flushed: AtomicU64,
    synced: AtomicU64,
    undone: AtomicU64,
    /// Why the last flush failed, until one succeeds. While RocksDB recovers, its log must be left
    /// alone: an attempt to sync it would make the error final.
    failure: Mutex<Option<StorageError>>,
    read_memory: ReadOptions,
    read_disk: ReadOptions,
    write: WriteOptions,
}

impl RocksEngine {
    /// Opens the database in `directory`, creating it if it is not there.
    ///
    /// # Errors
    /// [`StorageError::Locked`] when another process has it open; corruption; what the disk reports.
    pub fn open(directory: &Path, options: &RocksOptions) -> StorageResult<RocksEngine> {
        std::fs::create_dir_all(directory).map_err(|error| open_error(directory, &error.to_string()))?;
        let io_error = |error: std::io::Error| open_error(directory, &error.to_string());
        let salvage = Salvage::prepare(directory).map_err(io_error)?;
        let tree = Tree::open(directory, options, true).inspect_err(|_| salvage.forget_quietly())?;
        if let Some((what, log)) = salvage.finish().map_err(io_error)? {
            tracing::warn!(
                "the log was damaged or cut short, and what followed is not in the database: {what}. \
                 The log as it was lies in {}. Writes of the last second before a loss of power may be \
                 missing; if there was none, look after the disk",
                log.display()
            );
        }
        Ok(RocksEngine {
            tree: Handle::new(tree),
            directory: directory.to_owned(),
            options: options.clone(),
            table: ValueTable::new(options.value_cache_bytes),
            groups: Mutex::default(),
            flush: Mutex::new(()),
            counters: Mutex::default(),
            committed: AtomicU64::new(0),
            flushed: AtomicU64::new(0),
            synced: AtomicU64::new(0),
            undone: AtomicU64::new(0),
            failure: Mutex::new(None),
            read_memory: options::read_options(ReadTier::Memory),
            read_disk: options::read_options(ReadTier::Disk),
            write: WriteOptions::default(),
        })
    }

    fn get_from_tree(&self, space: Space, key: &[u8], tier: ReadTier) -> StorageResult<Option<Bytes>> {
        let options = match tier {
            ReadTier::Memory => &self.read_memory,
            ReadTier::Disk => &self.read_disk,
        };
        self.tree.with(|tree| match tree.db.get_pinned_cf_opt(tree.families.of(space), key, options) {
            Ok(value) => Ok(value.map(|value| Bytes::copy_from_slice(&value))),
            Err(error) => Err(storage_error(&error)),
        })
    }

    fn get_through_table(&self, space: Space, key: &[u8], tier: ReadTier) -> StorageResult<Option<Bytes>> {
        let ticket = match self.table.get(space, key, || self.flushed_seq()) {
            Lookup::Known(value) => return Ok(value),
            Lookup::Unknown(ticket) => ticket,
        };
        let flushed = self.flushed_seq();
        let value = self.get_from_tree(space, key, tier)?;
        self.table.remember(space, key, value.as_ref(), ticket, flushed);
        Ok(value)
    }

    fn get_other(&self, space: Space, key: &[u8], tier: ReadTier) -> StorageResult<Option<Bytes>> {
        if space == Space::System
            && let Some(counter) = self.counters.lock().get(key)
        {
            return Ok(counter.map(|counter| Bytes::copy_from_slice(&counter.to_be_bytes())));
        }
        let groups = self.groups.lock();
        if let Some(value) = groups.open.get(space, key).or_else(|| groups.flushing.get(space, key)) {
            return Ok(value);
        }
        drop(groups);
        self.get_from_tree(space, key, tier)
    }

    /// Puts a commit into the open group and into the value table.
    fn add_to_group(&self, group: &mut Group, batch: Batch, seq: Seq) -> StorageResult<()> {
        for (key, delta) in batch.additions {
            let sum = self.counter(&key)?.saturating_add(delta);
            self.counters.lock().insert(key.clone(), Some(sum));
            group.changed_counters.insert(key);
        }
        for (space, from, to) in batch.deleted_ranges {
            if from >= to {
                continue; // empty, and RocksDB would refuse the whole batch
            }
            if is_in_table(space) && space != Space::Meta {
                self.table.delete_range(space, &from, &to, seq, self.flushed_seq());
            }
            self.tree.with(|tree| {
                group.delete_range(&tree.families, space, from, to);
                Ok(())
            })?;
        }
        let flushed = self.flushed_seq();
        for (space, key, value) in batch.writes {
            let mut edit = None;
            match space {
                Space::System => self.set_counter(&key, value.as_deref()),
                Space::Expiry => {}
                _ => edit = self.table.commit(space, &key, value.as_ref(), seq, flushed),
            }
            group.write(space, key, value, edit);
        }
        group.last = seq;
        Ok(())
    }

    /// A plain write of a counter's key sets or deletes the counter.
    fn set_counter(&self, key: &[u8], value: Option<&[u8]>) {
        let mut counters = self.counters.lock();
        if let Some(counter) = counters.get_mut(key) {
            *counter = value.and_then(|value| value.try_into().ok()).map(i64::from_be_bytes);
        }
    }

    /// Moves the open group to where it is written from. The caller holds `flush`.
    fn take_group(&self, tree: &Tree) -> Option<(WriteBatch, Seq)> {
        let mut groups = self.groups.lock();
        if groups.open.is_empty() {
            return None;
        }
        let groups = &mut *groups;
        // The other one is empty, and keeps its memory for the next turn.
        std::mem::swap(&mut groups.open, &mut groups.flushing);
        let group = &mut groups.flushing;
        let mut batch = group.take_batch(&tree.families);
        let counters = self.counters.lock();
        for key in &group.changed_counters {
            if let Some(Some(counter)) = counters.get(key) {
                batch.put_cf(tree.families.of(Space::System), key, counter.to_be_bytes());
            }
        }
        Some((batch, group.last))
    }

    /// Writes the open group to the log, or undoes it. The caller holds `flush`.
    fn flush_into(&self, tree: StorageResult<&Tree>) -> StorageResult<Seq> {
        let written = tree.and_then(|tree| {
            let Some((batch, last)) = self.take_group(tree) else { return Ok(self.flushed_seq()) };
            tree.db.write_opt(batch, &self.write).map_err(|error| storage_error(&error))?;
            *self.failure.lock() = None;
            self.flushed.store(last, Ordering::Release);
            self.groups.lock().flushing.clear();
            Ok(last)
        });
        written.inspect_err(|error| {
            *self.failure.lock() = Some(error.clone());
            self.undo_unflushed(&mut self.groups.lock());
        })
    }

    /// Makes what was flushed up to `flushed` survive the loss of power.
    fn sync_log(&self, tree: &Tree, flushed: Seq) -> StorageResult<()> {
        tree.db.flush_wal(true).map_err(|error| storage_error(&error))?;
        self.synced.fetch_max(flushed, Ordering::AcqRel);
        Ok(())
    }

    /// Brings everything to the disk. No commit comes any more until what is returned is dropped. The
    /// caller holds `flush`.
    fn end_groups(&self, tree: Option<&Tree>) -> StorageResult<MutexGuard<'_, Groups>> {
        let Some(tree) = tree else {
            let mut groups = self.groups.lock();
            self.undo_unflushed(&mut groups);
            return Ok(groups);
        };
        loop {
            let flushed = self.flush_into(Ok(tree))?;
            self.sync_log(tree, flushed)?;
            let groups = self.groups.lock();
            if groups.open.is_empty() {
                return Ok(groups);
            }
        }
    }

    /// Everything that was committed after the last flush never happened.
    fn undo_unflushed(&self, groups: &mut Groups) {
        let flushed = self.flushed_seq();
        self.table.undo(flushed);
        self.counters.lock().clear();
        *groups = Groups::default();
        // First: who sees that nothing is left to flush must see as well that commits were undone.
        self.undone.fetch_add(1, Ordering::AcqRel);
        self.flushed.store(self.committed.load(Ordering::Acquire), Ordering::Release);
    }
}

impl Engine for RocksEngine {
    fn get(&self, space: Space, key: &[u8], tier: ReadTier) -> StorageResult<Option<Bytes>> {
        if is_in_table(space) {
            self.get_through_table(space, key, tier)
        } else {
            self.get_other(space, key, tier)
        }
    }

    fn hint(&self, space: Space, key: &[u8]) {
        if is_in_table(space) {
            self.table.hint(space, key);
        }
    }

    fn scan(
        &self,
        space: Space,
        range: &ScanRange,
        direction: Direction,
        tier: ReadTier,
    ) -> StorageResult<Box<dyn Scan + '_>> {
        // The tree must hold all there is before it is walked.
        if self.committed_seq() > self.flushed_seq() {
            self.flush()?;
        }
        if range.to.as_deref().is_some_and(|to| to <= range.from.as_slice()) {
            return Ok(Box::new(EmptyScan));
        }
        let mut options = options::read_options(tier);
        options.set_iterate_lower_bound(range.from.clone());
        if let Some(to) = &range.to {
            options.set_iterate_upper_bound(to.clone());
        }
        Ok(Box::new(RocksScan::new(self.tree.keep()?, space, options, direction)))
    }

    fn counter(&self, key: &[u8]) -> StorageResult<i64> {
        // Under the lock, so that no addition is overtaken by an older answer.
        let mut counters = self.counters.lock();
        if let Some(counter) = counters.get(key) {
            return Ok(counter.unwrap_or(0));
        }
        let stored = self.get_from_tree(Space::System, key, ReadTier::Disk)?;
        let counter = stored.and_then(|bytes| bytes.as_ref().try_into().ok()).map(i64::from_be_bytes);
        counters.insert(key.to_vec(), counter);
        Ok(counter.unwrap_or(0))
    }

    fn commit(&self, batch: Batch) -> StorageResult<Seq> {
        let header_ranges: Vec<_> =
            batch.deleted_ranges.iter().filter(|(space, ..)| *space == Space::Meta).cloned().collect();
        let mut groups = self.groups.lock();
        let seq = self.committed.fetch_add(1, Ordering::AcqRel) + 1;
        self.add_to_group(&mut groups.open, batch, seq)?;
        drop(groups);
        if !header_ranges.is_empty() {
            // The table knows no ranges: let the tree have this before anybody reads on.
            self.flush()?;
            let covered = |space: Space, key: &[u8], at: Seq| {
                space == Space::Meta
                    && at <= seq
                    && header_ranges.iter().any(|(_, from, to)| key >= &**from && key < &**to)
            };
            self.table.forget(covered);
        }
        Ok(seq)
    }

    fn flush(&self) -> StorageResult<Seq> {
        let tree = self.tree.keep();
        let _one_at_a_time = self.flush.lock();
        self.flush_into(tree.as_deref().map_err(Clone::clone))
    }

    fn sync(&self) -> StorageResult<Seq> {
        let flushed = self.flush()?;
        if let Some(failure) = &*self.failure.lock() {
            return Err(failure.clone());
        }
        if self.synced_seq() < flushed {
            // Not under the flush lock: commits go on while the disk works.
            self.sync_log(&*self.tree.keep()?, flushed)?;
        }
        Ok(flushed)
    }

    fn reopen(&self) -> StorageResult<()> {
        let closing = self.tree.close();
        let flushing = self.flush.lock();
        let groups = self.end_groups(closing.tree())?;
        closing.reopen(&self.directory, &self.options)?;
        // What is in memory is what is on disk, but it shall come from there.
        self.counters.lock().clear();
        self.table.clear();
        drop((groups, flushing));
        Ok(())
    }

    fn begin_fresh(&self, fresh: Fresh) {
        self.table.begin_fresh(fresh);
    }

    fn tidy(&self) {
        self.table.tidy(self.flushed_seq());
    }

    fn flushed_seq(&self) -> Seq {
        self.flushed.load(Ordering::Acquire)
    }

    fn synced_seq(&self) -> Seq {
        self.synced.load(Ordering::Acquire)
    }

    fn undone(&self) -> u64 {
        self.undone.load(Ordering::Acquire)
    }

    fn flush_failure(&self) -> Option<StorageError> {
        self.failure.lock().clone()
    }

    fn committed_seq(&self) -> Seq {
        self.committed.load(Ordering::Acquire)
    }

    fn checkpoint(&self, directory: &Path) -> StorageResult<()> {
        self.sync()?;
        let tree = self.tree.keep()?;
        let checkpoint =
            rocksdb::checkpoint::Checkpoint::new(&tree.db).map_err(|error| storage_error(&error))?;
        checkpoint.create_checkpoint(directory).map_err(|error| storage_error(&error))
    }

    fn compact_range(&self, space: Space, range: &ScanRange) -> StorageResult<()> {
        let Some(to) = &range.to else { return Ok(()) };
        let tree = self.tree.keep()?;
        tree.db
            .delete_file_in_range_cf(tree.families.of(space), &range.from, to)
            .map_err(|error| storage_error(&error))
    }

    fn disk_bytes(&self) -> u64 {
        let entries = std::fs::read_dir(&self.directory).into_iter().flatten().flatten();
        entries.filter_map(|entry| entry.metadata().ok()).map(|metadata| metadata.len()).sum()
    }

    fn free_disk_bytes(&self) -> Option<u64> {
        free_bytes(&self.directory)
    }

    fn memory_bytes(&self) -> u64 {
        let memtables = self.sum_property(rocksdb::properties::CUR_SIZE_ALL_MEM_TABLES);
        self.table.bytes() as u64 + self.cache_bytes(Cache::get_usage) + memtables
    }

    fn name(&self) -> &'static str {
        "rocksdb"
    }

    fn stats(&self) -> Vec<EngineStat> {
        use rocksdb::properties as of;
        let mut stats = vec![
            ("value_cache_bytes".to_owned(), self.table.bytes() as u64),
            ("value_cache_entries".to_owned(), self.table.len() as u64),
            ("block_cache_bytes".to_owned(), self.cache_bytes(Cache::get_usage)),
            ("block_cache_pinned_bytes".to_owned(), self.cache_bytes(Cache::get_pinned_usage)),
        ];
        let properties = [
            ("memtable_bytes", of::CUR_SIZE_ALL_MEM_TABLES),
            ("table_readers_bytes", of::ESTIMATE_TABLE_READERS_MEM),
            ("estimated_keys", of::ESTIMATE_NUM_KEYS),
            ("live_data_bytes", of::ESTIMATE_LIVE_DATA_SIZE),
            ("sst_bytes", of::TOTAL_SST_FILES_SIZE),
            ("pending_compaction_bytes", of::ESTIMATE_PENDING_COMPACTION_BYTES),
            ("running_compactions", of::NUM_RUNNING_COMPACTIONS),
            ("running_flushes", of::NUM_RUNNING_FLUSHES),
            ("background_errors", of::BACKGROUND_ERRORS),
            ("write_stopped", of::IS_WRITE_STOPPED),
            ("delayed_write_rate", of::ACTUAL_DELAYED_WRITE_RATE),
        ];
        stats.extend(properties.map(|(name, property)| (name.to_owned(), self.sum_property(property))));
        let level0 = of::num_files_at_level(0);
        stats.push(("level0_files".to_owned(), self.sum_property(&level0)));
        stats.push(("commits".to_owned(), self.committed.load(Ordering::Relaxed)));
        stats.push(("undone_groups".to_owned(), self.undone()));
        stats.into_iter().map(|(name, value)| EngineStat { name, value: value.to_string() }).collect()
    }
}

impl RocksEngine {
    fn sum_property(&self, property: &(impl AsRef<std::ffi::CStr> + ?Sized)) -> u64 {
        let sum = |tree: &Tree| {
            let of = |space| {
                let text = tree.db.property_value_cf(tree.families.of(space), property.as_ref()).ok()??;
                text.trim().parse::<u64>().ok()
            };
            Ok(Space::ALL.into_iter().filter_map(of).sum())
        };
        self.tree.with(sum).unwrap_or(0)
    }

    fn cache_bytes(&self, of: impl Fn(&Cache) -> usize) -> u64 {
        self.tree.with(|tree| Ok(of(&tree.cache) as u64)).unwrap_or(0)
    }
}

impl Drop for RocksEngine {
    fn drop(&mut self) {
        if let Err(error) = self.sync() {
            tracing::error!("the last commits could not be written at close: {error}");
        }
    }
}

/// Bytes that may still be written in the file system of `directory`.
fn free_bytes(directory: &Path) -> Option<u64> {
    use std::os::unix::ffi::OsStrExt;
    let path = std::ffi::CString::new(directory.as_os_str().as_bytes()).ok()?;
    let mut found = std::mem::MaybeUninit::<libc::statvfs>::uninit();
    // SAFETY: the path ends in a zero byte, and `found` is written before it is read.
    let found = unsafe {
        if libc::statvfs(path.as_ptr(), found.as_mut_ptr()) != 0 {
            return None;
        }
        found.assume_init()
    };
    Some(found.f_bavail.saturating_mul(found.f_frsize))
}

struct EmptyScan;

impl Scan for EmptyScan {
    fn next(&mut self) -> StorageResult<Option<(&[u8], &[u8])>> {
        Ok(None)
    }
}

struct RocksScan<'a> {
    /// Of the tree, and gone before it.
    iterator: DBRawIterator<'a>,
    _tree: Kept<'a>,
    direction: Direction,
    started: bool,
}

impl<'a> RocksScan<'a> {
    fn new(tree: Kept<'a>, space: Space, options: ReadOptions, direction: Direction) -> RocksScan<'a> {
        let iterator = tree.db.raw_iterator_cf_opt(tree.families.of(space), options);
        // SAFETY: the iterator is dropped before the tree, which does not move: it is behind a pointer.
        let mut iterator = unsafe { std::mem::transmute::<DBRawIterator<'_>, DBRawIterator<'a>>(iterator) };
        match direction {
            Direction::Forward => iterator.seek_to_first(),
            Direction::Backward => iterator.seek_to_last(),
        }
        RocksScan { iterator, _tree: tree, direction, started: false }
    }
}

impl Scan for RocksScan<'_> {
    fn next(&mut self) -> StorageResult<Option<(&[u8], &[u8])>> {
        match (self.started, self.direction) {
            (false, _) => self.started = true,
            (true, Direction::Forward) if self.iterator.valid() => self.iterator.next(),
            (true, Direction::Backward) if self.iterator.valid() => self.iterator.prev(),
            (true, _) => {}
        }
        if !self.iterator.valid() {
            return self.iterator.status().map(|()| None).map_err(|error| storage_error(&error));
        }
        Ok(self.iterator.item())
    }
}
