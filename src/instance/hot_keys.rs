//! The keys that cost most (`HOTKEYS`): execution time and bytes on the network, by key, while somebody wants to
//! know.
//!
//! What is counted by key is bounded: when there are too many keys, half of them go, those with the smallest
//! counts, and the others lose as much as the largest of these had. So a key that stands out is there in
//! the end, and its count is never more than it was.

use super::process::CpuUse;
use super::stats::Stats;
use bytes::Bytes;
use hashbrown::HashMap;
use parking_lot::Mutex;
use std::cmp::Reverse;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// How many keys are counted at a time.
const MAX_KEYS: usize = 4096;
/// Keys with longer names are not counted.
const MAX_NAME_BYTES: usize = 4096;

/// What is to be found out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    pub cpu: bool,
    pub net: bool,
    /// How many keys are shown of each.
    pub count: usize,
    /// After so many seconds it ends by itself.
    pub duration_s: Option<u64>,
    /// One call of so many is attributed to its keys.
    pub sample_ratio: u64,
}

/// What the whole server has used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    pub user_ms: u64,
    pub system_ms: u64,
    /// Read and written.
    pub net_bytes: u64,
}

/// What was found out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    pub is_active: bool,
    pub wanted: Wanted,
    /// Ms since the Unix epoch.
    pub began_at_ms: u64,
    pub duration_ms: u64,
    /// Of all calls, ns.
    pub all_ns: u64,
    /// Of all calls' requests and replies.
    pub all_bytes: u64,
    /// Of the server meanwhile.
    pub usage: Usage,
    /// Largest first, ns.
    pub by_ns: Vec<(Bytes, u64)>,
    /// Largest first.
    pub by_bytes: Vec<(Bytes, u64)>,
}

/// Sums by key.
#[derive(Default)]
struct Sums(HashMap<Bytes, u64>);

impl Sums {
    fn add(&mut self, key: &Bytes, amount: u64) {
        if let Some(sum) = self.0.get_mut(key) {
            *sum = sum.saturating_add(amount);
            return;
        }
        if self.0.len() >= MAX_KEYS {
            self.halve();
        }
        // What the client sent may be part of a large buffer.
        self.0.insert(Bytes::copy_from_slice(key), amount);
    }

    /// Costs a look at every key, but only once in so many that come.
    fn halve(&mut self) {
        let mut sums: Vec<u64> = self.0.values().copied().collect();
        let (_, median, _) = sums.select_nth_unstable(MAX_KEYS / 2);
        let median = *median;
        self.0.retain(|_, sum| {
            *sum = sum.saturating_sub(median);
            *sum > 0
        });
    }

    fn largest(&self, count: usize) -> Vec<(Bytes, u64)> {
        let mut all: Vec<_> =
            self.0.iter().filter(|(_, sum)| **sum > 0).map(|(key, sum)| (key.clone(), *sum)).collect();
        all.sort_unstable_by(|a, b| (Reverse(a.1), &a.0).cmp(&(Reverse(b.1), &b.0)));
        all.truncate(count);
        all
    }
}

struct Collection {
    wanted: Wanted,
    began_at_ms: u64,
    /// When it ended, and what the server had used.
    ended: Option<(u64, Usage)>,
    usage: Usage,
    all_ns: u64,
    all_bytes: u64,
    by_ns: Sums,
    by_bytes: Sums,
}

impl Collection {
    /// When it ends by itself, ms since the Unix epoch.
    fn due_ms(&self) -> Option<u64> {
        let duration_ms = self.wanted.duration_s?.saturating_mul(1000);
        Some(self.began_at_ms.saturating_add(duration_ms))
    }
}

/// What is being found out, or was last.
pub struct HotKeys {
    active: AtomicBool,
    stats: Arc<Stats>,
    collection: Mutex<Option<Collection>>,
}

impl HotKeys {
    /// Nothing is wanted yet. Bytes on the network are those of `stats`.
    pub fn new(stats: Arc<Stats>) -> HotKeys {
        HotKeys { active: AtomicBool::new(false), stats, collection: Mutex::default() }
    }

    fn usage(&self) -> Usage {
        let cpu = CpuUse::of_process();
        Usage {
            user_ms: (cpu.user_s * 1000.0) as u64,
            system_ms: (cpu.system_s * 1000.0) as u64,
            net_bytes: self.stats.net_input_bytes.get() + self.stats.net_output_bytes.get(),
        }
    }

    /// Whether calls are to be recorded. One load.
    pub fn is_active(&self) -> bool {
        self.active.load(Ordering::Relaxed)
    }

    /// Begins, and forgets what was found out before. False: it is under way already.
    pub fn start(&self, wanted: Wanted, now_ms: u64) -> bool {
        let collection = &mut *self.collection.lock();
        self.end_if_due(collection, now_ms);
        if self.is_active() {
            return false;
        }
        *collection = Some(Collection {
            wanted,
            began_at_ms: now_ms,
            ended: None,
            usage: self.usage(),
            all_ns: 0,
            all_bytes: 0,
            by_ns: Sums::default(),
            by_bytes: Sums::default(),
        });
        self.active.store(true, Ordering::Relaxed);
        true
    }

    fn end_if_due(&self, collection: &mut Option<Collection>, now_ms: u64) {
        let due_ms = collection.as_ref().and_then(Collection::due_ms).filter(|due_ms| *due_ms <= now_ms);
        if let Some(due_ms) = due_ms {
            self.end(collection, due_ms);
        }
    }

    fn end(&self, collection: &mut Option<Collection>, at_ms: u64) -> bool {
        let Some(collection) = collection.as_mut().filter(|collection| collection.ended.is_none()) else {
            return false;
        };
        collection.ended = Some((at_ms, self.usage()));
        self.active.store(false, Ordering::Relaxed);
        true
    }

    /// Ends it; what was found out stays. False: it was not under way.
    pub fn stop(&self, now_ms: u64) -> bool {
        let collection = &mut *self.collection.lock();
        self.end_if_due(collection, now_ms);
        self.end(collection, now_ms)
    }

    /// Forgets what was found out. False: it is under way.
    pub fn reset(&self, now_ms: u64) -> bool {
        let collection = &mut *self.collection.lock();
        self.end_if_due(collection, now_ms);
        if !self.is_active() {
            *collection = None;
        }
        !self.is_active()
    }

    /// A call ran for `ns`; its request and its reply had so many bytes. O(keys), on average.
    pub fn record<'a>(&self, now_ms: u64, ns: u64, bytes: u64, keys: impl Iterator<Item = &'a Bytes>) {
        let collection = &mut *self.collection.lock();
        self.end_if_due(collection, now_ms);
        let Some(collection) = collection.as_mut().filter(|collection| collection.ended.is_none()) else {
            return;
        };
        collection.all_ns = collection.all_ns.saturating_add(ns);
        collection.all_bytes = collection.all_bytes.saturating_add(bytes);
        if fastrand::u64(..collection.wanted.sample_ratio.max(1)) > 0 {
            return;
        }
        for key in keys.filter(|key| key.len() <= MAX_NAME_BYTES) {
            if collection.wanted.cpu {
                collection.by_ns.add(key, ns);
            }
            if collection.wanted.net {
                collection.by_bytes.add(key, bytes);
            }
        }
    }

    /// What was found out so far; none before the first time, and after a reset.
    pub fn report(&self, now_ms: u64) -> Option<Report> {
        let collection = &mut *self.collection.lock();
        self.end_if_due(collection, now_ms);
        let collection = collection.as_ref()?;
        let (until_ms, usage) = collection.ended.unwrap_or_else(|| (now_ms, self.usage()));
        let begin = &collection.usage;
        Some(Report {
            is_active: collection.ended.is_none(),
            wanted: collection.wanted,
            began_at_ms: collection.began_at_ms,
            duration_ms: until_ms.saturating_sub(collection.began_at_ms),
            all_ns: collection.all_ns,
            all_bytes: collection.all_bytes,
            usage: Usage {
                user_ms: usage.user_ms.saturating_sub(begin.user_ms),
                system_ms: usage.system_ms.saturating_sub(begin.system_ms),
                net_bytes: usage.net_bytes.saturating_sub(begin.net_bytes),
            },
            by_ns: collection.by_ns.largest(collection.wanted.count),
            by_bytes: collection.by_bytes.largest(collection.wanted.count),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WANTED: Wanted = Wanted { cpu: true, net: true, count: 3, duration_s: None, sample_ratio: 1 };

    fn key(number: usize) -> Bytes {
        Bytes::from(format!("key:{number}"))
    }

    #[test]
    fn few_keys_are_counted_exactly() {
        let hot = HotKeys::new(Arc::default());
        assert!(hot.report(0).is_none() && !hot.stop(0) && hot.reset(0) && !hot.is_active());
        assert!(hot.start(WANTED, 1000) && !hot.start(WANTED, 1000) && !hot.reset(1000));
        for number in 1..=5 {
            let keys = [key(number), key(number + 1), Bytes::from(vec![b'x'; MAX_NAME_BYTES + 1])];
            hot.record(1000, 100 * number as u64, 10, keys.iter());
        }
        assert!(hot.stop(1500) && !hot.stop(1600));
        hot.record(1600, 1, 1, [key(1)].iter());
        let report = hot.report(2000).unwrap();
        assert_eq!((report.all_ns, report.all_bytes, report.duration_ms), (1500, 50, 500));
        assert_eq!(report.by_ns, [(key(5), 900), (key(4), 700), (key(3), 500)]);
        assert_eq!(report.by_bytes, [(key(2), 20), (key(3), 20), (key(4), 20)]);
        assert!(hot.reset(2000) && hot.report(2000).is_none());
    }

    #[test]
    fn what_stands_out_is_found_among_very_many() {
        let hot = HotKeys::new(Arc::default());
        assert!(hot.start(Wanted { net: false, ..WANTED }, 0));
        for number in 0..200_000 {
            hot.record(0, 1, 1, [key(10 + number)].iter());
            if number % 20 == 0 {
                hot.record(0, 1 + number as u64 % 3, 1, [key(number % 3)].iter());
            }
        }
        let report = hot.report(0).unwrap();
        let mut found: Vec<Bytes> = report.by_ns.iter().map(|(key, _)| key.clone()).collect();
        found.sort_unstable();
        assert_eq!(found, [key(0), key(1), key(2)]);
        assert!(report.by_ns.iter().all(|(_, ns)| *ns > 1000) && report.by_bytes.is_empty());
        assert!(hot.collection.lock().as_ref().unwrap().by_ns.0.len() <= MAX_KEYS);
    }

    #[test]
    fn it_ends_by_itself_and_samples() {
        let hot = HotKeys::new(Arc::default());
        assert!(hot.start(Wanted { duration_s: Some(2), sample_ratio: 10, ..WANTED }, 1000));
        (0..10_000).for_each(|_| hot.record(2999, 1, 1, [key(1)].iter()));
        hot.record(3000, 1, 1, [key(1)].iter());
        assert!(!hot.is_active());
        let report = hot.report(9000).unwrap();
        assert_eq!((report.all_ns, report.duration_ms, report.is_active), (10_000, 2000, false));
        assert!((500..2000).contains(&report.by_ns[0].1), "{:?}", report.by_ns);
        assert!(hot.start(WANTED, 9000));
    }
}
