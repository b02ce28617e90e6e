//! Changing an array.

use super::{Array, Head, INDEX_BYTES, MAX_INDEX, Span, decode, order};
use crate::data_types::list::element::{Entry, INLINE_BYTES, apart_key};
use crate::data_types::pages::WritePages;
use crate::data_types::tree::{Limits, Tree};
use crate::encoding::keys::Namespace;
use crate::encoding::meta::{Meta, Outside};
use crate::encoding::numbers::Kind;
use crate::error::Result;
use crate::keyspace::event::Event;
use crate::keyspace::tx::{ReadTx, Slot, WriteTx};
use crate::storage::Space;
use bytes::Bytes;
use std::collections::HashSet;
use std::ops::Deref;

/// An array that is being changed. Nothing is written before [`Edit::finish`] but what is kept apart.
pub struct Edit {
    slot: Slot,
    array: Array,
    expire_at_ms: Option<u64>,
}

impl Deref for Edit {
    type Target = Array;

    fn deref(&self) -> &Array {
        &self.array
    }
}

/// The bytes of an entry.
fn encode(index: u64, value: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(INDEX_BYTES + value.len());
    out.extend_from_slice(&index.to_be_bytes());
    out.extend_from_slice(value);
    out
}

impl Edit {
    /// The array of a key, empty if the key is not there. One read.
    ///
    /// # Errors
    /// [`crate::error::Error::WrongType`].
    pub fn open(tx: &mut WriteTx, key: &Bytes) -> Result<Edit> {
        let slot = tx.slot(key)?;
        let meta = slot.meta_of(Kind::Array)?;
        let expire_at_ms = meta.and_then(|meta| meta.expire_at_ms);
        let mut array = Array::of(slot.namespace(), meta)?;
        if array.version == 0 {
            array.version = tx.new_version();
        }
        Ok(Edit { slot, array, expire_at_ms })
    }

    fn namespace(&self) -> Namespace {
        self.array.namespace
    }

    /// Sets where the last value was inserted.
    pub fn set_cursor(&mut self, cursor: Option<u64>) {
        self.array.head.cursor = cursor;
    }

    /// The entry for a value, which is written if it is to lie apart.
    fn entry(&mut self, tx: &mut WriteTx, index: u64, value: &Bytes) -> Vec<u8> {
        if value.len() <= INLINE_BYTES {
            return encode(index, &Entry::Inline(value.clone()).encode());
        }
        let number = tx.new_number();
        let key = apart_key(self.namespace(), self.array.version, number);
        tx.write(Space::Blob, &key, Some(value.clone()));
        self.array.head.apart += 1;
        encode(index, &Entry::Apart { number, len: value.len() as u64 }.encode())
    }

    /// An entry has left the tree.
    fn left(&mut self, tx: &mut WriteTx, entry: Bytes) -> Result<()> {
        if let (_, Entry::Apart { number, .. }) = decode(entry)? {
            self.drop_apart(tx, number);
        }
        Ok(())
    }

    fn drop_apart(&mut self, tx: &mut WriteTx, number: u64) {
        tx.write(Space::Blob, &apart_key(self.namespace(), self.array.version, number), None);
        self.array.head.apart = self.array.head.apart.saturating_sub(1);
    }

    /// Puts a value at an index, over what is there. O(log n).
    pub fn set(&mut self, tx: &mut WriteTx, index: u64, value: &Bytes) -> Result<()> {
        let entry = self.entry(tx, index, value);
        let pages = self.array.pages(tx);
        let replaced = self.array.tree.insert(&pages, |stored| order(stored, index), &entry)?;
        replaced.map_or(Ok(()), |entry| self.left(tx, entry))
    }

    /// Puts values at an index and those that follow. O(log n) each, O(1) behind all that is there.
    pub fn set_run(&mut self, tx: &mut WriteTx, start: u64, values: &[Bytes]) -> Result<()> {
        // The values come first below: behind the last of them there may be no index.
        let is_behind = values.len() > 1 && self.last_index(tx)?.is_none_or(|last| start > last);
        if !is_behind {
            return values.iter().zip(start..).try_for_each(|(value, index)| self.set(tx, index, value));
        }
        let entries: Vec<Vec<u8>> =
            values.iter().zip(start..).map(|(value, index)| self.entry(tx, index, value)).collect();
        let pages = self.array.pages(tx);
        self.array.tree.extend_back(&pages, entries)
    }

    /// Removes the value at an index; returns whether there was one. O(log n).
    pub fn remove(&mut self, tx: &mut WriteTx, index: u64) -> Result<bool> {
        let pages = self.array.pages(tx);
        let Some(entry) = self.array.tree.remove(&pages, |stored| order(stored, index))? else {
            return Ok(false);
        };
        self.left(tx, entry)?;
        Ok(true)
    }

    /// Removes the values of a span; returns how many there were. O(log n + pages of values), O(log n)
    /// if all goes.
    pub fn remove_span(&mut self, tx: &mut WriteTx, span: Span) -> Result<u64> {
        let ranks = self.array.ranks(tx, span)?;
        let removed = ranks.end - ranks.start;
        if removed == self.count() {
            // The key goes, and what lies outside the header goes with it.
            (self.array.tree, self.array.head) = (Tree::new(Limits::BYTEWISE), Head::default());
            return Ok(removed);
        }
        let pages = self.array.pages(tx);
        if self.array.head.apart == 0 {
            self.array.tree.remove_range(&pages, ranks)?;
            return Ok(removed);
        }
        let mut apart = Vec::new();
        self.array.tree.drain_range(&pages, ranks, |entry| apart.extend(apart_of(entry)))?;
        apart.into_iter().for_each(|number| self.drop_apart(tx, number));
        Ok(removed)
    }

    /// Keeps only what was inserted last without a hole, at most `keep` values (one at least), and
    /// gives it the indices from 0 on, the oldest first. The ring is the indices from 0 to `last`,
    /// which is used. O(n).
    pub fn keep_newest(&mut self, tx: &mut WriteTx, last: u64, keep: u64) -> Result<()> {
        let anchor = match self.cursor() {
            None => last,
            Some(cursor) => last.checked_add(1).map_or(cursor, |span| cursor % span),
        };
        let kept = self.newest(tx, anchor, last, keep)?;
        let numbers: HashSet<u64> = kept.iter().filter_map(apart_number).collect();
        let mut apart = Vec::new();
        let len = self.count();
        let pages = self.array.pages(tx);
        self.array.tree.drain_range(&pages, 0..len, |entry| {
            apart.extend(apart_of(entry).filter(|number| !numbers.contains(number)));
        })?;
        let entries = (0..).zip(kept.iter().rev()).map(|(index, entry)| encode(index, &entry.encode()));
        self.array.tree.extend_back(&pages, entries)?;
        apart.into_iter().for_each(|number| self.drop_apart(tx, number));
        self.set_cursor((kept.len() as u64).checked_sub(1));
        Ok(())
    }

    /// The entries from `anchor` downwards, and on from `last` when 0 was reached, up to the first
    /// hole; the newest first.
    fn newest(&self, tx: &ReadTx, anchor: u64, last: u64, keep: u64) -> Result<Vec<Entry>> {
        let pages = self.array.pages(tx);
        let mut kept = Vec::new();
        let mut expected = anchor;
        for (from, to) in [(0, anchor), (anchor.saturating_add(1), last)] {
            if from > to {
                continue;
            }
            let mut entries = self.array.tree.entries(&pages, self.array.ranks(tx, Span::new(from, to))?);
            expected = if kept.is_empty() { expected } else { last };
            while let Some(entry) = entries.next_back() {
                let (index, entry) = decode(entry?)?;
                if index != expected || kept.len() as u64 == keep {
                    return Ok(kept);
                }
                kept.push(entry);
                expected = index.wrapping_sub(1);
            }
            // Unless the walk came down to the first index, there is a hole.
            if expected != from.wrapping_sub(1) {
                return Ok(kept);
            }
        }
        Ok(kept)
    }

    /// Writes what has become of the array, which has changed by `event`; without values the key goes.
    pub fn finish(self, tx: &mut WriteTx, event: Event) {
        let Edit { mut slot, array: Array { namespace, version, head, tree }, expire_at_ms } = self;
        if tree.is_empty() {
            if slot.meta().is_some() {
                tx.notify(&slot, event);
                tx.delete(&mut slot, Event::DEL);
            }
            return;
        }
        let len = tree.len();
        let root = tree.finish(&mut WritePages::new(tx, namespace, version, &[]));
        let is_outside = root.has_pages() || head.apart > 0;
        let outside = is_outside.then_some(Outside { version, len });
        let inline = head.encode(&root.encode());
        tx.put(&mut slot, Meta { outside, expire_at_ms, ..Meta::inline(Kind::Array, inline) }, event);
    }
}

fn apart_number(entry: &Entry) -> Option<u64> {
    match entry {
        Entry::Apart { number, .. } => Some(*number),
        Entry::Inline(_) => None,
    }
}

/// The number of a value that is kept apart.
fn apart_of(entry: Bytes) -> Option<u64> {
    decode(entry).ok().and_then(|(_, entry)| apart_number(&entry))
}

/// Writes a whole array, not empty, in the place of whatever the key has. The indices must rise, up to
/// [`MAX_INDEX`]. O(values).
pub fn put(
    tx: &mut WriteTx,
    slot: &Slot,
    values: &[(u64, Bytes)],
    cursor: Option<u64>,
    expire_at_ms: Option<u64>,
) -> Result<()> {
    debug_assert!(values.iter().all(|(index, _)| *index <= MAX_INDEX));
    let mut array = Array::of(slot.namespace(), None)?;
    array.version = tx.new_version();
    array.head.cursor = cursor;
    let mut edit = Edit { slot: slot.clone(), array, expire_at_ms };
    let entries: Vec<Vec<u8>> = values.iter().map(|(index, value)| edit.entry(tx, *index, value)).collect();
    let pages = edit.array.pages(tx);
    edit.array.tree.extend_back(&pages, entries)?;
    edit.finish(tx, Event::RESTORE);
    Ok(())
}
