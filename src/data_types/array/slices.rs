//! What `ARINFO` tells of Redis' slices. DiskDB has none: the figures are those that Redis would have,
//! had it been given the same values in the order of their indices.

use super::{Array, decode};
use crate::encoding::DecodeError;
use crate::error::Result;
use crate::keyspace::packing::ArrayPacking;
use crate::keyspace::tx::ReadTx;

/// From as many slices on, Redis has a directory of directories, each for as many.
const BLOCK_SLICES: u64 = 2048;

/// Places of the smallest directory of directories.
const MIN_BLOCKS: u64 = 4;

/// Places of the smallest dense slice.
const MIN_WINDOW: u64 = 8;

/// Places of a sparse slice, at first.
const MIN_SPARSE: u64 = 4;

/// The figures.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Slices {
    pub slices: u64,
    pub directory_size: u64,
    /// 0 where there is no directory of directories.
    pub blocks: u64,
    pub dense: u64,
    pub sparse: u64,
    /// Places of all dense slices.
    pub dense_places: u64,
    /// Values in them.
    pub dense_values: u64,
    /// Places of all sparse slices.
    pub sparse_places: u64,
}

impl Slices {
    /// A slice of `count` values, the first and the last of them so far from its beginning.
    fn add(&mut self, count: u64, first: u64, last: u64, packing: ArrayPacking) {
        self.slices += 1;
        if count > packing.sparse_kmax {
            self.dense += 1;
            self.dense_values += count;
            let window = (last - first + 1).next_power_of_two();
            self.dense_places += window.max(MIN_WINDOW).min(packing.slice_size);
        } else {
            self.sparse += 1;
            self.sparse_places += count.next_power_of_two().max(MIN_SPARSE).min(packing.sparse_kmax);
        }
    }
}

const OUT_OF_ORDER: DecodeError = DecodeError { what: "order of an array" };

/// The figures of an array. O(slices · log n).
pub fn slices(array: &Array, tx: &ReadTx, packing: ArrayPacking) -> Result<Slices> {
    let size = packing.slice_size.max(1);
    let pages = array.pages(tx);
    let mut cursor = array.tree.cursor(&pages);
    let mut found = Slices::default();
    let (mut rank, mut last_id) = (0, None);
    let mut blocks = 0;
    while let Some(entry) = cursor.entry(rank)? {
        let first = decode(entry)?.0;
        let id = first / size;
        // The neighbour is at hand; a slice of many is passed over by a search.
        let next = match cursor.entry(rank + 1)?.map(decode).transpose()? {
            Some((next, _)) if next / size == id => {
                id.checked_add(1).and_then(|id| id.checked_mul(size)).map(|end| array.rank_of(tx, end))
            }
            _ => Some(Ok(rank + 1)),
        };
        let next = next.unwrap_or(Ok(array.count()))?;
        if next <= rank {
            return Err(OUT_OF_ORDER.into());
        }
        let last = cursor.entry(next - 1)?.map(decode).transpose()?.map_or(first, |(last, _)| last);
        if last < first || last / size != id {
            return Err(OUT_OF_ORDER.into());
        }
        found.add(next - rank, first % size, last % size, packing);
        blocks += u64::from(last_id.is_none_or(|last_id| last_id / BLOCK_SLICES != id / BLOCK_SLICES));
        (rank, last_id) = (next, Some(id));
    }
    match last_id {
        Some(last) if last >= BLOCK_SLICES => {
            found.blocks = blocks;
            found.directory_size = blocks.next_power_of_two().max(MIN_BLOCKS);
        }
        Some(last) => found.directory_size = (last + 1).next_power_of_two(),
        None => {}
    }
    Ok(found)
}
