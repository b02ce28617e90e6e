//! What string and bitmap commands, and some of hashes, tell the observers, and what they say to keys of other types.

mod common;

use bytes::Bytes;
use common::words;
use diskdb::api::{Connection, Db};
use diskdb::config::Settings;
use diskdb::encoding::meta::Meta;
use diskdb::encoding::numbers::Kind;
use diskdb::keyspace::event::{Commit, Event, Observer};
use diskdb::keyspace::{Keys, Origin};
use diskdb::protocol::Reply;
use diskdb::storage::ReadTier;
use parking_lot::Mutex;
use std::sync::Arc;

/// Writes down what it is told: `event key`.
#[derive(Default)]
struct Recorder(Mutex<Vec<String>>);

impl Observer for Recorder {
    fn committed(&self, commit: &Commit) {
        let told = commit.changes.iter();
        self.0.lock().extend(
            told.map(|change| format!("{} {}", change.event.name, String::from_utf8_lossy(&change.key))),
        );
    }
}

fn call(client: &mut Connection, line: &str) -> Reply {
    client.call(&words(line)).unwrap_or_else(|error| Reply::Error(error.to_string().into()))
}

/// Commands and the events of redis-server 7.0.15 (`notify-keyspace-events EA`), but for two: a
/// value that is dead when it is set is deleted at once, and a field that does not fit but makes
/// the value longer is told, for a change must be.
const EVENTS: &[(&str, &[&str])] = &[
    ("SET k v", &["set k"]),
    ("SET k v EX 100", &["set k", "expire k"]),
    ("SET k v KEEPTTL", &["set k"]),
    ("SET k v NX", &[]),
    ("SET k w IFEQ x", &[]),
    ("SET k v EXAT 1", &["del k"]),
    ("SETEX k 100 v", &["set k", "expire k"]),
    ("PSETEX k 100000 v", &["set k", "expire k"]),
    ("SETNX n v", &["set n"]),
    ("SETNX n v", &[]),
    ("GETSET k v", &["set k"]),
    ("GETEX k", &[]),
    ("GETEX k EX 100", &["expire k"]),
    ("GETEX k PERSIST", &["persist k"]),
    ("GETEX k PERSIST", &[]),
    ("GETEX k EXAT 1", &["del k"]),
    ("GETDEL n", &["del n"]),
    ("GETDEL n", &[]),
    ("SET d v", &["set d"]),
    ("DELEX d IFEQ x", &[]),
    ("DELEX d IFEQ v", &["del d"]),
    ("MSET a 1 b 2", &["set a", "set b"]),
    ("MSETNX a 1 b 2", &[]),
    ("MSETNX x 1 y 2", &["set x", "set y"]),
    ("MSETEX 2 x 1 y 2 EX 100", &["set x", "expire x", "set y", "expire y"]),
    ("MSETEX 1 x 1 KEEPTTL", &["set x"]),
    ("APPEND a 1", &["append a"]),
    ("APPEND a ", &["append a"]),
    ("APPEND fresh x", &["append fresh"]),
    ("SETRANGE a 0 z", &["setrange a"]),
    ("SETRANGE a 40000 z", &["setrange a"]),
    ("SETRANGE a 0 ", &[]),
    ("SETRANGE none 0 ", &[]),
    ("INCR b", &["incrby b"]),
    ("DECR b", &["incrby b"]),
    ("INCRBY b 0", &["incrby b"]),
    ("INCRBYFLOAT b 1.5", &["incrbyfloat b"]),
    ("INCREX i BYINT 5", &["incrby i"]),
    ("INCREX i BYINT 5 UBOUND 0", &[]),
    ("INCREX i BYFLOAT 0.5 EX 100", &["incrbyfloat i", "expire i"]),
    ("INCREX i BYFLOAT 0.5 PERSIST", &["incrbyfloat i", "persist i"]),
    ("INCREX i BYFLOAT 1 EXAT 1", &["del i"]),
    ("SETBIT s 7 0", &["setbit s"]),
    ("SETBIT s 7 0", &[]),
    ("SETBIT s 7 1", &["setbit s"]),
    ("BITFIELD s GET u8 0", &[]),
    ("BITFIELD s SET u8 0 1 INCRBY u8 0 1", &["setbit s"]),
    ("BITFIELD s SET u8 0 2", &[]),
    ("BITFIELD s OVERFLOW FAIL INCRBY u2 0 5", &[]),
    ("BITFIELD s OVERFLOW FAIL INCRBY u2 64 5", &["setbit s"]),
    ("BITOP NOT d s", &["set d"]),
    ("BITOP AND d none none2", &["del d"]),
    ("BITOP AND d none none2", &[]),
    ("HSETEX h EX 100 FIELDS 2 a 1 b 2", &["hset h", "hexpire h"]),
    ("HSETEX h EXAT 1 FIELDS 1 a 1", &["hset h", "hdel h"]),
    ("HSETEX h EXAT 1 FIELDS 1 b 1", &["hset h", "hdel h", "del h"]),
    ("HSETEX h EXAT 1 FIELDS 1 b 1", &[]),
];

#[test]
fn events_are_those_of_redis() {
    let db = Db::in_memory(Settings::default()).unwrap();
    let recorder = Arc::new(Recorder::default());
    db.instance().keyspace.observe(recorder.clone());
    let mut client = db.connect();
    for (line, expected) in EVENTS {
        let reply = call(&mut client, line);
        assert!(!matches!(reply, Reply::Error(_)), "{line}: {reply:?}");
        assert_eq!(&std::mem::take(&mut *recorder.0.lock()), expected, "{line}");
    }
}

#[test]
fn keys_of_other_types_are_left_alone() {
    let db = Db::in_memory(Settings::default()).unwrap();
    let key = Bytes::from_static(b"list");
    let origin = Origin { db: 0, client: 0, tier: ReadTier::Disk };
    let put_list = || {
        let written = db.instance().keyspace.write(origin, &Keys::one(&key), |tx| {
            let mut slot = tx.slot(&key)?;
            tx.put(&mut slot, Meta::inline(Kind::List, Bytes::new()), Event::SET);
            Ok(())
        });
        written.unwrap();
    };
    put_list();
    let mut client = db.connect();
    let refused = "APPEND list v|DECR list|DECRBY list 1|DIGEST list|GET list|GETDEL list|GETEX list|\
        GETEX list EX 0|GETRANGE list 0 1|GETSET list v|INCR list|INCRBY list 1|INCRBYFLOAT list 1|\
        INCRBYFLOAT list x|INCREX list|INCREX list BYFLOAT 1|SET list v GET|SET list v IFEQ x|SET list v IFDNE x|\
        SETRANGE list 0 v|SETRANGE list 0 |STRLEN list|SUBSTR list 0 1|BITCOUNT list|BITFIELD list GET u8 0|\
        BITFIELD list SET u8 0 1|BITFIELD_RO list GET u8 0|BITOP AND d list|BITPOS list 1|GETBIT list 0|\
        SETBIT list 0 1";
    for line in refused.split('|') {
        let wrong_type = "WRONGTYPE Operation against a key holding the wrong kind of value";
        assert_eq!(call(&mut client, line), Reply::Error(wrong_type.into()), "{line}");
    }
    for (line, text) in [
        ("LCS list none", "ERR The specified keys must contain string values"),
        ("LCS list none BAD", "ERR The specified keys must contain string values"),
        ("DELEX list IFEQ v", "ERR Key should be of string type if conditions are specified"),
        ("DELEX list FOO v", "ERR Key should be of string type if conditions are specified"),
    ] {
        assert_eq!(call(&mut client, line), Reply::Error(text.into()), "{line}");
    }
    assert_eq!(call(&mut client, "MGET list"), Reply::Array(vec![Reply::Null]));
    assert_eq!(call(&mut client, "SETNX list v"), Reply::Integer(0));
    // These replace whatever is there.
    for line in ["SET list v", "SETEX list 10 v", "PSETEX list 10000 v", "MSET list v", "DELEX list"] {
        put_list();
        let reply = call(&mut client, line);
        assert!(!matches!(reply, Reply::Error(_)), "{line}: {reply:?}");
    }
}

#[test]
fn no_string_grows_beyond_the_limit() {
    let settings = Settings { proto_max_bulk_len: 1 << 20, ..Settings::default() };
    let mut client = Db::in_memory(settings).unwrap().connect();
    assert_eq!(call(&mut client, "SETRANGE k 1048575 v"), Reply::Integer(1 << 20));
    let too_long = Reply::Error("ERR string exceeds maximum allowed size (proto-max-bulk-len)".into());
    for line in ["APPEND k v", "SETRANGE k 1048576 v"] {
        assert_eq!(call(&mut client, line), too_long, "{line}");
    }
    assert_eq!(call(&mut client, "STRLEN k"), Reply::Integer(1 << 20));
}

#[test]
fn no_string_has_more_chunks_than_there_are_numbers_for() {
    let settings = Settings { proto_max_bulk_len: i64::MAX as u64, ..Settings::default() };
    let mut client = Db::in_memory(settings).unwrap().connect();
    assert_eq!(call(&mut client, "SET k v"), Reply::Ok);
    let too_long = Reply::Error("ERR string exceeds maximum allowed size (proto-max-bulk-len)".into());
    assert_eq!(call(&mut client, "SETRANGE k 70368744177664 x"), too_long);
    let bad_offset = Reply::Error("ERR bit offset is not an integer or out of range".into());
    assert_eq!(call(&mut client, "SETBIT k 562949953421312 1"), bad_offset);
    assert_eq!(call(&mut client, "GET k"), Reply::text("v"));
}
