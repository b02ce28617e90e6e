//! Commands that wait for keys.

use super::support::*;
use diskdb::api::Db;
use diskdb::config::Settings;
use diskdb::server::{Ports, Server};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

const A: &str = "$1\r\na\r\n";

fn popped(key: &str, element: &str) -> String {
    format!("*2\r\n${}\r\n{key}\r\n${}\r\n{element}\r\n", key.len(), element.len())
}

#[test]
fn who_came_first_is_served_first() {
    let server = start(settings());
    let (mut first, mut second, mut pusher) = (connect(&server), connect(&server), connect(&server));
    first.send("BLPOP x k 0\r\n");
    pusher.await_info("clients", "blocked_clients", "1");
    second.send("BRPOP k y 0\r\n");
    pusher.await_info("clients", "blocked_clients", "2");
    // Before the next command of the same client runs, both are served.
    pusher.send("RPUSH k a b c\r\nLLEN k\r\n");
    pusher.expect(":3\r\n:1\r\n");
    first.expect(popped("k", "a"));
    second.expect(popped("k", "c"));
    pusher.await_info("clients", "blocked_clients", "0");
    first.call("LPOP k", "$1\r\nb\r\n");
    server.stop().unwrap();
}

#[test]
fn every_way_to_make_a_list_serves() {
    let server = start(settings());
    let (mut waiter, mut other) = (connect(&server), connect(&server));
    for command in ["RENAME from k", "COPY from k", "LMOVE from k LEFT LEFT", "SORT from ALPHA STORE k"] {
        other.call("DEL from k", &other_deleted(command));
        other.call("RPUSH from a", ":1\r\n");
        waiter.send("BLPOP k 0\r\n");
        other.await_info("clients", "blocked_clients", "1");
        other.send(format!("{command}\r\n"));
        other.line();
        if command.starts_with("LMOVE") {
            other.line();
        }
        waiter.expect(popped("k", "a"));
    }
    server.stop().unwrap();
}

/// What is left of the round before.
fn other_deleted(command: &str) -> String {
    if command.starts_with("LMOVE") { ":1\r\n".into() } else { ":0\r\n".into() }
}

#[test]
fn time_and_other_clients_end_a_wait() {
    let server = start(settings());
    let (mut waiter, mut other) = (connect(&server), connect(&server));
    waiter.call("BLPOP k 0.05", "*-1\r\n");
    waiter.call("BLMOVE k l LEFT LEFT 0.01", "$-1\r\n");
    waiter.call("BLPOP k -1", "-ERR timeout is negative\r\n");
    waiter.call("BLPOP k x", "-ERR timeout is not a float or out of range\r\n");
    waiter.send("CLIENT ID\r\n");
    let id = waiter.line()[1..].to_owned();
    for (how, reply) in
        [("TIMEOUT", "*-1\r\n"), ("ERROR", "-UNBLOCKED client unblocked via CLIENT UNBLOCK\r\n")]
    {
        waiter.send("BLPOP k 0\r\n");
        other.await_info("clients", "blocked_clients", "1");
        other.call(&format!("CLIENT UNBLOCK {id} {how}"), ":1\r\n");
        waiter.expect(reply);
    }
    // Nobody takes what comes now.
    other.call("RPUSH k a", ":1\r\n");
    other.call("LPOP k", A);
    server.stop().unwrap();
}

#[test]
fn who_has_gone_takes_nothing() {
    let server = start(settings());
    let (mut waiter, mut other) = (connect(&server), connect(&server));
    waiter.send("BLPOP k 0\r\n");
    other.await_info("clients", "blocked_clients", "1");
    drop(waiter);
    other.await_info("clients", "blocked_clients", "0");
    other.call("RPUSH k a", ":1\r\n");
    other.call("LPOP k", A);
    server.stop().unwrap();
}

#[test]
fn other_types_do_not_end_a_wait() {
    let server = start(settings());
    let (mut waiter, mut other) = (connect(&server), connect(&server));
    waiter.send("BLMOVE k l LEFT LEFT 0\r\n");
    other.await_info("clients", "blocked_clients", "1");
    other.call("SET k text", "+OK\r\n");
    waiter.silence(Duration::from_millis(50));
    other.call("DEL k", ":1\r\n");
    other.call("SET l text", "+OK\r\n");
    other.call("RPUSH k a", ":1\r\n");
    waiter.expect("-WRONGTYPE Operation against a key holding the wrong kind of value\r\n");
    other.call("LPOP k", A);
    server.stop().unwrap();
}

#[test]
fn sorted_sets_serve_who_waits() {
    let server = start(settings());
    let (mut first, mut second, mut third) = (connect(&server), connect(&server), connect(&server));
    let mut adder = connect(&server);
    first.send("BZPOPMAX y z 0\r\n");
    adder.await_info("clients", "blocked_clients", "1");
    second.send("BZMPOP 0 2 z y MIN COUNT 2\r\n");
    adder.await_info("clients", "blocked_clients", "2");
    third.send("HELLO 3\r\nPING\r\n");
    while third.line() != "+PONG" {}
    third.send("BZPOPMIN z 0\r\n");
    adder.await_info("clients", "blocked_clients", "3");
    // A list is of no use to them.
    adder.call("RPUSH z a", ":1\r\n");
    adder.call("DEL z", ":1\r\n");
    adder.send("ZADD z 1 a 2 b 3 c 4 d 5 e\r\nZCARD z\r\n");
    adder.expect(":5\r\n:1\r\n");
    first.expect("*3\r\n$1\r\nz\r\n$1\r\ne\r\n$1\r\n5\r\n");
    second.expect("*2\r\n$1\r\nz\r\n*2\r\n*2\r\n$1\r\na\r\n$1\r\n1\r\n*2\r\n$1\r\nb\r\n$1\r\n2\r\n");
    third.expect("*3\r\n$1\r\nz\r\n$1\r\nc\r\n,3\r\n");
    adder.await_info("clients", "blocked_clients", "0");
    for command in ["ZINCRBY z 1 m", "ZUNIONSTORE z 1 from", "ZRANGESTORE z from 0 -1", "RENAME from z"] {
        adder.call("DEL z", &format!(":{}\r\n", u8::from(command.starts_with("ZINCRBY"))));
        adder.send("ZADD from 1 m\r\n");
        adder.line();
        first.send("BZPOPMIN z 0\r\n");
        adder.await_info("clients", "blocked_clients", "1");
        adder.send(format!("{command}\r\n"));
        first.expect("*3\r\n$1\r\nz\r\n$1\r\nm\r\n$1\r\n1\r\n");
        // Whatever the reply is.
        adder.line();
        if command.starts_with("ZINCRBY") {
            adder.line();
        }
    }
    server.stop().unwrap();
}

#[test]
fn every_way_to_make_a_key_ready_serves() {
    let server = start(settings());
    let (mut waiter, mut other) = (connect(&server), connect(&server));
    other.call("RPUSH from a", ":1\r\n");
    other.send("DUMP from\r\n");
    let length: usize = other.line()[1..].parse().unwrap();
    let mut payload = vec![0; length + 2];
    std::io::Read::read_exact(&mut other.stream, &mut payload).unwrap();
    payload.truncate(length);
    let restore = command(&[b"RESTORE", b"k", b"0", &payload]);
    let moved = b"SELECT 1\r\nDEL k\r\nRPUSH k a\r\nMOVE k 0\r\nSELECT 0\r\n".to_vec();
    let swapped = b"SELECT 1\r\nDEL k\r\nRPUSH k a\r\nSWAPDB 0 1\r\nSELECT 0\r\n".to_vec();
    let sorted = b"SORT from ALPHA STORE k\r\n".to_vec();
    let restored_over = b"SET k text\r\nDEL k\r\nRPUSH k a\r\n".to_vec();
    for (commands, replies) in [(restore, 1), (moved, 5), (swapped, 5), (sorted, 1), (restored_over, 3)] {
        waiter.send("BLPOP nothing k 0\r\n");
        other.await_info("clients", "blocked_clients", "1");
        other.send(&commands);
        waiter.expect(popped("k", "a"));
        for _ in 0..replies {
            other.line();
        }
        other.send("DEL from k\r\nRPUSH from a\r\n");
        other.line();
        other.call("", ":1\r\n");
    }
    server.stop().unwrap();
}

#[test]
fn nobody_sees_what_others_have_waited_for() {
    const ROUNDS: usize = 300;
    let server = start(settings());
    let (mut waiter, mut pusher) = (connect(&server), connect(&server));
    // One on each worker.
    let mut newcomers = [connect(&server), connect(&server)];
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for (number, newcomer) in newcomers.iter_mut().enumerate() {
            let (command, nothing) = [("LPOP k\r\n", "$-1\r\n"), ("LLEN k\r\n", ":0\r\n")][number];
            let done = &done;
            scope.spawn(move || {
                while !done.load(Ordering::Relaxed) {
                    newcomer.send(command.repeat(8));
                    newcomer.expect(nothing.repeat(8));
                }
            });
        }
        // The others end even when this thread fails.
        let _end = EndOnDrop(&done);
        for _ in 0..ROUNDS {
            waiter.send("BLPOP k 0\r\n");
            pusher.await_info("clients", "blocked_clients", "1");
            pusher.call("RPUSH k a", ":1\r\n");
            waiter.expect(popped("k", "a"));
        }
    });
    server.stop().unwrap();
}

/// Tells other threads that the test is over, by a failure as well.
struct EndOnDrop<'a>(&'a AtomicBool);

impl Drop for EndOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn who_waits_for_a_cold_key_makes_no_worker_wait() {
    let one_worker = Settings { server_threads: 1, ..settings() };
    let (server, faults) = start_faulty(one_worker);
    let (mut waiter, mut pusher) = (connect(&server), connect(&server));
    waiter.send("BLPOP coldkey 0\r\n");
    pusher.await_info("clients", "blocked_clients", "1");
    faults.cold.store(true, Ordering::SeqCst);
    // The list comes from where it need not be read, so that its command runs in place.
    pusher.send("RPUSH coldkey a b\r\nLLEN coldkey\r\nPING\r\n");
    pusher.expect(":2\r\n:1\r\n+PONG\r\n");
    waiter.expect(popped("coldkey", "a"));
    waiter.send("BLMOVE warm coldkey LEFT LEFT 0\r\n");
    pusher.await_info("clients", "blocked_clients", "1");
    pusher.send("RPUSH warm c\r\nLLEN warm\r\n");
    pusher.expect(":1\r\n:0\r\n");
    waiter.expect("$1\r\nc\r\n");
    pusher.call("LRANGE coldkey 0 -1", "*2\r\n$1\r\nc\r\n$1\r\nb\r\n");
    let readers = faults.disk_readers.lock().clone();
    assert!(!readers.is_empty() && readers.iter().all(|name| name.starts_with("disk-")), "{readers:?}");
    server.stop().unwrap();
}

#[test]
fn who_has_gone_leaves_nothing_behind() {
    let server = start(settings());
    let (waiter, mut other) = (connect(&server), connect(&server));
    let mut waiter = waiter;
    waiter.send("BLPOP k l 0\r\n");
    other.await_info("clients", "total_blocking_keys", "2");
    drop(waiter);
    other.await_info("clients", "total_blocking_keys", "0");
    server.stop().unwrap();
}

#[test]
fn what_was_moved_is_told_of_when_the_disk_is_full() {
    let db = Db::in_memory(Settings { min_free_disk_space: 10, ..settings() }).unwrap();
    let server = Server::start_on(&db, Ports { tcp: Some(0), ..Ports::default() }).unwrap();
    let room = &db.instance().disk_room;
    let (mut waiter, mut other) = (connect(&server), connect(&server));
    other.call("RPUSH from a", ":1\r\n");
    // A command that was let in before is refused when its turn comes.
    waiter.send("BLMOVE k l LEFT LEFT 0\r\n");
    other.await_info("clients", "blocked_clients", "1");
    room.look(Some(9));
    other.call("RENAME from k", "+OK\r\n");
    let refused = waiter.line();
    assert!(refused.starts_with("-MISCONF ") && refused.contains("min-free-disk-space"), "{refused}");
    other.call("LRANGE k 0 -1", "*1\r\n$1\r\na\r\n");
    // Popping needs no room.
    other.call("RENAME k from", "+OK\r\n");
    waiter.send("BLPOP k 0\r\n");
    other.await_info("clients", "blocked_clients", "1");
    other.call("RENAME from k", "+OK\r\n");
    waiter.expect(popped("k", "a"));
    // The time of a wait is up all the same.
    room.look(Some(10));
    waiter.send("BLMOVE k l LEFT LEFT 0.1\r\n");
    other.await_info("clients", "blocked_clients", "1");
    room.look(Some(9));
    waiter.expect("$-1\r\n");
    server.stop().unwrap();
}
