//! Keys of every space.
//!
//! | space | bytes |
//! |---|---|
//! | meta | namespace (4, big-endian), user key |
//! | expiry | namespace (4), deadline in ms since the Unix epoch (8), user key |
//! | blob | namespace (4), version (8), chunk number (4) |
//! | data, index | namespace (4), version (8), the type's own part |
//! | system | see `numbers::system_key` |
//!
//! Numbers are big-endian, so that bytes order as the numbers do. A **namespace** stands for what
//! one logical database holds: `SWAPDB` exchanges two, `FLUSHDB` takes a new one
//! (`docs/adr/0002-namespaces.md`). A **version** is unique in the whole database and belongs to
//! one value of one key; it keeps the members of a value apart from those of the value that
//! had the key before, and lets `RENAME` leave members where they are.

use super::numbers::Kind;
use super::{DecodeError, DecodeResult};
use crate::storage::{KeyBytes, Space};

/// The number of what one logical database holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Namespace(pub u32);

impl Namespace {
    /// The first bytes of each key of the namespace, in every space but `system`.
    pub fn prefix(self) -> [u8; 4] {
        self.0.to_be_bytes()
    }

    /// The key of a per-namespace record in `Space::System`.
    pub fn system_key(self, name: &[u8]) -> Vec<u8> {
        [name, &self.prefix()].concat()
    }
}

/// The key of a header in `Space::Meta`.
pub fn meta(namespace: Namespace, key: &[u8]) -> KeyBytes {
    let mut out = KeyBytes::with_capacity(4 + key.len());
    out.extend_from_slice(&namespace.prefix());
    out.extend_from_slice(key);
    out
}

/// The namespace and user key of a key in `Space::Meta`.
///
/// # Errors
/// When the bytes are too short.
pub fn decode_meta(bytes: &[u8]) -> DecodeResult<(Namespace, &[u8])> {
    let (namespace, key) = bytes.split_first_chunk().ok_or(DecodeError { what: "meta key" })?;
    Ok((Namespace(u32::from_be_bytes(*namespace)), key))
}

/// The key in `Space::Expiry` that says when a user key dies.
pub fn expiry(namespace: Namespace, deadline_ms: u64, key: &[u8]) -> Vec<u8> {
    [&namespace.prefix(), &deadline_ms.to_be_bytes()[..], key].concat()
}

/// Deadlines in `Space::Expiry` from this on are those of fields: the deadline is what is added to it.
pub const FIELD_DEADLINES: u64 = 1 << 63;

/// The key in `Space::Expiry` that says when the first field of a hash dies.
pub fn field_expiry(namespace: Namespace, deadline_ms: u64, key: &[u8]) -> Vec<u8> {
    expiry(namespace, FIELD_DEADLINES | deadline_ms, key)
}

/// The namespace, deadline and user key of a key in `Space::Expiry`.
///
/// # Errors
/// When the bytes are too short.
pub fn decode_expiry(bytes: &[u8]) -> DecodeResult<(Namespace, u64, &[u8])> {
    const BAD: DecodeError = DecodeError { what: "expiry key" };
    let (namespace, rest) = bytes.split_first_chunk().ok_or(BAD)?;
    let (deadline, key) = rest.split_first_chunk().ok_or(BAD)?;
    Ok((Namespace(u32::from_be_bytes(*namespace)), u64::from_be_bytes(*deadline), key))
}

/// A namespace and a version.
pub type Prefix = [u8; 12];

/// The first bytes of each member of a value that lies outside its header.
pub fn members(namespace: Namespace, version: u64) -> Prefix {
    let mut out = [0; 12];
    out[..4].copy_from_slice(&namespace.prefix());
    out[4..].copy_from_slice(&version.to_be_bytes());
    out
}

/// The spaces where the members of values of this kind may lie.
pub fn member_spaces(kind: Kind) -> &'static [Space] {
    match kind {
        Kind::String => &[Space::Blob],
        _ => &[Space::Data, Space::Index, Space::Blob],
    }
}

/// The key of one chunk of a large string in `Space::Blob`.
pub fn chunk(namespace: Namespace, version: u64, number: u32) -> [u8; 16] {
    let mut out = [0; 16];
    out[..12].copy_from_slice(&members(namespace, version));
    out[12..].copy_from_slice(&number.to_be_bytes());
    out
}

/// The namespace, version and number of a chunk's key.
///
/// # Errors
/// When the bytes are not 16.
pub fn decode_chunk(bytes: &[u8]) -> DecodeResult<(Namespace, u64, u32)> {
    let bytes: &[u8; 16] = bytes.try_into().map_err(|_| DecodeError { what: "chunk key" })?;
    let namespace = u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
    let number = u32::from_be_bytes([bytes[12], bytes[13], bytes[14], bytes[15]]);
    let mut version = [0; 8];
    version.copy_from_slice(&bytes[4..12]);
    Ok((Namespace(namespace), u64::from_be_bytes(version), number))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn golden() {
        let namespace = Namespace(0x0102_0304);
        assert_eq!(meta(namespace, b"k").as_slice(), b"\x01\x02\x03\x04k");
        assert_eq!(expiry(namespace, 5, b"k"), b"\x01\x02\x03\x04\0\0\0\0\0\0\0\x05k");
        assert_eq!(field_expiry(namespace, 5, b"k"), b"\x01\x02\x03\x04\x80\0\0\0\0\0\0\x05k");
        assert_eq!(&chunk(namespace, 6, 7), b"\x01\x02\x03\x04\0\0\0\0\0\0\0\x06\0\0\0\x07");
    }

    proptest! {
        #[test]
        fn round_trip(n: u32, deadline: u64, version: u64, number: u32, key: Vec<u8>) {
            let namespace = Namespace(n);
            let meta = meta(namespace, &key);
            prop_assert_eq!(decode_meta(&meta).unwrap(), (namespace, key.as_slice()));
            let expiry = expiry(namespace, deadline, &key);
            prop_assert_eq!(decode_expiry(&expiry).unwrap(), (namespace, deadline, key.as_slice()));
            let chunk = chunk(namespace, version, number);
            prop_assert_eq!(decode_chunk(&chunk).unwrap(), (namespace, version, number));
        }

        #[test]
        fn order(a: (u32, u64, Vec<u8>), b: (u32, u64, Vec<u8>)) {
            let encode = |(n, deadline, key): &(u32, u64, Vec<u8>)| expiry(Namespace(*n), *deadline, key);
            prop_assert_eq!(encode(&a).cmp(&encode(&b)), a.cmp(&b));
        }

        #[test]
        fn never_panics(bytes: Vec<u8>) {
            let _ = decode_meta(&bytes);
            let _ = decode_expiry(&bytes);
            let _ = decode_chunk(&bytes);
        }
    }
}
