//! Keys that clients watch (`WATCH`).
//!
//! As an observer of commits, [`Watches`] spoils the transaction of every client that watches a key which
//! a commit changes, whatever the command was. A watch begins under the lock of its key, so no change is
//! overlooked, and what was changed before does not count.

use super::clients::{Client, ClientFlag};
use crate::error::Result;
use crate::keyspace::DbIndex;
use crate::keyspace::event::{Commit, Event, Observer};
use crate::keyspace::tx::WriteTx;
use bytes::Bytes;
use hashbrown::HashMap;
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// One client's watch over one key.
pub struct Watch {
    client: Arc<Client>,
    pub db: DbIndex,
    pub key: Bytes,
    /// Whether the key was there when the watch began.
    was_there: bool,
    /// When it was to expire, ms since the Unix epoch.
    expire_at_ms: Option<u64>,
    /// The database got another content, which may have the key.
    look_again: AtomicBool,
}

impl Watch {
    /// Whether the key is another one than when the watch began, as far as no commit has told yet.
    /// The transaction must have locked the key.
    ///
    /// # Errors
    /// As a read of the key.
    pub fn is_spoiled(&self, tx: &mut WriteTx<'_>) -> Result<bool> {
        if self.was_there {
            // Nobody need have deleted it.
            return Ok(self.expire_at_ms.is_some_and(|at_ms| at_ms <= tx.now_ms()));
        }
        if !self.look_again.load(Ordering::Acquire) {
            return Ok(false);
        }
        tx.select(self.db)?;
        Ok(tx.find(&self.key)?.is_some())
    }

    fn spoil(&self) {
        self.client.set_flag(ClientFlag::DirtyWatch, true);
    }
}

type Key = (DbIndex, Bytes);

/// All watches.
#[derive(Default)]
pub struct Watches {
    by_key: Mutex<HashMap<Key, Vec<Arc<Watch>>>>,
    count: AtomicUsize,
}

impl Observer for Watches {
    fn committed(&self, commit: &Commit) {
        // A watch begins and a commit is told of under the lock of the key, so none is overlooked.
        if self.count.load(Ordering::Acquire) == 0 {
            return;
        }
        let by_key = self.by_key.lock();
        for change in &commit.changes {
            let watches = by_key.get(&(change.db, change.key.clone()));
            for watch in watches.into_iter().flatten() {
                // A dead key was not there for whoever began to watch it.
                if watch.was_there || change.event != Event::EXPIRED {
                    watch.spoil();
                }
            }
        }
        if commit.replaced.is_empty() {
            return;
        }
        let replaced = by_key.iter().filter(|((db, _), _)| commit.replaced.contains(db));
        for watch in replaced.flat_map(|(_, watches)| watches) {
            if watch.was_there {
                watch.spoil();
            } else {
                watch.look_again.store(true, Ordering::Release);
            }
        }
    }
}

impl Watches {
    /// Begins a watch; `found`: the key is there, and when it is to expire. To be called under the
    /// lock of the key.
    pub fn enter(
        &self,
        client: &Arc<Client>,
        db: DbIndex,
        key: &Bytes,
        found: Option<Option<u64>>,
    ) -> Arc<Watch> {
        let watch = Arc::new(Watch {
            client: client.clone(),
            db,
            key: key.clone(),
            was_there: found.is_some(),
            expire_at_ms: found.flatten(),
            look_again: AtomicBool::new(false),
        });
        self.by_key.lock().entry((db, key.clone())).or_default().push(watch.clone());
        self.count.fetch_add(1, Ordering::AcqRel);
        watch
    }

    /// Ends a watch. O(watches over the key).
    pub fn leave(&self, watch: &Arc<Watch>) {
        let by_key = &mut *self.by_key.lock();
        let key = (watch.db, watch.key.clone());
        let Some(watches) = by_key.get_mut(&key) else { return };
        let before = watches.len();
        watches.retain(|other| !Arc::ptr_eq(other, watch));
        self.count.fetch_sub(before - watches.len(), Ordering::AcqRel);
        if watches.is_empty() {
            by_key.remove(&key);
        }
    }

    /// How many watches there are.
    pub fn count(&self) -> usize {
        self.count.load(Ordering::Acquire)
    }

    /// How many keys are watched.
    pub fn keys(&self) -> usize {
        self.by_key.lock().len()
    }
}
