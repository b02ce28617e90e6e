//! `SLOWLOG`: the calls that took longest lately; and Valkey's `COMMANDLOG`, which also knows those with large
//! requests and those with large replies.

use super::{Command, Context, Entry, QUERY, SessionCommand, help_command, help_spec};
use crate::commands::args::Args;
use crate::commands::spec::{Arity, Group, Spec};
use crate::error::{Error, Result};
use crate::instance::Instance;
use crate::instance::command_log::{CommandLog, LoggedCall};
use crate::protocol::Reply;

pub static SLOWLOG_SUBCOMMANDS: &[Entry] = &[
    Entry::session::<SlowlogGet>(),
    Entry::session::<SlowlogHelp>(),
    Entry::session::<SlowlogLen>(),
    Entry::session::<SlowlogReset>(),
];

pub static SUBCOMMANDS: &[Entry] = &[
    Entry::session::<CommandLogGet>(),
    Entry::session::<CommandLogHelp>(),
    Entry::session::<CommandLogLen>(),
    Entry::session::<CommandLogReset>(),
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
        Ok(SlowlogGet { count: count(args)? })
    }
}

/// The next word as a number of entries; -1 is all.
fn count(args: &mut Args) -> Result<usize> {
    match args.integer() {
        Ok(-1) => Ok(usize::MAX),
        Ok(count @ 0..) => Ok(usize::try_from(count).unwrap_or(usize::MAX)),
        _ => Err(Error::text("ERR count should be greater than or equal to -1")),
    }
}

impl SessionCommand for SlowlogGet {
    fn run(self, context: &mut Context<'_>) -> Result<Reply> {
        Ok(newest(&context.instance.command_logs.slow, self.count))
    }
}

fn newest(log: &CommandLog, count: usize) -> Reply {
    Reply::Array(log.newest(count).into_iter().map(shown).collect())
}

fn shown(call: LoggedCall) -> Reply {
    Reply::Array(vec![
        call.id.into(),
        call.at_s.into(),
        call.amount.into(),
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
        Ok(context.instance.command_logs.slow.len())
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
        context.instance.command_logs.slow.reset();
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

const COMMANDLOG_TIPS: &[&str] = &["request_policy:all_nodes", "nondeterministic_output"];

/// Which of the logs is meant.
#[derive(Clone, Copy)]
enum Log {
    Slow,
    LargeRequest,
    LargeReply,
}

impl Log {
    fn parse(args: &mut Args) -> Result<Log> {
        const NAMES: [(&str, Log); 3] =
            [("slow", Log::Slow), ("large-request", Log::LargeRequest), ("large-reply", Log::LargeReply)];
        args.take_one(&NAMES)
            .ok_or(Error::text("ERR type should be one of the following: slow, large-request, large-reply"))
    }

    fn of(self, instance: &Instance) -> &CommandLog {
        let logs = &instance.command_logs;
        match self {
            Log::Slow => &logs.slow,
            Log::LargeRequest => &logs.large_requests,
            Log::LargeReply => &logs.large_replies,
        }
    }
}

pub struct CommandLogGet {
    count: usize,
    log: Log,
}

impl Command for CommandLogGet {
    const SPEC: Spec = Spec::new("COMMANDLOG|GET", Group::Server, Arity::AtLeast(4))
        .flags(QUERY)
        .tips(COMMANDLOG_TIPS)
        .syntax("count <slow | large-request | large-reply>")
        .doc(
            "valkey 8.1.0",
            "O(N) where N is the number of entries returned",
            "Returns the newest calls of a log, as Valkey 8.1 does.",
        );
    type Output = Reply;

    fn parse(args: &mut Args) -> Result<Self> {
        if args.remaining() > 2 {
            return Err(args.subcommand_error());
        }
        Ok(CommandLogGet { count: count(args)?, log: Log::parse(args)? })
    }
}

impl SessionCommand for CommandLogGet {
    fn run(self, context: &mut Context<'_>) -> Result<Reply> {
        Ok(newest(self.log.of(context.instance), self.count))
    }
}

pub struct CommandLogLen(Log);

impl Command for CommandLogLen {
    const SPEC: Spec = Spec::new("COMMANDLOG|LEN", Group::Server, Arity::Exactly(3))
        .flags(QUERY)
        .tips(&["request_policy:all_nodes", "response_policy:agg_sum", "nondeterministic_output"])
        .syntax("<slow | large-request | large-reply>")
        .doc("valkey 8.1.0", "O(1)", "Returns the number of calls in a log, as Valkey 8.1 does.");
    type Output = usize;

    fn parse(args: &mut Args) -> Result<Self> {
        Log::parse(args).map(CommandLogLen)
    }
}

impl SessionCommand for CommandLogLen {
    fn run(self, context: &mut Context<'_>) -> Result<usize> {
        Ok(self.0.of(context.instance).len())
    }
}

pub struct CommandLogReset(Log);

impl Command for CommandLogReset {
    const SPEC: Spec = Spec::new("COMMANDLOG|RESET", Group::Server, Arity::Exactly(3))
        .flags(QUERY)
        .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"])
        .syntax("<slow | large-request | large-reply>")
        .doc("valkey 8.1.0", "O(N) where N is the number of entries", "Empties a log, as Valkey 8.1 does.");
    type Output = ();

    fn parse(args: &mut Args) -> Result<Self> {
        Log::parse(args).map(CommandLogReset)
    }
}

impl SessionCommand for CommandLogReset {
    fn run(self, context: &mut Context<'_>) -> Result<()> {
        self.0.of(context.instance).reset();
        Ok(())
    }
}

help_command!(
    CommandLogHelp,
    help_spec("COMMANDLOG|HELP"),
    "valkey 8.1.0",
    &[
        "GET <count> <type>",
        "    Return top <count> entries of the specified <type> from the commandlog (-1 mean all).",
        "    Entries are made of:",
        "    id, timestamp,",
        "        time in microseconds for type of slow,",
        "        or size in bytes for type of large-request,",
        "        or size in bytes for type of large-reply",
        "    arguments array, client IP and port,",
        "    client name",
        "LEN <type>",
        "    Return the length of the specified type of commandlog.",
        "RESET <type>",
        "    Reset the specified type of commandlog.",
    ]
);
