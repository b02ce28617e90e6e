//! `XADD`.

use super::trim::TrimArgs;
use super::{INVALID_ID, UPDATE_KEY, shown_id, spec};
use crate::commands::args::Args;
use crate::commands::spec::{Arity, Flags, Spec};
use crate::commands::{Command, WriteCommand};
use crate::data_types::stream::{Edit, Fields, NewId, content_id};
use crate::encoding::stream_id::StreamId;
use crate::error::{Error, Result};
use crate::keyspace::Keys;
use crate::keyspace::event::Event;
use crate::keyspace::tx::WriteTx;
use crate::protocol::Reply;
use bytes::Bytes;

/// `XADD`.
pub struct XAdd {
    key: Bytes,
    /// Whether a stream that is not there is to be made.
    creates: bool,
    trim: TrimArgs,
    id: NewId,
    fields: Fields,
    /// A producer, and its id for the entry.
    producer: Option<(Bytes, Bytes)>,
}

/// A producer, and its id for the entry; none: what the entry says stands for it.
type Producer = Option<(Bytes, Option<Bytes>)>;

/// Reads `IDMP` or `IDMPAUTO` if it is next; returns whether it was.
fn producer(args: &mut Args, found: &mut Producer) -> Result<bool> {
    let has_id = match args.remaining() {
        3.. if args.take("IDMP") => true,
        2.. if args.take("IDMPAUTO") => false,
        _ => return Ok(false),
    };
    if found.is_some() {
        return Err(Error::text("ERR IDMP/IDMPAUTO specified multiple times"));
    }
    let name = args.bytes()?;
    if name.is_empty() {
        return Err(Error::text(if has_id {
            "ERR IDMP requires a non-empty producer ID"
        } else {
            "ERR IDMPAUTO requires a non-empty producer ID"
        }));
    }
    let id = if has_id { Some(args.bytes()?) } else { None };
    if id.as_ref().is_some_and(|id| id.is_empty()) {
        return Err(Error::text("ERR IDMP requires a non-empty idempotent ID"));
    }
    *found = Some((name, id));
    Ok(true)
}

/// The id that a new entry is to have: `*`, `ms-*`, `ms` or `ms-seq`.
fn new_id(word: &[u8]) -> Result<NewId> {
    if word == b"*" {
        return Ok(NewId::Auto);
    }
    match StreamId::parse_parts(word) {
        Some((ms, Some(b"*"))) => Ok(NewId::AutoSeq(ms)),
        _ => StreamId::parse(word, 0).map(NewId::Given).ok_or(INVALID_ID),
    }
}

impl Command for XAdd {
    const SPEC: Spec = spec("XADD", Arity::AtLeast(5))
        .keys(UPDATE_KEY)
        .flags(Flags::DENYOOM.and(Flags::FAST))
        .syntax(
            "key [NOMKSTREAM] [KEEPREF | DELREF | ACKED] \
             [IDMPAUTO producer-id | IDMP producer-id idempotent-id] \
             [<MAXLEN | MINID> [= | ~] threshold [LIMIT count]] <* | id> field value [field value ...]",
        )
        .tips(&["nondeterministic_output"])
        .doc(
            "5.0.0",
            "O(1) when adding a new entry, O(log N + M) when trimming where M is the number of entries that go",
            "Appends a new message to a stream. Creates the key if it doesn't exist.",
        );
    type Output = Reply;

    fn parse(args: &mut Args) -> Result<Self> {
        let key = args.bytes()?;
        let (mut creates, mut trim, mut id, mut from) = (true, TrimArgs::default(), None, None);
        while id.is_none() && !args.is_empty() {
            if trim.option(args)? || producer(args, &mut from)? {
            } else if args.take("NOMKSTREAM") {
                creates = false;
            } else {
                id = Some(new_id(&args.bytes()?)?);
            }
        }
        trim.check()?;
        let count = args.remaining();
        let id = id.filter(|_| count >= 2 && count.is_multiple_of(2));
        let id = id.ok_or_else(|| Error::Arity(args.command().to_owned()))?;
        if id == NewId::Given(StreamId::MIN) {
            return Err(Error::text("ERR The ID specified in XADD must be greater than 0-0"));
        }
        if from.is_some() && id != NewId::Auto {
            return Err(Error::text("ERR IDMP/IDMPAUTO can be used only with auto-generated IDs"));
        }
        let fields = args.pairs()?;
        let producer = from.map(|(name, id)| (name, id.unwrap_or_else(|| content_id(&fields))));
        Ok(XAdd { key, creates, trim, id, fields, producer })
    }
}

impl WriteCommand for XAdd {
    fn keys(&self) -> Keys<'_> {
        Keys::one(&self.key)
    }

    fn run(&self, tx: &mut WriteTx<'_>) -> Result<Reply> {
        let mut stream = Edit::open(tx, &self.key)?;
        if !self.creates && !stream.exists() {
            return Ok(Reply::Null);
        }
        if let Some((producer, id)) = &self.producer
            && let Some(entry) = stream.entry_of(tx, producer, id)?
        {
            stream.note_duplicate(tx)?;
            return Ok(shown_id(entry));
        }
        if stream.head().last_id == StreamId::MAX {
            return Err(Error::text(
                "ERR The stream has exhausted the last possible ID, unable to add more items",
            ));
        }
        let id = stream.next_id(tx.now_ms(), self.id).ok_or(Error::text(
            "ERR The ID specified in XADD is equal or smaller than the target stream top item",
        ))?;
        stream.append(tx, id, &self.fields)?;
        if let Some((producer, own)) = &self.producer {
            stream.note_entry(tx, producer, own, id)?;
        }
        let trimmed = self.trim.run(tx, &mut stream)?;
        let slot = stream.finish(tx, Event::XADD);
        if trimmed > 0 {
            tx.notify(&slot, Event::XTRIM);
        }
        Ok(shown_id(id))
    }
}
