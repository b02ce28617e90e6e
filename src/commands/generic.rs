//! The generic family: keys of whatever type.

use super::args::Args;
use super::spec::{Arity, Group, KeyFlags, KeySpec, Spec};
use super::{Command, Entry, WriteCommand};
use crate::error::Result;
use crate::keyspace::Keys;
use crate::keyspace::event::Event;
use crate::keyspace::tx::WriteTx;
use bytes::Bytes;

pub static COMMANDS: &[Entry] = &[Entry::write::<Del>()];

pub struct Del {
    pub keys: Vec<Bytes>,
}

impl Command for Del {
    const SPEC: Spec = Spec::new("DEL", Group::Generic, Arity::AtLeast(2))
        .keys(&[KeySpec::range(1, -1, 1, KeyFlags::RM.and(KeyFlags::DELETE))])
        .syntax("key [key ...]")
        .doc("1.0.0", "O(N) where N is the number of keys", "Deletes one or more keys.");
    type Output = i64;

    fn parse(args: &mut Args) -> Result<Self> {
        Ok(Del { keys: args.rest().to_vec() })
    }
}

impl WriteCommand for Del {
    fn keys(&self) -> Keys<'_> {
        Keys::many(&self.keys)
    }

    fn run(&self, tx: &mut WriteTx<'_>) -> Result<i64> {
        let mut deleted = 0;
        for key in &self.keys {
            let mut slot = tx.slot(key)?;
            deleted += i64::from(slot.meta().is_some());
            tx.delete(&mut slot, Event::DEL);
        }
        Ok(deleted)
    }
}
