//! Access control, where it takes several clients, files, or a user that is changed meanwhile.

mod common;

use common::clients::{Client, Server};
use common::words;
use diskdb::api::Db;
use diskdb::clock::SystemClock;
use diskdb::config::Settings;
use diskdb::error::Error;
use diskdb::instance::clients::Unblock;
use diskdb::protocol::Reply;
use std::path::Path;

fn server() -> Server {
    Server::start(Settings::default())
}

/// A client that is this user, with these rules.
fn user<'a>(server: &'a Server, name: &str, rules: &str) -> Client<'a> {
    let mut client = server.client(100);
    assert_eq!(client.says(&format!("ACL SETUSER {name} on nopass {rules}")), "OK");
    assert_eq!(client.says(&format!("AUTH {name} x")), "OK");
    client
}

/// One field of the newest entry of `ACL LOG`.
fn logged(client: &mut Client, field: &str) -> Reply {
    let Ok(Reply::Array(entries)) = client.call("ACL LOG 1") else { panic!() };
    let Some(Reply::Map(fields)) = entries.into_iter().next() else { panic!("nothing is logged") };
    let is_asked = |(name, _): &(Reply, Reply)| *name == Reply::bulk(field.to_owned());
    fields.into_iter().find(is_asked).unwrap().1
}

fn logged_text(client: &mut Client, field: &str) -> String {
    match logged(client, field) {
        Reply::Bulk(text) => String::from_utf8(text.to_vec()).unwrap(),
        other => panic!("{other:?}"),
    }
}

const NO_KEY: &str = "NOPERM this user has no permissions to access one of the keys used as arguments";

#[test]
fn the_default_user_is_one_like_any_other() {
    let server = server();
    let mut admin = user(&server, "admin", "+@all ~* &*");
    let mut client = server.client(1);
    assert_eq!(admin.says("ACL SETUSER default -@all +ping"), "OK");
    assert_eq!(client.says("PING"), "PONG");
    assert_eq!(client.says("GET a"), "NOPERM this user has no permissions to run the 'get' command");
    // What everybody may do cannot be taken away.
    for (line, reply) in [("RESET", "RESET"), ("AUTH default x", "OK"), ("QUIT", "OK")] {
        assert_eq!(client.says(line), reply);
    }
    assert_eq!(admin.says("ACL SETUSER default resetpass >secret +@all"), "OK");
    assert_eq!(client.says("GET a"), "Null");
    let mut late = server.client(2);
    assert_eq!(late.says("PING"), "NOAUTH Authentication required.");
    assert_eq!(late.says("AUTH secret"), "OK");
    assert_eq!(admin.says("CONFIG SET requirepass other"), "OK");
    assert!(server.client(3).says("AUTH secret").starts_with("WRONGPASS"));
    assert_eq!(server.client(3).says("AUTH other"), "OK");
    assert_eq!(admin.says("ACL SETUSER default off"), "OK");
    assert_eq!(server.client(4).says("PING"), "NOAUTH Authentication required.");
    // Who is in, stays.
    assert_eq!(late.says("PING"), "PONG");
}

#[test]
fn clients_of_a_deleted_user_are_disconnected() {
    let server = server();
    let mut admin = server.client(1);
    let bob = user(&server, "bob", "+@all");
    let mut other = user(&server, "other", "+@all");
    assert_eq!(admin.says("ACL DELUSER bob nobody"), "Integer(1)");
    assert!(bob.session.client.is_killed());
    assert!(!other.session.client.is_killed() && !admin.session.client.is_killed());
    // Who deletes itself gets its reply.
    assert_eq!(other.says("ACL DELUSER other"), "Integer(1)");
    assert!(other.session.close_after_reply && !other.session.client.is_killed());
    assert_eq!(admin.says("ACL DELUSER default"), "ERR The 'default' user cannot be removed");
}

#[test]
fn a_change_holds_for_those_who_are_in() {
    let server = server();
    let mut admin = server.client(1);
    let mut bob = user(&server, "bob", "+get ~a");
    assert_eq!(bob.says("GET a"), "Null");
    assert_eq!(admin.says("ACL SETUSER bob resetkeys ~b"), "OK");
    assert_eq!(bob.says("GET a"), NO_KEY);
    assert_eq!(bob.says("RESET"), "RESET");
    assert_eq!(bob.says("GET a"), "Null");
    assert_eq!(admin.says("ACL SETUSER bob off"), "OK");
    assert!(bob.says("AUTH bob x").starts_with("WRONGPASS"));
    assert_eq!(logged_text(&mut admin, "reason"), "auth");
    assert_eq!(logged_text(&mut admin, "username"), "bob");
    assert_eq!(logged_text(&mut admin, "object"), "AUTH");
    assert!(bob.call("hello 3 AUTH bob x").is_err());
    assert_eq!(logged_text(&mut admin, "object"), "hello");
}

#[test]
fn a_blocked_command_is_looked_at_again_when_it_runs() {
    let server = server();
    let mut admin = server.client(1);
    let mut bob = user(&server, "bob", "+@all ~*");
    let mut next = server.client(2);
    for client in [&mut bob, &mut next] {
        assert!(matches!(client.call("BLPOP list 0"), Err(Error::Blocked { .. })));
        client.session.client.begin_wait();
    }
    assert_eq!(admin.says("ACL SETUSER bob resetkeys"), "OK");
    assert_eq!(admin.says("RPUSH list a"), "Integer(1)");
    bob.session.wait_ended = Some(Unblock::Served);
    assert_eq!(bob.says("BLPOP list 0"), NO_KEY);
    assert_eq!(logged_text(&mut admin, "object"), "list");
    // The element is for who comes next.
    next.session.wait_ended = Some(Unblock::Served);
    assert!(next.says("BLPOP list 0").contains("b\"a\""));
}

#[test]
fn a_transaction_is_looked_at_when_it_is_collected_and_when_it_runs() {
    let server = server();
    let mut admin = server.client(1);
    let mut bob = user(&server, "bob", "+@transaction +set +get ~a");
    assert_eq!(bob.says("MULTI"), "OK");
    assert_eq!(bob.says("SET b 1"), NO_KEY);
    assert_eq!(logged_text(&mut admin, "context"), "multi");
    assert!(bob.says("EXEC").starts_with("EXECABORT"));
    assert_eq!(bob.says("MULTI"), "OK");
    for line in ["SET a 1", "GET a"] {
        assert_eq!(bob.says(line), "QUEUED");
    }
    assert_eq!(admin.says("ACL SETUSER bob -set"), "OK");
    let Ok(Reply::Array(replies)) = bob.call("EXEC") else { panic!() };
    assert!(
        matches!(&replies[0], Reply::Error(text) if text.ends_with("permission to execute the command or subcommand"))
    );
    assert_eq!(replies[1], Reply::Null);
    assert_eq!(logged_text(&mut admin, "object"), "set");
    assert_eq!(admin.says("GET a"), "Null");
}

#[test]
fn refusals_of_a_kind_are_one_entry() {
    let server = server();
    let mut admin = server.client(1);
    let mut bob = user(&server, "bob", "+get");
    for _ in 0..3 {
        assert_eq!(bob.says("GET a"), NO_KEY);
    }
    server.clock.advance_ms(1_500);
    assert_eq!(logged(&mut admin, "count"), Reply::Integer(3));
    assert_eq!(logged(&mut admin, "age-seconds"), Reply::Double(1.5));
    assert_eq!(logged_text(&mut admin, "reason"), "key");
    assert!(logged_text(&mut admin, "client-info").contains(" cmd=get user=bob "));
    let info = admin.says("INFO stats");
    assert!(info.contains("acl_access_denied_key:3\r\n") && info.contains("acl_access_denied_cmd:0\r\n"));
    assert_eq!(admin.says("CONFIG SET acllog-max-len 0"), "OK");
    assert_eq!(admin.says("ACL LOG"), "Array([])");
    assert_eq!(admin.says("CONFIG RESETSTAT"), "OK");
    assert!(admin.says("INFO stats").contains("acl_access_denied_key:0\r\n"));
}

#[test]
fn new_users_use_channels_as_the_directive_says() {
    let server = server();
    let mut admin = server.client(1);
    assert_eq!(admin.says("CONFIG SET acl-pubsub-default allchannels"), "OK");
    for line in ["ACL SETUSER a", "ACL SETUSER b reset (+get)", "ACL SETUSER c resetchannels &x"] {
        assert_eq!(admin.says(line), "OK");
    }
    assert!(admin.says("ACL SETUSER d &x").contains("Try 'resetchannels' to start with an empty list"));
    let lines = server.db.instance().acl.lines();
    let lines: Vec<String> = lines.into_iter().map(|line| String::from_utf8(line).unwrap()).collect();
    assert_eq!(
        lines,
        [
            "user a off &* -@all",
            "user b off sanitize-payload &* -@all (&* -@all +get)",
            "user c off resetchannels &x -@all",
            "user default on nopass ~* &* +@all"
        ]
    );
}

#[test]
fn channels_are_allowed_by_pattern_and_patterns_as_they_are() {
    const NO_CHANNEL: &str =
        "NOPERM this user has no permissions to access one of the channels used as arguments";
    let server = server();
    let mut admin = server.client(1);
    let mut bob = user(&server, "bob", "+@all resetchannels &foo:1 &bar:*");
    for line in ["PUBLISH foo:1 x", "PUBLISH bar:2 x", "SPUBLISH bar:2 x"] {
        assert_eq!(bob.says(line), "Integer(0)", "{line}");
    }
    for line in [
        "PUBLISH zap:3 x",
        "SPUBLISH zap:3 x",
        "SUBSCRIBE foo:1 zap:3",
        "SSUBSCRIBE zap:3",
        "PSUBSCRIBE bar:baz",
        "PSUBSCRIBE foo:*",
    ] {
        assert_eq!(bob.says(line), NO_CHANNEL, "{line}");
    }
    assert_eq!(logged_text(&mut admin, "reason"), "channel");
    assert_eq!(logged_text(&mut admin, "object"), "foo:*");
    for line in ["SUBSCRIBE foo:1", "SSUBSCRIBE bar:x", "PSUBSCRIBE foo:1 bar:*", "UNSUBSCRIBE zap"] {
        assert!(bob.call(line).is_ok(), "{line}");
    }
    // Subscribers stay while they may hear all they hear.
    for rules in ["resetchannels &foo:1 &bar:* &more", "allchannels", "(+get) resetchannels &foo:1 &bar:*"] {
        assert_eq!(admin.says(&format!("ACL SETUSER bob {rules}")), "OK");
        assert!(!bob.session.client.is_killed(), "{rules}");
    }
    assert_eq!(admin.says("ACL SETUSER bob resetchannels &foo:1 &bar:x"), "OK");
    assert!(bob.session.client.is_killed());
}

fn settings_with_file(path: &Path) -> Settings {
    Settings { aclfile: path.display().to_string(), ..Settings::default() }
}

#[test]
fn a_file_of_users() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("users.acl");
    std::fs::write(
        &path,
        "user default on nopass ~* &* +@all\nuser bob on >b (+get ~x)\nuser eve on >e +@all\n",
    )
    .unwrap();
    let server = Server::start(settings_with_file(&path));
    let (mut admin, mut bob, mut eve) = (server.client(1), server.client(2), server.client(3));
    assert_eq!((bob.says("AUTH bob b"), eve.says("AUTH eve e")), ("OK".to_owned(), "OK".to_owned()));
    assert_eq!(admin.says("ACL SETUSER carol on >c"), "OK");
    assert_eq!(admin.says("ACL DELUSER eve"), "Integer(1)");
    assert_eq!(admin.says("ACL SAVE"), "OK");
    let saved = std::fs::read_to_string(&path).unwrap();
    let hash = |password: &[u8]| diskdb::instance::acl::password::PasswordHash::of(password).text();
    let bob_line = format!("user bob on #{} resetchannels -@all (~x resetchannels -@all +get)", hash(b"b"));
    let carol_line = format!("user carol on #{} resetchannels -@all", hash(b"c"));
    assert_eq!(saved, format!("{bob_line}\n{carol_line}\nuser default on nopass ~* &* +@all\n"));
    // A file with errors changes nothing; one without keeps those who stay.
    std::fs::write(&path, "user bob on nopass\nuser carol +nope\n").unwrap();
    let refused = admin.says("ACL LOAD");
    assert!(refused.contains(":2: Error in applying operation '+nope': Unknown command"), "{refused}");
    assert_eq!(bob.says("GET x"), "Null");
    std::fs::write(&path, "user bob on nopass +get ~y\n").unwrap();
    let carol = user(&server, "carol", "+@all");
    assert_eq!(admin.says("ACL LOAD"), "OK");
    assert_eq!((bob.says("GET x"), bob.says("GET y")), (NO_KEY.to_owned(), "Null".to_owned()));
    assert!(carol.session.client.is_killed() && !bob.session.client.is_killed());
    std::fs::remove_file(&path).unwrap();
    assert!(admin.says("ACL LOAD").starts_with("ERR Error loading ACLs, opening file"));
}

#[test]
fn users_that_make_no_sense_stop_the_start() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("users.acl");
    let start = |settings: Settings| {
        Db::open_with_clock(settings, std::sync::Arc::new(SystemClock)).err().unwrap().to_string()
    };
    let memory =
        |settings: Settings| Settings { engine: diskdb::config::values::EngineKind::Memory, ..settings };
    assert!(start(memory(settings_with_file(&path))).contains("opening file"));
    std::fs::write(&path, "user bob on\nuser bob on\n").unwrap();
    assert!(start(memory(settings_with_file(&path))).contains("Duplicate user 'bob' found on line 2"));
    let users = |line: &str| vec![line.split(' ').map(str::to_owned).collect::<Vec<_>>()];
    let both = Settings { users: users("bob on"), ..settings_with_file(&path) };
    assert!(start(memory(both)).contains("is invalid"));
    let unknown = Settings { users: users("bob on +nope"), ..Settings::default() };
    assert!(start(memory(unknown)).contains("Error in user declaration '+nope'"));
}

#[test]
fn users_of_the_conf_file_and_config_rewrite() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("diskdb.conf");
    let load = || {
        let text = std::fs::read_to_string(&path).unwrap();
        Settings::load(Some((path.to_str().unwrap(), &text)), std::iter::empty(), &[]).unwrap()
    };
    let text = "port 7000\nuser default on nopass ~* +@all -flushdb\n# bob\nuser bob on >b ( +get ~x )\n";
    std::fs::write(&path, text).unwrap();
    let server = Server::start(load());
    let mut client = server.client(1);
    assert!(client.says("FLUSHDB").starts_with("NOPERM"));
    assert_eq!(client.says("AUTH bob b"), "OK");
    assert_eq!(server.client(2).says("ACL SETUSER bob ~y"), "OK");
    assert_eq!(server.client(2).says("CONFIG REWRITE"), "OK");
    let lines = server.db.instance().acl.lines();
    let rewritten = std::fs::read_to_string(&path).unwrap();
    assert!(rewritten.starts_with("port 7000\nuser bob on \"#"), "{rewritten}");
    assert!(
        rewritten.contains("\nuser default on nopass ~* resetchannels +@all -flushdb\n# bob\n"),
        "{rewritten}"
    );
    let again = Server::start(load());
    assert_eq!(again.db.instance().acl.lines(), lines);
    // Users that requirepass says all about have no line.
    let mut admin = again.client(3);
    for line in ["ACL DELUSER bob", "ACL SETUSER default allchannels +@all", "CONFIG REWRITE"] {
        assert!(admin.call(line).is_ok());
    }
    let rewritten = std::fs::read_to_string(&path).unwrap();
    assert!(!rewritten.contains("user"), "{rewritten}");
}

#[test]
fn who_holds_the_data_may_do_everything() {
    let server = server();
    assert_eq!(server.client(1).says("ACL SETUSER default -@all"), "OK");
    let mut inside = server.db.connect();
    assert_eq!(inside.call(&words("GET a")).unwrap(), Reply::Null);
    assert_eq!(inside.call(&words("ACL SETUSER bob on nopass +get ~b")).unwrap(), Reply::Ok);
    assert_eq!(inside.call(&words("AUTH bob x")).unwrap(), Reply::Ok);
    assert_eq!(inside.call(&words("GET a")).unwrap_err().to_string(), NO_KEY);
}
