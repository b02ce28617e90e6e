//! Reading lists: `LINDEX`, `LLEN`, `LPOS`, `LRANGE`.

use super::READ_KEY;
use crate::commands::args::Args;
use crate::commands::spec::{Arity, Flags, Group, KeyFlags, KeySpec, Spec};
use crate::commands::{Command, ReadCommand};
use crate::data_types::list::{End, List, Search, place, places};
use crate::encoding::text;
use crate::error::{Error, Result};
use crate::keyspace::Keys;
use crate::keyspace::tx::ReadTx;
use crate::protocol::{Reply, Shape, Strings, StringsBuilder};
use bytes::Bytes;

/// `LLEN`.
pub struct LLen {
    pub key: Bytes,
}

impl Command for LLen {
    const SPEC: Spec = Spec::new("LLEN", Group::List, Arity::Exactly(2))
        .keys(&[KeySpec::at(1, KeyFlags::RO)])
        .flags(Flags::FAST)
        .syntax("key")
        .doc("1.0.0", "O(1)", "Returns the length of a list.");
    type Output = u64;

    fn parse(args: &mut Args) -> Result<Self> {
        Ok(LLen { key: args.bytes()? })
    }
}

impl ReadCommand for LLen {
    fn keys(&self) -> Keys<'_> {
        Keys::one(&self.key)
    }

    fn run(&self, tx: &ReadTx<'_>) -> Result<u64> {
        Ok(List::get(tx, &self.key)?.map_or(0, |list| list.length()))
    }
}

/// `LINDEX`.
pub struct LIndex {
    pub key: Bytes,
    pub index: Bytes,
}

impl Command for LIndex {
    const SPEC: Spec = Spec::new("LINDEX", Group::List, Arity::Exactly(3))
        .keys(READ_KEY)
        .syntax("key index")
        .doc("1.0.0", "O(log N)", "Returns an element from a list by its index.");
    type Output = Option<Bytes>;

    fn parse(args: &mut Args) -> Result<Self> {
        Ok(LIndex { key: args.bytes()?, index: args.bytes()? })
    }
}

impl ReadCommand for LIndex {
    fn keys(&self) -> Keys<'_> {
        Keys::one(&self.key)
    }

    fn run(&self, tx: &ReadTx<'_>) -> Result<Option<Bytes>> {
        let Some(list) = List::get(tx, &self.key)? else { return Ok(None) };
        // Redis looks at the number only when there is a list.
        let index = text::parse_i64(&self.index).ok_or(Error::NotInteger)?;
        place(list.length(), index).map_or(Ok(None), |rank| list.at(rank))
    }
}

/// `LRANGE`.
pub struct LRange {
    pub key: Bytes,
    pub start: i64,
    pub stop: i64,
}

impl Command for LRange {
    const SPEC: Spec =
        Spec::new("LRANGE", Group::List, Arity::Exactly(4)).keys(READ_KEY).syntax("key start stop").doc(
            "1.0.0",
            "O(log N + M) where M is the number of elements returned",
            "Returns a range of elements from a list.",
        );
    type Output = Strings;

    fn parse(args: &mut Args) -> Result<Self> {
        Ok(LRange { key: args.bytes()?, start: args.integer()?, stop: args.integer()? })
    }
}

impl ReadCommand for LRange {
    fn keys(&self) -> Keys<'_> {
        Keys::one(&self.key)
    }

    fn run(&self, tx: &ReadTx<'_>) -> Result<Strings> {
        let Some(list) = List::get(tx, &self.key)? else {
            return Ok(StringsBuilder::default().finish(Shape::Array));
        };
        let places = places(list.length(), self.start, self.stop);
        let mut elements = StringsBuilder::with_room((places.end - places.start) as usize);
        list.walk(places, |element| elements.push(element))?;
        Ok(elements.finish(Shape::Array))
    }
}

/// `LPOS`.
pub struct LPos {
    pub key: Bytes,
    pub element: Bytes,
    /// Which match is the first to count, from 1; from the end if negative. Never 0.
    pub rank: i64,
    /// How many matches (0: all); none: one, and not as an array.
    pub count: Option<u64>,
    /// How many elements to look at; 0: all.
    pub max_len: u64,
}

impl Command for LPos {
    const SPEC: Spec = Spec::new("LPOS", Group::List, Arity::AtLeast(3))
        .keys(READ_KEY)
        .syntax("key element [RANK rank] [COUNT num-matches] [MAXLEN len]")
        .doc(
            "6.0.6",
            "O(N) where N is the number of elements looked at",
            "Returns the index of matching elements in a list.",
        );
    type Output = Reply;

    fn parse(args: &mut Args) -> Result<Self> {
        const ZERO_RANK: Error = Error::text(
            "ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... or use \
             negative to start from the end of the list",
        );
        const RANK_RANGE: Error = Error::text(
            "ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807",
        );
        let mut command =
            LPos { key: args.bytes()?, element: args.bytes()?, rank: 1, count: None, max_len: 0 };
        while !args.is_empty() {
            if args.remaining() < 2 {
                return Err(Error::Syntax);
            }
            if args.take("RANK") {
                let rank = args.integer()?;
                command.rank = match rank {
                    i64::MIN => return Err(RANK_RANGE),
                    0 => return Err(ZERO_RANK),
                    rank => rank,
                };
            } else if args.take("COUNT") {
                command.count = Some(not_negative(args, "ERR COUNT can't be negative")?);
            } else if args.take("MAXLEN") {
                command.max_len = not_negative(args, "ERR MAXLEN can't be negative")?;
            } else {
                return Err(Error::Syntax);
            }
        }
        Ok(command)
    }
}

fn not_negative(args: &mut Args, otherwise: &'static str) -> Result<u64> {
    let number = text::parse_i64(&args.bytes()?).and_then(|number| u64::try_from(number).ok());
    number.ok_or(Error::text(otherwise))
}

impl ReadCommand for LPos {
    fn keys(&self) -> Keys<'_> {
        Keys::one(&self.key)
    }

    fn run(&self, tx: &ReadTx<'_>) -> Result<Reply> {
        let all_if_none = |number: u64| if number == 0 { u64::MAX } else { number };
        let found = match List::get(tx, &self.key)? {
            Some(list) => {
                let from = if self.rank > 0 { End::Left } else { End::Right };
                let search = Search {
                    from,
                    skip: self.rank.unsigned_abs() - 1,
                    most: all_if_none(self.count.unwrap_or(1)),
                    look_at: all_if_none(self.max_len),
                };
                list.find(&self.element, search)?
            }
            None => Vec::new(),
        };
        Ok(match self.count {
            Some(_) => found.into(),
            None => found.first().copied().into(),
        })
    }
}
