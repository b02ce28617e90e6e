//! Directives about memory, durability and the disk.

macro_rules! storage_sections {
    ($next:ident $(, $more:ident)*; $($before:tt)*) => { $next! { $($more),*; $($before)*
section "Memory" {
    /// The memory that DiskDB may use for caching: values, and blocks of the files on disk. The
    /// data may be much larger than this. 0 for a quarter of the machine's memory, 1gb at most.
    cache_size: u64 = 0, memory(0, I64_MAX), [];
    /// The part of `cache-size` that keeps values as commands use them; 0 for three quarters of it.
    value_cache_size: u64 = 0, memory(0, I64_MAX), [];
    /// The part of `cache-size` that keeps blocks of files; 0 for what the value cache leaves.
    rocksdb_block_cache_size: u64 = 0, memory(0, I64_MAX), [];
    /// How many SCAN cursors are remembered; the oldest are forgotten first.
    scan_cursors: u32 = 65536, integer(1, 1 << 24), [Runtime];
    /// The size of the data from which keys are evicted; 0 is no limit.
    maxmemory: u64 = 0, memory(0, u64::MAX), [Runtime, NoEffect];
    /// Which keys are evicted then.
    maxmemory_policy: MaxmemoryPolicy = MaxmemoryPolicy::NoEviction, Choice(MaxmemoryPolicy::NAMES),
        [Runtime, NoEffect];
    /// How many keys are looked at to find the one to evict.
    maxmemory_samples: u32 = 5, integer(1, I32_MAX), [Runtime, NoEffect];
    /// How hard eviction tries.
    maxmemory_eviction_tenacity: u32 = 10, integer(0, 100), [Runtime, NoEffect];
    /// How fast the use counter of a key saturates, for the LFU policies.
    lfu_log_factor: u32 = 10, integer(0, I32_MAX), [Runtime, NoEffect];
    /// Minutes after which the use counter of a key is halved.
    lfu_decay_time: u32 = 1, integer(0, I32_MAX), [Runtime, NoEffect];
}
section "Durability" {
    /// When writes are forced to the disk. `everysec`: once a second; an acknowledged write survives
    /// the death of the process, and the loss of power costs at most a second. `always`: before each
    /// acknowledgement; nothing acknowledged is ever lost. `no`: when the kernel decides.
    appendfsync: AppendFsync = AppendFsync::EverySec, Choice(AppendFsync::NAMES), [Runtime];
    /// DiskDB always logs its writes.
    appendonly: bool = true, Bool, [Runtime, NoEffect];
    /// Snapshots after so many seconds with so many changes. DiskDB does not need them to be
    /// durable; SAVE and BGSAVE make one when asked.
    save: Vec<SavePoint> = Vec::new(), Words("seconds changes, any number of times"), [Runtime, NoEffect, LinesAddUp];
    /// How many checkpoints of SAVE and BGSAVE are kept, in the folder `checkpoints` of the data
    /// directory; the oldest are deleted. 0 keeps all. Each is a data directory: `--dir` opens it.
    checkpoints_kept: u32 = 3, integer(0, I32_MAX), [Runtime];
    /// Whether writes are refused after a snapshot failed.
    stop_writes_on_bgsave_error: bool = true, Bool, [Runtime, NoEffect];
    /// Writes are refused, and reads and deletes go on, while the disk has less free space than
    /// this; 0 does not look.
    min_free_disk_space: u64 = 64 << 20, memory(0, I64_MAX), [Runtime];
    /// How hard expired keys are looked for, from 1 to 10. DiskDB finds them by their time.
    active_expire_effort: u32 = 1, integer(1, 10), [Runtime, NoEffect];
    /// Whether evicted keys are freed in the background. DiskDB always does.
    lazyfree_lazy_eviction: bool = false, Bool, [Runtime, NoEffect];
    /// Whether expired keys are freed in the background. DiskDB always does.
    lazyfree_lazy_expire: bool = false, Bool, [Runtime, NoEffect];
    /// Whether overwritten keys are freed in the background. DiskDB always does.
    lazyfree_lazy_server_del: bool = false, Bool, [Runtime, NoEffect];
    /// Whether DEL frees in the background as UNLINK does. In DiskDB they are the same.
    lazyfree_lazy_user_del: bool = false, Bool, [Runtime, NoEffect];
    /// Whether FLUSHDB and FLUSHALL free in the background when not told.
    lazyfree_lazy_user_flush: bool = false, Bool, [Runtime, NoEffect];
}
section "RocksDB" {
    /// The size of a memory table of RocksDB. Small tables fit the processor's cache and are faster.
    rocksdb_write_buffer_size: u64 = 2 << 20, memory(64 << 10, 4 << 30), [];
    /// How many memory tables there may be, of each space, before writes wait for the disk.
    rocksdb_max_write_buffer_number: u32 = 12, integer(2, 256), [];
    /// How many full memory tables of a space are merged into one file. Tables that fit the
    /// processor's cache are faster to insert into, larger files are cheaper to compact.
    rocksdb_min_write_buffer_number_to_merge: u32 = 4, integer(1, 64), [];
    /// Whether memory tables have a filter that spares lookups of keys they do not have.
    rocksdb_memtable_filter: bool = true, Bool, [];
    /// The size of the blocks that files are read in, before compression.
    rocksdb_block_size: u64 = 4 << 10, memory(1 << 10, 4 << 20), [];
    /// Bits per key of the filters that spare reads of files that do not have a key; 0 for none.
    rocksdb_bloom_bits: u32 = 10, integer(0, 32), [];
    /// Whether indexes and filters of files count into the block cache.
    rocksdb_cache_index_and_filter_blocks: bool = false, Bool, [];
    /// How the upper levels are compressed: `none`, `lz4`, `lz4hc` or `zstd`.
    rocksdb_compression: Compression = Compression::Lz4, Choice(Compression::NAMES), [];
    /// How the bottom level, where most data is, is compressed.
    rocksdb_bottommost_compression: Compression = Compression::Zstd, Choice(Compression::NAMES), [];
    /// How many files at level 0 start a compaction. As memory tables are small, so are the files.
    rocksdb_level0_file_num_compaction_trigger: u32 = 16, integer(1, 1000), [];
    /// How many files at level 0 slow writes down.
    rocksdb_level0_slowdown_writes_trigger: u32 = 40, integer(1, 10000), [];
    /// How many files at level 0 stop writes until compaction has caught up.
    rocksdb_level0_stop_writes_trigger: u32 = 60, integer(1, 10000), [];
    /// How many flushes and compactions run at once; 0 for one per processor, but two at least.
    rocksdb_max_background_jobs: u32 = 0, integer(0, 256), [];
    /// Into how many parts one compaction is divided.
    rocksdb_max_subcompactions: u32 = 1, integer(1, 64), [];
    /// The size of the files at level 1.
    rocksdb_target_file_size_base: u64 = 64 << 20, memory(1 << 20, 16 << 30), [];
    /// The size of level 1; each further level is ten times as large.
    rocksdb_max_bytes_for_level_base: u64 = 256 << 20, memory(1 << 20, 1 << 40), [];
    /// Chunks of large values from this size on are kept in blob files, which compaction does not
    /// copy; 0 keeps all values in the tree.
    rocksdb_min_blob_size: u64 = 8 << 10, memory(0, 1 << 30), [];
    /// The size of a blob file.
    rocksdb_blob_file_size: u64 = 256 << 20, memory(1 << 20, 16 << 30), [];
    /// Whether files are read and written past the kernel's page cache.
    rocksdb_direct_io: bool = false, Bool, [];
    /// The size of the log from which memory tables are written out, so that old log files can go;
    /// 0 for four times the size of all memory tables.
    rocksdb_max_total_wal_size: u64 = 256 << 20, memory(0, I64_MAX), [];
    /// How many files are kept open; -1 for all.
    rocksdb_max_open_files: i32 = -1, integer(-1, I32_MAX), [];
    /// How many bytes of a table file are written before they are handed to the disk; 0 leaves it to
    /// the kernel.
    rocksdb_bytes_per_sync: u64 = 1 << 20, memory(0, 1 << 30), [];
    /// The same for the log; `appendfsync everysec` hands it over each second anyway.
    rocksdb_wal_bytes_per_sync: u64 = 0, memory(0, 1 << 30), [];
    /// How much compaction reads at once.
    rocksdb_compaction_readahead_size: u64 = 2 << 20, memory(0, 64 << 20), [];
    /// How many bytes a second flushes and compactions may write; 0 is no limit.
    rocksdb_rate_limit: u64 = 0, memory(0, I64_MAX), [];
    /// Every how many seconds RocksDB writes its statistics to its own log; 0 never.
    rocksdb_stats_dump_period: u32 = 600, integer(0, I32_MAX), [];
    /// How many of RocksDB's own log files are kept.
    rocksdb_keep_log_file_num: u32 = 10, integer(1, 1000), [];
}
    } };
}
