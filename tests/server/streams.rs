//! Commands that wait for entries of streams.

use super::support::*;
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
