//! `INFO`: what the server tells of itself, in sections.

use super::latency::histogram_of;
use super::memory::ratio;
use super::observe::stats_of;
use super::{Command, Context, SessionCommand};
use crate::REDIS_VERSION;
use crate::commands::all_found;
use crate::commands::args::Args;
use crate::commands::spec::{Arity, Categories, Flags, Group, Spec};
use crate::error::Result;
use crate::instance::Instance;
use crate::instance::clients::{Client, ClientFlag, Transport};
use crate::instance::process::{self, CpuUse, MemoryUse, processors};
use crate::instance::pubsub::Kind;
use crate::keyspace::expiry::LiveCounts;
use crate::protocol::Reply;
use bytes::Bytes;
use std::fmt::{Display, Write};

pub struct Info {
    pub sections: Vec<Bytes>,
}

impl Command for Info {
    const SPEC: Spec = Spec::new("INFO", Group::Server, Arity::AtLeast(1))
        .flags(Flags::LOADING.and(Flags::STALE))
        .categories(Categories::DANGEROUS)
        .tips(&["nondeterministic_output", "request_policy:all_shards", "response_policy:special"])
        .syntax("[section [section ...]]")
        .doc("1.0.0", "O(1)", "Returns information and statistics about the server.");
    type Output = Reply;

    fn parse(args: &mut Args) -> Result<Self> {
        Ok(Info { sections: args.rest().to_vec() })
    }
}

impl SessionCommand for Info {
    fn run(self, context: &mut Context<'_>) -> Result<Reply> {
        let mut out = Lines::default();
        for section in SECTIONS.iter().filter(|section| section.is_asked(&self.sections)) {
            out.section(section.title);
            (section.write)(context, &mut out)?;
        }
        Ok(Reply::Verbatim("txt", out.0.into()))
    }
}

/// `name:value` lines under titles.
#[derive(Default)]
struct Lines(String);

impl Lines {
    fn section(&mut self, title: &str) {
        if !self.0.is_empty() {
            self.0.push_str("\r\n");
        }
        let _ = write!(self.0, "# {title}\r\n");
    }

    fn field(&mut self, name: impl Display, value: impl Display) {
        // Writing into a string does not fail.
        let _ = write!(self.0, "{name}:{value}\r\n");
    }

    fn bytes(&mut self, name: &str, bytes: u64) {
        self.field(name, bytes);
        self.field(format_args!("{name}_human"), human(bytes));
    }

    fn zeros(&mut self, names: &[&str]) {
        for name in names {
            self.field(name, 0);
        }
    }
}

/// Bytes as people read them.
fn human(bytes: u64) -> String {
    const UNITS: [(&str, u32); 5] = [("P", 50), ("T", 40), ("G", 30), ("M", 20), ("K", 10)];
    match UNITS.iter().find(|(_, shift)| bytes >> shift > 0) {
        Some((unit, shift)) => format!("{:.2}{unit}", bytes as f64 / (1_u64 << shift) as f64),
        None => format!("{bytes}B"),
    }
}

type WriteSection = fn(&Context, &mut Lines) -> Result<()>;

struct Section {
    title: &'static str,
    /// By what clients ask for it, lower case; the first is its own.
    names: &'static [&'static str],
    /// Whether it comes unasked.
    by_default: bool,
    write: WriteSection,
}

impl Section {
    const fn new(title: &'static str, names: &'static [&'static str], write: WriteSection) -> Section {
        Section { title, names, by_default: true, write }
    }

    const fn on_demand(self) -> Section {
        Section { by_default: false, ..self }
    }

    fn is_asked(&self, asked: &[Bytes]) -> bool {
        let asks = |word: &Bytes| {
            let is = |name: &str| word.eq_ignore_ascii_case(name.as_bytes());
            is("all")
                || is("everything")
                || (is("default") && self.by_default)
                || self.names.iter().any(|name| is(name))
        };
        if asked.is_empty() { self.by_default } else { asked.iter().any(asks) }
    }
}

static SECTIONS: &[Section] = &[
    Section::new("Server", &["server"], server),
    Section::new("Clients", &["clients"], clients),
    Section::new("Memory", &["memory"], memory),
    Section::new("Persistence", &["persistence"], persistence),
    Section::new("Threads", &["threads"], threads),
    Section::new("Stats", &["stats"], stats),
    Section::new("Replication", &["replication"], replication),
    Section::new("CPU", &["cpu"], cpu),
    Section::new("Modules", &["modules"], |_, _| Ok(())),
    Section::new("Commandstats", &["commandstats"], commandstats).on_demand(),
    Section::new("Errorstats", &["errorstats"], errorstats),
    Section::new("Latencystats", &["latencystats"], latencystats).on_demand(),
    Section::new("Cluster", &["cluster"], cluster),
    Section::new("Keyspace", &["keyspace"], keyspace),
    Section::new("Diskdb", &["diskdb", "rocksdb", "engine"], engine).on_demand(),
];

fn server(context: &Context, out: &mut Lines) -> Result<()> {
    let instance = context.instance;
    let settings = instance.settings();
    let uptime_s = instance.identity.uptime_s();
    let now_us = instance.keyspace.clock().now_us();
    let executable = std::env::current_exe().map(|path| path.display().to_string()).unwrap_or_default();
    out.field("redis_version", REDIS_VERSION);
    out.field("diskdb_version", env!("CARGO_PKG_VERSION"));
    out.field("redis_git_sha1", "00000000");
    out.field("redis_git_dirty", 0);
    out.field("redis_build_id", 0);
    out.field("redis_mode", "standalone");
    out.field("os", process::operating_system());
    out.field("arch_bits", usize::BITS);
    out.field("monotonic_clock", "POSIX clock_gettime");
    out.field("multiplexing_api", if cfg!(target_os = "linux") { "epoll" } else { "kqueue" });
    out.field("process_id", std::process::id());
    out.field("process_supervised", "no");
    out.field("run_id", &instance.identity.run_id);
    out.field("tcp_port", settings.port);
    out.field("server_time_usec", now_us);
    out.field("uptime_in_seconds", uptime_s);
    out.field("uptime_in_days", uptime_s / 86400);
    out.field("hz", settings.hz);
    out.field("configured_hz", settings.hz);
    out.field("lru_clock", (now_us / 1_000_000) & 0xff_ffff);
    out.field("executable", executable);
    let config_file = settings.config_file.as_ref().map(|path| path.display().to_string());
    out.field("config_file", config_file.unwrap_or_default());
    out.field("io_threads_active", u8::from(settings.workers(processors()) > 1));
    Ok(())
}

fn clients(context: &Context, out: &mut Lines) -> Result<()> {
    use std::sync::atomic::Ordering::Relaxed;
    let instance = context.instance;
    let all = instance.clients.all();
    let connected = all.iter().filter(|client| client.address.transport != Transport::Embedded).count();
    let blocked = all.iter().filter(|client| client.has_flag(ClientFlag::Blocked)).count();
    // Of those that are there, and of those that were.
    let now = |client: &Client| {
        let counters = &client.counters;
        let free = counters.query_buffer_free_bytes.load(Relaxed);
        (counters.query_buffer_bytes.load(Relaxed) + free, counters.output_bytes.load(Relaxed))
    };
    let recent = instance.clients.recent_buffers.largest(instance.keyspace.clock().now_ms() / 1000);
    let (input, output) = all
        .iter()
        .map(|client| now(client))
        .fold(recent, |(input, output), buffers| (input.max(buffers.0), output.max(buffers.1)));
    out.field("connected_clients", connected);
    out.field("cluster_connections", 0);
    out.field("maxclients", instance.settings().maxclients);
    out.field("client_recent_max_input_buffer", input);
    out.field("client_recent_max_output_buffer", output);
    out.field("blocked_clients", blocked);
    out.field("pubsub_clients", instance.pubsub.clients());
    out.field("total_blocking_keys", context.instance.waiters.keys());
    out.field("tracking_clients", instance.tracking.trackers());
    out.zeros(&["clients_in_timeout_table"]);
    Ok(())
}

fn memory(context: &Context, out: &mut Lines) -> Result<()> {
    let instance = context.instance;
    let settings = instance.settings();
    let memory = MemoryUse::now();
    let peak = instance.stats.peak_memory(memory.allocated);
    let startup = instance.identity.startup_memory;
    let engine = instance.keyspace.engine().memory_bytes();
    let overhead = memory.allocated.saturating_sub(engine);
    out.bytes("used_memory", memory.allocated);
    out.bytes("used_memory_rss", memory.rss);
    out.bytes("used_memory_peak", peak);
    out.field("used_memory_peak_perc", format_args!("{:.2}%", 100.0 * ratio(memory.allocated, peak)));
    out.field("used_memory_overhead", overhead);
    out.field("used_memory_startup", startup);
    out.field("used_memory_dataset", engine);
    let net = memory.allocated.saturating_sub(startup);
    out.field("used_memory_dataset_perc", format_args!("{:.2}%", 100.0 * ratio(engine, net).min(1.0)));
    out.field("allocator_allocated", memory.allocated);
    out.field("allocator_active", memory.active);
    out.field("allocator_resident", memory.resident);
    out.bytes("total_system_memory", process::total_memory());
    out.bytes("used_memory_lua", 0);
    let (scripts, script_bytes) = instance.scripts.size();
    out.bytes("used_memory_scripts", script_bytes as u64);
    out.field("number_of_cached_scripts", scripts);
    let (libraries, functions, function_bytes) = instance.functions.size();
    out.bytes("used_memory_functions", function_bytes as u64);
    out.field("number_of_functions", functions);
    out.field("number_of_libraries", libraries);
    out.bytes("maxmemory", settings.maxmemory);
    out.field("maxmemory_policy", settings_text(instance, "maxmemory-policy"));
    out.field("allocator_frag_ratio", format_args!("{:.2}", ratio(memory.active, memory.allocated)));
    out.field("allocator_frag_bytes", memory.active as i64 - memory.allocated as i64);
    out.field("allocator_rss_ratio", format_args!("{:.2}", ratio(memory.resident, memory.active)));
    out.field("allocator_rss_bytes", memory.resident as i64 - memory.active as i64);
    out.field("rss_overhead_ratio", format_args!("{:.2}", ratio(memory.rss, memory.resident)));
    out.field("rss_overhead_bytes", memory.rss as i64 - memory.resident as i64);
    out.field("mem_fragmentation_ratio", format_args!("{:.2}", ratio(memory.rss, memory.allocated)));
    out.field("mem_fragmentation_bytes", memory.rss as i64 - memory.allocated as i64);
    out.zeros(&["mem_not_counted_for_evict", "mem_replication_backlog", "mem_total_replication_buffers"]);
    out.zeros(&["mem_clients_slaves"]);
    out.field("mem_clients_normal", instance.clients.memory_bytes());
    out.zeros(&["mem_cluster_links", "mem_aof_buffer"]);
    out.field("mem_allocator", process::allocator_name());
    out.zeros(&["active_defrag_running", "lazyfree_pending_objects"]);
    out.field("lazyfreed_objects", instance.keyspace.tallies().get().lazily_freed);
    Ok(())
}

/// A directive's value as `CONFIG GET` shows it.
fn settings_text(instance: &Instance, name: &str) -> String {
    crate::config::directive(name).map(|directive| directive.text(&instance.settings())).unwrap_or_default()
}

fn persistence(context: &Context, out: &mut Lines) -> Result<()> {
    let instance = context.instance;
    let saves = instance.saves.status();
    let ok = |ok: bool| if ok { "ok" } else { "err" };
    let seconds = |seconds: Option<u64>| seconds.map_or(-1, |seconds| seconds as i64);
    out.zeros(&["loading", "async_loading", "current_cow_peak", "current_cow_size", "current_cow_size_age"]);
    out.field("current_fork_perc", "0.00");
    out.zeros(&["current_save_keys_processed", "current_save_keys_total"]);
    out.field("rdb_changes_since_last_save", instance.changes_since_save());
    out.field("rdb_bgsave_in_progress", u8::from(saves.running.is_some()));
    out.field("rdb_last_save_time", saves.last_save_s);
    out.field("rdb_last_bgsave_status", ok(saves.last_ok));
    out.field("rdb_last_bgsave_time_sec", seconds(saves.last_duration_s));
    let running = saves.running.map(|stopwatch| stopwatch.elapsed_us() / 1_000_000);
    out.field("rdb_current_bgsave_time_sec", seconds(running));
    out.field("rdb_saves", saves.count);
    out.zeros(&["rdb_last_cow_size", "rdb_last_load_keys_expired", "rdb_last_load_keys_loaded"]);
    // The log of commits is what the append-only file is in Redis, and is always on.
    out.field("aof_enabled", 1);
    out.zeros(&["aof_rewrite_in_progress", "aof_rewrite_scheduled"]);
    out.field("aof_last_rewrite_time_sec", -1);
    out.field("aof_current_rewrite_time_sec", -1);
    out.field("aof_last_bgrewrite_status", "ok");
    out.zeros(&["aof_rewrites", "aof_rewrites_consecutive_failures"]);
    let is_written = instance.keyspace.engine().flush_failure().is_none();
    let takes_writes = !instance.disk_room.is_low() && !instance.health.stops_writes();
    out.field("aof_last_write_status", ok(is_written && takes_writes));
    out.zeros(&["aof_last_cow_size", "module_fork_in_progress", "module_fork_last_cow_size"]);
    let disk_bytes = instance.keyspace.engine().disk_bytes();
    out.field("aof_current_size", disk_bytes);
    out.field("disk_bytes", disk_bytes);
    Ok(())
}

fn threads(context: &Context, out: &mut Lines) -> Result<()> {
    let settings = context.instance.settings();
    out.field("server_threads", settings.workers(processors()));
    out.field("disk_threads", settings.disk_threads);
    out.field("panicked_threads", context.instance.health.panicked_threads().join(","));
    Ok(())
}

fn stats(context: &Context, out: &mut Lines) -> Result<()> {
    let instance = context.instance;
    let stats = &instance.stats;
    let [operations, input, output] = stats.rates();
    let (hits, misses) = instance.keyspace.lookups().get();
    let kilobytes = |rate: u64| format!("{:.2}", rate as f64 / 1024.0);
    out.field("total_connections_received", stats.connections_received.get());
    out.field("total_commands_processed", stats.commands_processed());
    out.field("instantaneous_ops_per_sec", operations);
    out.field("total_net_input_bytes", stats.net_input_bytes.get());
    out.field("total_net_output_bytes", stats.net_output_bytes.get());
    out.zeros(&["total_net_repl_input_bytes", "total_net_repl_output_bytes"]);
    out.field("instantaneous_input_kbps", kilobytes(input));
    out.field("instantaneous_output_kbps", kilobytes(output));
    out.field("instantaneous_input_repl_kbps", "0.00");
    out.field("instantaneous_output_repl_kbps", "0.00");
    out.field("rejected_connections", stats.connections_rejected.get());
    out.zeros(&["sync_full", "sync_partial_ok", "sync_partial_err"]);
    let tally = instance.keyspace.tallies().get();
    out.field("expired_subkeys", tally.expired_fields);
    out.field("expired_subkeys_active", tally.expired_fields_active);
    out.field("expired_keys", stats.expired_keys.get());
    out.field("expired_keys_active", tally.expired_keys_active);
    out.field("expired_stale_perc", "0.00");
    out.zeros(&["expired_time_cap_reached_count", "expire_cycle_cpu_milliseconds"]);
    out.field("evicted_keys", stats.evicted_keys.get());
    out.field("evicted_clients", stats.evicted_clients.get());
    out.zeros(&["total_eviction_exceeded_time", "current_eviction_exceeded_time"]);
    out.field("keyspace_hits", hits);
    out.field("keyspace_misses", misses);
    out.field("pubsub_channels", instance.pubsub.count(Kind::Channel));
    out.field("pubsub_patterns", instance.pubsub.count(Kind::Pattern));
    out.field("pubsubshard_channels", instance.pubsub.count(Kind::Shard));
    out.zeros(&["latest_fork_usec", "total_forks", "migrate_cached_sockets", "slave_expires_tracked_keys"]);
    out.zeros(&["active_defrag_hits", "active_defrag_misses", "active_defrag_key_hits"]);
    out.zeros(&["active_defrag_key_misses", "total_active_defrag_time", "current_active_defrag_time"]);
    let tracked = instance.tracking.counts();
    out.field("tracking_total_keys", tracked.keys);
    out.field("tracking_total_items", tracked.items);
    out.field("tracking_total_prefixes", tracked.prefixes);
    out.zeros(&["unexpected_error_replies"]);
    out.field("total_error_replies", stats.error_replies.get());
    out.zeros(&["dump_payload_sanitizations"]);
    for (name, counter) in context.instance.acl.log.denials.all() {
        out.field(name, counter.get());
    }
    Ok(())
}

fn replication(context: &Context, out: &mut Lines) -> Result<()> {
    out.field("role", "master");
    out.field("connected_slaves", 0);
    out.field("master_failover_state", "no-failover");
    out.field("master_replid", context.instance.identity.replication_id.read());
    out.field("master_replid2", "0".repeat(40));
    out.field("master_repl_offset", 0);
    out.field("second_repl_offset", -1);
    out.zeros(&["repl_backlog_active"]);
    out.field("repl_backlog_size", settings_text(context.instance, "repl-backlog-size"));
    out.zeros(&["repl_backlog_first_byte_offset", "repl_backlog_histlen"]);
    Ok(())
}

fn cpu(_: &Context, out: &mut Lines) -> Result<()> {
    let (own, children) = (CpuUse::of_process(), CpuUse::of_children());
    out.field("used_cpu_sys", format_args!("{:.6}", own.system_s));
    out.field("used_cpu_user", format_args!("{:.6}", own.user_s));
    out.field("used_cpu_sys_children", format_args!("{:.6}", children.system_s));
    out.field("used_cpu_user_children", format_args!("{:.6}", children.user_s));
    Ok(())
}

fn commandstats(context: &Context, out: &mut Lines) -> Result<()> {
    for found in all_found() {
        let stats = stats_of(context.instance, found.id);
        let (calls, us) = (stats.calls.get(), stats.ns.get() / 1000);
        let (rejected, failed) = (stats.rejected.get(), stats.failed.get());
        if calls == 0 && rejected == 0 && failed == 0 {
            continue;
        }
        let per_call = if calls == 0 { 0.0 } else { stats.ns.get() as f64 / 1000.0 / calls as f64 };
        out.field(
            format_args!("cmdstat_{}", found.name),
            format_args!(
                "calls={calls},usec={us},usec_per_call={per_call:.2},rejected_calls={rejected},failed_calls={failed}"
            ),
        );
    }
    Ok(())
}

fn errorstats(context: &Context, out: &mut Lines) -> Result<()> {
    for (code, count) in context.instance.stats.errors() {
        out.field(format_args!("errorstat_{code}"), format_args!("count={count}"));
    }
    Ok(())
}

fn latencystats(context: &Context, out: &mut Lines) -> Result<()> {
    let percentiles = context.instance.settings().latency_tracking_info_percentiles.clone();
    for found in all_found() {
        let Some(histogram) = histogram_of(context.instance, found.id) else { continue };
        let shown: Vec<String> = percentiles
            .iter()
            .map(|percentile| {
                format!("p{percentile}={:.3}", histogram.percentile_ns(*percentile) as f64 / 1000.0)
            })
            .collect();
        out.field(format_args!("latency_percentiles_usec_{}", found.name), shown.join(","));
    }
    Ok(())
}

fn cluster(_: &Context, out: &mut Lines) -> Result<()> {
    out.field("cluster_enabled", 0);
    Ok(())
}

/// How many keys `avg_ttl` is the mean of, at most.
const TTL_SAMPLE: usize = 100;

fn keyspace(context: &Context, out: &mut Lines) -> Result<()> {
    let keyspace = &context.instance.keyspace;
    for db in 0..keyspace.database_count() {
        let LiveCounts { keys, expires } = keyspace.live_counts(db, context.session.tier)?;
        if keys == 0 {
            continue;
        }
        let ttl_ms =
            if expires == 0 { 0 } else { keyspace.average_ttl_ms(db, TTL_SAMPLE, context.session.tier)? };
        let subexpiry = keyspace.subexpires_count(db)?;
        out.field(
            format_args!("db{db}"),
            format_args!("keys={keys},expires={expires},avg_ttl={ttl_ms},subexpiry={subexpiry}"),
        );
    }
    Ok(())
}

fn engine(context: &Context, out: &mut Lines) -> Result<()> {
    let engine = context.instance.keyspace.engine();
    out.field("engine", engine.name());
    out.field("engine_memory_bytes", engine.memory_bytes());
    out.field("engine_disk_bytes", engine.disk_bytes());
    for stat in engine.stats() {
        out.field(stat.name, stat.value);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_for_people() {
        assert_eq!(human(0), "0B");
        assert_eq!(human(1023), "1023B");
        assert_eq!(human(1024), "1.00K");
        assert_eq!(human(1_754_384), "1.67M");
        assert_eq!(human(25_276_502_016), "23.54G");
        assert_eq!(human(u64::MAX), "16384.00P");
    }

    #[test]
    fn sections_are_asked_by_name_in_any_case() {
        let asked = |words: &[&str]| -> Vec<&str> {
            let words: Vec<Bytes> =
                words.iter().map(|word| Bytes::copy_from_slice(word.as_bytes())).collect();
            SECTIONS.iter().filter(|section| section.is_asked(&words)).map(|section| section.title).collect()
        };
        assert_eq!(asked(&["KEYSPACE", "server"]), ["Server", "Keyspace"]);
        assert_eq!(asked(&["everything"]).len(), SECTIONS.len());
        assert_eq!(asked(&[]), asked(&["default"]));
        assert!(!asked(&[]).contains(&"Commandstats"));
        assert!(asked(&["nothing"]).is_empty());
    }
}
