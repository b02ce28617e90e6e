//! How a running database is told to stop, by whoever serves it.

use parking_lot::Mutex;

type Hook = Box<dyn Fn() + Send>;

/// Who is to be told that the database is to stop.
#[derive(Default)]
pub struct Lifecycle {
    hook: Mutex<Option<Hook>>,
}

impl Lifecycle {
    /// Names who stops the database: the server that serves it. Called once the request is made.
    pub fn on_shutdown(&self, hook: impl Fn() + Send + 'static) {
        *self.hook.lock() = Some(Box::new(hook));
    }

    /// Asks for the end: no new clients, running commands end, replies are written, everything is
    /// synchronized with the disk. Returns at once; false when nobody serves the database, so that
    /// there is nothing to stop.
    pub fn shut_down(&self) -> bool {
        let hook = self.hook.lock();
        let Some(hook) = &*hook else { return false };
        hook();
        true
    }
}
