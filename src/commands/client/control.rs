//! What a client asks of the server for itself or for others: `CLIENT REPLY`, `PAUSE`, `UNPAUSE`,
//! `UNBLOCK`, `NO-EVICT`, `NO-TOUCH`.

use super::{admin, on_off, spec};
use crate::commands::args::Args;
use crate::commands::spec::{Arity, Spec};
use crate::commands::{Command, Context, SessionCommand};
use crate::error::{Error, Result};
use crate::instance::clients::{self, ClientFlag, PauseScope};
use crate::protocol::Reply;
use crate::session::ReplyMode;

pub enum ReplySwitch {
    On,
    Off,
    Skip,
}

impl Command for ReplySwitch {
    const SPEC: Spec = spec("CLIENT|REPLY", Arity::Exactly(3)).syntax("<ON | OFF | SKIP>").doc(
        "3.2.0",
        "O(1)",
        "Instructs the server whether to reply to commands.",
    );
    type Output = Reply;

    fn parse(args: &mut Args) -> Result<Self> {
        if args.take("ON") {
            Ok(ReplySwitch::On)
        } else if args.take("OFF") {
            Ok(ReplySwitch::Off)
        } else if args.take("SKIP") {
            Ok(ReplySwitch::Skip)
        } else {
            Err(Error::Syntax)
        }
    }
}

impl SessionCommand for ReplySwitch {
    fn run(self, context: &mut Context<'_>) -> Result<Reply> {
        let mode = &mut context.session.reply_mode;
        match self {
            ReplySwitch::On => *mode = ReplyMode::On,
            ReplySwitch::Off => *mode = ReplyMode::Off,
            ReplySwitch::Skip if *mode == ReplyMode::Off => {}
            ReplySwitch::Skip => *mode = ReplyMode::SkipTwo,
        }
        // Whether this is sent is up to the mode that was just set.
        Ok(Reply::Ok)
    }
}

pub struct Pause {
    timeout_ms: u64,
    scope: PauseScope,
}

impl Command for Pause {
    const SPEC: Spec = admin("CLIENT|PAUSE", Arity::AtLeast(3)).syntax("timeout [WRITE | ALL]").doc(
        "3.0.0",
        "O(1)",
        "Suspends commands processing.",
    );
    type Output = ();

    fn parse(args: &mut Args) -> Result<Self> {
        if args.remaining() > 2 {
            return Err(args.subcommand_error());
        }
        let timeout = args.integer();
        let scope = if args.is_empty() || args.take("ALL") {
            PauseScope::All
        } else if args.take("WRITE") {
            PauseScope::Writes
        } else {
            return Err(Error::text("ERR CLIENT PAUSE mode must be WRITE or ALL"));
        };
        let timeout = timeout.map_err(|_| Error::text("ERR timeout is not an integer or out of range"))?;
        let timeout_ms = u64::try_from(timeout).map_err(|_| Error::text("ERR timeout is negative"))?;
        Ok(Pause { timeout_ms, scope })
    }
}

impl SessionCommand for Pause {
    fn run(self, context: &mut Context<'_>) -> Result<()> {
        let now_ms = context.instance.keyspace.clock().now_ms();
        // Nobody could end a pause of everything that lasts for ever.
        let until_ms = now_ms.checked_add(self.timeout_ms).filter(|until_ms| *until_ms <= i64::MAX as u64);
        let until_ms = until_ms.ok_or(Error::text("ERR timeout is out of range"))?;
        context.instance.pause_clients(until_ms, self.scope, now_ms);
        Ok(())
    }
}

pub struct Unpause;

impl Command for Unpause {
    const SPEC: Spec = admin("CLIENT|UNPAUSE", Arity::Exactly(2)).doc(
        "6.2.0",
        "O(N) where N is the number of paused clients",
        "Resumes processing commands from paused clients.",
    );
    type Output = ();

    fn parse(_: &mut Args) -> Result<Self> {
        Ok(Unpause)
    }
}

impl SessionCommand for Unpause {
    fn run(self, context: &mut Context<'_>) -> Result<()> {
        context.instance.unpause_clients();
        Ok(())
    }
}

pub struct Unblock {
    id: i64,
    how: clients::Unblock,
}

impl Command for Unblock {
    const SPEC: Spec = admin("CLIENT|UNBLOCK", Arity::AtLeast(3)).syntax("client-id [TIMEOUT | ERROR]").doc(
        "5.0.0",
        "O(log N) where N is the number of client connections",
        "Unblocks a client blocked by a blocking command from a different connection.",
    );
    type Output = bool;

    fn parse(args: &mut Args) -> Result<Self> {
        if args.remaining() > 2 {
            return Err(args.subcommand_error());
        }
        let id = args.integer();
        let how = if args.is_empty() || args.take("TIMEOUT") {
            clients::Unblock::Timeout
        } else if args.take("ERROR") {
            clients::Unblock::Error
        } else {
            return Err(Error::text("ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR"));
        };
        Ok(Unblock { id: id?, how })
    }
}

impl SessionCommand for Unblock {
    fn run(self, context: &mut Context<'_>) -> Result<bool> {
        let client = u64::try_from(self.id).ok().and_then(|id| context.instance.clients.get(id));
        Ok(client.is_some_and(|client| client.unblock(self.how)))
    }
}

pub struct NoEvict {
    on: bool,
}

impl Command for NoEvict {
    const SPEC: Spec = admin("CLIENT|NO-EVICT", Arity::Exactly(3)).syntax("<ON | OFF>").doc(
        "7.0.0",
        "O(1)",
        "Sets the client eviction mode of the connection.",
    );
    type Output = ();

    fn parse(args: &mut Args) -> Result<Self> {
        Ok(NoEvict { on: on_off(args)? })
    }
}

impl SessionCommand for NoEvict {
    fn run(self, context: &mut Context<'_>) -> Result<()> {
        context.session.client.set_flag(ClientFlag::NoEvict, self.on);
        Ok(())
    }
}

pub struct NoTouch {
    on: bool,
}

impl Command for NoTouch {
    const SPEC: Spec = spec("CLIENT|NO-TOUCH", Arity::Exactly(3)).syntax("<ON | OFF>").doc(
        "7.2.0",
        "O(1)",
        "Controls whether commands sent by the client affect the LRU/LFU of accessed keys.",
    );
    type Output = ();

    fn parse(args: &mut Args) -> Result<Self> {
        Ok(NoTouch { on: on_off(args)? })
    }
}

impl SessionCommand for NoTouch {
    fn run(self, context: &mut Context<'_>) -> Result<()> {
        context.session.client.set_flag(ClientFlag::NoTouch, self.on);
        Ok(())
    }
}
