//! Counting: `HINCRBY`, `HINCRBYFLOAT`.

use super::COUNT_KEY;
use crate::commands::args::Args;
use crate::commands::spec::{Arity, Flags, Group, Spec};
use crate::commands::{Command, WriteCommand};
use crate::data_types::hash::{self, Field};
use crate::encoding::long_double::LongDouble;
use crate::encoding::text;
use crate::error::{Error, Result};
use crate::keyspace::Keys;
use crate::keyspace::event::Event;
use crate::keyspace::tx::WriteTx;
use bytes::Bytes;

const fn spec(name: &'static str) -> Spec {
    Spec::new(name, Group::Hash, Arity::Exactly(4))
        .keys(COUNT_KEY)
        .flags(Flags::DENYOOM.and(Flags::FAST))
        .syntax("key field increment")
}

/// Replaces the value of a field by what `next` makes of it; the field keeps its deadline.
fn change(
    tx: &mut WriteTx,
    key: &Bytes,
    field: &Bytes,
    event: Event,
    next: impl FnOnce(Option<Bytes>) -> Result<Bytes>,
) -> Result<Bytes> {
    let mut slot = tx.slot(key)?;
    let mut hash = hash::open_or_create(tx, &mut slot)?;
    let old = hash.field(tx, field)?;
    let expire_at_ms = old.as_ref().and_then(|old| old.expire_at_ms);
    let value = next(old.map(|old| old.value))?;
    hash.set(tx, field, &Field { value: value.clone(), expire_at_ms })?;
    hash.save(tx, &mut slot, event)?;
    Ok(value)
}

/// `HINCRBY`.
pub struct HIncrBy {
    pub key: Bytes,
    pub field: Bytes,
    pub by: i64,
}

impl Command for HIncrBy {
    const SPEC: Spec = spec("HINCRBY").doc(
        "2.0.0",
        "O(1)",
        "Increments the integer value of a field in a hash by a number. Uses 0 as initial value if the field \
         doesn't exist.",
    );
    type Output = i64;

    fn parse(args: &mut Args) -> Result<Self> {
        Ok(HIncrBy { key: args.bytes()?, field: args.bytes()?, by: args.integer()? })
    }
}

impl WriteCommand for HIncrBy {
    fn keys(&self) -> Keys<'_> {
        Keys::one(&self.key)
    }

    fn run(&self, tx: &mut WriteTx<'_>) -> Result<i64> {
        const NOT_INTEGER: Error = Error::text("ERR hash value is not an integer");
        let mut sum = 0;
        change(tx, &self.key, &self.field, Event::HINCRBY, |old| {
            let old = old.map_or(Some(0), |old| text::parse_i64(&old)).ok_or(NOT_INTEGER)?;
            sum = old.checked_add(self.by).ok_or(Error::IncrementOverflow)?;
            Ok(Bytes::from(sum.to_string()))
        })?;
        Ok(sum)
    }
}

/// `HINCRBYFLOAT`.
pub struct HIncrByFloat {
    pub key: Bytes,
    pub field: Bytes,
    pub by: LongDouble,
}

impl Command for HIncrByFloat {
    const SPEC: Spec = spec("HINCRBYFLOAT").doc(
        "2.6.0",
        "O(1)",
        "Increments the floating point value of a field by a number. Uses 0 as initial value if the field \
         doesn't exist.",
    );
    type Output = Bytes;

    fn parse(args: &mut Args) -> Result<Self> {
        let (key, field) = (args.bytes()?, args.bytes()?);
        let by = LongDouble::parse(&args.bytes()?).ok_or(Error::NotFloat)?;
        if by.is_infinite() {
            return Err(Error::text("ERR value is NaN or Infinity"));
        }
        Ok(HIncrByFloat { key, field, by })
    }
}

impl WriteCommand for HIncrByFloat {
    fn keys(&self) -> Keys<'_> {
        Keys::one(&self.key)
    }

    fn run(&self, tx: &mut WriteTx<'_>) -> Result<Bytes> {
        const NOT_FLOAT: Error = Error::text("ERR hash value is not a float");
        const NO_NUMBER: Error = Error::text("ERR increment would produce NaN or Infinity");
        change(tx, &self.key, &self.field, Event::HINCRBYFLOAT, |old| {
            let old = old.map_or(Some(LongDouble::ZERO), |old| LongDouble::parse(&old)).ok_or(NOT_FLOAT)?;
            let sum = old.checked_add(self.by).filter(|sum| !sum.is_infinite()).ok_or(NO_NUMBER)?;
            Ok(Bytes::from(sum.to_text()))
        })
    }
}
