//! Producers that send an entry twice: ids of theirs, and the entries they stand for. Behind the version of
//! the stream lie, in `Space::Data`:
//!
//! | key | value |
//! |---|---|
//! | `o` | seconds and number that ids are kept for, producers, ids, ids ever noted, entries refused (varints) |
//! | `k`, producer | number of the first id that is kept, number of the next one (varints) |
//! | `j`, length of the producer (varint), producer, number (8) | id of the producer |
//! | `i`, length of the producer (varint), producer, id of the producer | its number, when it was noted (ms since the Unix epoch; varints), id of the entry (16) |
//!
//! The ids of a producer are numbered in the order they came, and go in that order: when there are too
//! many, or with the next one after their time.

use super::Edit;
use super::group::Place;
use crate::encoding::rdb;
use crate::encoding::stream_id::StreamId;
use crate::encoding::{DecodeError, DecodeResult, varint};
use crate::error::Result;
use crate::keyspace::tx::{ReadTx, WriteTx};
use crate::storage::{KeyBytes, Space};
use bytes::Bytes;
use sha2::{Digest, Sha256};

const RECORD: u8 = b'o';
const PRODUCER: u8 = b'k';
const QUEUE: u8 = b'j';
const ID: u8 = b'i';

const BAD: DecodeError = DecodeError { what: "ids of a stream's producers" };

/// How long, in seconds, and how many ids of a producer are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    pub seconds: u64,
    pub ids: u64,
}

/// What is known of all producers of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Producers {
    pub retention: Retention,
    /// Producers and ids of theirs that are kept.
    pub producers: u64,
    pub ids: u64,
    /// Ids that were ever noted, and entries that were refused for theirs.
    pub added: u64,
    pub duplicates: u64,
}

impl Default for Producers {
    fn default() -> Producers {
        let retention = Retention { seconds: 100, ids: 100 };
        Producers { retention, producers: 0, ids: 0, added: 0, duplicates: 0 }
    }
}

/// An id of a producer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Noted {
    number: u64,
    time_ms: u64,
    entry: StreamId,
}

fn put_all(numbers: &[u64]) -> Vec<u8> {
    let mut out = Vec::with_capacity(numbers.len() * varint::MAX_BYTES);
    numbers.iter().for_each(|number| varint::put(&mut out, *number));
    out
}

fn take_all<const N: usize>(mut bytes: &[u8]) -> DecodeResult<([u64; N], &[u8])> {
    let mut numbers = [0; N];
    for number in &mut numbers {
        *number = varint::take(&mut bytes)?;
    }
    Ok((numbers, bytes))
}

impl Producers {
    /// What a stream begins with that comes to be now.
    fn of_new(tx: &WriteTx) -> Producers {
        let packing = tx.keyspace().packing().stream;
        let retention = Retention { seconds: packing.idempotence_seconds, ids: packing.idempotence_ids };
        Producers { retention, ..Producers::default() }
    }

    fn encode(&self) -> Bytes {
        let Retention { seconds, ids } = self.retention;
        put_all(&[seconds, ids, self.producers, self.ids, self.added, self.duplicates]).into()
    }

    fn decode(bytes: &[u8]) -> DecodeResult<Producers> {
        let ([seconds, most, producers, ids, added, duplicates], _) = take_all(bytes)?;
        Ok(Producers { retention: Retention { seconds, ids: most }, producers, ids, added, duplicates })
    }
}

impl Noted {
    fn encode(&self) -> Bytes {
        let mut out = put_all(&[self.number, self.time_ms]);
        out.extend_from_slice(&self.entry.to_bytes());
        out.into()
    }

    fn decode(bytes: &[u8]) -> DecodeResult<Noted> {
        let ([number, time_ms], rest) = take_all(bytes)?;
        let entry = StreamId::from_bytes(rest.try_into().map_err(|_| BAD)?);
        Ok(Noted { number, time_ms, entry })
    }
}

/// A letter, a producer and what belongs to it.
fn key(place: Place, letter: u8, producer: &[u8], rest: &[u8]) -> KeyBytes {
    let mut key = place.letter(letter);
    if letter != PRODUCER {
        varint::put(&mut key, producer.len() as u64);
    }
    key.extend_from_slice(producer);
    key.extend_from_slice(rest);
    key
}

/// What is known of a stream's producers, if it ever had any. One read.
pub(super) fn read(tx: &ReadTx, place: Place) -> Result<Option<Producers>> {
    if place.version == 0 {
        return Ok(None);
    }
    let record = tx.get(Space::Data, &place.letter(RECORD))?;
    Ok(record.map(|record| Producers::decode(&record)).transpose()?)
}

/// Everything that is known of a stream's producers, in the form of `DUMP`, but for ids whose time is over.
/// O(ids).
pub(super) fn all(tx: &ReadTx, place: Place) -> Result<rdb::Producers> {
    let Some(known) = read(tx, place)? else { return Ok(rdb::Producers::default()) };
    let mut all = Vec::new();
    for (name, record) in place.records(tx, KeyBytes::from_slice(&[PRODUCER]))? {
        let ([first, next], _) = take_all(&record)?;
        let mut ids = Vec::new();
        for number in first..next {
            let id = tx.get(Space::Data, &key(place, QUEUE, &name, &number.to_be_bytes()))?.ok_or(BAD)?;
            let noted = noted(tx, place, &name, &id)?.ok_or(BAD)?;
            if !is_over(tx, known.retention, noted) {
                ids.push((id, noted.entry));
            }
        }
        if !ids.is_empty() {
            all.push(rdb::Producer { name, ids });
        }
    }
    let Retention { seconds, ids } = known.retention;
    Ok(rdb::Producers { seconds, max_ids: ids, all, added: known.added, duplicates: known.duplicates })
}

fn noted(tx: &ReadTx, place: Place, producer: &[u8], id: &[u8]) -> Result<Option<Noted>> {
    let found = tx.get(Space::Data, &key(place, ID, producer, id))?;
    Ok(found.map(|bytes| Noted::decode(&bytes)).transpose()?)
}

impl Edit {
    /// What is known of the producers, or what a stream begins with.
    fn producers_so_far(&self, tx: &WriteTx) -> Result<Producers> {
        let known = read(tx, self.place())?;
        Ok(known.unwrap_or_else(|| if self.is_new { Producers::of_new(tx) } else { Producers::default() }))
    }

    /// Writes down what a new stream begins with, if that does not go without saying and was not done.
    pub(super) fn begin_producers(&mut self, tx: &mut WriteTx) {
        let producers = Producers::of_new(tx);
        if !self.lies_outside && producers != Producers::default() {
            self.write_producers(tx, &producers);
        }
    }

    /// Puts in place what a payload of `DUMP` knows of producers. The time of an id is that of its entry.
    pub(super) fn restore_producers(&mut self, tx: &mut WriteTx, from: &rdb::Producers) {
        if *from == rdb::Producers::default() {
            return;
        }
        let place = self.place();
        let mut ids = 0;
        for producer in &from.all {
            let name = &producer.name;
            for (number, (id, entry)) in (0..).zip(&producer.ids) {
                let noted = Noted { number, time_ms: entry.ms, entry: *entry };
                tx.write(Space::Data, &key(place, ID, name, id), Some(noted.encode()));
                tx.write(Space::Data, &key(place, QUEUE, name, &number.to_be_bytes()), Some(id.clone()));
            }
            let kept = producer.ids.len() as u64;
            tx.write(Space::Data, &key(place, PRODUCER, name, &[]), Some(put_all(&[0, kept]).into()));
            ids += kept;
        }
        let retention = Retention { seconds: from.seconds, ids: from.max_ids };
        let (added, duplicates) = (from.added, from.duplicates);
        let producers = Producers { retention, producers: from.all.len() as u64, ids, added, duplicates };
        self.write_producers(tx, &producers);
    }

    fn write_producers(&mut self, tx: &mut WriteTx, producers: &Producers) {
        self.lies_outside = true;
        tx.write(Space::Data, &self.place().letter(RECORD), Some(producers.encode()));
    }

    /// The entry that a producer's id stands for, if it is kept.
    pub fn entry_of(&self, tx: &WriteTx, producer: &[u8], id: &[u8]) -> Result<Option<StreamId>> {
        let Some(noted) = noted(tx, self.place(), producer, id)? else { return Ok(None) };
        let producers = read(tx, self.place())?.unwrap_or_default();
        Ok(Some(noted.entry).filter(|_| !is_over(tx, producers.retention, noted)))
    }

    /// Counts an entry that was refused. The header of the stream stays as it is.
    pub fn note_duplicate(&mut self, tx: &mut WriteTx) -> Result<()> {
        let mut producers = read(tx, self.place())?.unwrap_or_default();
        producers.duplicates = producers.duplicates.saturating_add(1);
        self.write_producers(tx, &producers);
        Ok(())
    }

    /// Notes what entry a producer's id, which is not kept, stands for. O(ids that go).
    pub fn note_entry(
        &mut self,
        tx: &mut WriteTx,
        producer: &[u8],
        id: &Bytes,
        entry: StreamId,
    ) -> Result<()> {
        let place = self.place();
        let mut producers = self.producers_so_far(tx)?;
        let own = key(place, PRODUCER, producer, &[]);
        let (mut first, mut next) = match tx.get(Space::Data, &own)? {
            Some(record) => {
                let ([first, next], _) = take_all(&record)?;
                (first, next)
            }
            None => {
                producers.producers += 1;
                (0, 0)
            }
        };
        while first < next {
            let queued = key(place, QUEUE, producer, &first.to_be_bytes());
            let oldest = tx.get(Space::Data, &queued)?.ok_or(BAD)?;
            let noted = noted(tx, place, producer, &oldest)?.ok_or(BAD)?;
            if next - first < producers.retention.ids && !is_over(tx, producers.retention, noted) {
                break;
            }
            tx.write(Space::Data, &queued, None);
            tx.write(Space::Data, &key(place, ID, producer, &oldest), None);
            first += 1;
            producers.ids = producers.ids.saturating_sub(1);
        }
        let noted = Noted { number: next, time_ms: tx.now_ms(), entry };
        tx.write(Space::Data, &key(place, ID, producer, id), Some(noted.encode()));
        tx.write(Space::Data, &key(place, QUEUE, producer, &next.to_be_bytes()), Some(id.clone()));
        next += 1;
        tx.write(Space::Data, &own, Some(put_all(&[first, next]).into()));
        producers.ids += 1;
        producers.added = producers.added.saturating_add(1);
        self.write_producers(tx, &producers);
        Ok(())
    }

    /// Sets how long, and how many, ids are kept; forgets all of them if that is a change. O(1).
    pub fn set_retention(&mut self, tx: &mut WriteTx, seconds: Option<u64>, ids: Option<u64>) -> Result<()> {
        let place = self.place();
        let old = self.producers_so_far(tx)?;
        let retention = Retention {
            seconds: seconds.unwrap_or(old.retention.seconds),
            ids: ids.unwrap_or(old.retention.ids),
        };
        let mut producers = Producers { retention, ..old };
        if retention != old.retention && old.producers > 0 {
            for letter in [PRODUCER, QUEUE, ID] {
                tx.delete_prefix(Space::Data, &place.letter(letter));
            }
            (producers.producers, producers.ids) = (0, 0);
        }
        self.write_producers(tx, &producers);
        Ok(())
    }
}

/// The id of an entry that says this: the same for the same fields and values.
pub fn content_id(fields: &[(Bytes, Bytes)]) -> Bytes {
    let digest = Sha256::digest(super::entry::encode_body(fields));
    Bytes::copy_from_slice(&digest[..16])
}

/// Whether the time of a producer's id is over.
fn is_over(tx: &ReadTx, retention: Retention, noted: Noted) -> bool {
    tx.now_ms().saturating_sub(noted.time_ms) >= retention.seconds.saturating_mul(1000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoding::keys::Namespace;
    use proptest::prelude::*;

    #[test]
    fn golden() {
        let producers = Producers { producers: 1, ids: 2, added: 300, duplicates: 4, ..Producers::default() };
        assert_eq!(producers.encode().as_ref(), b"\x64\x64\x01\x02\xac\x02\x04");
        assert_eq!(Producers::decode(&producers.encode()).unwrap(), producers);
        let noted = Noted { number: 1, time_ms: 300, entry: StreamId { ms: 2, seq: 3 } };
        assert_eq!(noted.encode().as_ref(), b"\x01\xac\x02\0\0\0\0\0\0\0\x02\0\0\0\0\0\0\0\x03");
        let place = Place { namespace: Namespace(1), version: 2 };
        assert_eq!(&key(place, ID, b"pid", b"iid")[12..], b"i\x03pidiid");
        assert_eq!(&key(place, QUEUE, b"p", &1u64.to_be_bytes())[12..], b"j\x01p\0\0\0\0\0\0\0\x01");
        assert_eq!(&key(place, PRODUCER, b"p", &[])[12..], b"kp");
    }

    proptest! {
        #[test]
        fn round_trip(number: u64, time_ms: u64, ms: u64, seq: u64) {
            let noted = Noted { number, time_ms, entry: StreamId { ms, seq } };
            prop_assert_eq!(Noted::decode(&noted.encode()).unwrap(), noted);
        }

        #[test]
        fn never_panics(bytes: Vec<u8>) {
            let _ = (Noted::decode(&bytes), Producers::decode(&bytes));
        }
    }
}
