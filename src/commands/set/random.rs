//! Members by chance: `SPOP`, `SRANDMEMBER`.

use super::{READ_KEY, TAKE_KEY, set_of};
use crate::commands::args::Args;
use crate::commands::draw::draw;
use crate::commands::spec::{Arity, Flags, Group, Spec};
use crate::commands::{Command, ReadCommand, WriteCommand};
use crate::data_types::set;
use crate::error::{Error, Result};
use crate::keyspace::Keys;
use crate::keyspace::tx::{ReadTx, WriteTx};
use crate::protocol::Reply;
use bytes::Bytes;

/// `SPOP`.
pub struct SPop {
    pub key: Bytes,
    pub count: Option<u64>,
}

impl Command for SPop {
    const SPEC: Spec = Spec::new("SPOP", Group::Set, Arity::AtLeast(2))
        .keys(TAKE_KEY)
        .flags(Flags::FAST)
        .syntax("key [count]")
        .tips(&["nondeterministic_output"])
        .doc(
            "1.0.0",
            "O(N) where N is the count",
            "Returns one or more random members from a set after removing them. Deletes the set if the last \
             member was popped.",
        );
    type Output = Reply;

    fn parse(args: &mut Args) -> Result<Self> {
        let key = args.bytes()?;
        if args.is_empty() {
            return Ok(SPop { key, count: None });
        }
        let count = args.bytes()?;
        args.end()?;
        let count = crate::encoding::text::parse_i64(&count).and_then(|count| count.try_into().ok());
        Ok(SPop { key, count: Some(count.ok_or(Error::NotPositive)?) })
    }
}

impl WriteCommand for SPop {
    fn keys(&self) -> Keys<'_> {
        Keys::one(&self.key)
    }

    fn run(&self, tx: &mut WriteTx<'_>) -> Result<Reply> {
        let mut slot = tx.slot(&self.key)?;
        let mut popped = set::pop(tx, &mut slot, self.count.unwrap_or(1))?;
        Ok(match self.count {
            None => popped.pop().into(),
            Some(_) => set_of(popped),
        })
    }
}

/// `SRANDMEMBER`.
pub struct SRandMember {
    pub key: Bytes,
    /// Negative: so many, the same one perhaps more than once.
    pub count: Option<i64>,
}

impl Command for SRandMember {
    const SPEC: Spec = Spec::new("SRANDMEMBER", Group::Set, Arity::AtLeast(2))
        .keys(READ_KEY)
        .syntax("key [count]")
        .tips(&["nondeterministic_output"])
        .doc("1.0.0", "O(N) where N is the count", "Gets one or multiple random members from a set.");
    type Output = Reply;

    fn parse(args: &mut Args) -> Result<Self> {
        let key = args.bytes()?;
        if args.remaining() > 1 {
            return Err(Error::Syntax);
        }
        let count = if args.is_empty() { None } else { Some(args.repeats()?) };
        Ok(SRandMember { key, count })
    }
}

impl ReadCommand for SRandMember {
    fn keys(&self) -> Keys<'_> {
        Keys::one(&self.key)
    }

    fn run(&self, tx: &ReadTx<'_>) -> Result<Reply> {
        let set = set::open(tx, &self.key)?;
        let Some(count) = self.count else {
            let found = set.map_or(Ok(None), |set| set.random(tx))?;
            return Ok(found.map(|entry| entry.member).into());
        };
        let Some(set) = set else { return Ok(Reply::Array(Vec::new())) };
        let entries = if count >= 0 {
            set.sample(tx, count.unsigned_abs())?
        } else {
            draw(count.unsigned_abs(), || set.random(tx), |entry| entry.member.len())?
        };
        Ok(set::members_of(entries).into())
    }
}
