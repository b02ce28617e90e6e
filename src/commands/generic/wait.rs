//! Waiting for writes to be safe.

use crate::commands::args::Args;
use crate::commands::blocking::whole_timeout_ms;
use crate::commands::spec::{Arity, Categories, Flags, Group, Spec};
use crate::commands::{Command, Context, SessionCommand};
use crate::error::{Error, Result};
use crate::instance::clients::Unblock;
use crate::protocol::Reply;
use crate::storage::ReadTier;

/// There are no replicas yet, so none can have the writes; who asks for some waits in vain.
const REPLICAS: i64 = 0;

/// Comes back when `count` replicas have the client's writes, or the time is up.
fn wait_for_replicas(context: &Context, count: i64, timeout_ms: u64) -> Result<()> {
    match context.session.wait_ended {
        _ if count <= REPLICAS => Ok(()),
        Some(Unblock::Timeout | Unblock::Served) => Ok(()),
        Some(Unblock::Error) => Err(Error::Unblocked),
        None => {
            let now_ms = context.instance.keyspace.clock().now_ms();
            Err(Error::Blocked { until_ms: (timeout_ms > 0).then(|| now_ms.saturating_add(timeout_ms)) })
        }
    }
}

/// `WAIT`.
pub struct Wait {
    pub replicas: i64,
    pub timeout_ms: u64,
}

impl Command for Wait {
    const SPEC: Spec = Spec::new("WAIT", Group::Generic, Arity::Exactly(3))
        .flags(Flags::BLOCKING)
        .without(Categories::KEYSPACE)
        .categories(Categories::CONNECTION)
        .syntax("numreplicas timeout")
        .tips(&["request_policy:all_shards", "response_policy:agg_min"])
        .doc("3.0.0", "O(1)", "Waits until replicas have the client's writes.");
    type Output = i64;

    fn parse(args: &mut Args) -> Result<Self> {
        Ok(Wait { replicas: args.integer()?, timeout_ms: whole_timeout_ms(args)? })
    }
}

impl SessionCommand for Wait {
    fn run(self, context: &mut Context<'_>) -> Result<i64> {
        wait_for_replicas(context, self.replicas, self.timeout_ms)?;
        Ok(REPLICAS)
    }
}

/// `WAITAOF`.
pub struct WaitAof {
    /// Whether the client's writes are to be safe on this machine's disk.
    pub local: bool,
    /// On how many replicas' disks.
    pub replicas: i64,
    pub timeout_ms: u64,
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
        let replicas = args.integer().ok().filter(|replicas| *replicas >= 0).ok_or(Error::NotPositive)?;
        Ok(WaitAof { local, replicas, timeout_ms: whole_timeout_ms(args)? })
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
        wait_for_replicas(context, self.replicas, self.timeout_ms)?;
        let synced = engine.synced_seq() >= last_write;
        Ok(Reply::Array(vec![Reply::Integer(synced.into()), Reply::Integer(REPLICAS)]))
    }
}
