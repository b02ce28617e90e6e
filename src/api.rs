//! DiskDB inside a Rust program.

use crate::clock::{Clock, SystemClock};
use crate::commands::{self, Context};
use crate::config::Settings;
use crate::error::{Error, Result};
use crate::instance::Instance;
use crate::instance::clients::ClientAddress;
use crate::keyspace::Keyspace;
use crate::protocol::Reply;
use crate::session::Session;
use crate::storage::Engine;
use crate::storage::memory::MemoryEngine;
use bytes::Bytes;
use std::sync::Arc;

/// A database opened by this program.
#[derive(Clone)]
pub struct Db {
    instance: Arc<Instance>,
}

impl Db {
    /// A database in memory, gone when the last handle goes.
    ///
    /// # Errors
    /// When the settings make no sense.
    pub fn in_memory(settings: Settings) -> Result<Db> {
        Db::over(Box::new(MemoryEngine::new()), settings)
    }

    /// A database over an engine.
    ///
    /// # Errors
    /// When the data in it cannot be opened.
    pub fn over(engine: Box<dyn Engine>, settings: Settings) -> Result<Db> {
        Db::over_with_clock(engine, settings, Arc::new(SystemClock))
    }

    /// A database over an engine, whose keys age by `clock`.
    ///
    /// # Errors
    /// When the data in it cannot be opened.
    pub fn over_with_clock(engine: Box<dyn Engine>, settings: Settings, clock: Arc<dyn Clock>) -> Result<Db> {
        let keyspace = Keyspace::open(engine, clock, settings.databases)?;
        Ok(Db { instance: Arc::new(Instance::new(keyspace, settings)) })
    }

    /// What the database has one of.
    pub fn instance(&self) -> &Arc<Instance> {
        &self.instance
    }

    /// A client of the database, with a selected database and a protocol of its own.
    pub fn connect(&self) -> Connection {
        let session = Session::open(&self.instance, ClientAddress::embedded());
        Connection { instance: self.instance.clone(), session }
    }
}

/// A client inside the program.
pub struct Connection {
    instance: Arc<Instance>,
    pub session: Session,
}

impl Connection {
    /// Runs one command given by its words. What it wrote survives the death of the process when
    /// this returns. A `CLIENT PAUSE` does not hold it back.
    ///
    /// # Errors
    /// As the command's error reply; and when another client has killed this one.
    pub fn call(&mut self, words: &[Bytes]) -> Result<Reply> {
        let client = self.session.client.clone();
        if client.is_killed() {
            return Err(Error::text("ERR the connection was killed"));
        }
        client.interacted(self.instance.keyspace.clock().now_ms());
        let mut context = Context { instance: &self.instance, session: &mut self.session };
        let result = commands::execute(&mut context, words);
        let takes_reply = self.session.takes_reply();
        let reply = if takes_reply { result? } else { Reply::Silence };
        self.instance.keyspace.engine().flush()?;
        Ok(reply)
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.session.close(&self.instance);
    }
}
