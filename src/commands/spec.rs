//! What is known of a command before it runs: its name, arity, keys, flags, documentation.

use super::keys::FindKeys;

/// How many words a command takes, its own name (and its container's) included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arity {
    Exactly(u32),
    AtLeast(u32),
}

impl Arity {
    /// Whether `words` are as many as there must be.
    pub fn allows(self, words: usize) -> bool {
        match self {
            Arity::Exactly(count) => words == count as usize,
            Arity::AtLeast(count) => words >= count as usize,
        }
    }

    /// As `COMMAND INFO` shows it: negative for a minimum.
    pub fn number(self) -> i64 {
        match self {
            Arity::Exactly(count) => count.into(),
            Arity::AtLeast(count) => -i64::from(count),
        }
    }
}

/// A set of flags, `COMMAND INFO`'s third field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Flags(pub u32);

macro_rules! bits {
    ($type:ident: $($constant:ident = $bit:literal $name:literal),+ $(,)?) => {
        impl $type {
            $(pub const $constant: $type = $type(1 << $bit);)+

            /// Every bit with the name Redis gives it.
            pub const NAMES: &'static [($type, &'static str)] = &[$(($type::$constant, $name)),+];

            /// No bit at all.
            pub const NONE: $type = $type(0);

            /// Both sets together.
            pub const fn and(self, other: $type) -> $type {
                $type(self.0 | other.0)
            }

            /// Whether every bit of `other` is in the set.
            pub const fn has(self, other: $type) -> bool {
                self.0 & other.0 == other.0
            }

            /// The names of the bits in the set.
            pub fn names(self) -> impl Iterator<Item = &'static str> {
                Self::NAMES.iter().filter(move |(bit, _)| self.has(*bit)).map(|(_, name)| *name)
            }
        }
    };
}

bits! { Flags:
    WRITE = 0 "write",
    READONLY = 1 "readonly",
    DENYOOM = 2 "denyoom",
    ADMIN = 3 "admin",
    PUBSUB = 4 "pubsub",
    NOSCRIPT = 5 "noscript",
    BLOCKING = 6 "blocking",
    LOADING = 7 "loading",
    STALE = 8 "stale",
    SKIP_MONITOR = 9 "skip_monitor",
    SKIP_SLOWLOG = 10 "skip_slowlog",
    ASKING = 11 "asking",
    FAST = 12 "fast",
    NO_AUTH = 13 "no_auth",
    NO_ASYNC_LOADING = 14 "no_async_loading",
    NO_MULTI = 15 "no_multi",
    NO_MANDATORY_KEYS = 16 "no_mandatory_keys",
    ALLOW_BUSY = 17 "allow_busy",
    MOVABLEKEYS = 18 "movablekeys",
    MAY_REPLICATE = 19 "may_replicate",
    PROTECTED = 20 "protected",
    TOUCHES_ARBITRARY_KEYS = 21 "touches_arbitrary_keys",
    SCRIPT_RUNNER = 22 "script_runner",
}

/// A set of ACL categories.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Categories(pub u32);

bits! { Categories:
    KEYSPACE = 0 "keyspace",
    READ = 1 "read",
    WRITE = 2 "write",
    SET = 3 "set",
    SORTEDSET = 4 "sortedset",
    LIST = 5 "list",
    HASH = 6 "hash",
    STRING = 7 "string",
    BITMAP = 8 "bitmap",
    HYPERLOGLOG = 9 "hyperloglog",
    GEO = 10 "geo",
    STREAM = 11 "stream",
    PUBSUB = 12 "pubsub",
    ADMIN = 13 "admin",
    FAST = 14 "fast",
    SLOW = 15 "slow",
    BLOCKING = 16 "blocking",
    DANGEROUS = 17 "dangerous",
    CONNECTION = 18 "connection",
    TRANSACTION = 19 "transaction",
    SCRIPTING = 20 "scripting",
    JSON = 21 "json",
    ARRAY = 22 "array",
}

/// The family a command belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    Generic,
    String,
    Bitmap,
    HyperLogLog,
    Hash,
    Set,
    List,
    SortedSet,
    Stream,
    Geo,
    Array,
    Connection,
    Server,
    Transactions,
    PubSub,
    Scripting,
}

impl Group {
    /// The name that `COMMAND DOCS` gives the family.
    pub fn name(self) -> &'static str {
        match self {
            Group::Generic => "generic",
            Group::String => "string",
            Group::Bitmap => "bitmap",
            Group::HyperLogLog => "hyperloglog",
            Group::Hash => "hash",
            Group::Set => "set",
            Group::List => "list",
            Group::SortedSet => "sorted-set",
            Group::Stream => "stream",
            Group::Geo => "geo",
            Group::Array => "array",
            Group::Connection => "connection",
            Group::Server => "server",
            Group::Transactions => "transactions",
            Group::PubSub => "pubsub",
            Group::Scripting => "scripting",
        }
    }

    /// The ACL category that every command of the family is in.
    const fn category(self) -> Categories {
        match self {
            Group::Generic => Categories::KEYSPACE,
            Group::String => Categories::STRING,
            Group::Bitmap => Categories::BITMAP,
            Group::HyperLogLog => Categories::HYPERLOGLOG,
            Group::Hash => Categories::HASH,
            Group::Set => Categories::SET,
            Group::List => Categories::LIST,
            Group::SortedSet => Categories::SORTEDSET,
            Group::Stream => Categories::STREAM,
            Group::Geo => Categories::GEO,
            Group::Array => Categories::ARRAY,
            Group::Connection => Categories::CONNECTION,
            Group::Server | Group::PubSub => Categories::NONE,
            Group::Transactions => Categories::TRANSACTION,
            Group::Scripting => Categories::SCRIPTING,
        }
    }
}

/// Where a command's keys begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Begin {
    /// At this word; the command's name is 0.
    Index(i32),
    /// After this keyword, searched from this word on (negative: from the end, backwards).
    Keyword(&'static str, i32),
    Unknown,
}

/// How the keys are found from there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Find {
    /// `last` relative to the beginning (negative: from the end), `step` apart; `limit` > 1 means
    /// only the first `1/limit` of the rest.
    Range {
        last: i32,
        step: i32,
        limit: i32,
    },
    /// The word at `number` (relative) says how many keys there are; the first is at `first`.
    Number {
        number: i32,
        first: i32,
        step: i32,
    },
    Unknown,
}

/// What a command does with a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct KeyFlags(pub u32);

bits! { KeyFlags:
    RO = 0 "RO",
    RW = 1 "RW",
    OW = 2 "OW",
    RM = 3 "RM",
    ACCESS = 4 "access",
    UPDATE = 5 "update",
    INSERT = 6 "insert",
    DELETE = 7 "delete",
    NOT_KEY = 8 "not_key",
    INCOMPLETE = 9 "incomplete",
    VARIABLE = 10 "variable_flags",
}

/// One run of keys among a command's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeySpec {
    pub begin: Begin,
    pub find: Find,
    pub flags: KeyFlags,
}

impl KeySpec {
    /// One key at word `index`.
    pub const fn at(index: i32, flags: KeyFlags) -> KeySpec {
        KeySpec::range(index, 0, 1, flags)
    }

    /// Keys from word `first` on, `step` apart, up to `last` words further (negative: from the end).
    pub const fn range(first: i32, last: i32, step: i32, flags: KeyFlags) -> KeySpec {
        KeySpec { begin: Begin::Index(first), find: Find::Range { last, step, limit: 0 }, flags }
    }

    /// As many keys as word `index` says, right behind it.
    pub const fn counted(index: i32, flags: KeyFlags) -> KeySpec {
        KeySpec { begin: Begin::Index(index), find: Find::Number { number: 0, first: 1, step: 1 }, flags }
    }
}

/// Everything about a command that is not what it does.
#[derive(Debug, Clone, Copy)]
pub struct Spec {
    /// In capitals; a subcommand's is `CONTAINER|SUBCOMMAND`.
    pub name: &'static str,
    pub group: Group,
    pub arity: Arity,
    pub keys: &'static [KeySpec],
    /// Finds the keys where `keys` cannot say it.
    pub find_keys: Option<FindKeys>,
    pub flags: Flags,
    /// ACL categories beyond those that follow from family, registration and flags.
    pub extra_categories: Categories,
    /// Categories of the family that the command is not in, against the rule.
    pub without_categories: Categories,
    /// The arguments, in the notation of Redis' documentation.
    pub syntax: &'static str,
    /// The Redis version that brought it; `diskdb` for our own.
    pub since: &'static str,
    /// The Redis version since which another command does it better, and which.
    pub deprecated: Option<(&'static str, &'static str)>,
    /// Redis' hints to clients (`nondeterministic_output`, `request_policy:all_shards`).
    pub tips: &'static [&'static str],
    pub complexity: &'static str,
    pub summary: &'static str,
}

impl Spec {
    /// A command with neither keys nor flags nor documentation yet.
    pub const fn new(name: &'static str, group: Group, arity: Arity) -> Spec {
        Spec {
            name,
            group,
            arity,
            keys: &[],
            find_keys: None,
            flags: Flags::NONE,
            extra_categories: Categories::NONE,
            without_categories: Categories::NONE,
            syntax: "",
            since: "",
            deprecated: None,
            tips: &[],
            complexity: "",
            summary: "",
        }
    }

    /// Sets where the keys are.
    pub const fn keys(self, keys: &'static [KeySpec]) -> Spec {
        Spec { keys, ..self }
    }

    /// Sets what finds the keys of a call where the key specs cannot express it.
    pub const fn find_keys(self, find_keys: FindKeys) -> Spec {
        Spec { find_keys: Some(find_keys), ..self }
    }

    /// Adds flags. WRITE and READONLY follow from how the command is registered.
    pub const fn flags(self, flags: Flags) -> Spec {
        Spec { flags: self.flags.and(flags), ..self }
    }

    /// Adds ACL categories.
    pub const fn categories(self, categories: Categories) -> Spec {
        Spec { extra_categories: categories, ..self }
    }

    /// Takes the command out of ACL categories it would be in by rule.
    pub const fn without(self, categories: Categories) -> Spec {
        Spec { without_categories: categories, ..self }
    }

    /// Sets the arguments, in the notation of Redis' documentation.
    pub const fn syntax(self, syntax: &'static str) -> Spec {
        Spec { syntax, ..self }
    }

    /// Sets the documentation.
    pub const fn doc(self, since: &'static str, complexity: &'static str, summary: &'static str) -> Spec {
        Spec { since, complexity, summary, ..self }
    }

    /// Sets since when the command is deprecated, and what replaces it.
    pub const fn deprecated(self, since: &'static str, replaced_by: &'static str) -> Spec {
        Spec { deprecated: Some((since, replaced_by)), ..self }
    }

    /// Sets the hints to clients, in Redis' words.
    pub const fn tips(self, tips: &'static [&'static str]) -> Spec {
        Spec { tips, ..self }
    }

    /// Every ACL category the command is in.
    pub const fn acl_categories(&self) -> Categories {
        let flags = self.flags;
        let mut all = self.group.category().and(self.extra_categories);
        all = all.and(if flags.has(Flags::FAST) { Categories::FAST } else { Categories::SLOW });
        if flags.has(Flags::WRITE) {
            all = all.and(Categories::WRITE);
        }
        if flags.has(Flags::READONLY) {
            all = all.and(Categories::READ);
        }
        if flags.has(Flags::ADMIN) {
            all = all.and(Categories::ADMIN).and(Categories::DANGEROUS);
        }
        if flags.has(Flags::PUBSUB) {
            all = all.and(Categories::PUBSUB);
        }
        if flags.has(Flags::BLOCKING) {
            all = all.and(Categories::BLOCKING);
        }
        Categories(all.0 & !self.without_categories.0)
    }
}
