//! The same commands for DiskDB and for the installed redis-server: every reply must be the same.

use super::cli;
use super::resp::{RedisServer, RespClient, read_reply};
use super::words;
use bytes::Bytes;
use diskdb::api::{Connection, Db};
use diskdb::config::Settings;
use diskdb::protocol::Reply;
use diskdb::session::Dialect;
use fastrand::Rng;
use std::collections::VecDeque;

/// How many of the commands before it a difference is shown with.
const SHOWN_COMMANDS: usize = 60;

/// How much of each of their words.
const SHOWN_BYTES: usize = 200;

/// One of these words.
pub fn one(rng: &mut Rng, of: &[&str]) -> String {
    of[rng.usize(..of.len())].to_owned()
}

/// Chance's; in CI always the same, so that its answer is about the change and not about luck.
fn drawn_seed() -> u64 {
    if std::env::var_os("CI").is_some() { 7 } else { fastrand::u64(..) }
}

/// DiskDB in memory beside a redis-server.
pub struct Oracle {
    db: Db,
    ours: Connection,
    theirs: RespClient,
    /// Ends with the test.
    _server: RedisServer,
    log: VecDeque<String>,
    seed: u64,
    /// How many random commands are asked for.
    pub commands: u64,
    pub rng: Rng,
}

impl Oracle {
    /// Starts both, for `commands` random ones, and five times as many where the code is optimised;
    /// none, with a line that says so, where there is no redis-server.
    /// `DISKDB_ORACLE_SEED` and `DISKDB_ORACLE_COMMANDS` repeat a run or make it longer.
    pub fn start(commands: u64) -> Option<Oracle> {
        let Some(server) = RedisServer::start() else {
            eprintln!("skipped: there is no redis-server to compare with");
            return None;
        };
        let from_environment = |name| std::env::var(name).ok().and_then(|text| text.parse().ok());
        let seed = from_environment("DISKDB_ORACLE_SEED").unwrap_or_else(drawn_seed);
        let commands = if cfg!(debug_assertions) { commands } else { 5 * commands };
        let commands = from_environment("DISKDB_ORACLE_COMMANDS").unwrap_or(commands);
        let db = Db::in_memory(Settings::default()).unwrap();
        let ours = db.connect();
        let theirs = RespClient::connect(&server.address).unwrap();
        let rng = Rng::with_seed(seed);
        Some(Oracle { db, ours, theirs, _server: server, log: VecDeque::new(), seed, commands, rng })
    }

    /// Sends one command, in a protocol that chance chooses, to both: every reply must be the same.
    pub fn compare(&mut self, words: &[Bytes]) {
        let (ours, theirs) = self.ask(words);
        self.assert_same(&ours, &theirs);
    }

    /// Sends one command, its words between single blanks, to both: every reply must be the same.
    pub fn compare_line(&mut self, line: &str) {
        self.compare(&words(line));
    }

    /// Fails, with the commands before, if what DiskDB stores does not fit together.
    pub fn check(&self) {
        let problems = self.db.check().unwrap().problems;
        assert!(problems.is_empty(), "{problems:?}, {}", self.story());
    }

    /// Fails, with the commands before, if two replies differ.
    pub fn assert_same(&self, ours: &Reply, theirs: &Reply) {
        let (ours, theirs) = (cli::print_delivered(ours), cli::print_delivered(theirs));
        assert_eq!(ours, theirs, "{}", self.story());
    }

    /// The seed and the last commands.
    pub fn story(&self) -> String {
        let before: String = self.log.iter().map(|line| format!("\n{line}")).collect();
        format!("seed {}, after{before}", self.seed)
    }

    /// Sends a command to DiskDB alone.
    pub fn ask_us(&mut self, words: &[Bytes]) -> Reply {
        let dialect = self.ours.session.dialect;
        let ours = self.ours.call(words).unwrap_or_else(|error| Reply::Error(error.to_string().into()));
        read_reply(&mut cli::written(&ours, dialect).as_slice()).expect("a reply on the wire")
    }

    /// Sends a command to Redis alone.
    pub fn ask_them(&mut self, words: &[Bytes]) -> Reply {
        self.theirs.call(words).unwrap()
    }

    /// Sends one command, in a protocol that chance chooses, to both; our reply and theirs.
    pub fn ask(&mut self, words: &[Bytes]) -> (Reply, Reply) {
        let dialect = if self.rng.bool() { Dialect::Resp2 } else { Dialect::Resp3 };
        let line: Vec<String> =
            words.iter().map(|word| word[..word.len().min(SHOWN_BYTES)].escape_ascii().to_string()).collect();
        if self.log.len() >= SHOWN_COMMANDS {
            self.log.pop_front();
        }
        self.log.push_back(line.join(" "));
        self.ours.session.dialect = dialect;
        self.theirs.speak(dialect).unwrap();
        (self.ask_us(words), self.ask_them(words))
    }
}
