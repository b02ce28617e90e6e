//! Runs one command, in place or on the pool.

use crate::commands::{self, Context};
use crate::error::{Error, Result};
use crate::instance::Instance;
use crate::instance::health::panic_reason;
use crate::protocol::Reply;
use crate::session::Session;
use bytes::Bytes;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// How a command ended.
pub enum Outcome {
    Done(Result<Reply>),
    /// The command has a fault of its own; its connection is to be closed.
    Panicked,
}

/// Runs a command to its end on this thread. A panic is caught here: what the command held is
/// released, and nothing of its transaction was committed.
pub fn run(instance: &Instance, session: &mut Session, words: &[Bytes]) -> Outcome {
    let mut context = Context::new(instance, session);
    match catch_unwind(AssertUnwindSafe(|| commands::execute(&mut context, words))) {
        Ok(result) => Outcome::Done(result),
        Err(panic) => {
            let reason = panic_reason(panic.as_ref());
            let name = words.first().map_or(&b""[..], |name| name);
            let name = String::from_utf8_lossy(&name[..name.len().min(64)]);
            tracing::error!(client = session.id, command = %name, "a command panicked: {reason}");
            Outcome::Panicked
        }
    }
}

/// What a client is told of a command that panicked.
pub const INTERNAL_ERROR: Error = Error::text("ERR internal error");
