//! What the connection family does to a client of a server: passwords, replies, kills, pauses.

mod common;

use bytes::Bytes;
use common::clients::{Client, START_MS, Server};
use diskdb::api::Db;
use diskdb::config::Settings;
use diskdb::error::Error;
use diskdb::protocol::Reply;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

#[test]
fn a_password_is_asked_for() {
    let server = Server::start(Settings { requirepass: "secret".to_owned(), ..Settings::default() });
    let mut client = server.client(1);
    // Redis complains about the words first.
    assert!(client.says("NONSENSE").starts_with("ERR unknown command 'NONSENSE'"));
    assert_eq!(client.says("GET"), "ERR wrong number of arguments for 'get' command");
    for line in ["PING", "GET a", "CLIENT ID", "SELECT 1"] {
        assert_eq!(client.says(line), "NOAUTH Authentication required.");
    }
    assert!(client.says("HELLO 3").starts_with("NOAUTH HELLO must be called with the client already"));
    assert!(client.says("HELLO").starts_with("NOAUTH HELLO must be called with the client already"));
    let wrong = "WRONGPASS invalid username-password pair or user is disabled.";
    for line in ["AUTH wrong", "AUTH default wrong", "AUTH nobody secret", "HELLO 3 AUTH default wrong"] {
        assert_eq!(client.says(line), wrong);
    }
    assert_eq!(client.says("RESET"), "RESET");
    assert_eq!(client.says("AUTH secret"), "OK");
    assert_eq!(client.says("PING"), "PONG");
    assert_eq!(client.says("RESET"), "RESET");
    assert_eq!(client.says("PING"), "NOAUTH Authentication required.");
    assert!(matches!(client.call("HELLO 3 AUTH default secret SETNAME me"), Ok(Reply::Map(_))));
    assert_eq!(client.says("CLIENT GETNAME"), "me");
    assert_eq!(client.says("QUIT"), "OK");
    assert!(client.session.close_after_reply);
}

#[test]
fn changing_the_password_leaves_those_who_are_in() {
    let server = Server::start(Settings::default());
    let mut early = server.client(1);
    server.db.instance().acl.set_requirepass("secret");
    let mut late = server.client(2);
    assert_eq!(early.says("PING"), "PONG");
    assert_eq!(late.says("PING"), "NOAUTH Authentication required.");
    server.db.instance().acl.set_requirepass("");
    assert_eq!(late.says("PING"), "PONG");
}

#[test]
fn who_holds_the_data_needs_no_password() {
    let server = Server::start(Settings { requirepass: "secret".to_owned(), ..Settings::default() });
    assert_eq!(server.db.connect().call(&["PING".into()]).unwrap(), Reply::Simple("PONG".into()));
}

#[test]
fn replies_can_be_switched_off() {
    let server = Server::start(Settings::default());
    let mut client = server.client(1);
    let pong = || Some("PONG".to_owned());
    assert_eq!(client.sent("CLIENT REPLY SKIP"), None);
    assert_eq!(client.sent("PING"), None);
    assert_eq!(client.sent("PING"), pong());
    assert_eq!(client.sent("CLIENT REPLY SKIP"), None);
    assert_eq!(client.sent("CLIENT REPLY SKIP"), None);
    assert_eq!(client.sent("PING"), None);
    assert_eq!(client.sent("PING"), pong());
    assert_eq!(client.sent("CLIENT REPLY OFF"), None);
    assert_eq!(client.sent("PING"), None);
    assert_eq!(client.sent("NONSENSE"), None);
    assert_eq!(client.sent("CLIENT REPLY SKIP"), None);
    assert_eq!(client.sent("CLIENT REPLY ON"), Some("OK".to_owned()));
    assert_eq!(client.sent("CLIENT REPLY SKIP"), None);
    assert_eq!(client.sent("CLIENT REPLY ON"), Some("OK".to_owned()));
    assert_eq!(client.sent("CLIENT REPLY OFF"), None);
    assert_eq!(client.sent("RESET"), Some("RESET".to_owned()));
    assert_eq!(client.sent("PING"), pong());
}

#[test]
fn killing_by_each_filter() {
    let server = Server::start(Settings::default());
    let mut killer = server.client(1);
    let killed = |victim: &Client| victim.session.client.is_killed();
    let victim = server.client(2);
    assert_eq!(killer.says("CLIENT KILL 127.0.0.1:2"), "OK");
    assert!(killed(&victim));
    // A dead client cannot be killed again.
    assert_eq!(killer.says("CLIENT KILL 127.0.0.1:2"), "ERR No such client");
    victim.session.close(server.db.instance());
    let victim = server.client(3);
    let id = victim.session.id;
    assert_eq!(killer.says(&format!("CLIENT KILL ID {id} ADDR 127.0.0.1:4")), "Integer(0)");
    assert_eq!(killer.says(&format!("CLIENT KILL ID {id} ADDR 127.0.0.1:3 TYPE normal")), "Integer(1)");
    assert!(killed(&victim));
    let victim = server.client(4);
    server.clock.advance_ms(9_000);
    assert_eq!(killer.says("CLIENT KILL MAXAGE 10"), "Integer(0)");
    server.clock.advance_ms(1_000);
    let young = server.client(5);
    assert_eq!(killer.says("CLIENT KILL MAXAGE 10"), "Integer(1)");
    assert!(killed(&victim) && !killed(&young));
    assert_eq!(killer.says("CLIENT KILL LADDR 127.0.0.1:6380 USER default"), "Integer(1)");
    assert!(killed(&young) && !killer.session.close_after_reply);
    assert_eq!(killer.says("CLIENT KILL TYPE normal SKIPME no"), "Integer(1)");
    assert!(killer.session.close_after_reply && !killed(&killer));
}

/// While writes are held back, nothing is written: keys that die are gone for whoever looks, but lie
/// where they were.
#[test]
fn pauses_hold_expiry_back() {
    let server = Server::start(Settings::default());
    let keyspace = &server.db.instance().keyspace;
    for scope in ["WRITE", "ALL"] {
        let (mut client, mut admin) = (server.client(1), server.client(2));
        assert_eq!(client.says("SET k v PX 100"), "OK");
        assert_eq!(admin.says(&format!("CLIENT PAUSE 1000 {scope}")), "OK");
        server.clock.advance_ms(200);
        if scope == "WRITE" {
            for (line, reply) in [
                ("GET k", "Null"),
                ("EXISTS k", "Integer(0)"),
                ("PTTL k", "Integer(-2)"),
                ("TYPE k", "none"),
                ("RANDOMKEY", "Null"),
                ("KEYS *", "Array([])"),
                ("DBSIZE", "Integer(0)"),
            ] {
                assert_eq!(client.says(line), reply, "{line}");
            }
        }
        assert_eq!(keyspace.expire_due(10).unwrap(), 0);
        assert_eq!(keyspace.key_count(0).unwrap(), 1);
        // It ends with the pause, by time or by word.
        if scope == "WRITE" {
            server.clock.advance_ms(800);
            assert_eq!(client.says("GET k"), "Null");
        } else {
            server.db.instance().unpause_clients();
            assert_eq!(keyspace.expire_due(10).unwrap(), 1);
        }
        assert_eq!(keyspace.key_count(0).unwrap(), 0);
    }
}

#[test]
fn pauses_hold_commands_back() {
    let server = Server::start(Settings::default());
    let mut client = server.client(1);
    assert_eq!(client.says("CLIENT PAUSE 1000 WRITE"), "OK");
    let until_ms = START_MS + 1000;
    assert!(matches!(client.call("SET a b"), Err(Error::Paused { until_ms: until }) if until == until_ms));
    assert_eq!(client.says("GET a"), format!("{:?}", Reply::Null));
    // Who asks for nonsense is told at once.
    assert_eq!(client.says("SET a"), "ERR wrong number of arguments for 'set' command");
    assert_eq!(client.says("CLIENT PAUSE 500"), "OK");
    assert!(matches!(client.call("GET a"), Err(Error::Paused { until_ms: until }) if until == until_ms));
    let woken = Arc::new(AtomicUsize::new(0));
    let counter = woken.clone();
    client.session.client.on_wake(move || {
        counter.fetch_add(1, Ordering::SeqCst);
    });
    server.db.instance().unpause_clients();
    assert_eq!(woken.load(Ordering::SeqCst), 1);
    assert_eq!(client.says("SET a b"), "OK");
    assert_eq!(client.says("CLIENT PAUSE 1000 WRITE"), "OK");
    server.clock.advance_ms(1000);
    assert_eq!(client.says("SET a c"), "OK");
}

#[test]
fn a_line_tells_what_the_server_counts() {
    let server = Server::start(Settings::default());
    let mut client = server.client(1);
    let counters = &client.session.client.counters;
    counters.query_buffer_bytes.store(11, Ordering::Relaxed);
    counters.query_buffer_free_bytes.store(12, Ordering::Relaxed);
    counters.output_bytes.store(30_000, Ordering::Relaxed);
    counters.output_pieces.store(1, Ordering::Relaxed);
    counters.output_pieces_bytes.store(20_000, Ordering::Relaxed);
    counters.net_in_bytes.store(13, Ordering::Relaxed);
    counters.net_out_bytes.store(14, Ordering::Relaxed);
    server.clock.advance_ms(5_500);
    client.session.client.interacted(START_MS + 2_000);
    assert_eq!(client.says("CLIENT NO-TOUCH on"), "OK");
    let line = client.says("CLIENT INFO");
    for part in [
        "id=1 addr=127.0.0.1:1 laddr=127.0.0.1:6380 fd=9 name= age=5 idle=3 flags=T db=0 ",
        " qbuf=11 qbuf-free=12 ",
        " obl=10000 oll=1 omem=20000 ",
        " events=rw cmd=client|info user=default ",
        " tot-net-in=13 tot-net-out=14 tot-cmds=1\n",
    ] {
        assert!(line.contains(part), "{part:?} is not in {line:?}");
    }
}

#[test]
fn fieldsets_count_as_memory_of_the_client() {
    let mut connection = Db::in_memory(Settings::default()).unwrap().connect();
    let session = &mut connection.session;
    let before = session.client.memory_bytes();
    let fields = [Bytes::from_static(b"name"), Bytes::from(vec![b'x'; 1000])];
    session.prepare_fieldset(b"a", &fields);
    session.prepare_fieldset(b"a", &fields);
    let one = session.client.memory_bytes() - before;
    assert!((1004..2008).contains(&one), "{one}");
    session.prepare_fieldset(b"b", &fields);
    assert_eq!(session.client.memory_bytes() - before, 2 * one);
    assert!(session.discard_fieldset(b"b") && !session.discard_fieldset(b"b"));
    assert_eq!(session.client.memory_bytes() - before, one);
    assert_eq!(session.discard_fieldsets(), 1);
    assert_eq!(session.client.memory_bytes(), before);
}
