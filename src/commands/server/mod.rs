//! The server family, a file for each theme.

mod command_log;
mod database;
mod debug;
mod hot_keys;
mod info;
mod latency;
mod lifecycle;
mod lolwut;
mod memory;
mod module;
mod monitor;
mod saving;

pub(super) use debug::check_allowed as check_debug_allowed;

use super::help::help_command;
use super::spec::{Arity, Flags, Group, Spec};
use super::{Command, Context, Entry, SessionCommand, observe};
use crate::error::{Error, Result};
use crate::storage::ReadTier;

pub static COMMANDS: &[Entry] = &[
    Entry::session::<saving::BgSave>(),
    Entry::container(COMMANDLOG, command_log::SUBCOMMANDS),
    Entry::session::<database::DbSize>(),
    Entry::session::<debug::Debug>(),
    Entry::write::<database::FlushAll>(),
    Entry::write::<database::FlushDb>(),
    Entry::container(HOTKEYS, hot_keys::SUBCOMMANDS),
    Entry::session::<info::Info>(),
    Entry::session::<saving::LastSave>(),
    Entry::container(LATENCY, latency::SUBCOMMANDS),
    Entry::session::<lolwut::Lolwut>(),
    Entry::container(MEMORY, memory::SUBCOMMANDS),
    Entry::container(MODULE, module::SUBCOMMANDS),
    Entry::session::<monitor::Monitor>(),
    Entry::session::<lifecycle::Role>(),
    Entry::session::<saving::Save>(),
    Entry::session::<lifecycle::Shutdown>(),
    Entry::container(SLOWLOG, command_log::SLOWLOG_SUBCOMMANDS),
    Entry::write::<database::SwapDb>(),
    Entry::session::<database::Time>(),
];

const fn container(name: &'static str) -> Spec {
    Spec::new(name, Group::Server, Arity::AtLeast(2))
}

const COMMANDLOG: Spec = container("COMMANDLOG").doc(
    "valkey 8.1.0",
    "Depends on subcommand.",
    "A container for the logs of slow calls, large requests and large replies (Valkey's).",
);
const HOTKEYS: Spec =
    container("HOTKEYS").doc("8.6.0", "Depends on subcommand.", "A container for what is known of hot keys.");
const LATENCY: Spec =
    container("LATENCY").doc("2.8.13", "Depends on subcommand.", "A container for latency diagnostics.");
const MEMORY: Spec =
    container("MEMORY").doc("4.0.0", "Depends on subcommand.", "A container for memory diagnostics.");
const MODULE: Spec = container("MODULE").doc("4.0.0", "Depends on subcommand.", "A container for modules.");
const SLOWLOG: Spec =
    container("SLOWLOG").doc("2.2.12", "Depends on subcommand.", "A container for the log of slow calls.");

/// Sends a command that would make others wait to where waiting is allowed.
pub(super) fn may_wait(context: &Context) -> Result<()> {
    if context.session.tier == ReadTier::Memory { Err(Error::NeedsDisk) } else { Ok(()) }
}

const QUERY: Flags = Flags::ADMIN.and(Flags::LOADING).and(Flags::STALE);

/// What is known of a container's `HELP`.
const fn help_spec(name: &'static str) -> Spec {
    Spec::new(name, Group::Server, Arity::Exactly(2))
}
