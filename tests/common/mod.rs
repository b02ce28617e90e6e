//! What several integration tests need: the words of a command, replies as redis-cli prints them,
//! and a small client for a real server.

#![allow(dead_code)] // each test uses a part

pub mod cli;
pub mod clients;
pub mod oracle;
pub mod random;
pub mod resp;
pub mod wire;

use bytes::Bytes;

/// The words of a command: what stands between single blanks.
pub fn words(line: &str) -> Vec<Bytes> {
    line.split(' ').map(|word| Bytes::copy_from_slice(word.as_bytes())).collect()
}
