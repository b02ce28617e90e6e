//! Directives that Redis has and whose part of DiskDB is not there, or works another way.

macro_rules! redis_sections {
    ($next:ident $(, $more:ident)*; $($before:tt)*) => { $next! { $($more),*; $($before)*
section "Encodings" {
    /// Entries up to which a hash is a listpack.
    hash_max_listpack_entries: u64 = 512, integer(0, I64_MAX as i128), [Runtime], "hash-max-ziplist-entries";
    /// Bytes of an element up to which a hash is a listpack.
    hash_max_listpack_value: u64 = 64, memory(0, I64_MAX), [Runtime], "hash-max-ziplist-value";
    /// Elements (or, negative, a size class) up to which a node of a list goes.
    list_max_listpack_size: i32 = -2, integer(i32::MIN as i128, I32_MAX), [Runtime], "list-max-ziplist-size";
    /// Whether OBJECT ENCODING calls a small list a listpack, as Redis does since 7.2; before, every
    /// list was a quicklist. Holds for what is written from then on.
    list_listpack: bool = true, Bool, [Runtime];
    /// How many nodes at each end of a list are not compressed; 0 compresses none.
    list_compress_depth: u32 = 0, integer(0, I32_MAX), [Runtime, NoEffect];
    /// Elements up to which a set of integers is an intset.
    set_max_intset_entries: u64 = 512, integer(0, I64_MAX as i128), [Runtime];
    /// Elements up to which a set is a listpack.
    set_max_listpack_entries: u64 = 128, integer(0, I64_MAX as i128), [Runtime];
    /// Bytes of an element up to which a set is a listpack.
    set_max_listpack_value: u64 = 64, integer(0, I64_MAX as i128), [Runtime];
    /// Elements up to which a sorted set is a listpack.
    zset_max_listpack_entries: u64 = 128, integer(0, I64_MAX as i128), [Runtime], "zset-max-ziplist-entries";
    /// Bytes of an element up to which a sorted set is a listpack.
    zset_max_listpack_value: u64 = 64, memory(0, I64_MAX), [Runtime], "zset-max-ziplist-value";
    /// Bytes up to which a node of a stream goes, in whose steps `XADD` and `XTRIM` trim with `~`; 0 is no limit.
    stream_node_max_bytes: u64 = 4096, memory(0, I64_MAX), [Runtime];
    /// Entries of a node of a stream, in whose steps `XADD` and `XTRIM` trim with `~`; 0 is no limit, and trims in
    /// steps of 100.
    stream_node_max_entries: u64 = 100, integer(0, I64_MAX as i128), [Runtime];
    /// How many seconds a stream that comes to be from then on keeps ids of idempotent producers; `XCFGSET` sets it for
    /// one stream.
    stream_idmp_duration: u64 = 100, integer(1, 86400), [Runtime];
    /// How many ids of each idempotent producer a stream that comes to be from then on keeps; `XCFGSET` sets it for
    /// one stream.
    stream_idmp_maxsize: u64 = 100, integer(1, 10000), [Runtime];
    /// Indices of a slice of an array, a power of two. DiskDB has no slices; `ARINFO` tells how many there
    /// would be.
    array_slice_size: u64 = 4096, integer(256, 65536), [Runtime];
    /// Values up to which a slice of an array is sparse; 0 is none.
    array_sparse_kmax: u64 = 10, integer(0, I32_MAX), [Runtime];
    /// Values from which down a slice of an array becomes sparse again.
    array_sparse_kmin: u64 = 5, integer(0, I32_MAX), [Runtime, NoEffect];
    /// Bytes up to which a HyperLogLog is sparse.
    hll_sparse_max_bytes: u64 = 3000, memory(0, I64_MAX), [Runtime];
    /// Whether hash tables are rehashed in the background.
    activerehashing: bool = true, Bool, [Runtime, NoEffect];
    /// Whether RESTORE checks payloads deeply. DiskDB always does.
    sanitize_dump_payload: SanitizeDumpPayload = SanitizeDumpPayload::No, Choice(SanitizeDumpPayload::NAMES),
        [Runtime, NoEffect];
}
section "Replication" {
    /// The primary of this server: host and port.
    replicaof: Vec<String> = Vec::new(), List, [NoEffect], "slaveof";
    /// The user name for the primary.
    masteruser: String = String::new(), Text, [Runtime, Sensitive, NoEffect];
    /// The password for the primary.
    masterauth: String = String::new(), Text, [Runtime, Sensitive, NoEffect];
    /// Whether a replica answers while it has no connection to its primary.
    replica_serve_stale_data: bool = true, Bool, [Runtime, NoEffect], "slave-serve-stale-data";
    /// Whether a replica refuses writes.
    replica_read_only: bool = true, Bool, [Runtime, NoEffect], "slave-read-only";
    /// Whether a replica leaves eviction to its primary.
    replica_ignore_maxmemory: bool = true, Bool, [Runtime, NoEffect], "slave-ignore-maxmemory";
    /// Whether a replica empties itself in the background before it loads.
    replica_lazy_flush: bool = false, Bool, [Runtime, NoEffect], "slave-lazy-flush";
    /// Whether a replica goes on when it cannot write to its disk.
    replica_ignore_disk_write_errors: bool = false, Bool, [Runtime, NoEffect];
    /// Whether the replica is announced to Sentinel.
    replica_announced: bool = true, Bool, [Runtime, NoEffect];
    /// The address a replica announces.
    replica_announce_ip: String = String::new(), Text, [Runtime, NoEffect], "slave-announce-ip";
    /// The port a replica announces.
    replica_announce_port: u16 = 0, integer(0, 65535), [Runtime, NoEffect], "slave-announce-port";
    /// The replica's priority for Sentinel; 0 is never promoted.
    replica_priority: u32 = 100, integer(0, I32_MAX), [Runtime, NoEffect], "slave-priority";
    /// The memory for changes that a replica gathers while it loads.
    replica_full_sync_buffer_limit: u64 = 0, memory(0, I64_MAX), [Runtime, NoEffect];
    /// Whether snapshots go to replicas without a file between.
    repl_diskless_sync: bool = true, Bool, [Runtime, NoEffect];
    /// Seconds to wait for more replicas before that.
    repl_diskless_sync_delay: u32 = 5, integer(0, I32_MAX), [Runtime, NoEffect];
    /// The number of replicas that is not waited beyond.
    repl_diskless_sync_max_replicas: u32 = 0, integer(0, I32_MAX), [Runtime, NoEffect];
    /// How a replica loads a snapshot that comes without a file.
    repl_diskless_load: ReplDisklessLoad = ReplDisklessLoad::Disabled, Choice(ReplDisklessLoad::NAMES),
        [Runtime, NoEffect];
    /// Seconds between pings to replicas.
    repl_ping_replica_period: u32 = 10, integer(1, I32_MAX), [Runtime, NoEffect], "repl-ping-slave-period";
    /// Seconds after which a silent replica or primary counts as lost.
    repl_timeout: u32 = 60, integer(1, I32_MAX), [Runtime, NoEffect];
    /// Whether replication waits to send fewer, larger packets.
    repl_disable_tcp_nodelay: bool = false, Bool, [Runtime, NoEffect];
    /// The memory for changes that replicas can still ask for.
    repl_backlog_size: u64 = 1 << 20, memory(1, I64_MAX), [Runtime, NoEffect];
    /// Seconds after which it is freed when there are no replicas.
    repl_backlog_ttl: u32 = 3600, integer(0, I32_MAX), [Runtime, NoEffect];
    /// How many replicas there must be for writes to be accepted.
    min_replicas_to_write: u32 = 0, integer(0, I32_MAX), [Runtime, NoEffect], "min-slaves-to-write";
    /// Within how many seconds they must have been heard of.
    min_replicas_max_lag: u32 = 10, integer(0, I32_MAX), [Runtime, NoEffect], "min-slaves-max-lag";
    /// What happens when a command cannot be passed on.
    propagation_error_behavior: PropagationErrorBehavior = PropagationErrorBehavior::Ignore,
        Choice(PropagationErrorBehavior::NAMES), [Runtime, NoEffect];
}
section "Cluster" {
    /// Whether the server is a node of a cluster.
    cluster_enabled: bool = false, Bool, [NoEffect];
    /// The file in which a node keeps what it knows of the cluster.
    cluster_config_file: String = "nodes.conf".to_owned(), Text, [NoEffect];
    /// Milliseconds after which a silent node counts as failed.
    cluster_node_timeout: u64 = 15000, integer(0, I64_MAX as i128), [Runtime, NoEffect];
    /// The port for the other nodes; 0 for 10000 above `port`.
    cluster_port: u16 = 0, integer(0, 65535), [NoEffect];
    /// How stale a replica's data may be for it to take over.
    cluster_replica_validity_factor: u32 = 10, integer(0, I32_MAX), [Runtime, NoEffect], "cluster-slave-validity-factor";
    /// Whether a replica never takes over by itself.
    cluster_replica_no_failover: bool = false, Bool, [Runtime, NoEffect], "cluster-slave-no-failover";
    /// How many replicas a primary keeps when one moves to another.
    cluster_migration_barrier: u32 = 1, integer(0, I32_MAX), [Runtime, NoEffect];
    /// Whether replicas move to primaries that have none.
    cluster_allow_replica_migration: bool = true, Bool, [Runtime, NoEffect];
    /// Whether a cluster that lacks slots stops answering.
    cluster_require_full_coverage: bool = true, Bool, [Runtime, NoEffect];
    /// Whether it answers reads then.
    cluster_allow_reads_when_down: bool = false, Bool, [Runtime, NoEffect];
    /// Whether it passes sharded messages on then.
    cluster_allow_pubsubshard_when_down: bool = true, Bool, [Runtime, NoEffect];
    /// The memory for messages to another node.
    cluster_link_sendbuf_limit: u64 = 0, memory(0, u64::MAX), [Runtime, NoEffect];
    /// The address a node announces.
    cluster_announce_ip: String = String::new(), Text, [Runtime, NoEffect];
    /// The host name a node announces.
    cluster_announce_hostname: String = String::new(), HostName, [Runtime, NoEffect];
    /// The name for people that a node announces.
    cluster_announce_human_nodename: String = String::new(), Text, [Runtime, NoEffect];
    /// The port a node announces.
    cluster_announce_port: u16 = 0, integer(0, 65535), [Runtime, NoEffect];
    /// The TLS port a node announces.
    cluster_announce_tls_port: u16 = 0, integer(0, 65535), [Runtime, NoEffect];
    /// The port for other nodes that a node announces.
    cluster_announce_bus_port: u16 = 0, integer(0, 65535), [Runtime, NoEffect];
    /// What clients are told to connect to.
    cluster_preferred_endpoint_type: ClusterEndpointType = ClusterEndpointType::Ip,
        Choice(ClusterEndpointType::NAMES), [Runtime, NoEffect];
}
section "Redis' files" {
    /// The name of a snapshot.
    dbfilename: String = "dump.rdb".to_owned(), FileName, [Runtime, Protected, NoEffect];
    /// Whether snapshots are compressed.
    rdbcompression: bool = true, Bool, [Runtime, NoEffect];
    /// Whether snapshots have a checksum.
    rdbchecksum: bool = true, Bool, [NoEffect];
    /// Whether snapshots made for replicas are deleted.
    rdb_del_sync_files: bool = false, Bool, [Runtime, NoEffect];
    /// Whether a snapshot is forced to the disk piece by piece.
    rdb_save_incremental_fsync: bool = true, Bool, [Runtime, NoEffect];
    /// Microseconds to wait after each key of a snapshot, for tests.
    rdb_key_save_delay: i32 = 0, integer(i32::MIN as i128, I32_MAX), [Runtime, Hidden, NoEffect];
    /// Microseconds to wait after each key that is loaded, for tests.
    key_load_delay: i32 = 0, integer(i32::MIN as i128, I32_MAX), [Runtime, Hidden, NoEffect];
    /// After how many loaded bytes clients are served, for tests.
    loading_process_events_interval_bytes: u64 = 2 << 20, integer(1024, I32_MAX), [Runtime, Hidden, NoEffect];
    /// The name of the append-only file.
    appendfilename: String = "appendonly.aof".to_owned(), FileName, [NoEffect];
    /// The folder of the append-only files.
    appenddirname: String = "appendonlydir".to_owned(), FileName, [NoEffect];
    /// Whether the append-only file is not forced to the disk while it is rewritten.
    no_appendfsync_on_rewrite: bool = false, Bool, [Runtime, NoEffect];
    /// The growth in percent that starts a rewrite.
    auto_aof_rewrite_percentage: u32 = 100, integer(0, I32_MAX), [Runtime, NoEffect];
    /// The size below which there is no rewrite.
    auto_aof_rewrite_min_size: u64 = 64 << 20, memory(0, I64_MAX), [Runtime, NoEffect];
    /// Whether a log of writes that is damaged, or whose end is missing, is loaded as far as it goes
    /// (the log as it was is kept beside the data, and a warning says so), or the start fails.
    aof_load_truncated: bool = true, Bool, [Runtime];
    /// Whether an append-only file begins with a snapshot.
    aof_use_rdb_preamble: bool = true, Bool, [Runtime, NoEffect];
    /// Whether an append-only file has times in it.
    aof_timestamp_enabled: bool = false, Bool, [Runtime, NoEffect];
    /// Whether a rewrite is forced to the disk piece by piece.
    aof_rewrite_incremental_fsync: bool = true, Bool, [Runtime, NoEffect];
    /// Whether old append-only files are kept.
    aof_disable_auto_gc: bool = false, Bool, [Runtime, NoEffect];
}
section "Redis' process" {
    /// Redis' number of threads for sockets; see `server-threads`.
    io_threads: u32 = 1, integer(1, 128), [NoEffect];
    /// Whether these threads read, too.
    io_threads_do_reads: bool = false, Bool, [NoEffect];
    /// Whether the allocator has a thread of its own.
    jemalloc_bg_thread: bool = true, Bool, [Runtime, NoEffect];
    /// Whether memory is defragmented.
    activedefrag: bool = false, Bool, [Runtime, NoEffect];
    /// Wasted bytes from which that starts.
    active_defrag_ignore_bytes: u64 = 100 << 20, memory(1, I64_MAX), [Runtime, NoEffect];
    /// Wasted percent from which it starts.
    active_defrag_threshold_lower: u32 = 10, integer(0, 1000), [Runtime, NoEffect];
    /// Wasted percent from which it works hardest.
    active_defrag_threshold_upper: u32 = 100, integer(0, 1000), [Runtime, NoEffect];
    /// The least share of processor time in percent.
    active_defrag_cycle_min: u32 = 1, integer(1, 99), [Runtime, NoEffect];
    /// The largest share of processor time in percent.
    active_defrag_cycle_max: u32 = 25, integer(1, 99), [Runtime, NoEffect];
    /// Elements of a collection from which it is handled piece by piece.
    active_defrag_max_scan_fields: u64 = 1000, integer(1, I64_MAX as i128), [Runtime, NoEffect];
    /// How the out-of-memory score is adjusted.
    oom_score_adj: OomScoreAdj = OomScoreAdj::No, Choice(OomScoreAdj::NAMES), [Runtime, NoEffect];
    /// The scores of primary, replica and background process.
    oom_score_adj_values: [i32; 3] = [0, 200, 800], Words("three integers from -2000 to 2000"), [Runtime, NoEffect];
    /// Whether transparent huge pages are turned off.
    disable_thp: bool = true, Bool, [NoEffect];
    /// The processors that serve clients.
    server_cpulist: String = String::new(), Text, [NoEffect], "server_cpulist";
    /// The processors for background work.
    bio_cpulist: String = String::new(), Text, [NoEffect], "bio_cpulist";
    /// The processors for rewriting the append-only file.
    aof_rewrite_cpulist: String = String::new(), Text, [NoEffect], "aof_rewrite_cpulist";
    /// The processors for snapshots.
    bgsave_cpulist: String = String::new(), Text, [NoEffect], "bgsave_cpulist";
    /// Whether the process' title tells what it does.
    set_proc_title: bool = true, Bool, [NoEffect];
    /// That title.
    proc_title_template: String = "{title} {listen-addr} {server-mode}".to_owned(), Text, [Runtime, NoEffect];
    /// The names of warnings at start that are ignored.
    ignore_warnings: String = String::new(), Text, [Runtime, NoEffect];
    /// The locale that texts are ordered by.
    locale_collate: String = String::new(), Text, [Runtime, NoEffect];
    /// Milliseconds after which a stuck server writes where it is, for tests.
    watchdog_period: u32 = 0, integer(0, I32_MAX), [Runtime, Hidden, NoEffect];
}
    } };
}
