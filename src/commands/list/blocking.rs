//! Those that wait: `BLPOP`, `BRPOP`, `BLMOVE`, `BLMOVEM`, `BRPOPLPUSH`.

use super::moves::{MANY, Movement, ONE, ROTATION};
use super::pop::pop;
use super::{MOVE_KEYS, POP};
use crate::commands::Command;
use crate::commands::args::Args;
use crate::commands::blocking::{BlockingCommand, keys_and_timeout, timeout_ms};
use crate::commands::spec::{Arity, Flags, Group, KeySpec, Spec};
use crate::data_types::list::End;
use crate::encoding::numbers::Kind;
use crate::error::Result;
use crate::keyspace::Keys;
use crate::keyspace::tx::WriteTx;
use crate::protocol::Reply;
use bytes::Bytes;
use std::slice;

/// `BLPOP` (`LEFT`) and `BRPOP`.
pub struct BlockingPop<const LEFT: bool> {
    keys: Vec<Bytes>,
    timeout_ms: u64,
}

pub type BLPop = BlockingPop<true>;
pub type BRPop = BlockingPop<false>;

impl<const LEFT: bool> Command for BlockingPop<LEFT> {
    const SPEC: Spec = {
        const KEYS: &[KeySpec] = &[KeySpec::range(1, -2, 1, POP)];
        let (name, summary) = if LEFT {
            (
                "BLPOP",
                "Removes and returns the first element in a list. Blocks until an element is available \
                 otherwise. Deletes the list if the last element was popped.",
            )
        } else {
            (
                "BRPOP",
                "Removes and returns the last element in a list. Blocks until an element is available \
                 otherwise. Deletes the list if the last element was popped.",
            )
        };
        Spec::new(name, Group::List, Arity::AtLeast(3)).keys(KEYS).syntax("key [key ...] timeout").doc(
            "2.0.0",
            "O(N) where N is the number of provided keys.",
            summary,
        )
    };
    type Output = Reply;

    fn parse(args: &mut Args) -> Result<Self> {
        let (keys, timeout_ms) = keys_and_timeout(args)?;
        Ok(BlockingPop { keys, timeout_ms })
    }
}

impl<const LEFT: bool> BlockingCommand for BlockingPop<LEFT> {
    const KIND: Kind = Kind::List;

    fn waits_for(&self) -> &[Bytes] {
        &self.keys
    }

    fn timeout_ms(&self) -> u64 {
        self.timeout_ms
    }

    fn attempt(&self, tx: &mut WriteTx<'_>) -> Result<Option<Reply>> {
        let end = if LEFT { End::Left } else { End::Right };
        for key in &self.keys {
            if let Some(popped) = pop(tx, key, end, 1)? {
                let words = std::iter::once(key.clone()).chain(popped);
                return Ok(Some(Reply::Array(words.map(Reply::Bulk).collect())));
            }
        }
        Ok(None)
    }

    fn timed_out(&self) -> Reply {
        Reply::NullArray
    }
}

/// `BLMOVE`, `BLMOVEM` and `BRPOPLPUSH`.
pub struct BlockingMove<const FORM: u8> {
    movement: Movement<FORM>,
    timeout_ms: u64,
}

pub type BLMove = BlockingMove<ONE>;
pub type BLMoveM = BlockingMove<MANY>;
pub type BRPopLPush = BlockingMove<ROTATION>;

impl<const FORM: u8> Command for BlockingMove<FORM> {
    const SPEC: Spec = {
        let (name, arity) = match FORM {
            MANY => ("BLMOVEM", Arity::AtLeast(6)),
            ROTATION => ("BRPOPLPUSH", Arity::Exactly(4)),
            _ => ("BLMOVE", Arity::Exactly(6)),
        };
        let spec = Spec::new(name, Group::List, arity).keys(MOVE_KEYS).flags(Flags::DENYOOM);
        match FORM {
            MANY => spec
                .syntax(
                    "source destination <LEFT | RIGHT> <LEFT | RIGHT> timeout \
                     [<COUNT count | EXACTLY exactly> <OBO | BULK>]",
                )
                .doc(
                    "8.10.0",
                    "O(N) where N is the number of elements moved.",
                    "Moves up to (or exactly) a number of elements from one list to another and returns them. \
                     Blocks until the elements are available otherwise. Deletes the source list if it becomes \
                     empty.",
                ),
            ROTATION => spec
                .syntax("source destination timeout")
                .doc(
                    "2.2.0",
                    "O(1)",
                    "Pops an element from a list, pushes it to another list and returns it. Block until an \
                     element is available otherwise. Deletes the list if the last element was popped.",
                )
                .deprecated("6.2.0", "`BLMOVE` with the `RIGHT` and `LEFT` arguments"),
            _ => spec.syntax("source destination <LEFT | RIGHT> <LEFT | RIGHT> timeout").doc(
                "6.2.0",
                "O(1)",
                "Pops an element from a list, pushes it to another list and returns it. Blocks until an element \
                 is available otherwise. Deletes the list if the last element was moved.",
            ),
        }
    };
    type Output = Reply;

    fn parse(args: &mut Args) -> Result<Self> {
        let (movement, timeout_ms) = Movement::parse(args, timeout_ms)?;
        Ok(BlockingMove { movement, timeout_ms })
    }
}

impl<const FORM: u8> BlockingCommand for BlockingMove<FORM> {
    const KIND: Kind = Kind::List;

    fn keys(&self) -> Keys<'_> {
        self.movement.keys()
    }

    fn waits_for(&self) -> &[Bytes] {
        slice::from_ref(&self.movement.from)
    }

    fn timeout_ms(&self) -> u64 {
        self.timeout_ms
    }

    fn attempt(&self, tx: &mut WriteTx<'_>) -> Result<Option<Reply>> {
        self.movement.run(tx)
    }

    fn timed_out(&self) -> Reply {
        Movement::<FORM>::nothing()
    }
}
