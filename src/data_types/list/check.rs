//! Holding a list against its rules.

use super::{Entry, open};
use crate::data_types::pages::{self, ReadPages};
use crate::encoding::DecodeError;
use crate::encoding::meta::Meta;
use crate::error::Result;
use crate::keyspace::tx::ReadTx;
use crate::storage::Space;
use bytes::Bytes;

const BAD_LEN: DecodeError = DecodeError { what: "length of a list" };
const BAD_BYTES: DecodeError = DecodeError { what: "size of a list" };
const BAD_ELEMENT: DecodeError = DecodeError { what: "list without one of its elements" };
const BAD_RECORD: DecodeError = DecodeError { what: "record of a list that nothing leads to" };

/// Reads the whole list behind a header of the transaction's database: there are as many elements as it
/// says, those kept apart are there, and nothing else is.
///
/// # Errors
/// When something is wrong.
pub fn check(tx: &ReadTx, meta: &Meta) -> Result<()> {
    let (head, sequence) = open(Some(meta))?;
    let version = pages::version_of(Some(meta));
    let tree_pages = ReadPages::new(tx, tx.namespace(), version, &[]);
    let (mut apart, mut bytes) = (0, 0u64);
    let mut check_entry = |entry: &Bytes| {
        let entry = Entry::decode(entry.clone())?;
        bytes = bytes.saturating_add(entry.listpack_bytes());
        if let Entry::Apart { number, len } = entry {
            apart += 1;
            let key = super::apart_key(tx.namespace(), version, number);
            let element = tx.get(Space::Blob, &key)?.ok_or(BAD_ELEMENT)?;
            if element.len() as u64 != len {
                return Err(BAD_ELEMENT.into());
            }
        }
        Ok(())
    };
    let mut found = 0;
    for tree in sequence.trees() {
        found += tree.check_all(&tree_pages, None, &mut check_entry)?;
    }
    if sequence.is_empty() || meta.outside.is_some_and(|outside| outside.len != sequence.len()) {
        return Err(BAD_LEN.into());
    }
    if head.bytes.is_some_and(|known| known != bytes) || head.apart != apart {
        return Err(BAD_BYTES.into());
    }
    let expected = [(Space::Index, found), (Space::Blob, apart), (Space::Data, 0)];
    if pages::are_all(tx, meta, &expected)? { Ok(()) } else { Err(BAD_RECORD.into()) }
}
