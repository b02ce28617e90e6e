//! Clients whose commands wait for keys (`BLPOP`): first come, first served.
//!
//! A command that finds nothing leaves a [`Ticket`] in the queue of each of its keys. As an observer
//! of commits, [`Waiters`] notes every key with a queue that a commit has touched, whatever the command
//! was (`LPUSH`, `RENAME`, `COPY`, `SWAPDB`). When that command has run, [`Waiters::serve`] runs the
//! commands of the tickets, oldest first, before the client that made the key ready runs its next one.

use super::clients::Client;
use crate::encoding::numbers::Kind;
use crate::error::Result;
use crate::keyspace::event::{Commit, Observer};
use crate::keyspace::{DbIndex, Keys, Keyspace, Origin};
use crate::protocol::Reply;
use crate::storage::{ReadTier, Seq};
use bytes::Bytes;
use hashbrown::HashMap;
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// What a command that had waited has done.
#[derive(Debug)]
pub struct Served {
    pub reply: Result<Reply>,
    pub seq: Option<Seq>,
    /// How often commits had been undone before it ran.
    pub undone: u64,
}

/// Runs a command once more; none: it goes on waiting.
pub type Attempt = Box<dyn Fn(&Keyspace) -> Result<Option<(Reply, Option<Seq>)>> + Send + Sync>;

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
    pub attempt: Attempt,
    pub served: Mutex<Option<Served>>,
}

type Key = (DbIndex, Bytes);

#[derive(Default)]
struct State {
    queues: HashMap<Key, VecDeque<Arc<Ticket>>>,
    /// Keys that a commit has touched, in that order, each once.
    ready: VecDeque<Key>,
}

/// All tickets.
#[derive(Default)]
pub struct Waiters {
    state: Mutex<State>,
    tickets: AtomicUsize,
    has_ready: AtomicBool,
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

    /// Whether there may be somebody to serve. One load.
    pub fn has_ready(&self) -> bool {
        self.has_ready.load(Ordering::Acquire)
    }

    /// Serves those who wait for keys that have become ready, and those whom that makes ready. No lock
    /// of a key may be held.
    pub fn serve(&self, keyspace: &Keyspace) {
        let _serving = self.serving.lock();
        while let Some(key) = self.next_ready() {
            let queue = self.state.lock().queues.get(&key).map(|queue| queue.iter().cloned().collect());
            let queue: Vec<Arc<Ticket>> = queue.unwrap_or_default();
            let someone_minds = queue.iter().any(|ticket| ticket.minds_loss);
            for ticket in &queue {
                match kind_of(keyspace, &key) {
                    None if !someone_minds => break,
                    kind if kind != Some(ticket.kind) && !ticket.minds_loss => {}
                    _ => self.try_ticket(keyspace, ticket),
                }
            }
        }
    }

    fn next_ready(&self) -> Option<Key> {
        let state = &mut *self.state.lock();
        let next = state.ready.pop_front();
        if next.is_none() {
            self.has_ready.store(false, Ordering::Release);
        }
        next
    }

    fn try_ticket(&self, keyspace: &Keyspace, ticket: &Arc<Ticket>) {
        if !ticket.client.begin_service() {
            return;
        }
        let undone = keyspace.engine().undone();
        let (reply, seq) = match (ticket.attempt)(keyspace) {
            Ok(None) => return ticket.client.end_service(false),
            Ok(Some((reply, seq))) => (Ok(reply), seq),
            Err(error) => (Err(error), None),
        };
        *ticket.served.lock() = Some(Served { reply, seq, undone });
        self.leave(ticket);
        ticket.client.end_service(true);
    }
}

/// The type of a key's value. What goes wrong is left to the command that waits.
fn kind_of(keyspace: &Keyspace, (db, key): &Key) -> Option<Kind> {
    let origin = Origin { db: *db, client: 0, tier: ReadTier::Disk };
    let meta = keyspace.read(origin, &Keys::one(key), |tx| tx.meta(key));
    meta.ok().flatten().map(|meta| meta.kind)
}
