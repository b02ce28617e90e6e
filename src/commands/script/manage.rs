//! `SCRIPT`.

use super::eval::with_text;
use super::{Args, Arity, Command, Context, Entry, Flags, Group, SessionCommand, Spec, help_command};
use crate::error::{Error, Result};
use crate::instance::running::ScriptKind;
use crate::protocol::Reply;
use bytes::Bytes;

pub static SUBCOMMANDS: &[Entry] = &[
    Entry::session::<ScriptDebug>(),
    Entry::session::<ScriptExists>(),
    Entry::session::<ScriptFlush>(),
    Entry::session::<ScriptHelp>(),
    Entry::session::<ScriptKill>(),
    Entry::session::<ScriptLoad>(),
    Entry::session::<ScriptShow>(),
];

const fn spec(name: &'static str, arity: Arity) -> Spec {
    Spec::new(name, Group::Scripting, arity).flags(Flags::NOSCRIPT)
}

/// `SCRIPT DEBUG`: there is no debugger, and scripts run as they always do.
pub struct ScriptDebug;

impl Command for ScriptDebug {
    const SPEC: Spec = spec("SCRIPT|DEBUG", Arity::Exactly(3)).syntax("YES | SYNC | NO").doc(
        "3.2.0",
        "O(1)",
        "Sets the debug mode of server-side Lua scripts.",
    );
    type Output = ();

    fn parse(args: &mut Args) -> Result<Self> {
        match args.take_one(&[("NO", true), ("YES", false), ("SYNC", false)]) {
            Some(true) => Ok(ScriptDebug),
            Some(false) => Err(Error::text("ERR the script debugger is not supported")),
            None => Err(Error::text("ERR Use SCRIPT DEBUG YES/SYNC/NO")),
        }
    }
}

impl SessionCommand for ScriptDebug {
    fn run(self, _: &mut Context<'_>) -> Result<()> {
        Ok(())
    }
}

pub struct ScriptExists(Vec<Bytes>);

impl Command for ScriptExists {
    const SPEC: Spec = spec("SCRIPT|EXISTS", Arity::AtLeast(3))
        .syntax("sha1 [sha1 ...]")
        .tips(&["request_policy:all_shards", "response_policy:agg_logical_and"])
        .doc(
            "2.6.0",
            "O(N) with N being the number of scripts to check (so checking a single script is an O(1) operation).",
            "Determines whether server-side Lua scripts exist in the script cache.",
        );
    type Output = Reply;

    fn parse(args: &mut Args) -> Result<Self> {
        Ok(ScriptExists(args.rest().to_vec()))
    }
}

impl SessionCommand for ScriptExists {
    fn run(self, context: &mut Context<'_>) -> Result<Reply> {
        let scripts = &context.instance.scripts;
        let known = |sha: &Bytes| scripts.has(&String::from_utf8_lossy(sha).to_ascii_lowercase());
        Ok(Reply::Array(self.0.iter().map(|sha| known(sha).into()).collect()))
    }
}

pub struct ScriptFlush;

impl Command for ScriptFlush {
    const SPEC: Spec = spec("SCRIPT|FLUSH", Arity::AtLeast(2))
        .syntax("[ASYNC | SYNC]")
        .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"])
        .doc(
            "2.6.0",
            "O(N) with N being the number of scripts in cache",
            "Removes all server-side Lua scripts from the script cache.",
        );
    type Output = ();

    fn parse(args: &mut Args) -> Result<Self> {
        let is_known = args.is_empty() || args.take("SYNC") || args.take("ASYNC");
        if is_known && args.is_empty() {
            return Ok(ScriptFlush);
        }
        Err(Error::text("ERR SCRIPT FLUSH only support SYNC|ASYNC option"))
    }
}

impl SessionCommand for ScriptFlush {
    fn run(self, context: &mut Context<'_>) -> Result<()> {
        context.instance.scripts.flush();
        Ok(())
    }
}

pub struct ScriptKill;

impl Command for ScriptKill {
    const SPEC: Spec = spec("SCRIPT|KILL", Arity::Exactly(2))
        .flags(Flags::ALLOW_BUSY)
        .tips(&["request_policy:all_shards", "response_policy:one_succeeded"])
        .doc("2.6.0", "O(1)", "Terminates a server-side Lua script during execution.");
    type Output = ();

    fn parse(_: &mut Args) -> Result<Self> {
        Ok(ScriptKill)
    }
}

impl SessionCommand for ScriptKill {
    fn run(self, context: &mut Context<'_>) -> Result<()> {
        context.instance.running.kill(ScriptKind::Script)
    }
}

pub struct ScriptLoad(Bytes);

impl Command for ScriptLoad {
    const SPEC: Spec = spec("SCRIPT|LOAD", Arity::Exactly(3))
        .flags(Flags::STALE)
        .syntax("script")
        .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"])
        .doc(
            "2.6.0",
            "O(N) with N being the length in bytes of the script body.",
            "Loads a server-side Lua script to the script cache.",
        );
    type Output = Reply;

    fn parse(args: &mut Args) -> Result<Self> {
        Ok(ScriptLoad(args.bytes()?))
    }
}

impl SessionCommand for ScriptLoad {
    fn run(self, context: &mut Context<'_>) -> Result<Reply> {
        Ok(with_text(context.instance, &self.0, true)?.sha.clone().into())
    }
}

/// `SCRIPT SHOW`, as Valkey has it: the text of a script.
pub struct ScriptShow(Bytes);

impl Command for ScriptShow {
    const SPEC: Spec = spec("SCRIPT|SHOW", Arity::Exactly(3)).syntax("sha1").doc(
        "8.0.0",
        "O(1).",
        "Show server-side script in the script cache.",
    );
    type Output = Reply;

    fn parse(args: &mut Args) -> Result<Self> {
        Ok(ScriptShow(args.bytes()?))
    }
}

impl SessionCommand for ScriptShow {
    fn run(self, context: &mut Context<'_>) -> Result<Reply> {
        let sha = String::from_utf8_lossy(&self.0).to_ascii_lowercase();
        let script = context.instance.scripts.get(&sha);
        let script = script.ok_or(Error::text("NOSCRIPT No matching script. Please use EVAL."))?;
        Ok(script.text.clone().into())
    }
}

help_command!(
    ScriptHelp,
    Spec::new("SCRIPT|HELP", Group::Scripting, Arity::Exactly(2)),
    "5.0.0",
    &[
        "DEBUG (YES|SYNC|NO)",
        "    Set the debug mode for subsequent scripts executed.",
        "EXISTS <sha1> [<sha1> ...]",
        "    Return information about the existence of the scripts in the script cache.",
        "FLUSH [ASYNC|SYNC]",
        "    Flush the Lua scripts cache. Very dangerous on replicas.",
        "    When called without the optional mode argument, the behavior is determined by the",
        "    lazyfree-lazy-user-flush configuration directive. Valid modes are:",
        "    * ASYNC: Asynchronously flush the scripts cache.",
        "    * SYNC: Synchronously flush the scripts cache.",
        "KILL",
        "    Kill the currently executing Lua script.",
        "LOAD <script>",
        "    Load a script into the scripts cache without executing it.",
        "SHOW <sha1>",
        "    Show a script in the scripts cache.",
    ]
);
