//! What the threads of a server share.

use super::flusher::Flusher;
use super::options::Options;
use super::pool::Pool;
use super::tls::Tls;
use crate::instance::Instance;
use parking_lot::RwLock;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// What the threads of a server share.
pub struct Shared {
    pub instance: Arc<Instance>,
    pub pool: Pool,
    pub flusher: Flusher,
    pub tls: Tls,
    options: RwLock<Arc<Options>>,
    connected: AtomicUsize,
    generation: AtomicU64,
}

impl Shared {
    /// For a server with no client yet.
    pub fn new(instance: Arc<Instance>, flusher: Flusher, options: Options) -> Shared {
        Shared {
            instance,
            flusher,
            pool: Pool::new(options.disk_threads),
            tls: Tls::default(),
            options: RwLock::new(Arc::new(options)),
            connected: AtomicUsize::new(0),
            generation: AtomicU64::new(0),
        }
    }

    /// The directives as of now.
    pub fn options(&self) -> Arc<Options> {
        self.options.read().clone()
    }

    /// Changes the directives for every thread.
    pub fn set_options(&self, options: Options) {
        *self.options.write() = Arc::new(options);
        self.generation.fetch_add(1, Ordering::Release);
    }

    /// How often the directives were changed.
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// Counts a client in, if there may be one more; [`Shared::left`] counts it out.
    pub fn arrived(&self) -> bool {
        let limit = self.options.read().max_clients;
        let count = |connected| (connected < limit).then_some(connected + 1);
        self.connected.fetch_update(Ordering::AcqRel, Ordering::Acquire, count).is_ok()
    }

    /// Counts a client out.
    pub fn left(&self) {
        self.connected.fetch_sub(1, Ordering::AcqRel);
    }
}
