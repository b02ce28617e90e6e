//! `ZSCAN`.

use super::{READ_KEY, spec};
use crate::commands::args::Args;
use crate::commands::paging::Paging;
use crate::commands::spec::{Arity, Spec};
use crate::commands::{Command, ReadCommand};
use crate::data_types::sorted_set::SortedSet;
use crate::encoding::glob;
use crate::error::{Error, Result};
use crate::keyspace::Keys;
use crate::keyspace::tx::ReadTx;
use crate::protocol::{Reply, number};
use bytes::Bytes;

/// `ZSCAN`.
pub struct ZScan(Paging);

impl Command for ZScan {
    const SPEC: Spec = spec("ZSCAN", Arity::AtLeast(3))
        .keys(READ_KEY)
        .syntax("key cursor [MATCH pattern] [COUNT count]")
        .tips(&["nondeterministic_output"])
        .doc(
            "2.8.0",
            "O(COUNT) for every call; a small sorted set is returned by the first one",
            "Iterates over members and scores of a sorted set.",
        );
    type Output = Reply;

    fn parse(args: &mut Args) -> Result<Self> {
        Ok(ZScan(Paging::parse(args, false)?))
    }
}

fn score_text(score: f64) -> Reply {
    let mut text = Vec::new();
    number::put_double(&mut text, score);
    Reply::bulk(text)
}

impl ReadCommand for ZScan {
    fn keys(&self) -> Keys<'_> {
        Keys::one(&self.0.key)
    }

    fn run(&self, tx: &ReadTx<'_>) -> Result<Reply> {
        let Some(set) = SortedSet::open(tx, &self.0.key)? else {
            return Ok(Reply::Array(vec![Reply::text("0"), Reply::Array(Vec::new())]));
        };
        let options = self.0.options.as_ref().map_err(Error::clone)?;
        let cursors = tx.keyspace().cursors();
        let from = if self.0.cursor == 0 { Bytes::new() } else { cursors.place_of(self.0.cursor)? };
        let (members, next) = set.walk(tx, &from, options.count)?;
        let wanted =
            |member: &Bytes| options.pattern.as_ref().is_none_or(|pattern| glob::wants(pattern, member));
        let found = members.into_iter().filter(|(member, _)| wanted(member));
        let shown = found.flat_map(|(member, score)| [member.into(), score_text(score)]).collect();
        let cursor = next.map_or(0, |next| cursors.number_of(next));
        Ok(Reply::Array(vec![Reply::bulk(cursor.to_string()), Reply::Array(shown)]))
    }
}
