//! Those that wait: `BLPOP`, `BRPOP`, `BLMPOP`, `BLMOVE`, `BLMOVEM`, `BRPOPLPUSH`.

use super::moves::{Amount, Movement};
use super::pop::{ManyKeys, pop};
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

    fn keys(&self) -> Keys<'_> {
        Keys::many(&self.keys)
    }

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

/// `BLMPOP`.
pub struct BLMPop {
    many: ManyKeys,
    timeout_ms: u64,
}

impl Command for BLMPop {
    const SPEC: Spec = Spec::new("BLMPOP", Group::List, Arity::AtLeast(5))
        .keys(&[KeySpec::counted(2, POP)])
        .flags(Flags::MOVABLEKEYS)
        .syntax("timeout numkeys key [key ...] <LEFT | RIGHT> [COUNT count]")
        .doc(
            "7.0.0",
            "O(N+M) where N is the number of provided keys and M is the number of elements returned.",
            "Pops the first element from one of multiple lists. Blocks until an element is available otherwise. \
             Deletes the list if the last element was popped.",
        );
    type Output = Reply;

    fn parse(args: &mut Args) -> Result<Self> {
        // Redis looks at the timeout last.
        let mut timeout = args.clone();
        args.bytes()?;
        Ok(BLMPop { many: ManyKeys::parse(args)?, timeout_ms: timeout_ms(&mut timeout)? })
    }
}

impl BlockingCommand for BLMPop {
    const KIND: Kind = Kind::List;

    fn keys(&self) -> Keys<'_> {
        Keys::many(&self.many.keys)
    }

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

/// `BLMOVE` and, from right to left, `BRPOPLPUSH`.
pub struct BlockingMove<const ROTATES: bool> {
    movement: Movement,
    timeout_ms: u64,
}

pub type BLMove = BlockingMove<false>;
pub type BRPopLPush = BlockingMove<true>;

impl<const ROTATES: bool> Command for BlockingMove<ROTATES> {
    const SPEC: Spec = {
        let (name, arity) = if ROTATES { ("BRPOPLPUSH", 4) } else { ("BLMOVE", 6) };
        let spec = Spec::new(name, Group::List, Arity::Exactly(arity)).keys(MOVE_KEYS).flags(Flags::DENYOOM);
        if ROTATES {
            spec.syntax("source destination timeout")
                .doc(
                    "2.2.0",
                    "O(1)",
                    "Pops an element from a list, pushes it to another list and returns it. Block until an \
                     element is available otherwise. Deletes the list if the last element was popped.",
                )
                .deprecated("6.2.0", "`BLMOVE` with the `RIGHT` and `LEFT` arguments")
        } else {
            spec.syntax("source destination <LEFT | RIGHT> <LEFT | RIGHT> timeout").doc(
                "6.2.0",
                "O(1)",
                "Pops an element from a list, pushes it to another list and returns it. Blocks until an element \
                 is available otherwise. Deletes the list if the last element was moved.",
            )
        }
    };
    type Output = Reply;

    fn parse(args: &mut Args) -> Result<Self> {
        let movement = if ROTATES { Movement::rotation(args) } else { Movement::parse(args) }?;
        Ok(BlockingMove { movement, timeout_ms: timeout_ms(args)? })
    }
}

impl<const ROTATES: bool> BlockingCommand for BlockingMove<ROTATES> {
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
        Ok(self.movement.run_one(tx)?.map(Reply::Bulk))
    }

    fn timed_out(&self) -> Reply {
        Reply::Null
    }
}

/// `BLMOVEM`.
pub struct BLMoveM {
    movement: Movement,
    timeout_ms: u64,
    amount: Amount,
}

impl Command for BLMoveM {
    const SPEC: Spec = Spec::new("BLMOVEM", Group::List, Arity::AtLeast(6))
        .keys(MOVE_KEYS)
        .flags(Flags::DENYOOM)
        .syntax(
            "source destination <LEFT | RIGHT> <LEFT | RIGHT> timeout \
             [<COUNT count | EXACTLY exactly> <OBO | BULK>]",
        )
        .doc(
            "8.10.0",
            "O(N) where N is the number of elements moved.",
            "Moves up to (or exactly) a number of elements from one list to another and returns them. Blocks \
             until the elements are available otherwise. Deletes the source list if it becomes empty.",
        );
    type Output = Reply;

    fn parse(args: &mut Args) -> Result<Self> {
        let movement = Movement::parse(args)?;
        Ok(BLMoveM { movement, timeout_ms: timeout_ms(args)?, amount: Amount::parse(args)? })
    }
}

impl BlockingCommand for BLMoveM {
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
        Ok(self.movement.run(tx, self.amount)?.map(Reply::from))
    }

    fn timed_out(&self) -> Reply {
        Reply::NullArray
    }
}
