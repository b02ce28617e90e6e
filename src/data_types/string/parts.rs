//! Parts of strings: reading and writing some bytes without touching the rest.

use super::Pieces;
use crate::encoding::meta::{Meta, Outside};
use crate::encoding::numbers::{CHUNK_BYTES, Kind};
use crate::encoding::{DecodeError, keys};
use crate::error::Result;
use crate::keyspace::event::Event;
use crate::keyspace::tx::{ReadTx, Slot, WriteTx};
use crate::storage::{Direction, Scan, ScanRange, Space};
use bytes::Bytes;
use std::ops::{ControlFlow, Range};

const CHUNK: u64 = CHUNK_BYTES as u64;

/// Up to this many chunks are read one by one; more, by a scan that passes over those not there.
const SINGLE_READS: u64 = 2;

static ZEROS: [u8; CHUNK_BYTES] = [0; CHUNK_BYTES];

/// A run of bytes of a string.
#[derive(Debug, Clone, Copy)]
pub enum Part<'a> {
    Bytes(&'a [u8]),
    /// So many zero bytes, which are not stored.
    Zeros(u64),
}

impl Part<'_> {
    /// How many bytes the run has.
    pub fn len(&self) -> u64 {
        match self {
            Part::Bytes(bytes) => bytes.len() as u64,
            Part::Zeros(len) => *len,
        }
    }

    /// Whether the run has no bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Calls `f` with the bytes, in blocks of at most `CHUNK_BYTES` where they are zeros.
    pub fn for_each_block(&self, mut f: impl FnMut(&[u8])) {
        match self {
            Part::Bytes(bytes) => f(bytes),
            Part::Zeros(len) => {
                let mut left = *len;
                while left > 0 {
                    let size = left.min(CHUNK);
                    f(&ZEROS[..size as usize]);
                    left -= size;
                }
            }
        }
    }
}

/// Calls `visit` with each run of the bytes in `range` (which lies within the value) and with its
/// position, in order, until it breaks. Costs what is stored of the range.
///
/// # Errors
/// When the range is longer than a string may be.
pub fn walk(
    tx: &ReadTx,
    meta: &Meta,
    range: Range<u64>,
    mut visit: impl FnMut(u64, Part) -> ControlFlow<()>,
) -> Result<()> {
    if range.is_empty() {
        return Ok(());
    }
    // A header that promises more is damaged, or the limit was higher: nobody may wait for so much.
    super::check_len(tx, Some(range.end - range.start))?;
    let Some(outside) = meta.outside else {
        let _ = visit(range.start, Part::Bytes(&meta.inline[range.start as usize..range.end as usize]));
        return Ok(());
    };
    let chunks = range.start / CHUNK..(range.end - 1) / CHUNK + 1;
    let mut position = range.start;
    let mut pass = |number: u64, stored: &[u8]| {
        let end = range.end.min(number * CHUNK + stored.len() as u64);
        let start = range.start.max(number * CHUNK);
        if start >= end {
            return ControlFlow::Continue(());
        }
        if start > position {
            visit(position, Part::Zeros(start - position))?;
        }
        position = end;
        visit(start, Part::Bytes(&stored[(start - number * CHUNK) as usize..(end - number * CHUNK) as usize]))
    };
    if each_chunk(tx, outside.version, chunks, &mut pass)?.is_continue() && position < range.end {
        let _ = visit(position, Part::Zeros(range.end - position));
    }
    Ok(())
}

/// Calls `visit` with number and bytes of each chunk that is stored, in order.
fn each_chunk(
    tx: &ReadTx,
    version: u64,
    chunks: Range<u64>,
    visit: &mut impl FnMut(u64, &[u8]) -> ControlFlow<()>,
) -> Result<ControlFlow<()>> {
    if chunks.end - chunks.start <= SINGLE_READS {
        for number in chunks {
            if let Some(stored) = stored_chunk(tx, version, number)?
                && visit(number, &stored).is_break()
            {
                return Ok(ControlFlow::Break(()));
            }
        }
        return Ok(ControlFlow::Continue(()));
    }
    let mut scan = scan_chunks(tx, version, chunks)?;
    while let Some((key, stored)) = scan.next()? {
        let (_, _, number) = keys::decode_chunk(key)?;
        if visit(number.into(), stored).is_break() {
            return Ok(ControlFlow::Break(()));
        }
    }
    Ok(ControlFlow::Continue(()))
}

fn scan_chunks<'a>(tx: &'a ReadTx, version: u64, chunks: Range<u64>) -> Result<impl Scan + 'a> {
    let key = |number: u64| keys::chunk(tx.namespace(), version, number as u32);
    tx.scan(Space::Blob, &ScanRange::new(&key(chunks.start), &key(chunks.end)), Direction::Forward)
}

/// The numbers of the chunks of a value that are stored, in order.
pub fn stored_chunks(tx: &ReadTx, outside: Outside) -> Result<Vec<u64>> {
    let mut numbers = Vec::new();
    let mut scan = scan_chunks(tx, outside.version, 0..outside.len.div_ceil(CHUNK))?;
    while let Some((key, _)) = scan.next()? {
        numbers.push(keys::decode_chunk(key)?.2.into());
    }
    Ok(numbers)
}

/// Holds what is stored of a value outside its header against its length.
///
/// # Errors
/// When something lies behind the end, or is no chunk.
pub fn check(tx: &ReadTx, outside: Outside) -> Result<()> {
    let all = ScanRange::prefix(&keys::members(tx.namespace(), outside.version));
    let mut scan = tx.scan(Space::Blob, &all, Direction::Forward)?;
    while let Some((key, stored)) = scan.next()? {
        let start = u64::from(keys::decode_chunk(key)?.2) * CHUNK;
        let end = start + stored.len() as u64;
        if stored.len() as u64 > CHUNK || end > outside.len {
            return Err(DecodeError { what: "chunk of a string" }.into());
        }
    }
    Ok(())
}

fn stored_chunk(tx: &ReadTx, version: u64, number: u64) -> Result<Option<Bytes>> {
    tx.get(Space::Blob, &keys::chunk(tx.namespace(), version, number as u32))
}

/// What is stored of the bytes from `number` × `CHUNK_BYTES` on, at most `CHUNK_BYTES`; zeros at the
/// end may be missing.
pub fn chunk_of(tx: &ReadTx, meta: &Meta, number: u64) -> Result<Bytes> {
    match meta.outside {
        Some(outside) if number * CHUNK < outside.len => {
            Ok(stored_chunk(tx, outside.version, number)?.unwrap_or_default())
        }
        None if number == 0 => Ok(meta.inline.clone()),
        _ => Ok(Bytes::new()),
    }
}

/// The bytes in `range`, which lies within the value. Zeros take no memory.
pub fn read(tx: &ReadTx, meta: &Meta, range: Range<u64>) -> Result<Pieces> {
    let mut pieces = Vec::new();
    walk(tx, meta, range, |_, part| {
        match part {
            Part::Bytes(bytes) => pieces.push(Bytes::copy_from_slice(bytes)),
            Part::Zeros(mut len) => {
                while len > 0 {
                    let size = len.min(CHUNK);
                    pieces.push(Bytes::from_static(&ZEROS[..size as usize]));
                    len -= size;
                }
            }
        }
        ControlFlow::Continue(())
    })?;
    Ok(pieces)
}

/// Up to 16 bytes from `start` on; zeros beyond the end of the value.
pub fn read_few<const N: usize>(tx: &ReadTx, meta: Option<&Meta>, start: u64) -> Result<[u8; N]> {
    let mut bytes = [0; N];
    let Some(meta) = meta else { return Ok(bytes) };
    let end = super::len(meta).min(start + N as u64);
    walk(tx, meta, start.min(end)..end, |at, part| {
        if let Part::Bytes(stored) = part {
            bytes[(at - start) as usize..][..stored.len()].copy_from_slice(stored);
        }
        ControlFlow::Continue(())
    })?;
    Ok(bytes)
}

/// Bytes to write, and where.
pub type Run<'a> = (u64, &'a [u8]);

/// Writes `data` over the value from `offset` on; see [`write_runs`].
pub fn write(tx: &mut WriteTx, slot: &mut Slot, offset: u64, data: &[u8], event: Event) -> Result<u64> {
    write_runs(tx, slot, 0, &[(offset, data)], event)
}

/// Makes the value at least `min_len` long and writes each run over it; returns the new length, which
/// the caller has checked. The key keeps its deadline; if it is not there, it is made. The value
/// counts as changed in place: Redis would keep it `raw`.
pub fn write_runs(
    tx: &mut WriteTx,
    slot: &mut Slot,
    min_len: u64,
    runs: &[Run],
    event: Event,
) -> Result<u64> {
    let old = slot.meta().cloned().unwrap_or_else(|| Meta::inline(Kind::String, Bytes::new()));
    let ends = runs.iter().map(|(offset, data)| offset + data.len() as u64);
    let new_len = ends.fold(super::len(&old).max(min_len), u64::max);
    if old.outside.is_none() && new_len <= CHUNK {
        let mut value = Vec::with_capacity(new_len as usize);
        value.extend_from_slice(&old.inline);
        value.resize(new_len as usize, 0);
        for (offset, data) in runs {
            value[*offset as usize..][..data.len()].copy_from_slice(data);
        }
        tx.put(slot, Meta { inline: value.into(), raw: true, ..old }, event);
        return Ok(new_len);
    }
    let version = old.outside.map_or_else(|| tx.new_version(), |outside| outside.version);
    let outside = Some(Outside { version, len: new_len });
    tx.put(slot, Meta { outside, inline: Bytes::new(), raw: true, ..old.clone() }, event);
    if old.outside.is_none() && !old.inline.is_empty() {
        let key = keys::chunk(slot.namespace(), version, 0);
        tx.write(Space::Blob, &key, Some(old.inline));
    }
    for (offset, data) in runs {
        write_chunks(tx, slot, version, *offset, data)?;
    }
    Ok(new_len)
}

fn write_chunks(tx: &mut WriteTx, slot: &Slot, version: u64, offset: u64, data: &[u8]) -> Result<()> {
    let mut done = 0;
    while done < data.len() {
        let position = offset + done as u64;
        let (number, within) = (position / CHUNK, (position % CHUNK) as usize);
        let size = (CHUNK_BYTES - within).min(data.len() - done);
        let part = &data[done..done + size];
        let key = keys::chunk(slot.namespace(), version, number as u32);
        let chunk = if size == CHUNK_BYTES {
            Bytes::copy_from_slice(part)
        } else {
            let stored = tx.get(Space::Blob, &key)?.unwrap_or_default();
            let mut chunk = Vec::with_capacity(stored.len().max(within + size));
            chunk.extend_from_slice(&stored);
            chunk.resize(stored.len().max(within + size), 0);
            chunk[within..within + size].copy_from_slice(part);
            Bytes::from(chunk)
        };
        tx.write(Space::Blob, &key, Some(chunk));
        done += size;
    }
    Ok(())
}
