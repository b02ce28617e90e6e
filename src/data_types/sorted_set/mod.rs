//! Sorted sets: members with scores, in the order of the scores and, where these are equal, of the
//! members' bytes.
//!
//! A small one is the root of a counted tree in its header. A larger one has the pages of the tree
//! in `Space::Index` and, for the score of a member, a record per member in `Space::Data`: the
//! member behind the version, with its score as value. What was large once stays so.

mod check;
mod combine;
mod edit;
pub mod entry;
mod range;

pub use check::check;
pub use combine::{Aggregate, Combination, Input, combine, intersection_len};
pub use edit::{Edit, put, store};
pub use range::{LexBound, LexRange, Range, ScoreBound, ScoreRange, clamp_ranks};

use super::pages::{self, ReadPages};
use super::tree::{Limits, Tree};
use crate::encoding::keys::{self, Namespace};
use crate::encoding::meta::Meta;
use crate::encoding::numbers::Kind;
use crate::error::Result;
use crate::keyspace::tx::ReadTx;
use crate::storage::{Direction, KeyBytes, Scan, ScanRange, Space};
use bytes::Bytes;
use std::ops::{self, ControlFlow};

/// A member and its score.
pub type Scored = (Bytes, f64);

/// No header holds a sorted set of more bytes, whatever the directives say.
const MAX_PACKED_BYTES: usize = 16 * 1024;

const LIMITS: Limits = Limits { separator: entry::separator, ..Limits::BYTEWISE };

/// For what is all in its header; how large that may become is not for the tree to say.
const PACKED: Limits = Limits { root_bytes: usize::MAX, root_entries: usize::MAX, ..LIMITS };

/// The version of a value that has no members outside its header.
const NO_VERSION: u64 = 0;

/// As `OBJECT ENCODING` names it.
pub fn encoding(meta: &Meta) -> &'static str {
    if meta.outside.is_some() { "skiplist" } else { "listpack" }
}

/// Puts members into the order of a sorted set.
fn sort(members: &mut [Scored]) {
    members.sort_unstable_by(|(m, a), (n, b)| (a + 0.0).total_cmp(&(b + 0.0)).then_with(|| m.cmp(n)));
}

/// A sorted set as a command sees it.
pub struct SortedSet {
    namespace: Namespace,
    version: u64,
    tree: Tree,
}

fn member_key(namespace: Namespace, version: u64, member: &[u8]) -> KeyBytes {
    let mut key = KeyBytes::from_slice(&keys::members(namespace, version));
    key.extend_from_slice(member);
    key
}

impl SortedSet {
    /// Opens a key. One read.
    ///
    /// # Errors
    /// [`crate::error::Error::WrongType`].
    pub fn open(tx: &ReadTx, key: &[u8]) -> Result<Option<SortedSet>> {
        let meta = tx.meta_of(key, Kind::SortedSet)?;
        meta.map(|meta| SortedSet::of(tx.namespace(), Some(&meta))).transpose()
    }

    /// The sorted set of a header, or an empty one.
    pub fn of(namespace: Namespace, meta: Option<&Meta>) -> Result<SortedSet> {
        let version = pages::version_of(meta);
        let limits = if version == NO_VERSION { PACKED } else { LIMITS };
        Ok(SortedSet { namespace, version, tree: pages::open(meta, limits)? })
    }

    /// How many members there are. O(1).
    pub fn len(&self) -> u64 {
        self.tree.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.tree.is_empty()
    }

    fn is_packed(&self) -> bool {
        self.version == NO_VERSION
    }

    fn pages<'a>(&self, tx: &'a ReadTx<'a>) -> ReadPages<'a> {
        ReadPages::new(tx, self.namespace, self.version, &[])
    }

    /// The score of a member. One read, or none.
    pub fn score(&self, tx: &ReadTx, member: &[u8]) -> Result<Option<f64>> {
        if !self.is_packed() {
            let score = tx.get(Space::Data, &member_key(self.namespace, self.version, member))?;
            return Ok(score.map(|score| entry::decode_score(&score)).transpose()?);
        }
        let pages = self.pages(tx);
        let mut cursor = self.tree.cursor(&pages);
        for rank in 0..self.len() {
            if let Some(found) = cursor.get(rank)?
                && entry::member(found) == member
            {
                return Ok(Some(entry::decode(Bytes::copy_from_slice(found))?.1));
            }
        }
        Ok(None)
    }

    /// The place of a member from the lowest score on, and its score. O(log n).
    pub fn rank(&self, tx: &ReadTx, member: &[u8]) -> Result<Option<(u64, f64)>> {
        let Some(score) = self.score(tx, member)? else { return Ok(None) };
        let target = entry::target(score, member);
        let found = self.tree.search(&self.pages(tx), |stored| entry::order(stored, &target))?;
        Ok(Some((found.rank, score)))
    }

    /// The places that a range stands for. O(log n).
    pub fn ranks(&self, tx: &ReadTx, range: &Range) -> Result<ops::Range<u64>> {
        let pages = self.pages(tx);
        match range {
            Range::Rank(start, end) => Ok(clamp_ranks(*start, *end, self.len())),
            Range::Score(range) => range.ranks(&self.tree, &pages),
            Range::Lex(range) => range.ranks(&self.tree, &pages),
        }
    }

    /// The members at these places, from either end. O(log n + members).
    pub fn members(&self, tx: &ReadTx, ranks: ops::Range<u64>, reverse: bool) -> Result<Vec<Scored>> {
        let pages = self.pages(tx);
        let entries = self.tree.entries(&pages, ranks);
        let decode = |entry: Result<Bytes>| Ok(entry::decode(entry?)?);
        if reverse { entries.rev().map(decode).collect() } else { entries.map(decode).collect() }
    }

    /// Shows the members at these places to `visit`, in order, until that has seen enough. O(log n +
    /// members).
    pub fn visit(
        &self,
        tx: &ReadTx,
        ranks: ops::Range<u64>,
        mut visit: impl FnMut(Bytes, f64) -> Result<ControlFlow<()>>,
    ) -> Result<()> {
        let pages = self.pages(tx);
        for entry in self.tree.entries(&pages, ranks) {
            let (member, score) = entry::decode(entry?)?;
            if visit(member, score)?.is_break() {
                break;
            }
        }
        Ok(())
    }

    /// The members at these places, which are read in the order they are given. O(places · log n).
    pub fn members_at(&self, tx: &ReadTx, ranks: impl IntoIterator<Item = u64>) -> Result<Vec<Scored>> {
        let pages = self.pages(tx);
        let mut cursor = self.tree.cursor(&pages);
        let mut found = Vec::new();
        for rank in ranks {
            if let Some(entry) = cursor.entry(rank)? {
                found.push(entry::decode(entry)?);
            }
        }
        Ok(found)
    }

    /// Part of a walk that meets each member that is there all the time, even when its score
    /// changes: up to `limit` members (all of a small set) from a member on, and the member to go on with.
    pub fn walk(&self, tx: &ReadTx, from: &[u8], limit: u64) -> Result<(Vec<Scored>, Option<Bytes>)> {
        if self.is_packed() {
            return Ok((self.members(tx, 0..self.len(), false)?, None));
        }
        let prefix = keys::members(self.namespace, self.version);
        let mut range = ScanRange::prefix(&prefix);
        range.from.extend_from_slice(from);
        let mut scan = tx.scan(Space::Data, &range, Direction::Forward)?;
        let mut found = Vec::new();
        while let Some((key, score)) = scan.next()? {
            let member = Bytes::copy_from_slice(&key[prefix.len()..]);
            if found.len() as u64 == limit {
                return Ok((found, Some(member)));
            }
            found.push((member, entry::decode_score(score)?));
        }
        Ok((found, None))
    }
}
