//! Removing members: `ZREM`, `ZREMRANGEBYLEX`, `ZREMRANGEBYRANK`, `ZREMRANGEBYSCORE`.

use super::range::{lex_range, score_range};
use super::{REMOVE_KEY, spec};
use crate::commands::args::Args;
use crate::commands::spec::{Arity, Flags, Spec};
use crate::commands::{Command, WriteCommand};
use crate::data_types::sorted_set::{Edit, Range};
use crate::error::Result;
use crate::keyspace::Keys;
use crate::keyspace::event::Event;
use crate::keyspace::tx::WriteTx;
use bytes::Bytes;

/// `ZREM`.
pub struct ZRem {
    pub key: Bytes,
    pub members: Vec<Bytes>,
}

impl Command for ZRem {
    const SPEC: Spec = spec("ZREM", Arity::AtLeast(3))
        .keys(REMOVE_KEY)
        .flags(Flags::FAST)
        .syntax("key member [member ...]")
        .doc(
            "1.2.0",
            "O(M log N), N being the number of members in the sorted set and M the number of members to remove",
            "Removes members from a sorted set. Deletes the key with the last one.",
        );
    type Output = i64;

    fn parse(args: &mut Args) -> Result<Self> {
        Ok(ZRem { key: args.bytes()?, members: args.rest().to_vec() })
    }
}

impl WriteCommand for ZRem {
    fn keys(&self) -> Keys<'_> {
        Keys::one(&self.key)
    }

    fn run(&self, tx: &mut WriteTx<'_>) -> Result<i64> {
        let mut set = Edit::open(tx, &self.key)?;
        let mut removed = 0;
        for member in &self.members {
            removed += i64::from(set.remove(tx, member)?);
        }
        if removed > 0 {
            set.finish(tx, Event::ZREM);
        }
        Ok(removed)
    }
}

const RANK: u8 = 1;
const SCORE: u8 = 2;
const LEX: u8 = 3;

/// The commands that remove a range.
pub struct RemoveRange<const BY: u8> {
    pub key: Bytes,
    pub range: Range,
}

pub type ZRemRangeByRank = RemoveRange<RANK>;
pub type ZRemRangeByScore = RemoveRange<SCORE>;
pub type ZRemRangeByLex = RemoveRange<LEX>;

impl<const BY: u8> Command for RemoveRange<BY> {
    const SPEC: Spec = {
        const COMPLEXITY: &str = "O(log N + M), N being the number of members in the sorted set and M the number of members removed";
        let (name, since, summary) = match BY {
            RANK => ("ZREMRANGEBYRANK", "2.0.0", "Removes members of a sorted set within a range of places."),
            SCORE => {
                ("ZREMRANGEBYSCORE", "1.2.0", "Removes members of a sorted set with scores within a range.")
            }
            _ => ("ZREMRANGEBYLEX", "2.8.9", "Removes members of a sorted set within a range of members."),
        };
        let syntax = if BY == RANK { "key start stop" } else { "key min max" };
        spec(name, Arity::Exactly(4)).keys(REMOVE_KEY).syntax(syntax).doc(since, COMPLEXITY, summary)
    };
    type Output = u64;

    fn parse(args: &mut Args) -> Result<Self> {
        let key = args.bytes()?;
        let range = if BY == RANK {
            Range::Rank(args.integer()?, args.integer()?)
        } else {
            let (min, max) = (args.bytes()?, args.bytes()?);
            if BY == SCORE { score_range(&min, &max)? } else { lex_range(&min, &max)? }
        };
        Ok(RemoveRange { key, range })
    }
}

impl<const BY: u8> WriteCommand for RemoveRange<BY> {
    fn keys(&self) -> Keys<'_> {
        Keys::one(&self.key)
    }

    fn run(&self, tx: &mut WriteTx<'_>) -> Result<u64> {
        let mut set = Edit::open(tx, &self.key)?;
        let ranks = set.ranks(tx, &self.range)?;
        let removed = set.remove_ranks(tx, ranks)?.len() as u64;
        if removed > 0 {
            let event = match BY {
                RANK => Event::ZREMRANGEBYRANK,
                SCORE => Event::ZREMRANGEBYSCORE,
                _ => Event::ZREMRANGEBYLEX,
            };
            set.finish(tx, event);
        }
        Ok(removed)
    }
}
