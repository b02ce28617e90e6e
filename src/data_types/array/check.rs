//! Holding an array against its rules.

use super::{Array, BAD, Entry, MAX_INDEX, decode, index_bytes};
use crate::data_types::pages;
use crate::encoding::DecodeError;
use crate::encoding::meta::Meta;
use crate::error::Result;
use crate::keyspace::tx::ReadTx;
use crate::storage::Space;
use std::cmp::Ordering;

const BAD_COUNT: DecodeError = DecodeError { what: "number of values of an array" };
const BAD_VALUE: DecodeError = DecodeError { what: "array without one of its values" };
const BAD_RECORD: DecodeError = DecodeError { what: "record of an array that nothing leads to" };

fn order_stored(a: &[u8], b: &[u8]) -> Ordering {
    index_bytes(a).cmp(index_bytes(b))
}

/// Reads the whole array behind a header of the transaction's database: the indices rise, there are as
/// many values as it says, those kept apart are there, and nothing else is.
///
/// # Errors
/// When something is wrong.
pub fn check(tx: &ReadTx, meta: &Meta) -> Result<()> {
    let array = Array::of(tx.namespace(), Some(meta))?;
    let pages = array.pages(tx);
    let mut apart = 0;
    let found = array.tree.check_all(&pages, Some(order_stored), &mut |entry| {
        let (index, entry) = decode(entry.clone())?;
        if index > MAX_INDEX {
            return Err(BAD.into());
        }
        if let Entry::Apart { len, .. } = entry {
            apart += 1;
            if array.value(tx, entry)?.len() as u64 != len {
                return Err(BAD_VALUE.into());
            }
        }
        Ok(())
    })?;
    if array.count() == 0 || meta.outside.is_some_and(|outside| outside.len != array.count()) {
        return Err(BAD_COUNT.into());
    }
    if array.head.apart != apart {
        return Err(BAD_VALUE.into());
    }
    let expected = [(Space::Index, found), (Space::Blob, apart), (Space::Data, 0)];
    if pages::are_all(tx, meta, &expected)? { Ok(()) } else { Err(BAD_RECORD.into()) }
}
