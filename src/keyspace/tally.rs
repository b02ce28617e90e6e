//! What happens to keys and is counted, but told by no event.

use parking_lot::Mutex;

/// How often each of it happened.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Tally {
    /// Values that were deleted whose members were left to the background, as they are too many for
    /// Redis to free at once; with all keys of emptied databases.
    pub lazily_freed: u64,
    /// Fields of hashes that were deleted because their time had come.
    pub expired_fields: u64,
    /// Those among them that nobody had to look at before.
    pub expired_fields_active: u64,
    /// Keys that were deleted because their time had come, and that nobody had to look at before.
    pub expired_keys_active: u64,
}

/// The sums. None of it is on the way of an ordinary command.
#[derive(Debug, Default)]
pub struct Tallies(Mutex<Tally>);

impl Tallies {
    /// The sums so far.
    pub fn get(&self) -> Tally {
        *self.0.lock()
    }

    /// Starts from 0 again.
    pub fn reset(&self) {
        *self.0.lock() = Tally::default();
    }

    pub(super) fn add(&self, more: Tally) {
        if more == Tally::default() {
            return;
        }
        let mut sums = self.0.lock();
        sums.lazily_freed += more.lazily_freed;
        sums.expired_fields += more.expired_fields;
        sums.expired_fields_active += more.expired_fields_active;
        sums.expired_keys_active += more.expired_keys_active;
    }
}
