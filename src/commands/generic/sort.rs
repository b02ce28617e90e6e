//! `SORT` and `SORT_RO`.

use super::ACCESS_KEY;
use crate::commands::args::Args;
use crate::commands::keys::KeyOf;
use crate::commands::spec::{Arity, Begin, Categories, Find, Flags, Group, KeyFlags, KeySpec, Spec};
use crate::commands::{Command, ReadCommand, WriteCommand};
use crate::data_types::list;
use crate::data_types::sort::{self, By, Pattern};
use crate::error::{Error, Result};
use crate::keyspace::Keys;
use crate::keyspace::event::Event;
use crate::keyspace::tx::{ReadTx, WriteTx};
use crate::protocol::Reply;
use bytes::Bytes;

const READ: KeyFlags = KeyFlags::RO.and(KeyFlags::ACCESS);
const STORED: KeyFlags = KeyFlags::OW.and(KeyFlags::UPDATE);

const fn unknown(flags: KeyFlags) -> KeySpec {
    KeySpec { begin: Begin::Unknown, find: Find::Unknown, flags }
}

/// `SORT` (`STORES`, if it is told to) and `SORT_RO`.
pub struct Sorting<const STORES: bool> {
    pub key: Bytes,
    pub sort: sort::Sort,
    pub destination: Option<Bytes>,
}

pub type Sort = Sorting<true>;
pub type SortRo = Sorting<false>;

impl<const STORES: bool> Command for Sorting<STORES> {
    const SPEC: Spec = {
        const SORT_KEYS: &[KeySpec] = &[KeySpec::at(1, READ), unknown(READ), unknown(STORED)];
        const SORT_RO_KEYS: &[KeySpec] = &[ACCESS_KEY[0], unknown(READ)];
        const COMPLEXITY: &str = "O(N*log(N)), N being the number of elements";
        const STORE_SUMMARY: &str =
            "Sorts the elements of a list, a set or a sorted set, and may store the result.";
        const SUMMARY: &str = "Sorts the elements of a list, a set or a sorted set.";
        let name = if STORES { "SORT" } else { "SORT_RO" };
        let spec = Spec::new(name, Group::Generic, Arity::AtLeast(2))
            .flags(Flags::MOVABLEKEYS)
            .categories(
                Categories::LIST.and(Categories::SET).and(Categories::SORTEDSET).and(Categories::DANGEROUS),
            )
            .without(Categories::KEYSPACE);
        if STORES {
            spec.keys(SORT_KEYS)
                .find_keys(find_keys)
                .flags(Flags::DENYOOM)
                .syntax(
                    "key [BY pattern] [LIMIT offset count] [GET pattern [GET pattern ...]] [ASC | DESC] [ALPHA] \
                     [STORE destination]",
                )
                .doc("1.0.0", COMPLEXITY, STORE_SUMMARY)
        } else {
            spec.keys(SORT_RO_KEYS)
                .find_keys(find_keys_ro)
                .syntax(
                    "key [BY pattern] [LIMIT offset count] [GET pattern [GET pattern ...]] [ASC | DESC] [ALPHA]",
                )
                .doc("7.0.0", COMPLEXITY, SUMMARY)
        }
    };
    type Output = Reply;

    fn parse(args: &mut Args) -> Result<Self> {
        let key = args.bytes()?;
        let (mut sort, mut destination) = (sort::Sort::default(), None);
        while !args.is_empty() {
            if args.take("ASC") {
                sort.descending = false;
            } else if args.take("DESC") {
                sort.descending = true;
            } else if args.take("ALPHA") {
                sort.alpha = true;
            } else if args.remaining() > 2 && args.take("LIMIT") {
                sort.limit = (args.integer()?, args.integer()?);
            } else if STORES && args.remaining() > 1 && args.take("STORE") {
                destination = Some(args.bytes()?);
            } else if args.remaining() > 1 && args.take("BY") {
                let pattern = Pattern::parse(&args.bytes()?);
                if !args.reads_all_keys && matches!(pattern, Pattern::Key { .. }) {
                    return Err(Error::text(
                        "ERR BY option of SORT denied due to insufficient ACL permissions.",
                    ));
                }
                // Once there is nothing to sort by, nothing that follows changes that.
                sort.by = match pattern {
                    _ if sort.by == By::Nothing => By::Nothing,
                    Pattern::Key { .. } => By::Pattern(pattern),
                    Pattern::Element | Pattern::Constant => By::Nothing,
                };
            } else if args.remaining() > 1 && args.take("GET") {
                if !args.reads_all_keys {
                    return Err(Error::text(
                        "ERR GET option of SORT denied due to insufficient ACL permissions.",
                    ));
                }
                sort.get.push(Pattern::parse(&args.bytes()?));
            } else {
                return Err(Error::Syntax);
            }
        }
        sort.repeatable = destination.is_some();
        Ok(Sorting { key, sort, destination })
    }
}

impl<const STORES: bool> Sorting<STORES> {
    /// What the patterns lead to is known only when the elements are: then nobody else may write.
    fn locked(&self) -> Keys<'_> {
        if self.sort.reads_keys() {
            Keys::All
        } else {
            Keys::many([&self.key].into_iter().chain(&self.destination))
        }
    }
}

impl ReadCommand for SortRo {
    fn keys(&self) -> Keys<'_> {
        self.locked()
    }

    fn run(&self, tx: &ReadTx<'_>) -> Result<Reply> {
        Ok(self.sort.run(tx, &self.key)?.into())
    }
}

impl WriteCommand for Sort {
    fn keys(&self) -> Keys<'_> {
        self.locked()
    }

    fn run(&self, tx: &mut WriteTx<'_>) -> Result<Reply> {
        let found = self.sort.run(tx, &self.key)?;
        let Some(destination) = &self.destination else { return Ok(found.into()) };
        let mut slot = tx.slot(destination)?;
        if found.is_empty() {
            tx.delete(&mut slot, Event::DEL);
            return Ok(Reply::Integer(0));
        }
        let elements: Vec<Bytes> = found.into_iter().map(Option::unwrap_or_default).collect();
        list::put(tx, &slot, &elements, None, Event::SORTSTORE)?;
        Ok(elements.len().into())
    }
}

/// Of several destinations the last one counts.
fn find_keys(words: &[Bytes]) -> Option<Vec<KeyOf>> {
    let (mut keys, mut next) = (vec![(1, READ)], 2);
    while let Some(word) = words.get(next) {
        let is = |keyword: &str| word.eq_ignore_ascii_case(keyword.as_bytes());
        if is("STORE") && next + 1 < words.len() {
            keys.truncate(1);
            keys.push((next + 1, STORED));
        }
        next += if is("LIMIT") {
            3
        } else if is("GET") || is("BY") || is("STORE") {
            2
        } else {
            1
        };
    }
    Some(keys)
}

fn find_keys_ro(_: &[Bytes]) -> Option<Vec<KeyOf>> {
    Some(vec![(1, READ)])
}
