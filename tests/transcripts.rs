//! Runs `tests/transcripts/*.txt`: commands and the replies they must get, on every engine; or, with
//! `DISKDB_JUDGE=host:port`, against a real server that must hold no data, to find out whether the
//! transcripts tell the truth. `DISKDB_TRANSCRIPT=name` runs the files whose name contains `name`.
//!
//! ```text
//! # A remark. Each file starts with an empty database. A blank line ends an exchange.
//! > SET key "va\x00lue"
//! OK
//!
//! >3 COMMAND in RESP3 (without the 3: RESP2)
//! >b COMMAND of a second client, by a name of letters (>3b: in RESP3)
//! expected reply, as redis-cli prints it on a terminal
//! /an expected line as a regular expression; as the only one, it must match the whole reply/
//!
//! #! clock +1500ms       moves the clock (a judge is waited for)
//! #! since 8.4           the next exchange is not for older judges; `diskdb`: for none
//! #! since 8.4 to end    nothing that follows is
//! #! pattern             every line of the next exchange is a regular expression, without slashes
//! ```

mod common;

use bytes::Bytes;
use common::cli;
use common::resp::RespClient;
use diskdb::api::{Connection, Db};
use diskdb::clock::ManualClock;
use diskdb::config::Settings;
use diskdb::config::values::EngineKind;
use diskdb::error::Error;
use diskdb::protocol::Reply;
use diskdb::session::Dialect;
use diskdb::words;
use regex::bytes::RegexBuilder;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Where the clock of a fresh database stands, ms since the Unix epoch.
const START_MS: u64 = 1_750_000_000_000;

/// Every engine there is.
const ENGINES: &[EngineKind] = &[
    EngineKind::Memory,
    #[cfg(feature = "rocksdb")]
    EngineKind::RocksDb,
];

/// The clock of a fresh database.
fn fresh_clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::at_ms(START_MS))
}

/// A fresh database on an engine; if it is one on disk, in `directory`.
fn open(engine: EngineKind, directory: &Path, clock: &Arc<ManualClock>) -> Db {
    let dir = directory.display().to_string();
    Db::open_with_clock(Settings { engine, dir, ..Settings::default() }, clock.clone()).unwrap()
}

/// One thing a transcript does.
#[derive(Debug, PartialEq)]
enum Step {
    Clock(u64),
    Call(Exchange),
}

/// A command and its expected reply.
#[derive(Debug, PartialEq)]
struct Exchange {
    line: usize,
    command: String,
    words: Vec<Bytes>,
    client: String,
    dialect: Dialect,
    expected: Vec<String>,
    pattern: bool,
    since: Option<String>,
}

/// The words of a line, as redis-cli reads them.
fn split(line: &str) -> Option<Vec<Bytes>> {
    words::split(&Bytes::copy_from_slice(line.as_bytes())).map(|words| words.into_vec())
}

fn parse(text: &str) -> Result<Vec<Step>, String> {
    let mut steps = Vec::new();
    let mut open: Option<Exchange> = None;
    let (mut since, mut since_to_end, mut pattern) = (None::<String>, None::<String>, false);
    for (index, line) in text.lines().enumerate() {
        let at = |what: &str| format!("{}: {what}", index + 1);
        if line.is_empty() {
            steps.extend(open.take().map(Step::Call));
        } else if let Some(exchange) = &mut open {
            exchange.expected.push(line.to_owned());
        } else if let Some(directive) = line.strip_prefix("#!") {
            let words: Vec<&str> = directive.split_whitespace().collect();
            match words.as_slice() {
                ["clock", amount] => {
                    let ms = amount.strip_prefix('+').and_then(|amount| amount.strip_suffix("ms"));
                    let ms = ms.and_then(|ms| ms.parse().ok()).ok_or_else(|| at("want: clock +1500ms"))?;
                    steps.push(Step::Clock(ms));
                }
                ["since", version] => since = Some(version.to_string()),
                ["since", version, "to", "end"] => since_to_end = Some(version.to_string()),
                ["pattern"] => pattern = true,
                _ => return Err(at("unknown directive")),
            }
        } else if let Some(rest) = line.strip_prefix('>') {
            let (prompt, command) = rest.split_once(' ').ok_or_else(|| at("no command"))?;
            let (dialect, client) = match prompt.strip_prefix('3') {
                Some(client) => (Dialect::Resp3, client),
                None => (Dialect::Resp2, prompt.strip_prefix('2').unwrap_or(prompt)),
            };
            if !client.bytes().all(|byte| byte.is_ascii_alphabetic()) {
                return Err(at("a client's name is made of letters"));
            }
            open = Some(Exchange {
                line: index + 1,
                command: command.to_owned(),
                words: split(command).ok_or_else(|| at("unbalanced quotes"))?,
                client: client.to_owned(),
                dialect,
                expected: Vec::new(),
                pattern: std::mem::take(&mut pattern),
                since: since.take().or_else(|| since_to_end.clone()),
            });
        } else if !line.starts_with('#') {
            return Err(at("neither a command nor a comment, and no blank line before it missing?"));
        }
    }
    steps.extend(open.take().map(Step::Call));
    Ok(steps)
}

/// Why the printed reply is not the expected one.
fn disagreement(exchange: &Exchange, got: &str) -> Option<String> {
    let expected = exchange.expected.join("\n");
    let whole = match exchange.expected.as_slice() {
        [only] => regex_of(only, exchange.pattern),
        _ => None,
    };
    let agree = match whole {
        Some(regex) => matches(regex, got),
        None => {
            let got: Vec<&str> = got.lines().collect();
            got.len() == exchange.expected.len()
                && got.iter().zip(&exchange.expected).all(|(got, expected)| {
                    match regex_of(expected, exchange.pattern) {
                        Some(regex) => matches(regex, got),
                        None => got == expected,
                    }
                })
        }
    };
    let Exchange { line, command, .. } = exchange;
    (!agree).then(|| format!("{line}: {command}\n--- expected\n{expected}\n--- got\n{got}\n"))
}

fn regex_of(line: &str, pattern: bool) -> Option<&str> {
    if pattern { Some(line) } else { line.strip_prefix('/')?.strip_suffix('/') }
}

fn matches(regex: &str, text: &str) -> bool {
    let regex =
        RegexBuilder::new(&format!("^(?:{regex})$")).dot_matches_new_line(true).unicode(false).build();
    regex.expect("a regular expression").is_match(text.as_bytes())
}

/// How a transcript went.
#[derive(Default)]
struct Outcome {
    agreed: usize,
    skipped: usize,
    disagreements: Vec<String>,
}

impl Outcome {
    fn note(&mut self, name: &str, exchange: &Exchange, got: &str) {
        match disagreement(exchange, got) {
            None => self.agreed += 1,
            Some(what) => self.disagreements.push(format!("{name}:{what}")),
        }
    }
}

/// How a transcript's commands are run.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Way {
    Plain,
    /// Each one between `MULTI` and `EXEC`, if it can be.
    InTransaction,
}

/// Commands that are not for a transaction, or tell how they were run.
const PLAIN: [&str; 12] = [
    "multi", "exec", "discard", "watch", "unwatch", "quit", "reset", "client", "debug", "info", "ping",
    "shutdown",
];

fn call(client: &mut Connection, words: &[Bytes], way: Way) -> Result<Reply, Error> {
    let name = words.first().map(|word| String::from_utf8_lossy(word).to_ascii_lowercase());
    let is_plain = name.is_none_or(|name| PLAIN.contains(&name.as_str()));
    // EXEC would end what the client has begun.
    let has_begun = client.session.transaction.is_some() || !client.session.watched.is_empty();
    if way == Way::Plain || is_plain || has_begun {
        return client.call(words);
    }
    let by_name =
        |client: &mut Connection, name: &'static str| client.call(&[Bytes::from_static(name.as_bytes())]);
    by_name(client, "MULTI")?;
    if let Err(error) = client.call(words) {
        by_name(client, "DISCARD")?;
        return Err(error);
    }
    match by_name(client, "EXEC")? {
        Reply::Array(mut replies) if replies.len() == 1 => Ok(replies.remove(0)),
        reply => panic!("one reply, not {reply:?}"),
    }
}

fn run(name: &str, steps: &[Step], db: &Db, clock: &ManualClock, way: Way) -> Outcome {
    let mut clients: BTreeMap<&str, Connection> = BTreeMap::new();
    let mut outcome = Outcome::default();
    for step in steps {
        match step {
            Step::Clock(ms) => clock.advance_ms(*ms),
            Step::Call(exchange) => {
                let client = clients.entry(&exchange.client).or_insert_with(|| db.connect());
                client.session.dialect = exchange.dialect;
                let reply = call(client, &exchange.words, way);
                let reply = reply.unwrap_or_else(|error| Reply::Error(error.to_string().into()));
                outcome.note(name, exchange, &cli::print(&reply, client.session.dialect));
            }
        }
    }
    outcome
}

fn judge(name: &str, steps: &[Step], address: &str, version: &[u32]) -> Outcome {
    let connect = || RespClient::connect(address).expect("the judge takes connections");
    connect().call(&["FLUSHALL"]).unwrap();
    let mut clients: BTreeMap<&str, RespClient> = BTreeMap::new();
    let mut outcome = Outcome::default();
    for step in steps {
        match step {
            Step::Clock(ms) => std::thread::sleep(Duration::from_millis(*ms)),
            Step::Call(exchange)
                if exchange.since.as_ref().is_some_and(|since| !is_known(since, version)) =>
            {
                outcome.skipped += 1;
            }
            Step::Call(exchange) => {
                let client = clients.entry(&exchange.client).or_insert_with(connect);
                client.speak(exchange.dialect).unwrap();
                let got = match client.call(&exchange.words) {
                    Ok(reply) => cli::print_delivered(&reply),
                    Err(error) => error.to_string(),
                };
                outcome.note(name, exchange, &got);
            }
        }
    }
    outcome
}

fn is_known(since: &str, version: &[u32]) -> bool {
    let numbers: Option<Vec<u32>> = since.split('.').map(|part| part.parse().ok()).collect();
    numbers.is_some_and(|since| since.as_slice() <= version)
}

/// The judge's version, after making sure that it has nothing to lose.
fn version_of(address: &str) -> Vec<u32> {
    let mut client = RespClient::connect(address).expect("the judge takes connections");
    let info = cli::print_delivered(&client.call(&["INFO"]).unwrap()).replace("\\r\\n", "\n");
    assert!(!info.contains("\ndb"), "the judge holds data: it would be deleted");
    let version = info.lines().find_map(|line| line.strip_prefix("redis_version:")).expect("a version");
    version.split('.').map(|part| part.parse().unwrap_or(0)).collect()
}

fn transcripts() -> Vec<(String, Vec<Step>)> {
    let wanted = std::env::var("DISKDB_TRANSCRIPT").unwrap_or_default();
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts");
    let entries = std::fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().path());
    let mut paths: Vec<_> =
        entries.filter(|path| path.extension().is_some_and(|extension| extension == "txt")).collect();
    paths.sort();
    let named = paths.iter().map(|path| {
        let name = format!("tests/transcripts/{}", path.file_name().unwrap().display());
        let steps = parse(&std::fs::read_to_string(path).unwrap());
        let steps = steps.unwrap_or_else(|what| panic!("{name}:{what}"));
        (name, steps)
    });
    named.filter(|(name, _)| name.contains(&wanted)).collect()
}

#[test]
fn all_transcripts() {
    let judge_address = std::env::var("DISKDB_JUDGE").ok();
    let version = judge_address.as_deref().map(version_of);
    let mut total = Outcome::default();
    for (name, steps) in transcripts() {
        let outcomes = match (&judge_address, &version) {
            (Some(address), Some(version)) => vec![judge(&name, &steps, address, version)],
            _ => {
                let on = |(engine, way): (&EngineKind, Way)| {
                    let (clock, directory) = (fresh_clock(), tempfile::tempdir().unwrap());
                    let db = open(*engine, directory.path(), &clock);
                    run(&format!("[{engine:?}, {way:?}] {name}"), &steps, &db, &clock, way)
                };
                let ways = |engine| [(engine, Way::Plain), (engine, Way::InTransaction)];
                ENGINES.iter().flat_map(ways).map(on).collect()
            }
        };
        for outcome in outcomes {
            total.agreed += outcome.agreed;
            total.skipped += outcome.skipped;
            total.disagreements.extend(outcome.disagreements);
        }
    }
    for disagreement in &total.disagreements {
        eprintln!("{disagreement}");
    }
    let all = total.agreed + total.disagreements.len();
    eprintln!("{} of {all} agree, {} skipped", total.agreed, total.skipped);
    assert!(all > 0, "no exchange was run");
    assert!(total.disagreements.is_empty(), "{} disagreements", total.disagreements.len());
}

#[test]
fn the_runner_finds_fault() {
    let text = "> SET a 1\nOK\n\n> GET a\n\"2\"\n\n> GET a\n/\"\\d\"/\n\n#! pattern\n> NOPE\n.error. ERR .*\n\n\
                > PING\nPONG\nPONG\n";
    let clock = fresh_clock();
    let db = open(EngineKind::Memory, Path::new("."), &clock);
    let outcome = run("self", &parse(text).unwrap(), &db, &clock, Way::Plain);
    assert_eq!(outcome.agreed, 3);
    assert_eq!(outcome.disagreements.len(), 2);
    assert!(outcome.disagreements[0].starts_with("self:4: GET a\n--- expected\n\"2\"\n--- got\n\"1\""));
    assert!(parse("> SET \"a\n").is_err());
    assert!(parse("OK\n").is_err());
}

#[test]
fn words_and_replies_are_those_of_redis_cli() {
    let words = split(r#"SET "a\x00\n" 'b\' c'  "" d"ef""#).unwrap();
    assert_eq!(words, [&b"SET"[..], b"a\0\n", b"b' c", b"", b"def"].map(Bytes::from_static));
    let nested = Reply::Array(vec![
        Reply::Map(vec![(Reply::text("k"), Reply::Integer(1)), (Reply::text("l"), Reply::Array(vec![]))]),
        Reply::Set(vec![Reply::Boolean(true), Reply::Null]),
        Reply::Double(1.5),
    ]);
    let resp3 = "1) 1# \"k\" => (integer) 1\n   2# \"l\" => (empty array)\n2) 1~ (true)\n   2~ (nil)\n\
                 3) (double) 1.5";
    assert_eq!(cli::print(&nested, Dialect::Resp3), resp3);
    let resp2 = "1) 1) \"k\"\n   2) (integer) 1\n   3) \"l\"\n   4) (empty array)\n2) 1) (integer) 1\n   2) (nil)\n\
                 3) \"1.5\"";
    assert_eq!(cli::print(&nested, Dialect::Resp2), resp2);
}
