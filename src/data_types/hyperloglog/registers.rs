//! The bytes of a HyperLogLog, as Redis keeps them, so that they travel between the two.
//!
//! | bytes | what |
//! |---|---|
//! | 4 | `HYLL` |
//! | 1 | 0 dense, 1 sparse |
//! | 3 | 0 |
//! | 8 | the last estimate, little-endian; the highest bit says that it is out of date |
//! | rest | dense: 16,384 registers of 6 bits, the lowest bits first. Sparse: runs of equal registers |
//!
//! | run | bits |
//! |---|---|
//! | `ZERO`, up to 64 registers of 0 | `00` + length − 1 (6) |
//! | `XZERO`, up to 16,384 of 0 | `01` + length − 1 (14) |
//! | `VAL`, up to 4 of one value to 32 | `1` + value − 1 (5) + length − 1 (2) |
//!
//! Source: the comment at the head of Redis' `hyperloglog.c`.

use std::ops::Range;

/// How many registers there are.
pub const REGISTERS: usize = 1 << 14;

/// How long the front is, before the registers.
pub(super) const FRONT_BYTES: usize = 16;
const MAGIC: &[u8] = b"HYLL";
const DENSE_BYTES: usize = FRONT_BYTES + REGISTERS * 6 / 8;
const OUT_OF_DATE: u8 = 0x80;

const MAX_ZERO: usize = 64;
const MAX_VALUE_RUN: usize = 4;
/// What a sparse form can hold.
const MAX_SPARSE_VALUE: u8 = 32;

/// The bytes are those of no HyperLogLog.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Damage {
    /// Not even its front.
    Foreign,
    /// The front is right, what follows is not.
    Corrupt,
}

/// A HyperLogLog in its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HyperLogLog {
    bytes: Vec<u8>,
}

/// A run of equal registers in the sparse form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Run {
    value: u8,
    len: usize,
    /// Bytes it takes.
    bytes: usize,
}

impl Run {
    fn read(bytes: &[u8]) -> Result<Run, Damage> {
        let first = *bytes.first().ok_or(Damage::Corrupt)?;
        Ok(match first >> 6 {
            0 => Run { value: 0, len: usize::from(first & 0x3f) + 1, bytes: 1 },
            1 => {
                let second = *bytes.get(1).ok_or(Damage::Corrupt)?;
                Run { value: 0, len: (usize::from(first & 0x3f) << 8 | usize::from(second)) + 1, bytes: 2 }
            }
            _ => Run { value: (first >> 2 & 0x1f) + 1, len: usize::from(first & 3) + 1, bytes: 1 },
        })
    }

    fn write(value: u8, len: usize, out: &mut Vec<u8>) {
        match (value, len) {
            (_, 0) => {}
            (0, ..=MAX_ZERO) => out.push((len - 1) as u8),
            (0, _) => out.extend([0x40 | ((len - 1) >> 8) as u8, (len - 1) as u8]),
            _ => out.push(0x80 | (value - 1) << 2 | (len - 1) as u8),
        }
    }
}

impl HyperLogLog {
    /// One that has seen nothing: sparse.
    pub fn new() -> HyperLogLog {
        let mut bytes = [MAGIC, &[1, 0, 0, 0], &[0; 8]].concat();
        Run::write(0, REGISTERS, &mut bytes);
        HyperLogLog { bytes }
    }

    /// Reads the value of a string.
    ///
    /// # Errors
    /// When it is none.
    pub fn read(bytes: &[u8]) -> Result<HyperLogLog, Damage> {
        let is_one = bytes.len() >= FRONT_BYTES && bytes.starts_with(MAGIC) && bytes[4] <= 1;
        if !is_one || (bytes[4] == 0 && bytes.len() != DENSE_BYTES) {
            return Err(Damage::Foreign);
        }
        Ok(HyperLogLog { bytes: bytes.to_vec() })
    }

    /// The value of the string.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    pub fn is_sparse(&self) -> bool {
        self.bytes[4] == 1
    }

    /// The estimate that was kept, if it is not out of date.
    pub fn kept_estimate(&self) -> Option<u64> {
        let mut estimate = [0; 8];
        estimate.copy_from_slice(&self.bytes[8..FRONT_BYTES]);
        (estimate[7] & OUT_OF_DATE == 0).then(|| u64::from_le_bytes(estimate))
    }

    /// Keeps an estimate.
    pub fn keep_estimate(&mut self, estimate: u64) {
        self.bytes[8..FRONT_BYTES].copy_from_slice(&estimate.to_le_bytes());
    }

    fn changed(&mut self) {
        self.bytes[15] |= OUT_OF_DATE;
    }

    /// All registers.
    ///
    /// # Errors
    /// When the sparse form does not make out as many as there are.
    pub fn registers(&self) -> Result<Vec<u8>, Damage> {
        if !self.is_sparse() {
            return Ok((0..REGISTERS).map(|number| self.dense(number)).collect());
        }
        let mut registers = Vec::with_capacity(REGISTERS);
        let mut rest = &self.bytes[FRONT_BYTES..];
        while !rest.is_empty() {
            let run = Run::read(rest)?;
            if registers.len() + run.len > REGISTERS {
                return Err(Damage::Corrupt);
            }
            registers.resize(registers.len() + run.len, run.value);
            rest = &rest[run.bytes..];
        }
        if registers.len() == REGISTERS { Ok(registers) } else { Err(Damage::Corrupt) }
    }

    fn dense(&self, number: usize) -> u8 {
        let (byte, bit) = (FRONT_BYTES + number * 6 / 8, number * 6 % 8);
        let low = u16::from(self.bytes[byte]);
        let high = self.bytes.get(byte + 1).map_or(0, |byte| u16::from(*byte));
        ((low | high << 8) >> bit) as u8 & 0x3f
    }

    fn set_dense(&mut self, number: usize, value: u8) {
        let (byte, bit) = (FRONT_BYTES + number * 6 / 8, number * 6 % 8);
        let mask = 0x3f_u16 << bit;
        let value = u16::from(value) << bit;
        self.bytes[byte] = self.bytes[byte] & !(mask as u8) | value as u8;
        if let Some(next) = self.bytes.get_mut(byte + 1) {
            *next = *next & !((mask >> 8) as u8) | (value >> 8) as u8;
        }
    }

    /// Raises a register to `value`; returns whether it was lower. A sparse form that would become
    /// longer than `max_sparse_bytes`, or cannot hold the value, becomes dense.
    ///
    /// # Errors
    /// When the sparse form is damaged.
    pub fn raise(&mut self, number: usize, value: u8, max_sparse_bytes: u64) -> Result<bool, Damage> {
        if self.is_sparse() {
            match self.raise_sparse(number, value, max_sparse_bytes)? {
                Some(raised) => return Ok(raised),
                None => self.make_dense()?,
            }
        }
        let raises = self.dense(number) < value;
        if raises {
            self.set_dense(number, value);
            self.changed();
        }
        Ok(raises)
    }

    /// None: this form cannot hold it.
    fn raise_sparse(&mut self, number: usize, value: u8, max_bytes: u64) -> Result<Option<bool>, Damage> {
        if value > MAX_SPARSE_VALUE {
            return Ok(None);
        }
        let (place, run, first, before) = self.find(number)?;
        if run.value >= value {
            return Ok(Some(false));
        }
        let mut parts = Vec::with_capacity(5);
        Run::write(run.value, number - first, &mut parts);
        Run::write(value, 1, &mut parts);
        Run::write(run.value, first + run.len - 1 - number, &mut parts);
        let longer = parts.len() > run.bytes;
        if longer && (self.bytes.len() + parts.len() - run.bytes) as u64 > max_bytes {
            return Ok(None);
        }
        self.bytes.splice(place.clone(), parts);
        self.join_values(before.unwrap_or(FRONT_BYTES));
        self.changed();
        Ok(Some(true))
    }

    /// Where the run of a register lies, the run, its first register, and where the run before begins.
    #[allow(clippy::type_complexity)]
    fn find(&self, number: usize) -> Result<(Range<usize>, Run, usize, Option<usize>), Damage> {
        let (mut at, mut first, mut before) = (FRONT_BYTES, 0, None);
        loop {
            let run = Run::read(&self.bytes[at..])?;
            if number < first + run.len {
                return Ok((at..at + run.bytes, run, first, before));
            }
            before = Some(at);
            at += run.bytes;
            first += run.len;
        }
    }

    /// Joins neighbours of one value, looking at a few runs from `at` on, as Redis does.
    fn join_values(&mut self, mut at: usize) {
        for _ in 0..5 {
            let Ok(run) = Run::read(self.bytes.get(at..).unwrap_or_default()) else { return };
            if run.value > 0
                && let Ok(next) = Run::read(&self.bytes[at + 1..])
                && next.value == run.value
                && next.len + run.len <= MAX_VALUE_RUN
            {
                let mut joined = Vec::with_capacity(1);
                Run::write(run.value, run.len + next.len, &mut joined);
                self.bytes.splice(at..at + 2, joined);
            } else {
                at += run.bytes;
            }
        }
    }

    /// Takes the dense form.
    ///
    /// # Errors
    /// When the sparse form is damaged.
    pub fn make_dense(&mut self) -> Result<(), Damage> {
        if !self.is_sparse() {
            return Ok(());
        }
        let registers = self.registers()?;
        self.bytes.resize(DENSE_BYTES, 0);
        self.bytes[4] = 0;
        self.bytes[FRONT_BYTES..].fill(0);
        for (number, value) in registers.into_iter().enumerate().filter(|(_, value)| *value > 0) {
            self.set_dense(number, value);
        }
        Ok(())
    }

    /// The runs of the sparse form in letters: `z:16384` and `Z:1` for zeros, `v:3,2` for twice 3.
    ///
    /// # Errors
    /// When it is damaged.
    pub fn describe(&self) -> Result<String, Damage> {
        let mut text = Vec::new();
        let mut rest = &self.bytes[FRONT_BYTES..];
        while !rest.is_empty() {
            let run = Run::read(rest)?;
            text.push(match (run.value, run.bytes) {
                (0, 1) => format!("z:{}", run.len),
                (0, _) => format!("Z:{}", run.len),
                (value, _) => format!("v:{value},{}", run.len),
            });
            rest = &rest[run.bytes..];
        }
        Ok(text.join(" "))
    }
}

impl Default for HyperLogLog {
    fn default() -> HyperLogLog {
        HyperLogLog::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn golden() {
        let mut sketch = HyperLogLog::new();
        assert_eq!(sketch.bytes, b"HYLL\x01\0\0\0\0\0\0\0\0\0\0\0\x7f\xff");
        // What Redis 7.0.15 makes of PFADD hll a.
        assert!(sketch.raise(12711, 2, 3000).unwrap());
        assert_eq!(sketch.describe().unwrap(), "Z:12711 v:2,1 Z:3672");
        assert_eq!(sketch.bytes[15], OUT_OF_DATE);
    }

    #[test]
    fn what_is_no_hyperloglog_is_refused() {
        assert_eq!(HyperLogLog::read(b"hello").err(), Some(Damage::Foreign));
        let mut bytes = HyperLogLog::new().into_bytes();
        bytes[4] = 0;
        assert_eq!(HyperLogLog::read(&bytes).err(), Some(Damage::Foreign));
        bytes[4] = 1;
        bytes.pop();
        assert_eq!(HyperLogLog::read(&bytes).unwrap().registers(), Err(Damage::Corrupt));
    }

    proptest! {
        #[test]
        fn both_forms_hold_what_they_were_given(
            writes in proptest::collection::vec((0..REGISTERS, 1..=51u8), 0..400),
            near in proptest::bool::ANY,
            max in 20..4000u64,
        ) {
            let mut sketch = HyperLogLog::new();
            let mut model = vec![0u8; REGISTERS];
            for (number, value) in writes {
                let number = if near { number % 40 } else { number };
                let value = if near { value % 4 + 1 } else { value };
                prop_assert_eq!(sketch.raise(number, value, max), Ok(model[number] < value));
                model[number] = model[number].max(value);
            }
            prop_assert_eq!(&sketch.registers().unwrap(), &model);
            prop_assert_eq!(&HyperLogLog::read(&sketch.bytes).unwrap(), &sketch);
            sketch.make_dense().unwrap();
            prop_assert_eq!(&sketch.registers().unwrap(), &model);
        }

        #[test]
        fn any_bytes_are_read_without_panic(tail in proptest::collection::vec(any::<u8>(), 0..60), number in 0..REGISTERS) {
            let bytes = [b"HYLL\x01\0\0\0\0\0\0\0\0\0\0\0".as_slice(), &tail].concat();
            let mut sketch = HyperLogLog::read(&bytes).unwrap();
            let _ = (sketch.registers(), sketch.describe());
            let _ = sketch.raise(number, 5, 3000);
            let _ = sketch.make_dense();
        }
    }
}
