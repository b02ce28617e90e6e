//! Where the pages of a counted tree lie: in `Space::Index`, behind the version of their value. The
//! root is in the header ([`Meta::inline`]); a value whose tree is all root has no version.

use super::tree::{Limits, Pages, PagesMut, Root, Tree};
use crate::encoding::keys::{self, Namespace};
use crate::encoding::meta::{Meta, Outside};
use crate::error::Result;
use crate::keyspace::tx::{ReadTx, WriteTx};
use crate::storage::{Direction, KeyBytes, Scan, ScanRange, Space};
use bytes::Bytes;

/// The pages of one tree, to read. `part` tells the trees of one value apart.
pub struct ReadPages<'a> {
    tx: &'a ReadTx<'a>,
    prefix: KeyBytes,
}

/// The pages of one tree, to write.
pub struct WritePages<'a, 'b> {
    tx: &'a mut WriteTx<'b>,
    prefix: KeyBytes,
}

fn prefix(namespace: Namespace, version: u64, part: &[u8]) -> KeyBytes {
    let mut prefix = KeyBytes::from_slice(&keys::members(namespace, version));
    prefix.extend_from_slice(part);
    prefix
}

fn page_key(prefix: &KeyBytes, id: u64) -> KeyBytes {
    let mut key = prefix.clone();
    key.extend_from_slice(&id.to_be_bytes());
    key
}

impl<'a> ReadPages<'a> {
    pub fn new(tx: &'a ReadTx<'a>, namespace: Namespace, version: u64, part: &[u8]) -> ReadPages<'a> {
        ReadPages { tx, prefix: prefix(namespace, version, part) }
    }
}

impl<'a, 'b> WritePages<'a, 'b> {
    pub fn new(
        tx: &'a mut WriteTx<'b>,
        namespace: Namespace,
        version: u64,
        part: &[u8],
    ) -> WritePages<'a, 'b> {
        WritePages { tx, prefix: prefix(namespace, version, part) }
    }
}

impl Pages for ReadPages<'_> {
    fn read(&self, id: u64) -> Result<Option<Bytes>> {
        self.tx.get(Space::Index, &page_key(&self.prefix, id))
    }
}

impl Pages for WritePages<'_, '_> {
    fn read(&self, id: u64) -> Result<Option<Bytes>> {
        self.tx.get(Space::Index, &page_key(&self.prefix, id))
    }
}

impl PagesMut for WritePages<'_, '_> {
    fn write(&mut self, id: u64, page: Bytes) {
        self.tx.write(Space::Index, &page_key(&self.prefix, id), Some(page));
    }

    fn delete(&mut self, id: u64) {
        self.tx.write(Space::Index, &page_key(&self.prefix, id), None);
    }
}

/// Whether a value has so many records in these spaces; none if it has no version. O(records).
pub fn are_all(tx: &ReadTx, meta: &Meta, expected: &[(Space, u64)]) -> Result<bool> {
    let Some(Outside { version, .. }) = meta.outside else { return Ok(true) };
    let all = ScanRange::prefix(&keys::members(tx.namespace(), version));
    for (space, count) in expected {
        let mut scan = tx.scan(*space, &all, Direction::Forward)?;
        let mut left = *count;
        while scan.next()?.is_some() {
            let Some(rest) = left.checked_sub(1) else { return Ok(false) };
            left = rest;
        }
        if left > 0 {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The version of a value's members; 0, which no value has, if there are none outside.
pub fn version_of(meta: Option<&Meta>) -> u64 {
    meta.and_then(|meta| meta.outside).map_or(0, |outside| outside.version)
}

/// The tree whose root is all that a header keeps, or an empty one.
pub fn open(meta: Option<&Meta>, limits: Limits) -> Result<Tree> {
    let root = meta.map(|meta| Root::decode(meta.inline.clone())).transpose()?;
    Ok(Tree::open(root.unwrap_or_default(), limits))
}
