//! Popping from the first of several keys that has something: `LMPOP`, `ZMPOP` and, waiting, `BLMPOP`,
//! `BZMPOP`.

use super::args::Args;
use super::blocking::{BlockingCommand, timeout_ms};
use super::spec::Spec;
use super::{Command, WriteCommand};
use crate::encoding::numbers::Kind;
use crate::error::Result;
use crate::keyspace::Keys;
use crate::keyspace::tx::WriteTx;
use crate::protocol::Reply;
use bytes::Bytes;

/// The end of a collection that is popped from, and with it the family.
pub trait PopEnd: Copy + Send + Sync + 'static {
    /// The command.
    const SPEC: Spec;
    /// The command that waits.
    const BLOCKING: Spec;
    const KIND: Kind;

    /// Reads which end is meant.
    fn parse(args: &mut Args) -> Result<Self>;

    /// Takes up to `count` out of a key's collection; none if there is none.
    fn pop(self, tx: &mut WriteTx, key: &Bytes, count: u64) -> Result<Option<Reply>>;
}

/// `LMPOP` and `ZMPOP`.
pub struct PopMany<E> {
    keys: Vec<Bytes>,
    end: E,
    count: u64,
}

impl<E: PopEnd> PopMany<E> {
    fn pop(&self, tx: &mut WriteTx) -> Result<Option<Reply>> {
        for key in &self.keys {
            if let Some(popped) = self.end.pop(tx, key, self.count)? {
                return Ok(Some(Reply::Array(vec![Reply::Bulk(key.clone()), popped])));
            }
        }
        Ok(None)
    }
}

impl<E: PopEnd> Command for PopMany<E> {
    const SPEC: Spec = E::SPEC;
    type Output = Reply;

    fn parse(args: &mut Args) -> Result<Self> {
        Ok(PopMany { keys: args.counted_keys()?, end: E::parse(args)?, count: args.count_to_pop()? })
    }
}

impl<E: PopEnd> WriteCommand for PopMany<E> {
    fn keys(&self) -> Keys<'_> {
        Keys::many(&self.keys)
    }

    fn run(&self, tx: &mut WriteTx<'_>) -> Result<Reply> {
        Ok(self.pop(tx)?.unwrap_or(Reply::NullArray))
    }
}

/// `BLMPOP` and `BZMPOP`.
pub struct BlockingPopMany<E> {
    many: PopMany<E>,
    timeout_ms: u64,
}

impl<E: PopEnd> Command for BlockingPopMany<E> {
    const SPEC: Spec = E::BLOCKING;
    type Output = Reply;

    fn parse(args: &mut Args) -> Result<Self> {
        // Redis looks at the timeout last.
        let mut timeout = args.clone();
        args.bytes()?;
        Ok(BlockingPopMany { many: PopMany::parse(args)?, timeout_ms: timeout_ms(&mut timeout)? })
    }
}

impl<E: PopEnd> BlockingCommand for BlockingPopMany<E> {
    const KIND: Kind = E::KIND;

    fn waits_for(&self) -> &[Bytes] {
        &self.many.keys
    }

    fn timeout_ms(&self) -> u64 {
        self.timeout_ms
    }

    fn attempt(&self, tx: &mut WriteTx<'_>) -> Result<Option<Reply>> {
        self.many.pop(tx)
    }

    fn timed_out(&self) -> Reply {
        Reply::NullArray
    }
}
