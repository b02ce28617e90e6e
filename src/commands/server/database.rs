//! Whole databases: how many keys they hold, emptying them, exchanging them; and the time.

use super::{Command, Context, SessionCommand, may_wait};
use crate::commands::args::Args;
use crate::commands::spec::{Arity, Categories, Flags, Group, Spec};
use crate::encoding::text;
use crate::error::{Error, Result};
use crate::keyspace::DbIndex;
use crate::protocol::Reply;

pub struct DbSize;

impl Command for DbSize {
    const SPEC: Spec = Spec::new("DBSIZE", Group::Server, Arity::Exactly(1))
        .flags(Flags::READONLY.and(Flags::FAST))
        .categories(Categories::KEYSPACE)
        .tips(&["request_policy:all_shards", "response_policy:agg_sum"])
        .doc("1.0.0", "O(1)", "Returns the number of keys in the database.");
    type Output = u64;

    fn parse(_: &mut Args) -> Result<Self> {
        Ok(DbSize)
    }
}

impl SessionCommand for DbSize {
    fn run(self, context: &mut Context<'_>) -> Result<u64> {
        context.instance.keyspace.live_key_count(context.session.db, context.session.tier)
    }
}

const FLUSH_TIPS: &[&str] = &["request_policy:all_shards", "response_policy:all_succeeded"];
const FLUSH_CATEGORIES: Categories = Categories::KEYSPACE.and(Categories::DANGEROUS);

/// Reads `[ASYNC | SYNC]`. Both empty the database at once and leave the disk to the sweeper.
fn flush_mode(args: &mut Args) -> Result<()> {
    let _ = args.take("ASYNC") || args.take("SYNC");
    args.end()
}

pub struct FlushDb;

impl Command for FlushDb {
    const SPEC: Spec = Spec::new("FLUSHDB", Group::Server, Arity::AtLeast(1))
        .flags(Flags::WRITE)
        .categories(FLUSH_CATEGORIES)
        .tips(FLUSH_TIPS)
        .syntax("[ASYNC | SYNC]")
        .doc("1.0.0", "O(1); the space on disk is reclaimed afterwards", "Removes all keys of the database.");
    type Output = ();

    fn parse(args: &mut Args) -> Result<Self> {
        flush_mode(args).map(|()| FlushDb)
    }
}

impl SessionCommand for FlushDb {
    fn run(self, context: &mut Context<'_>) -> Result<()> {
        may_wait(context)?;
        context.instance.keyspace.flush_databases(context.session.id, Some(context.session.db))
    }
}

pub struct FlushAll;

impl Command for FlushAll {
    const SPEC: Spec = Spec::new("FLUSHALL", Group::Server, Arity::AtLeast(1))
        .flags(Flags::WRITE)
        .categories(FLUSH_CATEGORIES)
        .tips(FLUSH_TIPS)
        .syntax("[ASYNC | SYNC]")
        .doc(
            "1.0.0",
            "O(1); the space on disk is reclaimed afterwards",
            "Removes all keys of all databases.",
        );
    type Output = ();

    fn parse(args: &mut Args) -> Result<Self> {
        flush_mode(args).map(|()| FlushAll)
    }
}

impl SessionCommand for FlushAll {
    fn run(self, context: &mut Context<'_>) -> Result<()> {
        may_wait(context)?;
        context.instance.keyspace.flush_databases(context.session.id, None)
    }
}

pub struct SwapDb {
    pub first: i64,
    pub second: i64,
}

impl Command for SwapDb {
    const SPEC: Spec = Spec::new("SWAPDB", Group::Server, Arity::Exactly(3))
        .flags(Flags::WRITE.and(Flags::FAST))
        .categories(FLUSH_CATEGORIES)
        .syntax("index1 index2")
        .doc("4.0.0", "O(1)", "Exchanges two databases.");
    type Output = ();

    fn parse(args: &mut Args) -> Result<Self> {
        let mut index = |complaint| {
            let number = text::parse_i64(&args.bytes()?).filter(|number| i32::try_from(*number).is_ok());
            number.ok_or(Error::text(complaint))
        };
        Ok(SwapDb {
            first: index("ERR invalid first DB index")?,
            second: index("ERR invalid second DB index")?,
        })
    }
}

impl SessionCommand for SwapDb {
    fn run(self, context: &mut Context<'_>) -> Result<()> {
        let keyspace = &context.instance.keyspace;
        let existing = |number: i64| {
            let db = DbIndex::try_from(number).map_err(|_| Error::DbOutOfRange)?;
            keyspace.check_db(db).map(|()| db)
        };
        let (first, second) = (existing(self.first)?, existing(self.second)?);
        if first == second {
            return Ok(());
        }
        may_wait(context)?;
        keyspace.swap_databases(context.session.id, first, second)
    }
}

pub struct Time;

impl Command for Time {
    const SPEC: Spec = Spec::new("TIME", Group::Server, Arity::Exactly(1))
        .flags(Flags::LOADING.and(Flags::STALE).and(Flags::FAST))
        .tips(&["nondeterministic_output"])
        .doc("2.6.0", "O(1)", "Returns the server's time.");
    type Output = Reply;

    fn parse(_: &mut Args) -> Result<Self> {
        Ok(Time)
    }
}

impl SessionCommand for Time {
    fn run(self, context: &mut Context<'_>) -> Result<Reply> {
        let now_us = context.instance.keyspace.clock().now_us();
        let parts = [now_us / 1_000_000, now_us % 1_000_000];
        Ok(Reply::Array(parts.map(|part| Reply::bulk(part.to_string())).into()))
    }
}
