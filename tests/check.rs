//! What `diskdb check` finds: whatever is taken away from a sound database, it is missed; whatever is put
//! into it, it is too much.

mod common;

use bytes::Bytes;
use common::words;
use diskdb::api::{Connection, Db};
use diskdb::config::Settings;
use diskdb::protocol::Reply;
use diskdb::storage::{Batch, Direction, ReadTier, ScanRange, Space};

fn database() -> (Db, Connection) {
    let db = Db::in_memory(Settings::default()).unwrap();
    let client = db.connect();
    (db, client)
}

fn call(client: &mut Connection, line: &str) -> Reply {
    client.call(&words(line)).unwrap_or_else(|error| panic!("{line:.100}: {error}"))
}

/// Everything of a space.
fn records(db: &Db, space: Space) -> Vec<(Vec<u8>, Bytes)> {
    let everything = ScanRange { from: Vec::new(), to: None };
    let engine = db.instance().keyspace.engine();
    let mut scan = engine.scan(space, &everything, Direction::Forward, ReadTier::Disk).unwrap();
    let mut found = Vec::new();
    while let Some((key, value)) = scan.next().unwrap() {
        found.push((key.to_vec(), Bytes::copy_from_slice(value)));
    }
    found
}

fn commit(db: &Db, change: impl FnOnce(&mut Batch)) {
    let mut batch = Batch::default();
    change(&mut batch);
    db.instance().keyspace.engine().commit(batch).unwrap();
}

fn problems(db: &Db) -> Vec<String> {
    db.check().unwrap().problems
}

/// One value of every kind, small and large.
fn fill(client: &mut Connection) {
    let many = |name: &str, one: &dyn Fn(usize) -> String, count: usize| {
        let all: Vec<String> = (0..count).map(one).collect();
        format!("{name} {}", all.join(" "))
    };
    for line in [
        "SET string value".to_owned(),
        "SET dying value EX 1000".to_owned(),
        format!("SET long {}", "x".repeat(40_000)),
        "PFADD hll a b c".to_owned(),
        "RPUSH list a b".to_owned(),
        many("RPUSH long-list", &|number| format!("element{number}"), 3000),
        format!("RPUSH wide-list a {} b", "x".repeat(2000)),
        "XADD short-stream 1-1 f v".to_owned(),
        format!("XADD stream 1-0 f {}", "x".repeat(1500)),
        "XGROUP CREATE stream g 0".to_owned(),
        "XGROUP CREATECONSUMER stream g idle".to_owned(),
        "XREADGROUP GROUP g consumer STREAMS stream >".to_owned(),
        "SADD set a b".to_owned(),
        "SADD integers 1 2".to_owned(),
        many("SADD large-set", &|number| format!("member{number}"), 300),
        "HSET hash a 1 b 2".to_owned(),
        "HEXPIRE hash 1000 FIELDS 1 a".to_owned(),
        many("HSET large-hash", &|number| format!("field{number} {number}"), 600),
        "HEXPIRE large-hash 1000 FIELDS 2 field1 field2".to_owned(),
        "ZADD zset 1 a -0 b".to_owned(),
        many("ZADD large-zset", &|number| format!("{} member{number}", number % 7), 1000),
        "EXPIRE large-zset 1000".to_owned(),
        "SELECT 3".to_owned(),
        "SADD elsewhere a".to_owned(),
        "SELECT 0".to_owned(),
    ] {
        call(client, &line);
    }
    for number in 2..300 {
        call(client, &format!("XADD stream {number}-0 field value"));
    }
    call(client, "XREADGROUP GROUP g other STREAMS stream >");
    call(client, "XNACK stream g FAIL IDS 1 20-0");
    call(client, "XADD stream IDMP producer one * f v");
    call(client, "XADD stream IDMP producer two * f v");
}

#[test]
fn a_sound_database_has_no_problems() {
    let (db, mut client) = database();
    fill(&mut client);
    let report = db.check().unwrap();
    assert_eq!(report.problems, Vec::<String>::new());
    assert_eq!(report.keys, 17);
    assert!(report.records > 2000, "{report:?}");
    for line in ["FLUSHDB", "SWAPDB 0 3"] {
        call(&mut client, line);
        assert_eq!(problems(&db), Vec::<String>::new(), "after {line}");
    }
}

#[test]
fn whatever_is_taken_away_is_missed() {
    let (db, mut client) = database();
    fill(&mut client);
    for space in [Space::Meta, Space::Data, Space::Index, Space::Expiry, Space::Blob] {
        let records = records(&db, space);
        assert!(!records.is_empty());
        let step = (records.len() / 60).max(1);
        for (key, value) in records.into_iter().step_by(step) {
            // A chunk that is not there stands for zeros.
            if space == Space::Blob && value.len() > 2000 {
                continue;
            }
            commit(&db, |batch| batch.delete(space, &key));
            assert!(!problems(&db).is_empty(), "{} without {}", space.name(), key.escape_ascii());
            commit(&db, |batch| batch.put(space, &key, value));
        }
    }
    assert_eq!(problems(&db), Vec::<String>::new());
}

#[test]
fn whatever_is_added_is_too_much() {
    let (db, mut client) = database();
    fill(&mut client);
    for space in [Space::Meta, Space::Data, Space::Index, Space::Expiry, Space::Blob] {
        let records = records(&db, space);
        let step = (records.len() / 60).max(1);
        for (key, value) in records.into_iter().step_by(step) {
            // Under a longer name, as that of another version, and as that of another database.
            let mut changed = [[&key[..], b"~"].concat(), key.clone(), key.clone()];
            changed[1][key.len().min(8) - 1] ^= 0x40;
            changed[2][2] ^= 0x40;
            for key in &changed {
                commit(&db, |batch| batch.put(space, key, value.clone()));
                assert!(!problems(&db).is_empty(), "{} with {}", space.name(), key.escape_ascii());
                commit(&db, |batch| batch.delete(space, key));
            }
        }
    }
    assert_eq!(problems(&db), Vec::<String>::new());
}

/// SADD wrote the members of a set outside its header, and then not the header.
#[test]
fn adding_what_is_there_leaves_nothing_behind() {
    let (db, mut client) = database();
    for line in ["SADD set 1 2 3 a", "CONFIG SET set-max-listpack-entries 2", "SADD set a 1 2"] {
        call(&mut client, line);
    }
    assert_eq!(problems(&db), Vec::<String>::new());
    let members: Vec<String> = (0..20).map(|number| format!("{number:0200}")).collect();
    call(&mut client, "CONFIG SET set-max-listpack-entries 128 set-max-listpack-value 1000");
    for member in &members {
        call(&mut client, &format!("SADD full {member}"));
    }
    for member in &members {
        assert_eq!(call(&mut client, &format!("SADD full {member}")), Reply::Integer(0));
        assert_eq!(problems(&db), Vec::<String>::new());
    }
}

#[test]
fn a_library_of_functions_that_is_damaged() {
    let (db, mut client) = database();
    let library = "#!lua\tname=l\nredis.register_function('f',function()return(7)end)";
    call(&mut client, &format!("FUNCTION LOAD {library}"));
    assert!(problems(&db).is_empty());
    commit(&db, |batch| batch.put(Space::System, b"functions:l", Bytes::from_static(b"\x09")));
    assert!(problems(&db)[0].starts_with("library 'l'"), "{:?}", problems(&db));
}
