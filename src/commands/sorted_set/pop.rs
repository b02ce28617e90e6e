//! Taking members from the ends: `BZMPOP`, `ZMPOP`, `ZPOPMAX`, `ZPOPMIN`.

use super::{POP, POP_KEY, pairs, spec};
use crate::commands::args::Args;
use crate::commands::pop_many::{BlockingPopMany, PopEnd, PopMany};
use crate::commands::spec::{Arity, Flags, KeySpec, Spec};
use crate::commands::{Command, WriteCommand};
use crate::data_types::sorted_set::{Edit, Scored};
use crate::encoding::numbers::Kind;
use crate::encoding::text;
use crate::error::{Error, Result};
use crate::keyspace::Keys;
use crate::keyspace::event::Event;
use crate::keyspace::tx::WriteTx;
use crate::protocol::Reply;
use bytes::Bytes;

const COMPLEXITY_MANY: &str = "O(K + M log N), K being the number of keys, N the number of members in the \
                               sorted set and M the number of members popped";

/// Takes up to `count` members from an end of a sorted set, the outermost first.
pub(super) fn pop(tx: &mut WriteTx, key: &Bytes, max: bool, count: u64) -> Result<Vec<Scored>> {
    let mut set = Edit::open(tx, key)?;
    let count = count.min(set.len());
    let ranks = if max { set.len() - count..set.len() } else { 0..count };
    let mut popped = set.remove_ranks(tx, ranks)?;
    if !popped.is_empty() {
        set.finish(tx, if max { Event::ZPOPMAX } else { Event::ZPOPMIN });
    }
    if max {
        popped.reverse();
    }
    Ok(popped)
}

/// A member and its score, side by side.
pub(super) fn flat((member, score): Scored) -> [Reply; 2] {
    [member.into(), Reply::Double(score)]
}

/// `ZPOPMIN`, and `ZPOPMAX` (`MAX`).
pub struct Pop<const MAX: bool> {
    pub key: Bytes,
    pub count: Option<u64>,
}

pub type ZPopMin = Pop<false>;
pub type ZPopMax = Pop<true>;

impl<const MAX: bool> Command for Pop<MAX> {
    const SPEC: Spec = {
        const COMPLEXITY: &str = "O(log N + M), N being the number of members in the sorted set and M the number of members popped";
        let name = if MAX { "ZPOPMAX" } else { "ZPOPMIN" };
        let spec = spec(name, Arity::AtLeast(2)).keys(POP_KEY).flags(Flags::FAST).syntax("key [count]");
        if MAX {
            spec.doc(
                "5.0.0",
                COMPLEXITY,
                "Removes and returns the members with the highest scores of a sorted set.",
            )
        } else {
            spec.doc(
                "5.0.0",
                COMPLEXITY,
                "Removes and returns the members with the lowest scores of a sorted set.",
            )
        }
    };
    type Output = Reply;

    fn parse(args: &mut Args) -> Result<Self> {
        let key = args.bytes()?;
        if args.remaining() > 1 {
            return Err(Error::Syntax);
        }
        let number = |word: Bytes| text::parse_i64(&word).and_then(|count| u64::try_from(count).ok());
        let count = match args.peek() {
            Some(_) => Some(number(args.bytes()?).ok_or(Error::NotPositive)?),
            None => None,
        };
        Ok(Pop { key, count })
    }
}

impl<const MAX: bool> WriteCommand for Pop<MAX> {
    fn keys(&self) -> Keys<'_> {
        Keys::one(&self.key)
    }

    fn run(&self, tx: &mut WriteTx<'_>) -> Result<Reply> {
        let popped = pop(tx, &self.key, MAX, self.count.unwrap_or(1))?;
        if self.count.is_some() {
            return Ok(pairs(popped));
        }
        Ok(Reply::Array(popped.into_iter().flat_map(flat).collect()))
    }
}

/// The end of a sorted set.
#[derive(Clone, Copy)]
pub enum End {
    Min,
    Max,
}

pub type ZMPop = PopMany<End>;
pub type BZMPop = BlockingPopMany<End>;

impl PopEnd for End {
    const SPEC: Spec = spec("ZMPOP", Arity::AtLeast(4))
        .keys(&[KeySpec::counted(1, POP)])
        .flags(Flags::MOVABLEKEYS)
        .syntax("numkeys key [key ...] <MIN | MAX> [COUNT count]")
        .doc(
            "7.0.0",
            COMPLEXITY_MANY,
            "Removes and returns members with the lowest or highest scores of the first sorted set that is there.",
        );
    const BLOCKING: Spec = spec("BZMPOP", Arity::AtLeast(5))
        .keys(&[KeySpec::counted(2, POP)])
        .flags(Flags::MOVABLEKEYS)
        .syntax("timeout numkeys key [key ...] <MIN | MAX> [COUNT count]")
        .doc(
            "7.0.0",
            COMPLEXITY_MANY,
            "Removes and returns members with the lowest or highest scores of the first sorted set that is there. \
             Waits for one otherwise.",
        );
    const KIND: Kind = Kind::SortedSet;

    fn parse(args: &mut Args) -> Result<End> {
        args.take_one(&[("MIN", End::Min), ("MAX", End::Max)]).ok_or(Error::Syntax)
    }

    fn pop(self, tx: &mut WriteTx, key: &Bytes, count: u64) -> Result<Option<Reply>> {
        let popped = pop(tx, key, matches!(self, End::Max), count)?;
        let nested = popped.into_iter().map(|scored| Reply::Array(flat(scored).into())).collect();
        Ok(Some(nested).filter(|nested: &Vec<Reply>| !nested.is_empty()).map(Reply::Array))
    }
}
