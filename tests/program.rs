//! Starts the program: what it says of a wrong configuration, what it answers, how it ends.
#![cfg(feature = "server")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_diskdb"));
    command.args(arguments).stdin(Stdio::null());
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("DISKDB_")) {
        command.env_remove(name);
    }
    command
}

fn output(arguments: &[&str]) -> Output {
    program(arguments).output().unwrap()
}

fn stderr(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(output.stdout.is_empty(), "{output:?}");
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn a_wrong_conf_file_is_refused_with_file_line_and_reason() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bad.conf");
    let name = path.to_str().unwrap();
    let title = format!("\n*** FATAL CONFIG FILE ERROR (DiskDB {}) ***\n", diskdb::DISKDB_VERSION);
    for (text, line, shown, reason) in [
        ("# fine\nport 70000\n", 2, "port 70000", "argument must be between 0 and 65535 inclusive"),
        ("\n\nno-such yes\n", 3, "no-such yes", "Bad directive or wrong number of arguments"),
        ("requirepass \"x\n", 1, "requirepass (hidden)", "Unbalanced quotes in configuration line"),
    ] {
        std::fs::write(&path, text).unwrap();
        for arguments in [&[name][..], &[name, "--check-config"]] {
            assert_eq!(
                stderr(&output(arguments)),
                format!(
                    "{title}Reading the configuration file {name}, at line {line}\n>>> '{shown}'\n{reason}\n"
                )
            );
        }
    }
    let missing = folder.path().join("none.conf");
    let message = stderr(&output(&[missing.to_str().unwrap()]));
    assert!(message.starts_with("Fatal error, can't open config file '"), "{message}");
    assert!(message.contains("none.conf': No such file"), "{message}");
}

#[test]
fn check_says_that_nothing_is_wrong() {
    let output = output(&["check", "--engine", "memory"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(output.stdout, b"0 keys and 0 records beside them: no problems.\n");
}

#[test]
fn wrong_arguments_and_variables_are_refused() {
    let message = stderr(&output(&["--appendfsync", "sometimes"]));
    assert!(
        message.ends_with(
            "Reading the command line\n>>> 'appendfsync sometimes'\n\
             argument(s) must be one of the following: everysec, always, no\n"
        ),
        "{message}"
    );
    let wrong = program(&[]).env("DISKDB_PORT", "tcp://10.0.0.1:6380").output().unwrap();
    assert!(stderr(&wrong).contains("Reading the environment\n>>> 'DISKDB_PORT=tcp://10.0.0.1:6380'\n"));
}

#[test]
fn help_version_and_check() {
    for (arguments, expected) in [
        (&["--help"][..], "Usage: diskdb"),
        (&["-h"], "--check-config"),
        (&["--version"], "Redis compatibility: "),
        (&["-v"], diskdb::DISKDB_VERSION),
        (&["--check-config", "--port", "7000"], "The configuration is right."),
    ] {
        let output = output(arguments);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(text.contains(expected), "{text}");
    }
}

/// A server in a folder of its own, killed when dropped.
struct Running {
    process: Child,
    lines: BufReader<std::process::ChildStdout>,
    address: String,
}

impl Running {
    fn start(folder: &Path, arguments: &[&str]) -> Running {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let data = folder.join("data");
        let port = port.to_string();
        let mut all: Vec<&str> = arguments.to_vec();
        all.extend(["--port", &port, "--bind", "127.0.0.1", "--dir", data.to_str().unwrap()]);
        all.extend(["--engine", "memory"]);
        let mut process = program(&all).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap());
        let address = format!("127.0.0.1:{port}");
        let mut line = String::new();
        while !line.contains("ready to accept connections") {
            line.clear();
            assert!(lines.read_line(&mut line).unwrap() > 0, "the server ended: {:?}", process.wait());
        }
        assert!(line.contains(&address) && line.contains(diskdb::DISKDB_VERSION), "{line}");
        assert!(line.starts_with(&format!("{} ", process.id())) && line.contains(" notice: "), "{line}");
        Running { process, lines, address }
    }

    fn call(&self, request: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        stream.write_all(b"QUIT\r\n").unwrap();
        let mut reply = String::new();
        stream.read_to_string(&mut reply).unwrap();
        reply
    }

    fn signal(&self, name: &str) {
        let sent = Command::new("kill").args(["-s", name, &self.process.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn signals_stop_it_with_exit_code_0() {
    for signal in ["TERM", "INT"] {
        let folder = tempfile::tempdir().unwrap();
        let pidfile = folder.path().join("pid");
        let mut server = Running::start(folder.path(), &["--pidfile", pidfile.to_str().unwrap()]);
        assert_eq!(std::fs::read_to_string(&pidfile).unwrap().trim(), server.process.id().to_string());
        server.signal("HUP");
        assert_eq!(server.call("PING\r\n"), "+PONG\r\n+OK\r\n");
        server.signal(signal);
        assert_eq!(server.process.wait().unwrap().code(), Some(0), "{signal}");
        assert!(!pidfile.exists());
    }
}

#[test]
fn settings_are_changed_and_written_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("diskdb.conf");
    std::fs::write(&path, "# mine\ntimeout 5\n").unwrap();
    let mut server = Running::start(folder.path(), &[path.to_str().unwrap()]);
    assert_eq!(server.call("CONFIG SET timeout 77 loglevel debug\r\n"), "+OK\r\n+OK\r\n");
    assert_eq!(server.call("CONFIG REWRITE\r\n"), "+OK\r\n+OK\r\n");
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.starts_with("# mine\ntimeout 77\n# Generated by CONFIG REWRITE\n"), "{text}");
    assert!(text.contains("\nloglevel debug\n"), "{text}");
    server.call("CONFIG SET loglevel nothing\r\n");
    server.signal("TERM");
    server.process.wait().unwrap();
    let mut rest = String::new();
    server.lines.read_to_string(&mut rest).unwrap();
    assert!(rest.contains("CONFIG REWRITE") && !rest.contains("SIGTERM"), "{rest}");

    // What was written is what the next start reads.
    drop(Running::start(folder.path(), &[path.to_str().unwrap()]));
}

#[test]
fn a_log_file_gets_the_lines_and_a_failed_start_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let arguments =
        ["--engine", "memory", "--bind", "127.0.0.1", "--port", &port, "--logfile", log.to_str().unwrap()];
    let message = stderr(&output(&arguments));
    assert!(message.contains(&port), "{message}");
    let log = std::fs::read_to_string(&log).unwrap();
    assert!(
        log.contains(" notice: DiskDB ") && log.contains(&format!(" error: {}", message.trim())),
        "{log}"
    );

    let nowhere = folder.path().join("no/log");
    let message = stderr(&output(&["--engine", "memory", "--logfile", nowhere.to_str().unwrap()]));
    assert!(message.starts_with("Can't open the log file"), "{message}");
}
