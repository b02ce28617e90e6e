//! Consumer groups, to read. Behind the version of their stream lie, in `Space::Data`:
//!
//! | key | value |
//! |---|---|
//! | `g`, name of a group | its record |
//! | `c`, number of the group (8), name of a consumer | its record |
//! | `n`, number of the group (8), number of a consumer (8) | the consumer's name |
//!
//! A record is varints, and behind them the root of a tree. Of a group: number, the last id that was
//! delivered (two), entries read plus 1 (0: unknown), number of the next consumer, consumers, pending
//! entries of nobody; the tree holds what is pending ([`Pending`]). Of a consumer: number, when it was seen,
//! when it was active plus 1 (0: never), ms since the Unix epoch; the tree holds the ids that are pending
//! with it. Pages of the trees lie in `Space::Index`, behind `p` and the number of the group, or `q` and the
//! numbers of group and consumer.

use super::pending::Pending;
use super::{Stream, entry, log};
use crate::data_types::pages::ReadPages;
use crate::data_types::tree::{Root, Tree};
use crate::encoding::keys::{self, Namespace};
use crate::encoding::stream_id::StreamId;
use crate::encoding::{DecodeError, DecodeResult, varint};
use crate::error::Result;
use crate::keyspace::tx::ReadTx;
use crate::storage::{Direction, KeyBytes, Scan, ScanRange, Space};
use bytes::{Buf, Bytes};
use std::ops::Range;

const GROUP: u8 = b'g';
const CONSUMER: u8 = b'c';
const NAME: u8 = b'n';
const GROUP_PAGES: u8 = b'p';
const CONSUMER_PAGES: u8 = b'q';

/// Where the records of a stream's groups lie.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub namespace: Namespace,
    pub version: u64,
}

/// A letter and numbers behind it.
fn part(letter: u8, numbers: &[u64]) -> KeyBytes {
    let mut part = KeyBytes::from_slice(&[letter]);
    for number in numbers {
        part.extend_from_slice(&number.to_be_bytes());
    }
    part
}

impl Place {
    fn key(self, part: KeyBytes, name: &[u8]) -> KeyBytes {
        let mut key = KeyBytes::from_slice(&keys::members(self.namespace, self.version));
        key.extend_from_slice(&part);
        key.extend_from_slice(name);
        key
    }

    /// What the keys of a kind begin with.
    pub(super) fn letter(self, letter: u8) -> KeyBytes {
        self.key(part(letter, &[]), &[])
    }

    pub(super) fn group(self, name: &[u8]) -> KeyBytes {
        self.key(part(GROUP, &[]), name)
    }

    pub(super) fn consumer(self, group: u64, name: &[u8]) -> KeyBytes {
        self.key(part(CONSUMER, &[group]), name)
    }

    pub(super) fn name(self, group: u64, consumer: u64) -> KeyBytes {
        self.key(part(NAME, &[group, consumer]), &[])
    }

    /// What everything of a group but its record begins with.
    pub(super) fn prefixes(self, group: u64) -> [(Space, KeyBytes); 4] {
        let of = |letter| self.key(part(letter, &[group]), &[]);
        [
            (Space::Data, of(CONSUMER)),
            (Space::Data, of(NAME)),
            (Space::Index, of(GROUP_PAGES)),
            (Space::Index, of(CONSUMER_PAGES)),
        ]
    }

    /// What the pages of a consumer begin with.
    pub(super) fn consumer_prefix(self, group: u64, consumer: u64) -> KeyBytes {
        self.key(consumer_pages(group, consumer), &[])
    }

    /// The records of a kind, by name, in the order of the names.
    pub(super) fn records(self, tx: &ReadTx, part: KeyBytes) -> Result<Vec<(Bytes, Bytes)>> {
        let prefix = self.key(part, &[]);
        let mut scan = tx.scan(Space::Data, &ScanRange::prefix(&prefix), Direction::Forward)?;
        let mut records = Vec::new();
        while let Some((key, value)) = scan.next()? {
            let name = Bytes::copy_from_slice(&key[prefix.len()..]);
            records.push((name, Bytes::copy_from_slice(value)));
        }
        Ok(records)
    }
}

pub(super) fn group_pages(group: u64) -> KeyBytes {
    part(GROUP_PAGES, &[group])
}

pub(super) fn consumer_pages(group: u64, consumer: u64) -> KeyBytes {
    part(CONSUMER_PAGES, &[group, consumer])
}

/// A record: numbers, and a root behind them.
fn encode(numbers: &[u64], root: &Root) -> Bytes {
    let root = root.encode();
    let mut out = Vec::with_capacity(numbers.len() * varint::MAX_BYTES + root.len());
    for number in numbers {
        varint::put(&mut out, *number);
    }
    out.extend_from_slice(&root);
    out.into()
}

fn decode<const N: usize>(mut record: Bytes) -> DecodeResult<([u64; N], Tree)> {
    let mut rest: &[u8] = &record;
    let mut numbers = [0; N];
    for number in &mut numbers {
        *number = varint::take(&mut rest)?;
    }
    let front = record.len() - rest.len();
    record.advance(front);
    Ok((numbers, Tree::open(Root::decode(record)?, log::LIMITS)))
}

/// What is known of a group beside its pending entries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupHead {
    pub name: Bytes,
    pub(super) number: u64,
    /// The last id that was delivered.
    pub last_id: StreamId,
    /// How many entries it has read, if that is known.
    pub entries_read: Option<u64>,
    pub(super) next_consumer: u64,
    pub consumers: u64,
    /// How many pending entries have no consumer.
    pub unowned: u64,
}

impl GroupHead {
    pub(super) fn new(name: Bytes, number: u64, last_id: StreamId, entries_read: Option<u64>) -> GroupHead {
        GroupHead { name, number, last_id, entries_read, next_consumer: 1, consumers: 0, unowned: 0 }
    }

    pub(super) fn record(&self, root: &Root) -> Bytes {
        let read = self.entries_read.map_or(0, |read| read.saturating_add(1));
        let numbers = [self.number, self.last_id.ms, self.last_id.seq, read];
        encode(&[&numbers[..], &[self.next_consumer, self.consumers, self.unowned]].concat(), root)
    }
}

/// A group, with what is pending.
pub struct Group {
    pub head: GroupHead,
    pub(super) pending: Tree,
    pub(super) place: Place,
}

/// A consumer, with what is pending with it.
pub struct Consumer {
    pub name: Bytes,
    pub(super) number: u64,
    /// When it last asked for anything, ms since the Unix epoch.
    pub seen_ms: u64,
    /// When it last got anything, ms since the Unix epoch.
    pub active_ms: Option<u64>,
    pub(super) pending: Tree,
}

impl Consumer {
    pub(super) fn decode(name: Bytes, record: Bytes) -> DecodeResult<Consumer> {
        let ([number, seen_ms, active], pending) = decode(record)?;
        Ok(Consumer { name, number, seen_ms, active_ms: active.checked_sub(1), pending })
    }

    pub(super) fn record(&self, root: &Root) -> Bytes {
        let active = self.active_ms.map_or(0, |active| active.saturating_add(1));
        encode(&[self.number, self.seen_ms, active], root)
    }

    /// What [`Pending::consumer`] calls it.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// How many entries are pending with it.
    pub fn pending_len(&self) -> u64 {
        self.pending.len()
    }
}

/// The places, of a tree in the order of ids, of the entries from one id to another, the last included.
fn ranks(tree: &Tree, pages: &ReadPages, from: StreamId, to: StreamId) -> Result<Range<u64>> {
    let rank =
        |id| Ok::<u64, crate::error::Error>(tree.search(pages, |stored| entry::order(stored, id))?.rank);
    let end = to.next().map_or(Ok(tree.len()), rank)?;
    Ok(rank(from)?.min(end)..end)
}

impl Group {
    fn decode(place: Place, name: Bytes, record: Bytes) -> DecodeResult<Group> {
        let ([number, ms, seq, read, next_consumer, consumers, unowned], pending) = decode(record)?;
        let (last_id, entries_read) = (StreamId { ms, seq }, read.checked_sub(1));
        let head = GroupHead { name, number, last_id, entries_read, next_consumer, consumers, unowned };
        Ok(Group { head, pending, place })
    }

    /// The group of a name. One read.
    pub fn open(tx: &ReadTx, stream: &Stream, name: &Bytes) -> Result<Option<Group>> {
        let place = stream.place();
        if stream.head.groups == 0 {
            return Ok(None);
        }
        let record = tx.get(Space::Data, &place.group(name))?;
        Ok(record.map(|record| Group::decode(place, name.clone(), record)).transpose()?)
    }

    /// All groups of a stream, in the order of their names.
    pub fn all(tx: &ReadTx, stream: &Stream) -> Result<Vec<Group>> {
        if stream.head.groups == 0 {
            return Ok(Vec::new());
        }
        let place = stream.place();
        let records = place.records(tx, part(GROUP, &[]))?.into_iter();
        Ok(records.map(|(name, record)| Group::decode(place, name, record)).collect::<DecodeResult<_>>()?)
    }

    /// How many entries are pending.
    pub fn pending_len(&self) -> u64 {
        self.pending.len()
    }

    /// The ids of the first and the last pending entry, if there are any. O(log n).
    pub fn pending_ends(&self, tx: &ReadTx) -> Result<Option<(StreamId, StreamId)>> {
        let pages = self.pages(tx);
        let Some(last) = self.pending.len().checked_sub(1) else { return Ok(None) };
        let ends = (self.pending.get(&pages, 0)?, self.pending.get(&pages, last)?);
        Ok(match ends {
            (Some(first), Some(last)) => Some((entry::id_of(&first)?, entry::id_of(&last)?)),
            _ => None,
        })
    }

    pub(super) fn pages<'a>(&self, tx: &'a ReadTx<'a>) -> ReadPages<'a> {
        ReadPages::new(tx, self.place.namespace, self.place.version, &group_pages(self.head.number))
    }

    pub(super) fn consumer_pages<'a>(&self, tx: &'a ReadTx<'a>, consumer: u64) -> ReadPages<'a> {
        let part = consumer_pages(self.head.number, consumer);
        ReadPages::new(tx, self.place.namespace, self.place.version, &part)
    }

    /// The consumer of a name. One read.
    pub fn consumer(&self, tx: &ReadTx, name: &Bytes) -> Result<Option<Consumer>> {
        let record = tx.get(Space::Data, &self.place.consumer(self.head.number, name))?;
        Ok(record.map(|record| Consumer::decode(name.clone(), record)).transpose()?)
    }

    /// All consumers, in the order of their names.
    pub fn consumers(&self, tx: &ReadTx) -> Result<Vec<Consumer>> {
        let records = self.place.records(tx, part(CONSUMER, &[self.head.number]))?.into_iter();
        Ok(records.map(|(name, record)| Consumer::decode(name, record)).collect::<DecodeResult<_>>()?)
    }

    /// The name of a consumer by its number. One read.
    pub fn consumer_name(&self, tx: &ReadTx, consumer: u64) -> Result<Bytes> {
        let missing = DecodeError { what: "group without one of its consumers" };
        Ok(tx.get(Space::Data, &self.place.name(self.head.number, consumer))?.ok_or(missing)?)
    }

    /// What is pending of an id. O(log n).
    pub fn pending(&self, tx: &ReadTx, id: StreamId) -> Result<Option<Pending>> {
        let found = self.pending.search(&self.pages(tx), |stored| entry::order(stored, id))?;
        Ok(found.entry.map(|bytes| Pending::decode(&bytes)).transpose()?)
    }

    /// Shows what is pending from one id to another to `visit`, in order, until that has seen enough.
    pub fn visit(
        &self,
        tx: &ReadTx,
        (from, to): (StreamId, StreamId),
        mut visit: impl FnMut(Pending) -> Result<bool>,
    ) -> Result<()> {
        let pages = self.pages(tx);
        let ranks = ranks(&self.pending, &pages, from, to)?;
        for bytes in self.pending.entries(&pages, ranks) {
            if !visit(Pending::decode(&bytes?)?)? {
                break;
            }
        }
        Ok(())
    }

    /// As [`Group::visit`] for what is pending with one consumer.
    pub fn visit_of(
        &self,
        tx: &ReadTx,
        consumer: &Consumer,
        (from, to): (StreamId, StreamId),
        mut visit: impl FnMut(Pending) -> Result<bool>,
    ) -> Result<()> {
        let pages = self.consumer_pages(tx, consumer.number);
        let ranks = ranks(&consumer.pending, &pages, from, to)?;
        for bytes in consumer.pending.entries(&pages, ranks) {
            let missing = DecodeError { what: "consumer with an entry that is not pending" };
            let pending = self.pending(tx, entry::id_of(&bytes?)?)?.ok_or(missing)?;
            if !visit(pending)? {
                break;
            }
        }
        Ok(())
    }

    /// How many entries the group has still to read; none if that is not known. O(log n).
    pub fn lag(&self, tx: &ReadTx, stream: &Stream) -> Result<Option<u64>> {
        let head = &stream.head;
        if head.entries_added == 0 {
            return Ok(Some(0));
        }
        let read = match self.head.entries_read {
            Some(read) if !stream.has_deleted_after(tx, self.head.last_id)? => Some(read),
            _ => stream.added_up_to(tx, self.head.last_id)?,
        };
        Ok(read.map(|read| head.entries_added.saturating_sub(read)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn never_panics(record: Vec<u8>) {
            let record = Bytes::from(record);
            let place = Place { namespace: Namespace(1), version: 2 };
            let _ = Group::decode(place, Bytes::new(), record.clone());
            let _ = Consumer::decode(Bytes::new(), record);
        }
    }

    #[test]
    fn golden_records() {
        let place = Place { namespace: Namespace(1), version: 2 };
        let mut head = GroupHead::new(Bytes::from_static(b"g"), 7, StreamId { ms: 5, seq: 6 }, Some(3));
        (head.consumers, head.next_consumer, head.unowned) = (1, 2, 0);
        let record = head.record(&Root::default());
        assert_eq!(record.as_ref(), b"\x07\x05\x06\x04\x02\x01\0\0\0\0\0");
        assert_eq!(Group::decode(place, head.name.clone(), record).unwrap().head, head);
        let record = Bytes::from_static(b"\x01\xac\x02\0\0\0\0\0");
        let consumer = Consumer::decode(Bytes::from_static(b"c"), record.clone()).unwrap();
        assert_eq!((consumer.number, consumer.seen_ms, consumer.active_ms), (1, 300, None));
        assert_eq!(consumer.record(&Root::default()), record);
        assert_eq!(place.group(b"x").as_slice(), b"\0\0\0\x01\0\0\0\0\0\0\0\x02gx");
        assert_eq!(&place.consumer(3, b"x")[12..], b"c\0\0\0\0\0\0\0\x03x");
        assert_eq!(&place.name(3, 4)[12..], b"n\0\0\0\0\0\0\0\x03\0\0\0\0\0\0\0\x04");
        assert_eq!(group_pages(3).as_slice(), b"p\0\0\0\0\0\0\0\x03");
        assert_eq!(consumer_pages(3, 4).as_slice(), b"q\0\0\0\0\0\0\0\x03\0\0\0\0\0\0\0\x04");
    }
}
