//! Fields set and deleted: `HDEL`, `HMSET`, `HSET`, `HSETNX`.

use super::{DELETE_KEY, INSERT_KEY, UPDATE_KEY};
use crate::commands::args::Args;
use crate::commands::spec::{Arity, Flags, Group, Spec};
use crate::commands::{Command, WriteCommand};
use crate::data_types::hash::{self, Field};
use crate::error::Result;
use crate::keyspace::Keys;
use crate::keyspace::event::Event;
use crate::keyspace::tx::WriteTx;
use crate::protocol::Reply;
use bytes::Bytes;

/// `HSET` (`COUNTS` the new fields) and `HMSET`.
pub struct Setting<const COUNTS: bool> {
    pub key: Bytes,
    pub pairs: Vec<(Bytes, Bytes)>,
}

pub type HSet = Setting<true>;
pub type HMSet = Setting<false>;

impl<const COUNTS: bool> Command for Setting<COUNTS> {
    const SPEC: Spec = {
        let spec = Spec::new(if COUNTS { "HSET" } else { "HMSET" }, Group::Hash, Arity::AtLeast(4))
            .keys(UPDATE_KEY)
            .flags(Flags::DENYOOM.and(Flags::FAST))
            .syntax("key field value [field value ...]");
        let spec = spec.doc(
            "2.0.0",
            "O(N) where N is the number of fields",
            if COUNTS {
                "Creates or modifies the value of a field in a hash."
            } else {
                "Sets the values of multiple fields."
            },
        );
        if COUNTS { spec } else { spec.deprecated("4.0.0", "`HSET` with multiple field-value pairs") }
    };
    type Output = Reply;

    fn parse(args: &mut Args) -> Result<Self> {
        Ok(Setting { key: args.bytes()?, pairs: args.pairs()? })
    }
}

impl<const COUNTS: bool> WriteCommand for Setting<COUNTS> {
    fn keys(&self) -> Keys<'_> {
        Keys::one(&self.key)
    }

    fn run(&self, tx: &mut WriteTx<'_>) -> Result<Reply> {
        let mut slot = tx.slot(&self.key)?;
        let new = hash::set(tx, &mut slot, &self.pairs)?;
        Ok(if COUNTS { new.into() } else { Reply::Ok })
    }
}

/// `HSETNX`.
pub struct HSetNx {
    pub key: Bytes,
    pub field: Bytes,
    pub value: Bytes,
}

impl Command for HSetNx {
    const SPEC: Spec = Spec::new("HSETNX", Group::Hash, Arity::Exactly(4))
        .keys(INSERT_KEY)
        .flags(Flags::DENYOOM.and(Flags::FAST))
        .syntax("key field value")
        .doc("2.0.0", "O(1)", "Sets the value of a field in a hash only when the field doesn't exist.");
    type Output = bool;

    fn parse(args: &mut Args) -> Result<Self> {
        Ok(HSetNx { key: args.bytes()?, field: args.bytes()?, value: args.bytes()? })
    }
}

impl WriteCommand for HSetNx {
    fn keys(&self) -> Keys<'_> {
        Keys::one(&self.key)
    }

    fn run(&self, tx: &mut WriteTx<'_>) -> Result<bool> {
        let mut slot = tx.slot(&self.key)?;
        let mut hash = hash::open_or_create(tx, &mut slot)?;
        if hash.get(tx, &self.field)?.is_some() {
            return Ok(false);
        }
        hash.set(tx, &self.field, &Field::of(&self.value))?;
        hash.save(tx, &mut slot, Event::HSET)?;
        Ok(true)
    }
}

/// `HDEL`.
pub struct HDel {
    pub key: Bytes,
    pub fields: Vec<Bytes>,
}

impl Command for HDel {
    const SPEC: Spec = Spec::new("HDEL", Group::Hash, Arity::AtLeast(3))
        .keys(DELETE_KEY)
        .flags(Flags::FAST)
        .syntax("key field [field ...]")
        .doc(
            "2.0.0",
            "O(N) where N is the number of fields",
            "Deletes one or more fields and their values from a hash. Deletes the hash if no fields remain.",
        );
    type Output = u64;

    fn parse(args: &mut Args) -> Result<Self> {
        Ok(HDel { key: args.bytes()?, fields: args.rest().to_vec() })
    }
}

impl WriteCommand for HDel {
    fn keys(&self) -> Keys<'_> {
        Keys::one(&self.key)
    }

    fn run(&self, tx: &mut WriteTx<'_>) -> Result<u64> {
        let mut slot = tx.slot(&self.key)?;
        hash::remove(tx, &mut slot, &self.fields)
    }
}
