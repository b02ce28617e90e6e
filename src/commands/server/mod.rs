//! The server family, a file for each theme.

mod database;
mod debug;
mod info;
mod latency;
mod lifecycle;
mod lolwut;
mod memory;
mod module;
mod saving;
mod slowlog;

pub(super) use debug::check_allowed as check_debug_allowed;

use super::spec::{Arity, Flags, Group, Spec};
use super::{Command, Context, Entry, SessionCommand, help, observe};
use crate::error::{Error, Result};
use crate::storage::ReadTier;

pub static COMMANDS: &[Entry] = &[
    Entry::session::<saving::BgSave>(),
    Entry::session::<database::DbSize>(),
    Entry::session::<debug::Debug>(),
    Entry::session::<database::FlushAll>(),
    Entry::session::<database::FlushDb>(),
    Entry::session::<info::Info>(),
    Entry::session::<saving::LastSave>(),
    Entry::container(LATENCY, latency::SUBCOMMANDS),
    Entry::session::<lolwut::Lolwut>(),
    Entry::container(MEMORY, memory::SUBCOMMANDS),
    Entry::container(MODULE, module::SUBCOMMANDS),
    Entry::session::<lifecycle::Role>(),
    Entry::session::<saving::Save>(),
    Entry::session::<lifecycle::Shutdown>(),
    Entry::container(SLOWLOG, slowlog::SUBCOMMANDS),
    Entry::session::<database::SwapDb>(),
    Entry::session::<database::Time>(),
];

const fn container(name: &'static str) -> Spec {
    Spec::new(name, Group::Server, Arity::AtLeast(2))
}

const LATENCY: Spec =
    container("LATENCY").doc("2.8.13", "Depends on subcommand.", "A container for latency diagnostics.");
const MEMORY: Spec =
    container("MEMORY").doc("4.0.0", "Depends on subcommand.", "A container for memory diagnostics.");
const MODULE: Spec = container("MODULE").doc("4.0.0", "Depends on subcommand.", "A container for modules.");
const SLOWLOG: Spec =
    container("SLOWLOG").doc("2.2.12", "Depends on subcommand.", "A container for the log of slow calls.");

/// Sends a command that would make others wait to where waiting is allowed.
fn may_wait(context: &Context) -> Result<()> {
    if context.session.tier == ReadTier::Memory { Err(Error::NeedsDisk) } else { Ok(()) }
}

const QUERY: Flags = Flags::ADMIN.and(Flags::LOADING).and(Flags::STALE);
const HELP_FLAGS: Flags = Flags::LOADING.and(Flags::STALE);

/// Declares a subcommand `HELP` with its lines.
macro_rules! help_command {
    ($type:ident, $name:literal, $since:literal, $container:literal, $lines:expr) => {
        pub struct $type;

        impl Command for $type {
            const SPEC: Spec = Spec::new($name, Group::Server, Arity::Exactly(2))
                .flags(super::HELP_FLAGS)
                .doc($since, "O(1)", "Returns helpful text about the subcommands.");
            type Output = Reply;

            fn parse(_: &mut Args) -> Result<Self> {
                Ok($type)
            }
        }

        impl SessionCommand for $type {
            fn run(self, _: &mut Context<'_>) -> Result<Reply> {
                Ok(super::help::reply($container, $lines))
            }
        }
    };
}
use help_command;
