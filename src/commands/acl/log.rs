//! `ACL LOG`.

use super::admin;
use crate::commands::args::Args;
use crate::commands::spec::{Arity, Spec};
use crate::commands::{Command, Context, SessionCommand};
use crate::error::Result;
use crate::instance::acl::log::Entry;
use crate::protocol::{Reply, fields};

/// How many entries are shown when nobody says how many.
const DEFAULT_COUNT: usize = 10;

pub enum Log {
    Show(usize),
    Reset,
}

impl Command for Log {
    const SPEC: Spec = admin("ACL|LOG", Arity::AtLeast(2)).syntax("[count | RESET]").doc(
        "6.0.0",
        "O(N) with N being the number of entries shown.",
        "Lists recent security events generated due to ACL rules.",
    );
    type Output = Reply;

    fn parse(args: &mut Args) -> Result<Self> {
        match args.remaining() {
            0 => Ok(Log::Show(DEFAULT_COUNT)),
            1 if args.take("RESET") => Ok(Log::Reset),
            // As Redis: less than none is none.
            1 => Ok(Log::Show(usize::try_from(args.integer()?).unwrap_or(0))),
            _ => Err(args.subcommand_error()),
        }
    }
}

impl SessionCommand for Log {
    fn run(self, context: &mut Context<'_>) -> Result<Reply> {
        let log = &context.instance.acl.log;
        let now_ms = context.instance.keyspace.clock().now_ms();
        match self {
            Log::Reset => {
                log.clear();
                Ok(Reply::Ok)
            }
            Log::Show(count) => {
                let entries = log.newest(count).into_iter();
                Ok(Reply::Array(entries.map(|entry| shown(entry, now_ms)).collect()))
            }
        }
    }
}

fn shown(entry: Entry, now_ms: u64) -> Reply {
    let refusal = entry.refusal;
    Reply::Map(fields([
        ("count", entry.count.into()),
        ("reason", Reply::text(refusal.reason.name())),
        ("context", Reply::text(refusal.place.name())),
        ("object", refusal.object.into()),
        ("username", refusal.user.into()),
        ("age-seconds", Reply::Double(now_ms.saturating_sub(entry.updated_at_ms) as f64 / 1000.0)),
        ("client-info", refusal.client.into()),
        ("entry-id", entry.id.into()),
        ("timestamp-created", entry.created_at_ms.into()),
        ("timestamp-last-updated", entry.updated_at_ms.into()),
    ]))
}
