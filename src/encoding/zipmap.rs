//! Zipmaps: small hashes of Redis 2.4 and older. They are read, never written.
//!
//! | bytes | what |
//! |---|---|
//! | 1 | pairs; 254 and 255 say that they have to be counted |
//! | … | the pairs |
//! | 1 | `ff` |
//!
//! A pair is the length of the field, the field, the length of the value, one byte that says how many
//! unused ones follow the value, the value, and those. A length takes 1 byte up to 253, else `fe` and 4,
//! little-endian.

use super::{DecodeError, DecodeResult};

const END: u8 = 0xff;
const LONG: u8 = 0xfe;

const BAD: DecodeError = DecodeError { what: "zipmap" };

/// Fields and values.
///
/// # Errors
/// When the bytes end early or late, or hold another number of pairs than they say.
pub fn decode(bytes: &[u8]) -> DecodeResult<Vec<(&[u8], &[u8])>> {
    let (count, mut rest) = bytes.split_first().ok_or(BAD)?;
    let mut pairs = Vec::new();
    while rest != [END] {
        let length = take_length(&mut rest)?;
        let field = rest.split_off(..length).ok_or(BAD)?;
        let length = take_length(&mut rest)?;
        let unused = usize::from(*rest.split_off_first().ok_or(BAD)?);
        let value = rest.split_off(..length).ok_or(BAD)?;
        rest.split_off(..unused).ok_or(BAD)?;
        pairs.push((field, value));
    }
    if *count < LONG && usize::from(*count) != pairs.len() {
        return Err(BAD);
    }
    Ok(pairs)
}

fn take_length(rest: &mut &[u8]) -> DecodeResult<usize> {
    match *rest.split_off_first().ok_or(BAD)? {
        END => Err(BAD),
        LONG => {
            let (length, after) = rest.split_first_chunk().ok_or(BAD)?;
            *rest = after;
            Ok(u32::from_le_bytes(*length) as usize)
        }
        short => Ok(short.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The example of Redis' own documentation of the format.
    #[test]
    fn golden() {
        let bytes = b"\x02\x03foo\x03\0bar\x05hello\x05\0world\xff";
        assert_eq!(decode(bytes), Ok(vec![(&b"foo"[..], &b"bar"[..]), (b"hello", b"world")]));
        assert_eq!(decode(b"\0\xff"), Ok(vec![]));
    }

    #[test]
    fn unused_bytes_and_long_lengths() {
        let value = vec![b'v'; 300];
        let bytes = [&b"\xfe\x01f\xfe\x2c\x01\0\0\x02"[..], &value, b"??\xff"].concat();
        assert_eq!(decode(&bytes), Ok(vec![(&b"f"[..], &value[..])]));
    }

    #[test]
    fn damaged() {
        let good = b"\x01\x01f\x01\x01v?\xff";
        assert!(decode(good).is_ok());
        for length in 0..good.len() {
            assert_eq!(decode(&good[..length]), Err(BAD), "{length} bytes");
        }
        let bad: [&[u8]; 5] = [
            b"\x02\x01f\x01\0v\xff",
            b"\x01\x01f\x01\0v\xff\xff",
            b"\x01\xfe\xff\xff\xff\xfff\x01\0v\xff",
            b"\x01\x01f\xff\0v\xff",
            b"\x01\x01f\x01\x05v\xff",
        ];
        for bytes in bad {
            assert_eq!(decode(bytes), Err(BAD), "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(bytes: Vec<u8>) {
            let _ = decode(&bytes);
            let _ = decode(&[&[LONG], &bytes[..], &[END]].concat());
        }
    }
}
