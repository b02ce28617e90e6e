//! The string family.

use super::args::Args;
use super::spec::{Arity, Flags, Group, KeyFlags, KeySpec, Spec};
use super::{Command, Entry, ReadCommand, WriteCommand};
use crate::data_types::string;
use crate::error::Result;
use crate::keyspace::Keys;
use crate::keyspace::event::Event;
use crate::keyspace::tx::{ReadTx, WriteTx};
use crate::protocol::Reply;
use bytes::Bytes;

pub static COMMANDS: &[Entry] = &[Entry::read::<Get>(), Entry::write::<Set>()];

const READ_KEY: &[KeySpec] = &[KeySpec::at(1, KeyFlags::RO.and(KeyFlags::ACCESS))];
const UPDATE_KEY: &[KeySpec] = &[KeySpec::at(1, KeyFlags::RW.and(KeyFlags::ACCESS).and(KeyFlags::UPDATE))];

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
        Ok(string::get(tx, &self.key)?.map_or(Reply::Null, Reply::Chunks))
    }
}

pub struct Set {
    pub key: Bytes,
    pub value: Bytes,
}

impl Command for Set {
    const SPEC: Spec = Spec::new("SET", Group::String, Arity::AtLeast(3))
        .keys(UPDATE_KEY)
        .flags(Flags::DENYOOM)
        .syntax("key value")
        .doc("1.0.0", "O(1)", "Sets the string value of a key, ignoring its type.");
    type Output = Reply;

    fn parse(args: &mut Args) -> Result<Self> {
        let command = Set { key: args.bytes()?, value: args.bytes()? };
        args.end()?;
        Ok(command)
    }
}

impl WriteCommand for Set {
    fn keys(&self) -> Keys<'_> {
        Keys::one(&self.key)
    }

    fn run(&self, tx: &mut WriteTx<'_>) -> Result<Reply> {
        let mut slot = tx.slot(&self.key)?;
        string::put(tx, &mut slot, &self.value, None, Event::SET);
        Ok(Reply::Ok)
    }
}
