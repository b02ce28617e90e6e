//! Whole databases: how many keys they hold, emptying them, exchanging them; and the time.

use super::{Command, Context, SessionCommand};
use crate::commands::WriteCommand;
use crate::commands::args::Args;
use crate::commands::spec::{Arity, Categories, Flags, Group, Spec};
use crate::encoding::text;
use crate::error::{Error, Result};
use crate::keyspace::tx::{ReadTx, WriteTx};
use crate::keyspace::{DbIndex, Keys};
use crate::protocol::Reply;
use crate::storage::ReadTier;

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
        context.read(&Keys::None, |tx| tx.live_key_count())
    }
}

/// The commit is followed by a flush.
fn may_wait(tx: &ReadTx<'_>) -> Result<()> {
    if tx.tier() == ReadTier::Memory { Err(Error::NeedsDisk) } else { Ok(()) }
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

impl WriteCommand for FlushDb {
    fn keys(&self) -> Keys<'_> {
        Keys::All
    }

    fn run(&self, tx: &mut WriteTx<'_>) -> Result<()> {
        may_wait(tx)?;
        tx.flush_databases(Some(tx.db()))
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

impl WriteCommand for FlushAll {
    fn keys(&self) -> Keys<'_> {
        Keys::All
    }

    fn run(&self, tx: &mut WriteTx<'_>) -> Result<()> {
        may_wait(tx)?;
        tx.flush_databases(None)
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

impl WriteCommand for SwapDb {
    fn keys(&self) -> Keys<'_> {
        Keys::All
    }

    fn run(&self, tx: &mut WriteTx<'_>) -> Result<()> {
        let existing = |number: i64| {
            let db = DbIndex::try_from(number).map_err(|_| Error::DbOutOfRange)?;
            tx.keyspace().check_db(db).map(|()| db)
        };
        let (first, second) = (existing(self.first)?, existing(self.second)?);
        if first == second {
            return Ok(());
        }
        may_wait(tx)?;
        tx.swap_databases(first, second)
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
