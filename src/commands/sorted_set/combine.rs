//! Several sorted sets: `ZDIFF`, `ZDIFFSTORE`, `ZINTER`, `ZINTERCARD`, `ZINTERSTORE`, `ZUNION`,
//! `ZUNIONSTORE`.

use super::{READ, shown, spec};
use crate::commands::args::Args;
use crate::commands::spec::{Arity, Flags, KeyFlags, KeySpec, Spec};
use crate::commands::{Command, ReadCommand, WriteCommand};
use crate::data_types::sorted_set::{self, Aggregate, Combination, Input, Scored};
use crate::encoding::text;
use crate::error::{Error, Result};
use crate::keyspace::Keys;
use crate::keyspace::event::{Event, EventClass};
use crate::keyspace::tx::{ReadTx, WriteTx};
use crate::protocol::Reply;
use bytes::Bytes;

const UNION: u8 = 0;
const INTER: u8 = 1;
const DIFF: u8 = 2;

const fn combination(op: u8) -> Combination {
    match op {
        UNION => Combination::Union,
        INTER => Combination::Intersection,
        _ => Combination::Difference,
    }
}

/// The words behind the keys.
#[derive(Debug, Clone, Default)]
struct Options {
    weights: Vec<f64>,
    aggregate: Aggregate,
    with_scores: bool,
}

/// Which sets are to be combined.
struct Sets {
    keys: Vec<Bytes>,
    /// Redis looks at the types of the keys before it looks at the options.
    options: Result<Options>,
}

/// The number of keys and the keys.
fn keys(args: &mut Args) -> Result<Vec<Bytes>> {
    let count = args.integer()?;
    let Some(count) = u64::try_from(count).ok().filter(|count| *count > 0) else {
        let command = args.command();
        return Err(Error::err(format_args!("at least 1 input key is needed for '{command}' command")));
    };
    if count > args.remaining() as u64 {
        return Err(Error::Syntax);
    }
    (0..count).map(|_| args.bytes()).collect()
}

impl Options {
    fn parse(args: &mut Args, keys: usize, op: u8, stores: bool) -> Result<Options> {
        let mut options = Options::default();
        while !args.is_empty() {
            if op != DIFF && args.remaining() > keys && args.take("WEIGHTS") {
                let weight = |args: &mut Args| {
                    text::parse_f64(&args.bytes()?).ok_or(Error::text("ERR weight value is not a float"))
                };
                options.weights = (0..keys).map(|_| weight(args)).collect::<Result<_>>()?;
            } else if op != DIFF && args.remaining() > 1 && args.take("AGGREGATE") {
                let known = [
                    ("SUM", Aggregate::Sum),
                    ("MIN", Aggregate::Min),
                    ("MAX", Aggregate::Max),
                    ("COUNT", Aggregate::Count),
                ];
                options.aggregate = args.take_one(&known).ok_or(Error::Syntax)?;
            } else if !stores && args.take("WITHSCORES") {
                options.with_scores = true;
            } else {
                return Err(Error::Syntax);
            }
        }
        Ok(options)
    }
}

impl Sets {
    fn parse(args: &mut Args, op: u8, stores: bool) -> Result<Sets> {
        let keys = keys(args)?;
        let options = Options::parse(args, keys.len(), op, stores);
        Ok(Sets { keys, options })
    }

    fn combine(&self, tx: &ReadTx, op: u8) -> Result<(Vec<Scored>, Options)> {
        let mut inputs = inputs(tx, &self.keys)?;
        let options = self.options.clone()?;
        for (input, weight) in inputs.iter_mut().zip(&options.weights) {
            input.weight = *weight;
        }
        Ok((sorted_set::combine(tx, combination(op), inputs, options.aggregate)?, options))
    }
}

fn inputs(tx: &ReadTx, keys: &[Bytes]) -> Result<Vec<Input>> {
    keys.iter().map(|key| Input::open(tx, key)).collect()
}

const COMPLEXITY: &str = "O(N log N), N being the number of members in all sets (intersection: in the smallest one \
                          times the number of sets; difference: in the first one)";

const AGGREGATED: &str = "numkeys key [key ...] [WEIGHTS weight [weight ...]] \
                          [AGGREGATE <SUM | MIN | MAX | COUNT>] [WITHSCORES]";

const AGGREGATED_STORE: &str = "destination numkeys key [key ...] [WEIGHTS weight [weight ...]] \
                                [AGGREGATE <SUM | MIN | MAX | COUNT>]";

const READ_KEYS: &[KeySpec] = &[KeySpec::counted(1, READ)];

/// `ZUNION`, `ZINTER` and `ZDIFF`.
pub struct Combine<const OP: u8>(Sets);

pub type ZUnion = Combine<UNION>;
pub type ZInter = Combine<INTER>;
pub type ZDiff = Combine<DIFF>;

impl<const OP: u8> Command for Combine<OP> {
    const SPEC: Spec = {
        let (name, syntax, summary) = match OP {
            UNION => ("ZUNION", AGGREGATED, "Returns the union of sorted sets."),
            INTER => ("ZINTER", AGGREGATED, "Returns the intersection of sorted sets."),
            _ => (
                "ZDIFF",
                "numkeys key [key ...] [WITHSCORES]",
                "Returns what the first sorted set has and no other one.",
            ),
        };
        spec(name, Arity::AtLeast(3))
            .keys(READ_KEYS)
            .flags(Flags::MOVABLEKEYS)
            .syntax(syntax)
            .doc("6.2.0", COMPLEXITY, summary)
    };
    type Output = Reply;

    fn parse(args: &mut Args) -> Result<Self> {
        Sets::parse(args, OP, false).map(Combine)
    }
}

impl<const OP: u8> ReadCommand for Combine<OP> {
    fn keys(&self) -> Keys<'_> {
        Keys::many(&self.0.keys)
    }

    fn run(&self, tx: &ReadTx<'_>) -> Result<Reply> {
        let (members, options) = self.0.combine(tx, OP)?;
        Ok(shown(members, options.with_scores))
    }
}

/// `ZUNIONSTORE`, `ZINTERSTORE` and `ZDIFFSTORE`.
pub struct CombineStore<const OP: u8> {
    destination: Bytes,
    sets: Sets,
}

pub type ZUnionStore = CombineStore<UNION>;
pub type ZInterStore = CombineStore<INTER>;
pub type ZDiffStore = CombineStore<DIFF>;

impl<const OP: u8> Command for CombineStore<OP> {
    const SPEC: Spec = {
        let (name, since, syntax, summary) = match OP {
            UNION => ("ZUNIONSTORE", "2.0.0", AGGREGATED_STORE, "Stores the union of sorted sets in a key."),
            INTER => {
                ("ZINTERSTORE", "2.0.0", AGGREGATED_STORE, "Stores the intersection of sorted sets in a key.")
            }
            _ => (
                "ZDIFFSTORE",
                "6.2.0",
                "destination numkeys key [key ...]",
                "Stores in a key what the first sorted set has and no other one.",
            ),
        };
        const KEYS: &[KeySpec] =
            &[KeySpec::at(1, KeyFlags::OW.and(KeyFlags::UPDATE)), KeySpec::counted(2, READ)];
        spec(name, Arity::AtLeast(4))
            .keys(KEYS)
            .flags(Flags::DENYOOM.and(Flags::MOVABLEKEYS))
            .syntax(syntax)
            .doc(since, COMPLEXITY, summary)
    };
    type Output = u64;

    fn parse(args: &mut Args) -> Result<Self> {
        Ok(CombineStore { destination: args.bytes()?, sets: Sets::parse(args, OP, true)? })
    }
}

impl<const OP: u8> WriteCommand for CombineStore<OP> {
    fn keys(&self) -> Keys<'_> {
        Keys::many(self.sets.keys.iter().chain([&self.destination]))
    }

    fn run(&self, tx: &mut WriteTx<'_>) -> Result<u64> {
        let event = match OP {
            UNION => Event::new(EventClass::SortedSet, "zunionstore"),
            INTER => Event::new(EventClass::SortedSet, "zinterstore"),
            _ => Event::new(EventClass::SortedSet, "zdiffstore"),
        };
        let (members, _) = self.sets.combine(tx, OP)?;
        sorted_set::store(tx, &self.destination, members, event)
    }
}

/// `ZINTERCARD`.
pub struct ZInterCard {
    keys: Vec<Bytes>,
    limit: Result<u64>,
}

impl ZInterCard {
    fn limit(args: &mut Args) -> Result<u64> {
        let mut limit = u64::MAX;
        while !args.is_empty() {
            if args.remaining() < 2 || !args.take("LIMIT") {
                return Err(Error::Syntax);
            }
            let given = text::parse_i64(&args.bytes()?).and_then(|limit| u64::try_from(limit).ok());
            let given = given.ok_or(Error::text("ERR LIMIT can't be negative"))?;
            limit = if given == 0 { u64::MAX } else { given };
        }
        Ok(limit)
    }
}

impl Command for ZInterCard {
    const SPEC: Spec = spec("ZINTERCARD", Arity::AtLeast(3))
        .keys(READ_KEYS)
        .flags(Flags::MOVABLEKEYS)
        .syntax("numkeys key [key ...] [LIMIT limit]")
        .doc(
            "7.0.0",
            "O(N K), N being the number of members in the smallest set and K the number of sets",
            "Returns the number of members that all of the sorted sets have.",
        );
    type Output = u64;

    fn parse(args: &mut Args) -> Result<Self> {
        Ok(ZInterCard { keys: keys(args)?, limit: Self::limit(args) })
    }
}

impl ReadCommand for ZInterCard {
    fn keys(&self) -> Keys<'_> {
        Keys::many(&self.keys)
    }

    fn run(&self, tx: &ReadTx<'_>) -> Result<u64> {
        let inputs = inputs(tx, &self.keys)?;
        sorted_set::intersection_len(tx, inputs, self.limit.clone()?)
    }
}
