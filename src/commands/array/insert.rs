//! Arrays as logs and rings, by the place of the last insertion: `ARINSERT`, `ARLASTITEMS`, `ARNEXT`,
//! `ARRING`, `ARSEEK`.

use super::{INVALID_INDEX, MAX_POSITIONS, READ_KEY, UPDATE_KEY, index_reply};
use crate::commands::args::Args;
use crate::commands::spec::{Arity, Flags, Group, Spec};
use crate::commands::{Command, ReadCommand, WriteCommand};
use crate::data_types::array::{Array, Edit, MAX_INDEX, Span};
use crate::encoding::text;
use crate::error::{Error, Result};
use crate::keyspace::Keys;
use crate::keyspace::event::Event;
use crate::keyspace::tx::{ReadTx, WriteTx};
use crate::protocol::Reply;
use bytes::Bytes;

/// `ARINSERT`.
pub struct ArInsert {
    pub key: Bytes,
    pub values: Vec<Bytes>,
}

impl Command for ArInsert {
    const SPEC: Spec = Spec::new("ARINSERT", Group::Array, Arity::AtLeast(3))
        .keys(UPDATE_KEY)
        .flags(Flags::DENYOOM.and(Flags::FAST))
        .syntax("key value [value ...]")
        .doc(
            "8.8.0",
            "O(M log N) where M is the number of values",
            "Inserts one or more values at consecutive indices.",
        );
    type Output = Reply;

    fn parse(args: &mut Args) -> Result<Self> {
        Ok(ArInsert { key: args.bytes()?, values: args.rest().to_vec() })
    }
}

impl WriteCommand for ArInsert {
    fn keys(&self) -> Keys<'_> {
        Keys::one(&self.key)
    }

    fn run(&self, tx: &mut WriteTx<'_>) -> Result<Reply> {
        let mut array = Edit::open(tx, &self.key)?;
        let start = array.cursor().map_or(Some(0), |cursor| cursor.checked_add(1));
        let last = start.and_then(|start| start.checked_add(self.values.len() as u64 - 1));
        let (Some(start), Some(last @ ..=MAX_INDEX)) = (start, last) else {
            return Err(Error::text("ERR insert index overflow"));
        };
        array.set_run(tx, start, &self.values)?;
        array.set_cursor(Some(last));
        array.finish(tx, Event::ARINSERT);
        Ok(index_reply(last))
    }
}

/// `ARRING`.
pub struct ArRing {
    pub key: Bytes,
    /// Positions of the ring; never 0.
    pub size: u64,
    pub values: Vec<Bytes>,
}

impl Command for ArRing {
    const SPEC: Spec = Spec::new("ARRING", Group::Array, Arity::AtLeast(4))
        .keys(UPDATE_KEY)
        .flags(Flags::DENYOOM)
        .syntax("key size value [value ...]")
        .doc(
            "8.8.0",
            "O(M log N) where M is the number of values, O(N+M log N) when the size of the ring changes",
            "Inserts values into a ring buffer of specified size, wrapping and truncating as needed.",
        );
    type Output = Reply;

    fn parse(args: &mut Args) -> Result<Self> {
        let key = args.bytes()?;
        let size = text::parse_i64(&args.bytes()?).ok_or(Error::text("ERR invalid size"))?;
        if size <= 0 {
            return Err(Error::text("ERR size must be positive"));
        }
        Ok(ArRing { key, size: size.unsigned_abs(), values: args.rest().to_vec() })
    }
}

impl ArRing {
    /// How many of the newest values stay when the ring, whose last position is `last`, takes another
    /// size; none where it need not be made anew.
    fn keeps(&self, last: u64, cursor: Option<u64>) -> Option<u64> {
        let span = last + 1;
        if self.size < span {
            return Some(self.size);
        }
        // It grows after it went round: what was written last would else be in its middle. A cursor
        // that ARSEEK has set to 0 is followed as it is.
        let went_round = cursor.is_some_and(|cursor| cursor < last);
        (self.size > span && went_round).then_some(span)
    }
}

impl WriteCommand for ArRing {
    fn keys(&self) -> Keys<'_> {
        Keys::one(&self.key)
    }

    fn run(&self, tx: &mut WriteTx<'_>) -> Result<Reply> {
        let mut array = Edit::open(tx, &self.key)?;
        if let Some(last) = array.last_index(tx)?
            && let Some(keep) = self.keeps(last, array.cursor())
        {
            array.keep_newest(tx, last, keep)?;
        }
        let mut cursor = array.cursor();
        for value in &self.values {
            let index = cursor.map_or(0, |cursor| cursor.wrapping_add(1)) % self.size;
            array.set(tx, index, value)?;
            cursor = Some(index);
        }
        array.set_cursor(cursor);
        array.finish(tx, Event::ARRING);
        Ok(index_reply(cursor.unwrap_or(0)))
    }
}

/// `ARNEXT`.
pub struct ArNext {
    pub key: Bytes,
}

impl Command for ArNext {
    const SPEC: Spec = Spec::new("ARNEXT", Group::Array, Arity::Exactly(2))
        .keys(READ_KEY)
        .flags(Flags::FAST)
        .syntax("key")
        .doc("8.8.0", "O(1)", "Returns the next index ARINSERT would use.");
    type Output = Reply;

    fn parse(args: &mut Args) -> Result<Self> {
        Ok(ArNext { key: args.bytes()? })
    }
}

impl ReadCommand for ArNext {
    fn keys(&self) -> Keys<'_> {
        Keys::one(&self.key)
    }

    fn run(&self, tx: &ReadTx<'_>) -> Result<Reply> {
        let cursor = Array::get(tx, &self.key)?.and_then(|array| array.cursor());
        Ok(match cursor {
            None => Reply::Integer(0),
            Some(MAX_INDEX..) => Reply::Null,
            Some(cursor) => index_reply(cursor + 1),
        })
    }
}

/// `ARSEEK`.
pub struct ArSeek {
    pub key: Bytes,
    /// Where the next value is to be inserted; one more than the last index lets none.
    pub next: u64,
}

impl Command for ArSeek {
    const SPEC: Spec = Spec::new("ARSEEK", Group::Array, Arity::Exactly(3))
        .keys(UPDATE_KEY)
        .flags(Flags::FAST)
        .syntax("key index")
        .doc("8.8.0", "O(1)", "Sets the ARINSERT / ARRING cursor to a specific index.");
    type Output = bool;

    fn parse(args: &mut Args) -> Result<Self> {
        let key = args.bytes()?;
        Ok(ArSeek { key, next: text::parse_u64(&args.bytes()?).ok_or(INVALID_INDEX)? })
    }
}

impl WriteCommand for ArSeek {
    fn keys(&self) -> Keys<'_> {
        Keys::one(&self.key)
    }

    fn run(&self, tx: &mut WriteTx<'_>) -> Result<bool> {
        let mut array = Edit::open(tx, &self.key)?;
        if array.count() == 0 {
            return Ok(false);
        }
        array.set_cursor(self.next.checked_sub(1));
        array.finish(tx, Event::ARSEEK);
        Ok(true)
    }
}

/// `ARLASTITEMS`.
pub struct ArLastItems {
    pub key: Bytes,
    pub count: u64,
    pub newest_first: bool,
}

impl Command for ArLastItems {
    const SPEC: Spec = Spec::new("ARLASTITEMS", Group::Array, Arity::AtLeast(3))
        .keys(READ_KEY)
        .syntax("key count [REV]")
        .doc("8.8.0", "O(log N + M) where M is the count", "Returns the most recently inserted elements.");
    type Output = Reply;

    fn parse(args: &mut Args) -> Result<Self> {
        let key = args.bytes()?;
        let count = text::parse_i64(&args.bytes()?).ok_or(Error::text("ERR invalid COUNT"))?;
        let mut command = ArLastItems { key, count: u64::try_from(count).unwrap_or(0), newest_first: false };
        // As in Redis, nothing more is looked at when nothing is wanted.
        if command.count == 0 {
            args.rest();
        } else if args.remaining() > 1 {
            return Err(Error::Arity(args.command().to_owned()));
        } else if !args.is_empty() {
            command.newest_first = args.take("REV");
            args.end()?;
        }
        Ok(command)
    }
}

impl ReadCommand for ArLastItems {
    fn keys(&self) -> Keys<'_> {
        Keys::one(&self.key)
    }

    fn run(&self, tx: &ReadTx<'_>) -> Result<Reply> {
        if self.count == 0 {
            return Ok(Reply::Array(Vec::new()));
        }
        let Some(array) = Array::get(tx, &self.key)? else { return Ok(Reply::Array(Vec::new())) };
        let length = array.length(tx)?;
        let count = self.count.min(length);
        if count > array.count() && count > MAX_POSITIONS {
            return Err(Error::err(format_args!("count exceeds maximum of {MAX_POSITIONS} items")));
        }
        // Downwards from the last insertion, or from the end where that is unknown or behind it; on from
        // the end behind index 0.
        let anchor = array.cursor().filter(|cursor| *cursor < length).unwrap_or(length - 1);
        let below = count.min(anchor + 1);
        let mut positions = array.positions(tx, Span::new(anchor, anchor + 1 - below))?;
        if count > below {
            positions.extend(array.positions(tx, Span::new(length - 1, length - (count - below)))?);
        }
        if !self.newest_first {
            positions.reverse();
        }
        Ok(positions.into())
    }
}
