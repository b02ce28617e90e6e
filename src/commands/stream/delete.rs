//! Deleting entries by id: `XACKDEL`, `XDEL`, `XDELEX`.

use super::trim::references;
use super::{DELETE_KEY, id, spec};
use crate::commands::args::Args;
use crate::commands::spec::{Arity, Flags, KeyFlags, KeySpec, Spec};
use crate::commands::{Command, WriteCommand};
use crate::data_types::stream::{AllGroups, Deletion, Edit, Group, GroupEdit, References};
use crate::encoding::stream_id::StreamId;
use crate::encoding::text;
use crate::error::{Error, Result};
use crate::keyspace::Keys;
use crate::keyspace::event::Event;
use crate::keyspace::tx::WriteTx;
use bytes::Bytes;

/// `XDEL`.
pub struct XDel {
    key: Bytes,
    /// Read when it is known that the key is there, for Redis complains in that order.
    ids: Vec<Bytes>,
}

impl Command for XDel {
    const SPEC: Spec =
        spec("XDEL", Arity::AtLeast(3)).keys(DELETE_KEY).flags(Flags::FAST).syntax("key id [id ...]").doc(
            "5.0.0",
            "O(log N) for each entry",
            "Returns the number of messages after removing them from a stream.",
        );
    type Output = u64;

    fn parse(args: &mut Args) -> Result<Self> {
        Ok(XDel { key: args.bytes()?, ids: args.rest().to_vec() })
    }
}

impl WriteCommand for XDel {
    fn keys(&self) -> Keys<'_> {
        Keys::one(&self.key)
    }

    fn run(&self, tx: &mut WriteTx<'_>) -> Result<u64> {
        let Some(mut stream) = Edit::existing(tx, &self.key)? else { return Ok(0) };
        let ids = self.ids.iter().map(|word| id(word, 0)).collect::<Result<Vec<_>>>()?;
        let mut deleted = 0;
        for id in ids {
            deleted += u64::from(stream.delete(tx, id)?);
        }
        if deleted > 0 {
            stream.finish(tx, Event::XDEL);
        }
        Ok(deleted)
    }
}

/// Reads `IDS numids id [id ...]` if it is next; returns whether it was.
pub(super) fn numbered_ids(args: &mut Args, found: &mut Option<Vec<StreamId>>) -> Result<bool> {
    if args.remaining() < 2 || !args.take("IDS") {
        return Ok(false);
    }
    let count = text::parse_i64(&args.bytes()?).and_then(|count| usize::try_from(count).ok());
    let count = count.filter(|count| *count > 0);
    let count = count.ok_or(Error::text("ERR Number of IDs must be a positive integer"))?;
    if count > args.remaining() {
        return Err(Error::text("ERR The `numids` parameter must match the number of arguments"));
    }
    let ids = (0..count).map(|_| id(&args.bytes()?, 0)).collect::<Result<_>>()?;
    if found.replace(ids).is_some() { Err(Error::Syntax) } else { Ok(true) }
}

/// What `XDELEX` and `XACKDEL` say.
struct Request {
    references: References,
    ids: Vec<StreamId>,
}

impl Request {
    fn parse(args: &mut Args) -> Result<Request> {
        let (mut kept, mut ids) = (None, None);
        while !args.is_empty() {
            if !references(args, &mut kept)? && !numbered_ids(args, &mut ids)? {
                return Err(Error::Syntax);
            }
        }
        Ok(Request { references: kept.unwrap_or_default(), ids: ids.ok_or(Error::Syntax)? })
    }

    /// The reply when there is nothing to delete from.
    fn nothing(&self) -> Vec<i64> {
        vec![-1; self.ids.len()]
    }
}

fn number(deletion: Deletion) -> i64 {
    match deletion {
        Deletion::Missing => -1,
        Deletion::Deleted => 1,
        Deletion::Kept => 2,
    }
}

/// `XDELEX`.
pub struct XDelEx {
    key: Bytes,
    request: Request,
}

impl Command for XDelEx {
    const SPEC: Spec = spec("XDELEX", Arity::AtLeast(5))
        .keys(DELETE_KEY)
        .flags(Flags::FAST)
        .syntax("key [KEEPREF | DELREF | ACKED] IDS numids id [id ...]")
        .doc(
            "8.2.0",
            "O(log N) for each entry, times the groups",
            "Deletes one or multiple entries from the stream.",
        );
    type Output = Vec<i64>;

    fn parse(args: &mut Args) -> Result<Self> {
        Ok(XDelEx { key: args.bytes()?, request: Request::parse(args)? })
    }
}

impl WriteCommand for XDelEx {
    fn keys(&self) -> Keys<'_> {
        Keys::one(&self.key)
    }

    fn run(&self, tx: &mut WriteTx<'_>) -> Result<Vec<i64>> {
        let Some(mut stream) = Edit::existing(tx, &self.key)? else { return Ok(self.request.nothing()) };
        let mut groups = AllGroups::open(tx, &stream, self.request.references)?;
        let mut done = Vec::with_capacity(self.request.ids.len());
        for id in &self.request.ids {
            done.push(number(groups.delete(tx, &mut stream, *id)?));
        }
        groups.finish(tx);
        if done.contains(&1) {
            stream.finish(tx, Event::XDEL);
        }
        Ok(done)
    }
}

/// `XACKDEL`.
pub struct XAckDel {
    key: Bytes,
    group: Bytes,
    request: Request,
}

impl Command for XAckDel {
    const SPEC: Spec = spec("XACKDEL", Arity::AtLeast(6))
        .keys(&[KeySpec::at(1, KeyFlags::RW.and(KeyFlags::DELETE).and(KeyFlags::UPDATE))])
        .flags(Flags::FAST)
        .syntax("key group [KEEPREF | DELREF | ACKED] IDS numids id [id ...]")
        .doc(
            "8.2.0",
            "O(log N) for each entry, times the groups",
            "Acknowledges and deletes one or multiple messages for a stream consumer group.",
        );
    type Output = Vec<i64>;

    fn parse(args: &mut Args) -> Result<Self> {
        Ok(XAckDel { key: args.bytes()?, group: args.bytes()?, request: Request::parse(args)? })
    }
}

impl WriteCommand for XAckDel {
    fn keys(&self) -> Keys<'_> {
        Keys::one(&self.key)
    }

    fn run(&self, tx: &mut WriteTx<'_>) -> Result<Vec<i64>> {
        let Some(mut stream) = Edit::existing(tx, &self.key)? else { return Ok(self.request.nothing()) };
        if Group::open(tx, &stream, &self.group)?.is_none() {
            return Ok(self.request.nothing());
        }
        let mut done = Vec::with_capacity(self.request.ids.len());
        // With KEEPREF the other groups are of no concern.
        let mut others = AllGroups::open(tx, &stream, self.request.references)?;
        let mut alone = match others.get_mut(&self.group) {
            Some(_) => None,
            None => GroupEdit::open(tx, &stream, &self.group)?,
        };
        let mut is_gone = false;
        for id in &self.request.ids {
            let Some(group) = others.get_mut(&self.group).or(alone.as_mut()) else { break };
            if !group.remove(tx, *id)? {
                done.push(-1);
                continue;
            }
            let deletion = others.delete(tx, &mut stream, *id)?;
            is_gone |= deletion == Deletion::Deleted;
            // It may be gone from the stream already.
            done.push(if deletion == Deletion::Kept { 2 } else { 1 });
        }
        others.finish_all(tx);
        if let Some(group) = alone {
            group.finish(tx);
        }
        if is_gone {
            stream.finish(tx, Event::XDEL);
        }
        Ok(done)
    }
}
