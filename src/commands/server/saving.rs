//! Checkpoints on demand.

use super::{Command, Context, SessionCommand, may_wait};
use crate::commands::args::Args;
use crate::commands::spec::{Arity, Categories, Flags, Group, Spec};
use crate::error::Result;
use crate::protocol::Reply;

const FLAGS: Flags = Flags::ADMIN.and(Flags::NOSCRIPT).and(Flags::NO_ASYNC_LOADING);

pub struct LastSave;

impl Command for LastSave {
    const SPEC: Spec = Spec::new("LASTSAVE", Group::Server, Arity::Exactly(1))
        .flags(Flags::LOADING.and(Flags::STALE).and(Flags::FAST))
        .categories(Categories::ADMIN.and(Categories::DANGEROUS))
        .tips(&["nondeterministic_output"])
        .doc("1.0.0", "O(1)", "Returns the time of the last good save, in seconds since the Unix epoch.");
    type Output = u64;

    fn parse(_: &mut Args) -> Result<Self> {
        Ok(LastSave)
    }
}

impl SessionCommand for LastSave {
    fn run(self, context: &mut Context<'_>) -> Result<u64> {
        Ok(context.instance.saves.status().last_save_s)
    }
}

pub struct Save;

impl Command for Save {
    const SPEC: Spec = Spec::new("SAVE", Group::Server, Arity::Exactly(1))
        .flags(FLAGS.and(Flags::NO_MULTI))
        .doc("1.0.0", "O(N) where N is the number of files", "Writes a checkpoint of the database.");
    type Output = ();

    fn parse(_: &mut Args) -> Result<Self> {
        Ok(Save)
    }
}

impl SessionCommand for Save {
    fn run(self, context: &mut Context<'_>) -> Result<()> {
        may_wait(context)?;
        context.instance.saves.begin()?;
        context.instance.save_begun().map(drop)
    }
}

/// `SCHEDULE` would wait for a rewrite of the append-only file to end; there is none.
pub struct BgSave;

impl Command for BgSave {
    const SPEC: Spec = Spec::new("BGSAVE", Group::Server, Arity::AtLeast(1))
        .flags(FLAGS)
        .syntax("[SCHEDULE]")
        .doc("1.0.0", "O(1)", "Writes a checkpoint of the database in the background.");
    type Output = Reply;

    fn parse(args: &mut Args) -> Result<Self> {
        args.take("SCHEDULE");
        args.end().map(|()| BgSave)
    }
}

impl SessionCommand for BgSave {
    fn run(self, context: &mut Context<'_>) -> Result<Reply> {
        context.instance.save_in_background()?;
        Ok(Reply::Simple("Background saving started".into()))
    }
}
