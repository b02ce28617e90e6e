//! What the server measures of itself, and what clients and exporters read of it.

mod common;

use bytes::Bytes;
use common::words;
use diskdb::api::{Connection, Db};
use diskdb::clock::ManualClock;
use diskdb::config::Settings;
use diskdb::error::Error;
use diskdb::protocol::Reply;
use diskdb::storage::memory::MemoryEngine;
use std::collections::BTreeMap;
use std::sync::Arc;

fn call(client: &mut Connection, line: &str) -> Result<Reply, Error> {
    client.call(&words(line))
}

fn connect(settings: Settings) -> (Db, Connection) {
    let db = Db::in_memory(settings).unwrap();
    let client = db.connect();
    (db, client)
}

fn info(client: &mut Connection, sections: &str) -> BTreeMap<String, String> {
    let Reply::Verbatim("txt", text) = call(client, &format!("INFO {sections}")).unwrap() else {
        panic!("INFO is verbatim text")
    };
    let text = String::from_utf8(text.to_vec()).unwrap();
    assert!(
        text.lines().all(|line| line.is_empty() || line.starts_with("# ") || line.contains(':')),
        "{text}"
    );
    let fields = text.split("\r\n").filter_map(|line| line.split_once(':'));
    fields.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

#[test]
fn info_has_the_fields_that_exporters_read() {
    let (_db, mut client) = connect(Settings::default());
    let fields = info(&mut client, "everything");
    let wanted = "redis_version os redis_mode arch_bits process_id run_id tcp_port uptime_in_seconds \
        connected_clients blocked_clients maxclients used_memory used_memory_human used_memory_rss \
        used_memory_peak total_system_memory maxmemory maxmemory_policy mem_fragmentation_ratio mem_allocator \
        loading rdb_changes_since_last_save rdb_last_save_time rdb_last_bgsave_status rdb_bgsave_in_progress \
        aof_enabled aof_last_write_status total_connections_received total_commands_processed \
        instantaneous_ops_per_sec total_net_input_bytes total_net_output_bytes rejected_connections \
        expired_keys evicted_keys keyspace_hits keyspace_misses pubsub_channels latest_fork_usec role \
        connected_slaves master_replid master_repl_offset used_cpu_sys used_cpu_user cluster_enabled engine";
    let missing: Vec<&str> = wanted.split_whitespace().filter(|name| !fields.contains_key(*name)).collect();
    assert!(missing.is_empty(), "{missing:?}");
    for id in ["run_id", "master_replid"] {
        assert!(fields[id].len() == 40 && fields[id].bytes().all(|byte| byte.is_ascii_hexdigit()), "{id}");
    }
    assert_eq!(fields["redis_version"], diskdb::REDIS_VERSION);
}

#[test]
fn info_counts_the_keys_that_dbsize_counts() {
    let clock = Arc::new(ManualClock::at_ms(1_750_000_000_000));
    let engine = Box::new(MemoryEngine::new());
    let db = Db::over_with_clock(engine, Settings::default(), clock.clone()).unwrap();
    let mut client = db.connect();
    for line in ["SET a 1", "SET b 1 PX 1000", "SET c 1 PX 10", "SELECT 1", "SET d 1 PX 10"] {
        call(&mut client, line).unwrap();
    }
    assert_eq!(info(&mut client, "keyspace")["db0"], "keys=3,expires=2,avg_ttl=505,subexpiry=0");
    // Dead, and not deleted yet.
    clock.advance_ms(10);
    let fields = info(&mut client, "keyspace");
    assert_eq!(fields["db0"], "keys=2,expires=1,avg_ttl=990,subexpiry=0");
    assert!(!fields.contains_key("db1"));
    assert_eq!(call(&mut client, "DBSIZE").unwrap(), Reply::Integer(0));
}

#[test]
fn info_knows_how_many_threads_serve() {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    for server_threads in [0, 1, 5] {
        let settings = Settings { server_threads, ..Settings::default() };
        let workers = settings.workers(processors);
        let (_db, mut client) = connect(settings);
        let fields = info(&mut client, "server threads");
        assert_eq!(fields["server_threads"], workers.to_string());
        assert_eq!(fields["io_threads_active"], u8::from(workers > 1).to_string());
    }
}

#[test]
fn calls_are_counted_as_they_ended() {
    let (db, mut client) = connect(Settings::default());
    for line in ["SET k v", "GET k", "GET nothing", "INCR k", "GET", "NOSUCH", "SET a 1 NX XX"] {
        let _ = call(&mut client, line);
    }
    let fields = info(&mut client, "commandstats stats errorstats latencystats");
    let stat = |name: &str| -> Vec<String> {
        fields[&format!("cmdstat_{name}")].split(',').map(str::to_owned).collect()
    };
    let counts = |name: &str| [0, 3, 4].map(|at| stat(name)[at].clone());
    assert_eq!(counts("get"), ["calls=2", "rejected_calls=1", "failed_calls=0"]);
    assert_eq!(counts("incr"), ["calls=1", "rejected_calls=0", "failed_calls=1"]);
    assert_eq!(counts("set"), ["calls=2", "rejected_calls=0", "failed_calls=1"]);
    assert_eq!(fields["errorstat_ERR"], "count=4");
    assert_eq!(fields["total_error_replies"], "4");
    assert_eq!(fields["total_commands_processed"], "5");
    assert_eq!((fields["keyspace_hits"].as_str(), fields["keyspace_misses"].as_str()), ("1", "1"));
    assert!(fields["latency_percentiles_usec_get"].starts_with("p50="));
    db.instance().stats.reset();
    let fields = info(&mut client, "commandstats errorstats stats");
    assert!(!fields.contains_key("cmdstat_get") && !fields.contains_key("errorstat_ERR"));
}

#[test]
fn slow_calls_are_logged_without_secrets() {
    let (_db, mut client) = connect(Settings { slowlog_log_slower_than: 0, ..Settings::default() });
    call(&mut client, "CLIENT SETNAME joe").unwrap();
    let _ = call(&mut client, "AUTH secret");
    let Reply::Array(calls) = call(&mut client, "SLOWLOG GET 1").unwrap() else { panic!() };
    let Reply::Array(fields) = &calls[0] else { panic!() };
    assert_eq!(fields.len(), 6);
    assert_eq!(fields[3], Reply::Array(vec![Reply::text("AUTH"), Reply::text("(redacted)")]));
    assert_eq!(fields[5], Reply::text("joe"));
}

#[test]
fn only_what_is_slow_is_logged() {
    let (_db, mut client) =
        connect(Settings { slowlog_log_slower_than: 3_600_000_000, ..Settings::default() });
    call(&mut client, "PING").unwrap();
    assert_eq!(call(&mut client, "SLOWLOG LEN").unwrap(), Reply::Integer(0));
}

#[test]
fn saving_needs_a_disk_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("data");
    let (_db, mut client) = connect(Settings { dir: dir.display().to_string(), ..Settings::default() });
    let error = call(&mut client, "SAVE").unwrap_err().to_string();
    assert_eq!(error, "ERR storage: the memory engine keeps nothing on disk");
    assert_eq!(info(&mut client, "persistence")["rdb_last_bgsave_status"], "err");
    assert!(!dir.exists());
}

#[test]
fn every_command_has_documentation_that_makes_sense() {
    let (_db, mut client) = connect(Settings::default());
    let Reply::Map(docs) = call(&mut client, "COMMAND DOCS").unwrap() else { panic!("a map") };
    assert_eq!(Reply::Integer(docs.len() as i64), call(&mut client, "COMMAND COUNT").unwrap());
    let mut arguments = 0;
    docs.iter().for_each(|(_, command)| check_docs(command, &mut arguments));
    assert!(arguments > 200, "{arguments}");
}

fn field<'a>(map: &'a Reply, name: &'static str) -> Option<&'a Reply> {
    let Reply::Map(fields) = map else { panic!("a map, not {map:?}") };
    fields.iter().find(|(key, _)| *key == Reply::text(name)).map(|(_, value)| value)
}

fn check_docs(command: &Reply, count: &mut usize) {
    for name in ["summary", "since", "group", "complexity"] {
        assert!(matches!(field(command, name), Some(Reply::Bulk(text)) if !text.is_empty()), "{command:?}");
    }
    if let Some(Reply::Array(arguments)) = field(command, "arguments") {
        arguments.iter().for_each(|argument| check_argument(argument, count));
    }
    if let Some(Reply::Map(subcommands)) = field(command, "subcommands") {
        subcommands.iter().for_each(|(_, command)| check_docs(command, count));
    }
}

fn check_argument(argument: &Reply, count: &mut usize) {
    *count += 1;
    let Some(Reply::Bulk(kind)) = field(argument, "type") else { panic!("{argument:?}") };
    let children = field(argument, "arguments");
    let is_group = matches!(kind.as_ref(), b"oneof" | b"block");
    assert_eq!(is_group, children.is_some(), "{argument:?}");
    assert_eq!(kind.as_ref() == b"pure-token", is_group_free_token(argument, kind), "{argument:?}");
    if let Some(Reply::Array(children)) = children {
        assert!(children.len() > 1, "a group of one: {argument:?}");
        children.iter().for_each(|child| check_argument(child, count));
    }
}

/// Whether a pure token has its token, and nothing else claims to be one.
fn is_group_free_token(argument: &Reply, kind: &Bytes) -> bool {
    kind.as_ref() == b"pure-token" && field(argument, "token").is_some()
}
