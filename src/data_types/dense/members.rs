//! Members outside the header, found by name and by position.
//!
//! The positions lie in pages of [`PAGE`], each a member after the other: its length plus 1 (varint), the
//! member; or 0, when the member is longer than [`LONG`] and has a record of its own. The last page, which
//! is not full, is the **tail** and lies in the header, so that a new member costs its own record and the
//! header.

use crate::encoding::keys::{self, Namespace};
use crate::encoding::{DecodeError, DecodeResult, varint};
use crate::error::Result;
use crate::keyspace::tx::{ReadTx, WriteTx};
use crate::storage::Space;
use bytes::Bytes;
use smallvec::SmallVec;
use std::ops::Range;

/// Positions of a page.
const PAGE: u64 = 16;

/// Bytes of the longest member that lies in a page.
const LONG: usize = 64;

const BAD_PAGE: DecodeError = DecodeError { what: "page of positions" };
const BAD_LEN: DecodeError = DecodeError { what: "length of a collection" };

/// Members outside the header.
#[derive(Debug, Clone)]
pub(super) struct Members {
    pub(super) prefix: [u8; 12],
    pub(super) version: u64,
    pub(super) len: u64,
    tail: Bytes,
}

type MemberKey = SmallVec<[u8; 64]>;

impl Members {
    pub fn new(namespace: Namespace, version: u64, len: u64, tail: Bytes) -> Members {
        Members { prefix: keys::members(namespace, version), version, len, tail }
    }

    /// What the header keeps of the positions.
    pub fn tail(&self) -> &Bytes {
        &self.tail
    }

    pub fn data_key(&self, member: &[u8]) -> MemberKey {
        let mut key = MemberKey::from_slice(&self.prefix);
        key.push(b'm');
        key.extend_from_slice(member);
        key
    }

    fn index_key(&self, part: u8, number: u64) -> [u8; 21] {
        let mut key = [part; 21];
        key[..12].copy_from_slice(&self.prefix);
        key[13..].copy_from_slice(&number.to_be_bytes());
        key
    }

    /// The position of a member, and what belongs to it. One read.
    pub fn get(&self, tx: &ReadTx, member: &[u8]) -> Result<Option<(u64, Bytes)>> {
        let Some(record) = tx.get(Space::Data, &self.data_key(member))? else { return Ok(None) };
        let mut rest: &[u8] = &record;
        let position = varint::take(&mut rest)?;
        Ok(Some((position, record.slice(record.len() - rest.len()..))))
    }

    /// The page of a position.
    fn page(&self, tx: &ReadTx, position: u64) -> Result<Bytes> {
        if position / PAGE == self.len / PAGE {
            return Ok(self.tail.clone());
        }
        let page = tx.get(Space::Index, &self.index_key(b'p', position / PAGE))?;
        Ok(page.ok_or(DecodeError { what: "position in a collection" })?)
    }

    /// The member at a position. One read, none of the last positions, two of a long member.
    pub fn member_at(&self, tx: &ReadTx, position: u64) -> Result<Bytes> {
        let page = self.page(tx, position)?;
        match place(&page, position % PAGE)?.1 {
            Some(member) => Ok(page.slice(member)),
            None => {
                let member = tx.get(Space::Index, &self.index_key(b'x', position))?;
                Ok(member.ok_or(BAD_PAGE)?)
            }
        }
    }

    /// Says what belongs to a member, and where it is.
    pub fn put(&self, tx: &mut WriteTx, position: u64, member: &[u8], payload: &[u8]) {
        let mut record = Vec::with_capacity(varint::MAX_BYTES + payload.len());
        varint::put(&mut record, position);
        record.extend_from_slice(payload);
        tx.write(Space::Data, &self.data_key(member), Some(record.into()));
    }

    /// The bytes in the page of a member that gets a position; a long one is written.
    fn entry(&self, tx: &mut WriteTx, position: u64, member: &[u8]) -> Vec<u8> {
        let mut entry = Vec::with_capacity(2 + LONG);
        if member.len() > LONG {
            tx.write(Space::Index, &self.index_key(b'x', position), Some(Bytes::copy_from_slice(member)));
            varint::put(&mut entry, 0);
        } else {
            varint::put(&mut entry, member.len() as u64 + 1);
            entry.extend_from_slice(member);
        }
        entry
    }

    /// Adds a member that is not there. Mostly one write.
    pub fn push(&mut self, tx: &mut WriteTx, member: &[u8], payload: &[u8]) -> Result<()> {
        self.put(tx, self.len, member, payload);
        let entry = self.entry(tx, self.len, member);
        self.tail = [&self.tail[..], &entry].concat().into();
        let page = self.len / PAGE;
        self.len = self.len.checked_add(1).ok_or(BAD_LEN)?;
        if self.len.is_multiple_of(PAGE) {
            tx.write(Space::Index, &self.index_key(b'p', page), Some(std::mem::take(&mut self.tail)));
        }
        Ok(())
    }

    /// Takes out the member at `position`; the last one takes its place.
    pub fn remove(
        &mut self,
        tx: &mut WriteTx,
        position: u64,
        member: &[u8],
        has_payload: bool,
    ) -> Result<()> {
        tx.write(Space::Data, &self.data_key(member), None);
        let last = self.len.checked_sub(1).ok_or(BAD_LEN)?;
        if self.len.is_multiple_of(PAGE) {
            let full = self.index_key(b'p', last / PAGE);
            self.tail = tx.get(Space::Index, &full)?.ok_or(BAD_PAGE)?;
            tx.write(Space::Index, &full, None);
        }
        // The tail has all its members while the moved one is looked for.
        let moved = if position < last { Some(self.taken_from_tail(tx, last)?) } else { None };
        // Both records were not looked at when chance chose the member: fetch them side by side.
        tx.hint(Space::Data, &self.data_key(member));
        if let Some(moved) = &moved {
            tx.hint(Space::Data, &self.data_key(moved));
        }
        let (whole, in_page) = place(&self.tail, last % PAGE)?;
        if in_page.is_none() {
            tx.write(Space::Index, &self.index_key(b'x', last), None);
        }
        self.tail = self.tail.slice(..whole.start);
        self.len = last;
        let Some(moved) = moved else { return Ok(()) };
        let payload = match has_payload {
            true => self.get(tx, &moved)?.ok_or(DecodeError { what: "member of a collection" })?.1,
            false => Bytes::new(),
        };
        self.put(tx, position, &moved, &payload);
        self.replace(tx, position, &moved)
    }

    /// The member at a position of the tail, which may be full.
    fn taken_from_tail(&self, tx: &ReadTx, position: u64) -> Result<Bytes> {
        match place(&self.tail, position % PAGE)?.1 {
            Some(member) => Ok(self.tail.slice(member)),
            None => Ok(tx.get(Space::Index, &self.index_key(b'x', position))?.ok_or(BAD_PAGE)?),
        }
    }

    /// Gives a position, which has one already, to another member.
    fn replace(&mut self, tx: &mut WriteTx, position: u64, member: &[u8]) -> Result<()> {
        let page = self.page(tx, position)?;
        let (whole, in_page) = place(&page, position % PAGE)?;
        if in_page.is_none() {
            tx.write(Space::Index, &self.index_key(b'x', position), None);
        }
        let entry = self.entry(tx, position, member);
        let page: Bytes = [&page[..whole.start], &entry, &page[whole.end..]].concat().into();
        if position / PAGE == self.len / PAGE {
            self.tail = page;
        } else {
            tx.write(Space::Index, &self.index_key(b'p', position / PAGE), Some(page));
        }
        Ok(())
    }

    /// How many members each page and the tail hold, and how many have a record of their own: all of
    /// that, for whoever counts the records.
    pub fn records(&self, tx: &ReadTx) -> Result<(u64, u64)> {
        let mut long = 0;
        for position in 0..self.len {
            let page = self.page(tx, position)?;
            long += u64::from(place(&page, position % PAGE)?.1.is_none());
        }
        Ok((self.len / PAGE, long))
    }
}

/// Where an entry of a page lies, and its member, if that is in it.
fn place(page: &[u8], index: u64) -> DecodeResult<(Range<usize>, Option<Range<usize>>)> {
    let mut start = 0;
    for at in 0..=index {
        let mut rest = page.get(start..).ok_or(BAD_PAGE)?;
        let length = varint::take(&mut rest)?;
        let from = page.len() - rest.len();
        let bytes = usize::try_from(length.saturating_sub(1)).map_err(|_| BAD_PAGE)?;
        let end = from.checked_add(bytes).filter(|end| *end <= page.len()).ok_or(BAD_PAGE)?;
        if at == index {
            return Ok((start..end, (length > 0).then_some(from..end)));
        }
        start = end;
    }
    Err(BAD_PAGE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn golden() {
        let page = b"\x03ab\x00\x01\x02c";
        assert_eq!(place(page, 0).unwrap(), (0..3, Some(1..3)));
        assert_eq!(place(page, 1).unwrap(), (3..4, None));
        assert_eq!(place(page, 2).unwrap(), (4..5, Some(5..5)));
        assert_eq!(place(page, 3).unwrap(), (5..7, Some(6..7)));
        assert!(place(page, 4).is_err());
    }

    proptest! {
        #[test]
        fn never_panics(page: Vec<u8>, index in 0..PAGE) {
            let _ = place(&page, index);
        }
    }
}
