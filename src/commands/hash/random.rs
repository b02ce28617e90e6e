//! `HRANDFIELD`.

use super::READ_KEY;
use crate::commands::args::Args;
use crate::commands::draw::draw;
use crate::commands::spec::{Arity, Group, Spec};
use crate::commands::{Command, ReadCommand};
use crate::data_types::hash;
use crate::error::{Error, Result};
use crate::keyspace::Keys;
use crate::keyspace::tx::ReadTx;
use crate::protocol::Reply;
use bytes::Bytes;

/// `HRANDFIELD`.
pub struct HRandField {
    pub key: Bytes,
    /// Negative: so many, the same one perhaps more than once.
    pub count: Option<i64>,
    pub with_values: bool,
}

impl Command for HRandField {
    const SPEC: Spec = Spec::new("HRANDFIELD", Group::Hash, Arity::AtLeast(2))
        .keys(READ_KEY)
        .syntax("key [count [WITHVALUES]]")
        .tips(&["nondeterministic_output"])
        .doc("6.2.0", "O(N) where N is the count", "Returns one or more random fields from a hash.");
    type Output = Reply;

    fn parse(args: &mut Args) -> Result<Self> {
        let key = args.bytes()?;
        if args.is_empty() {
            return Ok(HRandField { key, count: None, with_values: false });
        }
        let count = args.repeats()?;
        let with_values = args.take("WITHVALUES");
        args.end()?;
        if with_values && count.unsigned_abs() > i64::MAX.unsigned_abs() / 2 {
            return Err(Error::OutOfRange);
        }
        Ok(HRandField { key, count: Some(count), with_values })
    }
}

impl ReadCommand for HRandField {
    fn keys(&self) -> Keys<'_> {
        Keys::one(&self.key)
    }

    fn run(&self, tx: &ReadTx<'_>) -> Result<Reply> {
        let hash = hash::open(tx, &self.key)?;
        let Some(count) = self.count else {
            let found = hash.map_or(Ok(None), |hash| hash.random(tx))?;
            return Ok(found.map(|(field, _)| field).into());
        };
        let Some(hash) = hash else { return Ok(Reply::Array(Vec::new())) };
        let pairs = if count >= 0 {
            hash.sample(tx, count.unsigned_abs())?
        } else {
            draw(count.unsigned_abs(), || hash.random(tx), |(field, value)| field.len() + value.len())?
        };
        let pairs = pairs.into_iter();
        Ok(if self.with_values {
            Reply::Pairs(pairs.map(|(field, value)| (field.into(), value.into())).collect())
        } else {
            Reply::Array(pairs.map(|(field, _)| field.into()).collect())
        })
    }
}
