//! `MODULE`: there are no modules, and clients that ask are told so.

use super::{Command, Context, Entry, SessionCommand, help_command, help_spec};
use crate::commands::args::Args;
use crate::commands::spec::{Arity, Flags, Group, Spec};
use crate::error::Result;
use crate::protocol::Reply;

pub static SUBCOMMANDS: &[Entry] = &[Entry::session::<ModuleHelp>(), Entry::session::<ModuleList>()];

pub struct ModuleList;

impl Command for ModuleList {
    const SPEC: Spec = Spec::new("MODULE|LIST", Group::Server, Arity::Exactly(2))
        .flags(Flags::ADMIN.and(Flags::NOSCRIPT))
        .tips(&["nondeterministic_output_order"])
        .doc("4.0.0", "O(N) where N is the number of loaded modules", "Returns all loaded modules.");
    type Output = Reply;

    fn parse(_: &mut Args) -> Result<Self> {
        Ok(ModuleList)
    }
}

impl SessionCommand for ModuleList {
    fn run(self, _: &mut Context<'_>) -> Result<Reply> {
        Ok(Reply::Array(Vec::new()))
    }
}

help_command!(
    ModuleHelp,
    help_spec("MODULE|HELP"),
    "5.0.0",
    &["LIST", "    Return a list of loaded modules."]
);
