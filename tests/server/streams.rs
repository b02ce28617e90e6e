//! Commands that wait for entries of streams.

use super::support::*;
use diskdb::config::Settings;
use std::net::TcpStream;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

/// The reply with one entry, field `f` and value `v`.
fn entry(id: &str) -> String {
    let id = format!("${}\r\n{id}\r\n", id.len());
    format!("*1\r\n*2\r\n$1\r\ns\r\n*1\r\n*2\r\n{id}*2\r\n$1\r\nf\r\n$1\r\nv\r\n")
}

#[test]
fn all_readers_get_what_comes() {
    let server = start(settings());
    let (mut first, mut second, mut other) = (connect(&server), connect(&server), connect(&server));
    other.call("XADD s 1-1 f v", "$3\r\n1-1\r\n");
    first.send("XREAD BLOCK 0 STREAMS t s 0 $\r\n");
    other.await_info("clients", "blocked_clients", "1");
    second.send("XREAD COUNT 1 BLOCK 0 STREAMS s 1-2\r\n");
    other.await_info("clients", "blocked_clients", "2");
    other.call("XADD s 1-2 f v", "$3\r\n1-2\r\n");
    first.expect(entry("1-2"));
    second.silence(Duration::from_millis(20));
    other.call("XADD s 1-3 f v", "$3\r\n1-3\r\n");
    second.expect(entry("1-3"));
    first.call("XREAD BLOCK 10 STREAMS s 1-3", "*-1\r\n");
    first.call("XREAD BLOCK 0 STREAMS s 1-2", &entry("1-3"));
    server.stop().unwrap();
}

#[test]
fn a_reader_outlives_its_key() {
    let server = start(settings());
    let (mut reader, mut other) = (connect(&server), connect(&server));
    other.call("XADD s 5-1 f v", "$3\r\n5-1\r\n");
    reader.send("XREAD BLOCK 0 STREAMS s $\r\n");
    other.await_info("clients", "blocked_clients", "1");
    other.call("SET s text", "+OK\r\n");
    other.call("DEL s", ":1\r\n");
    other.call("XADD s 5-1 f v", "$3\r\n5-1\r\n");
    reader.silence(Duration::from_millis(20));
    other.call("XADD s 5-2 f v", "$3\r\n5-2\r\n");
    reader.expect(entry("5-2"));
    server.stop().unwrap();
}

#[test]
fn one_of_a_group_gets_what_comes() {
    let server = start(settings());
    let (mut first, mut second, mut other) = (connect(&server), connect(&server), connect(&server));
    other.call("XGROUP CREATE s g $ MKSTREAM", "+OK\r\n");
    first.send("XREADGROUP GROUP g a BLOCK 0 STREAMS s >\r\n");
    other.await_info("clients", "blocked_clients", "1");
    second.send("XREADGROUP GROUP g b BLOCK 0 STREAMS s >\r\n");
    other.await_info("clients", "blocked_clients", "2");
    other.call("XADD s 1-1 f v", "$3\r\n1-1\r\n");
    first.expect(entry("1-1"));
    second.silence(Duration::from_millis(20));
    other.call("XADD s 1-2 f v", "$3\r\n1-2\r\n");
    second.expect(entry("1-2"));
    other.call("XACK s g 1-1 1-2", ":2\r\n");
    // What is pending is told at once.
    first.call("XREADGROUP GROUP g a BLOCK 0 STREAMS s 0", "*1\r\n*2\r\n$1\r\ns\r\n*0\r\n");
    server.stop().unwrap();
}

#[test]
fn who_waits_in_a_group_is_told_that_it_has_gone() {
    const GONE: &str = "-UNBLOCKED the stream key no longer exists\r\n";
    const NO_GROUP: &str = "-NOGROUP the consumer group this client was blocked on no longer exists\r\n";
    let server = start(settings());
    let (mut waiter, mut other) = (connect(&server), connect(&server));
    for (command, answer, expected) in [
        ("DEL s", ":1\r\n", GONE),
        ("SET s text", "+OK\r\n", GONE),
        ("FLUSHALL", "+OK\r\n", GONE),
        ("XGROUP DESTROY s g", ":1\r\n", NO_GROUP),
        ("RENAME t s", "+OK\r\n", NO_GROUP),
    ] {
        other.send("DEL s t\r\n");
        other.line();
        other.call("XGROUP CREATE s g $ MKSTREAM", "+OK\r\n");
        other.call("XADD t 1-1 f v", "$3\r\n1-1\r\n");
        waiter.send("XREADGROUP GROUP g a BLOCK 0 STREAMS s >\r\n");
        other.await_info("clients", "blocked_clients", "1");
        other.call(command, answer);
        waiter.expect(expected);
    }
    server.stop().unwrap();
}

/// The reply with the entry 1-1, which was pending for so many ms (a pattern) and delivered so often.
fn expect_claimed(waiter: &mut Client<TcpStream>, count: u64) {
    waiter.expect("*1\r\n*2\r\n$1\r\ns\r\n*1\r\n*4\r\n$3\r\n1-1\r\n*2\r\n$1\r\nf\r\n$1\r\nv\r\n");
    let idle_ms: u64 = waiter.line()[1..].parse().unwrap();
    assert!((100..5000).contains(&idle_ms), "{idle_ms}");
    waiter.expect(format!(":{count}\r\n"));
}

#[test]
fn who_claims_gets_an_entry_when_it_is_idle_for_long_enough() {
    let server = start(Settings { server_threads: 1, ..settings() });
    let (mut waiter, mut other) = (connect(&server), connect(&server));
    other.call("XGROUP CREATE s g 0 MKSTREAM", "+OK\r\n");
    other.call("XADD s 1-1 f v", "$3\r\n1-1\r\n");
    other.call("XREADGROUP GROUP g b STREAMS s >", &entry("1-1"));
    // Pending before the wait begins; nobody writes anything.
    waiter.send("XREADGROUP GROUP g a BLOCK 0 CLAIM 100 STREAMS s >\r\n");
    waiter.silence(Duration::from_millis(50));
    expect_claimed(&mut waiter, 1);
    // Pending since the wait began, and the other one's again for a while.
    other.call("XACK s g 1-1", ":1\r\n");
    other.call("XGROUP SETID s g 0", "+OK\r\n");
    waiter.send("XREADGROUP GROUP g c BLOCK 0 CLAIM 100 STREAMS nothing s > >\r\n");
    waiter.expect("-NOGROUP");
    waiter.line();
    other.call("XREADGROUP GROUP g b STREAMS s >", &entry("1-1"));
    waiter.send("XREADGROUP GROUP g c BLOCK 0 CLAIM 100 STREAMS s >\r\n");
    waiter.silence(Duration::from_millis(60));
    other.send("XREADGROUP GROUP g b STREAMS s 0\r\n");
    other.expect(entry("1-1"));
    waiter.silence(Duration::from_millis(60));
    expect_claimed(&mut waiter, 2);
    server.stop().unwrap();
}

#[test]
fn who_came_first_claims_first_and_a_wait_ends_on_time() {
    let server = start(settings());
    let (mut first, mut second, mut other) = (connect(&server), connect(&server), connect(&server));
    other.call("XGROUP CREATE s g 0 MKSTREAM", "+OK\r\n");
    first.send("XREADGROUP GROUP g a BLOCK 0 CLAIM 150 STREAMS s >\r\n");
    other.await_info("clients", "blocked_clients", "1");
    second.send("XREADGROUP GROUP g b BLOCK 0 CLAIM 100 STREAMS s >\r\n");
    other.await_info("clients", "blocked_clients", "2");
    let mut third = connect(&server);
    third.send("XREADGROUP GROUP g c BLOCK 60 CLAIM 100 STREAMS s >\r\n");
    // It goes to the first at once, and to the second, who wants less, when it has been there for long.
    other.call("XADD s 1-1 f v", "$3\r\n1-1\r\n");
    first.expect("*1\r\n*2\r\n$1\r\ns\r\n*1\r\n*4\r\n$3\r\n1-1\r\n*2\r\n$1\r\nf\r\n$1\r\nv\r\n:0\r\n:0\r\n");
    third.expect("*-1\r\n");
    expect_claimed(&mut second, 1);
    server.stop().unwrap();
}

#[test]
fn who_claims_what_is_cold_makes_no_worker_wait() {
    let (server, faults) = start_faulty(Settings { server_threads: 1, ..settings() });
    let (mut waiter, mut other) = (connect(&server), connect(&server));
    other.call("XGROUP CREATE cold g 0 MKSTREAM", "+OK\r\n");
    other.call("XADD cold 1-1 f v", "$3\r\n1-1\r\n");
    other.send("XREADGROUP GROUP g b STREAMS cold >\r\n");
    other.expect("*1\r\n*2\r\n$4\r\ncold\r\n*1\r\n*2\r\n$3\r\n1-1\r\n*2\r\n$1\r\nf\r\n$1\r\nv\r\n");
    waiter.send("XREADGROUP GROUP g a BLOCK 0 CLAIM 100 STREAMS cold >\r\n");
    other.await_info("clients", "blocked_clients", "1");
    faults.cold.store(true, SeqCst);
    waiter.expect("*1\r\n*2\r\n$4\r\ncold\r\n*1\r\n*4\r\n$3\r\n1-1\r\n");
    let readers = faults.disk_readers.lock().clone();
    assert!(!readers.is_empty() && readers.iter().all(|name| name.starts_with("disk-")), "{readers:?}");
    server.stop().unwrap();
}
