//! What `--help` and `--version` say.

use crate::config::{Settings, directive};

/// RocksDB's version, as the crate that brings it names it; a test compares it with Cargo.lock.
const ROCKSDB_VERSION: &str = "11.8.1";

/// The directives that most people need, in the order in which they need them.
const IMPORTANT: &[&str] = &[
    "port",
    "bind",
    "dir",
    "requirepass",
    "appendfsync",
    "cache-size",
    "maxclients",
    "unixsocket",
    "text-port",
    "tls-port",
    "loglevel",
    "logfile",
];

/// The text of `--version`.
pub fn version() -> String {
    let engine = if cfg!(feature = "rocksdb") {
        format!("RocksDB {ROCKSDB_VERSION}")
    } else {
        "none (built without RocksDB: data in memory only)".to_owned()
    };
    format!(
        "diskdb {}\nRedis compatibility: {}\nstorage engine: {engine}\n",
        crate::DISKDB_VERSION,
        crate::REDIS_VERSION
    )
}

/// The text of `--help`.
pub fn help() -> String {
    let defaults = Settings::default();
    let mut directives = String::new();
    for directive in IMPORTANT.iter().filter_map(|name| directive(name)) {
        let default = directive.lines(&defaults).join(" ");
        let first_sentence = directive.doc.split_inclusive(". ").next().unwrap_or_default();
        let meaning = first_sentence.split_whitespace().collect::<Vec<_>>().join(" ");
        let meaning = meaning.split(['.', ';', ':']).next().unwrap_or_default();
        let setting = format!("--{} {default}", directive.name);
        directives += &format!("  {setting:<28} {meaning}\n");
    }
    format!(
        "\
DiskDB {}: a multi-type database that speaks Redis' protocol and keeps everything on disk.

Usage: diskdb [CONF-FILE] [--directive value ...]
       diskdb [CONF-FILE] [--directive value ...] --check-config
       diskdb check [CONF-FILE] [--directive value ...]
       diskdb - < CONF-FILE
       diskdb --help | --version

Every directive can stand in the conf file (`port 7000`), in a variable (`DISKDB_PORT=7000`) and on
the command line (`--port 7000`). The command line goes before variables, variables go before the
file. All directives, with their documentation: diskdb.conf, or CONFIG GET '*' of a running server.

The directives that most people need, with their defaults:
{directives}
`diskdb check` reads a database that no server has open, and says what is wrong with it.

Options:
  --check-config               Says whether the configuration is right, and ends
  -h, --help                   Says this
  -v, --version                Says the versions of DiskDB, Redis' commands and the storage engine

Examples:
  diskdb                                          serves on port 6380, data in ./data
  diskdb /etc/diskdb.conf --port 7000             a conf file, and a port of its own
  diskdb --appendfsync always --cache-size 4gb    nothing acknowledged is ever lost; more cache
  DISKDB_REQUIREPASS=secret diskdb --bind '*'     open to the network, with a password
  redis-cli -p 6380                               talks to it

SIGTERM and SIGINT stop the server once everything is on disk. Exit code: 0 after that, 1 when the
configuration is wrong, the start failed, or `check` has found something.
",
        crate::DISKDB_VERSION
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_of_rocksdb_is_the_one_that_is_compiled() {
        let lock = include_str!("../../Cargo.lock");
        let package = lock.split("[[package]]").find(|package| package.contains("\"librocksdb-sys\""));
        assert!(package.unwrap().contains(&format!("+{ROCKSDB_VERSION}\"")));
    }

    #[test]
    fn help_names_directives_that_exist_and_fits_the_terminal() {
        let help = help();
        for name in IMPORTANT {
            assert!(help.contains(&format!("\n  --{name} ")), "{name}");
        }
        assert!(help.lines().all(|line| line.chars().count() <= 110), "{help}");
    }
}
