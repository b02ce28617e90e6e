//! What a command answers, before it is written in one of the protocols.

use super::strings::Strings;
use bytes::Bytes;
use std::borrow::Cow;

/// A reply, in the types of RESP3. Writing it in RESP2 flattens what RESP2 lacks.
#[derive(Debug, Clone, PartialEq)]
pub enum Reply {
    /// `+OK`.
    Ok,
    Simple(Cow<'static, str>),
    /// The whole text, code first.
    Error(Cow<'static, str>),
    Integer(i64),
    Bulk(Bytes),
    /// One bulk string, in pieces: a large value as it lies in storage.
    Chunks(Vec<Bytes>),
    /// RESP3 `_`, RESP2 `$-1`.
    Null,
    /// RESP3 `_`, RESP2 `*-1`.
    NullArray,
    Array(Vec<Reply>),
    /// An array, a map or a set of nothing but bulk strings. Programs that embed DiskDB get it unpacked.
    Strings(Strings),
    /// RESP2: a flat array.
    Map(Vec<(Reply, Reply)>),
    /// RESP3: an array of arrays of two. RESP2: a flat array.
    Pairs(Vec<(Reply, Reply)>),
    /// RESP3: a map. RESP2: an array of arrays of two.
    Table(Vec<(Reply, Reply)>),
    /// RESP2: an array.
    Set(Vec<Reply>),
    /// RESP2: a bulk string.
    Double(f64),
    /// A floating-point number by its text, for what 64 bits would spoil. RESP2: a bulk string.
    Decimal(String),
    /// RESP2: 1 or 0.
    Boolean(bool),
    /// RESP2: a bulk string.
    BigNumber(String),
    /// Text with a three-letter format. RESP2: a bulk string.
    Verbatim(&'static str, Bytes),
    /// Out of band. RESP2: an array.
    Push(Vec<Reply>),
    /// What is to be known about the reply that follows. RESP2: nothing.
    Attributes(Vec<(Reply, Reply)>),
    /// One after the other: what comes out of band, and then the reply proper.
    Sequence(Vec<Reply>),
    /// No reply at all (`CLIENT REPLY OFF`).
    Silence,
}

impl Reply {
    /// A bulk string.
    pub fn bulk(bytes: impl Into<Bytes>) -> Reply {
        Reply::Bulk(bytes.into())
    }

    /// A bulk string of fixed text.
    pub const fn text(text: &'static str) -> Reply {
        Reply::Bulk(Bytes::from_static(text.as_bytes()))
    }
}

/// The pairs of a map whose keys are fixed text.
pub fn fields<const N: usize>(fields: [(&'static str, Reply); N]) -> Vec<(Reply, Reply)> {
    fields.map(|(name, value)| (Reply::text(name), value)).into()
}

impl From<()> for Reply {
    fn from((): ()) -> Reply {
        Reply::Ok
    }
}

impl From<i64> for Reply {
    fn from(number: i64) -> Reply {
        Reply::Integer(number)
    }
}

/// What no client could read is the largest number that it can.
impl From<u64> for Reply {
    fn from(number: u64) -> Reply {
        Reply::Integer(i64::try_from(number).unwrap_or(i64::MAX))
    }
}

impl From<usize> for Reply {
    fn from(number: usize) -> Reply {
        Reply::from(number as u64)
    }
}

/// As Redis has always answered yes and no: 1 and 0.
impl From<bool> for Reply {
    fn from(yes: bool) -> Reply {
        Reply::Integer(yes.into())
    }
}

impl From<Bytes> for Reply {
    fn from(bytes: Bytes) -> Reply {
        Reply::Bulk(bytes)
    }
}

impl From<String> for Reply {
    fn from(text: String) -> Reply {
        Reply::Bulk(text.into())
    }
}

impl<T: Into<Reply>> From<Option<T>> for Reply {
    fn from(value: Option<T>) -> Reply {
        value.map_or(Reply::Null, Into::into)
    }
}

impl<T: Into<Reply>> From<Vec<T>> for Reply {
    fn from(values: Vec<T>) -> Reply {
        Reply::Array(values.into_iter().map(Into::into).collect())
    }
}
