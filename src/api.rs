//! DiskDB inside a Rust program.

use crate::clock::{Clock, SystemClock};
use crate::commands::{self, Context};
use crate::config::Settings;
use crate::config::values::EngineKind;
pub use crate::data_types::check::Report;
use crate::data_types::check::check;
use crate::data_types::hash;
use crate::error::{Error, Result};
use crate::instance::Instance;
use crate::instance::clients::{ClientAddress, Unblock};
use crate::keyspace::Keyspace;
use crate::protocol::Reply;
use crate::session::Session;
use crate::storage::Engine;
use crate::storage::memory::MemoryEngine;
use bytes::Bytes;
use parking_lot::{Condvar, Mutex};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// Whether what the settings name besides themselves, the ACL users, makes sense.
///
/// # Errors
/// What is wrong with it.
pub fn check_settings(settings: &Settings) -> std::result::Result<(), String> {
    commands::acl::configured_users(settings).map(drop)
}

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

    /// The database that `settings.dir` names, on the engine that `settings.engine` names; created
    /// if it is not there.
    ///
    /// # Errors
    /// When another process has it open, its format is newer, or it cannot be read.
    pub fn open(settings: Settings) -> Result<Db> {
        Db::open_with_clock(settings, Arc::new(SystemClock))?.started()
    }

    /// As [`Db::open`], with keys that age by `clock`, and no threads: see
    /// [`Instance::start_background`].
    ///
    /// # Errors
    /// As [`Db::open`].
    pub fn open_with_clock(settings: Settings, clock: Arc<dyn Clock>) -> Result<Db> {
        let engine: Box<dyn Engine> = match settings.engine {
            EngineKind::Memory => Box::new(MemoryEngine::new()),
            #[cfg(feature = "rocksdb")]
            EngineKind::RocksDb => {
                let options = rocksdb_options(&settings);
                Box::new(crate::storage::rocksdb::RocksEngine::open(
                    &std::path::Path::new(&settings.dir).join(crate::instance::saves::DATABASE_FOLDER),
                    &options,
                )?)
            }
            #[cfg(not(feature = "rocksdb"))]
            EngineKind::RocksDb => return Err(Error::text("ERR this DiskDB was built without RocksDB")),
        };
        Db::over_with_clock(engine, settings, clock)
    }

    /// A database over an engine.
    ///
    /// # Errors
    /// When the data in it cannot be opened.
    pub fn over(engine: Box<dyn Engine>, settings: Settings) -> Result<Db> {
        Db::over_with_clock(engine, settings, Arc::new(SystemClock))?.started()
    }

    /// A database over an engine, whose keys age by `clock`, and no threads: see
    /// [`Instance::start_background`].
    ///
    /// # Errors
    /// When the data in it cannot be opened.
    pub fn over_with_clock(engine: Box<dyn Engine>, settings: Settings, clock: Arc<dyn Clock>) -> Result<Db> {
        let keyspace = Keyspace::open(engine, clock, settings.databases)?;
        keyspace.expire_fields_by(hash::expire_fields);
        let users = commands::acl::configured_users(&settings).map_err(Error::err)?;
        let instance = Arc::new(Instance::new(keyspace, settings, commands::acl::catalog()));
        if let Some(users) = users {
            instance.acl.replace(users);
        }
        instance.functions.load(&instance.keyspace)?;
        instance.share();
        Ok(Db { instance })
    }

    fn started(self) -> Result<Db> {
        self.instance.start_background()?;
        Ok(self)
    }

    /// What the database has one of.
    pub fn instance(&self) -> &Arc<Instance> {
        &self.instance
    }

    /// Holds everything that is stored against the rules of the format. Reads all of it; while a database
    /// is being looked at, nobody writes to it.
    ///
    /// # Errors
    /// When something cannot be read at all.
    pub fn check(&self) -> Result<Report> {
        check(&self.instance.keyspace)
    }

    /// A client of the database, with a selected database and a protocol of its own.
    pub fn connect(&self) -> Connection {
        let session = Session::open(&self.instance, ClientAddress::embedded());
        Connection { instance: self.instance.clone(), session, woken: OnceLock::new() }
    }
}

/// A client inside the program.
pub struct Connection {
    instance: Arc<Instance>,
    pub session: Session,
    /// Told when another client ends a wait of this one; there once it has waited.
    woken: OnceLock<Arc<(Mutex<()>, Condvar)>>,
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
        let result = loop {
            let mut context = Context::new(&self.instance, &mut self.session);
            match commands::execute(&mut context, words) {
                Err(Error::Blocked { until_ms }) => self.session.wait_ended = Some(self.wait(until_ms)),
                Ok(Reply::Strings(strings)) => break Ok(strings.unpacked()),
                result => break result,
            }
        };
        self.session.wait_ended = None;
        let takes_reply = self.session.takes_reply();
        let reply = match result {
            // What a subscriber is told of its subscriptions stands in order with its messages.
            Ok(Reply::Silence) if client.has_mail() => Reply::Sequence(self.take_messages()),
            result if takes_reply => result?,
            _ => Reply::Silence,
        };
        self.instance.keyspace.engine().flush()?;
        Ok(reply)
    }

    /// What others have told this client since the last time: messages of channels that it is subscribed
    /// to, lines of `MONITOR`, invalidated keys. They are kept until they are taken.
    pub fn take_messages(&mut self) -> Vec<Reply> {
        self.session.client.take_mail().iter().map(|message| message.reply().clone()).collect()
    }

    /// Waits until that time, ms since the Unix epoch, or until another client ends the wait.
    fn wait(&self, until_ms: Option<u64>) -> Unblock {
        let client = &self.session.client;
        let woken = self.woken.get_or_init(|| {
            let woken: Arc<(Mutex<()>, Condvar)> = Arc::default();
            let waker = woken.clone();
            client.on_wake(move || {
                // Not between the look at what has changed and the wait for it.
                let _looking = waker.0.lock();
                waker.1.notify_all();
            });
            woken
        });
        let now_ms = self.instance.keyspace.clock().now_ms();
        let time = Duration::from_millis(until_ms.unwrap_or(u64::MAX).saturating_sub(now_ms));
        client.begin_wait();
        let is_waiting = |_: &mut ()| client.unblocked().is_none() && !client.is_killed();
        woken.1.wait_while_for(&mut woken.0.lock(), is_waiting, time);
        loop {
            if let Some(how) = client.end_wait_now() {
                return how;
            }
            std::thread::yield_now();
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.session.close(&self.instance);
    }
}

/// How the directives steer RocksDB.
#[cfg(feature = "rocksdb")]
fn rocksdb_options(settings: &Settings) -> crate::storage::rocksdb::RocksOptions {
    use crate::config::values::Compression as Named;
    use crate::instance::process::{processors, total_memory};
    use crate::storage::rocksdb::{Compression, RocksOptions};
    let compression = |named| match named {
        Named::None => Compression::None,
        Named::Lz4 => Compression::Lz4,
        Named::Lz4Hc => Compression::Lz4hc,
        Named::Zstd => Compression::Zstd,
    };
    let (values, blocks) = settings.cache_shares(total_memory());
    let jobs = match settings.rocksdb_max_background_jobs {
        0 => processors().max(2) as u32,
        jobs => jobs,
    };
    RocksOptions {
        value_cache_bytes: values as usize,
        block_cache_bytes: blocks as usize,
        write_buffer_bytes: settings.rocksdb_write_buffer_size as usize,
        max_write_buffers: settings.rocksdb_max_write_buffer_number as i32,
        min_write_buffers_to_merge: settings.rocksdb_min_write_buffer_number_to_merge as i32,
        memtable_filter: settings.rocksdb_memtable_filter,
        block_bytes: settings.rocksdb_block_size as usize,
        bloom_bits: settings.rocksdb_bloom_bits,
        cache_index_and_filter_blocks: settings.rocksdb_cache_index_and_filter_blocks,
        compression: compression(settings.rocksdb_compression),
        bottommost_compression: compression(settings.rocksdb_bottommost_compression),
        level0_compaction_files: settings.rocksdb_level0_file_num_compaction_trigger as i32,
        level0_slowdown_files: settings.rocksdb_level0_slowdown_writes_trigger as i32,
        level0_stop_files: settings.rocksdb_level0_stop_writes_trigger as i32,
        max_background_jobs: jobs as i32,
        max_subcompactions: settings.rocksdb_max_subcompactions,
        target_file_bytes: settings.rocksdb_target_file_size_base,
        max_bytes_for_level_base: settings.rocksdb_max_bytes_for_level_base,
        min_blob_bytes: settings.rocksdb_min_blob_size,
        blob_file_bytes: settings.rocksdb_blob_file_size,
        direct_io: settings.rocksdb_direct_io,
        max_wal_bytes: settings.rocksdb_max_total_wal_size,
        max_open_files: settings.rocksdb_max_open_files,
        bytes_per_sync: settings.rocksdb_bytes_per_sync,
        wal_bytes_per_sync: settings.rocksdb_wal_bytes_per_sync,
        load_truncated_log: settings.aof_load_truncated,
        compaction_readahead_bytes: settings.rocksdb_compaction_readahead_size as usize,
        rate_limit_bytes: settings.rocksdb_rate_limit as i64,
        stats_dump_period_s: settings.rocksdb_stats_dump_period,
        log_files: settings.rocksdb_keep_log_file_num as usize,
    }
}
