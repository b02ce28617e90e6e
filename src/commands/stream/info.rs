//! What is known of a stream: `XINFO`.

use super::{shown, shown_fields, shown_id, spec};
use crate::commands::args::Args;
use crate::commands::help::help_command;
use crate::commands::spec::{Arity, Categories, KeyFlags, KeySpec, Spec};
use crate::commands::{Command, Entry, ReadCommand};
use crate::data_types::stream::{self, Consumer, Group, NOBODY, Pending, Stream};
use crate::encoding::stream_id::StreamId;
use crate::error::{Error, Result};
use crate::keyspace::Keys;
use crate::keyspace::tx::ReadTx;
use crate::protocol::{Reply, fields};
use bytes::Bytes;
use std::collections::HashMap;

/// `XINFO`.
pub const SPEC: Spec = spec("XINFO", Arity::AtLeast(2)).without(Categories::STREAM).doc(
    "5.0.0",
    "Depends on the subcommand",
    "A container for stream introspection commands.",
);

pub static SUBCOMMANDS: &[Entry] = &[
    Entry::read::<InfoConsumers>(),
    Entry::read::<InfoGroups>(),
    Entry::session::<Help>(),
    Entry::read::<InfoStream>(),
];

const READ_KEY: &[KeySpec] = &[KeySpec::at(2, KeyFlags::RO.and(KeyFlags::ACCESS))];
const ALL: (StreamId, StreamId) = (StreamId::MIN, StreamId::MAX);

/// Entries that `FULL` shows unless told otherwise.
const FULL_COUNT: u64 = 10;

fn open(tx: &ReadTx, key: &[u8]) -> Result<Stream> {
    Stream::open(tx, key)?.ok_or(Error::NoSuchKey)
}

/// `XINFO CONSUMERS`.
pub struct InfoConsumers {
    key: Bytes,
    group: Bytes,
}

impl Command for InfoConsumers {
    const SPEC: Spec = spec("XINFO|CONSUMERS", Arity::Exactly(4))
        .keys(READ_KEY)
        .syntax("key group")
        .tips(&["nondeterministic_output"])
        .doc("5.0.0", "O(consumers)", "Returns a list of the consumers in a consumer group.");
    type Output = Reply;

    fn parse(args: &mut Args) -> Result<Self> {
        Ok(InfoConsumers { key: args.bytes()?, group: args.bytes()? })
    }
}

impl ReadCommand for InfoConsumers {
    fn keys(&self) -> Keys<'_> {
        Keys::one(&self.key)
    }

    fn run(&self, tx: &ReadTx<'_>) -> Result<Reply> {
        let stream = open(tx, &self.key)?;
        let group = Group::open(tx, &stream, &self.group)?;
        let group = group.ok_or_else(|| super::no_such_group(&self.key, &self.group))?;
        let ago = |time_ms: u64| i64::try_from(tx.now_ms().saturating_sub(time_ms)).unwrap_or(i64::MAX);
        let shown = |consumer: Consumer| {
            Reply::Map(fields([
                ("name", consumer.name.clone().into()),
                ("pending", consumer.pending_len().into()),
                ("idle", ago(consumer.seen_ms).into()),
                ("inactive", consumer.active_ms.map_or(-1, ago).into()),
            ]))
        };
        Ok(Reply::Array(group.consumers(tx)?.into_iter().map(shown).collect()))
    }
}

/// `XINFO GROUPS`.
pub struct InfoGroups {
    key: Bytes,
}

impl Command for InfoGroups {
    const SPEC: Spec = spec("XINFO|GROUPS", Arity::Exactly(3)).keys(READ_KEY).syntax("key").doc(
        "5.0.0",
        "O(groups)",
        "Returns a list of the consumer groups of a stream.",
    );
    type Output = Reply;

    fn parse(args: &mut Args) -> Result<Self> {
        Ok(InfoGroups { key: args.bytes()? })
    }
}

impl ReadCommand for InfoGroups {
    fn keys(&self) -> Keys<'_> {
        Keys::one(&self.key)
    }

    fn run(&self, tx: &ReadTx<'_>) -> Result<Reply> {
        let stream = open(tx, &self.key)?;
        let mut shown = Vec::new();
        for group in Group::all(tx, &stream)? {
            shown.push(Reply::Map(fields([
                ("name", group.head.name.clone().into()),
                ("consumers", group.head.consumers.into()),
                ("pending", group.pending_len().into()),
                ("last-delivered-id", shown_id(group.head.last_id)),
                ("entries-read", group.head.entries_read.into()),
                ("lag", group.lag(tx, &stream)?.into()),
            ])));
        }
        Ok(Reply::Array(shown))
    }
}

/// `XINFO STREAM`.
pub struct InfoStream {
    key: Bytes,
    /// What the options say; that they are wrong is told when the key is there.
    full: Result<Full>,
}

/// With `FULL`: how many entries; none of them is all.
type Full = Option<Option<u64>>;

fn full(args: &mut Args) -> Result<Full> {
    if args.is_empty() {
        return Ok(None);
    }
    let words = args.remaining();
    if !args.take("FULL") || (words != 1 && (words != 3 || !args.take("COUNT"))) {
        return Err(args.subcommand_error());
    }
    let count = if words == 3 { args.integer()? } else { FULL_COUNT as i64 };
    let count = u64::try_from(count).unwrap_or(FULL_COUNT);
    Ok(Some(Some(count).filter(|count| *count > 0)))
}

impl Command for InfoStream {
    const SPEC: Spec = spec("XINFO|STREAM", Arity::AtLeast(3))
        .keys(READ_KEY)
        .syntax("key [FULL [COUNT count]]")
        .doc("5.0.0", "O(log N); with FULL, O(what is shown) more", "Returns information about a stream.");
    type Output = Reply;

    fn parse(args: &mut Args) -> Result<Self> {
        Ok(InfoStream { key: args.bytes()?, full: full(args) })
    }
}

impl ReadCommand for InfoStream {
    fn keys(&self) -> Keys<'_> {
        Keys::one(&self.key)
    }

    fn run(&self, tx: &ReadTx<'_>) -> Result<Reply> {
        let stream = open(tx, &self.key)?;
        let head = stream.head();
        let nodes = stream.nodes(tx);
        let mut info = fields([
            ("length", stream.len().into()),
            ("radix-tree-keys", nodes.into()),
            ("radix-tree-nodes", (nodes + 1).into()),
            ("last-generated-id", shown_id(head.last_id)),
            ("max-deleted-entry-id", shown_id(head.max_deleted_id)),
            ("entries-added", head.entries_added.into()),
            ("recorded-first-entry-id", shown_id(stream.first_id(tx)?.unwrap_or_default())),
        ]);
        let producers = stream.producers(tx)?.unwrap_or_default();
        info.extend(fields([
            ("idmp-duration", producers.retention.seconds.into()),
            ("idmp-maxsize", producers.retention.ids.into()),
            ("pids-tracked", producers.producers.into()),
            ("iids-tracked", producers.ids.into()),
            ("iids-added", producers.added.into()),
            ("iids-duplicates", producers.duplicates.into()),
        ]));
        match self.full.as_ref().map_err(Error::clone)? {
            None => {
                let len = stream.len();
                info.extend(fields([
                    ("groups", head.groups.into()),
                    ("first-entry", one(stream.entries(tx, 0..1, false)?)),
                    ("last-entry", one(stream.entries(tx, len.saturating_sub(1)..len, false)?)),
                ]));
            }
            Some(count) => {
                let ranks = 0..count.unwrap_or(u64::MAX).min(stream.len());
                let entries = shown(stream.entries(tx, ranks, false)?);
                let mut groups = Vec::new();
                for group in Group::all(tx, &stream)? {
                    groups.push(full_group(tx, &stream, &group, *count)?);
                }
                info.extend(fields([("entries", entries), ("groups", Reply::Array(groups))]));
            }
        }
        Ok(Reply::Map(info))
    }
}

/// The only one of these entries.
fn one(mut entries: Vec<stream::Entry>) -> Reply {
    entries
        .pop()
        .map_or(Reply::Null, |entry| Reply::Array(vec![shown_id(entry.id), shown_fields(entry.fields)]))
}

/// Up to `count` pending entries, of one consumer or all.
fn some(tx: &ReadTx, group: &Group, consumer: Option<&Consumer>, count: Option<u64>) -> Result<Vec<Pending>> {
    let mut found = Vec::new();
    let visit = |pending| {
        found.push(pending);
        Ok(count.is_none_or(|count| (found.len() as u64) < count))
    };
    match consumer {
        None => group.visit(tx, ALL, visit)?,
        Some(consumer) => group.visit_of(tx, consumer, ALL, visit)?,
    }
    Ok(found)
}

fn full_group(tx: &ReadTx, stream: &Stream, group: &Group, count: Option<u64>) -> Result<Reply> {
    let consumers = group.consumers(tx)?;
    let names: HashMap<u64, Bytes> =
        consumers.iter().map(|consumer| (consumer.number(), consumer.name.clone())).collect();
    let pending = some(tx, group, None, count)?.into_iter().map(|pending| {
        let name = names.get(&pending.consumer).cloned().filter(|_| pending.consumer != NOBODY);
        let (time, times) = (pending.time_ms.into(), pending.count.into());
        Reply::Array(vec![shown_id(pending.id), name.unwrap_or_default().into(), time, times])
    });
    let pending = Reply::Array(pending.collect());
    let mut shown = Vec::new();
    for consumer in &consumers {
        let pending = some(tx, group, Some(consumer), count)?.into_iter().map(|pending| {
            Reply::Array(vec![shown_id(pending.id), pending.time_ms.into(), pending.count.into()])
        });
        let active = consumer.active_ms.map_or(Reply::Integer(-1), Reply::from);
        shown.push(Reply::Map(fields([
            ("name", consumer.name.clone().into()),
            ("seen-time", consumer.seen_ms.into()),
            ("active-time", active),
            ("pel-count", consumer.pending_len().into()),
            ("pending", Reply::Array(pending.collect())),
        ])));
    }
    Ok(Reply::Map(fields([
        ("name", group.head.name.clone().into()),
        ("last-delivered-id", shown_id(group.head.last_id)),
        ("entries-read", group.head.entries_read.into()),
        ("lag", group.lag(tx, stream)?.into()),
        ("pel-count", group.pending_len().into()),
        ("pending", pending),
        ("consumers", Reply::Array(shown)),
    ])))
}

help_command!(
    Help,
    spec("XINFO|HELP", Arity::Exactly(2)),
    "5.0.0",
    &[
        "CONSUMERS <key> <groupname>",
        "    Show consumers of <groupname>.",
        "GROUPS <key>",
        "    Show the stream consumer groups.",
        "STREAM <key> [FULL [COUNT <count>]",
        "    Show information about the stream.",
    ]
);
