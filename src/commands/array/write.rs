//! Changing arrays at indices: `ARDEL`, `ARDELRANGE`, `ARMSET`, `ARSET`.

use super::{DELETE_KEY, UPDATE_KEY, index, index_of};
use crate::commands::args::Args;
use crate::commands::spec::{Arity, Flags, Group, Spec};
use crate::commands::{Command, WriteCommand};
use crate::data_types::array::{Edit, MAX_INDEX, Span};
use crate::error::{Error, Result};
use crate::keyspace::Keys;
use crate::keyspace::event::Event;
use crate::keyspace::tx::WriteTx;
use bytes::Bytes;

/// `ARSET`.
pub struct ArSet {
    pub key: Bytes,
    pub start: u64,
    pub values: Vec<Bytes>,
}

impl Command for ArSet {
    const SPEC: Spec = Spec::new("ARSET", Group::Array, Arity::AtLeast(4))
        .keys(UPDATE_KEY)
        .flags(Flags::DENYOOM.and(Flags::FAST))
        .syntax("key index value [value ...]")
        .doc(
            "8.8.0",
            "O(M log N) where M is the number of values",
            "Sets one or more contiguous values starting at an index in an array.",
        );
    type Output = u64;

    fn parse(args: &mut Args) -> Result<Self> {
        let command = ArSet { key: args.bytes()?, start: index(args)?, values: args.rest().to_vec() };
        let last = command.start.checked_add(command.values.len() as u64 - 1);
        match last {
            Some(..=MAX_INDEX) => Ok(command),
            _ => Err(Error::text("ERR array index overflow")),
        }
    }
}

impl WriteCommand for ArSet {
    fn keys(&self) -> Keys<'_> {
        Keys::one(&self.key)
    }

    fn run(&self, tx: &mut WriteTx<'_>) -> Result<u64> {
        let mut array = Edit::open(tx, &self.key)?;
        let old_count = array.count();
        array.set_run(tx, self.start, &self.values)?;
        let filled = array.count() - old_count;
        array.finish(tx, Event::ARSET);
        Ok(filled)
    }
}

/// `ARMSET`.
pub struct ArMSet {
    pub key: Bytes,
    pub values: Vec<(u64, Bytes)>,
}

impl Command for ArMSet {
    const SPEC: Spec = Spec::new("ARMSET", Group::Array, Arity::AtLeast(4))
        .keys(UPDATE_KEY)
        .flags(Flags::DENYOOM.and(Flags::FAST))
        .syntax("key index value [index value ...]")
        .doc(
            "8.8.0",
            "O(M log N) where M is the number of pairs",
            "Sets multiple index-value pairs in an array.",
        );
    type Output = u64;

    fn parse(args: &mut Args) -> Result<Self> {
        let key = args.bytes()?;
        let values = args.pairs()?.into_iter().map(|(index, value)| Ok((index_of(&index)?, value)));
        Ok(ArMSet { key, values: values.collect::<Result<_>>()? })
    }
}

impl WriteCommand for ArMSet {
    fn keys(&self) -> Keys<'_> {
        Keys::one(&self.key)
    }

    fn run(&self, tx: &mut WriteTx<'_>) -> Result<u64> {
        let mut array = Edit::open(tx, &self.key)?;
        let old_count = array.count();
        self.values.iter().try_for_each(|(index, value)| array.set(tx, *index, value))?;
        let filled = array.count() - old_count;
        array.finish(tx, Event::ARMSET);
        Ok(filled)
    }
}

/// `ARDEL`.
pub struct ArDel {
    pub key: Bytes,
    pub indices: Vec<u64>,
}

impl Command for ArDel {
    const SPEC: Spec = Spec::new("ARDEL", Group::Array, Arity::AtLeast(3))
        .keys(DELETE_KEY)
        .flags(Flags::FAST)
        .syntax("key index [index ...]")
        .doc(
            "8.8.0",
            "O(M log N) where M is the number of indices to delete",
            "Deletes elements at the specified indices in an array.",
        );
    type Output = u64;

    fn parse(args: &mut Args) -> Result<Self> {
        let key = args.bytes()?;
        let indices = args.rest().iter().map(|word| index_of(word));
        Ok(ArDel { key, indices: indices.collect::<Result<_>>()? })
    }
}

impl WriteCommand for ArDel {
    fn keys(&self) -> Keys<'_> {
        Keys::one(&self.key)
    }

    fn run(&self, tx: &mut WriteTx<'_>) -> Result<u64> {
        let mut array = Edit::open(tx, &self.key)?;
        let old_count = array.count();
        for index in &self.indices {
            array.remove(tx, *index)?;
        }
        let deleted = old_count - array.count();
        if deleted > 0 {
            array.finish(tx, Event::ARDEL);
        }
        Ok(deleted)
    }
}

/// `ARDELRANGE`.
pub struct ArDelRange {
    pub key: Bytes,
    pub spans: Vec<Span>,
}

impl Command for ArDelRange {
    const SPEC: Spec = Spec::new("ARDELRANGE", Group::Array, Arity::AtLeast(4))
        .keys(DELETE_KEY)
        .syntax("key start end [start end ...]")
        .doc(
            "8.8.0",
            "O(log N) for each range, and linear in the pages of what is deleted, not in the length of the \
             ranges",
            "Deletes elements in one or more ranges.",
        );
    type Output = u64;

    fn parse(args: &mut Args) -> Result<Self> {
        let key = args.bytes()?;
        let span = |(start, end): (Bytes, Bytes)| Ok(Span::new(index_of(&start)?, index_of(&end)?));
        let spans = args.pairs()?.into_iter().map(span).collect::<Result<_>>()?;
        Ok(ArDelRange { key, spans })
    }
}

impl WriteCommand for ArDelRange {
    fn keys(&self) -> Keys<'_> {
        Keys::one(&self.key)
    }

    fn run(&self, tx: &mut WriteTx<'_>) -> Result<u64> {
        let mut array = Edit::open(tx, &self.key)?;
        let mut deleted = 0;
        for span in &self.spans {
            deleted += array.remove_span(tx, *span)?;
        }
        if deleted > 0 {
            array.finish(tx, Event::ARDELRANGE);
        }
        Ok(deleted)
    }
}
