//! Taking pending entries over from other consumers: `XAUTOCLAIM`, `XCLAIM`.

use super::{DELETE_KEY, UPDATE_KEY, bound, id, next_id, no_group, shown, shown_id, spec};
use crate::commands::args::Args;
use crate::commands::spec::{Arity, Flags, Spec};
use crate::commands::{Command, WriteCommand};
use crate::data_types::stream::{Edit, Entry, GroupEdit, NOBODY, Pending};
use crate::encoding::stream_id::StreamId;
use crate::error::{Error, Result};
use crate::keyspace::Keys;
use crate::keyspace::event::Event;
use crate::keyspace::tx::WriteTx;
use crate::protocol::Reply;
use bytes::Bytes;

/// As many pending entries are looked at, for each that is asked for.
const ATTEMPTS: u64 = 10;
/// Redis takes no greater count.
const MAX_COUNT: u64 = i64::MAX as u64 / 16;

/// Whose entries go to whom.
struct Names {
    key: Bytes,
    group: Bytes,
    consumer: Bytes,
}

impl Names {
    fn parse(args: &mut Args) -> Result<Names> {
        Ok(Names { key: args.bytes()?, group: args.bytes()?, consumer: args.bytes()? })
    }

    fn open(&self, tx: &mut WriteTx) -> Result<(Edit, GroupEdit)> {
        let missing = || no_group(&self.key, &self.group);
        let stream = Edit::existing(tx, &self.key)?.ok_or_else(missing)?;
        let group = GroupEdit::open(tx, &stream, &self.group)?.ok_or_else(missing)?;
        Ok((stream, group))
    }

    /// The number of the consumer, who has been seen now.
    fn consumer(&self, tx: &mut WriteTx, stream: &Edit, group: &mut GroupEdit) -> Result<u64> {
        let number = match group.find_consumer(tx, &self.consumer)? {
            Some(number) => number,
            None => {
                stream.notify(tx, Event::XGROUP_CREATECONSUMER);
                group.create_consumer(tx, &self.consumer)
            }
        };
        group.consumer_mut(number)?.seen_ms = tx.now_ms();
        Ok(number)
    }
}

/// The word as an integer.
fn integer(word: &[u8], otherwise: &'static str) -> Result<i64> {
    crate::encoding::text::parse_i64(word).ok_or(Error::text(otherwise))
}

fn reply(entries: Vec<Entry>, just_id: bool) -> Reply {
    if just_id {
        return Reply::Array(entries.into_iter().map(|entry| shown_id(entry.id)).collect());
    }
    shown(entries)
}

/// An entry to be claimed; without its fields if these are not wanted.
fn entry(tx: &WriteTx, stream: &Edit, id: StreamId, just_id: bool) -> Result<Option<Entry>> {
    if just_id {
        let found = stream.contains(tx, id)?;
        return Ok(found.then_some(Entry { id, fields: Vec::new() }));
    }
    stream.get(tx, id)
}

/// What the options of `XCLAIM` say.
#[derive(Default)]
struct Options {
    time_ms: Option<i64>,
    /// How long ago, instead of a time.
    idle_ms: Option<i64>,
    count: Option<u64>,
    force: bool,
    just_id: bool,
    last_id: Option<StreamId>,
}

impl Options {
    fn parse(args: &mut Args) -> Result<Options> {
        let mut options = Options::default();
        while let Some(word) = args.peek() {
            let has_more = args.remaining() > 1;
            if args.take("FORCE") {
                options.force = true;
            } else if args.take("JUSTID") {
                options.just_id = true;
            } else if has_more && args.take("IDLE") {
                let idle_ms = integer(&args.bytes()?, "ERR Invalid IDLE option argument for XCLAIM")?;
                (options.idle_ms, options.time_ms) = (Some(idle_ms), None);
            } else if has_more && args.take("TIME") {
                let time_ms = integer(&args.bytes()?, "ERR Invalid TIME option argument for XCLAIM")?;
                (options.idle_ms, options.time_ms) = (None, Some(time_ms));
            } else if has_more && args.take("RETRYCOUNT") {
                let count = integer(&args.bytes()?, "ERR Invalid RETRYCOUNT option argument for XCLAIM")?;
                options.count = u64::try_from(count).ok();
            } else if has_more && args.take("LASTID") {
                options.last_id = Some(next_id(args)?);
            } else {
                let word = String::from_utf8_lossy(word);
                return Err(Error::err(format_args!("Unrecognized XCLAIM option '{word}'")));
            }
        }
        Ok(options)
    }

    /// When the entries are to count as delivered; what makes no sense is now.
    fn time_ms(&self, now_ms: u64) -> u64 {
        let now = i64::try_from(now_ms).unwrap_or(i64::MAX);
        let time = self.time_ms.or(self.idle_ms.map(|idle_ms| now.wrapping_sub(idle_ms))).unwrap_or(now);
        u64::try_from(time).ok().filter(|time| *time <= now_ms).unwrap_or(now_ms)
    }
}

/// `XCLAIM`.
pub struct XClaim {
    names: Names,
    /// This and the rest: read when it is known that the group is there, for Redis complains in that order.
    idle_ms: Bytes,
    words: Vec<Bytes>,
    name: String,
}

impl Command for XClaim {
    const SPEC: Spec = spec("XCLAIM", Arity::AtLeast(6))
        .keys(UPDATE_KEY)
        .flags(Flags::FAST)
        .syntax(
            "key group consumer min-idle-time id [id ...] [IDLE ms] [TIME unix-time-milliseconds] \
             [RETRYCOUNT count] [FORCE] [JUSTID] [LASTID lastid]",
        )
        .tips(&["nondeterministic_output"])
        .doc(
            "5.0.0",
            "O(log N) for each id, N being the number of pending entries of the group",
            "Changes, or acquires, ownership of a message in a consumer group, as if the message was delivered a \
             consumer group member.",
        );
    type Output = Reply;

    fn parse(args: &mut Args) -> Result<Self> {
        let (names, idle_ms) = (Names::parse(args)?, args.bytes()?);
        Ok(XClaim { names, idle_ms, words: args.rest().to_vec(), name: args.command().to_owned() })
    }
}

impl WriteCommand for XClaim {
    fn keys(&self) -> Keys<'_> {
        Keys::one(&self.names.key)
    }

    fn run(&self, tx: &mut WriteTx<'_>) -> Result<Reply> {
        let (stream, mut group) = self.names.open(tx)?;
        let idle_ms = integer(&self.idle_ms, "ERR Invalid min-idle-time argument for XCLAIM")?;
        let idle_ms = u64::try_from(idle_ms).unwrap_or(0);
        let ids: Vec<StreamId> = self.words.iter().map_while(|word| id(word, 0).ok()).collect();
        let options = Options::parse(&mut Args::new(&self.words, ids.len(), &self.name, u64::MAX))?;
        if let Some(last_id) = options.last_id {
            group.head_mut().last_id = group.head.last_id.max(last_id);
        }
        let consumer = self.names.consumer(tx, &stream, &mut group)?;
        let mut claimed = Vec::new();
        for id in ids {
            claimed.extend(claim(tx, &stream, &mut group, &options, (consumer, idle_ms, id))?);
        }
        if !claimed.is_empty() {
            group.consumer_mut(consumer)?.active_ms = Some(tx.now_ms());
        }
        group.finish(tx);
        Ok(reply(claimed, options.just_id))
    }
}

/// Gives one entry to a consumer, if it is pending and idle for so long.
fn claim(
    tx: &WriteTx,
    stream: &Edit,
    group: &mut GroupEdit,
    options: &Options,
    (consumer, idle_ms, id): (u64, u64, StreamId),
) -> Result<Option<Entry>> {
    let Some(entry) = entry(tx, stream, id, options.just_id)? else {
        group.remove(tx, id)?;
        return Ok(None);
    };
    let found = group.pending(tx, id)?;
    if found.is_none() && !options.force {
        return Ok(None);
    }
    let is_new = |pending: &Pending| pending.consumer == NOBODY;
    let old = found.unwrap_or(Pending { id, consumer: NOBODY, time_ms: tx.now_ms(), count: 1 });
    if !is_new(&old) && tx.now_ms().saturating_sub(old.time_ms) < idle_ms {
        return Ok(None);
    }
    let count = match options.count {
        Some(count) => count,
        None if options.just_id => old.count,
        None => old.next_count(),
    };
    group.put(tx, Pending { id, consumer, time_ms: options.time_ms(tx.now_ms()), count })?;
    Ok(Some(entry))
}

/// What is to be claimed, or, without an entry, forgotten; and the first id that was not looked at.
type Candidates = (Vec<(Pending, Option<Entry>)>, Option<StreamId>);

/// `XAUTOCLAIM`.
pub struct XAutoClaim {
    names: Names,
    idle_ms: u64,
    start: StreamId,
    count: u64,
    just_id: bool,
}

impl Command for XAutoClaim {
    const SPEC: Spec = spec("XAUTOCLAIM", Arity::AtLeast(6))
        .keys(DELETE_KEY)
        .flags(Flags::FAST)
        .syntax("key group consumer min-idle-time start [COUNT count] [JUSTID]")
        .tips(&["nondeterministic_output"])
        .doc(
            "6.2.0",
            "O(log N + COUNT), N being the number of pending entries of the group",
            "Changes, or acquires, ownership of messages in a consumer group, as if the messages were delivered \
             to as consumer group member.",
        );
    type Output = Reply;

    fn parse(args: &mut Args) -> Result<Self> {
        const BAD_COUNT: Error = Error::text("ERR COUNT must be > 0");
        let names = Names::parse(args)?;
        let idle_ms = integer(&args.bytes()?, "ERR Invalid min-idle-time argument for XAUTOCLAIM")?;
        let idle_ms = u64::try_from(idle_ms).unwrap_or(0);
        let start = bound(&args.bytes()?, true)?;
        let (mut count, mut just_id) = (100, false);
        while !args.is_empty() {
            if args.remaining() > 1 && args.take("COUNT") {
                let number = u64::try_from(args.integer().map_err(|_| BAD_COUNT)?).ok();
                count = number.filter(|count| (1..=MAX_COUNT).contains(count)).ok_or(BAD_COUNT)?;
            } else if args.take("JUSTID") {
                just_id = true;
            } else {
                return Err(Error::Syntax);
            }
        }
        Ok(XAutoClaim { names, idle_ms, start, count, just_id })
    }
}

impl WriteCommand for XAutoClaim {
    fn keys(&self) -> Keys<'_> {
        Keys::one(&self.names.key)
    }

    fn run(&self, tx: &mut WriteTx<'_>) -> Result<Reply> {
        let (stream, mut group) = self.names.open(tx)?;
        let consumer = self.names.consumer(tx, &stream, &mut group)?;
        let (mut claimed, mut deleted) = (Vec::new(), Vec::new());
        let (looked_at, next) = self.candidates(tx, &stream, &group)?;
        for (pending, entry) in looked_at {
            let Some(entry) = entry else {
                group.remove(tx, pending.id)?;
                deleted.push(shown_id(pending.id));
                continue;
            };
            let count = if self.just_id { pending.count } else { pending.next_count() };
            group.put(tx, Pending { consumer, time_ms: tx.now_ms(), count, ..pending })?;
            claimed.push(entry);
        }
        if !claimed.is_empty() {
            group.consumer_mut(consumer)?.active_ms = Some(tx.now_ms());
        }
        group.finish(tx);
        let next = shown_id(next.unwrap_or_default());
        Ok(Reply::Array(vec![next, reply(claimed, self.just_id), Reply::Array(deleted)]))
    }
}

impl XAutoClaim {
    fn candidates(&self, tx: &WriteTx, stream: &Edit, group: &GroupEdit) -> Result<Candidates> {
        let (mut found, mut next) = (Vec::new(), None);
        let mut attempts = self.count.saturating_mul(ATTEMPTS);
        group.visit(tx, (self.start, StreamId::MAX), |pending| {
            if attempts == 0 || found.len() as u64 == self.count {
                next = Some(pending.id);
                return Ok(false);
            }
            attempts -= 1;
            let entry = entry(tx, stream, pending.id, self.just_id)?;
            if entry.is_none() || tx.now_ms().saturating_sub(pending.time_ms) >= self.idle_ms {
                found.push((pending, entry));
            }
            Ok(true)
        })?;
        Ok((found, next))
    }
}
