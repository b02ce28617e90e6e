//! The open group: what was committed and waits for the next write to the log, and what is being
//! written right now. Reads look here before they look into the tree.

use super::families::Families;
use crate::storage::{KeyBytes, Seq, Space};
use bytes::Bytes;
use hashbrown::{HashMap, HashSet};
use rocksdb::WriteBatch;

/// Values from this size on are shared instead of copied.
const LARGE: usize = 1024;
/// A group that had more than this gives its memory back.
const KEPT_BYTES: usize = 1 << 20;
const KEPT_WRITES: usize = 1 << 14;

/// Commits on their way to the log.
#[derive(Default)]
pub(super) struct Group {
    /// The last commit in the group.
    pub(super) last: Seq,
    /// What was written before the last range deletion, that included.
    sealed: WriteBatch,
    /// What was written since, in order.
    writes: Vec<Written>,
    /// Keys and values of `writes`: side by side, and not one allocation for each.
    bytes: Vec<u8>,
    large: Vec<Bytes>,
    /// Written keys of the spaces that the value table does not hold.
    written: HashMap<(Space, Box<[u8]>), Option<Bytes>>,
    deleted_ranges: Vec<(Space, Vec<u8>, Vec<u8>)>,
    pub(super) changed_counters: HashSet<Vec<u8>>,
}

/// A write of a group.
struct Written {
    space: Space,
    /// Where in the group's bytes the key begins.
    begin: usize,
    /// Where it ends, and the value begins.
    middle: usize,
    /// What follows the part that all keys of the group begin with, as a number.
    order: u64,
    value: Value,
}

enum Value {
    Deleted,
    /// Up to here in the group's bytes.
    Copied(usize),
    /// One of the large ones.
    Shared(usize),
    /// One of the large ones; up to `edit_end` in the group's bytes lies what makes it out of the value
    /// before.
    Edited {
        number: usize,
        edit_end: usize,
    },
}

/// One in so many edited values is written whole, so that there are never many edits to a value.
const EDITS_TO_A_VALUE: u32 = 32;

impl Group {
    pub(super) fn is_empty(&self) -> bool {
        self.sealed.is_empty() && self.writes.is_empty() && self.changed_counters.is_empty()
    }

    /// Forgets everything, and keeps the memory for as much again.
    pub(super) fn clear(&mut self) {
        if self.bytes.capacity() > KEPT_BYTES || self.written.capacity() > KEPT_WRITES {
            *self = Group::default();
            return;
        }
        self.written.clear();
        self.deleted_ranges.clear();
        self.changed_counters.clear();
    }

    /// Everything in the group as one batch for RocksDB.
    pub(super) fn take_batch(&mut self, families: &Families) -> WriteBatch {
        self.seal(families);
        std::mem::take(&mut self.sealed)
    }

    /// Appends the writes so far to the batch: in the order of their keys, each key once. Neighbours
    /// are cheaper to put into a memtable one after the other than in any other order.
    fn seal(&mut self, families: &Families) {
        let key = |write: &Written| (write.space, &self.bytes[write.begin..write.middle]);
        let common = self.common_bytes();
        for write in &mut self.writes {
            write.order = number_at(&self.bytes[write.begin + common..write.middle]);
        }
        // A stable sort: of the writes of one key the last one counts.
        self.writes.sort_by(|a, b| {
            let quick = (a.space, a.order).cmp(&(b.space, b.order));
            quick.then_with(|| key(a).1.cmp(key(b).1))
        });
        let mut edits = Vec::new();
        for writes in self.writes.chunk_by(|write, next| key(write) == key(next)) {
            let Some(write) = writes.last() else { continue };
            let (family, key) = (families.of(write.space), key(write).1);
            match write.value {
                Value::Deleted => self.sealed.delete_cf(family, key),
                Value::Copied(end) => self.sealed.put_cf(family, key, &self.bytes[write.middle..end]),
                Value::Shared(number) => self.sealed.put_cf(family, key, &self.large[number]),
                Value::Edited { number, .. } => {
                    let whole = &self.large[number];
                    edits.clear();
                    let only_edits = writes.iter().all(|write| match write.value {
                        Value::Edited { edit_end, .. } => {
                            edits.extend_from_slice(&self.bytes[write.middle..edit_end]);
                            true
                        }
                        _ => false,
                    });
                    let short = edits.len() <= whole.len() / 2 && fastrand::u32(..EDITS_TO_A_VALUE) != 0;
                    if only_edits && short {
                        self.sealed.merge_cf(family, key, &edits);
                    } else {
                        self.sealed.put_cf(family, key, whole);
                    }
                }
            }
        }
        self.writes.clear();
        self.bytes.clear();
        self.large.clear();
    }

    /// How many bytes all keys of the writes have in common at their beginning.
    fn common_bytes(&self) -> usize {
        let key = |write: &Written| &self.bytes[write.begin..write.middle];
        let Some((first, rest)) = self.writes.split_first() else { return 0 };
        let first = key(first);
        rest.iter().fold(first.len(), |common, write| {
            let pairs = first[..common].iter().zip(key(write));
            pairs.take_while(|(a, b)| a == b).count()
        })
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

    /// Adds a write, and what makes the value out of the one before, if that is known. Reads find it in
    /// the value table, or, if its space is not kept there, here.
    pub(super) fn write(&mut self, space: Space, key: KeyBytes, value: Option<Bytes>, edit: Option<Vec<u8>>) {
        if !is_in_table(space) {
            self.written.insert((space, key.as_slice().into()), value.clone());
        }
        let begin = self.bytes.len();
        self.bytes.extend_from_slice(&key);
        let middle = self.bytes.len();
        let value = match (value, edit) {
            (None, _) => Value::Deleted,
            (Some(value), Some(edit)) => {
                self.large.push(value);
                self.bytes.extend_from_slice(&edit);
                Value::Edited { number: self.large.len() - 1, edit_end: self.bytes.len() }
            }
            (Some(value), None) if value.len() < LARGE => {
                self.bytes.extend_from_slice(&value);
                Value::Copied(self.bytes.len())
            }
            (Some(value), None) => {
                self.large.push(value);
                Value::Shared(self.large.len() - 1)
            }
        };
        self.writes.push(Written { space, begin, middle, order: 0, value });
    }

    pub(super) fn delete_range(&mut self, families: &Families, space: Space, from: Vec<u8>, to: Vec<u8>) {
        self.seal(families);
        self.sealed.delete_range_cf(families.of(space), &from, &to);
        self.written.retain(|(of, key), _| *of != space || **key < *from || **key >= *to);
        if !is_in_table(space) {
            self.deleted_ranges.push((space, from, to));
        }
    }
}

/// Whether the value table keeps the keys of a space.
pub(super) fn is_in_table(space: Space) -> bool {
    match space {
        Space::Meta | Space::Data | Space::Index | Space::Blob => true,
        // Deadlines are only walked along; counters have a place of their own.
        Space::Expiry | Space::System => false,
    }
}

/// The first 8 bytes as a number that orders as they do; missing ones count as zero.
fn number_at(bytes: &[u8]) -> u64 {
    let mut number = [0; 8];
    let len = bytes.len().min(8);
    number[..len].copy_from_slice(&bytes[..len]);
    u64::from_be_bytes(number)
}

/// A key to look up without owning it.
#[derive(Hash)]
struct Wanted<'a>(Space, &'a [u8]);

impl hashbrown::Equivalent<(Space, Box<[u8]>)> for Wanted<'_> {
    fn equivalent(&self, (space, key): &(Space, Box<[u8]>)) -> bool {
        self.0 == *space && *self.1 == **key
    }
}
