//! Strings. Up to `CHUNK_BYTES` they lie in the key's header; longer ones in chunks of that size in
//! `Space::Blob`, so that reading or writing a part costs what the part costs. A chunk that is not
//! there, or ends early, is filled up with zero bytes; what lies in chunks stays in chunks, however
//! short it becomes.

pub mod bitfield;
pub mod bitmap;
pub mod counter;
pub mod lcs;
pub mod parts;

use crate::encoding::keys;
use crate::encoding::meta::{Meta, Outside};
use crate::encoding::numbers::{CHUNK_BYTES, Kind};
use crate::encoding::text;
use crate::error::{Error, Result};
use crate::keyspace::event::Event;
use crate::keyspace::tx::{ReadTx, Slot, WriteTx};
use crate::storage::Space;
use bytes::Bytes;
use parts::Part;
use std::ops::ControlFlow;
use xxhash_rust::xxh3::{Xxh3, xxh3_64};

/// A whole string, in pieces as it lies in storage.
pub type Pieces = Vec<Bytes>;

/// Up to this length Redis keeps a string together with its object.
const EMBEDDED_BYTES: usize = 44;

/// Up to this length Redis looks whether a string is an integer.
const INTEGER_BYTES: usize = 20;

/// A value as it is handed out: in one piece where it lies in one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    Whole(Bytes),
    Chunked(Pieces),
}

/// The value of a key. One read, and the reads of its chunks for a large value.
///
/// # Errors
/// [`Error::WrongType`].
pub fn get(tx: &ReadTx, key: &[u8]) -> Result<Option<Value>> {
    tx.meta_of(key, Kind::String)?.map(|meta| value_of(tx, &meta)).transpose()
}

/// The value behind a header.
pub fn value_of(tx: &ReadTx, meta: &Meta) -> Result<Value> {
    match meta.outside {
        None => Ok(Value::Whole(meta.inline.clone())),
        Some(_) => read_all(tx, meta).map(Value::Chunked),
    }
}

/// The whole value behind a header.
pub fn read_all(tx: &ReadTx, meta: &Meta) -> Result<Pieces> {
    parts::read(tx, meta, 0..len(meta))
}

/// The whole value behind a header, in one piece.
pub fn contiguous(tx: &ReadTx, meta: &Meta) -> Result<Bytes> {
    match meta.outside {
        None => Ok(meta.inline.clone()),
        Some(_) => Ok(read_all(tx, meta)?.concat().into()),
    }
}

/// How long a value is, in bytes. O(1).
pub fn len(meta: &Meta) -> u64 {
    meta.outside.map_or(meta.inline.len() as u64, |outside| outside.len)
}

/// How Redis would keep the value: `int`, `embstr` or `raw`. O(1).
pub fn encoding(meta: &Meta) -> &'static str {
    let value = &meta.inline;
    if meta.raw || meta.outside.is_some() {
        "raw"
    } else if value.len() <= INTEGER_BYTES && text::parse_i64(value).is_some() {
        "int"
    } else if value.len() <= EMBEDDED_BYTES {
        "embstr"
    } else {
        "raw"
    }
}

/// The XXH3 hash of a value, 64 bits, as 16 hexadecimal digits.
pub fn digest(tx: &ReadTx, meta: &Meta) -> Result<String> {
    if meta.outside.is_none() {
        return Ok(format!("{:016x}", xxh3_64(&meta.inline)));
    }
    let mut hash = Xxh3::new();
    parts::walk(tx, meta, 0..len(meta), |_, part| {
        part.for_each_block(|block| hash.update(block));
        ControlFlow::Continue(())
    })?;
    Ok(format!("{:016x}", hash.digest()))
}

/// Whether a value is `other`. Stops at the first difference.
pub fn equals(tx: &ReadTx, meta: &Meta, other: &[u8]) -> Result<bool> {
    if len(meta) != other.len() as u64 {
        return Ok(false);
    }
    let mut equal = true;
    parts::walk(tx, meta, 0..len(meta), |at, part| {
        let part_of_other = &other[at as usize..][..part.len() as usize];
        equal = match part {
            Part::Bytes(bytes) => bytes == part_of_other,
            Part::Zeros(_) => part_of_other.iter().all(|byte| *byte == 0),
        };
        if equal { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    Ok(equal)
}

/// Makes sure that a string may have `len` bytes.
///
/// # Errors
/// When it may not.
fn check_len(tx: &ReadTx, len: Option<u64>) -> Result<()> {
    match len {
        Some(len) if len <= tx.keyspace().max_string_bytes() => Ok(()),
        _ => Err(Error::StringTooLong),
    }
}

/// Writes a whole value under a key, whatever was there, with or without a deadline (ms since the
/// Unix epoch). One write, and one for each chunk of a large value.
pub fn put(tx: &mut WriteTx, slot: &mut Slot, value: &Bytes, expire_at_ms: Option<u64>, event: Event) {
    if value.len() <= CHUNK_BYTES {
        let meta = Meta { expire_at_ms, ..Meta::inline(Kind::String, value.clone()) };
        return tx.put(slot, meta, event);
    }
    let outside = Outside { version: tx.new_version(), len: value.len() as u64 };
    let meta = Meta { expire_at_ms, ..Meta::outside(Kind::String, outside) };
    tx.put(slot, meta, event);
    for number in 0..value.len().div_ceil(CHUNK_BYTES) {
        let start = number * CHUNK_BYTES;
        let chunk = value.slice(start..value.len().min(start + CHUNK_BYTES));
        let key = keys::chunk(slot.namespace(), outside.version, number as u32);
        tx.write(Space::Blob, &key, Some(chunk));
    }
}

/// Puts `data` at the end of a value, or makes it the value of a key that is not there; returns the
/// new length. Costs what `data` costs and one chunk.
///
/// # Errors
/// [`Error::WrongType`]; when the value would be too long.
pub fn append(tx: &mut WriteTx, slot: &mut Slot, data: &Bytes) -> Result<u64> {
    let Some(meta) = slot.meta_of(Kind::String)? else {
        put(tx, slot, data, None, Event::APPEND);
        return Ok(data.len() as u64);
    };
    let old_len = len(meta);
    check_len(tx, old_len.checked_add(data.len() as u64))?;
    parts::write(tx, slot, old_len, data, Event::APPEND)
}

/// Writes `data` over a value from `offset` on, with zero bytes between its end and `offset`;
/// returns the new length. No data changes nothing. Costs what `data` costs and two chunks.
///
/// # Errors
/// [`Error::WrongType`]; when the value would be too long.
pub fn set_range(tx: &mut WriteTx, slot: &mut Slot, offset: u64, data: &[u8]) -> Result<u64> {
    let old_len = slot.meta_of(Kind::String)?.map_or(0, len);
    if data.is_empty() {
        return Ok(old_len);
    }
    check_len(tx, offset.checked_add(data.len() as u64))?;
    parts::write(tx, slot, offset, data, Event::SETRANGE)
}

/// The bytes from `start` to `end`, both included; negative positions count from the end.
///
/// # Errors
/// Those of the reads.
pub fn range(tx: &ReadTx, meta: &Meta, start: i64, end: i64) -> Result<Value> {
    match resolve_range(start, end, len(meta)) {
        None => Ok(Value::Whole(Bytes::new())),
        Some((start, end)) if meta.outside.is_none() => {
            Ok(Value::Whole(meta.inline.slice(start as usize..end as usize + 1)))
        }
        Some((start, end)) => parts::read(tx, meta, start..end + 1).map(Value::Chunked),
    }
}

/// First and last position (both included) of what `start` and `end` mean in a value of `len`; none
/// if that is nothing.
pub fn resolve_range(start: i64, end: i64, len: u64) -> Option<(u64, u64)> {
    let crossed = start < 0 && end < 0 && start > end;
    if crossed { None } else { clamp_range(start, end, len) }
}

/// As [`resolve_range`], but that both positions may lie before the value: that is its first then,
/// however they stand to each other.
pub fn clamp_range(start: i64, end: i64, len: u64) -> Option<(u64, u64)> {
    if len == 0 {
        return None;
    }
    let from_end = |position: i64| match u64::try_from(position) {
        Ok(position) => position,
        Err(_) => len.saturating_sub(position.unsigned_abs()),
    };
    let (start, end) = (from_end(start), from_end(end).min(len - 1));
    (start <= end).then_some((start, end))
}
