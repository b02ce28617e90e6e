//! What the server counts: connections, bytes, calls of each command, errors, expired keys. All of
//! it relaxed atomics, for it is counted on the way of every command.

use super::histogram::Histogram;
use crate::keyspace::event::{Commit, Event, Observer};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Something counted.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Counts one more.
    pub fn increment(&self) {
        self.add(1);
    }

    /// Counts `amount` more.
    pub fn add(&self, amount: u64) {
        self.0.fetch_add(amount, Ordering::Relaxed);
    }

    /// Forgets `amount` of what was counted.
    pub fn subtract(&self, amount: u64) {
        self.0.fetch_sub(amount, Ordering::Relaxed);
    }

    /// How many there were so far.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Starts from 0 again.
    pub fn reset(&self) {
        self.0.store(0, Ordering::Relaxed);
    }
}

/// What is counted of one command. On cache lines of its own: threads that run different commands
/// do not disturb each other.
#[derive(Default)]
#[repr(align(64))]
pub struct CommandStats {
    pub calls: Counter,
    /// All calls together, ns.
    pub ns: Counter,
    /// Calls that were refused before they ran.
    pub rejected: Counter,
    /// Calls that ran and ended in an error.
    pub failed: Counter,
    histogram: OnceLock<Histogram>,
}

impl CommandStats {
    /// How long the calls took; none if there were no calls that were measured.
    pub fn histogram(&self) -> Option<&Histogram> {
        self.histogram.get()
    }

    fn reset(&self) {
        for counter in [&self.calls, &self.ns, &self.rejected, &self.failed] {
            counter.reset();
        }
        if let Some(histogram) = self.histogram.get() {
            histogram.reset();
        }
    }
}

/// How many error codes are told apart; scripts can make up their own.
const MAX_ERROR_CODES: usize = 128;
/// How many samples the rates are averaged over.
const SAMPLES: usize = 16;

/// Everything the server counts.
#[derive(Default)]
pub struct Stats {
    pub connections_received: Counter,
    pub connections_rejected: Counter,
    /// Bytes read from and written to clients.
    pub net_input_bytes: Counter,
    pub net_output_bytes: Counter,
    pub expired_keys: Counter,
    pub evicted_keys: Counter,
    /// Clients closed because of `maxmemory-clients`.
    pub evicted_clients: Counter,
    /// Changes of keys since the last checkpoint.
    pub changes_since_save: Counter,
    /// Error replies of all kinds.
    pub error_replies: Counter,
    /// Whether each command's calls go into its histogram (`latency-tracking`).
    pub latency_tracking: AtomicBool,
    /// By the number of the command.
    commands: OnceLock<Box<[CommandStats]>>,
    errors: Mutex<BTreeMap<String, u64>>,
    rates: Mutex<Rates>,
    peak_memory: AtomicU64,
}

impl Stats {
    /// The counters of each of `count` commands, by number.
    pub fn commands(&self, count: usize) -> &[CommandStats] {
        self.commands.get_or_init(|| (0..count).map(|_| CommandStats::default()).collect())
    }

    /// Counts a call that ran.
    pub fn called(&self, command: &CommandStats, ns: u64) {
        command.calls.increment();
        command.ns.add(ns);
        if self.latency_tracking.load(Ordering::Relaxed) {
            command.histogram.get_or_init(Histogram::default).record(ns);
        }
    }

    /// How many calls ran.
    pub fn commands_processed(&self) -> u64 {
        self.commands.get().map_or(0, |all| all.iter().map(|command| command.calls.get()).sum())
    }

    /// Counts an error reply by its code, the first word of the text.
    pub fn error(&self, text: &str) {
        self.error_replies.increment();
        let code = text.split([' ', '\r', '\n']).next().unwrap_or_default();
        let mut errors = self.errors.lock();
        if let Some(count) = errors.get_mut(code) {
            *count += 1;
        } else if errors.len() < MAX_ERROR_CODES {
            errors.insert(code.to_owned(), 1);
        }
    }

    /// How many replies each error code had, by code.
    pub fn errors(&self) -> Vec<(String, u64)> {
        self.errors.lock().iter().map(|(code, count)| (code.clone(), *count)).collect()
    }

    /// Takes a sample of what the rates are of. Meant to be called ten times a second.
    pub fn sample(&self, now_ms: u64) {
        let totals = [self.commands_processed(), self.net_input_bytes.get(), self.net_output_bytes.get()];
        self.rates.lock().sample(now_ms, totals);
    }

    /// Commands, bytes read, bytes written: each per second, over the last samples.
    pub fn rates(&self) -> [u64; 3] {
        let rates = self.rates.lock();
        [0, 1, 2].map(|what| rates.samples.iter().map(|sample| sample[what]).sum::<u64>() / SAMPLES as u64)
    }

    /// Takes note of how much memory is in use, bytes, and returns the most it ever was.
    pub fn peak_memory(&self, used: u64) -> u64 {
        self.peak_memory.fetch_max(used, Ordering::Relaxed).max(used)
    }

    /// `CONFIG RESETSTAT`: starts from 0 again, except for what is no statistic.
    pub fn reset(&self) {
        let all = [
            &self.connections_received,
            &self.connections_rejected,
            &self.net_input_bytes,
            &self.net_output_bytes,
            &self.expired_keys,
            &self.evicted_keys,
            &self.evicted_clients,
            &self.error_replies,
        ];
        all.into_iter().for_each(Counter::reset);
        self.commands.get().into_iter().flatten().for_each(CommandStats::reset);
        self.errors.lock().clear();
        *self.rates.lock() = Rates::default();
    }
}

impl Observer for Stats {
    fn committed(&self, commit: &Commit) {
        self.changes_since_save.add(commit.changes.len() as u64 + commit.replaced.len() as u64);
        let count =
            |event: Event| commit.changes.iter().filter(|change| change.event == event).count() as u64;
        // The usual commit has one change and neither event.
        if commit.changes.iter().any(|change| change.event == Event::EXPIRED) {
            self.expired_keys.add(count(Event::EXPIRED));
        }
        if commit.changes.iter().any(|change| change.event == Event::EVICTED) {
            self.evicted_keys.add(count(Event::EVICTED));
        }
    }
}

/// Rates per second, the last [`SAMPLES`] of them.
#[derive(Default)]
struct Rates {
    last: Option<(u64, [u64; 3])>,
    samples: [[u64; 3]; SAMPLES],
    next: usize,
}

impl Rates {
    fn sample(&mut self, now_ms: u64, totals: [u64; 3]) {
        if let Some((then_ms, before)) = self.last {
            let elapsed_ms = now_ms.saturating_sub(then_ms).max(1);
            let rate =
                |what: usize| totals[what].saturating_sub(before[what]).saturating_mul(1000) / elapsed_ms;
            self.samples[self.next] = [rate(0), rate(1), rate(2)];
            self.next = (self.next + 1) % SAMPLES;
        }
        self.last = Some((now_ms, totals));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_averages() {
        let stats = Stats::default();
        let command = &stats.commands(1)[0];
        for tick in 0..=SAMPLES as u64 {
            stats.sample(1000 + tick * 100);
            for _ in 0..50 {
                stats.called(command, 1000);
            }
        }
        assert_eq!(stats.rates()[0], 500);
        stats.reset();
        assert_eq!(stats.rates()[0], 0);
        assert_eq!(stats.commands_processed(), 0);
    }

    #[test]
    fn errors_by_code_and_not_without_end() {
        let stats = Stats::default();
        stats.error("ERR syntax error");
        stats.error("ERR other");
        stats.error("WRONGTYPE no");
        assert_eq!(stats.errors(), [("ERR".to_owned(), 2), ("WRONGTYPE".to_owned(), 1)]);
        for number in 0..1000 {
            stats.error(&format!("CODE{number} text"));
        }
        assert_eq!(stats.errors().len(), MAX_ERROR_CODES);
        assert_eq!(stats.error_replies.get(), 1003);
    }

    #[test]
    fn histograms_only_while_tracking() {
        let stats = Stats::default();
        let command = &stats.commands(1)[0];
        stats.called(command, 5);
        assert!(command.histogram().is_none());
        stats.latency_tracking.store(true, Ordering::Relaxed);
        stats.called(command, 5);
        assert_eq!(command.histogram().map(|histogram| histogram.snapshot().total), Some(1));
    }
}
