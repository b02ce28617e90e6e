//! From one list to another: `LMOVE`, `LMOVEM`, `RPOPLPUSH`.

use super::{MOVE_KEYS, end, pop_event, push_event};
use crate::commands::args::Args;
use crate::commands::spec::{Arity, Flags, Group, Spec};
use crate::commands::{Command, WriteCommand};
use crate::data_types::list::{Edit, End};
use crate::error::{Error, Result};
use crate::keyspace::Keys;
use crate::keyspace::tx::WriteTx;
use crate::protocol::Reply;
use bytes::Bytes;

/// How many elements go together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Amount {
    pub count: u64,
    /// Fewer do not go at all.
    pub exactly: bool,
    /// Each goes by itself; otherwise they stay in their order.
    pub one_by_one: bool,
}

impl Amount {
    pub(super) const ONE: Amount = Amount { count: 1, exactly: false, one_by_one: true };

    /// Reads `[<COUNT | EXACTLY> count <OBO | BULK>]` up to the end.
    pub(super) fn parse(args: &mut Args) -> Result<Amount> {
        if args.is_empty() {
            return Ok(Amount::ONE);
        }
        let exactly = args.take_one(&[("COUNT", false), ("EXACTLY", true)]).ok_or(Error::Syntax)?;
        let count = args.from_one("ERR count should be greater than 0")?;
        let one_by_one = args.take_one(&[("OBO", true), ("BULK", false)]).ok_or(Error::Syntax)?;
        args.end()?;
        Ok(Amount { count, exactly, one_by_one })
    }
}

/// What goes from where to where.
pub(super) struct Movement {
    pub from: Bytes,
    pub to: Bytes,
    pub from_end: End,
    pub to_end: End,
}

impl Movement {
    /// Reads both keys and both ends.
    pub(super) fn parse(args: &mut Args) -> Result<Movement> {
        Ok(Movement { from: args.bytes()?, to: args.bytes()?, from_end: end(args)?, to_end: end(args)? })
    }

    /// From the right end of one to the left end of the other.
    pub(super) fn rotation(args: &mut Args) -> Result<Movement> {
        let (from, to) = (args.bytes()?, args.bytes()?);
        Ok(Movement { from, to, from_end: End::Right, to_end: End::Left })
    }

    pub(super) fn keys(&self) -> Keys<'_> {
        Keys::many([&self.from, &self.to])
    }

    /// Moves elements; returns them in the order that they have there. None: there are too few.
    pub(super) fn run(&self, tx: &mut WriteTx, amount: Amount) -> Result<Option<Vec<Bytes>>> {
        let mut source = Edit::open(tx, &self.from)?;
        let fewest = if amount.exactly { amount.count } else { 1 };
        if source.len() < fewest {
            return Ok(None);
        }
        if self.from == self.to {
            let moved = self.take(tx, &mut source, amount)?;
            self.put(tx, &mut source, &moved)?;
            source.notify(tx, push_event(self.to_end));
            source.finish(tx, pop_event(self.from_end))?;
            return Ok(Some(moved));
        }
        let mut target = Edit::open(tx, &self.to)?;
        let moved = self.take(tx, &mut source, amount)?;
        self.put(tx, &mut target, &moved)?;
        target.finish(tx, push_event(self.to_end))?;
        source.finish(tx, pop_event(self.from_end))?;
        Ok(Some(moved))
    }

    /// Pops what is to be moved; returns it in the order that it will have.
    fn take(&self, tx: &mut WriteTx, source: &mut Edit, amount: Amount) -> Result<Vec<Bytes>> {
        let mut taken = source.pop(tx, self.from_end, amount.count)?;
        // In the order of the source.
        if self.from_end == End::Right {
            taken.reverse();
        }
        if amount.one_by_one && self.from_end == self.to_end {
            taken.reverse();
        }
        Ok(taken)
    }

    fn put(&self, tx: &mut WriteTx, target: &mut Edit, moved: &[Bytes]) -> Result<()> {
        if self.to_end == End::Right {
            return target.push(tx, End::Right, moved);
        }
        let outermost_last: Vec<Bytes> = moved.iter().rev().cloned().collect();
        target.push(tx, End::Left, &outermost_last)
    }

    /// Moves one element and returns it.
    pub(super) fn run_one(&self, tx: &mut WriteTx) -> Result<Option<Bytes>> {
        Ok(self.run(tx, Amount::ONE)?.and_then(|mut moved| moved.pop()))
    }
}

/// `LMOVE` and, from right to left, `RPOPLPUSH`.
pub struct MoveOne<const ROTATES: bool>(Movement);

pub type LMove = MoveOne<false>;
pub type RPopLPush = MoveOne<true>;

impl<const ROTATES: bool> Command for MoveOne<ROTATES> {
    const SPEC: Spec = {
        let (name, arity) = if ROTATES { ("RPOPLPUSH", 3) } else { ("LMOVE", 5) };
        let spec = Spec::new(name, Group::List, Arity::Exactly(arity)).keys(MOVE_KEYS).flags(Flags::DENYOOM);
        if ROTATES {
            spec.syntax("source destination")
                .doc(
                    "1.2.0",
                    "O(1)",
                    "Returns the last element of a list after removing and pushing it to another list. Deletes \
                     the list if the last element was popped.",
                )
                .deprecated("6.2.0", "`LMOVE` with the `RIGHT` and `LEFT` arguments")
        } else {
            spec.syntax("source destination <LEFT | RIGHT> <LEFT | RIGHT>").doc(
                "6.2.0",
                "O(1)",
                "Returns an element after popping it from one list and pushing it to another. Deletes the list \
                 if the last element was moved.",
            )
        }
    };
    type Output = Option<Bytes>;

    fn parse(args: &mut Args) -> Result<Self> {
        if ROTATES { Movement::rotation(args) } else { Movement::parse(args) }.map(MoveOne)
    }
}

impl<const ROTATES: bool> WriteCommand for MoveOne<ROTATES> {
    fn keys(&self) -> Keys<'_> {
        self.0.keys()
    }

    fn run(&self, tx: &mut WriteTx<'_>) -> Result<Option<Bytes>> {
        self.0.run_one(tx)
    }
}

/// `LMOVEM`.
pub struct LMoveM {
    movement: Movement,
    amount: Amount,
}

impl Command for LMoveM {
    const SPEC: Spec = Spec::new("LMOVEM", Group::List, Arity::AtLeast(5))
        .keys(MOVE_KEYS)
        .flags(Flags::DENYOOM)
        .syntax(
            "source destination <LEFT | RIGHT> <LEFT | RIGHT> [<COUNT count | EXACTLY exactly> <OBO | BULK>]",
        )
        .doc(
            "8.10.0",
            "O(N) where N is the number of elements moved.",
            "Moves up to (or exactly) a number of elements from one list to another and returns them. Deletes \
             the source list if it becomes empty.",
        );
    type Output = Reply;

    fn parse(args: &mut Args) -> Result<Self> {
        Ok(LMoveM { movement: Movement::parse(args)?, amount: Amount::parse(args)? })
    }
}

impl WriteCommand for LMoveM {
    fn keys(&self) -> Keys<'_> {
        self.movement.keys()
    }

    fn run(&self, tx: &mut WriteTx<'_>) -> Result<Reply> {
        Ok(self.movement.run(tx, self.amount)?.map_or(Reply::NullArray, Reply::from))
    }
}
