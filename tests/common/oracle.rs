//! The same commands for DiskDB and for the installed redis-server: every reply must be the same.

use super::cli;
use super::resp::{RedisServer, RespClient};
use bytes::Bytes;
use diskdb::api::{Connection, Db};
use diskdb::config::Settings;
use diskdb::protocol::Reply;
use diskdb::session::Dialect;
use fastrand::Rng;

/// How many of the commands before it a difference is shown with.
const SHOWN_COMMANDS: usize = 60;

/// DiskDB in memory beside a redis-server.
pub struct Oracle {
    ours: Connection,
    theirs: RespClient,
    /// Ends with the test.
    _server: RedisServer,
    log: Vec<String>,
    seed: u64,
    /// How many random commands are asked for.
    pub commands: u64,
    pub rng: Rng,
}

impl Oracle {
    /// Starts both; none, with a line that says so, where there is no redis-server.
    /// `DISKDB_ORACLE_SEED` and `DISKDB_ORACLE_COMMANDS` repeat a run or make it longer.
    pub fn start(commands: u64) -> Option<Oracle> {
        let Some(server) = RedisServer::start() else {
            eprintln!("skipped: there is no redis-server to compare with");
            return None;
        };
        let from_environment = |name| std::env::var(name).ok().and_then(|text| text.parse().ok());
        let seed = from_environment("DISKDB_ORACLE_SEED").unwrap_or_else(|| fastrand::u64(..));
        let commands = from_environment("DISKDB_ORACLE_COMMANDS").unwrap_or(commands);
        let ours = Db::in_memory(Settings::default()).unwrap().connect();
        let theirs = RespClient::connect(&server.address).unwrap();
        let rng = Rng::with_seed(seed);
        Some(Oracle { ours, theirs, _server: server, log: Vec::new(), seed, commands, rng })
    }

    /// Sends one command, in a protocol that chance chooses, to both.
    pub fn compare(&mut self, words: &[Bytes]) {
        let dialect = if self.rng.bool() { Dialect::Resp2 } else { Dialect::Resp3 };
        let line: Vec<String> = words.iter().map(|word| word.escape_ascii().to_string()).collect();
        self.log.push(line.join(" "));
        self.ours.session.dialect = dialect;
        self.theirs.speak(dialect).unwrap();
        let ours = self.ours.call(words).unwrap_or_else(|error| Reply::Error(error.to_string().into()));
        let ours = cli::print(&ours, dialect);
        let theirs = cli::print_delivered(&self.theirs.call(words).unwrap());
        let before = &self.log[self.log.len().saturating_sub(SHOWN_COMMANDS)..];
        assert_eq!(ours, theirs, "seed {}, after\n{}", self.seed, before.join("\n"));
    }
}
