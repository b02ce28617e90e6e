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
//! A length takes 1 byte (`00` and 6 bits), 2 (`01` and 14 bits), 5 (`0x80` and 32 bits) or 9 (`0x81`
//! and 64 bits), big-endian. A first byte of `11` and 6 bits says that a string is written in another
//! way: 0, 1, 2 as a little-endian integer of 1, 2, 4 bytes; 3 compressed by LZF, after the lengths of
//! both forms.

use super::lzf::{self, Compressor};
use super::text;
use bytes::Bytes;
use crc::{CRC_64_REDIS, Crc, Table};

/// The version that is written: Redis 7.0 reads it, and so does every later one.
pub const WRITTEN_VERSION: u16 = 10;

/// The newest version that is read, that of Redis 8.10. It says which types there may be; how a type
/// is written never changes.
pub const NEWEST_VERSION: u16 = 15;

const FOOTER_BYTES: usize = 2 + CHECKSUM_BYTES;
const CHECKSUM_BYTES: usize = 8;
const TYPE_STRING: u8 = 0;

const ENCODED: u8 = 0b1100_0000;
const INT8: u8 = 0;
const INT16: u8 = 1;
const INT32: u8 = 2;
const LZF: u8 = 3;
const LENGTH_32: u8 = 0x80;
const LENGTH_64: u8 = 0x81;

/// The longest text that may be an integer of 4 bytes.
const INTEGER_TEXT_BYTES: usize = 11;

/// Shorter strings are not worth compressing.
const COMPRESSED_FROM_BYTES: usize = 21;

/// Compression has to save this much.
const SAVED_BYTES: usize = 4;

static CHECKSUM: Crc<u64, Table<16>> = Crc::<u64, Table<16>>::new(&CRC_64_REDIS);

/// A value of one of the types, on its way in or out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    String(Bytes),
}

/// Why a payload is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PayloadError {
    /// It is not whole, or of a version that is not known.
    Footer,
    /// It does not decode, or is of a type that is not known.
    Format,
}

/// The payload of a value. Linear in its size.
pub fn write(value: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    match value {
        Value::String(value) => {
            out.reserve(value.len() + 1 + 9 + FOOTER_BYTES);
            out.push(TYPE_STRING);
            write_string(&mut out, value);
        }
    }
    out.extend_from_slice(&WRITTEN_VERSION.to_le_bytes());
    let checksum = CHECKSUM.checksum(&out);
    out.extend_from_slice(&checksum.to_le_bytes());
    out
}

/// The value of a payload; no string in it may be longer than `max_bytes`. Linear in its size.
///
/// # Errors
/// When the payload is not what [`write()`], or Redis, would have written.
pub fn read(payload: &[u8], max_bytes: u64) -> Result<Value, PayloadError> {
    let checked = payload.len().checked_sub(CHECKSUM_BYTES).ok_or(PayloadError::Footer)?;
    let (checked, checksum) = payload.split_at(checked);
    if CHECKSUM.checksum(checked).to_le_bytes() != checksum {
        return Err(PayloadError::Footer);
    }
    read_unchecked(payload, max_bytes)
}

/// As [`read()`], whether the checksum is right or not.
///
/// # Errors
/// As [`read()`].
pub fn read_unchecked(payload: &[u8], max_bytes: u64) -> Result<Value, PayloadError> {
    let body = payload.len().checked_sub(FOOTER_BYTES).ok_or(PayloadError::Footer)?;
    let (mut body, footer) = payload.split_at(body);
    let version = footer.first_chunk().copied().map(u16::from_le_bytes);
    if version.is_none_or(|version| version > NEWEST_VERSION) {
        return Err(PayloadError::Footer);
    }
    let value = match take::<1>(&mut body)? {
        [TYPE_STRING] => Value::String(read_string(&mut body, max_bytes)?),
        _ => return Err(PayloadError::Format),
    };
    if body.is_empty() { Ok(value) } else { Err(PayloadError::Format) }
}

fn write_string(out: &mut Vec<u8>, value: &[u8]) {
    if value.len() <= INTEGER_TEXT_BYTES
        && let Some(number) = text::parse_i64(value)
        && write_integer(out, number)
    {
        return;
    }
    if value.len() >= COMPRESSED_FROM_BYTES
        && let Some(compressed) = Compressor::default().compress(value, value.len() - SAVED_BYTES)
    {
        out.push(ENCODED | LZF);
        write_length(out, compressed.len() as u64);
        write_length(out, value.len() as u64);
        out.extend_from_slice(&compressed);
        return;
    }
    write_length(out, value.len() as u64);
    out.extend_from_slice(value);
}

/// Writes a number in 1, 2 or 4 bytes; returns whether it fits.
fn write_integer(out: &mut Vec<u8>, number: i64) -> bool {
    if let Ok(number) = i8::try_from(number) {
        out.push(ENCODED | INT8);
        out.extend_from_slice(&number.to_le_bytes());
    } else if let Ok(number) = i16::try_from(number) {
        out.push(ENCODED | INT16);
        out.extend_from_slice(&number.to_le_bytes());
    } else if let Ok(number) = i32::try_from(number) {
        out.push(ENCODED | INT32);
        out.extend_from_slice(&number.to_le_bytes());
    } else {
        return false;
    }
    true
}

fn write_length(out: &mut Vec<u8>, length: u64) {
    if length < 1 << 6 {
        out.push(length as u8);
    } else if length < 1 << 14 {
        out.extend_from_slice(&(0x4000 | length as u16).to_be_bytes());
    } else if let Ok(length) = u32::try_from(length) {
        out.push(LENGTH_32);
        out.extend_from_slice(&length.to_be_bytes());
    } else {
        out.push(LENGTH_64);
        out.extend_from_slice(&length.to_be_bytes());
    }
}

fn read_string(rest: &mut &[u8], max_bytes: u64) -> Result<Bytes, PayloadError> {
    let number = match rest.first() {
        Some(first) if first & ENCODED == ENCODED => {
            *rest = &rest[1..];
            match first & !ENCODED {
                INT8 => i64::from(i8::from_le_bytes(take(rest)?)),
                INT16 => i64::from(i16::from_le_bytes(take(rest)?)),
                INT32 => i64::from(i32::from_le_bytes(take(rest)?)),
                LZF => return read_compressed(rest, max_bytes),
                _ => return Err(PayloadError::Format),
            }
        }
        _ => {
            let length = read_length(rest)?;
            if length > max_bytes {
                return Err(PayloadError::Format);
            }
            return Ok(Bytes::copy_from_slice(take_slice(rest, length)?));
        }
    };
    Ok(Bytes::from(number.to_string()))
}

fn read_compressed(rest: &mut &[u8], max_bytes: u64) -> Result<Bytes, PayloadError> {
    let compressed_length = read_length(rest)?;
    let length = read_length(rest)?;
    let compressed = take_slice(rest, compressed_length)?;
    // The buffer is allocated by this number: no more of it than the input can fill.
    let most = (compressed.len() as u64).div_ceil(3).saturating_mul(lzf::MAX_REPEATED_BYTES as u64);
    if length > max_bytes.min(most) {
        return Err(PayloadError::Format);
    }
    let length = usize::try_from(length).map_err(|_| PayloadError::Format)?;
    lzf::decompress(compressed, length).map(Bytes::from).ok_or(PayloadError::Format)
}

fn read_length(rest: &mut &[u8]) -> Result<u64, PayloadError> {
    let [first] = take(rest)?;
    match first {
        LENGTH_32 => Ok(u32::from_be_bytes(take(rest)?).into()),
        LENGTH_64 => Ok(u64::from_be_bytes(take(rest)?)),
        short if short & ENCODED == 0 => Ok(short.into()),
        medium if medium & ENCODED == 0x40 => {
            let [low] = take(rest)?;
            Ok(u64::from(medium & !ENCODED) << 8 | u64::from(low))
        }
        _ => Err(PayloadError::Format),
    }
}

fn take<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], PayloadError> {
    let (first, after) = rest.split_first_chunk().ok_or(PayloadError::Format)?;
    *rest = after;
    Ok(*first)
}

fn take_slice<'a>(rest: &mut &'a [u8], length: u64) -> Result<&'a [u8], PayloadError> {
    let length = usize::try_from(length).map_err(|_| PayloadError::Format)?;
    let (first, after) = rest.split_at_checked(length).ok_or(PayloadError::Format)?;
    *rest = after;
    Ok(first)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MAX: u64 = 512 << 20;

    fn hex(text: &str) -> Vec<u8> {
        (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
    }

    fn string(value: impl AsRef<[u8]>) -> Value {
        Value::String(Bytes::copy_from_slice(value.as_ref()))
    }

    /// Written by redis-server 7.0.15.
    fn from_redis() -> Vec<(&'static str, Vec<u8>)> {
        vec![
            ("00000a005d9b5c400f7fa2da", b"".to_vec()),
            ("000568656c6c6f0a006372df766534200a", b"hello".to_vec()),
            ("00c0000a009840a778f8500308", b"0".to_vec()),
            ("00c0800a009966326d2f0c5bd9", b"-128".to_vec()),
            ("00c07f0a000db5eb315254c514", b"127".to_vec()),
            ("00c180000a00eb7ab3b510cf4b65", b"128".to_vec()),
            ("00c2ff7fffff0a00aee34c4d06c68536", b"-32769".to_vec()),
            ("00c2ffffff7f0a002c74e59ee02eada1", b"2147483647".to_vec()),
            ("000a323134373438333634380a00e7b129a34c1d76ee", b"2147483648".to_vec()),
            ("000b31323334353637383930310a00304e52d727176510", b"12345678901".to_vec()),
            ("00033030370a007258e27b4c69bad9", b"007".to_vec()),
            ("001461616161616161616161616161616161616161610a0083b46b5e1b11acf1", vec![b'a'; 20]),
            ("00c30615016161e00a000a00fd0cb36807413f68", vec![b'a'; 21]),
            ("00c3094064016161e057000161610a00e8a3b507b06df271", vec![b'a'; 100]),
            ("00c313414008616263646566676861e0ff07e124070167680a007628fd45fe339d11", b"abcdefgh".repeat(40)),
        ]
    }

    #[test]
    fn payloads_of_redis() {
        for (payload, value) in from_redis() {
            assert_eq!(read(&hex(payload), MAX), Ok(string(&value)), "{payload}");
            assert_eq!(write(&string(&value)), hex(payload), "{:?}", String::from_utf8_lossy(&value));
        }
    }

    #[test]
    fn lengths() {
        for length in [0, 63, 64, 16383, 16384, u64::from(u32::MAX), u64::from(u32::MAX) + 1, u64::MAX] {
            let mut out = Vec::new();
            write_length(&mut out, length);
            let mut rest = out.as_slice();
            assert_eq!((read_length(&mut rest), rest.len()), (Ok(length), 0));
        }
    }

    fn sealed(body: &[u8], version: u16) -> Vec<u8> {
        let mut out = [body, &version.to_le_bytes()].concat();
        out.extend(CHECKSUM.checksum(&out).to_le_bytes());
        out
    }

    #[test]
    fn versions() {
        for version in [1, 6, 9, WRITTEN_VERSION, NEWEST_VERSION] {
            assert_eq!(read(&sealed(b"\0\x01x", version), MAX), Ok(string("x")));
        }
        assert_eq!(read(&sealed(b"\0\x01x", NEWEST_VERSION + 1), MAX), Err(PayloadError::Footer));
    }

    #[test]
    fn a_checksum_that_is_not_compared() {
        let mut payload = write(&string("hello"));
        *payload.last_mut().unwrap() ^= 1;
        assert_eq!(read(&payload, MAX), Err(PayloadError::Footer));
        assert_eq!(read_unchecked(&payload, MAX), Ok(string("hello")));
        assert_eq!(read_unchecked(&payload[1..], MAX), Err(PayloadError::Format));
        assert_eq!(read_unchecked(&sealed(b"\0\x01x", NEWEST_VERSION + 1), MAX), Err(PayloadError::Footer));
    }

    #[test]
    fn damaged() {
        let payload = write(&string("hello"));
        for at in 0..payload.len() {
            let mut damaged = payload.clone();
            damaged[at] ^= 1;
            assert_eq!(read(&damaged, MAX), Err(PayloadError::Footer), "byte {at}");
            let _ = read_unchecked(&damaged, MAX);
            assert_eq!(read(&payload[..at], MAX), Err(PayloadError::Footer), "{at} bytes");
        }
    }

    #[test]
    fn sealed_nonsense() {
        let huge_lzf = [&[0, 0xc3, 3, LENGTH_64][..], &[0xff; 8], &[0x20, 0, 0]].concat();
        let bodies: [&[u8]; 9] = [
            b"",
            b"\0",
            b"\0\x05hell",
            b"\0\x01xy",
            b"\x63\x01x",
            b"\0\xc4\x01",
            b"\0\xc1\x01",
            b"\0\x82\x01",
            &huge_lzf,
        ];
        for body in bodies {
            assert_eq!(read(&sealed(body, 10), MAX), Err(PayloadError::Format), "{body:?}");
        }
        assert_eq!(read(&sealed(b"\0\x05hello", 10), 4), Err(PayloadError::Format));
        let compressed = write(&string([b'a'; 1000]));
        assert_eq!(read(&compressed, 999), Err(PayloadError::Format));
        assert!(read(&compressed, 1000).is_ok());
    }

    proptest! {
        #[test]
        fn round_trip(value: Vec<u8>) {
            prop_assert_eq!(read(&write(&string(&value)), MAX), Ok(string(&value)));
        }

        #[test]
        fn round_trip_of_what_compresses(parts in prop::collection::vec((0..4u8, 1..400usize), 0..20)) {
            let value: Vec<u8> = parts.into_iter().flat_map(|(byte, count)| vec![byte; count]).collect();
            prop_assert_eq!(read(&write(&string(&value)), MAX), Ok(string(&value)));
        }

        #[test]
        fn round_trip_of_integers(number: i64) {
            let value = number.to_string();
            prop_assert_eq!(read(&write(&string(&value)), MAX), Ok(string(&value)));
        }

        #[test]
        fn never_panics(bytes: Vec<u8>) {
            let _ = read(&bytes, MAX);
            let _ = read(&sealed(&bytes, WRITTEN_VERSION), MAX);
        }

        #[test]
        fn hostile_compression_never_panics(claimed in 0..5000u64, bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            let mut body = vec![TYPE_STRING, ENCODED | LZF];
            write_length(&mut body, bytes.len() as u64);
            write_length(&mut body, claimed);
            body.extend(&bytes);
            let _ = read(&sealed(&body, WRITTEN_VERSION), MAX);
        }
    }
}
