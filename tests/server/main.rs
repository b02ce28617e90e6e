//! The server over real sockets, on the memory engine.

mod engine;
mod limits;
mod listeners;
mod pipeline;
mod support;
