//! `FUNCTION`.

use super::{
    Args, Arity, Command, Context, Entry, Flags, Group, SessionCommand, Spec, help_command, load::load,
};
use crate::encoding::glob::{self, Case};
use crate::encoding::rdb::{self, PayloadError};
use crate::error::{Error, Result};
use crate::instance::functions::{Libraries, Library, Registered};
use crate::instance::running::{RunningScript, ScriptKind};
use crate::instance::scripts::ScriptFlags;
use crate::protocol::{Reply, fields};
use crate::storage::ReadTier;
use bytes::Bytes;

pub static SUBCOMMANDS: &[Entry] = &[
    Entry::session::<FunctionDelete>(),
    Entry::session::<FunctionDump>(),
    Entry::session::<FunctionFlush>(),
    Entry::session::<FunctionHelp>(),
    Entry::session::<FunctionKill>(),
    Entry::session::<FunctionList>(),
    Entry::session::<FunctionLoad>(),
    Entry::session::<FunctionRestore>(),
    Entry::session::<FunctionStats>(),
];

const fn spec(name: &'static str, arity: Arity) -> Spec {
    Spec::new(name, Group::Scripting, arity).flags(Flags::NOSCRIPT)
}

const fn changes(name: &'static str, arity: Arity) -> Spec {
    spec(name, arity)
        .flags(Flags::WRITE)
        .tips(&["request_policy:all_shards", "response_policy:all_succeeded"])
}

/// Changes the libraries, where waiting for the disk is allowed.
fn change(context: &mut Context<'_>, edit: impl FnOnce(&mut Libraries) -> Result<()>) -> Result<()> {
    if context.session.tier == ReadTier::Memory {
        return Err(Error::NeedsDisk);
    }
    let instance = context.instance;
    let seq = instance.functions.change(&instance.keyspace, edit)?;
    context.session.last_write = seq.or(context.session.last_write);
    Ok(())
}

/// `FUNCTION DELETE`.
pub struct FunctionDelete(Bytes);

impl Command for FunctionDelete {
    const SPEC: Spec = changes("FUNCTION|DELETE", Arity::Exactly(3)).syntax("library-name").doc(
        "7.0.0",
        "O(1)",
        "Deletes a library and its functions.",
    );
    type Output = ();

    fn parse(args: &mut Args) -> Result<Self> {
        Ok(FunctionDelete(args.bytes()?))
    }
}

impl SessionCommand for FunctionDelete {
    fn run(self, context: &mut Context<'_>) -> Result<()> {
        let name = String::from_utf8_lossy(&self.0);
        change(context, |libraries| {
            let removed = libraries.remove(&name);
            removed.map(drop).ok_or(Error::text("ERR Library not found"))
        })
    }
}

/// `FUNCTION DUMP`.
pub struct FunctionDump;

impl Command for FunctionDump {
    const SPEC: Spec = spec("FUNCTION|DUMP", Arity::Exactly(2)).doc(
        "7.0.0",
        "O(N) where N is the number of functions",
        "Dumps all libraries into a serialized binary payload.",
    );
    type Output = Reply;

    fn parse(_: &mut Args) -> Result<Self> {
        Ok(FunctionDump)
    }
}

impl SessionCommand for FunctionDump {
    fn run(self, context: &mut Context<'_>) -> Result<Reply> {
        let libraries = context.instance.functions.get();
        let texts = libraries.iter().map(|library| &library.text[..]);
        Ok(Reply::Bulk(rdb::functions::write(texts).into()))
    }
}

/// `FUNCTION FLUSH`.
pub struct FunctionFlush;

impl Command for FunctionFlush {
    const SPEC: Spec = changes("FUNCTION|FLUSH", Arity::AtLeast(2)).syntax("[ASYNC | SYNC]").doc(
        "7.0.0",
        "O(N) where N is the number of functions deleted",
        "Deletes all libraries and functions.",
    );
    type Output = ();

    fn parse(args: &mut Args) -> Result<Self> {
        if args.remaining() > 1 {
            return Err(args.subcommand_error());
        }
        if args.is_empty() || args.take("SYNC") || args.take("ASYNC") {
            return Ok(FunctionFlush);
        }
        Err(Error::text("ERR FUNCTION FLUSH only supports SYNC|ASYNC option"))
    }
}

impl SessionCommand for FunctionFlush {
    fn run(self, context: &mut Context<'_>) -> Result<()> {
        change(context, |libraries| {
            *libraries = Libraries::default();
            Ok(())
        })
    }
}

/// `FUNCTION KILL`.
pub struct FunctionKill;

impl Command for FunctionKill {
    const SPEC: Spec = spec("FUNCTION|KILL", Arity::Exactly(2))
        .flags(Flags::ALLOW_BUSY)
        .tips(&["request_policy:all_shards", "response_policy:one_succeeded"])
        .doc("7.0.0", "O(1)", "Terminates a function during execution.");
    type Output = ();

    fn parse(_: &mut Args) -> Result<Self> {
        Ok(FunctionKill)
    }
}

impl SessionCommand for FunctionKill {
    fn run(self, context: &mut Context<'_>) -> Result<()> {
        context.instance.running.kill(ScriptKind::Function)
    }
}

/// `FUNCTION LIST`.
pub struct FunctionList {
    pattern: Option<Bytes>,
    with_code: bool,
}

impl Command for FunctionList {
    const SPEC: Spec = spec("FUNCTION|LIST", Arity::AtLeast(2))
        .syntax("[LIBRARYNAME library-name-pattern] [WITHCODE]")
        .tips(&["nondeterministic_output_order"])
        .doc("7.0.0", "O(N) where N is the number of functions", "Returns information about all libraries.");
    type Output = Reply;

    fn parse(args: &mut Args) -> Result<Self> {
        let (mut pattern, mut with_code) = (None, false);
        while let Some(word) = args.peek() {
            if !with_code && args.take("WITHCODE") {
                with_code = true;
            } else if pattern.is_none() && args.take("LIBRARYNAME") {
                if args.is_empty() {
                    return Err(Error::text("ERR library name argument was not given"));
                }
                pattern = Some(args.bytes()?);
            } else {
                let word = String::from_utf8_lossy(word);
                return Err(Error::err(format_args!("Unknown argument {word}")));
            }
        }
        Ok(FunctionList { pattern, with_code })
    }
}

impl SessionCommand for FunctionList {
    fn run(self, context: &mut Context<'_>) -> Result<Reply> {
        let is_wanted = |library: &Library| {
            let pattern = self.pattern.as_ref();
            pattern.is_none_or(|pattern| glob::matches(pattern, library.name.as_bytes(), Case::Ignored))
        };
        let libraries = context.instance.functions.get();
        let wanted = libraries.iter().filter(|library| is_wanted(library));
        Ok(Reply::Array(wanted.map(|library| describe(library, self.with_code)).collect()))
    }
}

fn describe(library: &Library, with_code: bool) -> Reply {
    let functions = library.functions.iter().map(describe_function).collect();
    let mut all = fields([
        ("library_name", library.name.clone().into()),
        ("engine", Reply::text("LUA")),
        ("functions", Reply::Array(functions)),
    ]);
    if with_code {
        all.extend(fields([("library_code", library.text.clone().into())]));
    }
    Reply::Map(all)
}

fn describe_function(function: &Registered) -> Reply {
    let flags = function.script.flags.unwrap_or_default();
    let names = ScriptFlags::NAMES.iter().filter(|(_, flag)| flags.has(*flag));
    Reply::Map(fields([
        ("name", function.script.sha.clone().into()),
        ("description", function.description.clone().map_or(Reply::Null, Reply::Bulk)),
        ("flags", Reply::Set(names.map(|(name, _)| Reply::Simple((*name).into())).collect())),
    ]))
}

/// `FUNCTION LOAD`.
pub struct FunctionLoad {
    text: Bytes,
    replace: bool,
}

impl Command for FunctionLoad {
    const SPEC: Spec = changes("FUNCTION|LOAD", Arity::AtLeast(3))
        .flags(Flags::DENYOOM)
        .syntax("[REPLACE] function-code")
        .doc("7.0.0", "O(1) (considering compilation time is redundant)", "Creates a library.");
    type Output = Reply;

    fn parse(args: &mut Args) -> Result<Self> {
        let mut replace = false;
        while args.remaining() > 1 {
            if !args.take("REPLACE") {
                let word = args.bytes()?;
                let word = String::from_utf8_lossy(&word);
                return Err(Error::err(format_args!("Unknown option given: {word}")));
            }
            replace = true;
        }
        Ok(FunctionLoad { text: args.bytes()?, replace })
    }
}

impl SessionCommand for FunctionLoad {
    fn run(self, context: &mut Context<'_>) -> Result<Reply> {
        let instance = context.instance;
        let mut loaded = String::new();
        change(context, |libraries| {
            let library = load(instance, &self.text, libraries, self.replace)?;
            loaded.clone_from(&library.name);
            libraries.put(library.into())
        })?;
        Ok(loaded.into())
    }
}

/// What becomes of the libraries that are there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Policy {
    Append,
    Replace,
    Flush,
}

/// `FUNCTION RESTORE`.
pub struct FunctionRestore {
    payload: Bytes,
    policy: Policy,
    max_bytes: u64,
}

impl Command for FunctionRestore {
    const SPEC: Spec = changes("FUNCTION|RESTORE", Arity::AtLeast(3))
        .flags(Flags::DENYOOM)
        .syntax("serialized-value [FLUSH | APPEND | REPLACE]")
        .doc(
            "7.0.0",
            "O(N) where N is the number of functions on the payload",
            "Restores all libraries from a payload.",
        );
    type Output = ();

    fn parse(args: &mut Args) -> Result<Self> {
        if args.remaining() > 2 {
            return Err(args.subcommand_error());
        }
        let payload = args.bytes()?;
        let policies = [("APPEND", Policy::Append), ("REPLACE", Policy::Replace), ("FLUSH", Policy::Flush)];
        let policy = match args.take_one(&policies) {
            Some(policy) => policy,
            None if args.is_empty() => Policy::Append,
            None => {
                return Err(Error::text(
                    "ERR Wrong restore policy given, value should be either FLUSH, APPEND or REPLACE.",
                ));
            }
        };
        Ok(FunctionRestore { payload, policy, max_bytes: args.max_string_bytes() })
    }
}

impl SessionCommand for FunctionRestore {
    fn run(self, context: &mut Context<'_>) -> Result<()> {
        let texts = rdb::functions::read(&self.payload, self.max_bytes).map_err(|error| {
            Error::text(match error {
                PayloadError::Footer => "ERR DUMP payload version or checksum are wrong",
                PayloadError::Type(_) => "ERR given type is not a function",
                PayloadError::Format => "ERR failed loading the given functions payload",
            })
        })?;
        let instance = context.instance;
        change(context, |libraries| {
            let mut restored = Libraries::default();
            for text in &texts {
                let library = load(instance, text, &restored, false)?;
                restored.put(library.into())?;
            }
            if self.policy == Policy::Flush {
                *libraries = restored;
                return Ok(());
            }
            let known = restored.iter().find(|library| libraries.get(&library.name).is_some());
            if let Some(known) = known.filter(|_| self.policy == Policy::Append) {
                return Err(Error::err(format_args!("Library {} already exists", known.name)));
            }
            // All that go have gone before the first one comes.
            restored.iter().for_each(|library| drop(libraries.remove(&library.name)));
            restored.iter().try_for_each(|library| libraries.put(library.clone()))
        })
    }
}

/// `FUNCTION STATS`.
pub struct FunctionStats;

impl Command for FunctionStats {
    const SPEC: Spec = spec("FUNCTION|STATS", Arity::Exactly(2))
        .flags(Flags::ALLOW_BUSY)
        .tips(&["nondeterministic_output", "request_policy:all_shards", "response_policy:special"])
        .doc("7.0.0", "O(1)", "Returns information about a function during execution.");
    type Output = Reply;

    fn parse(_: &mut Args) -> Result<Self> {
        Ok(FunctionStats)
    }
}

impl SessionCommand for FunctionStats {
    fn run(self, context: &mut Context<'_>) -> Result<Reply> {
        let running = context.instance.running.oldest_function()?;
        let (libraries, functions) = context.instance.functions.get().count();
        let engine = Reply::Map(fields([
            ("libraries_count", libraries.into()),
            ("functions_count", functions.into()),
        ]));
        Ok(Reply::Map(fields([
            ("running_script", running.map_or(Reply::Null, |script| running_script(&script))),
            ("engines", Reply::Map(fields([("LUA", engine)]))),
        ])))
    }
}

fn running_script(script: &RunningScript) -> Reply {
    let words = script.words.iter().cloned().map(Reply::Bulk).collect();
    Reply::Map(fields([
        ("name", script.name.clone().into()),
        ("command", Reply::Array(words)),
        ("duration_ms", script.duration_ms().into()),
    ]))
}

help_command!(
    FunctionHelp,
    Spec::new("FUNCTION|HELP", Group::Scripting, Arity::Exactly(2)),
    "7.0.0",
    &[
        "LOAD [REPLACE] <FUNCTION CODE>",
        "    Create a new library with the given library name and code.",
        "DELETE <LIBRARY NAME>",
        "    Delete the given library.",
        "LIST [LIBRARYNAME PATTERN] [WITHCODE]",
        "    Return general information on all the libraries:",
        "    * Library name",
        "    * The engine used to run the Library",
        "    * Library description",
        "    * Functions list",
        "    * Library code (if WITHCODE is given)",
        "    It also possible to get only function that matches a pattern using LIBRARYNAME argument.",
        "STATS",
        "    Return information about the current function running:",
        "    * Function name",
        "    * Command used to run the function",
        "    * Duration in MS that the function is running",
        "    If no function is running, return nil",
        "    In addition, returns a list of available engines.",
        "KILL",
        "    Kill the current running function.",
        "FLUSH [ASYNC|SYNC]",
        "    Delete all the libraries.",
        "    When called without the optional mode argument, the behavior is determined by the",
        "    lazyfree-lazy-user-flush configuration directive. Valid modes are:",
        "    * ASYNC: Asynchronously flush the libraries.",
        "    * SYNC: Synchronously flush the libraries.",
        "DUMP",
        "    Return a serialized payload representing the current libraries, can be restored using FUNCTION RESTORE command",
        "RESTORE <PAYLOAD> [FLUSH|APPEND|REPLACE]",
        "    Restore the libraries represented by the given payload, it is possible to give a restore policy to",
        "    control how to handle existing libraries (default APPEND):",
        "    * FLUSH: delete all existing libraries.",
        "    * APPEND: appends the restored libraries to the existing libraries. On collision, abort.",
        "    * REPLACE: appends the restored libraries to the existing libraries, On collision, replace the old",
        "      libraries with the new libraries (notice that even on this option there is a chance of failure",
        "      in case of functions name collision with another library).",
    ]
);
