//! Clients of a server that the test itself plays: no sockets, and a clock that it moves.

use super::words;
use diskdb::api::Db;
use diskdb::clock::ManualClock;
use diskdb::commands::{self, Context};
use diskdb::config::Settings;
use diskdb::error::Result;
use diskdb::instance::clients::{ClientAddress, Transport};
use diskdb::protocol::Reply;
use diskdb::session::Session;
use diskdb::storage::memory::MemoryEngine;
use std::sync::Arc;

/// Where the clock stands at the start, ms since the Unix epoch.
pub const START_MS: u64 = 1_750_000_000_000;

/// A server without sockets.
pub struct Server {
    pub db: Db,
    pub clock: Arc<ManualClock>,
}

impl Server {
    /// A server on the memory engine.
    pub fn start(settings: Settings) -> Server {
        let clock = Arc::new(ManualClock::at_ms(START_MS));
        let db = Db::over_with_clock(Box::new(MemoryEngine::new()), settings, clock.clone()).unwrap();
        Server { db, clock }
    }

    /// A client from this port.
    pub fn client(&self, port: u16) -> Client<'_> {
        let address = ClientAddress {
            transport: Transport::Tcp,
            peer: format!("127.0.0.1:{port}"),
            local: "127.0.0.1:6380".to_owned(),
            descriptor: 9,
        };
        Client { server: self, session: Session::open(self.db.instance(), address) }
    }
}

/// A client that the server takes for one on TCP.
pub struct Client<'a> {
    pub server: &'a Server,
    pub session: Session,
}

impl Client<'_> {
    /// Runs a command.
    pub fn call(&mut self, line: &str) -> Result<Reply> {
        let mut context = Context::new(self.server.db.instance(), &mut self.session);
        commands::execute(&mut context, &words(line))
    }

    /// The reply as a text.
    pub fn says(&mut self, line: &str) -> String {
        match self.call(line) {
            Ok(Reply::Ok) => "OK".to_owned(),
            Ok(Reply::Simple(text)) => text.into_owned(),
            Ok(Reply::Bulk(text) | Reply::Verbatim(_, text)) => String::from_utf8(text.to_vec()).unwrap(),
            Ok(other) => format!("{other:?}"),
            Err(error) => error.to_string(),
        }
    }

    /// What is sent, if anything.
    pub fn sent(&mut self, line: &str) -> Option<String> {
        let reply = self.says(line);
        self.session.takes_reply().then_some(reply)
    }
}
