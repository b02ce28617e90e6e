//! Reading single values and sizes of arrays: `ARCOUNT`, `ARGET`, `ARLEN`, `ARMGET`.

use super::{READ_KEY, index_of, index_reply};
use crate::commands::args::Args;
use crate::commands::spec::{Arity, Flags, Group, Spec};
use crate::commands::{Command, ReadCommand};
use crate::data_types::array::Array;
use crate::error::Result;
use crate::keyspace::Keys;
use crate::keyspace::tx::ReadTx;
use crate::protocol::Reply;
use bytes::Bytes;

/// `ARGET`.
pub struct ArGet {
    pub key: Bytes,
    pub index: Bytes,
}

impl Command for ArGet {
    const SPEC: Spec = Spec::new("ARGET", Group::Array, Arity::Exactly(3))
        .keys(READ_KEY)
        .flags(Flags::FAST)
        .syntax("key index")
        .doc("8.8.0", "O(log N)", "Gets the value at an index in an array.");
    type Output = Option<Bytes>;

    fn parse(args: &mut Args) -> Result<Self> {
        Ok(ArGet { key: args.bytes()?, index: args.bytes()? })
    }
}

impl ReadCommand for ArGet {
    fn keys(&self) -> Keys<'_> {
        Keys::one(&self.key)
    }

    fn run(&self, tx: &ReadTx<'_>) -> Result<Option<Bytes>> {
        // Redis looks at the type of the key before the index.
        let array = Array::get(tx, &self.key)?;
        let index = index_of(&self.index)?;
        array.map_or(Ok(None), |array| array.at(tx, index))
    }
}

/// `ARMGET`.
pub struct ArMGet {
    pub key: Bytes,
    pub indices: Vec<Bytes>,
}

impl Command for ArMGet {
    const SPEC: Spec = Spec::new("ARMGET", Group::Array, Arity::AtLeast(3))
        .keys(READ_KEY)
        .flags(Flags::FAST)
        .syntax("key index [index ...]")
        .doc(
            "8.8.0",
            "O(M log N) where M is the number of indices",
            "Gets values at multiple indices in an array.",
        );
    type Output = Vec<Option<Bytes>>;

    fn parse(args: &mut Args) -> Result<Self> {
        Ok(ArMGet { key: args.bytes()?, indices: args.rest().to_vec() })
    }
}

impl ReadCommand for ArMGet {
    fn keys(&self) -> Keys<'_> {
        Keys::one(&self.key)
    }

    fn run(&self, tx: &ReadTx<'_>) -> Result<Vec<Option<Bytes>>> {
        let array = Array::get(tx, &self.key)?;
        let indices: Vec<u64> = self.indices.iter().map(|word| index_of(word)).collect::<Result<_>>()?;
        let at = |index| array.as_ref().map_or(Ok(None), |array| array.at(tx, index));
        indices.into_iter().map(at).collect()
    }
}

/// `ARLEN` and `ARCOUNT`.
pub struct Size<const USED: bool> {
    pub key: Bytes,
}

pub type ArLen = Size<false>;
pub type ArCount = Size<true>;

impl<const USED: bool> Command for Size<USED> {
    const SPEC: Spec = {
        let (name, complexity, summary) = if USED {
            ("ARCOUNT", "O(1)", "Returns the number of non-empty elements in an array.")
        } else {
            ("ARLEN", "O(log N)", "Returns the length of an array (max index + 1).")
        };
        Spec::new(name, Group::Array, Arity::Exactly(2))
            .keys(READ_KEY)
            .flags(Flags::FAST)
            .syntax("key")
            .doc("8.8.0", complexity, summary)
    };
    type Output = Reply;

    fn parse(args: &mut Args) -> Result<Self> {
        Ok(Size { key: args.bytes()? })
    }
}

impl<const USED: bool> ReadCommand for Size<USED> {
    fn keys(&self) -> Keys<'_> {
        Keys::one(&self.key)
    }

    fn run(&self, tx: &ReadTx<'_>) -> Result<Reply> {
        Ok(index_reply(match Array::get(tx, &self.key)? {
            None => 0,
            Some(array) if USED => array.count(),
            Some(array) => array.length(tx)?,
        }))
    }
}
