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
struct Amount {
    count: u64,
    /// Fewer do not go at all.
    exactly: bool,
    /// Each goes by itself; otherwise they stay in their order.
    one_by_one: bool,
}

impl Amount {
    const ONE: Amount = Amount { count: 1, exactly: false, one_by_one: true };

    /// Reads `[<COUNT | EXACTLY> count <OBO | BULK>]` up to the end.
    fn parse(args: &mut Args) -> Result<Amount> {
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

/// `LMOVE` and `BLMOVE`: one element.
pub(super) const ONE: u8 = 0;
/// `RPOPLPUSH` and `BRPOPLPUSH`: one element, from right to left.
pub(super) const ROTATION: u8 = 1;
/// `LMOVEM` and `BLMOVEM`.
pub(super) const MANY: u8 = 2;

/// What goes from where to where; `FORM` is that of the command.
pub(super) struct Movement<const FORM: u8> {
    pub from: Bytes,
    to: Bytes,
    from_end: End,
    to_end: End,
    amount: Amount,
}

impl<const FORM: u8> Movement<FORM> {
    /// Reads both keys, both ends and, behind what `between` reads, the amount.
    pub(super) fn parse<T>(
        args: &mut Args,
        between: impl FnOnce(&mut Args) -> Result<T>,
    ) -> Result<(Self, T)> {
        let (from, to) = (args.bytes()?, args.bytes()?);
        let (from_end, to_end) =
            if FORM == ROTATION { (End::Right, End::Left) } else { (end(args)?, end(args)?) };
        let between = between(args)?;
        let amount = if FORM == MANY { Amount::parse(args)? } else { Amount::ONE };
        Ok((Movement { from, to, from_end, to_end, amount }, between))
    }

    pub(super) fn keys(&self) -> Keys<'_> {
        Keys::many([&self.from, &self.to])
    }

    /// Moves elements; returns them in the order that they have there. None: there are too few.
    pub(super) fn run(&self, tx: &mut WriteTx) -> Result<Option<Reply>> {
        let mut source = Edit::open(tx, &self.from)?;
        let fewest = if self.amount.exactly { self.amount.count } else { 1 };
        if source.len() < fewest {
            return Ok(None);
        }
        let moved = if self.from == self.to {
            let moved = self.take(tx, &mut source)?;
            self.put(tx, &mut source, &moved)?;
            source.notify(tx, push_event(self.to_end));
            moved
        } else {
            let mut target = Edit::open(tx, &self.to)?;
            let moved = self.take(tx, &mut source)?;
            self.put(tx, &mut target, &moved)?;
            target.finish(tx, push_event(self.to_end))?;
            moved
        };
        source.finish(tx, pop_event(self.from_end))?;
        Ok(Some(if FORM == MANY { moved.into() } else { moved.into_iter().next().into() }))
    }

    /// The reply when there are too few.
    pub(super) fn nothing() -> Reply {
        if FORM == MANY { Reply::NullArray } else { Reply::Null }
    }

    /// Pops what is to be moved; returns it in the order that it will have.
    fn take(&self, tx: &mut WriteTx, source: &mut Edit) -> Result<Vec<Bytes>> {
        let mut taken = source.pop(tx, self.from_end, self.amount.count)?;
        // In the order of the source.
        if self.from_end == End::Right {
            taken.reverse();
        }
        if self.amount.one_by_one && self.from_end == self.to_end {
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
}

/// `LMOVE`, `LMOVEM` and `RPOPLPUSH`.
pub struct Move<const FORM: u8>(Movement<FORM>);

pub type LMove = Move<ONE>;
pub type LMoveM = Move<MANY>;
pub type RPopLPush = Move<ROTATION>;

impl<const FORM: u8> Command for Move<FORM> {
    const SPEC: Spec = {
        let (name, arity) = match FORM {
            MANY => ("LMOVEM", Arity::AtLeast(5)),
            ROTATION => ("RPOPLPUSH", Arity::Exactly(3)),
            _ => ("LMOVE", Arity::Exactly(5)),
        };
        let spec = Spec::new(name, Group::List, arity).keys(MOVE_KEYS).flags(Flags::DENYOOM);
        match FORM {
            MANY => spec
                .syntax(
                    "source destination <LEFT | RIGHT> <LEFT | RIGHT> \
                     [<COUNT count | EXACTLY exactly> <OBO | BULK>]",
                )
                .doc(
                    "8.10.0",
                    "O(N) where N is the number of elements moved.",
                    "Moves up to (or exactly) a number of elements from one list to another and returns them. \
                     Deletes the source list if it becomes empty.",
                ),
            ROTATION => spec
                .syntax("source destination")
                .doc(
                    "1.2.0",
                    "O(1)",
                    "Returns the last element of a list after removing and pushing it to another list. Deletes \
                     the list if the last element was popped.",
                )
                .deprecated("6.2.0", "`LMOVE` with the `RIGHT` and `LEFT` arguments"),
            _ => spec.syntax("source destination <LEFT | RIGHT> <LEFT | RIGHT>").doc(
                "6.2.0",
                "O(1)",
                "Returns an element after popping it from one list and pushing it to another. Deletes the list \
                 if the last element was moved.",
            ),
        }
    };
    type Output = Reply;

    fn parse(args: &mut Args) -> Result<Self> {
        Ok(Move(Movement::parse(args, |_| Ok(()))?.0))
    }
}

impl<const FORM: u8> WriteCommand for Move<FORM> {
    fn keys(&self) -> Keys<'_> {
        self.0.keys()
    }

    fn run(&self, tx: &mut WriteTx<'_>) -> Result<Reply> {
        Ok(self.0.run(tx)?.unwrap_or(Movement::<FORM>::nothing()))
    }
}
