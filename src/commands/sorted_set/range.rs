//! Parts of a sorted set, in order: `ZRANGE` and what it replaces, `ZRANGESTORE`.

use super::{READ_KEY, STORE_FROM, shown, spec};
use crate::commands::args::Args;
use crate::commands::spec::{Arity, Flags, Spec};
use crate::commands::{Command, ReadCommand, WriteCommand};
use crate::data_types::sorted_set::{
    self, LexBound, LexRange, Range, ScoreBound, ScoreRange, Scored, SortedSet,
};
use crate::encoding::text;
use crate::error::{Error, Result};
use crate::keyspace::Keys;
use crate::keyspace::event::{Event, EventClass};
use crate::keyspace::tx::{ReadTx, WriteTx};
use crate::protocol::Reply;
use bytes::Bytes;

fn score_bound(word: &[u8]) -> Result<ScoreBound> {
    let (exclusive, number) = word.strip_prefix(b"(").map_or((false, word), |number| (true, number));
    let score = text::parse_f64_bound(number).ok_or(Error::text("ERR min or max is not a float"))?;
    Ok(ScoreBound { score, exclusive })
}

/// The range of scores from `min` to `max`.
pub(super) fn score_range(min: &[u8], max: &[u8]) -> Result<Range> {
    Ok(Range::Score(ScoreRange { min: score_bound(min)?, max: score_bound(max)? }))
}

fn lex_bound(word: &Bytes) -> Result<LexBound> {
    match word.first() {
        Some(b'-') if word.len() == 1 => Ok(LexBound::First),
        Some(b'+') if word.len() == 1 => Ok(LexBound::Last),
        Some(b'[') => Ok(LexBound::Included(word.slice(1..))),
        Some(b'(') => Ok(LexBound::Excluded(word.slice(1..))),
        _ => Err(Error::text("ERR min or max not valid string range item")),
    }
}

/// The range of members from `min` to `max`.
pub(super) fn lex_range(min: &Bytes, max: &Bytes) -> Result<Range> {
    Ok(Range::Lex(LexRange { min: lex_bound(min)?, max: lex_bound(max)? }))
}

/// What the ends of a range are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    Rank,
    Score,
    Lex,
}

/// What a command says before its options do.
struct Fixed {
    by: Option<By>,
    reverse: Option<bool>,
    stores: bool,
}

/// Which members are wanted, and how.
#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    pub range: Range,
    pub reverse: bool,
    /// How many to leave out, and how many to take from there; negative: all.
    pub limit: Option<(i64, i64)>,
    pub with_scores: bool,
}

impl Query {
    fn parse(args: &mut Args, fixed: Fixed) -> Result<Query> {
        let (first, second) = (args.bytes()?, args.bytes()?);
        let Fixed { mut by, mut reverse, stores } = fixed;
        let (mut limit, mut with_scores) = (None, false);
        while !args.is_empty() {
            if !stores && args.take("WITHSCORES") {
                with_scores = true;
            } else if args.remaining() > 2 && args.take("LIMIT") {
                limit = Some((args.integer()?, args.integer()?));
            } else if reverse.is_none() && args.take("REV") {
                reverse = Some(true);
            } else if by.is_none() && args.take("BYLEX") {
                by = Some(By::Lex);
            } else if by.is_none() && args.take("BYSCORE") {
                by = Some(By::Score);
            } else {
                return Err(Error::Syntax);
            }
        }
        let (by, reverse) = (by.unwrap_or(By::Rank), reverse.unwrap_or(false));
        if by == By::Rank && limit.is_some_and(|(_, count)| count != -1) {
            return Err(Error::text(
                "ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX",
            ));
        }
        if by == By::Lex && with_scores {
            return Err(Error::text("ERR syntax error, WITHSCORES not supported in combination with BYLEX"));
        }
        let (min, max) = if reverse { (&second, &first) } else { (&first, &second) };
        let rank = |word: &[u8]| text::parse_i64(word).ok_or(Error::NotInteger);
        let range = match by {
            By::Rank => Range::Rank(rank(&first)?, rank(&second)?),
            By::Score => score_range(min, max)?,
            By::Lex => lex_range(min, max)?,
        };
        let limit = limit.filter(|_| by != By::Rank);
        Ok(Query { range, reverse, limit, with_scores })
    }

    fn select(&self, set: &SortedSet, tx: &ReadTx) -> Result<Vec<Scored>> {
        let mut ranks = set.ranks(tx, &self.range)?;
        if self.reverse && matches!(self.range, Range::Rank(..)) {
            ranks = set.len() - ranks.end..set.len() - ranks.start;
        }
        if let Some((offset, count)) = self.limit {
            let offset = u64::try_from(offset).unwrap_or(u64::MAX).min(ranks.end - ranks.start);
            let left = ranks.end - ranks.start - offset;
            let count = u64::try_from(count).map_or(left, |count| count.min(left));
            let start = if self.reverse { ranks.end - offset - count } else { ranks.start + offset };
            ranks = start..start + count;
        }
        set.members(tx, ranks, self.reverse)
    }
}

const ANY: u8 = 0;
const RANK: u8 = 1;
const SCORE: u8 = 2;
const LEX: u8 = 3;

/// `ZRANGE`, and with the kind of range and the direction in its name, what it replaces.
pub struct RangeOf<const BY: u8, const REVERSE: bool> {
    pub key: Bytes,
    pub query: Query,
}

pub type ZRange = RangeOf<ANY, false>;
pub type ZRevRange = RangeOf<RANK, true>;
pub type ZRangeByScore = RangeOf<SCORE, false>;
pub type ZRevRangeByScore = RangeOf<SCORE, true>;
pub type ZRangeByLex = RangeOf<LEX, false>;
pub type ZRevRangeByLex = RangeOf<LEX, true>;

const fn range_spec(by: u8, reverse: bool) -> Spec {
    const COMPLEXITY: &str =
        "O(log N + M), N being the number of members in the sorted set and M the number of members returned";
    match (by, reverse) {
        (SCORE, false) => spec_of("ZRANGEBYSCORE")
            .syntax("key min max [WITHSCORES] [LIMIT offset count]")
            .doc("1.0.5", COMPLEXITY, "Returns members of a sorted set with scores within a range.")
            .deprecated("6.2.0", "`ZRANGE` with the `BYSCORE` argument"),
        (SCORE, true) => spec_of("ZREVRANGEBYSCORE")
            .syntax("key max min [WITHSCORES] [LIMIT offset count]")
            .doc(
                "2.2.0",
                COMPLEXITY,
                "Returns members of a sorted set with scores within a range, in reverse order.",
            )
            .deprecated("6.2.0", "`ZRANGE` with the `REV` and `BYSCORE` arguments"),
        (LEX, false) => spec_of("ZRANGEBYLEX")
            .syntax("key min max [LIMIT offset count]")
            .doc("2.8.9", COMPLEXITY, "Returns members of a sorted set within a range of members.")
            .deprecated("6.2.0", "`ZRANGE` with the `BYLEX` argument"),
        (LEX, true) => spec_of("ZREVRANGEBYLEX")
            .syntax("key max min [LIMIT offset count]")
            .doc(
                "2.8.9",
                COMPLEXITY,
                "Returns members of a sorted set within a range of members, in reverse order.",
            )
            .deprecated("6.2.0", "`ZRANGE` with the `REV` and `BYLEX` arguments"),
        (RANK, _) => spec_of("ZREVRANGE")
            .syntax("key start stop [WITHSCORES]")
            .doc(
                "1.2.0",
                COMPLEXITY,
                "Returns members of a sorted set within a range of places, in reverse order.",
            )
            .deprecated("6.2.0", "`ZRANGE` with the `REV` argument"),
        _ => spec_of("ZRANGE")
            .syntax("key start stop [BYSCORE | BYLEX] [REV] [LIMIT offset count] [WITHSCORES]")
            .doc(
                "1.2.0",
                COMPLEXITY,
                "Returns members of a sorted set within a range of places, scores or members.",
            ),
    }
}

const fn spec_of(name: &'static str) -> Spec {
    spec(name, Arity::AtLeast(4)).keys(READ_KEY)
}

impl<const BY: u8, const REVERSE: bool> Command for RangeOf<BY, REVERSE> {
    const SPEC: Spec = range_spec(BY, REVERSE);
    type Output = Reply;

    fn parse(args: &mut Args) -> Result<Self> {
        let key = args.bytes()?;
        let by = match BY {
            RANK => Some(By::Rank),
            SCORE => Some(By::Score),
            LEX => Some(By::Lex),
            _ => None,
        };
        let reverse = by.map(|_| REVERSE);
        Ok(RangeOf { key, query: Query::parse(args, Fixed { by, reverse, stores: false })? })
    }
}

impl<const BY: u8, const REVERSE: bool> ReadCommand for RangeOf<BY, REVERSE> {
    fn keys(&self) -> Keys<'_> {
        Keys::one(&self.key)
    }

    fn run(&self, tx: &ReadTx<'_>) -> Result<Reply> {
        let Some(set) = SortedSet::open(tx, &self.key)? else { return Ok(Reply::Array(Vec::new())) };
        Ok(shown(self.query.select(&set, tx)?, self.query.with_scores))
    }
}

/// `ZRANGESTORE`.
pub struct ZRangeStore {
    pub destination: Bytes,
    pub source: Bytes,
    pub query: Query,
}

impl Command for ZRangeStore {
    const SPEC: Spec = spec("ZRANGESTORE", Arity::AtLeast(5))
        .keys(STORE_FROM)
        .flags(Flags::DENYOOM)
        .syntax("dst src min max [BYSCORE | BYLEX] [REV] [LIMIT offset count]")
        .doc(
            "6.2.0",
            "O(log N + M), N being the number of members in the sorted set and M the number of members stored",
            "Stores a range of members of a sorted set in a key.",
        );
    type Output = u64;

    fn parse(args: &mut Args) -> Result<Self> {
        let (destination, source) = (args.bytes()?, args.bytes()?);
        let query = Query::parse(args, Fixed { by: None, reverse: None, stores: true })?;
        Ok(ZRangeStore { destination, source, query })
    }
}

impl WriteCommand for ZRangeStore {
    fn keys(&self) -> Keys<'_> {
        Keys::many([&self.destination, &self.source])
    }

    fn run(&self, tx: &mut WriteTx<'_>) -> Result<u64> {
        const EVENT: Event = Event::new(EventClass::SortedSet, "zrangestore");
        let members = match SortedSet::open(tx, &self.source)? {
            Some(set) => self.query.select(&set, tx)?,
            None => Vec::new(),
        };
        sorted_set::store(tx, &self.destination, members, EVENT)
    }
}
