//! Changing a list.

use super::element::{Entry, INLINE_BYTES, apart_key, listpack_bytes};
use super::sequence::Sequence;
use super::{End, Head, Search, element_of, find, open};
use crate::data_types::pages::{ReadPages, WritePages, version_of};
use crate::encoding::keys::Namespace;
use crate::encoding::meta::{Meta, Outside};
use crate::encoding::numbers::Kind;
use crate::error::Result;
use crate::keyspace::event::Event;
use crate::keyspace::tx::{Slot, WriteTx};
use crate::storage::Space;
use bytes::Bytes;
use std::ops::Range;

/// Bytes of a listpack that has nothing in it.
const LISTPACK_FRAME: u64 = 7;

/// No element takes less in a listpack.
const LEAST_BYTES: u64 = 2;

/// So many elements go at once without a look at them.
const MANY: u64 = 512;

/// Where the number of elements is what is limited, a node of Redis has no more bytes.
const SAFE_BYTES: u64 = 8192;

/// A list that is being changed. Nothing is written before [`Edit::finish`] but what is kept apart.
pub struct Edit {
    slot: Slot,
    version: u64,
    head: Head,
    sequence: Sequence,
    expire_at_ms: Option<u64>,
    /// What was there before: Redis becomes a listpack again only when a list shrinks.
    old_len: u64,
}

impl Edit {
    /// The list of a key, empty if the key is not there. One read.
    ///
    /// # Errors
    /// [`crate::error::Error::WrongType`].
    pub fn open(tx: &mut WriteTx, key: &Bytes) -> Result<Edit> {
        let slot = tx.slot(key)?;
        let meta = slot.meta_of(Kind::List)?;
        let (head, sequence) = open(meta)?;
        let version = match version_of(meta) {
            0 => tx.new_version(),
            version => version,
        };
        let expire_at_ms = meta.and_then(|meta| meta.expire_at_ms);
        Ok(Edit { old_len: sequence.len(), expire_at_ms, slot, version, head, sequence })
    }

    /// How many elements there are now.
    pub fn len(&self) -> u64 {
        self.sequence.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.sequence.is_empty()
    }

    fn namespace(&self) -> Namespace {
        self.slot.namespace()
    }

    /// The entry for an element, which is written if it is to lie apart.
    fn entry(&mut self, tx: &mut WriteTx, element: &Bytes) -> Vec<u8> {
        self.head.bytes = self.head.bytes.map(|bytes| bytes.saturating_add(listpack_bytes(element)));
        if element.len() <= INLINE_BYTES {
            return Entry::Inline(element.clone()).encode();
        }
        let number = tx.new_number();
        tx.write(Space::Blob, &apart_key(self.namespace(), self.version, number), Some(element.clone()));
        self.head.apart += 1;
        Entry::Apart { number, len: element.len() as u64 }.encode()
    }

    /// An entry has left the tree.
    fn left(&mut self, tx: &mut WriteTx, entry: Bytes) -> Result<()> {
        let entry = Entry::decode(entry)?;
        self.head.bytes = self.head.bytes.map(|bytes| bytes.saturating_sub(entry.listpack_bytes()));
        if let Entry::Apart { number, .. } = entry {
            tx.write(Space::Blob, &apart_key(self.namespace(), self.version, number), None);
            self.head.apart = self.head.apart.saturating_sub(1);
        }
        Ok(())
    }

    /// Puts elements in at an end, one after the other. O(1) each.
    pub fn push(&mut self, tx: &mut WriteTx, end: End, elements: &[Bytes]) -> Result<()> {
        let entries: Vec<Vec<u8>> = elements.iter().map(|element| self.entry(tx, element)).collect();
        let pages = ReadPages::new(tx, self.namespace(), self.version, &[]);
        self.sequence.push(&pages, end, &entries)
    }

    /// Takes elements out at an end, the outermost first; no more than there are. O(1) each.
    pub fn pop(&mut self, tx: &mut WriteTx, end: End, count: u64) -> Result<Vec<Bytes>> {
        let entries = self.popped(tx, end, count)?;
        let mut elements = Vec::with_capacity(entries.len());
        for entry in entries {
            elements.push(element_of(tx, self.namespace(), self.version, entry.clone())?);
            self.left(tx, entry)?;
        }
        Ok(elements)
    }

    fn popped(&mut self, tx: &WriteTx, end: End, count: u64) -> Result<Vec<Bytes>> {
        let pages = ReadPages::new(tx, self.namespace(), self.version, &[]);
        let mut entries = Vec::new();
        self.sequence.pop(&pages, end, count, |entry| entries.push(entry))?;
        Ok(entries)
    }

    fn drain(&mut self, tx: &WriteTx, ranks: Range<u64>) -> Result<Vec<Bytes>> {
        let pages = ReadPages::new(tx, self.namespace(), self.version, &[]);
        let mut entries = Vec::new();
        self.sequence.settled(&pages)?.drain_range(&pages, ranks, |entry| entries.push(entry))?;
        Ok(entries)
    }

    /// Takes out the elements of a range of places. O(log n + elements).
    pub fn remove(&mut self, tx: &mut WriteTx, ranks: Range<u64>) -> Result<()> {
        for entry in self.drain(tx, ranks)? {
            self.left(tx, entry)?;
        }
        Ok(())
    }

    /// Keeps only the elements of a range of places. O(log n + pages that go), O(1) if all goes; if some
    /// elements are kept apart, O(log n + what goes).
    pub fn trim(&mut self, tx: &mut WriteTx, keep: Range<u64>) -> Result<()> {
        if keep.is_empty() {
            // The key goes, and what lies outside the header goes with it.
            (self.sequence, self.head) = (Sequence::empty(), Head::EMPTY);
            return Ok(());
        }
        let goes = self.len() - (keep.end - keep.start);
        if goes > MANY && self.head.apart == 0 {
            // Their pages go unread, so nobody knows how long they were.
            self.head.bytes = None;
            let pages = ReadPages::new(tx, self.namespace(), self.version, &[]);
            let tree = self.sequence.settled(&pages)?;
            tree.remove_range(&pages, keep.end..tree.len())?;
            return tree.remove_range(&pages, 0..keep.start);
        }
        for (end, count) in [(End::Right, self.len() - keep.end), (End::Left, keep.start)] {
            for entry in self.popped(tx, end, count)? {
                self.left(tx, entry)?;
            }
        }
        Ok(())
    }

    /// Puts another element at a place that is there. O(log n).
    pub fn set(&mut self, tx: &mut WriteTx, rank: u64, element: &Bytes) -> Result<()> {
        let entry = self.entry(tx, element);
        let pages = ReadPages::new(tx, self.namespace(), self.version, &[]);
        let replaced = self.sequence.settled(&pages)?.replace_at(&pages, rank, &entry)?;
        replaced.map_or(Ok(()), |entry| self.left(tx, entry))
    }

    /// Puts an element before the one at `rank`, or behind all. O(log n).
    pub fn insert(&mut self, tx: &mut WriteTx, rank: u64, element: &Bytes) -> Result<()> {
        let entry = self.entry(tx, element);
        let pages = ReadPages::new(tx, self.namespace(), self.version, &[]);
        self.sequence.settled(&pages)?.insert_at(&pages, rank, &entry)
    }

    /// The first places where `wanted` stands, seen from an end: `most` at most. O(n).
    pub fn find(&self, tx: &WriteTx, wanted: &[u8], from: End, most: u64) -> Result<Vec<u64>> {
        let search = Search { from, skip: 0, most, look_at: u64::MAX };
        find(tx, &self.sequence, (self.namespace(), self.version), wanted, search)
    }

    /// Reports one more event about the list, before that of [`Edit::finish`].
    pub fn notify(&self, tx: &mut WriteTx, event: Event) {
        tx.notify(&self.slot, event);
    }

    /// Writes what has become of the list, which has changed by `event`; without elements the key
    /// goes.
    pub fn finish(mut self, tx: &mut WriteTx, event: Event) -> Result<()> {
        if self.is_empty() {
            if self.slot.meta().is_some() {
                tx.notify(&self.slot, event);
                tx.delete(&mut self.slot, Event::DEL);
            }
            return Ok(());
        }
        let limit = tx.keyspace().list_max_listpack_size();
        let bytes = self.listpack_bytes(tx, limit)?;
        self.head.quicklist = !tx.keyspace().list_listpack() || self.is_quicklist(limit, bytes);
        let len = self.len();
        let mut inline = self.head.encode();
        let mut pages = WritePages::new(tx, self.slot.namespace(), self.version, &[]);
        let has_pages = self.sequence.finish(&mut pages, &mut inline)?;
        let is_outside = has_pages || self.head.apart > 0;
        let outside = is_outside.then_some(Outside { version: self.version, len });
        let meta = Meta::inline(Kind::List, inline.into());
        tx.put(&mut self.slot, Meta { outside, expire_at_ms: self.expire_at_ms, ..meta }, event);
        Ok(())
    }

    /// What the elements would take in a listpack. They are looked at only if that is not known, and they
    /// are so few that it may matter.
    fn listpack_bytes(&mut self, tx: &WriteTx, limit: i32) -> Result<u64> {
        let least_bytes = self.len().saturating_mul(LEAST_BYTES);
        if self.head.bytes.is_none() && !self.is_quicklist(limit, least_bytes) {
            let pages = ReadPages::new(tx, self.namespace(), self.version, &[]);
            let mut bytes = 0u64;
            for entry in self.sequence.entries(&pages, 0..self.len()) {
                bytes = bytes.saturating_add(Entry::decode(entry?)?.listpack_bytes());
            }
            self.head.bytes = Some(bytes);
        }
        Ok(self.head.bytes.unwrap_or(u64::MAX))
    }

    /// Redis turns a listpack that has become too large into a quicklist, and a quicklist back that
    /// has shrunk to half of that. `bytes` are those of the elements.
    fn is_quicklist(&self, limit: i32, bytes: u64) -> bool {
        let (len, bytes) = (self.len(), bytes.saturating_add(LISTPACK_FRAME));
        let shrank = len < self.old_len;
        if self.head.quicklist && !shrank {
            return true;
        }
        let share = if self.head.quicklist { 2 } else { 1 };
        match u64::try_from(limit) {
            Ok(most) => len > most.max(1) / share || bytes > SAFE_BYTES / share,
            Err(_) => {
                let class = limit.unsigned_abs().min(5) - 1;
                bytes > (4096 << class) / share
            }
        }
    }
}

/// Writes a whole list, not empty, in the place of whatever the key has. O(elements).
pub fn put(
    tx: &mut WriteTx,
    slot: &Slot,
    elements: &[Bytes],
    expire_at_ms: Option<u64>,
    event: Event,
) -> Result<()> {
    let (slot, version, head) = (slot.clone(), tx.new_version(), Head::EMPTY);
    let mut list = Edit { slot, version, head, sequence: Sequence::empty(), expire_at_ms, old_len: 0 };
    list.push(tx, End::Right, elements)?;
    list.finish(tx, event)
}
