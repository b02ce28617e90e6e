//! The memory engine: ordered maps under one lock. For tests, for embedding without a disk, and as
//! the model the other engines are held against. `flush` and `sync` keep promises about nothing.

use super::engine::*;
use bytes::Bytes;
use parking_lot::RwLock;
use std::collections::BTreeMap;
use std::ops::Bound;
use std::path::Path;
use std::sync::Arc;

type Table = BTreeMap<Vec<u8>, Bytes>;

#[derive(Default)]
struct State {
    /// A scan keeps the table it began on; whoever writes meanwhile copies it once.
    tables: [Arc<Table>; Space::COUNT],
    seq: Seq,
}

/// An engine that keeps everything in memory.
#[derive(Default)]
pub struct MemoryEngine {
    state: RwLock<State>,
}

impl MemoryEngine {
    /// An empty engine.
    pub fn new() -> MemoryEngine {
        MemoryEngine::default()
    }
}

/// Reads a counter's stored bytes.
fn decode_counter(bytes: &[u8]) -> i64 {
    bytes.try_into().map_or(0, i64::from_be_bytes)
}

impl Engine for MemoryEngine {
    fn get(&self, space: Space, key: &[u8], _tier: ReadTier) -> StorageResult<Option<Bytes>> {
        Ok(self.state.read().tables[space as usize].get(key).cloned())
    }

    fn scan(
        &self,
        space: Space,
        range: &ScanRange,
        direction: Direction,
        _tier: ReadTier,
    ) -> StorageResult<Box<dyn Scan + '_>> {
        let empty = range.to.as_deref().is_some_and(|to| to <= range.from.as_slice());
        let rest = (!empty).then(|| {
            let to = range.to.clone().map_or(Bound::Unbounded, Bound::Excluded);
            (Bound::Included(range.from.clone()), to)
        });
        let table = self.state.read().tables[space as usize].clone();
        Ok(Box::new(MemoryScan { table, rest, direction }))
    }

    fn counter(&self, key: &[u8]) -> StorageResult<i64> {
        let state = self.state.read();
        Ok(state.tables[Space::System as usize].get(key).map_or(0, |bytes| decode_counter(bytes)))
    }

    fn commit(&self, batch: Batch) -> StorageResult<Seq> {
        let mut state = self.state.write();
        for (space, from, to) in batch.deleted_ranges {
            let table = Arc::make_mut(&mut state.tables[space as usize]);
            if from < to {
                let doomed: Vec<Vec<u8>> = table.range(from..to).map(|(key, _)| key.clone()).collect();
                doomed.iter().for_each(|key| drop(table.remove(key)));
            }
        }
        for (space, key, value) in batch.writes {
            let table = Arc::make_mut(&mut state.tables[space as usize]);
            match value {
                Some(value) => drop(table.insert(key.into_vec(), value)),
                None => drop(table.remove(key.as_slice())),
            }
        }
        for (key, delta) in batch.additions {
            let table = Arc::make_mut(&mut state.tables[Space::System as usize]);
            let sum = table.get(&key).map_or(0, |bytes| decode_counter(bytes)) + delta;
            table.insert(key, Bytes::copy_from_slice(&sum.to_be_bytes()));
        }
        state.seq += 1;
        Ok(state.seq)
    }

    fn flush(&self) -> StorageResult<Seq> {
        Ok(self.flushed_seq())
    }

    fn sync(&self) -> StorageResult<Seq> {
        Ok(self.flushed_seq())
    }

    fn reopen(&self) -> StorageResult<()> {
        Ok(())
    }

    fn flushed_seq(&self) -> Seq {
        self.state.read().seq
    }

    fn synced_seq(&self) -> Seq {
        self.flushed_seq()
    }

    fn undone(&self) -> u64 {
        0
    }

    fn flush_failure(&self) -> Option<StorageError> {
        None
    }

    fn committed_seq(&self) -> Seq {
        self.flushed_seq()
    }

    fn checkpoint(&self, _directory: &Path) -> StorageResult<()> {
        Err(StorageError::Io("the memory engine keeps nothing on disk".into()))
    }

    fn compact_range(&self, _space: Space, _range: &ScanRange) -> StorageResult<()> {
        Ok(())
    }

    fn disk_bytes(&self) -> u64 {
        0
    }

    fn free_disk_bytes(&self) -> Option<u64> {
        None
    }

    fn memory_bytes(&self) -> u64 {
        let state = self.state.read();
        let bytes = |table: &Table| table.iter().map(|(key, value)| key.len() + value.len()).sum::<usize>();
        state.tables.iter().map(|table| bytes(table)).sum::<usize>() as u64
    }

    fn name(&self) -> &'static str {
        "memory"
    }

    fn stats(&self) -> Vec<EngineStat> {
        Vec::new()
    }
}

type Rest = (Bound<Vec<u8>>, Bound<Vec<u8>>);

struct MemoryScan {
    table: Arc<Table>,
    /// What is still to come.
    rest: Option<Rest>,
    direction: Direction,
}

impl Scan for MemoryScan {
    fn next(&mut self) -> StorageResult<Option<(&[u8], &[u8])>> {
        let Some((from, to)) = &mut self.rest else { return Ok(None) };
        let mut range =
            self.table.range::<[u8], _>((from.as_ref().map(Vec::as_slice), to.as_ref().map(Vec::as_slice)));
        let pair = match self.direction {
            Direction::Forward => range.next(),
            Direction::Backward => range.next_back(),
        };
        if let Some((key, _)) = pair {
            *(if self.direction == Direction::Forward { from } else { to }) = Bound::Excluded(key.clone());
        }
        Ok(pair.map(|(key, value)| (key.as_slice(), value.as_ref())))
    }
}
