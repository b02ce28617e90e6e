//! The one door to the data: lock the keys, run, commit, tell the observers, unlock.

mod copying;
pub mod cursors;
pub mod event;
pub mod expiry;
mod field_expiry;
mod locks;
mod overlay;
pub mod packing;
pub mod staging;
pub mod tally;
#[cfg(test)]
mod tests;
pub mod tx;

use crate::clock::Clock;
use crate::encoding::databases::Databases;
use crate::encoding::keys::{self, Namespace};
use crate::encoding::numbers::{FORMAT_VERSION, MAX_STRING_BYTES, system_key};
use crate::error::{Error, Result};
use crate::storage::{
    Batch, Direction, Engine, Fresh, KeyBytes, ReadTier, ScanRange, Seq, Space, StorageError, prefix_end,
};
use bytes::Bytes;
use copying::Ahead;
use event::{ClientId, Commit, Observer};
pub use field_expiry::{ExpireFields, Expired, Resume};
pub use locks::{KeySet, Keys, WhyGiveUp};
use locks::{Locks, Waits};
use parking_lot::{Mutex, RwLock};
use smallvec::SmallVec;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use tx::{Finished, ReadTx, WriteTx};

/// The number of a logical database.
pub type DbIndex = u32;

/// How far the boot number is shifted in a version; see [`Keyspace::new_version`].
const VERSION_BITS: u32 = 40;

/// Who writes and how.
#[derive(Debug, Clone, Copy)]
pub struct Origin {
    /// The logical database the keys are in, unless they say otherwise.
    pub db: DbIndex,
    /// 0: the server itself.
    pub client: ClientId,
    pub tier: ReadTier,
}

impl Origin {
    fn waits(self) -> Waits {
        match (self.tier, self.client) {
            (ReadTier::Memory, _) => Waits::Hardly,
            (ReadTier::Disk, 0) => Waits::Always,
            (ReadTier::Disk, _) => Waits::UntilBusy,
        }
    }
}

/// What a write returned, and where it stands in the order of commits.
#[derive(Debug)]
pub struct Written<T> {
    pub value: T,
    /// The commit; none when nothing changed.
    pub seq: Option<Seq>,
}

/// How often a key that was looked up for reading was there, and how often not.
#[derive(Debug, Default)]
pub struct Lookups {
    hits: AtomicU64,
    misses: AtomicU64,
}

impl Lookups {
    /// Hits and misses so far.
    pub fn get(&self) -> (u64, u64) {
        (self.hits.load(Ordering::Relaxed), self.misses.load(Ordering::Relaxed))
    }

    /// Counts from 0 again.
    pub fn reset(&self) {
        self.hits.store(0, Ordering::Relaxed);
        self.misses.store(0, Ordering::Relaxed);
    }

    /// A transaction that has to run again in the other tier does not count.
    fn add<T>(&self, (hits, misses): (u64, u64), result: &Result<T>) {
        if matches!(result, Err(Error::NeedsDisk)) {
            return;
        }
        for (counter, amount) in [(&self.hits, hits), (&self.misses, misses)] {
            if amount > 0 {
                counter.fetch_add(amount, Ordering::Relaxed);
            }
        }
    }
}

/// All the data of one DiskDB.
pub struct Keyspace {
    engine: Box<dyn Engine>,
    clock: Arc<dyn Clock>,
    locks: Locks,
    /// The namespace of each logical database. Read under a key's lock, written under all of them.
    namespaces: Box<[AtomicU32]>,
    databases: Mutex<Databases>,
    versions: AtomicU64,
    observers: RwLock<Vec<Arc<dyn Observer>>>,
    expiry: expiry::Schedule,
    expire_fields: OnceLock<field_expiry::ExpireFields>,
    lookups: Lookups,
    tells_misses: AtomicBool,
    tallies: tally::Tallies,
    has_garbage: AtomicBool,
    max_string_bytes: AtomicU64,
    hll_sparse_max_bytes: AtomicU64,
    checks_payloads: AtomicBool,
    list_max_listpack_size: AtomicI32,
    list_listpack: AtomicBool,
    cursors: cursors::Cursors,
    packing: RwLock<packing::Packing>,
}

impl Keyspace {
    /// Opens the data in `engine` with `databases` logical databases.
    ///
    /// # Errors
    /// When the data has a newer format, does not decode, or cannot be written.
    pub fn open(engine: Box<dyn Engine>, clock: Arc<dyn Clock>, databases: u32) -> Result<Keyspace> {
        check_format(engine.as_ref())?;
        let opened = count_opening(engine.as_ref())?;
        let versions = AtomicU64::new(u64::from(opened) << VERSION_BITS);
        let namespaces = load_databases(engine.as_ref(), databases, &versions)?;
        staging::collect(engine.as_ref())?;
        engine.flush()?;
        let keyspace = Keyspace {
            engine,
            clock,
            locks: Locks::new(),
            namespaces: namespaces
                .namespaces
                .iter()
                .take(databases as usize)
                .map(|namespace| namespace.0.into())
                .collect(),
            databases: Mutex::new(namespaces),
            versions,
            observers: RwLock::new(Vec::new()),
            expiry: expiry::Schedule::new(),
            expire_fields: OnceLock::new(),
            lookups: Lookups::default(),
            tells_misses: AtomicBool::new(false),
            tallies: tally::Tallies::default(),
            has_garbage: AtomicBool::new(true),
            max_string_bytes: AtomicU64::new(512 << 20),
            hll_sparse_max_bytes: AtomicU64::new(3000),
            checks_payloads: AtomicBool::new(true),
            list_max_listpack_size: AtomicI32::new(-2),
            list_listpack: AtomicBool::new(true),
            cursors: cursors::Cursors::new(opened),
            packing: RwLock::default(),
        };
        Ok(keyspace)
    }

    /// No string may become longer (`proto-max-bulk-len`), in bytes.
    pub fn max_string_bytes(&self) -> u64 {
        self.max_string_bytes.load(Ordering::Relaxed)
    }

    /// Sets [`Keyspace::max_string_bytes`] for what is written from here on; no more than the format
    /// allows.
    pub fn set_max_string_bytes(&self, bytes: u64) {
        self.max_string_bytes.store(bytes.min(MAX_STRING_BYTES), Ordering::Relaxed);
    }

    /// Whether a payload of `RESTORE` must have the right checksum.
    pub fn checks_payloads(&self) -> bool {
        self.checks_payloads.load(Ordering::Relaxed)
    }

    /// Switches [`Keyspace::checks_payloads`].
    pub fn set_checks_payloads(&self, checks: bool) {
        self.checks_payloads.store(checks, Ordering::Relaxed);
    }

    /// Up to so many bytes a HyperLogLog may have its sparse form (`hll-sparse-max-bytes`).
    pub fn hll_sparse_max_bytes(&self) -> u64 {
        self.hll_sparse_max_bytes.load(Ordering::Relaxed)
    }

    /// Sets [`Keyspace::hll_sparse_max_bytes`] for what is written from here on.
    pub fn set_hll_sparse_max_bytes(&self, bytes: u64) {
        self.hll_sparse_max_bytes.store(bytes, Ordering::Relaxed);
    }

    /// Up to which size a list counts as a listpack (`list-max-listpack-size`): elements, or a class of
    /// bytes if negative.
    pub fn list_max_listpack_size(&self) -> i32 {
        self.list_max_listpack_size.load(Ordering::Relaxed)
    }

    /// Sets [`Keyspace::list_max_listpack_size`] for what is written from here on.
    pub fn set_list_max_listpack_size(&self, size: i32) {
        self.list_max_listpack_size.store(size, Ordering::Relaxed);
    }

    /// Whether a list can count as a listpack (`list-listpack`).
    pub fn list_listpack(&self) -> bool {
        self.list_listpack.load(Ordering::Relaxed)
    }

    /// Sets [`Keyspace::list_listpack`] for what is written from here on.
    pub fn set_list_listpack(&self, listpack: bool) {
        self.list_listpack.store(listpack, Ordering::Relaxed);
    }

    /// Asks `why` from now on whether clients should wait any longer for keys that somebody else has; they
    /// are told why not. To be called once.
    pub fn give_up_when(&self, why: WhyGiveUp) {
        self.locks.give_up_when(why);
    }

    /// Adds an observer of every commit from here on.
    pub fn observe(&self, observer: Arc<dyn Observer>) {
        self.observers.write().push(observer);
    }

    /// Whether observers are told of keys that were to be read and are not there.
    pub fn tells_misses(&self) -> bool {
        self.tells_misses.load(Ordering::Relaxed)
    }

    /// Switches [`Keyspace::tells_misses`].
    pub fn set_tells_misses(&self, tells: bool) {
        self.tells_misses.store(tells, Ordering::Relaxed);
    }

    fn tell_misses<T>(&self, missed: Vec<(DbIndex, Bytes)>, result: &Result<T>) {
        if missed.is_empty() || matches!(result, Err(Error::NeedsDisk)) {
            return;
        }
        for observer in self.observers.read().iter() {
            missed.iter().for_each(|(db, key)| observer.missed(*db, key));
        }
    }

    /// The clock that deadlines are measured by.
    pub fn clock(&self) -> &dyn Clock {
        self.clock.as_ref()
    }

    /// How often keys that were looked up for reading were there.
    pub fn lookups(&self) -> &Lookups {
        &self.lookups
    }

    /// What happened to keys and no event tells.
    pub fn tallies(&self) -> &tally::Tallies {
        &self.tallies
    }

    /// The engine below, for flushing, checkpoints and statistics. Data goes through transactions.
    pub fn engine(&self) -> &dyn Engine {
        self.engine.as_ref()
    }

    /// Where the `SCAN`s that are under way go on.
    pub fn cursors(&self) -> &cursors::Cursors {
        &self.cursors
    }

    /// Up to which size collections are kept in a compact form.
    pub fn packing(&self) -> packing::Packing {
        *self.packing.read()
    }

    /// Sets [`Keyspace::packing`] for what is written from here on.
    pub fn set_packing(&self, packing: packing::Packing) {
        *self.packing.write() = packing;
    }

    /// How many logical databases there are.
    pub fn database_count(&self) -> u32 {
        self.namespaces.len() as u32
    }

    /// # Errors
    /// [`Error::DbOutOfRange`] when there is no such database.
    pub fn check_db(&self, db: DbIndex) -> Result<()> {
        if db < self.database_count() { Ok(()) } else { Err(Error::DbOutOfRange) }
    }

    /// Reads the headers of `keys` from wherever they are and forgets them, so that an engine with a
    /// cache has them in memory afterwards. Takes no lock. Returns how many keys it looked for.
    ///
    /// # Errors
    /// When there is no such database; what the engine reports.
    pub fn prefetch<'a>(&self, db: DbIndex, keys: impl Iterator<Item = &'a Bytes>) -> Result<usize> {
        self.check_db(db)?;
        let namespace = self.namespace(db);
        let mut read = 0;
        for key in keys {
            self.engine.get(Space::Meta, &keys::meta(namespace, key), ReadTier::Disk)?;
            read += 1;
        }
        Ok(read)
    }

    /// A command on `key` comes soon; see [`Engine::hint`].
    pub fn hint(&self, db: DbIndex, key: &[u8]) {
        self.engine.hint(Space::Meta, &keys::meta(self.namespace(db), key));
    }

    /// As [`Keyspace::hint`] for a command on several keys: the processor waits for all of them at once.
    fn hint_many(&self, db: DbIndex, keys: &Keys) {
        const MANY: usize = 64;
        if let Keys::Some(keys) = keys
            && keys.len() > 1
        {
            let of = |(other, key): &(Option<DbIndex>, _)| (other.unwrap_or(db), *key);
            let there = keys.iter().take(MANY).map(of).filter(|(db, _)| self.check_db(*db).is_ok());
            there.for_each(|(db, key)| self.hint(db, key));
        }
    }

    /// Runs `f` on a consistent view of `keys`. Dead keys it meets are deleted afterwards.
    ///
    /// # Errors
    /// What `f` returns; [`Error::NeedsDisk`] in [`ReadTier::Memory`]; [`Error::Busy`].
    pub fn read<T>(
        &self,
        origin: Origin,
        keys: &Keys,
        f: impl FnOnce(&ReadTx<'_>) -> Result<T>,
    ) -> Result<T> {
        self.hint_many(origin.db, keys);
        let guards = self.locks.read(origin.waits(), origin.db, keys)?;
        let tx = ReadTx::new(self, origin.db, origin.tier);
        let result = f(&tx);
        self.lookups.add(tx.lookups(), &result);
        drop(guards);
        self.bury(tx.take_dead(), origin.tier);
        self.tell_misses(tx.take_missed(), &result);
        result
    }

    /// Deletes dead keys that a transaction has met. The caller may have none of them locked.
    fn bury(&self, dead: Vec<(DbIndex, Bytes)>, tier: ReadTier) {
        for (db, key) in dead {
            if self.holds_expiry() {
                break;
            }
            // A dead key stays dead, deleted or not: reads go on while nothing can be written.
            if let Err(error) = self.expire_key(db, &key, tier) {
                tracing::debug!("an expired key could not be deleted: {error}");
            }
        }
    }

    /// Runs `f` in a transaction on `keys` and commits what it wrote: all of it or, if `f` fails,
    /// none. The commit is visible to everybody on return, but survives nothing before
    /// [`Engine::flush`]. `f` may run more than once.
    ///
    /// # Errors
    /// What `f` returns; [`Error::NeedsDisk`] in [`ReadTier::Memory`]; [`Error::Busy`]; what the engine
    /// reports.
    pub fn write<T>(
        &self,
        origin: Origin,
        keys: &Keys,
        f: impl Fn(&mut WriteTx<'_>) -> Result<T>,
    ) -> Result<Written<T>> {
        self.hint_many(origin.db, keys);
        let mut ahead = Ahead::Possible;
        let (_guards, tx, result) = loop {
            let guards = self.locks.write(origin.waits(), origin.db, keys)?;
            let mut tx = WriteTx::new(self, origin.db, origin.tier);
            tx.ahead = ahead;
            let result = f(&mut tx);
            match std::mem::replace(&mut tx.ahead, Ahead::No) {
                Ahead::Asked(asked) => {
                    drop((tx, guards));
                    ahead = Ahead::Made(asked.make(self)?);
                }
                _ => break (guards, tx, result),
            }
        };
        self.finish(origin, tx, result)
    }

    /// As [`Keyspace::write`] for several commands in one, which may turn out to touch more keys than
    /// they have said ([`WriteTx::reach`]). If it does not write, others may read its keys meanwhile.
    ///
    /// # Errors
    /// As [`Keyspace::write`].
    pub fn compound<T>(
        &self,
        origin: Origin,
        keys: &Keys,
        writes: bool,
        f: impl Fn(&mut WriteTx<'_>) -> Result<T>,
    ) -> Result<Written<T>> {
        /// So often it may meet a key that somebody else has; then it locks everything.
        const PATIENCE: usize = 4;
        let mut stripes = self.locks.stripes(origin.db, keys);
        for meetings in 0.. {
            let held = self.locks.hold(origin.waits(), stripes, writes)?;
            let mut tx = WriteTx::new(self, origin.db, origin.tier);
            tx.held = Some(held);
            let result = f(&mut tx);
            let held = tx.held.take();
            if let (Err(Error::KeysBusy), Some(held)) = (&result, &held) {
                stripes = if meetings < PATIENCE { held.wanted() } else { locks::Stripes::all() };
                continue;
            }
            let dead = tx.take_dead();
            let written = self.finish(origin, tx, result);
            drop(held);
            self.bury(dead, origin.tier);
            return written;
        }
        Err(Error::KeysBusy)
    }

    /// Ends a transaction whose keys are locked.
    fn finish<T>(&self, origin: Origin, tx: WriteTx<'_>, result: Result<T>) -> Result<Written<T>> {
        self.lookups.add(tx.lookups(), &result);
        self.tell_misses(tx.take_missed(), &result);
        let value = result?;
        tx.check_stopped()?;
        let Finished { batch, changes, replaced, flushes, databases, tally, staging } = tx.finish();
        let mut commit = Commit { seq: 0, origin: origin.client, changes, replaced, flushes };
        if batch.is_empty() {
            if flushes {
                commit.seq = self.engine.committed_seq();
                self.tell(&commit);
            }
            return Ok(Written { value, seq: None });
        }
        let seq = self.commit(commit, batch)?;
        staging.committed();
        self.tallies.add(tally);
        if let Some(databases) = databases {
            // The record of databases and the numbers in memory must not part; if this fails, nothing has
            // changed.
            self.engine.flush()?;
            self.name_databases(&databases);
            *self.databases.lock() = databases;
            self.has_garbage.store(true, Ordering::Release);
        }
        Ok(Written { value, seq: Some(seq) })
    }

    fn tell(&self, commit: &Commit) {
        self.observers.read().iter().for_each(|observer| observer.committed(commit));
    }

    fn commit(&self, mut commit: Commit, batch: Batch) -> Result<Seq> {
        let added = |(space, key, value): &(Space, KeyBytes, Option<Bytes>)| {
            let entry = (*space == Space::Expiry && value.is_some()).then(|| keys::decode_expiry(key).ok());
            let (namespace, deadline_ms, _) = entry.flatten()?;
            let fields = deadline_ms >= keys::FIELD_DEADLINES;
            Some((expiry::Walk { namespace, fields }, deadline_ms % keys::FIELD_DEADLINES))
        };
        let deadlines: SmallVec<[_; 1]> = batch.writes.iter().filter_map(added).collect();
        let seq = self.engine.commit(batch)?;
        for (walk, deadline_ms) in deadlines {
            self.expiry.note(walk, deadline_ms);
        }
        commit.seq = seq;
        self.tell(&commit);
        Ok(seq)
    }

    /// How many keys a database holds. O(1).
    pub fn key_count(&self, db: DbIndex) -> Result<u64> {
        self.count(self.namespace(db), system_key::KEY_COUNT)
    }

    /// How many keys of a database have a deadline. O(1).
    pub fn expires_count(&self, db: DbIndex) -> Result<u64> {
        self.count(self.namespace(db), system_key::EXPIRES_COUNT)
    }

    /// How many hashes of a database have fields with a deadline. O(1).
    pub fn subexpires_count(&self, db: DbIndex) -> Result<u64> {
        self.count(self.namespace(db), system_key::SUBEXPIRES_COUNT)
    }

    fn count(&self, namespace: Namespace, name: &[u8]) -> Result<u64> {
        let count = self.engine.counter(&namespace.system_key(name))?;
        Ok(count.max(0) as u64)
    }

    /// Empties one database, or all. O(1): their content is left to [`Keyspace::sweep`].
    pub fn flush_databases(&self, client: ClientId, which: Option<DbIndex>) -> Result<()> {
        let origin = Origin { db: 0, client, tier: ReadTier::Disk };
        self.write(origin, &Keys::All, |tx| tx.flush_databases(which)).map(drop)
    }

    /// Exchanges the content of two databases. O(1).
    pub fn swap_databases(&self, client: ClientId, a: DbIndex, b: DbIndex) -> Result<()> {
        let origin = Origin { db: 0, client, tier: ReadTier::Disk };
        self.write(origin, &Keys::All, |tx| tx.swap_databases(a, b)).map(drop)
    }

    /// The records of the database about itself whose keys begin so: the rest of their keys, and what they say.
    ///
    /// # Errors
    /// What the engine reports.
    pub fn system_records(&self, prefix: &[u8]) -> Result<Vec<(Bytes, Bytes)>> {
        let range = ScanRange::prefix(prefix);
        let mut scan = self.engine.scan(Space::System, &range, Direction::Forward, ReadTier::Disk)?;
        let mut records = Vec::new();
        while let Some((key, value)) = scan.next()? {
            records.push((Bytes::copy_from_slice(&key[prefix.len()..]), Bytes::copy_from_slice(value)));
        }
        Ok(records)
    }

    /// Writes records of the database about itself, or (no value) deletes them, by a commit of their own that is
    /// in the log on return.
    ///
    /// # Errors
    /// What the engine reports; then nothing has changed.
    pub fn write_system_records(
        &self,
        records: impl Iterator<Item = (Vec<u8>, Option<Bytes>)>,
    ) -> Result<Option<Seq>> {
        let mut batch = Batch::default();
        for (key, value) in records {
            match value {
                Some(value) => batch.put(Space::System, &key, value),
                None => batch.delete(Space::System, &key),
            }
        }
        if batch.is_empty() {
            return Ok(None);
        }
        let seq = self.engine.commit(batch)?;
        self.engine.flush()?;
        Ok(Some(seq))
    }

    /// Closes what keeps the data and opens it again, as a restart does. Waits until every command that
    /// runs has ended; none runs meanwhile.
    ///
    /// # Errors
    /// As [`Engine::reopen`]; when what is found there does not decode.
    pub fn reopen(&self) -> Result<()> {
        let _guards = self.locks.write(Waits::Always, 0, &Keys::All)?;
        let mut databases = self.databases.lock();
        self.engine.reopen()?;
        check_format(self.engine.as_ref())?;
        *databases = load_databases(self.engine.as_ref(), self.database_count(), &self.versions)?;
        self.engine.flush()?;
        self.expiry.forget_all();
        self.name_databases(&databases);
        Ok(())
    }

    fn name_databases(&self, databases: &Databases) {
        for (current, namespace) in self.namespaces.iter().zip(&databases.namespaces) {
            current.store(namespace.0, Ordering::Release);
        }
    }

    /// Deletes from disk what one flushed database left behind. Returns whether there was any.
    pub fn sweep(&self) -> Result<bool> {
        if !self.has_garbage.swap(false, Ordering::AcqRel) {
            return Ok(false);
        }
        let swept = self.sweep_oldest();
        if !matches!(swept, Ok(false)) {
            self.has_garbage.store(true, Ordering::Release);
        }
        swept
    }

    fn sweep_oldest(&self) -> Result<bool> {
        let Some(namespace) = self.oldest_garbage()? else { return Ok(false) };
        let prefix = namespace.prefix();
        let Some(end) = prefix_end(&prefix) else { return Ok(false) };
        let spaces = [Space::Meta, Space::Data, Space::Index, Space::Expiry, Space::Blob];
        let mut batch = Batch::default();
        batch.deleted_ranges.extend(spaces.map(|space| (space, prefix.to_vec(), end.clone())));
        let counts = [system_key::KEY_COUNT, system_key::EXPIRES_COUNT, system_key::SUBEXPIRES_COUNT];
        for name in [system_key::GARBAGE].into_iter().chain(counts) {
            batch.delete(Space::System, &namespace.system_key(name));
        }
        self.engine.commit(batch)?;
        self.engine.flush()?;
        self.expiry.forget(namespace);
        for space in spaces {
            self.engine.compact_range(space, &ScanRange::prefix(&prefix))?;
        }
        Ok(true)
    }

    fn oldest_garbage(&self) -> Result<Option<Namespace>> {
        let range = ScanRange::prefix(system_key::GARBAGE);
        let direction = crate::storage::Direction::Forward;
        let mut scan = self.engine.scan(Space::System, &range, direction, ReadTier::Disk)?;
        let Some((key, _)) = scan.next()? else { return Ok(None) };
        let number = key[system_key::GARBAGE.len()..].try_into().map(u32::from_be_bytes);
        Ok(number.ok().map(Namespace))
    }

    pub(crate) fn namespace(&self, db: DbIndex) -> Namespace {
        Namespace(self.namespaces[db as usize].load(Ordering::Acquire))
    }

    /// A number that no value ever had: the count of openings, on disk before the first version is
    /// given out, and 40 bits that count up.
    fn new_version(&self) -> u64 {
        self.versions.fetch_add(1, Ordering::Relaxed)
    }

    fn expire_key(&self, db: DbIndex, key: &Bytes, tier: ReadTier) -> Result<()> {
        let origin = Origin { db, client: 0, tier };
        // Taking the slot of a dead key deletes it.
        self.write(origin, &Keys::one(key), |tx| tx.slot(key).map(drop)).map(drop)
    }
}

fn check_format(engine: &dyn Engine) -> Result<()> {
    let key = system_key::FORMAT;
    match engine.get(Space::System, key, ReadTier::Disk)? {
        None => {
            let version = Bytes::copy_from_slice(&FORMAT_VERSION.to_be_bytes());
            engine.commit(Batch::of(Space::System, key, version))?;
            Ok(())
        }
        Some(bytes) => match bytes.as_ref().try_into().map(u32::from_be_bytes) {
            Ok(found) if found <= FORMAT_VERSION => Ok(()),
            Ok(found) => Err(Error::Storage(StorageError::NewerFormat { found, supported: FORMAT_VERSION })),
            Err(_) => Err(Error::Storage(StorageError::Corruption("format record".into()))),
        },
    }
}

fn count_opening(engine: &dyn Engine) -> Result<u32> {
    let key = system_key::OPENED;
    let bytes = engine.get(Space::System, key, ReadTier::Disk)?;
    let before = bytes.and_then(|bytes| bytes.as_ref().try_into().ok()).map_or(0, u32::from_be_bytes);
    let now = before + 1;
    engine.commit(Batch::of(Space::System, key, Bytes::copy_from_slice(&now.to_be_bytes())))?;
    Ok(now)
}

fn load_databases(engine: &dyn Engine, count: u32, versions: &AtomicU64) -> Result<Databases> {
    let key = system_key::DATABASES;
    let mut databases = match engine.get(Space::System, key, ReadTier::Disk)? {
        Some(bytes) => Databases::decode(&bytes)?,
        None => Databases::new(),
    };
    let version = versions.load(Ordering::Relaxed);
    engine.begin_fresh(Fresh { namespace: databases.next.0, version });
    while databases.namespaces.len() < count as usize {
        let namespace = databases.take_next();
        databases.namespaces.push(namespace);
    }
    let record = Bytes::from(databases.encode());
    engine.commit(Batch::of(Space::System, key, record))?;
    // More databases may hold data than are configured now; theirs stays, out of reach.
    Ok(databases)
}
