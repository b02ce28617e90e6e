//! Events that took longer than they should: for each, its worst moments of late.

use parking_lot::Mutex;
use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};

/// How many samples an event keeps.
const SAMPLES: usize = 160;

/// The worst of one second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    /// Seconds since the Unix epoch.
    pub at_s: u64,
    pub latency_ms: u64,
}

/// What is known of one event.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Series {
    /// The worst ever.
    pub max_ms: u64,
    /// Oldest first; never empty.
    pub samples: VecDeque<Sample>,
}

/// The latency monitor.
#[derive(Debug, Default)]
pub struct Latency {
    /// `latency-monitor-threshold`; 0: off.
    threshold_ms: AtomicU64,
    events: Mutex<BTreeMap<&'static str, Series>>,
}

impl Latency {
    /// Follows the directive (ms; 0: off).
    pub fn configure(&self, threshold_ms: u64) {
        self.threshold_ms.store(threshold_ms, Ordering::Relaxed);
    }

    /// `latency-monitor-threshold`, ms; 0: off.
    pub fn threshold_ms(&self) -> u64 {
        self.threshold_ms.load(Ordering::Relaxed)
    }

    /// Whether an event that took so long is to be recorded.
    pub fn wants(&self, duration_us: u64) -> bool {
        let threshold_ms = self.threshold_ms();
        threshold_ms > 0 && duration_us / 1000 >= threshold_ms
    }

    /// Records an event that ended at `at_s` (seconds since the Unix epoch).
    pub fn record(&self, event: &'static str, at_s: u64, duration_us: u64) {
        let latency_ms = duration_us / 1000;
        let mut events = self.events.lock();
        let series = events.entry(event).or_default();
        series.max_ms = series.max_ms.max(latency_ms);
        if let Some(last) = series.samples.back_mut().filter(|last| last.at_s == at_s) {
            last.latency_ms = last.latency_ms.max(latency_ms);
            return;
        }
        if series.samples.len() == SAMPLES {
            series.samples.pop_front();
        }
        series.samples.push_back(Sample { at_s, latency_ms });
    }

    /// Every event, by name.
    pub fn events(&self) -> Vec<(&'static str, Series)> {
        self.events.lock().iter().map(|(event, series)| (*event, series.clone())).collect()
    }

    /// One event, by name in whatever case.
    pub fn event(&self, name: &[u8]) -> Option<(&'static str, Series)> {
        self.events().into_iter().find(|(event, _)| name.eq_ignore_ascii_case(event.as_bytes()))
    }

    /// Forgets the event of that name; returns whether there was any.
    pub fn reset(&self, name: &[u8]) -> bool {
        let Some((event, _)) = self.event(name) else { return false };
        self.events.lock().remove(event).is_some()
    }

    /// Forgets every event; returns how many there were.
    pub fn reset_all(&self) -> usize {
        std::mem::take(&mut *self.events.lock()).len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_sample_a_second_and_not_without_end() {
        let latency = Latency::default();
        assert!(!latency.wants(u64::MAX));
        latency.configure(5);
        assert!(latency.wants(5000) && !latency.wants(4999));
        latency.record("command", 1, 7000);
        latency.record("command", 1, 9000);
        latency.record("command", 1, 8000);
        let (_, series) = latency.event(b"COMMAND").unwrap();
        assert_eq!(series.samples, [Sample { at_s: 1, latency_ms: 9 }]);
        for second in 2..1000 {
            latency.record("command", second, 1000);
        }
        let (_, series) = latency.event(b"command").unwrap();
        assert_eq!((series.samples.len(), series.max_ms), (SAMPLES, 9));
        assert!(latency.reset(b"command"));
        assert_eq!(latency.reset_all(), 0);
    }
}
