//! DiskDB: a multi-type, Redis-compatible, persistent database.
//!
//! The direction of use is `main → server → api → commands → {data_types, scripting, session,
//! instance} → keyspace → encoding → storage → {error, clock}`; `config` and `protocol` know `words` alone. The
//! test `tests/layering.rs` holds the code to it. `docs/architecture.md` tells the story.

#![cfg_attr(not(test), warn(clippy::disallowed_methods, clippy::unwrap_used, clippy::expect_used))]

pub mod api;
#[cfg(feature = "server")]
pub mod cli;
pub mod clock;
pub mod commands;
pub mod config;
pub mod data_types;
pub mod encoding;
pub mod error;
pub mod instance;
pub mod keyspace;
pub mod protocol;
#[cfg(feature = "lua")]
pub mod scripting;
#[cfg(feature = "server")]
pub mod server;
pub mod session;
pub mod storage;
pub mod words;

/// The version of DiskDB.
pub const DISKDB_VERSION: &str = env!("CARGO_PKG_VERSION");

/// The version of Redis that clients are told, whose commands we have.
pub const REDIS_VERSION: &str = "8.10.0";
