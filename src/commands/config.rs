//! The config commands.

use super::Entry;

pub static COMMANDS: &[Entry] = &[];
