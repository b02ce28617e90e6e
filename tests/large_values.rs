//! Large values are written in parts, and nobody ever sees less than all of one.

mod common;
#[path = "common/faulty_engine.rs"]
mod faulty_engine;

use bytes::Bytes;
use common::words;
use diskdb::api::{Connection, Db};
use diskdb::config::Settings;
use diskdb::config::values::ProtectedAction;
use diskdb::error::Error;
use diskdb::keyspace::staging::staged;
use diskdb::keyspace::tx::ReadTx;
use diskdb::keyspace::{Keys, Origin};
use diskdb::protocol::Reply;
use diskdb::storage::{self, ReadTier}; // `faulty_engine` uses it too
use faulty_engine::FaultyEngine;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::mpsc::channel;
use std::time::Duration;

/// Members of the collections: a few parts.
const SIZE: usize = 20_000;

/// No batch may be larger.
const MOST: u64 = 2 << 20;

struct World {
    engine: FaultyEngine,
    db: Db,
    client: Connection,
}

impl World {
    fn new() -> World {
        World::over(FaultyEngine::default())
    }

    fn over(engine: FaultyEngine) -> World {
        let settings = Settings { enable_debug_command: ProtectedAction::Yes, ..Settings::default() };
        let db = Db::over(Box::new(engine.clone()), settings).unwrap();
        World { engine, client: db.connect(), db }
    }

    fn call(&mut self, line: &str) -> Reply {
        self.client.call(&words(line)).unwrap_or_else(|error| panic!("{line:.100}: {error}"))
    }

    /// A collection of each family, a string and an array.
    fn fill(&mut self) {
        for (name, one) in [
            ("HSET hash", &(|n| format!("field{n} value{n}")) as &dyn Fn(usize) -> String),
            ("SADD set", &|n| format!("member{n}")),
            ("ZADD zset", &|n| format!("{n} member{n}")),
            ("RPUSH list", &|n| format!("element-{}-{n}", "x".repeat(50))),
        ] {
            for start in (0..SIZE).step_by(1000) {
                let words: Vec<_> = (start..start + 1000).map(one).collect();
                self.call(&format!("{name} {}", words.join(" ")));
            }
        }
        for number in 1..SIZE / 4 {
            self.call(&format!("XADD stream {number}-0 field {}", "x".repeat(250)));
            self.call(&format!("ARSET array {} {}", number * 3, "x".repeat(250)));
        }
        self.call(&format!("SETRANGE string 3000000 {}", "x".repeat(1000)));
        for chunk in 0..180 {
            self.call(&format!("SETRANGE string {} {}", chunk * 16384, "x".repeat(16000)));
        }
    }

    fn digest(&mut self, key: &str) -> Reply {
        self.call(&format!("DEBUG DIGEST-VALUE {key}"))
    }

    fn is_sound(&self) {
        assert_eq!(self.db.check().unwrap().problems, [""; 0]);
    }

    fn staged(&self) -> usize {
        staged(&self.engine).unwrap().len()
    }
}

const KEYS: [&str; 7] = ["hash", "set", "zset", "list", "stream", "array", "string"];

#[test]
fn copies_are_made_in_parts() {
    let mut world = World::new();
    world.fill();
    for key in KEYS {
        let before = world.digest(key);
        for lines in [
            &[&format!("COPY {key} copy") as &str, &format!("COPY {key} copy REPLACE")] as &[_],
            &["DEL copy", "MULTI", &format!("COPY {key} copy"), "EXEC"],
        ] {
            world.engine.faults.work.largest_batch.store(0, SeqCst);
            world.engine.faults.work.written_bytes.store(0, SeqCst);
            lines.iter().for_each(|line| drop(world.call(line)));
            assert_eq!(world.digest("copy"), before, "{key}");
            let work = &world.engine.faults.work;
            let (largest, all) = (work.largest_batch.load(SeqCst), work.written_bytes.load(SeqCst));
            assert!(largest < MOST && largest < all, "{key}: {largest} bytes of {all}");
            assert_eq!(world.staged(), 0);
        }
        world.call("SELECT 1");
        world.call("DEL copy");
        world.call("SELECT 0");
        world.engine.faults.work.largest_batch.store(0, SeqCst);
        assert_eq!(world.call("MOVE copy 1"), Reply::Integer(1));
        assert!(world.engine.faults.work.largest_batch.load(SeqCst) < MOST);
        world.call("SELECT 1");
        assert_eq!(world.digest("copy"), before, "{key}");
        world.call("SELECT 0");
    }
    world.is_sound();
}

/// As large as they are, other values that one command makes are written in parts as well.
#[test]
fn whatever_makes_a_large_value_writes_it_in_parts() {
    let mut world = World::new();
    world.fill();
    for line in [
        "SUNIONSTORE made set set",
        "SDIFFSTORE made set nothing",
        "ZUNIONSTORE made 2 zset set",
        "ZRANGESTORE made zset 0 -1",
        "SORT set ALPHA STORE made",
        "BITOP NOT made string",
        "SET made STRING",
        "RESTORE made 0 PAYLOAD REPLACE",
    ] {
        world.call("DEL made");
        let Reply::Bulk(payload) = world.call("DUMP hash") else { panic!("no payload") };
        let words = words(line).into_iter().map(|word| match &word[..] {
            b"PAYLOAD" => payload.clone(),
            b"STRING" => vec![b'x'; 4 << 20].into(),
            _ => word,
        });
        world.engine.faults.work.largest_batch.store(0, SeqCst);
        world.client.call(&words.collect::<Vec<_>>()).unwrap();
        let largest = world.engine.faults.work.largest_batch.load(SeqCst);
        assert!((1..MOST).contains(&largest), "{line}: {largest} bytes");
        assert_eq!((world.staged(), world.call("EXISTS made")), (0, Reply::Integer(1)));
    }
    world.is_sound();
}

#[test]
fn a_copy_that_fails_leaves_nothing() {
    let mut world = World::new();
    world.fill();
    for key in KEYS {
        let before = world.digest(key);
        for taken in 0.. {
            *world.engine.faults.refuse_one_after.lock() = Some(taken);
            let copied = world.client.call(&words(&format!("COPY {key} copy")));
            let refused = world.engine.faults.refuse_one_after.lock().take().is_none();
            assert_eq!(copied.is_err(), refused, "{key}, {taken}: {copied:?}");
            assert_eq!(world.call("EXISTS copy"), Reply::Integer((!refused).into()));
            assert_eq!((world.staged(), world.digest(key)), (0, before.clone()));
            if !refused {
                assert!(taken > 1, "{key} was copied in one part");
                break;
            }
        }
        world.is_sound();
        world.call("DEL copy");
    }
}

/// As after a kill in the middle: nobody could clear away what was there.
#[test]
fn what_was_left_behind_goes_when_the_database_is_opened() {
    let mut world = World::new();
    world.fill();
    let before = world.digest("hash");
    let faults = world.engine.faults.clone();
    faults.armed.store(true, SeqCst);
    faults.hold_flushes();
    let (mut other, written) = (world.db.connect(), faults.work.written_bytes.load(SeqCst));
    let copying = std::thread::spawn(move || other.call(&words("COPY hash copy")));
    while faults.work.written_bytes.load(SeqCst) == written {
        std::thread::sleep(Duration::from_millis(1));
    }
    faults.refuse_commits.store(true, SeqCst);
    faults.release_flushes();
    assert!(copying.join().unwrap().is_err());
    assert_eq!(world.staged(), 1);
    // It is not a problem: it will go.
    world.is_sound();
    faults.refuse_commits.store(false, SeqCst);
    let World { engine, db, client } = world;
    drop((client, db));
    let mut world = World::over(engine);
    assert_eq!((world.staged(), world.digest("hash")), (0, before));
    assert_eq!(world.call("EXISTS copy"), Reply::Integer(0));
    world.is_sound();
}

/// Others go on while a copy is made; it is that of the value that is there when it ends.
#[test]
fn nobody_waits_for_a_copy() {
    let mut world = World::new();
    world.fill();
    let faults = world.engine.faults.clone();
    faults.armed.store(true, SeqCst);
    faults.hold_flushes();
    let committed = || faults.committed.load(SeqCst);
    let wait_for_a_commit = |before| {
        while committed() == before {
            std::thread::sleep(Duration::from_millis(1));
        }
    };
    let [mut copier, mut writer] = [world.db.connect(), world.db.connect()];
    let before = committed();
    let copying = std::thread::spawn(move || copier.call(&words("COPY hash copy")));
    wait_for_a_commit(before);
    let (sender, receiver) = channel();
    let instance = world.db.instance().clone();
    let reading = std::thread::spawn(move || {
        let origin = Origin { db: 0, client: 0, tier: ReadTier::Disk };
        let keys = [Bytes::from("hash"), Bytes::from("copy")];
        let there =
            |tx: &ReadTx| keys.iter().map(|key| Ok(tx.find(key)?.is_some())).collect::<Result<_, _>>();
        let found: Result<Vec<bool>, Error> = instance.keyspace.read(origin, &Keys::many(&keys), there);
        sender.send(found.unwrap()).unwrap();
    });
    let found = receiver.recv_timeout(Duration::from_secs(20)).expect("the reader waits for the copy");
    assert_eq!(found, [true, false]);
    let before = committed();
    let writing = std::thread::spawn(move || writer.call(&words("HSET hash field7 changed")));
    wait_for_a_commit(before);
    faults.release_flushes();
    assert_eq!(copying.join().unwrap().unwrap(), Reply::Integer(1));
    writing.join().unwrap().unwrap();
    reading.join().unwrap();
    assert_eq!(world.call("HGET copy field7"), Reply::Bulk("changed".into()));
    assert_eq!((world.digest("copy"), world.staged()), (world.digest("hash"), 0));
    world.is_sound();
}
