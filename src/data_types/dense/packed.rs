//! A small collection in its key's header: member after member.
//!
//! | bytes | what |
//! |---|---|
//! | varint | how many members |
//! | varint, bytes | each member |
//! | varint, bytes | what belongs to it; of hashes only |

use super::Entry;
use crate::encoding::{DecodeError, DecodeResult, varint};
use crate::error::Result;
use bytes::Bytes;
use std::ops::{ControlFlow, Range};

/// A collection in the header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Packed {
    len: u64,
    /// Everything behind the count.
    entries: Bytes,
    /// Whether something belongs to each member.
    has_payload: bool,
}

/// Where an entry lies, and its parts.
struct Place {
    whole: Range<usize>,
    member: Range<usize>,
    payload: Range<usize>,
}

impl Packed {
    /// An empty collection.
    pub fn new(has_payload: bool) -> Packed {
        Packed { len: 0, entries: Bytes::new(), has_payload }
    }

    /// Reads the bytes on disk, and keeps their memory. The entries are looked at when they are asked for.
    ///
    /// # Errors
    /// When the bytes end early.
    pub fn decode(bytes: &Bytes, has_payload: bool) -> DecodeResult<Packed> {
        let mut rest: &[u8] = bytes;
        let len = varint::take(&mut rest)?;
        Ok(Packed { len, entries: bytes.slice(bytes.len() - rest.len()..), has_payload })
    }

    /// Appends the bytes on disk.
    pub fn encode(&self, out: &mut Vec<u8>) {
        varint::put(out, self.len);
        out.extend_from_slice(&self.entries);
    }

    /// How many members there are. O(1).
    pub fn len(&self) -> u64 {
        self.len
    }

    /// How many bytes the members take.
    pub fn bytes(&self) -> usize {
        self.entries.len()
    }

    /// Every entry, in order.
    pub fn iter(&self) -> impl Iterator<Item = DecodeResult<Entry>> + '_ {
        self.places().map(|place| place.map(|place| self.entry(&place)))
    }

    fn entry(&self, place: &Place) -> Entry {
        Entry {
            member: self.entries.slice(place.member.clone()),
            payload: self.entries.slice(place.payload.clone()),
        }
    }

    fn places(&self) -> impl Iterator<Item = DecodeResult<Place>> + '_ {
        let mut at = 0;
        let mut failed = false;
        std::iter::from_fn(move || {
            if at >= self.entries.len() || failed {
                return None;
            }
            let place = self.place_at(at);
            match &place {
                Ok(place) => at = place.whole.end,
                Err(_) => failed = true,
            }
            Some(place)
        })
    }

    fn place_at(&self, at: usize) -> DecodeResult<Place> {
        let member = self.part_at(at)?;
        let payload = if self.has_payload { self.part_at(member.end)? } else { member.end..member.end };
        Ok(Place { whole: at..payload.end, member, payload })
    }

    fn part_at(&self, at: usize) -> DecodeResult<Range<usize>> {
        let mut rest = self.entries.get(at..).ok_or(BAD)?;
        let len = usize::try_from(varint::take(&mut rest)?).map_err(|_| BAD)?;
        let start = self.entries.len() - rest.len();
        if rest.len() < len { Err(BAD) } else { Ok(start..start + len) }
    }

    fn find(&self, member: &[u8]) -> DecodeResult<Option<Place>> {
        for place in self.places() {
            let place = place?;
            if &self.entries[place.member.clone()] == member {
                return Ok(Some(place));
            }
        }
        Ok(None)
    }

    /// What belongs to a member. Linear in the bytes.
    pub fn get(&self, member: &[u8]) -> DecodeResult<Option<Bytes>> {
        Ok(self.find(member)?.map(|place| self.entries.slice(place.payload)))
    }

    /// The entry at a position.
    pub fn at(&self, position: u64) -> DecodeResult<Option<Entry>> {
        let place = self.places().nth(usize::try_from(position).unwrap_or(usize::MAX)).transpose()?;
        Ok(place.map(|place| self.entry(&place)))
    }

    /// Shows every entry to `visit`, in order, until that breaks.
    pub fn walk(&self, mut visit: impl FnMut(&[u8], &[u8]) -> Result<ControlFlow<()>>) -> Result<()> {
        let mut rest: &[u8] = &self.entries;
        while !rest.is_empty() {
            let member = take(&mut rest)?;
            let payload = if self.has_payload { take(&mut rest)? } else { &[] };
            if visit(member, payload)?.is_break() {
                break;
            }
        }
        Ok(())
    }

    /// Adds a member at the end, or gives one that is there something else. Returns whether it is new.
    pub fn insert(&mut self, member: &[u8], payload: &[u8]) -> DecodeResult<bool> {
        let old = self.find(member)?.map(|place| place.whole);
        let new = old.is_none();
        let at = old.unwrap_or(self.entries.len()..self.entries.len());
        let mut entry = Vec::with_capacity(member.len() + payload.len() + 4);
        put(&mut entry, member);
        if self.has_payload {
            put(&mut entry, payload);
        }
        self.replace(at, &entry);
        self.len += u64::from(new);
        Ok(new)
    }

    /// Takes a member out; what belonged to it.
    pub fn remove(&mut self, member: &[u8]) -> DecodeResult<Option<Bytes>> {
        let Some(place) = self.find(member)? else { return Ok(None) };
        let payload = self.entries.slice(place.payload);
        self.replace(place.whole, &[]);
        self.len = self.len.saturating_sub(1);
        Ok(Some(payload))
    }

    fn replace(&mut self, at: Range<usize>, by: &[u8]) {
        self.entries = [&self.entries[..at.start], by, &self.entries[at.end..]].concat().into();
    }
}

const BAD: DecodeError = DecodeError { what: "packed collection" };

/// Takes one part off the front.
fn take<'a>(rest: &mut &'a [u8]) -> DecodeResult<&'a [u8]> {
    let len = usize::try_from(varint::take(rest)?).map_err(|_| BAD)?;
    rest.split_off(..len).ok_or(BAD)
}

fn put(out: &mut Vec<u8>, part: &[u8]) {
    varint::put(out, part.len() as u64);
    out.extend_from_slice(part);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn golden() {
        let mut set = Packed::new(false);
        assert!(set.insert(b"ab", b"").unwrap());
        assert!(set.insert(b"", b"").unwrap());
        assert!(!set.insert(b"ab", b"").unwrap());
        let mut bytes = Vec::new();
        set.encode(&mut bytes);
        assert_eq!(bytes, b"\x02\x02ab\0");
        let mut hash = Packed::new(true);
        hash.insert(b"f", b"v1").unwrap();
        hash.insert(b"g", b"").unwrap();
        hash.insert(b"f", b"v").unwrap();
        let mut bytes = Vec::new();
        hash.encode(&mut bytes);
        assert_eq!(bytes, b"\x02\x01f\x01v\x01g\0");
        assert_eq!(Packed::decode(&bytes.into(), true).unwrap(), hash);
    }

    proptest! {
        #[test]
        fn never_panics(bytes: Vec<u8>, member: Vec<u8>, has_payload: bool, position: u64) {
            let Ok(mut packed) = Packed::decode(&bytes.into(), has_payload) else { return Ok(()) };
            let _ = packed.iter().count();
            let _ = packed.at(position);
            let _ = packed.get(&member);
            let _ = packed.insert(&member, b"x");
            let _ = packed.remove(&member);
        }
    }
}
