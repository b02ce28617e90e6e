//! The string family.

mod condition;
mod counter;
mod expiry;
mod increx;
mod lcs;
mod many;
mod range;
mod read;
mod set;

use super::Entry;
use super::spec::{KeyFlags, KeySpec};
use crate::data_types::string::Value;
use crate::protocol::Reply;
pub use counter::{Decr, DecrBy, Incr, IncrBy, IncrByFloat};
pub use increx::IncrEx;
pub use lcs::Lcs;
pub use many::{MSet, MSetEx, MSetNx};
pub use range::{Append, GetRange, SetRange, SubStr};
pub use read::{Digest, Get, MGet, StrLen};
pub use set::{DelEx, GetDel, GetEx, GetSet, PSetEx, Set, SetEx, SetNx};

pub static COMMANDS: &[Entry] = &[
    Entry::write::<Append>(),
    Entry::write::<Decr>(),
    Entry::write::<DecrBy>(),
    Entry::write::<DelEx>(),
    Entry::read::<Digest>(),
    Entry::read::<Get>(),
    Entry::write::<GetDel>(),
    Entry::write::<GetEx>(),
    Entry::read::<GetRange>(),
    Entry::write::<GetSet>(),
    Entry::write::<Incr>(),
    Entry::write::<IncrBy>(),
    Entry::write::<IncrByFloat>(),
    Entry::write::<IncrEx>(),
    Entry::read::<Lcs>(),
    Entry::read::<MGet>(),
    Entry::write::<MSet>(),
    Entry::write::<MSetEx>(),
    Entry::write::<MSetNx>(),
    Entry::write::<PSetEx>(),
    Entry::write::<Set>(),
    Entry::write::<SetEx>(),
    Entry::write::<SetNx>(),
    Entry::write::<SetRange>(),
    Entry::read::<StrLen>(),
    Entry::read::<SubStr>(),
];

pub(super) const READ: KeyFlags = KeyFlags::RO.and(KeyFlags::ACCESS);
pub(super) const UPDATE: KeyFlags = KeyFlags::RW.and(KeyFlags::ACCESS).and(KeyFlags::UPDATE);
const OVERWRITE: KeyFlags = KeyFlags::OW.and(KeyFlags::UPDATE);

pub(super) const READ_KEY: &[KeySpec] = &[KeySpec::at(1, READ)];
const UPDATE_KEY: &[KeySpec] = &[KeySpec::at(1, UPDATE)];
const OVERWRITE_KEY: &[KeySpec] = &[KeySpec::at(1, OVERWRITE)];

fn reply_of(value: Value) -> Reply {
    match value {
        Value::Whole(bytes) => Reply::Bulk(bytes),
        Value::Chunked(pieces) => Reply::Chunks(pieces),
    }
}
