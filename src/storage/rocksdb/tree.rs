//! The open database, and the handle through which it is closed and opened again while it is used.
//!
//! A read of the tree is worth one or two microseconds, so it must not take a lock that all
//! processors share: it borrows the tree for one call, which costs next to nothing. Whoever keeps the
//! tree for longer (scans, checkpoints) or brings something into it (flushes) holds a lock that a
//! reopening waits for.
//!
//! Order of the locks: [`Handle::keep`], then the flush, then the groups, then the counters. A reader
//! that finds the tree closed waits with the counters in its hand, but never with more.

use super::error::open_error;
use super::families::Families;
use super::options::RocksOptions;
use crate::error::{StorageError, StorageResult};
use crate::storage::Space;
use arc_swap::ArcSwapOption;
use parking_lot::{Mutex, RwLock, RwLockReadGuard, RwLockWriteGuard};
use rocksdb::{Cache, ColumnFamilyDescriptor, DB};
use std::ops::Deref;
use std::path::Path;
use std::sync::Arc;

/// An open database. Closed when it is dropped.
pub(super) struct Tree {
    /// Of `db`, and never used without it.
    pub(super) families: Families,
    pub(super) db: DB,
    pub(super) cache: Cache,
}

impl Tree {
    /// Opens the database in `directory`.
    ///
    /// # Errors
    /// [`StorageError::Locked`] when another process has it open; corruption; what the disk reports;
    /// when it is not there, unless `create`.
    pub(super) fn open(directory: &Path, options: &RocksOptions, create: bool) -> StorageResult<Tree> {
        let cache = options.block_cache();
        let mut families: Vec<ColumnFamilyDescriptor> = Space::ALL
            .into_iter()
            .map(|space| ColumnFamilyDescriptor::new(space.name(), options.space(space, &cache)))
            .collect();
        families.push(ColumnFamilyDescriptor::new("default", options.space(Space::System, &cache)));
        let mut database = options.database();
        database.create_if_missing(create);
        let db = DB::open_cf_descriptors(&database, directory, families)
            .map_err(|error| open_error(directory, error.as_ref()))?;
        // SAFETY: the tree keeps both, and drops no family.
        let families = unsafe { Families::of_db(&db) }?;
        Ok(Tree { families, db, cache })
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        self.db.cancel_all_background_work(true);
    }
}

/// The tree that is open at present.
pub(super) struct Handle {
    /// None while it is opened again, and after that has failed.
    current: ArcSwapOption<Tree>,
    /// Held for reading by who keeps the tree, for writing while it is closed.
    kept: RwLock<()>,
    /// Why there is no tree, from when that is for good until one could be opened.
    failure: Mutex<Option<StorageError>>,
}

impl Handle {
    pub(super) fn new(tree: Tree) -> Handle {
        Handle {
            current: ArcSwapOption::from_pointee(tree),
            kept: RwLock::default(),
            failure: Mutex::default(),
        }
    }

    /// Lends the tree for one call, which must take no lock. Waits if it is being opened again.
    ///
    /// # Errors
    /// What `f` returns; why the tree could not be opened again.
    pub(super) fn with<T>(&self, f: impl FnOnce(&Tree) -> StorageResult<T>) -> StorageResult<T> {
        if let Some(tree) = &*self.current.load() {
            return f(tree);
        }
        // Who holds what a reopening needs must not wait for one: there may be another under way.
        if let Some(failure) = &*self.failure.lock() {
            return Err(failure.clone());
        }
        f(&*self.keep()?)
    }

    /// Lends the tree until what is returned is dropped; it is not closed before. One thread may keep
    /// it more than once.
    ///
    /// # Errors
    /// Why the tree could not be opened again.
    pub(super) fn keep(&self) -> StorageResult<Kept<'_>> {
        // A reopening that waits must not come between two of the same thread.
        let lock = self.kept.read_recursive();
        match self.current.load_full() {
            Some(tree) => Ok(Kept { tree, _lock: lock }),
            None => {
                Err(self.failure.lock().clone().unwrap_or(StorageError::Io("the database is closed".into())))
            }
        }
    }

    /// Waits until nobody keeps the tree, and lets nobody keep it until what is returned is dropped.
    pub(super) fn close(&self) -> Closing<'_> {
        let lock = self.kept.write();
        Closing { handle: self, tree: self.current.load_full(), _lock: lock }
    }
}

/// The right to close the tree and open it again.
pub(super) struct Closing<'a> {
    handle: &'a Handle,
    tree: Option<Arc<Tree>>,
    _lock: RwLockWriteGuard<'a, ()>,
}

impl Closing<'_> {
    /// The tree that will be closed; none if there is none since a reopening failed.
    pub(super) fn tree(&self) -> Option<&Tree> {
        self.tree.as_deref()
    }

    /// Closes the tree and opens it again; whoever waits for it goes on.
    ///
    /// # Errors
    /// As [`Tree::open`]; then there is no tree until another call succeeds.
    pub(super) fn reopen(self, directory: &Path, options: &RocksOptions) -> StorageResult<()> {
        self.handle.current.store(None);
        if let Some(tree) = self.tree {
            drop_unborrowed(tree);
        }
        let opened = Tree::open(directory, options, false);
        *self.handle.failure.lock() = opened.as_ref().err().cloned();
        self.handle.current.store(Some(Arc::new(opened?)));
        Ok(())
    }
}

/// Closes a tree as soon as the calls that borrow it have ended.
fn drop_unborrowed(mut tree: Arc<Tree>) {
    loop {
        match Arc::try_unwrap(tree) {
            Ok(tree) => return drop(tree),
            Err(borrowed) => tree = borrowed,
        }
        std::thread::yield_now();
    }
}

/// The tree, kept from being closed.
pub(super) struct Kept<'a> {
    tree: Arc<Tree>,
    _lock: RwLockReadGuard<'a, ()>,
}

impl Deref for Kept<'_> {
    type Target = Tree;

    fn deref(&self) -> &Tree {
        &self.tree
    }
}
