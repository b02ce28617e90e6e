//! A large member is not written again when its neighbours change.

mod common;
#[path = "common/faulty_engine.rs"]
mod faulty_engine;

use bytes::Bytes;
use common::words;
use diskdb::api::{Connection, Db};
use diskdb::config::Settings;
use diskdb::protocol::Reply;
use diskdb::storage; // for `faulty_engine`
use faulty_engine::FaultyEngine;
use std::sync::atomic::Ordering::SeqCst;

/// Bytes of the large member.
const LARGE: usize = 1 << 20;

/// What a change of a small member may write, header and pages included.
const MOST: u64 = 12 * 1024;

struct World {
    engine: FaultyEngine,
    client: Connection,
    _db: Db,
}

impl World {
    fn new() -> World {
        let engine = FaultyEngine::default();
        let db = Db::over(Box::new(engine.clone()), Settings::default()).unwrap();
        World { engine, client: db.connect(), _db: db }
    }

    /// Bytes that a command writes; `LARGE` in it is the large member.
    fn written(&mut self, line: &str) -> u64 {
        let large = Bytes::from(vec![b'm'; LARGE]);
        let words = words(line).into_iter().map(|word| if word == "LARGE" { large.clone() } else { word });
        let before = self.engine.faults.work.written_bytes.load(SeqCst);
        let reply =
            self.client.call(&words.collect::<Vec<_>>()).unwrap_or_else(|error| panic!("{line}: {error}"));
        assert_ne!(reply, Reply::Null, "{line}");
        self.engine.faults.work.written_bytes.load(SeqCst) - before
    }

    fn check(&mut self, large: &str, around: &[String], changes: &[&str]) {
        for line in around {
            self.written(line);
        }
        let once = self.written(large);
        assert!((LARGE as u64..3 * LARGE as u64).contains(&once), "{large}: {once} bytes");
        for line in changes {
            let bytes = self.written(line);
            assert!((1..MOST).contains(&bytes), "{line}: {bytes} bytes");
        }
    }
}

fn many(count: usize, line: impl Fn(usize) -> String) -> Vec<String> {
    (0..count).map(line).collect()
}

#[test]
fn fields_of_hashes() {
    for size in [0, 5, 700] {
        let mut world = World::new();
        let around = many(size, |number| format!("HSET h field{number} {number}"));
        world.check(
            "HSET h large LARGE",
            &around,
            &[
                "HSET h a 1",
                "HSET h a 2",
                "HINCRBY h a 1",
                "HSET h b 1 c 2",
                "HEXPIRE h 1000 FIELDS 1 b",
                "HPERSIST h FIELDS 1 b",
                "HDEL h a",
                "HGETDEL h FIELDS 1 b",
                "HSETNX h d 1",
                "HDEL h c d",
            ],
        );
    }
}

#[test]
fn members_of_sets() {
    for size in [0, 5, 700] {
        let mut world = World::new();
        let around = many(size, |number| format!("SADD s member{number}"));
        world.check("SADD s LARGE", &around, &["SADD s a b", "SREM s a", "SADD s c", "SREM s b c"]);
    }
}

/// The first one may come to lie beside it, and part it from what is behind.
#[test]
fn members_of_sorted_sets() {
    for size in [0, 5, 700] {
        let mut world = World::new();
        let around = many(size, |number| format!("ZADD z {} member{number}", number * 10));
        world.written("ZADD z 3500 n");
        world.check(
            "ZADD z 3500 LARGE",
            &around,
            &["ZADD z 3499 a", "ZADD z 3501 b", "ZINCRBY z 1 b", "ZADD z 3500 c", "ZREM z a", "ZREM z b c"],
        );
    }
}

#[test]
fn elements_of_lists() {
    for size in [0, 5, 700] {
        let mut world = World::new();
        let around = many(size, |number| format!("RPUSH l element{number}"));
        world.check(
            "RPUSH l LARGE",
            &around,
            &[
                "RPUSH l a",
                "LPUSH l b",
                "LSET l -1 c",
                "LINSERT l BEFORE c d",
                "LREM l 1 d",
                "RPOP l",
                "LPOP l",
            ],
        );
    }
}

#[test]
fn entries_of_streams() {
    for size in [0, 5, 700] {
        let mut world = World::new();
        let around = many(size, |number| format!("XADD x {}-1 f v", number + 1));
        world.check(
            "XADD x 1000-1 f LARGE",
            &around,
            &["XADD x 1001-1 f v", "XADD x 1002-1 f v", "XDEL x 1001-1", "XSETID x 2000-1"],
        );
    }
}
