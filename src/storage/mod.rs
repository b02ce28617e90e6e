//! What keeps bytes: the engine seam and the engines behind it. Knows neither Redis types nor
//! commands.

#[cfg(test)]
mod conformance;
pub mod engine;
pub mod memory;
#[cfg(feature = "rocksdb")]
pub mod rocksdb;
pub mod varint;

pub use engine::{
    Batch, Direction, Engine, EngineStat, Fresh, KeyBytes, ReadTier, Scan, ScanRange, Seq, Space,
    StorageError, StorageResult, Write, Writes, prefix_end,
};
