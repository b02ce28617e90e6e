//! Arrays: values at indices from 0 to 2⁶⁴ − 2. An array is a counted tree ([`super::tree`]) of what is
//! there, in the order of the indices; what is not there takes nothing, wherever it is
//! (`docs/adr/0015-arrays.md`).
//!
//! The header keeps, before the root of the tree: twice the number of values that are kept apart, plus
//! 1 if something was inserted (varint), and then where (8 bytes, big-endian). An array without pages
//! and without values apart has no version.
//!
//! | entry | bytes |
//! |---|---|
//! | value | index (8, big-endian), 0 (1), the value |
//! | value kept apart | index (8, big-endian), 1 (1), number (8, big-endian), length (varint) |
//!
//! A value kept apart lies in `Space::Blob`, under the number behind the version of its array.

mod aggregate;
mod check;
mod edit;
mod slices;
#[cfg(test)]
mod tests;

pub use aggregate::{Aggregate, Aggregation, Answer};
pub use check::check;
pub use edit::{Edit, put};
pub use slices::{Slices, slices};

use super::list::element::{Entry, apart_key};
use super::pages::{self, ReadPages};
use super::tree::{Limits, Root, Tree};
use crate::encoding::keys::Namespace;
use crate::encoding::meta::Meta;
use crate::encoding::numbers::Kind;
use crate::encoding::{DecodeError, DecodeResult, varint};
use crate::error::Result;
use crate::keyspace::tx::ReadTx;
use crate::storage::Space;
use bytes::{Buf, Bytes};
use std::cmp::Ordering;
use std::ops::{ControlFlow, Range};

/// The last index there can be.
pub const MAX_INDEX: u64 = u64::MAX - 1;

/// Bytes of an index.
const INDEX_BYTES: usize = 8;

const BAD: DecodeError = DecodeError { what: "array" };

/// Redis' name for how it keeps an array.
pub const ENCODING: &str = "sliced-array";

/// What the header keeps before the tree.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Head {
    /// Values kept apart.
    apart: u64,
    /// Where the last value was inserted.
    cursor: Option<u64>,
}

impl Head {
    fn encode(self, root: &[u8]) -> Bytes {
        let mut out = Vec::with_capacity(varint::MAX_BYTES + INDEX_BYTES + root.len());
        varint::put(&mut out, self.apart << 1 | u64::from(self.cursor.is_some()));
        if let Some(cursor) = self.cursor {
            out.extend_from_slice(&cursor.to_be_bytes());
        }
        out.extend_from_slice(root);
        out.into()
    }

    /// The head, and the bytes of the root behind it.
    fn decode(mut inline: Bytes) -> DecodeResult<(Head, Bytes)> {
        let mut rest: &[u8] = &inline;
        let first = varint::take(&mut rest)?;
        let mut head = Head { apart: first >> 1, cursor: None };
        if first & 1 == 1 {
            let (cursor, after) = rest.split_first_chunk().ok_or(BAD)?;
            head.cursor = Some(u64::from_be_bytes(*cursor));
            rest = after;
        }
        let front = inline.len() - rest.len();
        inline.advance(front);
        Ok((head, inline))
    }
}

/// What an entry or a separator of the tree has of an index.
fn index_bytes(stored: &[u8]) -> &[u8] {
    &stored[..stored.len().min(INDEX_BYTES)]
}

/// How an entry or a separator of the tree lies to an index.
fn order(stored: &[u8], index: u64) -> Ordering {
    index_bytes(stored).cmp(index.to_be_bytes().as_slice())
}

/// The index of an entry, and where its value is.
fn decode(mut entry: Bytes) -> Result<(u64, Entry)> {
    let index = entry.first_chunk().map(|index| u64::from_be_bytes(*index)).ok_or(BAD)?;
    entry.advance(INDEX_BYTES);
    Ok((index, Entry::decode(entry)?))
}

/// The indices between two, both included, in one direction or the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    pub low: u64,
    pub high: u64,
    pub reverse: bool,
}

impl Span {
    /// From `start` to `end`; backwards when that is below.
    pub fn new(start: u64, end: u64) -> Span {
        Span { low: start.min(end), high: start.max(end), reverse: start > end }
    }

    /// How many indices, and the most that can be said of all of them.
    pub fn len(&self) -> u64 {
        (self.high - self.low).saturating_add(1)
    }

    /// Never.
    pub fn is_empty(&self) -> bool {
        false
    }
}

/// An array as a command sees it.
pub struct Array {
    namespace: Namespace,
    version: u64,
    head: Head,
    tree: Tree,
}

impl Array {
    /// The array of a key. One read.
    ///
    /// # Errors
    /// [`crate::error::Error::WrongType`].
    pub fn get(tx: &ReadTx, key: &[u8]) -> Result<Option<Array>> {
        let meta = tx.meta_of(key, Kind::Array)?;
        meta.map(|meta| Array::of(tx.namespace(), Some(&meta))).transpose()
    }

    /// The array of a header, or an empty one.
    pub fn of(namespace: Namespace, meta: Option<&Meta>) -> Result<Array> {
        let (head, tree) = match meta {
            Some(meta) => {
                let (head, root) = Head::decode(meta.inline.clone())?;
                (head, Tree::open(Root::decode(root)?, Limits::BYTEWISE))
            }
            None => (Head::default(), Tree::new(Limits::BYTEWISE)),
        };
        Ok(Array { namespace, version: pages::version_of(meta), head, tree })
    }

    fn pages<'a>(&self, tx: &'a ReadTx<'a>) -> ReadPages<'a> {
        ReadPages::new(tx, self.namespace, self.version, &[])
    }

    /// How many values there are. O(1).
    pub fn count(&self) -> u64 {
        self.tree.len()
    }

    /// Where the last value was inserted, if one was.
    pub fn cursor(&self) -> Option<u64> {
        self.head.cursor
    }

    /// The highest index that is used. O(log n).
    pub fn last_index(&self, tx: &ReadTx) -> Result<Option<u64>> {
        let Some(last) = self.count().checked_sub(1) else { return Ok(None) };
        self.index_at(tx, last).map(Some)
    }

    /// One more than the highest index that is used. O(log n).
    pub fn length(&self, tx: &ReadTx) -> Result<u64> {
        Ok(self.last_index(tx)?.map_or(0, |last| last + 1))
    }

    /// The index of the value of a rank, which is there.
    fn index_at(&self, tx: &ReadTx, rank: u64) -> Result<u64> {
        let entry = self.tree.get(&self.pages(tx), rank)?.ok_or(BAD)?;
        Ok(decode(entry)?.0)
    }

    /// How many values stand before an index.
    fn rank_of(&self, tx: &ReadTx, index: u64) -> Result<u64> {
        Ok(self.tree.search(&self.pages(tx), |stored| order(stored, index))?.rank)
    }

    /// The ranks of what there is of a span. O(log n).
    fn ranks(&self, tx: &ReadTx, span: Span) -> Result<Range<u64>> {
        let start = self.rank_of(tx, span.low)?;
        // Behind the last index there can be, there is nothing.
        let end = if span.high >= MAX_INDEX { self.count() } else { self.rank_of(tx, span.high + 1)? };
        Ok(start..end)
    }

    /// How many indices of a span are used. O(log n).
    pub fn used(&self, tx: &ReadTx, span: Span) -> Result<u64> {
        let ranks = self.ranks(tx, span)?;
        Ok(ranks.end - ranks.start)
    }

    fn value(&self, tx: &ReadTx, entry: Entry) -> Result<Bytes> {
        match entry {
            Entry::Inline(value) => Ok(value),
            Entry::Apart { number, .. } => {
                let missing = DecodeError { what: "array without one of its values" };
                Ok(tx.get(Space::Blob, &apart_key(self.namespace, self.version, number))?.ok_or(missing)?)
            }
        }
    }

    /// The value at an index. O(log n).
    pub fn at(&self, tx: &ReadTx, index: u64) -> Result<Option<Bytes>> {
        let found = self.tree.search(&self.pages(tx), |stored| order(stored, index))?;
        found.entry.map(|entry| self.value(tx, decode(entry)?.1)).transpose()
    }

    /// Shows the values of a span to `visit` until that has seen enough. O(log n + values).
    pub fn visit(
        &self,
        tx: &ReadTx,
        span: Span,
        mut visit: impl FnMut(u64, Bytes) -> Result<ControlFlow<()>>,
    ) -> Result<()> {
        let ranks = self.ranks(tx, span)?;
        let pages = self.pages(tx);
        let mut entries = self.tree.entries(&pages, ranks);
        while let Some(entry) = if span.reverse { entries.next_back() } else { entries.next() } {
            let (index, entry) = decode(entry?)?;
            if visit(index, self.value(tx, entry)?)?.is_break() {
                break;
            }
        }
        Ok(())
    }

    /// A value or nothing for each index of a span, which must be short. O(log n + indices).
    pub fn positions(&self, tx: &ReadTx, span: Span) -> Result<Vec<Option<Bytes>>> {
        let (mut found, mut next) = (Vec::new(), if span.reverse { span.high } else { span.low });
        self.visit(tx, span, |index, value| {
            let gap = if span.reverse { next.checked_sub(index) } else { index.checked_sub(next) };
            // A damaged page may have any index.
            let gap = gap.filter(|_| (span.low..=span.high).contains(&index)).ok_or(BAD)?;
            // Nor is the count true that the caller has limited the span by.
            found.try_reserve(gap as usize).map_err(|_| BAD)?;
            found.extend(std::iter::repeat_n(None, gap as usize));
            found.push(Some(value));
            next = if span.reverse { index.wrapping_sub(1) } else { index + 1 };
            Ok(ControlFlow::Continue(()))
        })?;
        let missing = (span.len() as usize).saturating_sub(found.len());
        found.try_reserve(missing).map_err(|_| BAD)?;
        found.resize(span.len() as usize, None);
        Ok(found)
    }

    /// Every value with its index, in order. O(n).
    pub fn all(&self, tx: &ReadTx) -> Result<Vec<(u64, Bytes)>> {
        let mut all = Vec::new();
        self.visit(tx, Span::new(0, MAX_INDEX), |index, value| {
            all.push((index, value));
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(all)
    }
}
