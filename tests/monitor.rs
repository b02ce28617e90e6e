//! MONITOR: what others hear of a client's commands.

use bytes::Bytes;
use diskdb::api::{Connection, Db};
use diskdb::config::Settings;
use diskdb::config::values::EngineKind;
use diskdb::protocol::{Message, Reply};
use std::sync::Arc;

fn call(client: &mut Connection, line: &str) {
    let words: Vec<Bytes> = line.split(' ').map(|word| Bytes::copy_from_slice(word.as_bytes())).collect();
    // An error is heard of as well.
    let _ = client.call(&words);
}

/// What a client has heard, without the time.
fn heard(client: &Connection) -> Vec<String> {
    let line = |message: &Arc<Message>| match message.reply() {
        Reply::Simple(line) => {
            let (time, rest) = line.split_once(' ').expect("a time");
            let (seconds, us) = time.split_once('.').expect("a fraction");
            assert!(seconds.parse::<u64>().is_ok() && us.len() == 6 && us.parse::<u32>().is_ok(), "{time}");
            rest.to_owned()
        }
        other => panic!("a line, not {other:?}"),
    };
    client.session.client.take_mail().iter().map(line).collect()
}

#[test]
fn others_hear_what_has_run_in_order() {
    let db = Db::open(Settings { engine: EngineKind::Memory, ..Settings::default() }).unwrap();
    let (mut listener, mut client) = (db.connect(), db.connect());
    call(&mut client, "SET before 1");
    call(&mut listener, "MONITOR");
    call(&mut listener, "MONITOR");
    for line in [
        "SET \"k\n\u{e4} v",
        "GET",
        "INCR x",
        "HGET x f",
        "CONFIG GET port",
        "AUTH a secret",
        "SELECT 3",
        "MULTI",
        "GET k",
        "EXEC",
    ] {
        call(&mut client, line);
    }
    let expected = [
        r#"[0 embedded:0] "SET" "\"k\n\xc3\xa4" "v""#,
        r#"[0 embedded:0] "INCR" "x""#,
        r#"[0 embedded:0] "HGET" "x" "f""#,
        r#"[0 embedded:0] "AUTH" "(redacted)" "(redacted)""#,
        r#"[3 embedded:0] "SELECT" "3""#,
        r#"[3 embedded:0] "MULTI""#,
        r#"[3 embedded:0] "GET" "k""#,
        r#"[3 embedded:0] "EXEC""#,
    ];
    assert_eq!(heard(&listener), expected);
    call(&mut listener, "RESET");
    call(&mut client, "SET after 1");
    assert!(heard(&listener).is_empty() && db.instance().monitors.is_empty());
}

#[test]
fn a_listener_that_goes_is_forgotten() {
    let db = Db::open(Settings { engine: EngineKind::Memory, ..Settings::default() }).unwrap();
    let mut listener = db.connect();
    call(&mut listener, "MONITOR");
    assert!(!db.instance().monitors.is_empty());
    drop(listener);
    assert!(db.instance().monitors.is_empty());
}
