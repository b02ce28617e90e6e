//! Waiting for writes to be safe.

use crate::commands::args::Args;
use crate::commands::spec::{Arity, Categories, Flags, Group, Spec};
use crate::commands::{Command, Context, SessionCommand};
use crate::error::{Error, Result};
use crate::protocol::Reply;
use crate::storage::ReadTier;

/// `WAITAOF`. There are no replicas yet, so none can have the writes; what is asked of them is
/// answered at once with 0.
pub struct WaitAof {
    /// Whether the client's writes are to be safe on this machine's disk.
    pub local: bool,
}

impl Command for WaitAof {
    const SPEC: Spec = Spec::new("WAITAOF", Group::Generic, Arity::Exactly(4))
        .flags(Flags::BLOCKING)
        .without(Categories::KEYSPACE)
        .categories(Categories::CONNECTION)
        .syntax("numlocal numreplicas timeout")
        .tips(&["request_policy:all_shards", "response_policy:agg_min"])
        .doc("7.2.0", "O(1)", "Waits until the client's writes survive the loss of power.");
    type Output = Reply;

    fn parse(args: &mut Args) -> Result<Self> {
        let local = match args.integer()? {
            0 => false,
            1 => true,
            _ => return Err(Error::text("ERR value is out of range, value must between 0 and 1")),
        };
        args.integer().ok().filter(|replicas| *replicas >= 0).ok_or(Error::NotPositive)?;
        const TIMEOUT: Error = Error::text("ERR timeout is not an integer or out of range");
        if args.integer().map_err(|_| TIMEOUT)? < 0 {
            return Err(Error::text("ERR timeout is negative"));
        }
        Ok(WaitAof { local })
    }
}

impl SessionCommand for WaitAof {
    fn run(self, context: &mut Context<'_>) -> Result<Reply> {
        let engine = context.instance.keyspace.engine();
        let last_write = context.session.last_write.unwrap_or(0);
        if self.local && engine.synced_seq() < last_write {
            if context.session.tier == ReadTier::Memory {
                return Err(Error::NeedsDisk);
            }
            engine.sync()?;
        }
        let synced = engine.synced_seq() >= last_write;
        Ok(Reply::Array(vec![Reply::Integer(synced.into()), Reply::Integer(0)]))
    }
}
