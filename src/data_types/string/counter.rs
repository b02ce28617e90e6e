//! Strings that hold a number.

use crate::encoding::long_double::LongDouble;
use crate::encoding::meta::Meta;
use crate::encoding::text;
use crate::error::{Error, Result};
use crate::keyspace::event::Event;
use crate::keyspace::tx::{Slot, WriteTx};
use bytes::Bytes;

/// The integer that a value is; 0 where there is none.
///
/// # Errors
/// [`Error::NotInteger`].
pub fn integer_of(meta: Option<&Meta>) -> Result<i64> {
    match meta {
        None => Ok(0),
        Some(meta) if meta.outside.is_some() => Err(Error::NotInteger),
        Some(meta) => text::parse_i64(&meta.inline).ok_or(Error::NotInteger),
    }
}

/// The number that a value is; 0 where there is none.
///
/// # Errors
/// [`Error::NotFloat`].
pub fn float_of(meta: Option<&Meta>) -> Result<LongDouble> {
    match meta {
        None => Ok(LongDouble::ZERO),
        Some(meta) if meta.outside.is_some() => Err(Error::NotFloat),
        Some(meta) => LongDouble::parse(&meta.inline).ok_or(Error::NotFloat),
    }
}

/// Writes an integer as the value of a key.
pub fn put_integer(tx: &mut WriteTx, slot: &mut Slot, number: i64, expire_at_ms: Option<u64>, event: Event) {
    let mut buffer = itoa::Buffer::new();
    let value = Bytes::copy_from_slice(buffer.format(number).as_bytes());
    super::put(tx, slot, &value, expire_at_ms, event);
}
