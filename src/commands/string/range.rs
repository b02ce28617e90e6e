//! Parts of strings: `APPEND`, `GETRANGE`, `SETRANGE`, `SUBSTR`.

use super::{READ_KEY, reply_of};
use crate::commands::args::Args;
use crate::commands::spec::{Arity, Flags, Group, KeyFlags, KeySpec, Spec};
use crate::commands::{Command, ReadCommand, WriteCommand};
use crate::data_types::string;
use crate::encoding::numbers::Kind;
use crate::error::{Error, Result};
use crate::keyspace::Keys;
use crate::keyspace::tx::{ReadTx, WriteTx};
use crate::protocol::Reply;
use bytes::Bytes;

pub struct Append {
    pub key: Bytes,
    pub value: Bytes,
}

impl Command for Append {
    const SPEC: Spec = Spec::new("APPEND", Group::String, Arity::Exactly(3))
        .keys(&[KeySpec::at(1, KeyFlags::RW.and(KeyFlags::INSERT))])
        .flags(Flags::DENYOOM.and(Flags::FAST))
        .syntax("key value")
        .doc(
            "2.0.0",
            "O(1) but for the length of what is appended; one chunk of a large value is written again.",
            "Appends a string to the value of a key. Creates the key if it doesn't exist.",
        );
    type Output = u64;

    fn parse(args: &mut Args) -> Result<Self> {
        Ok(Append { key: args.bytes()?, value: args.bytes()? })
    }
}

impl WriteCommand for Append {
    fn keys(&self) -> Keys<'_> {
        Keys::one(&self.key)
    }

    fn run(&self, tx: &mut WriteTx<'_>) -> Result<u64> {
        let mut slot = tx.slot(&self.key)?;
        string::append(tx, &mut slot, &self.value)
    }
}

pub struct SetRange {
    pub key: Bytes,
    pub offset: u64,
    pub value: Bytes,
}

impl Command for SetRange {
    const SPEC: Spec = Spec::new("SETRANGE", Group::String, Arity::Exactly(4))
        .keys(&[KeySpec::at(1, KeyFlags::RW.and(KeyFlags::UPDATE))])
        .flags(Flags::DENYOOM)
        .syntax("key offset value")
        .doc(
            "2.2.0",
            "O(M) where M is the length of the value argument; what lies between is not written.",
            "Overwrites a part of a string value with another by an offset. Creates the key if it doesn't exist.",
        );
    type Output = u64;

    fn parse(args: &mut Args) -> Result<Self> {
        let (key, offset) = (args.bytes()?, args.integer()?);
        let offset = u64::try_from(offset).map_err(|_| Error::text("ERR offset is out of range"))?;
        Ok(SetRange { key, offset, value: args.bytes()? })
    }
}

impl WriteCommand for SetRange {
    fn keys(&self) -> Keys<'_> {
        Keys::one(&self.key)
    }

    fn run(&self, tx: &mut WriteTx<'_>) -> Result<u64> {
        let mut slot = tx.slot(&self.key)?;
        string::set_range(tx, &mut slot, self.offset, &self.value)
    }
}

/// `GETRANGE` and `SUBSTR`, its name of old.
pub struct Range<const OLD_NAME: bool> {
    pub key: Bytes,
    pub start: i64,
    pub end: i64,
}

pub type GetRange = Range<false>;
pub type SubStr = Range<true>;

impl<const OLD_NAME: bool> Command for Range<OLD_NAME> {
    const SPEC: Spec = {
        let (name, since) = if OLD_NAME { ("SUBSTR", "1.0.0") } else { ("GETRANGE", "2.4.0") };
        let spec =
            Spec::new(name, Group::String, Arity::Exactly(4)).keys(READ_KEY).syntax("key start end").doc(
                since,
                "O(N) where N is the length of the returned string.",
                "Returns a substring from a string value.",
            );
        if OLD_NAME { spec.deprecated("2.0.0", "`GETRANGE`") } else { spec }
    };
    type Output = Reply;

    fn parse(args: &mut Args) -> Result<Self> {
        Ok(Range { key: args.bytes()?, start: args.integer()?, end: args.integer()? })
    }
}

impl<const OLD_NAME: bool> ReadCommand for Range<OLD_NAME> {
    fn keys(&self) -> Keys<'_> {
        Keys::one(&self.key)
    }

    fn run(&self, tx: &ReadTx<'_>) -> Result<Reply> {
        match tx.meta_of(&self.key, Kind::String)? {
            Some(meta) => string::range(tx, &meta, self.start, self.end).map(reply_of),
            None => Ok(Reply::text("")),
        }
    }
}
