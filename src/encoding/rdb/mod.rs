//! Single values in Redis' own format, as `DUMP` writes and `RESTORE` reads them, so that values move
//! between Redis and DiskDB in both directions.
//!
//! | bytes | what |
//! |---|---|
//! | 1 | the type |
//! | … | the value |
//! | 2 | the version of the format, little-endian |
//! | 8 | CRC-64 (Redis' polynomial) of everything before, little-endian |
//!
//! A number, which is mostly a length, takes 1 byte (`00` and 6 bits), 2 (`01` and 14 bits), 5 (`0x80`
//! and 32 bits) or 9 (`0x81` and 64 bits), big-endian. A string is its length and its bytes. A first
//! byte of `11` and 6 bits says that it is written in another way: 0, 1, 2 as a little-endian integer
//! of 1, 2, 4 bytes; 3 compressed by LZF, after the lengths of both forms. Listpacks and their kind
//! are written as strings.
//!
//! Everything that any Redis has sent is read, and checked as deeply as `sanitize-dump-payload yes`
//! does. What is written, Redis 7.0 reads: the forms that it would write itself, but for what it has
//! no form for (see [`write()`]). Type 0 is a string; the modules of the types have tables of theirs.

mod array;
pub mod functions;
mod hash;
mod list;
mod reader;
mod set;
mod sorted_set;
mod stream;
mod writer;

pub use super::stream_id::StreamId;
pub use stream::{Consumer, Entry, Group, Pending, Producer, Producers, Stream};

use super::DecodeError;
use bytes::Bytes;
use crc::{CRC_64_REDIS, Crc, Table};
use reader::Reader;
use writer::Writer;

/// The version that is written: Redis 7.0 reads it, and so does every later one.
pub const WRITTEN_VERSION: u16 = 10;

/// The newest version that is read, that of Redis 8.10. It says which types there may be; how a type
/// is written never changes.
pub const NEWEST_VERSION: u16 = 15;

const FOOTER_BYTES: usize = 2 + CHECKSUM_BYTES;
const CHECKSUM_BYTES: usize = 8;

/// Redis' numbers for what a payload holds, and how.
mod types {
    pub const STRING: u8 = 0;
    pub const LIST: u8 = 1;
    pub const SET: u8 = 2;
    pub const ZSET: u8 = 3;
    pub const HASH: u8 = 4;
    pub const ZSET_2: u8 = 5;
    pub const HASH_ZIPMAP: u8 = 9;
    pub const LIST_ZIPLIST: u8 = 10;
    pub const SET_INTSET: u8 = 11;
    pub const ZSET_ZIPLIST: u8 = 12;
    pub const HASH_ZIPLIST: u8 = 13;
    pub const LIST_QUICKLIST: u8 = 14;
    pub const STREAM_LISTPACKS: u8 = 15;
    pub const HASH_LISTPACK: u8 = 16;
    pub const ZSET_LISTPACK: u8 = 17;
    pub const LIST_QUICKLIST_2: u8 = 18;
    pub const STREAM_LISTPACKS_2: u8 = 19;
    pub const SET_LISTPACK: u8 = 20;
    pub const STREAM_LISTPACKS_3: u8 = 21;
    pub const HASH_METADATA_PRE_GA: u8 = 22;
    pub const HASH_LISTPACK_EX_PRE_GA: u8 = 23;
    pub const HASH_METADATA: u8 = 24;
    pub const HASH_LISTPACK_EX: u8 = 25;
    pub const STREAM_LISTPACKS_4: u8 = 26;
    pub const STREAM_LISTPACKS_5: u8 = 27;
    pub const ARRAY: u8 = 28;
    pub const HASH_TMPL_LP: u8 = 29;
    pub const HASH_TMPL_ARRAY: u8 = 31;
}

static CHECKSUM: Crc<u64, Table<16>> = Crc::<u64, Table<16>>::new(&CRC_64_REDIS);

/// A value of one of the types, on its way in or out. What was read is never empty, but for strings
/// and streams.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    String(Bytes),
    List(Vec<Bytes>),
    /// Each member once, in no order.
    Set(Vec<Bytes>),
    /// Members, each once, and their scores, which are never NaN; in no order.
    SortedSet(Vec<(Bytes, f64)>),
    /// Fields, each once, their values, and when they die, ms since the Unix epoch, from 1 to below 2⁴⁸;
    /// in no order.
    Hash(Vec<(Bytes, Bytes, Option<u64>)>),
    Stream(Stream),
    Array {
        /// Indices, which rise and are below 2⁶⁴ − 1, and what is there.
        values: Vec<(u64, Bytes)>,
        /// Where the last value was inserted, if one was.
        cursor: Option<u64>,
    },
}

/// Up to where a value is small. Redis' directives, by their names, with its defaults.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    pub list_max_listpack_size: i32,
    pub hash_max_listpack_entries: u64,
    /// Bytes.
    pub hash_max_listpack_value: u64,
    pub set_max_intset_entries: u64,
    pub zset_max_listpack_entries: u64,
    /// Bytes.
    pub zset_max_listpack_value: u64,
    /// 0 is no limit.
    pub stream_node_max_bytes: u64,
    /// 0 is no limit.
    pub stream_node_max_entries: u64,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            list_max_listpack_size: -2,
            hash_max_listpack_entries: 512,
            hash_max_listpack_value: 64,
            set_max_intset_entries: 512,
            zset_max_listpack_entries: 128,
            zset_max_listpack_value: 64,
            stream_node_max_bytes: 4096,
            stream_node_max_entries: 100,
        }
    }
}

/// Why a payload is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PayloadError {
    /// It is not whole, or of a version that is not known.
    Footer,
    /// It does not decode, or contradicts itself.
    Format,
    /// It is of a type that is not read: a module's, one of the future.
    Type(u8),
}

impl From<DecodeError> for PayloadError {
    fn from(_: DecodeError) -> PayloadError {
        PayloadError::Format
    }
}

/// The payload of a value, which keeps to what [`Value`] says. Linear in its size, but sorted sets and
/// sets of integers are sorted.
///
/// Redis 7.0 reads it, unless a field of a hash has a deadline (Redis 7.4 reads that), an entry of a
/// stream is pending without a consumer, or it is an array (Redis 8.8).
pub fn write(value: &Value, limits: &Limits) -> Vec<u8> {
    let mut out = Writer::default();
    match value {
        Value::String(value) => {
            out.reserve(value.len() + 1 + 9 + FOOTER_BYTES);
            out.byte(types::STRING);
            out.string(value);
        }
        Value::List(items) => list::write(&mut out, items, limits),
        Value::Set(members) => set::write(&mut out, members, limits),
        Value::SortedSet(members) => sorted_set::write(&mut out, members, limits),
        Value::Hash(fields) => hash::write(&mut out, fields, limits),
        Value::Stream(stream) => stream::write(&mut out, stream, limits),
        Value::Array { values, cursor } => array::write(&mut out, values, *cursor),
    }
    sealed(out)
}

/// What was written, with the footer.
fn sealed(mut out: Writer) -> Vec<u8> {
    out.bytes(&WRITTEN_VERSION.to_le_bytes());
    let mut payload = out.finish();
    let checksum = CHECKSUM.checksum(&payload);
    payload.extend_from_slice(&checksum.to_le_bytes());
    payload
}

/// The value of a payload; no string in it may be longer than `max_bytes`. Linear in its size, and so
/// is the memory it takes, whatever numbers are in it.
///
/// # Errors
/// When the payload is not what [`write()`], or Redis, would have written.
pub fn read(payload: &[u8], max_bytes: u64) -> Result<Value, PayloadError> {
    check(payload)?;
    read_unchecked(payload, max_bytes)
}

/// Whether the checksum is right.
fn check(payload: &[u8]) -> Result<(), PayloadError> {
    let checked = payload.len().checked_sub(CHECKSUM_BYTES).ok_or(PayloadError::Footer)?;
    let (checked, checksum) = payload.split_at(checked);
    if CHECKSUM.checksum(checked).to_le_bytes() != checksum {
        return Err(PayloadError::Footer);
    }
    Ok(())
}

/// What stands before a footer of a version that is known.
fn body(payload: &[u8]) -> Result<&[u8], PayloadError> {
    let body = payload.len().checked_sub(FOOTER_BYTES).ok_or(PayloadError::Footer)?;
    let (body, footer) = payload.split_at(body);
    let version = footer.first_chunk().copied().map(u16::from_le_bytes);
    if version.is_none_or(|version| version > NEWEST_VERSION) {
        return Err(PayloadError::Footer);
    }
    Ok(body)
}

/// As [`read()`], whether the checksum is right or not.
///
/// # Errors
/// As [`read()`].
pub fn read_unchecked(payload: &[u8], max_bytes: u64) -> Result<Value, PayloadError> {
    let mut reader = Reader::new(body(payload)?, max_bytes);
    let [kind] = reader.take()?;
    let value = read_value(&mut reader, kind)?;
    let is_empty = match &value {
        Value::String(_) | Value::Stream(_) => false,
        Value::List(items) | Value::Set(items) => items.is_empty(),
        Value::SortedSet(members) => members.is_empty(),
        Value::Hash(fields) => fields.is_empty(),
        Value::Array { values, .. } => values.is_empty(),
    };
    if reader.is_at_end() && !is_empty { Ok(value) } else { Err(PayloadError::Format) }
}

fn read_value(reader: &mut Reader, kind: u8) -> Result<Value, PayloadError> {
    Ok(match kind {
        types::STRING => Value::String(reader.string()?),
        types::LIST => Value::List(reader.strings()?),
        types::LIST_ZIPLIST => Value::List(reader.ziplist()?),
        types::LIST_QUICKLIST => Value::List(list::read_ziplists(reader)?),
        types::LIST_QUICKLIST_2 => Value::List(list::read_nodes(reader)?),
        types::SET => Value::Set(set::read_strings(reader)?),
        types::SET_INTSET => Value::Set(set::read_intset(reader)?),
        types::SET_LISTPACK => Value::Set(set::read_listpack(reader)?),
        types::ZSET => Value::SortedSet(sorted_set::read_texts(reader)?),
        types::ZSET_2 => Value::SortedSet(sorted_set::read_doubles(reader)?),
        types::ZSET_ZIPLIST => Value::SortedSet(sorted_set::of_strings(reader.ziplist()?)?),
        types::ZSET_LISTPACK => Value::SortedSet(sorted_set::of_strings(reader.listpack()?)?),
        types::HASH => Value::Hash(hash::read_strings(reader)?),
        types::HASH_ZIPMAP => Value::Hash(hash::read_zipmap(reader)?),
        types::HASH_ZIPLIST => Value::Hash(hash::of_strings(reader.ziplist()?)?),
        types::HASH_LISTPACK => Value::Hash(hash::of_strings(reader.listpack()?)?),
        types::HASH_METADATA_PRE_GA => Value::Hash(hash::read_expiring(reader, None)?),
        types::HASH_METADATA => {
            let earliest = reader.fixed()?;
            Value::Hash(hash::read_expiring(reader, Some(earliest))?)
        }
        types::HASH_LISTPACK_EX_PRE_GA => Value::Hash(hash::of_expiring_strings(reader.listpack()?)?),
        types::HASH_LISTPACK_EX => {
            let _earliest = reader.fixed()?;
            Value::Hash(hash::of_expiring_strings(reader.listpack()?)?)
        }
        types::HASH_TMPL_LP => Value::Hash(hash::read_template(reader, true)?),
        types::HASH_TMPL_ARRAY => Value::Hash(hash::read_template(reader, false)?),
        types::STREAM_LISTPACKS
        | types::STREAM_LISTPACKS_2
        | types::STREAM_LISTPACKS_3
        | types::STREAM_LISTPACKS_4
        | types::STREAM_LISTPACKS_5 => Value::Stream(stream::read(reader, kind)?),
        types::ARRAY => array::read(reader)?,
        unknown => return Err(PayloadError::Type(unknown)),
    })
}

#[cfg(test)]
mod tests;
