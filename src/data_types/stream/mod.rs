//! Streams: entries in the order of their ids, which only grow.
//!
//! The header keeps, before the entries (`log.rs`), as varints: flags, the last id that was given out (two
//! numbers), the highest that was deleted (two), how many entries were ever added, how many are kept
//! apart, how many of Redis' first node are gone, how many groups there are; with flag bit 0 how many
//! entries that first node was made of. Why it is so: `docs/adr/0014-streams.md`. A stream may be empty.

mod check;
mod edit;
mod entry;
mod group;
mod group_edit;
mod idempotence;
mod log;
mod nodes;
mod pending;
mod references;
mod whole;

pub use crate::encoding::rdb::Entry;
pub use check::check;
pub use edit::{Edit, NewId, Threshold, Trim};
pub use entry::Fields;
pub use group::{Consumer, Group, GroupHead};
pub use group_edit::GroupEdit;
pub use idempotence::{Producers, content_id};
pub use pending::{NOBODY, Pending};
pub use references::{AllGroups, Deletion, References};
pub use whole::{all, restore};

use super::pages::{ReadPages, version_of};
use crate::encoding::keys::Namespace;
use crate::encoding::meta::Meta;
use crate::encoding::numbers::Kind;
use crate::encoding::stream_id::StreamId;
use crate::encoding::{DecodeError, DecodeResult, varint};
use crate::error::Result;
use crate::keyspace::tx::ReadTx;
use crate::storage::Space;
use bytes::{Buf, Bytes};
use entry::Stored;
use log::Log;
use std::cmp::Ordering;
use std::ops::Range;

/// What the header keeps before the entries.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Head {
    /// The last id that was given out.
    pub last_id: StreamId,
    /// The highest id that was deleted by name; 0-0 if none was.
    pub max_deleted_id: StreamId,
    /// How many entries were ever added.
    pub entries_added: u64,
    /// How many entries are kept apart.
    apart: u64,
    /// How many entries of Redis' first node are gone.
    gone: u64,
    /// How many entries it had in all; 0 as long as nobody has asked.
    first_node: u64,
    /// How many groups there are.
    pub groups: u64,
}

/// Flag of a header that says how many entries Redis' first node had.
const FIRST_NODE: u64 = 1 << 0;

impl Head {
    fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(64);
        let (last, deleted) = (self.last_id, self.max_deleted_id);
        let numbers = [last.ms, last.seq, deleted.ms, deleted.seq, self.entries_added];
        let first_node = (self.first_node > 0).then_some(self.first_node);
        varint::put(&mut out, if first_node.is_some() { FIRST_NODE } else { 0 });
        for number in numbers.into_iter().chain([self.apart, self.gone, self.groups]).chain(first_node) {
            varint::put(&mut out, number);
        }
        out
    }

    /// The head, and what stands behind it.
    fn decode(mut bytes: Bytes) -> DecodeResult<(Head, Bytes)> {
        let mut rest: &[u8] = &bytes;
        let flags = varint::take(&mut rest)?;
        if flags & !FIRST_NODE != 0 {
            return Err(DecodeError { what: "header of a stream" });
        }
        let mut number = || varint::take(&mut rest);
        let head = Head {
            last_id: StreamId { ms: number()?, seq: number()? },
            max_deleted_id: StreamId { ms: number()?, seq: number()? },
            entries_added: number()?,
            apart: number()?,
            gone: number()?,
            groups: number()?,
            first_node: if flags & FIRST_NODE != 0 { number()? } else { 0 },
        };
        let front = bytes.len() - rest.len();
        bytes.advance(front);
        Ok((head, bytes))
    }
}

/// A stream as a command sees it.
pub struct Stream {
    namespace: Namespace,
    version: u64,
    head: Head,
    log: Log,
}

impl Stream {
    /// Opens a key. One read.
    ///
    /// # Errors
    /// [`crate::error::Error::WrongType`].
    pub fn open(tx: &ReadTx, key: &[u8]) -> Result<Option<Stream>> {
        let meta = tx.meta_of(key, Kind::Stream)?;
        meta.map(|meta| Stream::of(tx.namespace(), Some(&meta))).transpose()
    }

    /// The stream of a header, or a new one.
    pub fn of(namespace: Namespace, meta: Option<&Meta>) -> Result<Stream> {
        let version = version_of(meta);
        let Some(meta) = meta else {
            return Ok(Stream { namespace, version, head: Head::default(), log: Log::empty() });
        };
        let (head, log) = Head::decode(meta.inline.clone())?;
        Ok(Stream { namespace, version, head, log: Log::decode(log)? })
    }

    /// What is known of it beside its entries.
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// How many entries there are. O(1).
    pub fn len(&self) -> u64 {
        self.log.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn pages<'a>(&self, tx: &'a ReadTx<'a>) -> ReadPages<'a> {
        ReadPages::new(tx, self.namespace, self.version, PAGES)
    }

    /// The entry that the tree has so.
    fn entry(&self, tx: &ReadTx, stored: Bytes) -> Result<Entry> {
        let (id, stored) = entry::decode(stored)?;
        let body = match stored {
            Stored::Inline(body) => body,
            Stored::Apart => {
                let missing = DecodeError { what: "stream without one of its entries" };
                let key = entry::apart_key(self.namespace, self.version, id);
                tx.get(Space::Blob, &key)?.ok_or(missing)?
            }
        };
        Ok(Entry { id, fields: entry::decode_body(body)? })
    }

    /// How many entries have smaller ids. O(log n).
    pub fn rank(&self, tx: &ReadTx, id: StreamId) -> Result<u64> {
        Ok(self.log.find(&self.pages(tx), id)?.0)
    }

    /// The entry of an id. O(log n).
    pub fn get(&self, tx: &ReadTx, id: StreamId) -> Result<Option<Entry>> {
        let stored = self.log.find(&self.pages(tx), id)?.1;
        stored.map(|stored| self.entry(tx, stored)).transpose()
    }

    /// Whether there is an entry of this id. O(log n).
    pub fn contains(&self, tx: &ReadTx, id: StreamId) -> Result<bool> {
        Ok(self.log.find(&self.pages(tx), id)?.1.is_some())
    }

    /// The places of the entries from one id to another, the last one included. O(log n).
    pub fn ranks(&self, tx: &ReadTx, from: StreamId, to: StreamId) -> Result<Range<u64>> {
        let end = match to.next() {
            Some(end) if to < self.head.last_id => self.rank(tx, end)?,
            _ => self.len(),
        };
        Ok(self.rank(tx, from)?.min(end)..end)
    }

    /// The entries at these places, from either end. O(log n + entries).
    pub fn entries(&self, tx: &ReadTx, ranks: Range<u64>, reverse: bool) -> Result<Vec<Entry>> {
        let pages = self.pages(tx);
        let entries = self.log.entries(&pages, ranks);
        let decode = |stored: Result<Bytes>| self.entry(tx, stored?);
        if reverse { entries.rev().map(decode).collect() } else { entries.map(decode).collect() }
    }

    /// What is known of its producers, if it ever had any that gave ids. One read.
    pub fn producers(&self, tx: &ReadTx) -> Result<Option<Producers>> {
        idempotence::read(tx, self.place())
    }

    fn place(&self) -> group::Place {
        group::Place { namespace: self.namespace, version: self.version }
    }

    /// Whether an entry behind an id, or that of the id, may have been deleted by name from between
    /// those that are there. O(log n) at most.
    pub fn has_deleted_after(&self, tx: &ReadTx, id: StreamId) -> Result<bool> {
        let max_deleted_id = self.head.max_deleted_id;
        if self.is_empty() || max_deleted_id == StreamId::MIN || id > max_deleted_id {
            return Ok(false);
        }
        Ok(self.first_id(tx)?.is_some_and(|first_id| first_id <= max_deleted_id))
    }

    /// How many entries were ever added up to an id, as far as Redis can tell that. O(log n).
    pub fn added_up_to(&self, tx: &ReadTx, id: StreamId) -> Result<Option<u64>> {
        let Head { last_id, max_deleted_id, entries_added, .. } = self.head;
        if entries_added == 0 || (self.is_empty() && id <= last_id) || id == last_id {
            return Ok(Some(entries_added));
        }
        let first_id = self.first_id(tx)?.unwrap_or_default();
        if id > last_id || (max_deleted_id != StreamId::MIN && max_deleted_id >= first_id) {
            return Ok(None);
        }
        let before = entries_added.saturating_sub(self.len());
        Ok(match id.cmp(&first_id) {
            Ordering::Less => Some(before),
            Ordering::Equal => Some(before.saturating_add(1)),
            Ordering::Greater => None,
        })
    }

    /// The id of the entry at a place. O(log n).
    fn id_at(&self, tx: &ReadTx, rank: u64) -> Result<Option<StreamId>> {
        let stored = self.log.get(&self.pages(tx), rank)?;
        Ok(stored.map(|stored| entry::id_of(&stored)).transpose()?)
    }

    /// The id of the first entry. O(log n).
    pub fn first_id(&self, tx: &ReadTx) -> Result<Option<StreamId>> {
        self.id_at(tx, 0)
    }

    /// The id of the last entry that is there. O(log n).
    pub fn top_id(&self, tx: &ReadTx) -> Result<Option<StreamId>> {
        self.len().checked_sub(1).map_or(Ok(None), |rank| self.id_at(tx, rank))
    }
}

/// The pages of the entries, behind the version.
const PAGES: &[u8] = b"e";

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn never_panics(bytes: Vec<u8>) {
            let bytes = Bytes::from(bytes);
            let _ = Head::decode(bytes.clone()).map(|(_, log)| Log::decode(log));
            let _ = Log::decode(bytes);
        }
    }

    #[test]
    fn golden_head() {
        let head = Head {
            last_id: StreamId { ms: 300, seq: 1 },
            max_deleted_id: StreamId { ms: 2, seq: 0 },
            entries_added: 7,
            apart: 1,
            gone: 3,
            first_node: 0,
            groups: 2,
        };
        let bytes = [head.encode(), b"rest".to_vec()].concat();
        assert_eq!(bytes, b"\0\xac\x02\x01\x02\0\x07\x01\x03\x02rest");
        assert_eq!(Head::decode(bytes.into()).unwrap(), (head, Bytes::from_static(b"rest")));
        let head = Head { first_node: 300, ..head };
        let bytes = [head.encode(), b"rest".to_vec()].concat();
        assert_eq!(bytes, b"\x01\xac\x02\x01\x02\0\x07\x01\x03\x02\xac\x02rest");
        assert_eq!(Head::decode(bytes.into()).unwrap(), (head, Bytes::from_static(b"rest")));
        for bad in [&b"\x01\0"[..], b"\x02\0\0\0\0\0\0\0\0"] {
            assert!(Head::decode(Bytes::from_static(bad)).is_err());
        }
    }
}
