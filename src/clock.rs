//! Where time comes from: the machine in production, the test's hand in tests.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// A source of wall-clock time.
pub trait Clock: Send + Sync + 'static {
    /// Microseconds since the Unix epoch.
    fn now_us(&self) -> u64;

    /// Milliseconds since the Unix epoch.
    fn now_ms(&self) -> u64 {
        self.now_us() / 1000
    }
}

/// The machine's clock.
#[derive(Debug, Default, Clone, Copy)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[allow(clippy::disallowed_methods)] // the one place that asks the machine for the time
    fn now_us(&self) -> u64 {
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_micros() as u64)
    }
}

/// A clock that only moves when told to.
#[derive(Debug, Default)]
pub struct ManualClock {
    now_us: AtomicU64,
}

impl ManualClock {
    /// A clock that stands at `now_ms` milliseconds since the Unix epoch.
    pub fn at_ms(now_ms: u64) -> ManualClock {
        ManualClock { now_us: AtomicU64::new(now_ms * 1000) }
    }

    /// Sets the clock to `now_ms` milliseconds since the Unix epoch, which may lie in its past.
    pub fn set_ms(&self, now_ms: u64) {
        self.now_us.store(now_ms * 1000, Ordering::SeqCst);
    }

    /// Moves the clock forward by `ms` milliseconds.
    pub fn advance_ms(&self, ms: u64) {
        self.now_us.fetch_add(ms * 1000, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now_us(&self) -> u64 {
        self.now_us.load(Ordering::SeqCst)
    }
}

/// A point on the monotonic clock, for measuring how long something took.
#[derive(Debug, Clone, Copy)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// Starts measuring.
    #[allow(clippy::disallowed_methods)]
    pub fn start() -> Stopwatch {
        Stopwatch(Instant::now())
    }

    /// Nanoseconds since the start, and a stopwatch that starts now: one look at the clock for both.
    pub fn lap(self) -> (u64, Stopwatch) {
        let now = Stopwatch::start();
        (now.0.saturating_duration_since(self.0).as_nanos() as u64, now)
    }

    /// Microseconds since the start.
    pub fn elapsed_us(self) -> u64 {
        self.0.elapsed().as_micros() as u64
    }
}
