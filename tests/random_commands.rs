//! Random argument lists of every command, against a database in memory: nothing panics, hangs or takes
//! memory without bound, every reply is well formed, and what is stored makes sense afterwards. And the same
//! on records that are spoilt now and then, when whatever is asked for may fail.
//!
//! `DISKDB_RANDOM_SEED` repeats a run, `DISKDB_RANDOM_HISTORIES` makes it longer.

mod common;

use common::random::{Choices, History};
use fastrand::Rng;
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::time::Duration;

const COMMANDS: usize = 250;

/// The longest string is a megabyte here. A command may take a few of them, and some for each of its words.
const MAX_BYTES: isize = 16 << 20;
const MAX_BYTES_PER_WORD: isize = 4 << 20;
/// Of a reply that has many nulls in it.
const MAX_BYTES_PER_POSITION: isize = 192;
const GIVE_UP_BYTES: isize = 2 << 30;

const MAX_TIME: Duration = Duration::from_secs(5);

/// Counts what this thread holds.
struct Counting;

thread_local! {
    static HELD: Cell<isize> = const { Cell::new(0) };
    static MOST: Cell<isize> = const { Cell::new(0) };
    static SEED: Cell<u64> = const { Cell::new(0) };
}

fn note(bytes: isize) {
    let held = HELD.get() + bytes;
    HELD.set(held);
    MOST.set(MOST.get().max(held));
}

// SAFETY: everything is done by the allocator of the system.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note(layout.size() as isize);
        if HELD.get() > GIVE_UP_BYTES {
            give_up();
        }
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        note(-(layout.size() as isize));
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Ends the process, before the machine has no memory left, and says how to repeat that.
fn give_up() -> ! {
    let mut text = *b"far too much memory: DISKDB_RANDOM_SEED=00000000000000000000\n";
    let mut seed = SEED.get();
    let digits = text.len() - 21..text.len() - 1;
    for digit in text[digits].iter_mut().rev() {
        *digit = b'0' + (seed % 10) as u8;
        seed /= 10;
    }
    // SAFETY: `text` is as long as is said.
    unsafe { libc::write(2, text.as_ptr().cast(), text.len()) };
    std::process::abort();
}

struct Random(Rng);

impl Choices for Random {
    fn below(&mut self, end: usize) -> usize {
        self.0.usize(..end)
    }
}

fn from_environment(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|text| text.parse().ok())
}

/// What this thread has had of a processor: others may keep the machine busy.
fn processor_time() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is there for the call.
    assert_eq!(unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) }, 0);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// One step, within bounds.
fn step(history: &mut History<Random>) {
    let (held, began) = (HELD.get(), processor_time());
    MOST.set(held);
    history.step();
    let (bytes, time) = (MOST.get() - held, processor_time() - began);
    let most = MAX_BYTES
        + history.words as isize * MAX_BYTES_PER_WORD
        + history.positions as isize * MAX_BYTES_PER_POSITION;
    assert!(bytes <= most, "a command took {bytes} bytes at a time");
    assert!(time <= MAX_TIME, "a command took {time:?}");
}

/// Every so many commands, one record is spoilt.
fn run_damaged_history(seed: u64, check_every: usize) {
    fastrand::seed(seed);
    let mut history = History::new(Random(Rng::with_seed(seed)));
    for number in 1..=COMMANDS {
        step(&mut history);
        if number % 10 == 0 {
            history.damage();
        }
        if number % check_every == 0 {
            history.check_damaged();
        }
    }
}

fn run_history(seed: u64, check_every: usize) {
    // For the commands that leave something to chance.
    fastrand::seed(seed);
    let mut history = History::new(Random(Rng::with_seed(seed)));
    for number in 1..=COMMANDS {
        step(&mut history);
        if number % check_every == 0 {
            history.check();
        }
    }
    history.check();
}

fn run_histories(run: impl Fn(u64, usize) + std::panic::RefUnwindSafe) {
    let first = from_environment("DISKDB_RANDOM_SEED");
    let histories = from_environment("DISKDB_RANDOM_HISTORIES").unwrap_or(match first {
        Some(_) => 1,
        None if cfg!(debug_assertions) => 400,
        None => 4000,
    });
    let first = first.unwrap_or_else(|| fastrand::u64(..u64::MAX - histories));
    // Whoever repeats a history wants to know which command it was.
    let check_every = if histories == 1 { 1 } else { 50 };
    for seed in first..first.saturating_add(histories) {
        SEED.set(seed);
        let outcome = std::panic::catch_unwind(|| run(seed, check_every));
        assert!(outcome.is_ok(), "DISKDB_RANDOM_SEED={seed} repeats it");
    }
}

#[test]
fn nothing_that_clients_say_does_harm() {
    run_histories(run_history);
}

#[test]
fn nothing_that_the_disk_says_does_harm() {
    run_histories(run_damaged_history);
}
