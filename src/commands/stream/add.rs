//! `XADD`.

use super::trim::TrimArgs;
use super::{INVALID_ID, UPDATE_KEY, shown_id, spec};
use crate::commands::args::Args;
use crate::commands::spec::{Arity, Flags, Spec};
use crate::commands::{Command, WriteCommand};
use crate::data_types::stream::{Edit, Fields, NewId};
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
        let (mut creates, mut trim, mut id) = (true, TrimArgs::default(), None);
        while id.is_none() && !args.is_empty() {
            if trim.option(args)? {
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
        Ok(XAdd { key, creates, trim, id, fields: args.pairs()? })
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
        if stream.head().last_id == StreamId::MAX {
            return Err(Error::text(
                "ERR The stream has exhausted the last possible ID, unable to add more items",
            ));
        }
        let id = stream.next_id(tx.now_ms(), self.id).ok_or(Error::text(
            "ERR The ID specified in XADD is equal or smaller than the target stream top item",
        ))?;
        stream.append(tx, id, &self.fields)?;
        let trimmed = self.trim.run(tx, &mut stream)?;
        let slot = stream.finish(tx, Event::XADD);
        if trimmed > 0 {
            tx.notify(&slot, Event::XTRIM);
        }
        Ok(shown_id(id))
    }
}
