//! The generic family: keys of whatever type.

mod delete;
mod dump;
pub(super) mod expire;
mod object;
mod rename;
pub(super) mod scan;
mod sort;
mod wait;

use super::Entry;
use super::spec::{KeyFlags, KeySpec};

pub static COMMANDS: &[Entry] = &[
    Entry::write::<rename::Copy>(),
    Entry::write::<delete::Del>(),
    Entry::read::<dump::Dump>(),
    Entry::read::<delete::Exists>(),
    Entry::write::<expire::Expire>(),
    Entry::write::<expire::ExpireAt>(),
    Entry::read::<expire::ExpireTime>(),
    Entry::read::<object::KeyMeta>(),
    Entry::read::<scan::Keys>(),
    Entry::write::<rename::Move>(),
    Entry::container(object::SPEC, object::SUBCOMMANDS),
    Entry::write::<expire::Persist>(),
    Entry::write::<expire::PExpire>(),
    Entry::write::<expire::PExpireAt>(),
    Entry::read::<expire::PExpireTime>(),
    Entry::read::<expire::PTtl>(),
    Entry::read::<scan::RandomKey>(),
    Entry::write::<rename::Rename>(),
    Entry::write::<rename::RenameNx>(),
    Entry::write::<dump::Restore>(),
    Entry::write::<dump::RestoreAsking>(),
    Entry::read::<scan::Scan>(),
    Entry::write::<sort::Sort>(),
    Entry::read::<sort::SortRo>(),
    Entry::read::<delete::Touch>(),
    Entry::read::<expire::Ttl>(),
    Entry::read::<object::Type>(),
    Entry::write::<delete::Unlink>(),
    Entry::session::<wait::Wait>(),
    Entry::session::<wait::WaitAof>(),
];

const READ_KEY: &[KeySpec] = &[KeySpec::at(1, KeyFlags::RO)];
const ACCESS_KEY: &[KeySpec] = &[KeySpec::at(1, KeyFlags::RO.and(KeyFlags::ACCESS))];
const UPDATE_KEY: &[KeySpec] = &[KeySpec::at(1, KeyFlags::RW.and(KeyFlags::UPDATE))];
