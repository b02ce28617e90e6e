//! What can go wrong: for storage, and for whoever sent a command. Redis' texts live here alone.

use std::borrow::Cow;

/// Why an engine could not do what it was asked.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StorageError {
    /// The answer is not in memory and the caller asked not to wait for the disk.
    #[error("the read needs the disk")]
    NeedsDisk,
    /// Another process has the data directory open.
    #[error("data directory {0} is in use by another process")]
    Locked(String),
    /// The data was written by a version of DiskDB this one does not know.
    #[error("data format {found} is newer than {supported}, the newest this version of DiskDB reads")]
    NewerFormat { found: u32, supported: u32 },
    /// Stored bytes do not make sense; the text names the file where it is known.
    #[error("corruption: {0}")]
    Corruption(String),
    /// The disk has no room.
    #[error("no space left on device: {0}")]
    NoSpace(String),
    /// Anything else the engine or the operating system reported.
    #[error("{0}")]
    Io(String),
}

/// What every engine operation returns.
pub type StorageResult<T> = std::result::Result<T, StorageError>;

/// Why a command failed. `Display` is the text of the reply, code first, as Redis words it.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    #[error("WRONGTYPE Operation against a key holding the wrong kind of value")]
    WrongType,
    #[error("ERR syntax error")]
    Syntax,
    #[error("ERR no such key")]
    NoSuchKey,
    #[error("ERR value is not an integer or out of range")]
    NotInteger,
    #[error("ERR value is not a valid float")]
    NotFloat,
    #[error("ERR value is out of range")]
    OutOfRange,
    #[error("ERR value is out of range, must be positive")]
    NotPositive,
    #[error("ERR index out of range")]
    IndexOutOfRange,
    #[error("ERR string exceeds maximum allowed size (proto-max-bulk-len)")]
    StringTooLong,
    #[error("ERR increment or decrement would overflow")]
    IncrementOverflow,
    #[error("ERR invalid expire time in '{0}' command")]
    InvalidExpire(String),
    #[error("ERR wrong number of arguments for '{0}' command")]
    Arity(String),
    #[error("ERR unknown command '{name}', with args beginning with: {args}")]
    UnknownCommand { name: String, args: String },
    #[error("ERR unknown subcommand '{subcommand}'. Try {command} HELP.")]
    UnknownSubcommand { subcommand: String, command: String },
    #[error("ERR DB index is out of range")]
    DbOutOfRange,
    #[error("NOAUTH Authentication required.")]
    NoAuth,
    #[error("WRONGPASS invalid username-password pair or user is disabled.")]
    WrongPass,
    /// `CLIENT PAUSE` holds the command back until then, ms since the Unix epoch, or until the pause
    /// is ended: run it again. Nothing has happened. Never reaches a client.
    #[error("ERR the command is paused")]
    Paused { until_ms: u64 },
    /// The command waits for something, until then, ms since the Unix epoch, or for ever: run it again
    /// when the wait has ended, and let the session know how. Nothing has happened. Never reaches a
    /// client.
    #[error("ERR the command is blocked")]
    Blocked { until_ms: Option<u64> },
    /// Clients that waited for one of the command's keys are to be served before it runs. Nothing has
    /// happened. Never reaches a client.
    #[error("ERR other clients come first")]
    WaitersFirst,
    /// A transaction has come upon a key that somebody else has locked: it is to be run again, with that
    /// key locked from the beginning. Nothing has happened. Never reaches a client.
    #[error("ERR somebody else has the key")]
    KeysBusy,
    #[error("UNBLOCKED client unblocked via CLIENT UNBLOCK")]
    Unblocked,
    #[error(
        "MISCONF Errors writing to disk: {0}. Commands that may modify the data set are refused; reads go on."
    )]
    NotWritable(String),
    /// A script runs longer than `busy-reply-threshold` allows; with whose KILL it can be ended.
    #[error("BUSY Redis is busy running a script. You can only call {0} KILL or SHUTDOWN NOSAVE.")]
    Busy(&'static str),
    /// The answer is not in memory, or somebody else has the key for long; run the command again where
    /// waiting is allowed. Never reaches a client.
    #[error("ERR the read needs the disk")]
    NeedsDisk,
    #[error("ERR storage: {0}")]
    Storage(StorageError),
    /// A text used by one command only, code included.
    #[error("{0}")]
    Text(Cow<'static, str>),
}

/// What every command returns.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// An error with the generic code `ERR`.
    pub fn err(text: impl std::fmt::Display) -> Error {
        Error::Text(Cow::Owned(format!("ERR {text}")))
    }

    /// An error whose whole text, code included, is known when the program is written.
    pub const fn text(text: &'static str) -> Error {
        Error::Text(Cow::Borrowed(text))
    }
}

impl Error {
    /// Whether stored bytes make no sense.
    pub fn is_corruption(&self) -> bool {
        matches!(self, Error::Storage(StorageError::Corruption(_)))
    }

    /// Whether the command has not run, and is to be run again; the client never hears of it.
    pub fn asks_again(&self) -> bool {
        matches!(self, Error::NeedsDisk | Error::Paused { .. } | Error::Blocked { .. })
    }

    /// Whether the transaction that the command is a part of is to be run again, here or elsewhere;
    /// the client never hears of it.
    pub fn restarts(&self) -> bool {
        self.asks_again() || matches!(self, Error::WaitersFirst | Error::KeysBusy)
    }
}

impl From<StorageError> for Error {
    fn from(error: StorageError) -> Error {
        match error {
            StorageError::NeedsDisk => Error::NeedsDisk,
            StorageError::NoSpace(reason) => Error::NotWritable(reason),
            error => Error::Storage(error),
        }
    }
}
