//! What a client sends, once it is complete; and what is wrong with it, if it never will be.

use bytes::Bytes;
use smallvec::SmallVec;

/// The words of a request, slices of the read buffer. Whoever keeps one for longer than the command
/// runs copies it: it holds on to the whole request.
pub type Words = SmallVec<[Bytes; 4]>;

/// One complete request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The command's name and its arguments; at least one.
    pub words: Words,
    /// How long the request was on the wire.
    pub wire_bytes: usize,
}

/// What a client may send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one word (`proto-max-bulk-len`).
    pub max_bulk_bytes: usize,
    /// Bytes of one request, headers included (`client-query-buffer-limit`).
    pub max_request_bytes: usize,
    /// Whether the client has authenticated, or need not; others may send few and short words.
    pub authenticated: bool,
}

impl Limits {
    /// Bytes of an inline request, and of a line that announces a length.
    pub const LINE_BYTES: usize = 64 * 1024;
    /// Words of a request.
    pub const WORDS: i64 = i32::MAX as i64;
    /// Words of a request before authentication.
    pub const UNAUTHENTICATED_WORDS: i64 = 10;
    /// Bytes of a word before authentication.
    pub const UNAUTHENTICATED_BULK_BYTES: i64 = 16 * 1024;
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { max_bulk_bytes: 512 << 20, max_request_bytes: 1 << 30, authenticated: true }
    }
}

/// Why a client's bytes can't be understood. The connection is closed after it; `Display` is the
/// whole text of the error reply, but see [`ProtocolError::is_silent`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProtocolError {
    #[error("ERR Protocol error: too big inline request")]
    InlineTooLong,
    #[error("ERR Protocol error: unbalanced quotes in request")]
    UnbalancedQuotes,
    #[error("ERR Protocol error: too big mbulk count string")]
    CountLineTooLong,
    #[error("ERR Protocol error: invalid multibulk length")]
    InvalidCount,
    #[error("ERR Protocol error: unauthenticated multibulk length")]
    UnauthenticatedCount,
    #[error("ERR Protocol error: too big bulk count string")]
    BulkLineTooLong,
    #[error("ERR Protocol error: expected '$', got '{}'", char::from(*.0))]
    ExpectedBulk(u8),
    #[error("ERR Protocol error: invalid bulk length")]
    InvalidBulk,
    #[error("ERR Protocol error: unauthenticated bulk length")]
    UnauthenticatedBulk,
    /// The request is longer than [`Limits::max_request_bytes`].
    #[error("ERR Protocol error: the request is longer than client-query-buffer-limit")]
    RequestTooLong,
    /// A web browser was tricked into talking to us (`POST`, `Host:`).
    #[error("ERR Protocol error: this is no HTTP server")]
    CrossProtocol,
}

impl ProtocolError {
    /// Whether the connection is closed without a word, as Redis does: what the client asked before
    /// stays unanswered too.
    pub fn is_silent(self) -> bool {
        matches!(self, ProtocolError::RequestTooLong | ProtocolError::CrossProtocol)
    }
}
