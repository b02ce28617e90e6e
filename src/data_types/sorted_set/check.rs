//! Holding a sorted set against its rules.

use super::{SortedSet, entry};
use crate::data_types::pages;
use crate::encoding::DecodeError;
use crate::encoding::meta::Meta;
use crate::error::Result;
use crate::keyspace::tx::ReadTx;
use crate::storage::Space;
use hashbrown::HashSet;

const BAD_LEN: DecodeError = DecodeError { what: "length of a sorted set" };
const TWICE: DecodeError = DecodeError { what: "sorted set with a member that is there twice" };
const BAD_SCORE: DecodeError = DecodeError { what: "member without its score" };
const BAD_RECORD: DecodeError = DecodeError { what: "record of a sorted set that nothing leads to" };

/// Reads the whole sorted set behind a header of the transaction's database: members are in order and as
/// many as it says, each has the score that it is ordered by, and nothing else is there.
///
/// # Errors
/// When something is wrong.
pub fn check(tx: &ReadTx, meta: &Meta) -> Result<()> {
    let set = SortedSet::of(tx.namespace(), Some(meta))?;
    let mut seen = HashSet::new();
    let found = set.tree.check_all(&set.pages(tx), Some(entry::order_stored), &mut |bytes| {
        let (member, score) = entry::decode(bytes.clone())?;
        if set.is_packed() {
            // Outside, each score is another record, and as many of them as members are there.
            return if seen.insert(member) { Ok(()) } else { Err(TWICE.into()) };
        }
        let said = set.score(tx, &member)?.map(f64::to_bits);
        if said == Some(score.to_bits()) { Ok(()) } else { Err(BAD_SCORE.into()) }
    })?;
    if set.is_empty() || meta.outside.is_some_and(|outside| outside.len != set.len()) {
        return Err(BAD_LEN.into());
    }
    let expected = [(Space::Index, found), (Space::Data, set.len()), (Space::Blob, 0)];
    if pages::are_all(tx, meta, &expected)? { Ok(()) } else { Err(BAD_RECORD.into()) }
}
