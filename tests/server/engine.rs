//! What the server makes of an engine with faults.

use super::support::*;
use diskdb::config::Settings;
use diskdb::config::values::AppendFsync;
use std::net::TcpStream;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

#[test]
fn a_reply_never_leaves_before_the_flush() {
    let (server, faults) = start_faulty(settings());
    let mut writer = connect(&server);
    let mut reader = connect(&server);
    writer.call("SET a 1", "+OK\r\n");
    let before = faults.flushes.load(SeqCst);
    assert!(before >= 1);
    faults.hold_flushes();
    writer.send("SET a 2\r\n");
    writer.silence(Duration::from_millis(150));
    // Somebody else's read of what is not safe yet must wait as well.
    reader.send("GET a\r\n");
    reader.silence(Duration::from_millis(150));
    faults.release_flushes();
    writer.expect("+OK\r\n");
    reader.expect("$1\r\n2\r\n");
    assert!(faults.flushes.load(SeqCst) > before);
    assert_eq!(faults.syncs.load(SeqCst), 0, "everysec does not sync for a reply");
    server.stop().unwrap();
}

/// So many commits that the flusher writes them, beside the worker.
const MANY: usize = 200;

#[test]
fn a_large_turn_waits_for_its_flush_and_others_go_on() {
    let mut settings = settings();
    settings.server_threads = 1;
    let (server, faults) = start_faulty(settings);
    let (mut writer, mut reader, mut other) = (connect(&server), connect(&server), connect(&server));
    other.call("PING", "+PONG\r\n");
    faults.hold_flushes();
    writer.send("SET a 1\r\n".repeat(MANY));
    writer.silence(Duration::from_millis(150));
    reader.send("GET a\r\n");
    reader.silence(Duration::from_millis(150));
    // The worker is not held up: it notices that a client leaves, and takes a new one.
    drop(other);
    let mut other = connect(&server);
    other.send("SET b 1\r\n");
    other.silence(Duration::from_millis(150));
    faults.release_flushes();
    writer.expect("+OK\r\n".repeat(MANY));
    reader.expect("$1\r\n1\r\n");
    other.expect("+OK\r\n");
    server.stop().unwrap();
}

#[test]
fn a_failed_flush_of_a_large_turn_takes_all_its_replies_back() {
    for always in [false, true] {
        let mut settings = settings();
        if always {
            settings.appendfsync = AppendFsync::Always;
        }
        let (server, faults) = start_faulty(settings);
        let mut client = connect(&server);
        client.call("SET a 1", "+OK\r\n");
        for round in 0..3 {
            faults.fail_flushes.store(true, SeqCst);
            client.send("SET a 2\r\n".repeat(MANY));
            for _ in 0..MANY {
                assert!(client.line().starts_with("-MISCONF "));
            }
            faults.fail_flushes.store(false, SeqCst);
            client.send(format!("SET a {round}\r\n").repeat(MANY));
            client.expect("+OK\r\n".repeat(MANY));
        }
        server.stop().unwrap();
    }
}

/// Nothing but the turns themselves writes the log.
fn unsynced() -> Settings {
    Settings { appendfsync: AppendFsync::No, ..settings() }
}

#[test]
fn a_panic_in_the_flusher_fails_the_turn_and_nothing_else() {
    let (server, faults) = start_faulty(unsynced());
    let mut client = connect(&server);
    client.call("SET a 1", "+OK\r\n");
    faults.panic_in_flush.store(true, SeqCst);
    client.send("SET a 2\r\n".repeat(MANY));
    client.expect("-MISCONF ");
    faults.panic_in_flush.store(false, SeqCst);
    let mut other = connect(&server);
    other.call("SET a 3", "+OK\r\n");
    server.stop().unwrap();
}

#[test]
fn a_pipeline_is_one_flush() {
    let (server, faults) = start_faulty(settings());
    let mut client = connect(&server);
    client.call("PING", "+PONG\r\n");
    let before = faults.flushes.load(SeqCst);
    client.send("SET a 1\r\n".repeat(200));
    client.expect("+OK\r\n".repeat(200));
    let flushes = faults.flushes.load(SeqCst) - before;
    assert!((1..=20).contains(&flushes), "{flushes} flushes");
    server.stop().unwrap();
}

#[test]
fn always_means_synced_before_the_reply() {
    let mut settings = settings();
    settings.appendfsync = AppendFsync::Always;
    let (server, faults) = start_faulty(settings);
    let mut client = connect(&server);
    for round in 1..=10 {
        client.call("SET a 1", "+OK\r\n");
        assert!(faults.syncs.load(SeqCst) >= round);
        assert_eq!(faults.synced.load(SeqCst), faults.committed.load(SeqCst));
    }
    server.stop().unwrap();
}

#[test]
fn a_failed_flush_takes_all_replies_of_its_turn_back() {
    let (server, faults) = start_faulty(settings());
    let mut client = connect(&server);
    client.call("SET a 1", "+OK\r\n");
    faults.fail_flushes.store(true, SeqCst);
    client.send("SET a 2\r\nPING\r\nNOSUCH\r\n");
    let error = "-MISCONF Errors writing to disk: no space left on device: the disk is full. \
                 Commands that may modify the data set are refused; reads go on.\r\n";
    client.expect(error.repeat(3));
    // Nothing unflushed is left: reads are answered, and the connection lives.
    client.call("PING", "+PONG\r\n");
    assert_eq!(client.info("persistence", "aof_last_write_status"), "err");
    faults.fail_flushes.store(false, SeqCst);
    client.call("SET a 3", "+OK\r\n");
    assert_eq!(client.info("persistence", "aof_last_write_status"), "ok");
    client.call("GET a", "$1\r\n3\r\n");
    server.stop().unwrap();
}

#[test]
fn a_failed_flush_of_another_worker_is_noticed() {
    let (server, faults) = start_faulty(settings());
    // Clients are dealt round robin: these are of different workers.
    let mut one = connect(&server);
    let mut other = connect(&server);
    one.call("SET a 1", "+OK\r\n");
    other.call("SET b 1", "+OK\r\n");
    faults.hold_flushes();
    one.send("SET a 2\r\n");
    one.silence(Duration::from_millis(100));
    other.send("SET b 2\r\n");
    other.silence(Duration::from_millis(100));
    // The first flush to go on fails and undoes both; the second finds nothing to flush.
    faults.fail_next.store(1, SeqCst);
    faults.release_flushes();
    one.expect("-MISCONF ");
    other.expect("-MISCONF ");
    server.stop().unwrap();
}

#[test]
fn cold_keys_are_read_on_the_pool_and_others_go_on() {
    for has_cache in [true, false] {
        let mut settings = settings();
        settings.server_threads = 1;
        let (server, faults) = start_faulty(settings);
        let mut client = connect(&server);
        client.call("SET cold1 one", "+OK\r\n");
        client.call("SET warm two", "+OK\r\n");
        faults.has_cache.store(has_cache, SeqCst);
        faults.cold.store(true, SeqCst);
        let mut other = connect(&server);
        other.call("PING", "+PONG\r\n");
        client.send("GET warm\r\nGET cold1\r\nGET warm\r\nSET cold1 x\r\nGET cold1\r\n");
        // What precedes the cold read is answered at once, and so are the others.
        client.expect("$3\r\ntwo\r\n");
        other.call("GET warm", "$3\r\ntwo\r\n");
        assert!(faults.disk_reads.load(SeqCst) <= 1);
        client.expect("$3\r\none\r\n$3\r\ntwo\r\n+OK\r\n$1\r\nx\r\n");
        if has_cache {
            assert_eq!(faults.disk_reads.load(SeqCst), 1, "read once, then in place");
        }
        server.stop().unwrap();
    }
}

#[test]
fn a_transaction_on_cold_keys_runs_again_on_the_pool_and_only_once() {
    for has_cache in [true, false] {
        let (server, faults) = start_faulty(Settings { server_threads: 1, ..settings() });
        let (mut client, mut other) = (connect(&server), connect(&server));
        client.call("RPUSH coldlist a b", ":2\r\n");
        client.call("WATCH coldlist coldempty", "+OK\r\n");
        faults.has_cache.store(has_cache, SeqCst);
        faults.cold.store(true, SeqCst);
        client.call("MULTI", "+OK\r\n");
        // What comes before a command that finds its key cold has run by then, and is taken back.
        for line in [
            "INCR warm",
            "BLPOP coldlist 0",
            "BLPOP coldempty 0",
            "BLMOVE coldlist coldother LEFT RIGHT 0",
            "XREAD BLOCK 0 STREAMS coldstream $",
            "LPUSH warm x",
            "INCR cold",
        ] {
            client.call(line, "+QUEUED\r\n");
        }
        client.send("EXEC\r\nGET warm\r\nDISCARD\r\n");
        // Nobody waits with it: neither for the disk, nor for an element.
        other.call("PING", "+PONG\r\n");
        client.expect(
            "*7\r\n:1\r\n*2\r\n$8\r\ncoldlist\r\n$1\r\na\r\n*-1\r\n$1\r\nb\r\n*-1\r\n\
             -WRONGTYPE Operation against a key holding the wrong kind of value\r\n:1\r\n\
             $1\r\n1\r\n-ERR DISCARD without MULTI\r\n",
        );
        let readers = faults.disk_readers.lock().clone();
        assert!(!readers.is_empty() && readers.iter().all(|name| name.starts_with("disk-")), "{readers:?}");
        faults.cold.store(false, SeqCst);
        other.call("LRANGE coldother 0 -1", "*1\r\n$1\r\nb\r\n");
        other.call("EXISTS coldlist coldempty cold", ":1\r\n");
        server.stop().unwrap();
    }
}

#[test]
fn a_watched_key_that_is_cold_is_noticed_on_the_pool() {
    let (server, faults) = start_faulty(Settings { server_threads: 1, ..settings() });
    let (mut client, mut other) = (connect(&server), connect(&server));
    client.call("SET cold1 x", "+OK\r\n");
    client.call("WATCH cold1", "+OK\r\n");
    other.call("SET cold1 y", "+OK\r\n");
    faults.cold.store(true, SeqCst);
    client.call("MULTI", "+OK\r\n");
    client.call("APPEND cold1 z", "+QUEUED\r\n");
    client.call("EXEC", "*-1\r\n");
    client.call("GET cold1", "$1\r\ny\r\n");
    server.stop().unwrap();
}

#[test]
fn many_cold_readers_share_the_pool() {
    let (server, faults) = start_faulty(settings());
    faults.cold.store(true, SeqCst);
    faults.has_cache.store(true, SeqCst);
    let mut clients: Vec<_> = (0..8).map(|_| connect(&server)).collect();
    for (number, client) in clients.iter_mut().enumerate() {
        client.send(format!("GET cold{number}\r\nPING\r\n"));
    }
    for client in &mut clients {
        client.expect("$-1\r\n+PONG\r\n");
    }
    assert_eq!(faults.disk_reads.load(SeqCst), 8);
    server.stop().unwrap();
}

#[test]
fn a_client_that_leaves_during_a_cold_read_harms_nobody() {
    let (server, faults) = start_faulty(settings());
    faults.cold.store(true, SeqCst);
    for number in 0..4 {
        connect(&server).send(format!("GET cold{number}\r\n"));
    }
    let mut client = connect(&server);
    client.call("GET cold9", "$-1\r\n");
    server.stop().unwrap();
}

#[test]
fn a_panic_closes_one_connection_only() {
    let (server, _) = start_faulty(settings());
    let mut other = connect(&server);
    other.call("SET a 1", "+OK\r\n");
    let mut client = connect(&server);
    client.send("GET a\r\nGET panic\r\nGET a\r\n");
    client.expect("$1\r\n1\r\n-ERR internal error\r\n");
    client.expect_end();
    other.call("GET a", "$1\r\n1\r\n");
    // The locks of the key it held are free.
    let mut again = connect(&server);
    again.send("GET panic\r\n");
    again.expect("-ERR internal error\r\n");
    again.expect_end();
    connect(&server).call("SET b 2", "+OK\r\n");
    server.stop().unwrap();
}

#[test]
fn stopping_lets_a_running_command_end() {
    let (server, faults) = start_faulty(settings());
    faults.cold.store(true, SeqCst);
    let mut client = connect(&server);
    client.call("PING", "+PONG\r\n");
    client.send("GET cold1\r\n");
    // The read takes 100 ms and more.
    std::thread::sleep(Duration::from_millis(30));
    let stopping = std::thread::spawn(move || server.stop());
    client.expect("$-1\r\n");
    client.expect_end();
    stopping.join().unwrap().unwrap();
    assert!(faults.syncs.load(SeqCst) >= 1);
}

#[test]
fn a_pause_that_begins_during_a_cold_read_holds_the_command_back() {
    let (server, faults) = start_faulty(settings());
    faults.cold.store(true, SeqCst);
    faults.has_cache.store(true, SeqCst);
    let mut client = connect(&server);
    let mut admin = connect(&server);
    admin.call("PING", "+PONG\r\n");
    client.send("GET cold1\r\nPING\r\n");
    // The read takes 100 ms.
    std::thread::sleep(Duration::from_millis(30));
    let begun = std::time::Instant::now();
    admin.call("CLIENT PAUSE 400 ALL", "+OK\r\n");
    client.expect("$-1\r\n+PONG\r\n");
    assert!(begun.elapsed() >= Duration::from_millis(399), "{:?}", begun.elapsed());
    server.stop().unwrap();
}

#[test]
fn a_flush_that_panics_is_a_failed_flush() {
    let (server, faults) = start_faulty(unsynced());
    let mut client = connect(&server);
    faults.panic_in_flush.store(true, SeqCst);
    client.send("SET a 1\r\n");
    client.expect("-MISCONF ");
    client.line();
    faults.panic_in_flush.store(false, SeqCst);
    client.call("SET a 1", "+OK\r\n");
    server.stop().unwrap();
}

/// What a client hears once a background thread has panicked.
fn expect_no_writes(client: &mut Client<TcpStream>, thread: &str) {
    assert_eq!(client.info("threads", "panicked_threads"), thread);
    assert_eq!(client.info("persistence", "aof_last_write_status"), "err");
    for refused in ["SET a 2", "DEL a", "FLUSHALL"] {
        client.send(format!("{refused}\r\n"));
        let error = client.line();
        assert!(error.starts_with("-MISCONF ") && error.contains("panicked"), "{error}");
    }
    client.call("GET a", "$1\r\n1\r\n");
}

#[test]
fn a_panic_of_the_syncer_stops_writes() {
    let (server, faults) = start_faulty(settings());
    let mut client = connect(&server);
    client.call("SET a 1", "+OK\r\n");
    faults.panic_in_flush.store(true, SeqCst);
    client.await_info("threads", "panicked_threads", "syncer");
    faults.panic_in_flush.store(false, SeqCst);
    expect_no_writes(&mut client, "syncer");
    server.stop().unwrap();
}

#[test]
fn a_panic_of_a_checkpoint_stops_writes() {
    let (server, faults) = start_faulty(settings());
    let mut client = connect(&server);
    client.call("SET a 1", "+OK\r\n");
    faults.panic_in_checkpoint.store(true, SeqCst);
    client.call("BGSAVE", "+Background saving started\r\n");
    client.await_info("persistence", "rdb_last_bgsave_status", "err");
    assert_eq!(client.info("persistence", "rdb_bgsave_in_progress"), "0");
    expect_no_writes(&mut client, "checkpoint");
    server.stop().unwrap();
}
