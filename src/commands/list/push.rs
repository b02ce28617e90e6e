//! Putting elements in at an end: `LPUSH`, `LPUSHX`, `RPUSH`, `RPUSHX`.

use super::{INSERT_KEY, push_event};
use crate::commands::args::Args;
use crate::commands::spec::{Arity, Flags, Group, Spec};
use crate::commands::{Command, WriteCommand};
use crate::data_types::list::{Edit, End};
use crate::error::Result;
use crate::keyspace::Keys;
use crate::keyspace::tx::WriteTx;
use bytes::Bytes;

/// `LPUSH` (`LEFT`) and `RPUSH`; with `CREATES` off only into a list that is there (`LPUSHX`, `RPUSHX`).
pub struct Push<const LEFT: bool, const CREATES: bool> {
    pub key: Bytes,
    pub elements: Vec<Bytes>,
}

pub type LPush = Push<true, true>;
pub type RPush = Push<false, true>;
pub type LPushX = Push<true, false>;
pub type RPushX = Push<false, false>;

impl<const LEFT: bool, const CREATES: bool> Command for Push<LEFT, CREATES> {
    const SPEC: Spec = {
        let (name, since, summary) = match (LEFT, CREATES) {
            (true, true) => (
                "LPUSH",
                "1.0.0",
                "Prepends one or more elements to a list. Creates the key if it doesn't exist.",
            ),
            (false, true) => (
                "RPUSH",
                "1.0.0",
                "Appends one or more elements to a list. Creates the key if it doesn't exist.",
            ),
            (true, false) => {
                ("LPUSHX", "2.2.0", "Prepends one or more elements to a list only when the list exists.")
            }
            (false, false) => {
                ("RPUSHX", "2.2.0", "Appends one or more elements to a list only when the list exists.")
            }
        };
        Spec::new(name, Group::List, Arity::AtLeast(3))
            .keys(INSERT_KEY)
            .flags(Flags::DENYOOM.and(Flags::FAST))
            .syntax("key element [element ...]")
            .doc(since, "O(1) for each element", summary)
    };
    type Output = u64;

    fn parse(args: &mut Args) -> Result<Self> {
        Ok(Push { key: args.bytes()?, elements: args.rest().to_vec() })
    }
}

impl<const LEFT: bool, const CREATES: bool> WriteCommand for Push<LEFT, CREATES> {
    fn keys(&self) -> Keys<'_> {
        Keys::one(&self.key)
    }

    fn run(&self, tx: &mut WriteTx<'_>) -> Result<u64> {
        let end = if LEFT { End::Left } else { End::Right };
        let mut list = Edit::open(tx, &self.key)?;
        if list.is_empty() && !CREATES {
            return Ok(0);
        }
        list.push(tx, end, &self.elements)?;
        let len = list.len();
        list.finish(tx, push_event(end))?;
        Ok(len)
    }
}
