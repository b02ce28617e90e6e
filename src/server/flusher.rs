//! A thread that writes the log while the workers go on. Half of what a write costs is RocksDB's;
//! this is how that half runs on a processor of its own, and how no client waits behind another
//! one's fsync.

use crate::clock::Stopwatch;
use crate::error::{StorageError, StorageResult};
use crate::instance::Instance;
use parking_lot::{Condvar, Mutex};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Waker;
use std::thread::JoinHandle;

/// From so many nanoseconds on, an fsync is worth another thread.
const SLOW_SYNC_NS: u64 = 500_000;

/// The thread, and the way to tell it.
pub struct Flusher {
    inner: Arc<Inner>,
    thread: Mutex<Option<JoinHandle<()>>>,
    is_worth_it: bool,
}

#[derive(Default)]
struct Inner {
    requests: Mutex<Requests>,
    requested: Condvar,
    failures: AtomicU64,
    last_error: Mutex<Option<StorageError>>,
    /// How long an fsync takes, ns: an average that follows the last few.
    sync_ns: AtomicU64,
}

/// What is asked for and not begun.
#[derive(Default)]
struct Requests {
    wakers: Vec<Waker>,
    sync: bool,
    stop: bool,
}

impl Flusher {
    /// Starts the thread.
    ///
    /// # Errors
    /// When the system gives none.
    pub fn start(instance: Arc<Instance>) -> io::Result<Flusher> {
        let inner = Arc::new(Inner::default());
        let of_thread = inner.clone();
        let thread = std::thread::Builder::new().name("flusher".into());
        let thread = thread.spawn(move || of_thread.run(&instance))?;
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        Ok(Flusher { inner, thread: Mutex::new(Some(thread)), is_worth_it: processors > 1 })
    }

    /// Whether there is a processor that could run the thread beside the workers.
    pub fn is_worth_it(&self) -> bool {
        self.is_worth_it
    }

    /// Makes everything committed so far safe, here and now.
    ///
    /// # Errors
    /// As [`crate::storage::Engine::flush`] and [`crate::storage::Engine::sync`].
    pub fn flush_here(&self, instance: &Instance, sync: bool) -> StorageResult<u64> {
        self.inner.flush(instance, sync)
    }

    /// Whether the disk takes so long for an fsync that nobody should wait for it who need not.
    pub fn syncs_slowly(&self) -> bool {
        self.inner.sync_ns.load(Ordering::Relaxed) > SLOW_SYNC_NS
    }

    /// Has everything committed so far flushed, or synced, and wakes `waker` afterwards: it finds the
    /// engine's sequence numbers moved, or [`Flusher::failures`].
    pub fn request(&self, sync: bool, waker: Waker) {
        let mut requests = self.inner.requests.lock();
        requests.wakers.push(waker);
        requests.sync |= sync;
        self.inner.requested.notify_one();
    }

    /// How often it could not do what was asked for.
    pub fn failures(&self) -> u64 {
        self.inner.failures.load(Ordering::Acquire)
    }

    /// Why, the last time.
    pub fn last_error(&self) -> StorageError {
        let error = self.inner.last_error.lock().clone();
        error.unwrap_or_else(|| StorageError::Io("the log could not be written".into()))
    }

    /// Ends the thread, when it has done what it was asked for.
    pub fn stop(&self) {
        self.inner.requests.lock().stop = true;
        self.inner.requested.notify_one();
        if let Some(thread) = self.thread.lock().take() {
            // Its panics are caught.
            let _ = thread.join();
        }
    }
}

impl Inner {
    fn run(&self, instance: &Instance) {
        loop {
            let mut requests = self.requests.lock();
            while requests.wakers.is_empty() {
                if requests.stop {
                    return;
                }
                self.requested.wait(&mut requests);
            }
            let wakers = std::mem::take(&mut requests.wakers);
            let sync = std::mem::take(&mut requests.sync);
            drop(requests);
            self.note(self.flush(instance, sync));
            wakers.into_iter().for_each(Waker::wake);
        }
    }

    fn flush(&self, instance: &Instance, sync: bool) -> StorageResult<u64> {
        let engine = instance.keyspace.engine();
        let watch = Stopwatch::start();
        // Without an answer no client of the turn would ever be answered again.
        let flush = || if sync { engine.sync() } else { engine.flush() };
        let flushed = catch_unwind(AssertUnwindSafe(flush))
            .unwrap_or_else(|_| Err(StorageError::Io("the flush of the log panicked".into())));
        if sync {
            let average = self.sync_ns.load(Ordering::Relaxed);
            self.sync_ns.store(average - average / 8 + watch.lap().0 / 8, Ordering::Relaxed);
        }
        flushed
    }

    fn note(&self, result: StorageResult<u64>) {
        if let Err(error) = result {
            *self.last_error.lock() = Some(error);
            self.failures.fetch_add(1, Ordering::Release);
        }
    }
}
