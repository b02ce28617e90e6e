//! What a running database does by itself: deleting keys whose time has come, making writes survive
//! the loss of power once a second, looking after the limits (room on the disk, clients' memory), and sweeping up what emptied databases left on disk. Each on a
//! thread of its own, so that none waits for another.

use super::clients::Clients;
use super::disk_room::DiskRoom;
use super::health::Health;
use super::process::MemoryUse;
use super::stats::Stats;
use crate::error::Result;
use crate::keyspace::Keyspace;
use parking_lot::{Condvar, Mutex};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

const EXPIRE_PERIOD: Duration = Duration::from_millis(25);
const SYNC_PERIOD: Duration = Duration::from_secs(1);
const LIMITS_PERIOD: Duration = Duration::from_millis(100);
const SWEEP_PERIOD: Duration = Duration::from_secs(1);
const SAMPLE_PERIOD: Duration = Duration::from_millis(100);

/// How many expired keys are deleted between two flushes.
const EXPIRE_BATCH: usize = 256;

/// The threads of one database; they end with it.
pub struct Background {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

/// What the threads look after.
pub struct Parts {
    pub keyspace: Arc<Keyspace>,
    pub clients: Arc<Clients>,
    pub disk_room: Arc<DiskRoom>,
    pub health: Arc<Health>,
    pub stats: Arc<Stats>,
    /// Whether writes are to be synchronized once a second.
    pub syncs: bool,
}

struct Shared {
    parts: Parts,
    stopped: Mutex<bool>,
    stop: Condvar,
    syncs: AtomicBool,
    /// Whether what can wait does.
    paused: AtomicBool,
}

/// What a thread does again and again.
struct Task {
    name: &'static str,
    period: Duration,
    /// Whether data may be lost if it waits.
    is_vital: bool,
    work: fn(&Shared) -> Result<()>,
}

impl Task {
    const fn new(name: &'static str, period: Duration, work: fn(&Shared) -> Result<()>) -> Task {
        Task { name, period, is_vital: false, work }
    }

    const fn vital(self) -> Task {
        Task { is_vital: true, ..self }
    }
}

const TASKS: [Task; 5] = [
    Task::new("expirer", EXPIRE_PERIOD, Shared::expire),
    Task::new("syncer", SYNC_PERIOD, Shared::sync).vital(),
    Task::new("limits", LIMITS_PERIOD, Shared::look_at_limits).vital(),
    Task::new("sweeper", SWEEP_PERIOD, Shared::sweep),
    Task::new("sampler", SAMPLE_PERIOD, Shared::sample),
];

impl Background {
    /// Starts the threads.
    ///
    /// # Errors
    /// When the operating system has no thread to give.
    pub fn start(parts: Parts) -> std::io::Result<Background> {
        let shared = Arc::new(Shared {
            syncs: AtomicBool::new(parts.syncs),
            parts,
            stopped: Mutex::new(false),
            stop: Condvar::new(),
            paused: AtomicBool::new(false),
        });
        let mut background = Background { shared, threads: Vec::new() };
        for task in &TASKS {
            background.spawn(task)?;
        }
        Ok(background)
    }

    /// Whether writes are to be synchronized once a second.
    pub fn set_syncs(&self, syncs: bool) {
        self.shared.syncs.store(syncs, Ordering::Relaxed);
    }

    /// Lets everything wait that data does not depend on, or go on.
    pub fn pause(&self, paused: bool) {
        self.shared.paused.store(paused, Ordering::Relaxed);
    }

    fn spawn(&mut self, task: &'static Task) -> std::io::Result<()> {
        let shared = self.shared.clone();
        let run = move || shared.repeat(task);
        self.threads.push(std::thread::Builder::new().name(task.name.into()).spawn(run)?);
        Ok(())
    }
}

impl Drop for Background {
    /// Stops the threads and waits for what they are at.
    fn drop(&mut self) {
        *self.shared.stopped.lock() = true;
        self.shared.stop.notify_all();
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a background thread had panicked");
            }
        }
    }
}

impl Shared {
    /// Works once every period until stopped. A failure is told once, until it is over; a panic ends
    /// the thread.
    fn repeat(&self, task: &Task) {
        let name = task.name;
        let mut failing = false;
        while !self.stopped_after(task.period) {
            if self.paused.load(Ordering::Relaxed) && !task.is_vital {
                continue;
            }
            let worked = catch_unwind(AssertUnwindSafe(|| (task.work)(self)));
            let worked = match worked {
                Ok(worked) => worked,
                Err(panic) => return self.parts.health.panicked(name, panic.as_ref()),
            };
            match worked {
                Ok(()) => failing = false,
                Err(error) if failing => tracing::debug!("{name}: {error}"),
                Err(error) => {
                    tracing::warn!("{name}: {error}");
                    failing = true;
                }
            }
        }
    }

    fn stopped_after(&self, period: Duration) -> bool {
        let mut stopped = self.stopped.lock();
        if !*stopped {
            self.stop.wait_for(&mut stopped, period);
        }
        *stopped
    }

    /// Measures the rates per second and the use of memory.
    fn sample(&self) -> Result<()> {
        self.parts.stats.sample(self.parts.keyspace.clock().now_ms());
        self.parts.stats.peak_memory(MemoryUse::now().allocated);
        Ok(())
    }

    /// Deletes all keys that are due, one batch after the other.
    fn expire(&self) -> Result<()> {
        while !*self.stopped.lock() {
            let expired = self.parts.keyspace.expire_due(EXPIRE_BATCH)?;
            if expired > 0 {
                self.parts.keyspace.engine().flush()?;
            }
            if expired < EXPIRE_BATCH {
                break;
            }
        }
        Ok(())
    }

    fn sync(&self) -> Result<()> {
        let engine = self.parts.keyspace.engine();
        let unsynced = engine.synced_seq() < engine.committed_seq();
        if unsynced && self.syncs.load(Ordering::Relaxed) {
            engine.sync()?;
        }
        Ok(())
    }

    /// Looks whether the disk has room, and whether clients take too much memory.
    fn look_at_limits(&self) -> Result<()> {
        self.parts.disk_room.look(self.parts.keyspace.engine().free_disk_bytes());
        self.parts.stats.evicted_clients.add(self.parts.clients.evict() as u64);
        Ok(())
    }

    fn sweep(&self) -> Result<()> {
        while !*self.stopped.lock() && self.parts.keyspace.sweep()? {}
        self.parts.keyspace.engine().tidy();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{Clock, Stopwatch, SystemClock};
    use crate::encoding::meta::Meta;
    use crate::encoding::numbers::Kind;
    use crate::keyspace::event::{Commit, Event, Observer};
    use crate::keyspace::{Keys, Origin};
    use crate::storage::ReadTier;
    use crate::storage::memory::MemoryEngine;
    use bytes::Bytes;

    fn keyspace() -> Arc<Keyspace> {
        let clock = Arc::new(SystemClock);
        Arc::new(Keyspace::open(Box::new(MemoryEngine::new()), clock, 1).unwrap())
    }

    fn start(keyspace: &Arc<Keyspace>) -> Background {
        start_with(keyspace, Arc::default())
    }

    fn start_with(keyspace: &Arc<Keyspace>, health: Arc<Health>) -> Background {
        let (clients, disk_room, stats) = Default::default();
        let keyspace = keyspace.clone();
        Background::start(Parts { keyspace, clients, disk_room, health, stats, syncs: true }).unwrap()
    }

    fn put(keyspace: &Keyspace, name: &str, deadline_ms: u64) {
        let key = Bytes::copy_from_slice(name.as_bytes());
        let origin = Origin { db: 0, client: 0, tier: ReadTier::Disk };
        let set = |tx: &mut crate::keyspace::tx::WriteTx| {
            let mut slot = tx.slot(&key)?;
            let meta = Meta { expire_at_ms: Some(deadline_ms), ..Meta::inline(Kind::String, Bytes::new()) };
            tx.put(&mut slot, meta, Event::SET);
            Ok(())
        };
        keyspace.write(origin, &Keys::one(&key), set).unwrap();
    }

    fn wait_for(what: impl Fn() -> bool) -> bool {
        let watch = Stopwatch::start();
        while watch.elapsed_us() < 5_000_000 {
            if what() {
                return true;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        false
    }

    #[test]
    fn keys_go_without_anybody_looking() {
        let keyspace = keyspace();
        let _background = start(&keyspace);
        let now_ms = SystemClock.now_ms();
        (0..1000).for_each(|number| put(&keyspace, &number.to_string(), now_ms + 20));
        put(&keyspace, "stays", now_ms + 3_600_000);
        assert!(wait_for(|| keyspace.key_count(0).unwrap() == 1));
    }

    #[test]
    fn it_can_be_switched_off() {
        let keyspace = keyspace();
        keyspace.set_active_expiry(false);
        let _background = start(&keyspace);
        put(&keyspace, "a", SystemClock.now_ms() + 1);
        std::thread::sleep(Duration::from_millis(100));
        assert_eq!(keyspace.key_count(0).unwrap(), 1);
        keyspace.set_active_expiry(true);
        assert!(wait_for(|| keyspace.key_count(0).unwrap() == 0));
    }

    #[test]
    fn what_can_wait_waits_while_paused() {
        let keyspace = keyspace();
        let background = start(&keyspace);
        background.pause(true);
        put(&keyspace, "a", SystemClock.now_ms() + 1);
        std::thread::sleep(Duration::from_millis(100));
        assert_eq!(keyspace.key_count(0).unwrap(), 1);
        background.pause(false);
        assert!(wait_for(|| keyspace.key_count(0).unwrap() == 0));
    }

    #[test]
    fn a_panic_is_told_of_and_stops_writes() {
        /// Panics when a key dies.
        struct Fragile;

        impl Observer for Fragile {
            fn committed(&self, commit: &Commit) {
                assert!(commit.changes.iter().all(|change| change.event != Event::EXPIRED), "a key died");
            }
        }

        let keyspace = keyspace();
        keyspace.observe(Arc::new(Fragile));
        let health: Arc<Health> = Arc::default();
        let background = start_with(&keyspace, health.clone());
        assert!(!health.stops_writes());
        put(&keyspace, "a", SystemClock.now_ms() + 1);
        assert!(wait_for(|| health.stops_writes()));
        assert_eq!(health.panicked_threads(), ["expirer"]);
        drop(background);
    }

    #[test]
    fn emptied_databases_are_swept() {
        let keyspace = keyspace();
        put(&keyspace, "a", u64::MAX);
        keyspace.flush_databases(0, None).unwrap();
        let _background = start(&keyspace);
        assert!(wait_for(|| keyspace.engine().memory_bytes() < 200));
    }

    #[test]
    fn the_threads_end_at_once() {
        let keyspace = keyspace();
        let background = start(&keyspace);
        let watch = Stopwatch::start();
        drop(background);
        assert!(watch.elapsed_us() < 500_000);
        assert_eq!(Arc::strong_count(&keyspace), 1);
    }
}
