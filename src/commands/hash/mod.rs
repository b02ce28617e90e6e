//! The hash family.

mod counter;
mod expire;
mod fields;
mod import;
mod random;
mod read;
mod words;
mod write;

use super::Entry;
use super::spec::{KeyFlags, KeySpec};
pub use counter::{HIncrBy, HIncrByFloat};
pub use expire::{
    HExpire, HExpireAt, HExpireTime, HPExpire, HPExpireAt, HPExpireTime, HPTtl, HPersist, HTtl,
};
pub use fields::{HGetDel, HGetEx, HSetEx};
pub use random::HRandField;
pub use read::{HExists, HGet, HGetAll, HKeys, HLen, HMGet, HScan, HStrLen, HVals};
pub use write::{HDel, HMSet, HSet, HSetNx};

pub static COMMANDS: &[Entry] = &[
    Entry::write::<HDel>(),
    Entry::read::<HExists>(),
    Entry::write::<HExpire>(),
    Entry::write::<HExpireAt>(),
    Entry::read::<HExpireTime>(),
    Entry::read::<HGet>(),
    Entry::read::<HGetAll>(),
    Entry::write::<HGetDel>(),
    Entry::write::<HGetEx>(),
    Entry::container(import::SPEC, import::SUBCOMMANDS),
    Entry::write::<HIncrBy>(),
    Entry::write::<HIncrByFloat>(),
    Entry::read::<HKeys>(),
    Entry::read::<HLen>(),
    Entry::read::<HMGet>(),
    Entry::write::<HMSet>(),
    Entry::write::<HPersist>(),
    Entry::write::<HPExpire>(),
    Entry::write::<HPExpireAt>(),
    Entry::read::<HPExpireTime>(),
    Entry::read::<HPTtl>(),
    Entry::read::<HRandField>(),
    Entry::read::<HScan>(),
    Entry::write::<HSet>(),
    Entry::write::<HSetEx>(),
    Entry::write::<HSetNx>(),
    Entry::read::<HStrLen>(),
    Entry::read::<HTtl>(),
    Entry::read::<HVals>(),
];

const LOOK_KEY: &[KeySpec] = &[KeySpec::at(1, KeyFlags::RO)];
const READ_KEY: &[KeySpec] = &[KeySpec::at(1, KeyFlags::RO.and(KeyFlags::ACCESS))];
const UPDATE_KEY: &[KeySpec] = &[KeySpec::at(1, KeyFlags::RW.and(KeyFlags::UPDATE))];
const INSERT_KEY: &[KeySpec] = &[KeySpec::at(1, KeyFlags::RW.and(KeyFlags::INSERT))];
const DELETE_KEY: &[KeySpec] = &[KeySpec::at(1, KeyFlags::RW.and(KeyFlags::DELETE))];
const COUNT_KEY: &[KeySpec] = &[KeySpec::at(1, KeyFlags::RW.and(KeyFlags::ACCESS).and(KeyFlags::UPDATE))];
