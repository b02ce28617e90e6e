//! Looking up members and counting them: `ZCARD`, `ZCOUNT`, `ZLEXCOUNT`, `ZMSCORE`, `ZRANK`,
//! `ZREVRANK`, `ZSCORE`.

use super::range::{lex_range, score_range};
use super::{READ_KEY, spec};
use crate::commands::args::Args;
use crate::commands::spec::{Arity, Flags, KeyFlags, KeySpec, Spec};
use crate::commands::{Command, ReadCommand};
use crate::data_types::sorted_set::{Range, SortedSet};
use crate::error::{Error, Result};
use crate::keyspace::Keys;
use crate::keyspace::tx::ReadTx;
use crate::protocol::Reply;
use bytes::Bytes;

/// `ZCARD`.
pub struct ZCard {
    pub key: Bytes,
}

impl Command for ZCard {
    const SPEC: Spec = spec("ZCARD", Arity::Exactly(2))
        .keys(&[KeySpec::at(1, KeyFlags::RO)])
        .flags(Flags::FAST)
        .syntax("key")
        .doc("1.2.0", "O(1)", "Returns the number of members in a sorted set.");
    type Output = u64;

    fn parse(args: &mut Args) -> Result<Self> {
        Ok(ZCard { key: args.bytes()? })
    }
}

impl ReadCommand for ZCard {
    fn keys(&self) -> Keys<'_> {
        Keys::one(&self.key)
    }

    fn run(&self, tx: &ReadTx<'_>) -> Result<u64> {
        Ok(SortedSet::open(tx, &self.key)?.map_or(0, |set| set.len()))
    }
}

/// `ZCOUNT`, and `ZLEXCOUNT` (`LEX`).
pub struct Count<const LEX: bool> {
    pub key: Bytes,
    pub range: Range,
}

pub type ZCount = Count<false>;
pub type ZLexCount = Count<true>;

impl<const LEX: bool> Command for Count<LEX> {
    const SPEC: Spec = {
        const COMPLEXITY: &str = "O(log N) where N is the number of members in the sorted set";
        let name = if LEX { "ZLEXCOUNT" } else { "ZCOUNT" };
        let spec = spec(name, Arity::Exactly(4)).keys(READ_KEY).flags(Flags::FAST).syntax("key min max");
        if LEX {
            spec.doc(
                "2.8.9",
                COMPLEXITY,
                "Returns the number of members of a sorted set within a range of members.",
            )
        } else {
            spec.doc(
                "2.0.0",
                COMPLEXITY,
                "Returns the number of members of a sorted set with scores within a range.",
            )
        }
    };
    type Output = u64;

    fn parse(args: &mut Args) -> Result<Self> {
        let (key, min, max) = (args.bytes()?, args.bytes()?, args.bytes()?);
        let range = if LEX { lex_range(&min, &max)? } else { score_range(&min, &max)? };
        Ok(Count { key, range })
    }
}

impl<const LEX: bool> ReadCommand for Count<LEX> {
    fn keys(&self) -> Keys<'_> {
        Keys::one(&self.key)
    }

    fn run(&self, tx: &ReadTx<'_>) -> Result<u64> {
        let Some(set) = SortedSet::open(tx, &self.key)? else { return Ok(0) };
        let ranks = set.ranks(tx, &self.range)?;
        Ok(ranks.end - ranks.start)
    }
}

/// `ZSCORE`.
pub struct ZScore {
    pub key: Bytes,
    pub member: Bytes,
}

impl Command for ZScore {
    const SPEC: Spec = spec("ZSCORE", Arity::Exactly(3))
        .keys(READ_KEY)
        .flags(Flags::FAST)
        .syntax("key member")
        .doc("1.2.0", "O(1)", "Returns the score of a member in a sorted set.");
    type Output = Reply;

    fn parse(args: &mut Args) -> Result<Self> {
        Ok(ZScore { key: args.bytes()?, member: args.bytes()? })
    }
}

fn score_of(set: Option<&SortedSet>, tx: &ReadTx, member: &[u8]) -> Result<Reply> {
    let Some(set) = set else { return Ok(Reply::Null) };
    Ok(set.score(tx, member)?.map_or(Reply::Null, Reply::Double))
}

impl ReadCommand for ZScore {
    fn keys(&self) -> Keys<'_> {
        Keys::one(&self.key)
    }

    fn run(&self, tx: &ReadTx<'_>) -> Result<Reply> {
        score_of(SortedSet::open(tx, &self.key)?.as_ref(), tx, &self.member)
    }
}

/// `ZMSCORE`.
pub struct ZMScore {
    pub key: Bytes,
    pub members: Vec<Bytes>,
}

impl Command for ZMScore {
    const SPEC: Spec = spec("ZMSCORE", Arity::AtLeast(3))
        .keys(READ_KEY)
        .flags(Flags::FAST)
        .syntax("key member [member ...]")
        .doc(
            "6.2.0",
            "O(N) where N is the number of members being requested",
            "Returns the scores of members in a sorted set.",
        );
    type Output = Reply;

    fn parse(args: &mut Args) -> Result<Self> {
        Ok(ZMScore { key: args.bytes()?, members: args.rest().to_vec() })
    }
}

impl ReadCommand for ZMScore {
    fn keys(&self) -> Keys<'_> {
        Keys::one(&self.key)
    }

    fn run(&self, tx: &ReadTx<'_>) -> Result<Reply> {
        let set = SortedSet::open(tx, &self.key)?;
        let scores = self.members.iter().map(|member| score_of(set.as_ref(), tx, member));
        Ok(Reply::Array(scores.collect::<Result<_>>()?))
    }
}

/// `ZRANK`, and `ZREVRANK` (`REVERSE`).
pub struct Rank<const REVERSE: bool> {
    pub key: Bytes,
    pub member: Bytes,
    pub with_score: bool,
}

pub type ZRank = Rank<false>;
pub type ZRevRank = Rank<true>;

impl<const REVERSE: bool> Command for Rank<REVERSE> {
    const SPEC: Spec = {
        const COMPLEXITY: &str = "O(log N) where N is the number of members in the sorted set";
        let name = if REVERSE { "ZREVRANK" } else { "ZRANK" };
        let spec =
            spec(name, Arity::AtLeast(3)).keys(READ_KEY).flags(Flags::FAST).syntax("key member [WITHSCORE]");
        if REVERSE {
            spec.doc(
                "2.0.0",
                COMPLEXITY,
                "Returns the place of a member in a sorted set, from the highest score on.",
            )
        } else {
            spec.doc(
                "2.0.0",
                COMPLEXITY,
                "Returns the place of a member in a sorted set, from the lowest score on.",
            )
        }
    };
    type Output = Reply;

    fn parse(args: &mut Args) -> Result<Self> {
        let (key, member) = (args.bytes()?, args.bytes()?);
        if args.remaining() > 1 {
            return Err(Error::Arity(args.command().to_owned()));
        }
        let with_score = args.take("WITHSCORE");
        args.end()?;
        Ok(Rank { key, member, with_score })
    }
}

impl<const REVERSE: bool> ReadCommand for Rank<REVERSE> {
    fn keys(&self) -> Keys<'_> {
        Keys::one(&self.key)
    }

    fn run(&self, tx: &ReadTx<'_>) -> Result<Reply> {
        let nothing = if self.with_score { Reply::NullArray } else { Reply::Null };
        let Some(set) = SortedSet::open(tx, &self.key)? else { return Ok(nothing) };
        let Some((rank, score)) = set.rank(tx, &self.member)? else { return Ok(nothing) };
        let rank = if REVERSE { set.len() - 1 - rank } else { rank };
        Ok(if self.with_score { Reply::Array(vec![rank.into(), Reply::Double(score)]) } else { rank.into() })
    }
}
