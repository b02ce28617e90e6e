//! The set family.

mod combine;
mod members;
mod random;

use super::Entry;
use super::spec::{KeyFlags, KeySpec};
use crate::protocol::Reply;
use bytes::Bytes;
pub use combine::{
    SDiff, SDiffCard, SDiffStore, SInter, SInterCard, SInterStore, SUnion, SUnionCard, SUnionStore,
};
pub use members::{SAdd, SCard, SIsMember, SMIsMember, SMembers, SMove, SRem, SScan};
pub use random::{SPop, SRandMember};

pub static COMMANDS: &[Entry] = &[
    Entry::write::<SAdd>(),
    Entry::read::<SCard>(),
    Entry::read::<SDiff>(),
    Entry::read::<SDiffCard>(),
    Entry::write::<SDiffStore>(),
    Entry::read::<SInter>(),
    Entry::read::<SInterCard>(),
    Entry::write::<SInterStore>(),
    Entry::read::<SIsMember>(),
    Entry::read::<SMembers>(),
    Entry::read::<SMIsMember>(),
    Entry::write::<SMove>(),
    Entry::write::<SPop>(),
    Entry::read::<SRandMember>(),
    Entry::write::<SRem>(),
    Entry::read::<SScan>(),
    Entry::read::<SUnion>(),
    Entry::read::<SUnionCard>(),
    Entry::write::<SUnionStore>(),
];

const ACCESS: KeyFlags = KeyFlags::RO.and(KeyFlags::ACCESS);
const LOOK_KEY: &[KeySpec] = &[KeySpec::at(1, KeyFlags::RO)];
const READ_KEY: &[KeySpec] = &[KeySpec::at(1, ACCESS)];
const INSERT_KEY: &[KeySpec] = &[KeySpec::at(1, KeyFlags::RW.and(KeyFlags::INSERT))];
const DELETE_KEY: &[KeySpec] = &[KeySpec::at(1, KeyFlags::RW.and(KeyFlags::DELETE))];
const TAKE_KEY: &[KeySpec] = &[KeySpec::at(1, TAKE)];
const TAKE: KeyFlags = KeyFlags::RW.and(KeyFlags::ACCESS).and(KeyFlags::DELETE);

fn set_of(members: Vec<Bytes>) -> Reply {
    Reply::Set(members.into_iter().map(Reply::Bulk).collect())
}
