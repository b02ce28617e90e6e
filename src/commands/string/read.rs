//! Reading whole strings: `DIGEST`, `GET`, `MGET`, `STRLEN`.

use super::{READ, READ_KEY, reply_of};
use crate::commands::args::Args;
use crate::commands::spec::{Arity, Flags, Group, KeyFlags, KeySpec, Spec};
use crate::commands::{Command, ReadCommand};
use crate::data_types::string;
use crate::encoding::numbers::Kind;
use crate::error::Result;
use crate::keyspace::Keys;
use crate::keyspace::tx::ReadTx;
use crate::protocol::Reply;
use bytes::Bytes;

pub struct Digest {
    pub key: Bytes,
}

impl Command for Digest {
    const SPEC: Spec = Spec::new("DIGEST", Group::String, Arity::Exactly(2))
        .keys(READ_KEY)
        .flags(Flags::FAST)
        .syntax("key")
        .doc(
            "8.4.0",
            "O(N) where N is the length of the string value.",
            "Returns the XXH3 hash of a string value.",
        );
    type Output = Option<String>;

    fn parse(args: &mut Args) -> Result<Self> {
        Ok(Digest { key: args.bytes()? })
    }
}

impl ReadCommand for Digest {
    fn keys(&self) -> Keys<'_> {
        Keys::one(&self.key)
    }

    fn run(&self, tx: &ReadTx<'_>) -> Result<Option<String>> {
        tx.meta_of(&self.key, Kind::String)?.map(|meta| string::digest(tx, &meta)).transpose()
    }
}

pub struct Get {
    pub key: Bytes,
}

impl Command for Get {
    const SPEC: Spec = Spec::new("GET", Group::String, Arity::Exactly(2))
        .keys(READ_KEY)
        .flags(Flags::FAST)
        .syntax("key")
        .doc("1.0.0", "O(1)", "Returns the string value of a key.");
    type Output = Reply;

    fn parse(args: &mut Args) -> Result<Self> {
        Ok(Get { key: args.bytes()? })
    }
}

impl ReadCommand for Get {
    fn keys(&self) -> Keys<'_> {
        Keys::one(&self.key)
    }

    fn run(&self, tx: &ReadTx<'_>) -> Result<Reply> {
        Ok(string::get(tx, &self.key)?.map_or(Reply::Null, reply_of))
    }
}

pub struct MGet {
    pub keys: Vec<Bytes>,
}

impl Command for MGet {
    const SPEC: Spec = Spec::new("MGET", Group::String, Arity::AtLeast(2))
        .tips(&["request_policy:multi_shard"])
        .keys(&[KeySpec::range(1, -1, 1, READ)])
        .flags(Flags::FAST)
        .syntax("key [key ...]")
        .doc(
            "1.0.0",
            "O(N) where N is the number of keys to retrieve.",
            "Atomically returns the string values of one or more keys.",
        );
    type Output = Reply;

    fn parse(args: &mut Args) -> Result<Self> {
        Ok(MGet { keys: args.rest().to_vec() })
    }
}

impl ReadCommand for MGet {
    fn keys(&self) -> Keys<'_> {
        Keys::many(&self.keys)
    }

    fn run(&self, tx: &ReadTx<'_>) -> Result<Reply> {
        let values = self.keys.iter().map(|key| match tx.meta(key)? {
            Some(meta) if meta.kind == Kind::String => string::value_of(tx, &meta).map(reply_of),
            _ => Ok(Reply::Null),
        });
        values.collect::<Result<Vec<Reply>>>().map(Reply::Array)
    }
}

pub struct StrLen {
    pub key: Bytes,
}

impl Command for StrLen {
    const SPEC: Spec = Spec::new("STRLEN", Group::String, Arity::Exactly(2))
        .keys(&[KeySpec::at(1, KeyFlags::RO)])
        .flags(Flags::FAST)
        .syntax("key")
        .doc("2.2.0", "O(1)", "Returns the length of a string value.");
    type Output = u64;

    fn parse(args: &mut Args) -> Result<Self> {
        Ok(StrLen { key: args.bytes()? })
    }
}

impl ReadCommand for StrLen {
    fn keys(&self) -> Keys<'_> {
        Keys::one(&self.key)
    }

    fn run(&self, tx: &ReadTx<'_>) -> Result<u64> {
        Ok(tx.meta_of(&self.key, Kind::String)?.map_or(0, |meta| string::len(&meta)))
    }
}
