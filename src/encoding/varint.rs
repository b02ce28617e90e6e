//! Unsigned LEB128: 7 bits a byte, low bits first, the high bit says that more follow.

use super::{DecodeError, DecodeResult};

/// The most bytes a value takes.
pub const MAX_BYTES: usize = 10;

/// Appends `value` in 1 to [`MAX_BYTES`] bytes.
pub fn put(out: &mut impl Extend<u8>, mut value: u64) {
    while value >= 0x80 {
        out.extend([value as u8 | 0x80]);
        value >>= 7;
    }
    out.extend([value as u8]);
}

/// Takes a value off the front of `bytes`.
///
/// # Errors
/// When the bytes end early, do not fit 64 bits, or are longer than they need to be.
pub fn take(bytes: &mut &[u8]) -> DecodeResult<u64> {
    const BAD: DecodeError = DecodeError { what: "varint" };
    let mut value = 0u64;
    for (position, byte) in bytes.iter().enumerate().take(MAX_BYTES) {
        let part = u64::from(byte & 0x7f);
        if position == 9 && part > 1 {
            return Err(BAD);
        }
        value |= part << (7 * position);
        if byte & 0x80 == 0 {
            if part == 0 && position > 0 {
                return Err(BAD);
            }
            *bytes = &bytes[position + 1..];
            return Ok(value);
        }
    }
    Err(BAD)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn golden() {
        for (value, expected) in [(0, vec![0]), (127, vec![127]), (128, vec![0x80, 1]), (300, vec![0xac, 2])]
        {
            let mut out = Vec::new();
            put(&mut out, value);
            assert_eq!(out, expected);
        }
    }

    proptest! {
        #[test]
        fn round_trip(value: u64, tail: Vec<u8>) {
            let mut out = Vec::new();
            put(&mut out, value);
            out.extend(&tail);
            let mut rest = out.as_slice();
            prop_assert_eq!(take(&mut rest).unwrap(), value);
            prop_assert_eq!(rest, tail.as_slice());
        }

        #[test]
        fn never_panics(bytes: Vec<u8>) {
            let _ = take(&mut bytes.as_slice());
        }
    }
}
