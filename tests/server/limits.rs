//! What a client may not do.

use super::support::*;
use diskdb::config::Settings;
use diskdb::config::values::{OutputBufferLimit, OutputBufferLimits};
use std::io::Write;
use std::net::TcpStream;
use std::time::{Duration, Instant};

#[test]
fn more_clients_than_allowed_are_refused() {
    let server = start(Settings { maxclients: 2, ..settings() });
    let mut first = connect(&server);
    first.call("PING", "+PONG\r\n");
    let mut second = connect(&server);
    second.call("PING", "+PONG\r\n");
    let mut third = connect(&server);
    third.expect("-ERR max number of clients reached\r\n");
    third.expect_end();
    drop(first);
    let deadline = Instant::now() + PATIENCE;
    loop {
        let mut again = connect(&server);
        if again.stream.write_all(b"PING\r\n").is_ok() && again.line() == "+PONG" {
            break;
        }
        assert!(Instant::now() < deadline);
    }
    second.call("PING", "+PONG\r\n");
    server.stop().unwrap();
}

#[test]
fn idle_clients_are_closed_and_busy_ones_are_not() {
    let server = start(Settings { timeout: 1, ..settings() });
    let mut idle = connect(&server);
    let mut busy = connect(&server);
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(4) {
        busy.call("PING", "+PONG\r\n");
        std::thread::sleep(Duration::from_millis(100));
    }
    idle.expect_end();
    server.stop().unwrap();
}

fn output_limit(hard_bytes: u64, soft_bytes: u64, soft_seconds: u64) -> Settings {
    let normal = OutputBufferLimit { hard_bytes, soft_bytes, soft_seconds };
    let client_output_buffer_limit = OutputBufferLimits { normal, ..OutputBufferLimits::DEFAULT };
    Settings { client_output_buffer_limit, ..settings() }
}

#[test]
fn a_reply_over_the_hard_limit_closes_the_connection() {
    let server = start(output_limit(1 << 20, 0, 0));
    let mut client = connect(&server);
    client.send(command(&[b"SET", b"small", &[b'x'; 1000]]));
    client.send(command(&[b"SET", b"big", &vec![b'x'; 2 << 20]]));
    client.expect("+OK\r\n+OK\r\n");
    client.send(command(&[b"GET", b"small"]));
    client.expect(bulk(&[b'x'; 1000]));
    client.send(command(&[b"GET", b"big"]));
    client.expect_end();
    connect(&server).call("PING", "+PONG\r\n");
    server.stop().unwrap();
}

#[test]
fn a_client_that_does_not_read_for_too_long_is_closed() {
    let server = start(output_limit(0, 1 << 20, 1));
    let mut client = connect(&server);
    client.send(command(&[b"SET", b"big", &vec![b'x'; 32 << 20]]));
    client.expect("+OK\r\n");
    client.send(command(&[b"GET", b"big"]));
    std::thread::sleep(Duration::from_secs(4));
    let got = client.rest().len();
    assert!(got < 32 << 20, "the client got everything: {got}");
    server.stop().unwrap();
}

/// A subscriber that reads nothing, while megabytes are published to it until it is gone. How many.
fn publish_to_a_silent_subscriber(limit: OutputBufferLimit, pause: Duration) -> usize {
    let limits = OutputBufferLimits { pubsub: limit, ..OutputBufferLimits::DEFAULT };
    let server = start(Settings { client_output_buffer_limit: limits, ..settings() });
    let (mut subscriber, mut publisher) = (connect(&server), connect(&server));
    subscriber.call("SUBSCRIBE news", "*3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n");
    let mut published = 0;
    loop {
        publisher.send(command(&[b"PUBLISH", b"news", &vec![b'x'; 1 << 20]]));
        if publisher.line() == ":0" {
            break;
        }
        published += 1;
        assert!(published < 100, "nothing limits the output");
        std::thread::sleep(pause);
    }
    // The publisher and what the others are told do not suffer.
    publisher.call("PUBSUB NUMSUB news", "*2\r\n$4\r\nnews\r\n:0\r\n");
    assert!(subscriber.rest().len() < published << 20);
    server.stop().unwrap();
    published
}

#[test]
fn a_subscriber_that_does_not_read_is_closed_at_the_hard_limit() {
    let limit = OutputBufferLimit { hard_bytes: 8 << 20, soft_bytes: 0, soft_seconds: 0 };
    let published = publish_to_a_silent_subscriber(limit, Duration::from_millis(10));
    assert!(published >= 8, "closed after {published} MB");
}

#[test]
fn a_subscriber_that_does_not_read_for_too_long_is_closed() {
    let limit = OutputBufferLimit { hard_bytes: 0, soft_bytes: 1 << 20, soft_seconds: 1 };
    let published = publish_to_a_silent_subscriber(limit, Duration::from_millis(200));
    assert!(published > 5, "closed after {published} MB");
}

#[test]
fn a_request_over_the_query_buffer_limit_closes_the_connection() {
    let server = start(Settings { client_query_buffer_limit: 1 << 20, ..settings() });
    let mut client = connect(&server);
    let request = command(&[b"SET", b"big", &vec![b'x'; 4 << 20]]);
    // The server closes before it has read everything, so writing may fail.
    let _ = client.stream.write_all(&request);
    client.expect_end();
    server.stop().unwrap();
}

#[test]
fn a_bulk_over_its_limit_is_an_error() {
    let server = start(Settings { proto_max_bulk_len: 1 << 20, ..settings() });
    let mut client = connect(&server);
    client.send("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1048577\r\n");
    client.expect("-ERR Protocol error: invalid bulk length\r\n");
    client.expect_end();
    server.stop().unwrap();
}

/// A field of INFO that is a number.
fn info(client: &mut Client<TcpStream>, section: &str, field: &str) -> u64 {
    client.info(section, field).parse().unwrap()
}

/// Sends a request but for its end, so that the server has to keep it; returns the end.
fn send_most(client: &mut Client<TcpStream>, megabytes: usize) -> Vec<u8> {
    let mut request = command(&[b"SET", b"big", &vec![b'x'; megabytes << 20]]);
    let end = request.split_off(request.len() - 10);
    client.send(request);
    end
}

#[test]
fn clients_that_take_too_much_memory_together_lose_the_largest() {
    let server = start(Settings { maxmemory_clients: 24 << 20, ..settings() });
    let mut admin = connect(&server);
    let (mut protected, mut small, mut large) = (connect(&server), connect(&server), connect(&server));
    admin.call("CLIENT NO-EVICT ON", "+OK\r\n");
    protected.call("CLIENT NO-EVICT ON", "+OK\r\n");
    // Buffers have up to twice the room they need.
    let ends = [send_most(&mut protected, 6), send_most(&mut small, 2)];
    // All of it: what a client takes is known while it arrives.
    let _ = large.stream.write_all(&command(&[b"SET", b"big", &vec![b'x'; 50 << 20]]));
    large.expect_end();
    admin.await_info("stats", "evicted_clients", "1");
    for (client, end) in [&mut protected, &mut small].into_iter().zip(ends) {
        client.send(end);
        client.expect("+OK\r\n");
    }
    // The limit can be changed while the server runs.
    let _ = send_most(&mut small, 2);
    admin.call("CONFIG SET maxmemory-clients 1mb", "+OK\r\n");
    small.expect_end();
    server.stop().unwrap();
}

#[test]
fn replies_that_nobody_reads_count_against_the_limit() {
    let server = start(settings());
    let (mut admin, mut reader) = (connect(&server), connect(&server));
    reader.send(command(&[b"SET", b"value", &vec![b'x'; 40 << 20]]));
    reader.expect("+OK\r\n");
    admin.call("CONFIG SET maxmemory 64mb maxmemory-clients 25%", "+OK\r\n");
    reader.send("GET value\r\n");
    admin.await_info("stats", "evicted_clients", "1");
    assert!(reader.rest().len() < 40 << 20);
    assert!(info(&mut admin, "clients", "client_recent_max_output_buffer") > 10 << 20);
    server.stop().unwrap();
}

#[test]
fn the_largest_buffers_of_late_are_told() {
    let server = start(settings());
    let (mut admin, mut client) = (connect(&server), connect(&server));
    assert!(info(&mut admin, "clients", "client_recent_max_input_buffer") < 100_000);
    client.send(command(&[b"SET", b"value", &vec![b'x'; 5 << 20]]));
    client.expect("+OK\r\n");
    drop(client);
    let deadline = Instant::now() + PATIENCE;
    while info(&mut admin, "clients", "client_recent_max_input_buffer") < 1 << 20 {
        assert!(Instant::now() < deadline);
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(info(&mut admin, "clients", "client_recent_max_output_buffer") < 100_000);
    server.stop().unwrap();
}
