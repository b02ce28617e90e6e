//! Shortening streams, and setting what they say of their past: `XTRIM`, `XSETID`.

use super::{DELETE_KEY, UPDATE_KEY, next_id, spec};
use crate::commands::args::Args;
use crate::commands::spec::{Arity, Flags, Spec};
use crate::commands::{Command, WriteCommand};
use crate::data_types::stream::{AllGroups, Edit, References, Threshold, Trim};
use crate::encoding::stream_id::StreamId;
use crate::error::{Error, Result};
use crate::keyspace::Keys;
use crate::keyspace::event::Event;
use crate::keyspace::tx::WriteTx;
use bytes::Bytes;

/// What `XADD` and `XTRIM` say of trimming.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct TrimArgs {
    threshold: Option<Threshold>,
    approximate: bool,
    limit: Option<u64>,
    references: Option<References>,
}

/// Reads `KEEPREF`, `DELREF` or `ACKED` if it is next; returns whether it was.
pub(super) fn references(args: &mut Args, found: &mut Option<References>) -> Result<bool> {
    const WORDS: &[(&str, References)] =
        &[("KEEPREF", References::Keep), ("DELREF", References::Delete), ("ACKED", References::Acked)];
    let Some(references) = args.take_one(WORDS) else { return Ok(false) };
    if found.replace(references).is_some() { Err(Error::Syntax) } else { Ok(true) }
}

/// The next word as a number of at least 0.
fn not_negative(args: &mut Args, otherwise: &'static str) -> Result<u64> {
    u64::try_from(args.integer()?).map_err(|_| Error::text(otherwise))
}

impl TrimArgs {
    /// Reads one option if the next word is one; returns whether it was.
    pub(super) fn option(&mut self, args: &mut Args) -> Result<bool> {
        if references(args, &mut self.references)? {
            return Ok(true);
        }
        if args.remaining() < 2 {
            return Ok(false);
        }
        if let Some(by_length) = args.take_one(&[("MAXLEN", true), ("MINID", false)]) {
            if self.threshold.is_some() {
                return Err(Error::text(
                    "ERR syntax error, MAXLEN and MINID options at the same time are not compatible",
                ));
            }
            self.approximate = args.remaining() > 1 && args.take("~");
            let _is_exact = !self.approximate && args.remaining() > 1 && args.take("=");
            self.threshold = Some(if by_length {
                Threshold::MaxLen(not_negative(args, "ERR The MAXLEN argument must be >= 0.")?)
            } else {
                Threshold::MinId(next_id(args)?)
            });
            return Ok(true);
        }
        if args.take("LIMIT") {
            self.limit = Some(not_negative(args, "ERR The LIMIT argument must be >= 0.")?);
            return Ok(true);
        }
        Ok(false)
    }

    /// Checks that the options go together.
    pub(super) fn check(&self) -> Result<()> {
        if self.limit.is_some_and(|limit| limit > 0) && self.threshold.is_none() {
            return Err(Error::text(
                "ERR syntax error, LIMIT cannot be used without specifying a trimming strategy",
            ));
        }
        if self.limit.is_some() && !self.approximate {
            return Err(Error::text("ERR syntax error, LIMIT cannot be used without the special ~ option"));
        }
        Ok(())
    }

    /// Trims; returns how many entries went.
    pub(super) fn run(&self, tx: &mut WriteTx, stream: &mut Edit) -> Result<u64> {
        let Some(threshold) = self.threshold else { return Ok(0) };
        let limit = match self.limit {
            Some(0) => None,
            None if self.approximate => Some(default_limit(tx)),
            limit => limit,
        };
        let count = stream.excess(tx, Trim { threshold, approximate: self.approximate, limit })?;
        if count == 0 {
            return Ok(0);
        }
        let mut groups = AllGroups::open(tx, stream, self.references.unwrap_or_default())?;
        let gone = groups.trim(tx, stream, count)?;
        groups.finish(tx);
        Ok(gone)
    }
}

/// How many entries `~` takes out at once, unless told.
fn default_limit(tx: &WriteTx) -> u64 {
    match tx.keyspace().packing().stream.node_entries.saturating_mul(100) {
        0 => 10_000,
        limit => limit.min(1_000_000),
    }
}

/// `XTRIM`.
pub struct XTrim {
    key: Bytes,
    trim: TrimArgs,
}

impl Command for XTrim {
    const SPEC: Spec = spec("XTRIM", Arity::AtLeast(4))
        .keys(DELETE_KEY)
        .syntax("key <MAXLEN | MINID> [= | ~] threshold [LIMIT count] [KEEPREF | DELREF | ACKED]")
        .tips(&["nondeterministic_output"])
        .doc(
            "5.0.0",
            "O(log N + M) where M is the number of entries that go",
            "Deletes messages from the beginning of a stream.",
        );
    type Output = u64;

    fn parse(args: &mut Args) -> Result<Self> {
        let key = args.bytes()?;
        let mut trim = TrimArgs::default();
        while !args.is_empty() {
            if !trim.option(args)? {
                return Err(Error::Syntax);
            }
        }
        if trim.threshold.is_none() && trim.limit.is_none_or(|limit| limit == 0) {
            return Err(Error::text("ERR syntax error, XTRIM must be called with a trimming strategy"));
        }
        trim.check()?;
        Ok(XTrim { key, trim })
    }
}

impl WriteCommand for XTrim {
    fn keys(&self) -> Keys<'_> {
        Keys::one(&self.key)
    }

    fn run(&self, tx: &mut WriteTx<'_>) -> Result<u64> {
        let Some(mut stream) = Edit::existing(tx, &self.key)? else { return Ok(0) };
        let count = self.trim.run(tx, &mut stream)?;
        if count > 0 {
            stream.finish(tx, Event::XTRIM);
        }
        Ok(count)
    }
}

/// `XSETID`.
pub struct XSetId {
    key: Bytes,
    last_id: StreamId,
    entries_added: Option<u64>,
    max_deleted_id: Option<StreamId>,
}

impl Command for XSetId {
    const SPEC: Spec = spec("XSETID", Arity::AtLeast(3))
        .keys(UPDATE_KEY)
        .flags(Flags::DENYOOM.and(Flags::FAST))
        .syntax("key last-id [ENTRIESADDED entries-added] [MAXDELETEDID max-deleted-id]")
        .doc("5.0.0", "O(log N)", "An internal command for replicating stream values.");
    type Output = ();

    fn parse(args: &mut Args) -> Result<Self> {
        let (key, last_id) = (args.bytes()?, next_id(args)?);
        let (mut entries_added, mut max_deleted_id) = (None, None);
        while !args.is_empty() {
            if args.remaining() > 1 && args.take("ENTRIESADDED") {
                entries_added = Some(not_negative(args, "ERR entries_added must be positive")?);
            } else if args.remaining() > 1 && args.take("MAXDELETEDID") {
                let id = next_id(args)?;
                if last_id < id {
                    return Err(Error::text(
                        "ERR The ID specified in XSETID is smaller than the provided max_deleted_entry_id",
                    ));
                }
                max_deleted_id = Some(id).filter(|id| *id != StreamId::MIN);
            } else {
                return Err(Error::Syntax);
            }
        }
        Ok(XSetId { key, last_id, entries_added, max_deleted_id })
    }
}

impl WriteCommand for XSetId {
    fn keys(&self) -> Keys<'_> {
        Keys::one(&self.key)
    }

    fn run(&self, tx: &mut WriteTx<'_>) -> Result<()> {
        let mut stream = Edit::existing(tx, &self.key)?.ok_or(Error::NoSuchKey)?;
        if stream.top_id(tx)?.is_some_and(|top| self.last_id < top) {
            return Err(Error::text(
                "ERR The ID specified in XSETID is smaller than the target stream top item",
            ));
        }
        if self.entries_added.is_some_and(|added| added < stream.len()) {
            return Err(Error::text(
                "ERR The entries_added specified in XSETID is smaller than the target stream length",
            ));
        }
        stream.set_ids(self.last_id, self.entries_added, self.max_deleted_id);
        stream.finish(tx, Event::XSETID);
        Ok(())
    }
}
