//! `SLOWLOG`: the calls that took longest lately.

use super::{Command, Context, Entry, QUERY, SessionCommand, help_command, help_spec};
use crate::commands::args::Args;
use crate::commands::spec::{Arity, Group, Spec};
use crate::error::{Error, Result};
use crate::instance::slowlog::SlowCall;
use crate::protocol::Reply;

pub static SUBCOMMANDS: &[Entry] = &[
    Entry::session::<SlowlogGet>(),
    Entry::session::<SlowlogHelp>(),
    Entry::session::<SlowlogLen>(),
    Entry::session::<SlowlogReset>(),
];

const DEFAULT_COUNT: usize = 10;

pub struct SlowlogGet {
    pub count: usize,
}

impl Command for SlowlogGet {
    const SPEC: Spec = Spec::new("SLOWLOG|GET", Group::Server, Arity::AtLeast(2))
        .flags(QUERY)
        .tips(&["request_policy:all_nodes", "nondeterministic_output"])
        .syntax("[count]")
        .doc("2.2.12", "O(N) where N is the number of entries returned", "Returns the newest slow calls.");
    type Output = Reply;

    fn parse(args: &mut Args) -> Result<Self> {
        if args.is_empty() {
            return Ok(SlowlogGet { count: DEFAULT_COUNT });
        }
        if args.remaining() > 1 {
            return Err(args.subcommand_error());
        }
        match args.integer() {
            Ok(-1) => Ok(SlowlogGet { count: usize::MAX }),
            Ok(count @ 0..) => Ok(SlowlogGet { count: usize::try_from(count).unwrap_or(usize::MAX) }),
            _ => Err(Error::text("ERR count should be greater than or equal to -1")),
        }
    }
}

impl SessionCommand for SlowlogGet {
    fn run(self, context: &mut Context<'_>) -> Result<Reply> {
        let calls = context.instance.slowlog.newest(self.count);
        Ok(Reply::Array(calls.into_iter().map(shown).collect()))
    }
}

fn shown(call: SlowCall) -> Reply {
    Reply::Array(vec![
        call.id.into(),
        call.at_s.into(),
        call.duration_us.into(),
        Reply::Array(call.words.into_iter().map(Reply::Bulk).collect()),
        Reply::bulk(call.client),
        Reply::bulk(call.client_name),
    ])
}

pub struct SlowlogLen;

impl Command for SlowlogLen {
    const SPEC: Spec = Spec::new("SLOWLOG|LEN", Group::Server, Arity::Exactly(2))
        .flags(QUERY)
        .tips(&["request_policy:all_nodes", "response_policy:agg_sum", "nondeterministic_output"])
        .doc("2.2.12", "O(1)", "Returns the number of calls in the slow log.");
    type Output = usize;

    fn parse(_: &mut Args) -> Result<Self> {
        Ok(SlowlogLen)
    }
}

impl SessionCommand for SlowlogLen {
    fn run(self, context: &mut Context<'_>) -> Result<usize> {
        Ok(context.instance.slowlog.len())
    }
}

pub struct SlowlogReset;

impl Command for SlowlogReset {
    const SPEC: Spec = Spec::new("SLOWLOG|RESET", Group::Server, Arity::Exactly(2))
        .flags(QUERY)
        .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"])
        .doc("2.2.12", "O(N) where N is the number of entries", "Empties the slow log.");
    type Output = ();

    fn parse(_: &mut Args) -> Result<Self> {
        Ok(SlowlogReset)
    }
}

impl SessionCommand for SlowlogReset {
    fn run(self, context: &mut Context<'_>) -> Result<()> {
        context.instance.slowlog.reset();
        Ok(())
    }
}

help_command!(
    SlowlogHelp,
    help_spec("SLOWLOG|HELP"),
    "6.2.0",
    &[
        "GET [<count>]",
        "    Return top <count> entries from the slowlog (default: 10, -1 mean all).",
        "    Entries are made of:",
        "    id, timestamp, time in microseconds, arguments array, client IP and port,",
        "    client name",
        "LEN",
        "    Return the length of the slowlog.",
        "RESET",
        "    Reset the slowlog.",
    ]
);
