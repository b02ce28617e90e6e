//! Fields of hashes die on time, and a hash with its last field, whether somebody looks or not.

mod common;

use bytes::Bytes;
use common::words;
use diskdb::api::{Connection, Db};
use diskdb::clock::ManualClock;
use diskdb::config::Settings;
use diskdb::keyspace::event::{Commit, Observer};
use diskdb::keyspace::tally::Tally;
use diskdb::protocol::Reply;
use diskdb::storage::memory::MemoryEngine;
use diskdb::storage::{Batch, Direction, ReadTier, ScanRange, Space};
use fastrand::Rng;
use parking_lot::Mutex;
use std::sync::Arc;

const START_MS: u64 = 1_750_000_000_000;

/// The events of every commit.
#[derive(Default)]
struct Log(Mutex<Vec<&'static str>>);

impl Observer for Log {
    fn committed(&self, commit: &Commit) {
        self.0.lock().extend(commit.changes.iter().map(|change| change.event.name));
    }
}

struct World {
    db: Db,
    clock: Arc<ManualClock>,
    client: Connection,
    log: Arc<Log>,
}

impl World {
    fn new() -> World {
        let clock = Arc::new(ManualClock::at_ms(START_MS));
        let db =
            Db::over_with_clock(Box::new(MemoryEngine::new()), Settings::default(), clock.clone()).unwrap();
        let log = Arc::new(Log::default());
        db.instance().keyspace.observe(log.clone());
        World { client: db.connect(), db, clock, log }
    }

    fn call(&mut self, line: &str) -> Reply {
        self.client.call(&words(line)).unwrap()
    }

    fn integer(&mut self, line: &str) -> i64 {
        match self.call(line) {
            Reply::Integer(number) => number,
            other => panic!("{line}: {other:?}"),
        }
    }

    /// What the thread in the background does.
    fn expire(&self, limit: usize) -> usize {
        self.db.instance().keyspace.expire_due(limit).unwrap()
    }

    fn check(&self) {
        let report = self.db.check().unwrap();
        assert!(report.problems.is_empty(), "{:?}", report.problems);
    }
}

#[test]
fn a_hash_goes_with_its_last_field() {
    let mut world = World::new();
    world.call("HSET h a 1 b 2");
    world.call("HPEXPIRE h 10 FIELDS 1 a");
    world.call("HPEXPIRE h 20 FIELDS 1 b");
    assert_eq!(world.expire(100), 0);
    world.clock.advance_ms(10);
    assert_eq!(world.expire(100), 1);
    assert_eq!(world.expire(100), 0);
    assert_eq!(world.integer("DBSIZE"), 1);
    world.clock.advance_ms(10);
    world.log.0.lock().clear();
    assert_eq!(world.expire(100), 1);
    assert_eq!(*world.log.0.lock(), ["hexpired", "del"]);
    assert_eq!((world.integer("DBSIZE"), world.integer("EXISTS h")), (0, 0));
    world.check();
}

#[test]
fn many_fields_go_in_parts() {
    let mut world = World::new();
    let fields: Vec<Bytes> = (0..1000).map(|number| Bytes::from(format!("f{number}"))).collect();
    let pairs = fields.iter().flat_map(|field| [field.clone(), field.clone()]);
    world.client.call(&words("HSET h").into_iter().chain(pairs).collect::<Vec<_>>()).unwrap();
    let front = words("HPEXPIRE h 10 FIELDS 1000");
    world.client.call(&front.into_iter().chain(fields).collect::<Vec<_>>()).unwrap();
    world.call("HSET h stays 1");
    world.clock.advance_ms(10);
    let parts: Vec<usize> =
        std::iter::repeat_with(|| world.expire(300)).take_while(|count| *count > 0).collect();
    assert_eq!(parts, [300, 300, 300, 100]);
    assert_eq!(world.integer("HLEN h"), 1);
    world.check();
}

#[test]
fn deadlines_follow_the_hash() {
    let mut world = World::new();
    for line in [
        "HSET a f 1",
        "HPEXPIRE a 10 FIELDS 1 f",
        "COPY a b",
        "RENAME a c",
        "HSETEX d PX 10 FIELDS 1 f 1",
        "MOVE d 1",
        "HSETEX e PX 10 FIELDS 1 f 1",
        "HPERSIST e FIELDS 1 f",
        "HSETEX g PX 10 FIELDS 1 f 1",
        "SET g text",
        "HSETEX h PX 10 FIELDS 1 f 1",
        "DEL h",
        "HSETEX i PX 10 FIELDS 1 f 1",
        "HPEXPIRE i 1000 FIELDS 1 f",
    ] {
        world.call(line);
    }
    world.check();
    world.clock.advance_ms(10);
    assert_eq!(world.expire(100), 3);
    assert_eq!(world.call("KEYS *"), Reply::from(vec!["e".to_owned(), "g".into(), "i".into()]));
    world.call("SELECT 1");
    assert_eq!(world.integer("DBSIZE"), 0);
    world.check();
}

#[test]
fn nothing_is_deleted_while_expiry_is_held_or_off() {
    let mut world = World::new();
    world.call("HSETEX h PX 10 FIELDS 1 f 1");
    world.clock.advance_ms(10);
    world.db.instance().keyspace.set_active_expiry(false);
    assert_eq!((world.expire(100), world.integer("DBSIZE")), (0, 1));
    world.db.instance().keyspace.set_active_expiry(true);
    assert_eq!((world.expire(100), world.integer("DBSIZE")), (1, 0));
}

#[test]
fn info_counts_what_expired() {
    let mut world = World::new();
    for line in [
        "HSETEX h PX 10 FIELDS 3 a 1 b 2 c 3",
        "HSETEX g PX 10 FIELDS 2 a 1 b 2",
        "HSET g stays 1",
        "SET a 1 PX 10",
        "SET b 1 PX 10",
    ] {
        world.call(line);
    }
    world.clock.advance_ms(10);
    // Who comes before the walk deletes what he meets.
    world.call("HSET g c 1");
    world.call("GET a");
    assert_eq!(world.expire(100), 4, "three fields and a key");
    let Reply::Verbatim(_, text) = world.call("INFO stats") else { panic!("a text") };
    let text = String::from_utf8(text.to_vec()).unwrap();
    let count = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line.and_then(|count| count.parse::<u64>().ok())
    };
    assert_eq!((count("expired_subkeys"), count("expired_subkeys_active")), (Some(5), Some(3)));
    assert_eq!((count("expired_keys"), count("expired_keys_active")), (Some(2), Some(1)));
    world.call("CONFIG RESETSTAT");
    assert_eq!(world.db.instance().keyspace.tallies().get(), Tally::default());
}

/// Spoils the header of a key.
fn damage(db: &Db, name: &[u8]) {
    let engine = db.instance().keyspace.engine();
    let everything = ScanRange { from: Vec::new(), to: None };
    let mut scan = engine.scan(Space::Meta, &everything, Direction::Forward, ReadTier::Disk).unwrap();
    let header = loop {
        let (key, _) = scan.next().unwrap().expect("the key");
        if key.ends_with(name) {
            break key.to_vec();
        }
    };
    drop(scan);
    let mut batch = Batch::default();
    batch.put(Space::Meta, &header, Bytes::from_static(b"\xff\xff"));
    engine.commit(batch).unwrap();
}

#[test]
fn a_damaged_key_holds_up_no_other() {
    let mut world = World::new();
    for number in 0..50 {
        world.call(&format!("SET key{number} 1 PX {}", 10 + number));
        world.call(&format!("HSETEX hash{number} PX {} FIELDS 1 f 1", 10 + number));
    }
    damage(&world.db, b"key7");
    damage(&world.db, b"hash8");
    world.clock.advance_ms(100);
    let counts: Vec<usize> =
        std::iter::repeat_with(|| world.expire(20)).take_while(|count| *count > 0).collect();
    assert_eq!(counts.iter().sum::<usize>(), 100, "{counts:?}");
    assert_eq!(world.db.instance().keyspace.key_count(0).unwrap(), 2);
    assert_eq!(world.expire(20), 0, "what is damaged is not met again and again");
    let problems = world.db.check().unwrap().problems;
    for key in ["key 'key7'", "key 'hash8'"] {
        assert!(problems.iter().any(|problem| problem.contains(key)), "{problems:?}");
    }
    world.call("SET other 1 PX 10");
    world.clock.advance_ms(10);
    assert_eq!(world.expire(20), 1);
}

fn random_line(rng: &mut Rng) -> String {
    let mut one = |of: &[&'static str]| of[rng.usize(..of.len())];
    let (key, other, field) = (one(&["a", "b", "c"]), one(&["a", "b", "c"]), one(&["f", "g", "h", "i"]));
    let ms = one(&["1", "5", "20", "100"]);
    match one(&[
        "set", "set", "expire", "expire", "setex", "persist", "del", "hdel", "rename", "copy", "many", "key",
        "swap",
    ]) {
        "set" => format!("HSET {key} {field} 1"),
        "expire" => format!("HPEXPIRE {key} {ms} FIELDS 2 {field} g"),
        "setex" => format!("HSETEX {key} PX {ms} FIELDS 1 {field} 1"),
        "persist" => format!("HPERSIST {key} FIELDS 1 {field}"),
        "del" => format!("DEL {key}"),
        "hdel" => format!("HDEL {key} {field}"),
        "rename" => format!("RENAMENX {key} {other}"),
        "copy" => format!("COPY {key} {other} REPLACE"),
        "many" => format!("HSETEX {key} PX {ms} FIELDS 1 {} 1", "long".repeat(30)),
        "key" => format!("PEXPIRE {key} {ms}"),
        _ => "SWAPDB 0 1".to_owned(),
    }
}

#[test]
fn nobody_is_forgotten_whatever_happens() {
    let seed = fastrand::u64(..);
    let mut rng = Rng::with_seed(seed);
    let mut world = World::new();
    for round in 0..400 {
        for _ in 0..rng.usize(..12) {
            let line = random_line(&mut rng);
            // A key that is not there may not be renamed.
            let _ = world.client.call(&words(&line));
        }
        world.clock.advance_ms(rng.u64(..30));
        while world.expire(rng.usize(1..5)) > 0 {}
        for key in ["a", "b", "c"] {
            let (exists, len) =
                (world.integer(&format!("EXISTS {key}")), world.integer(&format!("HLEN {key}")));
            assert_eq!(exists > 0, len > 0, "seed {seed}, round {round}, key {key}");
        }
        world.check();
    }
}
