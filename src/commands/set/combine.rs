//! What is made of several sets: `SINTER`, `SUNION`, `SDIFF`, each also counted and stored.

use super::{ACCESS, set_of};
use crate::commands::args::Args;
use crate::commands::spec::{Arity, Flags, Group, KeyFlags, KeySpec, Spec};
use crate::commands::{Command, ReadCommand, WriteCommand};
use crate::data_types::set::{self, Combination};
use crate::encoding::text;
use crate::error::{Error, Result};
use crate::keyspace::Keys;
use crate::keyspace::tx::{ReadTx, WriteTx};
use crate::protocol::Reply;
use bytes::Bytes;

const KEYS: &[KeySpec] = &[KeySpec::range(1, -1, 1, ACCESS)];
const STORE_KEYS: &[KeySpec] =
    &[KeySpec::at(1, KeyFlags::OW.and(KeyFlags::UPDATE)), KeySpec::range(2, -1, 1, ACCESS)];
const COUNTED_KEYS: &[KeySpec] = &[KeySpec::counted(1, ACCESS)];

const READS: &str =
    "O(N*M) where N is the number of members that are walked over and M is the number of sets";

macro_rules! combination {
    ($how:ident,
     $plain:ident $plain_name:literal $plain_doc:literal,
     $store:ident $store_name:literal $store_doc:literal) => {
        #[doc = $plain_doc]
        pub struct $plain {
            pub keys: Vec<Bytes>,
        }

        impl Command for $plain {
            const SPEC: Spec = Spec::new($plain_name, Group::Set, Arity::AtLeast(2))
                .keys(KEYS)
                .syntax("key [key ...]")
                .tips(&["nondeterministic_output_order"])
                .doc("1.0.0", READS, $plain_doc);
            type Output = Reply;

            fn parse(args: &mut Args) -> Result<Self> {
                Ok($plain { keys: args.rest().to_vec() })
            }
        }

        impl ReadCommand for $plain {
            fn keys(&self) -> Keys<'_> {
                Keys::many(&self.keys)
            }

            fn run(&self, tx: &ReadTx<'_>) -> Result<Reply> {
                set::combine(tx, &self.keys, Combination::$how, u64::MAX).map(set_of)
            }
        }

        #[doc = $store_doc]
        pub struct $store {
            pub target: Bytes,
            pub keys: Vec<Bytes>,
        }

        impl Command for $store {
            const SPEC: Spec = Spec::new($store_name, Group::Set, Arity::AtLeast(3))
                .keys(STORE_KEYS)
                .flags(Flags::DENYOOM)
                .syntax("destination key [key ...]")
                .doc("1.0.0", READS, $store_doc);
            type Output = u64;

            fn parse(args: &mut Args) -> Result<Self> {
                Ok($store { target: args.bytes()?, keys: args.rest().to_vec() })
            }
        }

        impl WriteCommand for $store {
            fn keys(&self) -> Keys<'_> {
                Keys::many(std::iter::once(&self.target).chain(&self.keys))
            }

            fn run(&self, tx: &mut WriteTx<'_>) -> Result<u64> {
                set::store(tx, &self.target, &self.keys, Combination::$how)
            }
        }
    };
}

combination!(Inter,
    SInter "SINTER" "Returns the intersect of multiple sets.",
    SInterStore "SINTERSTORE" "Stores the intersect of multiple sets in a key.");
combination!(Union,
    SUnion "SUNION" "Returns the union of multiple sets.",
    SUnionStore "SUNIONSTORE" "Stores the union of multiple sets in a key.");
combination!(Diff,
    SDiff "SDIFF" "Returns the difference of multiple sets.",
    SDiffStore "SDIFFSTORE" "Stores the difference of multiple sets in a key.");

/// The words of `SINTERCARD` and its like.
struct Counted {
    keys: Vec<Bytes>,
    /// None: all.
    limit: Option<u64>,
}

impl Counted {
    fn parse(args: &mut Args, knows_approx: bool) -> Result<Counted> {
        const NOT_ONE: Error = Error::text("ERR numkeys should be greater than 0");
        const TOO_MANY: Error = Error::text("ERR Number of keys can't be greater than number of args");
        const NEGATIVE: Error = Error::text("ERR LIMIT can't be negative");
        let count = text::parse_i64(&args.bytes()?).filter(|count| *count > 0).ok_or(NOT_ONE)?;
        let count = usize::try_from(count).ok().filter(|count| *count <= args.remaining()).ok_or(TOO_MANY)?;
        let mut keys = Vec::with_capacity(count);
        for _ in 0..count {
            keys.push(args.bytes()?);
        }
        let mut limit = None;
        while !args.is_empty() {
            if args.remaining() > 1 && args.take("LIMIT") {
                let number = text::parse_i64(&args.bytes()?).and_then(|number| u64::try_from(number).ok());
                limit = Some(number.ok_or(NEGATIVE)?).filter(|limit| *limit > 0);
            } else if !(knows_approx && args.take("APPROX")) {
                return Err(Error::Syntax);
            }
        }
        Ok(Counted { keys, limit })
    }

    fn run(&self, tx: &ReadTx, how: Combination) -> Result<usize> {
        Ok(set::combine(tx, &self.keys, how, self.limit.unwrap_or(u64::MAX))?.len())
    }
}

macro_rules! counted {
    ($(#[$doc:meta])* $type:ident $name:literal $how:ident, $approx:literal, $since:literal, $syntax:literal, $summary:literal) => {
        $(#[$doc])*
        pub struct $type(Counted);

        impl Command for $type {
            const SPEC: Spec = Spec::new($name, Group::Set, Arity::AtLeast(3))
                .keys(COUNTED_KEYS)
                .flags(Flags::MOVABLEKEYS)
                .syntax($syntax)
                .doc($since, READS, $summary);
            type Output = usize;

            fn parse(args: &mut Args) -> Result<Self> {
                Counted::parse(args, $approx).map($type)
            }
        }

        impl ReadCommand for $type {
            fn keys(&self) -> Keys<'_> {
                Keys::many(&self.0.keys)
            }

            fn run(&self, tx: &ReadTx<'_>) -> Result<usize> {
                self.0.run(tx, Combination::$how)
            }
        }
    };
}

counted!(
    /// `SINTERCARD`.
    SInterCard "SINTERCARD" Inter, false, "7.0.0", "numkeys key [key ...] [LIMIT limit]",
    "Returns the number of members of the intersect of multiple sets."
);
counted!(
    /// `SDIFFCARD`.
    SDiffCard "SDIFFCARD" Diff, false, "8.10.0", "numkeys key [key ...] [LIMIT limit]",
    "Returns the number of members of the difference of multiple sets."
);
counted!(
    /// `SUNIONCARD`. `APPROX` allows an estimate; the exact number is one.
    SUnionCard "SUNIONCARD" Union, true, "8.10.0", "numkeys key [key ...] [APPROX] [LIMIT limit]",
    "Returns the number of members of the union of multiple sets."
);
