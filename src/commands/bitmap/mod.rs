//! The bitmap commands: strings as arrays of bits.

mod bits;
mod field;

use super::Entry;
use super::args::Args;
use super::string::{READ, READ_KEY, UPDATE};
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

/// The position of a bit that a string may have.
fn bit_offset(args: &Args, offset: Option<i64>) -> Result<u64> {
    offset
        .and_then(|offset| u64::try_from(offset).ok())
        .filter(|offset| offset / 8 < args.max_string_bytes())
        .ok_or(Error::text("ERR bit offset is not an integer or out of range"))
}

/// The next word as the position of a bit that a string may have.
fn parse_bit_offset(args: &mut Args) -> Result<u64> {
    let offset = text::parse_i64(&args.bytes()?);
    bit_offset(args, offset)
}
