//! What access control knows, without a change to it.

use super::{admin, check, spec};
use crate::commands::args::Args;
use crate::commands::spec::{Arity, Categories, Spec};
use crate::commands::{Command, Context, SessionCommand, find};
use crate::error::{Error, Result};
use crate::instance::acl::selector::Denied;
use crate::protocol::Reply;
use bytes::Bytes;
use std::fs::File;
use std::io::Read;

pub struct Cat {
    /// None: all categories are asked for.
    pub category: Option<Bytes>,
}

impl Command for Cat {
    const SPEC: Spec = spec("ACL|CAT", Arity::AtLeast(2)).syntax("[category]").doc(
        "6.0.0",
        "O(1) since the categories and commands are a fixed set.",
        "Lists the ACL categories, or the commands inside a category.",
    );
    type Output = Reply;

    fn parse(args: &mut Args) -> Result<Self> {
        match args.remaining() {
            0 => Ok(Cat { category: None }),
            1 => Ok(Cat { category: Some(args.bytes()?) }),
            _ => Err(args.subcommand_error()),
        }
    }
}

impl SessionCommand for Cat {
    fn run(self, _: &mut Context<'_>) -> Result<Reply> {
        let catalog = super::catalog();
        let Some(name) = self.category else {
            return Ok(Reply::Array(Categories::NAMES.iter().map(|(_, name)| Reply::text(name)).collect()));
        };
        let category = catalog.category(&name).ok_or_else(|| {
            let name = String::from_utf8_lossy(&name[..name.len().min(128)]);
            Error::err(format_args!("Unknown category '{name}'"))
        })?;
        let names = catalog.in_category(category).map(|command| catalog.facts(command).name.clone());
        Ok(Reply::Array(names.map(Reply::from).collect()))
    }
}

/// The most bits of a password.
const MAX_BITS: i64 = 4096;

pub struct GenPass {
    pub bits: usize,
}

impl Command for GenPass {
    const SPEC: Spec = spec("ACL|GENPASS", Arity::AtLeast(2)).syntax("[bits]").doc(
        "6.0.0",
        "O(1)",
        "Generates a pseudorandom, secure password that can be used to identify ACL users.",
    );
    type Output = String;

    fn parse(args: &mut Args) -> Result<Self> {
        let bits = match args.remaining() {
            0 => 256,
            1 => args.integer()?,
            _ => return Err(args.subcommand_error()),
        };
        match bits {
            1..=MAX_BITS => Ok(GenPass { bits: bits as usize }),
            _ => Err(Error::err(format_args!(
                "ACL GENPASS argument must be the number of bits for the output password, a positive number \
                 up to {MAX_BITS}"
            ))),
        }
    }
}

impl SessionCommand for GenPass {
    fn run(self, _: &mut Context<'_>) -> Result<String> {
        // Whole hexadecimal digits.
        let digits = self.bits.div_ceil(4);
        let mut bytes = vec![0; digits.div_ceil(2)];
        let read = File::open("/dev/urandom").and_then(|mut source| source.read_exact(&mut bytes));
        read.map_err(|error| Error::err(format_args!("no source of randomness: {error}")))?;
        let mut text: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        text.truncate(digits);
        Ok(text)
    }
}

pub struct DryRun {
    pub user: Bytes,
    pub words: Vec<Bytes>,
}

impl Command for DryRun {
    const SPEC: Spec = admin("ACL|DRYRUN", Arity::AtLeast(4)).syntax("username command [arg [arg ...]]").doc(
        "7.0.0",
        "O(1).",
        "Simulates the execution of a command by a user, without executing the command.",
    );
    type Output = Reply;

    fn parse(args: &mut Args) -> Result<Self> {
        Ok(DryRun { user: args.bytes()?, words: args.rest().to_vec() })
    }
}

impl SessionCommand for DryRun {
    fn run(self, context: &mut Context<'_>) -> Result<Reply> {
        let Some(user) = context.instance.acl.user(&self.user) else {
            let user = String::from_utf8_lossy(&self.user);
            return Err(Error::err(format_args!("User '{user}' not found")));
        };
        let Ok((found, _)) = find(&self.words) else {
            let name = String::from_utf8_lossy(&self.words[0]);
            return Err(Error::err(format_args!("Command '{name}' not found")));
        };
        if !found.entry.spec.arity.allows(self.words.len()) {
            return Err(Error::Arity(found.name.clone()));
        }
        let word = |word: usize| String::from_utf8_lossy(&self.words[word]);
        Ok(match check::denied(&user, found, &self.words) {
            None => Reply::Ok,
            Some(Denied::Command) => {
                Reply::from(format!("This user has no permissions to run the '{}' command", found.name))
            }
            Some(Denied::Key(key)) => {
                Reply::from(format!("This user has no permissions to access the '{}' key", word(key)))
            }
            Some(Denied::Channel(channel)) => {
                Reply::from(format!("This user has no permissions to access the '{}' channel", word(channel)))
            }
        })
    }
}
