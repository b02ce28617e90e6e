//! Strings as arrays of integers of any width at any bit.

use super::parts;
use crate::encoding::meta::Meta;
use crate::encoding::numbers::Kind;
use crate::error::Result;
use crate::keyspace::event::Event;
use crate::keyspace::tx::{ReadTx, Slot, WriteTx};
use std::collections::BTreeMap;

/// Where an integer lies and how it is to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    pub signed: bool,
    /// 1 to 64 bits if signed, 1 to 63 if not.
    pub bits: u32,
    /// Of the highest bit.
    pub offset: u64,
}

/// What becomes of a number that does not fit its field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overflow {
    Wrap,
    Saturate,
    /// Nothing is written.
    Fail,
}

/// What to do with a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    Get,
    /// Answers with the number that was there.
    Set(i64, Overflow),
    /// Answers with the new number.
    Increment(i64, Overflow),
}

/// One step of a `BITFIELD`.
pub type Operation = (Field, Action);

impl Field {
    fn limits(self) -> (i128, i128) {
        if self.signed {
            (-(1i128 << (self.bits - 1)), (1i128 << (self.bits - 1)) - 1)
        } else {
            (0, (1i128 << self.bits) - 1)
        }
    }

    fn mask(self) -> u128 {
        (1u128 << self.bits) - 1
    }

    /// The number whose lowest bits are the field's.
    fn number(self, raw: u128) -> i128 {
        let raw = (raw & self.mask()) as i128;
        if raw > self.limits().1 { raw - (1i128 << self.bits) } else { raw }
    }

    /// What to write instead of `exact`; none: nothing.
    fn fit(self, exact: i128, overflow: Overflow) -> Option<i128> {
        let (min, max) = self.limits();
        match overflow {
            _ if (min..=max).contains(&exact) => Some(exact),
            Overflow::Wrap => Some(self.number(exact as u128)),
            Overflow::Saturate => Some(exact.clamp(min, max)),
            Overflow::Fail => None,
        }
    }

    /// Length of the shortest value that holds the field.
    fn end_byte(self) -> u64 {
        (self.offset + u64::from(self.bits)).div_ceil(8)
    }

    /// How far the field is from the lowest bit of the 16 bytes that begin with its own.
    fn shift(self) -> u32 {
        128 - (self.offset % 8) as u32 - self.bits
    }
}

/// Bytes that operations have changed so far.
type Edits = BTreeMap<u64, u8>;

fn window(tx: &ReadTx, meta: Option<&Meta>, edits: &Edits, start: u64) -> Result<u128> {
    let mut bytes: [u8; 16] = parts::read_few(tx, meta, start)?;
    for (at, byte) in edits.range(start..start + 16) {
        bytes[(at - start) as usize] = *byte;
    }
    Ok(u128::from_be_bytes(bytes))
}

/// The numbers in `fields`; zeros beyond the end of the value.
pub fn read(tx: &ReadTx, meta: Option<&Meta>, fields: impl Iterator<Item = Field>) -> Result<Vec<i64>> {
    fields
        .map(|field| {
            let window = window(tx, meta, &Edits::new(), field.offset / 8)?;
            Ok(field.number(window >> field.shift()) as i64)
        })
        .collect()
}

/// Runs operations one after the other; the value grows to hold every field that is to be written.
/// None: the number did not fit. The caller has checked the offsets. Costs a chunk for each.
///
/// # Errors
/// [`crate::error::Error::WrongType`].
pub fn run(tx: &mut WriteTx, slot: &mut Slot, operations: &[Operation]) -> Result<Vec<Option<i64>>> {
    let meta = slot.meta_of(Kind::String)?;
    let written = operations.iter().filter(|(_, action)| *action != Action::Get);
    let min_len = written.map(|(field, _)| field.end_byte()).max().unwrap_or(0);
    let grows = meta.map_or(0, super::len) < min_len;
    let mut edits = Edits::new();
    let mut changed = false;
    let mut answers = Vec::with_capacity(operations.len());
    for (field, action) in operations {
        let start = field.offset / 8;
        let before = window(tx, meta, &edits, start)?;
        let old = field.number(before >> field.shift());
        // An unsigned field takes a number for the 64 bits it has.
        let given = |number: i64| if field.signed { number.into() } else { i128::from(number as u64) };
        let (new, answer) = match *action {
            Action::Get => (None, Some(old)),
            Action::Set(number, overflow) => {
                let new = field.fit(given(number), overflow);
                (new, new.map(|_| old))
            }
            Action::Increment(by, overflow) => {
                let new = field.fit(old + i128::from(by), overflow);
                (new, new)
            }
        };
        if let Some(new) = new {
            changed |= new != old;
            let cleared = before & !(field.mask() << field.shift());
            let after = cleared | (new as u128 & field.mask()) << field.shift();
            edits.extend((start..field.end_byte()).zip(after.to_be_bytes()));
        }
        answers.push(answer.map(|number| number as i64));
    }
    if changed || grows {
        let runs = runs_of(edits);
        let runs: Vec<parts::Run> = runs.iter().map(|(at, bytes)| (*at, bytes.as_slice())).collect();
        parts::write_runs(tx, slot, min_len, &runs, Event::SETBIT)?;
    }
    Ok(answers)
}

/// The edits, neighbours together.
fn runs_of(edits: Edits) -> Vec<(u64, Vec<u8>)> {
    let mut runs: Vec<(u64, Vec<u8>)> = Vec::new();
    for (at, byte) in edits {
        match runs.last_mut() {
            Some((start, bytes)) if *start + bytes.len() as u64 == at => bytes.push(byte),
            _ => runs.push((at, vec![byte])),
        }
    }
    runs
}
