//! Single bits and ranges of them: `BITCOUNT`, `BITOP`, `BITPOS`, `GETBIT`, `SETBIT`.

use super::{READ, READ_KEY, UPDATE, parse_bit_offset};
use crate::commands::args::Args;
use crate::commands::spec::{Arity, Flags, Group, KeyFlags, KeySpec, Spec};
use crate::commands::{Command, ReadCommand, WriteCommand};
use crate::data_types::string;
use crate::data_types::string::bitmap::{self, Combine};
use crate::encoding::numbers::Kind;
use crate::encoding::text;
use crate::error::{Error, Result};
use crate::keyspace::Keys;
use crate::keyspace::tx::{ReadTx, WriteTx};
use bytes::Bytes;
use std::ops;

/// What positions count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    Bytes,
    Bits,
}

/// First and last position, both included; negative ones count from the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    pub start: i64,
    pub end: i64,
    pub unit: Unit,
}

impl Range {
    const ALL: Range = Range { start: 0, end: -1, unit: Unit::Bytes };

    /// The bits of a value of `len` bytes that the range means, by one of the two ways in which
    /// Redis' commands see ranges.
    fn bits(self, len: u64, resolve: fn(i64, i64, u64) -> Option<(u64, u64)>) -> ops::Range<u64> {
        let bits_of = |(start, end): (u64, u64), size: u64| start * size..(end + 1) * size;
        match self.unit {
            Unit::Bytes => resolve(self.start, self.end, len).map(|range| bits_of(range, 8)),
            Unit::Bits => resolve(self.start, self.end, len * 8).map(|range| bits_of(range, 1)),
        }
        .unwrap_or(0..0)
    }
}

impl Unit {
    /// Takes `BYTE` or `BIT`, the last word if it is there.
    fn parse(args: &mut Args) -> Result<Unit> {
        if args.is_empty() {
            return Ok(Unit::Bytes);
        }
        let unit = args.take_one(&[("BYTE", Unit::Bytes), ("BIT", Unit::Bits)]).ok_or(Error::Syntax)?;
        args.end().map(|()| unit)
    }
}

pub struct BitCount {
    pub key: Bytes,
    pub range: Range,
}

impl Command for BitCount {
    const SPEC: Spec = Spec::new("BITCOUNT", Group::Bitmap, Arity::AtLeast(2))
        .keys(READ_KEY)
        .syntax("key [start end [BYTE | BIT]]")
        .doc(
            "2.6.0",
            "O(N) where N is what is stored of the range.",
            "Counts the number of set bits (population counting) in a string.",
        );
    type Output = u64;

    fn parse(args: &mut Args) -> Result<Self> {
        let key = args.bytes()?;
        let range = match args.remaining() {
            0 => Range::ALL,
            2 | 3 => Range { start: args.integer()?, end: args.integer()?, unit: Unit::parse(args)? },
            _ => return Err(Error::Syntax),
        };
        Ok(BitCount { key, range })
    }
}

impl ReadCommand for BitCount {
    fn keys(&self) -> Keys<'_> {
        Keys::one(&self.key)
    }

    fn run(&self, tx: &ReadTx<'_>) -> Result<u64> {
        let Some(meta) = tx.meta_of(&self.key, Kind::String)? else { return Ok(0) };
        bitmap::count(tx, &meta, self.range.bits(string::len(&meta), string::resolve_range))
    }
}

pub struct BitPos {
    pub key: Bytes,
    pub bit: bool,
    pub range: Range,
    /// Whether the client gave an end. If not, a value is followed by zeros without end.
    pub has_end: bool,
}

impl Command for BitPos {
    const SPEC: Spec = Spec::new("BITPOS", Group::Bitmap, Arity::AtLeast(3))
        .keys(READ_KEY)
        .syntax("key bit [start [end [BYTE | BIT]]]")
        .doc(
            "2.8.7",
            "O(N) where N is what is stored of the range up to the bit.",
            "Finds the first set (1) or clear (0) bit in a string.",
        );
    type Output = i64;

    fn parse(args: &mut Args) -> Result<Self> {
        let key = args.bytes()?;
        let bit = match args.integer()? {
            0 => false,
            1 => true,
            _ => return Err(Error::text("ERR The bit argument must be 1 or 0.")),
        };
        let mut range = Range::ALL;
        if !args.is_empty() {
            range.start = args.integer()?;
        }
        let has_end = !args.is_empty();
        if has_end {
            // A wrong unit is told before a wrong end.
            let end = args.bytes()?;
            range.unit = Unit::parse(args)?;
            range.end = text::parse_i64(&end).ok_or(Error::NotInteger)?;
        }
        Ok(BitPos { key, bit, range, has_end })
    }
}

impl ReadCommand for BitPos {
    fn keys(&self) -> Keys<'_> {
        Keys::one(&self.key)
    }

    fn run(&self, tx: &ReadTx<'_>) -> Result<i64> {
        let Some(meta) = tx.meta_of(&self.key, Kind::String)? else {
            return Ok(if self.bit { -1 } else { 0 });
        };
        let len = string::len(&meta);
        let bits = self.range.bits(len, string::clamp_range);
        let follows = !self.bit && !self.has_end && !bits.is_empty();
        Ok(match bitmap::position(tx, &meta, bits, self.bit)? {
            Some(position) => position as i64,
            None if follows => len as i64 * 8,
            None => -1,
        })
    }
}

pub struct BitOp {
    pub how: Combine,
    pub destination: Bytes,
    pub sources: Vec<Bytes>,
}

impl Command for BitOp {
    const SPEC: Spec = Spec::new("BITOP", Group::Bitmap, Arity::AtLeast(4))
        .keys(&[KeySpec::at(2, KeyFlags::OW.and(KeyFlags::UPDATE)), KeySpec::range(3, -1, 1, READ)])
        .flags(Flags::DENYOOM)
        .syntax("<AND | OR | XOR | NOT | DIFF | DIFF1 | ANDOR | ONE> destkey key [key ...]")
        .doc(
            "2.6.0",
            "O(N) where N is what is stored of the source strings; for NOT, the length of the source.",
            "Performs bitwise operations on multiple strings, and stores the result.",
        );
    type Output = u64;

    fn parse(args: &mut Args) -> Result<Self> {
        const NAMES: [(&str, Combine); 8] = [
            ("AND", Combine::And),
            ("OR", Combine::Or),
            ("XOR", Combine::Xor),
            ("NOT", Combine::Not),
            ("DIFF", Combine::Diff),
            ("DIFF1", Combine::Diff1),
            ("ANDOR", Combine::AndOr),
            ("ONE", Combine::One),
        ];
        let (name, how) = NAMES.into_iter().find(|(name, _)| args.take(name)).ok_or(Error::Syntax)?;
        let (destination, sources) = (args.bytes()?, args.rest().to_vec());
        match how {
            Combine::Not if sources.len() != 1 => {
                Err(Error::text("ERR BITOP NOT must be called with a single source key."))
            }
            Combine::Diff | Combine::Diff1 | Combine::AndOr if sources.len() < 2 => {
                Err(Error::err(format_args!("BITOP {name} must be called with at least two source keys.")))
            }
            _ => Ok(BitOp { how, destination, sources }),
        }
    }
}

impl WriteCommand for BitOp {
    fn keys(&self) -> Keys<'_> {
        Keys::many(std::iter::once(&self.destination).chain(&self.sources))
    }

    fn run(&self, tx: &mut WriteTx<'_>) -> Result<u64> {
        let sources = self.sources.iter().map(|key| tx.meta_of(key, Kind::String));
        let sources = sources.collect::<Result<Vec<_>>>()?;
        let mut slot = tx.slot(&self.destination)?;
        bitmap::combine(tx, &mut slot, self.how, &sources)
    }
}

pub struct GetBit {
    pub key: Bytes,
    pub offset: u64,
}

impl Command for GetBit {
    const SPEC: Spec = Spec::new("GETBIT", Group::Bitmap, Arity::Exactly(3))
        .keys(READ_KEY)
        .flags(Flags::FAST)
        .syntax("key offset")
        .doc("2.2.0", "O(1)", "Returns a bit value by offset.");
    type Output = bool;

    fn parse(args: &mut Args) -> Result<Self> {
        Ok(GetBit { key: args.bytes()?, offset: parse_bit_offset(args)? })
    }
}

impl ReadCommand for GetBit {
    fn keys(&self) -> Keys<'_> {
        Keys::one(&self.key)
    }

    fn run(&self, tx: &ReadTx<'_>) -> Result<bool> {
        bitmap::get(tx, tx.meta_of(&self.key, Kind::String)?.as_ref(), self.offset)
    }
}

pub struct SetBit {
    pub key: Bytes,
    pub offset: u64,
    pub bit: bool,
}

impl Command for SetBit {
    const SPEC: Spec = Spec::new("SETBIT", Group::Bitmap, Arity::Exactly(4))
        .keys(&[KeySpec::at(1, UPDATE)])
        .flags(Flags::DENYOOM)
        .syntax("key offset value")
        .doc(
            "2.2.0",
            "O(1)",
            "Sets or clears the bit at offset of the string value. Creates the key if it doesn't exist.",
        );
    type Output = bool;

    fn parse(args: &mut Args) -> Result<Self> {
        const BAD_BIT: Error = Error::text("ERR bit is not an integer or out of range");
        let (key, offset) = (args.bytes()?, parse_bit_offset(args)?);
        let bit = match args.integer() {
            Ok(0) => false,
            Ok(1) => true,
            _ => return Err(BAD_BIT),
        };
        Ok(SetBit { key, offset, bit })
    }
}

impl WriteCommand for SetBit {
    fn keys(&self) -> Keys<'_> {
        Keys::one(&self.key)
    }

    fn run(&self, tx: &mut WriteTx<'_>) -> Result<bool> {
        let mut slot = tx.slot(&self.key)?;
        bitmap::set(tx, &mut slot, self.offset, self.bit)
    }
}
