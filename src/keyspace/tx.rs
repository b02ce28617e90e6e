//! Transactions: what a command sees of the data, and what it is about to change.

use super::copying::Ahead;
use super::event::{Before, Change, Changes, Event};
use super::locks::Held;
use super::overlay::Overlay;
use super::staging::{self, Staging};
use super::tally::Tally;
use super::{DbIndex, Keys, Keyspace};
use crate::encoding::databases::Databases;
use crate::encoding::keys::{self, Namespace};
use crate::encoding::meta::Meta;
use crate::encoding::numbers::{Kind, system_key};
use crate::error::{Error, Result};
use crate::storage::{
    Batch, Direction, KeyBytes, ReadTier, Scan, ScanRange, Space, StorageResult, prefix_end,
};
use bytes::Bytes;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::ops::Deref;

/// A consistent view of the data for one command. While it is open, nobody changes its keys.
pub struct ReadTx<'a> {
    keyspace: &'a Keyspace,
    db: DbIndex,
    namespace: Namespace,
    now_ms: u64,
    tier: ReadTier,
    overlay: Overlay,
    /// Dead keys met on the way, for the keyspace to delete afterwards.
    dead: RefCell<Vec<(DbIndex, Bytes)>>,
    /// Keys looked up and found, and not found.
    lookups: Cell<(u64, u64)>,
    /// Those not found, if somebody wants to know.
    missed: RefCell<Vec<(DbIndex, Bytes)>>,
    /// How the transaction has named the databases, if it emptied or exchanged some.
    databases: Option<Databases>,
    /// What the transaction adds to the counts of keys.
    additions: BTreeMap<Namespace, Counts>,
    /// Why the transaction cannot be committed.
    stopped: Option<Error>,
}

impl<'a> ReadTx<'a> {
    pub(super) fn new(keyspace: &'a Keyspace, db: DbIndex, tier: ReadTier) -> ReadTx<'a> {
        ReadTx {
            keyspace,
            db,
            namespace: keyspace.namespace(db),
            now_ms: keyspace.clock().now_ms(),
            tier,
            overlay: Overlay::default(),
            dead: RefCell::new(Vec::new()),
            lookups: Cell::default(),
            missed: RefCell::default(),
            databases: None,
            additions: BTreeMap::new(),
            stopped: None,
        }
    }

    pub(super) fn lookups(&self) -> (u64, u64) {
        self.lookups.get()
    }

    pub(super) fn take_missed(&self) -> Vec<(DbIndex, Bytes)> {
        self.missed.take()
    }

    pub(super) fn take_dead(&self) -> Vec<(DbIndex, Bytes)> {
        self.dead.take()
    }

    /// Milliseconds since the Unix epoch; the same for the whole transaction.
    pub fn now_ms(&self) -> u64 {
        self.now_ms
    }

    /// How far the transaction may go for its data.
    pub fn tier(&self) -> ReadTier {
        self.tier
    }

    /// The logical database the transaction looks at.
    pub fn db(&self) -> DbIndex {
        self.db
    }

    /// What that database's keys begin with.
    pub fn namespace(&self) -> Namespace {
        self.namespace
    }

    /// The keyspace the transaction belongs to, for what takes no part in it (`DBSIZE`).
    pub fn keyspace(&self) -> &'a Keyspace {
        self.keyspace
    }

    /// Looks at another database from here on. Its keys must be among the transaction's.
    ///
    /// # Errors
    /// When there is no such database.
    pub fn select(&mut self, db: DbIndex) -> Result<()> {
        self.keyspace.check_db(db)?;
        self.db = db;
        self.namespace = self.namespace_of(db);
        Ok(())
    }

    fn namespace_of(&self, db: DbIndex) -> Namespace {
        match &self.databases {
            Some(databases) => databases.namespaces[db as usize],
            None => self.keyspace.namespace(db),
        }
    }

    /// How many live keys the database has, own writes included; see
    /// [`Keyspace::live_key_count`].
    ///
    /// # Errors
    /// As there.
    pub fn live_key_count(&self) -> Result<u64> {
        let committed = self.keyspace.live_counts_of(self.namespace, self.tier)?.keys;
        let own = self.additions.get(&self.namespace).map_or(0, |counts| counts.keys);
        Ok(committed.saturating_add_signed(own))
    }

    /// The header of a live key. One read.
    pub fn meta(&self, key: &[u8]) -> Result<Option<Meta>> {
        let meta = self.meta_quietly(key)?;
        if meta.is_none() {
            self.note_miss(key);
        }
        Ok(meta)
    }

    /// As [`ReadTx::meta`], but no observer is told if the key is not there.
    pub fn meta_quietly(&self, key: &[u8]) -> Result<Option<Meta>> {
        let meta = self.find(key)?;
        self.count_lookup(meta.is_some());
        Ok(meta)
    }

    /// As [`ReadTx::meta`], but not counted among the lookups, and no observer is told.
    pub fn find(&self, key: &[u8]) -> Result<Option<Meta>> {
        let found = self.meta_even_if_dead(&keys::meta(self.namespace, key))?;
        Ok(found.filter(|meta| !self.note_if_dead(key, meta)))
    }

    fn count_lookup(&self, found: bool) {
        let (hits, misses) = self.lookups.get();
        self.lookups.set(if found { (hits + 1, misses) } else { (hits, misses + 1) });
    }

    fn note_miss(&self, key: &[u8]) {
        if self.keyspace.tells_misses() {
            self.missed.borrow_mut().push((self.db, Bytes::copy_from_slice(key)));
        }
    }

    fn note_if_dead(&self, key: &[u8], meta: &Meta) -> bool {
        let dead = meta.is_expired(self.now_ms);
        if dead {
            self.dead.borrow_mut().push((self.db, Bytes::copy_from_slice(key)));
        }
        dead
    }

    /// The header of a live key that must be of `kind` if it is there. One read.
    ///
    /// # Errors
    /// [`Error::WrongType`].
    pub fn meta_of(&self, key: &[u8], kind: Kind) -> Result<Option<Meta>> {
        match self.meta(key)? {
            Some(meta) if meta.kind != kind => Err(Error::WrongType),
            meta => Ok(meta),
        }
    }

    fn meta_even_if_dead(&self, meta_key: &[u8]) -> Result<Option<Meta>> {
        Ok(self.get(Space::Meta, meta_key)?.map(Meta::decode).transpose()?)
    }

    /// The stored value of a key, own writes included.
    pub fn get(&self, space: Space, key: &[u8]) -> Result<Option<Bytes>> {
        self.check_stopped()?;
        match self.overlay.get(space, key) {
            Some(own) => Ok(own),
            None => Ok(self.keyspace.engine().get(space, key, self.tier)?),
        }
    }

    /// Fails if the transaction cannot be committed: nobody has to wait until it ends.
    pub(super) fn check_stopped(&self) -> Result<()> {
        self.stopped.clone().map_or(Ok(()), Err)
    }

    /// Whether the transaction has written nothing yet.
    pub(super) fn is_untouched(&self) -> bool {
        self.overlay.is_empty()
    }

    /// A key is read or written soon; see [`Engine::hint`](crate::storage::Engine::hint).
    pub fn hint(&self, space: Space, key: &[u8]) {
        self.keyspace.engine().hint(space, key);
    }

    /// Walks the stored keys of a range, own writes included.
    pub fn scan(&self, space: Space, range: &ScanRange, direction: Direction) -> Result<TxScan<'_>> {
        let engine = self.keyspace.engine().scan(space, range, direction, self.tier)?;
        let mut own = self.overlay.range(space, range);
        if direction == Direction::Forward {
            own.reverse();
        }
        Ok(TxScan { space, direction, engine, ahead: None, own, overlay: &self.overlay, current: None })
    }
}

/// A walk over stored keys that sees the transaction's own writes.
pub struct TxScan<'a> {
    space: Space,
    direction: Direction,
    engine: Box<dyn Scan + 'a>,
    /// The engine's next pair, read but not yet given out.
    ahead: Option<(Vec<u8>, Bytes)>,
    /// Own writes still to come; the next one is the last.
    own: Vec<(&'a [u8], Option<&'a [u8]>)>,
    overlay: &'a Overlay,
    /// The engine's pair given out last.
    current: Option<(Vec<u8>, Bytes)>,
}

impl Scan for TxScan<'_> {
    fn next(&mut self) -> StorageResult<Option<(&[u8], &[u8])>> {
        if self.own.is_empty() && !self.overlay.deletes_ranges() && self.ahead.is_none() {
            return self.engine.next();
        }
        loop {
            if self.ahead.is_none() {
                self.ahead =
                    self.engine.next()?.map(|(key, value)| (key.to_vec(), Bytes::copy_from_slice(value)));
            }
            let own_first = match (&self.ahead, self.own.last()) {
                (None, None) => return Ok(None),
                (None, Some(_)) => true,
                (Some(_), None) => false,
                (Some((theirs, _)), Some((own, _))) => match self.direction {
                    Direction::Forward => *own <= theirs.as_slice(),
                    Direction::Backward => *own >= theirs.as_slice(),
                },
            };
            if own_first {
                let Some((key, value)) = self.own.pop() else { continue };
                if self.ahead.as_ref().is_some_and(|(theirs, _)| theirs == key) {
                    self.ahead = None;
                }
                if let Some(value) = value {
                    return Ok(Some((key, value)));
                }
            } else if let Some((key, value)) = self.ahead.take()
                && !self.overlay.covers(self.space, &key)
            {
                let current = self.current.insert((key, value));
                return Ok(Some((&current.0, &current.1)));
            }
        }
    }
}

/// One key as a write found it. Taken with [`WriteTx::slot`], given back to [`WriteTx::put`] or
/// [`WriteTx::delete`].
#[derive(Debug, Clone)]
pub struct Slot {
    db: DbIndex,
    namespace: Namespace,
    key: Bytes,
    /// The key of the header.
    stored_key: KeyBytes,
    meta: Option<Meta>,
}

impl Slot {
    /// The header of the key, if it lives.
    pub fn meta(&self) -> Option<&Meta> {
        self.meta.as_ref()
    }

    /// The header of the key, if it lives.
    ///
    /// # Errors
    /// [`Error::WrongType`] if it is not of `kind`.
    pub fn meta_of(&self, kind: Kind) -> Result<Option<&Meta>> {
        match &self.meta {
            Some(meta) if meta.kind != kind => Err(Error::WrongType),
            meta => Ok(meta.as_ref()),
        }
    }

    /// The user key.
    pub fn key(&self) -> &Bytes {
        &self.key
    }

    /// The namespace the key is in.
    pub fn namespace(&self) -> Namespace {
        self.namespace
    }
}

/// A transaction that writes. Reads see its own writes; nobody else does before the commit.
pub struct WriteTx<'a> {
    view: ReadTx<'a>,
    changes: Changes,
    /// Databases that the transaction emptied or exchanged.
    replaced: Vec<DbIndex>,
    flushes: bool,
    tally: Tally,
    pub(super) staging: Staging<'a>,
    pub(super) ahead: Ahead<'a>,
    /// Its locks, if there may come more.
    pub(super) held: Option<Held<'a>>,
}

/// Redis frees a value with more members than this in the background.
const FREED_AT_ONCE: u64 = 64;

/// What a transaction has written.
pub(super) struct Finished<'a> {
    pub(super) batch: Batch,
    pub(super) changes: Changes,
    pub(super) replaced: Vec<DbIndex>,
    pub(super) flushes: bool,
    /// The names of the databases from now on, if it has changed them.
    pub(super) databases: Option<Databases>,
    pub(super) tally: Tally,
    pub(super) staging: Staging<'a>,
}

#[derive(Default, Clone, Copy)]
struct Counts {
    keys: i64,
    expires: i64,
    subexpires: i64,
}

impl<'a> Deref for WriteTx<'a> {
    type Target = ReadTx<'a>;

    fn deref(&self) -> &ReadTx<'a> {
        &self.view
    }
}

impl<'a> WriteTx<'a> {
    pub(super) fn new(keyspace: &'a Keyspace, db: DbIndex, tier: ReadTier) -> WriteTx<'a> {
        WriteTx {
            view: ReadTx::new(keyspace, db, tier),
            changes: Changes::new(),
            replaced: Vec::new(),
            flushes: false,
            tally: Tally::default(),
            staging: Staging::new(keyspace),
            ahead: Ahead::No,
            held: None,
        }
    }

    /// Locks keys that a command of the transaction is about to touch, if it has not yet; true: it had
    /// not. Only for transactions that [`Keyspace::compound`] opens; the others have locked all of
    /// their keys.
    ///
    /// # Errors
    /// [`Error::KeysBusy`] when somebody else has one: the transaction is to be run again.
    pub fn reach(&mut self, db: DbIndex, keys: &Keys) -> Result<bool> {
        let Some(held) = &mut self.held else { return Ok(false) };
        held.reach(db, keys).ok_or(Error::KeysBusy)
    }

    /// Whether it may write.
    ///
    /// # Errors
    /// When others read its keys meanwhile.
    pub fn check_writes(&self) -> Result<()> {
        let reads = self.held.as_ref().is_some_and(|held| !held.writes());
        if reads {
            Err(Error::text("ERR Write commands are not allowed from read-only scripts."))
        } else {
            Ok(())
        }
    }

    /// As [`ReadTx::select`].
    pub fn select(&mut self, db: DbIndex) -> Result<()> {
        self.view.select(db)
    }

    /// Looks a key up in order to write it. A dead key is deleted on the way. One read.
    pub fn slot(&mut self, key: &Bytes) -> Result<Slot> {
        let (db, namespace) = (self.view.db, self.view.namespace);
        let stored_key = keys::meta(namespace, key);
        let meta = self.view.meta_even_if_dead(&stored_key)?;
        let dead = meta.as_ref().is_some_and(|meta| meta.is_expired(self.view.now_ms));
        let mut slot = Slot { db, namespace, key: key.clone(), stored_key, meta };
        if dead {
            self.delete(&mut slot, Event::EXPIRED);
        }
        Ok(slot)
    }

    /// As [`WriteTx::slot`], for a command that reads the value as well: it counts among the lookups, and
    /// observers are told if the key is not there.
    pub fn slot_read(&mut self, key: &Bytes) -> Result<Slot> {
        let slot = self.slot(key)?;
        self.view.count_lookup(slot.meta.is_some());
        if slot.meta.is_none() {
            self.view.note_miss(key);
        }
        Ok(slot)
    }

    /// A version for a new value whose members lie outside its header.
    pub fn new_version(&mut self) -> u64 {
        self.staging.new_version()
    }

    /// A number for something that lies below a version and has no other name.
    pub fn new_number(&self) -> u64 {
        self.view.keyspace.new_version()
    }

    /// Writes a key's header: stamps times and revision, keeps the expiry index and the counts, and
    /// deletes the members of the value that was there before, unless it is the same one.
    pub fn put(&mut self, slot: &mut Slot, mut meta: Meta, event: Event) {
        let now_ms = self.view.now_ms;
        match &slot.meta {
            Some(old) => {
                meta.created_at_ms = old.created_at_ms.min(now_ms);
                meta.revision = old.revision.saturating_add(1);
            }
            None => {
                meta.created_at_ms = now_ms;
                meta.revision = 1;
            }
        }
        self.store(slot, meta, event);
    }

    /// As [`WriteTx::put`] for a value that comes from another key and brings its history along:
    /// when it came to be, and how often it was written.
    pub fn attach(&mut self, slot: &mut Slot, mut meta: Meta, event: Event) {
        meta.created_at_ms = meta.created_at_ms.min(self.view.now_ms);
        meta.revision = meta.revision.saturating_add(1);
        self.store(slot, meta, event);
    }

    fn store(&mut self, slot: &mut Slot, mut meta: Meta, event: Event) {
        meta.updated_at_ms = self.view.now_ms;
        let old = slot.meta.take();
        let version = |meta: &Meta| meta.outside.map(|outside| outside.version);
        if let Some(old) = old.as_ref().filter(|old| version(old) != version(&meta)) {
            self.delete_members(slot.namespace, old);
        }
        self.set_deadline(slot, old.as_ref().and_then(|old| old.expire_at_ms), meta.expire_at_ms);
        self.set_field_deadline(slot, old.as_ref(), Some(&meta));
        self.write(Space::Meta, &slot.stored_key, Some(meta.encode()));
        let before = match &old {
            None => Before::Nothing,
            Some(old) if old.kind == meta.kind => Before::Value,
            Some(_) => Before::OtherType,
        };
        if before == Before::Nothing {
            self.view.additions.entry(slot.namespace).or_default().keys += 1;
        }
        slot.meta = Some(meta);
        self.changes.push(Change { db: slot.db, key: slot.key.clone(), event, before });
    }

    /// Deletes a key and the members of its value; nothing happens if it is not there. O(1).
    pub fn delete(&mut self, slot: &mut Slot, event: Event) {
        let Some(old) = self.remove(slot) else { return };
        self.delete_members(slot.namespace, &old);
        self.changes.push(Change { db: slot.db, key: slot.key.clone(), event, before: Before::Value });
    }

    /// Takes a key's header out and leaves the members where they are, for a [`WriteTx::attach`] of
    /// the same header under another name in the same database (`RENAME`). O(1).
    pub fn detach(&mut self, slot: &mut Slot, event: Event) -> Option<Meta> {
        let old = self.remove(slot)?;
        self.changes.push(Change { db: slot.db, key: slot.key.clone(), event, before: Before::Value });
        Some(old)
    }

    /// Reports one more event about a key that was put or deleted (`SET ... EX`: `set`, `expire`).
    pub fn notify(&mut self, slot: &Slot, event: Event) {
        self.changes.push(Change { db: slot.db, key: slot.key.clone(), event, before: Before::Value });
    }

    /// Counts fields of a hash that were deleted because their time had come.
    pub fn count_expired_fields(&mut self, count: usize) {
        self.tally.expired_fields += count as u64;
    }

    /// How many events there were so far.
    pub(super) fn event_count(&self) -> usize {
        self.changes.len()
    }

    fn remove(&mut self, slot: &mut Slot) -> Option<Meta> {
        let old = slot.meta.take()?;
        self.set_deadline(slot, old.expire_at_ms, None);
        self.set_field_deadline(slot, Some(&old), None);
        self.write(Space::Meta, &slot.stored_key, None);
        self.view.additions.entry(slot.namespace).or_default().keys -= 1;
        Some(old)
    }

    fn set_deadline(&mut self, slot: &Slot, old: Option<u64>, new: Option<u64>) {
        if old == new {
            return;
        }
        if let Some(old) = old {
            self.write(Space::Expiry, &keys::expiry(slot.namespace, old, &slot.key), None);
            self.view.additions.entry(slot.namespace).or_default().expires -= 1;
        }
        if let Some(new) = new {
            self.write(Space::Expiry, &keys::expiry(slot.namespace, new, &slot.key), Some(Bytes::new()));
            self.view.additions.entry(slot.namespace).or_default().expires += 1;
        }
    }

    /// Keeps the entry of a hash's first field deadline.
    fn set_field_deadline(&mut self, slot: &Slot, old: Option<&Meta>, new: Option<&Meta>) {
        let deadline = |meta: Option<&Meta>| meta.and_then(Meta::first_field_deadline_ms);
        let (old, new) = (deadline(old), deadline(new));
        if old == new {
            return;
        }
        for (deadline_ms, value) in [(old, None), (new, Some(Bytes::new()))] {
            let Some(deadline_ms) = deadline_ms else { continue };
            let change = if value.is_some() { 1 } else { -1 };
            self.view.additions.entry(slot.namespace).or_default().subexpires += change;
            self.write(Space::Expiry, &keys::field_expiry(slot.namespace, deadline_ms, &slot.key), value);
        }
    }

    fn delete_members(&mut self, namespace: Namespace, old: &Meta) {
        let Some(outside) = old.outside else { return };
        self.tally.lazily_freed += u64::from(outside.len > FREED_AT_ONCE);
        let prefix = keys::members(namespace, outside.version);
        for space in keys::member_spaces(old.kind) {
            self.delete_prefix(*space, &prefix);
        }
    }

    /// Deletes every key of a space that begins so, which is not empty. O(1).
    pub fn delete_prefix(&mut self, space: Space, prefix: &[u8]) {
        self.view.overlay.delete_range(space, prefix, &prefix_end(prefix).unwrap_or_default());
    }

    /// Stores or (no value) deletes one key of a space other than the headers'.
    pub fn write(&mut self, space: Space, key: &[u8], value: Option<Bytes>) {
        let is_time = self.staging.counts(space, key, value.as_ref());
        self.view.overlay.write(space, key, value);
        if is_time {
            self.write_ahead();
        }
    }

    /// Writes what nobody sees before the commit, so that it takes no memory.
    fn write_ahead(&mut self) {
        if self.view.stopped.is_some() {
            return;
        }
        if self.view.tier == ReadTier::Memory {
            self.view.stopped = Some(Error::NeedsDisk);
            return;
        }
        let staging = &mut self.staging;
        let writes = self.view.overlay.take(|space, key| staging.covers(space, key));
        self.view.stopped = staging.write(writes).err();
    }

    /// Runs a part of the transaction. If it fails, what it wrote is taken back, and what was written
    /// before stays. Parts nest.
    ///
    /// # Errors
    /// What `f` returns.
    pub fn part<T>(&mut self, f: impl FnOnce(&mut WriteTx<'a>) -> Result<T>) -> Result<T> {
        let (changes, replaced, flushes) = (self.changes.len(), self.replaced.len(), self.flushes);
        let tally = self.tally;
        let staged = self.staging.begin_part();
        let ahead = std::mem::replace(&mut self.ahead, Ahead::No);
        let (additions, databases) = (self.view.additions.clone(), self.view.databases.clone());
        let looked_at = (self.view.db, self.view.namespace);
        let part = self.view.overlay.begin_part();
        let result = f(self);
        self.view.overlay.end_part(part, result.is_ok());
        self.ahead = ahead;
        if result.is_err() {
            for (space, from, to) in self.staging.since(staged).iter().flat_map(staging::ranges) {
                self.view.overlay.delete_range(space, &from, &to);
            }
            self.changes.truncate(changes);
            self.replaced.truncate(replaced);
            self.flushes = flushes;
            self.tally = tally;
            (self.view.additions, self.view.databases) = (additions, databases);
            (self.view.db, self.view.namespace) = looked_at;
        }
        result
    }

    /// Empties one database, or all. O(1): their content is left to [`Keyspace::sweep`]. The
    /// transaction must have locked everything.
    ///
    /// # Errors
    /// What the engine reports.
    pub fn flush_databases(&mut self, which: Option<DbIndex>) -> Result<()> {
        self.flushes = true;
        for db in which.map_or(0..self.keyspace.database_count(), |db| db..db + 1) {
            let old = self.namespace_of(db);
            let own = self.additions.get(&old).map_or(0, |counts| counts.keys);
            let committed = self.keyspace.count(old, system_key::KEY_COUNT)?;
            let keys = committed.saturating_add_signed(own);
            self.tally.lazily_freed += keys;
            if keys > 0 {
                let databases = self.databases_to_change();
                databases.namespaces[db as usize] = databases.take_next();
                self.replaced.push(db);
                self.write(Space::System, &old.system_key(system_key::GARBAGE), Some(Bytes::new()));
            }
        }
        self.select(self.db)
    }

    /// Exchanges the content of two databases. O(1). The transaction must have locked everything.
    ///
    /// # Errors
    /// When there is no such database.
    pub fn swap_databases(&mut self, a: DbIndex, b: DbIndex) -> Result<()> {
        self.keyspace.check_db(a)?;
        self.keyspace.check_db(b)?;
        self.databases_to_change().namespaces.swap(a as usize, b as usize);
        self.replaced.extend([a, b]);
        self.select(self.db)
    }

    fn databases_to_change(&mut self) -> &mut Databases {
        let keyspace = self.view.keyspace;
        self.view.databases.get_or_insert_with(|| keyspace.databases.lock().clone())
    }

    pub(super) fn finish(self) -> Finished<'a> {
        let ReadTx { overlay, additions, databases, .. } = self.view;
        let mut batch = overlay.into_batch();
        for (namespace, counts) in additions {
            let named = [
                (system_key::KEY_COUNT, counts.keys),
                (system_key::EXPIRES_COUNT, counts.expires),
                (system_key::SUBEXPIRES_COUNT, counts.subexpires),
            ];
            let changed = named.into_iter().filter(|(_, delta)| *delta != 0);
            batch.additions.extend(changed.map(|(name, delta)| (namespace.system_key(name), delta)));
        }
        if let Some(databases) = &databases {
            batch.put(Space::System, system_key::DATABASES, Bytes::from(databases.encode()));
        }
        self.staging.add_to(&mut batch);
        Finished {
            batch,
            changes: self.changes,
            replaced: self.replaced,
            flushes: self.flushes,
            databases,
            tally: self.tally,
            staging: self.staging,
        }
    }
}
