//! Typed keys and values ⇄ bytes. Pure: no clock, no engine. `docs/format.md` shows the same tables
//! in words; the golden tests beside each codec hold them still.

pub mod databases;
pub mod functions;
pub mod glob;
pub mod intset;
pub mod keys;
pub mod listpack;
pub mod long_double;
pub mod lzf;
pub mod meta;
pub mod numbers;
pub mod packed;
pub mod posix;
pub mod rdb;
pub mod stream_id;
pub mod text;
pub mod varint;
pub mod ziplist;
pub mod zipmap;

/// Stored bytes that do not decode.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("stored {what} does not decode")]
pub struct DecodeError {
    /// What was being decoded.
    pub what: &'static str,
}

/// What every decoder returns.
pub type DecodeResult<T> = Result<T, DecodeError>;

impl From<DecodeError> for crate::error::Error {
    fn from(error: DecodeError) -> crate::error::Error {
        crate::error::StorageError::Corruption(error.to_string()).into()
    }
}
