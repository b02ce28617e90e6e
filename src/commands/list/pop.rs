//! Taking elements out at an end: `LPOP`, `RPOP`, `LMPOP`.

use super::{POP, POP_KEY, end, pop_event};
use crate::commands::args::Args;
use crate::commands::spec::{Arity, Flags, Group, KeySpec, Spec};
use crate::commands::{Command, WriteCommand};
use crate::data_types::list::{Edit, End};
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

/// What `LMPOP` and `BLMPOP` say after the timeout.
pub(super) struct ManyKeys {
    pub keys: Vec<Bytes>,
    pub end: End,
    pub count: u64,
}

impl ManyKeys {
    pub(super) fn parse(args: &mut Args) -> Result<ManyKeys> {
        Ok(ManyKeys { keys: args.counted_keys()?, end: end(args)?, count: args.count_to_pop()? })
    }

    /// Pops from the first list that is there.
    pub(super) fn pop(&self, tx: &mut WriteTx) -> Result<Option<Reply>> {
        for key in &self.keys {
            if let Some(popped) = pop(tx, key, self.end, self.count)? {
                return Ok(Some(Reply::Array(vec![Reply::Bulk(key.clone()), popped.into()])));
            }
        }
        Ok(None)
    }
}

/// `LMPOP`.
pub struct LMPop(ManyKeys);

impl Command for LMPop {
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
    type Output = Reply;

    fn parse(args: &mut Args) -> Result<Self> {
        ManyKeys::parse(args).map(LMPop)
    }
}

impl WriteCommand for LMPop {
    fn keys(&self) -> Keys<'_> {
        Keys::many(&self.0.keys)
    }

    fn run(&self, tx: &mut WriteTx<'_>) -> Result<Reply> {
        Ok(self.0.pop(tx)?.unwrap_or(Reply::NullArray))
    }
}
