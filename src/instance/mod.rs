//! What a running database has one of.

pub mod acl;
pub mod background;
pub mod client_memory;
pub mod clients;
pub mod command_log;
pub mod disk_room;
pub mod functions;
pub mod health;
pub mod histogram;
pub mod hot_keys;
pub mod latency;
pub mod lifecycle;
pub mod monitors;
pub mod notifications;
pub mod process;
pub mod pubsub;
pub mod running;
pub mod saves;
pub mod scripts;
pub mod settings;
pub mod stats;
pub mod tracking;
pub mod waiters;
pub mod watches;

use crate::clock::Stopwatch;
use crate::config::Settings;
use crate::config::values::{AppendFsync, KeyspaceEvents};
use crate::error;
use crate::keyspace::Keyspace;
use crate::keyspace::packing::{
    ArrayPacking, HashPacking, Packing, SetPacking, SortedSetPacking, StreamPacking,
};
use background::{Background, Parts};
use latency::Latency;
use parking_lot::{Mutex, RwLock};
use saves::Saves;
use settings::{CurrentSettings, Listener};
use stats::Stats;
use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock, Weak};

/// One running database.
pub struct Instance {
    pub keyspace: Arc<Keyspace>,
    pub acl: acl::Acl,
    pub clients: Arc<clients::Clients>,
    pub stats: Arc<Stats>,
    pub command_logs: command_log::CommandLogs,
    pub hot_keys: hot_keys::HotKeys,
    pub waiters: Arc<waiters::Waiters>,
    pub watches: Arc<watches::Watches>,
    pub monitors: monitors::Monitors,
    pub pubsub: Arc<pubsub::PubSub>,
    notifications: Arc<notifications::Notifications>,
    pub tracking: Arc<tracking::Tracking>,
    pub latency: Latency,
    pub lifecycle: lifecycle::Lifecycle,
    pub disk_room: Arc<disk_room::DiskRoom>,
    pub health: Arc<health::Health>,
    pub saves: Saves,
    pub scripts: scripts::Scripts,
    pub functions: functions::Functions,
    pub running: Arc<running::RunningScripts>,
    pub identity: Identity,
    settings: CurrentSettings,
    itself: OnceLock<Weak<Instance>>,
    background: Mutex<Option<Background>>,
}

/// What tells this run of the server from every other.
pub struct Identity {
    /// 40 hexadecimal digits, new with every start.
    pub run_id: String,
    /// 40 hexadecimal digits that name the history of the data, for replication.
    pub replication_id: RwLock<String>,
    /// Bytes of memory in use at the start.
    pub startup_memory: u64,
    started: Stopwatch,
}

impl Identity {
    fn new() -> Identity {
        Identity {
            run_id: random_id(),
            replication_id: RwLock::new(random_id()),
            startup_memory: process::MemoryUse::now().allocated,
            started: Stopwatch::start(),
        }
    }

    /// Seconds since the start.
    pub fn uptime_s(&self) -> u64 {
        self.started.elapsed_us() / 1_000_000
    }

    /// Takes a new replication id, as if the data had got another history.
    pub fn change_replication_id(&self) {
        *self.replication_id.write() = random_id();
    }
}

fn random_id() -> String {
    (0..40).map(|_| char::from_digit(fastrand::u32(..16), 16).unwrap_or('0')).collect()
}

fn packing(settings: &Settings) -> Packing {
    Packing {
        set: SetPacking {
            intset_entries: settings.set_max_intset_entries,
            entries: settings.set_max_listpack_entries,
            value: settings.set_max_listpack_value,
        },
        hash: HashPacking {
            entries: settings.hash_max_listpack_entries,
            value: settings.hash_max_listpack_value,
        },
        sorted_set: SortedSetPacking {
            entries: settings.zset_max_listpack_entries,
            value: settings.zset_max_listpack_value,
        },
        stream: StreamPacking {
            node_entries: settings.stream_node_max_entries,
            node_bytes: settings.stream_node_max_bytes,
            idempotence_seconds: settings.stream_idmp_duration,
            idempotence_ids: settings.stream_idmp_maxsize,
        },
        array: ArrayPacking {
            slice_size: settings.array_slice_size,
            sparse_kmax: settings.array_sparse_kmax,
        },
    }
}

impl Instance {
    /// A database over `keyspace`, whose users are limited to commands of the catalog.
    pub fn new(keyspace: Keyspace, settings: Settings, catalog: &'static acl::catalog::Catalog) -> Instance {
        let now_ms = keyspace.clock().now_ms();
        let stats = Arc::new(Stats::default());
        keyspace.observe(stats.clone());
        let waiters: Arc<waiters::Waiters> = Arc::default();
        keyspace.observe(waiters.clone());
        let watches: Arc<watches::Watches> = Arc::default();
        keyspace.observe(watches.clone());
        let pubsub: Arc<pubsub::PubSub> = Arc::default();
        let notifications = Arc::new(notifications::Notifications::new(pubsub.clone()));
        keyspace.observe(notifications.clone());
        let clients: Arc<clients::Clients> = Arc::default();
        let tracking = Arc::new(tracking::Tracking::new(clients.clone()));
        keyspace.observe(tracking.clone());
        let running: Arc<running::RunningScripts> = Arc::default();
        let scripts = running.clone();
        keyspace.give_up_when(Box::new(move || scripts.busy()));
        let instance = Instance {
            keyspace: Arc::new(keyspace),
            background: Mutex::new(None),
            acl: acl::Acl::new(catalog, &settings.requirepass),
            clients,
            hot_keys: hot_keys::HotKeys::new(stats.clone()),
            stats,
            command_logs: command_log::CommandLogs::default(),
            waiters,
            watches,
            monitors: monitors::Monitors::default(),
            pubsub,
            notifications,
            tracking,
            latency: Latency::default(),
            lifecycle: lifecycle::Lifecycle::default(),
            disk_room: Arc::default(),
            health: Arc::default(),
            saves: Saves::new(now_ms / 1000),
            scripts: scripts::Scripts::default(),
            functions: functions::Functions::default(),
            running,
            identity: Identity::new(),
            itself: OnceLock::new(),
            settings: CurrentSettings::new(settings),
        };
        instance.apply(&instance.settings());
        instance
    }

    /// Starts what the database does by itself, until it is dropped: expiry on time, `everysec`,
    /// sweeping. A second call changes nothing.
    ///
    /// # Errors
    /// When the operating system has no thread to give.
    pub fn start_background(&self) -> error::Result<()> {
        let mut background = self.background.lock();
        if background.is_none() {
            let syncs = self.settings().appendfsync != AppendFsync::No;
            let started = Background::start(Parts {
                keyspace: self.keyspace.clone(),
                clients: self.clients.clone(),
                disk_room: self.disk_room.clone(),
                health: self.health.clone(),
                stats: self.stats.clone(),
                syncs,
            });
            *background =
                Some(started.map_err(|error| error::Error::err(format_args!("no thread: {error}")))?);
        }
        Ok(())
    }

    /// Holds clients' commands back until then, ms since the Unix epoch, and deletes no dead keys
    /// meanwhile.
    pub fn pause_clients(&self, until_ms: u64, scope: clients::PauseScope, now_ms: u64) {
        self.clients.pause(until_ms, scope, now_ms, |until_ms| self.keyspace.hold_expiry(until_ms));
    }

    /// Ends the pause.
    pub fn unpause_clients(&self) {
        self.clients.unpause(|until_ms| self.keyspace.hold_expiry(until_ms));
    }

    /// A client has gone: it is told nothing more.
    pub fn forget(&self, client: &Arc<clients::Client>) {
        self.monitors.leave(client);
        self.pubsub.leave(client);
        self.tracking.leave(client);
        self.clients.unregister(client.id);
    }

    /// Lets what the database does by itself wait, but for what data depends on; or go on.
    pub fn pause_background(&self, paused: bool) {
        if let Some(background) = &*self.background.lock() {
            background.pause(paused);
        }
    }

    /// Lets the instance hand itself to threads of its own.
    pub fn share(self: &Arc<Self>) {
        // A second call has nothing new to say.
        let _ = self.itself.set(Arc::downgrade(self));
    }

    /// Itself for a thread; none before [`Instance::share`].
    fn shared(&self) -> Option<Arc<Instance>> {
        self.itself.get().and_then(Weak::upgrade)
    }

    /// The values of all directives as of now.
    pub fn settings(&self) -> Arc<Settings> {
        self.settings.get()
    }

    /// Changes settings, all that `edit` changes or nothing.
    ///
    /// # Errors
    /// The reason why `edit` or a listener refused.
    pub fn change_settings(
        &self,
        edit: impl FnOnce(&mut Settings) -> Result<(), String>,
    ) -> Result<(), String> {
        self.settings.change(edit, |old, new| {
            if let Some(background) = &*self.background.lock() {
                background.set_syncs(new.appendfsync != AppendFsync::No);
            }
            if old.requirepass != new.requirepass {
                self.acl.set_requirepass(&new.requirepass);
            }
            self.apply(new);
        })
    }

    /// Lets those who are asked too often to look at the settings know what they say.
    fn apply(&self, settings: &Settings) {
        self.disk_room.configure(settings.min_free_disk_space);
        self.acl.log.configure(settings.acllog_max_len);
        self.clients.set_memory_limit(settings.client_memory_limit());
        self.keyspace.set_max_string_bytes(settings.proto_max_bulk_len);
        self.keyspace.set_hll_sparse_max_bytes(settings.hll_sparse_max_bytes);
        self.keyspace.set_list_max_listpack_size(settings.list_max_listpack_size);
        self.keyspace.set_list_listpack(settings.list_listpack);
        self.keyspace.set_packing(packing(settings));
        self.keyspace.cursors().set_most(settings.scan_cursors as usize);
        self.running.configure(
            settings.busy_reply_threshold,
            settings.script_time_limit,
            settings.script_memory_limit,
        );
        let events = settings.notify_keyspace_events;
        self.notifications.configure(events);
        self.keyspace.set_tells_misses(events.any(KeyspaceEvents::KEY_MISS));
        let logs = &self.command_logs;
        logs.slow.configure(settings.slowlog_log_slower_than, settings.slowlog_max_len);
        logs.large_requests
            .configure(settings.commandlog_request_larger_than, settings.commandlog_large_request_max_len);
        logs.large_replies
            .configure(settings.commandlog_reply_larger_than, settings.commandlog_large_reply_max_len);
        self.tracking.configure(settings.tracking_table_max_keys);
        self.latency.configure(settings.latency_monitor_threshold);
        self.stats.latency_tracking.store(settings.latency_tracking, Ordering::Relaxed);
    }

    /// Calls `listener` with the settings before and after every change; a reason that it returns
    /// refuses the change.
    pub fn on_settings_change(&self, listener: Listener) {
        self.settings.listen(listener);
    }
}
