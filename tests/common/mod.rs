//! What several integration tests need: replies as redis-cli prints them, and a small client for a
//! real server.

#![allow(dead_code)] // each test uses a part

pub mod cli;
pub mod resp;
pub mod wire;
