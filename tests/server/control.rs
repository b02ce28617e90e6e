//! What clients do to themselves, to each other and to the server.

use super::support::*;
use diskdb::api::Db;
use diskdb::config::Settings;
use diskdb::server::{Ports, Server};
use std::net::TcpStream;
use std::time::{Duration, Instant};

#[test]
fn kill_closes_another_client_at_once() {
    let server = start(settings());
    let mut victim = connect(&server);
    victim.send("CLIENT ID\r\n");
    let id = victim.line()[1..].to_owned();
    let mut killer = connect(&server);
    killer.call(&format!("CLIENT KILL ID {id}"), ":1\r\n");
    victim.expect_end();
    killer.call(&format!("CLIENT KILL ID {id}"), ":0\r\n");
    // One that does not read what it has asked for.
    let mut stuck = connect(&server);
    stuck.send("CLIENT ID\r\n");
    let id = stuck.line()[1..].to_owned();
    stuck.send(command(&[b"SET", b"big", &vec![b'x'; 20 << 20]]));
    stuck.expect("+OK\r\n");
    stuck.send("GET big\r\nGET big\r\nGET big\r\n");
    std::thread::sleep(Duration::from_millis(100));
    killer.call(&format!("CLIENT KILL ID {id}"), ":1\r\n");
    assert!(stuck.rest().len() < 60 << 20);
    server.stop().unwrap();
}

#[test]
fn the_list_of_clients_is_right() {
    let server = start(settings());
    let mut one = connect(&server);
    one.call("CLIENT SETNAME one", "+OK\r\n");
    let mut other = connect(&server);
    other.send("CLIENT LIST\r\n");
    let length: usize = other.line()[1..].parse().unwrap();
    let list = other.take(length + 2);
    assert_eq!(list.lines().count(), 2);
    let first = list.lines().next().unwrap();
    let addr = format!(" addr={} ", one.stream.local_addr().unwrap());
    let laddr = format!(" laddr={} ", one.stream.peer_addr().unwrap());
    for part in [addr.as_str(), laddr.as_str(), " name=one ", " db=0 ", " cmd=client|setname "] {
        assert!(first.contains(part), "{part} is not in {first}");
    }
    drop(one);
    let deadline = Instant::now() + PATIENCE;
    while {
        other.send("CLIENT LIST\r\n");
        let length: usize = other.line()[1..].parse().unwrap();
        other.take(length + 2).lines().count() > 1
    } {
        assert!(Instant::now() < deadline, "the client that left is still listed");
        std::thread::sleep(Duration::from_millis(5));
    }
    server.stop().unwrap();
}

#[test]
fn the_list_tells_how_much_waits_to_be_sent() {
    let server = start(settings());
    let mut stuck = connect(&server);
    stuck.send(command(&[b"SET", b"big", &vec![b'x'; 20 << 20]]));
    stuck.expect("+OK\r\n");
    stuck.send("GET big\r\n");
    let mut other = connect(&server);
    let deadline = Instant::now() + PATIENCE;
    let field = |line: &str, name: &str| -> u64 {
        let found = line.split(' ').find_map(|field| field.strip_prefix(name)?.strip_prefix('='));
        found.unwrap().parse().unwrap()
    };
    // It is counted once a second.
    loop {
        other.send("CLIENT LIST\r\n");
        let length: usize = other.line()[1..].parse().unwrap();
        let list = other.take(length + 2);
        let [pieces, piece_bytes, buffer] = ["oll", "omem", "rbs"].map(|name| field(&list, name));
        if pieces > 0 && piece_bytes > 1 << 20 && buffer > 0 && field(&list, "tot-mem") > piece_bytes {
            break;
        }
        assert!(Instant::now() < deadline, "{list}");
        std::thread::sleep(Duration::from_millis(50));
    }
    stuck.expect(bulk(&vec![b'x'; 20 << 20]));
    server.stop().unwrap();
}

#[test]
fn a_pause_holds_commands_back_and_ends() {
    let server = start(settings());
    let mut admin = connect(&server);
    let mut client = connect(&server);
    client.send("SET a 1\r\nCLIENT ID\r\n");
    client.expect("+OK\r\n:");
    let id = client.line();
    admin.call("CLIENT PAUSE 60000 WRITE", "+OK\r\n");
    client.call("GET a", "$1\r\n1\r\n");
    client.send("GET a\r\nSET a 2\r\nGET a\r\n");
    client.expect("$1\r\n1\r\n");
    client.silence(Duration::from_millis(150));
    admin.call("GET a", "$1\r\n1\r\n");
    // Who is held back counts as blocked; nobody can end that but by ending the pause.
    admin.await_info("clients", "blocked_clients", "1");
    admin.call(&format!("CLIENT UNBLOCK {id}"), ":0\r\n");
    admin.call("CLIENT UNPAUSE", "+OK\r\n");
    client.expect("+OK\r\n$1\r\n2\r\n");
    admin.await_info("clients", "blocked_clients", "0");
    // The deadline alone ends it, too.
    let begun = Instant::now();
    admin.call("CLIENT PAUSE 200", "+OK\r\n");
    client.call("PING", "+PONG\r\n");
    assert!(begun.elapsed() >= Duration::from_millis(199), "{:?}", begun.elapsed());
    // Whoever is held back can be killed.
    admin.call("CLIENT PAUSE 60000 WRITE", "+OK\r\n");
    client.send("SET a 3\r\n");
    std::thread::sleep(Duration::from_millis(50));
    admin.call(&format!("CLIENT KILL ID {id}"), ":1\r\n");
    client.expect_end();
    server.stop().unwrap();
}

#[test]
fn replies_can_be_turned_off() {
    let server = start(settings());
    let mut client = connect(&server);
    client.send("CLIENT REPLY OFF\r\nSET a 1\r\nNOSUCH\r\nCLIENT REPLY ON\r\nGET a\r\n");
    client.expect("+OK\r\n$1\r\n1\r\n");
    client.send("CLIENT REPLY SKIP\r\nGET a\r\nPING\r\n");
    client.expect("+PONG\r\n");
    server.stop().unwrap();
}

#[test]
fn quit_answers_and_closes() {
    let server = start(settings());
    let mut client = connect(&server);
    client.send("SET a 1\r\nQUIT\r\nSET a 2\r\n");
    client.expect("+OK\r\n+OK\r\n");
    client.expect_end();
    let mut other = connect(&server);
    other.call("GET a", "$1\r\n1\r\n");
    server.stop().unwrap();
}

#[test]
fn who_has_not_logged_in_may_send_little() {
    let server = start(Settings { requirepass: "secret".into(), ..settings() });
    let mut client = connect(&server);
    client.call("GET a", "-NOAUTH Authentication required.\r\n");
    client.call("AUTH secret", "+OK\r\n");
    client.call("GET a", "$-1\r\n");
    let mut stranger = connect(&server);
    stranger.send("*11\r\n");
    stranger.expect("-ERR Protocol error: unauthenticated multibulk length\r\n");
    stranger.expect_end();
    server.stop().unwrap();
}

#[test]
fn shutdown_ends_the_server() {
    let server = start(settings());
    let mut client = connect(&server);
    let mut other = connect(&server);
    other.call("PING", "+PONG\r\n");
    client.send("SHUTDOWN NOSAVE\r\n");
    client.expect_end();
    other.expect_end();
    let address = server.addresses().tcp[0];
    server.wait().unwrap();
    assert!(TcpStream::connect(address).is_err());
}

#[test]
fn a_dropped_server_lets_go_of_the_data() {
    let db = Db::in_memory(settings()).unwrap();
    let instance = std::sync::Arc::downgrade(db.instance());
    let server = Server::start_on(&db, Ports { tcp: Some(0), ..Ports::default() }).unwrap();
    connect(&server).call("SET a 1", "+OK\r\n");
    drop(db);
    server.stop().unwrap();
    assert!(instance.upgrade().is_none(), "something still holds the database");
}

/// A port that was free a moment ago.
fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[test]
fn ports_and_addresses_follow_config_set() {
    let server = start(settings());
    let old = server.addresses().tcp[0];
    let mut client = connect(&server);
    let text = free_port();
    client.call(&format!("CONFIG SET text-port {text}"), "+OK\r\n");
    Client::tcp(([127, 0, 0, 1], text).into()).call("PING", "PONG\n");
    // The other listeners stay, and so do clients.
    connect(&server).call("PING", "+PONG\r\n");
    let port = free_port();
    client.call(&format!("CONFIG SET port {port}"), "+OK\r\n");
    Client::tcp(([127, 0, 0, 1], port).into()).call("PING", "+PONG\r\n");
    let deadline = Instant::now() + PATIENCE;
    while TcpStream::connect(old).is_ok() {
        assert!(Instant::now() < deadline, "the old port is still open");
        std::thread::sleep(Duration::from_millis(5));
    }
    client.call("CONFIG SET bind 127.0.0.2", "+OK\r\n");
    Client::tcp(([127, 0, 0, 2], port).into()).call("PING", "+PONG\r\n");
    // What cannot be had changes nothing.
    let holder = std::net::TcpListener::bind("127.0.0.2:0").unwrap();
    let taken = holder.local_addr().unwrap().port();
    client.call(
        &format!("CONFIG SET maxclients 77 port {taken}"),
        "-ERR CONFIG SET failed (possibly related to argument 'port') - Unable to listen on this port. \
         Check server logs.\r\n",
    );
    client.call("CONFIG GET maxclients", "*2\r\n$10\r\nmaxclients\r\n$5\r\n10000\r\n");
    Client::tcp(([127, 0, 0, 2], port).into()).call("PING", "+PONG\r\n");
    server.stop().unwrap();
}

#[test]
fn limits_follow_config_set_at_once() {
    let server = start(settings());
    let mut client = connect(&server);
    client.call("CONFIG SET maxclients 1", "+OK\r\n");
    let mut refused = connect(&server);
    refused.expect("-ERR max number of clients reached\r\n");
    refused.expect_end();
    client.call("CONFIG SET maxclients 10 client-output-buffer-limit \"normal 1mb 0 0\"", "+OK\r\n");
    client.send(command(&[b"SET", b"big", &vec![b'x'; 2 << 20]]));
    client.expect("+OK\r\n");
    client.send("GET big\r\n");
    client.expect_end();
    server.stop().unwrap();
}

/// The client's number, as others call it.
fn id_of(client: &mut Client<TcpStream>) -> String {
    client.send("CLIENT ID\r\n");
    client.line()[1..].to_owned()
}

#[test]
fn waiting_for_replicas_ends_when_the_time_is_up() {
    let server = start(settings());
    let (mut admin, mut client) = (connect(&server), connect(&server));
    let begun = Instant::now();
    client.send("SET a 1\r\nWAIT 1 200\r\nWAITAOF 1 1 100\r\nPING\r\n");
    client.expect("+OK\r\n");
    assert!(begun.elapsed() < Duration::from_millis(150), "the reply before the wait came late");
    admin.await_info("clients", "blocked_clients", "1");
    client.expect(":0\r\n*2\r\n:1\r\n:0\r\n+PONG\r\n");
    assert!(begun.elapsed() >= Duration::from_millis(299), "{:?}", begun.elapsed());
    admin.await_info("clients", "blocked_clients", "0");
    server.stop().unwrap();
}

#[test]
fn who_waits_for_ever_can_be_unblocked_or_leave() {
    let server = start(settings());
    let (mut admin, mut client) = (connect(&server), connect(&server));
    let id = id_of(&mut client);
    for (how, reply) in [
        ("", ":0\r\n"),
        (" TIMEOUT", ":0\r\n"),
        (" ERROR", "-UNBLOCKED client unblocked via CLIENT UNBLOCK\r\n"),
    ] {
        admin.call(&format!("CLIENT UNBLOCK {id}"), ":0\r\n");
        client.send("WAIT 1 0\r\nPING\r\n");
        admin.await_info("clients", "blocked_clients", "1");
        client.silence(Duration::from_millis(30));
        admin.call(&format!("CLIENT UNBLOCK {id}{how}"), ":1\r\n");
        client.expect(format!("{reply}+PONG\r\n"));
    }
    // What it sends meanwhile runs afterwards.
    client.send("WAIT 1 0\r\n");
    admin.await_info("clients", "blocked_clients", "1");
    client.send("ECHO later\r\n");
    admin.call(&format!("CLIENT UNBLOCK {id}"), ":1\r\n");
    client.expect(":0\r\n$5\r\nlater\r\n");
    client.send("WAIT 1 0\r\n");
    admin.await_info("clients", "blocked_clients", "1");
    drop(client);
    admin.await_info("clients", "blocked_clients", "0");
    let mut victim = connect(&server);
    let id = id_of(&mut victim);
    victim.send("WAIT 1 0\r\n");
    admin.await_info("clients", "blocked_clients", "1");
    admin.call(&format!("CLIENT KILL ID {id}"), ":1\r\n");
    victim.expect_end();
    // Nor does it hold up the end of the server.
    connect(&server).send("WAIT 1 0\r\n");
    let mut last = connect(&server);
    last.send("WAIT 1 0\r\n");
    admin.await_info("clients", "blocked_clients", "1");
    let begun = Instant::now();
    server.stop().unwrap();
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    last.expect_end();
}
