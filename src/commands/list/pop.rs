//! Taking elements out at an end: `LPOP`, `RPOP`, `LMPOP`, `BLMPOP`.

use super::{POP, POP_KEY, end, pop_event};
use crate::commands::args::Args;
use crate::commands::pop_many::{BlockingPopMany, PopEnd, PopMany};
use crate::commands::spec::{Arity, Flags, Group, KeySpec, Spec};
use crate::commands::{Command, WriteCommand};
use crate::data_types::list::{Edit, End};
use crate::encoding::numbers::Kind;
use crate::encoding::text;
use crate::error::{Error, Result};
use crate::keyspace::Keys;
use crate::keyspace::tx::WriteTx;
use crate::protocol::Reply;
use bytes::Bytes;

/// Takes up to `count` elements out of a key's list; none if there is no list.
pub(super) fn pop(tx: &mut WriteTx, key: &Bytes, end: End, count: u64) -> Result<Option<Vec<Bytes>>> {
    let mut list = Edit::open(tx, key)?;
    if list.is_empty() {
        return Ok(None);
    }
    if count == 0 {
        return Ok(Some(Vec::new()));
    }
    let popped = list.pop(tx, end, count)?;
    list.finish(tx, pop_event(end))?;
    Ok(Some(popped))
}

/// `LPOP` (`LEFT`) and `RPOP`.
pub struct Pop<const LEFT: bool> {
    pub key: Bytes,
    /// How many; none: one, and not as an array.
    pub count: Option<u64>,
}

pub type LPop = Pop<true>;
pub type RPop = Pop<false>;

impl<const LEFT: bool> Command for Pop<LEFT> {
    const SPEC: Spec = {
        let name = if LEFT { "LPOP" } else { "RPOP" };
        let summary = if LEFT {
            "Returns the first elements in a list after removing it. Deletes the list if the last element was \
             popped."
        } else {
            "Returns and removes the last elements of a list. Deletes the list if the last element was popped."
        };
        Spec::new(name, Group::List, Arity::AtLeast(2))
            .keys(POP_KEY)
            .flags(Flags::FAST)
            .syntax("key [count]")
            .doc("1.0.0", "O(N) where N is the number of elements returned", summary)
    };
    type Output = Reply;

    fn parse(args: &mut Args) -> Result<Self> {
        if args.remaining() > 2 {
            return Err(Error::Arity(args.command().to_owned()));
        }
        let key = args.bytes()?;
        let count = args.peek().map(|word| {
            text::parse_i64(word).and_then(|count| u64::try_from(count).ok()).ok_or(Error::NotPositive)
        });
        Ok(Pop { key, count: count.transpose()? })
    }
}

impl<const LEFT: bool> WriteCommand for Pop<LEFT> {
    fn keys(&self) -> Keys<'_> {
        Keys::one(&self.key)
    }

    fn run(&self, tx: &mut WriteTx<'_>) -> Result<Reply> {
        let end = if LEFT { End::Left } else { End::Right };
        let popped = pop(tx, &self.key, end, self.count.unwrap_or(1))?;
        Ok(match (popped, self.count) {
            (None, None) => Reply::Null,
            (None, Some(_)) => Reply::NullArray,
            (Some(mut popped), None) => popped.pop().into(),
            (Some(popped), Some(_)) => popped.into(),
        })
    }
}

pub type LMPop = PopMany<End>;
pub type BLMPop = BlockingPopMany<End>;

impl PopEnd for End {
    const SPEC: Spec = Spec::new("LMPOP", Group::List, Arity::AtLeast(4))
        .keys(&[KeySpec::counted(1, POP)])
        .flags(Flags::MOVABLEKEYS)
        .syntax("numkeys key [key ...] <LEFT | RIGHT> [COUNT count]")
        .doc(
            "7.0.0",
            "O(N+M) where N is the number of keys and M is the number of elements returned",
            "Returns multiple elements from a list after removing them. Deletes the list if the last element \
             was popped.",
        );
    const BLOCKING: Spec = Spec::new("BLMPOP", Group::List, Arity::AtLeast(5))
        .keys(&[KeySpec::counted(2, POP)])
        .flags(Flags::MOVABLEKEYS)
        .syntax("timeout numkeys key [key ...] <LEFT | RIGHT> [COUNT count]")
        .doc(
            "7.0.0",
            "O(N+M) where N is the number of provided keys and M is the number of elements returned.",
            "Pops the first element from one of multiple lists. Blocks until an element is available otherwise. \
             Deletes the list if the last element was popped.",
        );
    const KIND: Kind = Kind::List;

    fn parse(args: &mut Args) -> Result<End> {
        end(args)
    }

    fn pop(self, tx: &mut WriteTx, key: &Bytes, count: u64) -> Result<Option<Reply>> {
        Ok(pop(tx, key, self, count)?.map(Reply::from))
    }
}
