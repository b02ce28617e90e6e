//! Looking through a database.

use crate::commands::args::Args;
use crate::commands::spec::{Arity, Categories, Flags, Group, Spec};
use crate::commands::{Command, ReadCommand};
use crate::data_types::walk::{self, Filter};
use crate::error::{Error, Result};
use crate::keyspace;
use crate::keyspace::tx::ReadTx;
use crate::protocol::Reply;
use bytes::Bytes;

/// How many keys `SCAN` looks at unless told.
pub(in crate::commands) const DEFAULT_COUNT: u64 = 10;

/// `SCAN`.
pub struct Scan {
    /// 0 begins.
    pub cursor: u64,
    pub filter: Filter,
    /// How many keys to look at.
    pub count: u64,
}

impl Command for Scan {
    const SPEC: Spec = Spec::new("SCAN", Group::Generic, Arity::AtLeast(2))
        .flags(Flags::TOUCHES_ARBITRARY_KEYS)
        .syntax("cursor [MATCH pattern] [COUNT count] [TYPE type]")
        .tips(&["nondeterministic_output", "request_policy:special"])
        .doc(
            "2.8.0",
            "O(COUNT) for every call; a pattern that begins with plain text looks only at keys that begin so",
            "Iterates over the keys of the database.",
        );
    type Output = Reply;

    fn parse(args: &mut Args) -> Result<Self> {
        let cursor = cursor(&args.bytes()?)?;
        let mut filter = Filter { pattern: None, kind: None };
        let mut count = DEFAULT_COUNT;
        while !args.is_empty() {
            if args.remaining() < 2 {
                return Err(Error::Syntax);
            }
            if args.take("MATCH") {
                filter.pattern = Some(args.bytes()?);
            } else if args.take("COUNT") {
                count = args.integer()?.try_into().ok().filter(|count| *count > 0).ok_or(Error::Syntax)?;
            } else if args.take("TYPE") {
                filter.kind = Some(String::from_utf8_lossy(&args.bytes()?).into_owned());
            } else {
                return Err(Error::Syntax);
            }
        }
        Ok(Scan { cursor, filter, count })
    }
}

pub(in crate::commands) fn cursor(word: &[u8]) -> Result<u64> {
    const INVALID: Error = Error::text("ERR invalid cursor");
    if !word.iter().all(u8::is_ascii_digit) {
        return Err(INVALID);
    }
    std::str::from_utf8(word).ok().and_then(|digits| digits.parse().ok()).ok_or(INVALID)
}

impl ReadCommand for Scan {
    fn keys(&self) -> keyspace::Keys<'_> {
        keyspace::Keys::None
    }

    fn run(&self, tx: &ReadTx<'_>) -> Result<Reply> {
        let cursors = tx.keyspace().cursors();
        let from = if self.cursor == 0 { Bytes::new() } else { cursors.place_of(self.cursor)? };
        let page = walk::page(tx, &self.filter, &from, self.count)?;
        let cursor = page.next.map_or(0, |next| cursors.number_of(next));
        Ok(Reply::Array(vec![Reply::bulk(cursor.to_string()), page.keys.into()]))
    }
}

/// `KEYS`.
pub struct Keys {
    pub pattern: Bytes,
}

impl Command for Keys {
    const SPEC: Spec = Spec::new("KEYS", Group::Generic, Arity::Exactly(2))
        .categories(Categories::DANGEROUS)
        .syntax("pattern")
        .tips(&["request_policy:all_shards", "nondeterministic_output_order"])
        .doc(
            "1.0.0",
            "O(N) where N is the number of keys that begin with the plain text before the first wildcard",
            "Returns all keys that match a pattern.",
        );
    type Output = Reply;

    fn parse(args: &mut Args) -> Result<Self> {
        Ok(Keys { pattern: args.bytes()? })
    }
}

impl ReadCommand for Keys {
    fn keys(&self) -> keyspace::Keys<'_> {
        keyspace::Keys::None
    }

    fn run(&self, tx: &ReadTx<'_>) -> Result<Reply> {
        let filter = Filter { pattern: Some(self.pattern.clone()), kind: None };
        Ok(walk::all(tx, &filter)?.into())
    }
}

/// `RANDOMKEY`.
pub struct RandomKey;

impl Command for RandomKey {
    const SPEC: Spec = Spec::new("RANDOMKEY", Group::Generic, Arity::Exactly(1))
        .flags(Flags::TOUCHES_ARBITRARY_KEYS)
        .tips(&["request_policy:all_shards", "nondeterministic_output"])
        .doc(
            "1.0.0",
            "O(log N) where N is the number of keys",
            "Returns a key chosen by chance: each with the same probability up to 4096 keys, nearly so above.",
        );
    type Output = Option<Bytes>;

    fn parse(_: &mut Args) -> Result<Self> {
        Ok(RandomKey)
    }
}

impl ReadCommand for RandomKey {
    fn keys(&self) -> keyspace::Keys<'_> {
        keyspace::Keys::None
    }

    fn run(&self, tx: &ReadTx<'_>) -> Result<Option<Bytes>> {
        walk::random(tx)
    }
}
