//! The array family.

mod grep;
mod info;
mod insert;
mod range;
mod read;
mod write;

use super::Entry;
use super::args::Args;
use super::spec::{KeyFlags, KeySpec};
use crate::data_types::array::MAX_INDEX;
use crate::encoding::text;
use crate::error::{Error, Result};
use crate::protocol::Reply;
use bytes::Bytes;
pub use grep::ArGrep;
pub use info::ArInfo;
pub use insert::{ArInsert, ArLastItems, ArNext, ArRing, ArSeek};
pub use range::{ArGetRange, ArOp, ArScan};
pub use read::{ArCount, ArGet, ArLen, ArMGet};
pub use write::{ArDel, ArDelRange, ArMSet, ArSet};

pub static COMMANDS: &[Entry] = &[
    Entry::read::<ArCount>(),
    Entry::write::<ArDel>(),
    Entry::write::<ArDelRange>(),
    Entry::read::<ArGet>(),
    Entry::read::<ArGetRange>(),
    Entry::read::<ArGrep>(),
    Entry::read::<ArInfo>(),
    Entry::write::<ArInsert>(),
    Entry::read::<ArLastItems>(),
    Entry::read::<ArLen>(),
    Entry::read::<ArMGet>(),
    Entry::write::<ArMSet>(),
    Entry::read::<ArNext>(),
    Entry::read::<ArOp>(),
    Entry::write::<ArRing>(),
    Entry::read::<ArScan>(),
    Entry::write::<ArSeek>(),
    Entry::write::<ArSet>(),
];

const READ_KEY: &[KeySpec] = &[KeySpec::at(1, KeyFlags::RO.and(KeyFlags::ACCESS))];
const UPDATE_KEY: &[KeySpec] = &[KeySpec::at(1, KeyFlags::RW.and(KeyFlags::UPDATE))];
const DELETE_KEY: &[KeySpec] = &[KeySpec::at(1, KeyFlags::RW.and(KeyFlags::DELETE))];

/// So many positions, used or not, one reply may have.
const MAX_POSITIONS: u64 = 1_000_000;

const INVALID_INDEX: Error = Error::text("ERR invalid array index");

/// The index that a word is.
fn index_of(word: &[u8]) -> Result<u64> {
    text::parse_u64(word).filter(|index| *index <= MAX_INDEX).ok_or(INVALID_INDEX)
}

/// The next word as an index.
fn index(args: &mut Args) -> Result<u64> {
    index_of(&args.bytes()?)
}

/// An index, or a number of them, which may be beyond what an integer of the protocol holds.
fn index_reply(index: u64) -> Reply {
    i64::try_from(index).map_or_else(|_| Reply::BigNumber(index.to_string()), Reply::Integer)
}

fn pair(index: u64, value: Bytes) -> Reply {
    Reply::Array(vec![index_reply(index), Reply::Bulk(value)])
}

/// How many results are wanted at most, after `LIMIT`.
fn limit(args: &mut Args) -> Result<u64> {
    match args.integer()? {
        limit @ 1.. => Ok(limit.unsigned_abs()),
        _ => Err(Error::text("ERR LIMIT must be positive")),
    }
}
