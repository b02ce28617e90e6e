//! The sorted set family.

pub(super) mod add;
mod blocking;
mod combine;
mod pop;
mod random;
mod range;
mod read;
mod remove;
mod scan;

use super::Entry;
use super::spec::{Arity, Group, KeyFlags, KeySpec, Spec};
use super::string::{READ, UPDATE};
use crate::data_types::sorted_set::Scored;
use crate::protocol::{Reply, Shape, StringsBuilder};

pub static COMMANDS: &[Entry] = &[
    Entry::blocking::<pop::BZMPop>(),
    Entry::blocking::<blocking::BZPopMax>(),
    Entry::blocking::<blocking::BZPopMin>(),
    Entry::write::<add::ZAdd>(),
    Entry::read::<read::ZCard>(),
    Entry::read::<read::ZCount>(),
    Entry::read::<combine::ZDiff>(),
    Entry::write::<combine::ZDiffStore>(),
    Entry::write::<add::ZIncrBy>(),
    Entry::read::<combine::ZInter>(),
    Entry::read::<combine::ZInterCard>(),
    Entry::write::<combine::ZInterStore>(),
    Entry::read::<read::ZLexCount>(),
    Entry::write::<pop::ZMPop>(),
    Entry::read::<read::ZMScore>(),
    Entry::write::<pop::ZPopMax>(),
    Entry::write::<pop::ZPopMin>(),
    Entry::read::<random::ZRandMember>(),
    Entry::read::<range::ZRange>(),
    Entry::read::<range::ZRangeByLex>(),
    Entry::read::<range::ZRangeByScore>(),
    Entry::write::<range::ZRangeStore>(),
    Entry::read::<read::ZRank>(),
    Entry::write::<remove::ZRem>(),
    Entry::write::<remove::ZRemRangeByLex>(),
    Entry::write::<remove::ZRemRangeByRank>(),
    Entry::write::<remove::ZRemRangeByScore>(),
    Entry::read::<range::ZRevRange>(),
    Entry::read::<range::ZRevRangeByLex>(),
    Entry::read::<range::ZRevRangeByScore>(),
    Entry::read::<read::ZRevRank>(),
    Entry::read::<scan::ZScan>(),
    Entry::read::<read::ZScore>(),
    Entry::read::<combine::ZUnion>(),
    Entry::write::<combine::ZUnionStore>(),
];

pub(super) const READ_KEY: &[KeySpec] = &[KeySpec::at(1, READ)];
pub(super) const ADD_KEY: &[KeySpec] = &[KeySpec::at(1, KeyFlags::RW.and(KeyFlags::UPDATE))];
const UPDATE_KEY: &[KeySpec] = &[KeySpec::at(1, UPDATE)];
const REMOVE_KEY: &[KeySpec] = &[KeySpec::at(1, KeyFlags::RW.and(KeyFlags::DELETE))];
const POP: KeyFlags = KeyFlags::RW.and(KeyFlags::ACCESS).and(KeyFlags::DELETE);
const POP_KEY: &[KeySpec] = &[KeySpec::at(1, POP)];
pub(super) const STORE_FROM: &[KeySpec] =
    &[KeySpec::at(1, KeyFlags::OW.and(KeyFlags::UPDATE)), KeySpec::at(2, READ)];

const fn spec(name: &'static str, arity: Arity) -> Spec {
    Spec::new(name, Group::SortedSet, arity)
}

/// Members with their scores.
fn pairs(members: Vec<Scored>) -> Reply {
    Reply::Pairs(members.into_iter().map(|(member, score)| (member.into(), Reply::Double(score))).collect())
}

/// Members, with their scores if these are wanted.
fn shown(members: Vec<Scored>, with_scores: bool) -> Reply {
    if with_scores {
        return pairs(members);
    }
    let mut strings = StringsBuilder::with_room(members.len());
    members.iter().for_each(|(member, _)| strings.push(member));
    strings.finish(Shape::Array).into()
}
