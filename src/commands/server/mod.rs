//! The server family, a file for each theme.

mod latency;
mod slowlog;

use super::spec::{Arity, Flags, Group, Spec};
use super::{Command, Context, Entry, SessionCommand, help, observe};

pub static COMMANDS: &[Entry] =
    &[Entry::container(LATENCY, latency::SUBCOMMANDS), Entry::container(SLOWLOG, slowlog::SUBCOMMANDS)];

const fn container(name: &'static str) -> Spec {
    Spec::new(name, Group::Server, Arity::AtLeast(2))
}

const LATENCY: Spec =
    container("LATENCY").doc("2.8.13", "Depends on subcommand.", "A container for latency diagnostics.");
const SLOWLOG: Spec =
    container("SLOWLOG").doc("2.2.12", "Depends on subcommand.", "A container for the log of slow calls.");

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
