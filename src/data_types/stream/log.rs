//! The entries of a stream in order: a counted tree, and behind it the **tail**, which lies in the
//! header as a whole. What is appended goes into the tail, so that it costs no more than writing the
//! header; a tail that has become long goes into the tree.

use super::entry;
use crate::data_types::tree::{Limits, Pages, PagesMut, Root, Tree};
use crate::encoding::stream_id::StreamId;
use crate::encoding::{DecodeError, varint};
use crate::error::Result;
use bytes::{Buf, Bytes};
use std::ops::Range;

/// Bytes of a tail that goes into the tree.
const TAIL_BYTES: usize = 512;

/// The root is written with every change, so it is small.
pub(super) const LIMITS: Limits = Limits { root_bytes: 512, root_children: 8, ..Limits::BYTEWISE };

/// How large the tail may become is not for the tree to say.
const TAIL_LIMITS: Limits = Limits { root_bytes: usize::MAX, root_entries: usize::MAX, ..Limits::BYTEWISE };

/// The entries of one stream.
pub struct Log {
    pub(super) tree: Tree,
    pub(super) tail: Tree,
    /// What the entries of the tail take.
    tail_bytes: usize,
}

impl Log {
    /// One without entries.
    pub fn empty() -> Log {
        Log { tree: Tree::new(LIMITS), tail: Tree::new(TAIL_LIMITS), tail_bytes: 0 }
    }

    /// Reads what [`Log::finish`] left.
    ///
    /// # Errors
    /// When the bytes are not those of it.
    pub fn decode(mut bytes: Bytes) -> Result<Log> {
        const BAD: DecodeError = DecodeError { what: "entries of a stream" };
        let mut rest: &[u8] = &bytes;
        let len = varint::take(&mut rest)?;
        let front = bytes.len() - rest.len();
        if len > rest.len() as u64 {
            return Err(BAD.into());
        }
        bytes.advance(front);
        let root = bytes.split_to(len as usize);
        let tail_bytes = bytes.len();
        let tail = Root::decode(bytes)?;
        if tail.has_pages() {
            return Err(BAD.into());
        }
        Ok(Log {
            tree: Tree::open(Root::decode(root)?, LIMITS),
            tail: Tree::open(tail, TAIL_LIMITS),
            tail_bytes,
        })
    }

    /// Writes the pages that have changed; adds to `out` what the header keeps. Returns whether there
    /// are pages.
    pub fn finish(self, pages: &mut dyn PagesMut, out: &mut Vec<u8>) -> bool {
        let root = self.tree.finish(pages);
        let tail = self.tail.finish(pages);
        let bytes = root.encode();
        out.reserve_exact(varint::MAX_BYTES + bytes.len() + tail.max_encoded_len());
        varint::put(out, bytes.len() as u64);
        out.extend_from_slice(&bytes);
        tail.encode_into(out);
        root.has_pages()
    }

    /// How many entries there are.
    pub fn len(&self) -> u64 {
        self.tree.len() + self.tail.len()
    }

    /// Puts an entry behind all others. Mostly O(1).
    pub fn push(&mut self, pages: &dyn Pages, entry: &[u8]) -> Result<()> {
        self.tail.push_back(pages, entry)?;
        self.tail_bytes += entry.len();
        if self.tail_bytes > TAIL_BYTES {
            let entries: Vec<Bytes> = self.tail.entries(pages, 0..self.tail.len()).collect::<Result<_>>()?;
            self.tree.extend_back(pages, entries)?;
            (self.tail, self.tail_bytes) = (Tree::new(TAIL_LIMITS), 0);
        }
        Ok(())
    }

    /// The entries of a range of places, from either end. Pages are read when they are reached.
    pub fn entries<'a>(
        &'a self,
        pages: &'a dyn Pages,
        ranks: Range<u64>,
    ) -> impl DoubleEndedIterator<Item = Result<Bytes>> + 'a {
        let (in_tree, in_tail) = self.part(ranks);
        self.tree.entries(pages, in_tree).chain(self.tail.entries(pages, in_tail))
    }

    /// A range of places as those in the tree and those in the tail.
    fn part(&self, ranks: Range<u64>) -> (Range<u64>, Range<u64>) {
        let split = self.tree.len();
        let in_tree = ranks.start.min(split)..ranks.end.min(split);
        (in_tree, ranks.start.saturating_sub(split)..ranks.end.saturating_sub(split))
    }

    /// How many entries stand before an id, and the entry that has it. O(log n).
    pub fn find(&self, pages: &dyn Pages, id: StreamId) -> Result<(u64, Option<Bytes>)> {
        let in_tail = match self.tail.get(pages, 0)? {
            Some(first) => entry::id_of(&first)? <= id,
            None => false,
        };
        let (tree, before) = if in_tail { (&self.tail, self.tree.len()) } else { (&self.tree, 0) };
        let found = tree.search(pages, |stored| entry::order(stored, id))?;
        Ok((before + found.rank, found.entry))
    }

    /// The entry at a place. O(log n).
    pub fn get(&self, pages: &dyn Pages, rank: u64) -> Result<Option<Bytes>> {
        match rank.checked_sub(self.tree.len()) {
            None => self.tree.get(pages, rank),
            Some(rank) => self.tail.get(pages, rank),
        }
    }

    /// Takes out the entries of a range of places and shows them to `sink`. O(log n + entries).
    pub fn drain(&mut self, pages: &dyn Pages, ranks: Range<u64>, mut sink: impl FnMut(Bytes)) -> Result<()> {
        let (in_tree, in_tail) = self.part(ranks);
        self.tree.drain_range(pages, in_tree, &mut sink)?;
        let mut bytes = 0;
        self.tail.drain_range(pages, in_tail, |entry| {
            bytes += entry.len();
            sink(entry);
        })?;
        self.tail_bytes = self.tail_bytes.saturating_sub(bytes);
        Ok(())
    }

    /// Takes out the entries of a range of places, and does not read what goes as a whole.
    /// O(log n + pages).
    pub fn remove(&mut self, pages: &dyn Pages, ranks: Range<u64>) -> Result<()> {
        let (in_tree, in_tail) = self.part(ranks);
        self.tree.remove_range(pages, in_tree)?;
        self.drain_tail(pages, in_tail)
    }

    fn drain_tail(&mut self, pages: &dyn Pages, ranks: Range<u64>) -> Result<()> {
        let split = self.tree.len();
        self.drain(pages, ranks.start + split..ranks.end + split, |_| ())
    }
}
