//! Reading entries by id: `XLEN`, `XRANGE`, `XREVRANGE`.

use super::{READ_KEY, bound, shown, spec};
use crate::commands::args::Args;
use crate::commands::spec::{Arity, Flags, KeyFlags, KeySpec, Spec};
use crate::commands::{Command, ReadCommand};
use crate::data_types::stream::Stream;
use crate::encoding::stream_id::StreamId;
use crate::error::{Error, Result};
use crate::keyspace::Keys;
use crate::keyspace::tx::ReadTx;
use crate::protocol::Reply;
use bytes::Bytes;

/// `XLEN`.
pub struct XLen {
    key: Bytes,
}

impl Command for XLen {
    const SPEC: Spec = spec("XLEN", Arity::Exactly(2))
        .keys(&[KeySpec::at(1, KeyFlags::RO)])
        .flags(Flags::FAST)
        .syntax("key")
        .doc("5.0.0", "O(1)", "Return the number of messages in a stream.");
    type Output = u64;

    fn parse(args: &mut Args) -> Result<Self> {
        Ok(XLen { key: args.bytes()? })
    }
}

impl ReadCommand for XLen {
    fn keys(&self) -> Keys<'_> {
        Keys::one(&self.key)
    }

    fn run(&self, tx: &ReadTx<'_>) -> Result<u64> {
        Ok(Stream::open(tx, &self.key)?.map_or(0, |stream| stream.len()))
    }
}

/// `XRANGE` and, from the end (`REVERSE`), `XREVRANGE`.
pub struct Range<const REVERSE: bool> {
    key: Bytes,
    from: StreamId,
    to: StreamId,
    /// None: all.
    count: Option<u64>,
}

pub type XRange = Range<false>;
pub type XRevRange = Range<true>;

impl<const REVERSE: bool> Command for Range<REVERSE> {
    const SPEC: Spec = {
        let (name, syntax, summary) = if REVERSE {
            (
                "XREVRANGE",
                "key end start [COUNT count]",
                "Returns the messages from a stream within a range of IDs in reverse order.",
            )
        } else {
            (
                "XRANGE",
                "key start end [COUNT count]",
                "Returns the messages from a stream within a range of IDs.",
            )
        };
        spec(name, Arity::AtLeast(4)).keys(READ_KEY).syntax(syntax).doc(
            "5.0.0",
            "O(log N + M) where M is the number of entries returned",
            summary,
        )
    };
    type Output = Reply;

    fn parse(args: &mut Args) -> Result<Self> {
        let (key, first, second) = (args.bytes()?, args.bytes()?, args.bytes()?);
        let (from, to) = if REVERSE { (second, first) } else { (first, second) };
        let (from, to) = (bound(&from, true)?, bound(&to, false)?);
        let mut count = None;
        while !args.is_empty() {
            if args.remaining() < 2 || !args.take("COUNT") {
                return Err(Error::Syntax);
            }
            count = Some(u64::try_from(args.integer()?).unwrap_or(0));
        }
        Ok(Range { key, from, to, count })
    }
}

impl<const REVERSE: bool> ReadCommand for Range<REVERSE> {
    fn keys(&self) -> Keys<'_> {
        Keys::one(&self.key)
    }

    fn run(&self, tx: &ReadTx<'_>) -> Result<Reply> {
        let Some(stream) = Stream::open(tx, &self.key)? else { return Ok(Reply::Array(Vec::new())) };
        if self.count == Some(0) {
            return Ok(Reply::NullArray);
        }
        let ranks = stream.ranks(tx, self.from, self.to)?;
        let count = self.count.unwrap_or(u64::MAX).min(ranks.end - ranks.start);
        let ranks = if REVERSE { ranks.end - count..ranks.end } else { ranks.start..ranks.start + count };
        Ok(shown(stream.entries(tx, ranks, REVERSE)?))
    }
}
