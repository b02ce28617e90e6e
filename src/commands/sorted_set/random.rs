//! `ZRANDMEMBER`.

use super::{READ_KEY, shown, spec};
use crate::commands::args::Args;
use crate::commands::draw::draw;
use crate::commands::spec::{Arity, Spec};
use crate::commands::{Command, ReadCommand};
use crate::data_types::sorted_set::SortedSet;
use crate::error::{Error, Result};
use crate::keyspace::Keys;
use crate::keyspace::tx::ReadTx;
use crate::protocol::Reply;
use bytes::Bytes;
use std::collections::BTreeSet;

/// `ZRANDMEMBER`.
pub struct ZRandMember {
    pub key: Bytes,
    /// How many different members; if negative, how many draws. None: one.
    pub count: Option<i64>,
    pub with_scores: bool,
}

impl Command for ZRandMember {
    const SPEC: Spec = spec("ZRANDMEMBER", Arity::AtLeast(2))
        .keys(READ_KEY)
        .syntax("key [count [WITHSCORES]]")
        .tips(&["nondeterministic_output"])
        .doc(
            "6.2.0",
            "O(M log N), N being the number of members in the sorted set and M the number of members returned",
            "Returns members of a sorted set chosen by chance, each with the same probability.",
        );
    type Output = Reply;

    fn parse(args: &mut Args) -> Result<Self> {
        let key = args.bytes()?;
        if args.is_empty() {
            return Ok(ZRandMember { key, count: None, with_scores: false });
        }
        let count = args.repeats()?;
        let with_scores = args.take("WITHSCORES");
        args.end()?;
        if with_scores && count.unsigned_abs() > i64::MAX as u64 / 2 {
            return Err(Error::OutOfRange);
        }
        Ok(ZRandMember { key, count: Some(count), with_scores })
    }
}

/// `count` different places of `len`, each choice of them with the same probability, in order.
fn distinct(count: u64, len: u64) -> BTreeSet<u64> {
    let mut chosen = BTreeSet::new();
    // Robert Floyd's algorithm: a place that was drawn before stands for the last one.
    for last in len - count..len {
        let place = fastrand::u64(..=last);
        if !chosen.insert(place) {
            chosen.insert(last);
        }
    }
    chosen
}

impl ReadCommand for ZRandMember {
    fn keys(&self) -> Keys<'_> {
        Keys::one(&self.key)
    }

    fn run(&self, tx: &ReadTx<'_>) -> Result<Reply> {
        let set = SortedSet::open(tx, &self.key)?;
        let Some(count) = self.count else {
            let Some(set) = set else { return Ok(Reply::Null) };
            let found = set.members_at(tx, [fastrand::u64(..set.len().max(1))])?;
            return Ok(found.into_iter().next().map(|(member, _)| member).into());
        };
        let Some(set) = set else { return Ok(Reply::Array(Vec::new())) };
        let magnitude = count.unsigned_abs();
        let found = if count >= 0 && magnitude >= set.len() {
            set.members(tx, 0..set.len(), false)?
        } else if count >= 0 {
            set.members_at(tx, distinct(magnitude, set.len()))?
        } else {
            let random = || Ok(set.members_at(tx, [fastrand::u64(..set.len().max(1))])?.pop());
            draw(magnitude, random, |(member, _)| member.len())?
        };
        Ok(shown(found, self.with_scores))
    }
}
