//! Strings. Up to `CHUNK_BYTES` they lie in the key's header; longer ones in chunks of that size in
//! `Space::Blob`, so that reading or writing a part costs what the part costs. A chunk that is not
//! there, or ends early, is filled up with zero bytes.

use crate::encoding::keys;
use crate::encoding::meta::{Meta, Outside};
use crate::encoding::numbers::{CHUNK_BYTES, Kind};
use crate::error::Result;
use crate::keyspace::event::Event;
use crate::keyspace::tx::{ReadTx, Slot, WriteTx};
use crate::storage::Space;
use bytes::Bytes;

/// A whole string, in pieces as it lies in storage.
pub type Pieces = Vec<Bytes>;

/// The value of a key. One read, and one for each chunk of a large value.
///
/// # Errors
/// [`crate::error::Error::WrongType`].
pub fn get(tx: &ReadTx, key: &[u8]) -> Result<Option<Pieces>> {
    let Some(meta) = tx.meta_of(key, Kind::String)? else { return Ok(None) };
    read_all(tx, &meta).map(Some)
}

/// The whole value behind a header.
pub fn read_all(tx: &ReadTx, meta: &Meta) -> Result<Pieces> {
    let Some(Outside { version, len }) = meta.outside else { return Ok(vec![meta.inline.clone()]) };
    let mut pieces = Vec::new();
    for number in 0..len.div_ceil(CHUNK_BYTES as u64) {
        let size = (len - number * CHUNK_BYTES as u64).min(CHUNK_BYTES as u64) as usize;
        pieces.push(read_chunk(tx, version, number as u32, size)?);
    }
    Ok(pieces)
}

fn read_chunk(tx: &ReadTx, version: u64, number: u32, size: usize) -> Result<Bytes> {
    static ZEROS: [u8; CHUNK_BYTES] = [0; CHUNK_BYTES];
    let stored = tx.get(Space::Blob, &keys::chunk(tx.namespace(), version, number))?.unwrap_or_default();
    if stored.len() >= size {
        return Ok(stored.slice(..size));
    }
    if stored.is_empty() {
        return Ok(Bytes::from_static(&ZEROS[..size]));
    }
    let mut filled = stored.to_vec();
    filled.resize(size, 0);
    Ok(filled.into())
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
