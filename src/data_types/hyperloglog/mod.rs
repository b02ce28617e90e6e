//! HyperLogLogs: how many different things were seen, in 12 KB, with a standard error of 0.81 %. They
//! are strings (see [`registers`] for the bytes). The estimate is the one of Otmar Ertl, "New cardinality
//! estimation algorithms for HyperLogLog sketches" (2017), as in Redis.

pub mod registers;

use super::string;
use crate::encoding::meta::Meta;
use crate::encoding::numbers::{CHUNK_BYTES, Kind};
use crate::error::{Error, Result};
use crate::keyspace::event::{Event, EventClass};
use crate::keyspace::tx::{ReadTx, Slot, WriteTx};
use bytes::Bytes;
use registers::{Damage, FRONT_BYTES, HyperLogLog, REGISTERS};

const PFADD: Event = Event::new(EventClass::String, "pfadd");

/// Bits of the hash that say how many zeros follow the register's number.
const COUNTED_BITS: usize = 50;

impl From<Damage> for Error {
    fn from(damage: Damage) -> Error {
        match damage {
            Damage::Foreign => Error::text("WRONGTYPE Key is not a valid HyperLogLog string value."),
            Damage::Corrupt => Error::text("INVALIDOBJ Corrupted HLL object detected"),
        }
    }
}

/// The HyperLogLog of a key. O(1).
///
/// # Errors
/// When the key holds something else.
pub fn get(tx: &ReadTx, key: &[u8]) -> Result<Option<HyperLogLog>> {
    let Some(meta) = tx.meta_of(key, Kind::String)? else { return Ok(None) };
    Ok(Some(HyperLogLog::read(&string::contiguous(tx, &meta)?)?))
}

fn of_slot(tx: &WriteTx, slot: &Slot) -> Result<Option<HyperLogLog>> {
    let Some(meta) = slot.meta_of(Kind::String)? else { return Ok(None) };
    Ok(Some(HyperLogLog::read(&string::contiguous(tx, meta)?)?))
}

fn put(tx: &mut WriteTx, slot: &mut Slot, sketch: HyperLogLog) {
    let expire_at_ms = slot.meta().and_then(|meta| meta.expire_at_ms);
    let bytes = Bytes::from(sketch.into_bytes());
    if bytes.len() > CHUNK_BYTES {
        return string::put(tx, slot, &bytes, expire_at_ms, PFADD);
    }
    // Redis keeps even a short one `raw`, for it changes it in place.
    let meta = Meta { raw: true, expire_at_ms, ..Meta::inline(Kind::String, bytes) };
    tx.put(slot, meta, PFADD);
}

/// Adds what was seen; returns whether the estimate may have changed, or the key is new. O(1) each.
pub fn add(tx: &mut WriteTx, key: &Bytes, elements: &[Bytes]) -> Result<bool> {
    let mut slot = tx.slot(key)?;
    let max_bytes = tx.keyspace().hll_sparse_max_bytes();
    let found = of_slot(tx, &slot)?;
    let mut changed = found.is_none();
    let mut sketch = found.unwrap_or_default();
    for element in elements {
        let (number, value) = register_of(element);
        changed |= sketch.raise(number, value, max_bytes)?;
    }
    if changed {
        put(tx, &mut slot, sketch);
    }
    Ok(changed)
}

/// How many different things were seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Count {
    pub estimate: u64,
    /// Whether it is worth to be kept: see [`keep_estimate`].
    pub is_new: bool,
}

/// How many different things all the keys together have seen. O(number of keys).
pub fn count(tx: &ReadTx, keys: &[Bytes]) -> Result<Count> {
    if let [key] = keys {
        let Some(sketch) = get(tx, key)? else { return Ok(Count { estimate: 0, is_new: false }) };
        return match sketch.kept_estimate() {
            Some(estimate) => Ok(Count { estimate, is_new: false }),
            None => Ok(Count { estimate: estimate(&sketch.registers()?), is_new: true }),
        };
    }
    let mut all = vec![0; REGISTERS];
    for key in keys {
        if let Some(sketch) = get(tx, key)? {
            raise_all(&mut all, &sketch.registers()?);
        }
    }
    Ok(Count { estimate: estimate(&all), is_new: false })
}

/// Keeps the estimate with the key, for the next count. Nobody is told of it. O(1).
pub fn keep_estimate(tx: &mut WriteTx, key: &Bytes) -> Result<()> {
    const KEPT: Event = Event::new(EventClass::Unpublished, "pfcount");
    let mut slot = tx.slot(key)?;
    let Some(mut sketch) = of_slot(tx, &slot)?.filter(|sketch| sketch.kept_estimate().is_none()) else {
        return Ok(());
    };
    sketch.keep_estimate(estimate(&sketch.registers()?));
    let front = &sketch.into_bytes()[..FRONT_BYTES];
    string::parts::write(tx, &mut slot, 0, front, KEPT).map(drop)
}

/// Puts into `to` what it and the others have seen. O(number of keys).
pub fn merge(tx: &mut WriteTx, to: &Bytes, from: &[Bytes]) -> Result<()> {
    let max_bytes = tx.keyspace().hll_sparse_max_bytes();
    let mut slot = tx.slot(to)?;
    let found = of_slot(tx, &slot)?;
    let mut all = vec![0; REGISTERS];
    let mut dense = false;
    for key in from {
        if let Some(sketch) = get(tx, key)? {
            dense |= !sketch.is_sparse();
            raise_all(&mut all, &sketch.registers()?);
        }
    }
    let mut sketch = found.unwrap_or_default();
    raise_all(&mut all, &sketch.registers()?);
    if dense {
        sketch.make_dense()?;
    }
    for (number, value) in all.into_iter().enumerate().filter(|(_, value)| *value > 0) {
        sketch.raise(number, value, max_bytes)?;
    }
    put(tx, &mut slot, sketch);
    Ok(())
}

/// Takes the dense form. Returns whether it was sparse.
pub fn make_dense(tx: &mut WriteTx, key: &Bytes) -> Result<Option<bool>> {
    let mut slot = tx.slot(key)?;
    let Some(mut sketch) = of_slot(tx, &slot)? else { return Ok(None) };
    let was_sparse = sketch.is_sparse();
    if was_sparse {
        sketch.make_dense()?;
        put(tx, &mut slot, sketch);
    }
    Ok(Some(was_sparse))
}

fn raise_all(all: &mut [u8], others: &[u8]) {
    for (register, other) in all.iter_mut().zip(others) {
        *register = (*register).max(*other);
    }
}

/// The register that an element belongs to, and the value it raises it to.
pub fn register_of(element: &[u8]) -> (usize, u8) {
    let hash = murmur_hash_64a(element, 0xadc8_3b19);
    let counted = (hash >> 14) | 1 << COUNTED_BITS;
    (hash as usize % REGISTERS, counted.trailing_zeros() as u8 + 1)
}

/// MurmurHash2, the 64-bit version by Austin Appleby.
fn murmur_hash_64a(bytes: &[u8], seed: u64) -> u64 {
    const M: u64 = 0xc6a4_a793_5bd1_e995;
    let mut hash = seed ^ (bytes.len() as u64).wrapping_mul(M);
    let (words, rest) = bytes.as_chunks();
    for word in words {
        let mut word = u64::from_le_bytes(*word).wrapping_mul(M);
        word ^= word >> 47;
        hash = (hash ^ word.wrapping_mul(M)).wrapping_mul(M);
    }
    if !rest.is_empty() {
        let tail = rest.iter().rev().fold(0, |tail, byte| tail << 8 | u64::from(*byte));
        hash = (hash ^ tail).wrapping_mul(M);
    }
    hash = (hash ^ hash >> 47).wrapping_mul(M);
    hash ^ hash >> 47
}

/// How many different elements make registers look like these.
pub fn estimate(registers: &[u8]) -> u64 {
    const ALPHA: f64 = 0.721_347_520_444_481_7; // 1 / (2 ln 2)
    let m = REGISTERS as f64;
    let mut histogram = [0u32; 64];
    for value in registers {
        histogram[usize::from(*value & 63)] += 1;
    }
    let count = |value: usize| f64::from(histogram[value]);
    let mut z = m * tau((m - count(COUNTED_BITS + 1)) / m);
    for value in (1..=COUNTED_BITS).rev() {
        z = (z + count(value)) * 0.5;
    }
    z += m * sigma(count(0) / m);
    (ALPHA * m * m / z).round() as u64
}

fn tau(x: f64) -> f64 {
    if x == 0.0 || x == 1.0 {
        return 0.0;
    }
    let (mut x, mut y, mut z) = (x, 1.0, 1.0 - x);
    loop {
        x = x.sqrt();
        let before = z;
        y *= 0.5;
        z -= (1.0 - x).powi(2) * y;
        if z == before {
            return z / 3.0;
        }
    }
}

fn sigma(x: f64) -> f64 {
    if x == 1.0 {
        return f64::INFINITY;
    }
    let (mut x, mut y, mut z) = (x, 1.0, x);
    loop {
        x *= x;
        let before = z;
        z += x * y;
        y += y;
        if z == before {
            return z;
        }
    }
}

/// Whether the registers and the estimate do what they should: what `PFSELFTEST` runs.
///
/// # Errors
/// What is wrong.
pub fn self_test() -> Result<()> {
    let failed = |what: String| Error::err(format_args!("TESTFAILED {what}"));
    let mut sketch = HyperLogLog::new();
    sketch.make_dense()?;
    let mut expected = vec![0; REGISTERS];
    let mut random = fastrand::Rng::with_seed(1);
    for _ in 0..100_000 {
        let (number, value) = (random.usize(..REGISTERS), random.u8(..64));
        sketch.raise(number, value, 0)?;
        expected[number] = expected[number].max(value);
    }
    if sketch.registers()? != expected {
        return Err(failed("Registers do not hold what they were given".into()));
    }
    let (mut sparse, mut dense) = (HyperLogLog::new(), HyperLogLog::new());
    dense.make_dense()?;
    let seed = random.u64(..);
    let mut check_at = 1;
    for number in 1..=1_000_000u64 {
        let (register, value) = register_of(&(number ^ seed).to_le_bytes());
        sparse.raise(register, value, 3000)?;
        dense.raise(register, value, 3000)?;
        if number != check_at {
            continue;
        }
        check_at *= 10;
        if sparse.registers()? != dense.registers()? {
            return Err(failed("The two forms differ".into()));
        }
        let relative = (estimate(&dense.registers()?) as f64 - number as f64).abs() / number as f64;
        // Six standard errors, and one where there are few to count.
        if relative > 6.0 * 1.04 / (REGISTERS as f64).sqrt() && number > 10 {
            return Err(failed(format!("Too far from {number}: {relative}")));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_as_murmur_does() {
        // What redis-server 7.0.15 shows with PFDEBUG DECODE.
        let elements = [&b"a"[..], b"b", b"c", b"hello", b"", b"12345678", b"123456789"];
        let mut found = elements.map(register_of);
        found.sort_unstable();
        let expected = [(5938, 2), (8436, 1), (9216, 1), (9293, 2), (10579, 3), (12711, 2), (15780, 1)];
        assert_eq!(found, expected);
    }

    #[test]
    fn tests_itself() {
        self_test().unwrap();
    }

    #[test]
    fn nothing_is_none_and_few_are_exact() {
        assert_eq!(estimate(&vec![0; REGISTERS]), 0);
        let mut sketch = HyperLogLog::new();
        for number in 0..100u32 {
            let (register, value) = register_of(&number.to_be_bytes());
            sketch.raise(register, value, 3000).unwrap();
        }
        assert!(estimate(&sketch.registers().unwrap()).abs_diff(100) <= 1);
    }
}
