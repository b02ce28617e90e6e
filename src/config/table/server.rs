//! Directives about the process, its logs and what it measures.

macro_rules! server_sections {
    ($next:ident $(, $more:ident)*; $($before:tt)*) => { $next! { $($more),*; $($before)*
section "General" {
    /// The data directory; created when it is not there. Everything that DiskDB keeps is in it.
    dir: String = "./data".to_owned(), Text, [Protected];
    /// How many databases there are for SELECT.
    databases: u32 = 16, integer(1, I32_MAX), [];
    /// How many threads serve clients; 0 for half as many as there are processors, 8 at most.
    server_threads: u32 = 0, integer(0, 1024), [];
    /// How many threads wait for the disk on behalf of commands whose data is not in memory.
    disk_threads: u32 = 32, integer(1, 1024), [];
    /// DiskDB stays in the foreground: let the system's service manager put it in the background.
    daemonize: bool = false, Bool, [NoEffect];
    /// Who supervises the process: `systemd`, `upstart`, `auto` (whichever is found) or `no`.
    supervised: Supervised = Supervised::No, Choice(Supervised::NAMES), [];
    /// A file to write the process id to; empty for none.
    pidfile: String = String::new(), Text, [];
    /// How many times a second background tasks look for work, from 1 to 500.
    hz: u32 = 10, integer(0, I32_MAX), [Runtime];
    /// Whether background tasks run more often with many clients.
    dynamic_hz: bool = true, Bool, [Runtime, NoEffect];
    /// Seconds that a stopping server waits for replicas.
    shutdown_timeout: u32 = 10, integer(0, I32_MAX), [Runtime];
    /// What SIGINT does, in the options of SHUTDOWN.
    shutdown_on_sigint: ShutdownOn = ShutdownOn::default(), Choices(ShutdownOn::NAMES), [Runtime, NoEffect];
    /// What SIGTERM does, in the options of SHUTDOWN.
    shutdown_on_sigterm: ShutdownOn = ShutdownOn::default(), Choices(ShutdownOn::NAMES), [Runtime, NoEffect];
    /// The engine that keeps the data: `rocksdb`, or `memory` for tests (nothing is kept).
    engine: EngineKind = EngineKind::RocksDb, Choice(EngineKind::NAMES), [Hidden];
}
section "Logging" {
    /// How much is logged: `debug`, `verbose`, `notice`, `warning` or `nothing`.
    loglevel: LogLevel = LogLevel::Notice, Choice(LogLevel::NAMES), [Runtime];
    /// The file to log to; empty for the standard output.
    logfile: String = String::new(), Text, [];
    /// Whether to log to syslog. Let the service manager do that: DiskDB logs to its output.
    syslog_enabled: bool = false, Bool, [NoEffect];
    /// The name in syslog.
    syslog_ident: String = "diskdb".to_owned(), Text, [NoEffect];
    /// The facility in syslog.
    syslog_facility: SyslogFacility = SyslogFacility::Local0, Choice(SyslogFacility::NAMES), [NoEffect];
    /// Whether a crash is logged with what the process was doing.
    crash_log_enabled: bool = true, Bool, [Runtime, NoEffect];
    /// Whether memory is tested after a crash.
    crash_memcheck_enabled: bool = true, Bool, [Runtime, NoEffect];
    /// Whether the logo is printed even when the output is a file.
    always_show_logo: bool = false, Bool, [NoEffect];
    /// Whether a panic ends the process without an abort.
    use_exit_on_panic: bool = false, Bool, [Runtime, Hidden, NoEffect];
}
section "Slow log and latency" {
    /// Commands that take at least this many microseconds go to SLOWLOG; 0 logs every command, -1
    /// none.
    slowlog_log_slower_than: i64 = 10000, integer(-1, I64_MAX as i128), [Runtime],
        "commandlog-execution-slower-than";
    /// How many entries SLOWLOG keeps.
    slowlog_max_len: u64 = 128, integer(0, I64_MAX as i128), [Runtime], "commandlog-slow-execution-max-len";
    /// Commands of at least this many bytes go to COMMANDLOG's `large-request`; 0 logs every command, -1 none, as in Valkey.
    commandlog_request_larger_than: i64 = 1_048_576, integer(-1, I64_MAX as i128), [Runtime];
    /// How many of them it keeps.
    commandlog_large_request_max_len: u64 = 128, integer(0, I64_MAX as i128), [Runtime];
    /// Commands with replies of at least this many bytes go to COMMANDLOG's `large-reply`; 0 logs every command, -1
    /// none, as in Valkey.
    commandlog_reply_larger_than: i64 = 1_048_576, integer(-1, I64_MAX as i128), [Runtime];
    /// How many of them it keeps.
    commandlog_large_reply_max_len: u64 = 128, integer(0, I64_MAX as i128), [Runtime];
    /// Events that take at least this many milliseconds go to LATENCY; 0 turns it off.
    latency_monitor_threshold: u64 = 0, integer(0, I64_MAX as i128), [Runtime];
    /// Whether the latency of each command is counted in a histogram.
    latency_tracking: bool = true, Bool, [Runtime];
    /// The percentiles that INFO LATENCYSTATS shows.
    latency_tracking_info_percentiles: Vec<f64> = vec![50.0, 99.0, 99.9], Words("numbers from 0 to 100"),
        [Runtime];
}
section "Events" {
    /// The classes of keyspace events to publish, a letter each: `K` keyspace, `E` keyevent, `g`
    /// generic, `$` strings, `l` lists, `s` sets, `h` hashes, `z` sorted sets, `x` expired, `e`
    /// evicted, `t` streams, `d` modules, `a` arrays, `m` misses, `n` new keys, `o` values
    /// that are overwritten, `c` those by another type, `A` for `g$lshzxetda`. Needs `K` or `E`; empty
    /// turns them off.
    notify_keyspace_events: KeyspaceEvents = KeyspaceEvents::default(),
        Word("letters among KEg$lshzxetdamnocA"), [Runtime];
    /// How many keys may be tracked for clients' caches.
    tracking_table_max_keys: u64 = 1_000_000, integer(0, I64_MAX as i128), [Runtime];
}
section "Scripts" {
    /// Milliseconds that a script may run before other clients get the error BUSY in the place of
    /// replies, until it ends or SCRIPT KILL ends it. 0 for never.
    busy_reply_threshold: u64 = 5000, integer(0, I64_MAX as i128), [Runtime], "lua-time-limit";
    /// Milliseconds that a script may run at all; then it ends with an error, and what it wrote is
    /// undone. 0 for no limit.
    script_time_limit: u64 = 0, integer(0, I64_MAX as i128), [Runtime];
    /// Memory that a script may take for its own values, garbage included. A script that wants more ends
    /// with an error. 0 for no limit.
    script_memory_limit: u64 = 512 << 20, memory(0, I64_MAX), [Runtime];
}
    } };
}
