//! The list family.

mod blocking;
mod change;
mod moves;
mod pop;
mod push;
mod read;

use super::Entry;
use super::args::Args;
use super::spec::{KeyFlags, KeySpec};
use crate::data_types::list::End;
use crate::error::{Error, Result};
use crate::keyspace::event::Event;
pub use blocking::{BLMove, BLMoveM, BLPop, BRPop, BRPopLPush};
pub use change::{LInsert, LRem, LSet, LTrim};
pub use moves::{LMove, LMoveM, RPopLPush};
pub use pop::{BLMPop, LMPop, LPop, RPop};
pub use push::{LPush, LPushX, RPush, RPushX};
pub use read::{LIndex, LLen, LPos, LRange};

pub static COMMANDS: &[Entry] = &[
    Entry::blocking::<BLMove>(),
    Entry::blocking::<BLMoveM>(),
    Entry::blocking::<BLMPop>(),
    Entry::blocking::<BLPop>(),
    Entry::blocking::<BRPop>(),
    Entry::blocking::<BRPopLPush>(),
    Entry::read::<LIndex>(),
    Entry::write::<LInsert>(),
    Entry::read::<LLen>(),
    Entry::write::<LMove>(),
    Entry::write::<LMoveM>(),
    Entry::write::<LMPop>(),
    Entry::write::<LPop>(),
    Entry::read::<LPos>(),
    Entry::write::<LPush>(),
    Entry::write::<LPushX>(),
    Entry::read::<LRange>(),
    Entry::write::<LRem>(),
    Entry::write::<LSet>(),
    Entry::write::<LTrim>(),
    Entry::write::<RPop>(),
    Entry::write::<RPopLPush>(),
    Entry::write::<RPush>(),
    Entry::write::<RPushX>(),
];

const READ_KEY: &[KeySpec] = &[KeySpec::at(1, KeyFlags::RO.and(KeyFlags::ACCESS))];
const INSERT_KEY: &[KeySpec] = &[KeySpec::at(1, KeyFlags::RW.and(KeyFlags::INSERT))];
const DELETE_KEY: &[KeySpec] = &[KeySpec::at(1, KeyFlags::RW.and(KeyFlags::DELETE))];
const UPDATE_KEY: &[KeySpec] = &[KeySpec::at(1, KeyFlags::RW.and(KeyFlags::UPDATE))];
const POP: KeyFlags = KeyFlags::RW.and(KeyFlags::ACCESS).and(KeyFlags::DELETE);
const POP_KEY: &[KeySpec] = &[KeySpec::at(1, POP)];
const MOVE_KEYS: &[KeySpec] = &[KeySpec::at(1, POP), KeySpec::at(2, KeyFlags::RW.and(KeyFlags::INSERT))];

/// Reads `LEFT` or `RIGHT`.
fn end(args: &mut Args) -> Result<End> {
    args.take_one(&[("LEFT", End::Left), ("RIGHT", End::Right)]).ok_or(Error::Syntax)
}

const fn push_event(end: End) -> Event {
    match end {
        End::Left => Event::LPUSH,
        End::Right => Event::RPUSH,
    }
}

const fn pop_event(end: End) -> Event {
    match end {
        End::Left => Event::LPOP,
        End::Right => Event::RPOP,
    }
}
