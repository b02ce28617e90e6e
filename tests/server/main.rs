//! The server over real sockets, on the memory engine.

mod control;
mod engine;
mod limits;
mod listeners;
mod pipeline;
mod support;
mod tls;
