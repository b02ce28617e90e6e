//! `FCALL` and `FCALL_RO`.

use super::host::{self, Run};
use super::{Args, Categories, Command, CompoundCommand, Context, Flags, READ, Spec, WRITTEN, runs};
use crate::encoding::text;
use crate::error::{Error, Result};
use crate::instance::Instance;
use crate::instance::running::ScriptKind;
use crate::instance::scripts::ScriptFlags;
use crate::keyspace::Keys;
use crate::protocol::Reply;
use bytes::Bytes;

/// A call of a function.
#[derive(Debug)]
struct FunctionCall {
    name: String,
    keys: Vec<Bytes>,
    arguments: Vec<Bytes>,
    /// What is wrong with the words; that there is no such function is said first.
    wrong: Option<Error>,
    /// The whole call.
    words: Vec<Bytes>,
    read_only: bool,
}

impl FunctionCall {
    fn parse(args: &mut Args, read_only: bool) -> Result<FunctionCall> {
        let words = args.words().to_vec();
        let name = String::from_utf8_lossy(&args.bytes()?).into_owned();
        let count = text::parse_i64(&args.bytes()?);
        let rest = args.rest();
        let (count, wrong) = match count.map(usize::try_from) {
            None => (0, Some("ERR Bad number of keys provided")),
            Some(Err(_)) => (0, Some("ERR Number of keys can't be negative")),
            Some(Ok(count)) if count > rest.len() => {
                (0, Some("ERR Number of keys can't be greater than number of args"))
            }
            Some(Ok(count)) => (count, None),
        };
        let (keys, arguments) = rest.split_at(count);
        let (keys, arguments) = (keys.to_vec(), arguments.to_vec());
        Ok(FunctionCall { name, keys, arguments, wrong: wrong.map(Error::text), words, read_only })
    }

    fn run(self, context: &mut Context<'_>) -> Result<Reply> {
        let libraries = context.instance.functions.get();
        let function = libraries.function(&self.name);
        let (library, function) = function.ok_or(Error::text("ERR Function not found"))?;
        if let Some(wrong) = self.wrong {
            return Err(wrong);
        }
        let run = Run {
            kind: ScriptKind::Function,
            script: &function.script,
            library: Some(library.id),
            words: &self.words,
            keys: &self.keys,
            arguments: &self.arguments,
            read_only: self.read_only,
        };
        host::run(context, &run)
    }
}

/// What a function says of itself.
pub fn function_flags(instance: &Instance, name: &[u8]) -> Option<ScriptFlags> {
    let libraries = instance.functions.get();
    libraries.function(&String::from_utf8_lossy(name))?.1.script.flags
}

macro_rules! fcall_command {
    ($type:ident, $read_only:literal, $spec:expr) => {
        #[derive(Debug)]
        pub struct $type(FunctionCall);

        impl Command for $type {
            const SPEC: Spec = $spec.syntax("function numkeys [key [key ...]] [arg [arg ...]]");
            type Output = Reply;

            fn parse(args: &mut Args) -> Result<Self> {
                FunctionCall::parse(args, $read_only).map($type)
            }
        }

        impl CompoundCommand for $type {
            fn keys(&self) -> Keys<'_> {
                Keys::many(&self.0.keys)
            }

            fn run(self, context: &mut Context<'_>) -> Result<Reply> {
                self.0.run(context)
            }
        }
    };
}

const DEPENDS: &str = "Depends on the function that is executed.";

fcall_command!(
    Fcall,
    false,
    runs("FCALL", WRITTEN).flags(Flags::MAY_REPLICATE).doc("7.0.0", DEPENDS, "Invokes a function.")
);
fcall_command!(
    FcallRo,
    true,
    runs("FCALL_RO", READ).flags(Flags::READONLY).without(Categories::READ).doc(
        "7.0.0",
        DEPENDS,
        "Invokes a read-only function."
    )
);
