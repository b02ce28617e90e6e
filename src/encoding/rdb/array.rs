//! Arrays, which Redis 8.8 brought.
//!
//! Type 28: a number, how many values; 0, or 1 and where the last one was inserted; and for each value, in
//! the order of the indices, its index, how it is written, and itself:
//!
//! | how | what |
//! |---:|---|
//! | 0 | a string; what is written of more than 7 bytes |
//! | 1 | an integer, 8 bytes, little-endian; what is written of integers of 62 bits |
//! | 2 | a 64-bit float, little-endian |
//! | 3 | a string of up to 7 bytes; what is written of the rest |

use super::reader::Reader;
use super::writer::Writer;
use super::{PayloadError, Value, types};
use crate::encoding::text;
use bytes::Bytes;

const STRING: u64 = 0;
const INTEGER: u64 = 1;
const FLOAT: u64 = 2;
const SHORT_STRING: u64 = 3;

/// The longest string that is a short one.
const SHORT_BYTES: usize = 7;

/// The integers that Redis keeps as such.
const INTEGERS: std::ops::Range<i64> = -(1 << 61)..1 << 61;

pub(super) fn read(reader: &mut Reader) -> Result<Value, PayloadError> {
    let count = reader.length()?;
    let cursor = match reader.length()? {
        0 => None,
        1 => Some(reader.length()?).filter(|cursor| *cursor != u64::MAX),
        _ => return Err(PayloadError::Format),
    };
    let values = reader.times(count, |reader| Ok((reader.length()?, read_value(reader)?)))?;
    let rises = values.is_sorted_by(|(a, _), (b, _)| a < b);
    let fits = values.last().is_none_or(|(last, _)| *last != u64::MAX);
    if rises && fits { Ok(Value::Array { values, cursor }) } else { Err(PayloadError::Format) }
}

fn read_value(reader: &mut Reader) -> Result<Bytes, PayloadError> {
    Ok(match reader.length()? {
        STRING | SHORT_STRING => reader.string()?,
        INTEGER => i64::from_le_bytes(reader.take()?).to_string().into(),
        FLOAT => text::f64_text_with_point(f64::from_le_bytes(reader.take()?)).into(),
        _ => return Err(PayloadError::Format),
    })
}

pub(super) fn write(out: &mut Writer, values: &[(u64, Bytes)], cursor: Option<u64>) {
    out.byte(types::ARRAY);
    out.length(values.len() as u64);
    out.length(cursor.is_some().into());
    if let Some(cursor) = cursor {
        out.length(cursor);
    }
    for (index, value) in values {
        out.length(*index);
        match text::parse_i64(value) {
            Some(integer) if INTEGERS.contains(&integer) => {
                out.length(INTEGER);
                out.bytes(&integer.to_le_bytes());
            }
            _ => {
                out.length(if value.len() <= SHORT_BYTES { SHORT_STRING } else { STRING });
                out.string(value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_body(body: &[u8]) -> Result<Value, PayloadError> {
        let mut reader = Reader::new(body, 1 << 20);
        let value = read(&mut reader)?;
        assert!(reader.is_at_end());
        Ok(value)
    }

    #[test]
    fn golden() {
        let values: Vec<(u64, Bytes)> = [(0, "-1"), (1, "1.5"), (70, "007"), (u64::MAX - 1, "12345678")]
            .map(|(index, value)| (index, Bytes::from(value)))
            .into();
        let values = [values, vec![(u64::MAX - 1, Bytes::from_static(b"2305843009213693952"))]].concat();
        let mut out = Writer::default();
        write(&mut out, &values[..4], Some(300));
        let expected = b"\x1c\x04\x01\x41\x2c\
            \x00\x01\xff\xff\xff\xff\xff\xff\xff\xff\
            \x01\x03\x031.5\
            \x40\x46\x03\x03007\
            \x81\xff\xff\xff\xff\xff\xff\xff\xfe\x01\x4e\x61\xbc\0\0\0\0\0";
        assert_eq!(out.finish(), expected);
        let read = read_body(&expected[1..]).unwrap();
        assert_eq!(read, Value::Array { values: values[..4].to_vec(), cursor: Some(300) });
        let mut out = Writer::default();
        write(&mut out, &values[4..], None);
        // An integer that is too large for Redis to keep as such.
        assert_eq!(
            out.finish(),
            b"\x1c\x01\x00\x81\xff\xff\xff\xff\xff\xff\xff\xfe\x00\x132305843009213693952"
        );
    }

    #[test]
    fn floats_are_read_as_redis_shows_them() {
        let body = [&b"\x02\x00\x00\x02"[..], &1.0f64.to_le_bytes(), b"\x05\x02", &(-0.25f64).to_le_bytes()]
            .concat();
        let values = vec![(0, Bytes::from_static(b"1.0")), (5, Bytes::from_static(b"-0.25"))];
        assert_eq!(read_body(&body), Ok(Value::Array { values, cursor: None }));
    }

    #[test]
    fn what_no_redis_writes() {
        for body in [
            &b"\x01\x02\x00\x03\x01x"[..],
            b"\x02\x00\x01\x03\x01x\x01\x03\x01y",
            b"\x02\x00\x02\x03\x01x\x01\x03\x01y",
            b"\x01\x00\x01\x04\x01x",
            b"\x01\x00\x81\xff\xff\xff\xff\xff\xff\xff\xff\x03\x01x",
            b"\x02\x00\x01\x03\x01x",
        ] {
            assert_eq!(read_body(body), Err(PayloadError::Format), "{body:?}");
        }
    }
}
