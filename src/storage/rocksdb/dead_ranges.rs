//! Deleted ranges that the value table has not been cleared of. A range is a whole value, or a whole
//! namespace, so it may hold millions of keys, while the table is hashed: it cannot walk one.

use crate::storage::{Seq, Space, prefix_end};
use hashbrown::HashMap;
use parking_lot::RwLock;
use std::sync::atomic::{AtomicUsize, Ordering};

/// So many that are no whole values are as many as a look at each of them may take.
const MANY: usize = 512;

/// A namespace and a version, which is what the keys of one value begin with.
const VALUE_PREFIX: usize = 12;

type Prefix = [u8; VALUE_PREFIX];

#[derive(Default)]
pub(super) struct DeadRanges {
    ranges: RwLock<Ranges>,
    /// How many there are, to look at without the lock: mostly none.
    count: AtomicUsize,
}

/// Ranges and the commits that deleted them.
#[derive(Default, Clone)]
pub(super) struct Ranges {
    values: HashMap<(Space, Prefix), Seq>,
    others: Vec<(Space, Vec<u8>, Vec<u8>, Seq)>,
}

impl DeadRanges {
    /// The last commit that deleted a range with the key in it.
    pub(super) fn at(&self, space: Space, key: &[u8]) -> Option<Seq> {
        if self.count.load(Ordering::Acquire) == 0 { None } else { self.ranges.read().at(space, key) }
    }

    /// Adds a range. Returns whether the table must be cleared of them now, as every look at a key that is
    /// not in the table takes the longer the more there are. Those of whole values cost nothing.
    pub(super) fn add(&self, space: Space, from: &[u8], to: &[u8], seq: Seq) -> bool {
        let mut ranges = self.ranges.write();
        let is_value = match Prefix::try_from(from) {
            Ok(prefix) if prefix_end(from).is_some_and(|end| end == to) => {
                ranges.values.insert((space, prefix), seq);
                true
            }
            _ => {
                ranges.others.push((space, from.to_vec(), to.to_vec(), seq));
                false
            }
        };
        self.count.store(ranges.len(), Ordering::Release);
        !is_value && ranges.others.len().is_multiple_of(MANY)
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.count.load(Ordering::Acquire)
    }

    /// The ranges that the tree knows of.
    pub(super) fn flushed(&self, flushed: Seq) -> Ranges {
        let mut ranges = self.ranges.read().clone();
        ranges.retain(|_, seq| seq <= flushed);
        ranges
    }

    /// Forgets ranges that the table has been cleared of.
    pub(super) fn remove(&self, gone: &Ranges) {
        self.retain(|range, seq| !gone.has(range, seq));
    }

    /// Forgets the commits after `flushed`: they never happened.
    pub(super) fn undo(&self, flushed: Seq) {
        self.retain(|_, seq| seq <= flushed);
    }

    fn retain(&self, keep: impl Fn((Space, &[u8]), Seq) -> bool) {
        let mut ranges = self.ranges.write();
        ranges.retain(keep);
        self.count.store(ranges.len(), Ordering::Release);
    }
}

impl Ranges {
    pub(super) fn len(&self) -> usize {
        self.values.len() + self.others.len()
    }

    /// The last commit that deleted a range with the key in it.
    pub(super) fn at(&self, space: Space, key: &[u8]) -> Option<Seq> {
        let value = key.first_chunk().and_then(|prefix| self.values.get(&(space, *prefix))).copied();
        let covers = |(of, from, to, _): &&(Space, Vec<u8>, Vec<u8>, Seq)| {
            *of == space && key >= from.as_slice() && key < to.as_slice()
        };
        let other = self.others.iter().filter(covers).map(|(.., seq)| *seq).max();
        value.max(other)
    }

    fn has(&self, (space, from): (Space, &[u8]), seq: Seq) -> bool {
        let value = Prefix::try_from(from).ok().and_then(|prefix| self.values.get(&(space, prefix)));
        let is_it =
            |other: &(Space, Vec<u8>, Vec<u8>, Seq)| (other.0, &*other.1, other.3) == (space, from, seq);
        value == Some(&seq) || self.others.iter().any(is_it)
    }

    /// Keeps ranges by their space and beginning, and their commit.
    fn retain(&mut self, keep: impl Fn((Space, &[u8]), Seq) -> bool) {
        self.values.retain(|(space, prefix), seq| keep((*space, prefix), *seq));
        self.others.retain(|(space, from, _, seq)| keep((*space, from), *seq));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_cover_what_lies_in_them_until_they_are_gone() {
        let dead = DeadRanges::default();
        let prefix = [7; VALUE_PREFIX];
        let member = [&prefix[..], b"member"].concat();
        assert_eq!(dead.at(Space::Data, &member), None);
        assert!(!dead.add(Space::Data, &prefix, &prefix_end(&prefix).unwrap(), 3));
        dead.add(Space::Index, b"b", b"d", 4);
        dead.add(Space::Index, b"c", b"e", 5);
        assert_eq!(dead.at(Space::Data, &member), Some(3));
        assert_eq!(dead.at(Space::Blob, &member), None);
        assert_eq!(
            [b"a", b"b", b"c", b"d", b"e"].map(|key| dead.at(Space::Index, key)),
            [None, Some(4), Some(5), Some(5), None]
        );
        dead.undo(4);
        assert_eq!(dead.at(Space::Index, b"d"), None);
        let flushed = dead.flushed(3);
        assert_eq!((flushed.at(Space::Data, &member), flushed.at(Space::Index, b"b")), (Some(3), None));
        dead.remove(&flushed);
        assert_eq!((dead.at(Space::Data, &member), dead.at(Space::Index, b"b")), (None, Some(4)));
    }
}
