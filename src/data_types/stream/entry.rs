//! The entries of a stream as entries of its tree.
//!
//! | entry | bytes |
//! |---|---|
//! | short | id (16), 0 (1), the body |
//! | kept apart | id (16), 1 (1) |
//!
//! The body of an entry is the length (varint) and the bytes of each field and of its value in turn. A
//! body kept apart lies in `Space::Blob`, under the id behind the version of its stream.

use crate::encoding::keys::{self, Namespace};
use crate::encoding::stream_id::StreamId;
use crate::encoding::{DecodeError, DecodeResult, varint};
use crate::storage::KeyBytes;
use bytes::{Buf, Bytes};
use std::cmp::Ordering;

/// Longer bodies are kept apart, so that pages stay short.
pub const INLINE_BYTES: usize = 1024;

/// Bytes of an id.
const ID_BYTES: usize = 16;

const INLINE: u8 = 0;
const APART: u8 = 1;
const BAD: DecodeError = DecodeError { what: "entry of a stream" };

/// Fields of an entry, with their values.
pub type Fields = Vec<(Bytes, Bytes)>;

/// An entry of the tree, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stored {
    Inline(Bytes),
    Apart,
}

/// The body of an entry with these fields.
pub fn encode_body(fields: &[(Bytes, Bytes)]) -> Vec<u8> {
    let bytes: usize = fields.iter().map(|(name, value)| name.len() + value.len() + 4).sum();
    let mut out = Vec::with_capacity(bytes);
    for word in fields.iter().flat_map(|(name, value)| [name, value]) {
        varint::put(&mut out, word.len() as u64);
        out.extend_from_slice(word);
    }
    out
}

/// The fields of a body; they keep its memory.
///
/// # Errors
/// When the bytes are not those of a body.
pub fn decode_body(mut body: Bytes) -> DecodeResult<Fields> {
    let word = |body: &mut Bytes| {
        let mut rest: &[u8] = body;
        let len = varint::take(&mut rest)?;
        let front = body.len() - rest.len();
        if len > rest.len() as u64 {
            return Err(BAD);
        }
        body.advance(front);
        Ok(body.split_to(len as usize))
    };
    let mut fields = Vec::new();
    while !body.is_empty() {
        fields.push((word(&mut body)?, word(&mut body)?));
    }
    Ok(fields)
}

/// The bytes for the tree; without a body, that is kept apart.
pub fn encode(id: StreamId, body: Option<&[u8]>) -> Vec<u8> {
    let mut out = Vec::with_capacity(ID_BYTES + 1 + body.map_or(0, <[u8]>::len));
    out.extend_from_slice(&id.to_bytes());
    out.push(if body.is_some() { INLINE } else { APART });
    out.extend_from_slice(body.unwrap_or_default());
    out
}

/// The id that an entry of a tree begins with.
///
/// # Errors
/// When it does not.
pub fn id_of(entry: &[u8]) -> DecodeResult<StreamId> {
    entry.first_chunk().copied().map(StreamId::from_bytes).ok_or(BAD)
}

/// Reads an entry; its memory is kept.
///
/// # Errors
/// When the bytes are not those of an entry.
pub fn decode(mut entry: Bytes) -> DecodeResult<(StreamId, Stored)> {
    let id = id_of(&entry)?;
    let stored = match entry.get(ID_BYTES) {
        Some(&INLINE) => {
            entry.advance(ID_BYTES + 1);
            Stored::Inline(entry)
        }
        Some(&APART) if entry.len() == ID_BYTES + 1 => Stored::Apart,
        _ => return Err(BAD),
    };
    Ok((id, stored))
}

/// How an entry, or what parts two of them, stands to an id.
pub fn order(stored: &[u8], id: StreamId) -> Ordering {
    stored[..stored.len().min(ID_BYTES)].cmp(&id.to_bytes())
}

/// Where the body of an entry lies that is kept apart.
pub fn apart_key(namespace: Namespace, version: u64, id: StreamId) -> KeyBytes {
    let mut key = KeyBytes::from_slice(&keys::members(namespace, version));
    key.extend_from_slice(&id.to_bytes());
    key
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn golden() {
        let id = StreamId { ms: 1, seq: 2 };
        let fields = [(Bytes::from_static(b"f"), Bytes::from_static(b"val"))];
        let body = encode_body(&fields);
        assert_eq!(body, b"\x01f\x03val");
        assert_eq!(encode(id, Some(&body)), b"\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\x02\0\x01f\x03val");
        assert_eq!(encode(id, None), b"\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\x02\x01");
    }

    proptest! {
        #[test]
        fn round_trip(ms: u64, seq: u64, fields: Vec<(Vec<u8>, Vec<u8>)>) {
            let id = StreamId { ms, seq };
            let fields: Fields = fields.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
            let body = encode_body(&fields);
            prop_assert_eq!(decode_body(body.clone().into()).unwrap(), fields);
            let stored = Stored::Inline(body.clone().into());
            prop_assert_eq!(decode(encode(id, Some(&body)).into()).unwrap(), (id, stored));
            prop_assert_eq!(decode(encode(id, None).into()).unwrap(), (id, Stored::Apart));
        }

        #[test]
        fn never_panics(bytes: Vec<u8>) {
            let _ = decode(bytes.clone().into());
            let _ = decode_body(bytes.into());
        }
    }
}
