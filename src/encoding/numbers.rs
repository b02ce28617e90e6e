//! Every number that reaches the disk, in one table. It only grows: a number, once released, keeps
//! its meaning for ever. (The numbers of the spaces stand in `storage::Space`.)

use super::{DecodeError, DecodeResult};

/// The version of the whole format. A newer one on disk is refused.
pub const FORMAT_VERSION: u32 = 1;

/// The Redis type of a key: the first byte of its header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Kind {
    String = 1,
    List = 2,
    Hash = 3,
    Set = 4,
    SortedSet = 5,
    Stream = 6,
    Json = 7,
    Array = 8,
}

impl Kind {
    /// Every kind there is.
    pub const ALL: [Kind; 8] = [
        Kind::String,
        Kind::List,
        Kind::Hash,
        Kind::Set,
        Kind::SortedSet,
        Kind::Stream,
        Kind::Json,
        Kind::Array,
    ];

    /// The name that `TYPE` and `SCAN ... TYPE` use.
    pub fn name(self) -> &'static str {
        match self {
            Kind::String => "string",
            Kind::List => "list",
            Kind::Hash => "hash",
            Kind::Set => "set",
            Kind::SortedSet => "zset",
            Kind::Stream => "stream",
            Kind::Json => "ReJSON-RL",
            Kind::Array => "array",
        }
    }

    /// The kind with this number.
    ///
    /// # Errors
    /// When no kind has it.
    pub fn from_number(number: u8) -> DecodeResult<Kind> {
        Kind::ALL.into_iter().find(|kind| *kind as u8 == number).ok_or(DecodeError { what: "type tag" })
    }
}

/// Bits of a header's second byte.
pub mod flag {
    /// The header holds a deadline.
    pub const EXPIRES: u8 = 1 << 0;
    /// The value lies outside the header: the header holds a version and a length.
    pub const OUTSIDE: u8 = 1 << 1;
    /// A string that was changed in place, which Redis would keep as `raw` whatever its length.
    pub const RAW: u8 = 1 << 2;
    /// Every bit that has a meaning.
    pub const KNOWN: u8 = EXPIRES | OUTSIDE | RAW;
}

/// Bits of what a function says of itself.
pub mod function_flag {
    pub const NO_WRITES: u8 = 1 << 0;
    pub const ALLOW_OOM: u8 = 1 << 1;
    pub const ALLOW_STALE: u8 = 1 << 2;
    pub const NO_CLUSTER: u8 = 1 << 3;
    pub const ALLOW_CROSS_SLOT_KEYS: u8 = 1 << 4;
    /// Every bit that has a meaning.
    pub const KNOWN: u8 = NO_WRITES | ALLOW_OOM | ALLOW_STALE | NO_CLUSTER | ALLOW_CROSS_SLOT_KEYS;
}

/// Bytes per chunk of a large string. A string up to this long lies in its header.
pub const CHUNK_BYTES: usize = 16 * 1024;

/// Bytes of the longest string: chunks are numbered by 32 bits.
pub const MAX_STRING_BYTES: u64 = CHUNK_BYTES as u64 * u32::MAX as u64;

/// Keys of the database's records about itself, in `Space::System`.
pub mod system_key {
    /// The format version: 4 bytes, big-endian.
    pub const FORMAT: &[u8] = b"format";
    /// How often the database was opened: 4 bytes, big-endian.
    pub const OPENED: &[u8] = b"opened";
    /// Which namespace each logical database uses.
    pub const DATABASES: &[u8] = b"databases";
    /// + namespace: the number of keys, a counter.
    pub const KEY_COUNT: &[u8] = b"keys:";
    /// + namespace: the number of keys with a deadline, a counter.
    pub const EXPIRES_COUNT: &[u8] = b"expires:";
    /// + namespace: the number of hashes with fields that have a deadline, a counter.
    pub const SUBEXPIRES_COUNT: &[u8] = b"subexpires:";
    /// + namespace: what a flushed database left behind, until it is swept.
    pub const GARBAGE: &[u8] = b"garbage:";
    /// + namespace and version: what was written of a large value before its header, until that is there.
    pub const STAGED: &[u8] = b"staged:";
    /// + name: a library of functions.
    pub const FUNCTIONS: &[u8] = b"functions:";
}
