//! The connection family.

use super::args::Args;
use super::spec::{Arity, Flags, Group, Spec};
use super::{Command, Context, Entry, SessionCommand};
use crate::error::{Error, Result};
use crate::protocol::Reply;
use bytes::Bytes;

pub static COMMANDS: &[Entry] = &[Entry::session::<Ping>()];

pub struct Ping {
    pub message: Option<Bytes>,
}

impl Command for Ping {
    const SPEC: Spec = Spec::new("PING", Group::Connection, Arity::AtLeast(1))
        .flags(Flags::FAST)
        .syntax("[message]")
        .doc("1.0.0", "O(1)", "Returns the server's liveliness response.");
    type Output = Reply;

    fn parse(args: &mut Args) -> Result<Self> {
        let message = if args.is_empty() { None } else { Some(args.bytes()?) };
        args.end().map_err(|_| Error::Arity(args.command().to_owned()))?;
        Ok(Ping { message })
    }
}

impl SessionCommand for Ping {
    fn run(self, _: &mut Context<'_>) -> Result<Reply> {
        Ok(self.message.map_or(Reply::Simple("PONG".into()), Reply::Bulk))
    }
}
