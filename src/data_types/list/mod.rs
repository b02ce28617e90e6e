//! Lists: a counted tree without an order ([`super::tree`]), elements as its entries, and its two ends
//! in the header (`sequence.rs`).
//!
//! The header keeps, before these: twice the number of elements that are kept apart,
//! plus 1 if Redis would have a quicklist (varint), and the bytes that Redis would have in a listpack
//! (varint; 0 where they are not known, as after a large LTRIM, but are surely too many for one). A list
//! without pages and without elements apart has no version.

mod check;
mod edit;
pub(in crate::data_types) mod element;
mod sequence;

pub use check::check;
pub use edit::{Edit, put};

use super::pages::{ReadPages, version_of};
use crate::encoding::keys::Namespace;
use crate::encoding::meta::Meta;
use crate::encoding::numbers::Kind;
use crate::encoding::{DecodeError, DecodeResult, varint};
use crate::error::Result;
use crate::keyspace::tx::ReadTx;
use crate::storage::Space;
use bytes::{Buf, Bytes};
use element::{Entry, apart_key};
use sequence::Sequence;
use std::ops::Range;

/// An end of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    Left,
    Right,
}

/// Stored as the bytes of a list's elements where these are not known: no element takes none.
const NOT_KNOWN: u64 = 0;

/// What the header keeps before the tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Head {
    /// Elements kept apart.
    apart: u64,
    /// Redis would have a quicklist and not a listpack.
    quicklist: bool,
    /// What the elements would take in a listpack; none: not known, and too much for one.
    bytes: Option<u64>,
}

impl Head {
    /// That of an empty list.
    const EMPTY: Head = Head { apart: 0, quicklist: false, bytes: Some(0) };
}

impl Head {
    fn encode(self) -> Vec<u8> {
        let mut out = Vec::with_capacity(128);
        varint::put(&mut out, self.apart << 1 | u64::from(self.quicklist));
        varint::put(&mut out, self.bytes.unwrap_or(NOT_KNOWN));
        out
    }

    /// The head, and the bytes behind it.
    fn decode(mut inline: Bytes) -> DecodeResult<(Head, Bytes)> {
        let mut rest: &[u8] = &inline;
        let first = varint::take(&mut rest)?;
        let bytes = varint::take(&mut rest)?;
        let front = inline.len() - rest.len();
        inline.advance(front);
        let bytes = (bytes != NOT_KNOWN).then_some(bytes);
        Ok((Head { apart: first >> 1, quicklist: first & 1 == 1, bytes }, inline))
    }
}

fn open(meta: Option<&Meta>) -> Result<(Head, Sequence)> {
    let Some(meta) = meta else { return Ok((Head::EMPTY, Sequence::empty())) };
    let (head, rest) = Head::decode(meta.inline.clone())?;
    Ok((head, Sequence::decode(rest)?))
}

/// How Redis would keep the list: `listpack` or `quicklist`. O(1).
pub fn encoding(meta: &Meta) -> &'static str {
    match Head::decode(meta.inline.clone()) {
        Ok((Head { quicklist: false, .. }, _)) => "listpack",
        _ => "quicklist",
    }
}

/// An entry's element, from wherever it lies.
fn element_of(tx: &ReadTx, namespace: Namespace, version: u64, entry: Bytes) -> Result<Bytes> {
    match Entry::decode(entry)? {
        Entry::Inline(element) => Ok(element),
        Entry::Apart { number, .. } => {
            let missing = DecodeError { what: "list without one of its elements" };
            Ok(tx.get(Space::Blob, &apart_key(namespace, version, number))?.ok_or(missing)?)
        }
    }
}

/// Whether an entry's element is `wanted`; one that is kept apart is read only if it is as long.
fn is(tx: &ReadTx, namespace: Namespace, version: u64, entry: Bytes, wanted: &[u8]) -> Result<bool> {
    match Entry::decode(entry.clone())? {
        Entry::Inline(element) => Ok(element == wanted),
        Entry::Apart { len, .. } if len != wanted.len() as u64 => Ok(false),
        Entry::Apart { .. } => Ok(element_of(tx, namespace, version, entry)? == wanted),
    }
}

/// A list to read.
pub struct List<'a> {
    tx: &'a ReadTx<'a>,
    version: u64,
    sequence: Sequence,
    pages: ReadPages<'a>,
}

impl<'a> List<'a> {
    /// The list of a key. One read.
    ///
    /// # Errors
    /// [`crate::error::Error::WrongType`].
    pub fn get(tx: &'a ReadTx<'a>, key: &[u8]) -> Result<Option<List<'a>>> {
        tx.meta_of(key, Kind::List)?.map(|meta| List::of(tx, &meta)).transpose()
    }

    /// The list behind a header of the transaction's database. No reads.
    ///
    /// # Errors
    /// When the header does not decode.
    pub fn of(tx: &'a ReadTx<'a>, meta: &Meta) -> Result<List<'a>> {
        let (_, sequence) = open(Some(meta))?;
        let version = version_of(Some(meta));
        let pages = ReadPages::new(tx, tx.namespace(), version, &[]);
        Ok(List { tx, version, sequence, pages })
    }

    /// How many elements there are. Never 0.
    pub fn length(&self) -> u64 {
        self.sequence.len()
    }

    fn element(&self, entry: Bytes) -> Result<Bytes> {
        element_of(self.tx, self.tx.namespace(), self.version, entry)
    }

    /// The element at a place. O(log n).
    pub fn at(&self, rank: u64) -> Result<Option<Bytes>> {
        self.sequence.get(&self.pages, rank)?.map(|entry| self.element(entry)).transpose()
    }

    /// The elements of a range of places. O(log n) and O(1) for each.
    pub fn range(&self, ranks: Range<u64>) -> Result<Vec<Bytes>> {
        let entries = self.sequence.entries(&self.pages, ranks);
        entries.map(|entry| self.element(entry?)).collect()
    }

    /// Shows the elements of a range of places to `visit`. O(log n) and O(1) for each.
    pub fn walk(&self, ranks: Range<u64>, mut visit: impl FnMut(&[u8])) -> Result<()> {
        self.sequence.walk(&self.pages, ranks, |entry| {
            match element::inline(entry) {
                Some(element) => visit(element),
                None => visit(&self.element(Bytes::copy_from_slice(entry))?),
            }
            Ok(())
        })
    }

    /// The places where `wanted` stands. O(elements looked at).
    pub fn find(&self, wanted: &[u8], search: Search) -> Result<Vec<u64>> {
        find(self.tx, &self.sequence, (self.tx.namespace(), self.version), wanted, search)
    }
}

/// Which of the places are looked for where an element stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Search {
    /// The end to begin at.
    pub from: End,
    /// The first so many do not count.
    pub skip: u64,
    /// How many at most.
    pub most: u64,
    /// How many elements to look at.
    pub look_at: u64,
}

/// The places where `wanted` stands in a list.
fn find(
    tx: &ReadTx,
    sequence: &Sequence,
    (namespace, version): (Namespace, u64),
    wanted: &[u8],
    search: Search,
) -> Result<Vec<u64>> {
    let pages = ReadPages::new(tx, namespace, version, &[]);
    let len = sequence.len();
    let mut entries = sequence.entries(&pages, 0..len);
    let (mut found, mut matches) = (Vec::new(), 0);
    for step in 0..search.look_at.min(len) {
        let (entry, rank) = match search.from {
            End::Left => (entries.next(), step),
            End::Right => (entries.next_back(), len - 1 - step),
        };
        let Some(entry) = entry.transpose()? else { break };
        if !is(tx, namespace, version, entry, wanted)? {
            continue;
        }
        matches += 1;
        if matches > search.skip {
            found.push(rank);
            if found.len() as u64 >= search.most {
                break;
            }
        }
    }
    Ok(found)
}

/// The places that a client's numbers mean: from 0, or from the end if negative, the last one
/// included; what is not there is left out.
pub fn places(len: u64, start: i64, stop: i64) -> Range<u64> {
    let from_end = |place: i64| match u64::try_from(place) {
        Ok(place) => Some(place),
        Err(_) => len.checked_sub(place.unsigned_abs()),
    };
    let start = from_end(start).unwrap_or(0);
    let Some(stop) = from_end(stop) else { return 0..0 };
    if start > stop || start >= len { 0..0 } else { start..stop.saturating_add(1).min(len) }
}

/// The place that a client's number means, if it is there.
pub fn place(len: u64, index: i64) -> Option<u64> {
    let place = match u64::try_from(index) {
        Ok(place) => place,
        Err(_) => len.checked_sub(index.unsigned_abs())?,
    };
    (place < len).then_some(place)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn golden_head() {
        let head = Head { apart: 1, quicklist: true, bytes: Some(300) };
        let bytes = [head.encode(), b"rest".to_vec()].concat();
        assert_eq!(bytes, b"\x03\xac\x02rest");
        assert_eq!(Head::decode(bytes.into()).unwrap(), (head, Bytes::from_static(b"rest")));
        let trimmed = Head { bytes: None, ..head };
        assert_eq!(trimmed.encode(), b"\x03\0");
        assert_eq!(Head::decode(trimmed.encode().into()).unwrap(), (trimmed, Bytes::new()));
        assert!(Head::decode(Bytes::from_static(b"\x80")).is_err());
    }

    proptest! {
        #[test]
        fn never_panics(bytes: Vec<u8>) {
            let _ = Head::decode(bytes.into());
        }
    }

    #[test]
    fn places_of_any_number() {
        assert_eq!(places(5, 0, -1), 0..5);
        assert_eq!(places(5, -100, 100), 0..5);
        assert_eq!(places(5, -2, -1), 3..5);
        assert_eq!(places(5, 3, 2), 0..0);
        assert_eq!(places(5, 5, 9), 0..0);
        assert_eq!(places(5, 0, -6), 0..0);
        assert_eq!(places(5, i64::MIN, i64::MAX), 0..5);
        assert_eq!((place(5, -5), place(5, -6), place(5, 4), place(5, 5)), (Some(0), None, Some(4), None));
    }
}
