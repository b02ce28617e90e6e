//! Strings as arrays of bits. Bit 0 is the highest bit of the first byte.

use super::parts::{self, Part};
use crate::encoding::keys;
use crate::encoding::meta::{Meta, Outside};
use crate::encoding::numbers::{CHUNK_BYTES, Kind};
use crate::error::Result;
use crate::keyspace::event::Event;
use crate::keyspace::tx::{ReadTx, Slot, WriteTx};
use crate::storage::Space;
use bytes::Bytes;
use std::collections::BTreeSet;
use std::ops::{ControlFlow, Range};

const CHUNK: u64 = CHUNK_BYTES as u64;

/// The bit at `offset`; false beyond the end. Costs one chunk.
pub fn get(tx: &ReadTx, meta: Option<&Meta>, offset: u64) -> Result<bool> {
    let [byte] = parts::read_few(tx, meta, offset / 8)?;
    Ok(byte & mask(offset) != 0)
}

/// Sets the bit at `offset`, which the caller has checked; the value grows as far as it must.
/// Returns the bit that was there. Costs one chunk.
///
/// # Errors
/// [`crate::error::Error::WrongType`].
pub fn set(tx: &mut WriteTx, slot: &mut Slot, offset: u64, on: bool) -> Result<bool> {
    let meta = slot.meta_of(Kind::String)?;
    let grows = meta.is_none_or(|meta| super::len(meta) <= offset / 8);
    let [byte] = parts::read_few(tx, meta, offset / 8)?;
    let was_on = byte & mask(offset) != 0;
    if grows || was_on != on {
        let byte = if on { byte | mask(offset) } else { byte & !mask(offset) };
        parts::write(tx, slot, offset / 8, &[byte], Event::SETBIT)?;
    }
    Ok(was_on)
}

fn mask(offset: u64) -> u8 {
    0x80 >> (offset % 8)
}

/// How many bits in `bits` (which lies within the value) are set. Costs what is stored of the range.
pub fn count(tx: &ReadTx, meta: &Meta, bits: Range<u64>) -> Result<u64> {
    if bits.is_empty() {
        return Ok(0);
    }
    let mut total = 0;
    parts::walk(tx, meta, bits.start / 8..bits.end.div_ceil(8), |_, part| {
        if let Part::Bytes(bytes) = part {
            total += ones(bytes);
        }
        ControlFlow::Continue(())
    })?;
    // What was counted too much, in the first and the last byte.
    let [first] = parts::read_few(tx, Some(meta), bits.start / 8)?;
    let [last] = parts::read_few(tx, Some(meta), (bits.end - 1) / 8)?;
    let before = u32::from(first) >> (8 - bits.start % 8);
    let after = u32::from(last) & (0xff >> ((bits.end - 1) % 8 + 1));
    Ok(total - u64::from(before.count_ones()) - u64::from(after.count_ones()))
}

fn ones(bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<8>();
    let in_words: u64 = words.iter().map(|word| u64::from(u64::from_ne_bytes(*word).count_ones())).sum();
    in_words + rest.iter().map(|byte| u64::from(byte.count_ones())).sum::<u64>()
}

/// The first bit in `bits` (which lies within the value) that is `on`. Costs what is stored of the
/// range up to there.
pub fn position(tx: &ReadTx, meta: &Meta, bits: Range<u64>, on: bool) -> Result<Option<u64>> {
    if bits.is_empty() {
        return Ok(None);
    }
    let mut found = None;
    parts::walk(tx, meta, bits.start / 8..bits.end.div_ceil(8), |at, part| {
        found = match part {
            Part::Bytes(bytes) => first_in(bytes, at, &bits, on),
            Part::Zeros(_) => (!on).then_some(bits.start.max(at * 8)),
        };
        if found.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?;
    Ok(found)
}

/// The first bit of `bytes`, which lie at byte `at` of the value, that is `on` and in `bits`.
fn first_in(bytes: &[u8], at: u64, bits: &Range<u64>, on: bool) -> Option<u64> {
    let boring = if on { 0 } else { 0xff };
    let mut index = 0;
    while index < bytes.len() {
        if bytes[index..].first_chunk() == Some(&[boring; 32]) {
            index += 32;
            continue;
        }
        let byte_at = at + index as u64;
        let mut wanted = bytes[index] ^ boring;
        if byte_at == bits.start / 8 {
            wanted &= 0xff >> (bits.start % 8);
        }
        if byte_at == bits.end / 8 {
            wanted &= !(0xff >> (bits.end % 8));
        }
        if wanted != 0 {
            return Some(byte_at * 8 + u64::from(wanted.leading_zeros()));
        }
        index += 1;
    }
    None
}

/// How `BITOP` combines bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Combine {
    And,
    Or,
    Xor,
    Not,
    /// In the first, and in none of the others.
    Diff,
    /// In at least one of the others, and not in the first.
    Diff1,
    /// In the first, and in at least one of the others.
    AndOr,
    /// In exactly one.
    One,
}

/// Writes the combination of `sources` (none: no such key, all zeros) as the value of a key, or
/// deletes it if that is empty; returns its length. Costs what is stored of the sources, but for
/// [`Combine::Not`], which costs its length.
pub fn combine(tx: &mut WriteTx, slot: &mut Slot, how: Combine, sources: &[Option<Meta>]) -> Result<u64> {
    let len = sources.iter().flatten().map(super::len).max().unwrap_or(0);
    if len == 0 {
        tx.delete(slot, Event::DEL);
        return Ok(0);
    }
    if len <= CHUNK {
        let value = combine_chunk(tx, how, sources, 0, len as usize)?;
        let meta = Meta { raw: true, ..Meta::inline(Kind::String, value.into()) };
        tx.put(slot, meta, Event::SET);
        return Ok(len);
    }
    // All is read before anything is written: the key may be one of the sources.
    let mut chunks = Vec::new();
    for number in interesting_chunks(tx, how, sources, len)? {
        let size = (len - number * CHUNK).min(CHUNK) as usize;
        let chunk = combine_chunk(tx, how, sources, number, size)?;
        if chunk.iter().any(|byte| *byte != 0) {
            chunks.push((number, Bytes::from(chunk)));
        }
    }
    let outside = Outside { version: tx.new_version(), len };
    tx.put(slot, Meta { raw: true, ..Meta::outside(Kind::String, outside) }, Event::SET);
    for (number, chunk) in chunks {
        let key = keys::chunk(slot.namespace(), outside.version, number as u32);
        tx.write(Space::Blob, &key, Some(chunk));
    }
    Ok(len)
}

/// The chunks of the result that may hold anything but zeros.
fn interesting_chunks(
    tx: &ReadTx,
    how: Combine,
    sources: &[Option<Meta>],
    len: u64,
) -> Result<BTreeSet<u64>> {
    if how == Combine::Not {
        return Ok((0..len.div_ceil(CHUNK)).collect());
    }
    let mut numbers = BTreeSet::new();
    for meta in sources.iter().flatten() {
        match meta.outside {
            None => drop(numbers.insert(0)),
            Some(outside) => numbers.extend(parts::stored_chunks(tx, outside)?),
        }
    }
    Ok(numbers)
}

fn combine_chunk(
    tx: &ReadTx,
    how: Combine,
    sources: &[Option<Meta>],
    number: u64,
    size: usize,
) -> Result<Vec<u8>> {
    let mut inputs = Vec::with_capacity(sources.len());
    for meta in sources {
        let bytes = meta.as_ref().map_or(Ok(Bytes::new()), |meta| parts::chunk_of(tx, meta, number))?;
        inputs.push(bytes.slice(..bytes.len().min(size)));
    }
    Ok(combine_bytes(how, &inputs, size))
}

/// Combines inputs, each filled up with zeros, to `size` bytes.
fn combine_bytes(how: Combine, inputs: &[Bytes], size: usize) -> Vec<u8> {
    let mut out = vec![0; size];
    let (first, others) = inputs.split_first().map_or((&[][..], &[][..]), |(first, others)| (first, others));
    match how {
        Combine::And => {
            or(&mut out, first);
            others.iter().for_each(|other| and(&mut out, other));
        }
        Combine::Or => inputs.iter().for_each(|input| or(&mut out, input)),
        Combine::Xor => inputs.iter().for_each(|input| zip(&mut out, input, |out, byte| *out ^= byte)),
        Combine::Not => {
            or(&mut out, first);
            out.iter_mut().for_each(|byte| *byte = !*byte);
        }
        Combine::Diff => {
            or(&mut out, first);
            others.iter().for_each(|other| zip(&mut out, other, |out, byte| *out &= !byte));
        }
        Combine::Diff1 => {
            others.iter().for_each(|other| or(&mut out, other));
            zip(&mut out, first, |out, byte| *out &= !byte);
        }
        Combine::AndOr => {
            others.iter().for_each(|other| or(&mut out, other));
            and(&mut out, first);
        }
        Combine::One => {
            let mut more = vec![0; size];
            for input in inputs {
                for ((out, more), byte) in out.iter_mut().zip(&mut more).zip(input) {
                    *more |= *out & byte;
                    *out |= byte;
                }
            }
            zip(&mut out, &more, |out, byte| *out &= !byte);
        }
    }
    out
}

fn zip(out: &mut [u8], input: &[u8], f: impl Fn(&mut u8, u8)) {
    out.iter_mut().zip(input).for_each(|(out, byte)| f(out, *byte));
}

fn or(out: &mut [u8], input: &[u8]) {
    zip(out, input, |out, byte| *out |= byte);
}

fn and(out: &mut [u8], input: &[u8]) {
    zip(out, input, |out, byte| *out &= byte);
    out[input.len()..].fill(0);
}
