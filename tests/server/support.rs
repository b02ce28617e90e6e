//! A server and a client that speaks bytes.

use super::faulty_engine::{Faults, FaultyEngine};
use diskdb::api::Db;
use diskdb::config::Settings;
use diskdb::server::{Ports, Server};
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

/// Longer than anything takes that works.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Settings as a test wants them: two workers, so that they are dealt with.
pub fn settings() -> Settings {
    Settings {
        server_threads: 2,
        disk_threads: 2,
        bind: vec!["127.0.0.1".into()],
        shutdown_timeout: 2,
        ..Settings::default()
    }
}

/// A server on a port of the system's choice.
pub fn start(settings: Settings) -> Server {
    let db = Db::in_memory(settings).unwrap();
    Server::start_on(&db, Ports { tcp: Some(0), ..Ports::default() }).unwrap()
}

/// A server whose engine does as the test says.
pub fn start_faulty(settings: Settings) -> (Server, Arc<Faults>) {
    let engine = FaultyEngine::default();
    let faults = engine.faults.clone();
    let db = Db::over(Box::new(engine), settings).unwrap();
    faults.armed.store(true, std::sync::atomic::Ordering::SeqCst);
    (Server::start_on(&db, Ports { tcp: Some(0), ..Ports::default() }).unwrap(), faults)
}

/// A client of the server's first TCP address.
pub fn connect(server: &Server) -> Client<TcpStream> {
    Client::tcp(server.addresses().tcp[0])
}

/// A client that speaks bytes.
pub struct Client<S> {
    pub stream: S,
}

impl Client<TcpStream> {
    pub fn tcp(address: SocketAddr) -> Client<TcpStream> {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Client { stream }
    }

    /// Makes sure that nothing comes for a while.
    pub fn silence(&mut self, time: Duration) {
        self.stream.set_read_timeout(Some(time)).unwrap();
        let mut byte = [0];
        match self.stream.read(&mut byte) {
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            read => panic!("expected silence, got {read:?} {byte:?}"),
        }
        self.stream.set_read_timeout(Some(PATIENCE)).unwrap();
    }
}

impl<S: Read + Write> Client<S> {
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).unwrap();
        self.stream.flush().unwrap();
    }

    /// Reads exactly these bytes.
    pub fn expect(&mut self, bytes: impl AsRef<[u8]>) {
        let wanted = bytes.as_ref();
        let mut got = vec![0; wanted.len()];
        let mut filled = 0;
        while filled < got.len() {
            match self.stream.read(&mut got[filled..]) {
                Ok(read) if read > 0 => filled += read,
                // The process was stopped for a while.
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                end => panic!("{end:?} after {:?}", String::from_utf8_lossy(&got[..filled])),
            }
            if got[..filled] != wanted[..filled] {
                let (got, wanted) = (&got[..filled.min(300)], &wanted[..filled.min(300)]);
                panic!("got {:?}\nnot {:?}", String::from_utf8_lossy(got), String::from_utf8_lossy(wanted));
            }
        }
    }

    /// One inline command and its whole reply.
    pub fn call(&mut self, line: &str, reply: &str) {
        self.send(format!("{line}\r\n"));
        self.expect(reply);
    }

    /// The rest of the line, without its end.
    pub fn line(&mut self) -> String {
        let mut line = Vec::new();
        let mut byte = [0];
        while matches!(self.stream.read(&mut byte), Ok(1)) && byte[0] != b'\n' {
            line.push(byte[0]);
        }
        String::from_utf8_lossy(&line).trim_end().to_owned()
    }

    /// So many bytes, whatever they are.
    pub fn take(&mut self, bytes: usize) -> String {
        let mut taken = vec![0; bytes];
        self.stream.read_exact(&mut taken).unwrap();
        String::from_utf8_lossy(&taken).trim_end().to_owned()
    }

    /// A field of INFO.
    pub fn info(&mut self, section: &str, field: &str) -> String {
        self.send(format!("INFO {section}\r\n"));
        let length: usize = self.line()[1..].parse().unwrap();
        let text = self.take(length + 2);
        let value = text.lines().find_map(|line| line.strip_prefix(&format!("{field}:"))).unwrap();
        value.trim().to_owned()
    }

    /// Waits until a field of INFO has this value.
    pub fn await_info(&mut self, section: &str, field: &str, value: &str) {
        let deadline = std::time::Instant::now() + PATIENCE;
        loop {
            let found = self.info(section, field);
            if found == value {
                return;
            }
            assert!(std::time::Instant::now() < deadline, "{field} is {found}, not {value}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Reads to the end of the stream, a reset included.
    pub fn rest(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        match self.stream.read_to_end(&mut rest) {
            Ok(_) => {}
            Err(error) if matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::UnexpectedEof) => {}
            Err(error) => panic!("{error}"),
        }
        rest
    }

    pub fn expect_end(&mut self) {
        let rest = self.rest();
        assert_eq!(String::from_utf8_lossy(&rest[..rest.len().min(300)]), "");
    }
}

/// A command as an array of bulk strings.
pub fn command(words: &[&[u8]]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", words.len()).into_bytes();
    for word in words {
        bytes.extend(format!("${}\r\n", word.len()).bytes());
        bytes.extend(*word);
        bytes.extend(b"\r\n");
    }
    bytes
}

/// A bulk string as a reply.
pub fn bulk(bytes: &[u8]) -> Vec<u8> {
    let mut reply = format!("${}\r\n", bytes.len()).into_bytes();
    reply.extend(bytes);
    reply.extend(b"\r\n");
    reply
}
