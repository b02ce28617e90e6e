//! Whether the disk has room left (`min-free-disk-space`).

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// What was last seen of the disk. A background thread looks often; commands only ask.
#[derive(Debug, Default)]
pub struct DiskRoom {
    min_free_bytes: AtomicU64,
    low: AtomicBool,
}

impl DiskRoom {
    /// Sets how many bytes must be free at least; 0 for none.
    pub fn configure(&self, min_free_bytes: u64) {
        self.min_free_bytes.store(min_free_bytes, Ordering::Relaxed);
    }

    /// Takes note of how many bytes are free, where the database lies on a disk.
    pub fn look(&self, free_bytes: Option<u64>) {
        let wanted = self.min_free_bytes.load(Ordering::Relaxed);
        let low = free_bytes.is_some_and(|free| free < wanted);
        match (self.low.swap(low, Ordering::Relaxed), low) {
            (false, true) => tracing::warn!(
                "less than min-free-disk-space ({wanted} bytes) is free: what needs room is refused"
            ),
            (true, false) => tracing::info!("there is room on the disk again: writes are accepted"),
            _ => {}
        }
    }

    /// Whether commands that need room are to be refused.
    pub fn is_low(&self) -> bool {
        self.low.load(Ordering::Relaxed)
    }
}
