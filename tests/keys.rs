//! Commands on keys, where a transcript would be too long: walks, chance, large values.

mod common;

use bytes::Bytes;
use common::words;
use diskdb::api::{Connection, Db};
use diskdb::clock::ManualClock;
use diskdb::config::Settings;
use diskdb::protocol::Reply;
use diskdb::storage::memory::MemoryEngine;
use diskdb::storage::{Direction, ReadTier, ScanRange, Space};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

struct World {
    db: Db,
    clock: Arc<ManualClock>,
    client: Connection,
}

impl World {
    fn new() -> World {
        let clock = Arc::new(ManualClock::at_ms(1_000_000));
        let db = Db::over_with_clock(Box::new(MemoryEngine::new()), Settings::default(), clock.clone());
        let db = db.unwrap();
        World { client: db.connect(), clock, db }
    }

    fn call(&mut self, line: &str) -> Reply {
        self.client.call(&words(line)).unwrap()
    }

    fn text(&mut self, line: &str) -> Option<String> {
        match self.call(line) {
            Reply::Null => None,
            Reply::Bulk(bytes) => Some(String::from_utf8(bytes.to_vec()).unwrap()),
            Reply::Chunks(pieces) => Some(String::from_utf8(pieces.concat()).unwrap()),
            other => panic!("{line}: {other:?}"),
        }
    }

    /// All keys of a whole walk, in the order they came.
    fn scan(&mut self, options: &str) -> Vec<String> {
        let mut cursor = "0".to_owned();
        let mut keys = Vec::new();
        loop {
            let Reply::Array(page) = self.call(&format!("SCAN {cursor}{options}")) else { panic!() };
            let [Reply::Bulk(next), Reply::Array(found)] = page.as_slice() else { panic!("{page:?}") };
            keys.extend(found.iter().map(|key| match key {
                Reply::Bulk(key) => String::from_utf8(key.to_vec()).unwrap(),
                other => panic!("{other:?}"),
            }));
            cursor = String::from_utf8(next.to_vec()).unwrap();
            if cursor == "0" {
                return keys;
            }
        }
    }

    fn stored(&self, space: Space) -> usize {
        let keyspace = &self.db.instance().keyspace;
        let range = ScanRange::prefix(b"");
        let mut scan = keyspace.engine().scan(space, &range, Direction::Forward, ReadTier::Disk).unwrap();
        let mut count = 0;
        while scan.next().unwrap().is_some() {
            count += 1;
        }
        count
    }
}

#[test]
fn a_walk_meets_every_key_once() {
    let mut world = World::new();
    let mut expected = BTreeSet::new();
    for number in 0..500 {
        let key = format!("{}:{number}", ["user", "item", "x"][number % 3]);
        world.call(&format!("SET {key} {number}"));
        expected.insert(key);
    }
    world.call("SET dead 1 PX 10");
    world.clock.advance_ms(10);
    for options in ["", " COUNT 1", " COUNT 7", " COUNT 499", " COUNT 500", " COUNT 100000", " TYPE string"] {
        let keys = world.scan(options);
        assert_eq!(keys.len(), expected.len(), "{options}");
        assert_eq!(keys.into_iter().collect::<BTreeSet<_>>(), expected, "{options}");
    }
    let users = world.scan(" MATCH user:* COUNT 10");
    assert_eq!(users.len(), expected.iter().filter(|key| key.starts_with("user:")).count());
    let sevens = world.scan(" COUNT 13 MATCH *7");
    assert_eq!(sevens.len(), expected.iter().filter(|key| key.ends_with('7')).count());
}

#[test]
fn keys_that_come_and_go_disturb_no_walk() {
    let mut world = World::new();
    for number in 0..100 {
        world.call(&format!("SET stays:{number:03} v"));
        world.call(&format!("SET goes:{number:03} v"));
    }
    let Reply::Array(page) = world.call("SCAN 0 COUNT 30") else { panic!() };
    let [Reply::Bulk(cursor), Reply::Array(first)] = page.as_slice() else { panic!() };
    let cursor = String::from_utf8(cursor.to_vec()).unwrap();
    for number in 0..100 {
        world.call(&format!("DEL goes:{number:03}"));
        world.call(&format!("SET comes:{number:03} v"));
    }
    let Reply::Array(rest) = world.call(&format!("SCAN {cursor} COUNT 1000")) else { panic!() };
    let [Reply::Bulk(end), Reply::Array(rest)] = rest.as_slice() else { panic!() };
    assert_eq!(end.as_ref(), b"0");
    let stays = |key: &&Reply| matches!(key, Reply::Bulk(key) if key.starts_with(b"stays:"));
    assert_eq!(first.iter().chain(rest).filter(stays).count(), 100);
}

#[test]
fn as_many_cursors_are_remembered_as_configured() {
    let mut world = World::new();
    (0..10).for_each(|number| drop(world.call(&format!("SET key{number} 1"))));
    world.call("CONFIG SET scan-cursors 2");
    let mut cursor = |count: u32| {
        let Reply::Array(page) = world.call(&format!("SCAN 0 COUNT {count}")) else { panic!() };
        let [Reply::Bulk(cursor), _] = page.as_slice() else { panic!("{page:?}") };
        String::from_utf8(cursor.to_vec()).unwrap()
    };
    let [oldest, older, last] = [1, 2, 3].map(&mut cursor);
    let mut is_known = |cursor: &str| {
        let words = [Bytes::from("SCAN"), Bytes::copy_from_slice(cursor.as_bytes())];
        world.client.call(&words).is_ok()
    };
    assert!(is_known(&last) && is_known(&older) && !is_known(&oldest));
}

#[test]
fn few_keys_are_chosen_with_the_same_probability() {
    let mut world = World::new();
    for key in ["a", "aa", "b", "zzz"] {
        world.call(&format!("SET {key} v"));
    }
    let mut counts: BTreeMap<String, u32> = BTreeMap::new();
    for _ in 0..4000 {
        *counts.entry(world.text("RANDOMKEY").unwrap()).or_default() += 1;
    }
    // 1000 each; the deviation is 27.
    assert!(counts.len() == 4 && counts.values().all(|count| (800..1200).contains(count)), "{counts:?}");
}

#[test]
fn many_keys_are_chosen_with_nearly_the_same_probability() {
    let mut world = World::new();
    // One key apart from all others: a draw by first bytes alone would take it half of the time.
    world.call("SET a v");
    for number in 0..6000 {
        world.call(&format!("SET user:{number} v"));
    }
    let mut counts: BTreeMap<String, u32> = BTreeMap::new();
    for _ in 0..3000 {
        *counts.entry(world.text("RANDOMKEY").unwrap()).or_default() += 1;
    }
    assert!(counts.get("a").copied().unwrap_or(0) < 300, "{:?}", counts.get("a"));
    assert!(counts.len() > 1500, "{}", counts.len());
    assert!(counts.iter().all(|(key, count)| key == "a" || *count < 30), "{counts:?}");
}

#[test]
fn no_dead_key_is_chosen() {
    let mut world = World::new();
    for number in 0..5000 {
        world.call(&format!("SET dead:{number} v PX 10"));
    }
    world.call("SET lives v");
    world.clock.advance_ms(10);
    for _ in 0..20 {
        assert_eq!(world.text("RANDOMKEY").unwrap(), "lives");
    }
    world.call("DEL lives");
    assert_eq!(world.text("RANDOMKEY"), None);
    assert_eq!(world.call("KEYS *"), Reply::Array(Vec::new()));
}

#[test]
fn large_values_keep_their_members() {
    let mut world = World::new();
    let value: String = (0..100_000).map(|at| char::from(b'a' + (at % 23) as u8)).collect();
    world.call(&format!("SET big {value}"));
    world.call("SET other small");
    let chunks = world.stored(Space::Blob);
    world.call("RENAME big other");
    assert_eq!(world.text("GET other").as_deref(), Some(value.as_str()));
    assert_eq!(world.stored(Space::Blob), chunks);
    assert_eq!(world.call("COPY other copy"), Reply::Integer(1));
    assert_eq!(world.call("COPY other other DB 1"), Reply::Integer(1));
    assert_eq!(world.call("APPEND other more"), Reply::Integer(100_004));
    assert_eq!(world.text("GET copy").as_deref(), Some(value.as_str()));
    assert_eq!(world.call("MOVE copy 2"), Reply::Integer(1));
    assert_eq!(world.text("GET copy"), None);
    assert_eq!(world.stored(Space::Blob), 3 * chunks);
    // Over itself, and over a large one.
    world.call("RENAME other other");
    assert_eq!(world.call("STRLEN other"), Reply::Integer(100_004));
    world.call("SET small v");
    assert_eq!(world.call("COPY small other REPLACE"), Reply::Integer(1));
    assert_eq!(world.stored(Space::Blob), 2 * chunks);
    for db in ["1", "2"] {
        world.call(&format!("SELECT {db}"));
        let key = if db == "1" { "other" } else { "copy" };
        assert_eq!(world.text(&format!("GET {key}")).as_deref(), Some(value.as_str()));
        assert_eq!(world.call(&format!("UNLINK {key}")), Reply::Integer(1));
    }
    assert_eq!(world.stored(Space::Blob), 0);
}

#[test]
fn history_moves_with_a_value() {
    let mut world = World::new();
    let number = |reply: &Reply, name: &str| {
        let Reply::Map(fields) = reply else { panic!("{reply:?}") };
        let field = fields.iter().find(|(field, _)| *field == Reply::bulk(name.to_owned()));
        match field {
            Some((_, Reply::Integer(number))) => *number,
            other => panic!("{other:?}"),
        }
    };
    world.call("SET a 1");
    world.clock.advance_ms(5);
    world.call("SET a 2");
    world.call("RENAME a b");
    let meta = world.call("KEYMETA b");
    assert_eq!(number(&meta, "created-at-ms"), 1_000_000);
    assert_eq!(number(&meta, "updated-at-ms"), 1_000_005);
    assert_eq!(number(&meta, "revision"), 3);
    world.call("COPY b c");
    let meta = world.call("KEYMETA c");
    assert_eq!((number(&meta, "created-at-ms"), number(&meta, "revision")), (1_000_005, 1));
}
