//! Commands that wait for a key: [`BlockingCommand`].

use super::args::Args;
use super::{Command, Context};
use crate::encoding::long_double::LongDouble;
use crate::encoding::numbers::Kind;
use crate::error::{Error, Result};
use crate::instance::clients::Unblock;
use crate::instance::waiters::Ticket;
use crate::keyspace::tx::WriteTx;
use crate::keyspace::{Keys, Keyspace, Origin};
use crate::protocol::Reply;
use crate::storage::ReadTier;
use bytes::Bytes;
use parking_lot::Mutex;
use std::sync::Arc;

const TOO_LONG: Error = Error::text("ERR timeout is out of range");

/// A command that waits until a key has what it wants. It is tried when it comes, and after every
/// commit that touches one of its keys, until it has a reply or its time is up.
pub trait BlockingCommand: Command + Send + Sync + 'static {
    /// The type of value that is of use; others do not end the wait.
    const KIND: Kind;

    /// All keys that it touches.
    fn keys(&self) -> Keys<'_>;

    /// The keys that it waits for.
    fn waits_for(&self) -> &[Bytes];

    /// How long, ms; 0 is for ever.
    fn timeout_ms(&self) -> u64;

    /// Runs to completion inside a transaction; none: there is nothing yet, and nothing was written.
    fn attempt(&self, tx: &mut WriteTx<'_>) -> Result<Option<Reply>>;

    /// The reply when the time is up.
    fn timed_out(&self) -> Reply;
}

/// Reads how long a client will wait: seconds, with a fraction; returns ms, rounded up.
///
/// # Errors
/// Redis' texts for what is no number, negative, or too large.
pub fn timeout_ms(args: &mut Args) -> Result<u64> {
    const NOT_FLOAT: Error = Error::text("ERR timeout is not a float or out of range");
    let seconds = LongDouble::parse(&args.bytes()?).ok_or(NOT_FLOAT)?;
    u64::try_from(seconds.thousandths().ok_or(TOO_LONG)?).map_err(|_| Error::text("ERR timeout is negative"))
}

/// Reads `key [key ...] timeout`, the time in ms.
///
/// # Errors
/// As [`timeout_ms`].
pub fn keys_and_timeout(args: &mut Args) -> Result<(Vec<Bytes>, u64)> {
    let keys = (1..args.remaining()).map(|_| args.bytes()).collect::<Result<_>>()?;
    Ok((keys, timeout_ms(args)?))
}

pub(super) fn run<C: BlockingCommand>(context: &mut Context, args: &mut Args) -> Result<Reply> {
    let command = C::parse(args)?;
    let instance = context.instance;
    if let Some(ticket) = context.session.ticket.clone() {
        return resume(context, &command, &ticket);
    }
    let now_ms = instance.keyspace.clock().now_ms();
    let timeout_ms = command.timeout_ms();
    let until_ms = match timeout_ms {
        0 => None,
        ms => Some(now_ms.checked_add(ms).filter(|until| i64::try_from(*until).is_ok()).ok_or(TOO_LONG)?),
    };
    let origin = context.origin();
    let command = Arc::new(command);
    let ticket = Arc::new(Ticket {
        client: context.session.client.clone(),
        db: origin.db,
        keys: command.waits_for().to_vec(),
        kind: C::KIND,
        until_ms,
        attempt: again(command.clone(), origin),
        served: Mutex::new(None),
    });
    let written = instance.keyspace.write(origin, &command.keys(), |tx| {
        let reply = command.attempt(tx)?;
        if reply.is_none() {
            instance.waiters.enter(&ticket);
        }
        Ok(reply)
    })?;
    context.session.last_write = written.seq.or(context.session.last_write);
    written.value.ok_or_else(|| {
        context.session.ticket = Some(ticket);
        Error::Blocked { until_ms }
    })
}

/// The command as whoever makes its key ready runs it.
fn again<C: BlockingCommand>(command: Arc<C>, origin: Origin) -> crate::instance::waiters::Attempt {
    let origin = Origin { tier: ReadTier::Disk, ..origin };
    Box::new(move |keyspace: &Keyspace| {
        let written = keyspace.write(origin, &command.keys(), |tx| command.attempt(tx))?;
        Ok(written.value.map(|reply| (reply, written.seq)))
    })
}

/// The wait has ended, or has yet to begin where the client is served.
fn resume<C: BlockingCommand>(context: &mut Context, command: &C, ticket: &Arc<Ticket>) -> Result<Reply> {
    match context.session.wait_ended {
        None => return Err(Error::Blocked { until_ms: ticket.until_ms }),
        Some(Unblock::Timeout) => return Ok(command.timed_out()),
        Some(Unblock::Error) => return Err(Error::Unblocked),
        Some(Unblock::Served) => {}
    }
    let Some(served) = ticket.served.lock().take() else { return Ok(command.timed_out()) };
    if context.instance.keyspace.engine().undone() != served.undone {
        return Err(Error::NotWritable("a flush of the log failed and undid the command".into()));
    }
    context.session.last_write = served.seq.or(context.session.last_write);
    served.reply
}
