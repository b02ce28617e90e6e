//! The open group: what was committed and waits for the next write to the log, and what is being
//! written right now. Reads look here before they look into the tree.

use crate::storage::{Seq, Space};
use bytes::Bytes;
use hashbrown::{HashMap, HashSet};
use rocksdb::WriteBatch;

/// Commits on their way to the log.
#[derive(Default)]
pub(super) struct Group {
    pub(super) batch: WriteBatch,
    /// The last commit in the batch.
    pub(super) last: Seq,
    /// Written keys of the spaces that the value table does not hold.
    written: HashMap<(Space, Box<[u8]>), Option<Bytes>>,
    deleted_ranges: Vec<(Space, Vec<u8>, Vec<u8>)>,
    pub(super) changed_counters: HashSet<Vec<u8>>,
}

impl Group {
    pub(super) fn is_empty(&self) -> bool {
        self.batch.is_empty() && self.changed_counters.is_empty()
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

    pub(super) fn write(&mut self, space: Space, key: &[u8], value: Option<Bytes>) {
        self.written.insert((space, key.into()), value);
    }

    pub(super) fn delete_range(&mut self, space: Space, from: Vec<u8>, to: Vec<u8>) {
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
