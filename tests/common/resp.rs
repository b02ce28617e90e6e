//! A small client for a real server, and the server itself where it is installed.

use super::wire;
use bytes::Bytes;
use diskdb::protocol::Reply;
use diskdb::session::Dialect;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// A connection to a server that speaks RESP.
pub struct RespClient {
    stream: BufReader<TcpStream>,
    dialect: Option<Dialect>,
}

impl RespClient {
    /// Connects to `host:port`.
    pub fn connect(address: &str) -> io::Result<RespClient> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        Ok(RespClient { stream: BufReader::new(stream), dialect: Some(Dialect::Resp2) })
    }

    /// Makes the server speak `dialect` from here on.
    pub fn speak(&mut self, dialect: Dialect) -> io::Result<()> {
        if self.dialect != Some(dialect) {
            let version = if dialect == Dialect::Resp3 { "3" } else { "2" };
            self.call(&["HELLO", version])?;
            self.dialect = Some(dialect);
        }
        Ok(())
    }

    /// Sends one command and reads its reply.
    pub fn call<W: AsRef<[u8]>>(&mut self, words: &[W]) -> io::Result<Reply> {
        self.send(words)?;
        self.receive()
    }

    /// Sends one command.
    pub fn send<W: AsRef<[u8]>>(&mut self, words: &[W]) -> io::Result<()> {
        // These change the dialect behind our back.
        let name = words.first().map_or(&b""[..], AsRef::as_ref);
        if name.eq_ignore_ascii_case(b"HELLO") || name.eq_ignore_ascii_case(b"RESET") {
            self.dialect = None;
        }
        self.stream.get_mut().write_all(&wire::request(words))
    }

    /// Reads one reply.
    pub fn receive(&mut self) -> io::Result<Reply> {
        read_reply(&mut self.stream)
    }
}

/// Reads one reply as it was delivered; a double becomes the text that redis-cli prints for it,
/// for a number would lose how it was written.
pub fn read_reply(from: &mut impl BufRead) -> io::Result<Reply> {
    let line = read_line(from)?;
    let (kind, rest) = line.split_at_checked(1).ok_or_else(|| bad("an empty line"))?;
    Ok(match kind {
        "+" => Reply::Simple(rest.to_owned().into()),
        "-" => Reply::Error(rest.to_owned().into()),
        ":" => Reply::Integer(rest.parse().map_err(|_| bad(&line))?),
        "_" => Reply::Null,
        "#" => Reply::Boolean(rest == "t"),
        "," => Reply::Simple(format!("(double) {rest}").into()),
        "(" => Reply::BigNumber(rest.to_owned()),
        "$" | "!" | "=" => read_blob(from, kind, rest)?,
        "*" => match rest {
            "-1" => Reply::NullArray,
            count => Reply::Array(read_items(from, count)?),
        },
        "~" => Reply::Set(read_items(from, rest)?),
        ">" => Reply::Push(read_items(from, rest)?),
        "%" => Reply::Map(read_pairs(from, rest)?),
        "|" => {
            read_pairs(from, rest)?;
            read_reply(from)?
        }
        _ => return Err(bad(&line)),
    })
}

fn read_blob(from: &mut impl BufRead, kind: &str, length: &str) -> io::Result<Reply> {
    if length == "-1" {
        return Ok(Reply::Null);
    }
    let mut bytes = vec![0; length.parse().map_err(|_| bad(length))?];
    from.read_exact(&mut bytes)?;
    let mut end = [0; 2];
    from.read_exact(&mut end)?;
    if &end != b"\r\n" {
        return Err(bad("a blob that is longer than it says"));
    }
    Ok(match kind {
        "!" => Reply::Error(String::from_utf8_lossy(&bytes).into_owned().into()),
        "=" => Reply::Verbatim("txt", Bytes::from(bytes.split_off(bytes.len().min(4)))),
        _ => Reply::Bulk(bytes.into()),
    })
}

fn read_items(from: &mut impl BufRead, count: &str) -> io::Result<Vec<Reply>> {
    let count: usize = count.parse().map_err(|_| bad(count))?;
    (0..count).map(|_| read_reply(from)).collect()
}

fn read_pairs(from: &mut impl BufRead, count: &str) -> io::Result<Vec<(Reply, Reply)>> {
    let count: usize = count.parse().map_err(|_| bad(count))?;
    (0..count).map(|_| Ok((read_reply(from)?, read_reply(from)?))).collect()
}

fn read_line(from: &mut impl BufRead) -> io::Result<String> {
    let mut line = Vec::new();
    from.read_until(b'\n', &mut line)?;
    match line.strip_suffix(b"\r\n") {
        Some(line) => Ok(String::from_utf8_lossy(line).into_owned()),
        None => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

fn bad(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("not RESP: {what:?}"))
}

/// A redis-server of our own on a free port, killed when dropped.
pub struct RedisServer {
    process: Child,
    pub address: String,
}

impl RedisServer {
    /// Starts the installed redis-server with empty data; none if there is no such program.
    pub fn start() -> Option<RedisServer> {
        let port = TcpListener::bind("127.0.0.1:0").ok()?.local_addr().ok()?.port();
        let mut command = Command::new("redis-server");
        command.args(["--port", &port.to_string(), "--save", "", "--bind", "127.0.0.1", "--daemonize", "no"]);
        let process =
            command.current_dir(std::env::temp_dir()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let server = RedisServer { process: process.ok()?, address: format!("127.0.0.1:{port}") };
        for _ in 0..100 {
            if RespClient::connect(&server.address).is_ok_and(|mut client| client.call(&["PING"]).is_ok()) {
                return Some(server);
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("redis-server does not answer on {}", server.address);
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
