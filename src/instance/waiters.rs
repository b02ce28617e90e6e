//! Clients whose commands wait for keys (`BLPOP`): first come, first served.
//!
//! A command that finds nothing leaves a [`Ticket`] in the queue of each of its keys. As an observer
//! of commits, [`Waiters`] notes every key with a queue that a commit has touched, whatever the command
//! was (`LPUSH`, `RENAME`, `COPY`, `SWAPDB`). When that command has run, [`Waiters::serve`] runs the
//! commands of the tickets, oldest first, before the client that made the key ready runs its next one.
//! Until then the key belongs to those who wait: a command of anybody else that has locked it finds so
//! by [`Waiters::let_pass`], unlocks it again and has them served first. So nobody sees what a commit
//! has brought before those who waited for it, as in Redis, where nothing runs in between.
//!
//! A worker's thread never waits for the disk here: if the command of a ticket needs it, the key stays
//! ready, and a thread of the pool serves it ([`Waiters::take_stalled`]), or whichever command comes
//! first that may wait.
//!
//! Time alone can give a command what it wants, too: `XREADGROUP CLAIM` waits for entries to be pending
//! long enough. Its ticket says when it is to be tried again ([`Ticket::retry_at_ms`]), and whoever lets
//! its client wait calls [`Waiters::touch`] then.

use super::Instance;
use super::clients::Client;
use super::health::panic_reason;
use crate::encoding::numbers::Kind;
use crate::error::{Error, Result};
use crate::keyspace::event::{Commit, Observer};
use crate::keyspace::{DbIndex, Keys, Origin};
use crate::protocol::Reply;
use crate::storage::{ReadTier, Seq};
use bytes::Bytes;
use hashbrown::HashMap;
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

/// How long a worker's thread waits while another thread serves.
const PATIENCE: Duration = Duration::from_millis(1);

/// What a command that had waited has done.
#[derive(Debug)]
pub struct Served {
    pub reply: Result<Reply>,
    pub seq: Option<Seq>,
    /// How often commits had been undone before it ran.
    pub undone: u64,
}

/// Runs a command once more; none: it goes on waiting.
pub type Attempt = Box<dyn Fn(&Instance, ReadTier) -> Result<Option<(Reply, Option<Seq>)>> + Send + Sync>;

/// A command that waits.
pub struct Ticket {
    pub client: Arc<Client>,
    pub db: DbIndex,
    /// What it waits for.
    pub keys: Vec<Bytes>,
    /// Values of other types are of no use to it.
    pub kind: Kind,
    /// It is tried as well when a key has become one of another type, or has gone.
    pub minds_loss: bool,
    /// Ms since the Unix epoch; none: for ever.
    pub until_ms: Option<u64>,
    /// When it is to be tried again though nobody has touched its keys.
    pub retry: Arc<Retry>,
    pub attempt: Attempt,
    pub served: Mutex<Option<Served>>,
}

/// When a command that waits will find something if nothing else happens, as far as its last attempt has
/// seen.
#[derive(Debug)]
pub struct Retry(AtomicU64);

impl Default for Retry {
    fn default() -> Retry {
        Retry(AtomicU64::new(u64::MAX))
    }
}

impl Retry {
    /// That is not known.
    pub fn clear(&self) {
        self.0.store(u64::MAX, Ordering::Release);
    }

    /// Then, or before; ms since the Unix epoch.
    pub fn at_ms(&self, at_ms: u64) {
        self.0.fetch_min(at_ms, Ordering::AcqRel);
    }
}

impl Ticket {
    /// When it is to be tried again though nobody has touched its keys, ms since the Unix epoch.
    pub fn retry_at_ms(&self) -> Option<u64> {
        Some(self.retry.0.load(Ordering::Acquire)).filter(|at_ms| *at_ms != u64::MAX)
    }
}

type Key = (DbIndex, Bytes);

#[derive(Default)]
struct State {
    queues: HashMap<Key, VecDeque<Arc<Ticket>>>,
    /// Keys that a commit has touched, in that order, each once.
    ready: VecDeque<Key>,
    /// The key whose queue is being served.
    serving: Option<Key>,
}

impl State {
    /// Whether somebody is to be served with the key before others have it.
    fn is_owed(&self, key: &Key) -> bool {
        self.queues.contains_key(key) && (self.serving.as_ref() == Some(key) || self.ready.contains(key))
    }
}

/// All tickets.
#[derive(Default)]
pub struct Waiters {
    state: Mutex<State>,
    tickets: AtomicUsize,
    /// Not all who can be served have been.
    has_ready: AtomicBool,
    /// Whoever served could not go on without the disk.
    stalled: AtomicBool,
    /// One serves at a time, or the second in a queue might be quicker than the first.
    serving: Mutex<()>,
}

impl Observer for Waiters {
    fn committed(&self, commit: &Commit) {
        // A ticket comes and a commit is told of under the lock of the key, so none is overlooked.
        if self.tickets.load(Ordering::Acquire) == 0 {
            return;
        }
        let state = &mut *self.state.lock();
        let touched = commit.changes.iter().map(|change| (change.db, change.key.clone()));
        let replaced = state.queues.keys().filter(|(db, _)| commit.replaced.contains(db)).cloned();
        let mut ready: Vec<Key> = replaced.collect();
        ready.extend(touched.filter(|key| state.queues.contains_key(key)));
        for key in ready {
            if !state.ready.contains(&key) {
                state.ready.push_back(key);
            }
        }
        if !state.ready.is_empty() {
            self.has_ready.store(true, Ordering::Release);
        }
    }
}

impl Waiters {
    /// Lets a command wait. To be called under the locks of its keys.
    pub fn enter(&self, ticket: &Arc<Ticket>) {
        let state = &mut *self.state.lock();
        ticket.client.begin_wait();
        for key in &ticket.keys {
            let queue = state.queues.entry((ticket.db, key.clone())).or_default();
            if !queue.iter().any(|other| Arc::ptr_eq(other, ticket)) {
                queue.push_back(ticket.clone());
            }
        }
        self.tickets.fetch_add(1, Ordering::AcqRel);
    }

    /// The command waits no longer. Nothing happens if it did not. O(commands that wait for its keys).
    pub fn leave(&self, ticket: &Arc<Ticket>) {
        let state = &mut *self.state.lock();
        let mut was_there = false;
        for key in &ticket.keys {
            let key = (ticket.db, key.clone());
            let Some(queue) = state.queues.get_mut(&key) else { continue };
            let before = queue.len();
            queue.retain(|other| !Arc::ptr_eq(other, ticket));
            was_there |= queue.len() < before;
            if queue.is_empty() {
                state.queues.remove(&key);
            }
        }
        if was_there {
            self.tickets.fetch_sub(1, Ordering::AcqRel);
        }
    }

    /// Has the ticket tried once more, as if somebody had touched its keys, with who came before it.
    /// [`Waiters::serve`] does it.
    pub fn touch(&self, ticket: &Ticket) {
        ticket.retry.clear();
        let state = &mut *self.state.lock();
        for key in &ticket.keys {
            let key = (ticket.db, key.clone());
            if state.queues.contains_key(&key) && !state.ready.contains(&key) {
                state.ready.push_back(key);
                self.has_ready.store(true, Ordering::Release);
            }
        }
    }

    /// How many keys somebody waits for.
    pub fn keys(&self) -> usize {
        self.state.lock().queues.len()
    }

    /// Whether there may be somebody to serve. One load.
    pub fn has_ready(&self) -> bool {
        self.has_ready.load(Ordering::Acquire)
    }

    /// To be called by a command under the locks of its keys, before it looks at them. One load, where
    /// nobody is to be served.
    ///
    /// # Errors
    /// [`Error::WaitersFirst`] when others have to be served with one of them before.
    pub fn let_pass(&self, db: DbIndex, keys: &Keys) -> Result<()> {
        if !self.has_ready() {
            return Ok(());
        }
        let state = self.state.lock();
        let is_owed = match keys {
            Keys::None => false,
            Keys::Some(keys) => keys
                .iter()
                .any(|(other, key)| state.is_owed(&(other.unwrap_or(db), Bytes::copy_from_slice(key)))),
            Keys::All => state.queues.keys().any(|key| state.is_owed(key)),
        };
        if is_owed { Err(Error::WaitersFirst) } else { Ok(()) }
    }

    /// Whether a thread that may wait for the disk has to serve, since this was asked last.
    pub fn take_stalled(&self) -> bool {
        self.stalled.load(Ordering::Relaxed) && self.stalled.swap(false, Ordering::AcqRel)
    }

    /// Serves those who wait for keys that have become ready, and those whom that makes ready. No lock
    /// of a key may be held.
    ///
    /// # Errors
    /// [`Error::NeedsDisk`] in [`ReadTier::Memory`]: the rest is to be served in the other tier.
    pub fn serve(&self, instance: &Instance, tier: ReadTier) -> Result<()> {
        let serving = match tier {
            ReadTier::Disk => Some(self.serving.lock()),
            ReadTier::Memory => self.serving.try_lock_for(PATIENCE),
        };
        let served = serving.ok_or(Error::NeedsDisk).and_then(|_serving| {
            while let Some(key) = self.next_ready() {
                self.serve_key(instance, &key, tier).inspect_err(|_| self.put_back(key))?;
            }
            Ok(())
        });
        if served.is_err() {
            self.stalled.store(true, Ordering::Release);
        }
        served
    }

    fn next_ready(&self) -> Option<Key> {
        let state = &mut *self.state.lock();
        state.serving = state.ready.pop_front();
        if state.serving.is_none() {
            self.has_ready.store(false, Ordering::Release);
        }
        state.serving.clone()
    }

    fn put_back(&self, key: Key) {
        let state = &mut *self.state.lock();
        state.serving = None;
        if !state.ready.contains(&key) {
            state.ready.push_front(key);
        }
    }

    fn serve_key(&self, instance: &Instance, key: &Key, tier: ReadTier) -> Result<()> {
        let queue = self.state.lock().queues.get(key).map(|queue| queue.iter().cloned().collect());
        let queue: Vec<Arc<Ticket>> = queue.unwrap_or_default();
        let someone_minds = queue.iter().any(|ticket| ticket.minds_loss);
        for ticket in &queue {
            match kind_of(instance, key, tier)? {
                None if !someone_minds => break,
                kind if kind != Some(ticket.kind) && !ticket.minds_loss => {}
                _ => self.try_ticket(instance, ticket, tier)?,
            }
        }
        Ok(())
    }

    fn try_ticket(&self, instance: &Instance, ticket: &Arc<Ticket>, tier: ReadTier) -> Result<()> {
        if !ticket.client.begin_service() {
            return Ok(());
        }
        let undone = instance.keyspace.engine().undone();
        let attempt = catch_unwind(AssertUnwindSafe(|| (ticket.attempt)(instance, tier)));
        let attempt = attempt.unwrap_or_else(|panic| {
            tracing::error!("a command that had waited panicked: {}", panic_reason(panic.as_ref()));
            Err(Error::text("ERR internal error"))
        });
        let (reply, seq) = match attempt {
            // A script has one of the keys, or what is there has to be read: later.
            Ok(None) | Err(Error::NeedsDisk | Error::Busy(_)) => {
                ticket.client.end_service(false);
                if ticket.retry_at_ms().is_some() {
                    // It may be another time than it waits for.
                    ticket.client.wake();
                }
                return attempt.map(drop);
            }
            Ok(Some((reply, seq))) => (Ok(reply), seq),
            Err(error) => (Err(error), None),
        };
        *ticket.served.lock() = Some(Served { reply, seq, undone });
        self.leave(ticket);
        ticket.client.end_service(true);
        Ok(())
    }
}

impl Instance {
    /// Runs a transaction on `keys`. It has to call what it is given first: if that fails, others have
    /// waited for one of the keys, are served, and the transaction is run again.
    ///
    /// # Errors
    /// What the transaction returns; [`Error::NeedsDisk`] in [`ReadTier::Memory`].
    pub fn after_waiters<T>(
        &self,
        origin: Origin,
        keys: &Keys,
        run: impl Fn(&dyn Fn() -> Result<()>) -> Result<T>,
    ) -> Result<T> {
        loop {
            match run(&|| self.waiters.let_pass(origin.db, keys)) {
                Err(Error::WaitersFirst) => self.waiters.serve(self, origin.tier)?,
                result => return result,
            }
        }
    }
}

/// The type of a key's value. What goes wrong is left to the command that waits.
fn kind_of(instance: &Instance, (db, key): &Key, tier: ReadTier) -> Result<Option<Kind>> {
    let origin = Origin { db: *db, client: 0, tier };
    match instance.keyspace.read(origin, &Keys::one(key), |tx| tx.meta(key)) {
        Err(Error::NeedsDisk) => Err(Error::NeedsDisk),
        meta => Ok(meta.ok().flatten().map(|meta| meta.kind)),
    }
}
