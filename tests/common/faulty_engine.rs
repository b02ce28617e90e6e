//! An engine in memory with faults on demand, which counts what it does: for the tests of the server, and
//! (by its path, with `storage` in scope) for others.

#![allow(dead_code)] // each of them uses a part

use super::storage::memory::MemoryEngine;
use super::storage::*;
use bytes::Bytes;
use parking_lot::{Condvar, Mutex};
use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

/// What the engine is to do wrong, and what it has seen.
#[derive(Default)]
pub struct Faults {
    /// No flush goes wrong before.
    pub armed: AtomicBool,
    pub refuse_commits: AtomicBool,
    /// So many commits are taken before one is refused.
    pub refuse_one_after: Mutex<Option<usize>>,
    pub flushes: AtomicUsize,
    pub syncs: AtomicUsize,
    pub fail_flushes: AtomicBool,
    pub panic_in_flush: AtomicBool,
    /// So many flushes fail.
    pub fail_next: AtomicUsize,
    hold_flushes: Mutex<bool>,
    released: Condvar,
    pub committed: AtomicU64,
    flushed: AtomicU64,
    pub synced: AtomicU64,
    undone: AtomicU64,
    failed_last: AtomicBool,
    pub panic_in_checkpoint: AtomicBool,
    /// Keys with this in them are read from the "disk", which takes a while.
    pub cold: AtomicBool,
    /// Reading a cold key makes it warm.
    pub has_cache: AtomicBool,
    warm: Mutex<HashSet<Vec<u8>>>,
    pub disk_reads: AtomicUsize,
    /// The names of the threads that did.
    pub disk_readers: Mutex<HashSet<String>>,
    pub work: Work,
}

/// How much the engine had to do.
#[derive(Default)]
pub struct Work {
    pub gets: AtomicU64,
    pub scans: AtomicU64,
    /// Records that scans came to.
    pub scanned: AtomicU64,
    pub writes: AtomicU64,
    /// Bytes of all keys and values.
    pub written_bytes: AtomicU64,
    pub deleted_ranges: AtomicU64,
    /// Bytes of the largest batch.
    pub largest_batch: AtomicU64,
}

/// A scan whose records are counted.
struct CountedScan<'a> {
    scan: Box<dyn Scan + 'a>,
    scanned: &'a AtomicU64,
}

impl Scan for CountedScan<'_> {
    fn next(&mut self) -> StorageResult<Option<(&[u8], &[u8])>> {
        let next = self.scan.next()?;
        self.scanned.fetch_add(next.is_some().into(), SeqCst);
        Ok(next)
    }
}

impl Faults {
    pub fn hold_flushes(&self) {
        *self.hold_flushes.lock() = true;
    }

    fn refuses_this_one(&self) -> bool {
        let mut left = self.refuse_one_after.lock();
        let refuses = *left == Some(0);
        *left = left.and_then(|left| left.checked_sub(1));
        refuses
    }

    pub fn release_flushes(&self) {
        *self.hold_flushes.lock() = false;
        self.released.notify_all();
    }
}

/// The engine. Clones are the same one: it outlives what is open over it.
#[derive(Clone, Default)]
pub struct FaultyEngine {
    memory: Arc<MemoryEngine>,
    pub faults: Arc<Faults>,
}

const COLD: &[u8] = b"cold";
const PANIC: &[u8] = b"panic";

fn full() -> StorageError {
    StorageError::NoSpace("the disk is full".into())
}

impl FaultyEngine {
    fn check_tier(&self, key: &[u8], tier: ReadTier) -> StorageResult<()> {
        let contains = |part: &[u8]| key.windows(part.len()).any(|window| window == part);
        if contains(PANIC) {
            panic!("the key said so");
        }
        if !self.faults.cold.load(SeqCst) || !contains(COLD) {
            return Ok(());
        }
        let has_cache = self.faults.has_cache.load(SeqCst);
        if has_cache && self.faults.warm.lock().contains(key) {
            return Ok(());
        }
        if tier == ReadTier::Memory {
            return Err(StorageError::NeedsDisk);
        }
        self.faults.disk_reads.fetch_add(1, SeqCst);
        let thread = std::thread::current().name().unwrap_or_default().to_owned();
        self.faults.disk_readers.lock().insert(thread);
        std::thread::sleep(Duration::from_millis(100));
        if has_cache {
            self.faults.warm.lock().insert(key.to_vec());
        }
        Ok(())
    }
}

impl Engine for FaultyEngine {
    fn get(&self, space: Space, key: &[u8], tier: ReadTier) -> StorageResult<Option<Bytes>> {
        self.check_tier(key, tier)?;
        self.faults.work.gets.fetch_add(1, SeqCst);
        self.memory.get(space, key, tier)
    }

    fn scan(
        &self,
        space: Space,
        range: &ScanRange,
        direction: Direction,
        tier: ReadTier,
    ) -> StorageResult<Box<dyn Scan + '_>> {
        let work = &self.faults.work;
        work.scans.fetch_add(1, SeqCst);
        let scan = self.memory.scan(space, range, direction, tier)?;
        Ok(Box::new(CountedScan { scan, scanned: &work.scanned }))
    }

    fn counter(&self, key: &[u8]) -> StorageResult<i64> {
        self.memory.counter(key)
    }

    fn commit(&self, batch: Batch) -> StorageResult<Seq> {
        if self.faults.refuse_commits.load(SeqCst) || self.faults.refuses_this_one() {
            return Err(full());
        }
        let work = &self.faults.work;
        work.writes.fetch_add(batch.writes.len() as u64, SeqCst);
        let bytes =
            batch.writes.iter().map(|(_, key, value)| key.len() + value.as_ref().map_or(0, Bytes::len));
        let bytes = bytes.sum::<usize>() as u64;
        work.written_bytes.fetch_add(bytes, SeqCst);
        work.largest_batch.fetch_max(bytes, SeqCst);
        work.deleted_ranges.fetch_add(batch.deleted_ranges.len() as u64, SeqCst);
        let seq = self.memory.commit(batch)?;
        self.faults.committed.fetch_max(seq, SeqCst);
        Ok(seq)
    }

    fn flush(&self) -> StorageResult<Seq> {
        let seq = self.faults.committed.load(SeqCst);
        if !self.faults.armed.load(SeqCst) {
            self.faults.flushed.store(seq, SeqCst);
            return Ok(seq);
        }
        let mut hold = self.faults.hold_flushes.lock();
        while *hold {
            self.faults.released.wait(&mut hold);
        }
        drop(hold);
        if self.faults.panic_in_flush.load(SeqCst) {
            panic!("the test said so");
        }
        let take = |left: usize| left.checked_sub(1);
        let next = self.faults.fail_next.fetch_update(SeqCst, SeqCst, take).is_ok();
        if next || self.faults.fail_flushes.load(SeqCst) {
            self.faults.committed.store(self.faults.flushed.load(SeqCst), SeqCst);
            self.faults.undone.fetch_add(1, SeqCst);
            self.faults.failed_last.store(true, SeqCst);
            return Err(full());
        }
        self.faults.failed_last.store(false, SeqCst);
        self.faults.flushes.fetch_add(1, SeqCst);
        self.faults.flushed.fetch_max(seq, SeqCst);
        Ok(seq)
    }

    fn sync(&self) -> StorageResult<Seq> {
        let seq = self.flush()?;
        self.faults.syncs.fetch_add(1, SeqCst);
        self.faults.synced.fetch_max(seq, SeqCst);
        Ok(seq)
    }

    fn reopen(&self) -> StorageResult<()> {
        self.memory.reopen()
    }

    fn flushed_seq(&self) -> Seq {
        self.faults.flushed.load(SeqCst)
    }

    fn synced_seq(&self) -> Seq {
        self.faults.synced.load(SeqCst)
    }

    fn committed_seq(&self) -> Seq {
        self.faults.committed.load(SeqCst)
    }

    fn undone(&self) -> u64 {
        self.faults.undone.load(SeqCst)
    }

    fn flush_failure(&self) -> Option<StorageError> {
        self.faults.failed_last.load(SeqCst).then(full)
    }

    fn free_disk_bytes(&self) -> Option<u64> {
        None
    }

    fn checkpoint(&self, directory: &Path) -> StorageResult<()> {
        if self.faults.panic_in_checkpoint.load(SeqCst) {
            panic!("the test said so");
        }
        self.memory.checkpoint(directory)
    }

    fn compact_range(&self, space: Space, range: &ScanRange) -> StorageResult<()> {
        self.memory.compact_range(space, range)
    }

    fn disk_bytes(&self) -> u64 {
        0
    }

    fn memory_bytes(&self) -> u64 {
        0
    }

    fn name(&self) -> &'static str {
        "faulty"
    }

    fn stats(&self) -> Vec<EngineStat> {
        Vec::new()
    }
}
