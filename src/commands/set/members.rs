//! Members by name: `SADD`, `SCARD`, `SISMEMBER`, `SMEMBERS`, `SMISMEMBER`, `SMOVE`, `SREM`, `SSCAN`.

use super::{DELETE_KEY, INSERT_KEY, LOOK_KEY, READ_KEY, TAKE};
use crate::commands::args::Args;
use crate::commands::paging::Paging;
use crate::commands::spec::{Arity, Flags, Group, KeyFlags, KeySpec, Spec};
use crate::commands::{Command, ReadCommand, WriteCommand};
use crate::data_types::set;
use crate::error::Result;
use crate::keyspace::Keys;
use crate::keyspace::tx::{ReadTx, WriteTx};
use crate::protocol::{Reply, Shape, Strings, StringsBuilder};
use bytes::Bytes;
use std::ops::ControlFlow;

/// `SADD` (`ADDS`) and `SREM`.
pub struct Change<const ADDS: bool> {
    pub key: Bytes,
    pub members: Vec<Bytes>,
}

pub type SAdd = Change<true>;
pub type SRem = Change<false>;

impl<const ADDS: bool> Command for Change<ADDS> {
    const SPEC: Spec = {
        let spec = Spec::new(if ADDS { "SADD" } else { "SREM" }, Group::Set, Arity::AtLeast(3))
            .flags(Flags::FAST)
            .syntax("key member [member ...]");
        if ADDS {
            spec.flags(Flags::DENYOOM).keys(INSERT_KEY).doc(
                "1.0.0",
                "O(N) where N is the number of members to add",
                "Adds one or more members to a set. Creates the key if it doesn't exist.",
            )
        } else {
            spec.keys(DELETE_KEY).doc(
                "1.0.0",
                "O(N) where N is the number of members to remove",
                "Removes one or more members from a set. Deletes the set if the last member was removed.",
            )
        }
    };
    type Output = u64;

    fn parse(args: &mut Args) -> Result<Self> {
        Ok(Change { key: args.bytes()?, members: args.rest().to_vec() })
    }
}

impl<const ADDS: bool> WriteCommand for Change<ADDS> {
    fn keys(&self) -> Keys<'_> {
        Keys::one(&self.key)
    }

    fn run(&self, tx: &mut WriteTx<'_>) -> Result<u64> {
        let mut slot = tx.slot(&self.key)?;
        if ADDS { set::add(tx, &mut slot, &self.members) } else { set::remove(tx, &mut slot, &self.members) }
    }
}

/// `SCARD`.
pub struct SCard {
    pub key: Bytes,
}

impl Command for SCard {
    const SPEC: Spec = Spec::new("SCARD", Group::Set, Arity::Exactly(2))
        .keys(LOOK_KEY)
        .flags(Flags::FAST)
        .syntax("key")
        .doc("1.0.0", "O(1)", "Returns the number of members in a set.");
    type Output = u64;

    fn parse(args: &mut Args) -> Result<Self> {
        Ok(SCard { key: args.bytes()? })
    }
}

impl ReadCommand for SCard {
    fn keys(&self) -> Keys<'_> {
        Keys::one(&self.key)
    }

    fn run(&self, tx: &ReadTx<'_>) -> Result<u64> {
        Ok(set::open(tx, &self.key)?.map_or(0, |set| set.len()))
    }
}

/// `SISMEMBER`.
pub struct SIsMember {
    pub key: Bytes,
    pub member: Bytes,
}

impl Command for SIsMember {
    const SPEC: Spec = Spec::new("SISMEMBER", Group::Set, Arity::Exactly(3))
        .keys(LOOK_KEY)
        .flags(Flags::FAST)
        .syntax("key member")
        .doc("1.0.0", "O(1)", "Determines whether a member belongs to a set.");
    type Output = bool;

    fn parse(args: &mut Args) -> Result<Self> {
        Ok(SIsMember { key: args.bytes()?, member: args.bytes()? })
    }
}

impl ReadCommand for SIsMember {
    fn keys(&self) -> Keys<'_> {
        Keys::one(&self.key)
    }

    fn run(&self, tx: &ReadTx<'_>) -> Result<bool> {
        set::open(tx, &self.key)?.map_or(Ok(false), |set| set.contains(tx, &self.member))
    }
}

/// `SMISMEMBER`.
pub struct SMIsMember {
    pub key: Bytes,
    pub members: Vec<Bytes>,
}

impl Command for SMIsMember {
    const SPEC: Spec = Spec::new("SMISMEMBER", Group::Set, Arity::AtLeast(3))
        .keys(READ_KEY)
        .flags(Flags::FAST)
        .syntax("key member [member ...]")
        .doc(
            "6.2.0",
            "O(N) where N is the number of members asked for",
            "Determines whether multiple members belong to a set.",
        );
    type Output = Vec<bool>;

    fn parse(args: &mut Args) -> Result<Self> {
        Ok(SMIsMember { key: args.bytes()?, members: args.rest().to_vec() })
    }
}

impl ReadCommand for SMIsMember {
    fn keys(&self) -> Keys<'_> {
        Keys::one(&self.key)
    }

    fn run(&self, tx: &ReadTx<'_>) -> Result<Vec<bool>> {
        let set = set::open(tx, &self.key)?;
        let is_member = |member: &Bytes| set.as_ref().map_or(Ok(false), |set| set.contains(tx, member));
        self.members.iter().map(is_member).collect()
    }
}

/// `SMEMBERS`.
pub struct SMembers {
    pub key: Bytes,
}

impl Command for SMembers {
    const SPEC: Spec = Spec::new("SMEMBERS", Group::Set, Arity::Exactly(2))
        .keys(READ_KEY)
        .syntax("key")
        .tips(&["nondeterministic_output_order"])
        .doc("1.0.0", "O(N) where N is the size of the set", "Returns all members of a set.");
    type Output = Strings;

    fn parse(args: &mut Args) -> Result<Self> {
        Ok(SMembers { key: args.bytes()? })
    }
}

impl ReadCommand for SMembers {
    fn keys(&self) -> Keys<'_> {
        Keys::one(&self.key)
    }

    fn run(&self, tx: &ReadTx<'_>) -> Result<Strings> {
        let mut members = StringsBuilder::default();
        if let Some(set) = set::open(tx, &self.key)? {
            set.walk(tx, |member, _| {
                members.push(member);
                Ok(ControlFlow::Continue(()))
            })?;
        }
        Ok(members.finish(Shape::Set))
    }
}

/// `SMOVE`.
pub struct SMove {
    pub from: Bytes,
    pub to: Bytes,
    pub member: Bytes,
}

impl Command for SMove {
    const SPEC: Spec = Spec::new("SMOVE", Group::Set, Arity::Exactly(4))
        .keys(&[KeySpec::at(1, TAKE), KeySpec::at(2, KeyFlags::RW.and(KeyFlags::INSERT))])
        .flags(Flags::FAST)
        .syntax("source destination member")
        .doc("1.0.0", "O(1)", "Moves a member from one set to another.");
    type Output = bool;

    fn parse(args: &mut Args) -> Result<Self> {
        Ok(SMove { from: args.bytes()?, to: args.bytes()?, member: args.bytes()? })
    }
}

impl WriteCommand for SMove {
    fn keys(&self) -> Keys<'_> {
        Keys::many([&self.from, &self.to])
    }

    fn run(&self, tx: &mut WriteTx<'_>) -> Result<bool> {
        set::move_member(tx, &self.from, &self.to, &self.member)
    }
}

/// `SSCAN`.
pub struct SScan(Paging);

impl Command for SScan {
    const SPEC: Spec = Spec::new("SSCAN", Group::Set, Arity::AtLeast(3))
        .keys(READ_KEY)
        .syntax("key cursor [MATCH pattern] [COUNT count]")
        .tips(&["nondeterministic_output"])
        .doc("2.8.0", "O(COUNT) for every call", "Iterates over members of a set.");
    type Output = Reply;

    fn parse(args: &mut Args) -> Result<Self> {
        Paging::parse(args, false).map(SScan)
    }
}

impl ReadCommand for SScan {
    fn keys(&self) -> Keys<'_> {
        Keys::one(&self.0.key)
    }

    fn run(&self, tx: &ReadTx<'_>) -> Result<Reply> {
        let set = set::open(tx, &self.0.key)?;
        self.0.run(tx, set.as_ref(), |entry, _| Ok(vec![entry.member.into()]))
    }
}
