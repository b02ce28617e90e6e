//! Hashes.
//!
//! | type | what |
//! |---:|---|
//! | 4 | a number, as many fields and values; what is written if 16 is not |
//! | 9 | a zipmap |
//! | 13 | a ziplist of fields, each before its value |
//! | 16 | a listpack of the same; what is written of hashes up to `hash-max-listpack-entries` |
//! | 22 | a number, as many deadlines (0 is none), fields and values |
//! | 23 | a listpack of fields, each before its value and its deadline, the earliest first and 0 last |
//! | 24 | the earliest deadline, 8 bytes; as 22, but a deadline is counted from one before the earliest |
//! | 25 | the earliest deadline, 8 bytes; as 23 |
//! | 29 | names, a listpack of a number that means nothing and the values |
//! | 31 | names, a string for each: the values |
//!
//! Deadlines are in ms since the Unix epoch. Redis 7.4 brought 22 to 25; 24 and 25 are written when a
//! field has one, for nothing older can say that. Redis 8.10 brought 29 and 31, with names that are 0
//! and a listpack, or 1, a number, and as many strings.

use super::reader::{Reader, check_distinct, tuples};
use super::writer::{Writer, fit_listpack};
use super::{Limits, PayloadError, types};
use crate::encoding::listpack::Builder;
use crate::encoding::packed::Element;
use crate::encoding::{text, zipmap};
use bytes::Bytes;

/// The latest deadline that a field can have, by Redis' rule.
const MAX_EXPIRE_MS: u64 = (1 << 48) - 1;

const NAMES_LISTPACK: u64 = 0;
const NAMES_STRINGS: u64 = 1;

type Fields = Vec<(Bytes, Bytes, Option<u64>)>;

pub(super) fn read_strings(reader: &mut Reader) -> Result<Fields, PayloadError> {
    let count = reader.length()?;
    checked(reader.times(count, |reader| Ok((reader.string()?, reader.string()?, None)))?)
}

pub(super) fn read_zipmap(reader: &mut Reader) -> Result<Fields, PayloadError> {
    let blob = reader.blob()?;
    let pairs = zipmap::decode(&blob)?;
    let copy = |text: &[u8]| reader.unpacked(Bytes::copy_from_slice(text));
    let fields = pairs.into_iter().map(|(field, value)| Ok((copy(field)?, copy(value)?, None)));
    checked(fields.collect::<Result<_, PayloadError>>()?)
}

/// The fields of a listpack or ziplist.
pub(super) fn of_strings(strings: Vec<Bytes>) -> Result<Fields, PayloadError> {
    let pairs = tuples(&strings)?;
    checked(pairs.iter().map(|[field, value]| (field.clone(), value.clone(), None)).collect())
}

/// Fields with deadlines, which count from `earliest`, or not at all.
pub(super) fn read_expiring(reader: &mut Reader, earliest: Option<u64>) -> Result<Fields, PayloadError> {
    let count = reader.length()?;
    let fields = reader.times(count, |reader| {
        let expire_ms = match (reader.length()?, earliest) {
            (0, _) => None,
            (expire_ms, None) => Some(expire_ms),
            // Long dead either way, but 0 would say that it lives for ever.
            (distance, Some(earliest)) => Some(earliest.saturating_add(distance - 1).max(1)),
        };
        Ok((reader.string()?, reader.string()?, expire_ms))
    })?;
    checked(fields)
}

/// The fields of a listpack that has deadlines.
pub(super) fn of_expiring_strings(strings: Vec<Bytes>) -> Result<Fields, PayloadError> {
    let fields = tuples(&strings)?.iter().map(|[field, value, expire_ms]| {
        let expire_ms = text::parse_i64(expire_ms).and_then(|expire_ms| u64::try_from(expire_ms).ok());
        let expire_ms = expire_ms.ok_or(PayloadError::Format)?;
        Ok((field.clone(), value.clone(), (expire_ms > 0).then_some(expire_ms)))
    });
    let fields: Fields = fields.collect::<Result<_, PayloadError>>()?;
    if !fields.is_sorted_by_key(place) {
        return Err(PayloadError::Format);
    }
    checked(fields)
}

/// Where Redis has a field in a listpack: by its deadline, those without behind.
fn place((_, _, expire_ms): &(Bytes, Bytes, Option<u64>)) -> u64 {
    expire_ms.unwrap_or(u64::MAX)
}

pub(super) fn read_template(reader: &mut Reader, are_values_packed: bool) -> Result<Fields, PayloadError> {
    let names = match reader.length()? {
        NAMES_LISTPACK => reader.listpack()?,
        NAMES_STRINGS => reader.strings()?,
        _ => return Err(PayloadError::Format),
    };
    let values = if are_values_packed {
        let mut packed = reader.listpack()?;
        if packed.first().and_then(|number| text::parse_i64(number)).is_none() {
            return Err(PayloadError::Format);
        }
        packed.split_off(1)
    } else {
        reader.times(names.len() as u64, Reader::string)?
    };
    if names.len() != values.len() {
        return Err(PayloadError::Format);
    }
    checked(names.into_iter().zip(values).map(|(field, value)| (field, value, None)).collect())
}

fn checked(fields: Fields) -> Result<Fields, PayloadError> {
    if fields.iter().any(|(_, _, expire_ms)| expire_ms.is_some_and(|expire_ms| expire_ms > MAX_EXPIRE_MS)) {
        return Err(PayloadError::Format);
    }
    check_distinct(fields.iter().map(|(field, _, _)| field))?;
    Ok(fields)
}

pub(super) fn write(out: &mut Writer, fields: &[(Bytes, Bytes, Option<u64>)], limits: &Limits) {
    let strings = fields.iter().flat_map(|(field, value, _)| [field, value]);
    let is_small = fields.len() as u64 <= limits.hash_max_listpack_entries
        && fit_listpack(strings, limits.hash_max_listpack_value);
    let earliest = fields.iter().filter_map(|(_, _, expire_ms)| *expire_ms).min();
    match (is_small, earliest) {
        (true, None) => {
            out.byte(types::HASH_LISTPACK);
            let mut listpack = Builder::default();
            for (field, value, _) in fields {
                listpack.push(Element::of(field));
                listpack.push(Element::of(value));
            }
            out.string(&listpack.finish());
        }
        (true, Some(earliest)) => {
            out.byte(types::HASH_LISTPACK_EX);
            out.fixed(earliest);
            out.string(&expiring_listpack(fields));
        }
        (false, earliest) => {
            out.byte(if earliest.is_some() { types::HASH_METADATA } else { types::HASH });
            if let Some(earliest) = earliest {
                out.fixed(earliest);
            }
            out.length(fields.len() as u64);
            for (field, value, expire_ms) in fields {
                if let Some(earliest) = earliest {
                    out.length(expire_ms.map_or(0, |expire_ms| (expire_ms - earliest).saturating_add(1)));
                }
                out.string(field);
                out.string(value);
            }
        }
    }
}

fn expiring_listpack(fields: &[(Bytes, Bytes, Option<u64>)]) -> Vec<u8> {
    let mut fields: Vec<_> = fields.iter().collect();
    fields.sort_by_key(|field| place(field));
    let mut listpack = Builder::default();
    for (field, value, expire_ms) in fields {
        listpack.push(Element::of(field));
        listpack.push(Element::of(value));
        // A deadline is at most MAX_EXPIRE_MS.
        listpack.push(Element::Integer(expire_ms.unwrap_or(0) as i64));
    }
    listpack.finish()
}
