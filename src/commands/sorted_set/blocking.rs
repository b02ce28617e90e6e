//! Those that wait: `BZPOPMAX`, `BZPOPMIN`.

use super::pop::{flat, pop};
use super::{POP, spec};
use crate::commands::Command;
use crate::commands::args::Args;
use crate::commands::blocking::{BlockingCommand, keys_and_timeout};
use crate::commands::spec::{Arity, Flags, KeySpec, Spec};
use crate::encoding::numbers::Kind;
use crate::error::Result;
use crate::keyspace::tx::WriteTx;
use crate::protocol::Reply;
use bytes::Bytes;

/// `BZPOPMIN`, and `BZPOPMAX` (`MAX`).
pub struct BlockingPop<const MAX: bool> {
    keys: Vec<Bytes>,
    timeout_ms: u64,
}

pub type BZPopMin = BlockingPop<false>;
pub type BZPopMax = BlockingPop<true>;

impl<const MAX: bool> Command for BlockingPop<MAX> {
    const SPEC: Spec = {
        const KEYS: &[KeySpec] = &[KeySpec::range(1, -2, 1, POP)];
        const COMPLEXITY: &str = "O(log N), N being the number of members in the sorted set";
        let name = if MAX { "BZPOPMAX" } else { "BZPOPMIN" };
        let spec =
            spec(name, Arity::AtLeast(3)).keys(KEYS).flags(Flags::FAST).syntax("key [key ...] timeout");
        if MAX {
            spec.doc(
                "5.0.0",
                COMPLEXITY,
                "Removes and returns the member with the highest score of the first sorted set that is there. \
                 Waits for one otherwise.",
            )
        } else {
            spec.doc(
                "5.0.0",
                COMPLEXITY,
                "Removes and returns the member with the lowest score of the first sorted set that is there. \
                 Waits for one otherwise.",
            )
        }
    };
    type Output = Reply;

    fn parse(args: &mut Args) -> Result<Self> {
        let (keys, timeout_ms) = keys_and_timeout(args)?;
        Ok(BlockingPop { keys, timeout_ms })
    }
}

impl<const MAX: bool> BlockingCommand for BlockingPop<MAX> {
    const KIND: Kind = Kind::SortedSet;

    fn waits_for(&self) -> &[Bytes] {
        &self.keys
    }

    fn timeout_ms(&self) -> u64 {
        self.timeout_ms
    }

    fn attempt(&self, tx: &mut WriteTx<'_>) -> Result<Option<Reply>> {
        for key in &self.keys {
            if let Some(scored) = pop(tx, key, MAX, 1)?.pop() {
                let words = std::iter::once(key.clone().into()).chain(flat(scored));
                return Ok(Some(Reply::Array(words.collect())));
            }
        }
        Ok(None)
    }

    fn timed_out(&self) -> Reply {
        Reply::NullArray
    }
}
