//! The server commands.

use super::Entry;

pub static COMMANDS: &[Entry] = &[];
