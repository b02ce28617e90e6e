//! The part the server plays, and its end.

use super::{Command, Context, SessionCommand, may_wait};
use crate::commands::args::Args;
use crate::commands::spec::{Arity, Categories, Flags, Group, Spec};
use crate::error::{Error, Result};
use crate::protocol::Reply;

pub struct Role;

impl Command for Role {
    const SPEC: Spec = Spec::new("ROLE", Group::Server, Arity::Exactly(1))
        .flags(Flags::NOSCRIPT.and(Flags::LOADING).and(Flags::STALE).and(Flags::FAST))
        .categories(Categories::ADMIN.and(Categories::DANGEROUS))
        .doc("2.8.12", "O(1)", "Returns the part the server plays in replication.");
    type Output = Reply;

    fn parse(_: &mut Args) -> Result<Self> {
        Ok(Role)
    }
}

impl SessionCommand for Role {
    fn run(self, _: &mut Context<'_>) -> Result<Reply> {
        // A master that has no replicas: its offset counts from the first one on.
        Ok(Reply::Array(vec![Reply::text("master"), Reply::Integer(0), Reply::Array(Vec::new())]))
    }
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Shutdown {
    /// Whether to write a checkpoint first. What was acknowledged is on disk in any case.
    pub save: bool,
    pub nosave: bool,
    /// Do not wait for replicas.
    pub now: bool,
    /// Stop even if the checkpoint fails.
    pub force: bool,
    pub abort: bool,
}

impl Command for Shutdown {
    const SPEC: Spec = Spec::new("SHUTDOWN", Group::Server, Arity::AtLeast(1))
        .flags(
            Flags::ADMIN
                .and(Flags::NOSCRIPT)
                .and(Flags::LOADING)
                .and(Flags::STALE)
                .and(Flags::NO_MULTI)
                .and(Flags::ALLOW_BUSY),
        )
        .syntax("[[NOSAVE | SAVE] [NOW] [FORCE] | ABORT]")
        .doc("1.0.0", "O(1); O(N) with SAVE, where N is the number of files", "Stops the server.");
    type Output = Reply;

    fn parse(args: &mut Args) -> Result<Self> {
        let mut options = Shutdown::default();
        while !args.is_empty() {
            let option = [
                ("SAVE", &mut options.save),
                ("NOSAVE", &mut options.nosave),
                ("NOW", &mut options.now),
                ("FORCE", &mut options.force),
                ("ABORT", &mut options.abort),
            ]
            .into_iter()
            .find(|(name, _)| args.take(name));
            *option.ok_or(Error::Syntax)?.1 = true;
        }
        let others = options.save || options.nosave || options.now || options.force;
        if (options.abort && others) || (options.save && options.nosave) {
            return Err(Error::Syntax);
        }
        Ok(options)
    }
}

impl SessionCommand for Shutdown {
    fn run(self, context: &mut Context<'_>) -> Result<Reply> {
        if self.abort {
            // There is nothing that a stopping server waits for, so nothing to call off.
            return Err(Error::text("ERR No shutdown in progress."));
        }
        let instance = context.instance;
        if let Some(busy) = instance.running.busy().filter(|_| !self.nosave) {
            return Err(busy);
        }
        if self.save {
            may_wait(context)?;
        }
        if self.save
            && let Err(error) = instance.saves.begin().and_then(|()| instance.save_begun())
        {
            tracing::warn!("checkpoint before the shutdown failed: {error}");
            if !self.force {
                return Err(Error::text("ERR Errors trying to SHUTDOWN. Check logs."));
            }
        }
        if instance.lifecycle.shut_down() {
            Ok(Reply::Silence)
        } else {
            tracing::warn!("SHUTDOWN: the database belongs to the program it runs in");
            Err(Error::text("ERR Errors trying to SHUTDOWN. Check logs."))
        }
    }
}
