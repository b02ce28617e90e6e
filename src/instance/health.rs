//! Whether the database still does all that it has to do by itself. What has a fault of its own is not
//! relied on: nothing is written any more, so that no promise is made that nobody keeps.

use parking_lot::Mutex;
use std::any::Any;
use std::sync::atomic::{AtomicBool, Ordering};

/// What has panicked.
#[derive(Debug, Default)]
pub struct Health {
    stops_writes: AtomicBool,
    panicked: Mutex<Vec<&'static str>>,
}

impl Health {
    /// Takes note that a background thread has panicked, and lets nothing be written from here on.
    pub fn panicked(&self, thread: &'static str, panic: &(dyn Any + Send)) {
        let reason = panic_reason(panic);
        tracing::error!(
            "the thread '{thread}' panicked: {reason}. Nothing is written any more; restart the server."
        );
        self.panicked.lock().push(thread);
        self.stops_writes.store(true, Ordering::Release);
    }

    /// Whether commands that write are to be refused. One load.
    pub fn stops_writes(&self) -> bool {
        self.stops_writes.load(Ordering::Acquire)
    }

    /// The threads that have panicked.
    pub fn panicked_threads(&self) -> Vec<&'static str> {
        self.panicked.lock().clone()
    }
}

/// What a panic said.
pub fn panic_reason(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no reason given")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::panic::catch_unwind;

    #[test]
    fn a_panic_is_remembered() {
        let health = Health::default();
        assert!(!health.stops_writes() && health.panicked_threads().is_empty());
        let panic = catch_unwind(|| panic!("for {} reason", "no")).unwrap_err();
        assert_eq!(panic_reason(panic.as_ref()), "for no reason");
        health.panicked("sweeper", panic.as_ref());
        assert!(health.stops_writes());
        assert_eq!(health.panicked_threads(), ["sweeper"]);
        let panic = catch_unwind(|| panic!("known")).unwrap_err();
        assert_eq!(panic_reason(panic.as_ref()), "known");
        let panic = catch_unwind(|| std::panic::panic_any(7)).unwrap_err();
        assert_eq!(panic_reason(panic.as_ref()), "no reason given");
    }
}
