//! Bytes ⇄ values of the protocols; no sockets, no knowledge of commands.

pub mod reply;

pub use reply::Reply;
