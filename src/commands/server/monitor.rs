//! `MONITOR`.

use crate::commands::args::Args;
use crate::commands::spec::{Arity, Flags, Group, Spec};
use crate::commands::{Command, Context, SessionCommand};
use crate::error::{Error, Result};

pub struct Monitor;

impl Command for Monitor {
    const SPEC: Spec = Spec::new("MONITOR", Group::Server, Arity::Exactly(1))
        .flags(Flags::ADMIN.and(Flags::NOSCRIPT).and(Flags::LOADING).and(Flags::STALE))
        .doc(
            "1.0.0",
            "O(N) per command, where N is the number of clients that listen",
            "Listens for all requests received by the server in real-time.",
        );
    type Output = ();

    fn parse(_: &mut Args) -> Result<Self> {
        Ok(Monitor)
    }
}

impl SessionCommand for Monitor {
    fn run(self, context: &mut Context<'_>) -> Result<()> {
        if context.stands_alone().is_err() {
            return Err(Error::text("ERR MONITOR isn't allowed for DENY BLOCKING client"));
        }
        context.instance.monitors.enter(&context.session.client);
        Ok(())
    }
}
