//! Checks that run one after the other, and the closing line `N passed, N failed`.

use std::env;
use std::error::Error;
use std::future::Future;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// What a check ends with: any error fails it, as a panic does.
pub type Outcome = Result<(), Box<dyn Error + Send + Sync>>;

/// The server's host.
pub fn host() -> String {
    env::var("APP_HOST").unwrap_or_else(|_| "127.0.0.1".to_owned())
}

/// The server's port.
pub fn port() -> u16 {
    env::var("APP_PORT").map_or(6379, |port| port.parse().expect("APP_PORT is a number"))
}

/// How many checks passed, failed and were skipped.
#[derive(Default)]
pub struct Checks {
    passed: usize,
    failed: usize,
    skipped: usize,
}

impl Checks {
    /// Runs a check, unless the server lacks the command `needed`.
    pub async fn check<F>(&mut self, name: &str, needed: Option<&str>, body: F)
    where
        F: Future<Output = Outcome> + Send + 'static,
    {
        if let Some(command) = needed.filter(|command| !has_command(command)) {
            self.skipped += 1;
            println!("skipped {name}: the server has no {command}");
            return;
        }
        let began = Instant::now();
        let problem = match tokio::time::timeout(Duration::from_secs(30), tokio::spawn(body)).await {
            Err(_) => Some("no end within 30 s".to_owned()),
            Ok(Err(panicked)) => Some(panicked.to_string()),
            Ok(Ok(Err(error))) => Some(error.to_string()),
            Ok(Ok(Ok(()))) => None,
        };
        match problem {
            None => {
                self.passed += 1;
                println!("ok      {name} ({} ms)", began.elapsed().as_millis());
            }
            Some(problem) => {
                self.failed += 1;
                println!("FAILED  {name}: {problem}");
            }
        }
    }

    /// Prints the closing line; the exit code agrees with it.
    pub fn close(self) -> ExitCode {
        print!("{} passed, {} failed", self.passed, self.failed);
        match self.skipped {
            0 => println!(),
            skipped => println!(", {skipped} skipped"),
        }
        ExitCode::from(u8::from(self.failed > 0))
    }
}

/// Whether the server has the command: asked on a socket, without either library.
fn has_command(command: &str) -> bool {
    let mut socket = TcpStream::connect((host(), port())).expect("the server listens");
    write!(socket, "COMMAND INFO {command}\r\nQUIT\r\n").expect("the server reads");
    let mut reply = String::new();
    socket.read_to_string(&mut reply).expect("the server answers");
    !reply.starts_with("*1\r\n*-1") && !reply.starts_with("*1\r\n$-1")
}
