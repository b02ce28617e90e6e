//! Elements of a list as entries of its tree, and what they would take in Redis' listpack.
//!
//! | entry | bytes |
//! |---|---|
//! | element | 0 (1), the element |
//! | element kept apart | 1 (1), number (8, big-endian), length (varint) |
//!
//! An element kept apart lies in `Space::Blob`, under the number behind the version of its list.

use crate::encoding::{DecodeError, keys::Namespace, text, varint};
use crate::error::Result;
use crate::storage::KeyBytes;
use bytes::Bytes;

/// Longer elements are kept apart, so that pages stay short.
pub const INLINE_BYTES: usize = 1024;

const INLINE: u8 = 0;
const APART: u8 = 1;
const BAD: DecodeError = DecodeError { what: "element of a list" };

/// An entry of the tree, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    Inline(Bytes),
    Apart { number: u64, len: u64 },
}

impl Entry {
    /// Reads an entry; its memory is kept.
    ///
    /// # Errors
    /// When the bytes are not those of an entry.
    pub fn decode(entry: Bytes) -> Result<Entry> {
        match entry.first() {
            Some(&INLINE) => Ok(Entry::Inline(entry.slice(1..))),
            Some(&APART) => {
                let mut rest = &entry[1..];
                let number = rest.split_off(..8).and_then(<[u8]>::first_chunk).ok_or(BAD)?;
                let number = u64::from_be_bytes(*number);
                let len = varint::take(&mut rest)?;
                if rest.is_empty() { Ok(Entry::Apart { number, len }) } else { Err(BAD.into()) }
            }
            _ => Err(BAD.into()),
        }
    }

    /// The bytes for the tree.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        match self {
            Entry::Inline(element) => {
                out.reserve(1 + element.len());
                out.push(INLINE);
                out.extend_from_slice(element);
            }
            Entry::Apart { number, len } => {
                out.push(APART);
                out.extend_from_slice(&number.to_be_bytes());
                varint::put(&mut out, *len);
            }
        }
        out
    }

    /// How many bytes Redis' listpack would have for the element.
    pub fn listpack_bytes(&self) -> u64 {
        match self {
            Entry::Inline(element) => listpack_bytes(element),
            Entry::Apart { len, .. } => listpack_string(*len),
        }
    }
}

/// The element in an entry, if it is not kept apart.
pub fn inline(entry: &[u8]) -> Option<&[u8]> {
    entry.split_first().filter(|(kind, _)| **kind == INLINE).map(|(_, element)| element)
}

/// Where the element of a number lies.
pub fn apart_key(namespace: Namespace, version: u64, number: u64) -> KeyBytes {
    let mut key = KeyBytes::from_slice(&crate::encoding::keys::members(namespace, version));
    key.extend_from_slice(&number.to_be_bytes());
    key
}

/// How many bytes Redis' listpack would have for an element.
pub fn listpack_bytes(element: &[u8]) -> u64 {
    let integer = if element.len() <= 20 { text::parse_i64(element) } else { None };
    let Some(integer) = integer else { return listpack_string(element.len() as u64) };
    let data = match integer {
        0..=127 => 1,
        -4096..=4095 => 2,
        -32_768..=32_767 => 3,
        -8_388_608..=8_388_607 => 4,
        -2_147_483_648..=2_147_483_647 => 5,
        _ => 9,
    };
    data + 1
}

fn listpack_string(len: u64) -> u64 {
    let head = match len {
        0..=63 => 1,
        64..=4095 => 2,
        _ => 5,
    };
    let data = len.saturating_add(head);
    let back = match data {
        0..=127 => 1,
        128..=16_382 => 2,
        16_383..=2_097_150 => 3,
        2_097_151..=268_435_454 => 4,
        _ => 5,
    };
    data.saturating_add(back)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn golden() {
        assert_eq!(Entry::Inline(Bytes::from_static(b"ab")).encode(), b"\0ab");
        assert_eq!(Entry::Apart { number: 258, len: 2000 }.encode(), b"\x01\0\0\0\0\0\0\x01\x02\xd0\x0f");
    }

    #[test]
    fn sizes_are_those_of_a_listpack() {
        for (element, bytes) in
            [("", 2), ("a", 3), ("127", 2), ("128", 3), ("-1", 3), ("4096", 4), ("32768", 5), ("8388608", 6)]
        {
            assert_eq!(listpack_bytes(element.as_bytes()), bytes, "{element}");
        }
        assert_eq!(listpack_bytes(b"2147483648"), 10);
        assert_eq!(listpack_bytes(b"01"), 4);
        assert_eq!(listpack_bytes(&[b'x'; 64]), 67);
        assert_eq!(listpack_bytes(&[b'x'; 126]), 130);
        assert_eq!(listpack_bytes(&[b'x'; 5000]), 5007);
    }

    proptest! {
        #[test]
        fn round_trip(element: Vec<u8>, number: u64, len: u64) {
            for entry in [Entry::Inline(element.into()), Entry::Apart { number, len }] {
                prop_assert_eq!(Entry::decode(entry.encode().into()).unwrap(), entry);
            }
        }

        #[test]
        fn never_panics(bytes: Vec<u8>) {
            let _ = Entry::decode(bytes.into());
        }
    }
}
