//! Reading entries one after the other.

use super::page::{Inner, Leaf};
use super::{Pages, Tree};
use crate::error::Result;
use bytes::Bytes;
use smallvec::SmallVec;
use std::ops::Range;

/// A node on the way to the leaf, and the rank of the first entry below it.
struct Level {
    inner: Inner,
    start: u64,
}

/// Reads entries by rank. The next one to either side costs O(1), any other O(log n).
pub struct Cursor<'a> {
    tree: &'a Tree,
    pages: &'a dyn Pages,
    /// From the root down.
    levels: SmallVec<[Level; 4]>,
    leaf: Leaf,
    /// The rank of the first entry of the leaf.
    start: u64,
    /// The entry of the leaf that was read last, and where it begins.
    index: usize,
    offset: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(tree: &'a Tree, pages: &'a dyn Pages) -> Cursor<'a> {
        Cursor { tree, pages, levels: SmallVec::new(), leaf: Leaf::empty(), start: 0, index: 0, offset: 0 }
    }

    /// The entry at a place, borrowed until the next call.
    pub fn get(&mut self, rank: u64) -> Result<Option<&[u8]>> {
        Ok(match self.seek(rank)? {
            Some(length) => Some(self.leaf.bytes_at(self.offset, length)),
            None => None,
        })
    }

    /// The entry at a place; it keeps its page in memory.
    pub fn entry(&mut self, rank: u64) -> Result<Option<Bytes>> {
        Ok(self.seek(rank)?.map(|length| self.leaf.slice_at(self.offset, length)))
    }

    /// Shows the entries of a range of places to `visit`, in order.
    pub fn walk(&mut self, ranks: Range<u64>, mut visit: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
        let end = ranks.end.min(self.tree.len());
        let mut rank = ranks.start;
        while rank < end {
            self.seek(rank)?;
            let last = ((end - self.start) as usize).min(self.leaf.count());
            self.leaf.walk(self.index..last, self.offset, &mut visit)?;
            rank = self.start + last as u64;
        }
        Ok(())
    }

    /// Goes to an entry; returns its length.
    fn seek(&mut self, rank: u64) -> Result<Option<usize>> {
        if rank >= self.tree.len() {
            return Ok(None);
        }
        if rank < self.start || rank - self.start >= self.leaf.count() as u64 {
            self.load(rank)?;
        }
        let index = (rank - self.start) as usize;
        if index == self.index + 1 {
            self.offset += self.leaf.length(self.index);
        } else if index + 1 == self.index {
            self.offset -= self.leaf.length(index);
        } else if index != self.index {
            self.offset = self.leaf.offset(index);
        }
        self.index = index;
        Ok(Some(self.leaf.length(index)))
    }

    /// Reads the leaf that holds the entry at `rank`, and of the nodes above it those that the
    /// cursor does not hold.
    fn load(&mut self, rank: u64) -> Result<()> {
        let holds = |level: &Level| rank >= level.start && rank - level.start < level.inner.total();
        while self.levels.last().is_some_and(|level| !holds(level)) {
            self.levels.pop();
        }
        let mut link = self.tree.root_link();
        let mut start = 0;
        // The levels that are there are walked through for the link that leads on.
        for depth in 0..self.tree.root.height {
            if depth == self.levels.len() {
                let inner = self.tree.inner(self.pages, link)?;
                self.levels.push(Level { inner, start });
            }
            if let Some(level) = self.levels.get(depth) {
                let (index, before) = level.inner.child_at(rank - level.start);
                link = level.inner.link(index);
                start = level.start + before;
            }
        }
        self.leaf = self.tree.leaf(self.pages, link)?;
        (self.start, self.index, self.offset) = (start, 0, 0);
        Ok(())
    }
}

/// The entries of a range of ranks. After an error there are no more.
pub struct Entries<'a> {
    cursor: Cursor<'a>,
    ranks: Range<u64>,
}

impl<'a> Entries<'a> {
    pub(super) fn new(cursor: Cursor<'a>, ranks: Range<u64>) -> Entries<'a> {
        Entries { cursor, ranks }
    }

    fn entry(&mut self, rank: Option<u64>) -> Option<Result<Bytes>> {
        let entry = self.cursor.entry(rank?).transpose();
        if !matches!(entry, Some(Ok(_))) {
            self.ranks = 0..0;
        }
        entry
    }
}

impl Iterator for Entries<'_> {
    type Item = Result<Bytes>;

    fn next(&mut self) -> Option<Result<Bytes>> {
        let rank = self.ranks.next();
        self.entry(rank)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.ranks.size_hint()
    }
}

impl DoubleEndedIterator for Entries<'_> {
    fn next_back(&mut self) -> Option<Result<Bytes>> {
        let rank = self.ranks.next_back();
        self.entry(rank)
    }
}
