//! The client commands.

use super::Entry;

pub static COMMANDS: &[Entry] = &[];
