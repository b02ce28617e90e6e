//! How the tree is laid out. The values come from directives; the defaults are the measured ones.

use super::splices;
use crate::storage::Space;
use rocksdb::{
    BlockBasedIndexType, BlockBasedOptions, Cache, DBCompressionType, DBRecoveryMode, LogLevel,
    LruCacheOptions, MergeOperands, Options, ReadOptions, ReadTier as RocksTier,
};

/// What steers the engine. Sizes are in bytes.
#[derive(Debug, Clone, PartialEq)]
pub struct RocksOptions {
    /// The value table's budget: headers and small values, hashed.
    pub value_cache_bytes: usize,
    /// The block cache's budget: blocks of the sorted files, their filters and indexes.
    pub block_cache_bytes: usize,
    /// One memtable. Small ones stay in the processor's cache, which is worth more than fewer flushes.
    pub write_buffer_bytes: usize,
    /// Memtables per space, the active one included.
    pub max_write_buffers: i32,
    /// Full memtables of a space that are merged into one file.
    pub min_write_buffers_to_merge: i32,
    /// Whether absent keys are answered without walking the memtable.
    pub memtable_filter: bool,
    pub block_bytes: usize,
    /// Bits of bloom filter per key; 0 for none.
    pub bloom_bits: u32,
    /// Whether indexes and filters count against the block cache's budget.
    pub cache_index_and_filter_blocks: bool,
    /// Compression of the upper levels.
    pub compression: Compression,
    /// Compression of the last level, where most of the data is.
    pub bottommost_compression: Compression,
    /// Files in level 0 at which a compaction starts, writes are slowed down, and stopped.
    pub level0_compaction_files: i32,
    pub level0_slowdown_files: i32,
    pub level0_stop_files: i32,
    pub max_background_jobs: i32,
    pub max_subcompactions: u32,
    pub target_file_bytes: u64,
    pub max_bytes_for_level_base: u64,
    /// Chunks of large values from this size on lie in blob files; 0 for never.
    pub min_blob_bytes: u64,
    pub blob_file_bytes: u64,
    /// Reads and compactions go around the page cache.
    pub direct_io: bool,
    /// The log is at most about this long; it is what a start replays.
    pub max_wal_bytes: u64,
    pub max_open_files: i32,
    /// Background writes reach the disk in steps of this size, not in one burst.
    pub bytes_per_sync: u64,
    pub wal_bytes_per_sync: u64,
    /// Whether a log that is damaged or ends too early is replayed as far as it goes; otherwise it is
    /// an error.
    pub load_truncated_log: bool,
    pub compaction_readahead_bytes: usize,
    /// Bytes a second that flushes and compactions may write; 0 for no limit.
    pub rate_limit_bytes: i64,
    /// Seconds between two reports in RocksDB's own log; 0 for none.
    pub stats_dump_period_s: u32,
    /// How many of RocksDB's own log files are kept.
    pub log_files: usize,
}

/// How blocks are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    None,
    Lz4,
    Lz4hc,
    Zstd,
}

impl Compression {
    fn rocksdb(self) -> DBCompressionType {
        match self {
            Compression::None => DBCompressionType::None,
            Compression::Lz4 => DBCompressionType::Lz4,
            Compression::Lz4hc => DBCompressionType::Lz4hc,
            Compression::Zstd => DBCompressionType::Zstd,
        }
    }
}

impl Default for RocksOptions {
    fn default() -> RocksOptions {
        RocksOptions {
            value_cache_bytes: 128 << 20,
            block_cache_bytes: 128 << 20,
            write_buffer_bytes: 2 << 20,
            max_write_buffers: 12,
            min_write_buffers_to_merge: 4,
            memtable_filter: true,
            block_bytes: 4 << 10,
            bloom_bits: 10,
            cache_index_and_filter_blocks: false,
            compression: Compression::Lz4,
            bottommost_compression: Compression::Zstd,
            level0_compaction_files: 16,
            level0_slowdown_files: 40,
            level0_stop_files: 60,
            max_background_jobs: 2,
            max_subcompactions: 1,
            target_file_bytes: 64 << 20,
            max_bytes_for_level_base: 256 << 20,
            min_blob_bytes: 8 << 10,
            blob_file_bytes: 256 << 20,
            direct_io: false,
            max_wal_bytes: 256 << 20,
            max_open_files: -1,
            bytes_per_sync: 1 << 20,
            wal_bytes_per_sync: 0,
            load_truncated_log: true,
            compaction_readahead_bytes: 2 << 20,
            rate_limit_bytes: 0,
            stats_dump_period_s: 600,
            log_files: 10,
        }
    }
}

impl RocksOptions {
    pub(super) fn block_cache(&self) -> Cache {
        let mut options = LruCacheOptions::default();
        options.set_capacity(self.block_cache_bytes);
        Cache::new_lru_cache_opts(&options)
    }

    pub(super) fn database(&self) -> Options {
        let mut options = Options::default();
        options.create_if_missing(true);
        options.create_missing_column_families(true);
        options.set_max_background_jobs(self.max_background_jobs);
        options.set_max_open_files(self.max_open_files);
        options.set_max_total_wal_size(self.max_wal_bytes);
        options.set_bytes_per_sync(self.bytes_per_sync);
        options.set_wal_bytes_per_sync(self.wal_bytes_per_sync);
        options.set_max_subcompactions(self.max_subcompactions);
        options.set_compaction_readahead_size(self.compaction_readahead_bytes);
        if self.rate_limit_bytes > 0 {
            options.set_ratelimiter(self.rate_limit_bytes, 100_000, 10);
        }
        options.set_wal_recovery_mode(if self.load_truncated_log {
            DBRecoveryMode::PointInTime
        } else {
            DBRecoveryMode::AbsoluteConsistency
        });
        // All writes come from `flush`, one after the other.
        options.set_allow_concurrent_memtable_write(false);
        options.set_enable_write_thread_adaptive_yield(false);
        options.set_use_direct_reads(self.direct_io);
        options.set_use_direct_io_for_flush_and_compaction(self.direct_io);
        options.set_keep_log_file_num(self.log_files);
        options.set_log_level(LogLevel::Warn);
        options.set_stats_dump_period_sec(self.stats_dump_period_s);
        options.set_stats_persist_period_sec(0);
        options
    }

    pub(super) fn space(&self, space: Space, cache: &Cache) -> Options {
        let mut options = Options::default();
        options.set_write_buffer_size(self.write_buffer_bytes);
        options.set_max_write_buffer_number(self.max_write_buffers);
        options.set_min_write_buffer_number_to_merge(self.min_write_buffers_to_merge);
        options.set_level_compaction_dynamic_level_bytes(true);
        options.set_target_file_size_base(self.target_file_bytes);
        options.set_max_bytes_for_level_base(self.max_bytes_for_level_base);
        options.set_level_zero_file_num_compaction_trigger(self.level0_compaction_files);
        options.set_level_zero_slowdown_writes_trigger(self.level0_slowdown_files);
        options.set_level_zero_stop_writes_trigger(self.level0_stop_files);
        options.set_compression_type(self.compression.rocksdb());
        options.set_bottommost_compression_type(self.bottommost_compression.rocksdb());
        if self.memtable_filter {
            options.set_memtable_prefix_bloom_ratio(0.1);
            options.set_memtable_whole_key_filtering(true);
        }
        options.set_block_based_table_factory(&self.table(cache));
        if space == Space::Index {
            let merge =
                |_: &[u8], value: Option<&[u8]>, edits: &MergeOperands| splices::apply(value?, edits.iter());
            let join = |_: &[u8], _: Option<&[u8]>, edits: &MergeOperands| {
                Some(edits.iter().collect::<Vec<_>>().concat())
            };
            options.set_merge_operator("diskdb.splices", merge, join);
        }
        if space == Space::Blob && self.min_blob_bytes > 0 {
            options.set_enable_blob_files(true);
            options.set_min_blob_size(self.min_blob_bytes);
            options.set_blob_file_size(self.blob_file_bytes);
            options.set_blob_compression_type(self.bottommost_compression.rocksdb());
            options.set_enable_blob_gc(true);
        }
        options
    }

    fn table(&self, cache: &Cache) -> BlockBasedOptions {
        let mut table = BlockBasedOptions::default();
        table.set_block_cache(cache);
        table.set_block_size(self.block_bytes);
        table.set_format_version(6); // smaller, faster filters and a checksum of each file's context
        table.set_index_type(BlockBasedIndexType::BinarySearch);
        table.set_cache_index_and_filter_blocks(self.cache_index_and_filter_blocks);
        table.set_cache_index_and_filter_blocks_with_high_priority(true);
        table.set_pin_l0_filter_and_index_blocks_in_cache(true);
        if self.bloom_bits > 0 {
            table.set_bloom_filter(self.bloom_bits.into(), false);
        }
        table
    }
}

/// Options of a read that may go as far as `tier`.
pub(super) fn read_options(tier: crate::storage::ReadTier) -> ReadOptions {
    let mut options = ReadOptions::default();
    if tier == crate::storage::ReadTier::Memory {
        options.set_read_tier(RocksTier::BlockCache);
    }
    options
}
