//! `min-free-disk-space`: without room, reads and deletes go on.

mod common;

use common::words;
use diskdb::api::Db;
use diskdb::config::Settings;
use diskdb::protocol::Reply;

/// What INFO says of the last write.
fn is_written(info: Reply) -> bool {
    let Reply::Verbatim("txt", text) = info else { panic!("INFO is verbatim text") };
    let text = String::from_utf8(text.to_vec()).unwrap();
    text.contains("aof_last_write_status:ok")
}

#[test]
fn without_room_only_what_needs_room_is_refused() {
    let db = Db::in_memory(Settings { min_free_disk_space: 10, ..Settings::default() }).unwrap();
    let mut client = db.connect();
    let mut call = |line: &str| client.call(&words(line));
    let room = &db.instance().disk_room;
    room.look(None);
    assert_eq!(call("SET a b").unwrap(), Reply::Ok);
    assert!(is_written(call("INFO persistence").unwrap()));
    room.look(Some(9));
    assert!(!is_written(call("INFO persistence").unwrap()));
    for refused in ["SET a c", "APPEND a x", "SETBIT a 1 1"] {
        let error = call(refused).unwrap_err().to_string();
        assert!(error.starts_with("MISCONF ") && error.contains("min-free-disk-space"), "{error}");
    }
    assert_eq!(call("STRLEN a").unwrap(), Reply::Integer(1));
    assert_eq!(call("DEL a").unwrap(), Reply::Integer(1));
    room.look(Some(10));
    assert!(is_written(call("INFO persistence").unwrap()));
    assert_eq!(call("SET a c").unwrap(), Reply::Ok);
}
