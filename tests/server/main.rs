//! The server over real sockets, on the memory engine.

mod blocking;
mod control;
mod engine;
#[path = "../common/faulty_engine.rs"]
mod faulty_engine;
mod limits;
mod listeners;
mod pipeline;
#[cfg(feature = "lua")]
mod scripts;
mod streams;
mod support;
mod tls;

use diskdb::storage; // for `faulty_engine`
