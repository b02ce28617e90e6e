//! The ways to reach the server.

use super::support::*;
use diskdb::api::Db;
use diskdb::config::Settings;
use diskdb::server::{Ports, Server};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;

#[test]
fn a_unix_socket() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("diskdb.sock");
    let unixsocket = path.to_str().unwrap().to_owned();
    let db = Db::in_memory(Settings { unixsocket, unixsocketperm: 0o700, ..settings() }).unwrap();
    let server = Server::start_on(&db, Ports::default()).unwrap();
    assert!(server.addresses().tcp.is_empty());
    let stream = UnixStream::connect(&path).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut client = Client { stream };
    client.call("SET a 1", "+OK\r\n");
    client.call("GET a", "$1\r\n1\r\n");
    server.stop().unwrap();
    client.expect_end();
    assert!(!path.exists());
}

#[test]
fn the_text_port_speaks_plain_lines() {
    let db = Db::in_memory(settings()).unwrap();
    let ports = Ports { text: Some(0), tcp: Some(0), ..Ports::default() };
    let server = Server::start_on(&db, ports).unwrap();
    let mut client = Client::tcp(server.addresses().text[0]);
    client.call("SET a \"1 2\"", "OK\n");
    client.call("GET a", "1 2\n");
    client.call("GET b", "(nil)\n");
    client.call("DEL a b", "1\n");
    client.call("SET a", "ERROR: wrong number of arguments for 'set' command\n");
    connect(&server).call("PING", "+PONG\r\n");
    server.stop().unwrap();
}

#[test]
fn several_addresses_one_of_them_missing() {
    let bind = vec!["127.0.0.1".into(), "127.0.0.2".into(), "-192.0.2.1".into()];
    let server = start(Settings { bind, ..settings() });
    let tcp = server.addresses().tcp.clone();
    assert_eq!(tcp.len(), 2);
    assert_eq!(tcp[0].port(), tcp[1].port());
    tcp.iter().for_each(|address| Client::tcp(*address).call("PING", "+PONG\r\n"));
    server.stop().unwrap();
}

#[test]
fn a_taken_port_and_nowhere_to_listen_are_errors() {
    let server = start(settings());
    let db = Db::in_memory(settings()).unwrap();
    let taken = server.addresses().tcp[0].port();
    let error = Server::start_on(&db, Ports { tcp: Some(taken), ..Ports::default() }).err().unwrap();
    assert!(error.to_string().contains(&taken.to_string()), "{error}");
    let error = Server::start_on(&db, Ports::default()).err().unwrap();
    assert_eq!(error.to_string(), "ERR Configured to not listen anywhere, exiting.");
    server.stop().unwrap();
}

/// An address of this machine that is not loopback, if it has one.
fn outer_address() -> Option<std::net::IpAddr> {
    // Connecting a UDP socket sends nothing; it only chooses a route.
    let socket = std::net::UdpSocket::bind("0.0.0.0:0").ok()?;
    socket.connect("198.51.100.1:9").ok()?;
    let address = socket.local_addr().ok()?.ip();
    (!address.is_loopback() && !address.is_unspecified()).then_some(address)
}

#[test]
fn protected_mode_refuses_clients_from_elsewhere_without_a_password() {
    let Some(outer) = outer_address() else { return };
    for (protected_mode, requirepass, denied) in
        [(true, "", true), (false, "", false), (true, "secret", false)]
    {
        let bind = vec!["0.0.0.0".into()];
        let settings = Settings { bind, protected_mode, requirepass: requirepass.into(), ..settings() };
        let server = start(settings);
        let port = server.addresses().tcp[0].port();
        let mut client = Client::tcp((outer, port).into());
        if denied {
            client.expect("-DENIED Redis is running in protected mode because protected mode is enabled");
            assert!(client.rest().ends_with(b"start accepting connections from the outside.\r\n"));
        } else {
            client.send("NOSUCH\r\n");
            client.expect(if requirepass.is_empty() { "-ERR unknown" } else { "-" });
        }
        Client::tcp(([127, 0, 0, 1], port).into()).send("PING\r\n");
        server.stop().unwrap();
    }
}

#[test]
fn stopping_closes_everything() {
    let server = start(settings());
    let address = server.addresses().tcp[0];
    let mut clients: Vec<_> = (0..20).map(|_| connect(&server)).collect();
    clients.iter_mut().for_each(|client| client.call("PING", "+PONG\r\n"));
    server.stop().unwrap();
    clients.iter_mut().for_each(Client::expect_end);
    assert!(TcpStream::connect(address).is_err());
}
