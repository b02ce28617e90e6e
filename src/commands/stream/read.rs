//! Reading several streams, and waiting for new entries: `XREAD`, `XREADGROUP`.

use super::{deliver, id, shown, spec};
use crate::commands::Command;
use crate::commands::args::Args;
use crate::commands::blocking::{Attempted, BlockingCommand, whole_timeout_ms};
use crate::commands::spec::{Arity, Begin, Find, Flags, KeyFlags, KeySpec, Spec};
use crate::data_types::stream::{Entry, Stream};
use crate::encoding::numbers::Kind;
use crate::encoding::stream_id::StreamId;
use crate::error::{Error, Result};
use crate::instance::waiters::Retry;
use crate::keyspace::tx::{ReadTx, WriteTx};
use crate::keyspace::{Keyspace, Origin};
use crate::protocol::Reply;
use bytes::Bytes;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

/// Streams are named at the end, each with an id; from which word on they are looked for.
const fn streams(from: i32) -> KeySpec {
    KeySpec {
        begin: Begin::Keyword("STREAMS", from),
        find: Find::Range { last: -1, step: 1, limit: 2 },
        flags: KeyFlags::RO.and(KeyFlags::ACCESS).and(KeyFlags::INCOMPLETE),
    }
}

const COMPLEXITY: &str = "O(log N + M) for each stream, M being the number of entries returned";

/// What `XREAD` and `XREADGROUP` say.
#[derive(Default)]
pub(super) struct Request {
    pub keys: Vec<Bytes>,
    /// Of each key; read when it is known what the key is, for Redis complains in that order.
    pub ids: Vec<Bytes>,
    /// Entries of each stream.
    pub count: Option<u64>,
    block_ms: Option<u64>,
    /// Group and consumer.
    pub group: Option<(Bytes, Bytes)>,
    pub no_ack: bool,
    /// What is pending for so long, in ms, is given as well.
    pub claim_ms: Option<u64>,
    /// When the first of what is pending will be so for long enough.
    pub claimable: Arc<Retry>,
    /// Entries of all streams together.
    max_count: Option<u64>,
    /// Bytes of all entries together, but for the first.
    max_bytes: Option<u64>,
}

/// What may still be given.
pub(super) struct Budget {
    count: u64,
    bytes: Option<u64>,
    is_first: bool,
}

/// How many entries are read at once when it is their bytes that count.
const CHUNK: u64 = 64;

impl Budget {
    /// Whether there is room for an entry, which then takes it.
    pub fn takes(&mut self, entry: &Entry) -> bool {
        let bytes: usize = entry.fields.iter().map(|(name, value)| name.len() + value.len()).sum();
        let left = self.bytes.map(|left| left.checked_sub(bytes as u64));
        let fits = self.count > 0 && (self.is_first || left.is_none_or(|left| left.is_some()));
        if fits {
            self.count -= 1;
            self.bytes = left.map(Option::unwrap_or_default);
            self.is_first = false;
        }
        fits
    }

    /// The entries at the first of these places, `most` at most, that there is room for.
    pub fn entries(
        &mut self,
        tx: &ReadTx,
        stream: &Stream,
        ranks: Range<u64>,
        most: u64,
    ) -> Result<Vec<Entry>> {
        let end = ranks.end.min(ranks.start.saturating_add(most.min(self.count)));
        let (mut start, mut found) = (ranks.start, Vec::new());
        while start < end {
            let next = if self.bytes.is_some() { end.min(start + CHUNK) } else { end };
            for entry in stream.entries(tx, start..next, false)? {
                if !self.takes(&entry) {
                    return Ok(found);
                }
                found.push(entry);
            }
            start = next;
        }
        Ok(found)
    }
}

/// How long entries have to be pending.
fn claim_ms(args: &mut Args) -> Result<u64> {
    let ms = args.integer().map_err(|_| Error::text("ERR min-idle-time is not an integer"))?;
    u64::try_from(ms).map_err(|_| Error::text("ERR min-idle-time must be a positive integer"))
}

impl Request {
    fn parse(args: &mut Args) -> Result<Request> {
        let is_group = args.command() == "xreadgroup";
        let mut request = Request::default();
        while !args.is_empty() {
            if args.remaining() > 1 && args.take("BLOCK") {
                request.block_ms = Some(whole_timeout_ms(args)?);
            } else if args.remaining() > 1 && args.take("COUNT") {
                request.count = u64::try_from(args.integer()?).ok().filter(|count| *count > 0);
            } else if args.remaining() > 1 && args.take("MAXCOUNT") {
                request.max_count = u64::try_from(args.integer()?).ok().filter(|count| *count > 0);
            } else if args.remaining() > 1 && args.take("MAXSIZE") {
                request.max_bytes = u64::try_from(args.integer()?).ok().filter(|bytes| *bytes > 0);
            } else if args.remaining() > 1 && is_group && args.take("CLAIM") {
                request.claim_ms = Some(claim_ms(args)?);
            } else if args.remaining() > 2 && args.take("GROUP") {
                only_for_groups("GROUP", is_group)?;
                request.group = Some((args.bytes()?, args.bytes()?));
            } else if args.take("NOACK") {
                only_for_groups("NOACK", is_group)?;
                request.no_ack = true;
            } else if args.remaining() > 1 && args.take("STREAMS") {
                request.streams(args, is_group)?;
            } else {
                return Err(Error::Syntax);
            }
        }
        if request.keys.is_empty() {
            return Err(Error::Syntax);
        }
        if is_group && request.group.is_none() {
            return Err(Error::text("ERR Missing GROUP option for XREADGROUP"));
        }
        Ok(request)
    }

    /// What may be given at all.
    pub fn budget(&self) -> Budget {
        Budget { count: self.max_count.unwrap_or(u64::MAX), bytes: self.max_bytes, is_first: true }
    }

    fn streams(&mut self, args: &mut Args, is_group: bool) -> Result<()> {
        let words = args.rest();
        if !words.len().is_multiple_of(2) {
            let (command, ids) =
                if is_group { ("xreadgroup", "ID or '>'") } else { ("xread", "ID, '+', or '$'") };
            return Err(Error::err(format_args!(
                "Unbalanced '{command}' list of streams: for each stream key an {ids} must be specified."
            )));
        }
        let (keys, ids) = words.split_at(words.len() / 2);
        (self.keys, self.ids) = (keys.to_vec(), ids.to_vec());
        Ok(())
    }
}

fn only_for_groups(option: &str, is_group: bool) -> Result<()> {
    if is_group {
        return Ok(());
    }
    Err(Error::err(format_args!(
        "The {option} option is only supported by XREADGROUP. You called XREAD instead."
    )))
}

/// What was found, by key; none if that is nothing.
fn table(found: Vec<(Bytes, Reply)>) -> Option<Reply> {
    let pairs = found.into_iter().map(|(key, entries)| (Reply::Bulk(key), entries)).collect::<Vec<_>>();
    if pairs.is_empty() { None } else { Some(Reply::Table(pairs)) }
}

/// `XREAD`.
pub struct XRead {
    request: Request,
    /// The ids behind which is read, as they were when the command came.
    after: OnceLock<Vec<StreamId>>,
}

impl Command for XRead {
    const SPEC: Spec = spec("XREAD", Arity::AtLeast(4))
        .keys(&[streams(1)])
        .flags(Flags::MOVABLEKEYS)
        .syntax(
            "[COUNT count] [MAXCOUNT maxcount] [MAXSIZE maxsize] [BLOCK milliseconds] \
             STREAMS key [key ...] id [id ...]",
        )
        .doc(
            "5.0.0",
            COMPLEXITY,
            "Returns messages from multiple streams with IDs greater than the ones requested. Blocks until a \
             message is available otherwise.",
        );
    type Output = Reply;

    fn parse(args: &mut Args) -> Result<Self> {
        Ok(XRead { request: Request::parse(args)?, after: OnceLock::new() })
    }
}

impl XRead {
    /// The ids behind which is to be read.
    fn after(&self, tx: &ReadTx) -> Result<Vec<StreamId>> {
        let mut after = Vec::with_capacity(self.request.ids.len());
        for (key, word) in self.request.keys.iter().zip(&self.request.ids) {
            let stream = Stream::open(tx, key)?;
            after.push(match word.as_ref() {
                b"$" => stream.map_or(StreamId::MIN, |stream| stream.head().last_id),
                b"+" => match stream {
                    Some(stream) => stream.top_id(tx)?.and_then(StreamId::previous).unwrap_or_default(),
                    None => StreamId::MIN,
                },
                b">" => {
                    return Err(Error::text(
                        "ERR The > ID can be specified only when calling XREADGROUP using the GROUP <group> \
                         <consumer> option.",
                    ));
                }
                word => id(word, 0)?,
            });
        }
        Ok(after)
    }

    fn run(&self, tx: &ReadTx) -> Result<Option<Reply>> {
        let after = match self.after.get() {
            Some(after) => after.clone(),
            None => self.after(tx)?,
        };
        let (mut found, mut budget) = (Vec::new(), self.request.budget());
        for (key, after) in self.request.keys.iter().zip(&after) {
            let stream = match Stream::open(tx, key) {
                // It has become so while the client waited.
                Err(Error::WrongType) => None,
                stream => stream?,
            };
            let Some((stream, from)) = stream.zip(after.next()) else { continue };
            let ranks = stream.ranks(tx, from, StreamId::MAX)?;
            let entries = budget.entries(tx, &stream, ranks, self.request.count.unwrap_or(u64::MAX))?;
            if !entries.is_empty() {
                found.push((key.clone(), shown(entries)));
            }
        }
        self.after.get_or_init(|| after);
        Ok(table(found))
    }
}

impl BlockingCommand for XRead {
    const KIND: Kind = Kind::Stream;

    fn waits(&self) -> bool {
        self.request.block_ms.is_some()
    }

    fn waits_for(&self) -> &[Bytes] {
        &self.request.keys
    }

    fn timeout_ms(&self) -> u64 {
        self.request.block_ms.unwrap_or(0)
    }

    fn attempt(&self, tx: &mut WriteTx<'_>) -> Result<Option<Reply>> {
        self.run(tx)
    }

    fn try_once(
        &self,
        keyspace: &Keyspace,
        origin: Origin,
        let_pass: &dyn Fn() -> Result<()>,
        nothing: &dyn Fn(),
    ) -> Result<Attempted> {
        let reply = keyspace.read(origin, &self.keys(), |tx| {
            let_pass()?;
            let reply = self.run(tx)?;
            if reply.is_none() {
                nothing();
            }
            Ok(reply)
        })?;
        Ok((reply, None))
    }

    fn timed_out(&self) -> Reply {
        Reply::NullArray
    }
}

/// `XREADGROUP`.
pub struct XReadGroup {
    request: Request,
    /// Set when it has been tried once.
    waited: OnceLock<()>,
}

impl Command for XReadGroup {
    const SPEC: Spec = spec("XREADGROUP", Arity::AtLeast(7))
        .keys(&[streams(4)])
        .flags(Flags::MOVABLEKEYS)
        .syntax(
            "GROUP group consumer [COUNT count] [MAXCOUNT maxcount] [MAXSIZE maxsize] [BLOCK milliseconds] \
             [CLAIM min-idle-time] [NOACK] STREAMS key [key ...] id [id ...]",
        )
        .doc(
            "5.0.0",
            COMPLEXITY,
            "Returns new or historical messages from a stream for a consumer in a group. Blocks until a message \
             is available otherwise.",
        );
    type Output = Reply;

    fn parse(args: &mut Args) -> Result<Self> {
        Ok(XReadGroup { request: Request::parse(args)?, waited: OnceLock::new() })
    }
}

impl BlockingCommand for XReadGroup {
    const KIND: Kind = Kind::Stream;
    const MINDS_LOSS: bool = true;

    fn waits(&self) -> bool {
        self.request.block_ms.is_some()
    }

    fn waits_for(&self) -> &[Bytes] {
        &self.request.keys
    }

    fn timeout_ms(&self) -> u64 {
        self.request.block_ms.unwrap_or(0)
    }

    fn retry(&self) -> Arc<Retry> {
        self.request.claimable.clone()
    }

    fn attempt(&self, tx: &mut WriteTx<'_>) -> Result<Option<Reply>> {
        self.request.claimable.clear();
        let again = self.waited.get().is_some();
        let found =
            if again { deliver::again(&self.request, tx)? } else { deliver::first(&self.request, tx)? };
        self.waited.get_or_init(|| ());
        Ok(table(found))
    }

    fn timed_out(&self) -> Reply {
        Reply::NullArray
    }
}
