//! The introspection commands.

use super::Entry;

pub static COMMANDS: &[Entry] = &[];
