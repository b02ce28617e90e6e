//! Counting: `DECR`, `DECRBY`, `INCR`, `INCRBY`, `INCRBYFLOAT`.

use super::UPDATE_KEY;
use crate::commands::args::Args;
use crate::commands::spec::{Arity, Flags, Group, Spec};
use crate::commands::{Command, WriteCommand};
use crate::data_types::string;
use crate::data_types::string::counter::{float_of, integer_of, put_integer};
use crate::encoding::long_double::LongDouble;
use crate::encoding::numbers::Kind;
use crate::error::{Error, Result};
use crate::keyspace::Keys;
use crate::keyspace::event::Event;
use crate::keyspace::tx::WriteTx;
use bytes::Bytes;

const fn spec(name: &'static str, arity: u32, syntax: &'static str) -> Spec {
    Spec::new(name, Group::String, Arity::Exactly(arity))
        .keys(UPDATE_KEY)
        .flags(Flags::DENYOOM.and(Flags::FAST))
        .syntax(syntax)
}

fn add(tx: &mut WriteTx, key: &Bytes, by: i64) -> Result<i64> {
    let mut slot = tx.slot(key)?;
    let meta = slot.meta_of(Kind::String)?;
    let deadline = meta.and_then(|meta| meta.expire_at_ms);
    let sum = integer_of(meta)?.checked_add(by).ok_or(Error::IncrementOverflow)?;
    put_integer(tx, &mut slot, sum, deadline, Event::INCRBY);
    Ok(sum)
}

/// `INCR` (`UP`) and `DECR`.
pub struct Step<const UP: bool> {
    pub key: Bytes,
}

pub type Incr = Step<true>;
pub type Decr = Step<false>;

impl<const UP: bool> Command for Step<UP> {
    const SPEC: Spec = if UP {
        spec("INCR", 2, "key").doc(
            "1.0.0",
            "O(1)",
            "Increments the integer value of a key by one. Uses 0 as initial value if the key doesn't exist.",
        )
    } else {
        spec("DECR", 2, "key").doc(
            "1.0.0",
            "O(1)",
            "Decrements the integer value of a key by one. Uses 0 as initial value if the key doesn't exist.",
        )
    };
    type Output = i64;

    fn parse(args: &mut Args) -> Result<Self> {
        Ok(Step { key: args.bytes()? })
    }
}

impl<const UP: bool> WriteCommand for Step<UP> {
    fn keys(&self) -> Keys<'_> {
        Keys::one(&self.key)
    }

    fn run(&self, tx: &mut WriteTx<'_>) -> Result<i64> {
        add(tx, &self.key, if UP { 1 } else { -1 })
    }
}

/// `INCRBY` (`UP`) and `DECRBY`.
pub struct Steps<const UP: bool> {
    pub key: Bytes,
    /// What is to be added.
    pub by: i64,
}

pub type IncrBy = Steps<true>;
pub type DecrBy = Steps<false>;

impl<const UP: bool> Command for Steps<UP> {
    const SPEC: Spec = if UP {
        spec("INCRBY", 3, "key increment").doc(
            "1.0.0",
            "O(1)",
            "Increments the integer value of a key by a number. Uses 0 as initial value if the key doesn't exist.",
        )
    } else {
        spec("DECRBY", 3, "key decrement").doc(
            "1.0.0",
            "O(1)",
            "Decrements a number from the integer value of a key. Uses 0 as initial value if the key doesn't exist.",
        )
    };
    type Output = i64;

    fn parse(args: &mut Args) -> Result<Self> {
        let (key, by) = (args.bytes()?, args.integer()?);
        if UP {
            return Ok(Steps { key, by });
        }
        let by = by.checked_neg().ok_or(Error::text("ERR decrement would overflow"))?;
        Ok(Steps { key, by })
    }
}

impl<const UP: bool> WriteCommand for Steps<UP> {
    fn keys(&self) -> Keys<'_> {
        Keys::one(&self.key)
    }

    fn run(&self, tx: &mut WriteTx<'_>) -> Result<i64> {
        add(tx, &self.key, self.by)
    }
}

pub struct IncrByFloat {
    pub key: Bytes,
    /// As the client wrote it: a key of another type is told first.
    pub increment: Bytes,
}

impl Command for IncrByFloat {
    const SPEC: Spec = spec("INCRBYFLOAT", 3, "key increment").doc(
        "2.6.0",
        "O(1)",
        "Increment the floating point value of a key by a number. Uses 0 as initial value if the key doesn't exist.",
    );
    type Output = Bytes;

    fn parse(args: &mut Args) -> Result<Self> {
        Ok(IncrByFloat { key: args.bytes()?, increment: args.bytes()? })
    }
}

impl WriteCommand for IncrByFloat {
    fn keys(&self) -> Keys<'_> {
        Keys::one(&self.key)
    }

    fn run(&self, tx: &mut WriteTx<'_>) -> Result<Bytes> {
        let mut slot = tx.slot(&self.key)?;
        let meta = slot.meta_of(Kind::String)?;
        let deadline = meta.and_then(|meta| meta.expire_at_ms);
        let number = float_of(meta)?;
        let increment = LongDouble::parse(&self.increment).ok_or(Error::NotFloat)?;
        let sum = number.checked_add(increment).filter(|sum| !sum.is_infinite());
        let sum = sum.ok_or(Error::text("ERR increment would produce NaN or Infinity"))?;
        let value = Bytes::from(sum.to_text());
        string::put(tx, &mut slot, &value, deadline, Event::INCRBYFLOAT);
        Ok(value)
    }
}
