//! What a running database has one of.

use crate::config::Settings;
use crate::keyspace::Keyspace;
use parking_lot::RwLock;
use std::sync::Arc;

/// One running database.
pub struct Instance {
    pub keyspace: Keyspace,
    settings: RwLock<Arc<Settings>>,
}

impl Instance {
    /// A database over `keyspace`.
    pub fn new(keyspace: Keyspace, settings: Settings) -> Instance {
        Instance { keyspace, settings: RwLock::new(Arc::new(settings)) }
    }

    /// The values of all directives as of now.
    pub fn settings(&self) -> Arc<Settings> {
        self.settings.read().clone()
    }
}
