//! Bytes ⇄ values of the protocols; no sockets, no knowledge of commands.

pub mod message;
pub mod number;
pub mod parse;
pub mod reply;
pub mod request;
pub mod strings;
mod text;
pub mod write;

pub use message::Message;
pub use number::{put_double, put_general};
pub use parse::RequestParser;
pub use reply::{Reply, fields};
pub use request::{Limits, ProtocolError, Request, Words};
pub use strings::{Shape, Strings, StringsBuilder};
pub use write::{Mark, ReplyBuffer};

/// The dialect a client is answered in. Requests need none: RESP arrays and plain lines are told
/// apart by their first byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    Resp2,
    Resp3,
    /// Plain lines for people, on the text port; see `text.rs` for what they look like.
    Text,
}
