//! The nodes that Redis would keep a stream in: entries one after the other, so many of them or so many
//! bytes. `~` takes out whole ones. Nothing here is kept in nodes; what is known of the first one stands
//! in the header, so that a trim looks at each entry once.

use super::entry::{self, INLINE_BYTES, Stored};
use super::{Edit, Stream};
use crate::error::Result;
use crate::keyspace::tx::{ReadTx, WriteTx};
use bytes::Bytes;

/// Redis needs about so many bytes for an entry beside its strings, and for a string beside its bytes.
const ENTRY_BYTES: usize = 10;
const STRING_BYTES: usize = 2;

/// A trim of more entries does not look at those that lie far before the last one to go.
const LOOKED_AT: u64 = 10_000;

/// How many entries a node has at most.
fn most_entries(tx: &ReadTx) -> u64 {
    match tx.keyspace().packing().stream.node_entries {
        0 => 100,
        entries => entries,
    }
}

/// What an entry takes: as Redis looks whether it still fits, and in the node of an entry with fields of
/// the same names.
fn bytes_of(stored: Bytes) -> Result<(usize, usize)> {
    let (_, Stored::Inline(body)) = entry::decode(stored)? else {
        // It is not read to find out.
        return Ok((INLINE_BYTES, INLINE_BYTES));
    };
    let fields = entry::decode_body(body)?;
    let values: usize = fields.iter().map(|(_, value)| value.len()).sum();
    let names: usize = fields.iter().map(|(name, _)| name.len()).sum();
    Ok((names + values, values + fields.len() * STRING_BYTES + ENTRY_BYTES))
}

impl Stream {
    /// How many nodes Redis would have, if none were full of bytes before it was full of entries. O(1).
    pub fn nodes(&self, tx: &ReadTx) -> u64 {
        self.len().saturating_add(self.head.gone).div_ceil(most_entries(tx))
    }

    /// How many entries the node has whose first is this one; `most` at most, at least 1. O(log n + entries).
    fn node_from(&self, tx: &ReadTx, rank: u64, most: u64) -> Result<u64> {
        let max_bytes = match tx.keyspace().packing().stream.node_bytes {
            0 => return Ok(most.max(1)),
            bytes => usize::try_from(bytes).unwrap_or(usize::MAX),
        };
        let pages = self.pages(tx);
        let (mut count, mut node_bytes) = (0, 0_usize);
        for stored in self.log.entries(&pages, rank..rank.saturating_add(most)) {
            let (bytes, more) = bytes_of(stored?)?;
            if count > 0 && node_bytes.saturating_add(bytes) >= max_bytes {
                break;
            }
            // The first one's names stand at the head of the node.
            node_bytes = node_bytes.saturating_add(if count == 0 { bytes + more } else { more });
            count += 1;
        }
        Ok(count.max(1))
    }
}

impl Edit {
    /// How many of the first `count` entries fill whole nodes.
    pub(super) fn whole_nodes(&mut self, tx: &WriteTx, count: u64) -> Result<u64> {
        let (most, gone) = (most_entries(tx), self.head.gone);
        if self.head.first_node == 0 {
            let free = most.saturating_sub(gone);
            let left = self.node_from(tx, 0, free)?;
            if left == self.len() && left < free {
                // It is the last one as well, and not full: what it is to hold is not known yet.
                return Ok(0);
            }
            self.stream.head.first_node = gone.saturating_add(left);
        }
        let mut whole = 0;
        let mut node = self.head.first_node.saturating_sub(gone).max(1);
        while node <= count - whole {
            whole += node;
            let far = (count - whole).saturating_sub(LOOKED_AT);
            whole += far / most * most;
            if whole == count {
                break;
            }
            node = self.node_from(tx, whole, most)?;
        }
        Ok(whole)
    }

    /// Takes note that entries are gone, the first of them at a place.
    pub(super) fn leave_nodes(&mut self, tx: &WriteTx, rank: u64, count: u64) {
        let most = most_entries(tx);
        let first_node = if self.head.first_node == 0 { most } else { self.head.first_node };
        let head = &mut self.stream.head;
        if rank >= first_node.saturating_sub(head.gone) {
            return;
        }
        let gone = head.gone.saturating_add(count);
        if self.stream.log.len() == 0 {
            (head.gone, head.first_node) = (0, 0);
        } else if gone < first_node {
            head.gone = gone;
        } else {
            // Nobody knows how the nodes behind it were cut.
            (head.gone, head.first_node) = ((gone - first_node) % most, 0);
        }
    }
}
