//! The value table: headers, members and chunks in memory, hashed by key. It holds what was committed
//! but is not yet in the tree (never evicted), and, as a cache, what was read or written lately, absent
//! keys included.
//!
//! Why it is here: a lookup in RocksDB walks a skiplist, its filters and blocks, 1 to 3 µs even when
//! all of it is in memory; a hash table answers in a tenth of that.

use super::dead_ranges::DeadRanges;
use super::fresh::FreshFrom;
use super::splices;
use crate::storage::{Fresh, Seq, Space};
use bytes::Bytes;
use hashbrown::HashTable;
use parking_lot::Mutex;
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicUsize, Ordering};

const SHARDS: usize = 64;

/// Deleted values are cleared away when one in so many of the table's entries may be of one of them, and
/// there are more than a few.
const ENTRIES_PER_DEAD: usize = 256;
const FEW_DEAD: usize = 512;

/// Values from this size on are shared instead of copied.
const LARGE: usize = 384;

/// Bytes of a slot, half of the empty ones included.
const SLOT_BYTES: usize = 96;

/// What the table knows of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Lookup {
    /// The value, or that there is none.
    Known(Option<Bytes>),
    /// Ask the tree; hand the ticket in with the answer.
    Unknown(Ticket),
}

/// Lets an answer of the tree into the table only if no commit came in between.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ticket(u64);

/// A key and what is known of it. Where key and value are together, they are: 1 byte, the space,
/// and in the lowest bit whether there is a value; 2 bytes, the key's length; the key; the value.
enum Content {
    /// In the slot itself: a lookup that has compared the key has the value in the same cache line.
    Inline {
        len: u8,
        bytes: [u8; INLINE],
    },
    Small(Box<[u8]>),
    /// A large value with a short key, which most pages have: a lookup goes from the slot to the value.
    Shared {
        key: ShortKey,
        value: Bytes,
    },
    Large(Box<Apart>),
}

/// A key of a few bytes, with its space.
struct ShortKey {
    space: u8,
    len: u8,
    bytes: [u8; SHORT_KEY],
}

type Apart = (Space, Box<[u8]>, Option<Bytes>);

/// What fills a slot up to a cache line.
const INLINE: usize = 54;
const FRONT: usize = 3;
/// As much beside a value.
const SHORT_KEY: usize = 21;

impl Content {
    fn new(space: Space, key: &[u8], value: Option<&Bytes>) -> Content {
        let value_len = value.map_or(0, Bytes::len);
        let Ok(key_len) = u16::try_from(key.len()) else {
            return Content::Large(Box::new((space, key.into(), value.cloned())));
        };
        if let Some(value) = value.filter(|value| value.len() >= LARGE) {
            let mut bytes = [0; SHORT_KEY];
            let Some(place) = bytes.get_mut(..key.len()) else {
                return Content::Large(Box::new((space, key.into(), Some(value.clone()))));
            };
            place.copy_from_slice(key);
            let key = ShortKey { space: space as u8, len: key.len() as u8, bytes };
            return Content::Shared { key, value: value.clone() };
        }
        let fill = |bytes: &mut [u8]| {
            bytes[0] = (space as u8) << 1 | u8::from(value.is_some());
            bytes[1..FRONT].copy_from_slice(&key_len.to_le_bytes());
            bytes[FRONT..FRONT + key.len()].copy_from_slice(key);
            bytes[FRONT + key.len()..].copy_from_slice(value.map_or(&[][..], |value| value));
        };
        let len = FRONT + key.len() + value_len;
        if len <= INLINE {
            let mut bytes = [0; INLINE];
            fill(&mut bytes[..len]);
            return Content::Inline { len: len as u8, bytes };
        }
        let mut bytes = vec![0; len].into_boxed_slice();
        fill(&mut bytes);
        Content::Small(bytes)
    }

    /// Gives the key another value; what stays the same is left where it is.
    fn replace(&mut self, space: Space, key: &[u8], value: Option<&Bytes>) {
        match (self, value) {
            (Content::Shared { value: old, .. }, Some(new)) if new.len() >= LARGE => *old = new.clone(),
            (content, value) => *content = Content::new(space, key, value),
        }
    }

    /// The number of the space, the key, and the value.
    fn parts(&self) -> (u8, &[u8], Option<&[u8]>) {
        let together = match self {
            Content::Inline { len, bytes } => &bytes[..*len as usize],
            Content::Small(bytes) => bytes,
            Content::Shared { key, value } => {
                return (key.space, &key.bytes[..key.len as usize], Some(value));
            }
            Content::Large(apart) => return (apart.0 as u8, &apart.1, apart.2.as_deref()),
        };
        let key_len = u16::from_le_bytes([together[1], together[2]]) as usize;
        let (key, value) = together[FRONT..].split_at(key_len);
        (together[0] >> 1, key, (together[0] & 1 == 1).then_some(value))
    }

    /// The number of the space, and the key.
    fn key(&self) -> (u8, &[u8]) {
        let (space, key, _) = self.parts();
        (space, key)
    }

    fn bytes_of_value(&self) -> Option<&[u8]> {
        self.parts().2
    }

    fn value(&self) -> Option<Bytes> {
        match self {
            Content::Shared { value, .. } => Some(value.clone()),
            Content::Large(apart) => apart.2.clone(),
            together => together.bytes_of_value().map(Bytes::copy_from_slice),
        }
    }

    /// Bytes beside the slot.
    fn bytes(&self) -> usize {
        match self {
            Content::Inline { .. } => 0,
            Content::Small(bytes) => bytes.len(),
            Content::Shared { value, .. } => value.len(),
            Content::Large(apart) => {
                size_of::<Apart>() + apart.1.len() + apart.2.as_ref().map_or(0, Bytes::len)
            }
        }
    }
}

/// A slot: one cache line.
#[repr(align(64))]
struct Entry {
    content: Content,
    /// The commit the value is from, or, if it was read from the tree, the last one flushed by then;
    /// shifted left. The lowest bit: used since the clock hand passed last.
    seq_and_used: u64,
}

impl Entry {
    fn new(space: Space, key: &[u8], value: Option<&Bytes>, seq: Seq, used: bool) -> Entry {
        Entry { content: Content::new(space, key, value), seq_and_used: seq << 1 | u64::from(used) }
    }

    fn is(&self, space: Space, key: &[u8]) -> bool {
        self.content.key() == (space as u8, key)
    }

    fn seq(&self) -> Seq {
        self.seq_and_used >> 1
    }

    fn bytes(&self) -> usize {
        SLOT_BYTES + self.content.bytes()
    }
}

#[derive(Default)]
struct Shard {
    entries: HashTable<Entry>,
    bytes: usize,
    /// Grows with each committed write.
    writes: u64,
    /// Where the eviction clock stands.
    hand: usize,
}

/// Where a shard's slots lie, for hints: they look at it without the shard's lock. What they find
/// may be out of date, which costs a wasted prefetch and nothing else.
#[derive(Default)]
struct Whereabouts {
    /// The address behind the last slot; hashbrown counts them backwards, and the control bytes
    /// follow. If it ever keeps them otherwise, the hints are wasted.
    end: AtomicUsize,
    slots: AtomicUsize,
}

impl Whereabouts {
    /// Takes note of a slot and its number.
    fn note(&self, entries: &HashTable<Entry>, number: usize) {
        if let Some(entry) = entries.get_bucket(number) {
            let end = std::ptr::from_ref(entry).addr() + (number + 1) * size_of::<Entry>();
            self.end.store(end, Ordering::Relaxed);
            self.slots.store(entries.num_buckets(), Ordering::Relaxed);
        }
    }

    /// Has the processor fetch the slot where the search for a hash begins, and its control byte.
    fn prefetch(&self, hash: u64) {
        let slots = self.slots.load(Ordering::Relaxed);
        let number = hash as usize & slots.wrapping_sub(1);
        let end = self.end.load(Ordering::Relaxed);
        prefetch(end.wrapping_add(number));
        prefetch(end.wrapping_sub((number + 1).wrapping_mul(size_of::<Entry>())));
    }
}

/// A sharded hash table with a budget of bytes and second-chance eviction.
pub(super) struct ValueTable {
    shards: Box<[Mutex<Shard>]>,
    whereabouts: Box<[Whereabouts]>,
    hasher: hashbrown::DefaultHashBuilder,
    shard_budget: usize,
    /// Deleted ranges whose keys may still be in the table.
    dead: DeadRanges,
    /// How many those were when somebody last looked whether to clear them away.
    dead_before: AtomicUsize,
    /// What the table knows all of.
    fresh: FreshFrom,
}

impl ValueTable {
    /// A table that keeps up to `budget` bytes of what could be read again from the tree.
    pub(super) fn new(budget: usize) -> ValueTable {
        ValueTable {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            whereabouts: (0..SHARDS).map(|_| Whereabouts::default()).collect(),
            hasher: Default::default(),
            shard_budget: budget / SHARDS,
            dead: DeadRanges::default(),
            dead_before: AtomicUsize::new(0),
            fresh: FreshFrom::default(),
        }
    }

    fn hash(&self, space: u8, key: &[u8]) -> u64 {
        // A multiple of an odd number with bits everywhere: spaces part at both ends of the hash.
        self.hasher.hash_one(key).wrapping_add(u64::from(space).wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    fn hash_of(&self, entry: &Entry) -> u64 {
        let (space, key) = entry.content.key();
        self.hash(space, key)
    }

    fn shard(&self, space: Space, key: &[u8]) -> (&Mutex<Shard>, u64) {
        let hash = self.hash(space as u8, key);
        (&self.shards[shard_number(hash)], hash)
    }

    /// What is known of a key. `flushed` is asked for the last flushed commit, if it matters.
    pub(super) fn get(&self, space: Space, key: &[u8], flushed: impl Fn() -> Seq) -> Lookup {
        let (shard, hash) = self.shard(space, key);
        let mut shard = shard.lock();
        match shard.entries.find_mut(hash, |entry| entry.is(space, key)) {
            Some(entry) => {
                entry.seq_and_used |= 1;
                let seq = entry.seq();
                let value = entry.content.value();
                drop(shard);
                let is_dead = value.is_some() && self.dead.at(space, key).is_some_and(|at| at > seq);
                Lookup::Known(value.filter(|_| !is_dead))
            }
            None => {
                let ticket = Ticket(shard.writes);
                drop(shard);
                if self.fresh.knows(space, key) {
                    return Lookup::Known(None);
                }
                // The tree does not know of it yet. A later write of the key would have been found.
                let is_dead = self.dead.at(space, key).is_some_and(|at| at > flushed());
                if is_dead { Lookup::Known(None) } else { Lookup::Unknown(ticket) }
            }
        }
    }

    /// Has the processor fetch the cache line that a lookup of `key` most likely ends at. In a large
    /// table a lookup is mostly that wait; many hints wait at once.
    pub(super) fn hint(&self, space: Space, key: &[u8]) {
        let hash = self.hash(space as u8, key);
        self.whereabouts[shard_number(hash)].prefetch(hash);
    }

    /// Lets in what the tree answered, unless something was committed since. `flushed` is the last
    /// commit that was flushed before the tree was asked.
    pub(super) fn remember(
        &self,
        space: Space,
        key: &[u8],
        value: Option<&Bytes>,
        ticket: Ticket,
        flushed: Seq,
    ) {
        let (shard, hash) = self.shard(space, key);
        let mut shard = shard.lock();
        if shard.writes != ticket.0 || shard.entries.find(hash, |entry| entry.is(space, key)).is_some() {
            return;
        }
        self.insert(&mut shard, hash, Entry::new(space, key, value, flushed, false), flushed);
    }

    /// Puts in what commit `seq` wrote. It stays until `seq` is flushed. Returns the edit that makes the
    /// new value out of the one before, if it is a page that changes little.
    pub(super) fn commit(
        &self,
        space: Space,
        key: &[u8],
        value: Option<&Bytes>,
        seq: Seq,
        flushed: Seq,
    ) -> Option<Vec<u8>> {
        let (shard, hash) = self.shard(space, key);
        let mut shard = shard.lock();
        shard.writes += 1;
        if let Some(entry) = shard.entries.find_mut(hash, |entry| entry.is(space, key)) {
            let before = entry.bytes();
            let is_dead = || self.dead.at(space, key).is_some_and(|at| at > entry.seq());
            let edit = match (space, entry.content.bytes_of_value(), value) {
                (Space::Index, Some(old), Some(new)) if !is_dead() => splices::between(old, new),
                _ => None,
            };
            entry.content.replace(space, key, value);
            entry.seq_and_used = seq << 1 | 1;
            let after = entry.bytes();
            shard.bytes = shard.bytes - before + after;
            self.evict(&mut shard, flushed);
            return edit;
        }
        self.insert(&mut shard, hash, Entry::new(space, key, value, seq, true), flushed);
        None
    }

    fn insert(&self, shard: &mut Shard, hash: u64, entry: Entry, flushed: Seq) {
        shard.bytes += entry.bytes();
        let before = shard.entries.num_buckets();
        let hasher = |entry: &Entry| self.hash_of(entry);
        let number = shard.entries.insert_unique(hash, entry, hasher).bucket_index();
        if shard.entries.num_buckets() != before {
            self.whereabouts[shard_number(hash)].note(&shard.entries, number);
        }
        self.evict(shard, flushed);
    }

    /// Moves the clock hand until the shard is within its budget, or was gone round twice: what is
    /// not flushed yet cannot go.
    fn evict(&self, shard: &mut Shard, flushed: Seq) {
        let buckets = shard.entries.num_buckets();
        let mut steps = 2 * buckets;
        while shard.bytes > self.shard_budget && steps > 0 {
            steps -= 1;
            shard.hand = if shard.hand + 1 >= buckets { 0 } else { shard.hand + 1 };
            let Ok(mut bucket) = shard.entries.get_bucket_entry(shard.hand) else { continue };
            let entry = bucket.get_mut();
            if entry.seq_and_used & 1 == 1 {
                entry.seq_and_used &= !1;
            } else if entry.seq() <= flushed {
                let (entry, _) = bucket.remove();
                shard.bytes -= entry.bytes();
                if entry.content.bytes_of_value().is_some() {
                    let (space, key) = entry.content.key();
                    self.fresh.lost(Space::ALL[usize::from(space)], key);
                }
            }
        }
    }

    /// Commit `seq` deleted every key of `from..to`. What the table knows of them counts for nothing
    /// from here on, and is taken out some time.
    pub(super) fn delete_range(&self, space: Space, from: &[u8], to: &[u8], seq: Seq, flushed: Seq) {
        if self.dead.add(space, from, to, seq) {
            self.clear_of_dead(flushed);
        }
    }

    /// Takes out what was deleted, if that is much, or nothing has been deleted since the last call. To be
    /// called once in a while: it walks over the whole table, one shard at a time.
    pub(super) fn tidy(&self, flushed: Seq) {
        let dead = self.dead.len();
        let is_quiet = self.dead_before.swap(dead, Ordering::Relaxed) == dead;
        if dead > 0 && (is_quiet || dead >= FEW_DEAD.max(self.len() / ENTRIES_PER_DEAD)) {
            self.clear_of_dead(flushed);
        }
    }

    /// Takes out what lies in deleted ranges that the tree knows of.
    fn clear_of_dead(&self, flushed: Seq) {
        let doomed = self.dead.flushed(flushed);
        if doomed.len() > 0 {
            self.forget(|space, key, seq| doomed.at(space, key).is_some_and(|at| at > seq));
            self.dead.remove(&doomed);
        }
    }

    /// Nothing of these namespaces and versions is stored yet; see `fresh.rs`.
    pub(super) fn begin_fresh(&self, fresh: Fresh) {
        self.fresh.begin(fresh);
    }

    /// Forgets everything: what is asked for next comes from the tree.
    pub(super) fn clear(&self) {
        self.fresh.end();
        self.forget(|_, _, _| true);
    }

    /// Forgets the commits after `flushed`: they never happened.
    pub(super) fn undo(&self, flushed: Seq) {
        // What they wrote over is in the tree alone.
        self.fresh.end();
        self.dead.undo(flushed);
        self.forget(|_, _, seq| seq > flushed);
    }

    /// Forgets what is known of some keys, which are deleted, or to be looked for in the tree.
    pub(super) fn forget(&self, doomed: impl Fn(Space, &[u8], Seq) -> bool) {
        for shard in &self.shards {
            let mut shard = shard.lock();
            shard.writes += 1;
            let mut freed = 0;
            shard.entries.retain(|entry| {
                let (space, key) = entry.content.key();
                let keep = !doomed(Space::ALL[usize::from(space)], key, entry.seq());
                freed += if keep { 0 } else { entry.bytes() };
                keep
            });
            shard.bytes -= freed;
            if shard.entries.len() < shard.entries.capacity() / 4 {
                shard.entries.shrink_to(0, |entry| self.hash_of(entry));
            }
        }
    }

    /// Bytes the table takes.
    pub(super) fn bytes(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock().bytes).sum()
    }

    /// Entries in the table.
    pub(super) fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock().entries.len()).sum()
    }
}

/// The table of a shard uses the low and the top bits of a hash.
fn shard_number(hash: u64) -> usize {
    (hash >> 32) as usize % SHARDS
}

#[cfg(target_arch = "x86_64")]
fn prefetch(address: usize) {
    use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
    // SAFETY: a prefetch has no effect but on the cache, whatever the address.
    unsafe { _mm_prefetch::<_MM_HINT_T0>(std::ptr::without_provenance(address)) };
}

#[cfg(not(target_arch = "x86_64"))]
fn prefetch(_: usize) {}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(table: &ValueTable, key: &[u8]) -> Option<Option<Bytes>> {
        match table.get(Space::Meta, key, || 0) {
            Lookup::Known(value) => Some(value),
            Lookup::Unknown(_) => None,
        }
    }

    #[test]
    fn an_answer_from_the_tree_never_overtakes_a_commit() {
        let table = ValueTable::new(1 << 20);
        let Lookup::Unknown(ticket) = table.get(Space::Meta, b"k", || 0) else { panic!() };
        table.commit(Space::Meta, b"k", Some(&"new".into()), 1, 0);
        table.remember(Space::Meta, b"k", Some(&"old".into()), ticket, 0);
        assert_eq!(known(&table, b"k"), Some(Some("new".into())));
        // Even if the commit has been evicted since.
        let Lookup::Unknown(ticket) = table.get(Space::Meta, b"other", || 0) else { panic!() };
        table.forget(|_, _, _| true);
        table.remember(Space::Meta, b"other", Some(&"old".into()), ticket, 1);
        assert_eq!(known(&table, b"other"), None);
    }

    #[test]
    fn every_kind_of_content_reads_back() {
        let table = ValueTable::new(64 << 20);
        let keys = [vec![], b"k".to_vec(), vec![6; SHORT_KEY], vec![7; 300], vec![8; 70_000]];
        assert_eq!(size_of::<Entry>(), 64);
        let sizes = [0, 1, 1, INLINE - FRONT - 1, INLINE - FRONT, LARGE - 1, LARGE, 100_000, 0];
        let values: Vec<_> = sizes.into_iter().map(Some).chain([None]).collect();
        for key in &keys {
            for (step, size) in values.iter().enumerate() {
                let value = size.map(|size| Bytes::from(vec![step as u8; size]));
                table.commit(Space::Meta, key, value.as_ref(), 1, 0);
                assert_eq!(known(&table, key), Some(value));
            }
        }
        assert_eq!(table.len(), keys.len());
        table.forget(|_, _, _| true);
        assert_eq!((table.len(), table.bytes()), (0, 0));
    }

    #[test]
    fn what_is_not_flushed_stays_whatever_the_budget() {
        let table = ValueTable::new(SHARDS * 1000);
        for number in 0..10_000u32 {
            table.commit(Space::Meta, &number.to_be_bytes(), Some(&"v".into()), u64::from(number) + 1, 0);
        }
        assert_eq!(table.len(), 10_000);
        for number in 10_000..20_000u32 {
            table.commit(
                Space::Meta,
                &number.to_be_bytes(),
                Some(&"v".into()),
                u64::from(number) + 1,
                20_000,
            );
        }
        assert!(table.bytes() <= SHARDS * 1000, "{}", table.bytes());
        assert!(table.len() > 100);
    }

    #[test]
    fn what_was_deleted_is_cleared_away_in_quiet_times() {
        let table = ValueTable::new(1 << 24);
        let prefix = |version: u64| [&[0; 4][..], &version.to_be_bytes()].concat();
        let delete = |version: u64, seq| {
            table.delete_range(Space::Data, &prefix(version), &prefix(version + 1), seq, seq);
        };
        let key = |version, number: u32| [&prefix(version)[..], &number.to_be_bytes()].concat();
        let fill = |version| {
            for number in 0..1000 {
                table.commit(Space::Data, &key(version, number), Some(&"member".into()), 1, 1);
            }
        };
        (0..10).for_each(fill);
        delete(0, 2);
        // It is not certain yet that it stays deleted, and then something else goes.
        table.tidy(1);
        table.tidy(1);
        assert_eq!(table.len(), 10_000);
        delete(1, 3);
        table.tidy(3);
        assert_eq!(table.len(), 10_000, "more may go at any moment");
        table.tidy(3);
        assert_eq!(table.len(), 8000);
        let is_known =
            |version| matches!(table.get(Space::Data, &key(version, 7), || 3), Lookup::Known(Some(_)));
        assert!(!is_known(0) && !is_known(1) && is_known(2));
        // A key that was deleted with its range and written again is not cleared away.
        delete(2, 4);
        table.commit(Space::Data, &key(2, 7), Some(&"new".into()), 5, 5);
        table.tidy(5);
        table.tidy(5);
        assert!(is_known(2) && table.len() == 7001);
        // Never while somebody waits for a deletion, however many there are; but soon after.
        (1000..3000).for_each(|version| delete(version, 6));
        delete(3, 7);
        assert_eq!(table.len(), 7001);
        table.tidy(7);
        assert_eq!(table.len(), 6001);
        let slots = || table.shards.iter().map(|shard| shard.lock().entries.capacity()).sum::<usize>();
        let before = slots();
        (3..10).for_each(|version| delete(version, 8));
        table.tidy(8);
        table.tidy(8);
        assert!(table.len() == 1 && slots() < before / 8, "{} of {before} slots", slots());
    }

    #[test]
    fn what_is_fresh_is_not_looked_for_until_something_was_lost() {
        let table = ValueTable::new(SHARDS * 1000);
        let key =
            |version: u64, number: u32| [&[0; 4][..], &version.to_be_bytes(), &number.to_be_bytes()].concat();
        let absent = |version, number| {
            matches!(table.get(Space::Data, &key(version, number), || 0), Lookup::Known(None))
        };
        table.begin_fresh(Fresh { namespace: 7, version: 10 });
        assert!(!absent(9, 0) && absent(10, 0));
        assert_eq!(known(&table, &[0, 0, 0, 6, 1]), None);
        assert_eq!(known(&table, &[0, 0, 0, 7, 1]), Some(None));
        assert_eq!(known(&table, b"x"), None, "too short to tell");
        let mut number = 0;
        while absent(11, number) {
            table.commit(Space::Data, &key(11, number), Some(&"v".into()), 1, 1);
            number += 1;
            assert!(number < 10_000, "a small table drops something");
        }
        for kept in 0..number {
            assert!(!absent(11, kept), "{kept} was committed");
        }
        assert!(!absent(10, 0) && absent(12, 0));
        table.undo(1);
        assert!(!absent(12, 0));
        table.begin_fresh(Fresh { namespace: 7, version: 20 });
        table.clear();
        assert!(!absent(20, 0));
    }

    #[test]
    fn what_is_used_outlives_what_is_not() {
        let table = ValueTable::new(SHARDS * 2000);
        for number in 0..100_000u32 {
            let key = number.to_be_bytes();
            if let Lookup::Unknown(ticket) = table.get(Space::Meta, &key, || 0) {
                table.remember(Space::Meta, &key, Some(&"v".into()), ticket, 0);
            }
            if known(&table, b"hot").is_none() {
                let Lookup::Unknown(ticket) = table.get(Space::Meta, b"hot", || 0) else { panic!() };
                table.remember(Space::Meta, b"hot", Some(&"v".into()), ticket, 0);
                assert!(number < 10, "the hot key was evicted at {number}");
            }
        }
    }
}
