//! Deleting entries by id: `XDEL`.

use super::{DELETE_KEY, id, spec};
use crate::commands::args::Args;
use crate::commands::spec::{Arity, Flags, Spec};
use crate::commands::{Command, WriteCommand};
use crate::data_types::stream::Edit;
use crate::error::Result;
use crate::keyspace::Keys;
use crate::keyspace::event::Event;
use crate::keyspace::tx::WriteTx;
use bytes::Bytes;

/// `XDEL`.
pub struct XDel {
    key: Bytes,
    /// Read when it is known that the key is there, for Redis complains in that order.
    ids: Vec<Bytes>,
}

impl Command for XDel {
    const SPEC: Spec =
        spec("XDEL", Arity::AtLeast(3)).keys(DELETE_KEY).flags(Flags::FAST).syntax("key id [id ...]").doc(
            "5.0.0",
            "O(log N) for each entry",
            "Returns the number of messages after removing them from a stream.",
        );
    type Output = u64;

    fn parse(args: &mut Args) -> Result<Self> {
        Ok(XDel { key: args.bytes()?, ids: args.rest().to_vec() })
    }
}

impl WriteCommand for XDel {
    fn keys(&self) -> Keys<'_> {
        Keys::one(&self.key)
    }

    fn run(&self, tx: &mut WriteTx<'_>) -> Result<u64> {
        let Some(mut stream) = Edit::existing(tx, &self.key)? else { return Ok(0) };
        let ids = self.ids.iter().map(|word| id(word, 0)).collect::<Result<Vec<_>>>()?;
        let mut deleted = 0;
        for id in ids {
            deleted += u64::from(stream.delete(tx, id)?);
        }
        if deleted > 0 {
            stream.finish(tx, Event::XDEL);
        }
        Ok(deleted)
    }
}
