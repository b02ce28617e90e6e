//! `EVAL` and its kind.

use super::host::{self, Run};
use super::{Args, Categories, Command, CompoundCommand, Context, Flags, Found, READ, Spec, WRITTEN, runs};
use crate::error::{Error, Result};
use crate::instance::Instance;
use crate::instance::running::ScriptKind;
use crate::instance::scripts::{Script, ScriptFlags};
use crate::keyspace::Keys;
use crate::protocol::Reply;
use crate::scripting::{self, hex_sha1};
use bytes::Bytes;
use std::sync::Arc;

const NO_SCRIPT: Error = Error::text("NOSCRIPT No matching script. Please use EVAL.");

/// The words after the script or the name of it.
#[derive(Debug)]
pub struct Call {
    pub keys: Vec<Bytes>,
    pub arguments: Vec<Bytes>,
}

impl Call {
    /// Reads `numkeys [key ...] [arg ...]`.
    ///
    /// # Errors
    /// When the number is none, or does not fit.
    pub fn parse(args: &mut Args) -> Result<Call> {
        let count = args.integer()?;
        let rest = args.rest();
        let count =
            usize::try_from(count).map_err(|_| Error::text("ERR Number of keys can't be negative"))?;
        if count > rest.len() {
            return Err(Error::text("ERR Number of keys can't be greater than number of args"));
        }
        let (keys, arguments) = rest.split_at(count);
        Ok(Call { keys: keys.to_vec(), arguments: arguments.to_vec() })
    }
}

/// Which script is meant.
#[derive(Debug)]
enum Which {
    Text(Bytes),
    Sha(Bytes),
}

/// A script with its keys and arguments.
#[derive(Debug)]
struct Evaluation {
    which: Which,
    call: Call,
    read_only: bool,
}

impl Evaluation {
    fn run(self, context: &mut Context<'_>) -> Result<Reply> {
        let script = match &self.which {
            Which::Text(text) => with_text(context.instance, text, false)?,
            Which::Sha(sha) => with_sha(context.instance, sha)?,
        };
        let Call { keys, arguments } = &self.call;
        let run = Run {
            kind: ScriptKind::Script,
            script: &script,
            library: None,
            words: &[],
            keys,
            arguments,
            read_only: self.read_only,
        };
        host::run(context, &run)
    }
}

/// The script of that text, which is compiled if it is a new one.
///
/// # Errors
/// When it does not compile, or its first line makes no sense.
pub fn with_text(instance: &Instance, text: &Bytes, loaded: bool) -> Result<Arc<Script>> {
    let sha = hex_sha1(text);
    if !loaded && let Some(script) = instance.scripts.get(&sha) {
        return Ok(script);
    }
    let (header, flags) = read_header(text)?;
    let script = Script::new(sha, Bytes::copy_from_slice(text), header, flags);
    let generation = instance.scripts.generation();
    scripting::compile(generation, &script.sha, script.code()).map_err(|error| {
        let error = error.replace(['\r', '\n'], " ");
        Error::err(format_args!("Error compiling script (new function): {error}"))
    })?;
    Ok(instance.scripts.add(script, loaded))
}

fn with_sha(instance: &Instance, sha: &[u8]) -> Result<Arc<Script>> {
    if sha.len() != 40 {
        return Err(NO_SCRIPT);
    }
    let sha = std::str::from_utf8(sha).map_err(|_| NO_SCRIPT)?;
    let script = instance.scripts.get(sha).or_else(|| instance.scripts.get(&sha.to_ascii_lowercase()));
    script.ok_or(NO_SCRIPT)
}

/// What a script says of itself that is called by its text or its SHA1.
pub fn script_flags(instance: &Instance, found: &Found, text_or_sha: &[u8]) -> Option<ScriptFlags> {
    if found.name.starts_with("evalsha") {
        with_sha(instance, text_or_sha).ok()?.flags
    } else {
        read_header(text_or_sha).ok()?.1
    }
}

/// Reads the first line of a script if it says which language it is in: how long it is, and the flags of the
/// script.
fn read_header(text: &[u8]) -> Result<(usize, Option<ScriptFlags>)> {
    if !text.starts_with(b"#!") {
        return Ok((0, None));
    }
    let end = text.iter().position(|byte| *byte == b'\n').ok_or(Error::text("ERR Invalid script shebang"))?;
    let mut flags = ScriptFlags::default();
    let mut words = text[..end].split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    let engine = words.next().unwrap_or_default();
    if engine != b"#!lua" {
        let engine = String::from_utf8_lossy(engine);
        return Err(Error::err(format_args!("Unexpected engine in script shebang: {engine}")));
    }
    for word in words {
        let Some(names) = word.strip_prefix(b"flags=") else {
            let word = String::from_utf8_lossy(word);
            return Err(Error::err(format_args!("Unknown lua shebang option: {word}")));
        };
        for name in names.split(|byte| *byte == b',').filter(|name| !name.is_empty()) {
            let flag = ScriptFlags::named(name).ok_or_else(|| {
                let name = String::from_utf8_lossy(name);
                Error::err(format_args!("Unexpected flag in script shebang: {name}"))
            })?;
            flags = flags.and(flag);
        }
    }
    Ok((end, Some(flags)))
}

macro_rules! eval_command {
    ($type:ident, $which:ident, $read_only:literal, $spec:expr) => {
        #[derive(Debug)]
        pub struct $type(Evaluation);

        impl Command for $type {
            const SPEC: Spec = $spec;
            type Output = Reply;

            fn parse(args: &mut Args) -> Result<Self> {
                let which = Which::$which(args.bytes()?);
                Ok($type(Evaluation { which, call: Call::parse(args)?, read_only: $read_only }))
            }
        }

        impl CompoundCommand for $type {
            fn keys(&self) -> Keys<'_> {
                Keys::many(&self.0.call.keys)
            }

            fn run(self, context: &mut Context<'_>) -> Result<Reply> {
                self.0.run(context)
            }
        }
    };
}

const DEPENDS: &str = "Depends on the script that is executed.";

eval_command!(
    Eval,
    Text,
    false,
    runs("EVAL", WRITTEN)
        .flags(Flags::MAY_REPLICATE)
        .syntax("script numkeys [key [key ...]] [arg [arg ...]]")
        .doc("2.6.0", DEPENDS, "Executes a server-side Lua script.")
);
eval_command!(
    EvalSha,
    Sha,
    false,
    runs("EVALSHA", WRITTEN)
        .flags(Flags::MAY_REPLICATE)
        .syntax("sha1 numkeys [key [key ...]] [arg [arg ...]]")
        .doc("2.6.0", DEPENDS, "Executes a server-side Lua script by SHA1 digest.")
);
eval_command!(
    EvalRo,
    Text,
    true,
    runs("EVAL_RO", READ)
        .flags(Flags::READONLY)
        .without(Categories::READ)
        .syntax("script numkeys [key [key ...]] [arg [arg ...]]")
        .doc("7.0.0", DEPENDS, "Executes a read-only server-side Lua script.")
);
eval_command!(
    EvalShaRo,
    Sha,
    true,
    runs("EVALSHA_RO", READ)
        .flags(Flags::READONLY)
        .without(Categories::READ)
        .syntax("sha1 numkeys [key [key ...]] [arg [arg ...]]")
        .doc("7.0.0", DEPENDS, "Executes a read-only server-side Lua script by SHA1 digest.")
);
