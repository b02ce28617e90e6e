//! Changing lists elsewhere than at an end: `LINSERT`, `LREM`, `LSET`, `LTRIM`.

use super::{DELETE_KEY, INSERT_KEY, UPDATE_KEY};
use crate::commands::args::Args;
use crate::commands::spec::{Arity, Flags, Group, Spec};
use crate::commands::{Command, WriteCommand};
use crate::data_types::list::{Edit, End, place, places};
use crate::encoding::text;
use crate::error::{Error, Result};
use crate::keyspace::Keys;
use crate::keyspace::event::Event;
use crate::keyspace::tx::WriteTx;
use crate::protocol::Reply;
use bytes::Bytes;

/// `LINSERT`.
pub struct LInsert {
    pub key: Bytes,
    pub after: bool,
    pub pivot: Bytes,
    pub element: Bytes,
}

impl Command for LInsert {
    const SPEC: Spec = Spec::new("LINSERT", Group::List, Arity::Exactly(5))
        .keys(INSERT_KEY)
        .flags(Flags::DENYOOM)
        .syntax("key <BEFORE | AFTER> pivot element")
        .doc(
            "2.2.0",
            "O(N) where N is the number of elements before the pivot",
            "Inserts an element before or after another element in a list.",
        );
    type Output = i64;

    fn parse(args: &mut Args) -> Result<Self> {
        let key = args.bytes()?;
        let after = args.take_one(&[("BEFORE", false), ("AFTER", true)]).ok_or(Error::Syntax)?;
        Ok(LInsert { key, after, pivot: args.bytes()?, element: args.bytes()? })
    }
}

impl WriteCommand for LInsert {
    fn keys(&self) -> Keys<'_> {
        Keys::one(&self.key)
    }

    fn run(&self, tx: &mut WriteTx<'_>) -> Result<i64> {
        let mut list = Edit::open(tx, &self.key)?;
        if list.is_empty() {
            return Ok(0);
        }
        let Some(rank) = list.find(tx, &self.pivot, End::Left, 1)?.pop() else { return Ok(-1) };
        list.insert(tx, rank + u64::from(self.after), &self.element)?;
        let len = list.len();
        list.finish(tx, Event::LINSERT)?;
        Ok(i64::try_from(len).unwrap_or(i64::MAX))
    }
}

/// `LREM`.
pub struct LRem {
    pub key: Bytes,
    /// How many at most; from the end if negative, all if 0.
    pub count: i64,
    pub element: Bytes,
}

impl Command for LRem {
    const SPEC: Spec =
        Spec::new("LREM", Group::List, Arity::Exactly(4)).keys(DELETE_KEY).syntax("key count element").doc(
            "1.0.0",
            "O(N+M log N) where N is the length of the list and M is the number of elements removed",
            "Removes elements from a list. Deletes the list if the last element was removed.",
        );
    type Output = u64;

    fn parse(args: &mut Args) -> Result<Self> {
        Ok(LRem { key: args.bytes()?, count: args.integer()?, element: args.bytes()? })
    }
}

impl WriteCommand for LRem {
    fn keys(&self) -> Keys<'_> {
        Keys::one(&self.key)
    }

    fn run(&self, tx: &mut WriteTx<'_>) -> Result<u64> {
        let mut list = Edit::open(tx, &self.key)?;
        let from = if self.count < 0 { End::Right } else { End::Left };
        let most = if self.count == 0 { u64::MAX } else { self.count.unsigned_abs() };
        let mut found = list.find(tx, &self.element, from, most)?;
        // What stands behind a place moves when that goes.
        found.sort_unstable_by(|a, b| b.cmp(a));
        for rank in &found {
            list.remove(tx, *rank..*rank + 1)?;
        }
        if !found.is_empty() {
            list.finish(tx, Event::LREM)?;
        }
        Ok(found.len() as u64)
    }
}

/// `LSET`.
pub struct LSet {
    pub key: Bytes,
    pub index: Bytes,
    pub element: Bytes,
}

impl Command for LSet {
    const SPEC: Spec = Spec::new("LSET", Group::List, Arity::Exactly(4))
        .keys(UPDATE_KEY)
        .flags(Flags::DENYOOM)
        .syntax("key index element")
        .doc("1.0.0", "O(log N)", "Sets the value of an element in a list by its index.");
    type Output = ();

    fn parse(args: &mut Args) -> Result<Self> {
        Ok(LSet { key: args.bytes()?, index: args.bytes()?, element: args.bytes()? })
    }
}

impl WriteCommand for LSet {
    fn keys(&self) -> Keys<'_> {
        Keys::one(&self.key)
    }

    fn run(&self, tx: &mut WriteTx<'_>) -> Result<()> {
        let mut list = Edit::open(tx, &self.key)?;
        if list.is_empty() {
            return Err(Error::NoSuchKey);
        }
        // Redis looks at the number only when there is a list.
        let index = text::parse_i64(&self.index).ok_or(Error::NotInteger)?;
        let rank = place(list.len(), index).ok_or(Error::IndexOutOfRange)?;
        list.set(tx, rank, &self.element)?;
        list.finish(tx, Event::LSET)?;
        Ok(())
    }
}

/// `LTRIM`.
pub struct LTrim {
    pub key: Bytes,
    pub start: i64,
    pub stop: i64,
}

impl Command for LTrim {
    const SPEC: Spec =
        Spec::new("LTRIM", Group::List, Arity::Exactly(4)).keys(DELETE_KEY).syntax("key start stop").doc(
            "1.0.0",
            "O(log N + M) where M is the number of elements removed",
            "Removes elements from both ends a list. Deletes the list if all elements were trimmed.",
        );
    type Output = Reply;

    fn parse(args: &mut Args) -> Result<Self> {
        Ok(LTrim { key: args.bytes()?, start: args.integer()?, stop: args.integer()? })
    }
}

impl WriteCommand for LTrim {
    fn keys(&self) -> Keys<'_> {
        Keys::one(&self.key)
    }

    fn run(&self, tx: &mut WriteTx<'_>) -> Result<Reply> {
        let mut list = Edit::open(tx, &self.key)?;
        if !list.is_empty() {
            let keep = places(list.len(), self.start, self.stop);
            list.trim(tx, keep)?;
            list.finish(tx, Event::LTRIM)?;
        }
        Ok(Reply::Ok)
    }
}
