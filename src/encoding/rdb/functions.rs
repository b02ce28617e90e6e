//! The libraries of functions, as `FUNCTION DUMP` writes and `FUNCTION RESTORE` reads them.
//!
//! | bytes | what |
//! |---|---|
//! | 1 | 245 |
//! | … | the text of a library, a string; and so on, up to the footer of all payloads |
//!
//! In the place of 245, release candidates of Redis 7.0 wrote 246, the name of the library, that of its
//! language, 1 and a description or 0, and the text without its first line.

use super::reader::Reader;
use super::writer::Writer;
use super::{PayloadError, body, check, sealed};
use bytes::Bytes;

const LIBRARY: u8 = 245;
const LIBRARY_OF_CANDIDATE: u8 = 246;

/// The payload with these texts.
pub fn write<'a>(texts: impl IntoIterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut out = Writer::default();
    for text in texts {
        out.byte(LIBRARY);
        out.string(text);
    }
    sealed(out)
}

/// The texts in a payload, none longer than `max_bytes`. Linear in its size.
///
/// # Errors
/// When the payload is not what [`write()`], or Redis, would have written; [`PayloadError::Type`] where
/// something else than a library comes.
pub fn read(payload: &[u8], max_bytes: u64) -> Result<Vec<Bytes>, PayloadError> {
    let mut reader = Reader::new(body(payload)?, max_bytes);
    check(payload)?;
    let mut texts = Vec::new();
    while !reader.is_at_end() {
        let [kind] = reader.take()?;
        texts.push(match kind {
            LIBRARY => reader.string()?,
            LIBRARY_OF_CANDIDATE => of_candidate(&mut reader)?,
            other => return Err(PayloadError::Type(other)),
        });
    }
    Ok(texts)
}

fn of_candidate(reader: &mut Reader) -> Result<Bytes, PayloadError> {
    let (name, engine) = (reader.string()?, reader.string()?);
    if reader.length()? != 0 {
        reader.string()?;
    }
    let text = reader.string()?;
    Ok([b"#!", &engine[..], b" name=", &name, b"\n", &text].concat().into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What redis-server 7.0.15 answers to FUNCTION DUMP.
    const OF_REDIS: &[u8] = b"\xf5\x40\x41#!lua name=l\nredis.register_function('f',function() return 1 end)\
        \n\x00\xef0E\xe5\xc5\xd6\x8d\x82";

    #[test]
    fn as_redis_writes_it() {
        let text = &OF_REDIS[3..OF_REDIS.len() - 10];
        assert_eq!(read(OF_REDIS, 1000).unwrap(), [text]);
        assert_eq!(write([text]), OF_REDIS);
        let mut damaged = OF_REDIS.to_vec();
        damaged[9] ^= 1;
        assert_eq!(read(&damaged, 1000), Err(PayloadError::Footer));
    }

    #[test]
    fn golden() {
        let payload = write([&b"#!lua name=l\n"[..], b"12"]);
        assert_eq!(&payload[..18], b"\xf5\x0d#!lua name=l\n\xf5\xc0\x0c");
        assert_eq!(&payload[18..20], 10u16.to_le_bytes());
        assert_eq!(read(&payload, 100).unwrap(), [&b"#!lua name=l\n"[..], b"12"]);
        assert_eq!(read(&payload, 5), Err(PayloadError::Format));
        let empty = write([]);
        assert_eq!(empty.len(), 10);
        assert_eq!(read(&empty, 5).unwrap(), Vec::<Bytes>::new());
    }

    #[test]
    fn release_candidates() {
        let mut out = Writer::default();
        out.byte(LIBRARY_OF_CANDIDATE);
        out.string(b"lib");
        out.string(b"LUA");
        out.length(1);
        out.string(b"a description");
        out.string(b"return 1");
        assert_eq!(read(&sealed(out), 100).unwrap(), [&b"#!LUA name=lib\nreturn 1"[..]]);
    }

    proptest! {
        #[test]
        fn round_trip(texts: Vec<Vec<u8>>) {
            let payload = write(texts.iter().map(Vec::as_slice));
            prop_assert_eq!(read(&payload, 1 << 20).unwrap(), texts);
        }

        #[test]
        fn never_panics(bytes: Vec<u8>) {
            let mut out = Writer::default();
            out.byte(LIBRARY);
            out.bytes(&bytes);
            let _ = read(&sealed(out), 1 << 20);
            let _ = read(&bytes, 1 << 20);
        }
    }
}
