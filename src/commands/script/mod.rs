//! Scripts: `EVAL` and its kind, `SCRIPT`, functions: `FCALL`, `FUNCTION` (docs/adr/0017-scripts.md).

mod call;
mod eval;
mod functions;
mod host;
mod load;
mod manage;

use super::args::Args;
use super::help::help_command;
use super::spec::{Arity, Categories, Flags, Group, KeyFlags, KeySpec, Spec};
use super::{Command, CompoundCommand, Context, Entry, Found, SessionCommand};
use crate::instance::Instance;
use crate::instance::scripts::ScriptFlags;
use bytes::Bytes;

pub static COMMANDS: &[Entry] = &[
    Entry::compound::<eval::Eval>(),
    Entry::compound::<eval::EvalRo>(),
    Entry::compound::<eval::EvalSha>(),
    Entry::compound::<eval::EvalShaRo>(),
    Entry::compound::<call::Fcall>(),
    Entry::compound::<call::FcallRo>(),
    Entry::container(
        Spec::new("FUNCTION", Group::Scripting, Arity::AtLeast(2)).without(Categories::SCRIPTING).doc(
            "7.0.0",
            "Depends on subcommand.",
            "A container for function commands.",
        ),
        functions::SUBCOMMANDS,
    ),
    Entry::container(
        Spec::new("SCRIPT", Group::Scripting, Arity::AtLeast(2)).without(Categories::SCRIPTING).doc(
            "2.6.0",
            "Depends on subcommand.",
            "A container for Lua scripts management commands.",
        ),
        manage::SUBCOMMANDS,
    ),
];

/// What the script that a call runs says of itself, as flags of a command; none if it says nothing.
pub(super) fn declared_flags(instance: &Instance, found: &Found, words: &[Bytes]) -> Option<Flags> {
    let which = words.get(1)?;
    let flags = if found.name.starts_with("fcall") {
        call::function_flags(instance, which)?
    } else {
        eval::script_flags(instance, found, which)?
    };
    Some(if flags.has(ScriptFlags::NO_WRITES) { Flags::READONLY } else { Flags::WRITE })
}

/// What every command has that runs a script: `numkeys` is the second word.
const fn runs(name: &'static str, keys: &'static [KeySpec]) -> Spec {
    let flags = Flags::NOSCRIPT.and(Flags::STALE).and(Flags::SKIP_MONITOR).and(Flags::NO_MANDATORY_KEYS);
    Spec::new(name, Group::Scripting, Arity::AtLeast(3))
        .keys(keys)
        .flags(flags.and(Flags::MOVABLEKEYS).and(Flags::SCRIPT_RUNNER))
}

const WRITTEN: &[KeySpec] = &[KeySpec::counted(2, KeyFlags::RW.and(KeyFlags::ACCESS).and(KeyFlags::UPDATE))];
const READ: &[KeySpec] = &[KeySpec::counted(2, KeyFlags::RO.and(KeyFlags::ACCESS))];
