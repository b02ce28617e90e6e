//! Changing a sorted set.

use super::entry::{self, SCORE_BYTES};
use super::{LIMITS, MAX_PACKED_BYTES, NO_VERSION, Scored, SortedSet, member_key};
use crate::data_types::pages::{ReadPages, WritePages};
use crate::data_types::tree::Tree;
use crate::encoding::meta::{Meta, Outside};
use crate::encoding::numbers::Kind;
use crate::error::Result;
use crate::keyspace::event::Event;
use crate::keyspace::tx::{ReadTx, Slot, WriteTx};
use crate::storage::Space;
use bytes::Bytes;
use std::ops::{Deref, Range};

/// Bytes that an entry of the root takes beyond itself, at most: its length.
const LENGTH_BYTES: usize = 6;

/// A sorted set that is being changed. Nothing has happened before [`Edit::finish`] but to members
/// that lie outside the header.
pub struct Edit {
    slot: Slot,
    set: SortedSet,
    /// Bytes of a root that holds everything, at most.
    packed_bytes: usize,
}

impl Deref for Edit {
    type Target = SortedSet;

    fn deref(&self) -> &SortedSet {
        &self.set
    }
}

impl Edit {
    /// Opens a key in order to change it, be there a sorted set or nothing. One read.
    ///
    /// # Errors
    /// [`crate::error::Error::WrongType`].
    pub fn open(tx: &mut WriteTx, key: &Bytes) -> Result<Edit> {
        let slot = tx.slot(key)?;
        let meta = slot.meta_of(Kind::SortedSet)?;
        let packed_bytes = meta.map_or(0, |meta| meta.inline.len());
        let set = SortedSet::of(slot.namespace(), meta)?;
        Ok(Edit { slot, set, packed_bytes })
    }

    fn pages<'a>(&self, tx: &'a ReadTx<'a>) -> ReadPages<'a> {
        self.set.pages(tx)
    }

    /// Gives a member a score; `old` is the one it has. O(log n).
    pub fn put(&mut self, tx: &mut WriteTx, member: &[u8], old: Option<f64>, score: f64) -> Result<()> {
        if let Some(old) = old {
            self.take_out(tx, member, old)?;
        }
        // As in Redis' listpack, which keeps it as an integer.
        let score = if self.set.is_packed() { score + 0.0 } else { score };
        let target = entry::target(score, member);
        let bytes = entry::encode(score, member);
        let pages = self.pages(tx);
        self.set.tree.insert(&pages, |stored| entry::order(stored, &target), &bytes)?;
        if !self.set.is_packed() {
            self.write_score(tx, member, Some(score));
            return Ok(());
        }
        self.packed_bytes += bytes.len() + LENGTH_BYTES;
        let limits = tx.keyspace().packing().sorted_set;
        let too_many = self.set.len() > limits.entries || self.packed_bytes > MAX_PACKED_BYTES;
        if too_many || member.len() as u64 > limits.value { self.unpack(tx) } else { Ok(()) }
    }

    fn write_score(&self, tx: &mut WriteTx, member: &[u8], score: Option<f64>) {
        let value = score.map(|score| Bytes::copy_from_slice(&entry::encode_score(score)));
        let key = member_key(self.set.namespace, self.set.version, member);
        if value.is_none() {
            // Of what is popped nobody has looked at the record; the pages are worked on first.
            tx.hint(Space::Data, &key);
        }
        tx.write(Space::Data, &key, value);
    }

    /// Lets the members lie outside the header.
    fn unpack(&mut self, tx: &mut WriteTx) -> Result<()> {
        let entries: Vec<Bytes> =
            self.set.tree.entries(&self.pages(tx), 0..self.set.len()).collect::<Result<_>>()?;
        self.set.version = tx.new_version();
        self.fill(tx, &entries)
    }

    /// Puts entries, in order, into a set that is without any.
    fn fill(&mut self, tx: &mut WriteTx, entries: &[Bytes]) -> Result<()> {
        self.set.tree = Tree::new(LIMITS);
        let pages = self.set.pages(tx);
        self.set.tree.extend_back(&pages, entries)?;
        for bytes in entries {
            let (member, score) = entry::decode(bytes.clone())?;
            self.write_score(tx, &member, Some(score));
        }
        Ok(())
    }

    /// Takes the entry of a member out of the tree.
    fn take_out(&mut self, tx: &WriteTx, member: &[u8], score: f64) -> Result<()> {
        let target = entry::target(score, member);
        let pages = self.pages(tx);
        self.set.tree.remove(&pages, |stored| entry::order(stored, &target))?;
        self.packed_bytes = self.packed_bytes.saturating_sub(SCORE_BYTES + member.len());
        Ok(())
    }

    /// Removes a member; returns whether it was there. O(log n).
    pub fn remove(&mut self, tx: &mut WriteTx, member: &[u8]) -> Result<bool> {
        let Some(score) = self.set.score(tx, member)? else { return Ok(false) };
        self.take_out(tx, member, score)?;
        if !self.set.is_packed() {
            self.write_score(tx, member, None);
        }
        Ok(true)
    }

    /// Removes the members at these places and returns them, lowest score first. O(log n + members).
    pub fn remove_ranks(&mut self, tx: &mut WriteTx, ranks: Range<u64>) -> Result<Vec<Scored>> {
        let mut entries = Vec::new();
        let pages = self.pages(tx);
        self.set.tree.drain_range(&pages, ranks, |entry| entries.push(entry))?;
        let mut removed = Vec::with_capacity(entries.len());
        for bytes in entries {
            let (member, score) = entry::decode(bytes)?;
            if !self.set.is_packed() {
                self.write_score(tx, &member, None);
            }
            removed.push((member, score));
        }
        Ok(removed)
    }

    /// Writes what has changed; a sorted set without members is deleted.
    pub fn finish(self, tx: &mut WriteTx, event: Event) {
        let Edit { mut slot, set: SortedSet { namespace, version, tree }, .. } = self;
        if tree.is_empty() {
            if slot.meta().is_some() {
                tx.notify(&slot, event);
                tx.delete(&mut slot, Event::DEL);
            }
            return;
        }
        let expire_at_ms = slot.meta().and_then(|meta| meta.expire_at_ms);
        let meta = write(tx, SortedSet { namespace, version, tree }, expire_at_ms);
        tx.put(&mut slot, meta, event);
    }
}

/// Writes the pages of a sorted set that has members; returns its header.
fn write(tx: &mut WriteTx, set: SortedSet, expire_at_ms: Option<u64>) -> Meta {
    let SortedSet { namespace, version, tree } = set;
    let root = tree.finish(&mut WritePages::new(tx, namespace, version, &[]));
    let outside = (version != NO_VERSION).then(|| Outside { version, len: root.len() });
    Meta { outside, expire_at_ms, ..Meta::inline(Kind::SortedSet, root.encode()) }
}

/// Makes a key hold these members, each of them once, whatever it held; none at all delete it.
/// Returns how many there are. O(n log n).
pub fn store(tx: &mut WriteTx, key: &Bytes, members: Vec<Scored>, event: Event) -> Result<u64> {
    let mut slot = tx.slot(key)?;
    let count = members.len() as u64;
    if count == 0 {
        tx.delete(&mut slot, Event::DEL);
    } else {
        put(tx, &mut slot, members, None, event)?;
    }
    Ok(count)
}

/// Makes a key hold these members, each of them once and one at least, whatever it held; and its
/// deadline, ms since the Unix epoch. O(n log n).
pub fn put(
    tx: &mut WriteTx,
    slot: &mut Slot,
    mut members: Vec<Scored>,
    expire_at_ms: Option<u64>,
    event: Event,
) -> Result<()> {
    let count = members.len() as u64;
    super::sort(&mut members);
    let limits = tx.keyspace().packing().sorted_set;
    let longest = members.iter().map(|(member, _)| member.len()).max().unwrap_or(0);
    let bytes = |(member, _): &Scored| SCORE_BYTES + member.len() + LENGTH_BYTES;
    let packed_bytes = members.iter().map(bytes).sum();
    let packed =
        count <= limits.entries && longest as u64 <= limits.value && packed_bytes <= MAX_PACKED_BYTES;
    let sign = if packed { 0.0 } else { -0.0 };
    let entries: Vec<Bytes> =
        members.iter().map(|(member, score)| entry::encode(score + sign, member).into()).collect();
    let set = SortedSet::of(slot.namespace(), None)?;
    let mut edit = Edit { set, slot: slot.clone(), packed_bytes };
    if packed {
        let pages = edit.set.pages(tx);
        edit.set.tree.extend_back(&pages, &entries)?;
    } else {
        edit.set.version = tx.new_version();
        edit.fill(tx, &entries)?;
    }
    let meta = write(tx, edit.set, expire_at_ms);
    tx.put(slot, meta, event);
    Ok(())
}
