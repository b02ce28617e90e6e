//! What several integration tests need: words as redis-cli reads them, replies as it prints them,
//! and a small client for a real server.

#![allow(dead_code)] // each test uses a part

pub mod cli;
pub mod resp;
pub mod wire;
