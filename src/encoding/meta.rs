//! The header of a key, the value of `Space::Meta`.
//!
//! | bytes | what |
//! |---|---|
//! | 1 | type tag (`numbers::Kind`) |
//! | 1 | flags (`numbers::flag`) |
//! | 6 | created, ms since the Unix epoch, big-endian |
//! | varint | updated − created, ms |
//! | varint | revision: how often the value was written, from 1 |
//! | varint | deadline, ms since the Unix epoch; with flag `EXPIRES` |
//! | varint, varint | version, length; with flag `OUTSIDE` |
//! | rest | the value, or what the type keeps beside its members |

use super::numbers::{Kind, flag};
use super::{DecodeError, DecodeResult, varint};
use bytes::{Buf, Bytes};
use smallvec::SmallVec;

/// What is known of one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meta {
    pub kind: Kind,
    /// When the key came to be, ms since the Unix epoch; overwriting it changes nothing.
    pub created_at_ms: u64,
    /// When the value was last written, ms since the Unix epoch.
    pub updated_at_ms: u64,
    /// How often the key was written; 1 for a new one.
    pub revision: u64,
    /// When the key dies, ms since the Unix epoch.
    pub expire_at_ms: Option<u64>,
    /// Where the members lie, if the value is not in `inline`.
    pub outside: Option<Outside>,
    /// See `flag::RAW`.
    pub raw: bool,
    /// The value, or what the type keeps beside its members.
    pub inline: Bytes,
}

/// A value that lies outside its header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outside {
    /// What the keys of the members begin with.
    pub version: u64,
    /// The length of the value: bytes of a string, members of a collection.
    pub len: u64,
}

const CREATED_BYTES: usize = 6;

impl Meta {
    /// A header for a value that lies in it. The keyspace stamps times and revision.
    pub fn inline(kind: Kind, value: Bytes) -> Meta {
        Meta {
            kind,
            created_at_ms: 0,
            updated_at_ms: 0,
            revision: 0,
            expire_at_ms: None,
            outside: None,
            raw: false,
            inline: value,
        }
    }

    /// A header for a value whose members lie outside. The keyspace stamps times and revision.
    pub fn outside(kind: Kind, outside: Outside) -> Meta {
        Meta { outside: Some(outside), ..Meta::inline(kind, Bytes::new()) }
    }

    /// Whether the key is dead at `now_ms`.
    pub fn is_expired(&self, now_ms: u64) -> bool {
        self.expire_at_ms.is_some_and(|deadline| deadline <= now_ms)
    }

    /// When the first field of a hash that has a deadline dies, ms since the Unix epoch: it stands behind
    /// the first byte of what the hash keeps here, 0 for none. None, too, of what does not decode.
    pub fn first_field_deadline_ms(&self) -> Option<u64> {
        if self.kind != Kind::Hash {
            return None;
        }
        let mut rest = self.inline.get(1..)?;
        varint::take(&mut rest).ok().filter(|deadline_ms| *deadline_ms > 0)
    }

    /// The bytes on disk. One allocation, of just their length.
    pub fn encode(&self) -> Bytes {
        let mut flags = 0;
        for (bit, set) in [
            (flag::EXPIRES, self.expire_at_ms.is_some()),
            (flag::OUTSIDE, self.outside.is_some()),
            (flag::RAW, self.raw),
        ] {
            flags |= if set { bit } else { 0 };
        }
        let mut front: SmallVec<[u8; 2 + CREATED_BYTES + 5 * varint::MAX_BYTES]> = SmallVec::new();
        front.push(self.kind as u8);
        front.push(flags);
        front.extend_from_slice(&self.created_at_ms.to_be_bytes()[8 - CREATED_BYTES..]);
        varint::put(&mut front, self.updated_at_ms.saturating_sub(self.created_at_ms));
        varint::put(&mut front, self.revision);
        if let Some(deadline) = self.expire_at_ms {
            varint::put(&mut front, deadline);
        }
        if let Some(outside) = self.outside {
            varint::put(&mut front, outside.version);
            varint::put(&mut front, outside.len);
        }
        let mut out = Vec::with_capacity(front.len() + self.inline.len());
        out.extend_from_slice(&front);
        out.extend_from_slice(&self.inline);
        Bytes::from(out)
    }

    /// Reads the bytes on disk; `inline` keeps their memory.
    ///
    /// # Errors
    /// When the bytes end early or hold a tag or flag that this version does not know.
    pub fn decode(mut bytes: Bytes) -> DecodeResult<Meta> {
        const BAD: DecodeError = DecodeError { what: "header" };
        let mut rest: &[u8] = &bytes;
        let [kind, flags] = *rest.split_off(..2).and_then(<[u8]>::first_chunk).ok_or(BAD)?;
        if flags & !flag::KNOWN != 0 {
            return Err(BAD);
        }
        let created = rest.split_off(..CREATED_BYTES).ok_or(BAD)?;
        let created_at_ms = created.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte));
        let updated_at_ms = created_at_ms.checked_add(varint::take(&mut rest)?).ok_or(BAD)?;
        let revision = varint::take(&mut rest)?;
        let expire_at_ms = if flags & flag::EXPIRES != 0 { Some(varint::take(&mut rest)?) } else { None };
        let outside = if flags & flag::OUTSIDE != 0 {
            Some(Outside { version: varint::take(&mut rest)?, len: varint::take(&mut rest)? })
        } else {
            None
        };
        let front = bytes.len() - rest.len();
        bytes.advance(front);
        Ok(Meta {
            kind: Kind::from_number(kind)?,
            created_at_ms,
            updated_at_ms,
            revision,
            expire_at_ms,
            outside,
            raw: flags & flag::RAW != 0,
            inline: bytes,
        })
    }
}

/// As much of a header as a walk over many keys looks at; reads it without touching the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    pub kind: Kind,
    /// When the key dies, ms since the Unix epoch.
    pub expire_at_ms: Option<u64>,
}

impl Head {
    /// Reads the front of the bytes on disk.
    ///
    /// # Errors
    /// As [`Meta::decode`].
    pub fn decode(bytes: &[u8]) -> DecodeResult<Head> {
        const BAD: DecodeError = DecodeError { what: "header" };
        let mut rest = bytes;
        let [kind, flags] = *rest.split_off(..2).and_then(<[u8]>::first_chunk).ok_or(BAD)?;
        if flags & !flag::KNOWN != 0 {
            return Err(BAD);
        }
        let kind = Kind::from_number(kind)?;
        if flags & flag::EXPIRES == 0 {
            return Ok(Head { kind, expire_at_ms: None });
        }
        rest.split_off(..CREATED_BYTES).ok_or(BAD)?;
        varint::take(&mut rest)?;
        varint::take(&mut rest)?;
        Ok(Head { kind, expire_at_ms: Some(varint::take(&mut rest)?) })
    }

    /// Whether the key is dead at `now_ms`.
    pub fn is_expired(&self, now_ms: u64) -> bool {
        self.expire_at_ms.is_some_and(|deadline| deadline <= now_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn golden() {
        let plain = Meta {
            created_at_ms: 0x0102_0304_0506,
            updated_at_ms: 0x0102_0304_0506 + 300,
            revision: 2,
            ..Meta::inline(Kind::String, Bytes::from_static(b"v"))
        };
        assert_eq!(plain.encode().as_ref(), b"\x01\0\x01\x02\x03\x04\x05\x06\xac\x02\x02v");
        let large = Meta {
            expire_at_ms: Some(7),
            raw: true,
            revision: 1,
            ..Meta::outside(Kind::String, Outside { version: 8, len: 9 })
        };
        assert_eq!(large.encode().as_ref(), b"\x01\x07\0\0\0\0\0\0\0\x01\x07\x08\x09");
    }

    prop_compose! {
        fn any_meta()(
            kind in prop::sample::select(Kind::ALL.to_vec()),
            created_at_ms in 0..1u64 << 48,
            age in 0..1u64 << 48,
            revision: u64,
            expire_at_ms: Option<u64>,
            outside: Option<(u64, u64)>,
            raw: bool,
            inline: Vec<u8>,
        ) -> Meta {
            Meta {
                kind,
                created_at_ms,
                updated_at_ms: created_at_ms + age,
                revision,
                expire_at_ms,
                outside: outside.map(|(version, len)| Outside { version, len }),
                raw,
                inline: inline.into(),
            }
        }
    }

    proptest! {
        #[test]
        fn round_trip(meta in any_meta()) {
            prop_assert_eq!(Meta::decode(meta.encode()).unwrap(), meta);
        }

        #[test]
        fn the_head_is_the_front_of_it(meta in any_meta()) {
            let expected = Head { kind: meta.kind, expire_at_ms: meta.expire_at_ms };
            prop_assert_eq!(Head::decode(&meta.encode()).unwrap(), expected);
        }

        #[test]
        fn never_panics(bytes: Vec<u8>) {
            let _ = Head::decode(&bytes);
            let _ = Meta::decode(bytes.into());
        }

        #[test]
        fn truncation_never_panics(meta in any_meta(), keep: prop::sample::Index) {
            let bytes = meta.encode();
            let _ = Meta::decode(bytes.slice(..keep.index(bytes.len() + 1)));
        }
    }
}
