//! Writing many strings at once: `MSET`, `MSETEX`, `MSETNX`.

use super::OVERWRITE;
use super::condition::Condition;
use super::expiry::Expiry;
use crate::commands::args::Args;
use crate::commands::spec::{Arity, Begin, Find, Flags, Group, KeyFlags, KeySpec, Spec};
use crate::commands::{Command, WriteCommand};
use crate::data_types::string;
use crate::encoding::text;
use crate::error::{Error, Result};
use crate::keyspace::Keys;
use crate::keyspace::event::Event;
use crate::keyspace::tx::WriteTx;
use bytes::Bytes;

type Pairs = Vec<(Bytes, Bytes)>;

fn keys_of(pairs: &Pairs) -> Keys<'_> {
    Keys::many(pairs.iter().map(|(key, _)| key))
}

fn put_all(tx: &mut WriteTx, pairs: &Pairs) -> Result<()> {
    for (key, value) in pairs {
        let mut slot = tx.slot(key)?;
        string::put(tx, &mut slot, value, None, Event::SET);
    }
    Ok(())
}

pub struct MSet {
    pub pairs: Pairs,
}

impl Command for MSet {
    const SPEC: Spec = Spec::new("MSET", Group::String, Arity::AtLeast(3))
        .tips(&["request_policy:multi_shard", "response_policy:all_succeeded"])
        .keys(&[KeySpec::range(1, -1, 2, OVERWRITE)])
        .flags(Flags::DENYOOM)
        .syntax("key value [key value ...]")
        .doc(
            "1.0.1",
            "O(N) where N is the number of keys to set.",
            "Atomically creates or modifies the string values of one or more keys.",
        );
    type Output = ();

    fn parse(args: &mut Args) -> Result<Self> {
        Ok(MSet { pairs: args.pairs()? })
    }
}

impl WriteCommand for MSet {
    fn keys(&self) -> Keys<'_> {
        keys_of(&self.pairs)
    }

    fn run(&self, tx: &mut WriteTx<'_>) -> Result<()> {
        put_all(tx, &self.pairs)
    }
}

pub struct MSetNx {
    pub pairs: Pairs,
}

impl Command for MSetNx {
    const SPEC: Spec = Spec::new("MSETNX", Group::String, Arity::AtLeast(3))
        .tips(&["request_policy:multi_shard", "response_policy:agg_min"])
        .keys(&[KeySpec::range(1, -1, 2, KeyFlags::OW.and(KeyFlags::INSERT))])
        .flags(Flags::DENYOOM)
        .syntax("key value [key value ...]")
        .doc(
            "1.0.1",
            "O(N) where N is the number of keys to set.",
            "Atomically modifies the string values of one or more keys only when all keys don't exist.",
        );
    type Output = bool;

    fn parse(args: &mut Args) -> Result<Self> {
        Ok(MSetNx { pairs: args.pairs()? })
    }
}

impl WriteCommand for MSetNx {
    fn keys(&self) -> Keys<'_> {
        keys_of(&self.pairs)
    }

    fn run(&self, tx: &mut WriteTx<'_>) -> Result<bool> {
        for (key, _) in &self.pairs {
            if tx.slot(key)?.meta().is_some() {
                return Ok(false);
            }
        }
        put_all(tx, &self.pairs)?;
        Ok(true)
    }
}

pub struct MSetEx {
    pub pairs: Pairs,
    pub condition: Condition,
    pub expiry: Expiry,
}

impl Command for MSetEx {
    const SPEC: Spec = Spec::new("MSETEX", Group::String, Arity::AtLeast(4))
        .keys(&[KeySpec {
            begin: Begin::Index(1),
            find: Find::Number { number: 0, first: 1, step: 2 },
            flags: OVERWRITE,
        }])
        .flags(Flags::DENYOOM.and(Flags::MOVABLEKEYS))
        .syntax(
            "numkeys key value [key value ...] [NX | XX] \
             [EX seconds | PX milliseconds | EXAT unix-time-seconds | PXAT unix-time-milliseconds | KEEPTTL]",
        )
        .doc(
            "8.4.0",
            "O(N) where N is the number of keys to set.",
            "Atomically sets multiple string keys with a shared expiration in a single operation. Supports \
             flexible argument parsing where condition and expiration flags can appear in any order.",
        );
    type Output = bool;

    fn parse(args: &mut Args) -> Result<Self> {
        const BAD_COUNT: Error = Error::text("ERR invalid numkeys value");
        let count = text::parse_i64(&args.bytes()?).filter(|count| (1..=i32::MAX.into()).contains(count));
        let count = count.ok_or(BAD_COUNT)? as usize;
        if args.remaining() / 2 < count {
            return Err(Error::text("ERR wrong number of key-value pairs"));
        }
        let mut pairs = Vec::with_capacity(count);
        for _ in 0..count {
            pairs.push((args.bytes()?, args.bytes()?));
        }
        let mut command = MSetEx { pairs, condition: Condition::Always, expiry: Expiry::Unsaid };
        while !args.is_empty() {
            let known = command.condition.take(args)?
                || command.expiry.take(args)?
                || command.expiry.take_word(args, "KEEPTTL", Expiry::Keep)?;
            let about_presence =
                matches!(command.condition, Condition::Always | Condition::Absent | Condition::Present);
            if !known || !about_presence {
                return Err(Error::Syntax);
            }
        }
        Ok(command)
    }
}

impl WriteCommand for MSetEx {
    fn keys(&self) -> Keys<'_> {
        keys_of(&self.pairs)
    }

    fn run(&self, tx: &mut WriteTx<'_>) -> Result<bool> {
        let now_ms = tx.now_ms();
        let deadline = self.expiry.resolve(None, now_ms, "msetex")?;
        for (key, _) in &self.pairs {
            let slot = tx.slot(key)?;
            if !self.condition.holds(tx, slot.meta())? {
                return Ok(false);
            }
        }
        for (key, value) in &self.pairs {
            let mut slot = tx.slot(key)?;
            if deadline.is_some_and(|deadline_ms| deadline_ms <= now_ms) {
                tx.delete(&mut slot, Event::DEL);
                continue;
            }
            let kept = slot.meta().and_then(|meta| meta.expire_at_ms).filter(|_| self.expiry == Expiry::Keep);
            string::put(tx, &mut slot, value, deadline.or(kept), Event::SET);
            if deadline.is_some() {
                tx.notify(&slot, Event::EXPIRE);
            }
        }
        Ok(true)
    }
}
