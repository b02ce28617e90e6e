//! Numbers of variable length, as `storage/varint.rs` has them.

use super::{DecodeError, DecodeResult};
pub use crate::storage::varint::{MAX_BYTES, put};

/// Takes a value off the front of `bytes`.
///
/// # Errors
/// When the bytes end early, do not fit 64 bits, or are longer than they need to be.
pub fn take(bytes: &mut &[u8]) -> DecodeResult<u64> {
    crate::storage::varint::take(bytes).ok_or(DecodeError { what: "varint" })
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
