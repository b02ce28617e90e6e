//! Group commit: one flush for all the connections of a turn of the event loop.
//!
//! A connection that has executed commands joins the turn instead of writing its replies. The first
//! to join wakes the committer, and as tokio runs woken tasks in order, it comes after all
//! connections that were ready at the time. It flushes once, if there is anything to flush, writes
//! the replies of all of them to their sockets, and only wakes the tasks that have something left to
//! do. Writing at the end of the turn is cheaper than writing at once even when nothing is to be
//! flushed (4 to 6 % less time of the processor for GET): clients wake up to several replies.

use super::connection::Connection;
use super::worker::Worker;
use crate::error::{Error, StorageError};
use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::task::{Poll, Waker};

/// The connections of a worker that wait for the end of the turn.
#[derive(Default)]
pub struct Turn {
    waiting: RefCell<Vec<Rc<Connection>>>,
    committer: Cell<Option<Waker>>,
}

impl Turn {
    /// Makes a connection wait for the end of the turn.
    pub fn join(&self, connection: Rc<Connection>) {
        self.waiting.borrow_mut().push(connection);
        if let Some(waker) = self.committer.take() {
            waker.wake();
        }
    }
}

/// The committer of a worker; never ends.
pub async fn commit_turns(worker: Rc<Worker>) {
    let mut joined: Vec<Rc<Connection>> = Vec::new();
    loop {
        poll_fn(|cx| {
            let mut waiting = worker.turn.waiting.borrow_mut();
            if waiting.is_empty() {
                worker.turn.committer.set(Some(cx.waker().clone()));
                return Poll::Pending;
            }
            std::mem::swap(&mut *waiting, &mut joined);
            Poll::Ready(())
        })
        .await;
        worker.refresh();
        let committed = if worker.needs_commit() { commit(&worker) } else { Ok(()) };
        for connection in joined.drain(..) {
            connection.turn_ended(&worker, committed.as_ref().err());
        }
    }
}

fn commit(worker: &Worker) -> Result<(), Error> {
    let engine = worker.shared.instance.keyspace.engine();
    let flush = || if worker.syncs_each_turn() { engine.sync() } else { engine.flush() };
    // Without a committer no client of this worker would ever be answered again.
    let committed = catch_unwind(AssertUnwindSafe(flush))
        .unwrap_or_else(|_| Err(StorageError::Io("the flush of the log panicked".into())));
    match committed {
        Ok(_) => Ok(()),
        Err(error) => {
            tracing::error!("writing the log failed, the commits of this turn are undone: {error}");
            Err(Error::NotWritable(error.to_string()))
        }
    }
}
