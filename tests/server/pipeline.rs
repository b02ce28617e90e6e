//! Requests and replies, however they are cut up.

use super::support::*;
use std::io::Read;
use std::time::Duration;

#[test]
fn inline_and_arrays_and_pipelines() {
    let server = start(settings());
    let mut client = connect(&server);
    client.call("PING", "+PONG\r\n");
    client.call("PING \"hello world\"", "$11\r\nhello world\r\n");
    client.send(command(&[b"SET", b"key\0\r\n", b"value\xff\0"]));
    client.expect("+OK\r\n");
    client.send(command(&[b"GET", b"key\0\r\n"]));
    client.expect(bulk(b"value\xff\0"));
    let mut requests = Vec::new();
    let mut replies = Vec::new();
    for number in 0..10_000 {
        let text = number.to_string();
        requests.extend(command(&[b"SET", text.as_bytes(), text.as_bytes()]));
        replies.extend(b"+OK\r\n");
        requests.extend(command(&[b"GET", text.as_bytes()]));
        replies.extend(bulk(text.as_bytes()));
    }
    client.send(&requests);
    client.expect(&replies);
    client.call("NOSUCH a b", "-ERR unknown command 'NOSUCH', with args beginning with: 'a' 'b' \r\n");
    server.stop().unwrap();
}

#[test]
fn requests_that_arrive_byte_by_byte() {
    let server = start(settings());
    let mut client = connect(&server);
    let mut bytes = command(&[b"SET", b"k", b"v"]);
    bytes.extend(b"GET k\r\n\r\n\nPING\n");
    for byte in bytes {
        client.send([byte]);
        std::thread::sleep(Duration::from_micros(200));
    }
    client.expect("+OK\r\n$1\r\nv\r\n+PONG\r\n");
    server.stop().unwrap();
}

#[test]
fn protocol_errors_close_the_connection_after_the_replies() {
    let server = start(settings());
    for (bytes, reply) in [
        ("PING\r\n*1\r\nPING\r\n", "+PONG\r\n-ERR Protocol error: expected '$', got 'P'\r\n"),
        ("*1\r\n$-5\r\n", "-ERR Protocol error: invalid bulk length\r\n"),
        ("SET \"a\r\n", "-ERR Protocol error: unbalanced quotes in request\r\n"),
    ] {
        let mut client = connect(&server);
        client.send(bytes);
        client.expect(reply);
        client.expect_end();
    }
    server.stop().unwrap();
}

#[test]
fn values_of_ten_megabytes() {
    let server = start(settings());
    let mut client = connect(&server);
    let value: Vec<u8> =
        (0..10 << 20).map(|number: u32| (number.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    for _ in 0..3 {
        client.send(command(&[b"SET", b"big", &value]));
        client.expect("+OK\r\n");
        client.call("PING", "+PONG\r\n");
        client.send(command(&[b"GET", b"big"]));
        client.expect(bulk(&value));
    }
    server.stop().unwrap();
}

#[test]
fn a_slow_reader_of_a_large_pipeline_gets_everything() {
    let server = start(settings());
    let mut client = connect(&server);
    let value = vec![b'x'; 200_000];
    client.send(command(&[b"SET", b"k", &value]));
    client.expect("+OK\r\n");
    // 400 MB of replies: more than any buffer between us holds.
    let rounds = 2000;
    let requests = command(&[b"GET", b"k"]).repeat(rounds);
    let mut writer = client.stream.try_clone().unwrap();
    let sender = std::thread::spawn(move || std::io::Write::write_all(&mut writer, &requests));
    std::thread::sleep(Duration::from_millis(200));
    connect(&server).call("PING", "+PONG\r\n");
    let reply = bulk(&value);
    for round in 0..rounds {
        if round % 500 == 0 {
            std::thread::sleep(Duration::from_millis(50));
        }
        client.expect(&reply);
    }
    sender.join().unwrap().unwrap();
    client.call("PING", "+PONG\r\n");
    server.stop().unwrap();
}

#[test]
fn a_client_that_closes_its_side_gets_its_replies() {
    let server = start(settings());
    let mut client = connect(&server);
    client.send("SET a 1\r\nGET a\r\nGE");
    client.stream.shutdown(std::net::Shutdown::Write).unwrap();
    let mut all = String::new();
    client.stream.read_to_string(&mut all).unwrap();
    assert_eq!(all, "+OK\r\n$1\r\n1\r\n");
    server.stop().unwrap();
}

#[test]
fn many_clients_at_once() {
    let server = start(settings());
    let address = server.addresses().tcp[0];
    let threads: Vec<_> = (0..8)
        .map(|thread| {
            std::thread::spawn(move || {
                let mut clients: Vec<_> = (0..25).map(|_| Client::tcp(address)).collect();
                for round in 0..50 {
                    for (number, client) in clients.iter_mut().enumerate() {
                        client.send(format!("SET {thread}:{number} {round:05}\r\nGET {thread}:{number}\r\n"));
                    }
                    for client in &mut clients {
                        client.expect(format!("+OK\r\n$5\r\n{round:05}\r\n"));
                    }
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    server.stop().unwrap();
}
