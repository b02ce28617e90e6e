//! How long calls took, counted without a lock: buckets as those of an HDR histogram with two
//! significant digits from 1 ns to 1 s, so that percentiles and reports come out as Redis' do.

use std::sync::atomic::{AtomicU64, Ordering};

const HALF_BITS: u32 = 7;
/// Buckets of each power of two; the first 256 values have one of their own each.
const HALF: usize = 1 << HALF_BITS;
/// Longer calls count as this long, ns.
pub const MAX_NS: u64 = 1_000_000_000;
const BUCKETS: usize = bucket_of(MAX_NS) + 1;

/// A histogram of times in nanoseconds. 24 kB.
pub struct Histogram {
    counts: Box<[AtomicU64; BUCKETS]>,
}

impl Default for Histogram {
    fn default() -> Histogram {
        Histogram { counts: Box::new([const { AtomicU64::new(0) }; BUCKETS]) }
    }
}

const fn bucket_of(value: u64) -> usize {
    let power = 63 - (value | (2 * HALF as u64 - 1)).leading_zeros() - HALF_BITS;
    power as usize * HALF + (value >> power) as usize
}

/// The largest value that falls into the bucket.
const fn highest_of(bucket: usize) -> u64 {
    if bucket < 2 * HALF {
        return bucket as u64;
    }
    let power = bucket / HALF - 1;
    let first = ((bucket - power * HALF) as u64) << power;
    first + (1 << power) - 1
}

impl Histogram {
    /// Counts one call.
    pub fn record(&self, ns: u64) {
        self.counts[bucket_of(ns.clamp(1, MAX_NS))].fetch_add(1, Ordering::Relaxed);
    }

    /// What was counted so far.
    pub fn snapshot(&self) -> Snapshot {
        let counts: Vec<u64> = self.counts.iter().map(|count| count.load(Ordering::Relaxed)).collect();
        Snapshot { total: counts.iter().sum(), counts }
    }

    /// Forgets everything.
    pub fn reset(&self) {
        for count in self.counts.iter() {
            count.store(0, Ordering::Relaxed);
        }
    }
}

/// A histogram at one moment.
pub struct Snapshot {
    counts: Vec<u64>,
    /// How many calls were counted.
    pub total: u64,
}

impl Snapshot {
    /// The time in ns that `percentile` (0 to 100) of all calls took at most; 0 without calls.
    pub fn percentile_ns(&self, percentile: f64) -> u64 {
        let wanted = ((percentile / 100.0 * self.total as f64 + 0.5) as u64).clamp(1, self.total.max(1));
        let mut counted = 0;
        for (bucket, count) in self.counts.iter().enumerate() {
            counted += count;
            if counted >= wanted {
                return highest_of(bucket);
            }
        }
        0
    }

    /// `(µs, calls)`: how many calls took at most so long, at each power of two from 1024 ns on
    /// at which there is something new to tell.
    pub fn by_powers_of_two(&self) -> Vec<(u64, u64)> {
        let mut steps = Vec::new();
        let (mut counted, mut told, mut bucket) = (0, 0, 0);
        let mut level_ns = 1024;
        while told < self.total {
            let end = bucket_of(level_ns).min(BUCKETS - 1) + 1;
            counted += self.counts[bucket..end].iter().sum::<u64>();
            bucket = end;
            if counted > told {
                steps.push((highest_of(bucket - 1) / 1000, counted));
                told = counted;
            }
            level_ns *= 2;
        }
        steps
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn steps_as_redis_shows_them() {
        let histogram = Histogram::default();
        for us in [3, 3, 13, 60, 2113] {
            histogram.record(us * 1000);
        }
        let snapshot = histogram.snapshot();
        assert_eq!(snapshot.by_powers_of_two(), [(4, 2), (16, 3), (66, 4), (2113, 5)]);
        assert_eq!(snapshot.percentile_ns(50.0), 13_055);
        assert_eq!(snapshot.percentile_ns(99.0), 2_113_535);
        histogram.reset();
        assert_eq!(histogram.snapshot().by_powers_of_two(), []);
        histogram.record(u64::MAX);
        assert_eq!(histogram.snapshot().total, 1);
    }

    proptest! {
        #[test]
        fn same_percentiles_as_an_hdr_histogram(
            values in prop::collection::vec(1..MAX_NS, 1..200),
            percentile in 0.1..100.0f64,
        ) {
            let ours = Histogram::default();
            let mut theirs = hdrhistogram::Histogram::<u64>::new_with_bounds(1, MAX_NS, 2).unwrap();
            for value in values {
                ours.record(value);
                theirs.record(value).unwrap();
            }
            let (ours, theirs) = (ours.snapshot(), theirs.value_at_percentile(percentile));
            // The crate rounds the rank up, Redis to the nearest.
            let near = [ours.percentile_ns(percentile), ours.percentile_ns((percentile + 50.0 / ours.total as f64).min(100.0))];
            prop_assert!(near.contains(&theirs), "{near:?} {theirs}");
        }

        #[test]
        fn every_value_lies_in_its_bucket(value in 1..=MAX_NS) {
            let bucket = bucket_of(value);
            prop_assert!(value <= highest_of(bucket));
            prop_assert!(bucket == 0 || value > highest_of(bucket - 1));
        }
    }
}
