//! What happens whether clients ask or not: keys die on time, what flushed databases left behind is
//! cleared away, and once a second the log is synchronized with the disk (`appendfsync everysec`).

use super::shared::Shared;
use crate::clock::Stopwatch;
use crate::error::Result;
use parking_lot::{Condvar, Mutex};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

/// How often expiry looks at the clock.
const TICK: Duration = Duration::from_millis(25);
/// How many keys expire before others may have their turn at the locks.
const EXPIRE_AT_ONCE: usize = 1000;
/// How often the log is synchronized.
const SYNC_EVERY_US: u64 = 1_000_000;

#[derive(Default)]
struct Bell {
    stopping: Mutex<bool>,
    rung: Condvar,
}

impl Bell {
    /// Waits for the time, or for the end. Returns whether to go on.
    fn wait(&self, time: Duration) -> bool {
        let mut stopping = self.stopping.lock();
        if !*stopping {
            self.rung.wait_for(&mut stopping, time);
        }
        !*stopping
    }
}

/// The background threads.
pub struct Background {
    bell: Arc<Bell>,
    threads: Vec<JoinHandle<()>>,
}

impl Background {
    /// Starts them.
    pub fn start(shared: Arc<Shared>) -> Background {
        let bell = Arc::new(Bell::default());
        let mut background = Background { bell, threads: Vec::new() };
        background.spawn("expiry", shared.clone(), |shared, bell| {
            while bell.wait(TICK) {
                report("expiring keys", expire(shared, bell));
            }
        });
        background.spawn("log-sync", shared, sync_each_second);
        background
    }

    fn spawn(&mut self, name: &str, shared: Arc<Shared>, run: fn(&Shared, &Bell)) {
        let bell = self.bell.clone();
        match std::thread::Builder::new().name(name.into()).spawn(move || run(&shared, &bell)) {
            Ok(thread) => self.threads.push(thread),
            Err(error) => tracing::error!("cannot start the thread '{name}': {error}"),
        }
    }

    /// Ends them, once each has finished what it is at.
    pub fn stop(self) {
        *self.bell.stopping.lock() = true;
        self.bell.rung.notify_all();
        for thread in self.threads {
            if thread.join().is_err() {
                tracing::error!("a background thread panicked");
            }
        }
    }
}

fn report(what: &str, result: Result<()>) {
    if let Err(error) = result {
        tracing::error!("{what} failed: {error}");
    }
}

fn expire(shared: &Shared, bell: &Bell) -> Result<()> {
    let keyspace = &shared.instance.keyspace;
    while keyspace.expire_due(EXPIRE_AT_ONCE)? >= EXPIRE_AT_ONCE {
        keyspace.engine().flush()?;
        if *bell.stopping.lock() {
            return Ok(());
        }
    }
    while keyspace.sweep()? && !*bell.stopping.lock() {}
    keyspace.engine().flush()?;
    Ok(())
}

fn sync_each_second(shared: &Shared, bell: &Bell) {
    let mut took_us = 0;
    while bell.wait(Duration::from_micros(SYNC_EVERY_US.saturating_sub(took_us))) {
        let watch = Stopwatch::start();
        let engine = shared.instance.keyspace.engine();
        if shared.options().sync_each_second
            && (engine.has_unflushed() || engine.synced_seq() < engine.flushed_seq())
        {
            report("synchronizing the log", engine.sync().map(drop).map_err(Into::into));
        }
        took_us = watch.elapsed_us();
    }
}
