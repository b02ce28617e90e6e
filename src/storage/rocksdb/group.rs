//! The open group: what was committed and waits for the next write to the log, and what is being
//! written right now. Reads look here before they look into the tree.

use super::families::Families;
use crate::storage::{KeyBytes, Seq, Space};
use bytes::Bytes;
use hashbrown::{HashMap, HashSet};
use rocksdb::WriteBatch;

/// Commits on their way to the log.
#[derive(Default)]
pub(super) struct Group {
    /// The last commit in the group.
    pub(super) last: Seq,
    /// What was written before the last range deletion, that included.
    sealed: WriteBatch,
    /// What was written since, in order.
    writes: Vec<(Space, KeyBytes, Option<Bytes>)>,
    /// Written keys of the spaces that the value table does not hold.
    written: HashMap<(Space, Box<[u8]>), Option<Bytes>>,
    deleted_ranges: Vec<(Space, Vec<u8>, Vec<u8>)>,
    pub(super) changed_counters: HashSet<Vec<u8>>,
}

impl Group {
    pub(super) fn is_empty(&self) -> bool {
        self.sealed.is_empty() && self.writes.is_empty() && self.changed_counters.is_empty()
    }

    /// Everything in the group as one batch for RocksDB.
    pub(super) fn take_batch(&mut self, families: &Families) -> WriteBatch {
        self.seal(families);
        std::mem::take(&mut self.sealed)
    }

    /// Appends the writes so far to the batch: in the order of their keys, each key once. Neighbours
    /// are cheaper to put into a memtable one after the other than in any other order.
    fn seal(&mut self, families: &Families) {
        let writes = &self.writes;
        let key = |position: u32| (writes[position as usize].0, writes[position as usize].1.as_slice());
        let mut order: Vec<u32> = (0..writes.len() as u32).collect();
        order.sort_unstable_by(|a, b| key(*a).cmp(&key(*b)).then(a.cmp(b)));
        for (place, position) in order.iter().enumerate() {
            if order.get(place + 1).is_some_and(|next| key(*next) == key(*position)) {
                continue; // overwritten later in the group
            }
            let (space, key, value) = &writes[*position as usize];
            match value {
                Some(value) => self.sealed.put_cf(families.of(*space), key, value),
                None => self.sealed.delete_cf(families.of(*space), key),
            }
        }
        self.writes.clear();
    }

    pub(super) fn get(&self, space: Space, key: &[u8]) -> Option<Option<Bytes>> {
        if let Some((_, value)) = self.written.get_key_value(&Wanted(space, key)) {
            return Some(value.clone());
        }
        let covered = |(of, from, to): &(Space, Vec<u8>, Vec<u8>)| {
            *of == space && key >= from.as_slice() && key < to.as_slice()
        };
        self.deleted_ranges.iter().any(covered).then_some(None)
    }

    /// Adds a write. Reads of headers find it in the value table, reads of the others here.
    pub(super) fn write(&mut self, space: Space, key: KeyBytes, value: Option<Bytes>) {
        if space != Space::Meta {
            self.written.insert((space, key.as_slice().into()), value.clone());
        }
        self.writes.push((space, key, value));
    }

    pub(super) fn delete_range(&mut self, families: &Families, space: Space, from: Vec<u8>, to: Vec<u8>) {
        self.seal(families);
        self.sealed.delete_range_cf(families.of(space), &from, &to);
        self.written.retain(|(of, key), _| *of != space || **key < *from || **key >= *to);
        self.deleted_ranges.push((space, from, to));
    }
}

/// A key to look up without owning it.
#[derive(Hash)]
struct Wanted<'a>(Space, &'a [u8]);

impl hashbrown::Equivalent<(Space, Box<[u8]>)> for Wanted<'_> {
    fn equivalent(&self, (space, key): &(Space, Box<[u8]>)) -> bool {
        self.0 == *space && *self.1 == **key
    }
}
