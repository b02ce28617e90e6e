//! The bitmap commands.

use super::Entry;

pub static COMMANDS: &[Entry] = &[];
