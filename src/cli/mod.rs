//! The program `diskdb`: its command line, its logs, its start and its end.

mod help;
mod logging;
mod signals;
mod system;

use crate::api::{self, Db, Report};
use crate::clock::SystemClock;
use crate::config::{ConfigError, Settings};
use crate::server::{Addresses, Server};
use std::ffi::OsString;
use std::io::{Read, Write};
use std::process::ExitCode;
use std::sync::Arc;

/// What the program is asked to do.
#[derive(Debug, PartialEq, Eq)]
enum Task {
    Help,
    Version,
    /// Reads the settings, says whether they are right, and ends.
    CheckConfig(Source),
    /// Holds what is stored against the rules, says what is wrong, and ends.
    Check(Source),
    Serve(Source),
}

/// Where the settings come from, besides the environment.
#[derive(Debug, PartialEq, Eq)]
struct Source {
    /// `-` is the standard input.
    conf_file: Option<String>,
    directives: Vec<String>,
}

impl Task {
    fn parse(arguments: impl Iterator<Item = OsString>) -> Task {
        let mut words: Vec<String> = arguments.map(|word| word.to_string_lossy().into_owned()).collect();
        let asks = |words: &[String], names: &[&str]| words.iter().any(|word| names.contains(&word.as_str()));
        if asks(&words, &["--help", "-h"]) {
            return Task::Help;
        }
        if asks(&words, &["--version", "-v"]) {
            return Task::Version;
        }
        let before = words.len();
        words.retain(|word| word != "--check-config");
        let check_config = words.len() < before;
        let check = words.first().is_some_and(|word| word == "check");
        if check {
            words.remove(0);
        }
        let conf_file = match words.first() {
            Some(word) if !word.starts_with("--") => Some(words.remove(0)),
            _ => None,
        };
        let source = Source { conf_file, directives: words };
        match (check_config, check) {
            (true, _) => Task::CheckConfig(source),
            (false, true) => Task::Check(source),
            (false, false) => Task::Serve(source),
        }
    }
}

/// Runs the program with the arguments after its name. The exit code is 0 when it did what it was
/// asked to, a stop on request included, and 1 when the settings are wrong, the start failed, what
/// is stored makes no sense, or the last writes could not be brought to the disk.
pub fn run(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let done = match Task::parse(arguments) {
        Task::Help => say(&help::help()),
        Task::Version => say(&help::version()),
        Task::CheckConfig(source) => settings(&source)
            .and_then(|settings| api::check_settings(&settings))
            .and_then(|()| say("The configuration is right.\n")),
        Task::Check(source) => settings(&source).and_then(check),
        Task::Serve(source) => settings(&source).and_then(serve),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            // There is nowhere to say that the standard error cannot be written.
            let _ = writeln!(std::io::stderr(), "{message}");
            ExitCode::FAILURE
        }
    }
}

/// Writes to the standard output, which may be a pipe that nobody reads.
fn say(text: &str) -> Result<(), String> {
    std::io::stdout().write_all(text.as_bytes()).map_err(|error| error.to_string())
}

fn settings(source: &Source) -> Result<Settings, String> {
    let text = source.conf_file.as_deref().map(read_conf_file).transpose()?;
    let conf_file = source.conf_file.as_deref().zip(text.as_deref());
    let environment = std::env::vars_os()
        .map(|(name, value)| (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned()));
    let loaded = Settings::load(conf_file, environment, &source.directives);
    let mut settings = loaded.map_err(|error: ConfigError| error.to_string())?;
    settings.config_file = match source.conf_file.as_deref() {
        None | Some("-") => None,
        Some(name) => Some(std::path::absolute(name).unwrap_or_else(|_| name.into())),
    };
    Ok(settings)
}

fn read_conf_file(name: &str) -> Result<String, String> {
    let read = if name == "-" {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).map(|_| text)
    } else {
        std::fs::read_to_string(name)
    };
    read.map_err(|error| format!("Fatal error, can't open config file '{name}': {error}"))
}

/// Reads a database that no process serves, and says what is wrong with it.
fn check(settings: Settings) -> Result<(), String> {
    let db = Db::open_with_clock(settings, Arc::new(SystemClock)).map_err(plain)?;
    let report = db.check().map_err(plain)?;
    if report.problem_count == 0 {
        let Report { keys, records, .. } = report;
        return say(&format!("{keys} keys and {records} records beside them: no problems.\n"));
    }
    say(&(report.problems.join("\n") + "\n"))?;
    Err(format!("{} problems.", report.problem_count))
}

/// Serves until it is told to stop.
fn serve(settings: Settings) -> Result<(), String> {
    let log_level = logging::start(&settings)?;
    let log_is_a_file = !settings.logfile.is_empty();
    start_and_wait(settings, log_level).inspect_err(|message| {
        // Otherwise both go to whoever started us.
        if log_is_a_file {
            tracing::error!("{message}");
        }
    })
}

fn start_and_wait(settings: Settings, log_level: logging::Level) -> Result<(), String> {
    let pid = std::process::id();
    let source = settings.config_file.as_ref().map(|path| path.display().to_string());
    tracing::info!(
        "DiskDB {} starts: process {pid}, configuration from {}",
        crate::DISKDB_VERSION,
        source.as_deref().unwrap_or("the command line and the environment alone")
    );
    system::raise_open_files_limit(settings.maxclients);
    let pidfile = system::Pidfile::write(&settings.pidfile, pid);
    let supervised = settings.supervised;
    let db = Db::open(settings).map_err(plain)?;
    let instance = db.instance().clone();
    instance.on_settings_change(Box::new(move |_, new| log_level.set(new.loglevel)));
    let server = Server::start(&db).map_err(plain)?;
    signals::watch(instance.clone())?;
    tracing::info!("{}", banner(&instance.settings(), server.addresses()));
    system::tell_supervisor(supervised, "READY=1\nSTATUS=Ready to accept connections\n");
    let result = server.wait().map_err(plain);
    system::tell_supervisor(supervised, "STOPPING=1\n");
    drop(pidfile);
    result
}

/// An error without the code that clients get to see.
fn plain(error: crate::error::Error) -> String {
    let text = error.to_string();
    text.strip_prefix("ERR ").unwrap_or(&text).to_owned()
}

/// The line that says that the server is ready, and where.
fn banner(settings: &Settings, addresses: &Addresses) -> String {
    let data = std::path::absolute(&settings.dir).unwrap_or_else(|_| settings.dir.clone().into());
    let data = match settings.engine.name() {
        "memory" => "data in memory only".to_owned(),
        engine => format!("data in {} ({engine})", data.display()),
    };
    let mut places = Vec::new();
    for (name, addresses) in [("", &addresses.tcp), ("TLS ", &addresses.tls), ("text ", &addresses.text)] {
        places.extend(addresses.iter().map(|address| format!("{name}{address}")));
    }
    places.extend(addresses.unix.as_ref().map(|path| path.display().to_string()));
    format!(
        "DiskDB {} (Redis {} compatible), {data}, ready to accept connections on {}",
        crate::DISKDB_VERSION,
        crate::REDIS_VERSION,
        places.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Task {
        Task::parse(line.split_whitespace().map(OsString::from))
    }

    fn source(conf_file: Option<&str>, directives: &[&str]) -> Source {
        let directives = directives.iter().map(|word| (*word).to_owned()).collect();
        Source { conf_file: conf_file.map(str::to_owned), directives }
    }

    #[test]
    fn the_command_line_is_a_conf_file_and_directives() {
        assert_eq!(parse(""), Task::Serve(source(None, &[])));
        assert_eq!(parse("a.conf"), Task::Serve(source(Some("a.conf"), &[])));
        assert_eq!(parse("- --port 1"), Task::Serve(source(Some("-"), &["--port", "1"])));
        assert_eq!(parse("--port 1 2"), Task::Serve(source(None, &["--port", "1", "2"])));
        assert_eq!(
            parse("a.conf --check-config --port 1"),
            Task::CheckConfig(source(Some("a.conf"), &["--port", "1"]))
        );
        assert_eq!(parse("--check-config a.conf"), Task::CheckConfig(source(Some("a.conf"), &[])));
        assert_eq!(parse("check"), Task::Check(source(None, &[])));
        assert_eq!(parse("check a.conf --dir x"), Task::Check(source(Some("a.conf"), &["--dir", "x"])));
        assert_eq!((parse("--port 1 --help"), parse("-h")), (Task::Help, Task::Help));
        assert_eq!((parse("--version"), parse("-v")), (Task::Version, Task::Version));
    }

    #[test]
    fn the_banner_says_where() {
        let addresses = Addresses {
            tcp: vec!["127.0.0.1:6380".parse().unwrap()],
            tls: vec!["[::1]:6381".parse().unwrap()],
            text: Vec::new(),
            unix: Some("/run/diskdb.sock".into()),
        };
        let settings = Settings { dir: "/data".into(), ..Settings::default() };
        let banner = banner(&settings, &addresses);
        assert!(banner.contains("data in /data (rocksdb)"), "{banner}");
        assert!(banner.ends_with("on 127.0.0.1:6380, TLS [::1]:6381, /run/diskdb.sock"), "{banner}");
    }
}
