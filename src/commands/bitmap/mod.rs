//! The bitmap commands: strings as arrays of bits.

mod bits;
mod field;

use super::Entry;
use super::spec::{KeyFlags, KeySpec};
use crate::encoding::text;
use crate::error::{Error, Result};
pub use bits::{BitCount, BitOp, BitPos, GetBit, SetBit};
pub use field::{BitField, BitFieldRo};

pub static COMMANDS: &[Entry] = &[
    Entry::read::<BitCount>(),
    Entry::write::<BitField>(),
    Entry::read::<BitFieldRo>(),
    Entry::write::<BitOp>(),
    Entry::read::<BitPos>(),
    Entry::read::<GetBit>(),
    Entry::write::<SetBit>(),
];

const READ: KeyFlags = KeyFlags::RO.and(KeyFlags::ACCESS);
const READ_KEY: &[KeySpec] = &[KeySpec::at(1, READ)];
const UPDATE: KeyFlags = KeyFlags::RW.and(KeyFlags::ACCESS).and(KeyFlags::UPDATE);

/// Bytes of the longest string that has bits. A shorter `proto-max-bulk-len` is minded where a string
/// grows.
const MAX_BYTES: u64 = 512 << 20;

/// The position of a bit that a string may have.
fn bit_offset(offset: Option<i64>) -> Result<u64> {
    offset
        .and_then(|offset| u64::try_from(offset).ok())
        .filter(|offset| offset / 8 < MAX_BYTES)
        .ok_or(Error::text("ERR bit offset is not an integer or out of range"))
}

fn parse_bit_offset(word: &[u8]) -> Result<u64> {
    bit_offset(text::parse_i64(word))
}
