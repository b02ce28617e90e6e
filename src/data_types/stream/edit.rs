//! Changing the entries of a stream.

use super::entry::{self, INLINE_BYTES};
use super::{PAGES, Stream};
use crate::data_types::pages::{WritePages, version_of};
use crate::encoding::meta::{Meta, Outside};
use crate::encoding::numbers::Kind;
use crate::encoding::stream_id::StreamId;
use crate::error::Result;
use crate::keyspace::event::Event;
use crate::keyspace::tx::{Slot, WriteTx};
use crate::storage::Space;
use bytes::Bytes;
use std::ops::{Deref, Range};

/// The id that an entry is to have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NewId {
    /// The time, and behind the last one.
    Auto,
    /// The first of these ms that is not given out yet.
    AutoSeq(u64),
    Given(StreamId),
}

/// What of a stream is too much.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Threshold {
    /// More entries than this.
    MaxLen(u64),
    /// Entries before this one.
    MinId(StreamId),
}

/// How a stream is to be shortened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trim {
    pub threshold: Threshold,
    /// Only in steps of whole nodes, as Redis has them.
    pub approximate: bool,
    /// No more entries at once; none: as many as there are.
    pub limit: Option<u64>,
}

/// A stream that is being changed. Nothing is written before [`Edit::finish`] but what is kept apart.
pub struct Edit {
    slot: Slot,
    pub(super) stream: Stream,
    /// The stream was not there before.
    pub(super) is_new: bool,
    /// It has a record of its producers.
    pub(super) lies_outside: bool,
}

impl Deref for Edit {
    type Target = Stream;

    fn deref(&self) -> &Stream {
        &self.stream
    }
}

impl Edit {
    /// The stream of a key, a new one if the key is not there. One read.
    ///
    /// # Errors
    /// [`crate::error::Error::WrongType`].
    pub fn open(tx: &mut WriteTx, key: &Bytes) -> Result<Edit> {
        let slot = tx.slot(key)?;
        let mut stream = Stream::of(slot.namespace(), slot.meta_of(Kind::Stream)?)?;
        if stream.version == 0 {
            stream.version = tx.new_version();
        }
        let is_new = slot.meta().is_none();
        Ok(Edit { slot, stream, is_new, lies_outside: false })
    }

    /// A new stream in the place of whatever the key has.
    pub(super) fn replacing(tx: &mut WriteTx, slot: &Slot) -> Result<Edit> {
        let mut stream = Stream::of(slot.namespace(), None)?;
        stream.version = tx.new_version();
        Ok(Edit { slot: slot.clone(), stream, is_new: true, lies_outside: false })
    }

    /// As [`Edit::open`]; none if the key is not there.
    ///
    /// # Errors
    /// [`crate::error::Error::WrongType`].
    pub fn existing(tx: &mut WriteTx, key: &Bytes) -> Result<Option<Edit>> {
        let edit = Edit::open(tx, key)?;
        Ok(Some(edit).filter(Edit::exists))
    }

    /// Whether the key was there when it was opened.
    pub fn exists(&self) -> bool {
        self.slot.meta().is_some()
    }

    /// The id for the next entry; none if it would not be greater than the last one.
    pub fn next_id(&self, now_ms: u64, wanted: NewId) -> Option<StreamId> {
        let last = self.head.last_id;
        let id = match wanted {
            NewId::Auto if now_ms > last.ms => StreamId { ms: now_ms, seq: 0 },
            NewId::Auto => return last.next(),
            NewId::AutoSeq(ms) if ms == last.ms => StreamId { ms, seq: last.seq.checked_add(1)? },
            NewId::AutoSeq(ms) => StreamId { ms, seq: 0 },
            NewId::Given(id) => id,
        };
        (id > last).then_some(id)
    }

    /// Puts an entry behind all others; its id must be greater than the last one. Mostly O(1).
    pub fn append(&mut self, tx: &mut WriteTx, id: StreamId, fields: &[(Bytes, Bytes)]) -> Result<()> {
        let body = entry::encode_body(fields);
        let stored = if body.len() <= INLINE_BYTES {
            entry::encode(id, Some(&body))
        } else {
            let key = entry::apart_key(self.stream.namespace, self.stream.version, id);
            tx.write(Space::Blob, &key, Some(body.into()));
            self.stream.head.apart += 1;
            entry::encode(id, None)
        };
        let pages = self.stream.pages(tx);
        self.stream.log.push(&pages, &stored)?;
        self.stream.head.last_id = id;
        self.stream.head.entries_added = self.stream.head.entries_added.saturating_add(1);
        Ok(())
    }

    /// Takes out the entries at these places.
    fn remove(&mut self, tx: &mut WriteTx, ranks: Range<u64>) -> Result<()> {
        let pages = self.stream.pages(tx);
        if self.stream.head.apart == 0 {
            return self.stream.log.remove(&pages, ranks);
        }
        let mut entries = Vec::new();
        self.stream.log.drain(&pages, ranks, |stored| entries.push(stored))?;
        for stored in entries {
            let (id, stored) = entry::decode(stored)?;
            if stored == entry::Stored::Apart {
                let key = entry::apart_key(self.stream.namespace, self.stream.version, id);
                tx.write(Space::Blob, &key, None);
                self.stream.head.apart = self.stream.head.apart.saturating_sub(1);
            }
        }
        Ok(())
    }

    /// Deletes the entry of an id; returns whether it was there. O(log n).
    pub fn delete(&mut self, tx: &mut WriteTx, id: StreamId) -> Result<bool> {
        let was_there = self.take_out(tx, id)?;
        if was_there {
            self.stream.head.max_deleted_id = self.head.max_deleted_id.max(id);
        }
        Ok(was_there)
    }

    /// Takes out the entry of an id, which does not count as deleted by name. O(log n).
    pub(super) fn take_out(&mut self, tx: &mut WriteTx, id: StreamId) -> Result<bool> {
        let pages = self.stream.pages(tx);
        let (rank, found) = self.stream.log.find(&pages, id)?;
        if found.is_none() {
            return Ok(false);
        }
        self.remove(tx, rank..rank + 1)?;
        self.leave_nodes(tx, rank, 1);
        Ok(true)
    }

    /// How many of the first entries a trim is to take out. O(log n), and O(entries that are to go) where
    /// whole nodes do.
    pub fn excess(&mut self, tx: &WriteTx, trim: Trim) -> Result<u64> {
        let len = self.len();
        let excess = match trim.threshold {
            Threshold::MaxLen(most) => len.saturating_sub(most),
            Threshold::MinId(id) => self.rank(tx, id)?,
        };
        let excess = trim.limit.map_or(excess, |limit| excess.min(limit));
        if !trim.approximate || excess == len {
            return Ok(excess);
        }
        self.whole_nodes(tx, excess)
    }

    /// Takes out so many of the first entries. O(log n + entries).
    pub fn trim(&mut self, tx: &mut WriteTx, count: u64) -> Result<()> {
        self.remove(tx, 0..count)?;
        self.leave_nodes(tx, 0, count);
        Ok(())
    }

    /// Sets what the stream says of its past.
    pub fn set_ids(&mut self, last_id: StreamId, entries_added: Option<u64>, max_deleted: Option<StreamId>) {
        let head = &mut self.stream.head;
        head.last_id = last_id;
        head.entries_added = entries_added.unwrap_or(head.entries_added);
        head.max_deleted_id = max_deleted.unwrap_or(head.max_deleted_id);
    }

    /// Reports an event about the stream.
    pub fn notify(&self, tx: &mut WriteTx, event: Event) {
        tx.notify(&self.slot, event);
    }

    /// Writes what has become of the stream, which has changed by `event`.
    pub fn finish(self, tx: &mut WriteTx, event: Event) -> Slot {
        let expire_at_ms = self.slot.meta().and_then(|meta| meta.expire_at_ms);
        self.finish_at(tx, expire_at_ms, event)
    }

    /// As [`Edit::finish`], with a deadline, ms since the Unix epoch.
    pub(super) fn finish_at(mut self, tx: &mut WriteTx, expire_at_ms: Option<u64>, event: Event) -> Slot {
        if self.is_new {
            self.begin_producers(tx);
        }
        let Edit { mut slot, stream: Stream { namespace, version, head, log }, lies_outside, .. } = self;
        let len = log.len();
        let mut inline = head.encode();
        let has_pages = log.finish(&mut WritePages::new(tx, namespace, version, PAGES), &mut inline);
        let was_outside = version_of(slot.meta()) == version;
        let is_outside = lies_outside || was_outside || has_pages || head.apart > 0 || head.groups > 0;
        let outside = is_outside.then_some(Outside { version, len });
        let meta = Meta { outside, expire_at_ms, ..Meta::inline(Kind::Stream, inline.into()) };
        tx.put(&mut slot, meta, event);
        slot
    }
}
