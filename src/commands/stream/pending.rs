//! What is pending: `XACK`, `XPENDING`.

use super::{READ_KEY, UPDATE_KEY, bound, id, no_group, shown_id, spec};
use crate::commands::args::Args;
use crate::commands::spec::{Arity, Flags, Spec};
use crate::commands::{Command, ReadCommand, WriteCommand};
use crate::data_types::stream::{Edit, Group, GroupEdit, NOBODY, Pending, Stream};
use crate::encoding::stream_id::StreamId;
use crate::error::{Error, Result};
use crate::keyspace::Keys;
use crate::keyspace::tx::{ReadTx, WriteTx};
use crate::protocol::Reply;
use bytes::Bytes;
use std::collections::HashMap;

/// `XACK`.
pub struct XAck {
    key: Bytes,
    group: Bytes,
    /// Read when it is known that the group is there, for Redis complains in that order.
    ids: Vec<Bytes>,
}

impl Command for XAck {
    const SPEC: Spec = spec("XACK", Arity::AtLeast(4))
        .keys(UPDATE_KEY)
        .flags(Flags::FAST)
        .syntax("key group id [id ...]")
        .doc(
            "5.0.0",
            "O(log N) for each id, N being the number of pending entries",
            "Returns the number of messages that were successfully acknowledged by the consumer group member of \
             a stream.",
        );
    type Output = u64;

    fn parse(args: &mut Args) -> Result<Self> {
        Ok(XAck { key: args.bytes()?, group: args.bytes()?, ids: args.rest().to_vec() })
    }
}

impl WriteCommand for XAck {
    fn keys(&self) -> Keys<'_> {
        Keys::one(&self.key)
    }

    fn run(&self, tx: &mut WriteTx<'_>) -> Result<u64> {
        let Some(stream) = Edit::existing(tx, &self.key)? else { return Ok(0) };
        let Some(mut group) = GroupEdit::open(tx, &stream, &self.group)? else { return Ok(0) };
        let ids = self.ids.iter().map(|word| id(word, 0)).collect::<Result<Vec<_>>>()?;
        let mut acknowledged = 0;
        for id in ids {
            acknowledged += u64::from(group.remove(tx, id)?);
        }
        if acknowledged > 0 {
            group.finish(tx);
        }
        Ok(acknowledged)
    }
}

/// Which of the pending entries `XPENDING` is to show.
struct Filter {
    idle_ms: u64,
    range: (StreamId, StreamId),
    count: u64,
    consumer: Option<Bytes>,
}

/// `XPENDING`.
pub struct XPending {
    key: Bytes,
    group: Bytes,
    /// None: a summary.
    filter: Option<Filter>,
}

impl Command for XPending {
    const SPEC: Spec = spec("XPENDING", Arity::AtLeast(3))
        .keys(READ_KEY)
        .syntax("key group [[IDLE min-idle-time] start end count [consumer]]")
        .tips(&["nondeterministic_output"])
        .doc(
            "5.0.0",
            "O(log N + M) where M is the number of entries looked at; O(consumers) for the summary",
            "Returns the information and entries from a stream consumer group's pending entries list.",
        );
    type Output = Reply;

    fn parse(args: &mut Args) -> Result<Self> {
        let (key, group) = (args.bytes()?, args.bytes()?);
        if args.is_empty() {
            return Ok(XPending { key, group, filter: None });
        }
        let words = args.remaining();
        if !(3..=6).contains(&words) {
            return Err(Error::Syntax);
        }
        let mut idle_ms = 0;
        if args.take("IDLE") {
            idle_ms = u64::try_from(args.integer()?).unwrap_or(0);
            if words < 5 {
                return Err(Error::Syntax);
            }
        }
        let (start, end) = (args.bytes()?, args.bytes()?);
        let count = u64::try_from(args.integer()?).unwrap_or(0);
        let range = (bound(&start, true)?, bound(&end, false)?);
        let consumer = args.peek().cloned();
        Ok(XPending { key, group, filter: Some(Filter { idle_ms, range, count, consumer }) })
    }
}

impl ReadCommand for XPending {
    fn keys(&self) -> Keys<'_> {
        Keys::one(&self.key)
    }

    fn run(&self, tx: &ReadTx<'_>) -> Result<Reply> {
        let stream = Stream::open(tx, &self.key)?;
        let group = stream.map_or(Ok(None), |stream| Group::open(tx, &stream, &self.group))?;
        let group = group.ok_or_else(|| no_group(&self.key, &self.group))?;
        match &self.filter {
            None => summary(tx, &group),
            Some(filter) => list(tx, &group, filter),
        }
    }
}

fn summary(tx: &ReadTx, group: &Group) -> Result<Reply> {
    let count = group.pending_len();
    let Some((first, last)) = group.pending_ends(tx)? else {
        return Ok(Reply::Array(vec![count.into(), Reply::Null, Reply::Null, Reply::NullArray]));
    };
    let consumers = group.consumers(tx)?.into_iter().filter(|consumer| consumer.pending_len() > 0);
    let shown = consumers.map(|consumer| {
        let count = Reply::bulk(consumer.pending_len().to_string());
        Reply::Array(vec![Reply::Bulk(consumer.name), count])
    });
    Ok(Reply::Array(vec![count.into(), shown_id(first), shown_id(last), Reply::Array(shown.collect())]))
}

fn list(tx: &ReadTx, group: &Group, filter: &Filter) -> Result<Reply> {
    let mut found: Vec<Pending> = Vec::new();
    let visit = |pending: Pending| {
        if (found.len() as u64) < filter.count
            && tx.now_ms().saturating_sub(pending.time_ms) >= filter.idle_ms
        {
            found.push(pending);
        }
        Ok((found.len() as u64) < filter.count)
    };
    match &filter.consumer {
        None => group.visit(tx, filter.range, visit)?,
        Some(name) => {
            if let Some(consumer) = group.consumer(tx, name)? {
                group.visit_of(tx, &consumer, filter.range, visit)?;
            }
        }
    }
    let mut names = HashMap::new();
    let mut shown = Vec::with_capacity(found.len());
    for pending in found {
        let name = match names.get(&pending.consumer) {
            Some(name) => Bytes::clone(name),
            None if pending.consumer == NOBODY => Bytes::new(),
            None => {
                let name = group.consumer_name(tx, pending.consumer)?;
                names.insert(pending.consumer, name.clone());
                name
            }
        };
        let idle_ms = pending.idle_ms(tx.now_ms()).map_or(Reply::Integer(-1), Reply::from);
        let fields = vec![shown_id(pending.id), name.into(), idle_ms, pending.count.into()];
        shown.push(Reply::Array(fields));
    }
    Ok(Reply::Array(shown))
}
