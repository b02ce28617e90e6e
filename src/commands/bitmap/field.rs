//! Integers of any width at any bit: `BITFIELD`, `BITFIELD_RO`.

use super::{READ_KEY, UPDATE, bit_offset};
use crate::commands::args::Args;
use crate::commands::keys::KeyOf;
use crate::commands::spec::{Arity, Flags, Group, KeyFlags, KeySpec, Spec};
use crate::commands::{Command, ReadCommand, WriteCommand};
use crate::data_types::string::bitfield::{self, Action, Field, Operation, Overflow};
use crate::encoding::numbers::Kind;
use crate::encoding::text;
use crate::error::{Error, Result};
use crate::keyspace::Keys;
use crate::keyspace::tx::{ReadTx, WriteTx};
use bytes::Bytes;

const BAD_TYPE: Error = Error::text(
    "ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.",
);

/// Reads `i16` and `#3`, or `i16` and `48`.
fn parse_field(args: &mut Args) -> Result<Field> {
    let kind = args.bytes()?;
    let (signed, width) = match kind.as_ref() {
        [b'i', width @ ..] => (true, width),
        [b'u', width @ ..] => (false, width),
        _ => return Err(BAD_TYPE),
    };
    let max = if signed { 64 } else { 63 };
    let bits = text::parse_i64(width).filter(|bits| (1..=max).contains(bits)).ok_or(BAD_TYPE)?;
    let offset = args.bytes()?;
    let offset = match offset.as_ref() {
        [b'#', number @ ..] => text::parse_i64(number).and_then(|number| number.checked_mul(bits)),
        number => text::parse_i64(number),
    };
    Ok(Field { signed, bits: bits as u32, offset: bit_offset(args, offset)? })
}

fn parse_overflow(args: &mut Args) -> Result<Overflow> {
    if args.is_empty() {
        return Err(Error::Syntax);
    }
    const NAMES: [(&str, Overflow); 3] =
        [("WRAP", Overflow::Wrap), ("SAT", Overflow::Saturate), ("FAIL", Overflow::Fail)];
    args.take_one(&NAMES).ok_or(Error::text("ERR Invalid OVERFLOW type specified"))
}

fn parse_operations(args: &mut Args) -> Result<Vec<Operation>> {
    let mut operations = Vec::new();
    let mut overflow = Overflow::Wrap;
    while !args.is_empty() {
        let enough =
            |args: &Args, words: usize| if args.remaining() < words { Err(Error::Syntax) } else { Ok(()) };
        if args.take("GET") {
            enough(args, 2)?;
            operations.push((parse_field(args)?, Action::Get));
        } else if args.take("SET") {
            enough(args, 3)?;
            operations.push((parse_field(args)?, Action::Set(args.integer()?, overflow)));
        } else if args.take("INCRBY") {
            enough(args, 3)?;
            operations.push((parse_field(args)?, Action::Increment(args.integer()?, overflow)));
        } else if args.take("OVERFLOW") {
            overflow = parse_overflow(args)?;
        } else {
            return Err(Error::Syntax);
        }
    }
    Ok(operations)
}

pub struct BitField {
    pub key: Bytes,
    pub operations: Vec<Operation>,
}

/// A call of nothing but `GET` only reads.
fn keys(words: &[Bytes]) -> Option<Vec<KeyOf>> {
    let is = |at: usize, name: &str| words[at].eq_ignore_ascii_case(name.as_bytes());
    let mut at = 2;
    let mut writes = false;
    while at < words.len() && !writes {
        if is(at, "GET") && at + 2 < words.len() {
            at += 3;
        } else if is(at, "OVERFLOW") && at + 1 < words.len() {
            at += 2;
        } else {
            writes = true;
        }
    }
    Some(vec![(1, if writes { UPDATE } else { KeyFlags::RO.and(KeyFlags::ACCESS) })])
}

impl Command for BitField {
    const SPEC: Spec = Spec::new("BITFIELD", Group::Bitmap, Arity::AtLeast(2))
        .keys(&[KeySpec::at(1, UPDATE.and(KeyFlags::VARIABLE))])
        .find_keys(keys)
        .flags(Flags::DENYOOM)
        .syntax(
            "key [GET encoding offset | [OVERFLOW <WRAP | SAT | FAIL>] <SET encoding offset value | \
             INCRBY encoding offset increment> [GET encoding offset | [OVERFLOW <WRAP | SAT | FAIL>] \
             <SET encoding offset value | INCRBY encoding offset increment> ...]]",
        )
        .doc(
            "3.2.0",
            "O(1) for each subcommand specified",
            "Performs arbitrary bitfield integer operations on strings.",
        );
    type Output = Vec<Option<i64>>;

    fn parse(args: &mut Args) -> Result<Self> {
        Ok(BitField { key: args.bytes()?, operations: parse_operations(args)? })
    }
}

impl WriteCommand for BitField {
    fn keys(&self) -> Keys<'_> {
        Keys::one(&self.key)
    }

    fn run(&self, tx: &mut WriteTx<'_>) -> Result<Vec<Option<i64>>> {
        let only_reads = self.operations.iter().all(|(_, action)| *action == Action::Get);
        let mut slot = if only_reads { tx.slot_read(&self.key)? } else { tx.slot(&self.key)? };
        bitfield::run(tx, &mut slot, &self.operations)
    }
}

pub struct BitFieldRo {
    pub key: Bytes,
    pub fields: Vec<Field>,
}

impl Command for BitFieldRo {
    const SPEC: Spec = Spec::new("BITFIELD_RO", Group::Bitmap, Arity::AtLeast(2))
        .keys(READ_KEY)
        .flags(Flags::FAST)
        .syntax("key [GET encoding offset [GET encoding offset ...]]")
        .doc(
            "6.0.0",
            "O(1) for each subcommand specified",
            "Performs arbitrary read-only bitfield integer operations on strings.",
        );
    type Output = Vec<i64>;

    fn parse(args: &mut Args) -> Result<Self> {
        let key = args.bytes()?;
        let operations = parse_operations(args)?;
        if operations.iter().any(|(_, action)| *action != Action::Get) {
            return Err(Error::text("ERR BITFIELD_RO only supports the GET subcommand"));
        }
        Ok(BitFieldRo { key, fields: operations.into_iter().map(|(field, _)| field).collect() })
    }
}

impl ReadCommand for BitFieldRo {
    fn keys(&self) -> Keys<'_> {
        Keys::one(&self.key)
    }

    fn run(&self, tx: &ReadTx<'_>) -> Result<Vec<i64>> {
        let meta = tx.meta_of(&self.key, Kind::String)?;
        bitfield::read(tx, meta.as_ref(), self.fields.iter().copied())
    }
}
