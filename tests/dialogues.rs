//! Plays `tests/dialogues/*.txt`: what several clients send, and every byte that each of them gets. A file
//! is played against DiskDB, and against the installed redis-server, which shows that it tells the truth.
//! `UPDATE=1` writes what redis-server says into the files, `UPDATE=ours` what DiskDB says to the steps that
//! redis-server does not know, to be read before it is believed; `DISKDB_DIALOGUE=name` plays the files
//! whose name contains `name`.
//!
//! ```text
//! # A remark. Each file begins with an empty server.
//! #! resp3 a        client `a` speaks RESP3 (at its beginning)
//! #! sleep 50ms
//! #! ids            numbers that are clients' ids are written `{a}` in what comes of the next step
//! #! since 7.2      what comes of the next step is not for older judges; `diskdb`: for none
//! a> SUBSCRIBE x ;; PING
//! a< *3|$9|subscribe|$1|x|:1|*2|$4|pong|$0||
//! b> PUBLISH x hello
//! a< *3|$7|message|$1|x|$5|hello|
//! b< :1|
//! ```
//!
//! `|` is the end of a line; `{a}` in what is sent is the id of client `a`. Who is not named after a step gets nothing.

mod common;

use bytes::Bytes;
use common::resp::RedisServer;
use diskdb::api::Db;
use diskdb::commands::spec::Flags;
use diskdb::commands::{self, Entry};
use diskdb::config::Settings;
use diskdb::server::{Ports, Server};
use diskdb::words;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Longer than anything takes that works.
const PATIENCE: Duration = Duration::from_secs(20);
/// When nothing has come for so long, nothing will.
const QUIET: Duration = Duration::from_millis(60);

#[derive(Debug, Clone, Default)]
struct Step {
    line: usize,
    /// The lines as they stand in the file, up to what is sent.
    text: String,
    resp3: Vec<String>,
    sleep: Duration,
    since: Option<String>,
    shows_ids: bool,
    client: String,
    requests: String,
    expected: BTreeMap<String, String>,
}

fn encode(line: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for command in line.split(" ;; ") {
        let words = words::split(&Bytes::copy_from_slice(command.as_bytes())).expect("balanced quotes");
        bytes.extend(common::wire::request(&words.into_vec()));
    }
    bytes
}

/// The steps of a file, and the remarks after the last of them.
fn parse(text: &str) -> (Vec<Step>, String) {
    let (mut steps, mut next) = (Vec::<Step>::new(), Step::default());
    for (index, line) in text.lines().enumerate() {
        if let Some((client, received)) = line.split_once("< ") {
            let step = steps.last_mut().expect("a step before what comes of it");
            step.expected.insert(client.to_owned(), received.to_owned());
            continue;
        }
        next.text += line;
        next.text.push('\n');
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            ["#!", "resp3", clients @ ..] => next.resp3.extend(clients.iter().map(|name| name.to_string())),
            ["#!", "sleep", time] => {
                let ms = time.strip_suffix("ms").and_then(|ms| ms.parse().ok()).expect("sleep 50ms");
                next.sleep = Duration::from_millis(ms);
            }
            ["#!", "ids"] => next.shows_ids = true,
            ["#!", "since", version] => next.since = Some(version.to_string()),
            [] => {}
            [first, ..] if first.starts_with('#') => {}
            _ => {
                let (client, commands) = line.split_once("> ").expect("a line of a client");
                next.client = client.to_owned();
                next.requests = commands.to_owned();
                next.line = index + 1;
                steps.push(std::mem::take(&mut next));
            }
        }
    }
    (steps, next.text)
}

/// Bytes as the files write them.
fn shown(bytes: &[u8]) -> String {
    let text = bytes.escape_ascii().to_string();
    text.replace("\\r\\n", "|").replace("\\\"", "\"").replace("\\'", "'")
}

struct Client {
    stream: TcpStream,
    id: String,
}

impl Client {
    fn connect(address: &str, resp3: bool) -> Client {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        let mut client = Client { stream, id: String::new() };
        if resp3 {
            client.stream.write_all(b"HELLO 3\r\n").unwrap();
            client.until_quiet();
        }
        client.stream.write_all(b"CLIENT ID\r\n").unwrap();
        client.id = client.read(":1|", &mut Vec::new());
        client
    }

    fn read_some(&mut self, patience: Duration) -> Vec<u8> {
        self.stream.set_read_timeout(Some(patience)).unwrap();
        let mut buffer = vec![0; 1 << 16];
        match self.stream.read(&mut buffer) {
            Ok(read) => buffer.truncate(read),
            Err(error) if error.kind() == ErrorKind::Interrupted => return self.read_some(patience),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                buffer.clear()
            }
            Err(error) => panic!("{error}"),
        }
        buffer
    }

    fn until_quiet(&mut self) -> String {
        let mut all = Vec::new();
        loop {
            let some = self.read_some(QUIET);
            if some.is_empty() {
                return shown(&all);
            }
            all.extend(some);
        }
    }

    /// Reads as much as is expected; what else there is comes with the next step.
    fn read(&mut self, expected: &str, unread: &mut Vec<u8>) -> String {
        while shown(unread).len() < expected.len() {
            let some = self.read_some(PATIENCE);
            if some.is_empty() {
                break;
            }
            unread.extend(some);
        }
        shown(&std::mem::take(unread))
    }
}

/// Whether a judge of that version can be asked.
fn is_known(since: &str, version: &str) -> bool {
    let numbers = |text: &str| text.split('.').map(str::parse).collect::<Result<Vec<u32>, _>>().ok();
    numbers(since).is_some_and(|since| Some(since) <= numbers(version))
}

struct Play<'a> {
    address: &'a str,
    /// None: of DiskDB.
    version: Option<&'a str>,
    clients: BTreeMap<String, (Client, Vec<u8>)>,
    /// What came of the last step, and was not for this judge, is not read yet.
    owes: bool,
}

impl Play<'_> {
    /// Sends what the step says.
    fn send(&mut self, step: &Step, resp3: &[String]) {
        std::thread::sleep(step.sleep);
        if self.owes && !self.is_for_others(step) {
            self.owes = false;
            self.skip();
        }
        let mut requests = step.requests.clone();
        while let Some((before, rest)) = requests.split_once('{') {
            let (name, after) = rest.split_once('}').expect("the name of a client");
            let id = self.client(name, resp3).id.trim_matches([':', '|']).to_owned();
            requests = format!("{before}{id}{after}");
        }
        self.client(&step.client, resp3).stream.write_all(&encode(&requests)).unwrap();
        if !step.expected.contains_key(&step.client) {
            // It begins to wait, perhaps, and no reply says so.
            std::thread::sleep(2 * QUIET);
        }
    }

    fn client(&mut self, name: &str, resp3: &[String]) -> &mut Client {
        let connect = || (Client::connect(self.address, resp3.iter().any(|other| other == name)), Vec::new());
        &mut self.clients.entry(name.to_owned()).or_insert_with(connect).0
    }

    /// What was received at a step as the files write it.
    fn named(&self, step: &Step, mut received: String) -> String {
        for (name, (client, _)) in self.clients.iter().filter(|_| step.shows_ids) {
            received = received.replace(&client.id, &format!(":{{{name}}}|"));
        }
        received
    }

    /// Whether the judge is too old to know what comes of the step.
    fn is_for_others(&self, step: &Step) -> bool {
        self.version.zip(step.since.as_ref()).is_some_and(|(version, since)| !is_known(since, version))
    }

    /// Reads whatever there is.
    fn skip(&mut self) {
        self.clients.values_mut().for_each(|(client, _)| drop(client.until_quiet()));
    }

    /// What each client got, as far as it is expected.
    fn received(&mut self, step: &Step, all: bool) -> BTreeMap<String, String> {
        let mut received = BTreeMap::new();
        let ids: Vec<_> = self.clients.iter().map(|(name, (client, _))| (name, client.id.clone())).collect();
        let numbered = |expected: &String| {
            ids.iter().fold(expected.clone(), |text, (name, id)| text.replace(&format!(":{{{name}}}|"), id))
        };
        let expected: BTreeMap<_, _> =
            step.expected.iter().map(|(name, text)| (name, numbered(text))).collect();
        for (name, (client, unread)) in &mut self.clients {
            let got = match expected.get(name) {
                _ if all => client.until_quiet(),
                Some(expected) => client.read(expected, unread),
                None => continue,
            };
            if !got.is_empty() {
                received.insert(name.clone(), got);
            }
        }
        let named = |(name, got)| (name, self.named(step, got));
        received.into_iter().map(named).collect()
    }
}

/// Plays a file; the differences.
fn play(name: &str, steps: &[Step], address: &str, version: Option<&str>) -> Vec<String> {
    let mut play = Play { address, version, clients: BTreeMap::new(), owes: false };
    let (mut resp3, mut differences) = (Vec::new(), Vec::new());
    for step in steps {
        resp3.extend(step.resp3.iter().cloned());
        play.send(step, &resp3);
        if play.is_for_others(step) {
            play.owes = true;
            continue;
        }
        let received = play.received(step, false);
        if received != step.expected {
            let (line, expected) = (step.line, &step.expected);
            differences.push(format!("{name}:{line}: expected {expected:#?}\ngot {received:#?}"));
            play.skip();
        }
    }
    if play.owes {
        play.skip();
    }
    for (client, (connection, _)) in &mut play.clients {
        let more = connection.until_quiet();
        if !more.is_empty() {
            differences.push(format!("{name}: {client} got more in the end: {more}"));
        }
    }
    differences
}

/// Writes into the file what redis-server says; or, without a version, what DiskDB says to steps that are
/// not for older judges.
fn update(path: &Path, steps: &[Step], end: &str, address: &str, version: Option<&str>) {
    let mut play = Play { address, version, clients: BTreeMap::new(), owes: false };
    let (mut resp3, mut text) = (Vec::new(), String::new());
    for step in steps {
        resp3.extend(step.resp3.iter().cloned());
        play.send(step, &resp3);
        text += &step.text;
        let received = play.received(step, true);
        let keeps = if version.is_none() { step.since.is_none() } else { play.is_for_others(step) };
        for (client, received) in if keeps { step.expected.clone() } else { received } {
            writeln!(text, "{client}< {received}").unwrap();
        }
    }
    std::fs::write(path, text + end).unwrap();
}

fn files() -> Vec<PathBuf> {
    let wanted = std::env::var("DISKDB_DIALOGUE").unwrap_or_default();
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/dialogues");
    let mut paths: Vec<PathBuf> =
        std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.display().to_string().contains(&wanted));
    paths.sort();
    paths
}

fn redis_version(address: &str) -> String {
    let mut client = Client::connect(address, false);
    client.stream.write_all(b"INFO server\r\n").unwrap();
    let info = client.until_quiet();
    let version = info.split("redis_version:").nth(1).and_then(|rest| rest.split('|').next());
    version.expect("a version").to_owned()
}

/// A server of ours for one file: two workers, so that clients meet across threads.
fn start() -> Server {
    let settings = Settings {
        server_threads: 2,
        disk_threads: 2,
        bind: vec!["127.0.0.1".into()],
        enable_debug_command: diskdb::config::values::ProtectedAction::Yes,
        ..Settings::default()
    };
    let db = Db::in_memory(settings).unwrap();
    Server::start_on(&db, Ports { tcp: Some(0), ..Ports::default() }).unwrap()
}

#[test]
fn all_dialogues() {
    let updates = std::env::var("UPDATE").ok();
    let mut differences = Vec::new();
    let files = files();
    assert!(!files.is_empty(), "there is no such dialogue");
    for path in files {
        let name = path.file_name().unwrap().display().to_string();
        let redis = RedisServer::start();
        if let Some(redis) = &redis {
            let version = redis_version(&redis.address);
            let (steps, end) = parse(&std::fs::read_to_string(&path).unwrap());
            if updates.as_deref() == Some("1") {
                update(&path, &steps, &end, &redis.address, Some(&version));
            } else {
                differences.extend(play(&format!("redis {name}"), &steps, &redis.address, Some(&version)));
            }
        }
        let (steps, end) = parse(&std::fs::read_to_string(&path).unwrap());
        let server = start();
        let address = server.addresses().tcp[0].to_string();
        if updates.as_deref() == Some("ours") {
            update(&path, &steps, &end, &address, None);
            continue;
        }
        differences.extend(play(&name, &steps, &address, None));
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

/// Commands that write and need no dialogue about events.
const WITHOUT_EVENTS: [&str; 3] = [
    // They are about the form in which a value is kept, or say whose copy something is.
    "pfdebug",
    "restore-asking",
    "xidmprecord",
];

#[test]
fn every_command_that_writes_has_a_dialogue_about_its_events() {
    let mut sent = std::collections::HashSet::new();
    for path in files().iter().filter(|path| path.display().to_string().contains("events")) {
        let text = std::fs::read_to_string(path).unwrap();
        let commands = text.lines().filter_map(|line| line.split_once("> "));
        sent.extend(commands.filter_map(|(_, line)| Some(line.split(' ').next()?.to_ascii_lowercase())));
    }
    let writes = |entry: &&Entry| entry.spec.flags.has(Flags::WRITE);
    let missing: Vec<String> = commands::all()
        .filter(writes)
        .map(Entry::lower_name)
        .filter(|name| !sent.contains(name) && !WITHOUT_EVENTS.contains(&name.as_str()))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}
