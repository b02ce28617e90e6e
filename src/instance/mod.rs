//! What a running database has one of.

pub mod acl;
pub mod clients;
pub mod histogram;
pub mod latency;
pub mod slowlog;
pub mod stats;

use crate::config::Settings;
use crate::keyspace::Keyspace;
use latency::Latency;
use parking_lot::RwLock;
use slowlog::Slowlog;
use stats::Stats;
use std::sync::Arc;
use std::sync::atomic::Ordering;

const SLOWLOG_LOG_SLOWER_THAN: i64 = 10_000;
const SLOWLOG_MAX_LEN: u64 = 128;
const LATENCY_MONITOR_THRESHOLD: u64 = 0;
const LATENCY_TRACKING: bool = true;

/// One running database.
pub struct Instance {
    pub keyspace: Keyspace,
    pub acl: acl::Acl,
    pub clients: clients::Clients,
    pub stats: Arc<Stats>,
    pub slowlog: Slowlog,
    pub latency: Latency,
    settings: RwLock<Arc<Settings>>,
}

impl Instance {
    /// A database over `keyspace`.
    pub fn new(keyspace: Keyspace, settings: Settings) -> Instance {
        let stats = Arc::new(Stats::default());
        keyspace.observe(stats.clone());
        let instance = Instance {
            keyspace,
            acl: acl::Acl::new(&settings.requirepass),
            clients: clients::Clients::default(),
            stats,
            slowlog: Slowlog::new(-1, 0),
            latency: Latency::default(),
            settings: RwLock::new(Arc::new(settings)),
        };
        instance.configure_statistics();
        instance
    }

    /// Lets what is measured follow the directives, which are too slow to ask on every command.
    pub fn configure_statistics(&self) {
        self.slowlog.configure(SLOWLOG_LOG_SLOWER_THAN, SLOWLOG_MAX_LEN);
        self.latency.configure(LATENCY_MONITOR_THRESHOLD);
        self.stats.latency_tracking.store(LATENCY_TRACKING, Ordering::Relaxed);
    }

    /// The values of all directives as of now.
    pub fn settings(&self) -> Arc<Settings> {
        self.settings.read().clone()
    }
}
