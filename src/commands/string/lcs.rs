//! `LCS`: the longest common subsequence of two strings.

use super::READ;
use crate::commands::args::Args;
use crate::commands::spec::{Arity, Group, KeySpec, Spec};
use crate::commands::{Command, ReadCommand};
use crate::data_types::string;
use crate::data_types::string::lcs::{self, Match};
use crate::encoding::numbers::Kind;
use crate::error::{Error, Result};
use crate::keyspace::Keys;
use crate::keyspace::tx::ReadTx;
use crate::protocol::{Reply, fields};
use bytes::Bytes;

/// What `LCS` answers with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    Text,
    Length,
    /// Where the runs lie that are at least so long, with or without their lengths.
    Matches {
        min_len: i64,
        with_len: bool,
    },
}

pub struct Lcs {
    pub keys: [Bytes; 2],
    /// A key of another type is told before an error among the options.
    pub answer: Result<Answer>,
}

fn parse_answer(args: &mut Args) -> Result<Answer> {
    let (mut length, mut matches, mut min_len, mut with_len) = (false, false, 0, false);
    while !args.is_empty() {
        if args.take("LEN") {
            length = true;
        } else if args.take("IDX") {
            matches = true;
        } else if args.take("WITHMATCHLEN") {
            with_len = true;
        } else if args.take("MINMATCHLEN") {
            min_len = args.integer()?;
        } else {
            return Err(Error::Syntax);
        }
    }
    match (length, matches) {
        (true, true) => Err(Error::text("ERR If you want both the length and indexes, please just use IDX.")),
        (true, false) => Ok(Answer::Length),
        (false, true) => Ok(Answer::Matches { min_len, with_len }),
        (false, false) => Ok(Answer::Text),
    }
}

impl Command for Lcs {
    const SPEC: Spec = Spec::new("LCS", Group::String, Arity::AtLeast(3))
        .keys(&[KeySpec::range(1, 1, 1, READ)])
        .syntax("key1 key2 [LEN] [IDX] [MINMATCHLEN min-match-len] [WITHMATCHLEN]")
        .doc(
            "7.0.0",
            "O(N*M) where N and M are the lengths of s1 and s2, respectively",
            "Finds the longest common substring.",
        );
    type Output = Reply;

    fn parse(args: &mut Args) -> Result<Self> {
        Ok(Lcs { keys: [args.bytes()?, args.bytes()?], answer: parse_answer(args) })
    }
}

impl ReadCommand for Lcs {
    fn keys(&self) -> Keys<'_> {
        Keys::many(&self.keys)
    }

    fn run(&self, tx: &ReadTx<'_>) -> Result<Reply> {
        let [a, b] = &self.keys;
        let metas = [tx.meta(a)?, tx.meta(b)?];
        if metas.iter().flatten().any(|meta| meta.kind != Kind::String) {
            return Err(Error::text("ERR The specified keys must contain string values"));
        }
        let answer = self.answer.clone()?;
        // Before the values are read: two large ones would only be read to be refused.
        let [a_len, b_len] = metas.each_ref().map(|meta| meta.as_ref().map_or(0, string::len));
        let max_bytes = tx.keyspace().max_string_bytes();
        lcs::check_memory(a_len, b_len, max_bytes)?;
        let value =
            |meta: &Option<_>| meta.as_ref().map_or(Ok(Bytes::new()), |meta| string::contiguous(tx, meta));
        let (a, b) = (value(&metas[0])?, value(&metas[1])?);
        let found = lcs::find(&a, &b, max_bytes)?;
        Ok(match answer {
            Answer::Text => Reply::bulk(found.text(&a)),
            Answer::Length => found.len.into(),
            Answer::Matches { min_len, with_len } => {
                let long = found.matches.iter().filter(|run| run.a.len() as i64 >= min_len);
                let matches = long.map(|run| reply_of_match(run, with_len)).collect();
                Reply::Map(fields([("matches", Reply::Array(matches)), ("len", found.len.into())]))
            }
        })
    }
}

fn reply_of_match(run: &Match, with_len: bool) -> Reply {
    let ends = |range: &std::ops::Range<usize>| Reply::from(vec![range.start, range.end - 1]);
    let mut reply = vec![ends(&run.a), ends(&run.b)];
    if with_len {
        reply.push(run.a.len().into());
    }
    Reply::Array(reply)
}
