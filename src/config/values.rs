//! The types of the directives that are neither a number, a yes nor a text.

use super::kind::{Kind, Value, parse_memory, single};

macro_rules! choices {
    ($($(#[$doc:meta])* $type:ident { $($(#[$variant_doc:meta])* $variant:ident = $name:literal),+ $(,)? })+) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $type { $($(#[$variant_doc])* $variant),+ }

        impl $type {
            /// The names, in the order in which messages list them.
            pub const NAMES: &'static [&'static str] = &[$($name),+];

            /// The name in conf files.
            pub fn name(self) -> &'static str {
                match self { $($type::$variant => $name),+ }
            }
        }

        impl Value for $type {
            fn assign(&mut self, words: &[String], _: Kind) -> Result<(), String> {
                let word = single(words)?.to_ascii_lowercase();
                *self = match word.as_str() {
                    $($name => $type::$variant,)+
                    _ => return Err(not_among(Self::NAMES)),
                };
                Ok(())
            }

            fn text(&self, _: Kind) -> String {
                self.name().into()
            }
        }
    )+};
}

fn not_among(names: &[&str]) -> String {
    format!("argument(s) must be one of the following: {}", names.join(", "))
}

choices! {
    /// When the log of writes is forced to the disk.
    AppendFsync {
        /// Once a second: power loss costs at most a second of acknowledged writes.
        EverySec = "everysec",
        /// Before each acknowledgement.
        Always = "always",
        /// When the kernel decides.
        No = "no",
    }
    /// How much is logged.
    LogLevel { Debug = "debug", Verbose = "verbose", Notice = "notice", Warning = "warning", Nothing = "nothing" }
    /// Who supervises the process.
    Supervised { Upstart = "upstart", Systemd = "systemd", Auto = "auto", No = "no" }
    /// The engine that keeps the data.
    EngineKind { RocksDb = "rocksdb", Memory = "memory" }
    /// How blocks are compressed.
    Compression { None = "none", Lz4 = "lz4", Lz4Hc = "lz4hc", Zstd = "zstd" }
    /// Whether TLS clients must show a certificate.
    TlsAuthClients { No = "no", Yes = "yes", Optional = "optional" }
    /// What of a TLS client's certificate is the name of its user.
    TlsAuthClientsUser { Off = "off", CommonName = "CN" }
    /// From where a class of dangerous commands is accepted.
    ProtectedAction {
        No = "no",
        Yes = "yes",
        /// From connections of the same machine.
        Local = "local",
    }
    /// What is evicted when `maxmemory` is reached.
    MaxmemoryPolicy {
        VolatileLru = "volatile-lru",
        VolatileLfu = "volatile-lfu",
        VolatileRandom = "volatile-random",
        VolatileTtl = "volatile-ttl",
        AllkeysLru = "allkeys-lru",
        AllkeysLfu = "allkeys-lfu",
        AllkeysRandom = "allkeys-random",
        NoEviction = "noeviction",
    }
    /// Where syslog messages are filed.
    SyslogFacility {
        User = "user", Local0 = "local0", Local1 = "local1", Local2 = "local2", Local3 = "local3",
        Local4 = "local4", Local5 = "local5", Local6 = "local6", Local7 = "local7",
    }
    /// How a replica loads a snapshot that comes without a file.
    ReplDisklessLoad { Disabled = "disabled", OnEmptyDb = "on-empty-db", SwapDb = "swapdb" }
    /// How the out-of-memory score is adjusted.
    OomScoreAdj { No = "no", Yes = "yes", Relative = "relative", Absolute = "absolute" }
    /// The channels a new ACL user may use.
    AclPubsubDefault { AllChannels = "allchannels", ResetChannels = "resetchannels" }
    /// Whose payloads RESTORE checks deeply.
    SanitizeDumpPayload { No = "no", Yes = "yes", Clients = "clients" }
    /// What cluster nodes call each other.
    ClusterEndpointType { Ip = "ip", Hostname = "hostname", UnknownEndpoint = "unknown-endpoint" }
    /// What happens when a command cannot be passed on to replicas.
    PropagationErrorBehavior { Ignore = "ignore", Panic = "panic", PanicOnReplicas = "panic-on-replicas" }
}

/// One point of `save`: a snapshot after so many changes in so many seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SavePoint {
    pub seconds: u64,
    pub changes: u64,
}

/// In a conf file each line adds a point, and the first line empties the list first.
impl Value for Vec<SavePoint> {
    fn assign(&mut self, words: &[String], _: Kind) -> Result<(), String> {
        let words = if matches!(words, [word] if word.is_empty()) { &[] } else { words };
        let point = |pair: &[String]| {
            let [seconds, changes] = pair else { return None };
            let (seconds, changes): (u32, u32) = (seconds.parse().ok()?, changes.parse().ok()?);
            let in_bounds = seconds >= 1 && seconds <= i32::MAX as u32 && changes <= i32::MAX as u32;
            in_bounds.then_some(SavePoint { seconds: seconds.into(), changes: changes.into() })
        };
        let points: Option<Vec<SavePoint>> = words.chunks(2).map(point).collect();
        *self = points.ok_or("Invalid save parameters")?;
        Ok(())
    }

    fn text(&self, _: Kind) -> String {
        let points = self.iter().map(|point| format!("{} {}", point.seconds, point.changes));
        points.collect::<Vec<_>>().join(" ")
    }

    fn lines(&self, _: Kind) -> Vec<String> {
        if self.is_empty() {
            return vec!["\"\"".into()];
        }
        self.iter().map(|point| format!("{} {}", point.seconds, point.changes)).collect()
    }
}

/// How much a client may leave unread before it is closed; 0 is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutputBufferLimit {
    pub hard_bytes: u64,
    pub soft_bytes: u64,
    /// How long a client may be above the soft limit.
    pub soft_seconds: u64,
}

/// The limits of each class of clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutputBufferLimits {
    pub normal: OutputBufferLimit,
    pub replica: OutputBufferLimit,
    pub pubsub: OutputBufferLimit,
}

impl OutputBufferLimits {
    /// Redis' defaults.
    pub const DEFAULT: OutputBufferLimits = OutputBufferLimits {
        normal: OutputBufferLimit { hard_bytes: 0, soft_bytes: 0, soft_seconds: 0 },
        replica: OutputBufferLimit { hard_bytes: 256 << 20, soft_bytes: 64 << 20, soft_seconds: 60 },
        pubsub: OutputBufferLimit { hard_bytes: 32 << 20, soft_bytes: 8 << 20, soft_seconds: 60 },
    };
}

impl Value for OutputBufferLimits {
    fn assign(&mut self, words: &[String], _: Kind) -> Result<(), String> {
        let words = if matches!(words, [word] if word.is_empty()) { &[] } else { words };
        if !words.len().is_multiple_of(4) {
            return Err("Wrong number of arguments in buffer limit configuration.".into());
        }
        let mut changed = *self;
        for quadruple in words.chunks_exact(4) {
            let class = match quadruple[0].to_ascii_lowercase().as_str() {
                "normal" => &mut changed.normal,
                "slave" | "replica" => &mut changed.replica,
                "pubsub" => &mut changed.pubsub,
                _ => return Err("Invalid client class specified in buffer limit configuration.".into()),
            };
            let seconds = quadruple[3].parse::<i32>().ok().and_then(|seconds| u64::try_from(seconds).ok());
            let (hard, soft) = (parse_memory(&quadruple[1]), parse_memory(&quadruple[2]));
            let (Some(hard_bytes), Some(soft_bytes), Some(soft_seconds)) = (hard, soft, seconds) else {
                return Err(
                    "Error in hard, soft or soft_seconds setting in buffer limit configuration.".into()
                );
            };
            *class = OutputBufferLimit { hard_bytes, soft_bytes, soft_seconds };
        }
        *self = changed;
        Ok(())
    }

    fn text(&self, kind: Kind) -> String {
        self.lines(kind).join(" ")
    }

    fn lines(&self, _: Kind) -> Vec<String> {
        [("normal", self.normal), ("slave", self.replica), ("pubsub", self.pubsub)]
            .map(|(name, limit)| {
                format!("{name} {} {} {}", limit.hard_bytes, limit.soft_bytes, limit.soft_seconds)
            })
            .into()
    }
}

/// Percentiles, from 0 to 100.
impl Value for Vec<f64> {
    fn assign(&mut self, words: &[String], _: Kind) -> Result<(), String> {
        let words = if matches!(words, [word] if word.is_empty()) { &[] } else { words };
        let mut percentiles = Vec::with_capacity(words.len());
        for word in words {
            let number = word.parse::<f64>().ok().filter(|number| !number.is_nan());
            let number = number.ok_or("Invalid latency-tracking-info-percentiles parameters")?;
            if !(0.0..=100.0).contains(&number) {
                return Err(
                    "latency-tracking-info-percentiles parameters should sit between [0.0,100.0]".into()
                );
            }
            percentiles.push(number);
        }
        *self = percentiles;
        Ok(())
    }

    fn text(&self, _: Kind) -> String {
        self.iter().map(f64::to_string).collect::<Vec<_>>().join(" ")
    }

    fn lines(&self, kind: Kind) -> Vec<String> {
        vec![if self.is_empty() { "\"\"".into() } else { self.text(kind) }]
    }
}

/// The classes of keyspace events that are published, a set of bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct KeyspaceEvents(pub u32);

impl KeyspaceEvents {
    /// `K`: on the key's channel.
    pub const KEYSPACE: u32 = 1 << 0;
    /// `E`: on the event's channel.
    pub const KEYEVENT: u32 = 1 << 1;
    pub const GENERIC: u32 = 1 << 2;
    pub const STRING: u32 = 1 << 3;
    pub const LIST: u32 = 1 << 4;
    pub const SET: u32 = 1 << 5;
    pub const HASH: u32 = 1 << 6;
    pub const ZSET: u32 = 1 << 7;
    pub const EXPIRED: u32 = 1 << 8;
    pub const EVICTED: u32 = 1 << 9;
    pub const STREAM: u32 = 1 << 10;
    pub const KEY_MISS: u32 = 1 << 11;
    pub const MODULE: u32 = 1 << 13;
    pub const NEW: u32 = 1 << 14;
    pub const ARRAY: u32 = 1 << 12;
    pub const OVERWRITTEN: u32 = 1 << 15;
    pub const TYPE_CHANGED: u32 = 1 << 16;
    /// `A`: every class but those of misses, of new keys and of keys that are overwritten.
    pub const ALL: u32 = Self::GENERIC
        | Self::STRING
        | Self::LIST
        | Self::SET
        | Self::HASH
        | Self::ZSET
        | Self::EXPIRED
        | Self::EVICTED
        | Self::STREAM
        | Self::MODULE
        | Self::ARRAY;

    /// In the order in which `CONFIG GET` writes them.
    const LETTERS: [(u32, char); 17] = [
        (Self::GENERIC, 'g'),
        (Self::STRING, '$'),
        (Self::LIST, 'l'),
        (Self::SET, 's'),
        (Self::HASH, 'h'),
        (Self::ZSET, 'z'),
        (Self::EXPIRED, 'x'),
        (Self::EVICTED, 'e'),
        (Self::STREAM, 't'),
        (Self::MODULE, 'd'),
        (Self::ARRAY, 'a'),
        (Self::NEW, 'n'),
        (Self::OVERWRITTEN, 'o'),
        (Self::TYPE_CHANGED, 'c'),
        (Self::KEYSPACE, 'K'),
        (Self::KEYEVENT, 'E'),
        (Self::KEY_MISS, 'm'),
    ];

    /// Not written beside `A`, as Redis does not either.
    const UNWRITTEN_BESIDE_ALL: u32 = Self::ALL | Self::NEW | Self::OVERWRITTEN | Self::TYPE_CHANGED;

    /// Whether any of these classes is on.
    pub fn any(self, classes: u32) -> bool {
        self.0 & classes != 0
    }
}

impl Value for KeyspaceEvents {
    fn assign(&mut self, words: &[String], _: Kind) -> Result<(), String> {
        let mut classes = 0;
        for letter in single(words)?.chars() {
            classes |= match Self::LETTERS.iter().find(|(_, known)| *known == letter) {
                Some((class, _)) => *class,
                None if letter == 'A' => Self::ALL,
                None => return Err("Invalid event class character. Use 'Ag$lshzxeKEtmdn'.".into()),
            };
        }
        self.0 = classes;
        Ok(())
    }

    fn text(&self, _: Kind) -> String {
        let all = self.0 & Self::ALL == Self::ALL;
        let shortened = if all { Self::UNWRITTEN_BESIDE_ALL } else { 0 };
        let letters = Self::LETTERS.iter().filter(|(class, _)| self.0 & !shortened & class != 0);
        all.then_some('A').into_iter().chain(letters.map(|(_, letter)| *letter)).collect()
    }
}

/// What SIGINT and SIGTERM do, in SHUTDOWN's options.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ShutdownOn {
    pub save: bool,
    pub nosave: bool,
    pub now: bool,
    pub force: bool,
}

impl ShutdownOn {
    /// The names of the options.
    pub const NAMES: &'static [&'static str] = &["default", "save", "nosave", "now", "force"];
}

impl Value for ShutdownOn {
    fn assign(&mut self, words: &[String], _: Kind) -> Result<(), String> {
        let mut options = ShutdownOn::default();
        for word in words {
            match word.to_ascii_lowercase().as_str() {
                "default" => {}
                "save" => options.save = true,
                "nosave" => options.nosave = true,
                "now" => options.now = true,
                "force" => options.force = true,
                _ => return Err(not_among(Self::NAMES)),
            }
        }
        if options.save && options.nosave {
            return Err("shutdown options SAVE and NOSAVE can't be used simultaneously".into());
        }
        *self = options;
        Ok(())
    }

    fn text(&self, _: Kind) -> String {
        let options =
            [(self.save, "save"), (self.nosave, "nosave"), (self.now, "now"), (self.force, "force")];
        let names: Vec<&str> = options.iter().filter(|(on, _)| *on).map(|(_, name)| *name).collect();
        if names.is_empty() { "default".into() } else { names.join(" ") }
    }

    fn lines(&self, kind: Kind) -> Vec<String> {
        vec![self.text(kind)]
    }
}

/// Out-of-memory scores: of the master, of replicas, of background children.
impl Value for [i32; 3] {
    fn assign(&mut self, words: &[String], _: Kind) -> Result<(), String> {
        let [master, replica, child] = words else { return Err("wrong number of arguments".into()) };
        let mut scores = [0; 3];
        for (score, word) in scores.iter_mut().zip([master, replica, child]) {
            let number = word.parse::<i32>().ok().filter(|number| (-2000..=2000).contains(number));
            *score =
                number.ok_or("Invalid oom-score-adj-values, elements must be between -2000 and 2000.")?;
        }
        *self = scores;
        Ok(())
    }

    fn text(&self, _: Kind) -> String {
        format!("{} {} {}", self[0], self[1], self[2])
    }

    fn lines(&self, kind: Kind) -> Vec<String> {
        vec![self.text(kind)]
    }
}
